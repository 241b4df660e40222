"""What the event source mappings of the local run read from and write to.

Three small contracts keep the mapping rules (batching, retries, bisecting, checkpoints) apart from
where records come from: boto3 against an embedded endpoint, or the in-memory queue and stream with
a virtual clock. All times are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One received SQS message, as ReceiveMessage returns it."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, str]
    message_attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    md5_of_body: str = ""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages a queue holds: ready, received and not yet deleted, and delayed."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def empty(self) -> bool:
        """True when nothing is left in any of the three."""
        return not (self.visible or self.in_flight or self.delayed)


class QueueSource(Protocol):
    """A standard SQS queue, seen by its event source mapping."""

    @property
    def arn(self) -> str:
        """The queue's ARN, for the event."""

    async def receive(self, limit: int) -> list[QueueMessage]:
        """Up to `limit` messages, at once; they are invisible for the queue's visibility timeout.

        A message received more often than maxReceiveCount goes to the dead-letter queue instead.
        """

    async def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete these messages; a message whose deletion fails comes back later."""

    async def leave(self, messages: Sequence[QueueMessage]) -> None:
        """Do not delete: they become visible when the visibility timeout runs out."""

    async def depth(self) -> QueueDepth:
        """The queue's depth now."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One Kinesis record of a shard."""

    sequence_number: str
    partition_key: str
    data: bytes
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard and the parents that must be drained before it."""

    shard_id: str
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamPage:
    """One answer of GetRecords: records, and whether the shard has ended (closed and drained)."""

    records: list[StreamRecord]
    behind_ms: int
    ended: bool


class StreamSource(Protocol):
    """A Kinesis stream, seen by its event source mapping."""

    @property
    def arn(self) -> str:
        """The stream's ARN, for the event."""

    async def shards(self) -> list[Shard]:
        """All shards of the stream, open and closed."""

    async def read(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
        """Up to `limit` records after sequence number `after` (None: from the oldest)."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came back from one synchronous invocation of a function.

    `error` is None when the handler returned; then `payload` is the decoded JSON it returned (None
    for null). Otherwise it is Lambda's word: "Unhandled", "Timeout", "Exited" or "Throttled".
    """

    payload: object = None
    error: str | None = None


class Invoker(Protocol):
    """Invokes a function by its name with an event, and waits for the answer."""

    async def invoke(self, function: str, event: dict[str, object]) -> Invocation:
        """The function's answer to `event`; never raises for what the function did."""


class FailureDestination(Protocol):
    """An S3 on-failure destination."""

    async def put(self, invocation_record: dict[str, object]) -> None:
        """Store the invocation record; for S3 it includes the whole payload (base64 records)."""
