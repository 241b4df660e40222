"""The bookings and contacts tables: the only two that hold anything about a person.

Bookings are kept under the number printed on the ticket (`UA4123#EWR#2013-02-08`), one item per
PNR, recipient and channel; a code-share item under the operating flight names its other numbers.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from filters.join import Marketed, Tickets
from filters.notify import Contacts
from filters.people import Booking, CodeShare, Contact, FlightNumber
from pipeline.aws.dynamo import Item, batch_get, side_by_side

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SHARES = "~code-shares"
_WRITES = 25
_ROUNDS = 8
_PAUSE_S = 0.05


class BookingTable:
    """Bookings and code-shares in DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        """Reads and loads `table`."""
        self._client = client
        self._table = table

    def code_shares(self, flights: Collection[FlightNumber]) -> Marketed:
        """The numbers under which these operating flights are also sold."""
        by_key = {_key(flight): flight for flight in flights}
        keys = [{"pk": key, "sk": _SHARES} for key in by_key]
        items, unread = batch_get(self._client, self._table, keys)
        found = {}
        for item in items:
            flight = by_key[item["pk"]["S"]]
            found[flight] = [
                FlightNumber(designator, flight.origin, flight.date)
                for designator in sorted(item["marketing"]["SS"])
            ]
        return Marketed(found, {by_key[key["pk"]] for key in unread})

    def tickets(self, flights: Collection[FlightNumber]) -> Tickets:
        """The bookings that carry these numbers, strongly consistent."""
        ordered = sorted(flights)
        answers = side_by_side(self._query, ordered)
        pairs = list(zip(ordered, answers, strict=True))
        return Tickets(
            {flight: booked for flight, booked in pairs if booked is not None},
            {flight for flight, booked in pairs if booked is None},
        )

    def load(self, bookings: Iterable[Booking], shares: Iterable[CodeShare] = ()) -> int:
        """Write bookings and code-shares, replacing equal ones; how many items were written."""
        marketing: dict[str, set[str]] = {}
        for share in shares:
            flight = FlightNumber(share.operating, share.origin, share.date)
            marketing.setdefault(_key(flight), set()).add(share.marketing)
        items: list[Item] = [
            {"pk": {"S": key}, "sk": {"S": _SHARES}, "marketing": {"SS": sorted(numbers)}}
            for key, numbers in marketing.items()
        ]
        items += [_booking_item(booking) for booking in bookings]
        return batch_put(self._client, self._table, items)

    def _query(self, flight: FlightNumber) -> list[Booking] | None:
        """All bookings of one number; None when they could not be read to the end."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :flight",
            ExpressionAttributeValues={":flight": {"S": _key(flight)}},
            ConsistentRead=True,
        )
        try:
            items = [item for page in pages for item in page["Items"]]
        except (ClientError, BotoCoreError):
            return None
        return [
            msgspec.json.decode(item["body"]["S"], type=Booking) for item in items if "body" in item
        ]


class ContactTable:
    """Contacts in DynamoDB, by recipient token."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        """Reads and loads `table`."""
        self._client = client
        self._table = table

    def read(self, recipients: Collection[str]) -> Contacts:
        """The contacts of these recipients, strongly consistent."""
        keys = [{"pk": recipient} for recipient in recipients]
        items, unread = batch_get(self._client, self._table, keys)
        found = (msgspec.json.decode(item["body"]["S"], type=Contact) for item in items)
        return Contacts(
            {contact.recipient: contact for contact in found}, {key["pk"] for key in unread}
        )

    def load(self, contacts: Iterable[Contact]) -> int:
        """Write contacts, replacing those of the same recipient; how many were written."""
        items: list[Item] = [
            {"pk": {"S": contact.recipient}, "body": {"S": _text(contact)}} for contact in contacts
        ]
        return batch_put(self._client, self._table, items)


def batch_put(client: DynamoDBClient, table: str, items: Sequence[Mapping[str, Any]]) -> int:
    """Put items, 25 at a time, until none is unprocessed; how many.

    Raises RuntimeError naming the count when some stay unprocessed.
    """
    rest = iter(items)
    while page := list(itertools.islice(rest, _WRITES)):
        wanted: list[Any] = [{"PutRequest": {"Item": item}} for item in page]
        for attempt in range(_ROUNDS):
            answer = client.batch_write_item(RequestItems={table: wanted})
            wanted = list(answer.get("UnprocessedItems", {}).get(table, []))
            if not wanted:
                break
            time.sleep(random.uniform(0, _PAUSE_S * 2**attempt))  # noqa: S311  (jitter)
        if wanted:
            message = f"{len(wanted)} items of {table} stayed unprocessed; try again later"
            raise RuntimeError(message)
    return len(items)


def _key(flight: FlightNumber) -> str:
    return f"{flight.designator}#{flight.origin}#{flight.date}"


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()


def _booking_item(booking: Booking) -> Item:
    return {
        "pk": {"S": _key(booking.flight)},
        "sk": {"S": f"{booking.pnr}#{booking.recipient}#{booking.channel}"},
        "body": {"S": _text(booking)},
    }
