"""A TLS connection to a feed, read with a patience, and its compression."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

_RECEIVE_BYTES: Final = 65_536
_CONNECT_S: Final = 20.0
_SHORTEST_WAIT_S: Final = 0.001  # zero would mean a socket that never waits
_INFLATE_BYTES: Final = 1 << 20
# zlib's mark for a gzip header and trailer, with the largest window (zlib manual, inflateInit2).
_GZIP: Final = 16 + zlib.MAX_WBITS


class Wire(Protocol):
    """A connection that bytes come from."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""

    def receive(self, timeout_s: float) -> bytes | None:
        """What has arrived: None when nothing did in time, no bytes when the other side hung up.

        Raises OSError when the connection is lost.
        """

    def close(self) -> None:
        """Close it; never raises."""


class TlsWire:
    """A TLS connection to a verified host."""

    def __init__(self, host: str, port: int, *, ca_file: Path | None = None) -> None:
        """Connect; `ca_file` (PEM) replaces the system's authorities. Raises OSError."""
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        plain = socket.create_connection((host, port), timeout=_CONNECT_S)
        try:
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        self._socket.settimeout(_CONNECT_S)
        self._socket.sendall(data)

    def receive(self, timeout_s: float) -> bytes | None:
        """What has arrived, as `Wire` says. Raises OSError."""
        self._socket.settimeout(max(timeout_s, _SHORTEST_WAIT_S))
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except TimeoutError:
            return None

    def close(self) -> None:
        """Close it; never raises."""
        self._socket.close()


class Gunzip:
    """Inflates a gzip stream as it arrives, in pieces of at most 1 MiB."""

    def __init__(self) -> None:
        """Begin before its first byte."""
        self._inflate = zlib.decompressobj(_GZIP)

    @property
    def whole(self) -> bool:
        """Whether what was fed ends where a gzip member ends."""
        return self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be read so far. Raises zlib.error when it is no gzip."""
        while data:
            if self._inflate.eof:  # a stream of several members (RFC 1952, section 2.2)
                self._inflate = zlib.decompressobj(_GZIP)
            if found := self._inflate.decompress(data, _INFLATE_BYTES):
                yield found
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
