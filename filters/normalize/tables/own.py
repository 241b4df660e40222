r"""flightwire's own format, for whoever has none of the others: JSON or CSV, a leg a message.

JSON is one object a line (or one after another, or an array of them); CSV is a header line and a
row a leg, comma-separated, UTF-8, quoted as RFC 4180 says. Both have the same names:

    {"flight": "BA117", "origin": "LHR", "destination": "JFK", "date": "2026-11-20",
     "out_scheduled": "2026-11-20T08:25:00Z", "out_estimated": "2026-11-20T10:05:00+00:00",
     "reason": "AHM730:71", "updated_at": "2026-11-20T07:40:00Z"}

- `flight` is the operating flight's designator, IATA or ICAO; or `airline`, `number` and `suffix`.
- `origin`, `destination`: IATA or ICAO codes. `planned_destination` of a flight that diverts.
- `date`: the scheduled departure date, local at the origin, as tickets have it; it stays when the
  flight is retimed. Without it `out_scheduled` names it. `utc_date` is for who knows that day only
  in UTC.
- `id`: your own name of the leg, as text. Give it in all messages of a leg or in none.
- A leg is named by `flight`, `origin` and a date, or by `flight` and `id`.
- `out`, `off`, `on`, `in` (off-block, take-off, touchdown, on-block), each with `_scheduled`,
  `_estimated` or `_actual`, and `next_info`: ISO 8601 with a zone, `Z` or an offset.
- `status`: `operating` (also: after all), `cancelled`, or `doubtful` for a mere sign of it.
- `deviation`: `diverted`, `ramp_return`, `air_return`, or `none` to take one back.
- `reason`: `SCHEME:CODE`, for example `AHM730:71` or `BTS:B`.
- `out_terminal`, `out_gate`, `in_terminal`, `in_gate`, `baggage`, `registration`, and `service`,
  the letter of SSIM appendix C.
- `code_shares`: other numbers it is sold under; `aliases`: ids that other formats have for it, as
  `firehose:UAL1545-1360152000-airline-0042`. Both are lists; in CSV blanks are between the entries.
- `updated_at`: when the source knew it; without it, the moment of receipt.

What is missing, or an empty cell, says nothing. An explicit `null`, in CSV the word `null`, takes
back a time, gate, registration, reason or service told before. A member of another name is kept as
evidence by its name, and a member that cannot be read rejects the message.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import msgspec

from filters import reference
from filters.designators import airport_zone
from filters.legs import TIME_CELLS
from filters.normalize.moments import date_of
from filters.normalize.splitting import Piece, rows, values
from filters.normalize.statuses import MAX_EVIDENCE, make_status
from filters.normalize.tables import columns
from filters.normalize.tables import own_members as read
from filters.normalize.tables.columns import Layout
from filters.normalize.tables.own_members import WORDS, Members
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

NAME: Final = "flightwire"
TITLE: Final = "flightwire's own format, JSON or CSV"

_TIMES: Final = (*TIME_CELLS, "next_info")
_LIVES: Final[tuple[Life, ...]] = ("operating", "cancelled", "doubtful")
_DEVIATIONS: Final = ("diverted", "ramp_return", "air_return", "none")
_AIRPORTS: Final = ("origin", "destination", "planned_destination")
_LISTS: Final = ("code_shares", "aliases")
FIELDS: Final = {
    "flight": "airline, number, suffix",
    "airline": "airline, without flight",
    "number": "number, without flight",
    "suffix": "suffix, without flight",
    "date": "local departure date",
    "utc_date": "utc_date",
    "id": "source_id",
    "updated_at": "source_time",
    "status": f"life: {', '.join(_LIVES)}",
    "deviation": f"deviation: {', '.join(_DEVIATIONS)}",
    **{name: name for name in (*_AIRPORTS, *_TIMES, *WORDS, *_LISTS)},
    "reason": "cause",
}
IGNORED: Final = {"any other name": "evidence: unknown"}

_SNIFFED: Final = 65_536
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"
_TELLING: Final = (*_TIMES, "status", "deviation")
_FLIGHT_MARK = re.compile(rb'"(?:flight|airline)"\s*:\s*"')
_LEG_MARK = re.compile(rb'"(?:origin|id)"\s*:\s*"')
_TELLING_MARK = re.compile(
    rb'"(?:%b)"\s*:|"status"\s*:\s*"(?:%b)"'
    % ("|".join((*_TIMES, "deviation")).encode(), "|".join(_LIVES).encode())
)

_decode = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]]).decode
_decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


@lru_cache(maxsize=64)
def _layout(line: bytes) -> Layout:
    names = [name.lower() for name in columns.header(line)]
    return columns.layout(names, {name: (name,) for name in FIELDS})


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One leg a message: an object of a JSON file, or a row of a table under its header line."""
    rest = iter(chunks)
    begun: list[bytes] = []
    head = b""
    for chunk in rest:
        begun.append(chunk)
        head = (head + chunk)[:_SNIFFED]
        if head.lstrip(_BLANK) or len(head) == _SNIFFED:
            break
    return (values if _is_json(head) else rows)(chain(begun, rest))


def _is_json(head: bytes) -> bool:
    return head[:_SNIFFED].lstrip(_BLANK)[:1] in (b"{", b"[")


