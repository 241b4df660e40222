"""What can go wrong between records and bytes: one error for each direction, with its place."""

from __future__ import annotations


class DecodeError(ValueError):
    """These bytes are not a message of ours; nothing of them was used.

    `place` says where, for example "header", "base64", "compressed body" or "record 17 at byte
    2041"; records count from 0, and the byte is where that record starts in the message after
    base64 and compression are taken off. `reason` names the field, never its value.
    """

    def __init__(self, reason: str, place: str) -> None:
        super().__init__(reason, place)
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class EncodeError(ValueError):
    """A record holds a value that its schema cannot carry.

    `index` is the record's position in the sequence given (0 for a single record), `field` its
    field's name. `reason` says what is wrong, without the value.
    """

    def __init__(self, index: int, field: str, reason: str) -> None:
        super().__init__(index, field, reason)
        self.index = index
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"record {self.index}, field {self.field}: {self.reason}"


class SchemaError(Exception):
    """A schema file of ours contradicts itself, its name or its record type: a broken build."""


class OversizedRecord(ValueError):  # noqa: N818  (a verdict on one record; its neighbours are packed)
    """At least one record is longer than a text may be, even alone.

    `index` and `size` (base64 characters) are those of the first; `oversized` has the pairs of all
    of them. `packs` covers every other record, in order, each as (range of indexes, text): send
    those, reject the oversized, and nothing is lost.
    """

    def __init__(
        self,
        oversized: tuple[tuple[int, int], ...],
        packs: list[tuple[range, str]],
        max_bytes: int,
    ) -> None:
        super().__init__(oversized, packs, max_bytes)
        self.index, self.size = oversized[0]
        self.oversized = oversized
        self.packs = packs
        self.max_bytes = max_bytes

    def __str__(self) -> str:
        more = len(self.oversized) - 1
        others = f" (and {more} more)" if more else ""
        return (
            f"record {self.index}{others}: {self.size} base64 characters, "
            f"and a message may have {self.max_bytes}"
        )
