from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.faa import tfmdata
from filters.normalize.faa.swim import eram_id, flight_of_callsign
from filters.outcome import Drop, RejectRecord
from filters.policy import load_data
from filters.sources import Source
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import at

SOURCE = Source(rank=60)
RECEIVED = at("2025-11-04T15:00:30Z")
STAMP = "2025-11-04T15:00:00Z"  # a Tuesday
# Given on that Tuesday at 11:06:40 UTC by the centre of New York.
GUFI = "KN40000300"
IGTD = "2025-11-04T14:30:00Z"
TIME_CELLS = tuple(
    f"{milestone}_{kind}"
    for milestone in ("out", "off", "on", "in")
    for kind in ("scheduled", "estimated", "actual")
)
NAMED: dict[str, str] = {
    "acid": "JBU1201",
    "airline": "JBU",
    "depArpt": "KJFK",
    "arrArpt": "KMCO",
    "flightRef": "120304050",
}
BODIES = {
    "FlightCreate": "ncsmFlightCreate",
    "FlightModify": "ncsmFlightModify",
    "FlightTimes": "ncsmFlightTimes",
    "FlightRoute": "ncsmFlightRoute",
    "FlightSectors": "ncsmFlightSectors",
    "FlightScheduleActivate": "ncsmFlightScheduleActivate",
}


def aircraft(
    callsign: str | None = "JBU1201",
    gufi: str | None = GUFI,
    igtd: str | None = IGTD,
    origin: str | None = "KJFK",
    destination: str | None = "KMCO",
    user: str | None = None,
) -> str:
    """The element that identifies the flight; None leaves a part of it out."""
    category = "" if user is None else f' aircraftCategory="JET" userCategory="{user}"'
    parts = [
        f"<e:{name}>{value}</e:{name}>"
        for name, value in (("aircraftId", callsign), ("gufi", gufi), ("igtd", igtd))
        if value is not None
    ] + [
        f"<e:{name}><e:airport>{value}</e:airport></e:{name}>"
        for name, value in (("departurePoint", origin), ("arrivalPoint", destination))
        if value is not None
    ]
    return f"<c:qualifiedAircraftId{category}>{''.join(parts)}</c:qualifiedAircraftId>"


def leg(kind: str, body: str = "", who: str | None = None, **attributes: str | None) -> str:
    """One fltdMessage of a type with a body behind the flight's identification."""
    said = {**NAMED, "sourceTimeStamp": STAMP, "msgType": kind, **attributes}
    text = " ".join(f'{name}="{value}"' for name, value in said.items() if value is not None)
    inner = BODIES.get(kind, kind)
    return f"<d:fltdMessage {text}><d:{inner}>{who or aircraft()}{body}</d:{inner}></d:fltdMessage>"


def document(*legs: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:tfmDataService xmlns:s="urn:us:gov:dot:faa:atm:tfm:tfmdataservice" xmlns="urn:x"'
        ' xmlns:d="urn:us:gov:dot:faa:atm:tfm:flightdata"'
        ' xmlns:e="urn:us:gov:dot:faa:atm:tfm:tfmdatacoreelements"'
        ' xmlns:c="urn:us:gov:dot:faa:atm:tfm:flightdatacommonmessages">'
        f"<fltdOutput>{''.join(legs)}</fltdOutput></s:tfmDataService>"
    ).encode()


def message(payload: bytes) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload), format="tfmdata", feed="test", received_at=RECEIVED, payload=payload
    )


def said(*legs: str) -> tuple[FlightStatus, ...] | Drop:
    return tfmdata.parse(message(document(*legs)), SOURCE)


def status(kind: str = "FlightTimes", body: str = "", **named: Any) -> FlightStatus:  # noqa: ANN401  (attributes)
    """The status of a message with one flight."""
    found = said(leg(kind, body, **named))
    assert not isinstance(found, Drop), found
    [one] = found
    return one


def times(found: FlightStatus) -> dict[str, int]:
    """All its times but the gate departure that every message repeats."""
    said = {cell: getattr(found, cell) for cell in TIME_CELLS if cell != "out_scheduled"}
    return {cell: value for cell, value in said.items() if value is not None}


def airline_data(state: str = "PLANNED", **named: str) -> str:
    """What an airline's own message says: the flight's state, and times by attribute."""
    attributes = " ".join(f'{name}="{value}"' for name, value in named.items())
    return (
        f"<c:airlineData><c:flightStatusAndSpec><c:flightStatus>{state}</c:flightStatus>"
        f"</c:flightStatusAndSpec><c:flightTimeData {attributes}/></c:airlineData>"
    )


def etd(kind: str, value: str) -> str:
    return f'<c:etd etdType="{kind}" timeValue="{value}"/>'


