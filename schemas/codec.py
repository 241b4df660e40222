"""Records to bytes and back: single records, packs of records, and packs as text for SQS bodies.

A message is Avro's single-object encoding: C3 01, the fingerprint of the schema (8 bytes,
little-endian), the body (Apache Avro specification, "Single-object encoding"). The body of a pack
is an Avro array of records of one type. A pack is compressed (zlib, RFC 1950) when that makes it
smaller; a reader tells the two apart by the first byte, 78 or C3.

Decoding trusts nothing: every fault is one `DecodeError` with a place, and what a message can make
us hold is bounded by the sizes below. A message decodes as a whole or not at all.
"""

from __future__ import annotations

import zlib
from binascii import a2b_base64, b2a_base64
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, TypeVar, overload

from msgspec import convert
from msgspec.structs import astuple

from schemas import body
from schemas.errors import DecodeError, EncodeError, OversizedRecord
from schemas.records import Record
from schemas.registry import FINGERPRINT_BYTES, Schema, Shape, by_fingerprint, newest

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_RECORDS",
    "DecodeError",
    "EncodeError",
    "OversizedRecord",
    "decode_pack",
    "encode",
    "encode_pack",
    "from_text",
    "split_packs",
    "to_text",
]

R = TypeVar("R", bound=Record)

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""The longest message, header included, after base64 and compression are taken off."""

MAX_RECORDS: Final = 10_000
"""The most records in one pack."""

MAGIC: Final = b"\xc3\x01"
HEADER_BYTES: Final = len(MAGIC) + FINGERPRINT_BYTES

_ZLIB = 0x78  # the first byte of a zlib stream with the usual 32 KiB window
_LEVEL = 1  # on flight statuses a tenth larger than level 6, in less than half its time
_END = b"\x00"  # ends an array
_FILL = 0.96  # how full to aim for: a pack that comes out too long is compressed for nothing


def encode(record: Record) -> bytes:
    """One record as an Avro single object, never compressed.

    Raises:
        EncodeError: a value its schema cannot carry; it names the field.
        TypeError: a type that does not travel.
        ValueError: more than `MAX_BODY_BYTES`.
    """
    schema = newest(type(record))
    return _within(b"".join((MAGIC, schema.one, *_bodies(schema, [record]))))


def encode_pack(records: Sequence[Record]) -> bytes:
    """Records of one type as one message, in order, compressed when that makes it smaller.

    Raises:
        EncodeError: a value its schema cannot carry; it names the record and the field.
        TypeError: more than one type, or a type that does not travel.
        ValueError: no record, more than `MAX_RECORDS`, or more than `MAX_BODY_BYTES`.
    """
    if not records:
        raise ValueError("a pack needs at least one record")
    if len(records) > MAX_RECORDS:
        raise ValueError(f"{len(records)} records; a pack may have {MAX_RECORDS}")
    schema = _one_schema(records)
    return _smaller(_within(_message(schema, _bodies(schema, records))))


@overload
def decode_pack(data: bytes, expect: None = None) -> list[Record]: ...
@overload
def decode_pack(data: bytes, expect: type[R]) -> list[R]: ...
def decode_pack(data: bytes, expect: type[R] | None = None) -> list[R] | list[Record]:
    """The records of one message, in order; a single record gives a list of one.

    With `expect`, records of another type are refused.

    Raises:
        DecodeError: anything wrong with the bytes; no part of the message is given.
        TypeError: `expect` is a type that does not travel.
    """
    if data and data[0] == _ZLIB:
        data = _inflate(data)
    if len(data) > MAX_BODY_BYTES:
        raise DecodeError(f"{len(data)} bytes; a message may have {MAX_BODY_BYTES}", "header")
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        raise DecodeError("neither C3 01 and a schema fingerprint nor zlib", "header")
    schema, shape = by_fingerprint(data[len(MAGIC) : HEADER_BYTES])
    if expect is not None and schema.record is not expect:
        raise DecodeError(f"holds {schema}, where {newest(expect).name} belongs", "header")
    return _records(schema, shape, data)


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        message = stream.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise DecodeError(str(error), "compressed body") from None
    if len(message) > MAX_BODY_BYTES:
        raise DecodeError(f"expands beyond {MAX_BODY_BYTES} bytes", "compressed body")
    if not stream.eof:
        raise DecodeError("the bytes end here", "compressed body")
    if stream.unused_data:
        raise DecodeError(f"{len(stream.unused_data)} bytes after its end", "compressed body")
    return message


def _records(schema: Schema, shape: Shape, data: bytes) -> list[Record]:
    records: list[Record] = []
    times: dict[bytes, int] = {}

    def read(at: int) -> int:
        values, after = body.read_record(schema.fields, data, at, len(records), times)
        # Quicker than a call with keywords; and what an old version had more is passed over.
        records.append(convert(values, schema.record))
        return after

    if shape == "one":
        end = read(HEADER_BYTES)
    else:
        place = "record count before record {}"
        try:
            end = body.read_blocks(data, HEADER_BYTES, MAX_RECORDS, read)
        except IndexError:
            raise DecodeError("the bytes end here", place.format(len(records))) from None
        except body.Malformed as error:
            raise DecodeError(str(error), place.format(len(records))) from None
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes after the last record", f"byte {end}")
    return records


def to_text(records: Sequence[Record]) -> str:
    """A pack as base64 text, which any SQS body can hold; raises what `encode_pack` raises."""
    return _text(encode_pack(records))


@overload
def from_text(text: str, expect: None = None) -> list[Record]: ...
@overload
def from_text(text: str, expect: type[R]) -> list[R]: ...
def from_text(text: str, expect: type[R] | None = None) -> list[R] | list[Record]:
    """The records of a base64 text; like `decode_pack` in everything else."""
    if len(text) > _text_size(MAX_BODY_BYTES):
        raise DecodeError(f"{len(text)} characters, too many for any message", "base64")
    try:
        data = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise DecodeError(str(error), "base64") from None
    return decode_pack(data) if expect is None else decode_pack(data, expect)


def split_packs(
    records: Sequence[Record], *, max_bytes: int, max_records: int
) -> list[tuple[range, str]]:
    """Records of one type as texts that each fit in one queue message.

    Each text has at most `max_bytes` base64 characters and `max_records` records. The ranges cover
    every index of `records` exactly once and in order; no records give no texts.

    Raises:
        OversizedRecord: some record is too long even alone; it carries the texts of all others.
        EncodeError: a value its schema cannot carry; it names the record and the field.
        TypeError: more than one type, or a type that does not travel.
        ValueError: `max_bytes` or `max_records` is below 1.
    """
    if max_bytes < 1 or max_records < 1:
        raise ValueError(f"max_bytes {max_bytes}, max_records {max_records}: must be 1 or more")
    if not records:
        return []
    schema = _one_schema(records)
    bodies = _bodies(schema, records)
    ends = [0, *accumulate(map(len, bodies))]  # bytes of the first n records
    most = min(max_records, MAX_RECORDS)
    budget = longest = MAX_BODY_BYTES - HEADER_BYTES - 16  # room for the array's own bytes
    packs: list[tuple[range, str]] = []
    oversized: list[tuple[int, int]] = []
    start = 0
    while start < len(bodies):
        stop = min(start + most, bisect_right(ends, ends[start] + budget) - 1)
        while True:
            stop = max(stop, start + 1)
            raw = ends[stop] - ends[start]
            message = _message(schema, bodies[start:stop])
            text = _text(_smaller(message))
            fits = len(text) <= max_bytes and len(message) <= MAX_BODY_BYTES
            # By how far this one compressed; also up again, when records get smaller.
            budget = min(longest, int(raw * max_bytes / len(text) * _FILL))
            if fits or stop == start + 1:
                break
            stop = min(stop - 1, bisect_right(ends, ends[start] + budget) - 1)
        if fits:
            packs.append((range(start, stop), text))
        else:
            flat = _text_size(len(message)) if len(message) > MAX_BODY_BYTES else 0
            oversized.append((start, max(len(text), flat)))
        start = stop
    if oversized:
        raise OversizedRecord(tuple(oversized), packs, max_bytes)
    return packs


def _one_schema(records: Sequence[Record]) -> Schema:
    kinds = set(map(type, records))
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"a pack holds records of one type, not {names}")
    return newest(kinds.pop())


def _bodies(schema: Schema, records: Sequence[Record]) -> list[bytes]:
    return body.write_records(schema.fields, [astuple(record) for record in records])


def _message(schema: Schema, bodies: Sequence[bytes]) -> bytes:
    return b"".join((MAGIC, schema.pack, body.write_long(len(bodies)), *bodies, _END))


def _within(message: bytes) -> bytes:
    if len(message) > MAX_BODY_BYTES:
        raise ValueError(f"{len(message)} bytes; a message may have {MAX_BODY_BYTES}")
    return message


def _smaller(message: bytes) -> bytes:
    packed = zlib.compress(message, _LEVEL)
    return packed if len(packed) < len(message) else message


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _text_size(size: int) -> int:
    return (size + 2) // 3 * 4
