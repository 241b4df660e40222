"""The translated template as plain data, so that a rule reads like its sentence.

Parameters, Mappings and Conditions are worked out. A reference to a resource stays visible as text:
`${StatusQueue}` for Ref and `${StatusQueue.Arn}` for Fn::GetAtt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.local.intrinsics import Physical, Place, Resolver, parameter_values
from pipeline.local.template import translate

TEMPLATE = Path(__file__).resolve().parents[3] / "infra" / "template.yaml"
PLACE = Place(region="eu-central-1", account="123456789012", stack="flightwire")

FUNCTION = "AWS::Lambda::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
QUEUE = "AWS::SQS::Queue"
STREAM = "AWS::Kinesis::Stream"
TABLE = "AWS::DynamoDB::Table"
TOPIC = "AWS::SNS::Topic"
BUCKET = "AWS::S3::Bucket"
KEY = "AWS::KMS::Key"
LOGS = "AWS::Logs::LogGroup"
ROLE = "AWS::IAM::Role"
ALARM = "AWS::CloudWatch::Alarm"
RULE = "AWS::Events::Rule"

_REFERENCE = re.compile(r"\$\{(\w+)(?:\.\w+)?\}")


class _AnyAttribute(Mapping[str, str]):
    """Every attribute of one resource, each standing for itself."""

    def __init__(self, logical_id: str) -> None:
        self._logical_id = logical_id

    def __getitem__(self, name: str) -> str:
        return f"${{{self._logical_id}.{name}}}"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, resolved. `raw` holds its properties as the template writes them."""

    id: str
    kind: str
    properties: dict[str, Any]
    raw: dict[str, Any]
    deletion_policy: str
    replace_policy: str

    @property
    def ref(self) -> str:
        """What Ref to it looks like."""
        return f"${{{self.id}}}"

    @property
    def arn(self) -> str:
        """What Fn::GetAtt Arn of it looks like."""
        return f"${{{self.id}.Arn}}"

    def at(self, *path: str) -> Any:  # noqa: ANN401  (a property has the type AWS gives it)
        """The property below this path of names; None when it is not there."""
        found: Any = self.properties
        for name in path:
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def number(self, *path: str, default: int) -> int:
        """A number; `default` is what AWS takes when the property is not there."""
        found = self.at(*path)
        return default if found is None else int(found)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, with lists where the template may have single values."""

    effect: str
    principal: object
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, dict[str, Any]]
    inverted: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Statement:
        """The statement written as `given`; `inverted` says it uses NotAction and the like."""
        return cls(
            effect=given["Effect"],
            principal=given.get("Principal"),
            actions=_texts(given.get("Action", ())),
            resources=_texts(given.get("Resource", ())),
            condition=given.get("Condition", {}),
            inverted=any(name.startswith("Not") for name in given),
        )

    @property
    def refuses_plain_http(self) -> bool:
        """Whether it denies everybody who comes without TLS."""
        without_tls = {"Bool": {"aws:SecureTransport": "false"}}
        return self.effect == "Deny" and self.principal == "*" and self.condition == without_tls


def _texts(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (str(value),)


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole template under one choice of parameters."""

    parameters: dict[str, Any]
    resources: dict[str, Resource]

    @classmethod
    def load(cls, path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None) -> Stack:
        """The template at `path`, translated and resolved with `parameters` over its defaults."""
        document = translate(path, region=PLACE.region)
        values = parameter_values(document, parameters)
        ids = document["Resources"]
        resolver = Resolver(
            document,
            parameters=values,
            place=PLACE,
            physical={one: Physical(f"${{{one}}}", _AnyAttribute(one)) for one in ids},
        )
        resources = {
            logical_id: Resource(
                id=logical_id,
                kind=one["Type"],
                properties=resolver.resolve(one.get("Properties", {}), logical_id),
                raw=one.get("Properties", {}),
                deletion_policy=one.get("DeletionPolicy", "Delete"),
                replace_policy=one.get("UpdateReplacePolicy", "Delete"),
            )
            for logical_id, one in ids.items()
            if resolver.exists(one, logical_id)
        }
        return cls(values, resources)

    def of(self, *kinds: str) -> list[Resource]:
        """All resources of these kinds, in the template's order."""
        return [one for one in self.resources.values() if one.kind in kinds]

    def meant(self, reference: object) -> Resource | None:
        """The resource a Ref or Fn::GetAtt stands for; None when the text is no reference."""
        match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        return self.resources.get(match[1]) if match else None

    def source(self, mapping: Resource) -> Resource:
        """The queue or stream a mapping reads."""
        found = self.meant(mapping.at("EventSourceArn"))
        assert found is not None, f"{mapping.id} reads nothing of this template"
        return found

    def function(self, mapping: Resource) -> Resource:
        """The function a mapping invokes."""
        found = self.meant(mapping.at("FunctionName"))
        assert found is not None, f"{mapping.id} invokes nothing of this template"
        return found

    def mapping(self, function: Resource) -> Resource:
        """The one mapping that invokes a function."""
        [found] = [one for one in self.of(MAPPING) if self.function(one) is function]
        return found

    def mappings(self, source_kind: str) -> list[Resource]:
        """The mappings that read a source of this kind."""
        return [one for one in self.of(MAPPING) if self.source(one).kind == source_kind]

    def environment(self, function: Resource) -> dict[str, str]:
        """A function's environment, as Lambda hands it over: all text."""
        variables = function.at("Environment", "Variables") or {}
        return {name: str(value) for name, value in variables.items()}

    def dead_letter_queues(self) -> list[Resource]:
        """Queues that a redrive policy or a function's settings name as dead-letter queue."""
        named = [one.at("RedrivePolicy", "deadLetterTargetArn") for one in self.of(QUEUE)]
        named += [
            self.environment(one).get("FLIGHTWIRE_DEAD_LETTER_QUEUE_URL")
            for one in self.of(FUNCTION)
        ]
        found = {one.id for one in map(self.meant, named) if one}
        return [one for one in self.of(QUEUE) if one.id in found]

    def working_queues(self) -> list[Resource]:
        """Queues that a mapping reads, and any other that is not a dead-letter queue."""
        read = {self.source(one).id for one in self.of(MAPPING)}
        set_aside = {one.id for one in self.dead_letter_queues()}
        return [one for one in self.of(QUEUE) if one.id in read or one.id not in set_aside]

    def role(self, function: Resource) -> Resource | None:
        """The role a function runs under, if this template declares it."""
        return self.meant(function.at("Role"))

    def statements(self, role: Resource) -> list[Statement]:
        """All statements of a role's own policies."""
        return [
            Statement.of(statement)
            for policy in role.at("Policies") or []
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def door(self, resource: Resource) -> list[Statement]:
        """The statements of the policies attached to a queue, topic or bucket."""
        attached = {
            "AWS::SQS::QueuePolicy": "Queues",
            "AWS::SNS::TopicPolicy": "Topics",
            "AWS::S3::BucketPolicy": "Bucket",
        }
        return [
            Statement.of(statement)
            for policy in self.of(*attached)
            if resource.ref in _texts(policy.at(attached[policy.kind]))
            for statement in policy.at("PolicyDocument", "Statement")
        ]
