"""GPU nodes with every EFA device of their type: the part of the platform other tools get wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from disagg.catalog.amis import AL2023, AMI_FAMILIES, LABEL_NODE_AMI, AmiFamily
from disagg.catalog.dra import DEVICE_EXPOSURES, DRA, NODE_LABELS
from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.resources import GPU_TAINT, LABEL_NODE_ROLE
from disagg.planner.fabric import network_interfaces
from disagg_constructs.launch_template import (
    ROOT_DEVICE,
    metadata_options,
    root_volume,
    tag_specifications,
)
from disagg_constructs.node_user_data import gpu_user_data
from disagg_constructs.system_nodes import node_role


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserved:
    """Capacity that was bought before; nodes start in it and nowhere else."""

    reservation_id: str | None = None
    """`cr-...`; give this or `resource_group_arn`."""
    resource_group_arn: str | None = None
    """ARN of a resource group of on-demand capacity reservations."""
    capacity_block: bool = False
    """Whether it is a Capacity Block for ML: no placement group, and EKS empties the group 40
    minutes before its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuNodeGroupProps:
    """Which nodes, how many, and the network they are wired to."""

    cluster_name: str
    """Cluster the nodes join."""
    cluster_security_group: ec2.ISecurityGroup
    """The group EKS made for the cluster: without it on the node's interfaces the node never
    reaches the API."""
    efa_security_group: ec2.ISecurityGroup
    """The group of `EfaFabric`, which lets all traffic from and to itself."""
    subnet: ec2.ISubnet
    """One private subnet: EFA does not leave a zone, so neither does the group."""
    role: str
    """Value of the node label `disagg/role`: `prefill`, `decode` or `shared`."""
    instance_type: str
    """A type of `disagg.catalog.instances`; it decides the number and layout of the interfaces."""
    max_nodes: int
    """Largest size of the group [count]."""
    desired_nodes: int = 0
    """Nodes to run now [count]. 0 creates the group empty: that costs nothing and cannot fail
    for capacity."""
    kubernetes_version: str | None = None
    """Kubernetes version of the nodes. Default: the cluster's when the group is made; when the
    cluster is upgraded later, the nodes stay behind."""
    ami_release_version: str | None = None
    """Release of the AMI, such as `1.34.2-20261101`. Default: the newest when the group is made or
    its version changes."""
    ami: str = AL2023
    """Family of the AMI, `al2023` or `bottlerocket`; it decides user data and volumes."""
    device_exposure: str = "device_plugin"
    """Who hands out GPUs and EFA devices on the nodes: `device_plugin`, or `dra`, for which the
    nodes carry a label that its drivers select, and Bottlerocket's own device plugin is off."""
    reserved: Reserved | None = None
    """What was bought before for these nodes. Default: they are bought on demand."""
    placement_group_name: str | None = None
    """Placement group of the fabric, or the one a reservation was made in. Default: EC2 places the
    nodes where it likes."""
    root_volume_gib: int = 200
    """Encrypted root volume [GiB], with Bottlerocket the data volume beside its small system one;
    images, containers and pod logs live on the local NVMe disks."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Kubernetes labels beside `disagg/role`. Default: none."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of instances and volumes, beside `Name`. Default: none."""
    node_role: iam.IRole | None = None
    """Role of the nodes. Default: a new one that may join the cluster and pull images."""


