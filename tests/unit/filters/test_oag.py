"""OAG events and API items, written by hand from the vendor's field descriptions."""

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
from filters.normalize.vendors.oag import FIELDS, detect, leg_key, split
from filters.outcome import Drop, Forward, Reject
from pipeline.memory.tables import MemoryLegs
from schemas import codec
from schemas.records import FlightStatus
from tests.unit.filters.json_feeds import JsonFeed, told
from tests.unit.filters.records import POLICY, SOURCES, at

RECEIVED = at("2026-05-10T06:00:00Z")
OPERATING, MARKETING = "5f48" * 16, "9a07" * 16


def both(utc: str, offset: int) -> dict[str, str]:
    """An estimated or actual moment, from `2026-05-10T00:20` in UTC, as OAG writes it."""
    hour, _, minute = utc[11:].partition(":")
    local = f"{utc[:11]}{int(hour) + offset:02}:{minute}:00{offset:+03}:00"
    return {"local": local, "utc": f"{utc}:00+00:00"}


def airport(iata: str, icao: str | None = None) -> dict[str, Any]:
    """An airport's codes."""
    return {"iata": iata, "icao": icao} if icao else {"iata": iata}


def end(code: str, scheduled: str | None = None, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (members)
    """One end of a leg; `scheduled` is local, without a zone."""
    times = members.pop("times", {})
    if scheduled is not None:
        times = {"scheduled": {"local": scheduled}, **times}
    return {"airport": airport(code), "times": times, **members}


def event(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """Hong Kong Airlines 612 from Hong Kong to Bangkok on 10 May 2026; None leaves one out."""
    whole: dict[str, Any] = {
        "documentType": "FlightStatus",
        "flightType": "Scheduled",
        "state": "Scheduled",
        "serviceType": "J",
        "flightNumber": "612",
        "serviceSuffix": "",
        "carrierCode": {"iata": "HX", "icao": "CRK"},
        "originationDate": {"local": "2026-05-10T00:00:00"},
        "departure": end("HKG", "2026-05-10T08:00:00"),
        "arrival": end("BKK", "2026-05-10T09:55:00"),
        "messageTimestamp": str(at("2026-05-10T00:05:00.460Z")),
        "statusKey": OPERATING,
        "isOperating": True,
    }
    return {name: value for name, value in {**whole, **members}.items() if value is not None}


def marketing(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (members)
    """The same, as told of Cathay Pacific 7698, under which it is sold."""
    told = {
        "flightNumber": "7698",
        "carrierCode": {"iata": "CX", "icao": "CPA"},
        "statusKey": MARKETING,
        "isOperating": False,
        "codeshare": {
            "operatingFlight": {
                "scheduleInstanceKey": "c88e" * 16,
                "flightNumber": 612,
                "carrierCode": {"iata": "HX", "icao": "CRK"},
            }
        },
    }
    return event(**{**told, **members})


def schedule(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """A schedule event: Citilink 916 from Jakarta to Medan on 1 December 2026."""
    whole: dict[str, Any] = {
        "documentType": "ScheduleInstance",
        "status": "changed",
        "updatedAt": "2026-05-09 14:52:53.000",
        "carrierCode": {"iata": "QG", "icao": "CTV"},
        "flightNumber": 916,
        "sequenceNumber": 1,
        "departure": {
            "airport": airport("CGK"),
            "terminal": "1",
            "passengerLocalTime": "15:40",
            "date": "2026-12-01",
        },
        "arrival": {
            "airport": airport("KNO"),
            "passengerLocalTime": "18:10",
            "date": "2026-12-01",
        },
        "serviceTypeCode": {"iata": "J"},
        "arrivalIntervalDays": 0,
        "legArrivalIntervalDays": 0,
        "segmentInfo": {"numberOfStops": 0},
    }
    return {name: value for name, value in {**whole, **members}.items() if value is not None}


def item(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """An item of the API: American 100 from New York to Heathrow on 10 May 2026."""
    whole: dict[str, Any] = {
        "carrier": {"iata": "AA", "icao": "AAL"},
        "serviceSuffix": "",
        "flightNumber": 100,
        "flightType": "Scheduled",
        "departure": {
            "airport": airport("JFK", "KJFK"),
            "terminal": "8",
            "date": {"local": "2026-05-10", "utc": "2026-05-10"},
            "time": {"local": "18:15", "utc": "22:15"},
        },
        "arrival": {
            "airport": airport("LHR", "EGLL"),
            "terminal": "3",
            "date": {"local": "2026-05-11", "utc": "2026-05-11"},
            "time": {"local": "06:20", "utc": "05:20"},
        },
        "serviceType": {"iata": "J"},
        "scheduleInstanceKey": "cbf3" * 16,
        "statusKey": OPERATING,
        "statusDetails": [detail()],
    }
    return {name: value for name, value in {**whole, **members}.items() if value is not None}


def detail(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (members)
    """What an item's statusDetails hold."""
    return {"state": "InAir", "updatedAt": "2026-05-10T23:00:00Z", **members}


FEED = JsonFeed("oag", RECEIVED)
message, parsed, rejected = FEED.message, FEED.parsed, FEED.rejected
statuses_of, status_of = FEED.statuses_of, FEED.status_of


def key_of(body: Any) -> str | None:  # noqa: ANN401  (JSON)
    """The name that routes a message."""
    return leg_key(json.dumps(body).encode())


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


def test_a_whole_status_event() -> None:
    status = status_of(
        event(
            state="OutGate",
            equipment={
                "aircraftType": {"iata": "320", "icao": "A320"},
                "aircraftRegistrationNumber": "BLPA",
            },
            departure=end("HKG", "2026-05-10T08:00:00", terminal="1", gate="36"),
            arrival=end("BKK", "2026-05-10T09:55:00", gate="D12", baggage="7A", terminal=2),
            codeshare={
                "marketingFlights": [
                    {"flightNumber": 7698, "carrierCode": {"iata": "CX", "icao": "CPA"}},
                    {"flightNumber": "7200", "carrierCode": {"iata": "JL", "icao": "JAL"}},
                ]
            },
        )
    )
    assert status == FlightStatus(
        id=f"{status.message_id}.0",
        message_id=status.message_id,
        format="oag",
        feed="test",
        source_time=at("2026-05-10T00:05:00.460Z"),
        source_rank=SOURCES.of("test", "oag").rank,
        sequence=0,
        received_at=RECEIVED,
        source_id=f"oag:{OPERATING}",
        airline="CRK",
        number=612,
        origin="HKG",
        destination="BKK",
        date="2026-05-10",
        date_basis="scheduled",
        registration="BLPA",
        life="operating",
        service="J",
        out_scheduled=at("2026-05-10T00:00:00Z"),
        in_scheduled=at("2026-05-10T02:55:00Z"),
        out_terminal="1",
        out_gate="36",
        in_terminal="2",
        in_gate="D12",
        baggage="7A",
        code_shares=("CX7698", "JL7200"),
    )


FLOWN = [
    (side, kind, member, f"{milestone}_{kind}", offset)
    for side, members, offset in (
        ("departure", {"outGate": "out", "offGround": "off"}, 8),
        ("arrival", {"onGround": "on", "inGate": "in"}, 7),
    )
    for kind in ("estimated", "actual")
    for member, milestone in members.items()
]


@pytest.mark.parametrize(("side", "kind", "member", "cell", "offset"), FLOWN)
def test_trap_14_a_time_fills_its_own_cell_and_no_other(
    side: str, kind: str, member: str, cell: str, offset: int
) -> None:
    code = "HKG" if side == "departure" else "BKK"
    moment = both("2026-05-10T01:20", offset)
    expected = {cell: at("2026-05-10T01:20:00Z")}
    bare = {"departure": end("HKG"), "arrival": end("BKK")}
    for said in (moment, {"utc": moment["utc"]}, {"local": moment["local"]}):
        body = event(**{**bare, side: end(code, times={kind: {member: said}})})
        assert told(status_of(body)) == expected
        pulled = detail(**{side: {f"{kind}Time": {member: said}}})
        assert told(status_of(event(**bare, statusDetails=[pulled]))) == expected
    # Local time without an offset.
    body = event(
        **{**bare, side: end(code, times={kind: {member: {"local": moment["local"][:19]}}})}
    )
    assert told(status_of(body)) == expected


def test_the_page_of_fields_names_every_time() -> None:
    documented = " ".join(FIELDS)
    for side, kind, member, _, _ in FLOWN:
        assert f"{side}.times.{kind}.{member}" in documented


@pytest.mark.parametrize(
    ("state", "life", "deviation"),
    [
        ("Scheduled", "operating", None),
        ("OutGate", "operating", None),
        ("InAir", "operating", None),
        ("Landed", "operating", None),
        ("InGate", "operating", None),
        ("Diverted", "operating", "diverted"),
        ("Canceled", "cancelled", None),
        ("Cancelled", "cancelled", None),
        ("CANCELED", "cancelled", None),
        ("In Air", "operating", None),
    ],
)
def test_a_state_says_whether_it_flies(state: str, life: str, deviation: str | None) -> None:
    for body in (event(state=state), item(statusDetails=[detail(state=state)])):
        status = status_of(body)
        assert (status.life, status.deviation, status.evidence) == (life, deviation, ())


@pytest.mark.parametrize("state", ["Unknown", "Delayed", "NoTakeOffInfo", "Past Flight"])
def test_trap_23_a_state_nobody_documents_says_nothing(state: str) -> None:
    status = status_of(event(state=state))
    assert (status.life, status.evidence) == ("unsaid", (f"state={state}",))
    assert status_of(event(state=None)).evidence == ()


def stamped(text: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (members)
    """An event made at that time."""
    return event(messageTimestamp=str(at(text)), **members)


def test_trap_22_a_cancelled_flight_is_scheduled_again() -> None:
    cancelled = stamped("2026-05-09T20:00:00Z", state="Canceled")
    again = stamped("2026-05-09T21:00:00Z", state="Scheduled")
    [one] = legs_after(cancelled, again)
    assert one["life"] == "operating"
    [other] = legs_after(again, stamped("2026-05-09T22:00:00Z", state="Canceled"))
    assert other["life"] == "cancelled"


def test_trap_05_the_event_of_a_marketing_number_is_about_the_operating_flight() -> None:
    status = status_of(marketing())
    assert (status.airline, status.number, status.code_shares) == ("CRK", 612, ("CX7698",))
    assert (status.source_id, status.aliases) == (None, (f"oag:{MARKETING}",))
    own = status_of(event())
    assert (own.source_id, own.aliases) == (f"oag:{OPERATING}", ())
    assert key_of(event()) == key_of(marketing()) == "CRK612.HKG.2026-05-10"


def test_trap_05_the_events_of_all_numbers_are_one_leg() -> None:
    cancelled = stamped("2026-05-09T20:00:00Z", state="Canceled")
    duplicate = marketing(state="Canceled", messageTimestamp=str(at("2026-05-09T20:00:01Z")))
    third = marketing(
        flightNumber="7200",
        carrierCode={"iata": "JL"},
        statusKey="77aa" * 16,
        state="Canceled",
        messageTimestamp=at("2026-05-09T20:00:02Z"),
    )
    [one] = legs_after(cancelled, duplicate, third)
    assert one["key"] == "CRK612.HKG.2026-05-10"
    assert {one["share:CX7698"], one["share:JL7200"]} == {"CX7698", "JL7200"}


def test_a_marketing_flight_of_nobody_known_keeps_its_own_name() -> None:
    unsaid: list[Any] = [None, {}, {"operatingFlight": None}, {"operatingFlight": {}}]
    for codeshare in unsaid:
        status = status_of(marketing(codeshare=codeshare))
        assert (status.airline, status.number) == ("CPA", 7698)
        assert status.source_id == f"oag:{MARKETING}"
        assert status.evidence == ("operating=unknown",)


def test_an_event_that_is_the_operating_flights_own_is_not_renamed() -> None:
    status = status_of(marketing(isOperating=True))
    assert (status.airline, status.number) == ("CPA", 7698)
    said = marketing(isOperating=None)
    assert status_of(said).airline == "CRK"


@pytest.mark.parametrize(
    ("members", "flight"),
    [
        ({}, "CRK612"),
        ({"flightNumber": 612}, "CRK612"),
        ({"flightNumber": "0612"}, "CRK612"),
        ({"serviceSuffix": "A"}, "CRK612A"),
        ({"flightNumber": "612D"}, "CRK612D"),
        ({"carrierCode": {"icao": "CRK"}}, "CRK612"),
        ({"carrierCode": {"iata": "", "icao": "CRK"}}, "CRK612"),
        ({"carrierCode": "HX"}, "CRK612"),
        # An IATA code that nobody knows, beside an ICAO one.
        ({"carrierCode": {"iata": "0Z", "icao": "ZZQ"}}, "ZZQ612"),
        ({"carrierCode": {"iata": "0Z"}}, "0Z612"),
        # The members changed places.
        ({"carrierCode": {"icao": "HX"}}, "CRK612"),
    ],
)
def test_trap_32_a_flight_is_named_by_either_code(members: dict[str, Any], flight: str) -> None:
    status = status_of(event(**members))
    assert f"{status.airline}{status.number}{status.suffix}" == flight


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"flightNumber": None}, "flightNumber: missing, so no flight is named"),
        ({"flightNumber": [612]}, "flightNumber: an array, so no flight is named"),
        ({"flightNumber": 612.0}, "flightNumber: a number, so no flight is named"),
        ({"carrierCode": None}, "carrierCode: missing, so no flight is named"),
        ({"carrierCode": [1]}, "carrierCode: an array, so no flight is named"),
        ({"carrierCode": {}}, "flightNumber:  612 is no flight"),
        ({"flightNumber": "12345"}, "flightNumber: HX 12345 is no flight"),
        ({"flightNumber": 0}, "flightNumber: HX 0 is no flight"),
        ({"serviceSuffix": "servsuf"}, "flightNumber: HX 612 is no flight"),
    ],
)
def test_what_names_no_flight_is_rejected_by_the_member(
    members: dict[str, Any], reason: str
) -> None:
    assert rejected(event(**members)) == reason


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"flightType": "GA"}, "not_an_airline_flight"),
        ({"flightType": "General Aviation"}, "not_an_airline_flight"),
        ({"flightType": "GeneralAviation", "carrierCode": None}, "not_an_airline_flight"),
        ({"flightType": "Unscheduled", "carrierCode": None}, "not_an_airline_flight"),
        ({"flightType": "Unscheduled", "flightNumber": None}, "not_an_airline_flight"),
        ({"documentType": "SeatMap"}, "unknown_type"),
    ],
)
def test_trap_30_what_is_no_airline_flight_is_dropped(members: dict[str, Any], reason: str) -> None:
    assert parsed(event(**members)) == Drop(reason)


