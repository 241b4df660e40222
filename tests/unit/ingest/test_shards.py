"""A key's shard is the one whose range holds the key's MD5."""

from __future__ import annotations

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.shards import ShardMap, ShardRange

TOP = (1 << 128) - 1


def ranges(cuts: set[int]) -> list[ShardRange]:
    """Shards that cover all hash keys, cut before each of `cuts`."""
    firsts = sorted({0, *cuts})
    lasts = [first - 1 for first in firsts[1:]] + [TOP]
    return [
        ShardRange(f"shardId-{at:012}", first, last)
        for at, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    ]


@given(st.text(max_size=40), st.sets(st.integers(1, TOP), max_size=8))
def test_every_key_has_the_one_shard_that_holds_its_md5(key: str, cuts: set[int]) -> None:
    shards = ranges(cuts)
    hash_key = int(md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
    (right,) = [shard for shard in shards if shard.first <= hash_key <= shard.last]
    assert ShardMap(reversed(shards)).shard_for(key) == right


@pytest.mark.parametrize("edge", [0, 1])
def test_both_ends_of_a_range_belong_to_it(edge: int) -> None:
    hash_key = int(md5(b"leg", usedforsecurity=False).hexdigest(), 16)
    shards = ranges({hash_key + edge})
    found = ShardMap(shards).shard_for("leg")
    assert found == shards[1 - edge]


@pytest.mark.parametrize("shards", [[], [ShardRange("a", 0, 5)], [ShardRange("a", TOP, TOP)]])
def test_a_key_that_no_shard_takes_has_none(shards: list[ShardRange]) -> None:
    assert ShardMap(shards).shard_for("leg") is None
