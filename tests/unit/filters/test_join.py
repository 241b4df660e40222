from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from filters.join import Marketed, Tickets, join
from filters.outcome import Drop, Fail, Forward, Outcome
from filters.people import Booking, CodeShare, FlightNumber
from pipeline.memory.tables import MemoryBookings
from schemas.records import Disruption, Notice
from tests.unit.filters.records import OUT, disruption


def booking(pnr: str = "PNR001", **fields: object) -> Booking:
    """A seat on United 1545 from Newark on 8 February, under United's own number."""
    whole = {
        "ticket": "UA1545",
        "origin": "EWR",
        "date": "2013-02-08",
        "recipient": f"r-{pnr}",
    }
    return Booking(pnr=pnr, **{**whole, **fields})  # type: ignore[arg-type]  # a booking's fields


def share(marketing: str, **fields: str) -> CodeShare:
    """United 1545 is also sold under this number."""
    whole = {"operating": "UA1545", "origin": "EWR", "date": "2013-02-08"}
    return CodeShare(marketing=marketing, **{**whole, **fields})


def notices(outcome: Outcome) -> list[Notice]:
    """The notices of a disruption that has some."""
    assert isinstance(outcome, Forward), outcome
    found = [record for record in outcome.outputs if isinstance(record, Notice)]
    assert len(found) == len(outcome.outputs)
    return found


def told(bookings: MemoryBookings, **fields: object) -> list[tuple[str, str]]:
    """Recipient and ticket of each notice of one disruption."""
    [outcome] = join([disruption(**fields)], bookings=bookings)
    return [(notice.recipient, notice.ticket) for notice in notices(outcome)]


def test_a_ticket_under_the_operating_number_is_found_by_the_iata_designator() -> None:
    assert told(MemoryBookings([booking()])) == [("r-PNR001", "UA1545")]


@pytest.mark.parametrize(
    ("airline", "number", "suffix", "date", "ticket"),
    [
        ("UAL", 1545, "", "2013-02-08", "UA1545"),
        ("UAL", 7, "", "2013-02-08", "UA7"),
        ("EXS", 73, "W", "2013-02-08", "LS73W"),
        # Pinnacle until July 2013 and Endeavor from August on share a designator.
        ("FLG", 3280, "", "2013-02-08", "9E3280"),
        ("EDV", 3280, "", "2013-08-08", "9E3280"),
        # US Airways took America West's letters over.
        ("AWE", 12, "", "2007-06-01", "HP12"),
        ("AWE", 12, "", "2013-02-08", "US12"),
        # An airline without an IATA designator known to us is ticketed as it calls itself.
        ("ZZZ", 12, "", "2013-02-08", "ZZZ12"),
    ],
)
def test_the_ticket_number_is_the_airlines_designator_on_that_day(
    airline: str, number: int, suffix: str, date: str, ticket: str
) -> None:
    booked = MemoryBookings([booking(ticket=ticket, date=date)])
    assert told(booked, airline=airline, number=number, suffix=suffix, date=date) == [
        ("r-PNR001", ticket)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"ticket": "UA1546"},
        {"ticket": "UA1545P"},
        {"origin": "JFK"},
        {"date": "2013-02-09"},
        {"cancelled": True},
    ],
)
def test_another_number_airport_or_local_day_is_another_flight(fields: dict[str, Any]) -> None:
    assert join([disruption()], bookings=MemoryBookings([booking(**fields)])) == [
        Drop("no_booking")
    ]


def test_a_code_share_is_told_under_the_number_on_the_ticket() -> None:
    booked = MemoryBookings([booking(ticket="LH7632")], [share("LH7632"), share("AC3910")])
    assert told(booked) == [("r-PNR001", "LH7632")]


@pytest.mark.parametrize("fields", [{"origin": "JFK"}, {"date": "2013-02-09"}])
def test_a_code_share_of_another_day_or_airport_is_not_ours(fields: dict[str, str]) -> None:
    booked = MemoryBookings([booking(ticket="LH7632")], [share("LH7632", **fields)])
    assert join([disruption()], bookings=booked) == [Drop("no_booking")]


def test_one_person_with_two_tickets_on_the_leg_is_told_once() -> None:
    booked = MemoryBookings(
        [
            booking("PNR002", recipient="r1", ticket="UA1545"),
            booking("PNR001", recipient="r1", ticket="LH7632"),
        ],
        [share("LH7632")],
    )
    assert told(booked) == [("r1", "LH7632")]


def test_two_bookings_that_share_a_contact_get_one_text() -> None:
    booked = MemoryBookings(
        [booking("PNR001", recipient="r1"), booking("PNR002", recipient="r1", passengers=3)]
    )
    assert told(booked) == [("r1", "UA1545")]


def test_a_cancelled_booking_does_not_hide_a_valid_one_of_the_same_person() -> None:
    booked = MemoryBookings(
        [booking("PNR001", recipient="r1", cancelled=True), booking("PNR002", recipient="r1")]
    )
    assert told(booked) == [("r1", "UA1545")]


