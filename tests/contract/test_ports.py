"""Every adapter of a port keeps the same contract: those in memory and those on AWS."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import pytest
from msgspec.structs import replace

from filters.legs import LegState
from filters.notify import Claim, ClaimResult, End, Ledger
from filters.people import Booking, CodeShare, Contact, FlightNumber
from pipeline.aws import clients
from pipeline.aws.events import sqs_items
from pipeline.aws.ledger import LedgerTable
from pipeline.aws.legs import LegTable
from pipeline.aws.people import BookingTable, ContactTable
from pipeline.aws.sender import FileSender, TopicSender
from pipeline.aws.sqs import Queue, QueueDeadLetters, QueueEmitter, QueueRetries
from pipeline.memory.pipes import MemoryPipe, RecordingSender
from pipeline.memory.tables import MemoryBookings, MemoryContacts, MemoryLedger, MemoryLegs
from pipeline.ports import Bookings, ContactBook, DeadLetters, Emitter, Retries, Sender
from schemas.records import Channel, DeadLetter, Disruption, Kind, Notice, Record
from tests.unit.aws import cloud, examples

NOW = examples.NOW
TIMEOUT_S, LEASE_MS = 30, 40_000
Place = Literal["memory", "aws"]


@pytest.fixture(params=get_args(Place))
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where the adapters of a test keep things."""
    if request.param == "memory":
        yield "memory"
        return
    with cloud.in_process(monkeypatch):
        cloud.create_tables()
        yield "aws"


# ------------------------------------------------------------------ leg states and their outbox


@pytest.fixture
def legs(place: Place) -> MemoryLegs | LegTable:
    if place == "memory":
        return MemoryLegs()
    return LegTable(clients.dynamodb(), cloud.LEGS, lambda: NOW)


def test_a_leg_nobody_wrote_is_absent_not_unread(legs: MemoryLegs | LegTable) -> None:
    reading = legs.read({"UAL1.EWR.2013-02-08"})
    assert (dict(reading.found), list(reading.unread)) == ({}, [])
    assert dict(legs.read(set()).found) == {}


def test_a_leg_is_read_as_it_was_written(legs: MemoryLegs | LegTable) -> None:
    state = examples.told_leg("t1")
    assert legs.write([state]) == {state.key: "written"}
    assert legs.read({state.key, "other"}).found == {state.key: state}


@pytest.mark.parametrize(
    ("stored", "rev", "result"),
    [
        (0, 1, "written"),
        (0, 2, "conflict"),
        (1, 1, "conflict"),
        (1, 2, "written"),
        (1, 3, "conflict"),
        (2, 1, "conflict"),
        (2, 2, "conflict"),
        (9, 10, "written"),
    ],
)
def test_a_leg_is_written_only_over_the_revision_that_was_read(
    legs: MemoryLegs | LegTable, stored: int, rev: int, result: str
) -> None:
    for number in range(1, stored + 1):
        legs.write([examples.leg(rev=number)])
    state = examples.leg(rev=rev, suffix="Q")
    assert legs.write([state]) == {state.key: result}
    found = legs.read({state.key}).found
    assert (found.get(state.key) == state) == (result == "written")
    if stored:
        assert found[state.key].rev == (rev if result == "written" else stored)


def test_the_same_write_again_is_our_own(legs: MemoryLegs | LegTable) -> None:
    state = examples.told_leg("t1")
    legs.write([state])
    assert legs.write([state]) == {state.key: "written"}
    assert legs.read({state.key}).found == {state.key: state}


def test_many_legs_are_written_and_read_at_once(legs: MemoryLegs | LegTable) -> None:
    states = [examples.leg(key=f"UAL{n}.EWR.2013-02-08", number=n) for n in range(1, 231)]
    assert legs.write(states) == dict.fromkeys((state.key for state in states), "written")
    assert legs.read([s.key for s in states]).found == {state.key: state for state in states}


