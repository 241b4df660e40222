"""Normalize: feed messages -> flight statuses, one module per feed format.

Drops: messages that say nothing of a flight's times (keep-alives, positions, unknown types).
Rejects: messages that name no flight or cannot be read, naming the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Final

from filters.normalize import firehose
from filters.outcome import Drop, Forward, Outcome, Reject, RejectRecord
from schemas.records import FeedMessage, FlightStatus

FORMATS: Final[dict[str, ModuleType]] = {firehose.NAME: firehose}
"""Feed formats by name; each module has `NAME`, `detect`, `leg_key` and `parse`."""

_Parse = Callable[[FeedMessage], tuple[FlightStatus, ...] | Drop]


def normalize(messages: Sequence[FeedMessage]) -> list[Outcome]:
    """One outcome per message, in order."""
    return [_one(message) for message in messages]


def _one(message: FeedMessage) -> Outcome:
    try:
        said = _parser(message)(message)
    except RejectRecord as reject:
        place = " ".join(part for part in (message.place, reject.place) if part)
        return Reject(reject.reason, place)
    return said if isinstance(said, Drop) else Forward(outputs=said)


def _parser(message: FeedMessage) -> _Parse:
    """The parser of the message's format; an unnamed format is recognised from the bytes."""
    if message.format:
        named = FORMATS.get(message.format)
        if named is None:
            reason = f"format: {message.format!r} is not one of {', '.join(sorted(FORMATS))}"
            raise RejectRecord(reason)
        return _parse_of(named)
    for module in FORMATS.values():
        if module.detect(message.payload):
            return _parse_of(module)
    reason = f"format: not recognised as any of {', '.join(sorted(FORMATS))}"
    raise RejectRecord(reason)


def _parse_of(module: ModuleType) -> _Parse:
    parse: _Parse = module.parse
    return parse
