"""How weights travel: what reads them, and what the links between them and a GPU carry."""

from dataclasses import dataclass
from typing import Literal

from disagg.catalog.instances import InstanceType
from disagg.catalog.source import Kind, Source
from disagg.units import Bytes

LONGEST_START_SECONDS = 3_600
"""How long a server may take until it answers [s], loading and compiling; then it is started again.
Assumed."""
STREAM_BYTES = Bytes(4_000_000_000)
"""Weights for each stream of Run:ai Model Streamer [B]. Source: awslabs/ai-on-eks guide on loading
models from S3, concurrency = size / 4 GB rounded up; read 2026-11-23."""
FEWEST_STREAMS = 8
"""The streamer's own default for object storage. Source: run-ai/runai-model-streamer
docs/src/env-vars.md@0011b07a; read 2026-11-28."""
MOST_STREAMS = 64
"""More threads than that outnumber the cores of a pod; assumed."""
SMALLEST_BUFFER = Bytes(4 * 1024**3)
"""Least RAM the streamer gets for each GPU [B]: it must hold the largest tensor, the 2.1 GB output
head of Llama 3.3 70B among the models of the catalogue; derived, twice that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One thing weights pass on their way to a GPU."""

    name: str
    gb_per_second: float
    """What it carries [GB/s]."""
    shared_by: Literal["pod", "node", "environment"]
    """Whose pods share it: `pod` is a rate each of them gets."""
    source: Source


HUB = Link(
    name="Hugging Face",
    gb_per_second=1.5,
    shared_by="pod",
    source=Source(
        kind=Kind.ASSUMED,
        reference="what the hub gives one client; measure yours in step 1 of the pilot",
        date="2026-11-27",
    ),
)
NAT_GATEWAY = Link(
    name="NAT gateway",
    gb_per_second=12.5,
    shared_by="environment",
    source=Source(
        kind=Kind.PUBLISHED,
        reference="VPC user guide, NAT gateway basics: up to 100 Gbit/s",
        date="2026-11-23",
    ),
)
S3_STREAM = Link(
    name="S3 into GPU memory",
    gb_per_second=3.77,
    shared_by="pod",
    source=Source(
        kind=Kind.PUBLISHED,
        reference=(
            "run-ai/runai-model-streamer docs/src/benchmarks.md@001e5881: 3.51 GiB/s from S3 on a"
            " g5.12xlarge, of 40 Gbit/s; on a wider interface not measured"
        ),
        date="2026-11-28",
    ),
)
NVME = Link(
    name="local NVMe",
    gb_per_second=4.0,
    shared_by="pod",
    source=Source(
        kind=Kind.ASSUMED,
        reference="order of magnitude, for each GPU of the pod; measure yours",
        date="2026-11-27",
    ),
)
"""To each GPU of a pod, which load side by side."""

_ENA_GBPS = {
    "p6-b200.48xlarge": 200,
    "p6-b300.48xlarge": 350,
    "p5.48xlarge": 100,
    "p5e.48xlarge": 100,
}
"""What the one interface with an address carries, where it is less than its card's share
[Gbit/s]."""


def node_interface(instance: InstanceType) -> Link:
    """Return the interface that weights reach a node by: EFA interfaces have no IP address.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> node_interface(INSTANCE_TYPES["p6-b200.48xlarge"]).gb_per_second
        25.0
    """
    stated = _ENA_GBPS.get(instance.name)
    gbps = stated or instance.network_gbps // instance.network_cards
    return Link(
        name=f"network interface of {instance.name}",
        gb_per_second=gbps / 8,
        shared_by="node",
        source=Source(
            kind=Kind.PUBLISHED if stated else Kind.ASSUMED,
            reference="EC2 user guide, efa-acc-inst-types: ENA of the primary interface"
            if stated
            else "bandwidth of the node over its network cards",
            date="2026-11-23",
        ),
    )
