"""What the control plane makes of manifests: what it accepts, and where each pod lands."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.local.cluster.api import Answer, Api, UnknownKindError, wait

Manifests = Mapping[str, Sequence[Mapping[str, Any]]]
_QUIET_SECONDS = 3.0
"""Longer than the scheduler's first back-offs (1 s, 2 s): a pod that waits this long, waits."""
_PATIENCE_SECONDS = 60.0
_LAG_SECONDS = 1.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Something the API server would not take."""

    file: str
    name: str
    """`Deployment serving/decode`, or `Pod of ...` for the pods it would make."""
    status: int
    message: str
    """The server's own words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What came of applying manifests."""

    accepted: int
    refusals: tuple[Refusal, ...]
    dropped: tuple[Refusal, ...]
    """Fields the server accepted and forgot; `message` lists them."""
    warnings: tuple[Refusal, ...]
    """What the server accepted with a warning."""


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
    names = {one["metadata"]["name"] for one in nodes}

    def ready() -> bool:
        return names <= {
            one["metadata"]["name"] for one in api.items("/api/v1/nodes") if _takes_pods(one)
        }

    wait("the nodes are ready", ready, seconds=_PATIENCE_SECONDS)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    ours = any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in node["status"].get("conditions") or []
    )
    taints = node["spec"].get("taints") or []
    return ours and not any(one["key"].startswith("node.kubernetes.io/") for one in taints)


def apply_all(api: Api, manifests: Manifests) -> Applied:
    """Apply every object in order, strictly, and let the server judge the pods of each workload."""
    accepted, refusals, dropped, warnings = 0, [], [], []
    for file, objects in manifests.items():
        for one in objects:
            refused = _refused_pod(api, file, one)
            if refused:
                refusals.append(refused)
            try:
                answer = api.apply(one)
            except UnknownKindError as error:
                refusals.append(_refusal(file, one, 404, str(error)))
                continue
            if not answer.accepted:
                refusals.append(_refusal(file, one, answer.status, answer.message))
                continue
            accepted += 1
            lost = sorted(set(_dropped(one, answer.body)))
            if lost:
                dropped.append(_refusal(file, one, answer.status, ", ".join(lost)))
            warnings += [_refusal(file, one, answer.status, text) for text in answer.warnings]
    return Applied(
        accepted=accepted,
        refusals=tuple(refusals),
        dropped=tuple(dropped),
        warnings=tuple(warnings),
    )


def title(one: Mapping[str, Any]) -> str:
    """Return how an object is called in messages: kind, namespace, name."""
    metadata = one["metadata"]
    namespace = metadata.get("namespace")
    place = f"{namespace}/" if namespace else ""
    return f"{one['kind']} {place}{metadata['name']}"


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod a workload would make, None for objects that make none."""
    template = workload.get("spec", {}).get("template")
    if not isinstance(template, Mapping) or "spec" not in template:
        return None
    metadata = {key: template.get("metadata", {}).get(key, {}) for key in ("labels", "annotations")}
    named = {"name": workload["metadata"]["name"], "namespace": _namespace(workload)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, **named},
        "spec": dict(template["spec"]),
    }


def _namespace(one: Mapping[str, Any]) -> str:
    return str(one["metadata"].get("namespace", "default"))


def _refused_pod(api: Api, file: str, workload: Mapping[str, Any]) -> Refusal | None:
    """Let the server judge a workload's pod: for the workload itself it only warns."""
    pod = pod_of(workload)
    if pod is None:
        return None
    # Why twice: admission learns of a namespace or a priority class some milliseconds later.
    deadline = time.monotonic() + _LAG_SECONDS
    while True:
        answer: Answer = api.create(pod, dry_run=True)
        if answer.accepted:
            return None
        if time.monotonic() > deadline:
            name = f"pod of {title(workload)}"
            return Refusal(file=file, name=name, status=answer.status, message=answer.message)
        time.sleep(_POLL_SECONDS)


def _refusal(file: str, one: Mapping[str, Any], status: int, message: str) -> Refusal:
    return Refusal(file=file, name=title(one), status=status, message=message)


