"""The demonstration's feed in another format: what each Firehose line says, in flightwire's own.

The members are those of that format's parser. Every message names its leg by the source's id and by
flight, origin and date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from filters import reference
from filters.legs import TIME_CELLS
from filters.normalize import firehose
from filters.normalize.tables import own
from pipeline.demo.firehose import FirehoseLine

# `flifo.scheduled_out` and such, as the parser of Firehose reads them.
_TIMES: Final = {
    name: cell for name, cell in firehose.FIELDS.items() if "." in name and cell in TIME_CELLS
}
_WORDS: Final = {
    "reg": "registration",
    "scheduled_departure_terminal": "out_terminal",
    "estimated_departure_gate": "out_gate",
    "estimated_arrival_gate": "in_gate",
}
_SILENT: Final = frozenset(("broken", "keepalive", "position", "unknown"))


def _firehose(line: FirehoseLine) -> bytes | None:
    return line.payload


def _own(line: FirehoseLine) -> bytes | None:
    """The line as an object of flightwire's own; None when it says nothing of a flight's times."""
    if line.leg is None or line.kind in _SILENT:
        return None
    said: dict[str, str] = msgspec.json.decode(line.payload)
    flight, origin, date = line.leg.split(".")
    told: dict[str, str] = {"flight": flight, "origin": origin, "date": date, "id": said["id"]}
    if "dest" in said:
        known = reference.airport(said["dest"])
        told["destination"] = (known.iata if known else "") or said["dest"]
    cells = ((_TIMES.get(f"{said['type']}.{name}"), value) for name, value in said.items())
    told |= {cell: _moment(value) for cell, value in cells if cell is not None}
    told |= {name: said[source] for source, name in _WORDS.items() if source in said}
    told |= _life(said)
    told["updated_at"] = _moment(said["pitr"])
    return msgspec.json.encode(told)


def _life(said: Mapping[str, Any]) -> dict[str, str]:
    """As the parser of Firehose takes it from the type and `trueCancel`."""
    if said["type"] == "cancellation":
        return {"status": "cancelled" if said["trueCancel"] == "1" else "doubtful"}
    return {} if said["type"] == "extendedFlightInfo" else {"status": "operating"}


def _moment(seconds: str) -> str:
    return reference.local_time(int(seconds) * 1000, "UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


TOLD_AS: Final[dict[str, Callable[[FirehoseLine], bytes | None]]] = {
    firehose.NAME: _firehose,
    own.NAME: _own,
}
"""The line in a format, by the format's name; None for what that format has no message for."""
