"""Rules over templates that ask what the file demands, broken and kept."""

from collections.abc import Callable
from typing import Any

import pytest
from shipped import checked

from disagg.checks.templates import TEMPLATE_RULES, check_templates
from tests.stacks.synthesis import Template, synthesize

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DEMANDING = checked(
    "pilot",
    aws__tags={"cost-center": "4711"},
    aws__permissions_boundary=BOUNDARY,
    aws__kms_key_arn=KEY,
    serving__weights={"kind": "s3", "revision": "b" * 40},
).environment
Given = dict[str, Template]


@pytest.fixture
def given() -> Given:
    return synthesize(DEMANDING)


def properties(given: Given, kind: str) -> list[dict[str, Any]]:
    return [
        one["Properties"]
        for template in given.values()
        for one in template["Resources"].values()
        if one["Type"] == kind
    ]


def role(given: Given) -> dict[str, Any]:
    return properties(given, "AWS::IAM::Role")[-1]


def volumes(given: Given) -> list[Any]:
    data = properties(given, "AWS::EC2::LaunchTemplate")[-1]["LaunchTemplateData"]
    tags: list[Any] = data["TagSpecifications"][1]["Tags"]
    return tags


NEW_KEY = {
    "More": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {}, "EnableKeyRotation": True}}
}
VIOLATIONS: list[tuple[str, Callable[[Given], object]]] = [
    ("DISAGG-OWN-006", lambda t: role(t).pop("PermissionsBoundary")),
    ("DISAGG-OWN-006", lambda t: role(t).update(PermissionsBoundary=f"{BOUNDARY}2")),
    ("DISAGG-OWN-007", lambda t: volumes(t).clear()),
    ("DISAGG-OWN-019", lambda t: t["Disagg-Pilot-Cluster"]["Resources"].update(NEW_KEY)),
    (
        "DISAGG-OWN-019",
        lambda t: properties(t, "AWS::Logs::LogGroup")[0].update(KmsKeyId=f"{KEY}2"),
    ),
    (
        "DISAGG-OWN-019",
        lambda t: properties(t, "AWS::EKS::Cluster")[0]["EncryptionConfig"][0]["Provider"].update(
            KeyArn=f"{KEY}2"
        ),
    ),
    (
        "DISAGG-OWN-019",
        lambda t: properties(t, "AWS::S3::Bucket")[0]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ][0]["ServerSideEncryptionByDefault"].update(KMSMasterKeyID=f"{KEY}2"),
    ),
    ("DISAGG-OWN-007", lambda t: [tag.update(Value="x") for tag in volumes(t)]),
]


def test_what_the_stacks_make_keeps_both_rules(given: Given) -> None:
    assert check_templates(given, DEMANDING) == []


@pytest.mark.parametrize(("code", "change"), VIOLATIONS)
def test_a_resource_without_what_is_demanded_is_found(
    given: Given, code: str, change: Callable[[Given], object]
) -> None:
    change(given)
    assert {one.code for one in check_templates(given, DEMANDING)} == {code}


def test_where_nothing_is_demanded_nothing_is_missed(given: Given) -> None:
    for code, change in VIOLATIONS:
        change(given)
        assert code not in {one.code for one in check_templates(given, checked().environment)}


def test_every_rule_that_asks_for_the_environment_has_a_violation() -> None:
    asking = {
        one.code for one in TEMPLATE_RULES if "environment" in one.needs and "-OWN-" in one.code
    }
    assert {code for code, _ in VIOLATIONS} == asking
