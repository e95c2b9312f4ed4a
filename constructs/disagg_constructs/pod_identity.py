"""An IAM role for one service account, bound on the AWS side: no manifest carries an ARN."""

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


@dataclass(frozen=True, kw_only=True, slots=True)
class PodIdentityProps:
    """Who gets which permissions."""

    cluster_name: str
    """Name of the cluster; it needs the `eks-pod-identity-agent` add-on."""
    cluster_arn: str
    """ARN of the cluster: only this one may hand the role out."""
    namespace: str
    """Namespace of the service account; neither has to exist yet."""
    service_account: str
    """Name of the service account."""
    managed_policies: Sequence[iam.IManagedPolicy] = ()
    """Policies of AWS to attach. Default: none."""
    statements: Sequence[iam.PolicyStatement] = ()
    """Statements of the role's own policy. Default: none."""


class PodIdentity(Construct):
    """Binds an IAM role to one service account of one cluster.

    The trust policy names cluster, namespace and service account, so that a second association made
    by somebody else in the account cannot borrow the role.

    *Creates*: one IAM role (with a managed policy when statements are given), one Pod Identity
    association.
    *Cost*: none.
    *Replaces on change of*: `cluster_name`, `namespace`, `service_account` (the association; the
    role stays).

    Source: EKS user guide "pod-id-role": trust policy and the request tags Pod Identity sends.
    """

    role: iam.Role
    """The role; `grant_…` of other constructs take it."""
    association: eks.CfnPodIdentityAssociation
    """Depend on it what must not start without credentials."""

    def __init__(self, scope: Construct, construct_id: str, *, props: PodIdentityProps) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.SessionTagsPrincipal(
                iam.ServicePrincipal(
                    "pods.eks.amazonaws.com",
                    conditions={
                        "StringEquals": {
                            "aws:RequestTag/eks-cluster-arn": props.cluster_arn,
                            "aws:RequestTag/kubernetes-namespace": props.namespace,
                            "aws:RequestTag/kubernetes-service-account": props.service_account,
                        }
                    },
                )
            ),
            managed_policies=list(props.managed_policies),
        )
        if props.statements:
            iam.ManagedPolicy(self, "Policy", roles=[self.role], statements=list(props.statements))
        self.association = eks.CfnPodIdentityAssociation(
            self,
            "Resource",
            cluster_name=props.cluster_name,
            namespace=props.namespace,
            service_account=props.service_account,
            role_arn=self.role.role_arn,
        )
        cdk.Tags.of(self).add(
            "disagg:service-account", f"{props.namespace}/{props.service_account}"
        )
