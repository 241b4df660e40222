from __future__ import annotations

import pytest

from filters.legs import TIME_CELLS
from filters.normalize import FORMATS, aidx
from filters.outcome import Drop
from schemas.records import FlightStatus
from tests.unit.filters.aidx_xml import (
    NAMESPACE,
    OUT,
    RECEIVED,
    SCHEDULED,
    XSI,
    document,
    dropped,
    identifier,
    leg,
    normalized,
    notes,
    rejected,
    said,
    status,
    statuses,
    time,
)
from tests.unit.filters.records import at

MOMENT = "2025-03-10T09:30:00Z"
QUALIFIERS = {"OFB": "out", "TKO": "off", "TDN": "on", "ONB": "in"}
KINDS = {
    "SCT": "scheduled",
    "PLN": "scheduled",
    "EST": "estimated",
    "CAL": "estimated",
    "TAR": "estimated",
    "ACT": "actual",
}
TYPED = [
    (qualifier, kind, f"{milestone}_{column}")
    for qualifier, milestone in QUALIFIERS.items()
    for kind, column in KINDS.items()
]
# Schemas up to 11.1 had one code for both, and no TimeType.
COMBINED = [
    ("SCD", "", "out_scheduled"),
    ("ED", "", "out_estimated"),
    ("AD", "", "out_actual"),
    ("EO", "", "off_estimated"),
    ("EA", "", "on_estimated"),
    ("SCA", "", "in_scheduled"),
    ("EB", "", "in_estimated"),
    ("OB", "", "in_actual"),
]


def cells(found: FlightStatus) -> dict[str, int]:
    """The time cells that are filled."""
    return {cell: value for cell in TIME_CELLS if (value := getattr(found, cell)) is not None}


@pytest.mark.parametrize(("qualifier", "kind", "cell"), TYPED + COMBINED)
@pytest.mark.parametrize("context", ["2005", "9750", ""])
def test_a_time_fills_its_own_cell_and_no_other(
    qualifier: str, kind: str, cell: str, context: str
) -> None:
    found = said(time(qualifier, kind, MOMENT, CodeContext=context))
    assert cells(found) == {cell: at(MOMENT)}


@pytest.mark.parametrize(("qualifier", "kind", "cell"), TYPED + COMBINED)
def test_a_nil_time_withdraws_its_cell_unless_it_was_a_plan(
    qualifier: str, kind: str, cell: str
) -> None:
    found = said(time(qualifier, kind, "nil") + "<ServiceType>J</ServiceType>")
    assert cells(found) == {}
    assert found.cleared == (() if kind == "PLN" else (cell,))


@pytest.mark.parametrize("empty", ["", "   ", "\n\t"])
def test_an_empty_time_is_as_good_as_none(empty: str) -> None:
    found = said(SCHEDULED + time("OFB", "EST", empty))
    assert cells(found) == {"out_scheduled": OUT}
    assert found.cleared == ()
    assert found.evidence == ()


def test_missing_nil_and_told_times_are_three_things() -> None:
    found = said(SCHEDULED + time("OFB", "ACT", "nil"))
    assert found.cleared == ("out_actual",)
    assert found.out_estimated is None
    assert found.out_scheduled == OUT


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("EST", "CAL", "TAR"), "EST"),
        (("CAL", "TAR"), "CAL"),
        (("TAR",), "TAR"),
        (("TAR", "EST"), "EST"),
        (("TAR", "CAL"), "CAL"),
    ],
)
def test_an_estimate_outranks_what_flow_control_computed_and_that_what_is_aimed_at(
    told: tuple[str, ...], expected: str
) -> None:
    values = {"EST": "08:30", "CAL": "08:40", "TAR": "08:25"}
    data = "".join(time("OFB", kind, f"2025-03-10T{values[kind]}:00Z") for kind in told)
    found = said(data)
    assert found.out_estimated == at(f"2025-03-10T{values[expected]}:00Z")
    others = [f"OFB/{kind}=2025-03-10T{values[kind]}:00Z" for kind in told if kind != expected]
    assert sorted(found.evidence) == sorted(others)


def test_a_withdrawn_target_leaves_the_estimate_beside_it() -> None:
    found = said(time("OFB", "EST", MOMENT) + time("OFB", "TAR", "nil"))
    assert found.out_estimated == at(MOMENT)
    assert found.cleared == ()


