"""A sound row of each airport board, and short ways to see what becomes of rows."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec

from filters.normalize import normalize
from filters.outcome import Drop, Forward, Outcome, Reject
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES, at

RECEIVED = at("2026-06-10T08:00:00Z")

SCHIPHOL: dict[str, Any] = {
    "lastUpdatedAt": "2026-06-10T09:58:00.000+02:00",
    "flightDirection": "D",
    "flightName": "KL0894",
    "flightNumber": 894,
    "id": "141988470640710484",
    "isOperationalFlight": True,
    "mainFlight": "KL0894",
    "prefixIATA": "KL",
    "prefixICAO": "KLM",
    "publicFlightState": {"flightStates": ["SCH"]},
    "route": {"destinations": ["LHR"]},
    "scheduleDateTime": "2026-06-10T12:05:00.000+02:00",
    "scheduleDate": "2026-06-10",
    "scheduleTime": "12:05:00",
    "serviceType": "J",
    "terminal": 1,
}
SWEDAVIA: dict[str, Any] = {
    "flightId": "SK1415",
    "airlineOperator": {"iata": "SK", "icao": "SAS", "name": "SAS"},
    "departureTime": {"scheduledUtc": "2026-06-10T10:05:00Z"},
    "locationAndStatus": {"terminal": "5", "flightLegStatus": "SCH"},
    "codeShareData": [],
    "flightLegIdentifier": {
        "callsign": "SAS1415",
        "flightId": "SK1415",
        "flightDepartureDateUtc": "2026-06-10T00:00:00Z",
        "departureAirportIata": "ARN",
        "arrivalAirportIata": "CPH",
        "departureAirportIcao": "ESSA",
        "arrivalAirportIcao": "EKCH",
    },
    "viaDestinations": [],
    "diIndicator": "S",
}
HKIA: dict[str, Any] = {
    "date": "2026-06-10",
    "arrival": False,
    "cargo": False,
    "list": [
        {
            "time": "18:05",
            "flight": [{"no": "CX 888", "airline": "CPA"}],
            "destination": ["NRT"],
            "terminal": "T1",
            "aisle": "BC",
            "gate": "23",
            "status": "",
            "statusCode": None,
        }
    ],
}
CHROMA: dict[str, Any] = {
    "Operator": "Ryanair",
    "Status": "Scheduled",
    "EstDT": "",
    "ActDT": "",
    "EstChoxDT": "",
    "ActChoxDT": "",
    "Gate": "",
    "Stand": "1A",
    "MaxPax": 189,
    "ActPax": 178,
    "TranPax": 0,
    "RunwayID": "",
    "BaggageReclaimId": "",
    "FlightID": 1388171,
    "AirportID": "EDI",
    "Terminal": "T1",
    "ICAO": "RYR812",
    "IATA": "FR812",
    "Origin": "DUB",
    "SchDT": "2026-06-10T10:35:00Z",
}
ACRIS: dict[str, Any] = {
    "uniqueRef": 17961558,
    "magAirport": "MAN",
    "operatingAirline": {"iata": "LS", "icao": "EXS"},
    "flightNumber": {"airlineCode": "LS", "trackNumber": "0173"},
    "departureAirport": {"iata": "AMS", "icao": "EHAM"},
    "arrivalAirport": {"iata": "MAN", "icao": "EGCC"},
    "arrivalDeparture": "Arrival",
    "flightType": "Passenger",
    "offBlockTime": {"scheduled": "2026-06-10T10:50:00+00:00"},
    "onBlockTime": {"scheduled": "2026-06-10T10:50:00+00:00"},
    "touchDownTime": {"scheduled": "2026-06-10T10:50:00+00:00"},
    "arrival": {"scheduled": "2026-06-10T10:50:00+00:00", "terminal": "T1"},
    "flightStatus": "Scheduled",
}
AVINOR: dict[str, str | None] = {
    "airline": "SK",
    "flight_id": "SK4021",
    "dom_int": "D",
    "schedule_time": "2026-06-10T10:15:00Z",
    "arr_dep": "D",
    "airport": "SVG",
}


def changed(row: dict[str, Any], **members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """The row with these members, each by its path with two underscores for dots; ... drops one."""
    copied = copy.deepcopy(row)
    for path, value in members.items():
        *way, last = path.split("__")
        inner = copied
        for name in way:
            inner = inner.setdefault(name, {})
        if value is ...:
            inner.pop(last, None)
        else:
            inner[last] = value
    return copied


def hkia_day(day: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """A day of Hong Kong's with its one row changed."""
    whole = {**HKIA, **(day or {})}
    return {**whole, "list": [changed(HKIA["list"][0], **members)]}


def avinor_flight(
    status: str = "",
    *,
    here: str | None = "OSL",
    updated: str | None = "2026-06-10T07:59:00Z",
    **said: str | None,
) -> bytes:
    """An answer of Avinor's with one flight; `status` is the element's attributes as they stand."""
    inner = "".join(
        f"<{name}>{text}</{name}>"
        for name, text in {**AVINOR, **said}.items()
        if text is not None and name != "uniqueID"
    )
    inner += f"<status {status}/>" if status else ""
    unique = said.get("uniqueID", "77")
    whole = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n<airport'
        + (f' name="{here}"' if here is not None else "")
        + "><flights"
        + (f' lastUpdate="{updated}"' if updated is not None else "")
        + "><flight"
        + (f' uniqueID="{unique}"' if unique is not None else "")
        + f">{inner}</flight></flights></airport>"
    )
    return whole.encode("iso-8859-1")


SOUND: dict[str, bytes] = {
    "avinor": avinor_flight(),
    "schiphol": json.dumps(SCHIPHOL).encode(),
    "swedavia": json.dumps(SWEDAVIA).encode(),
    "hkia": json.dumps(HKIA).encode(),
    "chroma": json.dumps(CHROMA).encode(),
    "acris": json.dumps(ACRIS).encode(),
}
"""A message of each format."""


def message(name: str, value: object) -> FeedMessage:
    """A message of a format with these bytes, or this value as JSON."""
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return FeedMessage(
        id=payload_id(payload), format=name, feed="test", received_at=RECEIVED, payload=payload
    )


def outcome(name: str, value: object) -> Outcome:
    """What normalize says of it."""
    [said] = normalize([message(name, value)], sources=SOURCES)
    return said


def statuses(name: str, value: object) -> list[FlightStatus]:
    """All statuses in it."""
    said = outcome(name, value)
    assert isinstance(said, Forward), said
    found = [status for status in said.outputs if isinstance(status, FlightStatus)]
    assert len(found) == len(said.outputs)
    return found


def status(name: str, value: object) -> FlightStatus:
    """The one status in it."""
    [found] = statuses(name, value)
    return found


def rejected(name: str, value: object) -> str:
    """Why it is rejected."""
    said = outcome(name, value)
    assert isinstance(said, Reject), said
    return said.reason


def dropped(name: str, value: object) -> str:
    """Why it is dropped."""
    said = outcome(name, value)
    assert isinstance(said, Drop), said
    return said.reason


def cells(found: FlightStatus) -> dict[str, int]:
    """Its times, by cell."""
    names = [
        f"{m}_{k}" for m in ("out", "off", "on", "in") for k in ("scheduled", "estimated", "actual")
    ]
    said = msgspec.structs.asdict(found)
    return {name: said[name] for name in names if said[name] is not None}


def at_all(**texts: str) -> dict[str, int]:
    """Times as ISO 8601 by cell, in ms."""
    return {name: at(text) for name, text in texts.items()}
