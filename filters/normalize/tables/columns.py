"""Reads a table by the names of its columns: comma-separated values with a header line (RFC 4180).

A message is the header line, a line feed and one row, as `splitting.rows` makes them; a whole file
is read too. Cells are text without blanks around it, and a column that is not there is empty.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from filters.outcome import Drop, RejectRecord
from schemas.records import FlightStatus

Row: TypeAlias = Mapping[str, str]
"""The cells of the columns that are read, by our name of the column."""

MAX_HEADER_BYTES: Final = 16 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_SHOWN: Final = 40
_LONGEST_NUMBER: Final = 16
_NUMBER: Final = re.compile(r"[+-]?\d{1,6}(\.0{1,6})?", re.ASCII)


class Layout(NamedTuple):
    """Where the columns stand that are read, how far a row must reach, and how far it may."""

    columns: tuple[tuple[str, int], ...]
    least: int
    most: int

    @property
    def named(self) -> frozenset[str]:
        """Our names of the columns that are there."""
        return frozenset(name for name, _ in self.columns)


def header_line(payload: bytes) -> bytes | None:
    """The first line of a table, without its ending; None when it is too long to be a header."""
    line = payload[: MAX_HEADER_BYTES + 1].partition(b"\n")[0]
    return None if len(line) > MAX_HEADER_BYTES else line.removeprefix(_BOM).removesuffix(b"\r")


@lru_cache(maxsize=256)
def header(line: bytes) -> tuple[str, ...]:
    """The names in a header line in their order, unnamed columns as "".

    Raises RejectRecord when it cannot be read.
    """
    try:
        return tuple(name.strip() for name in _fields(line.decode("utf-8"), "header"))
    except UnicodeDecodeError as error:
        raise RejectRecord("header: not UTF-8") from error


def layout(names: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> Layout:
    """Where the wanted columns stand; `wanted` has the spellings of each of our names, best first.

    Of two columns with one name the first counts. A row may end before columns without a name, for
    some tables end each line, or the header's alone, with a comma.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name, place)
    found = {
        ours: next((places[name] for name in spellings if name in places), None)
        for ours, spellings in wanted.items()
    }
    least = max((place + 1 for place, name in enumerate(names) if name), default=0)
    columns = tuple((name, place) for name, place in found.items() if place is not None)
    return Layout(columns, least, len(names))


def rows(payload: bytes, layout_of: Callable[[bytes], Layout]) -> Iterator[tuple[str, Row]]:
    """Each row and its place; the place of an only row is "", for it is the message's own.

    Raises RejectRecord when there is no row, or one that cannot be read or does not fit the header.
    """
    head = header_line(payload)
    if head is None:
        raise RejectRecord(f"header: longer than {MAX_HEADER_BYTES} bytes")
    columns, least, most = layout_of(head)
    # Bytes that are no UTF-8 stand in names of places, which nobody reads.
    body = payload.partition(b"\n")[2].decode("utf-8", "replace").strip("\r\n")
    if not body or body.isspace():
        raise RejectRecord("row: missing; a header line and a row below it are expected")
    alone = "\n" not in body
    for place, cells in [("", _fields(body, "row"))] if alone else _many(body):
        count = len(cells)
        if count < least:
            raise RejectRecord(f"row: {count} fields, and the header names {least}", place)
        if count > most and any(cells[most:]):
            raise RejectRecord(f"row: {count} fields, and the header has {most}", place)
        yield place, {name: cells[at].strip() for name, at in columns}


def statuses(
    payload: bytes,
    layout_of: Callable[[bytes], Layout],
    read: Callable[[Row, int], FlightStatus | Drop],
) -> tuple[FlightStatus, ...] | Drop:
    """What `read` makes of each row, given its index; a Drop when it drops them all.

    Raises RejectRecord, with the row's place, for the first that `read` rejects.
    """
    said: list[FlightStatus] = []
    dropped: Drop | None = None
    for index, (place, row) in enumerate(rows(payload, layout_of)):
        try:
            found = read(row, index)
        except RejectRecord as reject:
            raise RejectRecord(reject.reason, place) from reject
        if isinstance(found, Drop):
            dropped = dropped or found
        else:
            said.append(found)
    return tuple(said) or dropped or Drop("says_nothing")


@lru_cache(maxsize=8192)
def _whole(text: str) -> int | None:
    return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else None


def whole(text: str) -> int | None:
    """A whole number as tables write it, `-2` or `-2.00`; None when it is none."""
    return _whole(text) if len(text) <= _LONGEST_NUMBER else None


def shown(text: str) -> str:
    """A cell as the reason of a rejection quotes it."""
    return repr(text[:_SHOWN])


def _many(body: str) -> Iterator[tuple[str, list[str]]]:
    # The header is line 1. Lines end in a line feed alone here, so that quoted breaks stay whole.
    reader = csv.reader(body.split("\n"), strict=True)
    begins = 2
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise RejectRecord(f"row: {error}", f"line {begins}") from error
        if cells is None:
            return
        if cells and cells != [""]:
            yield f"line {begins}", cells
        begins = reader.line_num + 2


def _fields(text: str, field: str) -> list[str]:
    """The fields of one line; a line without quotes needs no reader."""
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except (csv.Error, StopIteration) as error:
        raise RejectRecord(f"{field}: {error}") from error
