"""The Type B envelope: what surrounds a telegram, when it was sent, where the next one begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.splitting import Piece
from filters.normalize.telegrams import typeb
from tests.unit.filters.records import at

RECEIVED = at("2026-01-08T20:15:00Z")
SENT = at("2026-01-08T20:10:00Z")
STARTS = ("MVT", "MVA", "DIV")
BODY = ("MVT", "LH400/08.DABYA.FRA", "AD1939")


def expected(
    lines: tuple[str, ...] = BODY,
    sent_at: int | None = None,
    origin: str = "",
    *,
    duplicate: bool = False,
) -> typeb.Telegram:
    return typeb.Telegram(lines=lines, sent_at=sent_at, duplicate=duplicate, origin=origin)


def telegram(text: str, received: int = RECEIVED) -> typeb.Telegram:
    return typeb.read(text.encode(), received)


def pieces(data: bytes, size: int = 65_536, max_bytes: int = 4096) -> list[Piece]:
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    return list(typeb.split(cut, STARTS, max_bytes))


SURROUNDED = {
    "crlf": "QU AMSKLXX LHRBAXX\r\n.FRAKLLH 082010\r\nMVT\r\nLH400/08.DABYA.FRA\r\nAD1939\r\n",
    "lf": "QU AMSKLXX LHRBAXX\n.FRAKLLH 082010\nMVT\nLH400/08.DABYA.FRA\nAD1939\n",
    "framed": "\x01QU AMSKLXX\r\nLHRBAXX CDGAFXX\r\nMUCOOLH\r\n.FRAKLLH 082010\r\n\x02MVT\r\n"
    "LH400/08.DABYA.FRA\r\nAD1939\r\n\x03",
    "on one line": "\x01QU AMSKLXX\r\r\n.FRAKLLH 082010\x02MVT\r\r\n"
    "LH400/08.DABYA.FRA\r\r\nAD1939\x03",
    "nnnn": "ZCZC LHA123 082010\r\nQD AMSKLXX\r\n.FRAKLLH 082010\r\nMVT\r\n"
    "LH400/08.DABYA.FRA\r\nAD1939\r\nNNNN\r\n",
    "blanks": "\r\n\r\nQU AMSKLXX\r\n\r\n.FRAKLLH 082010\r\n\r\nMVT  \r\n"
    "LH400/08.DABYA.FRA   \r\nAD1939 \t\r\n=\r\n",
    "junk": "SENT TO 3 ADDRESSES\r\n.FRAKLLH 082010\r\nMVT\r\nLH400/08.DABYA.FRA\r\nAD1939=\r\n",
    "lower case": ". FRAKLLH 082010\nmvt\nlh400/08.dabya.fra\nad1939",
    "byte order mark": "\ufeffQU AMSKLXX\n.FRAKLLH 082010\nMVT\nLH400/08.DABYA.FRA\nAD1939",
}


@pytest.mark.parametrize("text", SURROUNDED.values(), ids=list(SURROUNDED))
def test_what_surrounds_a_telegram_is_taken_off(text: str) -> None:
    assert telegram(text) == expected(BODY, SENT, "FRAKLLH")


@pytest.mark.parametrize(
    "text", ["MVT\nLH400/08.DABYA.FRA\nAD1939", "\n\nMVT\nLH400/08.DABYA.FRA\nAD1939="]
)
def test_a_bare_body_is_a_telegram(text: str) -> None:
    assert telegram(text) == expected()


def test_addresses_without_an_origin_are_taken_off_and_leave_the_time_open() -> None:
    text = "QU AMSKLXX LHRBAXX\nCDGAFXX MUCOOLH\nMVT\nLH400/08.DABYA.FRA\nAD1939"
    assert telegram(text) == expected()


def test_leg_lines_that_look_like_addresses_stay_in_the_body() -> None:
    text = ".FRAKLLH 082010\nASM\nUTC\nNEW\nLH400/08\nJ 744\nFRA0930 JFK1810\n"
    assert telegram(text).lines[-1] == "FRA0930 JFK1810"


@pytest.mark.parametrize(
    "text",
    [
        ".FRAKLLH 082010\nPDM\nMVT\nLH400/08.DABYA.FRA\nAD1939",
        ".FRAKLLH 082010 PDM\nMVT\nLH400/08.DABYA.FRA\nAD1939",
        ".FRAKLLH 082010\n\x02PDM MVT\nLH400/08.DABYA.FRA\nAD1939",
        ".FRAKLLH 082010\nMVT PDM\nLH400/08.DABYA.FRA\nAD1939",
        "QU AMSKLXX PDM\n.FRAKLLH 082010\nMVT\nLH400/08.DABYA.FRA\nAD1939",
        "PDM\nQU AMSKLXX\n.FRAKLLH 082010\nMVT\nLH400/08.DABYA.FRA\nAD1939",
    ],
)
def test_a_possible_duplicate_is_marked_and_otherwise_the_same(text: str) -> None:
    assert telegram(text) == expected(BODY, SENT, "FRAKLLH", duplicate=True)


def test_a_correction_stays_in_the_body() -> None:
    assert telegram(".FRAKLLH 082010\nPDM\nCOR\nMVT\nX").lines == ("COR", "MVT", "X")
    assert telegram(".FRAKLLH 082010\nCOR\nPDM MVT\nX") == expected(
        ("COR", "MVT", "X"), SENT, "FRAKLLH", duplicate=True
    )


@pytest.mark.parametrize(
    ("rest", "received", "sent"),
    [
        (" 082010", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        ("082010", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        (" 082010Z", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        (" 082010 LH4/AB12", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        ("/LH123 082010", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        (" 312359", "2026-02-01T00:03:00Z", "2026-01-31T23:59:00Z"),
        (" 010001", "2026-01-31T23:59:30Z", "2026-02-01T00:01:00Z"),
        (" 312400", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        (" 200900", "2026-01-05T09:00:00Z", "2025-12-20T09:00:00Z"),
        (" 082010 DEC25", "2026-01-08T20:15:00Z", "2025-12-08T20:10:00Z"),
        (" 082010DEC", "2026-01-08T20:15:00Z", "2025-12-08T20:10:00Z"),
        (" 082010 DEC 2019", "2026-01-08T20:15:00Z", "2019-12-08T20:10:00Z"),
        (" 08DEC192010", "2026-01-08T20:15:00Z", "2019-12-08T20:10:00Z"),
        (" 08DEC2010", "2026-01-08T20:15:00Z", "2025-12-08T20:10:00Z"),
        (" 08JAN2026 2010Z", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
        (" 082010 CPT", "2026-01-08T20:15:00Z", "2026-01-08T20:10:00Z"),
    ],
)
def test_when_it_was_sent(rest: str, received: str, sent: str) -> None:
    assert telegram(f".FRAKLLH{rest}\nMVT", at(received)).sent_at == at(sent)


@pytest.mark.parametrize(
    "rest",
    ["", " 0820", " 082570", " 322010", " 300900 FEB", " 082010 JAN 1984", " 082010 JAN 2031"],
)
def test_a_time_that_is_none_leaves_it_open(rest: str) -> None:
    assert telegram(f".FRAKLLH{rest}\nMVT") == expected(("MVT",), None, "FRAKLLH")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MVT\nX", "MVT"),
        ("QU AMSKLXX\n.FRAKLLH 082010\nCOR MVA\nX", "MVA"),
        (".FRAKLLH 082010\nPDM\nCOR\nDIV\nX", "DIV"),
        ("MVT LH400/08.DABYA.FRA AD1939", "MVT"),
        (".FRAKLLH 082010\nASM\nUTC", ""),
        ("LDM\nLH400/08.DABYA\n\nMVT", ""),
        ("HELLO MVT", ""),
        ('{"type": "MVT"}', ""),
        ("", ""),
    ],
)
def test_the_identifier_of_the_first_telegram(text: str, name: str) -> None:
    assert typeb.identifier(text.encode(), STARTS) == name


ONE = b"QU AMSKLXX\r\n.FRAKLLH 082010\r\nMVT\r\nLH400/08.DABYA.FRA\r\nAD1939"
TWO = b"COR\r\nDIV\r\nLH400/08.DABYA.JFK\r\nEA2210 EWR"


SOH, ETX = b"\x01", b"\r\n\x03"
FILES: dict[str, tuple[bytes, list[bytes]]] = {
    "framed": (SOH + ONE + ETX + SOH + TWO + ETX, [SOH + ONE + ETX, SOH + TWO + ETX]),
    "headed and ended": (
        b"ZCZC A1\r\n" + ONE + b"\r\nNNNN\r\nZCZC A2\r\n" + TWO + b"\r\nNNNN\r\n",
        [b"ZCZC A1\r\n" + ONE + b"\r\nNNNN", b"ZCZC A2\r\n" + TWO + b"\r\nNNNN"],
    ),
    "ended by signs": (ONE + b"=\r\n" + TWO + b"=\r\n", [ONE + b"=", TWO + b"="]),
    "ended by lines": (
        ONE + b"\r\n=\r\n" + TWO + b"\r\n=\r\nNNNN",
        [ONE + b"\r\n=", TWO + b"\r\n="],
    ),
    "blank lines": (ONE + b"\r\n\r\n\r\n" + TWO, [ONE, TWO]),
    "back to back": (ONE + b"\r\n" + TWO + b"\r\n", [ONE, TWO]),
    "envelopes": (ONE + b"\r\n" + ONE + b"\r\n", [ONE, ONE]),
    "identifiers": (
        b"MVT\nA\nMVT\nB\nPDM\nMVT\nC\nCOR MVA\nD",
        [b"MVT\nA", b"MVT\nB", b"PDM\nMVT\nC", b"COR MVA\nD"],
    ),
    "origin": (b"MVT\nA\n.FRAKLLH 082010\nMVT\nB", [b"MVT\nA", b".FRAKLLH 082010\nMVT\nB"]),
    "another kind": (b"MVT\nA\n\nLDM\nB\n\nMVT\nC", [b"MVT\nA", b"LDM\nB", b"MVT\nC"]),
    "begun by a sign": (b"MVT\nA\n\x01LDM\nB", [b"MVT\nA", b"\x01LDM\nB"]),
    "blank line within": (b"MVT\nA\n\nB\nTPE\nC", [b"MVT\nA\n\nB\nTPE\nC"]),
    "byte order mark": (b"\xef\xbb\xbfMVT\nA", [b"\xef\xbb\xbfMVT\nA"]),
    "only framing": (b"\xef\xbb\xbf\r\n \r\n\x03=\r\nNNNN\r\n", []),
    "empty": (b"", []),
}


@pytest.mark.parametrize(("data", "payloads"), FILES.values(), ids=list(FILES))
@pytest.mark.parametrize("size", [1, 2, 3, 17, 65_536])
def test_telegrams_are_told_apart(data: bytes, payloads: list[bytes], size: int) -> None:
    assert [piece.payload for piece in pieces(data, size)] == payloads


def test_a_piece_says_where_it_begins_and_ends() -> None:
    data = b"\r\n" + ONE + b"\r\n\r\n" + TWO + b"\r\n"
    first, second = pieces(data)
    assert (first.place, second.place) == ("line 2", "line 8")
    assert (first.end, second.end) == (data.index(b"COR"), len(data))


def test_what_is_too_long_comes_in_parts_and_the_next_telegram_is_whole() -> None:
    long = b"MVT\nA\n" + b"B" * 200 + b"\n"
    found = pieces(long + b"MVT\nC\n", max_bytes=64)
    assert b"".join(piece.payload for piece in found[:-1]) == long
    assert {piece.fault for piece in found[:-1]} == {"longer than 64 bytes"}
    assert found[-1] == Piece(b"MVT\nC", "line 4", len(long) + 6)


WORDS = (
    *(b"QU AMSKLXX LHRBAXX", b".FRAKLLH 082010", b"MVT", b"COR", b"PDM", b"ASM", b"DIV"),
    *(b"LH400/08.DABYA.FRA", b"AD1939=", b"=", b"NNNN", b"ZCZC A1", b"\x01", b"\x02", b"\x03"),
    *(b"LDM", b"", b" ", b"SI TEXT", b"X" * 90, b"\xff\x00"),
)
DOCUMENTS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([b"\n", b"\r\n", b""]))).map(
    lambda parts: b"".join(word + ending for word, ending in parts)
) | st.binary(max_size=400)


@given(data=DOCUMENTS, sizes=st.lists(st.integers(1, 30)), max_bytes=st.sampled_from([40, 4096]))
def test_any_chunking_gives_the_same_pieces(data: bytes, sizes: list[int], max_bytes: int) -> None:
    cuts, rest = [], data
    for size in sizes:
        cuts.append(rest[:size])
        rest = rest[size:]
    found = list(typeb.split([*cuts, rest], STARTS, max_bytes))
    assert found == list(typeb.split([data], STARTS, max_bytes))


@given(data=DOCUMENTS, max_bytes=st.sampled_from([40, 4096]))
def test_every_byte_is_in_a_piece_or_framing(data: bytes, max_bytes: int) -> None:
    done = 0
    for piece in typeb.split([data], STARTS, max_bytes):
        between, found, after = data[done : piece.end].partition(piece.payload)
        assert found
        assert len(piece.payload) <= max_bytes
        assert not between.strip(b"\x00\x01\x02\x03\x04 \t\r\n\v\f=N")
        assert not after.strip()
        done = piece.end
    assert not data[done:].translate(None, bytes(range(0x21)) + b"\x7f=N\xef\xbb\xbf")


@given(data=DOCUMENTS)
def test_a_piece_is_one_telegram(data: bytes) -> None:
    for piece in typeb.split([data], STARTS):
        assert [again.payload for again in typeb.split([piece.payload], STARTS)] == [piece.payload]


@given(data=DOCUMENTS, received=st.integers(0, 4_102_444_799_999))
def test_any_bytes_can_be_read(data: bytes, received: int) -> None:
    found = typeb.read(data, received)
    assert all(line and line == line.strip() for line in found.lines)
    assert found.sent_at is None or found.sent_at <= received + 2 * 86_400_000
    assert typeb.identifier(data, STARTS) in {"", *STARTS}
