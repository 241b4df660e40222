"""The storm day and its feed, read and made once."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.demo.firehose import FirehoseLine, messages
from pipeline.demo.flights import Flight, flights_of


@pytest.fixture(scope="session")
def storm() -> list[Flight]:
    """The flights of 8 February 2013."""
    return flights_of(dt.date(2013, 2, 8))


@pytest.fixture(scope="session")
def feed(storm: list[Flight], seed: int) -> list[FirehoseLine]:
    """That day's feed, as the run's seed makes it."""
    return messages(storm, seed=seed)
