"""An EKS cluster nobody reaches from outside, with its add-ons and the small nodes it needs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from disagg.catalog.kubernetes import DEFAULT_KUBERNETES_VERSION, KUBERNETES_VERSIONS, AddOn
from disagg.catalog.system_instances import DEFAULT_SYSTEM_INSTANCE_TYPES
from disagg_constructs.encryption import encrypted_log_group, rotating_key
from disagg_constructs.pod_identity import PodIdentity, PodIdentityProps
from disagg_constructs.system_nodes import SystemNodeGroup, SystemNodeGroupProps

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""Every log of the control plane. Source: EKS user guide "control-plane-logs"."""
_CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"
_VPC_CNI = "vpc-cni"
_CORE_DNS = "coredns"
ADD_ON_CONFIGURATION: Mapping[str, Mapping[str, object]] = {
    _VPC_CNI: {
        "enableNetworkPolicy": "true",
        # Why: by default a whole spare interface is attached, which takes 50 addresses more on each
        # GPU node.
        "env": {"MINIMUM_IP_TARGET": "16", "WARM_IP_TARGET": "4"},
    },
}
"""Configuration values of add-ons. Source: aws/amazon-vpc-cni-k8s README and
docs/eni-and-ip-target.md."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EksClusterProps:
    """The control plane, who enters it, and the nodes that carry what is not a model server."""

    cluster_name: str
    """Name of the cluster; fixed, because people, policies and log groups refer to it."""
    subnets: Sequence[ec2.ISubnet]
    """Private subnets in two zones or more, for the control plane's interfaces and the system
    nodes. Their VPC needs DNS host names and DNS support."""
    administrators: Sequence[str]
    """ARNs of the IAM roles that get cluster-admin. Nobody else does, not even who creates the
    cluster."""
    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    """A version of `disagg.catalog.kubernetes`, which pins the add-ons too."""
    service_cidr: str = "172.20.0.0/16"
    """IPv4 range of Kubernetes services; must not overlap the VPC."""
    system_instance_type: str = DEFAULT_SYSTEM_INSTANCE_TYPES["eks"]
    """Type of the system nodes, x86-64."""
    system_nodes: int = 2
    """Number of system nodes [count]."""
    client_cidrs: Sequence[str] = ()
    """IPv4 ranges beyond the nodes that reach the API server, such as a VPN's. Default: none."""
    key: kms.IKey | None = None
    """Encrypts secrets and logs; its policy must admit CloudWatch Logs. Default: a new key that
    rotates."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR
    """How long control plane logs are kept."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    """What becomes of the key and the logs with the stack. Default: they go when the first
    deployment fails, and stay afterwards; making a cluster of this name again then takes `cdk
    deploy --import-existing-resources`."""
    deletion_protection: bool = False
    """True: EKS refuses to delete the cluster until this is False."""
    role: iam.IRole | None = None
    """Role of the control plane, with AmazonEKSClusterPolicy. Default: a new one."""
    node_role: iam.IRole | None = None
    """Role of the system nodes. Default: a new one."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the system nodes and their volumes. Default: none."""


