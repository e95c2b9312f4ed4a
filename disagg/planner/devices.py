"""What a pod claims from DRA drivers: sets of GPUs and the EFA devices near them."""

from dataclasses import dataclass

from disagg.catalog.dra import MOST_DEVICES_OF_A_CLAIM, PCIE_ROOTS
from disagg.catalog.instances import InstanceType
from disagg.planner.layout import PodPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceSet:
    """Devices that are asked for together."""

    gpus: int
    efa_devices: int
    same_root: bool
    """Whether all of them must sit on one PCIe root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimPlan:
    """The claims of one pod; they are all alike."""

    claims: int
    sets: tuple[DeviceSet, ...]
    """What each claim asks for."""

    @property
    def gpus(self) -> int:
        """GPUs of all claims."""
        return self.claims * sum(one.gpus for one in self.sets)

    @property
    def efa_devices(self) -> int:
        """EFA devices of all claims."""
        return self.claims * sum(one.efa_devices for one in self.sets)

    @property
    def same_root(self) -> bool:
        """Whether every set stays on one PCIe root."""
        return all(one.same_root for one in self.sets)


def claim_plan(one: PodPlan, instance: InstanceType) -> ClaimPlan:
    """Return what a pod claims on nodes of a type.

    A pod with several GPUs asks for as many sets, each of one root: all of them on one root would
    be asked in vain where a root has a single GPU. Without EFA devices, or where nothing says how
    devices sit, it asks for numbers only. A claim can be given 32 devices, so larger pods have
    several claims.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> from disagg.planner.layout import Resources
        >>> def asks(gpus, efa):
        ...     return PodPlan(role="decode", groups=("decode",), tensor_parallel=gpus, shm_mib=0,
        ...                    requests=Resources(gpus=gpus, efa_devices=efa))
        >>> four = claim_plan(asks(4, 4), INSTANCE_TYPES["p6-b200.48xlarge"])
        >>> four.claims, len(four.sets), four.sets[0].same_root
        (1, 4, True)
        >>> claim_plan(asks(8, 32), INSTANCE_TYPES["p5.48xlarge"]).claims
        2
    """
    gpus, efa = one.requests.gpus, one.requests.efa_devices
    roots = PCIE_ROOTS.get(instance.name)
    if roots is None or gpus % roots.gpus or efa != gpus // roots.gpus * roots.efa_devices:
        return ClaimPlan(claims=1, sets=(DeviceSet(gpus=gpus, efa_devices=efa, same_root=False),))
    near = DeviceSet(gpus=roots.gpus, efa_devices=roots.efa_devices, same_root=True)
    sets, size = gpus // roots.gpus, roots.gpus + roots.efa_devices
    claims = 1
    # Why doubled: tensor parallelism is a power of two, so halves of the sets are whole.
    while sets // claims * size > MOST_DEVICES_OF_A_CLAIM:
        claims *= 2
    return ClaimPlan(claims=claims, sets=(near,) * (sets // claims))
