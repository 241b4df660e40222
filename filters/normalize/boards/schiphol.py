"""Schiphol public-flights v4: JSON, 20 rows a page under `flights`, or a single flight.

Sources: Schiphol developer centre, PublicFlight API 4.2 (OpenAPI) and "Flight Statuses". Landing
times are touchdowns, off-block times leave the stand; both name their offset. `scheduleDate` and
`scheduleTime` are Amsterdam's.

Each number of a code-share has a row, whose `mainFlight` is the number that operates. All rows of a
leg become statuses of that flight: the row of the number itself has the leg's id, and a row of
another number adds the number, with its own id as another name. `schiphol:<main flight>.<A or
D>.<scheduleDate>` is a name that they have in common.

The states are a list without an order that is documented: a cancellation or a diversion anywhere in
it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from filters.designators import Flight, ticketed
from filters.normalize.boards import rows
from filters.normalize.boards.rows import Row, Word
from filters.normalize.moments import clock_minutes
from filters.normalize.splitting import Piece, values
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

NAME: Final = "schiphol"
TITLE: Final = "Schiphol public-flights v4, JSON"

_AIRPORT: Final = "AMS"
_ZONE: Final = "Europe/Amsterdam"
_MEMBER: Final = "flights"
_LONGEST_BELTS: Final = 40
_ARRIVES: Final = {"A": True, "D": False}
_TIMES: Final = {
    "A": {"estimatedLandingTime": "on_estimated", "actualLandingTime": "on_actual"},
    "D": {"publicEstimatedOffBlockTime": "out_estimated", "actualOffBlockTime": "out_actual"},
}
_STATES: Final = "publicFlightState.flightStates"
_RUNS: Final = ("sch", "wil", "gto", "brd", "gcl", "gtd", "dep", "air", "exp", "fir", "lnd", "fib")
_WORDS: Final = {
    **dict.fromkeys((*_RUNS, "arr"), Word("operating")),
    # Late, at another gate: that is made of the times and the gate.
    **dict.fromkeys(("del", "gch"), Word("operating", noted=True)),
    "tom": Word(noted=True),  # tomorrow: when is not said
    "cnx": Word("cancelled"),
    "div": Word("operating", diverted=True),
}

FIELDS: Final = {
    "id": "source_id, of another number's row aliases",
    "mainFlight, else flightName": "airline, number, suffix",
    "codeshares.codeshares, flightName": "code_shares",
    "flightDirection, route.destinations": "origin, destination",
    "scheduleDateTime, else scheduleDate and scheduleTime": "in_scheduled (A), out_scheduled (D)",
    "scheduleDate": "date (D)",
    **{f"{name} ({way})": cell for way, names in _TIMES.items() for name, cell in names.items()},
    **{f"flightStates {code.upper()}": word.text for code, word in _WORDS.items()},
    "terminal": "in_terminal (A), out_terminal (D)",
    "gate": "in_gate (A), out_gate (D)",
    "baggageClaim.belts": "baggage",
    "aircraftRegistration": "registration",
    "serviceType": "service",
    "isOperationalFlight": "evidence, when false",
    "lastUpdatedAt": "source_time",
}
IGNORED: Final = {
    "flightNumber, prefixIATA, prefixICAO, airlineCode": "parts of flightName",
    "expectedTimeOnBelt, expectedTimeGateOpen, expectedTimeBoarding, expectedTimeGateClosing": (
        "times of the terminal"
    ),
    "expectedSecurityFilter, pier, checkinAllocations, transferPositions": "places of the terminal",
    "aircraftType": "the aircraft's type",
    "route.eu, route.visa": "border control",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a piece, with the rest of its page."""
    return values(chunks, members=(_MEMBER,))


def detect(payload: bytes) -> bool:
    """True when the bytes look like rows of Schiphol's, by three of their members."""
    return rows.has_members(payload, "flightDirection", "mainFlight", "scheduleDate")


