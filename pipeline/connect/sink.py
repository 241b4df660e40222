"""The end of every live door: pieces of a feed become feed messages in the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from filters.normalize.splitting import Piece
from pipeline.clock import now_ms
from pipeline.ingest.lines import FeedLine, LongPart
from pipeline.ingest.loader import Loader
from pipeline.ingest.messages import FeedSource, feed_message


class Tally(msgspec.Struct):
    """What a live door has done so far.

    `heartbeats` said that the feed is alive and nothing else; `unchanged` messages were those of
    the poll before; `too_long` ones cannot travel. `looks` are connections, polls or looks at a
    folder, `failures` those that came to nothing.
    """

    messages: int = 0
    acknowledged: int = 0
    heartbeats: int = 0
    unchanged: int = 0
    too_long: int = 0
    looks: int = 0
    failures: int = 0


class Sink:
    """Takes pieces; after `flush` all that were taken are acknowledged."""

    def __init__(
        self,
        loader: Loader,
        feed: str,
        tally: Tally,
        *,
        reject: Callable[[LongPart], None] = lambda _part: None,
        now: Callable[[], int] = now_ms,
    ) -> None:
        """`reject` gets what cannot travel; `now` gives milliseconds since the epoch, UTC."""
        self._loader = loader
        self._feed = feed
        self._reject = reject
        self._now = now
        self.tally = tally
        self._too_long = ("", "")
        self.waiting = 0
        """Messages taken and not acknowledged."""

    def take(self, pieces: Iterable[Piece], format_name: str, origin: str) -> None:
        """Take pieces of a format; `origin` goes into their place, before the piece's own.

        Raises what `Loader.put` raises.
        """
        source = FeedSource(feed=self._feed, format=format_name, file=origin)
        for piece in pieces:
            number = self.tally.messages + self.tally.too_long + 1
            if piece.fault:
                self._reject(LongPart(number, piece.payload, True, piece.place, piece.fault))  # noqa: FBT003  (a struct's field)
                # What is too long comes in parts that share their place.
                self.tally.too_long += (origin, piece.place) != self._too_long
                self._too_long = (origin, piece.place)
                continue
            self.waiting += 1
            self.tally.messages += 1
            line = FeedLine(number, piece.payload, piece.place)
            self._loader.put([feed_message(line, source, self._now())])

    def flush(self) -> None:
        """Send what is waiting. Raises what `Loader.flush` raises."""
        if self.waiting:
            self._loader.flush()
            self.waiting = 0
            self.tally.acknowledged = self._loader.counts.acknowledged
