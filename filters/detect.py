"""Detect: flight statuses -> disruptions, by comparing what is known with what was last told.

Level-triggered: never event against event. Each leg touched by a batch is read once, folded,
decided once and written once, with the decision in its outbox; emitting comes after. Drops: what
is not worth a message, and legs whose date is not known yet. Rejects: nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from filters.legs import (
    LegState,
    Verdict,
    Version,
    absorb,
    fold,
    leg_key,
    source_key,
    version_of,
)
from filters.material import decided
from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Stale
from filters.policy import Advisory, Policy
from schemas.records import Disruption, FlightStatus

Written: TypeAlias = Literal["written", "conflict", "failed"]
_PASSES = 6
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
    from source ids; legs that turned out to be another date's, so that nothing is added to them any
    more; legs; links that move to another leg. Wherever it stops, a repetition finds all of it
    again. A status whose leg or link was written by somebody else gets no outcome and stays open
    for the next pass.
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
        self._named = {i: (source_key(statuses[i]), leg_key(statuses[i])) for i in undecided}
        self._links: dict[str, LegState] = {}
        self._joins: dict[str, set[str]] = defaultdict(set)
        asked: set[str] = set()
        keys = {key for pair in self._named.values() for key in pair if key is not None}
        while keys:
            reading = legs.read(keys)
            self._known.update(reading.found)
            self._unread.update(reading.unread)
            asked |= keys
            keys = {s.moved_to for s in self._known.values() if s.moved_to is not None} - asked

    def decide(
        self, policy: Policy, advisories: Sequence[Advisory], token: str
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        groups: dict[str, list[int]] = defaultdict(list)
        # The surest date first: it links the source's id to the leg that the others then find.
        for index in sorted(self._named, key=self._sureness):
            source, dated = self._named[index]
            if source in self._unread or dated in self._unread:
                outcomes[index] = Fail("leg state could not be read")
                continue
            key = self._leg_of(index, source, dated)
            if key is None:
                outcomes[index] = Drop("undated")
            elif self._unread.intersection((key, *self._joins[key])):
                outcomes[index] = Fail("leg state could not be read")
            else:
                groups[key].append(index)
        moving: list[LegState] = []
        new: list[LegState] = []
        for link in self._links.values():
            moves = self._state(link.key).moved_to not in (None, link.moved_to)
            (moving if moves else new).append(link)
        unlinked = self._refused(new)
        marks = self._marks(groups)
        refused = {marks[old].moved_to for old in self._refused(list(marks.values()))}
        ready = {
            key: sorted(indexes)
            for key, indexes in groups.items()
            if key not in refused and unlinked.isdisjoint(self._named[i][0] for i in indexes)
        }
        outcomes |= self._decide_legs(ready, policy, advisories, token)
        written = {key for key in ready if all(i in outcomes for i in ready[key])}
        # A refusal costs nothing: whoever finds the old link follows the mark on the old leg.
        self._refused([link for link in moving if link.moved_to in written])
        return outcomes

    def _sureness(self, index: int) -> tuple[int, Version]:
        status = self._statuses[index]
        return (_SUREST_FIRST.index(status.date_basis), version_of(status))

    def _leg_of(self, index: int, source: str | None, dated: str | None) -> str | None:
        """The key of the status's leg; notes the link to write and the states to join in.

        A date from the schedule outranks a filed one; a leg that moves takes its registers along,
        unless a schedule of its own says that another flight is behind that key.
        """
        if source is None:
            return dated
        status = self._statuses[index]
        link = self._links.get(source) or self._known.get(source) or LegState(key=source)
        target, basis = link.moved_to, link.date_basis
        if target is None or (basis, status.date_basis) == ("filed", "scheduled"):
            target, basis = dated, status.date_basis
        onward = self._known.get(target or "")
        if basis == "filed" and onward is not None and onward.moved_to is not None:
            target, basis = onward.moved_to, "scheduled"
        if target is None:
            return source
        if (target, basis) != (link.moved_to, link.date_basis):
            self._links[source] = msgspec.structs.replace(
                link,
                moved_to=target,
                date_basis=basis,
                rev=link.rev + (source not in self._links),
                received_at=status.received_at,
            )
        left = link.moved_to
        if left not in (None, target) and self._state(left).date_basis != "scheduled":
            self._joins[target].add(left)
        if link.cells:
            self._joins[target].add(source)
        return target

    def _state(self, key: str) -> LegState:
        return self._known.get(key) or LegState(key=key)

    def _marks(self, groups: Collection[str]) -> dict[str, LegState]:
        """Legs that turned out to be another date's: marked, so that they count once."""
        moved = {
            old: new
            for new in groups
            for old in self._joins[new]
            if not self._state(old).provisional and self._state(old).moved_to != new
        }
        return {
            old: msgspec.structs.replace(
                self._state(old), moved_to=new, rev=self._state(old).rev + 1
            )
            for old, new in moved.items()
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
    ) -> dict[int, Outcome]:
        plans: dict[str, list[Outcome]] = {}
        writes: list[LegState] = []
        for key, indexes in groups.items():
            before = self._state(key)
            statuses = [self._statuses[index] for index in indexes]
            joined = [self._state(other) for other in sorted(self._joins[key])]
            after = _named_by(before, statuses)
            for other in joined:
                after = absorb(after, other)
            after, verdicts = fold(after, statuses)
            tipping = _tipping(statuses, verdicts)
            after = decided(after, joined, tipping, policy, advisories)
            # What an earlier pass of this very run decided has been handed out already.
            due = tuple(d for d in after.pending if d.id not in self._handed_out)
            if after is not before or due:
                after = msgspec.structs.replace(
                    after, rev=before.rev + 1, token=token if after.pending else None
                )
                writes.append(after)
            plans[key] = _told_of(after, verdicts, due)
        results = self._legs.write(writes) if writes else {}
        outcomes: dict[int, Outcome] = {}
        for key, told in plans.items():
            result = results.get(key, "written")
            if result == "written":
                outcomes.update(zip(groups[key], told, strict=True))
            elif result == "failed":
                outcomes.update(dict.fromkeys(groups[key], Fail("leg state could not be written")))
        return outcomes


def _named_by(state: LegState, statuses: Sequence[FlightStatus]) -> LegState:
    """The state with the leg's identity from the surest status that names it.

    A key that a flight had moved away from starts afresh when a schedule names it.
    """
    naming = [status for status in statuses if leg_key(status) == state.key]
    first = min(naming, key=lambda s: _SUREST_FIRST.index(s.date_basis), default=None)
    if first is None or state.date_basis in ("scheduled", first.date_basis):
        return state
    if state.moved_to is not None:
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
    words: dict[Verdict, Outcome] = {
        "applied": Drop("undated" if state.provisional else "not_material"),
        "duplicate": Duplicate(),
        "stale": Stale(),
    }
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
