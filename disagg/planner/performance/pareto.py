"""Speed for each user against throughput for each GPU: no layout beats the front in both."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from disagg.planner.performance.layouts import Kind
from disagg.planner.performance.limits import (
    Targets,
    decode_rate,
    hand_over_ms,
    mixed_first_token_limit,
    mixed_rate,
    mixed_tpot,
    prefill_limit,
)
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.search import workers
from disagg.planner.performance.setting import HAND_OVER_MS, Engine, Setting

POINTS_PER_DOUBLING = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Operating:
    """One layout at one batch."""

    kind: Kind
    layout: str
    tokens_per_second_per_user: float
    tokens_per_second_per_gpu: float


def operating_points(
    setting: Setting, nodes: int, *, ttft_p95_ms: float, data_parallel: bool
) -> tuple[Operating, ...]:
    """Return what every layout of so many nodes does, over the batch, in time for the first token.

    GPUs of the nodes are all counted, so that a ratio of pools that leaves some idle shows it.

    Args:
        setting: The question.
        nodes: Whole nodes.
        ttft_p95_ms: Promise of the first token, taken as predicted [ms]; inf where there is none,
            and then queues are kept to a load of 0.85.
        data_parallel: Also engines of several attention replicas.
    """
    gpus = nodes * setting.instance.gpus
    hit = setting.traffic.reuse if setting.prefix_aware else 0.0
    kinds = workers(setting.model, setting.instance, data_parallel=data_parallel)
    engines = {kind: setting.engine(kind, hit) for kind in kinds}
    goal = Targets(ttft_p95_ms=ttft_p95_ms, tpot_p95_ms=math.inf)
    found = [one for kind, engine in engines.items() for one in _single(engine, kind, gpus, goal)]
    for prefill, first in engines.items():
        for decode, second in engines.items():
            if decode.tensor_parallel >= prefill.tensor_parallel:
                found += _pools(first, second, gpus, goal)
    return tuple(found)


def _batches(largest: float) -> Iterator[float]:
    count = max(1, math.ceil(math.log2(max(2.0, largest)) * POINTS_PER_DOUBLING))
    yield from (largest ** (index / count) for index in range(count + 1))


def _single(engine: Engine, worker: Worker, gpus: int, goal: Targets) -> Iterator[Operating]:
    count = gpus // worker.gpus
    most = mixed_first_token_limit(engine, goal)
    for batch in _batches(most) if most > 0 else ():
        yield Operating(
            kind=Kind.AGGREGATED,
            layout=f"{count} x {worker}",
            tokens_per_second_per_user=1e3 / mixed_tpot(engine, batch),
            tokens_per_second_per_gpu=count
            * mixed_rate(engine, batch)
            * engine.shape.output_tokens
            / gpus,
        )


def _pools(prefill: Engine, decode: Engine, gpus: int, goal: Targets) -> Iterator[Operating]:
    rest = hand_over_ms(decode.decode_ms.at(1.0), 0.0, HAND_OVER_MS[1])
    each = prefill_limit(prefill, goal, rest)
    for batch in _batches(decode.largest_batch):
        rate = decode_rate(decode, batch)
        served, split = 0.0, (0, 0)
        for count in range(1, gpus // decode.worker.gpus + 1):
            left = (gpus - count * decode.worker.gpus) // prefill.worker.gpus
            now = min(count * rate, left * each)
            if now > served:
                served, split = now, (left, count)
        if served:
            first, second = f"{split[0]} x {prefill.worker}", f"{split[1]} x {decode.worker}"
            yield Operating(
                kind=Kind.DISAGGREGATED,
                layout=f"{first} prefill + {second} decode",
                tokens_per_second_per_user=1e3 / decode.decode_ms.at(batch),
                tokens_per_second_per_gpu=served * decode.shape.output_tokens / gpus,
            )


def front(points: Iterable[Operating]) -> tuple[Operating, ...]:
    """Return the points that none beats in both, from the slowest for a user to the fastest.

    Example:
        >>> def at(user, gpu):
        ...     return Operating(kind=Kind.AGGREGATED, layout="", tokens_per_second_per_user=user,
        ...                      tokens_per_second_per_gpu=gpu)
        >>> [one.tokens_per_second_per_gpu for one in front([at(1, 5), at(2, 3), at(1.5, 2)])]
        [5, 3]
    """
    ordered = sorted(
        points, key=lambda one: (-one.tokens_per_second_per_user, -one.tokens_per_second_per_gpu)
    )
    best, kept = -math.inf, []
    for one in ordered:
        if one.tokens_per_second_per_gpu > best:
            kept.append(one)
            best = one.tokens_per_second_per_gpu
    return tuple(reversed(kept))
