from __future__ import annotations

import datetime as dt
from importlib.resources import files
from pathlib import Path

import pytest

from filters.policy import Advisory, PolicyError, load_advisories, load_policy
from tests.unit.filters.records import MINUTE, at

GOOD = {
    "name": '"patient"',
    "version": '"7"',
    "source": '"a test"',
    "first_notice_minutes": "90",
    "next_notice_minutes": "45",
    "earlier_minutes": "5",
    "cancelled_useful_minutes": "60",
    "least_useful_minutes": "20",
    "must_reach": '["cancelled"]',
}
SNOW = {
    "airports": '["EWR"]',
    "from": "2013-02-08T10:00:00Z",
    "until": "2013-02-08T11:00:00-05:00",
    "cause": '"AHM730:71"',
    "source": '"a test"',
    "date": '"2013-02-09"',
}


def policy_file(folder: Path, **changes: str | None) -> str:
    """A policy's file with some lines changed, added or (None) left out."""
    place = folder / "patient.toml"
    place.write_text(lines({**GOOD, **changes}), "utf-8")
    return str(place)


def advisory_file(folder: Path, **changes: str | None) -> str:
    """An advisory's file with some lines changed, added or (None) left out."""
    place = folder / "snow.toml"
    place.write_text("[[advisory]]\n" + lines({**SNOW, **changes}), "utf-8")
    return str(place)


def lines(members: dict[str, str | None]) -> str:
    """TOML of these members."""
    return "".join(f"{name} = {value}\n" for name, value in members.items() if value is not None)


def test_a_policy_from_a_file_of_ones_own(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path))
    assert policy.label == "patient@7"
    assert policy.must_reach == {"cancelled"}
    assert (policy.first_notice_ms, policy.next_notice_ms) == (90 * MINUTE, 45 * MINUTE)
    assert policy.earlier_ms == 5 * MINUTE


@pytest.mark.parametrize(
    "name",
    sorted(p.name[:-5] for p in (files("filters") / "data" / "policies").iterdir()),
)
def test_every_shipped_policy_loads_under_its_own_name_and_says_where_it_is_from(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.source.strip()
    assert dt.date.fromisoformat(policy.version).isoformat() == policy.version
    assert policy.earlier_minutes <= policy.next_notice_minutes


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_notice_minutes": "0"}, "first_notice_minutes"),
        ({"first_notice_minutes": "-30"}, "first_notice_minutes"),
        ({"first_notice_minutes": "30.5"}, "first_notice_minutes"),
        ({"first_notice_minutes": '"30"'}, "first_notice_minutes"),
        ({"next_notice_minutes": "10_081"}, "next_notice_minutes"),
        ({"earlier_minutes": None}, "earlier_minutes"),
        ({"earlier_minuets": "10"}, "earlier_minuets"),
        ({"must_reach": '["canceled"]'}, "must_reach"),
        ({"must_reach": '"cancelled"'}, "must_reach"),
        ({"name": None}, "name"),
        ({"source": "7"}, "source"),
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_used_names_file_and_field(
    tmp_path: Path, changes: dict[str, str | None], field: str
) -> None:
    place = policy_file(tmp_path, **changes)
    with pytest.raises(PolicyError) as raised:
        load_policy(place)
    assert str(raised.value).startswith(f"{place}: ")
    assert field in str(raised.value)


def test_a_file_that_is_no_toml_names_file_and_line(tmp_path: Path) -> None:
    place = policy_file(tmp_path, name="patient")
    with pytest.raises(PolicyError, match=r"patient\.toml: .*line 1"):
        load_policy(place)


def test_a_file_that_is_no_text_names_the_file(tmp_path: Path) -> None:
    place = tmp_path / "latin.toml"
    place.write_bytes(b'name = "\xe9"')
    with pytest.raises(PolicyError, match=r"latin\.toml: .*utf-8"):
        load_policy(str(place))


@pytest.mark.parametrize("name", ["nobody", "../policies/nobody", "nobody.toml"])
def test_a_policy_that_is_not_there_says_which_are(name: str) -> None:
    with pytest.raises(PolicyError, match="passenger") as raised:
        load_policy(name)
    assert repr(name) in str(raised.value)


def test_an_advisory_holds_at_its_airports_from_its_first_to_its_last_moment(
    tmp_path: Path,
) -> None:
    [snow] = load_advisories(advisory_file(tmp_path))
    assert snow.covers("EWR", at("2013-02-08T10:00:00Z"))
    assert snow.covers("EWR", at("2013-02-08T16:00:00Z"))
    assert not snow.covers("EWR", at("2013-02-08T09:59:59Z"))
    assert not snow.covers("EWR", at("2013-02-08T16:00:01Z"))
    assert not snow.covers("JFK", at("2013-02-08T12:00:00Z"))
    assert not snow.covers(None, at("2013-02-08T12:00:00Z"))
    assert not snow.covers("EWR", None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": "2013-02-08T10:00:00"}, "from"),
        ({"until": "2013-02-08T10:00:00"}, "until"),
        ({"until": "2013-02-08"}, "until"),
        ({"airports": '"EWR"'}, "airports"),
        ({"cause": None}, "cause"),
        ({"reason": '"snow"'}, "reason"),
    ],
    ids=str,
)
def test_an_advisory_that_cannot_be_used_names_file_and_field(
    tmp_path: Path, changes: dict[str, str | None], field: str
) -> None:
    place = advisory_file(tmp_path, **changes)
    with pytest.raises(PolicyError) as raised:
        load_advisories(place)
    assert str(raised.value).startswith(f"{place}: ")
    assert field in str(raised.value)


def test_no_advisory_is_an_empty_file(tmp_path: Path) -> None:
    place = tmp_path / "quiet.toml"
    place.write_text("# nothing known\n", "utf-8")
    assert load_advisories(str(place)) == ()
    assert Advisory.__struct_encode_fields__[1] == "from"
