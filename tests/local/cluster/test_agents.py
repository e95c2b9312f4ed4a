"""Nodes give devices only where the stand-in of their device plugin could land."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fleet import created_of

from disagg.catalog.charts import CHARTS, charts_for
from disagg.catalog.cluster_agents import AGENTS, tolerations
from disagg.catalog.dra import DRIVERS
from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.local.cluster.agents import RESERVE, agents, less_daemons
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.quantities import quantity

Object = dict[str, Any]
Deploy = Callable[..., Any]


@pytest.mark.parametrize("version", sorted(KUBERNETES_VERSIONS))
def test_every_add_on_and_every_chart_brings_an_agent(version: str) -> None:
    brought = {one.comes_with for one in (*AGENTS.values(), *DRIVERS.values())}
    add_ons = {one.name for one in KUBERNETES_VERSIONS[version].add_ons}
    # What HyperPod's packages run is not stood in for yet, and custom kinds alone run nothing.
    only_kinds = {"gateway-api", "inference-extension", "istio-base", "agentgateway-crds"}
    plugins = {name for name, one in CHARTS.items() if "eks" in one.platforms} - only_kinds
    assert add_ons | plugins == brought


def test_an_add_on_that_was_not_read_back_brings_no_agent() -> None:
    everything = agents(created_of((), ()))
    names = {one["metadata"]["name"] for one in everything}
    assert not names & {"aws-node", "coredns", "kube-proxy"}
    base = charts_for("eks", "device_plugin")
    brought = {
        one.name for one in AGENTS.values() if one.comes_with in {chart.name for chart in base}
    }
    assert names == brought | {RESERVE}


def test_a_chart_that_is_switched_on_brings_what_it_runs() -> None:
    charts = charts_for("eks", "device_plugin", frozenset({"keda", "monitoring"}))
    made = {one["metadata"]["name"]: one for one in agents(created_of((), ()), charts)}
    assert "keda-operator" in made
    assert "lws-controller-manager" not in made
    assert made["node-exporter"]["kind"] == "DaemonSet"
    pod = made["prometheus"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "2048Mi"}
    assert "priorityClassName" not in pod


def test_the_packages_of_hyperpod_bring_both_device_plugins() -> None:
    made = agents(created_of((), ()), charts_for("hyperpod", "device_plugin"))
    names = {one["metadata"]["name"] for one in made}
    assert {"nvidia-device-plugin", "aws-efa-k8s-device-plugin"} <= names


def test_values_of_a_chart_replace_tolerations_or_add_to_them() -> None:
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    added = tolerations(AGENTS["aws-efa-k8s-device-plugin"])
    assert taint in added
    assert len(added) == 2
    assert tolerations(AGENTS["nvidia-device-plugin"])[-1] == taint
    assert tolerations(AGENTS["aws-load-balancer-controller"]) == ()


def test_daemons_are_taken_from_the_node_they_are_on_and_from_no_other() -> None:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    nodes = [{"metadata": {"name": name}, "status": {"allocatable": amounts}} for name in "ab"]
    container = {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}
    pod = {
        "metadata": {"ownerReferences": [{"kind": "DaemonSet"}]},
        "spec": {"nodeName": "a", "containers": [container]},
    }
    other = {**pod, "metadata": {"ownerReferences": [{"kind": "ReplicaSet"}]}}
    first, second = less_daemons(nodes, [pod, other])
    left = {name: quantity(text) for name, text in first["status"]["allocatable"].items()}
    assert left == {"cpu": 3.5, "memory": 7 * 2**30, "pods": 9}
    assert second["status"]["allocatable"] == amounts


@pytest.mark.slow
def test_daemons_that_are_known_fit_into_what_the_planner_keeps_free_of_a_gpu_node(
    deployed: Deploy,
) -> None:
    stand_ins = {one["metadata"]["name"]: one for one in agents(deployed().created)}
    reserve = stand_ins[RESERVE]["spec"]["template"]["spec"]["containers"][0]["resources"]
    # aws-node 25m, kube-proxy 100m, the EFA plugin 10m and 20 MiB; the other two ask for nothing.
    assert quantity(reserve["requests"]["cpu"]) == Decimal("1.865")
    assert quantity(reserve["requests"]["memory"]) == (4096 - 20) * 2**20
    assert stand_ins[RESERVE]["kind"] == "DaemonSet"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "device"),
    [
        ("aws-efa-k8s-device-plugin", "vpc.amazonaws.com/efa"),
        ("nvidia-device-plugin", "nvidia.com/gpu"),
    ],
)
def test_a_device_plugin_that_bears_no_taint_leaves_the_nodes_without_devices(
    plugin: str, device: str, cluster: Cluster, deployed: Deploy
) -> None:
    stand_ins = copy.deepcopy(agents(deployed().created))
    pod = next(one for one in stand_ins if one["metadata"]["name"] == plugin)
    pod["spec"]["template"]["spec"]["tolerations"] = []
    stage = Stage(cluster, deployed().nodes, stand_ins)
    report = examine(stage, deployed().manifests, lambda _: None, {}, trials=False)
    assert {one.workload: one.pods for one in report.waiting} == {
        "pilot-serving/decode": 2,
        "pilot-serving/prefill": 8,
    }
    for one in report.waiting:
        assert one.why.startswith("it asks for ")
        assert one.why.endswith(
            f" {device}, and no node it may use offers any: {plugin} does not run there"
        )
        assert "tolerate the taints" in one.fix
    assert {one.code for one in findings(report)} == {"DISAGG-REH-004"}
