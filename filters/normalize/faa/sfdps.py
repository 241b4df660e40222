"""FAA SFDPS: en-route flight messages in FIXM 3.0 with the NAS extension, XML, times in UTC.

Source: FAA SWIM Flight Data Publication Service, En Route Flight Data Publication, Operational
Context Document; FIXM Core and US Extension 3.0. A document is one `NasFlight`, or a
`MessageCollection` of `message/flight`, in any prefix; FIXM 4 where its names are the same. Times
are those of the runway; the feed knows no schedule, so most of its statuses say no date and find
their leg by ERAM's id of the plan, which TFMData gives as gufi beside the date. What the words mean
is in `data/formats/sfdps.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from filters.legs import cells_of
from filters.normalize.faa import tfmdata
from filters.normalize.faa.swim import (
    attribute,
    child,
    eram_id,
    flight_of_callsign,
    identifier_of,
    legs,
    name_of,
    read_time,
    token,
    topmost,
)
from filters.normalize.markup import document
from filters.normalize.moments import iso_ms
from filters.normalize.splitting import Piece, elements
from filters.normalize.statuses import make_status
from filters.outcome import Drop, RejectRecord
from filters.policy import load_data
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

if TYPE_CHECKING:
    from filters.normalize.markup import Element

NAME: Final = "sfdps"
TITLE: Final = "FAA SFDPS flight messages, FIXM 3.0 XML"

_FLIGHTS: Final = ("NasFlight", "Flight", "flight")
_ROOTS: Final = ("MessageCollection", "message")
# Which time at which end of the flight is which milestone.
_MILESTONES: Final = {
    "departure": {"runwayTime": "off", "standTime": "out"},
    "arrival": {"runwayTime": "on", "standTime": "in"},
}
_KINDS: Final = ("estimated", "actual")
# The attribute or element with the place, and elements of FIXM Core that name it instead.
_POINTS: Final = {
    "departure": ("departurePoint", "departureAerodrome"),
    "arrival": ("arrivalPoint", "arrivalAerodrome", "destinationAerodrome"),
}
_CODES: Final = ("code", "fix", "locationIndicator")

FIELDS: Final = {
    "aircraftIdentification": "airline, number",
    "gufi": "source_id",
    "flightPlan identifier": "aliases, as TFMData's gufi with the day it was given",
    "timestamp": "source_time",
    **{
        f"{end} {' or '.join(names)}": place
        for (end, names), place in zip(_POINTS.items(), ("origin", "destination"), strict=True)
    },
    **{
        f"{end} {name} {kind}": f"{milestone}_{kind}"
        for end, names in _MILESTONES.items()
        for name, milestone in names.items()
        for kind in _KINDS
    },
    "fdpsFlightStatus": "life",
    "registration": "registration",
}
IGNORED: Final = {
    "messages without a flight": "dropped: no_flight_data",
    "aircraftIdentification of no airline, flightType GENERAL or MILITARY": (
        "dropped: not_an_airline_flight"
    ),
    "aircraftIdentification with letters behind the number": (
        "dropped: callsign_is_no_flight_number"
    ),
    "coordination, controlled and target times": "at points on the way, or wished for",
    "enRoute, assignedAltitude, route": "not about its times",
}

_FLIGHT = re.compile(rb"<(?:[\w.-]{1,64}:)?flightIdentification[\s>/]")
_GUFI = re.compile(rb"<(?:[\w.-]{1,64}:)?gufi(?:\s[^<>]{0,200})?>\s*([A-Za-z0-9_.:/+-]{1,64})\s*<")
_REGISTRATION = re.compile(r"[A-Z0-9-]{2,10}")
_FDPS_GUFI = re.compile(r"us\.fdps\.(?P<given>[0-9TZ:-]{10,24})\.[0-9]{1,6}/.{1,20}")


class _Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    states: dict[str, Life]
    types: dict[str, str]


@cache
def _rules() -> _Rules:
    return load_data("formats", NAME, _Rules)


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One message of a collection a piece, in its envelope; a NasFlight is one as it stands."""
    return elements(chunks, ("message",))


def detect(payload: bytes) -> bool:
    """True when the bytes look like a FIXM flight or a collection of them."""
    head = payload[:65_536].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and (b"www.fixm.aero/" in head or b"www.faa.aero/nas/" in head)


