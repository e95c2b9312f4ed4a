"""Does the layout fit the nodes: what is short, what is idle, what would use everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.config.capacity import Capacity
from disagg.config.form import LARGEST_COUNT
from disagg.config.serving import Serving
from disagg.planner.layout import (
    RESOURCE_NAMES,
    NodePlan,
    PodPlan,
    Resources,
    groups,
    node_resources,
    nodes,
    place,
    pod,
    pods,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortage:
    """Pods of one role that fit nowhere, and the resource they run out of."""

    role: str
    resource: str
    """A field of `Resources`."""
    one_pod: int
    """What one pod asks for."""
    replicas: int
    placed: int
    """How many of them fit."""
    one_node: int
    """What one empty node gives."""
    nodes: int
    """Nodes the role may use."""
    left: int
    """What all of them have left beside the pods of other roles."""
    groups: tuple[str, ...]
    nodes_needed: int | None
    """Smallest number of nodes of its first group that takes all; None when no number does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Idle:
    """GPUs of one node group that no pod uses."""

    group: str
    gpus: int
    usd_per_hour: float | None


def placement(serving: Serving, capacity: Capacity) -> tuple[tuple[NodePlan, ...], dict[str, int]]:
    """Return the nodes with the pods of the layout, and how many of each role have no place."""
    return place(pods(serving, capacity), nodes(capacity))


def shortages(serving: Serving, capacity: Capacity) -> tuple[Shortage, ...]:
    """Return one shortage for each role with pods that fit nowhere.

    The resource named is the one of which the role asks for most, measured by what its nodes give.
    """
    filled, homeless = placement(serving, capacity)
    return tuple(
        _shortage(role, serving, capacity, filled, count) for role, count in homeless.items()
    )


def _shortage(
    role: str, serving: Serving, capacity: Capacity, filled: tuple[NodePlan, ...], homeless: int
) -> Shortage:
    one = pod(role, serving, capacity)
    placed = sum(p.role == role for node in filled for p in node.pods)
    usable = [node for node in filled if node.group in one.groups]
    # Why: the other roles' pods are already there, so what is left for this role is what counts.
    left = [
        node.available - sum((p.requests for p in node.pods if p.role != role), Resources())
        for node in usable
    ]
    total = sum(left, Resources())
    wanted = one.requests.times(placed + homeless)
    resource = max(
        RESOURCE_NAMES, key=lambda name: getattr(wanted, name) / max(1, getattr(total, name))
    )
    return Shortage(
        role=role,
        resource=resource,
        one_pod=getattr(one.requests, resource),
        replicas=placed + homeless,
        placed=placed,
        one_node=max(getattr(node.available, resource) for node in usable),
        nodes=len(usable),
        left=getattr(total, resource),
        groups=one.groups,
        nodes_needed=_nodes_needed(one, serving, capacity),
    )


def _nodes_needed(one: PodPlan, serving: Serving, capacity: Capacity) -> int | None:
    """Return the smallest size of the role's first group with which all its pods fit, or None."""
    group = groups(capacity)[one.groups[0]]
    empty = node_resources(INSTANCE_TYPES[group.instance_type])
    if one.requests.exceeding(empty):
        return None
    counts = {each.role: count for each, count in pods(serving, capacity)}
    own = one.requests.times(counts[one.role])
    least = max(-(-getattr(own, name) // getattr(empty, name)) for name in RESOURCE_NAMES)
    other = sum(groups(capacity)[name].nodes for name in one.groups[1:])
    fewest = max(group.nodes + 1, least - other)

    def suffices(count: int) -> bool:
        return one.role not in placement(serving, resized(capacity, one.groups[0], count))[1]

    most = min(LARGEST_COUNT, fewest + sum(counts.values()))
    found = _first(fewest, most, suffices)
    return found if found <= most else None


def _first(low: int, high: int, true_from: Callable[[int], bool]) -> int:
    """Return the first number of low..high from which the condition holds; high + 1 if none."""
    while low <= high:
        middle = (low + high) // 2
        if true_from(middle):
            high = middle - 1
        else:
            low = middle + 1
    return low


def resized(capacity: Capacity, group: str, count: int) -> Capacity:
    """Return the capacity with `group` at `count` nodes."""
    changed: dict[str, Any] = {group: replace(groups(capacity)[group], nodes=count)}
    return replace(capacity, **changed)


def idle(filled: tuple[NodePlan, ...], usd_per_node_hour: Mapping[str, float]) -> tuple[Idle, ...]:
    """Return the idle GPUs of each group that has any, and what they cost.

    Args:
        filled: Nodes with the pods on them.
        usd_per_node_hour: Price of a node by group [USD/h]; a group without one is idle at an
            unknown price.
    """
    found = []
    for group in dict.fromkeys(node.group for node in filled):
        members = [node for node in filled if node.group == group]
        gpus = sum(node.free.gpus for node in members)
        instance = INSTANCE_TYPES[members[0].instance_type]
        if gpus:
            node = usd_per_node_hour.get(group)
            price = None if node is None else node * gpus / instance.gpus
            found.append(Idle(group=group, gpus=gpus, usd_per_hour=price))
    return tuple(found)


def full_layout(serving: Serving, capacity: Capacity) -> Serving | None:
    """Return the layout with more replicas that leaves as few GPUs idle as possible.

    With separate nodes each role fills its own group. With colocation the ratio of prefill to
    decode is kept. None when no layout uses more GPUs.
    """
    best = serving
    if serving.placement == "separate_nodes":
        for role in ("prefill", "decode"):
            best = _grown(best, capacity, ((role, 1),))
    else:
        best = _grown(
            best,
            capacity,
            (("prefill", serving.prefill.replicas), ("decode", serving.decode.replicas)),
        )
    return None if best == serving else best


def _grown(serving: Serving, capacity: Capacity, steps: tuple[tuple[str, int], ...]) -> Serving:
    """Return the layout with the most steps of more replicas for which every pod has a place."""

    def grown(times: int) -> Serving:
        more = {
            role: replace(
                getattr(serving, role), replicas=getattr(serving, role).replicas + step * times
            )
            for role, step in steps
        }
        return replace(serving, **more)

    most = min((LARGEST_COUNT - getattr(serving, role).replicas) // step for role, step in steps)
    return grown(_first(1, most, lambda times: bool(placement(grown(times), capacity)[1])) - 1)
