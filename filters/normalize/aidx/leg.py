"""One AIDX leg: who it is, what becomes of what is said of it.

Source: IATA AIDX XML Implementation Guide 22.1, LegIdentifier, OperationalStatus, RepeatNumber,
PlannedArrivalAptHistory, IrregularityDelay and SpecialAction.

- OriginDate is the UTC date on which the *flight* leaves its first airport, the same for all its
  legs; a later leg may leave a day after it.
- ArrivalAirport never changes. The airports that were planned since stand in
  PlannedArrivalAptHistory, the present one last; a diversion adds to it.
- RepeatNumber counts the attempts to depart, AirborneReturnNumber how many of them flew back.
  `CurrentInd` false marks an attempt that a later one replaced.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from filters.delay_codes import cause_code
from filters.designators import Flight, airport_code, flight_of
from filters.normalize.aidx.codes import codes
from filters.normalize.aidx.said import Delay, Said, number_of, token, vocabulary_of, word
from filters.normalize.moments import date_of, iso_ms
from filters.normalize.statuses import make_status
from filters.normalize.vendors.shares import MOST_SHARES, shares
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.records import FeedMessage, FlightStatus, Life

if TYPE_CHECKING:
    from filters.normalize.markup import Element

NAME: Final = "aidx"

_NOT_AN_AIRLINE: Final = Drop("not_an_airline_flight")
_SUPERSEDED: Final = Drop("superseded_attempt")
_SAYS_NOTHING: Final = Drop("says_nothing")
_PARTS: Final = (
    *("Airline", "FlightNumber", "OperationalSuffix"),
    *("DepartureAirport", "ArrivalAirport", "OriginDate"),
)
_ISO_DAY: Final = len("2000-01-01")
# A flight of several legs leaves its later airports on the same UTC day or the next.
_ORIGIN_DAYS: Final = 2
_FLOWN: Final = ("off_actual", "on_actual", "in_actual")
_ACTUAL: Final = ("out_actual", *_FLOWN)
_SHOWN: Final = 24


class Sent(NamedTuple):
    """What a message says of itself: when it was sent (ms UTC), and notes for the evidence."""

    at: int
    notes: tuple[str, ...] = ()


class _Name(NamedTuple):
    """What LegIdentifier names, on which day, and which of its parts could not be read."""

    flight: Flight
    on: dt.date | None
    origin: str | None
    destination: str | None
    origin_date: str | None
    unread: tuple[str, ...]


class _Leg(NamedTuple):
    """The parts of a FlightLeg."""

    name: _Name
    attempt: _Attempt
    action: str | None
    said: Said


class _Attempt(NamedTuple):
    """RepeatNumber: which attempt to depart it is, and how many of them flew back."""

    number: int = 1
    returns: int = 0


_FIRST: Final = _Attempt()


def read_leg(
    element: Element, message: FeedMessage, source: Source, sent: Sent, index: int
) -> FlightStatus | Drop:
    """The status of one FlightLeg, or why it says nothing of an airline's flight.

    Raises RejectRecord when it names no flight, or has nothing but times that cannot be read.
    """
    leg = _read(element, sent)
    return leg if isinstance(leg, Drop) else _status(leg, message, source, sent, index)


def _read(leg: Element, sent: Sent) -> _Leg | Drop:
    vocabulary = vocabulary_of(str(leg.tag))
    names, readers = vocabulary.names, vocabulary.readers
    said = Said()
    children: dict[str, Element] = {}
    for child in leg:
        name = names.get(child.tag)
        if name == "LegData":
            for element in child:
                reader = readers.get(element.tag)
                if reader is not None:
                    reader(said, element, vocabulary)
        elif name is not None:
            children[name] = child
    if "GeneralAviationLegIdentifier" in children:
        return _NOT_AN_AIRLINE
    if "LegIdentifier" not in children:
        raise RejectRecord("LegIdentifier: missing, so no flight is named")
    parts = {names.get(child.tag): child for child in children["LegIdentifier"]}
    named = _named(parts, sent)
    attempt = _attempt(parts.get("RepeatNumber"))
    if attempt is None or isinstance(named, Drop):
        return named if isinstance(named, Drop) else _SUPERSEDED
    action = children.get("SpecialAction")
    return _Leg(named, attempt, None if action is None else word(action), said)


def _attempt(element: Element | None) -> _Attempt | None:
    """Which attempt it is; None when a later one replaced it."""
    if element is None:
        return _FIRST
    if element.get("CurrentInd") in ("false", "0"):
        return None
    return _Attempt(number_of(word(element)), number_of(element.get("AirborneReturnNumber")))


def _named(parts: Mapping[str | None, Element], sent: Sent) -> _Name | Drop:
    told = tuple([word(parts.get(part)) for part in _PARTS])
    named = _name(told, None)
    if isinstance(named, _Name) and named.on is None:
        named = _name(told, date_of(sent.at))
    if isinstance(named, str):
        raise RejectRecord(named)
    return named


@lru_cache(maxsize=16_384)
def _name(parts: tuple[str | None, ...], sent_on: dt.date | None) -> _Name | Drop | str:
    """Who the leg is, or a reason when no flight is named. `sent_on` dates what names no date."""
    airline, number, suffix, origin, destination, origin_date = parts
    for field, value in (("Airline", airline), ("FlightNumber", number)):
        if value is None:
            return f"LegIdentifier/{field}: missing, so no flight is named"
    airline, number, suffix = airline or "", number or "", suffix or ""
    if airline.upper() in codes().general_aviation:
        return _NOT_AN_AIRLINE
    unread = []
    day = None if origin_date is None else _utc_date(origin_date)
    if origin_date is not None and day is None:
        unread.append("OriginDate")
    if day is not None and day.isoformat() in codes().dummy_dates:
        day = None
    flight = flight_of(airline, number, suffix, day or sent_on)
    if flight is None:
        shown = f"{airline} {number} {suffix}".rstrip()[:_SHOWN]
        return f"LegIdentifier: {shown!r} is no airline, number and suffix"
    ends = airport_code(origin), airport_code(destination)
    told = (("DepartureAirport", origin, ends[0]), ("ArrivalAirport", destination, ends[1]))
    unread += [field for field, text, code in told if text is not None and code is None]
    iso = None if day is None else day.isoformat()
    return _Name(flight, day or sent_on, *ends, iso, tuple(unread))


def _utc_date(text: str) -> dt.date | None:
    """Of a date, perhaps with a zone, or of a time, which some senders put there."""
    try:
        ms = iso_ms(text if "T" in text else text[:_ISO_DAY], "OriginDate")
    except RejectRecord:
        return None
    return None if ms is None else date_of(ms)


def _status(
    leg: _Leg, message: FeedMessage, source: Source, sent: Sent, index: int
) -> FlightStatus | Drop:
    named, said = leg.name, leg.said
    times = said.times()
    statuses = _in_order(said.statuses)
    planned, destination, deviation = _ends(named, said, statuses)
    if deviation == "ramp_return" or leg.attempt.number > 1:
        deviation = _attempts(leg.attempt, said, times, deviation)
    life = _life(leg, statuses, deviation, times)
    cause, delays = _cause(said, source) if said.delays else (None, [])
    fields: dict[str, Any] = {
        "registration": said.registration,
        "service": said.service,
        "cause": cause,
        "deviation": deviation,
    }
    for field, (_, value) in said.places.items():
        fields[field] = value
    cleared = [name for name in said.cleared if times.get(name, fields.get(name)) is None]
    sold = _sold(tuple(said.shares[:MOST_SHARES]), named.flight, named.on) if said.shares else ()
    if not (times or cleared or sold or life != "unsaid" or any(fields.values())):
        if said.unread or named.unread:
            field = (*said.unread, *named.unread)[0]
            raise RejectRecord(f"{field}: cannot be read, and nothing else is said")
        return _SAYS_NOTHING
    return make_status(
        message,
        source,
        NAME,
        flight=named.flight,
        source_time=sent.at,
        times=times,
        origin=named.origin,
        destination=destination,
        planned_destination=planned,
        utc_date=named.origin_date,
        utc_days=_ORIGIN_DAYS,
        basis="filed" if said.planned("out_scheduled") else "scheduled",
        index=index,
        life=life,
        code_shares=sold,
        cleared=tuple(sorted(cleared)),
        evidence=_evidence(leg, statuses, delays, sent),
        **fields,
    )


@lru_cache(maxsize=8192)
def _sold(
    numbers: tuple[tuple[str | None, ...], ...], flight: Flight, on: dt.date | None
) -> tuple[str, ...]:
    return shares([(a, n, s) for a, n, s in numbers], flight, on)


def _in_order(told: list[tuple[int, Any]]) -> list[Any]:
    """What was told repeatedly, by its index; at equal ones as it stands in the message."""
    if len(told) > 1:
        told = sorted(told, key=lambda item: item[0])
    return [item for _, item in told]


def _ends(
    named: _Name, said: Said, statuses: Iterable[tuple[str, str]]
) -> tuple[str | None, str | None, str | None]:
    """The planned destination (where another is told), the present one, and the deviation."""
    known = codes().statuses
    said_so: str | None = None
    for code, _ in statuses:
        if code in known:
            said_so = known[code].deviation or said_so
    now = airport_code(_in_order(said.history)[-1]) if said.history else None
    if named.destination is None:
        return None, now, said_so
    if now is not None and now != named.destination:
        elsewhere = "air_return" if now == named.origin else "diverted"
        return named.destination, now, elsewhere
    back = len(said.history) > 1 or "planned_destination" in said.cleared
    if said_so is None and back:
        said_so = "none"
    return None, named.destination, said_so


def _attempts(
    attempt: _Attempt, said: Said, times: dict[str, int], deviation: str | None
) -> str | None:
    """The deviation; takes back what a former attempt to depart had reached.

    An aircraft that has returned to its stand has not left it, whatever its off-block was. A
    further attempt that only expects to leave its stand takes back what the former one did.
    """
    if deviation == "ramp_return":
        if any(cell in times for cell in _FLOWN):
            return None  # left again since
        if times.pop("out_actual", None) is not None:
            said.notes.append(said.told("out_actual"))
        said.cleared.add("out_actual")
        return deviation
    waits = "out_estimated" in times and not any(cell in times for cell in _ACTUAL)
    if waits and deviation in (None, "none"):
        said.cleared.update(_ACTUAL if attempt.returns else ("out_actual",))
        return "air_return" if attempt.returns else "ramp_return"
    return deviation


def _life(
    leg: _Leg,
    statuses: Iterable[tuple[str, str]],
    deviation: str | None,
    times: Mapping[str, int],
) -> Life:
    """What the last status that says anything of it says; displays and actions are weak words.

    An arrival that is cancelled while the flight is under way or diverted is no cancelled flight.
    """
    known = codes()
    life: Life = "unsaid"
    for code, scope in statuses:
        meaning = known.statuses.get(code)
        if meaning is None or meaning.life == "unsaid":
            continue
        said_so = meaning.life
        gone = deviation in ("diverted", "air_return") or "off_actual" in times
        if said_so == "cancelled" and scope == "Arrival" and gone:
            said_so = "doubtful"
        if said_so != "doubtful" or life == "unsaid":
            life = said_so
    if life == "unsaid" and (leg.said.displayed or leg.said.remarks):
        shown = [known.statuses.get(code) for code in leg.said.displayed]
        shown += [known.remarks.get(text) for text in leg.said.remarks]
        if any(each is not None and each.life in ("cancelled", "doubtful") for each in shown):
            life = "doubtful"
    weak = known.actions.get(leg.action) if leg.action is not None else None
    return weak.life if weak is not None and life != "cancelled" else life


def _cause(said: Said, source: Source) -> tuple[str | None, list[str]]:
    """The code of the longest delay of the departure, and the other delays for the evidence.

    A code with a sub-code, or in letters, is in the evidence too, as it was said.
    """
    cause, longest = None, None
    delays: list[Delay] = _in_order(said.delays)
    for delay in delays:
        code = None if delay.arrival else cause_code(delay.code, source.delay_codes)
        if code is not None and (longest is None or (delay.minutes or 0) > (longest.minutes or 0)):
            cause, longest = code, delay
    told = [
        _delay_note(delay)
        for delay in delays
        if delay is not longest or not (cause or "").endswith(f":{delay.code}")
    ]
    return cause, told


def _delay_note(delay: Delay) -> str:
    name = "arrival_delay" if delay.arrival else "delay"
    if delay.minutes is None:
        return f"{name}={token(delay.code)}"
    return f"{name}={token(delay.code)}/{delay.minutes // 60:02d}{delay.minutes % 60:02d}"


def _evidence(
    leg: _Leg, statuses: list[tuple[str, str]], delays: list[str], sent: Sent
) -> list[str]:
    """What else was said, the more telling first: a record holds only so much."""
    attempt, said = leg.attempt, leg.said
    notes = [*sent.notes]
    if leg.name.unread or said.unread:
        fields = dict.fromkeys((*leg.name.unread, *said.unread))
        notes = [f"unread={field}" for field in fields] + notes
    if leg.action is not None:
        notes.append(f"action={token(leg.action)}")
    if attempt.number > 1 or attempt.returns:
        notes += [f"attempt={attempt.number}", f"airborne_returns={attempt.returns}"]
    notes += dict.fromkeys([f"status={token(code)}" for code, _ in statuses])
    if said.displayed:
        shown = dict.fromkeys(said.displayed)
        notes += [f"displayed={code}" for code in shown if code in codes().statuses]
    if said.remarks:
        notes += [f"remark={text}" for text in said.remarks if text in codes().remarks]
    notes += delays
    if said.call_sign is not None:
        notes.append(f"call_sign={token(said.call_sign)}")
    return notes + said.notes
