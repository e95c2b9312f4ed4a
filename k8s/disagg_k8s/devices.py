"""How pods get GPUs and EFA devices: as counted resources, or by claims on DRA drivers."""

from collections.abc import Iterator

from constructs import Construct

from disagg.catalog.dra import API_VERSION, DRA, EFA_CLASS, GPU_CLASS, PCIE_ROOT
from disagg.catalog.resources import EFA, NVIDIA_GPU
from disagg.config.environment import Environment
from disagg.planner.devices import ClaimPlan, claim_plan
from disagg.planner.layout import PodPlan, pod, pool_instance
from disagg_k8s import names
from disagg_k8s.manifest import Concern, Json

_CLAIM = "devices"


class DeviceClaims(Concern):
    """A template for the claims of each role; every pod gets claims of its own from it.

    The name says what is asked for: the spec of a template cannot change, so another layout is
    another template. What it leaves behind costs nothing and is pruned like any other object.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        for role in (names.DECODE, names.PREFILL, names.BASELINE):
            plan = _claims_of(environment, role)
            labels = names.common(environment, role)
            devices: Json = {"requests": list(_requests(plan))}
            constraints = list(_constraints(plan))
            if constraints:
                devices["constraints"] = constraints
            self.add(
                "ResourceClaimTemplate",
                _template(role, plan),
                namespace=environment.serving_namespace,
                api_version=API_VERSION,
                labels=labels,
                body={"spec": {"metadata": {"labels": labels}, "spec": {"devices": devices}}},
            )


def by_claim(environment: Environment) -> bool:
    """Return whether DRA drivers hand out devices, so that pods claim them."""
    return environment.capacity.device_exposure == DRA


def counted(environment: Environment, *, gpus: int = 0, efa_devices: int = 0) -> dict[str, str]:
    """Return devices as resources of a container; none where they are claimed."""
    amounts = {NVIDIA_GPU: gpus, EFA: efa_devices}
    if by_claim(environment):
        return {}
    return {name: str(amount) for name, amount in amounts.items() if amount}


def used_claims(environment: Environment, role: str) -> Json:
    """Return what makes a container see the devices of its pod, beside requests and limits.

    Every container that uses a device names the claim; it is given once, to the pod.
    """
    if not by_claim(environment):
        return {}
    return {"claims": [{"name": name} for name in _names(_claims_of(environment, role))]}


def pod_claims(environment: Environment, role: str) -> Json:
    """Return the claims of a pod; nothing where devices are counted resources."""
    if not by_claim(environment):
        return {}
    plan = _claims_of(environment, role)
    template = _template(role, plan)
    return {
        "resourceClaims": [
            {"name": name, "resourceClaimTemplateName": template} for name in _names(plan)
        ]
    }


def _claims_of(environment: Environment, role: str) -> ClaimPlan:
    serving, capacity = environment.serving, environment.capacity
    one: PodPlan = pod(role, serving, capacity)
    return claim_plan(one, pool_instance(role, serving, capacity))


def _names(plan: ClaimPlan) -> list[str]:
    if plan.claims == 1:
        return [_CLAIM]
    return [f"{_CLAIM}-{number}" for number in range(plan.claims)]


def _template(role: str, plan: ClaimPlan) -> str:
    """Return a name that differs wherever the spec does.

    Example:
        >>> from disagg.planner.devices import DeviceSet
        >>> near = DeviceSet(gpus=1, efa_devices=1, same_root=True)
        >>> _template("decode", ClaimPlan(claims=1, sets=(near,) * 4))
        'decode-4gpu-4efa-near'
    """
    gpus, efa = plan.gpus // plan.claims, plan.efa_devices // plan.claims
    return f"{role}-{gpus}gpu-{efa}efa" + ("-near" if plan.same_root else "")


def _requests(plan: ClaimPlan) -> Iterator[Json]:
    for index, one in enumerate(plan.sets):
        for kind, name, count in (
            (GPU_CLASS, f"gpu-{index}", one.gpus),
            (EFA_CLASS, f"efa-{index}", one.efa_devices),
        ):
            if count:
                exactly = {
                    "deviceClassName": kind.name,
                    "allocationMode": "ExactCount",
                    "count": count,
                }
                yield {"name": name, "exactly": exactly}


def _constraints(plan: ClaimPlan) -> Iterator[Json]:
    for index, one in enumerate(plan.sets):
        if one.same_root:
            yield {"requests": [f"gpu-{index}", f"efa-{index}"], "matchAttribute": PCIE_ROOT}
