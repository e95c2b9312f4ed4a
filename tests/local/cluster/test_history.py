"""What is read from answers of the server by pure functions: moments of readiness, lost fields."""

from types import SimpleNamespace
from typing import Any

from disagg.local.cluster.apply import _dropped
from disagg.local.cluster.examine import _one_of_each_group
from disagg.local.cluster.life import _ready


def pod(name: str, *, ready: bool = True, leaving: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "a",
        "labels": {"pod-template-hash": "1"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "decode-1"}],
    }
    if leaving:
        metadata["deletionTimestamp"] = "2026-11-28T00:00:00Z"
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return {"metadata": metadata, "status": status}


def test_a_pod_that_leaves_serves_nobody_although_it_still_says_ready() -> None:
    assert _ready([pod("x"), pod("y", ready=False)]) == {"a/decode": 1}
    assert _ready([pod("x"), pod("y", leaving=True)]) == {"a/decode": 1}
    assert _ready([pod("x", leaving=True)]) == {}


def test_fields_and_items_that_the_server_forgot_are_named() -> None:
    sent = {"spec": {"list": [{"a": 1}, {"b": 2}], "kept": 1, "empty": [], "lost": "x"}}
    kept = {"spec": {"list": [{"a": 1}], "kept": 1}}
    assert list(_dropped(sent, kept)) == ["spec.list[1]", "spec.lost"]
    assert list(_dropped(sent, sent)) == []
    assert list(_dropped({"stringData": {"k": "v"}}, {"data": {}})) == []


def test_of_each_group_a_node_with_pods_of_the_manifests_is_tried() -> None:
    def node(name: str, group: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": {"eks.amazonaws.com/nodegroup": group}}}

    nodes = [node("p-1", "p"), node("p-2", "p"), node("d-1", "d"), node("d-2", "d")]
    pods = [
        SimpleNamespace(node="p-2", workload="a/prefill"),
        SimpleNamespace(node="d-1", workload="kube-system/aws-node"),
        SimpleNamespace(node="d-2", workload="a/decode"),
    ]
    state: Any = SimpleNamespace(pods=pods)
    chosen = {one["metadata"]["name"] for one in _one_of_each_group(state, nodes)}
    assert chosen == {"p-2", "d-2"}
