"""A HyperPod cluster of the embedded AWS: kept as asked for, refused as SageMaker refuses it."""

import copy
from typing import Any

import pytest

from disagg.local.aws.readback_hyperpod import find_hyperpod, read_hyperpod
from tests.local.templates import CLUSTER, Aws, Deploy, get, ref, refused, resource, role

PLACE = {"SecurityGroupIds": [get("Cluster", "ClusterSecurityGroupId")]}
GROUP: dict[str, Any] = {
    "InstanceGroupName": "decode",
    "InstanceType": "ml.p6-b200.48xlarge",
    "InstanceCount": 2,
    "ExecutionRole": get("Instances", "Arn"),
    "ThreadsPerCore": 2,
    "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-one/lifecycle", "OnCreate": "a.sh"},
    "KubernetesConfig": {"Labels": {"disagg/role": "decode"}},
    "NetworkInterface": {"InterfaceType": "efa-only"},
    "OverrideVpcConfig": PLACE | {"Subnets": [ref("SubnetB")]},
    "OnStartDeepHealthChecks": ["InstanceStress"],
}
TAINT = {"Key": "a", "Value": "b", "Effect": "NoSchedule"}


def stack(**changes: Any) -> dict[str, Any]:
    group = copy.deepcopy(GROUP) | changes
    return {
        **CLUSTER,
        "Instances": role("sagemaker.amazonaws.com"),
        "Pod": resource(
            "SageMaker::Cluster",
            ClusterName="one",
            Orchestrator={"Eks": {"ClusterArn": get("Cluster", "Arn")}},
            NodeRecovery="Automatic",
            NodeProvisioningMode="Continuous",
            TieredStorageConfig={"Mode": "Enable", "InstanceMemoryAllocationPercentage": 20},
            VpcConfig=PLACE | {"Subnets": [ref("SubnetA")]},
            InstanceGroups=[group],
        ),
    }


@pytest.fixture
def scripts(aws: Aws) -> None:
    s3 = aws("s3")
    s3.create_bucket(
        Bucket="sagemaker-one", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    s3.put_object(Bucket="sagemaker-one", Key="lifecycle/a.sh", Body=b"true")


@pytest.mark.usefixtures("scripts")
def test_a_cluster_is_read_back_as_it_was_asked_for(aws: Aws, deploy: Deploy) -> None:
    outputs = {"Arn": {"Value": get("Pod", "ClusterArn")}}
    made = deploy(stack(), Outputs=outputs)
    found = read_hyperpod(aws("sagemaker"), "one")
    assert found.arn == made["Pod"]
    assert found.eks_cluster_arn.endswith(":cluster/one")
    assert (found.node_recovery, found.provisioning_mode) == ("Automatic", "Continuous")
    assert found.tiered_storage_percent == 20
    (group,) = found.groups
    assert (group.instance_type, group.count) == ("ml.p6-b200.48xlarge", 2)
    assert group.subnet_ids == (made["SubnetB"],)
    assert group.labels == {"disagg/role": "decode"}
    assert group.interface_type == "efa-only"
    assert group.deep_health_checks == ("InstanceStress",)
    assert group.script == "s3://sagemaker-one/lifecycle/a.sh"


@pytest.mark.usefixtures("scripts")
def test_a_group_grows_in_place_and_the_cluster_goes_with_its_stack(
    aws: Aws, deploy: Deploy
) -> None:
    before = deploy(stack())
    after = deploy(stack(InstanceCount=3))
    assert before["Pod"] == after["Pod"]
    assert read_hyperpod(aws("sagemaker"), "one").groups[0].count == 3
    deploy({"Vpc": CLUSTER["Vpc"]})
    assert find_hyperpod(aws("sagemaker"), "one") is None


@pytest.mark.usefixtures("scripts")
def test_what_cannot_change_is_refused(deploy: Deploy) -> None:
    deploy(stack())
    moved = stack()
    moved["Pod"]["Properties"]["VpcConfig"]["Subnets"] = [ref("SubnetB")]
    assert "VpcConfig of a HyperPod cluster that has a name cannot change" in refused(deploy, moved)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"KubernetesConfig": {"Taints": [TAINT]}}, "custom taints beside deep health checks"),
        (
            {"LifeCycleConfig": {"SourceS3Uri": "s3://scripts/x", "OnCreate": "a.sh"}},
            "is not s3://sagemaker-",
        ),
        (
            {"LifeCycleConfig": GROUP["LifeCycleConfig"] | {"OnCreate": "b.sh"}},
            "no script at s3://sagemaker-one/lifecycle/b.sh",
        ),
        ({"ExecutionRole": "arn:aws:iam::123456789012:role/nobody"}, "nobody"),
        ({"OverrideVpcConfig": PLACE | {"Subnets": ["subnet-none"]}}, "subnet-none"),
    ],
    ids=["taint", "bucket", "script", "role", "subnet"],
)
def test_what_sagemaker_refuses_is_refused(
    deploy: Deploy, changes: dict[str, Any], said: str
) -> None:
    assert said in refused(deploy, stack(**changes))


def test_without_a_cluster_none_is_found(aws: Aws) -> None:
    assert find_hyperpod(aws("sagemaker"), "one") is None
