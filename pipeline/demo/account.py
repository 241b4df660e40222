"""The account of a run at rest: every number worked out from queues, tables and summary lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from filters.legs import LegState, known_legs, states_hash
from filters.normalize import normalize
from filters.outcome import Forward
from filters.sources import load_sources
from pipeline.aws.dead_letters import Resting, peek
from pipeline.aws.ledger import LedgerTable
from pipeline.aws.legs import LegTable
from pipeline.demo import audit
from pipeline.demo.day import Day, Wish
from pipeline.demo.journal import Journal
from pipeline.demo.outcome import (
    DemoOutcome,
    Letter,
    Sent,
    StageRow,
    by_kind,
    hash_of,
    percentiles,
)
from pipeline.ingest.loader import LoadCounts
from pipeline.local import outbox
from pipeline.local.accounting import Accounting, StageSums, depths
from pipeline.local.run import LocalRun
from pipeline.local.sources import QueueDepth
from pipeline.stages import CHAIN, Stage
from schemas.records import FlightStatus

_SAMPLES = 6


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in tables, queues and the sender's file once nothing moves any more."""

    states: Sequence[LegState]
    ledger: Sequence[Mapping[str, Any]]
    resting: Mapping[str, Resting]
    depths: Mapping[str, QueueDepth]
    sent: Sequence[outbox.Sent]
    journal: Journal
    accounting: Accounting
    counts: LoadCounts


def look(run: LocalRun, journal: Journal, accounting: Accounting, counts: LoadCounts) -> Found:
    """Look at everything while the endpoint still runs."""
    dynamodb, tables = run.endpoint.dynamodb, run.plan.tables
    return Found(
        states=LegTable(dynamodb, tables["LegsTable"].ref, lambda: 0).all(),
        ledger=LedgerTable(dynamodb, tables["LedgerTable"].ref, 0).rows(),
        resting={
            stage.name: peek(run.endpoint.sqs, run.plan.queues[stage.dead_letters].url)
            for stage in CHAIN
        },
        depths=depths(run.endpoint, run.plan),
        sent=run.outbox.new(),
        journal=journal,
        accounting=accounting,
        counts=counts,
    )


def account(
    wish: Wish, data: Day, found: Found, *, run_clock_s: float, wall_s: float
) -> DemoOutcome:
    """The whole account of one run."""
    messages = list(data.feed(lambda _line: 0))
    histories = audit.histories(found.ledger)
    known = known_legs(found.states)
    sent = _sent(found)
    told = {person for person, history in histories.items() if _was_sent(history)}
    open_rows = [row["sk"]["S"] for row in found.ledger if row["st"]["S"] in ("CLAIMED", "RETRY")]
    moved = [record.id for resting in found.resting.values() for record in resting.moved]
    endings = Counter(end for history in histories.values() for _, end in history)
    return DemoOutcome(
        date=wish.date.isoformat(),
        seed=wish.seed,
        backend=wish.backend,
        flights=len(data.flights),
        feed_messages=found.counts.acknowledged,
        legs=len(known),
        legs_cancelled=sum(state.word("life") == "cancelled" for state in known),
        stages=[_stage_row(stage, found) for stage in CHAIN],
        notices=by_kind(sent.values()),
        endings=dict(sorted(endings.items())),
        cancelled=audit.cancelled(data.flights, data.travellers, histories),
        reinstated=audit.reinstated(data.lines, data.flights, data.travellers, histories),
        dead_letters=[
            Letter(letter.stage, letter.reason, letter.place, letter.body)
            for resting in found.resting.values()
            for letter in sorted(resting.letters, key=lambda one: one.place)
        ],
        conservation=found.journal.conservation(
            {message.id for message in messages}, moved, open_rows
        ),
        requests=_requests(found),
        detect_writes=found.journal.detect_writes(_source_ids(data), found.states),
        sends=len(found.sent),
        extra_sends=len(found.sent) - len(sent),
        kills=found.journal.kills,
        recipients_told=len(told),
        recipients_hash=hash_of(told),
        states_hash=states_hash(found.states),
        notices_hash=hash_of((key, one.text) for key, one in sent.items()),
        latency_ms=percentiles(found.journal.ages_ms),
        run_clock_s=run_clock_s,
        wall_s=wall_s,
        samples=_samples(list(sent.values())),
    )


def _was_sent(history: Sequence[tuple[str, str]]) -> bool:
    return any(end == "SENT" for _, end in history)


def _stage_row(stage: Stage, found: Found) -> StageRow:
    sums = found.accounting.stages.get(stage.name) or StageSums(stage.name)
    queue = found.depths.get(stage.source)
    resting = found.resting[stage.name]
    return StageRow(
        stage=stage.name,
        records_in=sums.records,
        forwarded=sums.forwarded,
        dropped=dict(sums.dropped),
        rejected=sums.rejected,
        failed=sums.failed,
        duplicate=sums.duplicate,
        stale=sums.stale,
        outputs=sums.outputs,
        in_queue=0 if queue is None else queue.visible + queue.in_flight + queue.delayed,
        in_dead_letters=len(resting.letters) + len(resting.moved) + len(resting.unreadable),
    )


def _sent(found: Found) -> dict[str, Sent]:
    """The texts by their notice's id, each once; the kind is in the ledger."""
    kinds = {
        entry["M"]["id"]["S"]: entry["M"]["kind"]["S"]
        for row in found.ledger
        for entry in row.get("history", {}).get("L", [])
    }
    return {
        one["reference"]: Sent(
            kinds.get(one["reference"], "unknown"),
            one["channel"],
            outbox.masked(one["address"]),
            one["text"],
        )
        for one in found.sent
    }


def _samples(sent: Sequence[Sent]) -> list[Sent]:
    """A handful of texts, the rarer kinds too."""
    kinds = sorted({one.kind for one in sent})
    each = max(1, _SAMPLES // max(1, len(kinds)))
    return [one for kind in kinds for one in [s for s in sent if s.kind == kind][-each:]]


def _requests(found: Found) -> dict[str, int | float]:
    """AWS requests by service, and how many queue messages each feed message cost."""
    calls = found.accounting.calls()
    by_service: Counter[str] = Counter()
    for name, counter in calls.items():
        by_service[f"{name.partition('.')[0]}_requests"] += counter["requests"]
    queued = calls.get("sqs.SendMessageBatch", Counter())["entries"]
    return {
        "queue_messages": queued,
        "queue_messages_per_feed_message": round(queued / max(1, found.counts.acknowledged), 4),
        "kinesis_records": found.counts.kinesis_records,
        "put_records_requests": found.counts.requests,
        **by_service,
    }


def _source_ids(data: Day) -> dict[str, str]:
    """The source's own id of the leg each flight status is of, by the status's id."""
    outcomes = normalize(list(data.feed(lambda _line: 0)), sources=load_sources("default"))
    return {
        status.id: status.source_id
        for outcome in outcomes
        if isinstance(outcome, Forward)
        for status in outcome.outputs
        if isinstance(status, FlightStatus) and status.source_id is not None
    }
