"""The chain: four stages, what each reads, writes and runs. The picture everything is drawn from.

`infra/template.yaml` is the same picture as AWS resources; a contract test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from filters.detect import detect
from filters.join import join
from filters.normalize import normalize
from filters.notify import notify
from filters.outcome import Outcome
from schemas.records import Disruption, FeedMessage, FlightStatus, Notice, Record


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One filter between two pipes. Resource names are logical ids of `infra/template.yaml`."""

    name: str
    filter: Callable[..., list[Outcome]]
    reads: type[Record]
    writes: type[Record] | None
    source: str
    sink: str | None
    dead_letters: str
    function: str
    mapping: str
    tables: tuple[str, ...] = ()


NORMALIZE = Stage(
    name="normalize",
    filter=normalize,
    reads=FeedMessage,
    writes=FlightStatus,
    source="FeedStream",
    sink="StatusQueue",
    dead_letters="FeedDeadLetters",
    function="NormalizeFunction",
    mapping="NormalizeMapping",
)
DETECT = Stage(
    name="detect",
    filter=detect,
    reads=FlightStatus,
    writes=Disruption,
    source="StatusQueue",
    sink="DisruptionQueue",
    dead_letters="StatusDeadLetters",
    function="DetectFunction",
    mapping="DetectMapping",
    tables=("LegsTable",),
)
JOIN = Stage(
    name="join",
    filter=join,
    reads=Disruption,
    writes=Notice,
    source="DisruptionQueue",
    sink="NoticeQueue",
    dead_letters="DisruptionDeadLetters",
    function="JoinFunction",
    mapping="JoinMapping",
    tables=("BookingsTable",),
)
NOTIFY = Stage(
    name="notify",
    filter=notify,
    reads=Notice,
    writes=None,
    source="NoticeQueue",
    sink=None,
    dead_letters="NoticeDeadLetters",
    function="NotifyFunction",
    mapping="NotifyMapping",
    tables=("ContactsTable", "LedgerTable"),
)
CHAIN = (NORMALIZE, DETECT, JOIN, NOTIFY)
BY_NAME = {stage.name: stage for stage in CHAIN}