def test_a_plan_is_the_schedule_only_where_no_schedule_is_told() -> None:
    plan = time("OFB", "PLN", "2025-03-10T08:20:00Z")
    both = said(plan + SCHEDULED)
    assert both.out_scheduled == OUT
    assert both.date_basis == "scheduled"
    assert both.evidence == ("OFB/PLN=2025-03-10T08:20:00Z",)
    alone = said(plan)
    assert alone.out_scheduled == at("2025-03-10T08:20:00Z")
    assert (alone.date, alone.date_basis) == ("2025-03-10", "filed")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_a_time_told_repeatedly_the_highest_index_counts(order: tuple[int, int]) -> None:
    values = {1: "2025-03-10T08:12:00Z", 2: "2025-03-10T08:55:00Z"}
    data = "".join(time("OFB", "ACT", values[each], RepeatIndex=str(each)) for each in order)
    assert said(data).out_actual == at(values[2])


def test_without_an_index_the_last_one_counts() -> None:
    first, last = "2025-03-10T08:12:00Z", "2025-03-10T08:55:00Z"
    assert said(time("OFB", "ACT", first) + time("OFB", "ACT", last)).out_actual == at(last)
    index = {"RepeatIndex": "first"}
    told = time("OFB", "ACT", first, **index) + time("OFB", "ACT", last, **index)
    assert said(told).out_actual == at(last)


def test_a_repeated_time_that_is_withdrawn_last_is_withdrawn() -> None:
    told = time("OFB", "ACT", MOMENT, RepeatIndex="1") + time("OFB", "ACT", "nil", RepeatIndex="2")
    found = said(told)
    assert found.out_actual is None
    assert found.cleared == ("out_actual",)


@pytest.mark.parametrize(
    ("qualifier", "kind"),
    [
        *(("CHK", "ACT"), ("GTO", "EST"), ("BST", "ACT"), ("FCT", "ACT"), ("GCL", "ACT")),
        *(("DIC", "EST"), ("DIE", "ACT"), ("RDT", "ACT"), ("SAT", "TAR"), ("SRT", "ACT")),
        *(("THM", "ACT"), ("TEN", "EST"), ("CGT", "ACT"), ("FBG", "ACT"), ("LBA", "ACT")),
        *(("XYZ", "ACT"), ("OFB", "XXX"), ("OFB", ""), ("SCD", "ACT")),
    ],
)
def test_other_times_are_evidence(qualifier: str, kind: str) -> None:
    found = said(SCHEDULED + time(qualifier, kind, MOMENT, CodeContext="9750"))
    assert cells(found) == {"out_scheduled": OUT}
    assert found.evidence == (f"{qualifier}/{kind}={MOMENT}",)


def test_a_private_code_is_evidence_even_where_it_looks_like_an_old_one() -> None:
    found = said(SCHEDULED + time("ATO", "ACT", MOMENT, CodeContext="0000"))
    assert found.evidence == (f"ATO/ACT={MOMENT}",)
    found = said(SCHEDULED + time("ED", "", MOMENT, CodeContext="0000"))
    assert found.out_estimated is None
    assert found.evidence == (f"ED/={MOMENT}",)


def test_trap_14_gate_and_runway_times_never_mix() -> None:
    told = time("TKO", "EST", MOMENT) + time("TDN", "EST", "2025-03-10T10:40:00Z") + SCHEDULED
    found = said(told)
    assert cells(found) == {
        "out_scheduled": OUT,
        "off_estimated": at(MOMENT),
        "on_estimated": at("2025-03-10T10:40:00Z"),
    }


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-03-10T24:00:00.000Z", "2025-03-11T00:00:00Z"),
        ("2025-03-10T09:30:00", MOMENT),
        ("2025-03-10T09:30:00.000Z", MOMENT),
        ("2025-03-10T10:30:00+01:00", MOMENT),
        ("2025-03-10T09:30:00.1234567Z", "2025-03-10T09:30:00.123Z"),
        (" 2025-03-10T09:30:00Z\n", MOMENT),
        ("2025-03-10T09:30Z", MOMENT),
    ],
)
def test_trap_12_times_as_senders_write_them(text: str, meant: str) -> None:
    assert said(time("OFB", "EST", text)).out_estimated == at(meant)


