"""Looking into a dead-letter queue without taking anything out of it.

A queue holds two things: packs of dead letters that a stage put there itself, and messages the
queue moved there after too many receives, which still are packs of the stage's own records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from schemas.codec import DecodeError, from_text
from schemas.records import DeadLetter, Record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_LOOK_S = 120


class Resting(msgspec.Struct, frozen=True):
    """What a dead-letter queue holds: letters, records moved by the queue, unreadable bodies."""

    letters: list[DeadLetter]
    moved: list[Record]
    unreadable: list[str]


def peek(client: SQSClient, queue_url: str) -> Resting:
    """Everything in the queue; each message is visible again afterwards."""
    found: list[MessageTypeDef] = []
    try:
        while page := _receive(client, queue_url):
            found += page
    finally:
        for message in found:
            client.change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
    resting = Resting([], [], [])
    for message in found:
        try:
            records = from_text(message["Body"])
        except DecodeError:
            resting.unreadable.append(message["Body"])
            continue
        for record in records:
            if isinstance(record, DeadLetter):
                resting.letters.append(record)
            else:
                resting.moved.append(record)
    return resting


def _receive(client: SQSClient, queue_url: str) -> list[MessageTypeDef]:
    answer = client.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=_LOOK_S
    )
    return answer.get("Messages", [])
