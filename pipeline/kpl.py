"""KPL aggregated records: many user records inside one Kinesis record, and back.

A record is `MAGIC`, then a protobuf message, then the MD5 of that message:

    AggregatedRecord { partition_key_table = 1, explicit_hash_key_table = 2, records = 3 }
    Record { partition_key_index = 1, explicit_hash_key_index = 2, data = 3, tags = 4 }

Sources: amazon-kinesis-producer, aggregation-format.md; Protocol Buffers documentation, Encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import md5

import msgspec

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
MAX_RECORD_BYTES = 10 * 1024 * 1024
"""The largest record a stream can be set to carry (Kinesis API, UpdateMaxRecordSize)."""
MAX_USER_RECORDS = 100_000
"""Most user records in one record, written or read; a reader's memory is bounded by it."""
MAX_GROUP_DEPTH = 100
"""Nested groups of unknown fields that are skipped; protobuf's own recursion limit."""
MAX_PARTITION_KEY = 256

_HASH_KEY = re.compile(r"0|[1-9][0-9]{0,38}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MORE, _LOW, _VARINT_BYTES = 0x80, 0x7F, 10
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)
_PARTITION_KEYS, _HASH_KEYS, _RECORDS = 1, 2, 3
_KEY_INDEX, _HASH_INDEX, _DATA = 1, 2, 3
_RECORD_LEAD = bytes((_RECORDS << 3 | _BYTES,))
_KEY_INDEX_LEAD = bytes((_KEY_INDEX << 3 | _VARINT,))
_HASH_INDEX_LEAD = bytes((_HASH_INDEX << 3 | _VARINT,))
_DATA_LEAD = bytes((_DATA << 3 | _BYTES,))
_ONE_BYTE = [bytes((value,)) for value in range(_MORE)]


class KplError(ValueError):
    """A record that bears a right magic number and checksum but cannot be read, or written.

    `reason` says what is wrong; `at` is the byte of the record, None when nothing was read.
    """

    def __init__(self, reason: str, at: int | None = None) -> None:
        """State `reason` and, when reading, the offset `at`."""
        super().__init__(reason if at is None else f"{reason} (KPL record, byte {at})")
        self.reason = reason
        self.at = at


class UserRecord(msgspec.Struct, frozen=True, gc=False):
    """What a producer put: its place in the list is the KCL's sub-sequence number."""

    partition_key: str
    data: bytes
    explicit_hash_key: str | None = None


class _Table:
    """One of the two key tables while it is being filled."""

    def __init__(self, number: int, allowed: Callable[[str], bool], what: str) -> None:
        self.body = bytearray()
        self._lead = bytes((number << 3 | _BYTES,))
        self._indexes: dict[str, int] = {}
        self._allowed = allowed
        self._what = what

    def place(self, key: str) -> tuple[int, bytes]:
        """The index `key` has or would get, and the bytes to append to `body` when it is new."""
        index = self._indexes.get(key)
        if index is not None:
            return index, b""
        if not self._allowed(key):
            raise KplError(f"{key[:300]!a} is no {self._what} that Kinesis takes")
        text = key.encode()
        return len(self._indexes), self._lead + _varint(len(text)) + text

    def keep(self, key: str, field: bytes) -> None:
        """Append what `place` returned."""
        if field:
            self._indexes[key] = len(self._indexes)
            self.body += field


