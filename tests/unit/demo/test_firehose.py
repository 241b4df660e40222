from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.legs import LegState, fold
from filters.normalize import normalize
from filters.outcome import Forward, Reject
from pipeline.demo.faults import FAULTS
from pipeline.demo.firehose import BROKEN, LATE, TWICE, FirehoseLine, messages
from pipeline.demo.flights import Flight
from schemas.records import FeedMessage, FlightStatus
from tests.unit.filters.records import SOURCES

MINUTE = 60
HOUR = 3600


def sound(lines: list[FirehoseLine]) -> list[FirehoseLine]:
    """What the feed says, each message once."""
    return [line for line in lines if line.kind != "broken" and not line.duplicate]


def fields(line: FirehoseLine) -> dict[str, str]:
    said: dict[str, str] = json.loads(line.payload)
    return said


def pitr(line: FirehoseLine) -> int:
    return int(fields(line)["pitr"])


def by_leg(lines: list[FirehoseLine]) -> dict[str, list[FirehoseLine]]:
    """Each leg's messages as the feed means them, by pitr."""
    legs: dict[str, list[FirehoseLine]] = defaultdict(list)
    for line in sorted((line for line in sound(lines) if line.leg), key=pitr):
        legs[line.leg or ""].append(line)
    return legs


def digest(lines: list[FirehoseLine]) -> str:
    arrivals = b"".join(b"%d %s\n" % (line.received_ms, line.payload) for line in lines)
    return hashlib.sha256(arrivals).hexdigest()


def as_feed_messages(lines: list[FirehoseLine]) -> list[FeedMessage]:
    return [
        FeedMessage(
            id=hashlib.sha256(line.payload).hexdigest()[:32],
            format="firehose",
            feed="demo",
            received_at=line.received_ms,
            payload=line.payload,
        )
        for line in lines
    ]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    storm: list[Flight], feed: list[FirehoseLine], seed: int
) -> None:
    assert digest(messages(storm, seed=seed)) == digest(feed)
    assert digest(messages(storm, seed=seed + 1)) != digest(feed)


def test_the_storm_day_is_five_to_six_thousand_messages(feed: list[FirehoseLine]) -> None:
    assert 5_000 <= len(feed) <= 6_000
    kinds = Counter(line.kind for line in sound(feed))
    assert kinds["cancellation"] == 472 + 6
    assert kinds["weak_cancellation"] == 12
    assert kinds["reinstatement"] == 6
    assert kinds["unknown"] == 1
    assert kinds["schedule"] == 930
    assert kinds["offblock"] == kinds["departure"] == 930 - 472
    assert kinds["arrival"] == kinds["onblock"] == 930 - 472 - 3
    assert min(kinds["keepalive"], kinds["position"], kinds["gates"], kinds["enroute"]) > 50


def test_every_value_is_a_string_and_every_flight_message_names_its_flight(
    storm: list[Flight], feed: list[FirehoseLine]
) -> None:
    flights = {flight.leg: flight for flight in storm}
    for line in sound(feed):
        said = fields(line)
        assert all(isinstance(value, str) for value in said.values())
        if line.leg is None:
            assert said.keys() == {"type", "serverTime", "pitr"}
            continue
        flight = flights[line.leg]
        assert said["ident"] == flight.ident
        assert re.fullmatch(rf"{flight.ident}-13\d{{8}}-airline-\d{{4}}", said["id"])
        if said["type"] != "extendedFlightInfo":
            assert said["orig"] == f"K{flight.origin}"
            assert re.fullmatch("[A-Z]{4}", said["dest"])
        assert said.get("reg") in (flight.tail, None)


def test_messages_have_the_fields_of_the_genuine_ones(
    feed: list[FirehoseLine], samples: Path
) -> None:
    genuine: dict[str, set[str]] = defaultdict(set)
    for name in ("firestarter_2020_flight_events", "firestarter_2020_positions"):
        path = samples / "flightaware-firehose" / f"{name}.jsonl"
        for text in path.read_text().splitlines():
            message = json.loads(text)
            genuine[message["type"]] |= message.keys()
    # The genuine flifo was cut down by its authors; its fields stand in the documentation.
    documented = {
        f"{how}_{what}"
        for how in ("scheduled", "estimated", "actual")
        for what in ("out", "off", "on", "in", "departure_gate", "arrival_gate")
    }
    departure = {"adt", *genuine["arrival"]}
    ours: dict[str, set[str]] = defaultdict(set)
    for line in sound(feed):
        ours[fields(line)["type"]] |= fields(line).keys()
    for kind in ("keepalive", "offblock", "onblock", "cancellation", "arrival", "position"):
        assert ours[kind] <= genuine[kind] | {"reg"}
    assert ours["extendedFlightInfo"] <= genuine["extendedFlightInfo"] | documented | {"reg"}
    assert ours["flifo"] <= genuine["flifo"] | documented | {"status", "reg"}
    assert ours["departure"] <= departure


