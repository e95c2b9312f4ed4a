"""The example of a cluster of others: sound, shown, written, and deployed to an endpoint here."""

import json
from pathlib import Path

import pytest

from disagg import artifacts
from disagg.checks.environment import load_environment
from disagg.cli import main
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.holdings import holdings
from disagg.local.compare import compare, read_created

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples/02-existing-cluster/environment.yaml"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> artifacts.Written:
    environment = load_environment(FILE).environment
    return artifacts.write_all(environment, tmp_path_factory.mktemp("example"))


def test_it_is_sound_without_a_warning() -> None:
    assert load_environment(FILE).warnings == []


def test_the_plan_says_what_exists_and_what_is_overridden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", str(FILE), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in told["existing"]] == [
        "cluster",
        "cluster security group",
        "VPC",
        "fabric subnet",
        "system subnets",
    ]
    assert [one["what"] for one in told["overrides"]] == [
        "Deployment prefill",
        "Capacity/DecodeNodes/LaunchTemplate",
    ]
    assert told["totals"]["usd_per_hour_without_gpu_nodes"] == 0


def test_only_capacity_is_made_and_the_overrides_are_in_it(written: artifacts.Written) -> None:
    kinds = {
        name: {one["Type"] for one in template["Resources"].values()}
        for name, template in written.templates.items()
    }
    assert kinds["acme-Search-Network"] == {"AWS::SSM::Parameter"}
    assert kinds["acme-Search-Cluster"] == {"AWS::SSM::Parameter"}
    assert "AWS::EKS::Nodegroup" in kinds["acme-Search-Capacity"]
    text = json.dumps(written.templates["acme-Search-Capacity"])
    assert text.count('"InstanceMetadataTags": "enabled"') == 1
    (pool,) = [
        one
        for one in written.manifests["40-prefill-pool.yaml"]
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "prefill"
    ]
    assert pool["spec"]["template"]["metadata"]["labels"]["acme.example/team"] == "search"


@pytest.mark.slow
def test_it_deploys_beside_what_others_own_and_leaves_that_alone(
    written: artifacts.Written, tmp_path: Path
) -> None:
    environment = load_environment(FILE).environment
    target = Target(account=environment.aws.account, region=environment.aws.region)
    with AwsEndpoint(directory=tmp_path, target=target, held=holdings(environment)) as endpoint:
        bootstrap(endpoint, lambda _: None, qualifier="acme")
        deploy_all(endpoint, written.directory / "stacks", lambda _: None)
        created = read_created(endpoint, environment.cluster_name, environment.stack_prefix)
    facts = compare(environment, created)
    about = {fact.about for fact in facts}
    assert {
        "existing VPC: endpoints and flow logs made in it",
        "existing cluster: access entries and identities made in it",
        "roles: permissions boundary",
        "decode nodes: 9 interfaces, card by card",
    } <= about
    assert [fact.about for fact in facts if not fact.agrees] == []
