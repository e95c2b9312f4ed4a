"""The layer of GPU nodes on HyperPod: one SageMaker cluster in place of EKS node groups."""

import aws_cdk as cdk

from disagg.catalog.resources import (
    GPU_TAINT,
    LABEL_NODE_ENVIRONMENT,
    LABEL_NODE_ROLE,
    SYSTEM_NODES,
)
from disagg.config.capacity import GpuGroup, TrainingPlan
from disagg.config.environment import Environment, HyperPod
from disagg.planner.layout import groups
from disagg.planner.reservations import messages
from disagg_constructs import (
    BlockEnd,
    BlockEndProps,
    EfaFabric,
    EfaFabricProps,
    EksCluster,
    ExistingNetwork,
    HyperPodCluster,
    HyperPodClusterProps,
    HyperPodGroup,
    LifecycleScripts,
    LifecycleScriptsProps,
    Network,
)
from disagg_constructs.lifecycle_scripts import scripts_synthesizer
from disagg_stacks.base import EnvironmentStack, scripts_bucket

_CHECKS = {
    "instance_stress": "InstanceStress",
    "instance_connectivity": "InstanceConnectivity",
}
"""Deep health checks as SageMaker calls them."""


class HyperPodStack(EnvironmentStack):
    """EFA security group and a HyperPod cluster: a system group, and one for each of the file.

    The HyperPod Helm packages must be on the EKS cluster before: SageMaker refuses to make its
    cluster without them. `disagg deploy` keeps that order.
    """

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network | ExistingNetwork,
        cluster: EksCluster,
    ) -> None:
        bucket = scripts_bucket(environment)
        super().__init__(
            scope,
            environment=environment,
            layer="Capacity",
            description="HyperPod nodes for disaggregated LLM inference",
            synthesizer=scripts_synthesizer(bucket, environment.aws.bootstrap_qualifier),
        )
        hyperpod = environment.cluster.on_hyperpod
        assert hyperpod is not None  # noqa: S101  Why: `build` makes this stack on HyperPod only.
        self.fabric = EfaFabric(
            self, "Fabric", props=EfaFabricProps(vpc=network.vpc, placement_group="none")
        )
        self.publish("efa-security-group-id", self.fabric.security_group.security_group_id)
        self.hyperpod = HyperPodCluster(
            self,
            "HyperPod",
            props=HyperPodClusterProps(
                cluster_name=environment.cluster_name,
                eks_cluster_arn=cluster.cluster_arn,
                security_groups=[cluster.security_group, self.fabric.security_group],
                groups=[
                    _system(environment, network),
                    *(
                        _gpu_group(name, plan, environment, network, hyperpod)
                        for name, plan in groups(environment.capacity).items()
                    ),
                ],
                scripts=LifecycleScripts(
                    self, "Scripts", props=LifecycleScriptsProps(bucket_name=bucket)
                ),
                role=self.own_role("InstanceRole", environment.aws.roles.hyperpod),
                node_recovery=hyperpod.node_recovery == "automatic",
                tiered_storage_percent=hyperpod.tiered_storage_percent,
            ),
        )
        self.publish("hyperpod-cluster-arn", self.hyperpod.cluster.attr_cluster_arn)
        found = messages(environment)
        if found:
            end = BlockEnd(
                self, "BlockEnd", props=BlockEndProps(messages=found, key=self.own_key(environment))
            )
            self.publish("block-end-topic", end.topic.topic_arn)


def _system(environment: Environment, network: Network | ExistingNetwork) -> HyperPodGroup:
    return HyperPodGroup(
        name=SYSTEM_NODES,
        instance_type=environment.cluster.system_type,
        nodes=environment.cluster.system_nodes,
        subnets=network.system_subnets,
        labels={LABEL_NODE_ROLE: SYSTEM_NODES},
    )


def _gpu_group(
    name: str,
    plan: GpuGroup,
    environment: Environment,
    network: Network | ExistingNetwork,
    hyperpod: HyperPod,
) -> HyperPodGroup:
    checks = [_CHECKS[one] for one in hyperpod.deep_health_checks]
    return HyperPodGroup(
        name=name,
        instance_type=plan.instance_type,
        nodes=plan.desired_nodes,
        subnets=[network.fabric_subnet],
        labels={LABEL_NODE_ENVIRONMENT: environment.name, LABEL_NODE_ROLE: name},
        taint=None if checks else GPU_TAINT,
        volume_gib=plan.root_volume_gib,
        training_plan_arn=plan.source.arn if isinstance(plan.source, TrainingPlan) else None,
        deep_health_checks=checks,
    )
