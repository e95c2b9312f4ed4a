"""What predicts the time of an engine step. Roofline, silicon and measured all have this form."""

import math
from dataclasses import dataclass, replace
from typing import Protocol

from disagg.catalog.source import Source
from disagg.planner.performance.traffic import Shape

MAX_BATCHED_TOKENS = 8_192
"""Prompt tokens of one engine step: vLLM splits a longer prompt into chunks of this size.
Source: vLLM V1 default of --max-num-batched-tokens on large GPUs, and what InferenceX sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One engine: its GPUs, and how the model is spread over them."""

    tensor_parallel: int
    data_parallel: int = 1
    """Attention replicas inside the engine, each with its own sequences."""
    expert_parallel: int = 1
    """Groups of GPUs that hold different experts."""

    @property
    def gpus(self) -> int:
        """GPUs of the engine."""
        return self.tensor_parallel * self.data_parallel

    def __str__(self) -> str:
        """Return `tp4`, `tp1 dp8 ep8`."""
        parts = [f"tp{self.tensor_parallel}"]
        if self.data_parallel > 1:
            parts.append(f"dp{self.data_parallel}")
        if self.expert_parallel > 1:
            parts.append(f"ep{self.expert_parallel}")
        return " ".join(parts)


class Predictor(Protocol):
    """Time of one engine step for one model on one kind of GPU."""

    @property
    def name(self) -> str:
        """`roofline`, `silicon` or `measured`."""

    @property
    def origin(self) -> Source:
        """Where its figures come from."""

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """Return the time of one step that decodes `batch` sequences [ms]."""

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """Return by how much one prompt delays `batch` decoding sequences of its engine [ms].

        All chunks of the prompt together: each of their steps less a step that only decodes. Where
        sequences end so fast that a step takes several prompts in, its part of what they cost
        together: what a step has to spare is spent once.
        """

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """Return the time an engine that only prefills takes for `prompts` at once [ms]."""


def prompts_of_a_step(batch: float, shape: Shape, data_parallel: int = 1) -> float:
    """Return how many prompts a step takes in when `batch` sequences decode, at least one.

    batch / OSL end in a step, and as many begin; the token budget is the most.

    Source: Little's law; vLLM V1's --max-num-batched-tokens.

    Example:
        >>> shape = Shape(input_tokens=2_000, output_tokens=100)
        >>> prompts_of_a_step(50, shape), prompts_of_a_step(200, shape)
        (1.0, 2.0)
        >>> prompts_of_a_step(1_000, shape)
        4.096
    """
    room = MAX_BATCHED_TOKENS * data_parallel / max(1.0, shape.computed_tokens)
    return max(1.0, min(batch / shape.output_tokens, room))


def steps_of_a_token(batch: float, shape: Shape, data_parallel: int = 1) -> float:
    """Return how many steps a further token takes when `batch` sequences decode, at least one.

    More than one where new prompts bring more tokens than the budget of a step: each step is full
    then, and answers come as fast as prompts are taken in.

    Example:
        >>> steps_of_a_token(1_024, Shape(input_tokens=256, output_tokens=8))
        4.0
    """
    room = float(MAX_BATCHED_TOKENS * data_parallel)
    return max(1.0, batch / shape.output_tokens * shape.computed_tokens / room)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrated:
    """A predictor whose decode and prefill times are scaled by what was measured."""

    base: Predictor
    decode_scale: float
    """alpha [ratio]."""
    prefill_scale: float
    """beta [ratio]."""

    @property
    def name(self) -> str:
        """Name of the predictor that is scaled."""
        return self.base.name

    @property
    def origin(self) -> Source:
        """Origin of the predictor, with the scales."""
        scales = f"decode x {self.decode_scale:.3f}, prefill x {self.prefill_scale:.3f}"
        return replace(self.base.origin, reference=f"{self.base.origin.reference}; {scales}")

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.decode_scale * self.base.decode_ms(worker, batch, shape)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.prefill_scale * self.base.prompt_ms(worker, batch, shape)

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """See `Predictor`."""
        return self.prefill_scale * self.base.prefill_ms(worker, prompts, shape)


def prompts_at_once(shape: Shape) -> float:
    """Return how many prompts a step takes: as many as its token budget holds, one at least.

    Example:
        >>> prompts_at_once(Shape(input_tokens=1024, output_tokens=1))
        8.0
    """
    return max(1.0, MAX_BATCHED_TOKENS / max(1.0, shape.computed_tokens))


def chunks(shape: Shape) -> int:
    """Return the steps a prompt is split into.

    Example:
        >>> chunks(Shape(input_tokens=20_000, output_tokens=1))
        3
    """
    return max(1, math.ceil(shape.computed_tokens / MAX_BATCHED_TOKENS - 1e-9))


def steps_for(shape: Shape) -> float:
    """Return the steps a prompt costs when steps are full: less than one where several share it.

    Example:
        >>> steps_for(Shape(input_tokens=1_024, output_tokens=1))
        0.125
    """
    return chunks(shape) / prompts_at_once(shape)