def eta(kind: str, value: str) -> str:
    return f'<c:eta etaType="{kind}" timeValue="{value}"/>'


def test_a_message_names_its_flight() -> None:
    found = status()
    assert (found.airline, found.number, found.suffix) == ("JBU", 1201, "")
    assert (found.origin, found.destination) == ("JFK", "MCO")
    assert found.source_id == "tfmdata:KN40000300.2025-11-04"
    assert found.aliases == ("tfmref:120304050",)
    assert found.source_time == at(STAMP)
    assert found.out_scheduled == at(IGTD)
    assert (found.date, found.date_basis) == ("2025-11-04", "filed")
    assert (found.life, found.deviation, found.evidence) == ("unsaid", None, ())


def test_the_dialect_of_2016_names_it_in_elements_only() -> None:
    old = status(acid=None, depArpt=None, arrArpt=None)
    assert old == msgspec.structs.replace(status(), id=old.id, message_id=old.message_id)


def test_a_message_that_names_it_in_attributes_only_is_read() -> None:
    who = aircraft(callsign=None, origin=None, destination=None)
    found = status(who=who)
    assert (found.number, found.origin, found.destination) == (1201, "JFK", "MCO")


def test_a_point_that_is_no_airport_gives_way_to_the_attribute() -> None:
    fix = '<e:fixRadialDistance radial="1">CYN</e:fixRadialDistance>'
    point = f"<e:departurePoint>{fix}</e:departurePoint><e:arrivalPoint>"
    who = aircraft(origin=None).replace("<e:arrivalPoint>", point)
    assert status(who=who).origin == "JFK"
    assert status(who=who, depArpt=None).origin is None


def test_without_gufi_the_reference_is_all_there_is() -> None:
    found = status("FlightModify", who=aircraft(gufi=None))
    assert found.source_id is None
    assert found.aliases == ("tfmref:120304050",)
    assert found.date == "2025-11-04"


def test_without_igtd_no_date_is_known() -> None:
    found = status("trackInformation", who=aircraft(igtd=None))
    assert (found.out_scheduled, found.date, found.date_basis) == (None, None, "none")
    assert found.source_id == "tfmdata:KN40000300.2025-11-04"


def test_the_date_is_the_local_one_at_the_origin() -> None:
    assert status(who=aircraft(igtd="2025-11-05T03:30:00Z")).date == "2025-11-04"
    assert status(who=aircraft(igtd="2025-11-05T05:00:00Z")).date == "2025-11-05"


# Each type of message as it comes, and what it says beside the first gate departure.
TYPES: list[tuple[str, str, str, dict[str, str]]] = [
    (
        "FlightCreate",
        (
            f"<c:airlineData>{eta('SCHEDULED', '2025-11-04T17:31:00Z')}"
            f"{etd('SCHEDULED', '2025-11-04T14:46:00Z')}</c:airlineData>"
        ),
        "operating",
        {"off_scheduled": "2025-11-04T14:46:00Z", "on_scheduled": "2025-11-04T17:31:00Z"},
    ),
    (
        "FlightModify",
        airline_data(
            airlineOutTime="2025-11-04T15:05:00Z",
            airlineOffTime="2025-11-04T15:21:00Z",
            airlineOnTime="2025-11-04T18:02:00Z",
            airlineInTime="2025-11-04T18:10:00Z",
        ),
        "operating",
        {
            "out_estimated": "2025-11-04T15:05:00Z",
            "off_estimated": "2025-11-04T15:21:00Z",
            "on_estimated": "2025-11-04T18:02:00Z",
            "in_estimated": "2025-11-04T18:10:00Z",
        },
    ),
    (
        "FlightTimes",
        etd("ESTIMATED", "2025-11-04T15:16:00Z") + eta("ESTIMATED", "2025-11-04T18:01:00Z"),
        "unsaid",
        {"off_estimated": "2025-11-04T15:16:00Z", "on_estimated": "2025-11-04T18:01:00Z"},
    ),
    (
        "FlightRoute",
        f"<c:ncsmRouteData>{etd('PROPOSED', '2025-11-04T15:16:00Z')}</c:ncsmRouteData>",
        "unsaid",
        {"off_estimated": "2025-11-04T15:16:00Z"},
    ),
    (
        "FlightSectors",
        (
            '<c:flightTraversalData2><e:sector sequenceNumber="1">ZNY66</e:sector>'
            "</c:flightTraversalData2>"
        ),
        "unsaid",
        {},
    ),
    (
        "FlightScheduleActivate",
        f"<c:ncsmRouteData>{etd('SCHEDULED', '2025-11-04T14:46:00Z')}</c:ncsmRouteData>",
        "unsaid",
        {"off_scheduled": "2025-11-04T14:46:00Z"},
    ),
    (
        "flightPlanInformation",
        '<c:coordinationTime type="PROPOSED">2025-11-04T14:40:00Z</c:coordinationTime>',
        "unsaid",
        {},
    ),
    (
        "flightPlanAmendmentInformation",
        (
            "<c:amendmentData><c:newCoordinationTime>2025-11-04T14:50:00Z</c:newCoordinationTime>"
            "</c:amendmentData>"
        ),
        "unsaid",
        {},
    ),
    (
        "departureInformation",
        (
            '<c:timeOfDeparture estimated="false">2025-11-04T14:58:00Z</c:timeOfDeparture>'
            '<c:timeOfArrival estimated="true">2025-11-04T17:40:00Z</c:timeOfArrival>'
        ),
        "operating",
        {"off_actual": "2025-11-04T14:58:00Z", "on_estimated": "2025-11-04T17:40:00Z"},
    ),
    (
        "arrivalInformation",
        '<c:timeOfArrival estimated="false">2025-11-04T14:57:00Z</c:timeOfArrival>',
        "operating",
        {"on_actual": "2025-11-04T14:57:00Z"},
    ),
    (
        "trackInformation",
        (
            "<c:timeAtPosition>2025-11-04T14:59:58Z</c:timeAtPosition>"
            f"<c:ncsmTrackData>{eta('ESTIMATED', '2025-11-04T17:44:12Z')}"
            '<c:departureFixAndTime arrTime="2025-11-04T14:59:00Z" fixName="WAVEY"/>'
            "</c:ncsmTrackData>"
        ),
        "operating",
        {"on_estimated": "2025-11-04T17:44:12Z"},
    ),
    (
        "boundaryCrossingUpdate",
        '<c:boundaryPosition boundaryCrossingTime="2025-11-04T15:20:00Z"/>',
        "operating",
        {},
    ),
    ("oceanicReport", "<c:reportedPositionData/>", "operating", {}),
]


