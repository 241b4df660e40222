"""Partners: under which numbers of other airlines an operator flies, as a user tells in ranges.

A regional airline flies under the numbers of a larger one: SkyWest 3284 on the radio is United 3284
on the ticket. Some feeds name such a leg by the operator, others by the marketing airline; with a
table of number ranges both are the operator's leg, sold under the marketing number. No public
source has these ranges, so none are shipped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final

import msgspec

from filters import reference
from filters.designators import Flight, airline_code, flight, ticket_number
from filters.policy import PolicyError
from filters.tables import TableError, read_table
from schemas.records import FlightStatus

COLUMNS: Final = ("operator", "marketing", "first", "last", "valid_from", "valid_to")
_Airline = Annotated[str, msgspec.Meta(pattern="^([A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z])$")]
_Number = Annotated[int, msgspec.Meta(ge=1, le=9999)]
_MOST_MEANT = 16_384
_MOST_NAMED = 10_000


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers `first` to `last` of `marketing`, flown by `operator`; both days are included.

    The airlines are IATA or ICAO designators; an IATA one means its holder on the day of a flight.
    """

    operator: _Airline
    marketing: _Airline
    first: _Number
    last: _Number
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    def covers(self, number: int, on: dt.date) -> bool:
        """True when the number is in the range on that day."""
        begun = self.valid_from is None or self.valid_from <= on
        return (
            self.first <= number <= self.last
            and begun
            and (self.valid_to is None or on <= self.valid_to)
        )

    @property
    def text(self) -> str:
        """As it stands in messages: `SKW as UA 5000-5999`."""
        return f"{self.operator} as {self.marketing} {self.first}-{self.last}"


class Meant(msgspec.Struct, frozen=True):
    """The operator of a flight, and its number on tickets of the marketing airline."""

    operator: str
    ticket: str


class Partners:
    """Ranges of numbers that operators fly for other airlines."""

    def __init__(self, ranges: Sequence[Range] = (), label: str = "") -> None:
        """`label` names the table in messages. Adopt a table of airlines first: names are kept."""
        self.ranges = tuple(ranges)
        self.label = label
        self._meant = lru_cache(maxsize=_MOST_MEANT)(self._find)

    def applied(self, status: FlightStatus) -> FlightStatus:
        """The status as its operator's, with the marketing number among its code-shares.

        The day is the leg's local or UTC date, else the UTC date of `source_time`. A number that
        several ranges claim for different airlines stays as it is: to guess would tell the wrong
        passengers.
        """
        if not self.ranges:
            return status
        meant = self._meant(status.airline, status.number, status.suffix, _day(status))
        if meant is None:
            return status
        own = ticket_number(Flight(meant.operator, status.number, status.suffix), _day(status))
        shares = {*status.code_shares, meant.ticket} - {own}
        if meant.operator == status.airline and shares == set(status.code_shares):
            return status
        return msgspec.structs.replace(
            status,
            airline=meant.operator,
            code_shares=tuple(sorted(shares)),
            formerly=self._formerly(status),
        )

    def _formerly(self, status: FlightStatus) -> str | None:
        """The leg's earlier key under its operator too; `UAL3284.EWR.2013-02-08`."""
        if status.formerly is None:
            return None
        designator, dot, rest = status.formerly.partition(".")
        old = flight(designator)
        on = _iso(rest.rpartition(".")[2]) or _day(status)
        meant = None if old is None else self._meant(old.airline, old.number, old.suffix, on)
        if old is None or meant is None:
            return status.formerly
        return f"{meant.operator}{old.number}{old.suffix}{dot}{rest}"

    def _find(self, airline: str, number: int, suffix: str, on: dt.date) -> Meant | None:
        covering = [one for one in self.ranges if one.covers(number, on)]
        pairs = {
            (airline_code(one.operator, on), airline_code(one.marketing, on)) for one in covering
        }
        found = [pair for pair in pairs if airline in pair]
        # Another airline of the pair may be claimed twice; then two legs would become one.
        if len(found) != 1 or sum(not set(pair).isdisjoint(found[0]) for pair in pairs) != 1:
            return None
        [(operator, marketing)] = found
        if operator == marketing:
            return None
        return Meant(operator, ticket_number(Flight(marketing, number, suffix), on))


def read_partners(text: str, place: str) -> Partners:
    """Partners of a table with the columns operator, marketing, first, last, valid_from, valid_to.

    `place` is the file's name in messages. Raises TableError naming every line and field.
    """
    faults: list[str] = []
    rows = read_table(text, place, Range)
    for line, row in rows:
        if row.last < row.first:
            faults.append(f"{place}:{line}: last: {row.last} is below first {row.first}")
        if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
            said = f"valid_to: {row.valid_to} is before valid_from {row.valid_from}"
            faults.append(f"{place}:{line}: {said}")
        if row.operator == row.marketing:
            faults.append(f"{place}:{line}: marketing: {row.marketing} is the operator itself")
    if len(rows) > _MOST_NAMED:
        faults.append(f"{place}:1: {len(rows)} ranges, at most {_MOST_NAMED}")
    if faults:
        raise TableError(faults)
    return Partners([row for _, row in rows], place)


def load_partners(name: str) -> Partners:
    """Those in `data/partners/<name>.csv`, or in the file at that path if it ends in .csv.

    None of them for "". Raises PolicyError naming the file, the line and the field.
    """
    if not name:
        return Partners()
    shipped = files("filters") / "data" / "partners"
    place = Path(name) if name.endswith(".csv") else shipped / f"{name}.csv"
    try:
        text = place.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"partners: {name}: {error}; a path must end in .csv") from error
    return read_partners(text, place.name)


def overlapping(partners: Partners) -> list[tuple[Range, Range]]:
    """Pairs of ranges that claim a number on the same day for different airlines.

    Numbers in both are left as they are.
    """
    return [
        (one, other)
        for one, other in combinations(partners.ranges, 2)
        if _met(one, other) is not None
    ]


def _met(one: Range, other: Range) -> dt.date | None:
    """A day on which both hold and mean different airlines for one of the two; None if never."""
    begin = max(one.valid_from or dt.date.min, other.valid_from or dt.date.min)
    end = min(one.valid_to or dt.date.max, other.valid_to or dt.date.max)
    if begin > end or max(one.first, other.first) > min(one.last, other.last):
        return None
    on = end if end != dt.date.max else begin
    here = airline_code(one.operator, on), airline_code(one.marketing, on)
    there = airline_code(other.operator, on), airline_code(other.marketing, on)
    return on if here != there and set(here) & set(there) else None


def unknown_airlines(partners: Partners) -> list[str]:
    """Designators in the ranges that no table of airlines has, sorted."""
    by_iata, by_icao = reference.airlines()
    named = {code for one in partners.ranges for code in (one.operator, one.marketing)}
    return sorted(named - by_iata.keys() - by_icao.keys())


def _day(status: FlightStatus) -> dt.date:
    known = _iso(status.date or status.utc_date or "")
    return known or dt.date.fromisoformat(_utc_date(status.source_time))


@lru_cache(maxsize=4096)
def _iso(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _utc_date(ms: int) -> str:
    try:
        return reference.local_date(ms, "UTC")
    except OverflowError:
        return dt.date.max.isoformat()
