"""Where pods are: nodes that take them, and what the scheduler made of each pod."""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.local.cluster.api import Api, Cluster, wait
from disagg.local.cluster.devices import asked

_QUIET_SECONDS = 0.5
"""Longer than a change takes to reach scheduler and controllers."""
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_DEPLOYMENTS, _STATEFUL_SETS = "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets"
_DAEMON_SETS, _JOBS = "/apis/apps/v1/daemonsets", "/apis/batch/v1/jobs"
_WANTED: dict[str, Callable[[Mapping[str, Any]], int | None]] = {
    _DEPLOYMENTS: lambda one: one["spec"]["replicas"],
    _STATEFUL_SETS: lambda one: one["spec"]["replicas"],
    _DAEMON_SETS: lambda one: (one.get("status") or {}).get("desiredNumberScheduled"),
    _JOBS: lambda one: 0 if _is_over(one) else min(1, one["spec"]["parallelism"]),
}
"""How many pods a workload should have; None: its controller has not said."""
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
    """Or it has done its work."""
    message: str
    """The scheduler's own words; empty when it has a place."""
    spec: Mapping[str, Any]
    """Where pods wait, what they claim stands among the requests."""


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
    every pod without a place that it tried and gave up until something changes. Patience counts
    from the moment at which most pods were ready, so many pods may take long, and pods that evict
    one another for ever do not.
    """
    since = deadline = time.monotonic()
    last: tuple[Any, ...] = ()
    most = -1
    while True:
        seen = _look(cluster.api)
        now = time.monotonic()
        ready = sum(one.ready for one in seen.pods)
        if ready > most:
            most, deadline = ready, now + seconds
        if not (seen.behind or seen.rolling or seen.unmade) and ready == len(seen.pods):
            return State(pods=seen.pods, unmade={}, settled=True)
        homeless = sum(not one.node for one in seen.pods)
        judged = (
            not seen.behind
            and all(one.ready or one.message for one in seen.pods)
            and _queues(cluster.scheduler) == {"unschedulable": homeless}
        )
        # Why only who: the words name another pod at each try.
        facts = (judged, set(seen.unmade), [(one.name, one.node, one.ready) for one in seen.pods])
        if facts != last:
            last, since = facts, now
        if (judged and now - since > _QUIET_SECONDS) or now > deadline:
            pods = asked(cluster.api, seen.pods) if homeless else seen.pods
            return State(pods=pods, unmade=seen.unmade, settled=judged)
        time.sleep(_POLL_SECONDS)


def _queues(scheduler: Api) -> dict[str, int]:
    """Return how many pods wait in each of the scheduler's queues; empty ones are left out."""
    text = scheduler.request("GET", "/metrics").body
    found = {match[1]: int(match[2]) for match in _PENDING.finditer(str(text))}
    return {name: count for name, count in found.items() if count or name == "unschedulable"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What is there at one moment, and what the controllers are still at."""

    pods: tuple[PodState, ...]
    unmade: dict[str, str]
    behind: bool
    """There are pods too many or too few."""
    rolling: bool
    """Old pods of a workload stay until new ones are ready."""


def _look(api: Api) -> _Look:
    raw = api.items("/api/v1/pods")
    leaving = [one for one in raw if "deletionTimestamp" in one["metadata"]]
    pods = tuple(_pod_state(one) for one in raw if one not in leaving)
    unmade: dict[str, str] = {}
    behind, rolling = bool(leaving), False
    for kind, wanted in _WANTED.items():
        for one in api.items(kind):
            name = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
            status = one.get("status") or {}
            own = [pod for pod in pods if pod.workload == name]
            made, want = len(own), wanted(one)
            if want is None or status.get("observedGeneration", 0) < _generation(one, kind):
                behind = True
            elif made < want:
                why = _refused(api, one, kind)
                if why:
                    unmade[name] = why
                # Why: a StatefulSet makes a pod when the one before it is ready.
                elif not (kind == _STATEFUL_SETS and any(pod.message for pod in own)):
                    behind = True
            elif made > want and kind != _JOBS:
                surging = made == status.get("replicas") != status.get("updatedReplicas", 0)
                rolling |= surging
                behind |= not surging
    return _Look(pods, unmade, behind, rolling)


def _is_over(job: Mapping[str, Any]) -> bool:
    """Return whether a Job makes no more pods."""
    status = job.get("status") or {}
    ends = {one["type"] for one in status.get("conditions") or [] if one["status"] == "True"}
    return bool(job["spec"].get("suspend") or ends & {"Complete", "Failed", "Suspended"})


def _generation(workload: Mapping[str, Any], kind: str) -> int:
    """Return what its controller must have seen; a Job does not say what it has."""
    return 0 if kind == _JOBS else int(workload["metadata"]["generation"])


def _refused(api: Api, workload: Mapping[str, Any], kind: str) -> str:
    """Return why its pods were refused: its condition, or an event where a kind has none."""
    if kind == _DEPLOYMENTS:
        failure = _condition(workload.get("status") or {}, "ReplicaFailure")
        return str(failure.get("message", "")) if failure.get("status") == "True" else ""
    metadata = workload["metadata"]
    about = f"involvedObject.uid={metadata['uid']},reason=FailedCreate"
    events = api.items(f"/api/v1/namespaces/{metadata['namespace']}/events?fieldSelector={about}")
    return str(events[-1].get("message", "")) if events else ""


def _pod_state(pod: Mapping[str, Any]) -> PodState:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    scheduled = _condition(status, "PodScheduled")
    moving = bool(status.get("nominatedNodeName"))
    message = "" if scheduled.get("status") != "False" or moving else scheduled.get("message", "")
    return PodState(
        workload=owner_of(pod),
        name=metadata["name"],
        node=pod["spec"].get("nodeName", ""),
        ready=pod_is_ready(pod) or status.get("phase") == "Succeeded",
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
