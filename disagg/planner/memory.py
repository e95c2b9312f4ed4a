"""What of a GPU's memory is left for the KV cache once the weights are loaded."""

from dataclasses import dataclass

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.planner.kv import kv_bytes
from disagg.units import Bytes, mib_to_bytes

GPU_MEMORY_UTILIZATION = 0.9
"""Share of a GPU's memory vLLM takes. Source: vLLM's own default of --gpu-memory-utilization."""
ACTIVATION_BYTES = Bytes(4 * 1024**3)
"""Room for activations and CUDA graphs on one GPU [B]: assumed, 2026-11-23; vLLM measures it at
start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuMemory:
    """How one GPU of a pod divides its memory [B]."""

    usable: int
    weights: int
    kv_cache: int
    """What is left for KV blocks; negative when the weights do not fit."""
    longest_request: int
    """KV cache of one request of the longest context, on this GPU."""

    @property
    def longest_requests(self) -> float:
        """How many requests of the longest context fit at once."""
        return self.kv_cache / self.longest_request


def gpu_memory(
    model: Model, instance: InstanceType, tensor_parallel: int, context_tokens: int
) -> GpuMemory:
    """Return how one GPU divides its memory.

    Weights and KV heads are split over the GPUs of a pod; a pod with more GPUs than KV heads holds
    copies of a head, so a GPU never keeps less than one head.

    Args:
        model: Geometry and weight bytes.
        instance: GPU memory [MiB].
        tensor_parallel: GPUs of the pod.
        context_tokens: Longest prompt and answer together [tokens].
    """
    usable = int(mib_to_bytes(instance.gpu_memory_mib) * GPU_MEMORY_UTILIZATION) - ACTIVATION_BYTES
    weights = model.weight_bytes // tensor_parallel
    shards = min(tensor_parallel, model.kv_heads)
    return GpuMemory(
        usable=usable,
        weights=weights,
        kv_cache=usable - weights,
        longest_request=kv_bytes(model, context_tokens, hybrid=True) // shards,
    )
