"""Handing texts over: to an SNS topic the operator's gateways read, or to a file.

SNS Publish has no idempotency token, so the client never repeats a call by itself, and every
answer is sorted into accepted, refused, busy (certainly not taken) or unclear (perhaps taken).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

from filters.notify import SendResult

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from schemas.records import Channel

# The codes of SNS Publish (its API reference, "Errors") and of the gateway before it that say
# nothing of the text itself: it was certainly not taken, and a later try may succeed.
_BUSY = frozenset(
    (
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSThrottling",
        "RequestLimitExceeded",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
    )
)
# Credentials, permissions, the topic and the rate: the operator's or the moment's, not the text's.
_BUSY_STATUS = frozenset((401, 403, 404, 429))
_SERVER_ERROR = 500


class TopicSender:
    """Publishes to an SNS topic; attributes `channel` and `reference` let gateways subscribe."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        """`client` must not retry by itself."""
        self._client = client
        self._topic_arn = topic_arn

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """Publish one text; the provider's id when it was accepted."""
        try:
            answer = self._client.publish(
                TopicArn=self._topic_arn,
                Message=json.dumps({"channel": channel, "address": address, "text": text}),
                MessageAttributes={
                    "channel": {"DataType": "String", "StringValue": channel},
                    "reference": {"DataType": "String", "StringValue": reference},
                },
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in _BUSY or status in _BUSY_STATUS:
                return SendResult("busy", code)
            return SendResult("unclear" if status >= _SERVER_ERROR else "refused", code)
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            return SendResult("busy", type(error).__name__)
        except BotoCoreError as error:
            return SendResult("unclear", type(error).__name__)
        return SendResult("accepted", answer["MessageId"])


class FileSender:
    """Appends one JSON line per text to a file: the sender of the local run."""

    def __init__(self, path: Path) -> None:
        """`path` is created when missing."""
        self._path = path

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """Append in one write, so that a killed worker leaves whole lines."""
        line = {"channel": channel, "address": address, "text": text, "reference": reference}
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, json.dumps(line).encode() + b"\n")
        finally:
            os.close(handle)
        return SendResult("accepted", f"file:{reference}")