def leg_key(payload: bytes) -> str | None:
    """The flight's gufi without building the whole message; None when it has none or several."""
    if sum(1 for _, _ in zip(_FLIGHT.finditer(payload), range(2), strict=False)) != 1:
        return None
    found = _GUFI.search(payload)
    return found[1].decode() if found else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all flights, or why they say nothing of an airline's flight.

    Raises RejectRecord when one of them names no flight, or the document is none of FIXM.
    """
    root = document(message.payload)
    found = topmost(root, _FLIGHTS)
    if found:
        return legs(found, "flight", lambda leg, index: _leg(message, source, leg, index))
    if name_of(root) in _ROOTS:
        return Drop("no_flight_data")
    raise RejectRecord(f"message: {token(name_of(root))} is no NasFlight or MessageCollection")


def _leg(message: FeedMessage, source: Source, leg: Element, index: int) -> FlightStatus | Drop:
    rules = _rules()
    evidence: list[str] = []
    kind = rules.types.get(attribute(leg, "flightType").upper())
    named = "aircraftIdentification"
    flight = flight_of_callsign(_of(leg, "flightIdentification", named), named)
    if isinstance(flight, Drop):
        return flight
    if kind is not None:
        return Drop(kind)
    stamp = read_time(attribute(leg, "timestamp"), "timestamp", evidence)
    times = _times(leg, evidence)
    word = _of(leg, "flightStatus", "fdpsFlightStatus")
    status = make_status(
        message,
        source,
        NAME,
        flight=flight,
        source_time=message.received_at if stamp is None else stamp,
        times=times,
        origin=_point(leg, "departure"),
        destination=_point(leg, "arrival"),
        source_id=identifier_of(_text(child(leg, "gufi"))),
        index=index,
        life=_life(word, times, evidence),
        registration=_registration(leg),
        aliases=_aliases(leg, stamp),
        evidence=evidence,
    )
    return status if (times or word) and cells_of(status) else Drop("says_nothing")


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _of(leg: Element, name: str, part: str) -> str:
    """An attribute of a child, or the text of the child's child of that name."""
    found = child(leg, name)
    if found is None:
        return ""
    return attribute(found, part) or _text(child(found, part))


def _times(leg: Element, evidence: list[str]) -> dict[str, int]:
    times: dict[str, int] = {}
    for end, names in _MILESTONES.items():
        part = child(leg, end)
        for element in () if part is None else part.iter(*(f"{{*}}{name}" for name in names)):
            milestone = names[name_of(element)]
            for each in element:
                kind = name_of(each)
                if kind in _KINDS:
                    text = attribute(each, "time") or _text(child(each, "time"))
                    at = read_time(text, f"{end}.{kind}", evidence)
                    if at is not None:
                        times.setdefault(f"{milestone}_{kind}", at)
    return times


def _point(leg: Element, end: str) -> str | None:
    """The airport of an end. Other places, such as a fix with a bearing, are no codes."""
    part = child(leg, end)
    if part is None:
        return None
    for name in _POINTS[end]:
        if text := attribute(part, name):
            return text
        found = child(part, name)
        if found is not None:
            texts = [_text(found)]
            for code in _CODES:
                texts += [attribute(found, code), _text(child(found, code))]
            return next((text for text in texts if text), None)
    return None


def _life(word: str, times: dict[str, int], evidence: list[str]) -> Life:
    """A plan dropped by one centre is no doubt about a flight that the message says has left."""
    life = _rules().states.get(word.upper())
    if word and life not in ("operating", "unsaid"):
        evidence.append(f"fdpsFlightStatus={token(word)}")
    if life == "doubtful" and any(cell.endswith("_actual") for cell in times):
        return "unsaid"
    return life or "unsaid"


def _registration(leg: Element) -> str | None:
    mark = _of(leg, "aircraftDescription", "registration").upper()
    return mark if _REGISTRATION.fullmatch(mark) else None


def _aliases(leg: Element, stamp: int | None) -> tuple[str, ...]:
    """ERAM's id of the plan as TFMData's statuses carry it.

    Its day is the one in FDPS_GUFI, else it follows from the message's time; without either the
    id could be another week's.
    """
    given = stamp
    for element in leg.iter("{*}nameValue"):
        if attribute(element, "name") == "FDPS_GUFI":
            match = _FDPS_GUFI.fullmatch(attribute(element, "value"))
            try:
                given = iso_ms(match["given"], "FDPS_GUFI") if match else given
            except RejectRecord:
                continue
    plan = child(leg, "flightPlan")
    if plan is None or given is None:
        return ()
    identifier = eram_id(attribute(plan, "identifier") or None, given)
    return () if identifier is None else (f"{tfmdata.NAME}:{identifier}",)
