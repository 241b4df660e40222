"""Watching other processes end, without sleeping."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

PATIENCE_S = 60.0


def gone(pid: int) -> bool:
    """Whether no process has this id; one that has ended but was not waited for counts as gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def children(pid: int) -> set[int]:
    """The processes that a process has started and that still run."""
    if sys.platform != "linux":
        pytest.skip("finding the children of a process takes Linux's /proc")
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has just ended
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(status.parent.name))
    return found


class Watch:
    """Process ids taken while the processes live, so that their end can be waited for."""

    def __init__(self, *pids: int) -> None:
        if sys.platform != "linux":
            pytest.skip("waiting for a process that is not a child takes Linux's pidfd")
        self._ends = {pid: os.pidfd_open(pid) for pid in pids}

    def wait(self) -> set[int]:
        """Wait for all of them; those that are still there after a minute."""
        left = set(self._ends)
        for pid, end in self._ends.items():
            readable, _, _ = select.select([end], [], [], PATIENCE_S)
            if readable:
                left.discard(pid)
            os.close(end)
        return left
