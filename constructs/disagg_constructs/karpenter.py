"""What Karpenter needs in an account: a role, a queue of events, and an identity for its nodes."""

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from disagg.catalog.karpenter import (
    EVENTS,
    KARPENTER_NAMESPACE,
    KARPENTER_SERVICE_ACCOUNT,
    LABEL_NODE_POOL,
)
from disagg_constructs.pod_identity import PodIdentity, PodIdentityProps
from disagg_constructs.system_nodes import node_role

_EVENTS_ARE_OLD_AFTER = cdk.Duration.minutes(5)
_LAUNCH = ("ec2:CreateFleet", "ec2:RunInstances")
_MADE = (
    "fleet",
    "instance",
    "launch-template",
    "network-interface",
    "spot-instances-request",
    "volume",
)
"""What a launch makes; a fleet bought on demand is checked against spot requests too."""
_READ = (
    "CapacityReservations",
    "Images",
    "InstanceStatus",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "Instances",
    "LaunchTemplates",
    "PlacementGroups",
    "SecurityGroups",
    "SpotPriceHistory",
    "Subnets",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class KarpenterProps:
    """Which cluster it makes nodes for, and the names its objects in that cluster use."""

    cluster_name: str
    """Name of the cluster, as text: it is part of the tags by which Karpenter knows its own."""
    cluster_arn: str
    """ARN of the cluster."""
    queue_name: str
    """Name of the queue, which the chart is told (`settings.interruptionQueue`)."""
    instance_profile_name: str
    """Name of the nodes' instance profile, which node classes say."""


class Karpenter(Construct):
    """The AWS side of Karpenter for one cluster; the chart and its objects are not made here.

    Its role launches instances into any subnet, and changes and ends only what carries the tags of
    the cluster. It makes no instance profiles: the one here is made beforehand, and its role is the
    only one that it may pass on.

    *Creates*: two IAM roles, a managed policy, an instance profile, an access entry and a Pod
    Identity association; an SQS queue with three EventBridge rules.
    *Cost*: none to speak of; the nodes that it makes are not in this stack, and stay when the stack
    goes: delete their node pools first.
    *Replaces on change of*: `cluster_name` (association, access entry), `queue_name`,
    `instance_profile_name`.

    Source: Karpenter 1.14 documentation, getting started, cloudformation.yaml, without spot and
        without what `spec.role` of a node class needs; "aws/karpenter-provider-aws@1d927085d".
    """

    node_role: iam.IRole
    """Role of the nodes; they may join the cluster and pull images."""
    queue: sqs.IQueue
    """Where events about instances arrive."""
    identity: PodIdentity
    """Identity of the controller."""

    def __init__(self, scope: Construct, construct_id: str, *, props: KarpenterProps) -> None:
        super().__init__(scope, construct_id)
        self.node_role = node_role(self, "NodeRole")
        iam.CfnInstanceProfile(
            self,
            "InstanceProfile",
            instance_profile_name=props.instance_profile_name,
            roles=[self.node_role.role_name],
        )
        # Why: EKS writes one for a managed node group only.
        eks.CfnAccessEntry(
            self,
            "NodeAccess",
            cluster_name=props.cluster_name,
            principal_arn=self.node_role.role_arn,
            type="EC2_LINUX",
        )
        self.queue = self._queue(props.queue_name)
        self.identity = PodIdentity(
            self,
            "Controller",
            props=PodIdentityProps(
                cluster_name=props.cluster_name,
                cluster_arn=props.cluster_arn,
                namespace=KARPENTER_NAMESPACE,
                service_account=KARPENTER_SERVICE_ACCOUNT,
                statements=[
                    *self._launching(props.cluster_name),
                    *self._owning(props.cluster_name),
                    *self._reading(props.cluster_arn),
                ],
            ),
        )

    def _queue(self, name: str) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            retention_period=_EVENTS_ARE_OLD_AFTER,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        for event, source, detail_type in EVENTS:
            events.Rule(
                self,
                f"{event}Rule",
                description=f"Tells Karpenter: {detail_type}",
                event_pattern=events.EventPattern(source=[source], detail_type=[detail_type]),
                targets=[targets.SqsQueue(queue)],
            )
        return queue

    def _ec2(self, *kinds: str, of_account: bool = True) -> list[str]:
        stack = cdk.Stack.of(self)
        account = stack.account if of_account else ""
        return [f"arn:{stack.partition}:ec2:{stack.region}:{account}:{kind}/*" for kind in kinds]

    def _launching(self, cluster: str) -> list[iam.PolicyStatement]:
        """Return what may be launched: from anything that exists, if it gets the cluster's tags."""
        given = _tagged("Request", cluster)
        given["StringEquals"]["aws:RequestTag/eks:eks-cluster-name"] = cluster
        created = {
            **given,
            "StringEquals": {
                **given["StringEquals"],
                "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
            },
        }
        used = ("security-group", "subnet", "capacity-reservation", "placement-group")
        return [
            _allow(_LAUNCH, [*self._ec2("image", "snapshot", of_account=False), *self._ec2(*used)]),
            _allow(_LAUNCH, self._ec2("launch-template"), _tagged("Resource", cluster)),
            _allow((*_LAUNCH, "ec2:CreateLaunchTemplate"), self._ec2(*_MADE), given),
            _allow(("ec2:CreateTags",), self._ec2(*_MADE), created),
        ]

    def _owning(self, cluster: str) -> list[iam.PolicyStatement]:
        """Return what may be done with instances and launch templates of the cluster."""
        owned = _tagged("Resource", cluster)
        named = {
            **owned,
            "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
            "ForAllValues:StringEquals": {
                "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
            },
        }
        return [
            _allow(("ec2:CreateTags",), self._ec2("instance"), named),
            _allow(
                ("ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"),
                self._ec2("instance", "launch-template"),
                owned,
            ),
            _allow(
                ("iam:PassRole",),
                [self.node_role.role_arn],
                {
                    "StringEquals": {
                        "iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]
                    }
                },
            ),
        ]

    def _reading(self, cluster_arn: str) -> list[iam.PolicyStatement]:
        stack = cdk.Stack.of(self)
        parameters = f"arn:{stack.partition}:ssm:{stack.region}::parameter/aws/service/*"
        profiles = f"arn:{stack.partition}:iam::{stack.account}:instance-profile/*"
        here = {"StringEquals": {"aws:RequestedRegion": stack.region}}
        return [
            _allow([f"ec2:Describe{one}" for one in _READ], ["*"], here),
            _allow(("ssm:GetParameter",), [parameters]),
            _allow(("iam:ListInstanceProfiles", "pricing:GetProducts"), ["*"]),
            _allow(("iam:GetInstanceProfile",), [profiles]),
            _allow(("eks:DescribeCluster",), [cluster_arn]),
            _allow(
                ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
                [self.queue.queue_arn],
            ),
        ]


def _tagged(when: str, cluster: str) -> dict[str, dict[str, Any]]:
    """Return the condition that a resource is the cluster's and of a node pool."""
    return {
        "StringEquals": {f"aws:{when}Tag/kubernetes.io/cluster/{cluster}": "owned"},
        "StringLike": {f"aws:{when}Tag/{LABEL_NODE_POOL}": "*"},
    }


def _allow(
    actions: Any, resources: list[str], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=list(actions), resources=resources, conditions=conditions or {}
    )
