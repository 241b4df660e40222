"""What detect decides: the newest state of a leg against what was last told of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filters.detect import detect
from filters.legs import Cell, LegState, Told, fold, known_legs
from filters.material import wanted
from filters.outcome import Drop, Duplicate, Forward, Outcome, Stale
from filters.policy import Advisory, Policy, load_policy
from pipeline.memory.tables import MemoryLegs
from schemas.records import Disruption, FlightStatus, Kind
from tests.unit.filters.records import (
    IN,
    LEG,
    MINUTE,
    OUT,
    POLICY,
    RECEIVED,
    SOURCE,
    at,
    status,
    undated,
)


def known(life: str | None = "operating", **cells: int | None) -> LegState:
    """United 1545 with its schedule and these times known; None is one that was withdrawn."""
    version = (RECEIVED, 50, 0, "s")
    whole = {"out_scheduled": OUT, "life": life, **cells}
    return LegState(
        key=LEG,
        rev=4,
        origin="EWR",
        date="2013-02-08",
        cells={name: Cell(value, version) for name, value in whole.items()},
    )


def late(minutes: float, life: str | None = "operating", **cells: int | None) -> LegState:
    """United 1545 with an estimate so many minutes after its schedule."""
    return known(life, out_estimated=OUT + round(minutes * MINUTE), **cells)


def after(kind: Kind, minutes: int | None, state: LegState) -> LegState:
    """The state when `kind` was told, with a departure `minutes` after the schedule (or none)."""
    told = Told(kind=kind, out=None if minutes is None else OUT + minutes * MINUTE, rev=4)
    return msgspec.structs.replace(state, told=told)


CANCELLED = known("cancelled")
DECISIONS: list[tuple[str, LegState, Kind | None]] = [
    # A first delay, against the schedule.
    ("nothing known", LegState(key=LEG, date="2013-02-08"), None),
    ("on time", late(0), None),
    ("29 minutes", late(29), None),
    ("one second below", late(30 - 1 / 60), None),
    ("exactly 30", late(30), "delayed"),
    ("a day", late(1440), "delayed"),
    ("early but never told of anything", late(-25), None),
    ("an estimate without a schedule", late(90, out_scheduled=None), None),
    ("no estimate", known(), None),
    ("a late take-off is not a late departure", known(off_estimated=OUT + 90 * MINUTE), None),
    # A further delay, against what was told.
    ("told 30, now 59", after("delayed", 30, late(59)), None),
    ("told 30, now 60", after("delayed", 30, late(60)), "delayed"),
    ("told 180, now 180", after("delayed", 180, late(180)), None),
    # Earlier than told.
    ("told 180, now 171", after("delayed", 180, late(171)), None),
    ("told 180, now 170", after("delayed", 180, late(170)), "earlier"),
    ("told 180, now 40", after("delayed", 180, late(40)), "earlier"),
    ("told 180, now 0", after("delayed", 180, late(0)), "earlier"),
    ("told 45, earlier by 10, now 64", after("earlier", 35, late(64)), None),
    ("told 45, earlier by 10, now 65", after("earlier", 35, late(65)), "delayed"),
    # Once it has left there is nothing to say.
    ("left the gate", late(90, out_actual=OUT + 80 * MINUTE), None),
    ("took off", late(90, off_actual=OUT + 80 * MINUTE), None),
    ("landed", late(90, on_actual=IN), None),
    ("at the gate", late(90, in_actual=IN), None),
    ("told 180, left at 40", after("delayed", 180, late(170, out_actual=OUT)), None),
    # Cancelled and back.
    ("cancelled", CANCELLED, "cancelled"),
    ("cancelled after leaving the gate", known("cancelled", out_actual=OUT), "cancelled"),
    ("cancelled after a delay", after("delayed", 60, CANCELLED), "cancelled"),
    ("cancelled and told so", after("cancelled", None, CANCELLED), None),
    ("operates after all", after("cancelled", None, known()), "reinstated"),
    ("operates after all, and late", after("cancelled", None, late(240)), "reinstated"),
    ("operates after all, has left", after("cancelled", None, late(5, in_actual=IN)), "reinstated"),
    ("cancelled, life withdrawn", after("cancelled", None, late(0, life=None)), "reinstated"),
    ("cancelled again", after("reinstated", 0, CANCELLED), "cancelled"),
    ("told reinstated at 25, now 54", after("reinstated", 25, late(54)), None),
    ("told reinstated at 25, now 55", after("reinstated", 25, late(55)), "delayed"),
    ("told reinstated at 25, now 15", after("reinstated", 25, late(15)), "earlier"),
    ("told reinstated without a time, now 29", after("reinstated", None, late(29)), None),
    ("told reinstated without a time, now 30", after("reinstated", None, late(30)), "delayed"),
    # Without a date nobody can be found.
    ("cancelled, date unknown", LegState(key=SOURCE, cells=CANCELLED.cells), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "kind"), [case[1:] for case in DECISIONS], ids=[case[0] for case in DECISIONS]
)
def test_what_is_wanted(state: LegState, kind: Kind | None) -> None:
    assert wanted(state, POLICY) == kind


def another_policy(folder: Path) -> Policy:
    """A patient airline's policy, from a file of its own."""
    place = folder / "patient.toml"
    place.write_text(
        """
        name = "patient"
        version = "1"
        source = "a test"
        first_notice_minutes = 90
        next_notice_minutes = 45
        earlier_minutes = 5
        cancelled_useful_minutes = 60
        least_useful_minutes = 20
        must_reach = ["cancelled"]
        """,
        "utf-8",
    )
    return load_policy(str(place))


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (late(89), None),
        (late(90), "delayed"),
        (after("delayed", 90, late(134)), None),
        (after("delayed", 90, late(135)), "delayed"),
        (after("delayed", 90, late(86)), None),
        (after("delayed", 90, late(85)), "earlier"),
    ],
)
def test_the_thresholds_are_the_policys(tmp_path: Path, state: LegState, kind: Kind | None) -> None:
    assert wanted(state, another_policy(tmp_path)) == kind


