"""Whatever bytes arrive, there is a status, a drop or a rejection, and a status can travel."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import firehose, normalize
from filters.outcome import Drop, Forward, Outcome, Reject, RejectRecord
from pipeline.demo.day import Wish, day_of
from schemas import codec
from schemas.records import FlightStatus, Record
from tests.unit.filters.records import SOURCES, flifo, message

GOOD = json.dumps(flifo()).encode()


def normalized(payload: bytes) -> Outcome:
    """The outcome of one message; what it leads to has been through the codec and back."""
    [outcome] = normalize([message(payload)], sources=SOURCES)
    if isinstance(outcome, Forward):
        assert codec.decode_pack(codec.encode_pack(outcome.outputs)) == list(outcome.outputs)
    return outcome


def with_member(name: str, raw: bytes) -> bytes:
    """The good message with one member added at the end, its value as raw bytes."""
    return GOOD[:-1] + b', "' + name.encode() + b'": ' + raw + b"}"


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b"  \t ",
    "a NUL": b"\x00",
    "NULs in front": b"\x00" * 16 + GOOD,
    "a NUL in a name": GOOD.replace(b"UAL1545", b"UAL\x001545"),
    "cut in a string": GOOD[:30],
    "cut before the end": GOOD[:-1],
    "cut in a number": b'{"type": "flifo", "pitr": 13603',
    "cut in an escape": b'{"type": "flifo", "ident": "\\u00',
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": GOOD.replace(b"UAL1545", b"UAL154\xe9"),
    "invalid UTF-8 in a value": with_member("reg", b'"\xff\xfe"'),
    "invalid UTF-8 in a key": with_member("reg", b'"N1", "\xc3(": 1'),
    "overlong UTF-8": with_member("reg", b'"\xc0\x80"'),
    "an encoded surrogate": with_member("reg", b'"\xed\xa0\x80"'),
    "an array": b"[" + GOOD + b"]",
    "a string": b'"UAL1545"',
    "a number": b"1360317600",
    "null": b"null",
    "true": b"true",
    "two objects": GOOD + GOOD,
    "something after the end": GOOD + b"}",
    "single quotes": GOOD.replace(b'"', b"'"),
    "no quotes": GOOD.replace(b'"', b""),
    "a comment": b"/* flifo */" + GOOD,
    "a comma too many": GOOD[:-1] + b",}",
    "NaN": with_member("estimated_out", b"NaN"),
    "Infinity": with_member("estimated_out", b"-Infinity"),
    "a number beyond any float": with_member("estimated_out", b"1e999"),
    "a number of 5,000 digits": with_member("estimated_out", b"9" * 5_000),
    "a text of 5,000 digits": with_member("estimated_out", b'"' + b"9" * 5_000 + b'"'),
    "5,000 digits nobody asked for": with_member("speed", b"9" * 5_000),
    "a list for a time": with_member("estimated_out", b'["1360317600"]'),
    "an object for a time": with_member("estimated_out", b'{"epoch": "1360317600"}'),
    "arrays 900 deep for a time": with_member("estimated_out", b"[" * 900 + b"]" * 900),
    "arrays 100,000 deep": with_member("x", b"[" * 100_000 + b"]" * 100_000),
    "arrays 100,000 deep, unclosed": b"[" * 100_000,
    "objects 100,000 deep": b'{"id":' * 100_000 + b'""' + b"}" * 100_000,
    "half a surrogate pair": with_member("reg", rb'"\ud83d"'),
    "the other half": with_member("actual_departure_gate", rb'"\udfff C98"'),
    "half a pair in a key": with_member("reg", rb'"N1", "\ud83d": 1'),
    "a later, empty ident": with_member("ident", b'""'),
    "a huge gate": with_member("actual_departure_gate", b'"' + b"7" * 3_000_000 + b'"'),
    "a huge id": with_member("id", b'"' + b"7" * 3_000_000 + b'"'),
    "a huge ident": with_member("ident", b'"' + b"U" * 3_000_000 + b'"'),
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bytes_are_rejected_with_the_member_or_the_message(name: str) -> None:
    outcome = normalized(BROKEN[name])
    assert isinstance(outcome, Reject)
    assert outcome.reason.partition(":")[0] in {*flifo(), "message", "estimated_out"} | {
        "reg",
        "actual_departure_gate",
    }
    assert len(outcome.reason) < 300
    outcome.reason.encode()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bytes_have_no_leg_key_that_parsing_would_not_give(name: str) -> None:
    assert firehose.leg_key(BROKEN[name]) in (None, flifo()["id"])


@pytest.mark.parametrize(
    ("opening", "inner", "closing"), [(b"[", b"", b"]"), (b'{"a":', b"1", b"}")]
)
def test_at_no_depth_does_a_value_escape_rejection(
    opening: bytes, inner: bytes, closing: bytes
) -> None:
    """Near the interpreter's limit, decoding still succeeds where showing the value would not."""
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 10):
        payload = with_member("estimated_out", opening * depth + inner + closing * depth)
        assert isinstance(normalized(payload), Reject), depth