@pytest.mark.parametrize(("kind", "body", "life", "cells"), TYPES, ids=[t[0] for t in TYPES])
def test_a_type_of_message(kind: str, body: str, life: str, cells: dict[str, str]) -> None:
    found = status(kind, body)
    assert times(found) == {cell: at(value) for cell, value in cells.items()}
    assert (found.life, found.evidence) == (life, ())
    assert found.out_scheduled == at(IGTD)


def test_a_type_nobody_told_us_of_still_has_times() -> None:
    found = status("flightBriefing", etd("ESTIMATED", "2025-11-04T15:16:00Z"))
    assert times(found) == {"off_estimated": at("2025-11-04T15:16:00Z")}
    assert found.life == "unsaid"


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("SCHEDULED", {"off_scheduled", "on_scheduled"}),
        ("PROPOSED", {"off_estimated", "on_estimated"}),
        ("ESTIMATED", {"off_estimated", "on_estimated"}),
        ("ACTUAL", {"off_actual", "on_actual"}),
        ("CONTROLLED", set[str]()),
        ("", set[str]()),
    ],
)
def test_the_type_of_a_runway_time(kind: str, cells: set[str]) -> None:
    value = "2025-11-04T14:51:00Z"
    found = status(body=etd(kind, value) + eta(kind, value))
    assert times(found) == dict.fromkeys(cells, at(value))
    shown = kind or "?"
    assert found.evidence == (() if cells else (f"etdType={shown}", f"etaType={shown}"))


def test_trap_14_gate_and_runway_times_do_not_mix() -> None:
    body = f"<c:x>{etd('ESTIMATED', '2025-11-04T14:46:00Z')}</c:x>"
    found = status(body=body)
    assert (found.out_estimated, found.off_estimated) == (None, at("2025-11-04T14:46:00Z"))


def test_an_actual_time_says_that_it_operates_whatever_the_message() -> None:
    assert status("FlightTimes", etd("ACTUAL", "2025-11-04T14:46:00Z")).life == "operating"


@pytest.mark.parametrize(
    ("estimated", "cell"),
    [
        ("false", "actual"),
        ("0", "actual"),
        ("true", "estimated"),
        ("1", "estimated"),
        ("", "estimated"),
    ],
)
def test_an_event_is_actual_only_when_it_says_so(estimated: str, cell: str) -> None:
    mark = f' estimated="{estimated}"' if estimated else ""
    body = f"<c:timeOfDeparture{mark}>2025-11-04T14:58:00Z</c:timeOfDeparture>"
    found = status("departureInformation", body)
    assert times(found) == {f"off_{cell}": at("2025-11-04T14:58:00Z")}
    assert found.life == ("operating" if cell == "actual" else "unsaid")


