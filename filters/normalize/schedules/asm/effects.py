"""What the actions of schedule telegrams do to legs (IATA SSIM, chapters 4.7 and 5.7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from filters import reference
from filters.designators import Flight, airline_code, airport_zone, flight, ticket_number
from filters.normalize.moments import DAY_MS, day_ms
from filters.normalize.schedules import timetable
from filters.normalize.schedules.asm import days, routing
from filters.normalize.schedules.asm.grammar import (
    ACTIONS,
    Change,
    Element,
    FlightLine,
    Message,
    SubMessage,
)
from filters.normalize.schedules.asm.routing import Target
from filters.normalize.statuses import make_status
from filters.normalize.vendors.shares import shares
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

DROPS: Final = {
    "ACK": "acknowledgement",
    "NAC": "not_actioned",
    "RSD": "schedule_request",
    "EQT": "equipment",
    "CON": "equipment",
    "ADM": "administrative",
}
"""Why an action is dropped when it says nothing of times, life or numbers."""

_LIVES: Final[dict[str, Life]] = {
    **dict.fromkeys(("NEW", "RPL", "RRT", "RIN"), "operating"),
    "CNL": "cancelled",
}
_UNDONE = "RTNS"  # back to the normal schedule: a reason, but the cause of nothing
_DISCLOSURE, _SHARES, _OPERATING = 2, 10, 50
_SHORT_CODES = 10  # data elements from this number on may hold free text
_FEW = 6


class Frame(NamedTuple):
    """What holds for the whole telegram; `sent` in ms UTC."""

    message: FeedMessage
    source: Source
    name: str
    telegram: Message
    mode: str
    sent: int


class _Case(NamedTuple):
    """One flight on one date under one action."""

    part: SubMessage
    number: int
    change: Change
    line: FlightLine
    date: dt.date
    own: Flight
    life: Life


def statuses(frame: Frame) -> Iterator[FlightStatus | Drop]:
    """What each flight of the telegram comes to, in order.

    A later sub-message counts as newer by a millisecond, for it may take back an earlier one.
    Raises RejectRecord, with the sub-message as its place if there are several.
    """
    parts = frame.telegram.parts
    index = 0
    for number, part in enumerate(parts):
        try:
            for said in _of_part(frame, part, number):
                if isinstance(said, Drop):
                    yield said
                    continue
                yield msgspec.structs.replace(said, id=f"{frame.message.id}.{index}")
                index += 1
        except RejectRecord as reject:
            place = f"sub-message {number + 1}" if len(parts) > 1 else ""
            raise RejectRecord(reject.reason, place) from reject


def _of_part(frame: Frame, part: SubMessage, number: int) -> Iterator[FlightStatus | Drop]:
    if part.action not in ACTIONS:
        yield Drop("unknown_action")
        return
    reason = DROPS.get(part.action, "says_nothing")
    if not ACTIONS[part.action]:
        yield Drop(reason)
        return
    if not part.changes:
        raise RejectRecord(f"flight: none below {part.action}")
    for change in part.changes:
        for line in change.flights:
            for date, life in days.operating(part, change, line, frame.sent):
                said = life or _LIVES.get(part.action, "unsaid")
                own = _flight(line.named.name, date)
                case = _Case(part, number, change, line, date, own, said)
                yield from (found or Drop(reason) for found in _of_flight(frame, case))


def _flight(name: str, date: dt.date) -> Flight:
    found = flight(name, date)
    if found is None:
        raise RejectRecord(f"flight: {name!r} is no flight designator")
    return found


def flights(telegram: Message) -> set[Flight]:
    """The operating flights that a telegram is about, under old names and new ones.

    Raises RejectRecord for a name that is none.
    """
    found: set[Flight] = set()
    for part in telegram.parts:
        for change in part.changes:
            for line in change.flights:
                operating = _numbers([*line.elements, *change.elements], _OPERATING, None)
                names = [line.named, *([line.renamed] if line.renamed else [])]
                own = [flight(named.name) for named in names]
                found.update(operating or (named for named in own if named is not None))
    return found


def _of_flight(frame: Frame, case: _Case) -> Iterator[FlightStatus | Drop | None]:
    """A status for each leg; None for one that says nothing."""
    renamed, date, utc = case.line.renamed, case.date, frame.mode == "U"
    if renamed is not None and renamed.day is not None:
        told = days.date(renamed.day, day_ms(case.date))
        if told is None:
            raise RejectRecord("flight date: that of the new flight is none")
        date = told
    carried = case.own if renamed is None else _flight(renamed.name, date)
    found = routing.targets(case.change, case.line, date, utc=utc)
    for number, target in enumerate(found):
        elements = [*case.line.elements, *case.change.elements]
        elements = routing.elements_for(found, number, elements)
        operating = _numbers(elements, _OPERATING, date)
        others = _numbers(elements, _SHARES, date)
        if not operating and not others and _disclosed(elements, carried, date):
            yield Drop("marketing_flight")
            continue
        named = operating[0] if operating else carried
        said = _said(case, target, elements)
        if case.part.action == "RRT":
            said |= _rerouted(case, found, number)
        said["code_shares"] = shares([carried, *others], named, date)
        status = _status(frame, case, target, named, said)
        status = _with_old_name(frame, case, target, status, (date - case.date).days)
        times = (status.out_scheduled, status.in_scheduled)
        speaks = status.life != "unsaid" or any(times) or status.code_shares or status.formerly
        yield status if speaks else None
    if case.part.action == "RRT" and case.change.legs:
        yield from (
            _status(frame, case, target, carried, {"life": "cancelled", **_causes(case)})
            for target in _left_out(case, found)
        )


def _said(case: _Case, target: Target, elements: Sequence[Element]) -> dict[str, Any]:
    life = case.life
    if case.part.action == "RRT" and not case.change.legs:
        life = "unsaid"  # where it goes instead is not told
    shown = (e for e in elements if e.number < _SHORT_CODES)
    evidence = [
        *target.evidence,
        *dict.fromkeys(f"dei={element.number}/{element.value}" for element in shown),
    ]
    told = {"life": life, "service": case.change.service, "evidence": evidence[:_FEW]}
    return told | _causes(case)


def _causes(case: _Case) -> dict[str, Any]:
    causes = [reason for reason in case.part.reasons if reason != _UNDONE]
    return {"cause": f"SSIM:{causes[0]}"} if causes else {}


def _numbers(elements: Sequence[Element], wanted: int, on: dt.date | None) -> list[Flight]:
    return timetable.numbers((e.value for e in elements if e.number == wanted), on)


def _disclosed(elements: Sequence[Element], own: Flight, on: dt.date) -> bool:
    """Whether another airline is said to operate the flight (data element 2)."""
    told = (e.value.partition("/")[0] for e in elements if e.number == _DISCLOSURE)
    return any(airline_code(airline, on) != own.airline for airline in told)


def _rerouted(case: _Case, found: Sequence[Target], number: int) -> dict[str, Any]:
    """Where the leg would have gone, if the flight line names that, and whether it still does."""
    stops, target = case.line.route, found[number]
    if target.origin not in stops[:-1]:
        return {}
    planned = stops[stops.index(target.origin) + 1]
    if planned == target.destination:
        return {}
    reached = any(later.destination == planned for later in found[number:])
    return {"planned_destination": planned, "deviation": None if reached else "diverted"}


def _left_out(case: _Case, found: Sequence[Target]) -> list[Target]:
    """The legs named whose stations the new route no longer leaves from."""
    stops, left = case.line.route, {target.origin for target in found}
    nowhere = timetable.Times(None, None)
    return [
        Target(origin, destination, case.date, nowhere, "filed")
        for origin, destination in pairwise(stops)
        if origin not in left
    ]


def _status(
    frame: Frame, case: _Case, target: Target, named: Flight, said: dict[str, Any]
) -> FlightStatus:
    part, telegram, utc = case.part, frame.telegram, frame.mode == "U"
    heads = {"action": part.action, "message": telegram.kind, "reference": telegram.reference}
    evidence = [
        *(f"{name}={value}" for name, value in heads.items() if value),
        *(f"reason={reason}" for reason in part.reasons),
        *(["withdrawal=XASM"] if part.withdrawal else []),
        *said.pop("evidence", ()),
        *([f"unread_lines={case.change.unread}"] if case.change.unread else []),
    ]
    day = target.day.isoformat()
    # By the flight's date later telegrams name the leg, also when this one moves its departure.
    named_by = case.date.isoformat() if target.moved and case.line.renamed is None else day
    return make_status(
        frame.message,
        frame.source,
        frame.name,
        flight=named,
        source_time=frame.sent + case.number,
        times={"out_scheduled": target.times.out, "in_scheduled": target.times.on_block},
        origin=target.origin or None,
        destination=target.destination or None,
        local_date=None if utc else day,
        utc_date=named_by if utc else None,
        basis=target.basis,
        evidence=evidence,
        **said,
    )


def _with_old_name(
    frame: Frame, case: _Case, target: Target, status: FlightStatus, shift: int
) -> FlightStatus:
    """The status with the leg's old key, and its old number for those who booked under it.

    `shift` is by how many days the flight's date moves. A departure that TIM puts on another day
    than the flight's moves the leg's date, if the flight is not told to have legs before it.
    """
    moved = case.part.action == "TIM" and target.moved and not case.line.route
    if case.line.renamed is None and not moved:
        return status
    old = _old_date(frame, case, target, status, shift)
    own = f"{case.own.airline}{case.own.number}{case.own.suffix}"
    new = f"{status.airline}{status.number}{status.suffix}"
    date = status.date or target.day.isoformat()
    if (own, old) == (new, date):
        return status
    others = set(status.code_shares)
    if status.date is not None or (old == date and own != new):
        others.add(ticket_number(case.own, case.date) + ("" if old == date else f"/{old}"))
    return msgspec.structs.replace(
        status,
        formerly=f"{own}.{status.origin or ''}.{old}",
        code_shares=tuple(sorted(others)),
    )


def _old_date(frame: Frame, case: _Case, target: Target, status: FlightStatus, shift: int) -> str:
    """The date on which the leg was to leave before: local at the origin as far as it is known.

    From UTC dates it is known when the times stay (FLT). When they move, the old departure is taken
    for the last or the first of its UTC day, for flights are mostly moved by less than a day.
    """
    before = case.date if target.moved else target.day - dt.timedelta(days=shift)
    zone = airport_zone(status.origin)
    if frame.mode == "L" or status.date is None or zone is None:
        return before.isoformat()
    if case.part.action == "FLT":
        return (dt.date.fromisoformat(status.date) - dt.timedelta(days=shift)).isoformat()
    if before == target.day:
        return status.date
    last = DAY_MS - 1 if before < target.day else 0
    return reference.local_date(day_ms(before) + last, zone)
