"""US Bureau of Transportation Statistics (BTS), Airline On-Time Performance: CSV, a row a leg.

Source: BTS, data dictionaries of the tables Reporting Carrier and Marketing Carrier On-Time
Performance; 14 CFR 234.4; BTS Technical Directives on On-Time Reporting, chapters Gate Returns and
Diversions. Spellings of the columns and codes stand in `data/formats/bts.toml`.

Times are local HHMM without a date, so only the schedule is dated, from FL_DATE at the origin:
actual times are the schedule plus the reported minutes, and a DEP_TIME or ARR_TIME without minutes
is not read. A row is written after the fact: its source time is its newest actual time.

A row whose origin has no known time zone is rejected. An unknown destination costs only what is
told in its local time. A diverted row is never a cancellation, whatever else it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from filters import reference
from filters.designators import airport_code
from filters.normalize.moments import MINUTE_MS, day_ms, local_clock_near_ms, local_ms
from filters.normalize.splitting import Piece, rows
from filters.normalize.statuses import make_status
from filters.normalize.tables import columns
from filters.normalize.tables.bts_table import (
    DIVERSIONS,
    FIELDS,
    IGNORED,
    Leg,
    data,
    key_of,
    layout,
    leg_of,
    other_flight,
)
from filters.normalize.tables.columns import Row
from filters.normalize.tables.ontime import Cells, arrival_ms
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

NAME: Final = "bts"
TITLE: Final = "US BTS Airline On-Time Performance, CSV"

__all__ = ["FIELDS", "IGNORED", "NAME", "TITLE", "detect", "leg_key", "parse", "split"]

_DAY_MINUTES: Final = 24 * 60
_USUAL_TAXI_MS: Final = 15 * MINUTE_MS
# Tail numbers that are not known stand as UNKNOW or as rubbish.
_TAIL = re.compile(r"(?=.*[0-9])[A-Z0-9-]{2,10}")
_CODE = re.compile(r"[A-Z0-9]{1,4}")


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One row a message, under the header line."""
    return rows(chunks)


def detect(payload: bytes) -> bool:
    """True when the header names a flight, its airports and its times as BTS does."""
    line = columns.header_line(payload)
    if line is None or b"," not in line:
        return False
    try:
        named = layout(line).named
    except RejectRecord:
        return False
    dated = "FL_DATE" in named or {"YEAR", "MONTH", "DAY_OF_MONTH"} <= named
    carrier = {"OP_CARRIER", "OP_UNIQUE_CARRIER"} & named
    timed = {"CRS_DEP_TIME", "DEP_DELAY", "ARR_DELAY", "CANCELLED"} & named
    return bool(dated and carrier and timed and {"OP_CARRIER_FL_NUM", "ORIGIN", "DEST"} <= named)


