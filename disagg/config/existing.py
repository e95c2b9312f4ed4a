"""What an organisation has already, and this project uses without making or changing it.

Nothing is looked up: what must be known of it is stated here, and rules check it.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import (
    ADD_ON_VERSION,
    CLUSTER_NAME,
    GROUP_ID,
    ROLE_ARN,
    STRICT,
    SUBNET_ID,
    VPC_ID,
)

_ROLE = "arn:aws:iam::123456789012:role/platform-eks-cluster"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ExistingSubnet:
    """A private subnet, as `aws ec2 describe-subnets` says."""

    id: Annotated[str, Field(pattern=SUBNET_ID, examples=["subnet-0123456789abcdef0"])]
    """Its id."""
    cidr: Annotated[str, Field(examples=["10.42.0.0/18"])]
    """Its IPv4 range."""
    zone_id: Annotated[str, Field(examples=["usw2-az2"])]
    """Its zone."""
    free_addresses: Annotated[int, Field(ge=0, le=65_536)] | None = None
    """`AvailableIpAddressCount` of it today, where others use it too. Default: all are free."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ExistingNetwork:
    """A VPC of others, used as it is: no subnet, route, endpoint or flow log is made in it."""

    vpc_id: Annotated[str, Field(pattern=VPC_ID, examples=["vpc-0123456789abcdef0"])]
    """Its id; `network.cidr` is its first range."""
    other_cidrs: tuple[str, ...] = ()
    """Its further IPv4 ranges. Default: none."""
    fabric_subnet: ExistingSubnet
    """Where the GPU nodes go, in `network.fabric_zone_id`."""
    system_subnets: Annotated[tuple[ExistingSubnet, ...], Field(min_length=2, max_length=16)]
    """Where everything else goes: the control plane's interfaces, system nodes, load balancers. In
    each of `network.availability_zone_ids` one at least."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Roles:
    """IAM roles of others, in place of those that would be made.

    docs/bring-your-own.md lists what each must trust and may do.
    """

    cluster: Annotated[str, Field(pattern=ROLE_ARN, examples=[_ROLE])] | None = None
    """ARN of the control plane's role. Default: made."""
    nodes: Annotated[str, Field(pattern=ROLE_ARN)] | None = None
    """ARN of the role of EKS nodes, system and GPU. Default: one is made for each group."""
    hyperpod: Annotated[str, Field(pattern=ROLE_ARN)] | None = None
    """ARN of the role of HyperPod's instances. Default: made."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ExistingCluster:
    """An EKS cluster of others, in the existing VPC: GPU nodes join it, nothing of it changes."""

    name: Annotated[str, Field(pattern=CLUSTER_NAME, examples=["platform"])]
    """Its name."""
    security_group_id: Annotated[str, Field(pattern=GROUP_ID, examples=["sg-0123456789abcdef0"])]
    """`cluster.resourcesVpcConfig.clusterSecurityGroupId` of `aws eks describe-cluster`."""
    vpc_cni_version: Annotated[str, Field(pattern=ADD_ON_VERSION, examples=["v1.21.1-eksbuild.1"])]
    """Version of its VPC CNI: older ones take the interfaces of EFA for their own."""
