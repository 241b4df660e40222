"""Rules for stream, queues and mappings: nothing is lost, nothing blocks, numbers agree.

A rule takes a stack and returns a finding for every place that breaks it. [K] stands for the AWS
Lambda developer guide, "Using Lambda with Kinesis"; [Q] for its "Using Lambda with Amazon SQS".
"""

from __future__ import annotations

from pipeline import settings
from tests.contract.policy.stack import BUCKET, FUNCTION, MAPPING, PLACE, QUEUE, STREAM, Stack

DAY_S = 86_400
INVOCATION_BYTES = 6 * 1024 * 1024
# Lambda stops a chain of invocations of one function after about this many turns.
LOOP_LIMIT = 16


def visibility_covers_six_timeouts_and_the_window(stack: Stack) -> list[str]:
    """[Q], "Configuring a queue": else a throttled batch is released before it was retried."""
    found = []
    for mapping in stack.mappings(QUEUE):
        queue = stack.source(mapping)
        timeout_s = stack.function(mapping).number("Timeout", default=3)
        needed = 6 * timeout_s + mapping.number("MaximumBatchingWindowInSeconds", default=0)
        if queue.number("VisibilityTimeout", default=30) < needed:
            found.append(f"{queue.id}: visibility timeout below {needed} s")
    return found


def messages_are_received_five_times(stack: Stack) -> list[str]:
    """[Q], "Configuring a queue": throttles count as receives, so fewer lose healthy messages."""
    return [
        f"{queue.id}: maxReceiveCount below 5"
        for queue in stack.working_queues()
        if int((queue.at("RedrivePolicy") or {}).get("maxReceiveCount", 5)) < 5
    ]


def working_queues_have_dead_letters(stack: Stack) -> list[str]:
    """A message that cannot be processed ends in a queue that no mapping reads."""
    working = stack.working_queues()
    return [
        f"{queue.id}: has no dead-letter queue"
        for queue in working
        if (target := stack.meant(queue.at("RedrivePolicy", "deadLetterTargetArn"))) is None
        or target.kind != QUEUE
        or target in working
    ]


def dead_letters_are_kept_fourteen_days(stack: Stack) -> list[str]:
    """Amazon SQS quotas: the longest there is; people need time to look."""
    return [
        f"{queue.id}: keeps messages less than 14 days"
        for queue in stack.dead_letter_queues()
        if queue.number("MessageRetentionPeriod", default=4 * DAY_S) != 14 * DAY_S
    ]


def sources_are_kept_shorter_than_their_dead_letters(stack: Stack) -> list[str]:
    """Amazon SQS developer guide, "Dead-letter queues": age goes on counting from the first send.

    A message that fails on its last day in the source must have a week left as a dead letter.
    """
    return [
        f"{queue.id}: leaves its dead letters less than a week"
        for queue in stack.working_queues()
        if (target := stack.meant(queue.at("RedrivePolicy", "deadLetterTargetArn")))
        and queue.number("MessageRetentionPeriod", default=4 * DAY_S) + 7 * DAY_S
        > target.number("MessageRetentionPeriod", default=4 * DAY_S)
    ]


def dead_letters_take_from_their_source_only(stack: Stack) -> list[str]:
    """Each dead-letter queue admits the one queue that names it; every other queue admits none."""
    found = []
    for queue in stack.of(QUEUE):
        sources = [
            PLACE.arn("sqs", one.at("QueueName"))
            for one in stack.of(QUEUE)
            if one.at("RedrivePolicy", "deadLetterTargetArn") == queue.arn
        ]
        wanted = (
            {"redrivePermission": "byQueue", "sourceQueueArns": sources}
            if sources
            else {"redrivePermission": "denyAll"}
        )
        if len(sources) > 1 or queue.at("RedriveAllowPolicy") != wanted:
            found.append(f"{queue.id}: RedriveAllowPolicy is not {wanted}")
    return found


