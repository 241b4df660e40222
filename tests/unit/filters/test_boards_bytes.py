"""Whatever bytes arrive on a board's feed, there is a status, a drop or a rejection."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import FORMATS
from filters.outcome import Drop, Forward, Reject
from schemas import codec
from tests.unit.filters.boards import SOUND, outcome
from tests.unit.filters.records import flifo

JSON = {name: payload for name, payload in SOUND.items() if name != "avinor"}
NAMES = sorted(SOUND)


def sound_outcome(name: str, payload: bytes) -> Forward | Drop | Reject:
    """The outcome; what it leads to has been through the codec, and no other question raises."""
    module = FORMATS[name]
    said = outcome(name, payload)
    assert isinstance(said, Forward | Drop | Reject)
    if isinstance(said, Forward):
        assert codec.decode_pack(codec.encode_pack(said.outputs)) == list(said.outputs)
    if isinstance(said, Reject):
        assert len(said.reason) < 400
        said.reason.encode()
    module.detect(payload)
    key = module.leg_key(payload)
    assert key is None or (0 < len(key) <= 300 and key.encode())
    assert sum(1 for _ in module.split([payload])) <= len(payload)
    return said


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \t\r\n",
    "NULs": b"\x00" * 40,
    "null": b"null",
    "a number": b"1360317600",
    "5,000 digits": b"9" * 5_000,
    "a text": b'"SK1415"',
    "an empty object": b"{}",
    "an array of arrays": b"[[[]]]",
    "an array of numbers": b"[1, 2]",
    "rows that are none": b'{"flights": [1], "list": [null]}',
    "100,000 open brackets": b"[" * 100_000,
    "objects 100,000 deep": b'{"flights":' * 100_000 + b"1" + b"}" * 100_000,
    "elements 100,000 deep": b"<airport>" * 100_000,
    "half a surrogate pair": rb'{"flightName": "\ud83d", "SchDT": "\udfff"}',
    "invalid UTF-8": b'{"flightId": "\xff\xfe"}',
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "an empty airport": b"<airport/>",
    "an airport without flights": b'<airport name="OSL"><flights/></airport>',
    "UTF-16": '<?xml version="1.0" encoding="utf-16"?><airport name="OSL"/>'.encode("utf-16"),
    "an entity": b'<!DOCTYPE a [<!ENTITY a "x">]><airport name="&a;"/>',
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", NAMES)
def test_broken_bytes_become_no_status(name: str, broken: str) -> None:
    assert isinstance(sound_outcome(name, BROKEN[broken]), Reject | Drop)


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "\x00",
    "😀",
    "9" * 5_000,
    "2019-02-30",
    "2019-02-30T10:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "24:00",
    [],
    {},
    [None],
    ["", 7, {}],
    [["KL0894"]],
    {"a": {"b": []}},
    [[[[[[[[[[]]]]]]]]]],
]


def members(value: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The ways to all members of a JSON value."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [way, *(found for name, item in inner for found in members(item, (*way, name)))]


def replaced(value: Any, way: tuple[str | int, ...], new: object) -> Any:  # noqa: ANN401  (JSON)
    """The JSON value with the member there replaced."""
    if not way:
        return new
    copied = value.copy()
    copied[way[0]] = replaced(value[way[0]], way[1:], new)
    return copied


@pytest.mark.parametrize("name", sorted(JSON))
def test_no_member_of_any_type_does_harm(name: str) -> None:
    whole = json.loads(JSON[name])
    ways = members(whole)
    assert len(ways) > 10
    for way in ways:
        for value in VALUES:
            payload = json.dumps(replaced(whole, way, value)).encode()
            sound_outcome(name, payload)


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_message_cut_anywhere_does_no_harm(name: str) -> None:
    payload = SOUND[name]
    assert isinstance(sound_outcome(name, payload), Forward)
    for end in range(len(payload)):
        sound_outcome(name, payload[:end])


@given(noise=st.binary(max_size=200), name=st.sampled_from(NAMES), at=st.integers(0, 1_000))
def test_any_bytes_anywhere_do_no_harm(noise: bytes, name: str, at: int) -> None:
    sound_outcome(name, noise)
    payload = SOUND[name]
    at %= len(payload)
    sound_outcome(name, payload[:at] + noise + payload[at:])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=JSON_VALUES, name=st.sampled_from(sorted(JSON)), data=st.data())
def test_any_value_of_any_member_does_no_harm(
    value: object, name: str, data: st.DataObject
) -> None:
    whole = json.loads(JSON[name])
    way = data.draw(st.sampled_from(members(whole)))
    sound_outcome(name, json.dumps(replaced(whole, way, value)).encode())


@pytest.mark.parametrize("name", NAMES)
def test_each_format_takes_its_own_message_and_no_others(name: str) -> None:
    assert [known for known in NAMES if FORMATS[known].detect(SOUND[name])] == [name]
    others = [
        json.dumps(flifo()).encode(),
        json.dumps({"flightStatuses": [{"flightId": 1}]}).encode(),
    ]
    others += [b"<IATA_AIDX_FlightLegNotifRQ/>", b"MVT\nBA117/10.GVIIA.LHR\n", b"a,b\n1,2\n"]
    assert not [payload for payload in others if FORMATS[name].detect(payload)]


def test_a_name_that_only_stands_in_a_text_is_no_member() -> None:
    told = {"evidence": '"SchDT": 1, "AirportID": 2, "ActChoxDT": 3'}
    assert not FORMATS["chroma"].detect(json.dumps(told).encode())


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_recognised_behind_a_byte_order_mark_and_blanks(name: str) -> None:
    assert FORMATS[name].detect(b"\xef\xbb\xbf" + SOUND[name])
    assert FORMATS[name].detect(b"\r\n " + SOUND[name])


@pytest.mark.parametrize("name", NAMES)
@given(cuts=st.lists(st.integers(0, 3_000), max_size=12))
def test_every_chunking_gives_the_same_pieces(name: str, cuts: list[int]) -> None:
    whole = SOUND[name] if name == "avinor" else b"[" + SOUND[name] + b",\n" + SOUND[name] + b"]"
    at = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    chunks = [whole[start:end] for start, end in pairwise(at)]
    assert list(FORMATS[name].split(chunks)) == list(FORMATS[name].split([whole]))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_documented_is_plain_text(name: str) -> None:
    module = FORMATS[name]
    for told in (module.FIELDS, module.IGNORED):
        assert told
        assert all(field and meaning for field, meaning in told.items())
    assert not set(module.FIELDS) & set(module.IGNORED)
