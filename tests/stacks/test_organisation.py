"""What an organisation demands reaches every resource: tags, boundary, names, bootstrap.

Which types take tags is what AWS's own resource schemas say, as cfn-lint ships them.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from shipped import checked

from disagg.config.environment import Environment
from disagg_stacks import synthesize as write
from tests.stacks.synthesis import environment, synthesize

BOUNDARY = "arn:aws:iam::123456789012:policy/team/boundary"
TAGS = {"cost-center": "4711", "owner": "platform team"}
ENVIRONMENTS = ("pilot", "reference")
BLOCK = {
    "kind": "capacity_block",
    "id": "cr-0123456789abcdef0",
    "instances": 1,
    "zone_id": "usw2-az2",
    "end": "2027-03-01T11:30:00Z",
}


def demanding(one: Environment) -> Environment:
    return replace(one, aws=replace(one.aws, tags=TAGS, permissions_boundary=BOUNDARY))


def resources(one: Environment) -> list[dict[str, Any]]:
    return [body for each in synthesize(one).values() for body in each["Resources"].values()]


def takes_tags(kind: str) -> bool:
    """Say whether CloudFormation tags a type, and can change the tags without replacing it."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-west-2", kind).schema
    tagging = schema.get("tagging", {"taggable": False})
    return bool(tagging["taggable"] and tagging["tagUpdatable"])


def tags_of(body: dict[str, Any]) -> dict[str, str]:
    given = body["Properties"].get("Tags", {})
    if isinstance(given, dict):
        return dict(given)
    return {tag["Key"]: tag["Value"] for tag in given}


def test_the_oracle_knows_what_takes_tags() -> None:
    assert takes_tags("AWS::IAM::Role")
    assert takes_tags("AWS::SSM::Parameter")
    assert not takes_tags("AWS::EC2::Route")
    # Its tags are create-only.
    assert not takes_tags("AWS::EC2::PlacementGroup")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_everything_that_takes_tags_has_those_demanded_and_its_environment(name: str) -> None:
    found = resources(demanding(environment(name)))
    taggable = [body for body in found if takes_tags(body["Type"])]
    assert len({body["Type"] for body in taggable}) > 15
    without = [
        body
        for body in taggable
        if not (TAGS | {"disagg:environment": name}).items() <= tags_of(body).items()
    ]
    assert without == []


def test_a_hyperpod_cluster_its_bucket_and_its_roles_have_tags_and_boundary() -> None:
    found = resources(demanding(checked("pilot", cluster__platform="hyperpod").environment))
    taggable = [body for body in found if takes_tags(body["Type"])]
    assert {"AWS::SageMaker::Cluster", "AWS::S3::Bucket"} <= {body["Type"] for body in taggable}
    assert [body["Type"] for body in taggable if not TAGS.items() <= tags_of(body).items()] == []
    roles = [body["Properties"] for body in found if body["Type"] == "AWS::IAM::Role"]
    assert {one.get("PermissionsBoundary") for one in roles} == {BOUNDARY}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_nodes_and_their_volumes_have_the_tags(name: str) -> None:
    found = resources(demanding(environment(name)))
    data = [
        body["Properties"]["LaunchTemplateData"]
        for body in found
        if body["Type"] == "AWS::EC2::LaunchTemplate"
    ]
    assert len(data) >= 2
    for one in data:
        tagged = {row["ResourceType"]: row["Tags"] for row in one["TagSpecifications"]}
        assert tagged.keys() == {"instance", "volume"}
        for tags in tagged.values():
            assert {tag["Key"]: tag["Value"] for tag in tags}.items() >= TAGS.items()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_role_has_the_boundary_those_the_cdk_makes_too(name: str) -> None:
    roles = [
        body["Properties"]
        for body in resources(demanding(environment(name)))
        if body["Type"] in {"AWS::IAM::Role", "AWS::IAM::User"}
    ]
    # The flow log's role is made by an L2 construct of the CDK.
    principals = json.dumps([one["AssumeRolePolicyDocument"] for one in roles])
    assert "vpc-flow-logs.amazonaws.com" in principals
    assert {one.get("PermissionsBoundary") for one in roles} == {BOUNDARY}


def test_the_role_of_the_block_end_has_it_too() -> None:
    one = checked("pilot", capacity__decode__source=BLOCK).environment
    roles = [b["Properties"] for b in resources(demanding(one)) if b["Type"] == "AWS::IAM::Role"]
    assert any("scheduler" in json.dumps(each["AssumeRolePolicyDocument"]) for each in roles)
    assert {each.get("PermissionsBoundary") for each in roles} == {BOUNDARY}


def test_without_a_demand_no_role_has_a_boundary() -> None:
    assert "PermissionsBoundary" not in json.dumps(resources(environment("pilot")))


def test_a_prefix_names_stacks_cluster_and_parameters_as_written() -> None:
    given = synthesize(checked("pilot", aws__name_prefix="acme").environment)
    assert list(given) == ["acme-Pilot-Network", "acme-Pilot-Cluster", "acme-Pilot-Capacity"]
    text = json.dumps(given)
    assert '"Name": "acme-pilot"' in text
    assert '"/acme/pilot/capacity/decode-node-group"' in text
    assert '"/aws/eks/acme-pilot/cluster"' in text
    assert "Disagg" not in text
    assert "/disagg/" not in text
    assert "disagg-pilot" not in text


def test_the_longest_names_fit() -> None:
    # Prefix 20, name 30, layer at most 13 ("Observability"): CloudFormation takes 128, EKS 100.
    one = checked("pilot", aws__name_prefix="p" * 20).environment
    one = replace(one, name="a" * 30)
    assert len(one.cluster_name) == 51
    assert max(map(len, synthesize(one))) == 20 + 1 + 30 + 1 + len("Capacity")
    assert max(map(len, synthesize(one))) + len("Observability") < 128


def test_a_bootstrap_of_ones_own_is_what_the_cli_uses(tmp_path: Path) -> None:
    write(checked("pilot", aws__bootstrap_qualifier="acme").environment, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    stacks = [
        one["properties"]
        for one in manifest["artifacts"].values()
        if one["type"] == "aws:cloudformation:stack"
    ]
    assert len(stacks) == 3
    for one in stacks:
        assert ":role/cdk-acme-deploy-role-" in one["assumeRoleArn"]
        assert one["bootstrapStackVersionSsmParameter"] == "/cdk-bootstrap/acme/version"
    assert "hnb659fds" not in json.dumps(manifest)


def test_a_property_injector_would_miss_resources_of_the_first_level() -> None:
    """The reason for ADR 0018: an injector is for one class of the second level."""
    assert hasattr(cdk.aws_iam.Role, "PROPERTY_INJECTION_ID")
    assert not hasattr(cdk.aws_iam.CfnRole, "PROPERTY_INJECTION_ID")