def failed_items_are_reported(stack: Stack) -> list[str]:
    """[K] and [Q], partial batch responses: without it Lambda ignores what a handler reports."""
    return [
        f"{mapping.id}: ReportBatchItemFailures is not set"
        for mapping in stack.of(MAPPING)
        if mapping.at("FunctionResponseTypes") != ["ReportBatchItemFailures"]
    ]


def mappings_are_on(stack: Stack) -> list[str]:
    """A mapping that is off leaves its source to fill up."""
    return [
        f"{mapping.id}: is not enabled"
        for mapping in stack.of(MAPPING)
        if mapping.at("Enabled") not in (None, True)
    ]


def mappings_do_not_filter(stack: Stack) -> list[str]:
    """AWS Lambda developer guide, "Event filtering": what does not match is deleted unseen."""
    return [
        f"{mapping.id}: has FilterCriteria"
        for mapping in stack.of(MAPPING)
        if mapping.at("FilterCriteria") is not None
    ]


def large_batches_have_a_window(stack: Stack) -> list[str]:
    """CreateEventSourceMapping: more than ten SQS messages need a window of at least a second."""
    return [
        f"{mapping.id}: a batch above 10 without a window"
        for mapping in stack.mappings(QUEUE)
        if mapping.number("BatchSize", default=10) > 10
        and mapping.number("MaximumBatchingWindowInSeconds", default=0) < 1
    ]


def full_batches_fit_an_invocation(stack: Stack) -> list[str]:
    """AWS Lambda quotas: 6 MB in one event; larger batches would be cut, so the size would lie."""
    found = []
    for mapping in stack.mappings(QUEUE):
        environment = stack.environment(stack.function(mapping))
        pack_bytes = int(environment.get("FLIGHTWIRE_PACK_BYTES", INVOCATION_BYTES))
        if mapping.number("BatchSize", default=10) * pack_bytes > INVOCATION_BYTES:
            found.append(f"{mapping.id}: a full batch of packs exceeds 6 MB")
        if pack_bytes > stack.source(mapping).number("MaximumMessageSize", default=262_144):
            found.append(f"{stack.source(mapping).id}: a pack is larger than a message may be")
    return found


def concurrency_is_capped_at_the_mapping(stack: Stack) -> list[str]:
    """[Q], "Scaling": MaximumConcurrency is 2 to 1,000 and never above reserved concurrency."""
    found = []
    for mapping in stack.mappings(QUEUE):
        cap = mapping.number("ScalingConfig", "MaximumConcurrency", default=0)
        reserved = stack.function(mapping).number("ReservedConcurrentExecutions", default=1_000)
        if not 2 <= cap <= min(reserved, 1_000):
            found.append(f"{mapping.id}: MaximumConcurrency {cap} is not in 2..{reserved}")
    return found


def shards_are_read_in_parallel_only_when_plain(stack: Stack) -> list[str]:
    """[K], "ParallelizationFactor": it does not go with KPL-aggregated records."""
    aggregated = stack.parameters.get("Aggregated") == "true"
    return [
        f"{mapping.id}: parallelization factor {factor}, Aggregated is {aggregated}"
        for mapping in stack.mappings(STREAM)
        if not 1 <= (factor := mapping.number("ParallelizationFactor", default=1)) <= 10
        or (aggregated and factor > 1)
    ]


def stream_retries_end(stack: Stack) -> list[str]:
    """[K], "Error handling": the defaults retry one bad record until it expires."""
    return [
        f"{mapping.id}: MaximumRetryAttempts is not bounded"
        for mapping in stack.mappings(STREAM)
        if not 1 <= mapping.number("MaximumRetryAttempts", default=-1) <= 100
    ]


