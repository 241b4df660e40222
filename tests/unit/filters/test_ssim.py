from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.schedules import ssim
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import at

SOURCE = Source(rank=70)
RECEIVED = at("2025-01-20T12:00:00Z")
TITLE = "1AIRLINE STANDARD SCHEDULE DATA SET".ljust(194) + "000001"
ZEROS = "0" * 200
END = "5 LX ".ljust(187) + "000004E000005"

# Where the elements of a leg record begin, counted from 1 (SSIM 7.5.3).
BEGIN = {
    "suffix": 2,
    "airline": 3,
    "number": 6,
    "itinerary": 10,
    "leg": 12,
    "service": 14,
    "first": 15,
    "last": 22,
    "days": 29,
    "rate": 36,
    "dep": 37,
    "pax_std": 40,
    "std": 44,
    "dep_utc": 48,
    "dep_terminal": 53,
    "arr": 55,
    "sta": 58,
    "pax_sta": 62,
    "arr_utc": 66,
    "arr_terminal": 71,
    "aircraft": 73,
    "overflow": 128,
    "disclosure": 149,
    "dep_variation": 193,
    "arr_variation": 194,
    "serial": 195,
}
ZURICH_LONDON = {
    "airline": "LX",
    "number": " 318",
    "itinerary": "01",
    "leg": "01",
    "service": "J",
    "first": "03FEB25",
    "last": "09FEB25",
    "days": "1 3  67",
    "dep": "ZRH",
    "pax_std": "0710",
    "std": "0710",
    "dep_utc": "+0100",
    "arr": "LHR",
    "sta": "0805",
    "pax_sta": "0805",
    "arr_utc": "+0000",
    "aircraft": "320",
    "serial": "000003",
}


def carrier(
    mode: str = "L",
    *,
    begins: str = "01FEB25",
    ends: str = "29MAR25",
    created: str = "15JAN25",
    clock: str = "0915",
) -> str:
    """A record 2."""
    text = f"2{mode}LX          {begins}{ends}{created}"
    return text.ljust(190) + clock + "000002"


def leg(**elements: str) -> str:
    """A record 3 of Swiss 318, Zurich to London, with these elements."""
    cells = [" "] * 200
    cells[0] = "3"
    for name, text in {**ZURICH_LONDON, **elements}.items():
        start = BEGIN[name] - 1
        cells[start : start + len(text)] = text
    return "".join(cells)


def segment(element: int, data: str, ends: str = "ZRHLHR") -> str:
    """A record 4 of the same leg."""
    return ("4 LX  3180101J".ljust(28) + f"AB{element:03}{ends}{data}").ljust(194) + "000004"


def message(*lines: str) -> FeedMessage:
    payload = "\n".join(lines).encode()
    return FeedMessage(
        id=payload_id(payload), format="ssim", feed="test", received_at=RECEIVED, payload=payload
    )


def parsed(*lines: str, source: Source = SOURCE) -> tuple[FlightStatus, ...]:
    said = ssim.parse(message(*lines), source)
    assert isinstance(said, tuple), said
    assert decode_pack(encode_pack(said)) == list(said)
    assert [status.id for status in said] == [
        f"{said[0].message_id}.{index}" for index in range(len(said))
    ]
    return said


def one(*, mode: str = "L", **elements: str) -> FlightStatus:
    """The status of a leg that operates on Monday 3 February 2025 only, unless told otherwise."""
    day = elements.pop("day", "03FEB25")
    [status] = parsed(carrier(mode), leg(first=day, last=day, days="1234567", **elements))
    return status


def between(first: int | None, second: int | None) -> int:
    assert first is not None
    assert second is not None
    return (second - first) // 60_000


