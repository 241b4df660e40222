"""One line becomes one message; its leg is found, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.lines import FeedLine
from pipeline.ingest.messages import (
    FeedSource,
    feed_message,
    leg_of,
    printable_name,
)
from schemas.codec import decode_pack, encode
from schemas.records import FeedMessage, payload_id

SOURCE = FeedSource(feed="live", file="day.jsonl")


def message_with(payload: bytes, source: FeedSource = SOURCE) -> FeedMessage:
    return feed_message(FeedLine(7, payload), source, 1_360_300_000_000)


def test_a_message_says_where_it_came_from_and_keeps_its_bytes() -> None:
    payload = b'{"id": "UAL1-1-fa-0001"}\x00\xff'
    assert message_with(payload) == FeedMessage(
        id=hashlib.sha256(payload).hexdigest()[:32],
        format="firehose",
        feed="live",
        received_at=1_360_300_000_000,
        sequence=7,
        place="day.jsonl:7",
        payload=payload,
    )


def test_the_same_bytes_have_the_same_id_wherever_they_stand() -> None:
    assert payload_id(b"a") == payload_id(b"a") != payload_id(b"b")


LEG = "UAL2465-1589328337-fa-0001"


@pytest.mark.parametrize(
    ("payload", "leg"),
    [
        (b'{"id": "UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"type":"offblock","id":"UAL2465-1589328337-fa-0001","orig":"KORD"}', LEG),
        (b' {\t"id" :\n"UAL2465-1589328337-fa-0001" } ', LEG),
        (b'{"waypoints":[{"id":"x"}],"id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"nested":{"id":"x"},"id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"text":"\\"id\\":\\"x\\"","id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"text":"},{\\"id\\": \\"x\\"}","id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"a":"id","b":":","id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"\\u0069d":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"id":"UAL2465\\u002d1589328337-fa-0001"}', LEG),
        (b'{"id":"old","id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"n":' + b"9" * 5000 + b',"id":"UAL2465-1589328337-fa-0001"}', LEG),
        (b'{"id":"TFR52-1440084510-fds-0000:0"}', "TFR52-1440084510-fds-0000:0"),
        ('{"id":"Ä😀"}'.encode(), "Ä😀"),
        (b'{"id":"' + b"x" * 200 + b'"}', "x" * 200),
        (b'{"id":"' + b"x" * 201 + b'"}', None),
        (b'{"nested":{"id":"x"}}', None),
        (b'{"text":"\\"id\\":\\"x\\""}', None),
        (b'[{"id":"x"}]', None),
        (b'"id"', None),
        (b'{"ID":"x"}', None),
        (b'{"id":12}', None),
        (b'{"id":null}', None),
        (b'{"id":""}', None),
        (b'{"id":{"id":"x"}}', None),
        (b'{"type":"keepalive","pitr":"1589808413"}', None),
        (b'{"id":"UAL2465-1589328337-fa-0001","orig":"KO', None),
        (b'{"id":"UAL2465-1589328337-fa-0001"} {"id":"x"}', None),
        (b'{"id":"\xff"}', None),
        (b'{"id":"\\ud800"}', None),
        (b'{"id":"\\udc00x"}', None),
        (b'{"id":"\xed\xa0\x80"}', None),
        (b'{"id":', None),
        (b"\x00", None),
        (b"{" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"id":"x"}', None),
    ],
)
def test_the_leg_is_the_member_id_of_the_object_and_nothing_else(
    payload: bytes, leg: str | None
) -> None:
    assert leg_of(message_with(payload)) == leg


def test_a_format_without_a_key_of_its_own_has_no_leg() -> None:
    payload = b'{"id": "UAL1"}'
    assert leg_of(message_with(payload, FeedSource("live", format="aidx"))) is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_search_for_a_leg_fail(payload: bytes) -> None:
    leg = leg_of(message_with(payload))
    assert leg is None or 0 < len(leg.encode()) <= 4 * 256


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), st.binary(max_size=50))
def test_a_leg_found_is_a_key_that_can_be_carried(leg: str, noise: bytes) -> None:
    import msgspec

    payload = msgspec.json.encode({"noise": noise, "id": leg, "after": {"id": "x"}})
    message = message_with(payload)
    assert leg_of(message) == (leg.strip() or None)
    assert decode_pack(encode(message)) == [message]


@pytest.mark.parametrize(
    ("name", "printable"),
    [("day.jsonl", "day.jsonl"), ("Tag \udcfc.jsonl", "Tag \\xfc.jsonl"), ("Ä.jsonl", "Ä.jsonl")],
)
def test_a_file_name_that_is_not_utf8_can_be_carried(name: str, printable: str) -> None:
    source = FeedSource(printable_name(name), file=printable_name(name))
    message = message_with(b"x", source)
    assert message.place == f"{printable}:7"
    assert decode_pack(encode(message)) == [message]


def test_genuine_messages_name_their_legs(samples: Path) -> None:
    lines = (samples / "flightaware-firehose" / "firestarter_2020_flight_events.jsonl").read_bytes()
    legs = [leg_of(message_with(line)) for line in lines.splitlines()]
    assert legs[0] is None  # a keepalive
    assert legs[1:3] == ["BMJ64-1589543130-5-1-174", "CES2187-1589431537-airline-0180"]
    assert None not in legs[1:]
