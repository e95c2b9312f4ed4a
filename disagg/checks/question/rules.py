"""Rules of a workload file: what it names exists, fits, has a price, and can be promised."""

from collections.abc import Iterator

from disagg.catalog.gpus import GPUS
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS, Model
from disagg.catalog.prices import OFFERS, Prices
from disagg.catalog.regions import REGIONS
from disagg.checks.environment.network_rules import suggest
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Pricing, Slo, Workload
from disagg.config.measurement import Measurement
from disagg.config.workload import Assumptions, Search
from disagg.planner.money.purchase import node_price
from disagg.planner.performance.kv_room import MEASURE_AGAIN, unheld
from disagg.planner.performance.search import TENSOR_PARALLEL, workers
from disagg.planner.performance.setting import FRONT_END_MS


@rule("DISAGG-ASK-001")
def model_is_known_or_described(model: str, geometry: Model | None) -> Iterator[Finding]:
    """The model is in the catalogue, or its `config.json` is named.

    Layers, heads and weight bytes decide speed and memory. To add a model for one question, name
    the `config.json` that lies beside its weights: `model_config_file: ./config.json`. To add it
    for good, add a row to `disagg/catalog/models.py` with its source.
    """
    if geometry is None:
        known = sorted(MODELS)
        yield Finding(
            at=("model",),
            got=f"unknown model {model!r}",
            need=", ".join(known),
            fix=suggest(
                model, known, otherwise="add model_config_file: ./config.json of the model"
            ),
        )


@rule("DISAGG-ASK-002")
def instance_type_is_known(instance_type: str) -> Iterator[Finding]:
    """The instance type is a GPU type of the catalogue.

    Memory, bandwidth, matrix peaks and EFA cards of a type decide every figure; an unknown one has
    none of them.
    """
    if instance_type not in INSTANCE_TYPES or INSTANCE_TYPES[instance_type].gpu_name not in GPUS:
        known = sorted(INSTANCE_TYPES)
        yield Finding(
            at=("instance_type",),
            got=f"unknown instance type {instance_type!r}",
            need=", ".join(known),
            fix=suggest(instance_type, known, otherwise="use p6-b200.48xlarge"),
        )


@rule("DISAGG-ASK-003")
def region_sells_the_type(region: str, instance_type: str) -> Iterator[Finding]:
    """The region exists and sells the instance type.

    A price of a region that has no such nodes would be a price of nothing.
    """
    if region not in REGIONS:
        yield Finding(
            at=("region",),
            got=f"unknown region {region!r}",
            need="an AWS region",
            fix=suggest(region, sorted(REGIONS), otherwise="for instance us-west-2"),
        )
        return
    instance = INSTANCE_TYPES.get(instance_type)
    if instance is not None and region not in instance.regions:
        sold = sorted(instance.regions)
        yield Finding(
            at=("region",),
            got=f"{instance_type} is not sold in {region}",
            need=", ".join(sold),
            fix=f"use {sold[0]}, or another instance type",
        )


@rule("DISAGG-PRC-005")
def nodes_have_a_price(
    instance_type: str, region: str, platform: str, pricing: Pricing, prices: Prices
) -> Iterator[Finding]:
    """The price list or the file says what a node costs.

    Some types are sold as Capacity Blocks only, and the list has no row for them; what an offer
    costs is known to who got it.
    """
    if instance_type not in INSTANCE_TYPES:
        return
    if node_price(prices, instance_type, region, pricing, OFFERS[platform]) is None:
        yield Finding(
            at=("instance_type",),
            got=f"no {OFFERS[platform].replace('_', ' ')} price of {instance_type}",
            need="a row in the price file, or an offer of yours",
            fix="add pricing.capacity_block or pricing.training_plan, or give --prices FILE",
        )


@rule("DISAGG-ASK-004")
def weights_fit_a_node(
    geometry: Model | None, instance_type: str, search: Search
) -> Iterator[Finding]:
    """The weights fit an engine of some tensor parallelism on one node.

    Engines that span nodes are not looked at: their all-reduce crosses the fabric in every layer.
    """
    instance = INSTANCE_TYPES.get(instance_type)
    if instance is None or geometry is None:
        return
    if not workers(geometry, instance, data_parallel=search.data_parallel):
        total = instance.gpus * instance.gpu_memory_mib / 1024
        yield Finding(
            at=("instance_type",),
            got=f"{geometry.weight_bytes / 1024**3:,.0f} GiB of weights",
            need=f"a type whose node holds them; {instance_type} has {total:,.0f} GiB in all",
            fix="use GPUs with more memory, or a quantized model",
        )


