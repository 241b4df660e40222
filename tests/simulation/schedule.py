"""One seeded schedule of the chain: workers that interleave, crash and repeat, on the memory ports.

Every port call is a step. One worker runs at a time, and at each step the seeded scheduler chooses
who goes on, so a failing seed fails again in the same way. Workers are threads only because the
filters are plain functions that cannot be paused otherwise.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

import msgspec

from filters.detect import Reading, Written
from filters.legs import LegState
from filters.notify import Claim, End, SendResult
from filters.people import Booking, Contact
from filters.wording import load_wordings
from pipeline import stages
from pipeline.batch import BatchResult, Item, Pipes, run_batch
from pipeline.memory.tables import MemoryBookings, MemoryContacts, MemoryLedger, MemoryLegs
from schemas.records import Channel, DeadLetter, FeedMessage, Notice, Record
from tests.unit.filters.records import POLICY, SOURCES

LEASE = 40_000
ANOTHER = 0.3  # how likely another worker starts while some are at work
WORDINGS = load_wordings()


class Crash(BaseException):
    """The process of a worker dies here; no `except Exception` may save it."""


class Faults(msgspec.Struct, frozen=True):
    """How likely things are to go wrong, each from 0 to 1."""

    crash: float = 0.0
    repeat: float = 0.0
    refuse: float = 0.0


class Delivery(msgspec.Struct):
    """A message in a queue: a pack of records, with the attempts made so far."""

    records: list[Record]
    attempts: int = 0


class Worker:
    """One invocation of a stage, in a thread that runs only when it is its turn."""

    def __init__(self, work: Callable[[], None]) -> None:
        """`work` is run up to its first step at the first `go`."""
        self._turn = threading.Semaphore(0)
        self._rest = threading.Semaphore(0)
        self._work = work
        self._doomed = False
        self.done = False
        self.died = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go(self, *, die: bool = False) -> None:
        """Let it run to its next step, or die where it stands."""
        self._doomed = die
        self._turn.release()
        self._rest.acquire()
        if self.done:
            self._thread.join()

    def step(self) -> None:
        """Called by the worker's own thread: wait for the next turn."""
        self._rest.release()
        self._turn.acquire()
        if self._doomed:
            raise Crash

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self._work()
        except Crash:
            self.died = True
        except BaseException as error:  # noqa: BLE001  (raised again in the test's own thread)
            self.error = error
        self.done = True
        self._rest.release()


