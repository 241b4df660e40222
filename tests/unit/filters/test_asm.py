from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.schedules import asm
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import at

SOURCE = Source(rank=75)
RECEIVED = at("2025-05-20T08:00:00Z")


def message(*lines: str, received_at: int = RECEIVED) -> FeedMessage:
    payload = "\r\n".join(lines).encode()
    return FeedMessage(
        id=payload_id(payload), format="asm", feed="test", received_at=received_at, payload=payload
    )


def parsed(*lines: str, received_at: int = RECEIVED) -> tuple[FlightStatus, ...]:
    said = asm.parse(message(*lines, received_at=received_at), SOURCE)
    assert isinstance(said, tuple), said
    assert decode_pack(encode_pack(said)) == list(said)
    ids = [f"{said[0].message_id}.{index}" for index in range(len(said))]
    assert [status.id for status in said] == ids
    return said


def one(*lines: str) -> FlightStatus:
    [status] = parsed(*lines)
    return status


def dropped(*lines: str) -> str:
    said = asm.parse(message(*lines), SOURCE)
    assert isinstance(said, Drop), said
    return said.reason


def rejected(*lines: str) -> RejectRecord:
    with pytest.raises(RejectRecord) as found:
        asm.parse(message(*lines), SOURCE)
    return found.value


def shown(status: FlightStatus) -> tuple[str | None, str | None, str | None, str]:
    """Where from and to, on which local date, and its life."""
    return (status.origin, status.destination, status.date, status.life)


# --- the frame -------------------------------------------------------------------------------


def test_utc_mode_takes_dates_and_times_for_utc() -> None:
    status = one("ASM", "UTC", "NEW", "LX8544/24MAY25", "J 320", "ZRH2210 FCO2345")
    assert status.out_scheduled == at("2025-05-24T22:10:00Z")
    assert (status.utc_date, status.date) == ("2025-05-24", "2025-05-25")


def test_local_mode_takes_them_for_local_at_each_station() -> None:
    status = one("ASM", "LT", "NEW", "LX8544/24MAY25", "J 320", "ZRH2210 LHR2305")
    assert status.out_scheduled == at("2025-05-24T20:10:00Z")
    assert status.in_scheduled == at("2025-05-24T22:05:00Z")
    assert (status.utc_date, status.date) == (None, "2025-05-24")


@pytest.mark.parametrize(("mode", "out"), [("U", "22:10"), ("L", "20:10")])
def test_a_missing_time_mode_comes_from_the_sources_settings(
    mode: Literal["U", "L"], out: str
) -> None:
    sent = message("ASM", "NEW", "LX8544/24MAY25", "J 320", "ZRH2210 FCO2345")
    said = asm.parse(sent, Source(time_mode=mode))
    assert isinstance(said, tuple)
    assert said[0].out_scheduled == at(f"2025-05-24T{out}:00Z")


def test_a_missing_time_mode_is_never_guessed() -> None:
    found = rejected("ASM", "CNL", "LX544/24MAY25")
    assert found.reason.startswith("time_mode: ")


def test_the_telegrams_own_time_is_when_it_was_known() -> None:
    status = one(
        "QU LHRBAXX", ".ZRHKOLX 191210", "ASM", "UTC", "18MAY00144E003/REF", "CNL", "LX544/24MAY",
    )  # fmt: skip
    assert status.source_time == at("2025-05-19T12:10:00Z")
    assert "reference=18MAY00144E003" in status.evidence


def test_without_an_envelope_the_reference_tells_the_day_and_the_order_within() -> None:
    first, second = (
        one("ASM", "UTC", f"18MAY{number}E001", "CNL", "LX544/24MAY")
        for number in ("00144", "00145")
    )
    assert at("2025-05-18T23:58:00Z") < first.source_time < second.source_time
    assert second.source_time < at("2025-05-19T00:00:00Z")


@pytest.mark.parametrize("reference", ["20MAY00144E003", "21MAY00144E003/X", "31FEB00144E001"])
def test_a_reference_of_today_or_of_no_day_leaves_the_time_of_receipt(reference: str) -> None:
    assert one("ASM", "UTC", reference, "CNL", "LX544/24MAY").source_time == RECEIVED


def test_later_sub_messages_are_newer() -> None:
    gone, back = parsed(
        "ASM", "UTC", "CNL", "LX544/24MAY ZRH/FRA", "//", "NEW", "LX544/24MAY", "J 320",
        "ZRH0810 FRA0915",
    )  # fmt: skip
    assert (gone.life, back.life) == ("cancelled", "operating")
    assert back.source_time == gone.source_time + 1


