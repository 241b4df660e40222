"""The `.avsc` files, the record types and the bytes say the same, and stay as released."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tomllib
import types
import typing
import zlib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import fastavro
import msgspec
import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form
from fastavro.types import Schema as AvroSchema
from hypothesis import given
from hypothesis import strategies as st

from schemas import body, codec, registry
from schemas.records import RECORD_TYPES, Record
from schemas.registry import Schema, canonical_form, newest, released
from tests.unit.schemas.strategies import records

ROOT = Path(__file__).resolve().parents[2]
HASHES = Path(__file__).with_name("schema_hashes.toml")
FILES = sorted(registry.FOLDER.glob("*.avsc"))
NAMES = [path.name for path in FILES]
CURRENT = sorted(released().newest.values(), key=str)
ALL = sorted({str(schema): schema for schema, _ in released().known.values()}.items())
KINDS = list(RECORD_TYPES.values())


def avro_type(declared: object) -> object:
    """The Avro type of a record type's annotation; a number may be `int` or `long`."""
    if isinstance(declared, types.UnionType):
        some, nothing = get_args(declared)
        assert nothing is type(None)
        return ["null", avro_type(some)]
    if get_origin(declared) is Literal:
        return {"type": "enum", "symbols": list(get_args(declared))}
    if get_origin(declared) is tuple:
        item, rest = get_args(declared)
        assert rest is ...
        return {"type": "array", "items": avro_type(item)}
    return {str: "string", bytes: "bytes", int: "number"}[typing.cast("type", declared)]


def plain(declared: object) -> object:
    """A field's Avro type without enum names, and with one word for both sizes of number."""
    if isinstance(declared, list):
        return [plain(branch) for branch in declared]
    if isinstance(declared, dict):
        return {key: value for key, value in declared.items() if key != "name"}
    return "number" if declared in ("int", "long") else declared


def test_every_schema_has_a_record_type_and_every_record_type_a_schema() -> None:
    assert {path.name.partition(".")[0] for path in FILES} == set(RECORD_TYPES)
    assert set(released().newest) == set(RECORD_TYPES.values())
    module = vars(sys.modules[Record.__module__])
    declared = {kind for kind in module.values() if isinstance(kind, type)}
    assert declared & set(Record.__subclasses__()) == set(RECORD_TYPES.values())


@pytest.mark.parametrize("schema", CURRENT, ids=str)
def test_a_record_type_equals_its_schema_field_for_field(schema: Schema) -> None:
    written = schema.document["fields"]
    hints = typing.get_type_hints(schema.record)
    fields = msgspec.structs.fields(schema.record)
    assert [field["name"] for field in written] == [field.name for field in fields]
    for field, own in zip(written, fields, strict=True):
        assert plain(field["type"]) == avro_type(hints[own.name]), own.name
        assert ("default" in field) is not own.required, own.name
        if not own.required:
            default = own.default_factory() if own.default is msgspec.NODEFAULT else own.default
            assert field["default"] == (list(default) if default == () else default), own.name


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_schema_and_every_field_says_what_it_is(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    assert schema["doc"].endswith(".")
    for field in schema["fields"]:
        assert set(field) <= {"name", "type", "default", "doc", "pii"}, field["name"]
        assert field["doc"].strip(), field["name"]
        assert field.get("pii", True) is True, field["name"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_released_schema_is_never_edited(path: Path) -> None:
    with HASHES.open("rb") as file:
        released_hashes = tomllib.load(file)
    text = path.read_bytes()
    found = {
        "form": hashlib.sha256(canonical_form(json.loads(text)).encode()).hexdigest(),
        "file": hashlib.sha256(text).hexdigest(),
    }
    assert released_hashes.get(path.name) == found, (
        f"{path.name} is not as released; write the next version beside it. "
        f"For a new file, add these to {HASHES.name}."
    )


def test_every_released_schema_is_still_there() -> None:
    with HASHES.open("rb") as file:
        assert sorted(tomllib.load(file)) == NAMES


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_forms_and_fingerprints_are_those_of_another_library(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    form = to_parsing_canonical_form(schema)
    assert canonical_form(schema) == form
    pack = to_parsing_canonical_form({"type": "array", "items": schema})
    for theirs, shape in ((form, "one"), (pack, "pack")):
        known, found = registry.by_fingerprint(bytes.fromhex(fingerprint(theirs, "CRC-64-AVRO")))
        assert (f"{known.name}.v{known.version}.avsc", found) == (path.name, shape)


def avro(schema: Schema, shape: Literal["one", "pack"]) -> AvroSchema:
    """The schema as another library reads it."""
    document = dict(schema.document)
    return fastavro.parse_schema(
        {"type": "array", "items": document} if shape == "pack" else document
    )


def theirs(record: Record) -> dict[str, Any]:
    """A record as another library takes it."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in msgspec.structs.asdict(record).items()
    }


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_bodies_are_what_another_avro_library_reads_and_writes(
    kind: type[Record], data: st.DataObject
) -> None:
    found = data.draw(st.lists(records(kind), min_size=1, max_size=4))
    schema = newest(kind)
    message = codec.encode_pack(found)
    message = zlib.decompress(message) if message[0] == 0x78 else message
    for shape, raw, value in (
        ("pack", message, [theirs(record) for record in found]),
        ("one", codec.encode(found[0]), theirs(found[0])),
    ):
        assert raw[:2] == b"\xc3\x01"
        form = avro(schema, "pack" if shape == "pack" else "one")
        assert fastavro.schemaless_reader(io.BytesIO(raw[10:]), form, None) == value
        written = io.BytesIO()
        fastavro.schemaless_writer(written, form, value)
        assert raw[10:] == written.getvalue()


@pytest.mark.parametrize(("name", "schema"), ALL, ids=[name for name, _ in ALL])
def test_every_released_version_reads_into_todays_record_type(name: str, schema: Schema) -> None:
    smallest = {
        body.STRING: "a",
        body.BYTES: b"",
        body.LONG: 1,
        body.INT: 1,
        body.STRINGS: (),
    }
    symbols = [len(symbols) for *_, symbols in schema.fields]
    for turn in range(max(1, *symbols)):
        row = tuple(
            None if nullable else words[turn % len(words)] if words else smallest[kind]
            for _, nullable, kind, words in schema.fields
        )
        (raw,) = body.write_records(schema.fields, [row])
        (found,) = codec.decode_pack(codec.MAGIC + schema.one + raw, schema.record)
        told = dict(zip((field for field, *_ in schema.fields), row, strict=True))
        kept = {
            field: value for field, value in msgspec.structs.asdict(found).items() if field in told
        }
        assert kept == {field: told[field] for field in kept}, name


def test_the_codec_loads_no_avro_library() -> None:
    # It is on the path of every function's cold start, and reads bytes that may be hostile.
    code = (
        "import sys\n"
        "from schemas import codec\n"
        "from schemas.records import FeedMessage\n"
        "record = FeedMessage(id='a', format='', feed='f', received_at=1, payload=b'x')\n"
        "assert codec.from_text(codec.to_text([record])) == [record]\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"schemas", "msgspec"} <= set(done.stdout.split())
    assert "fastavro" not in done.stdout.split()
