from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.tables import acl
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import at

SOURCE = Source(rank=30)
RECEIVED = at("2025-02-01T09:00:00Z")
# A morning flight from Dublin to Manchester, and its way back.
ARRIVAL = {
    "ACReg": "",
    "Airport": "MAN",
    "ArrDep": "A",
    "CreDate": "14OCT2024 1130",
    "Date": "2025-06-05",
    "EditDate": "20JAN2025 0815",
    "LastNext": "DUB",
    "Ope": "EI",
    "ServNo": "0202",
    "ST": "J",
    "Term": "3",
    "Time": "0655",
    "OpeFlightNo": "EI0202",
}
DEPARTURE = {**ARRIVAL, "ArrDep": "D", "ServNo": "0203", "OpeFlightNo": "EI0203", "Time": "0740"}


def table(*rows: dict[str, str]) -> bytes:
    """A slot list with these rows; the first one's keys are its header."""
    lines = [rows[0], *[[row.get(name, "") for name in rows[0]] for row in rows]]
    return "\r\n".join(",".join(line) for line in lines).encode()


def message(payload: bytes) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload), format="acl", feed="test", received_at=RECEIVED, payload=payload
    )


def statuses(payload: bytes, source: Source = SOURCE) -> tuple[FlightStatus, ...]:
    said = acl.parse(message(payload), source)
    assert not isinstance(said, Drop)
    return said


def status(*, source: Source = SOURCE, **changed: str) -> FlightStatus:
    """The status of the arrival, or of another row with these cells."""
    [found] = statuses(table({**ARRIVAL, **changed}), source)
    return found


def rejected(payload: bytes) -> RejectRecord:
    with pytest.raises(RejectRecord) as caught:
        acl.parse(message(payload), SOURCE)
    return caught.value


def test_an_arrival_slot_is_a_scheduled_on_block() -> None:
    found = status()
    assert found.in_scheduled == at("2025-06-05T06:55:00Z")
    assert (found.out_scheduled, found.out_terminal) == (None, None)
    assert (found.airline, found.number, found.suffix) == ("EIN", 202, "")
    assert (found.origin, found.destination) == ("DUB", "MAN")
    assert (found.in_terminal, found.service, found.life) == ("3", "J", "unsaid")
    assert (found.date, found.date_basis) == ("2025-06-05", "filed")
    assert found.source_time == at("2025-01-20T08:15:00Z")


def test_a_departure_slot_is_a_scheduled_off_block_and_names_the_date() -> None:
    [found] = statuses(table(DEPARTURE))
    assert found.out_scheduled == at("2025-06-05T07:40:00Z")
    assert (found.in_scheduled, found.in_terminal) == (None, None)
    assert (found.origin, found.destination, found.out_terminal) == ("MAN", "DUB", "3")
    assert (found.date, found.date_basis) == ("2025-06-05", "scheduled")


def test_trap_02_the_date_is_the_local_one_at_the_origin() -> None:
    # 23:30 UTC in June is half past midnight in Manchester.
    [found] = statuses(table({**DEPARTURE, "Time": "2330"}))
    assert found.date == "2025-06-06"


def test_an_arrival_whose_departure_may_lie_on_two_days_has_no_date() -> None:
    # In Dublin (UTC+1 in June) it left half an hour to two hours before 1:25, so on either day.
    found = status(Time="0025")
    assert (found.date, found.date_basis) == (None, "none")
    assert found.in_scheduled == at("2025-06-05T00:25:00Z")


def test_a_coordinator_that_sends_local_times_has_a_zone() -> None:
    local = status(source=Source(zone="Europe/London"))
    assert local.in_scheduled == at("2025-06-05T05:55:00Z")
    assert local.source_time == at("2025-01-20T08:15:00Z")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("0000", "2025-06-05T00:00:00Z"),
        ("005", "2025-06-05T00:05:00Z"),
        ("655", "2025-06-05T06:55:00Z"),
        ("06:55", "2025-06-05T06:55:00Z"),
        ("2359", "2025-06-05T23:59:00Z"),
        ("2400", "2025-06-06T00:00:00Z"),
    ],
)
def test_a_time_of_day(time: str, expected: str) -> None:
    assert status(Time=time).in_scheduled == at(expected)


