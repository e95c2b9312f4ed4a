"""Normalisation: the same throughput told in four ways, and the shown case S2."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disagg.config.environment import Slo
from disagg.config.measurement import Measurement, PrefillPool
from disagg.planner.decision.gain import (
    LARGEST_GAIN,
    Side,
    gain_band,
    gains,
    measured_pair,
    measured_side,
)
from disagg.planner.money.unit_cost import usd_per_output_token
from disagg.planner.performance.bands import EXACT, Band

B200_NODE, H200_NODE = 113.9328, 63.296
ASKED = (1024.0, 1024.0)


def eight(name: str, per_gpu: float, usd: float) -> Side:
    return Side(
        name=name,
        output_tokens_per_second=8 * per_gpu,
        gpus_used=8,
        gpus_billed=8,
        usd_per_hour=usd,
    )


# Source: NVIDIA Dynamo recipes/gpt-oss-120b/README.md, measured 2026-07-09 on 8 GPUs.
@pytest.mark.parametrize(
    ("single", "pools", "usd", "gain", "costs"),
    [
        (2896.0, 2069.0, B200_NODE, 0.714, (1.366, 1.912)),
        (1256.0, 1046.0, H200_NODE, 0.833, (1.750, 2.101)),
    ],
)
def test_the_vendors_own_measurement_is_a_loss_for_each_gpu_and_dollar(
    single: float, pools: float, usd: float, gain: float, costs: tuple[float, float]
) -> None:
    result = gains(eight("pools", pools, usd), eight("single", single, usd))
    assert result.per_gpu_used == pytest.approx(gain, abs=0.001)
    assert result.per_usd == pytest.approx(gain, abs=0.001)
    for per_gpu, cost in zip((single, pools), costs, strict=True):
        assert usd_per_output_token(usd, 8 * per_gpu, 1.0) * 1e6 == pytest.approx(cost, abs=0.001)


def test_the_articles_seventy_percent_is_eighty_five_percent_for_each_gpu() -> None:
    base = Side(
        name="1 x tp4",
        output_tokens_per_second=15_926,
        gpus_used=4,
        gpus_billed=4,
        usd_per_hour=B200_NODE / 2,
    )
    claimed = Side(
        name="4 x tp1 + 1 x tp4",
        output_tokens_per_second=1.7 * 15_926,
        gpus_used=8,
        gpus_billed=8,
        usd_per_hour=B200_NODE,
    )
    result = gains(claimed, base)
    assert result.absolute == pytest.approx(1.7)
    assert result.per_gpu_used == pytest.approx(0.85)
    # Eighteen percent more for each token.
    assert 1 / result.per_usd == pytest.approx(1.18, abs=0.005)


@given(st.floats(10, 5e3), st.floats(10, 5e3), st.integers(1, 64), st.integers(1, 64))
def test_turning_the_sides_round_turns_every_ratio_round(
    one: float, other: float, few: int, many: int
) -> None:
    a = Side(
        name="a", output_tokens_per_second=one, gpus_used=few, gpus_billed=64, usd_per_hour=few
    )
    b = Side(
        name="b", output_tokens_per_second=other, gpus_used=many, gpus_billed=64, usd_per_hour=many
    )
    there, back = gains(a, b), gains(b, a)
    for name in ("absolute", "per_gpu_used", "per_gpu_billed", "per_usd"):
        assert getattr(there, name) * getattr(back, name) == pytest.approx(1.0)


def test_a_gain_over_nothing_is_a_large_number_and_not_infinite() -> None:
    nothing = eight("nothing", 0.0, 1.0)
    assert gains(eight("pools", 1.0, 1.0), nothing).absolute == LARGEST_GAIN


def point(tpot: float, concurrency: float, *, pools: bool = False) -> Measurement:
    return Measurement(
        tensor_parallel=4,
        prefill=PrefillPool(replicas=4, tensor_parallel=1) if pools else None,
        input_tokens=1024,
        output_tokens=1024,
        concurrency=concurrency,
        tpot_ms=tpot,
        ttft_ms=100.0,
    )


def test_measured_layouts_are_compared_at_the_same_speed_for_a_user() -> None:
    fast, slow = point(5.0, 32), point(9.0, 128)
    pair = measured_pair([fast, slow, point(5.2, 48, pools=True)], ASKED, 8, 100.0)
    assert pair is not None
    # The slow point would be a stronger opponent, but it is another speed.
    assert pair.single == fast
    expected = (48 / (100 + 5.2 * 1023)) / (32 / (100 + 5.0 * 1023))
    assert pair.gains.absolute == pytest.approx(expected)
    assert pair.gains.per_gpu_used == pytest.approx(expected / 2)


def test_nothing_is_compared_without_both_kinds() -> None:
    assert measured_pair([point(5.0, 32)], ASKED, 8, 100.0) is None
    assert measured_pair([point(5.0, 32, pools=True)], ASKED, 8, 100.0) is None


def test_an_idle_engine_is_no_opponent_of_a_busy_one() -> None:
    idle = point(2.5, 1)
    assert measured_pair([idle, point(5.2, 48, pools=True)], ASKED, 8, 100.0) is None


@pytest.mark.parametrize("asked", [(4096.0, 1024.0), (1024.0, 512.0)])
def test_points_of_other_lengths_say_nothing_of_a_question(asked: tuple[float, float]) -> None:
    points = [point(5.0, 32), point(5.2, 48, pools=True)]
    assert measured_pair(points, ASKED, 8, 100.0) is not None
    assert measured_pair(points, asked, 8, 100.0) is None


def test_a_measured_layout_is_billed_as_a_copy_that_fills_whole_nodes() -> None:
    # Two engines of tp 4 fill a node.
    assert measured_side(point(5.0, 32), 8, 100.0).usd_per_hour == 50.0
    assert measured_side(point(5.0, 32, pools=True), 8, 100.0).gpus_used == 8
    assert measured_side(point(5.0, 32, pools=True), 8, 100.0).usd_per_hour == 100.0
    # Of five GPUs only one copy fits: three stand idle and are paid.
    odd = Measurement(
        tensor_parallel=1,
        replicas=5,
        input_tokens=1,
        output_tokens=2,
        concurrency=1,
        tpot_ms=1.0,
    )
    assert measured_side(odd, 8, 100.0).gpus_billed == 8


def test_the_strongest_measured_opponent_counts() -> None:
    common = {"input_tokens": 1024, "output_tokens": 512, "tpot_ms": 10.0, "ttft_ms": 100.0}
    weak = Measurement(tensor_parallel=4, concurrency=10, **common)
    strong = Measurement(tensor_parallel=4, concurrency=40, **common)
    pools = Measurement(
        tensor_parallel=4,
        prefill=PrefillPool(replicas=1, tensor_parallel=4),
        concurrency=60,
        **common,
    )
    found = measured_pair([weak, strong, pools], (1024, 512), 8, 100.0)
    assert found is not None
    assert found.single is strong
    assert found.gains.absolute == pytest.approx(1.5)
    # A promise that the pools' own means break leaves nothing to compare.
    for late in (Slo(ttft_p95_ms=99, tpot_p95_ms=50), Slo(ttft_p95_ms=500, tpot_p95_ms=9)):
        assert measured_pair([weak, strong, pools], (1024, 512), 8, 100.0, late) is None
    kept = Slo(ttft_p95_ms=101, tpot_p95_ms=11)
    assert measured_pair([weak, strong, pools], (1024, 512), 8, 100.0, kept) == found


def test_a_gain_is_never_surer_than_the_time_per_token_of_the_pools() -> None:
    calm = replace(EXACT, tpot=Band(low=0.95, high=1.05), disaggregated=Band(low=0.8, high=1.25))
    wild = replace(calm, tpot=Band(low=0.4, high=2.5))
    first, second = gain_band(calm, calm), gain_band(wild, calm)
    assert second.low < first.low
    assert second.high > first.high