AIRLINE = [
    ("airlineOutTime", "out"),
    ("airlineOffTime", "off"),
    ("airlineOnTime", "on"),
    ("airlineInTime", "in"),
]


@pytest.mark.parametrize(("name", "milestone"), AIRLINE)
@pytest.mark.parametrize(
    ("state", "value", "kind"),
    [
        ("ACTIVE", STAMP, "actual"),
        ("ACTIVE", "2025-11-04T14:59:59Z", "actual"),
        ("ACTIVE", "2025-11-04T15:00:01Z", "estimated"),
        ("COMPLETED", "2025-11-04T14:00:00Z", "actual"),
        # Nobody has told the system that a planned flight left, though its time has come.
        ("PLANNED", "2025-11-04T14:59:59Z", "estimated"),
        ("TAXIING", "2025-11-04T14:59:59Z", "actual"),
    ],
)
def test_an_airlines_time_is_actual_once_it_is_past(
    name: str, milestone: str, state: str, value: str, kind: str
) -> None:
    found = status("FlightModify", airline_data(state, **{name: value}))
    assert times(found) == {f"{milestone}_{kind}": at(value)}


def test_without_a_stamp_nothing_is_past() -> None:
    body = airline_data("ACTIVE", airlineOutTime="2020-01-01T00:00:00Z")
    found = status("FlightModify", body, sourceTimeStamp=None)
    assert times(found) == {"out_estimated": at("2020-01-01T00:00:00Z")}
    assert found.source_time == RECEIVED


def test_what_the_system_computes_is_expected_and_stands_behind_the_airline() -> None:
    computed = {"gateDeparture": "2025-11-04T14:40:00Z", "gateArrival": "2025-11-04T17:50:00Z"}
    found = status("FlightModify", airline_data("ACTIVE", **computed))
    assert times(found) == {
        "out_estimated": at(computed["gateDeparture"]),
        "in_estimated": at(computed["gateArrival"]),
    }
    runway = {"runwayDeparture": "2025-11-04T14:56:00Z", "runwayArrival": "2025-11-04T17:42:00Z"}
    found = status("FlightModify", airline_data("ACTIVE", **runway))
    assert times(found) == {
        "off_estimated": at(runway["runwayDeparture"]),
        "on_estimated": at(runway["runwayArrival"]),
    }
    both = airline_data("ACTIVE", airlineInTime="2025-11-04T17:55:00Z", **computed)
    assert status("FlightModify", both).in_estimated == at("2025-11-04T17:55:00Z")
    left = airline_data("ACTIVE", airlineOutTime="2025-11-04T14:41:00Z", **computed)
    found = status("FlightModify", left)
    assert (found.out_actual, found.out_estimated) == (at("2025-11-04T14:41:00Z"), None)


def test_an_original_estimate_is_no_schedule() -> None:
    body = airline_data(
        originalDeparture="2025-11-04T14:46:00Z", originalArrival="2025-11-04T17:31:00Z"
    )
    found = status("FlightModify", body)
    assert times(found) == {}
    assert found.evidence == (
        "originalDeparture=2025-11-04T14:46:00Z",
        "originalArrival=2025-11-04T17:31:00Z",
    )


@pytest.mark.parametrize(
    ("state", "life"),
    [
        ("PLANNED", "operating"),
        ("ACTIVE", "operating"),
        ("COMPLETED", "operating"),
        ("CANCELLED", "doubtful"),
        ("CANCELED", "doubtful"),
        ("cancelled", "doubtful"),
        ("CRUISING", "operating"),
    ],
)
def test_a_modified_flight_operates_unless_its_state_doubts_it(state: str, life: str) -> None:
    assert status("FlightModify", airline_data(state)).life == life


@pytest.mark.parametrize(
    ("state", "life", "evidence"),
    [
        ("PLANNED", "unsaid", ()),
        ("ACTIVE", "operating", ()),
        ("COMPLETED", "operating", ()),
        ("CANCELLED", "doubtful", ("flightStatus=CANCELLED",)),
        ("ASCENDING", "unsaid", ("flightStatus=ASCENDING",)),
        ("said by N. Surname", "unsaid", ("flightStatus=?",)),
    ],
)
def test_a_state_where_the_message_itself_says_nothing(
    state: str, life: str, evidence: tuple[str, ...]
) -> None:
    found = status("FlightRoute", airline_data(state))
    assert (found.life, found.evidence) == (life, evidence)


REMOVED = "flightPlanCancellation"


