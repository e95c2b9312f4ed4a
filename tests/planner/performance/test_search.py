"""The search against every layout there is, and the front against every point there is."""

import math
from itertools import product

import pytest
from planning import B200, MODEL, Straight, asked, pools, setting, single

from disagg.catalog.models import MODELS
from disagg.config.environment import Slo
from disagg.planner.decision.sizing import searcher, size
from disagg.planner.performance.estimate import estimate
from disagg.planner.performance.layouts import Kind
from disagg.planner.performance.pareto import Operating, front, operating_points
from disagg.planner.performance.search import Searcher, best_split, rates, search, workers

PROMISED = Slo(ttft_p95_ms=1500, tpot_p95_ms=10)


def tool(rate: float, gpus: int = 32, spare: int = 0) -> Searcher:
    made = setting(
        Straight(step_ms=3.0, per_sequence_ms=0.08, per_prompt_token_ms=0.03),
        input_tokens=2048,
        requests_per_second=rate,
    )
    return Searcher(
        setting=made,
        slo=PROMISED,
        price=100.0,
        largest_gpus=gpus,
        spare=spare,
        data_parallel=False,
        evaluate=lambda layout: estimate(made, layout, PROMISED),
        calibrated=lambda _: False,
    )


@pytest.mark.parametrize("rate", [5.0, 60.0, 150.0])
def test_no_layout_at_all_is_cheaper_than_the_one_that_is_found(rate: float) -> None:
    found = search(tool(rate))
    made = tool(rate)
    for kind in Kind:
        best = next(one for one in found if one.layout.kind is kind)
        assert best.meets
        every = (
            [single(count, tp) for tp in (1, 2, 4, 8) for count in range(1, 33)]
            if kind is Kind.AGGREGATED
            else [
                pools((p, tp), (d, td))
                for tp, td in product((1, 2, 4), (1, 2, 4))
                if td >= tp
                for p, d in product(range(1, 9), range(1, 17))
            ]
        )
        cheaper = [
            one for one in every if one.nodes * 100.0 < best.usd_per_hour and one.gpus_billed <= 32
        ]
        for layout in cheaper[:: max(1, len(cheaper) // 60)]:
            assert not made.found(layout).meets, layout


def test_what_meets_comes_first_and_cheapest_first() -> None:
    found = search(tool(60.0))
    order = [(not one.meets, one.usd_per_hour if one.meets else 0.0) for one in found]
    assert order == sorted(order)


def test_decode_is_never_less_parallel_than_prefill() -> None:
    for one in search(tool(60.0)):
        if one.layout.prefill is not None:
            assert (
                one.layout.engines.worker.tensor_parallel
                >= one.layout.prefill.worker.tensor_parallel
            )


def test_no_layout_bills_more_than_was_allowed() -> None:
    assert all(one.layout.gpus_billed <= 16 for one in search(tool(1e4, gpus=16)))


def test_a_failure_that_must_be_survived_costs_nodes_or_nothing_but_never_saves_any() -> None:
    plain, headroom = search(tool(150.0)), search(tool(150.0, spare=1))
    assert headroom[0].usd_per_hour >= plain[0].usd_per_hour
    one = headroom[0]
    assert one.degraded.capacity < one.estimate.capacity
    assert one.degraded.serves


def test_a_role_with_one_engine_survives_no_failure_however_small_the_load() -> None:
    # At this load one engine of each role is enough while nothing fails.
    assert tool(1.0).found(single(1, 8)).meets
    assert tool(1.0).found(pools((1, 4), (1, 4))).meets
    careful = tool(1.0, spare=1)
    assert not careful.found(single(1, 8)).meets
    assert not careful.found(pools((2, 1), (1, 4))).meets
    assert not careful.found(pools((1, 1), (2, 2))).meets
    assert careful.found(pools((2, 1), (2, 2))).meets
    found = search(careful)
    for kind in Kind:
        best = next(one for one in found if one.layout.kind is kind)
        assert best.meets
        assert best.layout.engines.count > 1
        assert best.layout.prefill is None or best.layout.prefill.count > 1


def test_the_split_of_a_node_is_the_best_of_all_splits() -> None:
    each = rates(tool(60.0))
    first, second = workers(MODEL, B200, data_parallel=False)[:2]
    split = best_split(each, first, second, 1, 8, colocated=True)
    every = [
        (p, d)
        for p, d in product(range(1, 9), range(1, 5))
        if p * first.gpus + d * second.gpus <= 8
    ]

    def served(split: tuple[int, int]) -> float:
        return min(split[0] * each.prefill[first], split[1] * each.decode[second])

    assert split is not None
    assert served(split) == pytest.approx(max(served(one) for one in every))


def test_engines_the_weights_do_not_fit_are_not_looked_at() -> None:
    large = MODELS["deepseek-ai/DeepSeek-R1"]
    assert [one.tensor_parallel for one in workers(large, B200, data_parallel=False)] == [8]
    wide = workers(large, B200, data_parallel=True)
    assert any(one.data_parallel > 1 and one.expert_parallel > 1 for one in wide)


def test_no_point_beats_the_front_and_every_point_of_it_is_one_of_them() -> None:
    points = operating_points(setting(), 1, ttft_p95_ms=math.inf, data_parallel=False)
    best = front(points)
    assert set(best) <= set(points)
    for one in points:
        assert any(
            other.tokens_per_second_per_user >= one.tokens_per_second_per_user
            and other.tokens_per_second_per_gpu >= one.tokens_per_second_per_gpu
            for other in best
        )
    speeds = [one.tokens_per_second_per_user for one in best]
    assert speeds == sorted(speeds)


def test_the_front_holds_no_layout_whose_first_token_is_late() -> None:
    asked_ = setting(input_tokens=8192)
    free, held = (
        operating_points(asked_, 1, ttft_p95_ms=limit, data_parallel=False)
        for limit in (math.inf, 400.0)
    )

    def most(points: tuple[Operating, ...], kind: Kind) -> float:
        return max(one.tokens_per_second_per_gpu for one in points if one.kind is kind)

    for kind in Kind:
        assert most(held, kind) < most(free, kind)
    # 8,192 tokens take 164 ms on one GPU, and the front end and the hand-over their part.
    assert operating_points(asked_, 1, ttft_p95_ms=20.0, data_parallel=False) == ()


def test_a_whole_search_asks_for_few_estimates(tmp_path) -> None:  # noqa: ANN001
    # Speed is measured by benchmarks/planner_speed.py; what makes it is counted here.
    ask = asked(
        "model: openai/gpt-oss-120b\n"
        "workload: {input_tokens: 8192, output_tokens: 512, requests_per_second: 120}\n"
        "slo: {ttft_p95_ms: 2000, tpot_p95_ms: 12}\n",
        tmp_path,
    )
    made, count = searcher(ask), 0

    def counted(layout):  # noqa: ANN001, ANN202
        nonlocal count
        count += 1
        return ask.estimate(layout)

    from dataclasses import replace  # noqa: PLC0415

    search(replace(made, evaluate=counted))
    assert count <= 110
    assert size(ask).found


def test_of_two_layouts_that_cost_the_same_the_one_without_pools_comes_first() -> None:
    found = [one for one in search(tool(60.0)) if one.meets]
    by_price: dict[float, list[bool]] = {}
    for one in found:
        by_price.setdefault(one.usd_per_hour, []).append(one.layout.prefill is not None)
    assert any(len(set(kinds)) > 1 for kinds in by_price.values())
    for kinds in by_price.values():
        assert kinds == sorted(kinds)
