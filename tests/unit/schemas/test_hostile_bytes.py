"""Bytes that are wrong, by accident or on purpose: one DecodeError with a place, cheaply."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import body, codec
from schemas.body import write_long
from schemas.records import RECORD_TYPES, FeedMessage, FlightStatus, Notice, Record
from schemas.registry import newest
from tests.unit.schemas.strategies import packs, realistic, records

PLAINEST = {
    body.STRING: b"\x02a",
    body.BYTES: b"\x02b",
    body.LONG: b"\x02",
    body.INT: b"\x02",
    body.ENUM: b"\x00",
    body.STRINGS: b"\x00",
}


def fields(kind: type[Record], /, **raw: bytes) -> bytes:
    """The body of a small valid record, with the bytes of some fields replaced."""
    return b"".join(
        raw.pop(name, b"\x00" if nullable else PLAINEST[what])
        for name, nullable, what, _ in newest(kind).fields
    )


def one(kind: type[Record], /, **raw: bytes) -> bytes:
    """A single record, so made."""
    return codec.MAGIC + newest(kind).one + fields(kind, **raw)


def pack(kind: type[Record], *parts: bytes) -> bytes:
    """A pack whose array is these bytes."""
    return codec.MAGIC + newest(kind).pack + b"".join(parts)


FEED = fields(FeedMessage)
THREE = [write_long(3), FEED, FEED, FEED]
LONGEST = codec.MAX_BODY_BYTES
PLAIN = codec.encode_pack([codec.decode_pack(one(FeedMessage), FeedMessage)[0]])
ZIPPED = codec.encode_pack(realistic(30, seed=3))
INSIDE = zlib.decompress(ZIPPED)


def test_the_small_records_below_are_sound_until_broken() -> None:
    for kind in RECORD_TYPES.values():
        assert len(codec.decode_pack(one(kind), kind)) == 1
    assert len(codec.decode_pack(pack(FeedMessage, *THREE, b"\x00"))) == 3


SOUND: dict[str, tuple[bytes, int]] = {
    "an empty array": (pack(FeedMessage, b"\x00"), 0),
    "two blocks": (pack(FeedMessage, *THREE, write_long(1), FEED, b"\x00"), 4),
    "a block with its size": (
        pack(FeedMessage, write_long(-2), write_long(2 * len(FEED)), FEED, FEED, b"\x00"),
        2,
    ),
    "blocks inside a record": (
        one(FlightStatus, cleared=b"\x02\x02a\x01\x04\x02b\x00"),
        1,
    ),
}


@pytest.mark.parametrize(("data", "count"), SOUND.values(), ids=SOUND)
def test_what_another_avro_writer_may_send_is_read(data: bytes, count: int) -> None:
    assert len(codec.decode_pack(data)) == count


# name: (bytes, place, words of the reason)
HOSTILE: dict[str, tuple[bytes, str, str]] = {
    # the header
    "nothing": (b"", "header", "neither"),
    "half a magic": (b"\xc3", "header", "neither"),
    "half a fingerprint": (one(FeedMessage)[:9], "header", "neither"),
    "wrong magic": (b"\xc3\x02" + one(FeedMessage)[2:], "header", "neither"),
    "JSON": (b'{"id": "a", "feed": "x"}', "header", "neither"),
    "gzip": (b"\x1f\x8b" + bytes(20), "header", "neither"),
    "an Avro container file": (b"Obj\x01" + bytes(20), "header", "neither"),
    "unknown version": (
        codec.MAGIC + bytes.fromhex("8877665544332211") + FEED,
        "header",
        "0x1122334455667788; known here: dead_letter v1, disruption v1, feed_message v1",
    ),
    "too long": (one(FeedMessage) + bytes(LONGEST), "header", "a message may have 16777216"),
    # the array of a pack
    "no count": (pack(FeedMessage), "record count before record 0", "the bytes end here"),
    "no end": (pack(FeedMessage, *THREE), "record count before record 3", "the bytes end here"),
    "half a count": (pack(FeedMessage, b"\x80"), "record count before record 0", "end here"),
    "a count of 10,001": (
        pack(FeedMessage, write_long(10_001), FEED * 10_001, b"\x00"),
        "record count before record 0",
        "more than 10000 items",
    ),
    "10,001 in two blocks": (
        pack(FeedMessage, (write_long(1) + FEED) * 10_001, b"\x00"),
        "record count before record 10000",
        "more than 10000 items",
    ),
    "a count of 2^62": (
        pack(FeedMessage, write_long(1 << 62), FEED),
        "record count before record 0",
        "more than 10000 items",
    ),
    "the least count of all": (
        pack(FeedMessage, write_long(-(1 << 63)), write_long(1), FEED),
        "record count before record 0",
        "more than 10000 items",
    ),
    "a count higher than the records": (
        pack(FeedMessage, write_long(4), *THREE[1:]),
        f"record 3 at byte {11 + 3 * len(FEED)}",
        "field id: the bytes end here",
    ),
    "a count lower than the records": (  # what follows is taken for one more block
        pack(FeedMessage, write_long(2), *THREE[1:], b"\x00"),
        f"record 2 at byte {12 + 2 * len(FEED)}",
        "field id: a negative length",
    ),
    "a negative count without a size": (
        pack(FeedMessage, write_long(-1)),
        "record count before record 0",
        "the bytes end here",
    ),
    "a block size too large": (
        pack(FeedMessage, write_long(-1), write_long(len(FEED) + 1), FEED, b"\x00"),
        "record count before record 1",
        "size is not what it says",
    ),
    "a block size too small": (
        pack(FeedMessage, write_long(-1), write_long(1), FEED, b"\x00"),
        "record count before record 1",
        "size is not what it says",
    ),
    "a negative block size": (
        pack(FeedMessage, write_long(-1), write_long(-9), FEED, b"\x00"),
        "record count before record 0",
        "impossible size",
    ),
    "a block size of 2^62": (
        pack(FeedMessage, write_long(-1), write_long(1 << 62), FEED, b"\x00"),
        "record count before record 0",
        "impossible size",
    ),
    "bytes after a pack": (
        pack(FeedMessage, *THREE, b"\x00", b"\x00"),
        f"byte {12 + 3 * len(FEED)}",
        "1 bytes after the last record",
    ),
    "bytes after a record": (
        one(FeedMessage) + b"again",
        f"byte {10 + len(FEED)}",
        "5 bytes after the last record",
    ),
    # values
    "a length of 2^62": (
        one(FeedMessage, feed=write_long(1 << 62)),
        "record 0 at byte 10",
        "field feed: a length beyond the end",
    ),
    "a length beyond by one": (
        one(FeedMessage, payload=b"\x04a"),
        "record 0 at byte 10",
        "field payload: a length beyond the end",
    ),
    "a text beyond by one": (
        codec.MAGIC + newest(FeedMessage).one + b"\x04a",
        "record 0 at byte 10",
        "field id: a length beyond the end",
    ),
    "a negative length": (
        one(FeedMessage, place=b"\x01"),
        "record 0 at byte 10",
        "field place: a negative length",
    ),
    "a long negative length": (
        one(FeedMessage, place=write_long(-(1 << 62))),
        "record 0 at byte 10",
        "field place: a negative length",
    ),
    "negative bytes": (
        one(FeedMessage, payload=b"\x03"),
        "record 0 at byte 10",
        "field payload: a negative length",
    ),
    "a number of eleven bytes": (
        one(FeedMessage, sequence=b"\xff" * 10 + b"\x01"),
        "record 0 at byte 10",
        "field sequence: a number of more than ten bytes",
    ),
    "an endless number": (
        one(FeedMessage, sequence=b"\xff" * 100_000),
        "record 0 at byte 10",
        "field sequence: a number of more than ten bytes",
    ),
    "a number of 65 bits": (
        one(FeedMessage, sequence=b"\xff" * 9 + b"\x03"),
        "record 0 at byte 10",
        "field sequence: a number of more than 64 bits",
    ),
    "a padded number": (
        one(FeedMessage, sequence=b"\x82\x80\x00"),
        "record 0 at byte 10",
        "field sequence: a number padded",
    ),
    "a padded time": (
        one(FeedMessage, sequence=b"\x82\x80\x80\x80\x80\x00"),
        "record 0 at byte 10",
        "field sequence: a number padded",
    ),
    "a padded zero": (
        one(FeedMessage, sequence=b"\x80\x00"),
        "record 0 at byte 10",
        "field sequence: a number padded",
    ),
    "a padded length": (
        one(FeedMessage, feed=b"\x82\x00a"),
        "record 0 at byte 10",
        "field feed: a number padded",
    ),
    "a number of 33 bits where 32 are meant": (
        one(FlightStatus, number=write_long(1 << 31)),
        "record 0 at byte 10",
        "field number: a number of more than 32 bits",
    ),
    "a time where 32 bits are meant": (
        one(FlightStatus, source_time=write_long(1 << 40), number=write_long(1 << 40)),
        "record 0 at byte 10",
        "field number: a number of more than 32 bits",
    ),
    "invalid UTF-8": (
        one(FeedMessage, feed=b"\x04\xff\xfe"),
        "record 0 at byte 10",
        "field feed: not valid UTF-8",
    ),
    "over-long UTF-8": (
        one(FeedMessage, feed=b"\x04\xc0\xaf"),
        "record 0 at byte 10",
        "field feed: not valid UTF-8",
    ),
    "half a surrogate pair": (
        one(FeedMessage, feed=b"\x06\xed\xa0\x80"),
        "record 0 at byte 10",
        "field feed: not valid UTF-8",
    ),
    "half a character": (
        one(FlightStatus, cleared=b"\x02\x04\xe2\x82\x00"),
        "record 0 at byte 10",
        "field cleared: not valid UTF-8",
    ),
    "a union index of 2": (
        one(FeedMessage, replay=b"\x04\x02a"),
        "record 0 at byte 10",
        "field replay: no such branch",
    ),
    "a union index of -1": (
        one(FeedMessage, replay=b"\x01"),
        "record 0 at byte 10",
        "field replay: no such branch",
    ),
    "a huge union index": (
        one(FeedMessage, replay=write_long(1 << 40)),
        "record 0 at byte 10",
        "field replay: no such branch",
    ),
    "an enum index too high": (
        one(Notice, kind=b"\x08"),
        "record 0 at byte 10",
        "field kind: none of the 4 symbols",
    ),
    "an enum index of -1": (
        one(Notice, kind=b"\x01"),
        "record 0 at byte 10",
        "field kind: none of the 4 symbols",
    ),
    "a huge enum index": (
        one(Notice, channel=write_long(1 << 62)),
        "record 0 at byte 10",
        "field channel: none of the 3 symbols",
    ),
    "65 items": (
        one(FlightStatus, cleared=write_long(65) + b"\x00" * 65 + b"\x00"),
        "record 0 at byte 10",
        "field cleared: an array of more than 64 items",
    ),
    "2^62 items": (
        one(FlightStatus, cleared=write_long(1 << 62)),
        "record 0 at byte 10",
        "field cleared: an array of more than 64 items",
    ),
    "deep nesting": (
        pack(FlightStatus, b"\x02" * 1_000_000),
        "record 0 at byte 11",
        "field ",
    ),
    "the second record": (
        pack(Notice, write_long(2), fields(Notice), fields(Notice, kind=b"\x7e"), b"\x00"),
        f"record 1 at byte {11 + len(fields(Notice))}",
        "field kind: none of the 4 symbols",
    ),
    "a single record under a pack's fingerprint": (
        pack(FeedMessage, b"\x02" + FEED[:-1]),
        "record 0 at byte 11",
        "field payload: a length beyond the end",
    ),
    # compression
    "a zlib bomb": (b"", "compressed body", "expands beyond 16777216 bytes"),  # see bomb()
    "half a stream": (ZIPPED[: len(ZIPPED) // 2], "compressed body", "the bytes end here"),
    "garbage after the stream": (ZIPPED + b"more", "compressed body", "4 bytes after its end"),
    "two streams": (ZIPPED + ZIPPED, "compressed body", f"{len(ZIPPED)} bytes after its end"),
    "a wrong checksum": (
        ZIPPED[:-1] + bytes([ZIPPED[-1] ^ 1]),
        "compressed body",
        "incorrect data check",
    ),
    "a preset dictionary": (b"\x78\xbb" + bytes(10), "compressed body", "Error 2"),
    "not zlib after all": (b"xyz" * 20, "compressed body", "incorrect header check"),
    "compressed twice": (zlib.compress(ZIPPED), "header", "neither"),
    "nothing, compressed": (zlib.compress(b""), "header", "neither"),
}


def bomb() -> bytes:
    """About a megabyte of zlib that would expand to a gibibyte."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * 1024


