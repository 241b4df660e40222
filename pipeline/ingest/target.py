"""Finds the local run that is going on, so that `--to local` needs no address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec

from pipeline.settings import state_dir


class LocalRun(msgspec.Struct, frozen=True):
    """What a local run says of itself in `local.json` while it runs.

    `tables` are the names of its tables by their names in the template.
    """

    endpoint_url: str
    stream: str
    region: str
    pid: Annotated[int, msgspec.Meta(gt=0, lt=1 << 31)]
    tables: dict[str, str] = {}


class NoLocalRunError(Exception):
    """There is no local run to load into."""


def local_run(folder: Path | None = None) -> LocalRun:
    """Read `local.json` in `folder` (default: the state folder).

    Raises NoLocalRunError when it is missing, malformed, or its process is gone.
    """
    path = (folder or state_dir()) / "local.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=LocalRun)
    except FileNotFoundError as error:
        raise NoLocalRunError("no local run is going on") from error
    except msgspec.DecodeError as error:
        raise NoLocalRunError(f"{path} cannot be read: {error}") from error
    try:
        os.kill(found.pid, 0)  # signal 0 only asks whether the process is there
    except ProcessLookupError as error:
        raise NoLocalRunError(f"the local run with process id {found.pid} is gone") from error
    except PermissionError:
        pass  # it is there and belongs to another user
    return found
