"""Which shard a partition key goes to: by its MD5 (Kinesis developer guide, Terminology)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import md5

import msgspec


class ShardRange(msgspec.Struct, frozen=True):
    """An open shard and the hash keys it takes, both ends included."""

    shard_id: str
    first: int
    last: int


class ShardMap:
    """The open shards of a stream at one moment."""

    def __init__(self, shards: Iterable[ShardRange] = ()) -> None:
        """Take the shards in any order."""
        self._shards = sorted(shards, key=lambda shard: shard.first)
        self._firsts = [shard.first for shard in self._shards]

    def shard_for(self, partition_key: str) -> ShardRange | None:
        """The shard that takes `partition_key`; None when no shard of the map does."""
        digest = md5(partition_key.encode(), usedforsecurity=False).digest()
        hash_key = int.from_bytes(digest, "big")
        at = bisect_right(self._firsts, hash_key) - 1
        if at < 0 or self._shards[at].last < hash_key:
            return None
        return self._shards[at]
