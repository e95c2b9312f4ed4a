"""Rules about what others own and an environment uses: a VPC and its subnets."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations

from disagg.catalog.kubernetes import MINIMUM_VPC_CNI
from disagg.checks.environment.network_rules import ipv4, is_private
from disagg.checks.rule import Finding, rule
from disagg.config.delivery import Delivery
from disagg.config.environment import Cluster, Network
from disagg.config.existing import ExistingNetwork, ExistingSubnet
from disagg.planner.subnets import RESERVED_ADDRESSES

SYSTEM_ADDRESSES = 59
"""IPv4 addresses a system subnet has free at least [count]: what a /26 holds.

The same as the smallest VPC made here gives. The control plane asks for 16, a system node's VPC CNI
keeps 16 (MINIMUM_IP_TARGET), endpoints and load balancers take some. Source: EKS user guide
"network requirements", read 2026-11-28.
"""
_Placed = tuple[tuple[str | int, ...], ExistingSubnet]
_AT = ("network", "existing")


def _subnets(existing: ExistingNetwork) -> list[_Placed]:
    """Return every subnet with its place in the file."""
    system = [
        ((*_AT, "system_subnets", index), one) for index, one in enumerate(existing.system_subnets)
    ]
    return [((*_AT, "fabric_subnet"), existing.fabric_subnet), *system]


@rule("DISAGG-OWN-008")
def ranges_of_the_vpc_are_private_and_apart(network: Network) -> Iterator[Finding]:
    """Each further range of an existing VPC is a private IPv4 network apart from the others.

    AWS lets no ranges of one VPC overlap. Source: VPC user guide "VPC CIDR blocks".
    """
    if network.existing is None:
        return
    seen = [network.cidr]
    for index, text in enumerate(network.existing.other_cidrs):
        at = (*_AT, "other_cidrs", index)
        one = ipv4(text)
        if isinstance(one, str):
            yield Finding(at=at, got=one, need="CIDR notation", fix="for instance 100.64.0.0/16")
            continue
        if not is_private(one):
            fix = "for instance 100.64.0.0/16"
            yield Finding(at=at, got=f"{text} is public", need="a private range", fix=fix)
        for other in seen:
            known = ipv4(other)
            if isinstance(known, IPv4Network) and known.overlaps(one):
                got = f"{text} overlaps {other}"
                fix = "write what aws ec2 describe-vpcs says"
                yield Finding(at=at, got=got, need="ranges apart", fix=fix)
        seen.append(text)


@rule("DISAGG-OWN-009")
def subnets_lie_in_the_vpc(network: Network) -> Iterator[Finding]:
    """Each existing subnet lies within a range of its VPC.

    The range of the VPC decides who reaches the router and what services must not overlap, so a
    file that says another VPC's range is found by its subnets.
    """
    if network.existing is None:
        return
    ranges = [one for text in network.cidrs if isinstance(one := ipv4(text), IPv4Network)]
    for at, subnet in _subnets(network.existing):
        one = ipv4(subnet.cidr)
        if isinstance(one, str):
            fix = "write what aws ec2 describe-subnets says"
            yield Finding(at=(*at, "cidr"), got=one, need="CIDR notation", fix=fix)
        elif ranges and not any(one.subnet_of(whole) for whole in ranges):
            yield Finding(
                at=(*at, "cidr"),
                got=f"{one} is outside {', '.join(map(str, ranges))}",
                need="a range within network.cidr or network.existing.other_cidrs",
                fix=f"state the range of {network.existing.vpc_id} that it is in",
            )


@rule("DISAGG-OWN-010")
def subnets_are_different_ones(network: Network) -> Iterator[Finding]:
    """No subnet is named twice, and no two overlap.

    The fabric subnet is of its own: GPU nodes take 50 addresses each, and a control plane or a load
    balancer that finds none is not mended by a retry. Source: EKS user guide "network
    requirements".
    """
    if network.existing is None:
        return
    for (_, first), (at, second) in combinations(_subnets(network.existing), 2):
        if first.id == second.id:
            got = f"{second.id} a second time"
            yield Finding(at=(*at, "id"), got=got, need="each subnet once", fix="name another")
            continue
        one, other = ipv4(first.cidr), ipv4(second.cidr)
        if isinstance(one, IPv4Network) and isinstance(other, IPv4Network) and one.overlaps(other):
            yield Finding(
                at=(*at, "cidr"),
                got=f"{other} overlaps {one} of {first.id}",
                need="ranges apart, as subnets of one VPC have them",
                fix="write what aws ec2 describe-subnets says",
            )


@rule("DISAGG-OWN-011")
def subnets_are_in_the_zones_of_the_file(network: Network) -> Iterator[Finding]:
    """The fabric subnet is in the fabric zone; system subnets are in the listed zones, one in each.

    EFA traffic does not leave a zone, and node groups do not move. The control plane needs two
    zones. Source: EC2 user guide "efa", limitations; EKS user guide "network requirements".
    """
    if network.existing is None:
        return
    fabric, listed = network.existing.fabric_subnet, network.availability_zone_ids
    if fabric.zone_id != network.fabric_zone_id:
        yield Finding(
            at=(*_AT, "fabric_subnet", "zone_id"),
            got=f"got {fabric.zone_id!r}",
            need=f"{network.fabric_zone_id!r}, network.fabric_zone_id",
            fix="name a subnet in that zone, or change the zone",
        )
    for index, subnet in enumerate(network.existing.system_subnets):
        if subnet.zone_id not in listed:
            yield Finding(
                at=(*_AT, "system_subnets", index, "zone_id"),
                got=f"got {subnet.zone_id!r}",
                need=f"one of network.availability_zone_ids: {', '.join(listed)}",
                fix="correct the zone, or add it to the list",
            )
    for index, zone in enumerate(listed):
        if zone not in {subnet.zone_id for subnet in network.existing.system_subnets}:
            yield Finding(
                at=("network", "availability_zone_ids", index),
                got=f"no system subnet in {zone!r}",
                need="one at least in each zone of the list",
                fix="name a subnet there, or take the zone off the list",
            )


@rule("DISAGG-OWN-012")
def subnets_have_room(network: Network) -> Iterator[Finding]:
    """Each system subnet has 59 free addresses, and none has more than its range holds.

    The room for GPU nodes is DISAGG-NET-006's. AWS keeps five addresses of each subnet. Source: VPC
    user guide "subnet sizing"; EKS user guide "network requirements".
    """
    if network.existing is None:
        return
    for at, subnet in _subnets(network.existing):
        one = ipv4(subnet.cidr)
        if isinstance(one, str):
            continue
        most = one.num_addresses - RESERVED_ADDRESSES
        free = most if subnet.free_addresses is None else subnet.free_addresses
        place = (*at, "cidr" if subnet.free_addresses is None else "free_addresses")
        if free > most:
            fix = "write what aws ec2 describe-subnets says"
            got = f"{free:,} free of {one}"
            yield Finding(at=place, got=got, need=f"at most {most:,}", fix=fix)
        elif "system_subnets" in at and free < SYSTEM_ADDRESSES:
            yield Finding(
                at=place,
                got=f"{max(free, 0):,} free addresses",
                need=f"{SYSTEM_ADDRESSES} or more, as a /26 has",
                fix="name a larger subnet of the zone",
            )


@rule("DISAGG-OWN-013")
def somebody_can_enter(cluster: Cluster) -> Iterator[Finding]:
    """A new cluster has an administrator; of an existing one, none is named here.

    Nobody gets into a new cluster by having made it. Who enters a cluster of others is theirs to
    say: a name here would be a promise that nothing keeps. Source: EKS user guide "access-entries".
    """
    at = ("cluster", "administrators")
    example = "arn:aws:iam::123456789012:role/platform"
    if cluster.existing is None and not cluster.administrators:
        fix = f'for instance administrators: ["{example}"]'
        yield Finding(at=at, got="nobody", need="the ARN of one role at least", fix=fix)
    elif cluster.existing is not None and cluster.administrators:
        yield Finding(
            at=at,
            got=f"administrators of {cluster.existing.name!r}, which is not changed",
            need="none",
            fix="remove the key",
        )


@rule("DISAGG-OWN-014")
def a_cluster_of_others_is_in_their_vpc(network: Network, cluster: Cluster) -> Iterator[Finding]:
    """An existing cluster comes with its VPC: nodes join from no other.

    EKS refuses a node group whose subnets are not in the cluster's VPC. Source: EKS API,
    CreateNodegroup.
    """
    if cluster.existing is not None and network.existing is None:
        yield Finding(
            at=("cluster", "existing"),
            got=f"cluster {cluster.existing.name!r} in a VPC that is still to be made",
            need="network.existing, its VPC",
            fix="state the VPC and subnets of the cluster under network.existing",
        )


@rule("DISAGG-OWN-015")
def the_vpc_cni_of_others_knows_efa_only(cluster: Cluster) -> Iterator[Finding]:
    """The VPC CNI of an existing cluster is 1.18.5 or later.

    Older ones take `efa-only` interfaces for their own, and pods get no address. Source: EKS user
    guide, node-efa.
    """
    if cluster.existing is None:
        return
    numbers = cluster.existing.vpc_cni_version.removeprefix("v").partition("-")[0].split(".")
    if [int(one) for one in numbers] < [int(one) for one in MINIMUM_VPC_CNI.split(".")]:
        yield Finding(
            at=("cluster", "existing", "vpc_cni_version"),
            got=f"got {cluster.existing.vpc_cni_version}",
            need=f"{MINIMUM_VPC_CNI} or later",
            fix="have the add-on upgraded first",
        )


@rule("DISAGG-OWN-016")
def a_cluster_of_others_gets_eks_nodes_only(
    cluster: Cluster, delivery: Delivery | None
) -> Iterator[Finding]:
    """An existing cluster is EKS, and `delivery` is not asked of it.

    HyperPod needs packages on the cluster and a bucket beside it, and the Delivery stack hands out
    the role of a load balancer controller: both change or know what others own.
    """
    if cluster.existing is None:
        return
    if cluster.platform == "hyperpod":
        yield Finding(
            at=("cluster", "platform"),
            got=f"hyperpod on cluster {cluster.existing.name!r}",
            need="eks, with an existing cluster",
            fix="remove it, or let a new cluster be made",
        )
    if delivery is not None:
        yield Finding(
            at=("delivery",),
            got=f"delivery to cluster {cluster.existing.name!r}",
            need="none, with an existing cluster",
            fix="remove it: its owners know their Argo CD; apply the manifests",
        )
