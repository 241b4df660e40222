"""A flight day: the legs of a flight number on a date, and what was said before they were known.

Movement messages, AIDX and schedule messages name a leg by number, date and one of its airports,
or by number and date alone; only the schedule of another feed tells which local date, hence which
leg, that is. So each leg is listed under its number and its dates, and a status that names no leg
itself finds it there or is parked there until the leg is listed (IATA SSIM chapter 2; AHM 780).

A flight day is a `LegState` of its own, under `~day:<flight>.<date>`. Its cells are the listed legs
(by leg key) and the parked registers (by `<selector>|<register>`); both only grow or get newer, so
any order of arrival ends in the same day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from filters import reference
from filters.legs import Cell, LegState, Verdict, cells_of, leg_key, version_of
from schemas.records import FlightStatus

_DAY = "~day:"
_PARKED = "|"
_ENDS = ("destination", "planned_destination")
_MOST_DIVERSIONS = 2  # in a row, on one leg and day
_MARK = re.compile(r"[A-Z0-9-]{1,10}")


class Selector(NamedTuple):
    """How a status names its leg within a flight day.

    `by` is `utc` or `local`, the kind of date; `end` is `dep`, `arr` or `all`; `airport` and `tail`
    may be empty.
    """

    by: str
    end: str
    airport: str = ""
    tail: str = ""

    @property
    def text(self) -> str:
        """As it stands in front of a parked register."""
        return ".".join(self)


class Listed(NamedTuple):
    """One leg in a flight day: whether the date is its UTC or local one, its ends, its aircraft."""

    utc: bool
    local: bool
    airports: frozenset[str]
    tail: str

    @property
    def text(self) -> str:
        """As it stands in a cell."""
        by = ("u" if self.utc else "") + ("l" if self.local else "")
        return f"{by};{','.join(sorted(self.airports))};{self.tail}"

    @classmethod
    def of(cls, text: str) -> Listed:
        """Read from a cell."""
        by, airports, tail = text.split(";")
        return cls("u" in by, "l" in by, frozenset(filter(None, airports.split(","))), tail)


def selector(status: FlightStatus) -> Selector | None:
    """How the status names its leg; None when it names it by key, or by no date at all."""
    if leg_key(status) is not None:
        return None
    by = "utc" if status.utc_date else "local"
    if not (status.utc_date or status.date):
        return None
    if status.origin:
        return Selector(by, "dep", status.origin)
    station = status.planned_destination or status.destination
    if station:
        return Selector(by, "arr", station, _tail(status))
    return Selector(by, "all")


def _tail(status: FlightStatus) -> str:
    """The registration, if it can stand in a name."""
    mark = status.registration or ""
    return mark if _MARK.fullmatch(mark) else ""


def day_keys(status: FlightStatus) -> tuple[str, ...]:
    """The flight days of the status: by UTC date and, for a dated leg, by local date too."""
    flight = f"{status.airline}{status.number}{status.suffix}"
    if leg_key(status) is None:
        dates = {status.utc_date or status.date}
    else:
        dates = _utc_dates(status)
        if dates:
            dates.add(status.date)
    return tuple(f"{_DAY}{flight}.{date}" for date in sorted(filter(None, dates)))


def _utc_dates(status: FlightStatus) -> set[str | None]:
    dates: set[str | None] = {status.utc_date} if status.utc_date else set()
    if status.out_scheduled is not None:
        dates.add(reference.local_date(status.out_scheduled, "UTC"))
    return dates


def enlisted(day: LegState, leg: str, status: FlightStatus) -> LegState:
    """The day with the leg in it, as the status knows it; the same day when it says nothing new."""
    date = day.key.rpartition(".")[2]
    ends = {status.destination, status.planned_destination} - {None}
    said = Listed(
        utc=date in _utc_dates(status),
        local=date == leg.rpartition(".")[2],
        airports=frozenset(end for end in ends if end),
        tail=_tail(status),
    )
    known = listing(day).get(leg)
    if known is not None:
        said = Listed(
            utc=said.utc or known.utc,
            local=said.local or known.local,
            airports=said.airports | known.airports,
            # The greater of two, so that the order of arrival does not matter.
            tail=max(said.tail, known.tail),
        )
    if said == known:
        return day
    cell = Cell(said.text, version_of(status))
    return msgspec.structs.replace(day, cells={**day.cells, leg: cell})


def listing(day: LegState) -> dict[str, Listed]:
    """The legs of the day, by key; also with the airports that parked statuses divert them to."""
    entries: dict[str, Listed] = {}
    ends: list[tuple[Selector, str]] = []
    for name, cell in day.cells.items():
        how, bar, register = name.partition(_PARKED)
        if not bar:
            entries[name] = Listed.of(str(cell.value))
        elif register in _ENDS and cell.value is not None:
            ends.append((Selector(*how.split(".")), str(cell.value)))
    for _ in range(_MOST_DIVERSIONS):
        for leg, entry in entries.items():
            more = {airport for how, airport in ends if _fits(leg, entry, how)} - entry.airports
            if more:
                entries[leg] = entry._replace(airports=entry.airports | more)
    return entries


def found(day: LegState, how: Selector, onward: Callable[[str], str]) -> list[str]:
    """The keys of the legs that a status means; several only when it means the whole flight.

    `onward` gives the key that a listed leg has by now. Of several legs between which the airport
    does not decide, the aircraft does.
    """
    fitting = {
        onward(leg): entry for leg, entry in sorted(listing(day).items()) if _fits(leg, entry, how)
    }
    if how.end == "all" or len(fitting) == 1:
        return list(fitting)
    same = [leg for leg, entry in fitting.items() if how.tail and entry.tail == how.tail]
    return same if len(same) == 1 else []


def _fits(leg: str, entry: Listed, how: Selector) -> bool:
    if not (entry.utc if how.by == "utc" else entry.local):
        return False
    if how.end == "dep":
        return leg.split(".")[1] == how.airport
    return how.end == "all" or how.airport in entry.airports


def parked(day: LegState, how: Selector, status: FlightStatus) -> tuple[LegState, Verdict]:
    """The day with the status's registers left for its leg, and what the status was to it."""
    version = version_of(status)
    names = {f"{how.text}{_PARKED}{name}": value for name, value in cells_of(status).items()}
    cells = day.cells
    newer = {
        name: Cell(value, version)
        for name, value in names.items()
        if name not in cells or cells[name].version < version
    }
    if newer:
        received = max(day.received_at, status.received_at)
        merged = msgspec.structs.replace(day, cells={**cells, **newer}, received_at=received)
        return merged, "applied"
    same = all(cells[name].version == version for name in names)
    return day, "duplicate" if same else "stale"


def left_for(leg: str, days: Iterable[LegState], onward: Callable[[str], str]) -> LegState:
    """What was parked for this leg in its flight days, as registers to be joined in."""
    cells: dict[str, Cell] = {}
    for day in days:
        for name, cell in day.cells.items():
            how, bar, register = name.partition(_PARKED)
            if not bar or leg not in found(day, Selector(*how.split(".")), onward):
                continue
            if register not in cells or cells[register].version < cell.version:
                cells[register] = cell
    return LegState(key=leg, cells=cells)
