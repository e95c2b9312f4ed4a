"""Everything `disagg cost` says about one layout: a token, a month, when a change pays, idle."""

from dataclasses import dataclass

from disagg.planner.ask import Ask
from disagg.planner.decision.gain import Gains, gains
from disagg.planner.decision.sizing import Costs, costs, searcher, side_at_limit
from disagg.planner.money.savings import (
    ArticleFormula,
    Change,
    PilotStep,
    Savings,
    article_formula,
    pilot_steps,
    savings,
)
from disagg.planner.money.unit_cost import (
    SECONDS_PER_MONTH,
    Month,
    Sensitivity,
    UnitCost,
    month,
    sensitivity,
    unit_cost,
)
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.search import Found, aggregated, workers

VOLUME_STEPS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Volumes of the table over that of the question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """The money of one layout."""

    found: Found
    costs: Costs
    full: UnitCost
    """A token when the layout is full at its peak, day and night."""
    months: tuple[Month, ...]
    sensitivity: tuple[Sensitivity, ...]
    rival: Found
    """The best layout without disaggregation on the same nodes."""
    gain: Gains
    change: Savings
    """What this layout saves over that one at the volume of the question."""
    break_even_tokens: float
    """Output tokens a month from which it pays; infinite where it never does."""
    pilot: tuple[PilotStep, ...]
    article: ArticleFormula

    @property
    def idle_usd_per_month(self) -> float:
        """What nobody uses at the volume of the question [USD/month]."""
        return self.costs.month.idle_usd


def spending(ask: Ask, layout: Layout, volume: float | None = None) -> Spending | None:
    """Return the money of a layout, None where it serves nothing within the promises.

    Args:
        ask: The question.
        layout: What is bought.
        volume: Output tokens a month. Default: that of the question.
    """
    tool = searcher(ask)
    found = tool.found(layout)
    money = costs(ask, found, volume)
    kinds = workers(ask.model, ask.instance, data_parallel=False)
    rivals = [tool.found(aggregated(tool, kind, layout.nodes)) for kind in kinds]
    rival = max(rivals, key=lambda one: one.degraded.capacity)
    spent = costs(ask, rival, volume)
    if money is None or spent is None:
        return None
    tokens = ask.setting.traffic.outputs.mean
    gain = gains(side_at_limit(found, tokens), side_at_limit(rival, tokens))
    pilot = pilot_steps(ask.price.usd_per_hour, layout.nodes)
    once = ask.question.operations.once_usd + sum(step.usd for step in pilot)
    change = savings(
        Change(
            baseline_usd_per_month=spent.month.continuous_usd,
            gain=gain.per_gpu_billed,
            price_ratio=1.0,
            extra_usd_per_month=ask.question.operations.usd_per_month,
            once_usd=once,
            fixed=ask.price.committed,
        )
    )
    at_load = side_at_limit(rival, tokens).output_tokens_per_second
    return Spending(
        found=found,
        costs=money,
        full=unit_cost(money.priced, 1.0),
        months=tuple(
            month(money.priced, money.volume * step, ask.mean_over_peak) for step in VOLUME_STEPS
        ),
        sensitivity=sensitivity(money.priced),
        rival=rival,
        gain=gain,
        change=change,
        break_even_tokens=money.volume * change.break_even_share,
        pilot=pilot,
        article=article_formula(
            at_load,
            money.volume,
            SECONDS_PER_MONTH,
            gain.absolute,
            ask.question.operations.usd_per_month,
        ),
    )
