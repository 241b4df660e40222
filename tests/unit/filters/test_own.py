from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.legs import TIME_CELLS
from filters.normalize import recognised
from filters.normalize.tables import own
from filters.outcome import Drop, Forward, Reject
from schemas.codec import decode_pack, encode_pack
from tests.unit.filters.rows import having, outcome, reason, short, status, statuses, table, times

LEG: dict[str, Any] = {
    "flight": "BA117",
    "origin": "LHR",
    "destination": "JFK",
    "date": "2026-11-20",
    "out_scheduled": "2026-11-20T08:25:00Z",
    "updated_at": "2026-11-20T07:40:00Z",
}


def line(**members: Any) -> bytes:  # noqa: ANN401  (JSON)
    """The leg with other members; None is null, ... leaves one out."""
    whole = {**LEG, **members}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def told(**members: Any) -> Any:  # noqa: ANN401  (JSON, and a status)
    """The status of that leg."""
    return status(line(**members), "flightwire")


def test_a_leg_in_json_and_in_csv_says_the_same() -> None:
    csv = table({name.upper(): value for name, value in LEG.items()})
    for payload in (line(), csv, b"\xef\xbb\xbf" + line(), b"[" + line() + b"]"):
        assert recognised(payload) is own
        assert own.leg_key(payload) == "BAW117.LHR.2026-11-20"
        said = status(payload)
        expected: dict[str, Any] = {
            "airline": "BAW",
            "number": 117,
            "suffix": "",
            "origin": "LHR",
            "destination": "JFK",
            "date": "2026-11-20",
            "date_basis": "scheduled",
            "source_id": None,
            "life": "unsaid",
            "evidence": (),
            "cleared": (),
        }
        assert having(said, **expected) == expected
        assert times(said) == {"out_scheduled": "2026-11-20T08:25"}
        assert short(said.source_time) == "2026-11-20T07:40"


@pytest.mark.parametrize("cell", TIME_CELLS)
@pytest.mark.parametrize(
    "text", ["2026-11-20T09:30:00Z", "2026-11-20T09:30Z", "2026-11-20 10:30:00+01:00"]
)
def test_every_time_is_read_in_its_zone(cell: str, text: str) -> None:
    assert times(told(**{"out_scheduled": ..., cell: text})) == {cell: "2026-11-20T09:30"}


# A member and what it becomes.
WORDS: dict[str, tuple[Any, str, Any]] = {
    "status": ("cancelled", "life", "cancelled"),
    "deviation": ("ramp_return", "deviation", "ramp_return"),
    "reason": ("AHM730:71", "cause", "AHM730:71"),
    "service": ("J", "service", "J"),
    "registration": ("G-STBA", "registration", "GSTBA"),
    "out_terminal": ("5", "out_terminal", "5"),
    "out_gate": ("B 36", "out_gate", "B 36"),
    "in_terminal": ("8", "in_terminal", "8"),
    "in_gate": (" 12 ", "in_gate", "12"),
    "baggage": ("3", "baggage", "3"),
    "planned_destination": ("KJFK", "planned_destination", "JFK"),
    "id": ("0007", "source_id", "flightwire:0007"),
    "utc_date": ("2026-11-20", "utc_date", "2026-11-20"),
    "code_shares": (["AA6141", "BA117", "IBE4217"], "code_shares", ("AA6141", "IB4217")),
    "aliases": (["oag:x", "firehose:y"], "aliases", ("firehose:y", "oag:x")),
    "unheard_of": ("free text", "evidence", ("unknown=unheard_of",)),
    "un heard": ("a name that could be anything is not kept", "evidence", ()),
}


@pytest.mark.parametrize("name", WORDS)
def test_every_member_becomes_a_field_in_json_and_in_csv(name: str) -> None:
    value, field, expected = WORDS[name]
    assert getattr(told(**{name: value}), field) == expected
    cell = " ".join(value) if isinstance(value, list) else value
    assert getattr(status(table({**LEG, name: cell}), "flightwire"), field) == expected


def test_what_is_read_is_what_is_documented() -> None:
    documented = own.__doc__ or ""
    for name in own.FIELDS:
        parts = name.split("_") if name in TIME_CELLS else [name]
        assert all(f"`{part}`" in documented or f"`_{part}`" in documented for part in parts), name


@pytest.mark.parametrize("text", ["operating", "cancelled", "doubtful"])
def test_a_status_is_one_of_three(text: str) -> None:
    assert told(status=text).life == text


@pytest.mark.parametrize("text", ["diverted", "ramp_return", "air_return", "none"])
def test_a_deviation_is_one_of_four(text: str) -> None:
    assert told(deviation=text).deviation == text


NULLS = ("out_estimated", "in_actual", "next_info", "out_gate", "registration", "service")


@pytest.mark.parametrize("name", NULLS)
def test_trap_17_null_takes_back_and_missing_or_empty_says_nothing(name: str) -> None:
    assert told(**{name: None}).cleared == (name,)
    assert told(**{name: ""}).cleared == ()
    assert told().cleared == ()
    assert status(table({**LEG, name: "null"}), "flightwire").cleared == (name,)
    assert status(table({**LEG, name: ""}), "flightwire").cleared == ()


