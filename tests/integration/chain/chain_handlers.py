"""The two functions of the test chain: trivial filters in Lambda's clothes.

`mark` sends the ids of a batch on as one message, `count` counts each id in a table and appends it
to the sender's file. A record says itself how it wants to fail.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import clock
from pipeline.aws.clients import dynamodb, sqs

if TYPE_CHECKING:
    from pipeline.local.worker import LambdaContext


def mark(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    ids: list[str] = []
    failed: list[str] = []
    delay_s = 0
    for entry in event["Records"]:
        found = json.loads(base64.b64decode(entry["kinesis"]["data"]))
        if found.get("poison") == "stream":
            failed.append(entry["kinesis"]["sequenceNumber"])
            break
        _fail(found.get("how"))
        delay_s = max(delay_s, found.get("delay", 0))
        ids.append(found["id"] + ("!" if found.get("poison") == "queue" else ""))
    if ids:
        # Ids that end in "!" travel alone, so that only they fail.
        packs = [[one] for one in ids if one.endswith("!")]
        packs += [[one for one in ids if not one.endswith("!")]]
        entries = [
            {"Id": str(at), "MessageBody": json.dumps(pack), "DelaySeconds": delay_s}
            for at, pack in enumerate(packs)
            if pack
        ]
        sqs().send_message_batch(
            QueueUrl=os.environ["QUEUE_URL"],
            Entries=entries,  # type: ignore[arg-type]  # plain dicts of the entry's shape
        )
    _report("mark", context, len(event["Records"]), len(ids), len(event["Records"]) - len(ids))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def count(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    done = 0
    total = 0
    failed: list[str] = []
    for message in event["Records"]:
        ids = json.loads(message["body"])
        total += len(ids)
        if any(one.endswith("!") for one in ids):
            failed.append(message["messageId"])
            continue
        for one in ids:
            dynamodb().update_item(
                TableName=os.environ["TABLE"],
                Key={"pk": {"S": one}},
                UpdateExpression="ADD times :one SET at_ms = :now",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":now": {"N": str(clock.now_ms())},
                },
            )
            _hand_over(one)
            done += 1
    print("counted", done)  # noqa: T201  (a function's plain output is kept too)
    print("a complaint", file=sys.stderr)  # noqa: T201  (and its errors)
    _report("count", context, total, done, total - done)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _fail(how: str | None) -> None:
    """End as the record wants it."""
    if how == "raise":
        raise LookupError("no such gate")
    if how == "hang":
        _hand_over("hanging")
        threading.Event().wait()
    if how == "exit":
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


def _hand_over(one: str) -> None:
    line = {"channel": "sms", "address": "+12125550123", "text": f"hello {one}", "reference": one}
    handle = os.open(
        Path(os.environ["FLIGHTWIRE_SENDER_FILE"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


def _report(stage: str, context: LambdaContext, total: int, forwarded: int, failed: int) -> None:
    line = {
        "message": "batch",
        "stage": stage,
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "in": total,
        "forwarded": forwarded,
        "dropped": {},
        "rejected": 0,
        "failed": failed,
        "duplicate": 0,
        "stale": 0,
        "outputs": forwarded,
        "failed_messages": 0,
    }
    print(json.dumps(line))  # noqa: T201  (Lambda's logs are its standard output)
