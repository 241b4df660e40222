"""The pages of the feeds are there, say what the code does, and their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from filters.normalize import FORMATS
from pipeline import feed_pages
from pipeline.feed_pages import CODES, FOLDER, ROOT, parts_of, redrawn

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "infra" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
PARTS = {"format", "example", "read", "ignored", "traps", "settings"}
_LINK = re.compile(r"\]\((?!https?://|mailto:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]*))?\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def broken_links(page: str, folder: Path) -> Iterator[str]:
    """The relative links of a page in this folder that lead nowhere, headings included."""
    for link in _LINK.finditer(_CODE.sub("", page)):
        place = folder / link["path"]
        text = page
        if link["path"]:
            if not place.exists():
                yield link[0]
                continue
            text = place.read_text("utf-8") if place.suffix == ".md" else ""
        if link["heading"] and link["heading"] not in anchors(text):
            yield link[0]


def anchors(page: str) -> set[str]:
    """The names of a page's headings, as links write them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", FORMATS)
def test_a_formats_page_is_as_its_code_has_it(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    assert redrawn(text, parts_of(name)) == text, "run: python -m pipeline.feed_pages"
    for part in PARTS | ({"codes"} if (CODES / f"{name}.toml").exists() else set()):
        assert text.count(f"<!-- /{part} -->") == 1, part
    assert all(f"`{_escaped(field)}`" in text for field in FORMATS[name].FIELDS)
    assert all(f"`{_escaped(field)}`" in text for field in FORMATS[name].IGNORED)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_of_a_page_becomes_a_status(name: str) -> None:
    example = parts_of(name)["example"]()
    assert "\nsource_time " in example
    assert "reject:" not in example


def test_an_old_part_is_noticed() -> None:
    old = "<!-- read: drawn by `python -m pipeline.feed_pages` -->\nold\n<!-- /read -->"
    drawn = redrawn(old, parts_of("mvt"))
    assert drawn != old
    assert redrawn(drawn, parts_of("mvt")) == drawn


def test_the_index_lists_every_format_once_and_so_does_the_readme() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[([a-z0-9]+)\]\(\1\.md\) \|", index, re.MULTILINE)
    assert listed == list(FORMATS)
    readme = (ROOT / "README.md").read_text("utf-8")
    linked = re.findall(r"\]\(docs/feeds/([a-z0-9]+)\.md\)", readme)
    assert set(FORMATS) <= set(linked)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page.read_text("utf-8"), page.parent)) == []


def test_a_broken_link_is_noticed() -> None:
    page = "# One two\n[a](feeds/mvt.md) [b](#one-two) [c](https://example.com) `[d](no.md)`"
    assert list(broken_links(page, ROOT / "docs")) == []
    page += "[e](feeds/none.md) [f](feeds/mvt.md#nowhere) [g](#three)"
    assert list(broken_links(page, ROOT / "docs")) == [
        "](feeds/none.md)",
        "](feeds/mvt.md#nowhere)",
        "](#three)",
    ]


def test_main_draws_what_the_tests_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[Path, str] = {}
    monkeypatch.setattr(Path, "write_text", lambda path, text, _: written.setdefault(path, text))
    feed_pages.main()
    assert written == feed_pages.drawn()
