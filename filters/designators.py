"""Flight designators and airport codes as feeds write them, and as records carry them.

A designator is an airline (IATA, two characters; ICAO, three letters), a number of one to four
digits with or without leading zeros, and an operational suffix (SSIM, chapter 2.1). `W63407` is
W6 3407, `3V025N` is 3V 25 N; three letters in front are always an ICAO designator.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

from filters import reference

_DESIGNATOR = re.compile(
    r"(?P<airline>[A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z])[ *]{0,2}"
    r"(?P<number>[0-9]{1,4})(?P<suffix>[A-Z]?)"
)
_AIRLINE = re.compile(r"[A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z]")
_AIRPORT = re.compile(r"[A-Z0-9]{3,4}")
_SUFFIX = re.compile(r"[A-Z]?")
_HIGHEST = 9999
_LONGEST = 24  # of any code here with blanks around; what is longer fills no cache


class Flight(NamedTuple):
    """A flight's name: airline (ICAO designator where one is known), number and suffix."""

    airline: str
    number: int
    suffix: str = ""


def flight(text: str, on: dt.date | None = None) -> Flight | None:
    """The flight a designator names on a day, or None when it is none; `BA0117` is BAW 117."""
    return _flight(text, on) if len(text) <= _LONGEST else None


@lru_cache(maxsize=16_384)
def _flight(text: str, on: dt.date | None) -> Flight | None:
    match = _DESIGNATOR.fullmatch(text.strip().upper())
    if match is None or not int(match["number"]):
        return None
    return Flight(airline_code(match["airline"], on), int(match["number"]), match["suffix"])


def flight_of(
    airline: str, number: str | int, suffix: str = "", on: dt.date | None = None
) -> Flight | None:
    """The flight that separate fields name; the number may hold zeros in front and the suffix.

    None when one of them is not what it should be.
    """
    if isinstance(number, str):
        short = max(len(airline), len(number), len(suffix)) <= _LONGEST
    else:
        short = abs(number) <= _HIGHEST
    return _flight_of(airline, number, suffix, on) if short else None


@lru_cache(maxsize=16_384)
def _flight_of(airline: str, number: str | int, suffix: str, on: dt.date | None) -> Flight | None:
    airline, digits, suffix = airline.strip().upper(), str(number).strip().upper(), suffix.strip()
    if digits and digits[-1].isalpha() and not suffix:
        digits, suffix = digits[:-1], digits[-1]
    sound = _AIRLINE.fullmatch(airline) and _SUFFIX.fullmatch(suffix.upper())
    if not (sound and digits.isascii() and digits.isdigit() and 0 < int(digits[-9:]) <= _HIGHEST):
        return None
    return Flight(airline_code(airline, on), int(digits), suffix.upper())


@lru_cache(maxsize=4096)
def airline_code(airline: str, on: dt.date | None = None) -> str:
    """The ICAO designator of an airline named by either code; its own when it is not known."""
    if len(airline) == 3:  # noqa: PLR2004  (the length of an ICAO designator)
        return airline
    return reference.airline_icao(airline, on) or airline


def ticketed(text: str, on: dt.date | None = None) -> str | None:
    """A designator as tickets print it, with the IATA code and no zeros: `DAL0117` is `DL117`."""
    named = flight(text, on)
    return None if named is None else ticket_number(named, on)


def ticket_number(named: Flight, on: dt.date | None = None) -> str:
    """A flight's name as tickets print it."""
    airline = reference.airline_iata(named.airline, on) or named.airline
    return f"{airline}{named.number}{named.suffix}"


def airport_code(text: str | None, on: dt.date | None = None) -> str | None:
    """An airport as records carry it: its IATA code where it has one; None when it is no code.

    On a day, the code that the airport had then (LTBA is IST until 5 April 2019, and ISL after);
    without a day today's.
    """
    return _airport_code(text, on) if text and len(text) <= _LONGEST else None


@lru_cache(maxsize=16_384)
def _airport_code(text: str, on: dt.date | None) -> str | None:
    code = text.strip().upper()
    if not _AIRPORT.fullmatch(code):
        return None
    known = reference.airport(code, on)
    return code if known is None else known.iata or known.icao


def moved(*texts: str | None) -> bool:
    """True when one of these codes, in upper case, means another airport on another day."""
    return not reference.moves().keys().isdisjoint(texts)


def airport_zone(code: str | None) -> str | None:
    """The IANA time zone of an airport by either code; None when it is not known."""
    known = reference.airport(code) if code else None
    return None if known is None else known.zone


for _kept in (_flight, _flight_of, airline_code):
    reference.on_adopting(_kept.cache_clear)
