"""What disaggregation saves or costs, when it pays back, and what the pilot itself costs."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Replacing one layout by another for the same volume."""

    baseline_usd_per_month: float
    """What the volume costs today: V x c_b [USD/month]."""
    gain: float
    """g: output tokens/s for each GPU of the new layout over that of the baseline [ratio]."""
    price_ratio: float
    """rho: price of a GPU hour of the new layout over that of the baseline [ratio]."""
    extra_usd_per_month: float
    """A: what comes on top each month: router nodes, observability, people on call [USD/month]."""
    once_usd: float
    """C0: migration, training, the pilot [USD]."""
    fixed: bool = False
    """True where the nodes are paid anyway (a reservation): a gain buys capacity, not money."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Savings:
    """What a change is worth."""

    usd_per_month: float
    """Savings after the extra cost; negative when the change costs money [USD/month]."""
    break_even_share: float
    """Volume from which the change pays, over the volume of today; inf when it never does."""
    payback_months: float
    """Months until `once_usd` is back; inf when it never is."""
    reason: str


def savings(change: Change) -> Savings:
    """Return what a change saves.

    Formula: S = V c_b (1 - rho/g) - A; it pays only if g > rho. Break-even volume
    V* = A / (c_b (1 - rho/g)); payback = C0 / S. The shape (1 - 1/g) is the article's; its bracket
    is replaced by what the baseline spends, which makes the units right.

    Source: planner facts §4.

    Example:
        >>> change = Change(baseline_usd_per_month=100_000, gain=1.25, price_ratio=1.0,
        ...                 extra_usd_per_month=5_000, once_usd=45_000)
        >>> result = savings(change)
        >>> round(result.usd_per_month), round(result.payback_months, 2)
        (15000, 3.0)
        >>> round(result.break_even_share, 2)
        0.25
    """
    share = 1 - change.price_ratio / change.gain
    gross = 0.0 if change.fixed else change.baseline_usd_per_month * share
    net = gross - change.extra_usd_per_month
    if change.fixed:
        reason = "the nodes are paid whether used or not: a gain buys capacity, no money"
    elif share <= 0:
        reason = f"gain {change.gain:.2f} does not exceed the price ratio {change.price_ratio:.2f}"
    elif net <= 0:
        reason = "the extra cost is more than what is saved at this volume"
    else:
        reason = "saves more than it adds"
    return Savings(
        usd_per_month=net,
        break_even_share=change.extra_usd_per_month / gross if gross > 0 else math.inf,
        payback_months=change.once_usd / net if net > 0 else math.inf,
        reason=reason,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ArticleFormula:
    """The published formula, computed as printed so that it can stand beside the sound one."""

    text: str
    value: float
    unit: str
    verdict: str


ARTICLE_FORMULA = (
    "savings = (baseline tokens/s x token volume x time) x (1 - 1/gain) - additional costs"
)
"""As published. Source: the reference article, reference facts "Cost", read 2026-11-23."""


def article_formula(
    tokens_per_second: float, token_volume: float, seconds: float, gain: float, costs_usd: float
) -> ArticleFormula:
    """Return the article's formula with its numbers, labelled: no money is computed from it.

    (tokens/s) x tokens x s is tokens squared, from which dollars are taken away: the result has no
    unit. Read `baseline tokens/s x token volume x time` as `V x c_b`, the baseline's spend, and the
    formula is `savings` above.

    Example:
        >>> article_formula(1.0, 10.0, 2.0, 2.0, 3.0).value
        7.0
    """
    return ArticleFormula(
        text=ARTICLE_FORMULA,
        value=tokens_per_second * token_volume * seconds * (1 - 1 / gain) - costs_usd,
        unit="tokens^2 - USD",
        verdict="dimensionally inconsistent as published; shown, never used for money",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PilotStep:
    """One step of the pilot playbook with the hours it keeps nodes running."""

    name: str
    nodes: int
    hours: float
    usd: float


PILOT_HOURS = (("single-node baseline", 16), ("two-node prototype", 40), ("scale test", 24))
"""Hours nodes run for each step of the playbook [h]: assumed, 2026-11-23; two days of eight hours,
a week of them, three days. The steps are the article's."""


def pilot_steps(usd_per_node_hour: float, full_nodes: int) -> tuple[PilotStep, ...]:
    """Return the cost of the pilot, step by step: GPU nodes only, at the price that is paid.

    Example:
        >>> [step.usd for step in pilot_steps(100.0, 4)]
        [1600.0, 8000.0, 9600.0]
    """
    sizes = (1, 2, max(2, full_nodes))
    return tuple(
        PilotStep(name=name, nodes=nodes, hours=hours, usd=usd_per_node_hour * nodes * hours)
        for (name, hours), nodes in zip(PILOT_HOURS, sizes, strict=True)
    )
