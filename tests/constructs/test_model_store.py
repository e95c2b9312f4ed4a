import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from disagg_constructs import ModelStore, ModelStoreProps, StoreAccess
from tests.stacks.synthesis import Template, of_type, only, template_of

BUCKET, KEY = "arn:aws:s3:::models-of-ours", "arn:aws:kms:us-west-2:123456789012:key/1234"


def made(**more: object) -> Template:
    stack = cdk.Stack(cdk.App(), "Theirs")
    props = ModelStoreProps(bucket_name="models-of-ours", **more)  # type: ignore[arg-type]
    ModelStore(stack, "Models", props=props)
    return template_of(stack)


def test_it_works_in_a_stack_of_others_and_makes_three_resources() -> None:
    kinds = sorted(one["Type"] for one in made()["Resources"].values())
    assert kinds == ["AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"]


def test_old_versions_go_when_the_caller_says() -> None:
    (rule,) = only(made(keep_old_versions_days=7), "AWS::S3::Bucket")["LifecycleConfiguration"][
        "Rules"
    ]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
        (cdk.RemovalPolicy.DESTROY, "Delete"),
    ],
)
def test_bucket_and_key_stay_or_go_together(policy: cdk.RemovalPolicy, kept: str) -> None:
    bodies = made(removal_policy=policy)["Resources"].values()
    found = {
        one["DeletionPolicy"]
        for one in bodies
        if one["Type"] in {"AWS::S3::Bucket", "AWS::KMS::Key"}
    }
    assert found == {kept}


def test_a_bucket_is_never_emptied_by_code() -> None:
    assert not of_type(
        made(removal_policy=cdk.RemovalPolicy.DESTROY), "Custom::S3AutoDeleteObjects"
    )


def allowed(statements: list[iam.PolicyStatement]) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in statements:
        body = one.to_statement_json()
        actions = body["Action"]
        for action in actions if isinstance(actions, list) else [actions]:
            found[action] = body["Resource"]
    return found


def access(key_arn: str | None = KEY) -> StoreAccess:
    return StoreAccess(bucket_arn=BUCKET, prefix="llm", account="123456789012", key_arn=key_arn)


def test_a_reader_lists_and_reads_and_does_nothing_else() -> None:
    assert allowed(access().reading()) == {
        "s3:ListBucket": BUCKET,
        "s3:GetObject": f"{BUCKET}/llm/*",
        "kms:Decrypt": KEY,
    }


def test_the_writer_writes_and_deletes_nothing() -> None:
    assert allowed(access().writing()) == {
        "s3:ListBucket": BUCKET,
        "s3:AbortMultipartUpload": f"{BUCKET}/llm/*",
        "s3:GetObject": f"{BUCKET}/llm/*",
        "s3:PutObject": f"{BUCKET}/llm/*",
        "kms:Decrypt": KEY,
        "kms:GenerateDataKey": KEY,
    }


def test_without_a_key_nothing_is_said_of_keys() -> None:
    assert not {one for one in allowed(access(None).writing()) if one.startswith("kms:")}


def test_a_bucket_of_that_name_in_another_account_is_nobodys() -> None:
    for one in (*access().reading(), *access().writing()):
        body = one.to_statement_json()
        if body["Resource"] != KEY:
            owner = body["Condition"]["StringEquals"]["aws:ResourceAccount"]
            assert owner == "123456789012"
