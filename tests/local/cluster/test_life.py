"""What becomes of running pods: silence, loss, drains, roll-outs, scaling, preemption, the end."""

import copy
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fleet import created_by, less_agents
from shipped import checked

from disagg import artifacts
from disagg.local.cluster.api import Api, Cluster, wait
from disagg.local.cluster.control_plane import ControlPlane
from disagg.local.cluster.life import drain, lose_node, roll_out
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import State, apply_nodes, settle

pytestmark = pytest.mark.slow

Object = dict[str, Any]
KIND = "p6-b200.48xlarge"
DECODE, PREFILL, ROUTER = "pilot-serving/decode", "pilot-serving/prefill", "pilot-router/router"
SPARE = {
    "capacity__prefill": {"instance_type": KIND, "nodes": 2},
    "capacity__decode": {"instance_type": KIND, "nodes": 3},
}
WIDE = {
    **SPARE,
    "serving__prefill": {"replicas": 16, "tensor_parallel": 1},
    "serving__decode": {"replicas": 6, "tensor_parallel": 4},
}
SHARED = {
    "capacity": {"shared": {"instance_type": KIND, "nodes": 2}},
    "serving__placement": "colocate",
    "serving__prefill": {"replicas": 8, "tensor_parallel": 1},
    "serving__decode": {"replicas": 1, "tensor_parallel": 8},
}


@dataclass(frozen=True)
class Field:
    """Objects that are applied and nodes that are there, on a control plane."""

    cluster: Cluster
    objects: list[Object]
    nodes: list[Object]

    def counted(self) -> Counter[str]:
        """Count the pods with a place, by workload."""
        return Counter(one.workload for one in settle(self.cluster).pods if one.node)

    def waiting(self) -> Counter[str]:
        return Counter(one.workload for one in settle(self.cluster).pending)

    def named(self, kind: str, name: str) -> Object:
        return next(
            one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)
        )

    def scale(self, workload: str, replicas: int) -> None:
        """Do what an autoscaler does: patch the scale subresource."""
        namespace, _, name = workload.partition("/")
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"
        api = self.cluster.api
        api.must(api.patch(path, {"spec": {"replicas": replicas}}))


Lay = Callable[..., Field]


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., tuple[list[Object], list[Object]]]:
    """Return the objects and nodes of the pilot with edits."""

    def run(**edits: Any) -> tuple[list[Object], list[Object]]:
        environment = checked("pilot", **edits).environment
        templates = artifacts.write_stacks(environment, tmp_path / "stacks")
        nodes = [less_agents(one) for one in make_nodes(created_by(templates))]
        return [one for group in artifacts.render(environment).values() for one in group], nodes

    return run


@pytest.fixture
def lay(cluster: Cluster, prepared: Callable[..., tuple[list[Object], list[Object]]]) -> Lay:
    """Return a field on which everything has a place."""

    def run(edit: Callable[[list[Object]], object] | None = None, **edits: Any) -> Field:
        objects, nodes = prepared(**edits)
        if edit is not None:
            objects = copy.deepcopy(objects)
            edit(objects)
        return laid(cluster, objects, nodes)

    return run


def laid(cluster: Cluster, objects: list[Object], nodes: list[Object]) -> Field:
    apply_nodes(cluster.api, nodes)
    for one in objects:
        answer = cluster.api.apply(one)
        assert answer.accepted, answer.message
    state = settle(cluster)
    assert (state.pending, state.unmade) == ((), {})
    return Field(cluster, objects, nodes)


def deployment(objects: list[Object], name: str) -> Object:
    return next(
        one for one in objects if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    )


def test_a_spare_node_takes_the_pods_of_a_lost_one_and_none_is_moved_without_need(
    lay: Lay,
) -> None:
    field = lay(**SPARE)
    before = where(settle(field.cluster))
    lost = next(one for one in field.nodes if one["metadata"]["name"] in before.values())
    after = lose_node(field.cluster, lost)
    assert after.pending == ()
    gone = {name for name, node in before.items() if node == lost["metadata"]["name"]}
    assert gone
    assert not gone & {one.name for one in after.pods}
    assert lost["metadata"]["name"] not in {one.node for one in after.pods}
    assert len(after.pods) == len(before)
    stayed = {name: node for name, node in before.items() if node != lost["metadata"]["name"]}
    assert stayed.items() <= where(after).items()


