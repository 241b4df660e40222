"""How detect uses the legs' table: conflicts, crashes, unread keys, legs whose date changes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from filters.detect import Reading, Written, detect
from filters.legs import LegState, fold, known_legs, states_hash
from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Stale
from pipeline.batch import isolate
from pipeline.memory.tables import MemoryLegs
from schemas.records import Disruption, FlightStatus
from tests.unit.filters.records import (
    DAY,
    LEG,
    MINUTE,
    OUT,
    POLICY,
    RECEIVED,
    SOURCE,
    status,
    undated,
)


class Crash(BaseException):
    """The process dies here; no `except Exception` may save it."""


class ScriptedLegs(MemoryLegs):
    """Leg states that fail, refuse and are interrupted where a test says so."""

    def __init__(self) -> None:
        """Starts empty and sound."""
        super().__init__()
        self.unread: set[str] = set()
        self.failing: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.written: list[LegState] = []
        self.read_keys: list[str] = []
        self.before: dict[tuple[str, int], Callable[[], object]] = {}
        self.after: dict[tuple[str, int], Callable[[], object]] = {}

    def read(self, keys: Collection[str]) -> Reading:
        """Read all but the unread keys."""
        call = self._begin("read")
        self.read_keys.extend(keys)
        reading = super().read([key for key in keys if key not in self.unread])
        self._run(self.after, call)
        return Reading(reading.found, [key for key in keys if key in self.unread])

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write all but the failing keys."""
        call = self._begin("write")
        self.written.extend(states)
        done = super().write([state for state in states if state.key not in self.failing])
        self._run(self.after, call)
        failed: dict[str, Written] = {s.key: "failed" for s in states if s.key in self.failing}
        return {**done, **failed}

    def _begin(self, name: str) -> tuple[str, int]:
        self.calls[name] += 1
        call = (name, self.calls[name])
        self._run(self.before, call)
        return call

    def _run(
        self, hooks: dict[tuple[str, int], Callable[[], object]], call: tuple[str, int]
    ) -> None:
        hook = hooks.pop(call, None)
        if hook is not None:
            hook()


def run(legs: MemoryLegs, statuses: Sequence[FlightStatus], batch: str) -> list[Outcome]:
    """One batch of detect, not confirmed."""
    return detect(statuses, legs=legs, policy=POLICY, advisories=(), token=batch)


