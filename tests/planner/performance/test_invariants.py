"""What must hold whatever the workload: units, direction of change, limits, whole nodes."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from planning import B200, MODEL, SURE, Straight, engines, pools, setting, single

from disagg.catalog.gpus import GPUS
from disagg.catalog.models import MODELS
from disagg.config.environment import Slo, Workload
from disagg.planner.kv import kv_bytes
from disagg.planner.performance import transfer as hand_over
from disagg.planner.performance.bands import Band
from disagg.planner.performance.estimate import estimate
from disagg.planner.performance.kv_room import largest_batch, stored_bytes
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.limits import decode_rate, mixed_rate, mixed_tpot
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.prefix_cache import Tier, hits
from disagg.planner.performance.queueing import Service, alone, pooled, response_ms
from disagg.planner.performance.roofline import Roofline
from disagg.planner.performance.setting import Engine
from disagg.planner.performance.traffic import lengths, reuse
from disagg.planner.performance.transfer import Link, transfer

RATES = st.floats(0.5, 60.0)
PARALLEL = st.sampled_from([1, 2, 4, 8])


@given(RATES, RATES)
def test_more_load_never_lowers_the_time_to_the_first_token(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for layout in (single(4), pools((4, 1), (1, 4))):
        less = estimate(setting(requests_per_second=low), layout, None).latency
        more = estimate(setting(requests_per_second=high), layout, None).latency
        assert more.ttft_p95_centre_ms >= less.ttft_p95_centre_ms * (1 - 1e-4)
        assert more.ttft_p95_ms.high >= less.ttft_p95_ms.high * (1 - 1e-4)


@given(RATES, RATES)
def test_more_load_never_lowers_the_time_for_a_further_token(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for layout in (single(2), pools((2, 1), (1, 2))):
        less = estimate(setting(requests_per_second=low), layout, None).latency
        more = estimate(setting(requests_per_second=high), layout, None).latency
        assert more.tpot_mean_ms >= less.tpot_mean_ms * (1 - 1e-4)


@given(st.integers(1, 300), st.integers(1, 300))
def test_more_in_flight_never_lowers_the_throughput(one: int, other: int) -> None:
    low, high = sorted((one, other))
    for layout in (single(2), pools((2, 1), (1, 2))):
        less = estimate(setting(concurrency=low), layout, None)
        more = estimate(setting(concurrency=high), layout, None)
        assert more.rate >= less.rate * (1 - 1e-3)


@given(st.integers(1, 16), st.integers(1, 16), PARALLEL)
def test_more_engines_never_bill_fewer_gpus_and_never_serve_less(
    one: int, other: int, tensor_parallel: int
) -> None:
    low, high = sorted((one, other))
    few, many = single(low, tensor_parallel), single(high, tensor_parallel)
    assert few.gpus_billed <= many.gpus_billed
    promised = Slo(ttft_p95_ms=1000, tpot_p95_ms=20)
    less = estimate(setting(), few, promised)
    more = estimate(setting(), many, promised)
    assert more.capacity >= less.capacity * (1 - 1e-9)


@given(st.integers(1, 40), st.integers(1, 40), PARALLEL, PARALLEL, st.booleans())
def test_nodes_are_whole_hold_every_gpu_and_waste_less_than_one_node_a_role(
    p: int, d: int, tp: int, td: int, colocated: bool
) -> None:
    layout = pools((p, tp), (d, td), colocated=colocated)
    assert layout.gpus_used == p * tp + d * td
    assert layout.gpus_used <= layout.gpus_billed
    assert layout.gpus_billed % B200.gpus == 0
    roles = 1 if colocated else 2
    assert layout.gpus_billed - layout.gpus_used < roles * B200.gpus
    apart = replace(layout, colocated=False)
    assert layout.nodes <= apart.nodes


@given(st.integers(1, 8), st.integers(1, 6))
def test_a_layout_copied_serves_as_many_times_the_load_at_its_limit(
    copies: int, count: int
) -> None:
    promised = Slo(ttft_p95_ms=1000, tpot_p95_ms=20)
    one = estimate(setting(), single(count, 2), promised)
    many = estimate(setting(), single(count * copies, 2), promised)
    assert many.capacity == pytest.approx(copies * one.capacity, rel=1e-6)


@given(st.floats(10, 5_000), st.floats(0.0, 0.84))
def test_a_response_is_never_shorter_than_its_service(service_ms: float, load: float) -> None:
    service = Service(points_ms=(service_ms,), each_at_full_batch_ms=service_ms)
    rate = load / service_ms * 1e3
    for wait in (alone(service, rate), pooled(service, rate * 4, 4)):
        p50, p95 = (response_ms(service, wait, share) for share in (0.5, 0.95))
        assert service_ms * (1 - 1e-6) <= p50 <= p95 * (1 + 1e-6)


@given(st.floats(0.05, 0.84), st.integers(2, 16))
def test_one_line_for_all_is_never_worse_than_a_line_for_each(load: float, workers: int) -> None:
    service = Service(points_ms=(20.0, 80.0), each_at_full_batch_ms=50.0)
    rate = load / 0.050
    each = alone(service, rate)
    assert pooled(service, rate * workers, workers).mean_ms <= each.mean_ms * (1 + 1e-9)


def test_a_queue_without_load_does_not_wait() -> None:
    service = Service(points_ms=(20.0,), each_at_full_batch_ms=20.0)
    assert alone(service, 0.0).mean_ms == 0.0
    assert response_ms(service, alone(service, 0.0), 0.95) == 20.0


@given(st.integers(1, 100_000))
def test_bytes_of_a_transfer_grow_with_the_prompt_and_time_falls_to_its_fixed_part(
    tokens: int,
) -> None:
    one = Worker(tensor_parallel=1)
    slow = Link(prefill_gb_per_second=50.0, decode_gb_per_second=50.0)
    endless = Link(prefill_gb_per_second=1e15, decode_gb_per_second=1e15)
    made = transfer(MODEL, tokens, slow, one, one, block=128, hybrid=True)
    more = transfer(MODEL, tokens + 1, slow, one, one, block=128, hybrid=True)
    assert more.bytes >= made.bytes
    assert made.fast_ms <= made.slow_ms <= made.tcp_ms
    free = transfer(MODEL, tokens, endless, one, one, block=128, hybrid=True)
    fixed = hand_over.HANDSHAKE_MS + made.descriptors * hand_over.DESCRIPTOR_US / 1e3
    assert free.slow_ms == pytest.approx(fixed, abs=1e-3)


@given(st.floats(0, 0.99), st.floats(0.1, 600), st.floats(1e6, 1e12), st.floats(1e9, 1e13))
def test_cache_hits_are_between_nothing_and_the_reuse_and_tiers_only_add(
    share: float, think: float, written: float, size: float
) -> None:
    def found(*sizes: float) -> float:
        return hits(
            reuse=share,
            think_seconds=think,
            new_bytes_per_second=written,
            tiers=tuple(Tier(name=f"{n}", bytes=one) for n, one in enumerate(sizes)),
            routed_to_its_cache=True,
            workers=4,
        ).share

    assert 0 <= found(size) <= share + 1e-12
    assert found(size) <= found(size, size) + 1e-12
    assert found(1e30) == pytest.approx(share)


def test_without_reuse_nothing_is_found_and_a_known_cache_never_does_worse_than_chance() -> None:
    tiers = (Tier(name="GPU", bytes=1e12),)
    given_ = {"think_seconds": 10.0, "new_bytes_per_second": 1e9, "tiers": tiers, "workers": 4}
    assert hits(reuse=0.0, routed_to_its_cache=True, **given_).share == 0.0
    known = hits(reuse=0.5, routed_to_its_cache=True, **given_).share
    dealt = hits(reuse=0.5, routed_to_its_cache=False, **given_).share
    assert dealt == pytest.approx(known / 4)


@given(st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_more_reuse_never_makes_the_first_token_later(one: float, other: float) -> None:
    low, high = sorted((one, other))
    given_ = {"input_tokens": 8192, "output_tokens": 256, "requests_per_second": 3.0}
    less = estimate(setting(prefix_reuse=low, **given_), pools((2, 1), (1, 2)), None)
    more = estimate(setting(prefix_reuse=high, **given_), pools((2, 1), (1, 2)), None)
    assert more.latency.ttft_p95_centre_ms <= less.latency.ttft_p95_centre_ms * (1 + 1e-3)


@given(st.floats(1.0, 500.0))
def test_without_prefill_an_engine_for_all_is_the_same_as_a_decode_engine(batch: float) -> None:
    # One shared pool, a hand-over that costs nothing: nothing is left that tells them apart.
    engine = Engine(setting(Straight(per_prompt_token_ms=0.0)), Worker(tensor_parallel=2), 0.0)
    assume(batch <= engine.largest_batch)
    assert mixed_rate(engine, batch) == pytest.approx(decode_rate(engine, batch))
    assert mixed_tpot(engine, batch) == pytest.approx(engine.decode_ms.at(batch))


@given(st.integers(8, 200), st.sampled_from([1, 2]))
def test_with_a_free_prefill_two_pools_do_what_the_decode_engines_do_alone(
    in_flight: int, tensor_parallel: int
) -> None:
    # By two ways through the code: a loop of two stations, and one engine that does everything.
    # The hand-over and the front end are 0.4 s of the 30 s that an answer takes.
    asked = setting(Straight(per_prompt_token_ms=1e-9), concurrency=in_flight, output_tokens=8192)
    one = estimate(asked, single(2, tensor_parallel), None)
    two = estimate(asked, pools((2, tensor_parallel), (2, tensor_parallel)), None)
    assert two.rate == pytest.approx(one.rate, rel=0.02)
    assert two.latency.tpot_mean_ms == pytest.approx(one.latency.tpot_mean_ms, rel=0.02)


@given(st.floats(0.2, 3.0), st.sampled_from([single(1), pools((1, 1), (1, 4))]))
def test_no_time_to_the_first_token_is_told_beyond_a_load_of_085(
    share: float, layout: Layout
) -> None:
    # 1,024 tokens take 20.48 ms of a prefill engine: 48.8 prompts a second fill it.
    asked = setting(requests_per_second=share * 1e3 / 20.48, output_tokens=16)
    one = estimate(asked, layout, None)
    told = one.latency.ttft_p95_ms
    assert math.isinf(told.high) is math.isinf(told.low)
    if one.prefill_load > 0.85 * 1.001 or share > 1:
        assert math.isinf(told.low)
        assert not one.serves
    if one.prefill_load < 0.85 * 0.999 and one.demand <= one.rate:
        assert 20.48 <= told.low <= told.high < math.inf


@given(st.floats(1.0, 300.0), st.sampled_from([0.01, 0.02, 0.05]))
def test_the_work_of_both_pools_is_that_of_one(batch: float, each: float) -> None:
    # An engine that does everything spends exactly what two pools spend together: a request costs
    # its prefill and its share of decode steps, wherever they run.
    engine = Engine(setting(Straight(per_prompt_token_ms=each)), Worker(tensor_parallel=1), 0.0)
    assume(batch <= engine.largest_batch)
    rate = mixed_rate(engine, batch)
    prompt_s = engine.prompt_ms.at(batch) / 1e3
    steps = rate * prompt_s + rate * engine.shape.output_tokens / batch * (
        engine.decode_ms.at(batch) / 1e3
    )
    assert steps == pytest.approx(1.0, rel=1e-6)


def test_one_token_of_answer_leaves_nothing_to_decode_but_its_step() -> None:
    one = estimate(setting(output_tokens=1, requests_per_second=5.0), single(1), None)
    assert one.batch < 1
    assert one.rate == pytest.approx(5.0)


@given(st.floats(10, 100_000), st.floats(1.01, 3.5))
def test_lengths_keep_their_mean_and_their_percentile(mean: float, ratio: float) -> None:
    made = lengths(mean, mean * ratio)
    points = made.points()
    assert sum(points) / len(points) == pytest.approx(mean)
    assert made.sigma > 0
    p95 = mean * math.exp(1.6448536 * made.sigma - made.sigma**2 / 2)
    assert p95 == pytest.approx(mean * ratio, rel=1e-6)


@given(st.integers(1, 500))
def test_turns_give_a_reuse_that_grows_towards_one(turns: int) -> None:
    given_ = {"input_tokens": 1024, "output_tokens": 128, "concurrency": 8}
    shares = [reuse(Workload(turns=turns + more, **given_)) for more in range(3)]
    assert all(0 <= one < other < 1 for one, other in pairwise(shares))


def test_what_is_left_after_a_failure_serves_less() -> None:
    promised = Slo(ttft_p95_ms=1000, tpot_p95_ms=20)
    whole = estimate(setting(), pools((4, 1), (4, 1)), promised).capacity
    lesser = Layout(instance=B200, engines=engines(3, 1), prefill=engines(3, 1), colocated=True)
    assert estimate(setting(), lesser, promised).capacity < whole


@given(st.integers(256, 8_192), st.integers(8, 2_048), st.sampled_from([1, 4]), st.floats(0.05, 1))
def test_an_engine_that_does_everything_prefills_no_more_than_one_that_only_prefills(
    inputs: int, outputs: int, tensor_parallel: int, share: float
) -> None:
    # A step's slack is spent once, however many prompts share it.
    asked = setting(
        Roofline(model=MODEL, gpu=GPUS["B200"]), input_tokens=inputs, output_tokens=outputs
    )
    engine = Engine(asked, Worker(tensor_parallel=tensor_parallel), 0.0)
    most = 1e3 / engine.prefill.each_at_full_batch_ms
    assert mixed_rate(engine, share * engine.largest_batch) <= most * 1.02


@given(st.integers(1, 40), st.integers(1, 4))
def test_no_more_is_served_than_the_links_carry_at_their_best(prefill: int, decode: int) -> None:
    layout = pools((prefill, 1), (decode, 1))
    asked = setting(Straight(per_prompt_token_ms=0.001), input_tokens=60_000, concurrency=400)
    one = estimate(asked, layout, None)
    # EFA never gives more than six tenths of the line, 50 GB/s for each GPU.
    for count in (prefill, decode):
        assert one.link_need_gb_per_second(count) <= 0.6 * 50 * (1 + 1e-9)


def test_running_sequences_leave_the_prefix_cache_what_they_do_not_fill() -> None:
    def found(concurrency: int) -> float:
        asked = setting(
            input_tokens=32_768,
            output_tokens=2048,
            concurrency=concurrency,
            prefix_reuse=0.8,
            think_seconds=60.0,
        )
        return estimate(asked, single(1, 1), None).hits.share

    assert found(4) > 0.5
    # As many as memory holds: nothing is kept for later.
    assert found(4_000) < 0.1


def test_a_late_first_token_makes_a_promise_unlikely_however_fast_the_rest_is() -> None:
    layout, load = pools((1, 1), (1, 4)), {"input_tokens": 8192, "requests_per_second": 3.0}
    wide = replace(setting(**load), bands=replace(SURE, prefill=Band(low=0.5, high=2.0)))
    loose, tight = (
        estimate(wide, layout, Slo(ttft_p95_ms=limit, tpot_p95_ms=1_000)).meets
        for limit in (5_000, 300)
    )
    assert loose > 0.95
    assert tight < 0.2


def test_a_cache_holds_fewer_long_sequences_and_heads_beyond_the_kv_heads_are_copies() -> None:
    def held(context: float, tensor_parallel: int) -> float:
        worker = Worker(tensor_parallel=tensor_parallel)
        return largest_batch(
            MODELS["meta-llama/Llama-3.3-70B-Instruct"], B200, worker, context, hybrid=True
        )

    assert held(100_000, 8) == pytest.approx(held(200_000, 8) * 2, rel=0.01)
    small = replace(MODELS["meta-llama/Llama-3.3-70B-Instruct"], kv_heads=2)
    eight = Worker(tensor_parallel=8)
    # Eight ranks hold two heads: four copies of each.
    assert stored_bytes(small, 1_000, eight, hybrid=True) == pytest.approx(
        4 * kv_bytes(small, 1_000, hybrid=True)
    )
