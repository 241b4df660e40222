"""Reading one shard: pages into lanes, lanes into batches, and how far the shard is done.

Sources: AWS Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data
Streams" (base rate of one poll a second; parallelization factor keeps the order per partition
key) and "How Lambda processes records from stream and queue-based event sources" (windows).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.local.events import fitting, json_size, kinesis_record
from pipeline.local.kinesis_batch import BatchDelivery
from pipeline.local.loop import pause
from pipeline.local.sources import StreamRecord, StreamSource

POLL_S = 1.0
# Kinesis allows five reads a second of a shard.
_CATCH_UP_S = 0.2
_PAGE_LIMIT = 10_000


class Progress:
    """The checkpoint of a shard: the last record before which none is unsettled."""

    def __init__(self, checkpoint: str | None) -> None:
        self.checkpoint = checkpoint
        self._order: deque[str] = deque()
        self._settled: set[str] = set()

    @property
    def open(self) -> int:
        """Records that were read and are not covered by the checkpoint or settled."""
        return len(self._order) - len(self._settled)

    def expect(self, sequence_number: str) -> None:
        """A record was read; records come in the shard's order."""
        self._order.append(sequence_number)

    def settle(self, sequence_numbers: Sequence[str]) -> None:
        """These records are done, in whatever order lanes finish."""
        self._settled.update(sequence_numbers)
        while self._order and self._order[0] in self._settled:
            self.checkpoint = self._order.popleft()
            self._settled.discard(self.checkpoint)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record that was read, and its size in an event."""

    record: StreamRecord
    size: int


class _Lane:
    """The records of a shard that are processed one batch after the other."""

    def __init__(self, opened_ms: int) -> None:
        self.waiting: deque[_Waiting] = deque()
        self.came = asyncio.Event()
        self.opened_ms = opened_ms


class ShardReader:
    """Reads one shard to its end, or until the delivery is told to stop."""

    def __init__(
        self,
        source: StreamSource,
        shard_id: str,
        delivery: BatchDelivery,
        *,
        after: str | None,
        not_before_ms: int | None = None,
        moved: Callable[[str], None],
    ) -> None:
        """Start after sequence number `after` (None: at the oldest record).

        Records that arrived before `not_before_ms` are passed over. `moved` gets each new
        checkpoint.
        """
        self.shard_id = shard_id
        self.ended = False
        self._source = source
        self._delivery = delivery
        self._mapping = delivery.mapping
        self._position = after
        self._not_before_ms = not_before_ms
        self._moved = moved
        self._progress = Progress(after)
        self._caught_up = False
        self._room = asyncio.Event()
        self._capacity = 2 * self._mapping.batch_size * self._mapping.parallelization_factor
        opened_ms = delivery.clock()
        self._lanes = [_Lane(opened_ms) for _ in range(self._mapping.parallelization_factor)]

    @property
    def idle(self) -> bool:
        """True when the last read found nothing more and nothing is waiting or running.

        Never true of a shard that has ended: its children are still to come.
        """
        return self._caught_up and not self._progress.open

    async def run(self) -> bool:
        """True when the shard has ended and all its records are settled, False when stopped."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            for lane in self._lanes:
                tasks.create_task(self._work(lane))
        return self.ended and not self._progress.open

    async def _read(self) -> None:
        """Keep the lanes filled until the shard ends; the last record ends every window."""
        stopping = self._delivery.stopping
        while not stopping.is_set() and not self.ended:
            room = self._capacity - self._progress.open
            if room < self._mapping.batch_size:
                self._room.clear()
                await self._room.wait()
                continue
            limit = min(room, _PAGE_LIMIT)
            page = await self._source.read(self.shard_id, self._position, limit)
            for record in page.records:
                self._take(record)
            self.ended = page.ended
            self._caught_up = not (page.records or page.behind_ms or page.ended)
            for lane in self._lanes:
                lane.came.set()
            if not page.ended and len(page.records) < limit:
                await pause(_CATCH_UP_S if page.behind_ms else POLL_S, stopping)
        self._wake()

    def _take(self, record: StreamRecord) -> None:
        """Put a record into its lane, or settle it at once if it is too early to be read."""
        self._position = record.sequence_number
        self._progress.expect(record.sequence_number)
        if self._not_before_ms is not None and record.arrived_ms < self._not_before_ms:
            self._settle([record])
            return
        size = json_size(
            kinesis_record(record, self.shard_id, self._source.arn, self._mapping.role_arn)
        )
        self._lanes[self._lane(record.partition_key)].waiting.append(_Waiting(record, size))

    def _lane(self, partition_key: str) -> int:
        """The lane of a partition key, the same in every run."""
        digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest, "big") % len(self._lanes)

    def _settle(self, records: Sequence[StreamRecord]) -> None:
        before = self._progress.checkpoint
        self._progress.settle([record.sequence_number for record in records])
        after = self._progress.checkpoint
        if after is not None and after != before:
            self._moved(after)
        self._room.set()

    async def _work(self, lane: _Lane) -> None:
        """Deliver one batch of the lane after the other."""
        while batch := await self._batch(lane):
            await self._delivery.deliver(self.shard_id, batch, self._settle)
            # The next window opens when the invocation is over.
            lane.opened_ms = self._delivery.clock()

    async def _batch(self, lane: _Lane) -> list[StreamRecord]:
        """The lane's next batch; empty when there will be none."""
        stopping = self._delivery.stopping
        while not lane.waiting:
            if self.ended or stopping.is_set():
                return []
            lane.came.clear()
            await lane.came.wait()
        window_ms = self._mapping.window_s * 1000
        now = self._delivery.clock()
        # Windows follow one another even when nothing came in one.
        ends_ms = now if not window_ms else now + window_ms - (now - lane.opened_ms) % window_ms
        while not stopping.is_set():
            count = fitting((item.size for item in lane.waiting), self._mapping.batch_size)
            left_ms = ends_ms - self._delivery.clock()
            full = count == self._mapping.batch_size or count < len(lane.waiting)
            if full or left_ms <= 0 or self.ended:
                return [lane.waiting.popleft().record for _ in range(count)]
            lane.came.clear()
            await pause(left_ms / 1000, lane.came)
        return []

    def _wake(self) -> None:
        """Let the lanes notice that nothing more will come."""
        for lane in self._lanes:
            lane.came.set()

    def stop(self) -> None:
        """Let everything that waits notice that the delivery is stopping."""
        self._room.set()
        self._wake()
