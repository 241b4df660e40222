"""One batch of stream records: invoked, split, retried or given up until every record is settled.

Sources: AWS Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data
Streams", "Configuring partial batch response with Kinesis Data Streams and Lambda" and "Retain
discarded batch records for a Kinesis Data Streams event source in Lambda".
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.local.events import (
    PAYLOAD_LIMIT,
    Condition,
    Discarded,
    account_of,
    invocation_record,
    json_size,
    kinesis_event,
    region_of,
)
from pipeline.local.loop import pause
from pipeline.local.mapping import KinesisMapping, Tally
from pipeline.local.responses import failed_items, warning
from pipeline.local.sources import FailureDestination, Invocation, Invoker, StreamRecord

_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 60.0

Settled = Callable[[Sequence[StreamRecord]], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """Records that are invoked together, and what that has cost them so far."""

    records: Sequence[StreamRecord]
    attempts: int = 0
    refusals: int = 0


class BatchDelivery:
    """The rules of one mapping, applied to one batch at a time; batches may run side by side.

    - A function error or a useless answer retries the batch, up to MaximumRetryAttempts.
    - With bisecting the batch is split instead, at the number the function reported or else in
      half, down to single records; splitting uses up no retry.
    - A reported number settles what comes before it; all from there on runs again.
    - A throttle is no attempt. Records past MaximumRecordAge, or past the stream's retention, are
      given up before the next attempt.
    """

    def __init__(
        self,
        mapping: KinesisMapping,
        invoker: Invoker,
        destination: FailureDestination | None,
        *,
        clock: Callable[[], int],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.mapping = mapping
        self.tally = Tally()
        self.stopping = asyncio.Event()
        self.clock = clock
        self._invoker = invoker
        self._destination = destination
        self._warn = warn
        self._warned: set[str] = set()
        # No retry outlives the stream's own retention.
        limits_s = (mapping.maximum_record_age_s, mapping.stream_retention_s)
        self._age_limit_ms = 1000 * min(limit_s for limit_s in limits_s if limit_s >= 0)

    async def deliver(
        self, shard_id: str, records: Sequence[StreamRecord], settled: Settled
    ) -> None:
        """Settle every record, telling `settled` as soon as some are; on stop, leave the rest."""
        waiting = [_Part(records)]
        while waiting and not self.stopping.is_set():
            part = await self._young(shard_id, waiting.pop(), settled)
            if part.records:
                waiting += reversed(await self._attempt(shard_id, part, settled))

    async def _young(self, shard_id: str, part: _Part, settled: Settled) -> _Part:
        """The part without the records that have grown too old."""
        oldest_ms = self.clock() - self._age_limit_ms
        aged = 0
        while aged < len(part.records) and part.records[aged].arrived_ms < oldest_ms:
            aged += 1
        if aged:
            given_up = part.records[:aged]
            await self._give_up(shard_id, given_up, "RecordAgeExceeded", part.attempts, None)
            settled(given_up)
        return _Part(part.records[aged:], part.attempts, part.refusals)

    async def _attempt(self, shard_id: str, part: _Part, settled: Settled) -> list[_Part]:
        """Invoke once; what is left to do afterwards, in order."""
        answer = await self._invoke(shard_id, part.records)
        if answer.error == "Throttled":
            self.tally.throttles += 1
            await self._pause(part.refusals)
            return [_Part(part.records, part.attempts, part.refusals + 1)]
        reporting = self.mapping.report_batch_item_failures
        self._tell(warning(answer, reporting=reporting))
        failed = failed_items(
            answer,
            [record.sequence_number for record in part.records],
            reporting=reporting,
            source="kinesis",
        )
        self.tally.errors += answer.error is not None
        done = len(part.records) - len(failed)
        if done:
            self.tally.processed += done
            settled(part.records[:done])
        if not failed:
            return []
        return await self._again(shard_id, part, done, answer.error, settled)

    async def _again(
        self, shard_id: str, part: _Part, done: int, error: str | None, settled: Settled
    ) -> list[_Part]:
        """What to do with the records after the first `done`: split, retry, or give up."""
        rest = part.records[done:]
        self.tally.returned += len(rest)
        if self.mapping.bisect and done:
            return [_Part(rest)]
        if self.mapping.bisect and len(rest) > 1:
            half = len(rest) // 2
            return [_Part(rest[:half]), _Part(rest[half:])]
        attempts = part.attempts + 1
        if 0 <= self.mapping.maximum_retry_attempts < attempts:
            await self._give_up(shard_id, rest, "RetryAttemptsExhausted", attempts, error)
            settled(rest)
            return []
        await self._pause(part.attempts)
        return [_Part(rest, attempts)]

    async def _invoke(self, shard_id: str, records: Sequence[StreamRecord]) -> Invocation:
        """The function's answer; an event over 6 MB cannot be sent and counts as a throttle."""
        event = self._event(shard_id, records)
        # More than one record never makes a batch that does not fit.
        if len(records) == 1 and json_size(event) > PAYLOAD_LIMIT:
            self._tell(
                "cannot be invoked with a record of this size: its event is over 6 MB. The shard "
                "waits until the record is too old; refuse such records at ingest"
            )
            return Invocation(error="Throttled")
        self.tally.invocations += 1
        return await self._invoker.invoke(self.mapping.function, event)

    async def _give_up(
        self,
        shard_id: str,
        records: Sequence[StreamRecord],
        condition: Condition,
        attempts: int,
        error: str | None,
    ) -> None:
        """Hand the records to the on-failure destination, if there is one, and go on."""
        self.tally.discarded += len(records)
        if self._destination is None:
            self._tell("failed and the mapping has no on-failure destination: records are lost")
            return
        mapping = self.mapping
        place = f"{mapping.name}/{shard_id}/{records[0].sequence_number}/{self.tally.discarded}"
        region, account = region_of(mapping.source_arn), account_of(mapping.source_arn)
        discarded = Discarded(
            request_id=str(uuid.uuid5(uuid.NAMESPACE_URL, place)),
            function_arn=f"arn:aws:lambda:{region}:{account}:function:{mapping.function}",
            condition=condition,
            attempts=attempts,
            function_error=error,
            discarded_ms=self.clock(),
            stream_arn=mapping.source_arn,
            shard_id=shard_id,
            records=records,
            event=self._event(shard_id, records) if mapping.on_failure_takes_payload else None,
        )
        await self._destination.put(invocation_record(discarded))

    def _event(self, shard_id: str, records: Sequence[StreamRecord]) -> dict[str, object]:
        return kinesis_event(records, shard_id, self.mapping.source_arn, self.mapping.role_arn)

    async def _pause(self, earlier: int) -> None:
        """Wait before the next attempt: twice as long each time, up to a minute."""
        await pause(min(_FIRST_RETRY_S * 2 ** min(earlier, 10), _LAST_RETRY_S), self.stopping)

    def _tell(self, sentence: str | None) -> None:
        if sentence and self._warn and sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(f"{self.mapping.name}: {self.mapping.function} {sentence}")
