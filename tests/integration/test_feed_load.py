"""`flightwire feed load`, as people call it, against an embedded Kinesis in this process."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from pipeline.aws import clients
from pipeline.cli import main
from pipeline.ingest.lines import MAX_LINE_BYTES
from pipeline.kpl import deaggregate
from schemas.codec import decode_pack
from schemas.records import FeedMessage

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

pytestmark = pytest.mark.integration

LINE = b'{"type":"flifo","pitr":"N","id":"UALLEG-1-fa-0001"}'
LONG = b'{"id":"UAL1","fill":"' + b"x" * MAX_LINE_BYTES + b'"}'


@pytest.fixture
def kinesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KinesisClient]:
    """An empty account with a stream `feed` of two shards, and a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        clients.session.cache_clear()
        client: KinesisClient = boto3.client("kinesis")
        client.create_stream(StreamName="feed", ShardCount=2)
        yield client
    clients.session.cache_clear()


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / "day.jsonl"
    path.write_bytes(
        b"".join(
            b"%s\n" % LINE.replace(b"LEG", b"%d" % (n % 40)).replace(b"N", b"%d" % n)
            for n in range(700)
        )
    )
    return path


def feed_load(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["feed", "load", *map(str, arguments)], input=stdin)


def stored(client: KinesisClient, stream: str = "feed") -> list[FeedMessage]:
    """All feed messages in the stream, shard by shard, in order."""
    found: list[FeedMessage] = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        for record in client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
            users = deaggregate(record["Data"])
            datas = [record["Data"]] if users is None else [user.data for user in users]
            found += [message for data in datas for message in decode_pack(data, FeedMessage)]
    return found


def summary(result: Result) -> dict[str, Any]:
    (load,) = json.loads(result.stdout)["loads"]
    assert isinstance(load, dict)
    return load


def test_a_file_arrives_whole_and_in_the_order_of_its_legs(
    kinesis: KinesisClient, day: Path
) -> None:
    result = feed_load(day, "--to", "feed")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("day.jsonl: 700 messages acknowledged to feed (")
    messages = stored(kinesis)
    assert sorted(m.sequence for m in messages) == list(range(1, 701))
    for leg in range(40):
        numbers = [m.sequence for m in messages if (m.sequence - 1) % 40 == leg]
        assert numbers == sorted(numbers)
    first = next(message for message in messages if message.sequence == 1)
    assert (first.format, first.feed, first.place) == ("firehose", "day", "day.jsonl:1")
    assert first.payload == b'{"type":"flifo","pitr":"0","id":"UAL0-1-fa-0001"}'


def test_json_is_one_document_on_stdout(kinesis: KinesisClient, day: Path) -> None:
    result = feed_load(day, "--to", "feed", "--json", "--format", "firehose", "--feed", "lgw")
    load = summary(result)
    counts = load["counts"]
    assert (load["file"], load["status"], load["rejects"]) == ("day.jsonl", "loaded", None)
    assert (counts["messages"], counts["acknowledged"], counts["rejected"]) == (700, 700, 0)
    assert counts["unkeyed"] == 0
    assert 2 <= counts["kinesis_records"] < 10
    assert {(m.format, m.feed) for m in stored(kinesis)} == {("firehose", "lgw")}


def test_without_aggregation_each_message_is_a_record(kinesis: KinesisClient, day: Path) -> None:
    result = feed_load(day, "--to", "feed", "--no-aggregate", "--json")
    assert summary(result)["counts"]["kinesis_records"] == 700
    assert len(stored(kinesis)) == 700


def test_running_again_loads_nothing_and_restart_loads_all(
    kinesis: KinesisClient, day: Path
) -> None:
    assert feed_load(day, "--to", "feed").exit_code == 0
    again = feed_load(day, "--to", "feed")
    assert (again.exit_code, len(stored(kinesis))) == (0, 700)
    assert "already loaded" in again.stdout
    assert "--restart" in again.stdout
    assert feed_load(day, "--to", "feed", "--restart").exit_code == 0
    assert len(stored(kinesis)) == 1_400


def test_a_stream_made_anew_under_the_old_name_is_loaded_anew(
    kinesis: KinesisClient, day: Path
) -> None:
    feed_load(day, "--to", "feed")
    kinesis.delete_stream(StreamName="feed")
    kinesis.create_stream(StreamName="feed", ShardCount=1)
    assert summary(feed_load(day, "--to", "feed", "--json"))["status"] == "loaded"
    assert len(stored(kinesis)) == 700


