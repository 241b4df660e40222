"""Chroma: the JSON of a British airport's operational data base, one object a row.

Source: the feed that UKHomeOffice/drt-v2 reads for Edinburgh (ChromaFetcher, ArrivalConversions).
All rows name all members; "" is missing; times are UTC. `SchDT` is the scheduled arrival,
`EstDT` and `ActDT` are touchdowns, `EstChoxDT` and `ActChoxDT` are on-block (chocks). A row with a
`Destination` in place of the `Origin` is a departure, whose times are read in the same way: `EstDT`
and `ActDT` are take-offs, the others off-block.

Every number of a code-share has a row with an id of its own, and nothing says to which flight it
belongs; it stays a leg of that number. No row has a time stamp, so "Scheduled", which only repeats
the schedule, says nothing of life.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from filters.normalize.boards import rows
from filters.normalize.boards.rows import Row, Word
from filters.normalize.splitting import Piece, values
from filters.outcome import Drop
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "chroma"
TITLE: Final = "Chroma airport data (Edinburgh), JSON"

_MEMBER: Final = "flights"
_TIMES: Final = {
    "SchDT": ("in_scheduled", "out_scheduled"),
    "EstDT": ("on_estimated", "off_estimated"),
    "ActDT": ("on_actual", "off_actual"),
    "EstChoxDT": ("in_estimated", "out_estimated"),
    "ActChoxDT": ("in_actual", "out_actual"),
}
_PLACES: Final = {"Terminal": ("in_terminal", "out_terminal"), "Gate": ("in_gate", "out_gate")}
_RUNS: Final = ("on chocks", "landed", "actual", "estimated", "off chocks", "airborne", "departed")
_WORDS: Final = {
    "scheduled": Word(),
    **dict.fromkeys(_RUNS, Word("operating")),
    "delayed": Word("operating", noted=True),
    **dict.fromkeys(("cancelled", "canceled"), Word("cancelled")),
    "diverted": Word("operating", diverted=True),
    "deleted": Word("doubtful", noted=True),
}

FIELDS: Final = {
    "ICAO, else IATA": "airline, number, suffix",
    "IATA": "code_shares, where the airline's code for tickets is not known otherwise",
    "FlightID": "source_id",
    "AirportID": "destination of an arrival, origin of a departure",
    "Origin": "origin of an arrival",
    "Destination": "destination of a departure",
    **{name: f"{cells[0]}; of a departure {cells[1]}" for name, cells in _TIMES.items()},
    **{f"Status {word.capitalize()}": meaning.text for word, meaning in _WORDS.items()},
    **{name: f"{cells[0]}; of a departure {cells[1]}" for name, cells in _PLACES.items()},
    "BaggageReclaimId": "baggage",
}
IGNORED: Final = {
    "Operator": "the airline's name",
    "Stand, RunwayID": "where the aircraft is, not its passengers",
    "MaxPax, ActPax, TranPax": "numbers of passengers",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece."""
    return values(chunks, members=(_MEMBER,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like rows of Chroma, by three of their members."""
    return rows.has_members(payload, "SchDT", "AirportID", "ActChoxDT")


def leg_key(payload: bytes) -> str | None:
    """The row's id; the flight and its schedule where it has none."""
    row = rows.only(payload, _rows_in)
    if row is None:
        return None
    own, flight, due = row.text("FlightID"), row.first("ICAO", "IATA"), row.text("SchDT")
    return own or (f"{flight}.{due}" if flight and due else None)


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the rows in one message, or why there are none.

    Raises RejectRecord when a row names no flight, or nothing of it can be read.
    """
    return rows.each(_rows_in(rows.document(message.payload)), partial(_status, message, source))


def _rows_in(value: object) -> list[dict[str, Any]]:
    return rows.objects(value, _MEMBER)


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    goes_to, comes_from = row.text("Destination"), row.text("Origin")
    departs = goes_to is not None and comes_from is None
    end = 1 if departs else 0
    times = {cells[end]: row.time(name) for name, cells in _TIMES.items()}
    on = rows.day_of(times["out_scheduled" if departs else "in_scheduled"])
    icao, iata = row.text("ICAO"), row.text("IATA")
    flight = rows.named((icao, iata), "ICAO", on)
    stops = [goes_to or ""] if departs else [comes_from or ""]
    return rows.finished(
        message,
        source,
        NAME,
        row,
        rows.leg_of(row, row.text("AirportID"), stops, arriving=not departs),
        row.word("Status", _WORDS),
        index,
        flight=flight,
        source_time=message.received_at,
        times=times,
        source_id=row.text("FlightID"),
        code_shares=rows.shares(flight, [iata or ""], on),
        baggage=row.text("BaggageReclaimId"),
        **{cells[end]: row.text(name) for name, cells in _PLACES.items()},
    )
