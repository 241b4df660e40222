"""Splits a file or a stream of a feed into messages: pure functions from chunks to pieces.

Every byte of the input lies in exactly one piece or in the framing between pieces (line endings,
commas, white space), and a piece is what normalize reads. Where a message needs what surrounds it
(a table's header, an XML envelope), the piece repeats those bytes as they stand. What is too long
or cannot be told apart comes out as a piece with a fault, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MAX_PIECE_BYTES: Final = 512 * 1024
"""Longest piece that travels: with its envelope it stays below the 1 MiB a Kinesis record holds."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One message: its bytes, where it stands, and the offset in the input just behind it.

    `place` is for people, such as `line 12` or `FlightLeg 3`. A `fault` says why the piece cannot
    travel; then `payload` holds the bytes as they stand, in parts of at most 512 KiB.
    """

    payload: bytes
    place: str
    end: int
    fault: str = ""


def lines(chunks: Iterable[bytes], max_bytes: int = MAX_PIECE_BYTES) -> Iterator[Piece]:
    r"""One piece a line that is not blank, without its ending (\n or \r\n).

    A byte order mark at the very start belongs to the input, not to the first line.
    """
    carry, number, end, skipping = b"", 0, 0, False
    for chunk in chunks:
        data = carry + chunk
        *whole, carry = data.split(b"\n")
        for line in whole:
            number += 1
            end += len(line) + 1
            yield from _line(line, number, end, max_bytes, skipping)
            skipping = False
        while len(carry) > max_bytes:
            end += max_bytes
            yield Piece(carry[:max_bytes], f"line {number + 1}", end, _too_long(max_bytes))
            carry, skipping = carry[max_bytes:], True
    if carry:
        yield from _line(carry, number + 1, end + len(carry), max_bytes, skipping)


def _line(line: bytes, number: int, end: int, max_bytes: int, rest: bool) -> Iterator[Piece]:  # noqa: FBT001  (the rest of a line too long)
    place = f"line {number}"
    if rest:
        yield Piece(line, place, end, _too_long(max_bytes))
        return
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    line = line.removesuffix(b"\r")
    if len(line) > max_bytes:
        yield Piece(line, place, end, _too_long(max_bytes))
    elif line and not line.isspace():
        yield Piece(line, place, end)


def _too_long(max_bytes: int) -> str:
    return f"longer than {max_bytes} bytes"
