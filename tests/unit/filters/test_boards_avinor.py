from __future__ import annotations

import pytest

from filters.normalize.boards import avinor
from filters.outcome import Reject
from tests.unit.filters.boards import (
    RECEIVED,
    at_all,
    avinor_flight,
    cells,
    dropped,
    outcome,
    rejected,
    status,
    statuses,
)
from tests.unit.filters.records import at


def arrival(status: str = "", **said: str | None) -> bytes:
    """SK4021 from Stavanger."""
    return avinor_flight(status, **{"arr_dep": "A", **said})


def test_a_departure_names_its_leg_and_its_schedule() -> None:
    said = status("avinor", avinor_flight(gate="A4"))
    assert (said.airline, said.number) == ("SAS", 4021)
    assert (said.origin, said.destination) == ("OSL", "SVG")
    assert (said.date, said.date_basis) == ("2026-06-10", "scheduled")
    assert said.source_id == "avinor:77"
    assert said.source_time == at("2026-06-10T07:59:00Z")
    assert (said.out_gate, said.in_gate, said.life) == ("A4", None, "unsaid")
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:15:00Z")


def test_an_arrival_has_the_date_that_its_block_time_leaves() -> None:
    said = status("avinor", arrival(belt="3"))
    assert (said.origin, said.destination) == ("SVG", "OSL")
    assert (said.date, said.date_basis) == ("2026-06-10", "filed")
    assert (said.baggage, said.out_gate) == ("3", None)
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:15:00Z")


def test_the_departures_day_is_the_local_one() -> None:
    said = status("avinor", avinor_flight(schedule_time="2026-06-10T22:30:00Z"))
    assert said.date == "2026-06-11"


TIME = "2026-06-10T11:02:00Z"


@pytest.mark.parametrize(
    ("way", "code", "cell", "life"),
    [
        ("D", "D", "out_actual", "operating"),
        ("D", "E", "out_estimated", "operating"),
        ("D", "A", None, "operating"),
        ("D", "N", "next_info", "unsaid"),
        ("D", "C", None, "cancelled"),
        ("D", "X", None, "unsaid"),
        ("A", "A", "on_actual", "operating"),
        ("A", "E", "in_estimated", "operating"),
        ("A", "D", None, "operating"),
        ("A", "N", "next_info", "unsaid"),
        ("A", "C", None, "cancelled"),
        ("A", "c", None, "cancelled"),
    ],
)
def test_every_status_in_both_directions(way: str, code: str, cell: str | None, life: str) -> None:
    said = status("avinor", avinor_flight(f'code="{code}" time="{TIME}"', arr_dep=way))
    assert said.life == life
    told = {**cells(said), **({"next_info": said.next_info} if said.next_info else {})}
    scheduled = "out_scheduled" if way == "D" else "in_scheduled"
    expected = {scheduled: at("2026-06-10T10:15:00Z"), **({cell: at(TIME)} if cell else {})}
    assert told == expected
    assert said.evidence == (("status.code=X",) if code == "X" else ())


def test_trap_24_a_status_time_is_the_events_and_not_when_it_was_given() -> None:
    """A new time lies ahead; an earlier one that comes later must not be older than it."""
    late = status("avinor", avinor_flight('code="E" time="2026-06-10T16:30:00Z"'))
    sooner = avinor_flight('code="E" time="2026-06-10T15:50:00Z"', updated="2026-06-10T08:05:00Z")
    assert status("avinor", sooner).source_time > late.source_time


def test_without_an_update_time_the_message_was_known_when_it_came() -> None:
    assert status("avinor", avinor_flight(updated=None)).source_time == RECEIVED


def test_trap_28_new_information_is_no_estimate() -> None:
    said = status("avinor", avinor_flight(f'code="N" time="{TIME}"'))
    assert (said.next_info, said.out_estimated) == (at(TIME), None)


def test_delayed_is_never_trusted() -> None:
    said = status("avinor", avinor_flight(delayed="Y"))
    assert (said.life, said.evidence) == ("unsaid", ("delayed=Y",))
    assert status("avinor", avinor_flight(delayed="N")).evidence == ()


def test_of_several_stops_the_neighbouring_one_is_the_legs_end() -> None:
    there = status("avinor", avinor_flight(airport="BOO", via_airport="RET,LKN"))
    assert (there.origin, there.destination) == ("OSL", "RET")
    assert there.evidence == ("route=RET.LKN.BOO",)
    back = status("avinor", arrival(airport="BOO", via_airport="RET, LKN"))
    assert (back.origin, back.destination) == ("LKN", "OSL")
    assert back.evidence == ("route=BOO.RET.LKN",)


def test_a_round_trip_is_made_of_its_legs() -> None:
    there = avinor_flight(here="BOO", airport="BOO", via_airport="RET,LKN")
    assert (status("avinor", there).origin, status("avinor", there).destination) == ("BOO", "RET")


