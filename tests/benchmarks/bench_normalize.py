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
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import pydantic

from filters import reference
from filters.legs import TIME_CELLS
from filters.normalize import normalize
from filters.normalize.markup import document
from filters.outcome import Forward
from pipeline.demo.day import Wish, day_of
from schemas.records import FeedMessage, FlightStatus, payload_id
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

Word = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, max_length=200)] | None
Moment = (
    Annotated[
        pydantic.AwareDatetime,
        pydantic.Field(ge=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)),
        pydantic.Field(lt=dt.datetime(2100, 1, 1, tzinfo=dt.UTC)),
    ]
    | None
)
IDENT = re.compile(r"([A-Z]{3})0*([1-9][0-9]{0,3})([A-Z]?)")
PLACES = {
    f"{milestone}_{what}": [f"{kind}_{end}_{what}" for kind in ("actual", "estimated", "scheduled")]
    for milestone, end in (("out", "departure"), ("in", "arrival"))
    for what in ("terminal", "gate")
}
CELLS = [
    (kind, milestone)
    for kind in ("scheduled", "estimated", "actual")
    for milestone in ("out", "off", "on", "in")
]


class Heard(pydantic.BaseModel):
    """One Firehose message, with the members a status is made of."""

    type: str
    pitr: Moment = None
    id: Word = None
    ident: str
    orig: Word = None
    dest: Word = None
    reg: Word = None
    status: Word = None
    true_cancel: Word = pydantic.Field(None, alias="trueCancel")
    time_type: Word = pydantic.Field(None, alias="timeType")
    clock: Moment = None
    adt: Moment = None
    aat: Moment = None
    fdt: Moment = None
    edt: Moment = None
    eta: Moment = None
    baggage_claim: Word = None


MORE: dict[str, Any] = {
    **{f"{kind}_{milestone}": (Moment, None) for kind, milestone in CELLS},
    **{name: (Word, None) for names in PLACES.values() for name in names},
}
TYPES: dict[str, Any] = {"source_time": Moment, "date": dt.date | None}
FIELDS: dict[str, Any] = {
    field.name: (
        TYPES.get(field.name, Moment if field.name in TIME_CELLS else field.type),
        ... if field.required else field.default,
    )
    for field in msgspec.structs.fields(FlightStatus)
}
HeardWhole: Any = pydantic.create_model("HeardWhole", __base__=Heard, **MORE)
Status: Any = pydantic.create_model("Status", **FIELDS)
LIVES = {"S": "operating", "F": "operating", "A": "operating", "Z": "operating", "X": "doubtful"}


def with_pydantic(message: FeedMessage) -> object:
    """What a careful programmer writes: validate, then build the status."""
    said = HeardWhole.model_validate_json(message.payload)
    found = IDENT.fullmatch(said.ident)
    if found is None:
        return None
    origin = reference.airport(said.orig or "")
    destination = reference.airport(said.dest or "")
    times = {
        f"{milestone}_{kind}": getattr(said, f"{kind}_{milestone}") for kind, milestone in CELLS
    }
    times["off_scheduled"] = times["off_scheduled"] or said.fdt
    times["off_estimated"] = times["off_estimated"] or said.edt
    times["off_actual"] = times["off_actual"] or said.adt
    times["on_estimated"] = times["on_estimated"] or said.eta
    landed = "on_actual" if said.time_type == "actual" else "on_estimated"
    times[landed] = times[landed] or said.aat
    if said.type in ("offblock", "onblock"):
        times["out_actual" if said.type == "offblock" else "in_actual"] = said.clock
    left = times["out_scheduled"] or times["off_scheduled"]
    date = left.astimezone(ZoneInfo(origin.zone)).date() if left and origin else None
    life = LIVES.get(said.status or "S", "unsaid")
    if said.type == "cancellation":
        life = "cancelled" if said.true_cancel == "1" else "doubtful"
    places = {
        cell: next((text for name in names if (text := getattr(said, name))), None)
        for cell, names in PLACES.items()
    }
    return Status(
        id=f"{message.id}.0",
        replay=message.replay,
        message_id=message.id,
        format="firehose",
        feed=message.feed,
        source_time=said.pitr,
        source_rank=50,
        sequence=0,
        received_at=message.received_at,
        source_id=None if said.id is None else f"firehose:{said.id}",
        airline=found[1],
        number=int(found[2]),
        suffix=found[3],
        origin=origin and origin.iata,
        destination=destination and destination.iata,
        date=date,
        date_basis="scheduled" if times["out_scheduled"] else "filed" if date else "none",
        registration=said.reg,
        life=life,
        baggage=said.baggage_claim,
        **times,
        **places,
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
