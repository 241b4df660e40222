"""A stream's event source mapping: all its shards, parents before children, from a checkpoint.

Sources: AWS Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data
Streams"; Amazon Kinesis Data Streams developer guide, "After resharding" (a child is read when its
parent is drained, so that the records of a key stay in order).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping

from pipeline.local.kinesis_batch import BatchDelivery
from pipeline.local.kinesis_shard import ShardReader
from pipeline.local.mapping import KinesisMapping, Tally
from pipeline.local.sources import FailureDestination, Invoker, Shard, StreamSource

# In place of a checkpoint, for a shard that was closed and is drained.
SHARD_END = "SHARD_END"
_PAGE_LIMIT = 10_000


class KinesisPoller:
    """One mapping of a stream.

    `checkpoints` holds the last settled sequence number per shard, or SHARD_END; it is kept up to
    date, and a poller that is given it goes on from there. Records that were read but not settled
    when the poller stopped are delivered again by the next one. `warn` gets a sentence about each
    kind of trouble, once.
    """

    def __init__(
        self,
        mapping: KinesisMapping,
        source: StreamSource,
        invoker: Invoker,
        *,
        clock: Callable[[], int],
        destination: FailureDestination | None = None,
        checkpoints: MutableMapping[str, str] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.mapping = mapping
        self.checkpoints: MutableMapping[str, str] = {} if checkpoints is None else checkpoints
        self._source = source
        self._delivery = BatchDelivery(mapping, invoker, destination, clock=clock, warn=warn)
        self._readers: dict[str, ShardReader] = {}
        self._changed = asyncio.Event()
        self._listed = False

    @property
    def tally(self) -> Tally:
        """What the mapping has done so far."""
        return self._delivery.tally

    @property
    def idle(self) -> bool:
        """True when every shard in reach was read to its tip and no record is unsettled.

        A record put after the last poll is not seen yet: let a second pass to be sure.
        """
        return self._listed and all(reader.idle for reader in self._readers.values())

    @property
    def busy(self) -> bool:
        """Not idle."""
        return not self.idle

    def stop(self) -> None:
        """Start no more invocations. `run` returns when those that are running have answered."""
        self._delivery.stopping.set()
        for reader in self._readers.values():
            reader.stop()
        self._changed.set()

    async def run(self) -> None:
        """Read until `stop`; a disabled mapping returns at once."""
        if not self.mapping.enabled:
            return
        shards = await self._source.shards()
        for shard in shards:
            await self._skip_to_latest(shard.shard_id)
        first = {shard.shard_id for shard in shards}
        stopping = self._delivery.stopping
        async with asyncio.TaskGroup() as tasks:
            while not stopping.is_set():
                self._changed.clear()
                for shard in self._readable(await self._source.shards()):
                    reader = self._reader(shard.shard_id, first)
                    self._readers[shard.shard_id] = reader
                    tasks.create_task(self._run_reader(reader))
                self._listed = True
                await self._changed.wait()

    async def _skip_to_latest(self, shard_id: str) -> None:
        """For LATEST, take what the shard holds now as done."""
        if self.mapping.starting_position != "LATEST" or shard_id in self.checkpoints:
            return
        while True:
            position = self.checkpoints.get(shard_id)
            page = await self._source.read(shard_id, position, _PAGE_LIMIT)
            if page.records:
                self.checkpoints[shard_id] = page.records[-1].sequence_number
            elif page.ended or not page.behind_ms:
                return

    def _readable(self, shards: list[Shard]) -> list[Shard]:
        """Shards to start now: those not started or drained yet, whose parents are drained.

        A parent that is not listed any more has expired with all its records.
        """
        listed = {shard.shard_id for shard in shards}
        return [
            shard
            for shard in shards
            if shard.shard_id not in self._readers
            and not self._drained(shard.shard_id)
            and all(self._drained(parent) for parent in shard.parents if parent in listed)
        ]

    def _drained(self, shard_id: str) -> bool:
        return self.checkpoints.get(shard_id) == SHARD_END

    def _reader(self, shard_id: str, first: set[str]) -> ShardReader:
        timed = self.mapping.starting_position == "AT_TIMESTAMP" and shard_id in first

        def moved(sequence_number: str) -> None:
            self.checkpoints[shard_id] = sequence_number

        return ShardReader(
            self._source,
            shard_id,
            self._delivery,
            after=self.checkpoints.get(shard_id),
            not_before_ms=self.mapping.starting_timestamp_ms if timed else None,
            moved=moved,
        )

    async def _run_reader(self, reader: ShardReader) -> None:
        """Read one shard; when it is drained, its children may start."""
        if await reader.run():
            self.checkpoints[reader.shard_id] = SHARD_END
            del self._readers[reader.shard_id]
            self._listed = False
            self._changed.set()
