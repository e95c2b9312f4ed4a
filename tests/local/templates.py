"""Small CloudFormation templates for the tests of the embedded AWS."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from disagg.local.aws.readback_network import Rule

Aws = Callable[[str], Any]
Deploy = Callable[..., dict[str, str]]


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def get(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def resource(kind: str, **properties: object) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def role(service: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return resource("IAM::Role", AssumeRolePolicyDocument=document)


POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
}
NETWORK = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
    "SubnetA": resource(
        "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZoneId="usw2-az1"
    ),
    "SubnetB": resource(
        "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.1.0/24", AvailabilityZoneId="usw2-az4"
    ),
}
CLUSTER = {
    **NETWORK,
    "Role": role("eks.amazonaws.com"),
    "Cluster": resource(
        "EKS::Cluster",
        Name="one",
        Version="1.34",
        RoleArn=get("Role", "Arn"),
        ResourcesVpcConfig={"SubnetIds": [ref("SubnetA"), ref("SubnetB")]},
    ),
}


def node_group(**more: object) -> dict[str, Any]:
    properties = {
        "NodegroupName": "gpu",
        "ClusterName": ref("Cluster"),
        "NodeRole": get("Role", "Arn"),
        "Subnets": [ref("SubnetA")],
    }
    return resource("EKS::Nodegroup", **(properties | more))


def refused(deploy: Deploy, resources: Mapping[str, Any], **more: object) -> str:
    with pytest.raises(ClientError) as caught:
        deploy(resources, **more)
    return str(caught.value)


def self_rules(**group: object) -> dict[str, Any]:
    own = get("Fabric", "GroupId")
    return {
        "Vpc": NETWORK["Vpc"],
        "Fabric": resource("EC2::SecurityGroup", GroupDescription="f", VpcId=ref("Vpc"), **group),
        "In": resource(
            "EC2::SecurityGroupIngress",
            GroupId=own,
            IpProtocol="-1",
            SourceSecurityGroupId=own,
            Description="in",
        ),
        "Out": resource(
            "EC2::SecurityGroupEgress",
            GroupId=own,
            IpProtocol="-1",
            DestinationSecurityGroupId=own,
            Description="out",
        ),
    }


def rule(peer: str, description: str = "") -> Rule:
    return Rule(protocol="-1", from_port=None, to_port=None, peer=peer, description=description)


def identities(role_arn: object) -> dict[str, Any]:
    return {
        f"Pods{account}": resource(
            "EKS::PodIdentityAssociation",
            ClusterName=ref("Cluster"),
            Namespace="serving",
            ServiceAccount=account,
            RoleArn=role_arn,
        )
        for account in ("decode", "prefill")
    }
