from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from disagg_constructs import PodIdentity, PodIdentityProps
from tests.stacks.synthesis import context, of_type, only, template_of

ARN = "arn:aws:eks:us-west-2:123456789012:cluster/theirs"


def synthesize(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs")
    props = PodIdentityProps(
        cluster_name="theirs",
        cluster_arn=ARN,
        namespace="models",
        service_account="server",
        **options,
    )
    PodIdentity(stack, "Identity", props=props)
    return template_of(stack)


def test_only_this_service_account_of_this_cluster_gets_the_role() -> None:
    (statement,) = only(synthesize(), "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": ARN,
                "aws:RequestTag/kubernetes-namespace": "models",
                "aws:RequestTag/kubernetes-service-account": "server",
            }
        },
    }


def test_the_association_names_cluster_namespace_and_account() -> None:
    template = synthesize()
    (role,) = of_type(template, "AWS::IAM::Role")
    association = only(template, "AWS::EKS::PodIdentityAssociation")
    association.pop("Tags")
    assert association == {
        "ClusterName": "theirs",
        "Namespace": "models",
        "ServiceAccount": "server",
        "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
    }


def test_by_default_the_role_may_do_nothing() -> None:
    template = synthesize()
    assert "ManagedPolicyArns" not in only(template, "AWS::IAM::Role")
    assert not of_type(template, "AWS::IAM::ManagedPolicy")


def test_policies_and_statements_are_attached() -> None:
    template = synthesize(
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")],
        statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::m/*"])],
    )
    assert len(only(template, "AWS::IAM::Role")["ManagedPolicyArns"]) == 1
    policy = only(template, "AWS::IAM::ManagedPolicy")
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::m/*"}
    ]
