"""The SAM template translated offline, cut down for an endpoint, and resolved into a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.intrinsics import Physical, Place, TemplateError
from pipeline.local.template import (
    DEPLOYED,
    TEMPLATE,
    Plan,
    deployable,
    plan,
    shadows,
    translate,
)

CHAIN = Path(__file__).parents[2] / "integration" / "chain" / "template.yaml"
PLACE = Place(region="us-east-1", account="111122223333", stack="demo")


def physical(template: dict[str, Any]) -> dict[str, Physical]:
    """Stand-ins for what an endpoint would say of the deployed resources."""
    return {
        name: Physical(f"id-{name}", {"Arn": f"arn:aws:x:us-east-1:1:{name}", "QueueName": name})
        for name, resource in template["Resources"].items()
        if resource["Type"] in DEPLOYED
    }


def plan_of(path: Path, **parameters: str) -> Plan:
    template = translate(path)
    return plan(template, place=PLACE, physical=physical(template), parameters=parameters)


def test_a_sam_event_becomes_a_mapping_with_every_property_resolved() -> None:
    mappings = plan_of(CHAIN, BatchSize="7").mappings

    assert mappings["MarkFunctionFeed"] == {
        "BatchSize": 7,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:x:us-east-1:1:Failures"}},
        "EventSourceArn": "arn:aws:x:us-east-1:1:Feed",
        "FunctionName": "demo-MarkFunction",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRetryAttempts": 2,
        "StartingPosition": "TRIM_HORIZON",
    }
    assert mappings["CountFunctionBetween"]["ScalingConfig"] == {"MaximumConcurrency": 4}


def test_a_function_of_the_plan_has_its_resolved_environment_and_code_folder() -> None:
    function = plan_of(CHAIN, Timeout="12").functions["CountFunction"]

    assert function.name == "demo-CountFunction"
    assert function.arn == "arn:aws:lambda:us-east-1:111122223333:function:demo-CountFunction"
    assert function.handler == "chain_handlers.count"
    assert (function.timeout_s, function.memory_mb) == (12, 256)
    assert function.environment == {
        "TABLE": "id-Counts",
        "FLIGHTWIRE_SENDER_TOPIC_ARN": "id-Topic",
    }
    assert function.role_arn == "arn:aws:iam::111122223333:role/demo-CountFunctionRole"
    assert function.code == CHAIN.parent


def test_a_function_is_found_by_name_arn_and_logical_id() -> None:
    found = plan_of(CHAIN)
    function = found.functions["MarkFunction"]

    assert found.function_of("demo-MarkFunction") is function
    assert found.function_of(function.arn) is function
    assert found.function_of("MarkFunction") is function
    with pytest.raises(KeyError):
        found.function_of("demo-Other")


def test_queues_and_streams_carry_the_numbers_the_mapping_rules_need() -> None:
    found = plan_of(CHAIN)

    assert found.queues["Between"].visibility_s == 61
    assert found.queues["BetweenDeadLetters"].visibility_s == 30  # SQS's own default
    assert found.streams["Feed"].retention_s == 24 * 3600  # Kinesis's own default


def test_only_what_holds_records_or_state_is_deployed() -> None:
    template = translate(CHAIN)

    kept = deployable(template, shadows(template, PLACE))

    assert set(kept["Resources"]) == {
        "Feed",
        "Failures",
        "Between",
        "BetweenDeadLetters",
        "Counts",
        "Topic",
    }


def test_references_to_what_is_not_deployed_become_the_text_they_stand_for() -> None:
    template: dict[str, Any] = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Work": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "work"}},
            "Logs": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${Work}"}},
            },
            "Key": {
                "Type": "AWS::KMS::Key",
                "DependsOn": ["Role", "Topic"],
                "DeletionPolicy": "Retain",
                "Properties": {
                    "KeyPolicy": [
                        {"Fn::GetAtt": ["Role", "Arn"]},
                        {"Fn::Sub": "${Work.Arn} ${Logs} ${Topic} ${AWS::Region}"},
                        {"Ref": "Work"},
                        {"Ref": "Topic"},
                        "${Work}",
                    ]
                },
            },
            "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": "Role"},
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Work", "Arn"]}}},
    }

    kept = deployable(template, shadows(template, PLACE))

    assert kept == {
        "Resources": {
            "Key": {
                "Type": "AWS::KMS::Key",
                "DependsOn": ["Topic"],
                "Properties": {
                    "KeyPolicy": [
                        "arn:aws:iam::111122223333:role/demo-Role",
                        {
                            "Fn::Sub": "arn:aws:lambda:us-east-1:111122223333:function:work "
                            "/aws/lambda/work ${Topic} ${AWS::Region}"
                        },
                        "work",
                        {"Ref": "Topic"},
                        "${Work}",
                    ]
                },
            },
            "Topic": {"Type": "AWS::SNS::Topic"},
        }
    }


def test_an_unknowable_attribute_of_what_is_not_deployed_is_named_with_its_path() -> None:
    template: dict[str, Any] = {
        "Resources": {
            "Alarm": {"Type": "AWS::CloudWatch::Alarm"},
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"DisplayName": {"Fn::GetAtt": "Alarm.Arn"}},
            },
        }
    }

    with pytest.raises(TemplateError) as raised:
        deployable(template, shadows(template, PLACE))

    assert raised.value.path == "Resources.Topic.Properties.DisplayName"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "is not YAML"),
        ("- 1", "has no Resources"),
        ("Resources: none", "has no Resources"),
        (
            """
            Transform: AWS::Serverless-2016-10-31
            Resources: {F: {Type: AWS::Serverless::Function, Properties: {Timeout: 3}}}
            """,
            "Resource with id \\[F\\] is invalid",
        ),
    ],
)
def test_a_template_that_is_none_is_refused_with_the_reason(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(text)

    with pytest.raises(TemplateError, match=problem):
        translate(path)


def test_a_missing_template_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"none\.yaml: cannot be read: No such file"):
        translate(tmp_path / "none.yaml")


def test_code_that_lies_elsewhere_than_in_a_folder_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    functions = {
        name: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Handler": "a.b", "Runtime": "python3.13", **code},
        }
        for name, code in {
            "Stored": {"CodeUri": "s3://bucket/key"},
            "Inline": {"InlineCode": "def b(e, c): pass"},
            "Near": {"CodeUri": "src/"},
        }.items()
    }
    path.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": functions}))

    found = plan_of(path).functions

    assert {name: one.code for name, one in found.items()} == {
        "Stored": None,
        "Inline": None,
        "Near": tmp_path / "src",
    }


def test_the_product_template_makes_a_plan_of_four_functions_and_their_mappings() -> None:
    found = plan_of(TEMPLATE)

    assert list(found.functions) == [
        "NormalizeFunction",
        "DetectFunction",
        "JoinFunction",
        "NotifyFunction",
    ]
    assert {
        found.function_of(one["FunctionName"]).logical_id for one in found.mappings.values()
    } == set(found.functions)
    assert all(found.functions[name].code == TEMPLATE.parent.parent for name in found.functions)
