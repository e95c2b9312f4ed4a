"""The workload file: a question about capacity and money, before there is an environment."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.environment import Budget, Pricing, Slo, Workload
from disagg.config.form import STRICT
from disagg.config.measurement import Measurement, Result

LARGEST_SEARCH_GPUS = 512
DEFAULT_OPERATIONS_USD = 5_000.0
"""What running two pools costs beside the nodes [USD/month]: assumed, 2026-11-27; a quarter of an
engineer."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Assumptions:
    """What of the serving stack the prediction depends on."""

    hybrid_kv_cache: bool = True
    """Whether vLLM's hybrid KV cache manager is on: sliding layers then keep only their window."""
    block_size: Literal[16, 32, 64, 128] = 128
    """Tokens of one KV block."""
    router_policy: Literal["load_aware", "prefix_aware", "prefix_precise"] = "prefix_aware"
    """`prefix_aware` and `prefix_precise` send a prompt where its prefix is cached, and are counted
    alike."""
    ram_cache_gib_per_gpu: Annotated[float, Field(ge=0, le=100_000)] = 0
    """RAM that keeps KV blocks dropped from the GPU [GiB for each GPU]. 0: no such tier."""
    disk_cache_gib_per_gpu: Annotated[float, Field(ge=0, le=1_000_000)] = 0
    """Local disk that keeps KV blocks dropped from RAM [GiB for each GPU]. 0: no such tier."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Search:
    """Which layouts are looked at."""

    gpus: Annotated[int, Field(ge=1, le=LARGEST_SEARCH_GPUS)] = 64
    """Most GPUs that are billed."""
    spare_engines: Annotated[int, Field(ge=0, le=8)] = 0
    """Engines of each role that may fail while every promise is still kept: 1 is N+1."""
    data_parallel: bool = False
    """Also engines of several attention replicas that share experts (wide EP). An environment
    cannot say them yet, so `--write` refuses such a layout."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Team:
    """What the people who will run it can do."""

    kubernetes: Literal["none", "basic", "experienced"] = "basic"
    """Amazon EKS or HyperPod, Helm, gateways."""
    rdma: Literal["none", "basic", "experienced"] = "none"
    """EFA, NIXL, UCX or libfabric: finding out why a transfer is slow."""
    on_call: bool = False
    """Whether somebody answers at night."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Operations:
    """What disaggregation costs beside the GPU nodes."""

    usd_per_month: Annotated[float, Field(ge=0, le=1e9)] = DEFAULT_OPERATIONS_USD
    """Router nodes, observability, people [USD/month]. The default is assumed: a quarter of an
    engineer."""
    once_usd: Annotated[float, Field(ge=0, le=1e9)] = 0
    """Migration and training [USD]; the pilot is counted on its own."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Question:
    """A workload file: the whole of it."""

    apiVersion: Literal["disagg/v1"]  # noqa: N815  Why: the key of the file, as in environments.
    kind: Literal["Workload"]
    model: Annotated[str, Field(examples=["openai/gpt-oss-120b"])]
    """A model of the catalogue by its Hugging Face id, or any name with `model_config_file`."""
    model_config_file: Annotated[str, Field(examples=["./config.json"])] | None = None
    """`config.json` of a model the catalogue lacks, relative to this file."""
    weight_gib: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Weights of that model as stored [GiB]. Default: counted from its configuration."""
    instance_type: str = "p6-b200.48xlarge"
    """A GPU type of the catalogue."""
    region: str = "us-east-1"
    """AWS region whose prices count."""
    platform: Literal["eks", "hyperpod"] = "eks"
    """Whose price list counts: EC2's or HyperPod's."""
    serving: Assumptions = Field(default_factory=Assumptions)
    workload: Workload
    slo: Slo | None = None
    search: Search = Field(default_factory=Search)
    team: Team = Field(default_factory=Team)
    operations: Operations = Field(default_factory=Operations)
    pricing: Pricing = Field(default_factory=Pricing)
    budget: Budget | None = None
    measurements: tuple[Measurement, ...] = ()
    """Measured operating points, by hand."""
    results: tuple[Result, ...] = ()
    """Measured operating points, from files."""
