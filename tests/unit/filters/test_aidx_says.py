"""What AIDX says beside times: life, deviations, attempts, delays, places, code-shares."""

from __future__ import annotations

import pytest

from filters.sources import Sources
from tests.unit.filters.aidx_xml import (
    SCHEDULED,
    document,
    dropped,
    identifier,
    leg,
    notes,
    said,
    status,
    time,
)
from tests.unit.filters.records import at

LEFT = "2025-03-10T08:14:00Z"
LATER = "2025-03-10T09:40:00Z"


def codes(*told: str, tag: str = "OperationalStatus") -> str:
    """OperationalStatus elements; `DX@3` has RepeatIndex 3, `DX/Arrival` a FlightLegScope."""
    written = []
    for each in told:
        code, _, scope = each.partition("/")
        code, _, index = code.partition("@")
        attributes = f' RepeatIndex="{index}"' if index else ""
        attributes += f' FlightLegScope="{scope}"' if scope else ""
        written.append(f"<{tag}{attributes}>{code}</{tag}>")
    return "".join(written)


def history(*airports: str) -> str:
    """PlannedArrivalAptHistory elements, in order."""
    tag = "PlannedArrivalAptHistory"
    return "".join(
        f'<{tag} CodeContext="3" RepeatIndex="{index}">{airport}</{tag}>'
        for index, airport in enumerate(airports, 1)
    )


def delay(code: str, duration: str = "", end: str = "Departure", **attributes: str) -> str:
    """An IrregularityDelay."""
    told = "".join(f' {name}="{text}"' for name, text in attributes.items())
    inner = f"<ReasonCode>{code}</ReasonCode>" if code else ""
    inner += f"<Duration>{duration}</Duration>" if duration else ""
    at_end = f' DepartureOrArrival="{end}"' if end else ""
    return f"<IrregularityDelay{at_end}{told}>{inner}</IrregularityDelay>"


def resource(end: str, inner: str, usage: str = "Actual") -> str:
    """AirportResources with one Resource."""
    used = f' Usage="{usage}"' if usage else ""
    return (
        f"<AirportResources{used}><Resource DepartureOrArrival='{end}'>{inner}</Resource>"
        "</AirportResources>"
    )


@pytest.mark.parametrize("context", ["1245", "2005", "9750", "0000"])
@pytest.mark.parametrize(
    ("code", "life"),
    [
        *(("DX", "cancelled"), ("CX", "cancelled"), ("dx", "cancelled")),
        ("SQ", "operating"),
        *(("NOP", "doubtful"), ("REM", "doubtful"), ("**", "doubtful")),
    ],
)
def test_what_a_status_says_of_the_flights_life(code: str, life: str, context: str) -> None:
    told = f'<OperationalStatus CodeContext="{context}">{code}</OperationalStatus>'
    found = said(SCHEDULED + told)
    assert found.life == life
    assert notes(found, "status") == [code.upper()]


@pytest.mark.parametrize(
    "code",
    [
        *("OP", "SCH", "INI", "TKO", "FIR", "FIN", "LAN", "ONB", "SEQ", "BST", "RDT", "OFB"),
        *("DIR", "DIC", "DEL", "EST", "EXP", "SCT", "UNK", "NIT", "OVS", "GOP", "RT"),
        *("ES", "EX", "LD", "OC", "NI", "OV", "TX", "AB", "SH", "ZN", "FS", "BD", "GC", "LC", "??"),
        "ChocksOff",
    ],
)
def test_trap_22_and_24_no_stage_of_a_flight_takes_a_cancellation_back(code: str) -> None:
    found = said(SCHEDULED + codes(code))
    assert found.life == "unsaid"
    assert found.deviation is None
    assert notes(found, "status") == [code.upper()]


@pytest.mark.parametrize(
    ("told", "life"),
    [
        (("DX", "SQ"), "operating"),
        (("SQ", "DX"), "cancelled"),
        (("SQ@2", "DX@1"), "operating"),
        (("DX@3", "SCH@1", "SCH@2"), "cancelled"),
        (("DX@1", "OFB@2"), "cancelled"),
        (("DX", "NOP"), "cancelled"),
        (("SQ", "NOP"), "operating"),
        (("DX/Departure", "SCH/Arrival"), "cancelled"),
        (("DX/Arrival",), "cancelled"),
    ],
)
def test_trap_22_of_several_statuses_the_last_one_of_its_life_counts(
    told: tuple[str, ...], life: str
) -> None:
    assert said(SCHEDULED + codes(*told)).life == life


