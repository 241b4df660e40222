from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.responses import Source, failed_items, warning
from pipeline.local.sources import Invocation

SENT = ["8", "9", "10", "11"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["batchItemFailures", "itemIdentifier", "foo"]) | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
REPORT = st.lists(st.sampled_from(SENT), max_size=6)


@given(
    answer=JSON,
    error=st.sampled_from([None, "Unhandled", "Timeout", "Exited"]),
    reporting=st.booleans(),
    source=st.sampled_from(["sqs", "kinesis"]),
)
def test_any_answer_fails_records_of_the_batch_only(
    *, answer: object, error: str | None, reporting: bool, source: Source
) -> None:
    invocation = Invocation(payload=answer, error=error)
    failed = failed_items(invocation, SENT, reporting=reporting, source=source)
    assert failed <= set(SENT)
    if error is not None:
        assert failed == set(SENT)
    elif not reporting:
        assert not failed
    said = warning(invocation, reporting=reporting)
    # A warning is about an answer that Lambda takes for success.
    assert said is None or not failed


@given(REPORT)
def test_a_queue_gets_back_exactly_what_was_reported(reported: list[str]) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": item} for item in reported]}
    failed = failed_items(Invocation(answer), SENT, reporting=True, source="sqs")
    assert failed == set(reported)


@given(REPORT)
def test_a_stream_goes_back_to_the_lowest_number(reported: list[str]) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": item} for item in reported]}
    failed = failed_items(Invocation(answer), SENT, reporting=True, source="kinesis")
    first = min((SENT.index(item) for item in reported), default=len(SENT))
    assert failed == set(SENT[first:])


@pytest.mark.parametrize(
    "answer",
    [
        0,
        False,
        True,
        12,
        "text",
        [1],
        {"batchItemFailures": {}},
        {"batchItemFailures": ""},
        {"batchItemFailures": "8"},
        {"batchItemFailures": ["8"]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": [{"itemIdentifier": ["8"]}]},
        {"batchItemFailures": [{"itemIdentifier": 8}]},
        {"batchItemFailures": [{"itemIdentifier": "8"}, {}]},
    ],
)
def test_an_answer_nobody_can_use_fails_the_batch(answer: object) -> None:
    failed = failed_items(Invocation(answer), SENT, reporting=True, source="sqs")
    assert failed == set(SENT)


def test_an_object_about_something_else_is_success_with_a_warning() -> None:
    invocation = Invocation({"statusCode": 500, "body": "secret"})
    assert not failed_items(invocation, SENT, reporting=True, source="sqs")
    said = warning(invocation, reporting=True)
    assert said is not None
    assert "without batchItemFailures" in said
    assert "secret" not in said


@pytest.mark.parametrize("answer", [{"batchItemFailures": []}, {"batchItemFailures": None}])
def test_a_plain_success_needs_no_warning(answer: object) -> None:
    assert warning(Invocation(answer), reporting=True) is None
    assert warning(Invocation(answer), reporting=False) is None


def test_a_failed_invocation_needs_no_warning() -> None:
    assert warning(Invocation(None, error="Unhandled"), reporting=True) is None
