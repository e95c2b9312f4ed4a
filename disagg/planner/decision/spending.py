"""Everything `disagg cost` says about one layout: a token, a month, when a change pays, idle."""

from dataclasses import dataclass

from disagg.planner.ask import Ask
from disagg.planner.decision.sizing import (
    Costs,
    cheapest_single,
    costs,
    rival_of,
    searcher,
    side_at_limit,
)
from disagg.planner.decision.worth import Compared, Worth, compared, worth
from disagg.planner.money.savings import (
    ArticleFormula,
    PilotStep,
    article_formula,
    pilot_steps,
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
from disagg.planner.performance.search import Found

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
    gain: Compared
    change: Worth
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
        layout: What is bought: two pools.
        volume: Output tokens a month. Default: that of the question.
    """
    tool = searcher(ask)
    found = tool.found(layout)
    money = costs(ask, found, volume)
    asked_volume = ask.volume(found.estimate.wanted) if volume is None else volume
    rival = rival_of(ask, tool, layout.nodes)
    gain = compared(ask, found, rival)
    spent = None if rival is None else costs(ask, rival, asked_volume)
    if money is None or rival is None or gain is None or spent is None:
        return None
    pilot = pilot_steps(ask.price.usd_per_hour, layout.nodes)
    change = worth(ask, gain, found, rival, cheapest_single(tool) or rival, pilot, volume)
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
        break_even_tokens=spent.volume * change.middle.break_even_share,
        pilot=pilot,
        article=article_formula(
            side_at_limit(ask, rival).output_tokens_per_second,
            money.volume,
            SECONDS_PER_MONTH,
            gain.at_limit.absolute,
            ask.question.operations.usd_per_month,
        ),
    )
