"""Each row of mapping_conformance.toml is one AWS rule, run against the pollers on virtual time.

A row sends messages or records by label, lets a scripted function answer, and says which
invocations must follow and where every label must end. The table's head explains its words.
"""

from __future__ import annotations

import asyncio
import base64
import json
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.events import PAYLOAD_LIMIT, json_size
from pipeline.local.kinesis_mapping import KinesisPoller
from pipeline.local.loop import RunClock, run
from pipeline.local.mapping import KinesisMapping, MappingError, SqsMapping, from_resource
from pipeline.local.sources import Invocation, QueueMessage
from pipeline.local.sqs_mapping import SqsPoller
from pipeline.memory.queue import EntryFault, MemoryQueue, QueueAttributes, Redrive
from pipeline.memory.stream import MemoryStream, kinesis_number

TABLE = tomllib.loads(Path(__file__).with_name("mapping_conformance.toml").read_text("utf-8"))
START_MS = 1_760_000_000_000
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:work"
DEAD = "arn:aws:sqs:eu-west-1:123456789012:work-dead"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/feed"
BUCKET = "arn:aws:s3:::failures"
EXPECTATIONS = {
    "about_s",
    "at_s",
    "checkpoint",
    "count",
    "dead",
    "destination",
    "invocations",
    "left",
    "payload",
    "peak",
    "per_key_order",
    "receive_counts",
    "receives_at_most",
    "sizes",
    "skipped",
    "throttled_at_least",
    "times_tried",
    "warns",
}


@dataclass(kw_only=True)
class Script:
    """How the function behaves; the head of the table explains each word."""

    takes_s: float | list[float] = 0.0
    throttled_until_s: float = 0.0
    throttled_above: int | None = None
    errors_first: int = 0
    error: str = "Unhandled"
    raises_on: str = ""
    reports: str = ""
    reports_first: int | None = None
    returns: str | None = None


@dataclass(kw_only=True)
class Seen:
    """One invocation: when it began (seconds into the row), of what, and its event."""

    at_s: float
    labels: list[str]
    event: dict[str, Any]
    done_s: float = -1.0


@dataclass
class Function:
    """A scripted function that remembers its invocations."""

    script: Script
    clock: RunClock
    seen: list[Seen] = field(default_factory=list)
    throttles: int = 0
    running: int = 0
    peak: int = 0

    async def invoke(self, function: str, event: dict[str, object]) -> Invocation:
        assert function == "handler"
        at_s = (self.clock.now_ms() - START_MS) / 1000
        above = self.script.throttled_above
        if at_s < self.script.throttled_until_s or (above is not None and self.running >= above):
            self.throttles += 1
            return Invocation(error="Throttled")
        found: dict[str, Any] = dict(event)
        call = Seen(at_s=at_s, labels=[label_of(item) for item in found["Records"]], event=found)
        self.seen.append(call)
        index = len(self.seen) - 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        takes = self.script.takes_s
        seconds = takes[min(index, len(takes) - 1)] if isinstance(takes, list) else takes
        await asyncio.sleep(seconds)
        self.running -= 1
        call.done_s = (self.clock.now_ms() - START_MS) / 1000
        return self._answer(index, call)

    def _answer(self, index: int, call: Seen) -> Invocation:
        script = self.script
        if index < script.errors_first or set(script.raises_on.split()) & set(call.labels):
            return Invocation(error=script.error)
        ids = [id_of(item) for item in call.event["Records"]]
        if script.returns is not None:
            return Invocation(payload=json.loads(script.returns.replace("$FIRST", ids[0])))
        reported: list[str] = []
        if script.reports_first is None or index < script.reports_first:
            wanted = script.reports.split()
            reported = [ids[call.labels.index(label)] for label in wanted if label in call.labels]
        failures = [{"itemIdentifier": item} for item in reported]
        return Invocation(payload={"batchItemFailures": failures})


@dataclass
class Bucket:
    """An on-failure destination that keeps what it is given."""

    documents: list[dict[str, Any]] = field(default_factory=list)

    async def put(self, invocation_record: dict[str, object]) -> None:
        self.documents.append(json.loads(json.dumps(invocation_record)))


