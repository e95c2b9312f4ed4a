"""Rules about the model and the pools: memory, context, parallelism, the image set, the budget."""

from collections.abc import Iterator

from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS, Model
from disagg.checks.environment.network_rules import suggest
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Workload
from disagg.config.serving import Pool, Serving
from disagg.config.weights import HuggingFace
from disagg.errors import Severity
from disagg.planner.layout import groups, pool_groups
from disagg.planner.memory import GpuMemory, gpu_memory
from disagg.units import bytes_to_gib


def _pools(serving: Serving) -> dict[str, Pool]:
    return {"prefill": serving.prefill, "decode": serving.decode}


def _context(serving: Serving, model: Model) -> int:
    return min(serving.max_context_tokens or model.max_context_tokens, model.max_context_tokens)


def _memories(serving: Serving, capacity: Capacity) -> Iterator[tuple[str, Pool, str, GpuMemory]]:
    """Yield role, pool, instance type and memory of one GPU, where group and type are known."""
    model = MODELS.get(serving.model)
    named = groups(capacity)
    for role, pool in _pools(serving).items() if model else ():
        group = named.get(pool_groups(role, serving, capacity)[0])
        instance = INSTANCE_TYPES.get(group.instance_type) if group else None
        if model and instance:
            memory = gpu_memory(model, instance, pool.tensor_parallel, _context(serving, model))
            yield role, pool, instance.name, memory


@rule("DISAGG-MDL-001")
def model_is_known(serving: Serving) -> Iterator[Finding]:
    """The model is in the catalogue, which knows its geometry.

    Layers, KV heads and weight bytes decide where a model fits and how much KV cache a token takes.
    """
    if serving.model not in MODELS:
        known = sorted(MODELS)
        fix = suggest(serving.model, known, otherwise="use openai/gpt-oss-120b")
        yield Finding(
            at=("serving", "model"),
            got=f"unknown model {serving.model!r}",
            need=", ".join(known),
            fix=fix,
        )


@rule("DISAGG-MDL-008", severity=Severity.WARNING)
def model_needs_no_token(serving: Serving) -> Iterator[Finding]:
    """The model's weights are open to everybody.

    A gated model needs its licence accepted on Hugging Face and a token in the secret `hf-token`
    of the serving namespace, before the GPU nodes start: pods without it download nothing, and the
    nodes cost what they cost.
    """
    model = MODELS.get(serving.model)
    if model and model.gated and isinstance(serving.weights, HuggingFace):
        yield Finding(
            at=("serving", "model"),
            got=f"{model.name} is gated",
            need="its licence accepted, and a token in the cluster",
            fix="make the secret hf-token before the nodes start: docs/deploy.md",
        )


