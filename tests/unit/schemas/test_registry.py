"""How schema files become tables, and what is wrong with those that cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from schemas import body, registry
from schemas.errors import DecodeError, SchemaError
from schemas.records import Record


class Gate(Record, frozen=True, kw_only=True, gc=False):
    """A record type as it is after its schema's second version."""

    number: int
    wing: Literal["north", "south"] = "north"
    note: str | None = None


ID = {"name": "id", "type": "string"}
REPLAY = {"name": "replay", "type": ["null", "string"], "default": None}
NUMBER = {"name": "number", "type": "int"}
COLOUR = {"name": "colour", "type": "string"}
WING = {
    "name": "wing",
    "type": {"type": "enum", "name": "Wing", "symbols": ["north", "south"]},
    "default": "north",
}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
OLD: list[dict[str, Any]] = [ID, REPLAY, COLOUR, NUMBER]
NEW: list[dict[str, Any]] = [ID, REPLAY, NUMBER, WING, NOTE]


def write(folder: Path, fields: object, version: int = 1, **changes: object) -> None:
    """Put a schema file for gates into the folder."""
    schema = {
        "type": "record",
        "name": "gate",
        "namespace": f"flightwire.v{version}",
        "fields": fields,
        **changes,
    }
    (folder / f"gate.v{version}.avsc").write_text(json.dumps(schema))


def load(folder: Path) -> registry.Registry:
    return registry.load(folder, {"gate": Gate})


def test_the_newest_version_is_written_and_all_are_read(tmp_path: Path) -> None:
    write(tmp_path, OLD, 9)
    write(tmp_path, NEW, 10)  # 10 comes after 9, though not in the alphabet
    found = load(tmp_path)
    assert found.newest[Gate].version == 10
    assert sorted(str(schema) for schema, _ in found.known.values()) == [
        "gate v10",
        "gate v10",
        "gate v9",
        "gate v9",
    ]


def test_an_old_version_is_read_into_todays_record(tmp_path: Path) -> None:
    write(tmp_path, OLD, 1)
    write(tmp_path, NEW, 2)
    old = next(schema for schema, _ in load(tmp_path).known.values() if schema.version == 1)
    (raw,) = body.write_records(old.fields, [("g1", None, "blue", 12)])
    values, end = body.read_record(old.fields, raw, 0, 0, {})
    assert end == len(raw)
    # The field that is gone is passed over, the ones that came take their defaults.
    assert msgspec.convert(values, old.record) == Gate(id="g1", number=12)


def test_a_fingerprint_depends_on_version_and_shape(tmp_path: Path) -> None:
    write(tmp_path, NEW, 1)
    write(tmp_path, NEW, 2)
    found = load(tmp_path)
    assert len(found.known) == 4
    assert all(len(fingerprint) == 8 for fingerprint in found.known)


def test_an_unknown_fingerprint_is_told_in_hex_with_the_known_versions() -> None:
    with pytest.raises(DecodeError) as caught:
        registry.by_fingerprint(bytes.fromhex("efcdab8967452301"))
    assert caught.value.place == "header"
    assert caught.value.reason == (
        "unknown schema fingerprint 0x0123456789abcdef; known here: dead_letter v1, disruption v1, "
        "feed_message v1, flight_status v1, notice v1"
    )


def enum(symbols: list[str]) -> dict[str, Any]:
    return {"name": "wing", "type": {"type": "enum", "name": "Wing", "symbols": symbols}}


def of(kind: object, **more: object) -> list[dict[str, Any]]:
    """The fields, with a number of this type."""
    return [ID, REPLAY, {"name": "number", "type": kind, **more}, WING, NOTE]


BROKEN: dict[str, tuple[object, str]] = {
    "other order": ([REPLAY, ID, NUMBER, WING, NOTE], "not the fields of Gate, in order"),
    "a field more": ([*NEW, COLOUR], "not the fields of Gate, in order"),
    "a field less": (NEW[:-1], "not the fields of Gate, in order"),
    "a required field less": ([ID, REPLAY, WING, NOTE], "lacks .'number'., which the record type"),
    "float": (of("float"), "field number: a type the codec does not read"),
    "map": (of({"type": "map", "values": "int"}), "not a schema"),
    "array of numbers": (of({"type": "array", "items": "int"}), "field number: a type"),
    "array of nulls": (of({"type": "array", "items": "null"}), "field number: a type"),
    "null": (of("null"), "field number: a type"),
    "itself": (of("gate"), "field number: a type"),
    "itself, by full name": (of(["null", "flightwire.v1.gate"], default=None), "field number"),
    "union of three": (of(["null", "int", "string"], default=None), "field number: a type"),
    "null last": (of(["int", "null"]), "field number: a type"),
    "null without default": (of(["null", "int"]), "field number: a type"),
    "record within": (
        of({"type": "record", "name": "N", "fields": []}),
        "field number: a type",
    ),
    "a field without a type": ([ID, REPLAY, {"name": "number"}], "not a field"),
    "too many symbols": (
        [ID, REPLAY, NUMBER, enum([f"s{n}" for n in range(65)]), NOTE],
        "field wing: a type",
    ),
}


@pytest.mark.parametrize(("fields", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_schema_the_codec_cannot_keep_to_is_refused(
    fields: object, reason: str, tmp_path: Path
) -> None:
    write(tmp_path, fields)
    with pytest.raises(SchemaError, match=reason) as caught:
        load(tmp_path)
    assert str(caught.value).startswith("gate")


def test_a_file_must_be_what_its_name_says(tmp_path: Path) -> None:
    for changes in ({"name": "door"}, {"namespace": "flightwire.v2"}, {"namespace": "other.v1"}):
        write(tmp_path, NEW, 1, **changes)
        with pytest.raises(SchemaError, match=r"gate.v1.avsc: not the record, name and namespace"):
            load(tmp_path)
    write(tmp_path, None, 1)
    with pytest.raises(SchemaError, match=r"gate.v1.avsc: not a schema"):
        load(tmp_path)
    (tmp_path / "gate.v1.avsc").write_text("{")
    with pytest.raises(SchemaError, match=r"gate.v1.avsc: Input data was truncated"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["door.v1.avsc", "gate.avsc", "gate.v0.avsc", "gate.v1.2.avsc"])
def test_a_file_without_a_record_type_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(SchemaError, match="no record type of that name"):
        load(tmp_path)


# Fingerprints printed in the test suite of the specification's own implementation.
PRINTED = {
    '"null"': 0x63DD24E7CC258F8A,
    '"int"': 0x7275D51A3F395C8F,
    '"long"': 0xD054E14493F41DB7,
    '"bytes"': 0x4FC016DAC3201965,
    '"string"': 0x8F014872634503C7,
}


@pytest.mark.parametrize(("form", "number"), PRINTED.items(), ids=PRINTED)
def test_fingerprints_are_those_of_the_specification(form: str, number: int) -> None:
    assert int.from_bytes(registry.fingerprint(form), "little") == number