def test_a_leg_on_its_operating_dates() -> None:
    statuses = parsed(carrier(), leg(dep_terminal="1", arr_terminal="T2"))
    assert [status.date for status in statuses] == [
        "2025-02-03",
        "2025-02-05",
        "2025-02-08",
        "2025-02-09",
    ]
    first = statuses[0]
    assert (first.airline, first.number, first.suffix) == ("SWR", 318, "")
    assert (first.origin, first.destination) == ("ZRH", "LHR")
    assert first.out_scheduled == at("2025-02-03T06:10:00Z")
    assert first.in_scheduled == at("2025-02-03T08:05:00Z")
    assert (first.out_terminal, first.in_terminal) == ("1", "T2")
    assert (first.life, first.service, first.date_basis) == ("unsaid", "J", "scheduled")
    assert (first.source_time, first.source_rank) == (at("2025-01-15T09:15:00Z"), 70)
    assert first.evidence == ("itinerary=01", "leg=01")


def test_utc_mode_dates_and_times_are_utc() -> None:
    status = one(
        mode="U", dep="AKL", pax_std="2330", std="2330", dep_utc="+1300", arr="SYD",
        sta="0315", pax_sta="0315", arr_utc="+1100",
    )  # fmt: skip
    assert status.out_scheduled == at("2025-02-03T23:30:00Z")
    assert status.in_scheduled == at("2025-02-04T03:15:00Z")
    assert status.date == "2025-02-04"  # in Auckland, where it is 12:30 by then


def test_an_airport_nobody_knows_has_the_date_of_the_records_own_variation() -> None:
    status = one(mode="U", dep="QZZ", pax_std="2330", std="2330", dep_utc="+0200")
    assert (status.origin, status.date) == ("QZZ", "2025-02-04")


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"suffix": "A"}, ("SWR", 318, "A")),
        ({"number": "0318"}, ("SWR", 318, "")),
        ({"airline": "U2 ", "number": "6418"}, ("EZY", 6418, "")),
        ({"airline": "JST", "number": "   1"}, ("JST", 1, "")),
    ],
)
def test_flight_designators(elements: dict[str, str], expected: tuple[str, int, str]) -> None:
    status = one(**elements)
    assert (status.airline, status.number, status.suffix) == expected


def test_passenger_times_are_the_schedule_and_aircraft_times_evidence() -> None:
    status = one(pax_std="0705", std="0710", sta="0800", pax_sta="0810")
    assert status.out_scheduled == at("2025-02-03T06:05:00Z")
    assert status.in_scheduled == at("2025-02-03T08:10:00Z")
    assert status.evidence[2:] == ("aircraft_out=0710", "aircraft_in=0800")


def test_aircraft_times_stand_in_for_missing_passenger_times() -> None:
    status = one(pax_std="    ", std="0720", sta="0820", pax_sta="    ")
    assert status.out_scheduled == at("2025-02-03T06:20:00Z")
    assert status.in_scheduled == at("2025-02-03T08:20:00Z")
    assert status.evidence == ("itinerary=01", "leg=01")


def test_trap_09_hour_24_is_the_next_midnight() -> None:
    assert one(pax_sta="2400", sta="2400", std="2300", pax_std="2300").in_scheduled == at(
        "2025-02-04T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("elements", "unread"),
    [
        ({"pax_std": "2560", "std": "2560"}, ["out_scheduled", "in_scheduled"]),
        ({"pax_sta": "08X5", "sta": "08X5"}, ["in_scheduled"]),
        ({"pax_sta": "    ", "sta": "    "}, ["in_scheduled"]),
    ],
)
def test_a_time_that_is_none_is_left_out(elements: dict[str, str], unread: list[str]) -> None:
    status = one(**elements)
    assert status.date == "2025-02-03"
    assert [
        name for name in ("out_scheduled", "in_scheduled") if getattr(status, name) is None
    ] == unread
    assert status.evidence[2:] == tuple(f"unread={name}" for name in unread)


# --- traps -----------------------------------------------------------------------------------


