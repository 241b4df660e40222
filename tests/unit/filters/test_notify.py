from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import msgspec
import pytest

from filters.notify import Claim, ClaimResult, Contacts, End, SendResult, notify
from filters.outcome import (
    Drop,
    Duplicate,
    Fail,
    Forward,
    Outcome,
    Reject,
    Stale,
    Unavailable,
)
from filters.people import Contact
from filters.wording import load_wordings
from pipeline.memory.tables import MemoryContacts, MemoryLedger
from schemas.records import Channel, Kind, Notice
from tests.unit.filters.records import MINUTE, OUT, RECEIVED, notice

WORDINGS = load_wordings()
KINDS: tuple[Kind, ...] = ("delayed", "earlier", "cancelled", "reinstated")
LEASE = 40_000
PERSON = Contact(recipient="r1", phone="+12015550123", email="r1@example.org", name="R. One")


class ScriptedLedger:
    """Answers every claim as told, and writes down what follows."""

    def __init__(self, claim: Claim | None = None) -> None:
        """`claim` None: the ledger cannot be reached."""
        self._claim = claim
        self.log: list[tuple[str, ...]] = []

    def claim(self, notice: Notice, now: int) -> Claim:
        """The scripted answer."""
        self.log.append(("claim", notice.id, str(now)))
        if self._claim is None:
            raise Unavailable("ledger could not be reached")
        return self._claim

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Note it."""
        self.log.append(("sent", notice.id, provider_id, str(now)))

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Note it."""
        self.log.append(("ended", notice.id, end, reason, str(now)))

    def release(self, notice: Notice) -> None:
        """Note it."""
        self.log.append(("release", notice.id))


class ScriptedSender:
    """Gives the answers it was told, in turn, then accepts; keeps what it was handed."""

    def __init__(self, *answers: SendResult) -> None:
        """`answers` come first."""
        self._answers = list(answers)
        self.sent: list[tuple[Channel, str, str, str]] = []

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """The next answer."""
        self.sent.append((channel, address, text, reference))
        return self._answers.pop(0) if self._answers else SendResult("accepted", "p-1")


class PartlyDown(MemoryContacts):
    """Contacts of which some cannot be read now."""

    def __init__(self, contacts: Sequence[Contact], unread: set[str]) -> None:
        """Holds these contacts."""
        super().__init__(contacts)
        self._down = unread

    def read(self, recipients: Collection[str]) -> Contacts:
        """The contacts that can be read."""
        return Contacts(super().read(set(recipients) - self._down).found, self._down)


class Desk:
    """Notify with its ports; a contact, a fresh ledger and an accepting sender unless given."""

    def __init__(
        self,
        claim: Claim | None = Claim("claimed"),  # noqa: B008  (frozen)
        *answers: SendResult,
        contacts: MemoryContacts | None = None,
        must_reach: Collection[Kind] = KINDS,
        enough_time: Callable[[], bool] = lambda: True,
    ) -> None:
        """See the ports of notify."""
        self.ledger = ScriptedLedger(claim)
        self.sender = ScriptedSender(*answers)
        self._contacts = contacts or MemoryContacts([PERSON])
        self._must_reach = must_reach
        self._enough_time = enough_time
        self.now = RECEIVED

    def run(self, *notices: Notice) -> list[Outcome]:
        """The outcomes of these notices, with the clock at `now`."""
        return notify(
            notices,
            contacts=self._contacts,
            ledger=self.ledger,
            sender=self.sender,
            wordings=WORDINGS,
            must_reach=self._must_reach,
            clock=lambda: self.now,
            enough_time=self._enough_time,
        )

    @property
    def ends(self) -> list[tuple[str, ...]]:
        """What followed the claims, without ids and times."""
        return [(entry[0], *entry[2:-1]) for entry in self.ledger.log if entry[0] != "claim"]


