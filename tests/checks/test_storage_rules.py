"""Rules over the templates of a store of weights: kept by what is made, broken by each change."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from shipped import checked

from disagg.checks.rule import rules_of
from disagg.checks.templates import check_templates, storage_rules
from tests.stacks.synthesis import Template, of_type, synthesize

STORAGE = "Disagg-Pilot-Storage"
WEIGHTS = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}
Given = dict[str, Template]
Change = Callable[[Given], object]


@cache
def _made() -> Given:
    return synthesize(checked("pilot", serving__weights=WEIGHTS).environment)


def made() -> Given:
    return copy.deepcopy(_made())


def first(given: Given, kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = next(iter(of_type(given[STORAGE], kind).values()))
    return properties


def bucket(given: Given) -> dict[str, Any]:
    return first(given, "AWS::S3::Bucket")


def body(given: Given) -> dict[str, Any]:
    found = given[STORAGE]["Resources"].values()
    one: dict[str, Any] = next(row for row in found if row["Type"] == "AWS::S3::Bucket")
    return one


def rule(given: Given) -> dict[str, Any]:
    row: dict[str, Any] = bucket(given)["LifecycleConfiguration"]["Rules"][0]
    return row


def encryption(given: Given) -> dict[str, Any]:
    row: dict[str, Any] = bucket(given)["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    return row


def plain(given: Given) -> dict[str, Any]:
    row: dict[str, Any] = first(given, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"][0]
    return row


def statement(given: Given, number: int) -> dict[str, Any]:
    row: dict[str, Any] = first(given, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"][
        number
    ]
    return row


VIOLATIONS: list[tuple[str, Change]] = [
    ("021", lambda t: bucket(t).pop("BucketEncryption")),
    ("021", lambda t: encryption(t).pop("BucketKeyEnabled")),
    ("021", lambda t: encryption(t)["ServerSideEncryptionByDefault"].pop("KMSMasterKeyID")),
    ("021", lambda t: encryption(t)["ServerSideEncryptionByDefault"].update(SSEAlgorithm="AES256")),
    ("022", lambda t: first(t, "AWS::S3::BucketPolicy").update(Bucket="another")),
    ("022", lambda t: plain(t).update(Effect="Allow")),
    ("022", lambda t: plain(t).update(Principal={"AWS": "arn:aws:iam::123456789012:root"})),
    ("022", lambda t: plain(t).update(Resource=plain(t)["Resource"][0])),
    ("022", lambda t: plain(t)["Condition"]["Bool"].update({"aws:SecureTransport": "true"})),
    ("022", lambda t: plain(t).update(Action="s3:GetObject")),
    ("023", lambda t: bucket(t)["PublicAccessBlockConfiguration"].update(BlockPublicPolicy=False)),
    ("023", lambda t: bucket(t).pop("PublicAccessBlockConfiguration")),
    ("023", lambda t: bucket(t).pop("OwnershipControls")),
    ("024", lambda t: bucket(t).pop("VersioningConfiguration")),
    ("024", lambda t: rule(t).pop("NoncurrentVersionExpiration")),
    ("024", lambda t: rule(t).pop("AbortIncompleteMultipartUpload")),
    ("024", lambda t: rule(t).update(Status="Disabled")),
    ("024", lambda t: rule(t).update(Prefix="models/")),
    ("025", lambda t: body(t).pop("DeletionPolicy")),
    ("025", lambda t: body(t).update(UpdateReplacePolicy="Delete")),
    ("026", lambda t: statement(t, 1).update(Action="s3:*")),
    ("026", lambda t: statement(t, 1).update(Action=["s3:GetObject*"])),
    ("026", lambda t: statement(t, 1).update(Resource="*")),
    ("026", lambda t: statement(t, 2).update(Resource=["*"])),
    ("026", lambda t: statement(t, 2).update(Action="*")),
]


def test_what_is_made_breaks_no_rule() -> None:
    assert check_templates(made()) == []


@pytest.mark.parametrize(
    ("number", "change"),
    VIOLATIONS,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(VIOLATIONS)],
)
def test_a_change_for_the_worse_is_found_where_it_is(number: str, change: Change) -> None:
    given = made()
    change(given)
    found = [one for one in check_templates(given) if one.code == f"DISAGG-WGT-{number}"]
    assert found
    for one in found:
        owner, _, rest = one.path.partition("/")
        assert owner == STORAGE
        assert rest.split(".")[0] in given[STORAGE]["Resources"]


def test_every_rule_is_broken_by_some_change() -> None:
    codes = {one.code for one in rules_of(storage_rules)}
    assert {f"DISAGG-WGT-{row[0]}" for row in VIOLATIONS} == codes


def test_a_bucket_of_scripts_for_sagemaker_needs_no_key_but_is_closed_all_the_same() -> None:
    given = made()
    bucket(given)["BucketName"] = "sagemaker-disagg-pilot-scripts"
    encryption(given)["ServerSideEncryptionByDefault"].pop("KMSMasterKeyID")
    assert check_templates(given) == []
    bucket(given).pop("PublicAccessBlockConfiguration")
    assert {one.code for one in check_templates(given)} == {"DISAGG-WGT-023"}
