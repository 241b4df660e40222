"""JSON messages over a pipe: four bytes of length (big-endian), then UTF-8 JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

_HEAD = 4


def frame(message: dict[str, Any]) -> bytes:
    """One message as bytes. Raises TypeError or ValueError for what JSON cannot hold."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(_HEAD, "big") + body


class Frames:
    """Puts messages together from the bytes that come out of a pipe."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take bytes in; yield each message that is now whole."""
        self._held += data
        while len(self._held) >= _HEAD:
            end = _HEAD + int.from_bytes(self._held[:_HEAD], "big")
            if len(self._held) < end:
                return
            message: dict[str, Any] = json.loads(bytes(self._held[_HEAD:end]))
            del self._held[:end]
            yield message


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte to a blocking pipe."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
