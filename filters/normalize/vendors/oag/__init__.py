"""OAG: status and schedule events of Flight Info Alerts, and the items of the Flight Info API.

Sources: OAG knowledge base, "Flight Info Alerts - Status Event Descriptions", "Status Event
Samples", "Schedule event field layout & descriptions"; "Flight Info API - Response Layout &
Descriptions". An event comes for each number a flight is sold under: all of them are about the
operating flight. A missing member is unknown, and `null` says as little. What the words mean is in
`data/formats/oag.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from filters.designators import airport_code
from filters.legs import cells_of
from filters.normalize.splitting import Piece, values
from filters.normalize.vendors import loose
from filters.normalize.vendors.oag import wire
from filters.normalize.vendors.oag.legs import either, operating, status
from filters.normalize.vendors.oag.times import MILESTONES, local_day
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "oag"
TITLE: Final = "OAG Flight Info: status events, schedule events and API items, JSON"
FIELDS: Final = {
    "carrierCode, flightNumber, serviceSuffix": "airline, number, suffix",
    "codeshare.operatingFlight, codeshare.comment050": (
        "airline, number, suffix, of a marketing flight"
    ),
    "carrierCode, flightNumber of a marketing flight": "code_shares",
    "codeshare.marketingFlights, codeshare.comments010": "code_shares",
    "statusKey": "source_id; of a marketing flight's event aliases",
    "departure.airport": "origin",
    "arrival.airport": "destination; planned_destination of a diverted flight",
    "diversionAirport": "destination, deviation",
    "state, statusDetails[].state": "life, deviation",
    "status": "life, in a schedule event",
    "departure.times.scheduled; departure.date, time, passengerLocalTime": "out_scheduled, date",
    "arrival.times.scheduled; arrival.date, time, passengerLocalTime, legArrivalIntervalDays": (
        "in_scheduled"
    ),
    **{
        f"{end}.times.{kind}.{member}, statusDetails[].{end}.{kind}Time.{member}": f"{cell}_{kind}"
        for end, members in MILESTONES.items()
        for member, cell in members.items()
        for kind in ("estimated", "actual")
    },
    "outGateVariation, inGateVariation": "out_scheduled, in_scheduled where they are not told",
    "originationDate.local": "date, as filed, where no schedule is told",
    "terminal, actualTerminal, gate": "terminals and gates",
    "arrival.baggage": "baggage",
    "equipment.aircraftRegistrationNumber": "registration",
    "serviceType, serviceTypeCode": "service",
    "messageTimestamp, updatedAt, statusDetails[].updatedAt": "source_time",
    "oagFingerprint": "evidence: it names a schedule, of more than one date",
}
IGNORED: Final = {
    "flightType GA": "dropped: not_an_airline_flight",
    "documents of other types": "dropped: unknown_type",
    "outGateTimeliness, inGateTimeliness": "computed from the times",
    "operatingAirlineDisclosure, aircraftOwner, cabinCrewEmployer": "an airline without a number",
    "arrival of a schedule with stops on its way": "the end of another leg",
    "statusDetails[] of another departure airport": "another leg of the flight",
    "scheduleInstanceKey, operatingInstanceKey": "may be of a flight of several legs",
    "seats, changeIndicator": "not about its times",
}

_MARKS: Final = (b'"scheduleInstanceKey"', b'"statusDetails"', b'"oagFingerprint"')
_TYPES: Final = (b'"FlightStatus"', b'"ScheduleInstance"', b'"ScheduleStatus"')

_decoder = msgspec.json.Decoder(list[wire.Document] | wire.Document)
_decode_ids = msgspec.json.Decoder(wire.IdDocument).decode


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One event a piece, or one item of an API answer with the rest of the answer."""
    return values(chunks, members=("data",))


def detect(payload: bytes) -> bool:
    """True when the bytes are JSON with members that only OAG has."""
    if payload[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return False
    if b'"documentType"' in payload and any(kind in payload for kind in _TYPES):
        return True
    return any(mark in payload for mark in _MARKS)


def leg_key(payload: bytes) -> str | None:
    """The operating flight, its origin and local date, without building the whole message.

    The events of all numbers of a flight have the same. None when it is not all there, or when the
    message names several.
    """
    try:
        said = _decode_ids(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # normalize rejects it, or reads what it can
    items: list[wire.Id] = [said] if said.data is None else [*said.data]
    if len(items) != 1:
        return None
    item = items[0]
    day, _ = local_day(item)
    name = operating(item, day)
    plan = item.departure
    origin = None if plan is None else airport_code(either(plan.airport))
    if name is None or day is None or origin is None:
        return None
    return f"{name.airline}{name.number}{name.suffix}.{origin}.{day}"


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status of each flight in the message, or why it says nothing of one.

    Raises RejectRecord naming the member, and the item's place where there are several, when an
    event names no flight.
    """
    said, left_out = loose.read(message.payload, _decoder)
    documents = said if isinstance(said, list) else [said]
    items: list[wire.Flight] = []
    for document in documents:
        items += [document] if document.data is None else document.data
    if not items and left_out:
        raise RejectRecord(loose.because("flightNumber: missing, so no flight is named", left_out))
    unread = [f"unread={member}" for member in left_out]
    statuses = []
    drop = Drop("says_nothing")
    for index, item in enumerate(items):
        try:
            one = status(message, source, NAME, item, index, unread)
        except RejectRecord as reject:
            place = f"data {index + 1}" if len(items) > 1 else ""
            raise RejectRecord(loose.because(reject.reason, left_out), place) from reject
        if isinstance(one, Drop):
            drop = one
        elif one.destination is not None or cells_of(one):
            statuses.append(one)
    return tuple(statuses) or drop
