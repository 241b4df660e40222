"""One leg under many names: flight days, parked statuses, new numbers and dates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from filters.detect import detect
from filters.legs import LegState, fold, known_legs, states_hash
from filters.outcome import Drop, Duplicate, Forward, Outcome, Stale
from pipeline.memory.tables import MemoryLegs
from schemas.records import Disruption, FlightStatus
from tests.unit.filters.records import DAY, IN, LEG, MINUTE, OUT, POLICY, RECEIVED, status
from tests.unit.filters.test_detect_legs import Crash, ScriptedLegs, crash


def minute(minutes: int) -> int:
    """A source time so many minutes after 09:00."""
    return RECEIVED + minutes * MINUTE


def movement(name: str, at: int, **fields: object) -> FlightStatus:
    """What a movement message says: number and UTC day, no local date, no id of the source."""
    whole: dict[str, object] = {
        "source_time": minute(at),
        "source_id": None,
        "format": "mvt",
        "source_rank": 90,
        "origin": None,
        "destination": None,
        "date": None,
        "date_basis": "none",
        "utc_date": "2013-02-08",
    }
    return status(name, **{**whole, **fields})


PLAN = status("plan", source_time=minute(0), out_scheduled=OUT, in_scheduled=IN)
LEFT = movement("left", 80, origin="EWR", out_actual=OUT + 5 * MINUTE)
LANDED = movement("landed", 320, destination="IAH", on_actual=IN - 9 * MINUTE)
IN_BLOCK = movement("in", 330, destination="IAH", registration="N14228", in_actual=IN)
WHOLE = [PLAN, LEFT, LANDED, IN_BLOCK]


def run(legs: MemoryLegs, statuses: Sequence[FlightStatus], batch: str = "b") -> list[Outcome]:
    """One batch of detect."""
    return detect(statuses, legs=legs, policy=POLICY, advisories=(), token=batch)


def one_by_one(statuses: Sequence[FlightStatus]) -> MemoryLegs:
    """The legs after batches of one."""
    legs = MemoryLegs()
    for number, each in enumerate(statuses):
        run(legs, [each], str(number))
    return legs


def the_leg(legs: MemoryLegs) -> LegState:
    """The only leg there is."""
    [leg] = known_legs(legs.all())
    return leg


@pytest.mark.parametrize("order", list(itertools.permutations(WHOLE)))
def test_movements_and_a_schedule_are_one_leg_in_any_order(order: Sequence[FlightStatus]) -> None:
    for legs in (one_by_one(order), MemoryLegs()):
        if not legs.all():
            run(legs, order)
        leg = the_leg(legs)
        assert leg.key == LEG
        assert leg.cells == fold(LegState(key=LEG), WHOLE)[0].cells


def test_an_arrival_of_an_unknown_leg_is_parked_and_counted() -> None:
    legs = MemoryLegs()
    assert run(legs, [LANDED]) == [Drop("parked")]
    assert run(legs, [LANDED]) == [Duplicate()]
    older = movement("older", 300, destination="IAH", on_actual=IN)
    assert run(legs, [older]) == [Stale()]
    assert known_legs(legs.all()) == []
    assert [state.key for state in legs.all()] == [DAY]
    run(legs, [PLAN])
    assert the_leg(legs).time("on_actual") == IN - 9 * MINUTE


def test_an_arrival_finds_its_leg_among_those_of_the_number() -> None:
    back = status("back", source_id="firehose:2", origin="IAH", destination="EWR", out_scheduled=IN)
    legs = one_by_one([PLAN, back, LANDED])
    by_key = {leg.key: leg for leg in known_legs(legs.all())}
    assert by_key[LEG].time("on_actual") == IN - 9 * MINUTE
    assert by_key["UAL1545.IAH.2013-02-08"].time("on_actual") is None


def test_between_two_legs_to_one_airport_the_aircraft_decides() -> None:
    first = status("1", registration="N14228", out_scheduled=OUT)
    second = status(
        "2", source_id="firehose:2", origin="BOS", registration="N37255", out_scheduled=OUT
    )
    unsure = movement("unsure", 330, destination="IAH", in_actual=IN)
    legs = one_by_one([first, second, IN_BLOCK])
    assert run(legs, [unsure]) == [Drop("parked")]
    by_key = {leg.key: leg for leg in known_legs(legs.all())}
    assert by_key[LEG].time("in_actual") == IN
    assert by_key["UAL1545.BOS.2013-02-08"].time("in_actual") is None


DIVERTED = movement("div", 200, planned_destination="IAH", destination="AUS", deviation="diverted")
AT_AUSTIN = movement("aus", 330, destination="AUS", in_actual=IN)


@pytest.mark.parametrize("order", list(itertools.permutations([PLAN, DIVERTED, AT_AUSTIN])))
def test_trap_27_an_arrival_elsewhere_is_the_diverted_legs(order: Sequence[FlightStatus]) -> None:
    leg = the_leg(one_by_one(order))
    # What was parked at the other airport comes with the next word of the leg.
    again = status("again", source_time=minute(400), destination=None, out_scheduled=OUT)
    legs = one_by_one([*order, again])
    leg = the_leg(legs)
    assert (leg.word("destination"), leg.word("planned_destination")) == ("AUS", "IAH")
    assert (leg.time("in_actual"), leg.word("deviation")) == (IN, "diverted")


def test_a_word_on_the_whole_flight_reaches_all_its_legs_also_those_listed_later() -> None:
    onward = status("2", source_id="firehose:2", origin="IAH", destination="SAT", out_scheduled=IN)
    last = status("3", source_id="firehose:3", origin="SAT", destination="ELP", out_scheduled=IN)
    off = movement("cnl", 10, life="cancelled")
    legs = one_by_one([PLAN, onward])
    [outcome] = run(legs, [off], "cnl")
    assert isinstance(outcome, Forward)
    told = [(d.leg, d.kind) for d in outcome.outputs if isinstance(d, Disruption)]
    assert told == [(LEG, "cancelled"), ("UAL1545.IAH.2013-02-08", "cancelled")]
    assert run(legs, [off], "again") == [Forward(outputs=outcome.outputs)]
    legs.confirm("again")
    assert run(legs, [off], "and again") == [Duplicate()]
    [later] = run(legs, [last], "later")
    assert isinstance(later, Forward)


def test_a_local_date_without_an_airport_finds_the_leg() -> None:
    evening = OUT + 15 * 60 * MINUTE  # 01:15 UTC of the 9th, 20:15 of the 8th in Newark
    plan = status("plan", out_scheduled=evening)
    off = movement("cnl", 10, life="cancelled", date="2013-02-08", utc_date=None)
    for order in ([plan, off], [off, plan]):
        assert the_leg(one_by_one(order)).word("life") == "cancelled"
    utc = movement("cnl", 10, life="cancelled", utc_date="2013-02-08")
    assert the_leg(one_by_one([plan, utc])).word("life") == "operating"


# Another number or date.

NEW_LEG = "UAL644.EWR.2013-02-08"
RENAMED = status(
    "flt", source_id=None, source_time=minute(5), number=644, out_scheduled=OUT, formerly=LEG
)
LATE = status("late", source_time=minute(30), out_estimated=OUT + 45 * MINUTE)


@pytest.mark.parametrize("order", list(itertools.permutations([PLAN, RENAMED, LATE])))
def test_trap_29_a_renamed_leg_is_one_leg_and_old_tickets_hear_of_it(
    order: Sequence[FlightStatus],
) -> None:
    legs = one_by_one([*order, *order])
    leg = the_leg(legs)
    assert leg.key == NEW_LEG
    assert leg.time("out_estimated") == OUT + 45 * MINUTE
    assert leg.code_shares == ("UA1545",)


def test_trap_29_a_leg_moved_to_another_date_keeps_the_tickets_of_the_old_one() -> None:
    moved = status(
        "tim",
        source_id=None,
        source_time=minute(5),
        date="2013-02-09",
        out_scheduled=OUT + 24 * 60 * MINUTE,
        formerly=LEG,
    )
    leg = the_leg(one_by_one([PLAN, moved]))
    assert leg.key == "UAL1545.EWR.2013-02-09"
    assert leg.code_shares == ("UA1545/2013-02-08",)


def test_a_leg_renamed_there_and_back_has_its_first_name() -> None:
    back = status(
        "back", source_id=None, source_time=minute(9), out_scheduled=OUT, formerly=NEW_LEG
    )
    for order in itertools.permutations([RENAMED, back]):
        legs = one_by_one([PLAN, *order, LATE])
        assert the_leg(legs).key == LEG
        assert the_leg(legs).time("out_estimated") == OUT + 45 * MINUTE


def test_what_passengers_were_told_holds_under_the_new_number() -> None:
    legs = one_by_one([PLAN, LATE])
    for token in "01":
        legs.confirm(token)
    [outcome] = run(legs, [RENAMED])
    assert outcome == Drop("not_material")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("last", [PLAN, RENAMED, DIVERTED, LANDED])
def test_a_crash_at_any_write_loses_nothing(call: int, moment: str, last: FlightStatus) -> None:
    said = [LANDED, DIVERTED, AT_AUSTIN, PLAN, RENAMED]
    first = [each for each in said if each is not last]
    whole = one_by_one([*first, last, *said])
    legs = ScriptedLegs()
    for number, each in enumerate(first):
        run(legs, [each], str(number))
    legs.calls.clear()
    getattr(legs, moment)["write", call] = crash
    try:
        run(legs, [last], "dies")
    except Crash:
        assert legs.calls["write"] == call
    legs.before.clear()
    legs.after.clear()
    run(legs, [last], "again")
    for number, each in enumerate(said):
        run(legs, [each], f"more{number}")
    assert states_hash(legs.all()) == states_hash(whole.all())


def test_what_was_written_meanwhile_is_seen_by_the_next_pass() -> None:
    legs = ScriptedLegs()
    legs.after["read", 1] = lambda: run(legs, [PLAN], "other")
    assert run(legs, [LANDED], "t1") == [Drop("not_material")]
    assert the_leg(legs).time("on_actual") == IN - 9 * MINUTE
    legs = ScriptedLegs()
    legs.after["read", 1] = lambda: run(legs, [LANDED], "other")
    run(legs, [PLAN], "t1")
    assert the_leg(legs).time("on_actual") == IN - 9 * MINUTE