def test_an_unscheduled_flight_of_an_airline_is_one() -> None:
    assert status_of(event(flightType="Unscheduled")).airline == "CRK"


def test_what_says_nothing_of_a_flight_is_dropped() -> None:
    mute = {"documentType": "FlightStatus", "flightNumber": 1, "carrierCode": {"iata": "HX"}}
    assert parsed(mute) == Drop("says_nothing")
    assert parsed({"data": []}) == Drop("says_nothing")


@pytest.mark.parametrize(
    ("local", "times", "moment"),
    [
        ("2026-05-10T08:00:00", {}, "2026-05-10T07:00:00Z"),
        # 01:30 at Heathrow does not exist on 29 March 2026, and is there twice on 25 October.
        ("2026-03-29T01:30:00", {}, "2026-03-29T01:30:00Z"),
        ("2026-10-25T01:30:00", {}, "2026-10-25T00:30:00Z"),
        # What the gate time varies from it by says which one.
        (
            "2026-10-25T01:30:00",
            {
                "estimated": {
                    "outGate": {"utc": "2026-10-25T01:05:00+00:00"},
                    "outGateVariation": "-00:25:00",
                }
            },
            "2026-10-25T01:30:00Z",
        ),
        (
            "2026-10-25T01:30:00",
            {
                "actual": {
                    "outGate": {"utc": "2026-10-25T01:05:00+00:00"},
                    "outGateVariation": "00:35:00",
                }
            },
            "2026-10-25T00:30:00Z",
        ),
        # Without a variation the nearer one is meant.
        (
            "2026-10-25T01:30:00",
            {"actual": {"outGate": {"utc": "2026-10-25T01:25:00+00:00"}}},
            "2026-10-25T01:30:00Z",
        ),
        # A zone on a time that is local by name is a slip.
        ("2026-05-10T08:00:00Z", {}, "2026-05-10T07:00:00Z"),
        ("2026-05-10T08:00:00+00:00", {}, "2026-05-10T07:00:00Z"),
        ("2026-05-10T08:00:00+01:00", {}, "2026-05-10T07:00:00Z"),
    ],
)
def test_trap_12_a_scheduled_time_is_read_at_its_airport(
    local: str, times: dict[str, Any], moment: str
) -> None:
    body = event(departure=end("LHR", local, times=times), arrival=None)
    assert status_of(body).out_scheduled == at(moment)