def test_trap_10_the_records_own_variation_holds_on_the_night_clocks_go_back() -> None:
    # Both readings of 01:30 exist in London on 26 October 2025.
    summer = one(dep="LHR", arr="ZRH", day="26OCT25", pax_std="0130", std="0130",
                 dep_utc="+0100", sta="0310", pax_sta="0310", arr_utc="+0100")  # fmt: skip
    winter = one(dep="LHR", arr="ZRH", day="26OCT25", pax_std="0130", std="0130",
                 dep_utc="+0000", sta="0410", pax_sta="0410", arr_utc="+0100")  # fmt: skip
    assert summer.out_scheduled == at("2025-10-26T00:30:00Z")
    assert winter.out_scheduled == at("2025-10-26T01:30:00Z")
    assert summer.date == winter.date == "2025-10-26"


@pytest.mark.parametrize(
    ("arrives", "out"),
    [
        # To Paris it takes an hour and a quarter: the other end tells which 01:30 is meant.
        ("0245", "2025-10-26T00:30:00Z"),
        ("0345", "2025-10-26T01:30:00Z"),
    ],
)
def test_trap_10_without_variations_the_block_time_settles_a_reading_that_comes_twice(
    arrives: str, out: str
) -> None:
    status = one(dep="LHR", arr="CDG", day="26OCT25", pax_std="0130", std="0130", dep_utc="     ",
                 sta=arrives, pax_sta=arrives, arr_utc="     ")  # fmt: skip
    assert status.out_scheduled == at(out)
    assert 60 <= between(status.out_scheduled, status.in_scheduled) <= 80


@pytest.mark.parametrize(
    ("day", "airport", "clock", "out"),
    [
        ("30MAR25", "LHR", "0130", "2025-03-30T01:30:00Z"),  # clocks skip it: counted from before
        ("06APR25", "LDH", "0145", "2025-04-05T14:45:00Z"),  # Lord Howe: half an hour, twice
        ("04NOV18", "GRU", "0030", "2018-11-04T03:30:00Z"),  # Sao Paulo: midnight is skipped
    ],
)
def test_trap_10_zones_without_variations(day: str, airport: str, clock: str, out: str) -> None:
    status = one(dep=airport, arr="QZZ", day=day, pax_std=clock, std=clock, dep_utc="     ",
                 arr_utc="     ")  # fmt: skip
    assert status.out_scheduled == at(out)


def test_trap_10_a_day_that_a_zone_left_out_has_no_times() -> None:
    # Apia went from 29 to 31 December 2011.
    status = one(dep="APW", arr="AKL", day="30DEC11", dep_utc="-1000", arr_utc="+1300")
    assert status.out_scheduled is None
    assert status.date == "2011-12-30"


def test_trap_10_the_local_date_is_believed_before_a_wrong_variation() -> None:
    # 23:30 in Zurich is not 19:30 UTC of the day before, as -0400 would say of the next day.
    status = one(pax_std="2330", std="2330", dep_utc="-0400", sta="0020", pax_sta="0020")
    assert status.date == "2025-02-03"
    assert status.out_scheduled == at("2025-02-03T22:30:00Z")


@pytest.mark.parametrize(
    ("dep", "arr", "times", "minutes"),
    [
        # Auckland to Los Angeles arrives on the same date "before" it left.
        ("AKL", "LAX", ("2005", "+1300", "1125", "-0800"), 740),
        # Pago Pago to Apia over the date line: 35 minutes, and the next day.
        ("PPG", "APW", ("1000", "-1100", "1035", "+1300"), 35),
        # And back: it arrives on the day before.
        ("APW", "PPG", ("1000", "+1300", "1035", "-1100"), 35),
        ("SIN", "EWR", ("2335", "+0800", "0530", "-0500"), 1135),
        ("RUN", "CDG", ("2355", "+0400", "0755", "+0100"), 660),
    ],
)
@pytest.mark.parametrize("variation", ["  ", "00", "01", "02", "0A", "0J"])
def test_trap_11_the_date_of_arrival_comes_from_utc_and_the_distance(
    dep: str, arr: str, times: tuple[str, str, str, str], minutes: int, variation: str
) -> None:
    std, dep_utc, sta, arr_utc = times
    status = one(dep=dep, arr=arr, pax_std=std, std=std, dep_utc=dep_utc, sta=sta, pax_sta=sta,
                 arr_utc=arr_utc, dep_variation=variation)  # fmt: skip
    assert status.date == "2025-02-03"
    assert between(status.out_scheduled, status.in_scheduled) == minutes


