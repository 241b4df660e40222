"""Reads the members of flightwire's own format strictly: every fault rejects, and names the member.

The format is described in `filters.normalize.tables.own`. A member that is missing or null is None.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from filters.designators import Flight, airport_code, flight, flight_of, ticket_number
from filters.normalize.moments import iso_ms
from filters.normalize.tables.columns import shown
from filters.outcome import RejectRecord

Members: TypeAlias = Mapping[str, Any]

_T = TypeVar("_T", bound=str)
_LONGEST_TEXT: Final = 200
_MOST_ITEMS: Final = 40
_PLACE: Final = (re.compile(r"\S(?:.{0,18}\S)?"), "at most 20 characters")
WORDS: Final = {
    "registration": (re.compile(r"[A-Z0-9-]{2,10}"), "capitals, digits and hyphens"),
    "service": (re.compile(r"[A-Z]"), "one capital letter"),
    "reason": (re.compile(r"[A-Z0-9]{2,10}:[A-Za-z0-9_]{1,20}"), "SCHEME:CODE"),
    **dict.fromkeys(("out_terminal", "out_gate", "in_terminal", "in_gate", "baggage"), _PLACE),
}
"""Members that are words, what they look like, and how a rejection says so."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ALIAS: Final = re.compile(r"[a-z][a-z0-9]*:\S.*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def text(members: Members, name: str) -> str | None:
    """A text without blanks around it; an empty one is None."""
    value = members.get(name)
    return None if value is None else _text(value, name)


def _text(value: object, name: str) -> str | None:
    if not isinstance(value, str):
        raise RejectRecord(f"{name}: {_kind(value)}, and a text is expected")
    value = value.strip()
    if len(value) > _LONGEST_TEXT or not value.isprintable():
        raise RejectRecord(f"{name}: not printable, or longer than {_LONGEST_TEXT} characters")
    return value or None


def word(members: Members, name: str) -> str | None:
    """A text of the form that `WORDS` has for it."""
    value = text(members, name)
    form, expected = WORDS[name]
    if value is not None and form.fullmatch(value) is None:
        raise RejectRecord(f"{name}: {shown(value)} is not {expected}")
    return value


def choice(members: Members, name: str, choices: Sequence[_T]) -> _T | None:
    """One of some words."""
    value = text(members, name)
    found = next((known for known in choices if known == value), None)
    if value is not None and found is None:
        raise RejectRecord(f"{name}: {shown(value)} is not one of {', '.join(choices)}")
    return found


def time(members: Members, name: str) -> int | None:
    """A moment in ms UTC; its zone must be named."""
    value = text(members, name)
    if value is None:
        return None
    try:
        return iso_ms(value, name, zone=None)
    except RejectRecord:
        example = "2026-11-20T08:25:00Z"
        reason = f"{name}: {shown(value)} is no time with its zone after 2000, such as {example}"
        raise RejectRecord(reason) from None


def date(members: Members, name: str) -> dt.date | None:
    """A date as YYYY-MM-DD."""
    value = text(members, name)
    if value is None:
        return None
    if _DATE.fullmatch(value) is None or not "2000" <= value < "2100":
        raise RejectRecord(f"{name}: {shown(value)} is no date after 2000 as YYYY-MM-DD")
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise RejectRecord(f"{name}: {value} is not in the calendar") from None


def airport(members: Members, name: str) -> str | None:
    """An airport as records carry it."""
    value = text(members, name)
    code = airport_code(value)
    if value is not None and code is None:
        raise RejectRecord(f"{name}: {shown(value)} is no airport code of 3 or 4 characters")
    return code


def operating(members: Members, on: dt.date | None) -> Flight:
    """The operating flight, of `flight` or of its parts; `on` is the day whose codes are meant."""
    whole = text(members, "flight")
    if whole is not None:
        named = flight(whole, on)
        if named is None:
            raise RejectRecord(f"flight: {shown(whole)} is no flight designator, such as BA117")
        return named
    airline, number = text(members, "airline"), members.get("number")
    if isinstance(number, bool) or not isinstance(number, int):
        number = text(members, "number")
    if airline is None or number is None:
        missing = "airline" if number is not None else "number" if airline is not None else "flight"
        raise RejectRecord(f"{missing}: missing, so no flight is named")
    named = flight_of(airline, number, text(members, "suffix") or "", on)
    if named is None:
        # A number may be too long to be written.
        found = shown(number) if isinstance(number, str) else "its number"
        raise RejectRecord(f"airline, number, suffix: {shown(airline)} with {found} is no flight")
    return named


def items(members: Members, name: str) -> tuple[str, ...]:
    """A list of texts."""
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RejectRecord(f"{name}: {_kind(value)}, and a list of texts is expected")
    if len(value) > _MOST_ITEMS:
        raise RejectRecord(f"{name}: {len(value)} entries; at most {_MOST_ITEMS} are read")
    return tuple(found for entry in value if (found := _text(entry, name)))


def shares(members: Members, own: Flight, on: dt.date | None) -> tuple[str, ...]:
    """The other numbers, as tickets print them, in order."""
    sold = set()
    for entry in items(members, "code_shares"):
        named = flight(entry, on)
        if named is None:
            raise RejectRecord(f"code_shares: {shown(entry)} is no flight designator")
        if named != own:
            sold.add(ticket_number(named, on))
    return tuple(sorted(sold))


def aliases(members: Members) -> tuple[str, ...]:
    """Ids in other formats, in order."""
    found = items(members, "aliases")
    for entry in found:
        if _ALIAS.fullmatch(entry) is None:
            raise RejectRecord(f"aliases: {shown(entry)} is not FORMAT:ID")
    return tuple(sorted(set(found)))


def unknown(members: Members, known: Mapping[str, str]) -> list[str]:
    """Evidence of members of other names; never of what they say."""
    return [f"unknown={name}" for name in members if name not in known and _PLAIN.fullmatch(name)]


def _kind(value: object) -> str:
    """What JSON calls it; the value itself may be long or deep."""
    names = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
    }
    return names.get(type(value), "an object")
