"""What the elements of one leg say: times, causes, returns, and what is withdrawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from filters.delay_codes import cause_code
from filters.normalize.telegrams.mvt.elements import RETURNS, TIMES, Element, coded
from filters.normalize.telegrams.mvt.times import Days, written

WITHDRAWN: Final = {
    "RR": ("out_actual", "off_actual", "on_estimated", "in_estimated"),
    "FR": ("out_actual", "off_actual", "on_estimated", "in_estimated", "on_actual", "in_actual"),
    "NI": ("out_estimated", "off_estimated"),
    "ED": ("next_info",),
    "EO": ("next_info",),
}
"""Cells that an element takes back, unless the message tells them anew.

With RR and FR it has not left for good; what others may have told of a landing after an FR was one
at the origin, where EA and EB beside them expect it too. NI says that no estimate holds, and an
estimate that the wait for news is over.
"""

_KINDS: Final = ("actual", "estimated")
_PAIRS: Final = ("AD", "AA")
_PAX = re.compile(r"[0-9]{1,3}(?:[/+][0-9]{0,3}){0,8}(?:\+?[0-9]{1,3})?(?:INF)?")
_PAIR: Final = 2  # digits or letters of a code without a sub-code
_LONGEST: Final = 60  # of evidence kept from one element


class Said:
    """What one leg's elements say, gathered element by element."""

    def __init__(self, days: Days, scheme: str) -> None:
        """`scheme` of delay codes that could be of two: AHM730 or AHM732."""
        self.times: dict[str, int] = {}
        self.cleared: set[str] = set()
        self.evidence: list[str] = []
        self.unread: dict[str, str] = {}
        """Elements whose value is none, with that value."""
        self.airports: list[str | None] = []
        """Airports of its arrivals, in order; None where none is named."""
        self.cause: str | None = None
        self.deviation: str | None = None
        self._days = days
        self._scheme = scheme

    def read(self, elements: Iterable[Element], *, corrected: bool, diverted: bool) -> None:
        """Takes in a leg's elements; `corrected` by COR, `diverted` when they are of a DIV."""
        by_name: dict[str, list[Element]] = {}
        for element in elements:
            by_name.setdefault(element.name, []).append(element)
        if diverted:
            self.deviation = "diverted"
            self._fate(by_name)
        self._returns(by_name)
        for name in ("AD", "ED", "EO", "NI"):
            for element in by_name.get(name, ()):
                self._departure(element)
        self._arrivals(by_name)
        self._withdraw(by_name, corrected=corrected)
        self._causes(by_name, diverted=diverted)
        for element in by_name.get("PX", ()):
            known = _PAX.fullmatch(element.value)
            self.evidence.append(f"px={element.value}" if known else "unread=PX")

    def _fate(self, by_name: dict[str, list[Element]]) -> None:
        """Notes what becomes of it after a diversion; departures are from the airport it is at."""
        for name in ("AD", "ED", "EO", "NI"):
            self._note_times(by_name.pop(name, []))
        for name in ("TERM", "CONT"):
            for element in by_name.get(name, ()):
                self.evidence.append(f"{name.lower()}={element.airport or 'yes'}")

    def _returns(self, by_name: dict[str, list[Element]]) -> None:
        """Notes a return; the departure came to nothing, and it arrives at its origin."""
        for name in RETURNS:
            if name in by_name:
                self.deviation = RETURNS[name]
                for other in (name, "AD", "EA", "EB"):
                    self._note_times(by_name[name] if other == name else by_name.pop(other, []))

    def _withdraw(self, by_name: Mapping[str, list[Element]], *, corrected: bool) -> None:
        """Clears what the message takes back and does not tell anew."""
        for name, cells in WITHDRAWN.items():
            told = name in RETURNS or TIMES[name][0] in self.times
            if name in by_name and told:
                self.cleared.update(cells)
        for name in _PAIRS:
            if corrected and self.times.keys() & set(TIMES[name]):
                self.cleared.update(TIMES[name])
        self.cleared -= self.times.keys()

    def _departure(self, element: Element) -> None:
        if element.name == "AD":
            self._happened(element, TIMES["AD"], arrival=False)
            return
        time = written(element.value)
        ms = None if time is None else self._days.expected(time, arrival=False)
        if ms is None:
            self._not_read(element)
        else:
            self.times[TIMES[element.name][0]] = ms

    def _arrivals(self, by_name: dict[str, list[Element]]) -> None:
        for element in by_name.get("TD", ()):
            self._happened(element, TIMES["TD"], arrival=True)
        for element in by_name.get("AA", ()):
            # With the touchdown in a TD, AA is on-block alone.
            alone = "on_actual" in self.times and "/" not in element.value
            self._happened(element, TIMES["AA"][1:] if alone else TIMES["AA"], arrival=True)
        for name in ("EA", "EB"):
            for element in by_name.get(name, ()):
                self._expected_in(element)

    def _happened(self, element: Element, cells: tuple[str, ...], *, arrival: bool) -> None:
        """An actual time, or the two of a pair; the first may be missing: `AD/2009`."""
        self.airports.append(element.airport)
        resolve = self._days.arrived if arrival else self._days.departed
        before = self.times.get("on_actual") if cells == ("in_actual",) else None
        parts = element.value.split("/")
        for cell, part in zip(cells, parts, strict=False):
            if not part:
                continue
            time = written(part)
            ms = None
            if time is not None:
                ms = resolve(time) if before is None else self._days.then(time, before)
            if ms is None:
                self._not_read(element)
            else:
                before = self.times[cell] = ms
        if not any(parts) or any(parts[len(cells) :]):
            self._not_read(element)

    def _expected_in(self, element: Element) -> None:
        cell = TIMES[element.name][0]
        self.airports.append(element.airport)
        if cell in self.times:
            # One for each station that follows; the leg ends at the first.
            if written(element.value) is not None:
                self.evidence.append(f"ea={element.value}/{element.airport or ''}")
            return
        time = written(element.value)
        left = [self.times.get(f"{end}_{kind}") for kind in _KINDS for end in ("off", "out")]
        since = next((ms for ms in left if ms is not None), None)
        ms = None
        if time is not None:
            ms = (
                self._days.expected(time, arrival=True)
                if since is None
                else self._days.after(time, since)
            )
        if ms is None:
            self._not_read(element)
        else:
            self.times[cell] = ms

    def _causes(self, by_name: dict[str, list[Element]], *, diverted: bool) -> None:
        """The code of the longest delay is the cause; further codes and sub-codes are evidence."""
        reasons = [code for element in by_name.get("DR", ()) for code, _ in coded(element.value)]
        extra = [*by_name.get("DL", ()), *by_name.get("EDL", ())]
        delays = [one for element in extra for one in coded(element.value)]
        details = [code for element in by_name.get("DLA", ()) for code, _ in coded(element.value)]
        longest = sorted(delays, key=lambda one: -(one[1] or 0))
        ranked = [code for code, _ in longest] + details
        ranked = reasons + ranked if diverted else ranked + reasons
        causes = ((code, cause_code(code, self._scheme)) for code in ranked)
        chosen, self.cause = next((known for known in causes if known[1]), ("", None))
        for code, minutes in delays:
            if code == chosen and (len(code) <= _PAIR or f":{code}" in str(self.cause)):
                chosen = ""  # told in full by the cause
                continue
            spent = "" if minutes is None else f"/{minutes // 60:02}{minutes % 60:02}"
            self.evidence.append(f"delay={code}{spent}")
        self.evidence += [f"dla={element.value[:_LONGEST]}" for element in by_name.get("DLA", ())]
        self.evidence += [f"dr={code}" for code in reasons if code != chosen]

    def _note_times(self, elements: Iterable[Element]) -> None:
        """Times that belong to no cell, as evidence; a return need not have one."""
        for element in elements:
            parts = element.value.split("/")
            if element.name in RETURNS and not element.value:
                continue
            if any(parts) and all(written(part) is not None for part in parts if part):
                self.evidence.append(f"{element.name.lower()}={element.value[:_LONGEST]}")
            else:
                self._not_read(element)

    def _not_read(self, element: Element) -> None:
        self.unread.setdefault(element.name, element.value)
