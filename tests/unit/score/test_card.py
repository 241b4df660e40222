from __future__ import annotations

from itertools import chain, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.outcome import Reject
from pipeline.score.between import Disagreement, First
from pipeline.score.card import Scorecard
from pipeline.score.feeds import FeedScore, Lag, percentile
from tests.unit.score.feeds import ALPHA, BETA, DAY, card_of, line, read


@pytest.fixture(scope="module")
def alone() -> FeedScore:
    [feed] = card_of(*read("alpha", ALPHA)).scores().feeds
    return feed


def test_messages_are_counted_by_what_became_of_them(alone: FeedScore) -> None:
    assert (alone.feed, alone.formats) == ("alpha", ("flightwire",))
    assert (alone.messages, alone.statuses, alone.rejected) == (17, 15, 1)
    assert alone.dropped == {"says_nothing": 1}
    assert alone.untimed == 1


def test_repeats_corrections_and_order(alone: FeedScore) -> None:
    assert (alone.same_bytes, alone.same_content) == (1, 1)
    assert alone.corrections == {"out_actual": 1}
    assert alone.out_of_order == round(1 / 13, 4)  # 15, less the same bytes and the untimed one


def test_legs_and_what_is_told_of_them(alone: FeedScore) -> None:
    assert (alone.legs, alone.undated, alone.parked) == (6, 1, 1)
    assert (alone.cancelled, alone.reinstated) == (1, 1)
    assert (alone.doubted, alone.doubted_flew) == (1, 1)
    told = {name: part for name, part in alone.told.items() if part}
    assert told == {
        "out_scheduled": 0.3333,
        "out_estimated": 0.1667,
        "out_actual": 0.5,
        "off_actual": 0.1667,
        "in_actual": 0.1667,
    }


def test_lag_is_from_the_event_to_the_first_word_of_it(alone: FeedScore) -> None:
    assert alone.lag == {
        "out_actual": Lag(legs=3, p50=2.0, p90=10.0, p99=10.0),
        "off_actual": Lag(legs=1, p50=6.0, p90=6.0, p99=6.0),
        "in_actual": Lag(legs=1, p50=10.0, p90=10.0, p99=10.0),
    }


def test_two_feeds_are_compared_leg_by_leg() -> None:
    scores = card_of(*read("alpha", ALPHA), *read("beta", BETA)).scores()
    assert [feed.feed for feed in scores.feeds] == ["alpha", "beta"]
    [pair] = scores.pairs
    assert (pair.one, pair.other, pair.legs) == ("alpha", "beta", 3)
    assert pair.fields == {
        "out_actual": Disagreement(legs=1, differ=1, share=1.0, median_minutes=3.0),
        "off_actual": Disagreement(legs=1, differ=0, share=0.0),  # a minute apart
        "in_actual": Disagreement(legs=1, differ=0, share=0.0),
    }
    assert pair.first == {
        "out_actual": First(legs=1, one=1, other=0, same=0, lead_minutes=6.0),
        "off_actual": First(legs=1, one=0, other=0, same=1, lead_minutes=0.0),
        "in_actual": First(legs=1, one=0, other=1, same=0, lead_minutes=-8.0),
    }


def test_another_feeds_schedule_finds_what_was_parked() -> None:
    alpha, beta = card_of(*read("alpha", ALPHA), *read("beta", BETA)).scores().feeds
    assert (alpha.legs, alpha.undated, alpha.parked) == (6, 1, 0)
    assert (beta.legs, beta.undated, beta.parked) == (3, 0, 0)


def test_feeds_without_a_leg_in_common_make_no_pair() -> None:
    scores = card_of(
        *read("a", [line("BA1", "05:00", out_scheduled="06:00")]),
        *read("b", [line("BA2", "05:00", out_scheduled="06:00")]),
    ).scores()
    assert scores.pairs == []
    assert Scorecard().scores().feeds == []


def test_a_message_that_cannot_travel_counts_as_rejected() -> None:
    card = Scorecard()
    card.add("a", "flightwire", None, Reject("too long"))
    card.add("a", "flightwire", None, Reject("too long"))
    [feed] = card.scores().feeds
    assert (feed.messages, feed.rejected, feed.same_bytes, feed.legs) == (2, 2, 0, 0)


def test_an_older_word_is_no_correction_and_a_withdrawn_time_is_one() -> None:
    gone = (
        b'{"flight":"BA1","origin":"LHR","date":"%b","out_actual":null,"updated_at":"%bT09:00:00Z"}'
    )
    told = [
        line("BA1", "08:00", out_actual="07:55"),
        line("BA1", "07:58", out_actual="07:50"),
        gone % (DAY.encode(), DAY.encode()),
    ]
    [feed] = card_of(*read("a", told)).scores().feeds
    assert feed.corrections == {"out_actual": 1}
    assert feed.told["out_actual"] == 0.0


def test_a_cancellation_that_stands_is_not_reinstated() -> None:
    told = [
        line("BA1", "06:00", status="cancelled"),
        line("BA1", "05:00", status="operating"),
    ]
    [feed] = card_of(*read("a", told)).scores().feeds
    assert (feed.cancelled, feed.reinstated) == (1, 0)


def test_the_order_of_files_does_not_change_the_comparison() -> None:
    gamma = [
        line("BA117", "09:06", out_actual="09:05", out_gate="B32"),
        line("BA121", "11:00", out_scheduled="11:40", out_gate="A1"),
    ]
    files = [read("alpha", ALPHA), read("beta", BETA), read("gamma", gamma)]
    found = [card_of(*chain(*order)).scores().pairs for order in permutations(files)]
    assert len(found[0]) == 3
    assert all(pairs == found[0] for pairs in found)


CLOCK = st.integers(0, 22 * 60).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
TELLS = st.sampled_from(["out_scheduled", "out_estimated", "out_actual", "off_actual", "in_actual"])
# From New York a UTC date may be either of two local ones.
DATED = {"origin": "JFK", "date": DAY}
BY_DAY = {"origin": "JFK", "date": "", "utc_date": DAY}


@settings(max_examples=60)
@given(data=st.data())
def test_no_order_of_messages_changes_the_comparison(data: st.DataObject) -> None:
    told = [
        one
        for feed in ("alpha", "beta", "gamma")
        for one in read(
            feed,
            [
                line(flight, updated, **{cell: clock}, **dates)
                for flight, updated, cell, clock, dates in data.draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from(["BA1", "BA2", "BA3"]),
                            CLOCK,
                            TELLS,
                            CLOCK,
                            st.sampled_from([DATED, DATED, BY_DAY]),
                        ),
                        max_size=6,
                    )
                )
            ],
        )
    ]
    shuffled = data.draw(st.permutations(told))
    assert card_of(*shuffled).scores().pairs == card_of(*told).scores().pairs


@pytest.mark.parametrize(
    ("percent", "value"), [(1, 10), (50, 20), (75, 30), (76, 40), (99, 40), (100, 40)]
)
def test_percentiles_are_nearest_ranks(percent: int, value: int) -> None:
    assert percentile([10, 20, 30, 40], percent) == value
