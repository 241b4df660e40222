from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.connect.firehose import Firehose, FirehoseError, Login, Mark, Plan, command
from pipeline.connect.memory import Memory
from pipeline.ingest.checkpoint import CheckpointError
from pipeline.ingest.producer import Entry, NotAcknowledgedError, PutResult
from tests.unit.connect.doors import KEY, START_MS, Line, Script, Silence, World
from tests.unit.ingest.streams import SeededStream

LOGIN = Login("kay", "c4n4ry-pass")
T = 1_764_000_000


def message(number: int, pitr: int, **more: str) -> bytes:
    fields = {"type": "flifo", "pitr": str(pitr), "id": f"UAL{number}-1-fa-0001", **more}
    return json.dumps(fields).encode() + b"\n"


def keepalive(pitr: int) -> bytes:
    return b'{"type":"keepalive","serverTime":"%d","pitr":"%d"}\n' % (pitr, pitr)


def door(world: World, line: Line, plan: Plan | None = None) -> Firehose:
    memory = world.memory(Mark)
    sink, pulse = world.sink(), world.pulse()
    return Firehose(plan or Plan(), LOGIN, line.connect, sink, memory, pulse, world.around)


def play(world: World, *scripts: Script, plan: Plan | None = None) -> Line:
    """Run through the scripts until the operator stops it."""
    line = Line(world, *scripts)
    with pytest.raises(KeyboardInterrupt):
        door(world, line, plan).run()
    return line


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("plan", "begin", "words"),
    [
        (Plan(), None, "live username kay password c4n4ry-pass keepalive 60"),
        (Plan(), T, f"pitr {T} username kay password c4n4ry-pass keepalive 60"),
        (
            Plan(until=T + 60, keepalive_s=30),
            T,
            f"range {T} {T + 60} username kay password c4n4ry-pass keepalive 30",
        ),
        (
            Plan(airports="EGLL K???"),
            None,
            'live username kay password c4n4ry-pass keepalive 60 airport_filter "EGLL K???"',
        ),
        (
            Plan(compressed=True, events="flifo"),
            None,
            'live username kay password c4n4ry-pass keepalive 60 compression gzip events "flifo"',
        ),
    ],
)
def test_the_command_is_one_line(plan: Plan, begin: int | None, words: str) -> None:
    assert command(plan, LOGIN, begin) == words.encode() + b"\n"


@pytest.mark.parametrize(
    ("plan", "login"),
    [
        (Plan(), Login("kay\nlive", "x")),
        (Plan(), Login("kay", "two words")),
        (Plan(), Login("", "x")),
        (Plan(), Login("kay", "pässword")),
        (Plan(events='flifo" live "'), LOGIN),
        (Plan(airports="EGLL\nlive"), LOGIN),
        (Plan(until=T), LOGIN),
    ],
)
def test_what_a_command_cannot_hold_is_refused_without_showing_the_login(
    plan: Plan, login: Login
) -> None:
    with pytest.raises(FirehoseError) as refused:
        command(plan, login, None)
    said = f"{refused.value}{refused.value.hint}{login!r}"
    assert login.password == "x" or not login.password or login.password not in said


def test_messages_arrive_and_keepalives_are_counted(world: World) -> None:
    play(world, [message(1, T) + message(2, T + 1), keepalive(T + 2), message(3, T + 3)])
    assert world.payloads() == [
        message(1, T)[:-1],
        message(2, T + 1)[:-1],
        message(3, T + 3)[:-1],
    ]
    (_, _, first) = next(m for m in world.stream.messages() if m[2].sequence == 1)
    assert (first.format, first.feed, first.place) == ("firehose", "live", "firehose:1")
    assert (world.tally.heartbeats, world.tally.acknowledged) == (1, 3)


def test_it_begins_with_live_and_goes_on_from_the_last_acknowledged_moment(world: World) -> None:
    line = play(world, [message(1, T), keepalive(T + 60)], [message(2, T + 61)])
    assert [c.split(b" username")[0] for c in line.commands] == [b"live", b"pitr %d" % (T + 60)]
    again = play(world, [])
    assert again.commands[0].startswith(b"pitr %d " % (T + 61))
    assert all(wire.closed for wire in (*line.wires, *again.wires))


def test_a_cut_within_a_line_loses_nothing_and_sends_no_half_message(world: World) -> None:
    whole = message(2, T + 1)
    line = play(world, [message(1, T) + whole[:30]], [whole])
    assert world.payloads() == [message(1, T)[:-1], whole[:-1]]
    assert line.commands[1].startswith(b"pitr %d " % T)
    assert "cut within a message" in world.said[0]


