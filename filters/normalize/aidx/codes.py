"""What the codes of AIDX mean: which time fills which cell, and what statuses say.

Source: IATA AIDX XML Implementation Guide 22.1, appendix D (code sets 9750 and 2005, and the codes
of schemas up to 11.1). Statuses, actions and answers are in `data/formats/aidx.toml`.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Final, Literal

import msgspec

from filters.policy import load_data
from schemas.records import Life

MILESTONES: Final = {"OFB": "out", "TKO": "off", "TDN": "on", "ONB": "in"}
"""OperationQualifier (code set 9750) of the times that are read; gate and runway never mix."""

# TimeType (code set 2005), and its rank among those that fill one cell: the lowest wins. Of three
# predictions the plain estimate comes first, then the one computed by flow control (CTOT), then
# what the airline aims at (TOBT, TTOT). A planned time stands in where no schedule is told.
KINDS: Final = {
    "SCT": ("scheduled", 0),
    "PLN": ("scheduled", 1),
    "EST": ("estimated", 0),
    "CAL": ("estimated", 1),
    "TAR": ("estimated", 2),
    "ACT": ("actual", 0),
}
PLANNED: Final = "PLN"

# Up to schema 11.1 one code said both; TimeType was missing.
COMBINED: Final = {
    "SCD": "out_scheduled",
    "ED": "out_estimated",
    "AD": "out_actual",
    "EO": "off_estimated",
    "EA": "on_estimated",
    "SCA": "in_scheduled",
    "EB": "in_estimated",
    "OB": "in_actual",
}

CELLS: Final[dict[str, tuple[str, int]]] = {
    **{
        f"{qualifier}/{kind}": (f"{milestone}_{column}", rank)
        for (qualifier, milestone), (kind, (column, rank)) in product(
            MILESTONES.items(), KINDS.items()
        )
    },
    **{f"{code}/": (cell, 0) for code, cell in COMBINED.items()},
}
"""OperationQualifier/TimeType -> the cell it fills, and its rank."""

RESOURCES: Final[dict[str, tuple[str, int]]] = {
    "PassengerGate": ("gate", 0),
    "PublicTerminal": ("terminal", 0),
    "AircraftTerminal": ("terminal", 1),
    "BaggageClaimUnit": ("baggage", 0),
}
"""AirportResources/Resource/... -> what it is, and its rank; the lowest wins."""


class Meaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a code says of a flight's life and of how it deviates from its plan."""

    life: Life = "unsaid"
    deviation: Literal["diverted", "ramp_return"] | None = None


class Codes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    name: str
    version: str
    source: str
    dummy_dates: frozenset[str]
    general_aviation: frozenset[str]
    statuses: dict[str, Meaning]
    actions: dict[str, Meaning]
    remarks: dict[str, Meaning]
    answers: dict[str, Literal["throttled", "feed_error"]]


@cache
def codes() -> Codes:
    """The meanings. Raises PolicyError when the file is malformed."""
    return load_data("formats", "aidx", Codes)