def label_of(item: dict[str, Any]) -> str:
    text = item["body"] if "body" in item else base64.b64decode(item["kinesis"]["data"]).decode()
    return str(text).rstrip('."')


def id_of(item: dict[str, Any]) -> str:
    return str(item["messageId"] if "messageId" in item else item["kinesis"]["sequenceNumber"])


def bodies(sent: dict[str, Any]) -> list[str]:
    """The labels of one `send`, each padded to its size in KiB."""
    labels = sent["labels"].split() if "labels" in sent else []
    labels += [f"m{number:03d}" for number in range(sent.get("count", 0))]
    filler = sent.get("filler", ".")
    return [label + filler * (sent.get("kib", 0) * 1024) for label in labels]


async def until(clock: RunClock, at_s: float) -> None:
    await asyncio.sleep(max(START_MS / 1000 + at_s - clock.now_ms() / 1000, 0))


@dataclass
class Outcome:
    """What a row led to."""

    function: Function
    sent: list[str]
    warned: list[str]
    left: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    labels_by_number: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)


async def run_queue(row: dict[str, Any], clock: RunClock) -> Outcome:
    mapping = mapping_of(row)
    assert isinstance(mapping, SqsMapping)
    settings = row.get("queue", {})
    undeletable = Counter(settings.get("fails_deletion_once", "").split())

    def fail_delete(message: QueueMessage) -> EntryFault | None:
        label = label_of({"body": message.body})
        undeletable[label] -= 1
        return EntryFault("InternalError", "try again") if undeletable[label] >= 0 else None

    dead = MemoryQueue(DEAD, clock.now_ms, QueueAttributes(retention_s=1_209_600))
    queue = MemoryQueue(
        QUEUE,
        clock.now_ms,
        QueueAttributes(
            visibility_s=settings.get("visibility_s", 30),
            redrive=Redrive(settings.get("max_receive_count", 3), dead),
        ),
        fail_delete=fail_delete,
    )
    function = Function(Script(**row.get("function", {})), clock)
    warned: list[str] = []
    poller = SqsPoller(
        mapping,
        queue.hidden_for(mapping.receive_visibility_s),
        function,
        clock=clock.now_ms,
        warn=warned.append,
    )
    outcome = Outcome(function, [], warned)

    async def send(sent: dict[str, Any]) -> None:
        await until(clock, sent.get("at_s", 0))
        for body in bodies(sent):
            queue.send(body, delay_s=sent.get("delay_s"))
            outcome.sent.append(label_of({"body": body}))

    await play(row, clock, send, [poller], {"stop": poller.stop})
    outcome.left = [label_of({"body": message.body}) for message in queue.peek()]
    outcome.dead = [label_of({"body": message.body}) for message in dead.peek()]
    return outcome


async def play(
    row: dict[str, Any],
    clock: RunClock,
    send: Callable[[dict[str, Any]], Coroutine[Any, Any, None]],
    pollers: Sequence[SqsPoller | KinesisPoller],
    actions: Mapping[str, Callable[[], Awaitable[None] | None]],
) -> None:
    """Run the senders, the actions and the pollers side by side for `run_s` seconds."""

    async def act(action: dict[str, Any]) -> None:
        await until(clock, action["at_s"])
        done = actions[action["do"]]()
        if done is not None:
            await done

    async with asyncio.TaskGroup() as tasks:
        for sent in row["send"]:
            tasks.create_task(send(sent))
        for action in row.get("actions", []):
            tasks.create_task(act(action))
        for poller in pollers:
            tasks.create_task(begin(poller, clock, row.get("starts_at_s", 0)))
        await until(clock, row["run_s"])
        for poller in pollers:
            poller.stop()


async def begin(poller: SqsPoller | KinesisPoller, clock: RunClock, at_s: float) -> None:
    await until(clock, at_s)
    await poller.run()


