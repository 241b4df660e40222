"""One line of a feed becomes one feed message, and a feed message finds its leg."""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.ingest.lines import FeedLine
from pipeline.kpl import MAX_PARTITION_KEY
from schemas.records import FeedMessage


class FeedSource(msgspec.Struct, frozen=True):
    """Where lines come from: feed name, format, and the file's name for their `place`."""

    feed: str
    format: str = "firehose"
    file: str = ""


class _FirehoseKey(msgspec.Struct):
    id: str | None = None


# Skips every other member in C: faster than a regular expression, and nothing nested or escaped
# can be taken for the member itself.
_LEG_READERS = {"firehose": msgspec.json.Decoder(_FirehoseKey)}


def record_id(payload: bytes) -> str:
    """Name a message by its bytes: the first 32 hex digits of their SHA-256."""
    return hashlib.sha256(payload).hexdigest()[:32]


def feed_message(line: FeedLine, source: FeedSource, received_at: int) -> FeedMessage:
    """Wrap a line as it is; `received_at` in milliseconds since the epoch, UTC."""
    return FeedMessage(
        id=record_id(line.payload),
        format=source.format,
        feed=source.feed,
        received_at=received_at,
        sequence=line.number,
        place=f"{source.file}:{line.number}",
        payload=line.payload,
    )


def leg_of(message: FeedMessage) -> str | None:
    """The source's own key of the leg, so that messages of one leg keep their order.

    For Firehose it is the member `id` (FlightAware Firehose documentation, messages). None when
    the message names no leg, is broken, or its format has no such key.
    """
    reader = _LEG_READERS.get(message.format)
    if reader is None:
        return None
    try:
        leg = reader.decode(message.payload).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # it travels all the same, and normalize rejects it with its bytes and reason
    return leg if leg and len(leg) <= MAX_PARTITION_KEY else None


def printable_name(name: str) -> str:
    r"""`name` as text that can be encoded: a byte of it that is not UTF-8 becomes \xhh."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
