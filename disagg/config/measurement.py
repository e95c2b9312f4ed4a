"""Measured operating points, by hand or from result files: what calibrates the planner."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import STRICT, Count, TensorParallel


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class PrefillPool:
    """Prefill engines of a measured layout."""

    replicas: Count
    """Engines."""
    tensor_parallel: TensorParallel
    """GPUs of one engine."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Measurement:
    """One operating point that was measured on the very model and instance type."""

    tensor_parallel: TensorParallel
    """GPUs of one engine (of one decode engine, where there is `prefill`)."""
    replicas: Count = 1
    """Engines that shared the load."""
    prefill: PrefillPool | None = None
    """Prefill pool of a disaggregated layout. Default: engines that do everything."""
    input_tokens: Annotated[float, Field(ge=1, le=10_000_000)]
    """Mean prompt [tokens]."""
    output_tokens: Annotated[float, Field(ge=2, le=10_000_000)]
    """Mean answer [tokens]."""
    concurrency: Annotated[float, Field(gt=0, le=1_000_000)]
    """Requests in flight over all engines."""
    tpot_ms: Annotated[float, Field(gt=0, le=1_000_000)]
    """Mean time of a further token [ms]."""
    ttft_ms: Annotated[float, Field(gt=0, le=10_000_000)] | None = None
    """Mean time to the first token [ms]; needed with `prefill`."""
    runs: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Runs behind these means: how much the point counts."""
    label: str = ""
    """What it was, for the report."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Result:
    """A result file of a benchmark tool; its lengths, concurrency and times are read from it."""

    file: Annotated[str, Field(examples=["results/c16.json"])]
    """JSON of vllm bench serve, aiperf or guidellm; relative to this file."""
    tensor_parallel: TensorParallel
    """GPUs of one engine: result files do not say it."""
    replicas: Count = 1
    """Engines that shared the load."""
    prefill: PrefillPool | None = None
    """Prefill pool of a disaggregated layout."""
