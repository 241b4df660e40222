from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize.faa import sfdps, tfmdata
from filters.outcome import Drop, RejectRecord
from filters.sources import Source
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import at

SOURCE = Source(rank=58)
RECEIVED = at("2025-11-04T15:00:30Z")
STAMP = "2025-11-04T15:00:00.250Z"  # a Tuesday
GUFI = "0f8fad5b-d9cb-469f-a165-70867728950e"
# Given on that Tuesday at 11:06:40 UTC by the centre of New York.
PLAN = "KN40000300"
FDPS_GUFI = "us.fdps.2025-11-04T11:06:40Z.000/13/300"
TIME_CELLS = tuple(
    f"{milestone}_{kind}"
    for milestone in ("out", "off", "on", "in")
    for kind in ("scheduled", "estimated", "actual")
)


def end(name: str, place: str | None, inner: str = "") -> str:
    """The departure or the arrival."""
    point = "" if place is None else f' {name}Point="{place}"'
    return f'<{name} xsi:type="n:Nas{name.title()}Type"{point}>{inner}</{name}>'


def runway(kind: str, value: str, of: str = "runway") -> str:
    return (
        f'<{of}PositionAndTime><{of}Time><{kind} time="{value}"/></{of}Time></{of}PositionAndTime>'
    )


def flight(  # noqa: PLR0913  (one keyword for each part of a message)
    *,
    callsign: str | None = "JBU1201",
    departure: str = end("departure", "KJFK"),
    arrival: str = end("arrival", "KMCO"),
    state: str | None = "ACTIVE",
    gufi: str | None = GUFI,
    plan: str | None = PLAN,
    fdps_gufi: str | None = FDPS_GUFI,
    more: str = "",
    tag: str = "flight",
    **attributes: str | None,
) -> str:
    """One flight; None leaves a part of it out."""
    said = {"centre": "ZNY", "source": "TH", "system": "ATL", "timestamp": STAMP, **attributes}
    text = " ".join(f'{name}="{value}"' for name, value in said.items() if value is not None)
    parts = [
        (callsign, f'<flightIdentification computerId="12" aircraftIdentification="{callsign}"/>'),
        (state, f'<flightStatus fdpsFlightStatus="{state}"/>'),
        (gufi, f'<gufi codeSpace="urn:uuid">{gufi}</gufi>'),
        (
            fdps_gufi,
            (
                "<supplementalData><additionalFlightInformation>"
                f'<nameValue name="FDPS_GUFI" value="{fdps_gufi}"/>'
                "</additionalFlightInformation></supplementalData>"
            ),
        ),
        (plan, f'<flightPlan identifier="{plan}"/>'),
    ]
    inner = "".join(part for value, part in parts if value is not None)
    return f"<{tag} {text}>{arrival}{departure}{more}{inner}</{tag}>"


def collection(*flights: str) -> bytes:
    messages = "".join(
        f'<message xsi:type="n:FlightMessageType">{each}</message>' for each in flights
    )
    return (
        '<n:MessageCollection xmlns:n="http://www.faa.aero/nas/3.0"'
        ' xmlns:b="http://www.fixm.aero/base/3.0"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{messages}</n:MessageCollection>'
    ).encode()


def message(payload: bytes) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload), format="sfdps", feed="test", received_at=RECEIVED, payload=payload
    )


def said(*flights: str) -> tuple[FlightStatus, ...] | Drop:
    return sfdps.parse(message(collection(*flights)), SOURCE)


def status(**named: Any) -> FlightStatus:  # noqa: ANN401  (parts of a flight)
    """The status of a message with one flight."""
    found = said(flight(**named))
    assert not isinstance(found, Drop), found
    [one] = found
    return one


def times(found: FlightStatus) -> dict[str, int]:
    said = {cell: getattr(found, cell) for cell in TIME_CELLS}
    return {cell: value for cell, value in said.items() if value is not None}


def test_a_message_names_its_flight() -> None:
    found = status()
    assert (found.airline, found.number, found.suffix) == ("JBU", 1201, "")
    assert (found.origin, found.destination) == ("JFK", "MCO")
    assert found.source_id == f"sfdps:{GUFI}"
    assert found.aliases == ("tfmdata:KN40000300.2025-11-04",)
    assert found.source_time == at(STAMP)
    assert (found.life, found.date, found.evidence) == ("operating", None, ())


