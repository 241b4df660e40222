"""Rules for access and safekeeping: who may do what, encryption, recovery, expiry.

A rule takes a stack and returns a finding for every place that breaks it. Sources: AWS
Well-Architected Framework, Serverless Applications Lens, security pillar; OWASP Serverless Top 10.
"""

from __future__ import annotations

import re
from collections import defaultdict

from tests.contract.policy.stack import (
    BUCKET,
    FUNCTION,
    KEY,
    LOGS,
    QUEUE,
    ROLE,
    STREAM,
    TABLE,
    TOPIC,
    Resource,
    Stack,
    Statement,
)

# What a mapping needs of its source, and what a stage may do with what its settings name.
READ_STREAM = {
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
}
RECEIVE = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}
SEND = {"sqs:SendMessage"}
TABLE_ACTIONS = {
    "LegsTable": {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    },
    "BookingsTable": {"dynamodb:BatchGetItem"},
    "ContactsTable": {"dynamodb:BatchGetItem"},
    "LedgerTable": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
}
KEY_ACTIONS = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}
# Under its stack's door a function puts into the stream and reads the objects of the bucket.
PUT_STREAM = {"kinesis:ListShards", "kinesis:PutRecords"}
DROPPED_OBJECTS = "/*"
# Lambda names the objects of an on-failure destination itself, always below this prefix.
FAILURE_OBJECTS = "/aws/lambda/*"


def functions_have_their_own_roles(stack: Stack) -> list[str]:
    """One role per function, declared here and used by nothing else."""
    found = []
    users: dict[str, list[str]] = defaultdict(list)
    for function in stack.of(FUNCTION):
        role = stack.role(function)
        if role is None:
            found.append(f"{function.id}: its role is not in this template")
        else:
            users[role.id].append(function.id)
    found += [
        f"{role.id}: is the role of {users[role.id] or 'nobody'}"
        for role in stack.of(ROLE)
        if len(users[role.id]) != 1
    ]
    return found


def roles_are_for_lambda_only(stack: Stack) -> list[str]:
    """Nobody but the Lambda service can take on a function's role."""
    trusted = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
    return [
        f"{role.id}: trusts more than the Lambda service"
        for role in stack.of(ROLE)
        if role.at("AssumeRolePolicyDocument", "Statement") != trusted
    ]


def roles_carry_only_their_own_policies(stack: Stack) -> list[str]:
    """A policy attached from elsewhere grants what this template does not show."""
    attached = stack.of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
    found = [f"{policy.id}: a policy apart from its role" for policy in attached]
    found += [
        f"{role.id}: has managed policies"
        for role in stack.of(ROLE)
        if role.at("ManagedPolicyArns")
    ]
    return found


def roles_have_no_wildcards(stack: Stack) -> list[str]:
    """No star in an action or resource, but for object names that others choose."""
    found = []
    for role in stack.of(ROLE):
        for statement in stack.statements(role):
            stars = [one for one in (*statement.actions, *statement.resources) if "*" in one]
            if statement.actions == ("s3:PutObject",):
                stars = [one for one in stars if not _is_failures_prefix(stack, one)]
            if statement.actions == ("s3:GetObject",):
                stars = [one for one in stars if not _is_drop_bucket(stack, one)]
            found += [f"{role.id}: wildcard in {one!r}" for one in stars]
            if statement.inverted:
                found.append(f"{role.id}: grants all but what it names")
    return found


def _is_failures_prefix(stack: Stack, resource: str) -> bool:
    bucket = stack.meant(resource.removesuffix(FAILURE_OBJECTS))
    return bucket is not None and resource.endswith(FAILURE_OBJECTS)


def _is_drop_bucket(stack: Stack, resource: str) -> bool:
    """Whether it is all objects of a bucket that some function's settings name, and no more."""
    bucket = stack.meant(resource.removesuffix(DROPPED_OBJECTS))
    named = [stack.environment(one).get("FLIGHTWIRE_DROP_BUCKET") for one in stack.of(FUNCTION)]
    return bucket is not None and bucket in map(stack.meant, named)


def roles_grant_exactly_what_settings_name(stack: Stack) -> list[str]:
    """A role reaches the source, the resources in the settings, its log group and the key."""
    found = []
    for function in stack.of(FUNCTION):
        role = stack.role(function)
        if role is None:
            continue
        granted: dict[str, set[str]] = defaultdict(set)
        for statement in stack.statements(role):
            for resource in statement.resources:
                granted[resource] |= set(statement.actions)
        wanted = _wanted(stack, function)
        for resource in sorted(granted.keys() | wanted.keys()):
            excess = granted[resource] - wanted[resource]
            missing = wanted[resource] - granted[resource]
            # Not every role needs every use of the key.
            missing -= KEY_ACTIONS - {"kms:Decrypt", "kms:GenerateDataKey"}
            found += [f"{role.id}: {one} on {resource} is not needed" for one in sorted(excess)]
            found += [f"{role.id}: {one} on {resource} is missing" for one in sorted(missing)]
    return found


