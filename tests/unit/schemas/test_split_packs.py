"""Many records as texts that each fit in one queue message."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.records import FeedMessage, FlightStatus, Record
from tests.unit.schemas.strategies import message, realistic, status


def noise(sizes: list[int], seed: int = 1) -> list[FeedMessage]:
    """Feed messages with payloads of these sizes that do not compress."""
    rng = random.Random(seed)
    return [message(rng.randbytes(size), number) for number, size in enumerate(sizes)]


def covered(
    records: list[Record], packs: list[tuple[range, str]], max_bytes: int, max_records: int
) -> list[int]:
    """The indexes covered, in order; each text is shown to be its records, and short enough."""
    indexes: list[int] = []
    for places, text in packs:
        assert 0 < len(text) <= max_bytes
        assert 0 < len(places) <= max_records
        assert codec.from_text(text) == [records[index] for index in places]
        indexes += places
    return indexes


@given(
    sizes=st.lists(st.integers(0, 3000) | st.integers(0, 20), max_size=40),
    max_bytes=st.integers(200, 6000),
    max_records=st.integers(1, 50),
)
def test_each_record_is_in_one_text_or_oversized(
    sizes: list[int], max_bytes: int, max_records: int
) -> None:
    records: list[Record] = list(noise(sizes))
    oversized: tuple[tuple[int, int], ...] = ()
    try:
        packs = codec.split_packs(records, max_bytes=max_bytes, max_records=max_records)
    except codec.OversizedRecord as error:
        packs, oversized = error.packs, error.oversized
    indexes = covered(records, packs, max_bytes, max_records)
    assert indexes == sorted(indexes)
    assert sorted([*indexes, *(index for index, _ in oversized)]) == list(range(len(records)))
    alone = {index: len(codec.to_text([record])) for index, record in enumerate(records)}
    assert dict(oversized) == {index: size for index, size in alone.items() if size > max_bytes}


@pytest.mark.parametrize("max_bytes", [4_000, 65_536, 250_000])
def test_texts_are_well_filled(max_bytes: int) -> None:
    records: list[Record] = list(realistic(4000, seed=4))
    packs = codec.split_packs(records, max_bytes=max_bytes, max_records=10_000)
    assert covered(records, packs, max_bytes, 10_000) == list(range(4000))
    fill = [len(text) / max_bytes for _, text in packs[:-1]]
    assert sum(fill) / len(fill) > 0.85


def test_texts_fill_up_again_after_records_that_do_not_compress() -> None:
    records: list[Record] = [*noise([900] * 200), *(message(bytes(900), n) for n in range(2000))]
    packs = codec.split_packs(records, max_bytes=20_000, max_records=10_000)
    assert covered(records, packs, 20_000, 10_000) == list(range(2200))
    assert len(packs) < 25  # the first 200 need 13; the rest would need 130 at their size


def test_what_fits_in_one_text_is_one_text() -> None:
    records = realistic(100, seed=5)
    whole = codec.to_text(records)
    packs = codec.split_packs(records, max_bytes=len(whole), max_records=100)
    assert packs == [(range(100), whole)]


def test_no_text_has_more_records_than_asked_or_than_can_be_read() -> None:
    packs = codec.split_packs([status(0)] * 10, max_bytes=10_000, max_records=4)
    assert [places for places, _ in packs] == [range(4), range(4, 8), range(8, 10)]
    many = [status(0)] * (codec.MAX_RECORDS + 1)
    packs = codec.split_packs(many, max_bytes=1 << 20, max_records=1 << 20)
    assert [len(places) for places, _ in packs] == [codec.MAX_RECORDS, 1]
    assert len(codec.from_text(packs[0][1], FlightStatus)) == codec.MAX_RECORDS


def test_no_text_expands_beyond_what_can_be_read() -> None:
    # Zeros compress to nothing, so only the size after decompression limits these.
    records: list[Record] = [message(bytes(6_000_000), number) for number in range(5)]
    packs = codec.split_packs(records, max_bytes=1 << 20, max_records=100)
    assert covered(records, packs, 1 << 20, 100) == [0, 1, 2, 3, 4]
    assert len(packs) == 3


def test_a_record_that_expands_beyond_what_can_be_read_is_oversized() -> None:
    records = [message(b""), message(bytes(codec.MAX_BODY_BYTES)), message(b"")]
    for max_bytes in (1 << 20, 1 << 30):
        with pytest.raises(codec.OversizedRecord) as caught:
            codec.split_packs(records, max_bytes=max_bytes, max_records=100)
        assert caught.value.index == 1
        assert caught.value.size > codec.MAX_BODY_BYTES
        assert [places for places, _ in caught.value.packs] == [range(1), range(2, 3)]


def test_an_oversized_record_is_named_and_the_others_are_had() -> None:
    records: list[Record] = list(noise([10, 5000, 10, 10, 6000, 10]))
    with pytest.raises(codec.OversizedRecord) as caught:
        codec.split_packs(records, max_bytes=1000, max_records=100)
    error = caught.value
    assert isinstance(error, ValueError)
    assert [index for index, _ in error.oversized] == [1, 4]
    assert error.size == len(codec.to_text([records[1]]))
    assert covered(records, error.packs, 1000, 100) == [0, 2, 3, 5]
    assert str(error) == (
        f"record 1 (and 1 more): {error.size} base64 characters, and a message may have 1000"
    )


def test_no_records_give_no_texts() -> None:
    assert codec.split_packs([], max_bytes=1, max_records=1) == []


def test_an_unfit_record_is_named_by_its_index_in_the_whole() -> None:
    with pytest.raises(codec.EncodeError, match="record 50, field airline"):
        codec.split_packs(
            [*realistic(50, seed=6), status(0, airline=None)], max_bytes=5000, max_records=10
        )


@pytest.mark.parametrize(("max_bytes", "max_records"), [(0, 1), (1, 0), (-1, 5)])
def test_limits_must_leave_room(max_bytes: int, max_records: int) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        codec.split_packs([status(0)], max_bytes=max_bytes, max_records=max_records)


def test_records_of_two_types_are_not_split() -> None:
    with pytest.raises(TypeError, match="one type"):
        codec.split_packs([status(0), message(b"")], max_bytes=1000, max_records=10)
