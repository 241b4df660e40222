"""Streams that ingest's tests put records into, in place of Kinesis."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pipeline.ingest.producer import CallFailedError, Entry, Landed, PutResult, Refused
from pipeline.ingest.shards import ShardMap, ShardRange
from pipeline.kpl import deaggregate
from schemas.codec import decode_pack
from schemas.records import FeedMessage

TOP = (1 << 128) - 1


def even_shards(count: int, first_id: int = 0) -> list[ShardRange]:
    """`count` shards of equal size, as CreateStream cuts them."""
    step = (1 << 128) // count
    return [
        ShardRange(
            f"shardId-{first_id + at:012}",
            at * step,
            TOP if at == count - 1 else (at + 1) * step - 1,
        )
        for at in range(count)
    ]


class SeededStream:
    """A stream that refuses, fails and loses replies with seeded chances; it obeys AWS's limits.

    `landed` holds what is stored, in order. A lost reply stores the records and fails the call.
    """

    def __init__(
        self,
        shards: int = 2,
        *,
        seed: int = 0,
        refuse: float = 0.0,
        fail: float = 0.0,
        lose: float = 0.0,
    ) -> None:
        self.shards = even_shards(shards)
        self.landed: list[tuple[str, Entry]] = []
        self.calls = 0
        self.listed = 0
        self.refused = 0
        self.unheard: list[Entry] = []
        self._chance = random.Random(seed)
        self._refuse, self._fail, self._lose = refuse, fail, lose

    def open_shards(self) -> Sequence[ShardRange]:
        self.listed += 1
        return self.shards

    def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
        self.calls += 1
        assert 0 < len(entries) <= 500
        assert sum(entry.size for entry in entries) <= 5 * 1024 * 1024
        assert all(0 < entry.size <= 1024 * 1024 for entry in entries)
        if self._chance.random() < self._fail:
            raise CallFailedError("ServiceUnavailable", "try later")
        results = [self._store(entry) for entry in entries]
        if self._chance.random() < self._lose:
            stored = zip(entries, results, strict=True)
            self.unheard += [entry for entry, result in stored if isinstance(result, Landed)]
            raise CallFailedError("ReadTimeoutError", "no reply")
        return results

    def _store(self, entry: Entry) -> PutResult:
        if self._chance.random() < self._refuse:
            self.refused += 1
            code = self._chance.choice(
                ["ProvisionedThroughputExceededException", "InternalFailure"]
            )
            return Refused(code, "seeded")
        shard_id = self.shard_of(entry)
        self.landed.append((shard_id, entry))
        return Landed(shard_id)

    def shard_of(self, entry: Entry) -> str:
        """Where Kinesis would store the record."""
        if entry.explicit_hash_key is None:
            shard = ShardMap(self.shards).shard_for(entry.partition_key)
            assert shard is not None
            return shard.shard_id
        hash_key = int(entry.explicit_hash_key)
        (shard_id,) = [s.shard_id for s in self.shards if s.first <= hash_key <= s.last]
        return shard_id

    def messages(self) -> list[tuple[str, str, FeedMessage]]:
        """(shard, leg, message) of every stored user record, in order."""
        found: list[tuple[str, str, FeedMessage]] = []
        for shard_id, entry in self.landed:
            records = deaggregate(entry.data)
            pairs = (
                [(entry.partition_key, entry.data)]
                if records is None
                else [(record.partition_key, record.data) for record in records]
            )
            assert len(pairs) == entry.messages
            assert {leg for leg, _ in pairs} == entry.legs
            for leg, data in pairs:
                (message,) = decode_pack(data, FeedMessage)
                found.append((shard_id, leg, message))
        return found