@pytest.mark.parametrize("trigger", ["FD_FLIGHT_CANCEL_MSG", "UPDATE_CANCEL_TIMEOUT"])
def test_trap_23_a_removed_plan_is_a_doubt_at_most(trigger: str) -> None:
    found = status(REMOVED, fdTrigger=trigger)
    assert (found.life, found.evidence) == ("doubtful", (f"fdTrigger={trigger}",))
    assert times(found) == {}


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("HCS_CANCELLATION_MSG", "superseded_plan"),
        ("CANCEL_CMD", "superseded_plan"),
        ("TMI_UPDATE", "superseded_plan"),
        ("UPDATE_INTERNATIONAL_CANCEL_TIMEOUT", "left_coverage"),
    ],
)
def test_trap_23_a_plan_that_gave_way_says_nothing(trigger: str, reason: str) -> None:
    assert said(leg(REMOVED, fdTrigger=trigger)) == Drop(reason)


def test_trap_23_no_trigger_makes_a_cancellation() -> None:
    rules = load_data("formats", "tfmdata", dict[str, Any])
    assert len(rules["removals"]) == 6
    assert {removal.get("life", "dropped") for removal in rules["removals"].values()} == {
        "doubtful",
        "dropped",
    }
    assert {
        reason for reason, made in rules["reasons"].items() if made.get("life") == "cancelled"
    } == {"FX"}


@pytest.mark.parametrize("trigger", ["SOMETHING_NEW", None, "FD_FLIGHT_CANCEL_MSG, TMI_UPDATE"])
def test_trap_32_a_trigger_nobody_knows_is_a_doubt(trigger: str | None) -> None:
    found = status(REMOVED, fdTrigger=trigger)
    assert found.life == "doubtful"
    shown = trigger if trigger == "SOMETHING_NEW" else "?"
    assert found.evidence == (f"fdTrigger={shown}",)


@pytest.mark.parametrize("name", ["cancellationStatusReason", "cancellationReason"])
@pytest.mark.parametrize(
    ("reason", "life", "deviation"),
    [
        ("FX", "cancelled", None),
        ("RZ", "doubtful", None),
        ("RS", "doubtful", None),
        ("UX", "doubtful", None),
        ("TO", "doubtful", None),
        ("DV", "unsaid", "diverted"),
        ("ZZ", "doubtful", None),
    ],
)
def test_the_reason_of_a_cancellation(
    name: str, reason: str, life: str, deviation: str | None
) -> None:
    body = f"<c:{name}>{reason}</c:{name}>"
    found = status(REMOVED, body, fdTrigger="FD_FLIGHT_CANCEL_MSG")
    assert (found.life, found.deviation) == (life, deviation)
    assert found.evidence == (f"reason={reason}", "fdTrigger=FD_FLIGHT_CANCEL_MSG")


def test_the_airlines_own_reason_stands_over_what_triggered_it() -> None:
    body = "<c:cancellationReason>FX</c:cancellationReason>"
    assert status(REMOVED, body, fdTrigger="HCS_CANCELLATION_MSG").life == "cancelled"


@pytest.mark.parametrize("kind", ["FlightCreate", "FlightModify", "trackInformation"])
def test_trap_22_what_comes_after_a_removal_says_that_it_operates(kind: str) -> None:
    assert status(kind).life == "operating"


def test_trap_22_a_plan_filed_anew_is_no_reinstatement() -> None:
    assert status("flightPlanInformation").life == "unsaid"
    assert status("flightPlanAmendmentInformation").life == "unsaid"


@pytest.mark.parametrize(
    ("word", "deviation", "evidence"),
    [
        ("NO_DIVERSION", None, ()),
        ("AIRBORN_NOCTL", "diverted", ("diversionIndicator=AIRBORN_NOCTL",)),
        ("AIRBORN_CTL", "diverted", ("diversionIndicator=AIRBORN_CTL",)),
        ("GROUND_NOCTL", None, ("diversionIndicator=GROUND_NOCTL",)),
        ("GROUND_CTL", None, ("diversionIndicator=GROUND_CTL",)),
        ("SIDEWAYS", None, ("diversionIndicator=SIDEWAYS",)),
    ],
)
def test_trap_27_a_diversion(word: str, deviation: str | None, evidence: tuple[str, ...]) -> None:
    body = f"<c:ncsmRouteData><c:diversionIndicator>{word}</c:diversionIndicator></c:ncsmRouteData>"
    found = status("trackInformation", body)
    assert (found.deviation, found.evidence, found.life) == (deviation, evidence, "operating")


def test_trap_27_another_destination_stands_under_the_same_ids() -> None:
    there = status("trackInformation", who=aircraft(destination="KJAX"), arrArpt="KJAX")
    assert there.destination == "JAX"
    assert (there.source_id, there.aliases, there.date) == (
        status().source_id,
        status().aliases,
        status().date,
    )


