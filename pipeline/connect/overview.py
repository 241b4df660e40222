"""Which feeds are heard, which are silent, and how many legs each leaves in the dark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from filters.legs import LegState
from filters.sources import Source, Sources
from filters.standing import PULSE, format_of, silent, standing

_PROVISIONAL: Final = "~"
_LATE_MS: Final = 15 * 60_000  # only tells DELAYED from SCHEDULED, and neither is shown
_ENDED: Final = frozenset(("IN", "CANCELLED"))


class FeedView(msgspec.Struct, frozen=True, kw_only=True):
    """One feed. Moments in milliseconds since the epoch, UTC.

    `patience_minutes` is how long its source may be silent. Of its `legs`, `unfinished` ones have
    neither arrived nor been cancelled; `stale` of those are in the dark since it is silent.
    """

    feed: str
    format: str
    last_heard: int
    silent_s: int
    patience_minutes: int
    silent: bool
    legs: int
    unfinished: int
    stale: int


def overview(states: Iterable[LegState], sources: Sources, now: int) -> list[FeedView]:
    """All feeds that the legs table knows, by name; `now` in ms UTC."""
    pulses: dict[str, LegState] = {}
    legs: dict[str, list[LegState]] = {}
    for state in states:
        if state.key.startswith(PULSE):
            pulses[state.key.removeprefix(PULSE)] = state
        elif not state.key.startswith(_PROVISIONAL) and state.moved_to is None:
            legs.setdefault(state.feed, []).append(state)
    heard = {feed: pulse.received_at for feed, pulse in pulses.items()}
    for feed, own in legs.items():
        heard[feed] = max(heard.get(feed, 0), *(state.received_at for state in own))
    patience = {
        feed: sources.of(feed, format_of(pulses[feed]) if feed in pulses else "") for feed in heard
    }
    return [
        _view(
            feed,
            format_of(pulses[feed]) if feed in pulses else "",
            legs.get(feed, []),
            heard,
            patience,
            now,
        )
        for feed in sorted(heard)
    ]


def _view(
    feed: str,
    format_name: str,
    legs: list[LegState],
    heard: dict[str, int],
    patience: dict[str, Source],
    now: int,
) -> FeedView:
    words = [standing(state, heard, patience, now, _LATE_MS) for state in legs]
    return FeedView(
        feed=feed,
        format=format_name,
        last_heard=heard[feed],
        silent_s=max(0, now - heard[feed]) // 1000,
        patience_minutes=patience[feed].silent_minutes,
        silent=silent(heard[feed], patience[feed], now),
        legs=len(legs),
        unfinished=sum(word not in _ENDED for word in words),
        stale=sum(word == "STALE" for word in words),
    )
