"""Which predictor answers for a row of the silicon sample, in its precision."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Literal

from disagg.bench.silicon import Silicon, SiliconDataError
from disagg.bench.silicon_sample import Row
from disagg.catalog.gpus import GPUS
from disagg.catalog.models import MODELS, Model
from disagg.planner.performance.predictor import Predictor
from disagg.planner.performance.roofline import Roofline
from disagg.planner.performance.traffic import Shape
from disagg.units import Bytes

_CARRIED = {
    ("deepseek-ai/DeepSeek-V3", "fp4"): "nvidia/DeepSeek-V3.1-NVFP4",
    ("moonshotai/Kimi-K2.5", "fp4"): "nvidia/Kimi-K2.5-NVFP4",
    ("Qwen/Qwen3-32B", "fp8"): "Qwen/Qwen3-32B-FP8",
    ("Qwen/Qwen3-32B", "unknown"): "Qwen/Qwen3-32B-FP8",
    ("meta-llama/Llama-3.1-70B", "fp8"): "nvidia/Llama-3.1-70B-Instruct-FP8",
    ("meta-llama/Llama-3.1-70B", "fp4"): "nvidia/Llama-3.1-70B-Instruct-FP8",
}
"""Configuration inside the package for a model and precision of the sample, where it differs."""
_NOT_CARRIED = frozenset({"nvidia/Llama-3.1-8B-Instruct-FP8", "nvidia/Qwen3-32B-NVFP4"})
"""Models of the sample whose configuration the package would download."""
_SYSTEMS = {"b200_sxm": "B200", "b300_sxm": "B300", "h200_sxm": "H200", "h100_sxm": "H100"}
_CATALOGUE = {
    "openai/gpt-oss-120b": "openai/gpt-oss-120b",
    "meta-llama/Llama-3.1-70B": "meta-llama/Llama-3.3-70B-Instruct",
}
"""Models of the sample whose geometry is in our catalogue."""
_QUANTIZED = {"fp8": 8 / 16, "fp4": 4.5 / 16}
"""Weight bytes of a quantized model over those in BF16."""


@cache
def _silicon(model: str, system: str, backend: str) -> Silicon:
    return Silicon(model, system, backend=backend)


def silicon_of(row: Row) -> Predictor | None:
    """Return the silicon predictor of a row, None where the package cannot answer."""
    name = _CARRIED.get((row.model, row.precision), row.model)
    if name in _NOT_CARRIED:
        return None
    made = _silicon(name, row.system, row.backend)
    shape = Shape(input_tokens=1024, output_tokens=128)
    try:
        made.decode_ms(row.engines.worker, 1, shape)
        if row.prefill is not None:
            made.prefill_ms(row.prefill.worker, 1, shape)
        else:
            made.prompt_ms(row.engines.worker, 2, shape)
    except SiliconDataError:
        return None
    return made


def roofline_of(row: Row) -> Predictor | None:
    """Return the roofline of a row, None where our catalogue lacks the model or the GPU."""
    if row.model not in _CATALOGUE or row.system not in _SYSTEMS or row.backend != "vllm":
        return None
    return Roofline(model=_sample_model(row), gpu=GPUS[_SYSTEMS[row.system]])


def _sample_model(row: Row) -> Model:
    """Return the catalogue's model in the precision of the row; its KV cache is FP8 there."""
    model = MODELS[_CATALOGUE[row.model]]
    if model.experts is not None or row.precision not in _QUANTIZED:
        return replace(model, kv_bytes_per_element=1)
    size = Bytes(round(model.weight_bytes * _QUANTIZED[row.precision]))
    precision: Literal["fp8", "fp4"] = "fp8" if row.precision == "fp8" else "fp4"
    return replace(model, weight_bytes=size, matmul_precision=precision, kv_bytes_per_element=1)


PREDICTORS: dict[str, Callable[[Row], Predictor | None]] = {
    "silicon": silicon_of,
    "roofline": roofline_of,
}
"""Predictors that are validated, by name."""
