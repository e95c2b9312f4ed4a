"""Registries images are published in, and AWS's own that a VPC without internet still reaches."""

from collections.abc import Mapping
from dataclasses import dataclass

from disagg.catalog.source import Kind, Source

DOCKER_HUB = "docker.io"
"""Host that an image name without a host means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PullThrough:
    """How ECR fetches from a registry by itself."""

    upstream: str
    """Host that a pull through cache rule names."""
    credential: str | None = None
    """Key of `images.credentials` that it needs; None: it asks for no account."""


PULL_THROUGH: Mapping[str, PullThrough] = {
    "public.ecr.aws": PullThrough(upstream="public.ecr.aws"),
    "registry.k8s.io": PullThrough(upstream="registry.k8s.io"),
    "quay.io": PullThrough(upstream="quay.io"),
    "ghcr.io": PullThrough(upstream="ghcr.io", credential="github"),
    DOCKER_HUB: PullThrough(upstream="registry-1.docker.io", credential="docker_hub"),
}
"""By host; of others, such as nvcr.io, ECR fetches nothing."""
LONGEST_CACHE_PREFIX = 30
"""Characters of the prefix of a pull through cache rule [count]. Source: ECR API,
CreatePullThroughCacheRule.ecrRepositoryPrefix."""
NO_PULL_THROUGH = frozenset({"aws-cn", "aws-us-gov"})
"""Partitions in which ECR has no pull through cache rules."""
CACHE_SECRET_PREFIX = "ecr-pullthroughcache/"  # noqa: S105  Why: the beginning of a name.

PULL_THROUGH_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference="ECR user guide, Sync an upstream registry with a private registry, Considerations",
    date="2026-11-28",
)

_EKS_ACCOUNTS = {
    "602401143452": (
        "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2"
        " ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1"
        " us-east-2 us-west-1 us-west-2"
    ),
    "877085696533": "af-south-1",
    "800184023465": "ap-east-1",
    "533267051163": "ap-east-2",
    "900889452093": "ap-south-2",
    "296578399912": "ap-southeast-3",
    "491585149902": "ap-southeast-4",
    "151610086707": "ap-southeast-5",
    "333609536671": "ap-southeast-6",
    "121268973566": "ap-southeast-7",
    "761377655185": "ca-west-1",
    "900612956339": "eu-central-2",
    "590381155156": "eu-south-1",
    "455263428931": "eu-south-2",
    "066635153087": "il-central-1",
    "759879836304": "me-central-1",
    "558608220178": "me-south-1",
    "730335286997": "mx-central-1",
    "918309763551": "cn-north-1",
    "961992271922": "cn-northwest-1",
    "151742754352": "us-gov-east-1",
    "013241004608": "us-gov-west-1",
}
EKS_REGISTRY_ACCOUNTS: Mapping[str, str] = {
    region: account for account, regions in _EKS_ACCOUNTS.items() for region in regions.split()
}
"""Account whose ECR holds the images of EKS add-ons, by region. Source: EKS user guide
"add-ons-images" and the bootstrap script of the EKS AMI, which name the same; 2026-11-28."""


def split(image: str) -> tuple[str, str, str]:
    """Return host, repository and tag or digest of an image.

    Example:
        >>> split("envoyproxy/envoy:distroless-v1.40.0")
        ('docker.io', 'envoyproxy/envoy', 'distroless-v1.40.0')
        >>> split("quay.io/prometheus/prometheus:v3.14.0")
        ('quay.io', 'prometheus/prometheus', 'v3.14.0')
    """
    first, _, rest = image.partition("/")
    host, name = (first, rest) if "." in first or ":" in first else (DOCKER_HUB, image)
    mark = "@" if "@" in name else ":"
    repository, _, tag = name.partition(mark)
    return host, repository, tag
