"""A random course of events on a control plane: apply, arrival, death, scaling."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from disagg.artifacts import Manifests
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.state import State, nodes_ready, settle

Object = dict[str, Any]
Event = Callable[[], object]
_PAUSES = 0.1
"""How often the scheduler may act before the next event."""
_LONGEST_PAUSE_SECONDS = 0.3
_LONGEST_BACKOFF_SECONDS = 200.0


class Yard:
    """One random course of events on one control plane."""

    def __init__(self, api: Api, chance: random.Random) -> None:
        self.api, self.chance = api, chance

    def apply(self, one: Object) -> None:
        answer = self.api.apply(one)
        assert answer.accepted, answer.message

    def arrive(self, nodes: Sequence[Object]) -> None:
        for one in nodes:
            self.api.must(self.api.create(one))

    def kill(self) -> None:
        """Delete a random pod, as a crash of its node's kubelet or an eviction does."""
        pods = self.api.items("/api/v1/pods")
        if pods:
            one = self.chance.choice(pods)["metadata"]
            path = f"/api/v1/namespaces/{one['namespace']}/pods/{one['name']}"
            self.api.delete(path, grace_seconds=0)

    def scale(self, one: Object) -> None:
        """Set a random size, as the autoscaler's patch does; where it is not there yet, nothing."""
        size = self.chance.randint(0, one["spec"]["replicas"])
        self.api.patch(self.path(one), {"spec": {"replicas": size}})

    def path(self, one: Object) -> str:
        return f"{self.api.path(one)}/{one['metadata']['name']}"


def course(yard: Yard, manifests: Manifests, nodes: Sequence[Object]) -> None:
    """Let everything happen in random order, and bring every workload to its size at the end."""
    chance = yard.chance
    spaces, *rest = manifests.values()
    objects = [one for group in rest for one in group]
    pools = [one for one in objects if one["kind"] == "Deployment" and one["spec"]["replicas"] > 1]
    for one in spaces:
        yard.apply(one)
    events: list[Event] = [lambda one=one: yard.apply(one) for one in objects]
    shuffled = chance.sample(list(nodes), len(nodes))
    while shuffled:
        some, shuffled = shuffled[: (cut := chance.randint(1, 4))], shuffled[cut:]
        events.append(lambda some=some: yard.arrive(some))
    events += [yard.kill] * chance.randint(0, 4)
    events += [lambda one=one: yard.scale(one) for one in chance.choices(pools, k=4)]
    chance.shuffle(events)
    for event in events:
        event()
        if chance.random() < _PAUSES:
            time.sleep(chance.uniform(0, _LONGEST_PAUSE_SECONDS))
    # Why again: an apply that came before a scaling brought no size back.
    for one in chance.sample(pools, len(pools)):
        yard.apply(one)
    nodes_ready(yard.api, [one["metadata"]["name"] for one in nodes])


def rest(cluster: Cluster) -> State:
    """Return the state once controllers that were refused for a while have tried again.

    A controller doubles its pause at each refusal, so it may pause for as long as the course took.
    """
    deadline = time.monotonic() + _LONGEST_BACKOFF_SECONDS
    state = settle(cluster)
    while state.unmade and time.monotonic() < deadline:
        state = settle(cluster)
    return state


def misplaced(state: State, nodes: Sequence[Object], placement: str) -> dict[str, str]:
    """Return pods that are on a node of another role, by an oracle that is no selector."""
    role = {one["metadata"]["name"]: one["metadata"]["labels"]["disagg/role"] for one in nodes}
    named = {"router": "system"}
    if placement == "colocate":
        named |= {"prefill": "shared", "decode": "shared"}
    return {
        one.name: one.node
        for one in state.pods
        if role[one.node] != named.get(own := one.workload.rpartition("/")[2], own)
    }
