"""Movement messages of any content: every byte string has an outcome, every leg its own times."""

from __future__ import annotations

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from filters.normalize import normalize
from filters.normalize.telegrams import mvt
from filters.outcome import Drop, Forward, Reject
from schemas.codec import decode_pack, encode_pack
from schemas.records import FeedMessage, FlightStatus, payload_id
from tests.unit.filters.records import MINUTE, SOURCES, at

HOUR = 60 * MINUTE
RECEIVED = at("2026-01-08T23:59:00Z")
LINES = (
    *("QU FRAKLLH AMSKLXX", ".FRAOOLH 080830", ".FRAOOLH 312359 DEC", "COR", "PDM", "", "="),
    *("MVT", "MVA", "DIV", "COR MVT", "LDM", "\x01", "\x03"),
    *("LH400/08.DABYA.FRA", "LH400/31.DABYA.JFK", "XX1/08JAN26..YBBN", "LH400/08", "0A/0"),
    *("AD0805/0821 EA1640 JFK", "AD080805", "AA/1640", "TD1640", "ED082400", "EO9999", "EB1"),
    *("NI090000", "RR", "FR0910/0922", "FLD09", "FLD31DEC", "DL93/81/0030", "EDLRAA//", "DLA1A/"),
    *("PX215", "DR71", "TERM", "CONT MUC", "SI TEXT", "CRT0700", "\ud83d\ude00", "\x00\ufffd"),
)
TEXTS = st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: ("MVT\nLH400/08.DABYA.FRA\n" + text).encode("utf-8", "replace")),
)


def message(payload: bytes, received: int = RECEIVED) -> FeedMessage:
    return FeedMessage(
        id=payload_id(payload), format="mvt", feed="t", received_at=received, payload=payload
    )


@given(payload=PAYLOADS, received=st.integers(0, 4_102_444_799_999))
def test_any_bytes_have_an_outcome(payload: bytes, received: int) -> None:
    mvt.detect(payload)
    key = mvt.leg_key(payload)
    [outcome] = normalize([message(payload, received)], sources=SOURCES)
    assert isinstance(outcome, Forward | Drop | Reject)
    if not isinstance(outcome, Forward):
        return
    assert decode_pack(encode_pack(outcome.outputs)) == list(outcome.outputs)
    found = [one for one in outcome.outputs if isinstance(one, FlightStatus)]
    assert len({one.id for one in found}) == len(found)
    for one in found:
        fields = msgspec.structs.asdict(one)
        assert all(fields[name] is None for name in one.cleared)
        for cell in ("out_actual", "off_actual", "on_actual", "in_actual"):
            assert fields[cell] is None or fields[cell] <= one.source_time + 15 * MINUTE
        assert key is None or key.startswith(f"{one.airline}{one.number}{one.suffix}/")


@given(payload=PAYLOADS, sizes=st.lists(st.integers(1, 20)))
def test_what_is_split_reads_as_the_whole_does(payload: bytes, sizes: list[int]) -> None:
    cuts, rest = [], payload
    for size in sizes:
        cuts.append(rest[:size])
        rest = rest[size:]
    pieces = list(mvt.split([*cuts, rest]))
    assert pieces == list(mvt.split([payload]))
    [whole] = normalize([message(payload)], sources=SOURCES)
    parts = normalize([message(piece.payload) for piece in pieces], sources=SOURCES)
    rejected = [part.reason for part in parts if isinstance(part, Reject)]
    if isinstance(whole, Reject):
        assert not pieces or whole.reason == rejected[0]
        return
    assert not rejected
    told = whole.outputs if isinstance(whole, Forward) else ()
    each = [one for part in parts if isinstance(part, Forward) for one in part.outputs]
    assert [nameless(one) for one in told] == [nameless(one) for one in each]


def nameless(record: object) -> FlightStatus:
    assert isinstance(record, FlightStatus)
    return msgspec.structs.replace(record, id="", message_id="")


def clock(ms: int, *, day: bool) -> str:
    moment = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    return moment.strftime("%d%H%M" if day else "%H%M")


def between(low: int, high: int, unit: int = MINUTE) -> st.SearchStrategy[int]:
    return st.integers(low, high).map(lambda count: count * unit)


FIRST = at("2024-01-01T00:00:00Z")


@given(
    scheduled=between(0, 3 * 366 * 24 * 60).map(lambda ms: FIRST + ms),
    late=between(-40, 12 * 60),
    taxi=between(4, 90),
    flown=between(25, 18 * 60),
    parked=between(1, 60),
    told=between(0, 150),
    days=st.booleans(),
    envelope=st.booleans(),
)
def test_a_leg_told_in_time_has_exactly_its_times(  # noqa: PLR0913, PLR0917  (one for each choice)
    scheduled: int,
    late: int,
    taxi: int,
    flown: int,
    parked: int,
    told: int,
    days: bool,
    envelope: bool,
) -> None:
    out = scheduled + late
    off, on = out + taxi, out + taxi + flown
    gate = on + parked
    day = clock(scheduled, day=True)[:2]
    pairs = (
        (f"LH400/{day}.DABYA.FRA", "AD", out, off, "out_actual", "off_actual"),
        (f"LH400/{day}.DABYA.JFK", "AA", on, gate, "on_actual", "in_actual"),
    )
    for line, name, first, second, *cells in pairs:
        sent = second + told
        head = f".FRAOOLH {clock(sent, day=True)}\n" if envelope else ""
        element = f"{name}{clock(first, day=days)}/{clock(second, day=days)}"
        if name == "AD":
            element += f" EA{clock(on, day=days)} JFK EB{clock(gate, day=days)}"
        # Delivered half an hour later; without an envelope that counts.
        received = sent + (HOUR // 2 if envelope else 0)
        text = f"{head}MVT\n{line}\n{element}\n"
        [outcome] = normalize([message(text.encode(), received)], sources=SOURCES)
        assert isinstance(outcome, Forward)
        [status] = outcome.outputs
        assert isinstance(status, FlightStatus)
        assert [getattr(status, cell) for cell in cells] == [first, second]
        assert (
            status.utc_date
            == dt.datetime.fromtimestamp(scheduled / 1000, dt.UTC).date().isoformat()
        )
        assert status.source_time == sent
        assert status.evidence == ()
        if name == "AD":
            assert (status.on_estimated, status.in_estimated) == (on, gate)
