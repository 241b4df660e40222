"""`flightwire feed load` of every kind of input, and `inspect`, `validate`, `list`, as called."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import zstandard
from click.testing import CliRunner, Result
from moto import mock_aws

from filters.normalize import FORMATS
from pipeline.aws import clients
from pipeline.cli import main
from schemas.records import payload_id
from tests.integration.test_feed_load import stored
from tests.unit.ingest.feeds import FEEDS, HEADER, aidx, array, table

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

pytestmark = pytest.mark.integration


@pytest.fixture
def kinesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KinesisClient]:
    """An empty account with a stream `feed` and a bucket `feeds`; a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        clients.session.cache_clear()
        client: KinesisClient = boto3.client("kinesis")
        client.create_stream(StreamName="feed", ShardCount=2)
        boto3.client("s3").create_bucket(Bucket="feeds")
        yield client
    clients.session.cache_clear()


def call(command: str, *arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["feed", command, *map(str, arguments)], input=stdin)


def load(*arguments: object, stdin: bytes = b"") -> Result:
    return call("load", *arguments, "--to", "feed", stdin=stdin)


# ---- load


@pytest.mark.parametrize("kind", FEEDS)
def test_the_same_bytes_have_the_same_id_through_every_door(
    kinesis: KinesisClient, tmp_path: Path, kind: str
) -> None:
    data = FEEDS[kind](30)
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(data))
    (tmp_path / "packed.zst").write_bytes(zstandard.ZstdCompressor().compress(data))
    boto3.client("s3").put_object(Bucket="feeds", Key="day/object", Body=gzip.compress(data))
    doors = [tmp_path / "plain", tmp_path / "packed.gz", tmp_path / "packed.zst"]
    for door in (*doors, "s3://feeds/day/object"):
        result = load(door)
        assert (result.exit_code, result.stderr) == (0, "")
    assert load("-", stdin=data).exit_code == 0
    expected = {
        payload_id(piece.payload) for piece in FORMATS[kind.split(maxsplit=1)[0]].split([data])
    }
    messages = stored(kinesis)
    assert len(messages) == 5 * 30
    assert {message.id for message in messages} == expected
    assert {message.format for message in messages} == {kind.split(maxsplit=1)[0]}
    assert {message.feed for message in messages} == {"plain", "packed", "object", "stdin"}


def test_a_prefix_and_a_pattern_are_loaded_object_by_object(
    kinesis: KinesisClient, tmp_path: Path
) -> None:
    bucket = boto3.client("s3")
    for number, data in enumerate((aidx(2), table(3), array(4))):
        bucket.put_object(Bucket="feeds", Key=f"day/{number}", Body=data)
        (tmp_path / f"{number}.feed").write_bytes(data)
    result = load("s3://feeds/day/", "--json", "--feed", "gatwick")
    loads = json.loads(result.stdout)["loads"]
    assert [(each["file"], each["format"], each["counts"]["messages"]) for each in loads] == [
        ("0", "aidx", 2),
        ("1", "flightwire", 3),
        ("2", "flightwire", 4),
    ]
    assert {message.feed for message in stored(kinesis)} == {"gatwick"}
    assert load(tmp_path / "*.feed").exit_code == 0
    assert len(stored(kinesis)) == 18


def test_an_object_is_loaded_once_until_it_changes(kinesis: KinesisClient) -> None:
    bucket = boto3.client("s3")
    bucket.put_object(Bucket="feeds", Key="day.csv", Body=table(3))
    assert load("s3://feeds/day.csv").exit_code == 0
    assert "already loaded" in load("s3://feeds/day.csv").stdout
    bucket.put_object(Bucket="feeds", Key="day.csv", Body=table(4))
    assert "4 messages acknowledged" in load("s3://feeds/day.csv").stdout
    assert len(stored(kinesis)) == 7


