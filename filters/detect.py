"""Detect: flight statuses -> disruptions, by comparing what is known with what was last told.

Level-triggered: never event against event. Each leg touched by a batch is read once, folded,
decided once and written once, with the decision in its outbox; emitting comes after. Drops: what
is not worth a message, and legs whose date is not known yet. Rejects: nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from filters.legs import LegState, Told, Verdict, absorb, fold, leg_key, source_key
from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Stale
from filters.policy import Advisory, Policy
from schemas.records import Disruption, FlightStatus, Kind

Written: TypeAlias = Literal["written", "conflict", "failed"]
_PASSES = 6
_MINUTE_MS = 60_000
_LEFT = ("out_actual", "off_actual", "on_actual", "in_actual")


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
    todo = list(range(len(statuses)))
    for _ in range(_PASSES):
        run = _Pass(statuses, todo, legs)
        outcomes.update(run.decide(policy, advisories, token))
        todo = [index for index in todo if index not in outcomes]
        if not todo:
            break
    outcomes.update({index: Fail("leg written by others meanwhile") for index in todo})
    return [outcomes[index] for index in range(len(statuses))]


class _Pass:
    """One try at the statuses still open: read, find each one's leg, fold, decide, write.

    A status whose leg (or link from a source id) was written by somebody else meanwhile gets no
    outcome and stays open for the next pass.
    """

    def __init__(self, statuses: Sequence[FlightStatus], todo: list[int], legs: LegStates) -> None:
        self._statuses = statuses
        self._legs = legs
        self._known: dict[str, LegState] = {}
        self._unread: set[str] = set()
        named = {index: (source_key(statuses[index]), leg_key(statuses[index])) for index in todo}
        self._read({key for pair in named.values() for key in pair if key is not None})
        moved = (self._known[k].moved_to for k, _ in named.values() if k in self._known)
        self._read({key for key in moved if key is not None and key not in self._known})
        self._named = named

    def _read(self, keys: set[str]) -> None:
        reading = self._legs.read(keys)
        self._known.update(reading.found)
        self._unread.update(reading.unread)

    def decide(
        self, policy: Policy, advisories: Sequence[Advisory], token: str
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        groups: dict[str, list[int]] = defaultdict(list)
        joins: dict[str, set[str]] = defaultdict(set)
        links: dict[str, LegState] = {}
        # Dated statuses first: they link their source's id to the leg that the others then find.
        for index, (source, dated) in sorted(
            self._named.items(), key=lambda named: named[1][1] is None
        ):
            if source in self._unread or dated in self._unread:
                outcomes[index] = Fail("leg state could not be read")
                continue
            key = self._leg_of(index, source, dated, links, joins)
            if key is None:
                outcomes[index] = Drop("undated")
            elif key in self._unread:
                outcomes[index] = Fail("leg state could not be read")
            else:
                groups[key].append(index)
        results = self._legs.write(list(links.values())) if links else {}
        refused = {key for key, result in results.items() if result != "written"}
        ready = {
            key: indexes
            for key, indexes in groups.items()
            if not any(self._named[index][0] in refused for index in indexes)
        }
        return outcomes | self._decide_legs(ready, joins, policy, advisories, token)

    def _leg_of(
        self,
        index: int,
        source: str | None,
        dated: str | None,
        links: dict[str, LegState],
        joins: dict[str, set[str]],
    ) -> str | None:
        """The key of the status's leg; notes the link to write and the states to join in.

        A date from the schedule outranks a filed one; a leg that moves takes its registers along.
        """
        if source is None:
            return dated
        status = self._statuses[index]
        link = links.get(source) or self._known.get(source) or LegState(key=source)
        target = link.moved_to
        outranked = target is None or (
            status.date_basis == "scheduled" and link.date_basis == "filed" and dated != target
        )
        if dated is not None and outranked:
            if target is not None:
                joins[dated].add(target)
            links[source] = msgspec.structs.replace(
                link,
                moved_to=dated,
                date_basis=status.date_basis,
                rev=link.rev + (source not in links),
                received_at=status.received_at,
            )
            target = dated
        elif dated == target and status.date_basis == "scheduled" != link.date_basis:
            links[source] = msgspec.structs.replace(
                link, date_basis="scheduled", rev=link.rev + (source not in links)
            )
        if target is None:
            return source
        if link.cells:
            joins[target].add(source)
        return target

    def _decide_legs(
        self,
        groups: Mapping[str, list[int]],
        joins: Mapping[str, set[str]],
        policy: Policy,
        advisories: Sequence[Advisory],
        token: str,
    ) -> dict[int, Outcome]:
        plans: dict[str, list[Outcome]] = {}
        writes: list[LegState] = []
        for key, indexes in groups.items():
            before = self._known.get(key) or LegState(key=key)
            statuses = [self._statuses[index] for index in indexes]
            joined = before
            for other in sorted(joins.get(key, ())):
                if other in self._known:
                    joined = absorb(joined, self._known[other])
            after, verdicts = fold(_named_by(joined, statuses), statuses)
            after = _decided(after, statuses, verdicts, policy, advisories)
            # What an earlier pass of this very run decided has been handed out already.
            due = after.pending[len(before.pending) :] if before.token == token else after.pending
            if after is not before or due:
                after = msgspec.structs.replace(
                    after, rev=before.rev + 1, token=token if after.pending else None
                )
                writes.append(after)
            plans[key] = _told_of(after, verdicts, due)
        writes += self._moved_away(joins, groups)
        results = self._legs.write(writes) if writes else {}
        outcomes: dict[int, Outcome] = {}
        for key, told in plans.items():
            result = results.get(key, "written")
            if result == "written":
                outcomes.update(zip(groups[key], told, strict=True))
            elif result == "failed":
                outcomes.update(dict.fromkeys(groups[key], Fail("leg state could not be written")))
        return outcomes

    def _moved_away(
        self, joins: Mapping[str, set[str]], groups: Mapping[str, list[int]]
    ) -> list[LegState]:
        """Legs that turned out to be another date's: marked, so that they count once."""
        return [
            msgspec.structs.replace(self._known[old], moved_to=new, rev=self._known[old].rev + 1)
            for new, others in joins.items()
            for old in sorted(others)
            if new in groups and old in self._known and not self._known[old].provisional
        ]


