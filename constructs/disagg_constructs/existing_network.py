"""A VPC that others own, seen as the constructs of this project want it."""

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct


@dataclass(frozen=True, kw_only=True, slots=True)
class ExistingNetworkProps:
    """The VPC and which of its subnets are used."""

    vpc_id: str
    """Id of the VPC."""
    cidr: str
    """Its first IPv4 range."""
    fabric_subnet_id: str
    """Private subnet of the GPU nodes."""
    system_subnets: Sequence[tuple[str, str]]
    """Id and zone id of the private subnets of everything else."""


class ExistingNetwork(Construct):
    """A VPC of others: nothing is made in it, and nothing of it is asked of AWS.

    Its private subnets need a way to AWS services and registries, its system subnets the tag
    `kubernetes.io/role/internal-elb`, and it DNS host names and support.

    *Creates*: nothing.
    *Cost*: none.
    *Replaces on change of*: what is in a subnet that is no longer named moves, and so is replaced.
    """

    vpc: ec2.IVpc
    """The VPC with its system subnets as private subnets, as `Network` has it."""
    fabric_subnet: ec2.ISubnet
    """Private subnet of the GPU nodes."""
    system_subnets: Sequence[ec2.ISubnet]
    """Private subnets of everything else."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ExistingNetworkProps) -> None:
        super().__init__(scope, construct_id)
        cdk.Annotations.of(self).acknowledge_warning(
            "@aws-cdk/aws-ec2:noSubnetRouteTableId", "nothing here changes routes of others"
        )
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=props.vpc_id,
            vpc_cidr_block=props.cidr,
            # Why ids: zone names differ between accounts, and only AWS knows those of this one.
            # Nothing here writes them into a template.
            availability_zones=[zone_id for _, zone_id in props.system_subnets],
            private_subnet_ids=[subnet_id for subnet_id, _ in props.system_subnets],
        )
        self.system_subnets = self.vpc.private_subnets
        self.fabric_subnet = ec2.Subnet.from_subnet_id(self, "FabricSubnet", props.fabric_subnet_id)
