"""What tests of JSON feeds share: a body becomes a message, and the message its outcome."""

from __future__ import annotations

import json
from typing import Any

from filters.legs import TIME_CELLS
from filters.normalize import normalize
from filters.outcome import Forward, Outcome, Reject
from schemas import codec
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES


class JsonFeed:
    """One format's messages; a body is a JSON value, or bytes as they are."""

    def __init__(self, name: str, received_at: int) -> None:
        """`name` is the format's; messages are received at that moment unless a test says else."""
        self._name = name
        self._received_at = received_at

    def message(self, body: Any, received_at: int | None = None) -> FeedMessage:  # noqa: ANN401  (JSON, or bytes)
        """A feed message with this body."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return FeedMessage(
            id=payload_id(payload),
            format=self._name,
            feed="test",
            received_at=self._received_at if received_at is None else received_at,
            payload=payload,
        )

    def parsed(self, body: Any) -> Outcome:  # noqa: ANN401  (JSON, or bytes)
        """What normalize says of one message."""
        [outcome] = normalize([self.message(body)], sources=SOURCES)
        return outcome

    def statuses_of(self, body: Any) -> list[FlightStatus]:  # noqa: ANN401  (JSON, or bytes)
        """The statuses in a message that has some; each has been through the codec."""
        outcome = self.parsed(body)
        assert isinstance(outcome, Forward), outcome
        assert codec.decode_pack(codec.encode_pack(outcome.outputs)) == list(outcome.outputs)
        return [status for status in outcome.outputs if isinstance(status, FlightStatus)]

    def status_of(self, body: Any) -> FlightStatus:  # noqa: ANN401  (JSON, or bytes)
        """The one status in a message that has one."""
        [status] = self.statuses_of(body)
        return status

    def rejected(self, body: Any) -> str:  # noqa: ANN401  (JSON, or bytes)
        """Why a message is rejected, with its place."""
        outcome = self.parsed(body)
        assert isinstance(outcome, Reject), outcome
        return f"{outcome.place}: {outcome.reason}" if outcome.place else outcome.reason


def told(status: FlightStatus) -> dict[str, int]:
    """The cells of the matrix that a status fills."""
    return {cell: ms for cell in TIME_CELLS if (ms := getattr(status, cell)) is not None}
