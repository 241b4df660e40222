"""Normalize: feed messages -> flight statuses, one module per feed format.

Drops: messages that say nothing of a flight's times (keep-alives, positions, unknown types).
Rejects: messages that name no flight or cannot be read, naming the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from filters.normalize import aidx, firehose
from filters.normalize.boards import acris, avinor, chroma, hkia, schiphol, swedavia
from filters.normalize.faa import sfdps, tfmdata
from filters.normalize.schedules import asm, ssim
from filters.normalize.shape import FeedFormat
from filters.normalize.tables import acl, bts, nycflights13, own
from filters.normalize.telegrams import mvt
from filters.normalize.vendors import cirium, oag
from filters.outcome import Drop, Forward, Outcome, Reject, RejectRecord
from filters.partners import Partners
from filters.sources import Source, Sources
from schemas.records import FeedMessage

# In the order of asking: a format with a mark of its own before those known by their members.
_ALL: Final[tuple[FeedFormat, ...]] = (
    firehose,
    asm,
    mvt,
    ssim,
    aidx,
    tfmdata,
    sfdps,
    cirium,
    oag,
    avinor,
    schiphol,
    swedavia,
    hkia,
    chroma,
    acris,
    bts,
    nycflights13,
    acl,
    own,
)

FORMATS: Final[dict[str, FeedFormat]] = {module.NAME: module for module in _ALL}
"""Feed formats by name."""


def normalize(
    messages: Sequence[FeedMessage], *, sources: Sources, partners: Partners | None = None
) -> list[Outcome]:
    """One outcome per message, in order; `partners` say who flies under whose numbers."""
    outcomes: list[Outcome] = []
    last: tuple[str, str] | None = None
    for message in messages:
        try:
            # Mostly a batch is of one feed, so that it is looked up once.
            if last is None or message.feed != last[1] or message.format != last[0]:
                known, source = _reading(message, sources)
                last = (message.format, message.feed) if message.format else None
            said = known.parse(message, source)
        except RejectRecord as reject:
            place = " ".join(part for part in (message.place, reject.place) if part)
            outcomes.append(Reject(reject.reason, place))
            continue
        if isinstance(said, Drop):
            outcomes.append(said)
        elif partners is None:
            outcomes.append(Forward(said))
        else:
            outcomes.append(Forward(tuple(partners.applied(status) for status in said)))
    return outcomes


def recognised(payload: bytes) -> FeedFormat | None:
    """The format that takes these bytes, or the beginning of them, for its own; None when none."""
    return next((known for known in FORMATS.values() if known.detect(payload)), None)


def _reading(message: FeedMessage, sources: Sources) -> tuple[FeedFormat, Source]:
    """The message's format, recognised from the bytes if it has no name, and its source."""
    known = FORMATS.get(message.format) if message.format else recognised(message.payload)
    if known is not None:
        return known, sources.of(message.feed, known.NAME)
    listed = ", ".join(sorted(FORMATS))
    if message.format:
        raise RejectRecord(f"format: {message.format!r} is not one of {listed}")
    raise RejectRecord(f"format: not recognised as any of {listed}")
