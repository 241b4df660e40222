"""The batch core keeps its sums: each record ends once, and nothing is acknowledged unfinished."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Reject, Stale
from pipeline.batch import (
    DISPOSITIONS,
    BatchResult,
    Item,
    Pipes,
    Undecodable,
    isolate,
    run_batch,
)
from schemas.codec import decode_pack, encode
from schemas.records import DeadLetter, Disruption, FeedMessage, FlightStatus, Record

MAX_ATTEMPTS = 5
NOW = 1_360_281_600_000

Plan = Literal["forward", "drop", "reject", "duplicate", "stale", "burn", "spare", "raise", "junk"]


def message(name: str) -> FeedMessage:
    return FeedMessage(
        id=name,
        format="firehose",
        feed="test",
        received_at=NOW,
        payload=f"bytes of {name}".encode(),
    )


@dataclass
class Ports:
    """All four ports of a stage, refusing the records that the case names."""

    refused_outputs: Collection[str] = ()
    refused_letters: Collection[str] = ()
    refused_retries: Collection[str] = ()
    emitted: list[str] = field(default_factory=list)
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    sent_back: dict[str, int] = field(default_factory=dict)
    confirmed: int = 0
    order: list[str] = field(default_factory=list)

    @property
    def max_attempts(self) -> int:
        return MAX_ATTEMPTS

    def emit(self, records: Sequence[Record]) -> Collection[int]:
        self.order.append("emit")
        self.emitted += [record.id for record in records if record.id not in self.refused_outputs]
        return [i for i, record in enumerate(records) if record.id in self.refused_outputs]

    def put(self, letters: Sequence[DeadLetter]) -> Collection[int]:
        self.order.append("put")
        for letter in letters:
            if letter.record_id not in self.refused_letters:
                assert letter.record_id not in self.letters
                self.letters[letter.record_id] = letter
        return [i for i, letter in enumerate(letters) if letter.record_id in self.refused_letters]

    def again(self, records: Sequence[Record], attempts: int) -> Collection[int]:
        self.order.append("again")
        for record in records:
            if record.id not in self.refused_retries:
                assert record.id not in self.sent_back
                self.sent_back[record.id] = attempts
        return [i for i, record in enumerate(records) if record.id in self.refused_retries]

    def confirm(self) -> None:
        self.order.append("confirm")
        self.confirmed += 1

    def pipes(self, *, stream: bool = False) -> Pipes:
        return Pipes(
            emitter=self,
            dead_letters=self,
            retries=None if stream else self,
            after_emit=self.confirm,
            clock=lambda: NOW,
            code_version="7",
        )


def planned(plans: dict[str, tuple[Plan, int]]) -> Callable[[list[FeedMessage]], list[Outcome]]:
    """A filter that answers by the record's id."""

    def run(records: list[FeedMessage]) -> list[Outcome]:
        return [outcome(record.id, *plans[record.id]) for record in records]

    return run


def outcome(name: str, plan: Plan, outputs: int) -> Outcome:
    if plan == "raise":
        raise KeyError(name)
    made: dict[str, Outcome] = {
        "forward": Forward(tuple(message(f"{name}>{n}") for n in range(outputs))),
        "drop": Drop("quiet"),
        "reject": Reject("ident: missing", "line 3"),
        "duplicate": Duplicate(),
        "stale": Stale(),
        "burn": Fail("could not be written"),
        "spare": Fail("provider busy", burns=False),
    }
    return made[plan]


@dataclass(frozen=True)
class Case:
    items: list[Item]
    plans: dict[str, tuple[Plan, int]]
    ports: Ports
    stream: bool

    def run(self) -> BatchResult:
        pipes = self.ports.pipes(stream=self.stream)
        return run_batch("detect", self.items, planned(self.plans), pipes)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    words: list[Plan] = [
        *("forward", "forward", "drop", "reject", "duplicate"),
        *("stale", "burn", "spare", "raise", "junk"),
    ]
    plans: dict[str, tuple[Plan, int]] = {}
    items: list[Item] = []
    for number, size in enumerate(draw(st.lists(st.integers(0, 5), max_size=6))):
        records: list[Record | Undecodable] = []
        for place in range(size):
            name = f"{number}.{place}"
            plans[name] = (draw(st.sampled_from(words)), draw(st.integers(0, 2)))
            junk = plans[name][0] == "junk"
            body = f"bytes of {name}".encode()
            records.append(Undecodable(body, "KPL: cut off", name) if junk else message(name))
        items.append(Item(f"ref-{number}", records, draw(st.integers(1, MAX_ATTEMPTS + 2)), "here"))
    names = sorted(plans)
    some = st.sets(st.sampled_from(names)) if names else st.just(set[str]())
    ports = Ports(
        refused_outputs={f"{name}>{draw(st.integers(0, 1))}" for name in draw(some)},
        refused_letters=draw(some),
        refused_retries=draw(some),
    )
    return Case(items, plans, ports, draw(st.booleans()))