def told_in(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """Id, leg and kind of the disruptions in these outcomes."""
    records = [r for outcome in outcomes if isinstance(outcome, Forward) for r in outcome.outputs]
    return [(r.id, r.leg, r.kind) for r in records if isinstance(r, Disruption)]


def at_minute(minutes: int) -> int:
    """A source time so many minutes after 09:00."""
    return RECEIVED + minutes * MINUTE


PLAN = status("plan", source_time=at_minute(0), out_scheduled=OUT)
LATE = status("late", source_time=at_minute(5), out_estimated=OUT + 45 * MINUTE)
LATER = status("later", source_time=at_minute(9), out_estimated=OUT + 90 * MINUTE)
OFF = undated("off", source_time=at_minute(99), out_actual=OUT + 44 * MINUTE)


def crash() -> None:
    """Die."""
    raise Crash


# What is pending until it was emitted.


def test_after_a_crash_before_emitting_the_redelivery_emits_the_same_ids() -> None:
    legs = MemoryLegs()
    lost = told_in(run(legs, [PLAN, LATE], "t1"))
    again = run(legs, [PLAN, LATE], "t2")
    assert told_in(again) == lost != []
    assert [type(outcome) for outcome in again] == [Stale, Forward]
    legs.confirm("t2")
    assert run(legs, [PLAN, LATE], "t3") == [Stale(), Duplicate()]


def test_a_confirmed_outbox_is_not_emitted_again() -> None:
    legs = MemoryLegs()
    run(legs, [PLAN, LATE], "t1")
    legs.confirm("t1")
    assert told_in(run(legs, [OFF, PLAN], "t2")) == []


def test_what_is_pending_goes_out_with_the_next_status_of_the_leg_together_with_news() -> None:
    legs = MemoryLegs()
    [lost] = told_in(run(legs, [PLAN, LATE], "t1"))
    first, second = told_in(run(legs, [LATER], "t2"))
    assert first == lost
    assert (second[2], second[0] != lost[0]) == ("delayed", True)
    legs.confirm("t1")  # the worker that died did emit, and its confirmation comes late
    assert told_in(run(legs, [OFF], "t3")) == [first, second]


@pytest.mark.parametrize("call", [("write", 1), ("write", 2)])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_any_write_costs_no_word(call: tuple[str, int], moment: str) -> None:
    legs = ScriptedLegs()
    getattr(legs, moment)[call] = crash
    with pytest.raises(Crash):
        run(legs, [PLAN, LATE], "t1")
    [found] = told_in(run(legs, [PLAN, LATE], "t2"))
    assert found[1:] == (LEG, "delayed")
    legs.confirm("t2")
    assert run(legs, [PLAN, LATE], "t3") == [Stale(), Duplicate()]
    [leg] = known_legs(legs.all())
    assert leg.cells == fold(LegState(key=LEG), [PLAN, LATE])[0].cells


def test_a_filter_that_raised_after_writing_still_says_its_word_when_run_again() -> None:
    """The batch core runs the halves again under the very same token."""
    legs = ScriptedLegs()
    other = status("o", number=7, source_id="firehose:o")

    def fault() -> None:
        message = "the table answered nonsense"
        raise ValueError(message)

    legs.after["write", 2] = fault  # the links are written, and the legs too
    outcomes = isolate(lambda statuses: run(legs, statuses, "t1"), [PLAN, LATE, other])
    assert {(leg, kind) for _, leg, kind in told_in(outcomes)} == {(LEG, "delayed")}
    assert len({name for name, _, _ in told_in(outcomes)}) == 1
    assert not any(isinstance(outcome, Fail) for outcome in outcomes)


def test_a_disruption_is_handed_out_once_though_a_second_pass_meets_its_leg_again() -> None:
    legs = ScriptedLegs()
    other = "firehose:UAL1545-other"
    gate = undated("gate", source_id=other, out_gate="C98")
    link = LegState(key=f"~{other}", rev=1, moved_to=LEG, date_basis="scheduled")
    # Somebody finds out meanwhile that the other id is the same leg.
    legs.after["read", 1] = lambda: MemoryLegs.write(legs, [link])
    outcomes = run(legs, [PLAN, LATE, gate], "t1")
    assert [type(outcome) for outcome in outcomes] == [Drop, Forward, Drop]
    [leg] = known_legs(legs.all())
    assert leg.cells == fold(LegState(key=LEG), [PLAN, LATE, gate])[0].cells


# Others write at the same time.


def test_a_leg_written_meanwhile_is_read_again_and_nothing_is_lost() -> None:
    legs = ScriptedLegs()
    told: list[tuple[str, str, str]] = []
    legs.after["read", 1] = lambda: told.extend(told_in(run(legs, [LATER], "other")))
    told += told_in(run(legs, [PLAN, LATE], "t1"))
    [leg] = known_legs(legs.all())
    assert leg.cells == fold(LegState(key=LEG), [PLAN, LATE, LATER])[0].cells
    assert leg.told is not None
    assert leg.told.out == OUT + 90 * MINUTE
    assert {kind for _, _, kind in told} == {"delayed"}


def test_a_link_written_meanwhile_is_followed() -> None:
    legs = ScriptedLegs()
    legs.after["read", 1] = lambda: run(legs, [OFF], "other")  # nobody knows the date yet
    run(legs, [PLAN], "t1")
    [leg] = known_legs(legs.all())
    assert leg.cells == fold(LegState(key=LEG), [PLAN, OFF])[0].cells


def test_a_filed_date_gives_way_to_a_schedule_written_meanwhile() -> None:
    legs = ScriptedLegs()
    legs.after["read", 1] = lambda: run(legs, [GATE, PLAN, LATE, OFF], "other")
    run(legs, [FILED], "t1")
    assert_one_leg(legs)
    assert {state.key for state in legs.all()} == {LEG, SOURCE, DAY}


def test_an_undated_status_follows_a_link_written_meanwhile() -> None:
    legs = ScriptedLegs()
    legs.after["read", 1] = lambda: run(legs, [PLAN], "other")
    assert run(legs, [OFF], "t1") == [Drop("not_material")]
    [leg] = known_legs(legs.all())
    assert leg.cells == fold(LegState(key=LEG), [PLAN, OFF])[0].cells


def test_a_leg_that_others_keep_writing_fails_and_can_be_tried_again() -> None:
    legs = ScriptedLegs()

    def busy(turn: int) -> Callable[[], object]:
        gate = status(f"busy{turn}", source_time=at_minute(turn), out_gate=f"C{turn}")
        return lambda: run(legs, [gate], f"busy{turn}")

    calls = itertools.count(1)

    def interrupt() -> None:
        turn = next(calls)
        busy(turn)()
        legs.after["read", legs.calls["read"] + 1] = interrupt

    legs.after["read", 1] = interrupt
    assert run(legs, [PLAN], "t1") == [Fail("leg written by others meanwhile")]
    legs.after.clear()
    assert run(legs, [PLAN], "t2") == [Drop("not_material")]


# What cannot be read or written.


@pytest.mark.parametrize("key", [LEG, SOURCE])
def test_what_cannot_be_read_fails_alone_and_is_written_nowhere(key: str) -> None:
    legs = ScriptedLegs()
    legs.unread = {key}
    other = status("o", number=7, source_id="firehose:o")
    outcomes = run(legs, [PLAN, other], "t1")
    assert outcomes == [Fail("leg state could not be read"), Drop("not_material")]
    assert {state.key for state in legs.all()} == {"UAL7.EWR.2013-02-08", "~firehose:o"}


def test_a_leg_that_cannot_be_read_behind_its_link_fails() -> None:
    legs = ScriptedLegs()
    run(legs, [PLAN], "t1")
    legs.unread = {LEG}
    assert run(legs, [OFF], "t2") == [Fail("leg state could not be read")]
    legs.unread = set()
    assert run(legs, [OFF], "t3") == [Drop("not_material")]


@pytest.mark.parametrize("key", [LEG, SOURCE])
def test_what_cannot_be_written_fails_and_is_made_good_later(key: str) -> None:
    legs = ScriptedLegs()
    legs.failing = {key}
    outcomes = run(legs, [PLAN, LATE], "t1")
    assert [type(outcome) for outcome in outcomes] == [Fail, Fail]
    legs.failing = set()
    [found] = told_in(run(legs, [PLAN, LATE], "t2"))
    assert found[1:] == (LEG, "delayed")


# What it costs.


def test_one_write_for_each_leg_and_each_new_source_id_of_a_batch() -> None:
    legs = ScriptedLegs()
    statuses = [
        status(f"{n}.{place}", number=n, source_id=f"firehose:{n}", source_time=at_minute(place))
        for place in range(20)
        for n in (1, 2, 3)
    ]
    run(legs, statuses, "t1")
    assert Counter(state.key for state in legs.written) == Counter(
        {f"UAL{n}.EWR.2013-02-08": 1 for n in (1, 2, 3)} | {f"~firehose:{n}": 1 for n in (1, 2, 3)}
    )
    assert legs.calls == Counter(read=1, write=2)


def test_a_source_id_is_linked_once() -> None:
    legs = ScriptedLegs()
    run(legs, [PLAN], "t1")
    legs.written.clear()
    legs.calls.clear()
    run(legs, [LATE, OFF], "t2")
    assert [state.key for state in legs.written] == [LEG]
    assert legs.calls == Counter(read=1, write=1)


def test_duplicates_are_read_and_not_written() -> None:
    legs = ScriptedLegs()
    run(legs, [PLAN, LATE], "t1")
    legs.confirm("t1")
    legs.written.clear()
    run(legs, [LATE, PLAN], "t2")
    assert legs.written == []


def test_a_batch_that_dates_its_leg_itself_needs_one_pass_whatever_comes_first() -> None:
    for order in itertools.permutations([FILED, PLAN, OFF]):
        legs = ScriptedLegs()
        run(legs, order, "t1")
        assert legs.calls == Counter(read=1, write=2), [status.message_id for status in order]


def test_no_key_is_read_twice_in_a_pass() -> None:
    legs = ScriptedLegs()
    run(legs, [PLAN, LATE, OFF], "t1")
    assert Counter(legs.read_keys) == Counter({LEG: 1, SOURCE: 1, DAY: 1})


# A filed plan's date, and the schedule's date on another day.

FILED_LEG = "UAL1545.EWR.2013-02-09"
FILED = status(
    "filed",
    source_time=at_minute(-90),
    date="2013-02-09",
    date_basis="filed",
    off_scheduled=OUT + 900 * MINUTE,
    registration="N14228",
)
GATE = undated("gate", source_time=at_minute(-30), out_gate="C98")
CANCELLED = status(
    "cancelled",
    source_time=at_minute(60),
    date="2013-02-09",
    date_basis="filed",
    life="cancelled",
)
HISTORY = (FILED, GATE, PLAN, LATE, OFF)
REGISTERS = fold(LegState(key=LEG), HISTORY)[0].cells


def assert_one_leg(legs: MemoryLegs) -> None:
    """Everything stands in the leg of the schedule's date, and in no other."""
    [leg] = known_legs(legs.all())
    assert (leg.key, leg.date) == (LEG, "2013-02-08")
    assert leg.cells == REGISTERS


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))), ids=str)
def test_a_leg_moves_to_the_schedules_date_in_whatever_order_it_was_heard(
    order: tuple[int, ...],
) -> None:
    for cut in range(6):
        legs = MemoryLegs()
        statuses = [HISTORY[place] for place in order]
        for number, batch in enumerate((statuses[:cut], statuses[cut:])):
            run(legs, batch, f"t{number}")
            legs.confirm(f"t{number}")
        assert_one_leg(legs)
    one_by_one = MemoryLegs()
    for place in order:
        run(one_by_one, [HISTORY[place]], f"t{place}")
        one_by_one.confirm(f"t{place}")
    assert_one_leg(one_by_one)
    assert states_hash(one_by_one.all()) == states_hash(legs.all())


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 6))
def test_a_crash_while_a_leg_moves_loses_none_of_what_was_known(call: int, moment: str) -> None:
    legs = ScriptedLegs()
    run(legs, [FILED, GATE], "t1")
    legs.calls.clear()
    getattr(legs, moment)["write", call] = crash
    died = False
    try:
        run(legs, [PLAN], "t2")
    except Crash:
        died = True
    assert died == (call <= 4), "four writes: the flight day, the old leg, the new one, the link"
    legs.before.clear()
    legs.after.clear()
    run(legs, [PLAN], "t3")
    run(legs, [LATE, OFF], "t4")
    assert_one_leg(legs)


