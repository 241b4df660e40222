from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import recognised
from filters.normalize.tables import nycflights13
from filters.outcome import Drop, Forward, Reject
from schemas.codec import decode_pack, encode_pack
from tests.unit.filters.rows import having, outcome, reason, short, status, statuses, table, times

# JetBlue 1 from New York to Fort Lauderdale, 3 July 2013: 09:00 to 12:05, EDT both.
FLOWN = {
    "year": "2013",
    "month": "7",
    "day": "3",
    "dep_time": "857",
    "sched_dep_time": "900",
    "dep_delay": "-3",
    "arr_time": "1215",
    "sched_arr_time": "1205",
    "arr_delay": "10",
    "carrier": "B6",
    "flight": "1",
    "tailnum": "N592JB",
    "origin": "JFK",
    "dest": "FLL",
    "air_time": "150",
    "distance": "1069",
    "hour": "9",
    "minute": "0",
    "time_hour": "2013-07-03T13:00:00Z",
}
TIMES = {
    "out_scheduled": "2013-07-03T13:00",
    "out_actual": "2013-07-03T12:57",
    "in_scheduled": "2013-07-03T16:05",
    "in_actual": "2013-07-03T16:15",
}
DUE = {name: TIMES[name] for name in ("out_scheduled", "in_scheduled")}
NEVER_LEFT = dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"), "NA")


def row(**cells: str | None) -> bytes:
    """The row with other cells; None leaves a column out."""
    whole = {**FLOWN, **cells}
    return table({name: text for name, text in whole.items() if text is not None})


def told(**cells: str | None) -> Any:  # noqa: ANN401  (a status)
    """The status of that row."""
    return status(row(**cells), "nycflights13")


def test_times_are_the_schedule_and_minutes_after_it() -> None:
    said = told()
    assert times(said) == TIMES
    expected: dict[str, Any] = {
        "airline": "JBU",
        "number": 1,
        "origin": "JFK",
        "destination": "FLL",
        "date": "2013-07-03",
        "date_basis": "scheduled",
        "registration": "N592JB",
        "life": "operating",
        "deviation": None,
        "cause": None,
        "evidence": (),
    }
    assert having(said, **expected) == expected
    assert short(said.source_time) == TIMES["in_actual"]


def test_columns_are_found_by_name_in_any_order_among_others() -> None:
    moved = dict(reversed(FLOWN.items()))
    payload = table({"rownames": "1", **moved, "name": "JetBlue, Airways"})
    assert recognised(payload) is nycflights13
    assert times(status(payload)) == TIMES
    assert nycflights13.leg_key(payload) == "B61.JFK.2013-07-03"


def test_without_dep_time_it_is_cancelled_for_no_reason_told() -> None:
    said = told(**NEVER_LEFT, tailnum="NA")
    assert having(said, life=0, cause=0, deviation=0, registration=0, evidence=0) == {
        "life": "cancelled",
        "cause": None,
        "deviation": None,
        "registration": None,
        "evidence": (),
    }
    assert times(said) == DUE
    assert short(said.source_time) == DUE["out_scheduled"]


@pytest.mark.parametrize(
    ("arr_time", "life", "evidence"),
    [
        ("1734", "operating", ("unread=arr_time", "arr_delay=missing")),
        ("NA", "unsaid", ("arr_delay=missing",)),
        ("", "unsaid", ("arr_delay=missing",)),
    ],
)
def test_trap_27_departed_without_arr_delay_is_no_deviation_but_evidence(
    arr_time: str, life: str, evidence: tuple[str, ...]
) -> None:
    said = told(arr_time=arr_time, arr_delay="NA", air_time="NA")
    assert (said.life, said.deviation, said.evidence) == (life, None, evidence)
    assert times(said) == {**DUE, "out_actual": TIMES["out_actual"]}


@pytest.mark.parametrize(
    ("column", "code", "field", "value"),
    [
        ("carrier", "NA", "airline", "NA"),
        ("dest", "NAN", "destination", "NAN"),
        ("tailnum", "NA", "registration", None),
        ("sched_arr_time", "NA", "in_scheduled", None),
    ],
)
def test_trap_08_na_is_missing_but_in_codes(
    column: str, code: str, field: str, value: str | None
) -> None:
    assert getattr(told(**{column: code}), field) == value


def test_trap_08_an_airport_may_begin_with_na() -> None:
    # Nadi is 12 hours ahead of UTC.
    said = told(origin="NAN", sched_dep_time="2300", time_hour="NA")
    assert (said.origin, times(said)["out_scheduled"]) == ("NAN", "2013-07-03T11:00")


NIGHTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "left after midnight": (
        {"sched_dep_time": "2239", "dep_time": "7", "dep_delay": "88", "sched_arr_time": "143"},
        {"out_scheduled": "2013-07-04T02:39", "out_actual": "2013-07-04T04:07"}
        | {"in_scheduled": "2013-07-04T05:43"},
    ),
    "2400": (
        {"sched_dep_time": "2359", "dep_time": "2400", "dep_delay": "1", "sched_arr_time": "2400"},
        {"out_scheduled": "2013-07-04T03:59", "out_actual": "2013-07-04T04:00"}
        | {"in_scheduled": "2013-07-04T04:00"},
    ),
    "arrived before midnight": (
        {"sched_dep_time": "2100", "dep_time": "2055", "dep_delay": "-5", "sched_arr_time": "5"}
        | {"arr_time": "2350", "arr_delay": "-15"},
        {"out_scheduled": "2013-07-04T01:00", "out_actual": "2013-07-04T00:55"}
        | {"in_scheduled": "2013-07-04T04:05", "in_actual": "2013-07-04T03:50"},
    ),
    "almost a day late": (
        {"dep_time": "641", "dep_delay": "1301", "arr_time": "952", "arr_delay": "1307"},
        {"out_actual": "2013-07-04T10:41", "in_actual": "2013-07-04T13:52"},
    ),
}


@pytest.mark.parametrize(("cells", "expected"), NIGHTS.values(), ids=list(NIGHTS))
def test_trap_09_the_minutes_date_the_readings(
    cells: dict[str, str], expected: dict[str, str]
) -> None:
    said = times(told(time_hour="NA", **cells))
    assert {name: said[name] for name in expected} == expected


CLOCKS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "skipped at the origin: counts on from before the gap": (
        {"month": "3", "day": "10", "sched_dep_time": "230", "time_hour": "NA"},
        {"out_scheduled": "2013-03-10T07:30"},
    ),
    "skipped at the destination": (
        {"month": "3", "day": "9", "sched_dep_time": "2310", "sched_arr_time": "215"}
        | {"time_hour": "2013-03-10T04:00:00Z"},
        {"out_scheduled": "2013-03-10T04:10", "in_scheduled": "2013-03-10T07:15"},
    ),
    "repeated: the first hour": (
        {"month": "11", "sched_dep_time": "130", "time_hour": "2013-11-03T05:00:00Z"},
        {"out_scheduled": "2013-11-03T05:30"},
    ),
    "repeated: the second hour": (
        {"month": "11", "sched_dep_time": "130", "time_hour": "2013-11-03T06:00:00Z"},
        {"out_scheduled": "2013-11-03T06:30"},
    ),
    "repeated: time_hour is local in some copies and says nothing": (
        {"month": "11", "sched_dep_time": "130", "time_hour": "2013-11-03 01:00:00"},
        {"out_scheduled": "2013-11-03T05:30"},
    ),
    "repeated at the destination": (
        {"month": "11", "day": "2", "sched_dep_time": "2330", "sched_arr_time": "130"}
        | {"dest": "ORD", "distance": "740", "time_hour": "2013-11-03T03:00:00Z"},
        {"out_scheduled": "2013-11-03T03:30", "in_scheduled": "2013-11-03T06:30"},
    ),
}


