"""One HTTP GET over the standard library: conditional, bounded in size and time, never elsewhere.

Source: RFC 9110 (ETag and If-None-Match 8.8.3 and 13.1.2, Last-Modified 8.8.2, Retry-After 10.2.3,
redirects 15.4).
"""

from __future__ import annotations

import http.client
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from pipeline.connect.wire import Gunzip

MAX_BYTES: Final = 64 * 1024 * 1024
_TIMEOUT_S: Final = 30.0
_WHOLE_S: Final = 120.0
_READ_BYTES: Final = 65_536
_REDIRECTS: Final = 3
_MOVED: Final = frozenset((301, 302, 303, 307, 308))
_AGENT: Final = "flightwire"


class Answer(msgspec.Struct, frozen=True):
    """What a server answered: status, headers by lower-case name, and the body as text would be."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class FetchError(Exception):
    """No answer could be had now; trying later may help."""


class AddressError(Exception):
    """A URL that is not to be fetched; `hint` says what to do next."""

    def __init__(self, reason: str, hint: str = "check the URL") -> None:
        """State both."""
        super().__init__(reason)
        self.hint = hint


def parsed(url: str) -> SplitResult:
    """The parts of an http or https URL. Raises AddressError, which shows no more than its host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError("the URL cannot be read") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise AddressError(f"{parts.scheme or 'no scheme'}: only http and https URLs are fetched")
    if parts.username is not None:
        raise AddressError("the URL holds a user name; put credentials into headers")
    if any(letter <= " " or letter > "~" for letter in url):
        raise AddressError("the URL has blanks or letters beyond ASCII; encode them as %XX")
    return parts


def shown(url: str) -> str:
    """The URL for people: without its query, which may hold a key."""
    parts = parsed(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


class Fetcher:
    """Fetches over HTTP and verified TLS."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ca_file` (PEM) replaces the system's authorities; `max_bytes` bounds a body."""
        self._context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._max = max_bytes
        self._clock = clock

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer, after at most three redirects.

        `headers` go to the same host and scheme only. Raises FetchError when there is no whole
        answer in time, AddressError for a redirect that leads away from http or down from https.
        """
        first = parsed(url)
        for _ in range(_REDIRECTS + 1):
            parts = parsed(url)
            if first.scheme == "https" and parts.scheme != "https":
                raise AddressError(
                    f"{shown(url)}: a redirect away from https is not followed",
                    "poll that address itself, if you trust it",
                )
            own = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
            answer = self._once(parts, headers if own else {})
            target = answer.headers.get("location")
            if answer.status not in _MOVED or target is None:
                return answer
            url = urljoin(url, target)
        raise FetchError(f"more than {_REDIRECTS} redirects")

    def _once(self, parts: SplitResult, headers: Mapping[str, str]) -> Answer:
        until = self._clock() + _WHOLE_S
        host, port = parts.hostname or "", parts.port
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=_TIMEOUT_S, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = {"Accept-Encoding": "gzip", "User-Agent": _AGENT, "Connection": "close"}
        try:
            connection.request("GET", path, headers={**own, **headers})
            with connection.getresponse() as response:
                found = {name.lower(): value for name, value in response.getheaders()}
                body = self._body(response, found.get("content-encoding", ""), until)
                return Answer(response.status, found, body)
        except ssl.SSLCertVerificationError as error:
            why = getattr(error, "verify_message", error)
            raise AddressError(
                f"the server's certificate is not trusted: {why}",
                "for a private server name its authority: --ca-file",
            ) from error
        except (OSError, http.client.HTTPException, zlib.error) as error:
            raise FetchError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse, encoding: str, until: float) -> bytes:
        """The body, inflated. Raises FetchError when it is too long, too slow or cut short."""
        if encoding.strip().lower() not in ("", "identity", "gzip", "x-gzip"):
            raise FetchError(f"content-encoding {encoding[:20]!r} was not asked for")
        gunzip = Gunzip() if "gzip" in encoding.lower() else None
        parts: list[bytes] = []
        size = 0
        while chunk := response.read1(_READ_BYTES):
            if self._clock() > until:
                raise FetchError(f"the answer was not complete after {_WHOLE_S:.0f} s")
            for part in [chunk] if gunzip is None else gunzip.feed(chunk):
                size += len(part)
                if size > self._max:
                    raise FetchError(f"the answer is longer than {self._max} bytes")
                parts.append(part)
        if response.length or (gunzip is not None and size and not gunzip.whole):
            raise FetchError("the answer was cut short")
        return b"".join(parts)


def retry_after_s(answer: Answer, now_s: float) -> float | None:
    """Seconds until the server wants to be asked again; None when it does not say.

    `now_s`: seconds since the epoch, UTC. Retry-After is a number of seconds or an HTTP date.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if moment.tzinfo is None else max(0.0, moment.timestamp() - now_s)