def test_a_claimed_notice_is_sent_and_confirmed_in_this_order() -> None:
    desk = Desk()
    assert desk.run(notice()) == [Forward()]
    assert desk.ledger.log == [
        ("claim", "n1", str(RECEIVED)),
        ("sent", "n1", "p-1", str(RECEIVED)),
    ]
    [(channel, address, text, reference)] = desk.sender.sent
    assert (channel, address, reference) == ("sms", "+12015550123", "n1")
    assert text.startswith("UA1545 EWR-IAH, Fri 8 Feb: DELAYED. New departure 06:00")


def test_the_e_mail_channel_goes_to_the_e_mail_address() -> None:
    desk = Desk()
    desk.run(notice(channel="email"))
    assert desk.sender.sent[0][:2] == ("email", "r1@example.org")


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("sent", Duplicate()),
        ("ended", Duplicate()),
        ("superseded", Stale()),
        ("live", Fail("claimed by another worker", burns=False)),
    ],
)
def test_a_refused_claim_sends_nothing_and_ends_nothing(
    result: ClaimResult, outcome: Outcome
) -> None:
    desk = Desk(Claim(result))
    assert desk.run(notice()) == [outcome]
    assert desk.sender.sent == desk.ends == []


@pytest.mark.parametrize(
    ("kind", "must_reach", "tries", "sends"),
    [
        ("cancelled", KINDS, 2, True),
        ("cancelled", KINDS, 3, False),
        ("cancelled", ("delayed",), 2, False),
        ("delayed", ("cancelled",), 2, False),
        ("delayed", (), 1, False),
    ],
)
def test_a_claim_taken_over_is_sent_once_more_if_it_must_reach(
    kind: Kind, must_reach: Collection[Kind], tries: int, sends: bool
) -> None:
    desk = Desk(Claim("taken_over", tries), must_reach=must_reach)
    outcomes = desk.run(notice(kind=kind))
    if sends:
        assert outcomes == [Forward()]
        assert desk.ends == [("sent", "p-1")]
    else:
        assert outcomes == [Drop("unknown_outcome")]
        assert desk.ends == [("ended", "UNKNOWN", "unknown_outcome")]
        assert desk.sender.sent == []


@pytest.mark.parametrize(
    ("answer", "outcome", "ends"),
    [
        (SendResult("accepted", "p-9"), Forward(), [("sent", "p-9")]),
        (
            SendResult("refused", "bad number"),
            Drop("refused_by_provider"),
            [("ended", "FAILED", "refused_by_provider")],
        ),
        (SendResult("busy"), Fail("provider busy", burns=False), [("release",)]),
        (SendResult("unclear"), Fail("provider's answer unclear", burns=False), []),
    ],
)
def test_each_answer_of_the_provider(
    answer: SendResult, outcome: Outcome, ends: list[tuple[str, ...]]
) -> None:
    desk = Desk(Claim("claimed"), answer)
    assert desk.run(notice()) == [outcome]
    assert desk.ends == ends
    assert len(desk.sender.sent) == 1


def test_a_notice_is_useful_until_its_time_and_not_after() -> None:
    desk = Desk()
    desk.now = notice().useful_until
    assert desk.run(notice()) == [Forward()]
    desk = Desk()
    desk.now = notice().useful_until + 1
    assert desk.run(notice()) == [Drop("expired")]
    assert desk.ends == [("ended", "EXPIRED", "expired")]
    assert desk.sender.sent == []


@pytest.mark.parametrize(
    ("contact", "fields", "reason"),
    [
        (None, {}, "no_contact"),
        (Contact(recipient="r1", phone="+12015550123", opted_out=True), {}, "opted_out"),
        (Contact(recipient="r1", email="r1@example.org"), {}, "no_address"),
        (Contact(recipient="r1", phone="+12015550123"), {"channel": "email"}, "no_address"),
        (PERSON, {"channel": "webhook"}, "no_address"),
    ],
)
def test_who_cannot_be_reached_is_suppressed_with_a_reason(
    contact: Contact | None, fields: dict[str, str], reason: str
) -> None:
    desk = Desk(contacts=MemoryContacts([] if contact is None else [contact]))
    assert desk.run(notice(**fields)) == [Drop(reason)]
    assert desk.ends == [("ended", "SUPPRESSED", reason)]
    assert desk.sender.sent == []


