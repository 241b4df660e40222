"""What a command reads: files, patterns of files, standard input and objects in S3."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from filters.normalize import recognised
from filters.normalize.shape import FeedFormat
from pipeline.ingest.messages import printable_name
from pipeline.ingest.packed import Stream, Unpacked

HEAD_BYTES: Final = 64 * 1024
"""So much of a file is looked at to recognise its format."""
S3: Final = "s3://"
_PACKED_SUFFIXES: Final = (".gz", ".zst", ".zstd")


class NoInputError(Exception):
    """An argument names nothing that can be read."""


class Input(Protocol):
    """Something to read, not opened yet.

    `name` goes into the places of its messages; `where` is what people find it by. `identity`
    tells it from all others across runs, "" when it can be read only once. `size` in bytes as it
    lies there, None when it is not known.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  (see above)
    @property
    def where(self) -> str: ...  # noqa: D102  (see above)
    @property
    def identity(self) -> str: ...  # noqa: D102  (see above)
    @property
    def size(self) -> int | None: ...  # noqa: D102  (see above)

    def open(self) -> AbstractContextManager[Stream]:
        """The bytes as they lie there. Raises OSError, or what its place raises."""


class FileInput:
    """A file, or whatever else has a path, such as a named pipe."""

    def __init__(self, path: Path) -> None:
        """`path` as it was given."""
        self.path = path
        self.name = printable_name(path.name)
        self.where = printable_name(str(path))

    @property
    def identity(self) -> str:
        """The whole path."""
        return printable_name(str(self.path.resolve())) if self.path.is_file() else ""

    @property
    def size(self) -> int | None:
        """The file's length; None for a pipe."""
        return self.path.stat().st_size if self.path.is_file() else None

    def open(self) -> AbstractContextManager[Stream]:
        """Raises OSError."""
        return self.path.open("rb")


class StdinInput:
    """Standard input."""

    name = "stdin"
    where = "-"
    identity = ""
    size = None

    def open(self) -> AbstractContextManager[Stream]:
        """It is not closed behind the reader."""
        return nullcontext(sys.stdin.buffer)


def expand(
    arguments: Iterable[str], *, objects: Callable[[str], Iterable[Input]]
) -> Iterator[Input]:
    """The inputs behind what was typed: paths, patterns, `-`, and URIs of S3.

    `objects` lists what is behind such a URI. Raises NoInputError naming the argument.
    """
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            yield StdinInput()
        elif argument.startswith(S3):
            yield from objects(argument)
        elif path.is_dir():
            raise NoInputError(f"{argument!r} is a directory; name its files, as in '{argument}/*'")
        elif path.exists():
            yield FileInput(path)
        elif glob.has_magic(argument):
            found = [Path(name) for name in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207  (a Path cannot expand an absolute pattern)
            files = [each for each in found if not each.is_dir()]
            if not files:
                raise NoInputError(f"no file matches {argument!r}")
            yield from map(FileInput, files)
        else:
            raise NoInputError(f"{argument!r} does not exist")


def feed_of(given: Input) -> str:
    """The feed's name, where none is given: the input's name without its suffixes."""
    name = PurePosixPath(given.name)
    if name.suffix.lower() in _PACKED_SUFFIXES:
        name = name.with_suffix("")
    return name.stem


def format_of(stream: Unpacked) -> FeedFormat | None:
    """The format of a stream's first 64 KiB, which are read again; None when it is not known."""
    known: list[FeedFormat] = []

    def enough(head: bytes) -> bool:
        found = recognised(head)
        known.extend([found] if found else [])
        return found is not None

    head = stream.head(HEAD_BYTES, enough)
    return known[0] if known else recognised(head)
