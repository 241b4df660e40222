"""What a load remembers between runs: how far it is, and the bytes that it covers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.ingest import durable
from pipeline.ingest.lines import Position
from pipeline.ingest.loader import LoadCounts
from pipeline.ingest.rejects import RejectsFileError, must_be_new


class LoadKey(msgspec.Struct, frozen=True):
    """What makes two runs the same load: the same file into the same stream in the same way.

    `stream_created_at` (milliseconds since the epoch, UTC) tells a stream from its successor of
    the same name, such as that of the next local run.
    """

    path: str
    stream: str
    stream_created_at: int
    feed: str
    format: str

    @property
    def digest(self) -> str:
        """32 hex digits that name the load's files."""
        text = msgspec.json.encode(self)
        return hashlib.sha256(text).hexdigest()[:32]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything before `position` is acknowledged, rejected or blank.

    `rejects` is the rejects file and `rejects_bytes` its length at this point. Times in
    milliseconds since the epoch, UTC.
    """

    load: LoadKey
    position: Position = Position()
    counts: LoadCounts = LoadCounts()
    rejects: str
    rejects_bytes: int = 0
    saved_at: int = 0
    finished: bool = False
    version: int = 1


class CheckpointError(Exception):
    """A checkpoint cannot be read, is of another version, or is in use."""


class CheckpointFile:
    """The checkpoint of one load: `<folder>/<digest of the load>.json`."""

    def __init__(self, folder: Path, load: LoadKey, *, rejects: Path | None = None) -> None:
        """`rejects` is for rejected lines; by default they lie beside the checkpoint.

        Nothing is read or written yet.
        """
        self.path = folder / f"{load.digest}.json"
        self.load = load
        self._rejects = rejects

    def begin(self, *, restart: bool = False) -> Checkpoint:
        """Return the saved checkpoint, or that of a load which has not read a byte yet.

        Raises CheckpointError, and RejectsFileError when the rejects file is not this load's.
        """
        saved = None if restart else self._read()
        if saved is None:
            if self._rejects is not None:
                must_be_new(self._rejects)
            beside = f"{Path(self.load.path).name[:100]}.{self.load.digest[:8]}.rejects.jsonl"
            return Checkpoint(
                load=self.load, rejects=str(self._rejects or self.path.parent / beside)
            )
        if self._rejects is not None and str(self._rejects) != saved.rejects:
            raise RejectsFileError(f"the rejects of this load are in {saved.rejects}")
        return saved

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from the same load. Raises CheckpointError when one is at it."""
        try:
            with durable.held(self.path):
                yield
        except durable.HeldError as error:
            raise CheckpointError("another process is loading this file right now") from error

    def _read(self) -> Checkpoint | None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            checkpoint = msgspec.json.decode(data, type=Checkpoint)
        except msgspec.DecodeError as error:
            raise CheckpointError(f"{self.path}: {error}") from error
        if checkpoint.version != 1:
            raise CheckpointError(f"{self.path}: version {checkpoint.version} is not known here")
        return checkpoint

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the saved checkpoint; a crash at any moment leaves the old or the new one."""
        text = msgspec.json.format(msgspec.json.encode(checkpoint))
        durable.replace_whole(self.path, text)