class EksCluster(Construct):
    """An EKS cluster with a private API endpoint, pinned add-ons and system nodes, and no Lambda.

    Built on the L1 resource: the L2 cluster adds an SSM parameter for kubectl, deprecated
    encryption fields, and a warning for each subnet it did not make. Things start in the order that
    works: log group, cluster, credentials of the VPC CNI, node daemons, nodes, DNS.

    *Creates*: cluster with role, KMS key and log group; an access entry for each administrator;
    four add-ons; the VPC CNI's role; a system node group.
    *Cost*: the control plane (0.10 USD/h in standard support), the system nodes, log ingestion, one
    KMS key.
    *Replaces on change of*: `cluster_name`, `service_cidr`, `key`: the whole cluster, which fails
    while the old one has the name.

    Source: EKS user guide "create-cluster", "control-plane-logs", "access-entries", "enable-kms".
    """

    cluster_name: str
    """Name of the cluster; depends on the cluster."""
    cluster_arn: str
    """ARN of the cluster."""
    endpoint: str
    """URL of the API server, resolved inside the VPC only."""
    security_group: ec2.ISecurityGroup
    """The group EKS made: every node interface carries it."""
    key: kms.IKey
    """Key of secrets and logs."""
    system_nodes: SystemNodeGroup | None
    """Nodes for what is not a model server; None where something else brings them."""

    def __init__(self, scope: Construct, construct_id: str, *, props: EksClusterProps) -> None:
        super().__init__(scope, construct_id)
        _check(props)
        self.key = props.key or rotating_key(
            self,
            "Key",
            description=f"Secrets and logs of EKS cluster {props.cluster_name}",
            removal_policy=props.removal_policy,
        )
        self._cluster = self._control_plane(props)
        self._log_group(props)
        self.cluster_name = self._cluster.ref
        self.cluster_arn = self._cluster.attr_arn
        self.endpoint = self._cluster.attr_endpoint
        self.security_group = ec2.SecurityGroup.from_security_group_id(
            self, "SecurityGroup", self._cluster.attr_cluster_security_group_id
        )
        for cidr in props.client_cidrs:
            self.security_group.add_ingress_rule(
                ec2.Peer.ipv4(cidr), ec2.Port.HTTPS, "Clients of the API server"
            )
        for principal in props.administrators:
            self._administrator(principal)
        self.system_nodes = self._nodes_and_add_ons(props)

    def _control_plane(self, props: EksClusterProps) -> eks.CfnCluster:
        role = props.role or iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("eks.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKSClusterPolicy")
            ],
        )
        of = eks.CfnCluster
        return of(
            self,
            "Resource",
            name=props.cluster_name,
            version=props.kubernetes_version,
            role_arn=role.role_arn,
            access_config=of.AccessConfigProperty(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            bootstrap_self_managed_addons=False,
            deletion_protection=props.deletion_protection,
            encryption_config=[
                of.EncryptionConfigProperty(provider=of.ProviderProperty(key_arn=self.key.key_arn))
            ],
            kubernetes_network_config=of.KubernetesNetworkConfigProperty(
                ip_family="ipv4", service_ipv4_cidr=props.service_cidr
            ),
            logging=of.LoggingProperty(
                cluster_logging=of.ClusterLoggingProperty(
                    enabled_types=[of.LoggingTypeConfigProperty(type=name) for name in LOG_TYPES]
                )
            ),
            resources_vpc_config=of.ResourcesVpcConfigProperty(
                subnet_ids=[subnet.subnet_id for subnet in props.subnets],
                endpoint_private_access=True,
                endpoint_public_access=False,
            ),
        )

    def _log_group(self, props: EksClusterProps) -> None:
        # Why: EKS makes this group itself, unencrypted and kept for ever, unless it is there first.
        self._cluster.node.add_dependency(
            encrypted_log_group(
                self,
                "LogGroup",
                key=self.key,
                retention=props.log_retention,
                removal_policy=props.removal_policy,
                name=f"/aws/eks/{props.cluster_name}/cluster",
            )
        )

    def _administrator(self, principal_arn: str) -> None:
        # Why: the id comes from the ARN, which is create-only: an id by position would swap two
        # entries in place, and EKS refuses a second entry for a principal that still has one.
        digest = hashlib.sha256(principal_arn.encode()).hexdigest()[:8]
        partition = cdk.Stack.of(self).partition
        eks.CfnAccessEntry(
            self,
            f"Administrator{digest}",
            cluster_name=self.cluster_name,
            principal_arn=principal_arn,
            access_policies=[
                eks.CfnAccessEntry.AccessPolicyProperty(
                    policy_arn=f"arn:{partition}:eks::aws:cluster-access-policy/{_CLUSTER_ADMIN}",
                    access_scope=eks.CfnAccessEntry.AccessScopeProperty(type="cluster"),
                )
            ],
        )

    def _nodes_and_add_ons(self, props: EksClusterProps) -> SystemNodeGroup | None:
        cni = PodIdentity(
            self,
            "VpcCniIdentity",
            props=PodIdentityProps(
                cluster_name=self.cluster_name,
                cluster_arn=self.cluster_arn,
                namespace="kube-system",
                service_account="aws-node",
                managed_policies=[
                    iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKS_CNI_Policy")
                ],
            ),
        )
        nodes = self._system_nodes(props) if props.system_nodes else None
        for row in KUBERNETES_VERSIONS[props.kubernetes_version].add_ons:
            add_on = self._add_on(row)
            if nodes is not None and row.name == _CORE_DNS:
                # Why: CoreDNS becomes active only when its pods run, and they need a node.
                add_on.add_resource_dependency(nodes.node_group)
            elif nodes is not None:
                # Why: a node that joins without network and credentials never becomes ready.
                nodes.node_group.add_resource_dependency(add_on)
            if row.name == _VPC_CNI:
                add_on.add_resource_dependency(cni.association)
        return nodes

    def _system_nodes(self, props: EksClusterProps) -> SystemNodeGroup:
        return SystemNodeGroup(
            self,
            "SystemNodes",
            props=SystemNodeGroupProps(
                cluster_name=self.cluster_name,
                subnets=props.subnets,
                instance_type=props.system_instance_type,
                nodes=props.system_nodes,
                kubernetes_version=props.kubernetes_version,
                tags=props.tags,
                node_role=props.node_role,
            ),
        )

    def _add_on(self, row: AddOn) -> eks.CfnAddon:
        configuration = ADD_ON_CONFIGURATION.get(row.name)
        return eks.CfnAddon(
            self,
            "".join(part.capitalize() for part in row.name.split("-")) + "AddOn",
            cluster_name=self.cluster_name,
            addon_name=row.name,
            addon_version=row.version,
            configuration_values=json.dumps(configuration, sort_keys=True)
            if configuration
            else None,
            resolve_conflicts="OVERWRITE",
        )


def _check(props: EksClusterProps) -> None:
    if props.kubernetes_version not in KUBERNETES_VERSIONS:
        raise ValueError(
            f"kubernetes_version: got {props.kubernetes_version!r}; need one whose add-ons are"
            f" pinned: {', '.join(KUBERNETES_VERSIONS)}"
        )
    if not props.administrators:
        raise ValueError(
            "administrators: got none; need one role ARN at least, or nobody can enter the cluster"
        )
