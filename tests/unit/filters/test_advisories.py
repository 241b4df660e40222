from __future__ import annotations

import datetime as dt
import re
from importlib.resources import files

import pytest

from filters import reference
from filters.policy import load_advisories


def _ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def test_none_says_nothing() -> None:
    assert load_advisories("none") == ()


@pytest.mark.parametrize(
    ("airport", "at", "covered"),
    [
        ("EWR", "2013-02-08T18:00:00Z", True),
        ("JFK", "2013-02-09T19:00:00Z", True),
        ("LGA", "2013-02-08T12:00:00Z", True),
        ("LGA", "2013-02-08T11:59:59Z", False),
        ("EWR", "2013-02-09T20:00:01Z", False),
        ("BOS", "2013-02-08T18:00:00Z", False),
    ],
)
def test_the_storm_covers_new_york_while_it_lasted(airport: str, at: str, covered: bool) -> None:
    advisories = load_advisories("storm-2013-02-08")
    assert any(advisory.covers(airport, _ms(at)) for advisory in advisories) is covered


@pytest.mark.parametrize(
    "name",
    sorted(
        path.name.removesuffix(".toml")
        for path in (files("filters") / "data" / "advisories").iterdir()
    ),
)
def test_every_advisory_has_airports_a_span_a_cause_and_a_source(name: str) -> None:
    for advisory in load_advisories(name):
        assert all(reference.airport(code) for code in advisory.airports)
        assert advisory.from_.utcoffset() == advisory.until.utcoffset() == dt.timedelta(0)
        assert advisory.from_ < advisory.until
        assert re.fullmatch(r"AHM730:\d\d", advisory.cause)
        assert advisory.source.strip()
        assert dt.date.fromisoformat(advisory.date).isoformat() == advisory.date
