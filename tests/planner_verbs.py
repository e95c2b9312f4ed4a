"""Files and options that tests of the planner's verbs share."""

import json
from typing import Any

import pytest

from disagg.cli import main

ARTICLE, AGENTS = "workloads/article.yaml", "workloads/agents.yaml"
PILOT = "environments/pilot.yaml"
FAST = ["--predictor", "roofline"]


def data(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, *FAST, "-o", "json"]) == code
    return json.loads(capsys.readouterr().out)
