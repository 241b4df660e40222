"""Records to bytes and back."""

from __future__ import annotations

import base64
import pickle
import random
import string
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import body, codec
from schemas.records import RECORD_TYPES, DeadLetter, FeedMessage, FlightStatus, Notice, Record
from schemas.registry import newest
from tests.unit.schemas.strategies import message, packs, realistic, records, status

KINDS = list(RECORD_TYPES.values())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_record_comes_back_as_it_was(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(records(kind))
    (back,) = codec.decode_pack(codec.encode(record), kind)
    assert back == record
    assert type(back) is kind
    # every value has the type its record declares, down to the last item
    assert msgspec.convert(msgspec.to_builtins(back), kind) == record


@given(packs())
def test_a_pack_comes_back_in_order(pack: list[Record]) -> None:
    assert codec.decode_pack(codec.encode_pack(pack)) == pack
    assert codec.from_text(codec.to_text(pack), type(pack[0])) == pack


@settings(max_examples=25)
@given(pack=packs(max_size=3), times=st.integers(1, 40))
def test_few_records_and_many_are_encoded_alike(pack: list[Record], times: int) -> None:
    # Long packs are encoded column by column; each record's bytes stay those it has alone.
    assert codec.decode_pack(codec.encode_pack(pack * times)) == pack * times
    fields = newest(type(pack[0])).fields
    rows = [msgspec.structs.astuple(record) for record in pack]
    assert body.write_records(fields, rows * times) == body.write_records(fields, rows) * times


def test_numbers_at_every_change_of_length_come_back_in_the_fewest_bytes() -> None:
    least, most = -(1 << 63), (1 << 63) - 1
    near = {
        sign * (1 << bits) + step for sign in (1, -1) for bits in range(64) for step in (-1, 0, 1)
    }
    edges = sorted({max(least, min(most, number)) for number in near})
    pack = [status(0, source_time=edge, out_actual=edge) for edge in edges]
    assert codec.decode_pack(codec.encode_pack(pack)) == pack
    for edge in edges:
        bits = 2 * edge if edge >= 0 else -2 * edge - 1
        assert len(body.write_long(edge)) == max(1, -(-bits.bit_length() // 7))
        assert codec.decode_pack(codec.encode(status(0, sequence=edge))) == [
            status(0, sequence=edge)
        ]


@pytest.mark.parametrize("letter", ["a", "é", "€", "😀"])
def test_texts_at_every_change_of_length_come_back(letter: str) -> None:
    lengths = [0, 1, 15, 16, 31, 32, 63, 64, 65, 2047, 2048, 8191, 8192, 8193]
    pack = [status(0, airline=letter * length, suffix="x" * length) for length in lengths]
    assert codec.decode_pack(codec.encode_pack(pack)) == pack


def test_the_largest_pack_comes_back() -> None:
    pack = [status(0)] * codec.MAX_RECORDS
    assert codec.from_text(codec.to_text(pack), FlightStatus) == pack


def test_a_message_of_exactly_the_longest_size_comes_back() -> None:
    overhead = len(codec.encode(message(bytes(1 << 23)))) - (1 << 23)
    fits = message(bytes(codec.MAX_BODY_BYTES - overhead))
    assert len(codec.encode(fits)) == codec.MAX_BODY_BYTES
    assert codec.decode_pack(codec.encode(fits)) == [fits]
    with pytest.raises(ValueError, match=f"{codec.MAX_BODY_BYTES + 1} bytes; a message may have"):
        codec.encode(message(bytes(codec.MAX_BODY_BYTES - overhead + 1)))


def test_a_pack_is_compressed_only_when_that_makes_it_smaller() -> None:
    repetitive = codec.encode_pack(realistic(50, seed=1))
    assert repetitive[0] == 0x78
    assert len(repetitive) < len(zlib.decompress(repetitive))
    noise = random.Random(1).randbytes(300)
    dense = FeedMessage(id="a", format="f", feed="x", received_at=1, payload=noise)
    assert codec.encode_pack([dense])[:2] == codec.MAGIC


def test_a_single_record_may_be_compressed_by_the_sender() -> None:
    assert codec.decode_pack(zlib.compress(codec.encode(status(1)))) == [status(1)]


def test_text_is_plain_base64() -> None:
    pack = realistic(20, seed=2)
    text = codec.to_text(pack)
    assert set(text) <= set(string.ascii_letters + string.digits + "+/=")
    assert base64.b64decode(text) == codec.encode_pack(pack)


def test_a_pack_is_of_one_type() -> None:
    with pytest.raises(TypeError, match="one type, not FeedMessage, FlightStatus"):
        codec.encode_pack([status(1), message(b"")])


def test_what_has_no_schema_does_not_travel() -> None:
    with pytest.raises(TypeError, match="Record has no schema"):
        codec.encode(Record(id="a"))
    with pytest.raises(TypeError, match="Record has no schema"):
        codec.decode_pack(codec.encode(status(1)), Record)


def test_a_pack_has_a_record_and_not_too_many() -> None:
    with pytest.raises(ValueError, match="at least one record"):
        codec.encode_pack([])
    with pytest.raises(ValueError, match="10001 records; a pack may have 10000"):
        codec.encode_pack([status(0)] * (codec.MAX_RECORDS + 1))


NOTICE: dict[str, Any] = {
    "id": "n1",
    "disruption_id": "d1",
    "leg": "UAL/1545/EWR/2026-09-21",
    "kind": "delayed",
    "rev": 3,
    "recipient": "r1",
    "channel": "sms",
    "ticket": "UA1545",
    "origin": "EWR",
    "date": "2026-09-21",
    "source_time": 1,
    "received_at": 2,
    "useful_until": 3,
}
LETTER: dict[str, Any] = {
    "id": "x",
    "stage": "detect",
    "reason": "r",
    "place": "p",
    "record_id": "i",
    "body_schema": "payload",
    "body": b"",
    "attempts": 1,
    "code_version": "0",
    "rejected_at": 0,
}
UNFIT: dict[str, tuple[Record, str, str]] = {
    "number for text": (status(0, airline=7), "airline", "must be str, not int"),
    "text for number": (status(0, sequence="7"), "sequence", "must be int, not str"),
    "float for number": (status(0, source_time=1.0), "source_time", "must be int, not float"),
    "bool for number": (status(0, source_rank=True), "source_rank", "must be int, not bool"),
    "bool for time": (status(0, out_actual=True), "out_actual", "must be int, not bool"),
    "bytes for text": (status(0, feed=b"live"), "feed", "must be str, not bytes"),
    "text for bytes": (message("text"), "payload", "must be bytes, not str"),  # type: ignore[arg-type]  # the fault
    "none where required": (status(0, id=None), "id", "must be str, not NoneType"),
    "none for number": (status(0, number=None), "number", "must be int, not NoneType"),
    "list for tuple": (status(0, cleared=["out_gate"]), "cleared", "must be tuple, not list"),
    "number in tuple": (status(0, cleared=("a", 1)), "cleared", "must be str, not int"),
    "list in tuple": (status(0, cleared=("a", [])), "cleared", "must be str, not list"),
    "too many items": (status(0, cleared=("a",) * 65), "cleared", "has 65 items, and may have 64"),
    "33 bits": (status(0, number=1 << 31), "number", "does not fit in 32 bits"),
    "33 bits below": (status(0, number=-(1 << 31) - 1), "number", "does not fit in 32 bits"),
    "65 bits": (status(0, sequence=1 << 63), "sequence", "does not fit in 64 bits"),
    "65 bits below": (status(0, in_actual=-(1 << 63) - 1), "in_actual", "does not fit in 64 bits"),
    "half a surrogate pair": (status(0, out_gate="\ud800"), "out_gate", "half a surrogate pair"),
    "the same in an item": (status(0, cleared=("\udfff",)), "cleared", "half a surrogate pair"),
    "unknown word": (status(0, life="gone"), "life", "must be one of unsaid, operating"),
    "unknown kind": (Notice(**{**NOTICE, "kind": "late"}), "kind", "must be one of delayed"),
    "no word at all": (Notice(**{**NOTICE, "channel": None}), "channel", "must be one of sms"),
    "float count": (DeadLetter(**{**LETTER, "attempts": 2.5}), "attempts", "not float"),
}


@pytest.mark.parametrize("before", [0, 1, 40])
@pytest.mark.parametrize(("bad", "field", "reason"), UNFIT.values(), ids=UNFIT)
def test_an_unfit_value_is_refused_by_record_and_field(
    bad: Record, field: str, reason: str, before: int
) -> None:
    # Good neighbours first, with values equal to the bad ones (1 == True == 1.0).
    sound = {
        FlightStatus: status(0, source_rank=1, out_actual=1, source_time=1),
        FeedMessage: message(b"text"),
        Notice: Notice(**NOTICE),
        DeadLetter: DeadLetter(**LETTER),
    }
    with pytest.raises(codec.EncodeError) as caught:
        codec.encode_pack([*[sound[type(bad)]] * before, bad])
    error = caught.value
    assert (error.index, error.field) == (before, field)
    assert reason in error.reason
    assert str(error) == f"record {before}, field {field}: {error.reason}"


def test_errors_travel_between_processes() -> None:
    for error in (
        codec.DecodeError("field id: the bytes end here", "record 17 at byte 2041"),
        codec.EncodeError(3, "airline", "must be str, not int"),
        codec.OversizedRecord(((3, 900), (5, 950)), [(range(3), "text")], 800),
    ):
        back = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes, made on this line)
        assert str(back) == str(error)
        assert vars(back) == vars(error)


def test_a_decode_error_says_where_and_why() -> None:
    error = codec.DecodeError("field id: the bytes end here", "record 17 at byte 2041")
    assert isinstance(error, ValueError)
    assert str(error) == "record 17 at byte 2041: field id: the bytes end here"
