"""What one pod asks for, what a node gives, and which pod lands on which node."""

from dataclasses import dataclass, replace

from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.resources import EFA_HUGE_PAGES_MIB
from disagg.config.capacity import Capacity, GpuGroup
from disagg.config.serving import BaselinePool, Pool, Serving
from disagg.units import gib_to_mib

CPU_PER_GPU = 8
"""CPU cores of a model server for each GPU. Source: llm-d guides/pd-disaggregation (8 at tp 1, 16
at tp 4), rounded up."""
MEMORY_GIB_PER_GPU = 64
"""RAM of a model server for each GPU [GiB], without `/dev/shm`. Source: llm-d v0.5.1 guide, 64Gi at
tp 1."""
NODE_AGENTS_CPU_MILLI = 2_000
NODE_AGENTS_MEMORY_MIB = 4_096
"""Left on each GPU node for daemons (CNI, proxy, device plugins, exporters): assumed,
2026-11-23."""
SIDECAR_CPU_MILLI = 1_000
SIDECAR_MEMORY_MIB = 1_024
"""Routing sidecar of a decode pod: assumed; measured at rest 35-45 MiB (llm-d pd-sidecar,
2026-11-23)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """Amounts of what pods share on a node; arithmetic is element by element."""

    gpus: int = 0
    efa_devices: int = 0
    cpu_milli: int = 0
    memory_mib: int = 0
    """RAM [MiB]; `/dev/shm` counts here too."""
    huge_pages_mib: int = 0
    pods: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            **{name: getattr(self, name) + getattr(other, name) for name in RESOURCE_NAMES}
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            **{name: getattr(self, name) - getattr(other, name) for name in RESOURCE_NAMES}
        )

    def times(self, count: int) -> "Resources":
        """Return `count` times every amount."""
        return Resources(**{name: getattr(self, name) * count for name in RESOURCE_NAMES})

    def fits_in(self, available: "Resources") -> int:
        """Return how many times these amounts fit into what is available."""
        times: int = min(
            getattr(available, name) // getattr(self, name)
            for name in RESOURCE_NAMES
            if getattr(self, name)
        )
        return times

    def exceeding(self, available: "Resources") -> tuple[str, ...]:
        """Return the names of the amounts that are larger than what is available."""
        return tuple(n for n in RESOURCE_NAMES if getattr(self, n) > getattr(available, n))


RESOURCE_NAMES = tuple(Resources.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PodPlan:
    """One pod of a role, and the node groups it may run in."""

    role: str
    """`prefill`, `decode` or `baseline`."""
    groups: tuple[str, ...]
    tensor_parallel: int
    requests: Resources
    shm_mib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePlan:
    """One node with the pods on it."""

    name: str
    """`<group>-<number>`: stands for a node, which has no name yet."""
    group: str
    instance_type: str
    available: Resources
    pods: tuple[PodPlan, ...] = ()

    @property
    def used(self) -> Resources:
        """Sum of what its pods ask for."""
        return sum((pod.requests for pod in self.pods), Resources())

    @property
    def free(self) -> Resources:
        """What is left."""
        return self.available - self.used


def groups(capacity: Capacity) -> dict[str, GpuGroup]:
    """Return the GPU node groups that the file names, in a fixed order."""
    named = {"prefill": capacity.prefill, "decode": capacity.decode, "shared": capacity.shared}
    return {name: group for name, group in named.items() if group is not None}


def efa_devices(instance: InstanceType, gpus: int) -> int:
    """Return the EFA devices of a pod: its GPUs' share of the node, one at least, none shared.

    Example:
        >>> efa_devices(INSTANCE_TYPES["p6-b200.48xlarge"], 4)
        4
    """
    return max(1, instance.efa_devices * gpus // instance.gpus)


def node_resources(instance: InstanceType) -> Resources:
    """Return what a node gives to model servers: what kubelet and daemons leave."""
    return Resources(
        gpus=instance.gpus,
        efa_devices=instance.efa_devices,
        cpu_milli=instance.allocatable_cpu_milli - NODE_AGENTS_CPU_MILLI,
        memory_mib=instance.allocatable_memory_mib - NODE_AGENTS_MEMORY_MIB - EFA_HUGE_PAGES_MIB,
        huge_pages_mib=EFA_HUGE_PAGES_MIB,
        pods=instance.max_pods,
    )


def server_requests(pool: Pool, instance: InstanceType) -> Resources:
    """Return what one model server container asks for on nodes of this type."""
    gpus = pool.tensor_parallel
    memory_gib = pool.memory_gib or MEMORY_GIB_PER_GPU * gpus + pool.shm_gib
    return Resources(
        gpus=gpus,
        efa_devices=efa_devices(instance, gpus),
        cpu_milli=(pool.cpu or CPU_PER_GPU * gpus) * 1_000,
        memory_mib=gib_to_mib(memory_gib),
        huge_pages_mib=pool.huge_pages_mib,
        pods=1,
    )


def baseline_as_pool(baseline: BaselinePool) -> Pool:
    """Return the baseline pool with the defaults of the other pools."""
    return Pool(replicas=1, tensor_parallel=baseline.tensor_parallel)


def pool_groups(role: str, serving: Serving, capacity: Capacity) -> tuple[str, ...]:
    """Return the node groups a role may run in: its own, the shared one, or any (baseline)."""
    if serving.placement == "colocate":
        return ("shared",)
    return (role,) if role != "baseline" else tuple(groups(capacity))


def pool_instance(role: str, serving: Serving, capacity: Capacity) -> InstanceType:
    """Return the instance type a role runs on (the first of its groups).

    Raises:
        KeyError: The environment was not checked: the group or its type is unknown.
    """
    group = groups(capacity)[pool_groups(role, serving, capacity)[0]]
    return INSTANCE_TYPES[group.instance_type]


def pod(role: str, serving: Serving, capacity: Capacity) -> PodPlan:
    """Return one pod of a role; decode has its routing sidecar, the baseline no EFA."""
    pools = {
        "prefill": serving.prefill,
        "decode": serving.decode,
        "baseline": baseline_as_pool(serving.baseline),
    }
    pool = pools[role]
    requests = server_requests(pool, pool_instance(role, serving, capacity))
    if role == "decode":
        requests += Resources(cpu_milli=SIDECAR_CPU_MILLI, memory_mib=SIDECAR_MEMORY_MIB)
    if role == "baseline":
        requests = replace(requests, efa_devices=0)
    return PodPlan(
        role=role,
        groups=pool_groups(role, serving, capacity),
        tensor_parallel=pool.tensor_parallel,
        requests=requests,
        shm_mib=gib_to_mib(pool.shm_gib),
    )


def pods(serving: Serving, capacity: Capacity) -> tuple[tuple[PodPlan, int], ...]:
    """Return one pod of each role that runs, and how many of it.

    Decode comes first: its pods are the larger ones, and their priority is higher. The baseline
    runs only when these do not.
    """
    counts = {"decode": serving.decode.replicas, "prefill": serving.prefill.replicas}
    return tuple((pod(role, serving, capacity), count) for role, count in counts.items())


def pods_on_a_node(one: PodPlan, instance: InstanceType) -> int:
    """Return how many pods of a role one empty node takes."""
    return one.requests.fits_in(node_resources(instance))


def nodes(capacity: Capacity) -> tuple[NodePlan, ...]:
    """Return every node of every group, empty."""
    return tuple(
        NodePlan(
            name=f"{name}-{number + 1}",
            group=name,
            instance_type=group.instance_type,
            available=node_resources(INSTANCE_TYPES[group.instance_type]),
        )
        for name, group in groups(capacity).items()
        for number in range(group.nodes)
    )


def place(
    wanted: tuple[tuple[PodPlan, int], ...], empty: tuple[NodePlan, ...]
) -> tuple[tuple[NodePlan, ...], dict[str, int]]:
    """Return the nodes with pods on them, and how many pods of each role fit nowhere.

    Fills the fullest node that takes a pod, then the next. Pods of a role are alike and larger ones
    come first, so with power-of-two tensor parallelism this finds a place for every pod whenever
    the GPUs allow one.
    """
    filled = list(empty)
    homeless: dict[str, int] = {}
    for one, count in wanted:
        left = count
        may_use = [index for index, node in enumerate(filled) if node.group in one.groups]
        for index in sorted(may_use, key=lambda index: (filled[index].free.gpus, index)):
            here = min(left, one.requests.fits_in(filled[index].free))
            if here:
                filled[index] = replace(filled[index], pods=filled[index].pods + (one,) * here)
                left -= here
        if left:
            homeless[one.role] = left
    return tuple(filled), homeless
