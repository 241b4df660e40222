"""A load that is stopped anywhere goes on, repeats only its tail, and loses nothing."""

from __future__ import annotations

import base64
import io
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.ingest.checkpoint import Checkpoint, CheckpointError, CheckpointFile, LoadKey
from pipeline.ingest.lines import MAX_LINE_BYTES, InputChangedError
from pipeline.ingest.load import Discard, LoadReport, Pace, load_file, load_once
from pipeline.ingest.loader import LoadCounts, Loader
from pipeline.ingest.messages import FeedSource
from pipeline.ingest.producer import Backoff, Entry, NotAcknowledgedError, Producer, PutResult
from pipeline.ingest.rejects import RejectsFileError
from tests.unit.ingest.streams import SeededStream

SOURCE = FeedSource("live", file="day.jsonl")
BATCH = 10
LONG = b'{"id":"UAL1","fill":"' + b"x" * MAX_LINE_BYTES + b'"}'


class Killed(BaseException):
    """The end of the process: nothing catches it."""


class MortalStream(SeededStream):
    """A stream whose caller dies at a request: before, amid or after it is stored."""

    def __init__(self, dies_at: int, moment: str) -> None:
        super().__init__()
        self.dies_at = dies_at
        self.moment = moment

    def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
        if self.calls + 1 == self.dies_at:
            kept = {"before": 0, "amid": len(entries) // 2, "after": len(entries)}[self.moment]
            if kept:
                super().put(entries[:kept])
            else:
                self.calls += 1
            raise Killed
        return super().put(entries)


def pace() -> Pace:
    """Batches of ten lines, and no waiting."""
    return Pace(2 * BATCH, clock=lambda: 0.0, sleep=lambda _s: None)


def write_day(path: Path, lines: int = 95, long_after: Sequence[int] = ()) -> dict[int, bytes]:
    """A file of messages, blank lines and lines too long; what must arrive, by line number."""
    chance = random.Random(7)
    expected: dict[int, bytes] = {}
    with path.open("wb") as file:
        number = 0
        for n in range(lines):
            payload = b'{"id":"UAL%d","n":"%d"}' % (chance.randrange(9), n)
            number += 1
            expected[number] = payload
            file.write(payload + chance.choice([b"\n", b"\r\n"]))
            if n % 7 == 0:
                number += 1
                file.write(b"\n")
            if n in long_after:
                number += 1
                file.write(LONG + b"\n")
    return expected


def checkpoints(folder: Path, path: Path, **options: Path) -> CheckpointFile:
    key = LoadKey(
        path=str(path), stream="arn:feed", stream_created_at=5, feed="live", format="firehose"
    )
    return CheckpointFile(folder / "loads", key, **options)


def run(path: Path, stream: SeededStream, *, restart: bool = False, **options: Path) -> LoadReport:
    producer = Producer(stream, backoff=Backoff(attempts=9), sleep=lambda _s: None)
    files = checkpoints(path.parent / "state", path, **options)
    return load_file(path, Loader(producer), files, source=SOURCE, restart=restart, pace=pace())


def saved(path: Path) -> Checkpoint:
    return checkpoints(path.parent / "state", path).begin()


def rejected_lines(report: LoadReport) -> list[int]:
    assert report.rejects is not None
    lines = Path(report.rejects).read_text().splitlines()
    return [json.loads(line)["line"] for line in lines]


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return tmp_path / "day.jsonl"


def test_a_load_counts_every_line_once(day: Path) -> None:
    expected = write_day(day, long_after=(20, 94))
    stream = SeededStream()
    report = run(day, stream)
    found = {message.sequence: message.payload for _, _, message in stream.messages()}
    assert found == expected
    counts = report.counts
    assert (counts.messages, counts.acknowledged, counts.rejected) == (95, 95, 2)
    assert counts.messages + counts.rejected + counts.blank == day.read_bytes().count(b"\n")
    assert (counts.kinesis_records, counts.requests) == (len(stream.landed), stream.calls)
    assert (report.status, report.file) == ("loaded", "day.jsonl")


def test_a_line_too_long_is_kept_whole_with_its_place_and_reason(day: Path) -> None:
    write_day(day, long_after=(20,))
    report = run(day, SeededStream())
    assert report.rejects is not None
    (line,) = Path(report.rejects).read_text().splitlines()
    reject = json.loads(line)
    assert base64.b64decode(reject.pop("bytes_base64"), validate=True) == LONG
    assert reject == {
        "file": "day.jsonl",
        "line": 25,
        "reason": f"longer than {MAX_LINE_BYTES} bytes",
    }
    assert Path(report.rejects).name.startswith("day.jsonl.")
    assert Path(report.rejects).parent == day.parent / "state" / "loads"


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_killed_at_any_put_and_run_again_everything_arrives_and_only_the_tail_twice(
    day: Path, tmp_path: Path, moment: str
) -> None:
    expected = write_day(day, lines=45, long_after=(20,))
    whole = SeededStream()
    run(day, whole)
    assert whole.calls > 5
    for dies_at in range(1, whole.calls + 1):
        state = tmp_path / "state"
        for file in (state / "loads").iterdir():
            file.unlink()
        stream = MortalStream(dies_at, moment)
        with pytest.raises(Killed):
            run(day, stream)
        at = saved(day).position
        report = run(day, stream)
        found = Counter(message.sequence for _, _, message in stream.messages())
        assert set(found) == set(expected)
        twice = [number for number, times in found.items() if times > 1]
        assert all(at.line < number for number in twice)
        assert len(twice) <= BATCH
        assert max(found.values()) <= 2
        assert report.counts.acknowledged == report.counts.messages == len(expected)
        assert rejected_lines(report) == [25]
        assert report.status == ("resumed" if at.offset else "loaded")
        assert run(day, stream).status == "already loaded"


def test_killed_again_and_again_it_still_gets_there(day: Path) -> None:
    expected = write_day(day)
    stream = MortalStream(0, "amid")
    for _ in range(60):
        stream.dies_at = stream.calls + 3
        try:
            report = run(day, stream)
        except Killed:
            continue
        break
    assert report.counts.acknowledged == len(expected)
    found = Counter(message.sequence for _, _, message in stream.messages())
    assert set(found) == set(expected)


def test_an_exhausted_load_keeps_its_checkpoint_and_goes_on_later(day: Path) -> None:
    expected = write_day(day)

    class Closing(SeededStream):
        def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
            self._refuse = 1.0 if 4 < self.calls < 14 else 0.0
            return super().put(entries)

    stream = Closing()
    with pytest.raises(NotAcknowledgedError):
        run(day, stream)
    assert saved(day).position.line > 0
    assert not saved(day).finished
    assert run(day, stream).counts.acknowledged == len(expected)
    assert {m.sequence for _, _, m in stream.messages()} == set(expected)


def test_a_finished_load_is_not_loaded_again_unless_asked(day: Path) -> None:
    expected = write_day(day)
    stream = SeededStream()
    first = run(day, stream)
    stored = len(stream.landed)
    again = run(day, stream)
    assert (again.status, again.counts, len(stream.landed)) == (
        ("already loaded", first.counts, stored)
    )
    assert run(day, stream, restart=True).status == "loaded"
    assert Counter(m.sequence for _, _, m in stream.messages()) == dict.fromkeys(expected, 2)


def test_a_file_that_has_grown_is_loaded_from_where_it_ended(day: Path) -> None:
    expected = write_day(day, long_after=(3,))
    stream = SeededStream()
    run(day, stream)
    with day.open("ab") as file:
        file.write(LONG + b"\n" + b'{"id":"NEW"}\n')
    report = run(day, stream)
    assert report.status == "resumed"
    assert (report.counts.acknowledged, report.counts.rejected) == (len(expected) + 1, 2)
    found = Counter(message.sequence for _, _, message in stream.messages())
    assert set(found.values()) == {1}
    last = day.read_bytes().count(b"\n")
    assert max(found) == last
    assert rejected_lines(report) == [6, last - 1]


def test_another_file_under_the_same_name_is_refused_until_restarted(day: Path) -> None:
    write_day(day)
    stream = SeededStream()
    run(day, stream)
    stored = len(stream.landed)
    day.write_bytes(b'{"id":"NEW"}\n' + day.read_bytes())
    with pytest.raises(InputChangedError):
        run(day, stream)
    assert len(stream.landed) == stored
    assert run(day, stream, restart=True).counts.acknowledged == 96


def test_another_stream_feed_or_format_is_another_load() -> None:
    key = LoadKey("/a", "arn:1", 5, "live", "firehose")
    others = [
        LoadKey("/b", "arn:1", 5, "live", "firehose"),
        LoadKey("/a", "arn:2", 5, "live", "firehose"),
        LoadKey("/a", "arn:1", 6, "live", "firehose"),
        LoadKey("/a", "arn:1", 5, "test", "firehose"),
        LoadKey("/a", "arn:1", 5, "live", "aidx"),
    ]
    assert len({key.digest, *(other.digest for other in others)}) == 6


def test_what_a_crash_left_behind_is_no_obstacle(day: Path) -> None:
    expected = write_day(day, long_after=(2, 60))
    stream = MortalStream(5, "before")
    with pytest.raises(Killed):
        run(day, stream)
    state = saved(day)
    assert 5 < state.position.line < 72
    rejects = Path(state.rejects)
    with rejects.open("ab") as file:
        file.write(b'{"file":"day.jsonl","line":77,"reason":"torn","bytes_base64":"AAAA')
    (checkpoints(day.parent / "state", day).path.with_suffix(".json.new")).write_bytes(b'{"lo')
    report = run(day, stream)
    assert rejected_lines(report) == [5, 72]
    assert {m.sequence for _, _, m in stream.messages()} == set(expected)


def test_a_rejects_file_that_was_taken_away_starts_anew(day: Path) -> None:
    write_day(day, long_after=(2, 60))
    stream = MortalStream(5, "before")
    with pytest.raises(Killed):
        run(day, stream)
    assert 5 < saved(day).position.line < 72
    Path(saved(day).rejects).unlink()
    report = run(day, stream)
    assert rejected_lines(report) == [72]
    assert report.counts.rejected == 2


def test_a_rejects_file_of_somebody_else_is_never_overwritten(day: Path, tmp_path: Path) -> None:
    write_day(day, long_after=(2,))
    mine = tmp_path / "mine.jsonl"
    mine.write_text("precious")
    with pytest.raises(RejectsFileError, match="exists already"):
        run(day, SeededStream(), rejects=mine)
    with pytest.raises(RejectsFileError, match="exists already"):
        load_once(io.BytesIO(), Loader(Producer(Discard())), source=SOURCE, rejects=mine)
    assert mine.read_text() == "precious"


def test_a_named_rejects_file_stays_with_its_load(day: Path, tmp_path: Path) -> None:
    write_day(day, long_after=(2,))
    mine = tmp_path / "mine.jsonl"
    stream = SeededStream()
    assert run(day, stream, rejects=mine).rejects == str(mine)
    assert run(day, stream, rejects=mine).status == "already loaded"
    assert run(day, stream).rejects == str(mine)
    with pytest.raises(RejectsFileError, match=r"mine\.jsonl"):
        run(day, stream, rejects=tmp_path / "other.jsonl")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"load":{}}', b"\xff"])
