"""Slot lists of an airport coordinator (ACL and others) in CSV: one row is one slot of one day.

Source: the header of the lists that ACL sends to airports; columns are found by name, in any order.
Slots are on and off blocks, and their dates and times are UTC, as in all slot messages (SSIM,
chapter 6; a coordinator that sends local times has a `zone` in its source's settings). A slot is a
permission to use the airport at that time: a baseline of the schedule, and no word on whether the
flight operates.

An arrival is the end of a leg that left on a day the list does not name; it follows where every
departure in question lies on one local day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from filters.designators import Flight, flight, flight_of
from filters.normalize.moments import clock_minutes, iso_ms
from filters.normalize.splitting import Piece, rows
from filters.normalize.statuses import make_status
from filters.normalize.tables import columns
from filters.normalize.tables.columns import Layout, Row, shown
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "acl"
TITLE: Final = "Airport coordinator's slot list (ACL), CSV"

# By ArrDep: the slot's time, the terminal, and which columns are the ends of the leg.
_ENDS: Final = {
    "A": ("in_scheduled", "in_terminal", "LastNext", "Airport"),
    "D": ("out_scheduled", "out_terminal", "Airport", "LastNext"),
}
_NEEDED: Final = ("Airport", "ArrDep", "Date", "Time", "LastNext", "Ope", "ServNo")
_USED: Final = (*_NEEDED, "OpeFlightNo", "Term", "ST", "ACReg", "EditDate", "CreDate")
_EMPTY: Final = dict.fromkeys(_USED, "")
_KEY: Final = ("Ope", "ServNo", "ArrDep", "Airport", "Date")

FIELDS: Final = {
    "Ope, ServNo": "airline, number, suffix",
    "OpeFlightNo": "the same, where one of them is missing",
    **{f"Date, Time of {end}": cell for end, (cell, *_) in _ENDS.items()},
    **{
        f"{column} of {end}": name
        for end, (_, _, *places) in _ENDS.items()
        for column, name in zip(places, ("origin", "destination"), strict=True)
    },
    **{f"Term of {end}": terminal for end, (_, terminal, *_) in _ENDS.items()},
    "ST": "service",
    "ACReg": "registration",
    "EditDate, else CreDate": "source_time",
}
IGNORED: Final = {
    "OrigDest": "the flight's first or last station; a slot is about the leg",
    "DOOP, Season": "the series; each row is one of its days",
    "TurnOpe, TurnServNo, ove.ind": "the other flight of the turnround",
    "Res, Seats, LoadFactor, A/C": "not about its times",
    "names and countries": "said by the codes",
}

_STAMP = re.compile(r"(\d{2})([A-Z]{3})(\d{4})(?: (\d{2})(\d{2}))?", re.ASCII)
_MONTHS = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
_MONTH = 3
_TERMINAL = re.compile(r"[A-Z0-9-]{1,8}")
_SERVICE = re.compile(r"[A-Z]")
_REGISTRATION = re.compile(r"[A-Z0-9-]{2,10}")
_LONGEST_KEY = 100


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece, below the header."""
    return rows(chunks)


def detect(payload: bytes) -> bool:
    """True when the header names the columns of a slot list."""
    line = columns.header_line(payload)
    if line is None or b"," not in line:
        return False
    try:
        return bool(_layout(line))
    except RejectRecord:
        return False


def leg_key(payload: bytes) -> str | None:
    """The flight, its end and the day of the row; None when there are several."""
    try:
        keys = {".".join(row[name].upper() for name in _KEY) for row in _rows(payload)}
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    key = keys.pop() if len(keys) == 1 else ""
    return key if key.isprintable() and 0 < len(key) <= _LONGEST_KEY else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all slots.

    Raises RejectRecord, naming the column and the line, when a row names no flight or no time.
    """

    def status(row: Row, index: int) -> FlightStatus:
        return _status(message, source, {**_EMPTY, **row}, index)

    return columns.statuses(message.payload, _layout, status)


def _rows(payload: bytes) -> Iterator[Row]:
    return ({**_EMPTY, **row} for _, row in columns.rows(payload, _layout))


@lru_cache(maxsize=64)
def _layout(line: bytes) -> Layout:
    names = [name.lower() for name in columns.header(line)]
    found = columns.layout(names, {name: (name.lower(),) for name in _USED})
    lacking = [name for name in _NEEDED if name not in found.named]
    if lacking:
        raise RejectRecord(f"header: without {', '.join(lacking)} it is no slot list")
    return found


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus:
    ends = _ENDS.get(row["ArrDep"].upper())
    if ends is None:
        raise RejectRecord(f"ArrDep: {shown(row['ArrDep'])} is neither A nor D")
    cell, terminal, *places = ends
    evidence: list[str] = []
    zone = source.zone or "UTC"
    at, on = _slot(row, zone)
    origin, destination = (row[column] for column in places)
    stamp = _stamp(row, zone, evidence)
    terminals: dict[str, Any] = {terminal: _matching(_TERMINAL, row["Term"])}
    return make_status(
        message,
        source,
        NAME,
        flight=_flight(row, on),
        source_time=message.received_at if stamp is None else stamp,
        times={cell: at},
        origin=origin,
        destination=destination,
        index=index,
        registration=_matching(_REGISTRATION, row["ACReg"]),
        service=_matching(_SERVICE, row["ST"]),
        evidence=evidence,
        **terminals,
    )


def _flight(row: Row, on: dt.date) -> Flight:
    named = flight_of(row["Ope"], row["ServNo"], on=on) or flight(row["OpeFlightNo"], on)
    if named is None:
        found = shown(f"{row['Ope']} {row['ServNo']}")
        raise RejectRecord(f"Ope, ServNo: {found} is no flight number")
    return named


def _slot(row: Row, zone: str) -> tuple[int, dt.date]:
    """The slot's moment (ms UTC) and the date it was written with."""
    day, minutes = _iso_day(row["Date"]), clock_minutes(row["Time"], "Time")
    text = f"{day}T{minutes // 60:02}:{minutes % 60:02}" if day and minutes is not None else ""
    at = iso_ms(text, "Date, Time", zone=zone)
    if at is None:
        raise RejectRecord("Date, Time: missing, so the row says nothing")
    return at, dt.date.fromisoformat(day)


def _iso_day(text: str) -> str:
    """A date as ISO 8601; `13OCT2017` is understood, and what is no date stays as it is."""
    match = _STAMP.fullmatch(text.upper())
    if match is None or match[4] is not None:
        return text
    return _iso(match)


def _iso(match: re.Match[str]) -> str:
    place = _MONTHS.find(match[2])
    month = place // _MONTH + 1 if place >= 0 and place % _MONTH == 0 else 0
    return f"{match[3]}-{month:02}-{match[1]}"


def _stamp(row: Row, zone: str, evidence: list[str]) -> int | None:
    """When the coordinator last changed the slot."""
    for column in ("EditDate", "CreDate"):
        match = _STAMP.fullmatch(row[column].upper())
        text = f"{_iso(match)}T{match[4]}:{match[5]}" if match and match[4] else row[column]
        try:
            at = iso_ms(text, column, zone=zone)
        except RejectRecord:
            evidence.append(f"unread={column}")
            continue
        if at is not None:
            return at
    return None


def _matching(pattern: re.Pattern[str], text: str) -> str | None:
    return text.upper() if pattern.fullmatch(text.upper()) else None
