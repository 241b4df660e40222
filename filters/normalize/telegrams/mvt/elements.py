"""Reads the body of a movement message: flight lines and the elements behind them.

Source: IATA Airport Handling Manual, AHM 780 (MVT, MVA) and 781 (DIV). Elements stand in any order,
several on a line. What is not known is noted and passed over; free text (SI) is not read at all,
for it may hold names of people.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from filters import reference
from filters.designators import Flight, flight
from filters.outcome import RejectRecord

NAMES: Final = ("MVT", "MVA", "DIV")
"""Identifiers of movement messages: by hand, by the aircraft itself, and of a diversion."""

TIMES: Final = {
    "AD": ("out_actual", "off_actual"),
    "AA": ("on_actual", "in_actual"),
    "TD": ("on_actual",),
    "ED": ("out_estimated",),
    "EO": ("off_estimated",),
    "EA": ("on_estimated",),
    "EB": ("in_estimated",),
    "NI": ("next_info",),
}
"""Elements with times, and the cells they fill, in the order of their times."""

RETURNS: Final = {"RR": "ramp_return", "FR": "air_return"}
"""Elements of a return, with its time or times at the origin."""

DELAYS: Final = ("DL", "EDL", "DLA", "DR")
"""Elements with codes: delay, extra delay, delay by sub-codes, reason of a diversion."""

PASSED_OVER: Final = {
    "CRT": "when the crew reports for duty",
    "MAP": "when it moves on after push-back",
    "RC": "re-clearance on the way",
    "TOF": "fuel",
    "TOW": "weight",
    "ZFW": "weight",
}
"""Elements that say nothing of a leg's milestones, and what they tell."""

DEPARTING: Final = frozenset(("AD", "ED", "EO", "NI", "RR", "FR"))
"""Elements that only the station of departure sends."""

_IDENTIFIER = re.compile(
    rf"(?P<before>(?:COR )*)(?P<name>{'|'.join(NAMES)})(?P<after>(?: COR)*)(?: (?P<rest>.*))?"
)
_CORRECTION = re.compile(r"COR(?: COR)*")
_OTHER = re.compile(r"[A-Z]{3}")
_FLIGHT = re.compile(
    r"(?P<flight>[A-Z0-9]{2,3} ?[0-9]{1,4}[A-Z]?) ?/ ?"
    r"(?P<day>[0-9]{1,2})(?:(?P<month>[A-Z]{3})(?P<year>[0-9]{4}|[0-9]{2})?)?"
    r"(?P<marks>(?: ?\.[A-Z0-9-]*){0,3})(?: (?P<rest>.*))?"
)
_REGISTRATION = re.compile(r"[A-Z0-9]{2,10}")
_STATION = re.compile(r"[A-Z]{3,4}")
_FREE_TEXT = re.compile(r"SI(?:[^A-Z0-9].*)?")
_WITH_VALUES: Final = (
    *("EDL", "DLA(?=[0-9])", "FLD"),
    *TIMES,
    *RETURNS,
    *PASSED_OVER,
    *("DL", "DR", "PX"),
)
_ELEMENT = re.compile(
    rf"(?P<name>{'|'.join(_WITH_VALUES)})(?P<value>(?![A-Z]).*|(?<=DL)[A-Z]{{2,3}}(?:/.*)?)"
)
_CODES = re.compile(r"(?:[0-9]{1,2}[A-Z]?|[A-Z]{2,3}|[0-9]{3,4})?")
_FATE = ("TERM", "CONT")  # of a diverted flight: ends there, or goes on to an airport
_WITH_AIRPORT = re.compile(r"(?P<time>[0-9]+Z?)/?(?P<airport>[A-Z]{3,4})")
_TO: Final = ("EA", "EB", "AA", "RC")
"""Elements behind whose time an airport may stand."""
_DETACHED = re.compile(r"[0-9/].*")
_UNKNOWN = re.compile(r"(?P<name>[A-Z]{2,4})(?P<value>[0-9][0-9/+.]*)")
_DURATION: Final = 4
_MOST_WORDS: Final = 4096  # far more than any real message has


class Line(NamedTuple):
    """A flight line: flight, scheduled UTC day as written, registration and station."""

    text: str
    designator: str
    day: str
    month: str
    year: str
    registration: str | None
    station: str | None

    def flight(self, on: dt.date | None = None) -> Flight:
        """The flight it names on a day. Raises RejectRecord when it is none."""
        named = flight(self.designator, on)
        if named is None:
            raise RejectRecord(f"flight line: {self.text!r} has no flight number in front")
        return named


class Element(NamedTuple):
    """An element, what stands behind its name, and the airport that belongs to its time."""

    name: str
    value: str
    airport: str | None = None


class Leg(NamedTuple):
    """One flight line and its elements; `notes` are evidence of what is not known."""

    line: Line
    elements: tuple[Element, ...]
    notes: tuple[str, ...]


