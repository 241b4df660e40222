"""Feed messages into a stream: routed by leg, aggregated per shard, put until acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.ingest.messages import leg_of
from pipeline.ingest.producer import (
    MAX_REQUEST_BYTES,
    MAX_REQUEST_RECORDS,
    Entry,
    Producer,
)
from pipeline.ingest.shards import ShardMap, ShardRange
from pipeline.kpl import Aggregator, UserRecord
from schemas.codec import encode
from schemas.records import FeedMessage

AGGREGATE_BYTES = 50_000 - 32
"""Two PUT payload units with room for the partition key (Kinesis pricing: one unit is 25 KB)."""


class LoadCounts(msgspec.Struct, frozen=True):
    """What became of a load. Every line is blank, a message or rejected.

    `unkeyed` messages name no leg; `kinesis_records` landed, `requests` were made for them and
    `retried` of them were sent again.
    """

    messages: int = 0
    acknowledged: int = 0
    rejected: int = 0
    blank: int = 0
    unkeyed: int = 0
    kinesis_records: int = 0
    requests: int = 0
    retried: int = 0

    def __add__(self, other: LoadCounts) -> LoadCounts:
        """Field by field."""
        names = self.__struct_fields__
        return LoadCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})


class _Filling:
    """The aggregated record of one shard that is being filled."""

    def __init__(self, shard: ShardRange, max_bytes: int) -> None:
        self.shard = shard
        self.aggregator = Aggregator(max_bytes)
        self.records: list[UserRecord] = []

    def add(self, record: UserRecord) -> bool:
        fits = self.aggregator.add(record)
        if fits:
            self.records.append(record)
        return fits

    def take(self) -> Entry:
        """The record to put; one message alone travels plain, as the KPL sends it."""
        records, self.records = self.records, []
        data = self.aggregator.take()
        if len(records) == 1:
            return plain_entry(records[0], self.shard)
        return Entry(
            # One key for all of a shard's records keeps their order under a parallelization factor.
            partition_key=self.shard.shard_id,
            explicit_hash_key=str(self.shard.first),
            data=data,
            legs=frozenset(record.partition_key for record in records),
            messages=len(records),
            shard_id=self.shard.shard_id,
        )


def plain_entry(record: UserRecord, shard: ShardRange | None = None) -> Entry:
    """A Kinesis record that is the user record itself."""
    return Entry(
        partition_key=record.partition_key,
        data=record.data,
        legs=frozenset((record.partition_key,)),
        shard_id=shard.shard_id if shard else None,
    )


class Loader:
    """Takes messages with `put`, any number at a time; after `flush` all are acknowledged."""

    def __init__(
        self, producer: Producer, *, aggregate: bool = True, max_bytes: int = AGGREGATE_BYTES
    ) -> None:
        """`max_bytes` bounds an aggregated record; a larger message travels alone."""
        self._producer = producer
        self._aggregate = aggregate
        self._max_bytes = max_bytes
        self._shards: ShardMap | None = None
        self._filling: dict[str, _Filling] = {}
        self._messages = self._unkeyed = 0

    @property
    def counts(self) -> LoadCounts:
        """What was handed over so far, and what of it Kinesis has acknowledged."""
        return LoadCounts(
            messages=self._messages,
            acknowledged=self._producer.acknowledged,
            unkeyed=self._unkeyed,
            kinesis_records=self._producer.landed,
            requests=self._producer.requests,
            retried=self._producer.retried,
        )

    def put(self, messages: Sequence[FeedMessage]) -> None:
        """Hand over messages in order; full requests are sent at once.

        Raises NotAcknowledgedError as `Producer.drain` does; `counts.messages` then says how many
        were taken over, and `flush` tries those again.
        """
        for message in messages:
            leg = leg_of(message)
            self._unkeyed += leg is None
            self._messages += 1
            record = UserRecord(leg or message.id, encode(message))
            if self._aggregate:
                self._route(record)
            else:
                self._producer.add(plain_entry(record))
            if (
                self._producer.pending >= 2 * MAX_REQUEST_RECORDS
                or self._producer.pending_bytes >= MAX_REQUEST_BYTES
            ):
                self._drain(self._producer.pending // 2)

    def flush(self) -> None:
        """Send what is left. Raises NotAcknowledgedError as `Producer.drain` does."""
        self._take_all()
        self._drain(0)

    def _take_all(self) -> None:
        for filling in self._filling.values():
            if filling.records:
                self._producer.add(filling.take())

    def _drain(self, down_to: int) -> None:
        self._producer.drain(down_to)
        if self._producer.moved:
            # The stream was resharded: what was made for the old shards is safe in any, and goes
            # first; what follows is made for the new ones.
            self._take_all()
            self._producer.drain()
            self._filling.clear()
            self._shards = None
            self._producer.moved = False

    def _route(self, record: UserRecord) -> None:
        if self._shards is None:
            self._shards = ShardMap(self._producer.stream.open_shards())
        shard = self._shards.shard_for(record.partition_key)
        if shard is None:
            self._producer.add(plain_entry(record))
            return
        filling = self._filling.get(shard.shard_id)
        if filling is None:
            filling = self._filling[shard.shard_id] = _Filling(shard, self._max_bytes)
        if filling.add(record):
            return
        if filling.records:
            self._producer.add(filling.take())
        if not filling.add(record):
            self._producer.add(plain_entry(record, shard))
