"""`flightwire feed run`, as people call it: real sockets, an embedded Kinesis in this process."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from filters.standing import keep_pulses
from pipeline import clock
from pipeline.aws import clients
from pipeline.aws.legs import open_legs
from pipeline.cli import main
from pipeline.kpl import deaggregate
from schemas.codec import decode_pack
from schemas.records import FeedMessage, payload_id
from tests.integration.live_sources import HOST, Reply, certificate, firehose, web

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

pytestmark = pytest.mark.integration

T = 1_764_000_000
PASSWORD = "c4n4ry-pass"
KEY = "c4n4ry-key"


def message(number: int, pitr: int) -> bytes:
    fields = {"type": "flifo", "pitr": str(pitr), "id": f"UAL{number}-1-fa-0001"}
    return json.dumps(fields).encode() + b"\n"


KEEPALIVE = b'{"type":"keepalive","serverTime":"%d","pitr":"%d"}\n' % (T, T)


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def kinesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KinesisClient]:
    """An account with a stream `feed`, a legs table, and a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("FLIGHTWIRE_FIREHOSE_USER", "kay")
    monkeypatch.setenv("FLIGHTWIRE_FIREHOSE_PASSWORD", PASSWORD)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        _forget()
        client: KinesisClient = boto3.client("kinesis")
        client.create_stream(StreamName="feed", ShardCount=2)
        boto3.client("dynamodb").create_table(
            TableName="legs",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
    _forget()


def _forget() -> None:
    clients.session.cache_clear()
    clients.dynamodb.cache_clear()


def feed_run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["feed", "run", *map(str, arguments)])
    for secret in (PASSWORD, KEY):
        assert secret not in result.output
    return result


def counts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)["counts"]
    return found


def stored(client: KinesisClient) -> list[FeedMessage]:
    found: list[FeedMessage] = []
    for shard in client.list_shards(StreamName="feed")["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName="feed", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        for record in client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
            users = deaggregate(record["Data"])
            datas = [record["Data"]] if users is None else [user.data for user in users]
            found += [one for data in datas for one in decode_pack(data, FeedMessage)]
    return found


def test_firehose_over_tls_into_the_stream_and_on_from_there(
    kinesis: KinesisClient, cert: tuple[Path, Path], tmp_path: Path
) -> None:
    scripts = [[message(1, T), KEEPALIVE, message(2, T + 5)], [message(3, T + 6)]]
    with firehose(cert, *scripts) as server:
        door = ("firehose", "--host", HOST, "--port", server.port, "--ca-file", cert[0])
        options = (*door, "--to", "feed", "--legs-table", "legs", "--once", "--json")
        first = counts(feed_run(*options))
        assert (first["acknowledged"], first["heartbeats"]) == (2, 1)
        assert counts(feed_run(*options))["acknowledged"] == 1
    assert server.commands[0].startswith(b"live username kay password c4n4ry-pass keepalive 60")
    assert server.commands[1].startswith(b"pitr %d " % (T + 5))
    found = {one.payload: one for one in stored(kinesis)}
    assert found.keys() == {message(n, p)[:-1] for n, p in ((1, T), (2, T + 5), (3, T + 6))}
    assert all(one.id == payload_id(payload) for payload, one in found.items())
    assert [state.key for state in open_legs("legs").all()] == ["~feed:firehose"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*.json"))
    assert kept
    assert PASSWORD.encode() not in kept


def test_a_range_ends_by_itself(kinesis: KinesisClient, cert: tuple[Path, Path]) -> None:
    with firehose(cert, [message(n, T + n) for n in range(700)]) as server:
        door = ("firehose", "--host", HOST, "--port", server.port, "--ca-file", cert[0])
        moments = ("--from", T, "--until", "2025-11-24T17:00:00Z")
        assert counts(feed_run(*door, *moments, "--to", "feed", "--json"))["acknowledged"] == 700
    assert server.commands[0].startswith(b"range %d 1764003600 " % T)
    assert len(stored(kinesis)) == 700


@pytest.mark.usefixtures("kinesis")
def test_an_error_of_the_server_ends_it_with_a_next_step(cert: tuple[Path, Path]) -> None:
    refusal = b'{"type":"error","error_msg":"no such login kay/%s"}\n' % PASSWORD.encode()
    with firehose(cert, [refusal]) as server:
        door = ("firehose", "--host", HOST, "--port", server.port, "--ca-file", cert[0])
        result = feed_run(*door, "--to", "feed", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    error = json.loads(result.stderr.splitlines()[-1])
    assert error["error"] == "Firehose refused: no such login kay/***"
    assert "FLIGHTWIRE_FIREHOSE_PASSWORD" in error["hint"]


@pytest.mark.usefixtures("kinesis")
def test_a_server_nobody_vouches_for_gets_no_password(cert: tuple[Path, Path]) -> None:
    with firehose(cert, [message(1, T)]) as server:
        result = feed_run("firehose", "--host", HOST, "--port", server.port, "--to", "feed")
    assert result.exit_code == 1
    assert "certificate is not trusted" in result.stderr
    assert "--ca-file" in result.stderr
    assert server.commands == []


@pytest.mark.usefixtures("kinesis")
def test_without_credentials_it_names_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLIGHTWIRE_FIREHOSE_PASSWORD")
    result = feed_run("firehose", "--to", "feed")
    assert result.exit_code == 1
    assert "FLIGHTWIRE_FIREHOSE_PASSWORD: missing" in result.stderr


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("firehose", "--until", T), "--from TIME"),
        (("firehose", "--from", "yesterday"), "1764000000"),
        (("firehose", "--from", "2026-11-20T08:00:00"), "1764000000"),
        (("http-poll", "file:///etc/passwd"), "only http and https"),
        (("http-poll", "https://example.com/", "--format", "nope"), "nope"),
        (("folder", "/no/such/folder"), "does not exist"),
    ],
)
def test_wrong_usage_is_exit_2_and_names_the_fault(
    arguments: tuple[object, ...], word: str
) -> None:
    result = feed_run(*arguments)
    assert result.exit_code == 2
    assert word in result.stderr