def test_trap_12_a_scheduled_time_may_stand_in_utc_without_saying_so() -> None:
    times = {"scheduled": {"local": "2026-05-10T08:00:00", "utc": "2026-05-10T00:00:00"}}
    assert status_of(event(departure=end("HKG", times=times))).out_scheduled == at(
        "2026-05-10T00:00:00Z"
    )
    times["scheduled"]["utc"] = "soon"
    status = status_of(event(departure=end("HKG", times=times)))
    assert status.out_scheduled == at("2026-05-10T00:00:00Z")
    assert status.evidence == ("unread=out_scheduled.utc",)


@pytest.mark.parametrize(
    ("variation", "moment"),
    [
        ("00:20:00", "2026-05-10T00:00:00Z"),
        ("-00:05:00", "2026-05-10T00:25:00Z"),
        ("1.00:20:00", "2026-05-09T00:00:00Z"),
        ("26:20", "2026-05-08T22:00:00Z"),
        ("late", None),
    ],
)
def test_a_variation_tells_the_schedule_where_nothing_else_does(
    variation: str, moment: str | None
) -> None:
    gate = {"outGate": both("2026-05-10T00:20", 8), "outGateVariation": variation}
    expected = None if moment is None else at(moment)
    for code, scheduled in (("HKG", None), ("ZZ9", "2026-05-10T08:00:00")):
        status = status_of(event(departure=end(code, scheduled, times={"estimated": gate})))
        assert status.out_scheduled == expected


