from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.aws import cloud


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in process, empty."""
    with cloud.in_process(monkeypatch):
        yield
