"""Settings are whole or refused, with every fault named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import PREFIX, Settings, SettingsError, read, state_dir

DETECT = {
    "STAGE": "detect",
    "INPUT_QUEUE_URL": "https://in",
    "OUTPUT_QUEUE_URL": "https://out",
    "DEAD_LETTER_QUEUE_URL": "https://dead",
    "LEGS_TABLE": "legs",
}
NOTIFY = {
    "STAGE": "notify",
    "INPUT_QUEUE_URL": "https://in",
    "DEAD_LETTER_QUEUE_URL": "https://dead",
    "CONTACTS_TABLE": "contacts",
    "LEDGER_TABLE": "ledger",
}


def environ(names: dict[str, str], **changes: str) -> dict[str, str]:
    return {PREFIX + name: value for name, value in (names | changes).items()} | {"PATH": "/bin"}


def test_numbers_come_from_text_and_the_rest_has_defaults() -> None:
    found = read(environ(DETECT, MAX_ATTEMPTS="7", PACK_BYTES="1000", POLICY="dot"))
    assert found == Settings(
        stage="detect",
        input_queue_url="https://in",
        output_queue_url="https://out",
        dead_letter_queue_url="https://dead",
        legs_table="legs",
        max_attempts=7,
        pack_bytes=1000,
        policy="dot",
    )


def test_every_missing_and_every_malformed_name_is_told_at_once() -> None:
    wrong = {"STAGE": "detect", "MAX_ATTEMPTS": "many", "PACK_RECORDS": "0", "LOG_LEVEL": "LOUD"}
    with pytest.raises(SettingsError) as raised:
        read(environ(wrong, LEGS_TABLE=""))
    told = str(raised.value)
    for name in (*wrong.keys() - {"STAGE"}, *DETECT.keys() - {"STAGE"}):
        assert PREFIX + name in told
    assert "BOOKINGS_TABLE" not in told, "detect has no use for it"
    assert "\n" not in told


@pytest.mark.parametrize("name", DETECT)
def test_each_name_a_stage_needs_is_missed(name: str) -> None:
    with pytest.raises(SettingsError, match=PREFIX + name):
        read(environ({key: value for key, value in DETECT.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("STAGE", "ingest"), ("PACK_BYTES", "-1"), ("FUNCTION_TIMEOUT_S", "1.5"), ("PACK_BYTES", "")],
)
def test_a_value_that_cannot_be_used_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=PREFIX + name):
        read(environ(DETECT, **{name: value}))


@pytest.mark.parametrize("way", ["SENDER_TOPIC_ARN", "SENDER_FILE"])
def test_notify_needs_one_way_to_send(way: str) -> None:
    assert read(environ(NOTIFY, **{way: "x"})).stage == "notify"
    with pytest.raises(SettingsError, match=r"SENDER_TOPIC_ARN.*SENDER_FILE"):
        read(environ(NOTIFY))


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, Path("/var/state/flightwire")),
        ({"XDG_STATE_HOME": "state"}, Path.home() / ".local/state/flightwire"),
        ({}, Path.home() / ".local/state/flightwire"),
    ],
    ids=["absolute", "relative", "unset"],
)
def test_state_lives_where_xdg_says(given: dict[str, str], folder: Path) -> None:
    assert state_dir(given) == folder