LATE, ON_TIME = OUT + 25 * MINUTE, OUT
WORDS: list[tuple[Kind, Kind | None, int | None, str | None]] = [
    # kind, what the recipient heard last, the departure now expected -> the words that fit
    ("delayed", None, LATE, "DELAYED"),
    ("delayed", "delayed", LATE, "DELAYED"),
    ("delayed", "earlier", LATE, "DELAYED"),
    ("delayed", "reinstated", LATE, "DELAYED"),
    ("earlier", "delayed", LATE, "EARLIER THAN TOLD"),
    ("earlier", "earlier", ON_TIME, "EARLIER THAN TOLD"),
    ("earlier", "reinstated", LATE, "EARLIER THAN TOLD"),
    ("cancelled", None, None, "CANCELLED"),
    ("cancelled", "delayed", None, "CANCELLED"),
    ("cancelled", "cancelled", None, "CANCELLED"),
    ("cancelled", "reinstated", None, "CANCELLED"),
    ("reinstated", "cancelled", LATE, "OPERATES AFTER ALL"),
    ("reinstated", "cancelled", ON_TIME, "OPERATES AFTER ALL"),
    ("reinstated", "cancelled", None, "OPERATES AFTER ALL"),
    # Nothing to take back, and the departure is as everybody has it on the ticket.
    ("reinstated", None, ON_TIME, None),
    ("reinstated", None, None, None),
    ("earlier", None, ON_TIME, None),
    ("earlier", None, OUT - MINUTE, None),
    # The word taken back never arrived, but the departure is late: that is news.
    ("reinstated", None, LATE, "DELAYED"),
    ("earlier", None, LATE, "DELAYED"),
    # A cancellation was overtaken on its way; an older word still stands with the recipient.
    ("reinstated", "delayed", LATE, "DELAYED"),
    ("reinstated", "delayed", ON_TIME, "OPERATES AFTER ALL"),
    ("reinstated", "reinstated", ON_TIME, "OPERATES AFTER ALL"),
    # "Operates after all" was overtaken: these say it too.
    ("delayed", "cancelled", LATE, "OPERATES AFTER ALL"),
    ("earlier", "cancelled", ON_TIME, "OPERATES AFTER ALL"),
]


@pytest.mark.parametrize(("kind", "told", "expected", "words"), WORDS, ids=str)
def test_the_words_fit_what_the_recipient_heard_last(
    kind: Kind, told: Kind | None, expected: int | None, words: str | None
) -> None:
    desk = Desk(Claim("claimed", told=told))
    outcomes = desk.run(notice(kind=kind, out_expected=expected))
    if words is None:
        assert outcomes == [Drop("never_told")]
        assert desk.ends == [("ended", "SUPPRESSED", "never_told")]
    else:
        assert outcomes == [Forward()]
        assert f": {words}" in desk.sender.sent[0][2]


def test_a_replayed_record_is_refused_before_anything_is_touched() -> None:
    desk = Desk()
    [outcome] = desk.run(notice(replay="r-7"))
    assert outcome == Reject("replay: a replayed record must not reach a person", "n1")
    assert desk.sender.sent == desk.ledger.log == []


def test_a_ledger_out_of_reach_fails_the_notice_alone() -> None:
    desk = Desk(None)
    assert desk.run(notice(), notice(id="n2")) == [Fail("ledger could not be reached")] * 2
    assert desk.sender.sent == []


def test_a_contact_that_cannot_be_read_fails_before_the_claim() -> None:
    desk = Desk(contacts=PartlyDown([PERSON], {"r2"}))
    outcomes = desk.run(notice(), notice(id="n2", recipient="r2"))
    assert outcomes == [Forward(), Fail("contact could not be read")]
    assert [entry[:2] for entry in desk.ledger.log] == [("claim", "n1"), ("sent", "n1")]