@pytest.mark.parametrize("call", [("read", 1), *(("write", n) for n in range(1, 5))])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_status_that_arrives_while_its_leg_moves_moves_too(
    call: tuple[str, int], moment: str
) -> None:
    legs = ScriptedLegs()
    run(legs, [FILED], "t1")
    legs.calls.clear()
    getattr(legs, moment)[call] = lambda: run(legs, [GATE, OFF], "other")
    run(legs, [PLAN, LATE], "t2")
    assert_one_leg(legs)


@pytest.mark.parametrize("call", [("read", 1), ("write", 1), ("write", 2)])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_leg_that_moves_while_a_status_is_on_its_way_takes_it_along(
    call: tuple[str, int], moment: str
) -> None:
    legs = ScriptedLegs()
    run(legs, [FILED], "t1")
    legs.calls.clear()
    getattr(legs, moment)[call] = lambda: run(legs, [PLAN, LATE], "other")
    run(legs, [GATE, OFF], "t2")
    run(legs, [OFF], "t3")  # a write that the interruption never met: nothing new, a duplicate
    if legs.before or legs.after:
        run(legs, [PLAN, LATE], "t4")
    assert_one_leg(legs)


def test_a_leg_cancelled_under_a_filed_date_is_corrected_there_and_told_where_it_belongs() -> None:
    legs = MemoryLegs()
    [wrong] = told_in(run(legs, [FILED, CANCELLED], "t1"))
    legs.confirm("t1")
    assert wrong[1:] == (FILED_LEG, "cancelled")
    told = told_in(run(legs, [PLAN], "t2"))
    assert {found[1:] for found in told} == {(FILED_LEG, "reinstated"), (LEG, "cancelled")}
    # Not confirmed: said again, under the same ids; then no more.
    assert told_in(run(legs, [PLAN], "t3")) == told
    legs.confirm("t3")
    assert told_in(run(legs, [PLAN, GATE], "t4")) == []


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_crash_while_it_moves_the_correction_is_said_once(call: int, moment: str) -> None:
    legs = ScriptedLegs()
    run(legs, [FILED, CANCELLED], "t1")
    legs.confirm("t1")
    legs.calls.clear()
    getattr(legs, moment)["write", call] = crash
    with pytest.raises(Crash):
        run(legs, [PLAN], "t2")
    told = told_in(run(legs, [PLAN], "t3"))
    assert sorted(found[1:] for found in told) == [(LEG, "cancelled"), (FILED_LEG, "reinstated")]


