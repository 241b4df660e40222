"""What Kinesis answers, and what ingest makes of it; answers as the API reference has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from pipeline.aws.kinesis import KinesisStream, StreamError, StreamIdentity
from pipeline.ingest.producer import CallFailedError, Entry, Landed, Refused
from pipeline.ingest.shards import ShardRange

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

ENTRIES = [
    Entry("UAL1", b"one", frozenset(("UAL1",))),
    Entry("shard", b"two", frozenset(("a", "b")), messages=2, explicit_hash_key="170"),
]


@pytest.fixture
def client() -> KinesisClient:
    return boto3.client(
        "kinesis", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


@pytest.fixture
def stub(client: KinesisClient) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_each_record_of_a_request_has_its_own_result(client: KinesisClient, stub: Stubber) -> None:
    stub.add_response(
        "put_records",
        {
            "FailedRecordCount": 1,
            "Records": [
                {
                    "ErrorCode": "ProvisionedThroughputExceededException",
                    "ErrorMessage": "Rate exceeded for shard shardId-000000000001",
                },
                {"SequenceNumber": "49", "ShardId": "shardId-000000000000"},
            ],
        },
        {
            "StreamName": "feed",
            "Records": [
                {"Data": b"one", "PartitionKey": "UAL1"},
                {"Data": b"two", "PartitionKey": "shard", "ExplicitHashKey": "170"},
            ],
        },
    )
    assert KinesisStream(client, "feed").put(ENTRIES) == [
        Refused(
            "ProvisionedThroughputExceededException",
            "Rate exceeded for shard shardId-000000000001",
        ),
        Landed("shardId-000000000000"),
    ]


def test_a_result_that_says_nothing_is_no_acknowledgement(
    client: KinesisClient, stub: Stubber
) -> None:
    stub.add_response("put_records", {"Records": [{}, {"ShardId": "s"}]})
    assert KinesisStream(client, "feed").put(ENTRIES) == [Refused("NoResult"), Landed("s")]


def test_an_answer_with_too_few_results_acknowledges_nothing(
    client: KinesisClient, stub: Stubber
) -> None:
    stub.add_response("put_records", {"Records": [{"ShardId": "s"}]})
    with pytest.raises(CallFailedError, match="1 results for 2 records"):
        KinesisStream(client, "feed").put(ENTRIES)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("LimitExceededException", 400),
        ("ThrottlingException", 400),
        ("KMSThrottlingException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("", 502),
        ("SomethingNew", 504),
    ],
)
def test_throttles_and_server_faults_may_be_tried_again(
    client: KinesisClient, stub: Stubber, code: str, status: int
) -> None:
    stub.add_client_error("put_records", code, "try later", http_status_code=status)
    with pytest.raises(CallFailedError) as caught:
        KinesisStream(client, "feed").put(ENTRIES)
    assert caught.value.code == (code or str(status))


@pytest.mark.parametrize(
    "code",
    [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "InvalidArgumentException",
        "ExpiredTokenException",
        "KMSDisabledException",
    ],
)
def test_other_refusals_are_final_and_say_what_to_check(
    client: KinesisClient, stub: Stubber, code: str
) -> None:
    stub.add_client_error("put_records", code, "no", http_status_code=400)
    with pytest.raises(StreamError, match=f"stream feed: .*{code}") as caught:
        KinesisStream(client, "feed").put(ENTRIES)
    assert caught.value.hint.startswith("check ")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), CallFailedError),
        (ReadTimeoutError(endpoint_url="http://x"), CallFailedError),
        (ConnectTimeoutError(endpoint_url="http://x"), CallFailedError),
        (NoCredentialsError(), StreamError),
    ],
)
def test_a_lost_connection_may_be_tried_again_and_missing_credentials_not(
    client: KinesisClient, error: Exception, expected: type[Exception]
) -> None:
    def fail(**_: Any) -> None:  # noqa: ANN401  (whatever botocore passes)
        raise error

    client.meta.events.register("before-send.kinesis.PutRecords", fail)
    with pytest.raises(expected):
        KinesisStream(client, "feed").put(ENTRIES)


def shard(number: int, first: int, last: int, **extra: str) -> dict[str, Any]:
    return {
        "ShardId": f"shardId-{number:012}",
        "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
        "SequenceNumberRange": {"StartingSequenceNumber": "1", **extra},
    }


def test_open_shards_come_from_every_page_and_closed_ones_are_left_out(
    client: KinesisClient, stub: Stubber
) -> None:
    top = (1 << 128) - 1
    stub.add_response(
        "list_shards",
        {"Shards": [shard(0, 0, top, EndingSequenceNumber="9")], "NextToken": "more"},
        {"StreamName": "feed", "ShardFilter": {"Type": "AT_LATEST"}},
    )
    stub.add_response(
        "list_shards",
        {"Shards": [shard(1, 0, 99), shard(2, 100, top)]},
        {"NextToken": "more"},
    )
    assert KinesisStream(client, "feed").open_shards() == [
        ShardRange("shardId-000000000001", 0, 99),
        ShardRange("shardId-000000000002", 100, top),
    ]


def describe(status: str) -> dict[str, Any]:
    return {
        "StreamDescription": {
            "StreamName": "feed",
            "StreamARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/feed",
            "StreamStatus": status,
            "Shards": [],
            "HasMoreShards": False,
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": datetime(2013, 2, 8, tzinfo=UTC),
            "EnhancedMonitoring": [],
        }
    }


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_stream_is_known_by_its_arn_and_when_it_was_made(
    client: KinesisClient, stub: Stubber, status: str
) -> None:
    stub.add_response("describe_stream", describe(status))
    assert KinesisStream(client, "feed").identity() == StreamIdentity(
        "arn:aws:kinesis:eu-west-1:123456789012:stream/feed", 1_360_281_600_000
    )


@pytest.mark.parametrize("status", ["CREATING", "DELETING"])
def test_a_stream_that_takes_no_records_is_an_error(
    client: KinesisClient, stub: Stubber, status: str
) -> None:
    stub.add_response("describe_stream", describe(status))
    with pytest.raises(StreamError, match=status):
        KinesisStream(client, "feed").identity()


def test_a_stream_that_is_not_there_is_an_error_with_a_next_step(
    client: KinesisClient, stub: Stubber
) -> None:
    stub.add_client_error("describe_stream", "ResourceNotFoundException", "not found")
    with pytest.raises(StreamError) as caught:
        KinesisStream(client, "feed").identity()
    assert "--to local" in caught.value.hint