def decide(
    legs: MemoryLegs,
    statuses: Sequence[FlightStatus],
    batch: str = "t1",
    *,
    advisories: Sequence[Advisory] = (),
) -> list[Outcome]:
    """Run detect under the passenger policy, and confirm what it decided."""
    outcomes = detect(statuses, legs=legs, policy=POLICY, advisories=advisories, token=batch)
    legs.confirm(batch)
    return outcomes


def told_in(outcomes: Sequence[Outcome]) -> list[Disruption]:
    """The disruptions in these outcomes."""
    records = [
        record for outcome in outcomes if isinstance(outcome, Forward) for record in outcome.outputs
    ]
    assert all(isinstance(record, Disruption) for record in records)
    return records  # type: ignore[return-value]  # just checked


def schedule(name: str = "s0", **fields: Any) -> FlightStatus:  # noqa: ANN401  (a status's fields)
    """The schedule of United 1545."""
    whole = {"source_time": RECEIVED - 60 * MINUTE, "out_scheduled": OUT, "in_scheduled": IN}
    return status(name, **{**whole, **fields})


def estimate(name: str, minutes: int, told_at: int = 0, **fields: Any) -> FlightStatus:  # noqa: ANN401  (a status's fields)
    """An estimate so many minutes after the schedule, known `told_at` minutes after 09:00."""
    source_time = RECEIVED + told_at * MINUTE
    return status(name, source_time=source_time, out_estimated=OUT + minutes * MINUTE, **fields)


def test_a_delay_says_what_is_expected_and_what_was_planned() -> None:
    [_, forward] = decide(MemoryLegs(), [schedule(), estimate("s1", 45, in_estimated=IN + 7)])
    [found] = told_in([forward])
    assert found == Disruption(
        id=found.id,
        leg=LEG,
        kind="delayed",
        rev=1,
        airline="UAL",
        number=1545,
        origin="EWR",
        destination="IAH",
        date="2013-02-08",
        out_scheduled=OUT,
        out_expected=OUT + 45 * MINUTE,
        in_scheduled=IN,
        in_expected=IN + 7,
        source_time=RECEIVED,
        received_at=RECEIVED,
        # 09:00 until the new departure at 11:00.
        useful_until=at("2013-02-08T11:00:00Z"),
        status_id="s1.0",
        policy=POLICY.label,
    )
    assert len(found.id) == 32


