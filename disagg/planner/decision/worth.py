"""What two pools gain over one on the same nodes, and what that is worth in a month."""

import math
from dataclasses import dataclass, replace

from disagg.planner.ask import Ask
from disagg.planner.decision.gain import (
    MEASURED_BAND,
    Gains,
    MeasuredPair,
    Side,
    gain_band,
    gains,
    inverse,
    measured_pair,
    measured_side,
)
from disagg.planner.decision.sizing import NOTHING, costs, side_at_limit, side_at_load
from disagg.planner.money.savings import Change, PilotStep, Savings, savings
from disagg.planner.money.unit_cost import SECONDS_PER_MONTH
from disagg.planner.performance.bands import EXACT, Band, combined
from disagg.planner.performance.limits import mixed_batch_at, mixed_limits, mixed_rate, targets
from disagg.planner.performance.search import Found
from disagg.units import HOURS_PER_MONTH

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """The fair comparison: two pools against one, on the same nodes."""

    at_limit: Gains
    """At the most each serves within every promise: what a fleet that is full gains."""
    at_load: Gains
    """At the load of the question."""
    band: Band
    """Factors of the gain between which the truth lies, nine in ten."""
    measured: MeasuredPair | None = None
    """What `at_limit` was measured on; None where it is predicted."""
    over: str = ""
    """The single pool that a measured gain is over."""

    @property
    def low(self) -> float:
        """Lower bound of the gain per dollar."""
        return self.at_limit.per_usd * self.band.low

    @property
    def high(self) -> float:
        """Upper bound of the gain per dollar."""
        return self.at_limit.per_usd * self.band.high


def compared(ask: Ask, pools: Found | None, rival: Found | None) -> Compared | None:
    """Return the gain of two pools over the best single pool on as many nodes.

    A measured pair of layouts counts before a prediction, against the stronger of its single pool
    and the rival, where that is calibrated. None where one of the two does not exist, or neither
    serves anything within the promises even if every prediction is exact.
    """
    if pools is None or rival is None:
        return None
    at_load = gains(side_at_load(pools), side_at_load(rival))
    shape, price = ask.setting.traffic, ask.price.usd_per_hour
    lengths = (shape.inputs.mean, shape.outputs.mean)
    pair = measured_pair(ask.question.measurements, lengths, ask.instance.gpus, price, ask.slo)
    if pair is not None:
        return _measured(ask, pair, rival, at_load)
    new, old = side_at_limit(ask, pools), side_at_limit(ask, rival)
    if max(new.output_tokens_per_second, old.output_tokens_per_second) <= NOTHING:
        return None
    return Compared(
        at_limit=gains(new, old),
        at_load=at_load,
        band=gain_band(ask.bands(pools.layout), ask.bands(rival.layout)),
    )


