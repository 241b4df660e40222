"""The pictures in the pages are those drawn from the stages."""

from __future__ import annotations

import pytest

from pipeline import diagram
from pipeline.stages import CHAIN


@pytest.mark.parametrize("page", diagram.PAGES)
def test_the_page_shows_the_chain_as_it_is(page: str) -> None:
    text = (diagram.ROOT / page).read_text("utf-8")
    assert diagram.mermaid() in text, "run: python -m pipeline.diagram"
    assert diagram.redrawn(text) == text


def test_an_old_picture_is_noticed() -> None:
    old = "<!-- chain: drawn by `python -m pipeline.diagram` -->\nold\n<!-- /chain -->"
    assert diagram.redrawn(old) != old


def test_every_stage_queue_and_table_is_in_the_picture() -> None:
    drawn = diagram.mermaid()
    for stage in CHAIN:
        assert all(
            name in drawn for name in (stage.name, stage.source, stage.dead_letters, *stage.tables)
        )
