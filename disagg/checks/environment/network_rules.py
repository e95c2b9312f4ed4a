"""Rules about the account, the VPC and the control plane."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import IPv4Network

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import DEFAULT_KUBERNETES_VERSION, KUBERNETES_VERSIONS
from disagg.catalog.regions import REGIONS, ZONES_WITHOUT_EKS
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Cluster, Network
from disagg.planner.layout import groups
from disagg.planner.subnets import (
    ADDRESSES_PER_GPU_NODE,
    LARGEST_PREFIX,
    SMALLEST_PREFIX,
    subnet_layout,
)

_PRIVATE = tuple(
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_ROLE_ARN = re.compile(r"arn:(?P<partition>[a-z-]+):iam::[0-9]{12}:(role|user)/[\w+=,.@/-]+")
_SERVICE_PREFIXES = range(12, 25)


def suggest(wrong: str, known: list[str], *, otherwise: str) -> str:
    """Return `did you mean ...?` for a near miss or a beginning, else what to do otherwise."""
    near = get_close_matches(wrong, known, n=1) or [one for one in known if one.startswith(wrong)]
    return f"did you mean {near[0]!r}?" if near else otherwise


def ipv4(text: str) -> IPv4Network | str:
    """Return the network, or in words why the text is none."""
    try:
        network = IPv4Network(text)
    except ValueError as error:
        return str(error)
    # Why: Python also reads 10.0.0.0/255.0.0.0, which AWS does not.
    return network if str(network) == text else f"{text} is not written as {network}"


def is_private(network: IPv4Network) -> bool:
    """Tell whether a range is one that no host of the internet has."""
    return any(network.subnet_of(private) for private in _PRIVATE)


@rule("DISAGG-NAME-001")
def name_holds_no_account_id(name: str) -> Iterator[Finding]:
    """The name does not hold twelve digits in a row.

    It stands in every manifest, and no manifest may carry an account id.
    """
    if re.search(r"[0-9]{12}", name):
        fix = "choose a name without an account id"
        yield Finding(at=("name",), got=f"got {name!r}", need="fewer digits in a row", fix=fix)


@rule("DISAGG-AWS-001")
def region_is_known(aws: Aws) -> Iterator[Finding]:
    """The region is one the catalogue knows.

    A region decides the partition of every ARN and the prefix of every zone id.
    """
    if aws.region not in REGIONS:
        selling = sorted({region for row in INSTANCE_TYPES.values() for region in row.regions})
        fix = suggest(aws.region, sorted(REGIONS), otherwise="name a region")
        yield Finding(
            at=("aws", "region"),
            got=f"unknown region {aws.region!r}",
            need=", ".join(selling),
            fix=fix,
        )


@rule("DISAGG-AWS-002")
def administrators_are_principals_of_this_partition(
    aws: Aws, cluster: Cluster
) -> Iterator[Finding]:
    """Each administrator is the ARN of an IAM role or user in the partition of the region.

    An access entry for a principal of another partition is refused when the stack is half built.
    One of another account is fine: what administers many clusters often lives in one of its own.
    Source: EKS user guide, creating-access-entries (type STANDARD takes any account), 2026-11-28.
    """
    region = REGIONS.get(aws.region)
    for index, arn in enumerate(cluster.administrators):
        at = ("cluster", "administrators", index)
        if arn in cluster.administrators[:index]:
            got = f"{arn!r} a second time"
            yield Finding(at=at, got=got, need="each administrator once", fix="remove it")
            continue
        match = _ROLE_ARN.fullmatch(arn)
        partition = region.partition if region else "aws"
        example = f"arn:{partition}:iam::{aws.account}:role/platform"
        if match is None:
            yield Finding(
                at=at, got=f"{arn!r} is no role or user ARN", need=example, fix="give the whole ARN"
            )
        elif region and match["partition"] != region.partition:
            got = f"partition {match['partition']!r}"
            need = f"{region.partition!r}, the partition of {aws.region}"
            yield Finding(at=at, got=got, need=need, fix=f"use an ARN such as {example}")


@rule("DISAGG-NET-001")
def vpc_range_is_a_private_ipv4_network(network: Network) -> Iterator[Finding]:
    """The VPC's range is a private IPv4 network in CIDR notation, host bits zero.

    Public ranges in a VPC hide the real hosts of the internet behind them.
    """
    whole = ipv4(network.cidr)
    at = ("network", "cidr")
    if isinstance(whole, str):
        yield Finding(at=at, got=whole, need="CIDR notation", fix="for instance 10.42.0.0/16")
    elif not is_private(whole):
        yield Finding(
            at=at,
            got=f"{network.cidr} is public",
            need="a private range",
            fix="for instance 10.42.0.0/16",
        )


@rule("DISAGG-NET-002")
def vpc_range_can_be_cut(network: Network) -> Iterator[Finding]:
    """The range of a VPC that is made here is between /16 and /22.

    /16 is the largest AWS allows. Half of the range is the fabric subnet; below /22 the slices for
    the control plane, endpoints and system nodes become too small for a warm VPC CNI.
    """
    whole = None if network.existing else ipv4(network.cidr)
    if isinstance(whole, IPv4Network) and not LARGEST_PREFIX <= whole.prefixlen <= SMALLEST_PREFIX:
        too = "small" if whole.prefixlen > SMALLEST_PREFIX else "large"
        got = f"/{whole.prefixlen} is too {too} ({whole.num_addresses:,} addresses)"
        prefix = SMALLEST_PREFIX if too == "small" else LARGEST_PREFIX
        fix = f"use {whole.network_address}/{prefix}, if it is free"
        yield Finding(
            at=("network", "cidr"),
            got=got,
            need=f"/{LARGEST_PREFIX} to /{SMALLEST_PREFIX}",
            fix=fix,
        )


@rule("DISAGG-NET-003")
def service_range_is_private_and_apart(network: Network, cluster: Cluster) -> Iterator[Finding]:
    """The service range is private, /12 to /24, and overlaps neither the VPC nor Docker's bridge.

    EKS takes it from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 only, and it can never change.
    Addresses that are both a service and a host cannot be reached. Source: EKS API,
    KubernetesNetworkConfigRequest.serviceIpv4Cidr.
    """
    at = ("cluster", "service_cidr")
    service = ipv4(cluster.service_cidr)
    if isinstance(service, str):
        yield Finding(at=at, got=service, need="CIDR notation", fix="for instance 172.20.0.0/16")
        return
    if (
        not any(service.subnet_of(private) for private in _PRIVATE[:3])
        or service.prefixlen not in _SERVICE_PREFIXES
    ):
        need = "a /12 to /24 inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield Finding(at=at, got=f"got {service}", need=need, fix="for instance 172.20.0.0/16")
    for text in network.cidrs:
        whole = ipv4(text)
        if isinstance(whole, IPv4Network) and service.overlaps(whole):
            what = "network.cidr" if text == network.cidr else "network.existing.other_cidrs"
            fix = "change one of the two; 172.20.0.0/16 is the default here"
            yield Finding(
                at=at, got=f"{service} overlaps {what} {whole}", need="ranges apart", fix=fix
            )


@rule("DISAGG-NET-004")
def zones_belong_to_the_region(aws: Aws, network: Network) -> Iterator[Finding]:
    """Every zone id is of the region, and none is named twice.

    Zone ids such as `usw2-az2` mean the same place in every account; names such as `us-west-2b` do
    not.
    """
    region = REGIONS.get(aws.region)
    seen: set[str] = set()
    for index, zone in enumerate(network.availability_zone_ids):
        at = ("network", "availability_zone_ids", index)
        if zone in seen:
            yield Finding(
                at=at, got=f"{zone!r} a second time", need="each zone once", fix="remove it"
            )
        elif region and not re.fullmatch(rf"{region.zone_id_prefix}-az[1-9]", zone):
            need = f"a zone id of {aws.region}, such as {region.zone_id_prefix}-az1"
            fix = f"list them: aws ec2 describe-availability-zones --region {aws.region}"
            yield Finding(at=at, got=f"got {zone!r}", need=need, fix=fix)
        elif zone in ZONES_WITHOUT_EKS:
            got, need = f"got {zone!r}", "a zone in which EKS makes control planes"
            yield Finding(at=at, got=got, need=need, fix="name another zone")
        seen.add(zone)


@rule("DISAGG-NET-005")
def fabric_zone_is_listed(network: Network) -> Iterator[Finding]:
    """The fabric zone is one of the zones of the VPC."""
    if network.fabric_zone_id not in network.availability_zone_ids:
        listed = ", ".join(network.availability_zone_ids)
        fix = suggest(
            network.fabric_zone_id,
            list(network.availability_zone_ids),
            otherwise="add it to the list",
        )
        yield Finding(
            at=("network", "fabric_zone_id"),
            got=f"got {network.fabric_zone_id!r}",
            need=listed,
            fix=fix,
            beside=(("network", "availability_zone_ids"),),
        )


@rule("DISAGG-NET-006")
def fabric_subnet_holds_the_gpu_nodes(network: Network, capacity: Capacity) -> Iterator[Finding]:
    """The fabric subnet has addresses for every GPU node.

    The VPC CNI keeps one whole interface of a node warm: 50 addresses on these types. A subnet that
    runs out shows as pods that stay in ContainerCreating, long after the nodes are paid for.
    """
    if not _has_a_fabric_subnet(network):
        return
    count = sum(group.nodes for group in groups(capacity).values())
    fabric = subnet_layout(network).fabric
    wanted = count * ADDRESSES_PER_GPU_NODE
    if wanted > fabric.usable_addresses:
        got = f"{count} GPU nodes take {wanted:,} addresses"
        need = f"at most {fabric.usable_addresses:,}, what the fabric subnet {fabric.cidr} has"
        at: tuple[str, ...] = ("network", "cidr")
        fix = "use a larger network.cidr, or fewer nodes"
        if network.existing:
            at = ("network", "existing", "fabric_subnet", "cidr")
            fix = "name a larger subnet in the zone, or fewer nodes"
        yield Finding(at=at, got=got, need=need, fix=fix)


def _has_a_fabric_subnet(network: Network) -> bool:
    """Tell whether the fabric subnet can be worked out; what is wrong else, other rules say."""
    if network.existing:
        return isinstance(ipv4(network.existing.fabric_subnet.cidr), IPv4Network)
    whole = ipv4(network.cidr)
    return isinstance(whole, IPv4Network) and LARGEST_PREFIX <= whole.prefixlen <= SMALLEST_PREFIX


@rule("DISAGG-NET-007")
def client_ranges_are_private_networks(cluster: Cluster) -> Iterator[Finding]:
    """Each range that may reach the API server and the router is a private IPv4 network.

    Both are private: a public range, or 0.0.0.0/0, could only be a mistake.
    """
    services = ipv4(cluster.service_cidr)
    for index, cidr in enumerate(cluster.client_cidrs):
        network = ipv4(cidr)
        at = ("cluster", "client_cidrs", index)
        need, fix = "a private range in CIDR notation", "for instance 10.0.0.0/16"
        if isinstance(network, str):
            yield Finding(at=at, got=network, need=need, fix=fix)
        elif not is_private(network):
            yield Finding(at=at, got=f"{cidr} is public", need=need, fix=fix)
        elif isinstance(services, IPv4Network) and network.overlaps(services):
            got = f"{cidr} overlaps the service range {services}"
            yield Finding(at=at, got=got, need="ranges apart", fix="change cluster.service_cidr")


@rule("DISAGG-K8S-001")
def kubernetes_version_is_supported(cluster: Cluster) -> Iterator[Finding]:
    """The Kubernetes version is one whose add-ons are pinned here.

    Native sidecars need 1.29; the newest version is the newest for which every add-on and schema is
    known.
    """
    if cluster.kubernetes_version not in KUBERNETES_VERSIONS:
        known = sorted(KUBERNETES_VERSIONS)
        yield Finding(
            at=("cluster", "kubernetes_version"),
            got=f"got {cluster.kubernetes_version!r}",
            need=" or ".join(known),
            fix=f'use "{DEFAULT_KUBERNETES_VERSION}", the default',
        )


@rule("DISAGG-K8S-002")
def system_instance_type_is_known(cluster: Cluster) -> Iterator[Finding]:
    """The system nodes' type is in the catalogue, which knows its size and price."""
    if cluster.system_type not in SYSTEM_INSTANCE_TYPES:
        known = sorted(SYSTEM_INSTANCE_TYPES)
        yield Finding(
            at=("cluster", "system_instance_type"),
            got=f"unknown type {cluster.system_type!r}",
            need=", ".join(known),
            fix=suggest(cluster.system_type, known, otherwise=f"use {known[0]}"),
        )
