from __future__ import annotations

import msgspec
import pytest

from filters.normalize.vendors.loose import Moment, Word, because, instant, read, text, utc_ms
from filters.outcome import RejectRecord
from tests.unit.filters.records import at


class Inner(msgspec.Struct):
    word: Word | None = None
    number: int | None = None


class Outer(msgspec.Struct, rename="camel"):
    at_time: Moment | None = None
    inner: Inner | None = None
    many: list[Inner] | Inner | None = None
    named: dict[str, int] | None = None


DECODER = msgspec.json.Decoder(Outer)


@pytest.mark.parametrize(
    ("payload", "expected", "left_out"),
    [
        (b'{"atTime": "x", "unknown": [[1]]}', Outer(at_time="x"), {}),
        (b'{"atTime": 5, "inner": {"word": "w"}}', Outer(inner=Inner("w")), {"atTime": "a number"}),
        (
            b'{"inner": {"word": true, "number": 1}}',
            Outer(inner=Inner(None, 1)),
            {"inner.word": "a truth value"},
        ),
        (b'{"many": [{"number": 1}, 2, null]}', Outer(many=[Inner(None, 1)]), {"many": "null"}),
        (
            b'{"many": {"number": "1"}}',
            Outer(many=Inner()),
            {"many.number": "a text"},
        ),
        (b'{"named": {"a": 1, "b": []}}', Outer(named={"a": 1}), {"named.b": "an array"}),
        (b'{"inner": [{}]}', Outer(), {"inner": "an array"}),
        (b'{"atTime": {}}', Outer(), {"atTime": "an object"}),
        # As XML turned into JSON has an empty element.
        (b'{"inner": "", "many": ""}', Outer(), {}),
        (b'{"atTime": "' + b"9" * 41 + b'"}', Outer(), {"atTime": "a text"}),
    ],
)
def test_a_member_of_another_type_is_left_out_and_named(
    payload: bytes, expected: Outer, left_out: dict[str, str]
) -> None:
    assert read(payload, DECODER) == (expected, left_out)


def test_no_more_are_named_than_evidence_holds() -> None:
    members = ",".join(f'"m{number}": []' for number in range(50))
    _, left_out = read(f'{{"named": {{{members}}}}}'.encode(), DECODER)
    assert len(left_out) == 16


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "message: not JSON: "),
        (b"{", "message: not JSON: "),
        (b"\xff", "message: not JSON: "),
        (b"5", "message: a number, and an object is expected"),
        (b"null", "message: null, and an object is expected"),
        (b'{"x":' * 100_000, "message: nested too deeply"),
        (b'{"atTime": 5, "x": ' + b"[" * 100_000, "message: nested too deeply"),
        (b'{"atTime": 5, "x": ' + b"9" * 5_000 + b"}", "message: not JSON: "),
    ],
    ids=range(8),
)
def test_what_is_no_message_is_rejected(payload: bytes, reason: str) -> None:
    with pytest.raises(RejectRecord) as rejected:
        read(payload, DECODER)
    assert rejected.value.reason.startswith(reason)
    assert len(rejected.value.reason) < 300


def test_a_reason_names_the_type_that_was_found() -> None:
    missing = "word: missing, so no flight is named"
    assert because(missing, {"inner.word": "an array"}) == "word: an array, so no flight is named"
    assert because(missing, {"inner.number": "an array"}) == missing
    assert because("word: X is no flight", {"word": "an array"}) == "word: X is no flight"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" A12 ", "A12"),
        (7, "7"),
        (-7, "-7"),
        ("", None),
        (" ", None),
        ("a\x00b", None),
        ("a\nb", None),
        (10**40, None),
        (None, None),
    ],
)
def test_a_text(value: str | int | None, expected: str | None) -> None:
    assert text(value) == expected


def test_a_moment_is_in_utc_unless_it_says_otherwise() -> None:
    evidence: list[str] = []
    assert utc_ms("2026-07-15T08:20:00") == at("2026-07-15T08:20:00Z")
    assert instant("2026-07-15T08:20:00+01:00", "m", evidence) == at("2026-07-15T07:20:00Z")
    assert instant("", "m", evidence) is instant(None, "m", evidence) is None
    assert evidence == []
    assert instant("soon", "m", evidence) is None
    assert evidence == ["unread=m"]
