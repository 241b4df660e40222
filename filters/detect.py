"""Detect: flight statuses -> disruptions, by comparing what is known with what was last told.

Level-triggered: never event against event. Each leg touched by a batch is read once, folded,
decided once and written once, with the decision in its outbox; emitting comes after. Drops: what
is not worth a message, and what is kept until its leg or the leg's date is known. Rejects: nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from filters.legs import LegState, Verdict, Version, absorb, fold, leg_key, version_of
from filters.material import decided
from filters.names import Trail, names_of
from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Stale
from filters.policy import Advisory, Policy
from schemas.records import Disruption, FlightStatus

Written: TypeAlias = Literal["written", "conflict", "failed"]
_PASSES = 6
_WORDS: Final[dict[Verdict, Outcome]] = {
    "applied": Drop("not_material"),
    "duplicate": Duplicate(),
    "stale": Stale(),
}
_PARKED: Final = Drop("parked")
_SUREST_FIRST = ("scheduled", "filed", "none")


class Reading(msgspec.Struct, frozen=True):
    """What a read found, and which keys could not be read now."""

    found: Mapping[str, LegState]
    unread: Collection[str] = ()


class LegStates(Protocol):
    """The legs' states; reads are strongly consistent."""

    def read(self, keys: Collection[str]) -> Reading:
        """The states stored under these keys. A confirmed outbox is returned empty."""

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write each state if the stored revision is still `rev - 1`; the result by key."""


def detect(
    statuses: Sequence[FlightStatus],
    *,
    legs: LegStates,
    policy: Policy,
    advisories: Sequence[Advisory],
    token: str,
) -> list[Outcome]:
    """One outcome per status; disruptions come with the status that tipped the decision.

    `token` names this run's outbox entries: they stay pending until the caller confirms it after
    emitting. A leg found with an unconfirmed outbox has it emitted again, under the same ids.
    """
    outcomes: dict[int, Outcome] = {}
    handed_out: set[str] = set()
    undecided = list(range(len(statuses)))
    for _ in range(_PASSES):
        run = _Pass(statuses, undecided, legs, handed_out)
        decided = run.decide(policy, advisories, token)
        outcomes.update(decided)
        for outcome in decided.values():
            if isinstance(outcome, Forward):
                handed_out.update(output.id for output in outcome.outputs)
        undecided = [index for index in undecided if index not in outcomes]
        if not undecided:
            break
    outcomes.update({index: Fail("leg written by others meanwhile") for index in undecided})
    return [outcomes[index] for index in range(len(statuses))]


class _Pass:
    """One try at the statuses still open: read, find each one's leg, fold, decide, write.

    Writes go in this order, each under the condition that nobody wrote since our read: new links
    from source ids and flight days; legs that turned out to be another, so that nothing is added to
    them any more; legs; links that move to another leg. Wherever it stops, a repetition finds all
    of it again. A status whose leg, link or day was written by somebody else gets no outcome and
    stays open for the next pass.
    """

    def __init__(
        self,
        statuses: Sequence[FlightStatus],
        undecided: list[int],
        legs: LegStates,
        handed_out: Collection[str],
    ) -> None:
        self._statuses = statuses
        self._legs = legs
        self._handed_out = handed_out
        self._known: dict[str, LegState] = {}
        self._unread: set[str] = set()
        self._named = {i: names_of(statuses[i]) for i in undecided}
        self._trail = Trail(self._known)
        asked: set[str] = set()
        keys = {key for names in self._named.values() for key in names.keys}
        while keys:
            reading = legs.read(keys)
            self._known.update(reading.found)
            self._unread.update(reading.unread)
            asked |= keys
            listed = (leg for names in self._named.values() for leg in self._trail.listed(names))
            moved = {s.moved_to for s in self._known.values() if s.moved_to is not None}
            keys = moved.union(listed) - asked

    def decide(
        self, policy: Policy, advisories: Sequence[Advisory], token: str
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        groups: dict[str, list[int]] = defaultdict(list)
        parked: dict[int, Outcome] = {}
        # The surest date first: it links the source's id to the leg that the others then find.
        for index in sorted(self._named, key=self._sureness):
            names = self._named[index]
            if self._unread.intersection(names.keys):
                outcomes[index] = Fail("leg state could not be read")
                continue
            found = self._trail.legs_of(self._statuses[index], names)
            if self._unread.intersection(found.legs).union(
                *(self._unread.intersection(self._trail.joined(leg)) for leg in found.legs)
            ):
                outcomes[index] = Fail("leg state could not be read")
                continue
            if found.parked is not None:
                parked[index] = _WORDS[found.parked] if found.parked != "applied" else _PARKED
            elif not found.legs:
                outcomes[index] = Drop("undated")
            for key in found.legs:
                groups[key].append(index)
        refused = self._refused(self._trail.fresh())
        marks = self._trail.marks(groups)
        left = {marks[old].moved_to for old in self._refused(list(marks.values()))}
        open_still = {i for i, names in self._named.items() if refused.intersection(names.keys)}
        ready = {
            key: sorted(indexes)
            for key, indexes in groups.items()
            if key not in left and open_still.isdisjoint(indexes)
        }
        told = self._decide_legs(ready, policy, advisories, token)
        outcomes |= {i: outcome for i, outcome in parked.items() if i not in open_still}
        outcomes |= self._merged(groups, told)
        written = {key for key in ready if all((key, i) in told for i in ready[key])}
        # A refusal costs nothing: whoever finds the old link follows the mark on the old leg.
        self._refused([link for link in self._trail.moving() if link.moved_to in written])
        return outcomes

    def _sureness(self, index: int) -> tuple[bool, int, Version]:
        status = self._statuses[index]
        undated = leg_key(status) is None
        return (undated, _SUREST_FIRST.index(status.date_basis), version_of(status))

    def _merged(
        self, groups: Mapping[str, list[int]], told: Mapping[tuple[str, int], Outcome]
    ) -> dict[int, Outcome]:
        """One outcome per status of those whose legs have all been decided."""
        wanted: dict[int, list[str]] = defaultdict(list)
        for key, indexes in groups.items():
            for index in indexes:
                wanted[index].append(key)
        return {
            index: _one_of([told[key, index] for key in keys])
            for index, keys in wanted.items()
            if all((key, index) in told for key in keys)
        }

    def _refused(self, states: Sequence[LegState]) -> set[str]:
        """Writes these states; the keys of those that were not written."""
        results = self._legs.write(states) if states else {}
        return {key for key, result in results.items() if result != "written"}

    def _decide_legs(
        self,
        groups: Mapping[str, list[int]],
        policy: Policy,
        advisories: Sequence[Advisory],
        token: str,
    ) -> dict[tuple[str, int], Outcome]:
        plans: dict[str, list[Outcome]] = {}
        writes: list[LegState] = []
        for key, indexes in groups.items():
            before = self._trail.state(key)
            statuses = [self._statuses[index] for index in indexes]
            after = _named_by(self._trail.named_since(key, before), statuses)
            mistaken: list[LegState] = []
            for other in map(self._trail.state, sorted(self._trail.joined(key))):
                after = absorb(after, other)
                if not self._trail.renamed(other.key):
                    mistaken.append(other)
                elif after.told is None:
                    # Those passengers are these: what they were told holds.
                    after = msgspec.structs.replace(after, told=other.told)
            after = self._trail.sold_under_old_names(key, after)
            names = [self._named[index] for index in indexes]
            after = absorb(after, self._trail.left_for(key, names))
            after, verdicts = fold(after, statuses)
            tipping = _tipping(statuses, verdicts)
            after = decided(after, mistaken, tipping, policy, advisories)
            # What an earlier pass of this very run decided has been handed out already.
            due = tuple(d for d in after.pending if d.id not in self._handed_out)
            if after is not before or due:
                after = msgspec.structs.replace(
                    after, rev=before.rev + 1, token=token if after.pending else None
                )
                writes.append(after)
            plans[key] = _told_of(after, verdicts, due)
        results = self._legs.write(writes) if writes else {}
        outcomes: dict[tuple[str, int], Outcome] = {}
        for key, told in plans.items():
            result = results.get(key, "written")
            if result == "written":
                pairs = zip(groups[key], told, strict=True)
                outcomes.update({(key, index): outcome for index, outcome in pairs})
            elif result == "failed":
                failed = Fail("leg state could not be written")
                outcomes.update({(key, index): failed for index in groups[key]})
        return outcomes


def _one_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a status that was about several legs."""
    failed = next((outcome for outcome in outcomes if isinstance(outcome, Fail)), None)
    if failed is not None or len(outcomes) == 1:
        return failed or outcomes[0]
    forwarded = [outcome for outcome in outcomes if isinstance(outcome, Forward)]
    outputs = tuple(record for outcome in forwarded for record in outcome.outputs)
    if outputs:
        return Forward(outputs=outputs)
    ranked = (Drop, Stale, Duplicate)
    return min(outcomes, key=lambda outcome: ranked.index(type(outcome)))