def detect(payload: bytes) -> bool:
    """True for our names of a flight, of its origin or id, and of something told of it."""
    if _is_json(payload):
        marks = (_FLIGHT_MARK, _LEG_MARK, _TELLING_MARK)
        return all(mark.search(payload, 0, _SNIFFED) for mark in marks)
    line = columns.header_line(payload)
    if line is None or b"," not in line:
        return False
    try:
        named = _layout(line).named
    except RejectRecord:
        return False
    flight = "flight" in named or {"airline", "number"} <= named
    return flight and not (named.isdisjoint(("origin", "id")) or named.isdisjoint(_TELLING))


def leg_key(payload: bytes) -> str | None:
    """The id of the leg, else the flight as `BAW117.LHR.2026-11-20`; None for several legs."""
    try:
        keys = {_key(members) for _, members in _legs(payload)}
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return keys.pop() if len(keys) == 1 else None


def _key(members: Members) -> str | None:
    named = read.text(members, "id")
    if named is not None:
        return named
    origin, date = read.airport(members, "origin"), read.date(members, "date")
    due, zone = read.time(members, "out_scheduled"), airport_zone(origin)
    if date is None and due is not None and zone is not None:
        date = reference.local_time(due, zone).date()
    if origin is None or date is None:
        return None
    flight = read.operating(members, date)
    return f"{flight.airline}{flight.number}{flight.suffix}.{origin}.{date}"


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status of each leg; one leg a message as it travels.

    Raises RejectRecord naming the member that is missing or cannot be read.
    """
    said: list[FlightStatus] = []
    for index, (place, members) in enumerate(_legs(message.payload)):
        try:
            status = _status(message, source, members, index)
        except RejectRecord as reject:
            raise RejectRecord(reject.reason, place) from reject
        if status is not None:
            said.append(status)
    return tuple(said) or Drop("says_nothing")


def _legs(payload: bytes) -> Iterator[tuple[str, Members]]:
    """The members of each leg and its place; null in JSON and the word null in CSV are None."""
    if _is_json(payload):
        found = _decoded(payload)
        for number, leg in enumerate(found, 1):
            yield ("" if len(found) == 1 else f"leg {number}"), leg
        return
    line = columns.header_line(payload) or b""
    for place, row in columns.rows(payload, _layout):
        cells = {name: _cell(name, text) for name, text in row.items() if text}
        yield place, {**cells, **_other_columns(line)}


def _cell(name: str, text: str) -> str | list[str] | None:
    if text.lower() == "null":
        return None
    return text.split() if name in _LISTS else text


@lru_cache(maxsize=64)
def _other_columns(line: bytes) -> dict[str, None]:
    return dict.fromkeys(name for name in columns.header(line) if name.lower() not in FIELDS)


def _decoded(payload: bytes) -> list[dict[str, Any]]:
    payload = payload.removeprefix(_BLANK[:3])
    try:
        found = _decode(payload)
    except msgspec.ValidationError as error:
        raise RejectRecord(f"message: {error}") from error
    except RecursionError as error:
        raise RejectRecord("message: nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        several = _several(payload)
        if several is None:
            raise RejectRecord(f"message: not JSON: {error}") from error
        return several
    return [found] if isinstance(found, dict) else found


def _several(payload: bytes) -> list[dict[str, Any]] | None:
    """The objects of JSON lines, for a file that was not split."""
    if b"\n" not in payload.strip():
        return None
    try:
        return _decode_lines(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _status(
    message: FeedMessage, source: Source, members: Members, index: int
) -> FlightStatus | None:
    date, utc_date = read.date(members, "date"), read.date(members, "utc_date")
    times = {name: read.time(members, name) for name in _TIMES}
    day = date or utc_date or _day(times)
    flight = read.operating(members, day)
    origin, destination, planned = (read.airport(members, name) for name in _AIRPORTS)
    source_id = read.text(members, "id")
    if source_id is None and origin is None:
        raise RejectRecord("origin: missing, and no id names the leg")
    if source_id is None and day is None:
        raise RejectRecord("date: missing, and no out_scheduled, utc_date or id names the leg")
    told: dict[str, Any] = {
        **times,
        **{FIELDS[name]: read.word(members, name) for name in WORDS},
        "deviation": read.choice(members, "deviation", _DEVIATIONS),
        "code_shares": read.shares(members, flight, day),
        "aliases": read.aliases(members),
        "cleared": tuple(
            FIELDS[name] for name in (*_TIMES, *WORDS) if name in members and members[name] is None
        ),
    }
    life: Life = read.choice(members, "status", _LIVES) or "unsaid"
    if life == "unsaid" and not any(told.values()):
        return None
    evidence = read.unknown(members, FIELDS)
    said = make_status(
        message,
        source,
        NAME,
        flight=flight,
        source_time=read.time(members, "updated_at") or message.received_at,
        times={cell: told.pop(cell) for cell in TIME_CELLS},
        origin=origin,
        destination=destination,
        planned_destination=planned,
        local_date=None if date is None else date.isoformat(),
        utc_date=None if utc_date is None else utc_date.isoformat(),
        source_id=source_id,
        index=index,
        evidence=evidence,
        life=life,
        **told,
    )
    if date is None or said.date == date.isoformat():
        return said
    # Retimed past midnight: tickets keep the date they were sold for.
    evidence.insert(0, f"out_scheduled_date={said.date}")
    return msgspec.structs.replace(
        said, date=date.isoformat(), date_basis="scheduled", evidence=tuple(evidence[:MAX_EVIDENCE])
    )


def _day(times: dict[str, int | None]) -> dt.date | None:
    """A day near enough to tell which airline held a code."""
    due = times["out_scheduled"] or times["off_scheduled"]
    return None if due is None else date_of(due)
