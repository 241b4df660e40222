"""Times as feeds write them; expectations worked out by hand from the zones' rules."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import moments
from filters.outcome import RejectRecord
from tests.unit.filters.records import at


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-11-18T13:00:00.000Z", "2019-11-18T13:00:00Z"),
        ("2018-06-07T11:24:57", "2018-06-07T11:24:57Z"),
        ("2020-07-03T10:59:35.1977952+01:00", "2020-07-03T09:59:35.197Z"),
        ("2020-07-03T10:59:35,5-0330", "2020-07-03T14:29:35.500Z"),
        ("2023-01-10 05:00Z", "2023-01-10T05:00:00Z"),
        ("2023-01-10 07:00+02", "2023-01-10T05:00:00Z"),
        ("2023-01-10", "2023-01-10T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_an_iso_time_is_utc_unless_it_says_otherwise(text: str, moment: str) -> None:
    assert moments.iso_ms(text, "x") == at(moment)


def test_trap_12_hour_24_is_the_next_midnight_and_a_zone_can_be_demanded() -> None:
    assert moments.iso_ms("2019-11-18T24:00:00.000Z", "x") == at("2019-11-19T00:00:00Z")
    with pytest.raises(RejectRecord, match="x: '2019-11-18T10:00:00' is no ISO 8601 time"):
        moments.iso_ms("2019-11-18T10:00:00", "x", zone=None)
    assert moments.iso_ms("2019-07-18T10:00:00", "x", zone="Europe/London") == at(
        "2019-07-18T09:00:00Z"
    )


@pytest.mark.parametrize(
    "text",
    [
        "2019-02-30T10:00:00Z",
        "2019-11-18T25:00:00Z",
        "2019-11-18T24:00:01Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1999-12-31T23:59:59Z",
        "2019-11-18T10:60:00Z",
        "13:00",
        "TODO",
        "2019-11-18T10:00:00Z2",
        "٢٠١٩-11-18T10:00:00Z",
        "2" * 5000,
    ],
)
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(RejectRecord, match=r"^x: .{0,60} is no ISO 8601 time after 2000$"):
        moments.iso_ms(text, "x")


def test_nothing_is_unknown() -> None:
    assert moments.iso_ms(None, "x") is moments.iso_ms("", "x") is None
    assert moments.epoch_ms(None, "x") is moments.epoch_ms("", "x") is None
    assert moments.clock_minutes(None, "x") is moments.clock_minutes("", "x") is None


@pytest.mark.parametrize(
    ("zone", "wall", "first", "second"),
    [
        ("Europe/London", "2025-10-26T01:30Z", "2025-10-26T00:30Z", "2025-10-26T01:30Z"),
        ("America/New_York", "2025-11-02T01:30Z", "2025-11-02T05:30Z", "2025-11-02T06:30Z"),
        ("Australia/Lord_Howe", "2025-04-06T01:45Z", "2025-04-05T14:45Z", "2025-04-05T15:15Z"),
        ("Africa/Casablanca", "2025-02-23T02:30Z", "2025-02-23T01:30Z", "2025-02-23T02:30Z"),
    ],
)
def test_trap_10_of_two_equal_readings_the_neighbour_decides(
    zone: str, wall: str, first: str, second: str
) -> None:
    reading = at(wall)
    assert moments.local_ms(reading, zone) == at(first)
    assert moments.local_ms(reading, zone, fold=1) == at(second)
    hour = moments.HOUR_MS
    assert moments.local_near_ms(reading, zone, at(first) - hour) == at(first)
    assert moments.local_near_ms(reading, zone, at(second) + hour) == at(second)
    assert moments.local_near_ms(reading, zone, None) == at(first)


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("Europe/London", "2025-03-30T01:30Z", "2025-03-30T01:30Z"),
        ("America/Sao_Paulo", "2018-11-04T00:30Z", "2018-11-04T03:30Z"),
        ("Pacific/Apia", "2011-12-30T10:30Z", "2011-12-30T20:30Z"),
    ],
)
def test_trap_10_a_reading_that_clocks_skip_counts_on_from_before_the_gap(
    zone: str, wall: str, moment: str
) -> None:
    assert moments.local_ms(at(wall), zone) == at(moment)
    assert moments.local_near_ms(at(wall), zone, at(moment)) == at(moment)


@pytest.mark.parametrize(
    ("text", "minutes"), [("0007", 7), ("7", 7), ("517", 317), ("23:05", 1385), ("2400", 1440)]
)
def test_a_time_of_day(text: str, minutes: int) -> None:
    assert moments.clock_minutes(text, "x") == minutes


@pytest.mark.parametrize("text", ["2401", "0060", "12345", "1:2:3", "noon", "-100", "NA"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(RejectRecord, match=r"^x: .* is no time of day as HHMM$"):
        moments.clock_minutes(text, "x")


def test_trap_09_a_time_of_day_belongs_to_the_nearest_day() -> None:
    near = at("2025-05-25T22:39:00Z")
    assert moments.clock_near_ms(7, near) == at("2025-05-26T00:07:00Z")
    assert moments.clock_near_ms(1440, near) == at("2025-05-26T00:00:00Z")
    assert moments.clock_near_ms(23 * 60, at("2025-05-25T00:10:00Z")) == at("2025-05-24T23:00:00Z")


@pytest.mark.parametrize(
    ("day", "heard", "date"),
    [
        (2, "2025-01-31T10:00Z", dt.date(2025, 2, 2)),
        (27, "2025-01-28T00:10Z", dt.date(2025, 1, 27)),
        (31, "2025-03-01T01:00Z", None),
        (29, "2024-03-01T01:00Z", dt.date(2024, 2, 29)),
    ],
)
def test_trap_13_a_day_of_the_month_is_the_nearest_one(
    day: int, heard: str, date: dt.date | None
) -> None:
    assert moments.day_near(day, at(heard)) == date


def test_trap_13_the_window_may_be_narrower() -> None:
    assert moments.day_near(2, at("2025-01-31T10:00Z"), before=3, after=1) is None
    assert moments.day_near(2, at("2025-01-31T10:00Z"), before=3, after=2) == dt.date(2025, 2, 2)


@pytest.mark.parametrize(
    "value", ["12a", "-1", 1.5, True, ["1"], {}, "9" * 5_000, "\u0663" * 10, "1"]
)
def test_what_is_no_epoch_is_refused(value: object) -> None:
    with pytest.raises(RejectRecord, match=r"^x: "):
        moments.epoch_ms(value, "x")


def test_an_epoch_may_be_digits_or_a_number() -> None:
    assert moments.epoch_ms("1360318500", "x") == moments.epoch_ms(1360318500, "x") == 1360318500000


@given(st.integers(946_684_800_000, 4_102_444_799_999))
def test_an_iso_time_written_and_read_is_the_same(ms: int) -> None:
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC).replace(microsecond=ms % 1000 * 1000)
    assert moments.iso_ms(moment.isoformat(), "x") == ms
