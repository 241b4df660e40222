"""`flightwire feed validate`: reads everything as the pipeline would, and sends nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from pipeline.cli.feed.failures import REJECTS_EXIT, CommandFailed
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
    from filters.sources import Sources
    from pipeline.ingest.inputs import Input
    from pipeline.ingest.lines import LongPart
    from pipeline.ingest.survey import Read

_MOST_REASONS: Final = 2_000
_SHOWN: Final = 20


class Reason(msgspec.Struct):
    """Why messages were rejected, how many, and where the first of them stands."""

    reason: str
    count: int
    first: str


class Result(msgspec.Struct):
    """How one input was read."""

    about: About
    messages: int = 0
    statuses: int = 0
    rejected: int = 0
    dropped: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: dict[str, Reason] = {}


@click.command()
@files_argument
@format_option
@source_options
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for rejected messages: JSON lines with place, reason and bytes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def validate(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    *,
    rejects: Path | None,
    **given: Any,  # noqa: ANN401  (click checks)
) -> None:
    """Split, parse and normalise FILES as the pipeline does, and say what would be rejected.

    FILES are paths, quoted patterns ('day/*.xml'), - for standard input, s3://BUCKET/KEY, or
    s3://BUCKET/PREFIX/ for all objects there. gzip and zstd are unpacked. Nothing is sent. Of
    several FILES those that cannot be read are named, and the others are read.

    \b
    Exit status: 0 clean, 1 failed, 2 usage or a format that is not recognised, 3 rejects.

    \b
    Examples:
      flightwire feed validate monday.xml
      flightwire feed validate 'archive/*.json.zst' --rejects rejected.jsonl
      flightwire feed validate - --format mvt --json < telegrams.txt
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.ingest.rejects import RejectsFileError, must_be_new

    asked = msgspec.convert(given, Asked)
    sources = settings(asked)
    inputs = found(files, as_json=asked.as_json)
    try:
        if rejects is not None:
            must_be_new(rejects)
    except RejectsFileError as error:
        hint = "name another file with --rejects, or leave it out"
        raise CommandFailed(
            str(error), code="rejects", where="", hint=hint, as_json=asked.as_json
        ) from error
    results = []
    status = 0
    for each in inputs:
        try:
            results.append(_validate(each, asked, sources, rejects))
        except CommandFailed as failed:
            status = status or one_of_several(inputs, failed)
            continue
        if not asked.as_json:
            _print(results[-1])
    bad = sum(result.rejected for result in results)
    if asked.as_json:
        kept = str(rejects) if rejects is not None and bad else None
        told = [_document(result) for result in results]
        click.echo(msgspec.json.encode({"files": told, "rejects": kept}))
    elif rejects is not None and bad:
        click.echo(f"{plural(bad, 'rejected message')} in {rejects}")
    ctx.exit(status or (REJECTS_EXIT if bad else 0))


def _validate(given: Input, asked: Asked, sources: Sources, rejects: Path | None) -> Result:
    from filters.outcome import Drop, Forward, Reject
    from pipeline.ingest.rejects import RejectsFile

    result = Result(About(given.name, "", "", None))

    def about(known: About) -> None:
        result.about = known

    # Behind the rejects of the inputs before this one.
    keep = rejects.stat().st_size if rejects is not None and rejects.exists() else 0
    with RejectsFile(rejects, given.name, keep=keep) as kept:
        for read in messages(given, asked, sources, about):
            outcome = read.outcome
            if isinstance(outcome, Reject):
                kept.add(_part(read, outcome.reason))
            if not read.last:
                continue
            result.messages += 1
            if isinstance(outcome, Drop):
                result.dropped[outcome.reason] += 1
            elif isinstance(outcome, Forward):
                result.statuses += len(outcome.outputs)
            elif isinstance(outcome, Reject):
                result.rejected += 1
                _add(result.reasons, outcome.reason, outcome.place or read.place)
        kept.sync()
    return result


def _part(read: Read, reason: str) -> LongPart:
    from pipeline.ingest.lines import LongPart

    payload = read.piece.payload
    kind, _, number = read.piece.place.partition(" ")
    if kind == "line":
        return LongPart(int(number), payload, read.last, reason=reason)
    return LongPart(0, payload, read.last, read.piece.place, reason)


def _add(reasons: dict[str, Reason], reason: str, place: str) -> None:
    """Count a reason, unless there are too many different ones."""
    known = reasons.get(reason)
    if known is not None:
        known.count += 1
    elif len(reasons) < _MOST_REASONS:
        reasons[reason] = Reason(reason, 1, place)


def _document(result: Result) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(result.about),
        "messages": result.messages,
        "statuses": result.statuses,
        "dropped": dict(result.dropped.most_common()),
        "rejected": result.rejected,
        "reasons": msgspec.to_builtins(list(result.reasons.values())),
    }


def _print(result: Result) -> None:
    about = result.about
    if not result.messages:
        click.echo(f"{about.file}: holds no message")
        return
    said = [plural(result.statuses, "status", "statuses")]
    if result.dropped:
        dropped = listed(result.dropped.most_common())
        said.append(f"{result.dropped.total():,} dropped ({dropped})")
    if result.rejected:
        said.append(f"{result.rejected:,} rejected")
    messages_read = plural(result.messages, "message")
    click.echo(f"{about.file}: {about.format}, {messages_read}: {', '.join(said)}")
    reasons = sorted(result.reasons.values(), key=lambda each: -each.count)
    for each in reasons[:_SHOWN]:
        click.echo(f"  {each.count:,} x {each.reason} (first in {each.first})")
    if len(reasons) > _SHOWN:
        click.echo(f"  and {plural(len(reasons) - _SHOWN, 'other reason')}")
