"""When a flight's trouble is worth a message: policies and advisories, read from data files."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from schemas.records import Kind

_T = TypeVar("_T")
_Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_080)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_MINUTE_MS = 60_000


class PolicyError(Exception):
    """A data file is missing or says something that cannot be used; the message names the field."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of one notification policy, in minutes; the file says where each comes from."""

    name: str
    version: str
    source: str
    first_notice_minutes: _Minutes
    next_notice_minutes: _Minutes
    earlier_minutes: _Minutes
    cancelled_useful_minutes: _Minutes
    least_useful_minutes: _Minutes
    must_reach: frozenset[Kind]
    untold_services: frozenset[str] = frozenset()

    @property
    def first_notice_ms(self) -> int:
        """A first delay of at least this much against the schedule is told."""
        return self.first_notice_minutes * _MINUTE_MS

    @property
    def next_notice_ms(self) -> int:
        """A further delay of at least this much against what was last told is told."""
        return self.next_notice_minutes * _MINUTE_MS

    @property
    def earlier_ms(self) -> int:
        """A departure at least this much earlier than last told is told."""
        return self.earlier_minutes * _MINUTE_MS

    @property
    def label(self) -> str:
        """Name and version, as decisions carry them."""
        return f"{self.name}@{self.version}"


class Advisory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known cause at some airports for a while, for feeds that give no reason themselves."""

    airports: frozenset[str]
    from_: _Moment = msgspec.field(name="from")
    until: _Moment
    cause: str
    source: str
    date: str

    def covers(self, airport: str | None, at_ms: int | None) -> bool:
        """True when it holds at `airport` at `at_ms` (ms UTC)."""
        if airport not in self.airports or at_ms is None:
            return False
        return self.from_ <= datetime.fromtimestamp(at_ms / 1000, UTC) <= self.until


class _Advisories(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    advisory: tuple[Advisory, ...] = ()


def load_policy(name: str) -> Policy:
    """The shipped policy of that name, or the one in the TOML file at that path.

    Raises PolicyError naming the file and the field.
    """
    return load_data("policies", name, Policy)


def load_advisories(name: str) -> tuple[Advisory, ...]:
    """The shipped advisories of that name, or those in the TOML file at that path.

    Raises PolicyError naming the file and the field.
    """
    return load_data("advisories", name, _Advisories).advisory


def load_data(kind: str, name: str, wanted: type[_T]) -> _T:
    """Reads `data/<kind>/<name>.toml`, or a path when `name` ends in .toml."""
    shipped = files("filters") / "data" / kind
    place = Path(name) if name.endswith(".toml") else shipped / f"{name}.toml"
    try:
        return msgspec.convert(tomllib.loads(place.read_text("utf-8")), wanted)
    except FileNotFoundError as error:
        have = ", ".join(sorted(p.name[:-5] for p in shipped.iterdir() if p.name.endswith(".toml")))
        message = f"{kind}: no file for {name!r}; shipped are {have}; a path must end in .toml"
        raise PolicyError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message = f"{place}: {error}"
        raise PolicyError(message) from error
