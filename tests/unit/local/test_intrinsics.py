"""CloudFormation's intrinsic functions: what each gives, and the place named when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.local.intrinsics import (
    Physical,
    Place,
    Resolver,
    TemplateError,
    parameter_values,
)

PLACE = Place(region="eu-west-1", account="111122223333", stack="demo")
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Size": {"Type": "Number", "Default": 5},
        "Stage": {"Type": "String", "Default": "test", "AllowedValues": ["test", "live"]},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b,c"},
    },
    "Mappings": {"Numbers": {"Queue": {"Batch": 10, "Names": ["x", "y"]}}},
    "Conditions": {
        "IsLive": {"Fn::Equals": [{"Ref": "Stage"}, "live"]},
        "IsTest": {"Fn::Not": [{"Condition": "IsLive"}]},
        "Both": {"Fn::And": [{"Condition": "IsLive"}, {"Condition": "IsTest"}]},
        "Either": {"Fn::Or": [{"Condition": "IsLive"}, {"Condition": "IsTest"}]},
        "Words": "yes",
    },
    "Resources": {},
}
PHYSICAL = {"Queue": Physical("http://q/1/name", {"Arn": "arn:aws:sqs:eu-west-1:1:name"})}


def resolver(**parameters: str) -> Resolver:
    values = parameter_values(TEMPLATE, parameters)
    return Resolver(TEMPLATE, parameters=values, place=PLACE, physical=PHYSICAL)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (7, 7),
        ({"Ref": "Size"}, 5),
        ({"Ref": "Zones"}, ["a", "b", "c"]),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::AccountId"}, "111122223333"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Ref": "Queue"}, "http://q/1/name"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:eu-west-1:1:name"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:eu-west-1:1:name"),
        (
            {"Fn::Sub": "${AWS::StackName}-${Size}-${Queue.Arn}"},
            "demo-5-" + "arn:aws:sqs:eu-west-1:1:name",
        ),
        ({"Fn::Sub": "${!Literal} ${ Stage }"}, "${Literal} test"),
        ({"Fn::Sub": ["${own}/${Stage}", {"own": {"Ref": "Size"}}]}, "5/test"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}, True]]}, "a-5-true"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b,c"),
        (
            {"Fn::Split": [":", {"Fn::GetAtt": ["Queue", "Arn"]}]},
            ["arn", "aws", "sqs", "eu-west-1", "1", "name"],
        ),
        ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": ["2", {"Fn::Split": ["/", "a/b/c"]}]}, "c"),
        ({"Fn::FindInMap": ["Numbers", "Queue", "Batch"]}, 10),
        ({"Fn::FindInMap": ["Numbers", {"Fn::Sub": "Queue"}, "Names"]}, ["x", "y"]),
        ({"Fn::If": ["IsTest", {"Ref": "Size"}, "no"]}, 5),
        ({"Fn::If": ["IsLive", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"a": 1, "b": {"Ref": "AWS::NoValue"}}, {"a": 1}),
        ([1, {"Fn::If": ["IsLive", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"Ref": "AWS::NoValue"}, None),
        # A statement's Condition is a plain key, not the function.
        ({"Condition": {"Bool": {"x": "false"}}}, {"Condition": {"Bool": {"x": "false"}}}),
    ],
)
def test_intrinsic_functions_give_what_cloudformation_gives(
    value: object, expected: object
) -> None:
    assert resolver().resolve(value, "Resources.X") == expected


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (
            {"a": [{"Ref": "Nobody"}]},
            "R.a[0].Ref",
            "'Nobody' is neither a parameter nor a resource",
        ),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "R.Fn::GetAtt", "there is no resource 'Nobody'"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "R.Fn::GetAtt", "attribute 'Colour' of Queue"),
        ({"Fn::Sub": "x${Nobody.Arn}"}, "R.Fn::Sub", "there is no resource 'Nobody'"),
        ({"Fn::FindInMap": ["Numbers", "Queue", "None"]}, "R.Fn::FindInMap", "Numbers.Queue.None"),
        ({"Fn::Select": [9, ["a"]]}, "R.Fn::Select", "no item 9 among 1"),
        ({"Fn::Select": ["one", ["a"]]}, "R.Fn::Select[0]", "'one' is not a number"),
        ({"Fn::Join": ["-"]}, "R.Fn::Join", "a list of 2"),
        ({"Fn::Join": ["-", [{"a": 1}]]}, "R.Fn::Join[1]", "a text is needed"),
        ({"Fn::If": ["Unknown", 1, 2]}, "R.Fn::If", "no condition 'Unknown'"),
        ({"Fn::If": ["Words", 1, 2]}, "Conditions.Words", "a condition is needed"),
        ({"deep": {"Fn::ImportValue": "other"}}, "R.deep", "Fn::ImportValue cannot be worked out"),
    ],
)
def test_what_cannot_be_resolved_is_named_with_its_path(
    value: object, path: str, problem: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        resolver().resolve(value, "R")

    assert raised.value.path == path
    assert problem in raised.value.problem


def test_given_parameters_replace_defaults_and_decide_conditions() -> None:
    live = resolver(Stage="live", Size="2.5")

    assert live.condition("IsLive", "x") is True
    assert live.resolve({"Ref": "Size"}, "x") == 2.5


@pytest.mark.parametrize(
    ("declared", "given", "problem"),
    [
        ({"Type": "String"}, {}, "Parameters.A: has no default"),
        ({"Type": "Number", "Default": "ten"}, {}, "Parameters.A: 'ten' is not a number"),
        (
            {"Type": "String", "Default": "x", "AllowedValues": ["x"]},
            {"A": "y"},
            "'y' is not one of x",
        ),
        ({"Type": "String", "Default": "x"}, {"B": "y"}, "the template has no parameter B"),
        ({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"}, {}, "needs an account"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    declared: dict[str, Any], given: dict[str, str], problem: str
) -> None:
    with pytest.raises(TemplateError, match=problem.replace(".", r"\.")):
        parameter_values({"Parameters": {"A": declared}}, given)


def test_a_resource_without_condition_exists_and_one_with_a_false_condition_does_not() -> None:
    assert resolver().exists({"Type": "T"}, "R") is True
    assert resolver().exists({"Type": "T", "Condition": "IsLive"}, "R") is False
    assert resolver(Stage="live").exists({"Type": "T", "Condition": "IsLive"}, "R") is True