def test_two_channels_of_one_person_are_two_notices_with_ids_of_their_own() -> None:
    booked = MemoryBookings(
        [booking(recipient="r1"), booking(recipient="r1", channel="email", locale="en-GB")]
    )
    [outcome] = join([disruption()], bookings=booked)
    found = notices(outcome)
    assert [(n.channel, n.locale) for n in found] == [("email", "en-GB"), ("sms", "en")]
    assert found[0].id != found[1].id


def test_a_notice_carries_the_disruption_and_a_token_instead_of_an_address() -> None:
    whole = disruption(
        cause="AHM730:71",
        replay="r-7",
        out_told=OUT + 1,
        in_scheduled=OUT + 2,
        in_expected=OUT + 3,
    )
    [outcome] = join([whole], bookings=MemoryBookings([booking(recipient="r1")]))
    [found] = notices(outcome)
    shared = set(Notice.__struct_fields__) & set(Disruption.__struct_fields__) - {"id"}
    assert {name: getattr(found, name) for name in shared} == {
        name: getattr(whole, name) for name in shared
    }
    assert (found.disruption_id, found.recipient, found.ticket) == ("d1", "r1", "UA1545")
    assert len(found.id) == 32


def test_a_notices_id_derives_from_who_is_told_what() -> None:
    bookings = MemoryBookings([booking(recipient="r1")])

    def id_of(**fields: object) -> str:
        [outcome] = join([disruption(**fields)], bookings=bookings)
        [found] = notices(outcome)
        return found.id

    assert id_of() == id_of(id="another", source_time=1, out_expected=OUT)
    assert len({id_of(), id_of(kind="cancelled"), id_of(rev=3), id_of(leg="X")}) == 4


class PartlyDown(MemoryBookings):
    """Bookings of which some flights cannot be read now."""

    def __init__(self, bookings: Collection[Booking], shares: Collection[CodeShare] = ()) -> None:
        """Holds these; nothing is unread yet."""
        super().__init__(bookings, shares)
        self.unread_tickets: set[FlightNumber] = set()
        self.unread_shares: set[FlightNumber] = set()
        self.asked: list[frozenset[FlightNumber]] = []

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """The code-shares of the flights that can be read."""
        self.asked.append(frozenset(flights))
        unread = self.unread_shares.intersection(flights)
        return Marketed(super().code_shares(set(flights) - unread).found, unread)

    def tickets(self, flights: Collection[FlightNumber]) -> Tickets:
        """The tickets of the flights that can be read."""
        self.asked.append(frozenset(flights))
        unread = self.unread_tickets.intersection(flights)
        return Tickets(super().tickets(set(flights) - unread).found, unread)


UA1545 = FlightNumber("UA1545", "EWR", "2013-02-08")
UA1546 = FlightNumber("UA1546", "EWR", "2013-02-08")
LH7632 = FlightNumber("LH7632", "EWR", "2013-02-08")
OTHER = {"id": "d2", "leg": "UAL1546.EWR.2013-02-08", "number": 1546}


@pytest.mark.parametrize(
    ("tickets", "shares"), [({UA1545}, set()), ({LH7632}, set()), (set(), {UA1545})]
)
def test_bookings_that_cannot_be_read_fail_only_their_own_disruption(
    tickets: set[FlightNumber], shares: set[FlightNumber]
) -> None:
    booked = PartlyDown([booking(), booking("PNR002", ticket="UA1546")], [share("LH7632")])
    booked.unread_tickets, booked.unread_shares = tickets, shares
    first, second = join([disruption(), disruption(**OTHER)], bookings=booked)
    assert first == Fail("bookings could not be read")
    assert [notice.ticket for notice in notices(second)] == ["UA1546"]


def test_a_batch_reads_code_shares_once_and_tickets_once() -> None:
    booked = PartlyDown([booking()], [share("LH7632")])
    join([disruption(), disruption(id="d3", rev=3), disruption(**OTHER)], bookings=booked)
    assert booked.asked == [
        frozenset({UA1545, UA1546}),
        frozenset({UA1545, UA1546, LH7632}),
    ]


def test_outcomes_are_in_the_order_of_the_disruptions() -> None:
    booked = MemoryBookings([booking("PNR002", ticket="UA1546")])
    outcomes = join([disruption(), disruption(**OTHER)], bookings=booked)
    assert [type(outcome) for outcome in outcomes] == [Drop, Forward]


def test_a_ticket_loaded_twice_is_still_one_notice() -> None:
    booked = MemoryBookings([booking(), booking()])
    assert told(booked) == [("r-PNR001", "UA1545")]


def test_a_ticket_under_a_number_that_the_feed_named_is_found() -> None:
    seats = MemoryBookings([booking(), booking("DL", ticket="DL1111"), booking("EY", ticket="EY2")])
    heard = told(seats, code_shares=("DL1111",))
    assert sorted(heard) == [("r-DL", "DL1111"), ("r-PNR001", "UA1545")]


def test_trap_29_a_ticket_under_the_old_number_and_date_is_found() -> None:
    seats = MemoryBookings(
        [booking(ticket="UA1544", date="2013-02-07"), booking("B", ticket="UA9")]
    )
    assert told(seats, code_shares=("UA1544/2013-02-07",)) == [("r-PNR001", "UA1544")]
