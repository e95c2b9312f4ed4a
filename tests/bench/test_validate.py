"""Error tables on rows whose truth is known: what was put in comes out, and nothing leaks."""

import random
from dataclasses import replace

import pytest
from planning import Straight

from disagg.bench.silicon_sample import Pool, Row, is_training, split, split_disaggregated
from disagg.bench.validate import aggregated, mape, middle, pooled_band, raw_band
from disagg.planner.performance.calibration import Point, features
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.traffic import Shape

ONE = Worker(tensor_parallel=1)


def row(number: int, shape: tuple[int, int], concurrency: float, factor: float, **more: str) -> Row:
    tokens = Shape(input_tokens=shape[0], output_tokens=shape[1])
    blank = Point(worker=ONE, batch=concurrency, shape=tokens, tpot_ms=1.0)
    named = {"model": "m", "system": "s", "backend": "vllm", "precision": "fp8"} | more
    return Row(
        id=f"{number}",
        shape=tokens,
        concurrency=concurrency,
        ttft_ms=50.0,
        tpot_ms=factor * sum(features(Straight(), blank)),
        measured="2026-01-01",
        engines=Pool(worker=ONE, count=1),
        **named,
    )


def sample(factor: float, noise: float = 0.0, **named: str) -> list[Row]:
    chance = random.Random(5)  # noqa: S311 - noise, no secret
    shapes = ((1024, 1024), (8192, 1024), (1024, 8192))
    return [
        row(number, shape, batch, factor * (1 + noise * chance.uniform(-1, 1)), **named)
        for number, (shape, batch) in enumerate(
            (shape, float(batch)) for shape in shapes for batch in (4, 8, 16, 32, 64, 128)
        )
    ]


def test_four_points_train_and_all_others_are_held_out() -> None:
    train, held_out = split(sample(1.0))
    assert [(one.shape.input_tokens, one.concurrency) for one in train] == [
        (1024, 16.0),
        (1024, 64.0),
        (8192, 16.0),
        (8192, 64.0),
    ]
    assert len(held_out) == 14
    assert not {one.id for one in train} & {one.id for one in held_out}
    assert not any(is_training(one) for one in held_out)


def test_a_group_that_lacks_a_training_point_is_not_fitted() -> None:
    train, _ = split([one for one in sample(1.0) if one.concurrency != 64.0])
    assert train == []


def test_a_predictor_that_is_wrong_by_one_factor_is_right_after_calibration() -> None:
    (one,) = aggregated(sample(1.5), lambda _: Straight())
    assert mape(one.raw) == pytest.approx(1 / 3)
    assert mape(one.calibrated) == pytest.approx(0.0, abs=1e-9)
    assert all(one.inside)


def test_nine_in_ten_held_out_rows_lie_inside_the_band_of_noisy_groups() -> None:
    groups = [
        found
        for number in range(12)
        for found in sample(1.2 + number / 20, noise=0.12, model=f"m{number}")
    ]
    errors = aggregated(groups, lambda _: Straight())
    inside = [one for each in errors for one in each.inside]
    assert sum(inside) / len(inside) >= 0.90


def test_a_band_is_never_made_of_the_rows_it_is_judged_by() -> None:
    rows = [*sample(1.2, noise=0.1, model="a"), *sample(1.2, noise=0.1, model="b")]
    before = next(one for one in aggregated(rows, lambda _: Straight()) if one.model == "a")
    # Held-out rows of the group itself, made far worse: its band must not move.
    worse = [
        replace(one, tpot_ms=one.tpot_ms * 3) if one.model == "a" and not is_training(one) else one
        for one in rows
    ]
    after = next(one for one in aggregated(worse, lambda _: Straight()) if one.model == "a")
    assert after.half_widths == before.half_widths
    assert mape(after.calibrated) > mape(before.calibrated)


def test_disaggregated_groups_train_on_four_rows_and_hold_out_the_rest() -> None:
    pool = Pool(worker=ONE, count=2)
    rows = [replace(one, prefill=pool) for one in sample(1.0) if one.shape.output_tokens == 1024]
    train, held_out = split_disaggregated(rows)
    assert len(train) == 4
    assert len(train) + len(held_out) == len(rows)
    assert split_disaggregated(rows[:3]) == ([], rows[:3])


def test_bands_of_errors_hold_what_they_say() -> None:
    errors = [0.01 * step for step in range(-20, 21)]
    band = pooled_band(errors)
    assert sum(band.low <= 1 / (1 + one) <= band.high for one in errors) / len(errors) >= 0.9
    wide, narrow = raw_band(errors), raw_band([one / 4 for one in errors])
    assert wide.high / wide.low > narrow.high / narrow.low
    assert middle([-0.1, 0.2, 0.3]) == pytest.approx(0.2)
