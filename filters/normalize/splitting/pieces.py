"""A piece of a feed, and the cutting of what is too long to be one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

MAX_PIECE_BYTES: Final = 512 * 1024
"""Longest piece that travels: with its envelope it stays below the 1 MiB a Kinesis record holds."""

MAX_AROUND_BYTES: Final = 64 * 1024
"""Longest surroundings (a header, an envelope) that are repeated with every piece."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One message: its bytes, where it stands, and the offset in the input just behind it.

    `place` is for people, such as `line 12` or `FlightLeg 3`. A `fault` says why the piece cannot
    travel; then `payload` holds the bytes as they stand, in parts of at most 512 KiB that share
    their place.
    """

    payload: bytes
    place: str
    end: int
    fault: str = ""


def too_long(max_bytes: int) -> str:
    """The fault of what is longer than a piece may be."""
    return f"longer than {max_bytes} bytes"


def parts(data: bytes, place: str, start: int, max_bytes: int, fault: str) -> Iterator[Piece]:
    """Bytes that cannot travel, from offset `start` on, as pieces of at most `max_bytes`."""
    for at in range(0, len(data), max_bytes):
        part = data[at : at + max_bytes]
        yield Piece(part, place, start + at + len(part), fault)