@rule("DISAGG-MDL-002")
def weights_fit_the_gpus(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The weights fit the memory of a pod's GPUs.

    vLLM takes 90 % of a GPU; activations and CUDA graphs need room too. Weights split over the GPUs
    of a pod.
    """
    for role, pool, instance, memory in _memories(serving, capacity):
        if memory.kv_cache <= 0:
            fitting = [
                tp
                for tp in (2, 4, 8)
                if tp > pool.tensor_parallel and _fits(role, serving, capacity, tp)
            ]
            fix = (
                f"set serving.{role}.tensor_parallel to {fitting[0]}"
                if fitting
                else "use GPUs with more memory"
            )
            yield Finding(
                at=("serving", role, "tensor_parallel"),
                got=f"{bytes_to_gib(memory.weights):.0f} GiB of weights on each GPU",
                need=f"at most {bytes_to_gib(memory.usable):.0f} GiB on {instance}",
                fix=fix,
            )


def _fits(role: str, serving: Serving, capacity: Capacity, tensor_parallel: int) -> bool:
    group = groups(capacity)[pool_groups(role, serving, capacity)[0]]
    model = MODELS[serving.model]
    instance = INSTANCE_TYPES[group.instance_type]
    return gpu_memory(model, instance, tensor_parallel, _context(serving, model)).kv_cache > 0


@rule("DISAGG-MDL-003")
def longest_request_fits_the_kv_cache(serving: Serving, capacity: Capacity) -> Iterator[Finding]:
    """The KV cache beside the weights holds one request of the longest context.

    vLLM refuses to start otherwise, after the weights are loaded.
    """
    for role, _, instance, memory in _memories(serving, capacity):
        longest, left = bytes_to_gib(memory.longest_request), bytes_to_gib(memory.kv_cache)
        if 0 < left < longest:
            yield Finding(
                at=("serving", role, "tensor_parallel"),
                got=f"the longest request takes {longest:.1f} GiB of each GPU",
                need=f"at most {left:.1f} GiB, what {instance} has left",
                fix="set serving.max_context_tokens lower, or tensor_parallel higher",
            )


@rule("DISAGG-MDL-004")
def context_is_within_the_model(serving: Serving) -> Iterator[Finding]:
    """The context asked for is at most what the model was made for."""
    model = MODELS.get(serving.model)
    if (
        model
        and serving.max_context_tokens
        and serving.max_context_tokens > model.max_context_tokens
    ):
        yield Finding(
            at=("serving", "max_context_tokens"),
            got=f"got {serving.max_context_tokens:,} tokens",
            need=f"at most {model.max_context_tokens:,}, the maximum of {model.name}",
            fix="lower it, or leave it out",
        )


@rule("DISAGG-MDL-005")
def workload_is_within_the_context(serving: Serving, workload: Workload) -> Iterator[Finding]:
    """A request of the workload, prompt and answer, is within the context."""
    model = MODELS.get(serving.model)
    total = workload.input_tokens + workload.output_tokens
    if model and total > _context(serving, model):
        yield Finding(
            at=("workload", "input_tokens"),
            got=f"{workload.input_tokens:,} and {workload.output_tokens:,} are {total:,} tokens",
            need=f"at most {_context(serving, model):,}, the longest context",
            fix="shorten the workload, or "
            + (
                "take a model with a longer context"
                if _context(serving, model) == model.max_context_tokens
                else "raise serving.max_context_tokens"
            ),
        )


@rule("DISAGG-MDL-006")
def heads_divide_by_tensor_parallel(serving: Serving) -> Iterator[Finding]:
    """Tensor parallelism divides the attention heads of the model."""
    model = MODELS.get(serving.model)
    for role, pool in _pools(serving).items() if model else ():
        if model and model.attention_heads % pool.tensor_parallel:
            yield Finding(
                at=("serving", role, "tensor_parallel"),
                got=f"{model.attention_heads} heads over {pool.tensor_parallel} GPUs",
                need="a divisor",
                fix="change tensor_parallel",
            )


@rule("DISAGG-MDL-007", severity=Severity.WARNING)
def decode_holds_the_concurrency(
    serving: Serving, capacity: Capacity, workload: Workload
) -> Iterator[Finding]:
    """The KV cache of all decode pods holds the requests that are in flight at once.

    vLLM preempts requests when blocks run out, and each preemption is a prefill done again.
    """
    model = MODELS.get(serving.model)
    for role, pool, _, memory in _memories(serving, capacity):
        if role != "decode" or model is None or memory.kv_cache <= 0:
            continue
        share = memory.longest_request / _context(serving, model)
        tokens = workload.input_tokens + workload.output_tokens
        fit = int(memory.kv_cache * pool.replicas / (share * tokens))
        if workload.concurrency is not None and fit < workload.concurrency:
            yield Finding(
                at=("workload", "concurrency"),
                got=f"{workload.concurrency:,} requests of {tokens:,} tokens at once",
                need=f"about {fit:,}, what the decode pods' KV cache holds",
                fix="add decode replicas, or expect preemptions",
            )


@rule("DISAGG-POOL-001")
def decode_is_as_parallel_as_prefill(serving: Serving) -> Iterator[Finding]:
    """Decode's tensor parallelism is at least prefill's.

    The NIXL connector reads from one prefill worker into several decode workers, not the other way
    round; it fails an assertion at the first transfer. Source: vLLM NixlConnector (heterogeneous
    TP), read 2026-11-23.
    """
    prefill, decode = serving.prefill.tensor_parallel, serving.decode.tensor_parallel
    if decode < prefill:
        yield Finding(
            at=("serving", "decode", "tensor_parallel"),
            got=f"decode tp {decode} below prefill tp {prefill}",
            need=f"{prefill} or more",
            fix=f"set serving.decode.tensor_parallel to {prefill}",
        )


@rule("DISAGG-POOL-002")
def image_profile_is_known(serving: Serving) -> Iterator[Finding]:
    """The image profile is one tested set of the catalogue."""
    if serving.image_profile not in IMAGE_PROFILES:
        known = sorted(name for name, profile in IMAGE_PROFILES.items() if profile.removed is None)
        yield Finding(
            at=("serving", "image_profile"),
            got=f"unknown profile {serving.image_profile!r}",
            need=", ".join(known),
            fix=suggest(serving.image_profile, known, otherwise="leave it out"),
        )


@rule("DISAGG-POOL-003")
def image_profile_can_be_pulled(serving: Serving) -> Iterator[Finding]:
    """Every image of the profile can still be pulled.

    The reference article's own set cannot: its endpoint picker image was removed upstream.
    """
    profile = IMAGE_PROFILES.get(serving.image_profile)
    if profile and profile.removed:
        known = sorted(name for name, one in IMAGE_PROFILES.items() if one.removed is None)
        yield Finding(
            at=("serving", "image_profile"),
            got=f"{profile.name} can no longer be pulled: {profile.removed}",
            need=", ".join(known),
            fix=f"use {known[0]}, or leave it out",
        )


@rule("DISAGG-POOL-004")
def memory_covers_shared_memory(serving: Serving) -> Iterator[Finding]:
    """A pod's RAM is larger than its `/dev/shm`.

    A memory volume counts against the container's limit: one that is larger is a pod killed under
    load.
    """
    for role, pool in (("prefill", serving.prefill), ("decode", serving.decode)):
        if pool.memory_gib is not None and pool.memory_gib <= pool.shm_gib:
            yield Finding(
                at=("serving", role, "memory_gib"),
                got=f"{pool.memory_gib} GiB with {pool.shm_gib} GiB of it for /dev/shm",
                need=f"more than {pool.shm_gib} GiB",
                fix="raise memory_gib, or lower shm_gib",
            )
