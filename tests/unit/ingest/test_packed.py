from __future__ import annotations

import gzip
import io
import random
import struct

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.packed import FREE_BYTES, Unpacked, UnpackError

TEXT = b"".join(b'{"leg":%d}\n' % number for number in range(20_000))
ZSTD = zstandard.ZstdCompressor().compress
SKIPPED = b"\x53\x2a\x4d\x18" + struct.pack("<I", 3) + b"abc"

PACKED = {
    "gzip": gzip.compress(TEXT),
    "gzip members": gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:]),
    "gzip padded": gzip.compress(TEXT) + bytes(1000),
    "zstd": ZSTD(TEXT),
    "zstd frames": ZSTD(TEXT[:100]) + ZSTD(TEXT[100:]),
    "zstd skippable": SKIPPED + ZSTD(TEXT),
}


class Dribble(io.RawIOBase):
    """A pipe that gives what has arrived: a few bytes at a time."""

    def __init__(self, data: bytes, seed: int = 0) -> None:
        self._data = io.BytesIO(data)
        self._chance = random.Random(seed)

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(self._chance.randrange(1, 4000), size if size > 0 else 4000))


def everything(stream: Unpacked, size: int = 10_000) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("pipe", [io.BytesIO, Dribble])
def test_packed_bytes_are_unpacked(kind: str, pipe: type[io.BytesIO | Dribble]) -> None:
    stream = Unpacked(pipe(PACKED[kind]))
    assert everything(stream) == TEXT
    assert stream.packed == kind.split(maxsplit=1)[0]
    assert stream.consumed == stream.done(0) == len(PACKED[kind])


@pytest.mark.parametrize("data", [b"", b"{", b"\x1f", b"plain text\n", b"\x28\xb5\x2f", TEXT])
def test_other_bytes_are_left_as_they_are(data: bytes) -> None:
    for pipe in (io.BytesIO, Dribble):
        stream = Unpacked(pipe(data))
        assert everything(stream) == data
        assert stream.packed == ""
        assert stream.done(7) == 7


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_what_was_looked_at_is_read_again(data: bytes, sizes: list[int]) -> None:
    for packed in (data, gzip.compress(data), ZSTD(data)):
        if packed is data and data[:2] == b"\x1f\x8b":
            continue
        stream = Unpacked(io.BytesIO(packed))
        assert stream.head(sizes[0]) == data[: sizes[0]]
        read = b"".join(stream.read(size) for size in sizes)
        assert data.startswith(read)
        assert read + everything(stream) == data


def test_a_look_ahead_waits_for_no_more_than_is_enough() -> None:
    stream = Unpacked(Dribble(TEXT))
    seen: list[bytes] = []

    def enough(head: bytes) -> bool:
        seen.append(head)
        return len(head) > 100

    head = stream.head(65_536, enough)
    assert head == seen[-1]
    assert 100 < len(head) < 5000
    assert everything(stream) == TEXT


@pytest.mark.parametrize("kind", ["gzip", "gzip members", "zstd", "zstd frames"])
@pytest.mark.parametrize("cut", [5, 20, -1])
def test_what_is_cut_short_is_an_error_with_its_place(kind: str, cut: int) -> None:
    data = PACKED[kind][:cut]
    stream = Unpacked(io.BytesIO(data))
    with pytest.raises(
        UnpackError, match=rf"{kind.split(maxsplit=1)[0]} data, at byte {len(data)}: cut"
    ):
        everything(stream)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_what_is_broken_is_an_error(kind: str) -> None:
    data = bytearray(PACKED[kind])
    data[len(data) // 2 :] = bytes(reversed(data[len(data) // 2 :]))
    with pytest.raises(UnpackError, match=f"{kind} data"):
        everything(Unpacked(io.BytesIO(bytes(data))))


@pytest.mark.parametrize("behind", [b"garbage", b"\x1f\x8b garbage"])
def test_what_stands_behind_a_member_must_be_one(behind: bytes) -> None:
    with pytest.raises(UnpackError, match="gzip data"):
        everything(Unpacked(io.BytesIO(gzip.compress(TEXT) + behind)))


def test_a_bomb_is_refused_when_little_of_it_is_unpacked() -> None:
    for bomb in (gzip.compress(bytes(40 << 20)), ZSTD(bytes(40 << 20))):
        stream = Unpacked(io.BytesIO(bomb), free_bytes=1 << 20)
        given_, refused = 0, ""
        try:
            while data := stream.read(1 << 20):
                given_ += len(data)
        except UnpackError as error:
            refused = str(error)
        assert "unpacks to more than 250 times its size" in refused
        assert given_ <= max(1 << 20, 250 * len(bomb))


def test_a_little_may_unpack_to_much_of_the_same() -> None:
    assert len(everything(Unpacked(io.BytesIO(gzip.compress(bytes(FREE_BYTES // 8)))))) == 1 << 23
