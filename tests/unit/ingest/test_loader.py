"""Messages are routed by leg, aggregated per shard, and keep the order of their leg."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.lines import MAX_LINE_BYTES, FeedLine
from pipeline.ingest.loader import AGGREGATE_BYTES, LoadCounts, Loader
from pipeline.ingest.messages import FeedSource, feed_message, leg_of
from pipeline.ingest.producer import Backoff, Producer
from pipeline.ingest.shards import ShardMap
from pipeline.kpl import deaggregate
from schemas.records import FeedMessage
from tests.unit.ingest.streams import SeededStream, even_shards

SOURCE = FeedSource("live", file="day.jsonl")
PUT_UNIT = 25_000


def messages_of(*payloads: bytes) -> list[FeedMessage]:
    return [
        feed_message(FeedLine(number, payload), SOURCE, 1_000)
        for number, payload in enumerate(payloads, 1)
    ]


def day(count: int, legs: int, seed: int = 0, size: int = 300) -> list[FeedMessage]:
    """`count` messages over `legs` legs, in seeded order."""
    chance = random.Random(seed)
    return messages_of(
        *(
            b'{"id":"UAL%d-1-fa-0001","n":"%d","fill":"%s"}'
            % (chance.randrange(legs), number, b"x" * chance.randrange(size))
            for number in range(count)
        )
    )


def loader_for(stream: SeededStream, **options: bool) -> Loader:
    producer = Producer(
        stream,
        backoff=Backoff(attempts=200),
        sleep=lambda _s: None,
        uniform=random.Random(1).uniform,
    )
    return Loader(producer, **options)


def per_leg(found: Sequence[tuple[str, str, FeedMessage]]) -> dict[str, list[int]]:
    """The line numbers of each leg, in stored order; a repeat counts where it came first."""
    legs: dict[str, list[int]] = defaultdict(list)
    for _, leg, message in found:
        if message.sequence not in legs[leg]:
            legs[leg].append(message.sequence)
    return legs


def test_a_load_arrives_whole_in_a_fortieth_of_the_records() -> None:
    stream = SeededStream(shards=4)
    loader = loader_for(stream)
    sent = day(4_000, legs=300)
    loader.put(sent)
    loader.flush()
    found = stream.messages()
    assert sorted(m.sequence for _, _, m in found) == list(range(1, 4_001))
    assert {m for _, _, m in found} == set(sent)
    counts = loader.counts
    assert (counts.messages, counts.acknowledged, counts.unkeyed) == (4_000, 4_000, 0)
    assert counts.kinesis_records == len(stream.landed) <= 100
    assert (counts.requests, counts.retried) == (stream.calls, 0)


def test_aggregates_fill_two_put_units_and_never_more() -> None:
    stream = SeededStream(shards=1)
    loader = loader_for(stream)
    loader.put(day(2_000, legs=50))
    loader.flush()
    sizes = [entry.size for _, entry in stream.landed]
    assert max(sizes) <= 2 * PUT_UNIT
    assert min(sizes[:-1]) > 2 * PUT_UNIT - 1_000


def test_every_message_is_in_the_shard_of_its_leg() -> None:
    stream = SeededStream(shards=7)
    loader = loader_for(stream)
    loader.put(day(1_000, legs=200))
    loader.flush()
    shards = ShardMap(stream.shards)
    for shard_id, leg, _ in stream.messages():
        shard = shards.shard_for(leg)
        assert shard is not None
        assert shard.shard_id == shard_id


def test_aggregates_of_a_shard_share_one_partition_key() -> None:
    stream = SeededStream(shards=2)
    loader = loader_for(stream)
    loader.put(day(2_000, legs=50))
    loader.flush()
    for shard_id, entry in stream.landed:
        assert deaggregate(entry.data) is not None
        assert entry.partition_key == shard_id


def test_one_message_alone_travels_plain_under_its_leg() -> None:
    stream = SeededStream()
    loader = loader_for(stream)
    (message,) = messages_of(b'{"id":"UAL1"}')
    loader.put([message])
    loader.flush()
    ((_, entry),) = stream.landed
    assert deaggregate(entry.data) is None
    assert (entry.partition_key, entry.explicit_hash_key) == ("UAL1", None)
    assert stream.messages()[0][2] == message


def test_without_aggregation_every_message_is_a_record() -> None:
    stream = SeededStream()
    loader = loader_for(stream, aggregate=False)
    sent = day(1_500, legs=400)
    loader.put(sent)
    loader.flush()
    assert len(stream.landed) == 1_500
    assert stream.listed == 0
    assert {m for _, _, m in stream.messages()} == set(sent)


def test_a_large_message_keeps_its_place_in_its_leg() -> None:
    stream = SeededStream(shards=1)
    loader = loader_for(stream)
    big = b'{"id":"A","fill":"' + b"x" * AGGREGATE_BYTES + b'"}'
    widest = b'{"id":"A","fill":"' + b"y" * (MAX_LINE_BYTES - 20) + b'"}'
    small = b'{"id":"A"}'
    loader.put(messages_of(small, small, big, small, widest, big, small, small))
    loader.flush()
    assert [m.sequence for _, _, m in stream.messages()] == list(range(1, 9))


def test_messages_without_a_leg_are_keyed_by_their_id_and_counted() -> None:
    stream = SeededStream()
    loader = loader_for(stream)
    sent = messages_of(b'{"type":"keepalive"}', b"broken", b'{"id":"UAL1"}')
    loader.put(sent)
    loader.flush()
    assert loader.counts.unkeyed == 2
    keys = {message.sequence: leg for _, leg, message in stream.messages()}
    assert keys == {1: sent[0].id, 2: sent[1].id, 3: "UAL1"}


def test_full_requests_go_out_while_messages_are_still_coming() -> None:
    stream = SeededStream(shards=2)
    loader = loader_for(stream)
    loader.put(day(30_000, legs=2_000))
    assert stream.calls > 0
    assert loader.counts.acknowledged > 0
    loader.flush()
    assert loader.counts.acknowledged == 30_000


def test_flushing_nothing_asks_for_nothing() -> None:
    stream = SeededStream()
    loader = loader_for(stream)
    loader.put([])
    loader.flush()
    assert (stream.calls, stream.listed, loader.counts) == (0, 0, LoadCounts())


def test_after_a_reshard_the_new_shards_are_used() -> None:
    stream = SeededStream(shards=2)
    loader = loader_for(stream)
    first, second, third = (day(400, legs=80, seed=seed) for seed in (1, 2, 3))
    loader.put(first)
    loader.flush()
    stream.shards = even_shards(4, first_id=10)
    loader.put(second)  # made for the old shards: safe, and the change is noticed
    loader.flush()
    stored = len(stream.landed)
    loader.put(third)
    loader.flush()
    assert stream.listed == 2
    assert {m for _, _, m in stream.messages()} == {*first, *second, *third}
    shards = ShardMap(stream.shards)
    for shard_id, entry in stream.landed[stored:]:
        assert {getattr(shards.shard_for(leg), "shard_id", None) for leg in entry.legs} == {
            shard_id
        }


def test_a_reshard_during_a_long_put_is_noticed_before_its_end() -> None:
    stream = SeededStream(shards=2)
    loader = loader_for(stream)
    sent = day(40_000, legs=500, size=200)
    loader.put(sent[:100])
    stream.shards = even_shards(4, first_id=10)
    loader.put(sent[100:])
    listed = stream.listed
    loader.flush()
    assert listed == 2
    assert {m for _, _, m in stream.messages()} == set(sent)


@given(
    st.integers(1, 5),
    st.floats(0.05, 0.5),
    st.floats(0, 0.2),
    st.floats(0, 0.2),
    st.integers(0, 1 << 30),
    st.booleans(),
)
def test_per_leg_order_survives_every_fault(
    shards: int,
    refuse: float,
    fail: float,
    lose: float,
    seed: int,
    aggregate: bool,
) -> None:
    stream = SeededStream(shards, seed=seed, refuse=refuse, fail=fail, lose=lose)
    loader = loader_for(stream, aggregate=aggregate)
    sent = day(200, legs=12, seed=seed, size=2_000)
    for start in range(0, len(sent), 37):
        loader.put(sent[start : start + 37])
    loader.flush()
    expected: dict[str, list[int]] = defaultdict(list)
    for message in sent:
        expected[leg_of(message) or ""].append(message.sequence)
    assert per_leg(stream.messages()) == expected
    assert loader.counts.acknowledged == loader.counts.messages == 200


@pytest.mark.parametrize("name", LoadCounts.__struct_fields__)
def test_counts_add_up_field_by_field(name: str) -> None:
    make: Callable[..., LoadCounts] = LoadCounts
    assert make(**{name: 2}) + make(**{name: 3}) == make(**{name: 5})