def test_trap_29_a_reference_given_anew_leaves_the_rest_of_the_name() -> None:
    anew = status(flightRef="120399999")
    assert anew.aliases == ("tfmref:120399999",)
    assert (anew.source_id, anew.date, anew.number) == (
        status().source_id,
        status().date,
        status().number,
    )


@pytest.mark.parametrize(
    "callsign", ["N649QS", "N1", "BLOCKED", "CGABC", "GABCD", "HBAL475", "N12345", "TEST", "XXX12"]
)
def test_trap_30_who_is_no_airline_is_dropped(callsign: str) -> None:
    who = aircraft(callsign=callsign)
    dropped = said(leg("FlightTimes", who=who, acid=callsign, airline="XXX"))
    assert dropped == Drop("not_an_airline_flight")


def test_trap_30_the_airline_xxx_is_none() -> None:
    assert said(leg("FlightTimes", airline="XXX")) == Drop("not_an_airline_flight")


@pytest.mark.parametrize("user", ["GENERAL AVIATION", "MILITARY", "military"])
def test_trap_30_a_category_of_users_that_are_no_airlines(user: str) -> None:
    assert said(leg("FlightTimes", who=aircraft(user=user))) == Drop("not_an_airline_flight")


@pytest.mark.parametrize(
    ("user", "service"), [("COMMERCIAL", None), ("AIR TAXI", None), ("CARGO", "F"), ("OTHER", None)]
)
def test_trap_30_a_freighter_says_so(user: str, service: str | None) -> None:
    assert status(who=aircraft(user=user)).service == service


@pytest.mark.parametrize("callsign", ["EDW4K", "DLH5AB", "LH5AB", "BAW12K", "VIR8KE", "JBU0"])
def test_a_callsign_with_letters_behind_is_no_flight_number(callsign: str) -> None:
    who = aircraft(callsign=callsign)
    dropped = said(leg("FlightTimes", who=who, acid=callsign))
    assert dropped == Drop("callsign_is_no_flight_number")


def test_a_regional_airline_flies_under_its_own_name() -> None:
    found = status(who=aircraft(callsign="SKW5312"), acid="SKW5312", airline="SKW", major="UAL")
    assert (found.airline, found.number, found.code_shares) == ("SKW", 5312, ())
    assert found.evidence == ("major=UAL",)
    assert status(major="JBU").evidence == ()


def test_trap_32_the_element_is_believed_where_an_attribute_contradicts_it() -> None:
    found = status(acid="JBU1202")
    assert (found.number, found.evidence) == (1201, ("acid=JBU1202",))
    assert status(acid="jbu1201").evidence == ()
    found = status(depArpt="KEWR", arrArpt="KTPA")
    assert (found.origin, found.destination) == ("JFK", "MCO")
    assert found.evidence == ("depArpt=KEWR", "arrArpt=KTPA")
    assert status(depArpt="JFK").evidence == ()


def test_trap_32_codes_in_other_spellings() -> None:
    who = aircraft(callsign=" jbu1201 ", origin=" jfk ", destination="KMCO")
    found = status(who=who, acid=None, depArpt=None, arrArpt="")
    assert (found.airline, found.number, found.origin) == ("JBU", 1201, "JFK")


@pytest.mark.parametrize(
    "value", ["soon", "2025-02-30T10:00:00Z", "0000-01-01T00:00:00Z", "9" * 99]
)
def test_one_bad_time_does_not_cost_the_others(value: str) -> None:
    body = etd("ESTIMATED", value) + eta("ESTIMATED", "2025-11-04T18:01:00Z")
    found = status(body=body)
    assert times(found) == {"on_estimated": at("2025-11-04T18:01:00Z")}
    assert found.evidence == ("unread=etd",)
    assert status(who=aircraft(igtd=value)).evidence == ("unread=igtd",)
    broken = status(sourceTimeStamp=value)
    assert (broken.source_time, broken.evidence) == (RECEIVED, ("unread=sourceTimeStamp",))


def test_of_two_times_for_one_cell_the_first_counts() -> None:
    body = etd("ESTIMATED", "2025-11-04T15:16:00Z") + etd("ESTIMATED", "2025-11-04T16:16:00Z")
    assert status(body=body).off_estimated == at("2025-11-04T15:16:00Z")


def test_a_message_without_a_flight_is_rejected() -> None:
    nobody = leg("FlightTimes", who=aircraft(callsign=None), acid=None)
    with pytest.raises(RejectRecord) as caught:
        said(nobody)
    assert (caught.value.reason, caught.value.place) == (
        "aircraftId: missing, so no flight is named",
        "",
    )
    with pytest.raises(RejectRecord) as caught:
        said(leg("FlightTimes"), leg("FlightTimes"), nobody)
    assert caught.value.place == "fltdMessage 3"


