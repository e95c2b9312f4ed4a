"""What alternatives get wrong before a real scheduler and API server is right here.

Each test names the defect that was seen when renderings of other projects were put before the same
control plane; `tests/test_peers.py` has the rest.
"""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from fleet import created_by, less_agents
from shipped import checked
from yard import Yard, misplaced, rest

from disagg import artifacts
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import apply_nodes, settle

pytestmark = pytest.mark.slow

Object = dict[str, Any]
Field = tuple[artifacts.Manifests, list[Object]]
P6, P5 = "p6-b200.48xlarge", "p5en.48xlarge"


@pytest.fixture
def field(tmp_path: Any) -> Callable[[str], Field]:
    """Return the manifests of the pilot on a type, and the nodes of its templates."""

    def run(instance_type: str = P6) -> Field:
        groups = ("prefill", "decode")
        edits = {f"capacity__{role}__instance_type": instance_type for role in groups}
        environment = checked("pilot", **edits).environment
        templates = artifacts.write_stacks(environment, tmp_path / "stacks")
        nodes = [less_agents(one) for one in make_nodes(created_by(templates))]
        return artifacts.render(environment), nodes

    return run


@pytest.mark.parametrize("instance_type", [P6, P5])
def test_exactly_enough_nodes_hold_one_role_each_in_any_order_of_apply(
    instance_type: str, cluster: Cluster, field: Callable[[str], Field], empty: Any
) -> None:
    """A preferred anti-affinity put both roles on a node in 11 of 24 runs; one sample's proxy
    never landed when it came after prefill."""
    manifests, nodes = field(instance_type)
    spaces, *others = manifests.values()
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311 - an order, no secret
        objects = [one for group in others for one in group]
        chance.shuffle(objects)
        cut = chance.randrange(len(objects))
        yard = Yard(cluster.api, chance)
        for one in [*spaces, *objects[:cut]]:
            yard.apply(one)
        apply_nodes(cluster.api, chance.sample(nodes, len(nodes)))
        for one in objects[cut:]:
            yard.apply(one)
        state = rest(cluster)
        assert (state.pending, state.unmade, len(state.pods)) == ((), {}, 11), f"seed {seed}"
        assert misplaced(state, nodes, "separate_nodes") == {}, f"seed {seed}"
        empty(cluster.api)


def renamed(nodes: list[Object], prefix: str) -> list[Object]:
    """Return the GPU nodes under other names, so that more than one fleet has room."""
    found = [one for one in nodes if "nvidia.com/gpu" in one["status"]["allocatable"]]
    for number, one in enumerate(found):
        name = f"{prefix}-{number}"
        one["metadata"]["name"] = one["metadata"]["labels"]["kubernetes.io/hostname"] = name
    return found


def test_nothing_spreads_over_nodes_of_another_type_or_environment(
    cluster: Cluster, field: Callable[[str], Field]
) -> None:
    """On a mixed cluster a pool of another project spread over p6-b200 and p5en."""
    manifests, nodes = field(P6)
    foreign = [one for one in field(P5)[1] if "nvidia.com/gpu" in one["status"]["allocatable"]]
    for number, one in enumerate(foreign):
        one["metadata"]["name"] = one["metadata"]["labels"]["kubernetes.io/hostname"] = (
            f"p5-{number}"
        )
    others = [one for one in field(P6)[1] if "nvidia.com/gpu" in one["status"]["allocatable"]]
    for number, one in enumerate(others):
        one["metadata"]["name"] = one["metadata"]["labels"]["kubernetes.io/hostname"] = (
            f"b-{number}"
        )
        one["metadata"]["labels"]["disagg/environment"] = "another"
    apply_nodes(cluster.api, [*foreign, *others, *nodes])
    for one in (one for group in manifests.values() for one in group):
        assert cluster.api.apply(one).accepted
    state = settle(cluster)
    assert {one.node for one in state.pods if "serving" in one.workload} == {
        "prefill-1",
        "decode-1",
    }


def test_every_file_is_accepted_as_raw_yaml_with_a_strict_post(
    cluster: Cluster, field: Callable[[str], Field], tmp_path: Any
) -> None:
    """Double keys in templates of others are refused by a strict POST, though not by kubectl."""
    manifests, _ = field(P6)
    directory = artifacts.write_manifests(dict(manifests), tmp_path / "manifests")
    count = 0
    for file in sorted(directory.glob("*.yaml")):
        for text in re.split(r"^---$", file.read_text("utf-8"), flags=re.MULTILINE):
            if text.strip():
                answer = cluster.api.create(text.encode(), cluster.api.path(yaml.safe_load(text)))
                # Why 409: namespaces outlive a test.
                assert answer.accepted or answer.status == 409, answer.message
                count += 1
    assert count == 24


def test_pods_that_can_land_nowhere_hold_nobody_up(
    cluster: Cluster, field: Callable[[str], Field]
) -> None:
    """A claim for 16 of 8 EFA devices stalled a scheduler for 75 s; asked by number it does not."""
    manifests, nodes = field(P6)
    apply_nodes(cluster.api, nodes)
    for one in (one for group in manifests.values() for one in group):
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "decode":
            resources = one["spec"]["template"]["spec"]["containers"][0]["resources"]
            for amounts in resources.values():
                amounts["vpc.amazonaws.com/efa"] = "16"
        assert cluster.api.apply(one).accepted
    state = settle(cluster)
    assert {one.workload for one in state.pending} == {"pilot-serving/decode"}
    assert all("Insufficient vpc.amazonaws.com/efa" in one.message for one in state.pending)
    assert sum(bool(one.node) for one in state.pods) == 9
