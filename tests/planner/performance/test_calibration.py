"""Two scales from a baseline: found where they can be found, refused where they cannot."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import B200, MODEL, Straight, engines, single

from disagg.catalog.gpus import GPUS
from disagg.planner.performance.bands import Band, bands_for, combined, reliability_of
from disagg.planner.performance.calibration import (
    Fit,
    Point,
    Refusal,
    features,
    fit,
    student_t,
)
from disagg.planner.performance.knowledge import learn
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.roofline import Roofline
from disagg.planner.performance.traffic import Shape

ONE = Worker(tensor_parallel=1)
SHORT, LONG = (
    Shape(input_tokens=1024, output_tokens=1024),
    Shape(input_tokens=8192, output_tokens=1024),
)


def truth(predictor: Straight, alpha: float, beta: float, noise: float = 0.0) -> list[Point]:
    points = []
    for number, (shape, batch) in enumerate(
        [(SHORT, 16.0), (SHORT, 64.0), (LONG, 16.0), (LONG, 64.0)]
    ):
        blank = Point(worker=ONE, batch=batch, shape=shape, tpot_ms=1.0)
        decode, prefill = features(predictor, blank)
        time = (alpha * decode + beta * prefill) * (1 + noise * (-1) ** number)
        points.append(Point(worker=ONE, batch=batch, shape=shape, tpot_ms=time))
    return points


@given(st.floats(0.3, 3.0), st.floats(0.2, 5.0))
def test_scales_that_made_the_points_are_found(alpha: float, beta: float) -> None:
    made = fit(Straight(), truth(Straight(), alpha, beta), prior=0.1)
    assert isinstance(made, Fit)
    assert made.decode_scale == pytest.approx(alpha, rel=1e-6)
    assert made.prefill_scale == pytest.approx(beta, rel=1e-6)
    low, high = made.decode_interval
    assert low < alpha < high


@pytest.mark.parametrize(("noise", "kept"), [(0.15, True), (0.6, False)])
def test_a_run_may_differ_from_the_next_but_not_contradict_it(*, noise: float, kept: bool) -> None:
    made = fit(Straight(), truth(Straight(), 1.2, 0.5, noise=noise), prior=0.1)
    assert isinstance(made, Fit) is kept


def test_students_t_is_that_of_the_table() -> None:
    # Source: any table of Student's t, one-sided 0.95.
    for freedom, value in ((1, 6.314), (4.9, 2.132), (13, 1.771), (20, 1.725), (30, 1.697)):
        assert student_t(freedom) == value
    assert 1.645 < student_t(10_000) <= 1.645 + 0.053


def test_noisy_points_make_wider_intervals() -> None:
    clean = fit(Straight(), truth(Straight(), 1.2, 0.5), prior=0.05)
    noisy = fit(Straight(), truth(Straight(), 1.2, 0.5, noise=0.1), prior=0.05)
    assert isinstance(clean, Fit)
    assert isinstance(noisy, Fit)
    assert noisy.residual > clean.residual
    assert noisy.half_width(4.0, 1.0) > clean.half_width(4.0, 1.0)


def test_a_point_far_from_the_others_is_less_sure() -> None:
    made = fit(Straight(), truth(Straight(), 1.0, 1.0), prior=0.1)
    assert isinstance(made, Fit)
    # Nearly all prefill: outside of what was measured.
    assert made.half_width(1.0, 50.0) > made.half_width(4.0, 1.0)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (truth(Straight(), 1, 1)[:3], "3 points, at least 4"),
        (truth(Straight(), 1, 1)[:2] * 2, "one input to output ratio"),
        (
            [
                Point(worker=ONE, batch=b, shape=s, tpot_ms=9.0)
                for b in (16.0, 17.0)
                for s in (SHORT, Shape(input_tokens=1100, output_tokens=1024))
            ],
            "nearly the same in all points",
        ),
        (
            [
                Point(worker=p.worker, batch=p.batch, shape=p.shape, tpot_ms=t)
                for p, t in zip(truth(Straight(), 1, 1), (9.0, 20.0, 5.0, 6.0), strict=True)
            ],
            "the points contradict",
        ),
        # Each twice, once at four times the time: no two scales say both.
        (
            truth(Straight(), 1, 1) + truth(Straight(), 4, 4),
            "the best fit misses them by",
        ),
        (truth(Straight(), 20, 20), "not within 0.1 to 10"),
        (truth(Straight(), 0.05, 0.05), "not within 0.1 to 10"),
    ],
)
def test_points_that_cannot_tell_are_refused_with_what_to_measure(
    points: list[Point], reason: str
) -> None:
    made = fit(Straight(), points, prior=0.1)
    assert isinstance(made, Refusal)
    assert reason in made.reason
    assert made.measure


# Source: InferenceX, gpt-oss-120b, H200, vLLM 0.18, 1,024 tokens in and out, tp 4 (case S1).
S1_MS = {4: 3.93, 8: 4.56, 16: 5.60, 32: 7.16, 64: 9.48}


@pytest.mark.parametrize("batch", S1_MS)
def test_the_roofline_alone_is_within_its_band_on_the_shown_case(batch: int) -> None:
    model = Roofline(model=MODEL, gpu=GPUS["H200"])
    four = Worker(tensor_parallel=4)
    said = sum(features(model, Point(worker=four, batch=batch, shape=SHORT, tpot_ms=1.0)))
    band = bands_for("roofline", MODEL, "H200").tpot
    assert band.low <= S1_MS[batch] / said <= band.high


def test_measured_points_are_said_again_exactly_and_only_for_their_parallelism() -> None:
    points = truth(Straight(), 1.3, 0.6, noise=0.05)
    known = learn(MODEL, "B200", Straight(), points)
    for point in points:
        decode, prefill = features(known.predictor, point)
        assert decode + prefill == pytest.approx(point.tpot_ms, rel=1e-6)
    four = Worker(tensor_parallel=4)
    alone = Straight().decode_ms(four, 16.0, SHORT)
    assert known.predictor.decode_ms(four, 16.0, SHORT) == alone


def test_a_layout_is_calibrated_only_when_every_engine_of_it_was_measured() -> None:
    known = learn(MODEL, "B200", Straight(), truth(Straight(), 1.3, 0.6))
    assert known.calibrated(single(8, 1))
    assert not known.calibrated(single(2, 4))
    mixed = Layout(instance=B200, engines=engines(1, 4), prefill=engines(4, 1))
    assert not known.calibrated(mixed)
    assert known.bands(single(8, 1), SHORT).calibrated
    assert not known.bands(mixed, SHORT).calibrated


def test_a_refused_fit_leaves_the_prediction_uncalibrated() -> None:
    known = learn(MODEL, "B200", Straight(), truth(Straight(), 1.3, 0.6)[:2])
    assert not known.calibrated(single(8, 1))
    assert known.refusals
    assert known.predictor.decode_ms(ONE, 16.0, SHORT) == Straight().decode_ms(ONE, 16.0, SHORT)


@given(st.floats(0.2, 1.0), st.floats(1.0, 5.0), st.floats(0.51, 0.99))
def test_a_target_is_kept_with_the_probability_asked_for(
    low: float, high: float, wanted: float
) -> None:
    band = Band(low=low * 0.99, high=high * 1.01)
    predicted = band.target(20.0, wanted)
    assert band.probability_below(20.0, predicted) == pytest.approx(wanted, abs=1e-6)


def test_a_ratio_is_less_sure_than_either_of_its_parts() -> None:
    one, other = Band(low=0.8, high=1.25), Band(low=0.7, high=1.4)
    both = combined(one, other)
    assert both.low < min(one.low, other.low) * 1.01
    assert both.high > max(one.high, other.high)


def test_a_pair_without_measured_rows_has_the_widest_band() -> None:
    known, unknown = bands_for("roofline", MODEL, "H200"), bands_for("roofline", MODEL, "L40S")
    assert known.known
    assert not unknown.known
    assert unknown.tpot.high / unknown.tpot.low > known.tpot.high / known.tpot.low
    assert reliability_of("nobody", MODEL, "H200").rows == 0


def test_runs_say_how_much_a_point_counts_and_not_how_many_points_there_are() -> None:
    points = truth(Straight(), 1.2, 0.5, noise=0.1)
    once = fit(Straight(), points, prior=0.05)
    often = fit(Straight(), [replace(one, weight=100.0) for one in points], prior=0.05)
    assert isinstance(once, Fit)
    assert isinstance(often, Fit)
    for name in ("decode_scale", "prefill_scale", "residual"):
        assert getattr(often, name) == pytest.approx(getattr(once, name))
    assert often.half_width(4.0, 1.0) == pytest.approx(once.half_width(4.0, 1.0))
    # One point that was run a hundred times pulls the fit to itself.
    pulled = fit(Straight(), [replace(points[0], weight=100.0), *points[1:]], prior=0.05)
    assert isinstance(pulled, Fit)

    def miss(one: Fit) -> float:
        return abs(sum(features(one.apply(Straight()), points[0])) / points[0].tpot_ms - 1)

    assert miss(pulled) < miss(once)


def test_the_prefill_band_of_two_pools_is_that_of_the_engine_that_prefills() -> None:
    two = Worker(tensor_parallel=2)
    noisy = [replace(one, worker=two) for one in truth(Straight(), 1.0, 1.0, noise=0.2)]
    known = learn(MODEL, "B200", Straight(), [*truth(Straight(), 1.0, 1.0), *noisy])
    calm = Layout(instance=B200, engines=engines(1, 2), prefill=engines(1, 1))
    wild = Layout(instance=B200, engines=engines(1, 2), prefill=engines(1, 2))
    first, second = (known.bands(one, SHORT).prefill for one in (calm, wild))
    assert second.high / second.low > first.high / first.low
