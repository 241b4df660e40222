from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from filters.join import join
from filters.legs import known_legs
from filters.normalize import normalize
from filters.outcome import Forward
from filters.partners import (
    Partners,
    load_partners,
    overlapping,
    read_partners,
    unknown_airlines,
)
from filters.people import Booking
from filters.policy import PolicyError
from filters.tables import TableError
from filters.wording import load_wordings
from pipeline.memory.tables import MemoryBookings, MemoryLegs
from replay import inprocess
from schemas.records import Disruption, FlightStatus, Notice
from tests.unit.filters.records import (
    MINUTE,
    OUT,
    POLICY,
    SOURCES,
    at,
    epoch,
    flifo,
    message,
    status,
)
from tests.unit.filters.test_detect_legs import run

HEAD = "operator,marketing,first,last,valid_from,valid_to\n"
TABLE = HEAD + "SKW,UA,3000,3499,2013-01-01,2013-12-31\nSKW,DL,4500,4599,,\n9E,DL,3300,3399,,\n"


def partners(text: str = TABLE) -> Partners:
    """The ranges of a table."""
    return read_partners(text, "partners.csv")


def named(airline: str, number: int, **fields: Any) -> FlightStatus:  # noqa: ANN401  (fields)
    """A status of that flight."""
    source = fields.pop("source_id", f"x:{airline}{number}")
    return status(airline, airline=airline, number=number, source_id=source, **fields)


def meant(said: FlightStatus, text: str = TABLE) -> tuple[str, int, str, tuple[str, ...]]:
    """Airline, number, suffix and code-shares once the ranges were applied."""
    after = partners(text).applied(said)
    return after.airline, after.number, after.suffix, after.code_shares


@pytest.mark.parametrize(
    ("airline", "number", "operator", "shares"),
    [
        ("SKW", 3284, "SKW", ("UA3284",)),
        ("UAL", 3284, "SKW", ("UA3284",)),
        ("UAL", 3000, "SKW", ("UA3000",)),
        ("UAL", 3499, "SKW", ("UA3499",)),
        ("UAL", 2999, "UAL", ()),
        ("UAL", 3500, "UAL", ()),
        ("SKW", 4500, "SKW", ("DL4500",)),
        # An IATA designator in the table means its holder on the day: Pinnacle in February 2013.
        ("DAL", 3300, "FLG", ("DL3300",)),
        ("FLG", 3300, "FLG", ("DL3300",)),
        ("DAL", 3284, "DAL", ()),
        ("AAL", 3284, "AAL", ()),
    ],
)
def test_a_number_in_a_range_is_its_operators_and_sold_under_the_marketing_number(
    airline: str, number: int, operator: str, shares: tuple[str, ...]
) -> None:
    assert meant(named(airline, number)) == (operator, number, "", shares)


@pytest.mark.parametrize(
    ("fields", "operator"),
    [
        ({"date": "2013-01-01"}, "SKW"),
        ({"date": "2012-12-31"}, "UAL"),
        ({"date": "2013-12-31"}, "SKW"),
        ({"date": "2014-01-01"}, "UAL"),
        # Without a local date the UTC one counts, and then the day of the message.
        ({"date": None, "utc_date": "2014-01-01"}, "UAL"),
        ({"date": None, "utc_date": "2013-06-01"}, "SKW"),
        ({"date": None, "source_time": at("2014-01-01T00:00:00Z")}, "UAL"),
        ({"date": None, "source_time": at("2013-12-31T23:59:59Z")}, "SKW"),
        ({"date": None, "source_time": 10**18}, "UAL"),
        ({"date": "soon", "source_time": at("2013-12-31T23:59:59Z")}, "SKW"),
    ],
)
def test_a_range_holds_on_its_days(fields: dict[str, Any], operator: str) -> None:
    assert meant(named("UAL", 3284, **fields))[0] == operator


