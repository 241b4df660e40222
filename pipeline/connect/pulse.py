"""The pulse of a feed that is connected and has nothing to say.

Detect keeps when a feed was last heard from the messages that reach it. Keep-alives and unchanged
polls never get there, so the door that hears them keeps the moment itself (docs/adr/0011).
"""

from __future__ import annotations

from collections.abc import Callable

from filters.detect import LegStates
from filters.standing import PULSE_MS, keep_pulses
from pipeline.clock import now_ms


class Pulse:
    """Keeps when one feed was last heard, at most once in 30 seconds."""

    def __init__(
        self,
        legs: LegStates | None,
        feed: str,
        *,
        say: Callable[[str], None],
        now: Callable[[], int] = now_ms,
    ) -> None:
        """Without `legs` nothing is kept. `now` gives milliseconds since the epoch, UTC."""
        self._legs = legs
        self._feed = feed
        self._formats: dict[str, str] = {}
        self._say = say
        self._now = now
        self._kept = 0
        self._failing = False

    def heard(self, format_name: str = "") -> None:
        """The feed was heard now, in this format where it is known.

        A table that does not answer is reported once, not raised.
        """
        now = self._now()
        if self._legs is None or now - self._kept < PULSE_MS:
            return
        self._kept = now
        if format_name:
            self._formats = {self._feed: format_name}
        failed = "failed" in keep_pulses({self._feed: now}, self._legs, self._formats).values()
        if failed and not self._failing:
            self._say("the legs table cannot be written; a quiet feed will be taken for a dead one")
        self._failing = failed
