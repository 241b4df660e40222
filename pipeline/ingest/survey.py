"""What is in a feed: its messages are split, parsed and normalised, counted, and sent nowhere."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from filters import reference
from filters.legs import TIME_CELLS, leg_key
from filters.normalize import normalize
from filters.normalize.splitting import Piece
from filters.outcome import Drop, Forward, Outcome, Reject
from filters.sources import Sources
from pipeline.ingest.lines import READ_BYTES, FeedLine
from pipeline.ingest.messages import FeedSource, feed_message, place_in
from pipeline.ingest.packed import Unpacked
from pipeline.ingest.pieces import Splits
from schemas.records import FeedMessage, FlightStatus

BATCH_PIECES: Final = 500
BATCH_BYTES: Final = 8 * 1024 * 1024
MAX_REMEMBERED: Final = 2_000_000
"""Messages and legs among which repetitions are looked for: 16 bytes each and their table."""
MAX_NAMES: Final = 2_000
"""Different words that are counted one by one."""
_UNREAD: Final = ("unread=", "unknown=", "unzoned=")


class Read(NamedTuple):
    """A piece of a feed and what became of it.

    `message` is None for a part of what cannot travel, and `last` False while more of it follows.
    """

    piece: Piece
    place: str
    message: FeedMessage | None
    outcome: Outcome
    last: bool = True


def read(
    stream: Unpacked, known: Splits, source: FeedSource, sources: Sources, received_at: int
) -> Iterator[Read]:
    """Each message of a feed and its outcome, in order.

    `received_at` (ms since the epoch, UTC) stands for the time of messages that have none.
    """
    held: list[tuple[Piece, bool]] = []
    size, before = 0, 0

    def chunks() -> Iterator[bytes]:
        while chunk := stream.read(READ_BYTES):
            yield chunk

    for piece, last in _with_last(known.split(chunks())):
        held.append((piece, last))
        size += len(piece.payload)
        if len(held) >= BATCH_PIECES or size >= BATCH_BYTES:
            yield from _outcomes(held, source, sources, received_at, before)
            before += len(held)
            held, size = [], 0
    yield from _outcomes(held, source, sources, received_at, before)


def _with_last(pieces: Iterator[Piece]) -> Iterator[tuple[Piece, bool]]:
    """Each piece, and whether it is whole or the last part of one."""
    waiting: Piece | None = None
    for piece in pieces:
        if waiting is not None:
            yield waiting, not piece.fault or waiting.place != piece.place
        waiting = piece if piece.fault else None
        if not piece.fault:
            yield piece, True
    if waiting is not None:
        yield waiting, True


def _outcomes(
    pieces: list[tuple[Piece, bool]],
    source: FeedSource,
    sources: Sources,
    received_at: int,
    before: int,
) -> Iterator[Read]:
    sound = [
        feed_message(FeedLine(number, piece.payload, piece.place), source, received_at)
        for number, (piece, _) in enumerate(pieces, before + 1)
        if not piece.fault
    ]
    told = iter(zip(sound, normalize(sound, sources=sources), strict=True))
    for piece, last in pieces:
        if piece.fault:
            place = place_in(source.file, piece.place)
            yield Read(piece, place, None, Reject(piece.fault, place), last)
        else:
            message, outcome = next(told)
            yield Read(piece, message.place, message, outcome)


class Bad(msgspec.Struct, frozen=True):
    """A message that was rejected."""

    place: str
    reason: str


class Span(msgspec.Struct):
    """The first and the last moment, ms since the epoch, UTC; None when there is none."""

    first: int | None = None
    last: int | None = None

    def add(self, moment: int | None) -> None:
        """Take in one more."""
        if moment is not None:
            self.first = moment if self.first is None else min(self.first, moment)
            self.last = moment if self.last is None else max(self.last, moment)


class Repeats:
    """Counts what has been seen before, by 64 bits of a hash, in bounded memory."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        """At most `most` things are remembered."""
        self.count = 0
        self._seen: set[int] = set()
        self._most = most

    @property
    def full(self) -> bool:
        """Whether no more can be remembered, so that the count may be too low."""
        return len(self._seen) >= self._most

    def add(self, name: bytes) -> bool:
        """Count it when it was there before; whether it was."""
        key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
        if key in self._seen:
            self.count += 1
            return True
        if not self.full:
            self._seen.add(key)
        return False


class Survey:
    """What was found in one input, or in several."""

    def __init__(self, most_bad: int | None = None) -> None:
        """Nothing is found yet. Of rejected messages `most_bad` are kept, None: all."""
        self._most_bad = most_bad
        self.messages = self.statuses = self.rejected = self.undated = self.untimed = 0
        self.dropped: Counter[str] = Counter()
        self.lives: Counter[str] = Counter()
        self.cells: Counter[str] = Counter()
        self.carriers: Counter[str] = Counter()
        self.airports: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.bad: list[Bad] = []
        self.source_time, self.departures = Span(), Span()
        self.dates: list[str] = []
        self.same_bytes, self.same_version = Repeats(), Repeats()

    def add(self, read: Read) -> None:
        """Take in one message. The parts of what is too long count as one."""
        if not read.last:
            return
        self.messages += 1
        known = read.message
        repeated = known is not None and self.same_bytes.add(known.id.encode())
        outcome = read.outcome
        if isinstance(outcome, Drop):
            _count(self.dropped, outcome.reason)
        elif isinstance(outcome, Reject):
            self.rejected += 1
            if self._most_bad is None or len(self.bad) < self._most_bad:
                self.bad.append(Bad(outcome.place or read.place, outcome.reason))
        elif isinstance(outcome, Forward):
            for status in outcome.outputs:
                if isinstance(status, FlightStatus):
                    self._add_status(status, repeated=repeated)

    def _add_status(self, status: FlightStatus, *, repeated: bool) -> None:
        self.statuses += 1
        if status.source_time == status.received_at:
            self.untimed += 1
        else:
            self.source_time.add(status.source_time)
        scheduled = status.out_scheduled
        self.departures.add(status.off_scheduled if scheduled is None else scheduled)
        self.undated += status.date is None
        if status.date is not None:
            dates = [*self.dates, status.date]
            self.dates = [min(dates), max(dates)]
        self.lives[status.life] += 1
        for cell in TIME_CELLS:
            if getattr(status, cell) is not None:
                self.cells[cell] += 1
        self._add_names(status)
        leg = leg_key(status) or status.source_id
        if leg is not None and not repeated:
            version = (leg, status.source_time, status.source_rank, status.sequence)
            self.same_version.add(repr(version).encode())

    def _add_names(self, status: FlightStatus) -> None:
        _count(self.carriers, status.airline)
        if status.airline not in reference.airlines()[1]:
            _count(self.unknown, f"airline {status.airline}")
        for code in {status.origin, status.destination} - {None}:
            _count(self.airports, str(code))
            if reference.airport(str(code)) is None:
                _count(self.unknown, f"airport {code}")
        for said in status.evidence:
            if said.startswith(_UNREAD):
                _count(self.unknown, said)


def _count(counter: Counter[str], word: str) -> None:
    """Count a word, unless there are too many different ones."""
    if word in counter or len(counter) < MAX_NAMES:
        counter[word] += 1


def carrier_name(icao: str) -> str:
    """Its name today, or its last one; "" when it is not known."""
    known = reference.airlines()[1].get(icao)
    return known[0].name if known else ""


def airport_name(code: str) -> str:
    """Its city, or its own name; "" when it is not known."""
    known = reference.airport(code)
    return "" if known is None else known.city or known.name
