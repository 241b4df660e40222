from __future__ import annotations

import asyncio
import itertools
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.loop import (
    DeadlockError,
    RunClock,
    TimeLimitError,
    VirtualTimeLoop,
    call,
    pause,
    run,
)

START_MS = 1_760_000_000_000
DAY_S = 86_400


def test_a_virtual_week_takes_no_time_and_ends_exactly() -> None:
    async def main(clock: RunClock) -> int:
        await asyncio.sleep(7 * DAY_S)
        return clock.now_ms()

    assert run(main, virtual=True, start_ms=START_MS) == START_MS + 7 * DAY_S * 1000


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=20))
def test_timers_fire_in_order_at_their_own_millisecond(delays_ms: list[int]) -> None:
    async def main(clock: RunClock) -> list[tuple[int, int]]:
        fired: list[tuple[int, int]] = []

        async def timer(delay_ms: int) -> None:
            await asyncio.sleep(delay_ms / 1000)
            fired.append((clock.now_ms() - START_MS, delay_ms))

        await asyncio.gather(*(timer(delay_ms) for delay_ms in delays_ms))
        return fired

    fired = run(main, virtual=True, start_ms=START_MS)
    assert [at for at, _ in fired] == sorted(delays_ms)
    assert all(at == delay for at, delay in fired)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=2, max_size=12))
def test_two_runs_of_one_program_interleave_identically(work: list[tuple[int, int]]) -> None:
    async def main(clock: RunClock) -> list[tuple[int, int, int]]:
        trace: list[tuple[int, int, int]] = []
        turn = asyncio.Semaphore(2)

        async def worker(number: int, delay_s: int, rounds: int) -> None:
            for step in range(rounds):
                async with turn:
                    await asyncio.sleep(delay_s)
                    trace.append((clock.now_ms(), number, step))

        async with asyncio.TaskGroup() as tasks:
            for number, (delay_s, rounds) in enumerate(work):
                tasks.create_task(worker(number, delay_s, rounds))
        return trace

    first, second = (run(main, virtual=True, start_ms=START_MS) for _ in range(2))
    assert first == second


def test_a_program_that_waits_for_nothing_is_a_deadlock_and_names_who_waits() -> None:
    async def main(_: RunClock) -> None:
        await asyncio.create_task(asyncio.Event().wait(), name="the poller")

    with pytest.raises(DeadlockError, match="the poller"):
        run(main, virtual=True)


def test_virtual_time_ends_at_its_limit() -> None:
    async def main(_: RunClock) -> None:
        for _second in itertools.count():
            await asyncio.sleep(1)

    with pytest.raises(TimeLimitError, match="after 60 virtual seconds"):
        run(main, virtual=True, limit_s=60)


def test_tasks_are_cancelled_when_a_run_fails() -> None:
    ended: list[str] = []

    async def main(_: RunClock) -> None:
        async def other() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append("other")

        task = asyncio.create_task(other())
        await asyncio.sleep(1)
        raise LookupError(task.get_name())

    with pytest.raises(LookupError):
        run(main, virtual=True)
    assert ended == ["other"]


def test_threads_and_sockets_are_refused_on_virtual_time() -> None:
    async def thread(_: RunClock) -> None:
        await asyncio.to_thread(int)

    async def listen(_: RunClock) -> None:
        left, right = socket.socketpair()
        with left, right:
            asyncio.get_running_loop().add_reader(left, lambda: None)

    with pytest.raises(RuntimeError, match=r"use pipeline\.local\.loop\.call"):
        run(thread, virtual=True)
    with pytest.raises(RuntimeError, match="wall's clock"):
        run(listen, virtual=True)


def test_a_blocking_call_runs_inline_on_virtual_time_and_in_a_thread_on_the_wall() -> None:
    async def main(clock: RunClock) -> tuple[int, int]:
        before = clock.now_ms()
        thread = await call(threading.get_ident)
        return thread, clock.now_ms() - before

    thread, passed_ms = run(main, virtual=True)
    assert (thread, passed_ms) == (threading.get_ident(), 0)
    thread, _ = run(main, virtual=False)
    assert thread != threading.get_ident()


def test_a_blocking_call_passes_arguments_results_and_errors() -> None:
    async def main(_: RunClock) -> str:
        with pytest.raises(ValueError, match="invalid literal"):
            await call(int, "x")
        return await call("{} {}".format, 1, "b")

    assert run(main, virtual=True) == "1 b"


def test_a_loop_of_blocking_calls_lets_others_run() -> None:
    async def main(_: RunClock) -> int:
        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(done.set)
        calls = 0
        while not done.is_set():
            await call(int)
            calls += 1
        return calls

    assert run(main, virtual=True) <= 2


def test_the_wall_clock_starts_where_it_is_told_and_moves_forward() -> None:
    async def main(clock: RunClock) -> tuple[int, int]:
        first = clock.now_ms()
        await asyncio.sleep(0)
        return first, clock.now_ms()

    first, second = run(main, virtual=False, start_ms=START_MS)
    assert START_MS <= first <= second < START_MS + 60_000


@pytest.mark.parametrize("virtual", [True, False])
def test_without_a_start_a_run_starts_now(*, virtual: bool) -> None:
    async def main(clock: RunClock) -> int:
        return clock.now_ms()

    assert run(main, virtual=virtual) > START_MS


def test_a_pause_ends_early_when_its_event_is_set() -> None:
    async def main(clock: RunClock) -> list[tuple[bool, int]]:
        event = asyncio.Event()
        outcomes = [(await pause(5, event), clock.now_ms() - START_MS)]
        asyncio.get_running_loop().call_later(2, event.set)
        outcomes.append((await pause(5, event), clock.now_ms() - START_MS))
        return outcomes

    assert run(main, virtual=True, start_ms=START_MS) == [(False, 5000), (True, 7000)]


def test_a_virtual_loop_starts_at_zero() -> None:
    loop = VirtualTimeLoop()
    try:
        assert loop.time() == 0.0
    finally:
        loop.close()
