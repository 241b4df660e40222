"""The events Lambda hands to a function, and the record it writes about a batch it gave up.

Shapes: AWS Lambda developer guide, "Using Lambda with Amazon SQS" (example standard queue message
event), "Using Lambda to process records from Amazon Kinesis Data Streams" (example event) and
"Retain discarded batch records for a Kinesis Data Streams event source" (invocation records).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pipeline.local.sources import QueueMessage, StreamRecord

# AWS Lambda developer guide, Lambda quotas: 6 MB for a synchronous request.
PAYLOAD_LIMIT = 6_291_456
_EMPTY_EVENT = len('{"Records":[]}')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


def region_of(arn: str) -> str:
    """The region an ARN names."""
    return arn.split(":")[3]


def account_of(arn: str) -> str:
    """The account an ARN names."""
    return arn.split(":")[4]


def json_size(value: object) -> int:
    """Bytes of `value` as compact UTF-8 JSON, the form in which it is sent."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))


def event_size(record_sizes: Iterable[int]) -> int:
    """Bytes of an event whose records have these sizes (each from `json_size`)."""
    sizes = list(record_sizes)
    return _EMPTY_EVENT + sum(sizes) + max(len(sizes) - 1, 0)


def fitting(record_sizes: Iterable[int], limit: int) -> int:
    """How many of the first records make one event: at most `limit`, and within the payload.

    The first record always counts, so that one too large for any event is met on its own.
    """
    total = _EMPTY_EVENT
    count = 0
    for size in record_sizes:
        total += size + (count > 0)
        if count == limit or (count and total > PAYLOAD_LIMIT):
            break
        count += 1
    return count


def sqs_event(messages: Sequence[QueueMessage], arn: str) -> dict[str, object]:
    """The event for a batch of messages of the queue `arn`."""
    return {"Records": [sqs_record(message, arn) for message in messages]}


def sqs_record(message: QueueMessage, arn: str) -> dict[str, object]:
    """One entry of an SQS event: all attributes of the message, names in Lambda's spelling."""
    record: dict[str, object] = {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": dict(message.attributes),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.message_attributes.items()
        },
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = md5_of_attributes(message.message_attributes)
    return record | {
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region_of(arn),
    }


def _attribute(value: Mapping[str, str]) -> dict[str, object]:
    """One message attribute; a binary value is base64 text already."""
    found: dict[str, object] = {}
    if "StringValue" in value:
        found["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        found["binaryValue"] = value["BinaryValue"]
    return found | {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def md5_of_attributes(attributes: Mapping[str, Mapping[str, str]]) -> str:
    """SQS's digest of message attributes, in hex.

    Source: Amazon SQS developer guide, "Calculating the MD5 message digest for message attributes".
    """
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        binary = "BinaryValue" in value
        content = (
            base64.b64decode(value["BinaryValue"]) if binary else value["StringValue"].encode()
        )
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update(bytes([2 if binary else 1]))
        digest.update(len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def kinesis_event(
    records: Sequence[StreamRecord], shard_id: str, arn: str, role_arn: str
) -> dict[str, object]:
    """The event for a batch of records of one shard of the stream `arn`."""
    return {"Records": [kinesis_record(record, shard_id, arn, role_arn) for record in records]}


def kinesis_record(
    record: StreamRecord, shard_id: str, arn: str, role_arn: str
) -> dict[str, object]:
    """One entry of a Kinesis event; the arrival time is in seconds, UTC."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence_number,
            "data": base64.b64encode(record.data).decode("ascii"),
            "approximateArrivalTimestamp": record.arrived_ms / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": region_of(arn),
        "eventSourceARN": arn,
    }


@dataclass(frozen=True, slots=True)
class Discarded:
    """Records an event source mapping gave up, and why.

    `attempts` counts invocations, `function_error` is that of the last one (None: the function
    answered, but reported failures), `event` is what it was invoked with and goes to an S3
    destination only. Times are epoch milliseconds, UTC.
    """

    request_id: str
    function_arn: str
    condition: Condition
    attempts: int
    function_error: str | None
    discarded_ms: int
    stream_arn: str
    shard_id: str
    records: Sequence[StreamRecord]
    event: dict[str, object] | None = None


def invocation_record(discarded: Discarded) -> dict[str, object]:
    """The document for the on-failure destination.

    A record dropped for its age has no responseContext. The payload, present only for S3, is the
    whole event as JSON text inside the JSON document.
    """
    first, last = discarded.records[0], discarded.records[-1]
    document: dict[str, object] = {
        "requestContext": {
            "requestId": discarded.request_id,
            "functionArn": discarded.function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.attempts,
        }
    }
    if discarded.condition == "RetryAttemptsExhausted":
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": discarded.function_error,
        }
    document |= {
        "version": "1.0",
        "timestamp": _iso(discarded.discarded_ms),
        "KinesisBatchInfo": {
            "shardId": discarded.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_ms),
            "approximateArrivalOfLastRecord": _iso(last.arrived_ms),
            "batchSize": len(discarded.records),
            "streamArn": discarded.stream_arn,
        },
    }
    if discarded.event is not None:
        document["payload"] = json.dumps(discarded.event, separators=(",", ":"))
    return document


def _iso(epoch_ms: int) -> str:
    """`2019-11-14T00:38:06.021Z`."""
    moment = _EPOCH + timedelta(milliseconds=epoch_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
