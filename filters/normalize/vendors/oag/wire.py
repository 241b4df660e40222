"""The members of OAG's JSON that are read, as types to decode into; the others are passed over.

Sources: OAG knowledge base, "Flight Info Alerts - Status Event Descriptions", "Status Event
Samples", "Schedule event field layout & descriptions" and "Schedule Event Sample"; "Flight Info
API - Response Layout & Descriptions" (v1 and v2), whose items hold `statusDetails`. Schedule events
spell the members of code-shares with capitals.
"""

from __future__ import annotations

from typing import Any

import msgspec

from filters.normalize.vendors.loose import Moment, Word


class Code(msgspec.Struct, frozen=True, gc=False):
    """An airline, an airport or a type by its codes."""

    iata: Word | None = None
    icao: Word | None = None


class Both(msgspec.Struct, rename="camel", gc=False):
    """A moment, a date or a time of day, local and in UTC."""

    local: Moment | None = None
    utc: Moment | None = None


class Estimated(msgspec.Struct, rename="camel", gc=False):
    """Estimated or actual times at one end, and what they vary from the schedule by."""

    out_gate: Both | None = None
    off_ground: Both | None = None
    on_ground: Both | None = None
    in_gate: Both | None = None
    out_gate_variation: Moment | None = None
    in_gate_variation: Moment | None = None


class Planned(msgspec.Struct, gc=False):
    """The times at one end of which the schedule is read."""

    scheduled: Both | None = None


class Times(Planned, gc=False):
    """All times at one end, in a status event."""

    estimated: Estimated | None = None
    actual: Estimated | None = None


class Plan(msgspec.Struct, rename="camel", gc=False):
    """One end of a leg as the schedule has it."""

    airport: Code | Word | None = None
    times: Planned | None = None
    date: Both | Moment | None = None
    time: Both | Moment | None = None
    passenger_local_time: Moment | None = None


class End(Plan, rename="camel", gc=False):
    """One end of a leg; the pull API has the times in statusDetails under names of their own."""

    times: Times | None = None
    estimated_time: Estimated | None = None
    actual_time: Estimated | None = None
    terminal: Word | int | None = None
    actual_terminal: Word | int | None = None
    gate: Word | int | None = None
    baggage: Word | int | None = None
    diversion_airport: Code | Word | None = None


class Number(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A flight of a code-share, in a status event."""

    carrier_code: Code | Word | None = None
    flight_number: Word | int | None = None
    service_suffix: Word | None = None


class Comment(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A flight of a code-share, in a schedule (SSIM data elements 010 and 050)."""

    code: Word | None = None
    service_number: Word | int | None = None
    suffix: Word | None = None
    code_: Word | None = msgspec.field(name="Code", default=None)
    service_number_: Word | int | None = msgspec.field(name="ServiceNumber", default=None)
    suffix_: Word | None = msgspec.field(name="Suffix", default=None)


class Operated(msgspec.Struct, rename="camel", gc=False):
    """A code-share, as far as it names the operating flight."""

    operating_flight: Number | None = None
    comment050: Comment | None = None


class CodeShare(Operated, rename="camel", gc=False):
    """A code-share."""

    marketing_flights: list[Number] | None = None
    comments010: list[Comment] | None = None


class Equipment(msgspec.Struct, rename="camel", gc=False):
    """The aircraft."""

    aircraft_registration_number: Word | None = None


class Detail(msgspec.Struct, rename="camel", gc=False):
    """The status of a leg, in an item of the pull API."""

    state: Word | None = None
    updated_at: Moment | None = None
    equipment: Equipment | None = None
    departure: End | None = None
    arrival: End | None = None
    diversion_airport: Code | Word | None = None


class Segment(msgspec.Struct, rename="camel", gc=False):
    """Whether a scheduled flight stops on its way."""

    number_of_stops: int | None = None


class Id(msgspec.Struct, rename="camel", gc=False):
    """What names a leg."""

    carrier_code: Code | Word | None = None
    carrier: Code | Word | None = None
    flight_number: Word | int | None = None
    service_suffix: Word | None = None
    is_operating: bool | None = None
    codeshare: Operated | None = None
    origination_date: Both | None = None
    departure: Plan | None = None


class Flight(Id, rename="camel", gc=False):
    """A status event, a schedule event, or an item of the pull API."""

    document_type: Word | None = None
    status: Word | None = None
    state: Word | None = None
    flight_type: Word | None = None
    message_timestamp: Moment | int | None = None
    updated_at: Moment | None = None
    service_type: Code | Word | None = None
    service_type_code: Code | Word | None = None
    status_key: Word | None = None
    oag_fingerprint: Word | None = None
    codeshare: CodeShare | None = None
    departure: End | None = None
    arrival: End | None = None
    diversion_airport: Code | Word | None = None
    equipment: Equipment | None = None
    status_details: list[Detail] | None = None
    arrival_interval_days: int | None = None
    leg_arrival_interval_days: int | None = None
    segment_info: Segment | None = None


class Document(Flight, rename="camel", gc=False):
    """An event, or an answer of the pull API."""

    data: list[Flight] | None = None
    paging: Any = None


class IdDocument(Id, rename="camel", gc=False):
    """The same, as far as it names legs."""

    data: list[Id] | None = None
