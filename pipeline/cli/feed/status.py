"""`flightwire feed status`: which feeds are heard, and which legs are in the dark."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.cli.feed.failures import CommandFailed

if TYPE_CHECKING:
    from pipeline.connect.overview import FeedView

_SILENT_EXIT = 3
_HEADS = ("feed", "format", "last heard (UTC)", "silent", "allowed", "legs", "unfinished", "stale")


@click.command()
@click.option(
    "--to",
    default="local",
    show_default=True,
    metavar="local",
    help="The local run; for a deployed stack give --legs-table.",
)
@click.option("--legs-table", metavar="TABLE", help="The stack's LegsTableName.")
@click.option(
    "--sources",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    help="How patient to be with each feed, as the stack's parameter Sources says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def status(ctx: click.Context, /, as_json: bool, **given: Any) -> None:  # noqa: ANN401, FBT001  (click checks)
    """Show when each feed was last heard, and how many of its legs are stale.

    A feed that is silent for longer than its source allows makes its unfinished legs STALE: no
    news is not good news. Legs that have arrived or are cancelled stay what they are.

    \b
    Exit status: 0 all feeds are heard, 1 failed, 2 usage, 3 a feed is silent.

    \b
    Examples:
      flightwire feed status
      flightwire feed status --legs-table flightwire-LegsTable-1ABC --json
    """  # noqa: D301  (click's own mark for lines to keep)
    from botocore.exceptions import BotoCoreError, ClientError

    from filters.policy import PolicyError
    from pipeline.ingest.target import NoLocalRunError

    def failed(error: Exception, code: str, hint: str) -> CommandFailed:
        return CommandFailed(str(error), code=code, where="", hint=hint, as_json=as_json)

    try:
        views = _views(given["to"], given["legs_table"], given["sources"])
    except NoLocalRunError as error:
        hint = "start `flightwire local` in another terminal, or give --legs-table"
        raise failed(error, "no_local_run", hint) from error
    except PolicyError as error:
        raise failed(
            error, "sources", "name a file of filters/data/sources, or its path"
        ) from error
    except (BotoCoreError, ClientError) as error:
        hint = "check the table's name, region, credentials and dynamodb:Scan"
        raise failed(error, "legs_table", hint) from error
    if as_json:
        click.echo(msgspec.json.encode({"feeds": views}))
    else:
        _print(views)
    ctx.exit(_SILENT_EXIT if any(view.silent for view in views) else 0)


def _views(to: str, table: str | None, sources: str) -> list[FeedView]:
    from filters.sources import load_sources
    from pipeline.cli.feed.session import legs_of
    from pipeline.clock import now_ms
    from pipeline.connect.overview import overview
    from pipeline.ingest.target import local_run

    known = load_sources(sources)
    if to != "local":
        raise click.UsageError("--to is local only; for a deployed stack give --legs-table")
    legs = legs_of(local_run() if table is None else None, table)
    if legs is None:
        raise click.UsageError("the local run names no legs table; give --legs-table")
    return overview(legs.all(), known, now_ms())


def _print(views: list[FeedView]) -> None:
    """A table with a line for each feed."""
    if not views:
        click.echo("no feed was heard yet")
        return
    rows = [_HEADS, *map(_row, views)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _row(view: FeedView) -> tuple[str, ...]:
    heard = dt.datetime.fromtimestamp(view.last_heard / 1000, dt.UTC)
    return (
        "".join(one if one.isprintable() else "?" for one in view.feed) or "(unnamed)",
        view.format or "-",
        f"{heard:%Y-%m-%d %H:%M:%S}",
        f"{dt.timedelta(seconds=view.silent_s)}{' SILENT' if view.silent else ''}",
        f"{view.patience_minutes} min",
        f"{view.legs:,}",
        f"{view.unfinished:,}",
        f"{view.stale:,}",
    )