def stream_records_are_given_up_before_they_expire(stack: Stack) -> list[str]:
    """What Kinesis itself expires reaches no destination; a day is left to read it again."""
    found = []
    for mapping in stack.mappings(STREAM):
        kept_s = stack.source(mapping).number("RetentionPeriodHours", default=24) * 3_600
        age_s = mapping.number("MaximumRecordAgeInSeconds", default=-1)
        if not 60 <= age_s <= kept_s - DAY_S:
            found.append(f"{mapping.id}: MaximumRecordAgeInSeconds {age_s} of {kept_s} s kept")
    return found


def stream_batches_are_split_on_error(stack: Stack) -> list[str]:
    """[K], "Error handling": splitting isolates the record that kills the function."""
    return [
        f"{mapping.id}: BisectBatchOnFunctionError is off"
        for mapping in stack.mappings(STREAM)
        if mapping.at("BisectBatchOnFunctionError") is not True
    ]


def stream_failures_go_to_a_bucket(stack: Stack) -> list[str]:
    """[K], "On-failure destination": only S3 gets the records, the others get their numbers."""
    return [
        f"{mapping.id}: failed records do not go to a bucket of this template"
        for mapping in stack.mappings(STREAM)
        if (target := stack.meant(mapping.at("DestinationConfig", "OnFailure", "Destination")))
        is None
        or target.kind != BUCKET
    ]


def streams_are_read_from_the_start(stack: Stack) -> list[str]:
    """From LATEST, what is put while the mapping is being made would never be read."""
    return [
        f"{mapping.id}: does not start at TRIM_HORIZON"
        for mapping in stack.mappings(STREAM)
        if mapping.at("StartingPosition") != "TRIM_HORIZON"
    ]


def records_stay_with_their_partition_key(stack: Stack) -> list[str]:
    """Kinesis API, RecordDistributionStrategy: AUTO ignores partition keys, and so the order."""
    return [
        f"{stream.id}: may spread records without regard to their keys"
        for stream in stack.of(STREAM)
        if "RecordDistributionStrategy" in str(stream.properties)
        or stream.at("StreamModeDetails", "StreamMode") != "PROVISIONED"
    ]


def attempts_equal_receives(stack: Stack) -> list[str]:
    """A record sent back to its queue gets as many attempts as a message gets receives."""
    receives = {
        queue.number("RedrivePolicy", "maxReceiveCount", default=0)
        for queue in stack.working_queues()
    }
    return [
        f"{function.id}: FLIGHTWIRE_MAX_ATTEMPTS {attempts} is not maxReceiveCount {receives}"
        for function in stack.of(FUNCTION)
        if {(attempts := int(stack.environment(function)["FLIGHTWIRE_MAX_ATTEMPTS"]))} != receives
    ]


def functions_know_their_timeout(stack: Stack) -> list[str]:
    """Leases and deadlines are worked out from the timeout that Lambda enforces."""
    return [
        f"{function.id}: FLIGHTWIRE_FUNCTION_TIMEOUT_S {told} is not Timeout {timeout}"
        for function in stack.of(FUNCTION)
        if (told := stack.environment(function).get("FLIGHTWIRE_FUNCTION_TIMEOUT_S"))
        != str(timeout := function.number("Timeout", default=3))
    ]


def loops_end_before_lambda_ends_them(stack: Stack) -> list[str]:
    """AWS Lambda developer guide, "Recursive loop detection": the guard stays on, unmet."""
    return [
        f"{function.id}: RecursiveLoop is not Terminate, or attempts reach {LOOP_LIMIT}"
        for function in stack.of(FUNCTION)
        if function.at("RecursiveLoop") != "Terminate"
        or int(stack.environment(function)["FLIGHTWIRE_MAX_ATTEMPTS"]) >= LOOP_LIMIT
    ]


