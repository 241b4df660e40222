"""The score of one feed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from filters.legs import TIME_CELLS
from filters.outcome import Drop, Forward, Outcome, Reject
from pipeline.ingest.survey import Repeats
from pipeline.score.telling import ACTUALS, Noticed, Telling
from schemas.records import FlightStatus

_MINUTE_MS: Final = 60_000


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes from an event to the source's first word of it, over `legs` legs."""

    legs: int
    p50: float
    p90: float
    p99: float


class FeedScore(msgspec.Struct, frozen=True, kw_only=True):
    """One feed.

    `messages`, `statuses`, `dropped` (by reason) and `rejected` count messages and what became of
    them. `same_bytes`: messages that came before, byte for byte; what follows leaves them out.
    `untimed` statuses name no time of their own. `same_content`: statuses that say only what the
    feed said of the leg already. `out_of_order` is a share of the statuses with a time: those older
    than one that came before. `corrections`: actual times that a newer word moved or took back, by
    register.

    Of legs: `cancelled`, of those `reinstated` later; `doubted` (a weak cancellation), of those
    `doubted_flew`; `undated` (named by no date, so by nothing that another feed knows) and `parked`
    (named by a flight day on which no feed lists a leg); `told`, the share of legs that have each
    time. `lag` by actual time.
    """

    feed: str
    formats: tuple[str, ...]
    messages: int
    statuses: int
    dropped: dict[str, int]
    rejected: int
    untimed: int
    same_bytes: int
    same_content: int
    out_of_order: float
    corrections: dict[str, int]
    legs: int
    cancelled: int
    reinstated: int
    doubted: int
    doubted_flew: int
    undated: int
    parked: int
    told: dict[str, float]
    lag: dict[str, Lag]


class Tally:
    """The counts of one feed that need no leg."""

    def __init__(self, feed: str) -> None:
        """Nothing has come yet."""
        self.feed = feed
        self.formats: set[str] = set()
        self.messages = self.statuses = self.rejected = 0
        self.timed = self.untimed = self.same_content = self.out_of_order = 0
        self.dropped: Counter[str] = Counter()
        self.corrections: Counter[str] = Counter()
        self._same_bytes = Repeats()

    def message(self, format_name: str, id_: str, outcome: Outcome) -> bool:
        """Count a message; whether the same bytes came before."""
        self.formats.add(format_name)
        self.messages += 1
        if isinstance(outcome, Drop):
            self.dropped[outcome.reason] += 1
        elif isinstance(outcome, Reject):
            self.rejected += 1
        elif isinstance(outcome, Forward):
            self.statuses += len(outcome.outputs)
        return bool(id_) and self._same_bytes.add(id_.encode())

    def status(self, status: FlightStatus, noticed: Noticed, *, repeated: bool) -> None:
        """Count a status; one of a message that came before is no news of its own."""
        if repeated:
            return
        timed = status.source_time != status.received_at
        self.timed += timed
        self.untimed += not timed
        self.out_of_order += noticed.out_of_order
        self.same_content += noticed.same_content
        self.corrections.update(noticed.corrected)

    def score(self, legs: Collection[Telling], *, undated: int, parked: int) -> FeedScore:
        """The score, with what was told of each leg; `undated` and `parked` of them are unknown."""
        cancelled = [leg for leg in legs if leg.cancelled_at is not None]
        doubted = [leg for leg in legs if leg.doubted]
        return FeedScore(
            feed=self.feed,
            formats=tuple(sorted(self.formats)),
            messages=self.messages,
            statuses=self.statuses,
            dropped=dict(sorted(self.dropped.items())),
            rejected=self.rejected,
            untimed=self.untimed,
            same_bytes=self._same_bytes.count,
            same_content=self.same_content,
            out_of_order=share(self.out_of_order, self.timed),
            corrections=dict(sorted(self.corrections.items())),
            legs=len(legs),
            cancelled=len(cancelled),
            reinstated=sum(leg.reinstated for leg in cancelled),
            doubted=len(doubted),
            doubted_flew=sum(leg.flew for leg in doubted),
            undated=undated,
            parked=parked,
            told={
                name: share(sum(leg.value(name) is not None for leg in legs), len(legs))
                for name in TIME_CELLS
            },
            lag=_lags(legs),
        )


def _lags(legs: Collection[Telling]) -> dict[str, Lag]:
    found: dict[str, Lag] = {}
    for name in ACTUALS:
        firsts = (leg.first[name] for leg in legs if name in leg.first)
        lags = sorted(said.at - said.value for said in firsts if isinstance(said.value, int))
        if lags:
            found[name] = Lag(
                legs=len(lags),
                p50=minutes(percentile(lags, 50)),
                p90=minutes(percentile(lags, 90)),
                p99=minutes(percentile(lags, 99)),
            )
    return found


def share(part: int, whole: int) -> float:
    """Between 0 and 1, to four digits; 0 of nothing."""
    return round(part / whole, 4) if whole else 0.0


def minutes(ms: float) -> float:
    """To two digits."""
    return round(ms / _MINUTE_MS, 2)


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The nearest rank: the least value that `percent` percent of them do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
