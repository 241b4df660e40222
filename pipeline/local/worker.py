"""The child process in which one Lambda function runs: `python -m pipeline.local.worker`.

One function, one environment, one invocation at a time, as an execution environment of Lambda. Its
requests come through the pipe on standard input, its answers leave by the pipe whose descriptor is
named on the command line; standard output and error belong to the function. It ends when the
parent closes the pipe, or dies.

Source: AWS Lambda developer guide, "Using the Lambda context object to retrieve Python function
information" and "Define Lambda function handler in Python" (errors).
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pipeline import clock
from pipeline.local.endpoint_server import die_with
from pipeline.local.frames import Frames, frame, write_all
from pipeline.local.tapping import Tap

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What a handler is given beside the event; times are the wall's."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None
    ends_at: float = field(default=0.0, repr=False)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this invocation is killed."""
        return max(0, round((self.ends_at - time.monotonic()) * 1000))


class Worker:
    """Runs the invocations of one function and answers each."""

    def __init__(self, requests: int, answers: int) -> None:
        """`requests` and `answers` are the descriptors of the two pipes."""
        self._answers = answers
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(requests,), daemon=True).start()
        self._start = self._messages.get()
        from pipeline.aws.clients import session

        self.tap = Tap(
            session().events,
            tell=self._tell,
            hold_back=self._start["hold_back"],
            sender_file=self._start["sender_file"],
        )

    def _listen(self, descriptor: int) -> NoReturn:
        """Read requests; the end of the pipe is the end of this process, whatever it is doing."""
        frames = Frames()
        while data := os.read(descriptor, _CHUNK):
            for message in frames.feed(data):
                self._messages.put(message)
        os._exit(0)

    def _tell(self, message: dict[str, Any]) -> None:
        write_all(self._answers, frame(message))

    def run(self) -> NoReturn:
        """Import the handler, then serve for ever."""
        try:
            handler = self._handler()
        except Exception as error:
            self._tell({"done": _error(error)})
            raise SystemExit(1) from error
        self._tell({"done": {}})
        while True:
            request = self._messages.get()
            clock.set_now(request["now_ms"])
            self.tap.begin(request["crash"])
            done = self._invoke(handler, request)
            self.tap.end()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            self._answer(done | {"calls": self.tap.calls})

    def _handler(self) -> Callable[[Any, Any], Any]:
        """The function's handler, from its code folder: "package.module.name"."""
        sys.path[:0] = self._start["code"]
        module, _, name = self._start["handler"].replace("/", ".").rpartition(".")
        handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
        return handler

    def _context(self, request: dict[str, Any]) -> LambdaContext:
        start = self._start
        return LambdaContext(
            aws_request_id=request["id"],
            function_name=start["name"],
            invoked_function_arn=start["arn"],
            memory_limit_in_mb=str(start["memory_mb"]),
            log_group_name=start["log_group"],
            log_stream_name=start["log_stream"],
            ends_at=time.monotonic() + start["timeout_s"],
        )

    def _invoke(
        self, handler: Callable[[Any, Any], Any], request: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            return {"payload": handler(request["event"], self._context(request))}
        except SystemExit as error:
            # Lambda calls this Runtime.ExitError and starts anew; so do we.
            self._tell({"done": {"exit": str(error.code)}})
            os._exit(1)
        except Exception as error:  # noqa: BLE001  (a function may raise anything; it is reported)
            return _error(error)

    def _answer(self, done: dict[str, Any]) -> None:
        try:
            message = frame({"done": done})
        except (TypeError, ValueError, RecursionError) as error:
            unusable = {"type": "Runtime.MarshalError", "message": str(error), "trace": ""}
            message = frame({"done": {"error": unusable, "calls": done["calls"]}})
        write_all(self._answers, message)


def _error(error: Exception) -> dict[str, Any]:
    """What the parent is told of an exception."""
    trace = "".join(traceback.format_exception(error))
    return {"error": {"type": type(error).__name__, "message": str(error), "trace": trace}}


def main(arguments: list[str]) -> NoReturn:
    """Serve one function: the parent's process id, and the descriptor of the answers' pipe."""
    parent, answers = int(arguments[0]), int(arguments[1])
    die_with(parent, signal.SIGKILL)
    # Ctrl-C goes to the whole process group; the parent drains first and then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    Worker(requests, answers).run()


if __name__ == "__main__":
    main(sys.argv[1:])
