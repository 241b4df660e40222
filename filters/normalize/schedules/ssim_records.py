"""The records of IATA SSIM chapter 7 files: which lines are which, and where their elements stand.

Source: IATA Standard Schedules Information Manual, chapter 7.5, records 1 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from filters.normalize.splitting import MAX_PIECE_BYTES, Piece, lines

WIDTH: Final = 200
"""Bytes of a record; blanks at its end may be missing."""

Columns: TypeAlias = dict[str, tuple[int, int, str]]

# First and last column, from 1, and what becomes of the element.
CARRIER: Final = {
    "time mode": (2, 2, "whether times and dates are UTC (U) or local (L)"),
    "validity from": (15, 21, "start of periods without start"),
    "validity to": (22, 28, "end of periods without end"),
    "creation date": (29, 35, "source_time"),
    "creation time": (191, 194, "source_time"),
}
LEG: Final = {
    "operational suffix": (2, 2, "suffix"),
    "airline designator": (3, 5, "airline"),
    "flight number": (6, 9, "number"),
    "itinerary variation": (10, 11, "evidence"),
    "leg sequence": (12, 13, "evidence"),
    "service type": (14, 14, "service"),
    "period from": (15, 21, "one status per operating date"),
    "period to": (22, 28, "the same"),
    "days of operation": (29, 35, "the same"),
    "frequency rate": (36, 36, "the same; 2 is every second week"),
    "departure station": (37, 39, "origin"),
    "passenger STD": (40, 43, "out_scheduled"),
    "aircraft STD": (44, 47, "out_scheduled without passenger STD, else evidence"),
    "UTC variation of departure": (48, 52, "out_scheduled in UTC"),
    "departure terminal": (53, 54, "out_terminal"),
    "arrival station": (55, 57, "destination"),
    "aircraft STA": (58, 61, "in_scheduled without passenger STA, else evidence"),
    "passenger STA": (62, 65, "in_scheduled"),
    "UTC variation of arrival": (66, 70, "in_scheduled in UTC"),
    "arrival terminal": (71, 72, "in_terminal"),
    "itinerary variation overflow": (128, 128, "evidence"),
    "operating airline disclosure": (149, 149, "L, X, Z: a marketing flight"),
    "departure date variation": (193, 193, "date of later legs"),
    "arrival date variation": (194, 194, "hint at the date of arrival"),
}
SEGMENT: Final = {
    "data element 10": (40, 194, "code_shares"),
    "data element 50": (40, 194, "airline, number and suffix; this leg's own are code_shares"),
}
_ELEMENT = slice(30, 33)

_TITLE = re.compile(rb"1.{0,40}SCHEDULE DATA SET")
_CARRIER_LINE = re.compile(rb"2[UL ][A-Z0-9]{2}[A-Z0-9 ][ 0-9]")
_END_LINE = re.compile(rb"5[ A-Z][A-Z0-9]{2}[A-Z0-9 ]( |\Z)")
_LEG_LINE = re.compile(
    rb"3[ A-Z][A-Z0-9]{2}[A-Z0-9 ][ 0-9]{3}[0-9]{5}[A-Z ]"
    rb"[0-9]{2}[A-Z]{3}[0-9]{4}[A-Z]{3}[0-9]{2}[0-7 ]{7}[ 0-9][A-Z]{3}[0-9 ]{4}[0-9]{4}"
)


def detect(payload: bytes) -> bool:
    """True for the title of a data set, or a carrier's or a leg's record in its fixed columns."""
    first, _, rest = payload[: 3 * WIDTH].removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if _TITLE.match(first) or _LEG_LINE.match(first):
        return True
    return bool(_CARRIER_LINE.match(first) and _LEG_LINE.match(rest))


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One piece a leg: its record 2, its record 3, and the record 4 lines that follow it.

    Records 1, 2 and 5 and lines of zeros stand between; any other line is a piece of its own.
    """
    carrier, leg = b"", list[bytes]()
    place, end, size = "", 0, 0
    for line in lines(chunks):
        kind = _kind(line)
        if kind == "4" and leg and size + len(line.payload) < MAX_PIECE_BYTES:
            leg.append(line.payload)
            end, size = line.end, size + len(line.payload) + 1
            continue
        if leg:
            yield Piece(b"\n".join(leg), place, end)
            leg = []
        if kind == "3":
            leg = [carrier, line.payload] if carrier else [line.payload]
            place, end, size = line.place, line.end, sum(map(len, leg)) + 1
        elif kind in ("4", ""):
            yield line
        if line.payload[:1] == b"2":
            # One that cannot be read still ends the one before.
            carrier = line.payload[:WIDTH] if _CARRIER_LINE.match(line.payload) else b""
    if leg:
        yield Piece(b"\n".join(leg), place, end)


def _kind(line: Piece) -> str:
    """The record's type, 0 for padding, or "" for what is none of the five."""
    text = line.payload.rstrip()
    if not line.fault and text[:1] == b"3":
        return "3"
    if line.fault or len(text) > WIDTH:
        return ""
    if not text.strip(b"0"):
        return "0"
    for kind, known in (("1", _TITLE), ("2", _CARRIER_LINE), ("5", _END_LINE)):
        if known.match(text):
            return kind
    return "4" if text[:1] == b"4" else ""


def records_of(payload: bytes) -> tuple[str, str, list[str]]:
    """The lines of record 2 and record 3 ("" for none) and those of record 4 in a piece."""
    found = [line.rstrip().decode("latin-1") for line in payload.split(b"\n")]
    carrier = found.pop(0) if found[0][:1] == "2" else ""
    leg = found.pop(0) if found and found[0][:1] == "3" else ""
    return carrier, leg, [line for line in found if line[:1] == "4"]


def columns_of(line: str, table: Columns) -> dict[str, str]:
    """The elements of a line by name, in upper case, with their blanks."""
    return {name: line[first - 1 : last].upper() for name, (first, last, _) in table.items()}


def elements_of(segments: Iterable[str], wanted: int) -> list[str]:
    """What the record 4 lines with this data element identifier say."""
    first, last, _ = SEGMENT[f"data element {wanted}"]
    return [line[first - 1 : last] for line in segments if line[_ELEMENT] == f"{wanted:03}"]
