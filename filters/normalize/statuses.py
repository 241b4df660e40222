"""Makes a flight status of what a message says, and finds the leg's local departure date.

The date is the scheduled one at the origin, in its zone (the key of a leg; a ticket carries the
same). A scheduled off-block gives it for sure. A scheduled or filed take-off, or the UTC date that
AIDX and movement messages name, gives it only when every possible off-block lies on one local day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from filters import reference
from filters.designators import Flight, airport_code, airport_zone
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
    """
    origin, destination = airport_code(origin), airport_code(destination)
    planned_destination = airport_code(planned_destination)
    date, found = departure_date(
        origin, planned_destination or destination, times, local_date, utc_date, source, basis
    )
    return FlightStatus(
        id=f"{message.id}.{index}",
        replay=message.replay,
        message_id=message.id,
        format=format_name,
        feed=message.feed,
        source_time=source_time,
        source_rank=source.rank,
        sequence=0,
        received_at=message.received_at,
        source_id=None if source_id is None else f"{format_name}:{source_id}",
        airline=flight.airline,
        number=flight.number,
        suffix=flight.suffix,
        origin=origin,
        destination=destination,
        planned_destination=planned_destination,
        date=date,
        date_basis=found,
        utc_date=utc_date,
        evidence=tuple(item[:_LONGEST_EVIDENCE] for item in list(evidence)[:MAX_EVIDENCE]),
        **times,
        **said,
    )


def departure_date(
    origin: str | None,
    destination: str | None,
    times: Mapping[str, int | None],
    local_date: str | None,
    utc_date: str | None,
    source: Source,
    basis: DateBasis = "scheduled",
) -> tuple[str | None, DateBasis]:
    """The local departure date at the origin as far as it is sure, and what it was taken from."""
    zone = airport_zone(origin)
    out, off = times.get("out_scheduled"), times.get("off_scheduled")
    if out is not None and zone is not None:
        return reference.local_date(out, zone), basis
    if local_date is not None:
        return local_date, basis
    if zone is None:
        return None, "none"
    window = (off - _TAXI_MS, off) if off is not None else None
    if window is None and utc_date is not None:
        window = _window(origin, destination, times, utc_date, source)
    if window is None:
        return None, "none"
    dates = {reference.local_date(moment, zone) for moment in window}
    return (dates.pop(), "filed") if len(dates) == 1 else (None, "none")


def _window(
    origin: str | None,
    destination: str | None,
    times: Mapping[str, int | None],
    utc_date: str,
    source: Source,
) -> tuple[int, int] | None:
    """The first and last moment at which the leg can have been scheduled to leave its stand."""
    start = iso_ms(utc_date, "utc_date") or 0
    low, high = start, start + DAY_MS - 1
    longest = source.longest_delay_hours * HOUR_MS
    for cell in ("out_actual", "out_estimated", "off_actual", "off_estimated"):
        left = times.get(cell)
        if left is not None:
            low, high = max(low, left - longest), min(high, left + _EARLIEST_MS)
    arrival = times.get("in_scheduled") or times.get("on_scheduled")
    block = block_minutes(origin, destination)
    if arrival is not None and block is not None:
        low = max(low, arrival - block[1] * MINUTE_MS)
        high = min(high, arrival - block[0] * MINUTE_MS)
    return (low, high) if low <= high else None


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
