"""A standard SQS queue in memory, on any clock: the queue of replays, simulations and tests.

Behaviour: Amazon SQS developer guide ("Amazon SQS visibility timeout", "Using dead-letter queues",
"Amazon SQS message quotas") and the SQS API reference (SendMessageBatch, ReceiveMessage,
DeleteMessage). Messages come in the order in which they became visible, which AWS only tries to
keep; nothing here is random, so a run can be repeated.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.local.sources import QueueDepth, QueueMessage, QueueSource

# SQS API reference: one message, and all messages of a batch call together.
SIZE_LIMIT = 1_048_576
BATCH_LIMIT = 10
# Amazon SQS developer guide: messages received and not deleted; above it, a poll finds nothing.
IN_FLIGHT_LIMIT = 120_000
_SENDER_ID = "AIDAEXAMPLEINMEMORY00"
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_State = Literal["ready", "hidden", "delayed"]
# XML 1.0: #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class QueueError(Exception):
    """SQS refuses the whole call; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Redrive:
    """A redrive policy: what was received `max_receive_count` times goes to `dead_letters`."""

    max_receive_count: int
    dead_letters: MemoryQueue


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """A queue's attributes, with SQS's defaults."""

    visibility_s: int = 30
    delay_s: int = 0
    retention_s: int = 345_600
    redrive: Redrive | None = None


@dataclass(frozen=True, slots=True)
class SendEntry:
    """One message to send. `attributes` are message attributes as the API spells them.

    A binary value is base64 text. `delay_s` None takes the queue's delay.
    """

    entry_id: str
    body: str
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delay_s: int | None = None

    @property
    def size(self) -> int:
        """Bytes that count against the quota: body, attribute names, types and values."""
        size = len(self.body.encode("utf-8", "surrogatepass"))
        for name, value in self.attributes.items():
            content = value.get("StringValue", value.get("BinaryValue", ""))
            size += sum(len(part.encode()) for part in (name, value["DataType"], content))
        return size


@dataclass(frozen=True, slots=True)
class EntryFault:
    """Why one entry of a batch call failed; `sender_fault` means that a retry will fail as well."""

    code: str
    message: str
    sender_fault: bool = False


@dataclass(frozen=True, slots=True)
class SendResult:
    """The answer of SendMessageBatch: message id, or fault, per entry id."""

    sent: Mapping[str, str]
    failed: Mapping[str, EntryFault]


@dataclass(slots=True)
class _Stored:
    """A message in the queue. Times are epoch milliseconds, UTC."""

    message_id: str
    body: str
    attributes: dict[str, dict[str, str]]
    sent_ms: int
    visible_ms: int
    first_received_ms: int | None = None
    receives: int = 0
    receives_here: int = 0
    handle: str = ""
    came_from: str | None = None
    state: _State = "ready"


