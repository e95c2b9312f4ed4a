"""Sections `add_ons` and `delivery`: what is installed besides, and how it reaches the cluster."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import (
    GIT_REVISION,
    GIT_URL,
    IDENTITY,
    IDENTITY_CENTER,
    STRICT,
    VPC_ENDPOINT,
)

_INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
_GROUP = "94482488-3041-7026-18f3-be45837cd0e4"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class AddOns:
    """What is installed besides what the rendered manifests need; docs/add-ons.md lists it all."""

    monitoring: bool = False
    """Prometheus operator with a Prometheus, and NVIDIA's GPU metrics exporter."""
    keda: bool = False
    """KEDA, to scale on metrics."""
    leader_worker_set: bool = False
    """LeaderWorkerSet, for model servers over several nodes."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class GitRepository:
    """Where you commit `dist/<name>` for Argo CD to read."""

    repo_url: Annotated[
        str, Field(pattern=GIT_URL, examples=["https://git.example.com/platform.git"])
    ]
    """`https://` or `ssh://` URL; credentials are given to Argo CD, not written here."""
    revision: Annotated[str, Field(pattern=GIT_REVISION)] = "main"
    """Branch, tag or commit that Argo CD follows."""
    path: Annotated[str, Field(min_length=1, max_length=500, examples=["environments/pilot"])]
    """Directory of the repository that holds what is in `dist/<name>`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ArgoCdCapability:
    """Argo CD that AWS runs for the cluster; people sign in through IAM Identity Center."""

    identity_center_arn: Annotated[str, Field(pattern=IDENTITY_CENTER, examples=[_INSTANCE])]
    """Instance of IAM Identity Center, as `aws sso-admin list-instances` says. Cannot change."""
    identity_center_region: str | None = None
    """Region of that instance. Default: the environment's."""
    admin_groups: tuple[Annotated[str, Field(pattern=IDENTITY, examples=[_GROUP])], ...] = ()
    """Ids of Identity Center groups that administer Argo CD."""
    admin_users: tuple[Annotated[str, Field(pattern=IDENTITY)], ...] = ()
    """Ids of Identity Center users that do."""
    vpc_endpoint_ids: tuple[Annotated[str, Field(pattern=VPC_ENDPOINT)], ...] = ()
    """VPC endpoints from which its server is reached, and from nowhere else. Default: it is
    reached from the internet, after signing in."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Delivery:
    """GitOps: Argo CD Applications, and a stack with what they need to know of AWS."""

    git: GitRepository | None = None
    """With it, Applications are rendered to `dist/<name>/argocd`. Default: helmfile only."""
    argocd_capability: ArgoCdCapability | None = None
    """Default: none; an Argo CD of your own reads the same Applications."""
