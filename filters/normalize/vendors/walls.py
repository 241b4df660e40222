"""Wall clock readings: local times that name no zone, such as `2019-07-15T10:10:00`.

The zone is the airport's. A reading that occurs twice, when clocks go back, is the one nearer to
what else is known of the leg, and one that clocks skip counts on from before the gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from filters.normalize.moments import MINUTE_MS, iso_ms, local_ms
from filters.normalize.statuses import block_minutes
from filters.outcome import RejectRecord

_DATE = len("2000-01-01")
_NO_OFFSET = ("Z", "+00:00", "+0000", "-00:00")
_MILESTONES = ("out", "off", "on", "in")
_KINDS = ("scheduled", "estimated", "actual")


class Wall(NamedTuple):
    """A reading, the cell it is for, the member it stands in, and the IANA zone it is meant in.

    `near` is a moment (ms UTC) it is known to be close to; without one, the leg's times serve.
    """

    cell: str
    text: str
    member: str
    zone: str | None
    near: int | None = None


def once(text: str, zone: str | None) -> int | None:
    """The moment, in ms UTC, of a reading that occurs once; `settle` sees to the others."""
    found = _readings(text, zone)
    return found[0] if len(found) == 1 else None


def settle(
    cells: dict[str, int | None],
    walls: Iterable[Wall],
    origin: str | None,
    destination: str | None,
) -> list[str]:
    """Fill the cells of the readings, in ms UTC; evidence of those that cannot be read.

    A `Z` or an offset of nought in a member that is local by name is taken for no zone.
    """
    twice: list[tuple[Wall, tuple[int, ...]]] = []
    evidence: list[str] = []
    for wall in walls:
        found = _readings(wall.text, wall.zone)
        if not found:
            unzoned = wall.zone is None and _readings(wall.text, "UTC")
            evidence.append(f"{'unzoned' if unzoned else 'unread'}={wall.member}")
        elif len(found) == 1:
            cells[wall.cell] = found[0]
        else:
            twice.append((wall, found))
    for wall, (first, second) in twice:
        near = wall.near or _near(wall.cell, cells, origin, destination) or first
        cells[wall.cell] = min(first, second, key=lambda ms: abs(ms - near))
    return evidence


@lru_cache(maxsize=65_536)
def _readings(text: str, zone: str | None) -> tuple[int, ...]:
    """The moments a text may mean, in ms UTC; none when it is no time, or its zone is unknown."""
    text = text.strip()
    bare = next((text.removesuffix(end) for end in _NO_OFFSET if text.endswith(end)), text)
    try:
        clock = iso_ms(bare, "")
    except RejectRecord:
        return ()
    if clock is None:
        return ()
    if "+" in bare[_DATE:] or "-" in bare[_DATE:]:
        return (clock,)  # it does name its offset
    if zone is None:
        return ()
    first, second = local_ms(clock, zone), local_ms(clock, zone, fold=1)
    return (first, second) if first < second else (first,)


def _near(
    cell: str, cells: Mapping[str, int | None], origin: str | None, destination: str | None
) -> int | None:
    """About when a milestone is, from the leg's other times and, across it, its block time."""
    milestone = cell.partition("_")[0]
    departs = milestone in ("out", "off")
    same = [milestone, *(_MILESTONES[:2] if departs else _MILESTONES[2:])]
    here = _first(cells, same)
    if here is not None:
        return here
    there = _first(cells, _MILESTONES[2:] if departs else _MILESTONES[:2])
    block = block_minutes(origin, destination)
    if there is None or block is None:
        return None
    between = sum(block) // 2 * MINUTE_MS
    return there - between if departs else there + between


def _first(cells: Mapping[str, int | None], milestones: Iterable[str]) -> int | None:
    times = (cells.get(f"{name}_{kind}") for name in milestones for kind in _KINDS)
    return next((ms for ms in times if ms is not None), None)
