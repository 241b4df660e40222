"""Normalize: feed messages -> flight statuses, one module per feed format.

Drops: messages that say nothing of a flight's times (keep-alives, positions, unknown types).
Rejects: messages that name no flight or cannot be read, naming the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from filters.normalize import firehose
from filters.normalize.shape import FeedFormat
from filters.outcome import Drop, Forward, Outcome, Reject, RejectRecord
from filters.sources import Sources
from schemas.records import FeedMessage

# In the order of asking: a format with a mark of its own before those known by their members.
_ALL: Final[tuple[FeedFormat, ...]] = (firehose,)

FORMATS: Final[dict[str, FeedFormat]] = {module.NAME: module for module in _ALL}
"""Feed formats by name."""


def normalize(messages: Sequence[FeedMessage], *, sources: Sources) -> list[Outcome]:
    """One outcome per message, in order."""
    return [_one(message, sources) for message in messages]


def recognised(payload: bytes) -> FeedFormat | None:
    """The format that takes these bytes, or the beginning of them, for its own; None when none."""
    return next((known for known in FORMATS.values() if known.detect(payload)), None)


def _one(message: FeedMessage, sources: Sources) -> Outcome:
    try:
        known = _format_of(message)
        said = known.parse(message, sources.of(message.feed, known.NAME))
    except RejectRecord as reject:
        place = " ".join(part for part in (message.place, reject.place) if part)
        return Reject(reject.reason, place)
    return said if isinstance(said, Drop) else Forward(outputs=said)


def _format_of(message: FeedMessage) -> FeedFormat:
    """The message's format; an unnamed one is recognised from the bytes."""
    known = FORMATS.get(message.format) if message.format else recognised(message.payload)
    if known is not None:
        return known
    listed = ", ".join(sorted(FORMATS))
    if message.format:
        raise RejectRecord(f"format: {message.format!r} is not one of {listed}")
    raise RejectRecord(f"format: not recognised as any of {listed}")
