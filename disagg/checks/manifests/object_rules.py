"""Rules about objects as a whole: what they may contain, and that they fit together."""

import re
from collections import Counter
from collections.abc import Iterator

from disagg.catalog.definitions import MODULE_OF
from disagg.catalog.gateways import GATEWAY_NAME_LABEL
from disagg.checks.manifests.objects import Json, Manifests, Workload, selects, title, walk
from disagg.checks.manifests.placement_rules import pods_on_a_node
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.planner.images import registry
from disagg.planner.weights import store_of

BUILT_IN_KINDS = frozenset(
    {
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("resource.k8s.io/v1", "ResourceClaimTemplate"),
        ("scheduling.k8s.io/v1", "PriorityClass"),
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolume"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
    }
)
"""(apiVersion, kind) of what Kubernetes itself brings; each has a schema in kubernetes-validate."""
_CLUSTER_WIDE = frozenset(
    {"EC2NodeClass", "Namespace", "NodePool", "PersistentVolume", "PriorityClass"}
)


def is_custom(one: Json) -> bool:
    """Tell whether an object is of a custom kind whose definition the control plane has."""
    group = str(one.get("apiVersion")).partition("/")[0]
    return f"{one.get('kind')}.{group}" in MODULE_OF


_FOREIGN = {
    "a CloudFormation token": re.compile(r"\$\{Token\["),
    "an ARN": re.compile(r"\barn:"),
    "an account id": re.compile(r"(?<![0-9A-Za-z])\d{12}(?![0-9A-Za-z])"),
}


