"""FAA TFMData: flight messages of the traffic flow management system, in XML, times in UTC.

Source: FAA SWIM, TFMData service, `tfmDataService/fltdOutput/fltdMessage` in any prefix; meanings
of the times by the ADL and FSM specifications (IGTD, ETD and its prefixes, OETD). Messages of 2016
name flight and airports in `qualifiedAircraftId` only, later ones in attributes too. Where the two
contradict each other the element is believed: gufi and igtd stand beside it. The codes' meanings
are in `data/formats/tfmdata.toml`.

`igtd`, the first gate departure time the system had, is that of the airline's published schedule
or of the first plan filed; it never changes, so it names the leg's date, but as filed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from filters.designators import airport_code
from filters.legs import cells_of
from filters.normalize.faa.swim import (
    NO_AIRLINE,
    NOT_AN_AIRLINE,
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
from filters.normalize.splitting import Piece, elements
from filters.normalize.statuses import make_status
from filters.outcome import Drop, RejectRecord
from filters.policy import load_data
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

if TYPE_CHECKING:
    from filters.normalize.markup import Element

NAME: Final = "tfmdata"
TITLE: Final = "FAA TFMData flight messages, XML"

_LEG: Final = "fltdMessage"
_ROOTS: Final = ("tfmDataService", "fltdOutput", "fiOutput")
_REMOVAL: Final = "flightPlanCancellation"

# Runway times by a type of their own, and the attribute that holds it.
_TYPED: Final = {"etd": ("off", "etdType"), "eta": ("on", "etaType")}
# Runway times that are actual when `estimated` is false.
_EVENTS: Final = {"timeOfDeparture": "off", "timeOfArrival": "on"}
# What the airline says of its flight: planned, expected or flown, as time goes by.
_AIRLINE: Final = {
    "airlineOutTime": "out",
    "airlineOffTime": "off",
    "airlineOnTime": "on",
    "airlineInTime": "in",
}
# What the system makes of it; never taken for flown, and only where nothing else is expected.
_COMPUTED: Final = {
    "gateDeparture": "out",
    "runwayDeparture": "off",
    "runwayArrival": "on",
    "gateArrival": "in",
}
_ORIGINAL: Final = ("originalDeparture", "originalArrival")
_TIME_DATA: Final = ("flightTimeData", "ncsmFlightTimeData")
_POINTS: Final = {"departurePoint": "depArpt", "arrivalPoint": "arrArpt"}
_REASONS: Final = ("cancellationStatusReason", "cancellationReason")
_WORDS: Final = ("aircraftId", "gufi", "igtd", "flightStatus", "diversionIndicator", *_REASONS)

FIELDS: Final = {
    "aircraftId, or acid": "airline, number",
    "gufi": "source_id, with the day it was given",
    "flightRef": "aliases",
    **{
        f"{name}, or {other}": end
        for (name, other), end in zip(_POINTS.items(), ("origin", "destination"), strict=True)
    },
    "sourceTimeStamp": "source_time",
    "igtd": "out_scheduled, and the date as filed",
    **{
        f"{name}, {kind}": f"{milestone}_scheduled, _estimated or _actual"
        for name, (milestone, kind) in _TYPED.items()
    },
    **{
        f"{name}, estimated": f"{milestone}_estimated or _actual"
        for name, milestone in _EVENTS.items()
    },
    **{
        name: f"{milestone}_actual when past and flown, else _estimated"
        for name, milestone in _AIRLINE.items()
    },
    **{name: f"{milestone}_estimated" for name, milestone in _COMPUTED.items()},
    "msgType, flightStatus": "life",
    f"{_REMOVAL} by fdTrigger and reason": "life, or dropped",
    "diversionIndicator": "deviation",
    "userCategory": "service",
}
IGNORED: Final = {
    "fiOutput and other outputs": "dropped: no_flight_data",
    "aircraftId of no airline, airline XXX": "dropped: not_an_airline_flight",
    "aircraftId with letters behind the number": "dropped: callsign_is_no_flight_number",
    ", ".join(_ORIGINAL): "the estimate before a first control; evidence",
    "major": "the carrier that may sell it; evidence",
    "coordinationTime, boundaryCrossingTime, arrTime": "at points on the way",
    "position, speed, altitude, route": "not about its times",
}

_MESSAGE = re.compile(rb"<(?:[\w.-]{1,64}:)?fltdMessage[\s>/]")
_ACID = re.compile(rb"<(?:[\w.-]{1,64}:)?aircraftId\s*>\s*([A-Za-z0-9]{1,16})\s*<")
_IGTD = re.compile(rb"<(?:[\w.-]{1,64}:)?igtd\s*>\s*([0-9TZ:.+-]{10,32})\s*<")
_GUFI = re.compile(rb"<(?:[\w.-]{1,64}:)?gufi\s*>\s*([A-Za-z0-9_.:/+-]{1,64})\s*<")
_REF = re.compile(rb"\sflightRef\s*=\s*[\"']([A-Za-z0-9_.:/+-]{1,64})[\"']")


class _State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    life: Life
    departed: bool


class _Meaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a code makes of a status, or why its message is dropped."""

    life: Life = "unsaid"
    deviation: Literal["diverted"] | None = None
    service: str | None = None
    drop: str | None = None


