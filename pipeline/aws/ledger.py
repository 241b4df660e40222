"""The ledger table: one row per recipient, leg and channel; claim with a lease, send, confirm.

The row is both the claim and the guard: it admits only rising revisions, so no older word follows
a newer one. Each end of a revision is appended to the row's history in the same write.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

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
# The row remembers what it held before, so that the SDK's repeat of a claim gets the same answer.
_CLAIM = (
    "SET before_st = if_not_exists(st, :none), before_v = if_not_exists(v, :zero),"
    " before_kind = if_not_exists(kind, :none), holder = :me, v = :v, st = :claimed,"
    " lease = :lease, kind = :kind, expires_at = :expires ADD #tries :one"
)
_CLAIM_IF = (
    "attribute_not_exists(pk)"
    " OR (v < :v AND (st <> :claimed OR lease < :now))"
    " OR (v = :v AND (st = :retry OR (st = :claimed AND lease < :now)))"
)


class LedgerTable:
    """The ledger in DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str, function_timeout_s: int) -> None:
        """The lease is the function's timeout and a margin."""
        self._client = client
        self._table = table
        self._lease_ms = function_timeout_s * 1000 + _LEASE_MARGIN_MS
        self._holders: dict[str, str] = {}

    def claim(self, notice: Notice, now: int) -> Claim:
        """Claim the row for this revision, or say why not."""
        # One holder per call: the SDK's own repeat of it carries the same name, another call never.
        holder = uuid.uuid4().hex
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(notice),
                UpdateExpression=_CLAIM,
                ConditionExpression=_CLAIM_IF,
                ExpressionAttributeNames={"#tries": _tries(notice.rev)},
                ExpressionAttributeValues={
                    ":me": {"S": holder},
                    ":v": {"N": str(notice.rev)},
                    ":claimed": {"S": CLAIMED},
                    ":retry": {"S": RETRY},
                    ":now": {"N": str(now)},
                    ":lease": {"N": str(now + self._lease_ms)},
                    ":kind": {"S": notice.kind},
                    ":expires": {"N": str(now // 1000 + _KEEP_S)},
                    ":one": {"N": "1"},
                    ":zero": {"N": "0"},
                    ":none": {"S": ""},
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            _only_condition(error)
            row: Mapping[str, Any] = cast("Mapping[str, Any]", error.response).get("Item", {})
            if row["holder"]["S"] != holder:
                return Claim(_refused(row, notice.rev), told=_told(row))
        except BotoCoreError as error:
            raise Unavailable(_LEDGER_DOWN) from error
        else:
            row = answer["Attributes"]
        self._holders[notice.id] = holder
        claim = _claimed(row, notice.rev)
        if claim.told is not None and claim.told != _told(row):
            self._update(notice, holder, "SET told = :kind", {":kind": {"S": claim.told}})
        return claim

    def sent(self, notice: Notice, provider_id: str, now: int) -> None:
        """Confirm: the provider accepted it."""
        self._close(notice, "SENT", provider_id, now)

    def ended(self, notice: Notice, end: End, reason: str, now: int) -> None:
        """Close this revision without a send."""
        self._close(notice, end, reason, now)

    def release(self, notice: Notice) -> None:
        """Give the claim back, so that a retry may have it at once."""
        holder = self._holders.pop(notice.id)
        self._update(notice, holder, "SET st = :st", {":st": {"S": RETRY}})

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
        update = "SET st = :st, history = list_append(if_not_exists(history, :none), :entry)"
        # An unknown outcome may have reached the person, so it counts as told.
        told = {":kind": {"S": notice.kind}} if end in ("SENT", "UNKNOWN") else {}
        self._update(
            notice,
            self._holders.pop(notice.id),
            update + (", told = :kind" if told else ""),
            {":st": {"S": end}, ":entry": {"L": [{"M": entry}]}, ":none": {"L": []}, **told},
        )

    def _update(self, notice: Notice, holder: str, update: str, values: dict[str, Any]) -> None:
        """Change our own claim; a row that another worker took over meanwhile is left to it."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(notice),
                UpdateExpression=update,
                # Still claimed: the SDK's repeat of a write that had landed changes nothing.
                ConditionExpression="holder = :me AND st = :claimed",
                ExpressionAttributeValues={
                    ":me": {"S": holder},
                    ":claimed": {"S": CLAIMED},
                    **values,
                },
            )
        except ClientError as error:
            _only_condition(error)
        except BotoCoreError as error:
            raise Unavailable(_LEDGER_DOWN) from error


def _only_condition(error: ClientError) -> None:
    """Raises Unavailable for any error but a failed condition."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise Unavailable(_LEDGER_DOWN) from error


def _key(notice: Notice) -> dict[str, Any]:
    return {"pk": {"S": notice.recipient}, "sk": {"S": f"{notice.leg}#{notice.channel}"}}


def _told(row: Mapping[str, Any]) -> Kind | None:
    return cast("Kind", row["told"]["S"]) if "told" in row else None


def _tries(rev: int) -> str:
    return f"tries_{rev}"


def _claimed(row: Mapping[str, Any], rev: int) -> Claim:
    """The claim that this row now holds.

    A worker that died with an earlier revision may have sent it, so that revision counts as told.
    """
    died = row["before_st"]["S"] == CLAIMED
    same = int(row["before_v"]["N"]) == rev
    told = cast("Kind", row["before_kind"]["S"]) if died and not same else _told(row)
    return Claim("taken_over" if died and same else "claimed", int(row[_tries(rev)]["N"]), told)


def _refused(row: Mapping[str, Any], rev: int) -> ClaimResult:
    """Why the row refused the claim."""
    stored, state = int(row["v"]["N"]), row["st"]["S"]
    if stored > rev:
        return "superseded"
    if state == CLAIMED:
        return "live"
    return "sent" if state == "SENT" else "ended"
