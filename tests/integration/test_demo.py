"""The demonstration keeps its promises: told rightly, once, in any order, through any crash.

The whole storm day runs once; determinism, chaos and disorder run on its first flights.
"""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
from functools import cache

import msgspec
import pytest

from filters.normalize import normalize
from filters.outcome import Reject
from pipeline.demo.day import Day, Wish, day_of, told
from pipeline.demo.flights import flights_of
from pipeline.demo.outcome import DemoOutcome
from pipeline.demo.play import play
from pipeline.local.loop import run
from schemas.records import FeedMessage
from tests.unit.filters.records import SOURCES

pytestmark = pytest.mark.integration
FLIGHTS = 90
START_MS = 1_360_281_600_000


@cache
def storm() -> dict[str, object]:
    """What `flightwire demo --json` prints for the storm day."""
    command = [sys.executable, "-m", "pipeline.cli", "demo", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, object] = json.loads(done.stdout)
    return found


def part(wish: Wish) -> Day:
    """The feed and bookings of some flights of the storm day, those of all fates among them."""
    return told(flights_of(wish.date)[::10], wish)


@cache
def played(wish: Wish) -> DemoOutcome:
    day = part(wish)
    return run(
        lambda clock: play(clock, wish, day, lambda _what, _share: None),
        virtual=True,
        start_ms=START_MS,
    )


def again(wish: Wish) -> DemoOutcome:
    return played.__wrapped__(wish)


def at(document: object, *path: str) -> object:
    for name in path:
        assert isinstance(document, dict)
        document = document[name]
    return document


def test_all_flights_of_the_storm_day_are_known_and_472_end_cancelled() -> None:
    assert (storm()["legs"], storm()["legs_cancelled"], storm()["flights"]) == (930, 472, 930)


@pytest.mark.parametrize("kind", ["cancelled", "reinstated"])
def test_everybody_concerned_is_told_and_nobody_else(kind: str) -> None:
    account = at(storm(), kind)
    assert isinstance(account, dict)
    assert account["due"] == account["told"] > 0
    assert (account["missing"], account["stray"]) == (0, 0)
    assert account["legs"] == {"cancelled": 472, "reinstated": 6}[kind]


def test_exactly_the_25_broken_messages_are_dead_letters_with_their_bytes_and_reason() -> None:
    day = day_of(Wish())
    broken = [line.payload for line in day.lines if line.kind == "broken"]
    letters = storm()["dead_letters"]
    assert isinstance(letters, list)
    assert sorted(base64.b64decode(letter["body"]) for letter in letters) == sorted(broken)
    assert len(letters) == 25
    reasons = {
        outcome.reason
        for outcome in normalize(list(day.feed(lambda _line: 0)), sources=SOURCES)
        if isinstance(outcome, Reject)
    }
    assert {letter["reason"] for letter in letters} == reasons
    assert all(letter["place"].startswith("nyc-2013.jsonl:") for letter in letters)


def test_every_record_is_explained() -> None:
    assert at(storm(), "conservation", "balanced") is True
    assert at(storm(), "conservation", "unexplained") == 0
    stages = storm()["stages"]
    assert isinstance(stages, list)
    for row in stages:
        ended = sum(row["dropped"].values()) + sum(
            row[name] for name in ("forwarded", "rejected", "failed", "duplicate", "stale")
        )
        assert row["in"] == ended
        assert row["in_queue"] == 0
    assert stages[0]["in"] == storm()["feed_messages"]
    for before, after in itertools.pairwise(stages):
        assert before["outputs"] == after["in"]


def test_packing_keeps_queue_messages_below_a_tenth_of_the_feed() -> None:
    share = at(storm(), "requests", "queue_messages_per_feed_message")
    assert isinstance(share, float)
    assert 0 < share <= 0.1


def test_detect_writes_each_leg_at_most_once_a_batch() -> None:
    writes = at(storm(), "detect_writes")
    assert isinstance(writes, dict)
    assert writes["legs_written_twice_in_a_batch"] == 0
    assert 0 < writes["leg_writes"] <= writes["legs_touched"]
    refused = writes["item_writes"] - (
        writes["leg_writes"] + writes["link_writes"] + writes["receipts"]
    )
    assert 0 <= refused <= writes["item_writes"] // 100


def test_the_distributed_run_ends_in_the_states_of_the_replay() -> None:
    assert at(storm(), "replay", "matches") is True


def test_running_twice_gives_the_same_of_everything_but_the_walls_time() -> None:
    first, second = played(Wish()), again(Wish())
    assert json_of(first) == json_of(second)
    assert first.sends > 0


def json_of(outcome: DemoOutcome) -> dict[str, object]:
    body: dict[str, object] = msgspec.to_builtins(outcome)
    del body["wall_s"]
    return body


def test_another_seed_is_another_day_and_still_balances() -> None:
    other = played(Wish(seed=7))
    assert other.conservation.balanced
    assert other.states_hash != played(Wish()).states_hash
    assert len(other.dead_letters) == 25
    assert (other.cancelled.missing, other.cancelled.stray) == (0, 0)


def test_killed_workers_change_neither_states_nor_who_is_told() -> None:
    calm, chaos = played(Wish()), played(Wish(kills=5))
    assert chaos.kills == 5
    assert chaos.states_hash == calm.states_hash
    assert chaos.recipients_hash == calm.recipients_hash
    assert 0 <= chaos.extra_sends <= chaos.kills
    assert chaos.conservation.balanced


@pytest.mark.ministack
def test_another_endpoint_gives_the_same_account() -> None:
    ours, other = played(Wish()), played(Wish(backend="ministack"))
    assert (other.states_hash, other.notices_hash) == (ours.states_hash, ours.notices_hash)
    assert other.stages == ours.stages


def test_disorder_and_duplicates_end_in_the_same_states() -> None:
    calm, disorder = played(Wish()), played(Wish(shuffle=True, duplicate=0.2))
    assert disorder.feed_messages > calm.feed_messages
    assert disorder.states_hash == calm.states_hash
    assert disorder.conservation.balanced


def test_a_day_outside_the_data_is_a_usage_error_that_says_what_to_give() -> None:
    command = [sys.executable, "-m", "pipeline.cli", "demo", "--date", "2014-01-01"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "2013" in done.stderr
    assert done.stdout == ""


def test_no_address_leaves_the_sender() -> None:
    addresses = {
        address
        for contact in day_of(Wish()).travellers.contacts
        for address in (contact.phone, contact.email, contact.name)
        if address
    }
    shown = json.dumps(storm())
    assert not [address for address in addresses if address in shown]


def test_the_feed_message_type_is_what_ingest_makes() -> None:
    message = next(iter(part(Wish()).feed(lambda _line: 5)))
    assert isinstance(message, FeedMessage)
    assert message.received_at == 5