def test_its_plan_is_what_tfmdata_calls_it() -> None:
    """The schedule's date is known there only, so the two feeds have to find the same leg."""
    tfm = (
        '<tfmDataService><fltdMessage acid="JBU1201" msgType="FlightTimes"'
        ' sourceTimeStamp="2025-11-04T15:00:00Z"><x><qualifiedAircraftId>'
        f"<gufi>{PLAN}</gufi><igtd>2025-11-04T14:30:00Z</igtd></qualifiedAircraftId></x>"
        "</fltdMessage></tfmDataService>"
    )
    there = tfmdata.parse(message(tfm.encode()), Source())
    assert not isinstance(there, Drop)
    assert (there[0].source_id,) == status().aliases
    assert (there[0].source_id,) == status(fdps_gufi=None).aliases


CELLS = [
    ("departure", "runway", "estimated", "off_estimated"),
    ("departure", "runway", "actual", "off_actual"),
    ("departure", "stand", "estimated", "out_estimated"),
    ("departure", "stand", "actual", "out_actual"),
    ("arrival", "runway", "estimated", "on_estimated"),
    ("arrival", "runway", "actual", "on_actual"),
    ("arrival", "stand", "estimated", "in_estimated"),
    ("arrival", "stand", "actual", "in_actual"),
]


@pytest.mark.parametrize(("name", "of", "kind", "cell"), CELLS)
def test_a_time_fills_its_own_cell_and_no_other(name: str, of: str, kind: str, cell: str) -> None:
    value = "2025-11-04T14:46:00Z"
    found = status(**{name: end(name, "KJFK", runway(kind, value, of))})
    assert times(found) == {cell: at(value)}


@pytest.mark.parametrize("kind", ["controlled", "target", "initial", "scheduled"])
def test_a_time_that_is_wished_for_is_left_aside(kind: str) -> None:
    value = "2025-11-04T14:46:00Z"
    assert times(status(departure=end("departure", "KJFK", runway(kind, value)))) == {}


def test_times_at_points_on_the_way_are_left_aside() -> None:
    more = (
        '<coordination coordinationTime="2025-11-04T15:20:00Z"/>'
        '<enRoute><position positionTime="2025-11-04T15:00:00Z"><runwayTime>'
        '<actual time="2025-11-04T15:00:00Z"/></runwayTime></position></enRoute>'
    )
    assert times(status(more=more)) == {}


@pytest.mark.parametrize(
    ("state", "life", "evidence"),
    [
        ("PROPOSED", "unsaid", ()),
        ("ACTIVE", "operating", ()),
        ("active", "operating", ()),
        ("COMPLETED", "operating", ()),
        ("CANCELLED", "doubtful", ("fdpsFlightStatus=CANCELLED",)),
        ("DROPPED", "doubtful", ("fdpsFlightStatus=DROPPED",)),
        ("AIRFILED", "unsaid", ("fdpsFlightStatus=AIRFILED",)),
        ("as J. Doe said", "unsaid", ("fdpsFlightStatus=?",)),
    ],
)
def test_trap_23_a_state_cancels_nothing(state: str, life: str, evidence: tuple[str, ...]) -> None:
    found = status(state=state)
    assert (found.life, found.evidence) == (life, evidence)


@pytest.mark.parametrize("state", ["CANCELLED", "DROPPED"])
@pytest.mark.parametrize("kind", ["actual", "estimated"])
def test_trap_23_a_flight_that_has_left_is_not_doubted(state: str, kind: str) -> None:
    """Every flight is dropped by the centres it leaves, and by the last one when it lands."""
    found = status(
        state=state, departure=end("departure", "KJFK", runway(kind, "2025-11-04T14:46:00Z"))
    )
    assert found.life == ("unsaid" if kind == "actual" else "doubtful")
    assert found.evidence == (f"fdpsFlightStatus={state}",)


def test_trap_22_a_proposed_plan_is_no_reinstatement() -> None:
    assert status(state="PROPOSED").life == "unsaid"
    assert status(state="ACTIVE").life == "operating"


def test_trap_27_another_destination_stands_under_the_same_ids() -> None:
    there = status(arrival=end("arrival", "KJAX"))
    assert there.destination == "JAX"
    assert (there.source_id, there.aliases) == (status().source_id, status().aliases)


def test_trap_29_a_plan_filed_anew_leaves_the_gufi() -> None:
    anew = status(plan="KN50000300", fdps_gufi=None)
    assert anew.aliases == ("tfmdata:KN50000300.2025-11-04",)
    assert anew.source_id == status().source_id


@pytest.mark.parametrize("callsign", ["N649QS", "BLOCKED", "CGABC", "HBAL475", "XXX12"])
def test_trap_30_who_is_no_airline_is_dropped(callsign: str) -> None:
    assert said(flight(callsign=callsign)) == Drop("not_an_airline_flight")


