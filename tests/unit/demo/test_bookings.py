from __future__ import annotations

import re
from collections import Counter, defaultdict

import msgspec
import pytest

from filters import reference
from filters.people import Booking, FlightNumber
from pipeline.demo.bookings import Travellers, bookings_for
from pipeline.demo.flights import Flight

FICTION = re.compile(r"\+1[2-9]\d\d55501\d\d|\+447700900\d{3}")


@pytest.fixture(scope="module")
def travellers(storm: list[Flight], seed: int) -> Travellers:
    return bookings_for(storm, seed=seed)


def _operated(flight: Flight) -> FlightNumber:
    return FlightNumber(flight.designator, flight.origin, flight.date)


def _booked(travellers: Travellers) -> dict[FlightNumber, list[Booking]]:
    booked = defaultdict(list)
    for booking in travellers.bookings:
        booked[booking.flight].append(booking)
    return booked


def test_the_same_seed_gives_the_same_travellers(
    storm: list[Flight], travellers: Travellers, seed: int
) -> None:
    assert bookings_for(storm, seed=seed) == travellers
    assert bookings_for(storm, seed=seed + 1) != travellers


def test_every_flight_has_somebody_to_tell_under_one_of_its_numbers(
    storm: list[Flight], travellers: Travellers
) -> None:
    booked = _booked(travellers)
    sold = defaultdict(list)
    for share in travellers.code_shares:
        operated = FlightNumber(share.operating, share.origin, share.date)
        sold[operated].append(FlightNumber(share.marketing, share.origin, share.date))
    reached: set[str] = set()
    for flight in storm:
        numbers = [_operated(flight), *sold[_operated(flight)]]
        bookings = [booking for number in numbers for booking in booked[number]]
        assert any(not booking.cancelled for booking in bookings)
        reached |= {booking.recipient for booking in bookings}
    assert reached == {contact.recipient for contact in travellers.contacts}


def test_no_number_means_two_flights(storm: list[Flight], travellers: Travellers) -> None:
    operated = {_operated(flight) for flight in storm}
    marketed = [FlightNumber(s.marketing, s.origin, s.date) for s in travellers.code_shares]
    assert len(operated) == len(storm)
    assert len(set(marketed)) == len(marketed)
    assert not operated.intersection(marketed)
    assert {FlightNumber(s.operating, s.origin, s.date) for s in travellers.code_shares} <= operated


def test_partners_numbers_stay_apart_where_flight_numbers_are_alike(
    storm: list[Flight], seed: int
) -> None:
    # A partner keeps the last three digits only, so 1217 and 217 would be sold as the same flight.
    delta = next(flight for flight in storm if flight.carrier == "DL")
    alike = [msgspec.structs.replace(delta, number=number) for number in range(1, 6_000)]
    shares = bookings_for(alike, seed=seed).code_shares
    marketed = [share.marketing for share in shares]
    assert len(marketed) > 500
    assert len(set(marketed)) == len(marketed)


def test_about_a_third_of_the_flights_is_sold_by_partners_too(
    storm: list[Flight], travellers: Travellers
) -> None:
    sold = {(share.operating, share.origin) for share in travellers.code_shares}
    assert 0.28 <= len(sold) / len(storm) <= 0.40
    partners = {(share.operating[:2], share.marketing[:2]) for share in travellers.code_shares}
    assert {("EV", "UA"), ("EV", "DL"), ("9E", "DL"), ("MQ", "AA"), ("DL", "AF")} <= partners
    assert all(reference.airline_icao(partner, None) for _, partner in partners)
    tickets = sum(
        booking.flight not in {_operated(flight) for flight in storm}
        for booking in travellers.bookings[:200]
    )
    assert tickets > 10


def test_parties_and_contacts_are_as_mixed_as_meant(
    storm: list[Flight], travellers: Travellers
) -> None:
    pnrs = defaultdict(list)
    for booking in travellers.bookings:
        pnrs[booking.pnr].append(booking)
    assert 1.15 <= len(pnrs) / len(storm) <= 1.26
    parties = Counter(sum(b.passengers for b in bookings) for bookings in pnrs.values())
    assert parties.keys() == {1, 2, 3, 4}
    assert Counter(len(bookings) for bookings in pnrs.values()).keys() == {1, 2}
    assert any(len(b) == 1 and b[0].passengers > 1 for b in pnrs.values())
    assert all(len({b.flight for b in bookings}) == 1 for bookings in pnrs.values())
    contacts = travellers.contacts
    assert 0.015 <= sum(contact.opted_out for contact in contacts) / len(contacts) <= 0.08
    email_only = sum(contact.phone is None for contact in contacts) / len(contacts)
    assert 0.06 <= email_only <= 0.14
    assert 0 < sum(booking.cancelled for booking in travellers.bookings) < 40


def test_a_channel_is_one_the_contact_has(travellers: Travellers) -> None:
    contacts = {contact.recipient: contact for contact in travellers.contacts}
    for booking in travellers.bookings:
        contact = contacts[booking.recipient]
        assert {"sms": contact.phone, "email": contact.email}[booking.channel]


def test_nobody_can_be_reached(travellers: Travellers) -> None:
    for contact in travellers.contacts:
        assert contact.phone is None or FICTION.fullmatch(contact.phone)
        assert contact.email is None or contact.email.split("@")[1] in (
            "example.com",
            "example.org",
        )


def test_tokens_look_random_and_name_one_person_each(travellers: Travellers) -> None:
    tokens = [contact.recipient for contact in travellers.contacts]
    assert len(set(tokens)) == len(tokens) == len(travellers.bookings)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)


def test_a_record_locator_is_six_characters(travellers: Travellers) -> None:
    assert all(re.fullmatch("[A-HJ-NP-Z2-9]{6}", b.pnr) for b in travellers.bookings)
