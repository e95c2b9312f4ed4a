"""The layer that fails when AWS has no GPU node to give, and takes nothing else with it."""

import aws_cdk as cdk

from disagg.catalog.resources import LABEL_NODE_ENVIRONMENT
from disagg.config.environment import Environment, GpuGroup
from disagg.planner.layout import groups
from disagg_constructs import (
    EfaFabric,
    EfaFabricProps,
    EksCluster,
    GpuNodeGroup,
    GpuNodeGroupProps,
    Network,
)
from disagg_stacks.base import EnvironmentStack, tags_of


class CapacityStack(EnvironmentStack):
    """EFA security group, placement group, and one GPU node group for each group of the file."""

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network,
        cluster: EksCluster,
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
                placement_group=environment.capacity.placement_group,
                nodes=sum(one.nodes for one in plans.values() if one.source.kind == "on_demand"),
            ),
        )
        self.publish("efa-security-group-id", self.fabric.security_group.security_group_id)
        self.node_groups = {name: self._node_group(name, plan) for name, plan in plans.items()}
        for name, group in self.node_groups.items():
            self.publish(f"{name}-node-group", group.node_group_name)

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
                placement_group_name=self.fabric.placement_group_name,
                labels={LABEL_NODE_ENVIRONMENT: self._environment.name},
                root_volume_gib=plan.root_volume_gib,
                tags=tags_of(self._environment),
            ),
        )
