"""Golden files: what must come out, written by hand from the descriptions, never from a run.

`scenarios/<name>/` is a stream of our own through the whole chain; adding a folder adds a test.
`in.jsonl` holds Firehose messages in the order of their arrival, each in a batch of its own, and
each received when the newest `pitr` so far was. `bookings.json` holds `bookings` and `code_shares`
(one with `after` is made after so many messages) and `contacts` (a recipient without one has an
invented number). `expected.json` holds the `notices` in order, with their `text` or why they were
`suppressed`; the `legs` with all their registers; and how the reasons of what was `rejected` begin.
Times are ISO 8601.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filters.legs import TIME_CELLS, known_legs, states_hash
from filters.notify import End
from filters.people import Booking, CodeShare, Contact
from filters.policy import load_policy
from filters.wording import load_wordings
from pipeline.memory.tables import MemoryLedger
from replay import inprocess
from schemas.records import FeedMessage, Notice, payload_id
from tests.unit.filters.records import at

HERE = Path(__file__).parent
SCENARIOS = sorted(path.name for path in (HERE / "scenarios").iterdir())
RECEIVED = at("2026-11-20T08:00:00Z")


def as_message(payload: bytes, number: int, received_at: int) -> FeedMessage:
    """One line as the feed's loader would hand it over."""
    return FeedMessage(
        id=payload_id(payload),
        format="firehose",
        feed="golden",
        received_at=received_at,
        sequence=number,
        place=f"line {number}",
        payload=payload,
    )


def with_times(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, their times in milliseconds."""
    names = {*TIME_CELLS, "source_time"}
    return {name: at(value) if name in names else value for name, value in fields.items()}


class Journal(MemoryLedger):
    """The ledger of a replay that keeps every end in order."""

    def __init__(self) -> None:
        """Starts empty, with the lease of a replay's world."""
        super().__init__(40_000)
        self.ends: list[tuple[Notice, End, str]] = []

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Note it."""
        self.ends.append((notice, "SENT", provider_id))
        super().sent(notice, provider_id, now)

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Note it."""
        self.ends.append((notice, end, reason))
        super().ended(notice, end, reason, now)


class People(msgspec.Struct, forbid_unknown_fields=True):
    """A scenario's bookings.json, still as JSON where `after` may stand."""

    bookings: list[dict[str, Any]]
    code_shares: list[dict[str, Any]] = []
    contacts: list[Contact] = []


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """A scenario's expected.json."""

    notices: list[dict[str, str]]
    legs: dict[str, dict[str, Any]]
    rejected: list[str] = []


def arrivals(folder: Path) -> Iterator[FeedMessage]:
    """The scenario's messages as they arrive."""
    newest = 0
    for number, payload in enumerate((folder / "in.jsonl").read_bytes().splitlines(), 1):
        try:
            newest = max(newest, int(json.loads(payload)["pitr"]) * 1000)
        except (ValueError, KeyError, TypeError):
            assert newest, "a scenario starts with a message that has a pitr"
        yield as_message(payload, number, newest)


def invented(people: People) -> list[Contact]:
    """The contacts, with a number for everybody who has none."""
    known = {contact.recipient for contact in people.contacts}
    tokens = sorted({booking["recipient"] for booking in people.bookings} - known)
    others = [
        Contact(recipient=token, phone=f"+1201555{number:04}")
        for number, token in enumerate(tokens)
    ]
    return people.contacts + others


def made_after(rows: list[dict[str, Any]], count: int, kind: type[Any]) -> list[Any]:
    """The rows that are made when so many messages have arrived."""
    due = [row for row in rows if row.get("after", 0) == count]
    return [msgspec.convert({k: v for k, v in r.items() if k != "after"}, kind) for r in due]


def played(folder: Path) -> tuple[inprocess.World, Journal, list[str]]:
    """The world after a scenario, what the ledger saw, and why records were rejected or failed."""
    people = msgspec.json.decode((folder / "bookings.json").read_bytes(), type=People)
    world = inprocess.world(load_policy("passenger"), load_wordings())
    world.ledger = journal = Journal()
    world.contacts.load(invented(people))
    failures: list[str] = []
    for count, message in enumerate(arrivals(folder)):
        world.bookings.load(
            made_after(people.bookings, count, Booking),
            made_after(people.code_shares, count, CodeShare),
        )
        for result in inprocess.run([message], world):
            assert result.records == sum(len(ids) for ids in result.ended.values())
            failures += [f"{failure.place}: {failure.reason}" for failure in result.failures]
    return world, journal, failures


def told(world: inprocess.World, journal: Journal) -> list[dict[str, str]]:
    """Each notice as expected.json writes it."""
    texts = {text.reference: text.text for text in world.sender.texts}
    assert len(texts) == len(world.sender.texts)
    return [
        {
            "kind": notice.kind,
            "recipient": notice.recipient,
            "ticket": notice.ticket,
            **({"text": texts[notice.id]} if end == "SENT" else {"suppressed": reason}),
        }
        for notice, end, reason in journal.ends
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    folder = HERE / "scenarios" / name
    expected = msgspec.json.decode((folder / "expected.json").read_bytes(), type=Expected)
    world, journal, failures = played(folder)
    assert told(world, journal) == expected.notices
    legs = {
        leg.key: {name: cell.value for name, cell in leg.cells.items()}
        for leg in known_legs(world.legs.all())
    }
    assert legs == {key: with_times(registers) for key, registers in expected.legs.items()}
    assert len(failures) == len(expected.rejected)
    assert all(map(str.startswith, failures, expected.rejected)), failures


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_in_the_same_legs_in_any_batches_and_order(name: str) -> None:
    messages = list(arrivals(HERE / "scenarios" / name))
    hashes = set()
    for order in (messages, messages[::-1], messages[::2] + messages[1::2]):
        for size in (1, 3, 100):
            world = inprocess.world(load_policy("passenger"), load_wordings())
            inprocess.run(order, world, batch_size=size, window_ms=10**9)
            hashes.add(states_hash(world.legs.all()))
    assert hashes == {states_hash(played(HERE / "scenarios" / name)[0].legs.all())}