def test_a_document_with_several_flights() -> None:
    other = aircraft(callsign="DAL88")
    found = said(
        leg("FlightTimes"),
        leg("FlightTimes", airline="XXX"),
        leg("trackInformation", who=other, acid="DAL88", airline="DAL"),
    )
    assert not isinstance(found, Drop)
    assert [(one.airline, one.id.rpartition(".")[2]) for one in found] == [
        ("JBU", "0"),
        ("DAL", "2"),
    ]
    assert said(leg("FlightTimes", airline="XXX"), leg(REMOVED, fdTrigger="CANCEL_CMD")) == Drop(
        "not_an_airline_flight"
    )


@pytest.mark.parametrize(
    "payload",
    [
        b'<tfmDataService><fiOutput><fiMessage msgType="GDP"/></fiOutput></tfmDataService>',
        b'<ds:tfmDataService xmlns:ds="urn:x"><fltdOutput/></ds:tfmDataService>',
        b"<fiOutput/>",
    ],
)
def test_other_outputs_are_dropped(payload: bytes) -> None:
    assert tfmdata.parse(message(payload), SOURCE) == Drop("no_flight_data")


def test_a_flight_of_which_nothing_is_said_is_dropped() -> None:
    who = aircraft(igtd=None, origin=None, destination=None)
    dropped = said(leg("FlightSectors", who=who, depArpt=None, arrArpt=None))
    assert dropped == Drop("says_nothing")


def test_any_prefix_or_none_will_do() -> None:
    plain = document(leg("FlightTimes", etd("ESTIMATED", "2025-11-04T15:16:00Z")))
    for prefix in (b"d:", b"e:", b"c:"):
        plain = plain.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</")
    found = tfmdata.parse(message(plain), SOURCE)
    assert not isinstance(found, Drop)
    assert found[0].off_estimated == at("2025-11-04T15:16:00Z")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<tfmDataService>",
        b"<other/>",
        b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><tfmDataService>&y;</tfmDataService>',
        b"<tfmDataService>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</tfmDataService>",
        "<tfmDataService>\ud800</tfmDataService>".encode("utf-8", "surrogatepass"),
        b"<tfmDataService>\x00</tfmDataService>",
    ],
)
def test_trap_33_what_cannot_be_read_is_rejected(payload: bytes) -> None:
    with pytest.raises(RejectRecord) as caught:
        tfmdata.parse(message(payload), SOURCE)
    assert caught.value.reason.startswith("message: ")


def test_trap_33_nested_messages_are_read_once() -> None:
    inner = leg("FlightTimes")
    found = said(inner.replace("<d:ncsmFlightTimes>", f"<d:ncsmFlightTimes>{inner}"))
    assert not isinstance(found, Drop)
    assert len(found) == 1


def test_the_week_of_an_id_is_told_apart() -> None:
    # Weekday 3 is a Tuesday; 40,000 seconds are 11:06:40.
    assert eram_id("KN40000300", at("2025-11-04T15:00:00Z")) == "KN40000300.2025-11-04"
    assert eram_id("KN40000300", at("2025-11-04T11:06:40Z")) == "KN40000300.2025-11-04"
    # Clocks that are an hour apart do not move it by a week.
    assert eram_id("KN40000300", at("2025-11-04T10:10:00Z")) == "KN40000300.2025-11-04"
    assert eram_id("KN40000300", at("2025-11-04T10:00:00Z")) == "KN40000300.2025-10-28"
    assert eram_id("KN40000300", at("2025-11-10T23:00:00Z")) == "KN40000300.2025-11-04"
    assert eram_id("KN40000300", at("2025-11-11T15:00:00Z")) == "KN40000300.2025-11-11"
    assert eram_id("KN86399100", at("2025-11-03T00:10:00Z")) == "KN86399100.2025-11-02"
    assert eram_id("KN4000034K", at("2025-11-04T15:00:00Z")) == "KN4000034K.2025-11-04"


@pytest.mark.parametrize("identifier", ["KI123kh", "KN86400300", "KN40000800", "x"])
def test_an_id_of_another_form_stays_as_it_is(identifier: str) -> None:
    assert eram_id(identifier, at("2025-11-04T15:00:00Z")) == identifier


@pytest.mark.parametrize("identifier", [None, "", "a b", "x" * 65, "<x>"])
def test_what_is_no_id_is_none(identifier: str | None) -> None:
    assert eram_id(identifier, at("2025-11-04T15:00:00Z")) is None