def test_out_of_time_leaves_the_rest_untouched_and_uncounted() -> None:
    answers = iter([True, False, False])
    desk = Desk(enough_time=lambda: next(answers))
    outcomes = desk.run(notice(), notice(id="n2"), notice(id="n3"))
    assert outcomes == [Forward(), *[Fail("out of time", burns=False)] * 2]
    assert {entry[1] for entry in desk.ledger.log} == {"n1"}


def test_notices_are_handled_in_order_and_answered_in_order() -> None:
    desk = Desk(Claim("claimed"), SendResult("refused"), SendResult("accepted"), SendResult("busy"))
    outcomes = desk.run(notice(id="a"), notice(id="b", replay="r"), notice(id="c"), notice(id="d"))
    assert [type(outcome) for outcome in outcomes] == [Drop, Reject, Forward, Fail]
    assert [reference for *_, reference in desk.sender.sent] == ["a", "c", "d"]


def test_no_notices_need_nothing() -> None:
    assert Desk(None).run() == []


# With the real ledger: what one fault may cost.


class Office:
    """Notify on the in-memory ledger; each delivery is a fresh copy, as the codec makes it."""

    def __init__(self, *answers: SendResult) -> None:
        """`answers` come first, then everything is accepted."""
        self.ledger = MemoryLedger(LEASE)
        self.sender = ScriptedSender(*answers)
        self.now = RECEIVED

    def deliver(self, original: Notice, must_reach: Collection[Kind] = KINDS) -> Outcome:
        """One delivery of a notice."""
        [outcome] = notify(
            [msgspec.structs.replace(original)],
            contacts=MemoryContacts([PERSON]),
            ledger=self.ledger,
            sender=self.sender,
            wordings=WORDINGS,
            must_reach=must_reach,
            clock=lambda: self.now,
            enough_time=lambda: True,
        )
        return outcome

    def die_after_claiming(self, original: Notice) -> None:
        """A worker claims the notice and is never heard of again."""
        self.ledger.claim(msgspec.structs.replace(original), self.now)

    @property
    def words(self) -> list[str]:
        """The loud word of each text handed to the provider."""
        found = (re.search(r": ([A-Z ]+)[.( ]", text) for _, _, text, _ in self.sender.sent)
        return [match[1].strip() for match in found if match]


def revision(rev: int, kind: Kind, minutes: int | None = None) -> Notice:
    """A notice of one revision of the leg."""
    expected = None if minutes is None else OUT + minutes * MINUTE
    return notice(id=f"n{rev}", rev=rev, kind=kind, out_expected=expected)


def test_a_redelivery_is_a_duplicate() -> None:
    office = Office()
    assert office.deliver(notice()) == Forward()
    assert office.deliver(notice()) == Duplicate()
    assert len(office.sender.sent) == 1


def test_an_older_word_never_follows_a_newer() -> None:
    office = Office()
    office.deliver(revision(3, "delayed", 90))
    assert office.deliver(revision(2, "delayed", 45)) == Stale()
    assert len(office.sender.sent) == 1


def test_a_live_claim_is_left_alone_until_its_lease_runs_out() -> None:
    office = Office()
    office.die_after_claiming(notice())
    office.now += LEASE
    assert office.deliver(notice()) == Fail("claimed by another worker", burns=False)
    assert office.deliver(revision(9, "cancelled")) == Fail(
        "claimed by another worker", burns=False
    )
    office.now += 1
    assert office.deliver(notice()) == Forward()


def test_after_two_deaths_the_outcome_is_unknown_and_counts_as_told() -> None:
    office = Office()
    for _ in range(2):
        office.die_after_claiming(revision(2, "cancelled"))
        office.now += LEASE + 1
    assert office.deliver(revision(2, "cancelled")) == Drop("unknown_outcome")
    assert office.deliver(revision(3, "reinstated", 0)) == Forward()
    assert office.words == ["OPERATES AFTER ALL"]


