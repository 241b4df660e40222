"""What became of every record, by id: the demonstration's proof that nothing was lost.

Each stage's summary line lists the ids of its records by disposition and the ids it emitted.
Counting alone would not do: a batch that is delivered twice counts twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from filters.legs import LegState
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
            self.batches.append(Batch(line["stage"], details["ids"], details["output_ids"], writes))
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

    def detect_writes(
        self, source_ids: Mapping[str, str], states: Iterable[LegState]
    ) -> dict[str, int]:
        """Items detect wrote, against the legs its batches touched.

        `source_ids` names each status's source id. A leg's revision counts its writes, so a leg
        with more revisions than batches that touched it was written twice in one. Beside the legs
        there are links (once per source id, and once more if a better date moves the leg), flight
        days (once per leg and date), and receipts (once per batch that emitted something).
        """
        touched: Counter[str] = Counter()
        batches = self._of(DETECT.name)
        for batch in batches:
            ids = {id_ for ids in batch.ended.values() for id_ in ids}
            touched.update({f"~{source_ids[id_]}" for id_ in ids if id_ in source_ids})
        by_key = {state.key: state for state in states}
        links = [state for state in by_key.values() if state.provisional]
        legs = [(by_key[link.moved_to], touched[link.key]) for link in links if link.moved_to]
        return {
            "batches": len(batches),
            "item_writes": sum(batch.item_writes for batch in batches),
            "leg_writes": sum(leg.rev for leg, _ in legs),
            "link_writes": sum(link.rev for link in links),
            "receipts": sum(bool(batch.emitted) for batch in batches),
            "legs_touched": sum(touched.values()),
            "legs_written_twice_in_a_batch": sum(leg.rev > times for leg, times in legs),
        }

    def _of(self, stage: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.stage == stage]
