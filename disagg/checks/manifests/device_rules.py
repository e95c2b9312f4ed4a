"""Rules about devices: counted or claimed, never both, and claims that can be given."""

from collections.abc import Iterator
from typing import Any

from disagg.catalog.dra import (
    DEVICE_CLASSES,
    DRA,
    EFA_CLASS,
    GPU_CLASS,
    MOST_DEVICES_OF_A_CLAIM,
    PCIE_ROOT,
    PCIE_ROOTS,
    PcieRoots,
)
from disagg.catalog.resources import EFA, LABEL_INSTANCE_TYPE, NVIDIA_GPU
from disagg.checks.manifests.objects import Json, Manifests, Workload, title
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_COUNTED = (NVIDIA_GPU, EFA)
_TEMPLATE = "ResourceClaimTemplate"


@rule("DISAGG-DEV-005")
def devices_are_counted_or_claimed(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Pods count devices where device plugins hand them out, and claim them where DRA drivers do.

    What nobody hands out leaves the pod waiting. Both at once would be worse: a device plugin and a
    driver on one node each give away the same GPU. Source: EKS user guide, device-management.
    """
    claimed = environment.capacity.device_exposure == DRA
    for workload in manifests.workloads:
        for one in workload.containers:
            counted = sorted(name for name in _COUNTED if name in one.counted)
            if claimed and counted:
                yield Finding(
                    at=(*one.at, "resources"),
                    got=f"{' and '.join(counted)} with device_exposure dra",
                    need="claims only",
                    fix="name a claim of the pod under resources.claims",
                )
        if not claimed and workload.pod.get("resourceClaims"):
            yield Finding(
                at=(*workload.at, "resourceClaims"),
                got="claims with device_exposure device_plugin",
                need=" and ".join(_COUNTED),
                fix="remove the claims and request the devices",
            )


@rule("DISAGG-DEV-006")
def claims_are_made_and_used(manifests: Manifests) -> Iterator[Finding]:
    """Every claim a container names is one of its pod, made from a template that is rendered.

    A pod whose template is missing is never scheduled; a claim that no container names is given,
    and its devices are seen by none.
    """
    have = {title(one) for one in manifests.kind(_TEMPLATE)}
    for workload in manifests.workloads:
        made = {
            one["name"]: one.get("resourceClaimTemplateName", "")
            for one in workload.pod.get("resourceClaims", [])
        }
        named = {name for one in workload.containers for name in one.claims}
        missing = {
            f"claim {name}: {_TEMPLATE} {template or 'of no name'} is not rendered"
            for name, template in made.items()
            if f"{_TEMPLATE} {workload.namespace}/{template}" not in have
        }
        wrong = [
            *(f"a container names claim {name}, the pod has none" for name in named - made.keys()),
            *(f"no container names claim {name}" for name in made.keys() - named),
            *missing,
        ]
        for text in sorted(wrong):
            yield Finding(
                at=(*workload.at, "resourceClaims"),
                got=text,
                need="claims that are made from a template and named by containers",
                fix="render the template, and name its claim in the pod and in each container",
            )


@rule("DISAGG-DEV-007")
def claims_can_be_given(manifests: Manifests) -> Iterator[Finding]:
    """A claim asks for devices that one node publishes, and together only for those of one root.

    Known device classes, exact numbers, at most 32 devices; every set of GPUs and EFA devices with
    one PCIe root is no larger than a root of the instance type, and every GPU of a pod with EFA
    devices is in such a set where the type's roots are known. An impossible claim costs more than
    a pod that waits: the scheduler tries for ten seconds, again and again, while other pods stand
    behind. Source: measured on a real scheduler 1.34.4; Kubernetes API, ResourceClaim.
    """
    templates = {title(one): one for one in manifests.kind(_TEMPLATE)}
    for workload in manifests.workloads:
        roots = PCIE_ROOTS.get(workload.pod.get("nodeSelector", {}).get(LABEL_INSTANCE_TYPE, ""))
        for claim in workload.pod.get("resourceClaims", []):
            name = claim.get("resourceClaimTemplateName", "")
            template = templates.get(f"{_TEMPLATE} {workload.namespace}/{name}")
            if template is None:
                continue
            for text in _impossible(template["spec"]["spec"]["devices"], roots, workload):
                yield Finding(
                    at=(title(template), "spec", "spec", "devices"),
                    got=text,
                    need="devices that one node of the type can give",
                    fix="render the template from the planner's sets",
                )


def _impossible(devices: Json, roots: PcieRoots | None, workload: Workload) -> Iterator[str]:
    asked = {one["name"]: one.get("exactly", {}) for one in devices.get("requests", [])}
    constraints: list[dict[str, Any]] = devices.get("constraints", [])
    bound = {name for one in constraints for name in one.get("requests", [])}
    yield from _unknown(asked)
    yield from (
        f"a constraint on {one}, which is not asked for" for one in sorted(bound - set(asked))
    )
    for one in constraints:
        if one.get("matchAttribute") != PCIE_ROOT:
            yield f"devices with the same {one.get('matchAttribute')}"
        names = one.get("requests", [])
        gpus, efa = (_count(asked, names, kind.name) for kind in (GPU_CLASS, EFA_CLASS))
        if roots is not None and (gpus, efa) != (roots.gpus, roots.efa_devices):
            yield f"a set of {gpus} GPUs and {efa} EFA devices"
    apart = sorted(asked.keys() - bound)
    if apart and roots is not None and EFA in workload.requests:
        yield f"{', '.join(apart)} on any PCIe root"


def _unknown(asked: dict[str, Json]) -> Iterator[str]:
    for name, one in asked.items():
        if one.get("deviceClassName") not in DEVICE_CLASSES:
            yield f"request {name} of class {one.get('deviceClassName')}"
        if one.get("allocationMode", "ExactCount") != "ExactCount":
            yield f"request {name} of {one['allocationMode']} devices"
    total = sum(one.get("count", 1) for one in asked.values())
    if total > MOST_DEVICES_OF_A_CLAIM:
        yield f"{total} devices in one claim, {MOST_DEVICES_OF_A_CLAIM} are the most"


def _count(asked: dict[str, Json], names: list[str], device_class: str) -> int:
    return sum(
        asked[name].get("count", 1)
        for name in names
        if name in asked and asked[name].get("deviceClassName") == device_class
    )
