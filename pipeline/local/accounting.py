"""Sums of what the stages say of their batches, and what lies in the queues.

Every batch is reported in one log line (see `BatchLine`), so nothing has to be asked of the stages.
A record is in exactly one of six dispositions; `StageSums.unaccounted` is what does not add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from pipeline.local.boto_sources import queue_depth
from pipeline.local.endpoint import Endpoint
from pipeline.local.invoker import InvocationReport
from pipeline.local.sources import QueueDepth
from pipeline.local.template import Plan

BATCH: Final = "batch"

BatchLine = TypedDict(
    "BatchLine",
    {
        "message": str,
        "stage": str,
        "in": int,
        "forwarded": int,
        "dropped": dict[str, int],
        "rejected": int,
        "failed": int,
        "duplicate": int,
        "stale": int,
        "outputs": int,
        "failed_messages": int,
    },
)
"""The log line of one batch: records in and by disposition, those dropped by reason."""


@dataclass(slots=True)
class StageSums:
    """Records of one stage so far, by disposition; one that was delivered twice counts twice."""

    stage: str
    batches: int = 0
    records: int = 0
    forwarded: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    failed: int = 0
    duplicate: int = 0
    stale: int = 0
    outputs: int = 0

    @property
    def unaccounted(self) -> int:
        """Records in that ended as nothing: 0 when all is well."""
        ended = self.forwarded + self.rejected + self.failed + self.duplicate + self.stale
        return self.records - ended - self.dropped.total()

    def add(self, line: BatchLine) -> None:
        """Count one batch."""
        self.batches += 1
        self.records += line["in"]
        self.forwarded += line["forwarded"]
        self.dropped.update(line["dropped"])
        self.rejected += line["rejected"]
        self.failed += line["failed"]
        self.duplicate += line["duplicate"]
        self.stale += line["stale"]
        self.outputs += line["outputs"]

    def as_json(self) -> dict[str, Any]:
        """The sums as a JSON object."""
        return {
            "stage": self.stage,
            "batches": self.batches,
            "in": self.records,
            "forwarded": self.forwarded,
            "dropped": dict(self.dropped),
            "rejected": self.rejected,
            "failed": self.failed,
            "duplicate": self.duplicate,
            "stale": self.stale,
            "outputs": self.outputs,
            "unaccounted": self.unaccounted,
        }


@dataclass(slots=True)
class FunctionSums:
    """Invocations of one function so far. `errors` counts them by Lambda's word."""

    invocations: int = 0
    messages: int = 0
    duration_ms: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    calls: dict[str, Counter[str]] = field(default_factory=dict)


class Accounting:
    """An observer of invocations: sums by stage and by function, in the order they first ran."""

    def __init__(self) -> None:
        self.stages: dict[str, StageSums] = {}
        self.functions: dict[str, FunctionSums] = {}

    def observe(self, report: InvocationReport) -> None:
        """Count one invocation and every batch it reported."""
        sums = self.functions.setdefault(report.function.logical_id, FunctionSums())
        sums.invocations += 1
        sums.messages += report.records
        sums.duration_ms += report.duration_ms
        if report.error is not None:
            sums.errors[report.error] += 1
        for name, count in report.calls.items():
            sums.calls.setdefault(name, Counter()).update(count)
        for line in batch_lines(report):
            self.stages.setdefault(line["stage"], StageSums(line["stage"])).add(line)

    def calls(self) -> dict[str, Counter[str]]:
        """Requests and entries by "service.Operation", over all functions."""
        total: dict[str, Counter[str]] = {}
        for sums in self.functions.values():
            for name, count in sums.calls.items():
                total.setdefault(name, Counter()).update(count)
        return total


def batch_lines(report: InvocationReport) -> list[BatchLine]:
    """The batches an invocation reported; a line that lacks a count is no such report."""
    found: list[BatchLine] = []
    for line in report.logs:
        if isinstance(line, dict) and line.get("message") == BATCH:
            needed = BatchLine.__required_keys__ - line.keys()
            if not needed:
                found.append(line)  # type: ignore[arg-type]  # its keys were just checked
    return found


def depths(endpoint: Endpoint, plan: Plan) -> Mapping[str, QueueDepth]:
    """What every queue of the plan holds, dead-letter queues too, by logical id."""
    return {
        logical_id: queue_depth(endpoint.sqs, queue.url)
        for logical_id, queue in plan.queues.items()
    }