def where(state: State) -> dict[str, str]:
    return {one.name: one.node for one in state.pods}


@pytest.mark.parametrize("roles", [[PREFILL], [DECODE], [DECODE, PREFILL]])
def test_a_ready_pair_stays_through_every_roll_out(roles: list[str], lay: Lay) -> None:
    came = roll_out(lay().cluster, roles)
    assert came.complete
    assert came.together == len(roles)
    assert came.least_ready == {one: {DECODE: 1, PREFILL: 7}[one] for one in roles}


def test_a_role_of_one_pod_is_gone_for_a_moment_when_it_rolls_out(lay: Lay) -> None:
    field = lay(serving__decode={"replicas": 1, "tensor_parallel": 8})
    came = roll_out(field.cluster, [DECODE, PREFILL])
    assert came.complete
    assert (came.least_ready[DECODE], came.together) == (0, 1)


def surging(objects: list[Object]) -> None:
    deployment(objects, "decode")["spec"]["strategy"]["rollingUpdate"] = {
        "maxSurge": 1,
        "maxUnavailable": 0,
    }


def test_a_roll_out_that_starts_a_new_pod_first_never_ends_on_full_nodes(lay: Lay) -> None:
    field = lay(surging)
    came = roll_out(field.cluster, [DECODE])
    assert not came.complete
    assert came.least_ready == {DECODE: 2}


def test_the_autoscalers_patch_moves_only_the_pods_it_is_about(lay: Lay) -> None:
    field = lay(**WIDE)
    before = where(settle(field.cluster))
    for replicas in (0, 3, 6):
        field.scale(DECODE, replicas)
        assert field.waiting() == {}
        assert field.counted() == +Counter({DECODE: replicas, PREFILL: 16, ROUTER: 1})
    after = where(settle(field.cluster))
    prefill = {name: node for name, node in before.items() if name.startswith("prefill")}
    assert prefill.items() <= after.items()


def test_scaling_beyond_the_nodes_leaves_exactly_the_rest_pending(lay: Lay) -> None:
    field = lay()
    field.scale(DECODE, 5)
    assert field.waiting() == {DECODE: 3}
    field.scale(DECODE, 2)
    assert field.waiting() == {}


def test_a_budget_gives_one_nodes_pods_free_and_holds_the_next(lay: Lay) -> None:
    field = lay(**WIDE)
    api = field.cluster.api
    for one in field.nodes:
        api.patch(f"/api/v1/nodes/{one['metadata']['name']}", {"spec": {"unschedulable": True}})
    pods = api.items("/api/v1/namespaces/pilot-serving/pods")
    said = [evicted(api, one) for one in pods if one["metadata"]["name"].startswith("decode")]
    # A node of eight GPUs holds two pods of four.
    assert said == [201, 201, 429, 429, 429, 429]


def evicted(api: Api, pod: Object) -> int:
    metadata = pod["metadata"]
    named = {key: metadata[key] for key in ("name", "namespace")}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    return api.create(body, path).status


def test_the_end_of_a_capacity_block_empties_a_group_of_one_node(lay: Lay) -> None:
    field = lay()
    came = drain(field.cluster, ["decode-1"])
    assert (came.evicted, came.blocked) == (2, {})
    assert Counter(one.workload for one in came.after.pending) == {DECODE: 2}
    assert field.counted() == {DECODE: 2, PREFILL: 8, ROUTER: 1}


def test_the_end_of_a_block_of_many_nodes_is_held_by_the_budget_after_the_first(lay: Lay) -> None:
    field = lay(**WIDE)
    came = drain(field.cluster, ["decode-1", "decode-2", "decode-3"])
    assert came.evicted == 2
    assert set(came.blocked) == {DECODE}
    assert "disruption budget" in came.blocked[DECODE]
    field.scale(DECODE, 0)
    assert field.counted() == {PREFILL: 16, ROUTER: 1}
    assert drain(field.cluster, ["decode-1", "decode-2", "decode-3"]).evicted == 0
    field.scale(DECODE, 6)
    assert field.counted() == {DECODE: 6, PREFILL: 16, ROUTER: 1}


