"""boto3 clients, made once per process and service, with retries that suit repeatable calls."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# The SDK would wait 60 s for an answer, longer than a function may run.
_WAIT = Config(connect_timeout=2, read_timeout=5)
_STANDARD = _WAIT.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 4}, max_pool_connections=16)
)
# SNS Publish has no idempotency token: a silent retry after a lost reply texts a person twice.
_ONCE = _WAIT.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))


@lru_cache(maxsize=1)
def session() -> boto3.Session:
    """The process's one session; region, credentials and endpoint come from boto3's own sources."""
    return boto3.Session()


def _client(service: str, config: Config) -> Any:  # noqa: ANN401  (typed by the callers below)
    return session().client(service, config=config)  # type: ignore[call-overload]  # name is a variable


@lru_cache(maxsize=1)
def sqs() -> SQSClient:
    """The SQS client."""
    client: SQSClient = _client("sqs", _STANDARD)
    return client


@lru_cache(maxsize=1)
def dynamodb() -> DynamoDBClient:
    """The DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb", _STANDARD)
    return client


@lru_cache(maxsize=1)
def sns_once() -> SNSClient:
    """The SNS client for publishing to people: it never retries by itself."""
    client: SNSClient = _client("sns", _ONCE)
    return client
