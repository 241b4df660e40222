"""Movement messages in Type B telegrams: MVT, MVA (by the aircraft itself) and DIV (diversion).

Source: IATA Airport Handling Manual, AHM 780 and 781, as digested in OAG, "MVT / MVA / DIV Aircraft
Movement Messages, Data Elements and Message Examples". All times are UTC. The station is where the
message comes from: the departure airport with AD, ED, EO, NI, RR, FR and delay codes, the arrival
airport with AA, EA or EB alone; in a DIV it is where the leg was to arrive.

A message marked COR replaces the former one of its kind: a time of a pair (AD, AA) that it no
longer has is withdrawn. The origin line knows minutes only, so each COR counts for a millisecond
more, which makes the corrected values the newer ones. After RR and FR the aircraft is back at the
origin: what was told of its leaving and arriving is withdrawn, so that a new estimate counts.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from filters.designators import airport_code
from filters.normalize.moments import HOUR_MS, day_ms, day_near
from filters.normalize.splitting import Piece
from filters.normalize.statuses import make_status
from filters.normalize.telegrams import typeb
from filters.normalize.telegrams.mvt.elements import (
    DEPARTING,
    NAMES,
    PASSED_OVER,
    RETURNS,
    TIMES,
    Body,
    Leg,
    body,
)
from filters.normalize.telegrams.mvt.said import Said
from filters.normalize.telegrams.mvt.times import Days
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus

NAME: Final = "mvt"
TITLE: Final = "IATA movement messages MVT, MVA and DIV, in Type B telegrams"
FIELDS: Final = {
    "origin line": "source_time",
    "COR": "source_time, a millisecond later; cleared: what the former message had and it has not",
    "flight line": "airline, number, suffix, utc_date, registration, and origin or destination",
    "FLD": "utc_date: the scheduled UTC day, over that of the flight line",
    **{name: ", ".join(cells) for name, cells in TIMES.items()},
    "EA airport": "destination, behind the time",
    **{name: f"deviation {word}" for name, word in RETURNS.items()},
    "DIV": "deviation diverted, planned_destination",
    "TERM, CONT": "evidence: a diverted flight ends there, or goes on",
    "DL, EDL": "cause: the code of the longest delay; evidence: delay, the others",
    "DLA": "codes with letters: cause where no DL tells it; evidence: dla",
    "DR": "reason of a diversion: cause of a DIV; evidence: dr",
    "PX": "evidence: px, seats taken",
}
_OTHERS: Final = {
    "CPM": "container and pallet distribution",
    "FWD": "planned aircraft rotation",
    "LDM": "load",
    "PSM": "passenger services",
    "PTM": "passenger transfer",
    "SLS": "statistical load summary",
    "TPM": "teletype passenger manifest",
    "UCM": "container and pallet control",
}
IGNORED: Final = {
    "SI": "free text, which may hold names of people",
    "PDM": "a possible duplicate says the same again",
    **PASSED_OVER,
    **{name: f"dropped: other_message ({what})" for name, what in _OTHERS.items()},
}

_ARRIVED = frozenset(("AA", "TD"))
_ARRIVING = frozenset(("AA", "TD", "EA", "EB"))
_HEAD_BYTES = 4096
_FLD = re.compile(r"(?P<day>[0-9]{1,2})(?:(?P<month>[A-Z]{3})(?P<year>[0-9]{4}|[0-9]{2})?)?")


class _Ends(NamedTuple):
    origin: str | None
    destination: str | None
    planned: str | None = None


def split(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One telegram a piece."""
    return typeb.split(chunks, NAMES)


def detect(payload: bytes) -> bool:
    """True when the bytes begin with a telegram that has an identifier and a flight line."""
    if not typeb.identifier(payload, NAMES):
        return False
    try:
        said, _ = _read(next(split([payload[:_HEAD_BYTES]])), 0)
    except (RejectRecord, StopIteration):
        return False
    return isinstance(said, Body)


def leg_key(payload: bytes) -> str | None:
    """The flight and its scheduled UTC day, `CAL5836/08`; None when there are none or several.

    Messages from departure and arrival name both alike, but not the same airport.
    """
    found: set[str] = set()
    for piece in split([payload]):
        try:
            said, _ = _read(piece, 0)
            for leg in () if isinstance(said, str) else said.legs:
                named = leg.line.flight()
                found.add(f"{named.airline}{named.number}{named.suffix}/{int(leg.line.day):02}")
        except RejectRecord:
            return None
        if len(found) > 1:
            return None
    return next(iter(found), None)


