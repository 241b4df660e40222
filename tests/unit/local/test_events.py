from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.events import (
    PAYLOAD_LIMIT,
    Discarded,
    event_size,
    fitting,
    invocation_record,
    json_size,
    kinesis_event,
    kinesis_record,
    md5_of_attributes,
    sqs_event,
    sqs_record,
)
from pipeline.local.sources import QueueMessage, StreamRecord

QUEUE = "arn:aws:sqs:us-east-2:123456789012:my-queue"
STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/feed"
ROLE = "arn:aws:iam::123456789012:role/normalize"
ATTRIBUTES = {
    "Title": {"DataType": "String", "StringValue": "The Whistler"},
    "Author": {"DataType": "String", "StringValue": "John Grisham"},
    "WeeksOn": {"DataType": "Number", "StringValue": "6"},
}


def test_an_sqs_event_has_the_fields_and_spelling_of_the_real_one() -> None:
    message = QueueMessage(
        message_id="059f36b4-87a3-44ab-83d2-661975830a7d",
        receipt_handle="AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        body="Test message.",
        attributes={
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        message_attributes={
            "myAttribute": {"DataType": "String", "StringValue": "myValue"},
            "raw": {"DataType": "Binary", "BinaryValue": "AAE="},
        },
        md5_of_body="e4e68fb7bd0e697a0ae8f1bb342846b3",
    )
    record = sqs_event([message], QUEUE)["Records"][0]  # type: ignore[index]  # JSON, not typed
    digest = record.pop("md5OfMessageAttributes")
    assert len(digest) == 32
    assert record == {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": "Test message.",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {
            "myAttribute": {
                "stringValue": "myValue",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "raw": {
                "binaryValue": "AAE=",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
        "awsRegion": "us-east-2",
    }


def test_a_message_without_attributes_has_no_digest_of_them() -> None:
    record = sqs_record(QueueMessage("id", "handle", "body", {}), QUEUE)
    assert record["messageAttributes"] == {}
    assert "md5OfMessageAttributes" not in record


def test_the_digest_of_attributes_is_that_of_sqs() -> None:
    # Recorded from SQS for these three attributes, whatever their order.
    assert md5_of_attributes(ATTRIBUTES) == "d25a6aea97eb8f585bfa92d314504a92"
    assert md5_of_attributes(dict(reversed(ATTRIBUTES.items()))) == md5_of_attributes(ATTRIBUTES)
    binary = ATTRIBUTES | {"bin": {"DataType": "Binary", "BinaryValue": "AAE="}}
    assert md5_of_attributes(binary) == "d098fc74e78fd46d7e5fdd6aad998daa"


def test_a_kinesis_event_has_the_fields_of_the_real_one() -> None:
    number = "49590338271490256608559692538361571095921575989136588898"
    record = StreamRecord(number, "1", b"Hello, this is a test.", 1_545_084_650_987)
    assert kinesis_event([record], "shardId-000000000006", STREAM, ROLE) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": number,
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": ROLE,
                "awsRegion": "us-east-2",
                "eventSourceARN": STREAM,
            }
        ]
    }


@given(st.lists(st.text(max_size=30), max_size=8))
def test_the_size_of_an_event_is_that_of_its_json(bodies: list[str]) -> None:
    messages = [QueueMessage(str(n), "h", body, {}) for n, body in enumerate(bodies)]
    sizes = [json_size(sqs_record(message, QUEUE)) for message in messages]
    assert event_size(sizes) == json_size(sqs_event(messages, QUEUE))


@given(st.binary(max_size=200))
def test_data_counts_as_base64(data: bytes) -> None:
    sized = [
        json_size(kinesis_record(StreamRecord("1", "k", value, 0), "s", STREAM, ROLE))
        for value in (b"", data)
    ]
    assert sized[1] - sized[0] == len(base64.b64encode(data))


@given(st.lists(st.integers(200, 2_500_000), max_size=30), st.integers(1, 20))
def test_a_batch_is_the_longest_start_that_fits(sizes: list[int], limit: int) -> None:
    count = fitting(sizes, limit)
    assert count <= min(limit, len(sizes))
    assert count >= min(1, len(sizes))
    if count > 1:
        assert event_size(sizes[:count]) <= PAYLOAD_LIMIT
    if count < min(limit, len(sizes)):
        assert event_size(sizes[: count + 1]) > PAYLOAD_LIMIT


@pytest.mark.parametrize(("over", "count"), [(0, 2), (1, 1)])
def test_the_last_byte_of_the_payload_decides(over: int, count: int) -> None:
    empty = event_size([0, 0])
    assert fitting([1000, PAYLOAD_LIMIT - empty - 1000 + over], 10) == count


def discarded(**changes: object) -> Discarded:
    values: dict[str, object] = {
        "request_id": "c9b8fa9f-5a7f-4e2d-af9c-0c604cde93a5",
        "function_arn": "arn:aws:lambda:us-east-2:123456789012:function:normalize",
        "condition": "RetryAttemptsExhausted",
        "attempts": 1,
        "function_error": "Unhandled",
        "discarded_ms": 1_573_691_886_021,
        "stream_arn": STREAM,
        "shard_id": "shardId-000000000001",
        "records": [
            StreamRecord("49601189658422359378836298521827638475320189012309704722", "k", b"a", 0),
            StreamRecord(
                "49601189658422359378836298522902373528957594348623495186", "k", b"b", 580
            ),
        ],
    }
    return Discarded(**(values | changes))  # type: ignore[arg-type]  # values of a test table


def test_an_invocation_record_is_the_documented_one() -> None:
    assert invocation_record(discarded()) == {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4e2d-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:normalize",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
            "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
            "approximateArrivalOfFirstRecord": "1970-01-01T00:00:00.000Z",
            "approximateArrivalOfLastRecord": "1970-01-01T00:00:00.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_a_record_dropped_for_its_age_has_no_response() -> None:
    record = invocation_record(discarded(condition="RecordAgeExceeded", function_error=None))
    assert "responseContext" not in record


def test_the_payload_for_s3_is_the_event_as_text() -> None:
    found = discarded()
    event = kinesis_event(found.records, found.shard_id, STREAM, ROLE)
    payload = invocation_record(discarded(event=event))["payload"]
    assert isinstance(payload, str)
    assert json.loads(payload) == event
