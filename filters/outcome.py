"""What a filter says of each record it was given: exactly one of six outcomes.

A filter returns one outcome per input record, in the order of its input. There are two ways to
fail: `Reject` (never retry; dead-letter now, with the reason and the original bytes) and `Fail` or
any exception (retry by the queue's policy, then dead-letter).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from schemas.records import Record


class Forward(msgspec.Struct, frozen=True, gc=False):
    """The record led to these outputs for the next stage (for the last stage: it was sent)."""

    outputs: tuple[Record, ...] = ()


class Drop(msgspec.Struct, frozen=True, gc=False):
    """The record ends here, rightly; `reason` is a short word from a small set."""

    reason: str


class Reject(msgspec.Struct, frozen=True, gc=False):
    """The record can never succeed; `reason` names the field, `place` where it came from."""

    reason: str
    place: str = ""


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """The very same record was already applied."""


class Stale(msgspec.Struct, frozen=True, gc=False):
    """Something newer was already applied."""


class Fail(msgspec.Struct, frozen=True, gc=False):
    """The record could not be handled now; try again. `burns` False: do not count the attempt."""

    reason: str
    burns: bool = True


Outcome: TypeAlias = Forward | Drop | Reject | Duplicate | Stale | Fail


class RejectRecord(Exception):  # noqa: N818  (a control word for one record, not an error of ours)
    """Raised inside a filter for a record that can never succeed; becomes a `Reject`."""

    def __init__(self, reason: str, place: str = "") -> None:
        """`reason` names the field and what was found; `place` says where in the record."""
        super().__init__(reason)
        self.reason = reason
        self.place = place


class Unavailable(Exception):  # noqa: N818  (says what the port is, not what went wrong)
    """Raised by a port that cannot answer now; the record at hand fails and is tried again."""
