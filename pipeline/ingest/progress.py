"""How far a load is, for people: a bar on a terminal, a calm line elsewhere, both on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from pipeline.ingest.loader import LoadCounts

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S = 10.0


class Display(Protocol):
    """A watcher that is opened before the load and closed after it."""

    def at(self, offset: int, counts: LoadCounts) -> None:
        """`offset` bytes of the input are done."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""


class Bar:
    """A bar with messages per second, on a terminal."""

    def __init__(self, out: TextIO, name: str, size: int | None) -> None:
        """`size` in bytes, None when it is not known; `out` is a terminal."""
        from rich.console import Console  # noqa: PLC0415  (37 ms that only a terminal needs)
        from rich.progress import (  # noqa: PLC0415  (the same)
            BarColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=Console(file=out),
            transient=True,
        )
        self._task = self._progress.add_task(name, total=size, said="")
        self._meter = _Meter(time.monotonic)

    def at(self, offset: int, counts: LoadCounts) -> None:
        """Move the bar."""
        said = self._meter.said(counts)
        self._progress.update(self._task, completed=offset, said=said)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


class Lines:
    """One line every ten seconds; nothing when the load is done before."""

    def __init__(
        self,
        out: TextIO,
        name: str,
        size: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`size` in bytes, None when it is not known; `clock` in seconds."""
        self._out = out
        self._name = name
        self._size = size
        self._clock = clock
        self._last = clock()
        self._meter = _Meter(clock)

    def at(self, offset: int, counts: LoadCounts) -> None:
        """Print a line when the last one is long ago."""
        said = self._meter.said(counts)
        if self._clock() - self._last < LINE_EVERY_S:
            return
        self._last = self._clock()
        share = f" {100 * offset // self._size}%," if self._size else ""
        self._out.write(f"{self._name}:{share} {said}\n")
        self._out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class Late:
    """Another display, once the work has taken so long that people wonder."""

    def __init__(
        self,
        make: Callable[[], Display],
        *,
        after_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` builds the display when it is time; `clock` in seconds."""
        self._make = make
        self._clock = clock
        self._due = clock() + after_s
        self._shown: Display | None = None

    def at(self, offset: int, counts: LoadCounts) -> None:
        """Pass it on, when it is time."""
        if self._shown is None and self._clock() >= self._due:
            self._shown = self._make().__enter__()
        if self._shown is not None:
            self._shown.at(offset, counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.__exit__(kind, error, trace)


class _Meter:
    """Messages, and messages per second since the first look."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None

    def said(self, counts: LoadCounts) -> str:
        now, done = self._clock(), counts.acknowledged
        began, before = self._first = self._first or (now, done)
        rate = f", {(done - before) / (now - began):,.0f}/s" if now > began else ""
        rejected = f", {counts.rejected:,} rejected" if counts.rejected else ""
        return f"{done:,} messages{rate}{rejected}"


def display(out: TextIO, name: str, size: int | None) -> Display:
    """Return a bar when `out` is a terminal, else lines. `size` in bytes, None when not known."""
    return Bar(out, name, size) if out.isatty() else Lines(out, name, size)
