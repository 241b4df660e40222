"""What became of every record, by id: the demonstration's proof that nothing was lost.

Each stage's summary line lists the ids of its records by disposition and the ids it emitted.
Counting alone would not do: a batch that is delivered twice counts twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.batch import DISPOSITIONS
from pipeline.local.accounting import batch_lines
from pipeline.local.invoker import InvocationReport
from pipeline.stages import CHAIN, DETECT, NOTIFY


class Batch(msgspec.Struct, frozen=True):
    """One batch of one stage: record ids by disposition, and the writes to its tables."""

    stage: str
    ended: Mapping[str, Sequence[str]]
    emitted: Sequence[str]
    item_writes: int


class Conservation(msgspec.Struct, frozen=True):
    """Whether every record is explained; `missing` lists ids by where they should have been."""

    balanced: bool
    unexplained: int
    missing: Mapping[str, Sequence[str]]


class Journal:
    """Collects the summary lines of all invocations."""

    def __init__(self) -> None:
        """Starts empty."""
        self.batches: list[Batch] = []
        self.ages_ms: list[int] = []
        self.kills = 0
        self._lines: list[dict[str, Any]] = []

    def observe(self, report: InvocationReport) -> None:
        """Take note of one invocation."""
        self.kills += report.error == "Exited"
        writes = report.calls.get("dynamodb.PutItem", {}).get("requests", 0)
        for line in batch_lines(report):
            details: dict[str, Any] = dict(line)
            self.batches.append(
                Batch(line["stage"], details["ids"], details["output_ids"], writes)
            )
            if line["stage"] == NOTIFY.name:
                self.ages_ms += details["ages_ms"]

    def seen(self, stage: str) -> set[str]:
        """Ids of the records that ended at this stage, whatever way."""
        ids: set[str] = set()
        for batch in self._of(stage):
            ids.update(*(batch.ended[name] for name in DISPOSITIONS if name != "failed"))
        return ids

    def emitted(self, stage: str) -> set[str]:
        """Ids of the records this stage handed on."""
        return {id_ for batch in self._of(stage) for id_ in batch.emitted}

    def conservation(
        self, acknowledged: Collection[str], resting: Collection[str], unsettled: Iterable[str]
    ) -> Conservation:
        """Check the chain at rest.

        `acknowledged` are the ids Kinesis took; `resting` those of records that a queue itself
        moved to dead letters; `unsettled` the notices whose ledger row is still open.
        """
        missing: dict[str, list[str]] = {}
        expected = set(acknowledged)
        for stage in CHAIN:
            lost = expected - self.seen(stage.name) - set(resting)
            if lost:
                missing[stage.name] = sorted(lost)
            expected = self.emitted(stage.name)
        if open_rows := sorted(unsettled):
            missing["ledger"] = open_rows
        unexplained = sum(len(ids) for ids in missing.values())
        return Conservation(unexplained == 0, unexplained, missing)

    def detect_writes(self, legs: Mapping[str, str]) -> dict[str, int]:
        """Items detect wrote, against the legs its batches touched; `legs` names each status's.

        Beside one item per leg and batch there are links (once per leg) and receipts (once per
        batch that emitted something).
        """
        linked: set[str] = set()
        sums: dict[str, int] = defaultdict(int)
        for batch in self._of(DETECT.name):
            ids = [id_ for ids in batch.ended.values() for id_ in ids]
            touched = {legs[id_] for id_ in ids if id_ in legs}
            links, receipts = len(touched - linked), int(bool(batch.emitted))
            linked |= touched
            sums["batches"] += 1
            sums["item_writes"] += batch.item_writes
            sums["legs_touched"] += len(touched)
            sums["links"] += links
            sums["receipts"] += receipts
            over = batch.item_writes - links - receipts - len(touched)
            sums["writes_beyond_one_per_leg_and_batch"] += max(0, over)
        return dict(sums)

    def _of(self, stage: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.stage == stage]