class MemoryQueue:
    """One standard queue, a QueueSource for its event source mapping.

    `clock` gives epoch milliseconds. A message that goes to the dead-letter queue keeps its id and
    its original time of sending, from which the retention there counts. `fail_send` and
    `fail_delete` may fail single entries of batch calls.
    """

    def __init__(
        self,
        arn: str,
        clock: Callable[[], int],
        attributes: QueueAttributes | None = None,
        *,
        fail_send: Callable[[SendEntry], EntryFault | None] | None = None,
        fail_delete: Callable[[QueueMessage], EntryFault | None] | None = None,
    ) -> None:
        self._arn = arn
        self._clock = clock
        self.attributes = attributes or QueueAttributes()
        self._fail_send = fail_send
        self._fail_delete = fail_delete
        self._numbered = 0
        self._stored: dict[str, _Stored] = {}
        self._ready: deque[str] = deque()
        self._hidden: list[tuple[int, int, str]] = []
        self._expiry: list[tuple[int, int, str]] = []
        self._order = 0
        self._counts: dict[_State, int] = {"ready": 0, "hidden": 0, "delayed": 0}

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return self._arn

    # -- sending ---------------------------------------------------------------------------------

    def send(
        self,
        body: str,
        *,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        delay_s: int | None = None,
    ) -> str:
        """Send one message and return its id. Raises QueueError as SendMessage would."""
        result = self.send_batch([SendEntry("0", body, attributes or {}, delay_s)])
        for fault in result.failed.values():
            raise QueueError(fault.code, fault.message)
        return result.sent["0"]

    def send_batch(self, entries: Sequence[SendEntry]) -> SendResult:
        """Send up to ten messages; each entry is sent or failed on its own.

        Raises QueueError for what SQS refuses as a whole: no entries, too many, the same id twice,
        a malformed id, more than 1 MiB together.
        """
        self._check_call(entries)
        sent: dict[str, str] = {}
        failed: dict[str, EntryFault] = {}
        for entry in entries:
            fault = _fault(entry) or (self._fail_send(entry) if self._fail_send else None)
            if fault is None:
                sent[entry.entry_id] = self._accept(entry)
            else:
                failed[entry.entry_id] = fault
        return SendResult(sent, failed)

    @staticmethod
    def _check_call(entries: Sequence[SendEntry]) -> None:
        ids = [entry.entry_id for entry in entries]
        if not entries:
            raise QueueError("EmptyBatchRequest", "the call has no entries")
        if len(entries) > BATCH_LIMIT:
            raise QueueError(
                "TooManyEntriesInBatchRequest", f"{len(entries)} entries, at most {BATCH_LIMIT}"
            )
        if len(set(ids)) < len(ids):
            raise QueueError("BatchEntryIdsNotDistinct", "an entry id is used twice")
        malformed = [entry_id for entry_id in ids if not _ENTRY_ID.fullmatch(entry_id)]
        if malformed:
            raise QueueError("InvalidBatchEntryId", f"{malformed[0]!r} is no entry id")
        size = sum(entry.size for entry in entries)
        if size > SIZE_LIMIT:
            raise QueueError("BatchRequestTooLong", f"{size} bytes, at most {SIZE_LIMIT}")

    def _accept(self, entry: SendEntry) -> str:
        now = self._clock()
        self._numbered += 1
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._arn}/{self._numbered}"))
        delay_s = self.attributes.delay_s if entry.delay_s is None else entry.delay_s
        attributes = {name: dict(value) for name, value in entry.attributes.items()}
        self._store(_Stored(message_id, entry.body, attributes, now, now + delay_s * 1000))
        return message_id

    def _store(self, stored: _Stored) -> None:
        self._stored[stored.message_id] = stored
        self._push(
            self._expiry, stored.sent_ms + self.attributes.retention_s * 1000, stored.message_id
        )
        delayed = stored.visible_ms > self._clock()
        stored.state = "delayed" if delayed else "ready"
        self._counts[stored.state] += 1
        if delayed:
            self._push(self._hidden, stored.visible_ms, stored.message_id)
        else:
            self._ready.append(stored.message_id)

    def _drop(self, message_id: str) -> None:
        stored = self._stored.pop(message_id, None)
        if stored is not None:
            self._counts[stored.state] -= 1

    def _turn(self, stored: _Stored, state: _State) -> None:
        self._counts[stored.state] -= 1
        self._counts[state] += 1
        stored.state = state

    def _push(self, heap: list[tuple[int, int, str]], at_ms: int, message_id: str) -> None:
        self._order += 1
        heapq.heappush(heap, (at_ms, self._order, message_id))

    # -- receiving -------------------------------------------------------------------------------

    async def receive(self, limit: int) -> list[QueueMessage]:
        """Up to `limit` messages, hidden for the queue's visibility timeout."""
        return self.take(limit)

    def take(self, limit: int, *, visibility_s: int | None = None) -> list[QueueMessage]:
        """Up to `limit` messages, hidden for `visibility_s` (None: the queue's timeout).

        What was received too often already moves to the dead-letter queue instead.
        """
        self._settle()
        now = self._clock()
        hidden_ms = (self.attributes.visibility_s if visibility_s is None else visibility_s) * 1000
        received: list[_Stored] = []
        room = min(limit, IN_FLIGHT_LIMIT - self._counts["hidden"])
        while self._ready and len(received) < room:
            stored = self._stored.get(self._ready.popleft())
            if stored is None or self._redrive(stored):
                continue
            stored.receives += 1
            stored.receives_here += 1
            if stored.first_received_ms is None:
                stored.first_received_ms = now
            stored.visible_ms = now + hidden_ms
            stored.handle = f"{stored.message_id}#{stored.receives}"
            self._turn(stored, "hidden")
            self._push(self._hidden, stored.visible_ms, stored.message_id)
            received.append(stored)
        return [_message(stored) for stored in received]

    def _redrive(self, stored: _Stored) -> bool:
        redrive = self.attributes.redrive
        if redrive is None or stored.receives_here < redrive.max_receive_count:
            return False
        self._drop(stored.message_id)
        stored.receives_here = 0
        stored.visible_ms = self._clock()
        stored.came_from = self._arn
        redrive.dead_letters._store(stored)  # noqa: SLF001  # another queue of this class
        return True

    async def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete these messages; what `fail_delete` fails stays and comes back."""
        self.remove(messages)

    def remove(self, messages: Sequence[QueueMessage]) -> dict[str, EntryFault]:
        """Delete these messages by their newest receipt handle; the faults, by message id.

        An old handle is accepted and deletes nothing.
        """
        failed: dict[str, EntryFault] = {}
        for message in messages:
            fault = self._fail_delete(message) if self._fail_delete else None
            if fault is not None:
                failed[message.message_id] = fault
                continue
            stored = self._stored.get(message.message_id)
            if stored is not None and stored.handle == message.receipt_handle:
                self._drop(message.message_id)
        return failed

    async def leave(self, messages: Sequence[QueueMessage]) -> None:
        """Nothing: the messages become visible when their timeout runs out."""

    # -- looking ---------------------------------------------------------------------------------

    async def depth(self) -> QueueDepth:
        """The queue's depth now."""
        return self.depth_now()

    def depth_now(self) -> QueueDepth:
        """The queue's depth now."""
        self._settle()
        return QueueDepth(
            visible=self._counts["ready"],
            in_flight=self._counts["hidden"],
            delayed=self._counts["delayed"],
        )

    def peek(self) -> list[QueueMessage]:
        """Every message the queue holds, oldest first, without receiving any."""
        self._settle()
        found = sorted(self._stored.values(), key=lambda stored: stored.sent_ms)
        return [_message(stored) for stored in found]

    def hidden_for(self, visibility_s: int) -> QueueSource:
        """This queue as a source whose messages are hidden for `visibility_s` when received."""
        return _HiddenFor(self, visibility_s)

    def _settle(self) -> None:
        """Bring the queue to the present: expire what is too old, show what was hidden."""
        now = self._clock()
        while self._expiry and self._expiry[0][0] <= now:
            self._drop(heapq.heappop(self._expiry)[2])
        while self._hidden and self._hidden[0][0] <= now:
            at_ms, _, message_id = heapq.heappop(self._hidden)
            stored = self._stored.get(message_id)
            if stored is not None and stored.visible_ms == at_ms and stored.state != "ready":
                self._turn(stored, "ready")
                self._ready.append(message_id)


