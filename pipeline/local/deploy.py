"""Deploying the template into an endpoint, and asking it what came of that.

Only what holds records or state is deployed (see `template.DEPLOYED`): an emulator's own event
source mappings would take messages away from ours. Names and ARNs are read back from the endpoint
and never guessed, for emulators change them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.local.endpoint import Endpoint, EndpointError
from pipeline.local.intrinsics import Physical, Place, Resolver, parameter_values
from pipeline.local.template import Plan, deployable, plan, shadows

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

STACK = "flightwire-local"
_PATIENCE_S = 60.0
_TABLE = "AWS::DynamoDB::Table"


class DeployError(Exception):
    """The stack cannot be created or removed; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack and the plan that its template makes with it."""

    stack: str
    plan: Plan
    endpoint: Endpoint

    def destroy(self) -> None:
        """Delete the stack, and first what its buckets hold. Raises DeployError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for bucket in self.plan.buckets.values():
                _empty(self.endpoint, bucket.ref)
            self.endpoint.cloudformation.delete_stack(StackName=self.stack)
        except (BotoCoreError, ClientError) as error:
            raise DeployError(f"stack {self.stack} is still there: {error}") from error


def deploy(
    endpoint: Endpoint,
    template: Mapping[str, Any],
    *,
    stack: str = STACK,
    parameters: Mapping[str, str] | None = None,
) -> Deployment:
    """Create `stack` from a translated template and return it with its plan.

    `parameters` replace the template's defaults. Raises DeployError when the endpoint refuses it or
    already has a stack of that name, TemplateError for a template that cannot be resolved.
    """
    place = Place(region=endpoint.region, account=endpoint.account(), stack=stack)
    given = parameter_values(template, parameters)
    not_deployed = shadows(template, place, parameters)
    body = json.dumps(deployable(template, not_deployed))
    _create(endpoint, stack, body, parameters or {})
    physical = _physical(endpoint, stack, place)
    resolver = Resolver(
        template, parameters=given, place=place, physical={**not_deployed, **physical}
    )
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == _TABLE and logical_id in physical:
            path = f"Resources.{logical_id}.Properties.TimeToLiveSpecification"
            wanted = resource.get("Properties", {}).get("TimeToLiveSpecification")
            if wanted is not None:
                _expire(endpoint, physical[logical_id].ref, resolver.resolve(wanted, path))
    made = plan(template, place=place, physical=physical, parameters=parameters)
    return Deployment(stack, made, endpoint)


def _create(endpoint: Endpoint, stack: str, body: str, parameters: Mapping[str, str]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    client = endpoint.cloudformation
    listed: list[ParameterTypeDef] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
    ]
    try:
        client.create_stack(StackName=stack, TemplateBody=body, Parameters=listed)
    except client.exceptions.AlreadyExistsException:
        raise DeployError(
            f"{endpoint.url} already has a stack {stack}: another local run uses it, or one was "
            f"killed. Remove it with: aws cloudformation delete-stack --stack-name {stack} "
            f"--endpoint-url {endpoint.url}"
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"{endpoint.url} does not take the stack: {error}") from error
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        [found] = client.describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] == "CREATE_COMPLETE":
            return
        if found["StackStatus"] != "CREATE_IN_PROGRESS":
            reason = found.get("StackStatusReason", "no reason given")
            raise DeployError(f"the stack ended as {found['StackStatus']}: {reason}")
        time.sleep(0.1)
    raise DeployError(f"the stack is not complete after {_PATIENCE_S:g} s")


def _physical(endpoint: Endpoint, stack: str, place: Place) -> dict[str, Physical]:
    """What Ref and GetAtt give for each deployed resource, by logical id."""
    pages = endpoint.cloudformation.describe_stack_resources(StackName=stack)
    return {
        one["LogicalResourceId"]: _resource(
            endpoint, one["ResourceType"], one["PhysicalResourceId"], place
        )
        for one in pages["StackResources"]
        if one.get("LogicalResourceId")  # moto lists, without a name, what a condition leaves out
    }


def _resource(endpoint: Endpoint, kind: str, identifier: str, place: Place) -> Physical:
    if kind == "AWS::SQS::Queue":
        # Some give the URL on AWS itself here, which nothing on this machine answers.
        name = identifier.rsplit("/", 1)[-1]
        url = endpoint.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        got = endpoint.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = got["Attributes"]["QueueArn"]
        return Physical(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})
    if kind == "AWS::Kinesis::Stream":
        described = endpoint.kinesis.describe_stream_summary(StreamName=identifier)
        return Physical(identifier, {"Arn": described["StreamDescriptionSummary"]["StreamARN"]})
    if kind == _TABLE:
        table = endpoint.dynamodb.describe_table(TableName=identifier)["Table"]
        return Physical(identifier, {"Arn": table["TableArn"]})
    if kind == "AWS::SNS::Topic":
        name = identifier.rsplit(":", 1)[-1]
        return Physical(identifier, {"TopicArn": identifier, "TopicName": name})
    if kind == "AWS::S3::Bucket":
        return Physical(identifier, {"Arn": f"arn:{place.partition}:s3:::{identifier}"})
    if kind == "AWS::KMS::Key":
        return Physical(
            identifier, {"Arn": place.arn("kms", f"key/{identifier}"), "KeyId": identifier}
        )
    raise EndpointError(f"{endpoint.url} deployed a {kind}, which was not asked for")


def _expire(endpoint: Endpoint, table: str, wanted: Mapping[str, Any]) -> None:
    """Turn a table's time to live on: emulators lose it from the template."""
    if wanted.get("Enabled") not in (True, "true"):
        return
    now = endpoint.dynamodb.describe_time_to_live(TableName=table)
    if now["TimeToLiveDescription"].get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        endpoint.dynamodb.update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": wanted["AttributeName"]},
        )


def objects(endpoint: Endpoint, bucket: str) -> Iterator[str]:
    """The keys of everything in a bucket."""
    for page in endpoint.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            yield found["Key"]


def _empty(endpoint: Endpoint, bucket: str) -> None:
    """Delete every object of a bucket, in all its versions."""
    for page in endpoint.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            endpoint.s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
