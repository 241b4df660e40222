"""Times as feeds write them, to milliseconds since the epoch, UTC.

Each function returns None for an empty text and raises RejectRecord, naming the field, for one
that is no time. Years outside 2000 to 2099 are no time of a flight.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

from filters import reference
from filters.outcome import RejectRecord

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_799_999  # the years 2000 to 2099
_LONGEST = 40  # of any real time; what is longer fills no cache
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<part>\d{1,9}))?)?)?[ ]?(?P<zone>Z|[+-]\d\d:?\d\d|[+-]\d\d)?",
    re.ASCII,
)
_HHMM = re.compile(r"(\d{1,2}):?(\d\d)", re.ASCII)


def iso_ms(text: str | None, field: str, *, zone: str | None = "UTC") -> int | None:
    """An ISO 8601 time; `zone` (IANA) is meant when the text names none.

    Takes `T24:00:00` for the next midnight, a blank for the T, and fractions of a second, which
    are kept to the millisecond. With `zone` None a text without a zone is rejected.
    """
    if not text:
        return None
    ms = _iso_ms(text, zone) if len(text) <= _LONGEST else None
    if ms is None:
        raise RejectRecord(f"{field}: {text[:_LONGEST]!r} is no ISO 8601 time after 2000")
    return ms


@lru_cache(maxsize=65_536)
def _iso_ms(text: str, zone: str | None) -> int | None:
    match = _ISO.fullmatch(text.strip())
    if match is None or (match["zone"] is None and zone is None):
        return None
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    second, part = int(match["second"] or 0), int((match["part"] or "0")[:3].ljust(3, "0"))
    midnight = _day(match["day"])
    in_day = ((hour * 60 + minute) * 60 + second) * 1000 + part
    # Midnight may be written as hour 24; a leap second, 60, counts into the next minute.
    if midnight is None or minute > 59 or second > 60 or in_day > DAY_MS:  # noqa: PLR2004  (a clock)
        return None
    if match["zone"] is not None:
        ms = midnight + in_day - _offset_ms(match["zone"])
    elif zone == "UTC":
        ms = midnight + in_day
    else:
        ms = local_ms(midnight + in_day, zone or "UTC")
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def _offset_ms(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (minutes if text[0] == "+" else -minutes) * MINUTE_MS


@lru_cache(maxsize=8192)
def _day(text: str) -> int | None:
    try:
        return day_ms(dt.date.fromisoformat(text))
    except ValueError:
        return None


def day_ms(day: dt.date) -> int:
    """Midnight UTC of a date."""
    return (day - _EPOCH.date()).days * DAY_MS


def date_of(ms: int) -> dt.date:
    """The UTC date at a moment."""
    return (_EPOCH + dt.timedelta(milliseconds=ms)).date()


def epoch_ms(value: object, field: str) -> int | None:
    """Seconds since the epoch, UTC, as a number or digits; empty and None are unknown."""
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_MS // 1000))):
        # Showing a nested value could go deeper than reading it did.
        shown = repr(text[:_LONGEST]) if text else type(value).__name__
        raise RejectRecord(f"{field}: {shown} is no epoch in seconds")
    ms = int(text) * 1000
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise RejectRecord(f"{field}: {text} is not between the years 2000 and 2099")
    return ms


def local_ms(wall_ms: int, zone: str, *, fold: int = 0) -> int:
    """A wall clock's reading (as if it were UTC, in ms) at a place, in real UTC.

    `fold` 1 is the second of two equal readings when clocks go back. A reading that clocks skip,
    when they go forward, counts on from before the gap (PEP 495).
    """
    return _readings(wall_ms, zone)[fold]


def local_near_ms(wall_ms: int, zone: str, near_ms: int | None) -> int:
    """The same; of two equal readings the one nearer to `near_ms` (UTC), else the first."""
    first, second = _readings(wall_ms, zone)
    if near_ms is None or second <= first:
        return first
    return min((first, second), key=lambda ms: abs(ms - near_ms))


@lru_cache(maxsize=65_536)
def _readings(wall_ms: int, zone: str) -> tuple[int, int]:
    rules = reference.local_time(wall_ms, zone).tzinfo
    wall = (_EPOCH + dt.timedelta(milliseconds=wall_ms)).replace(tzinfo=rules)
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    return wall_ms - _whole_ms(first), wall_ms - _whole_ms(second)


def _whole_ms(offset: dt.timedelta | None) -> int:
    return round((offset or dt.timedelta()).total_seconds() * 1000)


def clock_minutes(text: str | None, field: str) -> int | None:
    """`HHMM` or `HH:MM` as minutes after midnight, up to 2400."""
    if not text:
        return None
    match = _HHMM.fullmatch(text.strip().zfill(4) if text.strip().isdigit() else text.strip())
    if match is not None:
        hour, minute = int(match[1]), int(match[2])
        if minute <= 59 and hour * 60 + minute <= 24 * 60:  # noqa: PLR2004  (a clock)
            return hour * 60 + minute
    raise RejectRecord(f"{field}: {text[:_LONGEST]!r} is no time of day as HHMM")


def clock_near_ms(minutes: int, near_ms: int) -> int:
    """The moment with this time of day (minutes after midnight UTC) nearest to `near_ms`."""
    start = near_ms - near_ms % DAY_MS + minutes * MINUTE_MS
    return min((start - DAY_MS, start, start + DAY_MS), key=lambda ms: abs(ms - near_ms))


def local_clock_near_ms(minutes: int, zone: str, near_ms: int) -> int:
    """The moment nearest to `near_ms` at which clocks at a place show this time of day."""
    offset = reference.local_time(near_ms, zone).utcoffset()
    wall_ms = clock_near_ms(minutes, near_ms + _whole_ms(offset))
    return local_near_ms(wall_ms, zone, near_ms)


def day_near(day: int, near_ms: int, *, before: int = 15, after: int = 15) -> dt.date | None:
    """The date with this day of the month nearest to `near_ms`, from `before` to `after` days off.

    None when no date of that window has it. At equal distance the later date is taken.
    """
    today = date_of(near_ms)
    window = (today + dt.timedelta(days=off) for off in range(-before, after + 1))
    found = [date for date in window if date.day == day]
    return min(found, key=lambda date: (abs((date - today).days), today - date), default=None)