# The resources each stage reaches; what it may do with them is in access.py.
_REACHES = {
    "normalize": {"output_queue_url", "dead_letter_queue_url"},
    "detect": {"input_queue_url", "output_queue_url", "dead_letter_queue_url", "legs_table"},
    "join": {"input_queue_url", "output_queue_url", "dead_letter_queue_url", "bookings_table"},
    "notify": {
        "input_queue_url",
        "dead_letter_queue_url",
        "contacts_table",
        "ledger_table",
        "sender_topic_arn",
    },
    "drop": {"dead_letter_queue_url", "feed_stream", "drop_bucket"},
}
_RESOURCES = ("_url", "_table", "_arn", "_stream", "_bucket")
_ALWAYS = {
    "stage",
    "policy",
    "advisories",
    "max_attempts",
    "function_timeout_s",
    "pack_bytes",
    "pack_records",
    "code_version",
    "log_level",
}


def settings_are_known_and_complete(stack: Stack) -> list[str]:
    """Each stage gets its own resources and every number, under names that `Settings` knows."""
    found = []
    for function in stack.of(FUNCTION):
        environment = stack.environment(function)
        names = {name for name in environment if name.startswith(settings.PREFIX)}
        given = {name.removeprefix(settings.PREFIX).lower() for name in names}
        try:
            stage = settings.read(environment).stage
        except settings.SettingsError as error:
            found.append(f"{function.id}: {error}")
            continue
        reached = {name for name in given if name.endswith(_RESOURCES)}
        unknown = given - set(settings.Settings.__struct_fields__)
        missing = (_REACHES[stage] | _ALWAYS) - given
        foreign = reached - _REACHES[stage] - unknown
        found += [f"{function.id}: {name} is not a field of Settings" for name in sorted(unknown)]
        found += [f"{function.id}: {name} is missing" for name in sorted(missing)]
        found += [f"{function.id}: {name} is not for {stage}" for name in sorted(foreign)]
    return found


def powertools_know_the_stage(stack: Stack) -> list[str]:
    """Log lines and metrics of every stage go under its own name and one namespace."""
    found = []
    for function in stack.of(FUNCTION):
        environment = stack.environment(function)
        service = f"flightwire-{environment.get('FLIGHTWIRE_STAGE')}"
        if environment.get("POWERTOOLS_SERVICE_NAME") != service:
            found.append(f"{function.id}: POWERTOOLS_SERVICE_NAME is not {service}")
        if environment.get("POWERTOOLS_METRICS_NAMESPACE") != "Flightwire":
            found.append(f"{function.id}: POWERTOOLS_METRICS_NAMESPACE is not Flightwire")
    return found


_LOOKED_UP = {
    FUNCTION: ("Timeout", "MemorySize"),
    MAPPING: ("BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts"),
    QUEUE: ("VisibilityTimeout", "MessageRetentionPeriod", "MaximumMessageSize"),
}


def shared_numbers_stand_once(stack: Stack) -> list[str]:
    """A number that another one depends on is looked up in Mappings, never written again."""
    return [
        f"{resource.id}: {name} is written out"
        for kind, names in _LOOKED_UP.items()
        for resource in stack.of(kind)
        for name in names
        if name in resource.raw and not isinstance(resource.raw[name], dict)
    ]


RULES = (
    visibility_covers_six_timeouts_and_the_window,
    messages_are_received_five_times,
    working_queues_have_dead_letters,
    dead_letters_are_kept_fourteen_days,
    sources_are_kept_shorter_than_their_dead_letters,
    dead_letters_take_from_their_source_only,
    failed_items_are_reported,
    mappings_are_on,
    mappings_do_not_filter,
    large_batches_have_a_window,
    full_batches_fit_an_invocation,
    concurrency_is_capped_at_the_mapping,
    shards_are_read_in_parallel_only_when_plain,
    stream_retries_end,
    stream_records_are_given_up_before_they_expire,
    stream_batches_are_split_on_error,
    stream_failures_go_to_a_bucket,
    streams_are_read_from_the_start,
    records_stay_with_their_partition_key,
    attempts_equal_receives,
    functions_know_their_timeout,
    loops_end_before_lambda_ends_them,
    settings_are_known_and_complete,
    powertools_know_the_stage,
    shared_numbers_stand_once,
)
