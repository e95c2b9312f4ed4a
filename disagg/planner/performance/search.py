"""Which layouts serve a workload: every parallelism and ratio, the fewest nodes of each."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.config.environment import Slo
from disagg.planner.performance.estimate import Estimate
from disagg.planner.performance.kv_room import room_bytes
from disagg.planner.performance.layouts import Engines, Layout
from disagg.planner.performance.limits import (
    Targets,
    decode_limit,
    decode_rate,
    hand_over_ms,
    kv_limit,
    mixed_limits,
    mixed_rate,
    prefill_limit,
    targets,
)
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.setting import HAND_OVER_MS, Engine, Setting
from disagg.planner.performance.transfer import efa_link, largest_rate, transfer

TENSOR_PARALLEL = (1, 2, 4, 8)
DEFAULT_CONFIDENCE = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A layout with what it does and what it costs."""

    layout: Layout
    estimate: Estimate
    """With every engine running."""
    degraded: Estimate
    """With as many engines of each role failed as the question says; the same where it says 0."""
    survives: bool
    """Whether an engine of each role is left after the failures it must survive."""
    usd_per_hour: float
    calibrated: bool
    confidence: float
    """Probability with which both promises must be kept."""

    @property
    def meets(self) -> bool:
        """Whether it serves all of the load and keeps every promise surely enough."""
        one = self.degraded
        return self.survives and one.serves and one.meets >= self.confidence

    @property
    def goodput_per_usd(self) -> float:
        """Requests within the promises for each dollar [1/USD]."""
        return self.degraded.capacity * 3_600 / self.usd_per_hour


