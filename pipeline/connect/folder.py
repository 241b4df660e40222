"""Watches a folder: each file that is complete is loaded once.

A file is complete when two looks in a row find the same size and time of change; files renamed into
the folder are found so at their second look. Names that begin with a dot or end as unfinished
downloads do are left alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from pipeline.connect.memory import Memory
from pipeline.connect.sink import Tally
from pipeline.connect.surroundings import Surroundings
from pipeline.ingest.load import LoadReport
from pipeline.ingest.messages import printable_name

LOOK_S: Final = 2.0
_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


class Look(msgspec.Struct, frozen=True):
    """A file as one look found it; the times and sizes of two files with one name differ."""

    size: int
    changed_ns: int
    inode: int


class Done(msgspec.Struct, frozen=True):
    """The files of the folder that were loaded, by name, as they were then."""

    files: dict[str, Look] = {}


class UnloadableError(Exception):
    """This file cannot be loaded as it is; the others can."""


class Folder:
    """A folder whose complete files are loaded."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], LoadReport],
        memory: Memory[Done],
        tally: Tally,
        around: Surroundings,
        *,
        done: Path | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        """`load` loads a file, or raises UnloadableError; what is loaded moves to `done`."""
        self._path = path
        self._load = load
        self._memory = memory
        self._tally = tally
        self._around = around
        self._done = done
        self._look_s = look_s

    def run(self, *, once: bool = False, anew: bool = False) -> None:
        """Load what is there and what comes, until told to stop; `once`: what is there.

        `anew` loads again what was loaded. Raises OSError when the folder itself cannot be read,
        CheckpointError, and what `load` raises beside UnloadableError.
        """
        state = Done() if anew else self._memory.read() or Done()
        loaded: dict[str, Look] = dict(state.files)
        before = self._look()
        while True:
            self._around.sleep(self._look_s)
            now = self._look()
            self._tally.looks += 1
            for name in sorted(now.keys() & before.keys()):
                shown = printable_name(name)
                if now[name] != before[name] or loaded.get(shown) == now[name]:
                    continue
                try:
                    self._one(name)
                except FileNotFoundError:
                    continue  # somebody took it away between the look and now
                there = set(map(printable_name, now))
                loaded = {one: look for one, look in loaded.items() if one in there}
                loaded[shown] = now[name]
                self._memory.write(Done(loaded))
            if once:
                return
            before = now

    def _one(self, name: str) -> None:
        """Load one file if it can be. Raises FileNotFoundError when it has gone."""
        path = self._path / name
        try:
            report = self._load(path)
        except UnloadableError as error:
            self._tally.failures += 1
            self._around.say(f"{printable_name(name)}: {error}; left where it is until it changes")
            return
        counts = report.counts
        if report.status != "already loaded":
            self._tally.messages += counts.messages
            self._tally.acknowledged += counts.acknowledged
            self._tally.too_long += counts.rejected
        rejects = f"; {counts.rejected:,} rejected, see {report.rejects}" if report.rejects else ""
        said = f"{counts.acknowledged:,} messages {report.status}{rejects}"
        self._around.say(f"{printable_name(name)}: {said}")
        if self._done is not None:
            _move(path, self._done)

    def _look(self) -> Mapping[str, Look]:
        """The files that are there now. Raises OSError when the folder cannot be read."""
        found: dict[str, Look] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
                    continue
                try:
                    seen = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(seen.st_mode):
                    found[entry.name] = Look(seen.st_size, seen.st_mtime_ns, seen.st_ino)
        return found


def _move(path: Path, folder: Path) -> None:
    """Move a file away, under its own name or the next free one; nothing is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1_000):
        target = folder / (f"{path.name}.{number}" if number else path.name)
        try:
            os.link(path, target)  # fails where the name is taken, which a rename does not
        except FileExistsError:
            continue
        except OSError:
            if target.exists():
                continue
            path.rename(target)  # another file system, or one without links
            return
        path.unlink()
        return
