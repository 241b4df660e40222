"""What a live door remembers between runs: one small JSON file, held by one process at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from pipeline.ingest import durable
from pipeline.ingest.checkpoint import CheckpointError

_T = TypeVar("_T", bound=msgspec.Struct)


class DoorKey(msgspec.Struct, frozen=True):
    """What makes two runs the same door: the same source into the same stream under one name.

    `stream_created_at` (milliseconds since the epoch, UTC) tells a stream from its successor of
    the same name, such as that of the next local run.
    """

    door: str
    source: str
    stream: str
    stream_created_at: int
    feed: str
    format: str

    @property
    def file_name(self) -> str:
        """A name for the file that gives nothing of the source away: URLs may hold keys."""
        digest = hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:32]
        return f"{self.door}-{digest}.json"


class Memory(Generic[_T]):
    """The file of one door, holding one struct of type `kind`."""

    def __init__(self, folder: Path, key: DoorKey, kind: type[_T]) -> None:
        """Nothing is read or written yet."""
        self.path = folder / key.file_name
        self._kind = kind

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from the same door. Raises CheckpointError when one is at it."""
        try:
            with durable.held(self.path):
                yield
        except durable.HeldError as error:
            raise CheckpointError("another process runs this feed into this stream") from error

    def read(self) -> _T | None:
        """What was written last; None when nothing was. Raises CheckpointError."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=self._kind)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise CheckpointError(f"{self.path}: {error}; remove it to begin anew") from error

    def write(self, state: _T) -> None:
        """Replace it; a crash at any moment leaves the old or the new one."""
        durable.replace_whole(self.path, msgspec.json.encode(state))