def test_trap_11_past_midnight_with_a_blank_variation() -> None:
    status = one(pax_std="2305", std="2305", sta="0001", pax_sta="0001")
    assert status.in_scheduled == at("2025-02-04T00:01:00Z")


def test_between_airports_nobody_knows_the_shortest_block_is_taken() -> None:
    status = one(dep="QZY", arr="QZZ", pax_std="2200", std="2200", sta="0100", pax_sta="0100")
    assert between(status.out_scheduled, status.in_scheduled) == 240


def test_a_block_of_almost_a_day_is_none() -> None:
    status = one(dep="QZY", arr="QZZ", pax_std="1200", std="1200", sta="1030", pax_sta="1030")
    assert status.in_scheduled is None
    assert "unread=in_scheduled" in status.evidence


def test_a_later_leg_leaves_on_the_day_that_its_departure_variation_tells() -> None:
    status = one(leg="02", dep="BKK", pax_std="0035", std="0035", dep_utc="+0700", arr="HKG",
                 sta="0415", pax_sta="0415", arr_utc="+0800", dep_variation="11")  # fmt: skip
    assert status.date == "2025-02-04"
    assert status.out_scheduled == at("2025-02-03T17:35:00Z")
    assert status.in_scheduled == at("2025-02-03T20:15:00Z")
    assert status.evidence == ("itinerary=01", "leg=02", "date_variation=11")


def test_the_first_leg_leaves_on_the_flights_day_whatever_its_variation_says() -> None:
    status = one(dep_variation="12")
    assert status.date == "2025-02-03"


def test_the_itinerary_variation_has_a_third_digit() -> None:
    assert one(overflow="1", itinerary="07").evidence[0] == "itinerary=107"


# --- periods ---------------------------------------------------------------------------------


def dates(carrier_record: str, **elements: str) -> list[str | None]:
    return [status.date for status in parsed(carrier_record, leg(**elements))]


def test_every_second_week_counts_from_the_start_of_the_period() -> None:
    assert dates(carrier(), first="05FEB25", last="10MAR25", days="1 3    ", rate="2") == [
        "2025-02-05",
        "2025-02-10",
        "2025-02-19",
        "2025-02-24",
        "2025-03-05",
        "2025-03-10",
    ]


def test_days_may_stand_one_after_the_other() -> None:
    assert dates(carrier(), days="17     ") == ["2025-02-03", "2025-02-09"]


def test_an_open_end_is_that_of_the_validity() -> None:
    found = dates(carrier(ends="17FEB25"), last="00XXX00", days="1      ")
    assert found == ["2025-02-03", "2025-02-10", "2025-02-17"]


def test_an_open_period_begins_with_the_validity() -> None:
    found = dates(carrier(ends="17FEB25"), first="01JAN20", last="00XXX00", days="1      ")
    assert found == ["2025-02-03", "2025-02-10", "2025-02-17"]


def test_without_any_end_it_is_366_days_from_the_day_of_creation() -> None:
    record = carrier(begins="00XXX00", ends="00XXX00")
    found = dates(record, first="00XXX00", last="00XXX00", days="1234567")
    assert (found[0], found[-1], len(found)) == ("2025-01-15", "2026-01-15", 366)


def test_a_closed_period_is_not_cut_by_the_validity() -> None:
    assert dates(carrier(begins="06FEB25", ends="07FEB25"))[0] == "2025-02-03"


def test_at_most_400_dates_and_the_last_says_that_there_are_more() -> None:
    statuses = parsed(carrier(), leg(first="01JAN25", last="31DEC26", days="1234567"))
    assert len(statuses) == 400
    assert statuses[-1].evidence[0] == "more_after=2026-02-04"
    assert not any("more_after" in item for item in statuses[0].evidence)


def test_no_day_of_operation_within_the_period() -> None:
    found = ssim.parse(message(carrier(), leg(last="04FEB25", days="     6 ")), SOURCE)
    assert found == Drop("never_operates")


