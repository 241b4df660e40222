"""Movement messages: what each element says, of which leg, and what is taken back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from filters.legs import LegState, fold
from filters.normalize import FORMATS, normalize, recognised
from filters.normalize.telegrams import mvt
from filters.normalize.telegrams.mvt.elements import PASSED_OVER, RETURNS, TIMES
from filters.outcome import Drop, Forward, Outcome, Reject
from filters.sources import Sources
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import SOURCES, at

RECEIVED = "2026-01-08T23:59:00Z"
FRANKFURT = "LH400/08.DABYA.FRA"
NEW_YORK = "LH400/08.DABYA.JFK"
TIME_FIELDS = {*(cell for cells in TIMES.values() for cell in cells), "source_time"}


def message(text: str | bytes, received: str = RECEIVED) -> FeedMessage:
    payload = text if isinstance(text, bytes) else text.encode()
    return FeedMessage(
        id=payload_id(payload), format="mvt", feed="test", received_at=at(received), payload=payload
    )


def outcome(text: str | bytes, received: str = RECEIVED, sources: Sources | None = None) -> Outcome:
    [found] = normalize([message(text, received)], sources=sources or SOURCES)
    return found


def statuses(
    text: str, received: str = RECEIVED, sources: Sources | None = None
) -> tuple[FlightStatus, ...]:
    found = outcome(text, received, sources)
    assert isinstance(found, Forward), found
    return tuple(status for status in found.outputs if isinstance(status, FlightStatus))


def status(text: str, received: str = RECEIVED, sources: Sources | None = None) -> FlightStatus:
    [found] = statuses(text, received, sources)
    return found


def sent(clock: str, *lines: str, kind: str = "MVT", line: str = FRANKFURT) -> str:
    """A telegram of Lufthansa 400 of 8 January 2026, sent at DDHHMM."""
    return "\r\n".join(["QU FRAKLLH", f".FRAOOLH {clock}", kind, line, *lines, ""])


def said(found: FlightStatus) -> dict[str, Any]:
    """The times that a status tells, and what it takes back."""
    fields = {name: getattr(found, name) for name in sorted(TIME_FIELDS - {"source_time"})}
    cleared = {"cleared": found.cleared} if found.cleared else {}
    return {name: value for name, value in fields.items() if value is not None} | cleared


def moments(**times: str) -> dict[str, int]:
    """Times on 8 January 2026 as HHMM, or with another day in front."""
    return {
        name: at(f"2026-01-{text[:-4] or '08'}T{text[-4:-2]}:{text[-2:]}:00Z")
        for name, text in times.items()
    }


DEPARTURES = {
    "AD0805": moments(out_actual="0805"),
    "AD0805/0821": moments(out_actual="0805", off_actual="0821"),
    "AD080805/080821": moments(out_actual="0805", off_actual="0821"),
    "AD080805/0821": moments(out_actual="0805", off_actual="0821"),
    "AD/0821": moments(off_actual="0821"),
    "AD0805/": moments(out_actual="0805"),
    "AD 0805 / 0821": moments(out_actual="0805", off_actual="0821"),
    "AD0805Z/0821Z": moments(out_actual="0805", off_actual="0821"),
    "AD0805/0821 EA1640 JFK": moments(out_actual="0805", off_actual="0821", on_estimated="1640"),
    "AD0805/0821\r\nEA1640 JFK\r\nEB1655": moments(
        out_actual="0805", off_actual="0821", on_estimated="1640", in_estimated="1655"
    ),
    "AD0805 EO0850 EA1640JFK": moments(
        out_actual="0805", off_estimated="0850", on_estimated="1640"
    ) | {"cleared": ("next_info",)},
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), DEPARTURES.items())
def test_a_departure(body: str, expected: dict[str, Any]) -> None:
    found = status(sent("080830", *body.split("\r\n")))
    assert said(found) == expected
    assert (found.airline, found.number, found.origin) == ("DLH", 400, "FRA")
    assert found.destination == ("JFK" if "JFK" in body else None)
    assert found.source_time == at("2026-01-08T08:30:00Z")
    assert (found.utc_date, found.registration) == ("2026-01-08", "DABYA")
    assert (found.life, found.source_id, found.deviation) == ("operating", None, None)
    assert found.evidence == ()


ARRIVALS = {
    "AA1640": moments(on_actual="1640"),
    "AA1640/1652": moments(on_actual="1640", in_actual="1652"),
    "AA/1652": moments(in_actual="1652"),
    "AA081640/081652": moments(on_actual="1640", in_actual="1652"),
    "TD1640 AA1652": moments(on_actual="1640", in_actual="1652"),
    "TD1640": moments(on_actual="1640"),
    "AA1640 EB1655": moments(on_actual="1640", in_estimated="1655"),
    "EA1715": moments(on_estimated="1715"),
    "EA1715 JFK": moments(on_estimated="1715"),
    "EA1715 KJFK EB1730": moments(on_estimated="1715", in_estimated="1730"),
    "EB1730": moments(in_estimated="1730"),
}


@pytest.mark.parametrize(("body", "expected"), ARRIVALS.items())
def test_an_arrival_names_the_airport_of_arrival_only(body: str, expected: dict[str, Any]) -> None:
    found = status(sent("081655", body, line=NEW_YORK))
    assert said(found) == expected
    assert (found.origin, found.destination, found.planned_destination) == (None, "JFK", None)
    assert (found.date, found.utc_date) == (None, "2026-01-08")


@pytest.mark.parametrize("kind", ["MVT", "MVA", "mvt", "MVT  "])
def test_a_message_from_the_aircraft_reads_like_one_by_hand(kind: str) -> None:
    assert said(status(sent("080830", "AD0805", kind=kind))) == moments(out_actual="0805")


def test_an_estimate_for_another_airport_comes_from_the_departure() -> None:
    found = status(sent("081200", "EA1700 JFK"))
    assert (found.origin, found.destination) == ("FRA", "JFK")


def test_of_several_estimated_arrivals_the_first_is_the_legs() -> None:
    found = status(sent("080830", "AD0805/0821 EA1640 JFK EA2210 MEX"))
    assert (found.destination, found.on_estimated) == ("JFK", at("2026-01-08T16:40:00Z"))
    assert found.evidence == ("ea=2210/MEX",)


DELAYS = {
    "ED080930": moments(out_estimated="0930") | {"cleared": ("next_info",)},
    "ED0930": moments(out_estimated="0930") | {"cleared": ("next_info",)},
    "ED091330": moments(out_estimated="091330") | {"cleared": ("next_info",)},
    "ED082400": moments(out_estimated="090000") | {"cleared": ("next_info",)},
    "EO0930": moments(off_estimated="0930") | {"cleared": ("next_info",)},
    "ED080930\r\nEA081805 JFK": moments(out_estimated="0930", on_estimated="1805")
    | {"cleared": ("next_info",)},
    "NI081100": moments(next_info="1100") | {"cleared": ("off_estimated", "out_estimated")},
    "NI1100": moments(next_info="1100") | {"cleared": ("off_estimated", "out_estimated")},
    "ED080930 NI081100": moments(out_estimated="0930", next_info="1100")
    | {"cleared": ("off_estimated",)},
}


@pytest.mark.parametrize(("body", "expected"), DELAYS.items())
def test_a_delay(body: str, expected: dict[str, Any]) -> None:
    found = status(sent("080730", *body.split("\r\n")))
    assert said(found) == expected
    assert (found.origin, found.life) == ("FRA", "operating")


CAUSES = {
    "DL93/0030": ("AHM730:93", ()),
    "DL93": ("AHM730:93", ()),
    "DLRA/0030": ("AHM730:93", ()),
    "DL 93/0030": ("AHM730:93", ()),
    "DL68/36/0040/0036": ("AHM730:68", ("delay=36/0036",)),
    "DL31/62/0005/0015": ("AHM730:62", ("delay=31/0005",)),
    "DL31/62/0015": ("AHM730:31", ("delay=62",)),
    "DL31/62": ("AHM730:31", ("delay=62",)),
    "DL31/62/0005/0015\r\nEDL81/93/0045/0010": (
        "AHM730:81", ("delay=31/0005", "delay=62/0015", "delay=93/0010"),
    ),
    "DL93A/0030": ("AHM730:93", ("delay=93A/0030",)),
    "DL31/62/0005/0015\r\nDLA31C/62A//": (
        "AHM730:62", ("delay=31/0005", "dla=31C/62A//"),
    ),
    "DL93/95/0020/0010\r\nDLA93//95/": ("AHM730:93", ("delay=95/0010", "dla=93//95/")),
    "DLA841/812": ("AHM730:84", ("dla=841/812",)),
    "DLXQ/0030": (None, ("delay=XQ/0030",)),
    "DLXQ/93/0030/0010": ("AHM730:93", ("delay=XQ/0030",)),
    "DLXQZ/0030": ("AHM732:XQZ", ()),
    "DL93/UNKNOWN": (None, ("unread=DL",)),
    "DR71": ("AHM730:71", ()),
    "DL93/0030 DR71": ("AHM730:93", ("dr=71",)),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), CAUSES.items())
def test_the_longest_delay_is_the_cause_and_the_rest_evidence(
    body: str, expected: tuple[str | None, tuple[str, ...]]
) -> None:
    found = status(sent("080830", "AD0805/0821", *body.split("\r\n")))
    assert (found.cause, found.evidence) == expected


def test_delay_codes_alone_are_worth_a_status_of_the_departure() -> None:
    found = status(sent("081000", "DL93/0030"))
    assert (found.cause, found.origin, said(found)) == ("AHM730:93", "FRA", {})


def test_trap_24_one_word_means_one_thing_as_an_element_and_another_as_a_code() -> None:
    found = status(sent("080730", "ED080930", "DLED/0030", "EDLFR/0010"))
    assert found.out_estimated == at("2026-01-08T09:30:00Z")
    assert (found.cause, found.evidence) == ("AHM730:55", ("delay=FR/0010",))
    assert found.deviation is None


def test_trap_24_three_letters_are_read_by_the_sources_scheme() -> None:
    text = sent("080830", "AD0805", "DLFRC/0010")
    newer = Sources({"mvt": {"rank": 90, "delay_codes": "AHM732"}})
    assert status(text).cause == "AHM730:65"
    assert status(text, sources=newer).cause == "AHM732:FRC"


@pytest.mark.parametrize(
    ("body", "evidence"),
    [
        ("PX215", ("px=215",)),
        ("PX30/185", ("px=30/185",)),
        ("PX12/134/10", ("px=12/134/10",)),
        ("PX215+0INF", ("px=215+0INF",)),
        ("PX214+3", ("px=214+3",)),
        ("PX 215", ("px=215",)),
        ("PX2X5", ("unread=PX",)),
        ("CRT0715/0730 MAP0812 TOF6400 TOW63452 ZFW52500", ()),
        ("RC1200 YQX", ()),
        ("QZ1234 QZ1234", ("QZ=1234",)),
        ("CAPTAIN MILLER", ("unread=text",)),
    ],
)
def test_what_is_no_time_is_evidence_or_passed_over(body: str, evidence: tuple[str, ...]) -> None:
    assert status(sent("080830", "AD0805", body)).evidence == evidence


def test_free_text_is_never_kept() -> None:
    free = ("SI MR JANE MILLER SEAT 12A ED082300", "DL99/0100 AD1000", "SI CALL 555 1234")
    found = status(sent("080830", "AD0805/0821 PX215 SI MILLER", *free))
    assert said(found) == moments(out_actual="0805", off_actual="0821")
    assert found.evidence == ("px=215",)
    encoded = msgspec.json.encode(found)
    assert b"MILLER" not in encoded
    assert b"555" not in encoded


FLIGHT_LINES = {
    "LH400/08.DABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/08.D-ABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "DLH400/08.DABYA.EDDF": ("DLH", 400, "", "DABYA", "FRA"),
    "JST0122/08.VH-VWX.YMML": ("JST", 122, "", "VHVWX", "MEL"),
    "LH0400/08.DABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400A/08.DABYA.FRA": ("DLH", 400, "A", "DABYA", "FRA"),
    "LH 400 / 08 .DABYA .FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/8.DABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/08JAN.DABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/08JAN26.DABYA.FRA": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/08..FRA": ("DLH", 400, "", None, "FRA"),
    "LH400/08.FRA": ("DLH", 400, "", None, "FRA"),
    "lh400/08.dabya.fra": ("DLH", 400, "", "DABYA", "FRA"),
    "LH400/08.N104DL.FRA.": ("DLH", 400, "", "N104DL", "FRA"),
}


@pytest.mark.parametrize(("line", "expected"), FLIGHT_LINES.items())
def test_trap_32_flight_lines_come_in_many_spellings(
    line: str, expected: tuple[str, int, str, str | None, str]
) -> None:
    found = status(sent("080830", "AD0805", line=line))
    named = (found.airline, found.number, found.suffix, found.registration, found.origin)
    assert named == expected
    assert found.utc_date == "2026-01-08"


@pytest.mark.parametrize(
    ("designator", "named"),
    [
        ("W63407", ("WZZ", 3407, "")),
        ("U26418", ("EZY", 6418, "")),
        ("5X168", ("UPS", 168, "")),
        ("9E3280", ("EDV", 3280, "")),
        ("TOM7623", ("TOM", 7623, "")),
        ("LS073W", ("EXS", 73, "W")),
        ("VS808P", ("VIR", 808, "P")),
    ],
)
def test_trap_03_and_04_designators(designator: str, named: tuple[str, int, str]) -> None:
    found = status(sent("080830", "AD0805", line=f"{designator}/08.GABCD.LHR"))
    assert (found.airline, found.number, found.suffix) == named


def test_elements_may_stand_on_the_flight_line_and_that_behind_the_identifier() -> None:
    text = ".FRAOOLH 080830\nMVT LH400/08.DABYA.FRA AD0805/0821 EA1640 JFK DL93/0020 PX215="
    found = status(text)
    assert found.out_actual == at("2026-01-08T08:05:00Z")
    assert (found.destination, found.cause, found.evidence) == ("JFK", "AHM730:93", ("px=215",))


def test_a_long_line_is_read_whole() -> None:
    words = "AD0805/0821 EA1640 JFK DL68/36/0040/0036 EDL93/81/0020/0010 PX215+0INF FLD08 EB1655"
    found = status(sent("080830", words))
    assert said(found) == moments(
        out_actual="0805", off_actual="0821", on_estimated="1640", in_estimated="1655"
    )


def test_trap_02_the_day_is_the_utc_day_and_no_local_date_is_guessed() -> None:
    evening = status("MVT\nJST0811/22.VHVWX.MEL\nAD2205/2215", "2026-01-22T22:16:00Z")
    # In Melbourne it is 09:05 on the 23rd; the schedule may have said the 22nd or the 23rd.
    assert (evening.utc_date, evening.date) == ("2026-01-22", None)
    arrival = status("MVT\nJST0811/22.VHVWX.SYD\nAA2222", "2026-01-22T22:25:00Z")
    assert (arrival.utc_date, arrival.date, arrival.origin) == ("2026-01-22", None, None)


def test_a_local_date_is_told_where_every_possible_schedule_lies_on_it() -> None:
    found = status(sent("080830", "AD0805"))
    assert (found.date, found.date_basis) == ("2026-01-08", "filed")


DAYS = [
    # line's day, received or sent, scheduled UTC day
    ("02", "2026-01-31T20:00:00Z", "2026-02-02"),
    ("27", "2026-01-28T00:30:00Z", "2026-01-27"),
    ("31", "2026-02-01T00:30:00Z", "2026-01-31"),
    ("31", "2026-03-01T09:00:00Z", None),
    ("01", "2025-12-31T23:10:00Z", "2026-01-01"),
    ("29", "2028-03-01T06:00:00Z", "2028-02-29"),
    ("05", "2026-01-08T06:00:00Z", "2026-01-05"),
    ("11", "2026-01-08T06:00:00Z", "2026-01-11"),
    ("20", "2026-01-08T06:00:00Z", "2026-01-20"),
    ("31DEC", "2026-01-02T06:00:00Z", "2025-12-31"),
    ("31DEC19", "2026-01-02T06:00:00Z", "2019-12-31"),
    ("00", "2026-01-08T06:00:00Z", None),
    ("32", "2026-01-08T06:00:00Z", None),
    ("30FEB", "2026-01-08T06:00:00Z", None),
    ("08XXX", "2026-01-08T06:00:00Z", None),
    ("08JAN1950", "2026-01-08T06:00:00Z", None),
]


@pytest.mark.parametrize(("day", "received", "date"), DAYS)
def test_trap_13_the_day_is_the_one_nearest_to_the_message(
    day: str, received: str, date: str | None
) -> None:
    found = outcome(f"MVT\nLH400/{day}.DABYA.FRA\nDL93", received)
    if date is None:
        reason = f"flight line: 'LH400/{day}.DABYA.FRA' has '{day}' for a day"
        assert found == Reject(reason)
    else:
        assert isinstance(found, Forward)
        assert [getattr(one, "utc_date", None) for one in found.outputs] == [date]


def test_the_legs_own_day_stands_over_the_flights() -> None:
    found = status(sent("091655", "AA1640/1652", "FLD09", line=NEW_YORK))
    assert (found.utc_date, found.on_actual) == ("2026-01-09", at("2026-01-09T16:40:00Z"))
    assert status(sent("081655", "AA1640 FLDX", line=NEW_YORK)).utc_date == "2026-01-08"
    wrong = status(sent("081655", "AA1640 FLD08XX", line=NEW_YORK))
    assert (wrong.utc_date, wrong.evidence) == ("2026-01-08", ("unread=FLD",))


RESOLVED = [
    # sent, line's day, body, cell, moment
    ("090140", "08", "AA0131", "on_actual", "2026-01-09T01:31:00Z"),
    ("090020", "08", "AD0007", "out_actual", "2026-01-09T00:07:00Z"),
    ("080005", "08", "AD2358", "out_actual", "2026-01-07T23:58:00Z"),
    ("090010", "08", "AD2358", "out_actual", "2026-01-08T23:58:00Z"),
    ("090010", "08", "AD2358/0009", "off_actual", "2026-01-09T00:09:00Z"),
    ("090010", "08", "AD082358/090009", "off_actual", "2026-01-09T00:09:00Z"),
    ("090003", "08", "AD2400", "out_actual", "2026-01-09T00:00:00Z"),
    ("090003", "08", "AD082400", "out_actual", "2026-01-09T00:00:00Z"),
    ("082010", "08", "AD2020", "out_actual", "2026-01-08T20:20:00Z"),
    ("100900", "08", "AD0830", "out_actual", "2026-01-08T08:30:00Z"),
    ("120900", "08", "AD0830", "out_actual", "2026-01-08T08:30:00Z"),
    ("120900", "08", "AA0130", "on_actual", "2026-01-09T01:30:00Z"),
    ("120900", "08", "AA1130", "on_actual", "2026-01-08T11:30:00Z"),
    ("091230", "08", "AD0930", "out_actual", "2026-01-09T09:30:00Z"),
    ("081100", "08", "ED0830", "out_estimated", "2026-01-08T08:30:00Z"),
    ("100650", "08", "AA100641", "on_actual", "2026-01-10T06:41:00Z"),
    ("082200", "08", "ED0030", "out_estimated", "2026-01-09T00:30:00Z"),
    ("080900", "08", "ED0830", "out_estimated", "2026-01-08T08:30:00Z"),
    ("071200", "08", "ED0930", "out_estimated", "2026-01-08T09:30:00Z"),
    ("091200", "08", "ED1500", "out_estimated", "2026-01-09T15:00:00Z"),
    ("141200", "08", "ED1500", "out_estimated", "2026-01-08T15:00:00Z"),
    ("082200", "08", "NI0200", "next_info", "2026-01-09T02:00:00Z"),
    ("082145", "08", "AD2130/2141 EA0505 JFK", "on_estimated", "2026-01-09T05:05:00Z"),
    ("082145", "08", "EA0505", "on_estimated", "2026-01-09T05:05:00Z"),
    ("311800", "31", "ED010030", "out_estimated", "2026-02-01T00:30:00Z"),
]


@pytest.mark.parametrize(("clock", "day", "body", "cell", "moment"), RESOLVED)
def test_trap_09_a_time_without_a_day_is_resolved_by_the_legs_day_and_the_message(
    clock: str, day: str, body: str, cell: str, moment: str
) -> None:
    received = "2026-02-01T00:00:00Z" if clock.startswith("31") else "2026-01-14T20:00:00Z"
    found = status(sent(clock, body, line=f"LH400/{day}.DABYA.FRA"), received)
    assert getattr(found, cell) == at(moment)
    assert found.utc_date == f"2026-01-{day}"


UNREAD = [
    ("AD0805/2560", "AD", moments(out_actual="0805")),
    ("AD2560/0821", "AD", moments(off_actual="0821")),
    ("AD0805/0821/0900", "AD", moments(out_actual="0805", off_actual="0821")),
    ("AD0805 EA12", "EA", moments(out_actual="0805")),
    ("AD0805 EO08501", "EO", moments(out_actual="0805")),
    ("AD0805/0744", "AD", moments(out_actual="0805")),
    ("AD0805 ED", "ED", moments(out_actual="0805")),
]


@pytest.mark.parametrize(("body", "name", "expected"), UNREAD)
def test_one_bad_time_costs_that_time_only(body: str, name: str, expected: dict[str, Any]) -> None:
    found = status(sent("080830", body))
    assert said(found) == expected
    assert found.evidence == (f"unread={name}",)


def test_what_happened_is_not_after_the_message() -> None:
    for value in ("1130", "091130"):
        reason = f"AD: '{value}' is no time of this flight"
        assert outcome(sent("080830", f"AD{value}")) == Reject(reason)


def test_a_take_off_long_after_the_off_block_is_not_read() -> None:
    found = status(sent("120900", "AD0805/0744"), "2026-01-12T10:00:00Z")
    assert said(found) == moments(out_actual="0805")
    assert found.evidence == ("unread=AD",)


def fully(*texts: str) -> LegState:
    """A leg's state after these messages."""
    found = [one for text in texts for one in statuses(text)]
    return fold(LegState(key="leg"), found)[0]


