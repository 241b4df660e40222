"""The columns of BTS on-time tables, in all their spellings, and the leg that a row names.

Source: BTS, data dictionaries of the tables Reporting Carrier and Marketing Carrier On-Time
Performance. The spellings stand in `data/formats/bts.toml`, with the headers they were seen in.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

import msgspec

from filters.designators import Flight, airport_code, airport_zone, flight_of, ticket_number
from filters.normalize.tables import columns
from filters.normalize.tables.columns import Layout
from filters.normalize.tables.ontime import Cells, day_of
from filters.outcome import RejectRecord
from filters.policy import load_data

DIVERSIONS: Final = range(1, 6)
FIELDS: Final = {
    "FL_DATE": "local departure date",
    "YEAR": "local departure date, without FL_DATE",
    "MONTH": "local departure date, without FL_DATE",
    "DAY_OF_MONTH": "local departure date, without FL_DATE",
    "OP_CARRIER": "airline",
    "OP_UNIQUE_CARRIER": "airline, without OP_CARRIER",
    "OP_CARRIER_FL_NUM": "number",
    "TAIL_NUM": "registration",
    "MKT_CARRIER": "code_shares",
    "MKT_CARRIER_FL_NUM": "code_shares",
    "SCH_OP_CARRIER": "evidence: scheduled_operator",
    "SCH_OP_CARRIER_FL_NUM": "evidence: scheduled_operator",
    "DUP": "evidence: duplicate (reported for a swapped code-share flight)",
    "ORIGIN": "origin",
    "DEST": "destination",
    "CRS_DEP_TIME": "out_scheduled",
    "DEP_TIME": "evidence, where DEP_DELAY does not date it",
    "DEP_DELAY": "out_actual: minutes after out_scheduled",
    "TAXI_OUT": "off_actual: minutes after out_actual",
    "WHEELS_OFF": "off_actual, without TAXI_OUT: the time nearest to out_actual",
    "CRS_ELAPSED_TIME": "in_scheduled: minutes after out_scheduled",
    "CRS_ARR_TIME": "in_scheduled, without CRS_ELAPSED_TIME: the time that fits the distance best",
    "ARR_TIME": "evidence, where ARR_DELAY does not date it",
    "ARR_DELAY": "in_actual: minutes after in_scheduled",
    "DISTANCE": "tells one day's CRS_ARR_TIME from the next day's",
    "TAXI_IN": "on_actual: minutes before in_actual",
    "WHEELS_ON": "on_actual, without TAXI_IN: the time nearest to in_actual",
    "CANCELLED": "life",
    "CANCELLATION_CODE": "cause",
    "CARRIER_DELAY": "cause, and evidence: delay",
    "WEATHER_DELAY": "cause, and evidence: delay",
    "NAS_DELAY": "cause, and evidence: delay",
    "SECURITY_DELAY": "cause, and evidence: delay",
    "LATE_AIRCRAFT_DELAY": "cause, and evidence: delay",
    "FIRST_DEP_TIME": "deviation: ramp_return; evidence: first_dep",
    "TOTAL_ADD_GTIME": "evidence: minutes away from the gate",
    "DIVERTED": "deviation",
    "DIV_REACHED_DEST": "destination",
    "DIV_ARR_DELAY": "in_actual of a diverted flight: minutes after in_scheduled",
    **{f"DIV{n}_AIRPORT": "destination, deviation; evidence: div" for n in DIVERSIONS},
    **{f"DIV{n}_WHEELS_ON": "evidence: div" for n in DIVERSIONS},
    **{f"DIV{n}_WHEELS_OFF": "evidence: div" for n in DIVERSIONS},
    **{f"DIV{n}_TAIL_NUM": "evidence: another aircraft went on" for n in DIVERSIONS},
}
IGNORED: Final = {
    "*_AIRPORT_ID, *_SEQ_ID, *_CITY_*, *_STATE_*, *_WAC": "the airport code says as much",
    "*_DELAY_NEW, *_DEL15, *_DELAY_GROUP, *_TIME_BLK": "derived from the delays and times",
    "ACTUAL_ELAPSED_TIME, AIR_TIME, DIV_ACTUAL_ELAPSED_TIME": "derived from the times",
    "FLIGHTS, DISTANCE_GROUP, DIV_DISTANCE": "no status",
    "DIV_AIRPORT_LANDINGS, *_GTIME": "no milestone of the leg",
    "OP_CARRIER_AIRLINE_ID, MKT_CARRIER_AIRLINE_ID, BRANDED_CODE_SHARE": "the carriers say as much",
}

_ISO_DATE = re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ]00:00(?::00)?)?", re.ASCII)
_US_DATE = re.compile(
    r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})(?: (?:12:00(?::00)? AM|0?0:00(?::00)?))?", re.ASCII
)
# The unique code of an airline whose code was used again: `PA (1)`.
_REUSED = re.compile(r" ?\([0-9]\)$")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data/formats/bts.toml`."""

    name: str
    version: str
    source: str
    columns: dict[str, list[str]]
    cancellations: dict[str, list[str]]
    delays: dict[str, str]
    zones: dict[str, str]