@pytest.mark.parametrize(
    "text",
    [
        *("soon", "2025-03-10", "20250310T0930Z", "2025-02-30T09:30:00Z", "0000-01-01T00:00:00Z"),
        *("9999-12-31T23:59:59-14:00", "2025-03-10T25:00:00Z", "10:15", "1741599000", "9" * 5000),
    ],
)
def test_one_bad_time_costs_one_cell(text: str) -> None:
    found = said(SCHEDULED + time("OFB", "EST", text))
    assert cells(found) == {"out_scheduled": OUT}
    assert found.evidence == ("unread=OFB/EST",)


def test_a_bad_estimate_leaves_room_for_the_target() -> None:
    found = said(time("OFB", "EST", "soon") + time("OFB", "TAR", MOMENT))
    assert found.out_estimated == at(MOMENT)
    assert found.evidence == ("unread=OFB/EST",)


def test_a_message_of_bad_times_alone_is_rejected() -> None:
    reason, _ = rejected(document(leg(time("OFB", "EST", "soon"))))
    assert reason == "OFB/EST: cannot be read, and nothing else is said"


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({}, ("DLH", 900, "")),
        ({"FlightNumber": "0900"}, ("DLH", 900, "")),
        ({"FlightNumber": "007"}, ("DLH", 7, "")),
        ({"Airline": "TOM", "FlightNumber": "7623"}, ("TOM", 7623, "")),
        ({"Airline": "U2"}, ("EZY", 900, "")),
        ({"Airline": "9E"}, ("EDV", 900, "")),
        ({"Airline": "zz"}, ("ZZ", 900, "")),
        ({"OperationalSuffix": "P"}, ("DLH", 900, "P")),
        ({"OperationalSuffix": ""}, ("DLH", 900, "")),
        ({"FlightNumber": "900W"}, ("DLH", 900, "W")),
    ],
)
def test_trap_03_and_04_the_flight_named(
    parts: dict[str, str], named: tuple[str, int, str]
) -> None:
    found = said(SCHEDULED, **parts)
    assert (found.airline, found.number, found.suffix) == named


@pytest.mark.parametrize("context", ["3", "5", "", "ICAO"])
def test_trap_32_the_code_context_of_an_airline_is_not_believed(context: str) -> None:
    named = identifier().replace("<Airline>LH", f'<Airline CodeContext="{context}">RUK')
    assert status(document(leg(named=named))).airline == "RUK"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"Airline": None}, "LegIdentifier/Airline: missing, so no flight is named"),
        ({"Airline": " "}, "LegIdentifier/Airline: missing, so no flight is named"),
        ({"FlightNumber": None}, "LegIdentifier/FlightNumber: missing, so no flight is named"),
        ({"FlightNumber": "TODO"}, "LegIdentifier/FlightNumber: missing, so no flight is named"),
        ({"FlightNumber": "0"}, "LegIdentifier: 'LH 0' is no airline, number and suffix"),
        ({"FlightNumber": "12345"}, "LegIdentifier: 'LH 12345' is no airline, number and suffix"),
        ({"Airline": "LUFT"}, "LegIdentifier: 'LUFT 900' is no airline, number and suffix"),
        (
            {"OperationalSuffix": "PP"},
            "LegIdentifier: 'LH 900 PP' is no airline, number and suffix",
        ),
    ],
)
def test_who_names_no_flight_is_rejected(parts: dict[str, str | None], reason: str) -> None:
    assert rejected(document(leg(named=identifier(**parts)))) == (reason, "")


def test_a_leg_without_an_identifier_is_rejected() -> None:
    assert rejected(document(leg(named="")))[0].startswith("LegIdentifier: missing")


def test_among_several_legs_the_unreadable_one_is_named() -> None:
    payload = document(leg(), leg(named=identifier(FlightNumber="0")), leg())
    reason, place = rejected(payload)
    assert reason.startswith("LegIdentifier: 'LH 0'")
    assert place == "FlightLeg 2"


def test_all_sound_legs_of_a_message_are_read() -> None:
    payload = document(leg(), leg(named=identifier(FlightNumber="901")))
    found = statuses(payload)
    assert [each.number for each in found] == [900, 901]
    assert [each.id.rpartition(".")[2] for each in found] == ["0", "1"]


