"""`flightwire feed inspect`: what is in a feed, before anything is done with it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from pipeline.cli.feed.failures import CommandFailed
from pipeline.cli.feed.reading import files_argument, format_option, found
from pipeline.cli.feed.surveying import (
    About,
    Asked,
    listed,
    messages,
    one_of_several,
    plural,
    settings,
    source_options,
)

if TYPE_CHECKING:
    from pipeline.ingest.survey import Span, Survey

_MOST_BAD: Final = 20
_MOST_NAMES: Final = 8
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@click.command()
@files_argument
@format_option
@source_options
@click.option("--all", "every", is_flag=True, help="Show every rejected message, not the first 20.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON document.")
@click.pass_context
def inspect(ctx: click.Context, /, files: tuple[str, ...], *, every: bool, **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Say what is in FILES: how many messages, of which flights and days, and what is wrong.

    FILES are paths, quoted patterns ('day/*.xml'), - for standard input, s3://BUCKET/KEY, or
    s3://BUCKET/PREFIX/ for all objects there. gzip and zstd are unpacked, and the format is
    recognised. Nothing is sent or written. Of several FILES those that cannot be read are named,
    and the others are read.

    \b
    Exit status: 0 done, 1 failed, 2 usage or a format that is not recognised.

    \b
    Examples:
      flightwire feed inspect monday.xml.gz
      flightwire feed inspect 'archive/**/*.json' --json
      flightwire feed inspect s3://bucket/feeds/2026-11-20/
      curl -s https://example.com/flights.json | flightwire feed inspect -
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.ingest.survey import Survey

    asked = msgspec.convert(given, Asked)
    sources = settings(asked)
    most_bad = None if every else _MOST_BAD
    inputs = found(files, as_json=asked.as_json)
    total = Survey(most_bad=0)
    documents: list[dict[str, Any]] = []
    status = 0
    for each in inputs:
        survey = Survey(most_bad=most_bad)
        about: list[About] = []
        try:
            for read in messages(each, asked, sources, about.append):
                survey.add(read)
                if len(inputs) > 1:
                    total.add(read)
        except CommandFailed as failed:
            status = max(status, one_of_several(inputs, failed))
            continue
        documents.append({**msgspec.to_builtins(about[0]), **document(survey)})
        if not asked.as_json:
            _print(_title(about[0]), survey)
    if asked.as_json:
        together = {"total": document(total)} if len(inputs) > 1 else {}
        click.echo(msgspec.json.encode({"files": documents, **together}))
    elif len(inputs) > 1:
        _print(f"{len(documents)} files together", total)
    ctx.exit(status)


def document(survey: Survey) -> dict[str, Any]:
    """What was found, as JSON values; moments are ISO 8601 in UTC."""
    from pipeline.ingest.survey import airport_name, carrier_name

    return {
        "messages": survey.messages,
        "statuses": survey.statuses,
        "dropped": dict(survey.dropped.most_common()),
        "rejected": survey.rejected,
        "bad": msgspec.to_builtins(survey.bad),
        "source_time": _range(survey.source_time),
        "without_source_time": survey.untimed,
        "scheduled_departure": _range(survey.departures),
        "local_dates": survey.dates,
        "undated": survey.undated,
        "life": dict(survey.lives.most_common()),
        "times": dict(survey.cells.most_common()),
        "carriers": _named(survey.carriers, carrier_name),
        "airports": _named(survey.airports, airport_name),
        "repeated_messages": survey.same_bytes.count,
        "repeated_versions": survey.same_version.count,
        "repeats_counted_fully": not (survey.same_bytes.full or survey.same_version.full),
        "unknown": dict(survey.unknown.most_common()),
    }


def _named(counts: Counter[str], name: Callable[[str], str]) -> list[dict[str, Any]]:
    return [
        {"code": code, "name": name(code), "statuses": count}
        for code, count in counts.most_common()
    ]


def _range(span: Span) -> list[str]:
    return [_iso(moment) for moment in (span.first, span.last) if moment is not None]


def _iso(moment: int) -> str:
    return (_EPOCH + dt.timedelta(milliseconds=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _title(about: About) -> str:
    from filters.normalize import FORMATS

    if not about.format:
        return f"{about.file}: empty"
    packed = f", packed with {about.packed}" if about.packed else ""
    return f"{about.file}: {about.format} ({FORMATS[about.format].TITLE}){packed}"


def _print(title: str, survey: Survey) -> None:
    click.secho(title, bold=True)
    for name, said in _rows(survey):
        click.echo(f"  {name:<20}  {said}")
    if survey.bad:
        click.echo("  rejected:")
    for bad in survey.bad:
        click.echo(f"    {bad.place}: {bad.reason}")
    left = survey.rejected - len(survey.bad)
    if survey.bad and left:
        click.echo(f"    and {left:,} more; --all shows them")


def _rows(survey: Survey) -> Iterator[tuple[str, str]]:
    from pipeline.ingest.survey import airport_name, carrier_name

    yield "messages", f"{survey.messages:,}"
    if not survey.messages:
        return
    yield "statuses", _with(survey.statuses, listed(survey.lives.most_common()))
    if survey.dropped:
        yield "dropped", _with(survey.dropped.total(), listed(survey.dropped.most_common()))
    if survey.rejected:
        yield "rejected", f"{survey.rejected:,}"
    if survey.statuses:
        yield from _of_statuses(survey)
        yield "carriers", _names(survey.carriers, carrier_name)
        yield "airports", _names(survey.airports, airport_name)
    if survey.same_bytes.count or survey.same_version.count:
        same = plural(survey.same_bytes.count, "message with bytes", "messages with bytes")
        versions = plural(survey.same_version.count, "status", "statuses")
        least = "" if not survey.same_bytes.full else ", at least"
        yield "repeated", f"{same} seen before, {versions} of a leg and version seen before{least}"
    if survey.unknown:
        yield "unknown", listed(survey.unknown.most_common())


def _of_statuses(survey: Survey) -> Iterator[tuple[str, str]]:
    untimed = plural(survey.untimed, "has no time of its own", "have no time of their own")
    times = " to ".join(_range(survey.source_time)) or "none"
    yield "source time", _with(times, untimed if survey.untimed else "")
    yield "scheduled departure", " to ".join(_range(survey.departures)) or "none"
    yield "local dates", " to ".join(dict.fromkeys(survey.dates)) or "none"
    if survey.undated:
        share = survey.undated / survey.statuses
        yield "without a date", f"{survey.undated:,} ({share:.1%} of the statuses)"
    yield "times", listed(survey.cells.most_common(), most=12)


def _names(counts: Counter[str], name: Callable[[str], str]) -> str:
    shown = [(f"{code} {name(code)}".strip(), count) for code, count in counts.most_common()]
    return _with(len(counts), listed(shown, most=_MOST_NAMES))


def _with(said: object, more: str) -> str:
    text = f"{said:,}" if isinstance(said, int) else str(said)
    return f"{text} ({more})" if more else text
