"""Buckets and what a role may do, read with boto3 and returned as plain typed data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket."""

    name: str
    key_arn: str
    """KMS key that encrypts it; empty: none that is named."""
    bucket_key: bool
    """Whether the key is asked once for many objects."""
    versioned: bool
    closed: bool
    """Whether public access is blocked in all four ways."""
    ownership: str
    old_versions_days: int
    """After which a version that is not the current one is deleted [days]; 0: never."""
    broken_uploads_days: int
    tags: Mapping[str, str]


def read_buckets(s3: Any) -> tuple[Bucket, ...]:
    """Return every bucket of the account that carries tags, by name."""
    names = sorted(one["Name"] for one in s3.list_buckets()["Buckets"])
    found = [(name, _asked(s3.get_bucket_tagging, name).get("TagSet", [])) for name in names]
    return tuple(_bucket(s3, name, tags) for name, tags in found if tags)


def _asked(call: Any, name: str) -> dict[str, Any]:
    """Return what a call answers; nothing where S3 says that there is no such configuration."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  Why: it comes with an extra.

    try:
        return dict(call(Bucket=name))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004
            return {}
        raise


def _bucket(s3: Any, name: str, tags: list[dict[str, str]]) -> Bucket:
    encryption = _asked(s3.get_bucket_encryption, name).get("ServerSideEncryptionConfiguration", {})
    rule = _first(encryption.get("Rules", []))
    block = _asked(s3.get_public_access_block, name).get("PublicAccessBlockConfiguration", {})
    owners = _asked(s3.get_bucket_ownership_controls, name).get("OwnershipControls", {})
    rows = _asked(s3.get_bucket_lifecycle_configuration, name).get("Rules", [])
    return Bucket(
        name=name,
        key_arn=rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", ""),
        bucket_key=bool(rule.get("BucketKeyEnabled")),
        versioned=s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled",
        closed=all(block.get(one) for one in _CLOSED),
        ownership=_first(owners.get("Rules", [])).get("ObjectOwnership", ""),
        old_versions_days=_days(rows, "NoncurrentVersionExpiration", "NoncurrentDays"),
        broken_uploads_days=_days(rows, "AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        tags={one["Key"]: one["Value"] for one in tags},
    )


def _first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return rows[0] if rows else {}


def _days(rows: list[dict[str, Any]], key: str, name: str) -> int:
    return next((int(row[key][name]) for row in rows if key in row), 0)


def read_permissions(iam: Any, role_arn: str) -> tuple[tuple[str, str], ...]:
    """Return every action a role's attached policies allow, with what it is allowed on, sorted."""
    role = role_arn.rpartition("/")[2]
    found: set[tuple[str, str]] = set()
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        for statement in document["PolicyVersion"]["Document"]["Statement"]:
            if statement["Effect"] == "Allow":
                found |= {
                    (action, resource)
                    for action in _listed(statement["Action"])
                    for resource in _listed(statement["Resource"])
                }
    return tuple(sorted(found))


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