def test_trap_12_without_a_zone_a_local_time_is_not_guessed() -> None:
    status = status_of(event(departure=end("ZZ9", "2026-05-10T08:00:00")))
    assert status.out_scheduled is None
    assert (status.date, status.date_basis) == ("2026-05-10", "scheduled")
    assert status.evidence == ("unzoned=out_scheduled.local",)


@pytest.mark.parametrize(
    ("members", "date", "basis"),
    [
        ({}, "2026-05-10", "scheduled"),
        # The flight may have begun elsewhere the day before.
        ({"originationDate": {"local": "2026-05-09T00:00:00"}}, "2026-05-10", "scheduled"),
        ({"departure": end("HKG")}, "2026-05-10", "filed"),
        ({"departure": end("HKG", "2026-02-30T08:00:00")}, "2026-05-10", "filed"),
        ({"departure": end("HKG"), "originationDate": None, "arrival": None}, None, "none"),
        (
            {"departure": end("HKG"), "originationDate": {"local": "soon"}, "arrival": None},
            None,
            "none",
        ),
    ],
)
def test_the_local_date(members: dict[str, Any], date: str | None, basis: str) -> None:
    status = status_of({**event(), **members})
    assert (status.date, status.date_basis) == (date, basis)


@pytest.mark.parametrize(
    ("members", "deviation", "destination", "planned"),
    [
        ({"diversionAirport": airport("UTP", "VTBU")}, "diverted", "UTP", "BKK"),
        ({"diversionAirport": "UTP"}, "diverted", "UTP", "BKK"),
        ({"state": "InGate", "diversionAirport": {"icao": "VTBU"}}, "diverted", "UTP", "BKK"),
        ({"state": "Diverted"}, "diverted", "BKK", "BKK"),
        ({"state": "Landed"}, None, "BKK", None),
    ],
)
def test_trap_27_a_diversion_keeps_the_planned_airport(
    members: dict[str, Any], deviation: str | None, destination: str, planned: str | None
) -> None:
    status = status_of(event(**members))
    assert (status.deviation, status.destination, status.planned_destination) == (
        deviation,
        destination,
        planned,
    )


