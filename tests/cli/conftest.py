from datetime import date
from pathlib import Path

import pytest

from disagg.cli import planning


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Run at the root of the project, on a day on which the prices are young."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(planning, "today", lambda: date(2026, 11, 27))
