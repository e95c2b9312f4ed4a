"""How pods are replaced, what the gate may do, and how long the router waits, as rendered."""

from typing import Any

import pytest
import yaml
from shipped import checked

import disagg_k8s

Json = dict[str, Any]
NLB = "service.beta.kubernetes.io/aws-load-balancer-"
# Oracle: the gate locks memory as the server does, and needs nothing else; written by hand.
GATE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"], "add": ["IPC_LOCK"]},
    "runAsUser": 0,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def rendered(**edits: Any) -> dict[tuple[str, str], Json]:
    files = disagg_k8s.render(checked("pilot", **edits).environment)
    return {(o["kind"], o["metadata"]["name"]): o for found in files.values() for o in found}


def pod(found: dict[tuple[str, str], Json], name: str) -> Json:
    spec: Json = found["Deployment", name]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_a_pool_gives_up_one_pod_before_it_starts_another(role: str) -> None:
    # Oracle: every GPU of a node is taken, so a pod more has no place; by hand.
    assert rendered()["Deployment", role]["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }


@pytest.mark.parametrize("role", ["prefill", "decode"])
@pytest.mark.parametrize(
    ("privilege", "server"), [("ipc_lock", GATE), ("privileged", {"privileged": True})]
)
def test_the_gate_is_unprivileged_whatever_the_server_is(
    role: str, privilege: str, server: Json
) -> None:
    spec = pod(rendered(serving__pod_privilege=privilege), role)
    gate = spec["initContainers"][0]
    assert (gate["name"], gate["securityContext"]) == ("fabric-gate", GATE)
    assert spec["containers"][0]["securityContext"] == server


@pytest.mark.parametrize("name", ["prefill", "decode", "baseline"])
def test_gpu_pods_tolerate_the_taint_of_gpu_nodes(name: str) -> None:
    # Oracle: NVIDIA's and AWS's own manifests tolerate nvidia.com/gpu; `present` is what eksctl and
    # our node groups write.
    assert pod(rendered(), name)["tolerations"] == [
        {
            "key": "nvidia.com/gpu",
            "operator": "Equal",
            "value": "present",
            "effect": "NoSchedule",
        }
    ]


def test_the_proxy_closes_silent_connections_before_the_load_balancer_forgets_them() -> None:
    found = rendered()
    envoy = yaml.safe_load(found["ConfigMap", "router"]["data"]["envoy.yaml"])
    listener = envoy["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    annotations = found["Service", "router"]["metadata"]["annotations"]
    attribute = annotations[f"{NLB}listener-attributes.TCP-80"]
    name, _, forgets = attribute.partition("=")
    assert name == "tcp.idle_timeout.seconds"
    # Oracle: an NLB takes 60 to 6000 s (ELB documentation).
    assert 60 <= int(forgets) <= 6000
    for text in (
        manager["common_http_protocol_options"]["idle_timeout"],
        manager["stream_idle_timeout"],
    ):
        assert 0 < int(text.removesuffix("s")) < int(forgets)


def test_every_wait_of_the_routers_end_is_inside_its_grace_period() -> None:
    # Oracle: both containers wait 30 s, the picker then drains 5 s, and 25 s are spare; by hand.
    found = rendered()
    spec = pod(found, "router")
    waits = [c["lifecycle"]["preStop"]["sleep"]["seconds"] for c in spec["containers"]]
    assert waits == [30, 30]
    assert "--drain-timeout=5s" in spec["containers"][0]["args"]
    assert spec["terminationGracePeriodSeconds"] == 60
    annotations = found["Service", "router"]["metadata"]["annotations"]
    assert annotations[f"{NLB}target-group-attributes"] == "deregistration_delay.timeout_seconds=30"
