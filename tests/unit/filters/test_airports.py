"""Airports whose codes moved: which one a code means on which day."""

from __future__ import annotations

import datetime as dt
from itertools import combinations

import pytest

from filters import reference
from filters.designators import Flight, airport_code, moved
from filters.normalize.statuses import make_status
from schemas.records import FlightStatus
from tests.unit.filters.records import SOURCES, at, message


def day(text: str | None) -> dt.date | None:
    """An ISO date."""
    return None if text is None else dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("code", "on", "iata", "icao"),
    [
        ("IST", "2019-04-05", "IST", "LTBA"),
        ("IST", "2019-04-06", "IST", "LTFM"),
        ("IST", None, "IST", "LTFM"),
        ("LTBA", "2019-04-05", "IST", "LTBA"),
        ("LTBA", "2019-04-06", "ISL", "LTBA"),
        ("LTBA", None, "ISL", "LTBA"),
        ("DOH", "2014-05-26", "DOH", "OTBD"),
        ("DOH", "2014-05-27", "DOH", "OTHH"),
        ("OTBD", "2014-05-26", "DOH", "OTBD"),
        ("OTBD", "2014-05-27", "DIA", "OTBD"),
        ("EDDB", "2020-10-24", "SXF", "EDDB"),
        ("EDDB", "2020-10-25", "BER", "EDDB"),
        ("EDDT", "2020-11-08", "TXL", "EDDT"),
        ("UIO", "2013-02-19", "UIO", "SEQU"),
        ("UIO", "2013-02-20", "UIO", "SEQM"),
        ("UACC", "2020-06-07", "TSE", "UACC"),
        ("UACC", "2020-06-08", "NQZ", "UACC"),
        ("BKK", "2006-09-27", "BKK", "VTBD"),
        ("BKK", "2006-09-28", "BKK", "VTBS"),
        ("VTBD", None, "DMK", "VTBD"),
        ("HYD", "2008-03-22", "HYD", "VOHY"),
        ("HYD", "2008-03-23", "HYD", "VOHS"),
        ("BLR", "2008-05-23", "BLR", "VOBG"),
        ("BLR", "2008-05-24", "BLR", "VOBL"),
        ("VOBG", None, "", "VOBG"),
        ("NGO", "2005-02-16", "NGO", "RJNN"),
        ("NGO", "2005-02-17", "NGO", "RJGG"),
        ("RJNA", "2013-02-08", "NKM", "RJNA"),
        ("DUR", "2010-04-30", "DUR", "FADN"),
        ("ISB", "2018-05-03", "ISB", "OPIS"),
        # Closed, and known by its last code.
        ("TXL", None, "TXL", "EDDT"),
        ("TXL", "2024-01-01", "TXL", "EDDT"),
        ("SEQU", None, "UIO", "SEQU"),
        ("ISN", "2013-02-08", "ISN", "KISN"),
        # A code of another day: the same airport under its code of this one.
        ("ISL", "2018-01-01", "IST", "LTBA"),
        ("DIA", "2010-01-01", "DOH", "OTBD"),
        ("NQZ", "2019-01-01", "TSE", "UACC"),
        ("TSE", "2022-01-01", "NQZ", "UACC"),
        ("SXF", "2022-01-01", "BER", "EDDB"),
        ("LTFM", "2018-01-01", "IST", "LTFM"),
        # All others do not care for the day.
        ("EWR", "1999-01-01", "EWR", "KEWR"),
        ("KEWR", None, "EWR", "KEWR"),
    ],
)
def test_a_code_means_the_airport_of_its_day(
    code: str, on: str | None, iata: str, icao: str
) -> None:
    found = reference.airport(code, day(on))
    assert found is not None
    assert (found.iata, found.icao) == (iata, icao)
    assert airport_code(code, day(on)) == (iata or icao)
    assert reference.local_date(0, found.zone)
    assert (found.latitude, found.longitude) != (0, 0)
    assert found.city
    assert len(found.country) == 2


# IATA city codes that are no airport's (IATA, Airline Coding Directory, section 2).
CITIES = "LON NYC PAR TYO OSA SAO RIO BUE MIL ROM STO MOW CHI WAS YTO YMQ SEL BJS JKT REK TCI BUH"


@pytest.mark.parametrize("code", CITIES.split())
def test_a_city_is_no_airport(code: str) -> None:
    assert reference.airport(code) is None
    assert reference.airport(code, dt.date(2013, 2, 8)) is None


def rows() -> list[reference.Held]:
    """All rows of the table."""
    return [row for code, held in reference.moves().items() for row in held if row.icao == code]


def test_no_code_means_two_airports_on_a_day() -> None:
    for one, other in combinations(rows(), 2):
        if one.icao == other.icao or (one.iata and one.iata == other.iata):
            begin = max(one.valid_from or dt.date.min, other.valid_from or dt.date.min)
            assert not (one.held_on(begin) and other.held_on(begin)), (one, other)


def test_only_codes_of_the_table_ask_for_the_day() -> None:
    assert moved("KEWR", None, "LTBA")
    assert moved("NGO")
    assert not moved("KEWR", "IAH", None)
    assert not moved()


def status(origin: str, destination: str, received: str, **named: object) -> FlightStatus:
    """A status between two airports, said at a time."""
    whole: dict[str, object] = {
        "flight": Flight("THY", 17),
        "source_time": at(received),
        "times": {},
        "origin": origin,
        "destination": destination,
    }
    said = message({"x": received})
    source = SOURCES.of("test", "firehose")
    return make_status(said, source, "firehose", **{**whole, **named})  # type: ignore[arg-type]  # fields


@pytest.mark.parametrize(
    ("origin", "received", "named", "code"),
    [
        ("LTBA", "2018-01-01T00:00:00Z", {}, "IST"),
        ("LTBA", "2024-01-01T00:00:00Z", {}, "ISL"),
        # As a parser made of it that knew no day.
        ("ISL", "2018-01-01T00:00:00Z", {}, "IST"),
        # A schedule is published before the day it is for.
        ("LTBA", "2019-02-01T00:00:00Z", {"local_date": "2019-05-01"}, "ISL"),
        ("LTBA", "2019-02-01T00:00:00Z", {"utc_date": "2019-05-01"}, "ISL"),
        (
            "LTBA",
            "2019-02-01T00:00:00Z",
            {"times": {"out_scheduled": at("2019-05-01T08:00:00Z"), "in_actual": None}},
            "ISL",
        ),
        ("LTBA", "2018-01-01T00:00:00Z", {"source_time": 10**18}, "ISL"),
    ],
)
def test_a_status_carries_the_code_of_the_legs_day(
    origin: str, received: str, named: dict[str, object], code: str
) -> None:
    found = status(origin, "EWR", received, **named)
    assert (found.origin, found.destination) == (code, "EWR")
    back = status("EWR", origin, received, planned_destination=origin, **named)
    assert (back.destination, back.planned_destination) == (code, code)
