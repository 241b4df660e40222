"""The scorecard: messages of several feeds in, their scores out.

Which leg a status speaks of is the product's own finding: `filters.detect` keeps the names, as it
does in the pipeline, and the legs are looked up when all has been read.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Final

import msgspec

from filters.detect import detect
from filters.legs import LegState
from filters.names import Trail, names_of
from filters.outcome import Forward, Outcome
from filters.policy import Policy, load_policy
from pipeline.memory.tables import MemoryLegs
from pipeline.score.between import Pair, pair
from pipeline.score.feeds import FeedScore, Tally
from pipeline.score.telling import Telling, joined, name_within
from schemas.records import FeedMessage, FlightStatus

_TOGETHER: Final = 500
_TOKEN: Final = "score"  # noqa: S105  (names a run of detect; no secret)
_UNKNOWN: Final = "~"


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """All feeds by name, and all pairs of them that told of the same legs."""

    feeds: list[FeedScore]
    pairs: list[Pair]


class Scorecard:
    """Takes in messages with `add`, feed by feed or in any mixture; `scores` is for the end."""

    def __init__(self, policy: Policy | None = None) -> None:
        """Nothing is known yet. The policy has no part in the scores."""
        self._policy = policy or load_policy("passenger")
        self._legs = MemoryLegs()
        self._legs.confirm(_TOKEN)
        self._tallies: dict[str, Tally] = {}
        self._told: dict[str, dict[str, Telling]] = defaultdict(dict)
        self._waiting: list[FlightStatus] = []

    def add(self, feed: str, format_name: str, message: FeedMessage | None, out: Outcome) -> None:
        """Take in a message and what normalize made of it; None for one that cannot travel."""
        tally = self._tallies.get(feed)
        if tally is None:
            tally = self._tallies[feed] = Tally(feed)
        repeated = tally.message(format_name, "" if message is None else message.id, out)
        for status in out.outputs if isinstance(out, Forward) else ():
            if isinstance(status, FlightStatus):
                named = name_within(status, names_of(status))
                telling = self._told[feed].get(named)
                if telling is None:
                    telling = self._told[feed][named] = Telling()
                tally.status(status, telling.add(status), repeated=repeated)
                self._waiting.append(status)
        if len(self._waiting) >= _TOGETHER:
            self._find()

    def _find(self) -> None:
        """Have detect learn the names in what is waiting."""
        detect(self._waiting, legs=self._legs, policy=self._policy, advisories=(), token=_TOKEN)
        self._waiting.clear()

    def scores(self) -> Scores:
        """The scores of all that was taken in."""
        self._find()
        by_leg: dict[str, dict[str, Telling]] = {}
        feeds: list[FeedScore] = []
        for feed, tally in sorted(self._tallies.items()):
            grouped: dict[str, list[Telling]] = defaultdict(list)
            undated = parked = 0
            unknown: list[Telling] = []
            for telling in self._told[feed].values():
                legs, waits = self._legs_of(telling)
                for leg in legs:
                    grouped[leg].append(telling)
                if not legs:
                    unknown.append(telling)
                    parked += waits
                    undated += not waits
            told = by_leg[feed] = {leg: joined(tellings) for leg, tellings in grouped.items()}
            feeds.append(tally.score([*told.values(), *unknown], undated=undated, parked=parked))
        pairs = [
            pair(one, other, by_leg[one], by_leg[other])
            for one, other in combinations(sorted(by_leg), 2)
            if by_leg[one].keys() & by_leg[other].keys()
        ]
        return Scores(feeds=feeds, pairs=pairs)

    def _legs_of(self, telling: Telling) -> tuple[tuple[str, ...], bool]:
        """The legs meant, by what is known now; and, when there are none, whether it is parked."""
        if telling.names is None or telling.status is None:
            return (), False
        known: dict[str, LegState] = self._legs.states
        found = Trail(known).legs_of(telling.status, telling.names)
        legs = tuple(leg for leg in found.legs if not leg.startswith(_UNKNOWN))
        return legs, found.parked is not None
