"""Lines, and the rows of tables (CSV, RFC 4180)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from filters.normalize.splitting.pieces import (
    MAX_AROUND_BYTES,
    MAX_PIECE_BYTES,
    Piece,
    parts,
    too_long,
)

_BOM: Final = b"\xef\xbb\xbf"
_MAX_ROW_LINES: Final = 64
# A quote opens a field only at its beginning (RFC 4180, section 2, rule 5).
_OPENING: Final = re.compile(rb'(?:\A|[,;\t|])"')
_CLOSING: Final = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
_AFTER_FIELD: Final = frozenset(b",;\t|\r")


class _Line(msgspec.Struct, gc=False):
    """A line without its line feed, or a part of one too long; `end` is behind the line feed."""

    content: bytes
    number: int
    start: int
    end: int
    long: bool = False


def lines(chunks: Iterable[bytes], max_bytes: int = MAX_PIECE_BYTES) -> Iterator[Piece]:
    r"""One piece a line that is not blank, without its ending (\n or \r\n).

    A byte order mark at the very start belongs to the input, not to the first line.
    """
    for line in _lines(chunks, max_bytes):
        if line.long:
            yield Piece(line.content, f"line {line.number}", line.end, too_long(max_bytes))
        elif line.content and not line.content.isspace():
            yield Piece(line.content.removesuffix(b"\r"), f"line {line.number}", line.end)


def rows(chunks: Iterable[bytes], max_bytes: int = MAX_PIECE_BYTES) -> Iterator[Piece]:
    r"""One piece a row of a table: the header line, \n, and the row without its ending.

    The first line that is not blank is the header. A line break within quotes (RFC 4180, section
    2, rule 6) belongs to the row, over at most 64 lines; where no closing quote comes in time, or
    more than a separator follows it, each line is a row of its own. The place is the row's first
    line. Under a header of more than 64 KiB every row has a fault.
    """
    table = _Table(max_bytes)
    for line in _lines(chunks, max_bytes):
        yield from table.take(line)
    yield from table.close()


class _Table:
    """The header, and the lines of a row whose quotes are still open."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._header: bytes | None = None
        self._fault = ""
        self._held: list[_Line] = []
        self._size = 0

    def take(self, line: _Line) -> Iterator[Piece]:
        """Pieces that are complete with this line."""
        if line.long:
            yield from self._apart()
            if self._header is None:
                self._set_header(line.content)
            yield Piece(line.content, f"line {line.number}", line.end, too_long(self._max))
            return
        if not self._held and (not line.content or line.content.isspace()):
            return
        self._held.append(line)
        self._size += len(line.content) + 1
        inside = _open_after(line.content, inside=len(self._held) > 1)
        if inside is None or (
            inside and (len(self._held) == _MAX_ROW_LINES or self._size > self._max)
        ):
            yield from self._apart()
        elif not inside:
            yield from self._together()

    def close(self) -> Iterator[Piece]:
        """What waits for a closing quote that does not come."""
        return self._apart()

    def _set_header(self, content: bytes) -> None:
        self._header = content
        longest = min(self._max, MAX_AROUND_BYTES)
        if len(content) >= longest:
            self._fault = f"the header is {too_long(longest)}"

    def _together(self) -> Iterator[Piece]:
        held, self._held, self._size = self._held, [], 0
        content = b"\n".join(line.content for line in held)
        yield from self._row(content, held[0], held[-1].end)

    def _apart(self) -> Iterator[Piece]:
        held, self._held, self._size = self._held, [], 0
        for line in held:
            if line.content and not line.content.isspace():
                yield from self._row(line.content, line, line.end)

    def _row(self, content: bytes, first: _Line, end: int) -> Iterator[Piece]:
        content = content.removesuffix(b"\r")
        if self._header is None:
            self._set_header(content)
            return
        payload = self._header + b"\n" + content
        place = f"line {first.number}"
        if self._fault or len(payload) > self._max:
            fault = self._fault or too_long(self._max)
            yield from parts(content, place, first.start, self._max, fault)
        else:
            yield Piece(payload, place, end)


def _open_after(line: bytes, *, inside: bool) -> bool | None:
    """Whether a quoted field is open at the end of a line; None when the quotes are malformed."""
    if b'"' not in line:
        return inside
    at = 0
    while True:
        if not inside:
            opening = _OPENING.search(line, at)
            if opening is None:
                return False
            at = opening.end()
        closing = _CLOSING.match(line, at)
        if closing is None:
            return True
        at, inside = closing.end(), False
        if at < len(line) and line[at] not in _AFTER_FIELD:
            return None


def _lines(chunks: Iterable[bytes], max_bytes: int) -> Iterator[_Line]:
    """Every line, blank ones too; one that is too long comes in parts of `max_bytes`."""
    carry, number, start, long = b"", 0, 0, False
    for chunk in chunks:
        *whole, carry = (carry + chunk).split(b"\n")
        for line in whole:
            number += 1
            yield from _line(line, number, start, max_bytes, ended=1, long=long)
            start += len(line) + 1
            long = False
        # The last byte may be half of a line ending, which does not count.
        while len(carry) > max_bytes + (not long):
            part, carry, long = carry[:max_bytes], carry[max_bytes:], True
            yield _Line(part, number + 1, start, start + max_bytes, long=True)
            start += max_bytes
    if carry:
        yield from _line(carry, number + 1, start, max_bytes, ended=0, long=long)


def _line(
    line: bytes, number: int, start: int, max_bytes: int, *, ended: int, long: bool
) -> Iterator[_Line]:
    end = start + len(line) + ended
    if long or len(line.removesuffix(b"\r")) > max_bytes:
        for at in range(0, len(line), max_bytes):
            last = at + max_bytes >= len(line)
            part = line[at : at + max_bytes]
            yield _Line(
                part, number, start + at, end if last else start + at + max_bytes, long=True
            )
        return
    yield _Line(line.removeprefix(_BOM) if number == 1 else line, number, start, end)
