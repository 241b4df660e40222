"""Two days of 2013 through kills and refusals; `tests.benchmarks.year_2013` does the whole year."""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from array import array
from pathlib import Path

import pytest

from pipeline.kpl import Aggregator, UserRecord
from schemas.codec import encode
from schemas.records import FeedMessage, payload_id
from tests.benchmarks.year_2013 import Comparison, Run, play

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the loader's memory is read from /proc"),
]


def test_two_days_arrive_whole_through_kills_and_refusals(tmp_path: Path) -> None:
    run = Run(first=dt.date(2013, 7, 8), last=dt.date(2013, 7, 9), seed=7)
    report = play(run, tmp_path)
    assert report.messages > 15_000
    assert (report.lost, report.altered, report.strange) == (0, 0, 0)
    assert report.twice_elsewhere == 0
    assert report.out_of_order == 0
    assert report.loader["acknowledged"] == report.messages
    assert report.sound
    # The faults did happen.
    assert len(report.killed_at) == 3
    assert 0.01 < report.refused / report.put < 0.15
    assert report.stored == report.messages + report.twice


FILE = [b"a", b"b", b"c", b"d"]


def message(line: int, payload: bytes) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload),
        format="firehose",
        feed="year",
        received_at=0,
        sequence=line,
        payload=payload,
    )


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ([(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")], {}),
        ([(1, b"a"), (2, b"b"), (3, b"c")], {"lost": 1}),
        ([(1, b"a"), (2, b"x"), (3, b"c"), (4, b"d")], {"altered": 1}),
        ([(1, b"a"), (3, b"c"), (2, b"b"), (4, b"d")], {"out_of_order": 1}),
        ([(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d"), (5, b"e")], {"strange": 1}),
        ([(1, b"a"), (2, b"b"), (3, b"c"), (2, b"b"), (4, b"d")], {"twice": 1}),
        ([(1, b"a"), (1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")], {"twice": 1, "elsewhere": 1}),
    ],
)
def test_the_comparison_finds_what_is_wrong(
    stored: list[tuple[int, bytes]], found: dict[str, int]
) -> None:
    digests = (hashlib.sha256(line).digest()[:8] for line in FILE)
    comparison = Comparison(array("Q", (int.from_bytes(each, "big") for each in digests)), [1])
    together = Aggregator()
    for line, payload in stored[:2]:
        assert together.add(UserRecord("leg", encode(message(line, payload))))
    comparison.add("shard", together.take())
    for line, payload in stored[2:]:
        comparison.add("leg", encode(message(line, payload)))
    wrong = {
        "lost": comparison.seen.count(0),
        "altered": comparison.altered,
        "out_of_order": comparison.out_of_order,
        "strange": comparison.strange,
        "twice": comparison.twice,
        "elsewhere": comparison.twice_elsewhere,
    }
    assert {name: count for name, count in wrong.items() if count} == found
    assert comparison.stored == len(stored)
