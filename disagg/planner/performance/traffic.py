"""A workload as numbers the models take: mean lengths, their spread, load, and prefix reuse."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from disagg.config.environment import Workload

P95_Z = NormalDist().inv_cdf(0.95)
LARGEST_P95_OVER_MEAN = math.exp(P95_Z**2 / 2)
"""Largest ratio of a lognormal's 95th percentile to its mean: 3.87. Derived: the ratio is
exp(z s - s^2 / 2), largest at s = z."""
LENGTH_POINTS = 16
"""Points of equal weight that stand for a distribution of lengths."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """Lengths of prompts or answers: lognormal, or all alike."""

    mean: float
    """[tokens]"""
    sigma: float = 0.0
    """Standard deviation of the logarithm; 0 where all are alike."""

    @property
    def squared_cv(self) -> float:
        """Squared coefficient of variation: exp(s^2) - 1 of a lognormal."""
        return math.expm1(self.sigma**2)

    def points(self) -> tuple[float, ...]:
        """Return lengths of equal probability whose mean is the mean of the distribution [tokens].

        Example:
            >>> Lengths(mean=100).points()
            (100,)
        """
        if self.sigma == 0:
            return (self.mean,)
        normal = NormalDist()
        raw = [
            math.exp(self.sigma * normal.inv_cdf((index + 0.5) / LENGTH_POINTS))
            for index in range(LENGTH_POINTS)
        ]
        scale = self.mean * LENGTH_POINTS / sum(raw)
        return tuple(scale * one for one in raw)


def lengths(mean: float, p95: float | None) -> Lengths:
    """Return the lognormal with this mean and 95th percentile; all alike without a percentile.

    p95 / mean = exp(z s - s^2 / 2): the smaller of the two solutions for s, the one near a normal.

    Raises:
        ValueError: The percentile is below the mean, or beyond what a lognormal of that mean has.

    Source: definition of the lognormal distribution.

    Example:
        >>> lengths(1_000, None).sigma
        0.0
        >>> round(lengths(1_000, 2_000).sigma, 3)
        0.496
    """
    if p95 is None or p95 == mean:
        return Lengths(mean=mean)
    ratio = math.log(p95 / mean)
    if not 0 < ratio < P95_Z**2 / 2:
        raise ValueError(f"p95 must be {mean:g} to {mean * LARGEST_P95_OVER_MEAN:g}, got {p95:g}")
    return Lengths(mean=mean, sigma=P95_Z - math.sqrt(P95_Z**2 - 2 * ratio))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What one request asks of an engine, on average."""

    input_tokens: float
    """Prompt, cached part included [tokens]."""
    output_tokens: float
    cached_tokens: float = 0.0
    """Part of the prompt whose KV is already there [tokens]."""

    @property
    def computed_tokens(self) -> float:
        """Prompt tokens that prefill computes [tokens]."""
        return self.input_tokens - self.cached_tokens

    @property
    def mean_context(self) -> float:
        """Context of a sequence halfway through its answer [tokens]."""
        return self.input_tokens + self.output_tokens / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """The load at its peak."""

    inputs: Lengths
    outputs: Lengths
    concurrency: float | None
    """Requests in flight; None where a rate is given."""
    rate: float | None
    """Requests a second; None where a concurrency is given."""
    reuse: float
    """Share of prompt tokens that an earlier prompt began with."""
    turns: int
    think_seconds: float
    mean_over_peak: float

    def shape(self, hit: float = 0.0) -> Shape:
        """Return the mean request when `hit` of its prompt tokens are found in a cache.

        The last token of a prompt is always computed: what follows it is asked of it.
        """
        return Shape(
            input_tokens=self.inputs.mean,
            output_tokens=self.outputs.mean,
            cached_tokens=min(self.inputs.mean * hit, self.inputs.mean - 1),
        )


def traffic(workload: Workload) -> Traffic:
    """Return the traffic of a checked workload.

    Raises:
        ValueError: See `lengths`.
    """
    return Traffic(
        inputs=lengths(workload.input_tokens, workload.input_tokens_p95),
        outputs=lengths(workload.output_tokens, workload.output_tokens_p95),
        concurrency=workload.concurrency,
        rate=workload.requests_per_second,
        reuse=reuse(workload),
        turns=workload.turns,
        think_seconds=workload.think_seconds,
        mean_over_peak=workload.mean_over_peak,
    )


def reuse(workload: Workload) -> float:
    """Return the share of prompt tokens that an earlier prompt of the conversation began with.

    Where the user gives it, that. Else a conversation of T turns whose prompt grows by the same
    amount each turn has prompts of 1, 2 .. T parts, of which all but the last part is old:
    (T - 1) T / 2 of (T + 1) T / 2 parts.

    Source: arithmetic series; that prompts grow evenly is assumed.

    Example:
        >>> reuse(Workload(input_tokens=1024, output_tokens=128, concurrency=8, turns=3))
        0.5
    """
    if workload.prefix_reuse is not None:
        return workload.prefix_reuse
    return (workload.turns - 1) / (workload.turns + 1)
