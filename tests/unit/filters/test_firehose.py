from __future__ import annotations

from typing import Any

import pytest

from filters.normalize import FORMATS, normalize
from filters.normalize.firehose import detect
from filters.outcome import Drop, Forward, Outcome, Reject
from schemas.records import FlightStatus
from tests.unit.filters.records import SOURCES, at, epoch, flifo, message

LISTED = ", ".join(sorted(FORMATS))
EVERY_TIME = {
    f"{kind}_{milestone}": f"{milestone}_{kind}"
    for kind in ("scheduled", "estimated", "actual")
    for milestone in ("out", "off", "on", "in")
}
PLAN = {"fdt": "off_scheduled", "edt": "off_estimated", "eta": "on_estimated"}
# Firehose's own name of a time, and the cell it belongs to: out and in are gate times, off and on
# are runway times.
TIMES: dict[str, dict[str, str]] = {
    "flifo": EVERY_TIME,
    "extendedFlightInfo": EVERY_TIME,
    "flightplan": PLAN,
    "cancellation": PLAN,
    "departure": {"adt": "off_actual", "edt": "off_estimated", "eta": "on_estimated"},
    "arrival": {"aat": "on_actual"},
    "offblock": {"clock": "out_actual"},
    "onblock": {"clock": "in_actual"},
}
EACH_TIME = [(kind, name, cell) for kind, names in TIMES.items() for name, cell in names.items()]
CELLS = frozenset(EVERY_TIME.values())


def parsed(members: dict[str, Any] | bytes) -> Outcome:
    """What normalize says of one message."""
    [outcome] = normalize([message(members)], sources=SOURCES)
    return outcome


def status_of(members: dict[str, Any] | bytes) -> FlightStatus:
    """The one status in a message that has one."""
    outcome = parsed(members)
    assert isinstance(outcome, Forward), outcome
    [status] = outcome.outputs
    assert isinstance(status, FlightStatus)
    return status


def rejected(members: dict[str, Any] | bytes) -> str:
    """Why a message is rejected."""
    outcome = parsed(members)
    assert isinstance(outcome, Reject), outcome
    return outcome.reason


