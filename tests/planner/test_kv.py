"""KV sizes against figures taken from the models' own configurations, not from our code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disagg.catalog.models import MODELS, Model
from disagg.planner.kv import kv_bytes, kv_bytes_per_token

GPT_OSS = MODELS["openai/gpt-oss-120b"]
any_model = st.sampled_from(sorted(MODELS.values(), key=lambda model: model.name))
any_length = st.integers(min_value=0, max_value=200_000)


@pytest.mark.parametrize(
    ("name", "hybrid", "kib"),
    [
        ("openai/gpt-oss-120b", False, 72),
        ("openai/gpt-oss-120b", True, 36),
        ("openai/gpt-oss-20b", False, 48),
        ("openai/gpt-oss-20b", True, 24),
        ("meta-llama/Llama-3.3-70B-Instruct", False, 320),
        ("meta-llama/Llama-3.3-70B-Instruct", True, 320),
        ("Qwen/Qwen3-32B", True, 256),
        ("deepseek-ai/DeepSeek-R1", True, 68.6),
    ],
)
def test_a_token_takes_the_published_kibibytes(name: str, *, hybrid: bool, kib: float) -> None:
    assert kv_bytes_per_token(MODELS[name], hybrid=hybrid) / 1024 == pytest.approx(kib, abs=0.05)


@pytest.mark.parametrize(
    ("name", "hybrid", "tokens", "mib"),
    [
        ("openai/gpt-oss-120b", False, 1024, 72),
        ("openai/gpt-oss-120b", False, 32_768, 2304),
        ("openai/gpt-oss-120b", True, 1024, 40),
        ("openai/gpt-oss-120b", True, 8192, 292),
        ("openai/gpt-oss-120b", True, 32_768, 1156),
        ("openai/gpt-oss-20b", True, 8192, 195),
        ("meta-llama/Llama-3.3-70B-Instruct", True, 8192, 2560),
        ("Qwen/Qwen3-32B", True, 1024, 256),
        ("deepseek-ai/DeepSeek-R1", True, 1024, 69),
        ("deepseek-ai/DeepSeek-R1", True, 32_768, 2196),
    ],
)
def test_a_prompt_takes_the_published_mebibytes(
    name: str, *, hybrid: bool, tokens: int, mib: int
) -> None:
    assert kv_bytes(MODELS[name], tokens, hybrid=hybrid) / 2**20 == pytest.approx(mib, abs=0.51)


def test_within_the_window_the_hybrid_manager_saves_nothing() -> None:
    assert kv_bytes(GPT_OSS, 128, hybrid=True) == kv_bytes(GPT_OSS, 128, hybrid=False)
    assert kv_bytes(GPT_OSS, 129, hybrid=True) < kv_bytes(GPT_OSS, 129, hybrid=False)


def test_an_empty_sequence_takes_nothing_and_a_negative_one_is_refused() -> None:
    assert kv_bytes(GPT_OSS, 0, hybrid=True) == 0
    with pytest.raises(ValueError, match="-1"):
        kv_bytes(GPT_OSS, -1, hybrid=True)


@given(any_model, any_length)
def test_the_hybrid_manager_never_takes_more(model: Model, tokens: int) -> None:
    assert kv_bytes(model, tokens, hybrid=True) <= kv_bytes(model, tokens, hybrid=False)


@given(any_model, any_length, st.booleans())
def test_beyond_the_window_each_token_adds_the_steady_growth(
    model: Model,
    tokens: int,
    hybrid: bool,
) -> None:
    start = 128 + tokens
    grown = kv_bytes(model, start + 1, hybrid=hybrid) - kv_bytes(model, start, hybrid=hybrid)
    assert grown == kv_bytes_per_token(model, hybrid=hybrid)
