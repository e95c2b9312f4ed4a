"""What a million tokens cost on a layout: in, out, blended; at any volume; when half idle."""

import math
from dataclasses import dataclass

from disagg.units import HOURS_PER_MONTH

TOKENS_IN_MTOK = 1_000_000
SECONDS_PER_HOUR = 3_600
SECONDS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR
UTILISATIONS = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the capacity that the sensitivity table shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """One layout with what it costs and what it can do while it meets its SLO."""

    usd_per_hour: float
    """Everything that is billed for one such layout, idle GPUs of its nodes included [USD/h]."""
    output_tokens_per_second: float
    """Goodput of the layout: output tokens that meet the SLO, at full load [tokens/s]."""
    input_per_output: float
    """Input tokens for each output token of the workload [ratio]."""
    prefill_share: float
    """Share of the cost that prefill causes: its pool's, or its part of the engine's time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitCost:
    """Dollars a million tokens, in the four ways that are in use."""

    usd_per_mtok_all_on_output: float
    """The whole cost over the output tokens: what benchmarks print."""
    usd_per_mtok_blended: float
    """The whole cost over input and output tokens together."""
    usd_per_mtok_input: float
    """What prefill causes, over the input tokens."""
    usd_per_mtok_output: float
    """What decode causes, over the output tokens."""


def usd_per_output_token(
    usd_per_hour: float, tokens_per_second: float, utilisation: float
) -> float:
    """Return the cost of one output token [USD/token].

    Formula: c = pi / (3600 u R), with pi the price of the layout [USD/h], R its goodput at full
    load [tokens/s] and u its mean load over its peak load.

    Raises:
        ValueError: `utilisation` is not in (0, 1], or the goodput not above 0.

    Source: planner facts §4. Units: (USD/h) / ((s/h) (tokens/s)) = USD/token.

    Example:
        >>> round(usd_per_output_token(113.9328, 75_246, 1.0) * 1e6, 2)
        0.42
    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation must be in (0, 1], got {utilisation}")
    if tokens_per_second <= 0:
        raise ValueError(f"goodput must be above 0, got {tokens_per_second}")
    return usd_per_hour / (SECONDS_PER_HOUR * utilisation * tokens_per_second)


def unit_cost(layout: Priced, utilisation: float) -> UnitCost:
    """Return the cost of a million tokens at a utilisation.

    The four views divide the same money: `input x input tokens + output x output tokens` equals the
    whole, and so does `blended x all tokens`.

    Example:
        >>> one = Priced(usd_per_hour=36.0, output_tokens_per_second=1_000, input_per_output=4,
        ...              prefill_share=0.4)
        >>> cost = unit_cost(one, 0.5)
        >>> round(cost.usd_per_mtok_all_on_output, 6), round(cost.usd_per_mtok_blended, 6)
        (20.0, 4.0)
        >>> round(cost.usd_per_mtok_input, 6), round(cost.usd_per_mtok_output, 6)
        (2.0, 12.0)
    """
    each = usd_per_output_token(layout.usd_per_hour, layout.output_tokens_per_second, utilisation)
    whole = each * TOKENS_IN_MTOK
    return UnitCost(
        usd_per_mtok_all_on_output=whole,
        usd_per_mtok_blended=whole / (1 + layout.input_per_output),
        usd_per_mtok_input=whole * layout.prefill_share / layout.input_per_output,
        usd_per_mtok_output=whole * (1 - layout.prefill_share),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """What a volume costs in a month, as if capacity were sold by the token, and as it is sold."""

    output_tokens: float
    layouts: int
    """Whole layouts that the volume needs at its peak."""
    continuous_usd: float
    """The volume times the cost of a token [USD/month]."""
    stepped_usd: float
    """Whole layouts, day and night [USD/month]."""
    used: float
    """Mean load over what the whole layouts can do: what is left over is idle [share]."""

    @property
    def idle_usd(self) -> float:
        """Part of the stepped cost that pays for capacity nobody uses [USD/month]."""
        return self.stepped_usd * (1 - self.used)


def month(layout: Priced, output_tokens: float, mean_over_peak: float) -> Month:
    """Return what a monthly volume costs on whole copies of a layout.

    N = ceil(V / (seconds of a month x u x R)) layouts run day and night, where u is the mean load
    over the peak load: capacity is bought for the peak.

    Args:
        layout: What is bought; nodes are inside it, whole.
        output_tokens: Output tokens a month.
        mean_over_peak: Mean over peak load, in (0, 1].

    Source: planner facts §4, integer form.

    Example:
        >>> one = Priced(usd_per_hour=10, output_tokens_per_second=1_000, input_per_output=1,
        ...              prefill_share=0.5)
        >>> result = month(one, 3e9, 0.5)
        >>> result.layouts, result.stepped_usd
        (3, 21900)
    """
    each = usd_per_output_token(
        layout.usd_per_hour, layout.output_tokens_per_second, mean_over_peak
    )
    possible = SECONDS_PER_MONTH * layout.output_tokens_per_second
    layouts = max(1, math.ceil(output_tokens / (possible * mean_over_peak) - 1e-9))
    return Month(
        output_tokens=output_tokens,
        layouts=layouts,
        continuous_usd=output_tokens * each,
        stepped_usd=layouts * layout.usd_per_hour * HOURS_PER_MONTH,
        used=output_tokens / (layouts * possible),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensitivity:
    """Cost at one utilisation."""

    utilisation: float
    usd_per_mtok_all_on_output: float
    idle_usd_per_month: float
    """What the unused part costs in a month [USD/month]."""


def sensitivity(layout: Priced) -> tuple[Sensitivity, ...]:
    """Return the cost at the utilisations of the table: idle time is the largest lever there is."""
    return tuple(
        Sensitivity(
            utilisation=share,
            usd_per_mtok_all_on_output=unit_cost(layout, share).usd_per_mtok_all_on_output,
            idle_usd_per_month=layout.usd_per_hour * HOURS_PER_MONTH * (1 - share),
        )
        for share in UTILISATIONS
    )