def test_airports_by_either_code() -> None:
    found = said(SCHEDULED, DepartureAirport="EDDF", ArrivalAirport="EGLL")
    assert (found.origin, found.destination) == ("FRA", "LHR")
    found = said(SCHEDULED, DepartureAirport=None, ArrivalAirport="Heathrow")
    assert (found.origin, found.destination) == (None, None)
    assert found.evidence == ("unread=ArrivalAirport",)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-03-10", "2025-03-10"),
        ("2025-03-10Z", "2025-03-10"),
        ("2025-03-10+01:00", "2025-03-10"),
        ("2025-03-10T17:05:00Z", "2025-03-10"),
        ("2025-03-10T00:30:00+01:00", "2025-03-09"),
        ("2000-01-01", None),
    ],
)
def test_the_origin_date_and_its_dummy(text: str, meant: str | None) -> None:
    found = said(SCHEDULED, OriginDate=text)
    assert found.utc_date == meant
    assert found.evidence == ()


@pytest.mark.parametrize("text", ["10MAR25", "2025-13-01", "2025-02-30", "0001-01-01", "TODAY"])
def test_an_origin_date_that_is_none_is_noted(text: str) -> None:
    found = said(SCHEDULED, OriginDate=text)
    assert found.utc_date is None
    assert found.evidence == ("unread=OriginDate",)


def test_trap_02_the_scheduled_off_block_gives_the_local_date() -> None:
    # 23:30 UTC is the next day in Sydney, and that is the date on the ticket.
    parts = {"DepartureAirport": "SYD", "ArrivalAirport": "MEL", "OriginDate": "2025-03-09"}
    found = said(time("OFB", "SCT", "2025-03-09T20:30:00Z"), **parts)
    assert (found.date, found.date_basis, found.utc_date) == (
        *("2025-03-10", "scheduled"),
        "2025-03-09",
    )


def test_trap_02_an_arrival_gives_the_date_when_every_off_block_lies_on_one_day() -> None:
    found = said(time("ONB", "SCT", "2025-03-10T14:00:00Z"))
    assert (found.date, found.date_basis) == ("2025-03-10", "filed")


def test_trap_02_a_later_leg_may_leave_the_day_after_the_origin_date() -> None:
    # Off at 01:00 the next day: late by more than an hour, or the flight's second leg on time.
    found = said(time("TKO", "ACT", "2025-03-11T01:00:00Z"), ArrivalAirport="DXB")
    assert (found.date, found.date_basis) == (None, "none")
    assert found.utc_date == "2025-03-10"
    # At noon it can be neither of the day before nor of the day after.
    found = said(time("TKO", "ACT", "2025-03-10T09:00:00Z"), ArrivalAirport="DXB")
    assert (found.date, found.date_basis) == ("2025-03-10", "filed")


def test_trap_31_a_very_early_arrival_is_told_as_it_is() -> None:
    told = time("ONB", "SCT", "2025-03-10T10:00:00Z") + time("ONB", "ACT", "2025-03-10T07:22:00Z")
    assert cells(said(told)) == {
        "in_scheduled": at("2025-03-10T10:00:00Z"),
        "in_actual": at("2025-03-10T07:22:00Z"),
    }


@pytest.mark.parametrize(
    ("attributes", "sent", "evidence"),
    [
        ('TimeStamp="2025-03-10T07:00:00Z"', "2025-03-10T07:00:00Z", ()),
        ('TimeStamp="2025-03-10T07:00:00"', "2025-03-10T07:00:00Z", ()),
        ('TimeStamp="2025-03-10T08:00:00.1977952+01:00"', "2025-03-10T07:00:00.197Z", ()),
        ("", None, ()),
        ('TimeStamp=""', None, ()),
        ('TimeStamp="now"', None, ("unread=TimeStamp",)),
        ('Target="Test"', None, ("target=Test",)),
        ('Target="Production" SequenceNmbr="1"', None, ()),
    ],
)
def test_trap_12_and_18_when_the_source_knew_it(
    attributes: str, sent: str | None, evidence: tuple[str, ...]
) -> None:
    found = status(document(leg(), attributes=attributes))
    assert found.source_time == (RECEIVED if sent is None else at(sent))
    assert found.evidence == evidence


