"""What an account holds before anything is deployed: what others own, with the ids of the file.

moto chooses ids by chance. While something is put here, its choice is the id given, so everything
else about it is moto's own: main route table, default security group, addresses. Nothing in it
came from AWS: the file said it.
"""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.planner.subnets import subnet_layout


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldSubnet:
    """A private subnet."""

    id: str
    cidr: str
    zone_id: str
    internal_load_balancers: bool
    """Whether it has the tag that load balancers look for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldVpc:
    """A VPC with DNS on and without a way to the internet of its own."""

    id: str
    cidrs: tuple[str, ...]
    subnets: tuple[HeldSubnet, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldCluster:
    """An EKS cluster with one node group, which carries the label of system nodes."""

    name: str
    version: str
    service_cidr: str
    security_group_id: str
    subnet_ids: tuple[str, ...]
    add_ons: tuple[tuple[str, str], ...]
    """Name and version."""
    nodes: int
    instance_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """Everything that is there before."""

    vpcs: tuple[HeldVpc, ...] = ()
    clusters: tuple[HeldCluster, ...] = ()
    roles: tuple[str, ...] = ()
    """ARNs of IAM roles."""

    def ids(self) -> tuple[str, ...]:
        """Return the ids of what is there."""
        names = (one.rpartition("/")[2] for one in self.roles)
        return (*(one.id for one in self.vpcs), *(one.name for one in self.clusters), *names)

    def to_json(self) -> str:
        """Return it as text for the server."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Holdings":
        """Return what `to_json` wrote.

        Example:
            >>> held = Holdings(vpcs=(HeldVpc(id="vpc-1", cidrs=("10.0.0.0/16",), subnets=()),))
            >>> Holdings.from_json(held.to_json()) == held
            True
        """
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(Holdings)


def holdings(environment: Environment) -> Holdings:
    """Return what an environment says is there before it."""
    existing, given = environment.network.existing, environment.aws.roles
    roles = tuple(one for one in (given.cluster, given.nodes, given.hyperpod) if one)
    if existing is None:
        return Holdings(roles=roles)
    layout = subnet_layout(environment.network)
    subnets = tuple(
        HeldSubnet(
            id=one.id,
            cidr=one.cidr,
            zone_id=one.zone_id,
            internal_load_balancers=one in layout.system,
        )
        for one in (layout.fabric, *layout.system)
    )
    vpc = HeldVpc(id=existing.vpc_id, cidrs=environment.network.cidrs, subnets=subnets)
    cluster = cluster_held(environment)
    return Holdings(vpcs=(vpc,), clusters=(cluster,) if cluster else (), roles=roles)


def cluster_held(environment: Environment) -> HeldCluster | None:
    """Return the cluster of others; None where it is made.

    Its add-ons are those pinned for its version, but for the VPC CNI, which the file states.
    """
    plan = environment.cluster
    if plan.existing is None:
        return None
    pinned = {one.name: one.version for one in KUBERNETES_VERSIONS[plan.kubernetes_version].add_ons}
    return HeldCluster(
        name=plan.existing.name,
        version=plan.kubernetes_version,
        service_cidr=plan.service_cidr,
        security_group_id=plan.existing.security_group_id,
        subnet_ids=tuple(one.id for one in subnet_layout(environment.network).system),
        add_ons=tuple((pinned | {"vpc-cni": plan.existing.vpc_cni_version}).items()),
        nodes=plan.system_nodes,
        instance_type=plan.system_type,
    )


def put(held: Holdings, account: str, region: str) -> None:
    """Put it into moto's backends of this process."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415  Why: only the server needs moto.

    ec2: Any = ec2_backends[account][region]
    for vpc in held.vpcs:
        with _next_id("vpcs", "random_vpc_id", vpc.id):
            ec2.create_vpc(vpc.cidrs[0], tags=[{"Key": "Name", "Value": "held before"}])
        for cidr in vpc.cidrs[1:]:
            ec2.associate_vpc_cidr_block(vpc.id, cidr, amazon_provided_ipv6_cidr_block=False)
        for name in ("enable_dns_support", "enable_dns_hostnames"):
            ec2.modify_vpc_attribute(vpc.id, name, attr_value=True)
        for subnet in vpc.subnets:
            _put_subnet(ec2, vpc.id, subnet)
    for role in held.roles:
        _put_role(role, account)
    for cluster in held.clusters:
        _put_cluster(cluster, account, region)


def _put_role(arn: str, account: str) -> None:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    path, _, name = arn.partition(":role")[2].rpartition("/")
    iam_backends[account]["aws"].create_role(name, "{}", f"{path}/", "", "", [], "3600")


def _put_cluster(held: HeldCluster, account: str, region: str) -> None:
    """Put a cluster as CloudFormation would: the types that a template uses make it."""
    from moto.iam.models import iam_backends  # noqa: PLC0415
    from moto.utilities.utils import get_partition  # noqa: PLC0415

    from disagg.local.aws import eks  # noqa: PLC0415
    from disagg.local.aws.cloudformation import Call  # noqa: PLC0415

    create = {one.name: one.create for one in eks.TYPES}
    role = iam_backends[account][get_partition(region)].create_role(
        f"{held.name}-held-before", "{}", "/", "", "", [], "3600"
    )

    def make(kind: str, name: str, **properties: Any) -> None:
        call = Call(name=name, properties=properties, account=account, region=region)
        create[f"AWS::EKS::{kind}"](call)

    with _next_id("security_groups", "random_security_group_id", held.security_group_id):
        make(
            "Cluster",
            held.name,
            Name=held.name,
            Version=held.version,
            RoleArn=role.arn,
            KubernetesNetworkConfig={"ServiceIpv4Cidr": held.service_cidr},
            ResourcesVpcConfig={"SubnetIds": list(held.subnet_ids), "EndpointPrivateAccess": True},
        )
    for name, version in held.add_ons:
        make("Addon", name, ClusterName=held.name, AddonName=name, AddonVersion=version)
    make(
        "Nodegroup",
        "system",
        ClusterName=held.name,
        NodegroupName="system",
        NodeRole=role.arn,
        Subnets=list(held.subnet_ids),
        InstanceTypes=[held.instance_type],
        Labels={LABEL_NODE_ROLE: SYSTEM_NODES},
        ScalingConfig={"MinSize": held.nodes, "DesiredSize": held.nodes, "MaxSize": held.nodes},
    )


def _put_subnet(ec2: Any, vpc_id: str, subnet: HeldSubnet) -> None:
    with _next_id("subnets", "random_subnet_id", subnet.id):
        made = ec2.create_subnet(vpc_id, subnet.cidr, availability_zone_id=subnet.zone_id)
    ec2.modify_subnet_attribute(made.id, "map_public_ip_on_launch", attr_value=False)
    if subnet.internal_load_balancers:
        ec2.create_tags([made.id], {"kubernetes.io/role/internal-elb": "1"})


@contextmanager
def _next_id(module: str, chooser: str, given: str) -> Iterator[None]:
    """Let moto choose an id that is given."""
    home: Any = importlib.import_module(f"moto.ec2.models.{module}")
    own = getattr(home, chooser)
    setattr(home, chooser, lambda: given)
    try:
        yield
    finally:
        setattr(home, chooser, own)
