"""What an account holds before: the very ids of the file, and otherwise moto's own."""

from collections.abc import Callable
from typing import Any

from shipped import checked

from disagg.local.aws.holdings import HeldSubnet, HeldVpc, Holdings, holdings, put
from disagg.local.aws.readback_network import read_subnets
from tests.stacks.test_existing import (
    EXISTING,
    FABRIC,
    FIRST,
    SECOND,
    in_a_cluster_of_others,
    in_a_vpc_of_others,
)

Aws = Callable[[str], Any]


def test_an_environment_that_makes_everything_finds_nothing() -> None:
    assert holdings(checked("pilot").environment) == Holdings()


def test_the_vpc_of_the_file_is_there_with_its_ids_ranges_and_zones(aws: Aws) -> None:
    held = Holdings.from_json(holdings(in_a_vpc_of_others()).to_json())
    put(held, "123456789012", "us-west-2")
    ec2 = aws("ec2")
    (vpc,) = ec2.describe_vpcs(VpcIds=["vpc-0123456789abcdef0"])["Vpcs"]
    ranges = [one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]]
    assert ranges == ["10.20.0.0/16", "100.64.0.0/16"]
    for name in ("enableDnsHostnames", "enableDnsSupport"):
        answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)
        assert answer[name[0].upper() + name[1:]] == {"Value": True}
    found = read_subnets(ec2, vpc["VpcId"])
    assert {(one.id, one.cidr, one.zone_id) for one in found} == {
        (one["id"], one["cidr"], one["zone_id"])
        for one in (EXISTING["fabric_subnet"], *EXISTING["system_subnets"])
    }
    assert not any(one.public or one.maps_public_addresses for one in found)
    tagged = {one.id for one in found if "kubernetes.io/role/internal-elb" in one.tags}
    assert tagged == {FIRST, SECOND}
    assert FABRIC not in tagged


def test_after_it_ids_are_chosen_by_chance_again(aws: Aws) -> None:
    subnet = HeldSubnet(
        id=FABRIC, cidr="10.0.0.0/24", zone_id="usw2-az1", internal_load_balancers=False
    )
    vpc = HeldVpc(id="vpc-0123456789abcdef0", cidrs=("10.0.0.0/16",), subnets=(subnet,))
    put(Holdings(vpcs=(vpc,)), "123456789012", "us-west-2")
    ec2 = aws("ec2")
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    assert other != vpc.id
    made = ec2.create_subnet(VpcId=other, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    assert made != FABRIC


def test_the_cluster_of_the_file_is_there_with_its_group_add_ons_and_system_nodes(
    aws: Aws,
) -> None:
    held = Holdings.from_json(holdings(in_a_cluster_of_others()).to_json())
    assert held.ids() == ("vpc-0123456789abcdef0", "platform")
    put(held, "123456789012", "us-west-2")
    eks = aws("eks")
    cluster = eks.describe_cluster(name="platform")["cluster"]
    config = cluster["resourcesVpcConfig"]
    assert cluster["version"] == "1.34"
    assert config["clusterSecurityGroupId"] == "sg-0123456789abcdef0"
    assert config["vpcId"] == "vpc-0123456789abcdef0"
    cni = eks.describe_addon(clusterName="platform", addonName="vpc-cni")["addon"]
    assert cni["addonVersion"] == "v1.21.1-eksbuild.1"
    (name,) = eks.list_nodegroups(clusterName="platform")["nodegroups"]
    group = eks.describe_nodegroup(clusterName="platform", nodegroupName=name)["nodegroup"]
    assert group["labels"] == {"disagg/role": "system"}
    assert group["scalingConfig"]["desiredSize"] == 2


def test_roles_of_others_are_there_under_the_arns_of_the_file(aws: Aws) -> None:
    arn = "arn:aws:iam::123456789012:role/platform/eks/nodes"
    held = holdings(checked("pilot", aws__roles={"nodes": arn}).environment)
    assert Holdings.from_json(held.to_json()).ids() == ("nodes",)
    put(held, "123456789012", "us-west-2")
    assert [one["Arn"] for one in aws("iam").list_roles()["Roles"]] == [arn]
