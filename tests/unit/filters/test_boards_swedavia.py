from __future__ import annotations

import json
from typing import Any

import pytest

from filters.normalize.boards import swedavia
from tests.unit.filters.boards import (
    RECEIVED,
    SWEDAVIA,
    at_all,
    cells,
    changed,
    dropped,
    rejected,
    status,
    statuses,
)
from tests.unit.filters.records import at

STATUS = "locationAndStatus__flightLegStatus"
DATE = "flightLegIdentifier__flightDepartureDateUtc"


def row(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """SK1415 from Arlanda to Copenhagen on 10 June 2026 at 10:05Z, changed."""
    return changed(SWEDAVIA, **members)


def arrival(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """SK584 from London, due 22:20Z on 28 September, which is the 29th in Sweden."""
    said = {
        "flightId": "SK584",
        "departureTime": ...,
        "arrivalTime": {"scheduledUtc": "2026-09-28T22:20:00Z"},
        "flightLegIdentifier__flightId": "SK584",
        DATE: "2026-09-28T00:00:00Z",
        "flightLegIdentifier__departureAirportIata": "LHR",
        "flightLegIdentifier__arrivalAirportIata": "ARN",
    }
    return row(**{**said, **members})


def test_a_departure_names_its_leg_and_both_dates() -> None:
    said = status("swedavia", row())
    assert (said.airline, said.number) == ("SAS", 1415)
    assert (said.origin, said.destination) == ("ARN", "CPH")
    assert (said.date, said.date_basis, said.utc_date) == ("2026-06-10", "scheduled", "2026-06-10")
    assert said.source_id == "swedavia:SK1415.2026-06-10.ARN"
    assert said.source_time == RECEIVED
    assert (said.out_terminal, said.in_terminal) == ("5", None)
    assert cells(said) == at_all(out_scheduled="2026-06-10T10:05:00Z")


def test_the_times_of_a_departure_leave_the_stand() -> None:
    times = {
        "scheduledUtc": "2026-06-10T10:05:00Z",
        "estimatedUtc": "2026-06-10T10:40:00Z",
        "actualUtc": "2026-06-10T10:44:09Z",
    }
    assert cells(status("swedavia", row(departureTime=times))) == at_all(
        out_scheduled="2026-06-10T10:05:00Z",
        out_estimated="2026-06-10T10:40:00Z",
        out_actual="2026-06-10T10:44:09Z",
    )


def test_landed_is_a_touchdown_and_the_estimate_stands_against_the_schedule() -> None:
    times = {
        "scheduledUtc": "2026-09-28T22:20:00Z",
        "estimatedUtc": "2026-09-28T22:31:00Z",
        "actualUtc": "2026-09-28T22:29:07Z",
    }
    said = status("swedavia", arrival(arrivalTime=times, **{STATUS: "LAN"}))
    assert cells(said) == at_all(
        on_actual="2026-09-28T22:29:07Z",
        in_scheduled="2026-09-28T22:20:00Z",
        in_estimated="2026-09-28T22:31:00Z",
    )
    assert said.life == "operating"


def test_trap_02_the_lists_day_is_swedish_and_the_legs_date_is_utc() -> None:
    """In the list of the 29th: due 00:20 in Stockholm, after a departure on the 28th."""
    document = {
        "to": {"arrivalAirportIata": "ARN", "flightArrivalDate": "2026-09-29"},
        "numberOfFlights": 1,
        "flights": [arrival()],
    }
    said = status("swedavia", document)
    assert (said.utc_date, said.date, said.date_basis) == ("2026-09-28", "2026-09-28", "filed")
    assert said.in_scheduled == at("2026-09-28T22:20:00Z")


def test_the_utc_date_gives_a_local_one_only_when_that_is_sure() -> None:
    said = status(
        "swedavia",
        arrival(
            arrivalTime={"scheduledUtc": "2026-09-29T13:00:00Z"},
            flightLegIdentifier__departureAirportIata="BKK",
        ),
    )
    # From Bangkok, 7 hours ahead, at most 20 hours on the way: not before 17:07Z on the 28th.
    assert (said.utc_date, said.date) == ("2026-09-28", "2026-09-29")
    said = status(
        "swedavia",
        arrival(
            arrivalTime={"scheduledUtc": "2026-09-29T05:00:00Z"},
            flightLegIdentifier__departureAirportIata="BKK",
        ),
    )
    assert (said.utc_date, said.date) == ("2026-09-28", None)


@pytest.mark.parametrize(
    ("code", "life", "noted"),
    [
        ("SCH", "unsaid", False),
        ("ACT", "operating", False),
        ("LAN", "operating", False),
        ("CAN", "cancelled", False),
        ("can", "cancelled", False),
        ("DEL", "doubtful", True),
        ("XYZ", "unsaid", True),
        ("", "unsaid", False),
        (None, "unsaid", False),
    ],
)
def test_every_status(code: str | None, life: str, noted: bool) -> None:
    said = status("swedavia", row(**{STATUS: code}))
    assert said.life == life
    assert said.evidence == ((f"locationAndStatus.flightLegStatus={code}",) if noted else ())


def test_trap_23_and_24_del_is_a_deleted_row_and_cancels_nothing() -> None:
    assert status("swedavia", arrival(**{STATUS: "DEL"})).life == "doubtful"


def test_trap_24_act_is_departed_and_no_actual_time() -> None:
    said = status("swedavia", arrival(**{STATUS: "ACT"}))
    assert said.life == "operating"
    assert cells(said) == at_all(in_scheduled="2026-09-28T22:20:00Z")


def test_trap_05_code_shares_are_a_list_of_numbers() -> None:
    shares = ["A31461", "AC9613", "SK1415", "SK01415", "UA8803", "", None, "nonsense", 7]
    said = status("swedavia", row(codeShareData=shares))
    assert said.code_shares == ("A31461", "AC9613", "UA8803")
    assert said.evidence == ("unread=codeShareData",)


def test_of_several_stops_the_neighbouring_one_is_the_legs_end() -> None:
    via = [{"airportIATA": "UME"}, {"airportIATA": "LLA"}]
    there = status("swedavia", row(viaDestinations=via))
    assert (there.origin, there.destination) == ("ARN", "UME")
    assert there.evidence == ("route=UME.LLA.CPH",)
    back = status("swedavia", arrival(viaDestinations=via))
    assert (back.origin, back.destination) == ("LLA", "ARN")


def test_trap_07_a_flight_id_is_a_flight_number_so_the_legs_id_has_its_date_and_airport() -> None:
    days = ("2026-09-28", "2026-09-29")
    ids = [status("swedavia", arrival(**{DATE: f"{day}T00:00:00Z"})).source_id for day in days]
    assert ids == ["swedavia:SK584.2026-09-28.LHR", "swedavia:SK584.2026-09-29.LHR"]
    assert status("swedavia", arrival(**{DATE: ...})).source_id is None


def test_a_flight_plans_id_is_another_name_of_the_leg() -> None:
    said = status("swedavia", row(flightLegIdentifier__ifplId="AA41288331"))
    assert said.aliases == ("ifpl:AA41288331",)


def test_icao_codes_serve_where_iata_codes_are_missing() -> None:
    said = status(
        "swedavia",
        row(
            flightLegIdentifier__departureAirportIata="",
            flightLegIdentifier__arrivalAirportIata=...,
        ),
    )
    assert (said.origin, said.destination) == ("ARN", "CPH")


def test_gate_belt_and_registration() -> None:
    said = status(
        "swedavia",
        arrival(
            locationAndStatus__gate="F28",
            baggage={"baggageClaimUnit": "7"},
            flightLegIdentifier__aircraftRegistration="SEROB",
        ),
    )
    assert (said.in_gate, said.baggage, said.registration) == ("F28", "7", "SEROB")


@pytest.mark.parametrize("kind", ["departure", "arrival"])
def test_the_rows_of_a_query_stand_in_an_object_of_their_kind(kind: str) -> None:
    inner = row() if kind == "departure" else arrival()
    answer = {"flights": [{kind: inner}], "continuationtoken": "H4sIAAAA"}
    assert cells(status("swedavia", answer)) == cells(status("swedavia", inner))


def test_a_row_with_both_ends_is_a_departure_that_knows_its_arrival() -> None:
    said = status("swedavia", row(arrivalTime={"scheduledUtc": "2026-06-10T11:20:00Z"}))
    assert (said.origin, said.date_basis) == ("ARN", "scheduled")
    assert cells(said) == at_all(
        out_scheduled="2026-06-10T10:05:00Z", in_scheduled="2026-06-10T11:20:00Z"
    )


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"departureTime": ...}, "arrivalTime, departureTime: missing, so no end of a leg is told"),
        (
            {"flightId": "", "flightLegIdentifier__flightId": ...},
            "flightId: missing, so no flight is named",
        ),
        ({"flightId": "SK 1415 B"}, "flightId: 'SK 1415 B' is no flight number"),
    ],
)
def test_without_a_flight_or_an_end_the_row_is_rejected(
    members: dict[str, Any], reason: str
) -> None:
    if "flightId" in members:
        members = {"flightLegIdentifier__flightId": ..., **members}
    assert rejected("swedavia", row(**members)) == reason


def test_a_bad_date_or_time_is_noted() -> None:
    said = status("swedavia", row(**{DATE: "2026-02-30"}, departureTime__estimatedUtc="later"))
    assert said.utc_date is None
    assert said.date == "2026-06-10"
    assert set(said.evidence) == {
        "unread=flightLegIdentifier.flightDepartureDateUtc",
        "unread=departureTime.estimatedUtc",
    }


def test_a_list_is_split_into_rows_and_read_whole_alike() -> None:
    document = {
        "to": {"arrivalAirportIata": "ARN"},
        "flights": [arrival(), arrival(flightId="SK2")],
    }
    pieces = list(swedavia.split([json.dumps(document).encode()]))
    apart = [status("swedavia", piece.payload).number for piece in pieces]
    assert apart == [each.number for each in statuses("swedavia", document)] == [584, 2]
    assert len({swedavia.leg_key(piece.payload) for piece in pieces}) == 2
    assert dropped("swedavia", {"numberOfFlights": 0, "flights": []}) == "no_flights"
