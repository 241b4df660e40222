"""Two hand-made feeds in flightwire's own format, about flights of 20 November 2026."""

from __future__ import annotations

import json

from filters.normalize import normalize, own
from filters.outcome import Outcome
from pipeline.score.card import Scorecard
from schemas.records import FeedMessage, payload_id
from tests.unit.filters.records import SOURCES, at

DAY = "2026-11-20"


def z(clock: str) -> str:
    return f"{DAY}T{clock}:00Z"


def line(flight: str, updated: str | None, **members: str) -> bytes:
    """A message on a leg, from Heathrow if not said otherwise; times as HH:MM of that day."""
    named = {"flight": flight, "origin": "LHR", "date": DAY, **members}
    times = {
        n: z(v) if n.startswith(("out_", "off_", "on_", "in_")) else v for n, v in named.items()
    }
    told = times if updated is None else {**times, "updated_at": z(updated)}
    return json.dumps({name: value for name, value in told.items() if value}).encode()


ALPHA = [
    line("BA117", "06:00", out_scheduled="08:25"),
    line("BA117", "07:00", out_estimated="09:00"),
    line("BA117", "07:00", out_estimated="09:00"),  # the same bytes
    line("BA117", "07:30", out_estimated="09:00"),  # the same content
    line("BA117", "09:04", out_actual="09:02"),
    line("BA117", "09:20", out_actual="09:05"),  # corrected
    line("BA117", "06:30", out_estimated="08:50"),  # out of order
    line("BA117", "16:10", in_actual="16:00"),
    line("BA119", "05:00", status="cancelled"),
    line("BA119", "06:00", status="operating"),
    line("BA121", "05:00", status="doubtful"),
    line("BA121", "12:06", off_actual="12:00"),
    line("BA123", "13:01", out_actual="13:00", id="x1", origin="", date=""),  # undated
    line("BA125", "10:00", out_actual="09:50", origin="JFK", date="", utc_date=DAY),  # parked
    line("BA127", None, out_scheduled="18:00"),  # no time of its own
    b'{"flight": "BA129"}',  # rejected
    line("BA131", "10:00"),  # says nothing
]
BETA = [
    line("BA117", "09:10", out_actual="09:08"),
    line("BA117", "16:02", in_actual="16:00"),
    line("BA121", "12:06", off_actual="12:01"),
    line("BA125", "08:00", out_scheduled="09:45", origin="JFK"),
]


def read(feed: str, payloads: list[bytes]) -> list[tuple[str, FeedMessage, Outcome]]:
    """Each message of a feed and what normalize makes of it."""
    messages = [
        FeedMessage(
            id=payload_id(payload),
            format=own.NAME,
            feed=feed,
            received_at=at(z("23:00")),
            sequence=number,
            payload=payload,
        )
        for number, payload in enumerate(payloads, 1)
    ]
    outcomes = normalize(messages, sources=SOURCES)
    return [(feed, *pair) for pair in zip(messages, outcomes, strict=True)]


def card_of(*told: tuple[str, FeedMessage, Outcome]) -> Scorecard:
    """The card after these messages."""
    card = Scorecard()
    for feed, message, outcome in told:
        card.add(feed, own.NAME, message, outcome)
    return card
