"""Every rule about objects and pods, broken in one place."""

from typing import Any

import pytest
from manifest_edits import (
    Files,
    Mutation,
    Violation,
    argument,
    decode,
    decode_pod,
    deployment,
    each,
    found_after,
    node_label,
    one,
    picker,
    pod,
    prefill,
    prefill_pod,
    proxy,
    put,
    service,
    sidecar,
    switch_on,
)
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import (
    check_manifests,
    flag_rules,
    object_rules,
    placement_rules,
    pod_rules,
)
from disagg.checks.rule import rules_of


def budget(files: Files) -> dict[str, Any]:
    return one(files, "PodDisruptionBudget", "decode")


VIOLATIONS: list[Violation] = [
    (
        "DISAGG-OBJ-001",
        "a token",
        put("metadata.labels.x", "${Token[TOKEN.19]}", deployment("decode")),
    ),
    (
        "DISAGG-OBJ-001",
        "an arn",
        put("metadata.labels.x", "arn:aws:iam::aws:policy/X", deployment("decode")),
    ),
    (
        "DISAGG-OBJ-001",
        "an account",
        put("image", "123456789012.dkr.ecr.us-west-2.amazonaws.com/x:1", decode),
    ),
    ("DISAGG-OBJ-002", "an unknown kind", put("apiVersion", "apps/v1beta9", deployment("decode"))),
    (
        "DISAGG-OBJ-003",
        "no such namespace",
        put("metadata.namespace", "elsewhere", service("baseline")),
    ),
    ("DISAGG-OBJ-003", "no namespace", put("metadata.namespace", None, service("baseline"))),
    ("DISAGG-OBJ-004", "a name twice", put("metadata.name", "decode", deployment("prefill"))),
    (
        "DISAGG-OBJ-005",
        "a service without pods",
        put("spec.selector", {"app": "x"}, service("baseline")),
    ),
    (
        "DISAGG-OBJ-005",
        "a selector for both roles",
        put(
            "spec.selector.matchLabels",
            {"app.kubernetes.io/instance": "pilot"},
            deployment("decode"),
        ),
    ),
    ("DISAGG-OBJ-006", "a missing port", put("spec.ports.0.targetPort", "web", service("router"))),
    *(
        (
            "DISAGG-OBJ-007",
            f"{most} at a time of the two on a node",
            put("spec.maxUnavailable", most, budget),
        )
        for most in (1, 3, "50%")
    ),
    (
        "DISAGG-OBJ-007",
        "a budget that blocks",
        put(
            "spec",
            {
                "minAvailable": 2,
                "selector": {"matchLabels": {"app.kubernetes.io/component": "decode"}},
            },
            budget,
        ),
    ),
    ("DISAGG-OBJ-008", "a missing account", put("serviceAccountName", "nobody", decode_pod)),
    (
        "DISAGG-OBJ-008",
        "a missing ConfigMap",
        put("volumes.0.configMap.name", "x", lambda f: pod(f, "router")),
    ),
    ("DISAGG-OBJ-008", "a missing priority class", put("priorityClassName", "x", decode_pod)),
    (
        "DISAGG-OBJ-009",
        "no digest",
        put("spec.template.metadata.annotations", {}, deployment("router")),
    ),
    ("DISAGG-OBJ-010", "groupIdentity", put("spec.groupIdentity", "Hash", deployment("decode"))),
    (
        "DISAGG-OBJ-011",
        "a privileged router",
        lambda f: one(f, "Namespace", "pilot-router")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "privileged"}
        ),
    ),
    ("DISAGG-POD-001", "latest", put("image", "envoyproxy/envoy:latest", proxy)),
    ("DISAGG-POD-001", "no tag", put("image", "registry:5000/envoyproxy/envoy", proxy)),
    (
        "DISAGG-POD-002",
        "a removed image",
        put("image", "ghcr.io/llm-d/llm-d-inference-scheduler:v0.6.0", picker),
    ),
    ("DISAGG-POD-003", "a cpu limit", put("resources.limits.cpu", "4", decode)),
    (
        "DISAGG-POD-003",
        "less memory asked than limited",
        put("resources.requests.memory", "1Gi", decode),
    ),
    ("DISAGG-POD-003", "nothing asked", put("resources", None, sidecar)),
    (
        "DISAGG-POD-004",
        "more GPUs limited",
        put("resources.limits", {"nvidia.com/gpu": "8", "memory": "272Gi"}, decode),
    ),
    (
        "DISAGG-POD-005",
        "shm above memory",
        put("volumes.0.emptyDir.sizeLimit", "272Gi", decode_pod),
    ),
    ("DISAGG-POD-005", "shm without a size", put("volumes.0.emptyDir.sizeLimit", None, decode_pod)),
    ("DISAGG-POD-006", "no readiness", put("readinessProbe", None, prefill)),
    ("DISAGG-POD-006", "no startup of the sidecar", put("startupProbe", None, sidecar)),
    ("DISAGG-POD-007", "a neighbour's port", put("readinessProbe.httpGet.port", "grpc", proxy)),
    ("DISAGG-POD-008", "no priority", put("priorityClassName", None, prefill_pod)),
    (
        "DISAGG-POD-009",
        "the host's devices",
        lambda f: pod(f, "decode")["volumes"].append(
            {"name": "ib", "hostPath": {"path": "/dev/infiniband"}}
        ),
    ),
    ("DISAGG-POD-009", "the host's network", switch_on("hostNetwork", decode_pod)),
    ("DISAGG-POD-010", "privileged", put("securityContext", {"privileged": True}, decode)),
    ("DISAGG-POD-010", "SYS_ADMIN", put("securityContext.capabilities.add", ["SYS_ADMIN"], decode)),
    ("DISAGG-POD-010", "IPC_LOCK without root", switch_on("securityContext.runAsNonRoot", decode)),
    ("DISAGG-POD-011", "a token for all", switch_on("automountServiceAccountToken", decode_pod)),
    (
        "DISAGG-POD-011",
        "a token for the proxy",
        lambda f: proxy(f)["volumeMounts"].append({"name": "api-access", "mountPath": "/t"}),
    ),
    (
        "DISAGG-POD-012",
        "a short grace period",
        put("terminationGracePeriodSeconds", 30, prefill_pod),
    ),
    ("DISAGG-POD-013", "no such group", node_label("disagg/role", "shared", decode_pod)),
    ("DISAGG-POD-013", "no environment", node_label("disagg/environment", None, decode_pod)),
    ("DISAGG-POD-013", "another's nodes", node_label("disagg/environment", "red", prefill_pod)),
    ("DISAGG-POD-013", "no toleration", put("tolerations", [], decode_pod)),
    ("DISAGG-POD-013", "of another taint", put("tolerations.0.key", "amd.com/gpu", decode_pod)),
    ("DISAGG-POD-013", "of another value", put("tolerations.0.value", "true", decode_pod)),
    ("DISAGG-POD-013", "of no value", put("tolerations.0.value", None, decode_pod)),
    ("DISAGG-POD-013", "another operator", put("tolerations.0.operator", "Gt", prefill_pod)),
    ("DISAGG-POD-013", "another effect", put("tolerations.0.effect", "NoExecute", prefill_pod)),
    (
        "DISAGG-POD-013",
        "another type",
        node_label("node.kubernetes.io/instance-type", "p5en.48xlarge", decode_pod),
    ),
    ("DISAGG-POD-014", "too many pods", put("spec.replicas", 3, deployment("decode"))),
    ("DISAGG-POD-014", "too much memory", put("resources.requests.memory", "1Ti", decode)),
    ("DISAGG-POD-014", "a baseline on full nodes", put("spec.replicas", 1, deployment("baseline"))),
    ("DISAGG-POD-015", "an unknown vLLM flag", argument("--block-sise", "128", decode)),
    ("DISAGG-POD-015", "a removed sidecar flag", argument("--connector", "nixlv2", sidecar)),
    ("DISAGG-POD-015", "a deprecated sidecar flag", argument("--vllm-port", "8200", sidecar)),
    ("DISAGG-POD-015", "a refused EPP flag", argument("--lora-info-metric", "x", picker)),
    ("DISAGG-POD-015", "no value", argument("--max-model-len", "", decode)),
    (
        "DISAGG-POD-015",
        "a value for a switch",
        argument("--enable-auto-tool-choice", "true", decode),
    ),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "nvidia.com/gpu", "operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "nvidia.com/gpu", "value": "present"},
        {"operator": "Exists"},
    ],
)
def test_every_way_to_tolerate_the_taint_is_fine(toleration: dict[str, str]) -> None:
    assert found_after(put("tolerations", [toleration], decode_pod)) == set()


def test_an_environment_may_make_engines_privileged_and_nothing_beside_them() -> None:
    environment = checked("pilot", serving__pod_privilege="privileged").environment
    for get, found in ((sidecar, {"DISAGG-POD-010"}), (decode, set())):
        files = disagg_k8s.render(environment)
        get(files)["securityContext"] = {"privileged": True}
        assert {p.code for p in check_manifests(files, environment)} == found


def test_every_rule_has_a_violation() -> None:
    rules = rules_of(object_rules, pod_rules, placement_rules, flag_rules)
    assert {one.code for one in rules} == {code for code, _, _ in VIOLATIONS}
