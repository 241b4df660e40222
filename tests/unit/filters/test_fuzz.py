"""Mutated and random bytes, for every format: an outcome for each piece, in bounded resources.

`seeds/` holds a small file of our own for each format. `--fuzz N` sets how many inputs each format
gets (10,000; `make fuzz` gives a million); `--seed` repeats or varies them.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from types import FrameType

import pytest

from filters.normalize import FORMATS, normalize
from filters.normalize.shape import FeedFormat
from filters.outcome import Drop, Forward, Outcome, Reject
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, payload_id
from tests.unit.filters.bombs import BOMBS
from tests.unit.filters.records import SOURCES, at

SEEDS = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "seeds").iterdir()}
RECEIVED = at("2025-05-25T12:00:00Z")
LONGEST_S = 1.0
# Beside the input itself: parsed trees and the pieces of a document take a multiple of its bytes.
MEMORY_BYTES, MEMORY_TIMES = 48 * 1024 * 1024, 40
TOKENS = [
    *(b"<", b">", b"</", b"/>", b"<!--", b"]]>", b"<![CDATA[", b"&", b"&#0;", b"&lt;", b'"', b"'"),
    *(b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-1", b"1e999", b"NaN", b"\\u0000"),
    *(b"\\ud800", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n\n", b"\x01", b"\x03", b"="),
    *(b"//", b"/", b".", b"2400", b"0000", b"9999", b"99999999999999999999", b"2025-02-30"),
    *(b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"31DEC99", b"00XXX00", b"NA", b"AA"),
    *(
        b"MVT\n",
        b"COR\n",
        b"DIV\n",
        b"ASM\n",
        b"SSM\n",
        b"SI ",
        b"QU ",
        b"NNNN\n",
        b"PDM ",
        b"\xe9",
    ),
]


class TooLongError(Exception):
    """One input took longer than a second of processor time."""


@pytest.fixture
def limited() -> Iterator[None]:
    """Ends an input that hangs; counted in processor time, so that a busy machine fails nothing."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGVTALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def mutated(seed: bytes, random: Random, others: list[bytes]) -> bytes:
    """The seed with some bytes changed, moved, doubled, cut or taken from elsewhere."""
    data = bytearray(seed)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        place = random.randrange(len(data) + 1)
        end = min(len(data), place + random.choice((1, 2, 4, 16, 64, 512)))
        match random.randrange(9):
            case 0:
                data[place:end] = random.randbytes(random.randrange(8))
            case 1:
                data[place:place] = random.choice(TOKENS)
            case 2:
                data[place:end] = random.choice(TOKENS)
            case 3:
                del data[place:end]
            case 4:
                data[place:place] = data[place:end] * random.choice((1, 2, 30))
            case 5:
                data = data[:place]
            case 6:
                other = random.choice(others)
                start = random.randrange(len(other))
                data[place:end] = other[start : start + end - place]
            case 7 if data:
                data[place % len(data)] = random.randrange(256)
            case _:
                renumber = bytes.maketrans(b"0123456789", random.randbytes(10).hex()[:10].encode())
                data[place:end] = data[place:end].translate(renumber)
    return bytes(data)


def chunked(data: bytes, random: Random) -> Iterator[bytes]:
    """The bytes as a connection might deliver them: a file at once, a short one also in crumbs."""
    size = random.choice((len(data) or 1, 1, 7, 100)) if len(data) < 20_000 else 65_536
    return (data[at : at + size] for at in range(0, len(data), size))


def examine(module: FeedFormat, data: bytes, random: Random) -> list[Outcome]:
    """All outcomes of a file; every piece has one, with a place and a reason if it was refused."""
    module.detect(data)
    outcomes: list[Outcome] = []
    end = 0
    for piece in module.split(chunked(data, random)):
        assert end <= piece.end <= len(data)
        end = piece.end
        assert piece.place
        if piece.fault:
            continue
        module.leg_key(piece.payload)
        message = FeedMessage(
            id=payload_id(piece.payload),
            format=module.NAME,
            feed="fuzz",
            received_at=RECEIVED,
            place=piece.place,
            payload=piece.payload,
        )
        [outcome] = normalize([message], sources=SOURCES)
        assert isinstance(outcome, Forward | Drop | Reject)
        if isinstance(outcome, Reject):
            assert outcome.place
            assert 0 < len(outcome.reason) < 600
            outcome.reason.encode()
        if isinstance(outcome, Forward):
            assert decode_pack(encode_pack(outcome.outputs)) == list(outcome.outputs)
        outcomes.append(outcome)
    return outcomes


def inputs(name: str, count: int, random: Random) -> Iterator[bytes]:
    """Mutations of the format's seed, and now and then bytes without any sense."""
    others = list(SEEDS.values())
    for number in range(count):
        if number % 20 == 0:
            yield random.randbytes(random.randrange(400))
        else:
            yield mutated(SEEDS[name], random, others)


def test_every_format_has_a_seed_that_is_read_and_recognised() -> None:
    assert set(SEEDS) == set(FORMATS)
    for name, seed in SEEDS.items():
        assert [known for known, module in FORMATS.items() if module.detect(seed)] == [name]
        outcomes = examine(FORMATS[name], seed, Random(1))
        assert outcomes
        assert all(isinstance(outcome, Forward) for outcome in outcomes), name


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_any_input_has_its_outcomes(
    name: str, seed: int, limited: None, pytestconfig: pytest.Config
) -> None:
    del limited
    random = Random(f"{seed} {name}")
    refused = 0
    for number, data in enumerate(inputs(name, pytestconfig.getoption("--fuzz"), random)):
        signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
        try:
            outcomes = examine(FORMATS[name], data, random)
        except Exception as error:
            error.add_note(f"input {number} of --seed {seed}: {data!r}")
            raise
        refused += any(isinstance(outcome, Reject) for outcome in outcomes)
    assert refused  # otherwise the inputs are too tame


@pytest.mark.parametrize("bomb", sorted(BOMBS))
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_bomb_does_no_harm(name: str, bomb: str, seed: int, limited: None) -> None:
    del limited
    data = BOMBS[bomb]
    before = getrusage(RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
    examine(FORMATS[name], data, Random(seed))
    grown = (getrusage(RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MEMORY_BYTES + MEMORY_TIMES * len(data)


def test_there_are_thirty_bombs() -> None:
    assert len(BOMBS) >= 30
