from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.kinesis_mapping import SHARD_END, KinesisPoller
from pipeline.local.kinesis_shard import Progress
from pipeline.local.loop import RunClock, run
from pipeline.local.mapping import KinesisMapping
from pipeline.local.sources import Invocation, Shard, StreamPage
from pipeline.memory.stream import MemoryStream

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/feed"
ROLE = "arn:aws:iam::123456789012:role/handler"
START_MS = 1_760_000_000_000
T = TypeVar("T")
FIRST = "shardId-000000000000"


MAPPING = KinesisMapping(name="Mapping", function="handler", source_arn=ARN, role_arn=ROLE)


def run_row(main: Callable[[RunClock], Coroutine[Any, Any, T]]) -> T:
    return run(main, virtual=True, start_ms=START_MS, limit_s=200_000)


def data_of(event: dict[str, Any]) -> list[str]:
    return [base64.b64decode(item["kinesis"]["data"]).decode() for item in event["Records"]]


@dataclass
class Handler:
    """Processes everything, each batch in `takes_s` seconds."""

    takes_s: float = 0.0
    batches: list[list[str]] = field(default_factory=list)

    async def invoke(self, _function: str, event: dict[str, Any]) -> Invocation:
        self.batches.append(data_of(event))
        await asyncio.sleep(self.takes_s)
        return Invocation(payload={"batchItemFailures": []})


@dataclass
class Bucket:
    """Keeps what it is given."""

    documents: list[dict[str, Any]] = field(default_factory=list)

    async def put(self, invocation_record: dict[str, object]) -> None:
        self.documents.append(json.loads(json.dumps(invocation_record)))


def test_a_poller_is_idle_only_when_every_shard_was_read_to_its_tip() -> None:
    async def main(clock: RunClock) -> None:
        stream = MemoryStream(ARN, clock.now_ms, shard_count=2)
        stream.put(b"a", "k", 0)
        poller = KinesisPoller(MAPPING, stream, Handler(takes_s=5), clock=clock.now_ms)
        assert poller.busy
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(4)
        assert poller.busy
        await asyncio.sleep(3)
        assert poller.idle
        stream.put(b"b", "k", 0)
        await asyncio.sleep(1.5)
        assert poller.busy
        poller.stop()
        await task

    run_row(main)


def test_a_poller_is_not_idle_between_a_parent_and_its_children() -> None:
    async def main(clock: RunClock) -> list[bool]:
        stream = MemoryStream(ARN, clock.now_ms)
        stream.put(b"a", "k")
        stream.split(FIRST)
        stream.put(b"b", "k")
        handler = Handler()
        poller = KinesisPoller(MAPPING, stream, handler, clock=clock.now_ms)
        task = asyncio.create_task(poller.run())
        states: list[bool] = []
        while len(handler.batches) < 2:
            states.append(poller.idle)
            await asyncio.sleep(0)
        poller.stop()
        await task
        return states

    assert not any(run_row(main))


