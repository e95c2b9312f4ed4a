"""EC2 resource types that moto lacks, and what its own forget."""

import json
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.responses import EC2Response

from disagg.local.aws.cloudformation import Call, Correction, Created, Properties, ResourceType

_ENCRYPTION_CONTROLS = "disagg_encryption_controls"
_PLACEMENT_GROUPS = "disagg_placement_groups"


def backend(call: Call) -> Any:
    """Return moto's EC2 of the account and region."""
    return ec2_backends[call.account][call.region]


def placement_groups(owner: Any) -> dict[str, dict[str, Any]]:
    """Return the placement groups by name, as `DescribePlacementGroups` answers them.

    They live on moto's backend, so they go when it is reset.
    """
    groups: dict[str, dict[str, Any]] = owner.__dict__.setdefault(_PLACEMENT_GROUPS, {})
    return groups


def _put_placement_group(call: Call) -> Created:
    name = str(call.properties.get("GroupName") or call.name)
    group_id = call.identifier("pg", name)
    placement_groups(backend(call))[name] = {
        "GroupName": name,
        "GroupId": group_id,
        "GroupArn": call.arn("ec2", f"placement-group/{name}"),
        "State": "available",
        "Strategy": call.properties.get("Strategy", "cluster"),
        "PartitionCount": call.properties.get("PartitionCount"),
        "SpreadLevel": call.properties.get("SpreadLevel"),
        "Tags": list(call.properties.get("Tags", [])),
    }
    return Created(physical_id=name, attributes={"GroupName": name, "GroupId": group_id})


def _drop_placement_group(call: Call) -> None:
    placement_groups(backend(call)).pop(call.properties.get("GroupName") or call.name, None)


def encryption_controls(owner: Any) -> dict[str, dict[str, Any]]:
    """Return the encryption controls by id, as `DescribeVpcEncryptionControls` answers them."""
    controls: dict[str, dict[str, Any]] = owner.__dict__.setdefault(_ENCRYPTION_CONTROLS, {})
    return controls


def _put_encryption_control(call: Call) -> Created:
    control = call.identifier("vpcec", call.properties["VpcId"])
    encryption_controls(backend(call))[control] = {
        "VpcEncryptionControlId": control,
        "VpcId": call.properties["VpcId"],
        "Mode": call.properties["Mode"],
        "State": "available",
        "Tags": list(call.properties.get("Tags", [])),
    }
    return Created(physical_id=control, attributes={"VpcEncryptionControlId": control})


def _drop_encryption_control(call: Call) -> None:
    control = call.identifier("vpcec", call.properties["VpcId"])
    encryption_controls(backend(call)).pop(control, None)


def _rule(rule: Properties, other_group: str) -> dict[str, Any]:
    """Return a security group rule as moto's authorize and revoke want it."""
    ranges = [
        {key: rule[key], "Description": rule.get("Description")}
        for key in ("CidrIp", "CidrIpv6")
        if key in rule
    ]
    groups = (
        [{"GroupId": rule[f"{other_group}SecurityGroupId"]}]
        if (f"{other_group}SecurityGroupId" in rule)
        else []
    )
    prefix_list = rule.get(f"{other_group}PrefixListId")
    if "Description" in rule:
        groups = [{**group, "Description": rule["Description"]} for group in groups]
    return {
        "ip_protocol": str(rule["IpProtocol"]),
        "from_port": rule.get("FromPort"),
        "to_port": rule.get("ToPort"),
        "ip_ranges": ranges,
        "source_groups": groups,
        "prefix_list_ids": [{"PrefixListId": prefix_list}] if prefix_list else [],
    }


def _authorize_ingress(call: Call) -> Created:
    return _authorized(call, "ingress", "Source")


def _authorize_egress(call: Call) -> Created:
    return _authorized(call, "egress", "Destination")


def _authorized(call: Call, direction: str, other_group: str) -> Created:
    authorize = getattr(backend(call), f"authorize_security_group_{direction}")
    rules, _ = authorize(
        group_name_or_id=call.properties["GroupId"], **_rule(call.properties, other_group)
    )
    return Created(physical_id=rules[0].id, attributes={"Id": rules[0].id})


def _revoke_ingress(call: Call) -> None:
    _revoked(call, "ingress", "Source")


