"""Which pod lands where, against arithmetic done by hand and against a counting argument."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import checked

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.config.capacity import Capacity, GpuGroup
from disagg.config.serving import Pool, Serving
from disagg.planner.fit import full_layout, idle, placement, shortages
from disagg.planner.layout import efa_devices, node_resources, pod

B200 = "p6-b200.48xlarge"


def serving(
    prefill: tuple[int, int], decode: tuple[int, int], placement: str = "separate_nodes"
) -> Serving:
    return Serving(
        model="openai/gpt-oss-120b",
        prefill=Pool(replicas=prefill[0], tensor_parallel=prefill[1]),
        decode=Pool(replicas=decode[0], tensor_parallel=decode[1]),
        placement=placement,
    )


def separate(prefill: int, decode: int, instance: str = B200) -> Capacity:
    return Capacity(
        prefill=GpuGroup(instance_type=instance, nodes=prefill),
        decode=GpuGroup(instance_type=instance, nodes=decode),
    )


def test_the_pilot_uses_sixteen_of_sixteen_gpus_and_efa_devices() -> None:
    environment = checked("pilot").environment
    nodes, homeless = placement(environment.serving, environment.capacity)
    assert not homeless
    assert {node.name: Counter(one.role for one in node.pods) for node in nodes} == {
        "prefill-1": Counter(prefill=8),
        "decode-1": Counter(decode=2),
    }
    assert [(node.used.gpus, node.used.efa_devices, node.free.gpus) for node in nodes] == [
        (8, 8, 0),
        (8, 8, 0),
    ]


def test_the_reference_puts_five_pods_on_one_node() -> None:
    environment = checked("reference").environment
    ((node,), homeless) = placement(environment.serving, environment.capacity)
    assert not homeless
    assert Counter(one.role for one in node.pods) == Counter(prefill=4, decode=1)
    assert (node.used.gpus, node.used.efa_devices) == (8, 8)


def test_one_pod_asks_for_what_its_gpus_bring() -> None:
    environment = checked("pilot").environment
    decode = pod("decode", environment.serving, environment.capacity).requests
    assert (decode.gpus, decode.efa_devices, decode.pods) == (4, 4, 1)
    assert decode.cpu_milli == 4 * 8_000 + 1_000  # and the routing sidecar
    assert decode.memory_mib == (4 * 64 + 16) * 1024 + 1_024
    prefill = pod("prefill", environment.serving, environment.capacity).requests
    assert (prefill.gpus, prefill.efa_devices, prefill.cpu_milli) == (1, 1, 8_000)
    assert prefill.memory_mib == (64 + 16) * 1024


@pytest.mark.parametrize(
    ("instance", "gpus", "devices"),
    [
        (B200, 1, 1),
        (B200, 4, 4),
        ("p5en.48xlarge", 1, 2),
        ("p5.48xlarge", 4, 16),
        ("g6e.48xlarge", 1, 1),
        ("g6e.48xlarge", 4, 2),
        ("p6-b300.48xlarge", 1, 2),
    ],
)
def test_a_pod_gets_its_share_of_efa_devices_and_one_at_least(
    instance: str, gpus: int, devices: int
) -> None:
    assert efa_devices(INSTANCE_TYPES[instance], gpus) == devices


def test_four_and_one_on_two_nodes_leave_half_of_them_idle_and_the_full_layout_is_the_pilot() -> (
    None
):
    wanted, capacity = serving((4, 1), (1, 4)), separate(1, 1)
    waste = idle(
        placement(wanted, capacity)[0],
        {"prefill": 113.9328, "decode": 113.9328, "shared": 113.9328},
    )
    assert [(one.group, one.gpus) for one in waste] == [("prefill", 4), ("decode", 4)]
    assert [one.usd_per_hour for one in waste] == [pytest.approx(56.9664)] * 2
    fuller = full_layout(wanted, capacity)
    assert fuller is not None
    assert (fuller.prefill.replicas, fuller.decode.replicas) == (8, 2)


def test_a_full_layout_has_nothing_to_suggest() -> None:
    assert full_layout(serving((8, 1), (2, 4)), separate(1, 1)) is None


def test_colocation_grows_by_the_ratio_of_the_file() -> None:
    shared = Capacity(shared=GpuGroup(instance_type=B200, nodes=2))
    fuller = full_layout(serving((4, 1), (1, 4), "colocate"), shared)
    assert fuller is not None
    assert (fuller.prefill.replicas, fuller.decode.replicas) == (8, 2)


@settings(max_examples=200)
@given(
    prefill=st.tuples(st.integers(1, 40), st.sampled_from([1, 2, 4, 8])),
    decode=st.tuples(st.integers(1, 40), st.sampled_from([1, 2, 4, 8])),
    nodes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_roles_apart_fit_exactly_when_each_has_the_gpus(
    prefill: tuple[int, int], decode: tuple[int, int], nodes: tuple[int, int]
) -> None:
    fits = prefill[0] * prefill[1] <= 8 * nodes[0] and decode[0] * decode[1] <= 8 * nodes[1]
    short = shortages(serving(prefill, decode), separate(*nodes))
    assert (not short) == fits
    for one in short:
        replicas, parallel = prefill if one.role == "prefill" else decode
        assert one.resource == "gpus"
        assert one.nodes_needed == -(-replicas * parallel // 8)


@settings(max_examples=200)
@given(
    prefill=st.tuples(st.integers(1, 30), st.sampled_from([1, 2, 4])),
    decode=st.tuples(st.integers(1, 10), st.sampled_from([1, 2, 4, 8])),
    count=st.integers(1, 5),
)
def test_colocated_roles_fit_exactly_when_together_they_have_the_gpus(
    prefill: tuple[int, int], decode: tuple[int, int], count: int
) -> None:
    fits = prefill[0] * prefill[1] + decode[0] * decode[1] <= 8 * count
    shared = Capacity(shared=GpuGroup(instance_type=B200, nodes=count))
    nodes, homeless = placement(serving(prefill, decode, "colocate"), shared)
    # Why one way only: prefill pods wider than decode pods are placed last and can meet fragments.
    if decode[1] >= prefill[1]:
        assert (not homeless) == fits
    for node in nodes:
        assert not node.used.exceeding(node_resources(INSTANCE_TYPES[B200]))
