"""What every format module has: the small shape that normalize, ingest and the pages rely on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from filters.normalize.splitting import Piece
from filters.outcome import Drop
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus


class FeedFormat(Protocol):
    """A module of pure functions over bytes; nothing in it reads a clock or keeps state."""

    @property
    def NAME(self) -> str:  # noqa: N802  (a module's constant)
        """The format's name, as feed messages carry it."""

    @property
    def TITLE(self) -> str:  # noqa: N802  (a module's constant)
        """What it is, in one line, for people."""

    @property
    def FIELDS(self) -> Mapping[str, str]:  # noqa: N802  (a module's constant)
        """What is read: the source's field (or code) and what it becomes, in reading order."""

    @property
    def IGNORED(self) -> Mapping[str, str]:  # noqa: N802  (a module's constant)
        """What is known and left aside: the source's field or message, and why."""

    def detect(self, payload: bytes) -> bool:
        """True when a message, or the first 64 KiB of a file, looks like this format."""

    def split(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """The messages of a file or stream, in memory bounded by the longest piece."""

    def leg_key(self, payload: bytes) -> str | None:
        """A name of the leg without building the whole message; the same for all its messages.

        None when the message names no leg or several. It routes, so that one leg keeps its order.
        """

    def parse(self, message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
        """The statuses in one message, or why it says nothing of a flight.

        Raises RejectRecord, naming the field and the place, when it names no flight.
        """
