"""`flightwire reference`, and what uses the tables that it stores."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from filters import reference
from filters.airlines import read_airlines
from filters.partners import read_partners
from filters.policy import PolicyError
from pipeline.app import build
from pipeline.cli import main
from pipeline.reference import loaded
from pipeline.reference.check import Finding, check
from pipeline.settings import Settings, read, state_dir

HEAD = "iata,icao,name,country,valid_from,valid_to,note\n"
RANGES = "operator,marketing,first,last,valid_from,valid_to\n"
MINE = f"{HEAD}9Z,ZZA,Invented,US,2020-02-01,,\n"
PACKAGES = {"airportsdata": "20260905", "tzdata": "2026.1"}
TODAY = dt.date(2026, 11, 20)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of the test's own, and the shipped table afterwards."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state" / "flightwire" / "reference"
    reference.adopt(None)


def flightwire(*arguments: str | Path) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def table(folder: Path, text: str, name: str = "mine.csv") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_loaded_table_is_used_by_the_commands_that_follow(tmp_path: Path, state: Path) -> None:
    done = flightwire("reference", "load", table(tmp_path, MINE))
    assert done.exit_code == 0, done.output
    assert "1 airlines stored in" in done.output
    assert read_airlines((state / "airlines.csv").read_text("utf-8"), "x").airlines
    assert reference.airline_icao("9Z", None) is None
    flightwire("feed", "list")
    assert reference.airline_icao("9Z", None) == "ZZA"
    assert reference.airline_icao("UA", None) == "UAL"


def test_the_demo_keeps_to_the_shipped_table(tmp_path: Path) -> None:
    flightwire("reference", "load", table(tmp_path, MINE))
    flightwire("demo", "--help")
    assert reference.airline_icao("9Z", None) is None


def test_partners_are_stored_beside_the_airlines(tmp_path: Path, state: Path) -> None:
    ranges = table(tmp_path, f"{RANGES}SKW,UA,5000,5999,2013-01-01,\n", "ranges.csv")
    done = flightwire("reference", "load", table(tmp_path, MINE), "--partners", ranges, "--json")
    assert json.loads(done.stdout) == {
        "airlines": {"rows": 1, "left_out": {}, "stored": str(state / "airlines.csv")},
        "partners": {"rows": 1, "left_out": {}, "stored": str(state / "partners.csv")},
    }
    assert loaded.parameters() == {
        "Airlines": str(state / "airlines.csv"),
        "Partners": str(state / "partners.csv"),
    }
    assert (state / "partners.csv").read_text("utf-8") == ranges.read_text("utf-8")


def test_a_table_goes_where_it_is_told(tmp_path: Path) -> None:
    mine, to = table(tmp_path, MINE), tmp_path / "deep" / "ours.csv"
    ranges = table(tmp_path, f"{RANGES}SKW,UA,1,2,,\n", "ranges.csv")
    assert flightwire("reference", "load", mine, "--partners", ranges, "--to", to).exit_code == 0
    assert sorted(path.name for path in to.parent.iterdir()) == ["ours.csv", "partners.csv"]
    alone = tmp_path / "alone.csv"
    assert flightwire("reference", "load", "--partners", ranges, "--to", alone).exit_code == 0
    assert alone.is_file()
    assert not state_dir().exists()
    clash = tmp_path / "partners.csv"
    done = flightwire("reference", "load", mine, "--partners", ranges, "--to", clash)
    assert done.exit_code == 2
    assert flightwire("reference", "load").exit_code == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{MINE}9Z,ZZ,A,US,,,\n", "mine.csv:3: icao: 'ZZ'"),
        ("nothing\n", "mine.csv:1: iata, icao: no such column"),
        (None, "mine.csv: No such file"),
    ],
)
def test_a_table_with_a_fault_is_not_stored(
    tmp_path: Path, state: Path, text: str | None, told: str
) -> None:
    path = tmp_path / "mine.csv" if text is None else table(tmp_path, text)
    done = flightwire("reference", "load", path)
    assert done.exit_code == 1
    assert told in done.stderr
    assert "nothing was stored" in done.stderr
    told_json = flightwire("reference", "load", path, "--json")
    assert told in json.loads(told_json.stderr)["error"]
    assert told_json.stdout == ""
    assert not state.exists()


def test_one_table_with_a_fault_keeps_the_other_from_being_stored(
    tmp_path: Path, state: Path
) -> None:
    ranges = table(tmp_path, f"{RANGES}SKW,UA,2,1,,\n", "ranges.csv")
    done = flightwire("reference", "load", table(tmp_path, MINE), "--partners", ranges)
    assert done.exit_code == 1
    assert "ranges.csv:2: last: 1 is below first 2" in done.stderr
    assert not state.exists()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(MINE.encode() + b"9Y,ZZB,\xff,,,,\n")
    done = flightwire("reference", "load", path)
    assert done.exit_code == 1
    assert "not UTF-8" in done.stderr


def test_a_stored_table_that_broke_is_named_with_the_way_out(state: Path) -> None:
    state.mkdir(parents=True)
    table(state, "broken\n", "airlines.csv")
    done = flightwire("feed", "list")
    assert done.exit_code == 1
    assert "airlines.csv:1: iata, icao: no such column" in done.stderr
    assert "flightwire reference load" in done.stderr
    assert flightwire("reference", "check").exit_code == 1
    assert flightwire("reference", "--help").exit_code == 0


# check


def said(found: list[Finding], subject: str) -> list[tuple[str, str]]:
    """Level and text of the findings about something."""
    return [(each.level, each.said) for each in found if each.subject == subject]


def test_what_is_shipped_is_beyond_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    now = round(dt.datetime(2026, 11, 20, tzinfo=dt.UTC).timestamp() * 1000)
    monkeypatch.setattr("pipeline.clock.now_ms", lambda: now)
    done = flightwire("reference", "check")
    assert [line for line in done.output.splitlines() if line.startswith("doubt")] == []
    assert done.exit_code == 0
    assert check(TODAY, PACKAGES) == [e for e in check(TODAY, PACKAGES) if e.level == "notice"]


def test_codes_used_again_are_told_with_their_days() -> None:
    [(level, text)] = said(check(TODAY, PACKAGES), "MQ")
    assert level == "notice"
    assert text == (
        "used again: MQ/EGF American Eagle Airlines until 2014-04-14; "
        "MQ/ENY Envoy Air from 2014-04-15"
    )


@pytest.mark.parametrize(
    ("today", "packages", "doubts"),
    [
        ("2027-11-20", PACKAGES | {"airportsdata": "20271101", "tzdata": "2027.1"}, set()),
        ("2027-11-21", PACKAGES | {"airportsdata": "20271101", "tzdata": "2027.1"}, {"airlines"}),
        ("2027-03-07", PACKAGES, set()),
        ("2027-03-08", PACKAGES, {"airportsdata"}),
        ("2027-07-03", PACKAGES, {"airportsdata", "tzdata"}),
        ("2026-11-20", {}, {"airportsdata", "tzdata"}),
        ("2026-11-20", {"airportsdata": "5", "tzdata": "new"}, {"airportsdata", "tzdata"}),
    ],
)
def test_what_is_old_is_told(today: str, packages: dict[str, str], doubts: set[str]) -> None:
    found = check(dt.date.fromisoformat(today), packages)
    assert {each.subject for each in found if each.level == "doubt"} == doubts


def test_a_loaded_table_is_compared_with_the_shipped_one() -> None:
    text = (
        f"{HEAD}9Z,ZZA,A,,,,\n9Z,ZZB,B,US,,,\nZ9*,ZZC,C,US,,,\nZ9,ZZD,D,US,,,\n"
        "B6,JBU,JetBlue,US,2000-02-11,,\nDL,DAL,Delta,US,,2025-12-31,\nDL,ZZE,E,US,2026-01-01,,\n"
    )
    reference.adopt(text)
    airlines = read_airlines(text, "x").airlines
    found = check(TODAY, PACKAGES, airlines)
    assert said(found, "9Z") == [("doubt", "held by two: 9Z/ZZA A; 9Z/ZZB B")]
    [(level, _)] = said(found, "Z9")
    assert level == "notice"
    assert ("doubt", "is ZZE now, shipped DAL") in said(found, "DL")
    assert ("notice", "1 without a country: ZZA") in said(found, "airlines")
    texts = [text for _, text in said(found, "loaded airlines")]
    assert texts[0].startswith("7 pairs, 5 of them new; ")
    assert texts[1] == "2 pairs with other days than shipped: B6/JBU, DL/DAL"
    assert {each.subject for each in found if each.level == "doubt"} == {"9Z", "DL"}


def test_partners_are_looked_through() -> None:
    rows = "SKW,UA,1,10,,\nASH,UA,10,20,,\nQQX,UA,30,40,,\n"
    found = check(TODAY, PACKAGES, (), read_partners(RANGES + rows, "p.csv"))
    assert said(found, "partners") == [
        (
            "doubt",
            "SKW as UA 1-10 and ASH as UA 10-20 overlap; numbers in both are left as they are",
        ),
        ("doubt", "QQX is no airline of the tables"),
        ("notice", "3 ranges"),
    ]


def test_airports_that_contradict_the_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {
        code: [reference.Held(iata=iata, icao=code)]
        for code, iata in (("KEWR", "JFK"), ("ZZZZ", "ZZZ"), ("LFPG", "CDG"))
    }
    monkeypatch.setattr(reference, "moves", lambda: held)
    found = check(TODAY, PACKAGES)
    assert said(found, "JFK") == [("doubt", "KEWR is EWR in airportsdata")]
    assert said(found, "ZZZ") == [("doubt", "airportsdata has no ZZZZ")]
    assert said(found, "CDG") == []


def test_doubts_are_an_exit_status_of_their_own(tmp_path: Path, state: Path) -> None:
    flightwire("reference", "load", table(tmp_path, f"{HEAD}9Z,ZZA,A,US,,,\n9Z,ZZB,B,US,,,\n"))
    done = flightwire("reference", "check", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert told["loaded"] == {"airlines": str(state / "airlines.csv"), "partners": None}
    assert told["doubts"] >= 1
    assert {"level": "doubt", "subject": "9Z"}.items() <= told["findings"][0].items()


# Lambda


NORMALIZE = {
    "FLIGHTWIRE_STAGE": "normalize",
    "FLIGHTWIRE_OUTPUT_QUEUE_URL": "https://out",
    "FLIGHTWIRE_DEAD_LETTER_QUEUE_URL": "https://dead",
    "FLIGHTWIRE_AIRLINES": "",
    "FLIGHTWIRE_PARTNERS": "",
}


def settings(monkeypatch: pytest.MonkeyPatch, **named: str) -> Settings:
    """The settings of normalize."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    given = {f"FLIGHTWIRE_{name.upper()}": value for name, value in named.items()}
    return read(NORMALIZE | given)


def test_a_function_uses_the_tables_its_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings(monkeypatch))
    assert reference.airline_icao("9Z", None) is None
    ranges = table(tmp_path, f"{RANGES}SKW,UA,1,2,,\n", "ranges.csv")
    mine = table(tmp_path, MINE)
    build(settings(monkeypatch, airlines=str(mine), partners=str(ranges)))
    assert reference.airline_icao("9Z", None) == "ZZA"


@pytest.mark.parametrize("name", ["airlines", "partners"])
def test_a_function_does_not_start_without_a_table_it_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PolicyError, match="nowhere"):
        build(settings(monkeypatch, **{name: "nowhere"}))
