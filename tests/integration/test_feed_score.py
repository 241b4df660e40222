"""`flightwire feed score`, as people call it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.feed.score_output import share, show
from pipeline.score.between import Disagreement, First, Pair
from pipeline.score.card import Scores
from pipeline.score.feeds import FeedScore, Lag
from tests.unit.score.feeds import ALPHA, BETA, card_of, read

pytestmark = pytest.mark.integration


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Both feeds, one of them packed, and the first one in two halves."""
    made = {
        "alpha.jsonl": b"\n".join(ALPHA),
        "beta.jsonl.gz": gzip.compress(b"\n".join(BETA)),
        "early.jsonl": b"\n".join(ALPHA[:9]),
        "late.jsonl": b"\n".join(ALPHA[9:]),
        "odd.txt": b"what is this?\n",
    }
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in made}


def feed_score(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["feed", "score", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    result = feed_score(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def test_json_is_the_scores_of_the_files(files: dict[str, Path]) -> None:
    found = document(files["beta.jsonl.gz"], files["alpha.jsonl"])
    expected = card_of(*read("alpha", ALPHA), *read("beta", BETA)).scores()
    assert found == json.loads(msgspec.json.encode(expected))


def test_several_files_are_one_feed_by_name(files: dict[str, Path]) -> None:
    parts = [f"--feed=alpha={files[name]}" for name in ("early.jsonl", "late.jsonl")]
    assert document(*parts, files["beta.jsonl.gz"]) == document(
        files["alpha.jsonl"], files["beta.jsonl.gz"]
    )


def test_the_table_has_the_numbers_and_no_marks_of_a_terminal(files: dict[str, Path]) -> None:
    result = feed_score(files["alpha.jsonl"], files["beta.jsonl.gz"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert "█" not in result.stdout
    rows = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert {
        "alpha beta",
        "messages 17 4",
        "out of order 7.7% 0.0%",
        "actual times corrected 1 (out 1) 0",
        "legs with actual off-block 50.0% 33.3%",
        "lag of off-block p50/p90/p99 2.0 / 10.0 / 10.0 min 2.0 / 2.0 / 2.0 min",
        "alpha and beta: 3 legs of both",
        "out_actual 1 1 100.0% 3.0 min",
        "off-block 1 100.0% 0.0% 0.0% alpha by 6.0 min",
        "on-block 1 0.0% 100.0% 0.0% beta by 8.0 min",
        "take-off 1 0.0% 0.0% 100.0% -",
    } <= rows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_bars() -> None:
    out = Terminal()
    show(card_of(*read("alpha", ALPHA)).scores(), out)
    assert "████░░░░ 50.0%" in out.getvalue()
    assert [share(part, bars=True)[:8] for part in (0.0, 0.5, 1.0)] == [
        "░" * 8,
        "████░░░░",
        "█" * 8,
    ]


def test_feeds_with_nothing_in_common_are_said_to_have_none(
    files: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(BETA[0].replace(b"BA117", b"BA999"))
    result = feed_score(files["alpha.jsonl"], other)
    assert result.stdout.endswith("No leg is told of by two feeds.\n")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "name at least one FILE"),
        (("--feed", "alpha"), "write NAME=FILE"),
        (("missing.jsonl",), "missing.jsonl"),
        (("--feed", "a=missing.jsonl"), "missing.jsonl"),
        (("ODD",), "not recognised"),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_fault(
    files: dict[str, Path], arguments: tuple[str, ...], word: str
) -> None:
    result = feed_score(*[files["odd.txt"] if one == "ODD" else one for one in arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert word in result.stderr


def test_every_member_of_the_document_is_documented(root: Path) -> None:
    page = (root / "docs" / "feeds" / "scorecard.md").read_text("utf-8")
    for record in (Scores, FeedScore, Lag, Pair, Disagreement, First):
        for name in record.__struct_fields__:
            assert f"`{name}`" in page, f"{record.__name__}.{name}"
