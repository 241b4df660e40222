"""What every test shares: hypothesis profiles, one seed, the way to the genuine feed samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT.parent / "shared" / "feeds"
SEED = 20130208

# "ci" tries the same examples on every run, however slow the machine; "explore" looks for new ones.
settings.register_profile(
    "ci",
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    print_blob=True,
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --seed, from which every generated input that is not hypothesis's own is drawn."""
    parser.addoption("--fuzz", type=int, default=10_000, help="inputs per feed format (10000)")
    parser.addoption("--seed", type=int, default=SEED, help=f"seed of generated data ({SEED})")


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat this run."""
    profile = config.getoption("--hypothesis-profile") or "ci"
    seed = config.getoption("--seed")
    return f"flightwire: seed {seed} (--seed), hypothesis profile {profile} (--hypothesis-profile)"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The seed of this run."""
    value: int = pytestconfig.getoption("--seed")
    return value


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of genuine feed samples, which lies beside the checkout and is never copied."""
    if not SAMPLES.is_dir():
        pytest.skip(f"no genuine feed samples at {SAMPLES}; the rest of the suite needs none")
    return SAMPLES
