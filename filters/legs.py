"""The state of a leg: one register per field, each the maximum over a total order of versions.

A version is (source time, source rank, feed sequence, payload id), all from the feed, never from
arrival. Taking the maximum is commutative, associative and idempotent, so any order, duplication
or interleaving of the same statuses ends in the same state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from schemas.records import DateBasis, Disruption, FlightStatus, Kind

Version: TypeAlias = tuple[int, int, int, str]
Verdict: TypeAlias = Literal["applied", "duplicate", "stale"]

TIME_CELLS = tuple(
    f"{milestone}_{kind}"
    for milestone in ("out", "off", "on", "in")
    for kind in ("scheduled", "estimated", "actual")
)
OTHER_TIMES = ("next_info",)
WORD_CELLS = (
    "destination",
    "planned_destination",
    "deviation",
    "service",
    "registration",
    "cause",
    "out_terminal",
    "out_gate",
    "in_terminal",
    "in_gate",
    "baggage",
)
_CELLS = TIME_CELLS + OTHER_TIMES + WORD_CELLS
_PAYLOAD_DIGITS = 12
_PROVISIONAL = "~"
_SHARE = "share:"


class Cell(msgspec.Struct, frozen=True, array_like=True):
    """One field's newest value and the version that set it; None: explicitly withdrawn."""

    value: int | str | None
    version: Version


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was last alerted: the kind, the off-block time then given (ms), and the revision."""

    kind: Kind
    out: int | None
    rev: int


class LegState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of one leg, what was told of it, and what is decided but not yet emitted.

    `rev` counts the successful writes and is the optimistic lock. `pending` is the outbox: these
    disruptions were decided under `token` and count as emitted once the token is confirmed.
    A state whose key starts with `~` holds what is known under a source's own id while the leg's
    date is unknown; `moved_to` names the leg it turned out to be. `renamed` is the version of the
    message that gave the leg another number or date. `first_destination` is the oldest destination
    told: a flight whose feed only names the present one is diverted when that is another. `feed`
    is the connection last heard of it.
    """

    key: str
    rev: int = 0
    airline: str = ""
    number: int = 0
    suffix: str = ""
    origin: str | None = None
    date: str | None = None
    date_basis: DateBasis = "none"
    cells: dict[str, Cell] = {}
    first_destination: Cell | None = None
    told: Told | None = None
    pending: tuple[Disruption, ...] = ()
    token: str | None = None
    moved_to: str | None = None
    renamed: Version | None = None
    received_at: int = 0
    feed: str = ""

    def time(self, name: str) -> int | None:
        """The value of a time register in ms UTC, or None."""
        cell = self.cells.get(name)
        return cell.value if cell is not None and isinstance(cell.value, int) else None

    def word(self, name: str) -> str | None:
        """The value of a text register, or None."""
        cell = self.cells.get(name)
        return cell.value if cell is not None and isinstance(cell.value, str) else None

    @property
    def planned_destination(self) -> str | None:
        """Where it was to go: as a source says, else the first destination told."""
        first = self.first_destination
        told = first.value if first is not None and isinstance(first.value, str) else None
        return self.word("planned_destination") or told

    @property
    def diverted(self) -> bool:
        """Whether it goes elsewhere: by a source's word, or by another destination in the air."""
        if self.word("deviation") in ("diverted", "none"):
            return self.word("deviation") == "diverted"
        elsewhere = self.word("destination") != self.planned_destination
        return elsewhere and self.time("off_actual") is not None

    @property
    def code_shares(self) -> tuple[str, ...]:
        """Other numbers the leg is sold under, each with `/<date>` if that is not the leg's own."""
        found = (cell.value for name, cell in self.cells.items() if name.startswith(_SHARE))
        return tuple(sorted(str(number) for number in found if number is not None))

    @property
    def provisional(self) -> bool:
        """True for what is known under a source's id only."""
        return self.key.startswith(_PROVISIONAL)


