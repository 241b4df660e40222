from __future__ import annotations

import json
from typing import Any

import pytest

from filters.normalize.boards import chroma
from tests.unit.filters.boards import (
    CHROMA,
    RECEIVED,
    at_all,
    cells,
    changed,
    dropped,
    rejected,
    status,
    statuses,
)
from tests.unit.filters.records import at


def row(**members: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON values)
    """FR812 from Dublin, due at Edinburgh on 10 June 2026 at 10:35Z, changed."""
    return changed(CHROMA, **members)


def test_an_arrival_names_its_leg_and_its_schedule() -> None:
    said = status("chroma", row())
    assert (said.airline, said.number, said.suffix) == ("RYR", 812, "")
    assert (said.origin, said.destination) == ("DUB", "EDI")
    assert (said.date, said.date_basis, said.utc_date) == ("2026-06-10", "filed", None)
    assert (said.source_id, said.source_time) == ("chroma:1388171", RECEIVED)
    assert (said.life, said.in_terminal, said.in_gate, said.baggage) == ("unsaid", "T1", None, None)
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:35:00Z")
    assert (said.code_shares, said.evidence) == ((), ())


def test_est_and_act_are_touchdowns_and_the_chox_times_on_block() -> None:
    said = status(
        "chroma",
        row(
            EstDT="2026-06-10T10:31:00Z",
            ActDT="2026-06-10T10:33:00Z",
            EstChoxDT="2026-06-10T10:38:00Z",
            ActChoxDT="2026-06-10T10:40:00Z",
            Gate="12",
            BaggageReclaimId="7",
            Status="On Chocks",
        ),
    )
    assert cells(said) == at_all(
        on_estimated="2026-06-10T10:31:00Z",
        on_actual="2026-06-10T10:33:00Z",
        in_scheduled="2026-06-10T10:35:00Z",
        in_estimated="2026-06-10T10:38:00Z",
        in_actual="2026-06-10T10:40:00Z",
    )
    assert (said.in_gate, said.baggage, said.life) == ("12", "7", "operating")


def test_a_row_with_a_destination_is_a_departure() -> None:
    said = status(
        "chroma",
        row(
            Origin="",
            Destination="DUB",
            EstDT="2026-06-10T10:50:00Z",
            ActDT="2026-06-10T10:52:00Z",
            EstChoxDT="2026-06-10T10:38:00Z",
            ActChoxDT="2026-06-10T10:40:00Z",
            Gate="12",
        ),
    )
    assert (said.origin, said.destination) == ("EDI", "DUB")
    assert (said.date, said.date_basis) == ("2026-06-10", "scheduled")
    assert cells(said) == at_all(
        out_scheduled="2026-06-10T10:35:00Z",
        out_estimated="2026-06-10T10:38:00Z",
        out_actual="2026-06-10T10:40:00Z",
        off_estimated="2026-06-10T10:50:00Z",
        off_actual="2026-06-10T10:52:00Z",
    )
    assert (said.out_gate, said.in_gate, said.out_terminal) == ("12", None, "T1")


@pytest.mark.parametrize(
    ("word", "life", "deviation", "noted"),
    [
        ("Scheduled", "unsaid", None, False),
        ("Estimated", "operating", None, False),
        ("Actual", "operating", None, False),
        ("Landed", "operating", None, False),
        ("On Chocks", "operating", None, False),
        ("ON CHOCKS", "operating", None, False),
        ("Delayed", "operating", None, True),
        ("Cancelled", "cancelled", None, False),
        ("Canceled", "cancelled", None, False),
        ("Diverted", "operating", "diverted", False),
        ("Deleted", "doubtful", None, True),
        ("Gone fishing", "unsaid", None, True),
        ("", "unsaid", None, False),
        (None, "unsaid", None, False),
    ],
)
def test_every_status(word: str | None, life: str, deviation: str | None, noted: bool) -> None:
    said = status("chroma", row(Status=word))
    assert (said.life, said.deviation) == (life, deviation)
    assert said.evidence == ((f"Status={word}",) if noted else ())


def test_trap_23_a_deleted_row_cancels_nothing() -> None:
    assert status("chroma", row(Status="Deleted")).life == "doubtful"


