"""Devices that DRA drivers publish, and what pods claim of them, for nodes that exist only here.

A stand-in of a driver publishes what the node's launch template and type give: as many GPUs and
EFA devices, on the PCIe roots that the catalogue says. The scheduler is the real one and allocates
claims from that.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from disagg.catalog.dra import (
    API_VERSION,
    DEVICE_CLASSES,
    DRA,
    EFA_CLASS,
    GPU_CLASS,
    LABEL_DEVICE_EXPOSURE,
    PCIE_ROOT,
    PCIE_ROOTS,
    DeviceClass,
)
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.resources import LABEL_INSTANCE_TYPE
from disagg.local.cluster.api import Api
from disagg.local.compare import Created

Object = dict[str, Any]
_PATH = f"/apis/{API_VERSION}"


def claimed_on(node: Mapping[str, Any]) -> bool:
    """Return whether the devices of a node are claimed, not counted."""
    return bool(node["metadata"]["labels"].get(LABEL_DEVICE_EXPOSURE) == DRA)


def groups_claim(created: Created) -> bool:
    """Return whether devices of GPU nodes are claimed, as the labels of their groups say."""
    return any(one.labels.get(LABEL_DEVICE_EXPOSURE) == DRA for one in created.node_groups)


def make_classes(api: Api, drivers: Collection[str]) -> None:
    """Make the device classes that the charts of drivers bring."""
    for one in DEVICE_CLASSES.values():
        if one.chart in drivers:
            api.must(api.apply(_device_class(one)))


def publish(api: Api, node: Mapping[str, Any], drivers: Collection[str]) -> None:
    """Publish the devices of a node as its drivers do.

    Args:
        api: The server.
        node: With its devices as counted resources, which is how nodes are made here.
        drivers: Names of the drivers that run on it.
    """
    for one in DEVICE_CLASSES.values():
        count = int(node["status"]["allocatable"].get(one.resource, "0"))
        if count and claimed_on(node) and one.chart in drivers:
            api.must(api.apply(_slice(node, one, count)))


def offered(api: Api, nodes: Sequence[Mapping[str, Any]]) -> list[Object]:
    """Return nodes that list what drivers published beside what they give."""
    counts: dict[str, dict[str, int]] = {}
    names = {one.driver: one.name for one in DEVICE_CLASSES.values()}
    for one in api.items(f"{_PATH}/resourceslices"):
        on_node = counts.setdefault(one["spec"].get("nodeName", ""), {})
        name = names.get(one["spec"]["driver"], one["spec"]["driver"])
        on_node[name] = on_node.get(name, 0) + len(one["spec"].get("devices") or [])
    return [_offering(one, counts.get(one["metadata"]["name"], {})) for one in nodes]


def asked(api: Api, pods: Sequence[Any]) -> tuple[Any, ...]:
    """Return pods whose specs list the devices they claim among the requests of a container."""
    if not any(one.spec.get("resourceClaims") for one in pods):
        return tuple(pods)
    templates = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): _amounts(one)
        for one in api.items(f"{_PATH}/resourceclaimtemplates")
    }
    return tuple(_asking(one, templates) for one in pods)


def _offering(node: Mapping[str, Any], devices: Mapping[str, int]) -> Object:
    given = {name: str(count) for name, count in devices.items()}
    both = {**node["status"]["allocatable"], **given}
    return {**node, "status": {**node["status"], "allocatable": both}}


def _asking(pod: Any, templates: Mapping[tuple[str, str], Mapping[str, int]]) -> Any:
    namespace = pod.workload.partition("/")[0]
    total: dict[str, int] = {}
    for one in pod.spec.get("resourceClaims") or []:
        name = one.get("resourceClaimTemplateName", "")
        for device, count in templates.get((namespace, name), {}).items():
            total[device] = total.get(device, 0) + count
    if not total:
        return pod
    first, *rest = pod.spec["containers"]
    resources = first.get("resources") or {}
    more = {name: str(count) for name, count in total.items()}
    wanted = {**resources, "requests": {**(resources.get("requests") or {}), **more}}
    return replace(pod, spec={**pod.spec, "containers": [{**first, "resources": wanted}, *rest]})


def _amounts(template: Mapping[str, Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in template["spec"]["spec"]["devices"].get("requests") or []:
        exactly = one.get("exactly") or {}
        name = exactly.get("deviceClassName", "")
        total[name] = total.get(name, 0) + exactly.get("count", 1)
    return total


def _device_class(one: DeviceClass) -> Object:
    selectors = [{"cel": {"expression": one.selector}}]
    metadata = {"name": one.name}
    spec = {"selectors": selectors}
    return {"apiVersion": API_VERSION, "kind": "DeviceClass", "metadata": metadata, "spec": spec}


def _slice(node: Mapping[str, Any], kind: DeviceClass, count: int) -> Object:
    name = node["metadata"]["name"]
    return {
        "apiVersion": API_VERSION,
        "kind": "ResourceSlice",
        "metadata": {"name": f"{name}-{kind.driver}"},
        "spec": {
            "driver": kind.driver,
            "nodeName": name,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
            "devices": list(_devices(node, kind, count)),
        },
    }


def _devices(node: Mapping[str, Any], kind: DeviceClass, count: int) -> Iterator[Object]:
    type_name = node["metadata"]["labels"][LABEL_INSTANCE_TYPE]
    roots = PCIE_ROOTS.get(type_name)
    per_root = 0
    if roots is not None:
        per_root = roots.gpus if kind is GPU_CLASS else roots.efa_devices
    for number in range(count):
        attributes: Object = _attributes(kind, type_name)
        if per_root:
            attributes[PCIE_ROOT] = {"string": f"pci0000:{number // per_root:02x}"}
        short = "gpu" if kind is GPU_CLASS else "efa"
        yield {"name": f"{short}-{number}", "attributes": attributes}


def _attributes(kind: DeviceClass, type_name: str) -> Object:
    """Return what the class selects by, as its driver publishes it."""
    if kind is EFA_CLASS:
        return {
            "dra.net/pciDevice": {"string": "Elastic Fabric Adapter (EFA)"},
            "dra.net/rdma": {"bool": True},
        }
    instance = INSTANCE_TYPES.get(type_name)
    product = f"NVIDIA {instance.gpu_name}" if instance else "NVIDIA"
    return {"type": {"string": "gpu"}, "productName": {"string": product}}
