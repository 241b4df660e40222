"""Settings of an event source mapping, read from its resolved CloudFormation properties.

Names, defaults and ranges: AWS::Lambda::EventSourceMapping, and the Lambda API's
CreateEventSourceMapping. What AWS refuses when the mapping is created is refused here, and so is
what the local run does not honour: it must not look as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.local.events import account_of
from pipeline.local.properties import MappingError, Properties

StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

# Nothing of these changes which records reach the function.
_WITHOUT_EFFECT = frozenset({"KmsKeyArn", "LoggingConfig", "MetricsConfig", "Tags"})
_SHARED = frozenset(
    {
        "BatchSize",
        "Enabled",
        "EventSourceArn",
        "FunctionName",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
    }
)
_SQS_ONLY = frozenset({"ScalingConfig"})
_KINESIS_ONLY = frozenset(
    {
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "StartingPosition",
        "StartingPositionTimestamp",
    }
)
_UNBATCHED_LIMIT = 10
_YOUNGEST_MAXIMUM_AGE_S = 60
_VISIBILITY_MARGIN_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsMapping:
    """A standard queue's mapping. Durations are in seconds."""

    name: str
    function: str
    source_arn: str
    enabled: bool = True
    batch_size: int = 10
    window_s: int = 0
    report_batch_item_failures: bool = False
    maximum_concurrency: int | None = None
    function_timeout_s: int = 3
    visibility_timeout_s: int = 30

    @property
    def receive_visibility_s(self) -> int:
        """How long received messages stay hidden, which a long window makes longer.

        Source: AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source
        mapping".
        """
        needed = self.window_s + self.function_timeout_s
        if self.window_s and needed > self.visibility_timeout_s:
            return needed + _VISIBILITY_MARGIN_S
        return self.visibility_timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class KinesisMapping:
    """A stream's mapping. Durations are in seconds; -1 stands for no limit."""

    name: str
    function: str
    source_arn: str
    role_arn: str
    enabled: bool = True
    batch_size: int = 100
    window_s: int = 0
    report_batch_item_failures: bool = False
    starting_position: StartingPosition = "TRIM_HORIZON"
    starting_timestamp_ms: int | None = None
    bisect: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_s: int = -1
    parallelization_factor: int = 1
    on_failure: str | None = None
    stream_retention_s: int = 86_400

    @property
    def on_failure_takes_payload(self) -> bool:
        """True for an S3 destination: SQS and SNS get the batch's description only."""
        return self.on_failure is not None and self.on_failure.split(":")[2] == "s3"


MappingSettings = SqsMapping | KinesisMapping


@dataclass(slots=True)
class Tally:
    """What a mapping has done so far.

    `returned` counts deliveries that will be repeated; `discarded` records went to the on-failure
    destination, or nowhere if there is none.
    """

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    processed: int = 0
    returned: int = 0
    discarded: int = 0


def from_resource(
    properties: Mapping[str, object],
    *,
    name: str,
    function_timeout_s: int = 3,
    visibility_timeout_s: int = 30,
    role_arn: str | None = None,
    stream_retention_s: int = 86_400,
) -> MappingSettings:
    """The settings of one AWS::Lambda::EventSourceMapping, `name` being its logical id.

    `properties` are resolved: no Ref and no intrinsic function is left in them. The other numbers
    are those of the function, the queue and the stream (the defaults are those of AWS), `role_arn`
    is the function's role, which Kinesis events name. Raises MappingError naming the mapping and
    the property.
    """
    given = Properties(name, properties)
    arn = given.text("EventSourceArn")
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""  # noqa: PLR2004  # an ARN's colons
    if service == "sqs":
        given.only(_SHARED | _SQS_ONLY | _WITHOUT_EFFECT)
        return _sqs(given, function_timeout_s, visibility_timeout_s)
    if service == "kinesis":
        given.only(_SHARED | _KINESIS_ONLY | _WITHOUT_EFFECT)
        return _kinesis(given, role_arn, stream_retention_s)
    raise given.error("EventSourceArn", f"{arn!r} is neither an SQS queue nor a Kinesis stream")


