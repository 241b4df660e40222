"""Messages that arrive broken: every one must be rejected, and no other message for it.

A broken message names no flight, is not one JSON object, or has a malformed time in a documented
field. None holds a line break, since lines are what a feed is cut into.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final, TypeAlias

Fields: TypeAlias = dict[str, str]

_DEPTH: Final = 2_500
_DIGITS: Final = 5_000


def encode(fields: dict[str, Any]) -> bytes:
    """One message as a feed sends it: compact JSON, UTF-8, no line ending."""
    return json.dumps(fields, separators=(",", ":")).encode()


def _truncated(fields: Fields, rng: Random) -> bytes:
    whole = encode(fields)
    return whole[: rng.randint(2, len(whole) - 1)]


def _not_json(fields: Fields, rng: Random) -> bytes:
    gateway = rng.choice(("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"))
    return f"<html><body>{gateway} {fields['pitr']}</body></html>".encode()


def _python_repr(fields: Fields, _: Random) -> bytes:
    return repr(fields).encode()


def _empty_object(_: Fields, __: Random) -> bytes:
    return b"{}"


def _array(fields: Fields, _: Random) -> bytes:
    return b"[" + encode(fields) + b"]"


def _scalar(fields: Fields, _: Random) -> bytes:
    return encode({"ident": fields["ident"]})[len('{"ident":') : -1]


def _two_on_a_line(fields: Fields, _: Random) -> bytes:
    return encode(fields) * 2


def _no_ident(fields: Fields, _: Random) -> bytes:
    return encode({name: value for name, value in fields.items() if name not in ("ident", "id")})


def _null_ident(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"ident": None, "id": None})


def _no_flight(fields: Fields, rng: Random) -> bytes:
    return encode(fields | {"ident": rng.choice(("????", "#REF!", "0", "--")), "id": ""})


def _not_utf8(fields: Fields, _: Random) -> bytes:
    ident = fields["ident"].encode()
    return encode(fields).replace(ident, ident[:3] + b"\xff\xfe")


def _nul_bytes(fields: Fields, rng: Random) -> bytes:
    return bytes(rng.randint(8, 64)) + encode(fields)[8:]


def _lone_surrogate(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"ident": "\ud83d", "id": "\ud83d"})


def _repeated_key(fields: Fields, _: Random) -> bytes:
    return b'{"ident":"","ident":"?",' + _no_ident(fields, _)[1:]


def _deep(_: Fields, rng: Random) -> bytes:
    depth = _DEPTH + rng.randint(0, 99)
    return b'{"ident":' * depth + b'""' + b"}" * depth


def _word_for_time(fields: Fields, rng: Random) -> bytes:
    return encode(fields | {"estimated_out": rng.choice(("soon", "TBA", "16:40", "1.36e9s"))})


def _milliseconds(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"scheduled_out": fields["scheduled_out"] + "000"})


def _out_of_range(fields: Fields, rng: Random) -> bytes:
    return encode(fields | {"scheduled_in": str(10**20 + rng.randrange(10**6))})


def _negative(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"scheduled_out": "-" + fields["scheduled_out"]})


def _list_for_time(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"scheduled_out": [fields["scheduled_out"]]})


def _long_number(fields: Fields, rng: Random) -> bytes:
    number = str(rng.randint(1, 9)) * _DIGITS
    return b'{"pitr":' + number.encode() + b"," + encode(fields | {"clock": number})[1:]


def _not_a_number(fields: Fields, _: Random) -> bytes:
    return encode(fields | {"pitr": float("nan")})


FAULTS: Final[dict[str, Callable[[Fields, Random], bytes]]] = {
    "truncated": _truncated,
    "not_json": _not_json,
    "python_repr": _python_repr,
    "empty_object": _empty_object,
    "array": _array,
    "scalar": _scalar,
    "two_on_a_line": _two_on_a_line,
    "no_ident": _no_ident,
    "null_ident": _null_ident,
    "no_flight": _no_flight,
    "not_utf8": _not_utf8,
    "nul_bytes": _nul_bytes,
    "lone_surrogate": _lone_surrogate,
    "repeated_key": _repeated_key,
    "deep": _deep,
    "word_for_time": _word_for_time,
    "milliseconds": _milliseconds,
    "out_of_range": _out_of_range,
    "negative": _negative,
    "list_for_time": _list_for_time,
    "long_number": _long_number,
    "not_a_number": _not_a_number,
}
"""Each makes a broken message of a good `flifo` one, by the fault's name."""


def broken(count: int, good: list[Fields], rng: Random) -> list[tuple[str, bytes]]:
    """`count` broken messages, all different, as (fault, bytes); every fault before any twice.

    `good` are fields of flifo messages to break.
    """
    made: dict[bytes, str] = {}
    names = list(FAULTS)
    while len(made) < count:
        name = names[len(made)] if len(made) < len(names) else rng.choice(names)
        line = FAULTS[name](rng.choice(good), rng)
        made.setdefault(line, name)
    return [(name, line) for line, name in made.items()]
