"""Designators and airport codes, as feeds write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.designators import (
    Flight,
    airport_code,
    airport_zone,
    flight,
    flight_of,
    ticket_number,
    ticketed,
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("W63407", Flight("WZZ", 3407)),
        ("P75535", Flight("P7", 5535)),  # an airline nobody lists keeps its own code
        ("3V025N", Flight("TAY", 25, "N")),
        ("9E3280", Flight("EDV", 3280)),
        ("U26418", Flight("EZY", 6418)),
        ("5X168", Flight("UPS", 168)),
        ("HV5466", Flight("TRA", 5466)),
        ("JST0122", Flight("JST", 122)),
        ("TOM7623", Flight("TOM", 7623)),
        ("ba 117", Flight("BAW", 117)),
        (" KL0894 ", Flight("KLM", 894)),
    ],
)
def test_trap_03_a_designator_is_split_where_the_airline_ends(text: str, named: Flight) -> None:
    assert flight(text) == named


def test_trap_04_zeros_in_front_say_nothing_and_a_suffix_says_another_flight() -> None:
    assert flight("BA0117") == flight("BA117") == flight("BA 117") == Flight("BAW", 117)
    assert flight("VS808P") != flight("VS808")
    assert flight_of("LS", "073", "W") == flight_of("LS", "073W") == Flight("EXS", 73, "W")
    assert flight_of("LS", 73) == Flight("EXS", 73)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BA",
        "117",
        "BA0",
        "BA00",
        "BA12345",
        "BA117PP",
        "BLOCKED",
        "1117",
        "ÄA117",
        "BA\u0661\u0661",
        "x" * 99,
    ],
)
def test_what_is_no_designator_is_none(text: str) -> None:
    assert flight(text) is None
    assert ticketed(text) is None


@pytest.mark.parametrize(
    ("airline", "number", "suffix"),
    [
        ("BA", "", ""),
        ("B", "117", ""),
        ("BA", "1-7", ""),
        ("BA", 0, ""),
        ("BA", 10000, ""),
        ("BA", "117", "PP"),
        ("BA", "9" * 99, ""),
        ("BA", -117, ""),
        ("BA", "\u0661\u0661", ""),
    ],
)
def test_fields_that_are_no_flight_are_none(airline: str, number: str | int, suffix: str) -> None:
    assert flight_of(airline, number, suffix) is None


def test_a_code_used_again_belongs_to_its_holder_of_the_day() -> None:
    assert flight("MX100", dt.date(2010, 1, 1)) == Flight("MXA", 100)
    assert flight("MX100", dt.date(2024, 1, 1)) == Flight("MXY", 100)
    assert ticket_number(Flight("AWE", 1), dt.date(2013, 2, 8)) == "US1"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("KEWR", "EWR"),
        ("EWR", "EWR"),
        ("ybbn", "BNE"),
        ("ZZZZ", "ZZZZ"),
        ("", None),
        (None, None),
        ("EW", None),
        ("L 41.20", None),
        ("X" * 99, None),
        ("LON", "LON"),
    ],
)
def test_airports_are_iata_where_one_exists(text: str | None, code: str | None) -> None:
    assert airport_code(text) == code


def test_a_metropolis_and_an_unknown_place_have_no_zone() -> None:
    assert (airport_zone("LON"), airport_zone("ZZZZ"), airport_zone(None)) == (None, None, None)
    assert airport_zone("LHR") == "Europe/London"


@given(st.text(max_size=30))
def test_any_text_has_an_answer(text: str) -> None:
    named = flight(text)
    if named is not None:
        assert 0 < named.number < 10_000
        assert flight(ticket_number(named)) is not None
    airport_code(text)
