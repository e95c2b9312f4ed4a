"""The example on HyperPod, deployed by the real CLI: what was created is what the plan says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from disagg import artifacts
from disagg.checks.environment import load_environment
from disagg.local.aws.deploy import Deployment, bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.readback_hyperpod import InstanceGroup
from disagg.local.compare import Created, compare, read_created

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = load_environment(ROOT / "examples" / "03-hyperpod" / "environment.yaml").environment


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Created, Deployment]]:
    """Return what was created, and what deploying the same again did."""
    base = tmp_path_factory.mktemp("hyperpod")
    artifacts.write_stacks(EXAMPLE, base / "stacks")
    target = Target(account=EXAMPLE.aws.account, region=EXAMPLE.aws.region)
    with AwsEndpoint(directory=base / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, base / "stacks", lambda _: None)
        created = read_created(endpoint, EXAMPLE.cluster_name)
        yield created, deploy_all(endpoint, base / "stacks", lambda _: None)


def different(created: Created) -> list[str]:
    return [fact.about for fact in compare(EXAMPLE, created) if not fact.agrees]


def with_group(created: Created, name: str, **changes: Any) -> Created:
    def changed(one: InstanceGroup) -> InstanceGroup:
        return replace(one, **changes) if one.name == name else one

    assert created.hyperpod is not None
    groups = tuple(changed(one) for one in created.hyperpod.groups)
    return replace(created, hyperpod=replace(created.hyperpod, groups=groups))


def test_what_was_created_is_what_the_plan_says(twice: tuple[Created, Deployment]) -> None:
    created, _ = twice
    assert created.node_groups == ()
    assert len(compare(EXAMPLE, created)) > 35
    assert different(created) == []


def test_deploying_the_same_again_changes_nothing(twice: tuple[Created, Deployment]) -> None:
    _, again = twice
    assert len(again.stacks) == 3
    assert [one.name for one in again.stacks if one.changed] == []


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"instance_type": "ml.p5en.48xlarge"}, "type, size"),
        ({"labels": {"disagg/role": "decode"}}, "labels"),
        ({"taints": (("a", "b", "NoSchedule"),)}, "taints"),
        ({"interface_type": "efa"}, "interfaces"),
        ({"threads_per_core": 1}, "threads of a core"),
        ({"deep_health_checks": ()}, "deep health checks"),
        ({"training_plan_arn": ""}, "training plan"),
        ({"script": ""}, "a script before it joins"),
        ({"subnet_ids": ("subnet-1",)}, "zone"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_group_that_is_not_as_planned_is_noticed(
    twice: tuple[Created, Deployment], changes: dict[str, Any], fact: str
) -> None:
    created, _ = twice
    assert different(with_group(created, "decode", **changes)) == [f"decode nodes: {fact}"]


def test_a_missing_group_and_a_missing_cluster_are_noticed(
    twice: tuple[Created, Deployment],
) -> None:
    created, _ = twice
    assert different(with_group(created, "decode", labels={})) == [
        "decode nodes: instance groups labelled disagg/role=decode"
    ]
    assert different(replace(created, hyperpod=None)) == ["HyperPod: a cluster"]


def test_closed_groups_and_a_lost_node_recovery_are_noticed(
    twice: tuple[Created, Deployment],
) -> None:
    created, _ = twice
    assert created.hyperpod is not None
    closed = {name: replace(one, egress=()) for name, one in created.security_groups.items()}
    lost = replace(created.hyperpod, node_recovery="None", tiered_storage_percent=20)
    assert different(replace(created, security_groups=closed, hyperpod=lost)) == [
        "HyperPod: node recovery, provisioning",
        "HyperPod: tiered storage, percent of RAM",
        "prefill nodes: a group open to itself both ways",
        "decode nodes: a group open to itself both ways",
    ]
