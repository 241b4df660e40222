"""What is material: the newest state of a leg against what was last told of it.

Level-triggered: how the state came about does not matter, and what is told is kept beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from filters.legs import LegState, Told
from filters.policy import Advisory, Policy
from schemas.body import MAX_ITEMS
from schemas.records import Disruption, FlightStatus, Kind

_MINUTE_MS = 60_000
_LEFT = ("out_actual", "off_actual", "on_actual", "in_actual")


def decided(
    state: LegState,
    joined: Sequence[LegState],
    tipping: FlightStatus,
    policy: Policy,
    advisories: Sequence[Advisory],
) -> LegState:
    """The state with more pending disruptions, if what is known no longer fits what was told.

    A cancellation told under the date of a leg that moved here is taken back there; the revision
    derives from what was told, so that a repetition has the same id.
    """
    waiting = {disruption.id for disruption in state.pending}
    for other in joined:
        if other.told is not None and _believed_cancelled(other, other.told):
            there = msgspec.structs.replace(other, cells={}, rev=other.told.rev)
            correction = _disruption(there, "reinstated", tipping, policy, advisories)
            if correction.id not in waiting:
                pending = (*state.pending, correction)
                state = msgspec.structs.replace(state, pending=pending)
    kind = wanted(state, policy)
    if kind is None:
        return state
    disruption = _disruption(state, kind, tipping, policy, advisories)
    told = Told(kind=kind, out=disruption.out_expected, rev=disruption.rev)
    return msgspec.structs.replace(state, told=told, pending=(*state.pending, disruption))


def _believed_cancelled(state: LegState, told: Told) -> bool:
    """Whether passengers may hold a cancellation: told last, or taken back but perhaps not sent."""
    return told.kind == "cancelled" or any(d.kind == "reinstated" for d in state.pending)


def wanted(state: LegState, policy: Policy) -> Kind | None:
    """What should be told now, or None: the newest state against what was last told.

    A leg that has left is not delayed any more; it may still be cancelled (after a return to the
    gate) or turn out to operate after all.
    """
    told = state.told
    told_cancelled = told is not None and told.kind == "cancelled"
    if state.date is None or state.word("service") in policy.untold_services:
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
    due_out = state.time("out_scheduled")
    expected = None if kind == "cancelled" else _expected(state, "out") or due_out
    # A plan that names no off-block still tells until when, and about when, the leg was due.
    scheduled = due_out or state.time("off_scheduled")
    deadline = expected or scheduled
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
        code_shares=state.code_shares[:MAX_ITEMS],
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
