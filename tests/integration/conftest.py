"""What the integration tests share: the embedded endpoints, and when ministack is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local import ministack
from pipeline.local.endpoint import Endpoint, embedded
from pipeline.local.endpoint_server import Backend
from tests.integration.backends import BACKENDS


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs ministack where its environment was never made."""
    if item.get_closest_marker("ministack") and not ministack.installed():
        pytest.skip("ministack is not installed: `flightwire local --backend ministack` does it")


@pytest.fixture(scope="module", params=BACKENDS)
def endpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """An embedded endpoint, one after the other of each kind."""
    backend: Backend = request.param
    with embedded(backend, folder=tmp_path_factory.mktemp(backend)) as started:
        yield started


@pytest.fixture
def chain() -> Path:
    """The template of the test chain."""
    return Path(__file__).parent / "chain" / "template.yaml"