def test_a_schedule_is_not_known_before_it_is_received() -> None:
    [status] = parsed(carrier(created="20JAN25", clock="2300"), leg(last="04FEB25"))
    assert status.source_time == RECEIVED


@pytest.mark.parametrize("created", ["       ", "32JAN25", "00XXX00"])
def test_without_a_day_of_creation_it_was_known_when_received(created: str) -> None:
    [status] = parsed(carrier(created=created), leg(last="04FEB25"))
    assert status.source_time == RECEIVED


# --- code-shares -----------------------------------------------------------------------------


def test_data_element_10_lists_the_numbers_it_is_sold_under() -> None:
    [status] = parsed(
        carrier(),
        leg(last="04FEB25"),
        segment(10, "UA 9760 /AC 6780 /LX  318 /"),
        segment(10, "SQ 2901A", ends="QQQQQQ"),
        segment(127, "OPERATED BY SOMEBODY"),
    )
    assert status.code_shares == ("AC6780", "SQ2901A", "UA9760")


def test_data_element_50_names_the_flight_that_operates() -> None:
    [status] = parsed(
        carrier(), leg(airline="UA", number="9760", last="04FEB25", disclosure="L"),
        segment(50, "LX  318"),
    )  # fmt: skip
    assert (status.airline, status.number) == ("SWR", 318)
    assert status.code_shares == ("UA9760",)
    assert status.evidence[2:] == ("disclosure=L", "marketed_as=UA9760")


@pytest.mark.parametrize("disclosure", ["L", "X", "Z"])
def test_a_marketing_flight_that_names_no_operating_one_is_no_leg(disclosure: str) -> None:
    said = ssim.parse(message(carrier(), leg(disclosure=disclosure)), SOURCE)
    assert said == Drop("marketing_flight")


def test_a_disclosed_leg_with_code_shares_of_its_own_is_the_operating_one() -> None:
    [status] = parsed(carrier(), leg(disclosure="Z", last="04FEB25"), segment(10, "UA 9760"))
    assert status.airline == "SWR"


# --- what cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([carrier(), leg(airline="-- ")], "flight designator: "),
        ([carrier(), leg(number="0000")], "flight designator: "),
        ([carrier(), leg(number="    ")], "flight designator: "),
        ([carrier(), leg(dep="Z1H")], "departure station: 'Z1H' "),
        ([carrier(), leg(arr="   ")], "arrival station: '   ' "),
        ([carrier(), leg(first="30FEB25")], "period: '30FEB25' "),
        ([carrier(), leg(last="XXXXXXX")], "period: 'XXXXXXX' "),
        ([carrier(), leg(last="01JAN25")], "period to: '01JAN25' "),
        ([carrier(), leg(days="       ")], "days of operation: "),
        ([carrier(), leg(days="1 3 8  ")], "days of operation: "),
        ([carrier("X"), leg()], "record: a line of 200 bytes, type '2'"),
        ([carrier(" "), leg()], "time mode: ' ' "),
        ([leg()], "time mode: ' ' "),
        ([carrier(), leg()[:60]], "record 3: 60 bytes"),
        ([carrier(), leg() + "X"], "record 3: 201 bytes"),
        ([segment(10, "UA 9760")], "record: a line of 200 bytes, type '4'"),
        (["6 LX"], "record: a line of 4 bytes, type '6'"),
        (
            [carrier(begins="00XXX00", created="       "), leg(first="00XXX00")],
            "period from: '00XXX00'",
        ),
    ],
)  # fmt: skip
def test_what_is_rejected_names_the_element(lines: list[str], reason: str) -> None:
    with pytest.raises(RejectRecord) as rejected:
        ssim.parse(message(*lines), SOURCE)
    assert rejected.value.reason.startswith(reason)


@pytest.mark.parametrize(("mode", "out"), [("U", "07:10"), ("L", "06:10")])
def test_the_time_mode_may_come_from_the_sources_settings(mode: Any, out: str) -> None:  # noqa: ANN401  (U or L)
    [status] = parsed(leg(last="04FEB25"), source=Source(time_mode=mode))
    assert status.out_scheduled == at(f"2025-02-03T{out}:00Z")