@dataclass(frozen=True, slots=True)
class _HiddenFor:
    """A queue under another visibility timeout, as a mapping's window may ask for."""

    queue: MemoryQueue
    visibility_s: int

    @property
    def arn(self) -> str:
        return self.queue.arn

    async def receive(self, limit: int) -> list[QueueMessage]:
        return self.queue.take(limit, visibility_s=self.visibility_s)

    async def delete(self, messages: Sequence[QueueMessage]) -> None:
        await self.queue.delete(messages)

    async def leave(self, messages: Sequence[QueueMessage]) -> None:
        await self.queue.leave(messages)

    async def depth(self) -> QueueDepth:
        return await self.queue.depth()


def _fault(entry: SendEntry) -> EntryFault | None:
    """What is wrong with one entry, by the rules for a message."""
    if not entry.body:
        return EntryFault("MissingParameter", "the message body is empty", sender_fault=True)
    illegal = _NOT_XML.search(entry.body)
    if illegal:
        return EntryFault(
            "InvalidMessageContents",
            f"character U+{ord(illegal[0]):04X} at {illegal.start()} is not allowed in a message",
            sender_fault=True,
        )
    return None


def _message(stored: _Stored) -> QueueMessage:
    attributes = {
        "ApproximateReceiveCount": str(stored.receives),
        "SentTimestamp": str(stored.sent_ms),
        "SenderId": _SENDER_ID,
        "ApproximateFirstReceiveTimestamp": str(stored.first_received_ms or 0),
    }
    if stored.came_from is not None:
        attributes["DeadLetterQueueSourceArn"] = stored.came_from
    return QueueMessage(
        message_id=stored.message_id,
        receipt_handle=stored.handle,
        body=stored.body,
        attributes=attributes,
        message_attributes={name: dict(value) for name, value in stored.attributes.items()},
        md5_of_body=hashlib.md5(stored.body.encode(), usedforsecurity=False).hexdigest(),
    )
