"""Traps of real feeds that no single format holds: the leg's name, what is told, and to whom.

`docs/feeds/traps.md` describes them. Each test goes through as many filters as its trap does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest

from filters.detect import detect
from filters.join import join
from filters.legs import known_legs, leg_key
from filters.normalize import FORMATS, normalize
from filters.outcome import Drop, Duplicate, Forward, Outcome, Reject
from filters.people import Booking
from filters.standing import standing
from pipeline.memory.tables import MemoryBookings, MemoryLegs
from schemas.records import Disruption, FeedMessage, FlightStatus, Notice, payload_id
from tests.unit.filters.records import (
    IN,
    LEG,
    MINUTE,
    OUT,
    POLICY,
    RECEIVED,
    SOURCES,
    epoch,
    flifo,
    message,
    status,
)

HOUR = 60 * MINUTE


def decide(legs: MemoryLegs, statuses: Sequence[FlightStatus], batch: str) -> list[Disruption]:
    """The disruptions of one batch, which is confirmed."""
    outcomes = detect(statuses, legs=legs, policy=POLICY, advisories=(), token=batch)
    legs.confirm(batch)
    return [out for out in forwarded(outcomes) if isinstance(out, Disruption)]


def forwarded(outcomes: Sequence[Outcome]) -> list[object]:
    """The records in these outcomes."""
    return [out for outcome in outcomes if isinstance(outcome, Forward) for out in outcome.outputs]


def read(*messages: FeedMessage) -> list[FlightStatus]:
    """What normalize makes of these messages."""
    return [
        out
        for out in forwarded(normalize(messages, sources=SOURCES))
        if isinstance(out, FlightStatus)
    ]


def own(**members: object) -> FeedMessage:
    """A message in flightwire's own format, about United 1545; `...` leaves a member out."""
    whole = {"flight": "UA1545", "origin": "EWR", "destination": "IAH", "date": "2013-02-08"}
    said = {name: value for name, value in {**whole, **members}.items() if value is not ...}
    raw = json.dumps(said).encode()
    return message(raw, id=payload_id(raw), format="flightwire")


def word(name: str, minute: int, **fields: object) -> FlightStatus:
    """A status so many minutes after 09:00."""
    return status(name, source_time=RECEIVED + minute * MINUTE, **fields)


PLAN = word("plan", -60, out_scheduled=OUT, in_scheduled=IN)


def expected(name: str, minute: int, late: int, **fields: object) -> FlightStatus:
    """A departure expected so many minutes after the schedule."""
    return word(name, minute, out_estimated=OUT + late * MINUTE, **fields)


# Identity.


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({}, LEG),
        # The number is a number, the suffix is not, and any code of the airline is that airline.
        ({"flight": "UAL1545"}, LEG),
        ({"flight": "UA0017"}, "UAL17.EWR.2013-02-08"),
        ({"flight": "UA1545P"}, "UAL1545P.EWR.2013-02-08"),
        # Any code of the airport; another airport is another leg, the destination is not.
        ({"origin": "KEWR"}, LEG),
        ({"destination": "BOS"}, LEG),
        ({"origin": "BOS"}, "UAL1545.BOS.2013-02-08"),
        # The scheduled local date: 03:30 UTC of the 9th is the evening of the 8th in Newark.
        ({"date": ..., "out_scheduled": "2013-02-09T03:30:00Z"}, LEG),
        ({"date": ..., "out_scheduled": "2013-02-09T05:30:00Z"}, "UAL1545.EWR.2013-02-09"),
        # Retimed past midnight it stays the flight of the 8th.
        ({"out_estimated": "2013-02-09T09:00:00Z"}, LEG),
    ],
)
def test_trap_01_the_key_of_a_leg(members: dict[str, object], key: str) -> None:
    [found] = read(own(**{"out_scheduled": "2013-02-08T10:15:00Z", **members}))
    assert leg_key(found) == key


def test_trap_01_the_ids_of_sources_are_names_of_one_leg() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN, word("other", 1, source_id="cirium:77", aliases=("tfmref:9",))], "t1")
    for number, source_id in enumerate(("cirium:77", "tfmref:9")):
        late = word(
            f"late{number}",
            2 + number,
            date=None,
            date_basis="none",
            origin=None,
            source_id=source_id,
            out_gate=f"C{number}",
        )
        decide(legs, [late], f"b{number}")
    [leg] = known_legs(legs.all())
    assert (leg.key, leg.word("out_gate")) == (LEG, "C1")


BACK = {"origin": "IAH", "destination": "EWR", "source_id": "firehose:2"}


