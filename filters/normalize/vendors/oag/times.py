"""The times of OAG's events and API items.

A scheduled time names no zone: it is read in the airport's, and of a reading that occurs twice the
one is meant that the gate times vary from by what they say. Estimated and actual times name their
offset and stand in UTC beside it (OAG knowledge base, "Status Event Samples").
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final

import msgspec

from filters.designators import airport_zone
from filters.normalize.vendors import loose
from filters.normalize.vendors.oag import wire
from filters.normalize.vendors.walls import Wall, once, settle
from schemas.records import DateBasis

MILESTONES: Final = {
    "departure": {"outGate": "out", "offGround": "off"},
    "arrival": {"onGround": "on", "inGate": "in"},
}
"""Which times stand at which end, and the milestones they are."""

_ATTRIBUTES: Final = {f.encode_name: f.name for f in msgspec.structs.fields(wire.Estimated)}
# For each end and kind: the cells, the attributes that fill them, and their members.
_FLOWN: Final = {
    (end, kind): tuple(
        (f"{cell}_{kind}", _ATTRIBUTES[name], f"{end}.{kind}.{name}") for name, cell in told.items()
    )
    for end, told in MILESTONES.items()
    for kind in ("estimated", "actual")
}
_VARIATION: Final = re.compile(r"(-?)(?:(\d{1,3})\.)?(\d{1,3}):(\d\d)(?::(\d\d))?", re.ASCII)
_CLOCK: Final = re.compile(r"(\d\d):?(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?", re.ASCII)
_DIGITS: Final = re.compile(r"\d{10}|\d{13}", re.ASCII)
_MOST_DAYS: Final = 7  # of a leg from its departure to its arrival
_DATE: Final = len("2000-01-01")
_MS_DIGITS: Final = 13
_MOST_MS: Final = 10**_MS_DIGITS
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_799_999  # the years 2000 to 2099
_NO_END: Final = wire.End()


def has_stops(item: wire.Flight) -> bool:
    """Whether it is a scheduled flight of several legs."""
    return item.segment_info is not None and (item.segment_info.number_of_stops or 0) > 0


def local_day(item: wire.Id) -> tuple[str | None, DateBasis]:
    """The local departure date; that of the origination may be another leg's, so it is as filed."""
    if item.departure is not None:
        local = planned_time(item.departure)[1]
        day = iso_day(local[:_DATE]) if local else None
        if day is not None:
            return day, "scheduled"
    local = item.origination_date.local if item.origination_date else None
    return iso_day(local[:_DATE]) if local else None, "filed"


