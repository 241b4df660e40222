"""How long a message takes to become a flight status, beside what others would take for it.

Run it with `python -m tests.benchmarks.bench_normalize`. It prints processor microseconds per
message, the best of some rounds, and the ratios the project holds itself to: five times faster than
the same extraction with pydantic, JSON within twice a bare msgspec decode, AIDX within one and a
half times a bare lxml parse. Only ratios carry over to another machine.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pydantic

from filters import reference
from filters.normalize import normalize
from filters.normalize.markup import document
from filters.outcome import Forward
from pipeline.demo.day import Wish, day_of
from schemas.records import FeedMessage, payload_id
from tests.unit.filters.records import SOURCES, at

ROUNDS = 15
COUNT = 2_000
SEEDS = Path(__file__).parents[1] / "unit" / "filters" / "seeds"
RECEIVED = at("2025-06-15T14:00:00Z")


def best(work: Callable[[], object], messages: int) -> float:
    """Microseconds of processor time per message, the best of the rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) / messages * 1e6


def varied(name: str, file: str, number: bytes, date: bytes) -> list[FeedMessage]:
    """The seed's message under two thousand flight numbers, dates and times."""
    seed = (SEEDS / file).read_bytes()
    minutes = re.compile(rb"T(\d\d):(\d\d):")
    messages = []
    for turn in range(COUNT):
        payload = seed.replace(number, number.replace(b"11", b"%d" % (turn % 997 + 1)))
        payload = payload.replace(date, date[:-2] + b"%02d" % (turn % 28 + 1))
        payload = minutes.sub(rb"T\1:%02d:" % (turn % 60), payload)
        messages.append(_message(name, payload))
    return messages


def _message(name: str, payload: bytes) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload),
        format=name,
        feed="bench",
        received_at=RECEIVED,
        payload=payload,
    )


# The same for Firehose as one would write it with pydantic: the message, checked; then the status.

Moment = pydantic.AwareDatetime | None
IDENT = re.compile(r"([A-Z]{3})0*([1-9][0-9]{0,3})([A-Z]?)")


class Flifo(pydantic.BaseModel):
    """One Firehose message."""

    type: str
    pitr: pydantic.AwareDatetime
    id: str | None = None
    ident: str
    orig: str | None = None
    dest: str | None = None
    reg: str | None = None
    status: str | None = None
    true_cancel: str | None = pydantic.Field(None, alias="trueCancel")
    clock: Moment = None
    adt: Moment = None
    aat: Moment = None
    fdt: Moment = None
    edt: Moment = None
    eta: Moment = None
    scheduled_out: Moment = None
    scheduled_off: Moment = None
    scheduled_on: Moment = None
    scheduled_in: Moment = None
    estimated_out: Moment = None
    estimated_off: Moment = None
    estimated_on: Moment = None
    estimated_in: Moment = None
    actual_out: Moment = None
    actual_off: Moment = None
    actual_on: Moment = None
    actual_in: Moment = None
    actual_departure_gate: str | None = None
    actual_departure_terminal: str | None = None
    actual_arrival_gate: str | None = None
    actual_arrival_terminal: str | None = None
    baggage_claim: str | None = None


class Status(pydantic.BaseModel):
    """The flight status, with the fields a Firehose message can fill."""

    id: str
    message_id: str
    feed: str
    source_time: pydantic.AwareDatetime
    received_at: int
    source_id: str | None
    airline: str
    number: int
    suffix: str
    origin: str | None
    destination: str | None
    date: dt.date | None
    registration: str | None
    life: str
    out_scheduled: Moment
    out_estimated: Moment
    out_actual: Moment
    off_scheduled: Moment
    off_estimated: Moment
    off_actual: Moment
    on_scheduled: Moment
    on_estimated: Moment
    on_actual: Moment
    in_scheduled: Moment
    in_estimated: Moment
    in_actual: Moment
    out_gate: str | None
    out_terminal: str | None
    in_gate: str | None
    in_terminal: str | None
    baggage: str | None