def test_an_arrival_cancelled_under_way_is_no_cancelled_flight() -> None:
    flown = time("TKO", "ACT", LEFT)
    assert said(SCHEDULED + flown + codes("DX/Arrival")).life == "doubtful"
    assert said(SCHEDULED + flown + codes("DX/FlightLeg")).life == "cancelled"
    assert said(SCHEDULED + codes("DV@1", "DX@2/Arrival")).life == "doubtful"


@pytest.mark.parametrize(
    ("action", "life"),
    [("Delete", "doubtful"), ("LockDown", "unsaid"), ("DoNotDisplay", "unsaid")],
)
def test_trap_23_a_deleted_leg_is_only_evidence(action: str, life: str) -> None:
    found = said(SCHEDULED, action=f"<SpecialAction>{action}</SpecialAction>")
    assert found.life == life
    assert found.evidence == (f"action={action}",)


def test_a_deletion_needs_no_more_than_the_identifier() -> None:
    found = said("", action="<SpecialAction>Delete</SpecialAction>")
    assert (found.life, found.number) == ("doubtful", 900)


def test_a_deleted_cancellation_stays_one_and_no_action_is_none() -> None:
    delete = "<SpecialAction>Delete</SpecialAction>"
    assert said(codes("DX"), action=delete).life == "cancelled"
    assert said(codes("SQ"), action=delete).life == "doubtful"
    assert said(SCHEDULED, action='<SpecialAction xsi:nil="true"/>').evidence == ()


@pytest.mark.parametrize("tag", ["PublicStatus", "RemarkTextCode"])
def test_trap_23_what_is_only_displayed_is_only_evidence(tag: str) -> None:
    found = said(SCHEDULED + codes("DX", "DX", "BST", tag=tag))
    assert found.life == "doubtful"
    assert found.evidence == ("displayed=DX",)
    assert said(SCHEDULED + codes("DX", tag=tag) + codes("SQ")).life == "operating"


@pytest.mark.parametrize("tag", ["PublicStatus", "RemarkTextCode", "OperationalStatus"])
def test_a_nil_status_says_nothing(tag: str) -> None:
    found = said(SCHEDULED + f'<{tag} xsi:nil="true"/>')
    assert (found.life, found.cleared, found.evidence) == ("unsaid", (), ())


@pytest.mark.parametrize(
    ("text", "life"),
    [
        *(("LND", "unsaid"), ("ARR", "unsaid"), ("DEP", "unsaid"), ("LBG", "unsaid")),
        *(("FBG", "unsaid"), ("CNX", "doubtful"), (" lnd\n", "unsaid")),
    ],
)
def test_a_status_in_the_free_text_where_it_is_a_known_code(text: str, life: str) -> None:
    found = said(SCHEDULED + f"<RemarkFreeText>{text}</RemarkFreeText>")
    assert found.life == life
    assert found.evidence == (f"remark={text.strip().upper()}",)


@pytest.mark.parametrize(
    "text",
    ["MRS MILLER 14C", "Landed 10:02", "DX", "", "LND.", "http://x", "L" * 3000, "Ä\u202eRR"],
)
def test_other_free_text_is_never_kept(text: str) -> None:
    found = said(SCHEDULED + f"<RemarkFreeText>{text}</RemarkFreeText>")
    assert (found.life, found.evidence) == ("unsaid", ())


@pytest.mark.parametrize(
    ("code", "evidence"),
    [
        ("at the gate", ("status=?",)),
        ("\u00c4", ("status=?",)),
        ("X" * 17, ("status=?",)),
        ("TODO", ()),
        ("X" * 41, ()),
    ],
)
def test_an_unknown_status_is_kept_only_where_it_is_a_code(
    code: str, evidence: tuple[str, ...]
) -> None:
    found = said(SCHEDULED + codes(code))
    assert (found.life, found.evidence) == ("unsaid", evidence)


