"""Swedavia flightinfo v2: JSON, a Swedish day's rows under `flights`, or the rows of a query.

Sources: Swedavia, "Using the FlightInfo API V2" with its data model. Times are UTC, and so is
`flightDepartureDateUtc`, the date of the leg's departure; the list is of a Swedish day. `flightId`
is a flight number and comes again every day, so a leg's id is made of it, that date and the airport
of departure.

Times of arrival: `actualUtc` comes with LAN, landed, so it is a touchdown; `estimatedUtc` stands
against the schedule. Whether the `actualUtc` of a departure is off-block or take-off is not
documented; it counts as off-block. DEL is a row that was deleted from the schedule, not a delay,
and ACT is departed. A row has no time stamp, so SCH, which only repeats the schedule, says nothing
of life: it would take back what another source knows better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from filters.normalize.boards import rows
from filters.normalize.boards.rows import Leg, Row, Word
from filters.normalize.splitting import Piece, values
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "swedavia"
TITLE: Final = "Swedavia flightinfo v2, JSON"

_MEMBER: Final = "flights"
_WRAPPED: Final = ("arrival", "departure")  # around each row of a query
_TIMES: Final = {
    "arrivalTime.scheduledUtc": "in_scheduled",
    "arrivalTime.estimatedUtc": "in_estimated",
    "arrivalTime.actualUtc": "on_actual",
    "departureTime.scheduledUtc": "out_scheduled",
    "departureTime.estimatedUtc": "out_estimated",
    "departureTime.actualUtc": "out_actual",
}
_WORDS: Final = {
    "sch": Word(),
    "act": Word("operating"),
    "lan": Word("operating"),
    "can": Word("cancelled"),
    "del": Word("doubtful", noted=True),
}
_ID: Final = "flightLegIdentifier"
_DEPARTS: Final = (f"{_ID}.departureAirportIata", f"{_ID}.departureAirportIcao")
_ARRIVES: Final = (f"{_ID}.arrivalAirportIata", f"{_ID}.arrivalAirportIcao")

FIELDS: Final = {
    "flightId": "airline, number, suffix",
    f"flightId, {_ID}.flightDepartureDateUtc, {_DEPARTS[0]}": "source_id",
    f"{_ID}.ifplId": "aliases",
    "codeShareData": "code_shares",
    ", else ".join(_DEPARTS): "origin; of an arrival with stops the last of viaDestinations",
    ", else ".join(_ARRIVES): "destination; of a departure with stops the first of viaDestinations",
    f"{_ID}.flightDepartureDateUtc": "utc_date",
    **_TIMES,
    **{f"flightLegStatus {code.upper()}": word.text for code, word in _WORDS.items()},
    "locationAndStatus.terminal": "in_terminal, out_terminal",
    "locationAndStatus.gate": "in_gate, out_gate",
    "baggage.baggageClaimUnit": "baggage",
    f"{_ID}.aircraftRegistration": "registration",
}
IGNORED: Final = {
    "to, from": "the airport and the day of the list; each row names its airports",
    "airlineOperator": "who flies; the number is flightId's",
    f"{_ID}.callsign, {_ID}.ssrCode": "of air traffic control",
    "diIndicator": "domestic, Schengen or international",
    "remarksEnglish, remarksSwedish": "free text",
    "baggage.firstBagUtc, lastBagUtc, estimatedFirstBagUtc": "times of the terminal",
    "checkIn, locationAndStatus.gateAction, gateOpenUtc, gateCloseUtc": "check-in and boarding",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece, with the rest of its list."""
    return values(chunks, members=(_MEMBER,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like rows of Swedavia's, by three of their members."""
    return rows.has_members(payload, "flightLegIdentifier", "scheduledUtc", "flightId")


def leg_key(payload: bytes) -> str | None:
    """The leg's id, as made of the row."""
    row = rows.only(payload, _rows_in)
    return None if row is None else _id(row)


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the rows in one message, or why there are none.

    Raises RejectRecord when a row names no flight, or nothing of it can be read.
    """
    return rows.each(_rows_in(rows.document(message.payload)), partial(_status, message, source))


def _rows_in(value: object) -> list[dict[str, Any]]:
    found = rows.objects(value, _MEMBER)
    return [_unwrapped(row) for row in found]


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    inner = [row[name] for name in _WRAPPED if isinstance(row.get(name), dict)]
    return inner[0] if len(inner) == 1 else row


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    times = {cell: row.time(path) for path, cell in _TIMES.items()}
    date = row.date(f"{_ID}.flightDepartureDateUtc")
    on = date or rows.day_of(times["out_scheduled"] or times["in_scheduled"])
    told = (row.text("flightId"), row.text(f"{_ID}.flightId"))
    flight = rows.named(told, "flightId", on)
    leg = _leg(row)
    plan = row.text(f"{_ID}.ifplId")
    return rows.finished(
        message,
        source,
        NAME,
        row,
        leg,
        row.word("locationAndStatus.flightLegStatus", _WORDS),
        index,
        flight=flight,
        source_time=message.received_at,
        times=times,
        utc_date=None if date is None else date.isoformat(),
        source_id=_id(row),
        aliases=() if plan is None else (f"ifpl:{plan}",),
        code_shares=rows.shares(flight, row.texts("codeShareData"), on),
        registration=row.registration(f"{_ID}.aircraftRegistration"),
        baggage=row.text("baggage.baggageClaimUnit"),
        **{
            f"{leg.end}_{what}": row.text(f"locationAndStatus.{what}")
            for what in ("terminal", "gate")
        },
    )


def _leg(row: Row) -> Leg:
    """An arrival has arrivalTime, a departure departureTime; a row with both is a departure."""
    arrives, departs = (
        isinstance(row.value(name), Mapping) for name in ("arrivalTime", "departureTime")
    )
    if not (arrives or departs):
        raise RejectRecord("arrivalTime, departureTime: missing, so no end of a leg is told")
    via = [
        code
        for stop in row.items("viaDestinations")
        if isinstance(stop, dict) and isinstance(code := stop.get("airportIATA"), str)
    ]
    first, last = row.first(*_DEPARTS), row.first(*_ARRIVES)
    if departs:
        return rows.leg_of(row, first, [*via, last or ""], arriving=False)
    return rows.leg_of(row, last, [first or "", *via], arriving=True)


def _id(row: Row) -> str | None:
    parts = (row.text("flightId"), row.date(f"{_ID}.flightDepartureDateUtc"), row.first(*_DEPARTS))
    return None if None in parts else ".".join(str(part).replace(" ", "") for part in parts)