def test_a_date_may_be_written_as_the_stamps_are() -> None:
    assert status(Date="05JUN2025").in_scheduled == at("2025-06-05T06:55:00Z")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Time", "2460"),
        ("Time", "24:01"),
        ("Time", "noon"),
        ("Time", ""),
        ("Date", "2025-02-30"),
        ("Date", "30FEB2025"),
        ("Date", "05XYZ2025"),
        ("Date", "05ANF2025"),
        ("Date", "0000-01-01"),
        ("Date", "9999-12-31"),
        ("Date", "05/06/2025"),
        ("Date", "2025-06-05T00:00"),
        ("Date", ""),
        ("ArrDep", "X"),
        ("ArrDep", ""),
    ],
)
def test_a_row_without_a_moment_is_rejected_by_name(column: str, value: str) -> None:
    reject = rejected(table({**ARRIVAL, column: value}))
    assert column in reject.reason.partition(":")[0]
    assert reject.place == ""


@pytest.mark.parametrize(
    ("airline", "number", "whole", "expected"),
    [
        ("EI", "0202", "", ("EIN", 202, "")),
        ("EIN", "202", "", ("EIN", 202, "")),
        ("ei", "202p", "", ("EIN", 202, "P")),
        ("U2", "8432", "", ("EZY", 8432, "")),
        ("", "", "EI0202", ("EIN", 202, "")),
        ("EI", "", "EI0202", ("EIN", 202, "")),
    ],
)
def test_a_flight_number(
    airline: str, number: str, whole: str, expected: tuple[str, int, str]
) -> None:
    found = status(Ope=airline, ServNo=number, OpeFlightNo=whole)
    assert (found.airline, found.number, found.suffix) == expected


@pytest.mark.parametrize("number", ["", "0000", "12345", "ABC", "9" * 5000])
def test_a_row_without_a_flight_is_rejected(number: str) -> None:
    reject = rejected(table({**ARRIVAL, "ServNo": number, "OpeFlightNo": ""}))
    assert reject.reason.startswith("Ope, ServNo: ")
    assert len(reject.reason) < 100


def test_columns_are_found_by_name_in_any_order_and_spelling() -> None:
    turned = {name.upper(): ARRIVAL[name] for name in reversed(ARRIVAL)}
    assert statuses(table(turned)) == (msgspec.structs.replace(
        status(), id=f"{payload_id(table(turned))}.0", message_id=payload_id(table(turned))
    ),)  # fmt: skip


def test_a_list_without_the_columns_that_are_not_needed_is_read() -> None:
    names = ("Airport", "ArrDep", "Date", "LastNext", "Ope", "ServNo", "Time")
    [found] = statuses(table({name: ARRIVAL[name] for name in names}))
    assert found.in_scheduled == at("2025-06-05T06:55:00Z")
    assert (found.service, found.in_terminal, found.registration) == (None, None, None)
    assert found.source_time == RECEIVED


@pytest.mark.parametrize("name", ["Airport", "ArrDep", "Date", "LastNext", "Ope", "ServNo", "Time"])
def test_a_list_without_a_column_that_is_needed_is_none(name: str) -> None:
    payload = table({key: value for key, value in ARRIVAL.items() if key != name})
    assert not acl.detect(payload)
    assert rejected(payload).reason == f"header: without {name} it is no slot list"


def test_the_stamp_is_the_last_change_or_else_the_first_word() -> None:
    assert status(EditDate="").source_time == at("2024-10-14T11:30:00Z")
    assert status(EditDate="", CreDate="").source_time == RECEIVED
    broken = status(EditDate="31FEB2025 0815")
    assert broken.source_time == at("2024-10-14T11:30:00Z")
    assert broken.evidence == ("unread=EditDate",)


