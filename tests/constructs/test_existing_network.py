import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import EfaFabric, EfaFabricProps, ExistingNetwork, ExistingNetworkProps
from tests.stacks.synthesis import only, template_of

PROPS = ExistingNetworkProps(
    vpc_id="vpc-0123456789abcdef0",
    cidr="10.20.0.0/16",
    fabric_subnet_id="subnet-0aaaaaaaaaaaaaaa1",
    system_subnets=[
        ("subnet-0bbbbbbbbbbbbbbb1", "usw2-az1"),
        ("subnet-0ccccccccccccccc1", "usw2-az2"),
    ],
)


def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "S", env=cdk.Environment(account="1" * 12, region="us-west-2"))


def test_it_makes_nothing() -> None:
    one = stack()
    ExistingNetwork(one, "Network", props=PROPS)
    assert "Resources" not in template_of(one)


def test_it_gives_the_ids_it_was_given() -> None:
    network = ExistingNetwork(stack(), "Network", props=PROPS)
    assert network.vpc.vpc_id == "vpc-0123456789abcdef0"
    assert network.fabric_subnet.subnet_id == "subnet-0aaaaaaaaaaaaaaa1"
    assert [one.subnet_id for one in network.system_subnets] == [
        "subnet-0bbbbbbbbbbbbbbb1",
        "subnet-0ccccccccccccccc1",
    ]


def test_other_constructs_take_it_and_none_is_placed_on_the_fabric_by_default() -> None:
    one = stack()
    network = ExistingNetwork(one, "Network", props=PROPS)
    EfaFabric(one, "Fabric", props=EfaFabricProps(vpc=network.vpc))
    group = only(template_of(one), "AWS::EC2::SecurityGroup")
    assert group["VpcId"] == "vpc-0123456789abcdef0"
    chosen = network.vpc.select_subnets(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    assert "subnet-0aaaaaaaaaaaaaaa1" not in chosen.subnet_ids
