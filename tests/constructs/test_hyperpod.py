"""HyperPodCluster alone: defaults, every option, and what it refuses."""

from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import (
    HyperPodCluster,
    HyperPodClusterProps,
    HyperPodGroup,
    LifecycleBucket,
    LifecycleBucketProps,
    LifecycleScripts,
    LifecycleScriptsProps,
)
from disagg_constructs.lifecycle_scripts import bucket_name, scripts_synthesizer
from tests.stacks.synthesis import Template, of_type, only, template_of

EKS = "arn:aws:eks:us-west-2:123456789012:cluster/theirs"
BUCKET = "sagemaker-theirs-0123abcd"


def stack() -> cdk.Stack:
    env = cdk.Environment(account="123456789012", region="us-west-2")
    return cdk.Stack(cdk.App(), "Here", env=env, synthesizer=scripts_synthesizer(BUCKET))


def subnet(scope: cdk.Stack, name: str) -> ec2.ISubnet:
    return ec2.Subnet.from_subnet_id(scope, name, f"subnet-{name}")


def props(scope: cdk.Stack, *groups: HyperPodGroup, **more: Any) -> HyperPodClusterProps:
    return HyperPodClusterProps(
        cluster_name="ours",
        eks_cluster_arn=EKS,
        security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Sg", "sg-1")],
        groups=groups,
        scripts=LifecycleScripts(scope, "Scripts", props=LifecycleScriptsProps(bucket_name=BUCKET)),
        **more,
    )


def gpus(scope: cdk.Stack, **more: Any) -> HyperPodGroup:
    one = HyperPodGroup(
        name="decode", instance_type="p6-b200.48xlarge", nodes=0, subnets=[subnet(scope, "a")]
    )
    return replace(one, **more)


def made(**more: Any) -> Template:
    here = stack()
    HyperPodCluster(here, "HyperPod", props=props(here, gpus(here, **more)))
    return template_of(here)


def group(template: Template) -> dict[str, Any]:
    (found,) = only(template, "AWS::SageMaker::Cluster")["InstanceGroups"]
    return dict(found)


def test_by_default_nodes_are_recovered_and_made_one_by_one() -> None:
    cluster = only(made(), "AWS::SageMaker::Cluster")
    assert cluster["NodeRecovery"] == "Automatic"
    assert cluster["NodeProvisioningMode"] == "Continuous"
    assert cluster["Orchestrator"] == {"Eks": {"ClusterArn": EKS}}
    assert "TieredStorageConfig" not in cluster


def test_a_gpu_group_has_efa_only_interfaces_and_its_ml_type() -> None:
    one = group(made())
    assert one["InstanceType"] == "ml.p6-b200.48xlarge"
    assert one["NetworkInterface"] == {"InterfaceType": "efa-only"}
    assert one["ThreadsPerCore"] == 2
    assert not {"InstanceStorageConfigs", "TrainingPlanArn", "OnStartDeepHealthChecks"} & one.keys()


def test_a_group_without_gpus_has_no_efa_and_may_span_zones() -> None:
    here = stack()
    system = HyperPodGroup(
        name="system",
        instance_type="m7i.4xlarge",
        nodes=2,
        subnets=[subnet(here, "a"), subnet(here, "b")],
    )
    HyperPodCluster(here, "HyperPod", props=props(here, system))
    one = group(template_of(here))
    assert "NetworkInterface" not in one
    assert one["OverrideVpcConfig"]["Subnets"] == ["subnet-a", "subnet-b"]


def test_every_option_arrives() -> None:
    plan = "arn:aws:sagemaker:us-west-2:123456789012:training-plan/x"
    one = group(
        made(
            volume_gib=500,
            training_plan_arn=plan,
            deep_health_checks=["InstanceStress"],
            labels={"a": "b"},
        )
    )
    assert one["InstanceStorageConfigs"] == [{"EbsVolumeConfig": {"VolumeSizeInGB": 500}}]
    assert one["TrainingPlanArn"] == plan
    assert one["OnStartDeepHealthChecks"] == ["InstanceStress"]
    assert one["KubernetesConfig"] == {"Labels": {"a": "b"}}
    tainted = group(made(taint=("nvidia.com/gpu", "present")))
    assert tainted["KubernetesConfig"]["Taints"] == [
        {"Key": "nvidia.com/gpu", "Value": "present", "Effect": "NoSchedule"}
    ]


def test_tiered_storage_and_no_recovery_are_said() -> None:
    here = stack()
    asked = props(here, gpus(here), node_recovery=False, tiered_storage_percent=20)
    HyperPodCluster(here, "HyperPod", props=asked)
    cluster = only(template_of(here), "AWS::SageMaker::Cluster")
    assert cluster["NodeRecovery"] == "None"
    assert cluster["TieredStorageConfig"] == {
        "Mode": "Enable",
        "InstanceMemoryAllocationPercentage": 20,
    }