def test_stopping_lets_the_running_batch_end_and_starts_no_other() -> None:
    async def main(clock: RunClock) -> tuple[int, list[list[str]], dict[str, str]]:
        stream = MemoryStream(ARN, clock.now_ms)
        numbers = [stream.put(name.encode(), name) for name in "abcd"]
        handler = Handler(takes_s=10)
        checkpoints: dict[str, str] = {}
        poller = KinesisPoller(
            replace(MAPPING, batch_size=2),
            stream,
            handler,
            clock=clock.now_ms,
            checkpoints=checkpoints,
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(3)
        poller.stop()
        await task
        assert checkpoints == {FIRST: numbers[1]}
        return clock.now_ms() - START_MS, handler.batches, checkpoints

    assert run_row(main)[:2] == (10_000, [["a", "b"]])


def test_stopping_a_poller_that_waits_for_room_or_a_window_ends_it_at_once() -> None:
    async def main(clock: RunClock) -> int:
        stream = MemoryStream(ARN, clock.now_ms)
        for _ in range(50):
            stream.put(b"a", "k")
        poller = KinesisPoller(
            replace(MAPPING, batch_size=100, window_s=300), stream, Handler(), clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(7)
        poller.stop()
        await task
        assert poller.checkpoints == {}
        return clock.now_ms() - START_MS

    assert run_row(main) == 7000


def test_a_poller_reads_ahead_by_two_batches_only() -> None:
    async def main(clock: RunClock) -> int:
        reads: list[int] = []

        class Counting(MemoryStream):
            async def read(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
                page = await super().read(shard_id, after, limit)
                reads.append(len(page.records))
                return page

        stream = Counting(ARN, clock.now_ms)
        for number in range(100):
            stream.put(str(number).encode(), "k")
        poller = KinesisPoller(
            replace(MAPPING, batch_size=10), stream, Handler(takes_s=60), clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(30)
        poller.stop()
        await task
        return sum(reads)

    assert run_row(main) == 20


def test_an_empty_page_that_is_behind_is_followed_up_quickly() -> None:
    async def main(clock: RunClock) -> list[int]:
        times: list[int] = []

        class Gapped(MemoryStream):
            async def read(self, shard_id: str, after: str | None, limit: int) -> StreamPage:
                times.append(clock.now_ms() - START_MS)
                if len(times) < 4:
                    return StreamPage([], behind_ms=1000, ended=False)
                return await super().read(shard_id, after, limit)

        poller = KinesisPoller(MAPPING, Gapped(ARN, clock.now_ms), Handler(), clock=clock.now_ms)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(0.5)
        assert poller.busy
        await asyncio.sleep(2)
        assert poller.idle
        poller.stop()
        await task
        return times

    assert run_row(main) == [0, 200, 400, 600, 1600]


def test_a_parent_that_has_expired_does_not_hold_up_its_child() -> None:
    class Expired(MemoryStream):
        async def shards(self) -> list[Shard]:
            return [Shard(shard.shard_id, ("shardId-gone",)) for shard in await super().shards()]

    async def main(clock: RunClock) -> list[list[str]]:
        stream = Expired(ARN, clock.now_ms)
        stream.put(b"a", "k")
        handler = Handler()
        poller = KinesisPoller(MAPPING, stream, handler, clock=clock.now_ms)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(2)
        poller.stop()
        await task
        return handler.batches

    assert run_row(main) == [["a"]]


def test_an_error_of_the_destination_keeps_the_records() -> None:
    class Full:
        async def put(self, _record: dict[str, object]) -> None:
            raise OSError

    class Failing:
        async def invoke(self, _function: str, _event: dict[str, object]) -> Invocation:
            return Invocation(error="Unhandled")

    checkpoints: dict[str, str] = {}

    async def main(clock: RunClock) -> None:
        stream = MemoryStream(ARN, clock.now_ms)
        stream.put(b"a", "k")
        await KinesisPoller(
            replace(MAPPING, maximum_retry_attempts=0, on_failure="arn:aws:s3:::failures"),
            stream,
            Failing(),
            clock=clock.now_ms,
            destination=Full(),
            checkpoints=checkpoints,
        ).run()

    with pytest.raises(ExceptionGroup) as error:
        run_row(main)
    assert error.group_contains(OSError)
    assert checkpoints == {}


@given(st.permutations(range(12)), st.data())
def test_the_checkpoint_never_passes_an_unsettled_record(
    order: list[int], data: st.DataObject
) -> None:
    progress = Progress(None)
    for number in range(12):
        progress.expect(str(number))
    settled: set[int] = set()
    while order:
        size = data.draw(st.integers(1, len(order)))
        chunk, order = order[:size], order[size:]
        progress.settle([str(number) for number in chunk])
        settled.update(chunk)
        first_open = next((number for number in range(12) if number not in settled), 12)
        assert progress.checkpoint == (str(first_open - 1) if first_open else None)
        assert progress.open == 12 - len(settled)


@dataclass
class Chaos:
    """A function and a stream in trouble: all of it drawn from one seed."""

    chance: random.Random
    reporting: bool
    poison: set[str]
    processed: list[str] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)

    async def invoke(self, _function: str, event: dict[str, Any]) -> Invocation:
        if self.chance.random() < 0.1:
            return Invocation(error="Throttled")
        names = data_of(event)
        keys = {item["kinesis"]["partitionKey"] for item in event["Records"]}
        self.running.update(keys)
        assert max(self.running.values()) == 1, "two invocations of one key at once"
        await asyncio.sleep(self.chance.choice([0, 0.1, 1, 5]))
        self.running.subtract(keys)
        bad = [name for name in names if name in self.poison]
        if bad and not (self.reporting and self.chance.random() < 0.5):
            return Invocation(error="Unhandled")
        upto = names.index(bad[0]) if bad else len(names)
        self.processed.extend(names[:upto])
        failed = [item["kinesis"]["sequenceNumber"] for item in event["Records"]][upto : upto + 1]
        return Invocation(
            payload={"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
        )


@dataclass
class Run:
    """A poller that may be restarted, over a stream that may be resharded."""

    clock: RunClock
    settings: KinesisMapping
    chaos: Chaos
    stream: MemoryStream
    bucket: Bucket = field(default_factory=Bucket)
    checkpoints: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.poller = KinesisPoller(
            self.settings,
            self.stream,
            self.chaos,
            clock=self.clock.now_ms,
            destination=self.bucket,
            checkpoints=self.checkpoints,
        )
        self.task = asyncio.create_task(self.poller.run())

    async def stop(self) -> None:
        self.poller.stop()
        await self.task

    async def rest(self) -> None:
        """Wait until the poller has seen the last record and settled everything."""
        await asyncio.sleep(2)
        for _ in itertools.takewhile(lambda _: self.poller.busy, itertools.count()):
            await asyncio.sleep(10)

    async def put(self, count: int) -> set[str]:
        """Put records 0, 1, ... with splits and restarts between; the shards that were split."""
        chance = self.chaos.chance
        closed: set[str] = set()
        for number in range(count):
            self.stream.put(str(number).encode(), f"key{number % 5}")
            await asyncio.sleep(chance.choice([0, 0, 0.4, 2]))
            if chance.random() < 0.1:
                names = [shard.shard_id for shard in await self.stream.shards()]
                parent = chance.choice([name for name in names if name not in closed])
                self.stream.split(parent)
                closed.add(parent)
            if chance.random() < 0.05:
                await self.stop()
                self.start()
        return closed

    def given_up(self) -> list[str]:
        payloads = [json.loads(document["payload"]) for document in self.bucket.documents]
        return [name for payload in payloads for name in data_of(payload)]


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 40),
    batch_size=st.integers(1, 10),
    factor=st.integers(1, 4),
    bisect=st.booleans(),
    reporting=st.booleans(),
)
def test_whatever_goes_wrong_each_record_is_settled_and_in_its_keys_order(
    *, seed: int, count: int, batch_size: int, factor: int, bisect: bool, reporting: bool
) -> None:
    """Errors, reports, throttles, resharding and restarts, drawn from one seed."""
    chance = random.Random(seed)
    settings = replace(
        MAPPING,
        batch_size=batch_size,
        parallelization_factor=factor,
        bisect=bisect,
        report_batch_item_failures=reporting,
        maximum_retry_attempts=chance.randint(0, 3),
        on_failure="arn:aws:s3:::failures",
    )
    poison = {str(number) for number in range(count) if chance.random() < 0.1}
    chaos = Chaos(chance, reporting, poison)

    async def main(clock: RunClock) -> Run:
        row = Run(clock, settings, chaos, MemoryStream(ARN, clock.now_ms, shard_count=2))
        row.start()
        closed = await row.put(count)
        await row.rest()
        await row.stop()
        drained = {name for name, at in row.checkpoints.items() if at == SHARD_END}
        assert drained == closed
        return row

    given_up = run_row(main).given_up()
    assert set(chaos.processed) | set(given_up) == {str(number) for number in range(count)}
    assert set(given_up) >= poison
    if bisect:
        assert set(given_up) == poison
    for key in range(5):
        firsts = [int(name) for name in dict.fromkeys(chaos.processed) if int(name) % 5 == key]
        assert all(earlier < later for earlier, later in pairwise(firsts))
