"""What all boards share: reading a row member by member, and making the status of one end of a leg.

A row's member that cannot be read is left out and noted as `unread=<member>`; the row is rejected
only when nothing else is left of it, or when it names no flight.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from filters.designators import Flight, airport_code, flight, ticket_number, ticketed
from filters.legs import cells_of
from filters.normalize.moments import MINUTE_MS, date_of, day_ms, iso_ms, local_near_ms
from filters.normalize.statuses import make_status
from filters.normalize.vendors import loose
from filters.normalize.vendors.shares import MOST_SHARES
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

_SHOWN: Final = 40
_HEAD: Final = 64
_LONGEST_WORD: Final = 60
_LONGEST: Final = 200  # far longer than any real text, and short enough for a table's key
_LARGEST: Final = 10**40
# No airport has these: flight plans (ICAO Doc 4444, item 16) and airports' own data write them for
# a place without a code, or an unknown one.
_NOWHERE: Final = frozenset(("ZZZZ", "ZZZ", "XXXX", "XXX"))
_NO_DESIGNATOR = re.compile(r"(?=[0-9-]{0,9}[A-Z])[A-Z0-9-]{2,10}")
_REGISTRATION = re.compile(r"[A-Z0-9-]{2,10}")
_LETTER = re.compile(r"[A-Z]")

_decoder: Final = msgspec.json.Decoder(Any)


class Word(NamedTuple):
    """What a board's status word says; `noted` ones are kept as evidence, for nothing else can."""

    life: Life = "unsaid"
    diverted: bool = False
    noted: bool = False

    @property
    def text(self) -> str:
        """What it becomes, for people."""
        said = [f"life {self.life}"] if self.life != "unsaid" else []
        said += ["deviation diverted"] if self.diverted else []
        return ", ".join(said + (["evidence"] if self.noted else [])) or "nothing"


UNKNOWN: Final = Word(noted=True)
"""A word nobody documents: evidence, and no more."""


class Row:
    """One row of a board. A path is a member's name, or names with dots between; "" is missing."""

    __slots__ = ("_members", "fault", "notes")

    def __init__(self, members: Mapping[str, Any]) -> None:
        """`members` may be of any type, as JSON has them."""
        self._members = members
        self.notes: list[str] = []
        self.fault: RejectRecord | None = None

    def text(self, path: str) -> str | None:
        """A code, id or name; a whole number becomes text, so that no digit of an id is lost."""
        value = self.value(path)
        if isinstance(value, str) and not value.strip():
            return None
        found = _text(value)
        if found is None and value is not None:
            self.unread(path)
        return found

    def first(self, *paths: str) -> str | None:
        """The text of the first path that has one."""
        return next((found for path in paths if (found := self.text(path)) is not None), None)

    def texts(self, path: str) -> tuple[str, ...]:
        """The texts of an array; a single text counts as an array of one."""
        found: list[str] = []
        for item in self.items(path):
            text = _text(item) if isinstance(item, str) else None
            if text is not None:
                found.append(text)
            elif not (item is None or (isinstance(item, str) and not item.strip())):
                self.unread(path)
        return tuple(found)

    def items(self, path: str) -> list[Any]:
        """The elements of an array; a single value counts as an array of one."""
        value = self.value(path)
        return value if isinstance(value, list) else [] if value in (None, "") else [value]

    def flag(self, path: str) -> bool | None:
        """A truth value, also written as a word."""
        value = self.value(path)
        if isinstance(value, str):
            value = {"true": True, "false": False, "y": True, "n": False}.get(value.strip().lower())
        return value if isinstance(value, bool) else None

    def time(self, path: str, *, zone: str | None = "UTC") -> int | None:
        """An ISO 8601 time in ms UTC; `zone` (IANA) is meant when it names none."""
        text = self.text(path)
        try:
            return iso_ms(text, path, zone=zone)
        except RejectRecord as fault:
            self.unread(path, fault)
            return None

    def date(self, path: str) -> dt.date | None:
        """The date in front of an ISO 8601 text, as it is written there."""
        text = self.text(path)
        try:
            ms = iso_ms(text[:10] if text else None, path)
        except RejectRecord as fault:
            self.unread(path, fault)
            return None
        return None if ms is None else date_of(ms)

    def registration(self, path: str) -> str | None:
        """An aircraft's registration."""
        text = (self.text(path) or "").upper()
        return text if _REGISTRATION.fullmatch(text) else None

    def service(self, path: str) -> str | None:
        """A service type letter (SSIM, appendix C)."""
        text = (self.text(path) or "").upper()
        return text if _LETTER.fullmatch(text) else None

    def word(self, path: str, words: Mapping[str, Word], *, text: str | None = None) -> Word:
        """What the status word there, or `text`, says; words stand in `words` in lower case."""
        text = text if text is not None else self.text(path)
        if text is None:
            return Word()
        word = words.get(text.lower(), UNKNOWN)
        if word.noted:
            self.note(path, text)
        return word

    def note(self, name: str, value: str) -> None:
        """Keep a value as evidence."""
        self.notes.append(f"{name}={value[:_LONGEST_WORD]}")

    def unread(self, path: str, fault: RejectRecord | None = None) -> None:
        """Note a member that cannot be read."""
        note = f"unread={path}"
        if note not in self.notes:
            self.notes.append(note)
        self.fault = self.fault or fault

    def value(self, path: str) -> Any:  # noqa: ANN401  (any JSON value)
        """What stands there, of whatever type; None when nothing does."""
        value: Any = self._members
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def _text(value: object) -> str | None:
    """A short text without blanks around it, or a whole number's digits; None for all else."""
    if isinstance(value, str):
        value = value.strip()
        return value if 0 < len(value) <= _LONGEST and value.isprintable() else None
    # A number this long is no id, and Python refuses to write far longer ones.
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    return str(value) if whole else None


