"""The pipes' ports in process: lists that take records, and a sender that only remembers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from filters.notify import SendResult
from schemas.records import Channel, DeadLetter, Record


class MemoryPipe:
    """A queue's writing side as a list: an emitter, a retry queue and dead letters in one."""

    def __init__(self, max_attempts: int = 5) -> None:
        """`max_attempts` as the queue's maxReceiveCount would be."""
        self.records: list[Record] = []
        self.sent_back: list[tuple[Record, int]] = []
        self.letters: list[DeadLetter] = []
        self._max_attempts = max_attempts

    @property
    def max_attempts(self) -> int:
        """After this many attempts a record is dead-lettered."""
        return self._max_attempts

    def emit(self, records: Sequence[Record]) -> Collection[int]:
        """Take all records."""
        self.records.extend(records)
        return ()

    def again(self, records: Sequence[Record], attempts: int) -> Collection[int]:
        """Take records to be tried again."""
        self.sent_back.extend((record, attempts) for record in records)
        return ()

    def put(self, letters: Sequence[DeadLetter]) -> Collection[int]:
        """Take all letters."""
        self.letters.extend(letters)
        return ()


class Recorded(msgspec.Struct, frozen=True):
    """One text that would have been sent; the address is not kept."""

    channel: Channel
    text: str
    reference: str


class RecordingSender:
    """Accepts everything and sends nothing: the only sender a replay has."""

    def __init__(self) -> None:
        """Starts empty."""
        self.texts: list[Recorded] = []

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """Remember the text, not the address."""
        del address
        self.texts.append(Recorded(channel, text, reference))
        return SendResult("accepted", f"recorded:{reference}")