@pytest.mark.parametrize(
    ("icao", "iata", "flight"),
    [
        ("TAY025N", "3V025N", ("TAY", 25, "N")),
        ("SRR6566", "S66566", ("SRR", 6566, "")),
        ("UAL036", "UA036", ("UAL", 36, "")),
        ("EZY6962", "U26962", ("EZY", 6962, "")),
        ("ezy6962 ", " u26962", ("EZY", 6962, "")),
        ("LS718", "LS718", ("EXS", 718, "")),
        ("SIG64A", "SIG64A", ("SIG", 64, "A")),
        ("", "LS0718W", ("EXS", 718, "W")),
        ("TODO", "LS718", ("EXS", 718, "")),
        (None, "LS718", ("EXS", 718, "")),
    ],
)
def test_trap_03_04_and_32_either_code_may_name_the_flight(
    icao: str | None, iata: str, flight: tuple[str, int, str]
) -> None:
    said = status("chroma", row(ICAO=icao, IATA=iata))
    assert (said.airline, said.number, said.suffix) == flight
    assert said.code_shares == ()


def test_the_number_on_tickets_is_kept_where_the_airlines_pair_of_codes_is_not_known() -> None:
    said = status("chroma", row(ICAO="QZQ77", IATA="Q077"))
    assert (said.airline, said.number, said.code_shares) == ("QZQ", 77, ("Q077",))


def test_trap_07_ids_are_texts_of_all_their_digits() -> None:
    assert status("chroma", row(FlightID=140674803324836945)).source_id == (
        "chroma:140674803324836945"
    )
    assert status("chroma", row(FlightID="0042")).source_id == "chroma:0042"
    rounded = status("chroma", row(FlightID=1200980.0))
    assert (rounded.source_id, rounded.evidence) == (None, ("unread=FlightID",))


def test_trap_12_a_utc_time_in_summer_stays_utc() -> None:
    assert status("chroma", row(SchDT="2026-07-01T23:30:00Z")).in_scheduled == at(
        "2026-07-01T23:30:00Z"
    )


@pytest.mark.parametrize("missing", ["", None, "  ", ...])
def test_trap_32_missing_is_written_in_many_ways(missing: object) -> None:
    said = status("chroma", row(EstDT=missing, Gate=missing, FlightID=missing, Status=missing))
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:35:00Z")
    assert (said.in_gate, said.source_id, said.life, said.evidence) == (None, None, "unsaid", ())


@pytest.mark.parametrize("nowhere", ["ZZZ", "zzz", "ZZZZ", "XXX", "", "A", "EDINBURGH"])
def test_trap_32_a_code_of_no_airport_is_no_origin(nowhere: str) -> None:
    said = status("chroma", row(Origin=nowhere))
    assert (said.origin, said.destination, said.date) == (None, "EDI", None)


def test_an_airport_that_is_not_known_stays_as_it_is_and_gives_no_date() -> None:
    said = status("chroma", row(Origin="QQQ"))
    assert (said.origin, said.date) == ("QQQ", None)


def test_a_time_that_cannot_be_read_is_noted() -> None:
    said = status("chroma", row(ActDT="10:33", EstDT=7.5))
    assert cells(said) == at_all(in_scheduled="2026-06-10T10:35:00Z")
    assert said.evidence == ("unread=EstDT", "unread=ActDT")


def test_without_a_flight_or_a_word_there_is_no_status() -> None:
    assert rejected("chroma", row(ICAO="", IATA="")) == "ICAO: missing, so no flight is named"
    assert rejected("chroma", row(ICAO="8/12", IATA="")) == "ICAO: '8/12' is no flight number"
    assert dropped("chroma", row(ICAO="GABCD", IATA="GABCD")) == "not_an_airline_flight"
    bare = dict.fromkeys(CHROMA, "") | {"ICAO": "RYR812", "AirportID": "EDI"}
    assert dropped("chroma", bare) == "says_nothing"
    assert rejected("chroma", {**bare, "SchDT": "soon"}).startswith("SchDT: 'soon' is no ISO")


def test_rows_are_split_and_read_whole_alike() -> None:
    day = [row(FlightID=1), row(FlightID=2, Status="Cancelled")]
    pieces = list(chroma.split([json.dumps(day).encode()]))
    assert [chroma.leg_key(piece.payload) for piece in pieces] == ["1", "2"]
    apart = [status("chroma", piece.payload).life for piece in pieces]
    assert apart == [each.life for each in statuses("chroma", day)] == ["unsaid", "cancelled"]


def test_without_an_id_the_flight_and_its_schedule_are_the_leg_key() -> None:
    payload = json.dumps(row(FlightID="")).encode()
    assert chroma.leg_key(payload) == "RYR812.2026-06-10T10:35:00Z"
    assert chroma.leg_key(json.dumps(row(FlightID="", SchDT="")).encode()) is None
