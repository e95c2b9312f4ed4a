"""HyperPod nodes, made from what was read back, before the real scheduler."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from disagg.local.aws.readback_hyperpod import HyperPod, InstanceGroup
from disagg.local.aws.readback_network import Subnet
from disagg.local.cluster.agents import agents
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.hyperpod_nodes import hyperpod_nodes
from disagg.local.cluster.nodes import UnknownNodeError, group_of, make_nodes

DECODE = InstanceGroup(
    name="decode",
    instance_type="ml.p6-b200.48xlarge",
    count=0,
    role_arn="",
    security_group_ids=(),
    subnet_ids=("subnet-1",),
    labels={"disagg/role": "decode"},
    taints=(("nvidia.com/gpu", "present", "NoSchedule"),),
    interface_type="efa-only",
    threads_per_core=2,
    volumes_gib=(),
    script="",
    deep_health_checks=(),
    training_plan_arn="",
)
SYSTEM = replace(
    DECODE,
    name="system",
    instance_type="ml.m7i.4xlarge",
    count=2,
    labels={"disagg/role": "system"},
    taints=(),
    interface_type="",
)
SUBNETS = (
    Subnet(
        id="subnet-1",
        name="",
        zone_id="usw2-az2",
        zone_name="us-west-2a",
        cidr="",
        public=False,
        maps_public_addresses=False,
        tags={},
    ),
)


def nodes(*groups: InstanceGroup) -> list[dict[str, Any]]:
    found = HyperPod(
        name="one",
        arn="",
        eks_cluster_arn="",
        node_recovery="",
        provisioning_mode="",
        tiered_storage_percent=None,
        groups=groups,
    )
    return list(hyperpod_nodes(found, SUBNETS, {"decode": 2}))


def test_a_gpu_group_has_the_nodes_of_the_plan_and_the_pods_of_one_interface() -> None:
    one, two = nodes(DECODE)
    assert [one["metadata"]["name"], two["metadata"]["name"]] == ["decode-1", "decode-2"]
    given = one["status"]["allocatable"]
    assert (given["nvidia.com/gpu"], given["vpc.amazonaws.com/efa"]) == ("8", "8")
    assert given["pods"] == "49"
    assert group_of(one) == "decode"
    labels = one["metadata"]["labels"]
    assert labels["node.kubernetes.io/instance-type"] == "ml.p6-b200.48xlarge"
    assert labels["sagemaker.amazonaws.com/node-health-status"] == "Schedulable"
    assert one["spec"]["taints"][0]["key"] == "nvidia.com/gpu"


def test_without_hyper_threading_a_node_gives_half_its_cpus() -> None:
    (whole, _), (half, _) = nodes(DECODE), nodes(replace(DECODE, threads_per_core=1))
    cpus = [int(one["status"]["allocatable"]["cpu"].removesuffix("m")) for one in (whole, half)]
    assert cpus[0] == 2 * cpus[1]


def test_without_efa_interfaces_a_node_offers_no_device() -> None:
    one, _ = nodes(replace(DECODE, interface_type=""))
    assert "vpc.amazonaws.com/efa" not in one["status"]["allocatable"]


def test_system_nodes_are_as_many_as_there_are() -> None:
    found = nodes(SYSTEM)
    assert [one["status"]["allocatable"]["pods"] for one in found] == ["29", "29"]


@pytest.mark.parametrize(
    "wrong", [{"instance_type": "ml.x9.large"}, {"subnet_ids": ("subnet-9",)}], ids=str
)
def test_a_group_that_makes_no_node_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnknownNodeError, match="instance group decode"):
        nodes(replace(DECODE, **wrong))


Deploy = Callable[..., Any]


def judged(cluster: Cluster, made: Any, groups: tuple[InstanceGroup, ...]) -> list[str]:
    created = replace(made.created, hyperpod=replace(made.created.hyperpod, groups=groups))
    sizes = {"prefill": 1, "decode": 1}
    nodes = [*make_nodes(created), *hyperpod_nodes(created.hyperpod, created.subnets, sizes)]
    stage = Stage(cluster, nodes, agents(created), "10.42.0.9")
    report = examine(stage, made.manifests, lambda _: None, {}, trials=False)
    return [one.code for one in findings(report)]


@pytest.mark.slow
@pytest.mark.parametrize("checks", [(), ("instance_stress",)], ids=["taint", "deep checks"])
def test_every_pod_has_a_place_on_hyperpod(
    deployed: Deploy, cluster: Cluster, checks: tuple[str, ...]
) -> None:
    on_hyperpod = {
        "cluster__platform": "hyperpod",
        "cluster__hyperpod__deep_health_checks": checks,
    }
    made = deployed("pilot", **on_hyperpod)
    groups = made.created.hyperpod.groups
    assert all(bool(one.taints) is not bool(checks) for one in groups if one.name != "system")
    assert judged(cluster, made, groups) == []


@pytest.mark.slow
def test_half_the_cpus_and_another_type_are_found_out(deployed: Deploy, cluster: Cluster) -> None:
    made = deployed("pilot", cluster__platform="hyperpod")
    groups = tuple(
        replace(one, instance_type="ml.p5en.48xlarge") if one.name == "decode" else one
        for one in made.created.hyperpod.groups
    )
    assert "DISAGG-REH-004" in judged(cluster, made, groups)
