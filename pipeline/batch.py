"""Run one filter over one batch, so that every record ends as exactly one of six things.

Order: decode, filter, emit, dead-letter, then acknowledge. Outputs are emitted before the batch is
acknowledged, and whatever could not be emitted or dead-lettered fails its source record. A message
whose records partly failed is acknowledged, and only the failed ones go back as a new message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

import msgspec

from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Reject, Stale
from pipeline.ports import DeadLetters, Emitter, Retries
from schemas.codec import encode
from schemas.records import RECORD_TYPES, DeadLetter, FeedMessage, Record

R = TypeVar("R", bound=Record)


class Undecodable(msgspec.Struct, frozen=True):
    """Bytes that hold no record of the stage's schema, and why."""

    body: bytes
    reason: str
    place: str


class Item(msgspec.Struct, frozen=True):
    """One message of the batch: its reference for the acknowledgement, and what it holds.

    `attempts` counts this delivery: 1 the first time.
    """

    ref: str
    records: Sequence[Record | Undecodable]
    attempts: int = 1
    place: str = ""


class Failure(msgspec.Struct, frozen=True):
    """One record that did not end well, for the log: no payload, no person."""

    record_id: str
    outcome: str
    reason: str
    place: str
    attempts: int


class BatchResult(msgspec.Struct, kw_only=True):
    """What became of a batch. `ended` holds the records' ids by disposition."""

    stage: str
    ended: dict[str, list[str]]
    dropped: Counter[str]
    outputs: list[str]
    failures: list[Failure]
    failed_refs: list[str]

    @property
    def records(self) -> int:
        """How many records came in."""
        return sum(len(ids) for ids in self.ended.values())

    def count(self, disposition: str) -> int:
        """How many records ended so."""
        return len(self.ended[disposition])


class Pipes(msgspec.Struct, frozen=True, kw_only=True):
    """One stage's ports; `retries` is None for a stream, `emitter` for the last stage."""

    emitter: Emitter | None
    dead_letters: DeadLetters
    retries: Retries | None
    after_emit: Callable[[], None]
    clock: Callable[[], int]
    code_version: str


_SCHEMA_NAMES = {kind: name for name, kind in RECORD_TYPES.items()}
DISPOSITIONS = ("forwarded", "dropped", "rejected", "failed", "duplicate", "stale")
_WORDS: dict[type[Outcome], str] = {
    Forward: "forwarded",
    Drop: "dropped",
    Reject: "rejected",
    Fail: "failed",
    Duplicate: "duplicate",
    Stale: "stale",
}


def run_batch(
    stage: str, items: Sequence[Item], run: Callable[[list[R]], list[Outcome]], pipes: Pipes
) -> BatchResult:
    """Run `run` over all records; what became of each, and what must not be acknowledged.

    Raises nothing for a bad record: it is rejected or failed, alone.
    """
    return _Batch(stage, items, run, pipes).result()


