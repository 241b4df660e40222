"""The SAM template as the local run reads it: translated offline, then resolved into a `Plan`.

`infra/template.yaml` is the single source of batch sizes, windows, timeouts, retries and names;
nothing here repeats a number of it. Settings are read from the translated template and never from
an emulator, which may lose or change them.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline
from pipeline.local.intrinsics import (
    Physical,
    Place,
    Resolver,
    TemplateError,
    parameter_values,
)

# Beside the packages in a checkout and in an installation alike.
TEMPLATE = Path(pipeline.__file__).parent.parent / "infra" / "template.yaml"

# What holds records or state. Functions and their mappings are ours to run; roles, policies, log
# groups and alarms would only stand in the way of an endpoint on the loopback interface.
DEPLOYED = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)
FUNCTION = "AWS::Lambda::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"

# The property that names a resource which is not deployed, and the service and form of its ARN.
_SHADOWS = {
    FUNCTION: ("FunctionName", "lambda", "function:{}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs", "log-group:{}:*"),
    "AWS::IAM::Role": ("RoleName", "iam", "role/{}"),
    "AWS::KMS::Alias": ("AliasName", "kms", "{}"),
}
_CODE_URI = "flightwire:CodeUri"
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?\}")


def translate(path: Path, *, region: str = "us-east-1") -> dict[str, Any]:
    """The SAM template at `path` as plain CloudFormation, made offline and without credentials.

    Where a function's code lies is kept in its Metadata under "flightwire:CodeUri", as an absolute
    path. Raises TemplateError when the file is missing, is not YAML or is not a sound template.
    """
    try:
        import boto3
        import yaml
        from samtranslator.model.exceptions import InvalidDocumentException
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
        from samtranslator.yaml_helper import yaml_parse
    except ModuleNotFoundError as error:
        problem = f"needs {error.name} to be read; install this project with its extra `local`"
        raise TemplateError(str(path), problem) from error

    try:
        source = yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TemplateError(str(path), f"cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TemplateError(str(path), f"is not YAML: {error}") from error
    if not isinstance(source, dict) or not isinstance(source.get("Resources"), dict):
        raise TemplateError(str(path), "has no Resources")
    _place_code(source, path.resolve().parent)
    # It complains of its own unpublished usage figures, which nobody here collects.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    try:
        translated: dict[str, Any] = translator.translate(source, {})
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise TemplateError(str(path), causes or error.message) from error
    return translated


def _place_code(source: dict[str, Any], folder: Path) -> None:
    """Put an s3:// address where a local folder stands, as packaging does, and keep the folder."""
    everywhere = source.get("Globals", {}).get("Function", {}).pop("CodeUri", ".")
    for logical_id, resource in source["Resources"].items():
        properties = resource.get("Properties", {})
        if resource.get("Type") != "AWS::Serverless::Function" or "InlineCode" in properties:
            continue
        code = properties.get("CodeUri", everywhere)
        if isinstance(code, str) and not code.startswith("s3://"):
            resource.setdefault("Metadata", {})[_CODE_URI] = str((folder / code).resolve())
            properties["CodeUri"] = f"s3://local/{logical_id}"


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function of the template. `code` is the folder its handler is imported from."""

    logical_id: str
    name: str
    arn: str
    handler: str
    timeout_s: int
    memory_mb: int
    environment: Mapping[str, str]
    role_arn: str
    code: Path | None


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue as deployed, and the number of its own that the mapping rules need."""

    logical_id: str
    url: str
    arn: str
    visibility_s: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis stream as deployed, and for how many seconds it keeps its records."""

    logical_id: str
    name: str
    arn: str
    retention_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a local run needs of a template: everything by logical id, every value resolved.

    `mappings` holds the properties of each enabled or disabled event source mapping, as
    CloudFormation would see them.
    """

    functions: Mapping[str, Function]
    mappings: Mapping[str, Mapping[str, Any]]
    queues: Mapping[str, Queue]
    streams: Mapping[str, Stream]
    tables: Mapping[str, Physical]
    topics: Mapping[str, Physical]
    buckets: Mapping[str, Physical]

    def function_of(self, name: object) -> Function:
        """The function with this name or ARN. Raises KeyError when there is none."""
        for one in self.functions.values():
            if name in (one.name, one.arn, one.logical_id):
                return one
        raise KeyError(name)


