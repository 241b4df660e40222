"""Where the lists in a JSON object are, and what must be repeated around each of their elements.

Works on the bytes as they stand: nothing is decoded, so numbers and spellings stay as sent.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

import msgspec

from filters.normalize.splitting.pieces import MAX_AROUND_BYTES

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE: Final = rb"[ \t\r\n]*+"
_KEY: Final = re.compile(
    _SPACE + rb"(?P<key>" + _STRING + rb")" + _SPACE + rb":" + _SPACE, re.DOTALL
)
_SCALAR: Final = re.compile(_STRING + rb'|[^ \t\r\n,\[\]{}"]++', re.DOTALL)
_FLAT: Final = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+', re.DOTALL)
_NEXT: Final = re.compile(_SPACE + rb"(?P<mark>[,}])")
_EMPTY: Final = re.compile(_SPACE + rb"}")
_BETWEEN: Final = re.compile(rb"[ \t\r\n,]*+")
_MAX_MEMBERS: Final = 2_000
_MAX_LISTS: Final = 16
_MOST_KEPT: Final = MAX_AROUND_BYTES // 2  # of each of two levels


class Wanted(msgspec.Struct, frozen=True):
    """Names of the members that hold lists, and of those that are not repeated around elements."""

    lists: frozenset[bytes]
    leave_out: frozenset[bytes]

    @classmethod
    def of(cls, lists: Iterable[str], leave_out: Iterable[str]) -> Wanted:
        """The names as they stand in JSON, with their quotes."""
        return cls(
            frozenset(f'"{name}"'.encode() for name in lists),
            frozenset(f'"{name}"'.encode() for name in leave_out),
        )


class Found(msgspec.Struct, frozen=True):
    """A list: where its first element may begin, and the bytes to put around each element.

    `depth` objects are open around it.
    """

    start: int
    before: bytes
    after: bytes
    depth: int


class _Member(msgspec.Struct, frozen=True):
    """Offsets of a member: its name, its value, and what is behind it (-1 when cut short)."""

    name: bytes
    start: int
    value: int
    end: int


def lists(data: bytes, wanted: Wanted) -> list[Found]:
    """The lists of a whole object that have elements; none when it is not well formed."""
    if not any(name in data for name in wanted.lists):
        return []
    top, whole = _members(data, 0)
    if not whole:
        return []
    within = {
        outer.start: inner
        for outer in top
        if data[outer.value] == ord("{") and outer.name not in wanted.leave_out
        for inner, sound in [_members(data, outer.value)]
        if sound
    }
    holders = {
        start: [member for member in inner if _is_list(data, member, wanted)]
        for start, inner in within.items()
        if any(_is_list(data, each, wanted) for each in inner)
    }
    direct = [member for member in top if _is_list(data, member, wanted)]
    if len(direct) + sum(map(len, holders.values())) > _MAX_LISTS:
        return []
    found = []
    for outer in top:
        if outer in direct:
            before, after = _around(data, top, outer, wanted, holders)
            found.append(Found(outer.value + 1, before, after, 1))
        for member in holders.get(outer.start, ()):
            before, after = _around(data, top, outer, wanted, holders)
            left, right = _around(data, within[outer.start], member, wanted)
            found.append(Found(member.value + 1, before + left, right + after, 2))
    return [each for each in found if next(items(data, each.start), None) is not None]


def first_list(data: bytes, wanted: Wanted) -> Found | None:
    """The first list in the beginning of an object, with only what stands before the list."""
    top, _ = _members(data, 0)
    for at, outer in enumerate(top):
        before, after = _around(data, top[: at + 1], outer, wanted)
        if _is_list(data, outer, wanted):
            return Found(outer.value + 1, before, after, 1)
        if data[outer.value] != ord("{") or outer.name in wanted.leave_out:
            continue
        inner, _ = _members(data, outer.value)
        for within, member in enumerate(inner):
            if _is_list(data, member, wanted):
                left, right = _around(data, inner[: within + 1], member, wanted)
                return Found(member.value + 1, before + left, right + after, 2)
    return None


def items(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of each element from `at`, just behind a bracket that is closed further on."""
    while True:
        between = _BETWEEN.match(data, at)
        at = between.end() if between else at
        if at >= len(data) or data[at] in b"]}":
            return
        end = _end_of(data, at)
        if end < 0:
            return
        yield at, end
        at = end


def _is_list(data: bytes, member: _Member, wanted: Wanted) -> bool:
    return member.name in wanted.lists and data[member.value] == ord("[")


def _around(
    data: bytes,
    siblings: list[_Member],
    member: _Member,
    wanted: Wanted,
    holders: Container[int] = (),
) -> tuple[bytes, bytes]:
    """What of an object goes before and after the value of one member, other lists left out."""
    kept = [
        other
        for other in siblings
        if other.start != member.start
        and other.start not in holders
        and other.name not in wanted.leave_out
        and not _is_list(data, other, wanted)
    ]
    for longest in sorted(kept, key=lambda other: other.start - other.end):
        if sum(other.end - other.start for other in kept) <= _MOST_KEPT:
            break
        kept.remove(longest)
    before = [data[other.start : other.end] for other in kept if other.start < member.start]
    after = [data[other.start : other.end] for other in kept if other.start > member.start]
    opening, closing = (b"[", b"]") if data[member.value] == ord("[") else (b"", b"")
    left = b"{" + b",".join([*before, data[member.start : member.value]]) + opening
    return left, closing + b",".join([b"", *after] if after else []) + b"}"


def _members(data: bytes, at: int) -> tuple[list[_Member], bool]:
    """The members of the object at `at`, and whether it is whole and well formed."""
    found: list[_Member] = []
    at += 1
    if _EMPTY.match(data, at):
        return found, True
    while len(found) < _MAX_MEMBERS:
        key = _KEY.match(data, at)
        if key is None or key.end() >= len(data):
            break
        end = _end_of(data, key.end())
        found.append(_Member(key["key"], key.start("key"), key.end(), end))
        mark = _NEXT.match(data, end) if end >= 0 else None
        if mark is None:
            break
        if mark["mark"] == b"}":
            return found, True
        at = mark.end()
    return found, False


def _end_of(data: bytes, at: int) -> int:
    """Just behind the value at `at`; -1 when it does not end or is none."""
    if data[at] not in b"{[":
        scalar = _SCALAR.match(data, at)
        return scalar.end() if scalar else -1
    depth = 0
    while True:
        flat = _FLAT.match(data, at)
        at = flat.end() if flat else at
        if at >= len(data) or data[at] == ord('"'):
            return -1
        depth += 1 if data[at] in b"{[" else -1
        at += 1
        if depth == 0:
            return at
