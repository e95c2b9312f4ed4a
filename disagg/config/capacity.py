"""Section `capacity`: GPU node groups, and how their nodes are bought."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import (
    RESERVATION,
    RESOURCE_GROUP,
    STRICT,
    TRAINING_PLAN,
    UTC_TIME,
    Count,
    CountOrNone,
)

_GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/gpu"
_PLAN = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class OnDemand:
    """Capacity bought by the hour when it is needed, if the zone has it."""

    kind: Literal["on_demand"] = "on_demand"
    """By the hour, at the list price."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Reservation:
    """Capacity you hold already: an on-demand capacity reservation (ODCR), paid used or not."""

    kind: Literal["reservation"]
    """Targeted: nodes start in it and nowhere else."""
    id: Annotated[str, Field(pattern=RESERVATION, examples=["cr-0123456789abcdef0"])] | None = None
    """Give this or `resource_group`."""
    resource_group: Annotated[str, Field(pattern=RESOURCE_GROUP, examples=[_GROUP])] | None = None
    """ARN of a resource group of reservations. Give this or `id`."""
    instances: Count
    """Instances it holds, as `aws ec2 describe-capacity-reservations` says."""
    zone_id: str
    """Zone it is in; `network.fabric_zone_id` must be the same."""
    placement_group: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Cluster placement group it was made in; its nodes start in that one. Default: made in
    none."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Paid:
    """What was paid up front for all instances of a Capacity Block or training plan."""

    upfront_usd: Annotated[float, Field(gt=0, le=1e12, examples=[51_000])]
    """For all instances and the whole time [USD]."""
    hours: Annotated[int, Field(ge=1, le=26_280)]
    """Length of it [h]."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class CapacityBlock:
    """An EC2 Capacity Block for ML: bought for a time, paid up front; buy it before you deploy."""

    kind: Literal["capacity_block"]
    """AWS ends its instances from 30 minutes before the end."""
    id: Annotated[str, Field(pattern=RESERVATION, examples=["cr-0123456789abcdef0"])]
    """Its capacity reservation."""
    instances: Count
    """Instances it holds."""
    zone_id: str
    """Zone it is in; `network.fabric_zone_id` must be the same."""
    end: Annotated[str, Field(pattern=UTC_TIME, examples=["2027-03-01T11:30:00Z"])]
    """When it ends, in UTC, as `aws ec2 describe-capacity-reservations` says."""
    drain_minutes: Annotated[int, Field(ge=5, le=1_440)] = 60
    """How long before AWS empties the group the drain begins [minutes]: a message says so then."""
    price: Paid | None = None
    """What it cost. Default: `pricing.capacity_block`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class TrainingPlan:
    """A SageMaker training plan for HyperPod: bought for a time, paid up front; buy it first."""

    kind: Literal["training_plan"]
    """With `cluster.platform: hyperpod` only."""
    arn: Annotated[str, Field(pattern=TRAINING_PLAN, examples=[_PLAN])]
    """Its ARN, as `aws sagemaker list-training-plans` says."""
    instances: Count
    """Instances it holds."""
    zone_id: str
    """Zone it is in; `network.fabric_zone_id` must be the same."""
    end: Annotated[str, Field(pattern=UTC_TIME, examples=["2027-03-01T11:30:00Z"])]
    """When it ends, in UTC, as `aws sagemaker describe-training-plan` says."""
    drain_minutes: Annotated[int, Field(ge=5, le=1_440)] = 60
    """How long before SageMaker takes the nodes back the drain begins [minutes]: a message says so
    then."""
    price: Paid | None = None
    """What it cost. Default: `pricing.training_plan`."""


CapacitySource = OnDemand | Reservation | CapacityBlock | TrainingPlan


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class GpuGroup:
    """GPU nodes of one type in the fabric zone: an EKS node group, node pool or HyperPod group."""

    instance_type: Annotated[str, Field(examples=["p6-b200.48xlarge"])]
    """A GPU type of the catalogue, by its EC2 name on HyperPod too; it decides GPUs, EFA devices
    and interfaces of a node."""
    nodes: Count
    """Nodes the layout is planned for: the largest size of the group."""
    desired_nodes: CountOrNone = 0
    """Nodes to run now. 0 creates the group empty, so that creation costs nothing and cannot fail
    for capacity."""
    ami: Literal["al2023", "bottlerocket"] = "al2023"
    """Family of the EKS-optimized AMI with the NVIDIA driver. A change replaces the node group;
    HyperPod has its own."""
    source: Annotated[CapacitySource, Field(discriminator="kind")] = Field(default_factory=OnDemand)
    """How the capacity is bought. Default: on demand."""
    root_volume_gib: Annotated[int, Field(ge=50, le=16_384)] = 200
    """Encrypted root volume [GiB], for the system; images, logs and models are on the NVMe. With
    Bottlerocket it is the data volume, beside a system volume of 4 GiB; on HyperPod, whose root
    volume has a fixed size, a second volume."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Capacity:
    """GPU node groups: `prefill` and `decode` for separate nodes, `shared` for colocation."""

    provisioner: Literal["managed_node_groups", "karpenter"] = "managed_node_groups"
    """What makes the GPU nodes on `platform: eks`. `karpenter`: a static node pool for each group
    in place of a managed node group, with the same interfaces, labels and taints."""

    prefill: GpuGroup | None = None
    """Nodes of the prefill pods, with `serving.placement: separate_nodes`."""
    decode: GpuGroup | None = None
    """Nodes of the decode pods, with `serving.placement: separate_nodes`."""
    shared: GpuGroup | None = None
    """Nodes of both roles, with `serving.placement: colocate`."""
    placement_group: Literal["auto", "cluster", "none"] = "auto"
    """`auto` makes a cluster placement group when on-demand groups hold two nodes or more.
    Reservations use the one they were made in, Capacity Blocks none: they are near already.
    HyperPod places its nodes itself."""
    device_exposure: Literal["device_plugin", "dra"] = "device_plugin"
    """Who hands out GPUs and EFA devices, on all nodes: device plugins, which count them, or DRA
    drivers, which know what sits on one PCIe root. Never both: each would hand out the same
    device."""
