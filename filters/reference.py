"""Look-ups of what everybody agrees on: airline designators, airports and their zones, local time.

Airlines stand in `data/airlines.csv` with the dates they held, under a table that the user may
have adopted; airports come from the package airportsdata, which knows today's airports only, and
those whose codes moved from `data/airports.csv`. Nothing is read before the first look-up. No
clock and no environment: what depends on a date is given one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import airportsdata
import msgspec

from filters.airlines import Airline, read_airlines
from filters.tables import read_table

_Airlines = dict[str, list[Airline]]
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# The table in force over the shipped one, if there is one, and who is told of another.
_adopted: list[tuple[Airline, ...]] = []
_forget: list[Callable[[], None]] = []


class Airport(msgspec.Struct, frozen=True, kw_only=True):
    """An airport: codes ("" where it has none), IANA time zone, names, ISO country, degrees."""

    iata: str
    icao: str
    zone: str
    city: str
    name: str
    country: str
    latitude: float
    longitude: float


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An IATA code that an airport had, and the days, both included; None is open.

    What follows the days is blank where airportsdata has the airport.
    """

    iata: str = ""
    icao: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    zone: str = ""
    city: str = ""
    name: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    note: str = ""

    def held_on(self, on: dt.date) -> bool:
        """True when the airport had the code on that day."""
        begun = self.valid_from is None or self.valid_from <= on
        return begun and (self.valid_to is None or on <= self.valid_to)


def airline_icao(iata: str, on: dt.date | None) -> str | None:
    """The ICAO designator behind an IATA one on a day; None when it is not known.

    Without a day: today's holder, or the last one. Of two airlines under one code the one that
    `holder` says.
    """
    airline = holder(airlines()[0].get(iata, ()), on)
    return airline.icao if airline else None


def airline_iata(icao: str, on: dt.date | None) -> str | None:
    """The IATA designator behind an ICAO one on a day; None when it is not known.

    Without a day: today's holder, or the last one.
    """
    airline = holder(airlines()[1].get(icao, ()), on)
    return airline.iata if airline else None


@lru_cache(maxsize=4096)
def airport(code: str, on: dt.date | None = None) -> Airport | None:
    """The airport with this IATA or ICAO code, in upper case; None when it is not known.

    On a day, the one that had the code then: `IST` is LTBA until 5 April 2019. Of a code that
    nobody had on that day, the airport that has it else, under its IATA code of the day: `ISL` in
    2018 is IST. Without a day: today's airport, or the last one. Cities (LON, NYC) are no airports.
    """
    known = moves().get(code)
    if known is not None:
        return _moved(known, on)
    by_icao, by_iata = _airports()
    row = by_icao.get(code) or by_iata.get(code)
    return None if row is None else _airport(row)


def local_time(ms: int, zone: str) -> dt.datetime:
    """Milliseconds since the epoch, UTC, as an aware datetime in an IANA zone.

    Raises OverflowError outside the years 1 to 9999, and ZoneInfoNotFoundError (a KeyError) for a
    zone that does not exist.
    """
    return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(_zone(zone))


@lru_cache(maxsize=16_384)
def local_date(ms: int, zone: str) -> str:
    """The ISO date in that zone at `ms` (UTC); raises what `local_time` raises."""
    return local_time(ms, zone).date().isoformat()


@cache
def airlines() -> tuple[_Airlines, _Airlines]:
    """All airlines in force by IATA and by ICAO designator, the newest holder first.

    Raises TableError when a row of the file is malformed.
    """
    loaded = _adopted[-1] if _adopted else ()
    pairs = {airline.pair for airline in loaded}
    known = [*loaded, *(airline for airline in shipped() if airline.pair not in pairs)]
    known.sort(key=lambda airline: airline.valid_to or dt.date.max, reverse=True)
    by_iata: _Airlines = defaultdict(list)
    by_icao: _Airlines = defaultdict(list)
    for airline in known:
        by_iata[airline.iata].append(airline)
        by_icao[airline.icao].append(airline)
    return dict(by_iata), dict(by_icao)


@cache
def shipped() -> tuple[Airline, ...]:
    """The airlines that come with flightwire, in the order of their file."""
    return read_airlines(shipped_text(), "airlines.csv").airlines


def shipped_text() -> str:
    """The shipped table of airlines with the comments on its source and date."""
    return (files("filters") / "data" / "airlines.csv").read_text("utf-8")


