from __future__ import annotations

import json
from typing import Any

import pytest

from filters.normalize.boards import hkia
from tests.unit.filters.boards import (
    HKIA,
    RECEIVED,
    at_all,
    cells,
    changed,
    dropped,
    hkia_day,
    outcome,
    rejected,
    status,
    statuses,
)
from tests.unit.filters.records import at

ARRIVALS = {"arrival": True}


def arrivals(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """A day's arrivals with one row: CX888 from Tokyo, due at 18:05."""
    return hkia_day(ARRIVALS, **{"origin": ["NRT"], "destination": ..., **members})


def test_a_departure_names_its_leg_and_its_schedule() -> None:
    said = status("hkia", HKIA)
    assert (said.airline, said.number) == ("CPA", 888)
    assert (said.origin, said.destination) == ("HKG", "NRT")
    assert (said.date, said.date_basis) == ("2026-06-10", "scheduled")
    assert (said.source_id, said.source_time) == ("hkia:CPA888.D.2026-06-10", RECEIVED)
    assert (said.out_terminal, said.out_gate, said.life) == ("T1", "23", "unsaid")
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")
    assert (said.service, said.code_shares, said.evidence) == (None, (), ())


def test_an_arrival_has_the_date_that_its_block_time_leaves() -> None:
    said = status("hkia", arrivals(baggage="12", hall="A", stand="S21"))
    assert (said.origin, said.destination) == ("NRT", "HKG")
    assert (said.date, said.date_basis) == ("2026-06-10", "filed")
    assert said.source_id == "hkia:CPA888.A.2026-06-10"
    assert (said.baggage, said.in_terminal, said.in_gate, said.out_gate) == ("12", "T1", None, None)
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:05:00Z")


@pytest.mark.parametrize(
    ("text", "cell", "time"),
    [
        ("At gate 18:25", "in_actual", "2026-06-10T10:25:00Z"),
        ("AT GATE 18:25", "in_actual", "2026-06-10T10:25:00Z"),
        ("At gate 00:25 (11/06/2026)", "in_actual", "2026-06-10T16:25:00Z"),
        ("Landed 18:01", "on_actual", "2026-06-10T10:01:00Z"),
        ("Est at 18:50", "in_estimated", "2026-06-10T10:50:00Z"),
        ("Est at 07:10 (12/06/2026)", "in_estimated", "2026-06-11T23:10:00Z"),
        ("Dep 17:00", None, None),
    ],
)
def test_every_time_in_the_status_of_an_arrival(
    text: str, cell: str | None, time: str | None
) -> None:
    said = status("hkia", arrivals(status=text))
    told = {cell: at(time)} if cell and time else {}
    assert cells(said) == {**told, "in_scheduled": at("2026-06-10T10:05:00Z")}
    assert (said.life, said.evidence) == ("operating", ())


@pytest.mark.parametrize(
    ("text", "cell", "time"),
    [
        ("Dep 18:25", "out_actual", "2026-06-10T10:25:00Z"),
        ("Dep 05:40 (15/06/2026)", "out_actual", "2026-06-14T21:40:00Z"),
        ("Est at 19:30", "out_estimated", "2026-06-10T11:30:00Z"),
        ("At gate 18:25", None, None),
    ],
)
def test_every_time_in_the_status_of_a_departure(
    text: str, cell: str | None, time: str | None
) -> None:
    said = status("hkia", hkia_day(status=text))
    told = {cell: at(time)} if cell and time else {}
    assert cells(said) == {**told, "out_scheduled": at("2026-06-10T10:05:00Z")}
    assert (said.life, said.evidence) == ("operating", ())


@pytest.mark.parametrize(
    ("text", "life", "noted"),
    [
        ("", "unsaid", False),
        (None, "unsaid", False),
        ("Cancelled", "cancelled", False),
        ("CANCELLED", "cancelled", False),
        ("Delayed", "operating", True),
        ("Boarding Soon", "operating", False),
        ("Boarding", "operating", False),
        ("Final Call", "operating", False),
        ("Gate Closed", "operating", False),
        ("Gate Change 45", "unsaid", True),
        ("取消", "unsaid", True),
        ("Dep 18:25 (tomorrow)", "unsaid", True),
        ("12:00", "unsaid", True),
    ],
)
def test_every_other_status(text: str | None, life: str, noted: bool) -> None:
    said = status("hkia", hkia_day(status=text))
    assert said.life == life
    assert said.evidence == ((f"status={text}",) if noted else ())
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")


@pytest.mark.parametrize(
    ("scheduled", "text", "time"),
    [
        # The feed writes the date of another day than the schedule's...
        ("00:15", "At gate 23:57 (09/06/2026)", "2026-06-09T15:57:00Z"),
        ("23:40", "At gate 00:25 (11/06/2026)", "2026-06-10T16:25:00Z"),
        # ... so without one it is the schedule's, however late
        ("01:00", "At gate 20:00", "2026-06-10T12:00:00Z"),
        ("12:00", "At gate 07:18", "2026-06-09T23:18:00Z"),
        # ... unless that can hardly be.
        ("00:15", "At gate 23:57", "2026-06-09T15:57:00Z"),
        ("23:40", "At gate 00:25", "2026-06-10T16:25:00Z"),
        ("23:40", "At gate 24:00", "2026-06-10T16:00:00Z"),
        ("00:00", "At gate 00:00", "2026-06-09T16:00:00Z"),
    ],
)
def test_trap_09_a_clock_without_a_date(scheduled: str, text: str, time: str) -> None:
    assert status("hkia", arrivals(time=scheduled, status=text)).in_actual == at(time)


def test_trap_05_the_first_number_operates_and_the_others_are_code_shares() -> None:
    flights = [
        {"no": "CX 636", "airline": "CPA"},
        {"no": "GF 4062", "airline": "GFA"},
        {"no": "AY 5852", "airline": "FIN"},
        {"no": "OM 5614", "airline": "MGL"},
        {"no": "FJ 0463", "airline": "FJI"},
        {"no": "CX 0636", "airline": "CPA"},
        {"no": 7},
        "QR 1",
    ]
    said = status("hkia", hkia_day(flight=flights))
    assert (said.airline, said.number) == ("CPA", 636)
    assert said.code_shares == ("AY5852", "FJ463", "GF4062", "OM5614")


@pytest.mark.parametrize(
    ("told", "flight", "shares"),
    [
        ({"no": "5X 168", "airline": "UPS"}, ("UPS", 168, ""), ()),
        ({"no": "JL 029", "airline": "JAL"}, ("JAL", 29, ""), ()),
        ({"no": "cx 888", "airline": "cpa"}, ("CPA", 888, ""), ()),
        ({"no": "CX888", "airline": ""}, ("CPA", 888, ""), ()),
        ({"no": "CX 888A"}, ("CPA", 888, "A"), ()),
        ({"no": "CX 888", "airline": "CX"}, ("CPA", 888, ""), ()),
        # Whose code for tickets is not known keeps the number that is printed on them.
        ({"no": "Q0 123", "airline": "QZQ"}, ("QZQ", 123, ""), ("Q0123",)),
        ({"no": "?? 123", "airline": "ADB"}, ("ADB", 123, ""), ()),
    ],
)
def test_trap_03_04_and_32_both_codes_of_the_airline_are_looked_at(
    told: dict[str, str], flight: tuple[str, int, str], shares: tuple[str, ...]
) -> None:
    said = status("hkia", hkia_day(flight=[told]))
    assert (said.airline, said.number, said.suffix, said.code_shares) == (*flight, shares)


def test_trap_06_one_number_arrives_and_leaves_on_the_same_day() -> None:
    flight = [{"no": "UA 820", "airline": "UAL"}]
    there = status("hkia", arrivals(flight=flight, origin=["BKK"], time="06:40"))
    onward = status("hkia", hkia_day(flight=flight, destination=["SFO"], time="09:40"))
    assert there.source_id != onward.source_id
    assert (there.origin, there.destination) == ("BKK", "HKG")
    assert (onward.origin, onward.destination) == ("HKG", "SFO")


def test_of_several_stops_the_neighbouring_one_is_the_legs_end() -> None:
    there = status("hkia", hkia_day(destination=["SGN", "PEN", "SDF"]))
    assert (there.destination, there.evidence) == ("SGN", ("route=SGN.PEN.SDF",))
    back = status("hkia", arrivals(origin=["SDF", "PEN", "SGN"]))
    assert (back.origin, back.evidence) == ("SGN", ("route=SDF.PEN.SGN",))


@pytest.mark.parametrize(
    ("cargo", "service"), [(True, "F"), ("true", "F"), (False, None), (None, None)]
)
def test_cargo_is_said_of_the_whole_day(cargo: object, service: str | None) -> None:
    assert status("hkia", hkia_day({"cargo": cargo})).service == service


def test_without_the_direction_the_airports_tell_it() -> None:
    day = {name: value for name, value in HKIA.items() if name != "arrival"}
    assert status("hkia", day).origin == "HKG"
    row = changed(HKIA["list"][0], origin=["NRT"], destination=...)
    assert status("hkia", {**day, "list": [row]}).destination == "HKG"
    both = changed(HKIA["list"][0], origin=["NRT"])
    assert rejected("hkia", {**day, "list": [both]}).startswith("arrival: missing")


@pytest.mark.parametrize(
    ("day", "members", "reason"),
    [
        ({}, {"flight": []}, "flight: missing, so no flight is named"),
        ({}, {"flight": ...}, "flight: missing, so no flight is named"),
        ({}, {"flight": [{"no": "CX 88888"}]}, "flight: 'CX 88888' is no flight number"),
        ({"date": "2026-02-30"}, {}, "date: '2026-02-30' is no ISO 8601 time after 2000"),
        ({}, {"time": "25:00", "destination": [], "terminal": "", "gate": ""}, None),
    ],
)
def test_what_names_no_flight_or_no_day_is_rejected(
    day: dict[str, Any], members: dict[str, Any], reason: str | None
) -> None:
    if reason is None:
        assert rejected("hkia", hkia_day(day, **members)).startswith("time: '25:00' is no time")
        return
    members = {"terminal": "", "gate": "", "destination": ["NRT"], **members}
    assert rejected("hkia", hkia_day(day, **members)) == reason


@pytest.mark.parametrize("text", ["Dep 25:10", "Dep 18:61", "Dep 18:05 (31/02/2026)"])
def test_a_status_with_a_time_that_is_none_keeps_the_rest(text: str) -> None:
    said = status("hkia", hkia_day(status=text))
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")
    assert (said.life, said.evidence) == ("operating", ("unread=status",))


@pytest.mark.parametrize("day", ["00", "99"])
@pytest.mark.parametrize("year", ["0000", "9999", "1999"])
def test_no_date_of_a_status_is_too_odd(day: str, year: str) -> None:
    said = status("hkia", hkia_day(status=f"Dep 18:05 ({day}/12/{year})"))
    assert said.evidence == ("unread=status",)


def test_a_departure_without_a_time_still_has_its_day() -> None:
    said = status("hkia", hkia_day(time="", status="Cancelled"))
    assert (said.date, said.life) == ("2026-06-10", "cancelled")


def test_an_error_of_the_feed_is_dropped() -> None:
    error = {"problemNo": "c1", "message": "out of valid range (D-91 to D+14)."}
    assert dropped("hkia", error) == "feed_error"


def test_days_are_split_into_rows_and_read_whole_alike() -> None:
    rows = [HKIA["list"][0], changed(HKIA["list"][0], flight=[{"no": "CX 1"}])]
    days = [{**HKIA, "list": rows}, {**hkia_day(ARRIVALS, origin=["NRT"]), "date": "2026-06-11"}]
    pieces = list(hkia.split([json.dumps(days).encode()]))
    keys = [hkia.leg_key(piece.payload) for piece in pieces]
    assert keys == ["CPA888.D.2026-06-10", "CPA1.D.2026-06-10", "CPA888.A.2026-06-11"]
    apart = [cells(status("hkia", piece.payload)) for piece in pieces]
    assert apart == [cells(each) for each in statuses("hkia", days)]
    days[1]["list"] = [{}]
    assert outcome("hkia", days).place == "row 3"  # type: ignore[union-attr]  # it is a Reject