@pytest.mark.parametrize(
    ("action", "causes", "reasons"),
    [
        ("CNL WEAT", "SSIM:WEAT", ["WEAT"]),
        ("CNL CREW/ROTA", "SSIM:CREW", ["CREW", "ROTA"]),
        ("CNL RTNS/TECH", "SSIM:TECH", ["RTNS", "TECH"]),
        ("CNL RTNS", None, ["RTNS"]),
        ("CNL  XASM", None, []),
        ("CNL", None, []),
    ],
)
def test_change_reasons(action: str, causes: str | None, reasons: list[str]) -> None:
    status = one("ASM", "UTC", action, "LX544/24MAY")
    assert status.cause == causes
    told = [item for item in status.evidence if item.startswith("reason=")]
    assert told == [f"reason={reason}" for reason in reasons]
    assert ("withdrawal=XASM" in status.evidence) == ("XASM" in action)


def test_supplementary_information_is_never_kept() -> None:
    status = one("ASM", "UTC", "CNL", "LX544/24MAY", "SI CREW MEIER SICK", "NEW MEIER")
    assert "MEIER" not in repr(status)


# --- actions on single dates -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "life"), [("NEW", "operating"), ("RPL", "operating"), ("TIM", "unsaid")]
)
def test_actions_with_times(action: str, life: str) -> None:
    status = one("ASM", "UTC", action, "LX544/24MAY", "J 320 .C20Y148", "ZRH0810 FRA0915")
    assert shown(status) == ("ZRH", "FRA", "2025-05-24", life)
    assert status.out_scheduled == at("2025-05-24T08:10:00Z")
    assert status.in_scheduled == at("2025-05-24T09:15:00Z")
    assert status.service == "J"


def test_a_cancellation_names_legs_or_none() -> None:
    assert shown(one("ASM", "LT", "CNL", "LX544/24MAY")) == (None, None, "2025-05-24", "cancelled")
    whole = one("ASM", "UTC", "CNL", "LX544/24MAY")
    assert (whole.date, whole.utc_date, whole.origin) == (None, "2025-05-24", None)
    legs = parsed("ASM", "LT", "CNL", "AT248/24MAY CMN/MED/JED")
    assert [shown(leg) for leg in legs] == [
        ("CMN", "MED", "2025-05-24", "cancelled"),
        ("MED", "JED", "2025-05-24", "cancelled"),
    ]
    # That the second leg leaves on the same day is likely, but not told.
    assert [leg.date_basis for leg in legs] == ["scheduled", "filed"]


def test_a_cancellation_with_leg_lines_has_the_legs_keys() -> None:
    status = one("ASM", "UTC", "CNL", "AT763/24MAY", "J 73H", "ORY2310 CMN0215/1")
    assert shown(status) == ("ORY", "CMN", "2025-05-25", "cancelled")


def test_several_flights_under_one_action() -> None:
    statuses = parsed("ASM", "UTC", "CNL WEAT", "LX544/24MAY", "LX545/24MAY", "LX546/25MAY")
    told = [(status.number, status.utc_date) for status in statuses]
    assert told == [(544, "2025-05-24"), (545, "2025-05-24"), (546, "2025-05-25")]


def test_flight_lines_above_one_schedule_share_it_and_those_below_do_not() -> None:
    statuses = parsed(
        "ASM", "UTC", "TIM", "LX544/24MAY", "LX544/25MAY", "ZRH0810 FRA0915", "LX546/24MAY",
        "ZRH1810 FRA1915",
    )  # fmt: skip
    told = [(s.number, s.out_scheduled) for s in statuses]
    assert told == [
        (544, at("2025-05-24T08:10:00Z")),
        (544, at("2025-05-25T08:10:00Z")),
        (546, at("2025-05-24T18:10:00Z")),
    ]


def test_trap_22_a_cancelled_flight_is_reinstated() -> None:
    gone = one("ASM", "UTC", "CNL CREW", "LX544/24MAY")
    back = one("ASM", "UTC", "RIN RTNS", "LX544/24MAY")
    assert (gone.life, back.life) == ("cancelled", "operating")
    names = [(s.airline, s.number, s.suffix, s.origin, s.utc_date) for s in (gone, back)]
    assert names[0] == names[1]


