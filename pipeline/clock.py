"""The processing clock of a process: the wall, unless a runner has set it."""

from __future__ import annotations

import time

_set: list[int] = []


def now_ms() -> int:
    """Milliseconds since the epoch, UTC: the wall's, or what `set_now` last said."""
    return _set[0] if _set else time.time_ns() // 1_000_000


def set_now(ms: int | None) -> None:
    """Fix the clock at `ms` (a runner on virtual time does so per invocation); None: the wall."""
    _set[:] = [] if ms is None else [ms]
