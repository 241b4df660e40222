from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import recognised
from filters.normalize.tables import bts
from filters.outcome import Drop, Forward, Reject
from schemas.codec import decode_pack, encode_pack
from tests.unit.filters.rows import having, outcome, reason, short, status, table, times

# Delta 417 from New York to San Francisco, 3 July 2024: 08:00 EDT, 6 h 30 min, 11:30 PDT.
PLAN = {
    "FL_DATE": "2024-07-03",
    "OP_CARRIER": "DL",
    "OP_CARRIER_FL_NUM": "417",
    "ORIGIN": "JFK",
    "DEST": "SFO",
    "CRS_DEP_TIME": "0800",
    "CRS_ARR_TIME": "1130",
    "CRS_ELAPSED_TIME": "390.00",
    "CANCELLED": "0.00",
    "DIVERTED": "0.00",
}
FLOWN = {
    **PLAN,
    "TAIL_NUM": "N801DZ",
    "DEP_TIME": "0755",
    "DEP_DELAY": "-5.00",
    "TAXI_OUT": "20.00",
    "WHEELS_OFF": "0815",
    "WHEELS_ON": "1134",
    "TAXI_IN": "8.00",
    "ARR_TIME": "1142",
    "ARR_DELAY": "12.00",
}
DUE = {"out_scheduled": "2024-07-03T12:00", "in_scheduled": "2024-07-03T18:30"}
TIMES = {
    **DUE,
    "out_actual": "2024-07-03T11:55",
    "off_actual": "2024-07-03T12:15",
    "on_actual": "2024-07-03T18:34",
    "in_actual": "2024-07-03T18:42",
}


def row(base: dict[str, str] = FLOWN, /, **cells: str | None) -> bytes:
    """The base row with other cells; None leaves a column out."""
    whole = {**base, **cells}
    return table({name: text for name, text in whole.items() if text is not None})


def told(base: dict[str, str] = FLOWN, /, **cells: str | None) -> Any:  # noqa: ANN401  (a status)
    """The status of that row."""
    return status(row(base, **cells), "bts")


def test_times_are_the_schedule_and_minutes_after_it() -> None:
    said = told()
    assert times(said) == TIMES
    expected: dict[str, Any] = {
        "airline": "DAL",
        "number": 417,
        "origin": "JFK",
        "destination": "SFO",
        "planned_destination": None,
        "date": "2024-07-03",
        "date_basis": "scheduled",
        "registration": "N801DZ",
        "life": "operating",
        "deviation": None,
        "cause": None,
        "source_id": None,
        "code_shares": (),
        "evidence": (),
    }
    assert having(said, **expected) == expected
    assert short(said.source_time) == TIMES["in_actual"]