def test_the_suffix_stays_and_the_operators_own_number_is_no_code_share() -> None:
    said = named("UAL", 3284, suffix="A", code_shares=("AC4321", "OO3284A"))
    assert meant(said) == ("SKW", 3284, "A", ("AC4321", "UA3284A"))


def test_a_status_that_says_it_already_stays_itself() -> None:
    said = named("SKW", 3284, code_shares=("UA3284",))
    assert partners().applied(said) is said
    assert Partners().applied(said) is said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("UAL3284.EWR.2013-02-07", "SKW3284.EWR.2013-02-07"),
        ("UAL3284.EWR.2012-12-31", "UAL3284.EWR.2012-12-31"),
        ("UAL17.EWR.2013-02-07", "UAL17.EWR.2013-02-07"),
        ("nonsense", "nonsense"),
        (None, None),
    ],
)
def test_an_old_name_is_the_operators_too(before: str | None, after: str | None) -> None:
    assert partners().applied(named("UAL", 3284, formerly=before)).formerly == after


def test_numbers_that_two_airlines_claim_stay_as_they_are() -> None:
    both = HEAD + "SKW,UA,3000,3499,,\nSKW,DL,3400,3599,,\nASH,UA,3100,3150,,\n"
    for airline in ("SKW", "UAL", "DAL"):
        assert meant(named(airline, 3450), both) == (airline, 3450, "", ())
    for airline in ("SKW", "UAL", "ASH"):
        assert meant(named(airline, 3120), both) == (airline, 3120, "", ())
    assert meant(named("UAL", 3099), both)[0] == "SKW"
    assert meant(named("DAL", 3500), both)[0] == "SKW"
    assert [(one.text, other.text) for one, other in overlapping(partners(both))] == [
        ("SKW as UA 3000-3499", "SKW as DL 3400-3599"),
        ("SKW as UA 3000-3499", "ASH as UA 3100-3150"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        "SKW,UA,3000,3499,,\nSKW,UA,3500,3999,,\n",
        "SKW,UA,3000,3499,,2013-01-31\nASH,UA,3000,3499,2013-02-01,\n",
        "SKW,UA,3000,3499,,\nOO,UAL,3400,3500,,\n",
        "SKW,UA,3000,3499,,\nENY,AA,3400,3500,,\n",
    ],
)
def test_ranges_that_agree_do_not_overlap(rows: str) -> None:
    assert overlapping(partners(HEAD + rows)) == []


