"""Progress is a bar on a terminal and a calm line elsewhere."""

from __future__ import annotations

import io

from pipeline.ingest.loader import LoadCounts
from pipeline.ingest.progress import Bar, Display, Late, Lines, display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_a_line_comes_every_ten_seconds_with_share_rate_and_rejects() -> None:
    out = io.StringIO()
    now = [0.0]
    with Lines(out, "day.jsonl", 1_000, clock=lambda: now[0]) as lines:
        for second in range(31):
            now[0] = float(second)
            lines.at(
                10 * second, LoadCounts(acknowledged=500 + 200 * second, rejected=second // 20)
            )
    assert out.getvalue().splitlines() == [
        "day.jsonl: 10%, 2,500 messages, 200/s",
        "day.jsonl: 20%, 4,500 messages, 200/s, 1 rejected",
        "day.jsonl: 30%, 6,500 messages, 200/s, 1 rejected",
    ]


def test_a_load_that_is_quick_says_nothing() -> None:
    out = io.StringIO()
    with Lines(out, "stdin", None, clock=lambda: 3.0) as lines:
        lines.at(10, LoadCounts(acknowledged=5))
    assert out.getvalue() == ""


def test_a_pipe_has_no_share() -> None:
    out = io.StringIO()
    now = [0.0]
    with Lines(out, "stdin", None, clock=lambda: now[0]) as lines:
        now[0] = 10.0
        lines.at(10, LoadCounts(acknowledged=5))
    assert out.getvalue() == "stdin: 5 messages\n"


def test_a_terminal_gets_a_bar_with_the_name_taken_as_text() -> None:
    out = Terminal()
    with display(out, "[red]day.jsonl", 1_000) as bar:
        assert isinstance(bar, Bar)
        bar.at(500, LoadCounts(acknowledged=1_234, rejected=2))
    shown = out.getvalue()
    assert "[red]day.jsonl" in shown
    assert "50%" in shown
    assert "1,234 messages" in shown
    assert "2 rejected" in shown


def test_a_file_or_a_pipe_gets_lines() -> None:
    assert isinstance(display(io.StringIO(), "day.jsonl", None), Lines)


def test_what_is_quick_shows_nothing_and_what_takes_long_is_shown_late() -> None:
    out = io.StringIO()
    now = [0.0]
    made: list[float] = []

    def make() -> Display:
        made.append(now[0])
        return Lines(out, "day.xml", 1_000, clock=lambda: now[0])

    with Late(make, clock=lambda: now[0]) as late:
        for second in (0.0, 1.0, 1.9):
            now[0] = second
            late.at(10, LoadCounts(acknowledged=5))
        assert made == []
        for second in (2.0, 8.0, 12.0):
            now[0] = second
            late.at(100, LoadCounts(acknowledged=50))
    assert made == [2.0]
    assert out.getvalue() == "day.xml: 10%, 50 messages, 0/s\n"
