"""One record of each kind, with everything a test may want to change by keyword."""

from __future__ import annotations

from msgspec.structs import replace

from filters.legs import Cell, LegState, Told
from schemas.records import DeadLetter, Disruption, FeedMessage, FlightStatus, Notice

MINUTE = 60_000
NOW = 1_360_330_000_000
"""8 February 2013, 13:26:40 UTC, in ms."""
OUT = NOW + 120 * MINUTE


def message(**changes: object) -> FeedMessage:
    base = FeedMessage(
        id="m", format="firehose", feed="test", received_at=NOW, payload=b'{"type":"keepalive"}'
    )
    return replace(base, **changes)


def status(**changes: object) -> FlightStatus:
    """UA1545 from Newark, on time, nobody to be told."""
    base = FlightStatus(
        id="s",
        message_id="0123456789ab",
        format="firehose",
        feed="test",
        source_time=NOW,
        source_rank=50,
        sequence=0,
        received_at=NOW,
        airline="UAL",
        number=1545,
        origin="EWR",
        destination="IAH",
        date="2013-02-08",
        date_basis="scheduled",
        life="operating",
        out_scheduled=OUT,
    )
    return replace(base, **changes)


def disruption(**changes: object) -> Disruption:
    base = Disruption(
        id="d",
        leg="UAL1545.EWR.2013-02-08",
        kind="delayed",
        rev=1,
        airline="UAL",
        number=1545,
        origin="EWR",
        destination="IAH",
        date="2013-02-08",
        out_scheduled=OUT,
        out_expected=OUT + 90 * MINUTE,
        source_time=NOW,
        received_at=NOW,
        useful_until=OUT,
        status_id="s",
        policy="passenger@1",
    )
    return replace(base, **changes)


def notice(**changes: object) -> Notice:
    base = Notice(
        id="n",
        disruption_id="d",
        leg="UAL1545.EWR.2013-02-08",
        kind="delayed",
        rev=1,
        recipient="r-1",
        channel="sms",
        ticket="UA1545",
        origin="EWR",
        destination="IAH",
        date="2013-02-08",
        out_scheduled=OUT,
        out_expected=OUT + 90 * MINUTE,
        source_time=NOW,
        received_at=NOW,
        useful_until=OUT,
    )
    return replace(base, **changes)


def letter(**changes: object) -> DeadLetter:
    base = DeadLetter(
        id="m.normalize",
        stage="normalize",
        reason="ident: missing",
        place="line 3",
        record_id="m",
        body_schema="payload",
        body=b'{"type":"flifo"}',
        attempts=1,
        code_version="7",
        rejected_at=NOW,
    )
    return replace(base, **changes)


def leg(**changes: object) -> LegState:
    base = LegState(
        key="UAL1545.EWR.2013-02-08",
        rev=1,
        airline="UAL",
        number=1545,
        origin="EWR",
        date="2013-02-08",
        date_basis="scheduled",
        cells={
            "out_scheduled": Cell(OUT, (NOW, 50, 0, "0123456789ab")),
            "out_gate": Cell("C71", (NOW, 50, 0, "0123456789ab")),
            "baggage": Cell(None, (NOW, 50, 0, "0123456789ab")),
        },
        received_at=NOW,
    )
    return replace(base, **changes)


def told_leg(token: str, **changes: object) -> LegState:
    """A leg with a decision in its outbox."""
    told = Told(kind="delayed", out=OUT + 90 * MINUTE, rev=1)
    return leg(told=told, pending=(disruption(),), token=token, **changes)
