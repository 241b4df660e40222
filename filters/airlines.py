"""Tables of airlines: flightwire's own columns, and those of OpenTravelData.

A row is a pair of designators and the days it held. IATA gives a code to two airlines at once when
they never meet on a route (a controlled duplicate, printed with `*`; IATA resolution 762). Such an
airline is known by its ICAO designator, but its IATA code means the other one.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

from filters.tables import TableError, convert_row, read_table, rows_of

COLUMNS: Final = ("iata", "icao", "name", "country", "valid_from", "valid_to", "note")
DUPLICATE: Final = "controlled duplicate"
"""How the note of an airline begins whose IATA code is mainly another's."""
_OPTD: Final = ("3char_code", "2char_code")
_IATA = re.compile(r"[A-Z][A-Z0-9]|[0-9][A-Z]")
_ICAO = re.compile(r"[A-Z]{3}")
_LONGEST = 80

_Iata = Annotated[str, msgspec.Meta(pattern=rf"^({_IATA.pattern})\*?$")]
_Icao = Annotated[str, msgspec.Meta(pattern=rf"^{_ICAO.pattern}$")]
_Country = Annotated[str, msgspec.Meta(pattern="^([A-Z]{2})?$")]
_Text = Annotated[str, msgspec.Meta(max_length=200)]


class Airline(msgspec.Struct, frozen=True, kw_only=True):
    """One airline's pair of designators and the days it held, both included; None is open."""

    iata: _Iata
    icao: _Icao
    name: _Text = ""
    country: _Country = ""
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    note: _Text = ""

    def held_on(self, on: dt.date) -> bool:
        """True when the pair was in use on that day."""
        begun = self.valid_from is None or self.valid_from <= on
        return begun and (self.valid_to is None or on <= self.valid_to)

    @property
    def pair(self) -> tuple[str, str]:
        """The two designators."""
        return self.iata, self.icao

    @property
    def duplicate(self) -> bool:
        """True when the IATA code is mainly another airline's."""
        return self.note.startswith(DUPLICATE)


class Read(msgspec.Struct, frozen=True):
    """The airlines of a table, and how many of its rows were left out, by the reason."""

    airlines: tuple[Airline, ...]
    left_out: Mapping[str, int] = {}


def read_airlines(text: str, place: str, known: Iterable[Airline] = ()) -> Read:
    """The airlines of a table in our columns or in OpenTravelData's `optd_airlines.csv`.

    `place` is the file's name in messages. The latter has no countries, and days for few: those
    that it leaves blank are taken from `known`, where that has the pair once. Raises TableError
    naming every line and field that cannot be read.
    """
    head = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")
    if "^" in head:
        return _optd(text, place, known)
    rows = read_table(text, place, Airline)
    faults = [f"{place}:{line}: {said}" for line, row in rows for said in _faults(row)]
    if not rows:
        faults = [f"{place}:1: holds no airline"]
    if faults:
        raise TableError(faults)
    return Read(tuple(_starless(row) for _, row in rows))


def written(airlines: Iterable[Airline], source: str) -> str:
    """A table in our columns; `source` is the comment above it, without line ends."""
    out = io.StringIO()
    out.write(f"# {' '.join(source.split())}\n")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for airline in airlines:
        table.writerow([getattr(airline, name) or "" for name in COLUMNS])
    return out.getvalue()


def overlap(one: Airline, other: Airline) -> bool:
    """True when both pairs were in use on at least one day."""
    begin = max(one.valid_from or dt.date.min, other.valid_from or dt.date.min)
    return begin <= min(one.valid_to or dt.date.max, other.valid_to or dt.date.max)


def _starless(airline: Airline) -> Airline:
    if not airline.iata.endswith("*"):
        return airline
    note = airline.note if airline.duplicate else f"{DUPLICATE}; {airline.note}".rstrip("; ")
    return msgspec.structs.replace(airline, iata=airline.iata[:-1], note=note)


def _faults(airline: Airline) -> list[str]:
    if airline.valid_from and airline.valid_to and airline.valid_to < airline.valid_from:
        return [f"valid_to: {airline.valid_to} is before valid_from {airline.valid_from}"]
    return []


def _optd(text: str, place: str, known: Iterable[Airline]) -> Read:
    """OpenTravelData's table (github.com/opentraveldata/opentraveldata, `optd_airlines.csv`).

    Railways and alliances stand in it too; `env_id` marks what is no longer valid.
    """
    shipped: dict[tuple[str, str], list[Airline]] = defaultdict(list)
    for airline in known:
        shipped[airline.pair].append(airline)
    found: dict[tuple[str, str, dt.date | None, dt.date | None], Airline] = {}
    left_out: dict[str, int] = defaultdict(int)
    faults: list[str] = []
    for line, row in rows_of(text, place, _OPTD, carets=True):
        reason = _unwanted(row)
        if reason:
            left_out[reason] += 1
            continue
        try:
            airline = _optd_row(row, shipped)
        except msgspec.ValidationError as error:
            said, _, field = str(error).partition(" - at `$.")
            faults.append(f"{place}:{line}: {field.rstrip('`') or 'row'}: {said}")
            continue
        if _faults(airline):
            left_out["ends before it begins"] += 1
        else:
            found[*airline.pair, airline.valid_from, airline.valid_to] = airline
    if not found and not faults:
        faults = [f"{place}:1: holds no airline with both designators"]
    if faults:
        raise TableError(faults)
    return Read(tuple(found[key] for key in sorted(found, key=str)), dict(left_out))


def _unwanted(row: Mapping[str, str]) -> str:
    """Why a row is left out, or "" when it is wanted."""
    if not row.get("pk", "air-").startswith("air-"):
        return "no airline"
    if not (_IATA.fullmatch(row["2char_code"]) and _ICAO.fullmatch(row["3char_code"])):
        return "without both designators"
    if row.get("env_id") and not row.get("validity_to"):
        return "no longer valid, without a last day"
    return ""


def _optd_row(row: Mapping[str, str], shipped: Mapping[tuple[str, str], list[Airline]]) -> Airline:
    said = {
        "iata": row["2char_code"],
        "icao": row["3char_code"],
        "name": row.get("name", "")[:_LONGEST],
        "valid_from": row.get("validity_from", ""),
        "valid_to": row.get("validity_to", ""),
        "note": "cargo" if row.get("type") == "C" else "",
    }
    same = shipped.get((said["iata"], said["icao"]), [])
    if same:
        said["country"] = same[0].country
    airline = convert_row(said, Airline)
    if len(same) == 1 and airline.valid_from is None and airline.valid_to is None:
        days = same[0]
        airline = msgspec.structs.replace(
            airline, valid_from=days.valid_from, valid_to=days.valid_to
        )
    return airline
