"""IATA ASM and SSM: telegrams of schedule departments, on single dates (ASM) or periods (SSM).

Source: IATA Standard Schedules Information Manual, chapter 4 (SSM), chapter 5 (ASM), chapter 2.6
(data elements). Times and dates are UTC or local, as the time mode line says; a telegram without it
is rejected unless the source's settings say. A flight's date is that of its first departure.

A cancellation often names no airports, only a flight and a date: its status has no origin, and
`utc_date` or `date` alone says which legs are meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from filters.normalize.schedules.asm import grammar
from filters.normalize.schedules.asm.days import sent_ms
from filters.normalize.schedules.asm.effects import DROPS, Frame, flights, statuses
from filters.normalize.schedules.timetable import MOST_DATES
from filters.normalize.splitting import Piece
from filters.normalize.telegrams import typeb
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "asm"
TITLE: Final = "IATA ASM and SSM schedule messages"

_IDENTIFIERS = ("ASM", "SSM")
_MOST_SAID = 10_000  # flights and dates that are looked at in one telegram

FIELDS: Final = {
    "origin line, message sequence reference": "source_time",
    "time mode": "whether times and dates are UTC or local",
    **{action: becomes for action, becomes in grammar.ACTIONS.items() if becomes},
    "change reasons": "cause",
    "flight designator": "airline, number, suffix",
    "flight date, period, days of operation, frequency rate": "date or utc_date, one status each",
    "legs": "origin, destination, out_scheduled, in_scheduled; passenger times if told",
    "date variation": "dates of legs",
    "service type": "service",
    "data element 10": "code_shares",
    "data element 50": "airline, number and suffix; the flight's own are code_shares",
    "data element 2": "another airline: a marketing flight, dropped without element 10 or 50",
    "data elements 1 to 9": "evidence",
}
IGNORED: Final = {
    **{action: f"dropped: {DROPS[action]}" for action, does in grammar.ACTIONS.items() if not does},
    "aircraft type, configuration, registration": "nothing of times",
    "other data elements": "nothing of times or numbers; some are free text",
    "SI": "free text",
}


def detect(payload: bytes) -> bool:
    """True when the first telegram in the bytes is an ASM or SSM."""
    return typeb.identifier(payload, _IDENTIFIERS) != ""


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One piece a telegram, with its envelope."""
    return typeb.split(chunks, _IDENTIFIERS)


def leg_key(payload: bytes) -> str | None:
    """The operating flight, such as `SWR544`; None when the telegram names none or several."""
    try:
        found = flights(grammar.read(typeb.read(payload, 0).lines))
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return "".join(map(str, found.pop())) if len(found) == 1 else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """One status for each leg, or flight without named legs, on each date; at most 400.

    The evidence of the last one says when there are more. Raises RejectRecord naming the element,
    and the sub-message if there are several.
    """
    envelope = typeb.read(message.payload, message.received_at)
    telegram = grammar.read(envelope.lines)
    mode = telegram.mode or source.time_mode
    if mode is None and any(grammar.ACTIONS.get(part.action) for part in telegram.parts):
        raise RejectRecord("time_mode: neither UTC nor LT, and the source's settings do not say")
    sent = envelope.sent_at
    if sent is None:
        sent = sent_ms(telegram.sent, telegram.group, message.received_at)
    frame = Frame(message, source, NAME, telegram, mode or "U", sent)
    found: list[FlightStatus] = []
    dropped: Drop | None = None
    for said in islice(statuses(frame), _MOST_SAID):
        if isinstance(said, Drop):
            dropped = dropped or said
        elif len(found) == MOST_DATES:
            note = ("more=left_out", *found[-1].evidence)
            found[-1] = msgspec.structs.replace(found[-1], evidence=note)
            break
        else:
            found.append(said)
    return tuple(found) or dropped or Drop("says_nothing")
