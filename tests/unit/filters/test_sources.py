"""Ranks and dialects of sources, from the shipped file and from one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from filters.normalize import FORMATS
from filters.policy import PolicyError
from filters.sources import Source, Sources, load_sources


def test_every_format_has_an_entry_and_no_entry_is_idle() -> None:
    shipped = load_sources("default")
    assert all(shipped.of("any", name).rank > 0 for name in FORMATS)
    assert shipped.of("any", "telex") == Source()
    assert shipped.label.startswith("default@")


def test_the_airline_outranks_airports_and_these_the_aggregators() -> None:
    rank = {name: load_sources("default").of("any", name).rank for name in FORMATS}
    assert rank["mvt"] > rank["aidx"] > rank["tfmdata"] > rank["firehose"] > rank["cirium"]
    assert rank["cirium"] > rank["acl"] > rank["bts"]


def test_a_feeds_own_settings_stand_over_its_formats() -> None:
    sources = Sources(
        {"aidx": {"rank": 80, "silent_minutes": 15}},
        {"gatwick": {"rank": 85, "delay_codes": "AHM732"}},
        longest_delay_hours=8,
    )
    own = sources.of("gatwick", "aidx")
    assert (own.rank, own.silent_minutes, own.delay_codes) == (85, 15, "AHM732")
    assert (own.longest_delay_hours, sources.of("luton", "aidx").rank) == (8, 80)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[formats]\naidx = { rank = "high" }', "formats.aidx"),
        ("[formats]\naidx = { colour = 1 }", "formats.aidx"),
        ("[formats]\n[feeds.lgw]\nsilent_minutes = 0", "feeds.lgw"),
        ("[formats]\n[feeds.lgw]\ntime_mode = 'X'", "feeds.lgw"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.toml"
    head = "name='mine'\nversion='1'\nsource='me'\nlongest_delay_hours=12\n"
    path.write_text(head + text, "utf-8")
    with pytest.raises(PolicyError, match=named):
        load_sources(str(path)).of("lgw", "aidx")
