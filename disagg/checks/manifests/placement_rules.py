"""Rules about where GPU pods may run, and whether they all fit there."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from disagg.catalog.instances import INSTANCE_TYPES, ec2_name, node_type
from disagg.catalog.resources import (
    EFA,
    GPU_TAINT,
    HUGE_PAGES_2MI,
    LABEL_INSTANCE_TYPE,
    LABEL_NODE_ENVIRONMENT,
    LABEL_NODE_ROLE,
    NVIDIA_GPU,
)
from disagg.checks.manifests.objects import Json, Manifests, Workload
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.planner.layout import groups, node_resources


def _groups_of(workload: Workload) -> frozenset[str]:
    """Return the node groups a pod may run on, as its own node selection says."""
    chosen = workload.pod.get("nodeSelector", {}).get(LABEL_NODE_ROLE)
    if chosen:
        return frozenset({chosen})
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = workload.pod.get("affinity", {}).get("nodeAffinity", {}).get(key, {})
    found: set[str] = set()
    for term in terms.get("nodeSelectorTerms", []):
        for one in term.get("matchExpressions", []):
            if one["key"] == LABEL_NODE_ROLE and one["operator"] == "In":
                found |= set(one["values"])
    return frozenset(found)


def _tolerates_gpus(toleration: Json) -> bool:
    """Return whether a toleration matches the taint of GPU nodes, as the scheduler would say."""
    key, value = GPU_TAINT
    exists = toleration.get("operator") == "Exists"
    keys = {key, None, ""} if exists else {key}
    return (
        toleration.get("key") in keys
        and toleration.get("effect") in {None, "", "NoSchedule"}
        and (
            exists
            or (toleration.get("operator", "Equal") == "Equal" and toleration.get("value") == value)
        )
    )


def _types(environment: Environment) -> set[str]:
    """Return the instance types that GPU nodes are labelled with."""
    platform = environment.cluster.platform
    return {node_type(one.instance_type, platform) for one in groups(environment.capacity).values()}


@rule("DISAGG-POD-013")
def gpu_pods_are_bound_to_nodes_that_exist(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Every pod with GPUs is bound to node groups of the file and tolerates their taint.

    Without it the pod waits for ever, or lands on another type of node with other EFA cards:
    llm-d's overlay names p5en and leaves all pods pending on p6-b200. The environment
    keeps it off the nodes of another, with which EFA would be open.
    """
    named = groups(environment.capacity)
    types = _types(environment)
    for workload in manifests.workloads:
        if NVIDIA_GPU not in workload.requests:
            continue
        bound = _groups_of(workload)
        selector = workload.pod.get("nodeSelector", {})
        chosen, owner = selector.get(LABEL_INSTANCE_TYPE), selector.get(LABEL_NODE_ENVIRONMENT)
        tolerated = any(_tolerates_gpus(t) for t in workload.pod.get("tolerations", []))
        if (
            not bound
            or not bound <= set(named)
            or (chosen and chosen not in types)
            or not tolerated
            or owner != environment.name
        ):
            yield Finding(
                at=(*workload.at, "nodeSelector"),
                got=f"groups {sorted(bound)} of environment {owner}, type {chosen},"
                f" tolerates the taint: {tolerated}",
                need=f"groups of {sorted(named)} of environment {environment.name}, a type of"
                f" {sorted(types)}, a toleration of {'='.join(GPU_TAINT)}:NoSchedule",
                fix="bind the pod to the group of its role",
            )


_AMOUNTS = {
    NVIDIA_GPU: "gpus",
    EFA: "efa_devices",
    "cpu": "cpu_milli",
    "memory": "memory_mib",
    HUGE_PAGES_2MI: "huge_pages_mib",
}
_PER_UNIT = {
    "cpu": Decimal(1_000),
    "memory": Decimal(1) / 1024**2,
    HUGE_PAGES_2MI: Decimal(1) / 1024**2,
}


def pods_on_a_node(workload: Workload, environment: Environment) -> int:
    """Return how many pods of a workload one empty node of its type takes; 0: it has no GPUs."""
    named = workload.pod.get("nodeSelector", {}).get(LABEL_INSTANCE_TYPE, "")
    if named not in _types(environment) or NVIDIA_GPU not in workload.requests:
        return 0
    whole = node_resources(INSTANCE_TYPES[ec2_name(named)])
    return min(
        int(getattr(whole, field) // (amount * _PER_UNIT.get(name, Decimal(1))))
        for name, field in _AMOUNTS.items()
        if (amount := workload.requests.get(name, Decimal(0)))
    )


@rule("DISAGG-POD-014")
def pods_fit_their_node_groups(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """The GPUs, EFA devices, CPU, memory and huge pages of all pods of a group fit its nodes.

    Devices are whole and never shared. What is counted is what the scheduler counts: containers and
    sidecars together, or a larger init step.
    """
    named = groups(environment.capacity)
    sizes = range(1, len(named) + 1)
    for chosen in (frozenset(c) for size in sizes for c in combinations(named, size)):
        inside = [w for w in manifests.workloads if _groups_of(w) and _groups_of(w) <= chosen]
        for name, field in _AMOUNTS.items():
            scale = _PER_UNIT.get(name, Decimal(1))
            used = sum((w.requests.get(name, Decimal(0)) * w.replicas for w in inside), Decimal(0))
            have = sum(
                getattr(node_resources(INSTANCE_TYPES[named[g].instance_type]), field)
                * named[g].nodes
                for g in chosen
            )
            if used * scale > have:
                yield Finding(
                    at=("capacity", *sorted(chosen)),
                    got=f"{name}: pods ask for {used * scale:.0f}, the nodes give {have}",
                    need="no more than the nodes give",
                    fix="add nodes, or lower replicas or the pool's resources",
                )
