"""Which leg a status speaks of: by key, by a source's own id, by flight day, or under an old name.

One leg is spoken of by several feeds under different numbers, dates and ids. Each status's names
are looked up in what is known; what follows for the links, flight days and old names is collected
here and written by detect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

import msgspec

from filters import flight_days
from filters.designators import flight, ticket_number
from filters.flight_days import Selector
from filters.legs import (
    LegState,
    Verdict,
    Version,
    leg_key,
    sold_as,
    source_keys,
    version_of,
)
from schemas.records import FlightStatus

_MOST_RENAMES = 8


class Names(NamedTuple):
    """All names of the leg in one status, as keys of states."""

    dated: str | None
    sources: tuple[str, ...]
    days: tuple[str, ...]
    how: Selector | None
    formerly: str | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The states to read."""
        single = (self.dated, self.formerly)
        return (*(key for key in single if key is not None), *self.sources, *self.days)


class Found(NamedTuple):
    """The legs a status speaks of, and what it was to its flight day if it was parked there."""

    legs: tuple[str, ...]
    parked: Verdict | None = None


def names_of(status: FlightStatus) -> Names:
    """The names in one status. An old name without an airport can name no leg."""
    old = status.formerly
    return Names(
        dated=leg_key(status),
        sources=source_keys(status),
        days=flight_days.day_keys(status),
        how=flight_days.selector(status),
        formerly=old if old and ".." not in old else None,
    )


