"""How a leg stands, in one word, and whether its feed is still heard.

The word is made of the matrix, for people; nothing is decided by it. A feed that has been silent
for longer than its source allows makes its unfinished legs STALE: no news is not good news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from filters.detect import LegStates, Written
from filters.legs import Cell, LegState
from filters.sources import Source
from schemas.records import FlightStatus

Standing: TypeAlias = Literal[
    "SCHEDULED",
    "DELAYED",
    "OUT",
    "AIRBORNE",
    "LANDED",
    "IN",
    "DIVERTED",
    "RETURNED",
    "CANCELLED",
    "STALE",
    "UNKNOWN",
]
PULSE: Final = "~feed:"
"""Prefix of the key under which it is kept when a feed was last heard."""
PULSE_MS: Final = 30_000
"""How exactly that moment is kept: a newer one is written when it is this much newer."""
_FORMAT: Final = "format"
_MINUTE_MS = 60_000
_ENDED: Final = frozenset(("IN", "CANCELLED"))
_LAST_FIRST: Final[tuple[tuple[str, Standing], ...]] = (
    ("in_actual", "IN"),
    ("on_actual", "LANDED"),
    ("off_actual", "AIRBORNE"),
    ("out_actual", "OUT"),
)


def pulse_key(feed: str) -> str:
    """The key of the state that keeps when a feed was last heard."""
    return f"{PULSE}{feed}"


def note_heard(statuses: Sequence[FlightStatus], legs: LegStates) -> None:
    """Keep when each feed was last heard; whoever loses a race lost it to about the same moment."""
    heard: dict[str, int] = {}
    for status in statuses:
        heard[status.feed] = max(heard.get(status.feed, 0), status.received_at)
    keep_pulses(heard, legs, {status.feed: status.format for status in statuses})


def keep_pulses(
    heard: Mapping[str, int], legs: LegStates, formats: Mapping[str, str]
) -> Mapping[str, Written]:
    """Keep when each feed was heard (ms UTC) where it is news; how each write went, by its key.

    `formats` names the format of a feed where it is known; how patient to be depends on it.
    """
    keys = {pulse_key(feed): feed for feed in heard}
    found = legs.read(keys).found if keys else {}
    newer = []
    for key, feed in keys.items():
        state = found.get(key) or LegState(key=key)
        if heard[feed] - state.received_at < PULSE_MS:
            continue
        named = formats.get(feed)
        said = {_FORMAT: Cell(named, (heard[feed], 0, 0, ""))} if named else {}
        newer.append(
            msgspec.structs.replace(
                state, rev=state.rev + 1, received_at=heard[feed], cells={**state.cells, **said}
            )
        )
    return legs.write(newer) if newer else {}


def format_of(pulse: LegState) -> str:
    """The format a feed was last heard in, as its pulse keeps it; "" when that is not known."""
    return pulse.word(_FORMAT) or ""


def silent(heard_at: int, source: Source, now: int) -> bool:
    """Whether a feed last heard at `heard_at` has been silent for too long; both ms UTC."""
    return now - heard_at > source.silent_minutes * _MINUTE_MS


def standing(
    state: LegState,
    heard: Mapping[str, int],
    silences: Mapping[str, Source],
    now: int,
    late_ms: int,
) -> Standing:
    """How the leg stands at `now` (ms UTC).

    `heard` says when each feed was last heard (ms UTC) and `silences` how patient to be with it; a
    feed that is in neither is judged by the leg's own last message. A departure expected `late_ms`
    or more after its schedule is DELAYED.
    """
    word = _word(state, late_ms)
    if word in _ENDED:
        return word
    last = max(heard.get(state.feed, 0), state.received_at)
    return "STALE" if silent(last, silences.get(state.feed, Source()), now) else word


def _word(state: LegState, late_ms: int) -> Standing:
    if state.word("life") == "cancelled":
        return "CANCELLED"
    if state.time("in_actual") is None and _returned(state):
        return "RETURNED"
    reached: Standing | None = next((word for cell, word in _LAST_FIRST if state.time(cell)), None)
    if state.diverted and reached not in ("LANDED", "IN"):
        return "DIVERTED"
    return reached or _before_departure(state, late_ms)


def _returned(state: LegState) -> bool:
    """Whether it came back to its stand or airport, and has not left anew since."""
    deviation, left = state.cells.get("deviation"), state.cells.get("out_actual")
    if deviation is None or deviation.value not in ("ramp_return", "air_return"):
        return False
    return left is None or left.value is None or left.version <= deviation.version


def _before_departure(state: LegState, late_ms: int) -> Standing:
    scheduled, expected = state.time("out_scheduled"), state.time("out_estimated")
    if expected is None and state.time("next_info") is not None:
        return "DELAYED"
    if scheduled is None:
        return "UNKNOWN"
    return "DELAYED" if expected is not None and expected - scheduled >= late_ms else "SCHEDULED"
