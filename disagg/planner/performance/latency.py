"""Time to the first token as a range, time for each further one with its band."""

import math
from dataclasses import dataclass

from disagg.planner.performance.flow import Flow
from disagg.planner.performance.limits import (
    decode_tpot_p95,
    hand_over_ms,
    mixed_rest_ms,
    mixed_service,
    mixed_tpot,
    mixed_tpot_p95,
)
from disagg.planner.performance.queueing import LARGEST_LOAD, Service, alone, pooled, response_ms
from disagg.planner.performance.setting import FRONT_END_MS, HAND_OVER_MS

_ROUNDING = 1 + 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A lower and an upper end [ms]."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """What a client sees."""

    ttft_p50_ms: Range
    ttft_p95_ms: Range
    """Lower end: one line for all engines, fast hand-overs, queue and prefill at the lower end of
    their band. Upper end: a line for each engine, slow hand-overs, the upper end."""
    ttft_p95_centre_ms: float
    """95th percentile with a line for each engine and the usual hand-over, before the band [ms]."""
    ttft_p95_predicted_ms: float
    """Part of it that a predictor says, queue and prefill: the band is about this part [ms]."""
    ttft_wave_ms: float | None
    """Mean when all requests in flight start at once, as a closed benchmark does [ms]; None where a
    rate is given."""
    tpot_mean_ms: float
    tpot_p95_ms: float
    tpot_p95_band_ms: Range


@dataclass(frozen=True, slots=True)
class _Rest:
    """What the time to the first token holds beside queue and prefill [ms]."""

    fast: float
    usual: float
    slow: float


def latency(now: Flow) -> Latency:
    """Return the latencies of a steady state.

    Times to the first token are infinite beyond a load of 0.85, and where more arrives than is
    served: a queue there grows with the length of the rush, which no steady state tells.
    """
    count = now.layout.prefill.count if now.layout.prefill else now.layout.engines.count
    service = now.prefill.prefill if now.prefill else mixed_service(now.engine, now.batch)
    rest, bands = _rest(now), now.setting.bands
    if now.overloaded or service.load(now.rate / count) > LARGEST_LOAD * _ROUNDING:
        endless = Range(low=math.inf, high=math.inf)
        p50, p95, predicted, usual = endless, endless, math.inf, 0.0
    else:
        own, shared = alone(service, now.rate / count), pooled(service, now.rate, count)
        low, high = bands.prefill.low, bands.prefill.high
        p50, p95 = (
            Range(
                low=low * response_ms(service, shared, share) + rest.fast,
                high=high * response_ms(service, own, share) + rest.slow,
            )
            for share in (0.5, 0.95)
        )
        predicted, usual = response_ms(service, own, 0.95), rest.usual
    if now.prefill is None:
        mean, peak = mixed_tpot(now.engine, now.batch), mixed_tpot_p95(now.engine, now.batch)
    else:
        mean = now.engine.decode_ms.at(now.batch)
        peak = decode_tpot_p95(now.engine, now.batch)
    return Latency(
        ttft_p50_ms=p50,
        ttft_p95_ms=p95,
        ttft_p95_centre_ms=predicted + usual,
        ttft_p95_predicted_ms=predicted,
        ttft_wave_ms=_wave(now, service, count, rest),
        tpot_mean_ms=mean,
        tpot_p95_ms=peak,
        tpot_p95_band_ms=Range(low=bands.tpot.low * peak, high=bands.tpot.high * peak),
    )


def _wave(now: Flow, service: Service, count: int, rest: _Rest) -> float | None:
    in_flight = now.setting.traffic.concurrency
    if in_flight is None:
        return None
    before = max(0.0, (in_flight / count - 1) / 2) * service.each_at_full_batch_ms
    return rest.slow + service.mean_ms + before


def _rest(now: Flow) -> _Rest:
    one, step = now.transfer, now.engine.decode_ms.at(now.batch)
    if one is None:
        usual = mixed_rest_ms(now.engine, now.batch, 0.95)
        return _Rest(FRONT_END_MS, usual, FRONT_END_MS + step)
    pairs = zip((one.fast_ms, one.usual_ms, one.slow_ms), HAND_OVER_MS, strict=True)
    return _Rest(*(hand_over_ms(step, moved, own) for moved, own in pairs))
