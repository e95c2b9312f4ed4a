"""Nodes of a HyperPod cluster that exist only in the API, made from what was read back of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.catalog.instances import HYPERPOD_MAX_PODS, INSTANCE_TYPES, ec2_name
from disagg.catalog.resources import (
    EFA,
    EFA_HUGE_PAGES_MIB,
    HEALTHY,
    HUGE_PAGES_2MI,
    LABEL_HOSTNAME,
    LABEL_INSTANCE_TYPE,
    LABEL_NODE_HEALTH,
    LABEL_NODE_ROLE,
    LABEL_ZONE,
    NVIDIA_GPU,
)
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.local.aws.readback_hyperpod import HyperPod, InstanceGroup
from disagg.local.aws.readback_network import Subnet
from disagg.local.cluster.nodes import LABEL_INSTANCE_GROUP, UnknownNodeError

_ROOT_VOLUME_GIB = 100
"""Root volume of a HyperPod instance. Source: SageMaker developer guide, HyperPod storage."""


def hyperpod_nodes(
    hyperpod: HyperPod | None, subnets: tuple[Subnet, ...], sizes: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield a Node for each instance that the groups may have.

    Args:
        hyperpod: What was read back; None makes no node.
        subnets: What was read back of the VPC.
        sizes: Largest number of nodes by value of `disagg/role`: an instance group has no maximum
            of its own, so only the plan knows. Groups without one: at the size they were made with.

    Raises:
        UnknownNodeError: A group has a type that no catalogue knows, or a subnet that is not
            there.
    """
    by_id = {one.id: one for one in subnets}
    for group in hyperpod.groups if hyperpod else ():
        name = ec2_name(group.instance_type)
        if name not in INSTANCE_TYPES and name not in SYSTEM_INSTANCE_TYPES:
            raise UnknownNodeError(
                f"instance group {group.name}: {group.instance_type!r} is in no catalogue"
            )
        for number in range(sizes.get(group.labels.get(LABEL_NODE_ROLE, ""), group.count)):
            subnet = group.subnet_ids[number % len(group.subnet_ids)]
            if subnet not in by_id:
                raise UnknownNodeError(
                    f"instance group {group.name}: its subnet {subnet} does not exist"
                )
            yield _node(group, f"{group.name}-{number + 1}", by_id[subnet])


def _node(group: InstanceGroup, name: str, subnet: Subnet) -> dict[str, Any]:
    amounts = _amounts(group)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **group.labels,
                LABEL_HOSTNAME: name,
                LABEL_INSTANCE_TYPE: group.instance_type,
                LABEL_INSTANCE_GROUP: group.name,
                LABEL_NODE_HEALTH: HEALTHY,
                LABEL_ZONE: subnet.zone_name,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {
            "taints": [
                {"key": key, "value": value, "effect": effect}
                for key, value, effect in group.taints
            ]
        },
        "status": {"allocatable": amounts, "capacity": amounts},
    }


def _amounts(group: InstanceGroup) -> dict[str, str]:
    """Return what a node gives to pods: that of its EC2 type, but for pods and disk."""
    name = ec2_name(group.instance_type)
    if name in SYSTEM_INSTANCE_TYPES:
        system = SYSTEM_INSTANCE_TYPES[name]
        return {
            "cpu": f"{system.allocatable_cpu_milli}m",
            "memory": f"{system.allocatable_memory_mib}Mi",
            "pods": str(system.hyperpod_max_pods),
            "ephemeral-storage": f"{_ROOT_VOLUME_GIB}Gi",
        }
    instance = INSTANCE_TYPES[name]
    huge = EFA_HUGE_PAGES_MIB if group.interface_type else 0
    amounts = {
        "cpu": f"{instance.allocatable_cpu_milli * (group.threads_per_core or 1) // 2}m",
        "memory": f"{instance.allocatable_memory_mib - huge}Mi",
        "pods": str(HYPERPOD_MAX_PODS),
        "ephemeral-storage": f"{instance.nvme_gb * 10**9 // 2**30}Gi",
        NVIDIA_GPU: str(instance.gpus),
    }
    if group.interface_type:
        amounts |= {EFA: str(instance.efa_devices), HUGE_PAGES_2MI: f"{huge}Mi"}
    return amounts
