"""Where a stream's event source mapping puts batches that it gave up: S3, SQS or SNS.

Source: AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event
source in Lambda" (names of S3 objects; queues and topics get the description only).
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from pipeline.local.endpoint import Endpoint
from pipeline.local.loop import call
from pipeline.local.sources import FailureDestination


class BucketDestination:
    """An S3 bucket; objects are named as Lambda names them."""

    def __init__(self, endpoint: Endpoint, bucket: str, mapping: str) -> None:
        """`mapping` is the mapping's name; its UUID, part of each key, is made from it."""
        self._endpoint = endpoint
        self._bucket = bucket
        self._mapping_id = str(uuid.uuid5(uuid.NAMESPACE_URL, mapping))

    async def put(self, invocation_record: dict[str, object]) -> None:
        """Store the invocation record with its payload."""
        await call(self._store, self._key(invocation_record), json.dumps(invocation_record))

    def _store(self, key: str, body: str) -> None:
        self._endpoint.s3.put_object(
            Bucket=self._bucket, Key=key, Body=body.encode(), ContentType="application/json"
        )

    def _key(self, record: dict[str, Any]) -> str:
        """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`."""
        moment = str(record["timestamp"])[:19]
        day = moment[:10].replace("-", "/")
        shard = record["KinesisBatchInfo"]["shardId"]
        unique = uuid.uuid5(uuid.NAMESPACE_URL, record["requestContext"]["requestId"])
        return f"aws/lambda/{self._mapping_id}/{shard}/{day}/{moment.replace(':', '.')}-{unique}"


class QueueDestination:
    """An SQS queue; it gets the description of the batch, not its records."""

    def __init__(self, endpoint: Endpoint, arn: str) -> None:
        self._endpoint = endpoint
        self._name = arn.rsplit(":", 1)[-1]

    async def put(self, invocation_record: dict[str, object]) -> None:
        """Send the description."""
        await call(self._send, _description(invocation_record))

    def _send(self, body: str) -> None:
        url = self._endpoint.sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        self._endpoint.sqs.send_message(QueueUrl=url, MessageBody=body)


class TopicDestination:
    """An SNS topic; it gets the description of the batch, not its records."""

    def __init__(self, endpoint: Endpoint, arn: str) -> None:
        self._endpoint = endpoint
        self._arn = arn

    async def put(self, invocation_record: dict[str, object]) -> None:
        """Publish the description."""
        await call(self._publish, _description(invocation_record))

    def _publish(self, message: str) -> None:
        self._endpoint.sns.publish(TopicArn=self._arn, Message=message)


def _description(record: dict[str, object]) -> str:
    return json.dumps({key: value for key, value in record.items() if key != "payload"})


def destination(endpoint: Endpoint, arn: str | None, mapping: str) -> FailureDestination | None:
    """The destination with this ARN for the mapping of this name; None for None."""
    if arn is None:
        return None
    service, resource = arn.split(":")[2], arn.rsplit(":", 1)[-1]
    if service == "s3":
        return BucketDestination(endpoint, resource, mapping)
    return QueueDestination(endpoint, arn) if service == "sqs" else TopicDestination(endpoint, arn)
