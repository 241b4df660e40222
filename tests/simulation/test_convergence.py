"""At rest, whatever happened on the way: the right state, nobody misinformed, no needless word.

Schedule number N is made from the seed N alone: `--seed=N` begins with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from filters.detect import Reading, Written
from filters.legs import Cell, LegState, cells_of, known_legs, leg_key, version_of
from filters.normalize import normalize
from filters.outcome import Forward
from filters.people import Booking
from schemas.records import FeedMessage, FlightStatus, Notice
from tests.simulation.schedule import LEASE, Faults, SteppedLegs, System
from tests.unit.filters.records import IN, MINUTE, OUT, POLICY, RECEIVED, SOURCES, at, message

SCHEDULES = 1_000
FAULTS = Faults(crash=0.03, repeat=0.15, refuse=0.1)
OTHER_DAY = at("2013-02-09T10:30:00Z")
# Two flights; each has a passenger on its day, and one on the day after.
FLIGHTS = ("UAL1545", "UAL7")
DAYS = ("2013-02-08", "2013-02-09")
BOOKINGS = [
    Booking(
        pnr="P1",
        ticket=f"UA{ident[3:]}",
        origin="EWR",
        date=day,
        recipient=f"{ident} {day}",
    )
    for ident in FLIGHTS
    for day in DAYS
]


def told(ident: str, kind: str, minute: int, **members: str | int) -> dict[str, str]:
    """A message of a flight, known to its source so many minutes after three in the morning UTC.

    Times are given in milliseconds.
    """
    known = RECEIVED - 6 * 60 * MINUTE + minute * MINUTE
    whole = {"type": kind, "ident": ident, "id": f"{ident}-1", "orig": "KEWR", "dest": "KIAH"}
    whole["pitr"] = str(known // 1000)
    for name, value in members.items():
        whole[name] = value if isinstance(value, str) else str(value // 1000)
    return whole


def story(ident: str, rng: Random) -> Iterator[dict[str, str]]:
    """What a source says of one flight, in its own order: up to ten messages."""
    if rng.random() < 0.9:
        yield told(ident, "flifo", 0, scheduled_out=OUT, scheduled_in=IN)
    filed = OTHER_DAY if rng.random() < 0.3 else OUT + 15 * MINUTE
    late = 0
    for turn in range(rng.randint(2, 9)):
        # Some messages fall into the same second as the one before.
        minute = 10 + 10 * turn - rng.choice((0, 0, 0, 10))
        late += rng.choice((-120, -30, -10, 0, 5, 20, 45, 180))
        match rng.randrange(12):
            case 0 | 1 | 2 | 3:
                yield told(ident, "flifo", minute, estimated_out=OUT + late * MINUTE)
            case 4 | 5:
                yield told(ident, "cancellation", minute, trueCancel="1", fdt=filed)
            case 6:
                yield told(ident, "cancellation", minute, trueCancel="0", fdt=filed)
            case 7 | 8:
                yield told(ident, "flifo", minute, scheduled_out=OUT, scheduled_in=IN)
            case 9:
                yield told(ident, "flightplan", minute, fdt=filed, status="F")
            case 10:
                gate = told(ident, "extendedFlightInfo", minute, actual_departure_gate=f"C{turn}")
                yield {name: value for name, value in gate.items() if name != "orig"}
            case _:
                yield told(ident, "offblock", minute, clock=OUT + late * MINUTE)


def stories(seed: int) -> list[FeedMessage]:
    """The feed of one schedule: both flights' messages, no two the same."""
    rng = Random(f"stories {seed}")
    payloads = {
        json.dumps(members).encode(): None for ident in FLIGHTS for members in story(ident, rng)
    }
    return [message(payload, received_at=RECEIVED) for payload in payloads]


def oracle(messages: Sequence[FeedMessage]) -> dict[str, dict[str, Cell]]:
    """The registers of every dated leg by their definition: of each, the greatest version."""
    statuses = [
        record
        for outcome in normalize(messages, sources=SOURCES)
        if isinstance(outcome, Forward)
        for record in outcome.outputs
        if isinstance(record, FlightStatus)
    ]
    legs: dict[str, dict[str, Cell]] = {}
    for source in {status.source_id for status in statuses}:
        own = [status for status in statuses if status.source_id == source]
        dated = [status for status in own if status.date is not None]
        surest = sorted(dated, key=lambda status: status.date_basis != "scheduled")
        key = leg_key(surest[0]) if surest else None
        if key is not None:
            said = {(n, version_of(s)): v for s in own for n, v in cells_of(s).items()}
            legs[key] = {n: Cell(said[n, v], v) for n, v in sorted(said, key=lambda pair: pair[1])}
    return legs


def run(
    seed: int, legs: type[SteppedLegs] = SteppedLegs, lease_ms: int = LEASE
) -> tuple[System, list[FeedMessage]]:
    """One schedule: two storms of faults, each with a part of the feed, and then rest."""
    messages = stories(seed)
    system = System(seed, BOOKINGS, legs=legs, lease_ms=lease_ms, start=RECEIVED)
    cut = system.rng.randint(0, len(messages))
    for part in (messages[:cut], messages[cut:]):
        system.feed(part)
        system.storm(FAULTS, turns=system.rng.randint(20, 250))
    system.rest()
    return system, messages