@rule("DISAGG-OBJ-001")
def no_account_in_manifests(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """No manifest holds a CloudFormation token, an ARN or an account id.

    Manifests render, diff and validate without an account; identity is bound on the AWS side by
    role, namespace and service account (design law 3). cdk8s prints an unresolved token as text,
    without an error. The name of a bucket and the certificate that the file gives may be what they
    are, and images in ECR have the account in their registry's host. Source: measured, aws-cdk-lib
    2.275 with cdk8s 2.70.
    """
    store = store_of(environment)
    given = (
        f"s3://{store.bucket}/" if store and store.bucket else "",
        environment.serving.gateway.certificate_arn or "",
        f"{registry(environment)}/" if registry(environment) else "",
    )
    for one in manifests.objects:
        for at, value in walk(one):
            for what, pattern in _FOREIGN.items():
                if isinstance(value, str) and pattern.search(_without(value, given)):
                    yield Finding(
                        at=(title(one), *at),
                        got=f"{what} in {value[:60]!r}",
                        need="text that is the same in every account",
                        fix="bind it on the AWS side, by role, namespace and service account",
                    )


def _without(text: str, parts: tuple[str, ...]) -> str:
    for part in filter(None, parts):
        text = text.replace(part, "")
    return text


@rule("DISAGG-OBJ-002")
def every_kind_has_a_schema(manifests: Manifests) -> Iterator[Finding]:
    """Every object is of a kind whose schema is known.

    A kind without a schema passes every validator unread. Custom kinds are judged by the API server
    of the rehearsal, with their own definitions. Source: kubernetes-validate only warns.
    """
    for one in manifests.objects:
        kind = (one.get("apiVersion"), one.get("kind"))
        if kind not in BUILT_IN_KINDS and not is_custom(one):
            yield Finding(
                at=(title(one), "apiVersion"),
                got=f"{kind[0]} {kind[1]}",
                need="a kind with a schema",
                fix="use a built-in kind, or pin its definition in catalog/definitions.py",
            )


@rule("DISAGG-OBJ-003")
def every_namespace_is_rendered(manifests: Manifests) -> Iterator[Finding]:
    """Every object stands in a namespace that is rendered too, or is cluster-wide.

    Without one it lands in whatever namespace the person who applies it has selected.
    """
    rendered = {one["metadata"]["name"] for one in manifests.kind("Namespace")}
    for one in manifests.objects:
        namespace = one["metadata"].get("namespace")
        if (one["kind"] in _CLUSTER_WIDE) != (namespace is None) or (
            namespace is not None and namespace not in rendered
        ):
            yield Finding(
                at=(title(one), "metadata", "namespace"),
                got=str(namespace),
                need=f"one of {', '.join(sorted(rendered))}, or none if cluster-wide",
                fix="name the namespace in the chart",
            )


@rule("DISAGG-OBJ-004")
def every_name_is_used_once(manifests: Manifests) -> Iterator[Finding]:
    """No two objects have the same kind, namespace and name.

    The second would replace the first on apply.
    """
    for name, count in Counter(title(one) for one in manifests.objects).items():
        if count > 1:
            yield Finding(
                at=(name,), got=f"{count} objects", need="one", fix="give each its own name"
            )


def _selected(manifests: Manifests, one: Json, match: dict[str, str]) -> list[Workload]:
    namespace = one["metadata"].get("namespace")
    return [w for w in manifests.workloads if w.namespace == namespace and selects(match, w.labels)]


@rule("DISAGG-OBJ-005")
def selectors_select_one_workload(manifests: Manifests) -> Iterator[Finding]:
    """Every Deployment, Service and PodDisruptionBudget selects the pods of exactly one Deployment.

    Two Deployments that select each other's pods fight over them; a Service or budget that selects
    nothing does nothing, without an error.
    """
    for one in manifests.kind("Deployment", "Service", "PodDisruptionBudget"):
        given = one["spec"].get("selector", {})
        match = given if one["kind"] == "Service" else given.get("matchLabels", {})
        found = [w.name for w in _selected(manifests, one, match)]
        own = one["kind"] != "Deployment" or found == [one["metadata"]["name"]]
        if _leads_to_a_gateway(manifests, one, match):
            continue
        if len(found) != 1 or not own:
            yield Finding(
                at=(title(one), "spec", "selector"),
                got=f"it selects the pods of {', '.join(found) or 'no Deployment'}",
                need="exactly one Deployment" if own else "its own pods only",
                fix="select by app.kubernetes.io/instance and app.kubernetes.io/component",
            )


def _leads_to_a_gateway(manifests: Manifests, one: Json, match: dict[str, str]) -> bool:
    """Return whether a Service selects the pods that a controller makes for a Gateway."""
    place = one["metadata"].get("namespace")
    return one["kind"] == "Service" and any(
        gateway["metadata"]["namespace"] == place
        and match == {GATEWAY_NAME_LABEL: gateway["metadata"]["name"]}
        for gateway in manifests.kind("Gateway")
    )


@rule("DISAGG-OBJ-006")
def service_ports_exist(manifests: Manifests) -> Iterator[Finding]:
    """Every port a Service sends to is a port of the pods it selects.

    A name that no container has leaves the Service without endpoints.
    """
    for one in manifests.kind("Service"):
        for index, port in enumerate(one["spec"].get("ports", [])):
            target = port.get("targetPort", port["port"])
            for workload in _selected(manifests, one, one["spec"].get("selector", {})):
                if not any(c.resolve(target) for c in workload.containers):
                    yield Finding(
                        at=(title(one), "spec", "ports", index, "targetPort"),
                        got=f"{target}, which no container of {workload.name} has",
                        need="a container port of the selected pods",
                        fix="name the port of the container",
                    )


@rule("DISAGG-OBJ-007")
def budgets_let_a_node_drain(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Every PodDisruptionBudget lets the pods of one node go together, and no more.

    There is no spare GPU node: what is evicted waits until its node is replaced. So a smaller
    budget blocks the drain of a full node for ever, which ends an EKS node group's upgrade, and a
    larger one lets two nodes go at once. Source: measured on a real API server 1.34.
    """
    for one in manifests.kind("PodDisruptionBudget"):
        spec = one["spec"]
        match = spec.get("selector", {}).get("matchLabels", {})
        for workload in _selected(manifests, one, match):
            most = pods_on_a_node(workload, environment)
            given = spec.get("maxUnavailable", f"minAvailable {spec.get('minAvailable')}")
            if most and given != most:
                yield Finding(
                    at=(title(one), "spec"),
                    got=f"maxUnavailable {given}",
                    need=f"{most}, the pods of {workload.name} that one node takes",
                    fix=f"set maxUnavailable to {most}",
                )


@rule("DISAGG-OBJ-008")
def everything_referenced_is_rendered(manifests: Manifests) -> Iterator[Finding]:
    """Every ConfigMap, service account and priority class that a pod names is rendered.

    The API server accepts a Deployment that names a missing one; its pods are then refused.
    """
    have = {title(one) for one in manifests.objects} | {"ConfigMap kube-root-ca.crt"}
    for workload in manifests.workloads:
        place = workload.namespace
        wanted = {
            f"ServiceAccount {place}/{workload.pod.get('serviceAccountName', 'default')}",
            f"PriorityClass {workload.pod.get('priorityClassName')}",
        }
        for volume in workload.pod.get("volumes", []):
            if "configMap" in volume:
                wanted.add(f"ConfigMap {place}/{volume['configMap']['name']}")
        for missing in sorted(wanted - have):
            yield Finding(
                at=workload.at,
                got=f"{missing} is named and not rendered",
                need="an object of that name",
                fix="render it, or correct the name",
            )


@rule("DISAGG-OBJ-009")
def a_changed_configuration_restarts_its_pods(manifests: Manifests) -> Iterator[Finding]:
    """Every pod that mounts a rendered ConfigMap carries a digest in an annotation.

    A changed ConfigMap alone restarts nothing, so old and new pods would differ unseen.
    """
    rendered = {title(one) for one in manifests.kind("ConfigMap")}
    for workload in manifests.workloads:
        mounted = {
            f"ConfigMap {workload.namespace}/{volume['configMap']['name']}"
            for volume in workload.pod.get("volumes", [])
            if "configMap" in volume
        }
        metadata = workload.data["spec"]["template"]["metadata"]
        values = metadata.get("annotations", {}).values()
        if mounted & rendered and not any(re.fullmatch(r"[0-9a-f]{64}", v) for v in values):
            yield Finding(
                at=(title(workload.data), "spec", "template", "metadata", "annotations"),
                got="no digest of the mounted configuration",
                need="an annotation that changes with it",
                fix="annotate the pod template with the SHA-256 of the ConfigMap's data",
            )


@rule("DISAGG-OBJ-010")
def no_unreleased_field(manifests: Manifests) -> Iterator[Finding]:
    """No object uses `groupIdentity`.

    llm-d's newer guide writes it, and no release of LeaderWorkerSet up to 0.10 knows it: the API
    server refuses the object. Source: kubernetes-sigs/lws#986 and #1062, read 2026-09-21.
    """
    for one in manifests.objects:
        for at, value in walk(one):
            if value == "groupIdentity":
                yield Finding(
                    at=(title(one), *at),
                    got="groupIdentity",
                    need="fields that a release knows",
                    fix="leave it out",
                )


@rule("DISAGG-OBJ-011")
def namespaces_name_their_security_level(manifests: Manifests) -> Iterator[Finding]:
    """Every namespace enforces a Pod Security level, and only the one with GPU pods is privileged.

    IPC_LOCK, which RDMA needs, is outside `baseline`; nothing else may hide behind it.
    """
    for one in manifests.kind("Namespace"):
        name = one["metadata"]["name"]
        level = one["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
        here = [w for w in manifests.workloads if w.namespace == name]
        gpus = any("nvidia.com/gpu" in w.requests for w in here)
        wanted = "privileged" if gpus else "restricted"
        if level != wanted:
            yield Finding(
                at=(title(one), "metadata", "labels", "pod-security.kubernetes.io/enforce"),
                got=str(level),
                need=wanted,
                fix="label the namespace",
            )
