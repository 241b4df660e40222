"""Every record lands once unless its acknowledgement was lost, in the order of its leg."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.producer import (
    MAX_REQUEST_BYTES,
    Backoff,
    CallFailedError,
    Entry,
    Landed,
    NotAcknowledgedError,
    Producer,
    PutResult,
    Refused,
)
from pipeline.ingest.shards import ShardRange
from tests.unit.ingest.streams import SeededStream

PATIENT = Backoff(attempts=200)
THROTTLED = Refused("ProvisionedThroughputExceededException", "Rate exceeded for shard")


def entry(number: int, *legs: str, size: int = 3) -> Entry:
    """A record that can be told from others by its number."""
    data = str(number).encode().ljust(size)
    return Entry(partition_key=legs[0], data=data, legs=frozenset(legs))


def numbers(entries: Sequence[Entry]) -> list[int]:
    return [int(each.data) for each in entries]


class Script:
    """A stream that answers each request as it is told, and then says yes to everything."""

    def __init__(self, *answers: Sequence[PutResult] | Exception) -> None:
        self.requests: list[list[int]] = []
        self._answers = list(answers)

    def open_shards(self) -> Sequence[ShardRange]:
        return ()

    def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
        self.requests.append(numbers(entries))
        answer = self._answers.pop(0) if self._answers else [Landed("s")] * len(entries)
        if isinstance(answer, Exception):
            raise answer
        return answer


def drained(stream: Script, entries: Sequence[Entry]) -> Producer:
    producer = Producer(stream, sleep=lambda _s: None)
    for each in entries:
        producer.add(each)
    producer.drain()
    return producer


def test_only_the_refused_records_of_a_request_are_sent_again() -> None:
    stream = Script([Landed("s"), THROTTLED, Landed("s"), Refused("InternalFailure")])
    producer = drained(stream, [entry(n, f"leg{n}") for n in range(4)])
    assert stream.requests == [[0, 1, 2, 3], [1, 3]]
    assert (producer.acknowledged, producer.landed, producer.requests, producer.retried) == (
        (4, 4, 2, 2)
    )


def test_a_failed_call_is_sent_again_whole() -> None:
    stream = Script(CallFailedError("InternalFailure", "500"), CallFailedError("Timeout", ""))
    producer = drained(stream, [entry(0, "a"), entry(1, "b")])
    assert stream.requests == [[0, 1]] * 3
    assert producer.retried == 4


def test_a_record_waits_for_earlier_ones_that_share_a_leg() -> None:
    stream = Script([THROTTLED, Landed("s")])
    drained(
        stream, [entry(0, "a"), entry(1, "a"), entry(2, "b"), entry(3, "a", "b"), entry(4, "b")]
    )
    assert stream.requests == [[0, 2], [0], [1], [3], [4]]


def test_records_of_other_legs_do_not_wait() -> None:
    stream = Script([THROTTLED, Landed("s")], [THROTTLED])
    drained(stream, [entry(0, "a"), entry(1, "b")])
    assert stream.requests == [[0, 1], [0], [0]]


def test_an_error_that_is_final_passes_through_and_keeps_the_records() -> None:
    producer = Producer(Script(PermissionError("no")), sleep=lambda _s: None)
    producer.add(entry(0, "a"))
    with pytest.raises(PermissionError):
        producer.drain()
    assert (producer.pending, producer.acknowledged) == (1, 0)


def test_a_request_holds_at_most_500_records() -> None:
    stream = Script()
    drained(stream, [entry(n, str(n), size=5) for n in range(1_001)])
    assert [len(request) for request in stream.requests] == [500, 500, 1]


def test_a_request_holds_at_most_5_mib_with_its_partition_keys() -> None:
    stream = Script()
    size = MAX_REQUEST_BYTES // 5
    drained(stream, [entry(n, str(n), size=size - 1) for n in range(5)])
    drained(stream, [entry(n, str(n), size=size) for n in range(5)])
    assert [len(request) for request in stream.requests] == [5, 4, 1]


def test_attempts_are_bounded_and_the_error_lists_what_is_left() -> None:
    stream = SeededStream(refuse=1.0)
    producer = Producer(stream, backoff=Backoff(attempts=3), sleep=lambda _s: None)
    sent = [entry(0, "UAL1"), entry(1, "UAL1"), entry(2, "UAL2")]
    for each in sent:
        producer.add(each)
    with pytest.raises(
        NotAcknowledgedError, match=r"3 messages in 3 .* 3 attempts.*UAL1, UAL2"
    ) as e:
        producer.drain()
    assert e.value.left == tuple(sent)
    assert e.value.messages == 3
    assert e.value.last.message == "seeded"
    assert (stream.calls, producer.acknowledged, producer.pending) == (3, 0, 3)


def test_after_giving_up_a_later_drain_begins_anew() -> None:
    stream = Script([THROTTLED], [THROTTLED], [THROTTLED])
    producer = Producer(stream, backoff=Backoff(attempts=2), sleep=lambda _s: None)
    producer.add(entry(0, "a"))
    with pytest.raises(NotAcknowledgedError):
        producer.drain()
    producer.drain()
    assert (producer.pending, producer.acknowledged, stream.requests) == (0, 1, [[0]] * 4)


def test_waits_are_full_jitter_and_grow_to_the_cap() -> None:
    asked: list[tuple[float, float]] = []
    slept: list[float] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return high / 4

    producer = Producer(
        Script(*[[THROTTLED]] * 7),
        backoff=Backoff(attempts=8, first_s=0.1, cap_s=1.0),
        sleep=slept.append,
        uniform=uniform,
    )
    producer.add(entry(0, "a"))
    producer.drain()
    assert asked == [(0.0, high) for high in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)]
    assert slept == [high / 4 for _, high in asked]


def test_nothing_is_waited_for_when_nothing_is_refused() -> None:
    slept: list[float] = []
    producer = Producer(Script(), sleep=slept.append)
    producer.add(entry(0, "a"))
    producer.drain()
    assert slept == []


def test_a_record_in_an_unexpected_shard_is_noticed() -> None:
    producer = Producer(Script([Landed("s2")]))
    producer.add(Entry("a", b"0", frozenset("a"), shard_id="s1"))
    producer.drain()
    assert producer.moved


def test_draining_to_a_mark_leaves_the_rest_pending() -> None:
    producer = Producer(Script())
    for number in range(5):
        producer.add(entry(number, "a"))
    producer.drain(down_to=2)
    assert (producer.pending, producer.acknowledged, producer.pending_bytes) == (2, 3, 2 * 4)


legs_of_entries = st.lists(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=60)


@given(
    legs_of_entries,
    st.floats(0.05, 0.5),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
    st.integers(0, 1 << 30),
)
def test_nothing_is_lost_reordered_or_repeated_whatever_fails(
    legs: list[set[str]], refuse: float, fail: float, lose: float, seed: int
) -> None:
    stream = SeededStream(seed=seed, refuse=refuse, fail=fail, lose=lose)
    producer = Producer(
        stream, backoff=PATIENT, sleep=lambda _s: None, uniform=random.Random(seed).uniform
    )
    sent = [entry(number, *sorted(each)) for number, each in enumerate(legs)]
    for each in sent:
        producer.add(each)
    producer.drain()
    landed = [each for _, each in stream.landed]
    assert set(landed) == set(sent)
    assert Counter(landed) - Counter(sent) == Counter(stream.unheard)
    for leg in "abcdef":
        firsts = dict.fromkeys(number for number in numbers(landed) if leg in legs[number])
        assert list(firsts) == sorted(firsts)
    assert producer.acknowledged == producer.landed == len(sent)
    assert producer.requests == stream.calls
    assert producer.pending_bytes == 0


def test_acknowledged_counts_only_what_kinesis_has_confirmed() -> None:
    class LostReplies(SeededStream):
        def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
            super().put(entries)
            raise CallFailedError("ReadTimeoutError", "no reply")

    stream = LostReplies()
    producer = Producer(stream, backoff=Backoff(attempts=2), sleep=lambda _s: None)
    producer.add(entry(0, "a"))
    with pytest.raises(NotAcknowledgedError):
        producer.drain()
    assert (len(stream.landed), producer.acknowledged) == (2, 0)
