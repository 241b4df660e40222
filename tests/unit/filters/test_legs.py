from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.legs import (
    TIME_CELLS,
    WORD_CELLS,
    Cell,
    LegState,
    absorb,
    cells_of,
    fold,
    known_legs,
    leg_key,
    source_keys,
    states_hash,
    version_of,
)
from schemas.records import FlightStatus
from tests.unit.filters.records import LEG, MINUTE, OUT, RECEIVED, SOURCE, status, undated

EMPTY = LegState(key=LEG)


def told(minutes: int) -> int:
    """A source time so many minutes after the first."""
    return RECEIVED + minutes * MINUTE


# One flight's morning: fields overlap, one is withdrawn, two are known at the very same time.
EVENTS = (
    status("planned", source_time=told(0), out_scheduled=OUT, out_gate="C98"),
    status("late", source_time=told(60), out_estimated=OUT + 40 * MINUTE, out_gate="C99"),
    status("cancelled", source_time=told(90), life="cancelled", cleared=("out_estimated",)),
    status("reinstated", source_time=told(115), out_estimated=OUT + 55 * MINUTE),
    status("same second", source_time=told(115), out_estimated=OUT + 70 * MINUTE, life="unsaid"),
    undated("left", source_time=told(180), out_actual=OUT + 62 * MINUTE, destination="HOU"),
)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, LEG),
        ({"suffix": "W"}, "UAL1545W.EWR.2013-02-08"),
        ({"number": 7, "origin": "ZZ9Z"}, "UAL7.ZZ9Z.2013-02-08"),
        ({"date": None}, None),
        ({"origin": None}, None),
    ],
)
def test_the_key_is_airline_number_suffix_origin_and_date(
    fields: dict[str, Any], key: str | None
) -> None:
    assert leg_key(status(**fields)) == key


def test_a_source_id_is_a_key_of_its_own_kind() -> None:
    assert source_keys(status()) == (SOURCE,)
    assert source_keys(status(source_id=None)) == ()
    two = status(aliases=("tfmref:1", SOURCE[1:]))
    assert source_keys(two) == (SOURCE, "~tfmref:1")
    assert LegState(key=SOURCE).provisional
    assert not EMPTY.provisional


def test_versions_come_from_the_feed_and_end_with_the_payload() -> None:
    ordered = [
        status("b", source_time=1, source_rank=9, sequence=9),
        status("b", source_time=2, source_rank=1, sequence=9),
        status("b", source_time=2, source_rank=2, sequence=1),
        status("a", source_time=2, source_rank=2, sequence=2),
        status("b", source_time=2, source_rank=2, sequence=2),
    ]
    versions = [version_of(one) for one in ordered]
    assert versions == sorted(set(versions))
    assert version_of(status("x" * 64))[3] == "x" * 12


def test_a_missing_field_is_no_register_and_a_withdrawn_one_is() -> None:
    said = cells_of(status(out_estimated=OUT, cleared=("out_actual",), destination=None))
    assert said == {"out_estimated": OUT, "out_actual": None, "life": "operating"}


@pytest.mark.parametrize("name", TIME_CELLS + WORD_CELLS)
def test_every_time_and_word_has_its_register(name: str) -> None:
    value: Any = OUT if name in TIME_CELLS else "C98"
    said = cells_of(status(life="unsaid", **{"destination": None, name: value}))
    assert said == {name: value}


def test_a_doubtful_cancellation_does_not_touch_life() -> None:
    state, _ = fold(EMPTY, [status("a"), status("b", source_time=told(1), life="doubtful")])
    assert (state.word("life"), state.word("doubt")) == ("operating", "doubtful")


def test_a_missing_field_never_erases_and_a_withdrawal_does() -> None:
    state, _ = fold(EMPTY, EVENTS[:2])
    assert state.time("out_scheduled") == OUT
    state, _ = fold(state, [EVENTS[2]])
    assert state.time("out_estimated") is None
    assert state.cells["out_estimated"] == Cell(None, version_of(EVENTS[2]))
    assert fold(state, [EVENTS[1]])[0].time("out_estimated") is None