async def run_stream(row: dict[str, Any], clock: RunClock) -> Outcome:
    settings = row.get("stream", {})
    mapping = mapping_of(row)
    assert isinstance(mapping, KinesisMapping)
    stream = MemoryStream(
        STREAM,
        clock.now_ms,
        shard_count=settings.get("shards", 1),
        number=str if settings.get("short_numbers") else kinesis_number,
        record_limit=10 * 1_048_576,
    )
    function = Function(Script(**row.get("function", {})), clock)
    outcome = Outcome(function, [], [])
    bucket = Bucket()

    def poller() -> KinesisPoller:
        return KinesisPoller(
            mapping,
            stream,
            function,
            clock=clock.now_ms,
            destination=bucket if mapping.on_failure else None,
            checkpoints=outcome.checkpoints,
            warn=outcome.warned.append,
        )

    pollers = [poller()]

    async def restart() -> None:
        pollers.append(poller())
        await pollers[-1].run()

    async def send(sent: dict[str, Any]) -> None:
        await until(clock, sent.get("at_s", 0))
        shards = settings.get("shards", 1)
        hash_key = sent["shard"] * 2**128 // shards if "shard" in sent else None
        for body in bodies(sent):
            number = stream.put(body.encode(), body[:1], hash_key)
            outcome.sent.append(body.rstrip("."))
            outcome.labels_by_number[number] = body.rstrip(".")

    def stop() -> None:
        pollers[-1].stop()

    def split() -> None:
        stream.split("shardId-000000000000")

    def merge() -> None:
        stream.merge("shardId-000000000000", "shardId-000000000001")

    await play(
        row,
        clock,
        send,
        pollers,
        {
            "stop": stop,
            "restart": restart,
            "split": split,
            "merge": merge,
        },
    )
    outcome.documents = bucket.documents
    return outcome


def mapping_of(row: dict[str, Any]) -> SqsMapping | KinesisMapping:
    """The mapping of a row, through its CloudFormation properties."""
    settings = row.get("queue", {})
    queue = row["source"] == "sqs"
    properties: dict[str, Any] = {
        "FunctionName": "handler",
        "EventSourceArn": QUEUE if queue else STREAM,
    }
    if not queue:
        properties |= {
            "StartingPosition": "TRIM_HORIZON",
            "DestinationConfig": {"OnFailure": {"Destination": BUCKET}},
        }
    return from_resource(
        properties | row.get("properties", {}),
        name="Mapping",
        function_timeout_s=settings.get("function_timeout_s", 3),
        visibility_timeout_s=settings.get("visibility_s", 30),
        stream_retention_s=row.get("stream", {}).get("retention_s", 86_400),
    )


def play_row(row: dict[str, Any]) -> Outcome:
    async def main(clock: RunClock) -> Outcome:
        return await (run_queue if row["source"] == "sqs" else run_stream)(row, clock)

    return run(main, virtual=True, start_ms=START_MS, limit_s=200_000)


@pytest.mark.parametrize("row", TABLE["row"], ids=lambda row: row["name"])
def test_the_pollers_follow_the_rule(row: dict[str, Any]) -> None:
    outcome = play_row(row)
    expect = row["expect"]
    assert set(expect) <= EXPECTATIONS
    check_places(outcome, expect)
    check_invocations(outcome, expect)
    check_destination(outcome, expect)
    assert_every_event_fits(outcome)


def check_places(outcome: Outcome, expect: dict[str, Any]) -> None:
    """Every label that was sent is where it should be, and was processed otherwise."""
    assert sorted(outcome.left) == sorted(expect.get("left", "").split())
    assert sorted(outcome.dead) == sorted(expect.get("dead", "").split())
    given_up = [
        outcome.labels_by_number[number]
        for document in outcome.documents
        for number in numbers_of(outcome, document)
    ]
    expected = [label for item in expect.get("destination", []) for label in item["of"].split()]
    assert given_up == expected
    tried = {label for call in outcome.function.seen for label in call.labels}
    elsewhere = {*outcome.left, *outcome.dead, *given_up, *expect.get("skipped", "").split()}
    assert set(outcome.sent) - elsewhere <= tried
    assert not tried & set(expect.get("skipped", "").split())


def numbers_of(outcome: Outcome, document: dict[str, Any]) -> list[str]:
    """The sequence numbers that an invocation record covers."""
    info = document["KinesisBatchInfo"]
    low, high = int(info["startSequenceNumber"]), int(info["endSequenceNumber"])
    numbers = [number for number in outcome.labels_by_number if low <= int(number) <= high]
    assert len(numbers) == info["batchSize"]
    return numbers


