"""The data of one demonstrated day: what happened, how the feed told it, and who had booked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import msgspec

from filters.normalize import firehose
from pipeline.demo.bookings import Travellers, bookings_for
from pipeline.demo.firehose import FirehoseLine, messages
from pipeline.demo.flights import Flight, flights_of
from pipeline.local.endpoint_server import Backend
from schemas.records import FeedMessage, payload_id

STORM = dt.date(2013, 2, 8)
_FEED = "nyc-2013"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. `kills` workers are killed in the middle of their work."""

    date: dt.date = STORM
    seed: int = 1
    shuffle: bool = False
    duplicate: float = 0.0
    kills: int = 0
    backend: Backend = "moto"


class Day(msgspec.Struct, frozen=True):
    """One day: flights, the feed's lines in order of arrival, bookings."""

    flights: Sequence[Flight]
    lines: Sequence[FirehoseLine]
    travellers: Travellers

    def feed(self, received_at: Callable[[FirehoseLine], int]) -> Iterator[FeedMessage]:
        """The lines as ingest takes them in; `received_at` gives ms UTC."""
        for number, line in enumerate(self.lines, 1):
            yield FeedMessage(
                id=payload_id(line.payload),
                format=firehose.NAME,
                feed=_FEED,
                received_at=received_at(line),
                sequence=number,
                place=f"{_FEED}.jsonl:{number}",
                payload=line.payload,
            )


def day_of(wish: Wish) -> Day:
    """The data of the wished day.

    Raises SampleDataError when they are not installed, ValueError for a date outside 2013.
    """
    return told(flights_of(wish.date), wish)


def told(flights: Sequence[Flight], wish: Wish) -> Day:
    """The day as these flights make it: what the feed tells of them, and who is booked."""
    lines = messages(flights, seed=wish.seed, shuffle=wish.shuffle, duplicate=wish.duplicate)
    return Day(flights, lines, bookings_for(flights, seed=wish.seed))


def advisories_of(date: dt.date) -> str:
    """The advisories known for that day, by file name."""
    return "storm-2013-02-08" if date in (STORM, STORM + dt.timedelta(days=1)) else "none"