def bare(kind: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (a message's members)
    """A message of some type without any time."""
    return {**flifo(type=kind, scheduled_out=None), **members}


@pytest.mark.parametrize(("kind", "name", "cell"), EACH_TIME)
def test_trap_14_a_time_fills_its_own_cell_and_no_other(kind: str, name: str, cell: str) -> None:
    status = status_of(bare(kind, timeType="actual", **{name: epoch("2013-02-08T16:00:00Z")}))
    assert {c: v for c in CELLS if (v := getattr(status, c)) is not None} == {
        cell: at("2013-02-08T16:00:00Z")
    }


@pytest.mark.parametrize("value", ["soon", "-1360317600", "1360317600.5", " ", "1360317600000"])
@pytest.mark.parametrize(("kind", "name", "cell"), EACH_TIME)
def test_a_malformed_time_names_its_field(kind: str, name: str, cell: str, value: str) -> None:
    del cell
    assert rejected(bare(kind, **{name: value})).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        1360317600.0,
        [],
        {},
        [1360317600],
        {"epoch": "1360317600"},
        10**30,
        -1,
        0,
        "0",
        "946684799",
        "4102444800",
        "１３６０３１７６００",  # noqa: RUF001  (full-width digits, which int() would take)
        "1_360_317_600",
        "0x51150B60",
        "1360317600\x00",
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["pitr", "scheduled_out"])
def test_anything_but_an_epoch_of_our_century_is_rejected_by_name(name: str, value: object) -> None:
    assert rejected(flifo(**{name: value})).startswith(f"{name}: ")


@pytest.mark.parametrize("value", ["946684800", "4102444799", 1360317600], ids=repr)
def test_the_first_and_the_last_epoch_and_plain_numbers_are_read(value: str | int) -> None:
    assert status_of(flifo(scheduled_out=value)).out_scheduled == int(value) * 1000


@pytest.mark.parametrize("value", ["", None])
def test_trap_17_an_empty_or_null_time_is_one_that_was_not_said(value: str | None) -> None:
    status = status_of({**flifo(), "estimated_out": value})
    assert status.out_estimated is None
    assert status.cleared == ()


def test_predictions_are_not_estimates() -> None:
    status = status_of(flifo(predicted_out=epoch("2013-02-08T11:00:00Z")))
    assert status.out_estimated is None


@pytest.mark.parametrize(
    ("members", "cell"),
    [
        ({"timeType": "actual"}, "on_actual"),
        ({"timeType": "estimated"}, "on_estimated"),
        ({"timeType": "estimated", "synthetic": "1"}, "on_estimated"),
        ({}, "on_estimated"),
    ],
)
def test_only_an_arrival_said_to_be_actual_is_a_landing(members: dict[str, str], cell: str) -> None:
    status = status_of(bare("arrival", aat=epoch("2013-02-08T14:10:00Z"), **members))
    assert {c for c in CELLS if getattr(status, c) is not None} == {cell}


@pytest.mark.parametrize(
    ("ident", "airline", "number", "suffix"),
    [
        ("UAL2465", "UAL", 2465, ""),
        ("SKW3284", "SKW", 3284, ""),
        ("BAW117", "BAW", 117, ""),
        ("BAW0117", "BAW", 117, ""),
        ("KLM0001", "KLM", 1, ""),
        ("EXS73W", "EXS", 73, "W"),
        ("VIR808P", "VIR", 808, "P"),
        ("AAL9999", "AAL", 9999, ""),
    ],
)
def test_trap_03_and_04_an_ident_is_airline_number_and_suffix(
    ident: str, airline: str, number: int, suffix: str
) -> None:
    status = status_of(flifo(ident=ident))
    assert (status.airline, status.number, status.suffix) == (airline, number, suffix)


@pytest.mark.parametrize(
    ("ident", "reason"),
    [
        ("BLOCKED", "blocked"),
        ("N12345", "not_an_airline_flight"),
        ("N386AZ", "not_an_airline_flight"),
        ("CGLUQ", "not_an_airline_flight"),
        ("G-ABCD", "not_an_airline_flight"),
        ("UAL0", "not_an_airline_flight"),
        ("UAL", "not_an_airline_flight"),
        ("UAL12345", "not_an_airline_flight"),
        ("UA1545", "not_an_airline_flight"),
    ],
)
def test_trap_30_what_is_no_airline_flight_is_dropped(ident: str, reason: str) -> None:
    assert parsed(flifo(ident=ident)) == Drop(reason)


@pytest.mark.parametrize(
    "ident",
    ["????", "#REF!", "0", "--", "1545", "ual1545", " UAL1545", "UAL1545\n", "UAL15४5", "U" * 99],
)
def test_an_ident_that_names_nothing_is_rejected(ident: str) -> None:
    assert rejected(flifo(ident=ident)).startswith("ident: ")


@pytest.mark.parametrize("ident", [None, "", 1545, True, [], {}])
def test_a_missing_ident_is_rejected(ident: object) -> None:
    assert rejected({**flifo(), "ident": ident}) == "ident: missing, so no flight is named"


@pytest.mark.parametrize("kind", [None, "", 7, [], {}])
def test_a_message_without_a_type_is_rejected(kind: object) -> None:
    assert rejected({**flifo(), "type": kind}).startswith("type: ")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("keepalive", "keepalive"),
        ("position", "position"),
        ("ground_position", "position"),
        ("near_surface_position", "position"),
        ("vehicle_position", "position"),
        ("error", "feed_error"),
        ("fmswx", "unknown_type"),
        ("FLIFO", "unknown_type"),
        ("surface_offblock", "unknown_type"),
    ],
)
def test_types_that_say_nothing_of_a_time_are_dropped(kind: str, reason: str) -> None:
    assert parsed({"type": kind, "pitr": "1360317600"}) == Drop(reason)


