"""One flight told as FlightAware Firehose would tell it, from the day before until on-block.

Shapes after FlightAware, "Firehose Documentation", chapter Messages: one object per message, every
value a string, epochs in seconds UTC. Off-block and on-block are the data's minutes; take-off and
touchdown share out the data's taxi time; estimates, gates and the hour of a cancellation are
invented. `at` is the message's `pitr`, FlightAware's point in time of receipt.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final, Literal, TypeAlias

import msgspec

from filters import reference
from pipeline.demo.flights import Flight

Kind: TypeAlias = Literal[
    "schedule",
    "estimate",
    "gates",
    "weak_cancellation",
    "cancellation",
    "reinstatement",
    "offblock",
    "departure",
    "enroute",
    "position",
    "arrival",
    "onblock",
    "unknown",
    "keepalive",
    "broken",
]
"""What a message is for. `enroute` and `reinstatement` are flifo messages, as is `estimate`."""

Fate: TypeAlias = Literal["flown", "reinstated", "cancelled", "cancelled_twice"]
"""`reinstated`: cancelled, taken back, flown. `cancelled_twice`: at first without certainty."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_TAXI_OUT: Final = 15 * _MINUTE
_TAXI_IN: Final = 7 * _MINUTE
_LEAD: Final = 5 * _MINUTE  # an estimate lies at least so far ahead of the moment it is given
_FACILITY: Final = {"facility_hash": "0D13B6A2C5F4E789", "facility_name": "Airline"}
_RADAR: Final = {"facility_hash": "51A7C0FE94D2B386", "facility_name": "FlightAware ADS-B"}
# Shares, invented: cancelled on the afternoon before; of the others, delayed at first; cancelled
# after the gates were named; estimates beyond the final delay; flights seen by radar.
_DAY_BEFORE, _DELAYED_FIRST, _GATE_FIRST, _BEYOND, _SEEN = 0.55, 0.5, 0.3, 0.15, 0.25


class Told(msgspec.Struct, frozen=True):
    """One message: when FlightAware received it (epoch seconds), what for, and its fields."""

    at: int
    kind: Kind
    fields: dict[str, str]


class _Clock(msgspec.Struct, frozen=True):
    """A flight's own times in epoch seconds."""

    out: int
    in_: int
    out_actual: int | None
    off_actual: int | None
    on_actual: int | None
    in_actual: int | None


def story(flight: Flight, fate: Fate, *, id_: str, odd: bool, rng: Random) -> list[Told]:
    """All messages of one flight by `pitr`, no two with the same one.

    `id_` is FlightAware's flight id; `odd` adds a message of a type that nobody documents.
    """
    clock = _clock(flight, rng)
    plan = _scheduled(clock)
    told: list[Told] = []
    created = clock.out - _DAY + rng.randint(-_HOUR, _HOUR)
    if clock.out_actual is None:
        told += _cancelling(clock, plan, fate, rng)
        created = min(created, min(one.at for one in told) - rng.randint(1, 3) * _HOUR)
    else:
        if fate == "reinstated":
            told += _taken_back(clock, plan, rng)
        told += _waiting(clock, plan, rng)
        told += _flying(flight, clock, plan, rng)
    if odd:
        told.append(
            Told(clock.out - 4 * _HOUR, "unknown", {"type": "cabinReadiness", "level": "2"})
        )
    told.append(Told(created, "schedule", {"type": "flifo", "status": "S", **plan}))
    return [_named(flight, id_, one) for one in _one_by_one(told)]


def _clock(flight: Flight, rng: Random) -> _Clock:
    out, in_ = flight.out_scheduled // 1000, flight.in_scheduled // 1000
    if flight.out_actual is None:
        return _Clock(out, in_, None, None, None, None)
    left = flight.out_actual // 1000
    if flight.in_actual is None or flight.air_minutes is None:
        return _Clock(out, in_, left, left + rng.randint(12, 30) * _MINUTE, None, None)
    arrived = flight.in_actual // 1000
    ground = arrived - left - flight.air_minutes * _MINUTE
    taxi_in = round(ground * rng.uniform(0.2, 0.4))
    return _Clock(out, in_, left, left + ground - taxi_in, arrived - taxi_in, arrived)


def _scheduled(clock: _Clock) -> dict[str, str]:
    return {
        "scheduled_out": str(clock.out),
        "scheduled_off": str(clock.out + _TAXI_OUT),
        "scheduled_on": str(clock.in_ - _TAXI_IN),
        "scheduled_in": str(clock.in_),
    }


