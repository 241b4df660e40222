"""Makes a flight status of one flightStatus object of Cirium."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from string import ascii_uppercase
from typing import Any, Final, Literal, NamedTuple

import msgspec

from filters.designators import Flight, airport_code, airport_zone, flight_of
from filters.normalize.statuses import make_status
from filters.normalize.vendors import loose
from filters.normalize.vendors.cirium import wire
from filters.normalize.vendors.cirium.times import Ends, cells_in, listed, source_time
from filters.normalize.vendors.shares import MOST_SHARES, shares
from filters.outcome import RejectRecord
from filters.policy import load_data
from filters.sources import Source
from schemas.records import DateBasis, FeedMessage, FlightStatus, Life

PLACES: Final = {
    "departureTerminal": "out_terminal",
    "departureGate": "out_gate",
    "arrivalTerminal": "in_terminal",
    "arrivalGate": "in_gate",
    "baggage": "baggage",
}
"""Which airport resource fills a field."""

_SERVICES: Final = frozenset(ascii_uppercase)
_MOST_IRREGULAR: Final = 40

_ATTRIBUTES: Final = {
    field.encode_name: field.name for field in msgspec.structs.fields(wire.Resources)
}
_places_of = attrgetter(*(_ATTRIBUTES[name] for name in PLACES))


class _Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    life: Life
    deviation: Literal["diverted", "none"] | None = None


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    statuses: dict[str, _Status]
    returns: dict[str, Literal["ramp_return", "air_return"]]
    links: dict[str, str]
    lives: dict[str, Life]


class Told(NamedTuple):
    """One leg, and what the message around it says of it: its times are texts in UTC."""

    leg: wire.Leg
    appendix: wire.Appendix | None
    recorded: str | None
    url: str | None
    event: str | None


class _Irregular(NamedTuple):
    """An irregular operation with its time in ms UTC; 0 when it tells none."""

    at: int
    type: str
    related: str | None
    airport: str | None


@cache
def _rules() -> _Rules:
    return load_data("formats", "cirium", _Rules)


def status(
    message: FeedMessage, source: Source, name: str, told: Told, index: int, unread: Iterable[str]
) -> FlightStatus:
    """The status of one leg; `unread` is evidence of members that were left out.

    Raises RejectRecord, naming the member, when no flight is named.
    """
    leg = told.leg
    evidence = list(unread)
    date, basis = _date(leg)
    flight, sold = _flight(told, date)
    rule = _rule(leg, evidence)
    irregular = _irregular(leg, evidence) if leg.irregular_operations else []
    ends = _ends(told, rule, irregular)
    cells = cells_in(leg.operational_times, ends, evidence) if leg.operational_times else {}
    said = _course(rule, ends, irregular, cells)
    if leg.airport_resources is not None:
        places = map(loose.text, _places_of(leg.airport_resources))
        said.update(zip(PLACES.values(), places, strict=True))
    if told.event and (event := loose.text(told.event)):
        evidence.append(f"event={event}")
    kind = leg.schedule.flight_type if leg.schedule else None
    tail = leg.flight_equipment.tail_number if leg.flight_equipment else None
    return make_status(
        message,
        source,
        name,
        flight=flight,
        source_time=source_time(leg, told.recorded, told.url, evidence) or message.received_at,
        times=cells,
        origin=ends.origin,
        local_date=None if date is None else date.isoformat(),
        basis=basis if cells.get("out_scheduled") is None else "scheduled",
        source_id=loose.text(leg.flight_id),
        index=index,
        evidence=evidence,
        life=_life(rule, irregular),
        service=kind if kind in _SERVICES else None,
        registration=tail.upper() if (tail := loose.text(tail)) else None,
        code_shares=sold,
        **said,
    )


def _date(leg: wire.Leg) -> tuple[dt.date | None, DateBasis]:
    """The local departure date; departureDate alone may be that of another time."""
    times = leg.operational_times
    if times is not None:
        for when in (times.scheduled_gate_departure, times.published_departure):
            if when is not None and when.date_local and (day := _day(when.date_local)):
                return day, "scheduled"
    local = leg.departure_date.date_local if leg.departure_date else None
    return _day(local) if local else None, "filed"


@lru_cache(maxsize=16_384)
def _day(text: str) -> dt.date | None:
    """The date of a local time."""
    try:
        day = dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
    sound = day.isoformat() == text[:10] and 2000 <= day.year <= 2099  # noqa: PLR2004  (as all times)
    return day if sound else None


def _flight(told: Told, on: dt.date | None) -> tuple[Flight, tuple[str, ...]]:
    """The operating flight, and the other numbers of the leg."""
    leg = told.leg
    carriers = (leg.operating_carrier, leg.carrier, leg.primary_carrier)
    codes = (leg.operating_carrier_fs_code, leg.carrier_fs_code, leg.primary_carrier_fs_code)
    known: tuple[wire.Entity, ...] = ()
    if any(carriers):
        operating, carrier, primary = map(_code, codes, carriers)
        codes = (operating, carrier, primary)
        known = tuple(filter(None, carriers))
    if leg.flight_number is None:
        raise RejectRecord("flightNumber: missing, so no flight is named")
    if not any(codes):
        raise RejectRecord("carrierFsCode: missing, so no flight is named")
    sold_as = tuple(listed(leg.codeshares, "codeshare")[:MOST_SHARES]) if leg.codeshares else ()
    if told.appendix:
        known += tuple(listed(told.appendix.airlines, "airline"))
    # All messages of a leg name it alike; what an appendix may hold is too much to keep.
    name = _named.__wrapped__ if known else _named
    flight, sold = name(codes, leg.flight_number, sold_as, known, on)
    if flight is None:
        code = next(filter(None, codes))
        raise RejectRecord(f"flightNumber: {code[:20]} {leg.flight_number!s:.20} is no flight")
    return flight, sold


@lru_cache(maxsize=8192)
def _named(
    codes: tuple[str | None, ...],
    number: str | int,
    sold_as: tuple[wire.CodeShare, ...],
    known: tuple[wire.Entity, ...],
    on: dt.date | None,
) -> tuple[Flight | None, tuple[str, ...]]:
    """The flight of the first carrier that is one, and the numbers of the others and the listed."""
    carriers = [_airline(code, known, on) for code in dict.fromkeys(codes) if code]
    found = (flight_of(code, number, "", on) for code in carriers)
    flight = next((named for named in found if named is not None), None)
    if flight is None:
        return None, ()
    own = [(code, number, None) for code in carriers]
    coded = ((_code(share.fs_code, share.carrier), share) for share in sold_as)
    others = [
        (_airline(code, (*known, *filter(None, (share.carrier,))), on), share.flight_number, None)
        for code, share in coded
        if code
    ]
    return flight, shares(chain(own, others), flight, on)


def _code(code: str | None, inline: wire.Entity | None) -> str | None:
    """A code, or the one of the object that stands in its place."""
    return code if code or inline is None else inline.fs or inline.iata or inline.icao


def _airline(code: str, known: Iterable[wire.Entity], on: dt.date | None) -> str:
    """A code that names the airline; Cirium's own codes are looked up in what the message has."""
    flight = flight_of(code, 1, "", on)
    if flight is not None and len(flight.airline) == 3:  # noqa: PLR2004  (the length of an ICAO designator)
        return code
    entity = next((entity for entity in known if entity.fs == code), None)
    return code if entity is None else entity.icao or entity.iata or code