@pytest.mark.parametrize(
    ("mark", "registration"), [("N14228", "N14228"), ("BLOCKED", None), ("", None), (None, None)]
)
def test_a_blocked_registration_is_not_known(mark: str | None, registration: str | None) -> None:
    assert status_of({**flifo(), "reg": mark}).registration == registration


@pytest.mark.parametrize(
    ("code", "airport"),
    [
        ("KEWR", "EWR"),
        ("EWR", "EWR"),
        (" KEWR ", "EWR"),
        ("KLJF", "KLJF"),  # it has no IATA code
        ("ZZ9Z", "ZZ9Z"),  # shaped like a code, so perhaps an airport that we do not list
        ("52F", "52F"),
        ("", None),
        (None, None),
        (7, None),
        ("L 41.20000 -87.10000", None),  # Firehose names a place without an airport so
        ("kewr", "EWR"),
        ("http://evil.example", None),
    ],
)
@pytest.mark.parametrize(("member", "field"), [("orig", "origin"), ("dest", "destination")])
def test_airports_are_iata_where_one_exists(
    member: str, field: str, code: object, airport: str | None
) -> None:
    assert getattr(status_of({**flifo(), member: code}), field) == airport


@pytest.mark.parametrize(
    ("kind", "members", "date", "basis"),
    [
        # The schedule's off-block names the day.
        ("flifo", {"scheduled_out": "2013-02-08T15:15:00Z"}, "2013-02-08", "scheduled"),
        ("extendedFlightInfo", {"scheduled_out": "2013-02-08T15:15Z"}, "2013-02-08", "scheduled"),
        # 23:30 at Newark is already the 9th in UTC.
        ("flifo", {"scheduled_out": "2013-02-09T04:30:00Z"}, "2013-02-08", "scheduled"),
        ("flifo", {"scheduled_out": "2013-02-09T04:59:59Z"}, "2013-02-08", "scheduled"),
        ("flifo", {"scheduled_out": "2013-02-09T05:00:00Z"}, "2013-02-09", "scheduled"),
        # Daylight saving begins on 10 March 2013 at Newark.
        ("flifo", {"scheduled_out": "2013-03-10T04:30:00Z"}, "2013-03-09", "scheduled"),
        ("flifo", {"scheduled_out": "2013-03-11T03:30:00Z"}, "2013-03-10", "scheduled"),
        ("flifo", {"scheduled_out": "2013-03-11T04:00:00Z"}, "2013-03-11", "scheduled"),
        # A take-off is weaker: the off-block may have been on the day before.
        ("flifo", {"scheduled_off": "2013-02-08T15:30:00Z"}, "2013-02-08", "filed"),
        ("flightplan", {"fdt": "2013-02-08T15:30:00Z"}, "2013-02-08", "filed"),
        ("cancellation", {"fdt": "2013-02-08T15:30:00Z"}, "2013-02-08", "filed"),
        ("flightplan", {"fdt": "2013-02-09T04:59:00Z"}, "2013-02-08", "filed"),
        ("flightplan", {"fdt": "2013-02-09T05:45:00Z"}, "2013-02-09", "filed"),
        # Within the 45 minutes that taxiing may take after midnight, the day is anybody's guess.
        ("flightplan", {"fdt": "2013-02-09T05:00:00Z"}, None, "none"),
        ("cancellation", {"fdt": "2013-02-09T05:44:59Z"}, None, "none"),
        ("flifo", {"scheduled_off": "2013-02-09T05:10:00Z"}, None, "none"),
        # An estimate may be days late: it names no day.
        ("flightplan", {"edt": "2013-02-09T15:30:00Z"}, None, "none"),
        ("cancellation", {"edt": "2013-02-09T15:30:00Z"}, None, "none"),
        ("departure", {"adt": "2013-02-09T15:30:00Z", "edt": "2013-02-09T15:30Z"}, None, "none"),
        ("flifo", {"estimated_out": "2013-02-09T15:30:00Z"}, None, "none"),
        ("flifo", {"actual_out": "2013-02-09T15:30:00Z"}, None, "none"),
        ("offblock", {"clock": "2013-02-08T15:15:00Z"}, None, "none"),
    ],
)
def test_trap_02_the_date_is_that_of_the_scheduled_off_block_at_the_origin(
    kind: str, members: dict[str, str], date: str | None, basis: str
) -> None:
    status = status_of(bare(kind, **{name: epoch(time) for name, time in members.items()}))
    assert (status.date, status.date_basis) == (date, basis)