@given(
    st.integers(at("2001-01-01T00:00:00Z"), at("2098-01-01T00:00:00Z")), st.integers(0, 6 * 86400)
)
def test_an_id_has_one_day_for_six_days(given_at: int, later_s: int) -> None:
    second, day = given_at // 1000 % 86_400, given_at // 86_400_000
    identifier = f"KZ{second:05}{(day + 4) % 7 + 1}00"
    assert eram_id(identifier, given_at) == eram_id(identifier, given_at + later_s * 1000)


def test_a_leg_has_one_key_through_all_its_messages() -> None:
    keys = {
        tfmdata.leg_key(document(leg("trackInformation"))),
        tfmdata.leg_key(document(leg("FlightModify", who=aircraft(gufi=None)))),
        tfmdata.leg_key(document(leg(REMOVED, flightRef="1", who=aircraft(destination="KTPA")))),
        tfmdata.leg_key(document(leg("FlightTimes", acid=None))),
    }
    assert keys == {f"JBU1201.{IGTD}"}


def test_a_leg_without_igtd_has_its_gufi_for_a_key() -> None:
    active = leg("boundaryCrossingUpdate", who=aircraft(igtd=None))
    assert tfmdata.leg_key(document(active)) == GUFI
    bare = leg("boundaryCrossingUpdate", who=aircraft(igtd=None, gufi=None))
    assert tfmdata.leg_key(document(bare)) == "120304050"
    assert tfmdata.leg_key(document(leg("x", who="<e:x/>", flightRef=None))) is None
    assert tfmdata.leg_key(document(leg("FlightTimes"), leg("FlightTimes"))) is None
    assert tfmdata.leg_key(b"") is None


def test_a_document_is_recognised() -> None:
    assert tfmdata.detect(document(leg("FlightTimes")))
    assert tfmdata.detect(b"\xef\xbb\xbf\n" + document())
    assert not tfmdata.detect(b'{"tfmDataService": 1}')
    assert not tfmdata.detect(b"<MessageCollection/>")


def test_split_gives_one_flight_a_piece() -> None:
    whole = document(leg("FlightTimes"), leg("trackInformation"), leg("FlightTimes", airline="XXX"))
    pieces = list(tfmdata.split([whole]))
    assert len(pieces) == 3
    found = [tfmdata.parse(message(piece.payload), SOURCE) for piece in pieces]
    assert found[2] == Drop("not_an_airline_flight")
    assert [len(one) for one in found[:2] if not isinstance(one, Drop)] == [1, 1]
    assert list(tfmdata.split(whole[i : i + 7] for i in range(0, len(whole), 7))) == pieces


@pytest.mark.parametrize(
    ("callsign", "expected"),
    [
        ("JBU1201", ("JBU", 1201, "")),
        ("JBU0012", ("JBU", 12, "")),
        ("JBU", Drop("not_an_airline_flight")),
        ("JBU12345", Drop("not_an_airline_flight")),
        ("JBU１２", Drop("not_an_airline_flight")),  # noqa: RUF001  (full-width digits)
    ],
)
def test_a_callsign(callsign: str, expected: object) -> None:
    assert flight_of_callsign(callsign, "acid") == expected


def assert_outcome(payload: bytes) -> None:
    """Parsing gives statuses that can travel, or a reason of a decent length."""
    try:
        said = tfmdata.parse(message(payload), SOURCE)
    except RejectRecord as reject:
        said = Drop(reject.reason)
    if isinstance(said, Drop):
        assert 0 < len(said.reason) < 300
    else:
        assert decode_pack(encode_pack(said)) == list(said)


@given(st.binary(max_size=400))
def test_any_bytes_are_flights_or_a_reason(payload: bytes) -> None:
    for each in (payload, document(payload.decode("latin-1"))):
        tfmdata.detect(each)
        tfmdata.leg_key(each)
        assert_outcome(each)


_WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
_SAFE = _WORDS.map(
    lambda text: text.replace("&", "").replace("<", "").replace(">", "").replace('"', "")
)


@given(_SAFE, _SAFE, _SAFE, _SAFE)
def test_any_words_are_a_flight_or_a_reason(one: str, two: str, three: str, four: str) -> None:
    who = aircraft(callsign=one, gufi=two, igtd=three, origin=four, destination=two, user=three)
    body = etd(one, two) + eta(three, four) + airline_data(one, airlineOutTime=two)
    for each in (
        leg(one, body, who=who, acid=two, airline=three, flightRef=four, sourceTimeStamp=one),
        leg("FlightModify", body, gufi=two, flightRef=four, sourceTimeStamp=one, major=two),
        leg(REMOVED, f"<c:cancellationReason>{one}</c:cancellationReason>", fdTrigger=two),
    ):
        payload = document(each)
        tfmdata.leg_key(payload)
        assert_outcome(payload)
