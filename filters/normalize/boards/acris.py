"""ACRIS-like JSON of the Manchester Airports Group, one object a row.

Source: the feed that UKHomeOffice/drt-v2 reads (MagFeed), a relative of ACI's ACRIS flight model.
Times name their offset, `+00:00`, and are UTC. Each event has scheduled, estimated and actual
times, but an arrival repeats its schedule under every event, `offBlockTime` too: so only the events
of the row's own end count, and the schedule is the gate's. What `arrival.estimated` and
`arrival.actual` are, touchdown or on-block, is not said; they are left aside.

`operatingAirline.icao` may hold the IATA code. No row has a time stamp, so "Scheduled", which only
repeats the schedule, says nothing of life.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from filters.designators import Flight, flight_of
from filters.normalize.boards import rows
from filters.normalize.boards.rows import Row, Word
from filters.normalize.splitting import Piece, values
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "acris"
TITLE: Final = "Manchester Airports Group flights, ACRIS-like JSON"

_MEMBER: Final = "flights"
# The first that is there fills the cell.
_TIMES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "arrival": {
        "in_scheduled": ("onBlockTime.scheduled", "arrival.scheduled"),
        "in_estimated": ("onBlockTime.estimated",),
        "in_actual": ("onBlockTime.actual",),
        "on_estimated": ("touchDownTime.estimated",),
        "on_actual": ("touchDownTime.actual",),
    },
    "departure": {
        "out_scheduled": ("offBlockTime.scheduled", "departure.scheduled"),
        "out_estimated": ("offBlockTime.estimated",),
        "out_actual": ("offBlockTime.actual",),
        "off_estimated": ("takeOffTime.estimated",),
        "off_actual": ("takeOffTime.actual",),
    },
}
_RUNS: Final = ("landed", "on block", "onblock", "arrived", "departed", "airborne", "boarding")
_WORDS: Final = {
    "scheduled": Word(),
    **dict.fromkeys(_RUNS, Word("operating")),
    "delayed": Word("operating", noted=True),
    **dict.fromkeys(("cancelled", "canceled"), Word("cancelled")),
    "diverted": Word("operating", diverted=True),
    "deleted": Word("doubtful", noted=True),
}
# SSIM, appendix C.
_SERVICES: Final = {
    "passenger": "J",
    "scheduled": "J",
    "charter": "C",
    "cargo": "F",
    "freight": "F",
    "positioning": "P",
    "ferry": "P",
    "training": "K",
    "military": "W",
    "general aviation": "D",
}

FIELDS: Final = {
    "uniqueRef": "source_id",
    "flightNumber.airlineCode, else operatingAirline": "airline",
    "flightNumber.trackNumber, flightNumber.suffix": "number, suffix",
    "departureAirport.iata, else icao": "origin",
    "arrivalAirport.iata, else icao": "destination",
    "arrivalDeparture": "which end is told",
    **{", else ".join(paths): cell for cells in _TIMES.values() for cell, paths in cells.items()},
    **{f"flightStatus {word.capitalize()}": meaning.text for word, meaning in _WORDS.items()},
    **{f"flightType {kind.capitalize()}": f"service {k}" for kind, k in _SERVICES.items()},
    "terminal.short_name, else arrival.terminal, departure.terminal": "in_terminal, out_terminal",
    "gate.number, else gate.name": "in_gate, out_gate",
    "baggageClaim.number, else baggageClaim.name": "baggage",
}
IGNORED: Final = {
    "uri": "made of the flight and its date",
    "arrivalDate, departureDate": "the day of the list",
    "arrival.estimated, arrival.actual": "touchdown or on-block is not said",
    "touchDownTime.scheduled, takeOffTime.scheduled": "the gate's schedule once more",
    "offBlockTime of an arrival, onBlockTime of a departure": "filled with this end's",
    "stand, handlingAgent, aircraftType": "of the aircraft",
    "passenger": "numbers of passengers",
    "domesticInternational": "border control",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece."""
    return values(chunks, members=(_MEMBER,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like these rows, by three of their members."""
    return rows.has_members(payload, "arrivalDeparture", "trackNumber", "airlineCode")


def leg_key(payload: bytes) -> str | None:
    """The row's id; the flight and its day where it has none."""
    row = rows.only(payload, _rows_in)
    return None if row is None else row.first("uniqueRef", "uri")


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the rows in one message, or why there are none.

    Raises RejectRecord when a row names no flight, or nothing of it can be read.
    """
    return rows.each(_rows_in(rows.document(message.payload)), partial(_status, message, source))


def _rows_in(value: object) -> list[dict[str, Any]]:
    return rows.objects(value, _MEMBER)


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    way = (row.text("arrivalDeparture") or "").lower()
    if way not in _TIMES:
        raise RejectRecord(f"arrivalDeparture: {way[:16]!r} is neither Arrival nor Departure")
    times = {
        cell: next((ms for path in paths if (ms := row.time(path)) is not None), None)
        for cell, paths in _TIMES[way].items()
    }
    first = row.first("departureAirport.iata", "departureAirport.icao")
    last = row.first("arrivalAirport.iata", "arrivalAirport.icao")
    arriving = way == "arrival"
    here, there = (last, first) if arriving else (first, last)
    leg = rows.leg_of(row, here or row.text("magAirport"), [there or ""], arriving=arriving)
    flight = _flight(row, rows.day_of(times[f"{leg.end}_scheduled"]))
    terminal = row.first("terminal.short_name", f"{way}.terminal", "terminal.number")
    return rows.finished(
        message,
        source,
        NAME,
        row,
        leg,
        row.word("flightStatus", _WORDS),
        index,
        flight=flight,
        source_time=message.received_at,
        times=times,
        source_id=row.text("uniqueRef"),
        service=_service(row),
        baggage=row.first("baggageClaim.number", "baggageClaim.name"),
        **{
            f"{leg.end}_terminal": terminal,
            f"{leg.end}_gate": row.first("gate.number", "gate.name"),
        },
    )


def _flight(row: Row, on: dt.date | None) -> Flight:
    """The number belongs to the airline beside it, whoever operates it."""
    number, suffix = row.text("flightNumber.trackNumber"), row.text("flightNumber.suffix")
    if number is None:
        raise RejectRecord("flightNumber.trackNumber: missing, so no flight is named")
    codes = ("flightNumber.airlineCode", "operatingAirline.iata", "operatingAirline.icao")
    airline = row.first(*codes) or ""
    found = flight_of(airline, number, suffix or "", on)
    if found is None:
        told = f"{airline}{number}{suffix or ''}"[:40]
        raise RejectRecord(f"flightNumber: {told!r} is no flight number")
    return found


def _service(row: Row) -> str | None:
    kind = row.text("flightType")
    letter = _SERVICES.get((kind or "").lower())
    if kind is not None and letter is None:
        row.note("flightType", kind)
    return letter
