"""Short ways to write AIDX messages in tests."""

from __future__ import annotations

from filters.normalize import normalize
from filters.outcome import Drop, Forward, Outcome, Reject
from filters.sources import Sources
from schemas import codec
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES, at

NAMESPACE = "http://www.iata.org/IATA/2007/00"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
RECEIVED = at("2025-03-10T12:00:00Z")
SENT = "2025-03-10T07:00:00Z"

# Lufthansa 900 from Frankfurt to London Heathrow on 10 March 2025.
IDENTIFIER = {
    "Airline": "LH",
    "FlightNumber": "900",
    "DepartureAirport": "FRA",
    "ArrivalAirport": "LHR",
    "OriginDate": "2025-03-10",
}
SCHEDULED = (
    '<OperationTime OperationQualifier="OFB" TimeType="SCT">2025-03-10T08:10:00Z</OperationTime>'
)
OUT = at("2025-03-10T08:10:00Z")


def time(qualifier: str, kind: str, value: str, **attributes: str) -> str:
    """An OperationTime; `nil` for one that is withdrawn, and no TimeType for an empty `kind`."""
    told = {"OperationQualifier": qualifier, "TimeType": kind, **attributes}
    written = "".join(f' {name}="{text}"' for name, text in told.items() if text)
    if value == "nil":
        return f'<OperationTime{written} xsi:nil="true"/>'
    return f"<OperationTime{written}>{value}</OperationTime>"


def identifier(**parts: str | None) -> str:
    """LegIdentifier with some parts others, or left out when None."""
    told = {**IDENTIFIER, **parts}
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in told.items() if text is not None)
    return f"<LegIdentifier>{inner}</LegIdentifier>"


def leg(data: str = SCHEDULED, *, named: str | None = None, action: str = "") -> str:
    """A FlightLeg with this LegData, LegIdentifier and SpecialAction."""
    named = identifier() if named is None else named
    return f"<FlightLeg>{named}{action}<LegData>{data}</LegData></FlightLeg>"


def document(
    *inner: str, kind: str = "FlightLegNotifRQ", attributes: str = f'TimeStamp="{SENT}"'
) -> bytes:
    """A whole message."""
    root = f"IATA_AIDX_{kind}"
    opening = f'<{root} xmlns="{NAMESPACE}" {XSI} Version="16.1" {attributes}>'
    return f"{opening}{''.join(inner)}</{root}>".encode()


def message(payload: bytes, place: str = "") -> FeedMessage:
    """The feed message around these bytes."""
    return FeedMessage(
        id=payload_id(payload),
        format="aidx",
        feed="test",
        received_at=RECEIVED,
        place=place,
        payload=payload,
    )


def normalized(payload: bytes, sources: Sources = SOURCES, place: str = "") -> Outcome:
    """The outcome of one message; what it leads to has been through the codec and back."""
    [outcome] = normalize([message(payload, place)], sources=sources)
    if isinstance(outcome, Forward):
        assert codec.decode_pack(codec.encode_pack(outcome.outputs)) == list(outcome.outputs)
    return outcome


def statuses(payload: bytes, sources: Sources = SOURCES) -> list[FlightStatus]:
    """The statuses in a message that has some."""
    outcome = normalized(payload, sources)
    assert isinstance(outcome, Forward), outcome
    return [status for status in outcome.outputs if isinstance(status, FlightStatus)]


def status(payload: bytes, sources: Sources = SOURCES) -> FlightStatus:
    """The one status in a message."""
    [found] = statuses(payload, sources)
    return found


def said(data: str, *, action: str = "", **parts: str | None) -> FlightStatus:
    """What a message with this LegData says of Lufthansa 900, or of another leg."""
    return status(document(leg(data, named=identifier(**parts), action=action)))


def dropped(payload: bytes) -> str:
    """Why a message is dropped."""
    outcome = normalized(payload)
    assert isinstance(outcome, Drop), outcome
    return outcome.reason


def rejected(payload: bytes) -> tuple[str, str]:
    """Why and where a message is rejected."""
    outcome = normalized(payload)
    assert isinstance(outcome, Reject), outcome
    return outcome.reason, outcome.place


def notes(found: FlightStatus, name: str) -> list[str]:
    """The values of one name in the evidence."""
    return [each.partition("=")[2] for each in found.evidence if each.startswith(f"{name}=")]