def test_an_outbox_stays_until_its_own_token_is_confirmed(legs: MemoryLegs | LegTable) -> None:
    one, two = examples.told_leg("t1"), examples.told_leg("t2", key="UAL2.EWR.2013-02-08")
    legs.write([one, two])
    legs.confirm("t1")
    legs.confirm("t1")
    found = legs.read({one.key, two.key}).found
    assert found == {one.key: replace(one, pending=(), token=None), two.key: two}


def test_any_sequence_of_writes_ends_at_the_highest_unbroken_revision(
    legs: MemoryLegs | LegTable, seed: int
) -> None:
    rng = random.Random(seed)
    model: dict[str, LegState] = {}
    for step in range(150):
        key = f"UAL{rng.randint(1, 3)}.EWR.2013-02-08"
        state = examples.leg(key=key, rev=rng.randint(1, 6), received_at=NOW + step)
        at = model[key].rev if key in model else 0
        expected = "written" if state.rev == at + 1 else "conflict"
        assert legs.write([state]) == {key: expected}
        if expected == "written":
            model[key] = state
    assert legs.read(set(model)).found == model
    assert max(state.rev for state in model.values()) > 2


# ------------------------------------------------------------------ bookings and contacts

FLIGHT = FlightNumber("UA1545", "EWR", "2013-02-08")


class LoadedBookings(Bookings, Protocol):
    def load(self, bookings: Sequence[Booking], shares: Sequence[CodeShare] = ()) -> int: ...


@pytest.fixture
def bookings(place: Place) -> LoadedBookings:
    if place == "memory":
        return MemoryBookings()
    return BookingTable(clients.dynamodb(), cloud.BOOKINGS)


def booking(pnr: str = "ABC123", **changes: object) -> Booking:
    base = Booking(pnr=pnr, ticket="UA1545", origin="EWR", date="2013-02-08", recipient="r-1")
    return replace(base, **changes)


def share(marketing: str) -> CodeShare:
    return CodeShare(operating="UA1545", marketing=marketing, origin="EWR", date="2013-02-08")


def test_bookings_are_found_by_the_number_airport_and_date_on_the_ticket(
    bookings: LoadedBookings,
) -> None:
    mine = [booking(), booking(recipient="r-2", channel="email", passengers=3), booking("ZZZ999")]
    others = [booking(ticket="UA1"), booking(origin="IAH"), booking(date="2013-02-09")]
    assert bookings.load([*mine, *others]) == 6
    tickets = bookings.tickets({FLIGHT, FlightNumber("UA2", "EWR", "2013-02-08")})
    assert set(tickets.found[FLIGHT]) == set(mine)
    assert not tickets.found.get(FlightNumber("UA2", "EWR", "2013-02-08"))
    assert list(tickets.unread) == []


def test_bookings_of_many_flights_are_read_at_once(bookings: LoadedBookings) -> None:
    booked = [booking(ticket=f"UA{n}", recipient=f"r-{n}") for n in range(1, 131)]
    bookings.load(booked)
    found = bookings.tickets({one.flight for one in booked}).found
    assert {flight: list(held) for flight, held in found.items()} == {b.flight: [b] for b in booked}


def test_a_flight_is_known_under_its_other_numbers(bookings: LoadedBookings) -> None:
    bookings.load([booking()], [share("NH7001"), share("LH7632"), share("LH7632")])
    other = FlightNumber("UA9", "EWR", "2013-02-08")
    marketed = bookings.code_shares({FLIGHT, other})
    assert {flight: list(numbers) for flight, numbers in marketed.found.items()} == {
        FLIGHT: [FlightNumber(n, "EWR", "2013-02-08") for n in ("LH7632", "NH7001")]
    }
    assert list(bookings.tickets({FLIGHT}).found[FLIGHT]) == [booking()]


