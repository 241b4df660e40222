"""Whatever bytes arrive, there is a status, a drop or a rejection; splitting and routing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import aidx, recognised
from filters.outcome import Drop, Forward, Reject
from tests.unit.filters.aidx_xml import (
    SCHEDULED,
    document,
    identifier,
    leg,
    normalized,
    rejected,
    status,
    time,
)
from tests.unit.filters.records import at

GOOD = document(leg())
DEEP = 300
DTD = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t",
    "a NUL": b"\x00",
    "a NUL inside": GOOD.replace(b"LH", b"L\x00"),
    "cut": GOOD[: len(GOOD) // 2],
    "cut before the end": GOOD[:-1],
    "twice": GOOD + GOOD,
    "something behind": GOOD + b"x",
    "text": b"IATA_AIDX_FlightLegNotifRQ",
    "JSON": b'{"IATA_AIDX_FlightLegNotifRQ": 1}',
    "invalid UTF-8": GOOD.replace(b"FRA", b"\xff\xfe"),
    "a surrogate": GOOD.replace(b"FRA", b"\xed\xa0\x80"),
    "a character no XML may have": GOOD.replace(b"FRA", b"&#0;"),
    "an undeclared entity": GOOD.replace(b"FRA", b"&x;"),
    "an undeclared prefix": GOOD.replace(b"<LegData>", b"<x:LegData>"),
    "very deep": GOOD.replace(b"<LegData>", b"<LegData>" + b"<a>" * 5000),
    "only an opening": b"<IATA_AIDX_FlightLegNotifRQ",
    "a lot of openings": b"<IATA_AIDX_" * 20_000,
}
STRANGE: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": b'<?xml version="1.0" encoding="ISO-8859-1"?>' + GOOD,
    "comments": GOOD.replace(b"<LegData>", b"<LegData><!-- <OperationTime/> -->"),
    "a comment in a word": GOOD.replace(b"FRA", b"FR<!-- x -->A"),
    "CDATA": GOOD.replace(b"FRA", b"<![CDATA[FRA]]>"),
    "an instruction": GOOD.replace(b"<LegData>", b"<?go now?><LegData>"),
    "blanks everywhere": GOOD.replace(b"><", b">\n\t <").replace(b">FRA<", b">\n FRA\n<"),
    "an element in a word": GOOD.replace(b"FRA", b"FRA<b/>x"),
    "nested as deep as is read": GOOD.replace(
        b"<LegData>", b"<LegData>" + b"<a>" * (DEEP // 2) + b"</a>" * (DEEP // 2)
    ),
    "ten thousand attributes": GOOD.replace(
        b"<LegData>", b"<LegData %s>" % b" ".join(b'a%d=""' % n for n in range(10_000))
    ),
    "a huge text": GOOD.replace(
        b"<LegData>", b"<LegData><RemarkFreeText>" + b"x" * 1_000_000
    ).replace(SCHEDULED.encode(), b"</RemarkFreeText>" + SCHEDULED.encode()),
}


@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN)
def test_what_is_no_message_is_rejected(payload: bytes) -> None:
    assert isinstance(normalized(payload), Reject)
    aidx.leg_key(payload)
    aidx.detect(payload)


@pytest.mark.parametrize("payload", STRANGE.values(), ids=STRANGE)
def test_what_is_strange_but_sound_is_read(payload: bytes) -> None:
    found = status(payload)
    assert (found.number, found.origin, found.out_scheduled) == (
        *(900, "FRA"),
        at("2025-03-10T08:10:00Z"),
    )


@pytest.mark.parametrize("text", [DTD, b'<!DOCTYPE a SYSTEM "http://x/y">'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_trap_33_a_doctype_is_refused(text: bytes, encoding: str) -> None:
    payload = (text + GOOD.replace(b"FRA", b"&x;")).decode().encode(encoding)
    reason, _ = rejected(payload)
    assert "DOCTYPE" in reason or "not XML" in reason


@given(st.binary())
def test_any_bytes(payload: bytes) -> None:
    assert isinstance(normalized(payload), Forward | Drop | Reject)
    aidx.leg_key(payload)
    list(aidx.split([payload]))


@given(st.data())
def test_any_part_of_a_good_message_replaced(data: st.DataObject) -> None:
    whole = document(
        leg(SCHEDULED + time("OFB", "EST", "nil") + "<OperationalStatus>DX</OperationalStatus>")
    )
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    payload = whole[:start] + data.draw(st.binary(max_size=12)) + whole[end:]
    assert isinstance(normalized(payload), Forward | Drop | Reject)
    aidx.leg_key(payload)
    list(aidx.split([payload]))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&\ufffe\uffff"), max_size=60
)


@given(
    st.sampled_from(["Airline", "FlightNumber", "OperationalSuffix", "OriginDate", "RepeatNumber"]),
    TEXTS,
)
def test_any_text_in_a_part_of_the_name(part: str, text: str) -> None:
    payload = document(leg(named=identifier(**{part: text})))
    assert isinstance(normalized(payload), Forward | Drop | Reject)
    aidx.leg_key(payload)


@given(
    st.sampled_from(
        [
            *("OperationalStatus", "RemarkFreeText", "RemarkTextCode", "ServiceType"),
            *("PlannedArrivalAptHistory", "SpecialAction"),
        ]
    ),
    TEXTS,
)
def test_no_free_text_gets_into_a_record(tag: str, text: str) -> None:
    found = status(document(leg(f"{SCHEDULED}<{tag}>{text}</{tag}>")))
    for note in found.evidence:
        name, _, value = note.partition("=")
        assert name in {"status", "remark", "displayed", "unread", "action"}
        assert value.isascii()
        assert " " not in value


def test_thousands_of_everything() -> None:
    every = "".join(
        f"<OperationalStatus>S{n}</OperationalStatus><RemarkTextCode>R{n}</RemarkTextCode>"
        f"<PlannedArrivalAptHistory>X{n}</PlannedArrivalAptHistory>"
        f"<CodeShareInfo><Airline>UA</Airline><FlightNumber>{n}</FlightNumber></CodeShareInfo>"
        for n in range(8_000)
    )
    found = status(document(leg(SCHEDULED + every)))
    assert len(found.evidence) == 16
    assert found.destination == "LHR"


def test_the_place_of_a_piece_is_not_told_twice() -> None:
    outcome = normalized(document(leg(named="")), place="FlightLeg 7")
    assert isinstance(outcome, Reject)
    assert outcome.place == "FlightLeg 7"


def test_each_leg_is_a_piece_that_is_read_alone() -> None:
    numbers = [str(number) for number in range(100, 130)]
    legs = [leg(named=identifier(FlightNumber=number)) for number in numbers]
    inner = document("<Success/>", *legs, kind="FlightLegRS").decode()
    payload = f'<s:Envelope xmlns:s="urn:s"><s:Body>{inner}</s:Body></s:Envelope>'.encode()
    pieces = list(aidx.split([payload]))
    assert [status(piece.payload).number for piece in pieces] == [int(each) for each in numbers]
    assert [status(piece.payload).source_time for piece in pieces] == [
        at("2025-03-10T07:00:00Z")
    ] * len(numbers)
    for size in (1, 7, 1000):
        assert (
            list(aidx.split(payload[n : n + size] for n in range(0, len(payload), size))) == pieces
        )


def test_an_answer_without_legs_is_one_piece() -> None:
    payload = document('<Warnings><Warning Type="911"/></Warnings>', kind="FlightLegRS")
    [piece] = aidx.split([payload])
    assert normalized(piece.payload) == Drop("throttled")


KEY = "LH900.FRA.LHR.2025-03-10"


@pytest.mark.parametrize(
    "payload",
    [
        GOOD,
        document(leg(named=identifier(FlightNumber="0900"))),
        document(leg(named=identifier(Airline="lh", OperationalSuffix=""))),
        document(leg(named=identifier(OriginDate="2025-03-10T08:10:00Z"))),
        document(leg(named=identifier().replace("<Airline>", '<Airline CodeContext="3">'))),
        document(leg("", action="<SpecialAction>Delete</SpecialAction>")),
        document(leg(time("OFB", "ACT", "nil")), attributes='Target="Test"'),
        GOOD.replace(b"<", b"<n:").replace(b"<n:/", b"</n:").replace(b"xmlns=", b"xmlns:n="),
        GOOD.replace(b"><", b">\n  <").replace(b">FRA<", b">\n FRA\n<"),
        document(
            leg(
                "<AssociatedFlightLegAircraft><Airline>BA</Airline><FlightNumber>1</FlightNumber>"
                "</AssociatedFlightLegAircraft>"
            )
        ),
    ],
)
def test_all_messages_of_a_leg_have_one_key(payload: bytes) -> None:
    assert aidx.leg_key(payload) == KEY


@pytest.mark.parametrize(
    "part",
    [
        {"Airline": "BA"},
        {"FlightNumber": "901"},
        {"OperationalSuffix": "P"},
        {"DepartureAirport": "MUC"},
        {"ArrivalAirport": "LGW"},
        {"OriginDate": "2025-03-11"},
    ],
)
def test_another_leg_has_another_key(part: dict[str, str]) -> None:
    assert aidx.leg_key(document(leg(named=identifier(**part)))) not in (KEY, None)


@pytest.mark.parametrize(
    "payload",
    [
        document(leg(), leg()),
        document("<Success/>", kind="FlightLegRS"),
        document(leg(named="<GeneralAviationLegIdentifier/>")),
        document(leg(named=identifier(FlightNumber=None))),
        b"<LegIdentifier>" * 100_000,
        b"<LegIdentifier>" + b"<Airline " * 100_000,
        b"<" * 1_000_000,
        b"<" + b"a" * 1_000_000,
    ],
)
def test_what_names_no_leg_or_several_has_no_key(payload: bytes) -> None:
    assert aidx.leg_key(payload) is None


@pytest.mark.parametrize("payload", [STRANGE["a byte order mark"], GOOD, b"\n " + GOOD])
def test_its_own_bytes_are_recognised(payload: bytes) -> None:
    assert recognised(payload) is aidx


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<",
        b"<?xml version='1.0'?><airport name='OSL'/>",
        b"<ds:tfmDataService xmlns:ds='urn:x'/>",
        b'{"type": "IATA_AIDX_FlightLegNotifRQ"}',
        b"QU XXXXXXX\r\n<IATA_AIDX_FlightLegNotifRQ",
        b"<x>IATA_AIDX_FlightLegNotifRQ</x>",
    ],
)
def test_others_bytes_are_left_alone(payload: bytes) -> None:
    assert not aidx.detect(payload)