def shadows(
    template: Mapping[str, Any], place: Place, parameters: Mapping[str, str] | None = None
) -> dict[str, Physical]:
    """What Ref and GetAtt Arn give for the resources that are not deployed, by logical id.

    A name that the template gives is kept; otherwise it is the stack's name and the logical id.
    """
    values = parameter_values(template, parameters)
    found: dict[str, Physical] = {}
    others = {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] not in DEPLOYED
    }
    # Functions first: log groups and the like take their names from them.
    for logical_id, resource in sorted(others.items(), key=lambda one: one[1]["Type"] != FUNCTION):
        resolver = Resolver(template, parameters=values, place=place, physical=found)
        naming, service, form = _SHADOWS.get(resource["Type"], ("", "", ""))
        name = f"{place.stack}-{logical_id}"
        given = resource.get("Properties", {}).get(naming)
        if given is not None:
            name = resolver.resolve(given, f"Resources.{logical_id}.Properties.{naming}")
        arn = place.arn(service, form.format(name), regional=service != "iam")
        found[logical_id] = Physical(name, {"Arn": arn} if form else {})
    return found


def deployable(template: Mapping[str, Any], not_deployed: Mapping[str, Physical]) -> dict[str, Any]:
    """The part of a translated template that an embedded endpoint gets: see `DEPLOYED`.

    References to what is left out become the plain text they would stand for.
    Raises TemplateError for a reference to an attribute that is not known without deployment.
    """
    kept = copy.deepcopy(dict(template))
    for section in ("Outputs", "Rules", "Transform", "Metadata"):
        kept.pop(section, None)
    kept["Resources"] = {}
    freezer = _Frozen(not_deployed)
    for logical_id, resource in template["Resources"].items():
        if logical_id in not_deployed:
            continue
        frozen = freezer.of(resource, f"Resources.{logical_id}")
        # What a local run deployed, it removes again.
        frozen.pop("DeletionPolicy", None)
        frozen.pop("UpdateReplacePolicy", None)
        wanted = frozen.pop("DependsOn", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        remaining = [one for one in wanted if one not in not_deployed]
        kept["Resources"][logical_id] = frozen | ({"DependsOn": remaining} if remaining else {})
    return kept


class _Frozen:
    """Replaces references to resources that are not deployed by the text they stand for."""

    def __init__(self, known: Mapping[str, Physical]) -> None:
        self._known = known

    def of(self, value: Any, path: str) -> Any:  # noqa: ANN401  (any JSON value)
        """`value` without such references; `path` is for errors."""
        if isinstance(value, Mapping):
            found = self._reference(value, path)
            if found is not None:
                return found
            return {key: self.of(one, f"{path}.{key}") for key, one in value.items()}
        if isinstance(value, list):
            return [self.of(one, f"{path}[{at}]") for at, one in enumerate(value)]
        if isinstance(value, str) and path.rpartition(".")[2].startswith("Fn::Sub"):
            return _REFERENCE.sub(lambda match: self._placeholder(match, path), value)
        return value

    def _reference(self, value: Mapping[str, Any], path: str) -> str | None:
        """What a Ref or Fn::GetAtt of such a resource stands for; None for anything else."""
        name = value.get("Ref")
        if isinstance(name, str) and name in self._known:
            return self._known[name].ref
        got = value.get("Fn::GetAtt")
        if got is None:
            return None
        logical_id, attribute = got.split(".", 1) if isinstance(got, str) else got
        return self._attribute(logical_id, attribute, path) if logical_id in self._known else None

    def _placeholder(self, match: re.Match[str], path: str) -> str:
        logical_id, attribute = match[1], match[2]
        if logical_id not in self._known:
            return match[0]
        if attribute:
            return self._attribute(logical_id, attribute[1:], path)
        return self._known[logical_id].ref

    def _attribute(self, logical_id: str, name: str, path: str) -> str:
        attributes = self._known[logical_id].attributes
        if name not in attributes:
            raise TemplateError(path, f"attribute {name!r} of {logical_id} is not known here")
        return attributes[name]


def plan(
    template: Mapping[str, Any],
    *,
    place: Place,
    physical: Mapping[str, Physical],
    parameters: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of a translated template whose deployed resources are `physical`.

    Raises TemplateError for anything that a function or mapping uses and that cannot be resolved.
    """
    everything = {**shadows(template, place, parameters), **physical}
    values = parameter_values(template, parameters)
    resolver = Resolver(template, parameters=values, place=place, physical=everything)
    resources = {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resolver.exists(resource, f"Resources.{logical_id}")
    }

    def of(kind: str) -> Iterable[tuple[str, dict[str, Any]]]:
        for logical_id, resource in resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource

    def properties(logical_id: str, *, only: Iterable[str] = ()) -> dict[str, Any]:
        given = resources[logical_id].get("Properties", {})
        wanted = {key: given[key] for key in only if key in given} if only else given
        found: dict[str, Any] = resolver.resolve(wanted, f"Resources.{logical_id}.Properties")
        return found

    def deployed(kind: str) -> dict[str, Physical]:
        return {logical_id: physical[logical_id] for logical_id, _ in of(f"AWS::{kind}")}

    used = ("Handler", "Timeout", "MemorySize", "Environment", "Role")
    return Plan(
        functions={
            logical_id: _function(
                logical_id, properties(logical_id, only=used), everything[logical_id], resource
            )
            for logical_id, resource in of(FUNCTION)
        },
        mappings={logical_id: properties(logical_id) for logical_id, _ in of(MAPPING)},
        queues={
            one: _queue(one, properties(one, only=("VisibilityTimeout",)), physical[one])
            for one, _ in of("AWS::SQS::Queue")
        },
        streams={
            one: _stream(one, properties(one, only=("RetentionPeriodHours",)), physical[one])
            for one, _ in of("AWS::Kinesis::Stream")
        },
        tables=deployed("DynamoDB::Table"),
        topics=deployed("SNS::Topic"),
        buckets=deployed("S3::Bucket"),
    )


def _function(
    logical_id: str, properties: Mapping[str, Any], at: Physical, resource: Mapping[str, Any]
) -> Function:
    path = f"Resources.{logical_id}.Properties"
    if "Handler" not in properties:
        raise TemplateError(f"{path}.Handler", "is missing")
    code = resource.get("Metadata", {}).get(_CODE_URI)
    variables = properties.get("Environment", {}).get("Variables", {})
    return Function(
        logical_id=logical_id,
        name=at.ref,
        arn=at.attributes["Arn"],
        handler=str(properties["Handler"]),
        # Lambda's own defaults, for a template that leaves them out.
        timeout_s=int(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        environment={
            name: _variable(value, f"{path}.Environment.Variables.{name}")
            for name, value in variables.items()
        },
        role_arn=str(properties.get("Role", "")),
        code=None if code is None else Path(code),
    )


def _variable(value: object, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(path, "an environment variable is a text")


def _stream(logical_id: str, properties: Mapping[str, Any], at: Physical) -> Stream:
    # 24 hours is Kinesis's own default.
    hours = int(properties.get("RetentionPeriodHours", 24))
    return Stream(logical_id, at.ref, at.attributes["Arn"], hours * 3600)


def _queue(logical_id: str, properties: Mapping[str, Any], at: Physical) -> Queue:
    # 30 seconds is SQS's own default.
    visibility_s = int(properties.get("VisibilityTimeout", 30))
    return Queue(logical_id, at.ref, at.attributes["Arn"], visibility_s)