# The same flight under each header that BTS and those who pass it on have used.
KEPT = {name: text for name, text in FLOWN.items() if "_TIME" in name or "_DELAY" in name}
CAMEL = {name.title().replace("_", "").replace("Crs", "CRS"): text for name, text in KEPT.items()}
SPELLINGS: dict[str, dict[str, str]] = {
    "from 2018": {
        "FlightDate": "2024-07-03",
        "Reporting_Airline": "DL",
        "DOT_ID_Reporting_Airline": "19790",
        "IATA_CODE_Reporting_Airline": "DL",
        "Tail_Number": "N801DZ",
        "Flight_Number_Reporting_Airline": "417",
        "Origin": "JFK",
        "OriginCityName": "New York, NY",
        "Dest": "SFO",
        "DestCityName": "San Francisco, CA",
        **CAMEL,
        "TaxiOut": "20.00",
        "TaxiIn": "8.00",
        "Cancelled": "0.00",
        "": "",
    },
    "to 2017": {
        "FlightDate": "2024-07-03",
        "UniqueCarrier": "DL",
        "AirlineID": "19790",
        "Carrier": "DL",
        "TailNum": "N801DZ",
        "FlightNum": "417",
        "Origin": "JFK",
        "Dest": "SFO",
        **CAMEL,
        "WheelsOff": "0815",
        "WheelsOn": "1134",
    },
    "downloaded by field": {
        **FLOWN,
        "FL_DATE": "7/3/2024 12:00:00 AM",
        "ORIGIN_CITY_NAME": "New York, NY",
    },
    "marketing carriers": {
        "FlightDate": "2024-07-03",
        "Marketing_Airline_Network": "DL",
        "IATA_Code_Marketing_Airline": "DL",
        "Flight_Number_Marketing_Airline": "417",
        "Operating_Airline ": "DL",
        "IATA_Code_Operating_Airline": "DL",
        "Tail_Number": "N801DZ",
        "Flight_Number_Operating_Airline": "417",
        "Origin": "JFK",
        "Dest": "SFO",
        **CAMEL,
        "TaxiOut": "20.00",
        "TaxiIn": "8.00",
        "Duplicate": "N",
    },
    "Data Expo 2009": {
        "Year": "2024",
        "Month": "7",
        "DayofMonth": "3",
        "DayOfWeek": "3",
        **{name: text.lstrip("0").removesuffix(".00") for name, text in CAMEL.items()},
        "UniqueCarrier": "DL",
        "FlightNum": "417",
        "TailNum": "N801DZ",
        "Origin": "JFK",
        "Dest": "SFO",
        "TaxiIn": "8",
        "TaxiOut": "20",
        "Cancelled": "0",
        "CancellationCode": "NA",
        "CarrierDelay": "NA",
    },
    "2015 Flight Delays": {
        "YEAR": "2024",
        "MONTH": "7",
        "DAY": "3",
        "AIRLINE": "DL",
        "FLIGHT_NUMBER": "417",
        "TAIL_NUMBER": "N801DZ",
        "ORIGIN_AIRPORT": "JFK",
        "DESTINATION_AIRPORT": "SFO",
        "SCHEDULED_DEPARTURE": "0800",
        "DEPARTURE_TIME": "0755.0",
        "DEPARTURE_DELAY": "-5.0",
        "TAXI_OUT": "20.0",
        "WHEELS_OFF": "0815.0",
        "SCHEDULED_TIME": "390.0",
        "WHEELS_ON": "1134.0",
        "TAXI_IN": "8.0",
        "SCHEDULED_ARRIVAL": "1130",
        "ARRIVAL_TIME": "1142",
        "ARRIVAL_DELAY": "12",
    },
}


@pytest.mark.parametrize("cells", SPELLINGS.values(), ids=list(SPELLINGS))
def test_every_spelling_of_the_columns_says_the_same(cells: dict[str, str]) -> None:
    payload = table(cells)
    assert recognised(payload) is bts
    assert bts.leg_key(payload) == bts.leg_key(row()) == "DL417.JFK.2024-07-03"
    said, whole = status(payload), told()
    apart = {"id", "message_id"}
    assert {n: getattr(said, n) for n in said.__struct_fields__ if n not in apart} == {
        n: getattr(whole, n) for n in whole.__struct_fields__ if n not in apart
    }


@pytest.mark.parametrize(
    "date", ["2024-07-03", "2024-07-03 00:00:00", "7/3/2024", "07/03/2024", "7/3/2024 12:00:00 AM"]
)
def test_a_date_is_read_in_each_spelling(date: str) -> None:
    assert times(told(FL_DATE=date)) == TIMES


def test_the_column_without_a_name_may_be_missing_in_the_row_and_hold_nothing() -> None:
    header, _, line = row().partition(b"\n")
    for payload in (header + b",\n" + line + b",", header + b",\n" + line, row() + b","):
        assert times(status(payload, "bts")) == TIMES
    assert reason(row() + b",x", "bts") == "row: 20 fields, and the header has 19"


def test_a_cell_is_quoted_when_it_holds_a_comma_or_a_quote() -> None:
    said = told(ORIGIN_CITY_NAME='New York, "NY"', DEST_CITY_NAME="San Francisco, CA")
    assert times(said) == TIMES


SUBSETS: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "no elapsed time": ({"CRS_ELAPSED_TIME": None}, TIMES),
    "no elapsed time but the miles": ({"CRS_ELAPSED_TIME": None, "DISTANCE": "2586.00"}, TIMES),
    "no taxi times": ({"TAXI_OUT": None, "TAXI_IN": None}, TIMES),
    "departures only": (
        dict.fromkeys(
            ("CRS_ARR_TIME", "CRS_ELAPSED_TIME", "ARR_DELAY", "ARR_TIME", "WHEELS_ON", "TAXI_IN"),
        ),
        {name: TIMES[name] for name in ("out_scheduled", "out_actual", "off_actual")},
    ),
    "an elapsed time below nought": ({"CRS_ELAPSED_TIME": "-20"}, TIMES),
}


