from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import pairwise

import pytest

from filters.legs import LegState, fold, leg_key
from filters.normalize import normalize
from filters.outcome import Forward
from pipeline.demo.days import feed_of_days
from pipeline.demo.firehose import FirehoseLine, messages
from pipeline.demo.flights import flights_between, flights_by_day, flights_of
from pipeline.demo.told_as import TOLD_AS
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES

FIRST, LAST = dt.date(2013, 9, 29), dt.date(2013, 10, 2)  # the table has October before September
DAYS = [FIRST + dt.timedelta(days=n) for n in range(4)]


@pytest.fixture(scope="module")
def four(seed: int) -> list[FirehoseLine]:
    return [line for day in feed_of_days(FIRST, LAST, seed=seed) for line in day.lines]


def test_flights_day_by_day_are_those_read_at_once() -> None:
    days = list(flights_by_day(FIRST, LAST))
    assert [flight for day in days for flight in day] == flights_between(FIRST, LAST)
    assert [{flight.date for flight in day} for day in days] == [{d.isoformat()} for d in DAYS]


def test_several_days_are_the_single_days_in_order_of_arrival(
    four: list[FirehoseLine], seed: int
) -> None:
    single = [line for day in DAYS for line in messages(flights_of(day), seed=seed)]
    assert four == sorted(single, key=lambda line: line.received_ms)
    assert all(a.received_ms <= b.received_ms for a, b in pairwise(four))


def test_lines_come_as_soon_as_no_later_day_can_have_earlier_ones(seed: int) -> None:
    days = list(feed_of_days(FIRST, LAST, seed=seed))
    assert [day.date for day in days] == DAYS
    assert sum(day.flights for day in days) == len(flights_between(FIRST, LAST))
    for day, after in pairwise(days):
        midnight = dt.datetime.combine(after.date, dt.time(), dt.UTC).timestamp() * 1000
        assert {line.received_ms >= midnight - 2 * 86_400_000 for line in after.lines} == {True}
        assert all(line.received_ms < midnight - 2 * 86_400_000 for line in day.lines)


def test_the_earliest_messages_of_every_month_lie_within_two_days(seed: int) -> None:
    for month in range(1, 13):
        day = dt.date(2013, month, 10)
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() * 1000
        first = messages(flights_of(day), seed=seed)[0]
        assert first.received_ms >= midnight - 2 * 86_400_000


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (dt.date(2012, 12, 31), dt.date(2013, 1, 1)),
        (dt.date(2013, 2, 9), dt.date(2013, 2, 8)),
    ],
)
def test_dates_outside_the_data_are_refused_at_once(first: dt.date, last: dt.date) -> None:
    with pytest.raises(ValueError, match="the sample data cover 2013 only"):
        feed_of_days(first, last, seed=1)


def states(lines: list[FirehoseLine], name: str) -> dict[str, dict[str, object]]:
    """The registers of each leg, by its key, after a feed in this format."""
    sent = [
        FeedMessage(
            id=payload_id(payload),
            format=name,
            feed="demo",
            received_at=line.received_ms,
            payload=payload,
        )
        for line in lines
        if line.kind != "broken" and (payload := TOLD_AS[name](line)) is not None
    ]
    legs: dict[str, list[FlightStatus]] = {}
    keys: dict[str, str] = {}
    for outcome in normalize(sent, sources=SOURCES):
        if not isinstance(outcome, Forward):
            assert name == "firehose"
            continue
        for status in outcome.outputs:
            assert isinstance(status, FlightStatus)
            source = (status.source_id or "").partition(":")[2]
            legs.setdefault(source, []).append(status)
            keys[source] = leg_key(status) or keys.get(source, "")
    folded = {keys[one]: fold(LegState(key=one), said)[0] for one, said in legs.items()}
    return {key: {n: c.value for n, c in state.cells.items()} for key, state in folded.items()}


def test_both_formats_tell_the_same_of_every_leg(feed: list[FirehoseLine]) -> None:
    told, own = states(feed, "firehose"), states(feed, "flightwire")
    assert len(told) == 930
    assert own == told


def test_flightwires_own_has_no_message_for_what_says_nothing(feed: list[FirehoseLine]) -> None:
    left_out = Counter(line.kind for line in feed if TOLD_AS["flightwire"](line) is None)
    assert left_out.keys() == {"broken", "keepalive", "position", "unknown"}
    assert all(TOLD_AS["firehose"](line) == line.payload for line in feed)
