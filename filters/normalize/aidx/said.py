"""What the LegData of one AIDX leg says, element by element.

Source: IATA AIDX XML Implementation Guide 22.1, chapter "Missing and nil elements" and appendix J
(data descriptions). A missing element says nothing, one with `xsi:nil` withdraws what was said
before, and an empty one, which is not allowed but sent, says nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from filters.normalize.aidx.codes import CELLS, PLANNED, RESOURCES
from filters.normalize.moments import iso_ms
from filters.outcome import RejectRecord

if TYPE_CHECKING:
    from filters.normalize.markup import Element

    # By tag, which lxml gives a wider type than it ever has here.
    Names: TypeAlias = Mapping[Any, str]
    Reader: TypeAlias = Callable[["Said", Element, "Vocabulary"], None]

_ENDS: Final = {"Departure": "out", "Arrival": "in"}
_ACTUAL: Final = "Actual"
_USAGE_RANK: Final = 2

_PRIVATE: Final = "0000"  # a CodeContext of nobody's code set
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_DIRTY: Final = "TODO"  # what one sender's own mapping leaves where it knows nothing
_LONGEST_WORD = 40
_LONGEST_TEXT = 80  # with blanks around; what is longer fills no cache
_MARK = re.compile(r"[A-Z0-9-]{2,10}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9*?_./+-]{1,16}", re.ASCII)
_MOMENT = re.compile(r"[0-9TZ:.+-]{10,35}", re.ASCII)
_DURATION = re.compile(
    r"P(?=.*\d)(?:(?P<days>\d{1,2})D)?(?:T(?:(?P<hours>\d{1,3})H)?(?:(?P<minutes>\d{1,5})M)?"
    r"(?:\d{0,6}(?:\.\d{0,9})?S)?)?",
    re.ASCII,
)
_LONGEST_NAMESPACE = 200

_NAMES: Final = (
    *("LegIdentifier", "GeneralAviationLegIdentifier", "SpecialAction", "LegData"),
    *("Airline", "FlightNumber", "OperationalSuffix", "DepartureAirport", "ArrivalAirport"),
    *("OriginDate", "RepeatNumber"),
    *("ReasonCode", "Duration", "Registration", "CallSign"),
)


class Delay(NamedTuple):
    """One IrregularityDelay; minutes is None when no duration was said."""

    code: str
    minutes: int | None
    arrival: bool


class Said:
    """What LegData says; filled by the readers, in the order of the document.

    What may be told repeatedly is kept with its RepeatIndex in front.
    """

    __slots__ = (
        "_chosen",
        "call_sign",
        "cleared",
        "delays",
        "displayed",
        "history",
        "moments",
        "notes",
        "places",
        "registration",
        "remarks",
        "service",
        "shares",
        "statuses",
        "unread",
    )

    def __init__(self) -> None:
        # Cell -> the label that fills it.
        self._chosen: dict[str, str] = {}
        self.call_sign: str | None = None
        self.cleared: set[str] = set()
        self.delays: list[tuple[int, Delay]] = []
        self.displayed: list[str] = []
        self.history: list[tuple[int, str]] = []
        # Label -> ms UTC (None: withdrawn), the text, and where it stands.
        self.moments: dict[str, tuple[int | None, str, Element]] = {}
        self.notes: list[str] = []
        # Field -> rank and value.
        self.places: dict[str, tuple[int, str]] = {}
        self.registration: str | None = None
        self.remarks: list[str] = []
        self.service: str | None = None
        self.shares: list[tuple[str | None, str | None, str | None]] = []
        # With FlightLegScope, "" when not said.
        self.statuses: list[tuple[int, tuple[str, str]]] = []
        self.unread: list[str] = []

    def times(self) -> dict[str, int]:
        """Cell -> ms UTC. What is outranked becomes a note, what is withdrawn joins `cleared`."""
        times: dict[str, int] = {}
        chosen = self._chosen
        for label, (ms, text, _) in self.moments.items():
            cell, rank = CELLS[label]
            if ms is None:
                # The plan that is withdrawn is not the schedule.
                if not label.endswith(PLANNED):
                    self.cleared.add(cell)
                continue
            other = chosen.get(cell)
            if other is not None:
                if CELLS[other][1] <= rank:
                    self.notes.append(f"{label}={text.strip()}")
                    continue
                self.notes.append(self.told(cell))
            times[cell], chosen[cell] = ms, label
        return times

    def told(self, cell: str) -> str:
        """What filled a cell, as label=text."""
        label = self._chosen[cell]
        return f"{label}={self.moments[label][1].strip()}"

    def planned(self, cell: str) -> bool:
        """Whether a cell was filled by a plan for want of a schedule."""
        return self._chosen.get(cell, "").endswith(PLANNED)


class Vocabulary(NamedTuple):
    """The tags of one namespace: names, readers of LegData, and what resources are read."""

    names: Names
    readers: Mapping[Any, Reader]
    resources: Mapping[Any, tuple[str, int]]


@lru_cache(maxsize=16)
def _vocabulary(namespace: str) -> Vocabulary:
    spaces = (namespace, "")
    return Vocabulary(
        {f"{space}{name}": name for space in spaces for name in _NAMES},
        {f"{space}{name}": reader for space in spaces for name, (_, reader) in READERS.items()},
        {f"{space}{name}": what for space in spaces for name, what in RESOURCES.items()},
    )


def vocabulary_of(tag: str) -> Vocabulary:
    """The tags in the namespace of this tag, or in none."""
    namespace = tag[: tag.rfind("}") + 1]
    if len(namespace) > _LONGEST_NAMESPACE:
        return _vocabulary.__wrapped__(namespace)
    return _vocabulary(namespace)


def word(element: Element | None) -> str | None:
    """The element's text without blanks around it; None when it is empty, nil or no word."""
    text = None if element is None else element.text
    return None if text is None or len(text) > _LONGEST_TEXT else _word(text)