@pytest.mark.parametrize(
    ("airlines", "numbers", "suffixes", "shares"),
    [
        ("LH;A3", "6150;03345", ";", ("A33345", "LH6150")),
        ("LH;A3", "6150;3345", None, ("A33345", "LH6150")),
        ("LH", "6150", "P", ("LH6150P",)),
        ("SK", "4021", "", ()),
        ("LH;", "6150;", ";", ("LH6150",)),
        ("LH;??", "6150;12", ";", ("LH6150",)),
        (None, None, None, ()),
    ],
)
def test_trap_05_code_shares_are_lists_side_by_side(
    airlines: str | None, numbers: str | None, suffixes: str | None, shares: tuple[str, ...]
) -> None:
    said = status(
        "avinor",
        avinor_flight(
            codeshareAirlineDesignators=airlines,
            codeshareFlightNumbers=numbers,
            codeshareOperationalSuffixs=suffixes,
        ),
    )
    assert (said.code_shares, said.evidence) == (shares, ())


def test_lists_of_unequal_length_are_not_paired_up() -> None:
    said = status(
        "avinor",
        avinor_flight(codeshareAirlineDesignators="LH;A3", codeshareFlightNumbers="6150"),
    )
    assert (said.code_shares, said.evidence) == ((), ("unread=codeshareFlightNumbers",))


@pytest.mark.parametrize(
    ("text", "flight"),
    [
        ("SK4021", ("SAS", 4021, "")),
        ("DY0620", ("NAX", 620, "")),
        ("W63407", ("WZZ", 3407, "")),
        ("WF174P", ("WIF", 174, "P")),
        ("5X0168", ("UPS", 168, "")),
        (" sk4021 ", ("SAS", 4021, "")),
        ("HKS021", ("HKS", 21, "")),
    ],
)
def test_trap_03_and_04_the_number_is_taken_apart(text: str, flight: tuple[str, int, str]) -> None:
    said = status("avinor", avinor_flight(flight_id=text))
    assert (said.airline, said.number, said.suffix) == flight


def test_trap_32_iso_8859_1_and_bytes_of_no_encoding() -> None:
    name = "Widerøe"
    said = status("avinor", avinor_flight(codeshareAirlineNames=name))
    assert said.number == 4021
    undeclared = avinor_flight(codeshareAirlineNames=name).replace(b' encoding="iso-8859-1"', b"")
    assert rejected("avinor", undeclared).startswith("message: not XML")


def test_trap_33_a_doctype_is_refused() -> None:
    attack = avinor_flight().replace(
        b"<airport", b'<!DOCTYPE airport [<!ENTITY x SYSTEM "file:///etc/passwd">]><airport'
    )
    assert rejected("avinor", attack) == "message: XML with a DOCTYPE or an entity is refused"
    assert avinor.leg_key(attack) is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (avinor_flight(arr_dep="X"), "arr_dep: 'X' is neither A nor D"),
        (avinor_flight(arr_dep=None), "arr_dep: '' is neither A nor D"),
        (avinor_flight(flight_id=None), "flight_id: missing, so no flight is named"),
        (avinor_flight(flight_id="1234567"), "flight_id: '1234567' is no flight number"),
        (b"<flights><flight/></flights>", "message: the root is not Avinor's airport"),
    ],
)
def test_what_is_no_flight_of_avinors_is_rejected(payload: bytes, reason: str) -> None:
    assert rejected("avinor", payload) == reason


def test_a_time_that_cannot_be_read_is_noted() -> None:
    said = status("avinor", avinor_flight('code="E" time="12:30"'))
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:15:00Z")
    assert said.evidence == ("unread=status.time",)
    only = avinor_flight(schedule_time="tomorrow")
    assert rejected("avinor", only).startswith("schedule_time: 'tomorrow' is no ISO 8601 time")
    assert dropped("avinor", avinor_flight(schedule_time=None)) == "says_nothing"


def test_without_its_airport_a_row_still_has_its_id() -> None:
    said = status("avinor", avinor_flight(here=None))
    assert (said.origin, said.destination, said.date) == (None, "SVG", None)
    assert said.source_id == "avinor:77"


def test_an_answer_is_read_whole_and_a_bad_flight_is_named() -> None:
    one = avinor_flight()
    start, end = one.index(b"<flight "), one.index(b"</flights>")
    flight = one[start:end]
    second = flight.replace(b'"77"', b'"78"').replace(b">D<", b">A<")
    whole = one[:end] + second + one[end:]
    assert [each.source_id for each in statuses("avinor", whole)] == ["avinor:77", "avinor:78"]
    assert avinor.leg_key(whole) is None
    pieces = list(avinor.split([whole]))
    assert [avinor.leg_key(piece.payload) for piece in pieces] == ["77", "78"]
    assert [status("avinor", piece.payload).origin for piece in pieces] == ["OSL", "SVG"]
    broken = outcome("avinor", whole.replace(b">A<", b">?<"))
    assert isinstance(broken, Reject)
    assert broken.place == "row 2"
    assert dropped("avinor", one[:start] + one[end:]) == "no_flights"
