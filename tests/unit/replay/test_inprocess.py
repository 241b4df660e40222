from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from filters.detect import Written
from filters.join import Marketed
from filters.legs import LegState, known_legs, states_hash
from filters.people import Booking, Contact, FlightNumber
from filters.wording import load_wordings
from pipeline import stages
from pipeline.batch import BatchResult
from pipeline.memory.tables import MemoryBookings, MemoryLegs
from replay import inprocess
from schemas.records import FeedMessage
from tests.unit.filters.records import (
    LEG,
    MINUTE,
    OUT,
    POLICY,
    RECEIVED,
    at,
    epoch,
    flifo,
    message,
)

WORDINGS = load_wordings()


def world() -> inprocess.World:
    """A world with one passenger of United 1545."""
    made = inprocess.world(POLICY, WORDINGS)
    seat = Booking(pnr="P1", ticket="UA1545", origin="EWR", date="2013-02-08", recipient="r1")
    made.bookings.load([seat])
    made.contacts.load([Contact(recipient="r1", phone="+12015550123")])
    return made


def estimate(told: str, out: str) -> FeedMessage:
    """A message received when it was told."""
    members = flifo(pitr=epoch(told), estimated_out=epoch(out))
    return message(members, received_at=at(told))


ON_TIME = estimate("2013-02-08T08:00:00Z", "2013-02-08T10:15:00Z")
LATE = estimate("2013-02-08T08:30:00Z", "2013-02-08T11:00:00Z")
LATER = estimate("2013-02-08T09:00:00Z", "2013-02-08T11:45:00Z")


def totals(results: Sequence[BatchResult]) -> dict[str, tuple[int, int]]:
    """Records in, and records forwarded, by stage."""
    return {
        stage.name: (
            sum(result.records for result in results if result.stage == stage.name),
            sum(result.count("forwarded") for result in results if result.stage == stage.name),
        )
        for stage in stages.CHAIN
    }


def test_a_message_goes_through_all_four_stages() -> None:
    into = world()
    results = inprocess.run([ON_TIME, LATE], into, batch_size=1)
    assert totals(results) == {
        "normalize": (2, 2),
        "detect": (2, 1),
        "join": (1, 1),
        "notify": (1, 1),
    }
    [text] = into.sender.texts
    assert text.channel == "sms"
    assert "New departure 06:00" in text.text


def test_nothing_of_a_contact_is_kept_by_the_sender() -> None:
    into = world()
    inprocess.run([LATE], into)
    assert "+12015550123" not in repr(into.sender.texts)


@pytest.mark.parametrize(
    ("size", "window", "words"),
    [
        (1, 60, 2),
        (2, 60, 2),
        (3, 60, 1),
        (500, 60, 1),
        (500, 59, 2),  # 08:00 and 08:30 together, 09:00 a minute too late
        (500, 0, 2),
    ],
)
def test_a_batch_is_decided_as_a_whole(size: int, window: int, words: int) -> None:
    into = world()
    inprocess.run([ON_TIME, LATE, LATER], into, batch_size=size, window_ms=window * MINUTE)
    assert len(into.sender.texts) == words
    assert "New departure 06:45" in into.sender.texts[-1].text


def test_a_message_received_earlier_than_the_one_before_it_joins_its_batch() -> None:
    into = world()
    results = inprocess.run([LATER, ON_TIME, LATE], into, window_ms=0)
    assert [result.records for result in results if result.stage == "normalize"] == [3]


def test_the_legs_end_the_same_however_the_messages_are_cut() -> None:
    hashes = set()
    for size in (1, 2, 3):
        into = world()
        inprocess.run([LATER, ON_TIME, LATE], into, batch_size=size)
        hashes.add(states_hash(into.legs.all()))
    assert len(hashes) == 1


def test_time_passes_as_the_messages_arrived() -> None:
    into = world()
    inprocess.run([ON_TIME], into)
    late_by_a_day = message(LATE.payload, received_at=RECEIVED + 1440 * MINUTE)
    results = inprocess.run([late_by_a_day], into)
    # It has an hour from its own receipt, and the clock says that none of it is gone.
    assert results[-1].count("forwarded") == 1
    [row] = into.ledger.rows.values()
    assert row.lease - 40_000 == RECEIVED + 1440 * MINUTE


@pytest.mark.parametrize("order", [(LATER, LATE), (LATE, LATER)], ids=["first", "last"])
def test_the_clock_of_a_batch_is_its_newest_arrival(order: tuple[FeedMessage, ...]) -> None:
    into = world()
    inprocess.run(order, into, window_ms=60 * MINUTE)
    [row] = into.ledger.rows.values()
    assert row.lease - 40_000 == LATER.received_at


def test_a_rejected_message_is_named_and_the_others_pass() -> None:
    into = world()
    broken = message(b"{", place="day.jsonl:2")
    results = inprocess.run([ON_TIME, broken, LATE], into)
    [failure] = [failure for result in results for failure in result.failures]
    assert (failure.record_id, failure.outcome, failure.place) == (
        broken.id,
        "rejected",
        "day.jsonl:2",
    )
    assert len(into.sender.texts) == 1


def test_no_messages_are_no_batches() -> None:
    assert inprocess.run([], world()) == []


class NoBookings(MemoryBookings):
    """Bookings with a bug."""

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """Raise."""
        message = f"a bug at {len(flights)} flights"
        raise KeyError(message)


def test_a_bug_in_a_stage_fails_its_record_and_says_so() -> None:
    into = world()
    into.bookings = NoBookings()
    results = inprocess.run([LATE], into)
    [failure] = [failure for result in results for failure in result.failures]
    assert (failure.outcome, failure.reason) == ("failed", "KeyError in the filter")
    assert totals(results)["join"] == (1, 0)


class ForgetfulLegs(MemoryLegs):
    """Writes, then once loses the answer with an error nobody expects."""

    def __init__(self) -> None:
        """Sound until told otherwise."""
        super().__init__()
        self.faults = 0

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write, and perhaps raise."""
        done = super().write(states)
        if self.faults:
            self.faults -= 1
            message = "the answer was lost"
            raise ValueError(message)
        return done


def test_a_world_used_again_has_outbox_tokens_of_its_own() -> None:
    into = world()
    into.legs = legs = ForgetfulLegs()
    inprocess.run([LATE], into)
    assert len(into.sender.texts) == 1
    legs.faults = 1  # so the batch core runs its halves again, and finds the leg written
    inprocess.run([LATER, ON_TIME], into, window_ms=60 * MINUTE)
    [leg] = known_legs(legs.all())
    assert (leg.key, leg.time("out_estimated")) == (LEG, OUT + 90 * MINUTE)
    assert len(into.sender.texts) == 2
