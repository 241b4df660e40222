"""Cirium flightStatus objects, written by hand from the vendor's field descriptions."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.detect import detect as detect_changes
from filters.legs import known_legs
from filters.normalize import FORMATS
from filters.normalize.vendors.cirium import FIELDS, detect, leg_key, split
from filters.outcome import Drop, Forward, Reject
from pipeline.memory.tables import MemoryLegs
from schemas import codec
from schemas.records import FlightStatus
from tests.unit.filters.json_feeds import JsonFeed, told
from tests.unit.filters.records import POLICY, SOURCES, at

RECEIVED = at("2026-07-15T06:00:00Z")


def when(utc: str, local: str | None = None) -> dict[str, str]:
    """A moment as Cirium writes it, from `2026-07-15T10:25` in UTC and at the airport."""
    said = {"dateUtc": f"{utc}:00.000Z"}
    return said if local is None else {"dateLocal": f"{local}:00.000", **said}


def leg(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """British Airways 117 from Heathrow to New York on 15 July 2026; None leaves one out."""
    whole: dict[str, Any] = {
        "flightId": 1270011700,
        "carrierFsCode": "BA",
        "operatingCarrierFsCode": "BA",
        "primaryCarrierFsCode": "BA",
        "flightNumber": "117",
        "departureAirportFsCode": "LHR",
        "arrivalAirportFsCode": "JFK",
        "departureDate": when("2026-07-15T07:20", "2026-07-15T08:20"),
        "arrivalDate": when("2026-07-15T15:10", "2026-07-15T11:10"),
        "status": "S",
        "operationalTimes": {
            "scheduledGateDeparture": when("2026-07-15T07:20", "2026-07-15T08:20"),
            "scheduledGateArrival": when("2026-07-15T15:10", "2026-07-15T11:10"),
        },
        "flightStatusUpdates": [{"updatedAt": {"dateUtc": "2026-07-15T05:00:00.250Z"}}],
    }
    return {name: value for name, value in {**whole, **members}.items() if value is not None}


def timed(**times: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """The same leg with these operational times and no others."""
    return leg(operationalTimes=times)


FEED = JsonFeed("cirium", RECEIVED)
message, parsed, rejected = FEED.message, FEED.parsed, FEED.rejected
statuses_of, status_of = FEED.statuses_of, FEED.status_of


# Cirium's own name of a time, and the cell it belongs to.
CELLS = {
    "publishedDeparture": "out_scheduled",
    "scheduledGateDeparture": "out_scheduled",
    "estimatedGateDeparture": "out_estimated",
    "actualGateDeparture": "out_actual",
    "flightPlanPlannedDeparture": "off_scheduled",
    "scheduledRunwayDeparture": "off_scheduled",
    "estimatedRunwayDeparture": "off_estimated",
    "actualRunwayDeparture": "off_actual",
    "publishedArrival": "in_scheduled",
    "scheduledGateArrival": "in_scheduled",
    "estimatedGateArrival": "in_estimated",
    "actualGateArrival": "in_actual",
    "flightPlanPlannedArrival": "on_scheduled",
    "scheduledRunwayArrival": "on_scheduled",
    "estimatedRunwayArrival": "on_estimated",
    "actualRunwayArrival": "on_actual",
}


def test_a_whole_status() -> None:
    status = status_of(
        leg(
            status="A",
            schedule={"flightType": "J", "serviceClasses": "RFJY", "restrictions": ""},
            airportResources={
                "departureTerminal": "5",
                "departureGate": "C64",
                "arrivalTerminal": "8",
                "arrivalGate": "12",
                "baggage": "3",
            },
            flightEquipment={"scheduledEquipmentIataCode": "77W", "tailNumber": "g-stbd"},
        )
    )
    assert status == FlightStatus(
        id=f"{status.message_id}.0",
        message_id=status.message_id,
        format="cirium",
        feed="test",
        source_time=at("2026-07-15T05:00:00.250Z"),
        source_rank=SOURCES.of("test", "cirium").rank,
        sequence=0,
        received_at=RECEIVED,
        source_id="cirium:1270011700",
        airline="BAW",
        number=117,
        origin="LHR",
        destination="JFK",
        date="2026-07-15",
        date_basis="scheduled",
        registration="GSTBD",
        life="operating",
        service="J",
        out_scheduled=at("2026-07-15T07:20:00Z"),
        in_scheduled=at("2026-07-15T15:10:00Z"),
        out_terminal="5",
        out_gate="C64",
        in_terminal="8",
        in_gate="12",
        baggage="3",
    )


@pytest.mark.parametrize(("name", "cell"), CELLS.items())
def test_trap_14_a_time_fills_its_own_cell_and_no_other(name: str, cell: str) -> None:
    status = status_of(timed(**{name: when("2026-07-15T09:00")}))
    assert told(status) == {cell: at("2026-07-15T09:00:00Z")}


def test_the_page_of_fields_names_every_time() -> None:
    assert {f"operationalTimes.{name}": cell for name, cell in CELLS.items()}.items() <= (
        FIELDS.items()
    )


@pytest.mark.parametrize(
    ("better", "other", "cell"),
    [
        ("scheduledGateDeparture", "publishedDeparture", "out_scheduled"),
        ("scheduledRunwayDeparture", "flightPlanPlannedDeparture", "off_scheduled"),
        ("scheduledRunwayArrival", "flightPlanPlannedArrival", "on_scheduled"),
        ("scheduledGateArrival", "publishedArrival", "in_scheduled"),
    ],
)
def test_of_two_schedules_the_operational_one_counts(better: str, other: str, cell: str) -> None:
    early, late = when("2026-07-15T09:00"), when("2026-07-15T09:05")
    for members in ({better: early, other: late}, {other: late, better: early}):
        assert told(status_of(timed(**members))) == {cell: at("2026-07-15T09:00:00Z")}
    unread = {better: {"dateUtc": "soon"}, other: late}
    assert told(status_of(timed(**unread))) == {cell: at("2026-07-15T09:05:00Z")}


def test_trap_15_a_published_time_of_its_own_is_evidence_and_no_other_leg() -> None:
    gate = when("2026-07-15T07:20", "2026-07-15T08:20")
    other = timed(scheduledGateDeparture=gate, publishedDeparture=when("2026-07-15T07:25"))
    assert status_of(other).out_scheduled == at("2026-07-15T07:20:00Z")
    assert status_of(other).date == "2026-07-15"
    assert status_of(other).evidence == ("published=2026-07-15T07:25:00.000Z",)
    assert status_of(timed(scheduledGateDeparture=gate, publishedDeparture=gate)).evidence == ()


@pytest.mark.parametrize(
    ("status", "life", "deviation", "evidence"),
    [
        ("S", "operating", None, ()),
        ("A", "operating", None, ()),
        ("L", "operating", "none", ()),
        ("R", "operating", "diverted", ()),
        ("D", "operating", "diverted", ()),
        ("C", "cancelled", None, ()),
        ("DN", "unsaid", None, ("status=DN",)),
        ("X", "unsaid", None, ("status=X",)),
        ("s", "unsaid", None, ("status=s",)),
        ("", "unsaid", None, ()),
        (None, "unsaid", None, ()),
    ],
)
def test_a_status_says_whether_it_flies_and_where_to(
    status: str | None, life: str, deviation: str | None, evidence: tuple[str, ...]
) -> None:
    said = status_of({**leg(), "status": status})
    assert (said.life, said.deviation, said.evidence) == (life, deviation, evidence)


@pytest.mark.parametrize(("status", "life"), [("NO", "doubtful"), ("U", "unsaid")])
def test_trap_23_weak_statuses_are_evidence(status: str, life: str) -> None:
    said = status_of(leg(status=status))
    assert said.life == life
    assert said.evidence == (f"status={status}",)


def legs_after(*bodies: dict[str, Any]) -> list[dict[str, Any]]:
    """The known legs and their registers after these messages, in every order alike."""
    results = []
    for order in itertools.permutations(bodies):
        legs = MemoryLegs()
        for number, body in enumerate(order):
            [status] = statuses_of(body)
            detect_changes([status], legs=legs, policy=POLICY, advisories=(), token=str(number))
        found = sorted(known_legs(legs.all()), key=lambda state: state.key)
        results.append(
            [
                {"key": state.key, **{name: cell.value for name, cell in state.cells.items()}}
                for state in found
            ]
        )
    assert all(result == results[0] for result in results)
    return results[0]


def updated(text: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (a leg's members)
    """The leg as Cirium knew it at that time."""
    return leg(flightStatusUpdates=[{"updatedAt": {"dateUtc": text}}], **members)


def test_trap_22_a_cancelled_flight_is_scheduled_again() -> None:
    cancelled = updated("2026-07-15T05:00:00.000Z", status="C")
    again = updated("2026-07-15T05:30:00.000Z", status="S")
    [one] = legs_after(cancelled, again)
    assert one["life"] == "operating"
    [other] = legs_after(updated("2026-07-15T06:00:00.000Z", status="C"), again)
    assert other["life"] == "cancelled"


def test_trap_07_flight_ids_are_texts_whatever_they_are_written_as() -> None:
    ids = [123456789012345678, 123456789012345679, "123456789012345678", " 677848987 "]
    assert [status_of(leg(flightId=one)).source_id for one in ids] == [
        "cirium:123456789012345678",
        "cirium:123456789012345679",
        "cirium:123456789012345678",
        "cirium:677848987",
    ]
    assert leg_key(json.dumps(leg(flightId=ids[0])).encode()) == "123456789012345678"


@pytest.mark.parametrize("value", [1234567890.0, 1.5e17, True, [1], {"id": 1}, "7" * 201])
def test_trap_07_an_id_of_another_type_is_none_and_the_rest_is_kept(value: object) -> None:
    status = status_of(leg(flightId=value))
    assert status.source_id is None
    assert status.evidence == ("unread=flightId",)
    assert told(status).keys() == {"out_scheduled", "in_scheduled"}
    assert leg_key(json.dumps(leg(flightId=value)).encode()) is None


@pytest.mark.parametrize("value", ["", " ", "\x00", 10**45, None])
def test_what_can_be_no_id_is_none(value: object) -> None:
    assert status_of({**leg(), "flightId": value}).source_id is None


@pytest.mark.parametrize(
    ("carriers", "number", "flight", "shares"),
    [
        (("BA", "BA", "BA"), "117", "BAW117", ()),
        (("BA", "BA", "BA"), 117, "BAW117", ()),
        (("BA", "BA", "BA"), "0117", "BAW117", ()),
        (("BA", "BA", "BA"), "117P", "BAW117P", ()),
        (("BA", None, None), "117", "BAW117", ()),
        ((None, None, "BA"), "117", "BAW117", ()),
        ((None, "BA", None), "117", "BAW117", ()),
        (("BAW", "BA", "BA"), "117", "BAW117", ()),
        (("UA", "OO", "UA"), "5432", "SKW5432", ("UA5432",)),
        (("OO", "OO", "UA"), "5432", "SKW5432", ("UA5432",)),
        (("UA", "ZZ*", "UA"), "5432", "UAL5432", ()),
        (("", "BA", ""), "117", "BAW117", ()),
    ],
)
def test_the_operating_carrier_is_the_airline_and_the_others_sell_it(
    carriers: tuple[str | None, ...],
    number: str | int,
    flight: str,
    shares: tuple[str, ...],
) -> None:
    names = ("carrierFsCode", "operatingCarrierFsCode", "primaryCarrierFsCode")
    said = {**leg(), **dict(zip(names, carriers, strict=True)), "flightNumber": number}
    status = status_of(said)
    assert f"{status.airline}{status.number}{status.suffix}" == flight
    assert status.code_shares == shares


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"flightNumber": None}, "flightNumber: missing, so no flight is named"),
        ({"flightNumber": ["117"]}, "flightNumber: an array, so no flight is named"),
        ({"flightNumber": 117.0}, "flightNumber: a number, so no flight is named"),
        ({"flightNumber": True}, "flightNumber: a truth value, so no flight is named"),
        ({"flightNumber": "12345"}, "flightNumber: BA 12345 is no flight"),
        ({"flightNumber": "0"}, "flightNumber: BA 0 is no flight"),
        ({"flightNumber": -117}, "flightNumber: BA -117 is no flight"),
        ({"flightNumber": ""}, "flightNumber: BA  is no flight"),
        ({"carrierFsCode": None}, "carrierFsCode: missing, so no flight is named"),
        ({"carrierFsCode": 7}, "carrierFsCode: a number, so no flight is named"),
        ({"carrierFsCode": "B4%"}, "flightNumber: B4% 117 is no flight"),
    ],
)
def test_what_names_no_flight_is_rejected_by_the_member(
    members: dict[str, Any], reason: str
) -> None:
    alone = {"operatingCarrierFsCode": None, "primaryCarrierFsCode": None}
    assert rejected(leg(**alone, **members)) == reason


def test_trap_05_code_shares_are_tickets_of_the_same_leg() -> None:
    said = [
        {"fsCode": "AA", "flightNumber": "6143", "relationship": "L"},
        {"fsCode": "IB", "flightNumber": "4218", "relationship": "Z"},
        {"fsCode": "AY", "flightNumber": "5509", "relationship": "X"},
        {"fsCode": "BAW", "flightNumber": "0117"},  # its own
        {"fsCode": "AA", "flightNumber": 6143},  # again
        {"fsCode": "5W*", "flightNumber": "1"},
        {"fsCode": "QR", "flightNumber": None},
        {"fsCode": None, "flightNumber": "12"},
        {"flightNumber": "12"},
    ]
    expected = ("AA6143", "AY5509", "IB4218")
    assert status_of(leg(codeshares=said)).code_shares == expected
    assert status_of(leg(codeshares={"codeshare": said})).code_shares == expected
    assert status_of(leg(codeshares={"codeshare": said[0]})).code_shares == ("AA6143",)
    assert status_of(leg(codeshares={"codeshare": None})).code_shares == ()


def test_no_more_code_shares_are_read_than_any_flight_has() -> None:
    many = [{"fsCode": "AA", "flightNumber": str(number)} for number in range(1, 2000)]
    assert len(status_of(leg(codeshares=many)).code_shares) == 40


def test_airports_have_their_iata_code_where_one_exists() -> None:
    status = status_of(leg(departureAirportFsCode="EGLL", arrivalAirportFsCode="kjfk"))
    assert (status.origin, status.destination) == ("LHR", "JFK")
    status = status_of(leg(departureAirportFsCode="ZZ9Z", arrivalAirportFsCode="!"))
    assert (status.origin, status.destination) == ("ZZ9Z", None)


def test_codes_of_ciriums_own_are_looked_up_in_the_message() -> None:
    own = leg(
        carrierFsCode="5Y*",
        operatingCarrierFsCode="5Y*",
        primaryCarrierFsCode=None,
        departureAirportFsCode="LH1",
        codeshares=[{"fsCode": "5W*", "flightNumber": "9"}],
    )
    appendix = {
        "airlines": [
            {"fs": "5Y*", "iata": "5Y", "icao": "GTI"},
            {"fs": "5W*", "iata": "5W", "icao": "WAZ"},
        ],
        "airports": [{"fs": "JFK", "iata": "JFK"}, {"fs": "LH1", "iata": "LHR", "icao": "EGLL"}],
    }
    wrapped = {
        "airlines": {"airline": appendix["airlines"]},
        "airports": {"airport": appendix["airports"][1]},
    }
    for known in (appendix, wrapped):
        status = status_of({"flightStatus": own, "appendix": known})
        assert (status.airline, status.origin) == ("GTI", "LHR")
        assert len(status.code_shares) == 1
    assert rejected(own) == "flightNumber: 5Y* 117 is no flight"


def test_references_may_stand_inline() -> None:
    airline = {"fs": "BA", "iata": "BA", "icao": "BAW", "name": "British Airways"}
    codes = dict.fromkeys(
        (
            "carrierFsCode",
            "operatingCarrierFsCode",
            "primaryCarrierFsCode",
            "departureAirportFsCode",
            "arrivalAirportFsCode",
        )
    )
    inline = {**leg(), **codes}
    inline |= {"carrier": airline, "departureAirport": {"fs": "LHR"}}
    inline |= {"arrivalAirport": {"fs": "JF2", "icao": "KJFK"}}
    inline |= {"codeshares": [{"carrier": {"fs": "AA"}, "flightNumber": "6143"}]}
    status = status_of(inline)
    assert (status.airline, status.origin, status.destination) == ("BAW", "LHR", "JFK")
    assert status.code_shares == ("AA6143",)


@pytest.mark.parametrize(
    ("kind", "service"),
    [("J", "J"), ("F", "F"), ("C", "C"), ("j", None), ("JJ", None), ("", None), (None, None)],
)
def test_trap_30_the_flight_type_is_the_service(kind: str | None, service: str | None) -> None:
    assert status_of(leg(schedule={"flightType": kind})).service == service


def test_null_says_as_little_as_a_missing_member() -> None:
    whole = leg(status="A")
    nothing = dict.fromkeys(
        (
            "schedule",
            "codeshares",
            "airportResources",
            "flightEquipment",
            "irregularOperations",
            "divertedAirportFsCode",
        )
    )
    times = {**whole["operationalTimes"], "actualGateDeparture": None}
    nulls = {**whole, **nothing, "operationalTimes": times}
    status = status_of(nulls)
    assert status.cleared == ()
    assert told(status) == told(status_of(whole))
    halves = {"departureGate": None, "baggage": "", "arrivalGate": " "}
    status = status_of(leg(airportResources=halves))
    assert (status.out_gate, status.baggage, status.in_gate) == (None, None, None)


@pytest.mark.parametrize(
    "value", ["2026-02-30T10:00:00.000Z", "0001-01-01T00:00:00.000Z", "tomorrow", "9" * 41, 5, []]
)
def test_a_bad_time_among_good_ones_costs_only_itself(value: object) -> None:
    body = timed(
        scheduledGateDeparture=when("2026-07-15T07:20", "2026-07-15T08:20"),
        estimatedGateDeparture={"dateUtc": value},
    )
    status = status_of(body)
    assert told(status) == {"out_scheduled": at("2026-07-15T07:20:00Z")}
    assert [item.endswith("estimatedGateDeparture.dateUtc") for item in status.evidence] == [True]


def test_members_of_other_types_cost_only_themselves() -> None:
    status = status_of(
        leg(
            schedule=["J"],
            codeshares="none",
            airportResources={"departureGate": {"name": "A1"}, "departureTerminal": 5},
            flightEquipment=7,
            irregularOperations=[1, {"type": "MISCELLANEOUS"}],
            delays="whatever nobody reads",
        )
    )
    assert (status.out_terminal, status.out_gate, status.registration) == ("5", None, None)
    assert told(status).keys() == {"out_scheduled", "in_scheduled"}
    assert status.evidence == (
        "unread=schedule",
        "unread=codeshares",
        "unread=airportResources.departureGate",
        "unread=flightEquipment",
        "unread=irregularOperations",
        "irregular=MISCELLANEOUS",
    )


@pytest.mark.parametrize(
    ("members", "date", "basis"),
    [
        ({}, "2026-07-15", "scheduled"),
        # Only departureDate: it may be the date of another time.
        ({"operationalTimes": None}, "2026-07-15", "filed"),
        ({"operationalTimes": None, "departureDate": None}, None, "none"),
        ({"operationalTimes": None, "departureDate": {"dateLocal": "soon"}}, None, "none"),
        ({"operationalTimes": None, "departureDate": {"dateLocal": "2026-02-30T08"}}, None, "none"),
        ({"operationalTimes": None, "departureDate": {"dateLocal": "2026-W29-3"}}, None, "none"),
        # An airport nobody knows: the local date is told all the same.
        ({"departureAirportFsCode": "ZZ9Z"}, "2026-07-15", "scheduled"),
    ],
)
def test_the_local_date(members: dict[str, Any], date: str | None, basis: str) -> None:
    status = status_of({**leg(), **members})
    assert (status.date, status.date_basis) == (date, basis)


def test_a_departure_after_midnight_utc_is_on_the_local_day_before() -> None:
    body = leg(
        departureAirportFsCode="LAX",
        departureDate=None,
        operationalTimes={"publishedDeparture": when("2026-07-16T04:30")},
    )
    assert status_of(body).date == "2026-07-15"


# Clocks at Heathrow go back at 01:00 UTC on 25 October 2026, at JFK at 06:00 UTC on 1 November,
# and at Lord Howe by half an hour at 15:00 UTC on 4 April.
@pytest.mark.parametrize(
    ("local", "others", "moment"),
    [
        ("2026-07-15T08:20:00.000", {}, "2026-07-15T07:20:00Z"),
        # Clocks skip 01:30 on 29 March: it counts on from before the gap.
        ("2026-03-29T01:30:00.000", {}, "2026-03-29T01:30:00Z"),
        # 01:30 occurs twice on 25 October: the first, unless something else is nearer to the other.
        ("2026-10-25T01:30:00.000", {}, "2026-10-25T00:30:00Z"),
        (
            "2026-10-25T01:30:00.000",
            {"estimatedGateDeparture": {"dateUtc": "2026-10-25T01:40:00.000Z"}},
            "2026-10-25T01:30:00Z",
        ),
        (
            "2026-10-25T01:30:00.000",
            {"estimatedGateDeparture": {"dateUtc": "2026-10-25T00:40:00.000Z"}},
            "2026-10-25T00:30:00Z",
        ),
        # No time of the departure, but one of the arrival, six to nine hours later.
        (
            "2026-10-25T01:30:00.000",
            {"scheduledGateArrival": {"dateUtc": "2026-10-25T11:30:00.000Z"}},
            "2026-10-25T01:30:00Z",
        ),
        # A zone on a time that is local by name is a slip.
        ("2026-07-15T08:20:00.000Z", {}, "2026-07-15T07:20:00Z"),
        ("2026-07-15T08:20:00+00:00", {}, "2026-07-15T07:20:00Z"),
        ("2026-07-15T08:20:00+01:00", {}, "2026-07-15T07:20:00Z"),
    ],
)
def test_trap_12_a_local_time_alone_is_read_at_its_airport(
    local: str, others: dict[str, Any], moment: str
) -> None:
    body = timed(scheduledGateDeparture={"dateLocal": local}, **others)
    assert status_of(body).out_scheduled == at(moment)


@pytest.mark.parametrize(
    ("near", "moment"),
    [("2026-04-04T14:50", "2026-04-04T14:45:00Z"), ("2026-04-04T15:30", "2026-04-04T15:15:00Z")],
)
def test_trap_12_half_an_hour_that_occurs_twice(near: str, moment: str) -> None:
    body = leg(
        departureAirportFsCode="LDH",
        operationalTimes={
            "scheduledGateDeparture": {"dateLocal": "2026-04-05T01:45:00.000"},
            "actualGateDeparture": when(near),
        },
    )
    assert status_of(body).out_scheduled == at(moment)


def test_trap_12_an_arrival_is_read_at_the_airport_it_goes_to() -> None:
    times = {
        "scheduledGateArrival": {"dateLocal": "2026-07-15T11:10:00.000"},
        "estimatedGateArrival": {"dateLocal": "2026-07-15T08:40:00.000"},
    }
    status = status_of(leg(status="R", divertedAirportFsCode="DEN", operationalTimes=times))
    assert status.in_scheduled == at("2026-07-15T15:10:00Z")
    assert status.in_estimated == at("2026-07-15T14:40:00Z")


def test_trap_12_without_a_zone_a_local_time_is_not_guessed() -> None:
    body = leg(
        departureAirportFsCode="ZZ9Z",
        operationalTimes={
            "scheduledGateDeparture": {"dateLocal": "2026-07-15T08:20:00.000"},
            "actualGateDeparture": {"dateLocal": "2026-07-15T25:20:00.000"},
        },
    )
    status = status_of(body)
    assert told(status) == {}
    assert status.evidence == (
        "unzoned=scheduledGateDeparture.dateLocal",
        "unread=actualGateDeparture.dateLocal",
    )
    assert status.date == "2026-07-15"


def test_a_bad_time_in_utc_leaves_the_local_one() -> None:
    both = {"dateUtc": "soon", "dateLocal": "2026-07-15T08:20:00.000"}
    status = status_of(timed(scheduledGateDeparture=both))
    assert status.out_scheduled == at("2026-07-15T07:20:00Z")
    assert status.evidence == ("unread=scheduledGateDeparture.dateUtc",)


def operation(kind: str, at_utc: str = "", **members: Any) -> dict[str, Any]:  # noqa: ANN401  (members)
    """An irregular operation."""
    said = {"type": kind, "message": "names nobody needs", **members}
    return {**said, "dateUtc": at_utc} if at_utc else said


DIVERSION = operation("DIVERSION", "2026-07-15T13:00:00.000Z", newArrivalAirportFsCode="BOS")


@pytest.mark.parametrize(
    ("members", "deviation", "destination", "planned"),
    [
        ({"status": "R", "divertedAirportFsCode": "BOS"}, "diverted", "BOS", "JFK"),
        ({"status": "D", "divertedAirportFsCode": "BOS"}, "diverted", "BOS", "JFK"),
        ({"status": "A", "divertedAirportFsCode": "BOS"}, "diverted", "BOS", "JFK"),
        # Nobody says where to.
        ({"status": "D"}, "diverted", "JFK", "JFK"),
        ({"status": "R", "irregularOperations": [DIVERSION]}, "diverted", "BOS", "JFK"),
        # It came down where it was to all the same.
        ({"status": "L", "irregularOperations": [DIVERSION]}, "none", "JFK", None),
        ({"status": "L", "divertedAirportFsCode": "BOS"}, "none", "JFK", None),
        ({"status": "A", "irregularOperations": [DIVERSION]}, None, "JFK", None),
    ],
)
def test_trap_27_a_diversion_keeps_the_planned_airport(
    members: dict[str, Any], deviation: str | None, destination: str, planned: str | None
) -> None:
    status = status_of(leg(**members))
    assert (status.deviation, status.destination, status.planned_destination) == (
        deviation,
        destination,
        planned,
    )


@pytest.mark.parametrize("status", ["R", "D"])
def test_trap_26_a_diversion_to_the_origin_is_an_air_return(status: str) -> None:
    said = status_of(leg(status=status, divertedAirportFsCode="LHR"))
    assert (said.deviation, said.destination, said.planned_destination) == (
        "air_return",
        "LHR",
        "JFK",
    )
    # The arrival airport may be rewritten too; then nobody says where it was to go.
    said = status_of(leg(status=status, arrivalAirportFsCode="LHR"))
    assert (said.deviation, said.destination, said.planned_destination) == (
        "air_return",
        "LHR",
        None,
    )


def test_a_round_trip_that_comes_down_elsewhere_is_a_diversion() -> None:
    said = status_of(leg(status="D", arrivalAirportFsCode="LHR", divertedAirportFsCode="LGW"))
    assert (said.deviation, said.destination, said.planned_destination) == (
        "diverted",
        "LGW",
        "LHR",
    )


def test_trap_27_the_continuation_is_a_leg_of_its_own() -> None:
    diverted = leg(
        status="D",
        divertedAirportFsCode="BOS",
        irregularOperations=[DIVERSION, operation("CONTINUED_BY", relatedFlightId=1270099901)],
    )
    onward = leg(
        flightId=1270099901,
        departureAirportFsCode="BOS",
        operationalTimes={
            "scheduledGateDeparture": when("2026-07-15T17:00", "2026-07-15T13:00"),
        },
        irregularOperations=[operation("CONTINUATION_OF", relatedFlightId="1270011700")],
    )
    first, second = status_of(diverted), status_of(onward)
    assert first.evidence == ("irregular=DIVERSION", "continued_by=cirium:1270099901")
    assert second.evidence == ("continuation_of=cirium:1270011700",)
    assert first.aliases == second.aliases == ()
    keys = [known["key"] for known in legs_after(diverted, onward)]
    assert keys == ["BAW117.BOS.2026-07-15", "BAW117.LHR.2026-07-15"]


GATE_RETURN = operation("RETURN_TO_GATE", "2026-07-15T07:45:00.000Z")
AIR_RETURN = operation("RETURN_FROM_AIRBORNE", "2026-07-15T08:30:00.000Z")


def flown(**moments: str) -> dict[str, Any]:
    """Operational times of these moments."""
    return {name: when(moment) for name, moment in moments.items()}


def test_trap_25_a_return_to_the_gate_withdraws_the_off_block_before_it() -> None:
    left = flown(actualGateDeparture="2026-07-15T07:25")
    status = status_of(
        leg(
            status="S",
            operationalTimes=left,
            irregularOperations={"irregularOperation": GATE_RETURN},
        )
    )
    assert (status.deviation, status.out_actual) == ("ramp_return", None)
    assert status.cleared == ("out_actual",)
    assert status.destination == "JFK"
    again = flown(actualGateDeparture="2026-07-15T08:10")
    status = status_of(leg(operationalTimes=again, irregularOperations=[GATE_RETURN]))
    assert (status.deviation, status.cleared) == (None, ())
    assert status.out_actual == at("2026-07-15T08:10:00Z")


def test_trap_26_a_return_from_the_air() -> None:
    left = flown(actualGateDeparture="2026-07-15T07:25", actualRunwayDeparture="2026-07-15T07:45")
    status = status_of(
        leg(status="A", operationalTimes=left, irregularOperations=[AIR_RETURN, GATE_RETURN])
    )
    assert (status.deviation, status.destination) == ("air_return", "LHR")
    assert status.planned_destination == "JFK"
    assert status.off_actual == at("2026-07-15T07:45:00Z")
    assert status.cleared == ()


def test_a_return_without_a_time_is_evidence() -> None:
    status = status_of(leg(irregularOperations=[operation("RETURN_TO_GATE")]))
    assert (status.deviation, status.evidence) == (None, ("irregular=RETURN_TO_GATE",))


CANCELLATION = operation("CANCELLATION", "2026-07-15T04:00:00.000Z")
REINSTATEMENT = operation("REINSTATEMENT", "2026-07-15T04:30:00.000Z")


@pytest.mark.parametrize(
    ("status", "operations", "life"),
    [
        ("S", [CANCELLATION], "operating"),
        ("C", [REINSTATEMENT], "cancelled"),
        ("U", [CANCELLATION], "doubtful"),
        ("U", [REINSTATEMENT, CANCELLATION], "unsaid"),
        (None, [CANCELLATION, REINSTATEMENT, operation("FLYOVER")], "unsaid"),
        ("DN", [operation("CANCELLATION")], "doubtful"),
    ],
)
def test_irregular_operations_count_where_the_status_says_nothing(
    status: str | None, operations: list[dict[str, Any]], life: str
) -> None:
    assert status_of({**leg(irregularOperations=operations), "status": status}).life == life


@pytest.mark.parametrize(
    ("texts", "moment"),
    [
        (["2026-07-15T05:00:00.250Z", "2026-07-15T04:00:00.000Z"], "2026-07-15T05:00:00.250Z"),
        (["2026-07-15T04:00:00.000Z", "2026-07-15T05:00:00.250Z"], "2026-07-15T05:00:00.250Z"),
        (["2026-07-15T05:00:00Z", "2026-07-15T05:00:00.250Z"], "2026-07-15T05:00:00.250Z"),
        (["2026-07-15T05:00:00.250+02:00", "2026-07-15T04:00:00.000Z"], "2026-07-15T04:00:00Z"),
        (["zzzz-07-15T05:00:00.250Z", "2026-07-15T04:00:00.000Z"], "2026-07-15T04:00:00Z"),
        (["9999-12-31T23:59:59.999Z", "2026-07-15T04:00:00.000Z"], "2026-07-15T04:00:00Z"),
        (["later"], "2026-07-15T06:00:00Z"),
        ([], "2026-07-15T06:00:00Z"),
    ],
)
def test_trap_18_the_order_is_that_of_the_newest_change(texts: list[str], moment: str) -> None:
    changes = [{"updatedAt": {"dateUtc": text}, "source": "ASDI"} for text in texts]
    for said in (changes, {"flightStatusUpdate": changes}):
        assert status_of(leg(flightStatusUpdates=said)).source_time == at(moment)


def test_an_alert() -> None:
    alert: dict[str, Any] = {
        "alert": {
            "event": {"type": "CANCELLED", "value": None},
            "dataSource": "Airline Direct",
            "dateTimeRecorded": "2026-07-15T05:30:00.096Z",
            "rule": {
                "id": "480193377",
                "name": "somebody's trip",
                "ruleEvents": {"ruleEvent": {"type": "ALL_CHANGES"}},
                "nameValues": None,
                "delivery": {"format": "json", "destination": "https://example.org/hook"},
            },
            "flightStatus": leg(
                flightId="677848987",
                status="C",
                codeshares={"codeshare": {"fsCode": "AA", "flightNumber": "6143"}},
            ),
        },
        "appendix": {"airlines": {"airline": {"fs": "BA", "iata": "BA", "icao": "BAW"}}},
    }
    status = status_of(alert)
    assert status.source_time == at("2026-07-15T05:30:00.096Z")
    assert status.source_id == "cirium:677848987"
    assert (status.life, status.evidence) == ("cancelled", ("event=CANCELLED",))
    assert status.code_shares == ("AA6143",)
    assert leg_key(json.dumps(alert).encode()) == "677848987"
    alert["alert"]["dateTimeRecorded"] = "half past five"
    status = status_of(alert)
    assert status.source_time == at("2026-07-15T05:00:00.250Z")
    assert status.evidence == ("event=CANCELLED", "unread=alert.dateTimeRecorded")
    del alert["alert"]["flightStatus"]
    assert rejected(alert) == "flightStatus: missing, so no flight is named"


def test_a_feed_item_without_changes_counts_from_its_address() -> None:
    feed = "https://api.flightstats.com/flex/flightstatusfeed/rest/v2/json"
    item = leg(flightStatusUpdates=[])
    for url, moment in (
        (f"{feed}/2026/07/15/05/34/21/402/cGV6PL", "2026-07-15T05:34:21.402Z"),
        (f"{feed}/2026/07/15/05/34/21/402/cGV6PL?appKey=secret", "2026-07-15T05:34:21.402Z"),
        (f"{feed}/2026/13/15/05/34/21/402/cGV6PL", "2026-07-15T06:00:00Z"),
        (f"{feed}/latest", "2026-07-15T06:00:00Z"),
        ("/" * 5000, "2026-07-15T06:00:00Z"),
    ):
        body = {"request": {"url": url}, "flightStatuses": [item]}
        assert status_of(body).source_time == at(moment)
        assert "secret" not in repr(status_of(body))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"items": ["https://api.flightstats.com/flex/flightstatusfeed/x"]}, "feed_page"),
        ({"error": {"httpStatusCode": 403, "errorCode": "AUTH_FAILURE"}}, "feed_error"),
        ({"flightStatuses": []}, "says_nothing"),
        ({"flightNumber": "117", "carrierFsCode": "BA"}, "says_nothing"),
        ({"flightNumber": "117", "carrierFsCode": "BA", "status": "U"}, "says_nothing"),
    ],
)
def test_what_says_nothing_of_a_flight_is_dropped(body: dict[str, Any], reason: str) -> None:
    assert parsed(body) == Drop(reason)


def test_a_document_that_was_not_split() -> None:
    other = leg(flightId=2, flightNumber="175")
    mute = {"flightNumber": "1", "carrierFsCode": "BA"}
    answer = {"request": {"url": "x"}, "flightStatuses": [leg(), mute, other], "appendix": {}}
    first, second = statuses_of(answer)
    assert [status.number for status in (first, second)] == [117, 175]
    assert [status.id[-2:] for status in (first, second)] == [".0", ".2"]
    assert [status.number for status in statuses_of([leg(), other])] == [117, 175]
    assert leg_key(json.dumps(answer).encode()) is None
    broken = {"flightStatuses": [leg(), {"carrierFsCode": "BA"}]}
    assert rejected(broken) == "flightStatus 2: flightNumber: missing, so no flight is named"


def test_an_answer_is_split_into_its_legs() -> None:
    other = leg(flightId=2, flightNumber="175")
    answer = {
        "request": {"url": "x"},
        "appendix": {"airlines": []},
        "flightStatuses": [leg(), other],
    }
    data = json.dumps(answer).encode() + b"\n" + json.dumps(leg(flightId=3)).encode()
    pieces = list(split([data]))
    assert [leg_key(piece.payload) for piece in pieces] == ["1270011700", "2", "3"]
    assert [status_of(piece.payload).number for piece in pieces] == [117, 175, 117]
    assert not any(b"appendix" in piece.payload for piece in pieces)
    assert list(split([data[at : at + 7] for at in range(0, len(data), 7)])) == pieces


def test_trap_21_the_same_leg_again_and_again_is_one_leg() -> None:
    moments = [f"2026-07-15T0{hour}:00:00.000Z" for hour in (1, 2, 3, 4)]
    [one] = legs_after(*(updated(moment, status="S") for moment in moments))
    assert one["key"] == "BAW117.LHR.2026-07-15"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"117",
        b'"BA117"',
        b"{}",
        b"[]",
        b"[1, 2]",
        b"[[]]",
        b'{"flightStatus": 1}',
        b'{"flightStatuses": 1}',
        b'{"flightStatuses": [1]}',
        b'{"alert": {"flightStatus": []}}',
        b'{"flightNumber": "117"',
        b'{"flightNumber": "\xff"}',
        rb'{"flightNumber": "117", "carrierFsCode": "\ud83d"}',
        b'{"flightNumber": ' + b"9" * 5_000 + b"}",
        b'{"flightNumber": [], "x": ' + b"9" * 5_000 + b"}",
        b'{"x": ' + b"[" * 100_000,
        b'{"flightNumber": [], "x": ' + b"[" * 100_000,
        b'{"flightStatus":' * 100_000,
        b"<alert/>",
    ],
    ids=lambda body: str(body[:40]),
)
def test_broken_bytes_are_rejected(body: bytes) -> None:
    assert rejected(body)
    assert leg_key(body) is None
    detect(body)
    list(split([body]))


def test_only_ciriums_own_bytes_are_taken() -> None:
    bodies: list[Any] = [
        leg(),
        {"flightStatus": leg()},
        {"request": {}, "appendix": {}, "flightStatuses": []},
        {"items": ["https://api.flightstats.com/flex/flightstatusfeed/rest/v2/json/x"]},
        {"request": {}, "appendix": {"airlines": [{"fs": "BA"}]}},
        [leg()],
    ]
    for body in bodies:
        assert detect(b"\xef\xbb\xbf " + json.dumps(body).encode())
    assert not detect(b"<flightStatus>carrierFsCode</flightStatus>")
    assert not detect(b'{"type": "flifo", "pitr": "1"}')
    assert not detect(b'{"appendix": "see there"}')


MEMBERS = st.dictionaries(
    st.sampled_from([*leg(), "codeshares", "irregularOperations", "divertedAirportFsCode"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "dateUtc", "dateLocal", "updatedAt", "codeshare", "fsCode"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=5,
    ),
    max_size=5,
)


@given(MEMBERS)
def test_whatever_a_member_is_there_is_an_outcome(members: dict[str, Any]) -> None:
    outcome = parsed({**leg(), **members})
    assert isinstance(outcome, Forward | Drop | Reject)
    if isinstance(outcome, Forward):
        assert codec.decode_pack(codec.encode_pack(outcome.outputs)) == list(outcome.outputs)
    if isinstance(outcome, Reject):
        assert len(outcome.reason) < 400


@given(st.binary())
def test_whatever_the_bytes_there_is_an_outcome(payload: bytes) -> None:
    assert isinstance(parsed(payload), Drop | Reject)
    FORMATS["cirium"].detect(payload)
    FORMATS["cirium"].leg_key(payload)
