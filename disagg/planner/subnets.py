"""How the VPC's range is cut: one fabric subnet for the GPU nodes, small ones for the rest."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from disagg.config.environment import Network
from disagg.config.existing import ExistingNetwork, ExistingSubnet

LARGEST_PREFIX, SMALLEST_PREFIX = 16, 22
"""VPC sizes that can be cut this way; /16 is the largest AWS allows."""
RESERVED_ADDRESSES = 5
"""Addresses AWS keeps in every subnet. Source: VPC user guide "subnet sizing"."""
ADDRESSES_PER_GPU_NODE = 50
"""IPv4 addresses a GPU node takes at most [count]: one whole interface.

Source: facts of EC2 (50 IPv4 addresses an interface on p5 and p6), catalogue of instance types.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    """One subnet."""

    name: str
    """PascalCase, unique in the VPC; becomes the construct id."""
    cidr: str
    zone_id: str
    public: bool = False
    id: str = ""
    """Of one that exists; empty: it is made."""
    free_addresses: int | None = None
    """How many of its addresses are free [count], where others use it too."""

    @property
    def usable_addresses(self) -> int:
        """Addresses left for hosts [count]."""
        most = IPv4Network(self.cidr).num_addresses - RESERVED_ADDRESSES
        return most if self.free_addresses is None else min(most, self.free_addresses)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubnetLayout:
    """Every subnet of the VPC that is used."""

    fabric: Subnet
    system: tuple[Subnet, ...]
    public: Subnet | None
    """Holds the NAT gateway and nothing else; None in a VPC of others or without internet."""


def subnet_layout(network: Network) -> SubnetLayout:
    """Return the subnets of a VPC: half of it for GPU nodes, a sixteenth for each other use.

    Of a VPC that exists: those the file names.

    Args:
        network: A checked network; its prefix lies between /16 and /22 and it has two to six zones.

    Returns: The fabric subnet, one system subnet for each zone in the order of the file, and one
        public subnet in the fabric zone, unless there is no internet. Adding a zone at the end of
        the list moves none of the others.

    Raises:
        ValueError: The range is not IPv4 CIDR notation or too small to be cut.

    Example:
        >>> zones = ("usw2-az1", "usw2-az2")
        >>> layout = subnet_layout(Network(availability_zone_ids=zones, fabric_zone_id=zones[1]))
        >>> layout.fabric.cidr, layout.system[0].cidr, layout.public.cidr
        ('10.42.0.0/17', '10.42.128.0/20', '10.42.240.0/20')
    """
    if network.existing is not None:
        return _named(network.existing)
    whole = IPv4Network(network.cidr)
    fabric, rest = whole.subnets(prefixlen_diff=1)
    slices = list(rest.subnets(prefixlen_diff=3))
    system = tuple(
        Subnet(name=f"System{index + 1}", cidr=str(slices[index]), zone_id=zone)
        for index, zone in enumerate(network.availability_zone_ids)
    )
    return SubnetLayout(
        fabric=Subnet(name="Fabric", cidr=str(fabric), zone_id=network.fabric_zone_id),
        system=system,
        public=_public(network, str(slices[-1])),
    )


def _public(network: Network, cidr: str) -> Subnet | None:
    if network.internet == "none":
        return None
    return Subnet(name="Public", cidr=cidr, zone_id=network.fabric_zone_id, public=True)


def _named(existing: ExistingNetwork) -> SubnetLayout:
    return SubnetLayout(
        fabric=_subnet("Fabric", existing.fabric_subnet),
        system=tuple(
            _subnet(f"System{number}", one) for number, one in enumerate(existing.system_subnets, 1)
        ),
        public=None,
    )


def _subnet(name: str, one: ExistingSubnet) -> Subnet:
    return Subnet(
        name=name, cidr=one.cidr, zone_id=one.zone_id, id=one.id, free_addresses=one.free_addresses
    )
