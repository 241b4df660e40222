from __future__ import annotations

import json
from typing import Any

import pytest

from filters.normalize.boards import schiphol
from tests.unit.filters.boards import (
    RECEIVED,
    SCHIPHOL,
    at_all,
    cells,
    changed,
    dropped,
    outcome,
    rejected,
    status,
    statuses,
)
from tests.unit.filters.records import at

STATES = "publicFlightState__flightStates"


def row(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """KL894 to London on 10 June 2026 at 12:05, changed."""
    return changed(SCHIPHOL, **members)


def arrival(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """The same number coming from London."""
    return row(**{"flightDirection": "A", **members})


def test_a_departure_names_its_leg_its_ids_and_its_schedule() -> None:
    said = status("schiphol", row())
    assert (said.airline, said.number, said.suffix) == ("KLM", 894, "")
    assert (said.origin, said.destination) == ("AMS", "LHR")
    assert (said.date, said.date_basis) == ("2026-06-10", "scheduled")
    assert said.source_id == "schiphol:141988470640710484"
    assert said.aliases == ("schiphol:KLM894.D.2026-06-10",)
    assert said.source_time == at("2026-06-10T07:58:00Z")
    assert (said.service, said.out_terminal, said.in_terminal) == ("J", "1", None)
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")
    assert said.evidence == ()


def test_an_arrival_comes_from_its_last_stop_and_has_the_date_that_is_sure() -> None:
    said = status("schiphol", arrival(route__destinations=["LHR"]))
    assert (said.origin, said.destination) == ("LHR", "AMS")
    assert (said.date, said.date_basis, said.utc_date) == ("2026-06-10", "filed", None)
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:05:00Z")
    assert (said.in_terminal, said.out_terminal) == ("1", None)


def test_landing_times_are_touchdowns_and_off_block_times_leave_the_stand() -> None:
    said = status(
        "schiphol",
        arrival(
            estimatedLandingTime="2026-06-10T11:58:00.000+02:00",
            actualLandingTime="2026-06-10T11:57:21.000+02:00",
            publicEstimatedOffBlockTime="2026-06-10T12:20:00.000+02:00",
        ),
    )
    assert cells(said) == at_all(
        on_estimated="2026-06-10T09:58:00Z",
        on_actual="2026-06-10T09:57:21Z",
        in_scheduled="2026-06-10T10:05:00Z",
    )
    said = status(
        "schiphol",
        row(
            publicEstimatedOffBlockTime="2026-06-10T12:20:00.000+02:00",
            actualOffBlockTime="2026-06-10T12:22:05.000+02:00",
            actualLandingTime="2026-06-10T11:57:21.000+02:00",
        ),
    )
    assert cells(said) == at_all(
        out_scheduled="2026-06-10T10:05:00Z",
        out_estimated="2026-06-10T10:20:00Z",
        out_actual="2026-06-10T10:22:05Z",
    )


def test_of_several_stops_a_departure_goes_to_the_first_and_an_arrival_comes_from_the_last() -> (
    None
):
    there = status("schiphol", row(route__destinations=["SIN", "DPS"]))
    assert (there.origin, there.destination) == ("AMS", "SIN")
    assert there.evidence == ("route=SIN.DPS",)
    back = status("schiphol", arrival(route__destinations=["DPS", "SIN"]))
    assert (back.origin, back.destination) == ("SIN", "AMS")


@pytest.mark.parametrize(
    ("states", "life", "deviation", "evidence"),
    [
        (["SCH"], "operating", None, ()),
        (["DEL"], "operating", None, ("publicFlightState.flightStates=DEL",)),
        (["GCH"], "operating", None, ("publicFlightState.flightStates=GCH",)),
        *((([state]), "operating", None, ()) for state in ("WIL", "GTO", "BRD", "GCL", "GTD")),
        *((([state]), "operating", None, ()) for state in ("DEP", "AIR", "EXP", "FIR", "LND")),
        *((([state]), "operating", None, ()) for state in ("FIB", "ARR")),
        (["ARR", "EXP"], "operating", None, ()),
        (["TOM"], "unsaid", None, ("publicFlightState.flightStates=TOM",)),
        (["CNX"], "cancelled", None, ()),
        (["SCH", "CNX"], "cancelled", None, ()),
        (["CNX", "DEL"], "cancelled", None, ("publicFlightState.flightStates=DEL",)),
        (["DIV"], "operating", "diverted", ()),
        (["EXP", "DIV"], "operating", "diverted", ()),
        (["XYZ"], "unsaid", None, ("publicFlightState.flightStates=XYZ",)),
        (["cnx"], "cancelled", None, ()),
        ([], "unsaid", None, ()),
    ],
)
def test_every_state(
    states: list[str], life: str, deviation: str | None, evidence: tuple[str, ...]
) -> None:
    said = status("schiphol", row(**{STATES: states}))
    assert (said.life, said.deviation, said.evidence) == (life, deviation, evidence)


def test_a_diversion_keeps_the_airport_as_planned() -> None:
    said = status("schiphol", arrival(**{STATES: ["DIV"]}))
    assert (said.deviation, said.planned_destination, said.destination) == (
        "diverted",
        "AMS",
        "AMS",
    )


def test_trap_24_del_is_delayed_here_and_no_deletion() -> None:
    assert status("schiphol", row(**{STATES: ["DEL"]})).life == "operating"


def test_trap_05_all_rows_of_a_code_share_are_one_leg() -> None:
    shares = {"codeshares__codeshares": ["DL9354", "AF3094"], "mainFlight": "KL0894"}
    own = status("schiphol", row(**shares))
    other = status("schiphol", row(**shares, flightName="DL9354", id="141988470640710499"))
    for said in (own, other):
        assert (said.airline, said.number, said.date) == ("KLM", 894, "2026-06-10")
        assert said.code_shares == ("AF3094", "DL9354")
        assert "schiphol:KLM894.D.2026-06-10" in said.aliases
    assert own.source_id == "schiphol:141988470640710484"
    assert other.source_id is None
    assert other.aliases[1:] == ("schiphol:141988470640710499",)


def test_trap_05_a_row_that_lists_no_shares_still_adds_its_own_number() -> None:
    said = status("schiphol", row(mainFlight="KL0894", flightName="VS6848"))
    assert (said.airline, said.code_shares) == ("KLM", ("VS6848",))


def test_trap_05_all_rows_of_a_code_share_have_one_leg_key() -> None:
    rows = [row(), row(flightName="DL9354", id="141988470640710499"), row(id="1")]
    keys = {schiphol.leg_key(json.dumps(each).encode()) for each in rows}
    assert keys == {"KLM894.D.2026-06-10"}


def test_trap_06_both_directions_of_one_number_are_two_legs() -> None:
    keys = {schiphol.leg_key(json.dumps(each).encode()) for each in (row(), arrival())}
    assert len(keys) == 2


def test_trap_07_ids_of_18_digits_stay_apart() -> None:
    texts = [
        status("schiphol", row(id=i)).source_id
        for i in ("140674803324836944", "140674803324836945")
    ]
    numbers = [
        status("schiphol", row(id=i)).source_id for i in (140674803324836944, 140674803324836945)
    ]
    assert texts == numbers == ["schiphol:140674803324836944", "schiphol:140674803324836945"]


def test_trap_07_an_id_that_went_through_a_float_is_no_id() -> None:
    said = status("schiphol", row(id=1.4067480332483694e17))
    assert said.source_id is None
    assert said.evidence == ("unread=id",)


@pytest.mark.parametrize(
    ("name", "flight"),
    [
        ("KL0894", ("KLM", 894, "")),
        ("kl 894", ("KLM", 894, "")),
        ("W63407", ("WZZ", 3407, "")),
        ("U26418", ("EZY", 6418, "")),
        ("5X0168", ("UPS", 168, "")),
        ("HV5466P", ("TRA", 5466, "P")),
        ("TOM7623", ("TOM", 7623, "")),
    ],
)
def test_trap_03_and_04_the_number_is_taken_apart(name: str, flight: tuple[str, int, str]) -> None:
    said = status("schiphol", row(flightName=name, mainFlight=name))
    assert (said.airline, said.number, said.suffix) == flight
    assert said.code_shares == ()


def test_without_a_main_flight_the_name_is_the_flight() -> None:
    assert status("schiphol", row(mainFlight=...)).number == 894


def test_trap_09_a_landing_just_before_midnight_belongs_to_the_schedule_of_the_next_day() -> None:
    said = status(
        "schiphol",
        arrival(
            scheduleDate="2026-08-30",
            scheduleTime="00:10:00",
            scheduleDateTime="2026-08-30T00:10:00.000+02:00",
            actualLandingTime="2026-08-29T23:58:00.000+02:00",
            route__destinations=["AGP"],
        ),
    )
    assert cells(said) == at_all(
        on_actual="2026-08-29T21:58:00Z", in_scheduled="2026-08-29T22:10:00Z"
    )
    assert said.date == "2026-08-29"


@pytest.mark.parametrize(
    ("estimate", "scheduled"),
    [
        # 25 October 2026, 02:30 twice: 00:30Z and 01:30Z.
        (None, "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:35:00.000+02:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:35:00.000+01:00", "2026-10-25T01:30:00Z"),
    ],
)
def test_trap_10_a_local_schedule_that_occurs_twice_is_the_one_near_the_estimate(
    estimate: str | None, scheduled: str
) -> None:
    said = status(
        "schiphol",
        row(
            scheduleDateTime=...,
            scheduleDate="2026-10-25",
            scheduleTime="02:30:00",
            publicEstimatedOffBlockTime=estimate,
        ),
    )
    assert said.out_scheduled == at(scheduled)
    assert said.date == "2026-10-25"


def test_trap_10_a_schedule_that_clocks_skip_counts_on_from_before() -> None:
    members = {"scheduleDateTime": ..., "scheduleDate": "2026-03-29", "scheduleTime": "02:30"}
    assert status("schiphol", row(**members)).out_scheduled == at("2026-03-29T01:30:00Z")


def test_trap_12_an_offset_is_believed_whatever_the_season() -> None:
    said = status("schiphol", row(scheduleDateTime="2026-06-10T10:05:00.000Z"))
    assert said.out_scheduled == at("2026-06-10T10:05:00Z")


def test_without_a_time_the_schedules_date_still_names_the_day_of_a_departure() -> None:
    said = status("schiphol", row(scheduleDateTime=..., scheduleTime=..., **{STATES: ["CNX"]}))
    assert (said.date, said.date_basis, said.life) == ("2026-06-10", "scheduled", "cancelled")


def test_a_time_that_cannot_be_read_is_noted_and_the_rest_is_kept() -> None:
    said = status("schiphol", row(actualOffBlockTime="2026-02-30T12:00:00", lastUpdatedAt="now"))
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")
    assert said.source_time == RECEIVED
    assert set(said.evidence) == {"unread=actualOffBlockTime", "unread=lastUpdatedAt"}


def test_a_flight_that_is_not_operational_says_so_in_evidence() -> None:
    said = status("schiphol", row(isOperationalFlight=False, serviceType="P"))
    assert (said.service, said.evidence) == ("P", ("isOperationalFlight=false",))


@pytest.mark.parametrize("letter", ["J", "C", "F", "P", "j"])
def test_the_service_type_is_taken_over(letter: str) -> None:
    assert status("schiphol", row(serviceType=letter)).service == letter.upper()


@pytest.mark.parametrize("value", ["", None, "JJ", "1", 7, ["J"]])
def test_what_is_no_service_type_is_none(value: object) -> None:
    assert status("schiphol", row(serviceType=value)).service is None


def test_gates_belts_and_registration() -> None:
    said = status("schiphol", row(gate="D18", aircraftRegistration="phbxh"))
    assert (said.out_gate, said.in_gate, said.registration) == ("D18", None, "PHBXH")
    said = status("schiphol", arrival(gate="D18", baggageClaim={"belts": ["6", "7"]}))
    assert (said.in_gate, said.out_gate, said.baggage) == ("D18", None, "6,7")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"flightDirection": "X"}, "flightDirection: 'X' is neither A nor D"),
        ({"flightDirection": ...}, "flightDirection: '' is neither A nor D"),
        ({"mainFlight": ..., "flightName": ...}, "mainFlight: missing, so no flight is named"),
        ({"mainFlight": "894", "flightName": ""}, "mainFlight: '894' is no flight number"),
    ],
)
def test_without_a_direction_or_a_flight_the_row_is_rejected(
    members: dict[str, Any], reason: str
) -> None:
    assert rejected("schiphol", row(**members)) == reason


