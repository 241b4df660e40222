"""The composition root of the Lambdas: settings -> a stage's function of (event, context).

Built on a process's first invocation and kept, so that a warm start costs nothing and importing
`pipeline.handlers` reads no environment. A stage only imports what it needs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from filters.outcome import Outcome
from pipeline import clock, stages
from pipeline.aws import clients
from pipeline.aws.events import kinesis_items, sqs_items
from pipeline.aws.sqs import Queue, QueueDeadLetters, QueueEmitter, QueueRetries
from pipeline.aws.telemetry import Telemetry
from pipeline.batch import BatchResult, Item, Pipes, run_batch
from pipeline.tokens import tokened
from schemas.records import Record

if TYPE_CHECKING:
    from filters.notify import Sender
    from pipeline.settings import Settings

Answer: TypeAlias = dict[str, list[dict[str, str]]]
Handler: TypeAlias = Callable[[Mapping[str, Any], Any], Answer]
_Run: TypeAlias = Callable[[list[Any]], list[Outcome]]
# What is left undone this long before the function's timeout goes back to the queue.
_RESERVE_MS = 3_000


class Bound:
    """A filter with its ports for one batch, and what to do once its outputs are emitted."""

    def __init__(self, run: _Run, after_emit: Callable[[], None] = lambda: None) -> None:
        """`run` takes the records alone."""
        self.run = run
        self.after_emit = after_emit


def build(settings: Settings) -> Handler:
    """The Lambda handler of `settings.stage`; always answers with `batchItemFailures`."""
    stage = stages.BY_NAME[settings.stage]
    if settings.airlines:
        from pipeline.reference.loaded import adopt_named  # noqa: PLC0415  (only when they are named)

        adopt_named(settings.airlines)
    bind = {
        "normalize": _bind_normalize,
        "detect": _bind_detect,
        "join": _bind_join,
        "notify": _bind_notify,
    }[stage.name](settings)
    telemetry = Telemetry(stage.name, settings.log_level)
    queue = partial(
        Queue, clients.sqs(), pack_bytes=settings.pack_bytes, pack_records=settings.pack_records
    )
    emitter = QueueEmitter(queue(settings.output_queue_url)) if stage.sink else None
    dead_letters = QueueDeadLetters(queue(settings.dead_letter_queue_url))
    from_stream = stage is stages.NORMALIZE
    own_queue = None if from_stream else queue(settings.input_queue_url)
    retries = None if own_queue is None else QueueRetries(own_queue, settings.max_attempts)

    def handle(event: Mapping[str, Any], context: Any) -> Answer:  # noqa: ANN401  (Lambda's own type)
        items = kinesis_items(event) if from_stream else sqs_items(event, stage.reads)
        bound = bind(context)
        pipes = Pipes(
            emitter=emitter,
            dead_letters=dead_letters,
            retries=retries,
            after_emit=bound.after_emit,
            clock=clock.now_ms,
            code_version=settings.code_version,
        )
        result = run_batch(stage.name, items, bound.run, pipes)
        telemetry.report(result, _ages(items, result), context.aws_request_id)
        return {"batchItemFailures": [{"itemIdentifier": ref} for ref in result.failed_refs]}

    return handle


def _ages(items: Sequence[Item], result: BatchResult) -> list[int]:
    """Milliseconds from feed receipt until now of the records that went on."""
    forwarded, now = set(result.ended["forwarded"]), clock.now_ms()
    return [
        now - record.received_at
        for item in items
        for record in item.records
        if isinstance(record, Record) and record.id in forwarded and hasattr(record, "received_at")
    ]


def _bind_normalize(settings: Settings) -> Callable[[Any], Bound]:
    from filters.partners import load_partners  # noqa: PLC0415  (only this stage's)
    from filters.sources import load_sources  # noqa: PLC0415  (only this stage's)

    run = partial(
        stages.NORMALIZE.filter,
        sources=load_sources(settings.sources),
        partners=load_partners(settings.partners),
    )
    bound = Bound(run)
    return lambda _context: bound


def _bind_detect(settings: Settings) -> Callable[[Any], Bound]:
    from filters.policy import load_advisories, load_policy  # noqa: PLC0415  (only this stage's)
    from filters.standing import note_heard  # noqa: PLC0415  (only this stage's)
    from pipeline.aws.legs import LegTable  # noqa: PLC0415  (only this stage's)

    legs = LegTable(clients.dynamodb(), settings.legs_table, clock.now_ms)
    policy, advisories = load_policy(settings.policy), load_advisories(settings.advisories)

    def detect(statuses: list[Any], *, token: str) -> list[Outcome]:
        outcomes = stages.DETECT.filter(
            statuses, legs=legs, policy=policy, advisories=advisories, token=token
        )
        note_heard(statuses, legs)
        return outcomes

    return lambda _context: Bound(*tokened(detect, legs.confirm, lambda: uuid.uuid4().hex))


def _bind_join(settings: Settings) -> Callable[[Any], Bound]:
    from pipeline.aws.people import BookingTable  # noqa: PLC0415  (only this stage's)

    bookings = BookingTable(clients.dynamodb(), settings.bookings_table)
    bound = Bound(partial(stages.JOIN.filter, bookings=bookings))
    return lambda _context: bound


def _bind_notify(settings: Settings) -> Callable[[Any], Bound]:
    from filters.policy import load_policy  # noqa: PLC0415  (only this stage's)
    from filters.wording import load_wordings  # noqa: PLC0415  (only this stage's)
    from pipeline.aws.ledger import LedgerTable  # noqa: PLC0415  (only this stage's)
    from pipeline.aws.people import ContactTable  # noqa: PLC0415  (only this stage's)

    dynamodb = clients.dynamodb()
    run = partial(
        stages.NOTIFY.filter,
        contacts=ContactTable(dynamodb, settings.contacts_table),
        ledger=LedgerTable(dynamodb, settings.ledger_table, settings.function_timeout_s),
        sender=_sender(settings),
        wordings=load_wordings(),
        must_reach=load_policy(settings.policy).must_reach,
        clock=clock.now_ms,
    )

    def bind(context: Any) -> Bound:  # noqa: ANN401  (Lambda's own type)
        return Bound(
            partial(run, enough_time=lambda: context.get_remaining_time_in_millis() > _RESERVE_MS)
        )

    return bind


def _sender(settings: Settings) -> Sender:
    from pipeline.aws.sender import FileSender, TopicSender  # noqa: PLC0415  (only this stage's)

    if settings.sender_file:
        return FileSender(Path(settings.sender_file))
    return TopicSender(clients.sns_once(), settings.sender_topic_arn)