def adopt(text: str | None, place: str = "airlines") -> int:
    """Use the airlines of this table from now on, over the shipped ones; returns how many.

    The table takes the place of the shipped rows for the pairs it holds; shipped rows stay for
    those it lacks. None goes back to the shipped table. For the start of a process: what was
    looked up before stays as it was found. Raises TableError as `read_airlines` does, and then
    nothing changes.
    """
    found = () if text is None else read_airlines(text, place, shipped()).airlines
    _adopted[:] = [found] if found else []
    airlines.cache_clear()
    for clear in _forget:
        clear()
    return len(found)


def on_adopting(clear: Callable[[], None]) -> None:
    """Have `clear` called whenever another table is adopted; for modules that keep look-ups."""
    _forget.append(clear)


def holder(known: Sequence[Airline], on: dt.date | None) -> Airline | None:
    """Which of these airlines has the code on a day; without a day: today's, or the last one.

    Of several the one with the earlier end, for the day is known to be within; then one of the
    shipped table, one that is no controlled duplicate, and the later beginning. None when two are
    left: a wrong airline is worse than none.
    """
    if on is None:
        last = max((airline.valid_to or dt.date.max for airline in known), default=None)
        held = [airline for airline in known if (airline.valid_to or dt.date.max) == last]
    else:
        held = [airline for airline in known if airline.held_on(on)]
    if len(held) < 2:  # noqa: PLR2004  (two would have to be told apart)
        return held[0] if held else None
    ranked = sorted(held, key=_rank)
    first, second = ranked[0], ranked[1]
    if first.pair != second.pair and _rank(first) == _rank(second):
        return None
    return first


def _rank(airline: Airline) -> tuple[dt.date, bool, bool, int]:
    foreign = airline.pair not in _shipped_pairs()
    begin = airline.valid_from or dt.date.min
    return (airline.valid_to or dt.date.max, foreign, airline.duplicate, -begin.toordinal())


@cache
def _shipped_pairs() -> frozenset[tuple[str, str]]:
    return frozenset(airline.pair for airline in shipped())


@cache
def moves() -> dict[str, list[Held]]:
    """Airports whose codes moved, by IATA and by ICAO code, the newest days first.

    Raises TableError when a row of the file is malformed.
    """
    text = (files("filters") / "data" / "airports.csv").read_text("utf-8")
    rows = [row for _, row in read_table(text, "airports.csv", Held)]
    rows.sort(key=lambda row: row.valid_to or dt.date.max, reverse=True)
    found: dict[str, list[Held]] = defaultdict(list)
    for row in rows:
        found[row.icao].append(row)
        if row.iata:
            found[row.iata].append(row)
    return dict(found)


def _moved(known: list[Held], on: dt.date | None) -> Airport | None:
    row = known[0] if on is None else next((row for row in known if row.held_on(on)), None)
    if row is None and on is not None:
        # The code of another day: the same airport under its code of this one.
        same = moves()[known[0].icao]
        row = next((row for row in same if row.held_on(on)), known[0])
    if row is None:
        return None
    found = _airports()[0].get(row.icao)
    place = Airport(
        iata=row.iata,
        icao=row.icao,
        zone=row.zone,
        city=row.city,
        name=row.name,
        country=row.country,
        latitude=row.latitude or 0.0,
        longitude=row.longitude or 0.0,
    )
    if found is None or row.zone:
        return place
    return msgspec.structs.replace(_airport(found), iata=row.iata)


def _airport(row: airportsdata.Airport) -> Airport:
    return Airport(
        iata=row["iata"],
        icao=row["icao"],
        zone=row["tz"],
        city=row["city"],
        name=row["name"],
        country=row["country"],
        latitude=row["lat"],
        longitude=row["lon"],
    )


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """The zone's rules from the locked tzdata package, the same on every machine.

    Raises ZoneInfoNotFoundError, a KeyError, for a name it does not have.
    """
    if not _ZONE_NAME.fullmatch(name):
        raise ZoneInfoNotFoundError(f"{name!r} is no time zone")
    try:
        with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ZoneInfoNotFoundError(f"no time zone {name!r}") from error


@cache
def _airports() -> tuple[dict[str, airportsdata.Airport], dict[str, airportsdata.Airport]]:
    by_icao = airportsdata.load("ICAO")
    return by_icao, {row["iata"]: row for row in by_icao.values() if row["iata"]}
