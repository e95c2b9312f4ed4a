"""Whatever the order and timing, placement ends with every pod on a node of its role.

Objects are applied, nodes arrive, pods die and autoscalers change their mind, all in random order,
on fleets of which the layout takes 60, 90 and 100 % of the GPUs. EKS lets nobody configure the
scheduler, so the scheduler here has its defaults.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet import created_by, less_agents
from shipped import checked
from yard import Yard, course, misplaced, rest

from disagg import artifacts
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import apply_nodes, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

Object = dict[str, Any]
Event = Callable[[], object]
KIND = "p6-b200.48xlarge"
# Replicas of prefill (tp 2) and decode (tp 4) on 5 nodes of 8 GPUs, by use in per cent.
SEPARATE = {60: (4, 4), 90: (8, 5), 100: (8, 6)}
COLOCATED = {60: (4, 4), 90: (6, 6), 100: (6, 7)}


def layout(placement: str, use: int) -> dict[str, Any]:
    prefill, decode = (SEPARATE if placement == "separate_nodes" else COLOCATED)[use]
    sizes = {"shared": 5} if placement == "colocate" else {"prefill": 2, "decode": 3}
    taken = 2 * prefill + 4 * decode
    assert round(taken / 40, 1) == use / 100
    return {
        "capacity": {
            name: {"instance_type": KIND, "nodes": count} for name, count in sizes.items()
        },
        "serving__placement": placement,
        "serving__prefill": {"replicas": prefill, "tensor_parallel": 2},
        "serving__decode": {"replicas": decode, "tensor_parallel": 4},
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


def shunning(objects: list[dict[str, Any]]) -> None:
    """Keep roles apart by required anti-affinity instead of labels of node groups."""
    for one in objects:
        if one["kind"] == "Deployment" and one["metadata"]["name"] in ("prefill", "decode"):
            pod = one["spec"]["template"]["spec"]
            del pod["nodeSelector"]["disagg/role"]
            other = {"prefill": "decode", "decode": "prefill"}[one["metadata"]["name"]]
            term = {
                "labelSelector": {"matchLabels": {"app.kubernetes.io/component": other}},
                "topologyKey": "kubernetes.io/hostname",
            }
            required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
            pod["affinity"] = {"podAntiAffinity": required}
            # Why equal: priorities would cure it by eviction.
            pod["priorityClassName"] = "pilot-prefill"


def test_with_anti_affinity_instead_of_labels_the_role_that_comes_first_keeps_the_other_out(
    cluster: Cluster, tmp_path: Path
) -> None:
    environment = checked("pilot").environment
    stacks = artifacts.write_stacks(environment, tmp_path / "out")
    apply_nodes(cluster.api, [less_agents(one) for one in make_nodes(created_by(stacks))])
    objects = [one for group in artifacts.render(environment).values() for one in group]
    shunning(objects)
    # Prefill's file comes after decode's; here it is the other way round.
    decode = [one for one in objects if one["metadata"]["name"] == "decode"]
    for one in [one for one in objects if one not in decode]:
        assert cluster.api.apply(one).accepted
    assert settle(cluster).pending == ()
    for one in decode:
        assert cluster.api.apply(one).accepted
    assert {one.workload for one in settle(cluster).pending} == {"pilot-serving/decode"}
