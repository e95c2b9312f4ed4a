"""The Kubernetes layer: slow to make, and stateful."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from disagg.catalog.iam_load_balancer import (
    LOAD_BALANCER_CONTROLLER_STATEMENTS,
    LOAD_BALANCER_NAMESPACE,
    LOAD_BALANCER_SERVICE_ACCOUNT,
    IamStatement,
)
from disagg.config.environment import Environment
from disagg_constructs import (
    EksCluster,
    EksClusterProps,
    ExistingCluster,
    ExistingClusterProps,
    ExistingNetwork,
    LifecycleBucket,
    LifecycleBucketProps,
    Network,
    PodIdentity,
    PodIdentityProps,
)
from disagg_stacks.base import EnvironmentStack, scripts_bucket, tags_of


class ClusterStack(EnvironmentStack):
    """EKS cluster, system nodes, and the identity of the load balancer controller.

    Of a cluster of others: only its name and security group, for people and tools.
    """

    cluster: EksCluster | ExistingCluster
    """What nodes join."""
    load_balancer: PodIdentity
    """Identity of the load balancer controller; not there in a cluster of others."""

    @property
    def made(self) -> EksCluster:
        """The cluster, where it is made here: what only then can be had asks for it."""
        assert isinstance(self.cluster, EksCluster)  # noqa: S101  Why: DISAGG-OWN-016.
        return self.cluster

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network | ExistingNetwork,
    ) -> None:
        existing = environment.cluster.existing
        super().__init__(
            scope,
            environment=environment,
            layer="Cluster",
            description="Names of an EKS cluster for disaggregated LLM inference"
            if existing
            else "EKS for disaggregated LLM inference",
        )
        if existing is not None:
            self.cluster = ExistingCluster(
                self,
                "Cluster",
                props=ExistingClusterProps(
                    cluster_name=existing.name, security_group_id=existing.security_group_id
                ),
            )
        else:
            self.cluster = self._new(environment, network)
        self.publish("name", self.cluster.cluster_name)
        if isinstance(self.cluster, EksCluster):
            self.publish("endpoint", self.cluster.endpoint)
        self.publish("security-group-id", self.cluster.security_group.security_group_id)

    def _new(self, environment: Environment, network: Network | ExistingNetwork) -> EksCluster:
        plan = environment.cluster
        made = EksCluster(
            self,
            "Cluster",
            props=EksClusterProps(
                cluster_name=environment.cluster_name,
                subnets=network.system_subnets,
                administrators=plan.administrators,
                kubernetes_version=plan.kubernetes_version,
                service_cidr=plan.service_cidr,
                client_cidrs=plan.client_cidrs,
                system_instance_type=plan.system_type,
                # Why: on HyperPod the system nodes are a group of its cluster.
                system_nodes=0 if plan.on_hyperpod else plan.system_nodes,
                deletion_protection=plan.deletion_protection,
                key=self.own_key(environment),
                role=self.own_role("ClusterRole", environment.aws.roles.cluster),
                node_role=self.own_role("NodeRole", environment.aws.roles.nodes),
                tags=tags_of(environment),
            ),
        )
        self.load_balancer = PodIdentity(
            self,
            "LoadBalancerController",
            props=PodIdentityProps(
                cluster_name=made.cluster_name,
                cluster_arn=made.cluster_arn,
                namespace=LOAD_BALANCER_NAMESPACE,
                service_account=LOAD_BALANCER_SERVICE_ACCOUNT,
                statements=[self._statement(one) for one in LOAD_BALANCER_CONTROLLER_STATEMENTS],
            ),
        )
        if plan.on_hyperpod:
            LifecycleBucket(
                self,
                "LifecycleBucket",
                props=LifecycleBucketProps(
                    name=scripts_bucket(environment),
                    qualifier=environment.aws.bootstrap_qualifier,
                ),
            )
        return made

    def _statement(self, row: IamStatement) -> iam.PolicyStatement:
        return iam.PolicyStatement.from_json(
            {
                "Effect": row.effect,
                "Action": list(row.actions),
                "Resource": [
                    arn.replace("arn:aws:", f"arn:{self.partition}:", 1) for arn in row.resources
                ],
                "Condition": {
                    operator: {
                        key: list(value) if isinstance(value, tuple) else value
                        for key, value in pairs.items()
                    }
                    for operator, pairs in row.conditions.items()
                },
            }
        )