@pytest.mark.parametrize(
    ("kind", "dropped"),
    [("GENERAL", True), ("MILITARY", True), ("SCHEDULED", False), ("NON_SCHEDULED", False)],
)
def test_trap_30_a_type_of_flight_that_is_no_airlines(kind: str, dropped: bool) -> None:
    found = said(flight(flightType=kind))
    assert (found == Drop("not_an_airline_flight")) is dropped


@pytest.mark.parametrize("callsign", ["EDW4K", "DLH5AB", "JBU775J"])
def test_a_callsign_with_letters_behind_is_no_flight_number(callsign: str) -> None:
    assert said(flight(callsign=callsign)) == Drop("callsign_is_no_flight_number")


@pytest.mark.parametrize("place", ["SAF003045", "4530N/07330W", "TODO?", ""])
def test_trap_32_a_fix_is_no_airport(place: str) -> None:
    found = status(departure=end("departure", place), arrival=end("arrival", place))
    assert (found.origin, found.destination) == (None, None)


@pytest.mark.parametrize(
    "inner",
    [
        "<departureAerodrome code='KJFK'/>",
        "<departureAerodrome><code>KJFK</code></departureAerodrome>",
        "<departureAerodrome><locationIndicator>KJFK</locationIndicator></departureAerodrome>",
        "<departurePoint>KJFK</departurePoint>",
        "<departurePoint fix='KJFK'/>",
    ],
)
def test_a_place_may_be_an_element(inner: str) -> None:
    assert status(departure=end("departure", None, inner)).origin == "JFK"


def test_a_handover_without_places_keeps_the_ids() -> None:
    found = status(departure="", arrival="")
    assert (found.origin, found.destination) == (None, None)
    assert found.source_id == f"sfdps:{GUFI}"


def test_a_registration_is_kept() -> None:
    assert status(more='<aircraftDescription registration="N967JT"/>').registration == "N967JT"
    assert status(more='<aircraftDescription registration="not known"/>').registration is None


def test_a_message_without_a_time_of_its_own_was_known_when_it_came() -> None:
    found = status(timestamp=None)
    assert (found.source_time, found.evidence) == (RECEIVED, ())
    assert found.aliases == ("tfmdata:KN40000300.2025-11-04",)
    assert status(timestamp=None, fdps_gufi=None).aliases == ()


def test_the_day_of_the_plan_is_the_one_it_was_given_on() -> None:
    earlier = "us.fdps.2025-10-28T11:06:40Z.000/13/300"
    assert status(fdps_gufi=earlier).aliases == ("tfmdata:KN40000300.2025-10-28",)
    for odd in ("us.fdps.2025-10-99T11:06:40Z.000/13/300", "us.fdps", "us.fdps.9.9/9", "x"):
        assert status(fdps_gufi=odd).aliases == ("tfmdata:KN40000300.2025-11-04",)
    assert status(plan=None).aliases == ()
    assert status(plan="a b").aliases == ()


@pytest.mark.parametrize(
    "value", ["soon", "2025-02-30T10:00:00Z", "9999-12-31T23:59:59Z", "9" * 99]
)
def test_one_bad_time_does_not_cost_the_others(value: str) -> None:
    found = status(
        departure=end("departure", "KJFK", runway("actual", value)),
        arrival=end("arrival", "KMCO", runway("estimated", "2025-11-04T17:31:00Z")),
    )
    assert times(found) == {"on_estimated": at("2025-11-04T17:31:00Z")}
    assert found.evidence == ("unread=departure.actual",)
    broken = status(timestamp=value)
    assert (broken.source_time, broken.evidence) == (RECEIVED, ("unread=timestamp",))


def test_a_message_with_neither_times_nor_state_says_nothing() -> None:
    assert said(flight(state=None)) == Drop("says_nothing")
    assert said(flight(state="PROPOSED", departure="", arrival="")) == Drop("says_nothing")
    known = flight(state=None, arrival=end("arrival", None, runway("estimated", STAMP)))
    assert not isinstance(said(known), Drop)


def test_a_single_flight_is_a_document_of_its_own() -> None:
    single = flight(tag="n:NasFlight").replace(
        "<n:NasFlight ",
        '<n:NasFlight xmlns:n="http://www.faa.aero/nas/3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
    )
    found = sfdps.parse(message(single.encode()), SOURCE)
    assert not isinstance(found, Drop)
    assert found[0].number == 1201
    assert sfdps.detect(single.encode())
    [piece] = sfdps.split([single.encode()])
    assert piece.payload == single.encode()