def _dropped(sent: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Yield the paths of what was sent and is not in the answer."""
    if isinstance(sent, Mapping) and isinstance(kept, Mapping):
        for key, value in sent.items():
            path = f"{at}.{key}" if at else str(key)
            # Why empty values: the server leaves them out, and they mean the same.
            if key in kept:
                yield from _dropped(value, kept[key], path)
            elif value not in (None, "", [], {}, 0, False):
                yield path
    elif isinstance(sent, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(sent, kept, strict=False)):
            yield from _dropped(one, other, f"{at}[{index}]")
        yield from (f"{at}[{index}]" for index in range(len(kept), len(sent)))


def settle(api: Api, *, seconds: float = _PATIENCE_SECONDS) -> State:
    """Wait until every pod has a place, or nothing has moved for a while; return what is there."""
    deadline = time.monotonic() + seconds
    last: tuple[Any, ...] = ()
    since = time.monotonic()
    while True:
        pods, unmade, complete = _look(api)
        now = time.monotonic()
        if complete and not unmade and all(one.node and one.ready for one in pods):
            return State(pods=pods, unmade=unmade, settled=True)
        # Why only who: the words name another pod at each try.
        seen = (complete, set(unmade), tuple((one.name, one.node, one.ready) for one in pods))
        if seen != last:
            last, since = seen, now
        judged = all(one.ready or one.message for one in pods)
        quiet = now - since > _QUIET_SECONDS
        if (complete and judged and quiet) or now > deadline:
            return State(pods=pods, unmade=unmade, settled=complete and judged)
        time.sleep(_POLL_SECONDS)


def _look(api: Api) -> tuple[tuple[PodState, ...], dict[str, str], bool]:
    """Return the pods, why some could not be made, and whether the controllers have caught up."""
    workloads = api.items("/apis/apps/v1/deployments")
    raw = api.items("/api/v1/pods")
    leaving = [one for one in raw if "deletionTimestamp" in one["metadata"]]
    pods = tuple(_pod_state(one) for one in raw if one not in leaving)
    unmade, complete = {}, not leaving
    for one in workloads:
        name = f"{_namespace(one)}/{one['metadata']['name']}"
        status = one.get("status") or {}
        made = sum(pod.workload == name for pod in pods)
        failure = _condition(status, "ReplicaFailure")
        if failure.get("status") == "True":
            unmade[name] = str(failure.get("message", ""))
        elif made != one["spec"]["replicas"]:
            complete = False
        if status.get("observedGeneration") != one["metadata"]["generation"]:
            complete = False
    return pods, unmade, complete


def _pod_state(pod: Mapping[str, Any]) -> PodState:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    scheduled = _condition(status, "PodScheduled")
    moving = bool(status.get("nominatedNodeName"))
    message = "" if scheduled.get("status") != "False" or moving else scheduled.get("message", "")
    owner = (metadata.get("ownerReferences") or [{"name": metadata["name"]}])[0]["name"]
    suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash', '')}"
    return PodState(
        workload=f"{metadata['namespace']}/{owner.removesuffix(suffix)}",
        name=metadata["name"],
        node=pod["spec"].get("nodeName", ""),
        ready=_condition(status, "Ready").get("status") == "True",
        message=str(message),
        spec=pod["spec"],
    )


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Sequence[Mapping[str, Any]] = status.get("conditions") or []
    return next((one for one in found if one["type"] == kind), {})


def lose_node(api: Api, node: Mapping[str, Any]) -> State:
    """Delete a node with its pods, return what is left of the rest, and bring the node back."""
    name = node["metadata"]["name"]
    api.must(api.delete(f"/api/v1/nodes/{name}"))
    for one in api.items(f"/api/v1/pods?fieldSelector=spec.nodeName={name}"):
        metadata = one["metadata"]
        # Why at once: the garbage collector would take 46 s to notice.
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        api.delete(path, grace_seconds=0)
    after = settle(api)
    apply_nodes(api, [node])
    settle(api)
    return after