@pytest.mark.parametrize("suffix", ["", "A"])
@pytest.mark.parametrize("number", ["LX44", "LX044", "LX0044", "SWR44"])
def test_numbers_have_zeros_and_suffixes(number: str, suffix: str) -> None:
    status = one("ASM", "UTC", "CNL", f"{number}{suffix}/24MAY")
    assert (status.airline, status.number, status.suffix) == ("SWR", 44, suffix)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["EQT", "LX544/24MAY", "J 320"], "equipment"),
        (["CON", "LX544/24MAY", "J 320 .C20Y148"], "equipment"),
        (["ADM", "LX544/24MAY 3/2L"], "administrative"),
        (["RSD", "LX544/24MAY"], "schedule_request"),
        (["ACK"], "acknowledgement"),
        (["NAC", "LX544/24MAY", "003 INVALID", "//", "CNL", "LX544/24MAY"], "not_actioned"),
        (["SKD", "LX544/24MAY"], "says_nothing"),
        (["TIM", "LX544/24MAY"], "says_nothing"),
        (["XYZ", "LX544/24MAY"], "unknown_action"),
        (["RRT", "LX544/24MAY ZRH/FRA"], "says_nothing"),
    ],
)
def test_what_says_nothing_is_dropped(lines: list[str], reason: str) -> None:
    # Before an action that is known an unknown one cannot be told from the heading.
    known = ["CNL", "LX1/24MAY", "//"] if lines[0] == "XYZ" else []
    said = asm.parse(message("ASM", "UTC", *known, *lines), SOURCE)
    if known:
        assert isinstance(said, tuple)
        assert len(said) == 1
    else:
        assert said == Drop(reason)


def test_an_answer_needs_no_time_mode() -> None:
    assert dropped("ASM", "20MAY00144E003/REF", "ACK") == "acknowledgement"


# --- new routes and names --------------------------------------------------------------------


def test_a_new_route_keeps_the_planned_destination() -> None:
    status = one("ASM", "UTC", "RRT RUNW", "LX14/24MAY ZRH/JFK", "J 333", "ZRH0800 EWR1650")
    assert (status.destination, status.planned_destination) == ("EWR", "JFK")
    assert (status.deviation, status.life) == ("diverted", "operating")


def test_a_stop_on_the_way_is_no_diversion() -> None:
    first, second = parsed(
        "ASM", "UTC", "RRT", "LX14/24MAY ZRH/JFK", "J 333", "ZRH0800 SNN1030", "SNN1130 JFK1850"
    )
    assert (first.destination, first.planned_destination, first.deviation) == ("SNN", "JFK", None)
    assert shown(second) == ("SNN", "JFK", "2025-05-24", "operating")
    assert second.planned_destination is None


def test_a_station_that_the_new_route_leaves_out_is_not_departed_from() -> None:
    flown, left_out = parsed(
        "ASM", "LT", "RRT", "AT248/24MAY CMN/MED/JED", "J 332", "CMN0140 JED0935"
    )
    assert shown(flown) == ("CMN", "JED", "2025-05-24", "operating")
    assert flown.planned_destination == "MED"
    assert shown(left_out) == ("MED", "JED", "2025-05-24", "cancelled")


def test_a_new_route_without_the_old_one() -> None:
    status = one("ASM", "UTC", "RRT", "LX14/24MAY", "J 333", "ZRH0800 EWR1650")
    assert (status.planned_destination, status.deviation) == (None, None)


def test_trap_29_a_new_number_keeps_the_old_ones() -> None:
    status = one("ASM", "LT", "FLT", "LX544/24MAY ZRH/FRA LX644/24MAY")
    assert (status.number, status.formerly) == (644, "SWR544.ZRH.2025-05-24")
    assert status.code_shares == ("LX544",)
    assert (status.date, status.life) == ("2025-05-24", "unsaid")


def test_trap_29_a_new_date_keeps_the_old_ones() -> None:
    status = one("ASM", "LT", "FLT", "LX544/24MAY ZRH/FRA LX544A/25MAY")
    assert (status.suffix, status.date) == ("A", "2025-05-25")
    assert status.formerly == "SWR544.ZRH.2025-05-24"
    assert status.code_shares == ("LX544/2025-05-24",)


def test_trap_29_a_new_name_of_the_whole_flight_names_no_airport() -> None:
    status = one("ASM", "LT", "FLT", "LX544/24MAY LX644/24MAY")
    assert (status.origin, status.formerly) == (None, "SWR544..2025-05-24")
    assert status.code_shares == ("LX544",)
    moved = one("ASM", "UTC", "FLT", "LX544/24MAY LX644/25MAY")
    assert (moved.utc_date, moved.formerly) == ("2025-05-25", "SWR544..2025-05-24")
    # Which local date tickets carry is not told by a UTC date.
    assert moved.code_shares == ()


def test_trap_29_a_new_name_by_utc_dates_has_the_local_date_of_its_times() -> None:
    status = one("ASM", "UTC", "FLT", "LX544/24MAY ZRH/FRA LX644/25MAY", "J 320", "ZRH2230 FRA2335")
    assert (status.date, status.formerly) == ("2025-05-26", "SWR544.ZRH.2025-05-25")
    assert status.code_shares == ("LX544/2025-05-25",)


