"""Rules about money."""

from collections.abc import Iterator

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Budget, Capacity
from disagg.errors import Severity
from disagg.planner.layout import groups
from disagg.units import HOURS_PER_MONTH


@rule("DISAGG-BUD-001", severity=Severity.WARNING)
def budget_pays_for_day_and_night(capacity: Capacity, budget: Budget | None) -> Iterator[Finding]:
    """The budget pays for all GPU nodes, day and night.

    GPU nodes are nearly all of the cost; a smaller budget is fine when groups are scaled to zero in
    between.
    """
    hourly = sum(
        (INSTANCE_TYPES[group.instance_type].usd_per_hour or 0.0) * group.nodes
        for group in groups(capacity).values()
        if group.instance_type in INSTANCE_TYPES
    )
    if budget and hourly * HOURS_PER_MONTH > budget.usd_per_month:
        hours = int(budget.usd_per_month / hourly)
        yield Finding(
            at=("budget", "usd_per_month"),
            got=f"GPU nodes cost ${hourly * HOURS_PER_MONTH:,.0f} a month at ${hourly:,.2f}/h",
            need=f"${budget.usd_per_month:,} to be enough",
            fix=f"it pays for {hours} hours: scale the groups down in between, or raise it",
        )
