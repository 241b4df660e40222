"""The legs table: one item per leg, the outbox inside it, and a receipt per confirmed token.

An item is written whole under the condition that its revision is still the one read. A write that
the SDK repeated after a lost reply finds its own bytes there and counts as written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from filters.detect import Reading, Written
from filters.legs import LegState
from pipeline.aws.clients import dynamodb, session
from pipeline.aws.dynamo import Item, batch_get, side_by_side
from pipeline.clock import now_ms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RECEIPT = "receipt#"
_DAY_S = 86_400
_KEEP_LEG_S = 14 * _DAY_S
# What is parked in a flight day and found no leg by then will find none.
_KEEP_FLIGHT_DAY_S = 3 * _DAY_S
_FLIGHT_DAY = "~day:"
_EPOCH = date(1970, 1, 1)
_decode = msgspec.json.Decoder(LegState).decode


class LegTable:
    """Leg states in DynamoDB."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], int],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives ms UTC, for the items' expiry; `pause` waits seconds between tries."""
        self._client = client
        self._table = table
        self._clock = clock
        self._pause = pause

    def read(self, keys: Collection[str]) -> Reading:
        """The states stored under these keys; a confirmed outbox is returned empty."""
        items, unread = self._get(keys)
        states = {item["pk"]["S"]: _decode(item["body"]["S"]) for item in items}
        tokens = {state.token for state in states.values() if state.token is not None}
        found, unknown = self._get({_RECEIPT + token for token in tokens})
        confirmed = {item["pk"]["S"].removeprefix(_RECEIPT) for item in found}
        doubtful = {key["pk"].removeprefix(_RECEIPT) for key in unknown}
        return Reading(
            found={
                key: _emptied(state) if state.token in confirmed else state
                for key, state in states.items()
                if state.token not in doubtful
            },
            unread={key["pk"] for key in unread}
            | {key for key, state in states.items() if state.token in doubtful},
        )

    def write(self, states: Sequence[LegState]) -> Mapping[str, Written]:
        """Write each state if the stored revision is still `rev - 1`; the result by key."""
        results = side_by_side(self._write_one, states)
        return {state.key: result for state, result in zip(states, results, strict=True)}

    def confirm(self, token: str) -> None:
        """Everything decided under this token was emitted."""
        key = _RECEIPT + token
        item = {"pk": {"S": key}, "expires_at": {"N": str(self._expiry(key))}}
        # Without a receipt the same disruptions go out again under the same ids, which is harmless.
        with suppress(ClientError, BotoCoreError):
            self._client.put_item(TableName=self._table, Item=item)

    def all(self) -> list[LegState]:
        """All leg states of the table; for inspection, not for a stage."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True
        )
        items = (item for page in pages for item in page["Items"])
        return [_decode(item["body"]["S"]) for item in items if "body" in item]

    def _get(self, keys: Collection[str]) -> tuple[list[Item], list[Mapping[str, str]]]:
        return batch_get(
            self._client,
            self._table,
            [{"pk": key} for key in keys],
            self._pause,
            only=("pk", "body"),
        )

    def _now_s(self) -> int:
        return self._clock() // 1000

    def _expiry(self, key: str) -> int:
        """Seconds since the epoch; counted from the departure date if that is still to come."""
        keep = _KEEP_FLIGHT_DAY_S if key.startswith(_FLIGHT_DAY) else _KEEP_LEG_S
        day = key.rpartition(".")[2]
        try:
            date_s = (date.fromisoformat(day) - _EPOCH).days * _DAY_S
        except ValueError:
            date_s = 0  # a source's own id names no date
        return max(self._now_s(), date_s) + keep

    def _write_one(self, state: LegState) -> Written:
        body = msgspec.json.encode(state).decode()
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if state.rev > 1:
            condition = {
                "ConditionExpression": "rev = :read",
                "ExpressionAttributeValues": {":read": {"N": str(state.rev - 1)}},
            }
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": state.key},
                    "rev": {"N": str(state.rev)},
                    "body": {"S": body},
                    "expires_at": {"N": str(self._expiry(state.key))},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                return "failed"
            stored = error.response.get("Item", {}).get("body", {}).get("S")  # type: ignore[attr-defined]  # not in the stub
            return "written" if stored == body else "conflict"
        except BotoCoreError:
            return "failed"
        return "written"


def _emptied(state: LegState) -> LegState:
    return msgspec.structs.replace(state, pending=(), token=None)


def open_legs(table: str, *, endpoint_url: str | None = None, region: str = "") -> LegTable:
    """The legs table for a command; with `endpoint_url` that of an embedded endpoint.

    An embedded endpoint is given no credentials of the user's. Raises BotoCoreError without a
    region.
    """
    if endpoint_url is None:
        return LegTable(dynamodb(), table, now_ms)
    client: DynamoDBClient = session().client(
        "dynamodb",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  (a word for signing; no account has it)
    )
    return LegTable(client, table, now_ms)