def test_trap_27_the_diversion_airport_may_stand_in_other_places() -> None:
    arrival = end("BKK", "2026-05-10T09:55:00", diversionAirport=airport("UTP"))
    assert status_of(event(arrival=arrival)).destination == "UTP"
    pulled = item(statusDetails=[detail(diversionAirport=airport("LGW"))])
    assert status_of(pulled).destination == "LGW"


def test_trap_26_a_diversion_to_the_origin_is_an_air_return() -> None:
    status = status_of(event(diversionAirport=airport("HKG")))
    assert (status.deviation, status.destination, status.planned_destination) == (
        "air_return",
        "HKG",
        "BKK",
    )


def test_null_says_as_little_as_a_missing_member() -> None:
    names = ("equipment", "codeshare", "diversionAirport", "originationDate", "serviceType")
    status = status_of({**event(), **dict.fromkeys(names)})
    assert status.cleared == ()
    assert told(status) == told(status_of(event()))
    empty = end("HKG", "2026-05-10T08:00:00", gate=None, terminal="")
    status = status_of(event(departure=empty))
    assert (status.out_gate, status.out_terminal) == (None, None)


@pytest.mark.parametrize("value", ["2026-02-30T10:00:00Z", "0001-01-01T00:00:00Z", "?", 5, []])
def test_a_bad_time_among_good_ones_costs_only_itself(value: object) -> None:
    times = {"estimated": {"outGate": {"utc": value}}}
    status = status_of(event(departure=end("HKG", "2026-05-10T08:00:00", times=times)))
    assert told(status).keys() == {"out_scheduled", "in_scheduled"}
    [evidence] = status.evidence
    assert evidence.endswith("estimated.outGate.utc")


