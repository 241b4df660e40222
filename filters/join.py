"""Join: disruptions -> notices, one per recipient and channel on that leg's bookings.

Tickets are found by the number printed on them (operating or code-share), the boarding airport
and the local departure date. Drops: legs nobody has booked. Rejects: nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec

from filters import reference
from filters.outcome import Drop, Fail, Forward, Outcome
from filters.people import Booking, FlightNumber
from schemas.records import Disruption, Notice


class Tickets(msgspec.Struct, frozen=True):
    """Bookings by flight as ticketed, and the flights that could not be read now."""

    found: Mapping[FlightNumber, Sequence[Booking]]
    unread: Collection[FlightNumber] = ()


class Marketed(msgspec.Struct, frozen=True):
    """Marketing numbers by operating flight, and the flights that could not be read now."""

    found: Mapping[FlightNumber, Sequence[FlightNumber]]
    unread: Collection[FlightNumber] = ()


class Bookings(Protocol):
    """Who has booked; reads are strongly consistent, so that a fresh booking is not missed."""

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """The numbers under which these operating flights are also sold."""

    def tickets(self, flights: Collection[FlightNumber]) -> Tickets:
        """The bookings that carry these numbers."""


def join(disruptions: Sequence[Disruption], *, bookings: Bookings) -> list[Outcome]:
    """One outcome per disruption: its notices, or why there are none."""
    operated = {disruption.id: _operated(disruption) for disruption in disruptions}
    marketed = bookings.code_shares(set(operated.values()))
    sold = {
        flight: (flight, *marketed.found.get(flight, ()))
        for flight in set(operated.values()) - set(marketed.unread)
    }
    told = {disruption.id: _told_shares(disruption) for disruption in disruptions}
    tickets = bookings.tickets({n for numbers in (*sold.values(), *told.values()) for n in numbers})
    unread = set(tickets.unread)
    outcomes: list[Outcome] = []
    for disruption in disruptions:
        by_table = sold.get(operated[disruption.id], ())
        numbers = tuple(dict.fromkeys((*by_table, *told[disruption.id]))) if by_table else ()
        if not numbers or unread.intersection(numbers):
            outcomes.append(Fail("bookings could not be read"))
            continue
        booked = [booking for number in numbers for booking in tickets.found.get(number, ())]
        notices = _notices(disruption, booked)
        outcomes.append(Forward(outputs=notices) if notices else Drop("no_booking"))
    return outcomes


def _operated(disruption: Disruption) -> FlightNumber:
    """The leg under its operating airline's own number, as a ticket would print it."""
    on = date.fromisoformat(disruption.date)
    airline = reference.airline_iata(disruption.airline, on) or disruption.airline
    designator = f"{airline}{disruption.number}{disruption.suffix}"
    return FlightNumber(designator, disruption.origin, disruption.date)


def _told_shares(disruption: Disruption) -> tuple[FlightNumber, ...]:
    """The leg under other numbers that its feeds named; `DL1111/2013-02-07` has its own date."""
    parts = (number.partition("/") for number in disruption.code_shares)
    return tuple(
        FlightNumber(designator, disruption.origin, day or disruption.date)
        for designator, _, day in parts
    )


def _notices(disruption: Disruption, booked: Sequence[Booking]) -> tuple[Notice, ...]:
    """One notice per recipient and channel, however many tickets or names share it."""
    chosen: dict[tuple[str, str], Booking] = {}
    for booking in sorted(booked, key=lambda b: (b.recipient, b.channel, b.ticket, b.pnr)):
        if not booking.cancelled:
            chosen.setdefault((booking.recipient, booking.channel), booking)
    return tuple(_notice(disruption, booking) for booking in chosen.values())


def _notice(disruption: Disruption, booking: Booking) -> Notice:
    what = f"{disruption.leg}|{disruption.kind}|{disruption.rev}"
    told = f"{booking.recipient}|{what}|{booking.channel}"
    return Notice(
        id=hashlib.sha256(told.encode()).hexdigest()[:32],
        replay=disruption.replay,
        disruption_id=disruption.id,
        leg=disruption.leg,
        kind=disruption.kind,
        rev=disruption.rev,
        recipient=booking.recipient,
        channel=booking.channel,
        locale=booking.locale,
        ticket=booking.ticket,
        origin=disruption.origin,
        destination=disruption.destination,
        date=disruption.date,
        out_scheduled=disruption.out_scheduled,
        out_expected=disruption.out_expected,
        out_told=disruption.out_told,
        in_scheduled=disruption.in_scheduled,
        in_expected=disruption.in_expected,
        cause=disruption.cause,
        source_time=disruption.source_time,
        received_at=disruption.received_at,
        useful_until=disruption.useful_until,
    )