def test_an_actual_and_an_estimate_are_different_registers() -> None:
    older = status("estimate", source_time=told(10), out_estimated=OUT + 90 * MINUTE)
    state, verdicts = fold(EMPTY, [EVENTS[5], older])
    assert verdicts == ["applied", "applied"]
    assert state.time("out_actual") == OUT + 62 * MINUTE


def test_each_status_has_a_verdict() -> None:
    state, verdicts = fold(EMPTY, [EVENTS[3], EVENTS[3], EVENTS[1]])
    # The older one still brings the gate, so it is applied in part.
    assert verdicts == ["applied", "duplicate", "applied"]
    _, verdicts = fold(state, [EVENTS[1], status("older", source_time=told(2), destination="HOU")])
    assert verdicts == ["stale", "stale"]


def test_a_repeated_status_of_which_a_register_was_overtaken_is_stale() -> None:
    first = status("a", source_time=told(1), out_gate="C98")
    state, _ = fold(EMPTY, [first, status("b", source_time=told(2), out_gate="C99")])
    assert fold(state, [first])[1] == ["stale"]


def test_what_changes_nothing_gives_the_very_same_state() -> None:
    state, _ = fold(EMPTY, EVENTS)
    assert fold(state, EVENTS)[0] is state
    assert fold(state, [])[0] is state
    assert absorb(state, EMPTY) is state
    assert absorb(state, state) is state


def test_received_at_is_that_of_the_newest_arrival_applied() -> None:
    state, _ = fold(EMPTY, [status("a", received_at=5), status("b", received_at=3, source_time=0)])
    assert state.received_at == 5


def test_any_order_and_any_duplicates_end_in_the_same_registers() -> None:
    wanted = fold(EMPTY, EVENTS)[0].cells
    finals = 0
    for order in itertools.permutations(range(6)):
        state = EMPTY
        for place in order:
            state, _ = fold(state, [EVENTS[place]])
        assert state.cells == wanted, order
        for mask in range(64):
            again = [EVENTS[place] for place in order if mask >> place & 1]
            assert fold(state, again)[0] is state, (order, mask)
            finals += 1
    assert finals == 720 * 64


def test_duplicates_among_the_first_deliveries_change_nothing_either() -> None:
    wanted = fold(EMPTY, EVENTS)[0].cells
    for mask in range(64):
        twice = [
            event for place, event in enumerate(EVENTS) for _ in range(1 + (mask >> place & 1))
        ]
        assert fold(EMPTY, twice)[0].cells == wanted
        assert fold(EMPTY, twice[::-1])[0].cells == wanted


VALUES = {
    **{name: st.none() | st.sampled_from([OUT, OUT + MINUTE]) for name in TIME_CELLS[:4]},
    "out_gate": st.none() | st.sampled_from(["C98", "C99"]),
    "life": st.sampled_from(["unsaid", "operating", "cancelled", "doubtful"]),
    "cleared": st.sampled_from([(), ("out_gate",), ("off_scheduled", "out_actual")]),
}


@st.composite
def histories(draw: st.DrawFn) -> list[FlightStatus]:
    """Statuses of one leg, some with the same source time, no two with the same version."""
    times = draw(st.lists(st.integers(0, 3), max_size=8))
    return [
        status(f"{place:x}", source_time=told(time), **draw(st.fixed_dictionaries(VALUES)))
        for place, time in enumerate(times)
    ]


@given(histories(), st.randoms(use_true_random=False))
def test_folding_is_commutative_and_idempotent(statuses: list[FlightStatus], rng: Random) -> None:
    wanted = fold(EMPTY, statuses)[0].cells
    other = statuses * 2
    rng.shuffle(other)
    assert fold(EMPTY, other)[0].cells == wanted
    assert wanted == {name: newest(name, statuses) for s in statuses for name in cells_of(s)}


def newest(name: str, statuses: list[FlightStatus]) -> Cell:
    """The register by its definition: the value of the greatest version that speaks of it."""
    last = max((s for s in statuses if name in cells_of(s)), key=version_of)
    return Cell(cells_of(last)[name], version_of(last))


