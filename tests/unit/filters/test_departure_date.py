"""The departure date of a leg of which only the scheduled arrival is known, or the UTC date."""

from __future__ import annotations

import pytest

from filters.designators import Flight
from filters.normalize.statuses import block_minutes, make_status
from filters.sources import Source
from tests.unit.filters.records import at, message

SOURCE = Source()


def dated(
    origin: str | None, destination: str | None, utc_date: str | None = None, **times: str
) -> tuple[str | None, str]:
    """The date and its basis; times are ISO 8601."""
    status = make_status(
        message(b""),
        SOURCE,
        "test",
        flight=Flight("BAW", 117),
        source_time=0,
        times={cell: at(text) for cell, text in times.items()},
        origin=origin,
        destination=destination,
        utc_date=utc_date,
    )
    return status.date, status.date_basis


def test_a_scheduled_arrival_gives_the_date_when_every_off_block_lies_on_one_day() -> None:
    # Dublin to Edinburgh takes 30 to 135 minutes from stand to stand.
    assert block_minutes("DUB", "EDI") == (30, 135)
    assert dated("DUB", "EDI", in_scheduled="2026-06-10T10:35:00Z") == ("2026-06-10", "filed")


@pytest.mark.parametrize(
    ("arrival", "date"),
    [
        # Dublin's midnight is 23:00Z; the earliest off-block is 135 minutes before the arrival,
        # the latest 30.
        ("2026-06-10T23:29:00Z", "2026-06-10"),
        ("2026-06-10T23:30:00Z", None),
        ("2026-06-11T01:14:00Z", None),
        ("2026-06-11T01:15:00Z", "2026-06-11"),
    ],
)
def test_around_midnight_there_is_no_date(arrival: str, date: str | None) -> None:
    assert dated("DUB", "EDI", in_scheduled=arrival) == (date, "filed" if date else "none")


def test_the_date_is_the_one_before_when_it_flies_through_the_night() -> None:
    # Newark to Edinburgh, due 06:55Z: off-block between 13:41 and 21:28 of the evening before.
    assert dated("EWR", "EDI", in_scheduled="2026-06-10T06:55:00Z") == ("2026-06-09", "filed")


def test_trap_11_across_the_date_line_it_may_leave_after_it_arrives() -> None:
    # 35 minutes east to west, and it is another day: Pago Pago 10:00 on 2 June, Apia 10:35 on 3.
    assert dated("PPG", "APW", in_scheduled="2026-06-02T21:35:00Z") == ("2026-06-02", "filed")
    assert dated("APW", "PPG", in_scheduled="2026-06-02T21:35:00Z") == ("2026-06-03", "filed")
    assert dated("AKL", "LAX", in_scheduled="2026-03-01T19:25:00Z")[0] in (None, "2026-03-01")


def test_a_scheduled_touchdown_serves_as_well() -> None:
    assert dated("DUB", "EDI", on_scheduled="2026-06-10T10:35:00Z") == ("2026-06-10", "filed")


@pytest.mark.parametrize(
    ("origin", "destination"),
    [(None, "EDI"), ("DUB", None), ("ZZQ", "EDI"), ("DUB", "ZZQ"), ("EDI", "EDI")],
)
def test_without_two_known_airports_there_is_no_date(
    origin: str | None, destination: str | None
) -> None:
    assert dated(origin, destination, in_scheduled="2026-06-10T10:35:00Z") == (None, "none")


def test_estimates_and_actual_times_alone_give_no_date() -> None:
    """A leg may leave on another day than it was scheduled for."""
    for cell in ("out_estimated", "out_actual", "off_actual", "in_estimated", "in_actual"):
        assert dated("DUB", "EDI", **{cell: "2026-06-10T10:35:00Z"}) == (None, "none")


def test_when_it_left_narrows_down_what_the_arrival_leaves_open() -> None:
    # Off-block is at most an hour early: one that left at 21:40Z was scheduled before 22:40Z.
    arrival = {"in_scheduled": "2026-06-10T23:45:00Z"}
    assert dated("DUB", "EDI", **arrival) == (None, "none")
    left = {**arrival, "out_actual": "2026-06-10T21:40:00Z"}
    assert dated("DUB", "EDI", **left) == ("2026-06-10", "filed")


def test_an_arrival_that_contradicts_the_departure_gives_no_date() -> None:
    told = {"in_scheduled": "2026-06-10T10:35:00Z", "out_actual": "2026-06-12T10:00:00Z"}
    assert dated("DUB", "EDI", **told) == (None, "none")


def test_a_utc_date_and_an_arrival_are_taken_together() -> None:
    arrival = "2026-06-10T06:15:00Z"
    # Abu Dhabi to Edinburgh: off-block between 15:42Z and 00:13Z, whose midnight is at 20:00Z.
    assert dated("AUH", "EDI", in_scheduled=arrival) == (None, "none")
    assert dated("AUH", "EDI", "2026-06-10", in_scheduled=arrival) == ("2026-06-10", "filed")
    assert dated("AUH", "EDI", "2026-06-09", in_scheduled=arrival) == (None, "none")


def test_a_utc_date_that_the_arrival_rules_out_gives_no_date() -> None:
    told = dated("DUB", "EDI", "2026-06-12", in_scheduled="2026-06-10T10:35:00Z")
    assert told == (None, "none")


def test_a_schedule_or_a_filed_take_off_comes_first() -> None:
    told = {"in_scheduled": "2026-06-10T10:35:00Z"}
    assert dated("DUB", "EDI", out_scheduled="2026-06-09T10:00:00Z", **told) == (
        "2026-06-09",
        "scheduled",
    )
    assert dated("DUB", "EDI", off_scheduled="2026-06-08T10:00:00Z", **told) == (
        "2026-06-08",
        "filed",
    )
