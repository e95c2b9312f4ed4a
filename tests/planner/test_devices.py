"""What a pod claims, against what the hardware has: sets of one root, all devices of the pod."""

from math import gcd

import pytest
from shipped import checked

from disagg.catalog.dra import PCIE_ROOTS
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.planner.devices import claim_plan
from disagg.planner.layout import PodPlan, Resources, efa_devices, pod


def asks(gpus: int, efa: int) -> PodPlan:
    requests = Resources(gpus=gpus, efa_devices=efa)
    return PodPlan(
        role="decode", groups=("decode",), tensor_parallel=gpus, requests=requests, shm_mib=0
    )


@pytest.mark.parametrize("name", sorted(INSTANCE_TYPES))
@pytest.mark.parametrize("gpus", [1, 2, 4, 8])
def test_claims_ask_for_what_the_pod_needs_and_for_no_more_than_they_can_be_given(
    name: str, gpus: int
) -> None:
    instance = INSTANCE_TYPES[name]
    plan = claim_plan(asks(gpus, efa_devices(instance, gpus)), instance)
    assert (plan.gpus, plan.efa_devices) == (gpus, efa_devices(instance, gpus))
    assert sum(one.gpus + one.efa_devices for one in plan.sets) <= 32


@pytest.mark.parametrize(
    ("name", "gpus", "efa", "claims", "sets"),
    [
        # p6-b200: 8 roots of 1 + 1; p5: 8 of 1 + 4, so eight GPUs are 40 devices.
        ("p6-b200.48xlarge", 1, 1, 1, [(1, 1)]),
        ("p6-b200.48xlarge", 4, 4, 1, [(1, 1)] * 4),
        ("p6-b300.48xlarge", 8, 16, 1, [(1, 2)] * 8),
        ("p5.48xlarge", 4, 16, 1, [(1, 4)] * 4),
        ("p5.48xlarge", 8, 32, 2, [(1, 4)] * 4),
    ],
)
def test_where_roots_are_known_every_gpu_is_with_its_cards(
    name: str, gpus: int, efa: int, claims: int, sets: list[tuple[int, int]]
) -> None:
    plan = claim_plan(asks(gpus, efa), INSTANCE_TYPES[name])
    assert plan.claims == claims
    assert [(one.gpus, one.efa_devices) for one in plan.sets] == sets
    assert plan.same_root


@pytest.mark.parametrize(
    ("name", "gpus", "efa"),
    [("g6e.48xlarge", 4, 2), ("g7e.48xlarge", 1, 1), ("p6-b200.48xlarge", 4, 0)],
)
def test_where_they_are_not_known_or_no_card_is_needed_numbers_are_asked_for(
    name: str, gpus: int, efa: int
) -> None:
    plan = claim_plan(asks(gpus, efa), INSTANCE_TYPES[name])
    assert plan.claims == 1
    assert [(one.gpus, one.efa_devices) for one in plan.sets] == [(gpus, efa)]
    assert not plan.same_root


def test_the_roots_of_a_type_hold_all_its_devices() -> None:
    for name, roots in PCIE_ROOTS.items():
        instance = INSTANCE_TYPES[name]
        count = instance.gpus // roots.gpus
        assert count * roots.gpus == instance.gpus
        assert count * roots.efa_devices == instance.efa_devices
        assert gcd(roots.gpus, roots.efa_devices) == 1


def test_the_plan_fits_whoever_hands_out_the_devices() -> None:
    plugin, claims = (
        checked("pilot", capacity__device_exposure=one).environment
        for one in ("device_plugin", "dra")
    )
    for role in ("prefill", "decode", "baseline"):
        assert pod(role, plugin.serving, plugin.capacity) == pod(
            role, claims.serving, claims.capacity
        )
