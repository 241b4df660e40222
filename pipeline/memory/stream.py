"""A Kinesis stream in memory, on any clock: shards, resharding, partial failures of PutRecords.

Behaviour: Amazon Kinesis Data Streams API reference (PutRecords, GetRecords, SplitShard,
MergeShards) and developer guide ("Key concepts": an MD5 of the partition key picks the shard).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.local.sources import Shard, StreamPage, StreamRecord

# Kinesis API reference, PutRecords and GetRecords, for a stream with records of up to 1 MiB.
RECORDS_LIMIT = 500
REQUEST_LIMIT = 5 * 1_048_576
RECORD_LIMIT = 1_048_576
PAGE_RECORDS = 10_000
PAGE_BYTES = 10 * 1_048_576
_KEY_LIMIT = 256
_HASH_KEYS = 1 << 128
_DEFAULT_RETENTION_S = 86_400
_FIRST_NUMBER = 49_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000


class StreamError(Exception):
    """Kinesis refuses the whole call; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class PutEntry:
    """One record to put. `explicit_hash_key` overrides the partition key's choice of shard."""

    data: bytes
    partition_key: str
    explicit_hash_key: int | None = None

    @property
    def size(self) -> int:
        """Bytes that count against the limits."""
        return len(self.data) + len(self.partition_key.encode())


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one entry: where it lies, or the error code for which it was not stored."""

    shard_id: str | None = None
    sequence_number: str | None = None
    error_code: str | None = None


@dataclass(slots=True)
class _Shard:
    """A shard: its range of hash keys (both ends belong to it), parents and records."""

    shard_id: str
    low: int
    high: int
    parents: tuple[str, ...] = ()
    closed: bool = False
    numbers: list[int] = field(default_factory=list)
    records: list[StreamRecord] = field(default_factory=list)


def kinesis_number(count: int) -> str:
    """The sequence number of the stream's `count`-th record: 56 digits, as in Kinesis."""
    return str(_FIRST_NUMBER + count)


