"""Tables of airlines that a user brings, and which of two holders of a code is meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import designators, reference
from filters.airlines import Airline, overlap, read_airlines, written
from filters.tables import TableError

HEAD = "iata,icao,name,country,valid_from,valid_to,note\n"
OPTD = (
    "pk^env_id^validity_from^validity_to^3char_code^2char_code^num_code^name^name2^alliance_code"
    "^alliance_status^type^wiki_link^flt_freq^alt_names^bases^key^version^parent_pk_list"
    "^successor_pk_list\n"
)
STORM = dt.date(2013, 2, 8)


@pytest.fixture(autouse=True)
def shipped_table_again() -> Iterator[None]:
    """Go back to the shipped table after each test."""
    yield
    reference.adopt(None)


def optd(  # noqa: PLR0913  (one keyword for each column that matters)
    iata: str,
    icao: str,
    *,
    begin: str = "",
    end: str = "",
    env: str = "",
    pk: str = "air-invented",
    kind: str = "",
    name: str = "Invented",
) -> str:
    """A row as OpenTravelData writes it."""
    return f"{pk}^{env}^{begin}^{end}^{icao}^{iata}^0^{name}^^^^{kind}^^7^en|X|^^key^1^^\n"


def told(text: str) -> list[tuple[str, ...]]:
    """The rows of a table in our columns, as text."""
    found = read_airlines(text, "t.csv", reference.shipped()).airlines
    return [tuple(line.split(",")) for line in written(found, "x").splitlines()[2:]]


def test_our_own_columns_are_read_in_any_order_and_with_others_between() -> None:
    text = "# comment\nicao,since,iata,valid_from\nZZA,1999,Z9,2020-02-01\n\n# more\nZZB,,9Z,\n"
    assert told(text) == [
        ("Z9", "ZZA", "", "", "2020-02-01", "", ""),
        ("9Z", "ZZB", "", "", "", "", ""),
    ]


def test_a_table_that_was_written_reads_the_same() -> None:
    shipped = reference.shipped()
    assert read_airlines(written(shipped, "a\nb"), "x").airlines == shipped


def test_a_star_marks_a_controlled_duplicate() -> None:
    [found] = read_airlines(f"{HEAD}9Z*,ZZA,A,US,,,cargo\n", "x").airlines
    assert (found.iata, found.note, found.duplicate) == ("9Z", "controlled duplicate; cargo", True)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("UAL,UAL,U,US,,,", "t.csv:2: iata: 'UAL': "),
        ("U1A,UAL,U,US,,,", "t.csv:2: iata: 'U1A': "),
        ("11,UAL,U,US,,,", "t.csv:2: iata: '11': "),
        ("ua,UAL,U,US,,,", "t.csv:2: iata: 'ua': "),
        ("UA,UA1,U,US,,,", "t.csv:2: icao: 'UA1': "),
        ("UA,UAL,U,USA,,,", "t.csv:2: country: 'USA': "),
        ("UA,UAL,U,US,2013-02-30,,", "t.csv:2: valid_from: '2013-02-30': "),
        ("UA,UAL,U,US,,soon,", "t.csv:2: valid_to: 'soon': "),
        ("UA,UAL,U,US,2013-02-02,2013-02-01,", "t.csv:2: valid_to: 2013-02-01 is before"),
        (",UAL,U,US,,,", "t.csv:2: Object missing required field `iata`"),
        ("UA,UAL,U,US,,,,,", "t.csv:2: 9 cells under 7 names"),
        ("# nothing", "t.csv:1: holds no airline"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_field(row: str, fault: str) -> None:
    with pytest.raises(TableError) as raised:
        read_airlines(f"{HEAD}{row}\n", "t.csv")
    [found] = raised.value.faults
    assert found.startswith(fault)


def test_a_long_list_of_faults_is_cut_in_the_message_only() -> None:
    with pytest.raises(TableError) as raised:
        read_airlines(HEAD + "bad,BAD,,,,,\n" * 30, "t.csv")
    assert len(raised.value.faults) == 30
    assert str(raised.value).endswith("\nand 10 faults more")


@given(st.text() | st.text(alphabet='iatacou,^"\n#*Z9-20'))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    for whole in (text, HEAD + text, OPTD + text):
        try:
            read_airlines(whole, "t.csv")
        except TableError as error:
            assert error.faults  # noqa: PT017  (either is right)


# OpenTravelData's table.


def test_optd_rows_get_country_and_days_of_the_shipped_pair() -> None:
    rows = optd("9E", "EDV", name="Endeavor, Inc") + optd("UA", "UAL", begin="1931-01-01")
    found = read_airlines(OPTD + rows, "o.csv", reference.shipped()).airlines
    assert [(a.pair, a.country, a.valid_from, a.valid_to) for a in found] == [
        (("9E", "EDV"), "US", dt.date(2013, 8, 1), None),
        (("UA", "UAL"), "US", dt.date(1931, 1, 1), None),
    ]
    assert found[0].name == "Endeavor, Inc"


def test_optd_rows_that_name_no_pair_in_force_are_left_out_and_counted() -> None:
    rows = (
        optd("2A", "DBB", pk="trn-rail")
        + optd("*A", "", pk="alc-star-alliance")
        + optd("", "ZZA")
        + optd("9Z", "")
        + optd("9Z", "ZZB", env="1")
        + optd("9Z", "ZZC", env="1", end="2009-12-31", kind="C", name='A "quoted')
        + optd("9Z", "ZZD", begin="2010-01-02", end="2010-01-01")
    )
    found = read_airlines(OPTD + rows, "o.csv")
    assert [(a.pair, a.valid_to, a.note) for a in found.airlines] == [
        (("9Z", "ZZC"), dt.date(2009, 12, 31), "cargo")
    ]
    assert found.airlines[0].name == 'A "quoted'
    assert found.left_out == {
        "no airline": 2,
        "without both designators": 2,
        "no longer valid, without a last day": 1,
        "ends before it begins": 1,
    }


def test_optd_may_lack_columns_but_not_the_codes() -> None:
    found = read_airlines("3char_code^2char_code\nZZA^9Z\n", "o.csv").airlines
    assert [a.pair for a in found] == [("9Z", "ZZA")]
    with pytest.raises(TableError, match="2char_code: no such column"):
        read_airlines("pk^3char_code\nair-x^ZZA\n", "o.csv")
    with pytest.raises(TableError, match=r"o\.csv:2: valid_from: "):
        read_airlines(OPTD + optd("9Z", "ZZA", begin="long ago"), "o.csv")


# The table in force.


def test_an_adopted_table_stands_over_the_shipped_one() -> None:
    assert reference.airline_icao("9Z", None) is None
    assert designators.ticketed("ZZA17") == "ZZA17"
    assert reference.adopt(f"{HEAD}9Z,ZZA,A,US,,,\nUA,UAL,U,US,2020-01-01,,\n") == 2
    assert reference.airline_icao("9Z", None) == "ZZA"
    assert designators.ticketed("ZZA17") == "9Z17"
    # Of a pair it holds the shipped row is gone; of others it stays.
    assert reference.airline_icao("UA", STORM) is None
    assert reference.airline_icao("B6", STORM) == "JBU"
    reference.adopt(None)
    assert reference.airline_icao("9Z", None) is None
    assert designators.ticketed("ZZA17") == "ZZA17"
    assert reference.airline_icao("UA", STORM) == "UAL"


def test_a_table_that_cannot_be_read_changes_nothing() -> None:
    reference.adopt(f"{HEAD}9Z,ZZA,A,US,,,\n")
    with pytest.raises(TableError):
        reference.adopt(f"{HEAD}9Z,ZZ,A,US,,,\n")
    assert reference.airline_icao("9Z", None) == "ZZA"


def test_days_that_a_loaded_pair_lacks_do_not_hide_the_earlier_holder() -> None:
    reference.adopt(f"{HEAD}9E,EDV,Endeavor,US,,,\n")
    assert reference.airline_icao("9E", STORM) == "FLG"
    assert reference.airline_icao("9E", dt.date(2020, 1, 1)) == "EDV"
    assert reference.airline_icao("9E", None) == "EDV"


@pytest.mark.parametrize(
    ("rows", "icao"),
    [
        # Nobody knows which of the two is meant.
        ("9Z,ZZA,A,US,,,\n9Z,ZZB,B,US,,,\n", None),
        ("9Z,ZZA,A,US,,,\n9Z*,ZZB,B,US,,,\n", "ZZA"),
        ("9Z*,ZZA,A,US,,,\n9Z,ZZB,B,US,,,\n", "ZZB"),
        ("9Z*,ZZA,A,US,,,\n9Z*,ZZB,B,US,,,\n", None),
        ("9Z,ZZA,A,US,2020-01-01,,\n9Z,ZZB,B,US,,,\n", "ZZA"),
        ("9Z,ZZA,A,US,,2013-02-07,\n9Z,ZZB,B,US,,,\n", "ZZB"),
        # A shipped pair is believed before a loaded one.
        ("UA,ZZA,A,US,2001-01-01,,\n", "UAL"),
    ],
)
def test_of_two_holders_on_a_day_one_is_meant_or_none(rows: str, icao: str | None) -> None:
    reference.adopt(HEAD + rows)
    code = rows[:2]
    assert reference.airline_icao(code, None) == icao
    assert reference.airline_icao(code, dt.date(2024, 1, 1)) == icao
    # Each is known by its own designator all the same.
    assert reference.airline_iata("ZZA", dt.date(2024, 1, 1)) in (code, None)


def test_an_airline_with_two_codes_on_one_day_is_ticketed_under_neither() -> None:
    reference.adopt(f"{HEAD}9Z,ZZA,A,US,,,\nZ9,ZZA,A,US,,,\n")
    assert reference.airline_iata("ZZA", STORM) is None
    assert designators.ticketed("ZZA17", STORM) == "ZZA17"


def airline(begin: str | None, end: str | None) -> Airline:
    """A pair with these days."""
    days = (None if day is None else dt.date.fromisoformat(day) for day in (begin, end))
    first, last = days
    return Airline(iata="9Z", icao="ZZA", valid_from=first, valid_to=last)


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [
        ((None, None), (None, None), True),
        ((None, "2013-02-07"), ("2013-02-08", None), False),
        ((None, "2013-02-08"), ("2013-02-08", None), True),
        (("2013-02-01", "2013-02-09"), ("2013-02-03", "2013-02-04"), True),
        (("2013-02-01", "2013-02-09"), ("2013-03-03", None), False),
    ],
)
def test_days_overlap_when_one_is_in_both(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], met: bool
) -> None:
    assert overlap(airline(*one), airline(*other)) is met
    assert overlap(airline(*other), airline(*one)) is met
