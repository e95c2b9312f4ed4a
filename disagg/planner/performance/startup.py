"""How long it takes until one more engine serves: from no node, or from a node that is there."""

from dataclasses import dataclass

from disagg.catalog.models import Model
from disagg.catalog.source import Kind, Source

NODE_SECONDS = 420.0
"""From the request for a GPU node until it is ready in the cluster [s]."""
IMAGE_SECONDS = 120.0
"""Pull and unpack of a server image of about 10 GB [s]."""
DOWNLOAD_GB_PER_SECOND = 1.5
"""Weights from the model store or the network to a node [GB/s]."""
LOAD_GB_PER_SECOND = 4.0
"""Weights from local NVMe to one GPU [GB/s]."""
WARM_UP_SECONDS = 60.0
"""Compilation, CUDA graphs and the first prompts [s]."""
STARTUP_SOURCE = Source(
    kind=Kind.ASSUMED,
    reference="orders of magnitude; measure yours in step 1 of the pilot",
    date="2026-11-27",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Startup:
    """Time until an engine serves [s]."""

    on_a_new_node: float
    on_a_ready_node: float
    """Image and weights are on the node's disk already."""


def startup(model: Model, gpus: int) -> Startup:
    """Return how long an engine of so many GPUs takes to start; its GPUs load side by side.

    Source: derived from the assumed rates above: time = bytes / rate for each stage in turn.

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> round(startup(MODELS["openai/gpt-oss-120b"], 4).on_a_ready_node)
        64
    """
    size = model.weight_bytes / 1e9
    ready = size / gpus / LOAD_GB_PER_SECOND + WARM_UP_SECONDS
    return Startup(
        on_a_new_node=NODE_SECONDS + IMAGE_SECONDS + size / DOWNLOAD_GB_PER_SECOND + ready,
        on_a_ready_node=ready,
    )
