"""Look-ups of what everybody agrees on: airline designators, airports and their zones, local time.

Airlines stand in `data/airlines.csv` with the dates they held; airports come from the package
airportsdata, which knows today's airports only, without dates. Nothing is read before the first
look-up. No clock and no environment: what depends on a date is given one.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import defaultdict
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import airportsdata
import msgspec

_Airlines = dict[str, list["Airline"]]
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Airline(msgspec.Struct, frozen=True, kw_only=True):
    """One airline's pair of designators and the days it held, both included; None is open."""

    iata: str
    icao: str
    name: str
    country: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    note: str = ""

    def held_on(self, on: dt.date) -> bool:
        """True when the pair was in use on that day."""
        begun = self.valid_from is None or self.valid_from <= on
        return begun and (self.valid_to is None or on <= self.valid_to)


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


def airline_icao(iata: str, on: dt.date | None) -> str | None:
    """The ICAO designator behind an IATA one on a day; None when it is not known.

    Without a day: today's holder, or the last one.
    """
    airline = _holder(airlines()[0].get(iata, ()), on)
    return airline.icao if airline else None


def airline_iata(icao: str, on: dt.date | None) -> str | None:
    """The IATA designator behind an ICAO one on a day; None when it is not known.

    Without a day: today's holder, or the last one.
    """
    airline = _holder(airlines()[1].get(icao, ()), on)
    return airline.iata if airline else None


@lru_cache(maxsize=4096)
def airport(code: str) -> Airport | None:
    """The airport with this IATA or ICAO code, in upper case; None when it is not known."""
    by_icao, by_iata = _airports()
    row = by_icao.get(code) or by_iata.get(code)
    if row is None:
        return None
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
    """All airlines of the file by IATA and by ICAO designator, the newest holder first.

    Raises msgspec.ValidationError when a row of the file is malformed.
    """
    text = (files("filters") / "data" / "airlines.csv").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]
    known = [msgspec.convert({**row, "note": row["note"] or ""}, Airline) for row in rows]
    known.sort(key=lambda airline: airline.valid_to or dt.date.max, reverse=True)
    by_iata: _Airlines = defaultdict(list)
    by_icao: _Airlines = defaultdict(list)
    for airline in known:
        by_iata[airline.iata].append(airline)
        by_icao[airline.icao].append(airline)
    return dict(by_iata), dict(by_icao)


def _holder(known: list[Airline] | tuple[()], on: dt.date | None) -> Airline | None:
    return next((airline for airline in known if on is None or airline.held_on(on)), None)


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
