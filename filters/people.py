"""What join and notify know of travellers: bookings by ticket, code-shares, contacts by token.

Only contacts hold an address; it is read last, when a notice is about to be sent, and goes nowhere
but to the provider.
"""

from __future__ import annotations

import msgspec

from schemas.records import Channel


class FlightNumber(msgspec.Struct, frozen=True, order=True):
    """A flight as a ticket names it: designator (`UA1545`), boarding airport, local date."""

    designator: str
    origin: str
    date: str


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of one PNR on one flight, under the number printed on the ticket."""

    pnr: str
    ticket: str
    origin: str
    date: str
    recipient: str
    channel: Channel = "sms"
    locale: str = "en"
    passengers: int = 1
    cancelled: bool = False

    @property
    def flight(self) -> FlightNumber:
        """The flight this booking is for, as ticketed."""
        return FlightNumber(self.ticket, self.origin, self.date)


class CodeShare(msgspec.Struct, frozen=True, kw_only=True):
    """The operating flight is also sold under the marketing number."""

    operating: str
    marketing: str
    origin: str
    date: str


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recipient is reached; the only record here with personal data."""

    recipient: str
    phone: str | None = None
    email: str | None = None
    name: str = ""
    opted_out: bool = False