HOSTILE["a zlib bomb"] = (bomb(), *HOSTILE["a zlib bomb"][1:])


@pytest.mark.parametrize(("data", "place", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_one_decode_error(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.decode_pack(data)
    assert caught.value.place == place
    assert reason in caught.value.reason
    with pytest.raises(codec.DecodeError) as as_text:
        codec.from_text(base64.b64encode(data).decode())
    # Too long a text is refused before it is turned into bytes.
    assert str(as_text.value) == str(caught.value) or as_text.value.place == "base64"
    assert (as_text.value.place == "base64") == (len(data) > LONGEST)


TEXTS: dict[str, str] = {
    "junk": "not base64!",
    "a length that cannot be": "abcde",
    "no padding": "w",
    "too much padding": "wwE====",
    "padding only": "====",
    "padding inside": "ww==EAAA",
    "a line break": "wwEA\nAAAA",
    "a blank": "wwEA AAAA",
    "URL-safe letters": "wwE_-AAA",
    "accents": "wwEé",
    "half a surrogate pair": "wwE\ud800",
    "a NUL": "wwEA\0AAA",
    "too long": "A" * (LONGEST // 3 * 4 + 100),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_not_base64_is_one_decode_error(text: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.from_text(text)
    assert caught.value.place == "base64"
    assert caught.value.reason


def test_the_wrong_type_is_refused() -> None:
    for data in (one(FeedMessage), PLAIN):
        with pytest.raises(codec.DecodeError) as caught:
            codec.decode_pack(data, FlightStatus)
        assert str(caught.value) == "header: holds feed_message v1, where flight_status belongs"
    with pytest.raises(codec.DecodeError, match="where feed_message belongs"):
        codec.from_text(codec.to_text(realistic(1, seed=1)), FeedMessage)


@pytest.mark.parametrize("kind", RECORD_TYPES.values())
@settings(max_examples=5)
@given(data=st.data())
def test_a_message_cut_short_anywhere_is_one_decode_error(
    kind: type[Record], data: st.DataObject
) -> None:
    found = data.draw(st.lists(records(kind), min_size=2, max_size=3))
    flat = codec.encode_pack(found)
    flat = zlib.decompress(flat) if flat[0] == 0x78 else flat
    for whole in (codec.encode(found[0]), flat, zlib.compress(flat)):
        for length in range(len(whole)):
            with pytest.raises(codec.DecodeError) as caught:
                codec.decode_pack(whole[:length])
            assert caught.value.place


def examine(data: bytes) -> None:
    """Decode: either one DecodeError, or records that can be sent again and mean the same."""
    found: list[Record] = []
    fault: codec.DecodeError | None = None
    try:
        found = codec.decode_pack(data)
    except codec.DecodeError as error:
        fault = error
    if fault:
        assert fault.place
        assert fault.reason
    if found:
        assert codec.decode_pack(codec.encode_pack(found), type(found[0])) == found


@pytest.mark.parametrize("kind", RECORD_TYPES.values())
def test_each_small_change_of_a_message_is_valid_records_or_one_decode_error(
    kind: type[Record],
) -> None:
    whole = pack(kind, write_long(3), *[fields(kind)] * 3, b"\x00")
    for at in range(len(whole)):
        before, byte, after = whole[:at], whole[at], whole[at + 1 :]
        examine(before + after)
        for bit in range(8):
            examine(before + bytes([byte ^ 1 << bit]) + after)
        for added in (0, 1, 2, 0x7F, 0x80, 0xFF):
            examine(before + bytes([added, byte]) + after)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A valid message with a few bytes changed, put in or taken out; sometimes compressed after."""
    found = draw(packs(max_size=3))
    data = codec.encode(found[0]) if draw(st.booleans()) else codec.encode_pack(found)
    if data[0] == 0x78 and draw(st.booleans()):
        data = zlib.decompress(data)
    raw = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(["flip", "insert", "delete"])):
            case "flip" if at < len(raw):
                raw[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                raw[at:at] = draw(st.binary(min_size=1, max_size=10))
            case _:
                del raw[at : at + draw(st.integers(1, 20))]
    return zlib.compress(bytes(raw)) if draw(st.booleans()) else bytes(raw)


@settings(max_examples=4 * settings().max_examples)
@given(mutations())
def test_a_damaged_message_is_valid_records_or_one_decode_error(data: bytes) -> None:
    examine(data)


@settings(max_examples=2 * settings().max_examples)
@given(
    kind=st.sampled_from(list(RECORD_TYPES.values())),
    shape=st.sampled_from(["one", "pack"]),
    rest=st.binary(max_size=300),
)
def test_any_bytes_under_a_known_fingerprint_are_records_or_one_decode_error(
    kind: type[Record], shape: str, rest: bytes
) -> None:
    schema = newest(kind)
    examine(codec.MAGIC + (schema.one if shape == "one" else schema.pack) + rest)


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_one_decode_error(data: bytes) -> None:
    examine(data)
    examine(b"\x78" + data)


@given(st.text(max_size=100))
def test_any_text_is_records_or_one_decode_error(text: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.from_text(text)
    assert caught.value.place in {"base64", "header", "compressed body"}


# The most memory that one message may cost while it is read, whatever is in it.
BOUND = 8 * LONGEST


def filled(kind: type[Record], count: int, raw: Callable[[int], bytes]) -> bytes:
    """A pack of `count` records, each with its own bytes, compressed."""
    bodies = [raw(number) for number in range(count)]
    data = pack(kind, write_long(count), *bodies, b"\x00")
    assert len(data) <= LONGEST
    return zlib.compress(data, 1)


def items(number: int) -> bytes:
    """A record with as many distinct items as there may be, of the size that costs most."""
    listed = b"".join(b"\x2a" + b"%021d" % (64 * number + item) for item in range(64))
    return fields(FlightStatus, cleared=write_long(64) + listed + b"\x00")


def distinct(number: int) -> bytes:
    """A record whose every text and every time differs from all others."""
    raw = {}
    for position, (name, nullable, what, _) in enumerate(newest(FlightStatus).fields):
        own = 100 * number + position
        if what == body.LONG:
            raw[name] = b"\x02" * nullable + write_long(1_790_000_000_000 + own)
        elif what == body.STRING:
            raw[name] = b"\x02" * nullable + b"\x60" + b"%048d" % own
    return fields(FlightStatus, **raw)


def wide(_number: int) -> bytes:
    """A record with one text of nearly everything, four bytes a character in memory."""
    size = LONGEST - 1000
    return fields(FeedMessage, place=write_long(size + 4) + b"a" * size + "😀".encode())


def payload(_number: int) -> bytes:
    """A record that is nearly all payload."""
    return fields(FeedMessage, payload=write_long(LONGEST - 99) + bytes(LONGEST - 99))


# name: (message, how many records it gives)
EXPENSIVE: dict[str, tuple[Callable[[], bytes], int]] = {
    "a zlib bomb": (bomb, 0),
    "items": (lambda: filled(FlightStatus, 10_000, items), 10_000),
    "texts and times": (lambda: filled(FlightStatus, 10_000, distinct), 10_000),
    "one wide text": (lambda: filled(FeedMessage, 1, wide), 1),
    "one payload": (lambda: filled(FeedMessage, 1, payload), 1),
    "a count, nothing more": (lambda: pack(FlightStatus, write_long(10_000)), 0),
    "a length, nothing more": (lambda: one(FeedMessage, payload=write_long(1 << 33)), 0),
}


@pytest.mark.parametrize(("make", "count"), EXPENSIVE.values(), ids=EXPENSIVE)
def test_no_message_costs_more_memory_than_the_bound(make: Callable[[], bytes], count: int) -> None:
    data = make()
    found: list[Record] = []
    tracemalloc.start()
    try:
        with suppress(codec.DecodeError):
            found = codec.decode_pack(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == count
    assert peak < BOUND
