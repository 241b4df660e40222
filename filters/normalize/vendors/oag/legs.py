"""Makes a flight status of one event of OAG, or one item of its API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache, lru_cache
from string import ascii_uppercase
from typing import Any, Final, Literal, NamedTuple

import msgspec

from filters.designators import Flight, airport_code, airport_zone, flight_of
from filters.normalize.statuses import make_status
from filters.normalize.vendors import loose
from filters.normalize.vendors.oag import wire
from filters.normalize.vendors.oag.times import cells_in, has_stops, local_day, source_time
from filters.normalize.vendors.shares import MOST_SHARES, shares
from filters.outcome import Drop, RejectRecord
from filters.policy import load_data
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

_TYPES: Final = {"": "", "flightstatus": "", "schedulestatus": "", "scheduleinstance": "schedule"}
_SERVICES: Final = frozenset(ascii_uppercase)
_NO_DETAIL: Final = wire.Detail()
_NO_END: Final = wire.End()
_NO_AIRCRAFT: Final = wire.Equipment()


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    life: Life
    deviation: Literal["diverted"] | None = None


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    states: dict[str, _State]
    schedules: dict[str, Life]
    types: dict[str, str]


@cache
def _rules() -> _Rules:
    return load_data("formats", "oag", _Rules)


def status(
    message: FeedMessage,
    source: Source,
    name: str,
    item: wire.Flight,
    index: int,
    unread: Iterable[str],
) -> FlightStatus | Drop:
    """The status of one flight, or why it is none; `unread` is evidence of members left out.

    Raises RejectRecord, naming the member, when no flight is named.
    """
    kind = _TYPES.get(_word(item.document_type))
    if kind is None:
        return Drop("unknown_type")
    if not (kind or item.state or item.status_details):
        kind = "schedule"  # an item of the API without a status
    day, basis = local_day(item)
    flight, own, sold = _names(item, day)
    unfit = _rules().types.get(_word(item.flight_type))
    if unfit is not None or flight is None:
        return _no_flight(item, unfit)
    evidence = list(unread)
    origin = _airport(item.departure.airport) if item.departure else None
    detail = _detail(item, origin, evidence)
    rule = _rule(item, detail, kind, evidence)
    arrival = _arrival(item, detail, evidence)
    diverted = _diverted(item, detail)
    cells = cells_in(item, detail, origin, (arrival, diverted or arrival), evidence)
    key = loose.text(item.status_key)
    operates = flight == own
    if operates and item.is_operating is False:
        evidence.append("operating=unknown")
    if item.oag_fingerprint and (print_ := loose.text(item.oag_fingerprint)):
        evidence.append(f"fingerprint={print_}")
    return make_status(
        message,
        source,
        name,
        flight=flight,
        source_time=source_time(item, detail, evidence) or message.received_at,
        times=cells,
        origin=origin,
        local_date=day,
        basis=basis if cells.get("out_scheduled") is None else "scheduled",
        source_id=key if operates else None,
        aliases=() if operates or key is None else (f"{name}:{key}",),
        index=index,
        evidence=evidence,
        life=rule.life,
        service=_service(item),
        code_shares=sold,
        **_places(item, detail),
        **_course(rule, origin, arrival, diverted),
    )


@lru_cache(maxsize=1024)
def _word(text: str | None) -> str:
    return text.replace(" ", "").lower() if text else ""


class _Names(NamedTuple):
    """The operating flight, the number the event itself is about, and all the others."""

    flight: Flight | None
    own: Flight | None
    sold: tuple[str, ...]


def operating(item: wire.Id, day: str | None) -> Flight | None:
    """The operating flight, which the leg is named by."""
    carrier = item.carrier_code or item.carrier
    other = _operated(item)
    return _named(carrier, item.flight_number, item.service_suffix, other, (), day).flight


def _operated(item: wire.Id) -> wire.Number | wire.Comment | None:
    """The operating flight as a marketing flight's event tells it."""
    said = item.codeshare
    if said is None or item.is_operating is True:
        return None
    return said.operating_flight or said.comment050


def _names(item: wire.Flight, day: str | None) -> _Names:
    said, listed = item.codeshare, ()
    if said is not None:
        marketing, commented = said.marketing_flights or (), said.comments010 or ()
        listed = (*marketing[:MOST_SHARES], *commented[:MOST_SHARES])
    carrier = item.carrier_code or item.carrier
    other = _operated(item)
    return _named(carrier, item.flight_number, item.service_suffix, other, listed, day)


@lru_cache(maxsize=8192)
def _named(
    carrier: wire.Code | str | None,
    number: str | int | None,
    suffix: str | None,
    other: wire.Number | wire.Comment | None,
    listed: tuple[wire.Number | wire.Comment, ...],
    day: str | None,
) -> _Names:
    """All messages of a leg name it alike, so the last names are kept."""
    on = dt.date.fromisoformat(day) if day else None
    own = _flight(carrier, number, suffix, on)
    flight = (_flight(*_parts(other), on) if other is not None else None) or own
    if flight is None or (own == flight and not listed):
        return _Names(flight, own, ())
    told = [_parts(sold) for sold in listed]
    if own is not None:
        told.append((own.airline, own.number, own.suffix))
    numbers = ((either(code), number, suffix) for code, number, suffix in told)
    return _Names(flight, own, shares(numbers, flight, on))


def _parts(
    sold: wire.Number | wire.Comment,
) -> tuple[wire.Code | str | None, str | int | None, str | None]:
    if isinstance(sold, wire.Number):
        return sold.carrier_code, sold.flight_number, sold.service_suffix
    return (
        sold.code or sold.code_,
        sold.service_number or sold.service_number_,
        sold.suffix or sold.suffix_,
    )


