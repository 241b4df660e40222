"""The legs that a change in a schedule telegram is about, each on its day and with its times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from filters.normalize.schedules import timetable
from filters.normalize.schedules.asm.grammar import Change, Element, FlightLine, Leg
from filters.normalize.schedules.timetable import Call, Times
from schemas.records import DateBasis

_LATER_LEGS = range(-1, 5)  # days after the flight's; -1 is over the date line
_CARRIES_NUMBERS = frozenset((10, 50))


class Target(NamedTuple):
    """A leg, or with empty ends all legs: what is known of it on one date of the flight.

    `day` is that of its departure, in UTC or local; `moved` says that the message puts it on
    another day than the flight's.
    """

    origin: str
    destination: str
    day: dt.date
    times: Times
    basis: DateBasis = "scheduled"
    moved: bool = False
    evidence: tuple[str, ...] = ()


def targets(change: Change, line: FlightLine, date: dt.date, *, utc: bool) -> list[Target]:
    """The legs with times; without any the legs named; without these the whole flight.

    Data elements of segments name the legs that begin there.
    """
    if change.legs:
        return _timed(change.legs, date, utc=utc)
    untold = Times(None, None)
    if line.route:
        # When the later legs of a chain leave is not told; mostly it is the same day.
        return [
            Target(origin, destination, date, untold, "filed" if number else "scheduled")
            for number, (origin, destination) in enumerate(pairwise(line.route))
        ]
    numbered = (e.board for e in change.elements if e.board and e.number in _CARRIES_NUMBERS)
    boards = dict.fromkeys(numbered) or {"": None}
    return [Target(board, "", date, untold, "filed" if board else "scheduled") for board in boards]


def _timed(legs: Sequence[Leg], date: dt.date, *, utc: bool) -> list[Target]:
    found: list[Target] = []
    before: int | None = None
    for leg in legs:
        shift, times = _times(leg, date, before, utc=utc)
        before = times.on_block or times.out or before
        evidence = [f"flight_date={date}"] if shift else []
        for end, stop, moment in (
            ("out", leg.departure, times.out),
            ("in", leg.arrival, times.on_block),
        ):
            evidence += [f"aircraft_{end}={stop.aircraft}"] if stop.aircraft else []
            evidence += [] if moment is not None else [f"unread={end}_scheduled"]
        origin, destination = leg.departure.station, leg.arrival.station
        day = date + dt.timedelta(days=shift)
        moved = shift != 0 and not found
        found.append(Target(origin, destination, day, times, "scheduled", moved, tuple(evidence)))
    return found


def _times(leg: Leg, date: dt.date, before: int | None, *, utc: bool) -> tuple[int, Times]:
    """How many days after the flight's date a leg leaves, and when.

    The first leg leaves on the day told. A later one too, if that is after the leg before it has
    arrived (`before`), else on the first day that is.
    """
    told = timetable.variation(leg.departure.variation)
    arrives = timetable.variation(leg.arrival.variation)
    departure = Call(leg.departure.station, timetable.clock(leg.departure.clock))
    arrival = Call(leg.arrival.station, timetable.clock(leg.arrival.clock))

    def on(shift: int) -> Times:
        day = date + dt.timedelta(days=shift)
        hint = None if arrives is None else arrives - shift
        return timetable.leg_times(departure, arrival, day, utc=utc, arrives=hint)

    if before is not None:
        for shift in (*(() if told is None else (told,)), *_LATER_LEGS):
            times = on(shift)
            if times.out is not None and times.out >= before:
                return shift, times
    return told or 0, on(told or 0)


def elements_for(
    found: Sequence[Target], number: int, elements: Sequence[Element]
) -> list[Element]:
    """The data elements of the leg with that index: those of the flight and of its segments."""
    stations = [*(target.origin for target in found), found[-1].destination]

    def covers(element: Element) -> bool:
        if not element.board or stations == ["", ""]:
            return not element.board
        if element.board not in stations[: number + 1]:
            return False
        board = max(i for i, name in enumerate(stations[: number + 1]) if name == element.board)
        if element.off not in stations[number + 1 :]:
            return board == number
        return element.off not in stations[board + 1 : number + 1]

    return [element for element in elements if covers(element)]
