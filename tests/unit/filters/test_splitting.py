from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import markup
from filters.normalize.splitting import MAX_PIECE_BYTES, Piece, elements, lines, rows, values

Split: TypeAlias = Callable[[Iterable[bytes]], Iterator[Piece]]

LEGS = ("FlightLeg",)
GENUINE = ("FlightLeg", "fltdMessage", "message", "NasFlight")
LISTS = ("flights", "departures")

SPLITTERS: dict[str, Split] = {
    "lines": lines,
    "rows": rows,
    "values": values,
    "values with lists": lambda chunks: values(chunks, LISTS),
    "elements": lambda chunks: elements(chunks, LEGS),
}
SMALL: dict[str, Split] = {
    "lines": lambda chunks: lines(chunks, max_bytes=12),
    "rows": lambda chunks: rows(chunks, max_bytes=12),
    "values": lambda chunks: values(chunks, max_bytes=12),
    "values with lists": lambda chunks: values(chunks, LISTS, max_bytes=24, max_document=40),
    "elements": lambda chunks: elements(chunks, LEGS, max_bytes=40),
}


def payloads(pieces: Iterable[Piece]) -> list[bytes]:
    return [piece.payload for piece in pieces]


def cut(data: bytes, *sizes: int) -> Iterator[bytes]:
    """The bytes in chunks of these sizes, again and again."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


# ---- lines

LINES: tuple[tuple[str, bytes, list[bytes]], ...] = (
    ("one", b"a", [b"a"]),
    ("endings of both kinds", b"a\r\nb\nc", [b"a", b"b", b"c"]),
    ("blank lines", b"\n\r\n \t\na\n\n", [b"a"]),
    ("byte order mark", b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
    ("nothing", b"", []),
    ("only a mark", b"\xef\xbb\xbf", []),
    ("a carriage return is no ending", b"a\rb\n", [b"a\rb"]),
)


@pytest.mark.parametrize(("name", "data", "expected"), LINES, ids=[case[0] for case in LINES])
def test_lines(name: str, data: bytes, expected: list[bytes]) -> None:
    del name
    assert payloads(lines([data])) == expected


def test_the_place_of_a_line_counts_blank_ones() -> None:
    assert [piece.place for piece in lines([b"a\n\nb\n"])] == ["line 1", "line 3"]
    assert [piece.end for piece in lines([b"a\r\n\nb\n"])] == [3, 6]


def test_a_line_as_long_as_a_piece_may_be_travels() -> None:
    longest = b"x" * MAX_PIECE_BYTES
    assert list(lines([longest + b"\r\n"])) == [Piece(longest, "line 1", MAX_PIECE_BYTES + 2)]


def test_a_line_too_long_comes_in_parts_and_its_neighbours_travel() -> None:
    pieces = list(lines([b"a\n" + b"x" * 25 + b"\nb\n"], max_bytes=10))
    assert pieces == [
        Piece(b"a", "line 1", 2),
        Piece(b"x" * 10, "line 2", 12, "longer than 10 bytes"),
        Piece(b"x" * 10, "line 2", 22, "longer than 10 bytes"),
        Piece(b"x" * 5, "line 2", 28, "longer than 10 bytes"),
        Piece(b"b", "line 3", 30),
    ]


# ---- rows

ROWS: tuple[tuple[str, bytes, list[bytes]], ...] = (
    ("header repeated", b"A,B\n1,2\r\n3,4", [b"A,B\n1,2", b"A,B\n3,4"]),
    ("blank lines and a mark before it", b"\xef\xbb\xbf\n\r\nA\r\n\n1\n\n", [b"A\n1"]),
    ("only a header", b"A,B\n", []),
    ("a quoted line break", b'A,B\n"x\r\ny",2\n3,4\n', [b'A,B\n"x\r\ny",2', b"A,B\n3,4"]),
    ("a blank line within quotes", b'A\n"x\n\ny"\n', [b'A\n"x\n\ny"']),
    ("doubled quotes", b'A\n"say ""x\ny"""\n', [b'A\n"say ""x\ny"""']),
    ("a quote that opens no field", b'A\n5" pipe\n6\n', [b'A\n5" pipe', b"A\n6"]),
    ("a quote that never closes", b'A\n"x\n1\n2\n', [b'A\n"x', b"A\n1", b"A\n2"]),
    ("a closing quote amid a field", b'A\n"x\ny"z\n1\n', [b'A\n"x', b'A\ny"z', b"A\n1"]),
    ("a quoted header", b'"A\nB",C\n1,2\n', [b'"A\nB",C\n1,2']),
    ("tabs and semicolons", b'A\tB\n1\t"x\ny"\nC;"\n;"\n', [b'A\tB\n1\t"x\ny"', b'A\tB\nC;"\n;"']),
)


