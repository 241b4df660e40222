"""IATA AIDX: flight legs in XML, as airports and airlines exchange them; all times UTC.

Source: IATA AIDX XML Implementation Guide 22.1 (IATA RP 1797A, ACI RP 501A07), schemas 11.1 to
22.1, and the dialects of British airports. `FlightLegNotifRQ` (pushed) and `FlightLegRS` (answers)
carry legs, `FlightLegRQ` asks for them; each may lie in a SOAP envelope. Codes and their meanings
are in `data/formats/aidx.toml`.

A leg is named by airline, number, suffix, airports and OriginDate; AIDX has no id of its own, so
`source_id` stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from filters.normalize.aidx.codes import CELLS, RESOURCES, codes
from filters.normalize.aidx.leg import NAME, Sent, read_leg
from filters.normalize.aidx.said import READERS, token
from filters.normalize.markup import document, local
from filters.normalize.moments import iso_ms
from filters.normalize.splitting import Piece, elements
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

if TYPE_CHECKING:
    from filters.normalize.markup import Element

__all__ = ["FIELDS", "IGNORED", "NAME", "TITLE", "detect", "leg_key", "parse", "split"]

TITLE: Final = "IATA AIDX flight legs, XML"

_LEG: Final = "FlightLeg"
_FAMILY: Final = "IATA_AIDX_"
_REQUEST: Final = "IATA_AIDX_FlightLegRQ"
_WITH_LEGS: Final = ("IATA_AIDX_FlightLegNotifRQ", "IATA_AIDX_FlightLegRS")
_ANSWERS: Final = ("Error", "Warning")
_DEEPEST = 6  # a SOAP envelope needs two levels around the message
_MOST_WRAPPED = 64
_HEAD_BYTES = 65_536
_IDENTIFIER_BYTES = 4096

FIELDS: Final = {
    "LegIdentifier/Airline, FlightNumber, OperationalSuffix": "airline, number, suffix",
    "LegIdentifier/DepartureAirport": "origin",
    "LegIdentifier/ArrivalAirport": "destination; planned_destination when diverted",
    "LegIdentifier/OriginDate": "utc_date",
    "LegIdentifier/RepeatNumber": "deviation; evidence: attempt, airborne_returns",
    "TimeStamp": "source_time",
    "Target": "evidence: target",
    "SpecialAction": "life, as evidence only; evidence: action",
    **{f"OperationTime {label.rstrip('/')}": cell for label, (cell, _) in CELLS.items()},
    "OperationTime, others": "evidence, by qualifier and type",
    **{name: becomes for name, (becomes, _) in READERS.items() if name != "OperationTime"},
    **{f"Resource/{name}": what for name, (what, _) in RESOURCES.items()},
}
IGNORED: Final = {
    _REQUEST: "dropped: request",
    "FlightLegRS without legs": "dropped: throttled, feed_error, acknowledged; never: no flights",
    "GeneralAviationLegIdentifier, Airline GN": "dropped: not_an_airline_flight",
    "RepeatNumber with CurrentInd false": "dropped: superseded_attempt",
    "FuelNotifRQ, FlightLegLinkGroundMovement": "dropped: no_flight_legs",
    "TPA_Extension": "private to its sender",
    "AssociatedFlightLegSchedule, AssociatedFlightLegAircraft": "other legs",
    "PublicFlightDisplay": "a number without its suffix could be another flight's",
    "CabinClass, Baggage, DeadLoad, CrewInfo, AgentInfo": "loads and handling",
    "AircraftParkingPosition, Runway, CheckInInfo": "no place a passenger leaves from",
}

_MESSAGE = re.compile(rb"<(?:[\w.-]{1,64}:)?IATA_AIDX_")
_IDENTIFIER = re.compile(rb"<(?:[\w.-]{1,64}:)?LegIdentifier[\s>]")
_PARTS = re.compile(
    rb"<(?:[\w.-]{1,64}:)?(Airline|FlightNumber|OperationalSuffix|DepartureAirport|ArrivalAirport"
    rb"|OriginDate)(?:\s[^<>]{0,200})?>\s{0,64}([^<>\s]{1,40})"
)
_NAME: Final = b"LegIdentifier"
_ISO_DAY: Final = len("2000-01-01")
_KEY_PARTS: Final = ("Airline", "FlightNumber", "DepartureAirport", "ArrivalAirport")


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One FlightLeg a piece, in its envelope; a document without any is one piece."""
    return elements(chunks, (_LEG,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like an AIDX message, bare or wrapped."""
    head = payload[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and _MESSAGE.search(head) is not None


def leg_key(payload: bytes) -> str | None:
    """Airline, number and suffix, airports and OriginDate, as the message writes them.

    Every message of a leg has them, and none of them may change. None when the message has several
    legs, or none of an airline.
    """
    found = _IDENTIFIER.search(payload)
    if found is None:
        return None
    start = found.end()
    end = payload.find(_NAME, start, start + _IDENTIFIER_BYTES)
    if end < 0 or _another(payload, end + len(_NAME)):
        return None
    parts = {
        name.decode(): value.decode("ascii", "replace").upper()
        for name, value in _PARTS.findall(payload, start, end)
    }
    if any(name not in parts for name in _KEY_PARTS):
        return None
    airline, number, origin, destination = (parts[name] for name in _KEY_PARTS)
    flight = f"{airline}{number.lstrip('0')}{parts.get('OperationalSuffix', '')}"
    return f"{flight}.{origin}.{destination}.{parts.get('OriginDate', '')[:_ISO_DAY]}"


def _another(payload: bytes, after: int) -> bool:
    """Whether another leg is named; a plain search says at once that most messages have one."""
    return payload.find(_NAME, after) >= 0 and _IDENTIFIER.search(payload, after) is not None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all legs, or why there are none.

    Raises RejectRecord when a leg names no flight, or the document is none of AIDX.
    """
    root = document(message.payload)
    statuses: list[FlightStatus] = []
    drops: list[Drop] = []
    wrapped = _messages(root)
    for outer in wrapped:
        said = _message(outer, message, source, len(statuses))
        if isinstance(said, Drop):
            drops.append(said)
        else:
            statuses += said
    if statuses:
        return tuple(statuses)
    if drops:
        return drops[0]
    if local(str(root.tag)) == "Envelope":
        return Drop("feed_error")  # a SOAP fault, or nothing at all
    raise RejectRecord(f"message: {token(local(str(root.tag)))} is no message of IATA AIDX")


def _messages(root: Element) -> list[Element]:
    """The messages of AIDX in a document: its root, or what an envelope holds."""
    if local(str(root.tag)).startswith(_FAMILY):
        return [root]
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in each[:_MOST_WRAPPED]][:_MOST_WRAPPED]
        found = [each for each in level if local(str(each.tag)).startswith(_FAMILY)]
        if found:
            return found
    return []


def _message(
    outer: Element, message: FeedMessage, source: Source, index: int
) -> list[FlightStatus] | Drop:
    kind = local(str(outer.tag))
    if kind == _REQUEST:
        return Drop("request")
    if kind not in _WITH_LEGS:
        return Drop("no_flight_legs")
    legs = [child for child in outer if local(str(child.tag)) == _LEG]
    if not legs:
        return _answer(outer, kind)
    sent = _sent(outer, message)
    statuses: list[FlightStatus] = []
    drop: Drop | None = None
    for number, leg in enumerate(legs, 1):
        try:
            said = read_leg(leg, message, source, sent, index + len(statuses))
        except RejectRecord as reject:
            place = f"{_LEG} {number}" if len(legs) > 1 else ""
            raise RejectRecord(reject.reason, place) from reject
        if isinstance(said, Drop):
            drop = drop or said
        else:
            statuses.append(said)
    return statuses or drop or []


def _answer(outer: Element, kind: str) -> Drop:
    """Why a message has no legs: it is an error, a warning, or an answer that says no more."""
    types = [
        element.get("Type", "") for element in outer.iter() if local(str(element.tag)) in _ANSWERS
    ]
    reasons = {codes().answers.get(each, "feed_error") for each in types}
    if "throttled" in reasons:
        return Drop("throttled")
    if reasons:
        return Drop("feed_error")
    return Drop("acknowledged" if kind == "IATA_AIDX_FlightLegRS" else "says_nothing")


def _sent(outer: Element, message: FeedMessage) -> Sent:
    """When the message was sent, by its TimeStamp (UTC where it names no zone), else received."""
    notes: tuple[str, ...] = ()
    try:
        at = iso_ms((outer.get("TimeStamp") or "").strip(), "TimeStamp")
    except RejectRecord:
        at, notes = None, ("unread=TimeStamp",)
    target = outer.get("Target")
    if target and target != "Production":
        notes = (*notes, f"target={token(target)}")
    return Sent(message.received_at if at is None else at, notes)
