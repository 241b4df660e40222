"""FlightAware Firehose: one JSON object per line, every value a string, epochs in seconds UTC.

Source: FlightAware, "Firehose Documentation", chapters Messages and Commands. `flifo`,
`flightplan`, `departure`, `arrival`, `offblock`, `onblock`, `cancellation` and
`extendedFlightInfo` become flight statuses; the feed's order is `pitr`, its point in time of
receipt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from filters import reference
from filters.legs import cells_of
from filters.normalize.splitting import Piece, lines
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import DateBasis, FeedMessage, FlightStatus, Life

NAME: Final = "firehose"
TITLE: Final = "FlightAware Firehose, JSON lines"

_EPOCH_MIN, _EPOCH_MAX = 946_684_800, 4_102_444_799  # the years 2000 to 2099
_IDENT = re.compile(r"(?P<airline>[A-Z]{3})0*(?P<number>[1-9][0-9]{0,3})(?P<suffix>[A-Z]?)")
_AIRPORT = re.compile(r"[A-Z0-9]{3,4}")
_REGISTRATION = re.compile(r"[A-Z0-9-]{2,10}")
_LETTER = re.compile(r"[A-Z]")
_LONGEST_TEXT = 200  # far longer than any real one, and short enough for a table's key
# Gate and runway times lie up to 45 minutes apart, so a take-off soon after midnight names no day.
_TAXI_MS = 45 * 60_000
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

FIELDS: Final = {
    **{f"{kind}.{name}": cell for kind, names in _TIMES.items() for name, cell in names.items()},
    "ident": "airline, number, suffix",
    "orig": "origin",
    "dest": "destination",
    "id": "source_id",
    "reg": "registration",
    "pitr": "source_time",
    "status, trueCancel": "life",
    "*_gate, *_terminal": "gates and terminals",
    "baggage_claim": "baggage",
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
        reason = "type: missing, so this is no Firehose message"
        raise RejectRecord(reason)
    if kind in _QUIET:
        return Drop(_QUIET[kind])
    if kind not in _TIMES:
        return Drop("unknown_type")
    ident = _ident(fields)
    if isinstance(ident, Drop):
        return ident
    status = _status(message, source, fields, kind, ident)
    return (status,) if cells_of(status) else Drop("says_nothing")


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


def _ident(fields: dict[str, Any]) -> re.Match[str] | Drop:
    ident = fields.get("ident")
    if not isinstance(ident, str) or not ident:
        reason = "ident: missing, so no flight is named"
        raise RejectRecord(reason)
    if ident == "BLOCKED":
        return Drop("blocked")
    match = _IDENT.fullmatch(ident)
    if match is not None:
        return match
    if _REGISTRATION.fullmatch(ident) and _LETTER.search(ident):
        return Drop("not_an_airline_flight")
    reason = f"ident: {ident[:40]!r} is no flight number"
    raise RejectRecord(reason)


def _epoch_ms(fields: dict[str, Any], name: str) -> int | None:
    """The field as ms UTC; an empty or missing one is unknown. Raises RejectRecord otherwise."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_EPOCH_MAX))):
        # Showing a nested value could go deeper than reading it did.
        shown = repr(text[:40]) if text else type(value).__name__
        reason = f"{name}: {shown} is no epoch in seconds"
        raise RejectRecord(reason)
    seconds = int(text)
    if not _EPOCH_MIN <= seconds <= _EPOCH_MAX:
        reason = f"{name}: {seconds} is not between the years 2000 and 2099"
        raise RejectRecord(reason)
    return seconds * 1000


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if not isinstance(value, str):
        return None
    value = value.strip()
    if len(value) > _LONGEST_TEXT:
        reason = f"{name}: {len(value)} characters; at most {_LONGEST_TEXT} are expected"
        raise RejectRecord(reason)
    return value or None


def _status(
    message: FeedMessage, source: Source, fields: dict[str, Any], kind: str, ident: re.Match[str]
) -> FlightStatus:
    times: dict[str, Any] = {cell: _epoch_ms(fields, name) for name, cell in _TIMES[kind].items()}
    if kind == "arrival" and fields.get("timeType") != "actual":
        # An estimated touchdown is not a landing.
        times = {"on_estimated": times["on_actual"]}
    origin = _airport(fields, "orig")
    date, basis = _departure_date(origin, times)
    source_id = _text(fields, "id")
    places: dict[str, Any] = {cell: _first(fields, names) for cell, names in _PLACES.items()}
    return FlightStatus(
        id=f"{message.id}.0",
        replay=message.replay,
        message_id=message.id,
        format=NAME,
        feed=message.feed,
        source_time=_source_time(fields, message),
        source_rank=source.rank,
        sequence=0,
        received_at=message.received_at,
        source_id=None if source_id is None else f"{NAME}:{source_id}",
        airline=ident["airline"],
        number=int(ident["number"]),
        suffix=ident["suffix"],
        origin=origin,
        destination=_airport(fields, "dest"),
        date=date,
        date_basis=basis,
        registration=_registration(fields),
        life=_life(kind, fields),
        baggage=_text(fields, "baggage_claim"),
        **places,
        **times,
    )


def _source_time(fields: dict[str, Any], message: FeedMessage) -> int:
    """When FlightAware received it; a message without `pitr` counts from its own clock or ours."""
    return _epoch_ms(fields, "pitr") or _epoch_ms(fields, "clock") or message.received_at


def _life(kind: str, fields: dict[str, Any]) -> Life:
    """`trueCancel` 1 is a cancellation; a dropped plan or a status X elsewhere is only evidence.

    Gate news says nothing of whether the flight operates, everything else says that it does.
    """
    if kind == "cancellation":
        return "cancelled" if fields.get("trueCancel") in ("1", 1) else "doubtful"
    if kind == "extendedFlightInfo":
        return "unsaid"
    return _STATUS_LIFE.get(_text(fields, "status") or "", "unsaid")


def _airport(fields: dict[str, Any], name: str) -> str | None:
    code = _text(fields, name)
    # Firehose also names waypoints and pairs of coordinates here.
    if code is None or not _AIRPORT.fullmatch(code):
        return None
    airport = reference.airport(code)
    return code if airport is None else airport.iata or airport.icao


def _departure_date(
    origin: str | None, times: dict[str, int | None]
) -> tuple[str | None, DateBasis]:
    """The local departure date at the origin, and whether the schedule or a filed plan gave it.

    The off-block names it; a take-off, scheduled or filed, only when both are on one day for sure.
    """
    airport = reference.airport(origin) if origin else None
    if airport is None:
        return None, "none"
    out, off = times.get("out_scheduled"), times.get("off_scheduled")
    if out is not None:
        return reference.local_date(out, airport.zone), "scheduled"
    if off is None:
        return None, "none"
    date = reference.local_date(off, airport.zone)
    sure = date == reference.local_date(off - _TAXI_MS, airport.zone)
    return (date, "filed") if sure else (None, "none")


def _registration(fields: dict[str, Any]) -> str | None:
    mark = _text(fields, "reg")
    return None if mark in (None, "BLOCKED") else mark


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := _text(fields, name)) is not None), None)
