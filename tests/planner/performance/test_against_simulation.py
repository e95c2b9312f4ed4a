"""Closed forms agree with a simulation that shares no code with them, within the stated bands."""

import random
from statistics import fmean

import pytest
from planning import Straight, pools, setting, single
from simulation import serve, waits

from disagg.planner.performance.estimate import estimate
from disagg.planner.performance.queueing import Service, alone, closed_loop, pooled, response_ms
from disagg.planner.performance.setting import FRONT_END_MS, HAND_OVER_MS

TWO_LENGTHS = (20.0, 120.0)


def two_lengths(chance: random.Random) -> float:
    return chance.choice(TWO_LENGTHS)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_the_wait_at_one_server_is_that_of_the_simulation_within_a_tenth(load: float) -> None:
    service = Service(points_ms=TWO_LENGTHS, each_at_full_batch_ms=70.0)
    rate = load / 0.070
    found = waits(rate, two_lengths, 1, 60_000)
    wait = alone(service, rate)
    assert wait.mean_ms == pytest.approx(fmean(found), rel=0.10)
    assert wait.probability == pytest.approx(sum(w > 0 for w in found) / len(found), abs=0.02)
    assert wait.exceeds(200.0) == pytest.approx(sum(w > 200 for w in found) / len(found), abs=0.03)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (4, 0.7), (8, 0.85)])
def test_the_wait_at_several_servers_is_that_of_the_simulation_within_a_fifth(
    servers: int, load: float
) -> None:
    service = Service(points_ms=TWO_LENGTHS, each_at_full_batch_ms=70.0)
    rate = load * servers / 0.070
    found = waits(rate, two_lengths, servers, 60_000)
    assert pooled(service, rate, servers).mean_ms == pytest.approx(fmean(found), rel=0.20)


def test_the_95th_percentile_of_the_response_is_that_of_the_simulation_within_a_tenth() -> None:
    chance = random.Random(3)  # noqa: S311 - a simulation, no secret
    service = Service(points_ms=TWO_LENGTHS, each_at_full_batch_ms=70.0)
    rate = 0.6 / 0.070
    found = sorted(w + two_lengths(chance) for w in waits(rate, two_lengths, 1, 60_000))
    expected = found[round(0.95 * (len(found) - 1))]
    assert response_ms(service, alone(service, rate), 0.95) == pytest.approx(expected, rel=0.10)


@pytest.mark.parametrize("in_flight", [4, 16, 64])
def test_a_closed_loop_of_two_pools_gives_the_simulated_rate_within_a_tenth(
    in_flight: int,
) -> None:
    straight = Straight()
    seen = serve(
        step_ms=lambda batch: straight.step_ms + straight.per_sequence_ms * batch,
        prompt_ms=lambda _: 0.0,
        prefill_ms=20.48,
        answer=64,
        prefill_engines=2,
        decode_engines=1,
        in_flight=in_flight,
        count=4_000,
    )
    loop = closed_loop(
        in_flight=in_flight,
        service=Service(points_ms=(20.48,), each_at_full_batch_ms=20.48),
        workers=2,
        output_tokens=64,
        decode_step_ms=lambda batch: straight.step_ms + straight.per_sequence_ms * batch,
    )
    # A tenth, and what a router that deals by chance loses at small numbers.
    assert loop.rate == pytest.approx(seen.rate, rel=0.15)
    assert loop.decode_ms == pytest.approx(seen.mean_tpot, rel=0.10)


@pytest.mark.parametrize("rate", [10.0, 40.0, 70.0])
def test_two_pools_under_a_rate_are_inside_the_range_that_is_printed(rate: float) -> None:
    straight = Straight()
    layout = pools((2, 1), (1, 1))
    one = estimate(setting(requests_per_second=rate), layout, None)
    assert one.transfer is not None
    usual = FRONT_END_MS + HAND_OVER_MS[1] + one.transfer.fast_ms
    seen = serve(
        step_ms=lambda batch: straight.step_ms + straight.per_sequence_ms * batch,
        prompt_ms=lambda _: 0.0,
        prefill_ms=20.48,
        answer=128,
        prefill_engines=2,
        decode_engines=1,
        between_ms=usual,
        rate=rate,
    )
    assert one.latency.tpot_mean_ms == pytest.approx(seen.mean_tpot, rel=0.08)
    for share, shown in ((0.5, one.latency.ttft_p50_ms), (0.95, one.latency.ttft_p95_ms)):
        assert shown.low <= seen.percentile(share) <= shown.high
    assert one.rate == pytest.approx(seen.rate, rel=0.08)


@pytest.mark.parametrize("rate", [5.0, 15.0, 25.0])
def test_an_engine_that_does_everything_has_the_simulated_time_per_token(rate: float) -> None:
    straight = Straight()
    one = estimate(setting(requests_per_second=rate), single(1), None)
    seen = serve(
        step_ms=lambda batch: straight.step_ms + straight.per_sequence_ms * batch,
        prompt_ms=lambda _: 20.48,
        prefill_ms=0.0,
        answer=128,
        prefill_engines=0,
        decode_engines=1,
        rate=rate,
    )
    # The closed form sees the mean batch only: with half of the time in prefill it says an eighth
    # too little at most.
    assert one.latency.tpot_mean_ms == pytest.approx(seen.mean_tpot, rel=0.125)
    assert one.latency.ttft_p50_ms.low - FRONT_END_MS <= seen.percentile(0.5)
    assert seen.percentile(0.95) <= one.latency.ttft_p95_ms.high


def test_the_simulation_itself_counts_a_lone_client_right() -> None:
    # Guard: 20 ms of prefill, 9 further tokens of 4 ms.
    seen = serve(
        step_ms=lambda _: 4.0,
        prompt_ms=lambda _: 0.0,
        prefill_ms=20.0,
        answer=10,
        prefill_engines=1,
        decode_engines=1,
        in_flight=1,
        count=50,
    )
    assert seen.mean_tpot == pytest.approx(4.0)
    assert seen.percentile(0.5) == pytest.approx(20.0)
    assert seen.rate == pytest.approx(1e3 / 56.0, rel=0.05)
