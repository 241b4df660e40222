"""`flightwire feed list`: the formats that are read, their doors, and what they tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from filters.normalize.shape import FeedFormat

_DOORS: Final = ("file", "stdin", "s3", "folder", "http-poll")
_OWN_DOORS: Final = {"firehose": ("firehose",)}
# What a format's FIELDS speak of, in the order that it is shown in.
_TELLS: Final = {
    "schedule": r"_scheduled\b",
    "estimates": r"_estimated\b",
    "actual times": r"_actual\b",
    "gates": r"_gate\b|^gates?\b",
    "baggage": r"\bbaggage\b",
    "cancellations": r"\blife\b",
    "diversions": r"\bdeviation\b",
    "causes": r"\bcause\b",
    "code-shares": r"\bcode_shares\b",
    "aircraft": r"\bregistration\b",
}


def tells(known: FeedFormat) -> list[str]:
    """What messages of a format can tell, as its FIELDS say."""
    said = "\n".join(known.FIELDS.values())
    return [word for word, pattern in _TELLS.items() if re.search(pattern, said, re.MULTILINE)]


def _described() -> list[dict[str, Any]]:
    from filters.normalize import FORMATS
    from filters.sources import load_sources

    sources = load_sources("default")
    return [
        {
            "name": name,
            "title": known.TITLE,
            "rank": sources.of("", name).rank,
            "silent_minutes": sources.of("", name).silent_minutes,
            "doors": [*_DOORS, *_OWN_DOORS.get(name, ())],
            "tells": tells(known),
            "fields": dict(known.FIELDS),
            "ignored": dict(known.IGNORED),
        }
        for name, known in FORMATS.items()
    ]


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as one document.")
def formats(*, as_json: bool) -> None:
    """List the feed formats, what each can tell, and the doors it may come through.

    At equal source time the source of the higher rank is believed. --json also names every field
    that is read, what it becomes, and what is left aside.

    \b
    Examples:
      flightwire feed list
      flightwire feed list --json
    """  # noqa: D301  (click's own mark for lines to keep)
    described = _described()
    if as_json:
        click.echo(msgspec.json.encode({"formats": described}))
        return
    widest = max(len(each["name"]) for each in described)
    for each in sorted(described, key=lambda one: -one["rank"]):
        click.echo(f"{click.style(each['name'].ljust(widest), bold=True)}  {each['title']}")
        click.echo(f"{'':{widest}}  rank {each['rank']}; tells {', '.join(each['tells'])}")
    click.echo(f"\nEach comes as {', '.join(_DOORS[:3])}, and live through `feed run`:")
    click.echo(f"  {', '.join(_DOORS[3:])}; firehose also through its own connection")
