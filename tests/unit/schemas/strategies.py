"""Records to test the codec with: any that the schemas allow, and plain ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from schemas import body
from schemas.records import RECORD_TYPES, FeedMessage, FlightStatus, Record
from schemas.registry import newest

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("aé€😀", min_size=60, max_size=70),  # about where a length takes a second byte
)
LONGS = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(1_300_000_000_000, 2_300_000_000_000),
    st.integers(-70, 70),
    # each side of every length a number can have
    st.builds(
        lambda bits, step: max(-(1 << 63), min((1 << 63) - 1, (1 << bits) + step)),
        st.integers(0, 63),
        st.integers(-2, 2),
    ),
)
VALUES: dict[int, Callable[[tuple[str, ...]], st.SearchStrategy[Any]]] = {
    body.STRING: lambda _: TEXT,
    body.BYTES: lambda _: st.binary(max_size=80),
    body.LONG: lambda _: LONGS,
    body.INT: lambda _: st.integers(-(1 << 31), (1 << 31) - 1),
    body.ENUM: st.sampled_from,
    body.STRINGS: lambda _: st.lists(TEXT, max_size=3).map(tuple),
}


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Any record of one type."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, nullable, what, symbols in newest(kind).fields:
        value = VALUES[what](symbols)
        fields[name] = st.none() | value if nullable else value
    return st.builds(kind, **fields)


def packs(max_size: int = 6) -> st.SearchStrategy[list[Record]]:
    """At least one record, all of one type, any type."""
    return st.sampled_from(list(RECORD_TYPES.values())).flatmap(
        lambda kind: st.lists(records(kind), min_size=1, max_size=max_size)
    )


def status(sequence: int, /, **changes: Any) -> FlightStatus:  # noqa: ANN401  (any field of the record)
    """A small flight status that differs from its neighbours."""
    values: dict[str, Any] = {
        "id": f"{sequence:032x}",
        "message_id": f"{sequence:032x}",
        "format": "firehose",
        "feed": "live",
        "source_time": 1_790_000_000_000 + sequence,
        "source_rank": 50,
        "sequence": sequence,
        "received_at": 1_790_000_001_000,
        "airline": "UAL",
        "number": 1545,
    }
    return FlightStatus(**{**values, **changes})


def message(payload: bytes, number: int = 0) -> FeedMessage:
    """A feed message with this payload."""
    return FeedMessage(
        id=f"{number:032x}", format="firehose", feed="live", received_at=1, payload=payload
    )


def realistic(count: int, seed: int) -> list[FlightStatus]:
    """Statuses as a busy feed gives them: much repeated, ids and most times not."""
    rng = random.Random(seed)
    start = 1_790_000_000_000
    found = []
    for number in range(count):
        scheduled = start + rng.randrange(1440) * 60_000
        airline = rng.choice(["UAL", "DAL", "AAL", "BAW", "DLH", "AFR", "JBU", "SWA"])
        flight = rng.randrange(1, 5000)
        changes: dict[str, Any] = {
            "id": f"{rng.getrandbits(128):032x}",
            "message_id": f"{rng.getrandbits(128):032x}",
            "source_time": start + number * 37_000 // 1000 * 1000,
            "received_at": start + number * 40,
            "source_id": f"firehose:{airline}{flight}-{start // 1000 + number}-airline-0123",
            "airline": airline,
            "number": flight,
            "origin": rng.choice(["EWR", "JFK", "LGA", "LHR", "FRA", "CDG"]),
            "destination": rng.choice(["LAX", "SFO", "ORD", "BOS", "ATL", "MIA", "DEN"]),
            "date": "2026-09-21",
            "date_basis": "scheduled",
            "registration": f"N{rng.randrange(100, 999)}UA",
            "life": "operating",
            "out_scheduled": scheduled,
            "in_scheduled": scheduled + 7_200_000,
            "in_estimated": scheduled + 7_200_000 + rng.randrange(60) * 60_000,
        }
        if rng.random() < 0.7:
            changes["out_estimated"] = scheduled + rng.randrange(60) * 60_000
        if rng.random() < 0.5:
            changes["off_estimated"] = scheduled + 900_000
            changes["out_terminal"] = rng.choice("ABC")
            changes["out_gate"] = f"C{rng.randrange(100)}"
        if rng.random() < 0.4:
            changes["out_actual"] = scheduled + rng.randrange(3600) * 1000
        if rng.random() < 0.05:
            changes["cleared"] = ("out_gate",)
        found.append(status(number, **changes))
    return found
