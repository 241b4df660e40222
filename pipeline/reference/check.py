"""What of the reference tables is stale or doubtful, against today and against each other."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final, Literal

import airportsdata
import msgspec

from filters import reference
from filters.airlines import Airline, overlap
from filters.partners import Partners, overlapping, unknown_airlines
from filters.reference import Held

_STALE_TABLE: Final = 365
_STALE_AIRPORTS: Final = 183
_MOST_LISTED: Final = 12
_DATE = re.compile(r"^#.*?([0-9]{4}-[0-9]{2}-[0-9]{2})", re.MULTILINE)
_RELEASED = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found; a `notice` is worth knowing, a `doubt` is to be looked at."""

    level: Literal["notice", "doubt"]
    subject: str
    said: str


def check(
    today: dt.date,
    packages: Mapping[str, str],
    loaded: tuple[Airline, ...] = (),
    partners: Partners | None = None,
) -> list[Finding]:
    """All findings, doubts first. `loaded` are the user's airlines, which have been adopted.

    `packages` are the installed versions of airportsdata and tzdata.
    """
    found = [
        *_ages(today, packages),
        *_airlines(),
        *_airports(reference.moves(), airportsdata.load("ICAO")),
        *_differences(loaded),
        *_partners(partners),
    ]
    return sorted(found, key=lambda finding: finding.level)


def _ages(today: dt.date, packages: Mapping[str, str]) -> Iterator[Finding]:
    dated = _DATE.search(reference.shipped_text())
    if dated is not None:
        compiled = dt.date.fromisoformat(dated[1])
        said = f"compiled on {compiled}, {(today - compiled).days} days ago"
        stale = (today - compiled).days > _STALE_TABLE
        yield (_doubt if stale else _notice)(
            "airlines", f"{said}{'; update flightwire' if stale else ''}"
        )
    version = packages.get("airportsdata", "")
    released = _RELEASED.match(version)
    if released is not None:
        age = (today - dt.date(int(released[1]), int(released[2]), int(released[3]))).days
        stale = age > _STALE_AIRPORTS
        newer = "; look for a newer one" if stale else ""
        yield (_doubt if stale else _notice)("airportsdata", f"{version}, {age} days old{newer}")
    else:
        yield _doubt("airportsdata", f"version {version or 'unknown'} names no date")
    version = packages.get("tzdata", "")
    year = version.partition(".")[0]
    if year.isdecimal() and len(year) == len("2026"):
        stale = (today - dt.date(int(year), 12, 31)).days > _STALE_AIRPORTS
        yield (_doubt if stale else _notice)(
            "tzdata", f"{version}{'; look for a newer one' if stale else ''}"
        )
    else:
        yield _doubt("tzdata", f"version {version or 'unknown'} names no year")


def _airlines() -> Iterator[Finding]:
    by_iata, by_icao = reference.airlines()
    for known in (by_iata, by_icao):
        for code, holders in sorted(known.items()):
            pairs = [
                (one, other)
                for one, other in combinations(holders, 2)
                if one.pair != other.pair and overlap(one, other)
            ]
            for one, other in pairs:
                settled = one.duplicate or other.duplicate
                yield (_notice if settled else _doubt)(
                    code, f"held by two: {_said(one)}; {_said(other)}"
                )
            if len({holder.pair for holder in holders}) > 1 and not pairs:
                said = "; ".join(_said(holder) for holder in reversed(holders))
                yield _notice(code, f"used again: {said}")
    nowhere = sorted({a.icao for held in by_iata.values() for a in held if not a.country})
    if nowhere:
        yield _notice("airlines", f"{len(nowhere)} without a country: {_list(nowhere)}")


def _airports(
    moves: Mapping[str, list[Held]], today: Mapping[str, airportsdata.Airport]
) -> Iterator[Finding]:
    """Where our days for moved codes contradict the package of today's airports."""
    by_iata = {row["iata"]: row["icao"] for row in today.values() if row["iata"]}
    rows = {(row.iata, row.icao, row.valid_from): row for held in moves.values() for row in held}
    for row in rows.values():
        now = row.valid_to is None
        has = today.get(row.icao)
        if now and has is None and not row.zone:
            yield _doubt(row.iata or row.icao, f"airportsdata has no {row.icao}")
        elif now and has is not None and has["iata"] != row.iata:
            said = f"{row.icao} is {has['iata'] or 'without code'} in airportsdata"
            yield _doubt(row.iata or row.icao, said)
        elif now and row.iata and by_iata.get(row.iata, row.icao) != row.icao:
            yield _doubt(row.iata, f"means {by_iata[row.iata]} in airportsdata")
        elif not row.zone and has is None:
            yield _doubt(row.icao, "airportsdata has it no more, and the table no zone")


def _differences(loaded: tuple[Airline, ...]) -> Iterator[Finding]:
    if not loaded:
        return
    ours, theirs = _by_pair(reference.shipped()), _by_pair(loaded)
    other_days = sorted(
        "/".join(pair) for pair in ours.keys() & theirs.keys() if ours[pair] != theirs[pair]
    )
    new, kept = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
    said = f"{len(theirs)} pairs, {len(new)} of them new; {len(kept)} shipped pairs stay"
    yield _notice("loaded airlines", said)
    if other_days:
        listed = f"{len(other_days)} pairs with other days than shipped: {_list(other_days)}"
        yield _notice("loaded airlines", listed)
    for iata in sorted({airline.iata for airline in reference.shipped()}):
        before = reference.holder([a for a in reference.shipped() if a.iata == iata], None)
        after = reference.airline_icao(iata, None)
        if before is not None and before.icao != after:
            yield _doubt(iata, f"is {after or 'nobody for sure'} now, shipped {before.icao}")


def _by_pair(
    airlines: Iterable[Airline],
) -> dict[tuple[str, str], set[tuple[dt.date | None, dt.date | None]]]:
    found: dict[tuple[str, str], set[tuple[dt.date | None, dt.date | None]]] = {}
    for airline in airlines:
        found.setdefault(airline.pair, set()).add((airline.valid_from, airline.valid_to))
    return found


def _partners(partners: Partners | None) -> Iterator[Finding]:
    if partners is None:
        return
    yield _notice("partners", f"{len(partners.ranges)} ranges")
    for one, other in overlapping(partners):
        said = f"{one.text} and {other.text} overlap; numbers in both are left as they are"
        yield _doubt("partners", said)
    for code in unknown_airlines(partners):
        yield _doubt("partners", f"{code} is no airline of the tables")


def _notice(subject: str, said: str) -> Finding:
    return Finding(level="notice", subject=subject, said=said)


def _doubt(subject: str, said: str) -> Finding:
    return Finding(level="doubt", subject=subject, said=said)


def _said(airline: Airline) -> str:
    begin = f" from {airline.valid_from}" if airline.valid_from else ""
    end = f" until {airline.valid_to}" if airline.valid_to else ""
    return f"{airline.iata}/{airline.icao} {airline.name}{begin}{end}"


def _list(names: list[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