def _revoke_egress(call: Call) -> None:
    _revoked(call, "egress", "Destination")


def _revoked(call: Call, direction: str, other_group: str) -> None:
    group = call.properties["GroupId"]
    # Why: moto deletes the resources of a stack in any order; with a group, its rules have gone.
    if backend(call).get_security_group_from_id(group) is not None:
        revoke = getattr(backend(call), f"revoke_security_group_{direction}")
        revoke(group_name_or_id=group, **_rule(call.properties, other_group))


TYPES = (
    ResourceType(
        name="AWS::EC2::PlacementGroup",
        attributes=("GroupName", "GroupId"),
        create=_put_placement_group,
        delete=_drop_placement_group,
    ),
    ResourceType(
        name="AWS::EC2::VPCEncryptionControl",
        attributes=("VpcEncryptionControlId",),
        create=_put_encryption_control,
        update=_put_encryption_control,
        delete=_drop_encryption_control,
    ),
    ResourceType(
        name="AWS::EC2::SecurityGroupEgress",
        attributes=("Id",),
        create=_authorize_egress,
        delete=_revoke_egress,
    ),
    # Why: moto's own drops descriptions, IPv6 ranges and prefix lists, and is never deleted.
    ResourceType(
        name="AWS::EC2::SecurityGroupIngress",
        attributes=("Id",),
        create=_authorize_ingress,
        delete=_revoke_ingress,
    ),
)


def _zone_name(call: Call) -> Properties:
    """Give moto, which reads only zone names, the name of the zone with the template's zone id."""
    wanted = call.properties.get("AvailabilityZoneId")
    if wanted is None:
        return call.properties
    zones = RegionsAndZonesBackend.zones.get(call.region, [])
    names = [zone.name for zone in zones if zone.zone_id == wanted]
    if not names:
        known = sorted(zone.zone_id for zone in zones)
        raise ValueError(f"AvailabilityZoneId {wanted} is not in {call.region}: {known}")
    return {**call.properties, "AvailabilityZone": names[0]}


def _set_public_address(call: Call, subnet: Any) -> None:
    # Why: moto takes the first subnet of a zone for the default one, and gives it public addresses.
    subnet.map_public_ip_on_launch = bool(call.properties.get("MapPublicIpOnLaunch", False))
    subnet.default_for_az = False


def _set_dns(call: Call, vpc: Any) -> None:
    vpc.enable_dns_hostnames = bool(call.properties.get("EnableDnsHostnames", False))
    vpc.enable_dns_support = bool(call.properties.get("EnableDnsSupport", True))


def _without_rules(call: Call) -> Properties:
    """Keep the inline rules from moto, which needs ports in each and knows no egress."""
    rules = {"SecurityGroupIngress", "SecurityGroupEgress"}
    return {key: value for key, value in call.properties.items() if key not in rules}


def _add_rules(call: Call, group: Any) -> None:
    ec2 = backend(call)
    original = call.properties
    for rule in original.get("SecurityGroupIngress", []):
        ec2.authorize_security_group_ingress(group_name_or_id=group.id, **_rule(rule, "Source"))
    if "SecurityGroupEgress" in original:
        # Why: as in AWS, egress rules in the template take the place of "everything to everywhere".
        group.egress_rules.clear()
    for rule in original.get("SecurityGroupEgress", []):
        ec2.authorize_security_group_egress(group_name_or_id=group.id, **_rule(rule, "Destination"))


def _associate(call: Call, _association: object) -> None:
    backend(call).associate_route_table(
        call.properties["RouteTableId"], subnet_id=call.properties["SubnetId"]
    )


def _disassociate(call: Call) -> None:
    # Why: moto's physical id of an association is its route table; all of them go with the stack.
    table = backend(call).route_tables.get(call.name)
    if table is not None:
        table._associations.clear()  # noqa: SLF001 - moto offers no other way


def _complete_endpoint(call: Call) -> Properties:
    """Say the type, which moto leaves open, and write the policy as text."""
    properties = {"VpcEndpointType": "Gateway", **call.properties}
    if isinstance(properties.get("PolicyDocument"), Mapping):
        properties["PolicyDocument"] = json.dumps(properties["PolicyDocument"])
    return properties