@pytest.mark.parametrize(("cells", "expected"), SUBSETS.values(), ids=list(SUBSETS))
def test_a_subset_of_the_columns_says_what_it_can(
    cells: dict[str, str | None], expected: dict[str, str]
) -> None:
    assert times(told(**cells)) == expected


def test_without_delays_a_reading_names_no_day_and_is_evidence() -> None:
    said = told(DEP_DELAY=None, ARR_DELAY=None, TAXI_OUT=None, TAXI_IN=None)
    assert times(said) == DUE
    assert said.evidence == tuple(
        f"unread={name}" for name in ("DEP_TIME", "ARR_TIME", "WHEELS_OFF", "WHEELS_ON")
    )


def test_trap_08_na_is_missing_but_in_codes() -> None:
    said = told(
        DEP_DELAY="NA", DEP_TIME="NA", CANCELLATION_CODE="NA", TAIL_NUM="NA", OP_CARRIER="NA"
    )
    assert having(said, airline=0, registration=0, evidence=0) == {
        "airline": "NA",
        "registration": None,
        "evidence": ("unread=WHEELS_OFF",),
    }


# Scheduled departure and arrival in New York time, delays, readings; the moments in UTC.
NIGHTS: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "after midnight": (
        {"CRS_DEP_TIME": "2239", "DEP_TIME": "0007", "DEP_DELAY": "88", "WHEELS_OFF": "0031"},
        {"out_scheduled": "2024-07-04T02:39", "out_actual": "2024-07-04T04:07"}
        | {"off_actual": "2024-07-04T04:31"},
    ),
    "2400": (
        {"CRS_DEP_TIME": "2359", "DEP_TIME": "2400", "DEP_DELAY": "1", "WHEELS_OFF": "2400"},
        {"out_scheduled": "2024-07-04T03:59", "out_actual": "2024-07-04T04:00"}
        | {"off_actual": "2024-07-04T04:00"},
    ),
    "scheduled for 2400, left the day before": (
        {"CRS_DEP_TIME": "2400", "DEP_TIME": "2355", "DEP_DELAY": "-5", "WHEELS_OFF": "2400"},
        {"out_scheduled": "2024-07-04T04:00", "out_actual": "2024-07-04T03:55"}
        | {"off_actual": "2024-07-04T04:00"},
    ),
    "almost a day late": (
        {"CRS_DEP_TIME": "0900", "DEP_TIME": "0641", "DEP_DELAY": "1301", "WHEELS_OFF": "0700"},
        {"out_scheduled": "2024-07-03T13:00", "out_actual": "2024-07-04T10:41"}
        | {"off_actual": "2024-07-04T11:00"},
    ),
    "more than a day late": (
        {"CRS_DEP_TIME": "0900", "DEP_TIME": "1000", "DEP_DELAY": "1500", "WHEELS_OFF": "1010"},
        {"out_scheduled": "2024-07-03T13:00", "out_actual": "2024-07-04T14:00"}
        | {"off_actual": "2024-07-04T14:10"},
    ),
}


@pytest.mark.parametrize(("cells", "expected"), NIGHTS.values(), ids=list(NIGHTS))
def test_trap_09_the_minutes_date_the_readings(
    cells: dict[str, str | None], expected: dict[str, str]
) -> None:
    said = times(told(TAXI_OUT=None, **cells))
    assert {name: said[name] for name in expected} == expected


CLOCKS: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
    "skipped: counts on from before the gap": (
        {"FL_DATE": "2025-03-09", "CRS_DEP_TIME": "0230"},
        {"out_scheduled": "2025-03-09T07:30"},
    ),
    "repeated: the elapsed time leads to the arrival from the first": (
        {"FL_DATE": "2025-11-02", "CRS_DEP_TIME": "0130", "CRS_ARR_TIME": "0400"},
        {"out_scheduled": "2025-11-02T05:30", "in_scheduled": "2025-11-02T12:00"},
    ),
    "repeated: from the second": (
        {"FL_DATE": "2025-11-02", "CRS_DEP_TIME": "0130", "CRS_ARR_TIME": "0500"},
        {"out_scheduled": "2025-11-02T06:30", "in_scheduled": "2025-11-02T13:00"},
    ),
    "repeated: nothing tells, so the first": (
        {"FL_DATE": "2025-11-02", "CRS_DEP_TIME": "0130", "CRS_ELAPSED_TIME": None},
        {"out_scheduled": "2025-11-02T05:30"},
    ),
    "clocks go forward under way": (
        {"FL_DATE": "2025-03-08", "CRS_DEP_TIME": "2300", "CRS_ARR_TIME": "0230"},
        {"out_scheduled": "2025-03-09T04:00", "in_scheduled": "2025-03-09T10:30"},
    ),
}