def test_a_further_delay_says_what_was_told() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule(), estimate("s1", 45)])
    [found] = told_in(decide(legs, [estimate("s2", 80, 5)], "t2"))
    assert (found.kind, found.rev) == ("delayed", 2)
    assert (found.out_told, found.out_expected) == (OUT + 45 * MINUTE, OUT + 80 * MINUTE)


def test_a_cancellation_has_no_expected_time_and_helps_for_twelve_hours() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule()])
    [found] = told_in(decide(legs, [status("s1", life="cancelled", in_estimated=IN)], "t2"))
    assert (found.kind, found.out_scheduled) == ("cancelled", OUT)
    assert (found.out_expected, found.in_expected) == (None, None)
    assert found.useful_until == OUT + 720 * MINUTE


def test_a_late_word_may_still_travel_for_an_hour_by_the_processing_clock() -> None:
    received = RECEIVED + 30 * 24 * 60 * MINUTE
    [found] = told_in(
        decide(
            MemoryLegs(),
            [schedule(), estimate("s1", 45, 74, received_at=received)],
        )
    )
    # Known one minute before the departure it speaks of.
    assert found.useful_until == received + 60 * MINUTE


def test_a_gate_time_is_never_a_take_off_time() -> None:
    legs = MemoryLegs()
    filed = status("s0", off_scheduled=OUT + 20 * MINUTE, date_basis="filed")
    decide(legs, [filed, status("s1", source_time=RECEIVED + 1, life="cancelled")])
    back = status("s2", source_time=RECEIVED + 2, out_estimated=None)
    [found] = told_in(decide(legs, [back], "t2"))
    # Nobody said when it leaves its gate; its take-off would be too late to be there.
    assert (found.kind, found.out_expected) == ("reinstated", None)
    soon = status("s3", source_time=RECEIVED + 3, out_scheduled=OUT, out_estimated=OUT + 5 * MINUTE)
    assert told_in(decide(legs, [soon], "t3")) == []


@pytest.mark.parametrize(
    ("kind", "fields", "cause"),
    [
        ("delayed", {"out_estimated": OUT + 60 * MINUTE}, "AHM730:71"),
        ("cancelled", {"life": "cancelled"}, "AHM730:71"),
        ("cancelled", {"life": "cancelled", "cause": "AHM730:93"}, "AHM730:93"),
        ("delayed", {"out_estimated": OUT + 60 * MINUTE, "origin": "JFK"}, None),
    ],
)
def test_the_feeds_own_cause_comes_before_an_advisory(
    kind: str, fields: dict[str, Any], cause: str | None
) -> None:
    snow = Advisory(
        airports=frozenset({"EWR"}),
        from_=dt.datetime.fromisoformat("2013-02-08T10:00:00Z"),
        until=dt.datetime.fromisoformat("2013-02-08T11:00:00Z"),
        cause="AHM730:71",
        source="a test",
        date="2013-02-08",
    )
    [found] = told_in(
        decide(MemoryLegs(), [schedule(**fields, destination="BOS")], advisories=[snow])
    )
    assert (found.kind, found.cause) == (kind, cause)


def test_an_advisory_at_the_destination_counts_when_the_leg_is_due_there() -> None:
    snow = Advisory(
        airports=frozenset({"IAH"}),
        from_=dt.datetime.fromisoformat("2013-02-08T14:00:00Z"),
        until=dt.datetime.fromisoformat("2013-02-08T15:00:00Z"),
        cause="AHM730:72",
        source="a test",
        date="2013-02-08",
    )
    cancelled = schedule(life="cancelled")
    [found] = told_in(decide(MemoryLegs(), [cancelled], advisories=[snow]))
    assert found.cause == "AHM730:72"


def test_good_news_has_no_cause() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule(life="cancelled", cause="AHM730:71")])
    [found] = told_in(decide(legs, [status("s1")], "t2"))
    assert (found.kind, found.cause) == ("reinstated", None)


def test_the_disruption_comes_with_the_last_status_applied_of_its_leg() -> None:
    first, second = estimate("s1", 45, 1), estimate("s2", 50, 2)
    outcomes = decide(MemoryLegs(), [schedule(), second, first, second])
    assert [type(outcome) for outcome in outcomes] == [Drop, Forward, Stale, Duplicate]
    [found] = told_in(outcomes)
    assert (found.status_id, found.out_expected) == ("s2.0", OUT + 50 * MINUTE)


