"""A SageMaker HyperPod cluster that brings its nodes to an EKS control plane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from disagg.catalog.instances import INSTANCE_TYPES, node_type
from disagg_constructs.lifecycle_scripts import LifecycleScripts

ON_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:AttachNetworkInterface",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DetachNetworkInterface",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:UnassignPrivateIpAddresses",
)
"""What a node does to the interfaces its pods get addresses from."""
DESCRIBES = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
)
"""Actions that no ARN can narrow."""
PULLS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
"""Source of the three lists: SageMaker developer guide "sagemaker-hyperpod-prerequisites-iam", role
of instances of clusters orchestrated by EKS, read 2026-11-23."""

_THREADS_PER_CORE = 2
"""HyperPod turns hyper-threading off unless told, which would halve the vCPUs of the catalogue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HyperPodGroup:
    """Instances of one type that are alike."""

    name: str
    """Name of the instance group, 1 to 63 letters, digits and dashes."""
    instance_type: str
    """EC2 name of the type, without `ml.`."""
    nodes: int
    """Instances to run now [count]; 0 makes the group empty."""
    subnets: Sequence[ec2.ISubnet]
    """Private subnets of its instances: one for a type with EFA, which does not leave a zone."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Kubernetes labels of its nodes. Default: those HyperPod sets."""
    taint: tuple[str, str] | None = None
    """Key and value of a NoSchedule taint. Default: none; refused beside deep health checks, which
    HyperPod runs as pods that tolerate its own taint only."""
    volume_gib: int | None = None
    """Encrypted second volume at `/opt/sagemaker` [GiB]. Default: none; the root volume has 100 GiB
    and cannot be made larger."""
    training_plan_arn: str | None = None
    """Training plan its instances start in. Default: on demand."""
    deep_health_checks: Sequence[str] = ()
    """`InstanceStress` and `InstanceConnectivity`, run on each new instance. Default: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HyperPodClusterProps:
    """Whose control plane, which instances, and how they are looked after."""

    cluster_name: str
    """Name of the HyperPod cluster; the EKS cluster may have the same."""
    eks_cluster_arn: str
    """Control plane the instances join; the HyperPod Helm packages must be on it before."""
    security_groups: Sequence[ec2.ISecurityGroup]
    """Groups of every interface: the cluster's, and the one of `EfaFabric`. Each must let traffic
    to itself out, or the EFA health check fails; EKS 1.33 and newer writes that rule into the
    cluster's."""
    groups: Sequence[HyperPodGroup]
    """Instance groups, one at least; the first one's subnets are the cluster's default."""
    scripts: LifecycleScripts
    """What runs on an instance before it joins."""
    node_recovery: bool = True
    """Whether a GPU instance whose health checks fail is restarted or replaced."""
    role: iam.IRole | None = None
    """Role of the instances, which may already do what `instance_statements` says. Default: a new
    one."""
    tiered_storage_percent: int | None = None
    """Share of RAM for tiered storage [%]. Default: none."""