def test_trap_06_a_number_that_flies_out_and_back_is_two_legs_with_passengers_of_their_own() -> (
    None
):
    legs = MemoryLegs()
    back = word("back", -60, out_scheduled=IN + HOUR, in_scheduled=IN + 5 * HOUR, **BACK)
    decide(legs, [PLAN, back], "t1")
    late = word("late", 5, out_estimated=IN + 2 * HOUR, **BACK)
    [found] = decide(legs, [late], "t2")
    assert found.leg == "UAL1545.IAH.2013-02-08"

    def seat(pnr: str, origin: str) -> Booking:
        return Booking(pnr=pnr, ticket="UA1545", origin=origin, date="2013-02-08", recipient=pnr)

    # The third flies through, on both legs.
    booked = [seat("out", "EWR"), seat("back", "IAH"), seat("both", "EWR"), seat("both", "IAH")]
    notices = forwarded(join([found], bookings=MemoryBookings(booked)))
    told = [notice.recipient for notice in notices if isinstance(notice, Notice)]
    assert sorted(told) == ["back", "both"]


# Time.


@pytest.mark.parametrize("cell", ["off_estimated", "off_scheduled", "on_estimated", "in_estimated"])
def test_trap_14_only_gate_times_of_the_departure_make_it_late(cell: str) -> None:
    legs = MemoryLegs()
    fields = {cell: OUT + 5 * HOUR}
    assert decide(legs, [PLAN, word("taxi", 1, **fields)], "t1") == []
    [leg] = known_legs(legs.all())
    assert leg.time("out_estimated") is None
    # The same moment at the gate is a delay.
    assert len(decide(legs, [word("gate", 2, out_estimated=OUT + 5 * HOUR)], "t2")) == 1


@pytest.mark.parametrize("other", ["2013-02-08T10:11:00Z", "2013-02-08T10:19:00Z"])
def test_trap_15_a_schedule_that_differs_by_minutes_is_the_same_leg_and_no_news(other: str) -> None:
    legs = MemoryLegs()
    published = own(date=..., out_scheduled="2013-02-08T10:15:00Z", id="a")
    operated = own(date=..., out_scheduled=other, id="b", out_estimated=other)
    assert decide(legs, read(published, operated), "t1") == []
    assert decide(legs, read(published), "t2") == []
    [leg] = known_legs(legs.all())
    assert leg.key == LEG


def test_trap_15_a_schedule_that_slips_over_midnight_by_minutes_does_not_rename_the_leg() -> None:
    legs = MemoryLegs()
    before = own(date=..., out_scheduled="2013-02-09T04:58:00Z", id="a")
    after = own(date=..., out_scheduled="2013-02-09T05:02:00Z", id="a")
    assert decide(legs, read(before, after), "t1") == []
    [leg] = known_legs(legs.all())
    assert (leg.key, leg.date) == (LEG, "2013-02-08")


# Order and repetition.


def test_trap_16_the_same_bytes_have_the_same_ids_and_change_nothing() -> None:
    late = flifo(estimated_out=epoch("2013-02-08T11:15:00Z"))
    first, again = message(late), message(late, received_at=RECEIVED + HOUR)
    assert first.id == again.id
    legs = MemoryLegs()
    assert len(decide(legs, read(first), "t1")) == 1
    before = [leg.cells for leg in known_legs(legs.all())]
    outcomes = detect(read(again), legs=legs, policy=POLICY, advisories=(), token="t2")
    assert outcomes == [Duplicate()]
    assert [leg.cells for leg in known_legs(legs.all())] == before


def test_trap_17_a_later_message_with_fewer_fields_takes_nothing_back_and_a_null_does() -> None:
    legs = MemoryLegs()
    full = own(
        out_scheduled="2013-02-08T10:15:00Z", out_gate="C98", updated_at="2013-02-08T09:00:00Z"
    )
    less = own(destination="IAH", registration="N14228", updated_at="2013-02-08T09:01:00Z")
    decide(legs, read(full, less), "t1")
    [leg] = known_legs(legs.all())
    assert (leg.word("out_gate"), leg.time("out_scheduled")) == ("C98", OUT)
    decide(legs, read(own(out_gate=None, updated_at="2013-02-08T09:02:00Z")), "t2")
    [leg] = known_legs(legs.all())
    assert (leg.word("out_gate"), leg.time("out_scheduled")) == (None, OUT)


LATE, LEFT = expected("late", 5, 180), word("left", 80, out_actual=OUT + 5 * MINUTE)


@pytest.mark.parametrize("order", list(itertools.permutations([PLAN, LATE, LEFT])))
def test_trap_18_an_estimate_that_arrives_after_the_departure_is_not_told(
    order: Sequence[FlightStatus],
) -> None:
    legs = MemoryLegs()
    told = [decide(legs, [each], each.message_id) for each in order]
    [leg] = known_legs(legs.all())
    assert (leg.time("out_estimated"), leg.time("out_actual")) == (
        OUT + 180 * MINUTE,
        OUT + 5 * MINUTE,
    )
    assert any(told) == (order.index(LEFT) == 2)


def test_trap_19_a_source_that_swings_is_told_once_each_way_at_most() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN], "t0")
    # It swings between 28 and 35 minutes every minute for an hour.
    told = [
        found
        for minute in range(60)
        for found in decide(
            legs, [expected(f"s{minute}", minute, (28, 35)[minute % 2])], f"b{minute}"
        )
    ]
    assert [(found.kind, found.out_expected) for found in told] == [("delayed", OUT + 35 * MINUTE)]


