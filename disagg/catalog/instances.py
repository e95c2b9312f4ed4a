"""EC2 GPU instance types: what a node has, what pods can have of it, how its cards are wired."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source
from disagg.units import Mib, MilliCpu


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceType:
    """One instance type [per node]."""

    name: str
    gpu_name: str
    gpus: int
    gpu_memory_mib: Mib
    """HBM of one GPU [MiB]."""
    vcpus: int
    memory_mib: Mib
    allocatable_cpu_milli: MilliCpu
    """What kubelet leaves for pods [mCPU]."""
    allocatable_memory_mib: Mib
    """What kubelet leaves for pods [MiB]."""
    max_pods: int
    nvme_gb: int
    """Local NVMe over all disks [GB, decimal]."""
    network_gbps: int
    """EFA and ENA together [Gbit/s]."""
    network_cards: int
    efa_devices: int
    """Largest number of EFA interfaces; at most one for each card."""
    card_zero_has_efa: bool
    """False where card 0 takes an ENA only (p6-b300)."""
    numa_nodes: int | None
    """None where no source says it."""
    regions: frozenset[str]
    """Regions that sell the type on EC2."""
    hyperpod_regions: frozenset[str]
    """Regions that sell its `ml.` type for SageMaker HyperPod."""
    sold_on_demand: bool = True
    """False for what is sold as Capacity Blocks only; prices are in `prices.yaml`."""
    sold_ahead: bool = True
    """Whether it is sold as Capacity Blocks, and as training plans for HyperPod. Source: AWS PCS
    user guide "Capacity Blocks", limitations (the P families only); SageMaker API
    `ReservedCapacityInstanceType` in botocore, both read 2026-11-28."""
    source: Source

    @property
    def efa_per_gpu(self) -> float:
        """EFA devices for each GPU when a node is shared evenly."""
        return self.efa_devices / self.gpus


_KARPENTER = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "aws/karpenter-provider-aws@1d927085d instance-types.md (allocatable, for AL2023) and"
        " zz_generated.vpclimits.go; EC2 user guide efa-acc-inst-types;"
        " regions: cfn-lint 1.58.0 extensions/aws_ec2_instance and aws_sagemaker_cluster"
        " (2026-10-20)"
    ),
    date="2026-08-21",
)


def _regions(names: str) -> frozenset[str]:
    return frozenset(names.split())


_ROWS = (
    InstanceType(
        name="p6-b200.48xlarge",
        gpu_name="B200",
        gpus=8,
        gpu_memory_mib=Mib(183_359),
        vcpus=192,
        memory_mib=Mib(2_097_152),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_937_332),
        max_pods=198,
        nvme_gb=30_400,
        network_gbps=3_200,
        network_cards=8,
        efa_devices=8,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions(
            "ap-south-1 ap-south-2 eu-north-1 eu-west-3 us-east-1 us-east-2 us-gov-east-1 "
            "us-gov-west-1 us-west-2"
        ),
        hyperpod_regions=_regions("ap-south-1 ap-south-2 us-east-1 us-east-2 us-west-2"),
        source=_KARPENTER,
    ),
    InstanceType(
        name="p6-b300.48xlarge",
        gpu_name="B300",
        gpus=8,
        gpu_memory_mib=Mib(275_040),
        vcpus=192,
        memory_mib=Mib(4_194_304),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(3_877_198),
        max_pods=198,
        nvme_gb=30_400,
        network_gbps=6_400,
        network_cards=17,
        efa_devices=16,
        card_zero_has_efa=False,
        numa_nodes=None,
        regions=_regions(
            "ap-northeast-2 ap-south-2 ap-southeast-3 eu-west-2 sa-east-1 us-east-1 "
            "us-gov-east-1 us-west-2"
        ),
        hyperpod_regions=_regions("ap-south-2 ap-southeast-3 us-east-1 us-west-2"),
        source=_KARPENTER,
    ),
    InstanceType(
        name="p5en.48xlarge",
        gpu_name="H200",
        gpus=8,
        gpu_memory_mib=Mib(144_384),
        vcpus=192,
        memory_mib=Mib(2_097_152),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_937_332),
        max_pods=198,
        nvme_gb=30_400,
        network_gbps=3_200,
        network_cards=16,
        efa_devices=16,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-north-1 eu-south-2 "
            "me-central-1 us-east-1 us-east-2 us-gov-west-1 us-west-1 us-west-2"
        ),
        hyperpod_regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-north-1 "
            "eu-south-2 us-east-1 us-east-2 us-west-1 us-west-2"
        ),
        source=_KARPENTER,
    ),
    InstanceType(
        name="p5e.48xlarge",
        gpu_name="H200",
        gpus=8,
        gpu_memory_mib=Mib(144_384),
        vcpus=192,
        memory_mib=Mib(2_097_152),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_938_410),
        max_pods=100,
        nvme_gb=30_400,
        network_gbps=3_200,
        network_cards=32,
        efa_devices=32,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions("us-east-2"),
        hyperpod_regions=_regions(""),
        sold_on_demand=False,
        source=_KARPENTER,
    ),
    InstanceType(
        name="p5.48xlarge",
        gpu_name="H100",
        gpus=8,
        gpu_memory_mib=Mib(81_920),
        vcpus=192,
        memory_mib=Mib(2_097_152),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_938_410),
        max_pods=100,
        nvme_gb=30_400,
        network_gbps=3_200,
        network_cards=32,
        efa_devices=32,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 "
            "ca-central-1 eu-north-1 eu-west-2 sa-east-1 us-east-1 us-east-2 us-gov-west-1 "
            "us-west-1 us-west-2"
        ),
        hyperpod_regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 "
            "ap-southeast-3 ca-central-1 eu-central-1 eu-north-1 eu-west-1 "
            "eu-west-2 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"
        ),
        source=_KARPENTER,
    ),
    InstanceType(
        name="g7e.48xlarge",
        gpu_name="RTX PRO Server 6000",
        gpus=8,
        gpu_memory_mib=Mib(98_304),
        vcpus=192,
        memory_mib=Mib(2_097_152),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_932_558),
        max_pods=632,
        nvme_gb=15_200,
        network_gbps=1_600,
        network_cards=4,
        efa_devices=4,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 ap-southeast-5 "
            "eu-central-1 eu-north-1 eu-south-2 eu-west-2 us-east-1 us-east-2 us-west-2"
        ),
        hyperpod_regions=_regions(
            "ap-northeast-1 ap-northeast-2 eu-central-1 eu-north-1 eu-south-2 "
            "eu-west-2 us-east-1 us-east-2 us-west-2"
        ),
        sold_ahead=False,
        source=_KARPENTER,
    ),
    InstanceType(
        name="g6e.48xlarge",
        gpu_name="L40S",
        gpus=8,
        gpu_memory_mib=Mib(45_776),
        vcpus=192,
        memory_mib=Mib(1_572_864),
        allocatable_cpu_milli=MilliCpu(191_450),
        allocatable_memory_mib=Mib(1_449_132),
        max_pods=492,
        nvme_gb=7_600,
        network_gbps=400,
        network_cards=4,
        efa_devices=4,
        card_zero_has_efa=True,
        numa_nodes=None,
        regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 eu-central-1 "
            "eu-north-1 eu-south-2 me-central-1 us-east-1 us-east-2 us-west-2"
        ),
        hyperpod_regions=_regions(
            "ap-northeast-1 ap-northeast-2 ap-south-2 eu-central-1 eu-north-1 "
            "eu-south-2 us-east-1 us-east-2 us-west-2"
        ),
        sold_ahead=False,
        source=_KARPENTER,
    ),
)

HYPERPOD_MAX_PODS = 49
"""Pods of a HyperPod GPU node at most: its pods share the 50 addresses of one interface.

