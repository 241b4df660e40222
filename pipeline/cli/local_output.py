"""What `flightwire local` prints: for people, or as JSON lines.

Data goes to standard output (texts handed to the sender, sums at the end), talk to standard error,
and the moving line of figures only to a terminal. Addresses show their last two characters.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import click

from pipeline.local.outbox import Sent, masked

if TYPE_CHECKING:
    from pipeline.local.accounting import Accounting, StageSums
    from pipeline.local.invoker import InvocationReport
    from pipeline.local.run import LocalRun, Options
    from pipeline.local.sources import QueueDepth

_LINE_S = 1.0


class Output(Protocol):
    """The moments of a local run that are worth a word."""

    def starting(self, options: Options) -> None:
        """Before anything is started."""

    def started(self, run: LocalRun) -> None:
        """Everything listens."""

    def invoked(self, report: InvocationReport) -> None:
        """A function has run."""

    def progress(self, run: LocalRun, sums: Accounting) -> None:
        """Called a few times a second: figures, and what was handed to the sender."""

    def warn(self, sentence: str) -> None:
        """Something the developer should know of."""

    def stopping(self) -> None:
        """Somebody pressed Ctrl-C."""

    def ended(self, sums: Accounting, depths: Mapping[str, QueueDepth]) -> None:
        """All that was received is done."""


class Talk:
    """For people."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._said: dict[str, str] = {}
        self._next_s = 0.0
        self._sent = 0

    def starting(self, options: Options) -> None:
        """Say so where somebody waits: it takes some seconds."""
        if self._moving:
            click.echo(f"Starting {options.endpoint_url or options.backend} ...", err=True)

    def started(self, run: LocalRun) -> None:
        """Where it listens and what can be done with it."""
        endpoint = run.endpoint
        click.echo(f"Running on {endpoint.url} ({endpoint.backend}).", err=True)
        for stream in run.plan.streams.values():
            click.echo(f"  stream  {stream.name}", err=True)
        click.echo("  load    flightwire feed load FILE --to local", err=True)
        click.echo("  stop    Ctrl-C", err=True)

    def invoked(self, report: InvocationReport) -> None:
        """A failure at once; successes are in the figures."""
        if report.error is not None:
            what = f"{report.error_type}: {report.error_message}".strip(": ")
            click.echo(
                f"{report.function.logical_id} {report.error}: {what} "
                f"({report.records} records, request {report.request_id})",
                err=True,
            )

    def progress(self, run: LocalRun, sums: Accounting) -> None:
        """Texts as they come; one line of the figures that changed a second at most."""
        for sent in run.outbox.new():
            self._sent += 1
            click.echo(_sentence(sent))
        if not self._moving or time.monotonic() < self._next_s:
            return
        now = {name: _figures(stage) for name, stage in sums.stages.items()}
        if self._sent:
            now["sent"] = f"sent {self._sent}"
        changed = [figures for name, figures in now.items() if self._said.get(name) != figures]
        if changed:
            self._said, self._next_s = now, time.monotonic() + _LINE_S
            click.echo(f"{time.strftime('%H:%M:%S')}  {'; '.join(changed)}", err=True)

    def warn(self, sentence: str) -> None:
        """Say it."""
        click.echo(f"Warning: {sentence}", err=True)

    def stopping(self) -> None:
        """What happens now."""
        click.echo("Stopping when what was received is done. Ctrl-C again: at once.", err=True)

    def ended(self, sums: Accounting, depths: Mapping[str, QueueDepth]) -> None:
        """The sums by stage, and what is left in queues."""
        for stage in sums.stages.values():
            missing = f", {stage.unaccounted} UNACCOUNTED" if stage.unaccounted else ""
            click.echo(f"{_figures(stage)}{missing}")
        for name, depth in depths.items():
            left = depth.visible + depth.in_flight + depth.delayed
            if left:
                click.echo(f"{name}: {left} messages left, gone with this run")


class JsonLines:
    """For programs: one object per line on standard output, each with an "event"."""

    def starting(self, options: Options) -> None:
        """Say nothing yet."""

    def started(self, run: LocalRun) -> None:
        """Where it listens."""
        endpoint = run.endpoint
        _line(
            "started",
            endpoint_url=endpoint.url,
            backend=endpoint.backend,
            region=endpoint.region,
            stack=run.deployment.stack,
            streams={name: stream.name for name, stream in run.plan.streams.items()},
            queues={name: queue.url for name, queue in run.plan.queues.items()},
            tables={name: table.ref for name, table in run.plan.tables.items()},
        )

    def invoked(self, report: InvocationReport) -> None:
        """Every invocation, with the function's own log lines."""
        _line(
            "invocation",
            function=report.function.logical_id,
            request_id=report.request_id,
            records=report.records,
            failed=report.failed,
            started_ms=report.started_ms,
            duration_ms=report.duration_ms,
            error=report.error,
            error_type=report.error_type,
            error_message=report.error_message,
            calls=report.calls,
            logs=report.logs,
        )

    def progress(self, run: LocalRun, sums: Accounting) -> None:
        """Texts as they come."""
        del sums  # in every invocation's log, and at the end
        for sent in run.outbox.new():
            shown = {**sent, "address": masked(sent["address"])}
            _line("sent", **shown)

    def warn(self, sentence: str) -> None:
        """Say it."""
        _line("warning", warning=sentence)

    def stopping(self) -> None:
        """That it is about to end."""
        _line("stopping")

    def ended(self, sums: Accounting, depths: Mapping[str, QueueDepth]) -> None:
        """The sums by stage, and what is left in queues."""
        _line(
            "ended",
            stages=[stage.as_json() for stage in sums.stages.values()],
            calls=sums.calls(),
            queues={
                name: {
                    "visible": depth.visible,
                    "in_flight": depth.in_flight,
                    "delayed": depth.delayed,
                }
                for name, depth in depths.items()
            },
        )


def _figures(stage: StageSums) -> str:
    """`detect 480 in: 12 forwarded, 460 dropped (on_time 460), 8 duplicate`."""
    parts = [f"{stage.forwarded} forwarded"] if stage.forwarded else []
    if stage.dropped:
        reasons = ", ".join(f"{reason} {count}" for reason, count in stage.dropped.most_common())
        parts.append(f"{stage.dropped.total()} dropped ({reasons})")
    for name in ("rejected", "failed", "duplicate", "stale"):
        count = getattr(stage, name)
        if count:
            parts.append(f"{count} {name}")
    return f"{stage.stage} {stage.records} in: {', '.join(parts) or 'nothing yet'}"


def _sentence(sent: Sent) -> str:
    return f"{sent['channel']}  {masked(sent['address'])}  [{sent['reference']}]  {sent['text']}"


def _line(event: str, /, **fields: Any) -> None:  # noqa: ANN401  (any JSON values)
    click.echo(json.dumps({"event": event, **fields}, separators=(",", ":")))
