"""The whole of 2013 into a stream, with the loader killed and the stream refusing, and back again.

Run it with `python -m tests.benchmarks.year_2013`, or `--days 3` for the first three days. The
feed is generated into a file and loaded by `flightwire feed load` into an embedded Kinesis, through
a proxy that refuses a share of the records. The loader is killed outright at seeded moments and
started again. Then the stream is read back and compared with the file:

- every message is there, with its bytes;
- one that is there twice lies within a batch that was repeated after a kill;
- the messages of a leg first occur in the order of the file;
- the loader's peak memory after a third of its work is that of the end, give or take a fifth.

It takes Linux (/proc), about 10 minutes and 3 GB of memory for the year; exit status 1 if any of
these does not hold.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from pipeline.ingest.checkpoint import Checkpoint
from pipeline.ingest.lines import BATCH_LINES
from pipeline.kpl import deaggregate
from pipeline.local.endpoint import Endpoint, child_environment, embedded, import_path
from schemas.codec import decode_pack
from schemas.records import FeedMessage
from tests.benchmarks.refusing_proxy import RefusingProxy, serving

ROOT = Path(__file__).resolve().parents[2]
YEAR = 2013
STREAM = "year"
SHARDS = 4
READ_RECORDS = 100
LATEST_KILL = 0.5  # so that the last process has at least half of the work
STEADY = 1.2
STEADY_DAYS = 30  # less work says little of memory


class Run(msgspec.Struct, kw_only=True):
    """What to play: the days, the share of records refused, and how often to kill."""

    first: dt.date
    last: dt.date
    seed: int = 1
    refuse: float = 0.05
    kills: int = 3

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


class Report(msgspec.Struct, kw_only=True):
    """What was found. `killed_at` are the lines that the checkpoint covered at each kill."""

    messages: int
    stored: int
    records: int
    lost: int
    altered: int
    strange: int
    twice: int
    twice_elsewhere: int
    out_of_order: int
    killed_at: list[int]
    put: int
    refused: int
    loader: dict[str, Any]
    peak_mb_at_a_third: float
    peak_mb: float
    generate_s: float
    load_s: float
    read_s: float

    @property
    def sound(self) -> bool:
        """Whether the stream holds the file, as promised; memory aside."""
        broken = (
            self.lost,
            self.altered,
            self.strange,
            self.twice_elsewhere,
            self.out_of_order,
            self.messages - self.loader["acknowledged"],
        )
        return not any(broken)

    @property
    def steady(self) -> bool:
        """Whether the loader's memory did not grow."""
        return self.peak_mb <= STEADY * self.peak_mb_at_a_third


class Watch:
    """Follows a load to its furthest line, looks at its memory, and kills it at its time."""

    def __init__(self, total: int, kills: Sequence[tuple[float, str]]) -> None:
        """`kills`: after which share of `total` lines, and before or after a request is stored."""
        self.pid = 0
        self.furthest = 0
        self.memory: list[tuple[int, int]] = []
        self._total = total
        self._kills = sorted(kills, reverse=True)

    def begin(self, pid: int) -> None:
        """A loader has been started."""
        self.pid = pid
        self.memory.clear()

    def __call__(self, moment: str, records: list[dict[str, Any]]) -> None:
        """As the proxy tells it."""
        if moment == "stored":
            lines = (_last_line(base64.b64decode(each["Data"])) for each in records)
            self.furthest = max(self.furthest, *lines, 0)
            with suppress(OSError, StopIteration):  # it may have ended
                self.memory.append((self.furthest, _peak_kb(self.pid)))
        if self._kills:
            share, when = self._kills[-1]
            if moment == when and self.furthest >= share * self._total:
                self._kills.pop()
                os.kill(self.pid, signal.SIGKILL)

    def peaks(self) -> tuple[float, float]:
        """Megabytes of the last loader: its peak after a third of its work, and of all of it."""
        begin, end = self.memory[0][0], self.memory[-1][0]
        third = begin + (end - begin) / 3
        early = next(peak for line, peak in self.memory if line >= third)
        return early / 1024, self.memory[-1][1] / 1024


