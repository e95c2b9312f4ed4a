"""What all layouts of one question share: model, nodes, predictor, KV cache, and how sure it is."""

import math
from dataclasses import dataclass, field
from functools import cached_property

from disagg.catalog.instances import InstanceType
from disagg.catalog.models import Model
from disagg.planner.performance.bands import Bands
from disagg.planner.performance.curve import Curve, curve
from disagg.planner.performance.kv_room import MAX_SEQUENCES, largest_batch, room_bytes
from disagg.planner.performance.predictor import Predictor, Worker, chunks, prompts_at_once
from disagg.planner.performance.queueing import Service
from disagg.planner.performance.traffic import Lengths, Shape, Traffic

LIMIT_KV = "KV cache"
LIMIT_SLOTS = "sequence slots"
"""Sequences an engine runs at once, --max-num-seqs of vLLM."""
FRONT_END_MS = 20.0
"""From the client to the engine and back: HTTP, tokenizer, router [ms].

Derived, 2026-11-27: the shortest times to the first token of the aggregated training rows
(gpt-oss-120b, B200, concurrency 16, 1,024 tokens) are 23 to 25 ms longer than the prefill that is
predicted.
"""
HAND_OVER_MS = (25.0, 150.0, 300.0)
"""What disaggregation adds beside the transfer of the KV cache: a second request, notification,
scheduling; at best, usually, at worst [ms].

Derived, 2026-11-27: times to the first token of the disaggregated training rows at low load, less
the prefill that is predicted: 26 ms at least, 90 to 300 ms in most. Those rows ran under Dynamo;
nothing measured says what llm-d adds.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """The question that layouts answer."""

    model: Model
    instance: InstanceType
    predictor: Predictor
    bands: Bands
    traffic: Traffic
    hybrid: bool
    """Whether vLLM's hybrid KV cache manager is on."""
    block_size: int
    """Tokens of a KV block."""
    prefix_aware: bool
    """Whether the router sends a prompt where its prefix is cached."""
    ram_bytes_per_gpu: float = 0.0
    """Host memory that keeps KV blocks for each GPU [B]; 0 where there is no such tier."""
    disk_bytes_per_gpu: float = 0.0
    """Local disk that keeps KV blocks for each GPU [B]; 0 where there is no such tier."""
    engines: "dict[tuple[Worker, float], Engine]" = field(
        default_factory=dict, compare=False, repr=False
    )
    """Engines that were asked for, with their curves; shared by copies that differ in bands."""

    def engine(self, worker: Worker, hit: float) -> "Engine":
        """Return an engine; its curves are worked out once for each half percent of hits."""
        # Why never all: more than 99.5 % would round to prompts that cost nothing.
        key = worker, min(round(hit * 200), 199) / 200
        if key not in self.engines:
            self.engines[key] = Engine(self, worker, key[1])
        return self.engines[key]


class Engine:
    """One kind of engine in a setting: its curves, asked of the predictor once."""

    def __init__(self, setting: Setting, worker: Worker, hit: float) -> None:
        self.setting, self.worker, self.hit = setting, worker, hit
        self.shape: Shape = setting.traffic.shape(hit)

    @property
    def fits(self) -> bool:
        """Whether the weights leave room for a KV cache."""
        return room_bytes(self.setting.model, self.setting.instance, self.worker) > 0

    @cached_property
    def largest_batch(self) -> float:
        """Sequences its KV cache holds at once."""
        one = self.setting
        return largest_batch(
            one.model, one.instance, self.worker, self.shape.mean_context, hybrid=one.hybrid
        )

    @property
    def memory_limit(self) -> str:
        """What ends the batch: `KV cache`, or `sequence slots` where memory would hold more."""
        slots = float(MAX_SEQUENCES * self.worker.data_parallel)
        return LIMIT_SLOTS if self.largest_batch >= slots else LIMIT_KV

    @cached_property
    def decode_ms(self) -> Curve:
        """Step time over the decoding batch [ms]."""
        return curve(
            lambda batch: self.setting.predictor.decode_ms(self.worker, batch, self.shape),
            self.largest_batch,
        )

    @cached_property
    def prompt_ms(self) -> Curve:
        """What one prompt costs the decoding batch, over the batch [ms]."""
        return curve(
            lambda batch: self.setting.predictor.prompt_ms(self.worker, batch, self.shape),
            self.largest_batch,
        )

    @cached_property
    def lengths(self) -> tuple[tuple[float, int], ...]:
        """Delay of each length over that of the mean one, and the steps it is split into.

        The ratio is taken at one batch: how a delay grows with the prompt hardly depends on how
        many decode beside it.
        """
        batch = math.sqrt(max(1.0, self.largest_batch))
        ask = self.setting.predictor.prompt_ms
        mean = ask(self.worker, batch, self.shape)
        return tuple(
            (
                ask(self.worker, batch, one) / mean
                if mean > 0
                else one.computed_tokens / self.shape.computed_tokens,
                chunks(one),
            )
            for one in _shapes(self.setting.traffic.inputs, self.shape)
        )

    @cached_property
    def prefill(self) -> Service:
        """Time of a prompt on an engine that only prefills."""
        ask = self.setting.predictor.prefill_ms
        several = prompts_at_once(self.shape)
        alone = ask(self.worker, 1.0, self.shape)
        each = min(alone, ask(self.worker, several, self.shape) / several)
        return Service(
            points_ms=tuple(
                ask(self.worker, 1.0, shape)
                for shape in _shapes(self.setting.traffic.inputs, self.shape)
            ),
            each_at_full_batch_ms=each / self.worker.data_parallel,
        )


def _shapes(inputs: Lengths, mean: Shape) -> list[Shape]:
    share = mean.cached_tokens / mean.input_tokens
    return [
        Shape(input_tokens=one, output_tokens=mean.output_tokens, cached_tokens=one * share)
        for one in inputs.points()
    ]
