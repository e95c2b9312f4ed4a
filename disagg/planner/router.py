"""What the endpoint picker needs for a fleet: its polling, CPU, RAM and threshold."""

import math
from dataclasses import dataclass, replace

from disagg.catalog.gpus import GPUS
from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.models import MODELS, Model
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.config.capacity import Capacity
from disagg.config.environment import Environment, Slo, Workload
from disagg.config.serving import Serving
from disagg.planner.kv import kv_bytes_per_token
from disagg.planner.layout import pool_instance
from disagg.planner.memory import gpu_memory
from disagg.planner.performance.predictor import MAX_BATCHED_TOKENS, Worker
from disagg.planner.performance.queueing import largest
from disagg.planner.performance.roofline import Roofline
from disagg.planner.performance.traffic import Shape
from disagg.units import Mib, gib_to_mib

POLL_CPU_MS = 3.75
"""CPU time of the picker for one poll of one pod [ms]: 7.5 cores for 100 pods every 50 ms. Source:
llm-d-router docs/operations.md at v0.10.0; on small metrics pages 0.125 ms was measured."""
POLLING_CORES = 0.25
"""CPU that polling may take where the interval can still grow [cores]: assumed."""
SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS = 200, 1_000
"""Longest: half of the age at which the picker calls metrics stale (--metrics-staleness-threshold,
2 s), so that one lost poll makes no pod look unknown. Shortest: as loads change."""
STALE_AFTER_POLLS = 5
"""Polls after which the saturation detector no longer believes what it has: assumed; its own
default, 200 ms, is one poll here, and a pod of unknown load counts as full."""
TOKEN_CPU_US = 8.0
"""CPU time of the picker for a prompt token [us]: 3.82 cores at 5 requests of 100,000 tokens a
second. Source: as `POLL_CPU_MS`, the larger of its figures with large prefixes."""
LEAST_CPU_MILLI = 2_000
LEAST_MEMORY = Mib(4_096)
"""Assumed; at rest 70 MiB (measured), and upstream says 4 to 6 GiB at 50 to 100 requests/s."""
PROXY_CPU_MILLI, PROXY_MEMORY = 2_000, Mib(2_048)
"""Assumed; at rest Envoy took 65 MiB (measured), and upstream says 1.2 cores at 10 requests/s."""
ADD_ONS_CPU_MILLI, ADD_ONS_MEMORY = 2_000, Mib(4_096)
"""Left on the node of the router for add-ons and a tokenizer: assumed."""
QUEUE_MEMORY = Mib(1_024)
"""RAM that requests may take in the queue of the picker, bodies included: assumed. Upstream's own
bound is 1 GB for each priority, without one for all."""
INDEX_ENTRY_BYTES = 512
"""RAM of one KV block in the precise index [B]: assumed, two keys of 8 B and their places."""
INDEX_SPARE = 2
"""How many times the blocks of all pods the index holds: evictions are told later than stores."""
PROMISED_TPOT_MS = 50.0
"""Time per token taken for the running batch where a file promises none and gives a rate [ms]:
assumed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PickerSize:
    """What one picker is given."""

    endpoints: int
    """Pods it polls and picks from."""
    interval_ms: int
    """How often it polls each [ms]."""
    cpu_milli: int
    memory: Mib
    index_blocks: int
    """KV blocks the precise index holds; 0 without one."""

    @property
    def stale_ms(self) -> int:
        """Age at which the saturation detector stops believing metrics [ms]."""
        return self.interval_ms * STALE_AFTER_POLLS


def polling_interval_ms(endpoints: int) -> int:
    """Return how often to poll each pod's metrics [ms], a multiple of 100.

    As often as `POLLING_CORES` pay for, within the bounds.

    Example:
        >>> polling_interval_ms(10), polling_interval_ms(40), polling_interval_ms(300)
        (200, 600, 1000)
    """
    paid = endpoints * POLL_CPU_MS / POLLING_CORES
    return min(LONGEST_INTERVAL_MS, max(SHORTEST_INTERVAL_MS, math.ceil(paid / 100) * 100))


def picker_size(environment: Environment) -> PickerSize:
    """Return what the picker of an environment is given: what it needs, as far as a node has it.

    More would leave the router without a place; a rule warns of the difference (DISAGG-RTR-042).
    """
    one = environment
    needs = picker_needs(one.serving, one.capacity, one.workload, one.slo)
    cpu_milli, memory = picker_room(one.cluster.system_type)
    return replace(
        needs, cpu_milli=min(needs.cpu_milli, cpu_milli), memory=min(needs.memory, memory)
    )


def picker_room(system_type: str) -> tuple[int, Mib]:
    """Return what a system node has for a picker beside proxy and add-ons: CPU [mCPU] and RAM.

    Raises:
        KeyError: The instance type is unknown.

    Example:
        >>> picker_room("m7i.2xlarge")
        (3500, 22528)
    """
    node = SYSTEM_INSTANCE_TYPES[system_type]
    cpu = node.allocatable_cpu_milli - PROXY_CPU_MILLI - ADD_ONS_CPU_MILLI
    memory = node.allocatable_memory_mib - PROXY_MEMORY - ADD_ONS_MEMORY
    return cpu // 500 * 500, gib_to_mib(memory // 1_024)


def picker_needs(
    serving: Serving, capacity: Capacity, workload: Workload, slo: Slo | None
) -> PickerSize:
    """Return what a picker needs for a fleet and a load, whatever its node has.

    CPU: polling, prompts at the peak, half a core for the rest; in steps of half a core. RAM: the
    least, plus the queue with flow control, plus the precise index; in steps of 1 GiB.
    """
    endpoints = serving.prefill.replicas + serving.decode.replicas
    interval = serving.router.metrics_interval_ms or polling_interval_ms(endpoints)
    polling = endpoints * POLL_CPU_MS / interval
    prompts = _requests_per_second(workload, slo) * workload.input_tokens * TOKEN_CPU_US / 1e6
    cpu = math.ceil((polling + prompts + 0.5) * 2) * 500
    blocks = _index_blocks(serving, capacity) if serving.router.policy == "prefix_precise" else 0
    queue = QUEUE_MEMORY if serving.router.flow_control else 0
    extra_mib = queue + blocks * INDEX_ENTRY_BYTES / 2**20
    return PickerSize(
        endpoints=endpoints,
        interval_ms=interval,
        cpu_milli=max(LEAST_CPU_MILLI, cpu),
        memory=Mib(LEAST_MEMORY + gib_to_mib(math.ceil(extra_mib / 1_024))),
        index_blocks=blocks,
    )


def _answer_seconds(work: Workload, slo: Slo | None) -> float:
    return work.output_tokens * (slo.tpot_p95_ms if slo else PROMISED_TPOT_MS) / 1e3


def _requests_per_second(work: Workload, slo: Slo | None) -> float:
    """Return the requests that arrive at the peak [1/s]; from the concurrency by Little's law."""
    if work.requests_per_second is not None:
        return work.requests_per_second
    return (work.concurrency or 1) / _answer_seconds(work, slo)


