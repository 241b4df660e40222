"""What `inspect` and `validate` share: inputs read to their end, with progress behind them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from pipeline.cli.feed.failures import CommandFailed
from pipeline.cli.feed.reading import reading

if TYPE_CHECKING:
    from filters.sources import Sources
    from pipeline.ingest.inputs import Input
    from pipeline.ingest.survey import Read

_Command = TypeVar("_Command", bound=Callable[..., object])
_EVERY = 500


class About(msgspec.Struct, frozen=True):
    """An input: its name, its format ("" when it is empty), how it is packed, its length."""

    file: str
    format: str
    packed: str
    bytes: int | None


class Asked(msgspec.Struct, frozen=True):
    """The options that say how inputs are read."""

    format: str
    feed: str | None
    sources: str
    as_json: bool


def source_options(command: _Command) -> _Command:
    """--feed and --sources: the settings of the dialect."""
    sources = click.option(
        "--sources",
        default="default",
        show_default=True,
        metavar="NAME|FILE",
        help="Settings of the sources, such as zones and time modes.",
    )
    feed = click.option("--feed", metavar="NAME", help="Name of the feed, for its own settings.")
    return feed(sources(command))


def settings(asked: Asked) -> Sources:
    """The settings of the sources. Raises UsageError naming what is wrong with them."""
    from filters.policy import PolicyError
    from filters.sources import load_sources

    try:
        return load_sources(asked.sources)
    except PolicyError as error:
        raise click.UsageError(str(error)) from error


def messages(
    given: Input, asked: Asked, sources: Sources, about: Callable[[About], None]
) -> Iterator[Read]:
    """Each message of an input; `about` is told first what it is. Raises CommandFailed."""
    from filters.normalize import FORMATS
    from pipeline.clock import now_ms
    from pipeline.ingest.inputs import feed_of
    from pipeline.ingest.loader import LoadCounts
    from pipeline.ingest.messages import FeedSource
    from pipeline.ingest.progress import Late, display
    from pipeline.ingest.survey import read

    with (
        reading(given, asked.format, as_json=asked.as_json) as (stream, name),
        Late(lambda: display(sys.stderr, given.name, given.size)) as watcher,
    ):
        about(About(given.name, name, stream.packed, given.size))
        if not name:
            return
        source = FeedSource(feed=asked.feed or feed_of(given), format=name, file=given.name)
        for seen, each in enumerate(read(stream, FORMATS[name], source, sources, now_ms()), 1):
            yield each
            if seen % _EVERY == 0:
                watcher.at(stream.done(each.piece.end), LoadCounts(acknowledged=seen))


def one_of_several(inputs: Sequence[Input], failed: CommandFailed) -> int:
    """Show what is wrong with one of several inputs; its exit status. Raises it for a single."""
    if len(inputs) == 1:
        raise failed
    failed.show()
    return failed.exit_code


def plural(count: int, one: str, many: str = "") -> str:
    """`1 message`, `1,234 messages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(counts: Sequence[tuple[str, int]], most: int = 10) -> str:
    """`says_nothing 8, keepalive 2, 3 more`."""
    shown = [f"{word} {count:,}" for word, count in counts[:most]]
    more = [f"{len(counts) - most} more"] if len(counts) > most else []
    return ", ".join([*shown, *more])
