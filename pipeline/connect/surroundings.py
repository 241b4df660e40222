"""What a live door needs of the world around it, so that its tests need neither time nor chance."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.clock import now_ms
from pipeline.ingest.producer import Backoff


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`say` tells people; `clock` and `sleep` are in seconds; `uniform` draws the jitter.

    `now_ms` gives milliseconds since the epoch, UTC.
    """

    say: Callable[[str], None] = lambda _text: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    now_ms: Callable[[], int] = now_ms

    def back_off(
        self, backoff: Backoff, tried: int, why: str, doing: str, least: float = 0
    ) -> None:
        """Say why, and sleep with full jitter after `tried` tries, at least `least` seconds."""
        wait = least + self.uniform(0.0, backoff.longest(tried))
        self.say(f"{why}; {doing} in {wait:.0f} s")
        self.sleep(wait)
