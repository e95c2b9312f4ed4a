"""Example 06: what its README says is so, and what it extends is what it says."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from disagg.checks.environment import load_environment
from disagg.cli import main
from disagg.errors import InvalidInputError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/06-two-accounts"
README = (EXAMPLE / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (disagg .+)$", README, re.MULTILINE)


def test_the_commands_of_its_readme_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fleet.yaml", "environments"):
        (tmp_path / name).symlink_to(EXAMPLE / name)
    verbs = set()
    for command in COMMANDS:
        _, *arguments = shlex.split(command, comments=True)
        verbs.add(" ".join(arguments[:2]) if arguments[0] == "config" else arguments[0])
        if arguments[0] != "demo":  # tests/local/test_fleet.py runs it
            wanted = 2 if arguments[:2] == ["config", "diff"] else 0
            assert main(arguments) == wanted, command
    assert verbs == {"fleet", "config show", "config diff", "synth", "demo"}
    assert (tmp_path / "dist/acme/stacks/manifest.json").exists()
    told = capsys.readouterr().out
    for line in re.findall(r"^    (\w+\.\S+ .*(?:yaml:\d+|default))$", README, re.MULTILINE):
        assert " ".join(line.split()) in " ".join(told.split()), line


def test_what_the_readme_says_of_money_is_what_the_fleet_costs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fleet", str(EXAMPLE / "fleet.yaml"), "-o", "yaml"]) == 0
    told = yaml.safe_load(capsys.readouterr().out)
    for key in ("usd_per_hour", "usd_per_hour_without_gpu_nodes"):
        assert f"${told[key]:,.2f}" in README
    assert told["warnings"] == []


def test_both_extend_the_base_and_differ_in_what_they_say() -> None:
    pilot, serving = (
        load_environment(EXAMPLE / f"environments/{name}.yaml").environment
        for name in ("pilot", "serving")
    )
    base = yaml.safe_load((EXAMPLE / "environments/base.yaml").read_text("utf-8"))
    for one in (pilot, serving):
        assert one.serving.model == base["serving"]["model"]
        assert one.cluster.kubernetes_version == base["cluster"]["kubernetes_version"]
    assert pilot.slo is None
    assert serving.slo is not None
    assert serving.capacity.decode is not None
    assert serving.capacity.decode.source.kind == "reservation"
    assert pilot.aws.account != serving.aws.account


def test_the_base_alone_is_no_environment() -> None:
    with pytest.raises(InvalidInputError, match="the key is missing"):
        load_environment(EXAMPLE / "environments/base.yaml")