def test_trap_29_new_times_move_the_date_over_local_midnight() -> None:
    status = one("ASM", "LT", "TIM", "LX318/24MAY", "ZRH0030/1 LHR0125/1")
    assert status.date == "2025-05-25"
    assert status.formerly == "SWR318.ZRH.2025-05-24"
    assert status.code_shares == ("LX318/2025-05-24",)
    assert "flight_date=2025-05-24" in status.evidence


def test_trap_29_new_times_over_utc_midnight_need_not_move_the_local_date() -> None:
    # 19:30 on the 24th in New York, and as the end of the 24th UTC, 19:59, is on the 24th too.
    status = one("ASM", "UTC", "TIM", "UA14/24MAY", "EWR0030/1 LHR0730/1")
    assert (status.date, status.utc_date) == ("2025-05-24", "2025-05-24")
    assert (status.formerly, status.code_shares) == (None, ())


def test_trap_29_over_local_and_utc_midnight() -> None:
    status = one("ASM", "UTC", "TIM", "BA14/24JAN", "LHR0030/1 CDG0145/1")
    assert (status.date, status.formerly) == ("2025-01-25", "BAW14.LHR.2025-01-24")


def test_trap_29_a_new_flight_date_beside_the_times() -> None:
    status = one("ASM", "LT", "TIM", "LX318/24MAY LX318/25MAY", "ZRH0030 LHR0125")
    assert (status.date, status.formerly) == ("2025-05-25", "SWR318.ZRH.2025-05-24")


def test_trap_29_a_new_number_beside_the_times() -> None:
    status = one("ASM", "UTC", "TIM", "LX318/24MAY LX319/24MAY", "ZRH2230 LHR0020/1")
    assert (status.date, status.formerly) == ("2025-05-25", "SWR318.ZRH.2025-05-25")
    assert status.code_shares == ("LX318",)


def test_trap_29_times_brought_forward_over_utc_midnight() -> None:
    # It left on the 25th UTC, at 01:00 in Zurich at the earliest, and now leaves at 00:30.
    status = one("ASM", "UTC", "TIM", "LX318/25JAN LX318/24JAN", "ZRH2330 LHR0120/1")
    assert (status.date, status.formerly) == ("2025-01-25", None)


def test_later_legs_after_midnight_were_there_before() -> None:
    # Only the second leg of the flight is told, and it may always have left after midnight.
    status = one("ASM", "LT", "TIM", "TG600/24MAY BKK/HKG", "BKK0030/1 HKG0415/1")
    assert (status.date, status.formerly) == ("2025-05-25", None)


# --- days and times --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "received", "date"),
    [
        ("02", "2025-01-31T10:00:00Z", "2025-02-02"),
        ("27", "2025-05-28T10:00:00Z", "2025-05-27"),
        ("31", "2025-05-30T10:00:00Z", "2025-05-31"),
        ("31", "2025-06-01T10:00:00Z", "2025-05-31"),
        ("15", "2025-05-20T10:00:00Z", "2025-06-15"),  # told in advance, not five days late
        ("1", "2024-12-31T23:50:00Z", "2025-01-01"),
        ("29", "2024-02-27T10:00:00Z", "2024-02-29"),
    ],
)
def test_trap_13_a_day_without_a_month(day: str, received: str, date: str) -> None:
    [status] = parsed("ASM", "LT", "CNL", f"LX544/{day}", received_at=at(received))
    assert status.date == date


@pytest.mark.parametrize(
    ("day", "received", "date"),
    [
        ("28DEC", "2025-01-05T10:00:00Z", "2024-12-28"),
        ("05JAN", "2024-12-28T10:00:00Z", "2025-01-05"),
        ("12MAY", "2024-11-20T10:00:00Z", "2025-05-12"),
        ("12MAY03", "2024-11-20T10:00:00Z", "2003-05-12"),
        ("12MAY2025", "2024-11-20T10:00:00Z", "2025-05-12"),
    ],
)
def test_trap_13_a_date_without_a_year(day: str, received: str, date: str) -> None:
    [status] = parsed("ASM", "LT", "CNL", f"LX544/{day}", received_at=at(received))
    assert status.date == date


@pytest.mark.parametrize(
    ("arrives", "out"), [("0245", "2025-10-26T00:30:00Z"), ("0345", "2025-10-26T01:30:00Z")]
)
def test_trap_10_a_reading_that_comes_twice_is_settled_by_the_block_time(
    arrives: str, out: str
) -> None:
    status = one("ASM", "LT", "TIM", "BA300/26OCT25", f"LHR0130 CDG{arrives}")
    assert status.out_scheduled == at(out)


