"""Lambda events to batch items: what is in a Kinesis record or an SQS message.

Kinesis records may be plain or KPL-aggregated, ours (Avro feed messages) or anybody's (raw bytes).
Shapes: AWS Lambda developer guide, "Using Lambda with Kinesis" and "with Amazon SQS".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.aws.sqs import ATTEMPTS
from pipeline.batch import Item, Undecodable
from pipeline.kpl import KplError, deaggregate
from schemas.codec import DecodeError, decode_pack, from_text
from schemas.records import FeedMessage, Record, payload_id

_SINGLE_OBJECT = b"\xc3\x01"
_FOREIGN = "foreign"
_ATTEMPTS_DIGITS = 6


def kinesis_items(event: Mapping[str, Any]) -> list[Item]:
    """One item per Kinesis record; its reference is the sequence number."""
    return [_kinesis_item(record) for record in event["Records"]]


def sqs_items(event: Mapping[str, Any], reads: type[Record]) -> list[Item]:
    """One item per SQS message; its reference is the message id, its records are `reads`."""
    return [_sqs_item(record, reads) for record in event["Records"]]


def _kinesis_item(record: Mapping[str, Any]) -> Item:
    kinesis = record["kinesis"]
    data = base64.b64decode(kinesis["data"])
    place = str(record["eventID"])
    arrived_ms = round(float(kinesis["approximateArrivalTimestamp"]) * 1000)
    try:
        parts = deaggregate(data)
    except KplError as error:
        broken = Undecodable(data, f"KPL aggregate: {error}", place)
        return Item(kinesis["sequenceNumber"], [broken], place=place)
    if parts is None:
        records = [_user_record(data, place, arrived_ms)]
    else:
        records = [
            _user_record(part.data, f"{place}/{index}", arrived_ms)
            for index, part in enumerate(parts)
        ]
    return Item(kinesis["sequenceNumber"], records, place=place)


def _user_record(data: bytes, place: str, arrived_ms: int) -> Record | Undecodable:
    """A feed message of ours, or foreign bytes as one; undecodable only if it claims to be ours."""
    if not data.startswith(_SINGLE_OBJECT):
        return FeedMessage(
            id=payload_id(data),
            format="",
            feed=_FOREIGN,
            received_at=arrived_ms,
            place=place,
            payload=data,
        )
    try:
        (message,) = decode_pack(data, FeedMessage)
    except (DecodeError, ValueError) as error:
        return Undecodable(data, f"feed message: {error}", place)
    return message


def _sqs_item(record: Mapping[str, Any], reads: type[Record]) -> Item:
    body = str(record["body"])
    attempts = int(record["attributes"]["ApproximateReceiveCount"]) + _earlier(record)
    ref = str(record["messageId"])
    records: Sequence[Record | Undecodable]
    try:
        records = from_text(body, reads)
    except DecodeError as error:
        records = [Undecodable(body.encode("utf-8", "surrogatepass"), f"pack: {error}", ref)]
    return Item(ref, records, attempts, ref)


def _earlier(record: Mapping[str, Any]) -> int:
    """Attempts counted before this message was sent; 0 when it says nothing we could have said."""
    said = record.get("messageAttributes", {}).get(ATTEMPTS, {}).get("stringValue", "")
    return int(said) if said.isdecimal() and len(said) <= _ATTEMPTS_DIGITS else 0
