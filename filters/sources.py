"""What is known of a source besides its bytes: rank, patience, and the settings of its dialect.

Read from a data file, so that an operator ranks feeds without touching code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec

from filters.policy import PolicyError, load_data

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Said: TypeAlias = dict[str, int | str]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source's settings.

    `rank`: the higher wins at equal source time. `silent_minutes`: after so long without a word
    its legs are stale. `zone`: IANA zone of times that name none. `time_mode`: U or L for schedule
    messages that do not say. `delay_codes`: the scheme of codes that could belong to two.
    `longest_delay_hours`: a departure later than that is taken for another day's.
    """

    rank: int = 0
    silent_minutes: _Count = 15
    zone: str | None = None
    time_mode: Literal["U", "L"] | None = None
    delay_codes: Literal["AHM730", "AHM732"] = "AHM730"
    longest_delay_hours: _Count = 12


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    version: str
    source: str
    longest_delay_hours: _Count
    formats: dict[str, _Said]
    feeds: dict[str, _Said] = {}


class Sources:
    """The settings of all sources; a feed's own stand over those of its format."""

    def __init__(
        self,
        formats: Mapping[str, Mapping[str, int | str]],
        feeds: Mapping[str, Mapping[str, int | str]] | None = None,
        *,
        label: str = "",
        longest_delay_hours: int = 12,
    ) -> None:
        """Settings by format name, and by feed name. Raises PolicyError naming the entry."""
        self.label = label
        self._formats = formats
        self._feeds = feeds or {}
        self._longest = longest_delay_hours
        self._known: dict[tuple[str, str], Source] = {}
        for feed in ("", *self._feeds):
            for name in self._formats:
                self.of(feed, name)

    def of(self, feed: str, format_name: str) -> Source:
        """The settings of a feed connection that carries this format."""
        key = (feed if feed in self._feeds else "", format_name)
        known = self._known.get(key)
        if known is None:
            own = self._feeds.get(key[0], {})
            said = {
                "longest_delay_hours": self._longest,
                **self._formats.get(format_name, {}),
                **own,
            }
            try:
                known = self._known[key] = msgspec.convert(said, Source)
            except msgspec.ValidationError as error:
                entry = f"feeds.{feed}" if own else f"formats.{format_name}"
                raise PolicyError(f"sources: {entry}: {error}") from error
        return known


def load_sources(name: str) -> Sources:
    """The shipped sources of that name, or those in the TOML file at that path.

    Raises PolicyError naming the file and the field.
    """
    file = load_data("sources", name, _File)
    return Sources(
        file.formats,
        file.feeds,
        label=f"{file.name}@{file.version}",
        longest_delay_hours=file.longest_delay_hours,
    )