def test_members_of_other_types_cost_only_themselves() -> None:
    status = status_of(
        event(
            equipment="A320",
            codeshare=[],
            isOperating="yes",
            arrival=end("BKK", "2026-05-10T09:55:00", gate={"name": "D12"}, baggage=7),
            seats="whatever nobody reads",
        )
    )
    assert (status.in_gate, status.baggage, status.registration) == (None, "7", None)
    assert told(status).keys() == {"out_scheduled", "in_scheduled"}
    assert sorted(status.evidence) == [
        "unread=arrival.gate",
        "unread=codeshare",
        "unread=equipment",
        "unread=isOperating",
    ]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (at("2026-05-10T00:05:00.460Z"), "2026-05-10T00:05:00.460Z"),
        (str(at("2026-05-10T00:05:00.460Z")), "2026-05-10T00:05:00.460Z"),
        (at("2026-05-10T00:05:00Z") // 1000, "2026-05-10T00:05:00Z"),
        ("2026-05-10T00:05:00.460Z", "2026-05-10T00:05:00.460Z"),
        ("2026-05-10T00:05:00", "2026-05-10T00:05:00Z"),
        (None, "2026-05-10T06:00:00Z"),
        ("", "2026-05-10T06:00:00Z"),
        ("soon", "2026-05-10T06:00:00Z"),
        (-1, "2026-05-10T06:00:00Z"),
        (9_999_999_999_999, "2026-05-10T06:00:00Z"),
        (10**40, "2026-05-10T06:00:00Z"),
        (1.5, "2026-05-10T06:00:00Z"),
    ],
    ids=repr,
)
def test_trap_18_the_order_is_that_of_the_event(value: object, moment: str) -> None:
    assert status_of({**event(), "messageTimestamp": value}).source_time == at(moment)


def test_trap_21_many_updates_of_a_flight_are_one_leg() -> None:
    moments = [f"2026-05-09T2{hour}:00:00Z" for hour in range(4)]
    [one] = legs_after(*(stamped(moment) for moment in moments))
    assert one["key"] == "CRK612.HKG.2026-05-10"


@pytest.mark.parametrize(
    ("status", "life", "evidence"),
    [
        ("new", "unsaid", ()),
        ("changed", "unsaid", ()),
        ("deleted", "doubtful", ("status=deleted",)),
        ("Deleted", "doubtful", ("status=Deleted",)),
        ("merged", "unsaid", ("status=merged",)),
        (None, "unsaid", ()),
    ],
)
def test_trap_23_a_deleted_schedule_is_weak(
    status: str | None, life: str, evidence: tuple[str, ...]
) -> None:
    said = status_of(schedule(status=status))
    assert (said.life, said.evidence) == (life, evidence)


def test_a_schedule_event_is_local_without_a_zone() -> None:
    status = status_of(schedule(oagFingerprint="b29c" * 16))
    assert (status.airline, status.number, status.service) == ("CTV", 916, "J")
    assert told(status) == {
        "out_scheduled": at("2026-12-01T08:40:00Z"),
        "in_scheduled": at("2026-12-01T11:10:00Z"),
    }
    assert (status.date, status.date_basis) == ("2026-12-01", "scheduled")
    assert (status.source_id, status.out_terminal) == (None, "1")
    assert status.source_time == at("2026-05-09T14:52:53Z")
    assert status.evidence == (f"fingerprint={'b29c' * 16}",)
    assert key_of(schedule()) == "CTV916.CGK.2026-12-01"


