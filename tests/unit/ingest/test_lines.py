"""Splitting: line endings, blank lines, foreign bytes, lines too long, and resuming."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.lines import (
    MAX_LINE_BYTES,
    Batch,
    FeedLine,
    InputChangedError,
    LongPart,
    Position,
    split,
)


def seen(batches: Iterator[Batch]) -> tuple[list[tuple[int, bytes]], int]:
    """Numbers and bytes of the lines, and how many were blank."""
    lines: list[tuple[int, bytes]] = []
    blank = 0
    for batch in batches:
        lines += [(line.number, line.payload) for line in batch.lines]
        blank += batch.blank
    return lines, blank


@pytest.mark.parametrize(
    ("data", "lines", "blank"),
    [
        pytest.param(b"", [], 0, id="empty file"),
        pytest.param(b"a\nb\n", [(1, b"a"), (2, b"b")], 0, id="LF"),
        pytest.param(b"a\r\nb\r\n", [(1, b"a"), (2, b"b")], 0, id="CRLF"),
        pytest.param(b"a\nb", [(1, b"a"), (2, b"b")], 0, id="no ending at the end"),
        pytest.param(b"a\r\nb\r", [(1, b"a"), (2, b"b")], 0, id="half an ending at the end"),
        pytest.param(b"a\n\n \t\r\n\nb\n", [(1, b"a"), (5, b"b")], 3, id="blank lines"),
        pytest.param(b"\n\n", [], 2, id="nothing but endings"),
        pytest.param(b"a\rb\n", [(1, b"a\rb")], 0, id="CR inside a line"),
        pytest.param(b"a\r\r\n", [(1, b"a\r")], 0, id="only one CR belongs to the ending"),
        pytest.param(b" a \n", [(1, b" a ")], 0, id="white space around is kept"),
        pytest.param(b"\xff\xfe\n\x80", [(1, b"\xff\xfe"), (2, b"\x80")], 0, id="not UTF-8"),
        pytest.param(b"a\x00b\n\x00\n", [(1, b"a\x00b"), (2, b"\x00")], 0, id="NUL"),
        pytest.param(b"a\x0cb\x0b\x1c\n", [(1, b"a\x0cb\x0b\x1c")], 0, id="only LF ends a line"),
        pytest.param(b"\xc2\x85\n", [(1, b"\xc2\x85")], 0, id="NEL is no white space of ours"),
        pytest.param(b"\xef\xbb\xbfa\n", [(1, b"a")], 0, id="byte order mark"),
        pytest.param(b"\xef\xbb\xbf", [], 0, id="byte order mark alone"),
        pytest.param(b"\xef\xbb", [(1, b"\xef\xbb")], 0, id="half a byte order mark"),
        pytest.param(
            b"a\n\xef\xbb\xbfb\n", [(1, b"a"), (2, b"\xef\xbb\xbfb")], 0, id="mark on line 2"
        ),
    ],
)
@pytest.mark.parametrize("read_bytes", [1, 2, 3, 1 << 20])
def test_lines_are_split_alike_however_they_are_read(
    data: bytes, lines: list[tuple[int, bytes]], blank: int, read_bytes: int
) -> None:
    assert seen(split(io.BytesIO(data), read_bytes=read_bytes)) == (lines, blank)


@pytest.mark.parametrize("read_bytes", [1, 7, 10, 11, 12, 1 << 20])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"b"])
def test_a_line_longer_than_the_cap_comes_in_pieces_and_its_neighbours_travel(
    read_bytes: int, ending: bytes, after: bytes
) -> None:
    long = bytes(range(65, 65 + 26)) + b"\r!"
    data = b"a" * 10 + ending + long + (ending + after * 10 + ending if after else b"")
    batches = list(split(io.BytesIO(data), max_line_bytes=10, read_bytes=read_bytes))
    lines = [line for batch in batches for line in batch.lines]
    parts = [part for batch in batches for part in batch.long]
    assert lines == [FeedLine(1, b"a" * 10), *([FeedLine(3, after * 10)] if after else [])]
    assert b"".join(part.payload for part in parts) == long
    assert {part.number for part in parts} == {2}
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(
        batch.position is None for batch in batches if batch.long and not batch.long[-1].last
    )
    assert batches[-1].position == Position(
        len(data), 3 if after else 2, hashlib.sha256(data).hexdigest()
    )


@pytest.mark.parametrize("read_bytes", [1, 5, 20, 21, 22, 23, 1 << 20])
def test_only_one_cr_belongs_to_the_ending_of_a_long_line(read_bytes: int) -> None:
    batches = split(io.BytesIO(b"x" * 20 + b"\r\r\n"), max_line_bytes=10, read_bytes=read_bytes)
    parts = [part.payload for batch in batches for part in batch.long]
    assert b"".join(parts) == b"x" * 20 + b"\r"


def test_a_line_at_the_cap_travels_and_one_byte_more_does_not() -> None:
    data = b"x" * MAX_LINE_BYTES + b"\r\n" + b"y" * (MAX_LINE_BYTES + 1) + b"\n"
    batches = list(split(io.BytesIO(data)))
    assert [line.number for batch in batches for line in batch.lines] == [1]
    assert [part.number for batch in batches for part in batch.long] == [2]


def test_memory_does_not_grow_with_a_line_or_a_file() -> None:
    class Endless(io.RawIOBase):
        """64 MiB of one line, then 64 MiB of short ones; nothing is kept in memory."""

        def __init__(self) -> None:
            self.left = 128

        def read1(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                return b""
            return b"x" * size if self.left >= 64 else b"y" * 63 + b"\n" + b"z" * (size - 64)

    tracemalloc.start()
    try:
        count = 0
        for batch in split(Endless(), read_bytes=1 << 20):
            count += sum(len(part.payload) for part in batch.long)
            count += sum(len(line.payload) for line in batch.lines)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == (128 << 20) - 64
    assert peak < 8 << 20


def test_a_slow_pipe_is_not_held_back() -> None:
    arrivals = iter([b"a\nb\nc", b"\nd\n"])

    class Pipe(io.RawIOBase):
        def read1(self, _size: int) -> bytes:
            return next(arrivals, b"")

    batches = split(Pipe())
    assert [line.payload for line in next(batches).lines] == [b"a", b"b"]
    assert [line.payload for line in next(batches).lines] == [b"c", b"d"]
    assert list(batches) == []


contents = st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b" ", b"bc", b"\xff", b"x" * 9]))


@given(contents.map(b"".join), st.integers(1, 30), st.integers(1, 4))
def test_no_byte_is_lost_and_any_batch_is_a_place_to_resume(
    data: bytes, read_bytes: int, batch_lines: int
) -> None:
    def batches_from(start: Position | None) -> list[Batch]:
        return list(
            split(
                io.BytesIO(data),
                start,
                read_bytes=read_bytes,
                batch_lines=batch_lines,
                max_line_bytes=8,
            )
        )

    batches = batches_from(None)
    expected = data.split(b"\n")
    whole = {number: line.removesuffix(b"\r") for number, line in enumerate(expected, 1)}
    found: dict[int, bytes] = {}
    for batch in batches:
        assert len(batch.lines) + len(batch.long) + batch.blank <= batch_lines
        found |= {line.number: line.payload for line in batch.lines}
        for part in batch.long:
            found[part.number] = found.get(part.number, b"") + part.payload
    assert found == {n: line for n, line in whole.items() if line.strip()} | {
        n: whole[n] for n in found if not whole[n].strip()
    }
    for number, batch in enumerate(batches):
        if batch.position is None:
            continue
        done = data[: batch.position.offset]
        assert batch.position.sha256 == hashlib.sha256(done).hexdigest()
        assert batch.position.line == done.count(b"\n") + (not done.endswith(b"\n"))
        rest = [line for later in batches[number + 1 :] for line in later.lines]
        again = batches_from(batch.position)
        assert [line for later in again for line in later.lines] == rest


@pytest.mark.parametrize(
    ("now", "offset"),
    [
        pytest.param(b"a\nX\nc\n", 4, id="other bytes"),
        pytest.param(b"a\nb", 4, id="shorter"),
        pytest.param(b"", 4, id="empty now"),
        pytest.param(b"a\nb\nc1", 5, id="the unended last line has grown"),
    ],
)
def test_a_changed_input_is_not_resumed(now: bytes, offset: int) -> None:
    before = b"a\nb\nc"
    start = Position(offset, 2, hashlib.sha256(before[:offset]).hexdigest())
    with pytest.raises(InputChangedError):
        list(split(io.BytesIO(now), start))


def test_lines_appended_later_are_read_from_there() -> None:
    *_, last = split(io.BytesIO(b"a\nb\n"))
    assert seen(split(io.BytesIO(b"a\nb\nc\n"), last.position)) == ([(3, b"c")], 0)


def test_a_long_part_names_its_line() -> None:
    (batch,) = split(io.BytesIO(b"abc\nd\n"), max_line_bytes=2)
    assert batch.long == (LongPart(1, b"abc", last=True),)