@lru_cache(maxsize=8192)
def iso_day(text: str) -> str | None:
    """The text if it is an ISO date of our century."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return text if day.isoformat() == text and 2000 <= day.year <= 2099 else None  # noqa: PLR2004  (as all times)


def cells_in(
    item: wire.Flight,
    detail: wire.Detail,
    origin: str | None,
    arrivals: tuple[str | None, str | None],
    evidence: list[str],
) -> dict[str, int | None]:
    """The times in ms UTC; `arrivals` are the planned airport and the one it goes to."""
    read = _Read({}, [], evidence)
    planned, reached = arrivals
    leaves, arrives = item.departure or _NO_END, item.arrival or _NO_END
    hint = read.flown("departure", leaves, detail.departure or _NO_END, origin)
    utc, local = planned_time(leaves)
    read.scheduled("out", utc, local, origin, hint)
    hint = read.flown("arrival", arrives, detail.arrival or _NO_END, reached)
    if not has_stops(item):
        day = None if arrives.times or arrives.date else _arrival_day(item)
        utc, local = planned_time(arrives, day)
        read.scheduled("in", utc, local, planned, hint)
    if read.walls:
        evidence += settle(read.cells, read.walls, origin, reached)
    return read.cells


class _Read(msgspec.Struct, gc=False):
    """The times of a leg as they are read, and local ones that wait for the others."""

    cells: dict[str, int | None]
    walls: list[Wall]
    evidence: list[str]

    def flown(self, end: str, plan: wire.End, told: wire.End, airport: str | None) -> int | None:
        """Reads estimated and actual times; what the gate times say the schedule is, in ms UTC."""
        hint = None
        for kind in ("estimated", "actual"):
            moments = _moments(told, kind) or _moments(plan, kind)
            if moments is None:
                continue
            for cell, attribute, member in _FLOWN[end, kind]:
                both = getattr(moments, attribute)
                if both is not None:
                    ms = loose.utc_ms(both.utc) if both.utc else None
                    if ms is None:
                        self.local(cell, both, member, airport)
                    else:
                        self.cells[cell] = ms
            gate, varies = (
                ("out", moments.out_gate_variation)
                if end == "departure"
                else ("in", moments.in_gate_variation)
            )
            ms = self.cells.get(f"{gate}_{kind}")
            variation = _variation(varies) if varies else None
            if ms is not None and variation is not None:
                hint = ms - variation
        return hint

    def local(self, cell: str, both: wire.Both, member: str, airport: str | None) -> None:
        """Leaves a moment without a time in UTC that can be read to its local one."""
        if both.utc:
            self.evidence.append(f"unread={member}.utc")
        if both.local:
            self.walls.append(Wall(cell, both.local, f"{member}.local", airport_zone(airport)))

    def scheduled(
        self, gate: str, utc: str | None, local: str | None, airport: str | None, hint: int | None
    ) -> None:
        """Reads a scheduled time; what the gate times say it is stands in where it is not told."""
        cell = f"{gate}_scheduled"
        ms = loose.instant(utc, f"{cell}.utc", self.evidence) if utc else None
        zone = airport_zone(airport)
        if ms is None and local and len(local) > _DATE and (zone is not None or hint is None):
            ms = once(local, zone)
            if ms is None:
                self.walls.append(Wall(cell, local, f"{cell}.local", zone, hint))
                return
        if ms is not None or hint is not None:
            self.cells[cell] = hint if ms is None else ms


def _moments(end: wire.End, kind: str) -> wire.Estimated | None:
    """Estimated or actual times, as an event or as the API has them."""
    inner: wire.Estimated | None = None
    if end.times is not None:
        inner = end.times.estimated if kind == "estimated" else end.times.actual
    if inner is None:
        inner = end.estimated_time if kind == "estimated" else end.actual_time
    return inner


@lru_cache(maxsize=4096)
def _variation(text: str) -> int | None:
    """`-00:01:00`, also with days as in `1.02:00:00`, in ms."""
    match = _VARIATION.fullmatch(text)
    if match is None:
        return None
    sign, days, hours, minutes, seconds = match.groups()
    size = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds or 0)
    return (-size if sign else size) * 1000


def planned_time(plan: wire.Plan, day: str | None = None) -> tuple[str | None, str | None]:
    """The scheduled time in UTC and the local one, or its date alone; `day` where none is told."""
    told = plan.times.scheduled if plan.times else None
    if told is not None and (told.local or told.utc):
        return told.utc, told.local
    date = plan.date if isinstance(plan.date, wire.Both) else wire.Both(local=plan.date)
    time = plan.time if isinstance(plan.time, wire.Both) else wire.Both(local=plan.time)
    utc = _joined(date.utc, time.utc) if date.utc and time.utc else None
    return utc, _joined(date.local or day, time.local or plan.passenger_local_time)


def _joined(day: str | None, clock: str | None) -> str | None:
    """A date and a time of day as one text; the date alone when there is no time."""
    if not day or not clock:
        return day[:_DATE] if day else None
    match = _CLOCK.fullmatch(clock.strip())
    return f"{day[:_DATE]}T{match[1]}:{match[2]}" if match else f"{day[:_DATE]}T{clock}"


def _arrival_day(item: wire.Flight) -> str | None:
    """The local date of the arrival, which schedule events may give in days from the departure."""
    days = item.leg_arrival_interval_days
    if days is None:
        days = item.arrival_interval_days
    local = planned_time(item.departure)[1] if item.departure else None
    day = iso_day(local[:_DATE]) if local else None
    if day is None or days is None or abs(days) > _MOST_DAYS:
        return None
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()


def source_time(item: wire.Flight, detail: wire.Detail, evidence: list[str]) -> int | None:
    """When OAG changed the status, else when it made the event, in UTC whatever it says."""
    for member, text in (
        ("statusDetails.updatedAt", detail.updated_at),
        ("updatedAt", item.updated_at),
    ):
        ms = loose.instant(text, member, evidence) if text else None
        if ms is not None:
            return ms
    made = item.message_timestamp
    if made is None or made == "":
        return None
    digits = str(made) if isinstance(made, str) or abs(made) < _MOST_MS else ""
    if _DIGITS.fullmatch(digits):
        ms = int(digits) if len(digits) == _MS_DIGITS else int(digits) * 1000
        if _FIRST_MS <= ms <= _LAST_MS:
            return ms
    return loose.instant(digits or "?", "messageTimestamp", evidence)
