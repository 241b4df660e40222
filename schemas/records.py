"""The records that travel between the stages, one frozen type per schema.

Each type equals its `<name>.v1.avsc` field for field, in the same order (a contract test compares
them). Times are milliseconds since the epoch, UTC; `None` means "not said". Dates are ISO 8601
strings, local at the airport they belong to. Airlines are ICAO designators where one is known,
airports IATA codes where one exists and ICAO codes elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import msgspec

Life: TypeAlias = Literal["unsaid", "operating", "cancelled", "doubtful"]
"""What a status says of the flight's life; `doubtful` is a cancellation that is only evidence."""

DateBasis: TypeAlias = Literal["none", "filed", "scheduled"]
"""What a leg's local departure date was taken from; `scheduled` outranks `filed`."""

Kind: TypeAlias = Literal["delayed", "earlier", "cancelled", "reinstated"]
"""What a passenger is told."""

Channel: TypeAlias = Literal["sms", "email", "webhook"]
"""How a recipient is reached."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every travelling record has: a deterministic id and the mark of a replay."""

    id: str
    replay: str | None = None


class FeedMessage(Record, frozen=True, kw_only=True, gc=False):
    """One message (or one leg of a message) as the source sent it, bytes untouched."""

    format: str
    feed: str
    received_at: int
    sequence: int = 0
    place: str = ""
    payload: bytes


class FlightStatus(Record, frozen=True, kw_only=True, gc=False):
    """What one message says of one leg: the milestone matrix, life and gates, with evidence."""

    message_id: str
    format: str
    feed: str
    source_time: int
    source_rank: int
    sequence: int
    received_at: int
    source_id: str | None = None
    airline: str
    number: int
    suffix: str = ""
    origin: str | None = None
    destination: str | None = None
    planned_destination: str | None = None
    date: str | None = None
    date_basis: DateBasis = "none"
    utc_date: str | None = None
    registration: str | None = None
    life: Life = "unsaid"
    cause: str | None = None
    deviation: str | None = None
    service: str | None = None
    next_info: int | None = None
    out_scheduled: int | None = None
    out_estimated: int | None = None
    out_actual: int | None = None
    off_scheduled: int | None = None
    off_estimated: int | None = None
    off_actual: int | None = None
    on_scheduled: int | None = None
    on_estimated: int | None = None
    on_actual: int | None = None
    in_scheduled: int | None = None
    in_estimated: int | None = None
    in_actual: int | None = None
    out_terminal: str | None = None
    out_gate: str | None = None
    in_terminal: str | None = None
    in_gate: str | None = None
    baggage: str | None = None
    code_shares: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    formerly: str | None = None
    cleared: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class Disruption(Record, frozen=True, kw_only=True, gc=False):
    """What was last alerted of a leg no longer fits what is known."""

    leg: str
    kind: Kind
    rev: int
    airline: str
    number: int
    suffix: str = ""
    origin: str
    destination: str | None = None
    date: str
    out_scheduled: int | None = None
    out_expected: int | None = None
    out_told: int | None = None
    in_scheduled: int | None = None
    in_expected: int | None = None
    cause: str | None = None
    code_shares: tuple[str, ...] = ()
    source_time: int
    received_at: int
    useful_until: int
    status_id: str
    policy: str


class Notice(Record, frozen=True, kw_only=True, gc=False):
    """One recipient to be told of one revision of one leg; carries a token, never an address."""

    disruption_id: str
    leg: str
    kind: Kind
    rev: int
    recipient: str
    channel: Channel
    locale: str = "en"
    ticket: str
    origin: str
    destination: str | None = None
    date: str
    out_scheduled: int | None = None
    out_expected: int | None = None
    out_told: int | None = None
    in_scheduled: int | None = None
    in_expected: int | None = None
    cause: str | None = None
    source_time: int
    received_at: int
    useful_until: int


class DeadLetter(Record, frozen=True, kw_only=True, gc=False):
    """A record that no retry can help: its original bytes, and why and where it was rejected."""

    stage: str
    reason: str
    place: str
    record_id: str
    body_schema: str
    body: bytes
    attempts: int
    code_version: str
    rejected_at: int


Travelling: TypeAlias = FeedMessage | FlightStatus | Disruption | Notice | DeadLetter

RECORD_TYPES: dict[str, type[Record]] = {
    "feed_message": FeedMessage,
    "flight_status": FlightStatus,
    "disruption": Disruption,
    "notice": Notice,
    "dead_letter": DeadLetter,
}


def payload_id(payload: bytes) -> str:
    """The id of a feed message: the first 32 hex digits of SHA-256 over its bytes.

    The same bytes have the same id whichever door they came through.
    """
    return hashlib.sha256(payload).hexdigest()[:32]