def _read(piece: Piece, received_at: int) -> tuple[Body | str, int]:
    """What a telegram says, and when it was sent (ms UTC), as far as is known."""
    if piece.fault:
        raise RejectRecord(f"message: {piece.fault}")
    telegram = typeb.read(piece.payload, received_at)
    return body(telegram.lines), received_at if telegram.sent_at is None else telegram.sent_at


def parse(message: FeedMessage, source: Source) -> tuple[FlightStatus, ...] | Drop:
    """The statuses of a telegram's legs, usually one, or why it says nothing of a flight.

    Raises RejectRecord naming the line or element that cannot be read, when nothing is left
    without it; with the line a telegram begins on as its place, when there are several.
    """
    statuses: list[FlightStatus] = []
    dropped = Drop("says_nothing")
    pieces = list(split([message.payload]))
    if not pieces:
        raise RejectRecord("identifier: nothing where MVT, MVA or DIV should be")
    for piece in pieces:
        try:
            said = _telegram(message, source, piece, len(statuses))
        except RejectRecord as reject:
            place = piece.place if len(pieces) > 1 else ""
            raise RejectRecord(reject.reason, place) from reject
        if isinstance(said, Drop):
            dropped = said
        else:
            statuses += said
    return tuple(statuses) or dropped


def _telegram(
    message: FeedMessage, source: Source, piece: Piece, first: int
) -> list[FlightStatus] | Drop:
    said, sent = _read(piece, message.received_at)
    if isinstance(said, str):
        if said in _OTHERS:
            return Drop("other_message")
        raise RejectRecord(f"identifier: {said!r} where MVT, MVA or DIV should be")
    statuses: list[FlightStatus] = []
    for leg in said.legs:
        status = _status(message, source, said, leg, sent, first + len(statuses))
        if status is not None:
            statuses.append(status)
    return statuses or Drop("says_nothing")


def _status(
    message: FeedMessage, source: Source, whole: Body, leg: Leg, sent: int, index: int
) -> FlightStatus | None:
    date, unread = _date(leg, sent)
    flight = leg.line.flight(date)
    if leg.line.station is None:
        raise RejectRecord(f"flight line: {leg.line.text!r} ends in no station")
    said = Said(Days(day_ms(date), sent, source.longest_delay_hours * HOUR_MS), source.delay_codes)
    diverted = whole.name == "DIV"
    said.read(leg.elements, corrected=whole.corrections > 0, diverted=diverted)
    if not (said.times or said.cleared or said.cause or said.deviation):
        for name, value in said.unread.items():
            raise RejectRecord(f"{name}: {value[:40]!r} is no time of this flight")
        return None
    ends = _ends(leg, leg.line.station, said.airports, diverted=diverted)
    unread += [f"unread={name}" for name in said.unread]
    return make_status(
        message,
        source,
        NAME,
        flight=flight,
        # A correction may be sent within the minute of what it corrects.
        source_time=sent + whole.corrections,
        times=said.times,
        origin=ends.origin,
        destination=ends.destination,
        planned_destination=ends.planned,
        utc_date=date.isoformat(),
        index=index,
        evidence=[*said.evidence, *unread, *leg.notes],
        registration=leg.line.registration,
        life="operating",
        cause=said.cause,
        deviation=said.deviation,
        cleared=tuple(sorted(said.cleared)),
    )


def _date(leg: Leg, sent: int) -> tuple[dt.date, list[str]]:
    """The leg's scheduled UTC day, by FLD or the flight line; and evidence of an FLD unread.

    Messages come from two days before it to three days after; the nearest day serves others too.
    """
    line, unread = leg.line, []
    told = [(line.day, line.month, line.year)]
    for element in leg.elements:
        if element.name == "FLD":
            match = _FLD.fullmatch(element.value)
            if match is None:
                unread.append("unread=FLD")
            else:
                told.insert(0, (match["day"], match["month"] or "", match["year"] or ""))
    day, month, year = told[0]
    if month:
        number = typeb.MONTHS.get(month)
        date = None if number is None else typeb.dated(int(day), number, year, sent)
    else:
        date = day_near(int(day), sent)
    if date is None:
        raise RejectRecord(f"flight line: {line.text!r} has {day + month + year!r} for a day")
    return date, unread


def _ends(leg: Leg, station: str, airports: list[str | None], *, diverted: bool) -> _Ends:
    """The airports of the leg that the message names."""
    first = next(filter(None, airports), None)
    if diverted:
        return _Ends(None, first, station)
    names = {element.name for element in leg.elements}
    elsewhere = first is not None and airport_code(first) != airport_code(station)
    arrives = names & _ARRIVING and not names & DEPARTING
    # With an estimate for another airport it was the station of departure that sent it.
    if arrives and (names & _ARRIVED or not elsewhere):
        return _Ends(None, station)
    return _Ends(station, first)