def test_a_file_of_no_known_format_stops_the_command_before_anything_is_sent(
    kinesis: KinesisClient, tmp_path: Path
) -> None:
    good, unknown = tmp_path / "good.csv", tmp_path / "notes.txt"
    good.write_bytes(table(3))
    unknown.write_bytes(b"hello\n")
    result = load(good, unknown)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{unknown}: not recognised as any of acl, " in result.stderr
    assert "--format" in result.stderr
    assert stored(kinesis) == []
    error = json.loads(load("-", "--json", stdin=b"hello").stderr)
    assert error["code"] == "format"


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--format", "morse", "-"), 2, "'morse' is not one of auto, acl, "),
        (("no*.xml",), 2, "no file matches"),
        (("s3://feeds/missing",), 1, "check the bucket's and the object's name"),
        (("s3://feeds/none/",), 1, "no object there"),
    ],
)
def test_what_cannot_be_read_is_named(arguments: tuple[str, ...], code: int, word: str) -> None:
    result = load(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert word in result.stderr


def test_a_file_cut_short_is_loaded_so_far_and_named_with_the_place(
    kinesis: KinesisClient, tmp_path: Path
) -> None:
    path = tmp_path / "day.csv.gz"
    path.write_bytes(gzip.compress(table(3_000))[:-20])
    result = load(path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}: gzip data, at byte {path.stat().st_size}: cut short" in result.stderr
    assert 0 < len(stored(kinesis)) <= 3_000
    path.write_bytes(gzip.compress(table(3_000)))
    assert load(path).exit_code == 0
    assert {message.sequence for message in stored(kinesis)} == set(range(1, 3_001))


def test_an_empty_file_holds_nothing(kinesis: KinesisClient, tmp_path: Path) -> None:
    path = tmp_path / "empty.xml"
    path.write_bytes(b"\n")
    result = load(path)
    assert (result.exit_code, result.stdout) == (
        0,
        "empty.xml: nothing to load, it holds no message\n",
    )
    assert stored(kinesis) == []


# ---- inspect


def test_inspect_says_what_is_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "day.xml.gz"
    path.write_bytes(gzip.compress(aidx(30, broken=7)))
    result = call("inspect", path)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "day.xml.gz: aidx (IATA AIDX flight legs, XML), packed with gzip"
    assert "messages              30" in lines
    assert "rejected              1" in lines
    assert "scheduled departure   2026-11-20T08:25:00Z to 2026-11-20T08:25:00Z" in lines
    assert "carriers              1 (BAW British Airways 29)" in lines
    assert "airports              2 (LHR London 29, JFK New York 29)" in lines or (
        "airports              2 (JFK New York 29, LHR London 29)" in lines
    )
    assert lines[-1].startswith("day.xml.gz FlightLeg 7")


def test_inspect_shows_twenty_rejected_messages_or_all(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes((HEADER + "\n" + "nothing,,,,,,\n" * 30).encode())
    shown = call("inspect", path).stdout
    assert shown.count("    day.csv:") == 20
    assert "and 10 more; --all shows them" in shown
    assert call("inspect", path, "--all").stdout.count("    day.csv:") == 30


def test_inspect_of_several_files_adds_them_up_and_names_what_it_cannot_read(
    tmp_path: Path,
) -> None:
    for name, data in (("a.csv", table(3)), ("b.txt", b"hello"), ("c.csv", table(4))):
        (tmp_path / name).write_bytes(data)
    result = call("inspect", tmp_path / "*", "--json")
    assert result.exit_code == 2
    document: dict[str, Any] = json.loads(result.stdout)
    assert [(each["file"], each["messages"]) for each in document["files"]] == [
        ("a.csv", 3),
        ("c.csv", 4),
    ]
    total = document["total"]
    assert (total["messages"], total["repeated_messages"]) == (7, 3)
    assert total["carriers"] == [{"code": "BAW", "name": "British Airways", "statuses": 7}]
    assert total["local_dates"] == ["2026-11-20", "2026-11-20"]
    assert json.loads(result.stderr)["where"] == str(tmp_path / "b.txt")


def test_inspect_reads_a_pipe() -> None:
    result = call("inspect", "-", stdin=array(3))
    assert result.stdout.startswith("stdin: flightwire (")


# ---- validate


def test_validate_is_content_with_sound_files(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_bytes(table(3))
    result = call("validate", path)
    assert (result.exit_code, result.stdout) == (
        0,
        "day.csv: flightwire, 3 messages: 3 statuses\n",
    )


def test_validate_says_why_messages_are_rejected_and_keeps_them(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_bytes(aidx(5, broken=3))
    rejects = tmp_path / "rejects.jsonl"
    result = call("validate", tmp_path / "*.xml", "--rejects", rejects)
    assert result.exit_code == 3
    assert "a.xml: aidx, 5 messages: 4 statuses, 1 rejected" in result.stdout
    assert "(first in a.xml FlightLeg 3" in result.stdout
    assert result.stdout.endswith(f"2 rejected messages in {rejects}\n")
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(each["file"], each["place"]) for each in kept] == [
        ("a.xml", "FlightLeg 3"),
        ("b.xml", "FlightLeg 3"),
    ]
    payload = base64.b64decode(kept[0]["bytes_base64"])
    assert payload == list(FORMATS["aidx"].split([aidx(5, broken=3)]))[2].payload
    again = call("validate", tmp_path / "a.xml", "--rejects", rejects)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)


def test_validate_tells_programs_the_same(tmp_path: Path) -> None:
    path = tmp_path / "day.xml"
    path.write_bytes(aidx(5, broken=3))
    result = call("validate", path, "--json")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    (file,) = document["files"]
    assert (file["format"], file["messages"], file["rejected"]) == ("aidx", 5, 1)
    assert file["reasons"][0]["count"] == 1
    assert document["rejects"] is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("missing.xml",), 2), (("-", "--format", "morse"), 2), (("-", "--sources", "none"), 2)],
)
def test_validate_of_nothing_is_wrong_usage(arguments: tuple[str, ...], code: int) -> None:
    assert call("validate", *arguments).exit_code == code


# ---- list


def test_list_names_every_format_with_what_it_tells() -> None:
    shown = call("list").stdout
    document = json.loads(call("list", "--json").stdout)
    assert {each["name"] for each in document["formats"]} == set(FORMATS)
    for each in document["formats"]:
        assert each["title"] in shown
        assert {"file", "stdin", "s3"} <= set(each["doors"])
        assert each["tells"]
        assert each["fields"]
    doors = {each["name"]: each["doors"] for each in document["formats"]}
    assert "firehose" in doors["firehose"]


@pytest.mark.parametrize("command", ["inspect", "validate", "list", "load"])
def test_help_shows_examples(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"    flightwire feed {command}" in result.stdout
