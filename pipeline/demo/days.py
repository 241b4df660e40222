"""The feed of several days in a row, in order of arrival and in the memory of three days.

Each day is the one that `firehose.messages` makes of it alone, with the same seed, so the storm
day of a whole year is that of the demonstration.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

from pipeline.demo.firehose import FirehoseLine, messages
from pipeline.demo.flights import Flight, flights_by_day

_DAY_MS: Final = 86_400_000
_AHEAD_MS: Final = 2 * _DAY_MS
"""No message of a day arrives earlier than this before its midnight, UTC."""
_EPOCH: Final = dt.date(1970, 1, 1)
_ARRIVAL: Final = attrgetter("received_ms")


class DayOfFeed(NamedTuple):
    """A day whose flights are part of the feed by now, and the lines that came to be complete."""

    date: dt.date
    flights: int
    lines: list[FirehoseLine]


def feed_of_days(first: dt.date, last: dt.date, *, seed: int) -> Iterator[DayOfFeed]:
    """The feed of all flights of these days, both included; its lines in order of their arrival.

    Raises ValueError outside 2013, and SampleDataError when the data cannot be read.
    """
    return _merged(first, last, flights_by_day(first, last), seed)


def _merged(
    first: dt.date, last: dt.date, days: Iterable[list[Flight]], seed: int
) -> Iterator[DayOfFeed]:
    waiting: list[FirehoseLine] = []
    for number, flights in enumerate(days):
        date = first + dt.timedelta(days=number)
        waiting += messages(flights, seed=seed)
        waiting.sort(key=_ARRIVAL)
        next_begins = ((date - _EPOCH).days + 1) * _DAY_MS - _AHEAD_MS
        done = len(waiting) if date == last else bisect_left(waiting, next_begins, key=_ARRIVAL)
        yield DayOfFeed(date, len(flights), waiting[:done])
        del waiting[:done]
