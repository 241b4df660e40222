"""What a demonstration run ends in: the numbers it prints, and prints as JSON."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.demo.journal import Conservation


class Letter(msgspec.Struct, frozen=True):
    """A dead letter as shown: its bytes in base64 when printed as JSON."""

    stage: str
    reason: str
    place: str
    body: bytes


class StageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stage's line of the table; counts are records."""

    stage: str
    records_in: int = msgspec.field(name="in")
    forwarded: int
    dropped: Mapping[str, int]
    rejected: int
    failed: int
    duplicate: int
    stale: int
    outputs: int
    in_queue: int
    in_dead_letters: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the right people were told of one kind of change, and nobody else.

    `due` are recipients with a booking and an address who have not opted out, per leg and channel.
    """

    legs: int
    due: int
    told: int
    missing: int
    stray: int


class Sent(msgspec.Struct, frozen=True):
    """One text handed to the sender, the address masked."""

    kind: str
    channel: str
    to: str
    text: str


class Latency(msgspec.Struct, frozen=True):
    """Feed receipt to hand-over in milliseconds of the run's clock."""

    p50: int
    p95: int
    p99: int
    most: int


class DemoOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run says; `states_hash` and `notices_hash` are the same for the same seed."""

    date: str
    seed: int
    backend: str
    flights: int
    feed_messages: int
    legs: int
    legs_cancelled: int
    stages: Sequence[StageRow]
    notices: Mapping[str, Mapping[str, int]]
    endings: Mapping[str, int]
    cancelled: Told
    reinstated: Told
    dead_letters: Sequence[Letter]
    conservation: Conservation
    requests: Mapping[str, int | float]
    detect_writes: Mapping[str, int]
    sends: int
    extra_sends: int
    kills: int
    recipients_told: int
    recipients_hash: str
    states_hash: str
    notices_hash: str
    latency_ms: Latency
    run_clock_s: float
    wall_s: float
    samples: Sequence[Sent]


def percentiles(ages_ms: Sequence[int]) -> Latency:
    """The usual four; zeros when nothing was sent."""
    ages = sorted(ages_ms) or [0]

    def at(share: float) -> int:
        return ages[min(len(ages) - 1, int(share * len(ages)))]

    return Latency(at(0.50), at(0.95), at(0.99), ages[-1])


def hash_of(rows: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over rows in sorted order, 64 hex digits."""
    return hashlib.sha256(msgspec.json.encode(sorted(rows))).hexdigest()


def by_kind(sent: Iterable[Sent]) -> dict[str, dict[str, int]]:
    """Texts by kind and channel."""
    counts: dict[str, Counter[str]] = {}
    for one in sent:
        counts.setdefault(one.kind, Counter())[one.channel] += 1
    return {kind: dict(sorted(channels.items())) for kind, channels in sorted(counts.items())}
