"""How long the legs table keeps what: from the departure, if that is still to come."""

from __future__ import annotations

import pytest

from filters.legs import LegState
from pipeline.aws import clients
from pipeline.aws.legs import LegTable
from tests.unit.aws import cloud
from tests.unit.filters.records import at

NOW = at("2013-02-08T09:00:00Z")


@pytest.mark.parametrize(
    ("key", "until"),
    [
        ("UAL1545.EWR.2013-02-08", "2013-02-22T09:00:00Z"),
        ("UAL1545.EWR.2013-02-07", "2013-02-22T09:00:00Z"),
        ("UAL1545.EWR.2013-06-01", "2013-06-15T00:00:00Z"),
        ("~day:UAL1545.2013-02-08", "2013-02-11T09:00:00Z"),
        ("~day:UAL1545.2013-06-01", "2013-06-04T00:00:00Z"),
        ("~firehose:UAL1545-1360152000-airline-0042", "2013-02-22T09:00:00Z"),
        ("~feed:gatwick.north", "2013-02-22T09:00:00Z"),
    ],
)
def test_an_item_is_kept_beyond_its_departure(aws: None, key: str, until: str) -> None:
    del aws
    cloud.create_tables()
    table = LegTable(clients.dynamodb(), cloud.LEGS, lambda: NOW)
    assert table.write([LegState(key=key, rev=1)]) == {key: "written"}
    stored = clients.dynamodb().get_item(TableName=cloud.LEGS, Key={"pk": {"S": key}})["Item"]
    assert int(stored["expires_at"]["N"]) * 1000 == at(until)