def row(flight: str) -> bytes:
    return json.dumps({"flight": flight, "origin": "LHR", "date": "2026-11-20"}).encode()


def test_a_url_is_polled_conditionally_and_its_key_stays_hidden(
    kinesis: KinesisClient, tmp_path: Path
) -> None:
    def answer(_path: str, headers: dict[str, str]) -> Reply:
        if headers.get("if-none-match") == '"v1"':
            return 304, {"ETag": '"v1"'}, b""
        packed = gzip.compress(row("BA1") + b"\n" + row("BA2"))
        return 200, {"ETag": '"v1"', "Content-Encoding": "gzip"}, packed

    keys = tmp_path / "headers"
    keys.write_text(f"X-Api-Key: {KEY}\n")
    with web(answer) as server:
        door = ("http-poll", f"{server.url}/day?key={KEY}", "--header-file", keys)
        options = ("--to", "feed", "--legs-table", "legs", "--once", "--json")
        asked = (*door, "--format", "flightwire", *options)
        first = counts(feed_run(*asked))
        assert (first["acknowledged"], first["heartbeats"]) == (2, 1)
        second = counts(feed_run(*asked))
        assert (second["acknowledged"], second["heartbeats"]) == (0, 1)
    assert [path for path, _ in server.asked] == [f"/day?key={KEY}"] * 2
    assert {headers["x-api-key"] for _, headers in server.asked} == {KEY}
    assert {one.payload for one in stored(kinesis)} == {row("BA1"), row("BA2")}
    assert {one.feed for one in stored(kinesis)} == {HOST}
    for path in (tmp_path / "state").rglob("*"):
        assert KEY not in path.name
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ((429, {"Retry-After": "60"}, b""), "the server says 429"),
        ((500, {}, b"oops"), "the server says 500"),
        ((401, {}, b""), "--header-file"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "only http and https"),
        ((302, {"Location": "/again"}, b""), "more than 3 redirects"),
        ((200, {"Content-Encoding": "br"}, b"x"), "'br' was not asked for"),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 99)[:-9]), "cut short"),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "no answer"),
        ((200, {"Content-Length": "500"}, b"x"), "no answer"),
        ((200, {}, b"x" * 70_000), "longer than 65536 bytes"),
        (
            (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 9_000_000)),
            "longer than 65536 bytes",
        ),
    ],
)
def test_an_answer_that_is_none_is_told_and_exit_1(reply: Reply, word: str) -> None:
    with web(lambda _path, _headers: reply) as server:
        options = ("--max-bytes", 65_536, "--to", "feed", "--once")
        result = feed_run("http-poll", f"{server.url}/?{KEY}", *options)
    assert result.exit_code == 1
    assert word in result.stderr


