"""FlightAware Firehose: one JSON object per line, every value a string, epochs in seconds UTC.

Source: FlightAware, "Firehose Documentation", chapters Messages and Commands. `flifo`,
`flightplan`, `departure`, `arrival`, `offblock`, `onblock`, `cancellation` and
`extendedFlightInfo` become flight statuses; the feed's order is `pitr`, its point in time of
receipt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from filters.designators import Flight, airport_code
from filters.normalize.moments import epoch_ms
from filters.normalize.splitting import Piece, lines
from filters.normalize.statuses import departure_date
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import DateBasis, FeedMessage, FlightStatus, Life

NAME: Final = "firehose"
TITLE: Final = "FlightAware Firehose, JSON lines"

_EPOCH_MIN, _EPOCH_MAX = 946_684_800, 4_102_444_799  # the years 2000 to 2099
_IDENT = re.compile(r"(?P<airline>[A-Z]{3})0*(?P<number>[1-9][0-9]{0,3})(?P<suffix>[A-Z]?)")
_REGISTRATION = re.compile(r"[A-Z0-9-]{2,10}")
_LETTER = re.compile(r"[A-Z]")
_LONGEST_TEXT = 200  # far longer than any real one, and short enough for a table's key
_LONGEST_IDENT = 16
_ANY_SOURCE: Final = Source()  # only a UTC date, which Firehose has none of, asks for more
_QUIET: Final = {
    "keepalive": "keepalive",
    "position": "position",
    "ground_position": "position",
    "near_surface_position": "position",
    "vehicle_position": "position",
    "error": "feed_error",
}

# Which time of the message is which milestone; runway and gate times are never mixed.
_PLAN: Final = {"fdt": "off_scheduled", "edt": "off_estimated", "eta": "on_estimated"}
_FULL: Final = {
    f"{kind}_{milestone}": f"{milestone}_{kind}"
    for kind in ("scheduled", "estimated", "actual")
    for milestone in ("out", "off", "on", "in")
}
_TIMES: Final[dict[str, dict[str, str]]] = {
    "flifo": _FULL,
    "extendedFlightInfo": _FULL,
    "flightplan": _PLAN,
    "cancellation": _PLAN,
    "departure": {"adt": "off_actual", "edt": "off_estimated", "eta": "on_estimated"},
    "arrival": {"aat": "on_actual"},
    "offblock": {"clock": "out_actual"},
    "onblock": {"clock": "in_actual"},
}
# Of a status letter nobody documents we make nothing: it must not take a cancellation back.
_STATUS_LIFE: Final[dict[str, Life]] = {
    **dict.fromkeys(("", "S", "F", "A", "Z"), "operating"),
    "X": "doubtful",
}
# A gate or terminal actually used outranks the one estimated or scheduled in the same message.
_PLACES: Final = {
    f"{milestone}_{what}": tuple(
        f"{kind}_{end}_{what}" for kind in ("actual", "estimated", "scheduled")
    )
    for milestone, end in (("out", "departure"), ("in", "arrival"))
    for what in ("terminal", "gate")
}

_WORDS: Final[dict[str, tuple[str, Callable[[str], str | None]]]] = {
    # Firehose also names waypoints and pairs of coordinates as origin and destination.
    "orig": ("origin", airport_code),
    "dest": ("destination", airport_code),
    "reg": ("registration", lambda mark: None if mark == "BLOCKED" else mark),
    "baggage_claim": ("baggage", str),
}
_PLACE_NAMES: Final = frozenset(name for names in _PLACES.values() for name in names)
FIELDS: Final = {
    **{f"{kind}.{name}": cell for kind, names in _TIMES.items() for name, cell in names.items()},
    "ident": "airline, number, suffix",
    **{name: cell for name, (cell, _) in _WORDS.items()},
    **{name: cell for cell, names in _PLACES.items() for name in names},
    "id": "source_id",
    "pitr": "source_time",
    "status, trueCancel": "life",
}
IGNORED: Final = {kind: f"dropped: {reason}" for kind, reason in _QUIET.items()}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Key(msgspec.Struct):
    id: str | None = None


_decode_key = msgspec.json.Decoder(_Key).decode


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One message a line."""
    return lines(chunks)


def detect(payload: bytes) -> bool:
    """True when the bytes look like a Firehose message: a JSON object with type and pitr."""
    head = payload[:4096].lstrip()
    return head.startswith(b"{") and b'"type"' in payload and b'"pitr"' in payload


