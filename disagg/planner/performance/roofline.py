"""Step times from peaks: the larger of memory and arithmetic time, plus what no peak explains."""

import math
from dataclasses import dataclass

from disagg.catalog.gpus import Gpu
from disagg.catalog.models import Attention, Model
from disagg.catalog.source import Kind, Source
from disagg.planner.kv import kv_bytes
from disagg.planner.performance.predictor import (
    MAX_BATCHED_TOKENS,
    Worker,
    prompts_of_a_step,
)
from disagg.planner.performance.traffic import Shape

MEMORY_EFFICIENCY = 0.70
"""Share of the memory peak that a decode step reaches."""
MATRIX_EFFICIENCY = 0.43
"""Share of the matrix peak that a prefill step reaches."""
LAYER_MS = 0.040
"""Time of a layer that no peak explains: launches, norms, routing [ms]."""
STEP_MS = 0.50
"""Time of a step outside the layers: scheduling, sampling [ms]."""
ALL_REDUCE_MS = 0.0070
"""Latency of one all-reduce for each doubling of the GPUs [ms]."""
LINK_EFFICIENCY = 0.70
"""Share of the link peak that an all-reduce reaches: assumed, 2026-11-23."""
CONSTANTS = Source(
    kind=Kind.DERIVED,
    reference=(
        "roofline; memory and matrix efficiency, layer, step and all-reduce times fitted on the"
        " training rows (docs/planner.md) of gpt-oss-120b and Llama-3.1-70B, vLLM, of the sample of"
        " aiconfigurator-core 0.12.0 (InferenceX, measured 2025-10 to 2026-04)"
    ),
    date="2026-11-27",
)
_BLACKWELL = frozenset({"B200", "B300", "RTX PRO Server 6000"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Roofline:
    """Low confidence, always there: needs no measurement and no data of the GPU but its peaks."""

    model: Model
    gpu: Gpu
    hybrid: bool = True
    """Whether sliding layers keep only their window (vLLM's hybrid KV cache manager)."""

    @property
    def name(self) -> str:
        """See `Predictor`."""
        return "roofline"

    @property
    def origin(self) -> Source:
        """See `Predictor`."""
        return CONSTANTS

    def decode_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """Return the time of one decode step [ms].

        Memory: dense weights and KV of the rank's sequences, and of the experts those that the
        batch touches: E (1 - (1 - k/E)^B) of E. Arithmetic: two operations a weight and token.

        Example:
            >>> from disagg.catalog.gpus import GPUS
            >>> from disagg.catalog.models import MODELS
            >>> model = Roofline(model=MODELS["openai/gpt-oss-120b"], gpu=GPUS["B200"])
            >>> shape = Shape(input_tokens=1024, output_tokens=1024)
            >>> round(model.decode_ms(Worker(tensor_parallel=4), 64, shape), 1)
            5.8
        """
        return self._step_ms(worker, batch, 0.0, 0.0, shape)

    def prompt_ms(self, worker: Worker, batch: float, shape: Shape) -> float:
        """Return by how much the chunks of one prompt delay the decoding batch [ms]."""
        alone = self._step_ms(worker, batch, 0.0, 0.0, shape)
        several = prompts_of_a_step(batch, shape, worker.data_parallel)
        decoding = max(0.0, batch - several)
        if several > 1:
            new = several * shape.computed_tokens
            step = self._step_ms(worker, decoding, new, shape.cached_tokens, shape, prompts=several)
            return max(0.0, step - alone) / several
        total, done = 0.0, shape.cached_tokens
        while done < shape.input_tokens - 1e-9:
            chunk = min(float(MAX_BATCHED_TOKENS), shape.input_tokens - done)
            total += self._step_ms(worker, decoding, chunk, done, shape) - alone
            done += chunk
        # Why: a whole step costs what it costs; the part of a step is never less than nothing.
        return max(total, 0.0)

    def prefill_ms(self, worker: Worker, prompts: float, shape: Shape) -> float:
        """Return the time of a prefill-only engine for so many prompts at once [ms]."""
        total, done = 0.0, shape.cached_tokens
        while done < shape.input_tokens - 1e-9:
            chunk = min(float(MAX_BATCHED_TOKENS), shape.input_tokens - done)
            total += self._step_ms(worker, 0.0, chunk * prompts, done, shape, prompts=prompts)
            done += chunk
        return total

    def _step_ms(
        self,
        worker: Worker,
        decoding: float,
        new_tokens: float,
        before: float,
        shape: Shape,
        *,
        prompts: float = 1.0,
    ) -> float:
        tokens = decoding + new_tokens
        memory = self._memory_bytes(worker, decoding, tokens, shape) / (
            self.gpu.memory_gb_per_second * 1e9 * MEMORY_EFFICIENCY
        )
        flops = self._flops(worker, tokens) + self._attention_flops(
            worker, new_tokens, before, prompts
        )
        compute = flops / (self.gpu.tflops(self._precision) * 1e12 * MATRIX_EFFICIENCY)
        layers = sum(run.count for run in self.model.layers)
        return (
            1e3 * max(memory, compute)
            + layers * LAYER_MS
            + STEP_MS
            + self._communication_ms(worker, tokens, layers)
        )

    @property
    def _precision(self) -> str:
        own = self.model.blackwell_matmul_precision
        return own if own and self.gpu.name in _BLACKWELL else self.model.matmul_precision

    def _memory_bytes(self, worker: Worker, decoding: float, tokens: float, shape: Shape) -> float:
        model = self.model
        dense = (model.weight_bytes - model.expert_bytes) / worker.tensor_parallel
        touched = 0.0
        if model.experts is not None:
            share = 1 - (1 - model.experts.active / model.experts.count) ** tokens
            touched = model.expert_bytes * share / worker.gpus
        context = round(shape.mean_context)
        shards = min(worker.tensor_parallel, model.kv_heads)
        own = decoding / worker.data_parallel
        return dense + touched + own * kv_bytes(model, context, hybrid=self.hybrid) / shards

    def _flops(self, worker: Worker, tokens: float) -> float:
        active = 2e9 * self.model.active_parameters_billion
        return active * tokens / worker.gpus

    def _attention_flops(
        self, worker: Worker, new_tokens: float, before: float, prompts: float
    ) -> float:
        """Return operations of scores and values: 4 x heads x width for each pair of tokens."""
        if not new_tokens:
            return 0.0
        each = new_tokens / prompts
        model, pairs = self.model, 0.0
        for run in model.layers:
            seen = before + each / 2
            if run.attention is Attention.SLIDING and run.window_tokens is not None:
                seen = min(seen, run.window_tokens)
            pairs += run.count * each * seen
        width = 4.0 * model.attention_heads * model.head_dim
        return prompts * width * pairs / worker.gpus

    def _communication_ms(self, worker: Worker, tokens: float, layers: int) -> float:
        if worker.gpus == 1:
            return 0.0
        moved = tokens * self.model.hidden_size * 2 * 2 * (worker.gpus - 1) / worker.gpus
        link = self.gpu.link_gb_per_second * 1e9 * LINK_EFFICIENCY
        return 2 * layers * (ALL_REDUCE_MS * math.log2(worker.gpus) + 1e3 * moved / link)