def _airport(
    code: str | None,
    inline: wire.Entity | None,
    known: list[wire.Entity] | wire.Airports | None,
) -> str | None:
    if inline is None:
        named = airport_code(code)
        if known is None or code is None:
            return named
    else:
        code = _code(code, inline)
        named = airport_code(code)
    if airport_zone(named) is not None:
        return named
    entities = [inline] if inline else listed(known, "airport")
    entity = next((entity for entity in entities if entity.fs == code), None)
    return named if entity is None else airport_code(entity.iata or entity.icao)


def _rule(leg: wire.Leg, evidence: list[str]) -> _Status:
    letters = loose.text(leg.status)
    rule = _rules().statuses.get(letters or "")
    if letters and (rule is None or rule.life in ("doubtful", "unsaid")):
        evidence.append(f"status={letters}")
    return rule or _Status(life="unsaid")


def _irregular(leg: wire.Leg, evidence: list[str]) -> list[_Irregular]:
    """The irregular operations, the oldest first."""
    found = []
    for said in listed(leg.irregular_operations, "irregular_operation")[:_MOST_IRREGULAR]:
        kind = loose.text(said.type)
        if kind is None:
            continue
        at = loose.instant(said.date_utc, "irregularOperations.dateUtc", evidence)
        related = loose.text(said.related_flight_id)
        airport = airport_code(said.new_arrival_airport_fs_code)
        found.append(_Irregular(at or 0, kind, related, airport))
        link = _rules().links.get(kind)
        if link and related:
            evidence.append(f"{link}=cirium:{related}")
        else:
            evidence.append(f"irregular={kind}")
    return sorted(found, key=lambda operation: operation.at)


def _ends(told: Told, rule: _Status, irregular: list[_Irregular]) -> Ends:
    leg = told.leg
    known = told.appendix.airports if told.appendix else None
    origin = _airport(leg.departure_airport_fs_code, leg.departure_airport, known)
    planned = _airport(leg.arrival_airport_fs_code, leg.arrival_airport, known)
    diverted = None
    if rule.deviation != "none":
        diverted = _airport(leg.diverted_airport_fs_code, leg.diverted_airport, known)
        if diverted is None and rule.deviation == "diverted":
            there = [op.airport for op in irregular if op.type == "DIVERSION" and op.airport]
            diverted = there[-1] if there else None
    return Ends(origin, planned, diverted)


def _course(
    rule: _Status, ends: Ends, irregular: list[_Irregular], cells: dict[str, int | None]
) -> dict[str, Any]:
    """Deviation and destinations; a return to the gate also withdraws the off-block before it."""
    origin, planned, diverted = ends
    if diverted is not None or rule.deviation == "diverted":
        if origin is not None and origin == (diverted or planned):
            # The arrival airport may be rewritten to where it came from; then the plan is lost.
            planned = None if planned == origin else planned
            return {
                "deviation": "air_return",
                "destination": origin,
                "planned_destination": planned,
            }
        return {
            "deviation": "diverted",
            "destination": diverted or planned,
            "planned_destination": planned,
        }
    returns = [op for op in irregular if op.at and op.type in _rules().returns]
    if rule.deviation is None and returns:
        left = max(cells.get("out_actual") or 0, cells.get("off_actual") or 0)
        deviation = _rules().returns[returns[-1].type]
        if left <= returns[-1].at and deviation == "air_return":
            return {
                "deviation": deviation,
                "destination": origin,
                "planned_destination": planned,
            }
        if left <= returns[-1].at:
            cells["out_actual"] = None
            return {"deviation": deviation, "destination": planned, "cleared": ("out_actual",)}
    return {"deviation": rule.deviation, "destination": planned}


def _life(rule: _Status, irregular: list[_Irregular]) -> Life:
    if rule.life != "unsaid":
        return rule.life
    lives = _rules().lives
    return next((lives[op.type] for op in reversed(irregular) if op.type in lives), "unsaid")
