"""Handing the KV cache from prefill to decode: bytes, descriptors, link, and the slow way round."""

import math
from dataclasses import dataclass

from disagg.catalog.instances import InstanceType
from disagg.catalog.kv_links import (
    DESCRIPTOR_US,
    EFA_EFFICIENCY,
    HANDSHAKE_MS,
    LARGEST_LINK_LOAD,
    TCP_GB_PER_SECOND,
)
from disagg.catalog.models import Attention, Model
from disagg.planner.kv import kv_bytes
from disagg.planner.layout import efa_devices
from disagg.planner.performance.predictor import Worker


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What carries the KV cache from one prefill worker to one decode worker."""

    prefill_gb_per_second: float
    """Share of the cards that the prefill worker has, on the data sheet [GB/s]."""
    decode_gb_per_second: float
    """The same of the decode worker [GB/s]."""

    @property
    def line_gb_per_second(self) -> float:
        """Rate of one hand-over on the data sheet: the smaller share [GB/s]."""
        return min(self.prefill_gb_per_second, self.decode_gb_per_second)

    @property
    def slow_gb_per_second(self) -> float:
        """Lower end of what was measured [GB/s]."""
        return self.line_gb_per_second * EFA_EFFICIENCY[0]

    @property
    def fast_gb_per_second(self) -> float:
        """Upper end [GB/s]."""
        return self.line_gb_per_second * EFA_EFFICIENCY[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """One hand-over of a prompt's KV cache."""

    bytes: int
    descriptors: int
    fast_ms: float
    slow_ms: float
    tcp_ms: float
    """Time if the transfer fell back to TCP, at the fast end of what that reaches [ms]."""

    @property
    def usual_ms(self) -> float:
        """Time between both ends, in logarithms [ms]."""
        return math.sqrt(self.fast_ms * self.slow_ms)


def efa_link(instance: InstanceType, prefill: Worker, decode: Worker) -> Link:
    """Return the EFA path between two workers: the smaller of their shares of the cards.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> one, four = Worker(tensor_parallel=1), Worker(tensor_parallel=4)
        >>> efa_link(INSTANCE_TYPES["p6-b200.48xlarge"], one, four).line_gb_per_second
        50.0
    """
    return Link(
        prefill_gb_per_second=_line(instance, prefill.gpus),
        decode_gb_per_second=_line(instance, decode.gpus),
    )


def _line(instance: InstanceType, gpus: int) -> float:
    """Return the EFA line rate of a worker's devices [GB/s]."""
    each = instance.network_gbps / 8 / instance.efa_devices
    return each * efa_devices(instance, min(gpus, instance.gpus))


def descriptors(model: Model, tokens: int, block: int, prefill: Worker, decode: Worker) -> int:
    """Return how many pieces a transfer has: a layer's K and its V, block by block, rank by rank.

    A latent cache has one vector and is held whole by each decode rank, so each rank reads it all.

    Source: vLLM NixlConnector as planner facts §5 sums it up; 5,000 tokens at block 16 are tens of
        thousands of descriptors there (vLLM RFC 50913).

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> descriptors(MODELS["openai/gpt-oss-120b"], 5_000, 16, Worker(tensor_parallel=1),
        ...             Worker(tensor_parallel=1))
        22536
    """
    latent = any(run.attention is Attention.LATENT for run in model.layers)
    layers = sum(run.count for run in model.layers)
    vectors, ranks = (
        (1, decode.tensor_parallel)
        if latent
        else (2, max(1, decode.tensor_parallel // prefill.tensor_parallel))
    )
    return layers * vectors * math.ceil(tokens / block) * ranks


def transfer_bytes(model: Model, tokens: int, decode: Worker, *, hybrid: bool) -> int:
    """Return the bytes a hand-over moves [B]; a latent cache goes to every decode rank whole."""
    latent = any(run.attention is Attention.LATENT for run in model.layers)
    return kv_bytes(model, tokens, hybrid=hybrid) * (decode.tensor_parallel if latent else 1)


def transfer(
    model: Model,
    tokens: int,
    link: Link,
    prefill: Worker,
    decode: Worker,
    *,
    block: int,
    hybrid: bool,
) -> Transfer:
    """Return the hand-over of a prompt of so many tokens.

    T = t0 + descriptors x t_descriptor + bytes / (line x efficiency).

    Source: planner facts §5; constants in `catalog/kv_links.py`.
    """
    size = transfer_bytes(model, tokens, decode, hybrid=hybrid)
    pieces = descriptors(model, tokens, block, prefill, decode)
    fixed = HANDSHAKE_MS + pieces * DESCRIPTOR_US / 1e3

    def at(gb_per_second: float) -> float:
        return fixed + size / (gb_per_second * 1e6)

    return Transfer(
        bytes=size,
        descriptors=pieces,
        fast_ms=at(link.fast_gb_per_second),
        slow_ms=at(link.slow_gb_per_second),
        tcp_ms=at(TCP_GB_PER_SECOND[1]),
    )


def largest_rate(one: Transfer, link: Link, prefill_workers: int, decode_workers: int) -> float:
    """Return the requests a second that the links of both roles carry at their slow end [1/s].

    Every byte leaves by the cards of a prefill worker and comes in by those of a decode worker, so
    the role with less bandwidth in all is the limit.

    Example:
        >>> link = Link(prefill_gb_per_second=50, decode_gb_per_second=100)
        >>> one = Transfer(bytes=1_000_000_000, descriptors=1, fast_ms=1, slow_ms=1, tcp_ms=1)
        >>> few, many = largest_rate(one, link, 2, 1), largest_rate(one, link, 20, 1)
        >>> few == many == largest_rate(one, link, 2, 20)
        True
    """
    if one.bytes == 0:
        return math.inf
    slow = EFA_EFFICIENCY[0] * _line_of_all(link, prefill_workers, decode_workers)
    return LARGEST_LINK_LOAD * slow * 1e9 / one.bytes


def fastest_rate(one: Transfer, link: Link, prefill_workers: int, decode_workers: int) -> float:
    """Return the requests a second that the links carry at their fast end, full [1/s].

    No more gets through, whatever else is free.
    """
    if one.bytes == 0:
        return math.inf
    fast = EFA_EFFICIENCY[1] * _line_of_all(link, prefill_workers, decode_workers)
    return fast * 1e9 / one.bytes


def _line_of_all(link: Link, prefill_workers: int, decode_workers: int) -> float:
    """Return the bandwidth of the role that has less of it in all, on the data sheet [GB/s]."""
    return min(
        prefill_workers * link.prefill_gb_per_second, decode_workers * link.decode_gb_per_second
    )