def _wanted(stack: Stack, function: Resource) -> dict[str, set[str]]:
    """Actions by resource that a function and its mapping need."""
    wanted: dict[str, set[str]] = defaultdict(set)
    mapping = stack.mapping(function)
    source = stack.source(mapping)
    wanted[source.arn] |= READ_STREAM if source.kind == STREAM else RECEIVE
    bucket = stack.meant(mapping.at("DestinationConfig", "OnFailure", "Destination"))
    if bucket is not None:
        wanted[bucket.arn] |= {"s3:ListBucket"}
        wanted[bucket.arn + FAILURE_OBJECTS] |= {"s3:PutObject"}
    for name, value in stack.environment(function).items():
        named = stack.meant(value)
        if named is not None:
            for arn, actions in _by_setting(name, named).items():
                wanted[arn] |= actions
    logs = stack.meant(function.at("LoggingConfig", "LogGroup"))
    if logs is not None:
        wanted[logs.arn] |= LOG_ACTIONS
    for key in stack.of(KEY):
        wanted[key.arn] |= KEY_ACTIONS
    return wanted


def _by_setting(name: str, named: Resource) -> dict[str, set[str]]:
    """Actions by resource that come with a setting which names a resource."""
    if name.endswith("_QUEUE_URL"):
        return {named.arn: SEND}
    if name.endswith("_TABLE"):
        return {named.arn: TABLE_ACTIONS.get(named.id, set())}
    if name.endswith("_TOPIC_ARN"):
        return {named.ref: {"sns:Publish"}}
    if name.endswith("_STREAM"):
        return {named.arn: PUT_STREAM}
    if name.endswith("_BUCKET"):
        return {named.arn + DROPPED_OBJECTS: {"s3:GetObject"}}
    return {}


def only_notify_publishes(stack: Stack) -> list[str]:
    """The hand-over topic takes messages from the one role that keeps the ledger."""
    found = []
    for function in stack.of(FUNCTION):
        topic = stack.meant(stack.environment(function).get("FLIGHTWIRE_SENDER_TOPIC_ARN"))
        role = stack.role(function)
        if topic is None or role is None:
            continue
        others = {"ArnNotEquals": {"aws:PrincipalArn": role.arn}}
        if not any(
            one.effect == "Deny" and one.principal == "*" and one.condition == others
            for one in stack.door(topic)
        ):
            found.append(f"{topic.id}: does not refuse other publishers than {role.id}")
    return found


def doors_refuse_plain_http(stack: Stack) -> list[str]:
    """Queues, topics and buckets deny everybody who comes without TLS, whoever it is."""
    found = []
    for resource in stack.of(QUEUE, TOPIC, BUCKET):
        own = resource.ref if resource.kind == TOPIC else resource.arn
        wanted = {own, f"{own}/*"} if resource.kind == BUCKET else {own}
        covered = {
            name
            for statement in stack.door(resource)
            if statement.refuses_plain_http
            and statement.actions in (("s3:*",), ("sqs:*",), ("sns:Publish",))
            for name in statement.resources
        }
        if not wanted <= covered:
            found.append(f"{resource.id}: no policy refuses plain HTTP")
    return found


def doors_open_to_nobody_unnamed(stack: Stack) -> list[str]:
    """A statement that allows something names who, and a service only for this account."""
    found = []
    for resource in stack.of(QUEUE, TOPIC, BUCKET):
        for statement in stack.door(resource):
            if statement.effect != "Allow":
                continue
            by_service = isinstance(statement.principal, dict) and "Service" in statement.principal
            bounded = "aws:SourceAccount" in statement.condition.get("StringEquals", {})
            if "*" in str(statement.principal) or (by_service and not bounded):
                found.append(f"{resource.id}: open to {statement.principal}")
    return found


# The property that holds the key, by kind of resource.
_KEY_PROPERTIES = {
    QUEUE: ("KmsMasterKeyId",),
    TOPIC: ("KmsMasterKeyId",),
    STREAM: ("StreamEncryption", "KeyId"),
    TABLE: ("SSESpecification", "KMSMasterKeyId"),
    LOGS: ("KmsKeyId",),
}


def data_is_encrypted_with_our_key(stack: Stack) -> list[str]:
    """Stream, queues, tables, topics, buckets and logs, all with a key of this template."""
    found = [
        f"{resource.id}: is not encrypted with a key of this template"
        for kind, path in _KEY_PROPERTIES.items()
        for resource in stack.of(kind)
        if (key := stack.meant(resource.at(*path))) is None or key.kind != KEY
    ]
    found += [
        f"{table.id}: SSE is not on with KMS"
        for table in stack.of(TABLE)
        if table.at("SSESpecification", "SSEEnabled") is not True
        or table.at("SSESpecification", "SSEType") != "KMS"
    ]
    for bucket in stack.of(BUCKET):
        rules = bucket.at("BucketEncryption", "ServerSideEncryptionConfiguration") or [{}]
        default = rules[0].get("ServerSideEncryptionByDefault", {})
        key = stack.meant(default.get("KMSMasterKeyID"))
        if default.get("SSEAlgorithm") != "aws:kms" or key is None or key.kind != KEY:
            found.append(f"{bucket.id}: is not encrypted with a key of this template")
    return found


