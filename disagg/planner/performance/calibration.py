"""Two scales fitted to a baseline: how much slower or faster decode and prefill really are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from disagg.planner.performance.predictor import Calibrated, Predictor, Worker
from disagg.planner.performance.traffic import Shape

LEAST_POINTS = 4
LEAST_RATIOS = 2
"""Points, and different input to output ratios among them, without which nothing is fitted: with
one ratio prefill and decode grow together and cannot be told apart."""
LEAST_SPREAD = 2.0
"""Prefill's part in the time of a token must differ by this factor between two points."""
PRIOR_WEIGHT = 4.0
"""How many residuals the prior counts for: assumed, 2026-11-27; as many as a smallest fit has
points."""
SCALE_RANGE = (0.1, 10.0)
"""Scales outside say that something else was measured than the predictor speaks of: assumed,
2026-11-28; on the measured groups of `make silicon` they are 0.19 to 2.5."""
LARGEST_RESIDUAL = 0.5
"""Root mean square of what a fit leaves over, above which points contradict one another [share]:
assumed, 2026-11-28; the worst measured group of `make silicon` leaves 0.30, and less than this
makes the band wider, which is honest enough."""
_T_95 = (
    *(6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812),
    *(1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725),
    *(1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697),
)
"""95th percentiles of Student's t for 1 to 30 degrees of freedom. Source: any table of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One measured operating point of an engine that does everything."""

    worker: Worker
    batch: float
    """Requests in flight on one engine."""
    shape: Shape
    tpot_ms: float
    """Mean time of a further token [ms]."""
    weight: float = 1.0
    """How much it counts: the number of runs behind it."""
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why nothing was fitted, and what to measure next."""

    reason: str
    measure: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Both scales with their 90 % intervals."""

    decode_scale: float
    """alpha [ratio]."""
    prefill_scale: float
    """beta [ratio]."""
    decode_interval: tuple[float, float]
    prefill_interval: tuple[float, float]
    residual: float
    """Standard deviation of a prediction about the truth, prior included [share]."""
    points: int
    freedom: float
    """Degrees of freedom behind `residual`, prior included."""
    covariance: tuple[float, float, float]
    """Inverse normal matrix: (aa, ab, bb), to be scaled by the variance."""

    def apply(self, predictor: Predictor) -> Calibrated:
        """Return the predictor with the scales."""
        return Calibrated(
            base=predictor, decode_scale=self.decode_scale, prefill_scale=self.prefill_scale
        )

    def half_width(self, decode: float, prefill: float) -> float:
        """Return the half width of the 90 % band of a prediction [share of it].

        Args:
            decode: Predicted decode part of the time, unscaled [ms].
            prefill: Predicted prefill part, unscaled [ms].

        Source: prediction interval of linear least squares: t s sqrt(1 + x' C x), with the time
            itself as the unit of x.
        """
        whole = self.decode_scale * decode + self.prefill_scale * prefill
        a, b = decode / whole, prefill / whole
        aa, ab, bb = self.covariance
        leverage = aa * a * a + 2 * ab * a * b + bb * b * b
        return student_t(self.freedom) * self.residual * math.sqrt(1 + max(0.0, leverage))


def student_t(freedom: float) -> float:
    """Return the 95th percentile of Student's t, the next lower whole number of degrees taken.

    Beyond 30 degrees that of 30, which is at most 0.05 too large.

    Example:
        >>> student_t(2.9)
        2.92
    """
    return _T_95[min(max(1, int(freedom)), len(_T_95)) - 1]