def test_aidx_has_no_id_of_its_own() -> None:
    found = status(document(leg()))
    assert found.source_id is None
    assert found.aliases == ()


@pytest.mark.parametrize("prefix", ["", "ns0:", "a:", "iata-1.0:"])
def test_any_prefix_and_none(prefix: str) -> None:
    name = prefix.rstrip(":")
    payload = (
        document(leg(SCHEDULED + "<ServiceType>J</ServiceType>"))
        .replace(b"</", b"\x00")
        .replace(b"<", b"<" + prefix.encode())
        .replace(b"\x00", b"</" + prefix.encode())
    )
    if name:
        payload = payload.replace(b"xmlns=", f"xmlns:{name}=".encode())
    found = status(payload)
    assert (found.out_scheduled, found.service) == (OUT, "J")


@pytest.mark.parametrize("namespace", ["", f' xmlns="{NAMESPACE}/2"', f' xmlns="{"x" * 500}"'])
def test_any_namespace_and_none(namespace: str) -> None:
    payload = document(leg()).replace(f' xmlns="{NAMESPACE}"'.encode(), namespace.encode())
    assert status(payload).out_scheduled == OUT


def test_elements_of_another_namespace_are_not_taken_for_ours() -> None:
    other = '<x:OperationTime xmlns:x="urn:x" OperationQualifier="OFB" TimeType="EST">'
    found = said(f"{SCHEDULED}{other}{MOMENT}</x:OperationTime>")
    assert found.out_estimated is None


@pytest.mark.parametrize(
    "soap", ["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"]
)
@pytest.mark.parametrize("header", ["", "<s:Header><Security>x</Security></s:Header>"])
def test_in_a_soap_envelope(soap: str, header: str) -> None:
    inner = document("<Success/>", leg(), kind="FlightLegRS").decode()
    payload = f'<s:Envelope xmlns:s="{soap}">{header}<s:Body>{inner}</s:Body></s:Envelope>'
    assert status(payload.encode()).out_scheduled == OUT
    assert aidx.detect(payload.encode())


def test_nil_is_known_from_a_prefix_declared_outside() -> None:
    inner = document(leg(time("OFB", "ACT", "nil"))).decode().replace(f" {XSI}", "")
    payload = f"<s:Envelope xmlns:s='urn:s' {XSI}><s:Body>{inner}</s:Body></s:Envelope>"
    assert status(payload.encode()).cleared == ("out_actual",)


@pytest.mark.parametrize("nil", ["true", "1"])
def test_nil_in_either_spelling(nil: str) -> None:
    told = f'<OperationTime OperationQualifier="OFB" TimeType="ACT" xsi:nil="{nil}"/>'
    assert said(SCHEDULED + told).cleared == ("out_actual",)
    told = told.replace(f'nil="{nil}"', 'nil="false"')
    assert said(SCHEDULED + told).cleared == ()


def test_a_pull_request_is_dropped() -> None:
    assert dropped(document('<Airline Code="LH"/>', kind="FlightLegRQ")) == "request"


@pytest.mark.parametrize("kind", ["FuelNotifRQ", "FlightLegLinkGroundMovementNotifRQ"])
def test_messages_of_the_family_that_carry_no_legs(kind: str) -> None:
    assert dropped(document(leg(), kind=kind)) == "no_flight_legs"


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ('<Success/><Warnings><Warning Type="911">later</Warning></Warnings>', "throttled"),
        ('<Errors><Error Type="911">busy</Error></Errors>', "throttled"),
        ('<Errors><Error Type="294">invalid</Error></Errors>', "feed_error"),
        ('<Errors><Error Type="1007"/><Error Type="911"/></Errors>', "throttled"),
        ("<Errors><Error>unknown</Error></Errors>", "feed_error"),
        ('<Success/><Warnings><Warning Type="12"/></Warnings>', "feed_error"),
        ("<Success/>", "acknowledged"),
        ("", "acknowledged"),
    ],
)
def test_trap_20_an_answer_without_legs_never_means_no_flights(inner: str, reason: str) -> None:
    assert dropped(document(inner, kind="FlightLegRS")) == reason


def test_legs_beside_a_warning_are_read() -> None:
    warning = '<Warnings><Warning Type="911">partial</Warning></Warnings>'
    assert status(document("<Success/>", warning, leg(), kind="FlightLegRS")).number == 900


