"""Weights are recomputed from the shapes in each config.json, not read from an index again."""

from math import ceil

import pytest

from disagg.catalog.models import MODELS, Attention, Model

ROWS = pytest.mark.parametrize("row", MODELS.values(), ids=lambda row: row.name)


def _gpt_oss_bytes(*, layers: int, experts: int) -> int:
    hidden, vocabulary, heads, kv = 2880, 201_088, 64 * 64, 8 * 64
    attention = hidden * heads + heads + 2 * (hidden * kv + kv) + heads * hidden + hidden + 64
    router_and_norms = hidden * experts + experts + 2 * hidden
    expert_weights = experts * (2 * hidden * hidden + hidden * hidden)
    mxfp4 = expert_weights // 2 + expert_weights // 32
    expert_biases = experts * 3 * hidden
    outside = 2 * vocabulary * hidden + hidden
    return layers * (2 * (attention + router_and_norms + expert_biases) + mxfp4) + 2 * outside


def _dense_parameters(
    *, layers: int, hidden: int, intermediate: int, vocabulary: int, query_key_norm: bool
) -> int:
    heads, kv_heads, head_dim = 64, 8, 128
    attention = 2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim
    norms = 2 * hidden + (2 * head_dim if query_key_norm else 0)
    return (
        2 * vocabulary * hidden + hidden + layers * (attention + 3 * hidden * intermediate + norms)
    )


def _fp8(rows: int, columns: int) -> int:
    return rows * columns + ceil(rows / 128) * ceil(columns / 128) * 4


def _deepseek_bytes() -> int:
    hidden, vocabulary, heads = 7168, 129_280, 128
    attention = (
        _fp8(1536, hidden)
        + _fp8(heads * 192, 1536)
        + _fp8(576, hidden)
        + _fp8(heads * 256, 512)
        + _fp8(hidden, heads * 128)
        + 2 * (1536 + 512 + 2 * hidden)
    )
    dense = 2 * _fp8(18_432, hidden) + _fp8(hidden, 18_432)
    expert = 2 * _fp8(2048, hidden) + _fp8(hidden, 2048)
    sparse = 257 * expert + 256 * hidden * 2 + 256 * 4
    prediction = 2 * (2 * vocabulary * hidden + 2 * hidden * hidden + 3 * hidden)
    outside = 2 * (2 * vocabulary * hidden + hidden)
    return 62 * attention + 3 * dense + 59 * sparse + prediction + outside


def test_gpt_oss_weights_are_the_sum_of_their_tensors() -> None:
    assert MODELS["openai/gpt-oss-120b"].weight_bytes == _gpt_oss_bytes(layers=36, experts=128)
    assert MODELS["openai/gpt-oss-20b"].weight_bytes == _gpt_oss_bytes(layers=24, experts=32)


def test_dense_weights_are_two_bytes_a_parameter() -> None:
    llama = _dense_parameters(
        layers=80, hidden=8192, intermediate=28_672, vocabulary=128_256, query_key_norm=False
    )
    qwen = _dense_parameters(
        layers=64, hidden=5120, intermediate=25_600, vocabulary=151_936, query_key_norm=True
    )
    assert MODELS["meta-llama/Llama-3.3-70B-Instruct"].weight_bytes == 2 * llama
    assert MODELS["Qwen/Qwen3-32B"].weight_bytes == 2 * qwen


def test_deepseek_files_are_its_tensors_and_their_headers() -> None:
    files = MODELS["deepseek-ai/DeepSeek-R1"].weight_bytes
    assert _deepseek_bytes() < files < _deepseek_bytes() * 1.0001


@ROWS
def test_parameters_fit_the_weights(row: Model) -> None:
    bits = row.weight_bytes * 8 / (row.total_parameters_billion * 1e9)
    assert 4 < bits < 16.1
    assert row.active_parameters_billion <= row.total_parameters_billion
    assert (row.active_parameters_billion < row.total_parameters_billion) == row.mixture_of_experts


@ROWS
def test_only_sliding_layers_have_a_window(row: Model) -> None:
    for run in row.layers:
        assert (run.window_tokens is not None) == (run.attention is Attention.SLIDING)


@ROWS
def test_the_name_is_the_key_and_heads_divide(row: Model) -> None:
    assert MODELS[row.name] is row
    assert row.attention_heads % row.kv_heads == 0