_USES = {
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
}
_LIMITS = ("kms:ViaService", "kms:EncryptionContext:aws:logs:arn", "aws:SourceArn")


def keys_are_used_through_services_only(stack: Stack) -> list[str]:
    """Key policies grant named actions, and use of the key only on behalf of our services."""
    found = []
    for key in stack.of(KEY):
        if key.at("EnableKeyRotation") is not True:
            found.append(f"{key.id}: does not rotate")
        statements = [Statement.of(one) for one in key.at("KeyPolicy", "Statement")]
        for statement in statements:
            if any("*" in action for action in statement.actions) or statement.principal == "*":
                found.append(f"{key.id}: grants {statement.actions} to {statement.principal}")
            limits = [name for one in statement.condition.values() for name in one]
            if _USES & set(statement.actions) and not set(_LIMITS) & set(limits):
                found.append(f"{key.id}: may be used outside the services that hold our data")
        if not any("kms:PutKeyPolicy" in one.actions for one in statements):
            found.append(f"{key.id}: nobody could change its policy again")
    return found


def buckets_are_private_and_versioned(stack: Stack) -> list[str]:
    """No public access by any of the four doors; versions kept; nothing kept for ever."""
    found = []
    for bucket in stack.of(BUCKET):
        blocked = bucket.at("PublicAccessBlockConfiguration") or {}
        names = (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
        found += [f"{bucket.id}: {name} is off" for name in names if blocked.get(name) is not True]
        owners = bucket.at("OwnershipControls", "Rules")
        if owners != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            found.append(f"{bucket.id}: access lists are not switched off")
        if bucket.at("VersioningConfiguration", "Status") != "Enabled":
            found.append(f"{bucket.id}: keeps no versions")
        rules = bucket.at("LifecycleConfiguration", "Rules") or []
        if not any(rule["Status"] == "Enabled" and "ExpirationInDays" in rule for rule in rules):
            found.append(f"{bucket.id}: its objects never expire")
    return found


def tables_can_be_restored(stack: Stack) -> list[str]:
    """Point-in-time recovery on every table."""
    path = ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")
    return [
        f"{table.id}: no point-in-time recovery"
        for table in stack.of(TABLE)
        if table.at(*path) is not True
    ]


EXPIRING = {"LegsTable", "LedgerTable"}


def passing_rows_expire(stack: Stack) -> list[str]:
    """State of legs and the ledger expire by `expires_at`; bookings and contacts never do here."""
    by_attribute = {"AttributeName": "expires_at", "Enabled": True}
    return [
        f"{table.id}: time to live is {table.at('TimeToLiveSpecification')}"
        for table in stack.of(TABLE)
        if table.at("TimeToLiveSpecification") != (by_attribute if table.id in EXPIRING else None)
    ]


def state_outlives_the_stack(stack: Stack) -> list[str]:
    """Deleting or replacing the stack's resources deletes no data."""
    return [
        f"{resource.id}: would be deleted with the stack"
        for resource in stack.of(TABLE, BUCKET, STREAM, KEY)
        if (resource.deletion_policy, resource.replace_policy) != ("Retain", "Retain")
    ]


def logs_expire(stack: Stack) -> list[str]:
    """Each function logs to a group of its own, which forgets."""
    found = []
    groups: dict[str, str] = {}
    for function in stack.of(FUNCTION):
        group = stack.meant(function.at("LoggingConfig", "LogGroup"))
        if group is None or group.kind != LOGS:
            found.append(f"{function.id}: logs to no group of this template")
        elif groups.setdefault(group.id, function.id) != function.id:
            found.append(f"{group.id}: is shared")
    found += [
        f"{group.id}: keeps log lines for ever or too long"
        for group in stack.of(LOGS)
        if not 1 <= group.number("RetentionInDays", default=0) <= 90
    ]
    return found


_SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|API_?KEY|PRIVATE|ACCESS_KEY")
_SECRET_VALUE = re.compile(r"\{\{resolve:|\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN |\beyJ[\w-]+\.")


def environments_hold_no_secrets(stack: Stack) -> list[str]:
    """Anybody who may look at a function sees its environment, so nothing secret stands there."""
    return [
        f"{function.id}: {name} looks like a secret"
        for function in stack.of(FUNCTION)
        for name, value in stack.environment(function).items()
        if _SECRET_NAME.search(name) or _SECRET_VALUE.search(value)
    ]


RULES = (
    functions_have_their_own_roles,
    roles_are_for_lambda_only,
    roles_carry_only_their_own_policies,
    roles_have_no_wildcards,
    roles_grant_exactly_what_settings_name,
    only_notify_publishes,
    doors_refuse_plain_http,
    doors_open_to_nobody_unnamed,
    data_is_encrypted_with_our_key,
    keys_are_used_through_services_only,
    buckets_are_private_and_versioned,
    tables_can_be_restored,
    passing_rows_expire,
    state_outlives_the_stack,
    logs_expire,
    environments_hold_no_secrets,
)
