"""The scorecard as tables: with bars on a terminal, plain when piped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

from pipeline.score.telling import ACTUALS, MILESTONES

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.score.between import First, Pair
    from pipeline.score.card import Scores
    from pipeline.score.feeds import FeedScore

_WIDTH: Final = 120
_BAR: Final = 8
_LEAST_LEAD: Final = 0.05  # minutes; less is shown as none
_NAMES: Final = {
    "out": "off-block",
    "off": "take-off",
    "on": "touchdown",
    "in": "on-block",
}
Row: TypeAlias = tuple[str, "Callable[[FeedScore], str]"]


def show(scores: Scores, out: TextIO) -> None:
    """Print the scores of each feed side by side, then each pair of feeds."""
    from rich.console import Console

    terminal = out.isatty()
    console = Console(file=out, width=None if terminal else _WIDTH, highlight=False, markup=False)
    console.print("Feeds", style="bold")
    rows = _rows(bars=terminal)
    _print(
        console,
        ["", *(feed.feed for feed in scores.feeds)],
        [[title, *(row(feed) for feed in scores.feeds)] for title, row in rows],
    )
    for pair in scores.pairs:
        _show_pair(console, pair, bars=terminal)
    if len(scores.feeds) > 1 and not scores.pairs:
        console.print("\nNo leg is told of by two feeds.")


def _rows(*, bars: bool) -> list[Row]:
    rows: list[Row] = [
        ("format", lambda feed: ", ".join(feed.formats)),
        ("messages", lambda feed: f"{feed.messages:,}"),
        ("statuses", lambda feed: f"{feed.statuses:,}"),
        ("dropped", lambda feed: f"{sum(feed.dropped.values()):,}"),
        ("rejected", lambda feed: f"{feed.rejected:,}"),
        ("same bytes again", lambda feed: f"{feed.same_bytes:,}"),
        ("same content again", lambda feed: f"{feed.same_content:,}"),
        ("without a time of its own", lambda feed: f"{feed.untimed:,}"),
        ("out of order", lambda feed: share(feed.out_of_order, bars=bars)),
        ("actual times corrected", _corrections),
        ("legs", lambda feed: f"{feed.legs:,}"),
        ("  undated", lambda feed: f"{feed.undated:,}"),
        ("  parked", lambda feed: f"{feed.parked:,}"),
        ("cancelled", lambda feed: f"{feed.cancelled:,}"),
        ("  reinstated", lambda feed: f"{feed.reinstated:,}"),
        ("weak cancellations", lambda feed: f"{feed.doubted:,}"),
        ("  that flew", lambda feed: f"{feed.doubted_flew:,}"),
    ]
    for kind in ("actual", "estimated"):
        rows += [
            (f"legs with {kind} {_NAMES[each]}", _told(f"{each}_{kind}", bars=bars))
            for each in MILESTONES
        ]
    return rows + [(f"lag of {_NAMES[name[:-7]]} p50/p90/p99", _lag(name)) for name in ACTUALS]


def _corrections(feed: FeedScore) -> str:
    each = ", ".join(f"{name[:-7]} {count:,}" for name, count in feed.corrections.items())
    return f"{sum(feed.corrections.values()):,}" + (f" ({each})" if each else "")


def _told(name: str, *, bars: bool) -> Callable[[FeedScore], str]:
    return lambda feed: share(feed.told[name], bars=bars)


def _lag(name: str) -> Callable[[FeedScore], str]:
    def said(feed: FeedScore) -> str:
        lag = feed.lag.get(name)
        return "-" if lag is None else f"{lag.p50:.1f} / {lag.p90:.1f} / {lag.p99:.1f} min"

    return said


def share(part: float, *, bars: bool) -> str:
    """A share as percent, behind a bar when there are bars."""
    percent = f"{100 * part:.1f}%"
    filled = round(part * _BAR)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {percent}" if bars else percent


def _show_pair(console: Console, pair: Pair, *, bars: bool) -> None:
    console.print(f"\n{pair.one} and {pair.other}: {pair.legs:,} legs of both", style="bold")
    if pair.fields:
        _print(
            console,
            ["disagreement on", "legs", "differ", "share", "median"],
            [
                [
                    name,
                    f"{one.legs:,}",
                    f"{one.differ:,}",
                    share(one.share, bars=bars),
                    "-" if one.median_minutes is None else f"{one.median_minutes:.1f} min",
                ]
                for name, one in pair.fields.items()
            ],
        )
    if pair.first:
        _print(
            console,
            ["first to tell", "legs", pair.one, pair.other, "same time", "median lead"],
            [
                [
                    _NAMES[name[:-7]],
                    f"{first.legs:,}",
                    share(first.one / first.legs, bars=bars),
                    share(first.other / first.legs, bars=bars),
                    share(first.same / first.legs, bars=bars),
                    _lead(pair, first),
                ]
                for name, first in pair.first.items()
            ],
        )


def _lead(pair: Pair, first: First) -> str:
    if abs(first.lead_minutes) < _LEAST_LEAD:
        return "-"
    leader = pair.one if first.lead_minutes > 0 else pair.other
    return f"{leader} by {abs(first.lead_minutes):.1f} min"


def _print(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE if console.is_terminal else None, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