def test_code_shares_loaded_later_are_added(bookings: LoadedBookings) -> None:
    bookings.load([], [share("LH7632")])
    bookings.load([], [share("NH7001")])
    found = bookings.code_shares({FLIGHT}).found[FLIGHT]
    assert [number.designator for number in found] == ["LH7632", "NH7001"]


def test_a_booking_loaded_again_replaces_the_one_before(
    bookings: LoadedBookings,
) -> None:
    bookings.load([booking(), booking()])
    bookings.load([booking(cancelled=True)])
    assert list(bookings.tickets({FLIGHT}).found[FLIGHT]) == [booking(cancelled=True)]


class LoadedContacts(ContactBook, Protocol):
    def load(self, contacts: Sequence[Contact]) -> int: ...


@pytest.fixture
def contacts(place: Place) -> LoadedContacts:
    if place == "memory":
        return MemoryContacts()
    return ContactTable(clients.dynamodb(), cloud.CONTACTS)


def test_contacts_are_found_by_recipient(contacts: LoadedContacts) -> None:
    held = [Contact(recipient=f"r-{n}", phone=f"+1555{n:07}", name="Zoë") for n in range(120)]
    assert contacts.load(held) == 120
    book = contacts.read({contact.recipient for contact in held} | {"r-unknown"})
    assert dict(book.found) == {contact.recipient: contact for contact in held}
    assert list(book.unread) == []


def test_the_last_contact_of_a_recipient_counts(contacts: LoadedContacts) -> None:
    contacts.load([Contact(recipient="r", phone="+15550000001")])
    again = [Contact(recipient="r", email="a@b.example"), Contact(recipient="r", opted_out=True)]
    assert contacts.load(again) == 1
    assert dict(contacts.read({"r"}).found) == {"r": Contact(recipient="r", opted_out=True)}


# ------------------------------------------------------------------ the ledger


class Workers:
    """Two processes on one ledger."""

    def __init__(self, place: Place) -> None:
        if place == "memory":
            self.one: Ledger = MemoryLedger(LEASE_MS)
            self.two: Ledger = self.one
        else:
            self.one = LedgerTable(clients.dynamodb(), cloud.LEDGER, TIMEOUT_S)
            self.two = LedgerTable(clients.dynamodb(), cloud.LEDGER, TIMEOUT_S)


@pytest.fixture
def workers(place: Place) -> Workers:
    return Workers(place)


def close(ledger: Ledger, notice: Notice, end: End, now: int = NOW) -> None:
    if end == "SENT":
        ledger.sent(notice, "provider-1", now)
    else:
        ledger.ended(notice, end, "why", now)


def test_the_first_claim_is_granted_and_a_second_one_meets_it(workers: Workers) -> None:
    assert workers.one.claim(examples.notice(), NOW) == Claim("claimed", 1, None)
    assert workers.two.claim(examples.notice(), NOW + 1).result == "live"
    assert workers.one.claim(examples.notice(), NOW + 2).result == "live"


def test_a_claim_can_be_taken_over_only_after_its_lease(workers: Workers) -> None:
    workers.one.claim(examples.notice(), NOW)
    assert workers.two.claim(examples.notice(), NOW + LEASE_MS).result == "live"
    assert workers.two.claim(examples.notice(), NOW + LEASE_MS + 1) == Claim("taken_over", 2, None)
    assert workers.one.claim(examples.notice(), NOW + LEASE_MS + 2).result == "live"
    later = workers.one.claim(examples.notice(), NOW + 2 * LEASE_MS + 2)
    assert later == Claim("taken_over", 3, None)


@pytest.mark.parametrize("end", get_args(End))
def test_a_revision_that_ended_is_not_claimed_again(workers: Workers, end: End) -> None:
    mine = examples.notice()
    workers.one.claim(mine, NOW)
    close(workers.one, mine, end)
    again = workers.two.claim(examples.notice(), NOW + 10 * LEASE_MS)
    assert again.result == ("sent" if end == "SENT" else "ended")