def test_trap_27_a_diversion_keeps_the_airport_in_the_name() -> None:
    found = said(SCHEDULED + codes("DV") + history("LHR", "STN"))
    assert found.deviation == "diverted"
    assert (found.planned_destination, found.destination) == ("LHR", "STN")
    assert found.life == "unsaid"


@pytest.mark.parametrize("told", ["", codes("RT"), codes("LAN")])
def test_trap_27_another_airport_in_the_history_says_it_too(told: str) -> None:
    found = said(SCHEDULED + told + history("EGSS"))
    assert found.deviation == "diverted"
    assert (found.planned_destination, found.destination) == ("LHR", "STN")


def test_the_last_airport_of_the_history_counts_by_its_index() -> None:
    tag = "PlannedArrivalAptHistory"
    told = f'<{tag} RepeatIndex="2">STN</{tag}><{tag} RepeatIndex="1">LGW</{tag}>'
    assert said(SCHEDULED + told).destination == "STN"


def test_a_diversion_to_a_place_nobody_names() -> None:
    found = said(SCHEDULED + codes("DV") + history("LHR"))
    assert found.deviation == "diverted"
    assert (found.planned_destination, found.destination) == (None, "LHR")


def test_a_history_of_the_planned_airport_alone_says_nothing() -> None:
    found = said(SCHEDULED + history("LHR"))
    assert (found.deviation, found.destination, found.planned_destination) == (None, "LHR", None)


def test_back_to_plan_after_a_diversion() -> None:
    found = said(SCHEDULED + history("LHR", "STN", "LHR"))
    assert (found.deviation, found.destination) == ("none", "LHR")
    found = said(SCHEDULED + '<PlannedArrivalAptHistory xsi:nil="true"/>')
    assert (found.deviation, found.cleared) == ("none", ("planned_destination",))


def test_an_airport_that_is_none_is_left_out_of_the_history() -> None:
    found = said(SCHEDULED + history("somewhere else"))
    assert (found.deviation, found.destination) == (None, "LHR")
    found = said(SCHEDULED + "<PlannedArrivalAptHistory/>")
    assert (found.deviation, found.cleared) == (None, ())


def test_trap_26_a_flight_back_to_its_origin_is_an_air_return() -> None:
    found = said(SCHEDULED + codes("DV") + history("LHR", "FRA") + time("TDN", "ACT", LATER))
    assert found.deviation == "air_return"
    assert (found.planned_destination, found.destination) == ("LHR", "FRA")
    assert (found.date, found.date_basis) == ("2025-03-10", "scheduled")


@pytest.mark.parametrize("code", ["GRT", "RST", "RS"])
def test_trap_25_a_ground_return_takes_the_off_block_back(code: str) -> None:
    told = SCHEDULED + time("OFB", "ACT", LEFT) + time("OFB", "EST", LATER) + codes(code)
    found = said(told)
    assert found.deviation == "ramp_return"
    assert (found.out_actual, found.cleared) == (None, ("out_actual",))
    assert found.out_estimated == at(LATER)
    assert notes(found, "OFB/ACT") == [LEFT]


def test_trap_25_a_ground_return_without_a_time_takes_it_back_too() -> None:
    found = said(codes("GRT"))
    assert (found.deviation, found.cleared) == ("ramp_return", ("out_actual",))


def test_a_ground_return_is_over_once_it_has_flown() -> None:
    told = time("OFB", "ACT", LEFT) + time("TKO", "ACT", LATER) + codes("GRT@1", "TKO@2")
    found = said(told)
    assert found.deviation is None
    assert (found.out_actual, found.cleared) == (at(LEFT), ())


def attempt(number: str, data: str, **attributes: str) -> bytes:
    """A message about an attempt to depart."""
    told = "".join(f' {name}="{text}"' for name, text in attributes.items())
    repeat = f"<RepeatNumber{told}>{number}</RepeatNumber>"
    return document(leg(data, named=identifier().replace("</Leg", f"{repeat}</Leg")))


