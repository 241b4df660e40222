"""The bytes of a file or a pipe, unpacked when they are packed with gzip or zstd.

Packed bytes are known by their first bytes (RFC 1952, section 2.3.1; RFC 8878, section 3.1), not by
a file's name. Everything is read as a stream; what unpacks to far too much is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

MAX_RATIO: Final = 250
"""Unpacked bytes for each packed one; feeds reach 60, an attack tens of thousands."""
FREE_BYTES: Final = 64 * 1024 * 1024
"""What may be unpacked before the ratio counts."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_MAGIC: Final = 4
_READ: Final = 256 * 1024
_OUT: Final = 1024 * 1024
# One byte of zstd can stand for 32 KiB, and its decoder gives all at once.
_ZSTD_STEP: Final = 2048
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class Stream(Protocol):
    """What is read until a read gives nothing; `read1`, where there is one, does not wait."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""


class UnpackError(Exception):
    """Packed bytes that are broken, cut short, or unpack to far too much."""


class Unpacked:
    """A stream of unpacked bytes with a look ahead at its beginning."""

    def __init__(
        self, raw: Stream, *, max_ratio: int = MAX_RATIO, free_bytes: int = FREE_BYTES
    ) -> None:
        """Nothing is read yet. `raw` is not closed here."""
        self.packed = ""
        self.consumed = 0
        self._read_raw: Callable[[int], bytes] = getattr(raw, "read1", raw.read)
        self._max_ratio, self._free = max_ratio, free_bytes
        self._given = 0
        self._ahead = b""
        self._unpacking: Iterator[bytes] | None = None
        self._begun = False

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes (any number for -1); none at the end. Raises UnpackError."""
        if not self._begun:
            self._begin()
        data = self._ahead or self._more(size if size > 0 else _READ)
        if size < 0 or len(data) <= size:
            self._ahead = b""
            return data
        self._ahead = data[size:]
        return data[:size]

    read1 = read

    def head(self, size: int, enough: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """The first bytes, which are read again: `size` of them, all, or those that are enough."""
        if not self._begun:
            self._begin()
        while len(self._ahead) < size and not (self._ahead and enough(self._ahead)):
            more = self._more(size - len(self._ahead))
            if not more:
                break
            self._ahead += more
        return self._ahead[:size]

    def done(self, offset: int) -> int:
        """How much of the input is read when `offset` of the unpacked bytes are."""
        return self.consumed if self.packed else offset

    def _begin(self) -> None:
        self._begun = True
        head = b""
        while len(head) < _MAGIC and (more := self._raw(_READ)):
            head += more
        if head.startswith(_GZIP):
            self.packed, self._unpacking = "gzip", self._gzip(head)
        elif head.startswith(_ZSTD) or (
            head[1:4] == _ZSTD_SKIPPABLE and head[0] & 0xF0 == 0x50  # noqa: PLR2004  (RFC 8878, 3.1.2)
        ):
            self.packed, self._unpacking = "zstd", self._zstd(head)
        else:
            self._ahead = head

    def _raw(self, size: int) -> bytes:
        data = self._read_raw(size)
        self.consumed += len(data)
        return data

    def _more(self, size: int) -> bytes:
        if self._unpacking is None:
            return self._raw(size)
        for data in self._unpacking:
            if data:
                self._weigh(len(data))
                return data
        return b""

    def _weigh(self, size: int) -> None:
        self._given += size
        allowed = max(self._free, self.consumed * self._max_ratio)
        if self._given > allowed:
            raise self._error(
                f"unpacks to more than {self._max_ratio} times its size; if it is sound, unpack it "
                "yourself and pipe it in"
            )

    def _error(self, reason: str) -> UnpackError:
        return UnpackError(f"{self.packed} data, at byte {self.consumed}: {reason}")

    def _gzip(self, data: bytes) -> Iterator[bytes]:
        """The members of a gzip file, one after another; zero bytes behind the last are padding."""
        while data:
            member = zlib.decompressobj(_GZIP_WINDOW)
            while not member.eof:
                try:
                    yield member.decompress(data, _OUT)
                except zlib.error as error:
                    raise self._error(f"broken: {error}") from error
                data = member.unconsumed_tail or member.unused_data
                if not data and not member.eof:
                    data = self._raw(_READ)
                    if not data:
                        raise self._error("cut short")
            data = self._behind(data)

    def _zstd(self, data: bytes) -> Iterator[bytes]:
        """The frames of a zstd file, one after another."""
        import zstandard  # noqa: PLC0415  (of the command line's extra; only zstd files need it)

        while data:
            frame = zstandard.ZstdDecompressor().decompressobj()
            while not frame.eof:
                step, data = data[:_ZSTD_STEP], data[_ZSTD_STEP:]
                try:
                    yield frame.decompress(step)
                except zstandard.ZstdError as error:
                    raise self._error(f"broken: {error}") from error
                data = frame.unused_data + data
                if not data and not frame.eof:
                    data = self._raw(_READ)
                    if not data:
                        raise self._error("cut short")
            data = self._behind(data)

    def _behind(self, data: bytes) -> bytes:
        """What follows a member or frame, without padding."""
        data = data.lstrip(b"\0")
        while not data and (data := self._raw(_READ)):
            data = data.lstrip(b"\0")
        return data
