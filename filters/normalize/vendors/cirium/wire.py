"""The members of Cirium's JSON that are read, as types to decode into; the others are passed over.

Source: developer.flightstats.com, "Historical Flight Status Response" (v3), "Alert Messages"
(alerts v1). An alert is made from XML, so that a list is an object there, around its elements or
around the only one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from filters.normalize.vendors.loose import Moment, Word


class When(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One moment: `dateUtc` with a zone, `dateLocal` without."""

    date_utc: Moment | None = None
    date_local: Moment | None = None


class Entity(msgspec.Struct, frozen=True, gc=False):
    """An airline or an airport, inline or in the appendix."""

    fs: Word | None = None
    iata: Word | None = None
    icao: Word | None = None


class CodeShare(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Another number the leg is sold under."""

    fs_code: Word | None = None
    flight_number: Word | int | None = None
    carrier: Entity | None = None


class Update(msgspec.Struct, rename="camel", gc=False):
    """One change of the status, and when it was made."""

    updated_at: When | None = None


class Irregular(msgspec.Struct, rename="camel", gc=False):
    """An irregular operation; its message is free text and passed over."""

    type: Word | None = None
    date_utc: Moment | None = None
    related_flight_id: Word | int | None = None
    new_arrival_airport_fs_code: Word | None = None


class Schedule(msgspec.Struct, rename="camel", gc=False):
    """The published schedule."""

    flight_type: Word | None = None


class Equipment(msgspec.Struct, rename="camel", gc=False):
    """The aircraft."""

    tail_number: Word | None = None


class CodeShares(msgspec.Struct, gc=False):
    """Code-shares as an alert wraps them."""

    codeshare: list[CodeShare] | CodeShare | None = None


class Updates(msgspec.Struct, rename="camel", gc=False):
    """Changes as an alert wraps them."""

    flight_status_update: list[Update] | Update | None = None


class Irregulars(msgspec.Struct, rename="camel", gc=False):
    """Irregular operations as an alert wraps them."""

    irregular_operation: list[Irregular] | Irregular | None = None


class Airlines(msgspec.Struct, gc=False):
    """Airlines as an alert wraps them."""

    airline: list[Entity] | Entity | None = None


class Airports(msgspec.Struct, gc=False):
    """Airports as an alert wraps them."""

    airport: list[Entity] | Entity | None = None


class Appendix(msgspec.Struct, gc=False):
    """What the codes of a message stand for."""

    airlines: list[Entity] | Airlines | None = None
    airports: list[Entity] | Airports | None = None


class Times(msgspec.Struct, rename="camel", gc=False):
    """The operational times."""

    published_departure: When | None = None
    scheduled_gate_departure: When | None = None
    estimated_gate_departure: When | None = None
    actual_gate_departure: When | None = None
    flight_plan_planned_departure: When | None = None
    scheduled_runway_departure: When | None = None
    estimated_runway_departure: When | None = None
    actual_runway_departure: When | None = None
    published_arrival: When | None = None
    scheduled_gate_arrival: When | None = None
    estimated_gate_arrival: When | None = None
    actual_gate_arrival: When | None = None
    flight_plan_planned_arrival: When | None = None
    scheduled_runway_arrival: When | None = None
    estimated_runway_arrival: When | None = None
    actual_runway_arrival: When | None = None


class Resources(msgspec.Struct, rename="camel", gc=False):
    """What the airports assign to the flight."""

    departure_terminal: Word | int | None = None
    departure_gate: Word | int | None = None
    arrival_terminal: Word | int | None = None
    arrival_gate: Word | int | None = None
    baggage: Word | int | None = None


class Leg(msgspec.Struct, rename="camel", gc=False):
    """A flightStatus object: one leg."""

    flight_id: Word | int | None = None
    carrier_fs_code: Word | None = None
    operating_carrier_fs_code: Word | None = None
    primary_carrier_fs_code: Word | None = None
    flight_number: Word | int | None = None
    departure_airport_fs_code: Word | None = None
    arrival_airport_fs_code: Word | None = None
    diverted_airport_fs_code: Word | None = None
    departure_date: When | None = None
    status: Word | None = None
    schedule: Schedule | None = None
    operational_times: Times | None = None
    codeshares: list[CodeShare] | CodeShares | None = None
    airport_resources: Resources | None = None
    flight_equipment: Equipment | None = None
    flight_status_updates: list[Update] | Updates | None = None
    irregular_operations: list[Irregular] | Irregulars | None = None
    # With the option useInlinedReferences these stand in place of the codes.
    carrier: Entity | None = None
    operating_carrier: Entity | None = None
    primary_carrier: Entity | None = None
    departure_airport: Entity | None = None
    arrival_airport: Entity | None = None
    diverted_airport: Entity | None = None


class Event(msgspec.Struct, gc=False):
    """What triggered an alert."""

    type: Word | None = None


class Alert(msgspec.Struct, rename="camel", gc=False):
    """An alert callback; its rule, the subscription, is passed over."""

    event: Event | None = None
    date_time_recorded: Moment | None = None
    flight_status: Leg | None = None


class Request(msgspec.Struct, gc=False):
    """What was asked for; the address of a feed's item holds its time."""

    url: str | None = None


class Document(Leg, rename="camel", gc=False):
    """A flightStatus itself, or whatever it is wrapped in."""

    flight_status: Leg | None = None
    flight_statuses: list[Leg] | None = None
    alert: Alert | None = None
    appendix: Appendix | None = None
    request: Request | None = None
    items: Any = None
    error: Any = None


class Id(msgspec.Struct, rename="camel", gc=False):
    """The id of a leg and nothing else."""

    flight_id: Word | int | None = None


class IdAlert(msgspec.Struct, rename="camel", gc=False):
    """An alert, as far as it names a leg."""

    flight_status: Id | None = None


class IdDocument(Id, rename="camel", gc=False):
    """A message, as far as it names legs."""

    flight_status: Id | None = None
    flight_statuses: list[Id] | None = None
    alert: IdAlert | None = None
