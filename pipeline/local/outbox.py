"""What the local sender wrote: one JSON line per text, read as it grows.

Nothing is sent from a local run; FLIGHTWIRE_SENDER_FILE makes the last stage append to a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

SENDER_FILE = "FLIGHTWIRE_SENDER_FILE"
SENDER_TOPIC = "FLIGHTWIRE_SENDER_TOPIC_ARN"
_SHOWN, _SHORT = 2, 6


class Sent(TypedDict):
    """One text as it was handed to the sender; `reference` is its ledger ticket."""

    channel: str
    address: str
    text: str
    reference: str


def masked(address: str) -> str:
    """An address of which only the last two characters can be read, or none of a very short one."""
    if len(address) < _SHORT:
        return "***"
    return "*" * (len(address) - _SHOWN) + address[-_SHOWN:]


class Outbox:
    """The file of the local sender."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist yet."""
        self.path = path
        self._read = 0

    def new(self) -> list[Sent]:
        """The texts that were handed over since the last call, oldest first."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]
