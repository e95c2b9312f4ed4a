"""The network of a template, deployed in this process and read back."""

import pytest
from botocore.exceptions import ClientError

from disagg.local.aws.readback_network import Rule, read_security_group, read_subnets
from tests.local.templates import (
    NETWORK,
    Aws,
    Deploy,
    get,
    ref,
    refused,
    resource,
    rule,
    self_rules,
)


def test_subnets_are_in_the_zones_their_ids_name(aws: Aws, deploy: Deploy) -> None:
    outputs = {"Zone": {"Value": get("SubnetB", "AvailabilityZone")}}
    ids = deploy(NETWORK, Outputs=outputs)
    subnets = read_subnets(aws("ec2"), ids["Vpc"])
    assert [subnet.zone_id for subnet in subnets] == ["usw2-az1", "usw2-az4"]
    assert [subnet.zone_name for subnet in subnets] == ["us-west-2b", "us-west-2d"]
    assert not any(subnet.maps_public_addresses for subnet in subnets)
    stack = aws("cloudformation").describe_stacks(StackName="stack")["Stacks"][0]
    assert stack["Outputs"][0]["OutputValue"] == "us-west-2d"


def test_a_zone_of_another_region_fails(deploy: Deploy) -> None:
    subnet = resource(
        "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.2.0/24", AvailabilityZoneId="use1-az1"
    )
    message = refused(deploy, {**NETWORK, "Far": subnet})
    assert "use1-az1 is not in us-west-2" in message


def test_only_a_subnet_whose_own_table_leads_out_is_public(aws: Aws, deploy: Deploy) -> None:
    ids = deploy(
        {
            **NETWORK,
            "Gateway": resource("EC2::InternetGateway"),
            "Attached": resource(
                "EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")
            ),
            "Table": resource("EC2::RouteTable", VpcId=ref("Vpc")),
            "Out": {
                **resource(
                    "EC2::Route",
                    RouteTableId=ref("Table"),
                    DestinationCidrBlock="0.0.0.0/0",
                    GatewayId=ref("Gateway"),
                ),
                "DependsOn": "Attached",
            },
            "Joined": resource(
                "EC2::SubnetRouteTableAssociation",
                RouteTableId=ref("Table"),
                SubnetId=ref("SubnetB"),
            ),
        }
    )
    subnets = {subnet.id: subnet.public for subnet in read_subnets(aws("ec2"), ids["Vpc"])}
    assert subnets == {ids["SubnetA"]: False, ids["SubnetB"]: True}


def test_a_group_that_refers_to_itself_has_both_rules(aws: Aws, deploy: Deploy) -> None:
    ids = deploy(self_rules())
    group = read_security_group(aws("ec2"), ids["Fabric"])
    assert group.ingress == (rule(group.id, "in"),)
    assert group.egress == (rule("0.0.0.0/0"), rule(group.id, "out"))


def test_egress_in_the_template_replaces_everything_to_everywhere(aws: Aws, deploy: Deploy) -> None:
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
    ids = deploy(self_rules(SecurityGroupEgress=[https], SecurityGroupIngress=[https]))
    group = read_security_group(aws("ec2"), ids["Fabric"])
    expected = Rule(protocol="tcp", from_port=443, to_port=443, peer="10.0.0.0/8", description="")
    assert group.egress == (expected, rule(group.id, "out"))
    assert group.ingress == (expected, rule(group.id, "in"))


def test_rules_go_when_their_resources_go(aws: Aws, deploy: Deploy) -> None:
    resources = self_rules()
    deploy(resources)
    kept = {name: resources[name] for name in ("Vpc", "Fabric")}
    ids = deploy(kept)
    group = read_security_group(aws("ec2"), ids["Fabric"])
    assert group.ingress == ()
    assert group.egress == (rule("0.0.0.0/0"),)


def test_a_stack_is_deleted_in_whatever_order(aws: Aws, deploy: Deploy) -> None:
    for _ in range(5):
        deploy(self_rules())
        aws("cloudformation").delete_stack(StackName="stack")
    assert [vpc["IsDefault"] for vpc in aws("ec2").describe_vpcs()["Vpcs"]] == [True]


def test_asking_for_a_deleted_stack_does_not_make_its_resources_again(
    aws: Aws, deploy: Deploy
) -> None:
    cloudformation = aws("cloudformation")
    output = {"Out": {"Value": ref("Vpc"), "Export": {"Name": "vpc"}}}
    deploy(NETWORK, Outputs=output)
    stack_id = cloudformation.describe_stacks()["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=stack_id)
    (deleted,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    assert deleted["StackStatus"] == "DELETE_COMPLETE"
    assert [vpc["IsDefault"] for vpc in aws("ec2").describe_vpcs()["Vpcs"]] == [True]


def test_a_stack_that_cannot_be_deleted_stays(aws: Aws, deploy: Deploy) -> None:
    ids = deploy(NETWORK)
    aws("ec2").create_subnet(VpcId=ids["Vpc"], CidrBlock="10.0.9.0/24")
    with pytest.raises(ClientError, match=f"{ids['Vpc']}.*has dependencies"):
        aws("cloudformation").delete_stack(StackName="stack")
    (stack,) = aws("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackName"] == "stack"


def test_a_group_is_not_quietly_replaced_by_an_update(deploy: Deploy) -> None:
    deploy(self_rules())
    message = refused(deploy, self_rules(Tags=[{"Key": "a", "Value": "b"}]))
    assert "AWS::EC2::SecurityGroup cannot be updated" in message
