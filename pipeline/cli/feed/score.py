"""`flightwire feed score`: how good feeds are, and where they disagree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from pipeline.cli.feed.reading import format_option, found, reading

if TYPE_CHECKING:
    from filters.sources import Sources
    from pipeline.ingest.inputs import Input
    from pipeline.score.card import Scorecard

_EVERY: Final = 500


class _Options(msgspec.Struct, frozen=True):
    feed: tuple[str, ...]
    format: str
    sources: str
    as_json: bool


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--feed", multiple=True, metavar="NAME=FILE", help="A FILE of the feed NAME; may be repeated."
)
@format_option
@click.option(
    "--sources",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    help="Settings of the sources, such as zones and time modes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON document.")
def score(files: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401  (click checks)
    """Score the feeds in FILES: lag, repeats, corrections, order, what they tell, who is first.

    Each of FILES is a feed named by its stem; --feed names one, or joins several files to one, in
    the order of their arrival. FILES are paths, quoted patterns ('day/*.xml'), - for standard
    input, and s3:// URIs; gzip and zstd are unpacked, and formats are recognised. Legs are matched
    across feeds as the pipeline does it. Nothing is sent or written. docs/feeds/scorecard.md says
    what each number means.

    \b
    Exit status: 0 done, 1 failed, 2 usage or a format that is not recognised.

    \b
    Examples:
      flightwire feed score firehose.jsonl aidx.xml
      flightwire feed score --feed fa=monday.jsonl.gz --feed fa=tuesday.jsonl.gz airport.json
      flightwire feed score 'feeds/*.jsonl' --json
    """  # noqa: D301  (click's own mark for lines to keep)
    from pipeline.cli.feed.score_output import show
    from pipeline.ingest.inputs import feed_of
    from pipeline.score.card import Scorecard

    options = msgspec.convert(given, _Options)
    sources = _sources(options)
    inputs = [(feed_of(each), each) for each in found(files, as_json=options.as_json)]
    for named in options.feed:
        name, equals, file = named.partition("=")
        if not (name and equals and file):
            raise click.UsageError(f"--feed {named!r}: write NAME=FILE")
        inputs += [(name, each) for each in found([file], as_json=options.as_json)]
    if not inputs:
        raise click.UsageError("name at least one FILE")
    card = Scorecard()
    for feed, each in inputs:
        _read(card, feed, each, sources, options)
    scores = card.scores()
    if options.as_json:
        click.echo(msgspec.json.encode(scores))
    else:
        show(scores, sys.stdout)


def _sources(options: _Options) -> Sources:
    from filters.policy import PolicyError
    from filters.sources import load_sources

    try:
        return load_sources(options.sources)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error


def _read(card: Scorecard, feed: str, given: Input, sources: Sources, options: _Options) -> None:
    """Bring all messages of an input into the card. Raises CommandFailed."""
    from filters.normalize import FORMATS
    from pipeline.clock import now_ms
    from pipeline.ingest.loader import LoadCounts
    from pipeline.ingest.messages import FeedSource
    from pipeline.ingest.progress import Late, display
    from pipeline.ingest.survey import read

    with (
        reading(given, options.format, as_json=options.as_json) as (stream, name),
        Late(lambda: display(sys.stderr, given.name, given.size)) as watcher,
    ):
        if not name:
            return
        source = FeedSource(feed=feed, format=name, file=given.name)
        for seen, each in enumerate(read(stream, FORMATS[name], source, sources, now_ms()), 1):
            if each.last:
                card.add(feed, name, each.message, each.outcome)
            if seen % _EVERY == 0:
                watcher.at(stream.done(each.piece.end), LoadCounts(acknowledged=seen))
