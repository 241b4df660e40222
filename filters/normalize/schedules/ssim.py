"""IATA SSIM chapter 7: schedule data sets of 200-byte records, one leg and period per record 3.

Source: IATA Standard Schedules Information Manual, chapter 7.5, records 1 to 5, and chapter 2.6 for
the data elements. Record 1 opens the file, record 2 a carrier with its time mode, record 3 is a
leg over a period, its record 4 data of segments, record 5 closes; lines of zeros fill blocks.

A leg becomes one status per operating date. Off-block and on-block are the passenger times, for
those are on tickets; aircraft times that differ are evidence. The days of later legs are told by
the flight's first departure and the departure's date variation; the arrival's is only a hint.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from filters.designators import Flight, airport_zone, flight_of, ticket_number
from filters.normalize.moments import MINUTE_MS, date_of, day_ms
from filters.normalize.schedules import timetable
from filters.normalize.schedules.ssim_records import (
    CARRIER,
    LEG,
    SEGMENT,
    WIDTH,
    columns_of,
    detect,
    elements_of,
    records_of,
    split,
)
from filters.normalize.schedules.timetable import MOST_DATES, Call
from filters.normalize.statuses import make_status
from filters.normalize.telegrams.typeb import MONTHS
from filters.normalize.vendors.shares import shares
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

__all__ = ["FIELDS", "IGNORED", "NAME", "TITLE", "detect", "leg_key", "parse", "split"]

NAME: Final = "ssim"
TITLE: Final = "IATA SSIM chapter 7, schedule data sets"

_NEEDED = 65  # columns of record 3 up to the passengers' arrival; blanks at the end may be missing
_OPEN_DAYS = 366  # of a period without end
_MOST_IN_ALL = 20_000  # statuses of a file that was not split

FIELDS: Final = {
    f"record {record}, {first}-{last} {name}": becomes
    for record, table in ((2, CARRIER), (3, LEG), (4, SEGMENT))
    for name, (first, last, becomes) in table.items()
}
IGNORED: Final = {
    "record 1": "title of the file",
    "record 5": "count of the records",
    "record 3, other columns": "aircraft, cabins, meals, onward flights, traffic restrictions",
    "record 4, other data elements": "nothing of times or numbers",
}

_DATE = re.compile(r"(?P<day>[0-9]{2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2})")
_AHEAD = re.compile(r"(?P<sign>[+-])(?P<hours>[01][0-9])(?P<minutes>[0-5][0-9])")
_STATION = re.compile(r"[A-Z]{3}")
_TOKEN = re.compile(r"[A-Z0-9]{1,10}")
_NO_DATE = "00XXX00"
_DISCLOSED = frozenset("LXZ")


class _Carrier(NamedTuple):
    """What a record 2 says of the legs after it."""

    mode: str
    begins: dt.date | None
    ends: dt.date | None
    made: int | None


class _Leg(NamedTuple):
    """A record 3 as far as it is the same on all its dates."""

    columns: dict[str, str]
    carrier: _Carrier
    flight: Flight
    said: dict[str, Any]
    evidence: list[str]


def leg_key(payload: bytes) -> str | None:
    """The operating flight, such as `SWR544`; None when the bytes name none or several."""
    named = set()
    for piece in split((payload,)):
        own, operating = _flights(piece.payload)
        if own is None:
            return None
        named.add(operating or own)
        if len(named) > 1:
            return None
    return "".join(map(str, named.pop())) if named else None


def _flights(payload: bytes) -> tuple[Flight | None, Flight | None]:
    """The flight in a leg's own columns, and the one that operates it, if another one does."""
    _, leg, segments = records_of(payload)
    columns = columns_of(leg, LEG)
    on = _date(columns["period from"])
    airline, number = columns["airline designator"], columns["flight number"]
    own = flight_of(airline, number, columns["operational suffix"], on)
    operating = timetable.numbers(elements_of(segments, 50), on)
    return own, operating[0] if operating else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """One status for each operating date of a leg, or of all legs of a file that was not split.

    A period without end is read from the start of the data set's validity (or the day it was made)
    to the validity's end, at most for 366 days; of one leg at most 400 dates are taken, and the
    evidence of the last says that there are more. Raises RejectRecord naming the element.
    """
    pieces = list(split((message.payload,)))
    statuses: list[FlightStatus] = []
    dropped = None
    for piece in pieces:
        try:
            said = _leg_statuses(message, source, piece.payload, len(statuses))
        except RejectRecord as reject:
            place = piece.place if len(pieces) > 1 else ""
            raise RejectRecord(reject.reason, place) from reject
        if isinstance(said, Drop):
            dropped = dropped or said
            continue
        statuses += said
        if len(statuses) > _MOST_IN_ALL:
            raise RejectRecord(f"file: more than {_MOST_IN_ALL} operating dates; split it by leg")
    return tuple(statuses) or dropped or Drop("says_nothing")


