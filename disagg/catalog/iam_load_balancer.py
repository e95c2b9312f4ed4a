"""IAM actions the AWS Load Balancer Controller needs, without the features switched off here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from disagg.catalog.source import Kind, Source

LOAD_BALANCER_CONTROLLER_VERSION = "v3.5.0"
"""Equal to the app version of the chart in `disagg.catalog.kubernetes.CHARTS`."""

LOAD_BALANCER_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "kubernetes-sigs/aws-load-balancer-controller v3.5.0 docs/install/iam_policy.json, without"
        " cognito-idp, shield, waf-regional, wafv2 and elasticloadbalancing:SetWebAcl"
    ),
    date="2026-08-03",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class IamStatement:
    """One Allow statement of an identity policy."""

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    """ARNs of the `aws` partition; put the deployment's own partition in."""
    conditions: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)
    effect: str = "Allow"


_CLUSTER_TAG = "elbv2.k8s.aws/cluster"
_OWNED = {"Null": {f"aws:ResourceTag/{_CLUSTER_TAG}": "false"}}
_TAGGED_ON_CREATE = {"Null": {f"aws:RequestTag/{_CLUSTER_TAG}": "false"}}
_RETAG_OWNED = {
    "Null": {
        f"aws:RequestTag/{_CLUSTER_TAG}": "true",
        f"aws:ResourceTag/{_CLUSTER_TAG}": "false",
    }
}
_SECURITY_GROUPS = ("arn:aws:ec2:*:*:security-group/*",)
_TARGET_GROUPS = ("arn:aws:elasticloadbalancing:*:*:targetgroup/*/*",)
_LOAD_BALANCERS = (
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*/*",
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/app/*/*",
)
_LISTENERS = (
    "arn:aws:elasticloadbalancing:*:*:listener/net/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/net/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*",
)


def _actions(service: str, names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names.split())


_READ = (
    IamStatement(
        actions=_actions(
            "ec2",
            "DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones"
            " DescribeCoipPools DescribeInstances DescribeInternetGateways DescribeIpamPools"
            " DescribeNetworkInterfaces DescribeRouteTables DescribeSecurityGroups"
            " DescribeSubnets DescribeTags DescribeVpcPeeringConnections DescribeVpcs"
            " GetCoipPoolUsage GetSecurityGroupsForVpc",
        )
        + _actions(
            "elasticloadbalancing",
            "DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates"
            " DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers"
            " DescribeRules DescribeSSLPolicies DescribeTags DescribeTargetGroupAttributes"
            " DescribeTargetGroups DescribeTargetHealth DescribeTrustStores",
        )
        + _actions("acm", "DescribeCertificate ListCertificates")
        + _actions("iam", "GetServerCertificate ListServerCertificates"),
    ),
)

_SECURITY_GROUP_WRITES = (
    IamStatement(
        actions=_actions("ec2", "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress"),
    ),
    IamStatement(actions=_actions("ec2", "CreateSecurityGroup")),
    IamStatement(
        actions=_actions("ec2", "CreateTags"),
        resources=_SECURITY_GROUPS,
        conditions={
            "StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"},
            **_TAGGED_ON_CREATE,
        },
    ),
    IamStatement(
        actions=_actions("ec2", "CreateTags DeleteTags"),
        resources=_SECURITY_GROUPS,
        conditions=_RETAG_OWNED,
    ),
    IamStatement(
        actions=_actions(
            "ec2",
            "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress DeleteSecurityGroup",
        ),
        conditions=_OWNED,
    ),
)

_LOAD_BALANCER_WRITES = (
    IamStatement(
        actions=_actions("elasticloadbalancing", "CreateLoadBalancer CreateTargetGroup"),
        conditions=_TAGGED_ON_CREATE,
    ),
    IamStatement(
        actions=_actions(
            "elasticloadbalancing", "CreateListener DeleteListener CreateRule DeleteRule"
        ),
    ),
    IamStatement(
        actions=_actions("elasticloadbalancing", "AddTags RemoveTags"),
        resources=_TARGET_GROUPS + _LOAD_BALANCERS,
        conditions=_RETAG_OWNED,
    ),
    IamStatement(
        actions=_actions("elasticloadbalancing", "AddTags RemoveTags"),
        resources=_LISTENERS,
    ),
    IamStatement(
        actions=_actions(
            "elasticloadbalancing",
            "DeleteLoadBalancer DeleteTargetGroup ModifyCapacityReservation ModifyIpPools"
            " ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyTargetGroup"
            " ModifyTargetGroupAttributes SetIpAddressType SetSecurityGroups SetSubnets",
        ),
        conditions=_OWNED,
    ),
    IamStatement(
        actions=_actions("elasticloadbalancing", "AddTags"),
        resources=_TARGET_GROUPS + _LOAD_BALANCERS,
        conditions={
            "StringEquals": {
                "elasticloadbalancing:CreateAction": ("CreateTargetGroup", "CreateLoadBalancer")
            },
            **_TAGGED_ON_CREATE,
        },
    ),
    IamStatement(
        actions=_actions("elasticloadbalancing", "RegisterTargets DeregisterTargets"),
        resources=_TARGET_GROUPS,
    ),
    IamStatement(
        actions=_actions(
            "elasticloadbalancing",
            "AddListenerCertificates ModifyListener ModifyRule RemoveListenerCertificates"
            " SetRulePriorities",
        ),
    ),
)

LOAD_BALANCER_CONTROLLER_STATEMENTS: tuple[IamStatement, ...] = (
    IamStatement(
        actions=("iam:CreateServiceLinkedRole",),
        conditions={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
    ),
    *_READ,
    *_SECURITY_GROUP_WRITES,
    *_LOAD_BALANCER_WRITES,
)
"""Everything the controller may do, for the role of its service account."""
LOAD_BALANCER_SERVICE_ACCOUNT = "aws-load-balancer-controller"
LOAD_BALANCER_NAMESPACE = "kube-system"
