"""Every rule about network policies, broken in one place."""

from typing import Any

import pytest
from manifest_edits import Files, Mutation, Violation, annotate, each, found_after, one

from disagg.checks.manifests import connection_rules
from disagg.checks.rule import rules_of


def policy(files: Files) -> dict[str, Any]:
    spec: dict[str, Any] = one(files, "NetworkPolicy", "model-servers")["spec"]
    return spec


def everybody(files: Files) -> None:
    policy(files)["ingress"][0]["from"] = [{"ipBlock": {"cidr": "10.42.0.0/16"}}]


def router_everywhere(files: Files) -> None:
    policy(files)["ingress"][0].pop("ports")


def no_handshake(files: Files) -> None:
    policy(files)["ingress"].pop()


def no_router(files: Files) -> None:
    policy(files)["ingress"][0]["from"].pop(0)


def open_namespace(files: Files) -> None:
    found = files["20-network-policies.yaml"]
    found[:] = [o for o in found if o["metadata"]["name"] != "deny-by-default"]


def router(files: Files) -> dict[str, Any]:
    (entry,) = one(files, "NetworkPolicy", "router")["spec"]["ingress"]
    found: dict[str, Any] = entry
    return found


def no_port(number: int) -> Mutation:
    def mutate(files: Files) -> None:
        entry = router(files)
        entry["ports"] = [p for p in entry["ports"] if p["port"] != number]

    return mutate


def from_block(**block: Any) -> Mutation:
    return lambda files: router(files).update({"from": [{"ipBlock": block}]})


def over_udp(files: Files) -> None:
    for port in router(files)["ports"]:
        port["protocol"] = "UDP"


VIOLATIONS: list[Violation] = [
    ("DISAGG-CON-001", "nothing denied", open_namespace),
    ("DISAGG-CON-002", "no handshake", no_handshake),
    ("DISAGG-CON-002", "no router", no_router),
    ("DISAGG-CON-003", "the whole VPC", everybody),
    ("DISAGG-CON-003", "the router on the side channel", router_everywhere),
    ("DISAGG-CON-004", "no health check", no_port(19001)),
    ("DISAGG-CON-004", "no requests", no_port(8081)),
    ("DISAGG-CON-004", "another protocol", over_udp),
    ("DISAGG-CON-004", "half of the VPC", from_block(cidr="10.42.0.0/17")),
    (
        "DISAGG-CON-004",
        "without one subnet",
        from_block(**{"cidr": "10.42.0.0/16", "except": ["10.42.3.0/24"]}),
    ),
    (
        "DISAGG-CON-004",
        "pods only",
        lambda f: router(f).update({"from": [{"namespaceSelector": {}}]}),
    ),
    ("DISAGG-CON-004", "a check of another port", annotate("healthcheck-port", "19003")),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


@pytest.mark.parametrize(
    "mutate",
    [
        from_block(cidr="10.0.0.0/8"),
        from_block(**{"cidr": "10.0.0.0/8", "except": ["10.43.0.0/16"]}),
        lambda files: router(files).pop("from"),
        lambda files: router(files).pop("ports"),
    ],
    ids=["a wider block", "an exception elsewhere", "from everybody", "every port"],
)
def test_other_ways_to_let_the_load_balancer_through_are_fine(mutate: Mutation) -> None:
    assert "DISAGG-CON-004" not in found_after(mutate)


def test_every_rule_has_a_violation() -> None:
    # Why one apart: it is about a router that the pilot does not have (test_precise_rules.py).
    codes = {r.code for r in rules_of(connection_rules)} - {"DISAGG-CON-005"}
    assert codes == {code for code, _, _ in VIOLATIONS}
