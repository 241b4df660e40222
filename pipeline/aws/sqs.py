"""SQS: packs of records out (to the next stage, back to the own queue, to dead letters).

SendMessageBatch answers HTTP 200 with a `Failed` list: entries that failed for a passing reason
are sent once more, entries at fault are not, and what stays unsent is reported by index.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from schemas.codec import EncodeError, OversizedRecord, split_packs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from schemas.records import DeadLetter, Record

ATTEMPTS = "attempts"
_ENTRIES = 10
_BATCH_BYTES = 1_048_576  # SQS: the total of one SendMessageBatch
_ATTRIBUTE_BYTES = 256
_DELAY_S, _DELAY_MAX_S = 5, 300


class Queue:
    """One queue, written to in packs."""

    def __init__(self, client: SQSClient, url: str, *, pack_bytes: int, pack_records: int) -> None:
        """`pack_bytes` and `pack_records` bound one message."""
        self._client = client
        self._url = url
        self._pack_bytes = pack_bytes
        self._pack_records = pack_records

    def send(
        self, records: Sequence[Record], *, attempts: int = 0, delay_s: int = 0
    ) -> Collection[int]:
        """Send records as packs; the indexes of those that were not taken."""
        packs, unsent = self._packs(records)
        batch: list[tuple[list[int], str]] = []
        size = 0
        for pack in packs:
            if batch and (
                len(batch) == _ENTRIES or size + len(pack[1]) + _ATTRIBUTE_BYTES > _BATCH_BYTES
            ):
                unsent.update(self._send_batch(batch, attempts, delay_s))
                batch, size = [], 0
            batch.append(pack)
            size += len(pack[1]) + _ATTRIBUTE_BYTES
        if batch:
            unsent.update(self._send_batch(batch, attempts, delay_s))
        return unsent

    def _packs(self, records: Sequence[Record]) -> tuple[list[tuple[list[int], str]], set[int]]:
        """Packs of indexes covering all records but those that no message can hold."""
        unsent: set[int] = set()
        left = list(range(len(records)))
        while True:
            try:
                found = split_packs(
                    [records[index] for index in left],
                    max_bytes=self._pack_bytes,
                    max_records=self._pack_records,
                )
                break
            except OversizedRecord as error:
                found = error.packs
                unsent.update(left[place] for place, _ in error.oversized)
                break
            except EncodeError as error:
                unsent.add(left.pop(error.index))
        return [(left[part.start : part.stop], text) for part, text in found], unsent

    def _send_batch(
        self, batch: Sequence[tuple[list[int], str]], attempts: int, delay_s: int
    ) -> set[int]:
        """One SendMessageBatch, and once more for what failed for a passing reason."""
        entries: dict[str, SendMessageBatchRequestEntryTypeDef] = {}
        for place, (_, text) in enumerate(batch):
            entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(place), "MessageBody": text}
            if attempts:
                entry["MessageAttributes"] = {
                    ATTEMPTS: {"DataType": "Number", "StringValue": str(attempts)}
                }
            if delay_s:
                entry["DelaySeconds"] = delay_s
            entries[str(place)] = entry
        left = self._once(entries)
        passing = {key: entries[key] for key, at_fault in left.items() if not at_fault}
        if passing:
            left = {k: v for k, v in left.items() if v} | self._once(passing)
        return {index for key in left for index in batch[int(key)][0]}

    def _once(self, entries: dict[str, SendMessageBatchRequestEntryTypeDef]) -> dict[str, bool]:
        """Send; the ids that failed, with whether the sender is at fault."""
        try:
            answer = self._client.send_message_batch(
                QueueUrl=self._url, Entries=list(entries.values())
            )
        except (ClientError, BotoCoreError):
            return dict.fromkeys(entries, False)
        return {entry["Id"]: entry["SenderFault"] for entry in answer.get("Failed", [])}


class QueueEmitter:
    """The queue to the next stage."""

    def __init__(self, queue: Queue) -> None:
        """Emits to `queue`."""
        self._queue = queue

    def emit(self, records: Sequence[Record]) -> Collection[int]:
        """Send all records, packed; the indexes of those that could not be sent."""
        return self._queue.send(records)


class QueueDeadLetters:
    """A dead-letter queue, written to by a stage itself."""

    def __init__(self, queue: Queue) -> None:
        """Stores in `queue`."""
        self._queue = queue

    def put(self, letters: Sequence[DeadLetter]) -> Collection[int]:
        """Store all letters; the indexes of those that could not be stored."""
        return self._queue.send(letters)


class QueueRetries:
    """The stage's own input queue."""

    def __init__(self, queue: Queue, max_attempts: int) -> None:
        """`max_attempts` is the queue's maxReceiveCount."""
        self._queue = queue
        self._max_attempts = max_attempts

    @property
    def max_attempts(self) -> int:
        """After this many attempts a record is dead-lettered."""
        return self._max_attempts

    def again(self, records: Sequence[Record], attempts: int) -> Collection[int]:
        """Send back with a delay that grows with the attempts; the indexes not sent."""
        delay_s = min(_DELAY_S * 2**attempts, _DELAY_MAX_S)
        return self._queue.send(records, attempts=attempts, delay_s=delay_s)