@pytest.mark.parametrize("letter", ["C", "F", "G", "H", "J", "M", "P", "S"])
def test_trap_30_a_service_type_tells_who_carries_no_passengers(letter: str) -> None:
    assert status(ST=letter).service == letter


@pytest.mark.parametrize("value", ["todo", "??", "JJ", "1", ""])
def test_trap_32_what_is_no_service_type_is_none(value: str) -> None:
    assert status(ST=value).service is None


def test_trap_32_codes_of_the_other_kind_are_understood() -> None:
    found = status(Airport="EGCC", LastNext="EIDW", Ope="EIN", ACReg="ei-dva", Term=" 3 ")
    assert (found.origin, found.destination, found.airline) == ("DUB", "MAN", "EIN")
    assert (found.registration, found.in_terminal) == ("EIDVA", "3")


def test_a_row_of_several_that_is_broken_is_named_by_its_line() -> None:
    assert [found.number for found in statuses(table(ARRIVAL, DEPARTURE))] == [202, 203]
    reject = rejected(table(ARRIVAL, {**ARRIVAL, "Time": "9999"}))
    assert (reject.place, reject.reason.partition(":")[0]) == ("line 3", "Time")


def test_split_gives_rows_with_their_header() -> None:
    pieces = list(acl.split([table(ARRIVAL, DEPARTURE)]))
    assert [piece.place for piece in pieces] == ["line 2", "line 3"]
    numbers = [found.number for piece in pieces for found in statuses(piece.payload)]
    assert numbers == [202, 203]


def test_a_name_in_quotes_may_hold_a_comma() -> None:
    named = {**ARRIVAL, "OpeName": '"CARRIER, THE"'}
    [piece] = acl.split([table(named)])
    assert statuses(piece.payload)[0].number == 202


def test_the_key_names_flight_end_and_day() -> None:
    assert acl.leg_key(table(ARRIVAL)) == "EI.0202.A.MAN.2025-06-05"
    assert acl.leg_key(table({**ARRIVAL, "Time": "0700"})) == acl.leg_key(table(ARRIVAL))
    assert acl.leg_key(table(ARRIVAL, DEPARTURE)) is None
    assert acl.leg_key(b"") is None
    assert acl.leg_key(table({**ARRIVAL, "Ope": "x" * 200})) is None


def test_the_header_is_recognised() -> None:
    assert acl.detect(table(ARRIVAL))
    assert acl.detect(b"\xef\xbb\xbf" + table(ARRIVAL))
    assert not acl.detect(b"Airport,Date,Time\n")
    assert not acl.detect(b"")
    assert not acl.detect(b"\xff,\x00,")


def assert_outcome(payload: bytes) -> None:
    """Parsing gives statuses that can travel, or a reason of a decent length."""
    try:
        said = acl.parse(message(payload), SOURCE)
    except RejectRecord as reject:
        said = Drop(reject.reason)
    if isinstance(said, Drop):
        assert 0 < len(said.reason) < 300
    else:
        assert decode_pack(encode_pack(said)) == list(said)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_slot_or_a_reason(rest: bytes) -> None:
    for payload in (rest, table(ARRIVAL).partition(b"\r\n")[0] + b"\n" + rest):
        acl.detect(payload)
        acl.leg_key(payload)
        assert_outcome(payload)


_CELLS = st.text(max_size=30).filter(lambda text: not set(text) & set('",\r\n'))


@given(st.fixed_dictionaries(dict.fromkeys(ARRIVAL, _CELLS)))
def test_any_cells_are_a_slot_or_a_reason(cells: dict[str, str]) -> None:
    for row in (cells, {**ARRIVAL, **{name: cells[name] for name in ("Date", "Time", "ServNo")}}):
        lines = (",".join(ARRIVAL), ",".join(row[name] for name in ARRIVAL))
        payload = "\n".join(lines).encode("utf-8", "surrogatepass")
        acl.leg_key(payload)
        assert_outcome(payload)
