"""Rules about money."""

from collections.abc import Iterator

from disagg.catalog.prices import Prices
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Budget, Cluster, Pricing
from disagg.errors import Severity
from disagg.planner.cost import group_prices
from disagg.planner.layout import groups
from disagg.planner.reservations import not_planned
from disagg.units import HOURS_PER_MONTH


@rule("DISAGG-PRC-004")
def nodes_are_bought_in_one_way(pricing: Pricing) -> Iterator[Finding]:
    """`pricing` names at most one of savings_plan, capacity_block and training_plan.

    Each is the price of the GPU nodes; of two, neither would be the one that is paid. An EDP goes
    with any of them.
    """
    named = [
        name
        for name in ("savings_plan", "capacity_block", "training_plan")
        if getattr(pricing, name) is not None
    ]
    for name in named[1:]:
        yield Finding(
            at=("pricing", name),
            got=f"{name} beside {named[0]}",
            need="one way to buy the nodes",
            fix=f"remove pricing.{name} or pricing.{named[0]}",
        )


@rule("DISAGG-BUD-001", severity=Severity.WARNING)
def budget_pays_for_day_and_night(
    aws: Aws,
    cluster: Cluster,
    capacity: Capacity,
    budget: Budget | None,
    pricing: Pricing,
    prices: Prices,
) -> Iterator[Finding]:
    """The budget pays for all GPU nodes, day and night.

    GPU nodes are nearly all of the cost; a smaller budget is fine when groups are scaled to zero in
    between. What was bought before is counted as held, used or not.
    """
    nodes = group_prices(capacity, cluster.platform, aws.region, prices, pricing)
    hourly = sum(
        nodes[name].usd_per_hour * group.nodes
        for name, group in groups(capacity).items()
        if name in nodes
    ) + sum(
        nodes[name].usd_per_hour * count
        for name, _, count in not_planned(capacity)
        if name in nodes
    )
    if budget and hourly * HOURS_PER_MONTH > budget.usd_per_month:
        hours = int(budget.usd_per_month / hourly)
        yield Finding(
            at=("budget", "usd_per_month"),
            got=f"GPU nodes cost ${hourly * HOURS_PER_MONTH:,.0f} a month at ${hourly:,.2f}/h",
            need=f"${budget.usd_per_month:,} to be enough",
            fix=f"it pays for {hours} hours: scale the groups down in between, or raise it",
        )
