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
from typing import Any, Final, TypeAlias

import msgspec

from filters.designators import Flight, airport_code
from filters.normalize.firehose import quick
from filters.normalize.moments import epoch_ms
from filters.normalize.splitting import Piece, lines
from filters.normalize.statuses import departure_date
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import DateBasis, FeedMessage, FlightStatus, Life

NAME: Final = quick.NAME
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

_PLACE_NAMES: Final = frozenset(name for names in _PLACES.values() for name in names)
IGNORED: Final = {
    **{kind: f"dropped: {reason}" for kind, reason in _QUIET.items()},
    "other types": "dropped: unknown_type",
    "ident of a registration": "dropped: not_an_airline_flight",
    "ident BLOCKED": "dropped: blocked",
    "predicted_out, predicted_off, predicted_on, predicted_in": "computed, no airline's estimate",
    "ete, speed, alt, route, waypoints, aircrafttype": "not about its times",
}

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
    status = quick.status(message, source.rank, named_flight, departure)
    return carefully(message, source) if status is None else (status,)


def carefully(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The same, member by member, whatever they hold."""
    fields = _object(message.payload)
    kind = fields.get("type")
    if not isinstance(kind, str) or not kind:
        raise RejectRecord("type: missing, so this is no Firehose message")
    readers = _READERS.get(kind)
    if readers is None:
        return Drop(_QUIET.get(kind, "unknown_type"))
    ident = _ident(fields)
    if isinstance(ident, Drop):
        return ident
    said: dict[str, Any] = {
        "id": message.id + ".0",
        "replay": message.replay,
        "message_id": message.id,
        "format": NAME,
        "feed": message.feed,
        "source_rank": source.rank,
        "sequence": 0,
        "received_at": message.received_at,
        "airline": ident[0],
        "number": ident[1],
        "suffix": ident[2],
    }
    names = len(said)
    _read_into(said, fields, readers)
    if kind == "arrival" and fields.get("timeType") != "actual" and "on_actual" in said:
        # An estimated touchdown is not a landing.
        said["on_estimated"] = said.pop("on_actual")
    said["life"] = life = _life(kind, fields)
    if life == "unsaid" and len(said.keys() - _NAMES_ONLY) == names + 1:
        return Drop("says_nothing")
    if "source_time" not in said:
        # A message without `pitr` counts from its own clock or ours.
        said["source_time"] = epoch_ms(fields.get("clock"), "clock") or message.received_at
    said["date"], said["date_basis"] = departure(
        said.get("origin"), said.get("out_scheduled"), said.get("off_scheduled")
    )
    return (FlightStatus(**said),)


def _read_into(said: dict[str, Any], fields: dict[str, Any], readers: dict[str, _Reader]) -> None:
    """Adds the fields of a status that the members name, in one pass over them."""
    for name, value in fields.items():
        reader = readers.get(name)
        if reader is None:
            continue
        cell, read = reader
        told = read(value) if type(value) is str and len(value) <= _LONGEST_TEXT else None
        if told is None:
            told = _unusual(name, value, read)
        if told is not None:
            said[cell] = told
    if not _PLACE_NAMES.isdisjoint(fields):
        for cell, names in _PLACES.items():
            said[cell] = next((text for name in names if (text := _text(fields, name))), None)


def _unusual(name: str, value: object, read: Callable[[str], Any]) -> int | None:
    """A member that is empty, malformed or no string: a time is read by name, a word left out."""
    if read is _moment:
        return epoch_ms(value, name)
    _text({name: value}, name)
    return None


@lru_cache(maxsize=65_536)
def _moment(text: str) -> int | None:
    """The moment of well-formed seconds; None leaves it to be read, or refused, by name."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_EPOCH_MAX))):
        return None
    return int(text) * 1000 if _EPOCH_MIN <= int(text) <= _EPOCH_MAX else None


def _source_id(text: str) -> str | None:
    text = text.strip()
    return f"{NAME}:{text}" if text else None


def _registration(text: str) -> str | None:
    mark = text.strip().replace("-", "")
    return mark if mark not in ("", "BLOCKED") else None


_Reader: TypeAlias = tuple[str, Callable[[str], Any]]
_WORDS: Final[dict[str, _Reader]] = {
    "pitr": ("source_time", _moment),
    "id": ("source_id", _source_id),
    # Firehose also names waypoints and pairs of coordinates as origin and destination.
    "orig": ("origin", airport_code),
    "dest": ("destination", airport_code),
    "reg": ("registration", _registration),
    "baggage_claim": ("baggage", lambda text: text.strip() or None),
}
_NAMES_ONLY: Final = frozenset(("source_time", "source_id", "origin"))
_READERS: Final[dict[str, dict[str, _Reader]]] = {
    kind: {**_WORDS, **{name: (cell, _moment) for name, cell in names.items()}}
    for kind, names in _TIMES.items()
}
FIELDS: Final = {
    **{f"{kind}.{name}": cell for kind, names in _TIMES.items() for name, cell in names.items()},
    "ident": "airline, number, suffix",
    **{name: cell for name, (cell, _) in _WORDS.items()},
    **{name: cell for cell, names in _PLACES.items() for name in names},
    "arrival.timeType": "aat is on_actual when it says actual, else on_estimated",
    "cancellation.trueCancel": "life cancelled when it is 1, else life doubtful",
    **{
        f"status {letter or 'missing'}": f"life {life}; not in cancellation, extendedFlightInfo"
        for letter, life in _STATUS_LIFE.items()
    },
}


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
    named = named_flight(ident)
    if named is not None:
        return named
    if _REGISTRATION.fullmatch(ident) and _LETTER.search(ident):
        return Drop("not_an_airline_flight")
    raise RejectRecord(f"ident: {ident[:40]!r} is no flight number")


def named_flight(ident: str) -> Flight | None:
    """The flight behind an ident, always with an ICAO designator; a registration is none."""
    return _flight(ident) if len(ident) <= _LONGEST_IDENT else None


@lru_cache(maxsize=16_384)
def _flight(ident: str) -> Flight | None:
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


def _life(kind: str, fields: dict[str, Any]) -> Life:
    """`trueCancel` 1 is a cancellation; a dropped plan or a status X elsewhere is only evidence.

    Gate news says nothing of whether the flight operates, everything else says that it does.
    """
    if kind == "cancellation":
        return "cancelled" if fields.get("trueCancel") in ("1", 1) else "doubtful"
    if kind == "extendedFlightInfo":
        return "unsaid"
    status = fields.get("status")
    return _STATUS_LIFE.get(status.strip() if isinstance(status, str) else "", "unsaid")


@lru_cache(maxsize=65_536)
def departure(origin: str | None, out: int | None, off: int | None) -> tuple[str | None, DateBasis]:
    """The local departure date at the origin, and whether the schedule or a filed plan gave it."""
    times = {"out_scheduled": out, "off_scheduled": off}
    return departure_date(origin, None, times, None, None, _ANY_SOURCE)
