"""The local run is found through its own file, and a run that is gone is not found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ingest.target import LocalRun, NoLocalRunError, local_run
from pipeline.settings import state_dir


def write(folder: Path, **fields: object) -> None:
    known: dict[str, object] = {
        "endpoint_url": "http://127.0.0.1:5000",
        "stream": "feed",
        "region": "eu-west-1",
        "pid": os.getpid(),
    }
    (folder / "local.json").write_text(json.dumps(known | fields))


def test_a_local_run_is_found_with_its_address(tmp_path: Path) -> None:
    write(tmp_path, something_new=1)
    assert local_run(tmp_path) == LocalRun(
        "http://127.0.0.1:5000", "feed", "eu-west-1", os.getpid()
    )


def test_without_its_file_there_is_no_local_run(tmp_path: Path) -> None:
    with pytest.raises(NoLocalRunError, match="no local run"):
        local_run(tmp_path)


def test_a_local_run_that_has_died_is_not_found(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write(tmp_path, pid=gone.pid)
    with pytest.raises(NoLocalRunError, match=f"process id {gone.pid} is gone"):
        local_run(tmp_path)


@pytest.mark.parametrize("pid", [0, -1, 1 << 40, "1"])
def test_a_process_id_that_cannot_be_one_is_malformed(tmp_path: Path, pid: object) -> None:
    write(tmp_path, pid=pid)
    with pytest.raises(NoLocalRunError, match="cannot be read"):
        local_run(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"endpoint_url": 1}'])
def test_a_malformed_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "local.json").write_text(content)
    with pytest.raises(NoLocalRunError, match=r"local\.json cannot be read"):
        local_run(tmp_path)


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, Path("/var/state/flightwire")),
        ({"XDG_STATE_HOME": "relative"}, Path.home() / ".local/state/flightwire"),
        ({"XDG_STATE_HOME": ""}, Path.home() / ".local/state/flightwire"),
        ({}, Path.home() / ".local/state/flightwire"),
    ],
)
def test_the_state_folder_follows_the_xdg_specification(
    environ: dict[str, str], folder: Path
) -> None:
    assert state_dir(environ) == folder