def test_airlines_that_no_table_has_are_named() -> None:
    found = unknown_airlines(partners(HEAD + "SKW,UA,1,2,,\nQQX,ZZ,1,2,,\nOO,UAL,5,6,,\n"))
    assert found == ["QQX", "ZZ"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("SKW,UA,0,10,,", "p.csv:2: first: '0': "),
        ("SKW,UA,1,10000,,", "p.csv:2: last: '10000': "),
        ("SKW,UA,ten,20,,", "p.csv:2: first: 'ten': "),
        ("SKYW,UA,1,20,,", "p.csv:2: operator: 'SKYW': "),
        ("SKW,,1,20,,", "p.csv:2: "),
        ("SKW,UA,1,20,2013-02-30,", "p.csv:2: valid_from: '2013-02-30': "),
        ("SKW,UA,20,1,,", "p.csv:2: last: 1 is below first 20"),
        ("SKW,UA,1,2,2013-02-02,2013-02-01", "p.csv:2: valid_to: 2013-02-01 is before"),
        ("UA,UA,1,2,,", "p.csv:2: marketing: UA is the operator itself"),
        ("SKW,UA,1,2,,,,,", "p.csv:2: 9 cells under 6 names"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_field(row: str, fault: str) -> None:
    with pytest.raises(TableError) as raised:
        read_partners(f"{HEAD}{row}\n", "p.csv")
    [found] = raised.value.faults
    assert found.startswith(fault)


def test_all_malformed_rows_are_told_at_once() -> None:
    with pytest.raises(TableError) as raised:
        read_partners(f"# ours\n{HEAD}SKW,UA,0,1,,\nSKW,UA,1,2,,\nSKW,UA,5,x,,\n", "p.csv")
    assert [fault.split(": ")[0] for fault in raised.value.faults] == ["p.csv:3", "p.csv:5"]


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(TableError, match=r"p\.csv:1: last: no such column"):
        read_partners("operator,marketing,first\nSKW,UA,1\n", "p.csv")


def test_partners_are_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE, "utf-8")
    assert load_partners(str(path)).ranges == partners().ranges
    assert load_partners("").ranges == ()
    for name in ("mine", str(tmp_path / "other.csv")):
        with pytest.raises(PolicyError, match="partners"):
            load_partners(name)


# Two feeds, one leg.


def test_two_feeds_that_name_it_differently_speak_of_one_leg() -> None:
    ranges = partners()
    plan = named("SKW", 3284, out_scheduled=OUT)
    late = named("UAL", 3284, feed="other", out_estimated=OUT + 45 * MINUTE, source_rank=44)
    late = ranges.applied(late)
    assert late.airline == "SKW"
    legs = MemoryLegs()
    outcomes = run(legs, [ranges.applied(plan)], "t1") + run(legs, [late], "t2")
    [leg] = known_legs(legs.all())
    assert leg.key == "SKW3284.EWR.2013-02-08"
    assert leg.time("out_scheduled") == OUT
    assert leg.time("out_estimated") == OUT + 45 * MINUTE
    assert leg.code_shares == ("UA3284",)
    [told] = [r for o in outcomes if isinstance(o, Forward) for r in o.outputs]
    assert isinstance(told, Disruption)
    seat = Booking(pnr="P1", ticket="UA3284", origin="EWR", date="2013-02-08", recipient="r1")
    [outcome] = join([told], bookings=MemoryBookings([seat]))
    assert isinstance(outcome, Forward)
    [notice] = outcome.outputs
    assert isinstance(notice, Notice)
    assert (notice.recipient, notice.ticket) == ("r1", "UA3284")


SAID = flifo(id="UAL3284-1360152000-airline-0042", ident="UAL3284")


def test_normalize_applies_the_ranges_to_what_it_reads() -> None:
    [with_them] = normalize([message(SAID)], sources=SOURCES, partners=partners())
    [without] = normalize([message(SAID)], sources=SOURCES)
    [empty] = normalize([message(SAID)], sources=SOURCES, partners=Partners())
    assert without == empty
    [broken] = normalize([message(b"junk")], sources=SOURCES, partners=partners())
    assert broken == normalize([message(b"junk")], sources=SOURCES)[0]
    assert isinstance(with_them, Forward)
    assert isinstance(without, Forward)
    [after], [before] = with_them.outputs, without.outputs
    assert isinstance(after, FlightStatus)
    assert isinstance(before, FlightStatus)
    assert (before.airline, before.code_shares) == ("UAL", ())
    assert (after.airline, after.code_shares) == ("SKW", ("UA3284",))
    assert after.id == before.id


def test_a_replayed_world_has_its_partners() -> None:
    into = inprocess.world(POLICY, load_wordings(), partners=partners())
    late = flifo(
        id="UAL3284-1360152000-airline-0042",
        ident="SKW3284",
        pitr=epoch("2013-02-08T09:05:00Z"),
        estimated_out=epoch("2013-02-08T11:15:00Z"),
    )
    inprocess.run([message(SAID), message(late)], into)
    assert [leg.key for leg in known_legs(into.legs.all())] == ["SKW3284.EWR.2013-02-08"]


def test_a_range_covers_both_its_ends() -> None:
    [one, *_] = partners().ranges
    day = dt.date(2013, 1, 1)
    assert one.covers(3000, day)
    assert one.covers(3499, day)
    assert not one.covers(3500, day)
    assert not one.covers(3000, day - dt.timedelta(days=1))