def leg_key(payload: bytes) -> str | None:
    """The flight as `9E3280.ATL.2019-01-06`, with the carrier's own code; None for several."""
    try:
        keys = {key_of(Cells(row)) for _, row in columns.rows(payload, layout)}
    except RejectRecord:
        return None  # normalize rejects it, with its reason
    return keys.pop() if len(keys) == 1 else None


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The status of each row; one row a message as it travels.

    Raises RejectRecord naming the column when a row names no flight, date or known origin.
    """

    def status(row: Row, index: int) -> FlightStatus | Drop:
        return _status(message, source, Cells(row), index)

    return columns.statuses(message.payload, layout, status)


def _status(message: FeedMessage, source: Source, cells: Cells, index: int) -> FlightStatus | Drop:
    leg = leg_of(cells)
    diverted = cells.flag("DIVERTED")
    if diverted is None:
        diverted = cells.given("DIV1_AIRPORT") and cells.given("DIV_REACHED_DEST")
    cancelled = cells.flag("CANCELLED")
    if diverted:
        cancelled = False
    deviation, ended = _deviation(cells, leg, cancelled=bool(cancelled), diverted=diverted)
    times = _times(cells, leg, cancelled=bool(cancelled), diverted=diverted)
    actual = [ms for cell, ms in times.items() if cell.endswith("_actual")]
    life: Life = "cancelled" if cancelled else "unsaid"
    if not cancelled and (cancelled is False or actual):
        life = "operating"
    if life == "unsaid" and not times:
        return Drop("says_nothing")
    return make_status(
        message,
        source,
        NAME,
        flight=leg.flight,
        source_time=max(actual, default=times.get("out_scheduled", message.received_at)),
        times=times,
        origin=leg.origin,
        destination=ended or leg.destination,
        planned_destination=leg.destination if diverted else None,
        local_date=leg.day.isoformat(),
        index=index,
        life=life,
        deviation=deviation,
        cause=_cancellation(cells) if cancelled else _delay(cells),
        registration=_registration(cells),
        code_shares=_code_shares(cells, leg),
        evidence=cells.notes,
    )


def _deviation(
    cells: Cells, leg: Leg, *, cancelled: bool, diverted: bool
) -> tuple[str | None, str | None]:
    """What became of the leg, and where it ended if it never got to its destination.

    A cancelled flight that had taken off came back; BTS calls any other a diversion.
    """
    landings = [found for n in DIVERSIONS if (found := _landing(cells, n))]
    if cells.given("FIRST_DEP_TIME"):
        first, away = cells.clock("FIRST_DEP_TIME"), cells.minutes("TOTAL_ADD_GTIME")
        if first is not None:
            cells.notes.append(f"first_dep={_hhmm(first)}")
        if away is not None:
            cells.notes.append(f"away_from_gate={_hhmm(away)}")
    if diverted:
        last = landings[-1] if landings else None
        ended = last if cells.flag("DIV_REACHED_DEST") is False else None
        return ("air_return" if last == leg.origin else "diverted"), ended
    if cancelled and cells.given("WHEELS_OFF"):
        return "air_return", None
    left = cells.given("FIRST_DEP_TIME") or (cancelled and cells.given("DEP_TIME"))
    return ("ramp_return" if left else None), None


def _landing(cells: Cells, n: int) -> str | None:
    """The nth airport of a diversion; its times, local, are evidence."""
    name = f"DIV{n}_AIRPORT"
    airport = airport_code(cells.text(name)) if cells.given(name) else None
    if airport is None:
        if cells.given(name):
            cells.unread(name)
        return None
    landed, left = cells.clock(f"DIV{n}_WHEELS_ON"), cells.clock(f"DIV{n}_WHEELS_OFF")
    times = "/".join("" if clock is None else _hhmm(clock) for clock in (landed, left))
    cells.notes.append(f"div{n}={airport}/{times}".rstrip("/"))
    tail = cells.text(f"DIV{n}_TAIL_NUM")
    if _TAIL.fullmatch(tail) and tail != cells.text("TAIL_NUM"):
        cells.notes.append(f"div{n}_tail={tail}")
    return airport


def _times(cells: Cells, leg: Leg, *, cancelled: bool, diverted: bool) -> dict[str, int]:
    """The cells of the matrix; everything counts from the scheduled departure."""
    due_out, due_in = _due_out(cells, leg), None
    if due_out is None and cells.given("CRS_DEP_TIME") and not cancelled:
        found = columns.shown(cells.text("CRS_DEP_TIME"))
        raise RejectRecord(f"CRS_DEP_TIME: {found} is no time of day as HHMM")
    if due_out is not None:
        due_in = _due_in(cells, leg, due_out)
    left = cells.later(due_out, "DEP_DELAY", "DEP_TIME")
    arrived = cells.later(due_in, "DIV_ARR_DELAY" if diverted else "ARR_DELAY", "ARR_TIME")
    times = {
        "out_scheduled": due_out,
        "in_scheduled": due_in,
        "out_actual": left,
        "off_actual": _wheels(cells, left, 1, "TAXI_OUT", "WHEELS_OFF", leg.zone),
        "on_actual": _wheels(cells, arrived, -1, "TAXI_IN", "WHEELS_ON", leg.destination_zone),
        "in_actual": arrived,
    }
    return {cell: ms for cell, ms in times.items() if ms is not None}


def _due_out(cells: Cells, leg: Leg) -> int | None:
    """FL_DATE and CRS_DEP_TIME at the origin.

    In the hour that clocks repeat, the reading from which CRS_ELAPSED_TIME leads to CRS_ARR_TIME.
    """
    clock = cells.clock("CRS_DEP_TIME")
    if clock is None:
        return None
    wall_ms = day_ms(leg.day) + clock * MINUTE_MS
    first, second = local_ms(wall_ms, leg.zone), local_ms(wall_ms, leg.zone, fold=1)
    if second > first and leg.destination_zone is not None:
        block, arrival = cells.minutes("CRS_ELAPSED_TIME"), cells.clock("CRS_ARR_TIME")
        if block is not None and arrival is not None:
            there = reference.local_time(second + block * MINUTE_MS, leg.destination_zone)
            return second if there.hour * 60 + there.minute == arrival % _DAY_MINUTES else first
    return first


def _due_in(cells: Cells, leg: Leg, due_out: int) -> int | None:
    block = cells.minutes("CRS_ELAPSED_TIME")
    if block is not None and 0 < block <= _DAY_MINUTES:
        return due_out + block * MINUTE_MS
    if block is not None:
        cells.unread("CRS_ELAPSED_TIME")
    clock = cells.clock("CRS_ARR_TIME")
    if clock is None:
        return None
    if leg.destination_zone is None:
        cells.unread("CRS_ARR_TIME")
        return None
    return arrival_ms(due_out, clock, leg.destination_zone, cells.minutes("DISTANCE"))


def _wheels(
    cells: Cells, gate: int | None, sign: int, taxi: str, wheels: str, zone: str | None
) -> int | None:
    """Take-off or touchdown, some minutes from the gate or at the time of day nearest to it."""
    minutes = cells.minutes(taxi)
    if gate is not None and minutes is not None:
        return gate + sign * minutes * MINUTE_MS
    clock = cells.clock(wheels)
    if clock is None:
        return None
    if gate is None or zone is None:
        cells.unread(wheels)
        return None
    return local_clock_near_ms(clock, zone, gate + sign * _USUAL_TAXI_MS)


def _cancellation(cells: Cells) -> str | None:
    code = cells.text("CANCELLATION_CODE").upper()
    if code in data().cancellations["codes"]:
        return f"BTS:{code}"
    if _CODE.fullmatch(code) and code != "NA":
        cells.notes.append(f"cancellation_code={code}")
    return None


def _delay(cells: Cells) -> str | None:
    """The largest share of the delay at arrival; all shares are evidence, as HHMM."""
    cause, largest = None, 0
    for name, code in data().delays.items():
        minutes = cells.minutes(name)
        if minutes is None or minutes <= 0:
            continue
        cells.notes.append(f"delay={code}/{_hhmm(minutes)}")
        if minutes > largest:
            cause, largest = f"BTS:{code}", minutes
    return cause


def _registration(cells: Cells) -> str | None:
    tail = cells.text("TAIL_NUM").upper()
    return tail if _TAIL.fullmatch(tail) else None


def _code_shares(cells: Cells, leg: Leg) -> tuple[str, ...]:
    """The number it was sold under, from the marketing carriers' table."""
    if cells.flag("DUP"):
        cells.notes.append("duplicate=Y")
    planned = other_flight(cells, leg, "SCH_OP_CARRIER", "SCH_OP_CARRIER_FL_NUM")
    if planned:
        cells.notes.append(f"scheduled_operator={planned}")
    sold = other_flight(cells, leg, "MKT_CARRIER", "MKT_CARRIER_FL_NUM")
    return (sold,) if sold else ()


def _hhmm(minutes: int) -> str:
    return f"{minutes // 60:02}{minutes % 60:02}"
