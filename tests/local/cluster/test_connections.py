"""Network policies are evaluated as the API describes them, on examples worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from disagg.local.cluster.connections import (
    Connection,
    Endpoint,
    connections,
    idle,
    matches,
    outside_ranges,
    unguarded,
)


def pods(*names: str, namespace: str = "a", port: int = 80) -> list[Endpoint]:
    return [
        Endpoint(
            name=name,
            namespace=namespace,
            labels={"app": name},
            namespace_labels={"team": namespace},
            ports=(("http", port), ("admin", 9000)),
        )
        for name in names
    ]


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "a"}, "spec": {"podSelector": {}, **spec}}


def reached(*policies: dict[str, Any], sources: list[Endpoint], port: int = 80) -> set[str]:
    """Return who may connect to the pod `web` of namespace `a` on a port."""
    (web,) = pods("web")
    inside = [one for one in sources if not one.address]
    outside = [one for one in sources if one.address]
    found = connections(policies, [web, *inside], outside)
    return {
        one.source
        for one in found
        if (one.destination, one.port) == ("web", port) and one.source != "web"
    }


NEAR = pods("near")
FAR = pods("far", namespace="b")
OUT = [
    Endpoint(name="out", labels={}, namespace_labels={}, address="10.1.2.3"),
    Endpoint(name="bad", labels={}, namespace_labels={}, address="10.1.9.9"),
]
ALL = [*NEAR, *FAR, *OUT]
EVERYBODY = {"near", "far", "out", "bad"}
FROM_NEAR = {"podSelector": {"matchLabels": {"app": "near"}}}
FROM_B = {"namespaceSelector": {"matchLabels": {"team": "b"}}}
BLOCK = {"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.9.0/24"]}}
CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "no policy lets everybody in": ([], EVERYBODY),
    "a policy for others lets everybody in": (
        [policy(podSelector={"matchLabels": {"app": "other"}})],
        EVERYBODY,
    ),
    "a policy without rules lets nobody in": ([policy()], set()),
    "a rule without peers lets everybody in": ([policy(ingress=[{}])], EVERYBODY),
    "pods of the own namespace": ([policy(ingress=[{"from": [FROM_NEAR]}])], {"near"}),
    "a selector of the own namespace misses others": (
        [policy(ingress=[{"from": [{"podSelector": {}}]}])],
        {"near"},
    ),
    "a whole namespace": ([policy(ingress=[{"from": [FROM_B]}])], {"far"}),
    "pods of another namespace, both must match": (
        [policy(ingress=[{"from": [{**FROM_B, **FROM_NEAR}]}])],
        set(),
    ),
    "two peers, either is enough": (
        [policy(ingress=[{"from": [FROM_B, FROM_NEAR]}])],
        {"near", "far"},
    ),
    "a range without its exception": ([policy(ingress=[{"from": [BLOCK]}])], {"out"}),
    "the union of two policies": (
        [policy(ingress=[{"from": [FROM_B]}]), policy(ingress=[{"from": [FROM_NEAR]}])],
        {"near", "far"},
    ),
    "a port by number": ([policy(ingress=[{"ports": [{"port": 80}]}])], EVERYBODY),
    "another port": ([policy(ingress=[{"ports": [{"port": 81}]}])], set()),
    "a port by name": ([policy(ingress=[{"ports": [{"port": "http"}]}])], EVERYBODY),
    "another name": ([policy(ingress=[{"ports": [{"port": "admin"}]}])], set()),
    "a span of ports": ([policy(ingress=[{"ports": [{"port": 70, "endPort": 90}]}])], EVERYBODY),
    "another protocol": ([policy(ingress=[{"ports": [{"port": 80, "protocol": "UDP"}]}])], set()),
    "a policy about outgoing traffic alone": (
        [policy(policyTypes=["Egress"])],
        {"far", "out", "bad"},
    ),
    "outgoing traffic to the own namespace": (
        [policy(policyTypes=["Egress"], egress=[{"to": [{"podSelector": {}}]}])],
        EVERYBODY,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_who_reaches_a_pod(case: str) -> None:
    policies, expected = CASES[case]
    assert reached(*policies, sources=ALL) == expected


@pytest.mark.parametrize(
    ("expression", "labels", "expected"),
    [
        ({"operator": "In", "values": ["x", "y"]}, {"k": "y"}, True),
        ({"operator": "In", "values": ["x"]}, {}, False),
        ({"operator": "NotIn", "values": ["x"]}, {}, True),
        ({"operator": "NotIn", "values": ["x"]}, {"k": "x"}, False),
        ({"operator": "Exists"}, {"k": ""}, True),
        ({"operator": "Exists"}, {}, False),
        ({"operator": "DoesNotExist"}, {"k": "x"}, False),
    ],
)
def test_selectors_match_by_expressions(
    expression: dict[str, Any], labels: dict[str, str], *, expected: bool
) -> None:
    assert matches({"matchExpressions": [{"key": "k", **expression}]}, labels) is expected


def test_pods_that_no_policy_selects_and_policies_that_select_no_pod_are_named() -> None:
    web, other = pods("web", "other")
    only_web = policy(podSelector={"matchLabels": {"app": "web"}})
    nobody = policy(podSelector={"matchLabels": {"app": "nobody"}})
    assert unguarded([only_web], [web, other]) == ["other"]
    assert unguarded([policy(policyTypes=["Egress"])], [web]) == ["web"]
    assert idle([only_web, nobody], [web, other]) == ["a/p"]
    assert idle([only_web], [web]) == []


def test_ranges_of_policies_are_tried_and_one_that_none_names() -> None:
    names = {one.name: one.address for one in outside_ranges([policy(ingress=[{"from": [BLOCK]}])])}
    assert names == {"anywhere else": "203.0.113.7", "10.1.0.0/16": "10.1.0.1"}


@pytest.mark.parametrize(
    ("block", "address"),
    [
        ({"cidr": "10.1.2.3/32"}, "10.1.2.3"),
        ({"cidr": "10.1.2.3/16"}, "10.1.0.1"),
        ({"cidr": "10.1.0.0/16", "except": ["10.1.0.0/24"]}, "10.1.1.1"),
        ({"cidr": "10.1.0.0/16", "except": ["10.1.0.0/16"]}, None),
    ],
)
def test_a_range_is_tried_by_an_address_that_it_takes(block: Any, address: str | None) -> None:
    found = outside_ranges([policy(ingress=[{"from": [{"ipBlock": block}]}])])
    assert {one.name: one.address for one in found}.get(block["cidr"]) == address


def test_a_range_of_the_network_takes_its_pods_too() -> None:
    (web,) = pods("web")
    ranged = [policy(ingress=[{"from": [BLOCK], "ports": [{"port": 9000}]}])]
    inside = [replace(one, address="10.1.0.9") for one in (web, *NEAR)]
    assert {one.source for one in connections(ranged, inside)} == {"web", "near"}
    beyond = [replace(one, address="10.9.0.9") for one in (web, *NEAR)]
    assert connections(ranged, beyond) == []


def test_connections_are_sorted_and_name_the_port() -> None:
    web, near = *pods("web"), *NEAR
    found = connections([policy(ingress=[{"ports": [{"port": 9000}]}])], [web, near])
    assert found == [
        Connection(source=source, destination=target, port=9000, port_name="admin")
        for source in ("near", "web")
        for target in ("near", "web")
    ]
