"""Queues and streams behind an endpoint: what the event source mappings are promised of them.

Against moto in this process, on virtual time unless a test says otherwise, and against scripted
answers for what moto never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from pipeline.local.boto_sources import KinesisSource, SqsSource, Timing
from pipeline.local.endpoint import Activity
from pipeline.local.loop import RunClock, run
from pipeline.local.sources import QueueDepth, QueueMessage

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.integration

T = TypeVar("T")
START_MS = 1_360_303_200_000
VISIBILITY_S = 60


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    with mock_aws():
        yield boto3.client(
            "sqs", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )


@pytest.fixture
def kinesis() -> Iterator[KinesisClient]:
    with mock_aws():
        yield boto3.client(
            "kinesis", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )


class Queue:
    """A queue in moto, and what a run needs to see it."""

    def __init__(self, sqs: SQSClient, redrive_policy: str = "") -> None:
        self.sqs = sqs
        self.activity = Activity()
        self.url = sqs.create_queue(
            QueueName="q", Attributes={"RedrivePolicy": redrive_policy} if redrive_policy else {}
        )["QueueUrl"]

    def send(self, *bodies: str) -> list[str]:
        """Send each body; the message ids."""
        self.activity.bump()
        return [
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)["MessageId"]
            for body in bodies
        ]

    def with_source(
        self, play: Callable[[SqsSource, RunClock], Awaitable[T]], *, virtual: bool = True
    ) -> T:
        """Run `play` with the queue as a source."""

        async def main(clock: RunClock) -> T:
            source = SqsSource(
                self.sqs,
                self.url,
                "arn:aws:sqs:us-east-1:123456789012:q",
                visibility_s=VISIBILITY_S,
                timing=Timing(clock.now_ms, self.activity, virtual),
            )
            return await play(source, clock)

        return run(main, virtual=virtual, start_ms=START_MS, limit_s=100_000)


def bodies(messages: list[QueueMessage]) -> list[str]:
    return [message.body for message in messages]


def test_more_than_ten_messages_are_received_and_deleted_in_calls_of_ten(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    sent = [str(n) for n in range(25)]
    queue.send(*sent)

    async def play(source: SqsSource, _clock: RunClock) -> tuple[list[str], QueueDepth]:
        found = await source.receive(23)
        await source.delete(found)
        return bodies(found), await source.depth()

    found, depth = queue.with_source(play)

    assert found == sent[:23]
    assert depth == QueueDepth(visible=2, in_flight=0, delayed=0)


def test_a_message_that_is_left_comes_back_when_its_visibility_timeout_ends_in_virtual_time(
    sqs: SQSClient,
) -> None:
    queue = Queue(sqs)
    queue.send("a")

    async def play(source: SqsSource, _clock: RunClock) -> list[list[QueueMessage]]:
        seen = [await source.receive(10)]
        await source.leave(seen[0])
        await asyncio.sleep(VISIBILITY_S - 0.5)
        seen.append(await source.receive(10))
        await asyncio.sleep(1)
        seen.append(await source.receive(10))
        return seen

    first, early, again = queue.with_source(play)

    assert bodies(first) == bodies(again) == ["a"]
    assert early == []
    assert first[0].attributes["ApproximateReceiveCount"] == "1"
    assert again[0].attributes["ApproximateReceiveCount"] == "2"


def test_a_deleted_message_does_not_come_back(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    queue.send("a", "b")

    async def play(source: SqsSource, _clock: RunClock) -> list[QueueMessage]:
        found = await source.receive(10)
        await source.delete(found[:1])
        await asyncio.sleep(VISIBILITY_S + 1)
        return await source.receive(10)

    assert bodies(queue.with_source(play)) == ["b"]


def test_after_max_receive_count_a_message_goes_to_the_dead_letter_queue(sqs: SQSClient) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    queue = Queue(
        sqs,
        '{"maxReceiveCount": 2, "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"}',
    )
    queue.send("a")

    async def play(source: SqsSource, _clock: RunClock) -> list[int]:
        counts = []
        for _ in range(3):
            counts.append(len(await source.receive(10)))
            await asyncio.sleep(VISIBILITY_S + 1)
        return counts

    assert queue.with_source(play) == [1, 1, 0]
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "a"


def test_on_virtual_time_messages_are_dated_by_the_run_and_keep_their_date(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    queue.send("a")

    async def play(source: SqsSource, _clock: RunClock) -> list[dict[str, str]]:
        await asyncio.sleep(5)
        first = await source.receive(1)
        await asyncio.sleep(VISIBILITY_S + 1)
        return [one.attributes for one in first + await source.receive(1)]

    for attributes in queue.with_source(play):
        assert attributes["SentTimestamp"] == str(START_MS + 5_000)
        assert attributes["ApproximateFirstReceiveTimestamp"] == str(START_MS + 5_000)


def test_a_message_sent_with_a_delay_is_handed_over_when_it_ends(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    late, _ = queue.send("late", "now")

    async def play(source: SqsSource, _clock: RunClock) -> list[object]:
        source.delay(late, 30)
        seen: list[object] = [bodies(await source.receive(10)), await source.depth()]
        await asyncio.sleep(29)
        seen.append(bodies(await source.receive(10)))
        await asyncio.sleep(1)
        found = await source.receive(10)
        await source.delete(found)
        return [*seen, bodies(found), found[0].attributes["ApproximateReceiveCount"]]

    assert queue.with_source(play) == [
        ["now"],
        QueueDepth(visible=0, in_flight=1, delayed=1),
        [],
        ["late"],
        "1",
    ]


def test_an_empty_queue_is_not_asked_again_on_virtual_time_until_something_happens(
    sqs: SQSClient,
) -> None:
    queue = Queue(sqs)
    asked: list[str] = []
    sqs.meta.events.register("before-parameter-build", lambda model, **_: asked.append(model.name))

    async def play(source: SqsSource, _clock: RunClock) -> list[str]:
        for _ in range(1_000):
            assert await source.receive(10) == []
            await asyncio.sleep(1)
        assert asked == ["ReceiveMessage"]
        queue.send("a")
        return bodies(await source.receive(10))

    assert queue.with_source(play) == ["a"]


def test_the_wall_leaves_visibility_and_dates_to_the_endpoint(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    queue.send("a")
    asked: list[int] = []
    sqs.meta.events.register(
        "before-parameter-build.sqs.ReceiveMessage",
        lambda params, **_: asked.append(params["VisibilityTimeout"]),
    )

    async def play(source: SqsSource, _clock: RunClock) -> list[QueueMessage]:
        return await source.receive(1)

    [found] = queue.with_source(play, virtual=False)

    assert asked == [VISIBILITY_S]
    assert found.attributes["SentTimestamp"] != str(START_MS)


def test_message_attributes_arrive_as_text_and_base64(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    sqs.send_message(
        QueueUrl=queue.url,
        MessageBody="a",
        MessageAttributes={
            "attempts": {"DataType": "Number", "StringValue": "2"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )

    async def play(source: SqsSource, _clock: RunClock) -> list[QueueMessage]:
        return await source.receive(1)

    assert queue.with_source(play)[0].message_attributes == {
        "attempts": {"DataType": "Number", "StringValue": "2"},
        "raw": {"DataType": "Binary", "BinaryValue": "AP8="},
    }


def test_a_delete_that_fails_in_passing_is_repeated_and_one_at_fault_is_not(
    sqs: SQSClient,
) -> None:
    queue = Queue(sqs)
    messages = [QueueMessage(name, f"handle-{name}", "", {}) for name in "abc"]

    def entries(*names: str) -> list[dict[str, str]]:
        return [{"Id": str("abc".index(n)), "ReceiptHandle": f"handle-{n}"} for n in names]

    def failed(at: int, *, at_fault: bool) -> dict[str, object]:
        return {"Id": str(at), "SenderFault": at_fault, "Code": "x"}

    with Stubber(sqs) as stub:
        stub.add_response(
            "delete_message_batch",
            {
                "Successful": [{"Id": "0"}],
                "Failed": [failed(1, at_fault=False), failed(2, at_fault=True)],
            },
            {"QueueUrl": ANY, "Entries": entries("a", "b", "c")},
        )
        stub.add_response(
            "delete_message_batch",
            {"Successful": [{"Id": "1"}], "Failed": []},
            {"QueueUrl": ANY, "Entries": entries("b")},
        )

        async def play(source: SqsSource, _clock: RunClock) -> None:
            await source.delete(messages)

        queue.with_source(play)

        stub.assert_no_pending_responses()


def test_a_message_whose_deletion_was_refused_comes_back(sqs: SQSClient) -> None:
    queue = Queue(sqs)
    queue.send("a")

    async def play(source: SqsSource, _clock: RunClock) -> list[QueueMessage]:
        found = await source.receive(1)
        with Stubber(sqs) as stub:
            stub.add_client_error("delete_message_batch", "InternalError", http_status_code=500)
            await source.delete(found)
        await asyncio.sleep(VISIBILITY_S + 1)
        return await source.receive(1)

    assert bodies(queue.with_source(play)) == ["a"]


class Stream:
    """A stream in moto, and what a run needs to see it."""

    def __init__(self, kinesis: KinesisClient, shards: int = 1) -> None:
        self.kinesis = kinesis
        self.activity = Activity()
        kinesis.create_stream(StreamName="s", ShardCount=shards)

    def put(self, *bodies: bytes) -> None:
        """Put each body with itself as the partition key."""
        self.activity.bump()
        for body in bodies:
            self.kinesis.put_record(StreamName="s", Data=body, PartitionKey=body.decode())

    def with_source(
        self, play: Callable[[KinesisSource, RunClock], Awaitable[T]], *, virtual: bool = True
    ) -> T:
        """Run `play` with the stream as a source."""

        async def main(clock: RunClock) -> T:
            source = KinesisSource(
                self.kinesis, "s", "arn:s", timing=Timing(clock.now_ms, self.activity, virtual)
            )
            return await play(source, clock)

        return run(main, virtual=virtual, start_ms=START_MS)


async def drained(
    source: KinesisSource, shard_id: str, after: str | None = None, limit: int = 2
) -> tuple[list[bytes], bool]:
    """Every record of a shard after a position, and whether the shard has ended."""
    found: list[bytes] = []
    while True:
        page = await source.read(shard_id, after, limit)
        found += [record.data for record in page.records]
        if not page.records:
            return found, page.ended
        after = page.records[-1].sequence_number


def test_a_shard_is_read_page_by_page_from_its_start(kinesis: KinesisClient) -> None:
    stream = Stream(kinesis)
    sent = [str(n).encode() for n in range(12)]
    stream.put(*sent)

    async def play(source: KinesisSource, _clock: RunClock) -> tuple[list[bytes], bool]:
        [shard] = await source.shards()
        return await drained(source, shard.shard_id)

    assert stream.with_source(play) == (sent, False)


def test_reading_goes_on_after_any_position_also_past_the_ninth_record(
    kinesis: KinesisClient,
) -> None:
    stream = Stream(kinesis)
    stream.put(*(str(n).encode() for n in range(12)))

    async def play(source: KinesisSource, _clock: RunClock) -> list[list[bytes]]:
        [shard] = await source.shards()
        page = await source.read(shard.shard_id, None, 20)
        numbers = [record.sequence_number for record in page.records]
        return [(await drained(source, shard.shard_id, numbers[at]))[0] for at in (10, 3, 8)]

    assert stream.with_source(play) == [
        [b"11"],
        [str(n).encode() for n in range(4, 12)],
        [b"9", b"10", b"11"],
    ]


def test_an_iterator_that_has_expired_is_opened_anew_after_the_last_record(
    kinesis: KinesisClient,
) -> None:
    stream = Stream(kinesis)
    record = {
        "SequenceNumber": "7",
        "PartitionKey": "k",
        "Data": b"x",
        "ApproximateArrivalTimestamp": 0,
    }

    with Stubber(kinesis) as stub:
        stub.add_response("get_shard_iterator", {"ShardIterator": "one"})
        stub.add_response(
            "get_records",
            {"Records": [record], "NextShardIterator": "two", "MillisBehindLatest": 9},
        )
        stub.add_client_error("get_records", "ExpiredIteratorException", http_status_code=400)
        stub.add_response(
            "get_shard_iterator",
            {"ShardIterator": "three"},
            {
                "StreamName": "s",
                "ShardId": "shard",
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": "7",
            },
        )
        stub.add_response(
            "get_records",
            {"Records": [record | {"SequenceNumber": "8"}], "MillisBehindLatest": 0},
            {"ShardIterator": "three", "Limit": 10},
        )

        async def play(source: KinesisSource, _clock: RunClock) -> list[tuple[str, int, bool]]:
            pages = [await source.read("shard", None, 10), await source.read("shard", "7", 10)]
            return [(page.records[0].sequence_number, page.behind_ms, page.ended) for page in pages]

        # Without a next iterator the shard has ended.
        assert stream.with_source(play) == [("7", 9, False), ("8", 0, True)]
        stub.assert_no_pending_responses()


def test_a_closed_shard_ends_although_its_iterators_do_not_and_children_name_their_parents(
    kinesis: KinesisClient,
) -> None:
    stream = Stream(kinesis)
    stream.put(b"a", b"b")

    async def play(source: KinesisSource, _clock: RunClock) -> list[object]:
        [parent] = await source.shards()
        before = await drained(source, parent.shard_id)
        kinesis.split_shard(
            StreamName="s", ShardToSplit=parent.shard_id, NewStartingHashKey=str(2**127)
        )
        stream.activity.bump()
        after = await source.read(parent.shard_id, "2", 10)
        children = [one for one in await source.shards() if one.parents]
        return [before, after.ended, [one.parents for one in children]]

    parent = "shardId-000000000000"
    assert stream.with_source(play) == [([b"a", b"b"], False), True, [(parent,), (parent,)]]


def test_on_virtual_time_records_are_dated_by_the_run(kinesis: KinesisClient) -> None:
    stream = Stream(kinesis)
    stream.put(b"a")

    async def play(source: KinesisSource, _clock: RunClock) -> int:
        await asyncio.sleep(3)
        [shard] = await source.shards()
        return (await source.read(shard.shard_id, None, 1)).records[0].arrived_ms

    assert stream.with_source(play) == START_MS + 3_000
    assert stream.with_source(play, virtual=False) > START_MS + 3_000


def test_a_source_is_quiet_only_when_it_was_seen_empty_since_the_last_change(
    kinesis: KinesisClient,
) -> None:
    stream = Stream(kinesis)
    stream.put(b"a")

    async def play(source: KinesisSource, _clock: RunClock) -> list[bool]:
        [shard] = await source.shards()
        quiet = [source.quiet()]
        await source.read(shard.shard_id, None, 10)
        quiet.append(source.quiet())
        await source.read(shard.shard_id, "1", 10)
        quiet.append(source.quiet())
        stream.put(b"b")
        return [*quiet, source.quiet()]

    assert stream.with_source(play) == [False, False, True, False]
