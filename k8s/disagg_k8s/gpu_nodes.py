"""GPU nodes that Karpenter makes: a node class and a static node pool for each group."""

from constructs import Construct

from disagg.catalog.amis import AL2023, AMI_FAMILIES, LABEL_NODE_AMI, AmiFamily
from disagg.catalog.dra import DRA, NODE_LABELS
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.karpenter import (
    CAPACITY_BLOCK_DRAIN_MINUTES,
    LABEL_BOUGHT,
    NODE_CLASS_API,
    NODE_POOL_API,
)
from disagg.catalog.resources import (
    GPU_TAINT,
    LABEL_INSTANCE_TYPE,
    LABEL_NODE_ENVIRONMENT,
    LABEL_NODE_ROLE,
    LABEL_ZONE_ID,
)
from disagg.config.capacity import CapacityBlock, GpuGroup, OnDemand
from disagg.config.environment import Environment
from disagg.planner.bottlerocket import bottlerocket_settings
from disagg.planner.fabric import network_interfaces
from disagg.planner.karpenter import fabric_tags, instance_profile_name, pool_name
from disagg.planner.layout import groups
from disagg.planner.reservations import identity, placement_group_of
from disagg_k8s import names
from disagg_k8s.manifest import Concern, Json

_COMPONENT = "gpu-nodes"
_DRAIN_MINUTES = 60
"""How long a node's pods may hold its end up [minutes], but for a Capacity Block: longer than a
model takes to load on the node that comes in its place, which is what their budget waits for."""
_ROOT_DEVICE = "/dev/xvda"


class GpuNodes(Concern):
    """What Karpenter is to make in place of a managed node group, for each group of the file.

    The pools are static: `replicas` nodes run, whatever pods there are, and no more than
    `limits.nodes` at any time, so that a successor starts when its predecessor is gone; there is no
    spare GPU node to be had. Karpenter replaces no node by itself (a budget of none, no expiry): it
    would end the half of a model server that a newer AMI or a changed label made out of date.

    Source: Karpenter documentation, concepts/nodepools (static capacity) and concepts/disruption.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        labels = names.common(environment, _COMPONENT)
        for name, group in groups(environment.capacity).items():
            pool = pool_name(environment, name)
            self.add(
                "EC2NodeClass",
                pool,
                api_version=NODE_CLASS_API,
                labels=labels,
                body={"spec": _node_class(environment, name, group)},
            )
            self.add(
                "NodePool",
                pool,
                api_version=NODE_POOL_API,
                labels=labels,
                body={"spec": _node_pool(environment, name, group)},
            )


def _node_class(environment: Environment, name: str, group: GpuGroup) -> Json:
    existing = environment.network.existing
    tags = fabric_tags(environment)
    ami = AMI_FAMILIES[group.ami]
    placement_group = placement_group_of(environment, name)
    spec: Json = {
        # Why the newest: only who deploys knows a version. A release changes no node that runs.
        "amiSelectorTerms": [{"alias": f"{ami.name}@latest"}],
        # Why not `role`: then Karpenter would make the profile, and need the right to make more.
        "instanceProfile": instance_profile_name(environment),
        "subnetSelectorTerms": [
            {"id": existing.fabric_subnet.id} if existing else {"tags": tags},
        ],
        "securityGroupSelectorTerms": [
            # Why: EKS tags the group it makes for the cluster so.
            {"tags": {f"kubernetes.io/cluster/{environment.cluster_name}": "owned"}},
            {"tags": tags},
        ],
        "networkInterfaces": [
            {
                "networkCardIndex": one.card,
                "deviceIndex": one.device,
                "interfaceType": one.kind,
            }
            for one in network_interfaces(INSTANCE_TYPES[group.instance_type])
        ],
        "blockDeviceMappings": _volumes(ami, group.root_volume_gib),
        "instanceStorePolicy": "RAID0",
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        },
        "tags": {
            "disagg:environment": environment.name,
            "disagg:role": name,
            **environment.aws.tags,
        },
    }
    if ami.user_data == "toml":
        # Why not the disks: `instanceStorePolicy` joins them, and a second array is refused.
        spec["userData"] = bottlerocket_settings(
            device_plugin=environment.capacity.device_exposure != DRA, join_disks=False
        )
    if not isinstance(group.source, OnDemand):
        spec["capacityReservationSelectorTerms"] = [{"id": identity(group.source)}]
    if placement_group is not None:
        spec["placementGroupSelector"] = {"name": placement_group}
    return spec


def _volumes(ami: AmiFamily, size_gib: int) -> list[Json]:
    sizes = {ami.data_device: size_gib}
    if ami.system_volume_gib is not None:
        sizes = {_ROOT_DEVICE: ami.system_volume_gib, **sizes}
    return [
        {
            "deviceName": device,
            "ebs": {
                "deleteOnTermination": True,
                "encrypted": True,
                "volumeSize": f"{gib}Gi",
                "volumeType": "gp3",
            },
        }
        for device, gib in sizes.items()
    ]


def _node_pool(environment: Environment, name: str, group: GpuGroup) -> Json:
    block = isinstance(group.source, CapacityBlock)
    wanted = {
        LABEL_INSTANCE_TYPE: group.instance_type,
        LABEL_ZONE_ID: environment.network.fabric_zone_id,
        LABEL_BOUGHT: "on-demand" if isinstance(group.source, OnDemand) else "reserved",
    }
    key, value = GPU_TAINT
    return {
        "replicas": group.desired_nodes,
        "limits": {"nodes": group.nodes},
        "disruption": {"budgets": [{"nodes": "0"}], "consolidateAfter": "Never"},
        "template": {
            "metadata": {"labels": _labels(environment, name, group)},
            "spec": {
                "nodeClassRef": {
                    "group": NODE_CLASS_API.partition("/")[0],
                    "kind": "EC2NodeClass",
                    "name": pool_name(environment, name),
                },
                "requirements": [
                    {"key": label, "operator": "In", "values": [one]}
                    for label, one in wanted.items()
                ],
                "taints": [{"key": key, "value": value, "effect": "NoSchedule"}],
                "expireAfter": "Never",
                # Why shorter for a block: EC2 ends what is left then.
                "terminationGracePeriod": (
                    f"{CAPACITY_BLOCK_DRAIN_MINUTES if block else _DRAIN_MINUTES}m"
                ),
            },
        },
    }


def _labels(environment: Environment, name: str, group: GpuGroup) -> dict[str, str]:
    """Return the labels that a managed node group gives its nodes."""
    return {
        LABEL_NODE_ENVIRONMENT: environment.name,
        LABEL_NODE_ROLE: name,
        **({} if group.ami == AL2023 else {LABEL_NODE_AMI: group.ami}),
        **(NODE_LABELS if environment.capacity.device_exposure == DRA else {}),
    }
