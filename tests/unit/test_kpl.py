"""The KPL format: bytes written out by hand, an independent encoder, and hostile input."""

from __future__ import annotations

import tracemalloc
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kpl import (
    MAGIC,
    MAX_RECORD_BYTES,
    MAX_USER_RECORDS,
    Aggregator,
    KplError,
    UserRecord,
    aggregate,
    deaggregate,
)

GOLDEN_RECORDS = [
    UserRecord("A", b"hi"),
    UserRecord("A", b"", "7"),
    UserRecord("BB", b"\x00"),
]
# Written out from aggregation-format.md and the protobuf encoding; the digest is md5sum's.
GOLDEN_BYTES = bytes.fromhex(
    "f3899ac2"
    "0a01 41"  # partition_key_table: "A"
    "0a02 4242"  # partition_key_table: "BB"
    "1201 37"  # explicit_hash_key_table: "7"
    "1a06 0800 1a02 6869"  # records: key 0, data "hi"
    "1a06 0800 1000 1a00"  # records: key 0, explicit hash key 0, data ""
    "1a05 0801 1a01 00"  # records: key 1, data 00
    "5c9051e20735a3853d100ebdf95d99c9"
)


def sealed(message: bytes) -> bytes:
    """`message` with the magic number and its right checksum."""
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


