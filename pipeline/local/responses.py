"""What Lambda makes of a function's answer: which records of the batch run again.

Sources: AWS Lambda developer guide, "Handling errors for an SQS event source in Lambda" and
"Configuring partial batch response with Kinesis Data Streams and Lambda", both under success and
failure conditions. Where they are silent (a number, a list that holds something), the whole batch
fails: a record that runs twice is better than one that is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pipeline.local.sources import Invocation

Source = Literal["sqs", "kinesis"]
_NO_RECORDS: frozenset[str] = frozenset()
_SUCCESS = (
    "returned {}, which Lambda takes as success for the whole batch; always return an object "
    "with batchItemFailures, a list that may be empty"
)
_IGNORED = (
    "reported failed records, but the mapping lacks ReportBatchItemFailures: Lambda ignores the "
    "list and takes them as processed; add it to FunctionResponseTypes"
)


def failed_items(
    invocation: Invocation, sent: Sequence[str], *, reporting: bool, source: Source
) -> frozenset[str]:
    """The ids of `sent` that run again; all of them when the batch failed as a whole.

    `sent` holds the batch's message ids, or its sequence numbers in order. `reporting` says
    whether the mapping has ReportBatchItemFailures: without it an answer is never looked at. From a
    stream everything from the lowest reported number on runs again, whatever else was reported.
    """
    if invocation.error is not None:
        return frozenset(sent)
    if not reporting:
        return _NO_RECORDS
    reported = _reported(invocation.payload)
    if reported is None or not reported <= set(sent):
        return frozenset(sent)
    if source == "kinesis" and reported:
        # As numbers: "9" comes before "10".
        lowest = min(int(number) for number in reported)
        return frozenset(number for number in sent if int(number) >= lowest)
    return reported


def _reported(answer: object) -> frozenset[str] | None:
    """The identifiers an answer reports as failed, or None for an answer Lambda cannot use."""
    if answer is None or answer in ("", [], {}):
        return _NO_RECORDS
    if not isinstance(answer, dict):
        return None
    items = answer.get("batchItemFailures")
    if items is None:
        return _NO_RECORDS
    if not isinstance(items, list):
        return None
    found = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    usable = [identifier for identifier in found if isinstance(identifier, str)]
    return frozenset(usable) if len(usable) == len(found) else None


def warning(invocation: Invocation, *, reporting: bool) -> str | None:
    """What to tell the developer of an answer that Lambda takes without complaint, if anything.

    The answer's contents are never repeated: they may hold anything.
    """
    answer = invocation.payload
    if invocation.error is not None:
        return None
    listed = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not reporting:
        return _IGNORED if listed else None
    if answer is None or answer in ("", []):
        return _SUCCESS.format("nothing")
    if isinstance(answer, dict) and "batchItemFailures" not in answer:
        return _SUCCESS.format("an object without batchItemFailures")
    return None