@given(cuts=st.lists(st.integers(0, 400), max_size=8), where=st.integers(0, 400))
def test_no_cut_anywhere_loses_a_message(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], where: int
) -> None:
    world = World(tmp_path_factory.mktemp("cut"))
    sent = [message(n, T + n) for n in range(6)]
    stream = b"".join(sent)
    ends = sorted({0, *(min(cut, where) for cut in cuts), where})
    before = [stream[a:b] for a, b in pairwise(ends) if stream[a:b]]
    line = Line(world, before, sent[:0])
    firehose = door(world, line)
    with pytest.raises(KeyboardInterrupt):
        firehose.run()
    asked = line.commands[1].split()
    since = int(asked[1]) if asked[0] == b"pitr" else T
    play(world, [one for n, one in enumerate(sent) if T + n >= since])
    assert set(world.payloads()) == {one[:-1] for one in sent}


def test_an_unended_line_of_a_range_is_asked_for_again(world: World) -> None:
    plan = Plan(begin=T, until=T + 100)
    line = Line(world, [message(1, T + 1), message(2, T + 2)[:-5]], [message(2, T + 2)])
    door(world, line, plan).run()
    assert [c.split(b" username")[0] for c in line.commands] == [
        b"range %d %d" % (T, T + 100),
        b"range %d %d" % (T + 1, T + 100),
    ]
    assert len(world.payloads()) == 2


def test_a_range_ends_when_the_server_hangs_up(world: World) -> None:
    line = Line(world, [message(1, T), message(2, T + 1)])
    door(world, line, Plan(begin=T, until=T + 1)).run()
    assert world.tally.acknowledged == 2
    assert len(line.wires) == 1


def test_a_live_connection_the_server_ends_is_made_again(world: World) -> None:
    line = play(world, [keepalive(T)], [keepalive(T)])
    assert len(line.wires) == 2
    assert world.said[0] == "the server hung up; connecting again in 0 s"


def test_five_keepalives_of_one_moment_are_a_stall(world: World) -> None:
    line = play(world, [keepalive(T)] * 9, [])
    assert world.tally.heartbeats == 5
    assert "stalled: 5 keep-alives of the same moment" in world.said[0]
    assert line.commands[1].startswith(b"pitr %d " % T)


def test_keepalives_that_move_or_have_news_between_are_no_stall(world: World) -> None:
    moving = [keepalive(T + n) for n in range(8)]
    interrupted = [*[keepalive(T + 9)] * 4, message(1, T + 9), *[keepalive(T + 9)] * 4]
    play(world, [*moving, *interrupted])
    assert (world.tally.heartbeats, world.tally.messages) == (16, 1)
    assert not any("stalled" in one for one in world.said)


def test_silence_longer_than_two_and_a_half_keepalives_is_a_lost_connection(world: World) -> None:
    plan = Plan(keepalive_s=60)
    play(world, [keepalive(T), Silence(149), keepalive(T + 149), Silence(500)], plan=plan)
    assert world.now == pytest.approx(149 + 150, abs=1.5)
    assert "nothing heard for 150 s" in world.said[0]


def test_what_is_read_is_sent_soon_although_nothing_follows(world: World) -> None:
    class Watching(SeededStream):
        def put(self, entries: Sequence[Entry]) -> Sequence[PutResult]:
            times.append(world.now)
            return super().put(entries)

    times: list[float] = []
    world.stream = Watching()
    play(world, [message(1, T), Silence(20), message(2, T + 20), Silence(20)])
    assert times == pytest.approx([0.5, 20.5], abs=0.1)


@pytest.mark.parametrize(
    "fault", [ConnectionResetError("reset by peer"), ssl.SSLError("bad record"), TimeoutError()]
)
def test_a_lost_connection_is_made_again_with_growing_jitter(
    world: World, fault: Exception
) -> None:
    play(world, *[[fault]] * 8)
    assert world.slept[:7] == [0.5, 1, 2, 4, 8, 16, 30]
    assert world.tally.failures == 8


def test_hearing_something_makes_the_next_wait_short_again(world: World) -> None:
    reset = ConnectionResetError()
    play(world, [reset], [reset], [keepalive(T), reset], [reset])
    assert world.slept == [0.5, 1, 0.5, 1]


def test_a_certificate_nobody_vouches_for_ends_it(world: World) -> None:
    error = ssl.SSLCertVerificationError("self-signed certificate")
    with pytest.raises(FirehoseError) as refused:
        door(world, Line(world, [error])).run()
    assert "--ca-file" in refused.value.hint


def test_an_error_message_ends_it_and_hides_the_password(world: World) -> None:
    said = b'{"type":"error","error_msg":"bad login kay / c4n4ry-pass"}\n'
    line = Line(world, [message(1, T), said, message(2, T)])
    with pytest.raises(FirehoseError) as refused:
        door(world, line).run()
    assert str(refused.value) == "Firehose refused: bad login kay / ***"
    assert "FLIGHTWIRE_FIREHOSE_PASSWORD" in refused.value.hint
    assert world.tally.acknowledged == 1  # what came before it is safe
    assert len(line.wires) == 1


