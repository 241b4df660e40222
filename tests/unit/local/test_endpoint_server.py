"""The lock around the embedded endpoint, and the long polls that must not hold it."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.local.endpoint_server import OneAtATime, without_waiting


def request(body: bytes, **headers: str) -> dict[str, Any]:
    return {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "REQUEST_METHOD": "POST",
        **headers,
    }


class Answers:
    """A WSGI application that answers with each of `bodies` in turn and keeps what was asked."""

    def __init__(self, *bodies: bytes, status: str = "200 OK") -> None:
        self.asked: list[bytes] = []
        self._bodies = iter(bodies)
        self._status = status

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterator[bytes]:
        self.asked.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response(self._status, [("X-Seen", str(len(self.asked)))])
        yield next(self._bodies)


def call(application: OneAtATime, environ: dict[str, Any]) -> tuple[str, bytes]:
    started: list[str] = []
    body = b"".join(application(environ, lambda status, _headers: started.append(status)))
    return started[0], body


def test_one_request_is_inside_at_any_time() -> None:
    inside = threading.Lock()
    overlaps: list[int] = []

    def application(
        environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterator[bytes]:
        start_response("200 OK", [])
        # The body is made while it is read, as moto's is: the lock has to cover that too.
        for _ in range(50):
            if inside.acquire(blocking=False):
                time.sleep(0)  # lets another thread try
                yield environ["wsgi.input"].read(1)
                inside.release()
            else:
                overlaps.append(1)

    locked = OneAtATime(application)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: call(locked, request(b"x" * 50)), range(64)))

    assert not overlaps
    assert {body for _, body in answers} == {b"x" * 50}


def test_a_long_poll_is_asked_without_a_wait_until_there_is_a_message() -> None:
    inner = Answers(b"{}", b'{"Messages": []}', b'{"Messages": [{"MessageId": "1"}]}')
    body = json.dumps({"QueueUrl": "q", "WaitTimeSeconds": 20}).encode()

    status, answer = call(
        OneAtATime(inner), request(body, HTTP_X_AMZ_TARGET="AmazonSQS.ReceiveMessage")
    )

    assert status == "200 OK"
    assert json.loads(answer)["Messages"]
    assert [json.loads(one)["WaitTimeSeconds"] for one in inner.asked] == [0, 0, 0]


def test_a_refused_long_poll_is_not_asked_again() -> None:
    inner = Answers(b'{"__type": "QueueDoesNotExist"}', status="400 Bad Request")
    body = json.dumps({"QueueUrl": "q", "WaitTimeSeconds": 20}).encode()

    status, _ = call(OneAtATime(inner), request(body, HTTP_X_AMZ_TARGET="AmazonSQS.ReceiveMessage"))

    assert status == "400 Bad Request"
    assert len(inner.asked) == 1


@pytest.mark.parametrize(
    ("target", "body", "expected", "wait_s"),
    [
        ("AmazonSQS.ReceiveMessage", b'{"WaitTimeSeconds":3}', b'{"WaitTimeSeconds": 0}', 3.0),
        # The wait may stand in the queue's attributes: then the answer comes at once.
        ("AmazonSQS.ReceiveMessage", b"{}", b'{"WaitTimeSeconds": 0}', 0.0),
        ("AmazonSQS.ReceiveMessage", b'{"WaitTimeSeconds":21}', b'{"WaitTimeSeconds":21}', 0.0),
        ("AmazonSQS.ReceiveMessage", b'{"WaitTimeSeconds":"1"}', b'{"WaitTimeSeconds":"1"}', 0.0),
        ("AmazonSQS.SendMessage", b'{"WaitTimeSeconds":3}', b'{"WaitTimeSeconds":3}', 0.0),
        (
            "",
            b"Action=ReceiveMessage&WaitTimeSeconds=20&A=1",
            b"Action=ReceiveMessage&A=1&WaitTimeSeconds=0",
            0.0,
        ),
        (
            "",
            b"Action=SendMessage&WaitTimeSeconds=20",
            b"Action=SendMessage&WaitTimeSeconds=20",
            0.0,
        ),
    ],
)
def test_only_the_wait_of_a_receive_is_taken_out(
    target: str, body: bytes, expected: bytes, wait_s: float
) -> None:
    assert without_waiting({"HTTP_X_AMZ_TARGET": target}, body) == (expected, wait_s)
