"""The ordinary Firehose message, quickly: straight from a typed decode to the status.

Nine of ten messages of a feed are ordinary: every member a string, every time well formed. Only
those are read here; for whatever is odd about a message the answer is None, and the careful reading
decides. A status from here is the one the careful reading would give, which a property test holds;
members that nobody asks for are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from filters.designators import Flight, airport_code
from schemas.records import DateBasis, FeedMessage, FlightStatus, Life

NAME: Final = "firehose"
_PREFIX: Final = f"{NAME}:"
_MOST_KEPT = 65_536
_LONGEST = 200
_FIRST, _LAST = 946_684_800, 4_102_444_799  # seconds: the years 2000 to 2099
_TEN_DIGITS = 10
_ORDINARY_BYTES = 4_096

Dates: TypeAlias = Callable[[str | None, int | None, int | None], tuple[str | None, DateBasis]]
Flights: TypeAlias = Callable[[str], Flight | None]


class _OddError(Exception):
    """Something about the message is not ordinary."""


class _Moments(dict[str, int]):
    """Moments in ms UTC by their seconds as text, read once."""

    def __missing__(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= _TEN_DIGITS):
            raise _OddError
        seconds = int(text)
        if not _FIRST <= seconds <= _LAST:
            raise _OddError
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[text] = seconds * 1000
        return seconds * 1000


class _Airports(dict[str, str | None]):
    """Airports as records carry them by their code as told, read once."""

    def __missing__(self, text: str) -> str | None:
        if len(text) > _LONGEST:
            raise _OddError
        if len(self) >= _MOST_KEPT:
            self.clear()
        code = self[text] = airport_code(text)
        return code


_MS: Final = _Moments()
_AIRPORTS: Final = _Airports()


class _Heard(msgspec.Struct, gc=False):
    """The members that a status is made of, all as Firehose sends them: strings."""

    type: str
    pitr: str
    ident: str
    id: str | None = None
    orig: str | None = None
    dest: str | None = None
    reg: str | None = None
    status: str | None = None
    trueCancel: str | None = None  # noqa: N815  (Firehose's name)
    timeType: str | None = None  # noqa: N815  (the same)
    clock: str | None = None
    adt: str | None = None
    aat: str | None = None
    fdt: str | None = None
    edt: str | None = None
    eta: str | None = None
    scheduled_out: str | None = None
    scheduled_off: str | None = None
    scheduled_on: str | None = None
    scheduled_in: str | None = None
    estimated_out: str | None = None
    estimated_off: str | None = None
    estimated_on: str | None = None
    estimated_in: str | None = None
    actual_out: str | None = None
    actual_off: str | None = None
    actual_on: str | None = None
    actual_in: str | None = None
    actual_departure_terminal: str | None = None
    estimated_departure_terminal: str | None = None
    scheduled_departure_terminal: str | None = None
    actual_departure_gate: str | None = None
    estimated_departure_gate: str | None = None
    scheduled_departure_gate: str | None = None
    actual_arrival_terminal: str | None = None
    estimated_arrival_terminal: str | None = None
    scheduled_arrival_terminal: str | None = None
    actual_arrival_gate: str | None = None
    estimated_arrival_gate: str | None = None
    scheduled_arrival_gate: str | None = None
    baggage_claim: str | None = None


_decode = msgspec.json.Decoder(_Heard).decode
# Of a status letter that is not here the careful reading makes what is right.
_LIVES: Final[dict[str | None, Life]] = {
    None: "operating",
    **dict.fromkeys(("", "S", "F", "A", "Z"), "operating"),
    "X": "doubtful",
}


def status(message: FeedMessage, rank: int, flights: Flights, dates: Dates) -> FlightStatus | None:
    """The status in an ordinary message; None for an odd one, or one that makes no status.

    `flights` splits an ident, `dates` finds the departure date of origin, scheduled off-block and
    take-off: the careful reading's own.
    """
    payload = message.payload
    # What is skipped unread would pass with bytes that are no JSON in it.
    if len(payload) > _ORDINARY_BYTES or not payload.isascii():
        return None
    try:
        heard = _decode(payload)
        named = flights(heard.ident)
        if named is None or heard.status not in _LIVES:
            return None
        said = _full(heard) if heard.type in _FULL else _short(heard)
        if said is None:
            return None
        source_id = heard.id
        if source_id and (len(source_id) > _LONGEST or source_id != source_id.strip()):
            return None
        origin = _AIRPORTS[heard.orig] if heard.orig else None
        date, basis = dates(origin, said.get("out_scheduled"), said.get("off_scheduled"))
        return FlightStatus(
            id=message.id + ".0",
            message_id=message.id,
            replay=message.replay,
            format=NAME,
            feed=message.feed,
            source_time=_MS[heard.pitr],
            source_rank=rank,
            sequence=0,
            received_at=message.received_at,
            source_id=_PREFIX + source_id if source_id else None,
            airline=named[0],
            number=named[1],
            suffix=named[2],
            origin=origin,
            destination=_AIRPORTS[heard.dest] if heard.dest else None,
            date=date,
            date_basis=basis,
            registration=_mark(heard.reg) if heard.reg else None,
            **said,
        )
    except (_OddError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_FULL: Final = ("flifo", "extendedFlightInfo")


def _full(heard: _Heard) -> dict[str, Any] | None:  # noqa: C901, PLR0912  (one line for each time)
    """All times, and the places, of a message that may name them all."""
    said: dict[str, Any] = {"life": _LIVES[heard.status]}
    if heard.scheduled_out:
        said["out_scheduled"] = _MS[heard.scheduled_out]
    if heard.estimated_out:
        said["out_estimated"] = _MS[heard.estimated_out]
    if heard.actual_out:
        said["out_actual"] = _MS[heard.actual_out]
    if heard.scheduled_off:
        said["off_scheduled"] = _MS[heard.scheduled_off]
    if heard.estimated_off:
        said["off_estimated"] = _MS[heard.estimated_off]
    if heard.actual_off:
        said["off_actual"] = _MS[heard.actual_off]
    if heard.scheduled_on:
        said["on_scheduled"] = _MS[heard.scheduled_on]
    if heard.estimated_on:
        said["on_estimated"] = _MS[heard.estimated_on]
    if heard.actual_on:
        said["on_actual"] = _MS[heard.actual_on]
    if heard.scheduled_in:
        said["in_scheduled"] = _MS[heard.scheduled_in]
    if heard.estimated_in:
        said["in_estimated"] = _MS[heard.estimated_in]
    if heard.actual_in:
        said["in_actual"] = _MS[heard.actual_in]
    if heard.type == "flifo":
        # Gates travel in a message of their own.
        return None if _has_places(heard) else said
    # Without a schedule it perhaps says nothing at all.
    return _with_places(said, heard) if heard.scheduled_out else None


def _has_places(heard: _Heard) -> bool:
    return bool(
        heard.actual_departure_gate
        or heard.estimated_departure_gate
        or heard.scheduled_departure_gate
        or heard.actual_arrival_gate
        or heard.estimated_arrival_gate
        or heard.scheduled_arrival_gate
        or heard.actual_departure_terminal
        or heard.estimated_departure_terminal
        or heard.scheduled_departure_terminal
        or heard.actual_arrival_terminal
        or heard.estimated_arrival_terminal
        or heard.scheduled_arrival_terminal
        or heard.baggage_claim
    )


def _with_places(said: dict[str, Any], heard: _Heard) -> dict[str, Any]:
    """Gates and terminals actually used outrank those estimated, and these those scheduled."""
    said["life"] = "unsaid"
    said["out_terminal"] = _word(
        heard.actual_departure_terminal
        or heard.estimated_departure_terminal
        or heard.scheduled_departure_terminal
    )
    said["out_gate"] = _word(
        heard.actual_departure_gate
        or heard.estimated_departure_gate
        or heard.scheduled_departure_gate
    )
    said["in_terminal"] = _word(
        heard.actual_arrival_terminal
        or heard.estimated_arrival_terminal
        or heard.scheduled_arrival_terminal
    )
    said["in_gate"] = _word(
        heard.actual_arrival_gate or heard.estimated_arrival_gate or heard.scheduled_arrival_gate
    )
    said["baggage"] = _word(heard.baggage_claim)
    return said


def _short(heard: _Heard) -> dict[str, Any] | None:
    """The one or two times of the other messages."""
    match heard.type:
        case "offblock" if heard.clock:
            return {"life": _LIVES[heard.status], "out_actual": _MS[heard.clock]}
        case "onblock" if heard.clock:
            return {"life": _LIVES[heard.status], "in_actual": _MS[heard.clock]}
        case "arrival" if heard.aat:
            cell = "on_actual" if heard.timeType == "actual" else "on_estimated"
            return {"life": _LIVES[heard.status], cell: _MS[heard.aat]}
        case "departure" if heard.adt and not (heard.edt or heard.eta):
            return {"life": _LIVES[heard.status], "off_actual": _MS[heard.adt]}
        case "cancellation":
            return {
                "life": "cancelled" if heard.trueCancel == "1" else "doubtful",
                "off_scheduled": _MS[heard.fdt] if heard.fdt else None,
                "off_estimated": _MS[heard.edt] if heard.edt else None,
                "on_estimated": _MS[heard.eta] if heard.eta else None,
            }
    return None


def _word(text: str | None) -> str | None:
    """A word as it stands, if it has no blanks around and no undue length."""
    if text is not None and (len(text) > _LONGEST or text != text.strip()):
        raise _OddError
    return text or None


def _mark(text: str) -> str | None:
    mark = _word(text)
    if mark is None or mark == "BLOCKED" or "-" in mark:
        raise _OddError
    return mark
