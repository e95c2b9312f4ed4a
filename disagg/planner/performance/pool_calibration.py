"""Scales from a measured layout of two pools: decode from TPOT, prefill from the throughput."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from disagg.planner.performance.predictor import Calibrated, Predictor, Worker, prompts_at_once
from disagg.planner.performance.queueing import Closed, Service, closed_loop
from disagg.planner.performance.traffic import Shape

TOGETHER = 0.5
"""How far requests of a benchmark still arrive in waves: between not at all (0) and wholly (1);
assumed, 2026-11-27: the middle. Closed benchmarks start all requests at once."""
BETA_RANGE = (0.1, 10.0)
_RIDGE = 0.01
"""Weight of ln(beta)^2: residuals of a tenth against a factor e."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolPoint:
    """One measured operating point of a prefill and a decode pool."""

    prefill: Worker
    prefill_count: int
    decode: Worker
    decode_count: int
    concurrency: float
    shape: Shape
    ttft_ms: float
    tpot_ms: float

    @property
    def rate(self) -> float:
        """Requests a second: Little's law in a closed loop [1/s]."""
        whole = self.ttft_ms + self.tpot_ms * (self.shape.output_tokens - 1)
        return self.concurrency / whole * 1e3

    @property
    def decoding(self) -> float:
        """Requests that decode, on average."""
        return self.rate * self.shape.output_tokens * self.tpot_ms / 1e3


def loop(predictor: Predictor, point: PoolPoint, fixed_ms: float) -> Closed:
    """Return what a predictor says about the loop of a measured point."""
    several = prompts_at_once(point.shape)
    alone = predictor.prefill_ms(point.prefill, 1.0, point.shape)
    each = min(alone, predictor.prefill_ms(point.prefill, several, point.shape) / several)
    count = point.decode_count
    return closed_loop(
        in_flight=point.concurrency,
        service=Service(
            points_ms=(alone,), each_at_full_batch_ms=each / point.prefill.data_parallel
        ),
        workers=point.prefill_count,
        output_tokens=point.shape.output_tokens,
        decode_step_ms=lambda decoding: predictor.decode_ms(
            point.decode, max(1.0, decoding / count), point.shape
        ),
        fixed_ms=fixed_ms,
        together=TOGETHER,
    )


def fit_pools(predictor: Predictor, points: Sequence[PoolPoint], fixed_ms: float) -> Calibrated:
    """Return the predictor with the scales that fit measured points of two pools.

    Decode: the geometric mean of measured over predicted step times, at the batch that Little's law
    gives. Prefill: the factor that brings the throughputs closest, in logarithms, found by golden
    section.

    Source: derived; Little's law.
    """
    ratios = [
        math.log(
            point.tpot_ms
            / predictor.decode_ms(
                point.decode, max(1.0, point.decoding / point.decode_count), point.shape
            )
        )
        for point in points
    ]
    alpha = math.exp(sum(ratios) / len(ratios))

    def misses(log_beta: float) -> float:
        scaled = Calibrated(base=predictor, decode_scale=alpha, prefill_scale=math.exp(log_beta))
        errors = (math.log(loop(scaled, one, fixed_ms).rate / one.rate) for one in points)
        return sum(error**2 for error in errors) + _RIDGE * log_beta**2

    low, high = (math.log(one) for one in BETA_RANGE)
    return Calibrated(
        base=predictor,
        decode_scale=alpha,
        prefill_scale=math.exp(_golden(misses, low, high)),
    )


def _golden(value: object, low: float, high: float) -> float:
    """Return where a function with one valley is lowest."""
    ratio = (math.sqrt(5) - 1) / 2
    assert callable(value)  # noqa: S101  Why: narrows the type.
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = value(left), value(right)
    while high - low > 1e-3:  # noqa: PLR2004  Why: a thousandth of a scale.
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = value(right)
    return (low + high) / 2
