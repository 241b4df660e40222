"""A day of a FlightAware Firehose feed: what each flight is told to be, and how it arrives.

The feed is made from true flights (`flights`), one story each (`story`), and is as untidy as real
ones: late, doubled and broken messages, keep-alives, a type nobody documents. Everything random
comes from one seeded generator, so the same flights and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec

from pipeline.demo.faults import broken, encode
from pipeline.demo.flights import Flight
from pipeline.demo.story import Fate, Kind, Told, story

BROKEN: Final = 25
REINSTATED: Final = 6
CANCELLED_TWICE: Final = 12
LATE: Final = 0.03
"""Share of messages that arrive 5 to 90 minutes after the others of their time."""
TWICE: Final = 0.02
"""Share of messages that arrive a second time, the same bytes, up to 10 minutes later."""

_MINUTE_MS: Final = 60_000
_HOUR: Final = 3_600
_DAYS_AHEAD: Final = 2


class FirehoseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the feed, without its line ending, and when it reached us (ms UTC).

    The rest is the truth about it, for tests and for the demonstration's account; no filter sees
    it. `leg` is the leg's key, None for keep-alives and broken messages; `fault` says how a
    broken message is broken; `duplicate` marks the second arrival only.
    """

    payload: bytes
    received_ms: int
    kind: Kind
    leg: str | None = None
    late: bool = False
    duplicate: bool = False
    fault: str | None = None


def messages(
    flights: Sequence[Flight], *, seed: int, duplicate: float = 0.0, shuffle: bool = False
) -> list[FirehoseLine]:
    """The feed's lines in the order of their arrival.

    `duplicate` is a share of messages sent again on top of the usual ones (1.0: as many again);
    `shuffle` lets everything arrive in random order within the same span of time, `pitr` unchanged.
    Raises ValueError without flights or with a negative share.
    """
    if not flights or duplicate < 0:
        raise ValueError("a feed needs at least one flight and a share of duplicates from 0 up")
    rng = Random(seed)  # noqa: S311  (seeded on purpose: the same feed every time)
    told = _stories(flights, rng)
    lines = [_arrived(one, leg, rng) for leg, one in told]
    lines = _delayed(lines, rng)
    lines += _again(lines, duplicate, rng)
    lines += _broken([one.fields for _, one in told if one.kind == "schedule"], lines, rng)
    lines.sort(key=lambda line: line.received_ms)
    return _shuffled(lines, rng) if shuffle else lines


def _stories(flights: Sequence[Flight], rng: Random) -> list[tuple[str | None, Told]]:
    """All messages with the leg each is about, keep-alives among them."""
    fates = _fates(flights, rng)
    odd = rng.choice(flights).leg
    told: list[tuple[str | None, Told]] = []
    for serial, flight in enumerate(flights):
        made = flight.out_scheduled // 1000 - _DAYS_AHEAD * 24 * _HOUR + rng.randint(-_HOUR, _HOUR)
        id_ = f"{flight.ident}-{made}-airline-{serial % 10_000:04d}"
        fate = fates[flight.leg]
        lines = story(flight, fate, id_=id_, odd=flight.leg == odd, rng=rng)
        told += [(flight.leg, one) for one in lines]
    moments = [one.at for _, one in told]
    return told + [(None, one) for one in _keepalives(min(moments), max(moments), rng)]


def _fates(flights: Sequence[Flight], rng: Random) -> dict[str, Fate]:
    fates: dict[str, Fate] = {f.leg: "cancelled" if f.cancelled else "flown" for f in flights}
    landed = [f.leg for f in flights if f.in_actual is not None]
    cancelled = [f.leg for f in flights if f.cancelled]
    fates.update(dict.fromkeys(rng.sample(landed, min(REINSTATED, len(landed))), "reinstated"))
    twice = rng.sample(cancelled, min(CANCELLED_TWICE, len(cancelled)))
    return fates | dict.fromkeys(twice, "cancelled_twice")


def _keepalives(first: int, last: int, rng: Random) -> list[Told]:
    """One every quarter of an hour or so, as a quiet feed sends them."""
    told = []
    at = first + rng.randint(60, 600)
    while at < last:
        server = str(at + rng.randint(1, 5))
        fields = {"type": "keepalive", "serverTime": server, "pitr": str(at)}
        told.append(Told(at, "keepalive", fields))
        at += rng.randint(600, 1_200)
    return told


def _arrived(told: Told, leg: str | None, rng: Random) -> FirehoseLine:
    received = told.at * 1000 + rng.randint(150, 2_500)
    return FirehoseLine(payload=encode(told.fields), received_ms=received, kind=told.kind, leg=leg)


def _delayed(lines: list[FirehoseLine], rng: Random) -> list[FirehoseLine]:
    """A share of the lines arrives late."""
    late = set(rng.sample(range(len(lines)), round(LATE * len(lines))))
    return [
        msgspec.structs.replace(
            line, received_ms=line.received_ms + rng.randint(5, 90) * _MINUTE_MS, late=True
        )
        if index in late
        else line
        for index, line in enumerate(lines)
    ]


def _again(lines: Sequence[FirehoseLine], more: float, rng: Random) -> list[FirehoseLine]:
    """A share of the lines arrives again."""
    chosen = rng.sample(lines, round(TWICE * len(lines)))
    chosen += rng.choices(lines, k=round(more * len(lines)))
    return [
        msgspec.structs.replace(
            line, received_ms=line.received_ms + rng.randint(500, 10 * _MINUTE_MS), duplicate=True
        )
        for line in chosen
    ]


def _broken(
    good: list[dict[str, str]], lines: Sequence[FirehoseLine], rng: Random
) -> list[FirehoseLine]:
    moments = [line.received_ms for line in lines]
    span = (min(moments), max(moments))
    return [
        FirehoseLine(payload=line, received_ms=rng.randint(*span), kind="broken", fault=fault)
        for fault, line in broken(BROKEN, good, rng)
    ]


def _shuffled(lines: list[FirehoseLine], rng: Random) -> list[FirehoseLine]:
    moments = [line.received_ms for line in lines]
    rng.shuffle(lines)
    return [
        msgspec.structs.replace(line, received_ms=at)
        for line, at in zip(lines, moments, strict=True)
    ]
