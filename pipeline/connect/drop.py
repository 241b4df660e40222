"""The drop: an object that appears in a bucket goes into the stream, message by message.

Its key says what it is: `<feed>/<format>/...`, or `<feed>/...` for a format that is recognised.
Repeating an object, or a part of it, is harmless: the same bytes have the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from filters.normalize import FORMATS
from pipeline.connect.sink import Sink
from pipeline.ingest.inputs import format_of
from pipeline.ingest.messages import printable_name
from pipeline.ingest.packed import Stream, Unpacked, UnpackError

_FEED: Final = "drop"
_LONGEST_FEED: Final = 64
_READ_BYTES: Final = 256 * 1024
_FLUSH: Final = 2_000
_TEST: Final = "s3:TestEvent"  # what S3 sends when a notification is set up


class Dropped(msgspec.Struct, frozen=True):
    """An object that appeared, as its event names it."""

    bucket: str
    key: str

    @property
    def where(self) -> str:
        """For people."""
        return printable_name(f"s3://{self.bucket}/{self.key}")

    @property
    def feed(self) -> str:
        """The first folder of the key, or `drop`."""
        folder, slash, _ = self.key.partition("/")
        return folder[:_LONGEST_FEED] if slash and folder else _FEED

    @property
    def format(self) -> str | None:
        """The second folder of the key when it is a format's name; None: to be recognised."""
        parts = self.key.split("/")
        return parts[1] if len(parts) > 2 and parts[1] in FORMATS else None  # noqa: PLR2004  (feed, format, the rest)


class RefusedError(Exception):
    """This event or object can never be loaded here; trying again would not help."""


def objects_in(body: str, bucket: str) -> list[Dropped]:
    """The objects an event tells of, without those that only stand for folders.

    All must be in `bucket`.

    The event is EventBridge's (Amazon S3 user guide, "EventBridge event message structure") or
    S3's own ("Event message structure"), whose keys are URL-encoded. Raises RefusedError.
    """
    try:
        event = msgspec.json.decode(body)
        found = _found(event)
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(f"event: not one of S3's: {type(error).__name__}") from error
    for one in found:
        if one.bucket != bucket:
            raise RefusedError("event: names another bucket than this stack's")
    return [one for one in found if not one.key.endswith("/")]


def _found(event: Any) -> list[Dropped]:  # noqa: ANN401  (any JSON)
    if "Records" in event:
        return [
            _dropped(one["s3"]["bucket"]["name"], unquote_plus(one["s3"]["object"]["key"]))
            for one in event["Records"]
        ]
    if event.get("Event") == _TEST:
        return []
    detail = event["detail"]
    return [_dropped(detail["bucket"]["name"], detail["object"]["key"])]


def _dropped(bucket: object, key: object) -> Dropped:
    return msgspec.convert({"bucket": bucket, "key": key}, Dropped)


def load_object(
    dropped: Dropped, raw: Stream, sink: Sink, *, enough_time: Callable[[], bool]
) -> str:
    """Load an object into the stream; returns its format when all of it is acknowledged.

    What was read is acknowledged whatever is raised: RefusedError when nobody knows the format,
    when packed bytes are broken or of a kind this place cannot unpack, or when time runs out;
    otherwise what reading and `Sink.flush` raise.
    """
    stream = Unpacked(raw)
    try:
        known = FORMATS[dropped.format] if dropped.format else format_of(stream)
        if known is None:
            if not stream.head(1):
                return ""  # consoles make empty objects as folders
            raise RefusedError("of no known format; put it below <feed>/<format>/")
        for piece in known.split(_chunks(stream, enough_time)):
            sink.take([piece], known.NAME, dropped.where)
            if sink.waiting >= _FLUSH:
                sink.flush()
    except UnpackError as error:
        raise RefusedError(str(error)) from error
    except ModuleNotFoundError as error:
        reason = f"packed with zstd, which needs {error.name}; gzip works here"
        raise RefusedError(reason) from error
    finally:
        sink.flush()
    return known.NAME


def _chunks(stream: Unpacked, enough_time: Callable[[], bool]) -> Iterator[bytes]:
    while chunk := stream.read(_READ_BYTES):
        if not enough_time():
            reason = "too long for one invocation; `flightwire feed load` takes it, s3:// and all"
            raise RefusedError(reason)
        yield chunk
