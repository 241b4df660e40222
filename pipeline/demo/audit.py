"""Who had to be told, worked out from the data and the bookings alone, against who was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from filters.people import FlightNumber
from pipeline.demo.bookings import Travellers
from pipeline.demo.firehose import FirehoseLine
from pipeline.demo.flights import Flight
from pipeline.demo.outcome import Told

Person: TypeAlias = tuple[str, str, str]
"""Recipient, leg and channel: one row of the ledger."""


def due(flights: Iterable[Flight], travellers: Travellers) -> set[Person]:
    """Everybody with a booking on these flights who can and wants to be reached."""
    reachable = {
        (contact.recipient, channel)
        for contact in travellers.contacts
        for channel, address in (("sms", contact.phone), ("email", contact.email))
        if address is not None and not contact.opted_out
    }
    sold: dict[FlightNumber, str] = {
        FlightNumber(flight.designator, flight.origin, flight.date): flight.leg
        for flight in flights
    }
    for share in travellers.code_shares:
        leg = sold.get(FlightNumber(share.operating, share.origin, share.date))
        if leg is not None:
            sold[FlightNumber(share.marketing, share.origin, share.date)] = leg
    return {
        (booking.recipient, sold[booking.flight], booking.channel)
        for booking in travellers.bookings
        if booking.flight in sold
        and not booking.cancelled
        and (booking.recipient, booking.channel) in reachable
    }


def histories(rows: Iterable[Mapping[str, Any]]) -> dict[Person, list[tuple[str, str]]]:
    """Kind and ending of every revision in the ledger, oldest first."""
    found: dict[Person, list[tuple[str, str]]] = {}
    for row in rows:
        leg, _, channel = row["sk"]["S"].rpartition("#")
        found[row["pk"]["S"], leg, channel] = [
            (entry["M"]["kind"]["S"], entry["M"]["end"]["S"])
            for entry in row.get("history", {}).get("L", [])
        ]
    return found


def cancelled(
    flights: Sequence[Flight],
    travellers: Travellers,
    told: Mapping[Person, Sequence[tuple[str, str]]],
) -> Told:
    """Flights that the data say were cancelled: their passengers' last word, and nobody else's."""
    flown = [flight for flight in flights if flight.cancelled]
    wanted = due(flown, travellers)
    last = {person: _sent(history)[-1:] for person, history in told.items()}
    have = {person for person, kinds in last.items() if kinds == ["cancelled"]}
    return _told(len(flown), wanted, have)


def reinstated(
    lines: Iterable[FirehoseLine],
    flights: Iterable[Flight],
    travellers: Travellers,
    told: Mapping[Person, Sequence[tuple[str, str]]],
) -> Told:
    """Flights cancelled and taken back: everybody told the one was told the other, nobody else."""
    legs = {line.leg for line in lines if line.kind == "reinstatement"}
    taken_back = [flight for flight in flights if flight.leg in legs]
    reachable = due(taken_back, travellers)
    heard = {p for p, history in told.items() if "cancelled" in _sent(history)[:-1]}
    corrected = {p for p, history in told.items() if "reinstated" in _sent(history)}
    return _told(len(taken_back), heard & reachable, corrected)


def _sent(history: Sequence[tuple[str, str]]) -> list[str]:
    return [kind for kind, end in history if end == "SENT"]


def _told(legs: int, wanted: set[Person], have: set[Person]) -> Told:
    return Told(
        legs=legs,
        due=len(wanted),
        told=len(have),
        missing=len(wanted - have),
        stray=len(have - wanted),
    )