@pytest.mark.parametrize(("cells", "expected"), CLOCKS.values(), ids=list(CLOCKS))
def test_trap_10_the_date_is_local_at_the_origin(
    cells: dict[str, str | None], expected: dict[str, str]
) -> None:
    said = times(told(PLAN, **cells))
    assert {name: said[name] for name in expected} == expected


# 06:45 in Guam is 20:45Z the day before, and 7 h 40 min later it is 18:25 of that day in Hawaii.
GUAM = {"OP_CARRIER": "UA", "OP_CARRIER_FL_NUM": "200", "ORIGIN": "GUM", "DEST": "HNL"}


@pytest.mark.parametrize("elapsed", ["460.00", None])
def test_trap_11_an_arrival_may_be_dated_before_the_departure(elapsed: str | None) -> None:
    said = told(PLAN, **GUAM, CRS_DEP_TIME="0645", CRS_ARR_TIME="1825", CRS_ELAPSED_TIME=elapsed)
    assert said.date == "2024-07-03"
    assert times(said) == {
        "out_scheduled": "2024-07-02T20:45",
        "in_scheduled": "2024-07-03T04:25",
    }


# What became of it: further cells; life, deviation, where it goes and was to go, cause, evidence.
ENDS: dict[str, tuple[dict[str, str | None], tuple[Any, ...]]] = {
    "cancelled by the carrier": (
        {"CANCELLED": "1.00", "CANCELLATION_CODE": "A"},
        ("cancelled", None, "SFO", None, "BTS:A", ()),
    ),
    "cancelled for weather": (
        {"CANCELLED": "1", "CANCELLATION_CODE": "B"},
        ("cancelled", None, "SFO", None, "BTS:B", ()),
    ),
    "cancelled by air traffic control": (
        {"CANCELLED": "1.00", "CANCELLATION_CODE": "C"},
        ("cancelled", None, "SFO", None, "BTS:C", ()),
    ),
    "cancelled for security": (
        {"CANCELLED": "1.00", "CANCELLATION_CODE": "D"},
        ("cancelled", None, "SFO", None, "BTS:D", ()),
    ),
    "cancelled for a reason nobody documents": (
        {"CANCELLED": "1.00", "CANCELLATION_CODE": "X"},
        ("cancelled", None, "SFO", None, None, ("cancellation_code=X",)),
    ),
    "cancelled without a reason": (
        {"CANCELLED": "True"},
        ("cancelled", None, "SFO", None, None, ()),
    ),
    "no word of its life": ({"CANCELLED": None}, ("unsaid", None, "SFO", None, None, ())),
    "a flag that is none": (
        {"CANCELLED": "perhaps"},
        ("unsaid", None, "SFO", None, None, ("unread=CANCELLED",)),
    ),
    "diverted, nobody says where": (
        {"DIVERTED": "1.00"},
        ("operating", "diverted", "SFO", "SFO", None, ()),
    ),
    "diverted and marked as cancelled": (
        {"DIVERTED": "1.00", "CANCELLED": "1.00", "CANCELLATION_CODE": "B"},
        ("operating", "diverted", "SFO", "SFO", None, ()),
    ),
    "an airport that is no code": (
        {"DIVERTED": "1.00", "DIV1_AIRPORT": "?", "DIV_REACHED_DEST": "0"},
        ("operating", "diverted", "SFO", "SFO", None, ("unread=DIV1_AIRPORT",)),
    ),
}


def became(said: Any) -> tuple[Any, ...]:  # noqa: ANN401  (a status)
    """The part of a status that says what became of the flight."""
    ends = (said.destination, said.planned_destination)
    return (said.life, said.deviation, *ends, said.cause, said.evidence)


@pytest.mark.parametrize(("cells", "expected"), ENDS.values(), ids=list(ENDS))
def test_what_became_of_a_flight_that_is_only_planned(
    cells: dict[str, str | None], expected: tuple[Any, ...]
) -> None:
    said = told(PLAN, **cells)
    assert became(said) == expected
    assert times(said) == DUE


