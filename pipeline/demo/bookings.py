"""Invented travellers on true flights: bookings, code-shares and contacts.

Nobody here can be reached. Phone numbers come only from ranges kept for fiction: in North America
555-0100 to 555-0199 of each area code (ATIS-0300115, 555 NXX Assignment Guidelines), in the United
Kingdom 07700 900000 to 900999 (Ofcom, Telephone numbers for drama use); mail domains are those of
RFC 2606, section 3. Names, partners and shares stand in `travellers.toml`.
"""

from __future__ import annotations

import base64
import string
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import cycle
from random import Random
from typing import Final, NamedTuple

import msgspec

from filters.people import Booking, CodeShare, Contact, FlightNumber
from pipeline.demo.flights import Flight

_TOKEN_BYTES: Final = 16  # 22 characters of base64url
# Record locators leave out what is easily misread.
_LOCATOR: Final = "".join(c for c in string.ascii_uppercase + string.digits if c not in "01IO")


class Travellers(NamedTuple):
    """Rows for the bookings table (bookings and code-shares) and for the contacts table."""

    bookings: list[Booking]
    code_shares: list[CodeShare]
    contacts: list[Contact]


class _Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    second_pnr: float
    given_up: float
    two_contacts: float
    partner_ticket: float
    regional_sold: float
    mainline_sold: float
    opted_out: float
    email_only: float
    email_too: float
    british_phone: float


class _Regional(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    carrier: str
    partner: str
    origins: tuple[str, ...] = ()

    def flies(self, flight: Flight) -> bool:
        here = not self.origins or flight.origin in self.origins
        return here and flight.carrier == self.carrier


class _Invention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    area_codes: tuple[str, ...]
    parties: tuple[int, ...]
    shares: _Shares
    regional: tuple[_Regional, ...]
    mainline: dict[str, dict[str, int]]


def bookings_for(flights: Sequence[Flight], *, seed: int) -> Travellers:
    """At least one booking on every flight; the same flights and seed give the same travellers."""
    rng = Random(seed)  # noqa: S311  (seeded on purpose: the same travellers every time)
    shares = _invention().shares
    code_shares = _code_shares(flights, rng)
    sold: dict[FlightNumber, list[str]] = {}
    for share in code_shares:
        operated = FlightNumber(share.operating, share.origin, share.date)
        sold.setdefault(operated, []).append(share.marketing)
    people, pnrs = _people(rng), _pnrs(rng)
    travellers = Travellers([], code_shares, [])
    for flight in flights:
        numbers = sold.get(_operated(flight), [])
        for nth in range(1 + (rng.random() < shares.second_pnr)):
            partner = numbers and rng.random() < shares.partner_ticket
            ticket = rng.choice(numbers) if partner else flight.designator
            given_up = nth > 0 and rng.random() < shares.given_up
            pnr = next(pnrs)
            for contact, passengers in _party(people, rng):
                travellers.contacts.append(contact)
                booking = Booking(
                    pnr=pnr,
                    ticket=ticket,
                    origin=flight.origin,
                    date=flight.date,
                    recipient=contact.recipient,
                    channel="email" if contact.phone is None else "sms",
                    passengers=passengers,
                    cancelled=given_up,
                )
                travellers.bookings.append(booking)
    return travellers


@cache
def _invention() -> _Invention:
    text = (files("pipeline") / "demo" / "travellers.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Invention)


def _operated(flight: Flight) -> FlightNumber:
    return FlightNumber(flight.designator, flight.origin, flight.date)


def _code_shares(flights: Sequence[Flight], rng: Random) -> list[CodeShare]:
    """About a third of the flights under other airlines' numbers; no number means two flights."""
    taken = {_operated(flight) for flight in flights}
    shares = []
    for flight in flights:
        for marketing in _marketed(flight, rng):
            number = FlightNumber(marketing, flight.origin, flight.date)
            if number in taken:
                continue
            taken.add(number)
            share = CodeShare(
                operating=flight.designator,
                marketing=marketing,
                origin=flight.origin,
                date=flight.date,
            )
            shares.append(share)
    return shares


def _marketed(flight: Flight, rng: Random) -> list[str]:
    """The numbers under which partners sell the flight, often none."""
    invention = _invention()
    partner = next((line.partner for line in invention.regional if line.flies(flight)), None)
    if partner is not None:
        sold = rng.random() < invention.shares.regional_sold
        return [f"{partner}{flight.number}"] if sold else []
    partners = list(invention.mainline.get(flight.carrier, {}).items())
    if not partners or rng.random() >= invention.shares.mainline_sold:
        return []
    chosen = rng.sample(partners, rng.randint(1, len(partners)))
    return [f"{airline}{block + flight.number % 1000}" for airline, block in chosen]


def _party(people: Iterator[Contact], rng: Random) -> list[tuple[Contact, int]]:
    """Whom to tell of one PNR, each with how many passengers."""
    passengers = rng.choice(_invention().parties)
    if passengers > 1 and rng.random() < _invention().shares.two_contacts:
        return [(next(people), passengers - 1), (next(people), 1)]
    return [(next(people), passengers)]


def _people(rng: Random) -> Iterator[Contact]:
    """Ever new contacts; the numbers kept for fiction come round again when they are used up."""
    invention = _invention()
    shares = invention.shares
    american = [f"+1{area}55501{line:02d}" for area in invention.area_codes for line in range(100)]
    british = [f"+447700900{line:03d}" for line in range(1_000)]
    rng.shuffle(american)
    rng.shuffle(british)
    numbers = {False: cycle(american), True: cycle(british)}
    while True:
        first, last = rng.choice(invention.first_names), rng.choice(invention.last_names)
        domain = rng.choice(("example.com", "example.org"))
        email = f"{first}.{last}{rng.randint(10, 99)}@{domain}".lower()
        phone = next(numbers[rng.random() < shares.british_phone])
        email_only = rng.random() < shares.email_only
        email_too = rng.random() < shares.email_too
        token = base64.urlsafe_b64encode(rng.randbytes(_TOKEN_BYTES)).rstrip(b"=")
        yield Contact(
            recipient=token.decode(),
            phone=None if email_only else phone,
            email=email if email_only or email_too else None,
            name=f"{first} {last}",
            opted_out=rng.random() < shares.opted_out,
        )


def _pnrs(rng: Random) -> Iterator[str]:
    """Record locators, never one twice."""
    given: set[str] = set()
    while True:
        locator = "".join(rng.choices(_LOCATOR, k=6))
        if locator not in given:
            given.add(locator)
            yield locator