def test_lines_too_long_are_set_aside_and_the_exit_status_says_so(
    kinesis: KinesisClient, day: Path, tmp_path: Path
) -> None:
    with day.open("ab") as file:
        file.write(LONG + b"\n{}\n")
    result = feed_load(day, "--to", "feed")
    (rejects,) = (tmp_path / "state" / "flightwire" / "loads").glob("*.rejects.jsonl")
    assert result.exit_code == 3
    assert f"1 rejected, see {rejects}" in result.stdout
    assert json.loads(rejects.read_text())["line"] == 701
    assert len(stored(kinesis)) == 701
    assert feed_load(day, "--to", "feed").exit_code == 3


def test_broken_messages_travel(kinesis: KinesisClient, tmp_path: Path) -> None:
    broken = [b'{"id":"UAL1"', b"\xff\xfe", b"\x00", b"[" * 5_000, b"null", b"{}"]
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b"\n".join(broken))
    assert feed_load(path, "--to", "feed", "--format", "firehose").exit_code == 0
    assert {message.payload for message in stored(kinesis)} == set(broken)


def test_stdin_is_loaded_and_named_so(kinesis: KinesisClient) -> None:
    arguments = ("-", "--to", "feed", "--json", "--format", "firehose")
    result = feed_load(*arguments, stdin=b'{"id":"A"}\r\n\r\n{"id":"B"}')
    assert result.exit_code == 0
    assert summary(result)["counts"]["blank"] == 1
    found = {message.place: message.payload for message in stored(kinesis)}
    assert found == {"stdin:1": b'{"id":"A"}', "stdin:3": b'{"id":"B"}'}


def test_several_files_are_loaded_one_after_the_other(
    kinesis: KinesisClient, day: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b'{"id":"X"}\n')
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    result = feed_load(day, empty, other, "--to", "feed", "--format", "firehose")
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "day.jsonl",
        "empty.jsonl",
        "other.jsonl",
    ]
    assert "nothing to load" in result.stdout
    assert Counter(m.feed for m in stored(kinesis)) == {"day": 700, "other": 1}


def test_a_dry_run_needs_no_stream_and_leaves_nothing(
    kinesis: KinesisClient, day: Path, tmp_path: Path
) -> None:
    before = set(tmp_path.rglob("*"))
    result = feed_load(day, "--to", "no-such-stream", "--dry-run", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["dry_run"]) == (0, True)
    assert document["loads"][0]["counts"]["messages"] == 700
    said = feed_load(day, "--to", "local", "--dry-run").stdout
    assert said == "day.jsonl: 700 messages, 0 of them without a leg; nothing was sent\n"
    assert stored(kinesis) == []
    assert set(tmp_path.rglob("*")) == before


