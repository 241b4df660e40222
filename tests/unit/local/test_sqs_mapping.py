from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.loop import RunClock, run
from pipeline.local.mapping import SqsMapping
from pipeline.local.sources import Invocation, QueueMessage
from pipeline.local.sqs_mapping import (
    GROWTH_PER_MINUTE,
    START_CONCURRENCY,
    TOP_CONCURRENCY,
    SqsPoller,
    _Concurrency,
)
from pipeline.memory.queue import EntryFault, MemoryQueue, QueueAttributes, Redrive

ARN = "arn:aws:sqs:eu-west-1:123456789012:work"
START_MS = 1_760_000_000_000
T = TypeVar("T")


MAPPING = SqsMapping(name="Mapping", function="handler", source_arn=ARN)


class Handler:
    """Answers by a function of the bodies; None stands for an exception."""

    def __init__(self, answer: Callable[[list[str]], object], takes_s: float = 0.0) -> None:
        self.batches: list[list[str]] = []
        self._answer = answer
        self._takes_s = takes_s

    async def invoke(self, function: str, event: dict[str, Any]) -> Invocation:
        assert function == "handler"
        bodies = [record["body"] for record in event["Records"]]
        self.batches.append(bodies)
        await asyncio.sleep(self._takes_s)
        answer = self._answer(bodies)
        return Invocation(error="Unhandled") if answer is None else Invocation(payload=answer)


def run_row(main: Callable[[RunClock], Coroutine[Any, Any, T]]) -> T:
    return run(main, virtual=True, start_ms=START_MS, limit_s=100_000)


