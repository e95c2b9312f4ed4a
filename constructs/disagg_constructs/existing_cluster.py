"""An EKS cluster that others own, seen as the constructs of this project want it."""

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


@dataclass(frozen=True, kw_only=True, slots=True)
class ExistingClusterProps:
    """Which cluster nodes join."""

    cluster_name: str
    """Its name."""
    security_group_id: str
    """The group EKS made for it: `cluster.resourcesVpcConfig.clusterSecurityGroupId`."""


class ExistingCluster(Construct):
    """A cluster of others: nodes join it, and nothing else of it changes.

    *Creates*: nothing.
    *Cost*: none.
    *Replaces on change of*: node groups that join another cluster are replaced.
    """

    cluster_name: str
    """Name of the cluster."""
    security_group: ec2.ISecurityGroup
    """The group every node interface carries."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ExistingClusterProps) -> None:
        super().__init__(scope, construct_id)
        self.cluster_name = props.cluster_name
        self.security_group = ec2.SecurityGroup.from_security_group_id(
            self,
            "SecurityGroup",
            props.security_group_id,
            # Guard: no rule is added to a group of others.
            mutable=False,
        )
