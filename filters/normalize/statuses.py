"""Makes a flight status of what a message says, and finds the leg's local departure date.

The date is the scheduled one at the origin, in its zone (the key of a leg; a ticket carries the
same). A scheduled off-block gives it for sure. A scheduled or filed take-off, the UTC date that
AIDX and movement messages name, or the scheduled arrival that an airport's board tells, gives it
only when every possible off-block lies on one local day.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from filters import reference
from filters.designators import Flight, airport_code, airport_zone, moved
from filters.normalize.moments import DAY_MS, HOUR_MS, MINUTE_MS, iso_ms
from filters.sources import Source
from schemas.records import DateBasis, FeedMessage, FlightStatus

MAX_EVIDENCE = 16
_LONGEST_EVIDENCE = 80
_EARLIEST_MS = 60 * MINUTE_MS  # before its schedule; a year of New York has -43 minutes
# Gate and runway times lie up to 45 minutes apart, so a take-off soon after midnight names no day.
_TAXI_MS = 45 * MINUTE_MS
_EARTH_KM = 6371.0
# Block time: cruise at jet speed with little taxiing, or slowly with much of it; km/h and minutes.
_FASTEST_KMH, _SHORTEST_TAXI = 1000.0, 10
_SLOWEST_KMH, _LONGEST_TAXI = 450.0, 90


def make_status(  # noqa: PLR0913  (one keyword for each part of a leg's identity)
    message: FeedMessage,
    source: Source,
    format_name: str,
    *,
    flight: Flight,
    source_time: int,
    times: Mapping[str, Any],
    origin: str | None = None,
    destination: str | None = None,
    planned_destination: str | None = None,
    local_date: str | None = None,
    utc_date: str | None = None,
    utc_days: int = 1,
    basis: DateBasis = "scheduled",
    source_id: str | None = None,
    index: int = 0,
    evidence: Iterable[str] = (),
    **said: Any,  # noqa: ANN401  (further fields of the record, checked by its type)
) -> FlightStatus:
    """The status of one leg in one message; `index` tells the legs of a message apart.

    `times` are cells such as `out_scheduled` in ms UTC; airports may be IATA or ICAO codes; dates
    are ISO 8601. `basis` says how sure a date from `out_scheduled` or `local_date` is. `source_id`
    is the source's own id of the leg, without prefix. `evidence` is cut to what a record holds.
    The leg leaves on `utc_date`, or within `utc_days` from it when that is the whole flight's.
    """
    ends = origin, destination, planned_destination
    on = _leg_day(local_date or utc_date, times, source_time) if moved(*ends) else None
    origin, destination, planned_destination = [airport_code(code, on) for code in ends]
    utc = _utc_days(utc_date, utc_days) if utc_date is not None else None
    date, found = departure_date(
        origin, planned_destination or destination, times, local_date, utc, source, basis
    )
    said.update(times)
    said["id"] = f"{message.id}.{index}"
    said["message_id"], said["feed"] = message.id, message.feed
    said["format"] = format_name
    said["source_time"] = source_time
    said["source_rank"], said["sequence"] = source.rank, 0
    said["received_at"] = message.received_at
    said["airline"], said["number"], said["suffix"] = flight
    said["origin"], said["destination"] = origin, destination
    said["planned_destination"], said["utc_date"] = planned_destination, utc_date
    said["date"], said["date_basis"] = date, found
    if message.replay is not None:
        said["replay"] = message.replay
    if source_id is not None:
        said["source_id"] = f"{format_name}:{source_id}"
    if evidence:
        told = [item[:_LONGEST_EVIDENCE] for item in islice(evidence, MAX_EVIDENCE)]
        said["evidence"] = tuple(told)
    mark = said.get("registration")
    if mark and "-" in mark:
        # Half of the feeds leave the hyphen out; without it the same aircraft has the same mark.
        said["registration"] = mark.replace("-", "")
    return FlightStatus(**said)


def _leg_day(date: str | None, times: Mapping[str, int | None], source_time: int) -> dt.date | None:
    """About the day of the leg, for codes that moved: as told, of its first time, or the source's.

    A schedule is published long before: the day of the message would give the codes of too early.
    """
    told = [moment for moment in times.values() if moment is not None]
    try:
        return dt.date.fromisoformat(date or utc_day(min(told, default=source_time)))
    except (ValueError, OverflowError):
        return None


def departure_date(
    origin: str | None,
    destination: str | None,
    times: Mapping[str, int | None],
    local_date: str | None,
    utc: tuple[int, int] | None,
    source: Source,
    basis: DateBasis = "scheduled",
) -> tuple[str | None, DateBasis]:
    """The local departure date at the origin as far as it is sure, and what it was taken from.

    `utc` is the first and the last moment of the UTC dates that the source names, in ms.
    """
    zone = airport_zone(origin)
    out, off = times.get("out_scheduled"), times.get("off_scheduled")
    if out is not None and zone is not None:
        return reference.local_date(out, zone), basis
    if local_date is not None:
        return local_date, basis
    if zone is None:
        return None, "none"
    if off is not None:
        window: tuple[int, int] | None = (off - _TAXI_MS, off)
    else:
        window = _window(origin, destination, times, utc, source)
    if window is None:
        return None, "none"
    dates = {reference.local_date(moment, zone) for moment in window}
    return (dates.pop(), "filed") if len(dates) == 1 else (None, "none")


@lru_cache(maxsize=4096)
def _utc_days(date: str, days: int) -> tuple[int, int]:
    start = midnight_ms(date)
    return start, start + days * DAY_MS - 1


def _window(
    origin: str | None,
    destination: str | None,
    times: Mapping[str, int | None],
    utc: tuple[int, int] | None,
    source: Source,
) -> tuple[int, int] | None:
    """The first and last moment at which the leg can have been scheduled to leave its stand.

    A UTC date bounds it, or a scheduled arrival less the block time; None with neither of them, or
    when they contradict each other or the times at which it left.
    """
    bounds: list[tuple[int, int]] = []
    if utc is not None:
        bounds.append(utc)
    arrival = times.get("in_scheduled") or times.get("on_scheduled")
    # Of a flight back to where it began nobody knows how long it takes.
    block = block_minutes(origin, destination) if origin != destination else None
    if arrival is not None and block is not None:
        bounds.append((arrival - block[1] * MINUTE_MS, arrival - block[0] * MINUTE_MS))
    if not bounds:
        return None
    longest = source.longest_delay_hours * HOUR_MS
    for cell in ("out_actual", "out_estimated", "off_actual", "off_estimated"):
        left = times.get(cell)
        if left is not None:
            bounds.append((left - longest, left + _EARLIEST_MS))
    low, high = max([first for first, _ in bounds]), min([last for _, last in bounds])
    return (low, high) if low <= high else None


@lru_cache(maxsize=16_384)
def block_minutes(origin: str | None, destination: str | None) -> tuple[int, int] | None:
    """The shortest and the longest time from off-block to on-block between two airports."""
    here = reference.airport(origin) if origin else None
    there = reference.airport(destination) if destination else None
    if here is None or there is None:
        return None
    lat1, lat2 = math.radians(here.latitude), math.radians(there.latitude)
    turn = math.radians(there.longitude - here.longitude)
    cosine = math.sin(lat1) * math.sin(lat2) + math.cos(lat1) * math.cos(lat2) * math.cos(turn)
    km = _EARTH_KM * math.acos(max(-1.0, min(1.0, cosine)))
    fastest = km / _FASTEST_KMH * 60 + _SHORTEST_TAXI
    return round(fastest), round(km / _SLOWEST_KMH * 60 + _LONGEST_TAXI)


def utc_day(ms: int) -> str:
    """The ISO date in UTC at a moment."""
    return reference.local_date(ms, "UTC")


def midnight_ms(date: str) -> int:
    """Midnight UTC of an ISO date."""
    return iso_ms(date, "date") or 0