def _delete_endpoint(call: Call) -> None:
    ec2 = backend(call)
    endpoint = ec2.vpc_end_points[call.name]
    # Why: moto deletes the resources of a stack in any order; a table may have gone before.
    endpoint.route_table_ids = [
        table for table in endpoint.route_table_ids or [] if table in ec2.route_tables
    ]
    ec2.delete_vpc_endpoints([call.name])


def _delete_nat_gateway(call: Call) -> None:
    gateway = backend(call).delete_nat_gateway(call.name)
    backend(call).enis.pop(gateway._eni.id, None)  # noqa: SLF001 - moto offers no other way


def _delete_internet_gateway(call: Call) -> None:
    gateway = backend(call).get_internet_gateway(call.name)
    gateway.vpc = None
    backend(call).delete_internet_gateway(call.name)


CORRECTIONS = (
    Correction(
        name="AWS::EC2::VPC",
        attributes={
            "VpcId": lambda vpc: vpc.id,
            "CidrBlock": lambda vpc: vpc.cidr_block,
            "DefaultSecurityGroup": lambda vpc: (
                vpc.ec2_backend.get_default_security_group(vpc.id).id
            ),
        },
        after=_set_dns,
    ),
    Correction(
        name="AWS::EC2::Subnet",
        attributes={
            "SubnetId": lambda subnet: subnet.id,
            "VpcId": lambda subnet: subnet.vpc_id,
            "CidrBlock": lambda subnet: subnet.cidr_block,
            "AvailabilityZone": lambda subnet: subnet.availability_zone,
            "AvailabilityZoneId": lambda subnet: subnet.availability_zone_id,
        },
        before=_zone_name,
        after=_set_public_address,
    ),
    Correction(
        name="AWS::EC2::SecurityGroup",
        attributes={"Id": lambda group: group.id, "VpcId": lambda group: group.vpc_id},
        before=_without_rules,
        # Why: moto deletes the group and makes another with a new id that nobody learns of.
        updates=False,
        after=_add_rules,
    ),
    Correction(
        name="AWS::EC2::RouteTable",
        attributes={"RouteTableId": lambda table: table.id},
        delete=lambda call: backend(call).delete_route_table(call.name),
    ),
    Correction(
        name="AWS::EC2::SubnetRouteTableAssociation", after=_associate, delete=_disassociate
    ),
    Correction(
        name="AWS::EC2::InternetGateway",
        attributes={"InternetGatewayId": lambda gateway: gateway.id},
        delete=_delete_internet_gateway,
    ),
    Correction(
        name="AWS::EC2::NatGateway",
        attributes={"NatGatewayId": lambda gateway: gateway.id},
        delete=_delete_nat_gateway,
    ),
    Correction(
        name="AWS::EC2::EIP",
        attributes={"PublicIp": lambda address: address.public_ip},
        delete=lambda call: backend(call).release_address(address=call.name),
    ),
    Correction(
        name="AWS::EC2::VPCEndpoint",
        attributes={"Id": lambda endpoint: endpoint.id},
        before=_complete_endpoint,
        delete=_delete_endpoint,
    ),
    Correction(
        name="AWS::EC2::FlowLog",
        attributes={"Id": lambda flow_log: flow_log.id},
        delete=lambda call: backend(call).delete_flow_logs([call.name]),
    ),
)


def _describe_placement_groups(response: Any) -> ActionResult:
    names = response._get_param("GroupNames", [])  # noqa: SLF001 - moto offers no other way
    known = placement_groups(response.ec2_backend)
    chosen = [group for name, group in known.items() if not names or name in names]
    return ActionResult({"PlacementGroups": chosen})


def _describe_encryption_controls(response: Any) -> ActionResult:
    known = encryption_controls(response.ec2_backend).values()
    filters = response._get_param("Filters", [])  # noqa: SLF001 - moto offers no other way
    wanted = {one for row in filters if row["Name"] == "vpc-id" for one in row["Values"]}
    chosen = [one for one in known if not wanted or one["VpcId"] in wanted]
    return ActionResult({"VpcEncryptionControls": chosen})


_OPERATIONS = {
    "describe_placement_groups": _describe_placement_groups,
    "describe_vpc_encryption_controls": _describe_encryption_controls,
}


def add_operations() -> None:
    """Teach moto's EC2 the calls it does not answer."""
    for name, operation in _OPERATIONS.items():
        setattr(EC2Response, name, operation)
