"""Play one day of 2013 through the whole pipeline on this machine, and account for every record.

The template is deployed into an embedded endpoint and the real handlers run in worker processes;
only the clock is virtual, so that waiting takes no time and the same seed gives the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import msgspec

from pipeline.aws.kinesis import KinesisStream
from pipeline.aws.people import BookingTable, ContactTable
from pipeline.demo.account import account, look
from pipeline.demo.bookings import Travellers
from pipeline.demo.day import Day, Wish, advisories_of
from pipeline.demo.journal import Journal
from pipeline.demo.outcome import DemoOutcome
from pipeline.ingest.loader import LoadCounts, Loader
from pipeline.ingest.producer import Producer
from pipeline.local.accounting import Accounting
from pipeline.local.execution import Crash
from pipeline.local.loop import RunClock
from pipeline.local.run import LocalRun, Options
from pipeline.local.template import Function
from schemas.records import FeedMessage

# Short enough for a cancellation and its reinstatement to be told one by one.
STEP_MS = 45 * 60_000
_CALLS = {"NormalizeFunction": 1, "DetectFunction": 40, "JoinFunction": 4, "NotifyFunction": 30}

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it, from 0 to 1."""


async def play(clock: RunClock, wish: Wish, data: Day, progress: Progress) -> DemoOutcome:
    """Play the day to the end and audit it. Raises what LocalRun raises when it cannot start."""
    began = time.monotonic()
    parameters = {"Advisories": advisories_of(wish.date), "LogLevel": "DEBUG"}
    accounting, journal = Accounting(), Journal()
    progress("starting the embedded endpoint", 0.0)
    async with LocalRun(clock, Options(backend=wish.backend, parameters=parameters)) as run:
        run.invoker.observers += [accounting.observe, journal.observe]
        run.invoker.crash_plan = _Killer(wish, journal).plan
        _book(run, data.travellers)
        counts = await _feed(clock, run, data, progress)
        progress("draining the queues", 1.0)
        await run.quiesce()
        run_clock_s = (clock.now_ms() - clock.start_ms) / 1000
        found = look(run, journal, accounting, counts)
    wall_s = round(time.monotonic() - began, 2)
    return account(wish, data, found, run_clock_s=run_clock_s, wall_s=wall_s)


class _Killer:
    """Decides which invocations die by SIGKILL, and at which of their calls."""

    def __init__(self, wish: Wish, journal: Journal) -> None:
        self._rng = Random(wish.seed)  # noqa: S311  (seeded on purpose: the same deaths every time)
        self._wanted = wish.kills
        self._journal = journal

    def plan(self, function: Function, number: int) -> Crash | None:
        """A death for about every third invocation while some are left to happen."""
        del number
        if self._journal.kills >= self._wanted or self._rng.random() > 1 / 3:
            return None
        calls = _CALLS.get(function.logical_id, 1)
        return Crash(self._rng.randint(1, calls), before=self._rng.random() < 1 / 2)


def _book(run: LocalRun, travellers: Travellers) -> None:
    dynamodb, tables = run.endpoint.dynamodb, run.plan.tables
    BookingTable(dynamodb, tables["BookingsTable"].ref).load(
        travellers.bookings, travellers.code_shares, whole=True
    )
    ContactTable(dynamodb, tables["ContactsTable"].ref).load(travellers.contacts)


async def _feed(clock: RunClock, run: LocalRun, data: Day, progress: Progress) -> LoadCounts:
    """Put the day's lines into the stream, step by step, each played to rest before the next.

    A step is three quarters of an hour of the real day, far longer than any retry of the pipeline
    takes; on the run's clock it would otherwise be over before a killed worker's batch comes back.
    """
    stream = KinesisStream(run.endpoint.kinesis, run.plan.streams["FeedStream"].name)
    loader = Loader(Producer(stream))
    step: list[FeedMessage] = []
    ends = data.lines[0].received_ms + STEP_MS
    feed = data.feed(lambda _line: clock.now_ms())
    for done, (line, message) in enumerate(zip(data.lines, feed, strict=True)):
        while line.received_ms >= ends:
            if step:
                loader.put(step)
                loader.flush()
                step = []
                progress("playing the day", done / len(data.lines))
                await run.quiesce()
            ends += STEP_MS
        step.append(msgspec.structs.replace(message, received_at=clock.now_ms()))
    loader.put(step)
    loader.flush()
    return loader.counts