def test_an_unreadable_checkpoint_is_an_error_and_restart_replaces_it(
    day: Path, content: bytes
) -> None:
    write_day(day)
    file = checkpoints(day.parent / "state", day).path
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=file.name):
        run(day, SeededStream())
    assert run(day, SeededStream(), restart=True).status == "loaded"


def test_a_checkpoint_of_a_later_version_is_refused(day: Path) -> None:
    write_day(day)
    run(day, SeededStream())
    file = checkpoints(day.parent / "state", day).path
    file.write_text(file.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(CheckpointError, match="version 2"):
        run(day, SeededStream())


def test_one_load_is_done_by_one_process_at_a_time(day: Path) -> None:
    write_day(day)
    files = checkpoints(day.parent / "state", day)
    stream = SeededStream()
    with files.held(), pytest.raises(CheckpointError, match="another process"):
        run(day, stream)
    assert stream.calls == 0
    assert run(day, stream).status == "loaded"


def test_an_empty_file_is_loaded_at_once(day: Path) -> None:
    day.write_bytes(b"")
    assert run(day, SeededStream()) == LoadReport("day.jsonl", "loaded", LoadCounts())
    assert run(day, SeededStream()).status == "already loaded"


def test_a_pipe_is_loaded_without_a_checkpoint(tmp_path: Path) -> None:
    stream = SeededStream()
    rejects = tmp_path / "deep" / "rejects.jsonl"
    data = b'{"id":"UAL1"}\n' + LONG + b'\n{"id":"UAL2"}'
    source = FeedSource("live", file="stdin")
    report = load_once(io.BytesIO(data), Loader(Producer(stream)), source=source, rejects=rejects)
    assert [m.place for _, _, m in stream.messages()] == ["stdin:1", "stdin:3"]
    assert rejected_lines(report) == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    data = b'{"id":"UAL1"}\nbroken\n\n' + LONG + b"\n"
    report = load_once(io.BytesIO(data), Loader(Producer(Discard())), source=SOURCE, rejects=None)
    counts = report.counts
    assert (counts.messages, counts.unkeyed, counts.rejected, counts.blank) == (2, 1, 1, 1)
    assert report.rejects is None
    assert list(tmp_path.iterdir()) == []


def test_a_very_long_line_goes_to_the_rejects_file_in_pieces(tmp_path: Path) -> None:
    long = random.Random(3).randbytes(9 << 20).replace(b"\n", b" ")
    rejects = tmp_path / "rejects.jsonl"
    loader = Loader(Producer(Discard()))
    load_once(io.BytesIO(long + b"\r\n{}\n"), loader, source=SOURCE, rejects=rejects)
    (line,) = rejects.read_text().splitlines()
    assert base64.b64decode(json.loads(line)["bytes_base64"], validate=True) == long
    assert loader.counts.messages == 1


class Wall:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_rate_spaces_messages_out() -> None:
    wall = Wall()
    pace = Pace(50, clock=lambda: wall.now, sleep=wall.sleep)
    sent: list[float] = []
    for _ in range(10):
        pace.wait(25)
        sent.append(wall.now - 100.0)
    assert sent == pytest.approx([n * 0.5 for n in range(10)])


def test_a_pause_is_not_caught_up_with_a_burst() -> None:
    wall = Wall()
    pace = Pace(10, clock=lambda: wall.now, sleep=wall.sleep)
    pace.wait(5)
    wall.now += 60
    pace.wait(5)
    pace.wait(5)
    assert wall.slept == [0.5]


@pytest.mark.parametrize(
    ("rate", "lines"), [(None, 10_000), (0.1, 1), (1, 1), (200, 100), (1e9, 10_000)]
)
def test_a_batch_is_half_a_seconds_worth(rate: float | None, lines: int) -> None:
    assert Pace(rate).batch_lines == lines