def test_what_a_server_says_cannot_play_with_the_terminal(world: World) -> None:
    said = json.dumps({"type": "error", "error_msg": "\x1b[2Jall\nwell\u202e"}).encode() + b"\n"
    with pytest.raises(FirehoseError) as refused:
        door(world, Line(world, [said])).run()
    assert str(refused.value) == "Firehose refused: ?[2Jall?well?"


def test_once_is_one_connection(world: World) -> None:
    line = Line(world, [keepalive(T)], [keepalive(T)])
    door(world, line).run(once=True)
    assert len(line.wires) == 1


def test_anew_forgets_where_it_was(world: World) -> None:
    play(world, [message(1, T)])
    line = Line(world, [])
    door(world, line).run(once=True, anew=True)
    assert line.commands[0].startswith(b"live ")


@pytest.mark.parametrize("pitr", ["", "0", "-5", "9" * 5000, "now", "1764000000.5"])
def test_a_pitr_that_is_none_is_no_place_to_go_on_from(world: World, pitr: str) -> None:
    fields = {"type": "flifo", "pitr": pitr, "id": "X"}
    odd = json.dumps(fields).encode() + b"\n"
    line = play(world, [message(1, T), odd], [])
    assert line.commands[1].startswith(b"pitr %d " % T)
    assert len(world.payloads()) == 2


def test_broken_lines_travel_for_normalize_to_reject(world: World) -> None:
    broken = [b"{", b"\xff\xfe", b"[" * 5000, b'{"type":1}', b"null"]
    play(world, [b"\n".join(broken) + b"\n"])
    assert world.payloads() == broken


def test_a_line_too_long_to_travel_is_kept_aside(world: World) -> None:
    long = b'{"id":"' + b"x" * 600_000
    play(world, [long[:300_000], long[300_000:] + b"\n", message(1, T)])
    assert world.payloads() == [message(1, T)[:-1]]
    assert b"".join(part.payload for part in world.rejected) == long
    assert world.tally.too_long == 1


def test_compressed_lines_are_inflated_as_they_arrive(world: World) -> None:
    data = b"".join(message(n, T + n) for n in range(50))
    packed = gzip.compress(data[:900]) + gzip.compress(data[900:])
    chunks = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    play(world, chunks, plan=Plan(compressed=True))
    assert len(world.payloads()) == 50


def test_a_stream_that_is_no_gzip_is_a_lost_connection(world: World) -> None:
    play(world, [message(1, T)], plan=Plan(compressed=True))
    assert world.tally.failures == 1


def test_a_small_message_that_inflates_hugely_is_taken_in_parts(world: World) -> None:
    bomb = gzip.compress(b"x" * 20_000_000 + b"\n" + message(1, T))
    play(world, [bomb], plan=Plan(compressed=True))
    assert world.payloads() == [message(1, T)[:-1]]
    assert max(len(part.payload) for part in world.rejected) <= 512 * 1024


def test_nothing_is_remembered_that_kinesis_has_not_taken(tmp_path: Path) -> None:
    world = World(tmp_path, SeededStream(fail=1.0))
    line = Line(world, [message(1, T), Silence(5)])
    with pytest.raises(NotAcknowledgedError):
        door(world, line).run()
    assert world.memory(Mark).read() is None


def test_the_pulse_of_a_quiet_feed_is_kept_and_not_at_every_keepalive(world: World) -> None:
    script: list[bytes | Silence | Exception] = []
    for n in range(10):
        script += [keepalive(T + n), Silence(10)]
    play(world, script)
    assert world.legs.writes == 4  # at 0, 30, 60 and 90 seconds
    assert world.legs.states["~feed:live"].received_at == START_MS + 90_000


def test_a_legs_table_that_fails_is_told_once_and_stops_nothing(world: World) -> None:
    world.legs.fails = True
    play(world, [keepalive(T), Silence(60), keepalive(T + 60), message(1, T + 60)])
    assert sum("legs table cannot be written" in one for one in world.said) == 1
    assert world.tally.acknowledged == 1


def test_two_processes_do_not_run_one_door(world: World) -> None:
    first, second = (Memory(world.folder, KEY, Mark) for _ in range(2))
    with first.held(), pytest.raises(CheckpointError), second.held():
        pass


def test_a_memory_that_cannot_be_read_says_what_to_do(world: World) -> None:
    memory = world.memory(Mark)
    memory.write(Mark(T))
    memory.path.write_bytes(b"{")
    with pytest.raises(CheckpointError, match="remove it to begin anew"):
        memory.read()
