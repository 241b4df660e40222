from __future__ import annotations

import pytest

from filters.legs import Cell, LegState
from filters.sources import Sources
from filters.standing import format_of, keep_pulses
from pipeline.connect.overview import FeedView, overview
from tests.unit.connect.doors import Legs

NOW = 1_764_000_000_000
MINUTE = 60_000
SOURCES = Sources(
    {"firehose": {"silent_minutes": 5}, "asm": {"silent_minutes": 1440}},
    {"slow": {"silent_minutes": 60}},
)


def pulse(feed: str, heard: int, format_name: str = "firehose") -> LegState:
    cells = {"format": Cell(format_name, (heard, 0, 0, ""))} if format_name else {}
    return LegState(key=f"~feed:{feed}", rev=1, received_at=heard, cells=cells)


def leg(key: str, feed: str, heard: int, **times: int) -> LegState:
    cells = {name: Cell(value, (heard, 0, 0, "")) for name, value in times.items()}
    return LegState(key=key, rev=1, feed=feed, received_at=heard, cells=cells)


def of(states: list[LegState]) -> dict[str, FeedView]:
    return {view.feed: view for view in overview(states, SOURCES, NOW)}


def test_a_silent_feed_leaves_its_unfinished_legs_in_the_dark() -> None:
    heard = NOW - 6 * MINUTE
    view = of(
        [
            pulse("live", heard),
            leg("BAW.1.LHR.2025-11-24", "live", heard, out_scheduled=NOW),
            leg("BAW.2.LHR.2025-11-24", "live", heard, in_actual=NOW - MINUTE),
        ]
    )["live"]
    assert (view.silent, view.silent_s, view.patience_minutes) == (True, 360, 5)
    assert (view.legs, view.unfinished, view.stale) == (2, 1, 1)


def test_the_pulse_of_a_quiet_feed_keeps_its_legs_fresh() -> None:
    old = leg("BAW.1.LHR.2025-11-24", "live", NOW - 300 * MINUTE, out_scheduled=NOW)
    view = of([pulse("live", NOW - MINUTE), old])["live"]
    assert (view.silent, view.unfinished, view.stale) == (False, 1, 0)


@pytest.mark.parametrize(
    ("feed", "format_name", "minutes"),
    [("x", "firehose", 5), ("x", "asm", 1440), ("slow", "firehose", 60), ("x", "", 15)],
)
def test_patience_is_the_sources(feed: str, format_name: str, minutes: int) -> None:
    assert of([pulse(feed, NOW, format_name)])[feed].patience_minutes == minutes


def test_what_is_no_leg_is_not_counted() -> None:
    moved = LegState(key="BAW.1.LHR.2025-11-24", feed="live", moved_to="BAW.2.LHR.2025-11-24")
    parked = leg("~day:BAW.1.2025-11-24", "live", NOW)
    assert of([pulse("live", NOW), moved, parked])["live"].legs == 0


def test_a_feed_without_a_pulse_is_as_old_as_its_newest_leg() -> None:
    legs = [leg(f"BAW.{n}.LHR.2025-11-24", "old", NOW - n * MINUTE) for n in (1, 2)]
    assert of(legs)["old"].last_heard == NOW - MINUTE


def test_a_pulse_keeps_its_format_when_it_is_not_told_again() -> None:
    legs = Legs()
    keep_pulses({"live": NOW}, legs, {"live": "firehose"})
    keep_pulses({"live": NOW + MINUTE}, legs, {})
    state = legs.states["~feed:live"]
    assert (format_of(state), state.received_at, state.rev) == ("firehose", NOW + MINUTE, 2)
