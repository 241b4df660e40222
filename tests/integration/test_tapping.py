"""Listening in on a function's AWS calls: what is counted, and how delays are held back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from pipeline.local.boto_sources import queue_depth
from pipeline.local.tapping import Tap

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.integration


class Tapped:
    """A session that is listened in on, and what the parent would be told."""

    def __init__(self, *, hold_back: bool, sender_file: str = "") -> None:
        self.told: list[dict[str, Any]] = []
        session = boto3.Session("a", "b", region_name="us-east-1")
        self.tap = Tap(
            session.events, tell=self.told.append, hold_back=hold_back, sender_file=sender_file
        )
        self.sqs: SQSClient = session.client("sqs")
        self.dynamodb: DynamoDBClient = session.client("dynamodb")
        self.url = self.sqs.create_queue(QueueName="q")["QueueUrl"]
        self.tap.begin(None)

    def delayed_now(self) -> int:
        """How many messages the endpoint itself keeps back."""
        return queue_depth(self.sqs, self.url).delayed


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def test_requests_and_what_they_list_are_counted_by_operation() -> None:
    tapped = Tapped(hold_back=False)
    tapped.dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    tapped.tap.begin(None)

    tapped.sqs.send_message(QueueUrl=tapped.url, MessageBody="a")
    for _ in range(2):
        tapped.sqs.send_message_batch(
            QueueUrl=tapped.url,
            Entries=[{"Id": str(n), "MessageBody": "a"} for n in range(3)],
        )
    tapped.dynamodb.batch_write_item(
        RequestItems={"t": [{"PutRequest": {"Item": {"pk": {"S": str(n)}}}} for n in range(4)]}
    )
    tapped.dynamodb.batch_get_item(RequestItems={"t": {"Keys": [{"pk": {"S": "1"}}]}})

    assert tapped.tap.calls == {
        "sqs.SendMessage": {"requests": 1, "entries": 1},
        "sqs.SendMessageBatch": {"requests": 2, "entries": 6},
        "dynamodb.BatchWriteItem": {"requests": 1, "entries": 4},
        "dynamodb.BatchGetItem": {"requests": 1, "entries": 1},
    }


def test_each_invocation_is_counted_anew() -> None:
    tapped = Tapped(hold_back=False)
    tapped.sqs.send_message(QueueUrl=tapped.url, MessageBody="a")
    tapped.tap.end()

    tapped.tap.begin(None)

    assert tapped.tap.calls == {}


def test_delays_are_taken_out_of_what_is_sent_and_told_by_message_id() -> None:
    tapped = Tapped(hold_back=True)
    entries: Any = [
        {"Id": "x", "MessageBody": "a", "DelaySeconds": 30},
        {"Id": "y", "MessageBody": "b"},
    ]

    sent = tapped.sqs.send_message_batch(QueueUrl=tapped.url, Entries=entries)
    alone = tapped.sqs.send_message(QueueUrl=tapped.url, MessageBody="c", DelaySeconds=7)

    ids = {one["Id"]: one["MessageId"] for one in sent["Successful"]}
    assert tapped.told == [{"delayed": {ids["x"]: 30}}, {"delayed": {alone["MessageId"]: 7}}]
    assert tapped.delayed_now() == 0
    assert entries[0]["DelaySeconds"] == 30  # the function's own list is left as it was


def test_on_the_walls_clock_delays_are_the_endpoints() -> None:
    tapped = Tapped(hold_back=False)

    tapped.sqs.send_message(QueueUrl=tapped.url, MessageBody="c", DelaySeconds=7)

    assert tapped.told == []
    assert tapped.delayed_now() == 1


def test_opening_another_file_than_the_senders_is_no_send(tmp_path: Path) -> None:
    """A crash is armed for the first send: if this counted as one, the test process would die."""
    tapped = Tapped(hold_back=False, sender_file=str(tmp_path / "sent.jsonl"))
    tapped.tap.begin({"after": 1, "before": True})

    (tmp_path / "other.jsonl").write_text("x")
    tapped.tap.end()

    assert tapped.tap.calls == {}