@pytest.mark.parametrize("digits", [19, 20, 4_299, 4_300, 4_301])
def test_a_long_number_is_rejected_by_name_or_as_a_message(digits: int) -> None:
    outcome = normalized(with_member("estimated_out", b"9" * digits))
    assert isinstance(outcome, Reject)
    assert outcome.reason.partition(":")[0] in ("estimated_out", "message")


ODD_BUT_SOUND: dict[str, bytes] = {
    "an emoji as a pair": with_member("actual_departure_gate", rb'"\ud83d\ude00"'),
    "a NUL as an escape": with_member("actual_departure_gate", rb'"C\u000098"'),
    "any control character": with_member("actual_departure_gate", rb'"C\u001b\u009b\u2028"'),
    "a member twice": with_member("ident", b'"UAL1546"'),
    "an unknown member": with_member("surprise", b'[{"a": [1, 2.5, null]}]'),
    "a huge unknown member": with_member("route", b'"' + b"." * 3_000_000 + b'"'),
    "arrays 500 deep nobody asked for": with_member("x", b"[" * 500 + b"]" * 500),
    "blanks around": b"\r\n " + GOOD + b" \r\n",
    "an id in an inner object": with_member("inner", b'{"id": "X"}'),
    "an id in a key": with_member(r"\"id", b'"X"'),
}


@pytest.mark.parametrize("name", ODD_BUT_SOUND)
def test_odd_but_sound_bytes_are_read_and_travel(name: str) -> None:
    outcome = normalized(ODD_BUT_SOUND[name])
    assert isinstance(outcome, Forward)
    assert firehose.leg_key(ODD_BUT_SOUND[name]) == flifo()["id"]


def test_of_a_member_given_twice_the_later_counts() -> None:
    outcome = normalized(ODD_BUT_SOUND["a member twice"])
    assert isinstance(outcome, Forward)
    assert number_of(outcome.outputs[0]) == 1546


def number_of(record: Record) -> int:
    """The flight number of a status."""
    assert isinstance(record, FlightStatus)
    return record.number


# The names a Firehose message may have, and values from sound to absurd.
NAMES = sorted(
    {
        *flifo(),
        *("reg", "status", "trueCancel", "timeType", "clock", "adt", "aat", "fdt", "edt", "eta"),
        *("estimated_out", "actual_out", "actual_off", "estimated_in", "baggage_claim"),
        *("actual_departure_gate", "scheduled_arrival_terminal", "x"),
    }
)
KINDS = [
    *("flifo", "flightplan", "departure", "arrival", "offblock", "onblock", "cancellation"),
    *("extendedFlightInfo", "position", "keepalive", "error", "rumour"),
]
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.integers(900_000_000, 4_200_000_000).map(str),
    st.sampled_from(["UAL1545", "BLOCKED", "N12345", "KEWR", "EGLL", "X", "1", "estimated", ""]),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MESSAGES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "type": st.sampled_from(KINDS) | VALUES,
        "ident": st.sampled_from(["UAL1545", "DLH400", "BLOCKED"]) | VALUES,
    },
    optional={name: VALUES for name in NAMES if name not in ("type", "ident")},
)


