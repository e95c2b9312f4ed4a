"""The model store as it was created, against what the environment plans."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from disagg.catalog.file_systems import DEPLOYMENT_TYPE, LUSTRE_PORTS, STORAGE_TYPE
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS
from disagg.config.environment import Environment
from disagg.config.weights import Fsx, Store
from disagg.local.aws.readback_network import SecurityGroup
from disagg.local.aws.readback_storage import Bucket, FileSystem
from disagg.planner.weights import MODEL_LOADER, MODEL_SERVER, bucket_name, capacity_gib

TAG = "disagg:environment"
"""Tag of what an environment owns."""
READS = ("s3:GetObject",)
WRITES = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
OLD_VERSIONS_DAYS, BROKEN_UPLOADS_DAYS = 30, 7

_NOBODY = "255.255.255.255/32"
"""Address of the rule that the CDK writes for "nothing goes out", where other rules come later."""

Permissions = tuple[tuple[str, str], ...]
Row = tuple[str, Any, Any]
"""What it is about, what was planned, and what was created."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSystemPlace:
    """What a file system is near to."""

    zones: Mapping[str, str]
    """Zone id of each subnet."""
    nodes: str
    """Security group that every node carries."""


def identities(environment: Environment, store: Store | None) -> list[str]:
    """Return the service accounts that the store's identities are bound to."""
    names = sorted(row[0] for row in _who(store)) if store else []
    if environment.closed:
        names = [name for name in names if name != MODEL_LOADER]
    return [f"{environment.serving_namespace}/{name}" for name in names]


def storage(
    environment: Environment,
    store: Store,
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
    tagged = [one for one in buckets if one.tags.get(TAG) == environment.name]
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
    for account, actions, key_actions in _who(store):
        wanted = _allowed(environment, store, actions, [(one, key) for one in key_actions if key])
        if account == MODEL_LOADER and environment.closed:
            wanted = []
        elif account == MODEL_LOADER and store.token_secret:
            wanted.append(
                ("secretsmanager:GetSecretValue", _secret(environment, store.token_secret))
            )
        yield (
            f"model store: what {account} may do",
            sorted(wanted),
            list(permissions.get(f"{environment.serving_namespace}/{account}", ())),
        )


def _who(store: Store) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return who has an identity, with its actions on objects and on keys.

    Servers that mount a file system have none.
    """
    loader = (MODEL_LOADER, WRITES, ("kms:Decrypt", "kms:GenerateDataKey"))
    server = (MODEL_SERVER, READS, ("kms:Decrypt",))
    return [loader] if isinstance(store, Fsx) else [server, loader]


def file_systems(
    environment: Environment,
    store: Fsx,
    found: tuple[FileSystem, ...],
    groups: Mapping[str, SecurityGroup],
    place: FileSystemPlace,
) -> Iterator[Row]:
    """Yield the facts of a file system.

    Args:
        environment: A checked environment.
        store: What its file says.
        found: Every Lustre file system.
        groups: Security groups by id, those of file systems among them.
        place: Zone of each subnet, and the group that every node carries.
    """
    made = [one for one in found if one.tags.get(TAG) == environment.name]
    yield "file system: how many", 1, len(made)
    for one in made:
        yield (
            "file system: type, GiB, MB/s for each TiB, days of backups",
            (
                f"{DEPLOYMENT_TYPE} {STORAGE_TYPE}",
                capacity_gib(store, MODELS[environment.serving.model]),
                store.throughput_mb_per_tib,
                0,
            ),
            (
                f"{one.deployment_type} {one.storage_type}",
                one.capacity_gib,
                one.throughput_mb_per_tib,
                one.backup_days,
            ),
        )
        yield "file system: encrypted with a key", True, one.key_arn.startswith("arn:")
        zones = [place.zones.get(subnet, subnet) for subnet in one.subnet_ids]
        yield "file system: zone", [environment.network.fabric_zone_id], zones
        yield (
            "file system: directory, place, imports, exports",
            [
                (
                    f"/{store.prefix}",
                    f"s3://{bucket_name(environment, store)}/{store.prefix}/",
                    ("CHANGED", "DELETED", "NEW"),
                    False,
                )
            ],
            list(one.associations),
        )
        yield from _lustre_rules(one, groups, place.nodes)


def _lustre_rules(
    one: FileSystem, groups: Mapping[str, SecurityGroup], nodes: str
) -> Iterator[Row]:
    """Yield who reaches a file system, and whom it reaches: itself and the nodes, on its ports."""
    for group in (groups[name] for name in one.security_group_ids):
        wanted = sorted(
            ("tcp", low, high, peer) for low, high in LUSTRE_PORTS for peer in (group.id, nodes)
        )
        for about, rules in (("lets in", group.ingress), ("lets out", group.egress)):
            yield (
                f"file system: its group {about}",
                wanted,
                sorted(
                    (r.protocol, r.from_port, r.to_port, r.peer) for r in rules if r.peer != _NOBODY
                ),
            )


def _allowed(
    environment: Environment, store: Store, actions: tuple[str, ...], keys: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    partition = REGIONS[environment.aws.region].partition
    bucket = f"arn:{partition}:s3:::{bucket_name(environment, store)}"
    objects = [(one, f"{bucket}/{store.prefix}/*") for one in actions]
    return [("s3:ListBucket", bucket), *objects, *keys]


def _secret(environment: Environment, name: str) -> str:
    aws = environment.aws
    partition = REGIONS[aws.region].partition
    return f"arn:{partition}:secretsmanager:{aws.region}:{aws.account}:secret:{name}-??????"
