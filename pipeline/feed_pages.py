"""The pages of `docs/feeds/`: what each format reads and leaves aside, drawn from its module.

A page is written by hand but for the parts between two marks, which come from the format's own
constants, its example from `tests/unit/filters/seeds/` and the settings of its source; a test
compares them. The page of traps names the tests that hold each trap (`test_trap_NN_<what>`).
`python -m pipeline.feed_pages` draws all of them anew.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from filters.normalize import FORMATS, normalize
from filters.normalize.shape import FeedFormat
from filters.outcome import Drop, Forward, Reject
from filters.sources import Source, load_sources
from schemas.records import FeedMessage, FlightStatus, payload_id

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "feeds"
TRAPS_PAGE: Final = FOLDER / "traps.md"
CODES: Final = ROOT / "filters" / "data" / "formats"
SEEDS: Final = ROOT / "tests" / "unit" / "filters" / "seeds"
TRAPS: Final = range(1, 34)
_MARK: Final = "drawn by `python -m pipeline.feed_pages`"
_PART = re.compile(
    rf"(?P<head><!-- (?P<part>[a-z]+): {re.escape(_MARK)} -->\n).*?(?P<tail><!-- /(?P=part) -->)",
    re.DOTALL,
)
_TRAP_ROW = re.compile(r"^(?P<head>\| (?P<number>[0-9]+) \|[^|\n]*\|).*\|$", re.MULTILINE)
_TRAP_TEST = re.compile(r"test_trap_(?P<numbers>[0-9]{1,2}(?:_(?:and_)?[0-9]{1,2})*)_")
# When the example was received, where its own day is not that of the others.
_RECEIVED: Final = {"mvt": "2025-06-15T13:10:00+00:00"}
_RECEIVED_ELSE: Final = "2025-05-25T12:00:00+00:00"
_MOST_SHOWN: Final = 3
_LANGUAGES: Final = {".jsonl": "json", ".txt": "text"}
# Of the transport, and the same for every format.
_UNSHOWN: Final = frozenset(
    ("id", "message_id", "format", "feed", "source_rank", "sequence", "received_at", "replay")
)
_MOMENTS: Final = re.compile(
    r"(?:out|off|on|in)_(?:scheduled|estimated|actual)|next_info|source_time"
)


class TrapTest(NamedTuple):
    """One test of a trap: where it lies, as a POSIX path under the root, and its name."""

    path: str
    name: str


def redrawn(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The page with the marked parts drawn anew; other text untouched."""
    return _PART.sub(
        lambda found: f"{found['head']}{parts[found['part']]()}\n{found['tail']}", page
    )


def parts_of(name: str) -> dict[str, Callable[[], str]]:
    """What draws each marked part of a format's page."""
    known = FORMATS[name]
    return {
        "format": lambda: _identity(known),
        "read": lambda: _table(("field or code", "becomes"), known.FIELDS),
        "ignored": lambda: _table(("field or message", "why"), known.IGNORED),
        "codes": lambda: _codes(name),
        "example": lambda: _example(known),
        "settings": lambda: _settings(name),
        "traps": lambda: _traps_of(name),
    }


def _identity(known: FeedFormat) -> str:
    place = str(getattr(known, "__file__", ""))
    path = Path(place).relative_to(ROOT).as_posix()
    return f"`--format {known.NAME}`: {known.TITLE}. Read by [`{path}`](../../{path})."