def test_no_two_messages_of_a_flight_have_the_same_pitr(feed: list[FirehoseLine]) -> None:
    for lines in by_leg(feed).values():
        moments = [pitr(line) for line in lines]
        assert len(set(moments)) == len(moments)


def test_pitr_orders_each_flight_from_schedule_to_on_block(feed: list[FirehoseLine]) -> None:
    flown = ("offblock", "departure", "arrival", "onblock")
    for lines in by_leg(feed).values():
        kinds = [line.kind for line in lines]
        assert kinds[0] == "schedule"
        told = [kind for kind in kinds if kind in flown]
        assert told == list(flown[: len(told)])
        if "offblock" in kinds:
            before = kinds[: kinds.index("offblock")]
            assert set(kinds) - set(before) <= {*flown, "enroute", "position"}


def test_a_share_arrives_late_and_a_share_twice(feed: list[FirehoseLine]) -> None:
    first = sound(feed)
    late = [line for line in first if line.late]
    assert len(late) == round(LATE * len(first))
    for line in first:
        lag = line.received_ms / 1000 - pitr(line)
        assert (5 * MINUTE <= lag <= 91 * MINUTE) if line.late else (0 < lag < 3)
    again = [line for line in feed if line.duplicate]
    assert len(again) == round(TWICE * len(first))
    seen: dict[bytes, int] = {}
    for line in feed:
        if line.duplicate:
            assert line.received_ms > seen[line.payload]
        seen.setdefault(line.payload, line.received_ms)
    assert len(seen) == len(first) + BROKEN


def test_lines_come_in_the_order_of_their_arrival_which_is_not_that_of_pitr(
    feed: list[FirehoseLine],
) -> None:
    moments = [line.received_ms for line in feed]
    assert moments == sorted(moments)
    said = [pitr(line) for line in sound(feed)]
    assert said != sorted(said)


def test_exactly_25_messages_are_broken_in_every_known_way(feed: list[FirehoseLine]) -> None:
    bad = [line for line in feed if line.kind == "broken"]
    assert len(bad) == BROKEN == 25
    assert {line.fault for line in bad} == set(FAULTS)
    assert len(FAULTS) >= 10
    good = {line.payload for line in sound(feed)}
    assert len({line.payload for line in bad} - good) == BROKEN
    assert not any(line.duplicate or line.late or line.leg for line in bad)


def test_no_line_holds_a_line_break_or_is_blank(feed: list[FirehoseLine]) -> None:
    assert not any(b"\n" in line.payload or b"\r" in line.payload for line in feed)
    assert all(line.payload.strip() for line in feed)


def test_normalize_rejects_the_broken_messages_and_no_other(feed: list[FirehoseLine]) -> None:
    outcomes = normalize(as_feed_messages(feed), sources=SOURCES)
    for line, outcome in zip(feed, outcomes, strict=True):
        assert isinstance(outcome, Reject) == (line.kind == "broken"), (line, outcome)


def test_the_newest_word_on_every_leg_is_true(
    storm: list[Flight], feed: list[FirehoseLine], seed: int
) -> None:
    shuffled = feed[:]
    Random(seed).shuffle(shuffled)
    statuses: dict[str | None, list[FlightStatus]] = defaultdict(list)
    for line, outcome in zip(
        shuffled, normalize(as_feed_messages(shuffled), sources=SOURCES), strict=True
    ):
        if isinstance(outcome, Forward):
            statuses[line.leg].extend(cast("tuple[FlightStatus, ...]", outcome.outputs))
    assert statuses.keys() == {flight.leg for flight in storm}
    for flight in storm:
        state, _ = fold(LegState(key=flight.leg), statuses[flight.leg])
        assert state.word("life") == ("cancelled" if flight.cancelled else "operating")
        assert state.time("out_scheduled") == flight.out_scheduled
        assert state.time("in_scheduled") == flight.in_scheduled
        assert state.time("out_actual") == flight.out_actual
        assert state.time("in_actual") == flight.in_actual
        if flight.out_actual is not None:
            assert flight.out_actual < (state.time("off_actual") or 0)
        if flight.in_actual is not None:
            on = state.time("on_actual") or 0
            assert (state.time("off_actual") or 0) < on < flight.in_actual


def test_a_cancellation_comes_on_the_afternoon_before_or_hours_ahead(
    storm: list[Flight], feed: list[FirehoseLine]
) -> None:
    legs = by_leg(feed)
    day_before = 0
    for flight in (flight for flight in storm if flight.cancelled):
        (cancelled,) = (line for line in legs[flight.leg] if line.kind == "cancellation")
        assert legs[flight.leg][-1].kind in ("cancellation", "unknown")
        said = fields(cancelled)
        assert (said["status"], said["trueCancel"]) == ("X", "1")
        assert int(said["fdt"]) * 1000 == flight.out_scheduled
        ahead = flight.out_scheduled // 1000 - pitr(cancelled)
        # 7 February, 12:00 to 18:30 in New York.
        afternoon = 1_360_256_400 <= pitr(cancelled) <= 1_360_256_400 + 6.5 * HOUR
        assert afternoon or 2 * HOUR <= ahead <= 12 * HOUR
        day_before += afternoon
    assert day_before > 472 / 3


