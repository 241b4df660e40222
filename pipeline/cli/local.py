"""`flightwire local`: the whole pipeline on this machine."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from pipeline.cli.local_output import Output
    from pipeline.local.accounting import Accounting
    from pipeline.local.loop import RunClock
    from pipeline.local.run import LocalRun, Options

_LOOK_S = 0.25


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--backend",
    type=click.Choice(["moto", "ministack"]),
    default="moto",
    show_default=True,
    help="Which embedded endpoint; ministack is faster and is installed apart on first use.",
)
@click.option("--endpoint", metavar="URL", help="Use an endpoint that already runs instead.")
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="SAM template.  [default: infra/template.yaml]",
)
@click.option(
    "--parameter",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter of the template; may be repeated.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Processes per function, at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.pass_context
def local(
    ctx: click.Context,
    /,
    *,
    backend: Literal["moto", "ministack"],
    endpoint: str | None,
    template: Path | None,
    parameters: tuple[str, ...],
    workers: int,
    as_json: bool,
) -> None:
    """Run the whole pipeline on this machine, until Ctrl-C.

    The template is deployed into an AWS endpoint that listens on this machine only; its event
    source mappings are played as Lambda plays them, and the functions run in processes of their
    own. No account, no Docker, nothing is sent: texts for passengers are printed, addresses masked.

    Ctrl-C finishes what was received and stops; a second one stops at once. Nothing is kept.

    \b
    Examples:
      flightwire local
      flightwire feed load FILE --to local            in another terminal
      flightwire local --backend ministack --workers 4
      flightwire local --parameter LogLevel=DEBUG --json > run.jsonl
      flightwire local --endpoint http://127.0.0.1:4566

    \b
    Exit status: 0 stopped by Ctrl-C, 1 failed, 2 usage.
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.cli.local_output import JsonLines, Talk
    from pipeline.local import loop
    from pipeline.local.run import Options
    from pipeline.local.template import TEMPLATE

    pairs = [one.partition("=") for one in parameters]
    if wrong := [name for name, sign, _ in pairs if not sign or not name]:
        raise click.UsageError(f"--parameter takes NAME=VALUE, not {wrong[0]!r}")
    out: Output = JsonLines() if as_json else Talk()
    options = Options(
        template=template or TEMPLATE,
        backend=backend,
        endpoint_url=endpoint,
        parameters=(_loaded() if template is None else {})
        | {name: value for name, _, value in pairs},
        workers=workers,
        advertise=True,
        warn=out.warn,
    )
    try:
        loop.run(lambda clock: _serve(clock, options, out), virtual=False)
    except _expected() as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        ctx.exit(1)  # stopped before it was up


def _loaded() -> dict[str, str]:
    """The parameters for tables that `flightwire reference load` stored."""
    from pipeline.reference.loaded import parameters

    return parameters()


def _expected() -> tuple[type[Exception], ...]:
    """The errors that say themselves what to do."""
    from pipeline.local.deploy import DeployError
    from pipeline.local.endpoint import EndpointError
    from pipeline.local.intrinsics import TemplateError
    from pipeline.local.mapping import MappingError
    from pipeline.local.ministack import InstallError
    from pipeline.local.run import LocalRunError

    return (DeployError, EndpointError, InstallError, LocalRunError, MappingError, TemplateError)


async def _serve(clock: RunClock, options: Options, out: Output) -> None:
    """Start, report until somebody wants to stop, drain, and say what came of it all."""
    from pipeline.local.accounting import Accounting, depths
    from pipeline.local.run import LocalRun

    out.starting(options)
    sums = Accounting()
    async with LocalRun(clock, options) as run:
        stop, at_once = asyncio.Event(), asyncio.Event()

        def pressed() -> None:
            (at_once if stop.is_set() else stop).set()
            if not at_once.is_set():
                out.stopping()

        running = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(number, pressed)
        run.invoker.observers += [sums.observe, out.invoked]
        out.started(run)
        reporting = asyncio.create_task(_report(run, sums, out))
        try:
            await _first(run.watch(), stop.wait())
            if await _first(run.drain(), at_once.wait()) == 1:
                await run.abort()
                return
            out.progress(run, sums)
            out.ended(sums, depths(run.endpoint, run.plan))
        finally:
            reporting.cancel()


async def _first(*waits: Any) -> int:  # noqa: ANN401  (coroutines of any result)
    """Which of these ended first; the others are cancelled, an error of that one is raised."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    at = next(at for at, task in enumerate(tasks) if task in done)
    await tasks[at]
    return at


async def _report(run: LocalRun, sums: Accounting, out: Output) -> None:
    while True:
        out.progress(run, sums)
        await asyncio.sleep(_LOOK_S)
