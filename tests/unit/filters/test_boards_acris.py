from __future__ import annotations

import json
from typing import Any

import pytest

from filters.normalize.boards import acris
from tests.unit.filters.boards import (
    ACRIS,
    RECEIVED,
    at_all,
    cells,
    changed,
    dropped,
    rejected,
    status,
    statuses,
)


def row(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """LS173 from Amsterdam, due at Manchester on 10 June 2026 at 10:50Z, changed."""
    return changed(ACRIS, **members)


def departure(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """The same number going to Amsterdam."""
    said = {
        "arrivalDeparture": "Departure",
        "departureAirport": ACRIS["arrivalAirport"],
        "arrivalAirport": ACRIS["departureAirport"],
    }
    return row(**{**said, **members})


def test_an_arrival_names_its_leg_and_its_schedule() -> None:
    said = status("acris", row())
    assert (said.airline, said.number, said.suffix) == ("EXS", 173, "")
    assert (said.origin, said.destination) == ("AMS", "MAN")
    assert (said.date, said.date_basis) == ("2026-06-10", "filed")
    assert (said.source_id, said.source_time) == ("acris:17961558", RECEIVED)
    assert (said.service, said.life, said.in_terminal) == ("J", "unsaid", "T1")
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:50:00Z")
    assert said.evidence == ()


def test_only_the_events_of_the_rows_own_end_count() -> None:
    """An arrival repeats its schedule under every event."""
    times = {
        "onBlockTime__estimated": "2026-06-10T11:01:00+00:00",
        "onBlockTime__actual": "2026-06-10T11:03:00+00:00",
        "touchDownTime__estimated": "2026-06-10T10:55:00+00:00",
        "touchDownTime__actual": "2026-06-10T10:56:00+00:00",
        "offBlockTime__estimated": "2026-06-10T12:00:00+00:00",
        "offBlockTime__actual": "2026-06-10T12:01:00+00:00",
        "arrival__estimated": "2026-06-10T12:02:00+00:00",
        "arrival__actual": "2026-06-10T12:03:00+00:00",
    }
    assert cells(status("acris", row(**times))) == at_all(
        on_estimated="2026-06-10T10:55:00Z",
        on_actual="2026-06-10T10:56:00Z",
        in_scheduled="2026-06-10T10:50:00Z",
        in_estimated="2026-06-10T11:01:00Z",
        in_actual="2026-06-10T11:03:00Z",
    )
    assert cells(status("acris", departure(**times))) == at_all(
        out_scheduled="2026-06-10T10:50:00Z",
        out_estimated="2026-06-10T12:00:00Z",
        out_actual="2026-06-10T12:01:00Z",
    )


def test_a_departure_has_its_date_from_the_schedule() -> None:
    said = status("acris", departure(gate={"name": "Gate 12", "number": "12"}))
    assert (said.origin, said.destination) == ("MAN", "AMS")
    assert (said.date, said.date_basis) == ("2026-06-10", "scheduled")
    assert (said.out_gate, said.in_gate) == ("12", None)


def test_the_public_schedule_stands_in_for_the_gates() -> None:
    said = status("acris", row(onBlockTime=..., offBlockTime=..., touchDownTime=...))
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:50:00Z")


def test_trap_12_plus_nought_is_utc_in_summer_too() -> None:
    said = status("acris", row(onBlockTime={"scheduled": "2026-06-10T10:50:00+01:00"}))
    assert cells(said) == at_all(in_scheduled="2026-06-10T09:50:00Z")


@pytest.mark.parametrize(
    ("number", "flight"),
    [
        ({"airlineCode": "LS", "trackNumber": "073", "suffix": "W"}, ("EXS", 73, "W")),
        ({"airlineCode": "LS", "trackNumber": "073W"}, ("EXS", 73, "W")),
        ({"airlineCode": "ls", "trackNumber": 73, "suffix": "w"}, ("EXS", 73, "W")),
        ({"airlineCode": "EXS", "trackNumber": "0073", "suffix": ""}, ("EXS", 73, "")),
        ({"airlineCode": "", "trackNumber": "73"}, ("EXS", 73, "")),
        ({"airlineCode": "VS", "trackNumber": "808", "suffix": "P"}, ("VIR", 808, "P")),
    ],
)
def test_trap_04_the_suffix_belongs_to_the_number(
    number: dict[str, Any], flight: tuple[str, int, str]
) -> None:
    said = status("acris", row(flightNumber=number))
    assert (said.airline, said.number, said.suffix) == flight


def test_trap_32_the_icao_code_may_be_the_iata_code() -> None:
    said = status("acris", row(operatingAirline={"iata": "LS", "icao": "LS"}))
    assert said.airline == "EXS"


def test_the_number_belongs_to_the_airline_beside_it_whoever_operates_it() -> None:
    said = status("acris", row(operatingAirline={"iata": "CL", "icao": "CLH"}))
    assert said.airline == "EXS"


@pytest.mark.parametrize(
    ("kind", "service", "evidence"),
    [
        ("Passenger", "J", ()),
        ("Scheduled", "J", ()),
        ("Charter", "C", ()),
        ("Cargo", "F", ()),
        ("Freight", "F", ()),
        ("Positioning", "P", ()),
        ("POSITIONING", "P", ()),
        ("Ferry", "P", ()),
        ("Training", "K", ()),
        ("Military", "W", ()),
        ("General Aviation", "D", ()),
        ("Balloon", None, ("flightType=Balloon",)),
        ("", None, ()),
    ],
)
def test_every_flight_type(kind: str, service: str | None, evidence: tuple[str, ...]) -> None:
    said = status("acris", row(flightType=kind))
    assert (said.service, said.evidence) == (service, evidence)


@pytest.mark.parametrize(
    ("word", "life", "deviation", "noted"),
    [
        ("Scheduled", "unsaid", None, False),
        ("Cancelled", "cancelled", None, False),
        ("cancelled", "cancelled", None, False),
        ("Landed", "operating", None, False),
        ("On Block", "operating", None, False),
        ("Departed", "operating", None, False),
        ("Delayed", "operating", None, True),
        ("Diverted", "operating", "diverted", False),
        ("Deleted", "doubtful", None, True),
        ("Unheard of", "unsaid", None, True),
        (None, "unsaid", None, False),
    ],
)
def test_every_status(word: str | None, life: str, deviation: str | None, noted: bool) -> None:
    said = status("acris", row(flightStatus=word))
    assert (said.life, said.deviation) == (life, deviation)
    assert said.evidence == ((f"flightStatus={word}",) if noted else ())


def test_trap_07_the_id_keeps_all_its_digits() -> None:
    assert status("acris", row(uniqueRef=140674803324836945)).source_id == (
        "acris:140674803324836945"
    )
    assert status("acris", row(uniqueRef=1.5)).source_id is None


def test_the_places_of_an_arrival() -> None:
    said = status(
        "acris",
        row(
            terminal={"name": "Terminal 2", "short_name": "T2", "number": "2"},
            gate={"name": "Gate 7"},
            baggageClaim={"name": "Belt 3", "number": "3"},
        ),
    )
    assert (said.in_terminal, said.in_gate, said.baggage) == ("T2", "Gate 7", "3")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"arrivalDeparture": "?"}, "arrivalDeparture: '?' is neither Arrival nor Departure"),
        ({"arrivalDeparture": ...}, "arrivalDeparture: '' is neither Arrival nor Departure"),
        ({"flightNumber": ...}, "flightNumber.trackNumber: missing, so no flight is named"),
        ({"flightNumber__trackNumber": "12345"}, "flightNumber: 'LS12345' is no flight number"),
        (
            {"flightNumber": {"trackNumber": "1"}, "operatingAirline": None},
            "flightNumber: '1' is no flight number",
        ),
    ],
)
def test_without_a_direction_or_a_flight_the_row_is_rejected(
    members: dict[str, Any], reason: str
) -> None:
    assert rejected("acris", row(**members)) == reason


def test_a_row_without_any_time_or_word_says_nothing() -> None:
    bare = row(onBlockTime=..., touchDownTime=..., arrival=..., flightStatus="Scheduled")
    assert dropped("acris", bare) == "says_nothing"


def test_rows_are_split_and_read_whole_alike() -> None:
    day = [row(uniqueRef=1), departure(uniqueRef=2)]
    pieces = list(acris.split([json.dumps(day).encode()]))
    assert [acris.leg_key(piece.payload) for piece in pieces] == ["1", "2"]
    apart = [status("acris", piece.payload).origin for piece in pieces]
    assert apart == [each.origin for each in statuses("acris", day)] == ["AMS", "MAN"]
