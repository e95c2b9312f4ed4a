"""EC2 types without GPUs, for the nodes that run add-ons, router and monitoring."""

from collections.abc import Mapping
from dataclasses import dataclass

from disagg.catalog.source import Kind, Source
from disagg.units import Mib, MilliCpu


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemInstanceType:
    """One x86 instance type without accelerators [per node]."""

    name: str
    vcpus: int
    memory_mib: Mib
    allocatable_cpu_milli: MilliCpu
    """What kubelet leaves for pods [mCPU]."""
    allocatable_memory_mib: Mib
    """What kubelet leaves for pods [MiB]."""
    max_pods: int
    hyperpod_max_pods: int
    """Pods of a HyperPod node: one for each address of its single interface but the first."""
    source: Source


_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "aws/karpenter-provider-aws@1d927085d instance-types.md (allocatable, for AL2023);"
        " SageMaker developer guide sagemaker-hyperpod-eks-prerequisites (14 and 29 pods for m5 of"
        " the same sizes, which have as many addresses an interface)"
    ),
    date="2026-07-20",
)

_ROWS = (
    SystemInstanceType(
        name="m7i.2xlarge",
        vcpus=8,
        memory_mib=Mib(32_768),
        allocatable_cpu_milli=MilliCpu(7_910),
        allocatable_memory_mib=Mib(29_317),
        max_pods=58,
        hyperpod_max_pods=14,
        source=_SOURCE,
    ),
    SystemInstanceType(
        name="m7i.4xlarge",
        vcpus=16,
        memory_mib=Mib(65_536),
        allocatable_cpu_milli=MilliCpu(15_890),
        allocatable_memory_mib=Mib(57_691),
        max_pods=234,
        hyperpod_max_pods=29,
        source=_SOURCE,
    ),
)

SYSTEM_INSTANCE_TYPES: dict[str, SystemInstanceType] = {row.name: row for row in _ROWS}
"""Instance types the system node group may use."""
DEFAULT_SYSTEM_INSTANCE_TYPES: Mapping[str, str] = {"eks": "m7i.2xlarge", "hyperpod": "m7i.4xlarge"}
"""By platform: on HyperPod a node has the addresses of one interface, so the larger type."""
