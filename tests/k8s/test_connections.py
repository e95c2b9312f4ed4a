"""Network policies as rendered, against a table by hand and against the ports pods listen on."""

from typing import Any

import pytest
from shipped import checked

import disagg_k8s

Json = dict[str, Any]
Policies = dict[tuple[str, str], Json]

# Oracle: by hand. vLLM on prefill and the sidecar on decode serve 8000; NIXL agents meet on 5600;
# Envoy serves 8081 and says on 19001 whether it is ready.
OPEN = {
    ("pilot-serving", "deny-by-default"): set(),
    ("pilot-router", "deny-by-default"): set(),
    ("pilot-serving", "model-servers"): {8000, 5600},
    ("pilot-serving", "baseline"): {8000},
    ("pilot-router", "router"): {8081, 19001},
}
# Listened on and closed: vLLM behind its sidecar, the picker behind Envoy, the picker's metrics.
INSIDE_THE_POD = {
    ("pilot-serving", "model-servers"): {8200},
    ("pilot-router", "router"): {9002, 9003, 9090},
}
NIXL = 5600


@pytest.fixture(scope="module")
def objects() -> list[Json]:
    files = disagg_k8s.render(checked("pilot").environment)
    return [one for found in files.values() for one in found]


@pytest.fixture(scope="module")
def policies(objects: list[Json]) -> Policies:
    return {
        (o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"]
        for o in objects
        if o["kind"] == "NetworkPolicy"
    }


@pytest.fixture(scope="module")
def pods(objects: list[Json]) -> dict[str, Json]:
    """Return the pods by Deployment: namespace, labels and ports."""
    return {
        o["metadata"]["name"]: {
            "namespace": o["metadata"]["namespace"],
            "labels": o["spec"]["template"]["metadata"]["labels"],
            "ports": {
                port["containerPort"]
                for key in ("initContainers", "containers")
                for container in o["spec"]["template"]["spec"].get(key, [])
                for port in container.get("ports", [])
            },
        }
        for o in objects
        if o["kind"] == "Deployment"
    }


def matches(selector: Json, labels: Json) -> bool:
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


def selected(place: tuple[str, str], policy: Json, pods: dict[str, Json]) -> list[Json]:
    return [
        pod
        for pod in pods.values()
        if pod["namespace"] == place[0] and matches(policy["podSelector"], pod["labels"])
    ]


def reaches(source: Json, target: Json, port: int, policies: Policies) -> bool:
    """Return whether a policy lets one pod connect to another, as Kubernetes' documents say."""
    for place, policy in policies.items():
        if place[0] != target["namespace"] or not matches(policy["podSelector"], target["labels"]):
            continue
        for entry in policy["ingress"]:
            if port not in {p["port"] for p in entry["ports"]}:
                continue
            for peer in entry["from"]:
                named = peer.get("namespaceSelector", {}).get("matchLabels", {})
                place_of_peer = named.get("kubernetes.io/metadata.name", place[0])
                if "ipBlock" in peer or (
                    place_of_peer == source["namespace"]
                    and matches(peer["podSelector"], source["labels"])
                ):
                    return True
    return False


def test_every_policy_opens_the_ports_of_the_table_and_no_range(policies: Policies) -> None:
    found = {
        place: [port for entry in policy["ingress"] for port in entry["ports"]]
        for place, policy in policies.items()
    }
    assert {place: {port["port"] for port in ports} for place, ports in found.items()} == OPEN
    for ports in found.values():
        assert all(set(p) == {"protocol", "port"} and p["protocol"] == "TCP" for p in ports)


def test_every_policy_opens_what_its_pods_listen_on_but_for_what_stays_inside_the_pod(
    policies: Policies, pods: dict[str, Json]
) -> None:
    for place, ports in OPEN.items():
        if ports:
            listening: set[int] = set()
            for pod in selected(place, policies[place], pods):
                listening |= pod["ports"]
            assert listening - INSIDE_THE_POD.get(place, set()) == ports, place


def test_every_pod_is_closed_by_default(policies: Policies, pods: dict[str, Json]) -> None:
    for pod in pods.values():
        policy = policies[pod["namespace"], "deny-by-default"]
        assert policy == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}


def test_the_side_channel_is_open_between_the_roles_only(
    policies: Policies, pods: dict[str, Json]
) -> None:
    roles = {"prefill", "decode"}
    assert set(pods) == roles | {"baseline", "router"}
    for target in roles:
        sources = {name for name, pod in pods.items() if reaches(pod, pods[target], NIXL, policies)}
        assert sources == roles
    for target in set(pods) - roles:
        assert not any(reaches(pod, pods[target], NIXL, policies) for pod in pods.values())
    blocks = [
        entry
        for policy in policies.values()
        for entry in policy["ingress"]
        if NIXL in {p["port"] for p in entry["ports"]}
        and any("ipBlock" in p for p in entry["from"])
    ]
    assert blocks == []


def test_the_load_balancer_reaches_requests_and_readiness_from_the_whole_vpc(
    policies: Policies,
) -> None:
    (entry,) = policies["pilot-router", "router"]["ingress"]
    assert entry["from"] == [{"ipBlock": {"cidr": checked("pilot").environment.network.cidr}}]
    assert {p["port"] for p in entry["ports"]} == {8081, 19001}
