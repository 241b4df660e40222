"""A queue's event source mapping: polls, batches, invokes, deletes what was processed.

Sources: AWS Lambda developer guide, "Using Lambda with Amazon SQS", "Configuring scaling behavior
for SQS event source mappings" and "Handling errors for an SQS event source in Lambda"; for
batching, "How Lambda processes records from stream and queue-based event sources".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.local.events import fitting, json_size, sqs_event, sqs_record
from pipeline.local.loop import pause
from pipeline.local.mapping import SqsMapping, Tally
from pipeline.local.responses import failed_items, warning
from pipeline.local.sources import Invocation, Invoker, QueueMessage, QueueSource

# Concurrent invocations: where a mapping starts, how fast it grows while there is work, its top.
START_CONCURRENCY = 5
GROWTH_PER_MINUTE = 300
# AWS says that it backs off "gradually": for a minute after a back-off it grows this slowly.
_RECOVERY_PER_MINUTE = 5
_RECOVERY_MS = 60_000
TOP_CONCURRENCY = 1_000
# An empty queue is asked again after these seconds: AWS waits at the queue instead.
_FIRST_POLL_S = 0.1
_LAST_POLL_S = 1.0
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Received:
    """A message in hand, its size in an event, and when it was received (epoch milliseconds)."""

    message: QueueMessage
    size: int
    received_ms: int


class SqsPoller:
    """One mapping of a standard queue.

    Batches are put together one after the other and invoked side by side, so they are as full as
    the queue allows; the next batching window opens when a batch has been handed over. `warn` gets
    a sentence about each kind of answer that Lambda would take in silence, once.
    """

    def __init__(
        self,
        mapping: SqsMapping,
        source: QueueSource,
        invoker: Invoker,
        *,
        clock: Callable[[], int],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.mapping = mapping
        self.tally = Tally()
        self._source = source
        self._invoker = invoker
        self._clock = clock
        self._warn = warn
        self._warned: set[str] = set()
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._hand: list[_Received] = []
        self._running = 0
        self._throttled = 0
        self._poll_s = _FIRST_POLL_S
        self._concurrency = _Concurrency(mapping.maximum_concurrency or TOP_CONCURRENCY)

    @property
    def busy(self) -> bool:
        """True while a message is in hand or an invocation is running."""
        return bool(self._hand or self._running)

    @property
    def idle(self) -> bool:
        """Not busy. The queue itself may hold more: see its depth."""
        return not self.busy

    def stop(self) -> None:
        """Receive no more. `run` returns when what was received has been invoked."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Poll until `stop`; a disabled mapping returns at once."""
        if not self.mapping.enabled:
            return
        async with asyncio.TaskGroup() as invocations:
            while await self._free():
                batch = await self._gather()
                if batch:
                    self._running += 1
                    invocations.create_task(self._process(batch))

    async def _free(self) -> bool:
        """Wait until one more invocation may run; False when there will be none."""
        while True:
            if self._stopping.is_set() and not self._hand:
                return False
            allowed = self._concurrency.allowed(self._clock(), self._running)
            # A new batch would take the place that a throttled one is waiting for.
            if self._running < allowed and not self._throttled:
                return True
            self._changed.clear()
            await pause(_LAST_POLL_S, self._changed)

    async def _gather(self) -> list[_Received]:
        """The next batch, ended by its size, by the window or by 6 MB; empty if nothing came."""
        window_ends = self._clock() + self.mapping.window_s * 1000
        while True:
            came = await self._receive(self.mapping.batch_size - len(self._hand))
            count = fitting((held.size for held in self._hand), self.mapping.batch_size)
            left_ms = window_ends - self._clock()
            full = count == self.mapping.batch_size or count < len(self._hand)
            if full or left_ms <= 0 or self._stopping.is_set():
                break
            if not came:
                await self._wait(left_ms / 1000)
        batch, self._hand = self._hand[:count], self._hand[count:]
        if not batch and not self.mapping.window_s:
            await self._wait(_LAST_POLL_S)
        return batch

    async def _receive(self, limit: int) -> bool:
        """Take up to `limit` messages in hand; True if there were any."""
        if limit <= 0 or self._stopping.is_set():
            return False
        messages = await self._source.receive(limit)
        now = self._clock()
        arn = self._source.arn
        self._hand += [
            _Received(message, json_size(sqs_record(message, arn)), now) for message in messages
        ]
        if messages:
            self._poll_s = _FIRST_POLL_S
        return bool(messages)

    async def _wait(self, longest_s: float) -> None:
        """Until the queue is asked again: longer each time that it was empty."""
        await pause(min(self._poll_s, longest_s), self._stopping)
        self._poll_s = min(self._poll_s * 2, _LAST_POLL_S)

    async def _process(self, batch: Sequence[_Received]) -> None:
        """Invoke the function with one batch and settle its messages."""
        try:
            messages = [held.message for held in batch]
            hidden_ms = self.mapping.receive_visibility_s * 1000
            answer = await self._invoke(messages, batch[0].received_ms + hidden_ms)
            if answer is None:
                await self._source.leave(messages)
                self.tally.returned += len(messages)
            else:
                await self._settle(messages, answer)
        finally:
            self._running -= 1
            self._changed.set()

    async def _invoke(self, messages: Sequence[QueueMessage], until_ms: int) -> Invocation | None:
        """The function's answer; None if it was throttled until the messages were visible again."""
        event = sqs_event(messages, self._source.arn)
        retry_s = _FIRST_RETRY_S
        while True:
            answer = await self._invoker.invoke(self.mapping.function, event)
            if answer.error != "Throttled":
                self.tally.invocations += 1
                return answer
            self.tally.throttles += 1
            self._concurrency.back_off(self._clock())
            if self._clock() + retry_s * 1000 >= until_ms or await self._hold(retry_s):
                return None
            retry_s = min(retry_s * 2, _LAST_RETRY_S)

    async def _hold(self, seconds: float) -> bool:
        """Wait to retry a throttled batch; True when the poller is stopping instead."""
        self._throttled += 1
        try:
            return await pause(seconds, self._stopping)
        finally:
            self._throttled -= 1

    async def _settle(self, messages: Sequence[QueueMessage], answer: Invocation) -> None:
        """Delete what was processed and leave the rest to the visibility timeout."""
        reporting = self.mapping.report_batch_item_failures
        self._tell(warning(answer, reporting=reporting))
        failed = failed_items(
            answer,
            [message.message_id for message in messages],
            reporting=reporting,
            source="sqs",
        )
        if answer.error is None:
            self._concurrency.recover()
        else:
            self.tally.errors += 1
            # With ReportBatchItemFailures Lambda does not poll less when invocations fail.
            if not reporting:
                self._concurrency.back_off(self._clock())
        processed = [message for message in messages if message.message_id not in failed]
        returned = [message for message in messages if message.message_id in failed]
        self.tally.processed += len(processed)
        self.tally.returned += len(returned)
        if processed:
            await self._source.delete(processed)
        if returned:
            await self._source.leave(returned)

    def _tell(self, sentence: str | None) -> None:
        if sentence and self._warn and sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(f"{self.mapping.name}: {self.mapping.function} {sentence}")


class _Concurrency:
    """How many invocations may run: grows while all are in use, shrinks on errors and throttles."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._start = min(START_CONCURRENCY, cap)
        self._allowance = float(self._start)
        self._backed_off = False
        self._slow_until_ms = 0
        self._full = False
        self._seen_ms = 0

    def allowed(self, now_ms: int, running: int) -> int:
        """Invocations allowed at once now, `running` being in use."""
        if self._full and not self._backed_off:
            rate = GROWTH_PER_MINUTE if now_ms >= self._slow_until_ms else _RECOVERY_PER_MINUTE
            grown = (now_ms - self._seen_ms) * rate / 60_000
            self._allowance = min(self._allowance + grown, float(self._cap))
        if not running:
            self._allowance = min(self._allowance, float(self._start))
        self._seen_ms = now_ms
        self._full = running >= int(self._allowance)
        return int(self._allowance)

    def back_off(self, now_ms: int) -> None:
        """Halve it, down to one, and keep it there until an invocation succeeds."""
        self._backed_off = True
        self._slow_until_ms = now_ms + _RECOVERY_MS
        self._allowance = max(self._allowance / 2, 1.0)

    def recover(self) -> None:
        """Let it grow again after a success."""
        self._backed_off = False