def test_only_rising_revisions_are_admitted(workers: Workers) -> None:
    mine = examples.notice(rev=5)
    workers.one.claim(mine, NOW)
    assert workers.two.claim(examples.notice(rev=4), NOW).result == "superseded"
    assert workers.two.claim(examples.notice(rev=6), NOW).result == "live"
    workers.one.sent(mine, "provider-1", NOW)
    assert workers.two.claim(examples.notice(rev=4), NOW).result == "superseded"
    assert workers.two.claim(examples.notice(rev=6), NOW) == Claim("claimed", 1, "delayed")
    assert workers.one.claim(examples.notice(rev=5), NOW).result == "superseded"


def test_a_released_claim_can_be_had_at_once_and_is_no_takeover(workers: Workers) -> None:
    mine = examples.notice()
    workers.one.claim(mine, NOW)
    workers.one.release(mine)
    assert workers.two.claim(examples.notice(), NOW) == Claim("claimed", 2, None)
    assert workers.one.claim(examples.notice(), NOW).result == "live"


def test_a_newer_revision_may_claim_what_was_released(workers: Workers) -> None:
    mine = examples.notice()
    workers.one.claim(mine, NOW)
    workers.one.release(mine)
    assert workers.two.claim(examples.notice(rev=2), NOW) == Claim("claimed", 1, None)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("SENT", "cancelled"),
        ("UNKNOWN", "cancelled"),
        ("SUPPRESSED", "delayed"),
        ("EXPIRED", "delayed"),
        ("FAILED", "delayed"),
    ],
)
def test_what_was_told_is_kept_until_something_else_is(
    workers: Workers, end: End, told: Kind
) -> None:
    first = examples.notice(kind="delayed", rev=1)
    workers.one.claim(first, NOW)
    workers.one.sent(first, "provider-1", NOW)
    second = examples.notice(kind="cancelled", rev=2)
    assert workers.one.claim(second, NOW) == Claim("claimed", 1, "delayed")
    close(workers.one, second, end)
    assert workers.two.claim(examples.notice(kind="reinstated", rev=3), NOW).told == told


def test_what_a_dead_worker_may_have_sent_counts_as_told(
    workers: Workers,
) -> None:
    workers.one.claim(examples.notice(kind="cancelled", rev=1), NOW)
    later = NOW + LEASE_MS + 1
    second = examples.notice(kind="reinstated", rev=2)
    assert workers.two.claim(second, later) == Claim("claimed", 1, "cancelled")
    workers.two.ended(second, "SUPPRESSED", "opted_out", later)
    assert workers.one.claim(examples.notice(rev=3), later) == Claim("claimed", 1, "cancelled")


@pytest.mark.parametrize("end", get_args(End))
def test_the_late_end_of_a_worker_that_was_taken_over_changes_nothing(
    workers: Workers, end: End
) -> None:
    mine, theirs = examples.notice(), examples.notice()
    later = NOW + LEASE_MS + 1
    workers.one.claim(mine, NOW)
    workers.two.claim(theirs, later)
    close(workers.one, mine, end, later)
    assert workers.one.claim(examples.notice(), later).result == "live"
    workers.two.ended(theirs, "SUPPRESSED", "opted_out", later)
    assert workers.one.claim(examples.notice(rev=2), later) == Claim("claimed", 1, None)


def test_the_late_release_of_a_worker_that_was_taken_over_changes_nothing(
    workers: Workers,
) -> None:
    mine, theirs = examples.notice(), examples.notice()
    later = NOW + LEASE_MS + 1
    workers.one.claim(mine, NOW)
    workers.two.claim(theirs, later)
    workers.one.release(mine)
    assert workers.one.claim(examples.notice(), later).result == "live"


