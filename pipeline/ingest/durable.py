"""Small files that outlive a crash: replaced whole, and held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldError(Exception):
    """Another process holds the file."""


def replace_whole(path: Path, data: bytes) -> None:
    """Write `data`; a crash at any moment leaves the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file, by a lock beside it, until the end. Raises HeldError when another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it on any exit
        except BlockingIOError as error:
            raise HeldError(str(path)) from error
        yield
