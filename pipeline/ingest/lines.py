"""Splits a stream of bytes into lines, in constant memory, and knows at each batch where it is.

Of formats with one message per line; `pieces` does the same for all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator

import msgspec

from pipeline.ingest.packed import Stream

MAX_LINE_BYTES = 512 * 1024
"""Longest line that travels: with its envelope it stays below the 1 MiB a Kinesis record holds."""
READ_BYTES = 4 * 1024 * 1024
"""Bytes per read, hence about what one crash makes a load do again."""
BATCH_LINES = 10_000
_BOM = b"\xef\xbb\xbf"


class FeedLine(msgspec.Struct, frozen=True, gc=False):
    """One line that is not blank: its number (from 1) and its bytes without the line ending.

    Or one piece of another format: its number among them, and its place in the format's words.
    """

    number: int
    payload: bytes
    place: str = ""


class LongPart(msgspec.Struct, frozen=True, gc=False):
    """A part of a line or piece that cannot travel; `last` is True for its final part."""

    number: int
    payload: bytes
    last: bool
    place: str = ""
    reason: str = f"longer than {MAX_LINE_BYTES} bytes"


class Position(msgspec.Struct, frozen=True):
    """A place between two lines: bytes and lines before it, and those bytes' SHA-256 (hex).

    Or between two pieces of another format: their number, and the SHA-256 of what they hold.
    """

    offset: int = 0
    line: int = 0
    sha256: str = hashlib.sha256().hexdigest()


class Batch(msgspec.Struct, frozen=True):
    """Consecutive lines. `position` is the place after them; None inside a line that goes on."""

    lines: tuple[FeedLine, ...]
    long: tuple[LongPart, ...]
    blank: int
    position: Position | None


class InputChangedError(Exception):
    """What stands before a saved position is not what was loaded."""


def split(
    stream: Stream,
    start: Position | None = None,
    *,
    batch_lines: int = BATCH_LINES,
    max_line_bytes: int = MAX_LINE_BYTES,
    read_bytes: int = READ_BYTES,
) -> Iterator[Batch]:
    r"""Yield the lines of `stream` from `start` on, in batches that end with a read at the latest.

    Lines end with \n or \r\n; the last may have no ending. Lines of white space are counted and
    left out. A byte order mark at the very start belongs to the file, not to the first line
    (RFC 8259, section 8.1). A read from a pipe returns what has arrived, so a slow live feed is
    not held back. Raises InputChangedError when the bytes before `start` have another SHA-256, or
    when `start` is not after a line ending although more bytes follow.
    """
    splitter = _Splitter(batch_lines, max_line_bytes)
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    if start is not None:
        splitter.resume(start, read, read_bytes)
    while chunk := read(read_bytes):
        yield from splitter.feed(chunk)
    yield from splitter.close()


class _Splitter:
    def __init__(self, batch_lines: int, max_line_bytes: int) -> None:
        self._batch_lines = batch_lines
        self._max = max_line_bytes
        self._sha = hashlib.sha256()
        self._offset = 0
        self._line = 0
        self._carry = b""
        self._long = False
        self._torn = False

    def resume(self, start: Position, read: Callable[[int], bytes], read_bytes: int) -> None:
        left = start.offset
        last = b"\n"
        while left and (chunk := read(min(left, read_bytes))):
            self._sha.update(chunk)
            left -= len(chunk)
            last = chunk[-1:]
        if left or self._sha.hexdigest() != start.sha256:
            reason = f"the first {start.offset} bytes are not those that were loaded"
            raise InputChangedError(reason)
        self._offset, self._line, self._torn = start.offset, start.line, last != b"\n"

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Take one read; yield what is complete."""
        if self._torn:
            reason = f"line {self._line} had no ending when it was loaded, and has grown since"
            raise InputChangedError(reason)
        data = self._carry + chunk
        if self._offset == 0 and not self._long:
            if _BOM.startswith(data):
                self._carry = data  # too early to tell
                return
            if data.startswith(_BOM):
                self._pass(_BOM)
                data = data[len(_BOM) :]
        if self._long:
            data = yield from self._long_line(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            yield from self._whole(data[:cut])
            data = data[cut:]
        self._carry = data
        if len(data) > self._max + 1:
            self._long = True
            self._carry = yield from self._long_line(data)

    def close(self) -> Iterator[Batch]:
        """Yield the last line, which has no line ending, or half of one."""
        data, self._carry = self._carry, b""
        if self._long:
            self._long = False
            self._line += 1
            self._pass(data)
            yield self._batch((), (LongPart(self._line, b"", last=True),), 0)
        elif data and (self._offset or data != _BOM):
            yield from self._lines([data], data)

    def _long_line(self, data: bytes) -> Generator[Batch, None, bytes]:
        """Pass on pieces of the line that is too long; return what comes after it."""
        cut = data.find(b"\n")
        if cut < 0:
            keep = data[-1:] if data.endswith(b"\r") else b""  # perhaps half of a line ending
            part = data[: len(data) - len(keep)]
            self._pass(part)
            yield Batch((), (LongPart(self._line + 1, part, last=False),), 0, None)
            return keep
        self._long = False
        self._line += 1
        self._pass(data[: cut + 1])
        yield self._batch((), (LongPart(self._line, data[:cut].removesuffix(b"\r"), last=True),), 0)
        return data[cut + 1 :]

    def _whole(self, block: bytes) -> Iterator[Batch]:
        """Batches of a block that ends with a line ending."""
        raw = block.split(b"\n")[:-1]
        at = 0
        for first in range(0, len(raw), self._batch_lines):
            group = raw[first : first + self._batch_lines]
            size = sum(map(len, group)) + len(group)
            yield from self._lines(group, block[at : at + size])
            at += size

    def _lines(self, raw: list[bytes], consumed: bytes) -> Iterator[Batch]:
        lines: list[FeedLine] = []
        long: list[LongPart] = []
        blank = 0
        for number, line in enumerate(raw, self._line + 1):
            payload = line.removesuffix(b"\r")
            if not payload or payload.isspace():
                blank += 1
            elif len(payload) > self._max:
                long.append(LongPart(number, payload, last=True))
            else:
                lines.append(FeedLine(number, payload))
        self._line += len(raw)
        self._pass(consumed)
        yield self._batch(tuple(lines), tuple(long), blank)

    def _pass(self, consumed: bytes) -> None:
        self._sha.update(consumed)
        self._offset += len(consumed)

    def _batch(self, lines: tuple[FeedLine, ...], long: tuple[LongPart, ...], blank: int) -> Batch:
        position = Position(self._offset, self._line, self._sha.hexdigest())
        return Batch(lines, long, blank, position)
