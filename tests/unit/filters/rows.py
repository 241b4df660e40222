"""Short ways to write tables and to say what their rows become."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

from filters.legs import TIME_CELLS
from filters.normalize import normalize
from filters.outcome import Forward, Outcome, Reject
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import RECEIVED, SOURCES


def table(*rows: Mapping[str, str]) -> bytes:
    """CSV with the columns of the first row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().removesuffix("\n").encode()


def outcome(payload: bytes, form: str = "") -> Outcome:
    """What normalize says of a message; without `form` it has to recognise it."""
    message = FeedMessage(
        id=payload_id(payload),
        format=form,
        feed="test",
        received_at=RECEIVED,
        place="line 2",
        payload=payload,
    )
    [found] = normalize([message], sources=SOURCES)
    return found


def statuses(payload: bytes, form: str = "") -> tuple[FlightStatus, ...]:
    """The statuses of a message."""
    found = outcome(payload, form)
    assert isinstance(found, Forward), found
    assert all(isinstance(status, FlightStatus) for status in found.outputs)
    return tuple(status for status in found.outputs if isinstance(status, FlightStatus))


def status(payload: bytes, form: str = "") -> FlightStatus:
    """The one status of a message."""
    [found] = statuses(payload, form)
    return found


def reason(payload: bytes, form: str = "") -> str:
    """Why a message is rejected."""
    found = outcome(payload, form)
    assert isinstance(found, Reject), found
    return found.reason


def times(said: FlightStatus) -> dict[str, str]:
    """The times of a status, as ISO 8601 without seconds and zone, in UTC."""
    cells = {name: getattr(said, name) for name in TIME_CELLS}
    return {name: short(ms) for name, ms in cells.items() if ms is not None}


def short(ms: int) -> str:
    """`2024-07-03T12:00`, UTC."""
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M")


def having(said: FlightStatus, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  (fields of a status)
    """What the status says in those fields, to compare with them."""
    return {name: getattr(said, name) for name in fields}
