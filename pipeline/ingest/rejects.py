"""What cannot travel, kept whole: one JSON object per line, with the bytes as base64."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from pipeline.ingest.lines import LongPart


class RejectsFileError(Exception):
    """The named rejects file is not this load's to write."""


def must_be_new(path: Path) -> None:
    """Raise RejectsFileError when `path` exists: it may be somebody's only copy of something."""
    if path.exists():
        raise RejectsFileError(f"the rejects file {path} exists already")


class RejectsFile:
    """Writes `{"file", "line", "reason", "bytes_base64"}` objects, in constant memory.

    What is no line has a `place` in its format's words instead, such as `FlightLeg 3`.

    The file is made with the first reject. What lies behind its first `keep` bytes is cut off
    before: it belongs to lines that this run will see again.
    """

    def __init__(self, path: Path | None, file: str, *, keep: int = 0) -> None:
        """`file` is the input's name; without a path they are only counted."""
        self.path = path
        self.count = 0
        self._file = file
        self._keep = keep
        self._out: BinaryIO | None = None
        self._inside = False
        self._rest = b""

    def __enter__(self) -> Self:
        """Cut off what a crash left behind."""
        if self.path is not None and self.path.exists():
            self._open(self.path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._out is not None:
            self._out.close()

    def _open(self, path: Path) -> BinaryIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("r+b" if path.exists() else "w+b")
        size = out.seek(0, os.SEEK_END)
        out.truncate(min(self._keep, size))
        out.seek(0, os.SEEK_END)
        self._out = out
        return out

    def add(self, part: LongPart) -> None:
        """Write a part of a line or piece, and the end of its object after the last."""
        self.count += part.last
        if self.path is None:
            return
        out = self._out or self._open(self.path)
        if not self._inside:
            where = {"place": part.place} if part.place else {"line": part.number}
            head = {"file": self._file, **where, "reason": part.reason}
            out.write(msgspec.json.encode(head)[:-1] + b',"bytes_base64":"')
        data = self._rest + part.payload
        whole = len(data) if part.last else len(data) - len(data) % 3
        out.write(b64encode(data[:whole]))
        self._rest = data[whole:]
        self._inside = not part.last
        if part.last:
            out.write(b'"}\n')

    def sync(self) -> int:
        """Make it durable; the file's length in bytes, 0 when there is none."""
        if self._out is None:
            return 0
        self._out.flush()
        os.fsync(self._out.fileno())
        return self._out.tell()
