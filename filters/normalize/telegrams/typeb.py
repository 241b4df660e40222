r"""The envelope of Type B telegrams, in which movement and schedule messages travel.

    \x01QU AMSKLXX LHRBAXX      priority and addresses, on one line or several
    .HKGRCCI 082010             origin, and when it was sent: day, hour and minute, UTC
    \x02PDM                     a possible duplicate, also in front of the identifier
    MVT                         the body: identifier, flight, elements
    ...
    =                           or NNNN, or \x03, or nothing

Source: IATA Systems and Communications Reference, volume 2 (Type B format); every part but the body
may be missing, lines end in CRLF or LF, and control bytes may stand anywhere between lines.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from filters.normalize.moments import DAY_MS, MINUTE_MS, clock_minutes, date_of, day_ms, day_near
from filters.normalize.splitting import MAX_PIECE_BYTES, Piece
from filters.outcome import RejectRecord

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
"""Month numbers by the three letters that telegrams write."""

# A telegram is sent before it is received; two days are left for wrong clocks.
_DAYS_BEFORE, _DAYS_AFTER = 28, 2
_FULL_YEAR = 4
_HEAD_BYTES = 4096  # an envelope with all its addresses is shorter
_HEAD_LINES = 64
_SHORT = 512  # what is longer is no line of an envelope, and no identifier
_BREAKS = re.compile(r"[\r\n\x01-\x04\x0b\x0c]+")
_CONTROL = dict.fromkeys((*range(32), 127, 65279)) | {9: " "}

_ADDRESS = r"[A-Z]{3}[A-Z0-9]{4,5}"
_PRIORITY = re.compile(rf"(?:Q[A-Z]|SS) {{1,3}}{_ADDRESS}(?: .*)?")
_ADDRESSES = re.compile(rf"{_ADDRESS}(?: {{1,3}}{_ADDRESS})*")
_ZCZC = re.compile(r"ZCZC\b.*")
_ORIGIN = re.compile(
    r"\. ?(?P<origin>[A-Z]{3}[A-Z0-9]{4}|[A-Z]{8})(?P<rest>[ /].*|[0-9]{6}(?![0-9]).*)?"
)
_SENT = re.compile(
    r"(?<![0-9])(?P<day>[0-9]{2})(?P<clock>[0-9]{4})Z?"
    r"(?:[ /]?(?P<month>[A-Z]{3})(?:[ /]?(?P<year>[0-9]{4}|[0-9]{2}))?)?(?![0-9A-Z])"
    r"|(?<![0-9])(?P<day2>[0-9]{2})(?P<month2>[A-Z]{3})(?P<year2>[0-9]{4}|[0-9]{2})?"
    r"[ /]?(?P<clock2>[0-9]{4})Z?(?![0-9A-Z])"
)
_MARK = re.compile(r"(?:COR|PDM)(?: +(?:COR|PDM))*")
_STARTS = re.compile(
    r"(?:(?:COR|PDM) +){0,3}(?P<name>[A-Z]{3})(?: +(?:COR|PDM)){0,3}(?: +[A-Z0-9]+/[0-9].*)?"
)
_WORD = re.compile(r"[A-Z]{3}")
_END = "NNNN"
_LINE_ENDS = re.compile(rb"(?<=[\n\x03\x04])|(?=\x01)")
_SILENT: Final = bytes((*range(0x21), 0x7F)) + "\ufeff".encode()


class Telegram(msgspec.Struct, frozen=True, gc=False):
    """One telegram without its envelope.

    `lines` are those of the body in upper case, without blanks around, empty ones and terminators
    left out; the first is its identifier, with COR in front of it or on a line of its own before.
    `sent_at` is in ms UTC, `origin` the sender's address; None and "" when not said. `duplicate`
    says that it was marked PDM, a possible duplicate.
    """

    lines: tuple[str, ...]
    sent_at: int | None
    duplicate: bool
    origin: str


def read(payload: bytes, received_at: int) -> Telegram:
    """The telegram in these bytes; `received_at` (ms UTC) settles the month of its day.

    Never raises: what is no envelope is body, and a time that is none leaves `sent_at` None.
    """
    found = _lines_of(payload)
    start, origin, rest = _envelope(found)
    envelope, body = found[:start], found[start:]
    duplicate = any("PDM" in line.split() for line in (rest, *envelope))
    marked = 0
    while body[marked : marked + 1] in (["COR"], ["PDM"]):
        marked += 1
    for index in range(min(marked + 1, len(body))):
        words = body[index].split()
        if "PDM" in words:
            duplicate = True
            body[index] = " ".join(word for word in words if word != "PDM")
    return Telegram(tuple(filter(None, body)), _sent_at(rest, received_at), duplicate, origin)


def identifier(payload: bytes, names: Collection[str]) -> str:
    """Which of these identifiers (such as MVT) the first telegram in the bytes has, or "".

    Cheap and strict: only an envelope, COR and PDM may stand before it.
    """
    found = _lines_of(payload[:_HEAD_BYTES])
    for line in found[_envelope(found)[0] :]:
        if not _MARK.fullmatch(line[:_SHORT]):
            return _starts(line, names)
    return ""


def _lines_of(payload: bytes) -> list[str]:
    text = payload.decode("utf-8", "replace").upper()
    found = (line.translate(_CONTROL).strip() for line in _BREAKS.split(text))
    ended = (line.rstrip("= ") for line in found)
    return [line for line in ended if line and line != _END]


def _envelope(found: list[str]) -> tuple[int, str, str]:
    """How many of the lines are the envelope's, the origin's address, and the rest of its line."""
    for index, line in enumerate(found[:_HEAD_LINES]):
        match = _ORIGIN.fullmatch(line[:_SHORT])
        if match is not None:
            return index + 1, match["origin"], match["rest"] or ""
        if _WORD.fullmatch(line) and not _MARK.fullmatch(line):
            break
    index = 0
    while index < len(found) and _heads(found[index]):
        index += 1
    return index, "", ""


def _heads(line: str) -> bool:
    short = line[:_SHORT]
    kinds = (_PRIORITY, _ADDRESSES, _ZCZC)
    return any(kind.fullmatch(short) for kind in kinds)


def _starts(line: str, names: Collection[str]) -> str:
    match = _STARTS.fullmatch(line) if len(line) <= _SHORT else None
    return match["name"] if match is not None and match["name"] in names else ""


def _sent_at(rest: str, received_at: int) -> int | None:
    match = _SENT.search(rest[:_SHORT])
    if match is None:
        return None
    try:
        minutes = clock_minutes(match["clock"] or match["clock2"], "origin line")
    except RejectRecord:
        return None
    day = int(match["day"] or match["day2"])
    month = MONTHS.get(match["month"] or match["month2"] or "")
    date = dated(day, month, match["year"] or match["year2"] or "", received_at)
    if date is None:
        return None
    sent_at = day_ms(date) + (minutes or 0) * MINUTE_MS
    return sent_at if sent_at <= received_at + _DAYS_AFTER * DAY_MS else None


def dated(
    day: int,
    month: int | None,
    year: str,
    near_ms: int,
    *,
    before: int = _DAYS_BEFORE,
    after: int = _DAYS_AFTER,
) -> dt.date | None:
    """The date that a day, and a month and year (two or four digits) if told, name near a moment.

    Without a month it lies from `before` to `after` days off, without a year it is the nearest.
    """
    if month is None:
        return day_near(day, near_ms, before=before, after=after)
    near = date_of(near_ms)
    years = [int(year[-2:]) + 2000] if year else [near.year + 1, near.year, near.year - 1]
    if len(year) == _FULL_YEAR and not year.startswith("20"):
        return None  # no year of a flight
    found = [date for number in years if (date := _date(number, month, day)) is not None]
    return min(found, key=lambda date: abs((date - near).days), default=None)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def split(
    chunks: Iterable[bytes], starts: Collection[str], max_bytes: int = MAX_PIECE_BYTES
) -> Iterator[Piece]:
    """One piece a telegram, envelope and all; `starts` are identifiers, such as MVT.

    A telegram ends at ETX, NNNN or a line that ends in `=`; the next one begins at SOH, ZCZC, a
    line of priority and addresses or of origin, COR, PDM or an identifier of `starts`, and after
    an empty line at any identifier. `place` is the line it begins on.
    """
    gathered = _Gathered(starts, max_bytes)
    carry: list[bytes] = []
    waiting = 0
    for chunk in chunks:
        first, *others = _LINE_ENDS.split(chunk)
        carry.append(first)
        waiting += len(first)
        for part in others:
            yield from gathered.take(b"".join(carry))
            carry, waiting = [part], len(part)
        if waiting > gathered.longest:
            yield from gathered.take(b"".join(carry), whole=False)
            carry, waiting = [], 0
    yield from gathered.take(b"".join(carry))
    yield from gathered.end()


class _Gathered:
    """The telegram that is being gathered line by line, and where in the input it stands."""

    def __init__(self, starts: Collection[str], max_bytes: int) -> None:
        self.longest = max(max_bytes, _SHORT)
        """A line longer than this is gathered in parts, and none of it is looked at."""
        self._starts = starts
        self._max = max_bytes
        self._held = bytearray()
        self._offset = 0
        self._line = self._first = 1
        self._continues = False
        self._origin = self._body = self._blank = self._cut = False

    def take(self, line: bytes, *, whole: bool = True) -> Iterator[Piece]:
        """Adds a line, or a part of one; gives what it shows to be complete."""
        looked_at = whole and not self._continues and len(line) <= self.longest
        self._continues = not whole
        if not line:
            return
        shown = _shown(line) if looked_at and len(line) <= _SHORT else None
        if self._held and (line[:1] == b"\x01" or self._opens(shown or "")):
            yield from self.end()
        if not self._held and looked_at and not _said(line) and line[:1] != b"\x01":
            self._line += line.count(b"\n")
            self._offset += len(line)
            return
        if not self._held:
            self._first = self._line
        self._line += line.count(b"\n")
        self._held += line
        self._settle(shown)
        while len(self._held) > self._max:
            self._cut = True
            yield self._piece(bytes(self._held[: self._max]))
            del self._held[: self._max]
        ended = looked_at and self._body and line.rstrip()[-1:] == b"="
        if ended or shown == _END or line[-1:] in {b"\x03", b"\x04"}:
            yield from self.end()

    def _opens(self, shown: str) -> bool:
        """Whether this line is the first of a telegram, given the lines before it."""
        heading = any(kind.fullmatch(shown) for kind in (_PRIORITY, _ORIGIN, _ZCZC))
        if not self._body:
            return self._origin and heading
        if heading or _MARK.fullmatch(shown) or _starts(shown, self._starts):
            return True
        return self._blank and _WORD.fullmatch(shown) is not None

    def _settle(self, shown: str | None) -> None:
        """Notes how far the telegram has come with this line; None is one not looked at."""
        if shown == "":
            self._blank = True
            return
        self._blank = False
        if shown is None:
            self._body = self._body or self._origin
        elif _starts(shown, self._starts):
            self._body = True
        elif _ORIGIN.fullmatch(shown):
            self._origin = True
        elif not (_MARK.fullmatch(shown) or _heads(shown)):
            self._body = self._body or self._origin or _WORD.fullmatch(shown) is not None

    def end(self) -> Iterator[Piece]:
        """Gives what is held, unless nothing is said in it."""
        if self._cut or _said(self._held):
            yield self._piece(bytes(self._held))
        else:
            self._offset += len(self._held)
        self._held.clear()
        self._origin = self._body = self._blank = self._cut = False

    def _piece(self, held: bytes) -> Piece:
        self._offset += len(held)
        place = f"line {self._first}"
        if self._cut:
            return Piece(held, place, self._offset, f"longer than {self._max} bytes")
        return Piece(held.strip(), place, self._offset)


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").upper().translate(_CONTROL).strip()


def _said(held: bytes | bytearray) -> bool:
    """Whether there is more than blanks, control bytes and a terminator."""
    return bytes(held).translate(None, _SILENT).removesuffix(b"NNNN") not in {b"", b"="}
