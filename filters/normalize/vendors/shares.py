"""The other numbers a leg is sold under, from the pairs of airline and number that vendors send."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from filters.designators import Flight, flight_of, ticket_number

MOST_SHARES: Final = 40
"""As many of a list are worth reading; boards show ten at most."""
_LONGEST: Final = 12  # of a code, a number or a suffix; what is longer fills no cache


def shares(
    numbers: Iterable[tuple[str | None, str | int | None, str | None]],
    own: Flight,
    on: dt.date | None,
) -> tuple[str, ...]:
    """Airlines, numbers and suffixes as tickets print them, sorted, without the operating one.

    What is no flight number is left out. `on` is the day whose holder of a code is meant.
    """
    named = ((a, n, suffix or "") for a, n, suffix in numbers if a and n)
    read = (_marketed(*told, on) for told in named if max(map(len, map(str, told))) <= _LONGEST)
    return tuple(sorted({sold[1] for sold in read if sold is not None and sold[0] != own}))


@lru_cache(maxsize=16_384)
def _marketed(
    airline: str, number: str | int, suffix: str, on: dt.date | None
) -> tuple[Flight, str] | None:
    named = flight_of(airline, number, suffix, on)
    return None if named is None else (named, ticket_number(named, on))
