from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.connect.folder import Done, Folder, UnloadableError
from pipeline.ingest.load import LoadReport
from pipeline.ingest.loader import LoadCounts
from tests.unit.connect.doors import World


class Watched:
    """A watched folder, whose files are loaded by remembering them; looks play its script."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "drop"
        self.path.mkdir()
        self.world = World(folder / "state")
        self.world.on_sleep = self._next
        self.loaded: list[tuple[str, bytes]] = []
        self.bad: set[str] = set()
        self.steps: list[Callable[[], object]] = []

    def _next(self) -> None:
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()

    def load(self, path: Path) -> LoadReport:
        if path.name in self.bad:
            raise UnloadableError("broken")
        self.loaded.append((path.name, path.read_bytes()))
        return LoadReport(path.name, "loaded", LoadCounts(messages=1, acknowledged=1))

    def door(self, done: Path | None = None) -> Folder:
        world = self.world
        memory = world.memory(Done)
        return Folder(self.path, self.load, memory, world.tally, world.around, done=done)

    def run(self, *steps: Callable[[], object], done: Path | None = None) -> list[str]:
        """Watch, with each step done between two looks; the names loaded."""
        self.steps = list(steps)
        before = len(self.loaded)
        with pytest.raises(KeyboardInterrupt):
            self.door(done).run()
        return [name for name, _ in self.loaded[before:]]

    def put(self, name: str, data: bytes = b"x") -> None:
        (self.path / name).write_bytes(data)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def nothing() -> None:
    pass


def test_a_file_is_loaded_at_the_second_look_that_finds_it_the_same(watched: Watched) -> None:
    assert watched.run(lambda: watched.put("a")) == []
    assert watched.run(nothing) == ["a"]


def test_a_file_still_being_written_waits(watched: Watched) -> None:
    watched.put("a", b"1")
    steps = [lambda n=n: watched.put("a", b"1" * n) for n in range(2, 6)]
    assert watched.run(*steps) == []
    assert watched.run(nothing) == ["a"]
    assert watched.loaded == [("a", b"11111")]


def test_each_file_is_loaded_once_also_by_the_next_run(watched: Watched) -> None:
    watched.put("b")
    watched.put("a")
    assert watched.run(nothing, nothing, nothing) == ["a", "b"]
    assert watched.run(nothing, nothing) == []


def test_a_file_written_anew_under_its_old_name_is_loaded_again(watched: Watched) -> None:
    watched.put("a", b"one")
    watched.run(nothing)
    assert watched.run(lambda: watched.put("a", b"two more"), nothing, nothing) == ["a"]


@pytest.mark.parametrize("name", [".a", "a.tmp", "a.PART", "a.csv.filepart", "a~", "a.crdownload"])
def test_unfinished_names_are_left_alone_until_they_are_renamed(
    watched: Watched, name: str
) -> None:
    watched.put(name)
    assert watched.run(nothing, nothing) == []
    renamed = [lambda: (watched.path / name).rename(watched.path / "done.csv"), nothing]
    assert watched.run(*renamed) == ["done.csv"]


def test_folders_links_and_pipes_are_no_files(watched: Watched, tmp_path: Path) -> None:
    (watched.path / "sub").mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    (watched.path / "link").symlink_to(secret)
    assert watched.run(nothing, nothing) == []


def test_a_file_that_disappears_stops_nothing(watched: Watched) -> None:
    watched.put("a")
    watched.put("b")
    real = watched.load

    def load(path: Path) -> LoadReport:
        path.with_name("b").unlink(missing_ok=True)
        return real(path)

    watched.load = load  # type: ignore[method-assign]  # somebody else takes b away meanwhile
    assert watched.run(nothing) == ["a"]
    watched.load = real  # type: ignore[method-assign]  # and puts it back
    watched.put("b")
    assert watched.run(nothing) == ["b"]


def test_a_file_that_cannot_be_loaded_is_told_once_and_left(watched: Watched) -> None:
    watched.bad.add("a")
    watched.put("a")
    watched.put("b")
    assert watched.run(nothing, nothing, nothing) == ["b"]
    assert watched.world.tally.failures == 1
    assert (watched.path / "a").exists()
    watched.bad.clear()
    assert watched.run(lambda: watched.put("a", b"repaired"), nothing) == ["a"]


def test_loaded_files_are_moved_and_overwrite_nothing(watched: Watched, tmp_path: Path) -> None:
    done = tmp_path / "done"
    watched.put("a", b"one")
    watched.run(nothing, done=done)
    watched.put("a", b"two more")
    watched.run(nothing, done=done)
    assert list(watched.path.iterdir()) == []
    assert {path.name: path.read_bytes() for path in done.iterdir()} == {
        "a": b"one",
        "a.1": b"two more",
    }


def test_once_loads_what_is_there(watched: Watched) -> None:
    watched.put("a")
    watched.steps = [nothing]
    watched.door().run(once=True)
    assert [name for name, _ in watched.loaded] == ["a"]
    assert watched.world.tally.acknowledged == 1
    watched.steps = [nothing]
    watched.door().run(once=True, anew=True)
    assert len(watched.loaded) == 2


def test_a_folder_that_goes_away_ends_it(watched: Watched) -> None:
    watched.steps = [watched.path.rmdir]
    with pytest.raises(FileNotFoundError):
        watched.door().run()


def test_names_that_are_no_utf8_are_loaded_and_remembered(watched: Watched) -> None:
    odd = b"d\xe4y.csv".decode("utf-8", "surrogateescape")
    watched.put(odd)
    assert watched.run(nothing, nothing) == [odd]
    assert watched.run(nothing) == []
    assert "d\\xe4y.csv" in watched.world.said[0]
