"""`flightwire reference`: tables of airlines and partners of one's own, and what is doubtful."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from pipeline.cli.feed.failures import CommandFailed

if TYPE_CHECKING:
    from pipeline.reference.check import Finding

_DOUBTS_EXIT = 3
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def reference() -> None:
    """Bring tables of airlines and partners of your own, and check what is in force.

    \b
    Examples:
      flightwire reference check
      flightwire reference load optd_airlines.csv
      flightwire reference load --partners our-partners.csv
      flightwire reference load airlines.csv --to filters/data/airlines/ours.csv
    """  # noqa: D301  (click's own mark for lines to keep)


@reference.command()
@click.argument("file", required=False, type=_FILE)
@click.option("--partners", type=_FILE, help="Table of operators and marketing numbers.")
@click.option("--to", type=_FILE, help="Where to store.  [default: the state folder]")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON document.")
def load(file: Path | None, partners: Path | None, to: Path | None, *, as_json: bool) -> None:
    """Check a table of airlines, and store it for all commands.

    FILE is OpenTravelData's optd_airlines.csv, or a CSV with the columns iata, icao, name, country,
    valid_from, valid_to, note. It takes the place of the shipped table for the pairs it holds;
    shipped rows stay for those it lacks. The demo keeps to the shipped table.

    The partners' table has the columns operator, marketing, first, last, valid_from, valid_to; it
    is stored beside the airlines, and at --to when it comes alone.

    \b
    Exit status: 0 stored, 1 failed (nothing is stored), 2 usage.

    \b
    Examples:
      flightwire reference load optd_airlines.csv
      flightwire reference load ours.csv --partners ranges.csv
      flightwire reference load ours.csv --to filters/data/airlines/ours.csv
    """  # noqa: D301  (click's own mark for lines to keep)
    from filters.policy import PolicyError
    from pipeline.reference.loaded import AIRLINES, PARTNERS, folder, store

    if file is None and partners is None:
        raise click.UsageError("give FILE, or --partners FILE")
    airlines_path = to or folder() / AIRLINES
    partners_path = to if to and file is None else airlines_path.with_name(PARTNERS)
    if file and partners and airlines_path == partners_path:
        raise click.UsageError(f"--to names {PARTNERS}, which is where the partners go")
    tables: list[_Table] = []
    try:
        if file is not None:
            tables.append(_airlines(file, airlines_path))
        if partners is not None:
            tables.append(_partners(partners, partners_path))
        for table in tables:
            store(table.path, table.text)
    except PolicyError as error:
        raise _failed(
            error, "nothing was stored; correct these lines and load again", as_json=as_json
        ) from error
    if as_json:
        click.echo(msgspec.json.encode({table.name: table.report() for table in tables}))
        return
    for table in tables:
        click.echo(f"{table.file}: {table.rows:,} {table.name} stored in {table.path}")
        if table.left_out:
            parts = (f"{count:,} {reason}" for reason, count in sorted(table.left_out.items()))
            click.echo(f"  left out: {', '.join(parts)}")
    click.echo("`flightwire reference check` says what is doubtful.")


class _Table(msgspec.Struct):
    """A table that was read, and where it goes."""

    name: str
    file: Path
    path: Path
    text: str
    rows: int
    left_out: Mapping[str, int] = {}

    def report(self) -> dict[str, object]:
        """The counts, for --json."""
        return {"rows": self.rows, "left_out": dict(self.left_out), "stored": str(self.path)}


def _airlines(file: Path, path: Path) -> _Table:
    from filters.airlines import read_airlines, written
    from filters.reference import shipped
    from pipeline.reference.loaded import read_file

    found = read_airlines(read_file(file), str(file), shipped())
    text = written(found.airlines, f"Loaded from {file.name}.")
    return _Table("airlines", file, path, text, len(found.airlines), found.left_out)


def _partners(file: Path, path: Path) -> _Table:
    from filters.partners import read_partners
    from pipeline.reference.loaded import read_file

    text = read_file(file)
    return _Table("partners", file, path, text, len(read_partners(text, str(file)).ranges))


def _failed(error: Exception, hint: str, *, as_json: bool) -> CommandFailed:
    return CommandFailed(str(error), code="table", where="", hint=hint, as_json=as_json)


@reference.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON document.")
@click.pass_context
def check(ctx: click.Context, /, *, as_json: bool) -> None:
    """Say what of the reference data is stale or doubtful.

    Looks at the ages of the shipped table and of the packages airportsdata and tzdata, at codes
    held by two airlines or used again, at airports whose codes moved, at what the loaded table
    changes, and at the partners' ranges.

    \b
    Exit status: 0 nothing but notices, 1 a loaded table cannot be read, 3 doubts.

    \b
    Examples:
      flightwire reference check
      flightwire reference check --json | jq '.findings[] | select(.level == "doubt")'
    """  # noqa: D301  (click's own mark for lines to keep)
    import datetime as dt
    from importlib.metadata import version

    from filters import reference as known
    from filters.airlines import read_airlines
    from filters.partners import read_partners
    from filters.policy import PolicyError
    from pipeline.clock import now_ms
    from pipeline.reference.check import check as findings_of
    from pipeline.reference.loaded import AIRLINES, PARTNERS, loaded, read_file

    today = dt.datetime.fromtimestamp(now_ms() / 1000, dt.UTC).date()
    mine, ranges = loaded(AIRLINES), loaded(PARTNERS)
    try:
        text = None if mine is None else read_file(mine)
        known.adopt(text, str(mine))
        airlines = () if text is None else read_airlines(text, str(mine), known.shipped()).airlines
        partners = None if ranges is None else read_partners(read_file(ranges), str(ranges))
    except PolicyError as error:
        hint = "load it again, or remove it to go back to what is shipped"
        raise _failed(error, hint, as_json=as_json) from error
    packages = {name: version(name) for name in ("airportsdata", "tzdata")}
    found = findings_of(today, packages, airlines, partners)
    doubts = sum(finding.level == "doubt" for finding in found)
    if as_json:
        tables = {"airlines": mine and str(mine), "partners": ranges and str(ranges)}
        click.echo(msgspec.json.encode({"doubts": doubts, "loaded": tables, "findings": found}))
    else:
        _show(found)
        click.echo(f"{doubts} doubts, {len(found) - doubts} notices")
    ctx.exit(_DOUBTS_EXIT if doubts else 0)


def _show(found: list[Finding]) -> None:
    """A table on a terminal, lines elsewhere."""
    if not sys.stdout.isatty():
        for finding in found:
            click.echo(f"{finding.level}\t{finding.subject}\t{finding.said}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "finding", box=None, header_style="dim")
    for finding in found:
        style = "yellow" if finding.level == "doubt" else ""
        table.add_row(Text(finding.level, style), finding.subject, Text(finding.said))
    Console().print(table)
