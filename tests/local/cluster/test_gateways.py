"""Gateways before a real API server with their projects' definitions, and their pods' stand-ins."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from shipped import checked

import disagg_k8s
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.definitions import missing
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.gateways import data_planes
from disagg.local.cluster.report import Report

Deploy = Callable[..., Any]
Files = dict[str, list[dict[str, Any]]]
EACH = pytest.mark.parametrize("kind", ["istio", "agentgateway"])
FILE = "80-gateway.yaml"


def rendered(kind: str) -> Files:
    gateway = {"kind": kind, "replicas": 3}
    return disagg_k8s.render(checked("pilot", serving__gateway=gateway).environment)


def one(files: Files, kind: str, name: str = "inference") -> dict[str, Any]:
    (found,) = [
        o
        for objects in files.values()
        for o in objects
        if (o["kind"], o["metadata"]["name"]) == (kind, name)
    ]
    return found


def stand_ins(files: Files) -> list[dict[str, Any]]:
    return list(data_planes([o for objects in files.values() for o in objects]))


@EACH
def test_a_stand_in_has_what_gateway_and_parameters_say(kind: str) -> None:
    # By hand: 3 pods of 1 CPU and 1 GiB on system nodes, listening on 8081 and saying on 15021
    # whether they are ready.
    (found,) = stand_ins(rendered(kind))
    assert found["metadata"]["namespace"] == "pilot-router"
    assert found["spec"]["replicas"] == 3
    template = found["spec"]["template"]
    assert template["metadata"]["labels"] == {"gateway.networking.k8s.io/gateway-name": "inference"}
    pod = template["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert {port["containerPort"] for port in container["ports"]} == {8081, 15021}
    assert pod["nodeSelector"] == {"disagg/role": "system"}
    assert pod["terminationGracePeriodSeconds"] == 330


def test_a_gateway_without_parameters_is_one_pod_and_one_of_an_unknown_class_is_none() -> None:
    files = rendered("istio")
    gateway = one(files, "Gateway")
    del gateway["spec"]["infrastructure"]
    (found,) = stand_ins(files)
    assert found["spec"]["replicas"] == 1
    gateway["spec"]["gatewayClassName"] = "of-somebody"
    assert stand_ins(files) == []


@pytest.fixture
def judged(cluster: Cluster, deployed: Deploy) -> Callable[[Files], Report]:
    if missing():
        pytest.skip("definitions of others are not fetched: make kube")
    stage = Stage(cluster, deployed().nodes)
    return lambda files: examine(stage, files, lambda _: None, {}, trials=False)


@pytest.mark.slow
@EACH
def test_the_server_takes_every_object_and_only_the_gateway_reaches_the_picker(
    kind: str, judged: Callable[[Files], Report]
) -> None:
    report = judged(rendered(kind))
    assert report.applied.refusals == ()
    assert report.applied.dropped == ()
    assert findings(report) == []
    pods = f"pilot-router/inference-{kind}"
    placed = {each.workload: each for each in report.placements}
    assert pods in placed
    asked = {
        (c.source, c.port) for c in report.connections if c.destination == "pilot-serving/router"
    }
    assert asked == {(pods, 9002)}
    reached = {(c.destination, c.port) for c in report.connections if c.source == pods}
    assert reached >= {("pilot-serving/prefill", 8000), ("pilot-serving/decode", 8000)}
    assert not any(port in {5600, 8200} for _, port in reached)
    outside = {c.port for c in report.connections if c.destination == pods and "/" in c.source}
    assert outside == {8081, 15021}


WRONG: dict[str, tuple[str, Callable[[Files], object], str]] = {
    "an unknown field of a route": (
        "istio",
        lambda f: one(f, "HTTPRoute")["spec"]["rules"][0].update(timeout="1h"),
        "timeout",
    ),
    "a failure mode that does not exist": (
        "istio",
        lambda f: one(f, "InferencePool")["spec"]["endpointPickerRef"].update(failureMode="Closed"),
        "failureMode",
    ),
    "a time-out that is no duration": (
        "istio",
        lambda f: one(f, "HTTPRoute")["spec"]["rules"][0]["timeouts"].update(request="forever"),
        "timeouts.request",
    ),
    "an early policy on a route": (
        "agentgateway",
        lambda f: one(f, "AgentgatewayPolicy", "routing-headers")["spec"]["targetRefs"][0].update(
            kind="HTTPRoute"
        ),
        "PreRouting",
    ),
    "an early policy that does what only a late one may": (
        "agentgateway",
        lambda f: one(f, "AgentgatewayPolicy", "routing-headers")["spec"]["traffic"].update(
            timeouts={"request": "10s"}
        ),
        "PreRouting",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_object_is_refused_in_the_servers_words(
    fault: str, judged: Callable[[Files], Report]
) -> None:
    kind, change, word = WRONG[fault]
    files = copy.deepcopy(rendered(kind))
    change(files)
    (refusal,) = judged(files).applied.refusals
    assert refusal.file == FILE
    assert word in refusal.message