LEFT = {**PLAN, "DEP_TIME": "0810", "DEP_DELAY": "10.00"}
AWAY = {**LEFT, "TAXI_OUT": "25.00", "WHEELS_OFF": "0835"}
GONE = {"CANCELLED": "1.00", "CANCELLATION_CODE": "B"}
BACK = {"FIRST_DEP_TIME": "0758", "TOTAL_ADD_GTIME": "75.00"}


def test_trap_25_a_flight_that_came_back_to_its_gate_and_left_again() -> None:
    said = told(**BACK)
    evidence = ("first_dep=0758", "away_from_gate=0115")
    assert became(said) == ("operating", "ramp_return", "SFO", None, None, evidence)
    assert times(said) == TIMES


@pytest.mark.parametrize(
    ("back", "evidence"), [({}, ()), (BACK, ("first_dep=0758", "away_from_gate=0115"))]
)
def test_trap_25_a_flight_that_came_back_to_its_gate_and_was_cancelled(
    back: dict[str, str], evidence: tuple[str, ...]
) -> None:
    said = told(LEFT, **GONE, **back)
    assert became(said) == ("cancelled", "ramp_return", "SFO", None, "BTS:B", evidence)
    assert times(said) == {**DUE, "out_actual": "2024-07-03T12:10"}


def test_trap_26_a_flight_that_came_back_from_the_air_and_was_cancelled() -> None:
    said = told(AWAY, **GONE, DIV1_AIRPORT="JFK", DIV1_WHEELS_ON="0950")
    assert became(said) == ("cancelled", "air_return", "SFO", None, "BTS:B", ("div1=JFK/0950",))
    assert times(said) == {
        **DUE,
        "out_actual": "2024-07-03T12:10",
        "off_actual": "2024-07-03T12:35",
    }


ARRIVED = {"ARR_TIME": "1800", "TAXI_IN": "5.00", "WHEELS_ON": "1755", "DIV_ARR_DELAY": "390.00"}


def test_trap_26_a_flight_that_came_back_from_the_air_and_left_again() -> None:
    landing = {"DIV1_AIRPORT": "JFK", "DIV1_WHEELS_ON": "0950", "DIV1_WHEELS_OFF": "1405"}
    said = told(AWAY, DIVERTED="1.00", DIV_REACHED_DEST="1.00", **landing, **ARRIVED)
    evidence = ("div1=JFK/0950/1405",)
    assert became(said) == ("operating", "air_return", "SFO", "SFO", None, evidence)
    assert times(said)["in_actual"] == "2024-07-04T01:00"
    assert times(said)["on_actual"] == "2024-07-04T00:55"


def test_trap_26_a_flight_that_came_back_from_the_air_for_good_is_at_its_origin() -> None:
    said = told(AWAY, DIVERTED="1.00", DIV_REACHED_DEST="0.00", DIV1_AIRPORT="JFK")
    assert became(said) == ("operating", "air_return", "JFK", "SFO", None, ("div1=JFK",))


def test_trap_27_a_flight_that_went_on_after_a_diversion_keeps_its_destination() -> None:
    first = {"DIV1_AIRPORT": "DEN", "DIV1_WHEELS_ON": "1130", "DIV1_WHEELS_OFF": "1300"}
    second = {"DIV2_AIRPORT": "OAK", "DIV2_WHEELS_ON": "1510", "DIV2_TAIL_NUM": "N802DZ"}
    reached = {"DIVERTED": "1.00", "DIV_REACHED_DEST": "1.00", **ARRIVED}
    said = told(AWAY, TAIL_NUM="N801DZ", **reached, **first, **second)
    evidence = ("div1=DEN/1130/1300", "div2=OAK/1510", "div2_tail=N802DZ")
    assert became(said) == ("operating", "diverted", "SFO", "SFO", None, evidence)
    assert times(said)["in_actual"] == "2024-07-04T01:00"


def test_trap_27_a_flight_that_never_got_there_ends_where_it_last_landed() -> None:
    last = {"DIV1_AIRPORT": "JFK", "DIV2_AIRPORT": "OAK", "DIV2_WHEELS_ON": "1510"}
    said = told(AWAY, DIVERTED="1.00", DIV_REACHED_DEST="0.00", **last)
    evidence = ("div1=JFK", "div2=OAK/1510")
    assert became(said) == ("operating", "diverted", "OAK", "SFO", None, evidence)
    assert "in_actual" not in times(said)
    assert "on_actual" not in times(said)