def test_a_null_reason_takes_back_the_cause_and_a_null_status_nothing() -> None:
    assert told(reason=None, status=None, deviation=None, id=None).cleared == ("cause",)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"flight": "BAW0117"}, ("BAW", 117, "")),
        ({"flight": "BA117A"}, ("BAW", 117, "A")),
        ({"flight": ..., "airline": "BA", "number": 117}, ("BAW", 117, "")),
        ({"flight": ..., "airline": "ba", "number": "0117", "suffix": "a"}, ("BAW", 117, "A")),
        ({"flight": "", "airline": "BAW", "number": "117A"}, ("BAW", 117, "A")),
    ],
)
def test_a_flight_is_named_whole_or_in_parts(
    members: dict[str, Any], named: tuple[str, int, str]
) -> None:
    said = told(**members)
    assert (said.airline, said.number, said.suffix) == named


def test_trap_02_the_date_is_local_at_the_origin() -> None:
    said = told(flight="QF11", origin="SYD", date=..., out_scheduled="2026-11-20T23:00:00Z")
    assert (said.date, said.date_basis) == ("2026-11-21", "scheduled")
    payload = line(flight="QF11", origin="SYD", date=..., out_scheduled="2026-11-20T23:00:00Z")
    assert own.leg_key(payload) == "QFA11.SYD.2026-11-21"


def test_trap_01_the_date_stays_when_a_flight_is_retimed_past_midnight() -> None:
    said = told(out_scheduled="2026-11-21T00:20:00Z")
    assert (said.date, said.date_basis) == ("2026-11-20", "scheduled")
    assert said.evidence == ("out_scheduled_date=2026-11-21",)


def test_a_code_is_its_holders_of_that_day() -> None:
    # US was US Airways' own code and stood for AWE from 2008 on.
    assert (
        told(flight="US1", date="2007-06-01", out_scheduled=..., status="cancelled").airline
        == "USA"
    )
    assert (
        told(flight="US1", date="2013-06-01", out_scheduled=..., status="cancelled").airline
        == "AWE"
    )


@pytest.mark.parametrize(
    "members",
    [
        {"out_scheduled": ...},
        {"out_scheduled": ..., "status": None, "baggage": ""},
        {"out_scheduled": ..., "something": "else"},
    ],
)
def test_a_leg_that_says_nothing_is_dropped(members: dict[str, Any]) -> None:
    assert outcome(line(**members), "flightwire") == Drop("says_nothing")


def test_a_leg_is_named_by_its_id_alone() -> None:
    said = told(origin=..., date=..., out_scheduled=..., id="4711", status="cancelled")
    assert (said.source_id, said.origin, said.date) == ("flightwire:4711", None, None)
    assert own.leg_key(line(id="4711")) == "4711"


LONG = "x" * 201
EXAMPLE = "2026-11-20T08:25:00Z"
REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"flight": ...}, "flight: missing, so no flight is named"),
    ({"flight": ..., "number": 117}, "airline: missing, so no flight is named"),
    ({"flight": ..., "airline": "BA"}, "number: missing, so no flight is named"),
    ({"flight": 117}, "flight: a number, and a text is expected"),
    ({"flight": "G-STBA"}, "flight: 'G-STBA' is no flight designator, such as BA117"),
    (
        {"flight": ..., "airline": "British", "number": 117},
        "airline, number, suffix: 'British' with its number is no flight",
    ),
    (
        {"flight": ..., "airline": "BA", "number": "x"},
        "airline, number, suffix: 'BA' with 'x' is no flight",
    ),
    ({"flight": ..., "airline": "BA", "number": 1.5}, "number: a number, and a text is expected"),
    (
        {"flight": ..., "airline": "BA", "number": True},
        "number: a truth value, and a text is expected",
    ),
    ({"origin": ...}, "origin: missing, and no id names the leg"),
    ({"origin": "London"}, "origin: 'London' is no airport code of 3 or 4 characters"),
    ({"destination": ["JFK"]}, "destination: a list, and a text is expected"),
    (
        {"date": ..., "out_scheduled": ..., "status": "cancelled"},
        "date: missing, and no out_scheduled, utc_date or id names the leg",
    ),
    ({"date": "20.11.2026"}, "date: '20.11.2026' is no date after 2000 as YYYY-MM-DD"),
    ({"date": "2026-02-30"}, "date: 2026-02-30 is not in the calendar"),
    ({"date": "1999-12-31"}, "date: '1999-12-31' is no date after 2000 as YYYY-MM-DD"),
    ({"utc_date": "9999-12-31"}, "utc_date: '9999-12-31' is no date after 2000 as YYYY-MM-DD"),
    (
        {"out_actual": "2026-11-20T08:25:00"},
        f"out_actual: '2026-11-20T08:25:00' is no time with its zone after 2000, such as {EXAMPLE}",
    ),
    (
        {"updated_at": 1795163100},
        "updated_at: a number, and a text is expected",
    ),
    ({"status": "canceld"}, "status: 'canceld' is not one of operating, cancelled, doubtful"),
    ({"status": {}}, "status: an object, and a text is expected"),
    (
        {"deviation": "DV"},
        "deviation: 'DV' is not one of diverted, ramp_return, air_return, none",
    ),
    ({"reason": "weather"}, "reason: 'weather' is not SCHEME:CODE"),
    ({"service": "JJ"}, "service: 'JJ' is not one capital letter"),
    ({"registration": "g-stba"}, "registration: 'g-stba' is not capitals, digits and hyphens"),
    ({"out_gate": "x" * 21}, f"out_gate: '{'x' * 21}' is not at most 20 characters"),
    ({"out_gate": "B\u000036"}, "out_gate: not printable, or longer than 200 characters"),
    ({"id": 4711}, "id: a number, and a text is expected"),
    ({"id": LONG}, "id: not printable, or longer than 200 characters"),
    ({"code_shares": "AA1"}, "code_shares: a text, and a list of texts is expected"),
    ({"code_shares": ["AA1", 2]}, "code_shares: a number, and a text is expected"),
    ({"code_shares": ["x"]}, "code_shares: 'x' is no flight designator"),
    ({"code_shares": ["AA1"] * 41}, "code_shares: 41 entries; at most 40 are read"),
    ({"aliases": ["no format"]}, "aliases: 'no format' is not FORMAT:ID"),
]


