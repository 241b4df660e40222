"""What DynamoDB leaves undone, repeats or refuses, and what it must not cost: F03, F04, F06."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from filters.detect import detect
from filters.join import join
from filters.notify import Claim
from filters.outcome import Fail, Forward, Outcome, Unavailable
from filters.people import Booking, Contact, FlightNumber
from filters.policy import load_policy
from pipeline.aws import clients
from pipeline.aws.dynamo import batch_get
from pipeline.aws.ledger import LedgerTable
from pipeline.aws.legs import LegTable
from pipeline.aws.people import BookingTable, ContactTable, batch_put
from schemas.records import FlightStatus
from tests.unit.aws import cloud, examples

NOW, OUT, MINUTE = examples.NOW, examples.OUT, examples.MINUTE
LEASE_MS = 40_000
FLIGHT = FlightNumber("UA1545", "EWR", "2013-02-08")
BOOKING = Booking(pnr="ABC123", ticket="UA1545", origin="EWR", date="2013-02-08", recipient="r")
down = pytest.mark.parametrize("fault", cloud.DOWN.values(), ids=cloud.DOWN)


@pytest.fixture(autouse=True)
def tables(aws: None) -> None:
    del aws
    cloud.create_tables()


@pytest.fixture
def pauses() -> list[float]:
    """The pauses an adapter made; nobody waits for them."""
    return []


def legs(pauses: list[float]) -> LegTable:
    return LegTable(clients.dynamodb(), cloud.LEGS, lambda: NOW, pauses.append)


def left_undone(table: str, *keys: str, found: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    undone = [{"pk": {"S": key}} for key in keys]
    return {
        "Responses": {table: list(found)},
        "UnprocessedKeys": {table: {"Keys": undone, "ConsistentRead": True}},
    }


# ------------------------------------------------------------------ reading many


def test_keys_left_unprocessed_are_asked_for_again_alone(pauses: list[float]) -> None:
    table = legs(pauses)
    one, two = examples.leg(key="A"), examples.leg(key="B")
    table.write([one, two])
    calls = cloud.watch(
        clients.dynamodb(),
        "BatchGetItem",
        left_undone(cloud.LEGS, "A", "B"),
        left_undone(cloud.LEGS, "B"),
    )
    reading = table.read({"A", "B"})
    asked = [keys_of(request) for request in calls.requests]
    assert asked == [{"A", "B"}, {"A", "B"}, {"B"}]
    # The two canned answers held nothing, so only what the last request asked for was found.
    assert reading.found == {"B": two}
    assert set(reading.unread) == set()
    assert len(pauses) == 2


def keys_of(request: dict[str, Any]) -> set[str]:
    (wanted,) = request["RequestItems"].values()
    assert wanted["ConsistentRead"] is True
    return {key["pk"]["S"] for key in wanted["Keys"]}


def test_keys_that_stay_unprocessed_are_unread_and_never_absent(pauses: list[float]) -> None:
    table = legs(pauses)
    table.write([examples.leg(key="A")])
    stubborn = [left_undone(cloud.LEGS, "A", "B")] * 6
    calls = cloud.watch(clients.dynamodb(), "BatchGetItem", *stubborn)
    reading = table.read({"A", "B"})
    assert dict(reading.found) == {}
    assert set(reading.unread) == {"A", "B"}
    assert len(calls) == 6
    assert len(pauses) == 5, "no pause after the last try"
    assert all(0 <= pause <= 0.05 * 2**5 for pause in pauses)


@down
def test_a_table_that_does_not_answer_leaves_its_keys_unread(fault: cloud.Answer) -> None:
    cloud.watch(clients.dynamodb(), "BatchGetItem", fault)
    items, unread = batch_get(clients.dynamodb(), cloud.LEGS, [{"pk": "A"}, {"pk": "B"}])
    assert items == []
    assert unread == [{"pk": "A"}, {"pk": "B"}]


def test_what_an_earlier_round_found_is_kept_when_a_later_one_fails(pauses: list[float]) -> None:
    found = {"pk": {"S": "A"}}
    cloud.watch(
        clients.dynamodb(),
        "BatchGetItem",
        left_undone(cloud.LEGS, "B", found=(found,)),
        cloud.DOWN["throttled"],
    )
    keys = [{"pk": "A"}, {"pk": "B"}]
    answer = batch_get(clients.dynamodb(), cloud.LEGS, keys, pauses.append)
    assert answer == ([found], [{"pk": "B"}])


def test_a_key_asked_for_twice_is_requested_once(pauses: list[float]) -> None:
    calls = cloud.watch(clients.dynamodb(), "BatchGetItem")
    keys = [{"pk": "A"}, {"pk": "A"}, {"pk": "B"}]
    assert batch_get(clients.dynamodb(), cloud.LEGS, keys, pauses.append) == ([], [])
    assert [keys_of(request) for request in calls.requests] == [{"A", "B"}]
    assert len(calls.requests[0]["RequestItems"][cloud.LEGS]["Keys"]) == 2


def test_a_leg_whose_receipt_cannot_be_read_is_unread(pauses: list[float]) -> None:
    table = legs(pauses)
    table.write([examples.told_leg("t1", key="A"), examples.leg(key="B")])
    # The first request is for the legs, the second for the receipts of their tokens.
    cloud.watch(clients.dynamodb(), "BatchGetItem", None, cloud.DOWN["unavailable"])
    reading = table.read({"A", "B"})
    assert set(reading.found) == {"B"}
    assert set(reading.unread) == {"A"}


# ------------------------------------------------------------------ each adapter while it is down


@down
def test_detect_fails_its_records_while_legs_cannot_be_read(
    fault: cloud.Answer, pauses: list[float]
) -> None:
    cloud.watch(clients.dynamodb(), "BatchGetItem", fault)
    calls = cloud.watch(clients.dynamodb(), "PutItem")
    assert run_detect(legs(pauses), [late()]) == [Fail("leg state could not be read")]
    assert len(calls) == 0


@down
def test_detect_fails_its_records_while_legs_cannot_be_written(
    fault: cloud.Answer, pauses: list[float]
) -> None:
    table = legs(pauses)
    run_detect(table, [late(minutes=5)])
    cloud.watch(clients.dynamodb(), "PutItem", fault)
    assert run_detect(table, [late()]) == [Fail("leg state could not be written")]
    (again,) = run_detect(table, [late()])
    assert isinstance(again, Forward)


@down
def test_a_flight_day_that_cannot_be_written_is_written_in_the_next_pass(
    fault: cloud.Answer, pauses: list[float]
) -> None:
    table = legs(pauses)
    cloud.watch(clients.dynamodb(), "PutItem", fault)
    (outcome,) = run_detect(table, [late()])
    assert isinstance(outcome, Forward)
    assert {state.key for state in table.all()} >= {"~day:UAL1545.2013-02-08"}


@down
def test_an_outbox_that_could_not_be_confirmed_is_handed_out_again(
    fault: cloud.Answer, pauses: list[float]
) -> None:
    table = legs(pauses)
    (first,) = run_detect(table, [late()], "t1")
    cloud.watch(clients.dynamodb(), "PutItem", fault)
    table.confirm("t1")
    (again,) = run_detect(table, [late()], "t2")
    assert first == again, "the same disruption, under the same id"


@down
@pytest.mark.parametrize("step", [0, 1, 2], ids=["code-shares", "flights", "tickets"])
def test_join_fails_its_records_while_bookings_cannot_be_read(
    step: int, fault: cloud.Answer, pauses: list[float]
) -> None:
    table = BookingTable(clients.dynamodb(), cloud.BOOKINGS, pauses.append)
    table.load([BOOKING])
    cloud.watch(clients.dynamodb(), "BatchGetItem", *[None] * step, fault)
    outcomes = join([examples.disruption()], bookings=table)
    assert outcomes == [Fail("bookings could not be read")]
    assert isinstance(join([examples.disruption()], bookings=table)[0], Forward)


def test_bookings_of_a_flight_are_read_to_the_last_one_or_not_at_all(pauses: list[float]) -> None:
    table = BookingTable(clients.dynamodb(), cloud.BOOKINGS, pauses.append)
    booked = [replace(BOOKING, recipient=f"r-{n:03}") for n in range(150)]
    table.load([*booked, replace(BOOKING, ticket="UA1")])
    other = FlightNumber("UA1", "EWR", "2013-02-08")
    # The flights' items are read in one request, their 151 bookings in two.
    calls = cloud.watch(clients.dynamodb(), "BatchGetItem")
    assert len(table.tickets({FLIGHT, other}).found[FLIGHT]) == 150
    assert len(calls) == 3
    undone = {"pk": {"S": "UA1545#EWR#2013-02-08"}, "sk": {"S": "ABC123#r-149#sms"}}
    stubborn = {
        "Responses": {},
        "UnprocessedKeys": {cloud.BOOKINGS: {"Keys": [undone], "ConsistentRead": True}},
    }
    calls.answers += [None, None, *[stubborn] * 6]
    half_read = table.tickets({FLIGHT})
    assert (dict(half_read.found), set(half_read.unread)) == ({}, {FLIGHT})
    assert len(pauses) == 5


@down
def test_contacts_that_cannot_be_read_are_unread(fault: cloud.Answer, pauses: list[float]) -> None:
    table = ContactTable(clients.dynamodb(), cloud.CONTACTS, pauses.append)
    table.load([Contact(recipient="r", phone="+15550000001")])
    cloud.watch(clients.dynamodb(), "BatchGetItem", fault)
    book = table.read({"r"})
    assert (dict(book.found), set(book.unread)) == ({}, {"r"})


@down
@pytest.mark.parametrize("step", ["claim", "sent", "ended", "release"])
def test_a_ledger_that_does_not_answer_says_so(step: str, fault: cloud.Answer) -> None:
    ledger, notice = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30), examples.notice()
    steps: dict[str, Callable[[], object]] = {
        "claim": lambda: ledger.claim(notice, NOW),
        "sent": lambda: ledger.sent(notice, "p", NOW),
        "ended": lambda: ledger.ended(notice, "EXPIRED", "expired", NOW),
        "release": lambda: ledger.release(notice),
    }
    if step != "claim":
        ledger.claim(notice, NOW)
    cloud.watch(clients.dynamodb(), "PutItem", fault)
    with pytest.raises(Unavailable):
        steps[step]()


# ------------------------------------------------------------------ writes the SDK repeated


def test_a_leg_write_that_the_sdk_repeated_is_ours(pauses: list[float]) -> None:
    table, state = legs(pauses), examples.told_leg("t1")
    cloud.repeat_once(clients.dynamodb(), "PutItem")
    assert table.write([state]) == {state.key: "written"}
    after = examples.told_leg("t2", rev=2)
    assert table.write([after]) == {state.key: "written"}
    assert table.read({state.key}).found == {state.key: after}


def test_a_claim_that_the_sdk_repeated_is_ours_and_counts_once() -> None:
    ledger = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30)
    cloud.repeat_once(clients.dynamodb(), "PutItem")
    assert ledger.claim(examples.notice(), NOW) == Claim("claimed", 1, None)
    assert ledger.claim(examples.notice(), NOW + 1).result == "live"


def test_a_takeover_that_the_sdk_repeated_is_still_a_takeover() -> None:
    ledger = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30)
    ledger.claim(examples.notice(), NOW)
    cloud.repeat_once(clients.dynamodb(), "PutItem")
    claim = ledger.claim(examples.notice(), NOW + LEASE_MS + 1)
    assert claim == Claim("taken_over", 2, None)


def test_an_end_that_the_sdk_repeated_is_recorded_once() -> None:
    ledger, notice = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30), examples.notice()
    ledger.claim(notice, NOW)
    cloud.repeat_once(clients.dynamodb(), "PutItem")
    ledger.sent(notice, "p", NOW)
    (row,) = ledger.rows()
    assert row["st"] == {"S": "SENT"}
    assert [entry["M"]["end"]["S"] for entry in row["history"]["L"]] == ["SENT"]


def test_a_release_that_the_sdk_repeated_leaves_the_next_claim_alone() -> None:
    ledger, notice = LedgerTable(clients.dynamodb(), cloud.LEDGER, 30), examples.notice()
    ledger.claim(notice, NOW)
    cloud.repeat_once(clients.dynamodb(), "PutItem")
    ledger.release(notice)
    assert ledger.claim(examples.notice(), NOW) == Claim("claimed", 2, None)


# ------------------------------------------------------------------ loading


def test_items_left_unprocessed_are_written_again_alone(pauses: list[float]) -> None:
    items = [{"pk": {"S": f"r-{n}"}, "body": {"S": "{}"}} for n in range(30)]
    rest = [{"PutRequest": {"Item": item}} for item in items[:3]]
    calls = cloud.watch(
        clients.dynamodb(), "BatchWriteItem", {"UnprocessedItems": {cloud.CONTACTS: rest}}
    )
    assert batch_put(clients.dynamodb(), cloud.CONTACTS, items, pauses.append) == 30
    sizes = [len(request["RequestItems"][cloud.CONTACTS]) for request in calls.requests]
    assert sizes == [25, 3, 5]
    stored = clients.dynamodb().scan(TableName=cloud.CONTACTS)["Items"]
    assert {item["pk"]["S"] for item in stored} == {f"r-{n}" for n in (*range(3), *range(25, 30))}


def test_items_that_stay_unprocessed_are_counted_aloud(pauses: list[float]) -> None:
    items = [{"pk": {"S": "r-1"}, "body": {"S": "{}"}}]
    rest = {"UnprocessedItems": {cloud.CONTACTS: [{"PutRequest": {"Item": items[0]}}]}}
    calls = cloud.watch(clients.dynamodb(), "BatchWriteItem", *[rest] * 8)
    with pytest.raises(RuntimeError, match="1 items of contacts stayed unprocessed"):
        batch_put(clients.dynamodb(), cloud.CONTACTS, items, pauses.append)
    assert len(calls) == 8
    assert len(pauses) == 7


# ------------------------------------------------------------------ what a batch costs


def late(number: int = 1545, minutes: int = 90, **changes: object) -> FlightStatus:
    """A status that makes its leg late enough to be told."""
    return examples.status(
        id=f"s-{number}-{minutes}",
        message_id=f"{number:06}{minutes:06}",
        number=number,
        source_time=NOW + minutes,
        out_estimated=OUT + minutes * MINUTE,
        **changes,
    )


def run_detect(
    table: LegTable, statuses: list[FlightStatus], token: str | None = None
) -> list[Outcome]:
    policy = load_policy("passenger")
    token = token or uuid.uuid4().hex
    return detect(statuses, legs=table, policy=policy, advisories=(), token=token)


@pytest.mark.parametrize("linked", [False, True], ids=["dated only", "with source ids"])
def test_a_batch_reads_each_leg_once_and_writes_it_once(linked: bool, pauses: list[float]) -> None:
    flights, each = 130, 5
    statuses = [
        late(number, minutes, source_id=f"firehose:F{number}" if linked else None)
        for minutes in range(60, 60 + each)
        for number in range(1, flights + 1)
    ]
    table = legs(pauses)
    reads = cloud.watch(clients.dynamodb(), "BatchGetItem")
    writes = cloud.watch(clients.dynamodb(), "PutItem")
    outcomes = run_detect(table, statuses, "t1")
    table.confirm("t1")
    assert sum(isinstance(outcome, Forward) for outcome in outcomes) == flights
    keys = flights * (3 if linked else 2)
    assert len(reads) == -(-keys // 100)
    assert len(writes) == keys + 1, "one per leg, flight day and new source id, one receipt"

    reads.requests.clear()
    writes.requests.clear()
    run_detect(table, statuses, "t2")
    assert len(writes) == 0, "the same statuses again change nothing"
    assert len(reads) == -(-keys // 100) + 1, "and one for the receipt of the first run"
