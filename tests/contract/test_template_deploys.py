"""The template translates offline, deploys as it stands, and its package is built to match."""

from __future__ import annotations

import io
import json
import re
import socket
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import boto3
import pytest
from moto import mock_aws

from pipeline.local.template import translate
from tests.contract.policy.stack import ALARM, FUNCTION, MAPPING, TEMPLATE, Stack

REGION: Final = "eu-central-1"
# Other rooms and people name these; renaming one is a change of interface.
NAMED = {
    "AWS::DynamoDB::Table": {"LegsTable", "BookingsTable", "ContactsTable", "LedgerTable"},
    "AWS::IAM::Role": {"NormalizeRole", "DetectRole", "JoinRole", "NotifyRole"},
    "AWS::KMS::Key": {"DataKey"},
    "AWS::Kinesis::Stream": {"FeedStream"},
    "AWS::Lambda::EventSourceMapping": {
        "NormalizeMapping",
        "DetectMapping",
        "JoinMapping",
        "NotifyMapping",
    },
    "AWS::Lambda::Function": {
        "NormalizeFunction",
        "DetectFunction",
        "JoinFunction",
        "NotifyFunction",
    },
    "AWS::Logs::LogGroup": {"NormalizeLogs", "DetectLogs", "JoinLogs", "NotifyLogs"},
    "AWS::S3::Bucket": {"FeedFailuresBucket"},
    "AWS::SNS::Topic": {"OutgoingTopic", "AlarmTopic"},
    "AWS::SQS::Queue": {
        "StatusQueue",
        "DisruptionQueue",
        "NoticeQueue",
        "FeedDeadLetters",
        "StatusDeadLetters",
        "DisruptionDeadLetters",
        "NoticeDeadLetters",
    },
}
# What Drop=true adds.
DOOR = {
    "AWS::Events::Rule": {"DropRule"},
    "AWS::IAM::Role": {"DropRole"},
    "AWS::Lambda::EventSourceMapping": {"DropMapping"},
    "AWS::Lambda::Function": {"DropFunction"},
    "AWS::Logs::LogGroup": {"DropLogs"},
    "AWS::S3::Bucket": {"DropBucket"},
    "AWS::SQS::Queue": {"DropQueue", "DropDeadLetters"},
}
# moto cannot create these, and its own event source mappings would take messages from the queues.
LEFT_OUT = {
    MAPPING,
    ALARM,
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


@pytest.fixture
def stack() -> Stack:
    return Stack.load()


def test_template_translates_without_network_and_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    assert "Transform" not in translate(TEMPLATE, region=REGION)


def test_every_name_that_others_use_is_there(stack: Stack) -> None:
    for kind, names in NAMED.items():
        assert {one.id for one in stack.of(kind)} == names


def test_the_drop_door_adds_its_own_and_changes_nothing_else() -> None:
    stack = Stack.load(parameters={"Drop": "true"})
    for kind in NAMED.keys() | DOOR.keys():
        assert {one.id for one in stack.of(kind)} == NAMED.get(kind, set()) | DOOR.get(kind, set())


@pytest.fixture(scope="module")
def deployed() -> Iterator[dict[str, str]]:
    """Physical ids by logical id, of the template deployed into moto inside this process."""
    document = translate(TEMPLATE, region=REGION)
    document["Resources"] = {
        logical_id: one
        for logical_id, one in document["Resources"].items()
        if one["Type"] not in LEFT_OUT
    }
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("handlers.py", "")
    with mock_aws():
        bucket = boto3.client("s3", region_name=REGION)
        bucket.create_bucket(
            Bucket="local", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for logical_id in NAMED[FUNCTION]:
            bucket.put_object(Bucket="local", Key=logical_id, Body=code.getvalue())
        stacks = boto3.client("cloudformation", region_name=REGION)
        stacks.create_stack(
            StackName="flightwire",
            TemplateBody=json.dumps(document),
            Capabilities=["CAPABILITY_IAM"],
        )
        [stack] = stacks.describe_stacks(StackName="flightwire")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        assert outputs.keys() == {
            name for name, one in document["Outputs"].items() if "Condition" not in one
        }
        assert all(outputs.values())
        resources = stacks.describe_stack_resources(StackName="flightwire")["StackResources"]
        yield {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in resources
            if one.get("LogicalResourceId")  # moto lists so what a condition leaves out
        }


@pytest.mark.integration
def test_template_deploys_as_it_says(deployed: dict[str, str]) -> None:
    wanted = set().union(*NAMED.values()) - NAMED[MAPPING]
    assert wanted <= deployed.keys()
    assert _tables(deployed) == {
        "LegsTable": ["pk:HASH"],
        "BookingsTable": ["pk:HASH", "sk:RANGE"],
        "ContactsTable": ["pk:HASH"],
        "LedgerTable": ["pk:HASH", "sk:RANGE"],
    }
    stream = boto3.client("kinesis", region_name=REGION).describe_stream_summary(
        StreamName=deployed["FeedStream"]
    )["StreamDescriptionSummary"]
    assert (stream["OpenShardCount"], stream["RetentionPeriodHours"]) == (2, 168)
    queue = boto3.client("sqs", region_name=REGION).get_queue_attributes(
        QueueUrl=deployed["StatusQueue"], AttributeNames=["All"]
    )["Attributes"]
    redrive = json.loads(queue["RedrivePolicy"])
    assert (queue["VisibilityTimeout"], queue["MessageRetentionPeriod"]) == ("181", "345600")
    assert redrive["deadLetterTargetArn"].endswith(":flightwire-status-dead-letters")
    assert int(redrive["maxReceiveCount"]) == 5


def _tables(deployed: dict[str, str]) -> dict[str, list[str]]:
    tables = boto3.client("dynamodb", region_name=REGION)
    return {
        logical_id: [
            f"{key['AttributeName']}:{key['KeyType']}"
            for key in tables.describe_table(TableName=deployed[logical_id])["Table"]["KeySchema"]
        ]
        for logical_id in sorted(NAMED["AWS::DynamoDB::Table"])
    }


@pytest.mark.integration
def test_deployed_functions_get_names_that_exist(deployed: dict[str, str]) -> None:
    functions = boto3.client("lambda", region_name=REGION)
    for logical_id in NAMED[FUNCTION]:
        configuration: Any = functions.get_function_configuration(FunctionName=deployed[logical_id])
        given = configuration["Environment"]["Variables"]
        named = {
            value for name, value in given.items() if name.endswith(("_URL", "_TABLE", "_ARN"))
        }
        assert configuration["Timeout"] == 30
        assert named
        assert named <= set(deployed.values())


def test_package_is_built_for_the_runtime_and_processor(root: Path, stack: Stack) -> None:
    recipe = (root / "infra" / "Makefile").read_text(encoding="utf-8")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    processors = {"arm64": "aarch64", "x86_64": "x86_64"}
    version = re.search(r"--python-version (\S+)", recipe)
    platform = re.search(r"--python-platform ([a-z0-9_]+)-", recipe)
    targets = re.findall(r"\bbuild-\w+", recipe)
    assert version
    assert platform
    for function in stack.of(FUNCTION):
        [processor] = function.at("Architectures")
        assert function.at("Runtime") == f"python{version[1]}"
        assert processors[processor] == platform[1]
        assert f"build-{function.id}" in targets
    least = project["requires-python"].removeprefix(">=")
    assert tuple(map(int, version[1].split("."))) >= tuple(map(int, least.split(".")))
