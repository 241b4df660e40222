"""Every trap of real feeds has a test that is named after it, and the page lists exactly these."""

from __future__ import annotations

import re

import pytest

from pipeline.feed_pages import TRAPS, TRAPS_PAGE, numbers_in, trap_tests, traps_redrawn


@pytest.mark.parametrize("number", TRAPS)
def test_every_trap_is_held_by_a_test(number: int) -> None:
    assert trap_tests().get(number), f"no test is named test_trap_{number:02}_<what>"


def test_there_are_no_other_traps() -> None:
    assert set(trap_tests()) == set(TRAPS)


def test_the_page_has_a_row_for_each_trap_with_its_tests() -> None:
    text = TRAPS_PAGE.read_text("utf-8")
    assert [int(row) for row in re.findall(r"^\| ([0-9]+) \|", text, re.MULTILINE)] == list(TRAPS)
    assert traps_redrawn(text) == text, "run: python -m pipeline.feed_pages"


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_trap_05_code_shares", [5]),
        ("test_trap_03_and_04_designators", [3, 4]),
        ("test_trap_03_04_and_32_either_code", [3, 4, 32]),
        ("test_trap_07_18_digits_stay_apart", [7, 18]),  # so no name begins with a number
        ("test_trap_07_ids_of_18_digits", [7]),
        ("test_traps_are_listed", []),
        ("test_a_trap_05_is_none", []),
    ],
)
def test_the_numbers_in_a_name(name: str, numbers: list[int]) -> None:
    assert numbers_in(name) == numbers


def test_numbers_are_written_with_two_digits() -> None:
    names = {test.name for tests in trap_tests().values() for test in tests}
    assert [name for name in names if re.match(r"test_trap_[0-9]_", name)] == []