@pytest.mark.parametrize(("name", "data", "expected"), ROWS, ids=[case[0] for case in ROWS])
def test_rows(name: str, data: bytes, expected: list[bytes]) -> None:
    del name
    assert payloads(rows([data])) == expected


def test_the_place_of_a_row_is_its_first_line() -> None:
    data = b'A\n1\n"x\ny"\n\n2\n'
    assert [(piece.place, piece.end) for piece in rows([data])] == [
        ("line 2", 4),
        ("line 3", 10),
        ("line 6", 13),
    ]


def test_a_row_with_a_line_break_too_many_falls_apart() -> None:
    data = b'A\n"' + b"x\n" * 63 + b'"\n1\n'
    assert len(list(rows([data]))) == 2
    assert len(list(rows([b'A\n"' + b"x\n" * 64 + b'"\n1\n']))) == 66


def test_a_row_too_long_with_its_header_comes_in_parts() -> None:
    assert list(rows([b"HEAD\n123456\n123\n"], max_bytes=9)) == [
        Piece(b"123456", "line 2", 11, "longer than 9 bytes"),
        Piece(b"HEAD\n123", "line 3", 16),
    ]


def test_no_row_travels_under_a_header_too_long_to_be_repeated() -> None:
    pieces = list(rows([b"HEADERS,MORE\n1\n"], max_bytes=9))
    assert payloads(pieces) == [b"HEADERS,M", b"ORE", b"1"]
    assert [piece.fault for piece in pieces] == [
        "longer than 9 bytes",
        "longer than 9 bytes",
        "the header is longer than 9 bytes",
    ]


# ---- values

