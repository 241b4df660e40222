from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.local.sources import QueueDepth, QueueMessage
from pipeline.memory.queue import (
    SIZE_LIMIT,
    EntryFault,
    MemoryQueue,
    QueueAttributes,
    QueueError,
    Redrive,
    SendEntry,
)

ARN = "arn:aws:sqs:eu-west-1:123456789012:work"
DEAD = "arn:aws:sqs:eu-west-1:123456789012:work-dead"
START_MS = 1_760_000_000_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START_MS

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


def queue_with_dead_letters(
    clock: Callable[[], int], limit: int
) -> tuple[MemoryQueue, MemoryQueue]:
    dead = MemoryQueue(DEAD, clock, QueueAttributes(retention_s=14 * 86_400))
    return MemoryQueue(ARN, clock, QueueAttributes(redrive=Redrive(limit, dead))), dead


def test_a_received_message_is_hidden_and_then_comes_again() -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock)
    queue.send("a")
    first = queue.take(10)
    clock.pass_s(29.999)
    assert queue.take(10) == []
    clock.pass_s(0.001)
    second = queue.take(10)
    assert [message.body for message in first + second] == ["a", "a"]
    assert first[0].message_id == second[0].message_id
    assert first[0].receipt_handle != second[0].receipt_handle


def test_a_message_has_the_attributes_of_sqs() -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock)
    queue.send("Test message.", attributes={"kind": {"DataType": "String", "StringValue": "x"}})
    clock.pass_s(2)
    queue.take(1)
    clock.pass_s(30)
    message = queue.take(1)[0]
    assert message.md5_of_body == "e4e68fb7bd0e697a0ae8f1bb342846b3"
    assert message.message_attributes == {"kind": {"DataType": "String", "StringValue": "x"}}
    assert {key: message.attributes[key] for key in message.attributes if key != "SenderId"} == {
        "ApproximateReceiveCount": "2",
        "SentTimestamp": str(START_MS),
        "ApproximateFirstReceiveTimestamp": str(START_MS + 2000),
    }


def test_only_the_newest_receipt_handle_deletes() -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock)
    queue.send("a")
    old = queue.take(1)
    clock.pass_s(30)
    new = queue.take(1)
    assert queue.remove(old) == {}
    assert len(queue.peek()) == 1
    assert queue.remove(new) == {}
    assert queue.peek() == []


def test_a_handle_deletes_after_its_visibility_timeout_too() -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock)
    queue.send("a")
    received = queue.take(1)
    clock.pass_s(31)
    queue.remove(received)
    assert queue.take(1) == []
    assert queue.depth_now().empty


def test_a_message_received_too_often_moves_with_its_id_and_its_time_of_sending() -> None:
    clock = Clock()
    queue, dead = queue_with_dead_letters(clock, 2)
    message_id = queue.send("a")
    for _ in range(2):
        assert [message.body for message in queue.take(1)] == ["a"]
        clock.pass_s(30)
    assert queue.take(1) == []
    assert queue.depth_now().empty
    moved = dead.take(1)[0]
    assert moved.message_id == message_id
    assert moved.attributes["SentTimestamp"] == str(START_MS)
    assert moved.attributes["DeadLetterQueueSourceArn"] == ARN
    # Received twice in the queue and once here: the count goes on across queues.
    assert moved.attributes["ApproximateReceiveCount"] == "3"


def test_a_dead_letter_expires_by_its_original_time_of_sending() -> None:
    clock = Clock()
    dead = MemoryQueue(DEAD, clock, QueueAttributes(retention_s=4 * 86_400))
    queue = MemoryQueue(ARN, clock, QueueAttributes(redrive=Redrive(1, dead)))
    queue.send("a")
    clock.pass_s(86_400)
    queue.take(1)
    clock.pass_s(30)
    queue.take(1)
    assert len(dead.peek()) == 1
    # A day in the queue leaves three of the four days.
    clock.pass_s(3 * 86_400 - 31)
    assert len(dead.peek()) == 1
    clock.pass_s(1)
    assert dead.peek() == []


