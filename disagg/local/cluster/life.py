"""What becomes of running pods: a node is lost, a node is drained, workloads roll out."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disagg.local.cluster.agents import arrive
from disagg.local.cluster.api import Api, ApiError, Cluster
from disagg.local.cluster.state import State, is_daemon, owner_of, pod_is_ready, settle

_ROLLED = "disagg/rolled-out"
_COMES_BACK = "its pods come back to the cordoned node: they tolerate its taint"
_PATIENCE_SECONDS = 60.0
"""Without a single new pod more."""
_POLL_SECONDS = 0.1
Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drained:
    """What the drain of nodes came to; they are in service again."""

    evicted: int
    blocked: Mapping[str, str]
    """Why pods of a workload may not be evicted, by workload; empty: the nodes were emptied."""
    after: State
    """Where the pods were when the drain had come to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolledOut:
    """What became of pods while workloads were replaced."""

    complete: bool
    least_ready: Mapping[str, int]
    """Ready pods of each workload at the worst moment."""
    together: int
    """Of moments, the fewest workloads that had a ready pod at once."""


def lose_node(cluster: Cluster, node: Object, stand_ins: Sequence[dict[str, Any]] = ()) -> State:
    """Delete a node with its pods, return what is left of the rest, and bring the node back."""
    api = cluster.api
    name = node["metadata"]["name"]
    api.must(api.delete(f"/api/v1/nodes/{name}"))
    for one in _pods_on(api, name):
        # Why at once: the garbage collector would take 46 s to notice.
        api.delete(_path(one), grace_seconds=0)
    after = settle(cluster)
    arrive(api, [node], stand_ins)
    settle(cluster)
    return after


def drain(cluster: Cluster, nodes: Sequence[str]) -> Drained:
    """Drain nodes, return what that came to, and put them back into service.

    One node is drained as an upgrade does, all of a group as the end of a Capacity Block wants it.
    Evictions are asked for again after each round in which some were granted, once the pods that
    went have found another place or none.
    """
    api = cluster.api
    _cordon(api, nodes, unschedulable=True)
    left = sum(len(_evictable(api, node)) for node in nodes)
    evicted = 0
    while True:
        refused: dict[str, str] = {}
        granted = 0
        for pod in (pod for node in nodes for pod in _evictable(api, node)):
            if evicted + granted == left:
                refused[owner_of(pod)] = _COMES_BACK
                continue
            answer = api.create(_eviction(pod), f"{_path(pod)}/eviction")
            if answer.accepted:
                granted += 1
            else:
                refused[owner_of(pod)] = answer.message
        evicted += granted
        after = settle(cluster)
        if not granted:
            break
    _cordon(api, nodes, unschedulable=None)
    settle(cluster)
    return Drained(evicted=evicted, blocked=refused, after=after)


def _cordon(api: Api, nodes: Sequence[str], *, unschedulable: bool | None) -> None:
    for one in nodes:
        change = {"spec": {"unschedulable": unschedulable}}
        api.must(api.patch(f"/api/v1/nodes/{one}", change))


def roll_out(cluster: Cluster, workloads: Sequence[str]) -> RolledOut:
    """Replace every pod of Deployments (`namespace/name`) at the same time, as a new image does.

    What happened meanwhile is read from the server's own history, event by event.
    """
    api = cluster.api
    history = _History(api, workloads)
    for one in workloads:
        path = _deployment(one)
        annotations = api.get(path)["spec"]["template"]["metadata"].get("annotations") or {}
        turn = str(int(annotations.get(_ROLLED, "0")) + 1)
        change = {"metadata": {"annotations": {_ROLLED: turn}}}
        api.must(api.patch(path, {"spec": {"template": change}}))
    complete = _until_rolled(cluster, workloads, history)
    while history.read():
        pass
    return RolledOut(complete=complete, least_ready=history.least, together=history.together)


def _until_rolled(cluster: Cluster, workloads: Sequence[str], history: "_History") -> bool:
    """Return True once every pod is a new one, False when a new one finds no place."""
    most, deadline = -1, 0.0
    while True:
        history.read()
        deployments = [cluster.api.get(_deployment(one)) for one in workloads]
        if all(_rolled(one) for one in deployments):
            return True
        new = sum((one.get("status") or {}).get("updatedReplicas", 0) for one in deployments)
        now = time.monotonic()
        if new > most:
            most, deadline = new, now + _PATIENCE_SECONDS
            continue
        # Why only then: between two steps of a roll-out every pod there is has a place.
        state = settle(cluster)
        if now > deadline or (
            state.settled and any(p.workload in workloads for p in state.pending)
        ):
            return False


class _History:
    """What became of pods, read from the server's history piece by piece.

    In pieces, because a server forgets what is older than some minutes.
    """

    def __init__(self, api: Api, workloads: Sequence[str]) -> None:
        self._api, self._workloads = api, workloads
        begun = api.get("/api/v1/pods")
        self._version: str = begun["metadata"]["resourceVersion"]
        self._pods = {one["metadata"]["uid"]: one for one in begun["items"]}
        ready = _ready(self._pods.values())
        self.least = {one: ready[one] for one in workloads}
        """Ready pods of each workload at the worst moment."""
        self.together = sum(count > 0 for count in self.least.values())
        """Of moments, the fewest workloads that had a ready pod at once."""

    def read(self) -> int:
        """Read what happened since the last time, for a second; return how many events."""
        answer = self._api.request(
            "GET",
            "/api/v1/pods",
            watch="true",
            resourceVersion=self._version,
            timeoutSeconds="1",
        )
        count = 0
        for event in _events(answer.body):
            one = event["object"]
            self._version = one["metadata"]["resourceVersion"]
            self._pods[one["metadata"]["uid"]] = one
            if event["type"] == "DELETED":
                del self._pods[one["metadata"]["uid"]]
            ready = _ready(self._pods.values())
            self.least = {name: min(low, ready[name]) for name, low in self.least.items()}
            self.together = min(self.together, sum(ready[name] > 0 for name in self._workloads))
            count += 1
        return count


def _events(body: Any) -> Iterator[dict[str, Any]]:
    # Why: a single event is one JSON document, and has been parsed.
    texts = body.splitlines() if isinstance(body, str) else [json.dumps(body)] if body else []
    for text in texts:
        event: dict[str, Any] = json.loads(text)
        if event["type"] == "ERROR":
            raise ApiError(f"the server's history is gone: {event['object'].get('message')}")
        yield event


def _ready(pods: Any) -> Counter[str]:
    return Counter(
        owner_of(one)
        for one in pods
        if pod_is_ready(one) and "deletionTimestamp" not in one["metadata"]
    )


def _deployment(workload: str) -> str:
    namespace, _, name = workload.partition("/")
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def _rolled(deployment: Object) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(seen) and all(status.get(name, 0) == wanted for name in counts)


def _pods_on(api: Api, node: str) -> list[dict[str, Any]]:
    return api.items(f"/api/v1/pods?fieldSelector=spec.nodeName={node}")


def _evictable(api: Api, node: str) -> list[dict[str, Any]]:
    """Return the pods a drain evicts: all but those of DaemonSets and those that are leaving."""
    return [
        one
        for one in _pods_on(api, node)
        if "deletionTimestamp" not in one["metadata"] and not is_daemon(one)
    ]


def _eviction(pod: Object) -> dict[str, Any]:
    named = {key: pod["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named}


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
