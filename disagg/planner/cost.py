"""What an environment costs each hour, line by line, each figure saying what it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from disagg.catalog.instances import node_type
from disagg.catalog.models import MODELS
from disagg.catalog.prices import OFFERS, Offer, Prices
from disagg.catalog.source import Kind
from disagg.config.capacity import Capacity, CapacityBlock, CapacitySource, OnDemand
from disagg.config.environment import Block, Environment, Pricing
from disagg.planner.endpoints import interface_endpoints
from disagg.planner.layout import groups
from disagg.planner.money.purchase import NodePrice, node_price
from disagg.planner.reservations import Ending, not_planned, shared, short_name
from disagg.planner.weights import capacity_gib, file_system_of
from disagg.units import HOURS_PER_MONTH


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """One thing that is paid for by the hour."""

    item: str
    count: int
    usd_per_hour_each: float | None
    """None where no price is known."""
    kind: Kind
    source: str
    date: str
    needs_gpu_nodes: bool = False
    """True for what is only paid while GPU nodes run."""
    held: bool = False
    """True for what was bought before: paid for since then, whatever is deployed."""

    @property
    def usd_per_hour(self) -> float:
        """Cost of all of them [USD/h]; 0 where the price is not known."""
        return (self.usd_per_hour_each or 0.0) * self.count


def group_prices(
    capacity: Capacity, platform: str, region: str, prices: Prices, pricing: Pricing
) -> Mapping[str, NodePrice]:
    """Return the price of a node by group, for the groups that have one.

    Where a group is a Capacity Block or a training plan, the offer under `pricing` is the price of
    those groups only, and its own `price` comes before that.

    Args:
        capacity: The groups.
        platform: `eks` or `hyperpod`, whose nodes have a price list of their own.
        region: AWS region.
        prices: The price table.
        pricing: What the user pays instead of the list price.
    """
    named = groups(capacity)
    blocks = {name for name, one in named.items() if isinstance(one.source, Ending)}
    beside = replace(pricing, capacity_block=None, training_plan=None)
    found = {
        name: node_price(
            prices,
            one.instance_type,
            region,
            _paid(one.source) or (pricing if name in blocks or not blocks else beside),
            OFFERS[platform],
        )
        for name, one in named.items()
    }
    return {name: price for name, price in found.items() if price is not None}


def _paid(source: CapacitySource) -> Pricing | None:
    """Return the price that a source says of itself: that of all its instances."""
    if not isinstance(source, Ending) or source.price is None:
        return None
    paid = source.price
    block = Block(upfront_usd=paid.upfront_usd, nodes=source.instances, hours=paid.hours)
    if isinstance(source, CapacityBlock):
        return Pricing(capacity_block=block)
    return Pricing(training_plan=block)


def mean_price(environment: Environment, prices: Prices) -> NodePrice | None:
    """Return what a GPU node of an environment costs, the mean where groups are bought otherwise.

    None where a group has no price. What was bought before is paid for whether it is used or not.
    """
    capacity = environment.capacity
    found = group_prices(
        capacity,
        environment.cluster.platform,
        environment.aws.region,
        prices,
        environment.pricing,
    )
    named = groups(capacity)
    if found.keys() != named.keys():
        return None
    total = sum(one.nodes for one in named.values())
    usd = sum(found[name].usd_per_hour * one.nodes for name, one in named.items()) / total
    first = next(iter(found.values()))
    how = dict.fromkeys(
        found[name].how if one.source.kind != "reservation" else "reserved"
        for name, one in named.items()
    )
    return replace(
        first,
        usd_per_hour=usd,
        how=" and ".join(how) + (", the mean of all nodes" if len(how) > 1 else ""),
        committed=all(
            found[name].committed or one.source.kind != "on_demand" for name, one in named.items()
        ),
    )


def cost_lines(environment: Environment, prices: Prices) -> tuple[CostLine, ...]:
    """Return every hourly cost at the planned size, without data transfer and storage in S3.

    What was bought before is counted as what is held, not as what is planned: nodes beyond the
    planned ones have a line of their own (`planner.reservations.not_planned`, with its sources).
    """
    region, pricing = environment.aws.region, environment.pricing
    network, platform = environment.network, environment.cluster.platform
    endpoints = len(interface_endpoints(environment)) * len(network.availability_zone_ids)
    nodes = group_prices(environment.capacity, platform, region, prices, pricing)
    lines = [
        _line(
            f"{node_type(group.instance_type, platform)}, {name} nodes",
            group.nodes,
            nodes.get(name),
            # Why: what was bought before is paid for whether its nodes run or not.
            needs_gpu_nodes=group.source.kind == "on_demand",
            held=group.source.kind != "on_demand",
        )
        for name, group in groups(environment.capacity).items()
    ]
    for name, source, count in not_planned(environment.capacity):
        instance_type = node_type(groups(environment.capacity)[name].instance_type, platform)
        label = f"{instance_type}, held by {short_name(source)} beyond the planned"
        price = nodes.get(name)
        lines.append(_line(label, count, price, needs_gpu_nodes=False, held=True))
    system = environment.cluster.system_type
    small = f"{node_type(system, platform)}, system nodes"
    # Why: what others own, they pay for.
    way_out = (
        ("NAT gateway", 1, "nat_gateway", Offer.SERVICE),
        ("public IPv4 address of it", 1, "public_ipv4_address", Offer.SERVICE),
    )
    of_the_vpc = (
        *(() if environment.closed else way_out),
        ("interface endpoints", endpoints, "interface_endpoint", Offer.SERVICE),
    )
    of_the_cluster = (
        (small, environment.cluster.system_nodes, system, OFFERS[platform]),
        ("EKS control plane", 1, "eks_cluster", Offer.SERVICE),
    )
    other = (
        *(() if environment.cluster.existing else of_the_cluster),
        *(() if network.existing else of_the_vpc),
    )
    # Why: a savings plan or a block is bought for GPU nodes; only the agreement covers the rest.
    rest = Pricing(edp_percent=pricing.edp_percent)
    for label, count, item, offer in other:
        price = node_price(prices, item, region, rest, offer)
        lines.append(_line(label, count, price, needs_gpu_nodes=False))
    return (*lines, *_file_system(environment, prices, rest))


def _file_system(environment: Environment, prices: Prices, pricing: Pricing) -> Iterator[CostLine]:
    """Yield the file system of models, where there is one: paid for by its size, used or not."""
    fsx = file_system_of(environment)
    if fsx is None:
        return
    size, speed = capacity_gib(fsx, MODELS[environment.serving.model]), fsx.throughput_mb_per_tib
    each = node_price(
        prices, f"fsx_lustre_gib_{speed}", environment.aws.region, pricing, Offer.SERVICE
    )
    whole = None if each is None else replace(each, usd_per_hour=each.usd_per_hour * size)
    label = f"FSx for Lustre, {size:,} GiB at {speed} MB/s/TiB"
    yield _line(label, 1, whole, needs_gpu_nodes=False)


def counted_again(environments: Iterable[Environment], prices: Prices) -> float:
    """Return what several environments count of the same purchase more than once [USD/h].

    Each counts the whole of what it starts nodes in; the bill has it once.
    """
    again, seen = 0.0, set[str]()
    for one in environments:
        found = group_prices(
            one.capacity, one.cluster.platform, one.aws.region, prices, one.pricing
        )
        for named, members in shared(one.capacity).items():
            name, group = next(iter(members.items()))
            if named in seen and name in found and not isinstance(group.source, OnDemand):
                again += found[name].usd_per_hour * group.source.instances
            seen.add(named)
    return again


def _line(
    item: str, count: int, price: NodePrice | None, *, needs_gpu_nodes: bool, held: bool = False
) -> CostLine:
    return CostLine(
        item=item,
        count=count,
        usd_per_hour_each=None if price is None else price.usd_per_hour,
        kind=Kind.ASSUMED if price is None else price.kind,
        source="no price known" if price is None else price.reference,
        date="" if price is None else price.date,
        needs_gpu_nodes=needs_gpu_nodes,
        held=held,
    )


def usd_per_hour(lines: tuple[CostLine, ...], *, gpu_nodes: bool = True) -> float:
    """Return the sum [USD/h], with or without what only GPU nodes cost."""
    return sum(line.usd_per_hour for line in lines if gpu_nodes or not line.needs_gpu_nodes)


def usd_per_month(lines: tuple[CostLine, ...]) -> float:
    """Return the cost of running everything day and night [USD/month of 730 h]."""
    return usd_per_hour(lines) * HOURS_PER_MONTH