@pytest.mark.parametrize(("members", "expected"), REJECTED)
def test_what_cannot_be_read_is_rejected_by_its_name(
    members: dict[str, Any], expected: str
) -> None:
    assert outcome(line(**members), "flightwire") == Reject(expected, "line 2")


BROKEN = [
    (b"", "row: missing; a header line and a row below it are expected"),
    (b"[1]", "message: Expected `object`, got `int` - at `$[0]`"),
    (b"{", "message: not JSON: Input data was truncated"),
    (b'{"a": ' * 2000, "message: nested too deeply"),
    (b'{"flight": "\xff"}', "message: not JSON: "),
    (b"flight,origin\nBA117", "row: 1 fields, and the header names 2"),
]


@pytest.mark.parametrize(("payload", "expected"), BROKEN)
def test_what_is_no_leg_is_rejected(payload: bytes, expected: str) -> None:
    assert reason(payload, "flightwire").startswith(expected)
    assert own.leg_key(payload) is None


def test_several_legs_in_one_message_name_the_one_that_is_rejected() -> None:
    two = line(flight="BA119") + b"\n" + line()
    for payload in (two, b"[" + two.replace(b"\n", b",") + b"]"):
        assert [said.number for said in statuses(payload, "flightwire")] == [119, 117]
        assert own.leg_key(payload) is None
    found = outcome(line() + b"\n" + line(origin="?"), "flightwire")
    expected = "origin: '?' is no airport code of 3 or 4 characters"
    assert found == Reject(expected, "line 2 leg 2")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_split_gives_the_legs_of_json_and_csv_however_they_are_cut(size: int) -> None:
    lines = b"\xef\xbb\xbf\r\n" + line() + b"\n\n" + line(flight="BA119") + b"\r\n"
    array = b" [" + line() + b",\n" + line(flight="BA119") + b"]"
    rows = b"\n" + table(LEG, {**LEG, "flight": "BA119"})
    for data in (lines, array, rows):
        cut = [data[at : at + size] for at in range(0, len(data), size)]
        pieces = list(own.split(cut))
        keys = [own.leg_key(piece.payload) for piece in pieces]
        assert keys == ["BAW117.LHR.2026-11-20", "BAW119.LHR.2026-11-20"]
    assert list(own.split([])) == list(own.split([b"\n", b" "])) == []


NOT_OURS = [
    b"",
    b"\xff",
    b"{}",
    b"flight,origin",
    b'{"type": "flifo", "pitr": "1", "ident": "BAW117", "orig": "EGLL", "scheduled_out": "1"}',
    b'{"flight": [{"no": "CX 1"}], "origin": ["HKG"], "status": "cancelled", "date": "2026-11-20"}',
    b'{"flightName": "KL0894", "origin": "AMS", "status": "cancelled"}',
    b'{"flight": "BA117", "origin": "LHR", "status": "Landed"}',
    b"year,month,day,dep_time,sched_dep_time,carrier,flight,origin,dest\n",
    b"flight,origin,destination\n",
    b'"flight,origin\n',
]


@pytest.mark.parametrize("payload", NOT_OURS)
def test_other_bytes_are_not_taken_for_ours(payload: bytes) -> None:
    assert not own.detect(payload)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    assert isinstance(outcome(payload, "flightwire"), Forward | Drop | Reject)
    own.detect(payload)
    own.leg_key(payload)
    list(own.split([payload]))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(own.FIELDS)) | st.text(max_size=8), ANY_JSON))
def test_any_members_have_an_outcome_that_can_travel(members: dict[str, Any]) -> None:
    payload = line(**members)
    found = outcome(payload, "flightwire")
    assert isinstance(found, Forward | Drop | Reject)
    if isinstance(found, Forward):
        assert decode_pack(encode_pack(found.outputs)) == list(found.outputs)
    assert isinstance(own.leg_key(payload), str | None)
