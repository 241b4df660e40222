"""The embedded endpoints: they start, hold what they are given, and end when they should."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.local import endpoint as endpoints
from pipeline.local import ministack
from pipeline.local.deploy import DeployError, Deployment, deploy, objects
from pipeline.local.destinations import destination
from pipeline.local.endpoint import Endpoint, EndpointError, embedded, running
from pipeline.local.endpoint_server import Backend
from pipeline.local.loop import run
from pipeline.local.template import TEMPLATE, translate
from tests.integration.backends import BACKENDS
from tests.integration.processes import Watch, gone

pytestmark = pytest.mark.integration


def listening(pid: int) -> set[str]:
    """Where a process accepts connections: local addresses in hex, as the kernel writes them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = link.readlink().name if link.is_symlink() else ""
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_embedded_endpoint_listens_on_the_loopback_interface_only(endpoint: Endpoint) -> None:
    assert endpoint.pid is not None
    assert listening(endpoint.pid) == {"0100007F"}  # 127.0.0.1
    assert endpoint.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("backend", BACKENDS)
def test_closing_ends_the_child_and_leaves_its_folder_empty(
    backend: Backend, tmp_path: Path
) -> None:
    with embedded(backend, folder=tmp_path) as started:
        pid = started.pid
        started.sqs.create_queue(QueueName="q")

    assert pid is not None
    assert gone(pid)
    assert list(tmp_path.iterdir()) == []


PARENT = """
import sys
from pathlib import Path
from pipeline.local.endpoint import embedded
endpoint = embedded(sys.argv[1], folder=Path(sys.argv[2]))
print(endpoint.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_child_ends_and_cleans_up_when_its_parent_is_killed(
    backend: Backend, tmp_path: Path, root: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "left").write_text("behind")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, backend, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as parent:
        assert parent.stdout is not None
        watch = Watch(int(parent.stdout.readline()))

        parent.kill()

        assert watch.wait() == set()
    assert not folder.exists()


def test_nothing_of_the_users_own_is_read(tmp_path: Path, root: Path) -> None:
    """A profile that does not exist and a key that must not travel are both passed over."""
    code = """
