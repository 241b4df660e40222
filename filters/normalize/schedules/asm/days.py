"""The dates that schedule telegrams mean: of a flight, of a period, and of their sending."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice

from filters.normalize.moments import DAY_MS, date_of, day_ms
from filters.normalize.schedules import timetable
from filters.normalize.schedules.asm.grammar import Change, Day, FlightLine, Period, SubMessage
from filters.normalize.schedules.timetable import MOST_DATES
from filters.normalize.telegrams.typeb import MONTHS, dated
from filters.outcome import RejectRecord
from schemas.records import Life

# A day of the month alone is of the last days or the next four weeks: changes are told in advance.
_BEFORE, _AFTER = 3, 27
_OPEN_DAYS = 366  # of a period without end
_LAST_MOMENTS = 100_000  # ms at the end of a day, for as many numbers of messages


def date(told: Day, near_ms: int) -> dt.date | None:
    """The date told, with month and year from `near_ms` (the sending, UTC) where they are missing.

    None when there is no such date.
    """
    month = MONTHS.get(told.month)
    if told.month and month is None:
        return None
    return dated(told.day, month, told.year, near_ms, before=_BEFORE, after=_AFTER)


def sent_ms(told: Day | None, group: int, received_at: int) -> int:
    """When a message was sent, by the day in its sequence reference, in ms UTC.

    Of a day that has passed its last moments are taken, in the order of the message numbers.
    """
    day = None if told is None else date(told, received_at)
    if day is None:
        return received_at
    return min(received_at, day_ms(day) + DAY_MS - _LAST_MOMENTS + group)


def operating(
    part: SubMessage, change: Change, line: FlightLine, near_ms: int
) -> Iterator[tuple[dt.date, Life | None]]:
    """The dates of a flight in a change, and what its life is on them if the dates alone say it.

    Only a revision (REV) does: its first period is the old one, those below are the new ones.
    Raises RejectRecord when no date is told or one of them cannot be.
    """
    if line.named.day is not None:
        yield _sound(line.named.day, near_ms, "flight date"), None
        return
    if not change.periods:
        raise RejectRecord(f"flight date: {line.named.name} has none, and no period is told")
    if part.action != "REV":
        for period in change.periods:
            for day in _dates(period, near_ms):
                yield day, None
        return
    old = set(islice(_dates(change.periods[0], near_ms), MOST_DATES))
    new = {
        day for period in change.periods[1:] for day in islice(_dates(period, near_ms), MOST_DATES)
    }
    for day in sorted(old ^ new) if new else ():
        yield day, "cancelled" if day in old else "operating"


def _dates(period: Period, near_ms: int) -> Iterator[dt.date]:
    days = timetable.weekdays(period.days)
    if days is None:
        raise RejectRecord(f"days of operation: {period.days!r} names none")
    first, last = _ends(period, near_ms)
    if not period.first.year and last < date_of(near_ms):
        first, last = _ends(period, near_ms + _OPEN_DAYS * DAY_MS)  # nobody schedules what is over
    if last < first:
        raise RejectRecord(f"period to: {last} is before {first}")
    return timetable.operating_dates(first, last, days, fortnightly=period.rate == "2")


def _ends(period: Period, near_ms: int) -> tuple[dt.date, dt.date]:
    near = date_of(near_ms)
    first = near if _open(period.first) else _sound(period.first, near_ms, "period from")
    if _open(period.last):
        return first, first + dt.timedelta(days=_OPEN_DAYS - 1)
    # Without a year it is the first such date after the start.
    later = 0 if period.last.year else _OPEN_DAYS // 2 * DAY_MS
    return first, _sound(period.last, day_ms(first) + later, "period to")


def _open(told: Day) -> bool:
    return told.day == 0 and told.month == "XXX"


def _sound(told: Day, near_ms: int, field: str) -> dt.date:
    found = date(told, near_ms)
    if found is None:
        shown = f"{told.day:02}{told.month}{told.year}"
        raise RejectRecord(f"{field}: {shown!r} is no date")
    return found