def test_a_weak_cancellation_comes_before_the_certain_one(feed: list[FirehoseLine]) -> None:
    legs = by_leg(feed)
    weak = [lines for lines in legs.values() if "weak_cancellation" in {x.kind for x in lines}]
    assert len(weak) == 12
    for lines in weak:
        kinds = [line.kind for line in lines]
        assert kinds.index("weak_cancellation") < kinds.index("cancellation")
        (first,) = (line for line in lines if line.kind == "weak_cancellation")
        assert fields(first)["trueCancel"] == "0"


def test_six_flown_flights_were_cancelled_and_taken_back(
    storm: list[Flight], feed: list[FirehoseLine]
) -> None:
    flights = {flight.leg: flight for flight in storm}
    back = {
        leg: lines
        for leg, lines in by_leg(feed).items()
        if "reinstatement" in {line.kind for line in lines}
    }
    assert len(back) == 6
    for leg, lines in back.items():
        assert flights[leg].in_actual is not None
        kinds = [line.kind for line in lines]
        gone = kinds.index("cancellation")
        assert kinds[gone + 1] == "reinstatement"
        assert 45 * MINUTE < pitr(lines[gone + 1]) - pitr(lines[gone]) <= 81 * MINUTE
        said = fields(lines[gone + 1])
        assert said["status"] == "S"
        assert int(said["scheduled_out"]) * 1000 == flights[leg].out_scheduled
        assert {"estimated_out", "estimated_in"} <= said.keys()


def test_estimates_lie_ahead_and_end_near_the_truth(
    storm: list[Flight], feed: list[FirehoseLine]
) -> None:
    legs = by_leg(feed)
    for flight in storm:
        estimates = [line for line in legs[flight.leg] if line.kind == "estimate"]
        for line in estimates:
            said = fields(line)
            assert int(said["estimated_out"]) > pitr(line)
            assert int(said["estimated_out"]) < int(said["estimated_in"])
        if flight.out_actual is not None and estimates:
            last = int(fields(estimates[-1])["estimated_out"])
            assert abs(last - flight.out_actual // 1000) <= 8 * MINUTE
            assert pitr(estimates[0]) >= flight.out_scheduled // 1000 - 3 * HOUR
    late = [f for f in storm if f.out_actual and f.out_actual - f.out_scheduled >= HOUR * 1000]
    assert len(late) > 20
    assert all(sum(x.kind == "estimate" for x in legs[f.leg]) >= 3 for f in late)


def test_more_duplicates_on_request(storm: list[Flight], seed: int) -> None:
    lines = messages(storm, seed=seed, duplicate=0.5)
    first = sound(lines)
    again = [line for line in lines if line.duplicate]
    assert len(again) == round(TWICE * len(first)) + round(0.5 * len(first))
    assert {line.payload for line in again} <= {line.payload for line in first}


def test_a_shuffled_feed_has_the_same_messages_and_moments_in_another_order(
    storm: list[Flight], feed: list[FirehoseLine], seed: int
) -> None:
    lines = messages(storm, seed=seed, shuffle=True)
    assert [line.received_ms for line in lines] == [line.received_ms for line in feed]
    assert Counter(line.payload for line in lines) == Counter(line.payload for line in feed)
    same_place = sum(a.payload == b.payload for a, b in zip(lines, feed, strict=True))
    assert same_place < len(feed) / 100


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 929), count=st.integers(1, 12))
def test_few_flights_make_a_sound_feed_too(
    storm: list[Flight], seed: int, first: int, count: int
) -> None:
    flights = storm[first : first + count]
    lines = messages(flights, seed=seed)
    bad = [line for line in lines if line.kind == "broken"]
    assert len({line.payload for line in bad}) == BROKEN
    legs = by_leg(lines)
    assert legs.keys() == {flight.leg for flight in flights}
    for flight in flights:
        moments = [pitr(line) for line in legs[flight.leg]]
        assert len(set(moments)) == len(moments)
        kinds = {line.kind for line in legs[flight.leg]}
        assert ("offblock" in kinds) != flight.cancelled


@pytest.mark.parametrize("duplicate", [-0.1, -1.0])
def test_a_negative_share_of_duplicates_is_refused(storm: list[Flight], duplicate: float) -> None:
    with pytest.raises(ValueError, match="a share of duplicates from 0 up"):
        messages(storm, seed=1, duplicate=duplicate)


def test_a_feed_of_no_flights_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one flight"):
        messages([], seed=1)