def test_drops_say_why() -> None:
    assert decide(MemoryLegs(), [schedule()]) == [Drop("not_material")]
    assert decide(MemoryLegs(), [undated("s1", out_gate="C98")]) == [Drop("undated")]
    assert decide(MemoryLegs(), [undated("s1", source_id=None)]) == [Drop("undated")]


def test_a_repeated_status_is_a_duplicate_and_an_overtaken_one_is_stale() -> None:
    legs = MemoryLegs()
    decide(legs, [estimate("s1", 5)])
    assert decide(legs, [estimate("s1", 5)], "t2") == [Duplicate()]
    decide(legs, [estimate("s2", 6, 1)], "t3")
    assert decide(legs, [estimate("s1", 5)], "t4") == [Stale()]


def test_creeping_by_five_minutes_is_told_at_thirty_and_at_sixty() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule()])
    told = {
        late: told_in(decide(legs, [estimate(f"s{late}", late, told_at=late)], f"t{late}"))
        for late in range(5, 65, 5)
    }
    assert [late for late, found in told.items() if found] == [30, 60]
    assert [d.kind for found in told.values() for d in found] == ["delayed", "delayed"]


def test_two_reports_in_one_batch_lead_to_one_word_about_the_newest() -> None:
    outcomes = decide(MemoryLegs(), [schedule(), estimate("s1", 180, 1), estimate("s2", 40, 2)])
    [found] = told_in(outcomes)
    assert (found.kind, found.out_expected) == ("delayed", OUT + 40 * MINUTE)


def test_a_cancellation_taken_back_in_the_same_batch_is_not_told() -> None:
    cancelled = status("s1", source_time=RECEIVED + 1, life="cancelled")
    back = status("s2", source_time=RECEIVED + 2)
    assert told_in(decide(MemoryLegs(), [schedule(), cancelled, back])) == []
    assert told_in(decide(MemoryLegs(), [back, cancelled, schedule()])) == []


def test_the_mark_of_a_replay_goes_with_the_disruption() -> None:
    [found] = told_in(decide(MemoryLegs(), [schedule(), estimate("s1", 45, 1, replay="r-7")]))
    assert found.replay == "r-7"


def test_each_leg_of_a_batch_is_decided_for_itself() -> None:
    other = {"number": 1546, "source_id": "firehose:UAL1546-1"}
    outcomes = decide(
        MemoryLegs(),
        [schedule(), schedule("o0", **other), estimate("o1", 45, 1, **other), estimate("s1", 5, 1)],
    )
    assert [d.leg for d in told_in(outcomes)] == ["UAL1546.EWR.2013-02-08"]
    assert [type(outcome) for outcome in outcomes] == [Drop, Drop, Forward, Drop]


def test_what_was_known_without_a_date_joins_the_leg_when_it_is_dated() -> None:
    legs = MemoryLegs()
    offblock = undated("s2", source_time=RECEIVED + 2, out_actual=OUT + MINUTE)
    assert decide(legs, [offblock]) == [Drop("undated")]
    decide(legs, [schedule()], "t2")
    [leg] = known_legs(legs.all())
    wanted_cells = fold(LegState(key=LEG), [schedule(), offblock])[0].cells
    assert (leg.key, leg.cells) == (LEG, wanted_cells)


def test_the_undated_after_the_dated_finds_the_leg_by_its_source_id() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule()])
    [found] = told_in(decide(legs, [undated("s1", out_estimated=OUT + 45 * MINUTE)], "t2"))
    assert (found.leg, found.date) == (LEG, "2013-02-08")


def test_two_sources_of_one_leg_meet_in_its_state() -> None:
    legs = MemoryLegs()
    decide(legs, [schedule(), schedule("x0", source_id="other:77", out_gate="C98")])
    [leg] = known_legs(legs.all())
    assert (leg.time("out_scheduled"), leg.word("out_gate")) == (OUT, "C98")
    decide(legs, [undated("x1", source_id="other:77", out_gate="C99", source_time=RECEIVED)], "t2")
    [leg] = known_legs(legs.all())
    assert leg.word("out_gate") == "C99"
