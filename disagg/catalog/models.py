"""Models: the geometry that decides where they fit and how much KV cache a token takes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

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
class Experts:
    """The expert weights of a mixture of experts."""

    count: int
    """Experts of one layer, shared ones not counted."""
    active: int
    """Experts a token is sent to."""
    layers: int
    """Layers that have experts."""
    intermediate_size: int
    """Width of one expert."""
    bytes_per_parameter: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """A file that the engine fetches at its start, from elsewhere than the weights."""

    name: str
    url: str
    sha256: str
    variable: str
    """Environment variable that names a directory to look for it in instead."""
    source: Source


HARMONY = Vocabulary(
    name="o200k_base.tiktoken",
    url="https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
    sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    variable="TIKTOKEN_ENCODINGS_BASE",
    source=Source(
        kind=Kind.PUBLISHED,
        reference=(
            "openai/harmony issues 95 and 101 (what its loader looks for; the model itself has"
            " none); openai/tiktoken openai_public.py (the digest)"
        ),
        date="2026-11-28",
    ),
)
"""What openai_harmony, which vLLM runs for gpt-oss, loads its encoding from."""


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
    hidden_size: int
    experts: Experts | None = None
    """None for a dense model."""
    matmul_precision: Literal["bf16", "fp8", "fp4"] = "bf16"
    """What the largest matrix products run in, where the GPU has it."""
    blackwell_matmul_precision: Literal["bf16", "fp8", "fp4"] | None = None
    """The same on Blackwell, where it differs."""
    gated: bool = False
    """True where Hugging Face gives the weights only to who accepted the licence, by token."""
    server_arguments: tuple[str, ...] = ()
    """Extra vLLM arguments the model needs for tool calls and reasoning."""
    vocabulary: Vocabulary | None = None
    """What else the engine fetches; None: everything is in the model's repository."""
    source: Source

    @property
    def weight_precision(self) -> str:
        """Precision most of the weights are stored in: `bf16`, `fp8` or `fp4`."""
        largest = self.expert_parameters or self.total_parameters_billion * 1e9
        stored = self.expert_bytes or float(self.weight_bytes)
        each = stored / largest
        return "bf16" if each > 1.5 else "fp8" if each > 0.75 else "fp4"  # noqa: PLR2004

    @property
    def mixture_of_experts(self) -> bool:
        """Whether only some of the weights work on a token."""
        return self.experts is not None

    @property
    def expert_parameters(self) -> float:
        """Parameters of all experts [count]: three matrices each."""
        one = self.experts
        if one is None:
            return 0.0
        return 3.0 * one.layers * one.count * self.hidden_size * one.intermediate_size

    @property
    def expert_bytes(self) -> float:
        """Weights of all experts [B]."""
        return self.expert_parameters * self.experts.bytes_per_parameter if self.experts else 0.0


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

_MXFP4_BYTES = 4.25 / 8
"""Four bits and one scale of eight bits for each block of 32. Source: OCP MX specification."""

_ROWS = (
    Model(
        name="openai/gpt-oss-120b",
        vocabulary=HARMONY,
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
        hidden_size=2_880,
        experts=Experts(
            count=128,
            active=4,
            layers=36,
            intermediate_size=2_880,
            bytes_per_parameter=_MXFP4_BYTES,
        ),
        # Why: vLLM runs MXFP4 weights with MXFP8 activations on Blackwell.
        blackwell_matmul_precision="fp8",
        server_arguments=_GPT_OSS_ARGUMENTS,
        source=_source(_INDEX),
    ),
    Model(
        name="openai/gpt-oss-20b",
        vocabulary=HARMONY,
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
        hidden_size=2_880,
        experts=Experts(
            count=32,
            active=4,
            layers=24,
            intermediate_size=2_880,
            bytes_per_parameter=_MXFP4_BYTES,
        ),
        # Why: vLLM runs MXFP4 weights with MXFP8 activations on Blackwell.
        blackwell_matmul_precision="fp8",
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
        hidden_size=8_192,
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
        hidden_size=5_120,
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
        hidden_size=7_168,
        experts=Experts(
            count=256,
            active=8,
            layers=58,
            intermediate_size=2_048,
            bytes_per_parameter=1,
        ),
        matmul_precision="fp8",
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
