from __future__ import annotations

import io
from pathlib import Path

import pytest

from filters.normalize import FORMATS
from filters.normalize.splitting import MAX_PIECE_BYTES
from filters.outcome import Reject
from pipeline.ingest import survey
from pipeline.ingest.messages import FeedSource
from pipeline.ingest.packed import Unpacked
from pipeline.ingest.survey import Bad, Read, Repeats, Survey
from tests.unit.filters.records import SOURCES, at
from tests.unit.ingest.feeds import FEEDS, HEADER, aidx, table

NOW = at("2026-11-20T09:00:00Z")


def read(data: bytes, name: str = "flightwire") -> list[Read]:
    source = FeedSource("live", name, "day")
    stream = Unpacked(io.BytesIO(data))
    return list(survey.read(stream, FORMATS[name], source, SOURCES, NOW))


def surveyed(data: bytes, name: str = "flightwire", most_bad: int | None = None) -> Survey:
    found = Survey(most_bad)
    for each in read(data, name):
        found.add(each)
    return found


@pytest.mark.parametrize("kind", FEEDS)
def test_messages_and_what_they_tell_are_counted(kind: str) -> None:
    found = surveyed(FEEDS[kind](30), kind.split(maxsplit=1)[0])
    assert (found.messages, found.statuses, found.rejected) == (30, 30, 0)
    assert found.carriers == {"BAW": 30}
    assert found.airports == {"LHR": 30, "JFK": 30}
    assert found.cells["out_scheduled"] == 30
    assert found.source_time.first == found.source_time.last == at("2026-11-20T07:40:00Z")
    assert found.departures.first == at("2026-11-20T08:25:00Z")
    assert found.dates == ["2026-11-20", "2026-11-20"]
    assert (found.undated, found.untimed, found.same_bytes.count) == (0, 0, 0)


def test_a_bad_message_is_named_with_its_place_and_reason() -> None:
    found = surveyed(aidx(30, broken=7), "aidx")
    assert (found.messages, found.statuses, found.rejected) == (30, 29, 1)
    (bad,) = found.bad
    assert bad.place.startswith("day FlightLeg 7")
    assert "none" in bad.reason


def test_only_so_many_bad_messages_are_kept() -> None:
    data = (HEADER + "\n" + "nothing,,,,,,\n" * 30).encode()
    found = surveyed(data, most_bad=20)
    assert (found.rejected, len(found.bad)) == (30, 20)
    assert len(surveyed(data).bad) == 30


def test_what_is_too_long_counts_once_whatever_its_parts() -> None:
    data = table(2) + b"x" * (2 * MAX_PIECE_BYTES) + b"\n" + table(3)[len(table(2)) :]
    found = surveyed(data)
    assert (found.messages, found.statuses, found.rejected) == (4, 3, 1)
    assert found.bad == [Bad("day:4", f"longer than {MAX_PIECE_BYTES} bytes")]
    parts = [each for each in read(data) if each.message is None]
    assert [each.last for each in parts] == [False, True]
    assert all(isinstance(each.outcome, Reject) for each in parts)


def test_repetitions_are_counted_by_bytes_and_by_version() -> None:
    rows = table(3).splitlines(keepends=True)
    same_leg = rows[1].replace(b",,", b",2026-11-20T11:00:00Z,")
    found = surveyed(b"".join([*rows, rows[1], same_leg]))
    assert (found.same_bytes.count, found.same_version.count) == (1, 1)


def test_repetitions_are_looked_for_in_bounded_memory() -> None:
    repeats = Repeats(most=2)
    assert [repeats.add(name) for name in (b"a", b"a", b"b", b"c", b"c", b"b")] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert (repeats.count, repeats.full) == (2, True)


def test_codes_that_nobody_knows_and_words_not_read_are_named() -> None:
    data = table(1).replace(b"BA1", b"QQQ1").replace(b"JFK", b"QQX")
    found = surveyed(data)
    assert found.unknown["airline QQQ"] == 1
    assert found.unknown["airport QQX"] == 1


def test_legs_without_a_date_and_messages_without_a_time_are_counted() -> None:
    data = b'{"flight":"BA1","origin":"LHR","id":"x","out_estimated":"2026-11-20T11:00:00Z"}'
    found = surveyed(data)
    assert (found.statuses, found.undated, found.untimed) == (1, 1, 1)
    assert (found.source_time.first, found.dates) == (None, [])


def test_every_genuine_sample_can_be_surveyed(samples: Path) -> None:
    for path in sorted(samples.glob("*/*")):
        with path.open("rb") as raw:
            stream = Unpacked(raw)
            known = survey_format(stream)
            if known is None:
                continue
            source = FeedSource("live", known, path.name)
            found = Survey()
            for each in survey.read(stream, FORMATS[known], source, SOURCES, NOW):
                found.add(each)
        assert found.messages
        assert found.statuses + found.dropped.total() + found.rejected >= found.messages


def survey_format(stream: Unpacked) -> str | None:
    from pipeline.ingest.inputs import format_of

    known = format_of(stream)
    return known.NAME if known else None
