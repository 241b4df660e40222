from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from filters import reference

STORM = dt.date(2013, 2, 8)


@pytest.mark.parametrize(
    ("iata", "on", "icao"),
    [
        ("UA", None, "UAL"),
        ("UA", STORM, "UAL"),
        ("B6", STORM, "JBU"),
        ("9E", STORM, "FLG"),
        ("9E", dt.date(2013, 7, 31), "FLG"),
        ("9E", dt.date(2013, 8, 1), "EDV"),
        ("9E", None, "EDV"),
        ("MQ", STORM, "EGF"),
        ("MQ", dt.date(2014, 4, 15), "ENY"),
        ("US", dt.date(2008, 1, 1), "USA"),
        ("US", STORM, "AWE"),
        ("US", dt.date(2020, 1, 1), None),
        ("US", None, "AWE"),
        ("EV", STORM, "ASQ"),
        ("FL", STORM, "TRS"),
        ("FL", dt.date(2015, 1, 1), None),
        ("VX", STORM, "VRD"),
        ("HP", STORM, None),
        ("AZ", dt.date(2021, 10, 14), "AZA"),
        ("AZ", dt.date(2021, 10, 15), "ITY"),
        ("NA", STORM, None),
        ("ua", STORM, None),
        ("", None, None),
    ],
)
def test_an_iata_designator_means_one_airline_on_a_day(
    iata: str, on: dt.date | None, icao: str | None
) -> None:
    assert reference.airline_icao(iata, on) == icao


@pytest.mark.parametrize(
    ("icao", "on", "iata"),
    [
        ("SKW", STORM, "OO"),
        ("FLG", STORM, "9E"),
        ("FLG", dt.date(2014, 1, 1), None),
        ("FLG", None, "9E"),
        ("EDV", STORM, None),
        ("AWE", dt.date(2007, 9, 24), "HP"),
        ("AWE", STORM, "US"),
        ("EGF", STORM, "MQ"),
        ("ASH", STORM, "YV"),
        ("BLOCKED", STORM, None),
    ],
)
def test_an_icao_designator_means_one_airline_on_a_day(
    icao: str, on: dt.date | None, iata: str | None
) -> None:
    assert reference.airline_iata(icao, on) == iata


def test_no_two_airlines_hold_a_designator_on_the_same_day() -> None:
    for known in reference.airlines():
        for code, holders in known.items():
            for one, other in combinations(holders, 2):
                both = max(one.valid_from or dt.date.min, other.valid_from or dt.date.min)
                assert not (one.held_on(both) and other.held_on(both)), code


def test_the_newest_holder_comes_first() -> None:
    for known in reference.airlines():
        for holders in known.values():
            for newer, older in pairwise(holders):
                assert older.valid_to is not None
                assert newer.valid_to is None or newer.valid_to > older.valid_to


def test_every_row_of_the_airline_file_is_well_formed() -> None:
    by_iata, by_icao = reference.airlines()
    rows = [airline for holders in by_iata.values() for airline in holders]
    assert len(rows) == sum(len(holders) for holders in by_icao.values()) > 130
    for row in rows:
        assert re.fullmatch("[A-Z0-9]{2}", row.iata)
        assert re.fullmatch("[A-Z]{3}", row.icao)
        assert re.fullmatch("[A-Z]{2}", row.country)
        assert row.name.strip() == row.name != ""


def test_designators_agree_with_a_genuine_airport_feed(samples: Path) -> None:
    path = samples / "airport-json" / "edi_chroma_arrivals.json"
    rows = json.loads(path.read_text("utf-8"))
    # Some of its ICAO fields hold the IATA designator, and SIG is no airline.
    pairs = {
        (row["IATA"][:2], row["ICAO"][:3])
        for row in rows
        if row["ICAO"][:3].isalpha() and row["ICAO"][:3] != "SIG"
    }
    assert len(pairs) > 30
    assert {(iata, reference.airline_icao(iata, None)) for iata, _ in pairs} == pairs


@pytest.mark.parametrize(
    ("code", "icao", "zone"),
    [
        ("EWR", "KEWR", "America/New_York"),
        ("KEWR", "KEWR", "America/New_York"),
        ("SJU", "TJSJ", "America/Puerto_Rico"),
        ("HNL", "PHNL", "Pacific/Honolulu"),
        ("NAN", "NFFN", "Pacific/Fiji"),
        ("LHR", "EGLL", "Europe/London"),
        ("PHX", "KPHX", "America/Phoenix"),
        ("APW", "NSFA", "Pacific/Apia"),
    ],
)
def test_an_airport_is_found_by_either_code(code: str, icao: str, zone: str) -> None:
    airport = reference.airport(code)
    assert airport is not None
    assert (airport.icao, airport.zone) == (icao, zone)
    assert airport == reference.airport(icao)


