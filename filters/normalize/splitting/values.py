"""JSON values one after another, and the elements of arrays (RFC 8259, RFC 7464)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from filters.normalize.splitting import documents
from filters.normalize.splitting.pieces import MAX_PIECE_BYTES, Piece, parts, too_long

MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024
"""Up to here an object with a list is held whole, so that what follows the list is known too."""

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n\x1e"  # RFC 7464 puts a record separator before each text
_FRAMING: Final = re.compile(rb"[ \t\r\n\x1e,]*+")
# Everything but brackets, whole strings included; one with a line break is looked at more closely.
_IN_STRING: Final = re.compile(rb"[^\"\\\n]*+(?:\\.[^\"\\\n]*+)*+", re.DOTALL)
_FLAT: Final = re.compile(
    rb'[^"{}\[\]]*+(?:"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL
)
# What is no JSON, at the top and within an array.
_BARE: Final = {True: re.compile(rb"[^\n{\[]*+"), False: re.compile(rb'[^\n,\[\]{"]*+')}

_Kind = Literal["between", "bare", "string", "nested"]


def values(
    chunks: Iterable[bytes],
    members: Iterable[str] = (),
    *,
    leave_out: Iterable[str] = (),
    max_bytes: int = MAX_PIECE_BYTES,
    max_document: int = MAX_DOCUMENT_BYTES,
) -> Iterator[Piece]:
    """One piece a value: of a stream of values, or of the elements of an array at the top.

    An object with an array under one of the names `members`, at its top or one level down, gives
    a piece for each element: the object, its other members as they stand, with this element alone
    in the array. Members named in `leave_out` are not repeated, nor the longest ones until 32 KiB
    on each level are left. An object whose arrays are all empty is one piece. Of an object longer
    than 8 MiB only what stands before the array is repeated, and an array further behind has a
    fault.

    What is no JSON comes out as pieces too, for parse to reject. A line that begins with a bracket
    where no value may stand begins anew, so a line cut short takes no other with it.
    """
    splitter = _Splitter(documents.Wanted.of(members, leave_out), max_bytes, max_document)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()


class _Level(msgspec.Struct, frozen=True):
    """An open array whose elements are units: what goes around each, and the objects around it."""

    before: bytes = b""
    after: bytes = b""
    depth: int = 0


class _Splitter:
    """A scanner that stops and goes on anywhere; `_at` is where, `_start` where its unit began."""

    def __init__(self, wanted: documents.Wanted, max_bytes: int, max_document: int) -> None:
        self._wanted = wanted
        self._max, self._max_document = max_bytes, max_document
        self._buffer = bytearray()
        self._offset = self._at = self._start = 0
        self._kind: _Kind = "between"
        self._levels: list[_Level] = []
        self._open = bytearray()  # the brackets that are open within the unit
        self._before = 0  # the last byte of the unit that was given away and is no space
        self._fresh = True  # whether a value may stand here
        self._in_string = self._long = self._tail = self._ended = False
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Pieces that are complete with this chunk."""
        self._buffer += chunk
        yield from self._run()
        # One byte before tells whether a line begins here.
        keep = max(0, min(self._at, self._start) - 1)
        del self._buffer[:keep]
        self._offset += keep
        self._at -= keep
        self._start -= keep

    def close(self) -> Iterator[Piece]:
        """What is left at the end of the input."""
        self._ended = True
        return self._run()

    def _run(self) -> Iterator[Piece]:
        while True:
            if self._kind == "between":
                if not self._begin():
                    self._start = self._at
                    return
                continue
            end = self._scan()
            seen = (self._at if end < 0 else end) - self._start
            if seen > (self._max_document if self._may_hold_list else self._max):
                if self._unwrap():
                    continue
                yield from self._give_away(self._start + seen)
            if end < 0:
                return
            yield from self._unit(end)

    @property
    def _may_hold_list(self) -> bool:
        """Whether this is an object to be held whole, for the list that may be in it."""
        if not self._wanted.lists or self._long or self._tail or self._wrapped:
            return False
        return self._buffer[self._start] == ord("{")

    @property
    def _wrapped(self) -> bool:
        return bool(self._levels and self._levels[-1].depth)

    def _begin(self) -> bool:
        """Go over framing to the next unit or bracket; False when more bytes are needed first."""
        if self._offset + self._at == 0:
            if len(self._buffer) < len(_BOM) and not self._ended and _BOM.startswith(self._buffer):
                return False
            self._at = len(_BOM) if self._buffer.startswith(_BOM) else 0
        framing = _FRAMING.match(self._buffer, self._at)
        if framing is not None:
            self._fresh |= b"," in framing[0]
            self._at = framing.end()
        if self._at == len(self._buffer):
            return False
        byte = self._buffer[self._at]
        if self._levels and byte == ord("[") and not self._fresh and self._line_begins(self._at):
            self._levels.clear()
        top = not self._levels
        if byte == ord("[") and top:
            self._levels.append(_Level())
            self._at += 1
            self._fresh = True
            return True
        self._start = self._at
        self._at += 1
        self._fresh = False
        if byte == ord("]") and not top:
            level = self._levels.pop()
            self._tail = level.depth > 0
            self._start = self._at
            self._open = bytearray(b"{" * level.depth)
            self._kind = "nested" if self._tail else "between"
        elif byte in b"{[":
            self._open = bytearray([byte])
            self._kind = "nested"
        elif byte == ord('"') and not top:
            self._kind, self._in_string = "string", True
        else:
            self._kind = "bare"
        return True

    def _line_begins(self, at: int) -> bool:
        return at > 0 and self._buffer[at - 1] == ord("\n")

    def _scan(self) -> int:
        """Go on to the end of the unit and return it; -1 when more bytes are needed."""
        buffer = self._buffer
        if self._kind == "bare":
            self._at = _end(_BARE[not self._levels], buffer, self._at)
            return self._at if self._at < len(buffer) or self._ended else -1
        while True:
            if self._in_string:
                end = self._string()
                if end is not None:
                    return end
                continue
            self._at = _end(_FLAT, buffer, self._at)
            if self._at == len(buffer):
                return self._wait()
            byte = buffer[self._at]
            if byte == ord('"'):
                self._in_string = True
            elif byte not in b"{[":
                self._open.pop()
            elif self._line_begins(self._at) and not self._allowed(self._at):
                return self._begin_anew(self._at)
            else:
                self._open.append(byte)
            self._at += 1
            if not self._open:
                return self._at

    def _string(self) -> int | None:
        """Go on to the end of a string; the end of the unit or -1 when the scan stops here."""
        buffer = self._buffer
        self._at = _end(_IN_STRING, buffer, self._at)
        if self._at == len(buffer) or buffer[self._at] == ord("\\"):
            return self._wait()
        if buffer[self._at] == ord('"'):
            self._at += 1
            self._in_string = False
            return self._at if self._kind == "string" else None
        if self._at + 1 == len(buffer):
            return self._wait()
        if buffer[self._at + 1] in b"{[":
            return self._begin_anew(self._at + 1)
        self._at += 1
        return None

    def _wait(self) -> int:
        return len(self._buffer) if self._ended else -1

    def _allowed(self, at: int) -> bool:
        """Whether an object or an array may begin here, after what stands before it."""
        while at > self._start and self._buffer[at - 1] in _SPACE:
            at -= 1
        before = self._buffer[at - 1] if at > self._start else self._before
        return before in b":[" or (before == ord(",") and self._open[-1] == ord("["))

    def _begin_anew(self, at: int) -> int:
        """End the unit here, cut short; an array that begins here is one at the top."""
        if self._buffer[at] == ord("["):
            self._levels.clear()
        self._at, self._fresh = at, True
        return at

    def _unwrap(self) -> bool:
        """Of an object too long to be held whole, go on with the elements of its list."""
        if not self._may_hold_list:
            return False
        head = bytes(self._buffer[self._start : self._start + self._max_document])
        found = documents.first_list(head, self._wanted)
        if found is None:
            return False
        self._levels.append(_Level(found.before, found.after, found.depth))
        self._start = self._at = self._start + found.start
        self._kind, self._in_string, self._fresh = "between", False, True
        return True

    def _give_away(self, end: int) -> Iterator[Piece]:
        """Parts of a unit that is too long, all but the last of what is there up to `end`."""
        self._number += not self._long
        self._long = True
        while end - self._start > self._max:
            part = bytes(self._buffer[self._start : self._start + self._max])
            self._before = (part.rstrip(_SPACE) or bytes([self._before]))[-1]
            self._start += self._max
            yield Piece(part, self._place, self._offset + self._start, self._fault)

    def _unit(self, end: int) -> Iterator[Piece]:
        """What a unit gives that ends here."""
        data = bytes(self._buffer[self._start : end])
        start = self._offset + self._start
        if self._long or (self._tail and any(name in data for name in self._wanted.lists)):
            self._number += not self._long
            yield from parts(data, self._place, start, self._max, self._fault)
        elif not self._tail:
            yield from self._pieces(data.rstrip(_SPACE), start)
        self._start = self._at = end
        self._kind = "between"
        self._long = self._tail = self._in_string = False

    @property
    def _place(self) -> str:
        return f"item {self._number}"

    @property
    def _fault(self) -> str:
        if self._tail:
            return f"stands behind the list of an object longer than {self._max_document} bytes"
        return too_long(self._max)

    def _pieces(self, data: bytes, start: int) -> Iterator[Piece]:
        if self._wrapped:
            level = self._levels[-1]
            yield from self._piece(level.before, data, level.after, start)
            return
        found = documents.lists(data, self._wanted) if data.startswith(b"{") else []
        for each in found:
            for first, end in documents.items(data, each.start):
                yield from self._piece(each.before, data[first:end], each.after, start + first)
        if not found:
            yield from self._piece(b"", data, b"", start)

    def _piece(self, before: bytes, data: bytes, after: bytes, start: int) -> Iterator[Piece]:
        self._number += 1
        if len(before) + len(data) + len(after) > self._max:
            yield from parts(data, self._place, start, self._max, too_long(self._max))
        else:
            yield Piece(before + data + after, self._place, start + len(data))


def _end(pattern: re.Pattern[bytes], buffer: bytearray, at: int) -> int:
    """Where a pattern that may match nothing ends."""
    found = pattern.match(buffer, at)
    return found.end() if found else at