class Body(NamedTuple):
    """A message's identifier, how often it is marked as a correction, and its legs."""

    name: str
    corrections: int
    legs: tuple[Leg, ...]


def body(lines: tuple[str, ...]) -> Body | str:
    """What the lines of a telegram say, or the identifier of a message of another kind.

    Raises RejectRecord when there is no identifier or no flight line.
    """
    corrections = 0
    for index, line in enumerate(lines):
        match = _IDENTIFIER.fullmatch(line)
        if match is not None:
            corrections += (match["before"] + match["after"]).count("COR")
            rest = [match["rest"]] if match["rest"] else []
            return Body(match["name"], corrections, _legs([*rest, *lines[index + 1 :]]))
        if _CORRECTION.fullmatch(line):
            corrections += line.count("COR")
        elif _OTHER.fullmatch(line):
            return line
    found = f"{lines[0][:40]!r}" if lines else "nothing"
    raise RejectRecord(f"identifier: {found} where MVT, MVA or DIV should be")


def _legs(lines: list[str]) -> tuple[Leg, ...]:
    legs: list[tuple[Line, list[str]]] = []
    for index, text in enumerate(lines):
        short = " ".join(text.split())
        found = _line(short, dotless=index == 0)
        if found is not None:
            legs.append((found[0], []))
            short = found[1]
        if not legs:
            continue  # what stands before the flight line belongs to no flight
        words = short.replace(" /", "/").replace("/ ", "/").split()
        free = next((at for at, word in enumerate(words) if _FREE_TEXT.fullmatch(word)), None)
        legs[-1][1].extend(words[:free])
        if free is not None:
            break  # it goes on to the end
    if not legs:
        found_instead = f"{lines[0][:40]!r}" if lines else "nothing"
        raise RejectRecord(f"flight line: {found_instead}, which is not as in CI5836/08.B18780.HKG")
    return tuple(Leg(line, *_elements(words[:_MOST_WORDS])) for line, words in legs)


def _line(text: str, *, dotless: bool) -> tuple[Line, str] | None:
    """The flight line in a text and the rest of it; `DL68/36` is one only where one must be."""
    match = _FLIGHT.fullmatch(text)
    if match is None or not (match["marks"] or dotless):
        return None
    marks = [mark.strip().replace("-", "") for mark in match["marks"].split(".")[1:]]
    registration, station = (marks[0], marks[1]) if len(marks) > 1 else ("", *marks, "")[:2]
    if len(marks) == 1 and reference.airport(station) is None:
        registration, station = station, ""
    line = Line(
        text=text[: match.end("marks")],
        designator=match["flight"],
        day=match["day"],
        month=match["month"] or "",
        year=match["year"] or "",
        registration=registration if _REGISTRATION.fullmatch(registration) else None,
        station=station if _STATION.fullmatch(station) else None,
    )
    return line, match["rest"] or ""


def _elements(words: list[str]) -> tuple[tuple[Element, ...], tuple[str, ...]]:
    elements: list[Element] = []
    notes: dict[str, None] = {}
    left = words[::-1]
    while left:
        word = left.pop()
        match = _ELEMENT.fullmatch(word)
        if match is None:
            if word in _FATE:
                elements.append(Element(word, "", _taken(left, _STATION)))
            else:
                notes[_noted(word)] = None
            continue
        name, value, airport = match["name"], match["value"], None
        value = value or _taken(left, _DETACHED) or ""
        joined = _WITH_AIRPORT.fullmatch(value) if name in _TO else None
        if joined is not None:
            value, airport = joined["time"], joined["airport"]
        elif name in _TO:
            airport = _taken(left, _STATION)
        if name in DELAYS and not all(map(_CODES.fullmatch, value.split("/"))):
            notes[f"unread={name}"] = None
        elif name not in PASSED_OVER:
            elements.append(Element(name, value, airport))
    return tuple(elements), tuple(notes)


def _taken(left: list[str], wanted: re.Pattern[str]) -> str | None:
    """The next word, taken off, if it is one that is wanted."""
    return left.pop() if left and wanted.fullmatch(left[-1]) else None


def _noted(word: str) -> str:
    """Evidence of a word that is no element; of plain text only that it was there."""
    match = _UNKNOWN.fullmatch(word)
    return f"{match['name']}={match['value']}" if match is not None else "unread=text"


def coded(value: str) -> Iterator[tuple[str, int | None]]:
    """Delay codes and their minutes: `68/36/0040/0036` is 68 for 40 minutes, 36 for 36.

    Durations belong to the codes by position and may be missing.
    """
    parts = value.split("/")
    codes = [part for part in parts if part and not _is_duration(part)]
    durations = [part for part in parts if _is_duration(part)]
    for index, code in enumerate(codes):
        duration = durations[index] if index < len(durations) else None
        yield code, None if duration is None else int(duration[:2]) * 60 + int(duration[2:])


def _is_duration(part: str) -> bool:
    return len(part) == _DURATION and part.isdigit()