class GpuNodeGroup(Construct):
    """A managed node group whose nodes carry all EFA devices of their type, in one zone.

    The node group has no name of its own: its subnet, role and AMI type are create-only, and
    CloudFormation makes the replacement before it deletes the old group, which fails when both have
    one name. The label `disagg/role` and the exported name find it. Its size changes with
    `desired_nodes` only; nothing here scales it.

    *Creates*: one launch template, one managed node group, one IAM role unless `node_role` is
    given.
    *Cost*: `desired_nodes` x the price of `instance_type` (p6-b200.48xlarge: about 114 USD/h on
    demand); what is reserved is paid for without nodes too.
    *Replaces on change of*: `cluster_name`, `subnet`, `node_role`, `ami`, and between a Capacity
    Block and anything else. Scale to 0 nodes before that, and before an upgrade of nodes in a
    block: there is no instance to spare. A change of `instance_type`, interfaces, volume, tags or
    placement makes a new launch template version, and every node is replaced, one at a time.

    Source: EKS user guide "launch-templates" (what a template must not hold), "node-efa" and
        "capacity-blocks-mng"; EC2 user guide "efa-acc-inst-types" for the interfaces.
    """

    node_group: eks.CfnNodegroup
    """The node group."""
    node_group_name: str
    """Name EKS knows it by."""
    role: iam.IRole
    """Role of the nodes."""

    def __init__(self, scope: Construct, construct_id: str, *, props: GpuNodeGroupProps) -> None:
        super().__init__(scope, construct_id)
        instance = _instance_type(props)
        self.role = props.node_role or node_role(self, "NodeRole")
        template = self._launch_template(instance, props)
        self.node_group = eks.CfnNodegroup(
            self,
            "Resource",
            cluster_name=props.cluster_name,
            node_role=self.role.role_arn,
            subnets=[props.subnet.subnet_id],
            ami_type=AMI_FAMILIES[props.ami].ami_type,
            version=props.kubernetes_version,
            release_version=props.ami_release_version,
            capacity_type=_capacity_type(props.reserved),
            launch_template=eks.CfnNodegroup.LaunchTemplateSpecificationProperty(
                id=template.ref, version=template.attr_latest_version_number
            ),
            scaling_config=eks.CfnNodegroup.ScalingConfigProperty(
                min_size=0, desired_size=props.desired_nodes, max_size=props.max_nodes
            ),
            # Why: MINIMAL ends a node before it starts its successor; there is no spare GPU node to
            # be had.
            update_config=eks.CfnNodegroup.UpdateConfigProperty(
                max_unavailable=1, update_strategy="MINIMAL"
            ),
            node_repair_config=eks.CfnNodegroup.NodeRepairConfigProperty(enabled=True),
            labels={**props.labels, **_labels(props), LABEL_NODE_ROLE: props.role},
            taints=[
                eks.CfnNodegroup.TaintProperty(
                    key=GPU_TAINT[0], value=GPU_TAINT[1], effect="NO_SCHEDULE"
                )
            ],
        )
        self.node_group_name = self.node_group.attr_nodegroup_name
        cdk.Tags.of(self).add("disagg:role", props.role)

    def _launch_template(
        self, instance: InstanceType, props: GpuNodeGroupProps
    ) -> ec2.CfnLaunchTemplate:
        data = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            # Why: here and not in InstanceTypes of the node group, which is create-only; CDK's L2
            # knows no p6.
            instance_type=instance.name,
            network_interfaces=_interfaces(
                instance,
                [
                    props.cluster_security_group.security_group_id,
                    props.efa_security_group.security_group_id,
                ],
            ),
            metadata_options=metadata_options(),
            block_device_mappings=_volumes(AMI_FAMILIES[props.ami], props.root_volume_gib),
            placement=None
            if props.placement_group_name is None
            else ec2.CfnLaunchTemplate.PlacementProperty(group_name=props.placement_group_name),
            instance_market_options=_market(props.reserved),
            capacity_reservation_specification=_target(props.reserved),
            tag_specifications=tag_specifications(
                {"Name": self.node.path, "disagg:role": props.role, **props.tags}
            ),
            user_data=cdk.Fn.base64(
                gpu_user_data(AMI_FAMILIES[props.ami], device_plugin=props.device_exposure != DRA)
            ),
        )
        return ec2.CfnLaunchTemplate(self, "LaunchTemplate", launch_template_data=data)