def test_a_word_that_may_have_arrived_is_taken_back_though_nobody_confirmed_it() -> None:
    office = Office()
    office.die_after_claiming(revision(2, "cancelled"))  # perhaps after the provider took it
    office.now += LEASE + 1
    assert office.deliver(revision(3, "reinstated", 0)) == Forward()
    assert office.words == ["OPERATES AFTER ALL"]
    assert office.deliver(revision(2, "cancelled")) == Stale()


def test_what_may_have_arrived_stays_known_when_the_next_word_is_suppressed() -> None:
    office = Office(SendResult("refused"))
    office.die_after_claiming(revision(2, "cancelled"))
    office.now += LEASE + 1
    assert office.deliver(revision(3, "reinstated", 0)) == Drop("refused_by_provider")
    assert office.deliver(revision(4, "delayed", 45)) == Forward()
    assert office.words[-1] == "OPERATES AFTER ALL"


@pytest.mark.parametrize("late", [True, False])
def test_an_uncertain_word_is_not_called_expired(late: bool) -> None:
    office = Office()
    office.die_after_claiming(revision(2, "cancelled"))
    office.now = notice().useful_until + 1 if late else office.now + LEASE + 1
    outcome = office.deliver(revision(2, "cancelled"))
    assert outcome == (Drop("unknown_outcome") if late else Forward())
    row = office.ledger.rows["r1", notice().leg, "sms"]
    assert row.state == ("UNKNOWN" if late else "SENT")
    assert row.told == "cancelled"


def test_a_busy_provider_does_not_cost_the_passenger_the_overtaking_word() -> None:
    office = Office(SendResult("busy"))
    assert office.deliver(revision(2, "delayed", 180)) == Fail("provider busy", burns=False)
    assert office.deliver(revision(3, "earlier", 40)) == Forward()
    assert office.words == ["DELAYED", "DELAYED"]
    assert office.deliver(revision(2, "delayed", 180)) == Stale()


def test_after_a_busy_answer_the_same_word_may_go_at_once() -> None:
    office = Office(SendResult("busy"))
    office.deliver(notice())
    assert office.deliver(notice()) == Forward()
    assert len(office.sender.sent) == 2


def test_a_busy_answer_to_a_second_try_does_not_make_the_first_one_certain() -> None:
    """The first worker may have died after the provider took it, so the row stays a claim."""
    office = Office(SendResult("busy"))
    office.die_after_claiming(revision(2, "cancelled"))
    office.now += LEASE + 1
    assert office.deliver(revision(2, "cancelled")) == Fail("provider busy", burns=False)
    office.now += LEASE + 1
    assert office.deliver(revision(3, "reinstated", 0)) == Forward()
    assert office.words[-1] == "OPERATES AFTER ALL"


def test_an_unclear_answer_keeps_the_claim_until_the_lease_runs_out() -> None:
    office = Office(SendResult("unclear"))
    office.deliver(notice())
    assert office.deliver(notice()) == Fail("claimed by another worker", burns=False)
    office.now += LEASE + 1
    assert office.deliver(notice(), must_reach=()) == Drop("unknown_outcome")
    assert len(office.sender.sent) == 1


def test_a_worker_that_lost_its_claim_neither_confirms_nor_releases_it() -> None:
    ledger = MemoryLedger(LEASE)
    slow, fresh = revision(2, "delayed", 45), revision(3, "delayed", 90)
    ledger.claim(slow, 0)
    assert ledger.claim(fresh, LEASE + 1).result == "claimed"
    ledger.release(slow)
    ledger.sent(slow, "p-1", LEASE + 2)
    ledger.ended(slow, "FAILED", "late", LEASE + 2)
    assert ledger.claim(msgspec.structs.replace(fresh), LEASE + 2).result == "live"
    ledger.sent(fresh, "p-2", LEASE + 3)
    [row] = ledger.rows.values()
    assert (row.state, row.rev, row.history) == ("SENT", 3, [("SENT", "p-2")])
