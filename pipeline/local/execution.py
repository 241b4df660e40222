"""One execution environment of a function: the parent's side of a worker process."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipeline.local.frames import Frames, frame
from pipeline.local.template import Function

# Importing the SDK and the function on a loaded machine; it does not count against the timeout.
_INIT_S = 60.0
_STOP_S = 5.0
_CHUNK = 65_536


class TimedOut(Exception):  # noqa: N818  (an outcome of an invocation, in Lambda's word)
    """The function ran longer than its timeout and was killed."""


class Exited(Exception):  # noqa: N818  (an outcome of an invocation)
    """The function's process ended before it answered."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A death by SIGKILL just before, or just after, the `call`-th AWS call or send (from 1)."""

    call: int
    before: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How one invocation ended; `error` is None when the handler returned `payload`."""

    payload: object = None
    error: str | None = None
    type: str = ""
    message: str = ""
    trace: str = ""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Execution:
    """A worker process, from its start to its end. Create it on the main thread.

    `invoke` blocks; everything else returns at once.
    """

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        *,
        folder: Path,
        hold_back: bool,
    ) -> None:
        """`environment` is the whole environment of the process."""
        self.function = function
        self._frames = Frames()
        self._messages: list[dict[str, Any]] = []
        self._started = False
        # Held while an invocation runs: its pipes must not be closed under it.
        self._busy = threading.Lock()
        self._logs: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (see `close`)
        # Appending lets the parent empty the file between two invocations.
        flags = fcntl.fcntl(self._logs, fcntl.F_GETFL)
        fcntl.fcntl(self._logs, fcntl.F_SETFL, flags | os.O_APPEND)
        self._answers, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own worker)
                [
                    sys.executable,
                    "-P",
                    "-u",
                    "-m",
                    "pipeline.local.worker",
                    str(os.getpid()),
                    str(theirs),
                ],
                stdin=subprocess.PIPE,
                stdout=self._logs,
                stderr=self._logs,
                env=dict(environment),
                cwd=function.code or folder,
                pass_fds=[theirs],
                start_new_session=True,
            )
        except OSError:
            os.close(self._answers)
            self._logs.close()
            raise
        finally:
            os.close(theirs)
        os.set_blocking(self._answers, False)
        os.set_blocking(self._requests, False)
        log_stream = f"local/[$LATEST]{self._process.pid}"
        self._start = {
            "handler": function.handler,
            "code": [str(function.code)] if function.code else [],
            "name": function.name,
            "arn": function.arn,
            "memory_mb": function.memory_mb,
            "timeout_s": function.timeout_s,
            "log_group": f"/aws/lambda/{function.name}",
            "log_stream": log_stream,
            "hold_back": hold_back,
            "sender_file": environment.get("FLIGHTWIRE_SENDER_FILE", ""),
        }

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another invocation."""
        return self._process.poll() is None

    @property
    def _requests(self) -> int:
        if self._process.stdin is None:  # never: it was opened as a pipe
            raise Exited("the worker has no pipe")
        return self._process.stdin.fileno()

    def invoke(self, request: Mapping[str, Any]) -> Ended:
        """Run one invocation and wait for its end.

        Raises TimedOut after the function's timeout and Exited when the process ends first.
        """
        with self._busy:
            if not self._started:
                self._started = True
                ready = self._exchange(self._start, time.monotonic() + _INIT_S)
                if "error" in ready:
                    self._process.wait()  # Lambda starts a new one for the next invocation
                    return self._ended(ready)
            timeout_s = self.function.timeout_s
            return self._ended(self._exchange(request, time.monotonic() + timeout_s))

    def _ended(self, done: Mapping[str, Any]) -> Ended:
        calls = done.get("calls", {})
        if "exit" in done:
            self._process.wait()  # it must not be given another invocation on its way out
            return Ended(error="Exited", type="Runtime.ExitError", message=f"exit {done['exit']}")
        if "error" in done:
            found = done["error"]
            return Ended(
                error="Unhandled",
                type=found["type"],
                message=found["message"],
                trace=found["trace"],
                calls=calls,
            )
        return Ended(payload=done.get("payload"), calls=calls)

    def _exchange(self, message: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send one message and wait for the one that says "done"."""
        data = memoryview(frame(dict(message)))
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            selector.register(self._answers, selectors.EVENT_READ)
            while True:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    self.kill()
                    seconds = self.function.timeout_s
                    raise TimedOut(f"Task timed out after {seconds:.2f} seconds")
                for key, _ in selector.select(left_s):
                    if key.fd == self._answers:
                        done = self._read()
                        if done is not None:
                            return done
                        continue
                    data = data[self._write(data) :]
                    if not data:
                        selector.unregister(self._requests)

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._requests, data[:_CHUNK])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(data)  # it has ended: reading says how

    def _read(self) -> dict[str, Any] | None:
        """Take in what has come; the answer if it is whole."""
        try:
            data = os.read(self._answers, _CHUNK)
        except BlockingIOError:
            return None
        if not data:
            raise Exited(self._how_it_ended())
        self._messages += self._frames.feed(data)
        for at, message in enumerate(self._messages):
            if "done" in message:
                del self._messages[at]
                done: dict[str, Any] = message["done"]
                return done
        return None

    def _how_it_ended(self) -> str:
        status = self._process.wait()
        if status < 0:
            return f"the process was ended by {signal.Signals(-status).name}"
        return f"the process exited with status {status}"

    def delayed(self) -> list[tuple[str, int]]:
        """Messages it sent with a delay since the last call: id and seconds."""
        found = [pair for message in self._messages for pair in message.get("delayed", {}).items()]
        self._messages.clear()
        return found

    def logs(self) -> list[dict[str, Any] | str]:
        """What it has written since the last call: JSON objects parsed, other lines as text."""
        size = os.fstat(self._logs.fileno()).st_size
        text = os.pread(self._logs.fileno(), size, 0).decode("utf-8", "replace")
        os.ftruncate(self._logs.fileno(), 0)
        return [_parsed(line) for line in text.splitlines() if line.strip()]

    def kill(self) -> None:
        """End it now; an invocation that runs gets Exited."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and give everything back: politely when it is idle, by a kill when it is not."""
        idle = not self._busy.locked()
        if not idle or self._process.poll() is not None:
            self.kill()
        with self._busy:
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
            os.close(self._answers)
            self._logs.close()


def _parsed(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except ValueError:
        return line
    return found if isinstance(found, dict) else line