def test_parts_may_be_in_a_namespace() -> None:
    spaced = collection(flight(departure=end("departure", None, runway("actual", STAMP))))
    for name in (b"flight", b"departure", b"runwayTime", b"actual", b"flightIdentification"):
        spaced = spaced.replace(b"<" + name + b" ", b"<b:" + name + b" ")
        spaced = spaced.replace(b"<" + name + b">", b"<b:" + name + b">")
        spaced = spaced.replace(b"</" + name + b">", b"</b:" + name + b">")
    found = sfdps.parse(message(spaced), SOURCE)
    assert not isinstance(found, Drop)
    assert (found[0].number, found[0].off_actual) == (1201, at(STAMP))


def test_a_collection_with_several_flights() -> None:
    found = said(flight(), flight(callsign="N649QS"), flight(callsign="DAL88"))
    assert not isinstance(found, Drop)
    assert [(one.airline, one.id.rpartition(".")[2]) for one in found] == [
        ("JBU", "0"),
        ("DAL", "2"),
    ]
    with pytest.raises(RejectRecord) as caught:
        said(flight(), flight(callsign=None))
    assert (caught.value.reason, caught.value.place) == (
        "aircraftIdentification: missing, so no flight is named",
        "flight 2",
    )
    with pytest.raises(RejectRecord) as caught:
        said(flight(callsign=None))
    assert caught.value.place == ""


def test_a_message_without_a_flight_is_dropped() -> None:
    assert said("<status/>") == Drop("no_flight_data")
    assert said() == Drop("no_flight_data")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<MessageCollection>",
        b"<other/>",
        b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><MessageCollection>&y;</MessageCollection>',
        b"<message>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</message>",
        b"<message>\x00</message>",
    ],
)
def test_trap_33_what_cannot_be_read_is_rejected(payload: bytes) -> None:
    with pytest.raises(RejectRecord) as caught:
        sfdps.parse(message(payload), SOURCE)
    assert caught.value.reason.startswith("message: ")


def test_trap_33_nested_flights_are_read_once() -> None:
    found = said(flight(more=flight(callsign="DAL88")))
    assert not isinstance(found, Drop)
    assert [one.airline for one in found] == ["JBU"]


def test_the_key_is_the_gufi() -> None:
    assert sfdps.leg_key(collection(flight())) == GUFI
    assert sfdps.leg_key(collection(flight(state=None, callsign="DAL88"))) == GUFI
    assert sfdps.leg_key(collection(flight(gufi=None))) is None
    assert sfdps.leg_key(collection(flight(), flight())) is None
    assert sfdps.leg_key(b"") is None


def test_a_document_is_recognised() -> None:
    assert sfdps.detect(collection(flight()))
    assert not sfdps.detect(b"<MessageCollection/>")
    assert not sfdps.detect(b'{"url": "http://www.fixm.aero/base/3.0"}')


def test_split_gives_one_message_a_piece() -> None:
    whole = collection(flight(), flight(callsign="DAL88"))
    pieces = list(sfdps.split([whole]))
    assert len(pieces) == 2
    found = [sfdps.parse(message(piece.payload), SOURCE) for piece in pieces]
    assert [one[0].airline for one in found if not isinstance(one, Drop)] == ["JBU", "DAL"]
    assert list(sfdps.split(whole[i : i + 7] for i in range(0, len(whole), 7))) == pieces


def assert_outcome(payload: bytes) -> None:
    """Parsing gives statuses that can travel, or a reason of a decent length."""
    try:
        said = sfdps.parse(message(payload), SOURCE)
    except RejectRecord as reject:
        said = Drop(reject.reason)
    if isinstance(said, Drop):
        assert 0 < len(said.reason) < 300
    else:
        assert decode_pack(encode_pack(said)) == list(said)


@given(st.binary(max_size=400))
def test_any_bytes_are_flights_or_a_reason(payload: bytes) -> None:
    for each in (payload, collection(payload.decode("latin-1"))):
        sfdps.detect(each)
        sfdps.leg_key(each)
        assert_outcome(each)


_SAFE = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='&<>"'), max_size=40
)


@given(_SAFE, _SAFE, _SAFE)
def test_any_words_are_a_flight_or_a_reason(one: str, two: str, three: str) -> None:
    timed = end("departure", two, runway("actual", one))
    for each in (
        flight(callsign=one, departure=timed, state=two, gufi=three, plan=two, fdps_gufi=one),
        flight(departure=timed, state=two, gufi=three, plan=two, fdps_gufi=one, timestamp=three),
        flight(arrival=end("arrival", one), flightType=two, gufi=two, fdps_gufi=f"us.fdps.{one}"),
    ):
        payload = collection(each)
        sfdps.leg_key(payload)
        assert_outcome(payload)
