"""What is printed to a pipe is whole, and what a typing error gets is a hint that helps."""

import json
from pathlib import Path

import pytest

from disagg.cli import main

ROOT = Path(__file__).resolve().parents[2]
HYPERPOD = str(ROOT / "examples/03-hyperpod/environment.yaml")
PRODUCTION = str(ROOT / "environments/production.yaml")


def test_a_row_of_a_table_in_a_pipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", HYPERPOD]) == 0
    printed = capsys.readouterr().out.splitlines()
    for key in ("capacity.prefill.source.arn", "cluster.administrators"):
        (line,) = (line for line in printed if line.strip().startswith(key))
        named, value, origin = (cell.strip() for cell in line.split("  ") if cell.strip())
        assert (named, value[-1]) == (key, '"' if "arn" in key else "]")
        file, _, number = origin.rpartition(":")
        assert (file, number.isdecimal()) == (HYPERPOD, True)


def test_the_items_of_a_plan_in_a_pipe_are_those_of_its_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", PRODUCTION, "-o", "json"]) == 0
    items = {line["item"] for line in json.loads(capsys.readouterr().out)["costs"]}
    assert main(["plan", PRODUCTION]) == 0
    lines = capsys.readouterr().out.splitlines()
    for item in items:
        assert any(line.strip().startswith(item) for line in lines), item


@pytest.mark.parametrize(
    ("typed", "hint", "not_said"),
    [
        ("foo", "list them all: disagg explain", "POOL"),
        ("FOO-1", "list them all: disagg explain", "POOL"),
        ("cap", "one of DISAGG-CAP-001, DISAGG-CAP-002", "POOL"),
        ("CPA-3", "one of DISAGG-CAP-001, DISAGG-CAP-002", "POOL"),
        ("CAP-99", "one of DISAGG-CAP-001, DISAGG-CAP-002", "POOL"),
    ],
)
def test_an_unknown_code_gets_the_family_that_was_meant_or_the_list(
    typed: str, hint: str, not_said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", typed]) == 64
    said = capsys.readouterr().err
    assert hint in said
    assert not_said not in said


def test_defaults_of_hyperpod_are_shown_where_it_is_the_platform(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pilot = (ROOT / "environments/pilot.yaml").read_text("utf-8")
    file = tmp_path / "pilot.yaml"
    file.write_text(pilot.replace("cluster:\n", "cluster:\n  platform: hyperpod\n"), "utf-8")
    assert main(["config", "show", str(file), "-o", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["environment"]["cluster"]["hyperpod"]["node_recovery"] == "automatic"
    assert data["origins"]["cluster.hyperpod.node_recovery"] == "default"
    assert main(["config", "show", str(ROOT / "environments/pilot.yaml"), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["environment"]["cluster"]["hyperpod"] is None
