"""How the VPC's range is cut: one fabric subnet for the GPU nodes, small ones for the rest."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from disagg.config.environment import Network

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
    """One subnet to create."""

    name: str
    """PascalCase, unique in the VPC; becomes the construct id."""
    cidr: str
    zone_id: str
    public: bool = False

    @property
    def usable_addresses(self) -> int:
        """Addresses left for hosts [count]."""
        return IPv4Network(self.cidr).num_addresses - RESERVED_ADDRESSES


@dataclass(frozen=True, kw_only=True, slots=True)
class SubnetLayout:
    """Every subnet of the VPC."""

    fabric: Subnet
    system: tuple[Subnet, ...]
    public: Subnet
    """Holds the NAT gateway and nothing else."""


def subnet_layout(network: Network) -> SubnetLayout:
    """Return the subnets of a VPC: half of it for GPU nodes, a sixteenth for each other use.

    Args:
        network: A checked network; its prefix lies between /16 and /22 and it has two to six zones.

    Returns: The fabric subnet, one system subnet for each zone in the order of the file, and one
        public subnet in the fabric zone. Adding a zone at the end of the list moves none of the
        others.

    Raises:
        ValueError: The range is not IPv4 CIDR notation or too small to be cut.

    Example:
        >>> zones = ("usw2-az1", "usw2-az2")
        >>> layout = subnet_layout(Network(availability_zone_ids=zones, fabric_zone_id=zones[1]))
        >>> layout.fabric.cidr, layout.system[0].cidr, layout.public.cidr
        ('10.42.0.0/17', '10.42.128.0/20', '10.42.240.0/20')
    """
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
        public=Subnet(
            name="Public", cidr=str(slices[-1]), zone_id=network.fabric_zone_id, public=True
        ),
    )
