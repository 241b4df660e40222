"""Puts Kinesis records until each has landed, and keeps the order of those that share a leg.

PutRecords may store some of its records and refuse others with HTTP 200, and it promises no order
within a request (Kinesis API reference, PutRecords). So only refused records are sent again, and a
record waits while an earlier one with a leg of its own is still under way.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from pipeline.ingest.shards import ShardRange

MAX_REQUEST_RECORDS = 500
"""Kinesis API reference, PutRecords."""
MAX_REQUEST_BYTES = 5 * 1024 * 1024
"""Data and partition keys of a request; 10 MiB on AWS today, 5 MiB on endpoints that lag behind."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One Kinesis record to put: its bytes, and the legs and number of the messages inside."""

    partition_key: str
    data: bytes
    legs: frozenset[str]
    messages: int = 1
    explicit_hash_key: str | None = None
    shard_id: str | None = None

    @property
    def size(self) -> int:
        """Bytes that count against the request's limit."""
        return len(self.data) + len(self.partition_key.encode())


class Landed(msgspec.Struct, frozen=True, gc=False):
    """Kinesis has stored the record, in this shard."""

    shard_id: str


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Kinesis has not stored the record."""

    code: str
    message: str = ""


PutResult: TypeAlias = Landed | Refused


class CallFailedError(Exception):
    """A whole request came to nothing known, but may succeed if sent again.

    `code` is the service's or the connection's word for it.
    """

    def __init__(self, code: str, message: str) -> None:
        """State both."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PutRecords(Protocol):
    """A stream that takes records."""

    def open_shards(self) -> Sequence[ShardRange]:
        """The shards that take records now."""

    def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
        """Put up to 500 records; one result for each, in their order.

        Raises CallFailedError when the request may be sent again; other errors are final.
        """


class NotAcknowledgedError(Exception):
    """Kinesis did not take some records within the attempts allowed; they are still pending."""

    def __init__(self, left: Sequence[Entry], attempts: int, last: Refused) -> None:
        """`left`: every entry that has not landed, in order; `last`: why the first gave up."""
        self.left = tuple(left)
        self.messages = sum(entry.messages for entry in left)
        self.last = last
        legs = sorted(set().union(*(entry.legs for entry in left)))
        named = ", ".join(legs[:3]) + (", ..." if legs[3:] else "")
        super().__init__(
            f"{self.messages} messages in {len(left)} Kinesis records were not acknowledged after "
            f"{attempts} attempts: {last.code}: {last.message} ({len(legs)} legs: {named})"
        )


class Backoff(msgspec.Struct, frozen=True):
    """How often a record is tried, and the full jitter between tries.

    Before try n + 1 the wait is uniform between 0 and min(cap, first * 2 ** (n - 1)) seconds (AWS
    Architecture Blog, Exponential Backoff And Jitter).
    """

    attempts: int = 12
    first_s: float = 0.05
    cap_s: float = 5.0

    def longest(self, tried: int) -> float:
        """The upper end of the wait, in seconds, after `tried` tries."""
        return min(self.cap_s, self.first_s * 2.0 ** (tried - 1))


class _Pending:
    __slots__ = ("entry", "tried")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.tried = 0


class Producer:
    """Entries go in with `add`, in order; `drain` returns when Kinesis has taken them all.

    Counts: `acknowledged` messages, `landed` Kinesis records, `requests`, and `retried` (records
    sent again). `moved` becomes True when a record lands in another shard than the one it was
    made for; whoever keeps the shard map resets it.
    """

    def __init__(
        self,
        stream: PutRecords,
        *,
        backoff: Backoff | None = None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`sleep` takes seconds; `uniform` draws the jitter."""
        self.stream = stream
        self.acknowledged = self.landed = self.requests = self.retried = 0
        self.moved = False
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._uniform = uniform
        self._pending: list[_Pending] = []
        self.pending_bytes = 0

    @property
    def pending(self) -> int:
        """Kinesis records that have not landed."""
        return len(self._pending)

    def add(self, entry: Entry) -> None:
        """Queue a record behind those added before."""
        self._pending.append(_Pending(entry))
        self.pending_bytes += entry.size

    def drain(self, down_to: int = 0) -> None:
        """Put pending records until at most `down_to` are left.

        Raises NotAcknowledgedError when one has used up its attempts; it and whatever else has
        not landed stay pending, and a later `drain` begins anew with them.
        """
        while len(self._pending) > down_to:
            request = self._request()
            refused = self._put(request)
            if not refused:
                continue
            worst, why = max(refused, key=lambda pair: pair[0].tried)
            if worst.tried >= self._backoff.attempts:
                left = [waiting.entry for waiting in self._pending]
                for waiting in self._pending:
                    waiting.tried = 0
                tries = self._backoff.attempts
                raise NotAcknowledgedError(left, tries, why)
            self._sleep(self._uniform(0.0, self._backoff.longest(worst.tried)))

    def _request(self) -> list[_Pending]:
        """The next request: in order, and no leg in two of its records or past a waiting one."""
        request: list[_Pending] = []
        taken: set[str] = set()
        size = 0
        for waiting in self._pending:
            entry = waiting.entry
            if taken.isdisjoint(entry.legs) and (
                not request or size + entry.size <= MAX_REQUEST_BYTES
            ):
                request.append(waiting)
                size += entry.size
                if len(request) == MAX_REQUEST_RECORDS:
                    break
            taken |= entry.legs
        return request

    def _put(self, request: list[_Pending]) -> list[tuple[_Pending, Refused]]:
        """Send one request; what was refused, and why."""
        self.requests += 1
        self.retried += sum(1 for waiting in request if waiting.tried)
        try:
            results = self.stream.put([waiting.entry for waiting in request])
        except CallFailedError as error:
            results = [Refused(error.code, error.message)] * len(request)
        refused: list[tuple[_Pending, Refused]] = []
        landed: set[int] = set()
        for waiting, result in zip(request, results, strict=True):
            waiting.tried += 1
            if isinstance(result, Refused):
                refused.append((waiting, result))
                continue
            landed.add(id(waiting))
            self._count(waiting.entry, result)
        self._pending = [waiting for waiting in self._pending if id(waiting) not in landed]
        return refused

    def _count(self, entry: Entry, result: Landed) -> None:
        self.landed += 1
        self.acknowledged += entry.messages
        self.pending_bytes -= entry.size
        self.moved |= entry.shard_id is not None and entry.shard_id != result.shard_id