@dataclass(frozen=True, kw_only=True, slots=True)
class Searcher:
    """What a search needs to know of the question."""

    setting: Setting
    slo: Slo | None
    price: float
    """Of a node [USD/h]."""
    largest_gpus: int
    spare: int
    data_parallel: bool
    evaluate: Callable[[Layout], Estimate]
    calibrated: Callable[[Layout], bool]

    @property
    def most_nodes(self) -> int:
        """Nodes at most; one at least."""
        return max(1, self.largest_gpus // self.setting.instance.gpus)

    def found(self, layout: Layout) -> Found:
        """Return a layout with its figures, and those after the failures it must survive."""
        whole = self.evaluate(layout)
        lesser = _lesser(layout, self.spare)
        return Found(
            layout=layout,
            estimate=whole,
            degraded=whole if lesser == layout else self.evaluate(lesser),
            survives=min(pool.count for pool in (layout.engines, layout.prefill) if pool)
            > self.spare,
            usd_per_hour=layout.nodes * self.price,
            calibrated=self.calibrated(layout),
            confidence=self.slo.confidence if self.slo else DEFAULT_CONFIDENCE,
        )


def _lesser(layout: Layout, spare: int) -> Layout:
    """Return the layout with `spare` engines of each role gone, one left at least."""

    def fewer(pool: Engines) -> Engines:
        return replace(pool, count=max(1, pool.count - spare))

    prefill = None if layout.prefill is None else fewer(layout.prefill)
    return replace(layout, engines=fewer(layout.engines), prefill=prefill)


def workers(model: Model, instance: InstanceType, *, data_parallel: bool) -> tuple[Worker, ...]:
    """Return the engines that the model fits, from the smallest.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> from disagg.catalog.models import MODELS
        >>> [str(one) for one in workers(MODELS["deepseek-ai/DeepSeek-R1"],
        ...     INSTANCE_TYPES["p6-b200.48xlarge"], data_parallel=False)]
        ['tp8']
    """
    found = [
        Worker(tensor_parallel=tp)
        for tp in TENSOR_PARALLEL
        if tp <= instance.gpus and model.attention_heads % tp == 0
    ]
    if data_parallel and model.experts is not None:
        found += [
            Worker(tensor_parallel=1, data_parallel=size, expert_parallel=size)
            for size in TENSOR_PARALLEL[1:]
            if size <= instance.gpus and model.experts.count % size == 0
        ]
    return tuple(one for one in found if room_bytes(model, instance, one) > 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Requests a second of one engine within every promise [1/s], and of the links between."""

    mixed: dict[Worker, float]
    prefill: dict[Worker, float]
    decode: dict[Worker, float]
    link: dict[tuple[Worker, Worker], Callable[[int, int], float]]
    """Of the links between so many prefill and decode engines."""


def rates(searcher: Searcher) -> Rates:
    """Return what each engine does alone, from the same limits an estimate is made of.

    Only ratios of pools are chosen by them. Predictions are taken with the margin that the wanted
    probability needs; where some role could then serve nothing at all, as they are.
    """
    setting = searcher.setting
    kinds = workers(setting.model, setting.instance, data_parallel=searcher.data_parallel)
    slo = searcher.slo
    as_they_are = Targets(
        ttft_p95_ms=slo.ttft_p95_ms if slo else math.inf,
        tpot_p95_ms=slo.tpot_p95_ms if slo else math.inf,
    )
    hit = setting.traffic.reuse if setting.prefix_aware else 0.0
    engines = {kind: setting.engine(kind, hit) for kind in kinds}
    goal = targets(setting.bands, slo)
    if not all(_prefill(one, goal) and _decode(one, goal) for one in engines.values()):
        goal = as_they_are
    return Rates(
        mixed={kind: _mixed(engine, goal) for kind, engine in engines.items()},
        prefill={kind: _prefill(engine, goal) for kind, engine in engines.items()},
        decode={kind: _decode(engine, goal) for kind, engine in engines.items()},
        link={(p, d): _link(setting, p, d) for p in kinds for d in kinds},
    )


def _mixed(engine: Engine, goal: Targets) -> float:
    return mixed_rate(engine, min(mixed_limits(engine, goal).values()))


def _decode(engine: Engine, goal: Targets) -> float:
    return decode_rate(engine, min(kv_limit(engine), decode_limit(engine, goal.tpot_p95_ms)))


def _prefill(engine: Engine, goal: Targets) -> float:
    rest = hand_over_ms(engine.decode_ms.at(1.0), 0.0, HAND_OVER_MS[1])
    return prefill_limit(engine, goal, rest)


def _link(setting: Setting, prefill: Worker, decode: Worker) -> Callable[[int, int], float]:
    link = efa_link(setting.instance, prefill, decode)
    one = transfer(
        setting.model,
        round(setting.traffic.inputs.mean),
        link,
        prefill,
        decode,
        block=setting.block_size,
        hybrid=setting.hybrid,
    )
    return partial(largest_rate, one, link)


def best_split(
    each: Rates, prefill: Worker, decode: Worker, nodes: int, per_node: int, *, colocated: bool
) -> tuple[int, int] | None:
    """Return how many prefill and decode engines serve most on so many nodes.

    None where the nodes are too few for both.
    """
    from_p, from_d = each.prefill[prefill], each.decode[decode]
    over_link = each.link[prefill, decode]

    def served(split: tuple[int, int]) -> tuple[float, int]:
        p, d = split
        # Why the second part: of splits that serve alike, the one whose other pool has most room.
        return min(p * from_p, over_link(p, d), d * from_d), -abs(
            p * prefill.gpus - d * decode.gpus
        )

    return max(
        _splits(prefill.gpus, decode.gpus, nodes, per_node, colocated=colocated),
        key=served,
        default=None,
    )


def _splits(
    prefill: int, decode: int, nodes: int, per_node: int, *, colocated: bool
) -> Iterator[tuple[int, int]]:
    """Yield pairs of engine counts that leave no GPU idle that could serve."""
    if colocated:
        total = nodes * per_node
        for count in range(1, total // decode + 1):
            left = (total - count * decode) // prefill
            if left:
                yield left, count
        return
    for own in range(1, nodes):
        yield own * (per_node // prefill), (nodes - own) * (per_node // decode)


def aggregated(searcher: Searcher, worker: Worker, nodes: int) -> Layout:
    """Return the aggregated layout that fills so many nodes."""
    instance = searcher.setting.instance
    count = nodes * (instance.gpus // worker.gpus)
    return Layout(instance=instance, engines=Engines(worker=worker, count=count))


def disaggregated(
    searcher: Searcher,
    pair: tuple[Worker, Worker],
    each: Rates,
    nodes: int,
    *,
    colocated: bool,
) -> Layout | None:
    """Return the layout of two pools that serves most on so many nodes, None where none fits."""
    instance = searcher.setting.instance
    split = best_split(each, *pair, nodes, instance.gpus, colocated=colocated)
    if split is None:
        return None
    return Layout(
        instance=instance,
        engines=Engines(worker=pair[1], count=split[1]),
        prefill=Engines(worker=pair[0], count=split[0]),
        colocated=colocated,
    )


def search(searcher: Searcher) -> tuple[Found, ...]:
    """Return, for each parallelism and placement, the layout with the fewest nodes that serves.

    Where none of up to the largest size does, the largest. Cheapest first among those that keep
    every promise, without pools before with pools, then by what they serve for a dollar; then those
    that do not, by probability.

    Decode is at least as parallel as prefill: NIXL cannot hand over the other way round
    (DISAGG-POOL-001).
    """
    each = rates(searcher)
    pairs = [
        (prefill, decode)
        for prefill in each.prefill
        for decode in each.decode
        if decode.tensor_parallel >= prefill.tensor_parallel
    ]
    families: list[Callable[[int], Layout | None]] = [
        *(partial(aggregated, searcher, one) for one in each.mixed),
        *(
            partial(disaggregated, searcher, pair, each, colocated=colocated)
            for pair in pairs
            for colocated in (True, False)
        ),
    ]
    found = [_fewest(searcher, family) for family in families]
    return tuple(sorted((one for one in found if one is not None), key=_rank))


def _rank(one: Found) -> tuple[bool, float, bool, float, str]:
    if one.meets:
        # Why the pools second: of two layouts that cost the same, the simpler one comes first.
        pools = one.layout.prefill is not None
        return False, one.usd_per_hour, pools, -one.goodput_per_usd, str(one.layout)
    return True, -one.degraded.meets, False, -one.degraded.capacity, str(one.layout)


def _fewest(searcher: Searcher, layout: Callable[[int], Layout | None]) -> Found | None:
    """Return the layout of a family with the fewest nodes that serves, else the largest."""
    low, high = 1, searcher.most_nodes
    best: Found | None = None
    while low <= high:
        # Why not the middle first: most questions are answered by few nodes.
        middle = low if best is None and low == 1 else (low + high) // 2
        made = layout(middle)
        one = None if made is None else searcher.found(made)
        if one is not None and one.meets:
            best, high = one, middle - 1
        else:
            low = middle + 1
            best = best if best is not None and best.meets else (one or best)
    return best