def violations(system: System, messages: Sequence[FeedMessage]) -> list[str]:
    """What is not as promised in a system at rest."""
    wanted = oracle(messages)
    found = {leg.key: leg.cells for leg in known_legs(system.legs.all())}
    wrong = [
        f"{key}: the state is not the newest"
        for key in {*wanted, *found}
        if found.get(key) != wanted.get(key)
    ]
    wrong += [
        f"{key}: {disruption.kind} never left its outbox"
        for key, leg in system.legs.states.items()
        # What a leg had to say under a date that was not its own is not said any more.
        if leg.moved_to is None
        for disruption in system.legs.read([key]).found[key].pending
        if disruption.id not in system.emitted
    ]
    rows = system.ledger.rows
    wrong += [f"{k}: left {r.state}" for k, r in rows.items() if r.state in ("CLAIMED", "RETRY")]
    for booking in BOOKINGS:
        who, leg = booking.recipient, f"UAL{booking.ticket[2:]}.EWR.{booking.date}"
        heard = [sent for sent in system.sent if sent[0].recipient == who]
        row = rows.get((who, leg, "sms"))
        # After two deaths in the window nobody knows what arrived, and the ledger says just that.
        if row is None or row.state != "UNKNOWN":
            wrong += misinformed(who, heard, wanted.get(leg, {}))
        revisions = [notice.rev for notice, _ in heard]
        if revisions != sorted(revisions):
            wrong.append(f"{who}: an older word after a newer: {revisions}")
    alerts = {notice.id for notice, _ in system.sent}
    if len(system.sent) > len(alerts) + system.crashes:
        wrong.append(f"{len(system.sent)} texts, {len(alerts)} alerts, {system.crashes} crashes")
    if system.letters:
        wrong.append(f"{len(system.letters)} dead letters")
    return wrong


def misinformed(
    who: str, heard: Sequence[tuple[Notice, str]], leg: Mapping[str, Cell]
) -> Iterator[str]:
    """Whether what somebody heard last is materially wrong, now that nothing more will come."""
    known = {name: cell.value for name, cell in leg.items()}
    last, text = heard[-1] if heard else (None, "")
    thinks_cancelled = ": CANCELLED" in text
    is_cancelled = known.get("life") == "cancelled"
    if thinks_cancelled != is_cancelled:
        yield f"{who}: heard {text!r}, and the flight is {known.get('life')}"
    expected, scheduled = known.get("out_estimated"), known.get("out_scheduled")
    if is_cancelled or not (isinstance(expected, int) and isinstance(scheduled, int)):
        return
    if any(known.get(f"{milestone}_actual") for milestone in ("out", "off", "on", "in")):
        return
    believed = last.out_expected if last is not None else None
    if believed is None:
        late, early = expected - scheduled >= POLICY.first_notice_ms, False
    else:
        late = expected - believed >= POLICY.next_notice_ms
        early = believed - expected >= POLICY.earlier_ms
    if late or early:
        yield f"{who}: believes {believed}, and the departure is {expected}"


def test_every_schedule_ends_as_promised(seed: int) -> None:
    crashes = texts = 0
    for number in range(seed, seed + SCHEDULES):
        system, messages = run(number)
        assert violations(system, messages) == [], f"schedule {number}"
        crashes += system.crashes
        texts += len(system.sent)
    # The schedules are worth something only if things went wrong and people were told.
    assert crashes > SCHEDULES
    assert texts > SCHEDULES


def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    first, second = run(seed)[0], run(seed)[0]
    assert first.sent == second.sent
    assert (first.crashes, first.now, first.ended) == (second.crashes, second.now, second.ended)


class Unconditional(SteppedLegs):
    """Writes whatever it is given."""

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write without looking."""
        self._step()
        self.states.update({state.key: state for state in states})
        return {state.key: "written" for state in states}


class NoOutbox(SteppedLegs):
    """Forgets what was decided and not emitted."""

    def read(self, keys: Collection[str]) -> Reading:
        """Read, with every outbox empty."""
        found = super().read(keys).found
        return Reading(
            {k: msgspec.structs.replace(s, pending=(), token=None) for k, s in found.items()}
        )


@pytest.mark.parametrize(
    ("broken", "sign"),
    [
        ({"legs": Unconditional}, "the state is not the newest"),
        ({"legs": NoOutbox}, "and the flight is"),
        ({"lease_ms": -1}, "texts"),
    ],
    ids=["writes without a condition", "no outbox", "a lease that is over at once"],
)
def test_a_broken_store_would_be_noticed(broken: dict[str, Any], sign: str, seed: int) -> None:
    for number in range(seed, seed + SCHEDULES):
        system, messages = run(number, **broken)
        if any(sign in wrong for wrong in violations(system, messages)):
            return
    pytest.fail(f"none of {SCHEDULES} schedules noticed")