def leg_key(payload: bytes) -> str | None:
    """FlightAware's flight id without building the whole message; None when it names none."""
    try:
        key = _decode_key(payload).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # normalize rejects it, with its reason
    key = key.strip() if key else ""
    return key if 0 < len(key) <= _LONGEST_TEXT else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status in one message, or why it says nothing of a flight's times.

    Raises RejectRecord naming the field when the message names no flight or a time is malformed.
    """
    fields = _object(message.payload)
    kind = fields.get("type")
    if not isinstance(kind, str) or not kind:
        raise RejectRecord("type: missing, so this is no Firehose message")
    times = _TIMES.get(kind)
    if times is None:
        return Drop(_QUIET.get(kind, "unknown_type"))
    ident = _ident(fields)
    if isinstance(ident, Drop):
        return ident
    said = _said(fields, times)
    if kind == "arrival" and fields.get("timeType") != "actual" and "on_actual" in said:
        # An estimated touchdown is not a landing.
        said["on_estimated"] = said.pop("on_actual")
    life = _life(kind, fields)
    origin = said.get("origin")
    tells = len(said) > (origin is not None) or life != "unsaid"
    date, basis = _departure_date(origin, said.get("out_scheduled"), said.get("off_scheduled"))
    source_id = _text(fields, "id")
    status = FlightStatus(
        id=message.id + ".0",
        replay=message.replay,
        message_id=message.id,
        format=NAME,
        feed=message.feed,
        source_time=_source_time(fields, message),
        source_rank=source.rank,
        sequence=0,
        received_at=message.received_at,
        source_id=None if source_id is None else f"{NAME}:{source_id}",
        airline=ident.airline,
        number=ident.number,
        suffix=ident.suffix,
        date=date,
        date_basis=basis,
        life=life,
        **said,
    )
    return (status,) if tells else Drop("says_nothing")


def _said(fields: dict[str, Any], times: dict[str, str]) -> dict[str, Any]:
    """The fields of a status that the members name, in one pass over them."""
    said: dict[str, Any] = {}
    for name, value in fields.items():
        cell = times.get(name)
        if cell is not None:
            ms = _known_epoch(value) if type(value) is str else None
            said[cell] = epoch_ms(value, name) if ms is None else ms
        elif name in _WORDS:
            cell, read = _WORDS[name]
            text = _text(fields, name)
            said[cell] = text and read(text)
    if not _PLACE_NAMES.isdisjoint(fields):
        for cell, names in _PLACES.items():
            said[cell] = next((text for name in names if (text := _text(fields, name))), None)
    return {cell: value for cell, value in said.items() if value is not None}


@lru_cache(maxsize=65_536)
def _known_epoch(text: str) -> int | None:
    """The moment of well-formed seconds; None leaves it to be read, or refused, by name."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_EPOCH_MAX))):
        return None
    return int(text) * 1000 if _EPOCH_MIN <= int(text) <= _EPOCH_MAX else None


def _object(payload: bytes) -> dict[str, Any]:
    try:
        return _decode(payload)
    except msgspec.ValidationError as error:
        reason = f"message: {error}"
        raise RejectRecord(reason) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = f"message: not JSON: {error}"
        raise RejectRecord(reason) from error
    except RecursionError as error:
        reason = "message: nested too deeply"
        raise RejectRecord(reason) from error


def _ident(fields: dict[str, Any]) -> Flight | Drop:
    ident = fields.get("ident")
    if not isinstance(ident, str) or not ident:
        raise RejectRecord("ident: missing, so no flight is named")
    if ident == "BLOCKED":
        return Drop("blocked")
    named = _flight(ident) if len(ident) <= _LONGEST_IDENT else None
    if named is not None:
        return named
    if _REGISTRATION.fullmatch(ident) and _LETTER.search(ident):
        return Drop("not_an_airline_flight")
    raise RejectRecord(f"ident: {ident[:40]!r} is no flight number")


@lru_cache(maxsize=16_384)
def _flight(ident: str) -> Flight | None:
    """The flight behind an ident, always with an ICAO designator; a registration is none."""
    match = _IDENT.fullmatch(ident)
    return match and Flight(match["airline"], int(match["number"]), match["suffix"])


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if not isinstance(value, str):
        return None
    value = value.strip()
    if len(value) > _LONGEST_TEXT:
        reason = f"{name}: {len(value)} characters; at most {_LONGEST_TEXT} are expected"
        raise RejectRecord(reason)
    return value or None


def _source_time(fields: dict[str, Any], message: FeedMessage) -> int:
    """When FlightAware received it; a message without `pitr` counts from its own clock or ours."""
    told = epoch_ms(fields.get("pitr"), "pitr") or epoch_ms(fields.get("clock"), "clock")
    return told or message.received_at


def _life(kind: str, fields: dict[str, Any]) -> Life:
    """`trueCancel` 1 is a cancellation; a dropped plan or a status X elsewhere is only evidence.

    Gate news says nothing of whether the flight operates, everything else says that it does.
    """
    if kind == "cancellation":
        return "cancelled" if fields.get("trueCancel") in ("1", 1) else "doubtful"
    if kind == "extendedFlightInfo":
        return "unsaid"
    return _STATUS_LIFE.get(_text(fields, "status") or "", "unsaid")


@lru_cache(maxsize=65_536)
def _departure_date(
    origin: str | None, out: int | None, off: int | None
) -> tuple[str | None, DateBasis]:
    """The local departure date at the origin, and whether the schedule or a filed plan gave it."""
    times = {"out_scheduled": out, "off_scheduled": off}
    return departure_date(origin, None, times, None, None, _ANY_SOURCE)