def test_local_is_the_run_that_local_json_names(
    kinesis: KinesisClient, day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state" / "flightwire"
    state.mkdir(parents=True)
    run = {
        "endpoint_url": "https://kinesis.eu-west-1.amazonaws.com",
        "stream": "feed",
        "region": "eu-west-1",
        "pid": os.getpid(),
    }
    (state / "local.json").write_text(json.dumps(run))
    with monkeypatch.context() as nothing_configured:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            nothing_configured.delenv(name)
        clients.session.cache_clear()
        result = feed_load(day, "--to", "local")
    assert result.exit_code == 0, result.stderr
    assert len(stored(kinesis)) == 700


@pytest.mark.parametrize("target", [("--to", "local"), ()], ids=["named", "by default"])
def test_without_a_local_run_it_says_what_to_start(
    kinesis: KinesisClient, day: Path, target: tuple[str, ...]
) -> None:
    result = feed_load(day, *target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no local run" in result.stderr
    assert "start `flightwire local` in another terminal" in result.stderr
    assert stored(kinesis) == []


@pytest.mark.usefixtures("kinesis")
def test_an_unknown_stream_is_named_with_what_to_check(day: Path) -> None:
    result = feed_load(day, "--to", "nope", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    error = json.loads(result.stderr)
    assert error["code"] == "stream"
    assert error["where"] == str(day)
    assert "nope" in error["error"]
    assert error["hint"].startswith("check the name")


@pytest.mark.usefixtures("kinesis")
def test_without_a_region_it_says_what_to_set(day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    clients.session.cache_clear()
    result = feed_load(day, "--to", "feed")
    assert result.exit_code == 1
    assert "set AWS_DEFAULT_REGION" in result.stderr


@pytest.mark.usefixtures("kinesis")
def test_a_file_that_changed_under_a_load_is_not_mixed_up(day: Path) -> None:
    feed_load(day, "--to", "feed")
    day.write_bytes(b'{"id":"NEW"}\n' + day.read_bytes())
    result = feed_load(day, "--to", "feed")
    assert result.exit_code == 1
    assert "not those that were loaded" in result.stderr
    assert "--restart" in result.stderr


def test_ctrl_c_says_how_to_go_on_and_that_goes_on(kinesis: KinesisClient, day: Path) -> None:
    def interrupt(**_: Any) -> None:  # noqa: ANN401  (whatever botocore passes)
        raise KeyboardInterrupt

    clients.session().events.register("before-send.kinesis.PutRecords", interrupt)
    stopped = feed_load(day, "--to", "feed")
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert "run the same command again" in stopped.stderr
    piped = feed_load("-", "--to", "feed", "--format", "firehose", stdin=b"{}")
    assert "standard input cannot be read again" in piped.stderr
    clients.session.cache_clear()
    assert feed_load(day, "--to", "feed").exit_code == 0
    assert len(stored(kinesis)) == 700


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "FILES"),
        (("missing.jsonl", "--to", "feed"), "missing.jsonl"),
        ((".", "--to", "feed"), "is a directory"),
        (("DAY", "--to", "feed", "--rate", "fast"), "200/s"),
        (("DAY", "--to", "feed", "--rate", "0"), "200/s"),
        (("DAY", "--to", "feed", "--rate", "-5"), "200/s"),
        (("DAY", "DAY", "--to", "feed", "--rejects", "r.jsonl"), "--rejects takes one FILE"),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_fault(
    day: Path, arguments: tuple[str, ...], word: str
) -> None:
    result = feed_load(*[day if word_ == "DAY" else word_ for word_ in arguments])
    assert result.exit_code == 2
    assert word in result.stderr


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize("rate", ["100000", "100000/s", "99999.5/s"])
def test_a_rate_is_taken_with_or_without_its_unit(day: Path, rate: str) -> None:
    assert feed_load(day, "--to", "feed", "--rate", rate).exit_code == 0


@pytest.mark.parametrize("command", [["feed", "--help"], ["feed", "load", "--help"]])
def test_help_shows_examples(command: list[str]) -> None:
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0
    assert "    flightwire feed load firehose.jsonl --to local" in result.stdout.splitlines()


# A process that loads a file into an append-only log and is killed at its k-th request, after the
# records are on disk and before it hears so.
VICTIM = """
import os, signal, sys
from pathlib import Path
import msgspec
from pipeline.ingest.checkpoint import CheckpointFile, LoadKey
from pipeline.ingest.load import Discard, Pace, load_file
from pipeline.ingest.loader import Loader
from pipeline.ingest.messages import FeedSource
from pipeline.ingest.producer import Producer

path, state, log, dies_at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

class Log(Discard):
    calls = 0

    def put(self, entries):
        self.calls += 1
        with open(log, "ab") as out:
            for entry in entries:
                out.write(msgspec.json.encode(entry.data) + b"\\n")
        if self.calls == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().put(entries)

key = LoadKey(str(path), "arn:log", 1, "day", "firehose")
report = load_file(
    path, Loader(Producer(Log())), CheckpointFile(state, key), source=FeedSource("day"),
    pace=Pace(200, clock=lambda: 0.0, sleep=lambda s: None),
)
sys.stdout.write(report.status)
"""


@pytest.mark.parametrize("dies_at", [1, 2, 5, 7])
def test_a_process_killed_outright_goes_on_where_it_was(
    day: Path, tmp_path: Path, root: Path, dies_at: int
) -> None:
    log = tmp_path / "log"

    def run(at: int) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", VICTIM, str(day), str(tmp_path / "s"), str(log), str(at)]
        return subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)

    assert run(dies_at).returncode == -9
    second = run(0)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == ("loaded" if dies_at == 1 else "resumed")
    assert run(0).stdout == "already loaded"
    found = Counter(
        message.sequence
        for line in log.read_bytes().splitlines()
        for user in deaggregate(base64.b64decode(json.loads(line))) or []
        for message in decode_pack(user.data, FeedMessage)
    )
    assert set(found) == set(range(1, 701))
    twice = {number for number, times in found.items() if times > 1}
    assert twice == set(range(100 * (dies_at - 1) + 1, 100 * dies_at + 1))