def _table(heads: tuple[str, str], rows: Mapping[str, str]) -> str:
    """A table of two columns; names that become the same share the row of the first of them."""
    lines = [f"| {heads[0]} | {heads[1]} |", "|---|---|"]
    alike: dict[str, list[str]] = {}
    for name, value in rows.items():
        alike.setdefault(value, []).append(name)
    for value, together in alike.items():
        names = ", ".join(f"`{_cell(name)}`" for name in together)
        lines.append(f"| {names} | {_cell(value)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _codes(name: str) -> str:
    """What each code of the format's data file is read as, a table for each group of them."""
    path = CODES / f"{name}.toml"
    file = tomllib.loads(path.read_text("utf-8"))
    shown = [f"From [`{path.name}`](../../{path.relative_to(ROOT).as_posix()}), with its sources."]
    for group, codes in file.items():
        if isinstance(codes, dict):
            rows = {code: _meaning(means) for code, means in codes.items()}
            shown += ["", _table((f"code in `{group}`", "read as"), rows)]
    return "\n".join(shown)


def _meaning(means: object) -> str:
    if isinstance(means, dict):
        return ", ".join(f"{key} {value}" for key, value in means.items()) or "evidence"
    return ", ".join(map(str, means)) if isinstance(means, list) else str(means)


def _example(known: FeedFormat) -> str:
    """The seed as it stands, and what normalize makes of it."""
    [seed] = SEEDS.glob(f"{known.NAME}.*")
    raw = seed.read_bytes()
    language = _LANGUAGES.get(seed.suffix, seed.suffix.removeprefix("."))
    shown = [f"```{language}", raw.decode("latin-1").rstrip("\n").replace("\r", ""), "```", ""]
    told = list(_told(known, raw))
    shown += ["becomes", "", "```text", "\n\n".join(told[:_MOST_SHOWN]), "```"]
    if len(told) > _MOST_SHOWN:
        shown += ["", f"and {len(told) - _MOST_SHOWN} more like these."]
    return "\n".join(shown)


def _told(known: FeedFormat, raw: bytes) -> Iterator[str]:
    sources = load_sources("default")
    received = dt.datetime.fromisoformat(_RECEIVED.get(known.NAME, _RECEIVED_ELSE))
    for piece in known.split([raw]):
        message = FeedMessage(
            id=payload_id(piece.payload),
            format=known.NAME,
            feed=known.NAME,
            received_at=int(received.timestamp()) * 1000,
            payload=piece.payload,
        )
        for outcome in normalize([message], sources=sources):
            if isinstance(outcome, Forward):
                yield from (
                    _fields(out) for out in outcome.outputs if isinstance(out, FlightStatus)
                )
            elif isinstance(outcome, Drop | Reject):
                yield f"{type(outcome).__name__.lower()}: {outcome.reason}"


def _fields(status: FlightStatus) -> str:
    """The fields that say something, a line each; moments as ISO 8601 in UTC."""
    said = msgspec.structs.asdict(status)
    empty = {field.name: field.default for field in msgspec.structs.fields(FlightStatus)}
    rows = [
        (name, _shown(name, value))
        for name, value in said.items()
        if name not in _UNSHOWN and value not in (empty[name], "", (), None)
    ]
    return "\n".join(f"{name:<20} {value}".rstrip() for name, value in rows)


def _shown(name: str, value: object) -> str:
    if isinstance(value, int) and _MOMENTS.fullmatch(name):
        moment = dt.datetime.fromtimestamp(value / 1000, dt.UTC)
        return moment.isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _settings(name: str) -> str:
    """The format's settings, where they differ from what holds without any."""
    settings = msgspec.structs.asdict(load_sources("default").of("", name))
    unset = msgspec.structs.asdict(Source())
    shown = [
        f"| `{key}` | {_cell(str(value))} |"
        for key, value in settings.items()
        if value != unset[key] or key in ("rank", "silent_minutes")
    ]
    return "\n".join(("| setting | as shipped |", "|---|---|", *shown))


def _traps_of(name: str) -> str:
    """The traps that the tests of this format hold, with links to the page of traps."""
    named = re.compile(
        rf"/test_(?:boards_)?{'own' if name == 'flightwire' else name}(?:_\w+)?\.py$"
    )
    held = sorted(
        number
        for number, tests in trap_tests().items()
        if any(named.search(test.path) for test in tests)
    )
    listed = ", ".join(map(str, held)) or "none by name"
    return f"Of the [33 traps](traps.md), named tests of this format hold: {listed}."


@cache
def trap_tests() -> dict[int, list[TrapTest]]:
    """The tests named after each trap, by its number, in order of path and name."""
    held: dict[int, list[TrapTest]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for number in numbers_in(node.name):
                test = TrapTest(path.relative_to(ROOT).as_posix(), node.name)
                held.setdefault(number, []).append(test)
    return {number: sorted(tests) for number, tests in sorted(held.items())}


def numbers_in(name: str) -> list[int]:
    """The traps that a test's name says it holds: `test_trap_03_and_04_<what>` holds two."""
    found = _TRAP_TEST.match(name)
    return [] if found is None else [int(each) for each in re.findall("[0-9]+", found["numbers"])]


def traps_redrawn(page: str) -> str:
    """The page of traps with the last column drawn anew, a row for each trap."""
    held = trap_tests()
    return _TRAP_ROW.sub(
        lambda row: f"{row['head']} {_tests_cell(held.get(int(row['number']), []))} |", page
    )


def _tests_cell(tests: list[TrapTest]) -> str:
    parts = []
    for path, group in groupby(tests, key=lambda test: test.path):
        names = ", ".join(f"`{test.name.removeprefix('test_trap_')}`" for test in group)
        parts.append(f"[{Path(path).stem}](../../{path}): {names}")
    return "<br>".join(parts)


def drawn() -> dict[Path, str]:
    """Each page that holds drawn parts, as it should be."""
    pages = {FOLDER / f"{name}.md": parts_of(name) for name in FORMATS}
    texts = {path: redrawn(path.read_text("utf-8"), parts) for path, parts in pages.items()}
    return {**texts, TRAPS_PAGE: traps_redrawn(TRAPS_PAGE.read_text("utf-8"))}


def main() -> None:
    """Draw the marked parts anew in every page."""
    for path, text in drawn().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