@pytest.mark.parametrize("orig", [None, "ZZ9Z", "L 41.20000 -87.10000"])
def test_without_a_known_origin_there_is_no_date(orig: str | None) -> None:
    status = status_of({**flifo(), "orig": orig})
    assert (status.date, status.date_basis) == (None, "none")


def test_a_date_after_blanks_around_the_origin_is_the_same() -> None:
    assert status_of(flifo(orig=" KEWR ")).date == "2013-02-08"


@pytest.mark.parametrize(
    ("kind", "members", "life"),
    [
        ("cancellation", {"trueCancel": "1", "status": "X"}, "cancelled"),
        ("cancellation", {"trueCancel": 1}, "cancelled"),
        ("cancellation", {"trueCancel": "0", "status": "X"}, "doubtful"),
        ("cancellation", {"status": "X"}, "doubtful"),
        ("cancellation", {"trueCancel": ""}, "doubtful"),
        ("cancellation", {"trueCancel": "yes"}, "doubtful"),
        ("flifo", {}, "operating"),
        ("flifo", {"status": "S"}, "operating"),
        ("flifo", {"status": "F"}, "operating"),
        ("flifo", {"status": "A"}, "operating"),
        ("flifo", {"status": "Z"}, "operating"),
        ("flifo", {"status": "X"}, "doubtful"),
        # A letter nobody documents must not take a cancellation back.
        ("flifo", {"status": "Y"}, "unsaid"),
        ("flifo", {"status": "?"}, "unsaid"),
        ("flightplan", {"status": "S"}, "operating"),
        ("flightplan", {"status": "X"}, "doubtful"),
        ("departure", {}, "operating"),
        ("arrival", {}, "operating"),
        ("offblock", {}, "operating"),
        ("onblock", {}, "operating"),
        ("extendedFlightInfo", {"actual_departure_gate": "A1"}, "unsaid"),
    ],
)
def test_trap_22_and_23_life(kind: str, members: dict[str, object], life: str) -> None:
    assert status_of(bare(kind, dest="KIAH", **members)).life == life


def test_gates_and_terminals_go_to_their_own_end() -> None:
    status = status_of(
        flifo(
            scheduled_departure_terminal="C",
            estimated_departure_gate="C98",
            actual_arrival_terminal="E",
            actual_arrival_gate="E12",
            baggage_claim="3",
        )
    )
    assert (status.out_terminal, status.out_gate) == ("C", "C98")
    assert (status.in_terminal, status.in_gate) == ("E", "E12")
    assert status.baggage == "3"


def test_the_gate_used_outranks_the_one_estimated() -> None:
    gates = {"estimated_departure_gate": "C98", "scheduled_departure_gate": "C97"}
    assert status_of(flifo(**gates)).out_gate == "C98"
    assert status_of(flifo(actual_departure_gate="C99", **gates)).out_gate == "C99"
    assert status_of(flifo(actual_departure_gate=" ", **gates)).out_gate == "C98"


@pytest.mark.parametrize("name", ["id", "reg", "dest", "orig", "actual_departure_gate"])
def test_a_text_longer_than_any_real_one_names_its_field(name: str) -> None:
    assert rejected(flifo(**{name: "7" * 201})).startswith(f"{name}: ")


