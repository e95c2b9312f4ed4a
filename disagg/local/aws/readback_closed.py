"""Ways out of a VPC, its encryption controls, and repositories of images, read with boto3."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef

_ANYWHERE = {"0.0.0.0/0", "::/0"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A repository of ECR."""

    name: str
    tag_mutability: str
    """MUTABLE | IMMUTABLE"""
    scanned_on_push: bool
    key_arn: str
    """Empty: a key of ECR's own."""


def read_ways_out(ec2: "EC2Client", vpc_id: str) -> tuple[str, ...]:
    """Return what leads out of a VPC, sorted: gateways to the internet, and routes to everywhere.

    A route to everywhere counts whatever it goes through.
    """
    attached: list[FilterTypeDef] = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    in_vpc: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc_id]}]
    gateways = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]
    nats = [
        one
        for page in ec2.get_paginator("describe_nat_gateways").paginate()
        for one in page["NatGateways"]
        if one["VpcId"] == vpc_id and one["State"] != "deleted"
    ]
    pages = ec2.get_paginator("describe_route_tables").paginate(Filters=in_vpc)
    routes = [
        route
        for page in pages
        for table in page["RouteTables"]
        for route in table["Routes"]
        if {route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock")} & _ANYWHERE
    ]
    return tuple(
        sorted(
            [
                *("internet gateway" for _ in gateways),
                *("NAT gateway" for _ in nats),
                *("route to everywhere" for _ in routes),
            ]
        )
    )


def read_encryption(ec2: Any, vpc_id: str) -> tuple[str, ...]:
    """Return the modes of the encryption controls of a VPC; empty where it has none."""
    found = ec2.describe_vpc_encryption_controls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])[
        "VpcEncryptionControls"
    ]
    return tuple(one["Mode"] for one in found)


def read_repositories(ecr: Any) -> tuple[Repository, ...]:
    """Return the repositories of account and region, by name."""
    pages = ecr.get_paginator("describe_repositories").paginate()
    found = [
        Repository(
            name=one["repositoryName"],
            tag_mutability=one["imageTagMutability"],
            scanned_on_push=one.get("imageScanningConfiguration", {}).get("scanOnPush", False),
            key_arn=one.get("encryptionConfiguration", {}).get("kmsKey", ""),
        )
        for page in pages
        for one in page["repositories"]
    ]
    return tuple(sorted(found, key=lambda one: one.name))
