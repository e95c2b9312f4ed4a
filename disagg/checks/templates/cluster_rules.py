"""Rules about the cluster in synthesized templates: access, keys, logs, and no hidden code."""

import re
from collections.abc import Iterator

from disagg.catalog.kubernetes import MINIMUM_VPC_CNI
from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import CLUSTER, Templates, resources

_LOG_TYPES = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
_CODE = ("AWS::Lambda::", "AWS::CloudFormation::CustomResource", "Custom::")


@rule("DISAGG-TPL-009")
def the_cluster_is_private(templates: Templates) -> Iterator[Finding]:
    """The API server answers inside the VPC only.

    CloudFormation's default is a public endpoint open to 0.0.0.0/0. Source: EKS user guide,
    cluster-endpoint.
    """
    for one in resources(templates, CLUSTER):
        access = one.properties.get("ResourcesVpcConfig", {})
        got = (access.get("EndpointPublicAccess", True), access.get("EndpointPrivateAccess", False))
        if got != (False, True):
            yield Finding(
                at=(one.name, "ResourcesVpcConfig"),
                got=f"public access {got[0]}, private access {got[1]}",
                need="public access false, private access true",
                fix="set EndpointPublicAccess and EndpointPrivateAccess",
            )


@rule("DISAGG-TPL-010")
def secrets_are_encrypted_with_a_key_of_the_account(templates: Templates) -> Iterator[Finding]:
    """The cluster encrypts secrets with a KMS key of the account.

    The setting is create-only: adding it later replaces the cluster. Source: EKS user guide,
    enable-kms.
    """
    for one in resources(templates, CLUSTER):
        configs = one.properties.get("EncryptionConfig", [])
        if not any(config.get("Provider", {}).get("KeyArn") for config in configs):
            yield Finding(
                at=(one.name, "EncryptionConfig"),
                got="no KMS key",
                need="Provider.KeyArn",
                fix="give the cluster a key before the first deployment",
            )


@rule("DISAGG-TPL-011")
def the_control_plane_logs_everything(templates: Templates) -> Iterator[Finding]:
    """All five logs of the control plane are on.

    None is by default; after an incident the audit log cannot be had. Source: EKS user guide,
    control-plane-logs.
    """
    for one in resources(templates, CLUSTER):
        logging = one.properties.get("Logging", {}).get("ClusterLogging", {})
        missing = _LOG_TYPES - {row["Type"] for row in logging.get("EnabledTypes", [])}
        if missing:
            yield Finding(
                at=(one.name, "Logging"),
                got=f"without {', '.join(sorted(missing))}",
                need=", ".join(sorted(_LOG_TYPES)),
                fix="enable them",
            )


@rule("DISAGG-TPL-012")
def placement_groups_have_no_tags(templates: Templates) -> Iterator[Finding]:
    """No placement group carries tags.

    Its tags are create-only: a tag changed on the stack replaces the group, and every node in it
    rolls.
    Source: CloudFormation schema of AWS::EC2::PlacementGroup, createOnlyProperties.
    """
    for one in resources(templates, "AWS::EC2::PlacementGroup"):
        if "Tags" in one.properties:
            yield Finding(
                at=(one.name, "Tags"),
                got="tags",
                need="none",
                fix="exclude AWS::EC2::PlacementGroup where the tags are added",
            )


@rule("DISAGG-TPL-013")
def templates_run_no_code(templates: Templates) -> Iterator[Finding]:
    """No custom resource and no Lambda function.

    Such code runs with wide permissions at deploy time, needs network access and upkeep, and
    blocks deletion when it fails. Everything here has a native resource. Source: aws/aws-cdk
    issues 12171 and 37491, about a kubectl Lambda without a network.
    """
    for one in resources(templates):
        if one.type.startswith(_CODE):
            yield Finding(
                at=(one.name,),
                got=one.type,
                need="native CloudFormation resources",
                fix="find the option of the construct that adds it, and turn it off",
            )


@rule("DISAGG-TPL-014")
def the_vpc_cni_knows_efa_only(templates: Templates) -> Iterator[Finding]:
    """The VPC CNI add-on is pinned to 1.18.5 or later.

    Older ones take `efa-only` interfaces for their own, and pods get no address. Source: EKS user
    guide, node-efa.
    """
    need = _version(MINIMUM_VPC_CNI)
    for one in resources(templates, "AWS::EKS::Addon"):
        got = one.properties.get("AddonVersion", "")
        if one.properties.get("AddonName") == "vpc-cni" and _version(got) < need:
            yield Finding(
                at=(one.name, "AddonVersion"),
                got=got or "no version",
                need=f"{MINIMUM_VPC_CNI} or later",
                fix="pin the version of disagg.catalog.kubernetes",
            )


@rule("DISAGG-TPL-015")
def keys_rotate(templates: Templates) -> Iterator[Finding]:
    """Every symmetric KMS key rotates.

    Source: AWS Foundational Security Best Practices, KMS.4.
    """
    for one in resources(templates, "AWS::KMS::Key"):
        symmetric = one.properties.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
        if symmetric and one.properties.get("EnableKeyRotation") is not True:
            yield Finding(
                at=(one.name, "EnableKeyRotation"),
                got="no rotation",
                need="EnableKeyRotation: true",
                fix="set it",
            )


def _version(text: str) -> tuple[int, ...]:
    """Return the first three numbers of a version.

    Example:
        >>> _version("v1.22.4-eksbuild.3")
        (1, 22, 4)
    """
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
