from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ingest.inputs import FileInput, Input, NoInputError, expand, feed_of, format_of
from pipeline.ingest.packed import Unpacked
from tests.unit.ingest.feeds import FEEDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.xml", "a.xml", "c.json", "deep/d.xml", "[x].xml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def objects(uri: str) -> Iterator[Input]:
    yield FileInput(Path(uri.removeprefix("s3://")))


def names(*arguments: object) -> list[str]:
    return [each.name for each in expand(map(str, arguments), objects=objects)]


def test_paths_patterns_pipes_and_objects_are_found_in_the_order_given(folder: Path) -> None:
    assert names(folder / "c.json", "-", "s3://bucket/key", folder / "a.xml") == [
        "c.json",
        "stdin",
        "key",
        "a.xml",
    ]
    assert names(folder / "[ab].xml") == ["a.xml", "b.xml"]
    assert names(folder / "*") == ["[x].xml", "a.xml", "b.xml", "c.json"]
    assert names(folder / "**" / "*.xml") == ["[x].xml", "a.xml", "b.xml", "d.xml"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    assert names(folder / "[x].xml") == ["[x].xml"]


@pytest.mark.parametrize(
    ("argument", "word"),
    [("missing.xml", "does not exist"), ("no*.xml", "no file matches"), (".", "is a directory")],
)
def test_what_names_nothing_is_an_error_with_the_argument(
    folder: Path, argument: str, word: str
) -> None:
    with pytest.raises(NoInputError, match=word):
        names(folder / argument)


def test_a_file_is_known_by_its_whole_path_and_a_pipe_by_nothing(folder: Path) -> None:
    given = FileInput(folder / "deep" / ".." / "a.xml")
    assert given.identity == str(folder / "a.xml")
    assert given.size == 5
    with given.open() as stream:
        assert stream.read(10) == b"a.xml"
    os.mkfifo(folder / "pipe")
    pipe = FileInput(folder / "pipe")
    assert (pipe.identity, pipe.size) == ("", None)


@pytest.mark.parametrize(
    ("name", "feed"),
    [("day.xml", "day"), ("day.xml.gz", "day"), ("lgw.2026.json.ZST", "lgw.2026"), ("day", "day")],
)
def test_a_feed_is_named_after_its_file(name: str, feed: str) -> None:
    assert feed_of(FileInput(Path(name))) == feed


@pytest.mark.parametrize("kind", FEEDS)
def test_a_format_is_recognised_packed_or_not_and_nothing_is_lost(kind: str) -> None:
    data = FEEDS[kind](2_000)
    for raw in (data, gzip.compress(data)):
        stream = Unpacked(io.BytesIO(raw))
        known = format_of(stream)
        assert known is not None
        assert kind.split(maxsplit=1)[0] == known.NAME
        read = b""
        while more := stream.read(9_999):
            read += more
        assert read == data


@pytest.mark.parametrize("data", [b"", b"hello\n", b"{}", b"<html></html>"])
def test_a_format_may_be_unknown(data: bytes) -> None:
    assert format_of(Unpacked(io.BytesIO(data))) is None