ORDERS = [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)]


def test_trap_16_a_message_sent_twice_is_the_same_status() -> None:
    text = sent("080830", "AD0805/0821", kind="MVA")
    assert outcome(text) == outcome(text)
    state, verdicts = fold(LegState(key="leg"), [*statuses(text), *statuses(text)])
    assert verdicts == ["applied", "duplicate"]
    again = status(sent("080830", "AD0805/0821", kind="PDM\r\nMVA"))
    assert said(again) == said(status(text))
    assert state.time("off_actual") == again.off_actual


@pytest.mark.parametrize("order", ORDERS)
def test_trap_17_fewer_elements_take_nothing_back(order: tuple[int, ...]) -> None:
    texts = (
        sent("081636", "AA1635", line=NEW_YORK),
        sent("081642", "AA1635/1641", "SI LATE PAIR", line=NEW_YORK),
        sent("081655", "DL93", line=NEW_YORK),
    )
    for last in (1, 2):
        chosen = [texts[0 if index == 0 else last] for index in order]
        state = fully(texts[1], *chosen)
        assert state.time("on_actual") == at("2026-01-08T16:35:00Z")
        assert state.time("in_actual") == at("2026-01-08T16:41:00Z")


@pytest.mark.parametrize("order", ORDERS)
def test_trap_18_the_origin_line_orders_and_not_the_arrival(order: tuple[int, ...]) -> None:
    texts = (sent("080700", "ED080900"), sent("080745", "ED080930"))
    state = fully(*(texts[index] for index in order))
    assert state.time("out_estimated") == at("2026-01-08T09:30:00Z")


