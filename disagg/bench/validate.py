"""How wrong a predictor is on measured rows: raw, calibrated, and whether its bands hold."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean, median

from disagg.bench.silicon_sample import Row, groups, split, split_disaggregated
from disagg.planner.performance.bands import Band
from disagg.planner.performance.calibration import Fit, Point, features, fit, student_t
from disagg.planner.performance.pool_calibration import PoolPoint, fit_pools, loop
from disagg.planner.performance.predictor import Predictor
from disagg.planner.performance.queueing import percentile
from disagg.planner.performance.setting import FRONT_END_MS, HAND_OVER_MS

PRIOR_QUANTILE = 0.80
"""The prior of a pair that is not in the sample: this share of the groups of other models stay
below it."""
_TAIL = 0.025
_NORMAL_MEDIAN = 0.6745
"""Median of |z| of a standard normal: turns a median error into a standard deviation."""
RAW_WIDENING = 1.4
"""By how much a raw band is wider than four training points of a group say: errors of the other
points are larger. Without it 0.85 (silicon) and 0.83 (roofline) of the held-out rows lie inside."""
PREFILL_WIDENING = 1.5
"""By how much the range of fitted prefill scales is widened at both ends: assumed, 2026-11-27; a
pair has four scales at most."""
FIXED_MS = FRONT_END_MS + HAND_OVER_MS[1]

PredictorOf = Callable[[Row], Predictor | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupErrors:
    """Errors of one group; those of the held-out rows where it was fitted, else of all rows."""

    group: tuple[str, ...]
    trained: int
    held_out: int
    raw: tuple[float, ...]
    """Predicted over measured, less one, uncalibrated, of the held-out rows."""
    scales: tuple[float, float] | None
    """alpha and beta; None where nothing was fitted."""
    calibrated: tuple[float, ...] = ()
    inside: tuple[bool, ...] = ()
    """Whether the measured value lies in the printed 90 % band, calibrated."""
    half_widths: tuple[float, ...] = ()
    refused: str = ""

    @property
    def model(self) -> str:
        """The model."""
        return self.group[0]


def mape(errors: Iterable[float]) -> float:
    """Return the mean of the absolute errors [share]."""
    return fmean(abs(error) for error in errors)


def middle(errors: Iterable[float]) -> float:
    """Return the median of the absolute errors [share]."""
    return median(abs(error) for error in errors)


def as_point(row: Row) -> Point:
    """Return an aggregated row as a calibration takes it."""
    return Point(
        worker=row.engines.worker,
        batch=row.concurrency / row.engines.count,
        shape=row.shape,
        tpot_ms=row.tpot_ms,
        label=row.id,
    )


def aggregated(rows: Iterable[Row], predictor_of: PredictorOf) -> list[GroupErrors]:
    """Return the errors of TPOT of every aggregated group a predictor knows.

    Each group is fitted on its four training rows and judged on the others. The prior behind its
    band comes from groups of other models only, so no held-out row widens the band it is judged by.
    """
    found = []
    for group in groups(row for row in rows if row.prefill is None).values():
        predictor = predictor_of(group[0])
        if predictor is not None:
            found.append((predictor, group))
    first = [_aggregated(predictor, group, 0.0) for predictor, group in found]
    return [
        _aggregated(predictor, group, prior(first, group[0].group)) for predictor, group in found
    ]


def prior(errors: Iterable[GroupErrors], group: tuple[str, ...]) -> float:
    """Return the standard deviation to expect of a calibrated prediction for a group.

    The largest among the other groups of its pair (the same model, system, engine and precision at
    another parallelism), where there are two at least; else what four in five groups of other
    models keep. The group itself is never looked at.
    """
    fitted = [one for one in errors if one.calibrated]
    near = [_spread(one) for one in fitted if one.group[:4] == group[:4] and one.group != group]
    if len(near) > 1:
        return max(near)
    far = [_spread(one) for one in fitted if one.model != group[0]]
    return percentile(far, PRIOR_QUANTILE) if far else 0.2


def _spread(one: GroupErrors) -> float:
    return middle(one.calibrated) / _NORMAL_MEDIAN


def _aggregated(predictor: Predictor, group: list[Row], spread: float) -> GroupErrors:
    train, held_out = split(group)
    chosen = held_out if train else group
    predictions = [features(predictor, as_point(row)) for row in chosen]
    raw = tuple(sum(p) / row.tpot_ms - 1 for p, row in zip(predictions, chosen, strict=True))
    plain = GroupErrors(group=group[0].group, trained=0, held_out=len(chosen), raw=raw, scales=None)
    if not train or not held_out:
        return replace(plain, refused="one of the four training points is missing")
    fitted = fit(predictor, [as_point(row) for row in train], spread)
    if not isinstance(fitted, Fit):
        return replace(plain, trained=len(train), refused=fitted.reason)
    return _judged(plain, fitted, predictions, [row.tpot_ms for row in chosen], len(train))


def _judged(
    plain: GroupErrors,
    fitted: Fit,
    predictions: list[tuple[float, float]],
    measured: list[float],
    trained: int,
) -> GroupErrors:
    alpha, beta = fitted.decode_scale, fitted.prefill_scale
    calibrated = [alpha * a + beta * b for a, b in predictions]
    widths = [fitted.half_width(a, b) for a, b in predictions]
    pairs = list(zip(calibrated, measured, widths, strict=True))
    return replace(
        plain,
        trained=trained,
        scales=(alpha, beta),
        calibrated=tuple(said / true - 1 for said, true, _ in pairs),
        inside=tuple(abs(math.log(true / said)) <= width for said, true, width in pairs),
        half_widths=tuple(widths),
    )


def as_pool_point(row: Row) -> PoolPoint:
    """Return a disaggregated row as a calibration takes it."""
    assert row.prefill is not None  # noqa: S101  Why: only called for rows of two pools.
    return PoolPoint(
        prefill=row.prefill.worker,
        prefill_count=row.prefill.count,
        decode=row.engines.worker,
        decode_count=row.engines.count,
        concurrency=row.concurrency,
        shape=row.shape,
        ttft_ms=row.ttft_ms,
        tpot_ms=row.tpot_ms,
    )


def disaggregated(rows: Iterable[Row], predictor_of: PredictorOf) -> list[GroupErrors]:
    """Return the errors of tokens/s/GPU of every disaggregated group a predictor knows.

    As `aggregated`; the band of a group is as wide as the errors of groups of other models and
    systems.
    """
    found = []
    for group in groups(row for row in rows if row.prefill is not None).values():
        predictor = predictor_of(group[0])
        if predictor is not None:
            found.append(_disaggregated(predictor, group))
    return [_with_band(one, found) for one in found if one is not None]


def _disaggregated(predictor: Predictor, group: list[Row]) -> GroupErrors:
    train, held_out = split_disaggregated(group)
    chosen = [as_pool_point(row) for row in (held_out if train and held_out else group)]
    raw = tuple(_throughput_error(predictor, point) for point in chosen)
    plain = GroupErrors(group=group[0].group, trained=0, held_out=len(chosen), raw=raw, scales=None)
    if not train or not held_out:
        return replace(plain, refused="fewer than five rows")
    scaled = fit_pools(predictor, [as_pool_point(row) for row in train], FIXED_MS)
    return replace(
        plain,
        trained=len(train),
        scales=(scaled.decode_scale, scaled.prefill_scale),
        calibrated=tuple(_throughput_error(scaled, point) for point in chosen),
    )


def _throughput_error(predictor: Predictor, point: PoolPoint) -> float:
    return loop(predictor, point, FIXED_MS).rate / point.rate - 1


def _with_band(one: GroupErrors, others: list[GroupErrors]) -> GroupErrors:
    if not one.calibrated:
        return one
    band = pooled_band(
        error for other in others if other.group[:2] != one.group[:2] for error in other.calibrated
    )
    inside = tuple(band.low <= 1 / (1 + error) <= band.high for error in one.calibrated)
    width = math.log(band.high / band.low) / 2
    return replace(one, inside=inside, half_widths=(width,) * len(inside))


def pooled_band(errors: Iterable[float]) -> Band:
    """Return the band in which nine of ten measured values lie, from errors of predictions.

    The ends are the 2.5th and the 97.5th percentile of measured over predicted: wider than the 90 %
    that is promised, since rows of one group err alike and there are few groups.
    """
    ratios = sorted(1 / (1 + error) for error in errors)
    return Band(low=percentile(ratios, _TAIL), high=percentile(ratios, 1 - _TAIL))


def raw_band(errors: Iterable[float]) -> Band:
    """Return the band of an uncalibrated prediction from its errors on training rows.

    Lognormal, with Student's t for the few rows there are and for the mean that is estimated too,
    and `RAW_WIDENING`.
    """
    logs = [-math.log(1 + error) for error in errors]
    mean = fmean(logs)
    spread = math.sqrt(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))
    half = RAW_WIDENING * student_t(len(logs) - 1) * spread * math.sqrt(1 + 1 / len(logs))
    return Band(low=math.exp(mean - half), high=math.exp(mean + half))


@dataclass(frozen=True, kw_only=True, slots=True)
class PairReliability:
    """What the sample says about one pair of model and GPU, for one predictor."""

    pair: tuple[str, str, str, str]
    groups: int
    rows: int
    raw: Band
    """Measured over predicted TPOT, uncalibrated; from training rows."""
    raw_inside: float
    """Share of held-out rows in it."""
    prefill: Band
    """The prefill scales that were fitted, widened."""
    prior: float
    """Largest spread of a calibrated group [share]."""


def reliability(rows: Iterable[Row], predictor_of: PredictorOf) -> list[PairReliability]:
    """Return the reliability of every pair that was calibrated in one group at least."""
    chosen = [row for row in rows if row.prefill is None]
    errors = [one for one in aggregated(chosen, predictor_of) if one.calibrated]
    by_group = groups(chosen)
    found = []
    for pair in sorted({one.group[:4] for one in errors}):
        own = [one for one in errors if one.group[:4] == pair]
        trained = []
        for one in own:
            train, _ = split(by_group[one.group])
            predictor = predictor_of(train[0])
            assert predictor is not None  # noqa: S101  Why: the group was predicted before.
            trained += [sum(features(predictor, as_point(row))) / row.tpot_ms - 1 for row in train]
        band = raw_band(trained)
        held_out = [error for one in own for error in one.raw]
        inside = [band.low <= 1 / (1 + error) <= band.high for error in held_out]
        scales = [one.scales[1] for one in own if one.scales]
        found.append(
            PairReliability(
                pair=(pair[0], pair[1], pair[2], pair[3]),
                groups=len(own),
                rows=len(trained) + len(held_out),
                raw=band,
                raw_inside=sum(inside) / len(inside),
                prefill=Band(
                    low=min(scales) / PREFILL_WIDENING, high=max(scales) * PREFILL_WIDENING
                ),
                prior=max(_spread(one) for one in own),
            )
        )
    return found