class Aggregator:
    """Fills one aggregated record of at most `max_bytes`, magic number and checksum included."""

    def __init__(self, max_bytes: int = 50_000) -> None:
        """Start empty. The default is two PUT payload units (Kinesis pricing: 25 KB each)."""
        self._max_bytes = max_bytes
        self._clear()

    def _clear(self) -> None:
        self._keys = _Table(_PARTITION_KEYS, _is_partition_key, "partition key")
        self._hashes = _Table(_HASH_KEYS, _is_hash_key, "explicit hash key")
        self._records = bytearray()
        self._count = 0

    def __len__(self) -> int:
        """How many user records are inside."""
        return self._count

    @property
    def size(self) -> int:
        """Bytes that `take` would return."""
        body = len(self._keys.body) + len(self._hashes.body) + len(self._records)
        return len(MAGIC) + body + DIGEST_BYTES

    def add(self, record: UserRecord) -> bool:
        """Put one record in; False, and nothing changed, when it does not fit.

        Raises KplError when Kinesis would refuse a key of it.
        """
        hash_key = record.explicit_hash_key
        index, new_key = self._keys.place(record.partition_key)
        head, new_hash = _KEY_INDEX_LEAD + _varint(index), b""
        if hash_key is not None:
            index, new_hash = self._hashes.place(hash_key)
            head += _HASH_INDEX_LEAD + _varint(index)
        head += _DATA_LEAD + _varint(len(record.data))
        body = len(head) + len(record.data)
        head = _RECORD_LEAD + _varint(body) + head
        grown = self.size + len(new_key) + len(new_hash) + len(head) + len(record.data)
        if grown > self._max_bytes or self._count >= MAX_USER_RECORDS:
            return False
        self._keys.keep(record.partition_key, new_key)
        self._hashes.keep(hash_key or "", new_hash)
        self._records += head
        self._records += record.data
        self._count += 1
        return True

    def take(self) -> bytes:
        """Return the record's bytes and start empty again. Raises KplError when nothing is in."""
        if not self._count:
            raise KplError("an aggregated record needs at least one user record")
        body = bytes(self._keys.body + self._hashes.body + self._records)
        self._clear()
        return MAGIC + body + md5(body, usedforsecurity=False).digest()


def aggregate(records: Sequence[UserRecord]) -> bytes:
    """One aggregated record with all of `records` in their order.

    Raises KplError when there are none, a key is not one Kinesis takes, or they fill more than
    `MAX_RECORD_BYTES`.
    """
    aggregator = Aggregator(MAX_RECORD_BYTES)
    for number, record in enumerate(records):
        if not aggregator.add(record):
            raise KplError(f"user record {number} does not fit into {MAX_RECORD_BYTES} bytes")
    return aggregator.take()


def deaggregate(data: bytes) -> list[UserRecord] | None:
    """Return the user records of one Kinesis record's data, in order; None for a plain record.

    A wrong checksum makes a plain record, as in the Kinesis Client Library (amazon-kinesis-client,
    AggregatorUtil). Unlike there, no user record is left out because its key belongs to another
    shard, and a message that is broken or empty under a right checksum is an error: KplError. Tags
    and unknown fields are skipped.
    """
    if not _is_sealed(data):
        return None
    if len(data) > MAX_RECORD_BYTES:
        raise KplError(f"{len(data)} bytes, more than a stream can carry", 0)
    keys: list[str] = []
    hashes: list[str] = []
    spans: list[tuple[int, int]] = []
    for count, (number, wire, first, stop) in enumerate(
        _fields(data, len(MAGIC), len(data) - DIGEST_BYTES)
    ):
        if count >= 3 * MAX_USER_RECORDS:
            raise KplError(
                f"more keys and records than {MAX_USER_RECORDS} user records have", first
            )
        if wire != _BYTES:
            continue  # protobuf: a known field of another wire type is an unknown field
        if number == _PARTITION_KEYS:
            keys.append(_text(data, first, stop, "partition key"))
        elif number == _HASH_KEYS:
            hashes.append(_text(data, first, stop, "explicit hash key"))
        elif number == _RECORDS:
            spans.append((first, stop))
    if not 0 < len(spans) <= MAX_USER_RECORDS:
        raise KplError(f"{len(spans)} user records, not 1 to {MAX_USER_RECORDS}", 0)
    return [_user_record(data, span, keys, hashes) for span in spans]


def _is_sealed(data: bytes) -> bool:
    """Magic number, a message that is not empty, and its right checksum."""
    end = len(data) - DIGEST_BYTES
    if end <= len(MAGIC) or not data.startswith(MAGIC):
        return False
    message = memoryview(data)[len(MAGIC) : end]
    return md5(message, usedforsecurity=False).digest() == data[end:]