def test_trap_10_a_day_that_a_zone_left_out() -> None:
    status = one("ASM", "LT", "NEW", "FJ1/30DEC11", "J 73H", "APW1000 NAN1100")
    assert (status.date, status.out_scheduled) == ("2011-12-30", None)
    assert "unread=out_scheduled" in status.evidence


@pytest.mark.parametrize(
    ("leg", "minutes"),
    [
        ("AKL2005 LAX1125", 740),
        ("AKL2005/0 LAX1125/0", 740),
        ("AKL2005 LAX1125/1", 740),  # a lie
        ("PPG1000 APW1035/1", 35),
        ("PPG1000 APW1035", 35),
        ("APW1000 PPG1035/M1", 35),
        ("APW1000 PPG1035", 35),
    ],
)
def test_trap_11_over_the_date_line(leg: str, minutes: int) -> None:
    status = one("ASM", "LT", "NEW", "NZ6/01MAR25", "J 789", leg)
    assert status.date == "2025-03-01"
    assert status.out_scheduled is not None
    assert status.in_scheduled == status.out_scheduled + minutes * 60_000


def test_passenger_times_are_the_schedule() -> None:
    status = one("ASM", "UTC", "TIM", "LX544/24MAY", "ZRH0810/0/0800 FRA0915/0/0925")
    assert status.out_scheduled == at("2025-05-24T08:00:00Z")
    assert status.in_scheduled == at("2025-05-24T09:25:00Z")
    assert {"aircraft_out=0810", "aircraft_in=0915"} < set(status.evidence)


@pytest.mark.parametrize("legs", [
    ["CMN2340 MED0530/1", "MED0700/1 JED0805/1"],
    ["CMN2340 MED0530", "MED0700 JED0805"],
])  # fmt: skip
def test_later_legs_follow_from_times_and_variations(legs: list[str]) -> None:
    first, second = parsed("ASM", "UTC", "TIM", "AT248/21MAY", *legs)
    assert first.in_scheduled == at("2025-05-22T05:30:00Z")
    assert second.out_scheduled == at("2025-05-22T07:00:00Z")
    assert second.in_scheduled == at("2025-05-22T08:05:00Z")
    assert (first.utc_date, second.utc_date) == ("2025-05-21", "2025-05-22")
    assert (first.date, second.date) == ("2025-05-22", "2025-05-22")


def test_a_stop_of_more_than_a_day() -> None:
    _, second = parsed(
        "ASM", "UTC", "NEW", "AT248/21MAY", "J 332", "CMN0740 MED1330", "MED1400/2 JED1505/2"
    )
    assert second.out_scheduled == at("2025-05-23T14:00:00Z")


def test_a_variation_before_the_arrival_of_the_leg_before_is_not_believed() -> None:
    _, second = parsed(
        "ASM", "UTC", "NEW", "AT248/21MAY", "J 332", "CMN2340 MED0530/1", "MED0700/0 JED0805/0"
    )
    assert second.out_scheduled == at("2025-05-22T07:00:00Z")


def test_a_time_that_is_none_is_left_out() -> None:
    status = one("ASM", "LT", "NEW", "LX544/24MAY", "J 320", "ZRH2575 FRA0915")
    assert (status.date, status.out_scheduled, status.in_scheduled) == ("2025-05-24", None, None)
    assert {"unread=out_scheduled", "unread=in_scheduled"} < set(status.evidence)


# --- periods ---------------------------------------------------------------------------------


def dates(*lines: str) -> list[str | None]:
    return [status.date for status in parsed("SSM", "LT", *lines)]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("01JUN25 09JUN25 17", ["2025-06-01", "2025-06-02", "2025-06-08", "2025-06-09"]),
        ("01JUN25 15JUN25 7/W2", ["2025-06-01", "2025-06-15"]),
        ("01JUN25 15JUN25 7 /W2", ["2025-06-01", "2025-06-15"]),
        ("01JUN25 15JUN25 7 W2", ["2025-06-01", "2025-06-15"]),
        ("01JUN 15JUN 7", ["2025-06-01", "2025-06-08", "2025-06-15"]),
        ("28DEC 04JAN 7", ["2025-12-28", "2026-01-04"]),
        ("01JUN25 15JUN25 ......7", ["2025-06-01", "2025-06-08", "2025-06-15"]),
    ],
)  # fmt: skip
def test_a_period_has_a_status_for_each_date(period: str, expected: list[str]) -> None:
    assert dates("CNL", "LX544", period) == expected


