"""Words for people: templates from data files, airport-local times, a reason in plain words.

Templates know no logic: `$name` is replaced by a field from a fixed list, stripped of control
characters and capped in length.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from string import Template

import msgspec

from filters import reference
from filters.policy import PolicyError
from schemas.records import Kind, Notice

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIELD_CHARACTERS = 40
_FALLBACK_LOCALE = "en"


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one language; every sentence is a template over the same fields."""

    version: str
    source: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    unknown_reason: str
    time_unknown: str
    kinds: Mapping[Kind, str]
    causes: Mapping[str, str]


class Wordings(msgspec.Struct, frozen=True):
    """The shipped languages."""

    by_locale: Mapping[str, Wording]

    def of(self, locale: str) -> Wording:
        """The wording of `locale`, of its language, or English."""
        wanted = (locale, locale.partition("-")[0], _FALLBACK_LOCALE)
        return next(self.by_locale[name] for name in wanted if name in self.by_locale)


def load_wordings() -> Wordings:
    """All languages shipped under `data/wordings`. Raises PolicyError naming file and field."""
    found: dict[str, Wording] = {}
    for place in (files("filters") / "data" / "wordings").iterdir():
        if place.name.endswith(".toml"):
            try:
                content = tomllib.loads(place.read_text("utf-8"))
                found[place.name[:-5]] = msgspec.convert(content, Wording)
            except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
                message = f"{place.name}: {error}"
                raise PolicyError(message) from error
    return Wordings(found)


def render(notice: Notice, wordings: Wordings) -> str:
    """The text of a notice, times local at each airport with a day where it is not the flight's.

    Raises KeyError for a template that names an unknown field, which the tests rule out.
    """
    words = wordings.of(notice.locale)
    at_origin, at_destination = _zone(notice.origin), _zone(notice.destination)
    fields = {
        "ticket": notice.ticket,
        "origin": notice.origin,
        "destination": notice.destination or "",
        "route": f"{notice.origin}-{notice.destination}" if notice.destination else notice.origin,
        "date": _day(words, date.fromisoformat(notice.date)),
        "scheduled": _time(words, notice.out_scheduled, at_origin, notice.date),
        "expected": _time(words, notice.out_expected, at_origin, notice.date),
        "told": _time(words, notice.out_told, at_origin, notice.date),
        "arrival": _time(words, notice.in_expected, at_destination, notice.date),
        "as_of": _time(words, notice.source_time, at_origin, notice.date),
        "reason": reason(words, notice.cause),
    }
    return Template(words.kinds[notice.kind]).substitute({k: _clean(v) for k, v in fields.items()})


def reason(words: Wording, cause: str | None) -> str:
    """The cause in plain words; the words for `SCHEME:CODE`, or that no reason is known."""
    return words.causes.get(cause or "", words.unknown_reason)


def _clean(value: str) -> str:
    return _CONTROL.sub("", value)[:_FIELD_CHARACTERS]


def _zone(code: str | None) -> str:
    airport = reference.airport(code) if code else None
    return airport.zone if airport else "UTC"


def _day(words: Wording, day: date) -> str:
    return f"{words.weekdays[day.weekday()]} {day.day} {words.months[day.month - 1]}"


def _time(words: Wording, ms: int | None, zone: str, flight_date: str) -> str:
    """`HH:MM`, with the day when it is not `flight_date`, and `UTC` when no zone is known."""
    if ms is None:
        return words.time_unknown
    local = reference.local_time(ms, zone)
    text = local.strftime("%H:%M") + (" UTC" if zone == "UTC" else "")
    return (
        text if local.date().isoformat() == flight_date else f"{text} {_day(words, local.date())}"
    )