def _date(text: str) -> dt.date | None:
    match = _DATE.fullmatch(text)
    month = MONTHS.get(match["month"]) if match else None
    if match is None or month is None:
        return None
    try:
        return dt.date(2000 + int(match["year"]), month, int(match["day"]))
    except ValueError:
        return None


def _leg_statuses(
    message: FeedMessage, source: Source, payload: bytes, index: int
) -> list[FlightStatus] | Drop:
    carrier, line, segments = records_of(payload)
    if not line:
        kind = payload[:1].decode("latin-1")
        raise RejectRecord(f"record: a line of {len(payload)} bytes, type {kind!r}, is no leg")
    if not _NEEDED <= len(line) <= WIDTH:
        raise RejectRecord(f"record 3: {len(line)} bytes; it has {_NEEDED} to {WIDTH}")
    leg = _leg(payload, carrier, line, segments, source)
    if isinstance(leg, Drop):
        return leg
    dates = list(islice(_dates(leg), MOST_DATES + 1))
    if not dates:
        return Drop("never_operates")
    more = len(dates) > MOST_DATES
    dates = dates[:MOST_DATES]
    statuses = [
        _status(message, source, leg, date, index + number) for number, date in enumerate(dates)
    ]
    if more:
        note = f"more_after={dates[-1]}"
        last = statuses[-1]
        statuses[-1] = msgspec.structs.replace(last, evidence=(note, *last.evidence))
    return statuses


def _leg(
    payload: bytes, carrier: str, line: str, segments: list[str], source: Source
) -> _Leg | Drop:
    columns = columns_of(line.ljust(WIDTH), LEG)
    own, operating = _flights(payload)
    if own is None:
        raise RejectRecord(f"flight designator: {line[1:9]!r} is none")
    on = _date(columns["period from"])
    others = timetable.numbers(elements_of(segments, 10), on)
    # Wet leases are disclosed alike, but a leg that lists its code-shares is the operating one.
    disclosed = columns["operating airline disclosure"]
    if disclosed in _DISCLOSED and operating is None and not others:
        return Drop("marketing_flight")
    named = operating or own
    for name in ("departure station", "arrival station"):
        if not _STATION.fullmatch(columns[name]):
            raise RejectRecord(f"{name}: {columns[name]!r} is no code of three letters")
    service = columns["service type"].strip()
    terminals = [columns[f"{end} terminal"].strip() for end in ("departure", "arrival")]
    said = {
        "service": service if _TOKEN.fullmatch(service) else None,
        "out_terminal": terminals[0] if _TOKEN.fullmatch(terminals[0]) else None,
        "in_terminal": terminals[1] if _TOKEN.fullmatch(terminals[1]) else None,
        "code_shares": shares([own, *others], named, on),
    }
    read = _carrier(carrier, source)
    return _Leg(columns, read, named, said, _evidence(columns, own if operating else None, on))


def _evidence(columns: dict[str, str], own: Flight | None, on: dt.date | None) -> list[str]:
    overflow, low = columns["itinerary variation overflow"].strip(), columns["itinerary variation"]
    shifts = [columns[f"{end} date variation"].strip() or "0" for end in ("departure", "arrival")]
    told = {
        "itinerary": overflow + low.strip(),
        "leg": columns["leg sequence"].strip(),
        "date_variation": "" if shifts == ["0", "0"] else "".join(shifts),
        "disclosure": columns["operating airline disclosure"],
        "marketed_as": ticket_number(own, on) if own else "",
    }
    for end, name in (("out", "STD"), ("in", "STA")):
        aircraft, passengers = columns[f"aircraft {name}"], columns[f"passenger {name}"]
        told[f"aircraft_{end}"] = aircraft if passengers.strip() not in ("", aircraft) else ""
    return [f"{name}={value}" for name, value in told.items() if _TOKEN.fullmatch(value)]


