"""Rules for alarms: whatever is set aside, late or failing reaches a person.

A rule takes a stack and returns a finding for every place that breaks it.
"""

from __future__ import annotations

from tests.contract.policy.stack import (
    ALARM,
    FUNCTION,
    RULE,
    STREAM,
    TOPIC,
    Resource,
    Stack,
)


def _watching(stack: Stack, metric: str, dimension: str, value: str) -> list[Resource]:
    """The alarms on one metric ("AWS/SQS:ApproximateAgeOfOldestMessage") of one resource."""
    namespace, name = metric.split(":")
    return [
        alarm
        for alarm in stack.of(ALARM)
        if (alarm.at("Namespace"), alarm.at("MetricName")) == (namespace, name)
        and alarm.at("Dimensions") == [{"Name": dimension, "Value": value}]
        and alarm.at("ComparisonOperator") == "GreaterThanThreshold"
    ]


def _at_once(alarms: list[Resource]) -> bool:
    """Whether one of the alarms rings for a single occurrence within five minutes."""
    return any(
        alarm.number("Threshold", default=1) == 0
        and alarm.number("Period", default=300) * alarm.number("EvaluationPeriods", default=1)
        <= 300
        and alarm.at("Statistic") in {"Maximum", "Sum"}
        for alarm in alarms
    )


def dead_letters_ring(stack: Stack) -> list[str]:
    """On the visible count: NumberOfMessagesSent stays 0 when a redrive policy moves messages.

    Source: Amazon SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
    """
    metric = "AWS/SQS:ApproximateNumberOfMessagesVisible"
    return [
        f"{queue.id}: no alarm on its first visible message"
        for queue in stack.dead_letter_queues()
        if not _at_once(_watching(stack, metric, "QueueName", f"${{{queue.id}.QueueName}}"))
    ]


def records_set_aside_by_the_stream_ring(stack: Stack) -> list[str]:
    """AWS Lambda developer guide, "Event source mapping metrics": they must be asked for."""
    found = []
    for mapping in stack.mappings(STREAM):
        if mapping.at("MetricsConfig", "Metrics") != ["EventCount"]:
            found.append(f"{mapping.id}: does not count its events")
        for metric in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount"):
            full = f"AWS/Lambda:{metric}"
            if not _at_once(_watching(stack, full, "EventSourceMappingUUID", mapping.ref)):
                found.append(f"{mapping.id}: no alarm on {metric}")
    return found


def waiting_messages_ring(stack: Stack) -> list[str]:
    """A queue whose oldest message grows old is a stage that does not keep up."""
    metric = "AWS/SQS:ApproximateAgeOfOldestMessage"
    return [
        f"{queue.id}: no alarm on the age of its oldest message"
        for queue in stack.working_queues()
        if not _watching(stack, metric, "QueueName", f"${{{queue.id}.QueueName}}")
    ]


def waiting_records_ring(stack: Stack) -> list[str]:
    """The same for the stream, long before records expire; and when producers are held back."""
    found = []
    for mapping in stack.mappings(STREAM):
        function, stream = stack.function(mapping), stack.source(mapping)
        late = _watching(stack, "AWS/Lambda:IteratorAge", "FunctionName", function.ref)
        kept_ms = stream.number("RetentionPeriodHours", default=24) * 3_600_000
        if not any(0 < alarm.number("Threshold", default=0) <= kept_ms // 24 for alarm in late):
            found.append(f"{function.id}: no alarm on the iterator age")
        full = "AWS/Kinesis:WriteProvisionedThroughputExceeded"
        if not _at_once(_watching(stack, full, "StreamName", stream.ref)):
            found.append(f"{stream.id}: no alarm on refused writes")
    return found


def failing_functions_ring(stack: Stack) -> list[str]:
    """Errors are bugs or outages: records that a stage refuses are not errors of the function."""
    return [
        f"{function.id}: no alarm on {metric}"
        for function in stack.of(FUNCTION)
        for metric in ("Errors", "Throttles")
        if not _at_once(_watching(stack, f"AWS/Lambda:{metric}", "FunctionName", function.ref))
    ]


def failing_hand_over_rings(stack: Stack) -> list[str]:
    """What the topic could not deliver to a gateway is a person who was not told."""
    metric = "AWS/SNS:NumberOfNotificationsFailed"
    return [
        f"{topic.id}: no alarm on failed deliveries"
        for function in stack.of(FUNCTION)
        if (topic := stack.meant(stack.environment(function).get("FLIGHTWIRE_SENDER_TOPIC_ARN")))
        and not _at_once(_watching(stack, metric, "TopicName", f"${{{topic.id}.TopicName}}"))
    ]


def undelivered_events_ring(stack: Stack) -> list[str]:
    """Amazon EventBridge user guide, "Monitoring": an event its rule cannot deliver is lost."""
    return [
        f"{rule.id}: no alarm on failed invocations"
        for rule in stack.of(RULE)
        if not _at_once(_watching(stack, "AWS/Events:FailedInvocations", "RuleName", rule.ref))
    ]


def alarms_reach_a_topic(stack: Stack) -> list[str]:
    """Every alarm acts, on a topic of this template, and a quiet metric is no alarm."""
    found = []
    for alarm in stack.of(ALARM):
        targets = [stack.meant(one) for one in alarm.at("AlarmActions") or []]
        if not any(one and one.kind == TOPIC for one in targets):
            found.append(f"{alarm.id}: notifies no topic of this template")
        if alarm.at("ActionsEnabled") is False:
            found.append(f"{alarm.id}: its actions are switched off")
        if alarm.at("TreatMissingData") != "notBreaching":
            found.append(f"{alarm.id}: rings, or knows nothing, when there is no data")
    return found


def alarms_watch_what_exists(stack: Stack) -> list[str]:
    """An alarm on a name written by hand stays silent for ever after a rename."""
    return [
        f"{alarm.id}: watches {value!r}, which is no resource of this template"
        for alarm in stack.of(ALARM)
        for value in [one["Value"] for one in alarm.at("Dimensions") or [{"Value": None}]]
        if stack.meant(value) is None
    ]


RULES = (
    dead_letters_ring,
    records_set_aside_by_the_stream_ring,
    waiting_messages_ring,
    waiting_records_ring,
    failing_functions_ring,
    failing_hand_over_rings,
    undelivered_events_ring,
    alarms_reach_a_topic,
    alarms_watch_what_exists,
)
