"""Queues and streams behind an AWS endpoint, as the event source mappings see them.

On virtual time the endpoint's own clock must not count. Messages are then received with the longest
visibility timeout there is and given back at the virtual moment when the queue's own would have run
out; messages that were sent with a delay are kept here until it is over; and what the endpoint
dates by the wall is dated by when it was first seen. On the wall's clock the endpoint does it all.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local.endpoint import Activity
from pipeline.local.loop import call
from pipeline.local.sources import QueueDepth, QueueMessage, Shard, StreamPage, StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Amazon SQS API reference: ten messages per request, twelve hours of invisibility.
_PER_CALL = 10
_LONGEST_VISIBILITY_S = 43_200
_DELETE_TRIES = 3
# Amazon Kinesis API reference, GetRecords.
_PAGE_LIMIT = 10_000
# Empty reads between two looks at whether a shard has been closed.
_READS_PER_LISTING = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """The run's clock (epoch milliseconds, UTC), its changes, and whether time is virtual."""

    now_ms: Callable[[], int]
    activity: Activity
    virtual: bool


@dataclass(slots=True)
class _Hold:
    """Messages received together, by receipt handle, and the timer that gives them back."""

    left: dict[str, QueueMessage]
    timer: asyncio.TimerHandle


class SqsSource:
    """A standard queue behind an endpoint; received messages are hidden for `visibility_s`."""

    def __init__(
        self, client: SQSClient, url: str, arn: str, *, visibility_s: int, timing: Timing
    ) -> None:
        self._client = client
        self._url = url
        self._arn = arn
        self._visibility_s = visibility_s
        self._timing = timing
        self._empty_at = -1
        # On virtual time only: received and neither deleted nor given back, by receipt handle;
        # sent with a delay (id to when it is over), and of these the ones that were received;
        # when a message was first seen.
        self._held: dict[str, _Hold] = {}
        self._delays: dict[str, int] = {}
        self._parked: list[tuple[int, QueueMessage]] = []
        self._seen_ms: dict[str, int] = {}

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return self._arn

    def quiet(self) -> bool:
        """Whether the queue was found empty, and no queue has changed since."""
        unchanged = self._empty_at == self._timing.activity.queues
        return unchanged and not self._held and not self._parked

    def delay(self, message_id: str, seconds: int) -> None:
        """Virtual time: hand this message over no sooner than in `seconds`, if it is ours."""
        self._delays[message_id] = self._timing.now_ms() + seconds * 1000

    async def receive(self, limit: int) -> list[QueueMessage]:
        """Up to `limit` messages, at once; they are invisible for the visibility timeout."""
        generation = self._timing.activity.queues
        if not self._timing.virtual:
            found = await call(self._fetch, limit, self._visibility_s)
        elif self._empty_at == generation and not self._parked:
            return []  # it stays empty until something happens: idle time costs no calls
        else:
            found = self._due(limit)
            if len(found) < limit and self._empty_at != generation:
                came = await call(self._fetch, limit - len(found), _LONGEST_VISIBILITY_S)
                found += self._taken_in(came)
                if came:
                    generation = -1
            self._hold(found)
        if not found:
            self._empty_at = generation
        return found

    def _fetch(self, limit: int, visibility_s: int) -> list[QueueMessage]:
        found: list[QueueMessage] = []
        while len(found) < limit:
            asked = min(_PER_CALL, limit - len(found))
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=asked,
                VisibilityTimeout=visibility_s,
                WaitTimeSeconds=0,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            came = answer.get("Messages", [])
            found += [_message(one) for one in came]
            if len(came) < asked:
                break
        return found

    def _taken_in(self, came: Sequence[QueueMessage]) -> list[QueueMessage]:
        """Date messages by the run's clock and put those aside whose delay is not over."""
        now = self._timing.now_ms()
        ready = []
        for message in came:
            first_ms = self._seen_ms.setdefault(message.message_id, now)
            for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
                message.attributes[name] = str(first_ms)
            due_ms = self._delays.pop(message.message_id, now)
            if due_ms > now:
                self._parked.append((due_ms, message))
            else:
                ready.append(message)
        return ready

    def _due(self, limit: int) -> list[QueueMessage]:
        """Messages whose delay is over, the earliest first."""
        now = self._timing.now_ms()
        self._parked.sort(key=lambda one: one[0])
        count = sum(due_ms <= now for due_ms, _ in self._parked[:limit])
        due, self._parked = self._parked[:count], self._parked[count:]
        return [message for _, message in due]

    def _hold(self, messages: Sequence[QueueMessage]) -> None:
        """Give these back when their visibility timeout is over on virtual time."""
        if messages:
            left = {message.receipt_handle: message for message in messages}
            loop = asyncio.get_running_loop()
            hold = _Hold(left, loop.call_later(self._visibility_s, self._give_back, left))
            self._held |= dict.fromkeys(left, hold)

    def _give_back(self, left: dict[str, QueueMessage]) -> None:
        """The visibility timeout is over: let the endpoint show them again."""
        handles = list(left)
        for start in range(0, len(handles), _PER_CALL):
            part = handles[start : start + _PER_CALL]
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(at), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for at, handle in enumerate(part)
                ],
            )
        for handle in handles:
            self._held.pop(handle, None)
        self._timing.activity.bump(streams=False)

    async def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete these messages; one whose deletion fails comes back later."""
        for start in range(0, len(messages), _PER_CALL):
            part = messages[start : start + _PER_CALL]
            for message in await call(self._delete, part):
                hold = self._held.pop(message.receipt_handle, None)
                self._seen_ms.pop(message.message_id, None)
                if hold is not None:
                    hold.left.pop(message.receipt_handle, None)
                    if not hold.left:
                        hold.timer.cancel()

    def _delete(self, messages: Sequence[QueueMessage]) -> list[QueueMessage]:
        """Delete up to ten, those that failed for a passing reason again; what is gone."""
        from botocore.exceptions import ClientError

        gone: list[QueueMessage] = []
        left = {str(at): message for at, message in enumerate(messages)}
        for _ in range(_DELETE_TRIES):
            try:
                answer = self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": at, "ReceiptHandle": message.receipt_handle}
                        for at, message in left.items()
                    ],
                )
            except ClientError:
                break  # refused as a whole, retries and all: they come back
            failed = {entry["Id"]: entry["SenderFault"] for entry in answer.get("Failed", [])}
            gone += [message for at, message in left.items() if at not in failed]
            left = {at: left[at] for at, at_fault in failed.items() if not at_fault}
            if not left:
                break
        return gone

    async def leave(self, messages: Sequence[QueueMessage]) -> None:
        """Do nothing: the visibility timeout runs, here or at the endpoint."""

    async def depth(self) -> QueueDepth:
        """The queue's depth now; what is kept for its delay counts as delayed."""
        found = await call(queue_depth, self._client, self._url)
        parked = len(self._parked)
        return QueueDepth(found.visible, found.in_flight - parked, found.delayed + parked)


