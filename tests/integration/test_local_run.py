"""The local run: a small chain deployed, its mappings played, its functions run in processes.

Mostly on virtual time, where minutes of visibility timeouts and retries take no time at all.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.accounting import Accounting, depths
from pipeline.local.deploy import objects
from pipeline.local.endpoint import Endpoint, embedded, running
from pipeline.local.endpoint_server import Backend
from pipeline.local.execution import Crash
from pipeline.local.invoker import InvocationReport
from pipeline.local.loop import RunClock, run
from pipeline.local.mapping import MappingError
from pipeline.local.run import LocalRun, LocalRunError, Options
from pipeline.local.sources import QueueDepth
from pipeline.local.template import Function
from tests.integration.backends import BACKENDS
from tests.integration.processes import children, gone

pytestmark = pytest.mark.integration

START_MS = 1_360_303_200_000  # 2013-02-08T06:00:00Z
Play = Callable[[LocalRun, "Seen"], Awaitable[None]]


@dataclass
class Seen:
    """What a run showed."""

    reports: list[InvocationReport] = field(default_factory=list)
    sums: Accounting = field(default_factory=Accounting)
    counts: dict[str, int] = field(default_factory=dict)
    at_ms: dict[str, int] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    depths: dict[str, QueueDepth] = field(default_factory=dict)
    pids: list[int] = field(default_factory=list)

    def by(self, function: str) -> list[InvocationReport]:
        """Reports of one function."""
        return [one for one in self.reports if one.function.logical_id == function]


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test gets its own temporary and state folders, which it must leave empty."""
    folder, state = tmp_path / "tmp", tmp_path / "state"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    before = children(os.getpid())
    yield
    assert list(folder.iterdir()) == []
    assert [path for path in state.rglob("*") if path.is_file()] == []
    assert children(os.getpid()) == before


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an endpoint that many runs share, one after the other."""
    with embedded("moto", folder=tmp_path_factory.mktemp("moto")) as started:
        yield started.url


@pytest.fixture
def shared(moto: str, chain: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Options]:
    """Options of a run of the chain on the shared endpoint, with these template parameters."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return lambda template=chain, **parameters: Options(
        template=template, endpoint_url=moto, parameters=parameters
    )


def play(
    options: Options,
    act: Play,
    *,
    virtual: bool = True,
    crashes: Callable[[Function, int], Crash | None] | None = None,
) -> Seen:
    """Run the chain, let `act` do what it wants with it, and look at everything when it rests."""

    async def main(clock: RunClock) -> Seen:
        seen = Seen()
        async with LocalRun(clock, options) as local:
            local.invoker.observers += [seen.reports.append, seen.sums.observe]
            local.invoker.crash_plan = crashes or local.invoker.crash_plan
            await act(local, seen)
            await local.quiesce()
            look(local, seen)
        return seen

    return run(main, virtual=virtual, start_ms=START_MS if virtual else None, limit_s=100_000)


def look(local: LocalRun, seen: Seen) -> None:
    """Take down what is in the table, the bucket, the queues and the sender's file."""
    endpoint, plan = local.endpoint, local.plan
    for item in endpoint.dynamodb.scan(TableName=plan.tables["Counts"].ref)["Items"]:
        seen.counts[item["pk"]["S"]] = int(item["times"]["N"])
        seen.at_ms[item["pk"]["S"]] = int(item["at_ms"]["N"])
    seen.sent.update(one["reference"] for one in local.outbox.new())
    bucket = plan.buckets["Failures"].ref
    for key in objects(endpoint, bucket):
        body = endpoint.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        seen.failures.append({"key": key, **json.loads(body)})
    seen.depths.update(depths(endpoint, plan))
    seen.pids = [*local.invoker.pids, local.endpoint.pid or 0]


def put(*records: dict[str, Any]) -> Play:
    """Put these records, each with its id as the partition key."""

    async def act(local: LocalRun, _seen: Seen) -> None:
        put_now(local.endpoint, local.plan.streams["Feed"].name, records)

    return act


