"""Models: the geometry that decides where they fit and how much KV cache a token takes."""

from dataclasses import dataclass
from enum import StrEnum

from disagg.catalog.source import Kind, Source
from disagg.units import Bytes


class Attention(StrEnum):
    """How one layer keeps its context."""

    FULL = "full"
    SLIDING = "sliding"
    LATENT = "latent"
    """Multi-head latent attention (MLA): one compressed vector a token, shared by all heads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """A run of layers of one kind."""

    attention: Attention
    count: int
    window_tokens: int | None = None
    """Sliding window [tokens]; None for layers that keep the whole context."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One model as vLLM loads it."""

    name: str
    """Hugging Face id, as vLLM takes it."""
    layers: tuple[Layers, ...]
    kv_heads: int
    """KV heads of one layer; 1 for latent attention."""
    head_dim: int
    """Elements of K (and of V) of one head; for latent attention the compressed width."""
    attention_heads: int
    """Query heads: tensor parallelism must divide them."""
    kv_bytes_per_element: int
    weight_bytes: Bytes
    """Weights as stored in the checkpoint [B]."""
    max_context_tokens: int
    total_parameters_billion: float
    active_parameters_billion: float
    mixture_of_experts: bool
    gated: bool = False
    """True where Hugging Face gives the weights only to who accepted the licence, by token."""
    server_arguments: tuple[str, ...] = ()
    """Extra vLLM arguments the model needs for tool calls and reasoning."""
    source: Source


_CONFIG_DATE = "2026-11-23"


def _source(index: str) -> Source:
    return Source(
        kind=Kind.PUBLISHED,
        reference=f"config.json of the model on Hugging Face; weights: {index}",
        date=_CONFIG_DATE,
    )


_GPT_OSS_ARGUMENTS = (
    "--enable-auto-tool-choice",
    "--tool-call-parser=openai",
    "--reasoning-parser=openai_gptoss",
)
_INDEX = "total_size of its model.safetensors.index.json, equal to the sum over its tensors"

_ROWS = (
    Model(
        name="openai/gpt-oss-120b",
        layers=(
            Layers(attention=Attention.SLIDING, count=18, window_tokens=128),
            Layers(attention=Attention.FULL, count=18),
        ),
        kv_heads=8,
        head_dim=64,
        attention_heads=64,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(65_248_815_744),
        max_context_tokens=131_072,
        total_parameters_billion=116.83,
        active_parameters_billion=5.1,
        mixture_of_experts=True,
        server_arguments=_GPT_OSS_ARGUMENTS,
        source=_source(_INDEX),
    ),
    Model(
        name="openai/gpt-oss-20b",
        layers=(
            Layers(attention=Attention.SLIDING, count=12, window_tokens=128),
            Layers(attention=Attention.FULL, count=12),
        ),
        kv_heads=8,
        head_dim=64,
        attention_heads=64,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(13_761_264_768),
        max_context_tokens=131_072,
        total_parameters_billion=20.91,
        active_parameters_billion=3.6,
        mixture_of_experts=True,
        server_arguments=_GPT_OSS_ARGUMENTS,
        source=_source(_INDEX),
    ),
    Model(
        name="meta-llama/Llama-3.3-70B-Instruct",
        layers=(Layers(attention=Attention.FULL, count=80),),
        kv_heads=8,
        head_dim=128,
        attention_heads=64,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(141_107_412_992),
        max_context_tokens=131_072,
        total_parameters_billion=70.55,
        active_parameters_billion=70.55,
        mixture_of_experts=False,
        gated=True,
        server_arguments=("--enable-auto-tool-choice", "--tool-call-parser=llama3_json"),
        source=_source(f"{_INDEX} (Llama 3.1 70B, same geometry)"),
    ),
    Model(
        name="Qwen/Qwen3-32B",
        layers=(Layers(attention=Attention.FULL, count=64),),
        kv_heads=8,
        head_dim=128,
        attention_heads=64,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(65_524_246_528),
        max_context_tokens=40_960,
        total_parameters_billion=32.76,
        active_parameters_billion=32.76,
        mixture_of_experts=False,
        server_arguments=(
            "--enable-auto-tool-choice",
            "--tool-call-parser=hermes",
            "--reasoning-parser=qwen3",
        ),
        source=_source(_INDEX),
    ),
    Model(
        name="deepseek-ai/DeepSeek-R1",
        layers=(Layers(attention=Attention.LATENT, count=61),),
        kv_heads=1,
        # Why: kv_lora_rank 512 + qk_rope_head_dim 64, the one vector MLA keeps.
        head_dim=576,
        attention_heads=128,
        kv_bytes_per_element=2,
        weight_bytes=Bytes(688_586_727_753),
        max_context_tokens=163_840,
        total_parameters_billion=671.03,
        active_parameters_billion=37.0,
        mixture_of_experts=True,
        server_arguments=(
            "--enable-auto-tool-choice",
            "--tool-call-parser=deepseek_v3",
            "--reasoning-parser=deepseek_r1",
        ),
        source=_source(
            "sum of the safetensors files as DeepSeek-V3 publishes them (same shapes), the"
            " multi-token prediction layer included; the tensors alone are 688,574,839,360 B"
        ),
    ),
)

MODELS: dict[str, Model] = {row.name: row for row in _ROWS}
"""Every model an environment may name."""
