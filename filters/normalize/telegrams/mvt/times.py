"""The moments that the times of a movement message mean.

They are UTC, HHMM or DDHHMM, both in one message, and 2400 is midnight (IATA AHM 780). A time
without a day is resolved from the leg's scheduled day and the moment the message was sent: what has
happened is not after it, and what is expected is not long before it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from filters.normalize.moments import DAY_MS, HOUR_MS, MINUTE_MS, clock_minutes, day_ms, day_near
from filters.outcome import RejectRecord

_TIME = re.compile(r"(?P<day>[0-9]{2})?(?P<clock>[0-9]{4})Z?")
_SLACK_MS = 15 * MINUTE_MS  # how far ahead the clock of a sender may be
_EARLY_MS = 3 * HOUR_MS  # how long before midnight a leg of the next day may leave
_PROMPT_MS = 6 * HOUR_MS  # within which news of a movement is sent, and estimates are let pass
_LATE_MS = 4 * DAY_MS  # a message so long after its leg's day is from an archive
_LONGEST_LEG_MS = 20 * HOUR_MS
_LONGEST_STEP_MS = 12 * HOUR_MS  # between off-block and take-off, touchdown and on-block
# Half of all legs take no longer: an arrival soon after midnight is more likely the next day's.
_USUAL_LEG_MIN = 120
_DAYS_BEFORE, _DAYS_AFTER = 2, 20  # of a named day, around the scheduled one


class Time(NamedTuple):
    """A time as written: the day of the month, if told, and minutes after its midnight."""

    day: int | None
    minutes: int


def written(text: str) -> Time | None:
    """`HHMM` or `DDHHMM`, a Z behind or not; None when it is neither."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        minutes = clock_minutes(match["clock"], "time")
    except RejectRecord:
        return None
    return Time(int(match["day"]) if match["day"] else None, minutes or 0)


class Days(NamedTuple):
    """What times are resolved from, in ms UTC.

    `midnight` begins the leg's scheduled day, `sent` is when the message was sent, `longest` the
    longest delay in ms.
    """

    midnight: int
    sent: int
    longest: int

    def departed(self, time: Time) -> int | None:
        """When it left; None when no moment fits."""
        return self._happened(time, self.midnight + DAY_MS + self.longest, arrival=False)

    def arrived(self, time: Time) -> int | None:
        """When it arrived; None when no moment fits."""
        last = self.midnight + DAY_MS + self.longest + _LONGEST_LEG_MS
        return self._happened(time, last, arrival=True)

    def then(self, time: Time, first: int) -> int | None:
        """When the step after `first` happened, such as take-off after off-block; or None."""
        ms = self.after(time, first)
        sound = ms is not None and ms - first <= _LONGEST_STEP_MS and ms <= self.sent + _SLACK_MS
        return ms if sound else None

    def after(self, time: Time, first: int) -> int | None:
        """The first moment from `first` on that has this time; None when its day is another."""
        if time.day is not None:
            ms = self._named(time)
            return ms if ms is not None and ms >= first else None
        ms = first - first % DAY_MS + time.minutes * MINUTE_MS
        return ms if ms >= first else ms + DAY_MS

    def expected(self, time: Time, *, arrival: bool) -> int | None:
        """When it is expected to leave or to arrive; None when its day is not near."""
        if time.day is not None:
            return self._named(time)
        if self.sent > self.midnight + _LATE_MS:
            return self._likely(time, arrival=arrival)
        return self.after(time, max(self.midnight - _EARLY_MS, self.sent - _PROMPT_MS))

    def _happened(self, time: Time, last: int, *, arrival: bool) -> int | None:
        latest = self.sent + _SLACK_MS
        if time.day is not None:
            ms = self._named(time)
            return ms if ms is not None and ms <= latest else None
        first = self.midnight - DAY_MS + time.minutes * MINUTE_MS
        fitting = [
            ms
            for ms in range(first, min(latest, last) + 1, DAY_MS)
            if ms >= self.midnight - _EARLY_MS
        ]
        if not fitting:
            return None
        if len(fitting) == 1 or self.sent - fitting[-1] <= _PROMPT_MS:
            return fitting[-1]
        likely = self._likely(time, arrival=arrival)
        return likely if likely in fitting else fitting[-1]

    def _likely(self, time: Time, *, arrival: bool) -> int:
        """The moment on the scheduled day, or on the next for an arrival soon after midnight."""
        ms = self.midnight + time.minutes * MINUTE_MS
        return ms + DAY_MS if arrival and time.minutes < _USUAL_LEG_MIN else ms

    def _named(self, time: Time) -> int | None:
        near = self.midnight
        date = day_near(time.day or 0, near, before=_DAYS_BEFORE, after=_DAYS_AFTER)
        return None if date is None else day_ms(date) + time.minutes * MINUTE_MS
