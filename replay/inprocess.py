"""Run feed messages through the four filters in one process, handing objects from stage to stage.

The same filters and the same batch core as in Lambda, with the ports of `pipeline.memory`: no
codec, no network, no sender. Used to replay a day, and as an oracle for the distributed run: both
must end in the same leg states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from filters.outcome import Outcome
from filters.partners import Partners
from filters.policy import Advisory, Policy
from filters.sources import Sources, load_sources
from filters.wording import Wordings
from pipeline import stages
from pipeline.batch import BatchResult, Item, Pipes, run_batch
from pipeline.memory.pipes import MemoryPipe, RecordingSender
from pipeline.memory.tables import MemoryBookings, MemoryContacts, MemoryLedger, MemoryLegs
from pipeline.tokens import tokened
from schemas.records import FeedMessage, Record

_LEASE_MS = 40_000


class World(msgspec.Struct, kw_only=True):
    """What a replay reads and writes, all in memory; `runs` counts those of detect."""

    policy: Policy
    wordings: Wordings
    advisories: Sequence[Advisory] = ()
    sources: Sources
    partners: Partners | None = None
    bookings: MemoryBookings
    contacts: MemoryContacts
    legs: MemoryLegs
    ledger: MemoryLedger
    sender: RecordingSender
    runs: int = 0


def world(
    policy: Policy,
    wordings: Wordings,
    advisories: Sequence[Advisory] = (),
    partners: Partners | None = None,
) -> World:
    """An empty world under a policy."""
    return World(
        policy=policy,
        wordings=wordings,
        advisories=advisories,
        sources=load_sources("default"),
        partners=partners,
        bookings=MemoryBookings(),
        contacts=MemoryContacts(),
        legs=MemoryLegs(),
        ledger=MemoryLedger(_LEASE_MS),
        sender=RecordingSender(),
    )


def run(
    messages: Iterable[FeedMessage],
    into: World,
    *,
    batch_size: int = 500,
    window_ms: int = 1_000,
) -> list[BatchResult]:
    """Push `messages` through all four stages in batches; every batch's result.

    A batch ends at `batch_size` messages or `window_ms` of arrival, as an event source mapping's
    does. Its clock is the newest `received_at` in it, in ms UTC: time passes as the messages
    arrived, however fast they are read.
    """
    results: list[BatchResult] = []
    for batch in _batches(messages, batch_size, window_ms):
        now = max(message.received_at for message in batch)
        records: Sequence[Record] = batch
        for stage, bound, after_emit in _bound(into, now):
            if not records:
                break
            pipe = MemoryPipe()
            pipes = Pipes(
                emitter=pipe,
                dead_letters=pipe,
                retries=pipe,
                after_emit=after_emit,
                clock=lambda now=now: now,  # type: ignore[misc]  # bound per batch
                code_version="replay",
            )
            items = [Item(record.id, [record]) for record in records]
            results.append(run_batch(stage.name, items, bound, pipes))
            records = pipe.records
    return results


_Bound = tuple[stages.Stage, Callable[[list[Any]], list[Outcome]], Callable[[], None]]


def _bound(into: World, now: int) -> Iterator[_Bound]:
    """The four filters with the world's ports, and what follows their emitting."""
    normalize = partial(stages.NORMALIZE.filter, sources=into.sources, partners=into.partners)
    yield stages.NORMALIZE, normalize, _nothing
    detect = partial(
        stages.DETECT.filter,
        legs=into.legs,
        policy=into.policy,
        advisories=into.advisories,
    )

    def new_token() -> str:
        # Counted in the world, since a token confirmed once must not name another run's outbox.
        into.runs += 1
        return f"replay-{into.runs}"

    yield stages.DETECT, *tokened(detect, into.legs.confirm, new_token)
    yield stages.JOIN, partial(stages.JOIN.filter, bookings=into.bookings), _nothing
    notify = partial(
        stages.NOTIFY.filter,
        contacts=into.contacts,
        ledger=into.ledger,
        sender=into.sender,
        wordings=into.wordings,
        must_reach=into.policy.must_reach,
        clock=lambda: now,
        enough_time=lambda: True,
    )
    yield stages.NOTIFY, notify, _nothing


def _nothing() -> None:
    """Nothing follows the emitting of this stage."""


def _batches(
    messages: Iterable[FeedMessage], size: int, window_ms: int
) -> Iterator[list[FeedMessage]]:
    batch: list[FeedMessage] = []
    for message in messages:
        if batch and (len(batch) == size or message.received_at - batch[0].received_at > window_ms):
            yield batch
            batch = []
        batch.append(message)
    if batch:
        yield batch
