"""The outcome of a demonstration as a person reads it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.demo.outcome import DemoOutcome, Latency, Told

_DROPS_SHOWN = 4


def show(outcome: DemoOutcome, replayed_hash: str, console: Console | None = None) -> None:
    """Print tables, a handful of texts, the sums and what to try next to stdout."""
    out = console or Console(highlight=False)
    out.print(
        f"\n[bold]{outcome.date}[/]: {outcome.flights} flights, {outcome.feed_messages:,} feed"
        f" messages, {outcome.legs} legs known, {outcome.legs_cancelled} cancelled"
        f"   (seed {outcome.seed}, endpoint {outcome.backend})\n"
    )
    out.print("[bold]Every record, stage by stage[/]")
    out.print(_stages(outcome))
    for row in outcome.stages:
        if row.dropped:
            out.print(f"   [dim]{row.stage} dropped: {_reasons(row.dropped)}[/]", soft_wrap=True)
    out.print()
    out.print("[bold]Texts handed to the sender[/]")
    out.print(_notices(outcome))
    out.print()
    _texts(out, outcome)
    _sums(out, outcome, replayed_hash)
    _next(out)


def _stages(outcome: DemoOutcome) -> Table:
    table = _table()
    table.add_column("stage", no_wrap=True)
    names = ("in", "forwarded", "dropped", "rejected", "failed", "duplicate", "stale")
    for name in (*names, "queue", "DLQ"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in outcome.stages:
        numbers = (
            row.records_in,
            row.forwarded,
            sum(row.dropped.values()),
            row.rejected,
            row.failed,
            row.duplicate,
            row.stale,
            row.in_queue,
            row.in_dead_letters,
        )
        table.add_row(row.stage, *(f"{number:,}" for number in numbers))
    return table


def _table() -> Table:
    return Table(box=None, padding=(0, 0, 0, 1))


def _reasons(dropped: Mapping[str, int]) -> str:
    ranked = sorted(dropped.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{reason} {count:,}" for reason, count in ranked[:_DROPS_SHOWN]]
    more = sum(count for _, count in ranked[_DROPS_SHOWN:])
    return ", ".join([*shown, f"others {more:,}"] if more else shown)


def _notices(outcome: DemoOutcome) -> Table:
    channels = sorted({channel for counts in outcome.notices.values() for channel in counts})
    table = _table()
    table.add_column("kind")
    for channel in (*channels, "all"):
        table.add_column(channel, justify="right")
    for kind, counts in outcome.notices.items():
        numbers = [counts.get(channel, 0) for channel in channels]
        table.add_row(kind, *(f"{number:,}" for number in (*numbers, sum(numbers))))
    return table


def _texts(out: Console, outcome: DemoOutcome) -> None:
    out.print("[bold]Some of them[/] (addresses are fictional and masked)")
    for sent in outcome.samples:
        out.print(f"  [dim]{sent.channel} {sent.to}[/]", soft_wrap=True, markup=True)
        out.print(f"    {sent.text}", soft_wrap=True, markup=False)
    out.print()


def _sums(out: Console, outcome: DemoOutcome, replayed_hash: str) -> None:
    lines = [
        f"cancelled     {_told(outcome.cancelled)}",
        f"reinstated    {_told(outcome.reinstated)}",
        f"ledger        {', '.join(f'{end} {n:,}' for end, n in outcome.endings.items())}",
        f"dead letters  {_letters(outcome)}",
        f"latency       {_latency(outcome.latency_ms)}",
        f"requests      {_requests(outcome.requests)}",
        f"detect        {_writes(outcome.detect_writes)}",
    ]
    if outcome.kills:
        lines.append(
            f"chaos         {outcome.kills} workers killed with SIGKILL,"
            f" {outcome.extra_sends} texts sent twice"
        )
    same = "the same" if replayed_hash == outcome.states_hash else "DIFFERENT"
    lines.append(f"states        {outcome.states_hash[:16]}  ({same} when replayed in process)")
    lines.append(f"notices       {outcome.notices_hash[:16]}")
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
    kept = outcome.conservation
    if kept.balanced:
        out.print(
            "[bold green]conservation  balanced: every acknowledged record ended in exactly one"
            " way, 0 unexplained[/]",
            soft_wrap=True,
        )
    else:
        where = ", ".join(f"{stage} {len(ids)}" for stage, ids in kept.missing.items())
        out.print(
            f"[bold red]conservation  NOT balanced: {kept.unexplained} unexplained ({where})[/]",
            soft_wrap=True,
        )
    out.print(f"[dim]{outcome.wall_s:.0f} s, {outcome.run_clock_s:.0f} s on the run's clock[/]")


def _latency(latency: Latency) -> str:
    return (
        f"feed to send {latency.p50 / 1000:g} s median, {latency.p95 / 1000:g} s p95,"
        f" {latency.p99 / 1000:g} s p99: the template's batching windows, on the run's clock"
    )


def _requests(requests: Mapping[str, int | float]) -> str:
    return (
        f"{requests['queue_messages']:,} queue messages ="
        f" {requests['queue_messages_per_feed_message']:.3f} per feed message;"
        f" {requests['put_records_requests']:,} PutRecords"
    )


def _writes(writes: Mapping[str, int]) -> str:
    return (
        f"{writes['leg_writes']:,} leg items written for {writes['legs_touched']:,} legs in"
        f" {writes['batches']:,} batches ({writes['legs_written_twice_in_a_batch']} twice in a"
        f" batch), {writes['link_writes']:,} links and flight days, {writes['receipts']:,} receipts"
    )


def _told(told: Told) -> str:
    return (
        f"{told.legs} legs: {told.due:,} recipients to tell, {told.told:,} told,"
        f" {told.missing} missed, {told.stray} told by mistake"
    )


def _letters(outcome: DemoOutcome) -> str:
    if not outcome.dead_letters:
        return "none today"
    letter = outcome.dead_letters[0]
    return (
        f"{len(outcome.dead_letters)}, each with its reason and original bytes"
        f" (for example {letter.place}: {letter.reason})"
    )


def _next(out: Console) -> None:
    out.print("\n[bold]What to try next[/]")
    program = _program()
    for arguments, what in (
        ("demo --chaos-kill 5", "kill workers in the middle: the same people are told"),
        ("demo --shuffle --duplicate 0.2", "any order, many duplicates: same states"),
        ("demo --date 2013-07-04 --seed 7", "another day"),
        ("demo --json", "all of this for a machine"),
        ("local", "the pipeline on this machine, waiting for your own feed"),
    ):
        out.print(f"  {program} {arguments:<33} [dim]{what}[/]", soft_wrap=True)


def _program() -> str:
    """The command as it can be typed here: by its name, or by its path in the environment."""
    if shutil.which("flightwire") is not None:
        return "flightwire"
    beside = Path(sys.executable).parent / "flightwire"
    here = Path.cwd()
    return str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside)