def test_what_did_not_fit_a_batch_is_invoked_when_the_poller_stops() -> None:
    async def main(clock: RunClock) -> list[int]:
        queue = MemoryQueue(ARN, clock.now_ms)
        for _ in range(10):
            queue.send("x" * 900_000)
        handler = Handler(lambda _: {"batchItemFailures": []}, takes_s=10)
        poller = SqsPoller(
            replace(MAPPING, maximum_concurrency=2), queue, handler, clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(1)
        poller.stop()
        await task
        assert queue.depth_now().empty
        return [len(batch) for batch in handler.batches]

    assert run_row(main) == [6, 4]


def test_stopping_ends_an_open_window_at_once() -> None:
    async def main(clock: RunClock) -> int:
        queue = MemoryQueue(ARN, clock.now_ms)
        queue.send("a")
        handler = Handler(lambda _: {"batchItemFailures": []})
        poller = SqsPoller(
            replace(MAPPING, batch_size=100, window_s=300), queue, handler, clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(5)
        assert poller.busy
        poller.stop()
        await task
        assert handler.batches == [["a"]]
        assert queue.depth_now().empty
        return clock.now_ms() - START_MS

    assert run_row(main) == 5000


def test_stopping_releases_a_throttled_batch_at_once() -> None:
    class Throttled:
        async def invoke(self, _function: str, _event: dict[str, object]) -> Invocation:
            return Invocation(error="Throttled")

    async def main(clock: RunClock) -> tuple[int, int]:
        queue = MemoryQueue(ARN, clock.now_ms, QueueAttributes(visibility_s=600))
        queue.send("a")
        poller = SqsPoller(
            replace(MAPPING, visibility_timeout_s=600), queue, Throttled(), clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(40)
        poller.stop()
        await task
        assert poller.tally.throttles == 6
        return clock.now_ms() - START_MS, queue.depth_now().in_flight

    assert run_row(main) == (40_000, 1)


def test_a_poller_is_busy_from_the_receive_to_the_deletion() -> None:
    async def main(clock: RunClock) -> None:
        queue = MemoryQueue(ARN, clock.now_ms)
        handler = Handler(lambda _: {"batchItemFailures": []}, takes_s=10)
        poller = SqsPoller(MAPPING, queue, handler, clock=clock.now_ms)
        assert poller.idle
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(3)
        assert poller.idle
        queue.send("a")
        await asyncio.sleep(2)
        assert poller.busy
        await asyncio.sleep(10)
        assert poller.idle
        assert not queue.peek()
        poller.stop()
        await task

    run_row(main)


def test_the_tally_adds_up() -> None:
    async def main(clock: RunClock) -> None:
        queue = MemoryQueue(ARN, clock.now_ms)
        for body in ("a", "b", "c"):
            queue.send(body)
        answers: Iterator[object] = iter([None, {"batchItemFailures": []}])
        handler = Handler(lambda _: next(answers))
        poller = SqsPoller(MAPPING, queue, handler, clock=clock.now_ms)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(60)
        poller.stop()
        await task
        tally = poller.tally
        assert (tally.invocations, tally.errors, tally.processed, tally.returned) == (2, 1, 3, 3)

    run_row(main)


def test_a_warning_is_given_once() -> None:
    async def main(clock: RunClock) -> list[str]:
        queue = MemoryQueue(ARN, clock.now_ms)
        for _ in range(30):
            queue.send("a")
        said: list[str] = []
        settings = replace(MAPPING, report_batch_item_failures=True)
        poller = SqsPoller(
            settings, queue, Handler(lambda _: {}), clock=clock.now_ms, warn=said.append
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(5)
        poller.stop()
        await task
        return said

    said = run_row(main)
    assert len(said) == 1
    assert said[0].startswith("Mapping: handler returned")


def test_an_error_of_the_source_ends_the_poller() -> None:
    class Broken(MemoryQueue):
        async def receive(self, limit: int) -> list[QueueMessage]:
            raise ConnectionError(limit)

    async def main(clock: RunClock) -> None:
        poller = SqsPoller(
            MAPPING, Broken(ARN, clock.now_ms), Handler(lambda _: {}), clock=clock.now_ms
        )
        await poller.run()

    with pytest.raises(ExceptionGroup) as error:
        run_row(main)
    assert error.group_contains(ConnectionError)


def test_a_source_that_gives_ten_at_a_time_fills_larger_batches() -> None:
    class Tens(MemoryQueue):
        async def receive(self, limit: int) -> list[QueueMessage]:
            return self.take(min(limit, 10))

    async def main(clock: RunClock) -> list[int]:
        queue = Tens(ARN, clock.now_ms)
        for number in range(250):
            queue.send(str(number))
        handler = Handler(lambda _: {"batchItemFailures": []})
        poller = SqsPoller(
            replace(MAPPING, batch_size=100, window_s=1), queue, handler, clock=clock.now_ms
        )
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(10)
        poller.stop()
        await task
        return [len(batch) for batch in handler.batches]

    assert run_row(main) == [100, 100, 50]


@dataclass
class Chaos:
    """A function and a queue in trouble: all of it drawn from one seed."""

    seed: int
    reporting: bool
    finished: Counter[str] = field(default_factory=Counter)
    batches: list[tuple[int, list[str]]] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    async def invoke(self, _function: str, event: dict[str, Any]) -> Invocation:
        chance = self.chance
        bodies = [record["body"] for record in event["Records"]]
        if chance.random() < 0.2:
            return Invocation(error="Throttled")
        self.batches.append((round(asyncio.get_running_loop().time() * 1000), bodies))
        await asyncio.sleep(chance.choice([0, 0.3, 2, 20, 40]))
        if chance.random() < 0.2:
            return Invocation(error=chance.choice(["Unhandled", "Timeout"]))
        failed = {body for body in bodies if self.reporting and chance.random() < 0.2}
        self.finished.update(set(bodies) - failed)
        items = [
            {"itemIdentifier": record["messageId"]}
            for record in event["Records"]
            if record["body"] in failed
        ]
        return Invocation(payload={"batchItemFailures": items})

    def lost(self, _: QueueMessage) -> EntryFault | None:
        return EntryFault("InternalError", "lost") if self.chance.random() < 0.1 else None

    def play(self, settings: SqsMapping, count: int) -> None:
        async def main(clock: RunClock) -> None:
            dead = MemoryQueue(ARN + "-dead", clock.now_ms, QueueAttributes(retention_s=10**7))
            attributes = QueueAttributes(redrive=Redrive(4, dead))
            queue = MemoryQueue(ARN, clock.now_ms, attributes, fail_delete=self.lost)
            poller = SqsPoller(settings, queue, self, clock=clock.now_ms)
            task = asyncio.create_task(poller.run())
            for number in range(count):
                queue.send(f"m{number}", delay_s=self.chance.choice([0, 0, 1, 60]))
                await asyncio.sleep(self.chance.choice([0, 0, 0.2, 1]))
            for _ in itertools.takewhile(lambda _: queue.peek() or poller.busy, itertools.count()):
                await asyncio.sleep(10)
            poller.stop()
            await task
            self.dead = [message.body for message in dead.peek()]

        run_row(main)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 60),
    batch_size=st.integers(1, 10),
    window_s=st.integers(0, 5),
    reporting=st.booleans(),
    cap=st.none() | st.integers(2, 8),
)
def test_whatever_goes_wrong_each_message_is_processed_or_dead_lettered(
    *, seed: int, count: int, batch_size: int, window_s: int, reporting: bool, cap: int | None
) -> None:
    """Errors, reports, throttles, lost deletions and slow functions; twice the same."""
    settings = replace(
        MAPPING,
        batch_size=batch_size,
        window_s=window_s,
        report_batch_item_failures=reporting,
        maximum_concurrency=cap,
    )
    chaos, again = Chaos(seed, reporting), Chaos(seed, reporting)
    chaos.play(settings, count)
    again.play(settings, count)
    assert set(chaos.finished) | set(chaos.dead) == {f"m{number}" for number in range(count)}
    assert len(chaos.dead) == len(set(chaos.dead))
    assert all(len(bodies) <= batch_size for _, bodies in chaos.batches)
    tries = Counter(body for _, bodies in chaos.batches for body in bodies)
    assert not tries or max(tries.values()) <= 4
    assert again == chaos


def fill(concurrency: _Concurrency, now_ms: int) -> int:
    """Start as many long invocations as are allowed now; how many then run."""
    running = 1
    while running < concurrency.allowed(now_ms, running):
        running += 1
    return running


def test_concurrency_grows_by_three_hundred_a_minute_while_all_is_in_use() -> None:
    concurrency = _Concurrency(TOP_CONCURRENCY)
    in_use = [fill(concurrency, second * 1000) for second in range(300)]
    assert in_use[0] == START_CONCURRENCY
    assert in_use[60] == START_CONCURRENCY + GROWTH_PER_MINUTE
    assert in_use[-1] == TOP_CONCURRENCY


def test_concurrency_does_not_grow_while_some_is_free() -> None:
    concurrency = _Concurrency(TOP_CONCURRENCY)
    for second in range(60):
        assert concurrency.allowed(second * 1000, START_CONCURRENCY - 1) == START_CONCURRENCY


def test_an_idle_mapping_starts_low_again() -> None:
    concurrency = _Concurrency(TOP_CONCURRENCY)
    concurrency.allowed(0, START_CONCURRENCY)
    assert concurrency.allowed(60_000, 10) > START_CONCURRENCY
    assert concurrency.allowed(61_000, 0) == START_CONCURRENCY


def test_concurrency_backs_off_to_one_waits_for_a_success_and_grows_slowly() -> None:
    concurrency = _Concurrency(TOP_CONCURRENCY)
    for _ in range(10):
        concurrency.back_off(0)
    assert fill(concurrency, 0) == 1
    assert fill(concurrency, 300_000) == 1
    concurrency.back_off(300_000)
    concurrency.recover()
    in_use = [fill(concurrency, 300_000 + second * 1000) for second in range(63)]
    assert [in_use[0], in_use[11], in_use[13], in_use[25], in_use[59]] == [1, 1, 2, 3, 5]
    assert in_use[62] - in_use[60] == 10
