"""`flightwire feed`: what feeds send, looked at, checked, and brought into the pipeline."""

from __future__ import annotations

from typing import ClassVar

import click

from pipeline.cli import LazyGroup


class FeedGroup(LazyGroup):
    """The commands of `flightwire feed`."""

    sources: ClassVar[dict[str, str]] = {
        "generate": "pipeline.cli.feed.generate:generate",
        "inspect": "pipeline.cli.feed.inspect:inspect",
        "list": "pipeline.cli.feed.formats:formats",
        "load": "pipeline.cli.feed.load:load",
        "run": "pipeline.cli.feed.run:run",
        "score": "pipeline.cli.feed.score:score",
        "status": "pipeline.cli.feed.status:status",
        "validate": "pipeline.cli.feed.validate:validate",
    }


@click.group(cls=FeedGroup, context_settings={"help_option_names": ["-h", "--help"]})
def feed() -> None:
    """Look at feeds, check them, and bring their messages into the pipeline.

    \b
    Examples:
      flightwire feed list
      flightwire feed inspect monday.xml.gz
      flightwire feed validate 'archive/**/*.json'
      flightwire feed generate --date 2013-02-08 -o storm.jsonl
      flightwire feed score firehose.jsonl airport.xml
      flightwire feed load firehose.jsonl --to local
      flightwire feed load s3://bucket/feeds/2026-11-20/ --to feed-stream --rate 200/s
    """  # noqa: D301  (click's own mark for lines to keep)