def _labels(props: GpuNodeGroupProps) -> dict[str, str]:
    """Return labels that daemons select: none on Amazon Linux with device plugins."""
    family = {} if props.ami == AL2023 else {LABEL_NODE_AMI: props.ami}
    return {**family, **(NODE_LABELS if props.device_exposure == DRA else {})}


def _volumes(
    ami: AmiFamily, size_gib: int
) -> list[ec2.CfnLaunchTemplate.BlockDeviceMappingProperty]:
    data = root_volume(size_gib, ami.data_device)
    if ami.system_volume_gib is None:
        return [data]
    return [root_volume(ami.system_volume_gib, ROOT_DEVICE), data]


def _capacity_type(reserved: Reserved | None) -> str:
    return "CAPACITY_BLOCK" if reserved is not None and reserved.capacity_block else "ON_DEMAND"


def _market(
    reserved: Reserved | None,
) -> ec2.CfnLaunchTemplate.InstanceMarketOptionsProperty | None:
    if reserved is None or not reserved.capacity_block:
        return None
    return ec2.CfnLaunchTemplate.InstanceMarketOptionsProperty(market_type="capacity-block")


def _target(
    reserved: Reserved | None,
) -> ec2.CfnLaunchTemplate.CapacityReservationSpecificationProperty | None:
    if reserved is None:
        return None
    # Why no preference beside it: EC2 takes one of the two.
    return ec2.CfnLaunchTemplate.CapacityReservationSpecificationProperty(
        capacity_reservation_target=ec2.CfnLaunchTemplate.CapacityReservationTargetProperty(
            capacity_reservation_id=reserved.reservation_id,
            capacity_reservation_resource_group_arn=reserved.resource_group_arn,
        )
    )


def _instance_type(props: GpuNodeGroupProps) -> InstanceType:
    known = INSTANCE_TYPES.get(props.instance_type)
    if known is None:
        raise ValueError(
            f"instance_type: got {props.instance_type!r}; need one whose network cards are known:"
            f" {', '.join(sorted(INSTANCE_TYPES))}"
        )
    if not 0 <= props.desired_nodes <= props.max_nodes or props.max_nodes < 1:
        raise ValueError(
            f"desired_nodes, max_nodes: got {props.desired_nodes}, {props.max_nodes};"
            " need 0 <= desired_nodes <= max_nodes and max_nodes >= 1"
        )
    if props.ami not in AMI_FAMILIES:
        raise ValueError(f"ami: got {props.ami!r}; need one of {', '.join(AMI_FAMILIES)}")
    if props.device_exposure not in DEVICE_EXPOSURES:
        raise ValueError(
            f"device_exposure: got {props.device_exposure!r};"
            f" need one of {', '.join(DEVICE_EXPOSURES)}"
        )
    _check_reserved(props)
    return known


def _check_reserved(props: GpuNodeGroupProps) -> None:
    reserved = props.reserved
    if reserved is None:
        return
    if (reserved.reservation_id is None) == (reserved.resource_group_arn is None):
        raise ValueError(
            f"reserved: got {reserved.reservation_id!r}, {reserved.resource_group_arn!r};"
            " need one of reservation_id and resource_group_arn"
        )
    if reserved.capacity_block and props.placement_group_name is not None:
        raise ValueError(
            f"placement_group_name: got {props.placement_group_name!r} with a Capacity Block;"
            " need None: EC2 finds no capacity for the two together"
        )


def _interfaces(
    instance: InstanceType, security_group_ids: Sequence[str]
) -> list[ec2.CfnLaunchTemplate.NetworkInterfaceProperty]:
    """Return the interfaces of the type; EKS adds no group to them, so each carries every one."""
    return [
        ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
            network_card_index=one.card,
            device_index=one.device,
            interface_type=one.kind,
            groups=list(security_group_ids),
            delete_on_termination=True,
        )
        for one in network_interfaces(instance)
    ]