Source: SageMaker developer guide sagemaker-hyperpod-eks-prerequisites, table of pods per node
(49 for p5, p5e, p6-b300, g6e.48xlarge and g7e; p6-b200 and p5en are not in the copy read: taken as
equal), 2026-11-23.
"""


_SAGEMAKER = "ml."
"""What SageMaker puts before the name of an EC2 type."""


def node_type(instance_type: str, platform: str) -> str:
    """Return the instance type a node is labelled with, and SageMaker is asked for.

    Example:
        >>> node_type("p6-b200.48xlarge", "hyperpod"), node_type("p6-b200.48xlarge", "eks")
        ('ml.p6-b200.48xlarge', 'p6-b200.48xlarge')
    """
    return f"{_SAGEMAKER}{instance_type}" if platform == "hyperpod" else instance_type


def ec2_name(labelled: str) -> str:
    """Return the EC2 name of the instance type a node is labelled with.

    Example:
        >>> ec2_name("ml.p6-b200.48xlarge"), ec2_name("p6-b200.48xlarge")
        ('p6-b200.48xlarge', 'p6-b200.48xlarge')
    """
    return labelled.removeprefix(_SAGEMAKER)


INSTANCE_TYPES: dict[str, InstanceType] = {row.name: row for row in _ROWS}
"""Every GPU instance type an environment may name."""
