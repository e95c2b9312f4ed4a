"""A model from its `config.json`: geometry as published, weights counted from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from disagg.catalog.models import Attention, Experts, Layers, Model
from disagg.catalog.source import Kind, Source
from disagg.units import Bytes

MODEL_CONFIG_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-CFG-001": (
        "The model's config.json cannot be read.",
        "`model_config_file` names the file that lies beside the weights on Hugging Face.",
    ),
    "DISAGG-CFG-002": (
        "The model's config.json lacks a key.",
        (
            "Needed are num_hidden_layers, hidden_size, num_attention_heads, intermediate_size (or"
            " moe_intermediate_size), vocab_size and max_position_embeddings. Files of multimodal"
            " models keep them under text_config, which is read too."
        ),
    ),
}
_LARGEST_FILE = 4 * 1024 * 1024
_NEEDED = (
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
)
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "float8_e4m3fn": 1.0}
_QUANTIZED = {
    "mxfp4": 4.25 / 8,
    "nvfp4": 4.5 / 8,
    "modelopt_fp4": 4.5 / 8,
    "fp8": 1.0,
    "modelopt": 1.0,
    "compressed-tensors": 1.0,
    "awq": 4.25 / 8,
    "gptq": 4.25 / 8,
}
"""Bytes of a weight by quantization method, scales included. Source: block sizes of the OCP MX
specification (32) and of NVFP4 (16); AWQ and GPTQ with groups of 128."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Why a file gives no model."""

    code: str
    got: str
    need: str
    fix: str


def read_model(path: Path, name: str, *, weight_gib: float | None) -> Model | Refused:
    """Return the model that a `config.json` describes, or why it describes none.

    Args:
        path: The file.
        name: Name the model is shown by.
        weight_gib: Weights as stored [GiB], where known; else they are counted from the geometry.
    """
    fix = "name the config.json that lies beside the model's weights"
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return Refused(
                code="DISAGG-CFG-001", got="a file over 4 MiB", need="a config.json", fix=fix
            )
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        why = (error.strerror or "unreadable").lower()
        return Refused(
            code="DISAGG-CFG-001",
            got=f"{path.name}: {why}",
            need="a file that can be read",
            fix=fix,
        )
    except ValueError:
        return Refused(code="DISAGG-CFG-001", got=f"{path.name} is no JSON", need="JSON", fix=fix)
    if not isinstance(data, dict):
        return Refused(code="DISAGG-CFG-001", got="no object", need="a JSON object", fix=fix)
    if "num_hidden_layers" not in data and isinstance(data.get("text_config"), dict):
        data = {**data, **data["text_config"]}
    wanted = [*_NEEDED, *(["intermediate_size"] if not _width(data) else [])]
    missing = [key for key in wanted if not _positive(data.get(key))]
    if missing:
        return Refused(
            code="DISAGG-CFG-002",
            got=f"{path.name} without a number for {', '.join(missing)}",
            need="the geometry of a decoder",
            fix="use the file of the model itself, not of an adapter or tokenizer",
        )
    return _model(data, name, weight_gib, path.name)


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _width(data: dict[str, Any]) -> int | None:
    for key in ("moe_intermediate_size", "intermediate_size"):
        if _positive(data.get(key)):
            return int(data[key])
    return None


def _first(data: dict[str, Any], *keys: str) -> int | None:
    return next((int(data[key]) for key in keys if _positive(data.get(key))), None)


def _model(data: dict[str, Any], name: str, weight_gib: float | None, file: str) -> Model:
    stored = _stored(data)
    experts = _experts(data, stored)
    dense, each_layer = _parameters(data, experts)
    routed = (
        0.0
        if experts is None
        else 3.0 * experts.layers * experts.count * data["hidden_size"] * experts.intermediate_size
    )
    total = dense + each_layer + routed
    # Why: block formats quantize experts only; the rest stays as the file's own type says.
    rest = 2.0 if experts is not None and stored < 1 else stored
    counted = (dense + each_layer) * rest + routed * stored
    size = counted if weight_gib is None else weight_gib * 1024**3
    active = dense + each_layer
    if experts is not None:
        active += routed * experts.active / experts.count
    latent = _first(data, "kv_lora_rank")
    heads = data["num_attention_heads"]
    return Model(
        name=name,
        layers=_layers(data, latent=latent is not None),
        kv_heads=1 if latent else _first(data, "num_key_value_heads") or heads,
        head_dim=latent + (_first(data, "qk_rope_head_dim") or 0) if latent else _head_dim(data),
        attention_heads=heads,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(round(size)),
        max_context_tokens=data["max_position_embeddings"],
        total_parameters_billion=total / 1e9,
        active_parameters_billion=active / 1e9,
        hidden_size=data["hidden_size"],
        experts=experts,
        matmul_precision=_precision(stored),
        source=Source(
            kind=Kind.DERIVED,
            reference=f"{file} given by the user; weights "
            + ("counted from it" if weight_gib is None else "as weight_gib says"),
            date="",
        ),
    )


