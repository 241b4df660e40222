"""Reads JSON whose members vary: at once when it fits its type, member by member when it does not.

Vendors add, rename and retype members without notice. What nobody reads cannot fail; a member that
is read and has another type than documented is left out and named, so that the rest is not lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec

from filters.normalize.moments import iso_ms
from filters.outcome import RejectRecord

Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
"""A code, an id or a gate: far longer than any real one, and short enough for a table's key."""

Moment: TypeAlias = Annotated[str, msgspec.Meta(max_length=40)]
"""A date and time as text."""

_T = TypeVar("_T")
_Struct = msgspec.Struct
_REASON = 200
_LONGEST_NUMBER = 10**40
_MOST_NAMED = 16
_NAMES = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
}


def read(payload: bytes, decoder: msgspec.json.Decoder[_T]) -> tuple[_T, dict[str, str]]:
    """The message as the decoder's type, and what was left out: the member and the type it had.

    Members are named from the top, as `alert.flightStatus.flightId`. Raises RejectRecord when the
    bytes are no JSON, or neither object nor array.
    """
    try:
        return decoder.decode(payload), {}
    except msgspec.ValidationError:
        return _member_by_member(payload, decoder.type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RejectRecord(f"message: not JSON: {str(error)[:_REASON]}") from error
    except RecursionError as error:
        raise RejectRecord("message: nested too deeply") from error


def because(reason: str, left_out: Mapping[str, str]) -> str:
    """The reason `<member>: missing, ...`, but with the type if the member was left out for it."""
    member, _, rest = reason.partition(": missing")
    kinds = (kind for place, kind in left_out.items() if place.rpartition(".")[2] == member)
    kind = next(kinds, None) if rest else None
    return reason if kind is None else f"{member}: {kind}{rest}"


@lru_cache(maxsize=4096)
def text(value: str | int | None) -> str | None:
    """A code, an id or a gate as text without blanks around it; None when it is no such thing.

    A text must be a `Word`, for the last ones are kept.
    """
    if value is None:
        return None
    if isinstance(value, int):
        # A number this long is no id, and Python refuses to write far longer ones.
        return str(value) if abs(value) < _LONGEST_NUMBER else None
    value = value.strip()
    return value if value and value.isprintable() else None


@lru_cache(maxsize=65_536)
def utc_ms(text: str) -> int | None:
    """A moment in ms UTC, whose zone is UTC unless it names one; None when it is none."""
    try:
        return iso_ms(text, "")
    except RejectRecord:
        return None


def instant(text: str | None, member: str, evidence: list[str]) -> int | None:
    """The same, and an unread one is noted."""
    if not text:
        return None
    ms = utc_ms(text)
    if ms is None:
        evidence.append(f"unread={member}")
    return ms


def _member_by_member(payload: bytes, kind: type[_T]) -> tuple[_T, dict[str, str]]:
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RejectRecord(f"message: not JSON: {str(error)[:_REASON]}") from error
    except RecursionError as error:
        raise RejectRecord("message: nested too deeply") from error
    left_out: dict[str, str] = {}
    fitted = _fitted(value, kind, "", left_out)
    if fitted is None:
        raise RejectRecord(f"message: {_named(value)}, and an object is expected")
    return cast("_T", fitted), left_out


def _fitted(value: Any, kind: Any, place: str, left_out: dict[str, str]) -> Any:  # noqa: ANN401  (JSON and its type)
    """The value as far as it is of that type; None, and its place among the left out, if not."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    for choice in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        if isinstance(value, dict) and get_origin(choice) is dict:
            of = get_args(choice)[1]
            members = {k: _fitted(v, of, _within(place, k), left_out) for k, v in value.items()}
            return {name: member for name, member in members.items() if member is not None}
        if isinstance(value, dict) and isinstance(choice, type) and issubclass(choice, _Struct):
            return _object(value, choice, place, left_out)
        if isinstance(value, list) and get_origin(choice) is list:
            return _items(value, get_args(choice)[0], place, left_out)
    # XML turned into JSON has "" where it had an empty element.
    if value != "" and len(left_out) < _MOST_NAMED:
        left_out[place] = _named(value)
    return None


def _object(
    value: dict[str, Any], kind: type[_Struct], place: str, left_out: dict[str, str]
) -> _Struct:
    said = {
        field.name: _fitted(value[name], field.type, _within(place, name), left_out)
        for field in msgspec.structs.fields(kind)
        if (name := field.encode_name) in value
    }
    return kind(**said)


def _items(value: Sequence[Any], kind: Any, place: str, left_out: dict[str, str]) -> list[Any]:  # noqa: ANN401  (JSON and its type)
    items = [_fitted(item, kind, place, left_out) for item in value]
    return [item for item in items if item is not None]


def _within(place: str, name: str) -> str:
    return f"{place}.{name}"[-_REASON:] if place else name[:_REASON]


def _named(value: object) -> str:
    """The JSON type of a value, with its article; never the value, which may be anything."""
    return "null" if value is None else _NAMES.get(type(value), "an object")
