"""The child process that serves the embedded AWS endpoint, on the loopback interface only.

Run by path (`python -P endpoint_server.py PARENT BACKEND SOCKET FOLDER`): the moto server needs
this project's environment, ministack one of its own, and only the standard library is imported at
the top so that it starts in either. SOCKET is the inherited descriptor of a listening socket;
FOLDER is the run's, removed here if the parent is killed.
"""

from __future__ import annotations

import ctypes
import io
import json
import logging
import os
import re
import runpy
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal, NoReturn

HOST = "127.0.0.1"
_LOOK_AGAIN_S = 0.1
_PR_SET_PDEATHSIG = 1
_QUERY_WAIT = re.compile(rb"(^|&)WaitTimeSeconds=\d*")

Answer = tuple[str, list[tuple[str, str]], bytes]


def die_with(parent: int, by: signal.Signals) -> None:
    """Have the kernel signal this process when process `parent` ends (Linux; no-op elsewhere).

    The pipe from the parent says the same on every system; this also ends a process whose threads
    hang. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above took hold
        os._exit(0)


class Lifeline:
    """The pipe from the parent: a byte says that all is in order, a bare end that it was killed."""

    def __init__(self, descriptor: int, folder: str) -> None:
        """`folder` is removed when the parent was killed and can no longer do so."""
        self._descriptor = descriptor
        self._folder = folder

    def watch(self) -> NoReturn:
        """Wait for the parent's word or end, then end this process at once."""
        if os.read(self._descriptor, 1):
            os._exit(0)
        self.orphaned()

    def orphaned(self, *_: object) -> NoReturn:
        """Clean up in the parent's place and end."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)


class OneAtATime:
    """A WSGI application that lets one request in at a time.

    moto's Kinesis gives two racing puts the same sequence number and loses one of them, and reads
    fail while a put goes on; one lock around the whole application ends both. A long poll would
    hold that lock, so ReceiveMessage is asked without a wait, again and again, outside of it.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> list[bytes]:
        """Answer one request; its body is read before the lock is taken."""
        body, wait_s = without_waiting(environ, _body(environ))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        until = time.monotonic() + wait_s
        status, headers, content = self._answer(environ, body)
        while time.monotonic() < until and status[:3] == "200" and not _has_messages(content):
            time.sleep(_LOOK_AGAIN_S)
            status, headers, content = self._answer(environ, body)
        start_response(status, headers)
        return [content]

    def _answer(self, environ: dict[str, Any], body: bytes) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            started.append((status, headers))

        with self._lock:
            chunks = self._application(environ | {"wsgi.input": io.BytesIO(body)}, start_response)
            try:
                content = b"".join(chunks)
            finally:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
        return (*started[-1], content)


def _body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def without_waiting(environ: dict[str, Any], body: bytes) -> tuple[bytes, float]:
    """The body with any SQS long poll taken out, and how many seconds it asked to wait.

    A request that leaves the wait to the queue's attribute is answered at once, as a short poll is.
    """
    if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
        asked = json.loads(body or b"{}")
        wait = asked.get("WaitTimeSeconds") or 0
        asked["WaitTimeSeconds"] = 0
        # A wait that is no number, or out of range, is moto's to refuse.
        if not isinstance(wait, int) or not 0 <= wait <= 20:  # noqa: PLR2004  (SQS: at most 20 s)
            return body, 0.0
        return json.dumps(asked).encode(), float(wait)
    if b"Action=ReceiveMessage" in body and b"\n" not in body:
        return _QUERY_WAIT.sub(b"", body) + b"&WaitTimeSeconds=0", 0.0
    return body, 0.0


def _has_messages(content: bytes) -> bool:
    return bool(json.loads(content or b"{}").get("Messages"))


def serve_moto(listening: int) -> NoReturn:
    """Serve moto on the listening socket with this descriptor."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        """Keeps connections open, answers in one packet, and writes no access log."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def run_wsgi(self) -> None:
            """Answer and keep the connection; werkzeug's own closes it after every answer.

            `OneAtATime` reads the whole body and gives the whole answer, so nothing is left behind.
            """
            if self.headers.get("Expect", "").strip().lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.wfile.flush()
            started: list[tuple[str, list[tuple[str, str]]]] = []
            content = b"".join(
                application(self.make_environ(), lambda *said: started.append((said[0], said[1])))
            )
            status, headers = started[-1]
            code, _, words = status.partition(" ")
            self.send_response(int(code), words)
            sized = "content-length" in {name.lower() for name, _ in headers}
            for name, value in headers:
                self.send_header(name, value)
            if not sized:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server(HOST, 0, application, threaded=True, request_handler=Quiet, fd=listening)
    # Requests still open when the parent goes must not keep this process.
    server.daemon_threads = True  # type: ignore[attr-defined]  # of the threaded server class
    server.serve_forever()
    raise SystemExit(0)


def serve_ministack(listening: int) -> NoReturn:
    """Serve ministack on the listening socket with this descriptor, in this very process."""
    # 0 workers: hypercorn would otherwise serve in a child of its own.
    sys.argv = ["hypercorn", "ministack.app:app", "--bind", f"fd://{listening}"]
    sys.argv += ["--workers", "0", "--keep-alive", "75", "--log-level", "error"]
    runpy.run_module("hypercorn", run_name="__main__")
    raise SystemExit(0)


Backend = Literal["moto", "ministack"]
_SERVERS: dict[str, Callable[[int], NoReturn]] = {"moto": serve_moto, "ministack": serve_ministack}


def main(arguments: list[str]) -> NoReturn:
    """Serve: parent's process id, "moto" or "ministack", socket, folder. Ends with the parent."""
    parent, backend, listening = int(arguments[0]), arguments[1], int(arguments[2])
    lifeline = Lifeline(os.dup(0), arguments[3])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGTERM, lifeline.orphaned)
    die_with(parent, signal.SIGTERM)
    threading.Thread(target=lifeline.watch, daemon=True).start()
    # Ctrl-C goes to the whole process group; the parent drains first and then ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _SERVERS[backend](listening)


if __name__ == "__main__":
    main(sys.argv[1:])