def _carrier(line: str, source: Source) -> _Carrier:
    columns = columns_of(line.ljust(WIDTH), CARRIER)
    mode = columns["time mode"] if columns["time mode"] in ("U", "L") else source.time_mode
    if mode is None:
        raise RejectRecord(f"time mode: {columns['time mode']!r} is neither U nor L")
    made = _date(columns["creation date"])
    minutes = timetable.clock(columns["creation time"]) or 0
    return _Carrier(
        mode,
        _date(columns["validity from"]),
        _date(columns["validity to"]),
        None if made is None else day_ms(made) + minutes * MINUTE_MS,
    )


def _dates(leg: _Leg) -> Iterator[dt.date]:
    """The operating dates by the first departure of the flight."""
    columns, carrier = leg.columns, leg.carrier
    days = timetable.weekdays(columns["days of operation"])
    if days is None:
        raise RejectRecord(f"days of operation: {columns['days of operation']!r} names none")
    first, last = (_end_of_period(columns[name]) for name in ("period from", "period to"))
    made = None if carrier.made is None else date_of(carrier.made)
    starts = [first] if first and last else [first, carrier.begins or made]
    floor = max(filter(None, starts), default=None)
    if floor is None:
        raise RejectRecord(f"period from: {columns['period from']!r}, and the validity is open too")
    last = last or carrier.ends or floor + _days(_OPEN_DAYS - 1)
    if last < floor and columns["period to"] != _NO_DATE:
        raise RejectRecord(f"period to: {columns['period to']!r} is before its start")
    fortnightly = columns["frequency rate"] == "2"
    found = timetable.operating_dates(first or floor, last, days, fortnightly=fortnightly)
    return (date for date in found if date >= floor)


def _days(number: int) -> dt.timedelta:
    return dt.timedelta(days=number)


def _end_of_period(text: str) -> dt.date | None:
    """A date, or None for an open end."""
    if text == _NO_DATE:
        return None
    date = _date(text)
    if date is None:
        raise RejectRecord(f"period: {text!r} is no date as DDMMMYY")
    return date


def _status(
    message: FeedMessage, source: Source, leg: _Leg, date: dt.date, index: int
) -> FlightStatus:
    columns, utc = leg.columns, leg.carrier.mode == "U"
    shifts = [
        timetable.variation(columns[f"{end} date variation"]) for end in ("departure", "arrival")
    ]
    # The first leg's day is the flight's own, whatever its variation says.
    later = columns["leg sequence"] not in ("01", " 1", "1 ")
    shift = (shifts[0] or 0) if later else 0
    day = date + _days(shift)
    departure, arrival = _call(columns, "departure", "STD"), _call(columns, "arrival", "STA")
    arrives = None if shifts[1] is None else shifts[1] - shift
    times = timetable.leg_times(departure, arrival, day, utc=utc, arrives=arrives)
    unread = ["out_scheduled"] if times.out is None else []
    unread += ["in_scheduled"] if times.on_block is None else []
    local = None if utc else day.isoformat()
    if utc and departure.ahead is not None and airport_zone(departure.airport) is None:
        local = None if times.out is None else _date_at(times.out, departure.ahead)
    made = leg.carrier.made
    return make_status(
        message,
        source,
        NAME,
        flight=leg.flight,
        # The hour of creation names no zone; nobody knows a schedule later than we hear it.
        source_time=message.received_at if made is None else min(made, message.received_at),
        times={"out_scheduled": times.out, "in_scheduled": times.on_block},
        origin=departure.airport,
        destination=arrival.airport,
        local_date=local,
        utc_date=day.isoformat() if utc and times.out is None else None,
        index=index,
        evidence=[*leg.evidence, *(f"unread={name}" for name in unread)],
        **leg.said,
    )


def _date_at(moment: int, ahead: int) -> str:
    """The ISO date of a clock that is `ahead` minutes ahead of UTC."""
    return date_of(moment + ahead * MINUTE_MS).isoformat()


def _call(columns: dict[str, str], end: str, time: str) -> Call:
    told = columns[f"passenger {time}"].strip() or columns[f"aircraft {time}"]
    match = _AHEAD.fullmatch(columns[f"UTC variation of {end}"])
    ahead = None
    if match is not None:
        ahead = int(match["hours"]) * 60 + int(match["minutes"])
        ahead = ahead if match["sign"] == "+" else -ahead
    return Call(columns[f"{end} station"], timetable.clock(told), ahead)
