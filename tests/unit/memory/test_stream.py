from __future__ import annotations

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.sources import StreamRecord
from pipeline.memory.stream import (
    PAGE_BYTES,
    RECORD_LIMIT,
    REQUEST_LIMIT,
    MemoryStream,
    PutEntry,
    StreamError,
    kinesis_number,
)

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/feed"
START_MS = 1_760_000_000_000
FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
KEYS = st.text(min_size=1, max_size=8)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START_MS

    def __call__(self) -> int:
        return self.now


def everything(stream: MemoryStream) -> dict[str, list[StreamRecord]]:
    ids = [shard.shard_id for shard in asyncio.run(stream.shards())]
    return {shard_id: stream.page(shard_id, None, 10_000).records for shard_id in ids}


@given(st.lists(KEYS, max_size=30), st.integers(1, 7))
def test_the_md5_of_the_partition_key_picks_the_shard(keys: list[str], shard_count: int) -> None:
    stream = MemoryStream(ARN, Clock(), shard_count=shard_count)
    for key in keys:
        stream.put(b"x", key)
    placed = {
        (int(shard_id[-12:]), record.partition_key)
        for shard_id, records in everything(stream).items()
        for record in records
    }
    for index, key in placed:
        digest = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")  # noqa: S324  # Kinesis's
        assert index * 2**128 // shard_count <= digest < (index + 1) * 2**128 // shard_count
    assert {key for _, key in placed} == set(keys)


@pytest.mark.parametrize(
    ("hash_key", "shard_id"),
    [(0, FIRST), (2**127 - 1, FIRST), (2**127, SECOND), (2**128 - 1, SECOND)],
)
def test_an_explicit_hash_key_overrides_the_partition_key(hash_key: int, shard_id: str) -> None:
    stream = MemoryStream(ARN, Clock(), shard_count=2)
    result = stream.put_records([PutEntry(b"x", "any", hash_key)])[0]
    assert result.shard_id == shard_id


@given(
    st.lists(
        st.one_of(KEYS, st.just(("split", 0)), st.tuples(st.just("split"), st.integers(0, 5))),
        max_size=40,
    )
)
def test_resharding_loses_nothing_and_numbers_keep_growing_per_key(
    steps: list[str | tuple[str, int]],
) -> None:
    clock = Clock()
    stream = MemoryStream(ARN, clock, shard_count=2)
    put: list[tuple[str, bytes]] = []
    open_ids = [FIRST, SECOND]
    for number, step in enumerate(steps):
        if isinstance(step, str):
            stream.put(str(number).encode(), step)
            put.append((step, str(number).encode()))
        else:
            parent = open_ids.pop(step[1] % len(open_ids))
            open_ids += stream.split(parent)
    found = [record for records in everything(stream).values() for record in records]
    found.sort(key=lambda record: int(record.sequence_number))
    assert [(record.partition_key, record.data) for record in found] == put


def test_a_split_shard_ends_and_its_children_share_its_range() -> None:
    stream = MemoryStream(ARN, Clock())
    stream.put(b"before", "k", 5)
    low, high = stream.split(FIRST, 10)
    for hash_key in (9, 10):
        stream.put(b"after", "k", hash_key)
    assert stream.page(FIRST, None, 10).ended
    found = everything(stream)
    assert [len(found[shard_id]) for shard_id in (FIRST, low, high)] == [1, 1, 1]
    parents = {shard.shard_id: shard.parents for shard in asyncio.run(stream.shards())}
    assert parents == {FIRST: (), low: (FIRST,), high: (FIRST,)}


def test_a_closed_shard_has_not_ended_before_its_last_record_is_read() -> None:
    stream = MemoryStream(ARN, Clock())
    numbers = [stream.put(b"x", "k") for _ in range(3)]
    stream.split(FIRST)
    assert not stream.page(FIRST, None, 2).ended
    assert stream.page(FIRST, numbers[1], 2).ended
    assert stream.page(FIRST, numbers[2], 2).ended


def test_merged_shards_end_and_their_child_takes_both_ranges() -> None:
    stream = MemoryStream(ARN, Clock(), shard_count=3)
    child = stream.merge(SECOND, FIRST)
    assert stream.put_records([PutEntry(b"x", "k", 0)])[0].shard_id == child
    assert asyncio.run(stream.shards())[-1].parents == (SECOND, FIRST)
    with pytest.raises(StreamError, match="no open shard"):
        stream.merge(child, FIRST)


def test_shards_apart_from_each_other_do_not_merge() -> None:
    stream = MemoryStream(ARN, Clock(), shard_count=3)
    with pytest.raises(StreamError, match="not adjacent"):
        stream.merge(FIRST, "shardId-000000000002")
    assert not stream.page(FIRST, None, 1).ended