def _named_by(state: LegState, statuses: Sequence[FlightStatus]) -> LegState:
    """The state with the leg's identity from the surest status that names it.

    A key that a flight had moved away from starts afresh when a schedule names it.
    """
    naming = [status for status in statuses if leg_key(status) == state.key]
    first = min(naming, key=lambda s: _SUREST_FIRST.index(s.date_basis), default=None)
    if first is None or state.date_basis in ("scheduled", first.date_basis):
        return state
    if state.moved_to is not None and state.renamed is None:
        state = msgspec.structs.replace(state, moved_to=None, cells={})
    return msgspec.structs.replace(
        state,
        airline=first.airline,
        number=first.number,
        suffix=first.suffix,
        origin=first.origin,
        date=first.date,
        date_basis=first.date_basis,
    )


def _told_of(
    state: LegState, verdicts: Sequence[Verdict], due: tuple[Disruption, ...]
) -> list[Outcome]:
    """Outcomes of one leg's statuses; what is due goes with the last one that was applied."""
    words = {**_WORDS, "applied": Drop("undated")} if state.provisional else _WORDS
    outcomes = [words[verdict] for verdict in verdicts]
    if due:
        applied = [place for place, verdict in enumerate(verdicts) if verdict == "applied"]
        outcomes[applied[-1] if applied else -1] = Forward(outputs=due)
    return outcomes


def _tipping(statuses: Sequence[FlightStatus], verdicts: Sequence[Verdict]) -> FlightStatus:
    """The status a decision is put down to: the newest one applied, or the newest of all."""
    pairs = zip(statuses, verdicts, strict=True)
    applied = [status for status, verdict in pairs if verdict == "applied"]
    return max(applied or statuses, key=lambda status: (status.source_time, status.id))