def test_the_ledgers_agree_on_any_sequence(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rng = random.Random(seed)
    with cloud.in_process(monkeypatch):
        cloud.create_tables(cloud.LEDGER)
        both = (Workers("memory"), Workers("aws"))
        held: dict[str, Notice | None] = {"one": None, "two": None}
        seen: set[tuple[str, Kind | None]] = set()
        now, deaths = NOW, 0
        for step in range(200):
            now += rng.choice((0, 1_000, 15_000, LEASE_MS + 1))
            worker = rng.choice(("one", "two"))
            mine = held[worker]
            if mine is None or rng.random() < 0.3:
                kind = rng.choice(get_args(Kind))
                rev = step // 4 + rng.randint(0, 2)
                mine = examples.notice(id=f"n-{rev}", rev=rev, kind=kind)
                claims = [getattr(workers, worker).claim(mine, now) for workers in both]
                assert claims[0] == claims[1], f"step {step}"
                seen.add((claims[0].result, claims[0].told))
                if claims[0].result in ("claimed", "taken_over"):
                    left = held["two" if worker == "one" else "one"]
                    deaths += left is not None and left.rev < rev
                    held[worker] = mine
                continue
            held[worker] = None
            end = rng.choice((*get_args(End), "release"))
            for workers in both:
                ledger = getattr(workers, worker)
                if end == "release":
                    ledger.release(mine)
                else:
                    close(ledger, mine, end, now)
        assert {result for result, _ in seen} == set(get_args(ClaimResult))
        assert len({told for _, told in seen}) > 3
        assert deaths > 3


@pytest.mark.parametrize(
    "other",
    [{"recipient": "r-2"}, {"channel": "email"}, {"leg": "UAL1545.EWR.2013-02-09"}],
    ids=["recipient", "channel", "leg"],
)
def test_each_recipient_channel_and_leg_has_a_row_of_its_own(
    workers: Workers, other: dict[str, str]
) -> None:
    workers.one.claim(examples.notice(rev=9), NOW)
    fresh = examples.notice(id="n-2", rev=1, **other)
    assert workers.two.claim(fresh, NOW) == Claim("claimed", 1, None)


# ------------------------------------------------------------------ pipes


class Pipe:
    """The three writing ports, and what a reader of each would find."""

    def __init__(self, place: Place) -> None:
        self.memory = MemoryPipe(max_attempts=4) if place == "memory" else None
        if self.memory is not None:
            self.emitter: Emitter = self.memory
            self.letters: DeadLetters = self.memory
            self.retries: Retries = self.memory
            return
        self.urls = [cloud.create_queue(name) for name in ("out", "dead", "own")]
        self.sent = cloud.watch(clients.sqs(), "SendMessageBatch")
        out, dead, own = (
            Queue(clients.sqs(), url, pack_bytes=20_000, pack_records=40) for url in self.urls
        )
        self.emitter, self.letters = QueueEmitter(out), QueueDeadLetters(dead)
        self.retries = QueueRetries(own, 4)

    def emitted(self) -> Sequence[Record]:
        return self.memory.records if self.memory is not None else self._read(0, Disruption)

    def stored(self) -> Sequence[Record]:
        return self.memory.letters if self.memory is not None else self._read(1, DeadLetter)

    def sent_back(self) -> Sequence[tuple[Record, int]]:
        """Records with the attempts they had, from what was sent: the queue holds them back."""
        if self.memory is not None:
            return self.memory.sent_back
        entries = [entry for request in self.sent.requests for entry in request["Entries"]]
        assert all(0 < entry["DelaySeconds"] <= 900 for entry in entries)
        messages = [
            {"MessageId": "m", "Body": entry["MessageBody"], **_first_delivery(entry)}
            for entry in entries
        ]
        items = sqs_items({"Records": [cloud.lambda_record(m) for m in messages]}, Disruption)
        return [(_sound(r), item.attempts - 1) for item in items for r in item.records]

    def _read(self, place: int, reads: type[Record]) -> list[Record]:
        messages = cloud.received(self.urls[place])
        items = sqs_items({"Records": [cloud.lambda_record(m) for m in messages]}, reads)
        return [_sound(record) for item in items for record in item.records]


def _first_delivery(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "Attributes": {"ApproximateReceiveCount": "1"},
        "MessageAttributes": entry.get("MessageAttributes", {}),
    }


def _sound(record: object) -> Record:
    assert isinstance(record, Record), record
    return record


@pytest.fixture
def pipe(place: Place) -> Pipe:
    return Pipe(place)


@pytest.mark.parametrize("count", [0, 1, 39, 41, 900])
def test_what_is_emitted_arrives_whole_and_once(pipe: Pipe, count: int) -> None:
    records = [examples.disruption(id=f"d-{n}") for n in range(count)]
    assert list(pipe.emitter.emit(records)) == []
    assert sorted(r.id for r in pipe.emitted()) == sorted(r.id for r in records)
    assert set(pipe.emitted()) <= set(records)


def test_dead_letters_keep_their_bytes(pipe: Pipe) -> None:
    letters = [examples.letter(id=f"l-{n}", body=bytes(range(256)) * n) for n in range(12)]
    assert list(pipe.letters.put(letters)) == []
    assert sorted(pipe.stored(), key=lambda r: r.id) == sorted(letters, key=lambda r: r.id)


@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_what_is_sent_back_counts_the_attempts_it_had(pipe: Pipe, attempts: int) -> None:
    records = [examples.disruption(id=f"d-{n}") for n in range(90)]
    assert list(pipe.retries.again(records, attempts)) == []
    assert list(pipe.sent_back()) == [(record, attempts) for record in records]
    assert pipe.retries.max_attempts == 4


# ------------------------------------------------------------------ the sender

_Sent = list[tuple[Channel, str, str]]


class Outgoing:
    """A sender, and what its receiving end holds: channel, text and reference."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.file = folder / "sent.jsonl"
        self.recording = RecordingSender()
        self.sender: Sender = self.recording if kind == "recording" else FileSender(self.file)
        if kind == "topic":
            self.queue = cloud.create_queue("gateway")
            self.sender = TopicSender(clients.sns_once(), cloud.create_topic(self.queue))
        self.kind = kind

    def held(self) -> _Sent:
        if self.kind == "recording":
            return [(text.channel, text.text, text.reference) for text in self.recording.texts]
        if self.kind == "file":
            lines = [json.loads(line) for line in self.file.read_text().splitlines()]
            assert {line["address"] for line in lines} == {"+15550000001"}
            return [(line["channel"], line["text"], line["reference"]) for line in lines]
        envelopes = [cloud.body_of(message) for message in cloud.received(self.queue)]
        texts = [json.loads(envelope["Message"]) for envelope in envelopes]
        assert {text["address"] for text in texts} == {"+15550000001"}
        for text, envelope in zip(texts, envelopes, strict=True):
            assert envelope["MessageAttributes"]["channel"]["Value"] == text["channel"]
        return [
            (text["channel"], text["text"], envelope["MessageAttributes"]["reference"]["Value"])
            for text, envelope in zip(texts, envelopes, strict=True)
        ]


@pytest.fixture(params=["recording", "file", "topic"])
def outgoing(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Outgoing]:
    with cloud.in_process(monkeypatch):
        yield Outgoing(request.param, tmp_path)


def test_a_text_is_handed_over_once_with_its_reference(outgoing: Outgoing) -> None:
    texts: _Sent = [
        ("sms", "UA1545 now leaves 14:30 \u2013 sorry", "n-1"),
        ("email", "line\nbreak", "n-2"),
    ]
    for channel, text, reference in texts:
        result = outgoing.sender.send(channel, "+15550000001", text, reference)
        assert result.answer == "accepted"
        assert result.detail
    assert sorted(outgoing.held()) == sorted(texts)


def test_the_recording_sender_keeps_no_address() -> None:
    sender = RecordingSender()
    sender.send("sms", "+15550000001", "a text", "n-1")
    assert "+15550000001" not in repr(sender.texts)