def parts(statuses: list[FlightStatus], cuts: tuple[int, int]) -> Iterator[LegState]:
    """Three states that each saw a part."""
    first, second = sorted(cuts)
    for part in (statuses[:first], statuses[first:second], statuses[second:]):
        yield fold(EMPTY, part)[0]


@given(histories(), st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_absorbing_is_commutative_associative_and_idempotent(
    statuses: list[FlightStatus], cuts: tuple[int, int]
) -> None:
    one, two, three = parts(statuses, cuts)
    wanted = fold(EMPTY, statuses)[0].cells
    assert absorb(absorb(one, two), three).cells == wanted
    assert absorb(one, absorb(two, three)).cells == wanted
    assert absorb(three, absorb(two, one)).cells == wanted
    both = absorb(one, two)
    assert absorb(both, two) is both


def test_the_hash_is_of_registers_not_of_what_was_told_or_how_often_written() -> None:
    state, _ = fold(EMPTY, EVENTS)
    state = msgspec.structs.replace(state, date="2013-02-08")
    other = msgspec.structs.replace(state, rev=9, received_at=1, token="t")
    shuffled = msgspec.structs.replace(other, cells=dict(reversed(state.cells.items())))
    assert states_hash([state]) == states_hash([shuffled])
    newer = fold(state, [status("z", source_time=told(999), out_gate="A1")])[0]
    assert states_hash([newer]) != states_hash([state])


def test_the_hash_does_not_depend_on_the_order_of_legs_but_on_their_values() -> None:
    one = msgspec.structs.replace(fold(EMPTY, EVENTS[:1])[0], date="2013-02-08")
    two = msgspec.structs.replace(one, key="UAL1546.EWR.2013-02-08")
    assert states_hash([one, two]) == states_hash([two, one]) != states_hash([one])
    assert len(states_hash([])) == 64
    changed = fold(one, [EVENTS[1]])[0]
    assert states_hash([changed]) != states_hash([one])


def test_known_legs_leave_out_source_ids_and_legs_that_moved() -> None:
    leg = msgspec.structs.replace(EMPTY, date="2013-02-08")
    moved = msgspec.structs.replace(leg, key="UAL1545.EWR.2013-02-09", moved_to=LEG)
    assert known_legs([LegState(key=SOURCE), moved, leg]) == [leg]


def test_a_state_survives_the_way_to_the_table_and_back() -> None:
    state, _ = fold(EMPTY, EVENTS)
    assert msgspec.json.decode(msgspec.json.encode(state), type=LegState) == state


# Where it goes, and where it was to go.

TO_IAH = status("s1", source_time=1)
TO_HOU = status("s2", source_time=3, destination="HOU")
IN_THE_AIR = status("s3", source_time=2, destination=None, off_actual=OUT)


@pytest.mark.parametrize("order", list(itertools.permutations([TO_IAH, TO_HOU, IN_THE_AIR])))
def test_trap_27_another_destination_of_a_flight_in_the_air_is_a_diversion(
    order: tuple[FlightStatus, ...],
) -> None:
    state = fold(LegState(key=LEG), order)[0]
    assert (state.planned_destination, state.word("destination")) == ("IAH", "HOU")
    assert state.diverted
    halves = [fold(LegState(key=LEG), half)[0] for half in (order[:1], order[1:])]
    assert absorb(*halves).diverted
    assert absorb(*halves[::-1]).planned_destination == "IAH"


def test_another_destination_before_departure_is_another_plan() -> None:
    assert not fold(LegState(key=LEG), [TO_IAH, TO_HOU])[0].diverted


def test_a_sources_own_word_on_a_diversion_counts() -> None:
    word = status("s4", source_time=4, deviation="diverted")
    back = status("s5", source_time=5, deviation="none")
    assert fold(LegState(key=LEG), [TO_IAH, word])[0].diverted
    assert not fold(LegState(key=LEG), [TO_IAH, TO_HOU, IN_THE_AIR, word, back])[0].diverted
    planned = status("s6", source_time=6, destination="AUS", planned_destination="SAT")
    assert fold(LegState(key=LEG), [TO_IAH, planned])[0].planned_destination == "SAT"
