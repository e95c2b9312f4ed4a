"""Buckets, file systems and what a role may do, read with boto3 as plain typed data."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSystem:
    """A Lustre file system, with what it shows of buckets."""

    id: str
    mount_name: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    capacity_gib: int
    throughput_mb_per_tib: int
    deployment_type: str
    storage_type: str
    key_arn: str
    backup_days: int
    associations: tuple[tuple[str, str, tuple[str, ...], bool], ...]
    """Directory, place in a bucket, events that are imported, and whether anything is exported."""
    tags: Mapping[str, str]


def read_file_systems(fsx: Any, ec2: Any) -> tuple[FileSystem, ...]:
    """Return the Lustre file systems of the account and region, by id."""
    links = fsx.describe_data_repository_associations()["Associations"]
    found = [
        _file_system(
            one,
            _groups(ec2, one),
            [link for link in links if link["FileSystemId"] == one["FileSystemId"]],
        )
        for one in fsx.describe_file_systems()["FileSystems"]
        if one["FileSystemType"] == "LUSTRE"
    ]
    return tuple(sorted(found, key=lambda one: one.id))


def _groups(ec2: Any, one: dict[str, Any]) -> tuple[str, ...]:
    """Return the security groups of a file system, which its interfaces know alone."""
    ids = one.get("NetworkInterfaceIds", [])
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=ids) if ids else {}
    interfaces = found.get("NetworkInterfaces", [])
    return tuple(sorted({group["GroupId"] for row in interfaces for group in row["Groups"]}))


def _file_system(
    one: dict[str, Any], groups: tuple[str, ...], links: list[dict[str, Any]]
) -> FileSystem:
    lustre = one["LustreConfiguration"]
    return FileSystem(
        id=one["FileSystemId"],
        mount_name=lustre["MountName"],
        subnet_ids=tuple(one["SubnetIds"]),
        security_group_ids=groups,
        capacity_gib=one["StorageCapacity"],
        throughput_mb_per_tib=lustre["PerUnitStorageThroughput"],
        deployment_type=lustre["DeploymentType"],
        storage_type=one["StorageType"],
        key_arn=one.get("KmsKeyId", ""),
        backup_days=lustre.get("AutomaticBackupRetentionDays", 0),
        associations=tuple(sorted(_association(link) for link in links)),
        tags={tag["Key"]: tag["Value"] for tag in one.get("Tags", [])},
    )


def _association(link: dict[str, Any]) -> tuple[str, str, tuple[str, ...], bool]:
    policies = link.get("S3", {})
    events = sorted(policies.get("AutoImportPolicy", {}).get("Events", []))
    exported = bool(policies.get("AutoExportPolicy", {}).get("Events"))
    return (link["FileSystemPath"], link["DataRepositoryPath"], tuple(events), exported)
