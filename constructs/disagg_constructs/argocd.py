"""Argo CD that AWS runs beside a cluster: no pods, and who enters is in IAM Identity Center."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from disagg.catalog.chart import ARGOCD


@dataclass(frozen=True, kw_only=True, slots=True)
class ArgoCdProps:
    """Whose cluster it is for, and who administers it."""

    cluster_name: str
    """Name of the cluster; a cluster has one Argo CD."""
    identity_center_arn: str
    """Instance of IAM Identity Center that people sign in through."""
    identity_center_region: str
    """Region of that instance."""
    admin_groups: Sequence[str] = ()
    """Ids of Identity Center groups that administer it. Default: none."""
    admin_users: Sequence[str] = ()
    """Ids of Identity Center users that do. Default: none."""
    vpc_endpoint_ids: Sequence[str] = ()
    """VPC endpoints its server is reached from. Default: the internet, after signing in."""
    namespace: str = ARGOCD
    """Namespace in which it reads Applications."""


class ArgoCd(Construct):
    """The EKS capability ARGOCD and the role it acts as, which may do nothing in AWS.

    EKS makes an access entry for the role and gives it no rights in Kubernetes: associate an access
    policy once it is there. The trust policy is AWS's own, without a condition on the caller, which
    AWS does not document for this service.

    *Creates*: one capability, one IAM role.
    *Cost*: by the hour and by Application, as the EKS price list says; in no estimate here.
    *Replaces on change of*: `cluster_name`, `namespace`, `identity_center_arn`,
    `identity_center_region`: which fails while the old one is there. What it applied stays.

    Source: EKS user guide "argocd-create-cli", "argocd-register-clusters", "capability-role".
    """

    role: iam.Role
    """The role; grant it what Argo CD needs of AWS, such as CodeConnections."""
    server_url: str
    """Where people sign in."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ArgoCdProps) -> None:
        super().__init__(scope, construct_id)
        if not props.admin_groups and not props.admin_users:
            raise ValueError("admin_groups, admin_users: got none; need one id, or nobody enters")
        self.role = iam.Role(
            self,
            "Role",
            description=f"Argo CD of EKS cluster {props.cluster_name}",
            assumed_by=iam.SessionTagsPrincipal(
                iam.ServicePrincipal("capabilities.eks.amazonaws.com")
            ),
        )
        capability = eks.CfnCapability(
            self,
            "Resource",
            capability_name="argocd",
            cluster_name=props.cluster_name,
            type="ARGOCD",
            role_arn=self.role.role_arn,
            delete_propagation_policy="RETAIN",
            configuration=eks.CfnCapability.CapabilityConfigurationProperty(
                argo_cd=_settings(props)
            ),
        )
        self.server_url = capability.attr_configuration_argo_cd_server_url


def _settings(props: ArgoCdProps) -> eks.CfnCapability.ArgoCdProperty:
    of = eks.CfnCapability
    named = (("SSO_GROUP", props.admin_groups), ("SSO_USER", props.admin_users))
    identities = [of.SsoIdentityProperty(id=one, type=kind) for kind, ids in named for one in ids]
    ids = list(props.vpc_endpoint_ids)
    return of.ArgoCdProperty(
        aws_idc=of.AwsIdcProperty(
            idc_instance_arn=props.identity_center_arn, idc_region=props.identity_center_region
        ),
        namespace=props.namespace,
        network_access=of.NetworkAccessProperty(vpce_ids=ids) if ids else None,
        rbac_role_mappings=[of.ArgoCdRoleMappingProperty(identities=identities, role="ADMIN")],
    )
