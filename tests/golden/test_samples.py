"""Messages of every format, genuine and our own, against expectations written by hand.

`<format>/<file>.expected.jsonl` has a line for each message that the format's `split` makes of the
file: `{"drop": ...}`, `{"reject": ...}`, the fields of its one status that are not empty, or
`{"statuses": [...]}`. The file itself lies beside it, or among the genuine samples. Times are
ISO 8601. A first line `{"received_at": ...}` says when the file was received; what has no time of
its own was known then, and `source_time` is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filters.legs import OTHER_TIMES, TIME_CELLS
from filters.normalize import FORMATS, normalize
from filters.outcome import Drop, Forward, Outcome, Reject
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES, at

HERE = Path(__file__).parent
SUFFIX = ".expected.jsonl"
RECEIVED = "2026-11-20T08:00:00Z"
TIMES = {*TIME_CELLS, *OTHER_TIMES, "source_time"}
CASES = sorted(
    f"{path.parent.name}/{path.name.removesuffix(SUFFIX)}" for path in HERE.glob(f"*/*{SUFFIX}")
)
# Statistics and names, no messages.
NO_MESSAGES = {"hkia_status_statistics_93days.json", "airlines.csv", "SOURCES.md"}


def expectations(case: str) -> tuple[int, list[dict[str, Any]]]:
    """When the file was received, and what its messages say, in order."""
    lines = (HERE / f"{case}{SUFFIX}").read_text("utf-8").splitlines()
    parsed = [json.loads(line) for line in lines]
    received = parsed.pop(0) if parsed and "received_at" in parsed[0] else {"received_at": RECEIVED}
    return at(received["received_at"]), parsed


def input_of(case: str, request: pytest.FixtureRequest) -> Path:
    """The file of a case: our own beside the expectations, or a genuine one."""
    beside = HERE / case
    if beside.is_file():
        return beside
    samples: Path = request.getfixturevalue("samples")
    [found] = samples.glob(f"*/{Path(case).name}")
    return found


def expected_status(
    fields: dict[str, Any], message: FeedMessage, name: str, index: int
) -> FlightStatus:
    """The status that a line of expectations describes."""
    values: dict[str, Any] = {"source_time": message.received_at}
    for field, value in fields.items():
        told = at(value) if field in TIMES else value
        values[field] = tuple(told) if isinstance(told, list) else told
    return FlightStatus(
        id=f"{message.id}.{index}",
        message_id=message.id,
        format=name,
        feed=message.feed,
        source_rank=SOURCES.of(message.feed, name).rank,
        sequence=0,
        received_at=message.received_at,
        **values,
    )


def expected_outcome(said: dict[str, Any], message: FeedMessage, name: str) -> Outcome:
    """The outcome that a line of expectations describes."""
    if "drop" in said:
        return Drop(said["drop"])
    if "reject" in said:
        return Reject(said["reject"], message.place)
    each = enumerate(said.get("statuses", [said]))
    return Forward(tuple(expected_status(one, message, name, index) for index, one in each))


def chunks(data: bytes, size: int = 65_536) -> list[bytes]:
    """The bytes as they come from a file."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("case", CASES)
def test_a_file_says_what_its_expectations_say(case: str, request: pytest.FixtureRequest) -> None:
    name = Path(case).parent.name
    received, said = expectations(case)
    pieces = list(FORMATS[name].split(chunks(input_of(case, request).read_bytes())))
    assert not [piece for piece in pieces if piece.fault]
    assert len(pieces) == len(said)
    for piece, line in zip(pieces, said, strict=True):
        message = FeedMessage(
            id=payload_id(piece.payload),
            format=name,
            feed="golden",
            received_at=received,
            place=piece.place,
            payload=piece.payload,
        )
        [outcome] = normalize([message], sources=SOURCES)
        assert outcome == expected_outcome(line, message, name), piece.place
        if isinstance(outcome, Forward):
            assert decode_pack(encode_pack(outcome.outputs)) == list(outcome.outputs)


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_recognised(case: str, request: pytest.FixtureRequest) -> None:
    data = input_of(case, request).read_bytes()
    name = Path(case).parent.name
    assert [known for known, module in FORMATS.items() if module.detect(data[:65_536])] == [name]


@pytest.mark.parametrize("case", CASES)
def test_all_messages_of_a_leg_have_one_key_and_every_chunking_the_same_pieces(
    case: str, request: pytest.FixtureRequest
) -> None:
    data = input_of(case, request).read_bytes()
    module = FORMATS[Path(case).parent.name]
    pieces = list(module.split([data]))
    assert list(module.split(chunks(data, 997))) == pieces
    for piece in pieces:
        module.leg_key(piece.payload)


def test_every_genuine_file_of_messages_has_its_expectations(samples: Path) -> None:
    there = {path.name for path in samples.rglob("*") if path.is_file()} - NO_MESSAGES
    assert there == {Path(case).name for case in CASES} & there


def test_every_format_has_expectations() -> None:
    assert {Path(case).parent.name for case in CASES} == set(FORMATS)
