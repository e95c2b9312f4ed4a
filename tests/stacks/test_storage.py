"""How a store of weights shows in the templates of an environment."""

from typing import Any

import pytest
from shipped import checked

from tests.stacks.synthesis import Template, of_type, only, synthesize, templates

S3 = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd"
STORAGE = "Disagg-Pilot-Storage"


def stored(**more: Any) -> dict[str, Template]:
    return synthesize(checked("pilot", serving__weights=S3 | more).environment)


def policies(template: Template) -> str:
    return str(of_type(template, "AWS::IAM::ManagedPolicy"))


def test_an_environment_that_asks_the_hub_has_no_storage_layer() -> None:
    assert STORAGE not in templates("pilot")
    assert synthesize(
        checked("pilot", serving__weights={"kind": "hugging_face"}).environment
    ) == templates("pilot")


def test_the_other_layers_are_the_same_with_a_store() -> None:
    found = stored()
    own = found.pop(STORAGE)
    assert {name: t["Resources"] for name, t in found.items()} == {
        name: t["Resources"] for name, t in templates("pilot").items()
    }
    assert only(own, "AWS::S3::Bucket")["BucketName"].startswith("disagg-pilot-models-")


def test_logical_ids_of_what_has_state_do_not_change() -> None:
    # Guard: another id is another bucket, and hours of copying.
    found = stored()[STORAGE]
    assert list(of_type(found, "AWS::S3::Bucket")) == ["Models7F217E31"]
    assert list(of_type(found, "AWS::KMS::Key")) == ["ModelsKeyC1527AC1"]


def test_each_service_account_has_a_role_of_its_own() -> None:
    bound = of_type(stored()[STORAGE], "AWS::EKS::PodIdentityAssociation").values()
    names = {(one["Namespace"], one["ServiceAccount"]) for one in bound}
    assert names == {("pilot-serving", "model-server"), ("pilot-serving", "model-loader")}
    assert len({str(one["RoleArn"]) for one in bound}) == 2


def test_people_are_told_where_the_model_is() -> None:
    parameter = only(stored()[STORAGE], "AWS::SSM::Parameter")
    assert parameter["Name"] == "/disagg/pilot/storage/model-url"
    assert parameter["Value"].endswith(f"/models/openai/gpt-oss-120b/{S3['revision']}")


@pytest.mark.parametrize("key", [None, KEY])
def test_a_bucket_of_yours_is_opened_and_not_made(key: str | None) -> None:
    found = stored(bucket="models-of-ours", prefix="llm/eu", kms_key_arn=key)[STORAGE]
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key"):
        assert of_type(found, kind) == {}
    assert "arn:aws:s3:::models-of-ours/llm/eu/*" in policies(found)
    assert (KEY in policies(found)) is (key is not None)


def test_the_token_is_read_by_the_loader_alone_and_through_the_vpc() -> None:
    llama = checked(
        "pilot",
        serving__model="meta-llama/Llama-3.3-70B-Instruct",
        serving__max_context_tokens=8192,
        serving__weights=S3 | {"token_secret": "disagg/hub-token"},
    ).environment
    found = synthesize(llama)
    readers = [
        name
        for name, policy in of_type(found[STORAGE], "AWS::IAM::ManagedPolicy").items()
        if "secretsmanager:GetSecretValue" in str(policy)
    ]
    assert len(readers) == 1
    assert readers[0].startswith("ModelLoader")
    assert "secret:disagg/hub-token-??????" in policies(found[STORAGE])
    services = {
        one["ServiceName"]
        for one in of_type(found["Disagg-Pilot-Network"], "AWS::EC2::VPCEndpoint").values()
    }
    assert "com.amazonaws.us-west-2.secretsmanager" in services


def test_arns_follow_the_partition() -> None:
    gov = {
        "aws__region": "us-gov-west-1",
        "network__availability_zone_ids": ["usgw1-az1", "usgw1-az2"],
        "network__fabric_zone_id": "usgw1-az2",
        "cluster__administrators": ["arn:aws-us-gov:iam::123456789012:role/platform"],
        "serving__weights": S3 | {"bucket": "models-of-ours"},
    }
    found = synthesize(checked("pilot", **gov).environment)[STORAGE]
    assert "arn:aws-us-gov:s3:::models-of-ours" in policies(found)


def mounted(**more: Any) -> Template:
    fsx = S3 | {"kind": "fsx"} | more
    return synthesize(checked("pilot", serving__weights=fsx).environment)[STORAGE]


def test_behind_a_file_system_the_bucket_is_the_same_and_servers_are_nobody_to_aws() -> None:
    found, plain = mounted(), stored()[STORAGE]
    assert of_type(found, "AWS::S3::Bucket") == of_type(plain, "AWS::S3::Bucket")
    bound = of_type(found, "AWS::EKS::PodIdentityAssociation").values()
    assert [one["ServiceAccount"] for one in bound] == ["model-loader"]


def test_logical_ids_of_a_file_system_do_not_change() -> None:
    # Guard: another id is another file system, whose id and mount name the file must state anew.
    assert list(of_type(mounted(), "AWS::FSx::FileSystem")) == ["FileSystem8A8E25C0"]


def test_a_file_system_is_where_the_gpu_nodes_are_and_people_are_told_its_names() -> None:
    found = mounted(capacity_gib=2400, throughput_mb_per_tib=500)
    made = only(found, "AWS::FSx::FileSystem")
    assert "NetworkFabric" in str(made["SubnetIds"])
    assert made["StorageCapacity"] == 2400
    assert made["LustreConfiguration"]["PerUnitStorageThroughput"] == 500
    told = {
        one["Name"].rpartition("/")[2]: one["Value"]
        for one in of_type(found, "AWS::SSM::Parameter").values()
    }
    assert told["file-system-id"] == {"Ref": "FileSystem8A8E25C0"}
    assert told["file-system-mount-name"] == {
        "Fn::GetAtt": ["FileSystem8A8E25C0", "LustreMountName"]
    }


def test_a_bucket_of_yours_is_shown_too() -> None:
    link = only(
        mounted(bucket="models-of-ours", prefix="llm/eu"), "AWS::FSx::DataRepositoryAssociation"
    )
    assert link["DataRepositoryPath"] == "s3://models-of-ours/llm/eu/"
