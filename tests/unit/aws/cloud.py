"""AWS in process for the adapters' tests: moto behind boto3, and answers put into the SDK's mouth.

Faults are set at the SDK's own events, so that the adapters and their clients run as they are:
`before-call` replaces one call's answer, `needs-retry` makes the SDK repeat a call that landed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from pipeline.aws import clients

Answer: TypeAlias = dict[str, Any] | tuple[int, str] | Exception | None

REGION = "us-east-1"
LEGS, BOOKINGS, CONTACTS, LEDGER = "legs", "bookings", "contacts", "ledger"
TABLES = {LEGS: ("pk",), BOOKINGS: ("pk", "sk"), CONTACTS: ("pk",), LEDGER: ("pk", "sk")}

# What a call may meet when the service is unwell: the SDK's error, made from status and code, or
# raised by its connection.
DOWN: dict[str, Answer] = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "server error": (500, "InternalServerError"),
    "unavailable": (503, "ServiceUnavailable"),
    "reply lost": ReadTimeoutError(endpoint_url="https://aws"),
    "not reached": EndpointConnectionError(endpoint_url="https://aws"),
}


@contextmanager
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS for as long as it lasts; every client of ours reaches it and nothing else."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        forget_clients()
        try:
            yield
        finally:
            forget_clients()


def forget_clients() -> None:
    """Clients are made once per process; the next ones belong to the next test."""
    for made in (clients.session, clients.sqs, clients.dynamodb, clients.sns_once):
        made.cache_clear()


def create_tables(*names: str) -> None:
    """The stages' tables, with the keys the template gives them."""
    for name in names or TABLES:
        schema: list[Any] = [
            {"AttributeName": key, "KeyType": "RANGE" if place else "HASH"}
            for place, key in enumerate(TABLES[name])
        ]
        clients.dynamodb().create_table(
            TableName=name,
            KeySchema=schema,
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"} for key in TABLES[name]
            ],
            BillingMode="PAY_PER_REQUEST",
        )


def create_queue(name: str) -> str:
    """A standard queue; its URL."""
    return clients.sqs().create_queue(QueueName=name)["QueueUrl"]


def create_topic(queue_url: str) -> str:
    """A topic that hands everything to the queue; its ARN."""
    attributes = clients.sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    topic: str = boto3.client("sns").create_topic(Name="outgoing")["TopicArn"]
    boto3.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
    )
    return topic


def received(queue_url: str) -> list[dict[str, Any]]:
    """Every message that can be received from the queue now; they are deleted from it."""
    found: list[dict[str, Any]] = []
    while True:
        answer = clients.sqs().receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[Any] = answer.get("Messages", [])
        if not messages:
            return found
        for message in messages:
            clients.sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        found += messages


def lambda_record(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as ReceiveMessage gives it, in the spelling of a Lambda event."""
    attributes = {
        name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": dict(message["Attributes"]),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
    }


@dataclass
class Calls:
    """The calls of one operation: their parameters, and the answers given instead of AWS's."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.requests)


def watch(client: BaseClient, operation: str, *answers: Answer) -> Calls:
    """Notes each call of the operation and answers the first ones as told, the rest by AWS.

    An answer is a parsed response, a (status, code) for an error, an exception of the connection,
    or None for AWS's own.
    """
    calls = Calls(answers=list(answers))
    service = client.meta.service_model.service_id.hyphenize()

    def note(params: dict[str, Any], **_: object) -> None:
        calls.requests.append(dict(params))

    def answer(**_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        given = calls.answers.pop(0) if calls.answers else None
        if isinstance(given, Exception):
            raise given
        if isinstance(given, tuple):
            status, code = given
            parsed = {
                "Error": {"Code": code, "Message": "put there by the test"},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }
            return AWSResponse("https://aws", status, HTTPHeaders(), None), parsed
        if given is None:
            return None
        return AWSResponse("https://aws", 200, HTTPHeaders(), None), given

    client.meta.events.register_first(f"provide-client-params.{service}.{operation}", note)
    event = f"before-call.{service}.{operation}"
    client.meta.events.register_first(event, answer)  # type: ignore[arg-type]  # an answer counts
    return calls


def repeat_once(client: BaseClient, operation: str) -> None:
    """The SDK takes the first reply for lost and sends the same request again, without a pause."""
    service = client.meta.service_model.service_id.hyphenize()

    def lost(attempts: int, **_: object) -> int | None:
        return 0 if attempts == 1 else None

    event = f"needs-retry.{service}.{operation}"
    client.meta.events.register_first(event, lost)  # type: ignore[arg-type]  # an answer counts


def body_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What SNS put into a queue's message."""
    envelope: dict[str, Any] = json.loads(message["Body"])
    return envelope
