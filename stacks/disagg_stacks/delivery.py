"""The optional layer of GitOps: what delivery tools must know of AWS, and an Argo CD of AWS."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from disagg.config.delivery import ArgoCdCapability
from disagg.config.environment import Environment
from disagg_constructs import ArgoCd, ArgoCdProps, EksCluster, ExistingNetwork, Network
from disagg_stacks.base import EnvironmentStack


class DeliveryStack(EnvironmentStack):
    """Parameters below `/disagg/<environment>/delivery/`, and the Argo CD capability if wanted."""

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network | ExistingNetwork,
        cluster: EksCluster,
        load_balancer_role: iam.IRole,
    ) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Delivery",
            description="What GitOps needs to know of disaggregated LLM inference",
        )
        self.publish("cluster-name", cluster.cluster_name)
        self.publish("cluster-arn", cluster.cluster_arn)
        self.publish("region", environment.aws.region)
        self.publish("vpc-id", network.vpc.vpc_id)
        self.publish("load-balancer-controller-role-arn", load_balancer_role.role_arn)
        wanted = environment.delivery.argocd_capability if environment.delivery else None
        self.argocd = self._argocd(environment, cluster, wanted) if wanted else None

    def _argocd(
        self, environment: Environment, cluster: EksCluster, plan: ArgoCdCapability
    ) -> ArgoCd:
        made = ArgoCd(
            self,
            "ArgoCd",
            props=ArgoCdProps(
                cluster_name=cluster.cluster_name,
                identity_center_arn=plan.identity_center_arn,
                identity_center_region=plan.identity_center_region or environment.aws.region,
                admin_groups=plan.admin_groups,
                admin_users=plan.admin_users,
                vpc_endpoint_ids=plan.vpc_endpoint_ids,
            ),
        )
        self.publish("argocd-role-arn", made.role.role_arn)
        self.publish("argocd-server-url", made.server_url)
        return made