def test_redirects_are_followed_and_keys_stay_with_their_server(
    kinesis: KinesisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTWIRE_HTTP_HEADERS", f"X-Api-Key: {KEY}")
    with web(lambda _path, _headers: (200, {}, row("BA1"))) as other:
        there = other.url

        def answer(path: str, _headers: dict[str, str]) -> Reply:
            return 307, {"Location": "/next" if path == "/" else f"{there}/day"}, b""

        with web(answer) as server:
            options = ("--format", "flightwire", "--to", "feed", "--once", "--json")
            assert counts(feed_run("http-poll", f"{server.url}/", *options))["messages"] == 1
    assert [path for path, _ in server.asked] == ["/", "/next"]
    assert all(headers["x-api-key"] == KEY for _, headers in server.asked)
    assert "x-api-key" not in other.asked[0][1]
    assert len(stored(kinesis)) == 1


@pytest.mark.usefixtures("kinesis")
def test_keys_do_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_HTTP_HEADERS", f"X-Api-Key: {KEY}")
    result = feed_run("http-poll", "http://example.com/day")
    assert result.exit_code == 2
    assert "give an https URL" in result.stderr


def test_files_of_a_folder_are_loaded_packed_or_not_and_moved(
    kinesis: KinesisClient, tmp_path: Path
) -> None:
    drop, done = tmp_path / "drop", tmp_path / "done"
    drop.mkdir()
    (drop / "a.jsonl").write_bytes(message(1, T) + message(2, T))
    (drop / "b.jsonl.gz").write_bytes(gzip.compress(message(3, T)))
    (drop / "c.gz").write_bytes(gzip.compress(message(4, T))[:-9])
    (drop / "d.txt").write_bytes(b"nothing anybody knows")
    options = ("--to", "feed", "--done", done, "--every", "0.01", "--once", "--json")
    result = feed_run("folder", drop, *options)
    tally = counts(result)
    assert (tally["acknowledged"], tally["failures"]) == (3, 2)
    assert "c.gz: gzip data" in result.stderr
    assert "d.txt: of no known format" in result.stderr
    assert sorted(path.name for path in done.iterdir()) == ["a.jsonl", "b.jsonl.gz"]
    # Of the file cut short all whole messages have travelled; the rest goes when it is mended.
    assert len(stored(kinesis)) == 4
    assert {one.format for one in stored(kinesis)} == {"firehose"}


def test_sigterm_amid_a_put_sends_all_that_was_read_and_ends_well(
    kinesis: KinesisClient, cert: tuple[Path, Path]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    calls: list[object] = []

    def stop(**call: object) -> None:
        calls.append(call)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    clients.session().events.register("after-call.kinesis.PutRecords", stop)
    with firehose(cert, [message(1, T), b""]) as server:
        door = ("firehose", "--host", HOST, "--port", server.port, "--ca-file", cert[0])
        result = feed_run(*door, "--to", "feed", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["stopped"]) == (0, True)
    assert document["counts"]["acknowledged"] == 1
    assert {one.payload for one in stored(kinesis)} == {message(1, T)[:-1]}
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("door", [(), ("firehose",), ("http-poll",), ("folder",)])
def test_help_shows_examples(door: tuple[str, ...]) -> None:
    result = feed_run(*door, "--help")
    assert result.exit_code == 0
    assert "    flightwire feed run " in result.stdout


def feed_status(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["feed", "status", *map(str, arguments)])


@pytest.mark.usefixtures("kinesis")
def test_status_tells_heard_feeds_from_silent_ones() -> None:
    clock.set_now(T * 1000)
    try:
        assert feed_status("--legs-table", "legs").stdout == "no feed was heard yet\n"
        keep_pulses({"live": T * 1000}, open_legs("legs"), {"live": "firehose"})
        heard = feed_status("--legs-table", "legs")
        assert (heard.exit_code, "SILENT" in heard.stdout) == (0, False)
        clock.set_now(T * 1000 + 301_000)
        silent = feed_status("--legs-table", "legs")
        assert (silent.exit_code, silent.stdout.count("0:05:01 SILENT")) == (3, 1)
        document = json.loads(feed_status("--legs-table", "legs", "--json").stdout)
        assert document["feeds"][0]["silent_s"] == 301
    finally:
        clock.set_now(None)


@pytest.mark.usefixtures("kinesis")
@pytest.mark.parametrize(
    ("arguments", "exit_code", "word"),
    [
        ((), 1, "no local run"),
        (("--legs-table", "nope"), 1, "dynamodb:Scan"),
        (("--legs-table", "legs", "--sources", "nope"), 1, "filters/data/sources"),
        (("--to", "feed"), 2, "--legs-table"),
    ],
)
def test_status_names_what_to_do(arguments: tuple[str, ...], exit_code: int, word: str) -> None:
    result = feed_status(*arguments)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert word in result.stderr
