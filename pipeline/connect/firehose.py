"""FlightAware Firehose, live: one TLS connection, one line per message, resumed by `pitr`.

Source: FlightAware, "Firehose Documentation", chapters Commands and Messages. The client sends
one line (`live`, `pitr <epoch>` or `range <from> <until>`, and who it is); the server sends JSON
lines until it hangs up. Every message has `pitr`, its point in time of receipt; asked for again
from there on, the messages of that second come twice, and no message is missing.
"""

from __future__ import annotations

import re
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Final

import msgspec

from filters.normalize import firehose
from filters.normalize.splitting import Piece
from pipeline.clock import now_ms
from pipeline.connect.memory import Memory
from pipeline.connect.pulse import Pulse
from pipeline.connect.sink import Sink
from pipeline.connect.surroundings import Surroundings
from pipeline.connect.wire import Gunzip, Wire
from pipeline.ingest.producer import Backoff

HOST: Final = "firehose.flightaware.com"
PORT: Final = 1501
BACKOFF: Final = Backoff(first_s=1.0, cap_s=60.0)
_SAME_PITRS: Final = 5  # equal keep-alives in a row: connected, and nothing behind it
_SILENT_INTERVALS: Final = 2.5
_LINGER_S: Final = 0.5
_FULL: Final = 500
_SAVE_S: Final = 1.0
_EPOCH_DIGITS: Final = re.compile(r"[0-9]{9,11}")
_WORD: Final = re.compile(r"[!-~]+")
_QUOTABLE: Final = re.compile(r"[ -~]*")


