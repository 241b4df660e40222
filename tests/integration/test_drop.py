"""The drop door: S3's events into `pipeline.handlers.drop`, against moto inside this process."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
import pytest
from moto import mock_aws

from pipeline import handlers
from pipeline.aws import clients
from pipeline.aws import drop as door
from pipeline.connect.drop import RefusedError, objects_in
from pipeline.kpl import deaggregate
from pipeline.settings import SettingsError, read
from schemas.codec import decode_pack, from_text
from schemas.records import DeadLetter, FeedMessage, payload_id

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.integration

BUCKET = "drop"


def message(number: int) -> bytes:
    return json.dumps(
        {"type": "flifo", "pitr": "1764000000", "id": f"UAL{number}-1-fa-0001"}
    ).encode()


class Context:
    """What Lambda says of the time left: as many milliseconds as each look is told."""

    def __init__(self, *left: int) -> None:
        self._left = list(left)
        self.aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self._left.pop(0) if self._left else 600_000


@dataclass
class Cloud:
    s3: S3Client
    sqs: SQSClient
    kinesis: KinesisClient
    dead_letters_url: str

    def put(self, key: str, body: bytes) -> str:
        """Drop an object; the body of EventBridge's event."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return event(key)

    def messages(self) -> list[FeedMessage]:
        found: list[FeedMessage] = []
        for shard in self.kinesis.list_shards(StreamName="feed")["Shards"]:
            iterator = self.kinesis.get_shard_iterator(
                StreamName="feed", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            page = self.kinesis.get_records(ShardIterator=iterator["ShardIterator"])
            for record in page["Records"]:
                users = deaggregate(record["Data"])
                datas = [record["Data"]] if users is None else [one.data for one in users]
                found += [one for data in datas for one in decode_pack(data, FeedMessage)]
        return found

    def dead_letters(self) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        while got := self.sqs.receive_message(
            QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10
        ).get("Messages"):
            found += [letter for one in got for letter in from_text(one["Body"], DeadLetter)]
        return found


def event(key: str, bucket: str = BUCKET) -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 5}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        _forget()
        found = Cloud(boto3.client("s3"), boto3.client("sqs"), boto3.client("kinesis"), "")
        found.s3.create_bucket(Bucket=BUCKET)
        found.kinesis.create_stream(StreamName="feed", ShardCount=2)
        found.dead_letters_url = found.sqs.create_queue(QueueName="dead")["QueueUrl"]
        names = {
            "STAGE": "drop",
            "FEED_STREAM": "feed",
            "DROP_BUCKET": BUCKET,
            "DEAD_LETTER_QUEUE_URL": found.dead_letters_url,
        }
        for name, value in names.items():
            monkeypatch.setenv(f"FLIGHTWIRE_{name}", value)
        yield found
    _forget()


def _forget() -> None:
    clients.session.cache_clear()
    clients.sqs.cache_clear()
    handlers._drop_handler.cache_clear()  # noqa: SLF001  (a process's cache; tests share one)


def invoke(*bodies: str, context: Context | None = None) -> list[str]:
    """Receive these events; the ids of those that come back."""
    records: list[dict[str, Any]] = [
        {"messageId": f"m{at}", "body": body, "attributes": {"ApproximateReceiveCount": "2"}}
        for at, body in enumerate(bodies)
    ]
    answer = handlers.drop({"Records": records}, context or Context())
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_a_dropped_object_is_loaded_under_the_feed_of_its_folder(cloud: Cloud) -> None:
    body = b"\n".join(message(n) for n in range(100))
    assert invoke(cloud.put("united/firehose/2026/day one.jsonl", body)) == []
    found = cloud.messages()
    assert {one.id for one in found} == {payload_id(message(n)) for n in range(100)}
    assert {(one.feed, one.format) for one in found} == {("united", "firehose")}
    assert found[0].place.startswith("s3://drop/united/firehose/2026/day one.jsonl:")


@pytest.mark.parametrize(
    ("key", "feed"), [("ba/day.gz", "ba"), ("day.gz", "drop"), ("ba/nope/x/day.gz", "ba")]
)
def test_a_packed_object_of_no_named_format_is_recognised(
    cloud: Cloud, key: str, feed: str
) -> None:
    assert invoke(cloud.put(key, gzip.compress(message(1)))) == []
    assert [(one.feed, one.format) for one in cloud.messages()] == [(feed, "firehose")]


