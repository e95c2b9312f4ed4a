"""A layout: engines that do everything, or two pools; GPUs used and GPUs billed."""

from dataclasses import dataclass
from enum import StrEnum

from disagg.catalog.instances import InstanceType
from disagg.planner.performance.predictor import Worker


class Kind(StrEnum):
    """Who does prefill."""

    AGGREGATED = "aggregated"
    """Every engine prefills and decodes: plain vLLM replicas."""
    DISAGGREGATED = "disaggregated"
    """Prefill engines hand the KV cache to decode engines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """Engines that are all alike."""

    worker: Worker
    count: int

    @property
    def gpus(self) -> int:
        """GPUs of all of them."""
        return self.worker.gpus * self.count

    def nodes(self, gpus_per_node: int) -> int:
        """Return the whole nodes they take: an engine up to a node's size never spans two."""
        if self.worker.gpus >= gpus_per_node:
            return self.count * -(-self.worker.gpus // gpus_per_node)
        return -(-self.count // (gpus_per_node // self.worker.gpus))


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where a model runs; without prefill engines it is aggregated."""

    instance: InstanceType
    engines: Engines
    """Decode engines, or those that do everything."""
    prefill: Engines | None = None
    colocated: bool = False
    """Whether prefill and decode share nodes."""
    idle_nodes: int = 0
    """Nodes that are billed and hold no engine."""

    @property
    def kind(self) -> Kind:
        """Whether prefill has engines of its own."""
        return Kind.AGGREGATED if self.prefill is None else Kind.DISAGGREGATED

    @property
    def gpus_used(self) -> int:
        """GPUs that serve."""
        return self.engines.gpus + (self.prefill.gpus if self.prefill else 0)

    @property
    def nodes(self) -> int:
        """Whole nodes that are billed.

        Roles on nodes of their own round up each; roles that share nodes round up together, which
        power-of-two engines always can.
        """
        each = self.instance.gpus
        if self.colocated or self.prefill is None:
            return self.idle_nodes + max(-(-self.gpus_used // each), self.engines.nodes(each))
        return self.idle_nodes + self.engines.nodes(each) + self.prefill.nodes(each)

    @property
    def least_nodes(self) -> int:
        """Nodes that the smallest layout of this kind stands on: one for each role apart."""
        return 1 if self.colocated or self.prefill is None else 2

    @property
    def gpus_billed(self) -> int:
        """GPUs of those nodes, idle ones included."""
        return self.nodes * self.instance.gpus

    @property
    def prefill_gpu_share(self) -> float:
        """Share of the used GPUs that only prefill."""
        return self.prefill.gpus / self.gpus_used if self.prefill else 0.0

    def __str__(self) -> str:
        """Return `8 x tp1 prefill + 2 x tp4 decode`, or `2 x tp4`."""
        own = f"{self.engines.count} x {self.engines.worker}"
        if self.prefill is None:
            return own
        return f"{self.prefill.count} x {self.prefill.worker} prefill + {own} decode"
