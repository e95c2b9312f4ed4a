"""A real API server judges node classes and pools by Karpenter's own definitions."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from shipped import checked

from disagg.artifacts import Manifests, render
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.apply import apply_all
from disagg.local.cluster.definitions import install, missing

pytestmark = pytest.mark.slow

FILE = "15-gpu-nodes.yaml"
KINDS = ("EC2NodeClass.karpenter.k8s.aws", "NodePool.karpenter.sh")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def rendered() -> Manifests:
    bottle = {"capacity__decode__ami": "bottlerocket"}
    return {
        FILE: render(checked("pilot", capacity__provisioner="karpenter", **bottle).environment)[
            FILE
        ]
    }


@pytest.fixture
def api(cluster: Cluster) -> Api:
    if missing():
        pytest.skip("not every definition is fetched: make kube")
    install(cluster.api, KINDS)
    return cluster.api


def said(api: Api, rendered: Manifests, kind: str, change: Change) -> str:
    """Return why the server refuses a changed object of a kind."""
    found = copy.deepcopy(rendered)
    (one, *_) = [one for one in found[FILE] if one["kind"] == kind]
    change(one["spec"])
    (refusal,) = apply_all(api, found).refusals
    return refusal.message


def test_the_server_accepts_every_object_and_keeps_what_it_says(
    api: Api, rendered: Manifests
) -> None:
    applied = apply_all(api, rendered)
    assert (applied.accepted, applied.refusals, applied.dropped) == (4, (), ())
    kept = api.get("/apis/karpenter.sh/v1/nodepools/pilot-decode")["spec"]
    (sent,) = [
        one["spec"]
        for one in rendered[FILE]
        if (one["kind"], one["metadata"]["name"]) == ("NodePool", "pilot-decode")
    ]
    assert kept["replicas"] == sent["replicas"]
    assert kept["template"] == sent["template"]
    assert kept["disruption"]["budgets"] == sent["disruption"]["budgets"]


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        (
            "EC2NodeClass",
            lambda s: s["networkInterfaces"][0].update(interfaceType="efa-only"),
            "must include a primary interface",
        ),
        (
            "EC2NodeClass",
            lambda s: s["networkInterfaces"][2].update(networkCardIndex=0, deviceIndex=2),
            "at most one efa device per network card",
        ),
        ("EC2NodeClass", lambda s: s.update(role="nodes"), "exactly one of"),
        ("NodePool", lambda s: s["limits"].update(cpu="1"), "only 'limits.nodes' is supported"),
        ("NodePool", lambda s: s.update(weight=1), "'weight' is not supported"),
    ],
    ids=["primary", "two on a card", "role", "limits", "weight"],
)
def test_the_server_refuses_what_karpenter_could_not_launch(
    api: Api, rendered: Manifests, kind: str, change: Change, words: str
) -> None:
    assert words in said(api, rendered, kind, change)


def test_a_static_pool_cannot_become_a_dynamic_one(api: Api, rendered: Manifests) -> None:
    apply_all(api, rendered)
    assert "Cannot transition NodePool" in said(
        api, rendered, "NodePool", lambda s: s.pop("replicas")
    )