def _sqs(given: Properties, function_timeout_s: int, visibility_timeout_s: int) -> SqsMapping:
    arn = given.text("EventSourceArn")
    if arn.endswith(".fifo"):
        raise given.error("EventSourceArn", "the local run has standard queues only, not FIFO")
    batch_size = given.integer("BatchSize", 10, 1, 10_000)
    window_s = given.integer("MaximumBatchingWindowInSeconds", 0, 0, 300)
    if batch_size > _UNBATCHED_LIMIT and not window_s:
        raise given.error(
            "MaximumBatchingWindowInSeconds",
            f"must be at least 1 when BatchSize is above {_UNBATCHED_LIMIT} (it is {batch_size})",
        )
    if function_timeout_s > visibility_timeout_s:
        raise given.error(
            "EventSourceArn",
            f"the queue's visibility timeout ({visibility_timeout_s} s) is less than the "
            f"function's timeout ({function_timeout_s} s)",
        )
    scaling = given.section("ScalingConfig")
    scaling.only({"MaximumConcurrency"})
    return SqsMapping(
        name=given.name,
        function=_function(given),
        source_arn=arn,
        enabled=given.flag("Enabled", default=True),
        batch_size=batch_size,
        window_s=window_s,
        report_batch_item_failures=_reports(given),
        maximum_concurrency=(
            scaling.integer("MaximumConcurrency", 2, 2, 1_000)
            if "MaximumConcurrency" in scaling
            else None
        ),
        function_timeout_s=function_timeout_s,
        visibility_timeout_s=visibility_timeout_s,
    )


def _kinesis(given: Properties, role_arn: str | None, retention_s: int) -> KinesisMapping:
    arn = given.text("EventSourceArn")
    if "/consumer/" in arn:
        raise given.error("EventSourceArn", "the local run reads streams, not fan-out consumers")
    age_s = given.integer("MaximumRecordAgeInSeconds", -1, -1, 604_800)
    if 0 <= age_s < _YOUNGEST_MAXIMUM_AGE_S:
        raise given.error(
            "MaximumRecordAgeInSeconds",
            f"must be -1 (no limit) or at least {_YOUNGEST_MAXIMUM_AGE_S}, not {age_s}",
        )
    position, timestamp_ms = _position(given)
    function = _function(given)
    return KinesisMapping(
        name=given.name,
        function=function,
        source_arn=arn,
        role_arn=role_arn or f"arn:aws:iam::{account_of(arn)}:role/{function}",
        enabled=given.flag("Enabled", default=True),
        batch_size=given.integer("BatchSize", 100, 1, 10_000),
        window_s=given.integer("MaximumBatchingWindowInSeconds", 0, 0, 300),
        report_batch_item_failures=_reports(given),
        starting_position=position,
        starting_timestamp_ms=timestamp_ms,
        bisect=given.flag("BisectBatchOnFunctionError", default=False),
        maximum_retry_attempts=given.integer("MaximumRetryAttempts", -1, -1, 10_000),
        maximum_record_age_s=age_s,
        parallelization_factor=given.integer("ParallelizationFactor", 1, 1, 10),
        on_failure=_destination(given),
        stream_retention_s=retention_s,
    )


def _position(given: Properties) -> tuple[StartingPosition, int | None]:
    """Where reading starts; the time (epoch milliseconds) belongs to AT_TIMESTAMP only."""
    if "StartingPosition" not in given:
        raise given.error("StartingPosition", "is required for a stream")
    position = given.text("StartingPosition")
    timed = "StartingPositionTimestamp" in given
    if position == "AT_TIMESTAMP":
        if not timed:
            raise given.error("StartingPositionTimestamp", "is required with AT_TIMESTAMP")
        return "AT_TIMESTAMP", round(given.number("StartingPositionTimestamp") * 1000)
    if timed:
        raise given.error("StartingPositionTimestamp", f"does not go with {position}")
    if position == "TRIM_HORIZON":
        return "TRIM_HORIZON", None
    if position == "LATEST":
        return "LATEST", None
    raise given.error("StartingPosition", f"{position!r} is no position in a stream")


def _function(given: Properties) -> str:
    """The bare name of the function, from a name, a partial ARN or a whole one."""
    parts = given.text("FunctionName").split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[0]


def _reports(given: Properties) -> bool:
    kinds = given.texts("FunctionResponseTypes")
    unknown = [kind for kind in kinds if kind != "ReportBatchItemFailures"]
    if unknown or len(kinds) > 1:
        raise given.error(
            "FunctionResponseTypes", f"holds ReportBatchItemFailures or nothing, not {kinds!r}"
        )
    return bool(kinds)


def _destination(given: Properties) -> str | None:
    section = given.section("DestinationConfig")
    section.only({"OnFailure"})
    failure = section.section("OnFailure")
    failure.only({"Destination"})
    if "Destination" not in failure:
        return None
    arn = failure.text("Destination")
    if arn.split(":")[2:3] not in (["s3"], ["sqs"], ["sns"]):
        raise failure.error("Destination", f"{arn!r} is not the ARN of a bucket, queue or topic")
    return arn


__all__ = [
    "KinesisMapping",
    "MappingError",
    "MappingSettings",
    "SqsMapping",
    "StartingPosition",
    "Tally",
    "from_resource",
]
