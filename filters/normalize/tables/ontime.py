"""What the tables of US on-time statistics have in common: HHMM without a date, minutes, NA.

Source: BTS, data dictionary of Reporting Carrier On-Time Performance: times are local `hhmm`, 2400
ends the day; delays are minutes between the scheduled and the actual time.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from filters.normalize.moments import MINUTE_MS, clock_minutes, local_clock_near_ms
from filters.normalize.tables.columns import Row, whole
from filters.outcome import RejectRecord

_FIRST_YEAR, _LAST_YEAR = 1987, 2099  # the statistics begin in October 1987
_LONGEST: Final = 8  # of any real cell of these kinds; what is longer fills no cache
_MISSING: Final = frozenset(("", "NA"))
_FLAGS: Final = {
    **dict.fromkeys(("1", "1.0", "1.00", "true", "y"), True),
    **dict.fromkeys(("0", "0.0", "0.00", "false", "n"), False),
}
# Block time of a jet: 450 miles an hour, and taxiing at both ends. It only has to tell one day's
# reading of a clock from the next day's.
_MILES_A_MINUTE: Final = 7.5
_TAXI_MINUTES: Final = 32
_ANY_BLOCK_MINUTES: Final = 6 * 60


class Cells:
    """The cells of one row; a cell that cannot be read is noted as `unread=<column>`.

    `notes` is the row's evidence. NA is missing, except where `text` is asked for a code.
    """

    __slots__ = ("_row", "notes")

    def __init__(self, row: Row) -> None:
        self._row = row
        self.notes: list[str] = []

    def text(self, name: str) -> str:
        """A code as it stands; "" when it is missing."""
        return self._row.get(name, "")

    def given(self, name: str) -> bool:
        """Whether there is something in the cell."""
        return self._row.get(name, "") not in _MISSING

    def minutes(self, name: str) -> int | None:
        """A number of minutes, or of miles."""
        text = self._row.get(name, "")
        if text in _MISSING:
            return None
        number = whole(text)
        if number is None:
            self.unread(name)
        return number

    def clock(self, name: str) -> int | None:
        """A time of day, in minutes after midnight."""
        text = self._row.get(name, "")
        if text in _MISSING:
            return None
        minutes = _clock(text) if len(text) <= _LONGEST else None
        if minutes is None:
            self.unread(name)
        return minutes

    def flag(self, name: str) -> bool | None:
        """A yes or no."""
        text = self._row.get(name, "")
        if text in _MISSING:
            return None
        flag = _FLAGS.get(text.lower())
        if flag is None:
            self.unread(name)
        return flag

    def later(self, due: int | None, delay: str, reading: str) -> int | None:
        """The moment some minutes after another; a clock reading alone names no day."""
        minutes = self.minutes(delay)
        if due is not None and minutes is not None:
            return due + minutes * MINUTE_MS
        if self.given(reading):
            self.unread(reading)
        return None

    def unread(self, name: str) -> None:
        """Note that a cell says something that is not in the status."""
        note = f"unread={name}"
        if note not in self.notes:
            self.notes.append(note)


def day_of(year: str, month: str, day: str) -> dt.date | None:
    """The date that three cells name; None when it is none, or before the statistics begin."""
    return _day(year, month, day) if max(map(len, (year, month, day))) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _day(*parts: str) -> dt.date | None:
    year, month, day = (whole(part) or 0 for part in parts)
    try:
        return dt.date(year, month, day) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _clock(text: str) -> int | None:
    number = whole(text)
    if number is None or number < 0:
        return None
    try:
        return clock_minutes(str(number), "time")
    except RejectRecord:
        return None


def arrival_ms(out: int, clock: int, zone: str, miles: int | None) -> int:
    """The moment when clocks at the destination show `clock`, by the block time of so many miles.

    `out` is the departure in ms UTC, `clock` minutes after midnight.
    """
    block = _ANY_BLOCK_MINUTES if miles is None else round(miles / _MILES_A_MINUTE) + _TAXI_MINUTES
    return local_clock_near_ms(clock, zone, out + block * MINUTE_MS)
