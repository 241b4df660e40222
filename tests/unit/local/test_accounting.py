"""Sums of what the stages report, and the texts that were handed to the sender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.accounting import Accounting, batch_lines
from pipeline.local.invoker import InvocationReport
from pipeline.local.outbox import Outbox, masked
from pipeline.local.template import Function

FUNCTION = Function("DetectFunction", "detect", "arn:detect", "a.b", 3, 128, {}, "", None)
LINE: dict[str, Any] = {
    "message": "batch",
    "stage": "detect",
    "in": 10,
    "forwarded": 3,
    "dropped": {"on_time": 2, "undated": 1},
    "rejected": 1,
    "failed": 1,
    "duplicate": 1,
    "stale": 1,
    "outputs": 4,
    "failed_messages": 0,
}


def report(*logs: dict[str, Any] | str, **fields: Any) -> InvocationReport:  # noqa: ANN401  (any field)
    given: dict[str, Any] = {
        "function": FUNCTION,
        "request_id": "1",
        "source_arn": "arn",
        "records": 2,
        "started_ms": 0,
        "duration_ms": 5,
        "logs": list(logs),
    }
    return InvocationReport(**given | fields)


def test_batches_of_a_stage_add_up_and_nothing_is_unaccounted() -> None:
    sums = Accounting()

    sums.observe(report(LINE))
    sums.observe(report(LINE, LINE))

    stage = sums.stages["detect"]
    assert (stage.batches, stage.records, stage.forwarded, stage.outputs) == (3, 30, 9, 12)
    assert stage.dropped == {"on_time": 6, "undated": 3}
    assert stage.unaccounted == 0


def test_a_record_that_ended_as_nothing_is_shown() -> None:
    sums = Accounting()

    sums.observe(report(LINE | {"in": 12}))

    assert sums.stages["detect"].unaccounted == 2
    assert sums.stages["detect"].as_json()["unaccounted"] == 2


def test_invocations_errors_and_calls_are_summed_by_function() -> None:
    sums = Accounting()
    calls = {"sqs.SendMessageBatch": {"requests": 1, "entries": 7}}

    sums.observe(report(calls=calls))
    sums.observe(report(calls=calls, error="Timeout"))

    function = sums.functions["DetectFunction"]
    assert (function.invocations, function.messages, function.duration_ms) == (2, 4, 10)
    assert function.errors == {"Timeout": 1}
    assert sums.calls() == {"sqs.SendMessageBatch": {"requests": 2, "entries": 14}}


@pytest.mark.parametrize(
    "line",
    [
        "batch",
        {"message": "other"} | {key: LINE[key] for key in LINE if key != "message"},
        {key: LINE[key] for key in LINE if key != "stale"},
        {"_aws": {}},
    ],
)
def test_a_log_line_that_is_no_batch_report_is_passed_over(line: dict[str, Any] | str) -> None:
    assert batch_lines(report(line)) == []


def test_a_batch_report_may_hold_more_than_the_counts() -> None:
    assert batch_lines(report(LINE | {"ids": {}})) == [LINE | {"ids": {}}]


def test_texts_are_read_once_and_half_a_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    outbox = Outbox(path)
    first, second = ({"channel": "sms", "address": "+1", "text": t, "reference": t} for t in "ab")

    assert outbox.new() == []
    whole, half = json.dumps(first) + "\n", json.dumps(second)
    path.write_text(whole + half)
    assert outbox.new() == [first]
    assert outbox.new() == []
    path.write_text(whole + half + "\n")
    assert outbox.new() == [second]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("+12125550123", "**********23"),
        ("ann@example.org", "*************rg"),
        ("12345", "***"),
        ("", "***"),
    ],
)
def test_an_address_shows_its_last_two_characters_only(address: str, shown: str) -> None:
    assert masked(address) == shown
