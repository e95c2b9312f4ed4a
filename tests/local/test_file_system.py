"""A file system of models on the AWS endpoint: deployed, read back; a difference is noticed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from in_process import Endpoint, deployed
from shipped import REMOVE, checked, edited

from disagg import artifacts
from disagg.checks.environment import check
from disagg.config.yaml_reader import read_text
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.holdings import holdings, put
from disagg.local.compare import Created, compare, read_created
from disagg.local.rehearse import completed
from tests.local.test_every_combination import EXISTING

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
FSX = {"kind": "fsx", "revision": COMMIT}
MOUNTED = checked("pilot", serving__weights=FSX).environment


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    base = tmp_path_factory.mktemp("file-system")
    artifacts.write_stacks(MOUNTED, base / "stacks")
    target = Target(account=MOUNTED.aws.account, region=MOUNTED.aws.region)
    with AwsEndpoint(directory=base / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, base / "stacks", lambda _: None)
        yield read_created(endpoint, MOUNTED.cluster_name)


def different(created: Created) -> list[str]:
    return [fact.about for fact in compare(MOUNTED, created) if not fact.agrees]


@pytest.mark.slow
def test_the_file_system_that_was_created_is_the_one_of_the_plan(created: Created) -> None:
    about = [fact.about for fact in compare(MOUNTED, created)]
    assert len([one for one in about if one.startswith("file system")]) == 7
    assert different(created) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (
            {"capacity_gib": 2400},
            "file system: type, GiB, MB/s for each TiB, days of backups",
        ),
        ({"storage_type": "HDD"}, "file system: type, GiB, MB/s for each TiB, days of backups"),
        ({"key_arn": ""}, "file system: encrypted with a key"),
        ({"subnet_ids": ("subnet-0",)}, "file system: zone"),
        ({"associations": ()}, "file system: directory, place, imports, exports"),
        ({"tags": {}}, "file system: how many"),
    ],
)
def test_another_file_system_is_noticed(
    created: Created, change: dict[str, Any], noticed: str
) -> None:
    (one,) = created.file_systems
    assert noticed in different(replace(created, file_systems=(replace(one, **change),)))


@pytest.mark.slow
def test_a_group_that_lets_everybody_in_is_noticed(created: Created) -> None:
    (one,) = created.file_systems
    (name,) = one.security_group_ids
    group = created.security_groups[name]
    wide = replace(group, ingress=(*group.ingress, replace(group.ingress[0], peer="0.0.0.0/0")))
    changed = replace(created, security_groups=created.security_groups | {name: wide})
    assert different(changed) == ["file system: its group lets in"]


@pytest.mark.slow
def test_ssm_tells_what_the_file_must_state_and_it_becomes_the_volume(created: Created) -> None:
    (one,) = created.file_systems
    path = "/disagg/pilot/storage/file-system"
    told = (created.parameters[f"{path}-id"], created.parameters[f"{path}-mount-name"])
    assert told == (one.id, one.mount_name)
    before = artifacts.render(MOUNTED)
    assert "PersistentVolume" not in json.dumps(before)
    (volume, claim) = completed(MOUNTED, before, created)["26-model-volume.yaml"]
    assert volume["spec"]["csi"]["volumeHandle"] == one.id
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]


def template(**changes: Any) -> dict[str, Any]:
    """Return a template with a file system by hand, in a group that admits itself."""
    itself = {"Fn::GetAtt": ["Group", "GroupId"]}
    properties = {
        "FileSystemType": "LUSTRE",
        "StorageType": "SSD",
        "StorageCapacity": 1200,
        "SubnetIds": [{"Ref": "Subnet"}],
        "SecurityGroupIds": [itself],
        "LustreConfiguration": {
            "DeploymentType": "PERSISTENT_2",
            "PerUnitStorageThroughput": 125,
        },
    }
    rule = {"GroupId": itself, "SourceSecurityGroupId": itself, "IpProtocol": "tcp"}
    network = {"CidrBlock": "10.0.0.0/16"}
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": network},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"},
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}},
        },
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {**rule, "FromPort": 988, "ToPort": 988, **changes.pop("rule", {})},
        },
        "FileSystem": {
            "Type": "AWS::FSx::FileSystem",
            "DependsOn": ["Rule"],
            "Properties": properties | changes,
        },
    }


def link(bucket: str) -> dict[str, Any]:
    return {
        "Type": "AWS::FSx::DataRepositoryAssociation",
        "Properties": {
            "FileSystemId": {"Ref": "FileSystem"},
            "FileSystemPath": "/models",
            "DataRepositoryPath": f"s3://{bucket}/models/",
        },
    }


def test_size_and_throughput_change_in_place_and_all_goes_with_the_stack(
    aws: Callable[[str], Any], deploy: Callable[..., dict[str, str]]
) -> None:
    aws("s3").create_bucket(
        Bucket="ours", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    outputs = {
        name: {"Value": {"Fn::GetAtt": ["FileSystem", name]}}
        for name in ("DNSName", "LustreMountName", "ResourceARN")
    }
    first = deploy({**template(), "Models": link("ours")}, Outputs=outputs)
    again = deploy({**template(StorageCapacity=4800), "Models": link("ours")}, Outputs=outputs)
    assert first["FileSystem"] == again["FileSystem"]
    fsx = aws("fsx")
    (made,) = fsx.describe_file_systems()["FileSystems"]
    assert (made["StorageCapacity"], made["FileSystemId"]) == (4800, first["FileSystem"])
    assert len(made["LustreConfiguration"]["MountName"]) == 8
    (association,) = fsx.describe_data_repository_associations()["Associations"]
    assert association["FileSystemId"] == first["FileSystem"]
    aws("cloudformation").delete_stack(StackName="stack")
    assert fsx.describe_file_systems()["FileSystems"] == []
    assert fsx.describe_data_repository_associations()["Associations"] == []


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (template(StorageCapacity=3600), "StorageCapacity 3600"),
        (
            template(LustreConfiguration={"PerUnitStorageThroughput": 200}),
            "PerUnitStorageThroughput 200",
        ),
        (template(rule={"FromPort": 22, "ToPort": 22}), "do not permit Lustre LNET"),
        (template(SubnetIds=[{"Ref": "Subnet"}] * 2), "one subnet"),
        ({**template(), "Models": link("nobodys")}, "bucket does not exist"),
    ],
    ids=["size", "throughput", "group", "subnets", "bucket"],
)
def test_what_fsx_refuses_is_refused(
    deploy: Callable[..., dict[str, str]], resources: dict[str, Any], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        deploy(resources)


THEIRS = {
    "name": "theirs",
    "security_group_id": "sg-0123456789abcdef0",
    "vpc_cni_version": "v1.21.1",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "fsx"])
def test_in_a_cluster_of_others_only_what_the_store_needs_is_made(
    kind: str, aws: Callable[[str], Any], tmp_path: Path
) -> None:
    edits = {
        "network.existing": EXISTING,
        "cluster.existing": THEIRS,
        "cluster.administrators": REMOVE,
        "serving.weights": {"kind": kind, "revision": COMMIT},
    }
    environment = check(read_text(edited("pilot", edits), "theirs.yaml")).environment
    artifacts.write_stacks(environment, tmp_path / "stacks")
    put(holdings(environment), environment.aws.account, environment.aws.region)
    deployed(aws, tmp_path / "stacks")
    created = read_created(cast("AwsEndpoint", Endpoint(aws)), environment.cluster_name)
    facts = compare(environment, created)
    assert [fact.about for fact in facts if not fact.agrees] == []
    clients = created.security_groups.get(THEIRS["security_group_id"])
    assert clients is None or not [one for one in clients.ingress if one.from_port == 988]