class Leg(NamedTuple):
    """The leg that touches this airport: which end of it is told, and the airports of its ends."""

    arriving: bool
    origin: str | None
    destination: str | None

    @property
    def end(self) -> str:
        """The gate milestone told here: `in` of an arrival, `out` of a departure."""
        return "in" if self.arriving else "out"


def leg_of(row: Row, here: str | None, stops: Sequence[str], *, arriving: bool) -> Leg:
    """The leg between this airport and the neighbouring one of `stops`.

    The stops are in the order they are flown; more than one are kept as evidence.
    """
    known = [code for stop in stops if (code := place_of(stop)) is not None]
    if len(known) > 1:
        row.note("route", ".".join(known))
    there = None if not known else known[-1] if arriving else known[0]
    here = place_of(here)
    return Leg(arriving, there, here) if arriving else Leg(arriving, here, there)


def place_of(code: str | None) -> str | None:
    """An airport as records carry it; None for the codes that mean no airport."""
    found = airport_code(code)
    return None if found in _NOWHERE else found


def named(texts: Sequence[str | None], member: str, on: dt.date | None) -> Flight:
    """The flight that the first sound designator names.

    Raises RejectRecord naming the member, or NoAirlineFlight, when there is none.
    """
    told = [text for text in texts if text is not None]
    for text in told:
        found = flight(text, on)
        if found is not None:
            return found
    if not told:
        raise RejectRecord(f"{member}: missing, so no flight is named")
    if _NO_DESIGNATOR.fullmatch(told[0].upper()):
        raise NoAirlineFlight
    raise RejectRecord(f"{member}: {told[0][:_SHOWN]!r} is no flight number")


class NoAirlineFlight(Exception):  # noqa: N818  (says what the row is, not what went wrong)
    """A row of an aircraft that flies under its registration or a call sign."""


def shares(own: Flight, sold: Iterable[str], on: dt.date | None) -> tuple[str, ...]:
    """The numbers among `sold`, as tickets print them, that are not the flight's own."""
    told = islice(sold, MOST_SHARES)
    numbers = {ticketed(text, on) for text in told} - {ticket_number(own, on), None}
    return tuple(sorted(number for number in numbers if number))


def wall_ms(date: dt.date, minutes: int, zone: str, near_ms: int | None) -> int:
    """A local date and the minutes after its midnight, in ms UTC.

    Of two equal readings, when clocks go back, the one nearer to `near_ms`.
    """
    return local_near_ms(day_ms(date) + minutes * MINUTE_MS, zone, near_ms)


def day_of(ms: int | None) -> dt.date | None:
    """The UTC date at a moment, by which a designator's holder is looked up."""
    return None if ms is None else date_of(ms)


def finished(
    message: FeedMessage,
    source: Source,
    format_name: str,
    row: Row,
    leg: Leg,
    word: Word,
    index: int,
    **said: Any,  # noqa: ANN401  (further arguments of make_status)
) -> FlightStatus | Drop:
    """The status of a row; Drop when it says nothing of the leg.

    Raises RejectRecord when nothing is left because something could not be read.
    """
    if word.diverted:
        said |= {"deviation": "diverted", "planned_destination": leg.destination}
    status = make_status(
        message,
        source,
        format_name,
        origin=leg.origin,
        destination=leg.destination,
        life=word.life,
        index=index,
        evidence=row.notes,
        **said,
    )
    beside = {"destination", "service", "registration"}
    if cells_of(status).keys() - beside:
        return status
    if row.fault is not None:
        raise row.fault
    return Drop("says_nothing")


def each(
    rows: Iterable[Mapping[str, Any]], one: Callable[[Row, int], FlightStatus | Drop]
) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of all rows of a message, by the function for one row and its index.

    Raises RejectRecord, naming the row, when one of them can be made nothing of.
    """
    found: list[FlightStatus] = []
    dropped = Drop("no_flights")
    rows = list(rows)
    for index, members in enumerate(rows):
        try:
            said = one(Row(members), index)
        except NoAirlineFlight:
            said = Drop("not_an_airline_flight")
        except RejectRecord as reject:
            if len(rows) == 1:
                raise
            raise RejectRecord(reject.reason, f"row {index + 1}") from reject
        if isinstance(said, Drop):
            dropped = said
        else:
            found.append(said)
    return tuple(found) or dropped


def document(payload: bytes) -> Any:  # noqa: ANN401  (any JSON value)
    """The JSON value in the bytes. Raises RejectRecord when they are none."""
    return loose.read(payload, _decoder)[0]


def objects(value: object, member: str) -> list[dict[str, Any]]:
    """The rows in a JSON value: itself, an array's elements, or those of an object's `member`.

    Raises RejectRecord when there is something else in their place.
    """
    if isinstance(value, dict) and isinstance(value.get(member), list):
        value = value[member]
    found: list[dict[str, Any]] = []
    for number, row in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(row, dict):
            raise RejectRecord("message: a row of a board is a JSON object", f"row {number}")
        found.append(row)
    return found


def only(payload: bytes, rows_in: Callable[[Any], list[dict[str, Any]]]) -> Row | None:
    """The row of a message that has exactly one; None for all other bytes."""
    try:
        found = rows_in(document(payload))
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return Row(found[0]) if len(found) == 1 else None


def has_members(payload: bytes, *names: str) -> bool:
    """True when the bytes begin as JSON and have members with all these names."""
    if payload[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return False
    return all(re.search(rb'"%s"\s*:' % name.encode(), payload) for name in names)
