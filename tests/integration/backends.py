"""The embedded endpoints a test can run on."""

from __future__ import annotations

import pytest

BACKENDS = ["moto", pytest.param("ministack", marks=pytest.mark.ministack)]
