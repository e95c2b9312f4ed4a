"""What aiconfigurator-core calls our models and GPUs, and what of its data is not AWS's."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source

SILICON_VERSION = "0.12.0"
SILICON_SOURCE = Source(
    kind=Kind.DERIVED,
    reference=(
        f"aiconfigurator-core {SILICON_VERSION} (Apache-2.0): step times interpolated in kernel"
        " measurements, vLLM 0.24.0 tables"
    ),
    date="2026-09-17",
)

SILICON_SYSTEMS = {
    "B200": "b200_sxm",
    "B300": "b300_sxm",
    "H200": "h200_sxm",
    "H100": "h100_sxm",
    "L40S": "l40s",
    "RTX PRO Server 6000": "rtx_pro_6000_server",
}
"""Name of a GPU's data, by the GPU's name in the catalogue of instances."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiliconModel:
    """A model whose configuration is inside the package: no download is ever made."""

    name: str
    note: str = ""
    """Where it is not the very same model."""


SILICON_MODELS = {
    "openai/gpt-oss-120b": SiliconModel(name="openai/gpt-oss-120b"),
    "openai/gpt-oss-20b": SiliconModel(name="openai/gpt-oss-20b"),
    "meta-llama/Llama-3.3-70B-Instruct": SiliconModel(
        name="meta-llama/Meta-Llama-3.1-70B", note="Llama 3.1 70B, same geometry"
    ),
    "Qwen/Qwen3-32B": SiliconModel(name="Qwen/Qwen3-32B"),
    "deepseek-ai/DeepSeek-R1": SiliconModel(name="deepseek-ai/DeepSeek-R1"),
}
"""Configurations the package carries, by our model name."""

EFA_BYTES_PER_SECOND_PER_GPU = {
    "B200": 50_000_000_000,
    "B300": 100_000_000_000,
    "H200": 50_000_000_000,
    "H100": 50_000_000_000,
    "L40S": 6_250_000_000,
    "RTX PRO Server 6000": 25_000_000_000,
}
"""Line rate between nodes for one GPU [B/s]: network_gbps / 8 / gpus of the instance type.

The package assumes 100e9 for B200 (ConnectX-8 at 800 Gb/s); p6-b200 has eight EFA cards of 400 Gb/s
for eight GPUs. Source: catalogue of instances; a test holds the two to each other.
"""
