"""What exists of a network, read with boto3 and returned as plain typed data.

Works on the embedded endpoint and on AWS alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import (
        FilterTypeDef,
        IpPermissionOutputTypeDef,
        RouteTableTypeDef,
        SecurityGroupTypeDef,
        TagTypeDef,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    """A subnet."""

    id: str
    name: str
    """Its Name tag."""
    zone_id: str
    """usw2-az1: the same place for every account."""
    zone_name: str
    """us-west-2a: a different place for each account."""
    cidr: str
    public: bool
    """Its route table has a route to an internet gateway."""
    maps_public_addresses: bool
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One peer that a security group allows."""

    protocol: str
    """-1: every protocol."""
    from_port: int | None
    to_port: int | None
    peer: str
    """CIDR, security group id or prefix list id."""
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityGroup:
    """A security group with its rules, sorted by peer and port."""

    id: str
    name: str
    description: str
    vpc_id: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacementGroup:
    """A placement group."""

    name: str
    id: str
    strategy: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowLog:
    """A flow log."""

    id: str
    resource_id: str
    traffic_type: str
    destination_type: str
    destination: str
    """ARN of the destination, else the name of the log group."""
    aggregation_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A VPC endpoint."""

    id: str
    service: str
    """com.amazonaws.us-west-2.s3"""
    type: str
    """Interface | Gateway"""
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    route_table_ids: tuple[str, ...]
    private_dns: bool
    policy: str
    """JSON text."""


def _tags(tags: "Sequence[TagTypeDef]") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def read_subnets(ec2: "EC2Client", vpc_id: str) -> tuple[Subnet, ...]:
    """Return the subnets of the VPC, by zone and address."""
    in_vpc: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc_id]}]
    pages = ec2.get_paginator("describe_subnets").paginate(Filters=in_vpc)
    answers = [subnet for page in pages for subnet in page["Subnets"]]
    tables = ec2.get_paginator("describe_route_tables").paginate(Filters=in_vpc)
    public = _public_subnets(
        [table for page in tables for table in page["RouteTables"]],
        [subnet["SubnetId"] for subnet in answers],
    )
    found = [
        Subnet(
            id=subnet["SubnetId"],
            name=_tags(subnet.get("Tags", [])).get("Name", ""),
            zone_id=subnet["AvailabilityZoneId"],
            zone_name=subnet["AvailabilityZone"],
            cidr=subnet["CidrBlock"],
            public=subnet["SubnetId"] in public,
            maps_public_addresses=subnet["MapPublicIpOnLaunch"],
            tags=_tags(subnet.get("Tags", [])),
        )
        for subnet in answers
    ]
    return tuple(sorted(found, key=lambda subnet: (subnet.zone_id, subnet.cidr)))


def _public_subnets(tables: "Iterable[RouteTableTypeDef]", subnets: Iterable[str]) -> set[str]:
    """Return the subnets whose table, their own or else the main one, leads to the internet."""
    leads_out: dict[str, bool] = {}
    main = False
    for table in tables:
        out = any(route.get("GatewayId", "").startswith("igw-") for route in table["Routes"])
        for association in table["Associations"]:
            if association.get("Main"):
                main = out
            elif "SubnetId" in association:
                leads_out[association["SubnetId"]] = out
    return {subnet for subnet in subnets if leads_out.get(subnet, main)}


def read_security_group(ec2: "EC2Client", group_id: str) -> SecurityGroup:
    """Return the security group with one `Rule` for each peer."""
    return _security_group(ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0])


def read_security_groups(ec2: "EC2Client", vpc_id: str) -> tuple[SecurityGroup, ...]:
    """Return every security group of the VPC, by id."""
    in_vpc: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc_id]}]
    pages = ec2.get_paginator("describe_security_groups").paginate(Filters=in_vpc)
    found = [_security_group(one) for page in pages for one in page["SecurityGroups"]]
    return tuple(sorted(found, key=lambda group: group.id))


def _security_group(group: "SecurityGroupTypeDef") -> SecurityGroup:
    return SecurityGroup(
        id=group["GroupId"],
        name=group["GroupName"],
        description=group["Description"],
        vpc_id=group["VpcId"],
        ingress=_rules(group["IpPermissions"]),
        egress=_rules(group["IpPermissionsEgress"]),
        tags=_tags(group.get("Tags", [])),
    )


def _rules(permissions: "Iterable[IpPermissionOutputTypeDef]") -> tuple[Rule, ...]:
    found = [
        Rule(
            protocol=permission["IpProtocol"],
            from_port=permission.get("FromPort"),
            to_port=permission.get("ToPort"),
            peer=peer,
            description=description,
        )
        for permission in permissions
        for peer, description in _peers(permission)
    ]
    return tuple(sorted(found, key=lambda rule: (rule.peer, rule.protocol, rule.from_port or 0)))


def _peers(permission: "IpPermissionOutputTypeDef") -> Iterator[tuple[str, str]]:
    for ipv4 in permission.get("IpRanges", []):
        yield ipv4["CidrIp"], ipv4.get("Description", "")
    for ipv6 in permission.get("Ipv6Ranges", []):
        yield ipv6["CidrIpv6"], ipv6.get("Description", "")
    for group in permission.get("UserIdGroupPairs", []):
        yield group["GroupId"], group.get("Description", "")
    for prefixes in permission.get("PrefixListIds", []):
        yield prefixes["PrefixListId"], prefixes.get("Description", "")


def read_placement_groups(ec2: "EC2Client") -> tuple[PlacementGroup, ...]:
    """Return the placement groups of the region, by name."""
    found = [
        PlacementGroup(
            name=group["GroupName"],
            id=group["GroupId"],
            strategy=group["Strategy"],
            state=group["State"],
        )
        for group in ec2.describe_placement_groups()["PlacementGroups"]
    ]
    return tuple(sorted(found, key=lambda group: group.name))


def read_flow_logs(ec2: "EC2Client", resource_id: str) -> tuple[FlowLog, ...]:
    """Return the flow logs of a VPC, subnet or network interface."""
    of_resource: list[FilterTypeDef] = [{"Name": "resource-id", "Values": [resource_id]}]
    pages = ec2.get_paginator("describe_flow_logs").paginate(Filters=of_resource)
    return tuple(
        FlowLog(
            id=flow_log["FlowLogId"],
            resource_id=flow_log["ResourceId"],
            traffic_type=flow_log["TrafficType"],
            destination_type=flow_log["LogDestinationType"],
            destination=flow_log.get("LogDestination") or flow_log.get("LogGroupName", ""),
            aggregation_seconds=flow_log.get("MaxAggregationInterval"),
        )
        for page in pages
        for flow_log in page["FlowLogs"]
    )


def read_endpoints(ec2: "EC2Client", vpc_id: str) -> tuple[Endpoint, ...]:
    """Return the endpoints of the VPC, by service."""
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}]
    )
    found = [
        Endpoint(
            id=endpoint["VpcEndpointId"],
            service=endpoint["ServiceName"],
            type=endpoint["VpcEndpointType"],
            subnet_ids=tuple(endpoint.get("SubnetIds", [])),
            security_group_ids=tuple(group["GroupId"] for group in endpoint.get("Groups", [])),
            route_table_ids=tuple(endpoint.get("RouteTableIds", [])),
            private_dns=endpoint.get("PrivateDnsEnabled", False),
            policy=endpoint.get("PolicyDocument", ""),
        )
        for page in pages
        for endpoint in page["VpcEndpoints"]
    ]
    return tuple(sorted(found, key=lambda endpoint: endpoint.service))
