"""Splits a stream into the messages of a format, and knows at each batch how far it is.

What `lines` does for formats with one message per line, for all others: a file is split from its
start again, and the pieces that were loaded are compared and passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from filters.normalize.splitting import Piece
from pipeline.ingest.lines import (
    BATCH_LINES,
    READ_BYTES,
    Batch,
    FeedLine,
    InputChangedError,
    LongPart,
    Position,
)
from pipeline.ingest.packed import Stream

BATCH_BYTES: Final = 8 * 1024 * 1024
"""Bytes in a batch, since a piece may repeat more than was read for it."""


class Splits(Protocol):
    """A format, as far as its messages are told apart."""

    def split(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """The messages of a file or stream."""


def split(
    stream: Stream,
    known: Splits,
    start: Position | None = None,
    *,
    waiting: Callable[[Batch], None] | None = None,
    batch_pieces: int = BATCH_LINES,
    read_bytes: int = READ_BYTES,
) -> Iterator[Batch]:
    """Yield the pieces of `stream` behind `start`, in batches.

    Before each read, which may wait for a slow feed, `waiting` is given what is complete; then it
    is not yielded, only its position is. Raises InputChangedError when the pieces before
    `start` are not those that were loaded.
    """
    gathered = _Gathered(start or Position())
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)

    def chunks() -> Iterator[bytes]:
        while True:
            if waiting is not None and gathered.size:
                waiting(gathered.take())
                gathered.told = True
            chunk = read(read_bytes)
            if not chunk:
                return
            yield chunk

    for piece in known.split(chunks()):
        if gathered.told:
            yield gathered.take()
        gathered.add(piece)
        if len(gathered.lines) >= batch_pieces or gathered.size >= BATCH_BYTES:
            yield gathered.take()
    gathered.close()
    if gathered.size or gathered.told:
        yield gathered.take()


class _Gathered:
    """A batch that is being filled, and the position behind what is in it."""

    def __init__(self, start: Position) -> None:
        self.lines: list[FeedLine] = []
        self.size = 0
        self.told = False  # what was complete has been taken, its position not yet been yielded
        self._long: list[LongPart] = []
        self._start = start
        self._sha = hashlib.sha256()
        self._count = self._end = 0
        # A part that cannot travel is the last one when the next piece stands elsewhere.
        self._held: Piece | None = None
        self._inside = False

    def add(self, piece: Piece) -> None:
        """Take in the next piece of the stream."""
        held = self._held
        if held is not None:
            self._settle(held, last=(held.place, held.fault) != (piece.place, piece.fault))
        self._held = piece if piece.fault else None
        if not piece.fault:
            self._settle(piece, last=True)

    def close(self) -> None:
        """Take in the end of the stream."""
        if self._held is not None:
            self._settle(self._held, last=True)
            self._held = None
        self._compare(ended=True)

    def _settle(self, piece: Piece, *, last: bool) -> None:
        self._count += 1
        self._end = piece.end
        self._sha.update(b"%d:" % len(piece.payload))
        self._sha.update(piece.payload)
        self._inside = not last
        if self._count <= self._start.line:
            self._compare(ended=False)
            return
        self.size += len(piece.payload) + 1
        if piece.fault:
            part = LongPart(self._count, piece.payload, last, piece.place, piece.fault)
            self._long.append(part)
        else:
            self.lines.append(FeedLine(self._count, piece.payload, piece.place))

    def _compare(self, *, ended: bool) -> None:
        """Raise InputChangedError when the pieces up to the start are not those loaded."""
        at, start = self._count, self._start
        changed = at == start.line and self._sha.hexdigest() != start.sha256
        if changed or (ended and at < start.line):
            reason = f"the first {start.line} messages are not those that were loaded"
            raise InputChangedError(reason)

    def take(self) -> Batch:
        """What has been filled since the last time; the next one begins."""
        position = Position(self._end, self._count, self._sha.hexdigest())
        batch = Batch(tuple(self.lines), tuple(self._long), 0, None if self._inside else position)
        self.lines, self._long, self.size, self.told = [], [], 0, False
        return batch