def test_several_periods_of_one_flight() -> None:
    found = dates("TIM", "LX544", "02JUN25 02JUN25 1", "05JUN25 05JUN25 4", "ZRH0810 FRA0915")
    assert found == ["2025-06-02", "2025-06-05"]


def test_an_open_period_is_a_year_and_all_in_all_there_are_400() -> None:
    found = dates("CNL", "LX544", "01JUN25 00XXX00 1234567")
    assert (found[0], found[-1], len(found)) == ("2025-06-01", "2026-06-01", 366)
    statuses = parsed("SSM", "LT", "CNL", "LX544", "00XXX 00XXX 1234567", "LX545",
                      "01JUN25 31DEC99 1234567")  # fmt: skip
    assert statuses[0].date == "2025-05-20"
    assert len(statuses) == 400
    assert statuses[-1].evidence[0] == "more=left_out"


def test_a_cancelled_period_of_several_flights() -> None:
    statuses = parsed(
        "SSM", "UTC", "CNL", "LX544", "02JUN25 02JUN25 1", "LX545", "03JUN25 03JUN25 2"
    )
    told = [(s.number, s.utc_date, s.life) for s in statuses]
    assert told == [(544, "2025-06-02", "cancelled"), (545, "2025-06-03", "cancelled")]


def test_a_schedule_is_listed() -> None:
    statuses = parsed("SSM", "LT", "SKD", "LX544", "02JUN25 15JUN25 1", "J 320", "ZRH0810 FRA0915")
    assert [shown(status) for status in statuses] == [
        ("ZRH", "FRA", "2025-06-02", "unsaid"),
        ("ZRH", "FRA", "2025-06-09", "unsaid"),
    ]


def test_a_new_number_below_its_period() -> None:
    statuses = parsed("SSM", "LT", "FLT", "LX545", "02JUN25 04JUN25 13", "LX645")
    told = [(s.number, s.date, s.formerly) for s in statuses]
    assert told == [
        (645, "2025-06-02", "SWR545..2025-06-02"),
        (645, "2025-06-04", "SWR545..2025-06-04"),
    ]


def test_new_numbers_of_two_flights() -> None:
    statuses = parsed(
        "SSM", "LT", "FLT", "LX545", "02JUN25 02JUN25 1", "LX645", "LX546", "03JUN25 03JUN25 2",
        "LX646",
    )  # fmt: skip
    told = [(s.number, s.date, s.formerly) for s in statuses]
    assert told == [
        (645, "2025-06-02", "SWR545..2025-06-02"),
        (646, "2025-06-03", "SWR546..2025-06-03"),
    ]


def test_a_new_number_beside_the_old_one() -> None:
    status = one("SSM", "LT", "FLT", "JST0122 JST0123", "02JUN25 02JUN25 1")
    assert (status.airline, status.number, status.formerly) == ("JST", 123, "JST122..2025-06-02")


def test_a_revised_period_cancels_and_adds() -> None:
    statuses = parsed("SSM", "LT", "REV", "LX545", "02JUN25 16JUN25 1", "09JUN25 23JUN25 1")
    told = [(s.date, s.life) for s in statuses]
    assert told == [("2025-06-02", "cancelled"), ("2025-06-23", "operating")]


def test_a_revision_without_a_new_period_says_nothing() -> None:
    assert dropped("SSM", "LT", "REV", "LX545", "02JUN25 16JUN25 1") == "says_nothing"


# --- data elements ---------------------------------------------------------------------------


def test_data_element_10_lists_code_shares() -> None:
    status = one("ASM", "UTC", "ADM", "SK345/24MAY 10/DY132/UF4621")
    assert status.code_shares == ("DY132", "UF4621")
    assert status.life == "unsaid"


def test_data_elements_on_a_line_of_their_own() -> None:
    status = one("ASM", "UTC", "ADM", "SK345/24MAY", "10/DY132 10/UF4621")
    assert status.code_shares == ("DY132", "UF4621")


def test_code_shares_of_a_segment_belong_to_its_legs() -> None:
    statuses = parsed(
        "ASM", "UTC", "RPL", "AT248/21MAY", "J 332", "CMN0140 MED0740 10/SV1", "MED0910 JED1010",
        "MEDJED 10/SV2", "CMNJED 10/SV3", "QQQQQQ 10/SV4", "RUHJED 10/SV5",
    )  # fmt: skip
    assert [status.code_shares for status in statuses] == [
        ("SV1", "SV3", "SV4"),
        ("SV2", "SV3", "SV4"),
    ]


