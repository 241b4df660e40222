"""Two feeds on the same legs: where they disagree, and who was first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from filters.legs import TIME_CELLS, WORD_CELLS
from pipeline.score.feeds import minutes, share
from pipeline.score.telling import ACTUALS, Telling, Value

_REGISTERS: Final = (*TIME_CELLS, *WORD_CELLS, "life")
_SAME_MS: Final = 60_000
"""Times up to a minute apart agree: many feeds know minutes only."""


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """One register that both told of `legs` legs; `differ` of them by more than a minute.

    `median_minutes` is the median of the differences of those; None for what is no time.
    """

    legs: int
    differ: int
    share: float
    median_minutes: float | None = None


class First(msgspec.Struct, frozen=True, kw_only=True):
    """Who first told an actual time, over `legs` legs of which both told it and when they knew.

    `lead_minutes`: the median of how much earlier `one` was than `other`; negative when later.
    """

    legs: int
    one: int
    other: int
    same: int
    lead_minutes: float


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two feeds, `one` before `other` in the alphabet, and the `legs` that both told of."""

    one: str
    other: str
    legs: int
    fields: dict[str, Disagreement]
    first: dict[str, First]


def pair(
    one: str, other: str, told: Mapping[str, Telling], by_other: Mapping[str, Telling]
) -> Pair:
    """Compare what two feeds told, by leg."""
    both = [(told[leg], by_other[leg]) for leg in sorted(told.keys() & by_other.keys())]
    fields, first = {}, {}
    for name in _REGISTERS:
        values = [(a.value(name), b.value(name)) for a, b in both]
        known = [(a, b) for a, b in values if a is not None and b is not None]
        if known:
            fields[name] = _disagreement(known)
    for name in ACTUALS:
        leads = [b.first[name].at - a.first[name].at for a, b in both if _both(name, a, b)]
        if leads:
            first[name] = First(
                legs=len(leads),
                one=sum(lead > 0 for lead in leads),
                other=sum(lead < 0 for lead in leads),
                same=leads.count(0),
                lead_minutes=minutes(median(leads)),
            )
    return Pair(one=one, other=other, legs=len(both), fields=fields, first=first)


def _both(name: str, one: Telling, other: Telling) -> bool:
    return name in one.first and name in other.first


def _disagreement(known: Sequence[tuple[Value, Value]]) -> Disagreement:
    apart = [abs(a - b) for a, b in known if isinstance(a, int) and isinstance(b, int)]
    far = [ms for ms in apart if ms > _SAME_MS]
    differ = len(far) if apart else sum(a != b for a, b in known)
    return Disagreement(
        legs=len(known),
        differ=differ,
        share=share(differ, len(known)),
        median_minutes=minutes(median(far)) if far else None,
    )
