"""The model store as it was created, against what the environment plans."""

from collections.abc import Iterator
from typing import Any

from disagg.catalog.regions import REGIONS
from disagg.config.environment import Environment
from disagg.config.weights import S3
from disagg.local.aws.readback_storage import Bucket
from disagg.planner.weights import MODEL_LOADER, MODEL_SERVER, bucket_name

READS = ("s3:GetObject",)
WRITES = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
OLD_VERSIONS_DAYS, BROKEN_UPLOADS_DAYS = 30, 7

Permissions = tuple[tuple[str, str], ...]
Row = tuple[str, Any, Any]
"""What it is about, what was planned, and what was created."""


def identities(environment: Environment, store: S3 | None) -> list[str]:
    """Return the service accounts that the store's identities are bound to."""
    names = (MODEL_LOADER, MODEL_SERVER) if store else ()
    return [f"{environment.serving_namespace}/{name}" for name in names]


def storage(
    environment: Environment,
    store: S3,
    buckets: tuple[Bucket, ...],
    permissions: dict[str, Permissions],
) -> Iterator[Row]:
    """Yield the facts of a store.

    Args:
        environment: A checked environment.
        store: Its store.
        buckets: Every bucket with tags.
        permissions: What each identity of the cluster may do, by namespace and service account.
    """
    name = bucket_name(environment, store)
    tagged = [one for one in buckets if one.tags.get("disagg:environment") == environment.name]
    made = [one for one in tagged if one.name.startswith(f"disagg-{environment.name}-models-")]
    planned = [] if store.bucket else [name]
    yield "model store: buckets", planned, [one.name for one in made]
    for one in made:
        yield (
            "model store: versions, closed, owner, key for the bucket",
            (True, True, "BucketOwnerEnforced", True),
            (one.versioned, one.closed, one.ownership, one.bucket_key),
        )
        yield (
            "model store: old versions and broken uploads end [days]",
            (OLD_VERSIONS_DAYS, BROKEN_UPLOADS_DAYS),
            (one.old_versions_days, one.broken_uploads_days),
        )
        yield "model store: encrypted with a key", True, one.key_arn.startswith("arn:")
    key = store.kms_key_arn if store.bucket else next((one.key_arn for one in made), "")
    for account, actions, key_actions in (
        (MODEL_SERVER, READS, ("kms:Decrypt",)),
        (MODEL_LOADER, WRITES, ("kms:Decrypt", "kms:GenerateDataKey")),
    ):
        wanted = _allowed(environment, store, actions, [(one, key) for one in key_actions if key])
        if account == MODEL_LOADER and store.token_secret:
            wanted.append(
                ("secretsmanager:GetSecretValue", _secret(environment, store.token_secret))
            )
        yield (
            f"model store: what {account} may do",
            sorted(wanted),
            list(permissions.get(f"{environment.serving_namespace}/{account}", ())),
        )


def _allowed(
    environment: Environment, store: S3, actions: tuple[str, ...], keys: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    partition = REGIONS[environment.aws.region].partition
    bucket = f"arn:{partition}:s3:::{bucket_name(environment, store)}"
    objects = [(one, f"{bucket}/{store.prefix}/*") for one in actions]
    return [("s3:ListBucket", bucket), *objects, *keys]


def _secret(environment: Environment, name: str) -> str:
    aws = environment.aws
    partition = REGIONS[aws.region].partition
    return f"arn:{partition}:secretsmanager:{aws.region}:{aws.account}:secret:{name}-??????"
