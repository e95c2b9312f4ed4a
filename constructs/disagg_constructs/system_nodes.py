"""The small nodes that carry what is not a model server: DNS, router, controllers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg_constructs.launch_template import metadata_options, root_volume, tag_specifications

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node may do: join, and pull images. The VPC CNI has a role of its own.

Source: EKS user guide "create-node-role", which allows to leave AmazonEKS_CNI_Policy to Pod
Identity.
"""


def node_role(scope: Construct, construct_id: str) -> iam.Role:
    """Return the role of a group's nodes; EKS writes the access entry for it."""
    return iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in NODE_POLICIES
        ],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemNodeGroupProps:
    """How many small nodes, of what type, where."""

    cluster_name: str
    """Cluster the nodes join."""
    subnets: Sequence[ec2.ISubnet]
    """Private subnets in two zones or more."""
    instance_type: str = "m7i.2xlarge"
    """An x86-64 type without GPU."""
    nodes: int = 2
    """Nodes to run [count]; during an update one more runs for a while."""
    kubernetes_version: str | None = None
    """Kubernetes version of the nodes. Default: the cluster's when the group is made; when the
    cluster is upgraded later, the nodes stay behind."""
    root_volume_gib: int = 100
    """Encrypted root volume [GiB]."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Kubernetes labels beside `disagg/role: system`. Default: none."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of instances and volumes. Default: none."""
    node_role: iam.IRole | None = None
    """Role of the nodes, with the policies of `NODE_POLICIES`. Default: a new one."""


class SystemNodeGroup(Construct):
    """A managed node group of small nodes without taint.

    *Creates*: one IAM role, one launch template, one managed node group.
    *Cost*: `nodes` instances and their volumes by the hour.
    *Replaces on change of*: `cluster_name`, `subnets`.
    """

    node_group: eks.CfnNodegroup
    """Depend on it what needs a node to become ready."""
    role: iam.IRole
    """Role of the nodes."""

    def __init__(self, scope: Construct, construct_id: str, *, props: SystemNodeGroupProps) -> None:
        super().__init__(scope, construct_id)
        self.role = props.node_role or node_role(self, "NodeRole")
        template = ec2.CfnLaunchTemplate(
            self,
            "LaunchTemplate",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                # Why: here and not in InstanceTypes, which is create-only: another type rolls the
                # nodes instead.
                instance_type=props.instance_type,
                metadata_options=metadata_options(),
                block_device_mappings=[root_volume(props.root_volume_gib)],
                tag_specifications=tag_specifications({"Name": self.node.path, **props.tags}),
            ),
        )
        self.node_group = eks.CfnNodegroup(
            self,
            "Resource",
            cluster_name=props.cluster_name,
            node_role=self.role.role_arn,
            subnets=[subnet.subnet_id for subnet in props.subnets],
            ami_type="AL2023_x86_64_STANDARD",
            version=props.kubernetes_version,
            capacity_type="ON_DEMAND",
            launch_template=eks.CfnNodegroup.LaunchTemplateSpecificationProperty(
                id=template.ref, version=template.attr_latest_version_number
            ),
            scaling_config=eks.CfnNodegroup.ScalingConfigProperty(
                min_size=props.nodes, desired_size=props.nodes, max_size=props.nodes + 1
            ),
            update_config=eks.CfnNodegroup.UpdateConfigProperty(max_unavailable=1),
            node_repair_config=eks.CfnNodegroup.NodeRepairConfigProperty(enabled=True),
            labels={**props.labels, LABEL_NODE_ROLE: SYSTEM_NODES},
        )
        cdk.Tags.of(self).add("disagg:role", "system")