def test_a_correction_decided_but_not_emitted_before_the_move_is_still_said() -> None:
    legs = MemoryLegs()
    run(legs, [CANCELLED], "t1")
    legs.confirm("t1")
    back = undated("back", source_time=at_minute(70))
    [lost] = told_in(run(legs, [back], "t2"))
    assert lost[1:] == (FILED_LEG, "reinstated")
    assert [found[1:] for found in told_in(run(legs, [PLAN], "t3"))] == [(FILED_LEG, "reinstated")]


def test_the_correction_has_a_later_revision_and_none_of_the_other_days_times() -> None:
    legs = MemoryLegs()
    [first] = run(legs, [CANCELLED], "t1")
    [second] = run(legs, [PLAN], "t2")
    assert isinstance(first, Forward)
    assert isinstance(second, Forward)
    [wrong] = first.outputs
    correction = next(r for r in second.outputs if isinstance(r, Disruption) and r.leg == FILED_LEG)
    assert isinstance(wrong, Disruption)
    assert correction.rev > wrong.rev
    assert (correction.date, correction.origin, correction.airline) == ("2013-02-09", "EWR", "UAL")
    assert (correction.out_scheduled, correction.out_expected) == (None, None)


def test_a_leg_with_a_schedule_of_its_own_stays_when_another_flight_turns_out_not_to_be_it() -> (
    None
):
    legs = MemoryLegs()
    theirs = status(
        "t", source_id="firehose:next", date="2013-02-09", out_scheduled=OUT + 1440 * MINUTE
    )
    run(legs, [theirs], "t1")
    run(legs, [FILED], "t2")
    run(legs, [PLAN], "t3")
    legs_by_key = {leg.key: leg for leg in known_legs(legs.all())}
    assert set(legs_by_key) == {LEG, FILED_LEG}
    assert legs_by_key[LEG].time("out_scheduled") == OUT
    assert legs_by_key[FILED_LEG].time("out_scheduled") == OUT + 1440 * MINUTE
    run(
        legs,
        [undated("u", source_id="firehose:next", out_gate="B1", source_time=at_minute(77))],
        "t4",
    )
    assert {leg.key: leg.word("out_gate") for leg in known_legs(legs.all())} == {
        LEG: None,
        FILED_LEG: "B1",
    }


def test_a_schedule_for_the_date_a_flight_moved_away_from_starts_afresh() -> None:
    legs = MemoryLegs()
    run(legs, [FILED], "t1")
    run(legs, [PLAN], "t2")
    theirs = status(
        "t", source_id="firehose:next", date="2013-02-09", out_scheduled=OUT + 1440 * MINUTE
    )
    run(legs, [theirs], "t3")
    legs_by_key = {leg.key: leg for leg in known_legs(legs.all())}
    assert set(legs_by_key) == {LEG, FILED_LEG}
    assert legs_by_key[FILED_LEG].cells == fold(LegState(key=FILED_LEG), [theirs])[0].cells


def test_a_filed_date_confirmed_by_the_schedule_is_the_same_leg() -> None:
    legs = ScriptedLegs()
    filed = status("f", source_time=at_minute(-90), date_basis="filed")
    run(legs, [filed], "t1")
    run(legs, [PLAN], "t2")
    [leg] = known_legs(legs.all())
    assert (leg.key, leg.date_basis) == (LEG, "scheduled")
    legs.written.clear()
    run(legs, [LATE], "t3")
    assert [state.key for state in legs.written] == [LEG]
