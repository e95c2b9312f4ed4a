"""The layer that fails when AWS has no GPU node to give, and takes nothing else with it."""

import aws_cdk as cdk

from disagg.catalog.resources import LABEL_NODE_ENVIRONMENT
from disagg.config.capacity import CapacityBlock, GpuGroup, Reservation
from disagg.config.environment import Environment
from disagg.planner.karpenter import (
    by_karpenter,
    fabric_tags,
    instance_profile_name,
    queue_name,
)
from disagg.planner.layout import groups
from disagg.planner.reservations import (
    FABRIC,
    makes_placement_group,
    messages,
    placement_group_of,
)
from disagg_constructs import (
    BlockEnd,
    BlockEndProps,
    EfaFabric,
    EfaFabricProps,
    EksCluster,
    ExistingCluster,
    ExistingNetwork,
    GpuNodeGroup,
    GpuNodeGroupProps,
    Karpenter,
    KarpenterProps,
    Network,
    Reserved,
)
from disagg_stacks.base import EnvironmentStack, tags_of


class CapacityStack(EnvironmentStack):
    """EFA security group, placement group, and one GPU node group for each group of the file.

    With Karpenter: what it needs to make the nodes itself, and no node group.
    """

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network | ExistingNetwork,
        cluster: EksCluster | ExistingCluster,
    ) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Capacity",
            description="GPU nodes for disaggregated LLM inference",
        )
        self._environment, self._network, self._cluster = environment, network, cluster
        plans = groups(environment.capacity)
        self.fabric = EfaFabric(
            self,
            "Fabric",
            props=EfaFabricProps(
                vpc=network.vpc,
                placement_group="cluster" if makes_placement_group(environment) else "none",
            ),
        )
        self.publish("efa-security-group-id", self.fabric.security_group.security_group_id)
        self._node_role = self.own_role("NodeRole", environment.aws.roles.nodes)
        karpenter = by_karpenter(environment)
        self.node_groups = {
            name: self._node_group(name, plan) for name, plan in plans.items() if not karpenter
        }
        self.karpenter = self._karpenter() if karpenter else None
        for name, group in self.node_groups.items():
            self.publish(f"{name}-node-group", group.node_group_name)
        self.block_end = self._block_end()

    def _karpenter(self) -> Karpenter:
        """Return what Karpenter needs to make the nodes, which then are in no stack."""
        environment = self._environment
        for key, value in fabric_tags(environment).items():
            cdk.Tags.of(self.fabric.security_group).add(key, value)
        assert isinstance(self._cluster, EksCluster)  # noqa: S101  Why: DISAGG-KRP-002.
        made = Karpenter(
            self,
            "Karpenter",
            props=KarpenterProps(
                cluster_name=environment.cluster_name,
                cluster_arn=self._cluster.cluster_arn,
                queue_name=queue_name(environment),
                instance_profile_name=instance_profile_name(environment),
            ),
        )
        self.publish("karpenter-queue", made.queue.queue_name)
        self.publish("gpu-node-role-arn", made.node_role.role_arn)
        return made

    def _block_end(self) -> BlockEnd | None:
        """Return the messages before Capacity Blocks end; None where there are none."""
        found = messages(self._environment)
        if not found:
            return None
        made = BlockEnd(
            self,
            "BlockEnd",
            props=BlockEndProps(messages=found, key=self.own_key(self._environment)),
        )
        self.publish("block-end-topic", made.topic.topic_arn)
        return made

    def _placement_group_name(self, name: str) -> str | None:
        found = placement_group_of(self._environment, name)
        return self.fabric.placement_group_name if found == FABRIC else found

    def _node_group(self, name: str, plan: GpuGroup) -> GpuNodeGroup:
        return GpuNodeGroup(
            self,
            f"{name.capitalize()}Nodes",
            props=GpuNodeGroupProps(
                cluster_name=self._cluster.cluster_name,
                cluster_security_group=self._cluster.security_group,
                efa_security_group=self.fabric.security_group,
                subnet=self._network.fabric_subnet,
                role=name,
                instance_type=plan.instance_type,
                max_nodes=plan.nodes,
                desired_nodes=plan.desired_nodes,
                kubernetes_version=self._environment.cluster.kubernetes_version,
                ami=plan.ami,
                device_exposure=self._environment.capacity.device_exposure,
                reserved=_reserved(plan),
                placement_group_name=self._placement_group_name(name),
                labels={LABEL_NODE_ENVIRONMENT: self._environment.name},
                root_volume_gib=plan.root_volume_gib,
                tags=tags_of(self._environment),
                node_role=self._node_role,
            ),
        )


def _reserved(plan: GpuGroup) -> Reserved | None:
    source = plan.source
    if isinstance(source, CapacityBlock):
        return Reserved(reservation_id=source.id, capacity_block=True)
    if isinstance(source, Reservation):
        return Reserved(reservation_id=source.id, resource_group_arn=source.resource_group)
    return None
