"""What GPU nodes share so that EFA works between them: a security group, and nearness."""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

_ALL_PROTOCOLS = "-1"
_NODES_THAT_CAN_BE_NEAR = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class EfaFabricProps:
    """Where the fabric is, and how near its nodes are placed."""

    vpc: ec2.IVpc
    """EFA traffic does not leave a VPC, nor the zone the nodes are in."""
    placement_group: Literal["auto", "cluster", "none"] = "auto"
    """`cluster` places the nodes near each other, `none` leaves it to EC2 (Capacity Blocks need
    `none`); `auto` is `cluster` when `nodes` is two or more."""
    nodes: int = 0
    """Largest number of on-demand nodes on the fabric [count]; only `auto` asks."""


class EfaFabric(Construct):
    """The security group and placement group that EFA nodes of one zone share.

    The group holds two rules: everything from itself, everything to itself. It opens nothing else,
    because the cluster security group is on the same interfaces and reaches the control plane, DNS
    and registries; a rule for `0.0.0.0/0` would not cover EFA anyway, whose packets are not IP.

    *Creates*: one security group with two rules; a cluster placement group where asked for.
    *Cost*: none.
    *Replaces on change of*: `vpc` (the group), `placement_group` (node groups that name it get a
    new launch template version and roll).

    Source: EC2 user guide "efa-start", step 1: self-referencing inbound and outbound rule.
        awslabs/awsome-distributed-ai issue 546: egress to 0.0.0.0/0 does not cover EFA.
    """

    security_group: ec2.ISecurityGroup
    """Belongs on every interface of every node of the fabric."""
    placement_group_name: str | None
    """Name for launch templates, None without a placement group."""

    def __init__(self, scope: Construct, construct_id: str, *, props: EfaFabricProps) -> None:
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=props.vpc,
            description="EFA: everything between the nodes of one fabric, nothing else",
            # Guard: with True, CDK drops the rule to itself, and EFA handshakes fail with error
            # 4126.
            allow_all_outbound=False,
        )
        # Why: L1 rules, because add_egress_rule(group) gives them ids made of the group's path.
        ec2.CfnSecurityGroupIngress(
            self,
            "SelfIngress",
            group_id=group.security_group_id,
            source_security_group_id=group.security_group_id,
            ip_protocol=_ALL_PROTOCOLS,
            description="EFA from nodes of the fabric",
        )
        ec2.CfnSecurityGroupEgress(
            self,
            "SelfEgress",
            group_id=group.security_group_id,
            destination_security_group_id=group.security_group_id,
            ip_protocol=_ALL_PROTOCOLS,
            description="EFA to nodes of the fabric",
        )
        self.security_group = group
        self.placement_group_name = self._placement_group(props)

    def _placement_group(self, props: EfaFabricProps) -> str | None:
        wanted = props.placement_group == "cluster" or (
            props.placement_group == "auto" and props.nodes >= _NODES_THAT_CAN_BE_NEAR
        )
        if not wanted:
            return None
        placement_group = ec2.CfnPlacementGroup(self, "PlacementGroup", strategy="cluster")
        # Guard: Tags is create-only here, so a new tag on the stack would replace the group and
        # roll its nodes.
        placement_group.add_property_deletion_override("Tags")
        return placement_group.attr_group_name