@pytest.mark.parametrize(
    ("arrival", "members", "moment"),
    [
        ({"passengerLocalTime": "0010"}, {"arrivalIntervalDays": 1}, "2026-12-01T17:10:00Z"),
        # The days of the leg before those of the whole flight.
        (
            {"passengerLocalTime": "00:10"},
            {"arrivalIntervalDays": 2, "legArrivalIntervalDays": 1},
            "2026-12-01T17:10:00Z",
        ),
        # A date by name before a number of days.
        (
            {"passengerLocalTime": "00:10", "date": "2026-12-02"},
            {"arrivalIntervalDays": 0},
            "2026-12-01T17:10:00Z",
        ),
        ({"passengerLocalTime": "23:50"}, {"arrivalIntervalDays": -1}, "2026-11-30T16:50:00Z"),
        ({"passengerLocalTime": "00:10"}, {}, None),
        ({"passengerLocalTime": "00:10"}, {"arrivalIntervalDays": 400}, None),
        ({"passengerLocalTime": "00:10"}, {"arrivalIntervalDays": "1"}, None),
        ({"date": "2026-12-02"}, {}, None),
        ({"passengerLocalTime": "ten past", "date": "2026-12-02"}, {}, None),
    ],
)
def test_an_arrival_may_be_days_after_the_departure(
    arrival: dict[str, Any], members: dict[str, Any], moment: str | None
) -> None:
    days = {"arrivalIntervalDays": None, "legArrivalIntervalDays": None, **members}
    status = status_of(schedule(arrival={"airport": airport("KNO"), **arrival}, **days))
    assert status.in_scheduled == (None if moment is None else at(moment))


def test_a_schedule_with_stops_on_its_way_ends_elsewhere() -> None:
    status = status_of(schedule(segmentInfo={"numberOfStops": 2}))
    assert (status.origin, status.destination, status.in_scheduled) == ("CGK", None, None)
    assert status.evidence == ("stops=1",)


@pytest.mark.parametrize("capital", [False, True])
def test_trap_05_a_schedule_names_its_code_shares_by_data_elements(capital: bool) -> None:
    names = ("Code", "ServiceNumber", "Suffix") if capital else ("code", "serviceNumber", "suffix")

    def comment(*values: object) -> dict[str, Any]:
        return dict(zip(names, values, strict=True))

    sold = [comment("GA", "9916", ""), comment("SQ", 5916, None), comment("", "", "")]
    assert status_of(schedule(codeshare={"comments010": sold})).code_shares == ("GA9916", "SQ5916")
    operated = {"comment050": comment("GA", "204", "A"), "operatingAirlineDisclosure": []}
    status = status_of(schedule(codeshare=operated))
    assert (status.airline, status.number, status.suffix) == ("GIA", 204, "A")
    assert status.code_shares == ("QG916",)
    assert key_of(schedule(codeshare=operated)) == "GIA204A.CGK.2026-12-01"


def test_an_item_of_the_api() -> None:
    told_there = detail(
        equipment={"aircraftRegistrationNumber": "N720AN"},
        departure={
            "airport": airport("JFK"),
            "actualTerminal": "4",
            "gate": "B22",
            "estimatedTime": {
                "outGateTimeliness": "OnTime",
                "outGate": both("2026-05-10T22:15", -4),
            },
            "actualTime": {
                "outGate": both("2026-05-10T22:20", -4),
                "offGround": both("2026-05-10T22:41", -4),
            },
        },
        arrival={
            "airport": airport("LHR"),
            "actualTerminal": "3",
            "baggage": "10",
            "estimatedTime": {"inGate": both("2026-05-11T05:10", 1)},
        },
    )
    status = status_of({"data": [item(statusDetails=[told_there])], "paging": {"next": "x"}})
    assert told(status) == {
        "out_scheduled": at("2026-05-10T22:15:00Z"),
        "out_estimated": at("2026-05-10T22:15:00Z"),
        "out_actual": at("2026-05-10T22:20:00Z"),
        "off_actual": at("2026-05-10T22:41:00Z"),
        "in_scheduled": at("2026-05-11T05:20:00Z"),
        "in_estimated": at("2026-05-11T05:10:00Z"),
    }
    assert (status.out_terminal, status.out_gate, status.in_terminal) == ("4", "B22", "3")
    assert (status.baggage, status.registration) == ("10", "N720AN")
    assert (status.life, status.source_id) == ("operating", f"oag:{OPERATING}")
    assert status.source_time == at("2026-05-10T23:00:00Z")
    assert key_of({"data": [item()]}) == "AAL100.JFK.2026-05-10"


def test_the_newest_status_of_an_item_counts_and_other_legs_do_not() -> None:
    details = [
        detail(state="OutGate", updatedAt="2026-05-10T22:20:00Z"),
        detail(state="Canceled", updatedAt="2026-05-10T22:50:00Z"),
        detail(state="InAir", updatedAt="2026-05-10T22:40:00Z"),
        detail(
            state="Landed", updatedAt="2026-05-11T09:00:00Z", departure={"airport": airport("LHR")}
        ),
    ]
    status = status_of(item(statusDetails=details))
    assert (status.life, status.source_time) == ("cancelled", at("2026-05-10T22:50:00Z"))
    assert status.evidence == ("other_leg=LHR",)