def _precision(stored: float) -> Literal["bf16", "fp8", "fp4"]:
    if stored == 1.0:
        return "fp8"
    # Why: four-bit weights of unknown kernels are multiplied in BF16 after unpacking.
    return "bf16"


def _stored(data: dict[str, Any]) -> float:
    method = data.get("quantization_config")
    if isinstance(method, dict):
        return _QUANTIZED.get(str(method.get("quant_method", "")).lower(), 1.0)
    return _BYTES.get(str(data.get("torch_dtype") or data.get("dtype")), 2.0)


def _experts(data: dict[str, Any], stored: float) -> Experts | None:
    count = _first(data, "num_local_experts", "n_routed_experts", "num_experts")
    active = _first(data, "num_experts_per_tok", "experts_per_token")
    if count is None or active is None or count <= 1:
        return None
    first = data.get("first_k_dense_replace")
    return Experts(
        count=count,
        active=min(active, count),
        layers=data["num_hidden_layers"] - (first if isinstance(first, int) else 0),
        intermediate_size=_width(data) or 0,
        bytes_per_parameter=stored,
    )


def _head_dim(data: dict[str, Any]) -> int:
    return _first(data, "head_dim") or data["hidden_size"] // data["num_attention_heads"]


def _parameters(data: dict[str, Any], experts: Experts | None) -> tuple[float, float]:
    """Return the parameters of the embeddings, and of all that is in the layers but experts."""
    hidden, heads, layers = (
        data[key] for key in ("hidden_size", "num_attention_heads", "num_hidden_layers")
    )
    embeddings = data["vocab_size"] * hidden * (1 if data.get("tie_word_embeddings") else 2)
    latent = _first(data, "kv_lora_rank")
    if latent:
        rope = _first(data, "qk_rope_head_dim") or 0
        nope = _first(data, "qk_nope_head_dim") or 128
        value = _first(data, "v_head_dim") or nope
        query = _first(data, "q_lora_rank")
        width = heads * (nope + rope)
        queries = hidden * width if query is None else query * (hidden + width)
        attention = queries + hidden * (latent + rope) + latent * heads * (nope + value)
        attention += heads * value * hidden
    else:
        dim = _head_dim(data)
        kv = _first(data, "num_key_value_heads") or heads
        attention = hidden * dim * (2 * heads + 2 * kv)
    dense_layers = layers - (experts.layers if experts else 0)
    dense_width = _first(data, "intermediate_size") or 0
    shared = _first(data, "n_shared_experts") or 0
    own = 3.0 * hidden * dense_width * dense_layers
    if experts is not None:
        own += 3.0 * hidden * experts.intermediate_size * shared * experts.layers
        own += hidden * experts.count * experts.layers
    return float(embeddings), attention * layers + own


def _layers(data: dict[str, Any], *, latent: bool) -> tuple[Layers, ...]:
    count, window = data["num_hidden_layers"], _first(data, "sliding_window")
    if latent:
        return (Layers(attention=Attention.LATENT, count=count),)
    kinds = data.get("layer_types")
    sliding = 0
    if window is not None and isinstance(kinds, list):
        sliding = sum(str(kind).startswith("sliding") for kind in kinds[:count])
    elif window is not None and data.get("use_sliding_window") is not False:
        pattern = _first(data, "sliding_window_pattern")
        sliding = count - count // pattern if pattern else count
    found = []
    if sliding:
        found.append(Layers(attention=Attention.SLIDING, count=sliding, window_tokens=window))
    if count > sliding:
        found.append(Layers(attention=Attention.FULL, count=count - sliding))
    return tuple(found)