def fit(predictor: Predictor, points: Sequence[Point], prior: float) -> Fit | Refusal:
    """Return the scales that bring a predictor to measured points, or why there are none.

    Minimises the weighted sum of ((alpha t_dec + beta B d / OSL - TPOT) / TPOT)^2. The variance is
    that of the residuals together with a prior, since four points leave two residuals.

    Args:
        predictor: What is scaled, uncalibrated.
        points: Measured points of engines that do everything.
        prior: Standard deviation of a calibrated prediction for other models [share].

    Source: weighted linear least squares; the form of the model is planner facts §7.3.
    """
    refused = _too_few(points)
    if refused is not None:
        return refused
    rows = [_row(predictor, point) for point in points]
    spread = [prefill / decode for decode, prefill in rows]
    if max(spread) < LEAST_SPREAD * min(spread):
        return Refusal(
            reason="prefill's part in the time of a token is nearly the same in all points",
            measure="a point with prompts four times as long at the same output length",
        )
    weights = [point.weight for point in points]
    aa = sum(w * a * a for w, (a, _) in zip(weights, rows, strict=True))
    ab = sum(w * a * b for w, (a, b) in zip(weights, rows, strict=True))
    bb = sum(w * b * b for w, (_, b) in zip(weights, rows, strict=True))
    ay = sum(w * a for w, (a, _) in zip(weights, rows, strict=True))
    by = sum(w * b for w, (_, b) in zip(weights, rows, strict=True))
    determinant = aa * bb - ab * ab
    alpha = (ay * bb - by * ab) / determinant
    beta = (aa * by - ab * ay) / determinant
    squares = sum(
        w * (alpha * a + beta * b - 1) ** 2 for w, (a, b) in zip(weights, rows, strict=True)
    )
    # Why: weights say how much a point counts beside the others, not how many points there are.
    squares *= len(points) / sum(weights)
    left = math.sqrt(squares / (len(points) - 2))
    refused = _implausible(alpha, beta, left)
    if refused is not None:
        return refused
    each = len(points) / sum(weights)
    normal = (aa * each, ab * each, bb * each, determinant * each**2)
    return _fit(alpha, beta, squares, len(points), prior, normal)


def _implausible(alpha: float, beta: float, left: float) -> Refusal | None:
    again = "the same points again, warmed up, and one with long prompts and short answers"
    low, high = SCALE_RANGE
    for name, scale in (("decode", alpha), ("prefill", beta)):
        if not low <= scale <= high:
            hint = "; are all times in milliseconds?" if abs(scale) < low / 10 else ""
            return Refusal(
                reason=(
                    f"the {name} scale came out as {scale:.2g}, not within {low:g} to {high:g}:"
                    f" the points contradict one another or are of something else{hint}"
                ),
                measure=again,
            )
    if left > LARGEST_RESIDUAL:
        return Refusal(
            reason=(
                f"the points contradict one another: the best fit misses them by {left:.0%}, more"
                f" than {LARGEST_RESIDUAL:.0%}"
            ),
            measure=again,
        )
    return None


def _fit(
    alpha: float,
    beta: float,
    squares: float,
    count: int,
    prior: float,
    normal: tuple[float, float, float, float],
) -> Fit:
    aa, ab, bb, determinant = normal
    freedom = PRIOR_WEIGHT + count - 2
    residual = math.sqrt((PRIOR_WEIGHT * prior**2 + squares) / freedom)
    covariance = (bb / determinant, -ab / determinant, aa / determinant)
    half = student_t(freedom) * residual
    decode, prefill = half * math.sqrt(covariance[0]), half * math.sqrt(covariance[2])
    return Fit(
        decode_scale=alpha,
        prefill_scale=beta,
        decode_interval=(max(0.0, alpha - decode), alpha + decode),
        prefill_interval=(max(0.0, beta - prefill), beta + prefill),
        residual=residual,
        points=count,
        freedom=freedom,
        covariance=covariance,
    )


def features(predictor: Predictor, point: Point) -> tuple[float, float]:
    """Return the decode and the prefill part of a predicted time of a token [ms]."""
    decode = predictor.decode_ms(point.worker, point.batch, point.shape)
    prompt = predictor.prompt_ms(point.worker, point.batch, point.shape)
    return decode, point.batch * prompt / point.shape.output_tokens


def _row(predictor: Predictor, point: Point) -> tuple[float, float]:
    decode, prefill = features(predictor, point)
    return decode / point.tpot_ms, prefill / point.tpot_ms


def _too_few(points: Sequence[Point]) -> Refusal | None:
    ratios = {round(p.shape.input_tokens / p.shape.output_tokens, 2) for p in points}
    plan = (
        "two concurrencies a factor of four apart (16 and 64, or what the engine holds) at 1,024"
        " tokens in and out, and again at 8,192 in and 1,024 out, on one engine of the"
        " tensor_parallel you plan"
    )
    if len(points) < LEAST_POINTS:
        return Refusal(
            reason=f"{len(points)} points, at least {LEAST_POINTS} are needed", measure=plan
        )
    if len(ratios) < LEAST_RATIOS:
        return Refusal(
            reason="all points have one input to output ratio: prefill cannot be told from decode",
            measure=plan,
        )
    return None
