from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import EfaFabric, EfaFabricProps
from tests.stacks.synthesis import context, of_type, only, template_of

ALL = "-1"


def synthesize(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs")
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"])
    EfaFabric(stack, "Fabric", props=EfaFabricProps(vpc=vpc, **options))
    cdk.Tags.of(stack).add("cost-center", "42")
    return template_of(stack)


def test_the_group_lets_all_traffic_from_and_to_itself() -> None:
    template = synthesize()
    (group,) = of_type(template, "AWS::EC2::SecurityGroup")
    itself = {"Fn::GetAtt": [group, "GroupId"]}
    ingress = only(template, "AWS::EC2::SecurityGroupIngress")
    egress = only(template, "AWS::EC2::SecurityGroupEgress")
    assert (ingress["GroupId"], ingress["SourceSecurityGroupId"]) == (itself, itself)
    assert (egress["GroupId"], egress["DestinationSecurityGroupId"]) == (itself, itself)
    assert (ingress["IpProtocol"], egress["IpProtocol"]) == (ALL, ALL)


def test_the_group_opens_nothing_else() -> None:
    group = only(synthesize(), "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    # An inline egress rule must be there, or EC2 adds one for 0.0.0.0/0; this one matches nothing.
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]


@pytest.mark.parametrize(
    ("choice", "nodes", "made"),
    [
        ("auto", 0, False),
        ("auto", 1, False),
        ("auto", 2, True),
        ("cluster", 1, True),
        ("none", 8, False),
    ],
)
def test_a_placement_group_is_made_where_nearness_helps(
    choice: str, nodes: int, *, made: bool
) -> None:
    template = synthesize(placement_group=choice, nodes=nodes)
    assert bool(of_type(template, "AWS::EC2::PlacementGroup")) is made


def test_tags_of_the_owner_reach_the_security_group_and_not_the_placement_group() -> None:
    template = synthesize(placement_group="cluster")
    assert only(template, "AWS::EC2::PlacementGroup") == {"Strategy": "cluster"}
    assert only(template, "AWS::EC2::SecurityGroup")["Tags"] == [
        {"Key": "cost-center", "Value": "42"}
    ]
