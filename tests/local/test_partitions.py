"""The endpoint answers in every partition: IAM and S3 of each are apart, and so are their ARNs."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from in_process import Endpoint, deployed
from moto import mock_aws
from shipped import checked

from disagg import artifacts
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.local.aws.cloudformation import Call
from disagg.local.aws.extension import install
from disagg.local.compare import compare, read_created

PARTITIONS = {"us-west-2": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}
"""Source: AWS General Reference, ARN format."""


@pytest.fixture(params=PARTITIONS)
def region(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An AWS in this process, seen from a region."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    install()
    with mock_aws():
        yield str(request.param)


def client(region: str) -> Callable[[str], Any]:
    """Return clients of a region.

    Why IAM is named: its own address says no region, and moto then takes the first partition. The
    demo's clients have the address of the endpoint, and say the region when they sign.
    """
    session = boto3.Session(region_name=region)
    iam = f"https://iam.{region}.amazonaws.com"

    def make(service: str) -> Any:
        return session.client(service, endpoint_url=iam if service == "iam" else None)

    return make


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": []},
}


def test_a_role_keeps_the_policies_of_its_partition_and_goes_again(region: str) -> None:
    arn = f"arn:{PARTITIONS[region]}:iam::aws:policy/AmazonEKSClusterPolicy"
    role = {**ROLE, "Properties": {**ROLE["Properties"], "ManagedPolicyArns": [arn]}}
    aws = client(region)
    body = json.dumps({"Resources": {"Role": role}})
    aws("cloudformation").create_stack(StackName="one", TemplateBody=body)
    (made,) = aws("iam").list_roles()["Roles"]
    assert made["Arn"].startswith(f"arn:{PARTITIONS[region]}:iam::")
    attached = aws("iam").list_attached_role_policies(RoleName=made["RoleName"])
    assert [one["PolicyArn"] for one in attached["AttachedPolicies"]] == [arn]
    aws("cloudformation").delete_stack(StackName="one")
    assert aws("iam").list_roles()["Roles"] == []


@pytest.mark.parametrize("name", PARTITIONS)
def test_the_arn_of_a_resource_says_the_partition_of_its_region(name: str) -> None:
    call = Call(name="n", properties={}, account="123456789012", region=name)
    wanted = f"arn:{PARTITIONS[name]}:eks:{name}:123456789012:cluster/x"
    assert call.arn("eks", "cluster/x") == wanted


def test_no_type_of_the_catalogue_is_sold_in_china() -> None:
    """When one is, it belongs into the deployment below."""
    assert not any(
        name.startswith("cn-") for one in INSTANCE_TYPES.values() for name in one.regions
    )


@pytest.mark.slow
@pytest.mark.parametrize("region", ["us-gov-west-1"], indirect=True)
def test_an_environment_of_govcloud_is_deployed_as_planned(region: str, tmp_path: Path) -> None:
    environment = checked(
        "pilot",
        aws__region=region,
        network__availability_zone_ids=["usgw1-az1", "usgw1-az2"],
        network__fabric_zone_id="usgw1-az2",
        cluster__administrators=["arn:aws-us-gov:iam::123456789012:role/platform"],
    ).environment
    written = artifacts.write_all(environment, tmp_path)
    aws = client(region)
    deployed(aws, written.directory / "stacks")
    facts = compare(environment, read_created(Endpoint(aws), environment.cluster_name))
    assert [one.about for one in facts if not one.agrees] == []