def _index_blocks(serving: Serving, capacity: Capacity) -> int:
    model = MODELS[serving.model]
    tokens = 0.0
    for role, pool in (("prefill", serving.prefill), ("decode", serving.decode)):
        instance = pool_instance(role, serving, capacity)
        room = gpu_memory(model, instance, pool.tensor_parallel, 1).kv_cache
        shards = min(pool.tensor_parallel, model.kv_heads)
        tokens += pool.replicas * room * shards / kv_bytes_per_token(model, hybrid=_hybrid(serving))
    return math.ceil(INDEX_SPARE * tokens / serving.kv_transfer.block_size)


def _hybrid(serving: Serving) -> bool:
    profile = IMAGE_PROFILES.get(serving.image_profile)
    return profile is None or profile.hybrid_kv_cache_default


def threshold_tokens(
    serving: Serving, capacity: Capacity, workload: Workload, slo: Slo | None
) -> int:
    """Return from how many uncached tokens a prompt goes to prefill [tokens], in whole blocks.

    What the file says, or else the most tokens that decode can read in one step beside its running
    answers while that step still takes no longer than promised for a token (`slo.tpot_p95_ms`;
    without a promise, twice a step without a prompt):

        step(B) + prompt(n, B) <= promised,    B = requests in flight / decode pods

    Up to there a prompt on decode breaks no promise and spares the hand-over, 25 to 300 ms; beyond,
    every answer of the pod stutters. One block at least; the longest context, and the prompt tokens
    of one step (8,192), at most.

    Source: roofline of `planner/performance/roofline.py`; its figures are derived, not measured.
    """
    if serving.router.threshold_tokens is not None:
        return serving.router.threshold_tokens
    model, block = MODELS[serving.model], serving.kv_transfer.block_size
    instance = pool_instance("decode", serving, capacity)
    predictor = Roofline(model=model, gpu=GPUS[instance.gpu_name], hybrid=_hybrid(serving))
    worker = Worker(tensor_parallel=serving.decode.tensor_parallel)
    batch = max(1.0, _in_flight(workload, slo) / serving.decode.replicas)
    output = workload.output_tokens
    usual = Shape(input_tokens=workload.input_tokens, output_tokens=output)
    step = predictor.decode_ms(worker, batch, usual)
    promised = slo.tpot_p95_ms if slo else 2 * step

    def kept(blocks: float) -> bool:
        shape = Shape(input_tokens=blocks * block, output_tokens=output)
        return step + predictor.prompt_ms(worker, batch, shape) <= promised

    most = min(_context(serving, model), MAX_BATCHED_TOKENS)
    blocks = math.floor(largest(kept, 1.0, most / block))
    return max(1, blocks) * block


def _context(serving: Serving, model: Model) -> int:
    return min(serving.max_context_tokens or model.max_context_tokens, model.max_context_tokens)


def _in_flight(work: Workload, slo: Slo | None) -> float:
    """Return the requests in flight at the peak; from the rate by Little's law."""
    if work.concurrency is not None:
        return work.concurrency
    return (work.requests_per_second or 0.0) * _answer_seconds(work, slo)
