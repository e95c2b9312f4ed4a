"""Environments of several accounts in one assembly: equal templates, in the order of stages."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

from disagg import artifacts
from disagg.checks.fleet import load_fleet
from disagg.config.environment import Environment
from disagg.errors import CheckFailedError, InvalidInputError
from disagg.node import cdk_command, tool_environment
from tests.stacks.synthesis import context

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("Network", "Cluster", "Capacity")


def named(name: str, account: str) -> Environment:
    return replace(checked("pilot", aws__account=account).environment, name=name)


PILOT, EAST, WEST = (
    named("pilot", "123456789012"),
    named("east", "210987654321"),
    named("west", "210987654321"),
)
STAGES = [[PILOT], [EAST, WEST]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a fleet of two stages; the second has two environments."""
    dist = tmp_path_factory.mktemp("fleet")
    artifacts.write_fleet("acme", STAGES, dist)
    return dist / "acme"


@pytest.fixture(scope="module")
def needs(written: Path) -> dict[str, set[str]]:
    """Return the stacks that each stack depends on, as the manifest says."""
    artifacts_of = json.loads((written / "stacks/manifest.json").read_text("utf-8"))["artifacts"]
    stacks = {
        name for name, one in artifacts_of.items() if one["type"] == "aws:cloudformation:stack"
    }
    return {name: stacks & set(artifacts_of[name].get("dependencies", ())) for name in stacks}


def behind(needs: dict[str, set[str]], name: str) -> set[str]:
    """Return everything that must be there before a stack."""
    return needs[name] | {other for one in needs[name] for other in behind(needs, one)}


def test_every_stack_of_a_stage_waits_for_all_of_the_stage_before(
    needs: dict[str, set[str]],
) -> None:
    pilot = {f"Disagg-Pilot-{layer}" for layer in LAYERS}
    assert len(needs) == 9
    for name in ("East", "West"):
        for layer in LAYERS:
            assert behind(needs, f"Disagg-{name}-{layer}") >= pilot


def test_environments_of_one_stage_do_not_wait_for_each_other_nor_the_first_for_any(
    needs: dict[str, set[str]],
) -> None:
    for layer in LAYERS:
        assert not any("West" in one for one in behind(needs, f"Disagg-East-{layer}"))
        assert not any("East" in one for one in behind(needs, f"Disagg-West-{layer}"))
        assert all("Pilot" in one for one in behind(needs, f"Disagg-Pilot-{layer}"))


def test_templates_are_those_of_each_environment_alone_byte_for_byte(written: Path) -> None:
    together = {one.name: one.read_bytes() for one in written.glob("stacks/*.template.json")}
    alone = {one.name: one.read_bytes() for one in written.glob("*/stacks/*.template.json")}
    assert len(together) == 9
    assert together == alone


def test_the_fleet_is_written_beside_its_environments(written: Path) -> None:
    assert {one.name for one in written.iterdir()} == {"pilot", "east", "west", "stacks"}
    inside = {one.name for one in (written / "east").iterdir()}
    assert inside == {"manifests", "charts", "stacks", "deploy.md"}
    page = (written / "east" / "deploy.md").read_text("utf-8")
    assert page.startswith("# Deploy east\n")
    assert str(written) not in page


def test_the_assembly_asks_aws_nothing_and_names_both_accounts(written: Path) -> None:
    manifest = json.loads((written / "stacks/manifest.json").read_text("utf-8"))
    assert "missing" not in manifest
    places = {one.get("environment") for one in manifest["artifacts"].values()} - {None}
    assert places == {"aws://123456789012/us-west-2", "aws://210987654321/us-west-2"}


def test_what_a_judge_refuses_leaves_nothing_of_the_fleet(tmp_path: Path) -> None:
    def judge(one: Environment, fresh: artifacts.Written) -> None:
        del fresh
        if one.name == "east":
            raise CheckFailedError([])

    with pytest.raises(CheckFailedError):
        artifacts.write_fleet("acme", STAGES, tmp_path, judge=judge)
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_replaces_no_environment_of_its_name_and_none_replaces_a_fleet(
    tmp_path: Path,
) -> None:
    alone = named("acme", "123456789012")
    (tmp_path / "acme" / "manifests").mkdir(parents=True)
    (tmp_path / "acme" / "manifests" / "00-namespaces.yaml").touch()
    with pytest.raises(InvalidInputError, match="DISAGG-FLT-015"):
        artifacts.write_fleet("acme", STAGES, tmp_path)
    assert (tmp_path / "acme" / "manifests" / "00-namespaces.yaml").is_file()
    with pytest.raises(InvalidInputError, match="DISAGG-FLT-015"):
        artifacts.write_all(alone, written_fleet(tmp_path / "other"))
    assert (tmp_path / "other" / "acme" / "stacks" / "manifest.json").is_file()


def written_fleet(dist: Path) -> Path:
    """Return a folder that looks as `synth --fleet` leaves it."""
    (dist / "acme" / "stacks").mkdir(parents=True)
    (dist / "acme" / "stacks" / "manifest.json").touch()
    return dist


@pytest.mark.slow
def test_what_synth_writes_is_known_again_as_what_it_is(written: Path) -> None:
    dist = written.parent
    artifacts.write_all(PILOT, dist)
    with pytest.raises(InvalidInputError, match="DISAGG-FLT-015"):
        artifacts.write_all(named("acme", "123456789012"), dist)
    with pytest.raises(InvalidInputError, match="DISAGG-FLT-015"):
        artifacts.write_fleet("pilot", STAGES, dist)


def cdk(assembly: Path, *arguments: str) -> Any:
    done = subprocess.run(
        cdk_command(*arguments, "--app", str(assembly), "--no-notices", "--json"),
        env=tool_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_cdk_cli_lists_stages_in_order_and_takes_a_pattern(written: Path) -> None:
    listed = [one["id"] for one in cdk(written / "stacks", "ls", "--long")]
    assert listed[:3] == [f"Disagg-Pilot-{layer}" for layer in LAYERS]
    assert sorted(listed[3:]) == sorted(
        f"Disagg-{name}-{layer}" for name in ("East", "West") for layer in LAYERS
    )
    one = cdk(written / "stacks", "ls", "--long", "Disagg-East-*")
    assert {each["environment"]["account"] for each in one} == {"123456789012", "210987654321"}
    alone = cdk(written / "east" / "stacks", "ls", "--long")
    assert [each["id"] for each in alone] == [f"Disagg-East-{layer}" for layer in LAYERS]


@pytest.mark.slow
def test_the_cdk_app_makes_the_same_of_a_fleet_as_synth(tmp_path: Path) -> None:
    file = "examples/06-two-accounts/fleet.yaml"
    variables = {
        "CDK_OUTDIR": str(tmp_path / "app"),
        "CDK_CONTEXT_JSON": json.dumps(context() | {"fleet": file}),
    }
    subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **variables}, check=True
    )
    stages = [[one.environment for one in stage] for stage in load_fleet(ROOT / file).stages()]
    artifacts.write_fleet("acme", stages, tmp_path)
    ours = {one.name: one.read_bytes() for one in tmp_path.glob("acme/stacks/*.template.json")}
    theirs = {one.name: one.read_bytes() for one in tmp_path.glob("app/*.template.json")}
    assert ours == theirs
    assert len(ours) == 6
