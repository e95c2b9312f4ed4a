"""A fleet of two accounts and regions against one AWS endpoint: deployed in order, read back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from disagg import artifacts
from disagg.checks.fleet import load_fleet
from disagg.local.aws.deploy import (
    DeployError,
    assembly_targets,
    bootstrap,
    deploy_all,
    destroy_all,
)
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.compare import compare, read_created

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "examples/06-two-accounts/fleet.yaml"
SANDBOX, PRODUCTION = Target(), Target(account="210987654321", region="us-east-2")


def quiet(_: str) -> None:
    pass


def stacks_of(endpoint: AwsEndpoint) -> set[str]:
    found: dict[str, Any] = endpoint.client("cloudformation").describe_stacks()
    return {one["StackName"] for one in found["Stacks"]} - {"CDKToolkit"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    checked = load_fleet(FLEET)
    stages = [[one.environment for one in stage] for stage in checked.stages()]
    artifacts.write_fleet("acme", stages, folder)
    return folder / "acme"


@pytest.fixture(scope="module")
def endpoint(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    targets = assembly_targets(dist / "stacks")
    assert targets == (SANDBOX, PRODUCTION)
    folder = tmp_path_factory.mktemp("run")
    with AwsEndpoint(directory=folder, target=SANDBOX, others=[PRODUCTION]) as running:
        for target in targets:
            bootstrap(running.seen_from(target), quiet)
        yield running


def test_one_run_deploys_both_accounts_in_the_order_of_the_stages(
    endpoint: AwsEndpoint, dist: Path
) -> None:
    deployed = deploy_all(endpoint, dist / "stacks", quiet)
    assert [one.name for one in deployed.stacks] == [
        f"Disagg-{name}-{layer}"
        for name in ("Pilot", "Serving")
        for layer in ("Network", "Cluster", "Capacity")
    ]
    assert all(one.changed for one in deployed.stacks)
    for target, name in ((SANDBOX, "Pilot"), (PRODUCTION, "Serving")):
        found = stacks_of(endpoint.seen_from(target))
        assert len(found) == 3
        assert all(one.startswith(f"Disagg-{name}-") for one in found)


def test_each_account_holds_what_its_environment_plans(endpoint: AwsEndpoint) -> None:
    deploying = {one.environment.name: one.environment for one in load_fleet(FLEET).members}
    for target, name in ((SANDBOX, "pilot"), (PRODUCTION, "serving")):
        created = read_created(endpoint.seen_from(target), f"disagg-{name}")
        facts = compare(deploying[name], created)
        assert len(facts) > 30
        assert [one.about for one in facts if not one.agrees] == []
        assert f":{target.account}:" in created.cluster.secrets_key_arn
    # And the other's is noticed.
    other = "serving" if name == "pilot" else "pilot"
    assert [one for one in compare(deploying[other], created) if not one.agrees]


def test_an_environment_alone_finds_its_stacks_as_the_fleet_left_them(
    endpoint: AwsEndpoint, dist: Path
) -> None:
    seen = endpoint.seen_from(PRODUCTION)
    again = deploy_all(seen, dist / "serving/stacks", quiet)
    assert [one.changed for one in again.stacks] == [False] * 3
    assert not any(one.changed for one in deploy_all(endpoint, dist / "stacks", quiet).stacks)


def test_an_environment_is_taken_down_alone_by_its_own_assembly(
    endpoint: AwsEndpoint, dist: Path
) -> None:
    """By the fleet's assembly, later stages would go with it: they depend on it."""
    before = stacks_of(endpoint.seen_from(PRODUCTION))
    destroy_all(endpoint, dist / "pilot/stacks", quiet)
    assert stacks_of(endpoint) == set()
    assert stacks_of(endpoint.seen_from(PRODUCTION)) == before


def test_an_endpoint_without_the_other_account_refuses_the_fleet(
    dist: Path, tmp_path: Path
) -> None:
    alone = AwsEndpoint(directory=tmp_path, target=SANDBOX)
    with pytest.raises(DeployError, match="the endpoint stands for"):
        deploy_all(alone, dist / "stacks", quiet)
    with pytest.raises(ValueError, match="is none of"):
        alone.seen_from(PRODUCTION)


def test_the_demo_of_a_fleet_ends_well(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "disagg", "demo", "--fleet", str(FLEET), "--dist", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("facts, all as planned") == 2
    assert "stands for 123456789012 and 210987654321" in run.stdout