@pytest.mark.parametrize("hash_key", [0, 2**128])
def test_a_hash_key_outside_the_shard_does_not_split_it(hash_key: int) -> None:
    stream = MemoryStream(ARN, Clock())
    with pytest.raises(StreamError, match="does not split"):
        stream.split(FIRST, hash_key)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "0 records in a call"),
        ([PutEntry(b"x", "k")] * 501, "501 records in a call"),
        ([PutEntry(b"x", "")], "record 0: a partition key"),
        ([PutEntry(b"x", "k"), PutEntry(b"x", "k" * 257)], "record 1: a partition key"),
        ([PutEntry(b"x" * RECORD_LIMIT, "k")], "1048577 bytes with key"),
        ([PutEntry(b"x", "k", 2**128)], "hash key"),
        ([PutEntry(b"x" * (REQUEST_LIMIT // 6), "k")] * 7, "bytes in a call"),
    ],
)
def test_a_call_kinesis_refuses_stores_nothing(entries: list[PutEntry], says: str) -> None:
    stream = MemoryStream(ARN, Clock())
    with pytest.raises(StreamError, match=says):
        stream.put_records(entries)
    assert everything(stream) == {FIRST: []}


def test_a_call_at_the_limits_is_taken() -> None:
    stream = MemoryStream(ARN, Clock())
    assert len(stream.put_records([PutEntry(b"x", "k" * 256)] * 500)) == 500
    largest = [PutEntry(b"x" * (RECORD_LIMIT - 1), "k")] * 5
    assert all(result.error_code is None for result in stream.put_records(largest))


def test_records_of_one_call_fail_on_their_own() -> None:
    code = "ProvisionedThroughputExceededException"
    stream = MemoryStream(
        ARN, Clock(), fail_put=lambda entry: code if entry.data == b"unlucky" else None
    )
    results = stream.put_records([PutEntry(data, "k") for data in (b"a", b"unlucky", b"b")])
    assert [result.error_code for result in results] == [None, code, None]
    assert [record.data for record in everything(stream)[FIRST]] == [b"a", b"b"]
    with pytest.raises(StreamError) as error:
        stream.put(b"unlucky", "k")
    assert error.value.code == code


@given(st.integers(0, 30), st.integers(1, 12))
def test_pages_follow_one_another_without_gap_or_repeat(count: int, limit: int) -> None:
    clock = Clock()
    stream = MemoryStream(ARN, clock, number=str)
    for number in range(count):
        stream.put(str(number).encode(), "k")
    read: list[bytes] = []
    after: str | None = None
    while True:
        page = stream.page(FIRST, after, limit)
        assert len(page.records) <= limit
        read += [record.data for record in page.records]
        if not page.records:
            break
        after = page.records[-1].sequence_number
    assert read == [str(number).encode() for number in range(count)]


def test_a_page_holds_ten_mebibytes_at_most() -> None:
    stream = MemoryStream(ARN, Clock())
    for _ in range(3):
        stream.put_records([PutEntry(b"x" * (RECORD_LIMIT - 1), "k")] * 5)
    page = stream.page(FIRST, None, 100)
    assert len(page.records) == PAGE_BYTES // (RECORD_LIMIT - 1)
    assert page.behind_ms == 0
    assert not page.ended


def test_a_page_says_how_far_behind_the_tip_it_is() -> None:
    clock = Clock()
    stream = MemoryStream(ARN, clock)
    stream.put(b"a", "k")
    stream.put(b"b", "k")
    clock.now += 5000
    assert stream.page(FIRST, None, 1).behind_ms == 5000
    assert stream.page(FIRST, None, 2).behind_ms == 0


def test_records_older_than_the_retention_are_gone() -> None:
    clock = Clock()
    stream = MemoryStream(ARN, clock, retention_s=60)
    first = stream.put(b"a", "k")
    clock.now += 30_000
    stream.put(b"b", "k")
    clock.now += 30_001
    assert [record.data for record in stream.page(FIRST, None, 10).records] == [b"b"]
    assert [record.data for record in stream.page(FIRST, first, 10).records] == [b"b"]


def test_sequence_numbers_have_the_length_of_real_ones() -> None:
    assert len(kinesis_number(1)) == len(kinesis_number(10**9)) == 56


def test_an_unknown_shard_cannot_be_read() -> None:
    with pytest.raises(StreamError, match="no shard"):
        MemoryStream(ARN, Clock()).page("shardId-000000000009", None, 1)


def test_a_stream_has_a_shard() -> None:
    with pytest.raises(ValueError, match="at least one shard"):
        MemoryStream(ARN, Clock(), shard_count=0)