VALUES: tuple[tuple[str, bytes, list[bytes]], ...] = (
    ("nothing", b" \r\n\t", []),
    ("one a line", b'{"a":1}\r\n\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    ("one behind the other", b'{"a":1}{"b":2}', [b'{"a":1}', b'{"b":2}']),
    ("separated by commas", b'{"a":1},\n{"b":2},', [b'{"a":1}', b'{"b":2}']),
    ("a text sequence", b'\x1e{"a":1}\n\x1e{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    ("an array", b'[{"a":1},{"b":[2]} ]', [b'{"a":1}', b'{"b":[2]}']),
    ("an empty array", b"[]", []),
    ("arrays", b'[{"a":1}]\n[{"b":2}]', [b'{"a":1}', b'{"b":2}']),
    (
        "an array of all kinds",
        b'[1, "a,]", [2], null,{}]',
        [b"1", b'"a,]"', b"[2]", b"null", b"{}"],
    ),
    ("brackets in strings", b'{"a":"}{[\\"]"}{"b":2}', [b'{"a":"}{[\\"]"}', b'{"b":2}']),
    ("a backslash at the end", b'{"a":"\\\\"}{"b":2}', [b'{"a":"\\\\"}', b'{"b":2}']),
    ("printed over lines", b'{\n "a":\n [\n  {\n  }\n ]\n}\n', [b'{\n "a":\n [\n  {\n  }\n ]\n}']),
    (
        "brackets first on a line",
        b'[\n{"a":\n[\n{\n}\n,\n{}]\n}\n,\n{}\n]',
        [b'{"a":\n[\n{\n}\n,\n{}]\n}', b"{}"],
    ),
    ("byte order mark", b'\xef\xbb\xbf{"a":1}', [b'{"a":1}']),
    ("cut short", b'{"a":1,"b', [b'{"a":1,"b']),
    ("cut short, then a line", b'{"a":{"b":2\n{"c":3}\n', [b'{"a":{"b":2', b'{"c":3}']),
    ("cut short in a string", b'{"a":"x\n{"c":3}\n', [b'{"a":"x', b'{"c":3}']),
    (
        "cut short in an array",
        b'[{"a":1},{"b":\n"x"\n[{"c":3}]',
        [b'{"a":1}', b'{"b":\n"x"', b'{"c":3}'],
    ),
    ("an array that does not end", b'[{"a":1}\n[{"b":2}]', [b'{"a":1}', b'{"b":2}']),
    ("words", b"hello, world\n{}\n", [b"hello, world", b"{}"]),
    ("words within an array", b"[{}, oops } {}]", [b"{}", b"oops }", b"{}"]),
    ("a bracket too many", b'{"a":1}}\n{"b":2}]\n', [b'{"a":1}', b"}", b'{"b":2}', b"]"]),
    ("brackets that do not match", b'{"a":[1}]{"b":2}', [b'{"a":[1}]', b'{"b":2}']),
)


@pytest.mark.parametrize(("name", "data", "expected"), VALUES, ids=[case[0] for case in VALUES])
def test_values(name: str, data: bytes, expected: list[bytes]) -> None:
    del name
    assert payloads(values([data])) == expected
    assert payloads(values(cut(data, 1))) == expected


WRAPPED: tuple[tuple[str, bytes, list[bytes]], ...] = (
    (
        "what is around a list is repeated",
        b'{"request":{"x":1},"flights":[{"a":1}, {"b":2}],"next":"n"}',
        [
            b'{"request":{"x":1},"flights":[{"a":1}],"next":"n"}',
            b'{"request":{"x":1},"flights":[{"b":2}],"next":"n"}',
        ],
    ),
    ("the list alone", b'{"flights" : [{"a":1}]}', [b'{"flights" : [{"a":1}]}']),
    (
        "a list one level down",
        b'{"v":1,"data":{"n":2,"flights":[{"a":1},{"b":2}],"m":3},"w":4}',
        [
            b'{"v":1,"data":{"n":2,"flights":[{"a":1}],"m":3},"w":4}',
            b'{"v":1,"data":{"n":2,"flights":[{"b":2}],"m":3},"w":4}',
        ],
    ),
    (
        "an array of days",
        b'[{"date":"d1","flights":[1,2]},\n{"date":"d2","flights":[]},{"flights":[3]}]',
        [
            b'{"date":"d1","flights":[1]}',
            b'{"date":"d1","flights":[2]}',
            b'{"date":"d2","flights":[]}',
            b'{"flights":[3]}',
        ],
    ),
    (
        "two lists",
        b'{"flights":[{"a":1}],"n":0,"departures":[{"b":2}]}',
        [b'{"flights":[{"a":1}],"n":0}', b'{"n":0,"departures":[{"b":2}]}'],
    ),
    (
        "two lists one level down",
        b'{"in":{"flights":[1]},"out":{"flights":[2]}}',
        [b'{"in":{"flights":[1]}}', b'{"out":{"flights":[2]}}'],
    ),
    (
        "left out",
        b'{"appendix":{"flights":[1]},"flights":[{"a":1}]}',
        [b'{"flights":[{"a":1}]}'],
    ),
    ("no array", b'{"flights":{"a":1}}', [b'{"flights":{"a":1}}']),
    ("too deep", b'{"a":{"b":{"flights":[1]}}}', [b'{"a":{"b":{"flights":[1]}}}']),
    ("no list", b'{"a":1}{"b":2}', [b'{"a":1}', b'{"b":2}']),
    ("malformed", b'{"flights":[1],oops}', [b'{"flights":[1],oops}']),
    (
        "malformed in the list",
        b'{"flights":[{"a":1} oops]}',
        [b'{"flights":[{"a":1}]}', b'{"flights":[oops]}'],
    ),
    (
        "names in strings",
        b'{"x":"\\"flights\\":[1]","flights":[2]}',
        [b'{"x":"\\"flights\\":[1]","flights":[2]}'],
    ),
)


@pytest.mark.parametrize(("name", "data", "expected"), WRAPPED, ids=[case[0] for case in WRAPPED])
def test_values_of_a_list(name: str, data: bytes, expected: list[bytes]) -> None:
    del name
    for chunks in ([data], cut(data, 1)):
        assert payloads(values(chunks, LISTS, leave_out=("appendix",))) == expected


def test_the_place_of_a_value_is_its_number_and_its_end_is_in_the_input() -> None:
    data = b'[{"a":1},\n{"b":2}] {"c":3}'
    assert [(piece.place, piece.end) for piece in values([data])] == [
        ("item 1", 8),
        ("item 2", 17),
        ("item 3", 26),
    ]


def test_a_value_too_long_comes_in_parts() -> None:
    pieces = list(values([b'[{"a":1},{"b":"0123456789"},{"c":3}]'], max_bytes=10))
    assert pieces == [
        Piece(b'{"a":1}', "item 1", 8),
        Piece(b'{"b":"0123', "item 2", 19, "longer than 10 bytes"),
        Piece(b'456789"}', "item 2", 27, "longer than 10 bytes"),
        Piece(b'{"c":3}', "item 3", 35),
    ]


def test_an_element_too_long_with_what_is_around_it_comes_alone() -> None:
    pieces = list(values([b'{"n":12345,"flights":[1,123456]}'], LISTS, max_bytes=25))
    assert pieces == [
        Piece(b'{"n":12345,"flights":[1]}', "item 1", 23),
        Piece(b"123456", "item 2", 30, "longer than 25 bytes"),
    ]


BIG = b'{"n":1,"flights":[{"a":1},{"a":2}],"next":2}'


def test_of_a_big_object_what_stands_before_the_list_is_repeated() -> None:
    pieces = list(values([BIG + b'{"b":3}'], LISTS, max_document=30))
    assert payloads(pieces) == [
        b'{"n":1,"flights":[{"a":1}]}',
        b'{"n":1,"flights":[{"a":2}]}',
        b'{"b":3}',
    ]


def test_a_second_list_in_a_big_object_has_a_fault() -> None:
    data = BIG.replace(b'"next":2', b'"departures":[{"a":3}]')
    *told, last = values([data], LISTS, max_document=30)
    assert len(told) == 2
    assert last.payload == b',"departures":[{"a":3}]}'
    assert last.fault == "stands behind the list of an object longer than 30 bytes"


def test_a_big_object_without_a_list_comes_in_parts() -> None:
    data = b'{"a":"' + b"x" * 100 + b'"}'
    pieces = list(values([data, b"{}"], LISTS, max_bytes=20, max_document=30))
    assert b"".join(payloads(pieces)) == data + b"{}"
    assert {piece.fault for piece in pieces[:-1]} == {"longer than 20 bytes"}
    assert pieces[-1] == Piece(b"{}", "item 2", len(data) + 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
records = st.dictionaries(st.text(max_size=4).filter(lambda name: name not in LISTS), json_values)


@given(st.lists(records), st.sampled_from([None, 1]), st.integers(1, 30))
def test_the_elements_of_any_array_come_out_as_they_went_in(
    told: list[Any], indent: int | None, size: int
) -> None:
    data = json.dumps(told, indent=indent, ensure_ascii=False).encode()
    assert [json.loads(piece.payload) for piece in values(cut(data, size), LISTS)] == told


@given(records, st.lists(json_values, min_size=1), records, st.integers(1, 30))
def test_each_element_of_any_list_comes_out_with_what_is_around_it(
    before: dict[str, Any], told: list[Any], after: dict[str, Any], size: int
) -> None:
    after = {name: value for name, value in after.items() if name not in before}
    data = json.dumps({**before, "flights": told, **after}).encode()
    expected = [{**before, "flights": [each], **after} for each in told]
    assert [json.loads(piece.payload) for piece in values(cut(data, size), LISTS)] == expected


# ---- elements

ELEMENTS: tuple[tuple[str, str, list[str]], ...] = (
    ("nothing", " \n", []),
    ("around an element", '<R v="1"><Leg>1</Leg></R>', ['<R v="1"><Leg>1</Leg></R>']),
    (
        "each in its envelope",
        (
            '<?xml version="1.0"?>\n<s:E xmlns:s="u">\n <s:B a=">"><R xmlns="i">'
            '<Success/><Leg n="1"/> <Leg/></R></s:B></s:E>'
        ),
        [
            f'<?xml version="1.0"?><s:E xmlns:s="u"><s:B a=">"><R xmlns="i">{leg}</R></s:B></s:E>'
            for leg in ('<Leg n="1"/>', "<Leg/>")
        ],
    ),
    (
        "any prefix",
        '<a:R xmlns:a="u"><a:Leg>1</a:Leg ></a:R>',
        ['<a:R xmlns:a="u"><a:Leg>1</a:Leg ></a:R>'],
    ),
    ("one within another", "<R><Leg><Leg>1</Leg></Leg></R>", ["<R><Leg><Leg>1</Leg></Leg></R>"]),
    ("the root", "<Leg>1</Leg><Leg>2</Leg>", ["<Leg>1</Leg>", "<Leg>2</Leg>"]),
    (
        "none",
        '<R>\n<Warning Type="911">later</Warning></R>\n',
        ['<R>\n<Warning Type="911">later</Warning></R>'],
    ),
    (
        "in comments and CDATA",
        "<R><!-- <Leg> --><x><![CDATA[<Leg>]]></x><Leg>1</Leg></R>",
        ["<R><Leg>1</Leg></R>"],
    ),
    (
        "documents one behind the other",
        '<R><Leg>1</Leg></R>\ufeff<?xml version="1.0"?><S/>\n<R><Leg>2</Leg></R><!-- end -->\n',
        ["<R><Leg>1</Leg></R>", '<?xml version="1.0"?><S/>', "<R><Leg>2</Leg></R>"],
    ),
    ("only a comment", "<!-- - nothing --> <?pi x?>", []),
    (
        "malformed",
        "<R><Leg>1</Leg><Leg>&x;</Leg><Leg>3</Leg></R>",
        ["<R><Leg>1</Leg></R>", "<Leg>&x;</Leg><Leg>3</Leg></R>"],
    ),
    (
        "malformed, then another",
        "<R><Leg>1</Leg></Q>\n<R><Leg>2</Leg></R>",
        ["<R><Leg>1</Leg></R>", "</Q>", "<R><Leg>2</Leg></R>"],
    ),
    (
        "cut short, then another",
        "<R><Leg>1</Leg><Leg>2\n<R><Leg>3</Leg></R>",
        ["<R><Leg>1</Leg></R>", "<Leg>2", "<R><Leg>3</Leg></R>"],
    ),
    (
        "cut short, then a declaration",
        '<R><Leg a="1<?xml version="1.0"?><S><Leg/></S>',
        ['<R><Leg a="1', '<?xml version="1.0"?><S><Leg/></S>'],
    ),
    ("cut short at the end", "<R><Leg>1</Leg><Flig", ["<R><Leg>1</Leg></R>", "<Flig"]),
    (
        "words, then a document",
        "HTTP 503\nSorry\n<R><Leg/></R>",
        ["HTTP 503\nSorry", "<R><Leg/></R>"],
    ),
    (
        "a document type",
        '<!DOCTYPE R [<!ENTITY a "b">]>\n<R>&a;<Leg/></R>\n<?xml version="1.0"?><R><Leg/></R>',
        ['<!DOCTYPE R [<!ENTITY a "b">]>\n<R>&a;<Leg/></R>', '<?xml version="1.0"?><R><Leg/></R>'],
    ),
    (
        "an encoding nobody reads",
        '<?xml version="1.0" encoding="cp037"?><R><Leg/></R>',
        ['<?xml version="1.0" encoding="cp037"?><R><Leg/></R>'],
    ),
)


@pytest.mark.parametrize(("name", "text", "expected"), ELEMENTS, ids=[case[0] for case in ELEMENTS])
def test_elements(name: str, text: str, expected: list[str]) -> None:
    del name
    for chunks in ([text.encode()], cut(text.encode(), 1)):
        assert [piece.payload.decode() for piece in elements(chunks, ("Leg",))] == expected


def test_the_place_of_an_element_is_its_name_and_number() -> None:
    data = b"<R><FlightLeg>1</FlightLeg></R>\n<R/>\n<R> <FlightLeg>2</FlightLeg></R>"
    assert [(piece.place, piece.end) for piece in elements([data], LEGS)] == [
        ("FlightLeg 1", 27),
        ("document 2", 36),
        ("FlightLeg 2", 65),
    ]


def test_elements_of_several_names() -> None:
    pieces = elements([b"<R><a/><b/><c/></R>"], ("a", "c"))
    assert [(piece.payload, piece.place) for piece in pieces] == [
        (b"<R><a/></R>", "a 1"),
        (b"<R><c/></R>", "c 2"),
    ]


def test_an_element_keeps_the_encoding_of_its_document() -> None:
    data = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<R><FlightLeg>é</FlightLeg></R>'
    [piece] = elements([data.encode("iso-8859-1")], LEGS)
    assert markup.document(piece.payload)[0].text == "é"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_document_in_utf_16_is_one_piece(encoding: str) -> None:
    data = "<R><FlightLeg>1</FlightLeg></R>\n".encode(encoding)
    assert payloads(elements(cut(data, 1), LEGS)) == [data]


def test_a_document_nested_too_deeply_is_one_piece() -> None:
    data = "".join(f"<a{n}>" for n in range(200)).encode() + b"<FlightLeg/>"
    assert payloads(elements([data], LEGS)) == [data]


def test_an_element_too_long_comes_in_parts_and_its_neighbours_travel() -> None:
    legs = (b"<FlightLeg/>", b"<FlightLeg>" + b"x" * 20 + b"</FlightLeg>", b"<FlightLeg/>")
    pieces = list(elements([b"<R>" + b"".join(legs) + b"</R>"], LEGS, max_bytes=30))
    assert pieces == [
        Piece(b"<R><FlightLeg/></R>", "FlightLeg 1", 15),
        Piece(legs[1][:30], "FlightLeg 2", 45, "longer than 30 bytes"),
        Piece(legs[1][30:], "FlightLeg 2", 58, "longer than 30 bytes"),
        Piece(b"<R><FlightLeg/></R>", "FlightLeg 3", 70),
    ]


def test_what_stands_before_the_first_element_comes_in_parts_when_it_is_too_long() -> None:
    data = b"<R>" + b"x" * 40 + b"<FlightLeg/></R>"
    assert list(elements([data], LEGS, max_bytes=30)) == [
        Piece(data[:30], "document 1", 30, "longer than 30 bytes"),
        Piece(data[30:43], "document 1", 43, "longer than 30 bytes"),
        Piece(b"<R><FlightLeg/></R>", "FlightLeg 1", 55),
    ]


def test_a_name_or_comment_without_end_is_held_in_bounded_memory() -> None:
    endless = itertools.chain([b"<R><!--"], itertools.repeat(b"x" * 65_536, 160))
    pieces = list(elements(endless, LEGS))
    assert len(pieces) == 21
    assert sum(len(piece.payload) for piece in pieces) == 7 + 65_536 * 160


@pytest.mark.parametrize("name", ["aidx", "faa-tfms", "faa-sfdps-fixm"])
def test_every_piece_of_a_genuine_document_can_be_read(name: str, samples: Path) -> None:
    for path in (samples / name).glob("*.xml"):
        data = path.read_bytes()
        pieces = list(elements([data], GENUINE))
        for piece in pieces:
            markup.document(piece.payload)
        assert pieces == list(elements(cut(data, 1000, 1), GENUINE))


# ---- all of them

SCRAPS = (
    b'{"flights":[',
    b'{"a":1}',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b" ",
    b"<R>",
    b"</R>",
    b"<R",
    b"<FlightLeg>",
    b"</FlightLeg>",
    b"<FlightLeg/>",
    b"<FlightLeg",
    b"/>",
    b"<x>",
    b"</x>",
    b'<?xml version="1.0"?>',
    b'<?xml version="1.0" encoding="',
    b"iso-8859-1",
    b"utf-16",
    b'"?>',
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"&amp;",
    b"&x;",
    b"<!DOCTYPE R [",
    b"]>",
    b"<",
    b">",
    b"=",
    b"'",
    b"a",
    b"1",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc3",
    b"\xa9",
    b"\x1e",
    b"a,b",
    b"\xef",
    b"\xbb",
)
garbage = st.lists(st.sampled_from(SCRAPS) | st.binary(max_size=3), max_size=40).map(b"".join)
sizes = st.lists(st.integers(1, 20), min_size=1, max_size=4)


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("table", [SPLITTERS, SMALL], ids=["", "small"])
@given(data=garbage, chunks=sizes)
def test_any_bytes_in_any_chunks_give_the_same_pieces(
    name: str, table: dict[str, Split], data: bytes, chunks: list[int]
) -> None:
    split = table[name]
    pieces = list(split([data]))
    assert pieces == list(split(cut(data, *chunks)))
    ends = [piece.end for piece in pieces]
    assert ends == sorted(set(ends))
    assert not ends or ends[-1] <= len(data)
    assert all(piece.payload and piece.place for piece in pieces)
    assert all(len(piece.payload) <= MAX_PIECE_BYTES for piece in pieces)


@given(data=garbage, limit=st.sampled_from([8, 1000]))
def test_no_byte_of_a_stream_of_values_is_lost(data: bytes, limit: int) -> None:
    framing = b" \t\r\n\x1e,[]"
    kept = b"".join(payloads(values([data], max_bytes=limit))).translate(None, framing)
    assert kept == data.removeprefix(b"\xef\xbb\xbf").translate(None, framing)


@given(data=garbage, limit=st.sampled_from([8, 1000]))
def test_no_byte_of_a_stream_of_lines_is_lost(data: bytes, limit: int) -> None:
    data = b"x\n" + data  # a byte order mark at the very start belongs to no line
    kept = b"".join(payloads(lines([data], limit)))
    assert b"".join(kept.split()) == b"".join(data.split())


@given(data=garbage)
def test_no_byte_of_a_table_is_lost(data: bytes) -> None:
    header = next(lines([data]), None)
    own = [piece.payload for piece in rows([b"h\n" + data])]
    assert all(payload.startswith(b"h\n") for payload in own)
    kept = b"".join(b"".join(payload[2:].split()) for payload in own)
    assert kept == b"".join(data.split())
    assert own or header is None


@given(st.lists(st.tuples(garbage, st.booleans()), max_size=6))
def test_no_element_is_lost_behind_a_malformed_document(parts: list[tuple[bytes, bool]]) -> None:
    data = b""
    for number, (scrap, sound) in enumerate(parts):
        inside = (
            b""
            if sound
            else scrap.replace(b"<!DOCTYPE", b"").replace(b"\xff\xfe", b"").replace(b"\x00", b"")
        )
        data += b'<?xml version="1.0"?><R>' + inside + b"<FlightLeg>#%d</FlightLeg></R>\n" % number
    told = b"".join(payloads(elements([data], LEGS)))
    assert all(b"#%d<" % number in told for number in range(len(parts)))


@pytest.mark.parametrize(
    "encoding",
    ["iso-8859-0", "no-such", "shift_jis", "rot13", "undefined", "idna", "utf-7", "punycode"],
)
def test_an_encoding_that_cannot_be_read_leaves_the_document_whole(encoding: str) -> None:
    data = b'<?xml version="1.0" encoding="%s"?><a><leg>1</leg><leg>2</leg></a>' % encoding.encode()
    for chunked in ([data], cut(data, 1), cut(data, 7)):
        pieces = list(elements(chunked, ("leg",)))
        assert b"".join(piece.payload for piece in pieces).count(b"</leg>") == 2
        assert pieces[-1].end == len(data)
