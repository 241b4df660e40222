"""The tables' ports in process: leg states, bookings, contacts and the ledger.

Product code: replays and simulations run on these, with whatever clock they bring. The same
contract tests run against these and the DynamoDB adapters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from filters.detect import Reading, Written
from filters.join import Marketed, Tickets
from filters.legs import LegState
from filters.notify import Claim, Contacts, End
from filters.people import Booking, CodeShare, Contact, FlightNumber
from schemas.records import Kind, Notice


class MemoryLegs:
    """Leg states and their outbox."""

    def __init__(self) -> None:
        """Starts empty."""
        self.states: dict[str, LegState] = {}
        self._confirmed: set[str] = set()

    def read(self, keys: Collection[str]) -> Reading:
        """The states stored under these keys; a confirmed outbox is returned empty."""
        found = {key: self.states[key] for key in keys if key in self.states}
        return Reading({key: self._emptied(state) for key, state in found.items()})

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write each state if the stored revision is still `rev - 1`; the result by key."""
        results: dict[str, Written] = {}
        for state in states:
            stored = self.states.get(state.key)
            fits = (stored.rev if stored is not None else 0) == state.rev - 1
            if fits:
                self.states[state.key] = state
            results[state.key] = "written" if fits or stored == state else "conflict"
        return results

    def confirm(self, token: str) -> None:
        """Everything decided under this token was emitted."""
        self._confirmed.add(token)

    def all(self) -> list[LegState]:
        """All states."""
        return list(self.states.values())

    def _emptied(self, state: LegState) -> LegState:
        if state.token not in self._confirmed:
            return state
        return msgspec.structs.replace(state, pending=(), token=None)


class MemoryBookings:
    """Bookings and code-shares by the number on the ticket."""

    def __init__(self, bookings: Iterable[Booking] = (), shares: Iterable[CodeShare] = ()) -> None:
        """Holds these bookings and code-shares."""
        self._tickets: dict[FlightNumber, dict[tuple[str, str, str], Booking]] = defaultdict(dict)
        self._shares: dict[FlightNumber, set[str]] = defaultdict(set)
        self.load(bookings, shares)

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """The numbers under which these operating flights are also sold."""
        return Marketed(
            {
                flight: [
                    FlightNumber(designator, flight.origin, flight.date)
                    for designator in sorted(self._shares[flight])
                ]
                for flight in flights
                if flight in self._shares
            }
        )

    def tickets(self, flights: Collection[FlightNumber]) -> Tickets:
        """The bookings that carry these numbers."""
        return Tickets({f: list(self._tickets[f].values()) for f in flights if f in self._tickets})

    def load(self, bookings: Iterable[Booking], shares: Iterable[CodeShare] = ()) -> int:
        """Add bookings, replacing those of the same PNR, recipient and channel; how many."""
        added = list(bookings)
        for booking in added:
            key = (booking.pnr, booking.recipient, booking.channel)
            self._tickets[booking.flight][key] = booking
        for share in shares:
            flight = FlightNumber(share.operating, share.origin, share.date)
            self._shares[flight].add(share.marketing)
        return len(added)


class MemoryContacts:
    """Contacts by recipient token."""

    def __init__(self, contacts: Iterable[Contact] = ()) -> None:
        """Holds these contacts."""
        self._contacts: dict[str, Contact] = {}
        self.load(contacts)

    def read(self, recipients: Collection[str]) -> Contacts:
        """The contacts of these recipients."""
        return Contacts({r: self._contacts[r] for r in recipients if r in self._contacts})

    def load(self, contacts: Iterable[Contact]) -> int:
        """Add or replace contacts; how many."""
        loaded = {contact.recipient: contact for contact in contacts}
        self._contacts.update(loaded)
        return len(loaded)


class LedgerRow(msgspec.Struct):
    """One recipient, leg and channel."""

    holder: Notice
    state: str
    rev: int
    lease: int
    tries: dict[int, int]
    told: Kind | None
    history: list[tuple[str, str]]


class MemoryLedger:
    """The claim-send-confirm ledger."""

    def __init__(self, lease_ms: int) -> None:
        """`lease_ms` must outlive the worker that holds a claim."""
        self._lease_ms = lease_ms
        self.rows: dict[tuple[str, str, str], LedgerRow] = {}

    def claim(self, notice: Notice, now: int) -> Claim:
        """Claim the row for this revision, or say why not."""
        row = self.rows.get(_row_key(notice))
        if row is None:
            row = LedgerRow(notice, "CLAIMED", notice.rev, 0, {}, None, [])
            self.rows[_row_key(notice)] = row
            return self._claimed(row, notice, now, taken_over=False)
        if row.rev > notice.rev:
            return Claim("superseded", told=row.told)
        if row.state == "CLAIMED" and row.lease >= now:
            return Claim("live", told=row.told)
        if row.rev == notice.rev and row.state not in ("CLAIMED", "RETRY"):
            return Claim("sent" if row.state == "SENT" else "ended", told=row.told)
        taken_over = row.rev == notice.rev and row.state == "CLAIMED"
        if row.rev < notice.rev and row.state == "CLAIMED":
            # Its worker died; what it held may have reached the person, so it counts as told.
            row.told = row.holder.kind
        return self._claimed(row, notice, now, taken_over=taken_over)

    def _claimed(self, row: LedgerRow, notice: Notice, now: int, *, taken_over: bool) -> Claim:
        row.holder, row.state, row.rev = notice, "CLAIMED", notice.rev
        row.lease = now + self._lease_ms
        row.tries[notice.rev] = row.tries.get(notice.rev, 0) + 1
        result = "taken_over" if taken_over else "claimed"
        return Claim(result, row.tries[notice.rev], row.told)  # type: ignore[arg-type]  # one of the two

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Confirm: the provider accepted it."""
        self._close(notice, "SENT", provider_id, now)

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Close this revision without a send."""
        self._close(notice, end, reason, now)

    def release(self, notice: Notice) -> None:
        """Give the claim back, so that a retry may have it at once."""
        row = self.rows[_row_key(notice)]
        if row.holder is notice:
            row.state = "RETRY"

    def _close(self, notice: Notice, end: End, detail: str, now: int) -> None:
        del now
        row = self.rows[_row_key(notice)]
        if row.holder is not notice:
            return
        row.state = end
        row.history.append((end, detail))
        if end in ("SENT", "UNKNOWN"):
            row.told = notice.kind


def _row_key(notice: Notice) -> tuple[str, str, str]:
    return (notice.recipient, notice.leg, notice.channel)