def varint(value: int) -> bytes:
    """Seven bits at a time, low ones first (Protocol Buffers documentation, Encoding)."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def whole(number: int, value: int) -> bytes:
    """A varint field."""
    return varint(number << 3) + varint(value)


def lump(number: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def outcome(message: bytes) -> list[UserRecord] | KplError | None:
    """What becomes of a sealed message; any other exception passes through and fails the test."""
    try:
        return deaggregate(sealed(message))
    except KplError as error:
        return error


KEY = lump(1, b"A")
HI = lump(3, whole(1, 0) + lump(3, b"hi"))
ONE = [UserRecord("A", b"hi")]


def test_the_golden_bytes_are_written() -> None:
    assert aggregate(GOLDEN_RECORDS) == GOLDEN_BYTES


def test_the_golden_bytes_are_read() -> None:
    assert deaggregate(GOLDEN_BYTES) == GOLDEN_RECORDS


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\xf3\x89\x9a",
        MAGIC,
        MAGIC + bytes(16),
        sealed(b""),
        b"\xc3\x01" + bytes(40),
        GOLDEN_BYTES[:-1] + b"\x00",
        GOLDEN_BYTES[:-1],
        GOLDEN_BYTES + b"\x00",
        b"\x00" + GOLDEN_BYTES,
        GOLDEN_BYTES[:10] + b"\xff" + GOLDEN_BYTES[11:],
    ],
)
def test_a_record_without_magic_number_or_right_checksum_is_plain(plain: bytes) -> None:
    assert deaggregate(plain) is None


@pytest.mark.parametrize(
    ("message", "read"),
    [
        pytest.param(HI + KEY, ONE, id="table after the records"),
        pytest.param(KEY + KEY + HI, ONE, id="a key twice in its table"),
        pytest.param(
            KEY + lump(3, lump(3, b"hi") + whole(1, 0)), ONE, id="fields in another order"
        ),
        pytest.param(
            KEY + lump(3, whole(1, 5) + whole(1, 0) + lump(3, b"no") + lump(3, b"hi")),
            None,
            id="every index must exist, also one that is replaced",
        ),
        pytest.param(
            KEY + lump(3, whole(1, 0) + lump(3, b"no") + lump(3, b"hi")), ONE, id="last one counts"
        ),
        pytest.param(
            KEY + lump(3, whole(1, 0) + lump(3, b"hi") + lump(4, lump(1, b"k") + lump(2, b"v"))),
            ONE,
            id="tags",
        ),
        pytest.param(KEY + lump(4, b"new") + HI, ONE, id="unknown lump"),
        pytest.param(KEY + whole(99, 1 << 63) + HI, ONE, id="unknown varint"),
        pytest.param(KEY + varint(9 << 3 | 1) + bytes(8) + HI, ONE, id="unknown fixed64"),
        pytest.param(KEY + varint(9 << 3 | 5) + bytes(4) + HI, ONE, id="unknown fixed32"),
        pytest.param(
            KEY + varint(9 << 3 | 3) + KEY + HI + varint(9 << 3 | 4) + HI, ONE, id="unknown group"
        ),
        pytest.param(
            KEY + lump(3, whole(1, 0) + lump(3, b"hi") + varint(43) + varint(44)),
            ONE,
            id="unknown group in a record",
        ),
        pytest.param(KEY + whole(3, 7) + HI, ONE, id="known number, other wire type"),
        pytest.param(
            KEY + lump(3, b"\x08\x80\x00" + lump(3, b"hi")), ONE, id="index longer than need be"
        ),
        pytest.param(
            lump(1, "Ä€😀".encode()) + HI, [UserRecord("Ä€😀", b"hi")], id="key beyond ASCII"
        ),
    ],
)
def test_foreign_but_sound_messages_are_read(message: bytes, read: list[UserRecord] | None) -> None:
    if read is None:
        with pytest.raises(KplError):
            deaggregate(sealed(message))
    else:
        assert deaggregate(sealed(message)) == read


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(KEY, "0 user records", id="no user record"),
        pytest.param(whole(7, 1), "0 user records", id="another message altogether"),
        pytest.param(HI, "partition_key_index is 0", id="no key table"),
        pytest.param(
            KEY + lump(3, whole(1, 1) + lump(3, b"")), "partition_key_index is 1", id="key index"
        ),
        pytest.param(
            KEY + lump(3, whole(1, (1 << 64) - 1) + lump(3, b"")), "is 18446744", id="huge index"
        ),
        pytest.param(
            KEY + lump(3, whole(1, 0) + whole(2, 0) + lump(3, b"")),
            "explicit_hash_key_index is 0",
            id="hash key index",
        ),
        pytest.param(KEY + lump(3, whole(1, 0)), "no data", id="no data"),
        pytest.param(KEY + lump(3, lump(3, b"x")), "no partition_key_index", id="no index"),
        pytest.param(KEY + lump(3, b""), "no data", id="empty user record"),
        pytest.param(KEY + b"\x1a", "cut short", id="length missing"),
        pytest.param(KEY + b"\x1a\x05\x08", "longer than", id="shorter than its length"),
        pytest.param(KEY + b"\x1a" + varint(1 << 63), "longer than", id="huge length"),
        pytest.param(
            KEY + lump(3, whole(1, 0) + b"\x1a\x40") + lump(9, bytes(99)),
            "longer than",
            id="out of its hull",
        ),
        pytest.param(KEY + b"\x80" * 9, "cut short", id="endless tag"),
        pytest.param(KEY + b"\x1a" + b"\xff" * 10 + b"\x01", "64 bits", id="eleven byte varint"),
        pytest.param(KEY + b"\x1a" + b"\xff" * 9 + b"\x02", "64 bits", id="65 bit varint"),
        pytest.param(KEY + b"\x00\x00" + HI, "field number 0", id="field number 0"),
        pytest.param(KEY + varint(1 << 32) + HI, "out of range", id="field number 2**29"),
        pytest.param(KEY + varint(9 << 3 | 6) + HI, "wire type", id="wire type 6"),
        pytest.param(KEY + varint(9 << 3 | 7) + HI, "wire type", id="wire type 7"),
        pytest.param(KEY + varint(9 << 3 | 4) + HI, "nesting", id="group ends unopened"),
        pytest.param(KEY + varint(9 << 3 | 3) + HI, "has no end", id="group never ends"),
        pytest.param(KEY + varint(75) + varint(84) + HI, "nesting", id="group ends as another"),
        pytest.param(KEY + varint(75) * 101 + varint(76) * 101 + HI, "nesting", id="deep groups"),
        pytest.param(KEY + varint(9 << 3 | 1) + bytes(7), "longer than", id="fixed64 cut short"),
        pytest.param(lump(1, b"\xff") + HI, "not UTF-8", id="key not UTF-8"),
        pytest.param(KEY + lump(2, b"\xff") + HI, "not UTF-8", id="hash key not UTF-8"),
    ],
)
def test_a_broken_message_is_one_error_that_names_the_fault(message: bytes, reason: str) -> None:
    with pytest.raises(KplError, match=reason) as caught:
        deaggregate(sealed(message))
    assert caught.value.at is not None


@pytest.mark.parametrize("cut", range(1, len(GOLDEN_BYTES) - 20))
def test_a_message_cut_anywhere_never_invents_a_record(cut: int) -> None:
    read = outcome(GOLDEN_BYTES[4:-16][:cut])
    assert isinstance(read, KplError) or read == GOLDEN_RECORDS[: len(read or [])]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            KEY + lump(3, whole(1, 0) + lump(3, b"")) * (MAX_USER_RECORDS + 1), id="records"
        ),
        pytest.param(b"\x0a\x00" * (3 * MAX_USER_RECORDS) + HI, id="keys"),
        pytest.param(
            KEY + lump(3, whole(1, 0) + lump(3, b"") + b"\x22\x00" * 200_000), id="empty tags"
        ),
        pytest.param(KEY + lump(3, whole(1, 0) + b"\x1a\x00" * 200_000), id="data again and again"),
        pytest.param(bytes(MAX_RECORD_BYTES), id="larger than any stream carries"),
    ],
)
def test_memory_stays_bounded(message: bytes) -> None:
    tracemalloc.start()
    try:
        read = outcome(message)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(read, KplError) or read in ([UserRecord("A", b"")], ONE)
    assert peak < 64 * 1024 * 1024


def test_as_many_user_records_as_are_written_are_read() -> None:
    records = [UserRecord("A", b"")] * MAX_USER_RECORDS
    data = aggregate(records)
    assert deaggregate(data) == records
    with pytest.raises(KplError, match=f"user record {MAX_USER_RECORDS} does not fit"):
        aggregate([*records, UserRecord("A", b"")])


def test_nothing_cannot_be_aggregated() -> None:
    with pytest.raises(KplError, match="at least one"):
        aggregate([])


@pytest.mark.parametrize("key", ["", "x" * 257, "\ud800", "a\udfff"])
def test_a_partition_key_that_kinesis_refuses_is_refused(key: str) -> None:
    with pytest.raises(KplError, match="partition key"):
        aggregate([UserRecord(key, b"")])


@pytest.mark.parametrize("key", ["", "-1", "01", "1.0", "٣", str(1 << 128), "1" * 40, " 1"])
def test_an_explicit_hash_key_that_kinesis_refuses_is_refused(key: str) -> None:
    with pytest.raises(KplError, match="explicit hash key"):
        aggregate([UserRecord("A", b"", key)])


def test_the_largest_explicit_hash_key_is_taken() -> None:
    records = [UserRecord("x" * 256, b"", str((1 << 128) - 1)), UserRecord("A", b"", "0")]
    assert deaggregate(aggregate(records)) == records


keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=256)
hash_keys = st.none() | st.integers(0, (1 << 128) - 1).map(str)
user_records = st.builds(UserRecord, keys, st.binary(max_size=400), hash_keys)


@given(st.lists(user_records, min_size=1, max_size=60))
def test_what_was_aggregated_comes_back(records: list[UserRecord]) -> None:
    assert deaggregate(aggregate(records)) == records


@given(st.lists(user_records, min_size=1, max_size=60))
def test_an_independent_encoder_agrees(records: list[UserRecord]) -> None:
    tables: tuple[list[str], list[str]] = ([], [])
    bodies = b""
    for record in records:
        indexes = []
        for table, key in zip(
            tables, (record.partition_key, record.explicit_hash_key), strict=True
        ):
            if key is not None and key not in table:
                table.append(key)
            indexes.append(None if key is None else table.index(key))
        body = whole(1, indexes[0] or 0)
        body += b"" if indexes[1] is None else whole(2, indexes[1])
        bodies += lump(3, body + lump(3, record.data))
    head = b"".join(lump(1, key.encode()) for key in tables[0])
    head += b"".join(lump(2, key.encode()) for key in tables[1])
    assert aggregate(records) == sealed(head + bodies)


@given(st.lists(user_records, max_size=60), st.integers(24, 3_000))
def test_an_aggregator_says_its_true_size_and_keeps_its_bound(
    records: list[UserRecord], bound: int
) -> None:
    aggregator = Aggregator(bound)
    inside: list[UserRecord] = []
    for record in records:
        before = aggregator.size
        if aggregator.add(record):
            inside.append(record)
        else:
            assert aggregator.size == before
            assert len(aggregate([*inside, record])) > bound
    assert len(aggregator) == len(inside)
    size = aggregator.size
    if inside:
        data = aggregator.take()
        assert len(data) == size <= bound
        assert deaggregate(data) == inside
    assert (len(aggregator), aggregator.size) == (0, 20)


mutations = st.lists(
    st.tuples(st.sampled_from(("flip", "insert", "delete")), st.integers(0, 200), st.binary()),
    min_size=1,
    max_size=6,
)


@given(mutations)
def test_mutated_messages_give_records_or_the_one_error(
    changes: list[tuple[str, int, bytes]],
) -> None:
    message = bytearray(GOLDEN_BYTES[4:-16])
    for kind, at, new in changes:
        place = at % (len(message) + 1)
        if kind == "flip" and place < len(message):
            message[place] ^= 1 << at % 8
        elif kind == "insert":
            message[place:place] = new
        else:
            del message[place : place + 1]
    read = outcome(bytes(message))
    if isinstance(read, KplError):
        assert read.reason
        assert read.at is not None
    else:
        assert all(isinstance(record, UserRecord) for record in read or [])


@given(st.binary(max_size=300))
def test_any_bytes_give_records_or_the_one_error(message: bytes) -> None:
    read = outcome(message)
    assert (read is None) == (message == b"")
    assert read != []
