"""Hong Kong International Airport, flightinfo-rest: JSON, the rows of a day under `list`.

Source: Airport Authority Hong Kong, "Flight Information Data Specification" (data.gov.hk). An
answer is an array of days, each with the date, whether it lists arrivals and whether cargo. `time`
is the schedule on that date, and the status text holds the newest time, both on Hong Kong's clock:

    Dep 09:36 (25/11/2025)   off-block or take-off, which is not documented; counts as off-block
    At gate 23:57            on-block
    Landed 23:50             touchdown
    Est at 00:10             expected against the schedule

The status names a date when it is not the schedule's. Without one it is the schedule's own day,
unless that were more than 12 hours early (then it is the next day) or more than 21 hours late (then
the day before). Rows have neither ids nor time stamps: a leg's id is made of the flight, the
direction and the date of the list.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from filters.designators import Flight, airport_zone, flight_of
from filters.normalize.boards import rows
from filters.normalize.boards.rows import Row, Word
from filters.normalize.moments import DAY_MS, HOUR_MS, clock_minutes
from filters.normalize.splitting import Piece, values
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "hkia"
TITLE: Final = "Hong Kong International Airport flight information, JSON"

_AIRPORT: Final = "HKG"
_MEMBER: Final = "list"
_DAY: Final = ("date", "arrival", "cargo")
_EARLIEST_MS, _LATEST_MS = -12 * HOUR_MS, 21 * HOUR_MS
_CARGO: Final = "F"
_STATUS: Final = re.compile(
    r"(?P<word>[^0-9(]{1,40}?) ?(?P<clock>[0-9]{1,2}:[0-9]{2})?"
    r"(?: ?\((?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})\))?"
)
# The cell of a status word's time, in a list of arrivals and in one of departures.
_TIMES: Final[dict[str, tuple[str | None, str | None]]] = {
    "dep": (None, "out_actual"),
    "at gate": ("in_actual", None),
    "landed": ("on_actual", None),
    "est at": ("in_estimated", "out_estimated"),
}
_RUNS: Final = ("boarding soon", "boarding", "final call", "gate closed")
_WORDS: Final = {
    **dict.fromkeys((*_TIMES, *_RUNS), Word("operating")),
    "delayed": Word("operating", noted=True),
    "cancelled": Word("cancelled"),
}

FIELDS: Final = {
    "flight[0].no, else flight[0].airline": "airline, number, suffix",
    "flight[1..].no": "code_shares",
    "arrival": "which end is told; without it, whether there is an origin or a destination",
    "origin": "origin: the last stop",
    "destination": "destination: the first stop",
    "flight, arrival, date": "source_id",
    "date, time": "in_scheduled, out_scheduled",
    "date": "date, of a departure",
    **{
        f"status {word.capitalize()}": f"{', '.join(filter(None, cells))}; {_WORDS[word].text}"
        for word, cells in _TIMES.items()
    },
    **{
        f"status {word.capitalize()}": meaning.text
        for word, meaning in _WORDS.items()
        if word not in _TIMES
    },
    "cargo": f"service {_CARGO}, when true",
    "terminal": "in_terminal, out_terminal",
    "gate": "out_gate",
    "baggage": "baggage",
}
IGNORED: Final = {
    "statusCode": "the status once more",
    "hall, aisle, stand": "places of the terminal and the apron",
    "problemNo": "dropped: feed_error",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece, with the date and the kind of its list."""
    return values(chunks, members=(_MEMBER,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like a list of Hong Kong's, by its members and its flights."""
    if not rows.has_members(payload, "flight", "no", "airline", "time", "status"):
        return False
    return re.search(rb'"flight"\s*:\s*\[\s*\{\s*"(?:no|airline)"', payload) is not None


def leg_key(payload: bytes) -> str | None:
    """The leg's id, as made of the row."""
    row = rows.only(payload, _rows_in)
    try:
        return None if row is None else _id(row, _flight(row)[0])
    except (RejectRecord, rows.NoAirlineFlight):
        return None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the rows in one message, or why there are none.

    Raises RejectRecord when a row names no flight, or nothing of it can be read.
    """
    value = rows.document(message.payload)
    if isinstance(value, dict) and "problemNo" in value:
        return Drop("feed_error")
    return rows.each(_rows_in(value), partial(_status, message, source))


def _rows_in(value: object) -> list[dict[str, Any]]:
    """The rows of all days, each with what is said of its day."""
    found: list[dict[str, Any]] = []
    for day in value if isinstance(value, list) else [value]:
        around = day if isinstance(day, dict) else {}
        said = {name: around[name] for name in _DAY if name in around}
        found += [{**said, **row} for row in rows.objects(day, _MEMBER)]
    return found


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    flight, sold = _flight(row)
    arriving = _arriving(row)
    stops = row.texts("origin" if arriving else "destination")
    leg = rows.leg_of(row, _AIRPORT, stops, arriving=arriving)
    date, scheduled = row.date("date"), _scheduled(row)
    times: dict[str, int | None] = {f"{leg.end}_scheduled": scheduled}
    word = _said(row, scheduled, times, arriving=arriving)
    return rows.finished(
        message,
        source,
        NAME,
        row,
        leg,
        word,
        index,
        flight=flight,
        source_time=message.received_at,
        times=times,
        local_date=None if arriving or date is None else date.isoformat(),
        source_id=_id(row, flight),
        code_shares=rows.shares(flight, sold, date),
        service=_CARGO if row.flag("cargo") else None,
        baggage=row.text("baggage"),
        out_gate=None if arriving else row.text("gate"),
        **{f"{leg.end}_terminal": row.text("terminal")},
    )


def _flight(row: Row) -> tuple[Flight, list[str]]:
    """The operating flight, and all numbers in the row."""
    on = row.date("date")
    entries = [entry for entry in row.items("flight") if isinstance(entry, Mapping)]
    numbers = [no for entry in entries if isinstance(no := entry.get("no"), str)]
    first = entries[0] if entries else {}
    told, airline = first.get("no"), first.get("airline")
    if isinstance(told, str) and isinstance(airline, str):
        # The ICAO designator beside it says whose number it is without a doubt.
        found = flight_of(airline, told.rpartition(" ")[2], on=on)
        if found is not None:
            return found, numbers
    return rows.named((told if isinstance(told, str) else None,), "flight", on), numbers


def _arriving(row: Row) -> bool:
    said = row.flag("arrival")
    if said is not None:
        return said
    comes, goes = bool(row.texts("origin")), bool(row.texts("destination"))
    if comes == goes:
        raise RejectRecord("arrival: missing, and not one of origin and destination is told")
    return comes


def _id(row: Row, flight: Flight) -> str | None:
    date = row.date("date")
    way = "A" if _arriving(row) else "D"
    number = f"{flight.airline}{flight.number}{flight.suffix}"
    return None if date is None else f"{number}.{way}.{date}"


def _scheduled(row: Row) -> int | None:
    return _moment(row, row.date("date"), row.text("time"), "time", None)


def _moment(
    row: Row, date: dt.date | None, clock: str | None, member: str, near: int | None
) -> int | None:
    try:
        minutes = clock_minutes(clock, member)
    except RejectRecord as fault:
        row.unread(member, fault)
        return None
    if date is None or minutes is None:
        return None
    return rows.wall_ms(date, minutes, airport_zone(_AIRPORT) or "UTC", near)


def _said(row: Row, scheduled: int | None, times: dict[str, int | None], *, arriving: bool) -> Word:
    """What the status says; its time goes into its cell."""
    told = row.text("status")
    match = _STATUS.fullmatch(told) if told else None
    if match is None:
        return row.word("status", _WORDS)
    text = match["word"].strip()
    cell = _TIMES.get(text.lower(), (None, None))[0 if arriving else 1]
    if cell is not None and match["clock"] is not None:
        times[cell] = _time_of(row, match, scheduled)
    return row.word("status", _WORDS, text=text if text.lower() in _WORDS else told)


def _time_of(row: Row, match: re.Match[str], scheduled: int | None) -> int | None:
    if match["day"] is None:
        ms = _moment(row, row.date("date"), match["clock"], "status", scheduled)
        if ms is None or scheduled is None:
            return ms
        late = ms - scheduled
        return ms + DAY_MS * ((late < _EARLIEST_MS) - (late > _LATEST_MS))
    try:
        date = dt.date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        row.unread("status", RejectRecord("status: its date is none"))
        return None
    return _moment(row, date, match["clock"], "status", scheduled)
