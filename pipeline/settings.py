"""The only reader of the environment: typed settings, all missing names reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

PREFIX = "FLIGHTWIRE_"


class SettingsError(Exception):
    """Names in the environment are missing or hold something that cannot be used."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage needs to know of its surroundings; `infra/template.yaml` sets every name.

    Each field `x` is read from `FLIGHTWIRE_X`. URLs, ARNs and table names are empty for the stages
    that do not use them.
    """

    stage: Literal["normalize", "detect", "join", "notify"]
    output_queue_url: str = ""
    input_queue_url: str = ""
    dead_letter_queue_url: str = ""
    legs_table: str = ""
    bookings_table: str = ""
    contacts_table: str = ""
    ledger_table: str = ""
    sender_topic_arn: str = ""
    sender_file: str = ""
    policy: str = "passenger"
    advisories: str = "none"
    max_attempts: int = 5
    function_timeout_s: int = 30
    pack_bytes: int = 196_608
    pack_records: int = 1_000
    code_version: str = "0"
    log_level: str = "INFO"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (default: the process environment).

    Raises SettingsError naming every name that is missing or malformed.
    """
    found = os.environ if environ is None else environ
    values = {
        field.name: found[PREFIX + field.name.upper()]
        for field in msgspec.structs.fields(Settings)
        if PREFIX + field.name.upper() in found
    }
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        message = f"settings: {error}; set the {PREFIX}* names as infra/template.yaml does"
        raise SettingsError(message) from error


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what outlives a command: checkpoints, rejects, the local run's address.

    `$XDG_STATE_HOME/flightwire`, or `~/.local/state/flightwire` when that is unset or relative
    (XDG Base Directory Specification). The folder may not exist yet.
    """
    found = os.environ if environ is None else environ
    home = Path(found.get("XDG_STATE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "state") / "flightwire"
