"""The ledger table: one row per recipient, leg and channel; claim with a lease, send, confirm.

The row is both the claim and the guard: it admits only rising revisions, so no older word follows
a newer one. Each end of a revision is appended to the row's history in the same write. A row is
written whole, under the condition that it is still the one read; a new row needs no read at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from botocore.exceptions import BotoCoreError, ClientError

from filters.notify import Claim, ClaimResult, End
from filters.outcome import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from schemas.records import Kind, Notice

CLAIMED, RETRY = "CLAIMED", "RETRY"
_LEDGER_DOWN = "ledger could not be reached"
_KEEP_S = 400 * 86_400
# A lease must outlive the function that holds it, or two workers send without any fault.
_LEASE_MARGIN_MS = 10_000
_TRIES = 8

_Row: TypeAlias = dict[str, Any]


class LedgerTable:
    """The ledger in DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str, function_timeout_s: int) -> None:
        """The lease is the function's timeout and a margin."""
        self._client = client
        self._table = table
        self._lease_ms = function_timeout_s * 1000 + _LEASE_MARGIN_MS
        self._held: dict[str, _Row] = {}

    def claim(self, notice: Notice, now: int) -> Claim:
        """Claim the row for this revision, or say why not."""
        # One holder per call: the SDK's own repeat of it carries the same name, another call never.
        holder = uuid.uuid4().hex
        row: _Row = {}
        for _ in range(_TRIES):
            refused = _refused(row, notice.rev, now)
            if refused is not None:
                return Claim(refused, told=_told(row))
            claimed = self._claimed(row, notice, holder, now)
            stored = self._put(claimed, row)
            if stored is None or stored.get("holder", {}).get("S") == holder:
                self._held[notice.id] = claimed
                return _claim(row, claimed, notice.rev)
            row = stored
        raise Unavailable("ledger row contended")

    def _claimed(self, row: _Row, notice: Notice, holder: str, now: int) -> _Row:
        """The row as this claim leaves it."""
        tries = _tries(notice.rev)
        claimed = {
            **row,
            **_key(notice),
            "holder": {"S": holder},
            "v": {"N": str(notice.rev)},
            "st": {"S": CLAIMED},
            "lease": {"N": str(now + self._lease_ms)},
            "kind": {"S": notice.kind},
            "expires_at": {"N": str(now // 1000 + _KEEP_S)},
            tries: {"N": str(_number(row, tries) + 1)},
        }
        if _is_claimed(row) and _number(row, "v") != notice.rev:
            # Its worker died; what it held may have reached the person, so it counts as told.
            claimed["told"] = row["kind"]
        return claimed

    def _put(self, row: _Row, before: _Row) -> _Row | None:
        """Replace `before` by `row`; what is stored instead when that is not `before` any more."""
        writes = _number(before, "writes")
        condition: _Row = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before:
            condition = {
                "ConditionExpression": "writes = :read",
                "ExpressionAttributeValues": {":read": {"N": str(writes)}},
            }
        row["writes"] = {"N": str(writes + 1)}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=row,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise Unavailable(_LEDGER_DOWN) from error
            return cast("_Row", cast("_Row", error.response).get("Item", {}))
        except BotoCoreError as error:
            raise Unavailable(_LEDGER_DOWN) from error
        return None

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Confirm: the provider accepted it."""
        self._close(notice, "SENT", provider_id, now)

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Close this revision without a send."""
        self._close(notice, end, reason, now)

    def release(self, notice: Notice) -> None:
        """Give the claim back, so that a retry may have it at once."""
        self._change(notice, st={"S": RETRY})

    def rows(self) -> list[dict[str, Any]]:
        """All rows; for inspection, not for a stage."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True
        )
        return [dict(item) for page in pages for item in page["Items"]]

    def _close(self, notice: Notice, end: End, detail: str, now: int) -> None:
        entry = {
            "id": {"S": notice.id},
            "kind": {"S": notice.kind},
            "v": {"N": str(notice.rev)},
            "end": {"S": end},
            "detail": {"S": detail},
            "at": {"N": str(now)},
        }
        history = [*self._held[notice.id].get("history", {"L": []})["L"], {"M": entry}]
        # An unknown outcome may have reached the person, so it counts as told.
        told = {"told": {"S": notice.kind}} if end in ("SENT", "UNKNOWN") else {}
        self._change(notice, st={"S": end}, history={"L": history}, **told)

    def _change(self, notice: Notice, **attributes: Any) -> None:  # noqa: ANN401  (DynamoDB values)
        """Change our own claim; a row that another worker took over meanwhile is left to it."""
        held = self._held.pop(notice.id)
        self._put({**held, **attributes}, held)


def _key(notice: Notice) -> dict[str, Any]:
    return {"pk": {"S": notice.recipient}, "sk": {"S": f"{notice.leg}#{notice.channel}"}}


def _told(row: Mapping[str, Any]) -> Kind | None:
    return cast("Kind", row["told"]["S"]) if "told" in row else None


def _tries(rev: int) -> str:
    return f"tries_{rev}"


def _number(row: Mapping[str, Any], name: str) -> int:
    return int(row[name]["N"]) if name in row else 0


def _is_claimed(row: Mapping[str, Any]) -> bool:
    return "st" in row and row["st"]["S"] == CLAIMED


def _claim(before: Mapping[str, Any], claimed: Mapping[str, Any], rev: int) -> Claim:
    """What was claimed: a free row, or that of a worker that died with this very revision."""
    died = _is_claimed(before) and _number(before, "v") == rev
    tries = _number(claimed, _tries(rev))
    return Claim("taken_over" if died else "claimed", tries, _told(claimed))


def _refused(row: Mapping[str, Any], rev: int, now: int) -> ClaimResult | None:
    """Why the row refuses a claim of this revision, or None."""
    stored = _number(row, "v")
    if stored > rev:
        return "superseded"
    if _is_claimed(row):
        return "live" if _number(row, "lease") >= now else None
    if stored < rev or row["st"]["S"] == RETRY:
        return None
    return "sent" if row["st"]["S"] == "SENT" else "ended"
