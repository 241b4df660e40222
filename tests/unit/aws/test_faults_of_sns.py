"""SNS Publish has no idempotency token: one request, and every answer is sorted (F05)."""

from __future__ import annotations

from typing import NoReturn

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from pipeline.aws import clients
from pipeline.aws.sender import TopicSender
from pipeline.settings import Settings
from tests.unit.aws import cloud

pytestmark = pytest.mark.usefixtures("aws")
URL = "https://aws"


def send(sender: TopicSender) -> tuple[str, str]:
    result = sender.send("sms", "+15550000001", "a text", "n-1")
    return result.answer, result.detail


@pytest.mark.parametrize(
    ("answer", "sorted_as"),
    [
        ((400, "InvalidParameter"), "refused"),
        ((400, "ParameterValueInvalid"), "refused"),
        ((400, "ValidationException"), "refused"),
        ((400, "EndpointDisabled"), "refused"),
        ((400, "Throttling"), "busy"),
        ((400, "KMSThrottling"), "busy"),
        ((429, "Throttled"), "busy"),
        ((400, "KMSAccessDenied"), "busy"),
        ((403, "AuthorizationError"), "busy"),
        ((403, "ExpiredToken"), "busy"),
        ((404, "NotFound"), "busy"),
        ((500, "InternalError"), "unclear"),
        ((503, "ServiceUnavailable"), "unclear"),
        (ConnectTimeoutError(endpoint_url=URL), "busy"),
        (EndpointConnectionError(endpoint_url=URL), "busy"),
        (ReadTimeoutError(endpoint_url=URL), "unclear"),
        (ConnectionClosedError(endpoint_url=URL), "unclear"),
    ],
    ids=str,
)
def test_answers_are_sorted_by_whether_the_text_may_have_gone_out(
    answer: cloud.Answer, sorted_as: str
) -> None:
    calls = cloud.watch(clients.sns_once(), "Publish", answer)
    word, detail = send(TopicSender(clients.sns_once(), "arn:aws:sns:us-east-1:1:outgoing"))
    assert word == sorted_as
    assert detail == (answer[1] if isinstance(answer, tuple) else type(answer).__name__)
    assert len(calls) == 1


def test_an_accepted_text_has_the_providers_id() -> None:
    topic = cloud.create_topic(cloud.create_queue("gateway"))
    word, detail = send(TopicSender(clients.sns_once(), topic))
    assert word == "accepted"
    assert len(detail) > 8


@pytest.mark.parametrize(
    "fault",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_publish_is_one_http_request_whatever_happens_to_it(fault: Exception) -> None:
    attempts: list[str] = []

    def lost(request: AWSRequest, **_: object) -> NoReturn:
        attempts.append(str(request.url))
        raise fault

    clients.sns_once().meta.events.register_first("before-send.sns.Publish", lost)
    send(TopicSender(clients.sns_once(), "arn:aws:sns:us-east-1:1:outgoing"))
    assert len(attempts) == 1


def test_no_call_waits_longer_than_the_function_may_run() -> None:
    timeout_s = Settings(stage="notify").function_timeout_s
    for client in (clients.sqs(), clients.dynamodb(), clients.sns_once()):
        waits = [getattr(client.meta.config, f"{what}_timeout") for what in ("connect", "read")]
        assert 0 < sum(waits) < timeout_s / 2
