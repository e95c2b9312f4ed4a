"""Whatever the order and timing, placement ends with every pod on a node of its role.

Objects are applied, nodes arrive, pods die and autoscalers change their mind, all in random order,
on fleets of which the layout takes 60, 90 and 100 % of the GPUs. EKS lets nobody configure the
scheduler, so the scheduler here has its defaults.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fleet import created_by, less_agents
from shipped import checked

from disagg import artifacts
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import State, nodes_ready, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

Object = dict[str, Any]
Event = Callable[[], object]
KIND = "p6-b200.48xlarge"
SEPARATE = {
    # 5 nodes, 40 GPUs: prefill replicas x 1, decode replicas x 4.
    60: (8, 4),
    90: (16, 5),
    100: (16, 6),
}
COLOCATED = {60: (8, 4), 90: (12, 6), 100: (12, 7)}


def layout(placement: str, use: int) -> dict[str, Any]:
    prefill, decode = (SEPARATE if placement == "separate_nodes" else COLOCATED)[use]
    sizes = {"shared": 5} if placement == "colocate" else {"prefill": 2, "decode": 3}
    taken = prefill + 4 * decode
    assert round(taken / 40, 1) == use / 100
    return {
        "capacity": {
            name: {"instance_type": KIND, "nodes": count} for name, count in sizes.items()
        },
        "serving__placement": placement,
        "serving__prefill": {"replicas": prefill, "tensor_parallel": 1},
        "serving__decode": {"replicas": decode, "tensor_parallel": 4},
    }


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


def course(yard: Yard, manifests: artifacts.Manifests, nodes: Sequence[Object]) -> None:
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
    # Why again: an apply that came before a scaling brought no size back.
    for one in chance.sample(pools, len(pools)):
        yard.apply(one)
    nodes_ready(yard.api, [one["metadata"]["name"] for one in nodes])


def rest(cluster: Cluster) -> State:
    """Return the state once controllers that were refused for a while have tried again."""
    state = settle(cluster)
    for _ in range(20):
        if not state.unmade:
            break
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


@pytest.mark.parametrize("use", [60, 90, 100])
@pytest.mark.parametrize("placement", ["separate_nodes", "colocate"])
def test_every_pod_has_a_place_whatever_the_order_and_the_timing(
    placement: str,
    use: int,
    cluster: Cluster,
    empty: Callable[[Api], None],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    environment = checked("pilot", **layout(placement, use)).environment
    manifests = artifacts.render(environment)
    stacks = artifacts.write_stacks(environment, tmp_path_factory.mktemp("stacks") / "out")
    nodes = [less_agents(one) for one in make_nodes(created_by(stacks))]
    first = pytestconfig.getoption("seed")
    for seed in range(first, first + -(-pytestconfig.getoption("orders") // 6)):
        chance = random.Random(f"{placement} {use} {seed}")  # noqa: S311 - an order, no secret
        course(Yard(cluster.api, chance), manifests, nodes)
        state = rest(cluster)
        assert state.settled, f"--seed {seed}"
        assert (state.pending, state.unmade) == ((), {}), f"--seed {seed}"
        assert misplaced(state, nodes, placement) == {}, f"--seed {seed}"
        assert len(state.pods) == 1 + sum(
            pool.replicas for pool in (environment.serving.prefill, environment.serving.decode)
        )
        empty(cluster.api)