def put_now(endpoint: Endpoint, stream: str, records: Sequence[dict[str, Any]]) -> None:
    answer = endpoint.kinesis.put_records(
        StreamName=stream,
        Records=[
            {"Data": json.dumps(record).encode(), "PartitionKey": record["id"]}
            for record in records
        ],
    )
    assert answer["FailedRecordCount"] == 0


def ids(failure: dict[str, Any]) -> list[str]:
    """The ids of the records in an invocation record's payload."""
    event = json.loads(failure["payload"])
    return [
        json.loads(base64.b64decode(entry["kinesis"]["data"]))["id"] for entry in event["Records"]
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_record_goes_through_both_hops_and_each_poison_is_isolated(
    backend: Backend, chain: Path
) -> None:
    """The same figures from both endpoints: the rules are ours, not theirs."""
    records: list[dict[str, Any]] = [{"id": f"r{n}"} for n in range(300)]
    records[17]["poison"] = "stream"
    records[33]["poison"] = "queue"

    seen = play(Options(template=chain, backend=backend), put(*records))

    healthy = {f"r{n}" for n in range(300)} - {"r17", "r33"}
    assert seen.counts == dict.fromkeys(healthy, 1)
    assert seen.sent == Counter(healthy)
    [failure] = seen.failures
    assert ids(failure) == ["r17"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 3
    assert failure["key"].startswith("aws/lambda/")
    assert f"/{failure['KinesisBatchInfo']['shardId']}/2013/02/08/2013-02-08T06." in failure["key"]
    assert seen.depths == {
        "Between": QueueDepth(0, 0, 0),
        "BetweenDeadLetters": QueueDepth(visible=1, in_flight=0, delayed=0),
    }
    assert seen.sums.stages["count"].failed == 3  # received three times, then redriven
    assert all(stage.unaccounted == 0 for stage in seen.sums.stages.values())
    assert all(gone(pid) for pid in seen.pids)


def test_two_runs_on_virtual_time_interleave_alike(shared: Callable[..., Options]) -> None:
    records: list[dict[str, Any]] = [{"id": f"r{n}"} for n in range(40)]
    records[5]["poison"] = "stream"

    def history() -> list[tuple[object, ...]]:
        seen = play(shared(), put(*records))
        return [
            (one.function.logical_id, one.request_id, one.started_ms, one.records, one.failed)
            for one in seen.reports
        ]

    first = history()

    assert first == history()
    assert len(first) > 5


@pytest.mark.parametrize(
    ("crash", "twice_counted", "twice_sent"),
    [
        # Each id is one DynamoDB call and then one line in the sender's file.
        (Crash(call=1, before=True), set(), set()),
        (Crash(call=1, before=False), {"r0"}, set()),
        (Crash(call=2, before=True), {"r0"}, set()),
        (Crash(call=2, before=False), {"r0"}, {"r0"}),
        (Crash(call=3, before=True), {"r0"}, {"r0"}),
        (Crash(call=5, before=False), {"r0", "r1", "r2"}, {"r0", "r1"}),
        # The last call of all, and one that is never made.
        (Crash(call=8, before=False), {"r0", "r1", "r2", "r3"}, {"r0", "r1", "r2", "r3"}),
        (Crash(call=9, before=True), set(), set()),
    ],
)
def test_a_killed_workers_batch_comes_back_and_is_done(
    shared: Callable[..., Options], crash: Crash, twice_counted: set[str], twice_sent: set[str]
) -> None:
    def crashes(function: Function, number: int) -> Crash | None:
        return crash if (function.logical_id, number) == ("CountFunction", 1) else None

    four = put(*({"id": f"r{n}"} for n in range(4)))
    seen = play(shared(Shards="1"), four, crashes=crashes)

    everything = {"r0", "r1", "r2", "r3"}
    assert seen.counts == {one: 2 if one in twice_counted else 1 for one in everything}
    assert seen.sent == Counter(everything) + Counter(twice_sent)
    errors = [one.error for one in seen.by("CountFunction")]
    if crash.call > 8:
        assert errors == [None]
    else:
        assert errors == ["Exited", None]
        first, second = seen.by("CountFunction")
        assert "SIGKILL" in first.error_message
        # The visibility timeout of the queue, in the run's time.
        assert 61_000 <= second.started_ms - first.started_ms <= 64_000


@pytest.mark.parametrize(
    ("how", "error", "kind", "message"),
    [
        ("raise", "Unhandled", "LookupError", "no such gate"),
        ("hang", "Timeout", "", "Task timed out after 1.00 seconds"),
        ("exit", "Exited", "Runtime.ExitError", "exit 3"),
        ("kill", "Exited", "", "the process was ended by SIGKILL"),
    ],
)
def test_a_record_that_breaks_the_function_costs_itself_only(
    shared: Callable[..., Options], how: str, error: str, kind: str, message: str
) -> None:
    options = shared(Timeout="1", Shards="1")

    seen = play(options, put({"id": "a"}, {"id": "b", "how": how}, {"id": "c"}))

    assert seen.counts == {"a": 1, "c": 1}
    assert [ids(failure) for failure in seen.failures] == [["b"]]
    broken = [one for one in seen.by("MarkFunction") if one.error]
    assert {one.error for one in broken} == {error}
    assert {(one.error_type, one.error_message) for one in broken} == {(kind, message)}
    assert how != "raise" or "_fail(found" in broken[0].trace


def test_a_message_sent_with_a_delay_arrives_so_much_later_in_the_runs_time(
    shared: Callable[..., Options],
) -> None:
    options = shared(Shards="1", BatchSize="1")

    seen = play(options, put({"id": "now"}, {"id": "late", "delay": 300}))

    assert seen.counts == {"now": 1, "late": 1}
    assert seen.at_ms["now"] - START_MS < 10_000
    assert 300_000 <= seen.at_ms["late"] - START_MS < 310_000


def test_what_a_function_prints_is_kept_by_invocation_and_its_calls_are_counted(
    shared: Callable[..., Options],
) -> None:
    options = shared(Shards="1", BatchSize="2")

    seen = play(options, put(*({"id": f"r{n}"} for n in range(4))))

    first, second = seen.by("MarkFunction")
    for report in (first, second):
        [line] = report.logs
        assert isinstance(line, dict)
        assert line["request_id"] == report.request_id
        assert 0 < line["remaining_ms"] <= 10_000
        assert report.calls == {"sqs.SendMessageBatch": {"requests": 1, "entries": 1}}
    [counted] = seen.by("CountFunction")
    assert counted.logs[:2] == ["counted 4", "a complaint"]
    assert counted.calls == {"dynamodb.UpdateItem": {"requests": 4, "entries": 4}}
    assert seen.at_ms.keys() == {"r0", "r1", "r2", "r3"}
    assert all(START_MS <= at < START_MS + 10_000 for at in seen.at_ms.values())


def test_on_the_walls_clock_the_same_chain_runs_with_several_workers(chain: Path) -> None:
    options = Options(template=chain, parameters={"BatchSize": "10"}, workers=2)

    seen = play(options, put(*({"id": f"r{n}"} for n in range(60))), virtual=False)

    assert seen.counts == {f"r{n}": 1 for n in range(60)}
    assert len(seen.pids) - 1 <= 4
    assert all(gone(pid) for pid in seen.pids)


def test_a_run_says_where_it_is_while_it_runs_and_a_second_one_is_refused(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    options = Options(template=chain, advertise=True)

    async def act(local: LocalRun, _seen: Seen) -> None:
        found = json.loads((state / "flightwire" / "local.json").read_text())
        assert found["endpoint_url"] == local.endpoint.url
        assert found["stream"] == local.plan.streams["Feed"].name
        assert (found["region"], found["pid"]) == ("us-east-1", os.getpid())
        with pytest.raises(LocalRunError, match="going on already"):
            await LocalRun(RunClock(0, asyncio.get_running_loop()), options).__aenter__()

    play(options, act)

    assert not (state / "flightwire" / "local.json").exists()


def test_the_address_of_a_run_that_was_killed_is_replaced(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "state" / "flightwire" / "local.json"
    path.parent.mkdir(parents=True)
    stale = {"endpoint_url": "http://x", "region": "y", "stream": "z", "pid": 2**22 + 1}
    path.write_text(json.dumps(stale))

    async def act(_local: LocalRun, _seen: Seen) -> None:
        assert json.loads(path.read_text())["pid"] == os.getpid()

    play(Options(template=chain, advertise=True), act)


def test_a_run_on_an_endpoint_of_somebody_elses_takes_its_stack_away_again(
    shared: Callable[..., Options], moto: str
) -> None:
    seen = play(shared(), put({"id": "a"}, {"id": "b", "poison": "stream"}))

    assert seen.counts == {"a": 1}
    assert len(seen.failures) == 1  # the bucket was not empty
    with running(moto) as theirs:
        assert theirs.sqs.list_queues().get("QueueUrls", []) == []
        assert theirs.s3.list_buckets()["Buckets"] == []
        assert theirs.kinesis.list_streams()["StreamNames"] == []


@pytest.mark.parametrize(
    ("before", "after", "error", "problem"),
    [
        ("VisibilityTimeout: 61", "VisibilityTimeout: 5", MappingError, "less than the function's"),
        ("BatchSize: 10\n", "BatchSize: 99999\n", MappingError, "from 1 to 10000"),
        ("chain_handlers.count", "chain_handlers.none", None, "has no attribute 'none'"),
    ],
)
def test_a_template_that_aws_would_refuse_is_refused_and_nothing_stays(
    shared: Callable[..., Options],
    chain: Path,
    tmp_path: Path,
    before: str,
    after: str,
    error: type[Exception] | None,
    problem: str,
) -> None:
    text = chain.read_text().replace("CodeUri: .", f"CodeUri: {chain.parent}")
    assert before in text
    edited = tmp_path / "template.yaml"
    edited.write_text(text.replace(before, after))
    options = shared(edited, Shards="1")

    if error is not None:
        with pytest.raises(error, match=problem):
            play(options, put({"id": "a"}))
        return
    # A handler that cannot be imported is the function's failure, met again at each invocation.
    seen = play(options, put({"id": "a"}))
    failed = seen.by("CountFunction")
    assert [one.error for one in failed] == ["Unhandled"] * 3
    assert problem in failed[0].error_message
    assert seen.depths["BetweenDeadLetters"].visible == 1


def test_an_error_in_the_middle_ends_everything_at_once_while_a_function_hangs(
    shared: Callable[..., Options],
) -> None:
    async def main(clock: RunClock) -> None:
        async with LocalRun(clock, shared(Shards="1", Timeout="60")) as local:
            put_now(local.endpoint, local.plan.streams["Feed"].name, [{"id": "a", "how": "hang"}])
            invoked = asyncio.Event()
            local.invoker.crash_plan = lambda *_: invoked.set()  # asked when one begins
            await invoked.wait()
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        run(main, virtual=False)


def test_a_run_that_never_rests_says_so(shared: Callable[..., Options]) -> None:
    async def act(local: LocalRun, _seen: Seen) -> None:
        put_now(local.endpoint, local.plan.streams["Feed"].name, [{"id": "a", "poison": "queue"}])
        await local.quiesce(limit_s=30)

    with pytest.raises(LocalRunError, match="does not come to rest"):
        play(shared(), act)


def test_a_poller_that_fails_ends_the_run_with_its_reason(shared: Callable[..., Options]) -> None:
    async def act(local: LocalRun, _seen: Seen) -> None:
        local.endpoint.sqs.delete_queue(QueueUrl=local.plan.queues["Between"].url)
        local.endpoint.activity.bump()
        await local.watch()

    with pytest.raises(LocalRunError, match=r"CountFunctionBetween.*NonExistentQueue"):
        play(shared(), act)
