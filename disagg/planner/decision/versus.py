"""Two layouts side by side: as they are, at equal GPUs, at equal money, at equal promises."""

import math
from dataclasses import dataclass, replace

from disagg.planner.ask import Ask
from disagg.planner.decision.gain import Gains, Side, gain_band, gains, inverse
from disagg.planner.decision.sizing import NOTHING, searcher
from disagg.planner.performance.bands import Band, combined
from disagg.planner.performance.estimate import Estimate
from disagg.planner.performance.layouts import Kind, Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One layout under the workload of the comparison."""

    name: str
    layout: Layout
    estimate: Estimate
    lesser: Estimate
    """After the failures that the question says it must survive."""
    exact: Estimate
    """The same, if every prediction were exact."""
    usd_per_hour: float

    def at_load(self) -> Side:
        """Return it at the load of the question."""
        return self._side(self.estimate.output_tokens_per_second)

    def at_limit(self, output_tokens: float) -> Side:
        """Return it at the most it serves within every promise, if predictions are exact."""
        return self._side(self.exact.goodput_tokens(output_tokens))

    def _side(self, tokens: float) -> Side:
        return Side(
            name=self.name,
            output_tokens_per_second=max(tokens, NOTHING),
            gpus_used=self.layout.gpus_used,
            gpus_billed=self.layout.gpus_billed,
            usd_per_hour=self.usd_per_hour,
        )


LOAD_STEPS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Loads of the plot over that of the question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AtLoad:
    """Both layouts at one load."""

    load: float
    """Requests in flight, or requests a second where the question gives a rate."""
    a: Estimate
    b: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class InFlight:
    """Tokens/s of B over those of A with as many requests in flight on fleets of one size."""

    equal_gpus: float
    """Each copied until both use the same GPUs [ratio]."""
    equal_usd: float
    """Each copied until both cost the same by the hour, on whole nodes [ratio]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Versus:
    """B over A, in every way that is meant when somebody says faster."""

    a: Contender
    b: Contender
    at_load: Gains
    at_limit: Gains | None
    """At the most each serves within every promise, as they are; None where one serves nothing."""
    equal_usd: float | None
    """The same when each is copied until both cost the same by the hour and fill their whole nodes:
    equal money and equal promises [ratio]."""
    in_flight: InFlight | None
    """None where the question gives a rate: two fleets that keep up with it serve the same."""
    band: Band
    """Factors of all ratios between which the truth lies, nine in ten."""
    loads: tuple[AtLoad, ...]

    @property
    def band_is_assumed(self) -> bool:
        """Whether no measured rows are behind the band: both are calibrated and of one kind."""
        return self.band == ONE_KIND_BAND

    @property
    def failing(self) -> tuple[Contender, ...]:
        """The sides that do not serve this load within the promises."""
        return tuple(one for one in (self.a, self.b) if not one.lesser.serves)


ONE_KIND_BAND = Band(low=0.9, high=1.1)
"""Band of a ratio of two calibrated layouts of one kind: assumed, 2026-11-27; their errors go the
same way."""


def versus(ask: Ask, a: Contender, b: Contender) -> Versus:
    """Return two layouts side by side.

    Equal GPUs: each is copied to the least common multiple of the GPUs they use. Equal money: each
    is copied until no further copy fits into the least common multiple of their nodes, which all
    cost the same here. Copies share the load.
    """
    tokens = ask.setting.traffic.outputs.mean
    nodes = math.lcm(a.layout.nodes, b.layout.nodes)
    both = min(a.exact.capacity, b.exact.capacity) > 0
    in_flight = None
    if ask.setting.traffic.concurrency is not None:
        in_flight = InFlight(
            equal_gpus=_fleet(ask, b, a, by_gpus=True), equal_usd=_fleet(ask, b, a, by_gpus=False)
        )
    return Versus(
        a=a,
        b=b,
        at_load=gains(b.at_load(), a.at_load()),
        at_limit=gains(b.at_limit(tokens), a.at_limit(tokens)) if both else None,
        equal_usd=gains(_filled(b, nodes, tokens), _filled(a, nodes, tokens)).absolute
        if both
        else None,
        in_flight=in_flight,
        band=_band(ask, a.layout, b.layout),
        loads=tuple(_at_load(ask, a.layout, b.layout, step) for step in LOAD_STEPS),
    )


def _at_load(ask: Ask, a: Layout, b: Layout, step: float) -> AtLoad:
    asked = ask.setting.traffic
    in_flight, rate = asked.concurrency, asked.rate
    other = replace(
        asked,
        concurrency=None if in_flight is None else max(1.0, in_flight * step),
        rate=None if rate is None else rate * step,
    )
    at = replace(ask, setting=replace(ask.setting, traffic=other, engines={}))
    return AtLoad(
        load=other.rate if other.rate is not None else other.concurrency or 0.0,
        a=at.estimate(a),
        b=at.estimate(b),
    )


def contender(ask: Ask, name: str, layout: Layout) -> Contender:
    """Return a layout under the workload of a question."""
    found = searcher(ask).found(layout)
    return Contender(
        name=name,
        layout=layout,
        estimate=found.estimate,
        lesser=found.degraded,
        exact=ask.exact(found.degraded.layout),
        usd_per_hour=found.usd_per_hour,
    )


def _filled(one: Contender, nodes: int, output_tokens: float) -> Side:
    """Return what copies of a layout that fill so many nodes serve within the promises."""
    each, copies = one.at_limit(output_tokens), _copies(one.layout, nodes)
    return replace(each, output_tokens_per_second=each.output_tokens_per_second * copies)


def _copies(layout: Layout, nodes: int) -> int:
    """Return how often a layout fits so many nodes, a multiple of its own; small ones share them.

    Roles on nodes of their own never share one with another copy.
    """
    apart = layout.prefill is not None and not layout.colocated
    if apart or layout.nodes > 1 or layout.idle_nodes:
        return nodes // layout.nodes
    return nodes * (layout.instance.gpus // layout.gpus_used)


def _fleet(ask: Ask, b: Contender, a: Contender, *, by_gpus: bool) -> float:
    """Return tokens/s of B over A when both fleets are of one size and share one load."""
    if by_gpus:
        whole = math.lcm(a.layout.gpus_used, b.layout.gpus_used)
        of_a, of_b = (whole // one.layout.gpus_used for one in (a, b))
    else:
        whole = math.lcm(a.layout.nodes, b.layout.nodes)
        of_a, of_b = (_copies(one.layout, whole) for one in (a, b))
    at_a, at_b = ask.estimate(_copied(a.layout, of_a)), ask.estimate(_copied(b.layout, of_b))
    return at_b.output_tokens_per_second / at_a.output_tokens_per_second


def _copied(layout: Layout, times: int) -> Layout:
    prefill = layout.prefill
    return replace(
        layout,
        idle_nodes=layout.idle_nodes * times,
        engines=replace(layout.engines, count=layout.engines.count * times),
        prefill=None if prefill is None else replace(prefill, count=prefill.count * times),
    )


def _band(ask: Ask, a: Layout, b: Layout) -> Band:
    one, other = ask.bands(a), ask.bands(b)
    if a.kind is b.kind:
        if one.calibrated and other.calibrated:
            return ONE_KIND_BAND
        if a.kind is Kind.DISAGGREGATED:
            return combined(other.disaggregated, one.disaggregated)
        return combined(inverse(other.tpot), inverse(one.tpot))
    if b.kind is Kind.DISAGGREGATED:
        return gain_band(other, one)
    back = gain_band(one, other)
    return Band(low=1 / back.high, high=1 / back.low)