def test_a_whole_file_that_was_not_split() -> None:
    statuses = parsed(
        TITLE, *[ZEROS] * 4, carrier(), *[ZEROS] * 4, leg(last="04FEB25"), segment(10, "UA 1"),
        leg(last="04FEB25", number=" 319"), END, carrier("U"), leg(last="04FEB25"),
    )  # fmt: skip
    assert [(s.number, s.code_shares) for s in statuses] == [(318, ("UA1",)), (319, ()), (318, ())]
    assert statuses[0].out_scheduled == at("2025-02-03T06:10:00Z")
    assert statuses[2].out_scheduled == at("2025-02-03T07:10:00Z")


def test_in_a_whole_file_a_broken_leg_is_named() -> None:
    with pytest.raises(RejectRecord) as rejected:
        ssim.parse(message(TITLE, carrier(), leg(), leg(days="")[:60], END), SOURCE)
    assert rejected.value.place == "line 4"


def test_a_whole_file_has_a_limit() -> None:
    year = leg(first="01JAN25", last="31DEC25", days="1234567")
    with pytest.raises(RejectRecord, match="more than 20000"):
        ssim.parse(message(carrier(), *[year] * 60), SOURCE)


def test_a_file_without_legs_says_nothing() -> None:
    assert ssim.parse(message(TITLE, ZEROS, carrier(), END), SOURCE) == Drop("says_nothing")


# --- pieces ----------------------------------------------------------------------------------


def test_split_gives_a_piece_a_leg_with_its_carrier_and_segments() -> None:
    second = carrier("U").rstrip()
    lines = [
        TITLE, ZEROS, carrier(), ZEROS, leg(), segment(10, "UA 1"), segment(50, "LX 2"),
        leg(leg="02").rstrip(), ZEROS, END, ZEROS, second, leg(), END,
    ]  # fmt: skip
    for ending in ("\n", "\r\n"):
        data = ending.join(lines).encode()
        pieces = list(ssim.split([data]))
        assert [piece.payload.decode().split("\n") for piece in pieces] == [
            [carrier(), leg(), segment(10, "UA 1"), segment(50, "LX 2")],
            [carrier(), leg(leg="02").rstrip()],
            [second, leg()],
        ]
        assert [piece.place for piece in pieces] == ["line 5", "line 8", "line 13"]
        ends = [sum(len(line) + len(ending) for line in lines[:number]) for number in (7, 8, 13)]
        assert [piece.end for piece in pieces] == ends
        assert not any(piece.fault for piece in pieces)


@pytest.mark.parametrize(
    "line",
    ["6 LX 318", "1NOT A TITLE", "2", "2?LX", "5", "0001", "1" + "0" * 300, END + "X", "x" * 150],
)
def test_a_line_of_another_kind_or_length_is_a_piece_of_its_own(line: str) -> None:
    data = "\n".join([carrier(), leg(), line, leg(leg="02")]).encode()
    pieces = list(ssim.split([data]))
    assert [piece.place for piece in pieces] == ["line 2", "line 3", "line 4"]
    assert pieces[1].payload == line.encode()
    with pytest.raises(RejectRecord):
        ssim.parse(message(line), SOURCE)


def test_a_segment_without_a_leg_is_a_piece_of_its_own() -> None:
    data = "\n".join([carrier(), segment(10, "UA 1"), leg()]).encode()
    assert [piece.place for piece in ssim.split([data])] == ["line 2", "line 3"]


def test_a_carrier_that_cannot_be_read_does_not_leave_the_one_before_in_force() -> None:
    pieces = list(ssim.split(["\n".join([carrier("L"), "2 broken", leg()]).encode()]))
    assert pieces[1].payload == leg().encode()
    with pytest.raises(RejectRecord, match="time mode"):
        ssim.parse(message(pieces[1].payload.decode()), SOURCE)


