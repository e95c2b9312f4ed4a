"""The layouts that answer a question, and what each costs at the volume of the question."""

from dataclasses import dataclass, replace

from disagg.config.workload import Question
from disagg.planner.ask import Ask
from disagg.planner.decision.gain import Side
from disagg.planner.money.unit_cost import Month, Priced, UnitCost, month, unit_cost
from disagg.planner.performance.bands import EXACT
from disagg.planner.performance.layouts import Kind
from disagg.planner.performance.search import Found, Searcher, aggregated, search, workers

NOTHING = 1e-9
"""Stands for no token a second where a ratio is taken."""
SHOWN = 4
"""Layouts of each kind that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizing:
    """What a search found."""

    found: tuple[Found, ...]
    """Cheapest first among those that keep every promise, then the rest by probability."""
    single: Found | None
    """The best aggregated layout."""
    pools: Found | None
    """The best disaggregated layout."""
    rival: Found | None
    """The best aggregated layout on as many nodes as `pools`: the fair comparison."""
    exact: Found | None
    """The cheapest that would do if every prediction were exact."""


def searcher(ask: Ask) -> Searcher:
    """Return what a search needs to know of a question."""
    wanted = ask.question.search
    return Searcher(
        setting=ask.setting,
        slo=ask.slo,
        price=ask.price.usd_per_hour,
        largest_gpus=wanted.gpus,
        spare=wanted.spare_engines,
        data_parallel=wanted.data_parallel,
        evaluate=ask.estimate,
        calibrated=ask.knowledge.calibrated,
    )


def size(ask: Ask) -> Sizing:
    """Return the layouts that answer a question.

    Where measurements calibrate layouts of a kind, the best of that kind is one of those: what was
    measured is not weighed against what was guessed.
    """
    tool = searcher(ask)
    found = search(tool)
    pools = _best(found, Kind.DISAGGREGATED)
    return Sizing(
        found=found,
        single=_best(found, Kind.AGGREGATED),
        pools=pools,
        rival=None if pools is None else rival_of(ask, tool, pools.layout.nodes),
        exact=next((one for one in search(_exact(ask, tool)) if one.meets), None),
    )


def _exact(ask: Ask, tool: Searcher) -> Searcher:
    """Return the same search with every prediction taken as it is."""
    setting = replace(tool.setting, bands=EXACT, engines=tool.setting.engines)
    return replace(tool, setting=setting, evaluate=ask.exact)


def rival_of(ask: Ask, tool: Searcher, nodes: int) -> Found | None:
    """Return the best aggregated layout on so many nodes, a calibrated one where there is one."""
    kinds = workers(ask.model, ask.instance, data_parallel=tool.data_parallel)
    same = [tool.found(aggregated(tool, kind, nodes)) for kind in kinds]
    known = [one for one in same if one.calibrated] or same
    return max(known, key=lambda one: (one.meets, one.degraded.capacity), default=None)


def cheapest_single(tool: Searcher) -> Found | None:
    """Return the aggregated layout that would be bought for the question."""
    return _best(search(tool), Kind.AGGREGATED)


def _best(found: tuple[Found, ...], kind: Kind) -> Found | None:
    of_kind = [one for one in found if one.layout.kind is kind]
    return next(iter([one for one in of_kind if one.calibrated] or of_kind), None)


def side_at_limit(ask: Ask, one: Found) -> Side:
    """Return a layout at the most it serves within every promise, if predictions are exact.

    How sure they are is in the band of a ratio, and is not counted twice.
    """
    tokens = ask.setting.traffic.outputs.mean
    return _side(one, ask.exact(one.degraded.layout).goodput_tokens(tokens))


def side_at_load(one: Found) -> Side:
    """Return a layout at the load of the question."""
    return _side(one, one.estimate.output_tokens_per_second)


def _side(one: Found, tokens: float) -> Side:
    return Side(
        name=str(one.layout),
        output_tokens_per_second=max(tokens, NOTHING),
        gpus_used=one.layout.gpus_used,
        gpus_billed=one.layout.gpus_billed,
        usd_per_hour=one.usd_per_hour,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """Money of one layout at the volume of the question."""

    volume: float
    """Output tokens a month."""
    unit: UnitCost
    month: Month
    priced: Priced


def costs(ask: Ask, one: Found, volume: float | None = None) -> Costs | None:
    """Return what a layout costs, None where it serves nothing within the promises.

    Args:
        ask: The question.
        one: The layout.
        volume: Output tokens a month. Default: that of the question.
    """
    goodput = one.degraded.goodput_tokens(ask.setting.traffic.outputs.mean)
    if goodput <= 0:
        return None
    priced = Priced(
        usd_per_hour=one.usd_per_hour,
        output_tokens_per_second=goodput,
        input_per_output=_ratio(ask.question),
        prefill_share=one.estimate.prefill_share,
    )
    volume = ask.volume(one.estimate.wanted) if volume is None else volume
    bought = month(priced, volume, ask.mean_over_peak)
    return Costs(
        volume=volume,
        # Why: what is paid for is what stands there, so a token costs what the whole nodes make it.
        unit=unit_cost(priced, min(1.0, max(bought.used, 1e-9))),
        month=bought,
        priced=priced,
    )


def _ratio(question: Question) -> float:
    return question.workload.input_tokens / question.workload.output_tokens
