"""Which schemas there are: the released `.avsc` files, their record types and their fingerprints.

A message names its schema by the CRC-64-AVRO fingerprint of its parsing canonical form (Apache Avro
specification, "Schema Fingerprints"), one for a single record and one for a pack, which is an Avro
array of records. The version is part of the namespace, so two versions never share a fingerprint,
even if they differ in a default only. Every released version stays readable; the newest is written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from schemas import body
from schemas.errors import DecodeError, SchemaError
from schemas.records import RECORD_TYPES, Record

Shape = Literal["one", "pack"]

FOLDER: Final = Path(__file__).parent
FINGERPRINT_BYTES: Final = 8

_FILE = re.compile(r"(?P<name>[a-z_]+)\.v(?P<version>[1-9][0-9]*)\.avsc")
_NAMESPACE = "flightwire.v"
_EMPTY = 0xC15D213AA4D7A795  # the specification's start value and polynomial
_PLAIN = {"string": body.STRING, "bytes": body.BYTES, "long": body.LONG, "int": body.INT}
_MAX_SYMBOLS = 64  # their indexes take one byte


class Schema(NamedTuple):
    """One released version of one schema.

    `one` and `pack` are its two fingerprints, 8 bytes each, little-endian as on the wire.
    """

    name: str
    version: int
    record: type[Record]
    document: Mapping[str, Any]
    fields: tuple[body.Field, ...]
    one: bytes
    pack: bytes

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Registry(NamedTuple):
    """The schemas of one folder: all versions by fingerprint, and the newest by record type."""

    known: Mapping[bytes, tuple[Schema, Shape]]
    newest: Mapping[type[Record], Schema]


@functools.cache
def released() -> Registry:
    """The schemas beside this file; read once, when first asked for.

    Raises:
        SchemaError: a file contradicts its name or its record type.
    """
    return load(FOLDER, RECORD_TYPES)


def by_fingerprint(fingerprint: bytes) -> tuple[Schema, Shape]:
    """The schema with this fingerprint (8 bytes, little-endian), and whether it is one or a pack.

    Raises:
        DecodeError: no released schema has it; it names those that are known.
    """
    try:
        return released().known[fingerprint]
    except KeyError:
        versions = ", ".join(sorted({str(schema) for schema, _ in released().known.values()}))
        number = int.from_bytes(fingerprint, "little")
        raise DecodeError(
            f"unknown schema fingerprint 0x{number:016x}; known here: {versions}", "header"
        ) from None


def newest(record: type[Record]) -> Schema:
    """The schema a record of this type is written with.

    Raises:
        TypeError: the type has no schema.
    """
    try:
        return released().newest[record]
    except KeyError:
        raise TypeError(f"{record.__name__} has no schema and cannot travel") from None


def load(folder: Path, records: Mapping[str, type[Record]]) -> Registry:
    """Every `<name>.v<version>.avsc` in `folder`, each tied to the record type of its name.

    Raises:
        SchemaError: a file contradicts its name or its record type; it names the file.
    """
    known: dict[bytes, tuple[Schema, Shape]] = {}
    latest: dict[type[Record], Schema] = {}
    for path in sorted(folder.glob("*.avsc")):
        schema = _schema(path, records)
        known[schema.one] = (schema, "one")
        known[schema.pack] = (schema, "pack")
        before = latest.get(schema.record)
        if before is None or before.version < schema.version:
            latest[schema.record] = schema
    for schema in latest.values():
        names = tuple(name for name, *_ in schema.fields)
        if names != schema.record.__struct_fields__:
            raise SchemaError(f"{schema}: not the fields of {schema.record.__name__}, in order")
    return Registry(known, latest)


def _schema(path: Path, records: Mapping[str, type[Record]]) -> Schema:
    match = _FILE.fullmatch(path.name)
    if not match or match["name"] not in records:
        raise SchemaError(f"{path.name}: no record type of that name")
    name, version, record = match["name"], int(match["version"]), records[match["name"]]
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        form = canonical_form(document)
    except (msgspec.DecodeError, SchemaError) as error:
        raise SchemaError(f"{path.name}: {error}") from error
    if not form.startswith(f'{{"name":"{_NAMESPACE}{version}.{name}","type":"record"'):
        raise SchemaError(
            f"{path.name}: not the record, name and namespace that the file name says"
        )
    fields = tuple(_field(path.name, field) for field in document["fields"])
    names = {name for name, *_ in fields}
    required = {field.name for field in msgspec.structs.fields(record) if field.required}
    if missing := required - names:
        raise SchemaError(f"{path.name}: lacks {sorted(missing)}, which the record type requires")
    return Schema(
        name,
        version,
        record,
        document,
        fields,
        fingerprint(form),
        fingerprint(f'{{"type":"array","items":{form}}}'),
    )


def _field(file: str, field: Mapping[str, Any]) -> body.Field:
    name, inner, nullable = field["name"], field["type"], False
    match field:
        case {"type": ["null", branch], "default": None}:
            inner, nullable = branch, True
    kind, symbols = _kind(inner)
    if kind is None:
        raise SchemaError(f"{file}: field {name}: a type the codec does not read")
    return name, nullable, kind, symbols


def _kind(inner: object) -> tuple[int | None, tuple[str, ...]]:
    match inner:
        case str(plain):
            return _PLAIN.get(plain), ()
        case {"type": "array", "items": "string"}:
            return body.STRINGS, ()
        case {"type": "enum", "symbols": [*symbols]} if len(symbols) <= _MAX_SYMBOLS:
            return body.ENUM, tuple(symbols)
    return None, ()


def canonical_form(schema: Mapping[str, Any] | Sequence[Any] | str, namespace: str = "") -> str:
    """The parsing canonical form of a schema (Apache Avro specification, section of that name).

    Covers what our schemas use: records and enums in a namespace, arrays, unions, primitives.
    """
    if isinstance(schema, str):
        return f'"{schema}"'
    if not isinstance(schema, Mapping):
        return _listed(canonical_form(branch, namespace) for branch in schema)
    namespace = schema.get("namespace", namespace)
    match schema:
        case {"type": "array", "items": items}:
            return f'{{"type":"array","items":{canonical_form(items, namespace)}}}'
        case {"type": "enum", "name": name, "symbols": [*symbols]}:
            listed = _listed(f'"{symbol}"' for symbol in symbols)
            return f'{{"name":"{namespace}.{name}","type":"enum","symbols":{listed}}}'
        case {"type": "record", "name": name, "fields": [*fields]}:
            listed = _listed(_field_form(field, namespace) for field in fields)
            return f'{{"name":"{namespace}.{name}","type":"record","fields":{listed}}}'
        case _:
            raise SchemaError(f"not a schema: {schema}")


def _field_form(field: object, namespace: str) -> str:
    match field:
        case {"name": str(name), "type": inner}:
            return f'{{"name":"{name}","type":{canonical_form(inner, namespace)}}}'
        case _:
            raise SchemaError(f"not a field: {field}")


def _listed(parts: Iterable[str]) -> str:
    return f"[{','.join(parts)}]"


@functools.cache
def _table() -> tuple[int, ...]:
    rows = list(range(256))
    for _ in range(8):
        rows = [(row >> 1) ^ (_EMPTY if row & 1 else 0) for row in rows]
    return tuple(rows)


def fingerprint(form: str) -> bytes:
    """The CRC-64-AVRO fingerprint of a canonical form: 8 bytes, little-endian."""
    crc = _EMPTY
    table = _table()
    for byte in form.encode():
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc.to_bytes(FINGERPRINT_BYTES, "little")