class Trail:
    """What one pass finds out about names, beside the states it has read."""

    def __init__(self, known: dict[str, LegState]) -> None:
        """`known` are the states as read, by key; it may still grow."""
        self._known = known
        self._links: dict[str, LegState] = {}
        self._days: dict[str, LegState] = {}
        self._joins: dict[str, set[str]] = defaultdict(set)
        self._renames: dict[str, tuple[str, Version]] = {}

    def state(self, key: str) -> LegState:
        """The state as read, or an empty one."""
        return self._known.get(key) or LegState(key=key)

    def joined(self, key: str) -> Collection[str]:
        """The states whose registers belong to this leg."""
        return self._joins[key]

    def listed(self, names: Names) -> Iterable[str]:
        """The legs that a status may mean by its flight day, as far as the day was read."""
        if names.how is None:
            return ()
        days = map(self.state, names.days)
        return [leg for day in days for leg in flight_days.listing(day)]

    def legs_of(self, status: FlightStatus, names: Names) -> Found:
        """The legs of a status; notes what is to be linked, listed, parked, joined and renamed."""
        dated = None if names.dated is None else self._renamed(status, names)
        key = self._by_source(status, names, dated)
        if key is None or (names.how is not None and key in names.sources):
            found = self._by_day(status, names)
            if found is not None:
                return found
        if key is None:
            return Found(())
        self._enlist(key, status, names)
        return Found((key,))

    def _renamed(self, status: FlightStatus, names: Names) -> str:
        """The key that a dated status has by now; notes the new name that it tells itself."""
        key, version = names.dated or "", version_of(status)
        old = names.formerly
        if old is not None and old != key:
            before = self._renames.get(old, (None, self.state(old).renamed))[1]
            # Once more when it was written already: a crash may have come before the leg.
            if before is None or before <= version:
                self._renames[old] = (key, version)
                self._joins[key].add(old)
            named = self._renames.get(key, (None, self.state(key).renamed))[1]
            if named is None or named < version:
                # So named since then: an older word cannot name it otherwise.
                self._renames[key] = (key, version)
                return key
        return self._by_now(key)

    def _by_now(self, key: str) -> str:
        """The key that this one's leg was given by later numbers or dates."""
        for _ in range(_MOST_RENAMES):
            onward = self._renames.get(key, (None, None))[0]
            if onward is None and self.state(key).renamed is not None:
                onward = self.state(key).moved_to
            if onward is None or onward == key:
                break
            key = onward
        return key

    def _by_source(self, status: FlightStatus, names: Names, dated: str | None) -> str | None:
        """The leg by key or by the first of the source's ids that knows one."""
        if not names.sources:
            return dated
        if dated is None:
            linked = (key for key in names.sources if self._link(key).moved_to is not None)
            return self._of_source(status, next(linked, names.sources[0]), None)
        legs = [self._of_source(status, source, dated) for source in names.sources]
        return legs[0]

    def _link(self, source: str) -> LegState:
        return self._links.get(source) or self.state(source)

    def _of_source(self, status: FlightStatus, source: str, dated: str | None) -> str:
        """The key of the leg; notes the link to write and the states to join in.

        A date from the schedule outranks a filed one; a leg that moves takes its registers along,
        unless a schedule of its own says that another flight is behind that key.
        """
        link = self._link(source)
        target, basis = link.moved_to, link.date_basis
        told_anew = dated is not None and status.formerly is not None
        surer = (basis, status.date_basis) == ("filed", "scheduled")
        if target is None or surer or told_anew:
            # A date found by flight day is no surer than a filed one.
            target = dated
            basis = "filed" if status.date_basis == "none" else status.date_basis
        onward = self._known.get(target or "")
        if basis == "filed" and onward is not None and onward.moved_to is not None:
            target, basis = onward.moved_to, "scheduled"
        if target is None:
            return source
        target = self._by_now(target)
        if (target, basis) != (link.moved_to, link.date_basis):
            self._links[source] = msgspec.structs.replace(
                link,
                moved_to=target,
                date_basis=basis,
                rev=link.rev + (source not in self._links),
                received_at=status.received_at,
            )
        left = link.moved_to
        if left not in (None, target) and self.state(left).date_basis != "scheduled":
            self._joins[target].add(left)
        if link.cells:
            self._joins[target].add(source)
        return target

    def _by_day(self, status: FlightStatus, names: Names) -> Found | None:
        """The legs by flight day, or the status parked there; None when it names no day."""
        if names.how is None or not names.days:
            return None
        [key] = names.days
        day = self._day(key)
        legs = tuple(flight_days.found(day, names.how, self._onward))
        for leg in legs:
            self._enlist(leg, status, names)
        if len(legs) == 1:
            for source in names.sources:
                self._of_source(status, source, legs[0])
        if legs and names.how.end != "all":
            return Found(legs)
        # The whole flight is meant: also the legs that nobody has listed yet.
        after, verdict = flight_days.parked(self._day(key), names.how, status)
        self._days[key] = after
        return Found(legs, None if legs else verdict)

    def _onward(self, leg: str) -> str:
        """Where a listed leg has gone, if it was renamed or had another date."""
        for _ in range(_MOST_RENAMES):
            onward = self._renames.get(leg, (self.state(leg).moved_to, None))[0]
            if onward is None or onward == leg:
                break
            leg = onward
        return leg

    def _day(self, key: str) -> LegState:
        return self._days.get(key) or self.state(key)

    def _enlist(self, leg: str, status: FlightStatus, names: Names) -> None:
        if leg.startswith("~"):
            return
        for key in names.days:
            self._days[key] = flight_days.enlisted(self._day(key), leg, status)

    def left_for(self, leg: str, names: Iterable[Names]) -> LegState:
        """What was parked for the leg in the flight days that its statuses name."""
        days = dict.fromkeys(key for each in names for key in each.days)
        return flight_days.left_for(leg, [self._day(key) for key in days], self._onward)

    def renamed(self, old: str) -> bool:
        """Whether this key's leg was given another number or date, rather than found out to be."""
        return old in self._renames

    def named_since(self, leg: str, state: LegState) -> LegState:
        """The state without a mark of moving away, if a newer word says that this is its name."""
        name, version = self._renames.get(leg, (None, None))
        if name != leg:
            return state
        return msgspec.structs.replace(state, moved_to=None, renamed=version)

    def sold_under_old_names(self, leg: str, state: LegState) -> LegState:
        """The state with the numbers, and dates, that tickets from before a new name carry."""
        for old, (new, version) in self._renames.items():
            if new == leg != old:
                state = sold_as(state, _old_ticket(old, leg), version)
        return state

    def fresh(self) -> list[LegState]:
        """Links and flight days to write before the legs."""
        moving = {link.key for link in self.moving()}
        links = [link for link in self._links.values() if link.key not in moving]
        days = [
            msgspec.structs.replace(day, rev=self.state(key).rev + 1)
            for key, day in self._days.items()
            if day is not self.state(key) and day.cells != self.state(key).cells
        ]
        return links + days

    def moving(self) -> list[LegState]:
        """Links that point to another leg than before, to be written after the legs."""
        return [
            link
            for link in self._links.values()
            if self.state(link.key).moved_to not in (None, link.moved_to)
        ]

    def marks(self, groups: Collection[str]) -> dict[str, LegState]:
        """Legs that turned out to be another: marked, so that they count once."""
        marks: dict[str, LegState] = {}
        for new in groups:
            for old in self._joins[new]:
                state, renamed = self.state(old), self._renames.get(old, (None, None))[1]
                if state.provisional or (state.moved_to == new and state.renamed == renamed):
                    continue
                marks[old] = msgspec.structs.replace(
                    state, moved_to=new, renamed=renamed or state.renamed, rev=state.rev + 1
                )
        return marks


def _old_ticket(old: str, new: str) -> str:
    """The number on tickets from before: `LX544`, or `LX544/2025-01-02` under another date."""
    named, _, day = old.split(".")
    known = flight(named)
    number = named if known is None else ticket_number(known, date.fromisoformat(day))
    return number if day == new.rpartition(".")[2] else f"{number}/{day}"
