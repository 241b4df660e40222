"""Loads a file or a pipe into a stream: rejects aside, at a rate, with a checkpoint behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from filters.normalize import FORMATS
from pipeline.clock import now_ms
from pipeline.ingest import lines, pieces
from pipeline.ingest.checkpoint import CheckpointFile
from pipeline.ingest.lines import BATCH_LINES, Batch, Position
from pipeline.ingest.loader import LoadCounts, Loader
from pipeline.ingest.messages import FeedSource, feed_message
from pipeline.ingest.packed import Stream, Unpacked
from pipeline.ingest.producer import Entry, Landed, PutResult
from pipeline.ingest.rejects import RejectsFile, must_be_new
from pipeline.ingest.shards import ShardRange

LINE_FORMATS: Final = frozenset({"firehose"})
"""Formats whose `split` gives a piece a line: read faster, and resumed without splitting anew."""

Status = Literal["loaded", "resumed", "already loaded"]


class LoadReport(msgspec.Struct, frozen=True):
    """How one input ended. `rejects` is the path of the rejects file, None when there is none."""

    file: str
    status: Status
    counts: LoadCounts
    rejects: str | None = None
    format: str = "firehose"


class Watcher(Protocol):
    """Whoever is shown how far a load is."""

    def at(self, offset: int, counts: LoadCounts) -> None:
        """`offset` bytes of the input are done."""


class Pace:
    """Spaces messages out to at most `rate` a second; None lets them run."""

    def __init__(
        self,
        rate: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` and `sleep` work in seconds."""
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    @property
    def batch_lines(self) -> int:
        """Lines to send at a time: half a second's worth."""
        if self._rate is None:
            return BATCH_LINES
        return max(1, min(BATCH_LINES, int(self._rate / 2)))

    def wait(self, messages: int) -> None:
        """Return when the next `messages` may be sent."""
        if self._rate is None or not messages:
            return
        ahead = self._next - self._clock()
        if ahead > 0:
            self._sleep(ahead)
        self._next = max(self._next, self._clock()) + messages / self._rate


class Discard:
    """A stream of one shard that takes everything and keeps nothing, for a dry run."""

    def open_shards(self) -> Sequence[ShardRange]:
        """One shard with all hash keys."""
        return (ShardRange("shardId-000000000000", 0, (1 << 128) - 1),)

    def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
        """Say that all have landed."""
        return [Landed("shardId-000000000000")] * len(entries)


def load_stream(
    stream: Stream,
    loader: Loader,
    rejects: RejectsFile,
    *,
    source: FeedSource,
    start: Position | None = None,
    pace: Pace | None = None,
    now: Callable[[], int] = now_ms,
) -> Iterator[tuple[Position | None, LoadCounts]]:
    """Load messages from `start` on; yield after each batch, when all of it is acknowledged.

    Yields the place after the batch (None amid what is too long) and this run's counts. `now`
    gives milliseconds since the epoch, UTC. Raises what the splitting and `Loader.flush` raise.
    """
    pace = pace or Pace()

    def send(batch: Batch) -> None:
        pace.wait(len(batch.lines))
        loader.put([feed_message(line, source, now()) for line in batch.lines])
        loader.flush()
        for part in batch.long:
            rejects.add(part)

    known = FORMATS.get(source.format)
    if known is None or source.format in LINE_FORMATS:
        batches = lines.split(stream, start, batch_lines=pace.batch_lines)
    else:
        batches = pieces.split(stream, known, start, waiting=send, batch_pieces=pace.batch_lines)
    blank = 0
    for batch in batches:
        send(batch)
        blank += batch.blank
        yield (
            batch.position,
            msgspec.structs.replace(loader.counts, rejected=rejects.count, blank=blank),
        )


def load_once(
    stream: Stream,
    loader: Loader,
    *,
    source: FeedSource,
    rejects: Path | None,
    pace: Pace | None = None,
    watcher: Watcher | None = None,
) -> LoadReport:
    """Load a pipe, which cannot be resumed, or run dry; without `rejects` they are only counted.

    Raises RejectsFileError, NotAcknowledgedError and OSError.
    """
    if rejects is not None:
        must_be_new(rejects)
    counts = LoadCounts()
    with RejectsFile(rejects, source.file) as kept:
        for position, counts in load_stream(stream, loader, kept, source=source, pace=pace):
            if watcher is not None and position is not None:
                watcher.at(_done(stream, position), counts)
        kept.sync()
    return _report(source, "loaded", counts, rejects)


def load_file(
    path: Path,
    loader: Loader,
    checkpoints: CheckpointFile,
    *,
    source: FeedSource,
    restart: bool = False,
    pace: Pace | None = None,
    watcher: Watcher | None = None,
) -> LoadReport:
    """Load the messages of a plain file that the checkpoint does not cover yet."""
    with path.open("rb") as stream:
        return load_again(
            stream, loader, checkpoints, source=source, restart=restart, pace=pace, watcher=watcher
        )


def load_again(
    stream: Stream,
    loader: Loader,
    checkpoints: CheckpointFile,
    *,
    source: FeedSource,
    restart: bool = False,
    pace: Pace | None = None,
    watcher: Watcher | None = None,
) -> LoadReport:
    """Load the messages of a stream from its start that the checkpoint does not cover yet.

    The checkpoint follows each acknowledged batch, so a crash makes the next run repeat at most
    one batch. Raises InputChangedError, CheckpointError, RejectsFileError, NotAcknowledgedError
    and OSError, and what reading raises.
    """
    with checkpoints.held():
        saved = state = checkpoints.begin(restart=restart)
        rejects = Path(saved.rejects)
        with RejectsFile(rejects, source.file, keep=saved.rejects_bytes) as kept:
            for position, counts in load_stream(
                stream, loader, kept, source=source, start=saved.position, pace=pace
            ):
                state = msgspec.structs.replace(
                    state,
                    position=position or state.position,
                    counts=saved.counts + counts,
                    rejects_bytes=kept.sync(),
                    saved_at=now_ms(),
                    finished=False,
                )
                if position is not None:
                    checkpoints.write(state)
                if watcher is not None:
                    watcher.at(_done(stream, state.position), state.counts)
        if not state.finished:
            checkpoints.write(msgspec.structs.replace(state, finished=True))
    status: Status = "resumed" if saved.saved_at else "loaded"
    if state.finished:
        status = "already loaded"
    return _report(source, status, state.counts, rejects)


def _done(stream: Stream, position: Position) -> int:
    """Bytes of the input as it lies there that are done."""
    return stream.done(position.offset) if isinstance(stream, Unpacked) else position.offset


def _report(
    source: FeedSource, status: Status, counts: LoadCounts, rejects: Path | None
) -> LoadReport:
    kept = str(rejects) if rejects is not None and counts.rejected else None
    return LoadReport(source.file, status, counts, kept, source.format)