@given(st.binary(max_size=200))
def test_any_bytes_have_an_outcome(payload: bytes) -> None:
    assert isinstance(normalized(payload), Forward | Drop | Reject)
    assert firehose.leg_key(payload) is None
    firehose.detect(payload)


@given(MESSAGES)
def test_any_members_have_an_outcome_and_a_key_only_as_parsed(members: dict[str, Any]) -> None:
    payload = json.dumps(members).encode()
    outcome = normalized(payload)
    assert isinstance(outcome, Forward | Drop | Reject)
    if isinstance(outcome, Forward):
        [status] = outcome.outputs
        assert isinstance(status, FlightStatus)
        key = firehose.leg_key(payload)
        assert status.source_id == (None if key is None else f"firehose:{key}")


@given(st.data())
def test_a_good_message_with_some_bytes_changed_has_an_outcome(data: st.DataObject) -> None:
    payload = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    outcome = normalized(bytes(payload))
    assert isinstance(outcome, Forward | Drop | Reject)
    key = firehose.leg_key(bytes(payload))
    if isinstance(outcome, Forward):
        [status] = outcome.outputs
        assert isinstance(status, FlightStatus)
        assert status.source_id == (None if key is None else f"firehose:{key}")


def same_as_carefully(payload: bytes) -> bool:
    """Whether the message was read quickly; then it says what the careful reading says."""
    whole = message(payload)
    source = SOURCES.of(whole.feed, "firehose")
    [outcome] = normalize([whole], sources=SOURCES)
    try:
        careful = firehose.carefully(whole, source)
    except RejectRecord as reject:
        # A member that nobody asked for is read by the careful reading only.
        if isinstance(outcome, Forward) and not reject.reason.startswith("message: "):
            pytest.fail(f"read although {reject.reason}")
        return isinstance(outcome, Forward)
    assert outcome == (careful if isinstance(careful, Drop) else Forward(careful))
    quickly = firehose.quick.status(whole, source.rank, firehose.named_flight, firehose.departure)
    return quickly is not None


@given(MESSAGES)
def test_read_quickly_or_carefully_a_message_says_the_same(members: dict[str, Any]) -> None:
    same_as_carefully(json.dumps(members, ensure_ascii=False).encode())


ORDINARY = {
    "pitr": st.integers(1_300_000_000, 1_700_000_000).map(str),
    **{
        name: st.sampled_from(["", "1360317600", "1360319400"])
        for name in NAMES
        if name.startswith(("scheduled_o", "scheduled_i", "estimated_o", "estimated_i", "actual_o"))
        or name in ("clock", "adt", "aat", "fdt", "edt", "eta", "actual_in")
    },
    **{
        name: st.sampled_from(["", "C98", " C98", "C" * 201])
        for name in NAMES
        if name.endswith(("_gate", "_terminal", "_claim"))
    },
    "reg": st.sampled_from(["N14228", "BLOCKED", "G-STBA", " N14228", ""]),
    "status": st.sampled_from(["S", "X", "Y", " F ", ""]),
    "orig": st.sampled_from(["KEWR", "kewr", "L 41.2 -87.1", ""]),
    "dest": st.sampled_from(["KIAH", "ZZZZ", ""]),
    "id": st.sampled_from(["UAL1545-1360152000-airline-0042", " x ", ""]),
    "trueCancel": st.sampled_from(["1", "0", ""]),
    "timeType": st.sampled_from(["actual", "estimated"]),
}


@given(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(KINDS),
            "ident": st.sampled_from(["UAL1545", "UAL0001P", "BLOCKED", "N12345"]),
        },
        optional=ORDINARY,
    )
)
def test_an_ordinary_message_says_the_same_read_quickly_or_carefully(
    members: dict[str, str],
) -> None:
    same_as_carefully(json.dumps(members).encode())


def test_most_messages_of_a_real_day_are_read_quickly() -> None:
    lines = [line.payload for line in day_of(Wish()).lines]
    quick = sum(map(same_as_carefully, lines))
    assert quick > 0.9 * len(lines)
