from __future__ import annotations

import pytest

from filters.normalize.vendors.walls import Wall, once, settle
from tests.unit.filters.records import at

LONDON, NEW_YORK = "Europe/London", "America/New_York"
# Clocks go back at 01:00 UTC on 25 October 2026 in London, and at 06:00 UTC on 1 November in New
# York: one hour is there twice.
TWICE, FIRST, SECOND = "2026-10-25T01:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"


def settled(
    cell: str,
    text: str,
    zone: str | None,
    near: int | None = None,
    known: dict[str, str] | None = None,
) -> object:
    """The moment a reading gets beside known cells of London to New York, or its evidence."""
    cells: dict[str, int | None] = {name: at(moment) for name, moment in (known or {}).items()}
    evidence = settle(cells, [Wall(cell, text, "member", zone, near)], "LHR", "JFK")
    return cells.get(cell, evidence)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-15T08:20:00.000", "2026-07-15T07:20:00Z"),
        (" 2026-07-15 08:20 ", "2026-07-15T07:20:00Z"),
        ("2026-07-15T24:00:00", "2026-07-15T23:00:00Z"),
        ("2026-07-15T08:20:00Z", "2026-07-15T07:20:00Z"),
        ("2026-07-15T08:20:00-00:00", "2026-07-15T07:20:00Z"),
        ("2026-07-15T08:20:00-05:00", "2026-07-15T13:20:00Z"),
        # Skipped: it counts on from before the gap.
        ("2026-03-29T01:30:00", "2026-03-29T01:30:00Z"),
    ],
)
def test_a_reading_that_occurs_once(text: str, moment: str) -> None:
    assert once(text, LONDON) == settled("out_scheduled", text, LONDON) == at(moment)


@pytest.mark.parametrize(
    ("known", "moment"),
    [
        ({}, FIRST),
        ({"out_actual": "2026-10-25T00:40:00Z"}, FIRST),
        ({"out_actual": "2026-10-25T01:20:00Z"}, SECOND),
        ({"off_estimated": "2026-10-25T01:50:00Z"}, SECOND),
        # The milestone itself before the other one at the same end, and that before the far end.
        ({"out_estimated": "2026-10-25T00:30:00Z", "off_actual": "2026-10-25T01:50:00Z"}, FIRST),
        ({"off_actual": "2026-10-25T00:50:00Z", "in_scheduled": "2026-10-25T12:00:00Z"}, FIRST),
        ({"in_scheduled": "2026-10-25T08:00:00Z"}, FIRST),
        ({"in_scheduled": "2026-10-25T12:00:00Z"}, SECOND),
    ],
)
def test_a_departure_that_is_there_twice_is_near_what_else_is_known(
    known: dict[str, str], moment: str
) -> None:
    assert once(TWICE, LONDON) is None
    assert settled("out_scheduled", TWICE, LONDON, known=known) == at(moment)


@pytest.mark.parametrize(
    ("known", "moment"),
    [
        ({"on_actual": "2026-11-01T06:20:00Z"}, "2026-11-01T06:30:00Z"),
        ({"out_scheduled": "2026-10-31T18:00:00Z"}, "2026-11-01T05:30:00Z"),
        ({"out_scheduled": "2026-11-01T00:00:00Z"}, "2026-11-01T06:30:00Z"),
    ],
)
def test_an_arrival_that_is_there_twice(known: dict[str, str], moment: str) -> None:
    assert settled("in_scheduled", "2026-11-01T01:30:00", NEW_YORK, known=known) == at(moment)


def test_what_is_said_to_be_near_counts_before_all_else() -> None:
    known = {"out_actual": "2026-10-25T00:30:00Z"}
    assert settled("out_scheduled", TWICE, LONDON, at(SECOND), known) == at(SECOND)


@pytest.mark.parametrize(
    ("text", "zone", "evidence"),
    [
        (TWICE, None, ["unzoned=member"]),
        ("2026-02-30T01:30:00", LONDON, ["unread=member"]),
        ("2026-02-30T01:30:00", None, ["unread=member"]),
        ("half past one", LONDON, ["unread=member"]),
        ("Z", LONDON, ["unread=member"]),
        (" ", LONDON, ["unread=member"]),
    ],
)
def test_what_cannot_be_read_is_noted(text: str, zone: str | None, evidence: list[str]) -> None:
    assert once(text, zone) is None
    assert settled("out_scheduled", text, zone) == evidence
