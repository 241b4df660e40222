"""How a leg stands, and when its feed has been silent for too long."""

from __future__ import annotations

from typing import Any

import pytest

from filters.legs import LegState, fold
from filters.sources import Source
from filters.standing import PULSE_MS, note_heard, pulse_key, silent, standing
from pipeline.memory.tables import MemoryLegs
from tests.unit.filters.records import IN, LEG, MINUTE, OUT, RECEIVED, status

PATIENT = {"test": Source(silent_minutes=15)}
LATE_MS = 15 * MINUTE
PLAN: dict[str, Any] = {"out_scheduled": OUT}


def stands(now: int = RECEIVED, heard: int = RECEIVED, **fields: Any) -> str:  # noqa: ANN401  (a status's fields)
    """How a leg with these fields stands."""
    state = fold(LegState(key=LEG), [status(**fields)])[0]
    return standing(state, {"test": heard}, PATIENT, now, LATE_MS)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        (PLAN, "SCHEDULED"),
        ({}, "UNKNOWN"),
        ({**PLAN, "out_estimated": OUT + LATE_MS - 1}, "SCHEDULED"),
        ({**PLAN, "out_estimated": OUT + LATE_MS}, "DELAYED"),
        ({**PLAN, "next_info": OUT}, "DELAYED"),
        ({**PLAN, "next_info": OUT, "out_estimated": OUT}, "SCHEDULED"),
        ({**PLAN, "out_actual": OUT}, "OUT"),
        ({**PLAN, "out_actual": OUT, "off_actual": OUT}, "AIRBORNE"),
        ({"on_actual": IN}, "LANDED"),
        ({"on_actual": IN, "in_actual": IN}, "IN"),
        ({"off_actual": OUT, "deviation": "diverted"}, "DIVERTED"),
        ({"on_actual": IN, "deviation": "diverted"}, "LANDED"),
        ({"deviation": "ramp_return", **PLAN}, "RETURNED"),
        ({"deviation": "air_return", "on_actual": IN}, "RETURNED"),
        ({**PLAN, "out_actual": OUT, "life": "cancelled"}, "CANCELLED"),
        ({**PLAN, "life": "doubtful"}, "SCHEDULED"),
    ],
)
def test_the_word_for_a_matrix(fields: dict[str, Any], word: str) -> None:
    assert stands(**fields) == word


def test_a_leg_that_left_anew_has_not_returned() -> None:
    heard: dict[str, Any] = {"received_at": RECEIVED}
    back = status("back", source_time=2, **heard, deviation="ramp_return", cleared=("out_actual",))
    anew = status("anew", source_time=3, **heard, out_actual=OUT)
    for said, word in (([back], "RETURNED"), ([back, anew], "OUT"), ([anew, back], "OUT")):
        state = fold(LegState(key=LEG), said)[0]
        assert standing(state, {}, PATIENT, RECEIVED, LATE_MS) == word


def test_a_silent_feed_makes_its_unfinished_legs_stale_and_never_on_time() -> None:
    after = RECEIVED + 15 * MINUTE + 1
    assert stands(after, **PLAN) == "STALE"
    assert stands(after, out_actual=OUT) == "STALE"
    assert stands(after, heard=after - 1, **PLAN) == "SCHEDULED"
    assert stands(after, in_actual=IN) == "IN"
    assert stands(after, life="cancelled") == "CANCELLED"


def test_silence_begins_after_the_sources_own_patience() -> None:
    assert not silent(RECEIVED, Source(silent_minutes=5), RECEIVED + 5 * MINUTE)
    assert silent(RECEIVED, Source(silent_minutes=5), RECEIVED + 5 * MINUTE + 1)


def test_when_a_feed_was_heard_is_kept_to_the_half_minute() -> None:
    legs = MemoryLegs()

    def hear(*moments: int) -> int:
        note_heard([status(received_at=moment) for moment in moments], legs)
        [state] = legs.read([pulse_key("test")]).found.values()
        return state.received_at

    assert hear(RECEIVED, RECEIVED + 5) == RECEIVED + 5
    assert hear(RECEIVED + PULSE_MS) == RECEIVED + 5
    assert hear(RECEIVED + 5 + PULSE_MS) == RECEIVED + 5 + PULSE_MS
    assert hear(RECEIVED) == RECEIVED + 5 + PULSE_MS
    note_heard([], legs)
    assert len(legs.all()) == 1