def test_a_diversion_needs_no_flag() -> None:
    said = told(AWAY, DIVERTED=None, DIV_REACHED_DEST="0", DIV1_AIRPORT="OAK")
    assert became(said) == ("operating", "diverted", "OAK", "SFO", None, ("div1=OAK",))


DELAYS = ("CARRIER_DELAY", "WEATHER_DELAY", "NAS_DELAY", "SECURITY_DELAY", "LATE_AIRCRAFT_DELAY")


@pytest.mark.parametrize(
    ("minutes", "cause", "evidence"),
    [
        (
            ("18", "0", "0", "0", "6"),
            "BTS:carrier",
            ("delay=carrier/0018", "delay=late_aircraft/0006"),
        ),
        (("0", "75.00", "0", "0", "0"), "BTS:weather", ("delay=weather/0115",)),
        (("0", "0", "20", "0", "0"), "BTS:nas", ("delay=nas/0020",)),
        (("0", "0", "0", "16", "0"), "BTS:security", ("delay=security/0016",)),
        (("0", "0", "0", "0", "206"), "BTS:late_aircraft", ("delay=late_aircraft/0326",)),
        (("0", "9", "9", "0", "0"), "BTS:weather", ("delay=weather/0009", "delay=nas/0009")),
        (("0", "0", "0", "0", "0"), None, ()),
        (("", "", "", "", ""), None, ()),
        (
            ("x", "-3", "", "", "5"),
            "BTS:late_aircraft",
            ("unread=CARRIER_DELAY", "delay=late_aircraft/0005"),
        ),
    ],
)
def test_the_largest_share_of_a_delay_is_its_cause(
    minutes: tuple[str, ...], cause: str | None, evidence: tuple[str, ...]
) -> None:
    said = told(**dict(zip(DELAYS, minutes, strict=True)))
    assert (said.cause, said.evidence) == (cause, evidence)


MARKETED = {"MKT_CARRIER": "DL", "MKT_CARRIER_FL_NUM": "5190"}
REGIONAL = {"OP_CARRIER": "9E", "OP_CARRIER_FL_NUM": "5190"}


def test_the_marketing_carriers_number_is_a_code_share() -> None:
    said = told(**REGIONAL, **MARKETED)
    assert having(said, airline=0, number=0, code_shares=0) == {
        "airline": "EDV",
        "number": 5190,
        "code_shares": ("DL5190",),
    }


def test_a_swapped_code_share_flight_names_who_was_to_fly_it() -> None:
    swapped = {"SCH_OP_CARRIER": "OO", "SCH_OP_CARRIER_FL_NUM": "3871", "DUP": "Y"}
    said = told(**REGIONAL, **MARKETED, **swapped)
    assert said.evidence == ("duplicate=Y", "scheduled_operator=OO3871")
    assert said.code_shares == ("DL5190",)


def test_the_unique_code_of_an_airline_whose_code_was_used_again() -> None:
    said = told(OP_CARRIER=None, OP_UNIQUE_CARRIER="PA (1)", FL_DATE="1989-05-01")
    assert (said.airline, said.date) == ("PA", "1989-05-01")
    assert times(said)["out_scheduled"] == "1989-05-01T12:00"


@pytest.mark.parametrize(
    ("tail", "registration"),
    [("N801DZ", "N801DZ"), ("n801dz", "N801DZ"), ("UNKNOW", None), ("", None), ("0/0\xd2", None)],
)
def test_a_tail_number_that_is_not_known_is_none(tail: str, registration: str | None) -> None:
    assert told(TAIL_NUM=tail).registration == registration


def test_an_airport_that_is_closed_keeps_its_zone() -> None:
    said = told(PLAN, FL_DATE="2018-07-03", ORIGIN="ISN", DEST="DEN", CRS_ELAPSED_TIME="110")
    assert (said.origin, said.date, said.date_basis) == ("ISN", "2018-07-03", "scheduled")
    assert times(said)["out_scheduled"] == "2018-07-03T13:00"