def test_a_leg_with_endless_segments_stays_within_a_piece() -> None:
    data = "\n".join([carrier(), leg(), *[segment(10, "UA 1")] * 4000]).encode()
    sizes = [len(piece.payload) for piece in ssim.split([data])]
    assert 500_000 < max(sizes) <= 512 * 1024


LINES = st.sampled_from(
    [
        TITLE,
        ZEROS,
        carrier(),
        carrier("U"),
        leg(),
        leg(number=" 319"),
        segment(10, "UA 1"),
        END,
        "",
        "9",
        leg()[:50],
        leg() + "??",
    ]
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.data())
def test_any_chunking_gives_the_same_pieces_and_every_line_is_in_one_or_framing(
    lines: list[str], ending: str, data: st.DataObject
) -> None:
    raw = ending.join(lines).encode()
    pieces = list(ssim.split([raw]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert list(ssim.split(chunks)) == pieces
    framing = {TITLE, ZEROS, carrier(), carrier("U"), END, ""}
    told = [line for line in lines if line not in framing]
    kept = [
        line
        for piece in pieces
        for line in piece.payload.decode().split("\n")
        if line not in framing
    ]
    assert kept == told
    assert [piece.end for piece in pieces] == sorted({piece.end for piece in pieces})


# --- recognising, naming, hostile bytes ------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        f"{TITLE}\n{ZEROS}\n{carrier()}\n{leg()}",
        f"{TITLE}\r\n{ZEROS}",
        "\ufeff" + TITLE,
        f"{carrier()}\n{leg()}",
        leg(),
        leg(last="00XXX00").rstrip(),
    ],
)
def test_detect(payload: str) -> None:
    assert ssim.detect(payload.encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"3",
        b'{"type": "flifo", "pitr": "1"}',
        b"2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z",
        b"ASM\r\nUTC\r\nNEW\r\nLX318/03FEB25\r\n",
        b"MVT\r\nLX318/03.HBIJB.ZRH\r\nAD0710/0722\r\n",
        b"<IATA_AIDX_FlightLegNotifRQ/>",
        carrier().encode(),
        ZEROS.encode(),
    ],
)
def test_detect_leaves_other_bytes_alone(payload: bytes) -> None:
    assert not ssim.detect(payload)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ([carrier(), leg()], "SWR318"),
        ([leg(suffix="A", number="0318")], "SWR318A"),
        ([carrier(), leg(airline="UA", number="9760"), segment(50, "LX  318")], "SWR318"),
        ([carrier(), leg(), leg(leg="02")], "SWR318"),
        ([carrier(), leg(), leg(number=" 319")], None),
        ([TITLE, carrier()], None),
        (["rubbish"], None),
    ],
)
def test_leg_key(lines: list[str], key: str | None) -> None:
    assert ssim.leg_key("\n".join(lines).encode()) == key


def test_what_is_read_is_documented_column_by_column() -> None:
    assert ssim.FIELDS["record 3, 40-43 passenger STD"] == "out_scheduled"
    assert ssim.FIELDS["record 2, 2-2 time mode"]
    assert ssim.FIELDS["record 4, 40-194 data element 10"] == "code_shares"


HOSTILE = st.one_of(
    st.binary(max_size=700),
    st.builds(
        lambda row, at, junk: row[:at] + junk + row[at + len(junk) :],
        st.just(f"{carrier()}\n{leg()}\n{segment(10, 'UA 1')}\n{segment(50, 'LX 2')}".encode()),
        st.integers(0, 800),
        st.binary(min_size=1, max_size=9)
        | st.text("0129 AXZ", min_size=1, max_size=9).map(str.encode),
    ),
)


@given(HOSTILE)
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    ssim.detect(payload)
    ssim.leg_key(payload)
    list(ssim.split([payload]))
    sent = FeedMessage(
        id=payload_id(payload), format="ssim", feed="t", received_at=RECEIVED, payload=payload
    )
    try:
        said = ssim.parse(sent, SOURCE)
    except RejectRecord:
        return
    assert isinstance(said, Drop) or decode_pack(encode_pack(said)) == list(said)
