"""The stream that ingest puts records into, over boto3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoRegionError,
)
from botocore.exceptions import (
    ConnectionError as ConnectionFailedError,
)

from pipeline.aws.clients import session
from pipeline.ingest.producer import CallFailedError, Entry, Landed, PutResult, Refused
from pipeline.ingest.shards import ShardRange

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import (
        PutRecordsRequestEntryTypeDef,
        PutRecordsResultEntryTypeDef,
    )

# The producer counts and spaces its own tries; a silent one of the SDK's would escape both.
_ONCE = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1}
)
_AGAIN = frozenset(
    (
        "InternalFailure",
        "InternalFailureException",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    )
)
_SERVER_FAULT = 500
_CONNECTION = (ConnectionFailedError, HTTPClientError)  # refused, lost, or silent for too long
_TAKING = frozenset(("ACTIVE", "UPDATING"))


class StreamError(Exception):
    """The stream cannot be used as asked; `hint` says what to do next."""

    def __init__(self, reason: str, hint: str) -> None:
        """State both."""
        super().__init__(reason)
        self.hint = hint


class StreamIdentity(msgspec.Struct, frozen=True):
    """Which stream it is: a stream made anew under an old name was created at another time.

    `created_at` in milliseconds since the epoch, UTC.
    """

    arn: str
    created_at: int


class KinesisStream:
    """A Kinesis data stream as ingest's `PutRecords`."""

    def __init__(self, client: KinesisClient, name: str) -> None:
        """`client` must not retry by itself, or the producer's counts leave something out."""
        self._client = client
        self._name = name

    def identity(self) -> StreamIdentity:
        """Ask for the stream. Raises StreamError when it is not there or takes no records."""
        try:
            answer = self._client.describe_stream(StreamName=self._name, Limit=1)
        except (ClientError, BotoCoreError) as error:
            raise _final(error, self._name) from error
        stream = answer["StreamDescription"]
        if stream["StreamStatus"] not in _TAKING:
            reason = f"stream {self._name} is {stream['StreamStatus']} and takes no records"
            hint = "wait until it is ACTIVE, then run the command again"
            raise StreamError(reason, hint)
        created = stream["StreamCreationTimestamp"]
        return StreamIdentity(stream["StreamARN"], round(created.timestamp() * 1000))

    def open_shards(self) -> list[ShardRange]:
        """List the shards that take records now. Raises StreamError."""
        shards: list[ShardRange] = []
        page: dict[str, Any] = {
            "StreamName": self._name,
            "ShardFilter": {"Type": "AT_LATEST"},
        }
        while page:
            try:
                answer = self._client.list_shards(**page)
            except (ClientError, BotoCoreError) as error:
                raise _final(error, self._name) from error
            shards += [
                ShardRange(
                    shard["ShardId"],
                    int(shard["HashKeyRange"]["StartingHashKey"]),
                    int(shard["HashKeyRange"]["EndingHashKey"]),
                )
                for shard in answer["Shards"]
                if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
            ]
            page = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
        return shards

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """Put the entries in one request; one result each, in order.

        Raises CallFailedError for throttles, server faults and lost connections, StreamError else.
        """
        try:
            answer = self._client.put_records(
                StreamName=self._name, Records=[_request_entry(entry) for entry in entries]
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in _AGAIN or status >= _SERVER_FAULT:
                raise CallFailedError(code or str(status), str(error)) from error
            raise _final(error, self._name) from error
        except _CONNECTION as error:
            raise CallFailedError(type(error).__name__, str(error)) from error
        except BotoCoreError as error:
            raise _final(error, self._name) from error
        results = [_result(record) for record in answer["Records"]]
        if len(results) != len(entries):
            raise CallFailedError(
                "IncompleteResponse", f"{len(results)} results for {len(entries)} records"
            )
        return results


def _request_entry(entry: Entry) -> PutRecordsRequestEntryTypeDef:
    request: PutRecordsRequestEntryTypeDef = {
        "Data": entry.data,
        "PartitionKey": entry.partition_key,
    }
    if entry.explicit_hash_key is not None:
        request["ExplicitHashKey"] = entry.explicit_hash_key
    return request


def _result(record: PutRecordsResultEntryTypeDef) -> PutResult:
    shard_id = record.get("ShardId")
    if shard_id and not record.get("ErrorCode"):
        return Landed(shard_id)
    return Refused(record.get("ErrorCode", "NoResult"), record.get("ErrorMessage", ""))


def _final(error: ClientError | BotoCoreError, name: str) -> StreamError:
    """An error that trying again does not cure, with what to do about it."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if code == "ResourceNotFoundException":
        hint = "check the name, the region and the account; `--to local` needs no account"
    elif isinstance(error, NoRegionError):
        hint = "set AWS_DEFAULT_REGION or a region in the AWS profile"
    elif isinstance(error, _CONNECTION):
        hint = "check that the endpoint can be reached"
    else:
        hint = "check credentials and permissions (DescribeStream, ListShards, PutRecords)"
    return StreamError(f"stream {name}: {error}", hint)


def open_stream(name: str) -> KinesisStream:
    """The stream `name` where boto3's own settings lead. Raises StreamError."""
    try:
        client: KinesisClient = session().client("kinesis", config=_ONCE)
    except BotoCoreError as error:
        raise _final(error, name) from error
    return KinesisStream(client, name)


def open_local_stream(name: str, *, endpoint_url: str, region: str) -> KinesisStream:
    """The stream `name` of an embedded endpoint; no credentials of the user's are used."""
    client: KinesisClient = session().client(
        "kinesis",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  (a word for signing; no account has it)
        config=_ONCE,
    )
    return KinesisStream(client, name)
