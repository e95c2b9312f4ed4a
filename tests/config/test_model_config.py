"""A model from its `config.json` has the geometry and the weights that its publisher says.

The catalogue is the oracle: its weight bytes are those of the published files, not counted.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from planning import asked, single

from disagg.catalog.models import MODELS, Model
from disagg.config.model_config import read_model
from disagg.planner.kv import kv_bytes

# Source: config.json of each model on Hugging Face, the keys that are read.
CONFIGS: dict[str, dict[str, Any]] = {
    "openai/gpt-oss-120b": {
        "num_hidden_layers": 36,
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "num_local_experts": 128,
        "num_experts_per_tok": 4,
        "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 18,
        "vocab_size": 201088,
        "max_position_embeddings": 131072,
        "quantization_config": {"quant_method": "mxfp4"},
    },
    "meta-llama/Llama-3.3-70B-Instruct": {
        "num_hidden_layers": 80,
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "torch_dtype": "bfloat16",
    },
    "Qwen/Qwen3-32B": {
        "num_hidden_layers": 64,
        "hidden_size": 5120,
        "intermediate_size": 25600,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "sliding_window": None,
        "use_sliding_window": False,
        "vocab_size": 151936,
        "max_position_embeddings": 40960,
        "torch_dtype": "bfloat16",
    },
    "deepseek-ai/DeepSeek-R1": {
        "num_hidden_layers": 61,
        "hidden_size": 7168,
        "intermediate_size": 18432,
        "moe_intermediate_size": 2048,
        "num_attention_heads": 128,
        "num_key_value_heads": 128,
        "kv_lora_rank": 512,
        "q_lora_rank": 1536,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
        "n_routed_experts": 256,
        "n_shared_experts": 1,
        "num_experts_per_tok": 8,
        "first_k_dense_replace": 3,
        "vocab_size": 129280,
        "max_position_embeddings": 163840,
        "quantization_config": {"quant_method": "fp8"},
    },
}


def made(config: dict[str, Any], directory: Path, weight_gib: float | None = None) -> Model:
    file = directory / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    found = read_model(file, "my/own", weight_gib=weight_gib)
    assert isinstance(found, Model)
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_a_published_configuration_gives_what_the_catalogue_says(name: str, tmp_path: Path) -> None:
    found, known = made(CONFIGS[name], tmp_path), MODELS[name]
    assert sum(run.count for run in found.layers) == sum(run.count for run in known.layers)
    assert found.attention_heads == known.attention_heads
    for tokens in (1, 1024, 50_000):
        for hybrid in (True, False):
            assert kv_bytes(found, tokens, hybrid=hybrid) == kv_bytes(known, tokens, hybrid=hybrid)
    assert found.total_parameters_billion == pytest.approx(known.total_parameters_billion, rel=0.02)
    assert found.active_parameters_billion == pytest.approx(
        known.active_parameters_billion, rel=0.15
    )
    # DeepSeek's file holds a layer for multi-token prediction besides: 2 %.
    assert found.weight_bytes == pytest.approx(known.weight_bytes, rel=0.05)
    assert found.mixture_of_experts == known.mixture_of_experts


def test_weights_that_the_user_knows_are_taken_as_they_are(tmp_path: Path) -> None:
    found = made(CONFIGS["Qwen/Qwen3-32B"], tmp_path, weight_gib=33.0)
    assert found.weight_bytes == 33 * 1024**3


def test_a_multimodal_file_is_read_from_its_text_part(tmp_path: Path) -> None:
    inner = CONFIGS["Qwen/Qwen3-32B"]
    found = made({"model_type": "any", "text_config": inner}, tmp_path)
    assert found.hidden_size == 5120


def test_a_question_about_a_model_of_ones_own_is_answered(tmp_path: Path) -> None:
    made(CONFIGS["Qwen/Qwen3-32B"], tmp_path)
    ask = asked(
        "model: my/own\nmodel_config_file: config.json\n"
        "workload: {input_tokens: 1024, output_tokens: 256, concurrency: 16}\n",
        tmp_path,
    )
    assert ask.model.name == "my/own"
    assert not ask.bands(single(2, 4)).known