def queue_depth(client: SQSClient, url: str) -> QueueDepth:
    """What a queue says of itself."""
    found = client.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return QueueDepth(
        visible=int(found["ApproximateNumberOfMessages"]),
        in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(found.get("ApproximateNumberOfMessagesDelayed", "0")),
    )


def _message(found: MessageTypeDef) -> QueueMessage:
    attributes: dict[str, dict[str, str]] = {}
    for name, value in found.get("MessageAttributes", {}).items():
        attributes[name] = {"DataType": value["DataType"]}
        if "StringValue" in value:
            attributes[name]["StringValue"] = value["StringValue"]
        if "BinaryValue" in value:
            attributes[name]["BinaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return QueueMessage(
        message_id=found["MessageId"],
        receipt_handle=found["ReceiptHandle"],
        body=found["Body"],
        attributes={str(name): value for name, value in found.get("Attributes", {}).items()},
        message_attributes=attributes,
        md5_of_body=found.get("MD5OfBody", ""),
    )


class KinesisSource:
    """A stream behind an endpoint."""

    def __init__(self, client: KinesisClient, name: str, arn: str, *, timing: Timing) -> None:
        self._client = client
        self._name = name
        self._arn = arn
        self._timing = timing
        # By shard: the position that the iterator continues from, and the iterator.
        self._iterators: dict[str, tuple[str | None, str]] = {}
        # By closed shard: its last sequence number, as the endpoint says.
        self._endings: dict[str, int] = {}
        # By shard: where nothing more was found, and in which generation (-1: there was something).
        self._ends: dict[str, tuple[int, str | None]] = {}
        self._ended: set[str] = set()
        self._empty_reads = 0

    @property
    def arn(self) -> str:
        """The stream's ARN."""
        return self._arn

    def quiet(self) -> bool:
        """Whether every shard being read was at its end, and no stream has changed since."""
        return bool(self._ends or self._ended) and all(
            generation == self._timing.activity.streams for generation, _ in self._ends.values()
        )

    async def shards(self) -> list[Shard]:
        """All shards of the stream, open and closed."""
        return await call(self._list)

    def _list(self) -> list[Shard]:
        found: list[Shard] = []
        for page in self._client.get_paginator("list_shards").paginate(StreamName=self._name):
            for one in page["Shards"]:
                parents = (one.get("ParentShardId"), one.get("AdjacentParentShardId"))
                found.append(Shard(one["ShardId"], tuple(p for p in parents if p)))
                ending = one["SequenceNumberRange"].get("EndingSequenceNumber")
                if ending:
                    self._endings[one["ShardId"]] = int(ending)
        return found

    async def read(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
        """Up to `limit` records of the shard after `after` (None: from its oldest record)."""
        virtual = self._timing.virtual
        generation = self._timing.activity.streams
        # A shard read to its end stays so until something happens: idle time costs no calls.
        if virtual and self._ends.get(shard_id) == (generation, after):
            return StreamPage([], 0, ended=False)
        answer = await call(self._get, shard_id, after, min(limit, _PAGE_LIMIT))
        now_ms = self._timing.now_ms()
        records = [
            StreamRecord(
                sequence_number=one["SequenceNumber"],
                partition_key=one["PartitionKey"],
                data=one["Data"],
                arrived_ms=(
                    now_ms
                    if virtual
                    else round(one["ApproximateArrivalTimestamp"].timestamp() * 1000)
                ),
            )
            for one in answer["Records"]
        ]
        last = records[-1].sequence_number if records else after
        following = answer.get("NextShardIterator")
        if following:
            self._iterators[shard_id] = (last, following)
        behind_ms = answer.get("MillisBehindLatest", 0)
        ended = not following
        if not records and not behind_ms and not ended:
            ended = await self._closed_before(shard_id, last, often=virtual)
        if ended:
            self._ended.add(shard_id)
            self._ends.pop(shard_id, None)
        else:
            self._ends[shard_id] = (-1 if records or behind_ms else generation, last)
        return StreamPage(records, behind_ms, ended)

    async def _closed_before(self, shard_id: str, last: str | None, *, often: bool) -> bool:
        """Whether a shard that gave nothing is closed: not every endpoint ends its iterators."""
        self._empty_reads += 1
        if often or self._empty_reads % _READS_PER_LISTING == 0:
            await self.shards()
        ending = self._endings.get(shard_id)
        return ending is not None and int(last or 0) >= ending

    def _get(self, shard_id: str, after: str | None, limit: int) -> GetRecordsOutputTypeDef:
        """One GetRecords; an iterator that is too old, or of another place, is opened anew."""
        from botocore.exceptions import ClientError

        place, iterator = self._iterators.get(shard_id, (None, ""))
        if iterator and place == after:
            try:
                return self._client.get_records(ShardIterator=iterator, Limit=limit)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExpiredIteratorException":
                    raise
        return self._client.get_records(ShardIterator=self._open(shard_id, after), Limit=limit)

    def _open(self, shard_id: str, after: str | None) -> str:
        if after is None:
            answer = self._client.get_shard_iterator(
                StreamName=self._name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self._client.get_shard_iterator(
                StreamName=self._name,
                ShardId=shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=after,
            )
        return answer["ShardIterator"]