class Leg(NamedTuple):
    """What a row names: the local day, the flight, the airports and their zones."""

    day: dt.date
    flight: Flight
    origin: str
    zone: str
    destination: str | None
    destination_zone: str | None


@cache
def data() -> _File:
    """The spellings and codes of `data/formats/bts.toml`."""
    return load_data("formats", "bts", _File)


@lru_cache(maxsize=64)
def layout(line: bytes) -> Layout:
    """Where the columns of this header line stand; raises RejectRecord when it cannot be read."""
    spellings = data().columns
    wanted = {
        name: [_folded(spelling) for spelling in (name, *spellings.get(name, ()))]
        for name in FIELDS
    }
    return columns.layout([_folded(name) for name in columns.header(line)], wanted)


def _folded(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()


def leg_of(cells: Cells) -> Leg:
    """The leg of a row; an unknown destination is noted.

    Raises RejectRecord naming the column when there is no flight, date or known origin.
    """
    day = _day(cells)
    origin = _origin(cells)
    zone = _zone(origin)
    if zone is None:
        raise RejectRecord(f"ORIGIN: the time zone of {origin} is not known")
    destination = airport_code(cells.text("DEST"))
    there = _zone(destination) if destination else None
    if there is None and cells.given("DEST"):
        cells.notes.append("unknown_airport=DEST")
    return Leg(day, _flight(cells, day), origin, zone, destination, there)


def _day(cells: Cells) -> dt.date:
    """FL_DATE, or the date in parts."""
    text = cells.text("FL_DATE")
    if not text and not cells.text("YEAR"):
        raise RejectRecord("FL_DATE: missing, and so are YEAR, MONTH and DAY_OF_MONTH")
    if not text:
        day = day_of(*(cells.text(name) for name in ("YEAR", "MONTH", "DAY_OF_MONTH")))
        if day is None:
            raise RejectRecord("YEAR, MONTH, DAY_OF_MONTH: no date after 1987")
        return day
    found = _ISO_DATE.fullmatch(text) or _US_DATE.fullmatch(text)
    day = day_of(found["y"], found["m"], found["d"]) if found else None
    if day is None:
        raise RejectRecord(f"FL_DATE: {columns.shown(text)} is no date after 1987")
    return day


def _flight(cells: Cells, day: dt.date) -> Flight:
    name = "OP_CARRIER" if cells.text("OP_CARRIER") else "OP_UNIQUE_CARRIER"
    carrier = _REUSED.sub("", cells.text(name))
    if not carrier:
        raise RejectRecord("OP_CARRIER: missing, so no flight is named")
    number = cells.text("OP_CARRIER_FL_NUM")
    flight = _numbered(carrier, number, day)
    if flight is None:
        found = f"{columns.shown(cells.text(name))} {columns.shown(number)}"
        raise RejectRecord(f"{name}, OP_CARRIER_FL_NUM: {found} is no flight")
    return flight


def _numbered(carrier: str, text: str, day: dt.date) -> Flight | None:
    number = columns.whole(text)
    return flight_of(carrier, text if number is None else number, on=day)


def _origin(cells: Cells) -> str:
    origin = airport_code(cells.text("ORIGIN"))
    if origin is None:
        raise RejectRecord(f"ORIGIN: {columns.shown(cells.text('ORIGIN'))} is no airport code")
    return origin


def _zone(airport: str) -> str | None:
    return airport_zone(airport) or data().zones.get(airport)


def key_of(cells: Cells) -> str:
    """The leg's name as `9E3280.ATL.2019-01-06`; raises RejectRecord as `leg_of` does."""
    day = _day(cells)
    return f"{ticket_number(_flight(cells, day), day)}.{_origin(cells)}.{day}"


def other_flight(cells: Cells, leg: Leg, carrier: str, number: str) -> str | None:
    """Another flight that the row names, as a ticket prints it; None for the flight itself."""
    named = _numbered(cells.text(carrier), cells.text(number), leg.day)
    return None if named in (None, leg.flight) else ticket_number(named, leg.day)
