"""SendMessageBatch answers 200 and fails by the entry: F02 of what can go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.aws import clients
from pipeline.aws.events import sqs_items
from pipeline.aws.sqs import Queue, QueueRetries
from pipeline.batch import Undecodable
from schemas.records import Disruption, Record
from tests.unit.aws import cloud, examples

pytestmark = pytest.mark.usefixtures("aws")


def records(count: int) -> list[Disruption]:
    return [examples.disruption(id=f"d-{n}") for n in range(count)]


def queue(*, pack_bytes: int = 196_608, pack_records: int = 1) -> tuple[Queue, str]:
    url = cloud.create_queue("out")
    return Queue(clients.sqs(), url, pack_bytes=pack_bytes, pack_records=pack_records), url


def failed(*entries: tuple[int, bool]) -> dict[str, Any]:
    return {
        "Successful": [],
        "Failed": [
            {"Id": str(place), "SenderFault": at_fault, "Code": "Nope"}
            for place, at_fault in entries
        ],
    }


def ids(request: dict[str, Any]) -> list[str]:
    return [entry["Id"] for entry in request["Entries"]]


def arrived(url: str) -> list[str]:
    messages = [cloud.lambda_record(message) for message in cloud.received(url)]
    found = [r for item in sqs_items({"Records": messages}, Disruption) for r in item.records]
    assert not any(isinstance(record, Undecodable) for record in found)
    return sorted(record.id for record in found if isinstance(record, Record))


def test_only_entries_that_failed_in_passing_are_sent_again_and_once() -> None:
    out, url = queue()
    calls = cloud.watch(clients.sqs(), "SendMessageBatch", failed((1, False), (3, False)))
    assert set(out.send(records(5))) == set()
    assert [ids(request) for request in calls.requests] == [list("01234"), ["1", "3"]]
    assert arrived(url) == ["d-1", "d-3"], "the first answer was the test's; only these went out"


def test_entries_at_fault_are_not_sent_again() -> None:
    out, _ = queue()
    calls = cloud.watch(clients.sqs(), "SendMessageBatch", failed((0, True), (2, True)))
    assert set(out.send(records(4))) == {0, 2}
    assert len(calls) == 1


def test_a_second_refusal_is_reported_whosever_fault_it_is() -> None:
    out, _ = queue()
    first, second = failed((0, True), (1, False), (2, False)), failed((1, True), (2, False))
    calls = cloud.watch(clients.sqs(), "SendMessageBatch", first, second)
    assert set(out.send(records(4))) == {0, 1, 2}
    assert [ids(request) for request in calls.requests] == [list("0123"), ["1", "2"]]


def test_a_refused_pack_fails_every_record_in_it_and_none_beside_it() -> None:
    out, _ = queue(pack_records=10)
    cloud.watch(clients.sqs(), "SendMessageBatch", failed((1, True)))
    assert set(out.send(records(25))) == set(range(10, 20))


@pytest.mark.parametrize("fault", cloud.DOWN.values(), ids=cloud.DOWN)
def test_a_queue_that_does_not_answer_fails_its_records_not_the_batch(fault: cloud.Answer) -> None:
    out, url = queue()
    calls = cloud.watch(clients.sqs(), "SendMessageBatch", fault, fault)
    assert set(out.send(records(12))) == set(range(10)), "the second request goes through"
    assert [len(request["Entries"]) for request in calls.requests] == [10, 10, 2]
    assert arrived(url) == ["d-10", "d-11"]


@pytest.mark.parametrize("fault", cloud.DOWN.values(), ids=cloud.DOWN)
def test_a_passing_fault_of_a_call_is_got_over(fault: cloud.Answer) -> None:
    out, url = queue()
    cloud.watch(clients.sqs(), "SendMessageBatch", fault)
    assert set(out.send(records(3))) == set()
    assert arrived(url) == ["d-0", "d-1", "d-2"]


def test_a_request_holds_ten_messages_and_no_more_than_sqs_takes() -> None:
    out, url = queue(pack_bytes=262_144)
    calls = cloud.watch(clients.sqs(), "SendMessageBatch")
    noise = "".join(f"{n * 2_654_435_761 % 2**32:08x}" for n in range(35_000))
    long = [examples.disruption(id=f"d-{n}", cause=f"{n}{noise}") for n in range(9)]
    assert set(out.send([*long, *records(30)])) == set()
    sizes = [
        sum(len(entry["MessageBody"]) for entry in request["Entries"]) for request in calls.requests
    ]
    assert max(sizes) <= 1_048_576
    assert sum(sizes) > 1_048_576, "the case is worth its name"
    assert max(len(request["Entries"]) for request in calls.requests) == 10
    assert len(arrived(url)) == 39


def test_records_no_message_can_hold_are_named_and_their_neighbours_go_on() -> None:
    out, url = queue(pack_bytes=2_000, pack_records=3)
    noise = "".join(f"{n * 2_654_435_761 % 2**32:08x}" for n in range(1_000))
    mixed = records(8)
    mixed[2] = examples.disruption(id="d-2", cause=noise)
    mixed[7] = examples.disruption(id="d-7", cause=noise)
    assert set(out.send(mixed)) == {2, 7}
    assert arrived(url) == ["d-0", "d-1", "d-3", "d-4", "d-5", "d-6"]


def test_records_that_cannot_be_encoded_are_named_and_their_neighbours_go_on() -> None:
    out, url = queue(pack_records=3)
    mixed = records(6)
    mixed[0] = examples.disruption(id="d-0", cause="half a \ud800 pair")
    mixed[4] = examples.disruption(id="d-4", number=2**70)
    assert set(out.send(mixed)) == {0, 4}
    assert arrived(url) == ["d-1", "d-2", "d-3", "d-5"]


@pytest.mark.parametrize(
    ("attempts", "delay_s"), [(0, 5), (1, 10), (2, 20), (5, 160), (6, 300), (999_999, 300)]
)
def test_the_pause_before_another_try_grows_up_to_five_minutes(attempts: int, delay_s: int) -> None:
    out, _ = queue()
    calls = cloud.watch(clients.sqs(), "SendMessageBatch")
    assert set(QueueRetries(out, 5).again(records(1), attempts)) == set()
    (entry,) = calls.requests[0]["Entries"]
    assert entry["DelaySeconds"] == delay_s
