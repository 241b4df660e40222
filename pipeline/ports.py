"""What a stage needs from outside, as contracts. `aws` and `memory` are the two sets of adapters.

The ports a filter calls are declared beside that filter and named here again, so that this page
lists them all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from filters.detect import LegStates
from filters.join import Bookings
from filters.notify import ContactBook, Ledger, Sender
from schemas.records import DeadLetter, Record

__all__ = [
    "Bookings",
    "ContactBook",
    "DeadLetters",
    "Emitter",
    "Ledger",
    "LegStates",
    "Outbox",
    "Retries",
    "Sender",
]


class Emitter(Protocol):
    """The queue to the next stage."""

    def emit(self, records: Sequence[Record]) -> Collection[int]:
        """Send all records, packed; the indexes of those that could not be sent."""


class DeadLetters(Protocol):
    """Where rejected records rest, with their bytes and reason, until somebody looks."""

    def put(self, letters: Sequence[DeadLetter]) -> Collection[int]:
        """Store all letters; the indexes of those that could not be stored."""


class Retries(Protocol):
    """The stage's own input queue, for the failed records of a pack whose others succeeded."""

    @property
    def max_attempts(self) -> int:
        """After this many attempts a record is dead-lettered; the queue's maxReceiveCount."""

    def again(self, records: Sequence[Record], attempts: int) -> Collection[int]:
        """Send these records back as new messages that count `attempts` tries; indexes not sent."""


class Outbox(Protocol):
    """The confirmation that everything decided under a token was emitted."""

    def confirm(self, token: str) -> None:
        """Mark the token's outbox entries as emitted."""
