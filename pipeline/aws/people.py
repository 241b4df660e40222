"""The bookings and contacts tables: the only two that hold anything about a person.

Bookings are kept under the number printed on the ticket (`UA4123#EWR#2013-02-08`), one item per
PNR, recipient and channel.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from filters.join import Marketed, Tickets
from filters.notify import Contacts
from filters.people import Booking, CodeShare, Contact, FlightNumber
from pipeline.aws.dynamo import Item, batch_get, side_by_side

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FLIGHT = "~flight"
_WRITES = 25
_ROUNDS = 8
_PAUSE_S = 0.05


class BookingTable:
    """Bookings in DynamoDB, read in batches.

    A flight's item (sort key `~flight`) holds the sort keys of its bookings and, for an operating
    flight, the marketing numbers. A booking is written before its flight's item names it.
    """

    def __init__(
        self, client: DynamoDBClient, table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Reads and loads `table`; `pause` waits seconds between tries."""
        self._client = client
        self._table = table
        self._pause = pause

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """The numbers under which these operating flights are also sold."""
        found, unread = self._flights(flights)
        return Marketed(
            {
                flight: [
                    FlightNumber(designator, flight.origin, flight.date)
                    for designator in _strings(item, "marketing")
                ]
                for flight, item in found.items()
                if "marketing" in item
            },
            unread,
        )

    def tickets(self, flights: Collection[FlightNumber]) -> Tickets:
        """The bookings that carry these numbers, strongly consistent."""
        found, unread = self._flights(flights)
        by_key = {_key(flight): flight for flight in found}
        keys = [
            {"pk": _key(flight), "sk": booking}
            for flight, item in found.items()
            for booking in _strings(item, "bookings")
        ]
        items, missed = batch_get(self._client, self._table, keys, self._pause, only=("pk", "body"))
        unread |= {by_key[key["pk"]] for key in missed}
        tickets: dict[FlightNumber, list[Booking]] = {flight: [] for flight in found}
        for item in items:
            booking = msgspec.json.decode(item["body"]["S"], type=Booking)
            tickets[by_key[item["pk"]["S"]]].append(booking)
        return Tickets({f: booked for f, booked in tickets.items() if f not in unread}, unread)

    def _flights(
        self, flights: Collection[FlightNumber]
    ) -> tuple[dict[FlightNumber, Item], set[FlightNumber]]:
        """The flights' items that exist, and the flights that could not be read now."""
        by_key = {_key(flight): flight for flight in flights}
        keys = [{"pk": key, "sk": _FLIGHT} for key in by_key]
        items, unread = batch_get(self._client, self._table, keys, self._pause)
        return (
            {by_key[item["pk"]["S"]]: item for item in items},
            {by_key[key["pk"]] for key in unread},
        )

    def load(
        self, bookings: Iterable[Booking], shares: Iterable[CodeShare] = (), *, whole: bool = False
    ) -> int:
        """Write bookings, replacing equal ones, and add them and code-shares to their flights.

        `whole`: these are all there are of the flights they name, so that a flight's item is
        replaced, 25 to a request, and not added to. Returns how many bookings were written. Raises
        RuntimeError when DynamoDB leaves some unprocessed.
        """
        named: dict[FlightNumber, dict[str, set[str]]] = {}
        items: list[Item] = []
        for booking in bookings:
            item = _booking_item(booking)
            items.append(item)
            named.setdefault(booking.flight, {}).setdefault("bookings", set()).add(item["sk"]["S"])
        for share in shares:
            flight = FlightNumber(share.operating, share.origin, share.date)
            named.setdefault(flight, {}).setdefault("marketing", set()).add(share.marketing)
        written = batch_put(self._client, self._table, items, self._pause)
        if whole:
            flights = [_flight_item(flight, sets) for flight, sets in named.items()]
            batch_put(self._client, self._table, flights, self._pause)
        else:
            side_by_side(self._name, list(named.items()))
        return written

    def _name(self, entry: tuple[FlightNumber, Mapping[str, set[str]]]) -> None:
        """Add to a flight's sets; adding what is there already changes nothing."""
        flight, sets = entry
        self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": _key(flight)}, "sk": {"S": _FLIGHT}},
            UpdateExpression="ADD " + ", ".join(f"{name} :{name}" for name in sets),
            ExpressionAttributeValues={
                f":{name}": {"SS": sorted(values)} for name, values in sets.items()
            },
        )


class ContactTable:
    """Contacts in DynamoDB, by recipient token."""

    def __init__(
        self, client: DynamoDBClient, table: str, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Reads and loads `table`; `pause` waits seconds between tries."""
        self._client = client
        self._table = table
        self._pause = pause

    def read(self, recipients: Collection[str]) -> Contacts:
        """The contacts of these recipients, strongly consistent."""
        keys = [{"pk": recipient} for recipient in recipients]
        items, unread = batch_get(self._client, self._table, keys, self._pause, only=("body",))
        found = (msgspec.json.decode(item["body"]["S"], type=Contact) for item in items)
        return Contacts(
            {contact.recipient: contact for contact in found}, {key["pk"] for key in unread}
        )

    def load(self, contacts: Iterable[Contact]) -> int:
        """Write contacts, replacing those of the same recipient; how many were written."""
        items: list[Item] = [
            {"pk": {"S": contact.recipient}, "body": {"S": _text(contact)}} for contact in contacts
        ]
        return batch_put(self._client, self._table, items, self._pause)


def batch_put(
    client: DynamoDBClient,
    table: str,
    items: Sequence[Mapping[str, Any]],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Put items, 25 at a time, until none is unprocessed; how many.

    Of items with the same key (`pk`, `sk`) the last counts; DynamoDB refuses a request that repeats
    one. Raises RuntimeError naming the count when some stay unprocessed.
    """
    unique = {(item["pk"]["S"], item.get("sk", {}).get("S")): item for item in items}
    rest = iter(unique.values())
    while page := list(itertools.islice(rest, _WRITES)):
        wanted: list[Any] = [{"PutRequest": {"Item": item}} for item in page]
        for attempt in range(_ROUNDS):
            if attempt:
                pause(random.uniform(0, _PAUSE_S * 2**attempt))  # noqa: S311  (jitter, no secret)
            answer = client.batch_write_item(RequestItems={table: wanted})
            wanted = list(answer.get("UnprocessedItems", {}).get(table, []))
            if not wanted:
                break
        if wanted:
            message = f"{len(wanted)} items of {table} stayed unprocessed; try again later"
            raise RuntimeError(message)
    return len(unique)


def _key(flight: FlightNumber) -> str:
    return f"{flight.designator}#{flight.origin}#{flight.date}"


def _strings(item: Item, name: str) -> list[str]:
    return sorted(item[name]["SS"]) if name in item else []


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()


def _booking_item(booking: Booking) -> Item:
    return {
        "pk": {"S": _key(booking.flight)},
        "sk": {"S": f"{booking.pnr}#{booking.recipient}#{booking.channel}"},
        "body": {"S": _text(booking)},
    }


def _flight_item(flight: FlightNumber, sets: Mapping[str, set[str]]) -> Item:
    return {
        "pk": {"S": _key(flight)},
        "sk": {"S": _FLIGHT},
        **{name: {"SS": sorted(values)} for name, values in sets.items()},
    }
