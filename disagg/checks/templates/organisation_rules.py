"""Rules about what the organisation of an environment asks of every resource of a template."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import (
    CLUSTER,
    LAUNCH_TEMPLATE,
    Templates,
    launch_data,
    resources,
)
from disagg.config.environment import Environment


@rule("DISAGG-OWN-006")
def roles_carry_the_boundary(templates: Templates, environment: Environment) -> Iterator[Finding]:
    """Every IAM role and user carries the permissions boundary of the file.

    Where an organisation demands one, IAM refuses the role without it, and the stack with the role.
    Source: IAM user guide "access_policies_boundaries", delegating responsibility.
    """
    wanted = environment.aws.permissions_boundary
    if wanted is None:
        return
    for one in resources(templates, "AWS::IAM::Role", "AWS::IAM::User"):
        got = one.properties.get("PermissionsBoundary")
        if got != wanted:
            yield Finding(
                at=(one.name, "PermissionsBoundary"),
                got=str(got) if got else "no boundary",
                need=wanted,
                fix="leave it to the stack, which adds the boundary to every role in it",
            )


@rule("DISAGG-OWN-007")
def nodes_and_volumes_carry_the_tags(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Every launch template tags instances and volumes with the tags of the file.

    EKS passes the tags of a node group on to neither, so a node that costs most would stand on
    nobody's bill. Source: EKS user guide "eks-using-tags".
    """
    for one in resources(templates, LAUNCH_TEMPLATE):
        tagged = {
            row.get("ResourceType"): {tag["Key"]: tag["Value"] for tag in row.get("Tags", [])}
            for row in launch_data(one).get("TagSpecifications", [])
        }
        for kind in ("instance", "volume"):
            missing = environment.aws.tags.items() - tagged.get(kind, {}).items()
            if missing:
                yield Finding(
                    at=(one.name, "LaunchTemplateData", "TagSpecifications"),
                    got=f"{kind}s without {', '.join(sorted(key for key, _ in missing))}",
                    need="every tag of aws.tags",
                    fix="give the node group the tags of the environment",
                )


_KEYS: Mapping[str, tuple[str, ...]] = {
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    CLUSTER: ("EncryptionConfig", "Provider", "KeyArn"),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionByDefault",
        "KMSMasterKeyID",
    ),
}
"""Where a resource says its key."""


@rule("DISAGG-OWN-019")
def everything_uses_the_key_of_the_file(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file names a key, no other is made, and what has a key has this one.

    A key beside it is one that the organisation neither audits nor can revoke. Source: the key each
    resource type names in its CloudFormation schema.
    """
    wanted = environment.aws.kms_key_arn
    if wanted is None:
        return
    for one in resources(templates, "AWS::KMS::Key"):
        yield Finding(
            at=(one.name,), got="a new key", need=wanted, fix="give the construct the file's key"
        )
    for one in resources(templates, *_KEYS):
        got = _key_of(one.properties, _KEYS[one.type])
        if got is not None and got != wanted:
            yield Finding(
                at=(one.name, *_KEYS[one.type]),
                got=str(got),
                need=wanted,
                fix="give the construct the file's key",
            )


def _key_of(properties: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at the end of a path, the first of each list; None where nothing does."""
    for part in path:
        if isinstance(properties, list):
            properties = properties[0] if properties else None
        if not isinstance(properties, Mapping) or part not in properties:
            return None
        properties = properties[part]
    return properties
