"""One leg told by an airport, its airline and two vendors: one leg, whatever the order of arrival.

Qantas 11 leaves Sydney on 15 June local time, which is still the 14th in UTC. The airport names it
by the UTC date (AIDX), the airline too (movement messages; the arrival names no origin), the
vendors by times and ids of their own. `expected.json` is written by hand: each register is the
newest word, and at the same second the airline's take-off outranks the vendor's.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from filters.detect import detect
from filters.legs import OTHER_TIMES, TIME_CELLS, known_legs, states_hash
from filters.normalize import FORMATS, normalize
from filters.outcome import Forward
from pipeline.memory.tables import MemoryLegs
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import POLICY, SOURCES, at

HERE = Path(__file__).parent / "one-leg"
RECEIVED = at("2025-06-15T14:00:00Z")
FILES = {
    "firehose": "firehose.jsonl",
    "mvt": "mvt.txt",
    "aidx": "aidx.xml",
    "cirium": "cirium.json",
}


def statuses() -> list[FlightStatus]:
    """What the six messages of the four files say."""
    said: list[FlightStatus] = []
    for name, file in FILES.items():
        for piece in FORMATS[name].split([(HERE / file).read_bytes()]):
            message = FeedMessage(
                id=payload_id(piece.payload),
                format=name,
                feed=name,
                received_at=RECEIVED,
                payload=piece.payload,
            )
            [outcome] = normalize([message], sources=SOURCES)
            assert isinstance(outcome, Forward), outcome
            said += [record for record in outcome.outputs if isinstance(record, FlightStatus)]
    return said


def test_six_messages_in_any_order_are_one_leg() -> None:
    said = statuses()
    assert len(said) == 6
    expected = json.loads((HERE / "expected.json").read_text("utf-8"))
    times = {*TIME_CELLS, *OTHER_TIMES}
    registers = {
        name: at(value) if name in times else value for name, value in expected["registers"].items()
    }
    shares = {f"share:{number}": number for number in expected["code_shares"]}
    hashes = set()
    for order in itertools.permutations(said):
        legs = MemoryLegs()
        for number, status in enumerate(order):
            detect([status], legs=legs, policy=POLICY, advisories=(), token=str(number))
        [leg] = known_legs(legs.all())
        assert leg.key == expected["leg"]
        assert {name: cell.value for name, cell in leg.cells.items()} == registers | shares
        hashes.add(states_hash(legs.all()))
    assert len(hashes) == 1


@pytest.mark.parametrize("size", [2, 3, 6])
def test_batches_of_any_size_make_no_difference(size: int) -> None:
    said = statuses()
    hashes = set()
    for order in itertools.islice(itertools.permutations(said), 0, None, 7):
        legs = MemoryLegs()
        for first in range(0, len(order), size):
            batch = order[first : first + size]
            detect(batch, legs=legs, policy=POLICY, advisories=(), token=str(first))
        hashes.add(states_hash(legs.all()))
    assert len(hashes) == 1