def test_a_first_attempt_is_nothing_special() -> None:
    found = status(attempt("1", SCHEDULED + time("OFB", "EST", LATER), CurrentInd="true"))
    assert (found.deviation, found.cleared, found.evidence) == (None, (), ())


def test_trap_25_a_further_attempt_that_waits_takes_back_what_the_former_one_did() -> None:
    found = status(attempt("2", SCHEDULED + time("OFB", "EST", LATER), CurrentInd="1"))
    assert found.deviation == "ramp_return"
    assert found.cleared == ("out_actual",)
    assert found.evidence == ("attempt=2", "airborne_returns=0")


def test_trap_26_an_attempt_after_flying_back() -> None:
    told = SCHEDULED + time("OFB", "TAR", LATER)
    found = status(attempt("2", told, AirborneReturnNumber="1"))
    assert found.deviation == "air_return"
    assert found.cleared == ("in_actual", "off_actual", "on_actual", "out_actual")
    assert found.destination == "LHR"


@pytest.mark.parametrize(
    "data",
    [
        SCHEDULED,
        SCHEDULED + time("OFB", "EST", LEFT) + time("OFB", "ACT", LATER),
        time("TKO", "CAL", LATER),
        resource("Arrival", "<BaggageClaimUnit>7</BaggageClaimUnit>"),
    ],
)
def test_a_further_attempt_that_has_left_or_says_nothing_of_it_takes_nothing_back(
    data: str,
) -> None:
    found = status(attempt("2", data))
    assert (found.deviation, found.cleared) == (None, ())
    assert notes(found, "attempt") == ["2"]


@pytest.mark.parametrize("value", ["false", "0"])
def test_an_attempt_that_was_replaced_says_nothing_of_the_leg(value: str) -> None:
    told = attempt("1", SCHEDULED + time("OFB", "ACT", LEFT), CurrentInd=value)
    assert dropped(told) == "superseded_attempt"


@pytest.mark.parametrize("number", ["", "two", "99999", "-1", "²"])
def test_an_attempt_without_a_number_is_the_first(number: str) -> None:
    found = status(attempt(number, SCHEDULED + time("OFB", "EST", LATER)))
    assert (found.deviation, found.cleared) == (None, ())


SCHEMES = {
    scheme: Sources({"aidx": {"rank": 80, "delay_codes": scheme}})
    for scheme in ("AHM730", "AHM732")
}


@pytest.mark.parametrize(
    ("code", "by_730", "by_732"),
    [
        ("71", "AHM730:71", "AHM730:71"),
        ("6", "AHM730:06", "AHM730:06"),
        ("71A", "AHM730:71", "AHM730:71"),
        ("WO", "AHM730:71", "AHM730:71"),
        ("wo", "AHM730:71", "AHM730:71"),
        ("RA", "AHM730:93", "AHM730:93"),
        ("WOA", "AHM730:71", "AHM732:WOA"),
        ("XYZ", "AHM732:XYZ", "AHM732:XYZ"),
        ("XX", None, None),
        ("7123", None, None),
        ("late crew", None, None),
        ("\u0667\u0661", None, None),
    ],
)
def test_the_scheme_of_a_delay_code(code: str, by_730: str | None, by_732: str | None) -> None:
    for scheme, cause in (("AHM730", by_730), ("AHM732", by_732)):
        payload = document(leg(SCHEDULED + delay(code, "PT45M")))
        assert status(payload, SCHEMES[scheme]).cause == cause


def test_a_code_that_is_no_plain_one_is_in_the_evidence_too() -> None:
    assert said(delay("71", "PT45M")).evidence == ()
    assert said(delay("71A", "PT45M")).evidence == ("delay=71A/0045",)
    assert said(delay("WO", "PT45M")).evidence == ("delay=WO/0045",)
    assert said(SCHEDULED + delay("late crew", "PT45M")).evidence == ("delay=?/0045",)


def test_the_longest_delay_of_the_departure_is_the_cause() -> None:
    told = delay("93", "PT10M") + delay("81", "PT2H15M") + delay("75", "PT59M")
    found = said(told)
    assert found.cause == "AHM730:81"
    assert found.evidence == ("delay=93/0010", "delay=75/0059")