def test_an_unknown_destination_costs_only_what_is_told_in_its_time() -> None:
    said = told(DEST="QQQ")
    assert said.evidence == ("unknown_airport=DEST",)
    assert (said.destination, times(said)) == ("QQQ", TIMES)
    less = told(DEST="QQQ", CRS_ELAPSED_TIME=None)
    assert "in_scheduled" not in times(less)
    assert set(less.evidence) == {
        "unknown_airport=DEST",
        "unread=CRS_ARR_TIME",
        "unread=ARR_TIME",
        "unread=WHEELS_ON",
    }


UNREAD: dict[str, tuple[dict[str, str | None], set[str], tuple[str, ...]]] = {
    "DEP_DELAY": ({"DEP_DELAY": "late"}, {"out_actual", "off_actual"}, ("DEP_TIME", "WHEELS_OFF")),
    "ARR_DELAY": ({"ARR_DELAY": "1.5"}, {"in_actual", "on_actual"}, ("ARR_TIME", "WHEELS_ON")),
    "TAXI_OUT": ({"TAXI_OUT": "?"}, set(), ()),
    "WHEELS_OFF": ({"WHEELS_OFF": "2461", "TAXI_OUT": ""}, {"off_actual"}, ()),
    "CRS_ELAPSED_TIME": ({"CRS_ELAPSED_TIME": "9" * 5000}, set(), ()),
    "CRS_ARR_TIME": (
        {"CRS_ARR_TIME": "1190", "CRS_ELAPSED_TIME": ""},
        {"in_scheduled", "in_actual", "on_actual"},
        ("ARR_TIME", "WHEELS_ON"),
    ),
    "TOTAL_ADD_GTIME": ({"TOTAL_ADD_GTIME": "x", "FIRST_DEP_TIME": "0758"}, set(), ()),
}


@pytest.mark.parametrize("name", UNREAD)
def test_one_bad_cell_is_evidence_and_leaves_the_others(name: str) -> None:
    cells, lost, with_it = UNREAD[name]
    said = told(**cells)
    assert {f"unread={cell}" for cell in (name, *with_it)} <= set(said.evidence)
    assert times(said) == {cell: at for cell, at in TIMES.items() if cell not in lost}


REJECTED: dict[str, tuple[dict[str, str | None], str]] = {
    "no date": ({"FL_DATE": ""}, "FL_DATE: missing, and so are YEAR, MONTH and DAY_OF_MONTH"),
    "parts of no date": (
        {"FL_DATE": "", "YEAR": "2019", "MONTH": "13", "DAY_OF_MONTH": "1"},
        "YEAR, MONTH, DAY_OF_MONTH: no date after 1987",
    ),
    "no such day": ({"FL_DATE": "2019-02-30"}, "FL_DATE: '2019-02-30' is no date after 1987"),
    "no date at all": ({"FL_DATE": "tomorrow"}, "FL_DATE: 'tomorrow' is no date after 1987"),
    "year 0": ({"FL_DATE": "0000-01-01"}, "FL_DATE: '0000-01-01' is no date after 1987"),
    "year 9999": ({"FL_DATE": "9999-12-31"}, "FL_DATE: '9999-12-31' is no date after 1987"),
    "no carrier": ({"OP_CARRIER": ""}, "OP_CARRIER: missing, so no flight is named"),
    "a name": (
        {"OP_CARRIER": "Delta"},
        "OP_CARRIER, OP_CARRIER_FL_NUM: 'Delta' '417' is no flight",
    ),
    "no number": ({"OP_CARRIER_FL_NUM": ""}, "OP_CARRIER, OP_CARRIER_FL_NUM: 'DL' '' is no flight"),
    "no origin": ({"ORIGIN": ""}, "ORIGIN: '' is no airport code"),
    "a DOT number": ({"ORIGIN": "12478"}, "ORIGIN: '12478' is no airport code"),
    "an unknown origin": ({"ORIGIN": "QQQ"}, "ORIGIN: the time zone of QQQ is not known"),
    "no time": ({"CRS_DEP_TIME": "8am"}, "CRS_DEP_TIME: '8am' is no time of day as HHMM"),
    "minute 60": ({"CRS_DEP_TIME": "0860"}, "CRS_DEP_TIME: '0860' is no time of day as HHMM"),
}


@pytest.mark.parametrize(("cells", "expected"), REJECTED.values(), ids=list(REJECTED))
def test_a_row_that_names_no_flight_is_rejected_by_the_column(
    cells: dict[str, str | None], expected: str
) -> None:
    assert outcome(row(**cells), "bts") == Reject(expected, "line 2")