def _named_by(state: LegState, statuses: Sequence[FlightStatus]) -> LegState:
    """The state with the leg's identity filled in from the first status that names it."""
    if state.date is not None or state.provisional:
        return state
    first = next((status for status in statuses if leg_key(status) == state.key), None)
    if first is None:
        return state
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


def _decided(
    state: LegState,
    statuses: Sequence[FlightStatus],
    verdicts: Sequence[Verdict],
    policy: Policy,
    advisories: Sequence[Advisory],
) -> LegState:
    """The state with one more pending disruption, if what is known no longer fits what was told."""
    kind = wanted(state, policy)
    if kind is None:
        return state
    pairs = list(zip(statuses, verdicts, strict=True))
    applied = [status for status, verdict in pairs if verdict == "applied"]
    tipping = max(applied or statuses, key=lambda status: (status.source_time, status.id))
    disruption = _disruption(state, kind, tipping, policy, advisories)
    told = Told(kind=kind, out=disruption.out_expected, rev=disruption.rev)
    return msgspec.structs.replace(state, told=told, pending=(*state.pending, disruption))


def wanted(state: LegState, policy: Policy) -> Kind | None:
    """What should be told now, or None: the newest state against what was last told.

    A leg that has left is not delayed any more; it may still be cancelled (after a return to the
    gate) or turn out to operate after all.
    """
    told = state.told
    told_cancelled = told is not None and told.kind == "cancelled"
    if state.date is None:
        return None
    if (state.word("life") == "cancelled") != told_cancelled:
        return "reinstated" if told_cancelled else "cancelled"
    return None if told_cancelled else _later_or_earlier(state, told, policy)


def _later_or_earlier(state: LegState, told: Told | None, policy: Policy) -> Kind | None:
    """A first or further delay, or an earlier departure than told, of a leg that has not left."""
    expected, scheduled = state.time("out_estimated"), state.time("out_scheduled")
    if expected is None or scheduled is None or any(state.time(cell) for cell in _LEFT):
        return None
    if told is None or told.out is None:
        return "delayed" if expected - scheduled >= policy.first_notice_ms else None
    if expected - told.out >= policy.next_notice_ms:
        return "delayed"
    return "earlier" if told.out - expected >= policy.earlier_ms else None


def _disruption(
    state: LegState,
    kind: Kind,
    tipping: FlightStatus,
    policy: Policy,
    advisories: Sequence[Advisory],
) -> Disruption:
    """The disruption of `kind`; its id derives from the leg and the revision to be written."""
    rev = state.rev + 1
    scheduled = state.time("out_scheduled") or state.time("off_scheduled")
    expected = None if kind == "cancelled" else _expected(state, "out") or scheduled
    deadline = expected
    if kind == "cancelled" and scheduled is not None:
        deadline = scheduled + policy.cancelled_useful_minutes * _MINUTE_MS
    left = 0 if deadline is None else deadline - tipping.source_time
    return Disruption(
        id=hashlib.sha256(f"{state.key}|{rev}|{kind}".encode()).hexdigest()[:32],
        replay=tipping.replay,
        leg=state.key,
        kind=kind,
        rev=rev,
        airline=state.airline,
        number=state.number,
        suffix=state.suffix,
        origin=state.origin or "",
        destination=state.word("destination"),
        date=state.date or "",
        out_scheduled=scheduled,
        out_expected=expected,
        out_told=state.told.out if state.told else None,
        in_scheduled=state.time("in_scheduled"),
        in_expected=None if kind == "cancelled" else _expected(state, "in"),
        cause=_cause(state, kind, advisories),
        source_time=tipping.source_time,
        received_at=tipping.received_at,
        # Lag counts in processing time, so that old feeds can be replayed at any speed.
        useful_until=tipping.received_at + max(left, policy.least_useful_minutes * _MINUTE_MS),
        status_id=tipping.id,
        policy=policy.label,
    )


def _expected(state: LegState, milestone: str) -> int | None:
    return state.time(f"{milestone}_actual") or state.time(f"{milestone}_estimated")


def _cause(state: LegState, kind: Kind, advisories: Sequence[Advisory]) -> str | None:
    """The feed's own cause, else that of an advisory at the origin or the destination."""
    if kind not in ("delayed", "cancelled"):
        return None
    ends = (
        (state.origin, state.time("out_scheduled") or state.time("off_scheduled")),
        (state.word("destination"), state.time("in_scheduled") or state.time("on_scheduled")),
    )
    known = (a.cause for airport, at in ends for a in advisories if a.covers(airport, at))
    return state.word("cause") or next(known, None)