def test_trap_19_a_flight_that_has_left_does_not_become_late_again() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN, LEFT], "t0")
    swings = [
        expected(f"s{minute}", 90 + minute, 200 * (minute % 2), out_actual=None)
        for minute in range(8)
    ]
    assert [decide(legs, [each], each.message_id) for each in swings] == [[]] * 8
    [leg] = known_legs(legs.all())
    assert standing(leg, {}, {}, leg.received_at, 15 * MINUTE) == "OUT"


def test_trap_20_no_empty_or_broken_answer_of_any_format_makes_a_status_or_a_cancellation() -> None:
    answers = [
        b"",
        b" \n",
        b"{}",
        b"[]",
        b'{"flights": []}',
        b'{"error": "busy"}',
        b"<html>busy</html>",
    ]
    for name, payload in itertools.product(FORMATS, answers):
        [outcome] = normalize([message(payload, format=name)], sources=SOURCES)
        assert isinstance(outcome, Drop | Reject), (name, payload)


def test_trap_21_forty_updates_of_a_flight_are_two_words() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN], "t0")
    creeping = [expected(f"s{number}", number, 2 * number) for number in range(40)]
    told = [found.out_expected for each in creeping for found in decide(legs, [each], each.id)]
    assert told == [OUT + 30 * MINUTE, OUT + 60 * MINUTE]
    # All of them at once are one.
    assert len(decide(MemoryLegs(), [PLAN, *creeping], "all")) == 1


# State.


def test_trap_22_those_who_were_told_hear_that_it_operates_after_all() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN], "t0")
    told = [
        found.kind
        for each in (
            word("off", 1, life="cancelled"),
            word("on", 2),
            word("off2", 3, life="cancelled"),
        )
        for found in decide(legs, [each], each.id)
    ]
    assert told == ["cancelled", "reinstated", "cancelled"]


def test_trap_23_a_doubt_is_not_told_and_takes_no_word_back() -> None:
    legs = MemoryLegs()
    assert decide(legs, [PLAN, word("weak", 1, life="doubtful")], "t1") == []
    assert len(decide(legs, [word("off", 2, life="cancelled")], "t2")) == 1
    assert decide(legs, [word("weak2", 3, life="doubtful")], "t3") == []


@pytest.mark.parametrize("letter", sorted(POLICY.untold_services))
def test_trap_30_a_leg_without_passengers_is_known_and_never_told(letter: str) -> None:
    legs = MemoryLegs()
    said = [PLAN, expected("late", 1, 300, service=letter), word("off", 2, life="cancelled")]
    assert decide(legs, said, "t1") == []
    [leg] = known_legs(legs.all())
    assert (leg.word("service"), leg.word("life")) == (letter, "cancelled")


@pytest.mark.parametrize("letter", [None, "J", "C", "G", "Q", "S"])
def test_trap_30_a_leg_with_passengers_is_told(letter: str | None) -> None:
    assert len(decide(MemoryLegs(), [PLAN, expected("late", 1, 300, service=letter)], "t1")) == 1


def test_trap_31_leaving_earlier_than_told_is_told_at_once() -> None:
    legs = MemoryLegs()
    decide(legs, [PLAN, expected("late", 1, 120)], "t1")
    [found] = decide(legs, [expected("soon", 2, 0)], "t2")
    assert (found.kind, found.out_expected, found.out_told) == ("earlier", OUT, OUT + 120 * MINUTE)
    # Even before the schedule.
    [found] = decide(legs, [expected("sooner", 3, -25)], "t3")
    assert (found.kind, found.out_expected) == ("earlier", OUT - 25 * MINUTE)


def test_trap_31_hours_early_is_read_as_it_is_said() -> None:
    [found] = read(own(in_scheduled="2013-02-08T14:19:00Z", in_actual="2013-02-08T11:41:00Z"))
    assert found.in_actual == IN - 158 * MINUTE


XML = {
    "aidx": "IATA_AIDX_FlightLegNotifRQ",
    "avinor": "airport",
    "sfdps": "MessageCollection",
    "tfmdata": "tfmDataService",
}


@pytest.mark.parametrize("name", XML)
def test_trap_33_every_format_in_xml_refuses_a_doctype(name: str) -> None:
    root = XML[name]
    bomb = f'<!DOCTYPE {root} [<!ENTITY x SYSTEM "file:///etc/passwd">]><{root}>&x;</{root}>'
    [outcome] = normalize([message(bomb.encode(), format=name)], sources=SOURCES)
    assert isinstance(outcome, Reject)
    assert "DOCTYPE" in outcome.reason
    assert "root:" not in outcome.reason


@pytest.mark.parametrize("name", XML)
def test_trap_33_every_format_in_xml_refuses_endless_depth(name: str) -> None:
    root = XML[name]
    deep = f"<{root}>" + "<a>" * 100_000 + "</a>" * 100_000 + f"</{root}>"
    [outcome] = normalize([message(deep.encode(), format=name)], sources=SOURCES)
    assert isinstance(outcome, Reject)