def _user_record(
    data: bytes, span: tuple[int, int], keys: list[str], hashes: list[str]
) -> UserRecord:
    """Read one `Record` message; the last of a repeated field counts, as protobuf has it."""
    key: str | None = None
    hash_key: str | None = None
    payload: bytes | None = None
    for number, wire, first, stop in _fields(data, *span):
        if number == _DATA and wire == _BYTES:
            payload = data[first:stop]
        elif number == _KEY_INDEX and wire == _VARINT:
            key = _entry(keys, first, span[0], "partition_key_index")
        elif number == _HASH_INDEX and wire == _VARINT:
            hash_key = _entry(hashes, first, span[0], "explicit_hash_key_index")
    if key is None or payload is None:
        missing = "data" if payload is None else "partition_key_index"
        raise KplError(f"a user record has no {missing}", span[0])
    return UserRecord(key, payload, hash_key)


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of a message as (number, wire type, a, b); groups are skipped.

    For a length-delimited field `a` and `b` are its first byte and the one after its last; for a
    varint `a` is the value; fixed-width fields carry nothing, as none is known here.
    """
    groups: list[int] = []
    while at < end:
        began = at
        tag, at = _read_varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise KplError(f"field number {number} is out of range", began)
        if wire == _BYTES:
            length, first = _read_varint(data, at, end)
            at = stop = first + length
        elif wire == _VARINT:
            first, at = _read_varint(data, at, end)
            stop = at
        elif wire in {_FIXED64, _FIXED32}:
            first, at = at, at + (8 if wire == _FIXED64 else 4)
            stop = at
        else:
            _group(groups, number, wire, began)
            continue
        if at > end:
            raise KplError(f"field {number} is {at - end} bytes longer than what holds it", began)
        if not groups:
            yield number, wire, first, stop
    if groups:
        raise KplError(f"group {groups[-1]} has no end", end)


def _group(groups: list[int], number: int, wire: int, at: int) -> None:
    """Enter or leave a group (wire types 3 and 4), or refuse wire types 6 and 7."""
    if wire == _GROUP and len(groups) < MAX_GROUP_DEPTH:
        groups.append(number)
    elif wire == _GROUP_END and groups and groups[-1] == number:
        groups.pop()
    else:
        raise KplError(f"field {number} has a wrong wire type or nesting ({wire})", at)


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An unsigned 64-bit varint at `at` and the offset after it."""
    if at < end and data[at] < _MORE:  # one byte, which is nearly always
        return data[at], at + 1
    value = shift = 0
    for offset in range(at, min(end, at + _VARINT_BYTES)):
        byte = data[offset]
        value |= (byte & _LOW) << shift
        if byte < _MORE:
            if value >> 64:
                break
            return value, offset + 1
        shift += 7
    raise KplError(
        "a varint is cut short" if end - at < _VARINT_BYTES else "a varint has more than 64 bits",
        at,
    )


def _varint(value: int) -> bytes:
    """`value` as an unsigned varint."""
    if value < _MORE:
        return _ONE_BYTE[value]
    out = bytearray()
    while value >= _MORE:
        out.append(value & _LOW | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _is_partition_key(key: str) -> bool:
    """1 to 256 Unicode characters (Kinesis API, PutRecordsRequestEntry), as UTF-8."""
    return 0 < len(key) <= MAX_PARTITION_KEY and not _SURROGATE.search(key)


def _is_hash_key(key: str) -> bool:
    """A decimal number below 2**128 (Kinesis API, PutRecordsRequestEntry)."""
    return bool(_HASH_KEY.fullmatch(key)) and int(key) < 1 << 128


def _text(data: bytes, first: int, stop: int, what: str) -> str:
    try:
        return data[first:stop].decode()
    except UnicodeDecodeError as error:
        raise KplError(f"a {what} is not UTF-8", first) from error


def _entry(table: list[str], index: int, at: int, field: str) -> str:
    if index >= len(table):
        raise KplError(f"{field} is {index}, but the table has {len(table)} entries", at)
    return table[index]
