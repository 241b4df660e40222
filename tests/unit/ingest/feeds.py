"""Small feeds of several formats that ingest's tests read: the same legs in each."""

from __future__ import annotations

import json

HEADER = "flight,origin,destination,date,out_scheduled,out_estimated,updated_at"


def leg(number: int) -> dict[str, str]:
    """What is told of the leg of that number: every third is late."""
    told = {
        "flight": f"BA{number}",
        "origin": "LHR",
        "destination": "JFK",
        "date": "2026-11-20",
        "out_scheduled": "2026-11-20T08:25:00Z",
        "out_estimated": "2026-11-20T10:05:00Z" if number % 3 == 0 else "",
        "updated_at": "2026-11-20T07:40:00Z",
    }
    return {name: value for name, value in told.items() if value}


def table(count: int) -> bytes:
    """A CSV file of that many legs."""
    rows = [
        ",".join(leg(number).get(name, "") for name in HEADER.split(","))
        for number in range(1, count + 1)
    ]
    return "\n".join([HEADER, *rows]).encode() + b"\n"


def array(count: int) -> bytes:
    """A JSON array of that many legs."""
    return json.dumps([leg(number) for number in range(1, count + 1)], indent=1).encode()


def aidx(count: int, *, broken: int = 0) -> bytes:
    """An AIDX document of that many legs, of which one names no flight."""
    legs = b"".join(
        b"<FlightLeg><LegIdentifier><Airline>BA</Airline><FlightNumber>%b</FlightNumber>"
        b"<DepartureAirport>LHR</DepartureAirport><ArrivalAirport>JFK</ArrivalAirport>"
        b"<OriginDate>2026-11-20</OriginDate></LegIdentifier><LegData>"
        b'<OperationTime OperationQualifier="OFB" TimeType="SCT">2026-11-20T08:25:00Z'
        b"</OperationTime></LegData></FlightLeg>\n"
        % (b"none" if number == broken else b"%d" % number)
        for number in range(1, count + 1)
    )
    return (
        b'<?xml version="1.0"?>\n<IATA_AIDX_FlightLegRS xmlns="http://www.iata.org/IATA/2007/00" '
        b'Version="16.1" TimeStamp="2026-11-20T07:40:00Z"><Success/>'
        + legs
        + b"</IATA_AIDX_FlightLegRS>\n"
    )


FEEDS = {"flightwire table": table, "flightwire array": array, "aidx": aidx}
"""Makers of feeds; the first word is the format."""