def _last_line(data: bytes) -> int:
    """The number of the last line in a Kinesis record."""
    users = deaggregate(data)
    return decode_pack(users[-1].data if users else data, FeedMessage)[-1].sequence


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def play(run: Run, folder: Path) -> Report:
    """Generate, load, read back and compare; `folder` takes the file and the loader's state."""
    chance = Random(run.seed)
    file = folder / f"{STREAM}.jsonl"
    began = time.monotonic()
    _generate(run, file)
    generated = time.monotonic()
    hashes = _hashes(file)
    kills = [
        (chance.uniform(0.0, LATEST_KILL), chance.choice(("before", "stored")))
        for _ in range(run.kills)
    ]
    watch = Watch(len(hashes), kills)
    aws = folder / "aws"
    aws.mkdir()
    with embedded("moto", folder=aws) as endpoint:
        endpoint.kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
        endpoint.kinesis.get_waiter("stream_exists").wait(StreamName=STREAM)
        proxy = RefusingProxy(endpoint.url, share=run.refuse, seed=run.seed, watch=watch)
        start = time.monotonic()
        with serving(proxy) as url:
            counts, killed_at = _load(file, folder, endpoint, url, watch)
        loaded = time.monotonic()
        found = Comparison(hashes, killed_at)
        for shard_id in _shards(endpoint):
            for key, data in _records(endpoint, shard_id):
                found.add(key, data)
    early, peak = watch.peaks()
    return Report(
        messages=len(hashes),
        stored=found.stored,
        records=found.records,
        lost=found.seen.count(0),
        altered=found.altered,
        strange=found.strange,
        twice=found.twice,
        twice_elsewhere=found.twice_elsewhere,
        out_of_order=found.out_of_order,
        killed_at=killed_at,
        put=proxy.records,
        refused=proxy.refused,
        loader=counts,
        peak_mb_at_a_third=early,
        peak_mb=peak,
        generate_s=generated - began,
        load_s=loaded - start,
        read_s=time.monotonic() - loaded,
    )


def _flightwire(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", "feed", *map(str, arguments)]


def _generate(run: Run, file: Path) -> None:
    days = ("--from", run.first, "--to", run.last, "--seed", run.seed)
    command = _flightwire("generate", *days, "-o", file)
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.PIPE)


def _hashes(file: Path) -> array[int]:
    """64 bits of each line's id, in the order of the file."""
    hashes = array("Q")
    with file.open("rb") as lines:
        for line in lines:
            digest = hashlib.sha256(line.removesuffix(b"\n")).digest()
            hashes.append(int.from_bytes(digest[:8], "big"))
    return hashes


def _load(
    file: Path, folder: Path, endpoint: Endpoint, url: str, watch: Watch
) -> tuple[dict[str, Any], list[int]]:
    """Load until a loader comes to its end; its counts, and where the checkpoint was at kills."""
    state = folder / "state"
    environment = child_environment(folder) | endpoint.environment | import_path()
    environment |= {"AWS_ENDPOINT_URL": url, "XDG_STATE_HOME": str(state)}
    command = _flightwire("load", file, "--to", STREAM, "--json")
    killed_at: list[int] = []
    while True:
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as loader:
            watch.begin(loader.pid)
            out, words = loader.communicate()
        if loader.returncode == 0:
            [load] = msgspec.json.decode(out)["loads"]
            return load["counts"], killed_at
        if loader.returncode != -signal.SIGKILL:
            raise SystemExit(f"the loader failed: {words.decode()}")
        saved = list((state / "flightwire" / "loads").glob("*.json"))
        lines = [msgspec.json.decode(s.read_bytes(), type=Checkpoint).position.line for s in saved]
        killed_at.append(max(lines, default=0))


def _shards(endpoint: Endpoint) -> list[str]:
    listed = endpoint.kinesis.list_shards(StreamName=STREAM)["Shards"]
    return [shard["ShardId"] for shard in listed]