def test_code_shares_of_segments_alone_name_where_they_begin() -> None:
    statuses = parsed("ASM", "UTC", "ADM", "AT248/21MAY 10/QR1", "CMNMED 10/SV1", "MEDJED 10/SV2")
    told = [(s.origin, s.destination, s.code_shares) for s in statuses]
    assert told == [("CMN", None, ("QR1", "SV1")), ("MED", None, ("QR1", "SV2"))]


def test_each_flight_has_the_elements_on_its_own_line() -> None:
    statuses = parsed("ASM", "UTC", "ADM", "LX544/24MAY 10/UA1", "LX545/24MAY 10/UA2")
    assert [status.code_shares for status in statuses] == [("UA1",), ("UA2",)]


def test_data_element_50_names_the_operating_flight() -> None:
    status = one("ASM", "UTC", "NEW", "UA9760/24MAY 50/LX38", "J 77W", "ZRH1110 SFO2305")
    assert (status.airline, status.number, status.code_shares) == ("SWR", 38, ("UA9760",))


@pytest.mark.parametrize("element", ["2/LX", "2/X"])
def test_a_marketing_flight_that_names_no_operating_one_is_dropped(element: str) -> None:
    found = dropped("ASM", "UTC", "NEW", f"UA9760/24MAY {element}", "J 77W", "ZRH1110 SFO2305")
    assert found == "marketing_flight"


@pytest.mark.parametrize("elements", ["2/UA", "2/LX 10/LX3760"])
def test_a_flight_that_is_its_own_or_lists_code_shares_operates(elements: str) -> None:
    status = one("ASM", "UTC", "NEW", f"UA960/24MAY {elements}", "J 77W", "ZRH1110 SFO2305")
    assert (status.airline, status.number) == ("UAL", 960)


def test_codes_are_evidence_and_free_text_is_not() -> None:
    status = one(
        "ASM", "UTC", "NEW", "LX544/24MAY 3/2L 7//M 127/OPERATED-BY", "J 320", "ZRH0810 FRA0915",
        "ZRHFRA 6/LX545", "ZRHFRA 505/ET", "WHATEVER THIS IS",
    )  # fmt: skip
    assert status.evidence == (
        "action=NEW",
        "message=ASM",
        "dei=3/2L",
        "dei=7//M",
        "dei=6/LX545",
        "unread_lines=1",
    )


# --- what cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["NOT AN ACTION"], "action: none is found"),
        ([], "action: none is found"),
        (["CNL"], "flight: none below CNL"),
        (["CNL", "SI SORRY"], "flight: none below CNL"),
        (["CNL", "X/24MAY"], "flight: 'X/24MAY' "),
        (["CNL", "LX0000/24MAY"], "flight: 'LX0000' "),
        (["CNL", "LX544"], "flight date: LX544 has none"),
        (["CNL", "LX544/32"], "flight date: "),
        (["CNL", "LX544/31FEB25"], "flight date: '31FEB25' "),
        (["CNL", "LX544/12XXX"], "flight date: '12XXX' "),
        (["CNL", "LX544", "31FEB25 01MAR25 1"], "period from: '31FEB25' "),
        (["CNL", "LX544", "02MAR25 01MAR25 1"], "period to: "),
        (["CNL", "LX544", "01MAR25 02MAR25 ..."], "days of operation: "),
        (["FLT", "LX544/24MAY LX644/31FEB25"], "flight date: "),
        (["FLT", "LX544/24MAY LX0000/24MAY"], "flight: 'LX0000' "),
    ],
)
def test_what_is_rejected_names_the_element(lines: list[str], reason: str) -> None:
    assert rejected("ASM", "UTC", *lines).reason.startswith(reason)


def test_of_several_sub_messages_the_broken_one_is_named() -> None:
    assert rejected("ASM", "UTC", "CNL", "LX1/24MAY", "//", "CNL", "LX2").place == "sub-message 2"
    assert rejected("ASM", "UTC", "CNL", "LX1/24MAY", "//", "CNL", "?").place == "sub-message 2"
    assert rejected("ASM", "UTC", "CNL", "LX1/24MAY", "//", "?").place == "sub-message 2"