def check_invocations(outcome: Outcome, expect: dict[str, Any]) -> None:
    seen = outcome.function.seen
    warned = " / ".join(outcome.warned)
    expected: dict[str, Any] = {
        "invocations": [" ".join(call.labels) for call in seen],
        "at_s": [call.at_s for call in seen],
        "count": len(seen),
        "sizes": [len(call.labels) for call in seen],
        "peak": outcome.function.peak,
        "receive_counts": [
            item["attributes"]["ApproximateReceiveCount"]
            for call in seen
            for item in call.event["Records"]
            if "attributes" in item
        ],
        "checkpoint": [outcome.labels_by_number.get(at, at) for at in outcome.checkpoints.values()],
        "times_tried": dict(Counter(label for call in seen for label in call.labels)),
    }
    for word, value in expected.items():
        if word in expect:
            assert value == expect[word], word
    if "about_s" in expect:
        late = [at - due for at, due in zip(expected["at_s"], expect["about_s"], strict=True)]
        assert all(0 <= seconds <= 1 for seconds in late), late
    receives = [int(count) for count in expected["receive_counts"]]
    assert max(receives, default=0) <= expect.get("receives_at_most", max(receives, default=0))
    assert outcome.function.throttles >= expect.get("throttled_at_least", 0)
    assert (expect["warns"] in warned) if "warns" in expect else (not warned)
    if expect.get("per_key_order"):
        assert_per_key_order(outcome)


def assert_per_key_order(outcome: Outcome) -> None:
    """Per partition key: never two invocations at once, and first deliveries in the order put."""
    for key in {label[:1] for label in outcome.sent}:
        mine = [call for call in outcome.function.seen if any(x[:1] == key for x in call.labels)]
        for earlier, later in pairwise(mine):
            assert earlier.done_s <= later.at_s
        delivered = [label for call in mine for label in call.labels if label[:1] == key]
        assert list(dict.fromkeys(delivered)) == [x for x in outcome.sent if x[:1] == key]


def check_destination(outcome: Outcome, expect: dict[str, Any]) -> None:
    for document, wanted in zip(outcome.documents, expect.get("destination", []), strict=True):
        context = document["requestContext"]
        assert context["condition"] == wanted["condition"]
        assert context["approximateInvokeCount"] == wanted["attempts"]
        if wanted["condition"] == "RecordAgeExceeded":
            assert "responseContext" not in document
        else:
            assert document["responseContext"]["functionError"] == (wanted.get("error") or None)
        payload = json.loads(document["payload"]) if "payload" in document else None
        assert (payload is not None) == expect.get("payload", True)
        if payload is not None:
            labels = [label_of(item) for item in payload["Records"]]
            assert labels == wanted["of"].split()


def assert_every_event_fits(outcome: Outcome) -> None:
    for call in outcome.function.seen:
        assert json_size(call.event) <= PAYLOAD_LIMIT


@pytest.mark.parametrize("row", TABLE["refused"], ids=lambda row: row["name"])
def test_a_mapping_that_aws_or_the_local_run_does_not_take_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(MappingError) as error:
        mapping_of(row)
    assert str(error.value).startswith(f"Mapping: {row['field']}: ")
    assert row["says"] in str(error.value)


@pytest.mark.parametrize("row", TABLE["accepted"], ids=lambda row: row["name"])
def test_a_mapping_at_the_edge_is_taken(row: dict[str, Any]) -> None:
    mapping = mapping_of(row)
    for name, value in row["becomes"].items():
        assert getattr(mapping, name) == value


def test_each_row_names_its_rule_and_source_once() -> None:
    rows = [*TABLE["row"], *TABLE["refused"], *TABLE["accepted"]]
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    assert all(row["rule"] and row["doc"] in TABLE["docs"] for row in rows)
    assert len(TABLE["row"]) >= 64


def test_a_row_run_twice_interleaves_identically() -> None:
    for row in TABLE["row"]:
        if row["name"] not in TABLE["repeated"]:
            continue
        first, second = (
            [(call.at_s, call.done_s, call.event) for call in play_row(row).function.seen]
            for _ in range(2)
        )
        assert first == second
