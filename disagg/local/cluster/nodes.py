"""Nodes that exist only in the API, made from what AWS says it created.

Labels, taints, zone, type, count and EFA interfaces come from the read-back of node groups, launch
templates and subnets; what a type gives to pods comes from the catalogue. Nothing comes from the
environment file: what the two sides disagree on shows as a pod without a place.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.karpenter import LABEL_BOUGHT, LABEL_NODE_POOL
from disagg.catalog.resources import (
    EFA,
    EFA_HUGE_PAGES_MIB,
    HUGE_PAGES_2MI,
    LABEL_CAPACITY_TYPE,
    LABEL_HOSTNAME,
    LABEL_INSTANCE_TYPE,
    LABEL_NODE_ROLE,
    LABEL_ZONE,
    LABEL_ZONE_ID,
    NVIDIA_GPU,
)
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES, SystemInstanceType
from disagg.errors import DisaggError
from disagg.local.aws.readback import LaunchTemplate, NodeGroup
from disagg.local.aws.readback_network import Subnet
from disagg.local.aws.user_data import joins_local_disks
from disagg.local.compare import Created

LABEL_NODE_GROUP = "eks.amazonaws.com/nodegroup"
LABEL_INSTANCE_GROUP = "sagemaker.amazonaws.com/instance-group-name"
"""Label of a HyperPod node, in place of that of a node group."""
LABEL_REGION = "topology.kubernetes.io/region"
_EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "NO_EXECUTE": "NoExecute",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
}
_EFA_INTERFACES = frozenset({"efa", "efa-only"})
_GIB_OF_UNKNOWN_VOLUME = 20
_LONGEST_LABEL = 63
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class UnknownNodeError(DisaggError):
    """What was created cannot be turned into nodes."""


def make_nodes(created: Created) -> list[dict[str, Any]]:
    """Return a Node for each instance that the node groups may have.

    GPU groups are taken at their largest size, because they are created empty; groups without GPUs
    at the size they are created with.

    Raises:
        UnknownNodeError: A group has a type that no catalogue knows, or a subnet that is not there.
    """
    subnets = {one.id: one for one in created.subnets}
    counted: Counter[str] = Counter()
    made = []
    for group in created.node_groups:
        # Why: a node has a host's name, whatever the label is.
        prefix = _NOT_IN_NAMES.sub("-", group.labels.get(LABEL_NODE_ROLE, "").lower()) or "node"
        for number in range(_size(group)):
            counted[prefix] += 1
            subnet = _subnet(group, number, subnets)
            made.append(_node(group, f"{prefix}-{counted[prefix]}", subnet))
    return made


def group_of(node: Mapping[str, Any]) -> str:
    """Return the name of the node group, node pool or instance group a node belongs to."""
    labels = node["metadata"]["labels"]
    keys = (LABEL_NODE_GROUP, LABEL_NODE_POOL, LABEL_INSTANCE_GROUP)
    return next((str(labels[key]) for key in keys if labels.get(key)), "")


def _size(group: NodeGroup) -> int:
    name = _type_name(group)
    # Why here: a group that has no nodes yet must be found out as well.
    if name not in INSTANCE_TYPES and name not in SYSTEM_INSTANCE_TYPES:
        raise UnknownNodeError(
            f"node group {group.name}: its instance type {name!r} is in no catalogue"
        )
    return group.maximum if name in INSTANCE_TYPES else group.desired


def _type_name(group: NodeGroup) -> str:
    template = group.launch_template
    if template is not None and template.instance_type:
        return template.instance_type
    # Why the first: EKS takes it unless it is sold out, and fake nodes never are.
    return group.instance_types[0] if group.instance_types else ""


def _subnet(group: NodeGroup, number: int, subnets: dict[str, Subnet]) -> Subnet:
    wanted = group.subnet_ids[number % len(group.subnet_ids)] if group.subnet_ids else "none"
    if wanted not in subnets:
        raise UnknownNodeError(f"node group {group.name}: its subnet {wanted} does not exist")
    return subnets[wanted]


def _node(group: NodeGroup, name: str, subnet: Subnet) -> dict[str, Any]:
    type_name = _type_name(group)
    amounts = _amounts(group, type_name)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **group.labels,
                **_made_by(group),
                LABEL_HOSTNAME: name,
                LABEL_INSTANCE_TYPE: type_name,
                LABEL_REGION: subnet.zone_name.rstrip("abcdefghijklmnopqrstuvwxyz"),
                LABEL_ZONE: subnet.zone_name,
                LABEL_ZONE_ID: subnet.zone_id,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {
            "taints": [
                {"key": one.key, "value": one.value, "effect": _EFFECTS.get(one.effect, one.effect)}
                for one in group.taints
            ]
        },
        "status": {"allocatable": amounts, "capacity": amounts},
    }


def _made_by(group: NodeGroup) -> dict[str, str]:
    """Return the labels that EKS or Karpenter puts on the nodes it makes."""
    if group.node_pool:
        return {LABEL_NODE_POOL: group.node_pool, LABEL_BOUGHT: group.capacity_type}
    return {
        **({LABEL_CAPACITY_TYPE: group.capacity_type} if group.capacity_type else {}),
        # Why cut: CloudFormation makes names that fit a label; the endpoint's are longer.
        LABEL_NODE_GROUP: group.name[:_LONGEST_LABEL].rstrip("-"),
    }


def _amounts(group: NodeGroup, type_name: str) -> dict[str, str]:
    """Return what a node gives to pods, its daemons included, as Kubernetes writes quantities."""
    if type_name in SYSTEM_INSTANCE_TYPES:
        system = SYSTEM_INSTANCE_TYPES[type_name]
        return _basic(system) | {"ephemeral-storage": f"{_disk_gib(group)}Gi"}
    instance = INSTANCE_TYPES[type_name]
    efa = _efa_interfaces(group.launch_template)
    amounts = _basic(instance) | {
        NVIDIA_GPU: str(instance.gpus),
        "ephemeral-storage": f"{_disk_gib(group, instance)}Gi",
    }
    if not efa:
        return amounts
    return amounts | {
        EFA: str(efa),
        # Why: the EFA driver allocates them from RAM before any pod starts.
        HUGE_PAGES_2MI: f"{EFA_HUGE_PAGES_MIB}Mi",
        "memory": f"{instance.allocatable_memory_mib - EFA_HUGE_PAGES_MIB}Mi",
    }


def _basic(instance: InstanceType | SystemInstanceType) -> dict[str, str]:
    return {
        "cpu": f"{instance.allocatable_cpu_milli}m",
        "memory": f"{instance.allocatable_memory_mib}Mi",
        "pods": str(instance.max_pods),
    }


def _efa_interfaces(template: LaunchTemplate | None) -> int:
    return sum(one.type in _EFA_INTERFACES for one in template.interfaces) if template else 0


def _disk_gib(group: NodeGroup, instance: InstanceType | None = None) -> int:
    """Return the disk that containers share [GiB]: NVMe as RAID 0 where asked for, else EBS."""
    template = group.launch_template
    if instance and template and joins_local_disks(template.user_data):
        return instance.nvme_gb * 10**9 // 2**30
    sizes = [one.size_gib for one in template.volumes if one.size_gib] if template else []
    return max(sizes, default=_GIB_OF_UNKNOWN_VOLUME)