# --- recognising, naming, hostile bytes ------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "known"),
    [
        (b"ASM\r\nUTC\r\nCNL\r\nLX1/24MAY", True),
        (b"\x01QU LHRBAXX\r\n.ZRHKOLX 191210\r\n\x02SSM\r\nUTC\r\nCNL\r\n", True),
        (b"MVT\r\nLX318/03.HBIJB.ZRH\r\nAD0710/0722\r\n", False),
        (b'{"type": "flifo", "pitr": "1"}', False),
        (b"1AIRLINE STANDARD SCHEDULE DATA SET", False),
        (b"ASMARA,1,2", False),
        (b"", False),
    ],
)
def test_detect(payload: bytes, known: bool) -> None:
    assert asm.detect(payload) == known


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (["CNL", "LX0544A/24MAY"], "SWR544A"),
        (["CNL", "LX544/24MAY", "//", "RIN", "LX0544/25MAY"], "SWR544"),
        (["CNL", "LX544/24MAY", "LX545/24MAY"], None),
        (["FLT", "LX544/24MAY LX545/24MAY"], None),
        (["NEW", "UA9760/24MAY 50/LX38", "ZRH1110 SFO2305"], "SWR38"),
        (["ACK"], None),
        (["CNL", "?"], None),
        ([], None),
    ],
)
def test_leg_key(lines: list[str], key: str | None) -> None:
    assert asm.leg_key("\n".join(["ASM", "UTC", *lines]).encode()) == key


def test_split_gives_a_piece_a_telegram() -> None:
    data = b".ZRHKOLX 191210\nASM\nUTC\nCNL\nLX1/24MAY\n=\n.ZRHKOLX 191211\nSSM\nUTC\nACK\n=\n"
    pieces = list(asm.split([data]))
    assert [asm.detect(piece.payload) for piece in pieces] == [True, True]
    assert [piece.place for piece in pieces] == ["line 1", "line 7"]


def test_every_action_is_documented() -> None:
    for action in (
        "NEW",
        "CNL",
        "RIN",
        "RPL",
        "ADM",
        "CON",
        "EQT",
        "FLT",
        "RRT",
        "TIM",
        "SKD",
        "REV",
    ):
        assert asm.FIELDS[action]
    assert {"RSD", "ACK", "NAC"} < set(asm.IGNORED)


@pytest.mark.parametrize(
    "lines",
    [
        ["SSM", "LT", "CNL", *["LX1", "01JAN00 31DEC99 1234567"] * 2000],
        ["SSM", "LT", "EQT", *["LX1", "01JAN00 31DEC99 1234567"] * 2000],
        ["ASM", "LT", "TIM", "LX1/24MAY", *["ZRH0810 FRA0915"] * 5000],
        ["ASM", "LT", "ADM", "LX1/24MAY", *["ZRHFRA 10/UA1/UA2"] * 5000],
        ["ASM", "LT", "NEW", *["LX1/24MAY"] * 5000, "J 320", *["ZRH0810 FRA0915 10/UA1"] * 500],
        ["ASM", "LT", *["//"] * 50_000],
        ["ASM", "LT", "CNL " + "CREW/" * 10_000, "LX" + "1" * 10_000],
    ],
    ids=lambda lines: f"{lines[2][:4]}{len(lines)}",
)
def test_endless_telegrams_end(lines: list[str]) -> None:
    try:
        said = asm.parse(message(*lines), SOURCE)
    except RejectRecord:
        return
    assert isinstance(said, Drop) or len(said) <= 400


WORDS = st.sampled_from(
    [
        "",
        "ASM",
        "SSM",
        "UTC",
        "LT",
        "20MAY00144E003/X",
        "SI X",
        "=\n",
        "LX318",
        "LX318/24",
        "JST0122",
        "LX544/24MAY ZRH/FRA",
        "LX544/24MAY LX644/25MAY",
        "LX544/31FEB25 10/UA1",
        "J 320 50/LX9",
        "ZRH0810 FRA0915",
        "ZRH2359/7 FRA2400/M9/0000",
        "AKL2005 LAX1125/A",
        "ZRHFRA 10/UA1 2/X",
        "01JUN25 15JUN25 17/W2",
        "01JUN 15JUN 17",
        "00XXX00 00XXX00 1234567",
        "31DEC99 00XXX 1",
        "//",
        "QQQQQQ 50/LX1",
        "NEW",
        "CNL WEAT",
        "RIN RTNS",
        "RPL",
        "ADM",
        "CON",
        "EQT",
        "FLT",
        "RRT",
        "TIM",
        "SKD",
        "REV",
        "RSD",
        "ACK",
        "NAC",
        "XYZ",
        "",
    ]
)


@given(st.lists(WORDS, max_size=12).map("\n".join).map(str.encode) | st.binary(max_size=300))
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    asm.detect(payload)
    asm.leg_key(payload)
    sent = FeedMessage(
        id=payload_id(payload), format="asm", feed="t", received_at=RECEIVED, payload=payload
    )
    for source in (SOURCE, Source(time_mode="L")):
        try:
            said = asm.parse(sent, source)
        except RejectRecord:
            continue
        assert isinstance(said, Drop) or decode_pack(encode_pack(said)) == list(said)