class _Batch(Generic[R]):
    """The state of one batch on its way through."""

    def __init__(
        self,
        stage: str,
        items: Sequence[Item],
        run: Callable[[list[R]], list[Outcome]],
        pipes: Pipes,
    ) -> None:
        self._stage = stage
        self._pipes = pipes
        self._rows = [(item, record) for item in items for record in item.records]
        self._items = items
        readable = [
            (place, record)
            for place, (_, record) in enumerate(self._rows)
            if not isinstance(record, Undecodable)
        ]
        self._outcomes: list[Outcome] = [
            Reject(record.reason, record.place) if isinstance(record, Undecodable) else Drop("")
            for _, record in self._rows
        ]
        answers = isolate(run, [record for _, record in readable])  # type: ignore[arg-type]  # decoded as R
        for (place, _), outcome in zip(readable, answers, strict=True):
            self._outcomes[place] = outcome

    def result(self) -> BatchResult:
        outputs = self._emit()
        self._dead_letter()
        failed_refs = self._give_back()
        ended: dict[str, list[str]] = {name: [] for name in DISPOSITIONS}
        dropped: Counter[str] = Counter()
        failures: list[Failure] = []
        for (item, record), outcome in zip(self._rows, self._outcomes, strict=True):
            word = _WORDS[type(outcome)]
            ended[word].append(_id(record, item))
            if isinstance(outcome, Drop):
                dropped[outcome.reason] += 1
            elif isinstance(outcome, (Reject, Fail)):
                place = (outcome.place if isinstance(outcome, Reject) else "") or item.place
                failures.append(
                    Failure(_id(record, item), word, outcome.reason, place, item.attempts)
                )
        return BatchResult(
            stage=self._stage,
            ended=ended,
            dropped=dropped,
            outputs=outputs,
            failures=failures,
            failed_refs=failed_refs,
        )

    def _emit(self) -> list[str]:
        """Emit all outputs; a source whose output was refused fails. The ids of what went out."""
        outputs = [
            (place, output)
            for place, outcome in enumerate(self._outcomes)
            if isinstance(outcome, Forward)
            for output in outcome.outputs
        ]
        refused: Collection[int] = ()
        if outputs and self._pipes.emitter is not None:
            refused = set(self._pipes.emitter.emit([output for _, output in outputs]))
            for index in refused:
                self._outcomes[outputs[index][0]] = Fail("output could not be emitted")
        if outputs and not refused:
            self._pipes.after_emit()
        return [output.id for index, (_, output) in enumerate(outputs) if index not in refused]

    def _dead_letter(self) -> None:
        """Store what was rejected, and what failed for the last time; unstored ones stay failed."""
        letters = [
            (place, self._letter(place, outcome))
            for place, outcome in enumerate(self._outcomes)
            if isinstance(outcome, Reject)
        ]
        if letters:
            for index in self._pipes.dead_letters.put([letter for _, letter in letters]):
                self._outcomes[letters[index][0]] = Fail("dead letter could not be stored")

    def _letter(self, place: int, outcome: Reject) -> DeadLetter:
        item, record = self._rows[place]
        schema, body = _bytes(record)
        return DeadLetter(
            id=f"{_id(record, item)}.{self._stage}",
            stage=self._stage,
            reason=outcome.reason,
            place=outcome.place or item.place,
            record_id=_id(record, item),
            body_schema=schema,
            body=body,
            attempts=item.attempts,
            code_version=self._pipes.code_version,
            rejected_at=self._pipes.clock(),
        )

    def _give_back(self) -> list[str]:
        """References not to be acknowledged; a pack's failed records go back as a message."""
        refs: list[str] = []
        start = 0
        for item in self._items:
            places = range(start, start + len(item.records))
            start += len(item.records)
            failed = [place for place in places if isinstance(self._outcomes[place], Fail)]
            if failed and not self._settled(item, failed):
                refs.append(item.ref)
        return refs

    def _settled(self, item: Item, failed: Sequence[int]) -> bool:
        """True when the item can be acknowledged although some of its records failed."""
        retries = self._pipes.retries
        if retries is None:
            return False
        # Each record counts its own attempts: a neighbour's fault never uses up a healthy one's.
        burned = [place for place in failed if _burns(self._outcomes[place])]
        spared = [place for place in failed if not _burns(self._outcomes[place])]
        if burned and item.attempts >= retries.max_attempts:
            settled = self._give_up(item, burned)
        elif len(burned) == len(item.records):
            return False
        else:
            settled = self._again(retries, burned, item.attempts)
        return settled and self._again(retries, spared, item.attempts - 1)

    def _again(self, retries: Retries, places: Sequence[int], attempts: int) -> bool:
        """Send these records back as a new message; False when one of them could not be."""
        records = [r for place in places if not isinstance(r := self._rows[place][1], Undecodable)]
        if len(records) < len(places):
            return False
        return not records or not retries.again(records, attempts)

    def _give_up(self, item: Item, failed: Sequence[int]) -> bool:
        """Dead-letter records that have used up their attempts; False when that fails too."""
        letters = []
        for place in failed:
            outcome = self._outcomes[place]
            reason = outcome.reason if isinstance(outcome, Fail) else ""
            last = Reject(f"failed {item.attempts} times: {reason}")
            letters.append(self._letter(place, last))
            self._outcomes[place] = last
        refused = self._pipes.dead_letters.put(letters)
        for index in refused:
            self._outcomes[failed[index]] = Fail("dead letter could not be stored")
        return not refused


def isolate(run: Callable[[list[R]], list[Outcome]], records: list[R]) -> list[Outcome]:
    """The outcomes of `run`; when it raises, of its halves, so that one bad record fails alone.

    Filters are repeatable, so the good records of a batch that raised may be run again.
    """
    if not records:
        return []
    try:
        outcomes = run(records)
    except Exception as error:  # noqa: BLE001  (any bug of a filter must cost one record, not the batch)
        if len(records) == 1:
            return [Fail(f"{type(error).__name__} in the filter")]
        half = len(records) // 2
        return isolate(run, records[:half]) + isolate(run, records[half:])
    if len(outcomes) != len(records):
        message = f"the filter answered {len(outcomes)} outcomes for {len(records)} records"
        raise AssertionError(message)
    return outcomes


def _burns(outcome: Outcome) -> bool:
    return isinstance(outcome, Fail) and outcome.burns


def _id(record: Record | Undecodable, item: Item) -> str:
    """The record's id; for bytes that hold none their place, so that parts of one item differ."""
    return (record.place or item.ref) if isinstance(record, Undecodable) else record.id


def _bytes(record: Record | Undecodable) -> tuple[str, bytes]:
    """The original bytes: a feed message's payload as it came, anything else as its Avro record."""
    if isinstance(record, Undecodable):
        return "", record.body
    if isinstance(record, FeedMessage):
        return "payload", record.payload
    return _SCHEMA_NAMES[type(record)], encode(record)