class Login(msgspec.Struct, frozen=True):
    """Who connects. Its text shows neither."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Nothing of either."""
        return "Login(...)"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the server.

    `begin` and `until` are epochs in seconds, UTC: from when (None: from now on) and, for a range,
    to when. `events` are message types, `airports` codes or patterns such as `K???`; None: all.
    `keepalive_s` is how often a quiet server shows that it is there.
    """

    begin: int | None = None
    until: int | None = None
    events: str | None = None
    airports: str | None = None
    keepalive_s: int = 60
    compressed: bool = False


class Mark(msgspec.Struct, frozen=True):
    """Everything before this `pitr` (epoch, s) is acknowledged; saved at (ms UTC)."""

    pitr: int
    saved_at: int = 0


class FirehoseError(Exception):
    """Connecting again would not help; `hint` says what to do next."""

    def __init__(self, reason: str, hint: str) -> None:
        """State both."""
        super().__init__(reason)
        self.hint = hint


class _Lost(Exception):  # noqa: N818  (a connection to be made again, no error of ours)
    """The connection is of no more use."""


class _Head(msgspec.Struct):
    type: str = ""
    pitr: str = ""
    error_msg: str = ""


_decode = msgspec.json.Decoder(_Head).decode


def command(plan: Plan, login: Login, begin: int | None) -> bytes:
    """The line the client sends, with its ending. Raises FirehoseError for what it cannot hold."""
    for name, word in (("user", login.user), ("password", login.password)):
        if not _WORD.fullmatch(word):
            reason = f"the Firehose {name} is empty or has blanks or letters beyond ASCII"
            raise FirehoseError(reason, "check the environment; quotes belong to no value there")
    if plan.until is not None:
        if begin is None:
            raise FirehoseError("a range needs its beginning", "give --from as well as --until")
        words = [f"range {begin} {plan.until}"]
    else:
        words = ["live" if begin is None else f"pitr {begin}"]
    words += [f"username {login.user} password {login.password}", f"keepalive {plan.keepalive_s}"]
    if plan.compressed:
        words.append("compression gzip")
    for name, text in (("events", plan.events), ("airport_filter", plan.airports)):
        if text is None:
            continue
        if not _QUOTABLE.fullmatch(text) or '"' in text:
            raise FirehoseError(f"{name}: {text!r} cannot be sent", "write words and blanks only")
        words.append(f'{name} "{text}"')
    return " ".join(words).encode() + b"\n"


class Firehose:
    """Reads until told to stop, or until a range is over."""

    def __init__(
        self,
        plan: Plan,
        login: Login,
        connect: Callable[[], Wire],
        sink: Sink,
        memory: Memory[Mark],
        pulse: Pulse,
        around: Surroundings,
    ) -> None:
        """`connect` makes one connection, or raises OSError."""
        self._plan = plan
        self._login = login
        self._connect = connect
        self._sink = sink
        self._memory = memory
        self._pulse = pulse
        self._around = around
        self._read: int | None = None
        self._acknowledged: int | None = None
        self._saved: int | None = None
        self._save_at = 0.0
        self._flush_at = 0.0
        self._keepalives: list[str] = []

    def run(self, *, once: bool = False, anew: bool = False) -> None:
        """Read and send, connecting again as often as it takes.

        Begins behind what was acknowledged the last time, unless `anew`. `once`: one connection
        only. Raises FirehoseError, CheckpointError, and what `Sink.flush` raises; whatever it
        raises, KeyboardInterrupt too, what was read is sent and remembered before.
        """
        saved = None if anew else self._memory.read()
        if saved is not None:
            self._acknowledged = self._saved = saved.pitr
        command(self._plan, self._login, self._begin())
        tried = 0
        while True:
            before = self._sink.tally.messages + self._sink.tally.heartbeats
            why = self._connection()
            if once or (self._plan.until is not None and why is None):
                return
            heard = self._sink.tally.messages + self._sink.tally.heartbeats > before
            tried = 1 if heard else tried + 1
            self._around.back_off(BACKOFF, tried, why or "the server hung up", "connecting again")

    def _begin(self) -> int | None:
        """From when to ask for messages."""
        return self._plan.begin if self._acknowledged is None else self._acknowledged

    def _connection(self) -> str | None:
        """One connection, from its command to its end; why it was lost, None: the server hung up.

        Raises FirehoseError.
        """
        self._sink.tally.looks += 1
        wire: Wire | None = None
        try:
            wire = self._connect()
            wire.send(command(self._plan, self._login, self._begin()))
            self._keepalives = []
            for piece in firehose.split(self._chunks(wire)):
                self._take(piece)
        except ssl.SSLCertVerificationError as error:
            why = getattr(error, "verify_message", error)
            reason = f"the server's certificate is not trusted: {why}"
            raise FirehoseError(
                reason, "for a private server name its authority: --ca-file"
            ) from error
        except (OSError, zlib.error, _Lost) as error:
            self._sink.tally.failures += 1
            return self._shown(str(error) or type(error).__name__)
        finally:
            if wire is not None:
                wire.close()
            self._flush(last=True)
        return None

    def _chunks(self, wire: Wire) -> Iterator[bytes]:
        """The server's bytes as they arrive; sends what waits when nothing more arrives."""
        patience = _SILENT_INTERVALS * self._plan.keepalive_s
        gunzip = Gunzip() if self._plan.compressed else None
        heard, last = self._around.clock(), b"\n"
        while True:
            until = heard + patience
            if self._sink.waiting:
                until = min(until, self._flush_at)
            data = wire.receive(until - self._around.clock())
            now = self._around.clock()
            if self._sink.waiting and now >= self._flush_at:
                self._flush()
            if data is None:
                if now - heard >= patience:
                    raise _Lost(f"nothing heard for {now - heard:.0f} s")
                continue
            if not data:
                break
            heard = now
            for chunk in [data] if gunzip is None else gunzip.feed(data):
                last = chunk[-1:]
                yield chunk
        if last != b"\n":
            # Half a message must not travel; the next connection brings it whole.
            raise _Lost("the connection was cut within a message")

    def _take(self, piece: Piece) -> None:
        """Send a message on, or heed it when it is about the connection."""
        head = _Head()
        if not piece.fault:
            # What cannot be read travels, and normalize rejects it with its reason.
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                head = _decode(piece.payload)
        if head.type == "error":
            raise self._refused(head.error_msg)
        if head.type == "keepalive":
            self._sink.tally.heartbeats += 1
            self._stalled(head.pitr)
        else:
            self._keepalives = []
            if not self._sink.waiting:
                self._flush_at = self._around.clock() + _LINGER_S
            self._sink.take([piece], firehose.NAME, firehose.NAME)
        if _EPOCH_DIGITS.fullmatch(head.pitr):
            self._read = int(head.pitr)
        self._pulse.heard(firehose.NAME)
        if self._sink.waiting >= _FULL or not self._sink.waiting:
            self._flush()

    def _stalled(self, pitr: str) -> None:
        """Raise _Lost when the server's time stands still behind its keep-alives."""
        self._keepalives = [*self._keepalives, pitr][-_SAME_PITRS:]
        same = all(one == other for one, other in pairwise(self._keepalives))
        if len(self._keepalives) == _SAME_PITRS and same:
            raise _Lost(f"stalled: {_SAME_PITRS} keep-alives of the same moment")

    def _flush(self, *, last: bool = False) -> None:
        """Everything read is acknowledged, then remembered; once a second, and at the end."""
        self._sink.flush()
        self._acknowledged = self._acknowledged if self._read is None else self._read
        now = self._around.clock()
        if self._acknowledged in (None, self._saved) or not (last or now >= self._save_at):
            return
        self._memory.write(Mark(self._acknowledged, now_ms()))
        self._saved = self._acknowledged
        self._save_at = now + _SAVE_S

    def _refused(self, reason: str) -> FirehoseError:
        """What the server said, with what to do about it."""
        hint = (
            "check FLIGHTWIRE_FIREHOSE_USER, FLIGHTWIRE_FIREHOSE_PASSWORD and what they may ask for"
        )
        return FirehoseError(f"Firehose refused: {self._shown(reason)[:300]}", hint)

    def _shown(self, text: str) -> str:
        """Text that people may see: without the password, whoever put it there, on one line."""
        hidden = text.replace(self._login.password, "***")
        return "".join(one if one.isprintable() else "?" for one in hidden)
