"""Notify: notices -> words handed to a sender, once, and never an older word after a newer one.

The ledger holds one row per recipient, leg and channel: claim it with a lease, send, confirm. What
is not sent is suppressed with a reason, expired, refused by the provider or unknown; each is
recorded. Rejects: records of a replay, which must never reach a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from filters.outcome import Drop, Duplicate, Fail, Forward, Outcome, Reject, Stale, Unavailable
from filters.people import Contact
from filters.wording import Wordings, render
from schemas.records import Channel, Kind, Notice

End: TypeAlias = Literal["SENT", "SUPPRESSED", "EXPIRED", "FAILED", "UNKNOWN"]
"""How a notice ends; SENT means accepted by the provider, not read."""

ClaimResult: TypeAlias = Literal["claimed", "taken_over", "sent", "ended", "superseded", "live"]


class Contacts(msgspec.Struct, frozen=True):
    """Contacts by recipient, and the recipients that could not be read now."""

    found: Mapping[str, Contact]
    unread: Collection[str] = ()


class ContactBook(Protocol):
    """Where recipients are reached."""

    def read(self, recipients: Collection[str]) -> Contacts:
        """The contacts of these recipients, strongly consistent."""


class Claim(msgspec.Struct, frozen=True):
    """The answer to a claim.

    `taken_over`: the claim of a worker that died between claiming and confirming, so the provider
    may have the message; `tries` counts the claims of this revision. `told` is the kind last SENT
    to this recipient about this leg.
    """

    result: ClaimResult
    tries: int = 1
    told: Kind | None = None


class Ledger(Protocol):
    """One row per recipient, leg and channel, admitting only rising revisions.

    Every method raises Unavailable when the store cannot answer.
    """

    def claim(self, notice: Notice, now: int) -> Claim:
        """Claim the row for this revision, with a lease that outlives the function's timeout."""

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Confirm: the provider accepted it."""

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Close this revision without a send."""

    def release(self, notice: Notice) -> None:
        """Give the claim back: the provider certainly did not take it; a retry may."""


class SendResult(msgspec.Struct, frozen=True):
    """The provider's answer: accepted (with its id), refused, busy (try later), or unclear."""

    answer: Literal["accepted", "refused", "busy", "unclear"]
    detail: str = ""


class Sender(Protocol):
    """Hands a text to a provider. Never retries by itself: an unclear answer stays unclear."""

    def send(self, channel: Channel, address: str, text: str, reference: str) -> SendResult:
        """Hand over one text; `reference` is the notice's id."""


def notify(  # noqa: PLR0913  (four ports, two clocks and a rule, each by keyword)
    notices: Sequence[Notice],
    *,
    contacts: ContactBook,
    ledger: Ledger,
    sender: Sender,
    wordings: Wordings,
    must_reach: Collection[Kind],
    clock: Callable[[], int],
    enough_time: Callable[[], bool],
) -> list[Outcome]:
    """One outcome per notice, in order.

    `clock` gives ms UTC; `enough_time` is asked before each notice, and False leaves the rest.
    """
    desk = _Desk(contacts.read({notice.recipient for notice in notices}), ledger, sender, wordings)
    outcomes: list[Outcome] = []
    for notice in notices:
        if not enough_time():
            outcomes.append(Fail("out of time", burns=False))
        else:
            outcomes.append(desk.handle(notice, must_reach, clock()))
    return outcomes


_NOT_OURS: dict[ClaimResult, Outcome] = {
    "sent": Duplicate(),
    "ended": Duplicate(),
    "superseded": Stale(),
    "live": Fail("claimed by another worker", burns=False),
}
# A send whose outcome nobody knows is repeated once, where the policy says that it must reach.
_MOST_TRIES = 2


class _Desk:
    """What one batch of notices is handled with."""

    def __init__(
        self, contacts: Contacts, ledger: Ledger, sender: Sender, wordings: Wordings
    ) -> None:
        self._contacts = contacts
        self._ledger = ledger
        self._sender = sender
        self._wordings = wordings

    def handle(self, notice: Notice, must_reach: Collection[Kind], now: int) -> Outcome:
        if notice.replay is not None:
            return Reject("replay: a replayed record must not reach a person", notice.id)
        try:
            return self._handle(notice, must_reach, now)
        except Unavailable as error:
            return Fail(str(error))

    def _handle(self, notice: Notice, must_reach: Collection[Kind], now: int) -> Outcome:
        if notice.recipient in self._contacts.unread:
            return Fail("contact could not be read")
        claim = self._ledger.claim(notice, now)
        if claim.result in _NOT_OURS:
            return _NOT_OURS[claim.result]
        useful = now <= notice.useful_until
        first = claim.result == "claimed"
        if not first:
            again = useful and notice.kind in must_reach and claim.tries <= _MOST_TRIES
            if not again:
                return self._end(notice, "UNKNOWN", "unknown_outcome", now)
        if not useful:
            return self._end(notice, "EXPIRED", "expired", now)
        words = _words(notice, claim.told)
        address, reason = self._address(notice, words)
        if address is None or words is None:
            return self._end(notice, "SUPPRESSED", reason, now)
        result = self._sender.send(notice.channel, address, self._text(notice, words), notice.id)
        if result.answer == "busy" and first:
            self._ledger.release(notice)
        return self._answered(notice, result, now)

    def _end(self, notice: Notice, end: End, reason: str, now: int) -> Drop:
        self._ledger.ended(notice, end, reason, now)
        return Drop(reason)

    def _address(self, notice: Notice, words: Kind | None) -> tuple[str | None, str]:
        """The address to send to, or None and why the notice is suppressed."""
        contact = self._contacts.found.get(notice.recipient)
        if contact is None:
            return None, "no_contact"
        if contact.opted_out:
            return None, "opted_out"
        if words is None:
            return None, "never_told"
        address = {"sms": contact.phone, "email": contact.email}.get(notice.channel)
        return address, "no_address"

    def _text(self, notice: Notice, words: Kind) -> str:
        return render(msgspec.structs.replace(notice, kind=words), self._wordings)

    def _answered(self, notice: Notice, result: SendResult, now: int) -> Outcome:
        """What follows the provider's answer.

        A claim that is neither closed nor released stays, and is taken over when its lease has run
        out: the provider may have this text, or one sent before by a worker that died.
        """
        if result.answer == "accepted":
            self._ledger.sent(notice, result.detail, now)
            return Forward()
        if result.answer == "refused":
            return self._end(notice, "FAILED", "refused_by_provider", now)
        if result.answer == "busy":
            return Fail("provider busy", burns=False)
        return Fail("provider's answer unclear", burns=False)


def _words(notice: Notice, told: Kind | None) -> Kind | None:
    """The kind whose words fit what the recipient heard last; None: nothing to take back or say.

    An earlier word may have been overtaken on its way; the one that overtook it makes it good.
    """
    if notice.kind == "cancelled":
        return "cancelled"
    if told == "cancelled":
        return "reinstated"
    if notice.kind == "delayed" or (notice.kind == "earlier" and told is not None):
        return notice.kind
    expected, scheduled = notice.out_expected, notice.out_scheduled
    if expected is not None and scheduled is not None and expected > scheduled:
        return "delayed"
    return None if told is None else notice.kind