class HyperPodCluster(Construct):
    """A HyperPod cluster orchestrated by EKS, with one instance group for each role.

    Groups can be made empty: with continuous provisioning HyperPod makes the cluster first and adds
    instances as it gets them, so that missing capacity fails nothing.

    *Creates*: one IAM role for the instances, one HyperPod cluster.
    *Cost*: the instances, at the price of their `ml.` types (about 1.2 times EC2's).
    *Replaces on change of*: `cluster_name`, `eks_cluster_arn`, `security_groups`, the first group's
    `subnets`: the whole cluster.

    Source: SageMaker developer guide "sagemaker-hyperpod-eks-prerequisites"; awsome-distributed-ai
        PR 259 for the EFA rule in every security group.
    """

    cluster: sagemaker.CfnCluster
    """The cluster."""
    role: iam.IRole
    """Role of the instances."""

    def __init__(self, scope: Construct, construct_id: str, *, props: HyperPodClusterProps) -> None:
        super().__init__(scope, construct_id)
        _check(props)
        self.role = props.role or iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "AmazonSageMakerClusterInstanceRolePolicy"
                )
            ],
        )
        policy = None
        if props.role is None:
            statements = instance_statements(cdk.Stack.of(self), props)
            policy = iam.Policy(self, "Policy", roles=[self.role], statements=statements)
        of = sagemaker.CfnCluster
        self.cluster = of(
            self,
            "Resource",
            cluster_name=props.cluster_name,
            orchestrator=of.OrchestratorProperty(
                eks=of.ClusterOrchestratorEksConfigProperty(cluster_arn=props.eks_cluster_arn)
            ),
            node_provisioning_mode="Continuous",
            node_recovery="Automatic" if props.node_recovery else "None",
            vpc_config=_vpc_config(props, props.groups[0].subnets),
            instance_groups=[self._group(one, props) for one in props.groups],
            tiered_storage_config=None
            if props.tiered_storage_percent is None
            else of.TieredStorageConfigProperty(
                mode="Enable", instance_memory_allocation_percentage=props.tiered_storage_percent
            ),
        )
        # Why: an instance that starts before its role may do anything fails, and is replaced.
        if policy is not None:
            self.cluster.node.add_dependency(policy)

    def _group(
        self, group: HyperPodGroup, props: HyperPodClusterProps
    ) -> sagemaker.CfnCluster.ClusterInstanceGroupProperty:
        of = sagemaker.CfnCluster
        instance = INSTANCE_TYPES.get(group.instance_type)
        return of.ClusterInstanceGroupProperty(
            instance_group_name=group.name,
            instance_type=node_type(group.instance_type, "hyperpod"),
            instance_count=group.nodes,
            execution_role=self.role.role_arn,
            threads_per_core=_THREADS_PER_CORE,
            life_cycle_config=of.ClusterLifeCycleConfigProperty(
                source_s3_uri=props.scripts.source_s3_uri, on_create=props.scripts.on_create
            ),
            instance_storage_configs=None
            if group.volume_gib is None
            else [
                of.ClusterInstanceStorageConfigProperty(
                    ebs_volume_config=of.ClusterEbsVolumeConfigProperty(
                        volume_size_in_gb=group.volume_gib
                    )
                )
            ],
            override_vpc_config=_vpc_config(props, group.subnets),
            kubernetes_config=of.ClusterKubernetesConfigProperty(
                labels=dict(group.labels) or None,
                taints=None
                if group.taint is None
                else [
                    of.ClusterKubernetesTaintProperty(
                        key=group.taint[0], value=group.taint[1], effect="NoSchedule"
                    )
                ],
            ),
            # Why efa-only: a plain `efa` interface takes addresses of the subnet on every card.
            network_interface=of.ClusterNetworkInterfaceProperty(interface_type="efa-only")
            if instance is not None and instance.efa_devices
            else None,
            on_start_deep_health_checks=list(group.deep_health_checks) or None,
            training_plan_arn=group.training_plan_arn,
        )


def instance_statements(stack: cdk.Stack, props: HyperPodClusterProps) -> list[iam.PolicyStatement]:
    """Return what an instance may do, each action on as few ARNs as it can be given."""
    subnets = {one.subnet_id: one for group in props.groups for one in group.subnets}
    interfaces = _ec2(stack, "network-interface", "*")
    where = [
        interfaces,
        # Why any account: instances of HyperPod run in one of AWS.
        f"arn:{stack.partition}:ec2:{stack.region}:*:instance/*",
        *(_ec2(stack, "subnet", one) for one in subnets),
        *(_ec2(stack, "security-group", one.security_group_id) for one in props.security_groups),
    ]
    rows = (
        (ON_INTERFACES, where),
        (("ec2:CreateTags",), [interfaces]),
        (DESCRIBES, ["*"]),
        # Why any account: images of add-ons and of HyperPod are in repositories of AWS.
        (PULLS, [f"arn:{stack.partition}:ecr:*:*:repository/*"]),
        (("eks-auth:AssumeRoleForPodIdentity",), [props.eks_cluster_arn]),
    )
    return [
        *(iam.PolicyStatement(actions=list(what), resources=to) for what, to in rows),
        *props.scripts.read_statements(),
    ]


def _ec2(stack: cdk.Stack, resource: str, name: str) -> str:
    return stack.format_arn(service="ec2", resource=resource, resource_name=name)


def _vpc_config(
    props: HyperPodClusterProps, subnets: Sequence[ec2.ISubnet]
) -> sagemaker.CfnCluster.VpcConfigProperty:
    return sagemaker.CfnCluster.VpcConfigProperty(
        security_group_ids=[one.security_group_id for one in props.security_groups],
        subnets=[one.subnet_id for one in subnets],
    )


def _check(props: HyperPodClusterProps) -> None:
    if not props.groups:
        raise ValueError("groups: got none; need one instance group at least")
    for group in props.groups:
        instance = INSTANCE_TYPES.get(group.instance_type)
        if group.taint is not None and group.deep_health_checks:
            raise ValueError(
                f"taint: got {group.taint[0]!r} on {group.name!r}, which has deep health checks;"
                " need no taint: the pods of the checks tolerate HyperPod's own only"
            )
        if instance is not None and len(group.subnets) != 1:
            raise ValueError(
                f"subnets: got {len(group.subnets)} for {group.name!r}; need one, since EFA does"
                " not leave a zone"
            )
