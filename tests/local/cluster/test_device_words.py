"""Why claims are not met, from the scheduler's own words and from what drivers published."""

from collections.abc import Mapping
from typing import Any

import pytest

from disagg.local.cluster.words import Explanation, Reason, explain, reasons

# As a scheduler 1.34.4 said them.
TAIL = (
    ", 3 node(s) didn't match Pod's node affinity/selector. still not schedulable, preemption:"
    " 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
)
UNMET = f"0/4 nodes are available: 1 cannot allocate all claims{TAIL}"
TIMED_OUT = f"0/4 nodes are available: 1 timed out trying to allocate devices{TAIL}"
NO_CLASS = (
    "0/4 nodes are available: request efa-0: device class efa.networking.k8s.aws does not exist."
    " no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful"
    " for scheduling."
)
ASKED = {"gpu.nvidia.com": "4", "efa.networking.k8s.aws": "4"}


def told(message: str, given: Mapping[str, str]) -> Explanation:
    """Explain a pod that claims four pairs, on one node that publishes what is given."""
    spec = {"containers": [{"resources": {"requests": {"cpu": "1", **ASKED}}}]}
    node: dict[str, Any] = {
        "metadata": {"name": "decode-1", "labels": {}},
        "spec": {},
        "status": {"allocatable": {"cpu": "8", **given}},
    }
    return explain(message, spec, [node])


@pytest.mark.parametrize("message", [UNMET, TIMED_OUT])
@pytest.mark.parametrize(
    ("given", "why", "fix"),
    [
        ({}, "4 efa.networking.k8s.aws, and no node it may use offers any: aws-dranet", "taints"),
        (
            {"efa.networking.k8s.aws": "8"},
            "4 gpu.nvidia.com, and no node it may use offers any: dra-driver-nvidia-gpu",
            "ResourceSlices",
        ),
        (
            {"efa.networking.k8s.aws": "2", "gpu.nvidia.com": "8"},
            "4 efa.networking.k8s.aws, and no node it may use gives more than 2",
            "ask for less",
        ),
        (
            {"efa.networking.k8s.aws": "8", "gpu.nvidia.com": "8"},
            "no node it may use has them free on the PCIe roots it asks for",
            "resourceslices",
        ),
    ],
)
def test_what_is_missing_is_told_from_what_is_taken_or_apart(
    message: str, given: dict[str, str], why: str, fix: str
) -> None:
    found = told(message, given)
    assert why in found.why
    assert fix in found.fix


def test_the_talk_of_preemption_is_left_out_where_claims_were_looked_at_again() -> None:
    _, (first, second) = reasons(UNMET)
    assert first == Reason(1, "cannot allocate all claims")
    assert second.text == "node(s) didn't match Pod's node affinity/selector"


def test_a_class_that_nobody_installed_is_told_with_its_chart() -> None:
    found = told(NO_CLASS, {})
    assert "no such class: aws-dranet is not installed" in found.why
    assert "device_plugin" in found.fix
