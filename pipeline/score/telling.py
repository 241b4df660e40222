"""What one feed told of one leg: the newest values, the first word of actual times, and life."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from filters.legs import cells_of
from filters.names import Names, names_of
from schemas.records import FlightStatus

MILESTONES: Final = ("out", "off", "on", "in")
ACTUALS: Final = tuple(f"{milestone}_actual" for milestone in MILESTONES)
Value: TypeAlias = int | str | None


class Said(NamedTuple):
    """A value and the source's time of it, ms UTC."""

    at: int
    value: Value

    @property
    def order(self) -> tuple[int, bool, str]:
        """A total order, so that the same statuses in any order end in the same value."""
        return (self.at, self.value is not None, str(self.value))


class Noticed(NamedTuple):
    """What a status was to the ones before it. `corrected` names actual times told otherwise."""

    out_of_order: bool = False
    same_content: bool = False
    corrected: tuple[str, ...] = ()


class Telling:
    """One feed on one leg. Times are ms since the epoch, UTC."""

    def __init__(self) -> None:
        """Nothing is told yet."""
        self.newest: dict[str, Said] = {}
        self.first: dict[str, Said] = {}
        self.last_at: int | None = None
        self.cancelled_at: int | None = None
        self.operating_at: int | None = None
        self.doubted = False
        self.names: Names | None = None
        self.status: FlightStatus | None = None

    def add(self, status: FlightStatus) -> Noticed:
        """Take in the next status of the leg, in order of arrival."""
        cells = cells_of(status)
        at = status.source_time
        same = bool(cells) and all(
            name in self.newest and self.newest[name].value == value
            for name, value in cells.items()
        )
        corrected = tuple(
            name for name in ACTUALS if name in cells and self._corrects(name, at, cells[name])
        )
        for name, value in cells.items():
            self._tell(name, Said(at, value))
        timed = at != status.received_at
        if timed:
            for name in ACTUALS:
                if cells.get(name) is not None:
                    self._tell_first(name, Said(at, cells[name]))
        self._live(status, at, actual=any(cells.get(name) is not None for name in ACTUALS))
        late = timed and self.last_at is not None and at < self.last_at
        if timed:
            self.last_at = at if self.last_at is None else max(self.last_at, at)
        self._name(status)
        return Noticed(late, same, corrected)

    def _corrects(self, name: str, at: int, value: Value) -> bool:
        """Whether a newer word takes back, or moves, an actual time told before."""
        held = self.newest.get(name)
        return held is not None and held.value not in (None, value) and at >= held.at

    def _tell(self, name: str, said: Said) -> None:
        held = self.newest.get(name)
        if held is None or held.order < said.order:
            self.newest[name] = said

    def _tell_first(self, name: str, said: Said) -> None:
        held = self.first.get(name)
        if held is None or said.order < held.order:
            self.first[name] = said

    def _live(self, status: FlightStatus, at: int, *, actual: bool) -> None:
        if status.life == "cancelled":
            self.cancelled_at = at if self.cancelled_at is None else min(self.cancelled_at, at)
        self.doubted |= status.life == "doubtful"
        if status.life == "operating" or actual:
            self.operating_at = at if self.operating_at is None else max(self.operating_at, at)

    def _name(self, status: FlightStatus) -> None:
        """Keep the status that names the leg best: by its date rather than by an id or a day."""
        names = names_of(status)
        if self.names is None or (self.names.dated is None and names.dated is not None):
            self.names, self.status = names, status

    def join(self, other: Telling) -> None:
        """Take in what the same feed told of this leg under another name."""
        for name, said in other.newest.items():
            self._tell(name, said)
        for name, said in other.first.items():
            self._tell_first(name, said)
        self.cancelled_at = _either(min, self.cancelled_at, other.cancelled_at)
        self.operating_at = _either(max, self.operating_at, other.operating_at)
        self.doubted |= other.doubted

    @property
    def reinstated(self) -> bool:
        """Whether it was cancelled and said to operate later on."""
        if self.cancelled_at is None or self.operating_at is None:
            return False
        return self.operating_at > self.cancelled_at

    def value(self, name: str) -> Value:
        """The newest value of a register; None when it was never told, or taken back."""
        said = self.newest.get(name)
        return None if said is None else said.value

    @property
    def flew(self) -> bool:
        """Whether it left the gate or the ground."""
        return any(self.value(name) is not None for name in ("out_actual", "off_actual"))


def _either(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def name_within(status: FlightStatus, names: Names) -> str:
    """What a feed's statuses of one leg have in common, before the leg itself is known."""
    if names.sources:
        return names.sources[0]
    if names.dated is not None:
        return names.dated
    how = names.how.text if names.how is not None else ""
    flight = f"{status.airline}{status.number}{status.suffix}"
    return f"{flight}|{status.origin}|{'|'.join(names.days)}|{how}"


def joined(tellings: Iterable[Telling]) -> Telling:
    """All of them as one, whatever their order."""
    whole = Telling()
    for telling in tellings:
        whole.join(telling)
    return whole
