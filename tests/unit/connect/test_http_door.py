from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.standing import format_of
from pipeline.connect.fetch import (
    AddressError,
    Answer,
    FetchError,
    parsed,
    retry_after_s,
    shown,
)
from pipeline.connect.headers import HeaderError, headers_in
from pipeline.connect.http_poll import Poll, PollError, Request, Seen
from pipeline.ingest.producer import NotAcknowledgedError
from tests.unit.connect.doors import START_MS, World
from tests.unit.ingest.streams import SeededStream

URL = "https://board.example.com/day?key=c4n4ry"


def row(flight: str, **more: str) -> dict[str, str]:
    return {"flight": flight, "origin": "LHR", "date": "2026-11-20", **more}


def body(*rows: dict[str, str]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in rows)


class Server:
    """Gives one answer or failure after another; then the operator stops the poll."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = iter(answers)
        self.asked: list[Mapping[str, str]] = []

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        assert url == URL
        answer = next(self._answers, None)
        if answer is None:
            raise KeyboardInterrupt
        self.asked.append(headers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ok(data: bytes, **headers: str) -> Answer:
    return Answer(200, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def poll(world: World, server: Server, **asked: object) -> Poll:
    request = Request(**{"url": URL, "format": "flightwire", **asked})  # type: ignore[arg-type]  # a table of cases
    memory = world.memory(Seen)
    return Poll(request, server.get, world.sink(), memory, world.pulse(), world.around)


def play(world: World, *answers: Answer | Exception, **asked: object) -> Server:
    server = Server(*answers)
    with pytest.raises(KeyboardInterrupt):
        poll(world, server, **asked).run()
    return server


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_each_row_of_an_answer_is_a_message(world: World) -> None:
    play(world, ok(body(row("BA1"), row("BA2"))))
    assert [json.loads(one)["flight"] for one in world.payloads()] == ["BA1", "BA2"]
    (_, _, message) = next(m for m in world.stream.messages() if m[2].sequence == 1)
    assert (message.format, message.feed) == ("flightwire", "live")
    assert message.place.startswith("https://board.example.com/day")
    assert "c4n4ry" not in message.place


def test_the_next_poll_asks_only_for_what_changed(world: World) -> None:
    server = play(
        world,
        ok(body(row("BA1")), etag='"v1"', last_modified="Fri, 20 Nov 2026 08:00:00 GMT"),
        Answer(304, {}),
        Answer(304, {}),
    )
    assert server.asked[0] == {}
    assert server.asked[2] == {
        "If-None-Match": '"v1"',
        "If-Modified-Since": "Fri, 20 Nov 2026 08:00:00 GMT",
    }
    assert (world.tally.messages, world.tally.heartbeats) == (1, 3)
    assert world.legs.states["~feed:live"].received_at > START_MS


def test_what_was_seen_is_remembered_by_the_next_run(world: World) -> None:
    play(world, ok(body(row("BA1")), etag='"v1"'))
    server = play(world, Answer(304, {}))
    assert server.asked[0] == {"If-None-Match": '"v1"'}
    anew = Server(ok(body(row("BA1"))))
    poll(world, anew).run(once=True, anew=True)
    assert anew.asked[0] == {}
    assert world.tally.messages == 2


def test_the_same_body_is_a_heartbeat_and_rows_seen_before_are_not_sent(world: World) -> None:
    first = body(row("BA1"), row("BA2"))
    play(world, ok(first), ok(first), ok(body(row("BA1"), row("BA3"))))
    assert [json.loads(one)["flight"] for one in world.payloads()] == ["BA1", "BA2", "BA3"]
    assert world.tally.unchanged == 1


def test_a_row_that_changes_and_changes_back_is_news_twice(world: World) -> None:
    early, late = row("BA1", out_gate="A1"), row("BA1", out_gate="B2")
    play(world, ok(body(early)), ok(body(late)), ok(body(early)))
    assert [json.loads(one)["out_gate"] for one in world.payloads()] == ["A1", "B2", "A1"]


def test_polls_are_spread_around_the_interval(world: World) -> None:
    play(world, *[ok(body(row("BA1")))] * 3, interval_s=180.0)
    assert world.slept == [180.0] * 3


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (Answer(429, {"retry-after": "120"}), 120 + 2.5),
        (Answer(503, {"retry-after": "Tue, 25 Nov 2025 00:30:00 GMT"}), None),
        (Answer(429, {}), 2.5),
        (Answer(500, {}), 2.5),
        (Answer(502, {"retry-after": "soon"}), 2.5),
        (Answer(429, {"retry-after": "9" * 400}), 3600 + 2.5),
        (FetchError("timed out"), 2.5),
    ],
)
def test_a_busy_server_is_left_alone_as_long_as_it_says(
    world: World, answer: Answer | Exception, waits: float | None
) -> None:
    play(world, answer)
    if waits is not None:
        assert world.slept == [waits]
    assert world.slept[0] > 0
    assert (world.tally.failures, world.tally.heartbeats) == (1, 0)
    assert world.legs.writes == 0  # a busy server is no sign of life of its feed


def test_waits_grow_while_it_fails_and_shrink_when_it_works(world: World) -> None:
    busy = Answer(500, {})
    play(world, busy, busy, busy, ok(body(row("BA1"))), busy)
    assert world.slept == [2.5, 5, 10, 180, 2.5]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301, 304, 204])
def test_an_answer_that_will_not_change_ends_it_with_a_next_step(world: World, status: int) -> None:
    with pytest.raises(PollError) as refused:
        poll(world, Server(Answer(status, {}))).run()
    assert str(status) in str(refused.value)
    assert "c4n4ry" not in str(refused.value)
    assert refused.value.hint


def test_once_is_one_poll_and_a_failure_is_told(world: World) -> None:
    poll(world, Server(ok(body(row("BA1"))), ok(body(row("BA2"))))).run(once=True)
    assert (world.tally.messages, world.slept) == (1, [])
    with pytest.raises(PollError, match="the server says 503"):
        poll(world, Server(Answer(503, {}))).run(once=True)


AIDX_BUSY = (
    b'<?xml version="1.0"?><a:IATA_AIDX_FlightLegRS xmlns:a="http://www.iata.org/IATA/2007/00">'
    b'<a:Errors><a:Error Type="911">Throttled</a:Error></a:Errors></a:IATA_AIDX_FlightLegRS>'
)


@pytest.mark.parametrize("format_name", ["aidx", None])
def test_an_aidx_server_that_is_busy_has_not_said_that_no_flights_fly(
    world: World, format_name: str | None
) -> None:
    play(world, ok(AIDX_BUSY), format=format_name)
    assert world.payloads() == []
    assert (world.tally.failures, world.tally.heartbeats) == (1, 0)


def test_without_a_format_each_answer_is_recognised(world: World) -> None:
    csv = b"flight,origin,date,status\nBA1,LHR,2026-11-20,cancelled\nBA2,LHR,2026-11-20,\n"
    play(world, ok(csv), format=None)
    assert [m.format for _, _, m in world.stream.messages()] == ["flightwire"] * 2
    assert format_of(world.legs.states["~feed:live"]) == "flightwire"


def test_an_answer_nobody_knows_travels_whole_for_normalize_to_reject(world: World) -> None:
    page = b"<html><body>Down for maintenance</body></html>"
    play(world, ok(page), format=None)
    assert world.payloads() == [page]
    assert "no known format" in world.said[0]


@pytest.mark.parametrize("data", [b"", b" \n\t"])
def test_an_empty_answer_is_a_heartbeat(world: World, data: bytes) -> None:
    play(world, ok(data), format=None)
    assert (world.payloads(), world.tally.heartbeats) == ([], 1)


def test_an_unknown_answer_too_long_to_travel_is_kept_aside(world: World) -> None:
    page = b"<html>" + b"x" * 1_200_000
    play(world, ok(page), format=None)
    assert b"".join(part.payload for part in world.rejected) == page
    assert world.tally.too_long == 1


def test_nothing_is_remembered_that_kinesis_has_not_taken(tmp_path: Path) -> None:
    world = World(tmp_path, SeededStream(fail=1.0))
    with pytest.raises(NotAcknowledgedError):
        poll(world, Server(ok(body(row("BA1")), etag='"v1"'))).run()
    assert world.memory(Seen).read() is None


def test_keys_go_with_every_request(world: World) -> None:
    server = play(world, ok(b""), ok(b""), headers={"X-Key": "c4n4ry"})
    assert all(asked["X-Key"] == "c4n4ry" for asked in server.asked)
    assert "c4n4ry" not in "".join(world.said)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "data:text/plain,x",
        "/etc/passwd",
        "http://",
        "https://kay:c4n4ry@example.com/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://exämple.com/",
    ],
)
def test_only_http_addresses_without_credentials_are_fetched(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        parsed(url)
    assert "c4n4ry" not in str(refused.value)


def test_people_see_a_url_without_its_query() -> None:
    assert shown(URL) == "https://board.example.com/day"


@given(st.text(max_size=40))
def test_any_retry_after_is_a_wait_or_nothing(text: str) -> None:
    wait = retry_after_s(Answer(429, {"retry-after": text}), 1_764_000_000)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("Mon, 24 Nov 2025 16:01:00 GMT", 60.0),
        ("Mon, 24 Nov 2025 15:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("Mon, 24 Nov 2025 16:01:00", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s(Answer(429, {"retry-after": text}), 1_764_000_000) == seconds


def test_headers_are_lines_of_names_and_values() -> None:
    text = "# key of the board\nX-Api-Key: c4n4ry \n\nAccept:application/json\n"
    assert headers_in(text, "key.txt") == {"X-Api-Key": "c4n4ry", "Accept": "application/json"}


@pytest.mark.parametrize(
    "text", ["c4n4ry", ": c4n4ry", "X Key: c4n4ry", "Key: c4n4ry\x00", "K: pä", "Host: c4n4ry"]
)
def test_a_line_that_is_no_header_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(HeaderError, match=r"^key\.txt, line 2: ") as refused:
        headers_in("A: b\n" + text, "key.txt")
    assert "c4n4ry" not in str(refused.value)


def test_a_body_is_remembered_by_its_digest(world: World) -> None:
    play(world, ok(body(row("BA1"))))
    seen = world.memory(Seen).read()
    assert seen is not None
    assert seen.sha256 == hashlib.sha256(body(row("BA1"))).hexdigest()
