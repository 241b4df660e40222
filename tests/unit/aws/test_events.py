"""What Lambda hands over becomes items, whatever somebody put into the queue or the stream."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pipeline.aws.events import kinesis_items, sqs_items
from pipeline.batch import Undecodable
from pipeline.kpl import UserRecord, aggregate
from schemas.codec import encode, encode_pack, to_text
from schemas.records import FeedMessage, FlightStatus, Notice, payload_id
from tests.unit.aws import examples


def sqs(body: str, receives: int = 1, said: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "messageId": "m-1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": {} if said is None else {"attempts": said},
    }


def kinesis(data: bytes, sequence: str = "7") -> dict[str, Any]:
    return {
        "eventID": f"shardId-000000000000:{sequence}",
        "kinesis": {
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": examples.NOW / 1000,
        },
    }


def test_a_pack_becomes_an_item_with_its_records() -> None:
    packed = [examples.status(id="a"), examples.status(id="b")]
    (item,) = sqs_items({"Records": [sqs(to_text(packed), receives=2)]}, FlightStatus)
    assert list(item.records) == packed
    assert (item.ref, item.attempts, item.place) == ("m-1", 2, "m-1")


@pytest.mark.parametrize(
    ("said", "earlier"),
    [
        (None, 0),
        ({"stringValue": "3", "dataType": "Number"}, 3),
        ({"stringValue": "0", "dataType": "Number"}, 0),
        ({"stringValue": "-4", "dataType": "Number"}, 0),
        ({"stringValue": "1.5", "dataType": "Number"}, 0),
        ({"stringValue": "1e3", "dataType": "Number"}, 0),
        ({"stringValue": "9" * 38, "dataType": "Number"}, 0),
        ({"stringValue": "²", "dataType": "String"}, 0),
        ({"stringValue": "many", "dataType": "String"}, 0),
        ({"stringValue": "", "dataType": "String"}, 0),
        ({"binaryValue": "Mw==", "dataType": "Binary"}, 0),
    ],
    ids=str,
)
def test_an_attempt_count_we_did_not_write_costs_nobody_anything(
    said: dict[str, Any] | None, earlier: int
) -> None:
    event = {"Records": [sqs(to_text([examples.status()]), 2, said)]}
    (item,) = sqs_items(event, FlightStatus)
    assert item.attempts == 2 + earlier


@pytest.mark.parametrize(
    "body",
    ["", "hello", "{}", "€", "\ud800", "A" * 5, to_text([examples.notice()]), "wwE="],
    ids=["empty", "text", "json", "not ascii", "surrogate", "base64", "other type", "header"],
)
def test_a_body_that_holds_nothing_of_ours_is_undecodable_not_fatal(body: str) -> None:
    good = to_text([examples.status()])
    first, second = sqs_items({"Records": [sqs(body), sqs(good)]}, FlightStatus)
    (broken,) = first.records
    assert isinstance(broken, Undecodable)
    assert broken.body == body.encode("utf-8", "surrogatepass")
    assert broken.reason.startswith("pack: ")
    assert broken.place == "m-1"
    assert list(second.records) == [examples.status()]


def test_swapped_queues_say_which_type_came() -> None:
    body = to_text([examples.status()])
    ((broken,),) = (item.records for item in sqs_items({"Records": [sqs(body)]}, Notice))
    assert isinstance(broken, Undecodable)
    assert "flight_status" in broken.reason
    assert "notice" in broken.reason


def test_a_stream_record_of_ours_keeps_what_ingest_said_of_it() -> None:
    ours = examples.message(feed="firehose-a", sequence=4, received_at=examples.NOW - 5)
    (item,) = kinesis_items({"Records": [kinesis(encode(ours))]})
    assert list(item.records) == [ours]
    assert (item.ref, item.attempts) == ("7", 1)


def test_anybodys_bytes_become_a_feed_message_untouched() -> None:
    (item,) = kinesis_items({"Records": [kinesis(b"\xff\x00raw")]})
    assert list(item.records) == [
        FeedMessage(
            id=payload_id(b"\xff\x00raw"),
            format="",
            feed="foreign",
            received_at=examples.NOW,
            place="shardId-000000000000:7",
            payload=b"\xff\x00raw",
        )
    ]


def test_an_aggregate_may_hold_ours_foreign_and_broken_side_by_side() -> None:
    ours = examples.message()
    cut = encode(ours)[:-3]
    data = aggregate([UserRecord("k", part) for part in (encode(ours), b"raw", cut)])
    (item,) = kinesis_items({"Records": [kinesis(data)]})
    first, second, third = item.records
    assert first == ours
    assert isinstance(second, FeedMessage)
    assert second.place == "shardId-000000000000:7/1"
    assert isinstance(third, Undecodable)
    assert (third.body, third.place) == (cut, "shardId-000000000000:7/2")
    assert item.ref == "7"


@pytest.mark.parametrize(
    "data",
    [
        encode(examples.status()),
        encode_pack([examples.message(id="a"), examples.message(id="b")]),
        b"\xc3\x01",
        b"\xc3\x01" + b"\x00" * 8,
        aggregate([UserRecord("k", b"raw")])[:-1],
    ],
    ids=["other type", "two at once", "header only", "unknown schema", "cut aggregate"],
)
def test_a_stream_record_that_claims_a_form_it_has_not_is_kept_whole(data: bytes) -> None:
    good = kinesis(b"raw", "8")
    first, second = kinesis_items({"Records": [kinesis(data), good]})
    (record,) = first.records
    if isinstance(record, Undecodable):
        assert record.body == data
        assert record.reason
    else:
        assert isinstance(record, FeedMessage)
        assert record.payload == data
        assert record.feed == "foreign"
    assert len(second.records) == 1