def _measured(ask: Ask, pair: MeasuredPair, rival: Found, at_load: Gains) -> Compared:
    """Return a measured gain, against the rival at the same speed where that is stronger."""
    against_pair = Compared(
        at_limit=pair.gains,
        at_load=at_load,
        band=MEASURED_BAND,
        measured=pair,
        over=measured_side(pair.single, ask.instance.gpus, 1.0).name,
    )
    if not rival.calibrated:
        return against_pair
    engine = ask.setting.engine(rival.layout.engines.worker, 0.0)
    promised = targets(EXACT, ask.slo)
    batch = min(
        mixed_batch_at(engine, pair.pools.tpot_ms), *mixed_limits(engine, promised).values()
    )
    tokens = rival.layout.engines.count * mixed_rate(engine, batch) * engine.shape.output_tokens
    other = gains(
        measured_side(pair.pools, ask.instance.gpus, ask.price.usd_per_hour),
        Side(
            name=str(rival.layout),
            output_tokens_per_second=max(tokens, NOTHING),
            gpus_used=rival.layout.gpus_used,
            gpus_billed=rival.layout.gpus_billed,
            usd_per_hour=rival.usd_per_hour,
        ),
    )
    against_rival = replace(
        against_pair,
        at_limit=other,
        band=combined(MEASURED_BAND, inverse(ask.bands(rival.layout).tpot)),
        over=f"{rival.layout}, calibrated, at the same time per token",
    )
    # Why the smaller end of both: each is an opponent, and the stronger one counts.
    closer = min(against_pair, against_rival, key=lambda one: one.at_limit.per_usd)
    ends = [
        min(getattr(one, end) for one in (against_pair, against_rival)) / closer.at_limit.per_usd
        for end in ("low", "high")
    ]
    return replace(closer, band=Band(low=ends[0], high=ends[1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What disaggregation saves in a month at the lower bound, the middle and the upper bound."""

    low: Savings
    middle: Savings
    high: Savings
    whole_nodes_low_usd: float
    """What the bill falls by at the lower bound: nodes are sold whole [USD/month]."""
    whole_nodes_middle_usd: float
    """The same in the middle [USD/month]."""
    whole_nodes_high_usd: float
    """The same at the upper bound [USD/month]."""
    once_usd: float
    """What is spent once: migration, training, the pilot [USD]."""

    @property
    def payback_months(self) -> float:
        """Months until `once_usd` is back by whole nodes, in the middle; inf when it never is."""
        saved = self.whole_nodes_middle_usd
        return self.once_usd / saved if saved > 0 else math.inf


def worth(
    ask: Ask,
    gain: Compared,
    pools: Found,
    rival: Found,
    cheapest: Found,
    pilot: tuple[PilotStep, ...],
    volume: float | None = None,
) -> Worth:
    """Return what a gain is worth at the volume of the question.

    Continuous: what the rival is paid for the volume, as if capacity were sold by the token, times
    1 - 1/gain, less operations. Whole nodes: those that the cheapest single pool needs for the peak
    less those that a fleet with the gain needs for it, less operations. What a fleet of today has
    beyond the peak is no saving of disaggregation: it could be given back without.

    Args:
        ask: The question.
        gain: Two pools over one; the gain per dollar counts.
        pools: The two pools.
        rival: The single pool that the gain is over.
        cheapest: The single pool that would be bought.
        pilot: What finding out costs, paid back with the savings.
        volume: Output tokens a month, whose peak then counts. Default: volume and peak of the
            question on the pools.

    Source: planner facts §4, continuous and integer form.
    """
    spent = costs(ask, rival, ask.volume(pools.estimate.wanted) if volume is None else volume)
    month = rival.usd_per_hour * HOURS_PER_MONTH if spent is None else spent.month.continuous_usd
    extra = ask.question.operations.usd_per_month
    once = ask.question.operations.once_usd + sum(step.usd for step in pilot)
    node = ask.price.usd_per_hour * HOURS_PER_MONTH
    peak = _nodes_at_peak(ask, cheapest, volume)
    nodes = max(1, math.ceil(peak - _ROUNDING))

    def at(factor: float) -> Savings:
        return savings(
            Change(
                baseline_usd_per_month=month,
                gain=max(factor, 1e-6),
                # Why 1: a gain per dollar has the price in it, and both stand on the same nodes.
                price_ratio=1.0,
                extra_usd_per_month=extra,
                once_usd=once,
                fixed=ask.price.committed,
            )
        )

    def by_whole_nodes(factor: float) -> float:
        needed = max(pools.layout.least_nodes, math.ceil(peak / max(factor, 1e-6) - _ROUNDING))
        return (0.0 if ask.price.committed else (nodes - needed) * node) - extra

    return Worth(
        low=at(gain.low),
        middle=at(gain.at_limit.per_usd),
        high=at(gain.high),
        whole_nodes_low_usd=by_whole_nodes(gain.low),
        whole_nodes_middle_usd=by_whole_nodes(gain.at_limit.per_usd),
        whole_nodes_high_usd=by_whole_nodes(gain.high),
        once_usd=once,
    )


def _nodes_at_peak(ask: Ask, single: Found, volume: float | None) -> float:
    """Return the nodes of a single pool that the peak fills, as if they were sold in parts.

    The peak is that of the load, or what a volume of its own makes it.
    """
    capacity = single.degraded.capacity
    if capacity <= 0:
        return float(single.layout.nodes)
    rate = single.estimate.wanted
    if volume is not None:
        tokens = ask.setting.traffic.outputs.mean
        rate = volume / (SECONDS_PER_MONTH * tokens * ask.mean_over_peak)
    return single.layout.nodes * rate / capacity
