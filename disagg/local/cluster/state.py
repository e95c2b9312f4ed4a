"""Where pods are: nodes that take them, and what the scheduler made of each pod."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.local.cluster.api import Api, Cluster, wait

_QUIET_SECONDS = 0.5
"""Longer than a change takes to reach scheduler and controllers."""
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_PENDING = re.compile(r'^scheduler_pending_pods\{queue="(\w+)"\} (\d+)$', re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class PodState:
    """One pod: its node, or why it has none."""

    workload: str
    """`serving/decode`: the workload it belongs to."""
    name: str
    node: str
    """Empty: no place."""
    ready: bool
    message: str
    """The scheduler's own words; empty when it has a place."""
    spec: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Every pod of every workload, and pods that could not even be made."""

    pods: tuple[PodState, ...]
    unmade: Mapping[str, str]
    """Why pods of a workload could not be made, by workload."""
    settled: bool
    """False: it was still moving when patience ended."""

    @property
    def pending(self) -> tuple[PodState, ...]:
        """Return the pods without a place."""
        return tuple(one for one in self.pods if not one.node)


def apply_nodes(api: Api, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Create nodes and wait until pods may be placed on them."""
    for one in nodes:
        api.must(api.create(one))
    nodes_ready(api, [one["metadata"]["name"] for one in nodes])


def nodes_ready(api: Api, names: Collection[str], *, seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until pods may be placed on nodes.

    Raises:
        StillWaitingError: A node was not there, or not ready, within `seconds` [s].
    """

    def ready() -> bool:
        return set(names) <= {
            one["metadata"]["name"] for one in api.items("/api/v1/nodes") if _takes_pods(one)
        }

    # Why slower for many: the answer to one question is a megabyte for each two hundred.
    poll_seconds = max(_POLL_SECONDS, len(names) / 200)
    wait("the nodes are ready", ready, seconds=seconds, poll_seconds=poll_seconds)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    ours = any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in node["status"].get("conditions") or []
    )
    taints = node["spec"].get("taints") or []
    return ours and not any(one["key"].startswith("node.kubernetes.io/") for one in taints)


def settle(cluster: Cluster, *, seconds: float = _PATIENCE_SECONDS) -> State:
    """Wait until every pod has a place, or nothing more will move; return what is there.

    Nothing will move when the controllers have made their pods, and the scheduler itself says of
    every pod without a place that it tried and gave up until something changes.
    """
    deadline = time.monotonic() + seconds
    last: tuple[Any, ...] = ()
    since = time.monotonic()
    while True:
        pods, unmade, behind, rolling = _look(cluster.api)
        still = not (behind or rolling or unmade)
        if still and all(one.node and one.ready for one in pods):
            return State(pods=pods, unmade=unmade, settled=True)
        homeless = sum(not one.node for one in pods)
        judged = (
            not behind
            and all(one.ready or one.message for one in pods)
            and _queues(cluster.scheduler) == {"unschedulable": homeless}
        )
        # Why only who: the words name another pod at each try.
        seen = (judged, set(unmade), tuple((one.name, one.node, one.ready) for one in pods))
        now = time.monotonic()
        if seen != last:
            last, since = seen, now
        if (judged and now - since > _QUIET_SECONDS) or now > deadline:
            return State(pods=pods, unmade=unmade, settled=judged)
        time.sleep(_POLL_SECONDS)


def _queues(scheduler: Api) -> dict[str, int]:
    """Return how many pods wait in each of the scheduler's queues; empty ones are left out."""
    text = scheduler.request("GET", "/metrics").body
    found = {match[1]: int(match[2]) for match in _PENDING.finditer(str(text))}
    return {name: count for name, count in found.items() if count or name == "unschedulable"}


def _look(api: Api) -> tuple[tuple[PodState, ...], dict[str, str], bool, bool]:
    """Return the pods, why some could not be made, and what the controllers are still at.

    They are behind when there are pods too many or too few, and rolling when that is so because old
    pods of a workload stay until new ones are ready.
    """
    workloads = api.items("/apis/apps/v1/deployments")
    raw = api.items("/api/v1/pods")
    leaving = [one for one in raw if "deletionTimestamp" in one["metadata"]]
    pods = tuple(_pod_state(one) for one in raw if one not in leaving)
    unmade, behind, rolling = {}, bool(leaving), False
    for one in workloads:
        name = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        status = one.get("status") or {}
        made = sum(pod.workload == name for pod in pods)
        failure = _condition(status, "ReplicaFailure")
        if failure.get("status") == "True":
            unmade[name] = str(failure.get("message", ""))
        elif made > one["spec"]["replicas"] and made == status.get("replicas"):
            rolling = True
            behind |= status.get("updatedReplicas", 0) == made
        elif made != one["spec"]["replicas"]:
            behind = True
        if status.get("observedGeneration") != one["metadata"]["generation"]:
            behind = True
    return pods, unmade, behind, rolling


def _pod_state(pod: Mapping[str, Any]) -> PodState:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    scheduled = _condition(status, "PodScheduled")
    moving = bool(status.get("nominatedNodeName"))
    message = "" if scheduled.get("status") != "False" or moving else scheduled.get("message", "")
    return PodState(
        workload=owner_of(pod),
        name=metadata["name"],
        node=pod["spec"].get("nodeName", ""),
        ready=pod_is_ready(pod),
        message=str(message),
        spec=pod["spec"],
    )


def owner_of(pod: Mapping[str, Any]) -> str:
    """Return the workload a pod belongs to as `namespace/name`; a bare pod is its own."""
    metadata = pod["metadata"]
    owner = (metadata.get("ownerReferences") or [{"name": metadata["name"]}])[0]["name"]
    suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash', '')}"
    return f"{metadata['namespace']}/{owner.removesuffix(suffix)}"


def is_daemon(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod belongs to a DaemonSet."""
    return any(one["kind"] == "DaemonSet" for one in pod["metadata"].get("ownerReferences") or [])


def pod_is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod says it is ready."""
    return bool(_condition(pod.get("status") or {}, "Ready").get("status") == "True")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Sequence[Mapping[str, Any]] = status.get("conditions") or []
    return next((one for one in found if one["type"] == kind), {})