def _records(endpoint: Endpoint, shard_id: str) -> Iterator[tuple[str, bytes]]:
    """The partition key and data of all records of a shard, in order."""
    iterator = endpoint.kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while True:
        answer = endpoint.kinesis.get_records(ShardIterator=iterator, Limit=READ_RECORDS)
        if not answer["Records"]:
            return
        yield from ((record["PartitionKey"], record["Data"]) for record in answer["Records"])
        iterator = answer["NextShardIterator"]


class Comparison:
    """The stream against the file. Kinesis keeps the order of a shard, and a leg is in one."""

    def __init__(self, hashes: array[int], killed_at: Sequence[int]) -> None:
        """`hashes` of the file's lines; `killed_at` as in Report."""
        self.stored = self.records = self.altered = self.strange = 0
        self.twice = self.twice_elsewhere = self.out_of_order = 0
        self.seen = bytearray(len(hashes))
        self._hashes = hashes
        self._repeated = [range(line + 1, line + BATCH_LINES + 1) for line in killed_at]
        self._last: dict[str, int] = {}

    def add(self, key: str, data: bytes) -> None:
        """Take in the next record of a shard; a message alone travels plain, under its leg."""
        self.records += 1
        users = deaggregate(data)
        plain = [(key, data)]
        packs = plain if users is None else [(user.partition_key, user.data) for user in users]
        for leg, pack in packs:
            for message in decode_pack(pack, FeedMessage):
                self._take(leg, message)

    def _take(self, leg: str, message: FeedMessage) -> None:
        self.stored += 1
        line = message.sequence
        if not 1 <= line <= len(self._hashes):
            self.strange += 1
            return
        digest = hashlib.sha256(message.payload).hexdigest()
        same = int(digest[:16], 16) == self._hashes[line - 1]
        self.altered += not (same and message.id == digest[: len(message.id)])
        if self.seen[line - 1]:
            self.twice += 1
            self.twice_elsewhere += not any(line in lines for lines in self._repeated)
            return
        self.seen[line - 1] = 1
        self.out_of_order += line < self._last.get(leg, 0)
        self._last[leg] = line


def _print(run: Run, report: Report) -> None:
    rate = report.messages / report.load_s
    growth = f"{report.peak_mb_at_a_third:.0f} MB after a third, {report.peak_mb:.0f} MB at the end"
    judged = "" if run.days >= STEADY_DAYS else "  (too few days to judge)"
    size = f"{report.messages:,} messages of {run.days} days"
    lines = (
        ("generated", f"{size} in {report.generate_s:.0f} s"),
        (
            "loaded",
            f"in {report.load_s:.0f} s, {rate:,.0f} messages/s, kills and refusals included",
        ),
        ("refused", f"{report.refused:,} of {report.put:,} records put"),
        ("killed", f"{len(report.killed_at)} times, after lines {report.killed_at}"),
        ("read back", f"{report.stored:,} in {report.records:,} records in {report.read_s:.0f} s"),
        ("lost", f"{report.lost:,}"),
        ("altered", f"{report.altered:,}, and {report.strange:,} that the file has not"),
        ("twice", f"{report.twice:,}, {report.twice_elsewhere:,} outside repeated batches"),
        ("order", f"{report.out_of_order:,} first occurrences out of order"),
        ("memory", growth + judged),
    )
    for name, said in lines:
        sys.stdout.write(f"{name:<10} {said}\n")


def main() -> None:
    """Play, print a report, and exit with 1 if something does not hold."""
    parser = argparse.ArgumentParser(description="Load 2013 through kills and refusals.")
    parser.add_argument("--days", type=int, default=365, help="only the first N days")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--refuse", type=float, default=0.05, help="share of records refused")
    parser.add_argument("--json", type=Path, help="file for the report")
    given = parser.parse_args()
    first = dt.date(YEAR, 1, 1)
    last = first + dt.timedelta(days=given.days - 1)
    run = Run(first=first, last=last, seed=given.seed, refuse=given.refuse, kills=given.kills)
    with tempfile.TemporaryDirectory(prefix="year-2013-") as folder:
        report = play(run, Path(folder))
    _print(run, report)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    steady = report.steady or run.days < STEADY_DAYS
    raise SystemExit(0 if report.sound and steady else 1)


if __name__ == "__main__":
    main()
