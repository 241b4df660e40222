"""Avro's binary encoding of one record, read and written by a table of its fields.

Our own and not a library's, because a message may be hostile: here each length and count is checked
before anything is sliced or built, a number longer than it need be is refused, and a fault names
its field. Schemas are flat (`schemas.registry` sees to it), so nothing recurses. Rules: Apache Avro
specification, "Binary Encoding"; a contract test holds the bytes equal to another library's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import repeat
from types import NoneType
from typing import Final, TypeAlias

from schemas.errors import DecodeError, EncodeError

MAX_ITEMS: Final = 64
"""Items in one array of a record: far more than the fields a source could withdraw."""

STRING, BYTES, LONG, INT, ENUM, STRINGS = range(6)

Field: TypeAlias = tuple[str, bool, int, tuple[str, ...]]
"""One field as the codec sees it: its name, whether it may be null, one of the kinds above, and the
symbols of an enum. A plain tuple, because the loops below unpack one for every value."""

_NULL, _PRESENT = b"\x00", b"\x02"  # the union's branches 0 and 1
_PRESENT_BYTE = _PRESENT[0]
_NO_ITEMS = b"\x00"  # ends an array
_LONG_RANGE = range(-(1 << 63), 1 << 63)
_INT_RANGE = range(-(1 << 31), 1 << 31)
_LOW, _MORE = 0x7F, 0x80  # the seven bits a byte carries; the one that says the number goes on
_NOT_SHORT = 0x81  # a length whose first byte has one of these bits is negative, or goes on
_LAST_SHIFT = 63  # nine bytes carry 63 bits; the tenth is the last there can be
_SMALL = tuple(bytes((number << 1,)) for number in range(64))  # the numbers of one byte
_TIMES = range(1 << 34, 1 << 41)  # milliseconds, 1970-07 to 2039-09: the numbers of six bytes
_TIME_BYTES = 6
_WORTH_COLUMNS = 32  # records; measured: with fewer, preparing the columns takes longer


class Malformed(Exception):  # noqa: N818  (never leaves this package: it becomes one of `errors`)
    """A value breaks a rule of its type; the text says which."""


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """The zig-zag number that starts at byte `at`, and the byte after it.

    Raises:
        IndexError: `data` ends first.
        Malformed: it has more than 64 bits, or more bytes than it needs.
    """
    byte = data[at]
    at += 1
    bits = byte & _LOW
    shift = 7
    while byte > _LOW:
        if shift > _LAST_SHIFT:
            raise Malformed("a number of more than ten bytes")
        byte = data[at]
        at += 1
        bits |= (byte & _LOW) << shift
        shift += 7
        if not byte:
            raise Malformed("a number padded with empty bytes")
    if bits >> 64:
        raise Malformed("a number of more than 64 bits")
    return (bits >> 1) ^ -(bits & 1), at


def write_long(value: int) -> bytes:
    """The zig-zag bytes of a number; the caller has checked that it fits in 64 bits."""
    if 0 <= value < len(_SMALL):
        return _SMALL[value]
    bits = (value << 1) ^ (value >> 63)
    if value in _TIMES:  # unrolled, as in `_read_time`
        low, high = bits & 0xFFFFFFF, bits >> 28
        return bytes(
            (
                low & _LOW | _MORE,
                low >> 7 & _LOW | _MORE,
                low >> 14 & _LOW | _MORE,
                low >> 21 | _MORE,
                high & _LOW | _MORE,
                high >> 7,
            )
        )
    out = bytearray()
    while bits > _LOW:
        out.append(bits & _LOW | _MORE)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def read_blocks(data: bytes, at: int, limit: int, read: Callable[[int], int]) -> int:
    """Walk an array's blocks, which start at byte `at`; give the byte after it.

    `read` takes the byte at which an item starts and gives the one after it. A block whose count is
    negative is followed by its size in bytes, which must be true.

    Raises:
        IndexError: `data` ends first.
        Malformed: more than `limit` items, or a block size that is not the block's.
    """
    total = 0
    while True:
        count, at = read_long(data, at)
        if not count:
            return at
        stop = 0
        if count < 0:
            count = -count
            size, at = read_long(data, at)
            stop = at + size
            if size <= 0 or stop > len(data):
                raise Malformed("an array block of an impossible size")
        total += count
        if total > limit:
            raise Malformed(f"an array of more than {limit} items")
        for _ in range(count):
            at = read(at)
        if stop and at != stop:
            raise Malformed("an array block whose size is not what it says")


def _read_bytes(data: bytes, at: int, _symbols: tuple[str, ...] = ()) -> tuple[bytes, int]:
    size, at = read_long(data, at)
    if size < 0:
        raise Malformed("a negative length")
    stop = at + size
    if stop > len(data):
        raise Malformed("a length beyond the end")
    return data[at:stop], stop


def _read_int(data: bytes, at: int, _symbols: tuple[str, ...]) -> tuple[int, int]:
    number, at = read_long(data, at)
    if number not in _INT_RANGE:
        raise Malformed("a number of more than 32 bits")
    return number, at


def _read_enum(data: bytes, at: int, symbols: tuple[str, ...]) -> tuple[str, int]:
    number, at = read_long(data, at)
    if not 0 <= number < len(symbols):
        raise Malformed(f"none of the {len(symbols)} symbols")
    return symbols[number], at


def _read_strings(data: bytes, at: int, _symbols: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    items: list[str] = []

    def read(at: int) -> int:
        raw, at = _read_bytes(data, at)
        items.append(raw.decode())
        return at

    at = read_blocks(data, at, MAX_ITEMS, read)
    return tuple(items), at


def _read_time(data: bytes, at: int, times: dict[bytes, int]) -> tuple[int, int]:
    # Unrolled: a record has half a dozen new times, and the loop takes twice as long for each.
    raw = data[at : at + _TIME_BYTES]
    if len(raw) == _TIME_BYTES:
        a, b, c, d, e, f = raw
        if a & b & c & d & e & _MORE and 0 < f <= _LOW:
            low = a & _LOW | (b & _LOW) << 7 | (c & _LOW) << 14 | (d & _LOW) << 21
            bits = low | (e & _LOW | f << 7) << 28
            value = times[raw] = (bits >> 1) ^ -(bits & 1)
            return value, at + _TIME_BYTES
    return read_long(data, at)


_READERS: dict[int, Callable[[bytes, int, tuple[str, ...]], tuple[object, int]]] = {
    BYTES: _read_bytes,
    INT: _read_int,
    ENUM: _read_enum,
    STRINGS: _read_strings,
}


def read_record(  # noqa: C901, PLR0912  (a call for each value would take half as long again)
    fields: tuple[Field, ...], data: bytes, at: int, index: int, times: dict[bytes, int]
) -> tuple[dict[str, object], int]:
    """The values of the record that starts at byte `at`, by field name, and the byte after it.

    A null is left out. `index` is the record's position, for the error; `times` remembers, within
    one message, the times already met.

    Raises:
        DecodeError: the record breaks a rule; it names the field.
    """
    values: dict[str, object] = {}
    end = len(data)
    start = at
    name = ""
    try:
        for name, nullable, kind, symbols in fields:
            head = data[at]
            if nullable:
                if not head:
                    at += 1
                    continue
                if head != _PRESENT_BYTE:
                    raise Malformed("no such branch of the union")  # noqa: TRY301  (told below)
                at += 1
                head = data[at]
            if kind == STRING:
                stop = at + 1 + (head >> 1)
                if head & _NOT_SHORT or stop > end:
                    raw, at = _read_bytes(data, at)
                else:
                    raw = data[at + 1 : stop]
                    at = stop
                values[name] = raw.decode()
            elif kind == LONG:
                known = times.get(data[at : at + _TIME_BYTES])
                if known is None:
                    values[name], at = _read_time(data, at, times)
                else:
                    values[name] = known
                    at += _TIME_BYTES
            else:
                values[name], at = _READERS[kind](data, at, symbols)
    except Malformed as error:
        reason = str(error)
    except IndexError:
        reason = "the bytes end here"
    except UnicodeDecodeError:
        reason = "not valid UTF-8"
    else:
        return values, at
    raise DecodeError(f"field {name}: {reason}", f"record {index} at byte {start}")


def _write_bytes(value: object, _symbols: tuple[str, ...]) -> bytes:
    if type(value) is not bytes:
        raise _wrong("bytes", value)
    return write_long(len(value)) + value


def _write_string(value: object, _symbols: tuple[str, ...] = ()) -> bytes:
    if type(value) is not str:
        raise _wrong("str", value)
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise Malformed("holds half a surrogate pair") from None
    size = len(raw)
    return (_SMALL[size] if size < len(_SMALL) else write_long(size)) + raw


def _write_long(value: object, _symbols: tuple[str, ...]) -> bytes:
    if type(value) is not int:
        raise _wrong("int", value)
    if value not in _LONG_RANGE:
        raise Malformed("does not fit in 64 bits")
    return write_long(value)


def _write_int(value: object, _symbols: tuple[str, ...]) -> bytes:
    if type(value) is not int:
        raise _wrong("int", value)
    if value not in _INT_RANGE:
        raise Malformed("does not fit in 32 bits")
    return write_long(value)


def _write_enum(value: object, symbols: tuple[str, ...]) -> bytes:
    if value not in symbols:
        raise Malformed(f"must be one of {', '.join(symbols)}")
    return _SMALL[symbols.index(value)]


def _write_strings(value: object, _symbols: tuple[str, ...]) -> bytes:
    if type(value) is not tuple:
        raise _wrong("tuple", value)
    if len(value) > MAX_ITEMS:
        raise Malformed(f"has {len(value)} items, and may have {MAX_ITEMS}")
    if not value:
        return _NO_ITEMS
    return b"".join((write_long(len(value)), *map(_write_string, value), _NO_ITEMS))


def _wrong(wanted: str, value: object) -> Malformed:
    return Malformed(f"must be {wanted}, not {type(value).__name__}")


_WRITERS: dict[int, Callable[[object, tuple[str, ...]], bytes]] = {
    STRING: _write_string,
    BYTES: _write_bytes,
    LONG: _write_long,
    INT: _write_int,
    ENUM: _write_enum,
    STRINGS: _write_strings,
}
_TYPES = {STRING: str, BYTES: bytes, LONG: int, INT: int, ENUM: str, STRINGS: tuple}


def write_records(fields: tuple[Field, ...], rows: Sequence[tuple[object, ...]]) -> list[bytes]:
    """The bytes of each record; a row holds one record's values in the order of `fields`.

    Types are exact: a bool is no int, a list no tuple.

    Raises:
        EncodeError: a value is of the wrong type, out of range, or text that UTF-8 cannot hold; it
            names one such record and field.
    """
    if len(rows) < _WORTH_COLUMNS:
        return [b"".join(map(_value, fields, repeat(index), row)) for index, row in enumerate(rows)]
    columns = zip(fields, zip(*rows, strict=True), strict=True)
    return [b"".join(row) for row in zip(*(_column(*pair) for pair in columns), strict=True)]


def _column(field: Field, column: tuple[object, ...]) -> Iterable[bytes]:
    # Each distinct value is encoded once: in a pack, most values of a field are equal.
    _, nullable, kind, symbols = field
    write = _WRITERS[kind]
    types = set(map(type, column))
    if nullable:
        types.discard(NoneType)
    if types <= {_TYPES[kind]}:  # else True would pass for an equal 1
        # What fails here fails again below, where its record is known.
        with suppress(Malformed, TypeError):
            distinct = set(column)
            if nullable:
                distinct.discard(None)
                table = {value: _PRESENT + write(value, symbols) for value in distinct}
                table[None] = _NULL
            else:
                table = {value: write(value, symbols) for value in distinct}
            return map(table.__getitem__, column)
    return [_value(field, index, value) for index, value in enumerate(column)]


def _value(field: Field, index: int, value: object) -> bytes:
    name, nullable, kind, symbols = field
    if nullable and value is None:
        return _NULL
    try:
        raw = _WRITERS[kind](value, symbols)
    except Malformed as error:
        raise EncodeError(index, name, str(error)) from None
    return _PRESENT + raw if nullable else raw