def test_when_nothing_can_be_read_the_row_is_rejected_with_the_time() -> None:
    bare = row(terminal=..., scheduleTime=..., scheduleDateTime="soon", **{STATES: []})
    assert rejected("schiphol", bare).startswith("scheduleDateTime: 'soon' is no ISO 8601 time")
    assert dropped("schiphol", changed(bare, scheduleDateTime=...)) == "says_nothing"


def test_an_aircraft_under_its_registration_is_no_airline_flight() -> None:
    private = row(mainFlight="PHABC", flightName="PHABC")
    assert dropped("schiphol", private) == "not_an_airline_flight"


def test_a_page_is_read_whole_and_a_bad_row_is_named() -> None:
    page = {"flights": [row(), arrival(id="2"), row(mainFlight="KL1", flightName="KL1", id="3")]}
    said = statuses("schiphol", page)
    assert [each.source_id for each in said] == [
        "schiphol:141988470640710484",
        "schiphol:2",
        "schiphol:3",
    ]
    assert [each.id.rpartition(".")[2] for each in said] == ["0", "1", "2"]
    page["flights"].append(row(flightDirection="?"))
    assert outcome("schiphol", page).place == "row 4"  # type: ignore[union-attr]  # it is a Reject
    assert dropped("schiphol", {"flights": []}) == "no_flights"


def test_a_page_is_split_into_rows() -> None:
    page = json.dumps({"flights": [row(), arrival()], "schemaVersion": "4"}).encode()
    pieces = list(schiphol.split([page]))
    assert [status("schiphol", piece.payload).origin for piece in pieces] == ["AMS", "LHR"]
    assert not any(piece.fault for piece in pieces)