def words_of(result: BatchResult) -> dict[str, str]:
    return {name: word for word in DISPOSITIONS for name in result.ended[word]}


@given(cases())
def test_every_record_ends_exactly_once(case: Case) -> None:
    result = case.run()
    ended = Counter(name for word in DISPOSITIONS for name in result.ended[word])
    assert ended == Counter(case.plans.keys())
    assert set(result.ended) == set(DISPOSITIONS)
    assert result.records == len(case.plans)
    assert sum(result.dropped.values()) == result.count("dropped")
    bad = result.ended["rejected"] + result.ended["failed"]
    assert Counter(failure.record_id for failure in result.failures) == Counter(bad)


@given(cases())
def test_the_record_ends_as_its_filter_and_its_pipes_say(case: Case) -> None:
    result = case.run()
    words = words_of(result)
    for item in case.items:
        exhausted = not case.stream and item.attempts >= MAX_ATTEMPTS
        for name in (name_of(record) for record in item.records):
            plan, outputs = case.plans[name]
            made = {f"{name}>{n}" for n in range(outputs)} if plan == "forward" else set()
            burned = plan in ("burn", "raise") or bool(made & set(case.ports.refused_outputs))
            unstored = name in case.ports.refused_letters
            if plan in ("reject", "junk"):
                # Bytes that could not be stored the first time are tried once more as the last.
                assert words[name] == ("failed" if unstored else "rejected")
            elif burned:
                assert words[name] == ("rejected" if exhausted and not unstored else "failed")
            elif plan == "spare":
                assert words[name] == "failed"
            else:
                expected = {"forward": "forwarded", "drop": "dropped"}.get(plan, plan)
                assert words[name] == expected


@given(cases())
def test_nothing_is_acknowledged_that_is_not_finished(case: Case) -> None:
    result = case.run()
    words, ports = words_of(result), case.ports
    for item in case.items:
        names = [name_of(record) for record in item.records]
        failed = [name for name in names if words[name] == "failed"]
        if item.ref in result.failed_refs:
            assert failed, "returned for nothing"
            continue
        for name in names:
            plan, outputs = case.plans[name]
            if words[name] == "forwarded":
                assert {f"{name}>{n}" for n in range(outputs)} <= set(ports.emitted)
            elif words[name] == "rejected":
                assert ports.letters[name].body == f"bytes of {name}".encode()
                assert ports.letters[name].attempts == item.attempts
            elif words[name] == "failed":
                assert ports.sent_back[name] == item.attempts - (plan == "spare")
                assert not case.stream
    assert len(set(result.failed_refs)) == len(result.failed_refs)


@given(cases())
def test_what_went_out_is_listed_and_confirmed_only_when_all_of_it_did(case: Case) -> None:
    result = case.run()
    assert result.outputs == case.ports.emitted
    made = {
        f"{name}>{n}"
        for name, (plan, outputs) in case.plans.items()
        for n in range(outputs if plan == "forward" else 0)
    }
    assert case.ports.confirmed == bool(made and not made & set(case.ports.refused_outputs))
    first = case.ports.order[: case.ports.order.count("emit") + case.ports.confirmed]
    assert first == ["emit", "confirm"][: len(first)], "dead-lettered or sent back before emitting"


def name_of(record: Record | Undecodable) -> str:
    return record.place if isinstance(record, Undecodable) else record.id


def run_plans(*plans: Plan, attempts: int = 1, ports: Ports | None = None) -> BatchResult:
    """One message whose records are named after their places, each with its plan."""
    ports = ports or Ports()
    names = {str(place): (plan, 1) for place, plan in enumerate(plans)}
    item = Item("m", [message(name) for name in names], attempts)
    return run_batch("detect", [item], planned(names), ports.pipes())


