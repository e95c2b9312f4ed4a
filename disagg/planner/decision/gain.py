"""One layout against another, in the four ways that are in use, and how sure that is."""

from collections.abc import Iterable
from dataclasses import dataclass

from disagg.config.environment import Slo
from disagg.config.measurement import Measurement
from disagg.planner.performance.bands import Band, Bands, combined

MEASURED_BAND = Band(low=0.9, high=1.1)
"""Band of a ratio of two measured throughputs: assumed, 2026-11-27; each within 5 % from run to
run, which three runs of the pilot's benchmark replace by a figure of your own."""
LARGEST_GAIN = 1_000.0
"""Stands for a gain without end: over a layout that serves nothing within the promises."""
_SAME_SPEED = 1.1
"""Two points are compared at the same tokens/s/user when the slower of them takes at most this much
more time for a token: an idle engine is no baseline for a busy one, nor the other way round."""
_SAME_LENGTH = 1.1
"""A point speaks for a question when its mean lengths differ from the question's by no more:
assumed, 2026-11-28."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What one layout gives and takes."""

    name: str
    output_tokens_per_second: float
    gpus_used: int
    gpus_billed: float
    """A share of a node where several copies fill one."""
    usd_per_hour: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gains:
    """Throughput of one layout over that of another [ratio]."""

    absolute: float
    """Whatever both take: the only way in which 8 GPUs against 4 look like +70 %."""
    per_gpu_used: float
    per_gpu_billed: float
    """GPUs of whole nodes, idle ones included."""
    per_usd: float


def gains(new: Side, old: Side) -> Gains:
    """Return the gain of `new` over `old`.

    Source: planner facts §4, normalisation.

    Example:
        >>> base = Side(name="1 x tp4", output_tokens_per_second=1.0, gpus_used=4, gpus_billed=8,
        ...             usd_per_hour=114.0)
        >>> pools = Side(name="4 x tp1 + 1 x tp4", output_tokens_per_second=1.7, gpus_used=8,
        ...              gpus_billed=8, usd_per_hour=114.0)
        >>> result = gains(pools, base)
        >>> result.absolute, result.per_gpu_used, result.per_usd
        (1.7, 0.85, 1.7)
    """
    if old.output_tokens_per_second * LARGEST_GAIN < new.output_tokens_per_second:
        ratio = LARGEST_GAIN
    else:
        ratio = new.output_tokens_per_second / old.output_tokens_per_second
    return Gains(
        absolute=ratio,
        per_gpu_used=ratio * old.gpus_used / new.gpus_used,
        per_gpu_billed=ratio * old.gpus_billed / new.gpus_billed,
        per_usd=ratio * old.usd_per_hour / new.usd_per_hour,
    )


def gain_band(new: Bands, old: Bands) -> Band:
    """Return the factors between which the true gain of two pools over one lies, nine in ten.

    Throughput of two pools has a band of its own, from measured rows with worker counts, and is
    never surer than the time per token of its decode engines; that of an aggregated layout goes as
    one over TPOT.

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> from disagg.planner.performance.bands import bands_for
        >>> raw = bands_for("roofline", MODELS["openai/gpt-oss-120b"], "H200")
        >>> band = gain_band(raw, raw)
        >>> band.low < 1 < band.high
        True
    """
    pools = max(new.disaggregated, inverse(new.tpot), key=lambda one: one.sigma)
    return combined(pools, inverse(old.tpot))


def inverse(band: Band) -> Band:
    """Return the band of one over a figure.

    Example:
        >>> inverse(Band(low=0.5, high=2.0))
        Band(low=0.5, high=2.0)
    """
    return Band(low=1 / band.high, high=1 / band.low)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPair:
    """Two layouts that were measured with the same lengths at the same speed for a user."""

    pools: Measurement
    single: Measurement
    gains: Gains