@pytest.mark.parametrize("mark", ["COR MVT", "COR\r\nMVT", "PDM\r\nCOR MVT", "MVT COR"])
@pytest.mark.parametrize("order", ORDERS)
def test_trap_18_a_correction_replaces_within_the_same_minute(
    mark: str, order: tuple[int, ...]
) -> None:
    texts = (sent("080830", "AD0805/0821"), sent("080830", "AD0807", kind=mark))
    state = fully(*(texts[index] for index in order))
    assert state.time("out_actual") == at("2026-01-08T08:07:00Z")
    assert state.time("off_actual") is None
    assert status(texts[1]).source_time == at("2026-01-08T08:30:00Z") + 1


@pytest.mark.parametrize(
    ("body", "cleared"),
    [
        ("AD0807", ("off_actual",)),
        ("AD/0823", ("out_actual",)),
        ("AD0807/0823 EA1640 JFK", ()),
        ("DL93/0030", ()),
    ],
)
def test_a_correction_withdraws_what_its_pair_no_longer_has(
    body: str, cleared: tuple[str, ...]
) -> None:
    assert status(sent("080835", body, kind="COR MVT")).cleared == cleared


def test_a_correction_of_an_arrival_withdraws_the_on_block() -> None:
    assert status(sent("081655", "AA1640", kind="COR MVT", line=NEW_YORK)).cleared == ("in_actual",)
    both = sent("081655", "TD1640 AA1652", kind="COR MVT", line=NEW_YORK)
    assert status(both).cleared == ()


