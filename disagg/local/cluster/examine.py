"""A running control plane judges manifests, then loses and drains nodes and replaces workloads."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from disagg.local.cluster.agents import NAMESPACE as AGENTS_NAMESPACE
from disagg.local.cluster.agents import arrive, less_daemons
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.apply import Manifests, apply_all, pods_of, title
from disagg.local.cluster.binaries import KUBERNETES
from disagg.local.cluster.connections import (
    Endpoint,
    connections,
    endpoints,
    idle,
    outside_ranges,
    unguarded,
)
from disagg.local.cluster.definitions import install, wanted
from disagg.local.cluster.devices import offered
from disagg.local.cluster.gateways import data_planes
from disagg.local.cluster.life import drain, lose_node, roll_out
from disagg.local.cluster.nodes import group_of
from disagg.local.cluster.report import (
    Drain,
    Loss,
    Report,
    Rollout,
    node_fact,
    placements,
    quota_of,
    waiting,
)
from disagg.local.cluster.state import PodState, State, settle
from disagg.local.demo import Done, Step, Tell

Node = Mapping[str, Any]
_PLAYED = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
"""Kinds whose pods are made and waited for here."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running, empty control plane and what it is to be given."""

    cluster: Cluster
    nodes: Sequence[Node]
    stand_ins: Sequence[dict[str, Any]] = ()
    """For what add-ons and charts run. Without any, nodes have their devices at once."""
    pod_address: str = ""
    """An address of the subnets, which is where the VPC CNI gives pods theirs."""


def examine(
    stage: Stage,
    manifests: Manifests,
    tell: Tell,
    seconds: dict[str, float],
    *,
    trials: bool = True,
) -> Report:
    """Let a control plane judge manifests, then lose and drain nodes and replace workloads.

    Args:
        stage: Where; it is left as the last trial left it.
        manifests: In apply order.
        tell: Told of every step.
        seconds: How long parts took so far [s]; those here are added.
        trials: Whether to try losses, drains and roll-outs once every pod has a place.
    """
    api = stage.cluster.api
    with _timed(seconds, "nodes"):
        tell(Step("Nodes and what add-ons run on them, from what was read back"))
        arrive(api, stage.nodes, stage.stand_ins)
        tell(Done(", ".join(one["metadata"]["name"] for one in stage.nodes)))
    objects = [one for group in manifests.values() for one in group]
    with _timed(seconds, "apply"):
        tell(Step("Apply every manifest, strictly"))
        installed = install(api, wanted(objects))
        applied = apply_all(api, manifests)
        planes = list(data_planes(objects))
        for one in planes:
            api.must(api.apply(one))
        tell(Done(f"{applied.accepted} accepted, {len(applied.refusals)} refused"))
    with _timed(seconds, "place"):
        tell(Step("The scheduler places the pods"))
        state = settle(stage.cluster)
        tell(Done(_in_place(state)))
    quotas = api.items("/api/v1/resourcequotas")
    nodes = offered(api, api.items("/api/v1/nodes"))
    room = less_daemons(nodes, api.items("/api/v1/pods"))
    policies = api.items("/apis/networking.k8s.io/v1/networkpolicies")
    ends = _endpoints(stage, [*objects, *planes])
    tried = trials and state.settled and not (state.pending or state.unmade)
    return Report(
        kubernetes=KUBERNETES,
        nodes=tuple(node_fact(one) for one in nodes),
        applied=applied,
        definitions=tuple(installed),
        placements=placements(state, nodes),
        waiting=waiting(state, room),
        unmade=state.unmade,
        unplayed=tuple(title(one) for one in objects if _is_unplayed(one)),
        settled=state.settled,
        quotas=tuple(quota_of(one) for one in quotas),
        connections=tuple(connections(policies, ends, outside_ranges(policies))),
        unguarded=tuple(unguarded(policies, ends)),
        idle_policies=tuple(idle(policies, ends)),
        files=_files(manifests),
        **_trials(stage, state, room, tell, seconds, tried=tried),
        seconds={name: round(value, 2) for name, value in seconds.items()},
    )


def _trials(
    stage: Stage,
    state: State,
    nodes: Sequence[Node],
    tell: Tell,
    seconds: dict[str, float],
    *,
    tried: bool,
) -> dict[str, Any]:
    """Return losses, drains and roll-outs, each tried and undone; none unless `tried`."""
    if not tried:
        return {"losses": (), "drains": (), "rollouts": ()}
    with _timed(seconds, "losses"):
        losses = _losses(stage, _one_of_each_group(state, nodes), nodes, tell)
    with _timed(seconds, "drains"):
        # Why anew: what found another place has stayed there.
        drains = _drains(stage, _one_of_each_group(settle(stage.cluster), nodes), nodes, tell)
    with _timed(seconds, "rollouts"):
        rollouts = _rollouts(stage, state, tell)
    return {"losses": losses, "drains": drains, "rollouts": rollouts}