def _estimated(clock: _Clock, out: int) -> dict[str, str]:
    """Estimates that follow from an off-block time; some of a delay is made good on the way."""
    late = out - clock.out
    in_ = clock.in_ + late - max(0, min(late // 4, 10 * _MINUTE))
    return {
        "estimated_out": str(out),
        "estimated_off": str(out + _TAXI_OUT),
        "estimated_on": str(in_ - _TAXI_IN),
        "estimated_in": str(in_),
    }


def _estimate(clock: _Clock, at: int, late: float) -> int:
    """An off-block estimate as given at `at`: whole minutes, never in the past."""
    return math.ceil(max(clock.out + late, at + _LEAD) / _MINUTE) * _MINUTE


def _flifo(
    kind: Kind, at: int, clock: _Clock, plan: dict[str, str], late: float, status: str = "S"
) -> Told:
    guess = _estimated(clock, _estimate(clock, at, late))
    return Told(at, kind, {"type": "flifo", "status": status, **plan, **guess})


def _creeping(
    clock: _Clock, plan: dict[str, str], span: tuple[int, int], late: int, rng: Random
) -> list[Told]:
    """Estimates within `span` that creep towards `late` seconds, now and then beyond it."""
    steps = _steps(abs(late) // _MINUTE, rng)
    moments = sorted(rng.randint(*span) for _ in range(steps))
    told = []
    for step, at in enumerate(moments, start=1):
        guess = late * step / steps
        if step == steps:
            guess += rng.randint(-4, 4) * _MINUTE
        elif rng.random() < _BEYOND:
            guess = late * rng.uniform(1.1, 1.4)
        told.append(_flifo("estimate", at, clock, plan, round(guess / 300) * 300))
    return told


def _steps(minutes: int, rng: Random) -> int:
    """How many estimates a delay of that many minutes brings."""
    for limit, least, most in ((5, 0, 1), (15, 1, 1), (30, 1, 2), (60, 2, 4), (120, 3, 6)):
        if minutes < limit:
            return rng.randint(least, most)
    return rng.randint(4, 8)


def _cancellation(kind: Kind, at: int, clock: _Clock, *, certain: bool) -> Told:
    fields = {
        "type": "cancellation",
        "status": "X",
        "trueCancel": "1" if certain else "0",
        "fdt": str(clock.out),
        "edt": str(clock.out),
        "eta": str(clock.in_),
        "ete": str(clock.in_ - clock.out),
    }
    return Told(at, kind, fields)


def _cancelling(clock: _Clock, plan: dict[str, str], fate: Fate, rng: Random) -> list[Told]:
    """A cancellation on the afternoon before or 2 to 12 hours ahead, some after creeping delays."""
    noon = (clock.out - 5 * _HOUR) // _DAY * _DAY + 17 * _HOUR - _DAY  # 12:00 EST the day before
    at = clock.out - rng.randint(2 * _HOUR, 12 * _HOUR)
    told = []
    if rng.random() < _DAY_BEFORE:
        at = noon + rng.randint(0, 6 * _HOUR + _HOUR // 2)
    elif rng.random() < _DELAYED_FIRST:
        span = (at - 3 * _HOUR, at - 10 * _MINUTE)
        told += _creeping(clock, plan, span, rng.randint(30, 150) * _MINUTE, rng)
    if rng.random() < _GATE_FIRST:
        told.append(_gates(at - rng.randint(30, 90) * _MINUTE, plan, None, rng))
    if fate == "cancelled_twice":
        before = at - rng.randint(20, 90) * _MINUTE
        told.append(_cancellation("weak_cancellation", before, clock, certain=False))
    told.append(_cancellation("cancellation", at, clock, certain=True))
    return told


def _taken_back(clock: _Clock, plan: dict[str, str], rng: Random) -> list[Told]:
    """A cancellation five to nine hours ahead, taken back 46 to 80 minutes later."""
    at = clock.out - rng.randint(5 * _HOUR, 9 * _HOUR)
    back = at + rng.randint(46, 80) * _MINUTE
    return [
        _cancellation("cancellation", at, clock, certain=True),
        _flifo("reinstatement", back, clock, plan, rng.randint(0, 4) * 5 * _MINUTE),
    ]


def _waiting(clock: _Clock, plan: dict[str, str], rng: Random) -> list[Told]:
    """From three hours ahead until the aircraft leaves: estimates, and the gates once."""
    if clock.out_actual is None:
        return []
    opens = clock.out - 3 * _HOUR
    late = clock.out_actual - clock.out
    told = _creeping(clock, plan, (opens, clock.out_actual - 10 * _MINUTE), late, rng)
    at = rng.randint(opens, clock.out - 2 * _HOUR)
    known = max((one for one in told if one.at <= at), key=lambda one: one.at, default=None)
    told.append(_gates(at, plan, known, rng))
    return told


def _gates(at: int, plan: dict[str, str], known: Told | None, rng: Random) -> Told:
    """Gates and terminals, with the estimates given so far; it names neither end, as in life."""
    estimates = ("estimated_out", "estimated_in")
    fields = {
        "type": "extendedFlightInfo",
        "scheduled_out": plan["scheduled_out"],
        "scheduled_in": plan["scheduled_in"],
        **({} if known is None else {name: known.fields[name] for name in estimates}),
        "scheduled_departure_terminal": rng.choice("ABCD"),
        "estimated_departure_gate": f"{rng.choice('ABCD')}{rng.randint(1, 38)}",
        "estimated_arrival_gate": f"{rng.choice('ABCDE')}{rng.randint(1, 60)}",
    }
    return Told(at, "gates", fields)


def _flying(flight: Flight, clock: _Clock, plan: dict[str, str], rng: Random) -> list[Told]:
    """Off-block to on-block; nothing of the arrival where the data do not know it."""
    left, off = clock.out_actual, clock.off_actual
    if left is None or off is None:
        return []
    told = [
        Told(left + rng.randint(5, 90), "offblock", {"type": "offblock", "clock": str(left)}),
        Told(off + rng.randint(3, 60), "departure", {"type": "departure", "adt": str(off)}),
    ]
    on, arrived = clock.on_actual, clock.in_actual
    due = clock.in_ + max(0, left - clock.out) if arrived is None else arrived
    told += [_enroute(clock, plan, due, (left, off), rng) for _ in range(rng.randint(0, 2))]
    if on is None or arrived is None:
        return told
    if rng.random() < _SEEN:
        told.append(_position(flight, off, on, rng))
    landed = {"type": "arrival", "aat": str(on), "timeType": "actual"}
    told.append(Told(on + rng.randint(3, 60), "arrival", landed))
    parked = {"type": "onblock", "clock": str(arrived)}
    told.append(Told(arrived + rng.randint(61, 150), "onblock", parked))
    return told


def _enroute(
    clock: _Clock, plan: dict[str, str], due: int, left: tuple[int, int], rng: Random
) -> Told:
    """A flifo on the way: what has happened, and when the arrival is expected."""
    out, off = left
    on = due - _TAXI_IN if clock.on_actual is None else clock.on_actual
    at = rng.randint(off + 2 * _MINUTE, max(off + 3 * _MINUTE, on - 5 * _MINUTE))
    guess = max(due + rng.randint(-6, 6) * _MINUTE, at + _TAXI_IN + _LEAD)
    fields = {
        "type": "flifo",
        "status": "A",
        **plan,
        "actual_out": str(out),
        "actual_off": str(off),
        "estimated_on": str(guess - _TAXI_IN),
        "estimated_in": str(guess),
    }
    return Told(at, "enroute", fields)


def _position(flight: Flight, off: int, on: int, rng: Random) -> Told:
    """One radar position on the straight line between the airports."""
    at = rng.randint(off + _MINUTE, on - 1)
    share = (at - off) / (on - off)
    start, end = reference.airport(flight.origin), reference.airport(flight.destination)
    if start is None or end is None:
        message = f"no such airport: {flight.origin} or {flight.destination}"
        raise ValueError(message)
    south_north = start.latitude + share * (end.latitude - start.latitude)
    west_east = start.longitude + share * (end.longitude - start.longitude)
    fields = {
        "type": "position",
        "clock": str(at),
        "air_ground": "A",
        "alt": str(rng.randint(80, 390) * 100),
        "altChange": " ",
        "gs": str(rng.randint(280, 510)),
        "heading": str(rng.randint(0, 359)),
        "lat": f"{south_north:.5f}",
        "lon": f"{west_east:.5f}",
        "updateType": "A",
        **_RADAR,
    }
    return Told(at + rng.randint(1, 20), "position", fields)


def _one_by_one(told: list[Told]) -> list[Told]:
    """By time, each at least a second after the one before: `pitr` alone gives the order."""
    ordered: list[Told] = []
    for one in sorted(told, key=lambda one: one.at):
        at = max(one.at, ordered[-1].at + 1) if ordered else one.at
        ordered.append(msgspec.structs.replace(one, at=at))
    return ordered


def _named(flight: Flight, id_: str, told: Told) -> Told:
    """The message with its `pitr` and the flight it is about."""
    fields = {"pitr": str(told.at), **_FACILITY, **told.fields, "ident": flight.ident, "id": id_}
    if told.fields["type"] != "extendedFlightInfo":
        fields |= {"orig": _icao(flight.origin), "dest": _icao(flight.destination)}
    if flight.tail is not None and told.kind != "schedule":
        fields["reg"] = flight.tail
    return msgspec.structs.replace(told, fields=fields)


def _icao(code: str) -> str:
    airport = reference.airport(code)
    return code if airport is None else airport.icao
