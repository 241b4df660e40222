"""The times of a flightStatus object of Cirium.

Runway times: `flightPlanPlanned*` are the filed take-off and touchdown, for what lies between them
is `scheduledAirMinutes`. They count as scheduled where `scheduledRunway*` is missing, and never as
gate times (developer.flightstats.com, "Historical Flight Status Response", operationalTimes).
"""

from __future__ import annotations

import datetime as dt
import re
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from filters.designators import airport_zone
from filters.normalize.vendors import loose
from filters.normalize.vendors.cirium import wire
from filters.normalize.vendors.walls import Wall, settle

# The first that is there fills the cell: the operational schedule before the published one.
TIMES: Final[dict[str, tuple[str, ...]]] = {
    "out_scheduled": ("scheduledGateDeparture", "publishedDeparture"),
    "out_estimated": ("estimatedGateDeparture",),
    "out_actual": ("actualGateDeparture",),
    "off_scheduled": ("scheduledRunwayDeparture", "flightPlanPlannedDeparture"),
    "off_estimated": ("estimatedRunwayDeparture",),
    "off_actual": ("actualRunwayDeparture",),
    "on_scheduled": ("scheduledRunwayArrival", "flightPlanPlannedArrival"),
    "on_estimated": ("estimatedRunwayArrival",),
    "on_actual": ("actualRunwayArrival",),
    "in_scheduled": ("scheduledGateArrival", "publishedArrival"),
    "in_estimated": ("estimatedGateArrival",),
    "in_actual": ("actualGateArrival",),
}
"""Which operational times fill a cell; all are objects of `dateLocal` and `dateUtc`."""

# A feed item's address says when it was made: .../2021/08/10/13/34/21/402/cGV6PL
_ITEM: Final = re.compile(
    r".*/(\d{4})/(\d\d)/(\d\d)/(\d\d)/(\d\d)/(\d\d)/(\d{3})/\w{1,40}/?(?:\?.*)?", re.ASCII
)
_LONGEST_URL: Final = 1000
# The cells in the order of their members, so that a first choice stands before a second.
_MEMBERS: Final = tuple((cell, name) for cell, names in TIMES.items() for name in names)
_ATTRIBUTES: Final = {field.encode_name: field.name for field in msgspec.structs.fields(wire.Times)}
_times_of = attrgetter(*(_ATTRIBUTES[name] for _, name in _MEMBERS))
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLAIN: Final = {(len("2000-01-01T00:00:00.000Z"), "Z")}
_MS: Final = dt.timedelta(milliseconds=1)


class Ends(NamedTuple):
    """Where a leg leaves from, where it was to go, and where it goes instead."""

    origin: str | None
    planned: str | None
    diverted: str | None


def listed(value: Any, member: str) -> list[Any]:  # noqa: ANN401  (a list as an answer or an alert has it)
    """The elements of a list; an alert has an object around them, or around the only one."""
    if value is None or isinstance(value, list):
        return value or []
    inner = getattr(value, member)
    return inner if isinstance(inner, list) else [] if inner is None else [inner]


def cells_in(times: wire.Times, ends: Ends, evidence: list[str]) -> dict[str, int | None]:
    """The times in ms UTC; a local one alone is read in the zone of its airport."""
    cells: dict[str, int | None] = {}
    walls: dict[str, Wall] = {}
    for (cell, name), when in zip(_MEMBERS, _times_of(times), strict=True):
        if when is None or cell in cells:
            continue
        text = when.date_utc
        ms = loose.utc_ms(text) if text else None
        if ms is not None:
            cells[cell] = ms
            continue
        if text:
            evidence.append(f"unread={name}.dateUtc")
        if when.date_local and cell not in walls:
            zone = airport_zone(_where(cell, ends))
            walls[cell] = Wall(cell, when.date_local, f"{name}.dateLocal", zone)
    if walls:
        waiting = [wall for cell, wall in walls.items() if cell not in cells]
        evidence += settle(cells, waiting, ends.origin, ends.diverted or ends.planned)
    published = times.published_departure
    if published is not None and published.date_utc and cells.get("out_scheduled") is not None:
        other = loose.utc_ms(published.date_utc)
        if other not in (None, cells["out_scheduled"]):
            evidence.append(f"published={published.date_utc}")
    return cells


def _where(cell: str, ends: Ends) -> str | None:
    """The airport whose clock tells a time; a diverted flight arrives elsewhere than planned."""
    if cell.startswith(("out_", "off_")):
        return ends.origin
    return ends.planned if cell.endswith("scheduled") else ends.diverted or ends.planned


def source_time(
    leg: wire.Leg, recorded: str | None, url: str | None, evidence: list[str]
) -> int | None:
    """When Cirium last changed the status, or recorded the event; else the feed item's own time."""
    newest = _newest(leg, evidence) if leg.flight_status_updates else None
    if recorded:
        event = loose.instant(recorded, "alert.dateTimeRecorded", evidence)
        newest = max(newest or 0, event or 0) or None
    if newest is not None or not url or len(url) > _LONGEST_URL:
        return newest
    item = _ITEM.fullmatch(url)
    if item is None:
        return None
    year, month, day, hour, minute, second, milli = item.groups()
    text = f"{year}-{month}-{day}T{hour}:{minute}:{second}.{milli}Z"
    return loose.instant(text, "request.url", evidence)


def _newest(leg: wire.Leg, evidence: list[str]) -> int | None:
    """The moment of the newest change; hardly two are the same, so none of them is kept."""
    changes = listed(leg.flight_status_updates, "flight_status_update")
    texts = [u.updated_at.date_utc for u in changes if u.updated_at and u.updated_at.date_utc]
    if {(len(text), text[-1]) for text in texts} == _PLAIN:  # of one form, they sort as texts
        try:
            moment = dt.datetime.fromisoformat(max(texts))
        except ValueError:
            pass
        else:
            if 2000 <= moment.year <= 2099:  # noqa: PLR2004  (as all times)
                return (moment - _EPOCH) // _MS
    found = (loose.instant(t, "flightStatusUpdates.updatedAt", evidence) for t in texts)
    return max((ms for ms in found if ms is not None), default=None)