def test_a_drain_asks_again_for_what_the_budget_gives_free_one_by_one(lay: Lay) -> None:
    field = lay(**SPARE)
    budget = field.named("PodDisruptionBudget", "prefill")
    path = f"{field.cluster.api.path(budget)}/prefill"
    field.cluster.api.must(field.cluster.api.patch(path, {"spec": {"maxUnavailable": 1}}))
    node = next(one.node for one in settle(field.cluster).pods if one.workload == PREFILL)
    there = sum(one.node == node for one in settle(field.cluster).pods)
    assert there > 1
    came = drain(field.cluster, [node])
    assert (came.evicted, came.blocked, came.after.pending) == (there, {}, ())


def test_a_drain_of_pods_that_come_back_ends_and_says_so(lay: Lay) -> None:
    field = lay()
    api = field.cluster.api
    homing = stranger(None)
    pod = homing["spec"]["template"]["spec"]
    pod["nodeSelector"] = {"kubernetes.io/hostname": "system-1"}
    del pod["containers"][0]["resources"]["limits"]
    api.must(api.create(homing))
    assert field.waiting() == {}
    came = drain(field.cluster, ["system-1"])
    assert "come back" in came.blocked["default/stranger"]
    assert field.waiting() == {}


def stranger(priority: str | None) -> Object:
    """Return what takes every GPU of a node beside the deployment."""
    labels = {"app": "stranger"}
    pod: Object = {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "resources": {"limits": {"nvidia.com/gpu": "8"}, "requests": {"cpu": "1"}},
            }
        ],
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"disagg/role": "decode"},
    }
    if priority:
        pod["priorityClassName"] = priority
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "stranger", "namespace": "default"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@pytest.mark.parametrize(
    ("priority", "evicts"), [(None, True), ("pilot-prefill", True), ("pilot-decode", False)]
)
def test_decode_takes_its_gpus_back_from_whatever_ranks_below_it(
    priority: str | None,
    evicts: bool,
    cluster: Cluster,
    prepared: Callable[..., tuple[list[Object], list[Object]]],
) -> None:
    objects, nodes = prepared()
    apply_nodes(cluster.api, nodes)
    for one in [one for one in objects if one["kind"] in ("Namespace", "PriorityClass")]:
        assert cluster.api.apply(one).accepted
    cluster.api.must(cluster.api.create(stranger(priority)))
    assert settle(cluster).pending == ()
    for one in objects:
        assert cluster.api.apply(one).accepted
    waiting = {one.workload for one in settle(cluster).pending}
    assert waiting == ({"default/stranger"} if evicts else {DECODE})


def level(objects: list[Object]) -> None:
    for one in objects:
        if one["kind"] == "PriorityClass":
            one["value"] = 1000


@pytest.mark.parametrize("ranked", [True, False])
def test_without_ranks_small_pods_that_came_first_keep_a_large_one_out(
    ranked: bool,
    cluster: Cluster,
    prepared: Callable[..., tuple[list[Object], list[Object]]],
) -> None:
    objects, nodes = prepared(**SHARED)
    if not ranked:
        objects = copy.deepcopy(objects)
        level(objects)
    apply_nodes(cluster.api, nodes)
    decode = deployment(objects, "decode")
    for one in objects:
        if one is not decode:
            assert cluster.api.apply(one).accepted
    assert settle(cluster).pending == ()
    assert cluster.api.apply(decode).accepted
    waiting = Counter(one.workload for one in settle(cluster).pending)
    assert waiting == ({} if ranked else {DECODE: 1})


def test_deleting_the_namespaces_leaves_nothing(lay: Lay) -> None:
    field = lay()
    api = field.cluster.api
    spaces = ["pilot-serving", "pilot-router"]
    assert left_in(api, spaces)
    for one in spaces:
        api.must(api.delete(f"/api/v1/namespaces/{one}"))
    wait("the namespaces are gone", lambda: not alive(api, spaces), seconds=120)
    assert left_in(api, spaces) == []
    on_nodes = [one["spec"].get("nodeName") for one in api.items("/api/v1/pods")]
    assert on_nodes == []