class MemoryStream:
    """One stream, a StreamSource for its event source mapping.

    `clock` gives epoch milliseconds. `fail_put` may fail single entries of PutRecords by an error
    code. `number` turns the running count of records into a sequence number; it must grow.
    `record_limit` is the stream's maximum record size in bytes, up to 10 MiB.
    """

    def __init__(
        self,
        arn: str,
        clock: Callable[[], int],
        *,
        shard_count: int = 1,
        retention_s: int = _DEFAULT_RETENTION_S,
        fail_put: Callable[[PutEntry], str | None] | None = None,
        number: Callable[[int], str] = kinesis_number,
        record_limit: int = RECORD_LIMIT,
    ) -> None:
        if shard_count < 1:
            message = f"a stream has at least one shard, not {shard_count}"
            raise ValueError(message)
        self._arn = arn
        self._clock = clock
        self._retention_ms = retention_s * 1000
        self._fail_put = fail_put
        self._number = number
        self._record_limit = record_limit
        self._count = 0
        self._shards: dict[str, _Shard] = {}
        edges = [_HASH_KEYS * index // shard_count for index in range(shard_count + 1)]
        for low, above in pairwise(edges):
            self._add(low, above - 1)

    @property
    def arn(self) -> str:
        """The stream's ARN."""
        return self._arn

    def _add(self, low: int, high: int, parents: tuple[str, ...] = ()) -> str:
        shard_id = f"shardId-{len(self._shards):012d}"
        self._shards[shard_id] = _Shard(shard_id, low, high, parents)
        return shard_id

    # -- writing ---------------------------------------------------------------------------------

    def put_records(self, entries: Sequence[PutEntry]) -> list[PutResult]:
        """Put up to 500 records; each is stored or failed on its own, answers in their order.

        Raises StreamError for what Kinesis refuses as a whole.
        """
        self._check_call(entries)
        results: list[PutResult] = []
        for entry in entries:
            code = self._fail_put(entry) if self._fail_put else None
            results.append(PutResult(error_code=code) if code else self._store(entry))
        return results

    def put(self, data: bytes, partition_key: str, explicit_hash_key: int | None = None) -> str:
        """Put one record and return its sequence number. Raises StreamError as PutRecord would."""
        result = self.put_records([PutEntry(data, partition_key, explicit_hash_key)])[0]
        if result.sequence_number is None:
            raise StreamError(result.error_code or "InternalFailure", "the record was not stored")
        return result.sequence_number

    def _check_call(self, entries: Sequence[PutEntry]) -> None:
        if not 1 <= len(entries) <= RECORDS_LIMIT:
            raise StreamError(
                "ValidationException", f"{len(entries)} records in a call, 1 to {RECORDS_LIMIT}"
            )
        for index, entry in enumerate(entries):
            if not 1 <= len(entry.partition_key) <= _KEY_LIMIT:
                raise StreamError(
                    "ValidationException",
                    f"record {index}: a partition key has 1 to {_KEY_LIMIT} characters",
                )
            if entry.size > self._record_limit:
                raise StreamError(
                    "ValidationException",
                    f"record {index}: {entry.size} bytes with key, at most {self._record_limit}",
                )
            key = entry.explicit_hash_key
            if key is not None and not 0 <= key < _HASH_KEYS:
                raise StreamError(
                    "InvalidArgumentException", f"record {index}: hash key {key} is out of range"
                )
        size = sum(entry.size for entry in entries)
        if size > REQUEST_LIMIT:
            raise StreamError(
                "InvalidArgumentException", f"{size} bytes in a call, at most {REQUEST_LIMIT}"
            )

    def _store(self, entry: PutEntry) -> PutResult:
        digest = hashlib.md5(entry.partition_key.encode(), usedforsecurity=False).digest()
        key = entry.explicit_hash_key
        key = int.from_bytes(digest, "big") if key is None else key
        shard = next(
            shard
            for shard in self._shards.values()
            if not shard.closed and shard.low <= key <= shard.high
        )
        self._count += 1
        number = self._number(self._count)
        shard.numbers.append(int(number))
        shard.records.append(StreamRecord(number, entry.partition_key, entry.data, self._clock()))
        return PutResult(shard.shard_id, number)

    # -- resharding ------------------------------------------------------------------------------

    def split(self, shard_id: str, new_starting_hash_key: int | None = None) -> tuple[str, str]:
        """Split a shard at a hash key (None: in the middle) and return the children's ids."""
        shard = self._open(shard_id)
        key = (shard.low + shard.high + 1) // 2
        if new_starting_hash_key is not None:
            key = new_starting_hash_key
        if not shard.low < key <= shard.high:
            raise StreamError("InvalidArgumentException", f"{key} does not split {shard_id}")
        shard.closed = True
        lower = self._add(shard.low, key - 1, (shard_id,))
        return lower, self._add(key, shard.high, (shard_id,))

    def merge(self, shard_id: str, adjacent_shard_id: str) -> str:
        """Merge two adjacent shards and return the child's id."""
        shards = (self._open(shard_id), self._open(adjacent_shard_id))
        lower, upper = sorted(shards, key=lambda shard: shard.low)
        if lower.high + 1 != upper.low:
            raise StreamError(
                "InvalidArgumentException", f"{shard_id} and {adjacent_shard_id} are not adjacent"
            )
        lower.closed = upper.closed = True
        return self._add(lower.low, upper.high, (shard_id, adjacent_shard_id))

    def _open(self, shard_id: str) -> _Shard:
        shard = self._shards.get(shard_id)
        if shard is None or shard.closed:
            raise StreamError("ResourceNotFoundException", f"no open shard {shard_id}")
        return shard

    # -- reading ---------------------------------------------------------------------------------

    async def shards(self) -> list[Shard]:
        """All shards, open and closed."""
        return [Shard(shard.shard_id, shard.parents) for shard in self._shards.values()]

    async def read(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
        """Up to `limit` records after sequence number `after`, at most 10,000 and 10 MiB."""
        return self.page(shard_id, after, limit)

    def page(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
        """As `read`. What is older than the retention is gone. Raises StreamError."""
        shard = self._shards.get(shard_id)
        if shard is None:
            raise StreamError("ResourceNotFoundException", f"no shard {shard_id}")
        oldest = bisect_left(
            shard.records, self._clock() - self._retention_ms, key=lambda record: record.arrived_ms
        )
        begin = 0 if after is None else bisect_right(shard.numbers, int(after))
        end = begin = max(begin, oldest)
        size = 0
        while end < len(shard.records) and end - begin < min(limit, PAGE_RECORDS):
            size += len(shard.records[end].data)
            if size > PAGE_BYTES and end > begin:
                break
            end += 1
        left = end < len(shard.records)
        return StreamPage(
            records=shard.records[begin:end],
            behind_ms=self._clock() - shard.records[end].arrived_ms if left else 0,
            ended=shard.closed and not left,
        )