def test_a_source_id_carries_its_format() -> None:
    assert status_of(flifo()).source_id == "firehose:UAL1545-1360152000-airline-0042"
    assert status_of(flifo(id="")).source_id is None
    assert status_of({**flifo(), "id": 7}).source_id is None


@pytest.mark.parametrize(
    ("members", "source_time"),
    [
        ({"pitr": "2013-02-08T09:00:00Z", "clock": "2013-02-08T08:59:00Z"}, "2013-02-08T09:00:00Z"),
        ({"clock": "2013-02-08T08:59:00Z"}, "2013-02-08T08:59:00Z"),
        ({}, "2013-02-08T09:30:00Z"),
    ],
)
def test_trap_18_the_order_is_the_point_in_time_of_receipt(
    members: dict[str, str], source_time: str
) -> None:
    fields = {name: epoch(time) for name, time in members.items()}
    whole = bare("onblock", **{"pitr": None, **fields})
    [outcome] = normalize([message(whole, received_at=at("2013-02-08T09:30:00Z"))], sources=SOURCES)
    assert isinstance(outcome, Forward)
    [status] = outcome.outputs
    assert isinstance(status, FlightStatus)
    assert status.source_time == at(source_time)


def test_a_message_that_says_nothing_is_dropped() -> None:
    assert parsed({"type": "extendedFlightInfo", "pitr": "1360317600", "ident": "UAL1545"}) == Drop(
        "says_nothing"
    )


def test_a_status_carries_its_messages_ids_and_the_mark_of_a_replay() -> None:
    whole = message(flifo(), replay="r-1", feed="fa", received_at=at("2013-02-08T09:00:01Z"))
    [outcome] = normalize([whole], sources=SOURCES)
    assert isinstance(outcome, Forward)
    [status] = outcome.outputs
    assert isinstance(status, FlightStatus)
    assert (status.id, status.message_id) == (f"{whole.id}.0", whole.id)
    assert (status.replay, status.format, status.feed) == ("r-1", "firehose", "fa")
    assert status.received_at == at("2013-02-08T09:00:01Z")


def test_each_message_has_its_own_outcome_in_order() -> None:
    outcomes = normalize(
        [message(flifo()), message(b"{"), message({"type": "keepalive"}), message(flifo())],
        sources=SOURCES,
    )
    assert [type(outcome) for outcome in outcomes] == [Forward, Reject, Drop, Forward]


def test_a_format_nobody_knows_is_rejected_by_name() -> None:
    [outcome] = normalize([message(flifo(), format="telex", place="a.jsonl:7")], sources=SOURCES)
    assert outcome == Reject(f"format: 'telex' is not one of {LISTED}", "a.jsonl:7")


def test_an_unnamed_format_is_recognised_from_the_bytes() -> None:
    named, unnamed = normalize([message(flifo()), message(flifo(), format="")], sources=SOURCES)
    assert named == unnamed


@pytest.mark.parametrize("payload", [b"", b"[]", b"telex 1545/08", b'{"type":1}'])
def test_bytes_of_no_known_format_are_rejected(payload: bytes) -> None:
    [outcome] = normalize([message(payload, format="", place="a.jsonl:7")], sources=SOURCES)
    assert outcome == Reject(f"format: not recognised as any of {LISTED}", "a.jsonl:7")


def test_every_format_is_listed_under_its_own_name() -> None:
    assert {name: module.NAME for name, module in FORMATS.items()} == {
        name: name for name in FORMATS
    }
    assert detect(b' {"pitr": "1", "type": "keepalive"}')


def test_the_place_of_a_rejection_is_that_of_the_message() -> None:
    [outcome] = normalize([message(b"junk", place="feed.jsonl:12")], sources=SOURCES)
    assert isinstance(outcome, Reject)
    assert outcome.place == "feed.jsonl:12"
