"""Handing over the KV cache: the shown case S3, links, descriptors."""

import pytest
from planning import B200, MODEL

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kv_links import DESCRIPTOR_US
from disagg.catalog.models import MODELS, Attention, Layers
from disagg.planner.kv import kv_bytes
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.transfer import (
    Link,
    descriptors,
    efa_link,
    largest_rate,
    transfer,
    transfer_bytes,
)

ONE, FOUR = Worker(tensor_parallel=1), Worker(tensor_parallel=4)


def test_bytes_of_gpt_oss_at_8192_tokens_are_those_of_its_geometry() -> None:
    # Source: planner facts S3: 72 KiB a token; 36 KiB a token and 4.5 MiB with the hybrid manager.
    assert kv_bytes(MODEL, 8192, hybrid=False) == 603_979_776
    assert kv_bytes(MODEL, 8192, hybrid=True) == 306_708_480


def test_the_measured_transfer_of_llama_8b_lies_between_the_ends_of_the_link() -> None:
    # Source: planner facts §5: 1.049 GB over 4 EFA devices of 100 Gb/s took 37 ms (28 GB/s) and
    # 109 ms (9.6 GB/s). 32 layers x 2 x 8 heads x 128 x 2 B x 8,000 tokens.
    size = 32 * 2 * 8 * 128 * 2 * 8_000
    assert size == 1_048_576_000
    four_devices = 4 * 100 / 8
    assert size / 28e9 * 1e3 == pytest.approx(37, abs=1)
    assert size / 9.6e9 * 1e3 == pytest.approx(109, abs=1)
    link = Link(prefill_gb_per_second=four_devices, decode_gb_per_second=4 * four_devices)
    assert link.slow_gb_per_second == pytest.approx(9.6, rel=0.05)
    assert link.fast_gb_per_second == pytest.approx(28, rel=0.08)


def test_a_link_is_the_smaller_share_of_the_cards_and_never_the_line_rate() -> None:
    link = efa_link(B200, ONE, FOUR)
    # p6-b200: 8 x 400 Gb/s for 8 GPUs.
    assert link.line_gb_per_second == 50.0
    assert link.fast_gb_per_second < link.line_gb_per_second
    assert efa_link(B200, FOUR, FOUR).line_gb_per_second == 200.0
    slower = INSTANCE_TYPES["g6e.48xlarge"]
    assert efa_link(slower, ONE, ONE).line_gb_per_second < link.line_gb_per_second


def test_larger_blocks_are_fewer_descriptors_and_less_time() -> None:
    link = efa_link(B200, ONE, ONE)
    small, large = (
        transfer(MODEL, 5_000, link, ONE, ONE, block=block, hybrid=False) for block in (16, 64)
    )
    assert small.bytes == large.bytes
    assert small.descriptors > 3.9 * large.descriptors
    saved = (small.descriptors - large.descriptors) * DESCRIPTOR_US / 1e3
    # Source: vLLM RFC 50913: 263 ms at block 16, 197 ms at 64.
    assert saved == pytest.approx(263 - 197, rel=0.03)
    assert small.fast_ms - large.fast_ms == pytest.approx(saved)


def test_a_latent_cache_goes_to_every_decode_rank_whole() -> None:
    model = MODELS["deepseek-ai/DeepSeek-R1"]
    eight = Worker(tensor_parallel=8)
    once = kv_bytes(model, 1_000, hybrid=True)
    assert transfer_bytes(model, 1_000, eight, hybrid=True) == 8 * once
    assert transfer_bytes(MODEL, 1_000, FOUR, hybrid=False) == kv_bytes(MODEL, 1_000, hybrid=False)
    assert model.layers == (Layers(attention=Attention.LATENT, count=61),)
    assert descriptors(model, 128, 128, eight, eight) == 61 * 8


def test_falling_back_to_tcp_is_many_times_slower() -> None:
    one = transfer(MODEL, 8_192, efa_link(B200, ONE, ONE), ONE, ONE, block=128, hybrid=False)
    assert one.tcp_ms > 5 * one.slow_ms


def test_links_carry_what_the_role_with_less_bandwidth_carries() -> None:
    link = efa_link(B200, ONE, ONE)
    one = transfer(MODEL, 8_192, link, ONE, ONE, block=128, hybrid=False)
    # 0.6 GB a prompt at 85 % of 10 GB/s, the slow end of one card of 50.
    each = 0.85 * 10 / 0.604
    assert largest_rate(one, link, 1, 1) == pytest.approx(each, rel=0.01)
    assert largest_rate(one, link, 4, 4) == pytest.approx(4 * each, rel=0.01)
    # Many send to one that receives, and one sends to many.
    assert largest_rate(one, link, 16, 1) == pytest.approx(each, rel=0.01)
    assert largest_rate(one, link, 1, 16) == pytest.approx(each, rel=0.01)
    # A decode engine of four GPUs has four cards.
    four = efa_link(B200, ONE, FOUR)
    assert largest_rate(one, four, 16, 1) == pytest.approx(4 * each, rel=0.01)
