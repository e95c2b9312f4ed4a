"""What the picker is given, against figures of upstream and counting by hand."""

from typing import Any

import pytest
from shipped import REMOVE, checked

from disagg.config.environment import Environment
from disagg.planner.router import (
    PickerSize,
    picker_needs,
    picker_size,
    polling_interval_ms,
    threshold_tokens,
)


def environment(**edits: Any) -> Environment:
    return checked("pilot", **edits).environment


def needs(one: Environment) -> PickerSize:
    return picker_needs(one.serving, one.capacity, one.workload, one.slo)


def threshold(one: Environment) -> int:
    return threshold_tokens(one.serving, one.capacity, one.workload, one.slo)


@pytest.mark.parametrize(
    ("endpoints", "milliseconds"),
    # Oracle by hand: 3.75 ms a poll, 0.25 cores: 15 ms for each pod, in hundreds, 200 to 1,000.
    [
        (1, 200),
        (13, 200),
        (14, 300),
        (20, 300),
        (40, 600),
        (66, 1_000),
        (67, 1_000),
        (5_000, 1_000),
    ],
)
def test_polling_costs_a_quarter_of_a_core_where_it_can(endpoints: int, milliseconds: int) -> None:
    assert polling_interval_ms(endpoints) == milliseconds


def test_polling_upstreams_fleet_at_upstreams_interval_takes_what_upstream_measured() -> None:
    # Oracle: docs/operations.md of llm-d-router, 100 pods, 50 ms, 7.5 cores, and half a core more.
    size = needs(
        environment(
            serving__router={"metrics_interval_ms": 50},
            serving__prefill__replicas=96,
            serving__decode__replicas=4,
            capacity__prefill__nodes=12,
            capacity__decode__nodes=2,
        )
    )
    assert size.endpoints == 100
    assert 8_000 <= size.cpu_milli <= 8_500


def test_a_small_fleet_gets_the_least() -> None:
    size = picker_size(environment())
    assert (size.cpu_milli, size.memory, size.interval_ms) == (2_000, 4_096, 200)
    assert size.index_blocks == 0


def test_many_long_prompts_get_more_cpu() -> None:
    # Oracle by hand: 50 requests/s x 100,000 tokens x 8 us = 40 cores, and at most one more.
    size = needs(
        environment(
            workload={"input_tokens": 100_000, "output_tokens": 1_000, "requests_per_second": 50}
        )
    )
    assert 40_000 <= size.cpu_milli <= 41_000


def test_no_picker_asks_for_more_than_a_system_node_has() -> None:
    # Oracle by hand: m7i.2xlarge leaves 7.91 cores, 2 for the proxy, 2 for others: 3.5 in halves.
    load = {"input_tokens": 100_000, "output_tokens": 1_000, "requests_per_second": 50}
    assert picker_size(environment(workload=load)).cpu_milli == 3_500


def test_a_queue_and_an_index_take_memory_of_their_own() -> None:
    plain = picker_size(environment()).memory
    queue = picker_size(environment(serving__router={"flow_control": {}})).memory
    both = picker_size(
        environment(serving__router={"flow_control": {}, "policy": "prefix_precise"})
    )
    assert queue == plain + 1_024
    assert both.memory > queue
    # Oracle by hand: 16 B200 of 179 GiB, about 100 GiB each free of weights for 8 of them and more
    # for the others; 36 KiB a token, 128 tokens a block: some 430,000 blocks, twice.
    assert 600_000 <= both.index_blocks <= 1_200_000


def test_smaller_blocks_make_a_larger_index() -> None:
    def blocks(size: int) -> int:
        router = {"policy": "prefix_precise"}
        return picker_size(
            environment(serving__router=router, serving__kv_transfer={"block_size": size})
        ).index_blocks

    assert blocks(16) == pytest.approx(8 * blocks(128), rel=1e-3)


def test_metrics_are_believed_for_five_polls() -> None:
    assert picker_size(environment()).stale_ms == 1_000


def test_a_threshold_of_the_file_is_taken_as_it_is() -> None:
    router = {"decider": "prefix_based", "threshold_tokens": 777}
    assert threshold(environment(serving__router=router)) == 777


def test_a_derived_threshold_is_whole_blocks_and_grows_with_the_promise() -> None:
    found = [threshold(environment(slo__tpot_p95_ms=ms)) for ms in (6, 10, 15, 20, 40)]
    assert all(tokens % 128 == 0 and 128 <= tokens <= 8_192 for tokens in found)
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_a_slower_gpu_reads_less_beside_its_answers() -> None:
    fast = threshold(environment())
    slow = threshold(
        environment(
            capacity__prefill__instance_type="p5en.48xlarge",
            capacity__decode__instance_type="p5en.48xlarge",
        )
    )
    assert slow < fast


def test_without_a_promise_a_step_may_take_twice_as_long() -> None:
    assert 128 <= threshold(environment(slo=REMOVE)) <= 8_192


def test_a_promise_that_is_broken_already_leaves_one_block() -> None:
    assert threshold(environment(slo__tpot_p95_ms=1)) == 128


def test_the_longest_context_bounds_the_threshold() -> None:
    one = environment(
        slo__tpot_p95_ms=500,
        serving__max_context_tokens=2_048,
        workload={"input_tokens": 512, "output_tokens": 512, "concurrency": 8},
    )
    assert threshold(one) == 2_048
