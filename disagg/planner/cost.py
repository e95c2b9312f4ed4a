"""What an environment costs each hour, line by line, each figure saying what it is."""

from dataclasses import dataclass

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.prices import PRICES
from disagg.catalog.source import Kind
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.config.environment import Environment
from disagg.planner.endpoints import INTERFACE_ENDPOINTS
from disagg.planner.layout import groups
from disagg.units import HOURS_PER_MONTH

PRICED_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """One thing that is paid for by the hour."""

    item: str
    count: int
    usd_per_hour_each: float | None
    """None where no on-demand price is known."""
    kind: Kind
    source: str
    date: str
    needs_gpu_nodes: bool = False
    """True for what is only paid while GPU nodes run."""

    @property
    def usd_per_hour(self) -> float:
        """Cost of all of them [USD/h]; 0 where the price is not known."""
        return (self.usd_per_hour_each or 0.0) * self.count


def cost_lines(environment: Environment) -> tuple[CostLine, ...]:
    """Return every hourly cost at the planned size, without data transfer and storage."""
    kind = Kind.PUBLISHED if environment.aws.region == PRICED_REGION else Kind.ASSUMED
    lines = []
    for name, group in groups(environment.capacity).items():
        instance = INSTANCE_TYPES[group.instance_type]
        source = instance.price_source
        lines.append(
            CostLine(
                item=f"{group.instance_type}, {name} nodes",
                count=group.nodes,
                usd_per_hour_each=instance.usd_per_hour,
                kind=kind,
                source=source.reference if source else "not sold on demand",
                date=source.date if source else "",
                needs_gpu_nodes=True,
            )
        )
    system = SYSTEM_INSTANCE_TYPES[environment.cluster.system_instance_type]
    zones = len(environment.network.availability_zone_ids)
    other = (
        (
            f"{system.name}, system nodes",
            environment.cluster.system_nodes,
            system.usd_per_hour,
            system.source,
        ),
        ("EKS control plane", 1, PRICES["eks_cluster"].usd, PRICES["eks_cluster"].source),
        ("NAT gateway", 1, PRICES["nat_gateway"].usd, PRICES["nat_gateway"].source),
        (
            "public IPv4 address of it",
            1,
            PRICES["public_ipv4_address"].usd,
            PRICES["public_ipv4_address"].source,
        ),
        (
            "interface endpoints",
            len(INTERFACE_ENDPOINTS) * zones,
            PRICES["interface_endpoint"].usd,
            PRICES["interface_endpoint"].source,
        ),
    )
    for item, count, usd, where in other:
        lines.append(
            CostLine(
                item=item,
                count=count,
                usd_per_hour_each=usd,
                kind=where.kind if kind is Kind.PUBLISHED else Kind.ASSUMED,
                source=where.reference,
                date=where.date,
            )
        )
    return tuple(lines)


def usd_per_hour(lines: tuple[CostLine, ...], *, gpu_nodes: bool = True) -> float:
    """Return the sum [USD/h], with or without what only GPU nodes cost."""
    return sum(line.usd_per_hour for line in lines if gpu_nodes or not line.needs_gpu_nodes)


def usd_per_month(lines: tuple[CostLine, ...]) -> float:
    """Return the cost of running everything day and night [USD/month of 730 h]."""
    return usd_per_hour(lines) * HOURS_PER_MONTH
