"""What the flight feeds of FAA SWIM have in common: call signs, the id of ERAM, several legs.

TFMData and SFDPS name a flight by its call sign. Three letters and digits are an airline's flight
number. With a letter behind the digits it is a call sign of its own kind, made so that it sounds
unlike others (ICAO Annex 10, volume II, 5.2.1.7.2), and cannot be told from a number with an
operational suffix; kept as one, it would make legs that nobody is booked on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from filters.designators import Flight
from filters.normalize.markup import local
from filters.normalize.moments import DAY_MS, HOUR_MS, date_of, iso_ms
from filters.outcome import Drop, RejectRecord
from schemas.records import FlightStatus

if TYPE_CHECKING:
    from filters.normalize.markup import Element

NOT_AN_AIRLINE: Final = Drop("not_an_airline_flight")
_NO_NUMBER: Final = Drop("callsign_is_no_flight_number")

_NUMBERED = re.compile(r"(?P<airline>[A-Z]{3})(?P<number>[0-9]{1,4})")
_LETTERED = re.compile(r"[A-Z]{2,3}[0-9]{1,4}[A-Z][A-Z0-9]{0,3}")
NO_AIRLINE = "XXX"
_ERAM_ID = re.compile(r"[A-Z]{2}(?P<second>[0-9]{5})(?P<weekday>[1-7])[0-9A-Z]{2}")
_DAY_S = DAY_MS // 1000
_WEEK = 7
_TOKEN = re.compile(r"[A-Za-z0-9_.:/+-]{1,40}")
_ID = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")


def flight_of_callsign(callsign: str, field: str) -> Flight | Drop:
    """The flight that a call sign names, or why it is none of an airline.

    Raises RejectRecord, naming `field`, when there is no call sign.
    """
    callsign = callsign.strip().upper()
    if not callsign:
        raise RejectRecord(f"{field}: missing, so no flight is named")
    match = _NUMBERED.fullmatch(callsign)
    if match is not None and match["airline"] != NO_AIRLINE:
        number = int(match["number"])
        return Flight(match["airline"], number) if number else _NO_NUMBER
    return _NO_NUMBER if _LETTERED.fullmatch(callsign) else NOT_AN_AIRLINE


def eram_id(identifier: str | None, near_ms: int) -> str | None:
    """ERAM's id of a flight plan, with the day it was given; None when it is no id.

    The id is the centre, the second of the UTC day, the day of the week (Sunday is 1) and a count,
    so it comes again every week: `KN77432200` was given on a Monday at 21:30:32. The day is the
    last one before `near_ms` (ms UTC), when the plan was there, that fits. An id of another form
    stays as it is.
    """
    if identifier is None or not _ID.fullmatch(identifier):
        return None
    match = _ERAM_ID.fullmatch(identifier)
    if match is None or int(match["second"]) >= _DAY_S:
        return identifier
    # Clocks disagree a little.
    latest = near_ms + HOUR_MS - int(match["second"]) * 1000
    today = date_of(latest).isoweekday() % _WEEK + 1
    given = latest - (today - int(match["weekday"])) % _WEEK * DAY_MS
    return f"{identifier}.{date_of(given).isoformat()}"


def legs(
    found: Sequence[Element], label: str, read: Callable[[Element, int], FlightStatus | Drop]
) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all legs of a document, or why the first of them says nothing.

    Raises RejectRecord for the first leg that is unreadable, with its place among several.
    """
    statuses: list[FlightStatus] = []
    drops: list[Drop] = []
    for number, element in enumerate(found):
        try:
            said = read(element, number)
        except RejectRecord as reject:
            place = f"{label} {number + 1}" if len(found) > 1 else ""
            raise RejectRecord(reject.reason, place) from reject
        if isinstance(said, Drop):
            drops.append(said)
        else:
            statuses.append(said)
    return tuple(statuses) if statuses else drops[0]


def topmost(root: Element, names: Collection[str]) -> list[Element]:
    """The elements of these names, in any namespace, that do not lie in another of them."""
    return [
        each
        for each in root.iter(*(f"{{*}}{name}" for name in names))
        if not any(name_of(above) in names for above in each.iterancestors())
    ]


def read_time(text: str | None, field: str, evidence: list[str]) -> int | None:
    """A time in UTC; one that is none is noted in the evidence and passed over."""
    try:
        return iso_ms((text or "").strip(), field)
    except RejectRecord:
        evidence.append(f"unread={field}")
        return None


def token(value: str) -> str:
    """A code as evidence holds it; `?` for what is no code, since it may be free text."""
    value = value.strip()
    return value if _TOKEN.fullmatch(value) else "?"


def identifier_of(value: str | None) -> str | None:
    """An id as records hold it; None when it is missing or no id."""
    value = (value or "").strip()
    return value if _ID.fullmatch(value) else None


def name_of(element: Element) -> str:
    """An element's name without its namespace."""
    return local(str(element.tag))


def child(element: Element, name: str) -> Element | None:
    """The first child of that name, in any namespace."""
    return next((each for each in element if name_of(each) == name), None)


def attribute(element: Element, name: str) -> str:
    """An attribute without its blanks; empty when it is missing. Prefixes do not matter."""
    value = element.get(name)
    if value is None:
        found = (said for each, said in element.items() if local(each) == name)
        value = next(found, "")
    return value.strip()
