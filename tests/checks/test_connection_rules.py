"""Every rule about network policies, broken in one place."""

from typing import Any

from manifest_edits import Files, Mutation, Violation, each, found_after, one

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


VIOLATIONS: list[Violation] = [
    ("DISAGG-CON-001", "nothing denied", open_namespace),
    ("DISAGG-CON-002", "no handshake", no_handshake),
    ("DISAGG-CON-002", "no router", no_router),
    ("DISAGG-CON-003", "the whole VPC", everybody),
    ("DISAGG-CON-003", "the router on the side channel", router_everywhere),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


def test_every_rule_has_a_violation() -> None:
    assert {r.code for r in rules_of(connection_rules)} == {code for code, _, _ in VIOLATIONS}