def test_a_chain_of_dead_letter_queues_counts_receives_in_each() -> None:
    clock = Clock()
    last = MemoryQueue(DEAD + "-last", clock)
    dead = MemoryQueue(DEAD, clock, QueueAttributes(redrive=Redrive(1, last)))
    queue = MemoryQueue(ARN, clock, QueueAttributes(redrive=Redrive(1, dead)))
    queue.send("a")
    for stage in (queue, dead):
        assert len(stage.take(1)) == 1
        clock.pass_s(30)
        assert stage.take(1) == []
    assert [message.body for message in last.take(1)] == ["a"]


def test_messages_expire_after_the_retention() -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock, QueueAttributes(retention_s=60))
    queue.send("a")
    clock.pass_s(59)
    assert queue.depth_now().visible == 1
    clock.pass_s(1)
    assert queue.depth_now().empty
    assert queue.take(1) == []


@pytest.mark.parametrize(("queue_s", "own_s", "due_s"), [(20, None, 20), (20, 5, 5), (0, 7, 7)])
def test_a_delay_hides_a_message_at_first(queue_s: int, own_s: int | None, due_s: int) -> None:
    clock = Clock()
    queue = MemoryQueue(ARN, clock, QueueAttributes(delay_s=queue_s))
    queue.send("a", delay_s=own_s)
    assert queue.depth_now() == QueueDepth(visible=0, in_flight=0, delayed=1)
    clock.pass_s(due_s - 0.001)
    assert queue.take(1) == []
    clock.pass_s(0.001)
    assert len(queue.take(1)) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "MissingParameter"),
        ("nul \x00", "InvalidMessageContents"),
        ("bell \x07", "InvalidMessageContents"),
        ("\ufffe", "InvalidMessageContents"),
        ("\ud800", "InvalidMessageContents"),
        ("x" * (SIZE_LIMIT + 1), "BatchRequestTooLong"),
        ("\u20ac" * (SIZE_LIMIT // 3 + 1), "BatchRequestTooLong"),
    ],
)
def test_a_body_sqs_refuses_is_refused(body: str, code: str) -> None:
    queue = MemoryQueue(ARN, Clock())
    with pytest.raises(QueueError) as error:
        queue.send(body)
    assert error.value.code == code
    assert queue.peek() == []


@pytest.mark.parametrize("body", ["\t\n\r ok", "\ue000", "\U0001f6eb", "x" * SIZE_LIMIT])
def test_a_body_sqs_takes_is_taken(body: str) -> None:
    queue = MemoryQueue(ARN, Clock())
    queue.send(body)
    assert [message.body for message in queue.take(1)] == [body]


