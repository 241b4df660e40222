"""Polls a URL: each new or changed message of its body goes into the stream once.

A server that says 304, or gives the body or the rows it gave before, has only shown that it is
alive. A row is new unless the poll before had the very same one: rows that change and change back
are news both times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from filters.normalize import FORMATS, recognised
from filters.normalize.splitting import MAX_PIECE_BYTES, Piece
from filters.normalize.splitting.pieces import parts, too_long
from pipeline.connect.fetch import AddressError, Answer, FetchError, retry_after_s, shown
from pipeline.connect.memory import Memory
from pipeline.connect.pulse import Pulse
from pipeline.connect.sink import Sink
from pipeline.connect.surroundings import Surroundings
from pipeline.ingest.producer import Backoff
from schemas.records import payload_id

INTERVAL_S: Final = 180.0
BACKOFF: Final = Backoff(first_s=5.0, cap_s=900.0)
_LONGEST_WAIT_S: Final = 3_600.0
_JITTER: Final = 0.1
_HEAD_BYTES: Final = 65_536
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_TRANSIENT: Final = frozenset((408, 425, 429))
_SERVER_FAULT: Final = 500
_UNKNOWN: Final = frozenset((401, 403))
# IATA AIDX implementation guide 22.1, Errors: 911 is a system error or a throttle; try later.
_AIDX_BUSY: Final = re.compile(rb"""<(?:[\w.-]+:)?Error\b[^<>]{0,500}["']911["']""")

Get = Callable[[str, Mapping[str, str]], Answer]


class Seen(msgspec.Struct, frozen=True):
    """The last answer that was acknowledged whole: its validators, and the SHA-256 of its body."""

    etag: str = ""
    last_modified: str = ""
    sha256: str = ""


class PollError(Exception):
    """Polling again would not help; `hint` says what to do next."""

    def __init__(self, reason: str, hint: str) -> None:
        """State both."""
        super().__init__(reason)
        self.hint = hint


class _Later(Exception):  # noqa: N818  (a word of the server's, no error of ours)
    """The server has no answer now; `after_s` when it said until when."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is polled: without a format each body is recognised; `headers` may hold keys."""

    url: str
    format: str | None = None
    headers: dict[str, str] = {}
    interval_s: float = INTERVAL_S


class Poll:
    """One URL, polled every so often."""

    def __init__(
        self,
        request: Request,
        get: Get,
        sink: Sink,
        memory: Memory[Seen],
        pulse: Pulse,
        around: Surroundings,
    ) -> None:
        """`get` fetches a URL with headers, as `Fetcher.get` does."""
        self._request = request
        self._get = get
        self._sink = sink
        self._memory = memory
        self._pulse = pulse
        self._around = around
        self._origin = shown(request.url)
        self._before: set[str] = set()
        self._known = request.format or ""

    def run(self, *, once: bool = False, anew: bool = False) -> None:
        """Poll until told to stop, or `once`.

        Begins with what the last run saw, unless `anew`. Raises PollError, CheckpointError, and
        what `Sink.flush` raises. What a poll brought is remembered when all of it is acknowledged.
        """
        seen = Seen() if anew else self._memory.read() or Seen()
        tried = 0
        try:
            while True:
                self._sink.tally.looks += 1
                try:
                    seen = self._poll(seen)
                except _Later as error:
                    self._sink.tally.failures += 1
                    if once:
                        reason = f"{self._origin}: {error}"
                        raise PollError(reason, "try again later") from error
                    tried += 1
                    least = min(error.after_s or 0.0, _LONGEST_WAIT_S)
                    self._around.back_off(BACKOFF, tried, str(error), "polling again", least)
                    continue
                tried = 0
                if once:
                    return
                interval_s = self._request.interval_s
                spread = _JITTER * interval_s
                self._around.sleep(interval_s + self._around.uniform(-spread, spread))
        finally:
            self._sink.flush()

    def _poll(self, seen: Seen) -> Seen:
        """One poll; what is seen now. Raises _Later and PollError."""
        answer = self._answer(seen)
        if answer.status == _NOT_MODIFIED:
            return self._alive(seen)
        if _AIDX_BUSY.search(answer.body[:_HEAD_BYTES]) and self._request.format in (None, "aidx"):
            raise _Later("the AIDX server says 911, busy", self._after(answer))
        now = Seen(
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            sha256=hashlib.sha256(answer.body).hexdigest(),
        )
        if now.sha256 != seen.sha256:
            self._send(answer.body)
        self._memory.write(now)
        return self._alive(now)

    def _alive(self, seen: Seen) -> Seen:
        self._sink.tally.heartbeats += 1
        self._pulse.heard(self._known)
        return seen

    def _answer(self, seen: Seen) -> Answer:
        """A 200 or 304. Raises _Later for what may pass, PollError for what will not."""
        conditions = {"If-None-Match": seen.etag, "If-Modified-Since": seen.last_modified}
        asked = {name: value for name, value in conditions.items() if value}
        try:
            answer = self._get(self._request.url, {**asked, **self._request.headers})
        except FetchError as error:
            raise _Later(f"no answer: {error}") from error
        except AddressError as error:
            raise PollError(str(error), error.hint) from error
        status = answer.status
        if status == _OK or (status == _NOT_MODIFIED and asked):
            return answer
        if status in _TRANSIENT or status >= _SERVER_FAULT:
            raise _Later(f"the server says {status}", self._after(answer))
        hint = "check the URL"
        if status in _UNKNOWN:
            hint = "check the key in your --header-file"
        raise PollError(f"{self._origin}: the server says {status}", hint)

    def _after(self, answer: Answer) -> float | None:
        return retry_after_s(answer, self._around.now_ms() / 1000)

    def _send(self, body: bytes) -> None:
        """Send what is new in a body; returns when it is acknowledged."""
        name, pieces = self._pieces(body)
        ids: set[str] = set()
        for piece in pieces:
            found = payload_id(piece.payload)
            if not piece.fault and (found in self._before or found in ids):
                self._sink.tally.unchanged += 1
            else:
                self._sink.take([piece], name, self._origin)
            ids.add(found)
        self._sink.flush()
        self._before = ids

    def _pieces(self, body: bytes) -> tuple[str, Iterator[Piece]]:
        """The body's format and pieces; one whole piece of no format when nobody knows it."""
        known = (
            FORMATS[self._request.format]
            if self._request.format
            else recognised(body[:_HEAD_BYTES])
        )
        if known is not None:
            self._known = known.NAME
            return known.NAME, known.split([body])
        if not body.strip():
            return "", iter(())
        self._around.say(f"{self._origin}: the answer is of no known format")
        if len(body) > MAX_PIECE_BYTES:
            return "", parts(body, "body", 0, MAX_PIECE_BYTES, too_long(MAX_PIECE_BYTES))
        return "", iter([Piece(body, "body", len(body))])