def leg_key(status: FlightStatus) -> str | None:
    """The canonical key: operating airline, number, suffix, origin, scheduled local date.

    None when the status does not say on which date the leg departs.
    """
    if status.date is None or status.origin is None:
        return None
    return f"{status.airline}{status.number}{status.suffix}.{status.origin}.{status.date}"


def source_keys(status: FlightStatus) -> tuple[str, ...]:
    """The keys under which the source's own ids of the leg are kept, its main one first."""
    ids = (status.source_id, *status.aliases)
    return tuple(dict.fromkeys(f"{_PROVISIONAL}{name}" for name in ids if name))


def version_of(status: FlightStatus) -> Version:
    """The status's place in the total order."""
    payload = status.message_id[:_PAYLOAD_DIGITS]
    return (status.source_time, status.source_rank, status.sequence, payload)


def cells_of(status: FlightStatus) -> dict[str, int | str | None]:
    """The registers a status speaks of; a missing field is not among them, a withdrawn one is."""
    said: dict[str, int | str | None] = dict.fromkeys(status.cleared)
    for name in _CELLS:
        value = getattr(status, name)
        if value is not None:
            said[name] = value
    for number in status.code_shares:
        said[_SHARE + number] = number
    if status.life == "doubtful":
        said["doubt"] = status.life
    elif status.life != "unsaid":
        said["life"] = status.life
    return said


def fold(state: LegState, statuses: Sequence[FlightStatus]) -> tuple[LegState, list[Verdict]]:
    """The state after `statuses` in any order, and what each of them was to it.

    A status is applied when it set at least one register, a duplicate when all its registers
    already carry its own version, and stale otherwise.
    """
    cells = dict(state.cells)
    verdicts: list[Verdict] = []
    received_at, feed = state.received_at, state.feed
    first = state.first_destination
    for status in statuses:
        version = version_of(status)
        said = cells_of(status)
        if status.destination is not None:
            first = _older(first, Cell(status.destination, version))
        newer = [name for name in said if name not in cells or cells[name].version < version]
        for name in newer:
            cells[name] = Cell(said[name], version)
        if newer:
            verdicts.append("applied")
            if status.received_at >= received_at:
                received_at, feed = status.received_at, status.feed
        elif all(cells[name].version == version for name in said):
            verdicts.append("duplicate")
        else:
            verdicts.append("stale")
    if "applied" not in verdicts and first is state.first_destination:
        return state, verdicts
    after = msgspec.structs.replace(
        state, cells=cells, first_destination=first, received_at=received_at, feed=feed
    )
    return after, verdicts


def _older(known: Cell | None, told: Cell | None) -> Cell | None:
    """The one with the lower version; `known` itself when it stays."""
    if known is None or told is None:
        return told if known is None else known
    return told if told.version < known.version else known


def sold_as(state: LegState, number: str, version: Version) -> LegState:
    """The state with one more number it is sold under, as a ticket prints it."""
    return absorb(state, LegState(key=state.key, cells={_SHARE + number: Cell(number, version)}))


def absorb(state: LegState, other: LegState) -> LegState:
    """The state with the registers of another one joined in; `state` itself when none is newer."""
    newer = {
        name: cell
        for name, cell in other.cells.items()
        if name not in state.cells or state.cells[name].version < cell.version
    }
    first = _older(state.first_destination, other.first_destination)
    if not newer and first is state.first_destination:
        return state
    return msgspec.structs.replace(state, cells={**state.cells, **newer}, first_destination=first)


def states_hash(states: Iterable[LegState]) -> str:
    """SHA-256 over the registers of all known legs, in key order; 64 hex digits.

    What was told and how often the state was written depend on batching and are left out; so are
    provisional and moved states, whose registers stand in the leg they belong to.
    """
    digest = hashlib.sha256()
    for state in sorted(known_legs(states), key=lambda state: state.key):
        cells = {name: state.cells[name] for name in sorted(state.cells)}
        digest.update(msgspec.json.encode((state.key, cells)))
    return digest.hexdigest()


def known_legs(states: Iterable[LegState]) -> list[LegState]:
    """The states that are legs of their own: dated and not moved."""
    return [state for state in states if not state.provisional and state.moved_to is None]
