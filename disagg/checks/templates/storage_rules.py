"""Rules about buckets in synthesized templates, and about who may use them."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import Resource, Templates, referred, resources

BUCKET = "AWS::S3::Bucket"
_POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
_RETAINED = {"Retain", "RetainExceptOnCreate"}
_CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_SERVICES = ("s3:", "kms:", "secretsmanager:")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _stores(templates: Templates) -> Iterator[Resource]:
    """Yield the buckets that keep data: all but those of scripts that SageMaker reads at boot.

    HyperPod asks for names that begin with `sagemaker-`, and a few kB of scripts are in Git.
    """
    for one in resources(templates, BUCKET):
        if not str(one.properties.get("BucketName", "")).startswith("sagemaker-"):
            yield one


@rule("DISAGG-WGT-021")
def stores_are_encrypted_with_a_key_of_the_account(templates: Templates) -> Iterator[Finding]:
    """Every store encrypts with a KMS key that is named, and asks for it once, not per object.

    Who reads needs the key too, so a bucket policy alone opens nothing. Without a bucket key every
    range request of a streamer is a request to KMS. Source: AWS Foundational Security Best
    Practices S3.17; S3 user guide, "Bucket keys".
    """
    for one in _stores(templates):
        given = one.properties.get("BucketEncryption", {}).get(
            "ServerSideEncryptionConfiguration", []
        )
        good = given and all(
            rule_.get("BucketKeyEnabled") is True
            and rule_.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") == "aws:kms"
            and rule_.get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
            for rule_ in given
        )
        if not good:
            yield Finding(
                at=(one.name, "BucketEncryption"),
                got=str(given or "no encryption by key"),
                need="aws:kms with KMSMasterKeyID and BucketKeyEnabled",
                fix="give the bucket a key",
            )


@rule("DISAGG-WGT-022")
def buckets_refuse_what_is_not_tls(templates: Templates) -> Iterator[Finding]:
    """Every bucket has a policy that denies everybody everything over plain HTTP.

    Source: AWS Foundational Security Best Practices S3.5.
    """
    safe = {
        referred(templates, policy.stack, policy.properties.get("Bucket"))
        for policy in resources(templates, "AWS::S3::BucketPolicy")
        if any(map(_denies_plain, policy.properties.get("PolicyDocument", {}).get("Statement", [])))
    }
    for one in resources(templates, BUCKET):
        if (one.stack, one.logical_id) not in safe:
            yield Finding(
                at=(one.name,),
                got="no policy that denies plain HTTP",
                need='Deny s3:* to * where aws:SecureTransport is "false"',
                fix="enforce TLS on the bucket",
            )


def _denies_plain(statement: Mapping[str, Any]) -> bool:
    everybody = statement.get("Principal") in ("*", {"AWS": "*"})
    plain = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    # Why two resources: a policy on the bucket alone leaves its objects open, and the reverse.
    all_of_it = len(_listed(statement.get("Resource"))) > 1
    denied = statement.get("Effect") == "Deny" and statement.get("Action") == "s3:*"
    return denied and everybody and all_of_it and str(plain).lower() == "false"


@rule("DISAGG-WGT-023")
def buckets_are_closed_to_the_public(templates: Templates) -> Iterator[Finding]:
    """Every bucket blocks public access in all four ways, and has no access lists.

    Source: AWS Foundational Security Best Practices S3.8 and S3.12.
    """
    for one in resources(templates, BUCKET):
        block = one.properties.get("PublicAccessBlockConfiguration", {})
        left = [name for name in _CLOSED if block.get(name) is not True]
        owners = one.properties.get("OwnershipControls", {}).get("Rules", [])
        owned = {"ObjectOwnership": "BucketOwnerEnforced"} in owners
        if left or not owned:
            yield Finding(
                at=(one.name, "PublicAccessBlockConfiguration"),
                got=f"without {', '.join(left) or 'BucketOwnerEnforced'}",
                need=f"{', '.join(_CLOSED)}, and BucketOwnerEnforced",
                fix="block public access and turn access lists off",
            )


@rule("DISAGG-WGT-024")
def stores_keep_versions_and_let_them_end(templates: Templates) -> Iterator[Finding]:
    """Every store keeps versions, and says when old ones and broken uploads are deleted.

    An object that was overwritten by mistake can be had back; parts of uploads that were never
    finished cost money and are shown by no listing. Source: AWS Foundational Security Best
    Practices S3.13; S3 user guide, "Aborting incomplete multipart uploads".
    """
    for one in _stores(templates):
        versions = one.properties.get("VersioningConfiguration", {}).get("Status") == "Enabled"
        rules = [
            row
            for row in one.properties.get("LifecycleConfiguration", {}).get("Rules", [])
            if row.get("Status") == "Enabled" and "Prefix" not in row
        ]
        lacks = [
            name
            for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
            if not any(name in row for row in rules)
        ]
        if lacks or not versions:
            yield Finding(
                at=(one.name, "LifecycleConfiguration"),
                got=f"without {', '.join(lacks) or 'versions'}",
                need="versioning, and an end of old versions and of incomplete uploads",
                fix="switch versioning on, and give the bucket a lifecycle rule",
            )


@rule("DISAGG-WGT-025")
def buckets_outlive_their_stack(templates: Templates) -> Iterator[Finding]:
    """Every bucket stays when its stack goes, and when a new one takes its place.

    What is in it took hours to copy, and CloudFormation cannot delete a bucket that is not empty.
    Source: CloudFormation user guide, DeletionPolicy.
    """
    for one in resources(templates, BUCKET):
        body = templates[one.stack]["Resources"][one.logical_id]
        got = (body.get("DeletionPolicy"), body.get("UpdateReplacePolicy"))
        if not set(got) <= _RETAINED:
            yield Finding(
                at=(one.name, "DeletionPolicy"),
                got=f"DeletionPolicy {got[0]}, UpdateReplacePolicy {got[1]}",
                need=" or ".join(sorted(_RETAINED)),
                fix="retain the bucket",
            )


@rule("DISAGG-WGT-026")
def stores_are_opened_by_name(templates: Templates) -> Iterator[Finding]:
    """No role may do all of S3, KMS or Secrets Manager, nor any of it on everything.

    A server that was taken over must find its own weights and nothing more. Source: IAM user
    guide, "Apply least-privilege permissions".
    """
    for policy, statement in _allowing(templates):
        actions = [str(one) for one in _listed(statement.get("Action", []))]
        mine = [one for one in actions if one == "*" or one.startswith(_SERVICES)]
        wide = [one for one in mine if "*" in one]
        if wide or (mine and "*" in _listed(statement.get("Resource"))):
            yield Finding(
                at=(policy.name, "PolicyDocument"),
                got=f"{', '.join(wide or mine)} on {statement.get('Resource')}",
                need="actions by name on ARNs",
                fix="name the actions and the resource",
            )


def _allowing(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for policy in resources(templates, *_POLICIES):
        for statement in policy.properties.get("PolicyDocument", {}).get("Statement", []):
            if statement.get("Effect") == "Allow":
                yield policy, statement
