"""What a layout does with a workload: speed, latency, where it stands still, what would help."""

import math
from dataclasses import dataclass

from disagg.config.environment import Slo
from disagg.planner.performance.flow import Flow, flow
from disagg.planner.performance.latency import Latency, latency
from disagg.planner.performance.layouts import Kind, Layout
from disagg.planner.performance.limits import (
    Targets,
    decode_limit,
    decode_rate,
    hand_over_ms,
    kv_limit,
    mixed_limits,
    mixed_prefill_share,
    mixed_rate,
    prefill_limit,
    targets,
)
from disagg.planner.performance.prefix_cache import Hits
from disagg.planner.performance.queueing import LARGEST_LOAD
from disagg.planner.performance.setting import HAND_OVER_MS, LIMIT_KV, LIMIT_SLOTS, Setting
from disagg.planner.performance.transfer import Transfer, largest_rate

LIMIT_PREFILL = "prefill"
LIMIT_LINK = "KV transfer"
LIMIT_TPOT = "time per output token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One layout under one workload."""

    layout: Layout
    rate: float
    """Requests a second that it serves [1/s]."""
    demand: float | None
    """Requests a second that arrive [1/s]; None where requests in flight are given."""
    output_tokens_per_second: float
    latency: Latency
    batch: float
    """Sequences that one engine decodes at once, on average."""
    largest_batch: float
    """Sequences the KV cache of one engine holds."""
    prefill_load: float
    """Load of a prefill engine, or of the token budget of an engine that does everything."""
    prefill_share: float
    """Share of the engine time, or of the GPUs, that prefill takes."""
    hits: Hits
    transfer: Transfer | None
    limits: dict[str, float]
    """Requests a second at which each promise breaks [1/s]."""
    meets: float
    """Probability that both promises are kept; 1 where there are none."""

    @property
    def capacity(self) -> float:
        """Requests a second at which the first promise breaks [1/s]: the goodput."""
        return min(self.limits.values())

    @property
    def bottleneck(self) -> str:
        """The promise that breaks first."""
        return min(self.limits, key=lambda name: self.limits[name])

    @property
    def wanted(self) -> float:
        """Requests a second that arrive, or that so many in flight make [1/s]."""
        return self.rate if self.demand is None else self.demand

    @property
    def serves(self) -> bool:
        """Whether all that arrives is served within every promise."""
        return self.wanted <= self.capacity * (1 + 1e-6)

    @property
    def tokens_per_second_per_gpu(self) -> float:
        """Output tokens a second for each GPU that serves."""
        return self.output_tokens_per_second / self.layout.gpus_used

    def link_need_gb_per_second(self, engines: int) -> float:
        """Return what the KV cache of the prompts needs of each of so many engines [GB/s]."""
        return 0.0 if self.transfer is None else self.rate * self.transfer.bytes / 1e9 / engines

    def goodput_tokens(self, output_tokens: float) -> float:
        """Return the output tokens a second at which the first promise breaks."""
        return self.capacity * output_tokens


def estimate(setting: Setting, layout: Layout, slo: Slo | None) -> Estimate:
    """Return what a layout does under the workload of the setting.

    Raises:
        ValueError: The weights do not fit an engine of the layout.
    """
    now = flow(setting, layout)
    goal = targets(setting.bands, slo)
    times = latency(now)
    limits = layout_limits(now, goal)
    capacity = min(limits.values())
    demand = setting.traffic.rate
    meets = _meets(setting, slo, times)
    if now.overloaded:
        meets = 0.0
    return Estimate(
        layout=layout,
        rate=now.rate,
        demand=demand,
        output_tokens_per_second=now.rate * setting.traffic.outputs.mean,
        latency=times,
        batch=now.batch,
        largest_batch=now.engine.largest_batch,
        prefill_load=now.prefill_load,
        prefill_share=_prefill_share(now, layout),
        hits=now.hits,
        transfer=now.transfer,
        limits=limits if capacity > 0 else {name: max(0.0, one) for name, one in limits.items()},
        meets=meets,
    )


def _meets(setting: Setting, slo: Slo | None, times: Latency) -> float:
    if slo is None:
        return 1.0
    fixed = times.ttft_p95_centre_ms - times.ttft_p95_predicted_ms
    first = setting.bands.prefill.probability_below(
        slo.ttft_p95_ms - fixed, times.ttft_p95_predicted_ms
    )
    further = setting.bands.tpot.probability_below(slo.tpot_p95_ms, times.tpot_p95_ms)
    return first * further


def _prefill_share(now: Flow, layout: Layout) -> float:
    if layout.kind is Kind.DISAGGREGATED:
        return layout.prefill_gpu_share
    return mixed_prefill_share(now.engine, max(now.batch, 1e-9))


def layout_limits(now: Flow, goal: Targets) -> dict[str, float]:
    """Return the requests a second at which each promise of a layout breaks [1/s]."""
    layout, engine = now.layout, now.engine
    if layout.prefill is None or now.prefill is None:
        batches = mixed_limits(engine, goal)
        return {
            name: layout.engines.count * mixed_rate(engine, batch)
            for name, batch in batches.items()
        }
    found = now.transfer
    # Why: the promise is made for the usual transfer; the slow end is in the range that is shown.
    usual = 0.0 if found is None else found.usual_ms
    rest = hand_over_ms(engine.decode_ms.at(now.batch), usual, HAND_OVER_MS[1])
    limits = {
        LIMIT_PREFILL: layout.prefill.count * prefill_limit(now.prefill, goal, rest),
        engine.memory_limit: layout.engines.count * decode_rate(engine, kv_limit(engine)),
    }
    batch = decode_limit(engine, goal.tpot_p95_ms)
    if batch < math.inf:
        limits[LIMIT_TPOT] = layout.engines.count * decode_rate(engine, batch)
    if found is not None and now.link is not None:
        limits[LIMIT_LINK] = largest_rate(
            found, now.link, layout.prefill.count, layout.engines.count
        )
    return limits


RELIEF: dict[str, str] = {
    LIMIT_PREFILL: (
        "another prefill engine, more prefix reuse (prefix-aware routing), or shorter prompts;"
        f" prefill load is kept below {LARGEST_LOAD:g}"
    ),
    "time to first token": (
        "another replica, a smaller token budget of a step, or a prefill pool of its own"
    ),
    LIMIT_TPOT: (
        "more decode engines, or a higher tensor_parallel of them: a smaller batch is faster"
    ),
    LIMIT_KV: (
        "more decode engines or GPU memory, an FP8 KV cache, or the hybrid KV cache manager where"
        " it is off"
    ),
    LIMIT_SLOTS: "more decode engines, or a higher --max-num-seqs where memory has room",
    LIMIT_LINK: (
        "larger KV blocks and EFA measured with the benchmark job first; then more engines of the"
        " role that has fewer EFA cards, each of which brings links of its own"
    ),
}
"""What relieves each bottleneck."""