@rule("DISAGG-ASK-005")
def request_is_within_the_context(geometry: Model | None, workload: Workload) -> Iterator[Finding]:
    """A request, prompt and answer, is within the context of the model.

    vLLM refuses longer ones.
    """
    total = workload.input_tokens + workload.output_tokens
    if geometry is not None and total > geometry.max_context_tokens:
        yield Finding(
            at=("workload", "input_tokens"),
            got=f"{workload.input_tokens:,} and {workload.output_tokens:,} are {total:,} tokens",
            need=f"at most {geometry.max_context_tokens:,}, the context of {geometry.name}",
            fix="shorten the workload, or take a model with a longer context",
        )


@rule("DISAGG-ASK-006")
def measured_pools_say_the_first_token(measurements: tuple[Measurement, ...]) -> Iterator[Finding]:
    """A measurement of two pools names the time to the first token.

    Its throughput follows from TTFT and TPOT together (Little's law); without TTFT it says nothing
    about prefill.
    """
    for number, one in enumerate(measurements):
        if one.prefill is not None and one.ttft_ms is None:
            yield Finding(
                at=("measurements", number),
                got="a prefill pool without ttft_ms",
                need="ttft_ms, the mean time to the first token",
                fix="add it, or remove prefill",
            )


@rule("DISAGG-ASK-009")
def measurements_are_possible(
    measurements: tuple[Measurement, ...],
    geometry: Model | None,
    instance_type: str,
    serving: Assumptions,
) -> Iterator[Finding]:
    """A measurement is of engines that hold what was in flight, within the model's context.

    Requests that an engine cannot hold wait, so their times are not those of a batch of that size;
    a scale fitted to them would be wrong for every layout.
    """
    instance = INSTANCE_TYPES.get(instance_type)
    if geometry is None or instance is None:
        return
    for number, one in enumerate(measurements):
        wrong = unheld(one, geometry, instance, hybrid=serving.hybrid_kv_cache)
        if wrong is not None:
            yield Finding(
                at=("measurements", number), got=wrong[0], need=wrong[1], fix=MEASURE_AGAIN
            )


@rule("DISAGG-SLO-002")
def promise_is_above_the_memory_floor(
    slo: Slo | None, geometry: Model | None, instance_type: str
) -> Iterator[Finding]:
    """The time per token is not below what the memory of a whole node allows.

    A decode step reads every active weight once: bytes over the bandwidth of all GPUs of the
    largest engine, at the peak of the data sheet. Nothing is faster (without speculation).
    """
    instance = INSTANCE_TYPES.get(instance_type)
    if slo is None or geometry is None or instance is None:
        return
    bandwidth = GPUS[instance.gpu_name].memory_gb_per_second * 1e9
    each = geometry.weight_bytes / (geometry.total_parameters_billion * 1e9)
    largest = min(instance.gpus, max(TENSOR_PARALLEL))
    floor = 1e3 * geometry.active_parameters_billion * 1e9 * each / (bandwidth * largest)
    if slo.tpot_p95_ms < floor:
        yield Finding(
            at=("slo", "tpot_p95_ms"),
            got=f"{slo.tpot_p95_ms} ms a token",
            need=f"{floor:.1f} ms or more, the time {largest} GPUs take to read the active weights",
            fix="promise more time, or take a smaller or quantized model",
        )


@rule("DISAGG-SLO-004")
def first_token_has_time_for_the_front_end(slo: Slo | None) -> Iterator[Finding]:
    """The time to the first token is longer than the way from the client to the engine and back.

    HTTP, tokenizer and router take 20 ms before any prefill. A promise below that is mostly one in
    seconds where milliseconds are asked for.
    """
    if slo is not None and slo.ttft_p95_ms <= FRONT_END_MS:
        yield Finding(
            at=("slo", "ttft_p95_ms"),
            got=f"{slo.ttft_p95_ms} ms to the first token",
            need=f"more than {FRONT_END_MS:g} ms, what the front end alone takes",
            fix=f"values are milliseconds: {slo.ttft_p95_ms} s are {slo.ttft_p95_ms * 1_000:,}",
        )


@rule("DISAGG-ASK-007")
def search_holds_a_node(search: Search, instance_type: str) -> Iterator[Finding]:
    """The search may bill a whole node.

    AWS sells no part of one; a smaller limit would find nothing.
    """
    instance = INSTANCE_TYPES.get(instance_type)
    if instance is not None and search.gpus < instance.gpus:
        yield Finding(
            at=("search", "gpus"),
            got=f"{search.gpus} GPUs",
            need=f"{instance.gpus} or more: a {instance_type} is billed whole",
            fix=f"set it to {instance.gpus}",
        )