def test_a_soap_fault_is_a_feed_error() -> None:
    fault = b'<s:Envelope xmlns:s="urn:s"><s:Body><s:Fault>no</s:Fault></s:Body></s:Envelope>'
    assert dropped(fault) == "feed_error"


def test_a_notification_without_legs_says_nothing() -> None:
    assert dropped(document('<Originator CompanyShortName="X"/>')) == "says_nothing"


def test_other_xml_is_rejected() -> None:
    assert rejected(b"<flights><FlightLeg/></flights>") == (
        "message: flights is no message of IATA AIDX",
        "",
    )


GENERAL = (
    "<GeneralAviationLegIdentifier><GeneralAviationIdentifier Category='Callsign'>DCABC"
    "</GeneralAviationIdentifier></GeneralAviationLegIdentifier>"
)


def test_trap_30_general_aviation_is_no_airline_flight() -> None:
    assert dropped(document(leg(named=GENERAL))) == "not_an_airline_flight"
    assert dropped(document(leg(named=identifier(Airline="GN", FlightNumber="0830")))) == (
        "not_an_airline_flight"
    )
    assert [each.number for each in statuses(document(leg(named=GENERAL), leg()))] == [900]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<CabinClass Class='7'><PaxCount Qualifier='70A'>131</PaxCount></CabinClass>",
        "<RemarkFreeText>Captain Miller asks for a wheelchair</RemarkFreeText>",
        time("BST", "ACT", MOMENT),
        "<AircraftInfo><AircraftType>320</AircraftType></AircraftInfo>",
    ],
)
def test_what_concerns_no_passenger_says_nothing(data: str) -> None:
    assert dropped(document(leg(data))) == "says_nothing"


def test_the_first_reason_of_several_legs_without_news_is_given() -> None:
    assert normalized(document(leg(named=GENERAL), leg(""))) == Drop("not_an_airline_flight")


def test_private_extensions_are_left_alone() -> None:
    private = (
        "<TPA_Extension><x:d xmlns:x='urn:x'><x:PassengerGate>TODO</x:PassengerGate>"
        "<OperationTime OperationQualifier='OFB' TimeType='EST'>TODO</OperationTime>"
        "</x:d></TPA_Extension>"
    )
    payload = document(leg().replace("</FlightLeg>", f"{private}</FlightLeg>"))
    found = status(payload)
    assert cells(found) == {"out_scheduled": OUT}
    assert (found.out_gate, found.evidence) == (None, ())


def test_legs_before_and_after_are_not_the_leg_itself() -> None:
    other = (
        "<Airline>BA</Airline><FlightNumber>1</FlightNumber><DepartureAirport>JFK</DepartureAirport>"
        "<ArrivalAirport>LCY</ArrivalAirport><OriginDate>2024-01-01</OriginDate>"
    )
    data = (
        f"<AssociatedFlightLegAircraft>{other}</AssociatedFlightLegAircraft>"
        f"<AssociatedFlightLegSchedule>{other}</AssociatedFlightLegSchedule>"
        "<PublicFlightDisplay><AirlineType>LH</AirlineType><FlightNumber>4711</FlightNumber>"
        "</PublicFlightDisplay>"
    )
    found = said(data + SCHEDULED)
    assert (found.airline, found.number, found.origin, found.destination, found.utc_date) == (
        *("DLH", 900, "FRA", "LHR"),
        "2025-03-10",
    )
    assert found.code_shares == ()


def test_evidence_has_the_telling_part_first_and_no_more_than_a_record_holds() -> None:
    stages = "".join(time(f"Q{number:02d}", "ACT", MOMENT) for number in range(40))
    found = said(SCHEDULED + "<OperationalStatus>BST</OperationalStatus>" + stages)
    assert found.evidence[0] == "status=BST"
    assert len(found.evidence) == 16
    assert notes(found, "Q00/ACT") == [MOMENT]


def test_what_is_documented_is_what_is_read() -> None:
    assert FORMATS["aidx"] is aidx
    for qualifier, kind, cell in TYPED + COMBINED:
        label = f"OperationTime {qualifier}/{kind}" if kind else f"OperationTime {qualifier}"
        assert aidx.FIELDS[label] == cell
    assert aidx.IGNORED["TPA_Extension"]
