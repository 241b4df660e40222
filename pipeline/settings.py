"""The only reader of the environment: typed settings, all missing names reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

PREFIX = "FLIGHTWIRE_"


class SettingsError(Exception):
    """Names in the environment are missing or hold something that cannot be used."""


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_QUEUES = ("input_queue_url", "dead_letter_queue_url")
_NEEDS: dict[str, tuple[str, ...]] = {
    "normalize": ("output_queue_url", "dead_letter_queue_url"),
    "detect": (*_QUEUES, "output_queue_url", "legs_table"),
    "join": (*_QUEUES, "output_queue_url", "bookings_table"),
    "notify": (*_QUEUES, "contacts_table", "ledger_table"),
    "drop": ("dead_letter_queue_url", "feed_stream", "drop_bucket"),
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage needs to know of its surroundings; `infra/template.yaml` sets every name.

    Each field `x` is read from `FLIGHTWIRE_X`. URLs, ARNs and table names are empty for the stages
    that do not use them; notify sends to a topic or, when `sender_file` is set, to that file.
    `drop` is no stage of the chain but a door to it: it loads `drop_bucket` into `feed_stream`, as
    aggregated records or not.
    `airlines` and `partners` are empty where nobody brought tables of their own.
    """

    stage: Literal["normalize", "detect", "join", "notify", "drop"]
    output_queue_url: str = ""
    input_queue_url: str = ""
    dead_letter_queue_url: str = ""
    legs_table: str = ""
    bookings_table: str = ""
    contacts_table: str = ""
    ledger_table: str = ""
    feed_stream: str = ""
    drop_bucket: str = ""
    aggregated: bool = True
    sender_topic_arn: str = ""
    sender_file: str = ""
    policy: str = "passenger"
    sources: str = "default"
    advisories: str = "none"
    airlines: str = ""
    partners: str = ""
    max_attempts: _Count = 5
    function_timeout_s: _Count = 30
    pack_bytes: _Count = 196_608
    pack_records: _Count = 1_000
    code_version: str = "0"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (default: the process environment).

    Raises SettingsError naming every name that is missing or malformed.
    """
    found = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    faults: list[str] = []
    for field in msgspec.structs.fields(Settings):
        name = PREFIX + field.name.upper()
        if name in found:
            try:
                values[field.name] = msgspec.convert(found[name], field.type, strict=False)
            except msgspec.ValidationError as error:
                faults.append(f"{name}: {error}")
        elif field.required:
            faults.append(f"{name}: missing")
    faults += _missing(values)
    if faults:
        listed = "; ".join(faults)
        message = f"settings: {listed}. Set the {PREFIX}* names as infra/template.yaml does"
        raise SettingsError(message)
    return Settings(**values)


def _missing(values: Mapping[str, Any]) -> list[str]:
    """What the stage needs and does not have."""
    needed = _NEEDS.get(values.get("stage", ""), ())
    faults = [
        f"{PREFIX}{name.upper()}: {values['stage']} needs it"
        for name in needed
        if not values.get(name)
    ]
    sends = values.get("sender_topic_arn") or values.get("sender_file")
    if values.get("stage") == "notify" and not sends:
        faults.append(f"{PREFIX}SENDER_TOPIC_ARN: notify needs it, or {PREFIX}SENDER_FILE")
    return faults


def firehose_login(environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """User and password for FlightAware Firehose; the password belongs in no output.

    Raises SettingsError naming what is missing.
    """
    found = os.environ if environ is None else environ
    names = (f"{PREFIX}FIREHOSE_USER", f"{PREFIX}FIREHOSE_PASSWORD")
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise SettingsError(f"{' and '.join(missing)}: missing from the environment")
    return found[names[0]], found[names[1]]


def http_headers(environ: Mapping[str, str] | None = None) -> str:
    """Lines `Name: value` for polls, from FLIGHTWIRE_HTTP_HEADERS; they may hold keys."""
    found = os.environ if environ is None else environ
    return found.get(f"{PREFIX}HTTP_HEADERS", "")


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what outlives a command: checkpoints, rejects, the local run's address.

    `$XDG_STATE_HOME/flightwire`, or `~/.local/state/flightwire` when that is unset or relative
    (XDG Base Directory Specification). The folder may not exist yet.
    """
    found = os.environ if environ is None else environ
    home = Path(found.get("XDG_STATE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "state") / "flightwire"
