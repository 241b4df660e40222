"""Tables of facts in CSV: `#` in front of comments, one line of column names, one fact per row.

Every row is checked against its record type, and all faults are told at once, with line and field.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

import msgspec

from filters.policy import PolicyError

_T = TypeVar("_T", bound=msgspec.Struct)
_MOST_FAULTS = 20
_LONGEST_SHOWN = 40
LONGEST_TABLE = 32 * 1024 * 1024
"""Bytes; no table of codes is as long, and a wrong file is not read to its end."""


class TableError(PolicyError):
    """A table cannot be used; `faults` hold one `<file>:<line>: <field>: <what>` each."""

    def __init__(self, faults: list[str]) -> None:
        """The message holds the first faults and the number of the others."""
        self.faults = tuple(faults)
        more = len(faults) - _MOST_FAULTS
        shown = [*faults[:_MOST_FAULTS], *([f"and {more} faults more"] if more > 0 else [])]
        super().__init__("\n".join(shown))


def read_table(text: str, place: str, wanted: type[_T]) -> list[tuple[int, _T]]:
    """The rows of a table as records, each with its line; empty cells are left to the defaults.

    `place` is the file's name in messages. Columns that the type does not have are passed over.
    Raises TableError naming every line and field that cannot be read.
    """
    faults: list[str] = []
    found: list[tuple[int, _T]] = []
    for line, row in rows_of(text, place, required_of(wanted)):
        try:
            found.append((line, convert_row(row, wanted)))
        except msgspec.ValidationError as error:
            faults.append(f"{place}:{line}: {_fault(error, row)}")
    if faults:
        raise TableError(faults)
    return found


def convert_row(row: Mapping[str, str], wanted: type[_T]) -> _T:
    """One row as a record. Raises msgspec.ValidationError naming the field."""
    fields = wanted.__struct_fields__
    said = {name: value for name, value in row.items() if value and name in fields}
    return msgspec.convert(said, wanted, strict=False)


def required_of(wanted: type[msgspec.Struct]) -> list[str]:
    """The columns a table of such records cannot do without."""
    return [field.name for field in msgspec.structs.fields(wanted) if field.required]


def rows_of(
    text: str, place: str, required: Collection[str], *, carets: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the line of names, by name, with their line numbers; blanks are cut off.

    With `carets` the cells stand between `^` and no quotes are meant, as in OpenTravelData.

    Raises TableError when a required column is missing, when a row has more cells than there are
    names, and when the text is no table.
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    kept = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    # A quoted cell may hold line ends, so the reader's own count tells where a row begins.
    reader = csv.reader(
        (line for _, line in kept),
        delimiter="^" if carets else ",",
        quoting=csv.QUOTE_NONE if carets else csv.QUOTE_MINIMAL,
    )
    try:
        names = [name.strip() for name in next(reader, [])]
        if missing := [name for name in required if name not in names]:
            at = kept[0][0] if kept else 1
            raise TableError([f"{place}:{at}: {', '.join(missing)}: no such column"])
        while True:
            begin = reader.line_num
            cells = next(reader, None)
            if cells is None:
                return
            line = kept[begin][0]
            if len(cells) > len(names):
                raise TableError([f"{place}:{line}: {len(cells)} cells under {len(names)} names"])
            yield line, dict(zip(names, (cell.strip() for cell in cells), strict=False))
    except csv.Error as error:
        raise TableError([f"{place}:{kept[max(reader.line_num - 1, 0)][0]}: {error}"]) from error


def _fault(error: msgspec.ValidationError, row: Mapping[str, str]) -> str:
    """What is wrong with a row: `iata: 'XXX' ...` from the type checker's `... - at `$.iata``."""
    said, _, where = str(error).partition(" - at `$.")
    name = where.rstrip("`")
    if not name:
        return said
    return f"{name}: {row.get(name, '')[:_LONGEST_SHOWN]!r}: {said}"