def test_of_equal_delays_the_first_by_its_index_is_the_cause() -> None:
    found = said(delay("93", "PT10M", RepeatIndex="2") + delay("81", "PT10M", RepeatIndex="1"))
    assert (found.cause, found.evidence) == ("AHM730:81", ("delay=93/0010",))
    assert said(delay("93") + delay("81")).cause == "AHM730:93"
    assert said(delay("93") + delay("81", "PT1M")).cause == "AHM730:81"


def test_a_delay_of_the_arrival_is_evidence() -> None:
    found = said(delay("84", "PT3H", "Arrival") + delay("71", "PT5M"))
    assert (found.cause, found.evidence) == ("AHM730:71", ("arrival_delay=84/0300",))
    found = said(SCHEDULED + delay("84", "PT3H", "Arrival"))
    assert (found.cause, found.evidence) == (None, ("arrival_delay=84/0300",))


def test_a_delay_of_no_said_end_is_one_of_the_departure() -> None:
    assert said(delay("71", "PT5M", end="")).cause == "AHM730:71"


@pytest.mark.parametrize(
    ("duration", "note"),
    [
        ("PT2H15M", "0215"),
        ("PT135M", "0215"),
        ("PT1H00M.000S", "0100"),
        ("PT0S", "0000"),
        ("P1DT1H", "2500"),
        ("PT90M30S", "0130"),
    ],
)
def test_durations_as_senders_write_them(duration: str, note: str) -> None:
    assert said(delay("71A", duration)).evidence == (f"delay=71A/{note}",)


@pytest.mark.parametrize("duration", ["45", "0045", "PT", "2H", "P1Y", "-PT5M", "PT99999999M"])
def test_a_duration_that_is_none_costs_nothing_else(duration: str) -> None:
    found = said(delay("71A", duration))
    assert found.cause == "AHM730:71"
    assert found.evidence == ("unread=IrregularityDelay/Duration", "delay=71A")


def test_a_nil_delay_withdraws_the_cause() -> None:
    assert said(delay("", **{"xsi:nil": "true"})).cleared == ("cause",)
    assert dropped(document(leg(delay("")))) == "says_nothing"
    assert dropped(document(leg(delay("", "PT5M")))) == "says_nothing"


def test_gates_terminals_and_belt_at_their_own_ends() -> None:
    found = said(
        resource(
            "Departure", "<PassengerGate>A13</PassengerGate><PublicTerminal>1</PublicTerminal>"
        )
        + resource(
            "Arrival",
            "<PassengerGate>B36</PassengerGate><AircraftTerminal>2</AircraftTerminal>"
            "<BaggageClaimUnit>7</BaggageClaimUnit>",
        )
    )
    assert (found.out_gate, found.out_terminal) == ("A13", "1")
    assert (found.in_gate, found.in_terminal, found.baggage) == ("B36", "2", "7")


@pytest.mark.parametrize("order", [("Actual", "Planned"), ("Planned", "Actual"), ("", "Actual")])
def test_what_is_used_outranks_what_was_planned(order: tuple[str, str]) -> None:
    gates = {"Actual": "A15", "Planned": "A13", "": "A11"}
    told = "".join(
        resource("Departure", f"<PassengerGate>{gates[usage]}</PassengerGate>", usage)
        for usage in order
    )
    assert said(told).out_gate == "A15"


def test_the_terminal_of_the_public_outranks_that_of_the_aircraft() -> None:
    aircraft = "<AircraftTerminal>M</AircraftTerminal>"
    public = "<PublicTerminal RepeatIndex='1'>5</PublicTerminal>"
    assert said(resource("Departure", aircraft + public)).out_terminal == "5"
    assert said(resource("Departure", public + aircraft)).out_terminal == "5"
    assert said(resource("Departure", aircraft)).out_terminal == "M"


def test_of_several_gates_the_first_is_named() -> None:
    told = "<PassengerGate>A13</PassengerGate><PassengerGate>A15</PassengerGate>"
    assert said(resource("Departure", told)).out_gate == "A13"


