"""How long it takes until one more engine serves: from no node, or from a node that is there."""

from collections import Counter
from dataclasses import dataclass

from disagg.catalog.file_systems import file_system_link
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.model_loading import (
    HUB,
    NAT_GATEWAY,
    NVME,
    S3_STREAM,
    Link,
    node_interface,
)
from disagg.catalog.models import MODELS, Model
from disagg.catalog.source import Kind, Source
from disagg.config.environment import Environment
from disagg.planner.layout import NodePlan
from disagg.planner.weights import capacity_gib, file_system_of, store_of
from disagg.units import Bytes

NODE_SECONDS = 420.0
"""From the request for a GPU node until it is ready in the cluster [s]."""
IMAGE_SECONDS = 120.0
"""Pull and unpack of a server image of about 10 GB [s]."""
DOWNLOAD_GB_PER_SECOND = HUB.gb_per_second
"""Weights from the model store or the network to a node [GB/s]."""
LOAD_GB_PER_SECOND = NVME.gb_per_second
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one pod gets of a link while all pods of an environment load at once."""

    link: str
    gb_per_second: float
    pods: int
    """Downloads that share the link [count]: one for each pod, or for each node."""
    kind: str
    """`published` or `assumed`: what the rate of the link is."""
    source: str
    date: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How weights reach the GPUs of one pod of a role."""

    role: str
    weight_bytes: Bytes
    seconds: float
    """Until they are there [s]; derived."""
    way: tuple[Share, ...]
    """Links they pass at once: the slowest decides."""
    then: Share | None
    """Where they lie in between, to be read a second time; None where they are streamed."""

    @property
    def slowest(self) -> Share:
        """The link that decides how long the way takes."""
        return min(self.way, key=lambda one: one.gb_per_second)


def loading(environment: Environment, nodes: tuple[NodePlan, ...]) -> tuple[Loading, ...]:
    """Return how long the weights of each role take when every pod starts at once.

    Each pod loads all weights for itself; where a node's pods share their downloads, one of them
    does it for all. From the hub they go to the node's disk and from there to the GPUs, one after
    the other; from a store they stream into the GPUs, and so they do from a file system in front of
    it.

    Args:
        environment: A checked environment.
        nodes: Its nodes, with the pods on them.

    Source: time = bytes / rate of the slowest link, its rate over the pods that share it.
    """
    size = MODELS[environment.serving.model].weight_bytes
    stored = store_of(environment) is not None
    shared = environment.serving.cache == "node" and not stored
    downloads = {node.name: min(len(node.pods), 1) if shared else len(node.pods) for node in nodes}
    found = []
    for role in ("prefill", "decode"):
        fullest = max(nodes, key=lambda node: Counter(pod.role for pod in node.pods)[role])
        gpus = next(pod.tensor_parallel for pod in fullest.pods if pod.role == role)
        interface = node_interface(INSTANCE_TYPES[fullest.instance_type])
        counts = {
            "pod": 1,
            "node": downloads[fullest.name],
            "environment": sum(downloads.values()),
        }
        links = (*_source(environment), interface)
        way = tuple(_share(link, counts[link.shared_by]) for link in links)
        then = None if stored else _share(NVME, 1, gpus)
        seconds = size / 1e9 / min(one.gb_per_second for one in way)
        if then:
            seconds += size / 1e9 / then.gb_per_second
        found.append(Loading(role=role, weight_bytes=size, seconds=seconds, way=way, then=then))
    return tuple(found)


def _source(environment: Environment) -> tuple[Link, ...]:
    """Return the links between where weights lie and the interface of a node."""
    fsx = file_system_of(environment)
    if fsx is not None:
        size = capacity_gib(fsx, MODELS[environment.serving.model])
        return (file_system_link(size, fsx.throughput_mb_per_tib),)
    return (S3_STREAM,) if store_of(environment) else (HUB, NAT_GATEWAY)


def _share(link: Link, pods: int, gpus: int = 1) -> Share:
    return Share(
        link=link.name,
        gb_per_second=link.gb_per_second * gpus / pods,
        pods=pods,
        kind=str(link.source.kind),
        source=link.source.reference,
        date=link.source.date,
    )