def test_s3s_own_events_are_understood_too(cloud: Cloud) -> None:
    cloud.put("a b/firehose/ü+1.jsonl", message(1))
    s3 = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus("a b/firehose/ü+1.jsonl")}}
    assert invoke(json.dumps({"Records": [{"s3": s3}]})) == []
    assert [one.feed for one in cloud.messages()] == ["a b"]
    assert invoke(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})) == []


def test_repeating_an_event_gives_the_same_ids(cloud: Cloud) -> None:
    body = cloud.put("united/firehose/day", message(1))
    assert invoke(body, body) == []
    assert len({one.id for one in cloud.messages()}) == 1


def test_folders_and_empty_objects_are_nothing(cloud: Cloud) -> None:
    cloud.put("united/firehose/day", message(1))
    assert invoke(cloud.put("united/", b""), cloud.put("united/firehose/", b"")) == []
    assert invoke(cloud.put("united/empty", b"")) == []
    assert (cloud.messages(), cloud.dead_letters()) == ([], [])


def test_an_object_nobody_knows_is_a_dead_letter_and_its_neighbours_go_on(cloud: Cloud) -> None:
    bad = cloud.put("x/readme.txt", b"hello")
    assert invoke(bad, cloud.put("united/day", message(1))) == []
    (letter,) = cloud.dead_letters()
    assert letter.reason.startswith("of no known format")
    assert (letter.stage, letter.place, letter.attempts) == ("drop", "s3://drop/x/readme.txt", 2)
    assert letter.body == bad.encode()
    assert len(cloud.messages()) == 1


def test_a_broken_archive_keeps_what_it_gave(cloud: Cloud) -> None:
    whole = b"\n".join(message(n) for n in range(5)) + b"\n"
    assert invoke(cloud.put("united/day.gz", gzip.compress(whole)[:-9])) == []
    (letter,) = cloud.dead_letters()
    assert letter.reason.startswith("gzip data")
    assert len(cloud.messages()) == 5


def test_a_message_too_long_to_travel_is_kept_whole(cloud: Cloud) -> None:
    long = b'{"type":"flifo","pitr":"1"' + b" " * 700_000 + b"}"
    assert invoke(cloud.put("united/firehose/day", message(1) + b"\n" + long)) == []
    letters = cloud.dead_letters()
    assert sum(len(one.body) for one in letters) == len(long)
    assert {one.place for one in letters} == {"s3://drop/united/firehose/day line 2"}
    assert len(cloud.messages()) == 1


def test_what_takes_too_long_is_a_dead_letter_with_a_next_step(cloud: Cloud) -> None:
    body = b"\n".join(message(n) for n in range(10_000))
    assert len(body) > 2 * 256 * 1024
    assert invoke(cloud.put("united/firehose/day", body), context=Context(600_000, 1)) == []
    assert "flightwire feed load" in cloud.dead_letters()[0].reason
    assert 0 < len(cloud.messages()) < 10_000


def test_an_object_that_cannot_be_read_now_comes_again(cloud: Cloud) -> None:
    assert invoke(event("united/firehose/gone"), cloud.put("united/day", message(1))) == ["m0"]
    assert len(cloud.messages()) == 1
    assert cloud.dead_letters() == []


def test_a_dead_letter_that_cannot_be_kept_brings_the_event_back(cloud: Cloud) -> None:
    body = cloud.put("x/readme.txt", b"hello")
    cloud.sqs.delete_queue(QueueUrl=cloud.dead_letters_url)
    assert invoke(body) == ["m0"]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", "{}", '{"Records":[{}]}', '{"detail":{"bucket":7}}']
)
def test_an_event_that_is_none_of_s3s_is_a_dead_letter(cloud: Cloud, body: str) -> None:
    assert invoke(body) == []
    (letter,) = cloud.dead_letters()
    assert letter.reason.startswith("event: not one of S3's")


def test_other_buckets_are_not_read() -> None:
    with pytest.raises(RefusedError, match="another bucket"):
        objects_in(event("x", bucket="elsewhere"), BUCKET)


def test_drop_needs_its_settings() -> None:
    with pytest.raises(SettingsError, match="FLIGHTWIRE_FEED_STREAM: drop needs it"):
        read({"FLIGHTWIRE_STAGE": "drop"})


def test_records_are_plain_where_the_stack_says_so(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTWIRE_AGGREGATED", "false")
    assert door.build(read()) is not None
    invoke(cloud.put("united/firehose/day", message(1) + b"\n" + message(2)))
    shards = cloud.kinesis.list_shards(StreamName="feed")["Shards"]
    records = 0
    for shard in shards:
        iterator = cloud.kinesis.get_shard_iterator(
            StreamName="feed", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records += len(
            cloud.kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        )
    assert records == 2