def test_attributes_count_against_the_size() -> None:
    queue = MemoryQueue(ARN, Clock())
    attributes = {"k": {"DataType": "String", "StringValue": "v"}}
    with pytest.raises(QueueError, match="at most 1048576"):
        queue.send("x" * (SIZE_LIMIT - 7), attributes=attributes)
    queue.send("x" * (SIZE_LIMIT - 8), attributes=attributes)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([SendEntry(str(n), "x") for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([SendEntry("1", "x"), SendEntry("1", "y")], "BatchEntryIdsNotDistinct"),
        ([SendEntry("a b", "x")], "InvalidBatchEntryId"),
        ([SendEntry(str(n), "x" * (SIZE_LIMIT // 2 + 1)) for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_call_sqs_refuses_stores_nothing(entries: list[SendEntry], code: str) -> None:
    queue = MemoryQueue(ARN, Clock())
    with pytest.raises(QueueError) as error:
        queue.send_batch(entries)
    assert error.value.code == code
    assert queue.peek() == []


def test_entries_of_one_call_fail_on_their_own() -> None:
    fault = EntryFault("ServiceUnavailable", "try again")
    queue = MemoryQueue(
        ARN, Clock(), fail_send=lambda entry: fault if entry.body == "unlucky" else None
    )
    bodies = ["fine", "unlucky", "bad \x00"]
    result = queue.send_batch([SendEntry(str(n), body) for n, body in enumerate(bodies)])
    assert list(result.sent) == ["0"]
    assert result.failed["1"] == fault
    assert result.failed["2"].code == "InvalidMessageContents"
    assert result.failed["2"].sender_fault
    assert [message.body for message in queue.peek()] == ["fine"]


def test_a_deletion_that_fails_is_reported_and_the_message_comes_back() -> None:
    clock = Clock()
    fault = EntryFault("InternalError", "try again")
    queue = MemoryQueue(
        ARN, clock, fail_delete=lambda message: fault if message.body == "b" else None
    )
    queue.send("a")
    queue.send("b")
    received = queue.take(10)
    assert queue.remove(received) == {received[1].message_id: fault}
    clock.pass_s(30)
    assert [message.body for message in queue.take(10)] == ["b"]


def test_a_source_may_hide_messages_longer_than_the_queue_does() -> None:
    async def main() -> None:
        clock = Clock()
        queue = MemoryQueue(ARN, clock)
        source = queue.hidden_for(70)
        assert source.arn == ARN
        queue.send("a")
        received = await source.receive(1)
        clock.pass_s(69)
        assert await source.receive(1) == []
        await source.leave(received)
        assert (await source.depth()).in_flight == 1
        await source.delete(received)
        assert (await source.depth()).empty

    asyncio.run(main())


def test_a_message_without_visibility_timeout_is_received_once_per_call() -> None:
    queue = MemoryQueue(ARN, Clock(), QueueAttributes(visibility_s=0))
    queue.send("a")
    assert len(queue.take(10)) == 1
    assert len(queue.take(10)) == 1


def test_ids_and_digests_are_the_same_in_every_run() -> None:
    def sent() -> list[QueueMessage]:
        queue = MemoryQueue(ARN, Clock())
        for body in ("a", "b"):
            queue.send(body)
        return queue.take(10)

    assert sent() == sent()
    assert len({message.message_id for message in sent()}) == 2


class QueueMachine(RuleBasedStateMachine):
    """Whatever is done to a queue, each message is in one place and delivered as promised."""

    @initialize(limit=st.integers(1, 4))
    def start(self, limit: int) -> None:
        self.clock = Clock()
        self.queue, self.dead = queue_with_dead_letters(self.clock, limit)
        self.limit = limit
        self.sent: set[str] = set()
        self.deleted: set[str] = set()
        self.received: dict[str, int] = {}
        self.hidden: dict[str, tuple[int, QueueMessage]] = {}

    @rule(count=st.integers(1, 10), delay_s=st.integers(0, 40))
    def send(self, count: int, delay_s: int) -> None:
        entries = [SendEntry(str(n), "body", {}, delay_s) for n in range(count)]
        self.sent |= set(self.queue.send_batch(entries).sent.values())

    @rule(limit=st.integers(1, 20))
    def receive(self, limit: int) -> None:
        found = self.queue.take(limit)
        assert len(found) <= limit
        for message in found:
            until, _ = self.hidden.get(message.message_id, (0, message))
            assert until <= self.clock()
            self.received[message.message_id] = self.received.get(message.message_id, 0) + 1
            assert self.received[message.message_id] <= self.limit
            self.hidden[message.message_id] = (self.clock() + 30_000, message)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.hidden:
            return
        message_id = data.draw(st.sampled_from(sorted(self.hidden)))
        _, message = self.hidden.pop(message_id)
        present = {found.message_id for found in self.queue.peek()}
        self.queue.remove([message])
        self.deleted |= {message_id} & present

    @rule(message=st.sampled_from(["old#0", "", "nothing"]))
    def delete_with_another_handle(self, message: str) -> None:
        for _, found in self.hidden.values():
            self.queue.remove([replace(found, receipt_handle=message)])

    @rule(seconds=st.integers(1, 45))
    def wait(self, seconds: int) -> None:
        self.clock.pass_s(seconds)

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        if not hasattr(self, "queue"):
            return
        held = [message.message_id for message in self.queue.peek() + self.dead.peek()]
        assert sorted(held) == sorted(self.sent - self.deleted)
        depth = self.queue.depth_now()
        assert depth.visible + depth.in_flight + depth.delayed == len(self.queue.peek())


TestQueueMachine = QueueMachine.TestCase


@given(st.text(min_size=1, max_size=40))
def test_a_body_comes_out_as_it_went_in_or_not_at_all(body: str) -> None:
    queue = MemoryQueue(ARN, Clock())
    result = queue.send_batch([SendEntry("0", body)])
    assert [message.body for message in queue.take(1)] == ([body] if result.sent else [])
