"""A proxy in front of a Kinesis endpoint that refuses a seeded share of what is put.

Kinesis may answer PutRecords with HTTP 200 and refuse some of the records, each with an ErrorCode
of its own (Kinesis API reference, PutRecords). Everything else passes as it is.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Lock, Thread
from typing import Any, ClassVar
from urllib.parse import urlsplit

PUT_RECORDS = "Kinesis_20131202.PutRecords"
REFUSAL = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "Rate exceeded for shard, says the benchmark",
}
# Headers of one connection, which the other one has its own of.
HOP = frozenset(("connection", "content-length", "date", "host", "server", "transfer-encoding"))


class RefusingProxy:
    """What the proxy does with a PutRecords request, and how many records it has refused."""

    def __init__(
        self,
        upstream: str,
        *,
        share: float,
        seed: int,
        watch: Callable[[str, list[dict[str, Any]]], None],
    ) -> None:
        """`watch` is told ("before" and "stored") of the records of each request that pass."""
        host = urlsplit(upstream)
        self.upstream = (host.hostname or "", host.port or 80)
        self.refused = self.records = 0
        self._share = share
        self._chance = Random(seed)
        self._watch = watch
        self._lock = Lock()

    def put(
        self, asked: dict[str, Any], forward: Callable[[bytes], tuple[int, bytes]]
    ) -> tuple[int, bytes]:
        """The answer to a PutRecords request; `forward` has the endpoint answer a smaller one."""
        with self._lock:
            records = asked["Records"]
            passed = [self._chance.random() >= self._share for _ in records]
            kept = [record for record, passes in zip(records, passed, strict=True) if passes]
            self.records += len(records)
            self.refused += len(records) - len(kept)
            self._watch("before", kept)
            results: list[dict[str, Any]] = []
            if kept:
                status, body = forward(json.dumps({**asked, "Records": kept}).encode())
                if status != http.client.OK:
                    return status, body
                results = json.loads(body)["Records"]
            self._watch("stored", kept)
        answers = iter(results)
        merged = [next(answers) if passes else REFUSAL for passes in passed]
        failed = sum("ErrorCode" in answer for answer in merged)
        answer = {"FailedRecordCount": failed, "Records": merged}
        return http.client.OK, json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    """One connection from the client, with one of its own to the endpoint."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    proxy: ClassVar[RefusingProxy]

    def setup(self) -> None:
        super().setup()
        self._endpoint = http.client.HTTPConnection(*self.proxy.upstream, timeout=60)

    def finish(self) -> None:
        self._endpoint.close()
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._headers: list[tuple[str, str]] = []
        if self.headers["X-Amz-Target"] == PUT_RECORDS:
            status, content = self.proxy.put(json.loads(body), self._forward)
        else:
            status, content = self._forward(body)
        self.send_response(status)
        for name, value in self._headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def handle(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the client was killed
            super().handle()

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP}
        self._endpoint.request("POST", self.path, body, headers)
        answer = self._endpoint.getresponse()
        self._headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in HOP]
        return answer.status, answer.read()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(proxy: RefusingProxy) -> Iterator[str]:
    """The proxy's URL while it is served."""
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
