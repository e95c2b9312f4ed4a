"""Claims are met by the real scheduler exactly where `plan` puts the pods, and by nothing else."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from disagg.local.cluster.agents import agents, arrive
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.state import settle
from disagg.planner.fit import placement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Object = dict[str, Any]
Deploy = Callable[..., Any]
RESOURCE = "/apis/resource.k8s.io/v1"
DRA = {"capacity__device_exposure": "dra"}
P5_WHOLE = {
    **DRA,
    "capacity__prefill__instance_type": "p5.48xlarge",
    "capacity__decode__instance_type": "p5.48xlarge",
    "serving__prefill__replicas": 1,
    "serving__prefill__tensor_parallel": 8,
    "serving__decode__replicas": 1,
    "serving__decode__tensor_parallel": 8,
}
LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "separate": ("pilot", DRA),
    "colocated": ("reference", DRA),
    "bottlerocket": ("pilot", {**DRA, "capacity__decode__ami": "bottlerocket"}),
    "two claims a pod": ("pilot", P5_WHOLE),
}


@pytest.fixture(autouse=True)
def _nothing_published(cluster: Cluster) -> Iterator[None]:
    yield
    for kind in ("resourceslices", "deviceclasses"):
        cluster.api.delete(f"{RESOURCE}/{kind}")


def planned(environment: Any) -> dict[str, dict[str, int]]:
    """Return how many pods of each role each node of the plan carries."""
    filled, homeless = placement(environment.serving, environment.capacity)
    assert homeless == {}
    return {node.name: dict(Counter(one.role for one in node.pods)) for node in filled if node.pods}


def roots(api: Api) -> dict[tuple[str, str, str], str]:
    """Return the PCIe root of each published device, by driver, node and name."""
    found = {}
    for one in api.items(f"{RESOURCE}/resourceslices"):
        spec = one["spec"]
        for device in spec["devices"]:
            root = device["attributes"].get("resource.kubernetes.io/pcieRoot", {})
            found[spec["driver"], spec["nodeName"], device["name"]] = root.get("string", "")
    return found


def given(api: Api) -> list[list[Mapping[str, str]]]:
    """Return the devices of each claim."""
    return [
        one["status"]["allocation"]["devices"]["results"]
        for one in api.items(f"{RESOURCE}/resourceclaims")
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pods_stand_where_plan_says_with_devices_of_their_own(
    layout: str, cluster: Cluster, deployed: Deploy
) -> None:
    name, edits = LAYOUTS[layout]
    one = deployed(name, **edits)
    stage = Stage(cluster, one.nodes, agents(one.created))
    report = examine(stage, one.manifests, lambda _: None, {}, trials=False)
    assert findings(report) == []
    space = one.environment.serving_namespace
    stood: dict[str, dict[str, int]] = {}
    for place in report.placements:
        if place.workload.startswith(f"{space}/"):
            for node, count in place.nodes.items():
                stood.setdefault(node, {})[place.workload.rpartition("/")[2]] = count
    assert stood == planned(one.environment)
    at, claims = roots(cluster.api), given(cluster.api)
    used = [(d["driver"], d["pool"], d["device"]) for claim in claims for d in claim]
    assert len(used) == len(set(used)), "a device was given twice"
    for claim in claims:
        sets: dict[str, set[str]] = {}
        for d in claim:
            index = d["request"].rpartition("-")[2]
            sets.setdefault(index, set()).add(at[d["driver"], d["pool"], d["device"]])
        assert all(len(found) == 1 for found in sets.values()), "a set crosses PCIe roots"


def test_nodes_offer_no_counted_device_where_devices_are_claimed(
    cluster: Cluster, deployed: Deploy
) -> None:
    one = deployed("pilot", **DRA)
    stage = Stage(cluster, one.nodes, agents(one.created))
    examine(stage, one.manifests, lambda _: None, {}, trials=False)
    for node in cluster.api.items("/api/v1/nodes"):
        assert (
            not {"nvidia.com/gpu", "vpc.amazonaws.com/efa"} & node["status"]["allocatable"].keys()
        )
    names = {one["metadata"]["name"] for one in agents(one.created)}
    assert {"aws-dranet", "dra-driver-nvidia-gpu"} <= names
    assert not {"nvidia-device-plugin", "aws-efa-k8s-device-plugin"} & names


@pytest.mark.parametrize(
    ("driver", "device"),
    [("aws-dranet", "efa.networking.k8s.aws"), ("dra-driver-nvidia-gpu", "gpu.nvidia.com")],
)
def test_a_driver_that_does_not_run_on_a_node_leaves_its_pods_waiting_and_is_named(
    driver: str, device: str, cluster: Cluster, deployed: Deploy
) -> None:
    one = deployed("pilot", **DRA)
    stand_ins = copy.deepcopy(agents(one.created))
    pod = next(each for each in stand_ins if each["metadata"]["name"] == driver)
    pod["spec"]["template"]["spec"]["nodeSelector"] = {"disagg/role": "prefill"}
    stage = Stage(cluster, one.nodes, stand_ins)
    report = examine(stage, one.manifests, lambda _: None, {}, trials=False)
    (waits,) = report.waiting
    assert (waits.workload, waits.pods, waits.of) == ("pilot-serving/decode", 2, 2)
    assert waits.why == (
        f"it asks for 4 {device}, and no node it may use offers any: {driver} does not run there"
    )
    assert driver in waits.fix
    assert "ResourceSlices" in waits.fix
    assert [each.code for each in findings(report)] == ["DISAGG-REH-004"]


def test_a_driver_that_is_not_installed_is_named(cluster: Cluster, deployed: Deploy) -> None:
    one = deployed("pilot", **DRA)
    stand_ins = [each for each in agents(one.created) if each["metadata"]["name"] != "aws-dranet"]
    stage = Stage(cluster, one.nodes, stand_ins)
    report = examine(stage, one.manifests, lambda _: None, {}, trials=False)
    assert {each.workload: each.pods for each in report.waiting} == {
        "pilot-serving/decode": 2,
        "pilot-serving/prefill": 8,
    }
    for each in report.waiting:
        assert "no such class: aws-dranet is not installed" in each.why
        assert "device_plugin" in each.fix


def test_devices_on_other_roots_than_the_claim_asks_for_are_told_from_too_few(
    cluster: Cluster, deployed: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = deployed("pilot", **DRA)
    real = cluster.api.apply

    def elsewhere(each: Object) -> Any:
        """Publish every EFA device of decode nodes on a root without GPUs."""
        if each["kind"] == "ResourceSlice" and each["spec"]["driver"] == "dra.net":
            each = copy.deepcopy(each)
            for device in each["spec"]["devices"] if "decode" in each["spec"]["nodeName"] else ():
                device["attributes"]["resource.kubernetes.io/pcieRoot"] = {"string": "pci0000:ff"}
        return real(each)

    monkeypatch.setattr(type(cluster.api), "apply", lambda _, each: elsewhere(each))
    stage = Stage(cluster, one.nodes, agents(one.created))
    report = examine(stage, one.manifests, lambda _: None, {}, trials=False)
    (waits,) = report.waiting
    assert waits.workload == "pilot-serving/decode"
    assert waits.why.endswith("has them free on the PCIe roots it asks for")
    assert waits.why.startswith("it claims 4 efa.networking.k8s.aws and 4 gpu.nvidia.com")


def test_a_lost_node_a_drain_and_a_roll_out_give_claims_back(
    cluster: Cluster, deployed: Deploy
) -> None:
    one = deployed("pilot", **DRA)
    stage = Stage(cluster, one.nodes, agents(one.created))
    report = examine(stage, one.manifests, lambda _: None, {})
    assert findings(report) == []
    assert len(report.drains) == len(report.losses) == 3
    assert all(each.complete for each in report.rollouts)
    assert len(report.rollouts) >= 3


@pytest.mark.parametrize(("exposure", "waits"), [("device_plugin", 0), ("dra", 1)])
def test_priority_takes_counted_devices_from_prefill_and_claimed_ones_not(
    exposure: str, waits: int, cluster: Cluster, deployed: Deploy
) -> None:
    one = deployed(
        "reference",
        capacity__device_exposure=exposure,
        capacity__shared__nodes=2,
        serving__prefill__replicas=8,
        serving__decode__tensor_parallel=8,
    )
    arrive(cluster.api, one.nodes, agents(one.created))
    last = "30-decode-pool.yaml"
    for file in (*(name for name in one.manifests if name != last), last):
        if file == last:
            spread = {pod.node for pod in settle(cluster).pods if "prefill" in pod.workload}
            assert spread == {"shared-1", "shared-2"}
        for each in one.manifests[file]:
            cluster.api.must(cluster.api.apply(each))
    state = settle(cluster)
    assert [pod.workload for pod in state.pending] == ["reference-serving/decode"] * waits
