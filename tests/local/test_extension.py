"""The extension in this process: it refuses what AWS refuses, and its tables are whole."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from disagg.local.aws import extension
from disagg.local.aws.cloudformation import Call
from tests.local.templates import (
    CLUSTER,
    NETWORK,
    POLICY,
    Aws,
    Deploy,
    get,
    identities,
    node_group,
    ref,
    refused,
    resource,
    role,
    self_rules,
)


def test_a_type_nobody_implements_fails_with_its_name(aws: Aws, deploy: Deploy) -> None:
    message = refused(deploy, {**NETWORK, "New": resource("Braket::Quantum")})
    assert "Unrecognized resource types: ['AWS::Braket::Quantum']" in message
    assert aws("cloudformation").describe_stacks()["Stacks"] == []


def test_a_custom_resource_fails_because_nothing_here_runs_lambda(deploy: Deploy) -> None:
    custom = {"Type": "Custom::Thing", "Properties": {"ServiceToken": "arn:aws:lambda:::x"}}
    assert "Custom::Thing" in refused(deploy, {"Custom": custom})


def test_an_unknown_type_fails_an_update_too(deploy: Deploy) -> None:
    deploy(NETWORK)
    assert "AWS::Braket::Quantum" in refused(
        deploy, {**NETWORK, "New": resource("Braket::Quantum")}
    )


@pytest.mark.parametrize("kind", sorted(extension.RECORDED))
def test_a_recorded_type_is_kept_in_its_stack(deploy: Deploy, kind: str) -> None:
    attribute = extension.RECORDED[kind]
    outputs = {"Out": {"Value": get("It", attribute)}} if attribute else {}
    assert deploy({"It": {"Type": kind}}, Outputs=outputs)["It"]


def test_a_resource_that_fails_is_named_and_its_stack_is_not_left_behind(
    aws: Aws, deploy: Deploy
) -> None:
    subnet = resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="192.168.0.0/24")
    message = refused(deploy, {"Vpc": NETWORK["Vpc"], "Outside": subnet})
    assert "Outside (AWS::EC2::Subnet)" in message
    assert "192.168.0.0/24" in message
    assert aws("cloudformation").describe_stacks()["Stacks"] == []


def test_an_attribute_that_does_not_exist_fails(deploy: Deploy) -> None:
    group = resource("EC2::SecurityGroup", GroupDescription=get("Vpc", "Mistake"), VpcId=ref("Vpc"))
    assert "Mistake" in refused(deploy, {**NETWORK, "Group": group})
    assert "Mistake" in refused(
        deploy, NETWORK, name="two", Outputs={"Out": {"Value": get("Vpc", "Mistake")}}
    )


def test_an_update_that_moto_would_lose_fails(deploy: Deploy) -> None:
    deploy(NETWORK)
    changed = {**NETWORK, "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/17")}
    assert "AWS::EC2::VPC cannot be updated" in refused(deploy, changed)


def test_a_reference_that_nothing_resolves_fails(deploy: Deploy) -> None:
    other = {"Fn::GetStackOutput": {"StackName": "other", "OutputName": "name"}}
    message = refused(deploy, {"Near": resource("EC2::PlacementGroup", GroupName=other)})
    assert "references that cannot be resolved: ['GroupName.Fn::GetStackOutput']" in message


def test_an_update_of_a_plain_type_of_moto_that_it_would_lose_fails(deploy: Deploy) -> None:
    attached = {
        **NETWORK,
        "Other": resource("EC2::VPC", CidrBlock="10.1.0.0/16"),
        "Gateway": resource("EC2::InternetGateway"),
    }
    joined = {
        vpc: resource("EC2::VPCGatewayAttachment", VpcId=ref(vpc), InternetGatewayId=ref("Gateway"))
        for vpc in ("Vpc", "Other")
    }
    deploy({**attached, "Joined": joined["Vpc"]})
    message = refused(deploy, {**attached, "Joined": joined["Other"]})
    assert "Joined (AWS::EC2::VPCGatewayAttachment)" in message
    assert "cannot be updated" in message


def test_parameters_left_at_their_default_can_be_updated(aws: Aws, deploy: Deploy) -> None:
    parameters = {"BootstrapVersion": {"Type": "String", "Default": "x"}}
    deploy(NETWORK, Parameters=parameters)
    changed = {**NETWORK, "Near": resource("EC2::PlacementGroup", GroupName="near")}
    aws("cloudformation").update_stack(
        StackName="stack",
        TemplateBody=_body(changed, parameters),
        Parameters=[{"ParameterKey": "BootstrapVersion", "UsePreviousValue": True}],
    )
    assert aws("ec2").describe_placement_groups()["PlacementGroups"]


def _body(resources: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    return json.dumps({"Resources": resources, "Parameters": parameters})


def test_every_type_of_the_table_is_in_it_once() -> None:
    names = [kind.name for kind in extension.TYPES]
    corrected = [correction.name for correction in extension.CORRECTIONS]
    assert len(names) == len(set(names)) > 10
    assert len(corrected) == len(set(corrected)) > 10
    assert not set(names) & set(corrected)


def test_ids_are_the_same_for_the_same_resource_and_differ_for_others() -> None:
    call = Call(name="n", properties={}, account="1", region="r")
    other = Call(name="m", properties={}, account="1", region="r")
    assert call.identifier("pg", "a") == call.identifier("pg", "a")
    assert (
        len({call.identifier("pg", "a"), call.identifier("pg", "b"), other.identifier("pg")}) == 3
    )


def test_every_attribute_of_the_tables_has_an_answer(aws: Aws, deploy: Deploy) -> None:
    resources = {
        **CLUSTER,
        **self_rules(),
        **identities(get("Role", "Arn")),
        "Nodes": node_group(),
        "Addon": resource("EKS::Addon", ClusterName=ref("Cluster"), AddonName="vpc-cni"),
        "Entry": resource("EKS::AccessEntry", ClusterName=ref("Cluster"), PrincipalArn="arn:a:b"),
        "HyperPod": resource(
            "SageMaker::Cluster",
            Orchestrator={"Eks": {"ClusterArn": get("Cluster", "Arn")}},
            VpcConfig={
                "Subnets": [ref("SubnetA")],
                "SecurityGroupIds": [get("Cluster", "ClusterSecurityGroupId")],
            },
            InstanceGroups=[
                {
                    "InstanceGroupName": "one",
                    "InstanceType": "ml.m7i.2xlarge",
                    "InstanceCount": 1,
                    "ExecutionRole": get("Role", "Arn"),
                }
            ],
        ),
        "Near": resource("EC2::PlacementGroup"),
        "Table": resource("EC2::RouteTable", VpcId=ref("Vpc")),
        "Gateway": resource("EC2::InternetGateway"),
        "Address": resource("EC2::EIP", Domain="vpc"),
        "Nat": resource(
            "EC2::NatGateway", SubnetId=ref("SubnetA"), AllocationId=get("Address", "AllocationId")
        ),
        "Encrypted": resource("EC2::VPCEncryptionControl", VpcId=ref("Vpc"), Mode="monitor"),
        "Endpoint": resource("EC2::VPCEndpoint", VpcId=ref("Vpc"), ServiceName="s3"),
        "Key": resource("KMS::Key", KeyPolicy={}),
        "Queue": resource("SQS::Queue"),
        "Senders": resource("SQS::QueuePolicy", Queues=[ref("Queue")], PolicyDocument=POLICY),
        "Policy": resource("IAM::ManagedPolicy", PolicyDocument=POLICY),
        "Logs": resource("Logs::LogGroup"),
        "Soon": resource(
            "Scheduler::Schedule",
            ScheduleExpression="at(2027-03-01T09:50:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": get("Role", "Arn"), "RoleArn": get("Role", "Arn"), "Input": "now"},
        ),
        "Flow": resource(
            "EC2::FlowLog",
            ResourceType="VPC",
            ResourceId=ref("Vpc"),
            TrafficType="ALL",
            LogGroupName=ref("Logs"),
            DeliverLogsPermissionArn=get("Role", "Arn"),
        ),
    }
    attributes = {kind.name: kind.attributes for kind in extension.TYPES}
    attributes |= {row.name: tuple(row.attributes) for row in extension.CORRECTIONS}
    asked = {
        f"{name}{attribute}": {"Value": get(name, attribute)}
        for name, item in resources.items()
        for attribute in attributes.get(item["Type"], ())
    }
    deploy(resources, Outputs=asked)
    answers = aws("cloudformation").describe_stacks()["Stacks"][0]["Outputs"]
    assert {item["OutputKey"] for item in answers} == asked.keys()
    empty = {item["OutputKey"] for item in answers if not item["OutputValue"]}
    assert empty == {"ClusterEncryptionConfigKeyArn"}
    # Capabilities have a file of their own: test_extension_capabilities.py asks for their URL.
    with_attributes = {name for name, known in attributes.items() if known}
    with_attributes -= {name for name in attributes if name.startswith("AWS::FSx::")}
    with_attributes -= {"AWS::EKS::Capability"}
    here = {item["Type"] for item in resources.values()}
    assert with_attributes - here == {name for name, known in extension.RECORDED.items() if known}


def test_a_bucket_policy_needs_its_bucket(deploy: Deploy) -> None:
    policy = resource("S3::BucketPolicy", Bucket="absent", PolicyDocument={"Statement": []})
    assert "Policy (AWS::S3::BucketPolicy)" in refused(deploy, {"Policy": policy})


def test_a_parameter_without_a_name_gets_one_and_keeps_its_tags(aws: Aws, deploy: Deploy) -> None:
    parameter = resource("SSM::Parameter", Type="String", Value="yes", Tags={"a": "b"})
    name = deploy({"Ready": parameter})["Ready"]
    assert aws("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "yes"
    tags = aws("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
    assert tags["TagList"] == [{"Key": "a", "Value": "b"}]


def test_a_log_group_keeps_its_key(aws: Aws, deploy: Deploy) -> None:
    key = "arn:aws:kms:us-west-2:123456789012:key/k"
    deploy({"Logs": resource("Logs::LogGroup", LogGroupName="/flow", KmsKeyId=key)})
    assert aws("logs").describe_log_groups()["logGroups"][0]["kmsKeyId"] == key


def test_a_key_keeps_its_tags(aws: Aws, deploy: Deploy) -> None:
    tags = [{"Key": "environment", "Value": "pilot"}]
    ids = deploy({"Key": resource("KMS::Key", KeyPolicy={}, EnableKeyRotation=True, Tags=tags)})
    kms = aws("kms")
    assert kms.list_resource_tags(KeyId=ids["Key"])["Tags"] == [
        {"TagKey": "environment", "TagValue": "pilot"}
    ]
    assert kms.get_key_rotation_status(KeyId=ids["Key"])["KeyRotationEnabled"]


def test_a_role_with_managed_policies_is_deleted_but_not_half_updated(
    aws: Aws, deploy: Deploy
) -> None:
    managed = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    plain = role("eks.amazonaws.com")
    held = {
        "Type": plain["Type"],
        "Properties": {**plain["Properties"], "ManagedPolicyArns": [managed]},
    }
    name = deploy({"Role": held})["Role"]
    attached = aws("iam").list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [managed]
    assert "AWS::IAM::Role cannot be updated" in refused(deploy, {"Role": plain})
    aws("cloudformation").delete_stack(StackName="stack")
    assert aws("iam").list_roles()["Roles"] == []


def test_a_managed_policy_that_does_not_exist_fails(deploy: Deploy) -> None:
    plain = role("eks.amazonaws.com")
    wrong = "arn:aws:iam::aws:policy/AmazonEKSClusterPolice"
    held = {
        "Type": plain["Type"],
        "Properties": {**plain["Properties"], "ManagedPolicyArns": [wrong]},
    }
    message = refused(deploy, {"Role": held})
    assert "Role (AWS::IAM::Role)" in message
    assert "AmazonEKSClusterPolice" in message