def test_nil_places_are_withdrawn_and_empty_ones_are_not() -> None:
    nil = '<PassengerGate xsi:nil="true"/><AircraftTerminal xsi:nil="true"/>'
    assert said(resource("Departure", nil)).cleared == ("out_gate", "out_terminal")
    assert said(resource("Arrival", '<BaggageClaimUnit xsi:nil="true"/>')).cleared == ("baggage",)
    told = "<PassengerGate/><PassengerGate>TODO</PassengerGate><PublicTerminal> </PublicTerminal>"
    assert dropped(document(leg(resource("Departure", told)))) == "says_nothing"


def test_a_planned_gate_stays_when_the_actual_one_is_withdrawn() -> None:
    told = resource("Departure", '<PassengerGate xsi:nil="true"/>')
    told += resource("Departure", "<PassengerGate>A13</PassengerGate>", "Planned")
    found = said(told)
    assert (found.out_gate, found.cleared) == ("A13", ())


@pytest.mark.parametrize("end", ["", "departure", "Transit"])
def test_a_resource_at_no_known_end_is_left_out(end: str) -> None:
    told = resource(end, "<PassengerGate>A13</PassengerGate>")
    assert dropped(document(leg(told))) == "says_nothing"


@pytest.mark.parametrize("gate", ["A" * 41, "A" * 100_000, "A\u0085B", "A\nB"])
def test_trap_32_what_is_no_gate_is_left_out(gate: str) -> None:
    found = said(SCHEDULED + resource("Departure", f"<PassengerGate>{gate}</PassengerGate>"))
    assert found.out_gate is None


def test_the_aircraft() -> None:
    told = "<AircraftInfo><Registration>{}</Registration><CallSign>DLH9YC</CallSign></AircraftInfo>"
    found = said(told.format("D-AINA"))
    assert (found.registration, found.evidence) == ("DAINA", ("call_sign=DLH9YC",))
    assert said(told.format("daina")).registration == "DAINA"
    found = said(SCHEDULED + told.format("Miller &amp; Sons"))
    assert found.registration is None
    assert found.evidence == ("unread=Registration", "call_sign=DLH9YC")
    nil = '<AircraftInfo><Registration xsi:nil="true"/><TailNumber xsi:nil="true"/></AircraftInfo>'
    assert said(nil).cleared == ("registration",)
    assert dropped(document(leg("<AircraftInfo><Registration/></AircraftInfo>"))) == "says_nothing"


@pytest.mark.parametrize(("text", "service"), [("J", "J"), ("P", "P"), ("f", "F"), ("Y", "Y")])
def test_trap_30_the_service_type(text: str, service: str) -> None:
    assert said(f"<ServiceType>{text}</ServiceType>").service == service


def test_a_service_type_that_is_none() -> None:
    found = said(SCHEDULED + "<ServiceType>JJ</ServiceType>")
    assert (found.service, found.evidence) == (None, ("unread=ServiceType",))
    assert said('<ServiceType xsi:nil="true"/>').cleared == ("service",)
    assert dropped(document(leg("<ServiceType/>"))) == "says_nothing"


def share(airline: str, number: str, suffix: str = "") -> str:
    """A CodeShareInfo."""
    inner = f"<Airline CodeContext='3'>{airline}</Airline><FlightNumber>{number}</FlightNumber>"
    inner += f"<OperationalSuffix>{suffix}</OperationalSuffix>" if suffix else ""
    return f"<CodeShareInfo>{inner}<OriginationDate>2025-03-10</OriginationDate></CodeShareInfo>"


def test_trap_05_code_shares_as_tickets_print_them() -> None:
    told = (
        share("UA", "8840") + share("ACA", "0117") + share("UA", "8840") + share("NH", "6041", "A")
    )
    found = said(told + share("LH", "0900") + share("?", "1") + share("TODO", "12"))
    assert found.code_shares == ("AC117", "NH6041A", "UA8840")
    assert dropped(document(leg(share("LH", "900")))) == "says_nothing"
    assert dropped(document(leg('<CodeShareInfo xsi:nil="true"/>'))) == "says_nothing"


def test_more_code_shares_than_a_record_holds() -> None:
    told = "".join(share("UA", str(number)) for number in range(1000, 1200))
    assert 10 < len(said(told).code_shares) <= 64