class _Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    messages: dict[str, Life]
    states: dict[str, _State]
    kinds: dict[str, Literal["scheduled", "estimated", "actual"]]
    diversions: dict[str, Literal["diverted"]]
    removals: dict[str, _Meaning]
    reasons: dict[str, _Meaning]
    users: dict[str, _Meaning]


class _Said(msgspec.Struct):
    """What one message says, as it is read; the first word of a thing counts."""

    words: dict[str, str]
    points: dict[str, str]
    times: dict[str, int]
    airline: dict[str, str]
    user: str
    evidence: list[str]


@cache
def _rules() -> _Rules:
    return load_data("formats", NAME, _Rules)


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One fltdMessage a piece, in its envelope."""
    return elements(chunks, (_LEG,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like a TFMData document."""
    head = payload[:65_536].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and (b"tfmDataService" in head or b"fltdMessage" in head)


def leg_key(payload: bytes) -> str | None:
    """The call sign with the igtd, which all messages of a leg share; else gufi, else flightRef.

    The airline's own messages have no gufi, and flightRef changes with amendments.
    """
    if sum(1 for _, _ in zip(_MESSAGE.finditer(payload), range(2), strict=False)) != 1:
        return None
    callsign, igtd = _ACID.search(payload), _IGTD.search(payload)
    if callsign and igtd:
        return f"{callsign[1].decode().upper()}.{igtd[1].decode()}"
    found = _GUFI.search(payload) or _REF.search(payload)
    return found[1].decode() if found else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all flight messages, or why they say nothing of an airline's flight.

    Raises RejectRecord when one of them names no flight, or the document is none of TFMData.
    """
    root = document(message.payload)
    found = topmost(root, (_LEG,))
    if found:
        return legs(found, _LEG, lambda leg, index: _leg(message, source, leg, index))
    if name_of(root) in _ROOTS:
        return Drop("no_flight_data")
    raise RejectRecord(f"message: {token(name_of(root))} is no tfmDataService")


def _leg(message: FeedMessage, source: Source, leg: Element, index: int) -> FlightStatus | Drop:
    rules = _rules()
    said = _read(leg)
    kind, airline = attribute(leg, "msgType"), attribute(leg, "airline").upper()
    acid = attribute(leg, "acid")
    callsign = said.words.get("aircraftId") or acid
    flight = flight_of_callsign(callsign, "aircraftId")
    user = rules.users.get(said.user.upper(), _Meaning())
    if isinstance(flight, Drop):
        return flight
    if airline == NO_AIRLINE:
        return NOT_AN_AIRLINE
    if user.drop is not None:
        return Drop(user.drop)
    if acid and acid.upper() != callsign.upper():
        said.evidence.append(f"acid={token(acid)}")
    major = attribute(leg, "major")
    if major and major.upper() != flight.airline:
        said.evidence.append(f"major={token(major)}")
    stamp = read_time(attribute(leg, "sourceTimeStamp"), "sourceTimeStamp", said.evidence)
    _airline_times(said, stamp)
    removal = _removal(kind, attribute(leg, "fdTrigger"), said)
    if removal is not None and removal.drop is not None:
        return Drop(removal.drop)
    reference = identifier_of(attribute(leg, "flightRef"))
    gufi = identifier_of(said.words.get("gufi"))
    source_time = message.received_at if stamp is None else stamp
    status = make_status(
        message,
        source,
        NAME,
        flight=flight,
        source_time=source_time,
        times=said.times,
        origin=_airport(leg, said, "departurePoint"),
        destination=_airport(leg, said, "arrivalPoint"),
        basis="filed",
        source_id=eram_id(gufi, source_time),
        index=index,
        life=_life(kind, said) if removal is None else removal.life,
        deviation=_deviation(said) if removal is None else removal.deviation,
        service=user.service,
        aliases=() if reference is None else (f"tfmref:{reference}",),
        evidence=said.evidence,
    )
    return status if cells_of(status) else Drop("says_nothing")


def _read(leg: Element) -> _Said:
    said = _Said(words={}, points={}, times={}, airline={}, user="", evidence=[])
    for element in leg.iter():
        name = name_of(element)
        reader = _READERS.get(name)
        if reader is not None:
            reader(element, name, said)
    _set(said, "out_scheduled", said.words.get("igtd"), "igtd")
    return said


def _set(said: _Said, cell: str, text: str | None, field: str) -> None:
    at = read_time(text, field, said.evidence)
    if at is not None:
        said.times.setdefault(cell, at)


def _word(element: Element, name: str, said: _Said) -> None:
    text = (element.text or "").strip()
    if text:
        said.words.setdefault(name, text)


def _point(element: Element, name: str, said: _Said) -> None:
    airport = child(element, "airport")
    text = "" if airport is None else (airport.text or "").strip()
    if text:
        said.points.setdefault(name, text)


def _user(element: Element, _: str, said: _Said) -> None:
    said.user = said.user or attribute(element, "userCategory")


def _typed(element: Element, name: str, said: _Said) -> None:
    milestone, named = _TYPED[name]
    text, kind = attribute(element, "timeValue"), attribute(element, named)
    known = _rules().kinds.get(kind.upper())
    if known is not None:
        _set(said, f"{milestone}_{known}", text, name)
    elif text or kind:
        said.evidence.append(f"{named}={token(kind)}")


def _event(element: Element, name: str, said: _Said) -> None:
    """An event without a word on it counts as expected: that takes nothing from anybody."""
    flown = attribute(element, "estimated").lower() in ("false", "0")
    _set(said, f"{_EVENTS[name]}_{'actual' if flown else 'estimated'}", element.text, name)


def _time_data(element: Element, _: str, said: _Said) -> None:
    for name in (*_AIRLINE, *_COMPUTED, *_ORIGINAL):
        if text := attribute(element, name):
            said.airline.setdefault(name, text)


_READERS: Final[dict[str, Callable[[Element, str, _Said], None]]] = {
    **dict.fromkeys(_WORDS, _word),
    **dict.fromkeys(_POINTS, _point),
    **dict.fromkeys(_TYPED, _typed),
    **dict.fromkeys(_EVENTS, _event),
    **dict.fromkeys(_TIME_DATA, _time_data),
    "qualifiedAircraftId": _user,
}


def _airline_times(said: _Said, stamp: int | None) -> None:
    """Files the times of flightTimeData; past ones of a flight still planned were not flown."""
    state = _rules().states.get(said.words.get("flightStatus", "").upper())
    departed = state is None or state.departed
    for name, milestone in _AIRLINE.items():
        at = read_time(said.airline.get(name), name, said.evidence)
        if at is not None:
            flown = departed and stamp is not None and at <= stamp
            said.times.setdefault(f"{milestone}_{'actual' if flown else 'estimated'}", at)
    for name, milestone in _COMPUTED.items():
        if f"{milestone}_actual" not in said.times:
            _set(said, f"{milestone}_estimated", said.airline.get(name), name)
    said.evidence += [f"{n}={token(said.airline[n])}" for n in _ORIGINAL if n in said.airline]


def _removal(kind: str, trigger: str, said: _Said) -> _Meaning | None:
    """What a cancellation means, by its reason or else by what triggered it; None for others."""
    rules = _rules()
    reason = next((said.words[name] for name in _REASONS if name in said.words), "")
    meaning = rules.reasons.get(reason.upper())
    if reason:
        said.evidence.append(f"reason={token(reason)}")
    if kind != _REMOVAL:
        return meaning
    said.evidence.append(f"fdTrigger={token(trigger)}")
    return meaning or rules.removals.get(trigger.upper(), _Meaning(life="doubtful"))


def _life(kind: str, said: _Said) -> Life:
    rules = _rules()
    word = said.words.get("flightStatus", "")
    state = rules.states.get(word.upper())
    if state is None and word:
        said.evidence.append(f"flightStatus={token(word)}")
    if state is not None and state.life == "doubtful":
        said.evidence.append(f"flightStatus={token(word)}")
        return state.life
    if any(cell.endswith("_actual") for cell in said.times):
        return "operating"
    life = rules.messages.get(kind, "unsaid")
    return state.life if life == "unsaid" and state is not None else life


def _deviation(said: _Said) -> str | None:
    word = said.words.get("diversionIndicator", "")
    deviation = _rules().diversions.get(word.upper())
    if word and word.upper() != "NO_DIVERSION":
        said.evidence.append(f"diversionIndicator={token(word)}")
    return deviation


def _airport(leg: Element, said: _Said, name: str) -> str | None:
    """The airport in the element, else that in the attribute, which may contradict it."""
    attributed, point = attribute(leg, _POINTS[name]), said.points.get(name)
    if attributed and point and airport_code(attributed) != airport_code(point):
        said.evidence.append(f"{_POINTS[name]}={token(attributed)}")
    return point or attributed
