"""What leads out of a VPC, its encryption controls and its repositories, deployed and read back."""

from typing import Any

import pytest

from disagg.local.aws.readback_closed import (
    Repository,
    read_encryption,
    read_repositories,
    read_ways_out,
)
from tests.local.templates import NETWORK, Aws, Deploy, ref, resource

TABLE = resource("EC2::RouteTable", VpcId=ref("Vpc"))


def route(**through: Any) -> dict[str, Any]:
    one = resource("EC2::Route", RouteTableId=ref("Table"), **through)
    return {**one, "DependsOn": "Attached"}


ATTACHED = {
    "Gateway": resource("EC2::InternetGateway"),
    "Attached": resource(
        "EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")
    ),
}


def test_a_vpc_without_gateways_has_no_way_out(aws: Aws, deploy: Deploy) -> None:
    ids = deploy({**NETWORK, "Table": TABLE})
    assert read_ways_out(aws("ec2"), ids["Vpc"]) == ()


def test_gateways_and_routes_to_everywhere_are_counted_one_by_one(aws: Aws, deploy: Deploy) -> None:
    out = route(DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway"))
    ids = deploy({**NETWORK, "Table": TABLE, **ATTACHED, "Out": out})
    assert read_ways_out(aws("ec2"), ids["Vpc"]) == ("internet gateway", "route to everywhere")


def test_a_route_to_a_range_is_no_way_out_and_another_vpcs_gateway_is_not_ours(
    aws: Aws, deploy: Deploy
) -> None:
    near = route(DestinationCidrBlock="10.9.0.0/16", GatewayId=ref("Gateway"))
    ids = deploy(
        {
            **NETWORK,
            "Table": TABLE,
            **ATTACHED,
            "Near": near,
            "Other": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
        }
    )
    assert read_ways_out(aws("ec2"), ids["Vpc"]) == ("internet gateway",)
    assert read_ways_out(aws("ec2"), ids["Other"]) == ()


def test_a_nat_gateway_counts_until_it_is_deleted(aws: Aws, deploy: Deploy) -> None:
    nat = {
        "Address": resource("EC2::EIP", Domain="vpc"),
        "Nat": resource(
            "EC2::NatGateway",
            SubnetId=ref("SubnetA"),
            AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]},
        ),
    }
    ids = deploy({**NETWORK, **nat})
    assert read_ways_out(aws("ec2"), ids["Vpc"]) == ("NAT gateway",)
    deploy(NETWORK)
    assert read_ways_out(aws("ec2"), ids["Vpc"]) == ()


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_encryption_controls_come_change_and_go(mode: str, aws: Aws, deploy: Deploy) -> None:
    def with_mode(wanted: str) -> dict[str, Any]:
        control = resource("EC2::VPCEncryptionControl", VpcId=ref("Vpc"), Mode=wanted)
        return {**NETWORK, "Encrypted": control}

    ids = deploy(with_mode(mode))
    assert read_encryption(aws("ec2"), ids["Vpc"]) == (mode,)
    assert read_encryption(aws("ec2"), "vpc-0123456789abcdef0") == ()
    deploy(with_mode("monitor"))
    assert read_encryption(aws("ec2"), ids["Vpc"]) == ("monitor",)
    deploy(NETWORK)
    assert read_encryption(aws("ec2"), ids["Vpc"]) == ()


def test_a_repository_keeps_its_settings(aws: Aws, deploy: Deploy) -> None:
    key = "arn:aws:kms:us-west-2:123456789012:key/k"
    deploy(
        {
            "Bare": resource("ECR::Repository", RepositoryName="pilot/bare"),
            "Strict": resource(
                "ECR::Repository",
                RepositoryName="pilot/strict",
                ImageTagMutability="IMMUTABLE",
                ImageScanningConfiguration={"ScanOnPush": True},
                EncryptionConfiguration={"EncryptionType": "KMS", "KmsKey": key},
            ),
        }
    )
    assert read_repositories(aws("ecr")) == (
        Repository(name="pilot/bare", tag_mutability="MUTABLE", scanned_on_push=False, key_arn=""),
        Repository(
            name="pilot/strict", tag_mutability="IMMUTABLE", scanned_on_push=True, key_arn=key
        ),
    )