def with_pydantic(message: FeedMessage) -> Status | None:
    """What a careful programmer writes: validate, then build the status."""
    said = Flifo.model_validate_json(message.payload)
    found = IDENT.fullmatch(said.ident)
    if found is None:
        return None
    origin = reference.airport(said.orig or "")
    destination = reference.airport(said.dest or "")
    date = None
    if said.scheduled_out and origin:
        date = said.scheduled_out.astimezone(ZoneInfo(origin.zone)).date()
    cancelled = said.type == "cancellation" and said.true_cancel == "1"
    return Status(
        id=f"{message.id}.0",
        message_id=message.id,
        feed=message.feed,
        source_time=said.pitr,
        received_at=message.received_at,
        source_id=said.id,
        airline=found[1],
        number=int(found[2]),
        suffix=found[3],
        origin=origin and origin.iata,
        destination=destination and destination.iata,
        date=date,
        registration=said.reg,
        life="cancelled" if cancelled else "operating",
        out_scheduled=said.scheduled_out,
        out_estimated=said.estimated_out,
        out_actual=said.actual_out,
        off_scheduled=said.scheduled_off or said.fdt,
        off_estimated=said.estimated_off or said.edt,
        off_actual=said.actual_off or said.adt,
        on_scheduled=said.scheduled_on,
        on_estimated=said.estimated_on or said.eta,
        on_actual=said.actual_on or said.aat,
        in_scheduled=said.scheduled_in,
        in_estimated=said.estimated_in,
        in_actual=said.actual_in,
        out_gate=said.actual_departure_gate,
        out_terminal=said.actual_departure_terminal,
        in_gate=said.actual_arrival_gate,
        in_terminal=said.actual_arrival_terminal,
        baggage=said.baggage_claim,
    )


def firehose() -> list[FeedMessage]:
    """The storm day's messages that become statuses."""
    messages = list(day_of(Wish()).feed(lambda line: line.received_ms))
    outcomes = normalize(messages, sources=SOURCES)
    pairs = zip(messages, outcomes, strict=True)
    return [message for message, outcome in pairs if isinstance(outcome, Forward)]


def measured(name: str, messages: Sequence[FeedMessage], bare: Callable[[bytes], object]) -> None:
    """Print one format's line."""
    payloads = [message.payload for message in messages]
    floor = best(lambda: [bare(payload) for payload in payloads], len(payloads))
    ours = best(lambda: normalize(messages, sources=SOURCES), len(messages))
    size = sum(map(len, payloads)) // len(payloads)
    sys.stdout.write(f"{name:10}{size:8}{floor:10.2f}{ours:10.2f}{ours / floor:8.2f}\n")


def main() -> None:
    """Measure, and print."""
    told = firehose()
    sys.stdout.write("format       bytes      bare normalize   ratio\n")
    decode = msgspec.json.Decoder(dict).decode
    measured("firehose", told, decode)
    date = b"2025-06-15"
    measured("cirium", varied("cirium", "cirium.json", b'"flightNumber": "11"', date), decode)
    oag = varied("oag", "oag.json", b'"flightNumber": 117', b"2025-05-25")
    measured("oag", oag, decode)
    aidx = varied("aidx", "aidx.xml", b"<aidx:FlightNumber>0011", date)
    measured("aidx", aidx, document)
    measured("aidx long", [_message("aidx", _long(each.payload)) for each in aidx], document)
    theirs = best(lambda: [with_pydantic(message) for message in told], len(told))
    ours = best(lambda: normalize(told, sources=SOURCES), len(told))
    sys.stdout.write(f"firehose with pydantic {theirs:.2f}, {theirs / ours:.1f} times ours\n")


def _long(payload: bytes) -> bytes:
    """The message as airports send it: with passenger counts, agents, loads and resources."""
    cabin = (
        b'<aidx:CabinClass RepeatIndex="1" Class="%s"><aidx:PaxCount Qualifier="70A" '
        b'Usage="Actual" DestinationType="Local">0</aidx:PaxCount></aidx:CabinClass>'
    )
    load = (
        b'<aidx:DeadLoad><aidx:Type>%s</aidx:Type><aidx:Weight MeasurementUnit="Kilogram">0'
        b"</aidx:Weight></aidx:DeadLoad>"
    )
    agent = (
        b'<aidx:AgentInfo DepartureOrArrival="Departure" Qualifier="AGT" RepeatIndex="%s">GS'
        b"</aidx:AgentInfo>"
    )
    cabins = b"".join(cabin % letter for letter in (b"F", b"C", b"Y", b"V", b"W", b"J"))
    loads = b"".join(load % letter for letter in (b"C", b"M", b"B", b"X", b"Q", b"E"))
    agents = b"".join(agent % number for number in (b"1", b"2", b"3", b"4"))
    aircraft = b"<aidx:AircraftInfo><aidx:AircraftType>388</aidx:AircraftType>"
    extra = cabins + aircraft + agents + loads + b"</aidx:AircraftInfo>"
    return payload.replace(b"</aidx:LegData>", extra + b"</aidx:LegData>")


if __name__ == "__main__":
    main()
