from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import FORMATS, splitting
from filters.normalize.splitting import Piece
from pipeline.ingest import lines, pieces
from pipeline.ingest.lines import Batch, FeedLine, InputChangedError, LongPart, Position
from pipeline.ingest.load import LINE_FORMATS
from tests.unit.ingest.feeds import FEEDS, table


class Rows:
    """A format of table rows that are at most 40 bytes long with their header."""

    def split(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        return splitting.rows(chunks, max_bytes=40)


ROWS = Rows()
DATA = b"head\n" + b"".join(b"row %d\n" % number for number in range(1, 26))
LONG = b"x" * 90


def batches(
    data: bytes, start: Position | None = None, size: int = 10, reads: int = 1 << 20
) -> list[Batch]:
    return list(pieces.split(io.BytesIO(data), ROWS, start, batch_pieces=size, read_bytes=reads))


def payloads(found: Iterable[Batch]) -> list[bytes]:
    return [line.payload for batch in found for line in batch.lines]


def test_pieces_come_in_batches_with_their_place_and_number() -> None:
    found = batches(DATA)
    assert [len(batch.lines) for batch in found] == [10, 10, 5]
    assert found[0].lines[0] == FeedLine(1, b"head\nrow 1", "line 2")
    assert found[2].lines[-1] == FeedLine(25, b"head\nrow 25", "line 26")
    assert [batch.position.line for batch in found if batch.position] == [10, 20, 25]
    assert found[-1].position is not None
    assert found[-1].position.offset == len(DATA)


@pytest.mark.parametrize("reads", [1, 7, 1 << 20])
def test_every_position_is_one_to_go_on_from(reads: int) -> None:
    whole = payloads(batches(DATA, size=3))
    told: list[bytes] = []
    for batch in batches(DATA, size=3, reads=reads):
        told += payloads([batch])
        assert batch.position is not None
        assert told + payloads(batches(DATA, batch.position)) == whole


def test_a_batch_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BATCH_BYTES", 50)
    assert [len(batch.lines) for batch in batches(DATA)][:2] == [5, 5]


def test_what_cannot_travel_comes_in_parts_and_no_position_lies_amid_them() -> None:
    data = DATA + LONG + b"\nrow 26\n" + LONG + b"\n" + LONG
    found = batches(data, size=25)
    parts = [part for batch in found for part in batch.long]
    assert [(part.number, len(part.payload), part.last, part.place) for part in parts] == [
        (26, 40, False, "line 27"),
        (27, 40, False, "line 27"),
        (28, 10, True, "line 27"),
        (30, 40, False, "line 29"),
        (31, 40, False, "line 29"),
        (32, 10, True, "line 29"),
        (33, 40, False, "line 30"),
        (34, 40, False, "line 30"),
        (35, 10, True, "line 30"),
    ]
    assert {part.reason for part in parts} == {"longer than 40 bytes"}
    for size in (1, 2, 3):
        told: list[bytes | LongPart] = []
        for batch in batches(data, size=size, reads=11):
            told += [*batch.lines, *batch.long]  # type: ignore[list-item]  # only counted
            if batch.position is not None:
                rest = batches(data, batch.position)
                assert len(told) + sum(len(b.lines) + len(b.long) for b in rest) == 35


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (DATA.replace(b"row 3\n", b"row X\n"), "a message"),
        (DATA.replace(b"head", b"HEAD"), "the header"),
        (b"head\nrow 0\n" + DATA[5:], "one more before"),
        (DATA[:60], "fewer"),
        (b"", "none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pieces_that_are_not_those_loaded_are_refused(changed: bytes, name: str) -> None:
    del name
    position = batches(DATA)[1].position
    with pytest.raises(InputChangedError, match="the first 20 messages are not those"):
        batches(changed, position)


def test_a_last_message_that_has_grown_is_not_passed_over() -> None:
    cut = DATA.removesuffix(b"5\n")
    position = batches(cut)[-1].position
    assert payloads(batches(cut, position)) == []
    with pytest.raises(InputChangedError):
        batches(DATA, position)


def test_what_is_complete_is_sent_before_a_read_may_wait() -> None:
    waiting: list[list[bytes]] = []
    reads = iter([b"head\nrow 1\nrow 2\nro", b"w 3\n", b"", b""])
    arrived: list[int] = []

    class Slow:
        def read(self, size: int = -1, /) -> bytes:
            del size
            arrived.append(len(waiting))
            return next(reads)

    found = list(
        pieces.split(Slow(), ROWS, waiting=lambda batch: waiting.append(payloads([batch])))
    )
    assert waiting == [[b"head\nrow 1", b"head\nrow 2"], [b"head\nrow 3"]]
    assert arrived == [0, 1, 2]
    assert payloads(found) == []
    assert [batch.position.line for batch in found if batch.position] == [2, 3]


@pytest.mark.parametrize("name", FEEDS)
def test_the_messages_of_a_feed_are_those_of_its_format(name: str) -> None:
    data = FEEDS[name](30)
    known = FORMATS[name.split(maxsplit=1)[0]]
    found = payloads(pieces.split(io.BytesIO(data), known, batch_pieces=7, read_bytes=100))
    assert found == [piece.payload for piece in known.split([data])]
    assert len(found) == 30


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b" ", b"\xef\xbb\xbf", b"x" * 20])))
def test_the_quick_way_of_lines_gives_what_the_format_splits(scraps: list[bytes]) -> None:
    data = b"".join(scraps)
    quick = [line.payload for batch in lines.split(io.BytesIO(data)) for line in batch.lines]
    for name in LINE_FORMATS:
        assert quick == [piece.payload for piece in FORMATS[name].split([data])]


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 300))
def test_any_batches_and_reads_give_the_same_messages(count: int, size: int, reads: int) -> None:
    data = table(count)
    known = FORMATS["flightwire"]
    sent: list[bytes] = []

    def send(batch: Batch) -> None:
        sent.extend(payloads([batch]))

    for batch in pieces.split(
        io.BytesIO(data), known, waiting=send, batch_pieces=size, read_bytes=reads
    ):
        send(batch)
    assert sent == [piece.payload for piece in known.split([data])]


def test_an_empty_stream_gives_nothing() -> None:
    assert batches(b"") == []
    assert batches(b"", Position()) == []
