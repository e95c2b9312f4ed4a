"""Nodes of synthesized templates without an AWS endpoint, for tests that need many of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from disagg.artifacts import Templates
from disagg.catalog.resources import NVIDIA_GPU
from disagg.local.aws.readback import LaunchTemplate, NetworkInterface, NodeGroup, Taint
from disagg.local.aws.readback_network import Subnet
from disagg.local.compare import Created
from disagg.planner.layout import NODE_AGENTS_CPU_MILLI, NODE_AGENTS_MEMORY_MIB
from disagg.quantities import quantity

Json = Mapping[str, Any]


def interface(card: int, device: int, kind: str) -> NetworkInterface:
    return NetworkInterface(
        card=card,
        device=device,
        type=kind,
        security_group_ids=(),
        subnet_id="",
        public_address=None,
        delete_on_termination=True,
    )


TEMPLATE = LaunchTemplate(
    id="lt-1",
    name="t",
    version=1,
    instance_type="p6-b200.48xlarge",
    image_id="",
    interfaces=(
        interface(0, 0, "interface"),
        interface(0, 1, "efa-only"),
        interface(1, 0, "efa-only"),
        interface(2, 0, "efa"),
    ),
    volumes=(),
    placement_group="",
    market_type="",
    reservation="",
    http_tokens="required",
    http_hop_limit=1,
    user_data="strategy: RAID0",
    tags={},
)
GROUP = NodeGroup(
    name="Decode-Nodes-1AB",
    arn="",
    version="1.34",
    role_arn="",
    subnet_ids=("subnet-1", "subnet-2"),
    ami_type="",
    capacity_type="",
    instance_types=(),
    minimum=0,
    desired=0,
    maximum=3,
    labels={"disagg/role": "decode", "more": "yes"},
    taints=(Taint(key="nvidia.com/gpu", value="present", effect="NO_SCHEDULE"),),
    max_unavailable=None,
    max_unavailable_percentage=None,
    repair=True,
    launch_template=TEMPLATE,
    tags={},
)


def created_of(groups: Sequence[NodeGroup], subnets: Sequence[Subnet]) -> Created:
    # Why a cast: only groups and subnets are read; the rest needs no stand-in.
    rest = dict.fromkeys(("cluster", "pod_identities", "access_entries"))
    lists = ("addons", "endpoints", "flow_logs", "schedules", "buckets", "roles")
    more: dict[str, Any] = {**rest, **dict.fromkeys(lists, ()), "permissions": {}}
    return Created(
        node_groups=tuple(groups),
        subnets=tuple(subnets),
        security_groups={},
        **cast("Any", more),
    )


def created_by(templates: Templates) -> Created:
    """Return the node groups and subnets that CloudFormation would make of templates."""
    subnets = {
        logical_id: _subnet(logical_id, properties)
        for _, logical_id, properties in _resources(templates, "AWS::EC2::Subnet")
    }
    groups = [
        _group(templates, name, logical_id, properties)
        for name, logical_id, properties in _resources(templates, "AWS::EKS::Nodegroup")
    ]
    return created_of(groups, list(subnets.values()))


def less_agents(node: Json) -> dict[str, Any]:
    """Return a GPU node without what daemons take of it, for clusters without stand-ins."""
    given = dict(node["status"]["allocatable"])
    if NVIDIA_GPU in given:
        given["cpu"] = str(quantity(given["cpu"]) - Decimal(NODE_AGENTS_CPU_MILLI) / 1000)
        given["memory"] = str(quantity(given["memory"]) - NODE_AGENTS_MEMORY_MIB * 2**20)
    return {**node, "status": {"allocatable": given, "capacity": given}}


def _group(templates: Templates, name: str, logical_id: str, properties: Json) -> NodeGroup:
    scaling = properties["ScalingConfig"]
    launch = _target(templates, name, properties["LaunchTemplate"]["Id"])
    return replace(
        GROUP,
        name=logical_id,
        labels=properties["Labels"],
        subnet_ids=tuple(_target(templates, name, one) for one in properties["Subnets"]),
        desired=scaling["DesiredSize"],
        maximum=scaling["MaxSize"],
        taints=tuple(
            Taint(key=one["Key"], value=one["Value"], effect=one["Effect"])
            for one in properties.get("Taints", ())
        ),
        launch_template=_launch_template(templates[name]["Resources"][launch]["Properties"]),
    )


def _launch_template(properties: Json) -> LaunchTemplate:
    data = properties["LaunchTemplateData"]
    return replace(
        TEMPLATE,
        instance_type=data["InstanceType"],
        interfaces=tuple(
            interface(one["NetworkCardIndex"], one["DeviceIndex"], one["InterfaceType"])
            for one in data.get("NetworkInterfaces", ())
        ),
        user_data=str(data.get("UserData", "")) and TEMPLATE.user_data,
    )


def _subnet(logical_id: str, properties: Json) -> Subnet:
    zone = properties["AvailabilityZoneId"]
    return Subnet(
        id=logical_id,
        name=logical_id,
        zone_id=zone,
        zone_name=zone,
        cidr=properties["CidrBlock"],
        public=False,
        maps_public_addresses=False,
        tags={},
    )


def _resources(templates: Templates, kind: str) -> Iterator[tuple[str, str, Json]]:
    for name, template in templates.items():
        for logical_id, one in template["Resources"].items():
            if one["Type"] == kind:
                yield name, logical_id, one["Properties"]


def _target(templates: Templates, name: str, reference: Json) -> str:
    """Return the logical id that a Ref means, in the template or behind an import."""
    if "Ref" in reference:
        return str(reference["Ref"])
    wanted = reference["Fn::ImportValue"]
    exported = {
        output["Export"]["Name"]: output["Value"]
        for template in templates.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    return _target(templates, name, exported[wanted])
