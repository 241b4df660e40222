"""Avinor XmlFeed v1.0: XML in ISO 8859-1, the `flight` elements of one `airport`.

Sources: avinor.no, "Flight data" (flydata), with its list of flight statuses; xwiki.avinor.no,
"Parameters for the request operations". Times are UTC. A status has a code and the time that
belongs to it, which is not when it was given; when the data were last updated stands in
`flights@lastUpdate`.

    E  new time       expected against the schedule
    D  departed       off-block or take-off, which is not documented; counts as off-block
    A  arrived        in Norwegian "Landet": a touchdown
    N  new info       until when there will be news; no estimate
    C  cancelled      the time is when that became known

`uniqueID` is one for both ends of a leg. `via_airport` lists the stops in between in the order
they are flown, separated by commas; the members of code-shares are lists separated by semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from filters.designators import flight_of, ticket_number
from filters.normalize import markup
from filters.normalize.boards import rows
from filters.normalize.boards.rows import Row, Word
from filters.normalize.splitting import Piece, elements
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "avinor"
TITLE: Final = "Avinor XmlFeed v1.0, XML"

_ELEMENT: Final = "flight"
_ARRIVES: Final = {"A": True, "D": False}
_WORDS: Final = {
    "n": Word(),
    "e": Word("operating"),
    "d": Word("operating"),
    "a": Word("operating"),
    "c": Word("cancelled"),
}
# The cell of a status's time in the row of an arrival and in that of a departure.
_STATUS_TIMES: Final[dict[str, tuple[str | None, str | None]]] = {
    "E": ("in_estimated", "out_estimated"),
    "D": (None, "out_actual"),
    "A": ("on_actual", None),
}
_NEWS: Final = "N"
_SHARES: Final = (
    "codeshareAirlineDesignators",
    "codeshareFlightNumbers",
    "codeshareOperationalSuffixs",
)
_ROOT: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,64}(?:<\?xml[^>]{0,200}\?>\s{0,64})?<airport(?=[\s>])"
)

FIELDS: Final = {
    "flight@uniqueID": "source_id",
    "flight_id": "airline, number, suffix",
    ", ".join(_SHARES): "code_shares",
    "airport@name, arr_dep, airport, via_airport": "origin, destination",
    "schedule_time": "in_scheduled (A), out_scheduled (D)",
    **{
        f"status@code {code}": f"{', '.join(filter(None, cells))}; {_WORDS[code.lower()].text}"
        for code, cells in _STATUS_TIMES.items()
    },
    f"status@code {_NEWS}": "next_info",
    "status@code C": _WORDS["c"].text,
    "delayed": "evidence, when Y",
    "gate": "in_gate (A), out_gate (D)",
    "belt": "baggage",
    "flights@lastUpdate": "source_time",
}
IGNORED: Final = {
    "airline": "the operating airline; the number is flight_id's",
    "dom_int": "domestic, Schengen or international",
    "check_in": "the desk",
    "codeshareAirlineNames": "names",
}


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One flight a piece, within the airport it was asked for."""
    return elements(chunks, (_ELEMENT,))


def detect(payload: bytes) -> bool:
    """True when the root is `airport` and there are flights in it."""
    return _ROOT.match(payload) is not None and b"<flights" in payload


def leg_key(payload: bytes) -> str | None:
    """Avinor's id of the leg."""
    try:
        found = _rows_in(payload)
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return Row(found[0]).text("uniqueID") if len(found) == 1 else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of the flights in one message, or why there are none.

    Raises RejectRecord when a flight has no number, or nothing of it can be read.
    """
    return rows.each(_rows_in(message.payload), partial(_status, message, source))


def _rows_in(payload: bytes) -> list[dict[str, Any]]:
    """The flights as members of the same names, with the airport and the time of the answer."""
    root = markup.document(payload)
    if markup.local(str(root.tag)) != "airport":
        raise RejectRecord("message: the root is not Avinor's airport")
    found: list[dict[str, Any]] = []
    updated: str | None = None
    for element in root.iter():
        tag = markup.local(str(element.tag))
        if tag == "flights":
            updated = element.get("lastUpdate")
        elif tag == _ELEMENT:
            around = {"here": root.get("name"), "lastUpdate": updated}
            inner = {markup.local(str(child.tag)): _content(child) for child in element}
            found.append({**inner, **around, "uniqueID": element.get("uniqueID")})
    return found


def _content(element: markup.Element) -> object:
    """An element's attributes if it has any, else its text."""
    return {str(name): str(value) for name, value in element.items()} or element.text


def _status(message: FeedMessage, source: Source, row: Row, index: int) -> FlightStatus | Drop:
    way = (row.text("arr_dep") or "").upper()
    if way not in _ARRIVES:
        raise RejectRecord(f"arr_dep: {way[:8]!r} is neither A nor D")
    arriving = _ARRIVES[way]
    via, there = (row.text("via_airport") or "").split(","), row.text("airport") or ""
    stops = [there, *via] if arriving else [*via, there]
    leg = rows.leg_of(row, row.text("here"), stops, arriving=arriving)
    times = {f"{leg.end}_scheduled": row.time("schedule_time")}
    on = rows.day_of(times[f"{leg.end}_scheduled"])
    flight = rows.named((row.text("flight_id"),), "flight_id", on)
    code = (row.text("status.code") or "").upper()
    cell = _STATUS_TIMES.get(code, (None, None))[0 if arriving else 1]
    if cell is not None:
        times[cell] = row.time("status.time")
    if row.flag("delayed"):
        row.note("delayed", "Y")
    return rows.finished(
        message,
        source,
        NAME,
        row,
        leg,
        row.word("status.code", _WORDS),
        index,
        flight=flight,
        source_time=row.time("lastUpdate") or message.received_at,
        times=times,
        source_id=row.text("uniqueID"),
        code_shares=rows.shares(flight, _sold(row), on),
        next_info=row.time("status.time") if code == _NEWS else None,
        baggage=row.text("belt"),
        **{f"{leg.end}_gate": row.text("gate")},
    )


def _sold(row: Row) -> list[str]:
    """The numbers of the code-shares; none when the lists are not of one length."""
    airlines, numbers, suffixes = ((row.text(name) or "").split(";") for name in _SHARES)
    if suffixes == [""]:
        suffixes *= len(airlines)
    if not len(airlines) == len(numbers) == len(suffixes):
        row.unread(_SHARES[1])
        return []
    found = (flight_of(*one) for one in zip(airlines, numbers, suffixes, strict=True))
    return [ticket_number(flight) for flight in found if flight is not None]