def alive(api: Api, spaces: list[str]) -> bool:
    return any(one["metadata"]["name"] in spaces for one in api.items("/api/v1/namespaces"))


def left_in(api: Api, spaces: list[str]) -> list[str]:
    """Return every object of every kind in namespaces."""
    groups = [one["preferredVersion"]["groupVersion"] for one in api.get("/apis")["groups"]]
    return [
        f"{kind['kind']} {one['metadata']['name']}"
        for base in ("/api/v1", *(f"/apis/{one}" for one in groups))
        for kind in api.get(base)["resources"]
        if kind["namespaced"] and "list" in kind["verbs"] and "/" not in kind["name"]
        for one in api.items(f"{base}/{kind['name']}")
        if one["metadata"]["namespace"] in spaces
    ]


FAST = {
    "kube-apiserver": (
        "--default-unreachable-toleration-seconds=3",
        "--default-not-ready-toleration-seconds=3",
    ),
    "kube-controller-manager": ("--node-monitor-grace-period=8s", "--node-monitor-period=1s"),
    "kwok": (
        "--node-lease-duration-seconds=6",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=kubelet=first",
    ),
}


@contextmanager
def second_kubelets(plane: ControlPlane, program: Path) -> Iterator[int]:
    """Play the kubelets of nodes labelled `kubelet=second`, in a process that can be silenced."""
    flags = [
        f"--kubeconfig={plane.directory / 'kwok.kubeconfig'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=kubelet=second",
        "--node-lease-duration-seconds=6",
        "--cidr=10.128.0.0/9",
        f"--config={os.devnull}",
    ]
    with (plane.directory / "second.log").open("w") as log:
        process = subprocess.Popen([program, *flags], stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def test_a_node_that_falls_silent_is_emptied_and_its_pods_wait_until_it_speaks_again(
    programs: Mapping[str, Path],
    tmp_path: Path,
    prepared: Callable[..., tuple[list[Object], list[Object]]],
) -> None:
    objects, nodes = prepared()
    for one in nodes:
        silent = one["metadata"]["name"] == "decode-1"
        one["metadata"]["labels"]["kubelet"] = "second" if silent else "first"
    directory = tmp_path / "plane"
    directory.mkdir()
    with (
        ControlPlane(directory=directory, programs=programs, flags=FAST) as plane,
        second_kubelets(plane, programs["kwok"]) as pid,
    ):
        cluster = plane.cluster()
        laid(cluster, objects, nodes)
        before = where(settle(cluster))
        os.kill(pid, signal.SIGSTOP)
        wait("the node is given up", lambda: tainted(cluster.api, "decode-1"), seconds=60)
        wait("its pods are given up", lambda: leaving(cluster.api) == 2, seconds=60)
        wait("others take over", lambda: len(fresh(cluster.api, before)) == 2, seconds=60)
        assert all(name.startswith("decode") for name in fresh(cluster.api, before))
        os.kill(pid, signal.SIGCONT)
        wait("the node is back", lambda: not tainted(cluster.api, "decode-1"), seconds=60)
        state = settle(cluster)
        assert state.pending == ()
        kept = {name: node for name, node in before.items() if not name.startswith("decode")}
        assert kept.items() <= where(state).items()
        assert len(state.pods) == len(before)
        cluster.close()


def tainted(api: Api, node: str) -> bool:
    taints = api.get(f"/api/v1/nodes/{node}")["spec"].get("taints") or []
    return any(
        (one["key"], one["effect"]) == ("node.kubernetes.io/unreachable", "NoExecute")
        for one in taints
    )


def leaving(api: Api) -> int:
    return sum("deletionTimestamp" in one["metadata"] for one in api.items("/api/v1/pods"))


def fresh(api: Api, before: Mapping[str, str]) -> list[str]:
    """Return new pods; while the node is silent they have no place."""
    return [
        one["metadata"]["name"]
        for one in api.items("/api/v1/pods")
        if one["metadata"]["name"] not in before and "nodeName" not in one["spec"]
    ]
