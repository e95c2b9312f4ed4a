from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from disagg_constructs import Network, NetworkProps
from tests.stacks.synthesis import context, of_type, only, template_of

ENV = cdk.Environment(account="123456789012", region="us-west-2")
ENDPOINTS = {
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "sts",
}


def build(**options: Any) -> tuple[cdk.Stack, Network]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs", env=ENV)
    if options.pop("own_key", False):
        arn = "arn:aws:kms:us-west-2:123456789012:key/theirs"
        options["log_key"] = kms.Key.from_key_arn(stack, "TheirKey", arn)
    given: dict[str, Any] = {
        "availability_zone_ids": ("usw2-az1", "usw2-az2"),
        "fabric_zone_id": "usw2-az2",
    }
    return stack, Network(stack, "Network", props=NetworkProps(**{**given, **options}))


def synthesize(**options: Any) -> dict[str, Any]:
    return template_of(build(**options)[0])


def tags(properties: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


def test_subnets_lie_in_zones_named_by_id() -> None:
    subnets = of_type(synthesize(), "AWS::EC2::Subnet").values()
    cut = sorted((one["CidrBlock"], one["AvailabilityZoneId"]) for one in subnets)
    assert cut == [
        ("10.42.0.0/17", "usw2-az2"),
        ("10.42.128.0/20", "usw2-az1"),
        ("10.42.144.0/20", "usw2-az2"),
        ("10.42.240.0/20", "usw2-az2"),
    ]
    assert not any("AvailabilityZone" in one or one["MapPublicIpOnLaunch"] for one in subnets)


def test_internal_load_balancers_go_to_the_system_subnets_only() -> None:
    subnets = of_type(synthesize(), "AWS::EC2::Subnet").values()
    marked = {one["CidrBlock"] for one in subnets if "kubernetes.io/role/internal-elb" in tags(one)}
    assert marked == {"10.42.128.0/20", "10.42.144.0/20"}
    assert not any("kubernetes.io/role/elb" in tags(one) for one in subnets)


def test_private_subnets_leave_through_one_nat_gateway_in_the_fabric_zone() -> None:
    template = synthesize()
    nat = only(template, "AWS::EC2::NatGateway")
    home = template["Resources"][nat["SubnetId"]["Ref"]]["Properties"]
    assert (home["CidrBlock"], home["AvailabilityZoneId"]) == ("10.42.240.0/20", "usw2-az2")
    ways = of_type(template, "AWS::EC2::Route").values()
    table_of = {"NatGatewayId" if "NatGatewayId" in way else "GatewayId": way for way in ways}
    private = table_of["NatGatewayId"]["RouteTableId"]
    links = of_type(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    assert len([one for one in links if one["RouteTableId"] == private]) == 3
    assert len(links) == 4


def test_calls_to_aws_stay_in_the_vpc() -> None:
    template = synthesize()
    endpoints = of_type(template, "AWS::EC2::VPCEndpoint").values()
    interface = [one for one in endpoints if one["VpcEndpointType"] == "Interface"]
    (gateway,) = [one for one in endpoints if one["VpcEndpointType"] == "Gateway"]
    services = {one["ServiceName"].removeprefix("com.amazonaws.us-west-2.") for one in interface}
    assert services == ENDPOINTS
    assert all(one["PrivateDnsEnabled"] and len(one["SubnetIds"]) == 2 for one in interface)
    assert gateway["ServiceName"] == "com.amazonaws.us-west-2.s3"
    assert len(gateway["RouteTableIds"]) == 1


def test_endpoints_answer_https_from_the_vpc_only() -> None:
    group = only(synthesize(cidr="10.8.0.0/18"), "AWS::EC2::SecurityGroup")
    (rule,) = group["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (
        "10.8.0.0/18",
        "tcp",
        443,
        443,
    )


def test_all_traffic_is_logged_to_an_encrypted_group_that_stays() -> None:
    template = synthesize()
    flow_log = only(template, "AWS::EC2::FlowLog")
    assert (flow_log["TrafficType"], flow_log["ResourceType"]) == ("ALL", "VPC")
    for field in ("${az-id}", "${pkt-dstaddr}", "${flow-direction}", "${encryption-status}"):
        assert field in flow_log["LogFormat"].split()
    (key,) = of_type(template, "AWS::KMS::Key")
    (group,) = of_type(template, "AWS::Logs::LogGroup")
    body = template["Resources"][group]
    assert body["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    assert body["Properties"]["RetentionInDays"] == 365
    for one in (body, template["Resources"][key]):
        assert one["DeletionPolicy"] == "RetainExceptOnCreate"
        assert one["UpdateReplacePolicy"] == "Retain"


def test_cloudwatch_logs_may_use_the_key_for_groups_of_this_account_only() -> None:
    key = only(synthesize(), "AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    (statement,) = [one for one in key["KeyPolicy"]["Statement"] if "Service" in one["Principal"]]
    assert statement["Principal"]["Service"] == "logs.us-west-2.amazonaws.com"
    assert statement["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-west-2:123456789012:log-group:*"
        }
    }


def test_every_option_is_used() -> None:
    template = synthesize(
        cidr="10.0.0.0/20",
        availability_zone_ids=("usw2-az1", "usw2-az2", "usw2-az3"),
        interface_endpoints=("ssm",),
        own_key=True,
        log_retention=logs.RetentionDays.TWO_WEEKS,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    assert only(template, "AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/20"
    assert len(of_type(template, "AWS::EC2::Subnet")) == 5
    assert len(of_type(template, "AWS::EC2::VPCEndpoint")) == 2
    assert not of_type(template, "AWS::KMS::Key")
    group = only(template, "AWS::Logs::LogGroup")
    assert group["KmsKeyId"] == "arn:aws:kms:us-west-2:123456789012:key/theirs"
    assert group["RetentionInDays"] == 14
    (logical_id,) = of_type(template, "AWS::Logs::LogGroup")
    assert template["Resources"][logical_id]["DeletionPolicy"] == "Delete"


def test_a_zone_added_at_the_end_moves_no_subnet() -> None:
    two = of_type(synthesize(), "AWS::EC2::Subnet")
    zones = ("usw2-az1", "usw2-az2", "usw2-az3")
    three = of_type(synthesize(availability_zone_ids=zones), "AWS::EC2::Subnet")
    assert two.items() <= three.items()


def test_l2_constructs_of_others_work_in_the_vpc() -> None:
    stack, network = build()
    ec2.Instance(
        stack,
        "Bastion",
        vpc=network.vpc,
        instance_type=ec2.InstanceType("t3.micro"),
        machine_image=ec2.MachineImage.generic_linux({"us-west-2": "ami-1"}),
    )
    template = template_of(stack)
    instance = only(template, "AWS::EC2::Instance")
    (home,) = [
        logical_id
        for logical_id, one in of_type(template, "AWS::EC2::Subnet").items()
        if one["CidrBlock"] == "10.42.128.0/20"
    ]
    assert instance["SubnetId"] == {"Ref": home}
    assert instance["AvailabilityZone"] == {"Fn::GetAtt": [home, "AvailabilityZone"]}


def test_by_default_nothing_of_others_lands_in_fabric_or_public_subnet() -> None:
    _, network = build()
    assert len(network.vpc.private_subnets) == 2
    assert not network.vpc.public_subnets
    assert not network.vpc.isolated_subnets
