"""ECR repositories for the images an environment runs, and the rules by which ECR fetches some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from constructs import Construct


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheRule:
    """One registry that ECR fetches from when an image is pulled for the first time."""

    upstream: str
    """Host of the registry, as ECR knows it."""
    credential_arn: str | None = None
    """Secret with an account of it. Default: it asks for none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRegistryProps:
    """Which images, and where they come from."""

    repositories: Sequence[str]
    """Names of repositories, one for each image."""
    cache_rules: Mapping[str, CacheRule] = field(default_factory=dict)
    """Registries by the prefix of their repositories' names. Default: everything is copied."""
    key: kms.IKey | None = None
    """Encrypts the images. Default: a key of ECR's own."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    """What becomes of the repositories with the stack. Default: they go when the first deployment
    fails, and stay afterwards."""


class ImageRegistry(Construct):
    """Repositories whose tags stay what they are, and which are scanned when an image arrives.

    Repositories are made here, not by ECR at the first pull: so nobody who pulls needs
    `ecr:CreateRepository`, and scan on push is theirs alone, where the settings of a registry would
    be those of the whole account.

    *Creates*: a repository for each image, a pull through cache rule for each registry.
    *Cost*: 0.10 USD a month for each GB of images.
    *Replaces on change of*: a name in `repositories`, `key`; the old ones stay.

    Source: ECR user guide, "pull-through-cache", "image-tag-mutability", "image-scanning-basic".
    """

    repositories: Sequence[ecr.CfnRepository]
    """In the order they were named."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ImageRegistryProps) -> None:
        super().__init__(scope, construct_id)
        self.repositories = [self._repository(name, props) for name in props.repositories]
        for prefix, rule in props.cache_rules.items():
            ecr.CfnPullThroughCacheRule(
                self,
                f"{_pascal_case(prefix)}Cache",
                ecr_repository_prefix=prefix,
                upstream_registry_url=rule.upstream,
                credential_arn=rule.credential_arn,
            )

    def _repository(self, name: str, props: ImageRegistryProps) -> ecr.CfnRepository:
        made = ecr.CfnRepository(
            self,
            f"{_pascal_case(name)}Repository",
            repository_name=name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=ecr.CfnRepository.ImageScanningConfigurationProperty(
                scan_on_push=True
            ),
            encryption_configuration=None
            if props.key is None
            else ecr.CfnRepository.EncryptionConfigurationProperty(
                encryption_type="KMS", kms_key=props.key.key_arn
            ),
        )
        made.apply_removal_policy(props.removal_policy)
        return made


def _pascal_case(name: str) -> str:
    """Return a repository's name as a construct id.

    Example:
        >>> _pascal_case("pilot/ghcr.io/llm-d/router")
        'PilotGhcrIoLlmDRouter'
    """
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    return "".join(word.capitalize() for word in words)