def test_a_correction_of_a_correction_is_newer_still() -> None:
    found = status(sent("080830", "AD0809", kind="COR COR MVT"))
    assert found.source_time == at("2026-01-08T08:30:00Z") + 2


@pytest.mark.parametrize("body", ["AD0805 RR0840", "RR0840", "RR", "AD080805\r\nRR080840"])
def test_trap_25_after_a_return_to_the_ramp_it_has_not_left(body: str) -> None:
    found = status(sent("080845", *body.split("\r\n"), "DL41/0030"))
    assert (found.deviation, found.origin, found.cause) == ("ramp_return", "FRA", "AHM730:41")
    assert said(found) == {"cleared": ("in_estimated", "off_actual", "on_estimated", "out_actual")}
    noted = {word[:2].lower() + "=" + word[2:] for word in body.split() if word != "RR"}
    assert set(found.evidence) == noted


@pytest.mark.parametrize("order", ORDERS)
def test_trap_25_the_next_estimate_counts_and_then_the_next_departure(
    order: tuple[int, ...],
) -> None:
    texts = (sent("080810", "AD0805", "EA1640 JFK"), sent("080845", "RR0840 ED081030"))
    state = fully(*(texts[index] for index in order))
    assert state.word("deviation") == "ramp_return"
    assert state.time("out_actual") is None
    assert state.time("on_estimated") is None
    assert state.time("out_estimated") == at("2026-01-08T10:30:00Z")
    later = fully(*texts, sent("081050", "AD1032/1048"))
    assert later.time("out_actual") == at("2026-01-08T10:32:00Z")