def test_an_airport_says_where_it_is() -> None:
    airport = reference.airport("EWR")
    assert airport is not None
    assert (airport.iata, airport.city, airport.country) == ("EWR", "Newark", "US")
    assert "Newark" in airport.name
    assert 40 < airport.latitude < 41
    assert -75 < airport.longitude < -74


@pytest.mark.parametrize("code", ["", "NYC", "kewr", "Q?Q", "KEWRX", "NA"])
def test_an_unknown_airport_is_none(code: str) -> None:
    assert reference.airport(code) is None


@pytest.mark.parametrize(
    ("utc", "zone", "local"),
    [
        # Either side of midnight.
        ("2013-02-08T04:59:59.999+00:00", "America/New_York", "2013-02-07T23:59:59.999000-05:00"),
        ("2013-02-08T05:00:00+00:00", "America/New_York", "2013-02-08T00:00:00-05:00"),
        # Clocks go forward and back.
        ("2013-03-10T06:59:00+00:00", "America/New_York", "2013-03-10T01:59:00-05:00"),
        ("2013-03-10T07:00:00+00:00", "America/New_York", "2013-03-10T03:00:00-04:00"),
        ("2025-11-02T05:30:00+00:00", "America/New_York", "2025-11-02T01:30:00-04:00"),
        ("2025-11-02T06:30:00+00:00", "America/New_York", "2025-11-02T01:30:00-05:00"),
        ("2025-10-26T00:30:00+00:00", "Europe/London", "2025-10-26T01:30:00+01:00"),
        ("2025-04-05T14:45:00+00:00", "Australia/Lord_Howe", "2025-04-06T01:45:00+11:00"),
        ("2025-04-05T15:15:00+00:00", "Australia/Lord_Howe", "2025-04-06T01:45:00+10:30"),
        ("2018-11-04T03:00:00+00:00", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"),
        # The date line, and the day that Samoa left out.
        ("2011-12-30T09:59:59+00:00", "Pacific/Apia", "2011-12-29T23:59:59-10:00"),
        ("2011-12-30T10:00:00+00:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
        ("2025-03-01T07:05:00+00:00", "Pacific/Auckland", "2025-03-01T20:05:00+13:00"),
        ("2025-06-02T21:00:00+00:00", "Pacific/Pago_Pago", "2025-06-02T10:00:00-11:00"),
        ("2025-06-02T21:35:00+00:00", "Pacific/Apia", "2025-06-03T10:35:00+13:00"),
        # Zones off the hour, before the epoch.
        ("2013-02-08T00:00:00+00:00", "Asia/Kathmandu", "2013-02-08T05:45:00+05:45"),
        ("1969-12-31T23:59:59.500+00:00", "UTC", "1969-12-31T23:59:59.500000+00:00"),
    ],
)
def test_local_time_is_what_clocks_there_show(utc: str, zone: str, local: str) -> None:
    moment = dt.datetime.fromisoformat(utc)
    ms = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    shown = reference.local_time(ms, zone)
    assert shown.isoformat() == local
    assert shown.tzinfo is not None
    assert shown.timestamp() == moment.timestamp()
    assert reference.local_date(ms, zone) == local[:10]


def test_a_time_beyond_the_calendar_is_an_overflow() -> None:
    with pytest.raises(OverflowError):
        reference.local_date(10**18, "UTC")


def test_a_zone_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        reference.local_date(0, "Atlantis/Capital")


def test_nothing_is_read_before_the_first_look_up(root: Path) -> None:
    code = (
        "import sys\n"
        "opened = []\n"
        "def hook(event, args):\n"
        "    if event == 'open': opened.append(str(args[0]))\n"
        "sys.addaudithook(hook)\n"
        "import filters.reference\n"
        "assert not [name for name in opened if name.endswith('.csv')], opened\n"
        "assert filters.reference.airport('EWR') and filters.reference.airline_icao('UA', None)\n"
        "print(len([name for name in opened if name.endswith('.csv')]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert run.stdout == "3\n"  # airlines, moved airports, airportsdata
