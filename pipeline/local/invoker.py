"""Invokes the functions of a plan in worker processes, as Lambda's synchronous invocation does.

One process per function and concurrent invocation, started when first needed and kept warm. What a
function logged, which AWS calls it made and how it ended go to an observer; the event source
mapping only gets the answer.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.local.execution import Crash, Ended, Execution, Exited, TimedOut
from pipeline.local.loop import call
from pipeline.local.sources import Invocation
from pipeline.local.template import Function, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationReport:
    """One invocation, for the observer.

    `records` counts the event's entries and `failed` the answer's batchItemFailures; `logs` holds
    JSON lines as objects and other lines as text; `calls` maps "service.Operation" to its requests
    and entries. `started_ms` is the run's time (epoch milliseconds, UTC), `duration_ms` the wall's.
    """

    function: Function
    request_id: str
    source_arn: str
    records: int
    started_ms: int
    duration_ms: int
    failed: int = 0
    error: str | None = None
    error_type: str = ""
    error_message: str = ""
    trace: str = ""
    logs: list[dict[str, Any] | str] = field(default_factory=list)
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


Observer = Callable[[InvocationReport], None]
# Told a function and the number of its invocation, from 1 on: how that one is to die, or None.
CrashPlan = Callable[[Function, int], Crash | None]


class ProcessInvoker:
    """Invokes by function name, ARN or logical id."""

    def __init__(
        self,
        plan: Plan,
        *,
        environment: Callable[[Function], Mapping[str, str]],
        clock: Callable[[], int],
        virtual: bool,
        folder: Path,
        limits: Mapping[str, int],
    ) -> None:
        """`limits` caps concurrent invocations by logical id; `folder` is where workers may write.

        On virtual time each invocation is told the time, and delays of messages are held back.
        """
        self.observers: list[Observer] = []
        self.crash_plan: CrashPlan = lambda _function, _number: None
        # Told the id of a message and the seconds for which it was to be delayed.
        self.on_delayed: Callable[[str, int], None] = lambda _id, _seconds: None
        self.on_done: Observer = lambda _report: None
        self._plan = plan
        self._environment = environment
        self._clock = clock
        self._virtual = virtual
        self._folder = folder
        self._free: dict[str, list[Execution]] = {name: [] for name in plan.functions}
        self._all: set[Execution] = set()
        self._slots = {name: asyncio.Semaphore(limits.get(name, 1)) for name in plan.functions}
        self._numbers = dict.fromkeys(plan.functions, 0)

    @property
    def running(self) -> int:
        """Invocations that have not ended."""
        return len(self._all) - sum(len(free) for free in self._free.values())

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return sorted(execution.pid for execution in self._all)

    async def invoke(self, function: str, event: dict[str, object]) -> Invocation:
        """The function's answer to `event`; never raises for what the function did."""
        target = self._plan.function_of(function)
        async with self._slots[target.logical_id]:
            number = self._numbers[target.logical_id] = self._numbers[target.logical_id] + 1
            execution = self._take(target)
            try:
                report, answer = await self._run(execution, event, number)
            except BaseException:
                # Nobody waits for the answer any more: the process must not go on with it.
                self._drop(execution)
                raise
            if execution.alive:
                self._free[target.logical_id].append(execution)
            else:
                self._drop(execution)
        self.on_done(report)
        for observer in self.observers:
            observer(report)
        return answer

    def _take(self, target: Function) -> Execution:
        free = self._free[target.logical_id]
        while free:
            execution = free.pop()
            if execution.alive:
                return execution
            self._drop(execution)
        execution = Execution(
            target,
            self._environment(target),
            folder=self._folder,
            hold_back=self._virtual,
        )
        self._all.add(execution)
        return execution

    def _drop(self, execution: Execution) -> None:
        self._all.discard(execution)
        execution.close()

    async def _run(
        self, execution: Execution, event: dict[str, object], number: int
    ) -> tuple[InvocationReport, Invocation]:
        target = execution.function
        started_ms, begun = self._clock(), time.monotonic()
        request_id = self._request_id(target, number)
        request = {
            "id": request_id,
            "event": event,
            "now_ms": started_ms if self._virtual else None,
            "crash": _wire(self.crash_plan(target, number)),
        }
        try:
            ended = await call(execution.invoke, request)
        except TimedOut as error:
            ended = Ended(error="Timeout", message=str(error))
        except Exited as error:
            ended = Ended(error="Exited", message=str(error))
        for message_id, seconds in execution.delayed():
            self.on_delayed(message_id, seconds)
        records = event.get("Records")
        entries = records if isinstance(records, list) else []
        report = InvocationReport(
            function=target,
            request_id=request_id,
            source_arn=entries[0]["eventSourceARN"] if entries else "",
            records=len(entries),
            started_ms=started_ms,
            duration_ms=round((time.monotonic() - begun) * 1000),
            failed=_failures(ended.payload),
            error=ended.error,
            error_type=ended.type,
            error_message=ended.message,
            trace=ended.trace,
            logs=execution.logs(),
            calls=ended.calls,
        )
        return report, Invocation(payload=ended.payload, error=ended.error)

    def _request_id(self, target: Function, number: int) -> str:
        """A new id; on virtual time the same in every run."""
        if self._virtual:
            return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target.arn}/{number}"))
        return str(uuid.uuid4())

    def close(self) -> None:
        """End the workers that are idle and kill those that are not; safe to call twice."""
        for free in self._free.values():
            free.clear()
        while self._all:
            self._all.pop().close()

    def kill(self) -> None:
        """Kill every worker at once; invocations that run end as "Exited"."""
        for execution in self._all:
            execution.kill()


def _wire(crash: Crash | None) -> dict[str, Any] | None:
    return None if crash is None else {"after": crash.call, "before": crash.before}


def _failures(payload: object) -> int:
    """How many batch item failures an answer lists."""
    listed = payload.get("batchItemFailures") if isinstance(payload, dict) else None
    return len(listed) if isinstance(listed, list) else 0