def leg_key(payload: bytes) -> str | None:
    """The name that all rows of the leg have in common."""
    row = rows.only(payload, _rows_in)
    try:
        return None if row is None else _common_name(row, _flight(row))
    except (RejectRecord, rows.NoAirlineFlight):
        return None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the rows in one message, or why there are none.

    Raises RejectRecord when a row names no flight, or nothing of it can be read.
    """
    return rows.each(_rows_in(rows.document(message.payload)), partial(_status, message, source))


def _rows_in(value: object) -> list[dict[str, Any]]:
    return rows.objects(value, _MEMBER)


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    way = (row.text("flightDirection") or "").upper()
    if way not in _TIMES:
        raise RejectRecord(f"flightDirection: {way[:8]!r} is neither A nor D")
    flight, own = _flight(row), row.text("flightName")
    leg = rows.leg_of(row, _AIRPORT, row.texts("route.destinations"), arriving=_ARRIVES[way])
    times = {cell: row.time(name, zone=_ZONE) for name, cell in _TIMES[way].items()}
    times[f"{leg.end}_scheduled"] = _scheduled(row, times)
    on = row.date("scheduleDate")
    sold = rows.shares(flight, [*row.texts("codeshares.codeshares"), own or ""], on)
    # The row of another number has an id of its own.
    share = own is not None and ticketed(own, on) in sold
    own_id, common = row.text("id"), _common_name(row, flight)
    aliases = [f"{NAME}:{name}" for name in (common, own_id if share else None) if name]
    if row.flag("isOperationalFlight") is False:
        row.note("isOperationalFlight", "false")
    return rows.finished(
        message,
        source,
        NAME,
        row,
        leg,
        _word(row),
        index,
        flight=flight,
        source_time=row.time("lastUpdatedAt", zone=_ZONE) or message.received_at,
        times=times,
        local_date=None if leg.arriving or on is None else on.isoformat(),
        source_id=None if share else own_id,
        aliases=tuple(aliases),
        code_shares=sold,
        registration=row.registration("aircraftRegistration"),
        service=row.service("serviceType"),
        baggage=",".join(row.texts("baggageClaim.belts"))[:_LONGEST_BELTS] or None,
        **{f"{leg.end}_{what}": row.text(what) for what in ("terminal", "gate")},
    )


def _flight(row: Row) -> Flight:
    told = (row.text("mainFlight"), row.text("flightName"))
    return rows.named(told, "mainFlight", row.date("scheduleDate"))


def _common_name(row: Row, flight: Flight) -> str | None:
    date, way = row.date("scheduleDate"), (row.text("flightDirection") or "").upper()
    if date is None or way not in _ARRIVES:
        return None
    return f"{flight.airline}{flight.number}{flight.suffix}.{way}.{date}"


def _scheduled(row: Row, times: dict[str, int | None]) -> int | None:
    told = row.time("scheduleDateTime", zone=_ZONE)
    date, clock = row.date("scheduleDate"), row.text("scheduleTime")
    if told is not None or date is None or clock is None:
        return told
    try:
        # The seconds of a schedule are nought.
        minutes = clock_minutes(clock[:5], "scheduleTime")
    except RejectRecord as fault:
        row.unread("scheduleTime", fault)
        return None
    near = next((ms for ms in reversed(times.values()) if ms is not None), None)
    return None if minutes is None else rows.wall_ms(date, minutes, _ZONE, near)


def _word(row: Row) -> Word:
    """All states together: cancelled, else diverted, else under way if any of them says so."""
    said = [row.word(_STATES, _WORDS, text=state) for state in row.texts(_STATES)]
    lives = {word.life for word in said}
    strongest: tuple[Life, ...] = ("cancelled", "operating")
    life: Life = next((each for each in strongest if each in lives), "unsaid")
    return Word(life, diverted=any(word.diverted for word in said))
