"""The most one engine does while it keeps its promises: the rate at which each limit is met."""

import math
from dataclasses import dataclass

from disagg.config.environment import Slo
from disagg.planner.performance.bands import Bands
from disagg.planner.performance.curve import usual_peak
from disagg.planner.performance.predictor import steps_for, steps_of_a_token
from disagg.planner.performance.queueing import (
    LARGEST_LOAD,
    Service,
    alone,
    largest,
    response_exceeds,
)
from disagg.planner.performance.setting import FRONT_END_MS, Engine

_LATE = 0.05
"""Share of requests that may be later than a promise about the 95th percentile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """Predictions that, with their errors, keep the SLO with the probability asked for."""

    ttft_p95_ms: float
    """The promise itself [ms]."""
    tpot_p95_ms: float
    """What must be predicted [ms]."""
    prefill_factor: float = 1.0
    """By how much queue and prefill are to be taken longer than predicted [ratio]; hand-over and
    front end are not predicted and have ranges of their own."""


def targets(bands: Bands, slo: Slo | None) -> Targets:
    """Return what must be predicted so that each promise holds with the square root of confidence.

    Errors of the two are taken as independent, so together they hold with the confidence asked for.
    """
    if slo is None:
        return Targets(ttft_p95_ms=math.inf, tpot_p95_ms=math.inf)
    each = math.sqrt(slo.confidence)
    return Targets(
        ttft_p95_ms=slo.ttft_p95_ms,
        prefill_factor=1 / bands.prefill.target(1.0, each),
        tpot_p95_ms=bands.tpot.target(slo.tpot_p95_ms, each),
    )


def decode_rate(engine: Engine, batch: float) -> float:
    """Return the requests a second of a decode engine that holds `batch` on average (Little)."""
    if batch <= 0:
        return 0.0
    return batch / (engine.shape.output_tokens * engine.decode_ms.at(batch)) * 1e3


def decode_batch(engine: Engine, rate: float) -> float:
    """Return how many decode at a rate, at most what the KV cache holds."""
    return largest(lambda batch: decode_rate(engine, batch) <= rate, 0.0, engine.largest_batch)


def decode_tpot_p95(engine: Engine, batch: float) -> float:
    """Return the 95th percentile of the step time when `batch` decode on average [ms]."""
    return engine.decode_ms.at(usual_peak(batch))


def decode_limit(engine: Engine, tpot_p95_ms: float) -> float:
    """Return the largest mean batch that keeps the TPOT target; inf where memory ends first."""
    if decode_tpot_p95(engine, engine.largest_batch) <= tpot_p95_ms:
        return math.inf
    return largest(
        lambda batch: decode_tpot_p95(engine, batch) <= tpot_p95_ms, 0.0, engine.largest_batch
    )


def kv_limit(engine: Engine) -> float:
    """Return the largest mean batch whose usual peak the KV cache holds."""
    return largest(
        lambda batch: usual_peak(batch) <= engine.largest_batch, 0.0, engine.largest_batch
    )


def prefill_limit(engine: Engine, goal: Targets, rest_ms: float) -> float:
    """Return the requests a second at which one prefill engine keeps the TTFT target [1/s].

    Each engine is taken to have a queue of its own, the worst a router does; the load stays at or
    below 0.85.

    Args:
        engine: A prefill engine.
        goal: What is promised.
        rest_ms: What else is in the time to the first token [ms].
    """
    service = engine.prefill
    ceiling = LARGEST_LOAD / service.each_at_full_batch_ms * 1e3
    return _served(service, ceiling, (goal.ttft_p95_ms - rest_ms) / goal.prefill_factor)


def _served(service: Service, ceiling: float, budget_ms: float) -> float:
    def kept(rate: float) -> bool:
        wait = alone(service, rate)
        return response_exceeds(service, wait, budget_ms) <= _LATE

    if not kept(ceiling * 1e-6):
        return 0.0
    return largest(kept, 0.0, ceiling)


def mixed_rate(engine: Engine, batch: float) -> float:
    """Return the requests a second of an engine that does everything and holds `batch` on average.

    A request takes its answer's decode steps and delays the others by its prompt: T / B = rate.

    Source: planner facts §1.6: TPOT = t_dec + B d_mix / OSL.
    """
    if batch <= 0:
        return 0.0
    return batch / (engine.shape.output_tokens * mixed_tpot(engine, batch)) * 1e3


def mixed_tpot(engine: Engine, batch: float) -> float:
    """Return the mean time of a further token in an engine that does everything [ms]."""
    delay = batch * engine.prompt_ms.at(batch) / engine.shape.output_tokens
    return engine.decode_ms.at(batch) * _steps(engine, batch) + delay


def _steps(engine: Engine, batch: float) -> float:
    return steps_of_a_token(batch, engine.shape, engine.worker.data_parallel)


def mixed_tpot_p95(engine: Engine, batch: float) -> float:
    """Return its 95th percentile [ms].

    As many decode, and as many prompts come between, as at the usual peak.
    """
    peak = usual_peak(batch)
    delay = peak * engine.prompt_ms.at(batch) / engine.shape.output_tokens
    return engine.decode_ms.at(peak) * _steps(engine, peak) + delay


def mixed_batch(engine: Engine, rate: float) -> float:
    """Return how many an engine that does everything holds at a rate, at most what memory holds."""
    return largest(lambda batch: mixed_rate(engine, batch) <= rate, 0.0, engine.largest_batch)


def mixed_batch_at(engine: Engine, tpot_ms: float) -> float:
    """Return the largest batch of an engine that does everything with this mean TPOT."""
    return largest(lambda batch: mixed_tpot(engine, batch) <= tpot_ms, 0.0, engine.largest_batch)


def mixed_prefill_share(engine: Engine, batch: float) -> float:
    """Return the share of its time that prefill takes: f = B d / (OSL t + B d).

    Source: planner facts §3, closed form: the gain of disaggregation is at most 1 / (1 - f), and
        for each GPU (1 - s) / (1 - f) with s the share of prefill GPUs.
    """
    delay = batch * engine.prompt_ms.at(batch) / engine.shape.output_tokens
    return delay / (engine.decode_ms.at(batch) * _steps(engine, batch) + delay)


def mixed_service(engine: Engine, batch: float) -> Service:
    """Return how long a prompt holds the token budget of an engine that also decodes."""
    step, mean = engine.decode_ms.at(batch), engine.prompt_ms.at(batch)
    points = [share * mean + step * steps for share, steps in engine.lengths]
    return Service(
        points_ms=tuple(points),
        each_at_full_batch_ms=min(sum(points) / len(points), mean + step * steps_for(engine.shape)),
    )


def mixed_rest_ms(engine: Engine, batch: float, share: float) -> float:
    """Return what is in the time to the first token beside queue and prefill [ms].

    A prompt waits for the step that runs when it arrives; a percentile of a step is as much of it.
    """
    return FRONT_END_MS + share * (engine.decode_ms.at(batch) if batch > 0 else 0.0)


def mixed_first_token_limit(engine: Engine, goal: Targets) -> float:
    """Return the largest mean batch of an engine that does everything with its TTFT kept."""

    def kept(batch: float) -> bool:
        service = mixed_service(engine, batch)
        rate = mixed_rate(engine, batch)
        if service.load(rate) > LARGEST_LOAD:
            return False
        wait = alone(service, rate)
        budget = (goal.ttft_p95_ms - mixed_rest_ms(engine, batch, 0.95)) / goal.prefill_factor
        return response_exceeds(service, wait, budget) <= _LATE

    return largest(kept, 0.0, engine.largest_batch)


def mixed_limits(engine: Engine, goal: Targets) -> dict[str, float]:
    """Return the largest mean batch that each promise allows an engine that does everything."""
    room = engine.largest_batch
    return {
        "time to first token": mixed_first_token_limit(engine, goal),
        "time per output token": largest(
            lambda batch: mixed_tpot_p95(engine, batch) <= goal.tpot_p95_ms, 0.0, room
        ),
        engine.memory_limit: kv_limit(engine),
    }


def hand_over_ms(first_step_ms: float, transfer_ms: float, own_ms: float) -> float:
    """Return what lies between prefill and the first token at the client [ms]."""
    return FRONT_END_MS + own_ms + transfer_ms + first_step_ms
