"""GPU memory of a pod against arithmetic done by hand."""

import pytest

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.planner.kv import kv_bytes
from disagg.planner.memory import gpu_memory

B200 = INSTANCE_TYPES["p6-b200.48xlarge"]


def test_weights_and_kv_heads_are_split_over_the_gpus_of_a_pod() -> None:
    model = MODELS["openai/gpt-oss-120b"]
    one, four = gpu_memory(model, B200, 1, 131_072), gpu_memory(model, B200, 4, 131_072)
    assert one.usable == int(183_359 * 2**20 * 0.9) - 4 * 2**30
    assert one.weights == model.weight_bytes
    assert four.weights == model.weight_bytes // 4
    assert four.longest_request == one.longest_request // 4
    assert four.kv_cache == four.usable - four.weights


def test_a_latent_cache_is_on_every_gpu_whole() -> None:
    model = MODELS["deepseek-ai/DeepSeek-R1"]
    whole = kv_bytes(model, 32_768, hybrid=True)
    assert gpu_memory(model, B200, 8, 32_768).longest_request == whole


def test_a_pod_with_more_gpus_than_kv_heads_holds_copies_of_them() -> None:
    model = MODELS["meta-llama/Llama-3.3-70B-Instruct"]
    assert model.kv_heads == 8
    eight = gpu_memory(model, B200, 8, 8_192)
    assert eight.longest_request == kv_bytes(model, 8_192, hybrid=True) // 8
    assert eight.longest_requests == pytest.approx(eight.kv_cache / eight.longest_request)
