"""Tables of the user's own: stored in the state folder, or beside the code of a deployment."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Final

from filters import reference
from filters.policy import PolicyError
from filters.tables import LONGEST_TABLE
from pipeline.settings import state_dir

AIRLINES: Final = "airlines.csv"
PARTNERS: Final = "partners.csv"


def folder() -> Path:
    """Where loaded tables are kept; it may not exist yet."""
    return state_dir() / "reference"


def loaded(name: str) -> Path | None:
    """The loaded table of that file name, if there is one."""
    path = folder() / name
    return path if path.is_file() else None


def read_file(path: Path) -> str:
    """The text of a table. Raises PolicyError naming the file."""
    try:
        if path.stat().st_size > LONGEST_TABLE:
            raise PolicyError(f"{path}: longer than any table, {LONGEST_TABLE:,} bytes at most")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: byte {error.start}: not UTF-8") from error


def store(path: Path, text: str) -> None:
    """Write a table whole or not at all. Raises PolicyError naming the file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PolicyError(f"{path}: {error.strerror or error}") from error


def adopt_loaded() -> int:
    """Use the loaded airlines, if there are some, in this process; returns how many.

    Raises PolicyError naming the file and its lines.
    """
    path = loaded(AIRLINES)
    return 0 if path is None else reference.adopt(read_file(path), str(path))


def adopt_named(name: str) -> int:
    """Use the airlines of `filters/data/airlines/<name>.csv`, or of the path if it ends in .csv.

    Returns how many; raises PolicyError naming the file and its lines.
    """
    shipped = Path(str(files("filters"))) / "data" / "airlines" / f"{name}.csv"
    path = Path(name) if name.endswith(".csv") else shipped
    return reference.adopt(read_file(path), path.name)


def parameters() -> dict[str, str]:
    """The template's parameters for a local run with the loaded tables."""
    found = {"Airlines": loaded(AIRLINES), "Partners": loaded(PARTNERS)}
    return {name: str(path) for name, path in found.items() if path is not None}