def measured_pair(
    points: Iterable[Measurement],
    lengths: tuple[float, float],
    gpus_per_node: int,
    usd_per_node_hour: float,
    slo: Slo | None = None,
) -> MeasuredPair | None:
    """Return the best measured layout of two pools against the best single pool like it.

    Alike: the same lengths, those of the question, and times per token within a tenth of one
    another. Points whose mean times already break a promise say nothing of a gain within the
    promises. None without such a pair.

    Args:
        points: Measured points.
        lengths: Mean input and output of the question [tokens].
        gpus_per_node: GPUs that are billed together.
        usd_per_node_hour: Price of a node [USD/h].
        slo: Promises of the question.
    """
    known = [one for one in points if _asked(one, lengths) and _kept(one, slo)]
    found = [
        MeasuredPair(
            pools=pools,
            single=single,
            gains=gains(
                measured_side(pools, gpus_per_node, usd_per_node_hour),
                measured_side(single, gpus_per_node, usd_per_node_hour),
            ),
        )
        for pools in known
        if pools.prefill is not None
        for single in known
        if single.prefill is None and _alike(pools, single)
    ]
    best: MeasuredPair | None = None
    for pair in found:
        # Why: for each measured layout of pools the strongest opponent counts, then the best one.
        rivals = [one for one in found if one.pools == pair.pools]
        strongest = min(rivals, key=lambda one: one.gains.per_gpu_used)
        if best is None or strongest.gains.per_gpu_used > best.gains.per_gpu_used:
            best = strongest
    return best


def _asked(point: Measurement, lengths: tuple[float, float]) -> bool:
    given = (point.input_tokens, point.output_tokens)
    return all(_near(one, wanted, _SAME_LENGTH) for one, wanted in zip(given, lengths, strict=True))


def _kept(point: Measurement, slo: Slo | None) -> bool:
    if slo is None:
        return True
    in_time = point.ttft_ms is None or point.ttft_ms <= slo.ttft_p95_ms
    return in_time and point.tpot_ms <= slo.tpot_p95_ms


def _near(one: float, other: float, factor: float) -> bool:
    return max(one, other) <= min(one, other) * factor


def _alike(pools: Measurement, single: Measurement) -> bool:
    return (
        pools.input_tokens == single.input_tokens
        and pools.output_tokens == single.output_tokens
        and _near(pools.tpot_ms, single.tpot_ms, _SAME_SPEED)
    )


def measured_side(one: Measurement, gpus_per_node: int, usd_per_node_hour: float) -> Side:
    """Return a measured point as a side, billed as one of the copies that fill whole nodes.

    Output tokens/s = concurrency x OSL / (TTFT + TPOT (OSL - 1)).

    Source: Little's law in a closed loop.

    Example:
        >>> point = Measurement(tensor_parallel=4, input_tokens=1, output_tokens=101,
        ...                     concurrency=10, tpot_ms=9.9, ttft_ms=20.0)
        >>> round(measured_side(point, 8, 100.0).output_tokens_per_second)
        1000
    """
    whole = (one.ttft_ms or one.tpot_ms) + one.tpot_ms * (one.output_tokens - 1)
    used = one.tensor_parallel * one.replicas
    name = f"{one.replicas} x tp{one.tensor_parallel}"
    if one.prefill is not None:
        used += one.prefill.replicas * one.prefill.tensor_parallel
        name = f"{one.prefill.replicas} x tp{one.prefill.tensor_parallel} prefill + {name} decode"
    # Why shares of a node: a fleet fills its nodes with copies; what no copy fits is paid all the
    # same.
    nodes = 1 / (gpus_per_node // used) if used <= gpus_per_node else -(-used // gpus_per_node)
    return Side(
        name=name,
        output_tokens_per_second=one.concurrency * one.output_tokens / whole * 1e3,
        gpus_used=used,
        gpus_billed=nodes * gpus_per_node,
        usd_per_hour=nodes * usd_per_node_hour,
    )
