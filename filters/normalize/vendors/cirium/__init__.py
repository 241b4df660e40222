"""Cirium (FlightStats): a flightStatus object, alone, in an API answer, a feed item or an alert.

Sources: developer.flightstats.com, "Historical Flight Status Response" (v3) and "Alert Messages"
(alerts v1); Cirium helpdesk, "What are the flight status codes?". Each message is the whole state
of one leg as Cirium knows it. `null` says as little as a missing member. What the words mean is in
`data/formats/cirium.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from filters.legs import cells_of
from filters.normalize.splitting import Piece, values
from filters.normalize.vendors import loose
from filters.normalize.vendors.cirium import wire
from filters.normalize.vendors.cirium.legs import PLACES, Told, status
from filters.normalize.vendors.cirium.times import TIMES
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "cirium"
TITLE: Final = "Cirium (FlightStats) flight status and alert callbacks, JSON"
FIELDS: Final = {
    "flightId": "source_id",
    "operatingCarrierFsCode, else carrierFsCode, else primaryCarrierFsCode": "airline",
    "flightNumber": "number, suffix",
    "carrierFsCode, primaryCarrierFsCode, codeshares[]": "code_shares",
    "departureAirportFsCode": "origin",
    "arrivalAirportFsCode": "destination; planned_destination of a diverted flight",
    "divertedAirportFsCode, irregularOperations[].newArrivalAirportFsCode": "destination",
    "status": "life, deviation",
    "departureDate.dateLocal": "date, as filed, where no schedule is told",
    **{f"operationalTimes.{name}": cell for cell, names in TIMES.items() for name in names},
    **{f"airportResources.{name}": cell for name, cell in PLACES.items()},
    "flightEquipment.tailNumber": "registration",
    "schedule.flightType": "service",
    "irregularOperations[].type": "deviation of a return, or doubt; evidence",
    "irregularOperations[].relatedFlightId": "evidence: the leg it is linked to",
    "flightStatusUpdates[].updatedAt, alert.dateTimeRecorded, request.url": "source_time",
    "alert.event.type": "evidence",
    "appendix": "codes of airlines and airports that are Cirium's own, in a message of one leg",
}
IGNORED: Final = {
    "delays, flightDurations": "computed from the times",
    "schedule.serviceClasses": "booking classes, no service type",
    "schedule.uplines, schedule.downlines": "other legs of the flight",
    "irregularOperations[].message": "free text",
    "alert.rule": "the subscription; it may name its owner",
    "items": "dropped: feed_page, a list of addresses",
    "error": "dropped: feed_error",
}

_MARKS: Final = (b'FsCode"', b'"operationalTimes"', b"/flightstatusfeed/", b'"flightStatuses"')

_decoder = msgspec.json.Decoder(list[wire.Document] | wire.Document)
_decode_ids = msgspec.json.Decoder(wire.IdDocument).decode


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One leg a piece, with the rest of the answer it stands in but the appendix."""
    return values(chunks, members=("flightStatuses",), leave_out=("appendix",))


def detect(payload: bytes) -> bool:
    """True when the bytes are JSON with members that only FlightStats has."""
    if payload[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return False
    if any(mark in payload for mark in _MARKS):
        return True
    # An answer whose appendix alone is longer than what is looked at.
    return b'"appendix"' in payload and b'"fs"' in payload


def leg_key(payload: bytes) -> str | None:
    """The flightId without building the whole message; None when it names none or several."""
    try:
        said = _decode_ids(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # normalize rejects it, or reads it without an id
    alert = said.alert.flight_status if said.alert else None
    named = [said, said.flight_status, alert, *(said.flight_statuses or ())]
    ids = {loose.text(leg.flight_id) for leg in named if leg is not None} - {None}
    return ids.pop() if len(ids) == 1 else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status of each leg in the message, or why it says nothing of a flight.

    Raises RejectRecord naming the member, and the leg's place where there are several, when a leg
    names no flight.
    """
    said, left_out = loose.read(message.payload, _decoder)
    documents = said if isinstance(said, list) else [said]
    told = _told(said) if not isinstance(said, list) else list(chain(*map(_told, said)))
    if not told:
        return _empty(documents, left_out)
    unread = [f"unread={member}" for member in left_out]
    statuses = []
    for index, leg in enumerate(told):
        try:
            one = status(message, source, NAME, leg, index, unread)
        except RejectRecord as reject:
            place = f"flightStatus {index + 1}" if len(told) > 1 else ""
            raise RejectRecord(loose.because(reject.reason, left_out), place) from reject
        if one.destination is not None or cells_of(one):
            statuses.append(one)
    return tuple(statuses) or Drop("says_nothing")


def _told(document: wire.Document) -> list[Told]:
    """The legs in a document, whatever it is."""
    appendix = document.appendix
    url = document.request.url if document.request else None
    legs = list(document.flight_statuses or ())
    if document.flight_number is not None or document.flight_id is not None:
        legs.append(document)
    if document.flight_status is not None:
        legs.append(document.flight_status)
    told = [Told(leg, appendix, None, url, None) for leg in legs]
    alert = document.alert
    if alert is not None and alert.flight_status is not None:
        event = alert.event.type if alert.event else None
        told.append(Told(alert.flight_status, appendix, alert.date_time_recorded, url, event))
    return told


def _empty(documents: list[wire.Document], left_out: dict[str, str]) -> Drop:
    if any(document.items is not None for document in documents):
        return Drop("feed_page")
    if any(document.error is not None for document in documents):
        return Drop("feed_error")
    empty = documents and all(document.flight_statuses == [] for document in documents)
    if empty and not left_out:
        return Drop("says_nothing")
    raise RejectRecord(loose.because("flightStatus: missing, so no flight is named", left_out))
