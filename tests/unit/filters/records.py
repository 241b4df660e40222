"""Short ways to write feed messages, statuses, disruptions and notices in tests."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from filters.policy import Policy, load_policy
from filters.sources import Sources, load_sources
from schemas.records import Disruption, FeedMessage, FlightStatus, Notice, payload_id

MINUTE = 60_000
POLICY: Policy = load_policy("passenger")
SOURCES: Sources = load_sources("default")


def at(text: str) -> int:
    """Milliseconds UTC of an ISO 8601 time that names its zone."""
    moment = dt.datetime.fromisoformat(text)
    assert moment.tzinfo is not None, f"{text} names no zone"
    return round(moment.timestamp() * 1000)


def epoch(text: str) -> str:
    """The same as Firehose writes it: seconds, as a string."""
    return str(at(text) // 1000)


# United 1545 from Newark to Houston on 8 February 2013, as the schedule had it.
RECEIVED = at("2013-02-08T09:00:00Z")
OUT = at("2013-02-08T10:15:00Z")
IN = at("2013-02-08T14:19:00Z")
LEG = "UAL1545.EWR.2013-02-08"
DAY = "~day:UAL1545.2013-02-08"
SOURCE = "~firehose:UAL1545-1360152000-airline-0042"


def message(payload: bytes | dict[str, Any], **named: Any) -> FeedMessage:  # noqa: ANN401  (fields)
    """A Firehose message with these bytes, or these members as JSON."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    fields = {
        "id": payload_id(raw),
        "format": "firehose",
        "feed": "test",
        "received_at": RECEIVED,
        "payload": raw,
    }
    return FeedMessage(**{**fields, **named})


def flifo(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (as broken as a test wants them)
    """The members of a flifo message of United 1545; None leaves one out."""
    whole = {
        "type": "flifo",
        "pitr": epoch("2013-02-08T09:00:00Z"),
        "id": "UAL1545-1360152000-airline-0042",
        "ident": "UAL1545",
        "orig": "KEWR",
        "dest": "KIAH",
        "scheduled_out": epoch("2013-02-08T10:15:00Z"),
    }
    return {name: value for name, value in {**whole, **members}.items() if value is not None}


def status(name: str = "s1", **fields: Any) -> FlightStatus:  # noqa: ANN401  (a status's fields)
    """A status of United 1545 that knows its date from the schedule; `name` becomes its ids."""
    whole: dict[str, Any] = {
        "id": f"{name}.0",
        "message_id": name,
        "format": "firehose",
        "feed": "test",
        "source_time": RECEIVED,
        "source_rank": 50,
        "sequence": 0,
        "received_at": fields.get("source_time", RECEIVED),
        "source_id": SOURCE[1:],
        "airline": "UAL",
        "number": 1545,
        "origin": "EWR",
        "destination": "IAH",
        "date": "2013-02-08",
        "date_basis": "scheduled",
        "life": "operating",
    }
    return FlightStatus(**{**whole, **fields})


def undated(name: str, **fields: Any) -> FlightStatus:  # noqa: ANN401  (a status's fields)
    """A status of the same flight that does not say on which date it departs."""
    return status(name, **{"date": None, "date_basis": "none", **fields})


def disruption(**fields: Any) -> Disruption:  # noqa: ANN401  (a disruption's fields)
    """United 1545 is 45 minutes late."""
    whole: dict[str, Any] = {
        "id": "d1",
        "leg": LEG,
        "kind": "delayed",
        "rev": 2,
        "airline": "UAL",
        "number": 1545,
        "origin": "EWR",
        "destination": "IAH",
        "date": "2013-02-08",
        "out_scheduled": OUT,
        "out_expected": OUT + 45 * MINUTE,
        "source_time": RECEIVED,
        "received_at": RECEIVED,
        "useful_until": OUT + 45 * MINUTE,
        "status_id": "s1.0",
        "policy": POLICY.label,
    }
    return Disruption(**{**whole, **fields})


def notice(**fields: Any) -> Notice:  # noqa: ANN401  (a notice's fields)
    """Recipient r1 is to be told that United 1545 is 45 minutes late."""
    whole: dict[str, Any] = {
        "id": "n1",
        "disruption_id": "d1",
        "leg": LEG,
        "kind": "delayed",
        "rev": 2,
        "recipient": "r1",
        "channel": "sms",
        "ticket": "UA1545",
        "origin": "EWR",
        "destination": "IAH",
        "date": "2013-02-08",
        "out_scheduled": OUT,
        "out_expected": OUT + 45 * MINUTE,
        "source_time": RECEIVED,
        "received_at": RECEIVED,
        "useful_until": OUT + 45 * MINUTE,
    }
    return Notice(**{**whole, **fields})