def either(code: wire.Code | str | None) -> str | None:
    """One of the codes, the IATA one if it is there."""
    return code.iata or code.icao if isinstance(code, wire.Code) else code


def _flight(
    carrier: wire.Code | str | None,
    number: str | int | None,
    suffix: str | None,
    on: dt.date | None,
) -> Flight | None:
    """The flight by its IATA code, or by the other one where that is not known."""
    if carrier is None or number is None:
        return None
    codes = (carrier.iata, carrier.icao) if isinstance(carrier, wire.Code) else (carrier,)
    found = [flight_of(code, number, suffix or "", on) for code in codes if code]
    sound = [flight for flight in found if flight is not None]
    known = (flight for flight in sound if len(flight.airline) == 3)  # noqa: PLR2004  (an ICAO designator)
    return next(known, sound[0] if sound else None)


def _no_flight(item: wire.Flight, unfit: str | None) -> Drop:
    """General aviation has neither airline nor number, and unscheduled flights may lack them."""
    if unfit is not None:
        return Drop(unfit)
    carrier = item.carrier_code or item.carrier
    if (carrier is None or item.flight_number is None) and _word(item.flight_type) == "unscheduled":
        return Drop("not_an_airline_flight")
    if item.flight_number is None:
        raise RejectRecord("flightNumber: missing, so no flight is named")
    if carrier is None:
        raise RejectRecord("carrierCode: missing, so no flight is named")
    codes = carrier if isinstance(carrier, str) else carrier.iata or carrier.icao or ""
    raise RejectRecord(f"flightNumber: {codes[:20]} {item.flight_number!s:.20} is no flight")


def _airport(code: wire.Code | str | None) -> str | None:
    if code is None or isinstance(code, str):
        return airport_code(code)
    named_so = airport_code(code.iata)
    if airport_zone(named_so) is not None or not code.icao:
        return named_so
    other = airport_code(code.icao)
    return other if named_so is None or airport_zone(other) is not None else named_so


def _detail(item: wire.Flight, origin: str | None, evidence: list[str]) -> wire.Detail:
    """The newest of the statuses of this leg; those of other legs of the flight are left aside."""
    newest, at = _NO_DETAIL, -1
    for detail in item.status_details or ():
        there = _airport(detail.departure.airport) if detail.departure else None
        if there is not None and origin is not None and there != origin:
            evidence.append(f"other_leg={there}")
            continue
        moment = loose.instant(detail.updated_at, "statusDetails.updatedAt", evidence) or 0
        if moment > at:
            newest, at = detail, moment
    return newest


def _rule(item: wire.Flight, detail: wire.Detail, kind: str, evidence: list[str]) -> _State:
    if kind == "schedule":
        life = _rules().schedules.get(_word(item.status))
        if item.status and life != "unsaid":
            evidence.append(f"status={loose.text(item.status)}")
        return _State(life=life or "unsaid")
    told = detail.state or item.state
    rule = _rules().states.get(_word(told))
    if told and rule is None:
        evidence.append(f"state={loose.text(told)}")
    return rule or _State(life="unsaid")


def _arrival(item: wire.Flight, detail: wire.Detail, evidence: list[str]) -> str | None:
    """Where the leg goes; a schedule with stops on its way names the end of another leg."""
    if detail.arrival is not None and detail.arrival.airport is not None:
        return _airport(detail.arrival.airport)
    if has_stops(item):
        evidence.append("stops=1")
        return None
    return _airport(item.arrival.airport) if item.arrival else None


def _diverted(item: wire.Flight, detail: wire.Detail) -> str | None:
    inner = item.arrival.diversion_airport if item.arrival else None
    return _airport(detail.diversion_airport or item.diversion_airport or inner)


def _course(
    rule: _State, origin: str | None, arrival: str | None, diverted: str | None
) -> dict[str, Any]:
    """Deviation and destinations."""
    if diverted is None and rule.deviation is None:
        return {"destination": arrival}
    returned = diverted is not None and diverted == origin
    return {
        "deviation": "air_return" if returned else "diverted",
        "destination": diverted or arrival,
        "planned_destination": arrival,
    }


def _service(item: wire.Flight) -> str | None:
    for kind in (item.service_type, item.service_type_code):
        letter = kind.iata if isinstance(kind, wire.Code) else kind
        if letter in _SERVICES:
            return letter
    return None


def _places(item: wire.Flight, detail: wire.Detail) -> dict[str, Any]:
    """Terminals, gates, belt and aircraft; what the status says before what was planned."""
    out, out_plan = detail.departure or _NO_END, item.departure or _NO_END
    into, into_plan = detail.arrival or _NO_END, item.arrival or _NO_END
    told, planned = detail.equipment or _NO_AIRCRAFT, item.equipment or _NO_AIRCRAFT
    return {
        "out_terminal": _first(
            out.actual_terminal, out.terminal, out_plan.actual_terminal, out_plan.terminal
        ),
        "out_gate": _first(out.gate, out_plan.gate),
        "in_terminal": _first(
            into.actual_terminal, into.terminal, into_plan.actual_terminal, into_plan.terminal
        ),
        "in_gate": _first(into.gate, into_plan.gate),
        "baggage": _first(into.baggage, into_plan.baggage),
        "registration": _first(
            told.aircraft_registration_number, planned.aircraft_registration_number
        ),
    }


def _first(*said: str | int | None) -> str | None:
    for value in said:
        if value is not None and (text := loose.text(value)) is not None:
            return text
    return None
