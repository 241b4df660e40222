"""Delay codes: AHM 730 by number and by letters, its sub-codes, and AHM 732."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.delay_codes import cause_code, letters, meaning

# As printed: each group's first number and its codes in letters, in order; "-" is not given out.
PRINTED = {
    6: "OA - - SG - PD PL PE PO PH PS PC PB PW",
    21: "CD CP CC CI CO CU CE CL CA",
    31: "GD GL GE GS GC GF GB GU GT",
    41: "TD TM TN TS TA TC TL TV",
    51: "DF DG - - ED EC EF EO",
    61: "FP FF FT FS FR FL FC FA FB",
    71: "WO WT WR - WI WS WG",
    81: "AT AX AE AW AS AG AF AD AM",
    91: "RL RT RA RS RC RO MI MO MX",
}
LISTED = {
    f"{first + index:02}": code
    for first, codes in PRINTED.items()
    for index, code in enumerate(codes.split())
    if code != "-"
}


def test_the_list_is_whole() -> None:
    assert len(LISTED) == 76
    known = {number for number in map("{:02}".format, range(100)) if letters(f"AHM730:{number}")}
    assert known == set(LISTED)


@pytest.mark.parametrize(("number", "code"), LISTED.items())
def test_numbers_and_letters_name_the_same_cause(number: str, code: str) -> None:
    assert letters(f"AHM730:{number}") == code
    for scheme in ("AHM730", "AHM732"):
        assert cause_code(number, scheme) == cause_code(code, scheme) == f"AHM730:{number}"
    told = meaning(f"AHM730:{number}")
    assert told is not None
    assert len(told) > 5


@pytest.mark.parametrize(
    ("token", "cause"),
    [
        ("93", "AHM730:93"),
        (" 93 ", "AHM730:93"),
        ("93A", "AHM730:93"),
        ("932", "AHM730:93"),
        ("6", "AHM730:06"),
        ("6A", "AHM730:06"),
        ("02", "AHM730:02"),
        ("40", "AHM730:40"),
        ("ra", "AHM730:93"),
        ("RAC", "AHM730:93"),
        ("XYZ", "AHM732:XYZ"),
        ("XY", None),
        ("R1", None),
        ("1", "AHM730:01"),
        ("9999", None),
        ("", None),
        ("A", None),
        ("\u0669\u0663", None),
        ("93" * 5000, None),
    ],
)
def test_a_code_names_a_cause(token: str, cause: str | None) -> None:
    assert cause_code(token, "AHM730") == cause


def test_trap_24_three_letters_belong_to_the_scheme_that_the_source_uses() -> None:
    assert cause_code("FRC", "AHM730") == "AHM730:65"
    assert cause_code("FRC", "AHM732") == "AHM732:FRC"


@pytest.mark.parametrize("cause", ["AHM730:03", "AHM732:WOA", "BTS:B", "71", ""])
def test_of_other_causes_no_meaning_is_known(cause: str) -> None:
    assert meaning(cause) is None
    assert letters(cause) is None


@given(token=st.text(max_size=8), scheme=st.sampled_from(["AHM730", "AHM732"]))
def test_any_text_is_a_cause_or_none(token: str, scheme: str) -> None:
    cause = cause_code(token, scheme)
    assert cause is None or re.fullmatch(r"AHM730:[0-9]{2}|AHM732:[A-Z]{3}", cause)
