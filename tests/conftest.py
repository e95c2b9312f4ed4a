"""What all tests share: the golden flag, the environments, and an engine that finds its Node."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from disagg.node import use_packaged_node

# Why: so that what a shared helper asserts is told with its values.
pytest.register_assert_rewrite("bad_files")

ROOT = Path(__file__).resolve().parent.parent

# Why before any import of aws_cdk: jsii reads them when it starts its kernel.
os.environ.setdefault("CDK_VALIDATION", "false")
use_packaged_node()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Rewrite golden files with today's output."
    )
    for name, default, what in (
        ("--orders", 200, "Random orders of apply, arrival, death and scaling to place."),
        ("--environments", 60, "Random environments the scheduler judges as `plan` does."),
        ("--seed", 0, "Where random orders and environments begin."),
    ):
        parser.addoption(name, type=int, default=default, help=f"{what} [{default}]")


def pytest_report_header(config: pytest.Config) -> str:
    given = (f"{name}={config.getoption(name)}" for name in ("orders", "environments", "seed"))
    return f"random: {' '.join(given)}"


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


# Why derandomized: a run is the same every time, and no example waits in a database of this
# machine.
settings.register_profile("disagg", derandomize=True, deadline=None, database=None)
settings.load_profile("disagg")
