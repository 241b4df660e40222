"""One line or piece of a feed becomes one feed message, and a feed message finds its leg."""

from __future__ import annotations

import msgspec

from filters.normalize import FORMATS
from pipeline.ingest.lines import FeedLine
from pipeline.kpl import MAX_PARTITION_KEY
from schemas.records import FeedMessage, payload_id


class FeedSource(msgspec.Struct, frozen=True):
    """Where lines come from: feed name, format, and the file's name for their `place`."""

    feed: str
    format: str = "firehose"
    file: str = ""


def feed_message(line: FeedLine, source: FeedSource, received_at: int) -> FeedMessage:
    """Wrap a line or piece as it is; `received_at` in milliseconds since the epoch, UTC."""
    return FeedMessage(
        id=payload_id(line.payload),
        format=source.format,
        feed=source.feed,
        received_at=received_at,
        sequence=line.number,
        place=place_in(source.file, line.place) if line.place else f"{source.file}:{line.number}",
        payload=line.payload,
    )


def place_in(file: str, place: str) -> str:
    """A place as people look it up: `day.csv:12` for a line, else as in `day.xml FlightLeg 3`."""
    kind, _, number = place.partition(" ")
    return f"{file}:{number}" if kind == "line" else f"{file} {place}".strip()


def leg_of(message: FeedMessage) -> str | None:
    """The source's own key of the leg, so that messages of one leg keep their order.

    None when the message names no leg, is broken, or is of a format nobody here knows: it travels
    all the same, and normalize rejects it with its bytes and reason.
    """
    known = FORMATS.get(message.format)
    leg: str | None = None if known is None else known.leg_key(message.payload)
    return leg if leg and len(leg) <= MAX_PARTITION_KEY else None


def printable_name(name: str) -> str:
    r"""`name` as text that can be encoded: a byte of it that is not UTF-8 becomes \xhh."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