@lru_cache(maxsize=16_384)
def _word(text: str) -> str | None:
    text = text.strip()
    if not text or len(text) > _LONGEST_WORD or not text.isprintable() or text == _DIRTY:
        return None
    return text


def is_nil(element: Element) -> bool:
    """Whether the element withdraws what was said before."""
    return element.get(_NIL) in ("true", "1")


def token(text: str) -> str:
    """A code as evidence holds it; `?` for what is no code, since it may be free text."""
    return _token(text) if len(text) <= _LONGEST_WORD else "?"


@lru_cache(maxsize=4096)
def _token(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else "?"


def number_of(text: str | None) -> int:
    """A small number such as RepeatIndex; 0 when it is missing or none."""
    return int(text) if text and len(text) <= 4 and text.isascii() and text.isdigit() else 0  # noqa: PLR2004  (digits of any real one)


def _repeat(element: Element) -> int:
    return number_of(element.get("RepeatIndex"))


def _operation_time(said: Said, element: Element, _: Vocabulary) -> None:
    get = element.get
    kind = get("TimeType", "")
    label = f"{get('OperationQualifier', '')}/{kind}"
    text = element.text
    if label not in CELLS or (not kind and get("CodeContext") == _PRIVATE):
        text = (text or "").strip()
        if _MOMENT.fullmatch(text):
            said.notes.append(f"{token(label)}={text}")
        return
    if text is None or text.isspace():
        if not is_nil(element):
            return
        ms, text = None, ""
    else:
        ms = _moment(text) if len(text) <= _LONGEST_TEXT else None
        if ms is None:
            said.unread.append(label)
            return
    known = said.moments.get(label)
    # Of a time told repeatedly the one with the highest index counts.
    if known is None or _repeat(element) >= _repeat(known[2]):
        said.moments[label] = (ms, text, element)


@lru_cache(maxsize=65_536)
def _moment(text: str) -> int | None:
    """A time in ms UTC; None when it is none, as a date alone, which one sender has."""
    try:
        return iso_ms(text, "OperationTime") if ":" in text else None
    except RejectRecord:
        return None


def _status(said: Said, element: Element, _: Vocabulary) -> None:
    code = word(element)
    if code is not None:
        scope = element.get("FlightLegScope", "")
        said.statuses.append((_repeat(element), (code.upper(), scope)))


def _displayed(said: Said, element: Element, _: Vocabulary) -> None:
    code = word(element)
    if code is not None:
        said.displayed.append(code.upper())


def _remark(said: Said, element: Element, _: Vocabulary) -> None:
    text = word(element)
    if text is not None:
        said.remarks.append(text.upper())


def _service(said: Said, element: Element, _: Vocabulary) -> None:
    text = word(element)
    if text is None:
        if is_nil(element):
            said.cleared.add("service")
    elif len(text) == 1 and text.isascii() and text.isalpha():
        said.service = text.upper()
    else:
        said.unread.append("ServiceType")


def _history(said: Said, element: Element, _: Vocabulary) -> None:
    airport = word(element)
    if airport is not None:
        said.history.append((_repeat(element), airport))
    elif is_nil(element):
        said.cleared.add("planned_destination")


def _delay(said: Said, element: Element, vocabulary: Vocabulary) -> None:
    code = duration = None
    for child in element:
        name = vocabulary.names.get(child.tag)
        if name == "ReasonCode":
            code = word(child)
        elif name == "Duration":
            duration = word(child)
    if code is None:
        if is_nil(element):
            said.cleared.add("cause")
        return
    match = _DURATION.fullmatch(duration) if duration else None
    if duration and match is None:
        said.unread.append("IrregularityDelay/Duration")
    minutes = None if match is None else _minutes(match)
    arrival = element.get("DepartureOrArrival") == "Arrival"
    said.delays.append((_repeat(element), Delay(code.upper(), minutes, arrival)))


def _minutes(match: re.Match[str]) -> int:
    days, hours, minutes = (int(match[name] or 0) for name in ("days", "hours", "minutes"))
    return (days * 24 + hours) * 60 + minutes


def _code_share(said: Said, element: Element, vocabulary: Vocabulary) -> None:
    names = vocabulary.names
    told = {names.get(child.tag): word(child) for child in element}
    said.shares.append(
        (told.get("Airline"), told.get("FlightNumber"), told.get("OperationalSuffix"))
    )


def _resources(said: Said, element: Element, vocabulary: Vocabulary) -> None:
    usage = 0 if element.get("Usage") == _ACTUAL else _USAGE_RANK
    places = said.places
    for resource in element:
        end = _ENDS.get(resource.get("DepartureOrArrival", ""))
        if end is None:
            continue
        for child in resource:
            known = vocabulary.resources.get(child.tag)
            if known is None:
                continue
            what, rank = known
            field = what if what == "baggage" else f"{end}_{what}"
            value = word(child)
            if value is None:
                if is_nil(child):
                    said.cleared.add(field)
            elif field not in places or usage + rank < places[field][0]:
                places[field] = (usage + rank, value)


def _aircraft(said: Said, element: Element, vocabulary: Vocabulary) -> None:
    for child in element:
        name = vocabulary.names.get(child.tag)
        if name == "Registration":
            _registration(said, child)
        elif name == "CallSign":
            said.call_sign = word(child)


def _registration(said: Said, element: Element) -> None:
    mark = word(element)
    if mark is None:
        if is_nil(element):
            said.cleared.add("registration")
    elif _MARK.fullmatch(mark.upper()):
        said.registration = mark.upper()
    else:
        said.unread.append("Registration")


READERS: Final[dict[str, tuple[str, Reader]]] = {
    "OperationTime": ("times, by qualifier and type as above", _operation_time),
    "OperationalStatus": ("life, deviation; evidence: status", _status),
    "PublicStatus": ("life, as evidence only; evidence: displayed", _displayed),
    "RemarkTextCode": ("life, as evidence only; evidence: displayed", _displayed),
    "RemarkFreeText": ("life, where it is a code; evidence: remark", _remark),
    "ServiceType": ("service", _service),
    "PlannedArrivalAptHistory": ("destination, planned_destination, deviation", _history),
    "IrregularityDelay": ("cause; evidence: delay, arrival_delay", _delay),
    "CodeShareInfo": ("code_shares", _code_share),
    "AirportResources": ("gates, terminals, baggage; Actual over Planned", _resources),
    "AircraftInfo": ("registration; evidence: call_sign", _aircraft),
}
"""LegData's elements that are read: what each becomes, and how it is read."""
