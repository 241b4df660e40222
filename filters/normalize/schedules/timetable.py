"""What schedule files and schedule telegrams share: days of operation, times, lists of numbers.

A schedule gives times of day and a date. When a leg arrives follows from them and from the zones:
the first arrival after departure that the distance allows. Date variations are often blank or
wrong, and over the date line a leg may arrive "before" it left, so they only decide between what
is possible (IATA SSIM, chapter 2.6, Date Variation and UTC/Local Time Variation).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from filters import reference
from filters.designators import Flight, airport_zone, flight
from filters.normalize.moments import MINUTE_MS, clock_minutes, day_ms, local_ms
from filters.normalize.statuses import block_minutes
from filters.outcome import RejectRecord

MOST_DATES = 400
"""As many operating dates, or statuses, come out of one leg record or telegram."""

_DAY = 24 * 60
_ARRIVES = (-1, 0, 1, 2)  # days after departure by local dates; -1 is over the date line
_LONGEST = 20 * 60  # minutes of a block whose ends are not known
_BLANKS = re.compile(r"\s+")
_VARIATION = re.compile(r"(?P<day>[0-7])|M(?P<minus>[1-9])|(?P<letter>[AJ])")
_LETTERS = {"A": -1, "J": -2}
_WEEKDAYS = re.compile(r"[1-7 .0-]{1,7}")


class Call(NamedTuple):
    """One end of a leg: the airport, minutes after midnight there or UTC, and minutes ahead of UTC.

    `ahead` None: by the airport's own zone.
    """

    airport: str
    minutes: int | None
    ahead: int | None = None


class Times(NamedTuple):
    """Off-block and on-block in ms UTC, as far as they can be told."""

    out: int | None
    on_block: int | None


def leg_times(
    departure: Call, arrival: Call, day: dt.date, *, utc: bool, arrives: int | None = None
) -> Times:
    """When a leg leaves and arrives; `day` is its date of departure, in UTC or at the origin.

    Of several arrivals the one within the bounds that the distance sets is taken, of several of
    these that on the day told (`arrives`, days after `day`), then the likeliest block time: when
    clocks go back, a reading that comes twice is settled by the other end of the leg. Without
    bounds it is the shortest block.
    """
    outs = _moments(departure, day, 0, utc=utc)
    if not outs:
        return Times(None, None)
    pairs = [
        (shift, out, on_block)
        for shift in _ARRIVES
        for out in outs
        for on_block in _moments(arrival, day, shift, utc=utc)
        if on_block > out
    ]
    bounds = block_minutes(departure.airport, arrival.airport)
    if bounds is not None:
        low, high = (limit * MINUTE_MS for limit in bounds)
        likely = _likely_ms(bounds[0])
        fitting = [pair for pair in pairs if low <= pair[2] - pair[1] <= high]
        if fitting:
            _, out, on_block = min(
                fitting, key=lambda p: (p[0] != arrives, abs(p[2] - p[1] - likely))
            )
            return Times(out, on_block)
    short = [pair for pair in pairs if pair[2] - pair[1] <= _LONGEST * MINUTE_MS]
    if not short:
        return Times(outs[0], None)
    _, out, on_block = min(short, key=lambda p: (p[1] != outs[0], p[2] - p[1]))
    return Times(out, on_block)


def _likely_ms(fastest: int) -> int:
    """A usual block time where `fastest` minutes is the least: slower cruise, more taxiing."""
    return round(1.22 * (fastest - 10) + 35) * MINUTE_MS


def _moments(call: Call, day: dt.date, shift: int, *, utc: bool) -> list[int]:
    """The moments UTC that a time of day can be: none, one, or two when clocks go back.

    The local date is believed before the variation: where both contradict, the zone decides. A day
    that a zone left out has no moments.
    """
    if call.minutes is None:
        return []
    wall = day_ms(day) + shift * _DAY * MINUTE_MS + call.minutes * MINUTE_MS
    if utc:
        return [wall]
    zone = airport_zone(call.airport)
    if call.ahead is not None:
        moment = wall - call.ahead * MINUTE_MS
        if zone is None or _local_day(moment, zone) == _local_day(wall, "UTC"):
            return [moment]
    if zone is None:
        return []
    first, second = local_ms(wall, zone), local_ms(wall, zone, fold=1)
    # Where clocks skip the reading, the second would be before the first.
    moments = [first, second] if second > first else [first]
    return [moment for moment in moments if _local_day(moment, zone) == _local_day(wall, "UTC")]


def _local_day(moment: int, zone: str) -> str:
    return reference.local_date(moment, zone)


def clock(text: str) -> int | None:
    """`HHMM` as minutes after midnight; None for one that is no time of day."""
    if len(text) != 4 or not (text.isascii() and text.isdigit()):  # noqa: PLR2004  (HHMM)
        return None
    try:
        return clock_minutes(text, "time")
    except RejectRecord:
        return None


def variation(text: str | None) -> int | None:
    """A date variation in days: 0 to 7, A or M1 the day before, J or M2 two days before."""
    match = _VARIATION.fullmatch(text or "")
    if match is None:
        return None
    if match["letter"]:
        return _LETTERS[match["letter"]]
    return int(match["day"]) if match["day"] else -int(match["minus"])


def weekdays(text: str) -> frozenset[int] | None:
    """Days of operation, 1 Monday to 7 Sunday, in their places or one after the other."""
    if not _WEEKDAYS.fullmatch(text):
        return None
    found = frozenset(int(day) for day in text if day in "1234567")
    return found or None


def operating_dates(
    first: dt.date, last: dt.date, days: Collection[int], *, fortnightly: bool = False
) -> Iterator[dt.date]:
    """The dates of a period on these weekdays; fortnightly in every second week from `first` on."""
    for number in range((last - first).days + 1):
        if fortnightly and number // 7 % 2:
            continue
        date = first + dt.timedelta(days=number)
        if date.isoweekday() in days:
            yield date


def numbers(texts: Iterable[str], on: dt.date | None) -> list[Flight]:
    """The flights in a list of numbers such as `AS 1979 /HU 8901`; what is none is left out."""
    found = (flight(_BLANKS.sub("", part), on) for text in texts for part in text.split("/"))
    return [named for named in found if named is not None]