import sys
from pathlib import Path
from pipeline.local.endpoint import embedded
with embedded("moto", folder=Path(sys.argv[1])) as endpoint:
    sent = []
    endpoint.sqs.meta.events.register(
        "before-send", lambda request, **_: sent.append(request.headers["Authorization"])
    )
    endpoint.sqs.list_queues()
    print(sent[0].decode(), sorted(endpoint.environment.items()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ
        | {
            "AWS_PROFILE": "nobody",
            "AWS_ACCESS_KEY_ID": "AKIAREAL",
            "AWS_SECRET_ACCESS_KEY": "real",
            "AWS_SESSION_TOKEN": "real",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Credential=local/" in done.stdout
    assert "REAL" not in done.stdout
    assert "real" not in done.stdout


def test_two_producers_and_a_consumer_lose_no_record(endpoint: Endpoint, seed: int) -> None:
    """Moto without a lock loses about one record in a thousand under this load."""
    kinesis, each = endpoint.kinesis, 400
    kinesis.create_stream(StreamName="raced", ShardCount=1)
    [shard] = kinesis.list_shards(StreamName="raced")["Shards"]
    sizes = random.Random(seed)
    payloads = [f"{n}:".encode() + sizes.randbytes(sizes.randrange(200)) for n in range(2 * each)]

    def produce(payloads: list[bytes]) -> list[str]:
        return [
            kinesis.put_record(StreamName="raced", Data=data, PartitionKey="k")["SequenceNumber"]
            for data in payloads
        ]

    def consume() -> list[bytes]:
        iterator = kinesis.get_shard_iterator(
            StreamName="raced", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[bytes] = []
        for _ in range(5 * each):  # bounded, and far more than it takes
            page = kinesis.get_records(ShardIterator=iterator)
            found += [record["Data"] for record in page["Records"]]
            iterator = page["NextShardIterator"]
            if len(found) >= len(payloads):
                break
        return found

    with ThreadPoolExecutor(3) as threads:
        halves = [threads.submit(produce, part) for part in (payloads[:each], payloads[each:])]
        consumed = threads.submit(consume)
        acknowledged = [number for half in halves for number in half.result()]

        assert len(set(acknowledged)) == len(payloads)
        assert sorted(consumed.result()) == sorted(payloads)


@pytest.fixture(scope="module")
def deployment(endpoint: Endpoint) -> Deployment:
    """The product's own template in each endpoint."""
    return deploy(endpoint, translate(TEMPLATE))


def test_the_product_template_deploys_with_its_numbers_and_reads_back(
    deployment: Deployment,
) -> None:
    plan, endpoint = deployment.plan, deployment.endpoint
    for queue in plan.queues.values():
        found = endpoint.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])
        assert found["Attributes"]["VisibilityTimeout"] == str(queue.visibility_s)
        assert found["Attributes"]["QueueArn"] == queue.arn
    for stream in plan.streams.values():
        described = endpoint.kinesis.describe_stream_summary(StreamName=stream.name)
        assert described["StreamDescriptionSummary"]["StreamARN"] == stream.arn
    addressed = {value for f in plan.functions.values() for value in f.environment.values()}
    assert {queue.url for queue in plan.queues.values()} <= addressed
    assert {table.ref for table in plan.tables.values()} <= addressed


def test_time_to_live_is_on_where_the_template_says_so(deployment: Deployment) -> None:
    found = {
        name: deployment.endpoint.dynamodb.describe_time_to_live(TableName=table.ref)[
            "TimeToLiveDescription"
        ].get("AttributeName")
        for name, table in deployment.plan.tables.items()
    }

    assert found == {
        "LegsTable": "expires_at",
        "BookingsTable": None,
        "ContactsTable": None,
        "LedgerTable": "expires_at",
    }


def test_a_stack_is_not_deployed_over_another_and_is_removed_with_all_it_holds(
    endpoint: Endpoint, chain: Path
) -> None:
    template = translate(chain)
    first = deploy(endpoint, template, stack="twice", parameters={"Shards": "3"})
    endpoint.s3.put_object(Bucket=first.plan.buckets["Failures"].ref, Key="a", Body=b"x")
    assert list(objects(endpoint, first.plan.buckets["Failures"].ref)) == ["a"]
    stream = first.plan.streams["Feed"].name
    assert len(endpoint.kinesis.list_shards(StreamName=stream)["Shards"]) == 3

    with pytest.raises(DeployError, match=r"already has a stack twice.* delete-stack"):
        deploy(endpoint, template, stack="twice")
    first.destroy()

    assert stream not in endpoint.kinesis.list_streams()["StreamNames"]
    again = deploy(endpoint, template, stack="twice")
    again.destroy()


RECORD: dict[str, object] = {
    "requestContext": {"requestId": "9e1a", "condition": "RetryAttemptsExhausted"},
    "timestamp": "2026-11-20T07:05:09.123Z",
    "KinesisBatchInfo": {"shardId": "shardId-000000000001", "batchSize": 2},
    "payload": '{"Records": []}',
}


def given_up(endpoint: Endpoint, arn: str) -> None:
    """Put RECORD to the destination with this ARN."""
    found = destination(endpoint, arn, "FeedMapping")
    assert found is not None
    run(lambda _clock: found.put(RECORD), virtual=True)


def test_a_bucket_gets_the_whole_record_under_lambdas_name_for_it(endpoint: Endpoint) -> None:
    endpoint.s3.create_bucket(Bucket="given-up")

    given_up(endpoint, "arn:aws:s3:::given-up")

    [key] = objects(endpoint, "given-up")
    assert re.fullmatch(
        r"aws/lambda/[0-9a-f-]{36}/shardId-000000000001/2026/11/20/"
        r"2026-11-20T07\.05\.09-[0-9a-f-]{36}",
        key,
    )
    body = endpoint.s3.get_object(Bucket="given-up", Key=key)["Body"].read()
    assert json.loads(body) == RECORD


def test_a_queue_and_a_topic_get_the_description_without_the_records(endpoint: Endpoint) -> None:
    url = endpoint.sqs.create_queue(QueueName="given-up")["QueueUrl"]
    attributes = endpoint.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue = attributes["Attributes"]["QueueArn"]
    topic = endpoint.sns.create_topic(Name="given-up")["TopicArn"]
    endpoint.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    described = {key: value for key, value in RECORD.items() if key != "payload"}

    given_up(endpoint, queue)
    given_up(endpoint, topic)

    found = endpoint.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [json.loads(message["Body"]) for message in found]
    published = [json.loads(body["Message"]) for body in bodies if "Message" in body]
    assert [body for body in bodies if "Message" not in body] == [described]
    assert published == [described]


def test_an_endpoint_that_already_runs_is_used_with_what_boto3_finds(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    with running(endpoint.url) as found:
        assert found.pid is None
        assert found.account() == endpoint.account()
        assert found.environment["AWS_ACCESS_KEY_ID"] == "mine"
        assert found.environment["AWS_SESSION_TOKEN"] == "token"
    assert endpoint.account()  # closing the other did not end it


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://sqs.us-east-1.amazonaws.com", "is AWS itself"),
        ("https://kinesis.cn-north-1.amazonaws.com.cn/", "is AWS itself"),
        ("nonsense", "is no endpoint"),
        ("http://127.0.0.1:9", "does not answer as AWS does"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused_with_the_reason(
    url: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    with pytest.raises(EndpointError, match=problem):
        running(url)


def test_without_credentials_a_running_endpoint_is_refused_with_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(EndpointError, match="set AWS_ACCESS_KEY_ID"):
        running("http://127.0.0.1:9")


def test_a_server_that_does_not_start_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such luck')")
    monkeypatch.setattr(endpoints, "_SERVER", broken)

    with pytest.raises(EndpointError, match="moto ended at once with status 1: no such luck"):
        embedded("moto", folder=tmp_path)


def test_ministack_is_installed_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "impossible.lock"
    lock.write_text("flightwire-has-no-such-dependency==1.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setattr(ministack, "LOCK", lock)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(ministack.InstallError, match=r"(?s)cannot be installed.*leave --backend"):
        ministack.python()

    assert not ministack.installed()
    assert list((tmp_path / "state" / "flightwire" / "ministack").iterdir()) == []


def test_what_the_child_is_told_on_the_pipe_decides_whether_it_cleans_up(tmp_path: Path) -> None:
    """An orderly end leaves the folder to the parent; SIGTERM is taken for the parent's death."""
    kept, removed = tmp_path / "kept", tmp_path / "removed"
    for folder in (kept, removed):
        folder.mkdir()
    embedded("moto", folder=kept).close()
    orphan = embedded("moto", folder=removed)
    assert orphan.pid is not None
    watch = Watch(orphan.pid)

    os.kill(orphan.pid, signal.SIGTERM)

    assert watch.wait() == set()
    orphan.close()
    assert kept.exists()
    assert not removed.exists()


def test_the_lock_of_ministack_pins_everything_with_hashes_and_names_no_index() -> None:
    lines = [
        line.strip()
        for line in ministack.LOCK.read_text().splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    pins = [line for line in lines if not line.startswith("--hash=sha256:")]

    assert all("==" in line and line.endswith("\\") for line in pins)
    assert any(line.startswith("ministack==") for line in pins)
    assert not any("://" in line or line.startswith("--index") for line in lines)
    assert len(lines) > 2 * len(pins) - 1  # at least one hash each


def test_child_environments_hold_nothing_of_the_users(tmp_path: Path) -> None:
    found = endpoints.child_environment(tmp_path)

    assert json.dumps(found)  # texts only
    assert found["HOME"] == found["TMPDIR"] == str(tmp_path)
    assert not {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "HTTP_PROXY", "PYTHONPATH"} & set(found)
