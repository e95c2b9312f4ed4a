"""How many sequences an engine holds at once, and what its memory keeps for later."""

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.config.measurement import Measurement
from disagg.planner.kv import kv_bytes
from disagg.planner.memory import ACTIVATION_BYTES, GPU_MEMORY_UTILIZATION
from disagg.planner.performance.predictor import Worker
from disagg.units import mib_to_bytes

MAX_SEQUENCES = 1_024
"""Sequences an engine runs at once. Source: vLLM V1 default of --max-num-seqs on GPUs with 70 GiB
and more, read 2026-11-23."""


def weight_bytes_per_gpu(model: Model, worker: Worker) -> float:
    """Return the weights on one GPU [B]: dense ones split by tp, experts over all GPUs.

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> model = MODELS["openai/gpt-oss-120b"]
        >>> weight_bytes_per_gpu(model, Worker(tensor_parallel=4)) == model.weight_bytes / 4
        True
    """
    dense = model.weight_bytes - model.expert_bytes
    return dense / worker.tensor_parallel + model.expert_bytes / worker.gpus


def room_bytes(model: Model, instance: InstanceType, worker: Worker) -> float:
    """Return what all GPUs of an engine have for KV blocks [B]; 0 where the weights do not fit."""
    usable = mib_to_bytes(instance.gpu_memory_mib) * GPU_MEMORY_UTILIZATION - ACTIVATION_BYTES
    return max(0.0, usable - weight_bytes_per_gpu(model, worker)) * worker.gpus


def stored_bytes(model: Model, tokens: int, worker: Worker, *, hybrid: bool) -> float:
    """Return what a sequence takes over all GPUs of an engine [B]: copies of KV heads counted.

    Ranks beyond the KV heads hold copies of a head, and a latent cache is on each rank whole.
    """
    copies = worker.tensor_parallel / min(worker.tensor_parallel, model.kv_heads)
    return kv_bytes(model, tokens, hybrid=hybrid) * copies


def largest_batch(
    model: Model, instance: InstanceType, worker: Worker, mean_context: float, *, hybrid: bool
) -> float:
    """Return the sequences an engine holds at once, halfway through their answers on average.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> from disagg.catalog.models import MODELS
        >>> round(largest_batch(MODELS["openai/gpt-oss-120b"], INSTANCE_TYPES["p6-b200.48xlarge"],
        ...                     Worker(tensor_parallel=1), 100_000, hybrid=True))
        28
    """
    room = room_bytes(model, instance, worker)
    each = stored_bytes(model, max(1, round(mean_context)), worker, hybrid=hybrid)
    return min(float(MAX_SEQUENCES * worker.data_parallel), room / each)


MEASURE_AGAIN = "correct the figures, or measure again with fewer in flight"
HELD_TOLERANCE = 1.25
"""By how much a measured batch may exceed what memory is counted to hold: assumed, 2026-11-28; the
room is an estimate, and not all in flight hold their whole context."""


def unheld(
    one: Measurement, model: Model, instance: InstanceType, *, hybrid: bool
) -> tuple[str, str] | None:
    """Return why a measured point cannot be of these engines, as got and need; None if it can.

    A request beyond the model's context is refused by the engine; requests beyond its slots or KV
    cache wait outside of the batch, so their times say nothing about a batch of that size.
    """
    total = one.input_tokens + one.output_tokens
    if total > model.max_context_tokens:
        return (
            f"{one.input_tokens:,.0f} tokens in and {one.output_tokens:,.0f} out",
            f"at most {model.max_context_tokens:,} together, the context of {model.name}",
        )
    worker = Worker(tensor_parallel=one.tensor_parallel)
    context = one.input_tokens + one.output_tokens / 2
    most = largest_batch(model, instance, worker, context, hybrid=hybrid)
    each = one.concurrency / one.replicas
    if one.prefill is not None:
        # Why: what still prefills is not on a decode engine (Little's law in a closed loop).
        decoding = one.tpot_ms * (one.output_tokens - 1)
        each *= decoding / (decoding + (one.ttft_ms or 0.0))
    if each > most * HELD_TOLERANCE:
        doing = "in flight" if one.prefill is None else "decoding"
        return (
            f"{each:,.0f} {doing} on each engine of {worker}",
            f"at most {most:,.0f}, which its memory and slots hold at once",
        )
    return None