@pytest.mark.parametrize(("cells", "expected"), CLOCKS.values(), ids=list(CLOCKS))
def test_trap_10_clocks_that_change(cells: dict[str, str], expected: dict[str, str]) -> None:
    said = times(told(**cells))
    assert {name: said[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("dest", "distance", "sched_arr_time", "due"),
    [
        ("HNL", "4983", "1430", "2013-07-04T00:30"),  # the same local day, 11 h 30 min later
        ("BQN", "1576", "1240", "2013-07-03T16:40"),
        ("PSE", "1617", "1250", "2013-07-03T16:50"),
        ("SJU", "1598", "1250", "2013-07-03T16:50"),
        ("STT", "1623", "1255", "2013-07-03T16:55"),
        ("BOS", "187", "1010", "2013-07-03T14:10"),
        ("BOS", None, "1010", "2013-07-03T14:10"),
    ],
)
def test_trap_11_the_arrival_is_the_reading_that_fits_the_distance(
    dest: str, distance: str | None, sched_arr_time: str, due: str
) -> None:
    said = told(dest=dest, distance=distance, sched_arr_time=sched_arr_time)
    assert times(said)["in_scheduled"] == due


def test_an_unknown_destination_costs_only_the_arrival() -> None:
    said = told(dest="QQQ")
    assert (said.destination, said.life) == ("QQQ", "operating")
    assert said.evidence == ("unknown_airport=dest", "unread=arr_time")
    assert times(said) == {name: at for name, at in TIMES.items() if name.startswith("out")}


@pytest.mark.parametrize(
    ("column", "text", "evidence"),
    [
        ("dep_delay", "soon", ("unread=dep_delay", "unread=dep_time")),
        ("dep_delay", "NA", ("unread=dep_time",)),
        ("arr_delay", "soon", ("unread=arr_delay", "unread=arr_time")),
        ("sched_arr_time", "2561", ("unread=sched_arr_time", "unread=arr_time")),
        ("time_hour", "2013-02-30T10:00:00Z", ("unread=time_hour",)),
        ("distance", "far", ("unread=distance",)),
    ],
)
def test_one_bad_cell_is_evidence_and_leaves_the_others(
    column: str, text: str, evidence: tuple[str, ...]
) -> None:
    said = told(**{column: text})
    assert said.evidence == evidence
    assert said.life == "operating"
    assert times(said)["out_scheduled"] == TIMES["out_scheduled"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"day": "NA"}, "year, month, day: '2013-7-NA' is no date"),
        ({"month": "2", "day": "30"}, "year, month, day: '2013-2-30' is no date"),
        ({"year": "9" * 5000}, "year, month, day: '99999999-7-3' is no date"),
        ({"carrier": ""}, "carrier, flight: '' '1' is no flight"),
        ({"flight": "NA"}, "carrier, flight: 'B6' 'NA' is no flight"),
        ({"flight": "0"}, "carrier, flight: 'B6' '0' is no flight"),
        ({"origin": "NA"}, "origin: 'NA' is no airport whose time zone is known"),
        ({"origin": "QQQ"}, "origin: 'QQQ' is no airport whose time zone is known"),
        ({"sched_dep_time": "NA"}, "sched_dep_time: 'NA' is no time of day as HHMM"),
        ({"sched_dep_time": "960"}, "sched_dep_time: '960' is no time of day as HHMM"),
    ],
)
def test_a_row_that_names_no_flight_or_schedule_is_rejected(
    cells: dict[str, str], expected: str
) -> None:
    assert outcome(row(**cells), "nycflights13") == Reject(expected, "line 2")


def test_a_whole_table_gives_a_status_a_row() -> None:
    other = {**FLOWN, "origin": "LGA"}
    payload = table(FLOWN, other)
    assert [said.origin for said in statuses(payload, "nycflights13")] == ["JFK", "LGA"]
    assert nycflights13.leg_key(payload) is None
    [first, second] = nycflights13.split([payload])
    assert nycflights13.leg_key(first.payload) != nycflights13.leg_key(second.payload)


def test_a_message_without_a_row_is_rejected() -> None:
    header = row().partition(b"\n")[0]
    assert reason(header, "nycflights13").startswith("row: missing")
    assert nycflights13.detect(header)
    assert nycflights13.leg_key(header) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe\x00",
        b"sched_dep_time",
        b'"sched_dep_time,flight',
        row(dep_time=None),
        row(carrier=None),
        b"FL_DATE,OP_CARRIER,OP_CARRIER_FL_NUM,ORIGIN,DEST,CRS_DEP_TIME,CANCELLED\n",
    ],
)
def test_other_bytes_are_not_taken_for_the_table(payload: bytes) -> None:
    assert not nycflights13.detect(payload)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    assert isinstance(outcome(payload, "nycflights13"), Forward | Drop | Reject)
    nycflights13.detect(payload)
    nycflights13.leg_key(payload)


ANY_CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "NA", "2400", "-2", "JFK", "230", "2013-11-03T05:00:00Z", "99999"]),
)


@given(st.dictionaries(st.sampled_from(sorted(FLOWN)), ANY_CELL))
def test_any_cells_have_an_outcome_that_can_travel(cells: dict[str, str]) -> None:
    found = outcome(row(**cells), "nycflights13")
    assert isinstance(found, Forward | Drop | Reject)
    if isinstance(found, Forward):
        assert decode_pack(encode_pack(found.outputs)) == list(found.outputs)
    assert isinstance(nycflights13.leg_key(row(**cells)), str | None)