def _in_place(state: State) -> str:
    """Return how many pods of the manifests have a place, and how many stand-ins there are."""
    ours = [one for one in state.pods if not _is_stand_in(one)]
    placed = sum(bool(one.node) for one in ours)
    beside = len(state.pods) - len(ours)
    return f"{placed} of {len(ours)} have a place, beside {beside} stand-ins of add-ons"


def _is_stand_in(pod: PodState) -> bool:
    return pod.workload.startswith(f"{AGENTS_NAMESPACE}/")


def _one_of_each_group(state: State, nodes: Sequence[Node]) -> list[Node]:
    """Return one node of each node group, one with pods of the manifests where there is one."""
    used = {one.node for one in state.pods if not _is_stand_in(one)}
    chosen: dict[str, Node] = {}
    for one in sorted(nodes, key=lambda node: node["metadata"]["name"] not in used):
        chosen.setdefault(group_of(one), one)
    return list(chosen.values())


def _losses(
    stage: Stage, chosen: Sequence[Node], nodes: Sequence[Node], tell: Tell
) -> tuple[Loss, ...]:
    tell(Step("One node of each group is lost"))
    found = []
    whole = {one["metadata"]["name"]: one for one in stage.nodes}
    for node in chosen:
        name = node["metadata"]["name"]
        rest = [one for one in nodes if one is not node]
        after = lose_node(stage.cluster, whole[name], stage.stand_ins)
        waits = waiting(after, rest, node)
        found.append(Loss(node=name, group=group_of(node), waiting=waits, settled=after.settled))
    worst = max((sum(one.pods for one in loss.waiting) for loss in found), default=0)
    tell(Done(f"{len(found)} nodes tried, at worst {worst} pods would wait"))
    return tuple(found)


def _drains(
    stage: Stage, chosen: Sequence[Node], nodes: Sequence[Node], tell: Tell
) -> tuple[Drain, ...]:
    tell(Step("One node of each group is drained"))
    found = []
    for node in chosen:
        name = node["metadata"]["name"]
        rest = [one for one in nodes if one is not node]
        came = drain(stage.cluster, [name])
        found.append(
            Drain(
                node=name,
                group=group_of(node),
                evicted=came.evicted,
                blocked=came.blocked,
                waiting=waiting(came.after, rest, node),
                settled=came.after.settled,
            )
        )
    held = sum(bool(one.blocked) for one in found)
    tell(Done(f"{len(found)} nodes tried, {held} could not be emptied"))
    return tuple(found)


def _rollouts(stage: Stage, state: State, tell: Tell) -> tuple[Rollout, ...]:
    tell(Step("Every Deployment is replaced"))
    ours = {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in stage.cluster.api.items("/apis/apps/v1/deployments")
        if one["metadata"]["namespace"] != AGENTS_NAMESPACE
    }
    counted = Counter(one.workload for one in state.pods if one.workload in ours)
    found = []
    for name, count in sorted(counted.items()):
        came = roll_out(stage.cluster, [name])
        least = came.least_ready[name]
        found.append(Rollout(workload=name, complete=came.complete, least_ready=least, of=count))
    tell(Done(", ".join(f"{one.workload} {one.least_ready} of {one.of}" for one in found)))
    return tuple(found)


def _endpoints(stage: Stage, objects: Sequence[Node]) -> list[Endpoint]:
    """Return the pods that policies are about: live ones, and those of workloads at zero."""
    api = stage.cluster.api
    spaces = api.items("/api/v1/namespaces")
    there = {one["metadata"]["name"] for one in spaces}
    # Why those with pods: a RoleBinding in kube-system makes the add-ons there no part of ours.
    ours = {one["metadata"].get("namespace") for one in objects if pods_of(one)} & there
    live = [one for one in api.items("/api/v1/pods") if one["metadata"]["namespace"] in ours]
    templates = [pod for one in objects for pod in pods_of(one)]
    asleep = [one for one in templates if one["metadata"]["namespace"] in there]
    return endpoints([*live, *asleep], spaces, stage.pod_address)


def _is_unplayed(one: Node) -> bool:
    """Return whether pods of an object are made by a controller that does not run here."""
    return bool(pods_of(one)) and one["kind"] not in _PLAYED


def _files(manifests: Manifests) -> dict[str, str]:
    """Return the file of each workload."""
    return {
        title(one).partition(" ")[2]: file
        for file, objects in manifests.items()
        for one in objects
        if pods_of(one)
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = time.monotonic() - began