def test_a_pack_that_partly_failed_is_acknowledged_and_only_its_failed_records_go_back() -> None:
    ports = Ports()
    result = run_plans("forward", "burn", "forward", "raise", attempts=2, ports=ports)
    assert result.failed_refs == []
    assert ports.sent_back == {"1": 2, "3": 2}
    assert ports.emitted == ["0>0", "2>0"]


def test_a_pack_that_wholly_failed_is_returned_so_that_the_queue_counts_it() -> None:
    ports = Ports()
    result = run_plans("burn", "raise", ports=ports)
    assert result.failed_refs == ["m"]
    assert ports.sent_back == {}


def test_a_failure_that_is_nobodys_fault_does_not_count_as_an_attempt() -> None:
    ports = Ports()
    result = run_plans("spare", "spare", attempts=MAX_ATTEMPTS + 2, ports=ports)
    assert result.failed_refs == []
    assert ports.sent_back == {"0": MAX_ATTEMPTS + 1, "1": MAX_ATTEMPTS + 1}
    assert ports.letters == {}


def test_a_neighbours_failure_never_uses_up_the_attempts_of_a_spared_record() -> None:
    ports = Ports()
    run_plans("burn", "spare", attempts=MAX_ATTEMPTS - 1, ports=ports)
    assert ports.sent_back == {"0": MAX_ATTEMPTS - 1, "1": MAX_ATTEMPTS - 2}
    last = Ports()
    result = run_plans("burn", "spare", attempts=MAX_ATTEMPTS, ports=last)
    assert set(last.letters) == {"0"}
    assert last.sent_back == {"1": MAX_ATTEMPTS - 1}
    assert result.ended["rejected"] == ["0"]
    assert result.ended["failed"] == ["1"]
    assert result.failed_refs == []


def test_the_last_attempt_ends_as_a_dead_letter_with_the_reason_and_the_count() -> None:
    ports = Ports()
    result = run_plans("burn", "raise", attempts=MAX_ATTEMPTS, ports=ports)
    assert result.failed_refs == []
    assert {name: letter.reason for name, letter in ports.letters.items()} == {
        "0": f"failed {MAX_ATTEMPTS} times: could not be written",
        "1": f"failed {MAX_ATTEMPTS} times: KeyError in the filter",
    }
    assert {failure.attempts for failure in result.failures} == {MAX_ATTEMPTS}


def test_a_dead_letter_that_cannot_be_stored_keeps_its_message_in_the_queue() -> None:
    ports = Ports(refused_letters={"0"})
    result = run_plans("reject", attempts=MAX_ATTEMPTS, ports=ports)
    assert result.failed_refs == ["m"]
    assert result.failures[0].reason == "dead letter could not be stored"


def test_records_that_cannot_be_sent_back_keep_their_message_in_the_queue() -> None:
    ports = Ports(refused_retries={"1"})
    assert run_plans("forward", "burn", ports=ports).failed_refs == ["m"]


def test_outputs_that_could_not_be_emitted_fail_exactly_their_sources() -> None:
    ports = Ports(refused_outputs={"1>0"})
    result = run_plans("forward", "forward", "forward", ports=ports)
    assert result.ended["failed"] == ["1"]
    assert result.ended["forwarded"] == ["0", "2"]
    assert result.outputs == ["0>0", "2>0"]
    assert ports.confirmed == 0
    assert ports.sent_back == {"1": 1}


def test_a_stream_has_no_retry_queue_so_every_failure_names_its_record() -> None:
    ports = Ports()
    plans: dict[str, tuple[Plan, int]] = {"a": ("burn", 0), "b": ("drop", 0), "c": ("spare", 0)}
    items = [Item(name, [message(name)], 9) for name in plans]
    result = run_batch("normalize", items, planned(plans), ports.pipes(stream=True))
    assert result.failed_refs == ["a", "c"]
    assert ports.letters == {}


STATUS = FlightStatus(
    id="s",
    message_id="m",
    format="firehose",
    feed="test",
    source_time=NOW,
    source_rank=50,
    sequence=0,
    received_at=NOW,
    airline="UAL",
    number=1545,
)
DISRUPTION = Disruption(
    id="d",
    leg="UAL1545.EWR.2013-02-08",
    kind="delayed",
    rev=1,
    airline="UAL",
    number=1545,
    origin="EWR",
    date="2013-02-08",
    source_time=NOW,
    received_at=NOW,
    useful_until=NOW,
    status_id="s",
    policy="passenger@1",
)


