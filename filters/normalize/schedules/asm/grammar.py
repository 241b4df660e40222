"""The grammar of ASM and SSM telegrams: lines to sub-messages, changes, flights and legs.

    ASM                           standard message identifier, ASM or SSM
    UTC                           time mode: UTC, or LT for local times
    24MAY00144E003/REF            message sequence reference, with the day of sending
    TIM WEAT                      action, change reasons
    LX544/25MAY ZRH/FRA 10/UA9760 flight and date, legs, new flight (FLT, TIM), data elements
    J 320 .C20Y120                service type and aircraft
    ZRH1810 FRA1915               a leg: stations, aircraft times [/date variation][/passenger time]
    ZRHFRA 10/UA9760              data elements of a segment
    //                            the next sub-message
    SI ...                        supplementary information to the end

In SSM the flight has no date; lines of period and days of operation follow it. Source: IATA
Standard Schedules Information Manual, chapters 4.6 (SSM) and 5.6 (ASM). Nothing is known here of
what a message means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from filters.outcome import RejectRecord

ACTIONS: Final = {
    "NEW": "life operating, scheduled times",
    "RPL": "life operating, scheduled times",
    "RRT": "life operating, new destination and times; planned_destination, deviation",
    "RIN": "life operating",
    "CNL": "life cancelled",
    "TIM": "scheduled times; formerly when the date moves",
    "SKD": "scheduled times",
    "FLT": "airline, number, suffix, date; formerly and code_shares name the old ones",
    "REV": "life cancelled on dates that are taken out, operating on dates that are added",
    "ADM": "code_shares, where its data elements tell them",
    "CON": "code_shares, where its data elements tell them",
    "EQT": "code_shares, where its data elements tell them",
    "RSD": "",
    "ACK": "",
    "NAC": "",
}
"""Action identifiers of ASM and SSM, and what becomes of them; "" when nothing does."""

_ANSWERS = frozenset(("ACK", "NAC"))
_MODES = {"UTC": "U", "LT": "L"}
_WITHDRAWAL = "XASM"
_LONGEST = 200  # of a line that is looked at; telegrams have 69
_MOST_LEGS, _MOST_ELEMENTS = 24, 200  # of one change; SSIM has 11 legs at most
_NAME = r"(?:[A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z])[0-9]{1,4}[A-Z]?"
_REFERENCE = re.compile(
    r"(?P<day>[0-9]{2})(?P<month>[A-Z]{3})(?P<group>[0-9]{5})(?P<end>[CE])(?P<serial>[0-9]{3})(?:/.*)?"
)
_ACTION = re.compile(r"(?P<action>[A-Z]{3})(?: (?P<reasons>[A-Z]{4}(?:[/ ][A-Z]{4}){0,9}))?")
_FLIGHT = re.compile(
    rf"(?P<name>{_NAME})(?:/(?P<day>[0-9]{{1,2}})(?:(?P<month>[A-Z]{{3}})(?P<year>(?:[0-9]{{2}}){{0,2}}))?)?"
)
_ROUTE = re.compile(r"[A-Z]{3}(?:/[A-Z]{3}){1,11}")
_DATE = re.compile(r"(?P<day>[0-9]{2})(?P<month>[A-Z]{3})(?P<year>(?:[0-9]{2}){0,2})")
_DAYS = re.compile(r"(?P<days>[1-7.]{1,7})(?:/W?(?P<rate>[12]))?")
_RATE = re.compile(r"/?W(?P<rate>[12])")
_EQUIPMENT = re.compile(r"(?P<service>[A-Z]) [A-Z0-9]{3}(?: .*)?")
_CALL = re.compile(
    r"(?P<station>[A-Z]{3})(?P<clock>[0-9]{4})"
    r"(?:/(?P<variation>[0-7]|M[1-9]|[AJ]))?(?:/(?P<passengers>[0-9]{4}))?"
)
_SEGMENT = re.compile(r"(?P<board>[A-Z]{3})(?P<off>[A-Z]{3})")
_ELEMENT = re.compile(r"(?P<number>[0-9]{1,3})/(?P<value>[A-Z0-9/]{1,60})")


class Day(NamedTuple):
    """A date as it is written; None and "" for what is left out."""

    day: int
    month: str
    year: str


class Period(NamedTuple):
    """A period: its ends, days of operation such as `135`, and the rate; 2 is every second week."""

    first: Day
    last: Day
    days: str
    rate: str


class Named(NamedTuple):
    """A flight as it is written, with its date if told."""

    name: str
    day: Day | None


class Element(NamedTuple):
    """A data element: identifier, value, and the segment it is for ("" for the whole flight)."""

    number: int
    value: str
    board: str = ""
    off: str = ""


class Stop(NamedTuple):
    """A station of a leg, its time (the passengers' if told) and date variation.

    `aircraft` is the aircraft's time when it is another one.
    """

    station: str
    clock: str
    variation: str | None
    aircraft: str


class Leg(NamedTuple):
    """A leg with times."""

    departure: Stop
    arrival: Stop


class FlightLine(msgspec.Struct, gc=False):
    """A flight, the legs named beside it as a chain of stations, its new name, data elements."""

    named: Named
    route: tuple[str, ...]
    renamed: Named | None
    elements: list[Element]


class Change(msgspec.Struct, gc=False):
    """Flights with one line after the other, and what stands below and is said of all of them."""

    flights: list[FlightLine]
    periods: list[Period]
    elements: list[Element]
    legs: list[Leg]
    service: str | None = None
    unread: int = 0
    below: bool = False


class SubMessage(msgspec.Struct, gc=False):
    """An action, its change reasons, and the changes."""

    action: str
    reasons: tuple[str, ...]
    withdrawal: bool
    changes: list[Change]


class Message(NamedTuple):
    """A schedule telegram; `mode` is U, L or "" when it does not say."""

    kind: str
    mode: str
    sent: Day | None
    group: int
    reference: str
    parts: list[SubMessage]


def read(lines: Sequence[str]) -> Message:
    """The telegram in the lines of its body, in upper case, identifier first.

    Raises RejectRecord, with the sub-message as its place, when no action or flight is found.
    """
    kind, mode, sent, group, reference = "", "", None, 0, ""
    start = len(lines)
    for number, line in enumerate(lines):
        words = line[:_LONGEST].split()
        match = _REFERENCE.fullmatch(words[0]) if words else None
        if match is not None:
            sent = Day(int(match["day"]), match["month"], "")
            group, reference = int(match["group"]), words[0].partition("/")[0]
        elif words and words[0] in ACTIONS:
            start = number
            break
        for word in words:
            kind = word if word in {"ASM", "SSM"} else kind
            mode = _MODES.get(word, mode)
    return Message(kind, mode, sent, group, reference, _parts(lines[start:]))


def _parts(lines: Sequence[str]) -> list[SubMessage]:
    parts: list[SubMessage] = []
    part: SubMessage | None = None
    skipping = False
    for whole in lines:
        line = " ".join(whole[:_LONGEST].split())
        if set(line) == {"/"}:
            part, skipping = None, False
            continue
        if skipping:
            continue
        opened = _opened(line)
        if opened is not None:
            part = opened
            parts.append(part)
            if part.action in _ANSWERS:
                return [part]  # what it answers follows, and must not be read as new
        elif part is None:
            # An action nobody knows; what stands below it means nothing to us.
            word = line.partition(" ")[0][:10]
            if not re.fullmatch(r"[A-Z]{3}", word):
                raise RejectRecord(f"action: {word!r} is none", f"sub-message {len(parts) + 1}")
            parts.append(SubMessage(word, (), withdrawal=False, changes=[]))
            skipping = True
        elif line.split()[:1] == ["SI"]:
            skipping = True
        else:
            _add(part, line, f"sub-message {len(parts)}")
    if not parts:
        raise RejectRecord("action: none is found")
    return parts


def _opened(line: str) -> SubMessage | None:
    match = _ACTION.fullmatch(line)
    if match is None or match["action"] not in ACTIONS:
        return None
    reasons = re.split("[/ ]", match["reasons"] or "")
    told = tuple(reason for reason in reasons if reason not in ("", _WITHDRAWAL))
    return SubMessage(match["action"], told, withdrawal=_WITHDRAWAL in reasons, changes=[])


def _add(part: SubMessage, line: str, place: str) -> None:
    """Adds a line to the change it belongs to, or begins one with it."""
    words = line.split()
    change = part.changes[-1] if part.changes else None
    if change is not None and len(change.legs) + len(change.elements) > _MOST_ELEMENTS:
        change.unread += 1
        return
    if change is None:
        if not _flight_line(part, None, words):
            raise RejectRecord(f"flight: {words[0][:20]!r} is no flight designator", place)
        return
    if _leg_line(change, words) or _period_line(change, words) or _equipment(change, line):
        return
    segment = _SEGMENT.fullmatch(words[0])
    if segment is not None and len(words) > 1:
        change.elements += _elements(words[1:], segment["board"], segment["off"])
        change.below = True
    elif _flight_line(part, change, words):
        return
    elif all(_ELEMENT.fullmatch(word) for word in words):
        change.elements += _elements(words)
    else:
        change.unread += 1


def _flight_line(part: SubMessage, change: Change | None, words: Sequence[str]) -> bool:
    match = _FLIGHT.fullmatch(words[0])
    if match is None:
        return False
    named = _named(match)
    if change is not None and part.action == "FLT" and change.periods:
        last = change.flights[-1]
        if named.day is None and last.renamed is None:
            last.renamed = named  # in SSM the new designator stands below the period
            return True
    if change is None or change.periods or change.below:
        change = Change([], [], [], [])
        part.changes.append(change)
    rest = list(words[1:])
    route = tuple(rest.pop(0).split("/")) if rest and _ROUTE.fullmatch(rest[0]) else ()
    other = _FLIGHT.fullmatch(rest[0]) if rest else None
    if other is not None and other["day"] is None and part.action != "FLT":
        other = None
    renamed = None if other is None else _named(other)
    change.flights.append(FlightLine(named, route, renamed, _elements(rest)))
    return True


def _named(match: re.Match[str]) -> Named:
    if match["day"] is None:
        return Named(match["name"], None)
    return Named(match["name"], Day(int(match["day"]), match["month"] or "", match["year"] or ""))


def _period_line(change: Change, words: Sequence[str]) -> bool:
    ends = [_DATE.fullmatch(word) for word in words[:2]]
    days = _DAYS.fullmatch(words[2]) if len(words) > 2 else None  # noqa: PLR2004  (from, to, days)
    if len(ends) < 2 or ends[0] is None or ends[1] is None or days is None:  # noqa: PLR2004  (the same)
        return False
    rest = list(words[3:])
    rate = _RATE.fullmatch(rest[0]) if rest else None
    if rate is not None:
        rest.pop(0)
    first, last = (Day(int(end["day"]), end["month"], end["year"]) for end in ends if end)
    told = rate["rate"] if rate else days["rate"] or ""
    change.periods.append(Period(first, last, days["days"], told))
    change.elements += _elements(rest)
    return True


def _leg_line(change: Change, words: Sequence[str]) -> bool:
    calls = [_CALL.fullmatch(word) for word in words[:2]]
    if len(calls) < 2 or calls[0] is None or calls[1] is None:  # noqa: PLR2004  (departure, arrival)
        return False
    leg = Leg(*(_stop(call) for call in calls if call))
    if len(change.legs) == _MOST_LEGS:
        change.unread += 1
        return True
    change.legs.append(leg)
    change.elements += _elements(words[2:], leg.departure.station, leg.arrival.station)
    change.below = True
    return True


def _stop(call: re.Match[str]) -> Stop:
    passengers = call["passengers"]
    aircraft = call["clock"] if passengers not in (None, call["clock"]) else ""
    return Stop(call["station"], passengers or call["clock"], call["variation"], aircraft)


def _equipment(change: Change, line: str) -> bool:
    match = _EQUIPMENT.fullmatch(line)
    if match is None:
        return False
    change.service = match["service"]
    change.elements += _elements(line.split()[2:])
    change.below = True
    return True


def _elements(words: Iterable[str], board: str = "", off: str = "") -> list[Element]:
    if (board, off) == ("QQQ", "QQQ"):
        board = off = ""
    found = (_ELEMENT.fullmatch(word) for word in words)
    return [Element(int(match["number"]), match["value"], board, off) for match in found if match]
