"""A load of any format that is stopped anywhere goes on, repeats only its tail, loses nothing."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from filters.normalize import FORMATS
from filters.normalize.splitting import MAX_PIECE_BYTES
from pipeline.ingest.checkpoint import CheckpointFile, LoadKey
from pipeline.ingest.lines import InputChangedError
from pipeline.ingest.load import LoadReport, Pace, load_again
from pipeline.ingest.loader import LoadCounts, Loader
from pipeline.ingest.messages import FeedSource
from pipeline.ingest.packed import Unpacked
from pipeline.ingest.producer import Backoff, Producer
from schemas.records import payload_id
from tests.unit.ingest.feeds import FEEDS, HEADER, aidx, table
from tests.unit.ingest.streams import SeededStream
from tests.unit.ingest.test_load import Killed, MortalStream

BATCH = 10
LONG = b"x" * (MAX_PIECE_BYTES + 1)


def run(path: Path, stream: SeededStream, name: str, *, restart: bool = False) -> LoadReport:
    key = LoadKey(str(path), "arn:feed", 5, "live", name)
    producer = Producer(stream, backoff=Backoff(attempts=9), sleep=lambda _s: None)
    with path.open("rb") as raw:
        return load_again(
            Unpacked(raw),
            Loader(producer),
            CheckpointFile(path.parent / "state", key),
            source=FeedSource("live", name, path.name),
            restart=restart,
            pace=Pace(2 * BATCH, clock=lambda: 0.0, sleep=lambda _s: None),
        )


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("kind", FEEDS)
@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_killed_at_any_put_and_run_again_everything_arrives_and_only_the_tail_twice(
    tmp_path: Path, kind: str, moment: str, packed: bool
) -> None:
    name = kind.split(maxsplit=1)[0]
    data = FEEDS[kind](45)
    path = tmp_path / "day"
    path.write_bytes(gzip.compress(data) if packed else data)
    expected = [piece.payload for piece in FORMATS[name].split([data])]
    whole = SeededStream()
    run(path, whole, name)
    assert [
        m.payload for _, _, m in sorted(whole.messages(), key=lambda at: at[2].sequence)
    ] == expected
    for dies_at in range(1, whole.calls + 1):
        for file in (tmp_path / "state").iterdir():
            file.unlink()
        stream = MortalStream(dies_at, moment)
        with pytest.raises(Killed):
            run(path, stream, name)
        report = run(path, stream, name)
        found = Counter(message.payload for _, _, message in stream.messages())
        assert set(found) == set(expected)
        assert sum(times > 1 for times in found.values()) <= BATCH
        assert max(found.values()) <= 2
        assert report.counts.acknowledged == report.counts.messages == len(expected)
        assert run(path, stream, name).status == "already loaded"


def test_messages_say_where_they_stood_and_have_the_id_of_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "day.xml"
    path.write_bytes(aidx(3))
    stream = SeededStream()
    report = run(path, stream, "aidx")
    messages = sorted((m for _, _, m in stream.messages()), key=lambda message: message.sequence)
    assert [m.place for m in messages] == [f"day.xml FlightLeg {n}" for n in (1, 2, 3)]
    assert [m.sequence for m in messages] == [1, 2, 3]
    assert all(m.id == payload_id(m.payload) and m.format == "aidx" for m in messages)
    assert report == LoadReport("day.xml", "loaded", report.counts, None, "aidx")
    assert report.counts.unkeyed == 0


def test_the_line_of_a_row_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(table(2))
    stream = SeededStream()
    run(path, stream, "flightwire")
    assert {m.place for _, _, m in stream.messages()} == {"day.csv:2", "day.csv:3"}


def test_what_cannot_travel_is_kept_whole_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "day.xml"
    legs = aidx(30).split(b"</FlightLeg>")
    legs[15] += b"<Remark>" + LONG + b"</Remark>"
    data = b"</FlightLeg>".join(legs)
    path.write_bytes(data)
    stream = MortalStream(2, "before")
    with pytest.raises(Killed):
        run(path, stream, "aidx")
    report = run(path, stream, "aidx")
    assert (report.counts.messages, report.counts.rejected) == (29, 1)
    assert report.rejects is not None
    (line,) = Path(report.rejects).read_text().splitlines()
    reject = json.loads(line)
    start = data.index(b"<FlightLeg>", data.index(legs[14]) + len(legs[14]))
    kept = base64.b64decode(reject.pop("bytes_base64"), validate=True)
    assert kept == data[start : data.index(b"</FlightLeg>", start) + len(b"</FlightLeg>")]
    assert reject == {
        "file": "day.xml",
        "place": "FlightLeg 16",
        "reason": f"longer than {MAX_PIECE_BYTES} bytes",
    }


def test_a_table_that_has_grown_is_loaded_from_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(table(20))
    stream = SeededStream()
    run(path, stream, "flightwire")
    path.write_bytes(table(25))
    report = run(path, stream, "flightwire")
    assert (report.status, report.counts.messages) == ("resumed", 25)
    assert Counter(m.payload for _, _, m in stream.messages()).most_common(1)[0][1] == 1


def test_another_table_under_the_same_name_is_refused_until_restarted(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(table(20))
    stream = SeededStream()
    run(path, stream, "flightwire")
    stored = len(stream.landed)
    path.write_bytes(HEADER.encode() + b"\n" + table(20).split(b"\n", 3)[3])
    with pytest.raises(InputChangedError):
        run(path, stream, "flightwire")
    assert len(stream.landed) == stored
    assert run(path, stream, "flightwire", restart=True).counts.messages == 18


def test_a_document_without_messages_is_loaded_at_once(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_bytes(b"[]")
    report = run(path, SeededStream(), "flightwire")
    assert (report.status, report.counts) == ("loaded", LoadCounts())
    assert run(path, SeededStream(), "flightwire").status == "already loaded"
