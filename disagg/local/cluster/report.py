"""What a rehearsal on a control plane found, as plain data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.catalog.resources import LABEL_INSTANCE_TYPE, LABEL_ZONE
from disagg.local.cluster.apply import Applied
from disagg.local.cluster.connections import Connection
from disagg.local.cluster.definitions import Installed
from disagg.local.cluster.nodes import group_of
from disagg.local.cluster.state import State
from disagg.local.cluster.words import explain


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFact:
    """One node that stood in for what was created."""

    name: str
    group: str
    instance_type: str
    zone: str
    taints: tuple[str, ...]
    allocatable: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where the pods of a workload are."""

    workload: str
    nodes: Mapping[str, int]
    """Pods on each node."""
    zones: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Pods of a workload without a place, all for the same reason."""

    workload: str
    pods: int
    of: int
    """How many pods the workload has."""
    why: str
    fix: str
    scheduler: str
    """The scheduler's own words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What the loss of one node does: it was deleted, and the scheduler placed again."""

    node: str
    group: str
    waiting: tuple[Waiting, ...]
    """Empty: every pod found another place."""
    settled: bool
    """False: pods were still moving when patience ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drain:
    """What the drain of one node came to, as an upgrade of its group does it."""

    node: str
    group: str
    evicted: int
    blocked: Mapping[str, str]
    """Why pods of a workload may not go, by workload; the upgrade then fails after 15 minutes."""
    waiting: tuple[Waiting, ...]
    """Pods that went and wait until the node has been replaced."""
    settled: bool
    """False: pods were still moving when patience ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """What the replacement of every pod of a workload does, as a new image does it."""

    workload: str
    complete: bool
    least_ready: int
    """Ready pods at the worst moment."""
    of: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """A resource quota and what of it is used."""

    name: str
    """`namespace/name`"""
    hard: Mapping[str, str]
    used: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything a rehearsal on a control plane found."""

    kubernetes: str
    """Version that judged."""
    nodes: tuple[NodeFact, ...]
    applied: Applied
    placements: tuple[Placement, ...]
    waiting: tuple[Waiting, ...]
    unmade: Mapping[str, str]
    """Why pods of a workload could not be made, by workload."""
    unplayed: tuple[str, ...]
    """Objects whose pods are made by a controller that does not run here: they were not placed."""
    settled: bool
    losses: tuple[Loss, ...]
    """One node of each group; empty when pods were missing with all nodes there."""
    drains: tuple[Drain, ...]
    """The same nodes."""
    rollouts: tuple[Rollout, ...]
    definitions: tuple[Installed, ...]
    """Definitions of others that were installed because manifests use their kinds."""
    connections: tuple[Connection, ...]
    """What network policies allow between the pods, and from addresses outside."""
    unguarded: tuple[str, ...]
    """Pods that no policy protects from incoming connections."""
    idle_policies: tuple[str, ...]
    """Policies that select nothing."""
    quotas: tuple[Quota, ...]
    files: Mapping[str, str]
    """File of each workload."""
    seconds: Mapping[str, float]
    """How long each part took [s]."""


def waiting(
    state: State, nodes: Sequence[Mapping[str, Any]], lost: Mapping[str, Any] | None = None
) -> tuple[Waiting, ...]:
    """Return the pods without a place, those of one workload and reason together."""
    total = Counter(one.workload for one in state.pods)
    groups = Counter((one.workload, one.message) for one in state.pending)
    specs = {one.workload: one.spec for one in state.pending}
    found = []
    for (workload, message), count in sorted(groups.items()):
        told = explain(message, specs[workload], nodes, count, lost=lost)
        found.append(
            Waiting(
                workload=workload,
                pods=count,
                of=total[workload],
                why=told.why,
                fix=told.fix,
                scheduler=message,
            )
        )
    return tuple(found)


def node_fact(node: Mapping[str, Any]) -> NodeFact:
    """Return what the report says of a node."""
    labels = node["metadata"]["labels"]
    return NodeFact(
        name=node["metadata"]["name"],
        group=group_of(node),
        instance_type=labels.get(LABEL_INSTANCE_TYPE, ""),
        zone=labels.get(LABEL_ZONE, ""),
        taints=tuple(
            f"{one['key']}={one.get('value', '')}:{one['effect']}"
            for one in node["spec"].get("taints") or []
        ),
        allocatable=node["status"]["allocatable"],
    )


def placements(state: State, nodes: Sequence[Mapping[str, Any]]) -> tuple[Placement, ...]:
    """Return where the pods of each workload are."""
    zones = {one["metadata"]["name"]: one["metadata"]["labels"].get(LABEL_ZONE) for one in nodes}
    placed: dict[str, Counter[str]] = {}
    for one in state.pods:
        if one.node:
            placed.setdefault(one.workload, Counter())[one.node] += 1
    return tuple(
        Placement(
            workload=workload,
            nodes=dict(sorted(counted.items())),
            zones=tuple(sorted({str(zones.get(node)) for node in counted})),
        )
        for workload, counted in sorted(placed.items())
    )


def quota_of(one: Mapping[str, Any]) -> Quota:
    """Return what the report says of a resource quota."""
    status = one.get("status") or {}
    return Quota(
        name=f"{one['metadata']['namespace']}/{one['metadata']['name']}",
        hard=status.get("hard", {}),
        used=status.get("used", {}),
    )