def test_a_cancellation_is_told_even_without_its_time() -> None:
    said = told(PLAN, **GONE, CRS_DEP_TIME="8am")
    assert having(said, life=0, date=0, evidence=0) == {
        "life": "cancelled",
        "date": "2024-07-03",
        "evidence": ("unread=CRS_DEP_TIME",),
    }


def test_a_row_that_says_nothing_of_times_or_life_is_dropped() -> None:
    assert outcome(row(PLAN, CRS_DEP_TIME="", CANCELLED=""), "bts") == Drop("says_nothing")


BROKEN = {
    "nothing": (b"", "row: missing; a header line and a row below it are expected"),
    "a header": (
        row().partition(b"\n")[0],
        "row: missing; a header line and a row below it are expected",
    ),
    "a short row": (
        row().partition(b"\n")[0] + b"\n2024-07-03,DL",
        "row: 2 fields, and the header names 19",
    ),
    "an open quote": (row() + b',"x', "row: unexpected end of data"),
    "a header that is not UTF-8": (b"\xff,x\n1,2", "header: not UTF-8"),
    "a header without end": (b"x," * 10_000 + b"\n1,2", "header: longer than 16384 bytes"),
    "a field without end": (
        b'x\n"' + b"y" * 200_000 + b'"',
        "row: field larger than field limit (131072)",
    ),
}


@pytest.mark.parametrize(("payload", "expected"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_row_is_rejected(payload: bytes, expected: str) -> None:
    assert reason(payload, "bts") == expected


def test_a_whole_table_gives_a_status_a_row_and_names_the_row_it_rejects() -> None:
    good = {**FLOWN, "ORIGIN_CITY_NAME": "New\nYork, NY"}
    bad = {**good, "ORIGIN": "QQQ"}
    found = outcome(table(good, good) + b"\n", "bts")
    assert isinstance(found, Forward)
    assert [said.id.rpartition(".")[2] for said in found.outputs] == ["0", "1"]
    assert outcome(table(good, bad), "bts") == Reject(
        "ORIGIN: the time zone of QQQ is not known", "line 2 line 4"
    )


def test_split_gives_each_row_with_the_header() -> None:
    header, _, line = row().partition(b"\n")
    pieces = list(bts.split([header + b"\r\n" + line + b"\r\n", line]))
    assert [piece.payload for piece in pieces] == [header + b"\n" + line] * 2
    assert [piece.place for piece in pieces] == ["line 2", "line 3"]


def test_a_leg_has_no_key_when_it_is_not_named_or_there_are_several() -> None:
    other = {**FLOWN, "OP_CARRIER_FL_NUM": "418"}
    assert bts.leg_key(table(FLOWN, FLOWN)) == "DL417.JFK.2024-07-03"
    assert bts.leg_key(table(FLOWN, other)) is None
    assert bts.leg_key(row(ORIGIN="")) is None
    assert bts.leg_key(b"") is None


NOT_OURS = (
    b"",
    b"\xff\xfe",
    b'{"type": "flifo", "pitr": "1"}',
    b"FL_DATE,OP_CARRIER,OP_CARRIER_FL_NUM,ORIGIN,DEST\n",
    b'"FL_DATE,OP_CARRIER\n',
    b"year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,origin,dest\n",
    b"x," * 10_000,
)


@pytest.mark.parametrize("payload", NOT_OURS)
def test_other_bytes_are_not_taken_for_bts(payload: bytes) -> None:
    assert not bts.detect(payload)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    assert isinstance(outcome(payload, "bts"), Forward | Drop | Reject)
    bts.detect(payload)
    bts.leg_key(payload)


ANY_CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "NA", "1.00", "0.00", "2400", "-2.00", "JFK", "0230", "2025-11-02", "99999"]
    ),
)


@given(st.lists(st.sampled_from(sorted(bts.FIELDS)), unique=True), st.data())
def test_any_cells_have_an_outcome_that_can_travel(names: list[str], data: st.DataObject) -> None:
    cells = {**FLOWN, **{name: data.draw(ANY_CELL, label=name) for name in names}}
    found = outcome(table(cells), "bts")
    assert isinstance(found, Forward | Drop | Reject)
    if isinstance(found, Forward):
        assert decode_pack(encode_pack(found.outputs)) == list(found.outputs)
    assert isinstance(bts.leg_key(table(cells)), str | None)