def test_an_item_without_a_status_is_a_schedule() -> None:
    status = status_of(item(statusDetails=None, status=None))
    assert (status.life, status.date) == ("unsaid", "2026-05-10")
    assert told(status).keys() == {"out_scheduled", "in_scheduled"}


def test_a_document_that_was_not_split() -> None:
    other = item(flightNumber=106)
    mute = event(flightType="GA")
    answer = {"data": [item(), mute, other], "paging": {}}
    first, second = statuses_of(answer)
    assert [status.number for status in (first, second)] == [100, 106]
    assert [status.id[-2:] for status in (first, second)] == [".0", ".2"]
    assert [status.number for status in statuses_of([event(), schedule()])] == [612, 916]
    assert key_of(answer) is None
    assert parsed({"data": [mute]}) == Drop("not_an_airline_flight")
    broken = {"data": [item(), item(flightNumber=None)]}
    assert rejected(broken) == "data 2: flightNumber: missing, so no flight is named"


def test_an_answer_is_split_into_its_items() -> None:
    answer = {"data": [item(), item(flightNumber=106)], "paging": {"limit": 2}}
    data = json.dumps(answer).encode() + b"\n" + json.dumps(event()).encode()
    pieces = list(split([data]))
    assert [leg_key(piece.payload) for piece in pieces] == [
        "AAL100.JFK.2026-05-10",
        "AAL106.JFK.2026-05-10",
        "CRK612.HKG.2026-05-10",
    ]
    assert [status_of(piece.payload).number for piece in pieces] == [100, 106, 612]
    assert list(split([data[at : at + 7] for at in range(0, len(data), 7)])) == pieces


@pytest.mark.parametrize(
    "members",
    [
        {"flightNumber": None},
        {"flightNumber": 1.5},
        {"carrierCode": None},
        {"departure": None},
        {"departure": end("HKG"), "originationDate": None},
        {"departure": {"airport": {}}, "originationDate": {"local": "2026-05-10"}},
    ],
)
def test_a_leg_that_is_not_fully_named_has_no_key(members: dict[str, Any]) -> None:
    assert key_of({**event(), **members}) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"612",
        b'"HX612"',
        b"{}",
        b"[1, 2]",
        b"[[]]",
        b'{"data": 1}',
        b'{"data": [1]}',
        b'{"flightNumber": "612"',
        b'{"flightNumber": "\xff"}',
        rb'{"flightNumber": "612", "carrierCode": "\ud83d"}',
        b'{"flightNumber": ' + b"9" * 5_000 + b"}",
        b'{"flightNumber": [], "x": ' + b"9" * 5_000 + b"}",
        b'{"x": ' + b"[" * 100_000,
        b'{"flightNumber": [], "x": ' + b"[" * 100_000,
        b'{"data":[' * 100_000,
        b"<FlightStatus/>",
    ],
    ids=lambda body: str(body[:40]),
)
def test_broken_bytes_are_rejected(body: bytes) -> None:
    assert rejected(body)
    assert leg_key(body) is None
    detect(body)
    list(split([body]))


def test_only_oags_own_bytes_are_taken() -> None:
    bodies: list[Any] = [event(), marketing(), schedule(), {"data": [item()]}, [event()]]
    for body in bodies:
        assert detect(b"\xef\xbb\xbf " + json.dumps(body).encode())
    assert not detect(b"<statusDetails/>")
    assert not detect(b'{"documentType": "Invoice", "flightNumber": 1}')
    assert not detect(b'{"type": "flifo", "pitr": "1"}')


MEMBERS = st.dictionaries(
    st.sampled_from(
        [*event(), "codeshare", "equipment", "diversionAirport", "statusDetails", "data"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["iata", "times", "scheduled", "local", "utc", "airport", "date"]),
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
    outcome = parsed({**event(), **members})
    assert isinstance(outcome, Forward | Drop | Reject)
    if isinstance(outcome, Forward):
        assert codec.decode_pack(codec.encode_pack(outcome.outputs)) == list(outcome.outputs)
    if isinstance(outcome, Reject):
        assert len(outcome.reason) < 400


@given(st.binary())
def test_whatever_the_bytes_there_is_an_outcome(payload: bytes) -> None:
    assert isinstance(parsed(payload), Drop | Reject)
    FORMATS["oag"].detect(payload)
    FORMATS["oag"].leg_key(payload)