def test_the_cluster_waits_for_what_its_role_may_do() -> None:
    template = made()
    (policy,) = of_type(template, "AWS::IAM::Policy")
    (cluster,) = (
        one for one in template["Resources"].values() if one["Type"] == "AWS::SageMaker::Cluster"
    )
    assert policy in cluster["DependsOn"]


def test_only_actions_that_no_arn_can_narrow_are_allowed_on_everything() -> None:
    statements = only(made(), "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    on_everything = [one["Action"] for one in statements if one["Resource"] == "*"]
    assert on_everything
    for action in (each for one in on_everything for each in one):
        assert ":Describe" in action or action == "ecr:GetAuthorizationToken"
    assert not any("*" in each for one in statements for each in one["Action"])


def test_scripts_are_read_from_their_folder_only() -> None:
    statements = only(made(), "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    (get,) = [one for one in statements if one["Action"] == "s3:GetObject"]
    assert f":s3:::{BUCKET}/lifecycle/*" in str(get["Resource"])
    script = group(made())["LifeCycleConfig"]
    assert script["SourceS3Uri"] == f"s3://{BUCKET}/lifecycle"
    assert script["OnCreate"].endswith(".sh")


@pytest.mark.parametrize(
    "wrong",
    [
        {"taint": ("a", "b"), "deep_health_checks": ["InstanceStress"]},
        {"subnets": []},
    ],
    ids=["a taint beside checks", "no subnet"],
)
def test_what_hyperpod_would_refuse_is_refused_here(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"got .*; need"):
        made(**wrong)


def test_no_group_is_refused() -> None:
    here = stack()
    with pytest.raises(ValueError, match="need one instance group"):
        HyperPodCluster(here, "HyperPod", props=props(here))


def test_the_bucket_is_private_encrypted_and_written_by_the_cli_alone() -> None:
    here = stack()
    LifecycleBucket(here, "Bucket", props=LifecycleBucketProps(name=BUCKET))
    template = template_of(here)
    bucket = only(template, "AWS::S3::Bucket")
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    statements = only(template, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    denied = [one for one in statements if one["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    writers = [str(one["Principal"]) for one in statements if "s3:PutObject" in one["Action"]]
    assert len(writers) == 1
    assert "cdk-hnb659fds-file-publishing-role-" in writers[0]


def test_the_bucket_admits_the_roles_of_a_bootstrap_of_ones_own() -> None:
    here = stack()
    LifecycleBucket(here, "Bucket", props=LifecycleBucketProps(name=BUCKET, qualifier="acme"))
    policy = str(only(template_of(here), "AWS::S3::BucketPolicy")["PolicyDocument"])
    assert "cdk-acme-file-publishing-role-" in policy
    assert "cdk-acme-deploy-role-" in policy
    assert "hnb659fds" not in policy


@pytest.mark.parametrize("name", ["a", "a" * 30])
def test_a_bucket_name_is_one_that_s3_and_sagemaker_take(name: str) -> None:
    made_of = bucket_name(f"disagg-{name}", "123456789012", "ap-southeast-2")
    assert made_of.startswith("sagemaker-")
    assert len(made_of) <= 63
    assert made_of != bucket_name(f"disagg-{name}", "210987654321", "ap-southeast-2")


def test_the_role_may_do_what_the_guide_says_and_nothing_else() -> None:
    """Written down from the SageMaker developer guide, prerequisites for IAM."""
    statements = only(made(), "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    allowed: dict[str, str] = {}
    for one in statements:
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        allowed |= {action: str(one["Resource"]) for action in actions}
    interfaces = allowed["ec2:CreateNetworkInterface"]
    for part in ("network-interface/*", "instance/*", "subnet/subnet-a", "security-group/sg-1"):
        assert part in interfaces
    assert {action for action, to in allowed.items() if to == interfaces} == {
        f"ec2:{one}"
        for one in (
            "AssignPrivateIpAddresses",
            "AttachNetworkInterface",
            "CreateNetworkInterface",
            "CreateNetworkInterfacePermission",
            "DeleteNetworkInterface",
            "DeleteNetworkInterfacePermission",
            "DetachNetworkInterface",
            "ModifyNetworkInterfaceAttribute",
            "UnassignPrivateIpAddresses",
        )
    }
    assert "network-interface/*" in allowed["ec2:CreateTags"]
    assert "instance" not in allowed["ec2:CreateTags"]
    assert allowed["eks-auth:AssumeRoleForPodIdentity"] == EKS
    assert "repository/*" in allowed["ecr:BatchGetImage"]
