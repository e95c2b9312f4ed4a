"""Karpenter, played: the nodes that node pools and node classes become in an account.

It is the controller's part, done on what was read back: selectors find subnets and security groups
by their tags, every interface carries every group, and the AMI follows from alias and type. What it
makes has the shape of a managed node group, so that one comparison and one maker of nodes serve
both.

Source: aws/karpenter-provider-aws@1d927085d pkg/providers/launchtemplate/launchtemplate.go and
    pkg/providers/amifamily (AMIs, user data).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from disagg.catalog.amis import AMI_FAMILIES, LOCAL_DISK_DIRECTORIES
from disagg.catalog.karpenter import LABEL_BOUGHT
from disagg.catalog.resources import LABEL_INSTANCE_TYPE, LABEL_ZONE_ID
from disagg.local.aws.readback import LaunchTemplate, NetworkInterface, NodeGroup, Taint, Volume
from disagg.local.aws.readback_network import SecurityGroup, Subnet
from disagg.local.compare import Created

Json = Mapping[str, Any]
Manifests = Mapping[str, Sequence[Json]]
_Tagged = TypeVar("_Tagged", Subnet, SecurityGroup)
_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


def with_node_pools(created: Created, manifests: Manifests) -> Created:
    """Return what was created, with the nodes that Karpenter makes of the node pools.

    Without node pools that is what was created. A pool whose node class is not there makes no node.
    """
    objects = [one for group in manifests.values() for one in group]
    classes = {one["metadata"]["name"]: one for one in objects if one["kind"] == "EC2NodeClass"}
    pools = [one for one in objects if one["kind"] == "NodePool"]
    named = [(one, classes.get(_spec(one)["nodeClassRef"]["name"])) for one in pools]
    made = [_group(pool, of["spec"], created) for pool, of in named if of is not None]
    return replace(created, node_groups=(*created.node_groups, *made))


def _spec(pool: Json) -> dict[str, Any]:
    """Return the template of the pool's nodes."""
    found: dict[str, Any] = pool["spec"]["template"]["spec"]
    return found


def _group(pool: Json, node_class: Json, created: Created) -> NodeGroup:
    spec, name = pool["spec"], pool["metadata"]["name"]
    asked = {one["key"]: tuple(one["values"]) for one in _spec(pool)["requirements"]}
    types = asked.get(LABEL_INSTANCE_TYPE, ())
    zones = asked.get(LABEL_ZONE_ID)
    family = node_class["amiSelectorTerms"][0]["alias"].partition("@")[0]
    profiles = created.karpenter.instance_profiles if created.karpenter else {}
    roles = profiles.get(node_class["instanceProfile"], ())
    return NodeGroup(
        name=name,
        node_pool=name,
        arn="",
        version=created.cluster.version,
        role_arn=roles[0] if roles else "",
        subnet_ids=tuple(
            one.id
            for one in _selected(node_class["subnetSelectorTerms"], created.subnets)
            if zones is None or one.zone_id in zones
        ),
        ami_type=AMI_FAMILIES[family].ami_type,
        capacity_type=" or ".join(asked.get(LABEL_BOUGHT, ())),
        instance_types=types,
        minimum=0,
        desired=spec["replicas"],
        maximum=int(spec["limits"]["nodes"]),
        labels=spec["template"]["metadata"]["labels"],
        taints=tuple(
            Taint(key=one["key"], value=one["value"], effect=_EFFECTS[one["effect"]])
            for one in _spec(pool)["taints"]
        ),
        max_unavailable=None,
        max_unavailable_percentage=None,
        repair=False,
        launch_template=_template(name, types[0] if types else "", node_class, created),
        tags=node_class["tags"],
    )


def _template(name: str, type_name: str, node_class: Json, created: Created) -> LaunchTemplate:
    groups = _selected(node_class["securityGroupSelectorTerms"], created.security_groups.values())
    metadata = node_class["metadataOptions"]
    held = node_class.get("capacityReservationSelectorTerms", [])
    return LaunchTemplate(
        id="",
        name=name,
        version=1,
        instance_type=type_name,
        image_id="",
        interfaces=tuple(
            NetworkInterface(
                card=one["networkCardIndex"],
                device=one["deviceIndex"],
                type=one["interfaceType"],
                security_group_ids=tuple(group.id for group in groups),
                subnet_id="",
                public_address=None,
                delete_on_termination=True,
            )
            for one in node_class["networkInterfaces"]
        ),
        volumes=tuple(
            Volume(
                device_name=one["deviceName"],
                size_gib=int(one["ebs"]["volumeSize"].removesuffix("Gi")),
                type=one["ebs"]["volumeType"],
                iops=None,
                throughput_mibps=None,
                encrypted=one["ebs"]["encrypted"],
                kms_key_id="",
            )
            for one in node_class["blockDeviceMappings"]
        ),
        placement_group=node_class.get("placementGroupSelector", {}).get("name", ""),
        # Why not said: EC2 tells Karpenter what kind of reservation it is.
        market_type="",
        reservation=" or ".join(one["id"] for one in held),
        http_tokens=metadata["httpTokens"],
        http_hop_limit=metadata["httpPutResponseHopLimit"],
        user_data=_user_data(node_class),
        tags={"instance": node_class["tags"], "volume": node_class["tags"]},
    )


def _user_data(node_class: Json) -> str:
    """Return user data with what Karpenter adds to it for local disks."""
    given: str = node_class.get("userData", "")
    if node_class.get("instanceStorePolicy") != "RAID0":
        return given
    if not node_class["amiSelectorTerms"][0]["alias"].startswith("bottlerocket"):
        return f"{given}spec: {{instance: {{localStorage: {{strategy: RAID0}}}}}}\n"
    directories = ", ".join(f'"{one}"' for one in LOCAL_DISK_DIRECTORIES)
    disk = '"apiclient", "ephemeral-storage"'
    return (
        f"{given}\n[settings.bootstrap-commands.000-mount-instance-storage]\n"
        f'commands = [[{disk}, "init"], [{disk}, "bind", "--dirs", {directories}]]\n'
        'essential = true\nmode = "always"\n'
    )


def _selected(terms: Sequence[Json], things: Iterable[_Tagged]) -> list[_Tagged]:
    """Return what one term at least selects."""
    return [one for one in things if any(_selects(term, one.id, one.tags) for term in terms)]


def _selects(term: Json, identity: str, tags: Mapping[str, str]) -> bool:
    if "id" in term:
        return bool(term["id"] == identity)
    return all(tags.get(key) == value for key, value in term["tags"].items())