@pytest.mark.parametrize(
    ("record", "schema", "body"),
    [
        (message("f"), "payload", b"bytes of f"),
        (STATUS, "flight_status", encode(STATUS)),
        (DISRUPTION, "disruption", encode(DISRUPTION)),
        (Undecodable(b"\xc3\x01\x00", "header: cut off", "shard:1"), "", b"\xc3\x01\x00"),
    ],
    ids=["feed message", "flight status", "disruption", "undecodable"],
)
def test_a_reject_keeps_the_original_bytes(
    record: Record | Undecodable, schema: str, body: bytes
) -> None:
    ports = Ports()

    def reject(records: list[Record]) -> list[Outcome]:
        return [Reject("ident: missing", "line 3") for _ in records]

    run_batch("join", [Item("m", [record], 2, "shard:1")], reject, ports.pipes())
    (letter,) = ports.letters.values()
    assert (letter.body_schema, letter.body) == (schema, body)
    assert (letter.stage, letter.attempts) == ("join", 2)
    assert (letter.code_version, letter.rejected_at) == ("7", NOW)
    assert letter.place
    if schema in ("flight_status", "disruption"):
        assert decode_pack(letter.body) == [record]


def test_parts_of_one_stream_record_have_letters_of_their_own() -> None:
    ports = Ports()
    parts = [Undecodable(b"a", "cut off", "s:1/0"), Undecodable(b"b", "cut off", "s:1/1")]
    run_batch("normalize", [Item("1", parts, place="s:1")], planned({}), ports.pipes(stream=True))
    assert len({letter.id for letter in ports.letters.values()}) == 2
    assert {letter.body for letter in ports.letters.values()} == {b"a", b"b"}


@given(st.integers(1, 300), st.data())
def test_a_bad_record_fails_alone_within_two_calls_per_halving(
    size: int, data: st.DataObject
) -> None:
    guilty = data.draw(st.integers(0, size - 1))
    calls = 0

    def run(records: list[FeedMessage]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if any(record.id == str(guilty) for record in records):
            raise ValueError("poison")
        return [Drop("fine") for _ in records]

    outcomes = isolate(run, [message(str(n)) for n in range(size)])
    assert outcomes[guilty] == Fail("ValueError in the filter")
    assert outcomes.count(Drop("fine")) == size - 1
    assert calls <= 2 * math.ceil(math.log2(size)) + 1


@pytest.mark.parametrize("error", [RecursionError, MemoryError, AssertionError, KeyError])
def test_whatever_a_filter_raises_costs_one_record(error: type[Exception]) -> None:
    def run(records: list[FeedMessage]) -> list[Outcome]:
        if any(record.id == "1" for record in records):
            raise error
        return [Drop("fine") for _ in records]

    outcomes = isolate(run, [message(str(n)) for n in range(3)])
    fail = Fail(f"{error.__name__} in the filter")
    assert outcomes == [Drop("fine"), fail, Drop("fine")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_not_a_records_fault(error: type[BaseException]) -> None:
    def run(records: list[FeedMessage]) -> list[Outcome]:
        del records
        raise error

    with pytest.raises(error):
        isolate(run, [message("a"), message("b")])


@pytest.mark.parametrize("given_back", [0, 1, 3])
def test_a_filter_that_answers_the_wrong_number_is_a_fault_of_the_program(given_back: int) -> None:
    def run(records: list[FeedMessage]) -> list[Outcome]:
        del records
        return [Drop("fine")] * given_back

    with pytest.raises(AssertionError, match=f"{given_back} outcomes for 2 records"):
        isolate(run, [message("a"), message("b")])


def test_a_wrong_number_is_surfaced_from_a_half_too() -> None:
    def run(records: list[FeedMessage]) -> list[Outcome]:
        if len(records) > 1:
            raise ValueError("poison")
        return []

    with pytest.raises(AssertionError, match="0 outcomes for 1 records"):
        isolate(run, [message(str(n)) for n in range(4)])


def test_an_empty_batch_calls_neither_filter_nor_ports() -> None:
    ports = Ports()

    def run(records: list[FeedMessage]) -> list[Outcome]:
        raise AssertionError(records)

    result = run_batch("join", [], run, ports.pipes())
    assert result.records == 0
    assert result.failed_refs == []
    assert ports.order == []