@pytest.mark.parametrize(
    ("body", "evidence"),
    [
        ("FR0910/0922", ("fr=0910/0922",)),
        ("FR0910", ("fr=0910",)),
        ("FR/0922", ("fr=/0922",)),
        ("FR EA0910 EB0922", ("ea=0910", "eb=0922")),
    ],
)
def test_trap_26_an_air_return_is_no_landing_at_the_destination(
    body: str, evidence: tuple[str, ...]
) -> None:
    found = status(sent("080925", body))
    assert (found.deviation, found.origin, found.destination) == ("air_return", "FRA", None)
    assert said(found) == {
        "cleared": (
            *("in_actual", "in_estimated", "off_actual"),
            *("on_actual", "on_estimated", "out_actual"),
        )
    }
    assert found.evidence == evidence


DIVERSIONS = {
    "EA1715 EWR\r\nDR71 PX112": ("EWR", moments(on_estimated="1715"), "AHM730:71", ("px=112",)),
    "EA1715 KEWR EB1730": ("EWR", moments(on_estimated="1715", in_estimated="1730"), None, ()),
    "EA1715": (None, moments(on_estimated="1715"), None, ()),
    "DR71": (None, {}, "AHM730:71", ()),
    "": (None, {}, None, ()),
    "AA1640/1652 EWR": ("EWR", moments(on_actual="1640", in_actual="1652"), None, ()),
    "EA1715 EWR DR71 DL93/0010": (
        "EWR", moments(on_estimated="1715"), "AHM730:71", ("delay=93/0010",),
    ),
    "EA1715 EWR\r\nTERM": ("EWR", moments(on_estimated="1715"), None, ("term=yes",)),
    "EA1715 EWR\r\nCONT JFK EO1830": (
        "EWR", moments(on_estimated="1715"), None, ("eo=1830", "cont=JFK"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), DIVERSIONS.items())
def test_trap_27_a_diversion_keeps_where_the_leg_was_to_go(
    body: str, expected: tuple[str | None, dict[str, int], str | None, tuple[str, ...]]
) -> None:
    found = status(sent("081655", *body.split("\r\n"), kind="DIV", line=NEW_YORK))
    assert (found.deviation, found.planned_destination, found.origin) == ("diverted", "JFK", None)
    assert (found.destination, said(found), found.cause, found.evidence) == expected


@pytest.mark.parametrize("order", ORDERS)
def test_trap_28_next_information_is_no_estimate_and_ends_the_one_before(
    order: tuple[int, ...],
) -> None:
    texts = (sent("080700", "ED080900"), sent("080845", "NI081100"))
    state = fully(*(texts[index] for index in order))
    assert state.time("out_estimated") is None
    assert state.time("next_info") == at("2026-01-08T11:00:00Z")
    known = fully(*texts, sent("081045", "ED081215"))
    assert known.time("next_info") is None
    assert known.time("out_estimated") == at("2026-01-08T12:15:00Z")


def test_without_an_envelope_it_was_known_when_it_was_received() -> None:
    found = status("COR MVT\nLH400/08.DABYA.FRA\nAD0805", "2026-01-08T08:31:07Z")
    assert found.source_time == at("2026-01-08T08:31:07Z") + 1


REJECTED = {
    "": "identifier: nothing where MVT, MVA or DIV should be",
    "HELLO": "identifier: 'HELLO' where MVT, MVA or DIV should be",
    "LH400/08.DABYA.FRA\nAD0805": (
        "identifier: 'LH400/08.DABYA.FRA' where MVT, MVA or DIV should be"
    ),
    "ASM\nUTC\nNEW": "identifier: 'ASM' where MVT, MVA or DIV should be",
    "MVT": "flight line: nothing, which is not as in CI5836/08.B18780.HKG",
    "MVT\nAD0805": "flight line: 'AD0805', which is not as in CI5836/08.B18780.HKG",
    "MVT\nAD0805\nDL68/31": "flight line: 'AD0805', which is not as in CI5836/08.B18780.HKG",
    "MVT\nLH400/08.DABYA\nAD0805": "flight line: 'LH400/08.DABYA' ends in no station",
    "MVT\nLH400/08\nAD0805": "flight line: 'LH400/08' ends in no station",
    "MVT\nLH0000/08.DABYA.FRA\nAD0805": (
        "flight line: 'LH0000/08.DABYA.FRA' has no flight number in front"
    ),
    "MVT\nLH400/08.DABYA.FRA\nAD9999": "AD: '9999' is no time of this flight",
    "MVT\nLH400/08.DABYA.FRA\nED PX215": "ED: '' is no time of this flight",
}


@pytest.mark.parametrize(("text", "reason"), REJECTED.items())
def test_what_names_no_flight_is_rejected(text: str, reason: str) -> None:
    assert outcome(text) == Reject(reason)


@pytest.mark.parametrize("body", ["", "PX215", "SI NIL", "PX215\r\nSI AD0805", "HELLO", "QZ1234"])
def test_what_says_nothing_of_the_flight_is_dropped(body: str) -> None:
    assert outcome(sent("080830", body)) == Drop("says_nothing")


@pytest.mark.parametrize("name", ["LDM", "PSM", "PTM", "CPM", "FWD"])
def test_messages_of_other_kinds_are_dropped(name: str) -> None:
    assert outcome(sent("080830", "PX215", kind=name)) == Drop("other_message")


def test_a_second_flight_line_begins_another_leg() -> None:
    other = "LH454/08.DAIMA.FRA"
    first, second = statuses(sent("080830", "AD0805", other, "ED080930 DL93/0030"))
    assert (first.number, said(first), first.cause) == (400, moments(out_actual="0805"), None)
    assert (second.number, second.out_estimated) == (454, at("2026-01-08T09:30:00Z"))
    assert first.id != second.id
    assert mvt.leg_key(sent("080830", "AD0805", other, "ED080930").encode()) is None


def test_a_file_that_was_not_split_is_read_telegram_by_telegram() -> None:
    text = sent("080830", "AD0805") + "\r\n" + sent("081655", "AA1640", line=NEW_YORK)
    assert [one.id[-2:] for one in statuses(text)] == [".0", ".1"]
    broken = text + sent("081655", "AA9999", line=NEW_YORK)
    assert outcome(broken) == Reject("AA: '9999' is no time of this flight", "line 12")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (sent("080830", "AD0805"), "DLH400/08"),
        (sent("081655", "AA1640", line=NEW_YORK), "DLH400/08"),
        (sent("090140", "AA0130", line="DLH0400/8.D-ABYA.KJFK"), "DLH400/08"),
        (sent("080830", "AD0805", kind="COR\r\nMVT", line="LH400/08JAN.DABYA.FRA"), "DLH400/08"),
        (sent("080830", "AD0805", line="LS073W/08.GABCD.LBA"), "EXS73W/08"),
        (sent("080830", "EA1715 EWR", kind="DIV", line=NEW_YORK), "DLH400/08"),
        (sent("080830", "AD0805") * 2, "DLH400/08"),
        (sent("080830", "PX1", kind="LDM"), None),
        (sent("080830", "AD0805", line="LH0/08.DABYA.FRA"), None),
        ("MVT", None),
        ("", None),
    ],
)
def test_all_messages_of_a_leg_have_one_key(text: str, key: str | None) -> None:
    assert mvt.leg_key(text.encode()) == key


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        (sent("080830", "AD0805"), True),
        (sent("080830", "AD0805", kind="COR\r\nMVT"), True),
        ("\x01MVT\nLH400/08.DABYA.FRA", True),
        ("MVT LH400/08.DABYA.FRA AD0805", True),
        ("DIV\nLH400/08.DABYA.JFK\n", True),
        ("DIV\nTO MANCHESTER\n", False),
        ("MVT\n", False),
        (".FRAOOLH 080830\nASM\nUTC\nCNL\nLH400/08JAN\n", False),
        (".FRAOOLH 080830\nLDM\nLH400/08.DABYA.Y215\n", False),
        ('{"type": "departure", "pitr": "1", "ident": "DLH400"}', False),
        ("<DIV><a>LH400/08.DABYA.JFK</a></DIV>", False),
        ("MVT,LH400,08,DABYA,FRA\n", False),
        ("", False),
    ],
)
def test_only_movement_messages_are_claimed(text: str, claimed: bool) -> None:
    assert mvt.detect(text.encode()) is claimed
    assert (recognised(text.encode()) is FORMATS["mvt"]) is claimed


def test_the_field_table_lists_every_element() -> None:
    listed = " ".join([*mvt.FIELDS, *mvt.IGNORED]).replace(",", "").split()
    codes = {"DL", "EDL", "DLA", "DR", "PX", "SI", "FLD", "COR", "PDM", "TERM", "CONT", "DIV"}
    assert {*TIMES, *RETURNS, *PASSED_OVER, *codes} <= set(listed)