class SteppedLegs(MemoryLegs):
    """Leg states whose every call is a step before and after."""

    def __init__(self, step: Callable[[], None]) -> None:
        """`step` pauses the worker at hand."""
        super().__init__()
        self._step = step

    def read(self, keys: Collection[str]) -> Reading:
        """Read, between two steps."""
        self._step()
        reading = super().read(keys)
        self._step()
        return reading

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write each state by itself: a batch of writes is not one transaction."""
        done: dict[str, Written] = {}
        for state in states:
            self._step()
            done.update(super().write([state]))
        self._step()
        return done

    def confirm(self, token: str) -> None:
        """Confirm, between two steps."""
        self._step()
        super().confirm(token)
        self._step()


class SteppedLedger(MemoryLedger):
    """The ledger whose every call is a step, and which remembers the notices it saw."""

    def __init__(self, step: Callable[[], None], lease_ms: int = LEASE) -> None:
        """`step` pauses the worker at hand."""
        super().__init__(lease_ms)
        self._step = step
        self.seen: dict[str, Notice] = {}

    def claim(self, notice: Notice, now: int) -> Claim:
        """Claim, between two steps."""
        self.seen[notice.id] = notice
        self._step()
        claim = super().claim(notice, now)
        self._step()
        return claim

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Confirm, between two steps."""
        self._step()
        super().sent(notice, provider_id, now)
        self._step()

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Close, between two steps."""
        self._step()
        super().ended(notice, end, reason, now)
        self._step()

    def release(self, notice: Notice) -> None:
        """Give back, between two steps."""
        self._step()
        super().release(notice)


class System:
    """The four stages with their queues and tables, and a scheduler with a seed."""

    def __init__(
        self,
        seed: int,
        bookings: Sequence[Booking],
        *,
        legs: type[SteppedLegs] = SteppedLegs,
        lease_ms: int = LEASE,
        start: int = 0,
    ) -> None:
        """`start` is the clock at first, in ms UTC; `legs` and `lease_ms` let a test break it."""
        self.rng = Random(seed)
        self.now = start
        self.queues: dict[str, list[Delivery]] = {stage.name: [] for stage in stages.CHAIN}
        self.legs = legs(self.step)
        self.ledger = SteppedLedger(self.step, lease_ms)
        self.bookings = MemoryBookings(bookings)
        self.contacts = MemoryContacts(
            Contact(recipient=booking.recipient, phone="+12015550100") for booking in bookings
        )
        self.sent: list[tuple[Notice, str]] = []
        self.letters: list[DeadLetter] = []
        self.emitted: set[str] = set()
        self.crashes = 0
        self.ended: Counter[tuple[str, str]] = Counter()
        self._workers: list[Worker] = []
        self._at_work: Worker | None = None
        self._batches = 0
        self._faults = Faults()

    def feed(self, messages: Sequence[FeedMessage]) -> None:
        """Put each message on the stream."""
        self.queues["normalize"] += [Delivery([message]) for message in messages]

    def step(self) -> None:
        """Pause the worker that is running."""
        self.now += 1
        if self._at_work is not None:
            self._at_work.step()

    def storm(self, faults: Faults, turns: int, workers: int = 3) -> None:
        """So many turns with faults; then whoever is still at work dies, and leases run out."""
        self._faults = faults
        for _ in range(turns):
            waiting = [name for name, queue in self.queues.items() if queue]
            room = len(self._workers) < workers and self.rng.random() < ANOTHER
            if waiting and (room or not self._workers):
                self._workers.append(self._start(self.rng.choice(waiting)))
            if not self._workers:
                break
            worker = self.rng.choice(self._workers)
            self._go(worker, die=self.rng.random() < faults.crash)
        while self._workers:
            self._go(self._workers[0], die=True)
        self.now += LEASE + 1

    def rest(self) -> None:
        """Without faults, one worker after the other, until all queues are empty."""
        self._faults = Faults()
        for _ in range(1_000):
            waiting = [name for name, queue in self.queues.items() if queue]
            if not waiting:
                return
            worker = self._start(waiting[0])
            self._workers.append(worker)
            while not worker.done:
                self._go(worker, die=False)
            self.now += LEASE + 1
        raise AssertionError("the queues do not drain")

    def _go(self, worker: Worker, *, die: bool) -> None:
        self._at_work = worker
        worker.go(die=die)
        self._at_work = None
        if worker.error is not None:
            raise worker.error
        if worker.done:
            self._workers.remove(worker)
            self.crashes += worker.died

    def _start(self, name: str) -> Worker:
        """A worker with some deliveries of the stage's queue, in any order, some of them twice."""
        queue = self.queues[name]
        count = self.rng.randint(1, min(len(queue), 4))
        taken = [queue.pop(self.rng.randrange(len(queue))) for _ in range(count)]
        repeated = [d for d in taken if self.rng.random() < self._faults.repeat]
        queue += [Delivery(list(d.records), d.attempts) for d in repeated]
        return Worker(partial(self._batch, name, taken))

    def _batch(self, name: str, taken: list[Delivery]) -> None:
        """One invocation; what is not acknowledged goes back to the queue, also when it dies."""
        items = [
            # Fresh objects, as the codec makes them for each delivery.
            Item(str(ref), [msgspec.structs.replace(record) for record in delivery.records])
            for ref, delivery in enumerate(taken)
        ]
        unsettled = set(range(len(taken)))
        try:
            run, after_emit = self._bound(name)
            pipes = Pipes(
                emitter=_Emitter(self, name),
                dead_letters=_Letters(self),
                retries=None if name == "normalize" else _Again(self, name),
                after_emit=after_emit,
                clock=lambda: self.now,
                code_version="simulation",
            )
            result = run_batch(name, items, run, pipes)
            self._count(name, result, sum(len(item.records) for item in items))
            unsettled = {int(ref) for ref in result.failed_refs}
        finally:
            self.queues[name] += [taken[ref] for ref in unsettled]

    def _count(self, name: str, result: BatchResult, records: int) -> None:
        assert result.records == records
        for disposition, ids in result.ended.items():
            self.ended[name, disposition] += len(ids)

    def _bound(self, name: str) -> tuple[Callable[[list[Any]], Any], Callable[[], None]]:
        """The stage's filter with its ports, and what follows its emitting."""
        if name == "detect":
            self._batches += 1
            token = f"t{self._batches}"
            detect = partial(
                stages.DETECT.filter, legs=self.legs, policy=POLICY, advisories=(), token=token
            )
            return detect, partial(self.legs.confirm, token)
        if name == "join":
            return partial(stages.JOIN.filter, bookings=self.bookings), self._nothing
        if name == "notify":
            notify = partial(
                stages.NOTIFY.filter,
                contacts=self.contacts,
                ledger=self.ledger,
                sender=self,
                wordings=WORDINGS,
                must_reach=POLICY.must_reach,
                clock=lambda: self.now,
                enough_time=lambda: True,
            )
            return notify, self._nothing
        return partial(stages.NORMALIZE.filter, sources=SOURCES), self._nothing

    def _nothing(self) -> None:
        """Nothing follows the emitting of this stage."""

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """The provider: accepts, or is busy now and then."""
        del channel, address
        self.step()
        if self.rng.random() < self._faults.refuse:
            return SendResult("busy")
        self.sent.append((self.ledger.seen[reference], text))
        self.step()
        return SendResult("accepted", reference)

    def refused(self) -> bool:
        """Whether one record of a batch is refused by the pipe it is written to."""
        return self.rng.random() < self._faults.refuse

    def pack(self, name: str, records: Sequence[Record]) -> None:
        """Put records on the queue of a stage, in packs of one to three."""
        rest = list(records)
        while rest:
            size = self.rng.randint(1, 3)
            self.queues[name].append(Delivery(rest[:size]))
            rest = rest[size:]


_NEXT = {"normalize": "detect", "detect": "join", "join": "notify"}


class _Emitter:
    """The queue to the next stage; refuses some records."""

    def __init__(self, system: System, name: str) -> None:
        self._system = system
        self._name = name

    def emit(self, records: Sequence[Record]) -> Collection[int]:
        if self._name not in _NEXT:
            return ()
        self._system.step()
        refused = [index for index in range(len(records)) if self._system.refused()]
        taken = [record for index, record in enumerate(records) if index not in refused]
        self._system.emitted.update(record.id for record in taken)
        self._system.pack(_NEXT[self._name], taken)
        self._system.step()
        return refused


class _Letters:
    """Where rejected records rest."""

    def __init__(self, system: System) -> None:
        self._system = system

    def put(self, letters: Sequence[DeadLetter]) -> Collection[int]:
        self._system.letters.extend(letters)
        return ()


class _Again:
    """The stage's own queue, for the failed records of a pack."""

    max_attempts = 1_000

    def __init__(self, system: System, name: str) -> None:
        self._system = system
        self._name = name

    def again(self, records: Sequence[Record], attempts: int) -> Collection[int]:
        self._system.step()
        self._system.queues[self._name].append(Delivery(list(records), attempts))
        return ()
