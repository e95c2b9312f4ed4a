"""Rules about GitOps: where Argo CD reads, who enters it, and from where."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from disagg.catalog.regions import REGIONS
from disagg.checks.environment.network_rules import suggest
from disagg.checks.rule import Finding, rule
from disagg.config.delivery import Delivery
from disagg.config.environment import Aws
from disagg.errors import Severity

_PLAIN = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]+")
_CAPABILITY = ("delivery", "argocd_capability")


@rule("DISAGG-ADD-001")
def repository_url_holds_no_credentials(delivery: Delivery | None) -> Iterator[Finding]:
    """The URL of the Git repository names a host and holds no user, password or token.

    It stands in every Application, which everybody reads who reads the repository or the cluster.
    Argo CD takes credentials from a Secret of its own. Only `ssh://git@host/...` has a user, who is
    no secret.
    """
    if delivery is None or delivery.git is None:
        return
    url = urlsplit(delivery.git.repo_url)
    at = ("delivery", "git", "repo_url")
    bare = url.netloc.rpartition("@")[2]
    if not bare or url.path in {"", "/"}:
        example = "https://git.example.com/platform.git"
        got = f"{delivery.git.repo_url!r} names no repository of a host"
        yield Finding(at=at, got=got, need=f"a URL such as {example}", fix="give the whole URL")
    elif url.password is not None or (url.username is not None and url.scheme == "https"):
        yield Finding(
            at=at,
            # Guard: what was given is not repeated, since it may be a token.
            got="credentials before the host",
            need=f"{url.scheme}://{bare}{url.path}",
            fix="remove them, withdraw the token, and give Argo CD a new one in a Secret",
        )


@rule("DISAGG-ADD-002")
def path_is_a_directory_inside_the_repository(delivery: Delivery | None) -> Iterator[Finding]:
    """`delivery.git.path` is written from the top of the repository, and stays inside.

    Argo CD refuses absolute paths and those that leave the repository, and only when it syncs.
    """
    if delivery is None or delivery.git is None:
        return
    path = delivery.git.path
    parts = path.split("/")
    if not all(_PLAIN.fullmatch(part) for part in parts):
        better = "/".join(part for part in parts if _PLAIN.fullmatch(part))
        yield Finding(
            at=("delivery", "git", "path"),
            got=f"got {path!r}",
            need="names of letters, digits, _ . and - with / between them, none empty, . or ..",
            fix=f"write {better}" if better else "write environments/<name>",
        )


@rule("DISAGG-ADD-003")
def somebody_administers_argo_cd(delivery: Delivery | None) -> Iterator[Finding]:
    """The Argo CD of AWS has an administrator, and each is named once.

    It has no local users: whom no mapping names can sign in and see nothing.
    """
    if delivery is None or delivery.argocd_capability is None:
        return
    plan = delivery.argocd_capability
    for name, ids in (("admin_groups", plan.admin_groups), ("admin_users", plan.admin_users)):
        for index, one in enumerate(ids):
            if one in ids[:index]:
                got = f"{one!r} a second time"
                at = (*_CAPABILITY, name, index)
                yield Finding(at=at, got=got, need="each once", fix="remove it")
    if not plan.admin_groups and not plan.admin_users:
        yield Finding(
            at=_CAPABILITY,
            got="no administrator",
            need="admin_groups or admin_users",
            fix="add the id of a group: aws identitystore list-groups",
        )


@rule("DISAGG-ADD-004")
def identity_center_is_in_this_partition(aws: Aws, delivery: Delivery | None) -> Iterator[Finding]:
    """The instance of Identity Center and its region are in the partition of the environment.

    Nobody signs in over partitions, and the instance cannot change once the capability is made.
    """
    if delivery is None or delivery.argocd_capability is None or aws.region not in REGIONS:
        return
    plan, partition = delivery.argocd_capability, REGIONS[aws.region].partition
    given = plan.identity_center_arn.split(":")[1]
    if given != partition:
        yield Finding(
            at=(*_CAPABILITY, "identity_center_arn"),
            got=f"partition {given!r}",
            need=f"{partition!r}, the partition of {aws.region}",
            fix="use the instance of this partition",
        )
    wanted = plan.identity_center_region
    known = sorted(name for name, row in REGIONS.items() if row.partition == partition)
    if wanted is not None and wanted not in known:
        yield Finding(
            at=(*_CAPABILITY, "identity_center_region"),
            got=f"unknown region {wanted!r}",
            need=f"a region of partition {partition!r}",
            fix=suggest(wanted, known, otherwise="ask: aws sso-admin list-instances"),
        )


@rule("DISAGG-ADD-005", severity=Severity.WARNING)
def argo_cd_is_reached_privately(delivery: Delivery | None) -> Iterator[Finding]:
    """The server of the Argo CD of AWS is reached through VPC endpoints only.

    Without any it answers on the internet, after signing in through Identity Center, while the
    cluster's own API answers inside the VPC only. Its Argo CD can change all of the cluster.
    """
    if delivery is None or delivery.argocd_capability is None:
        return
    if not delivery.argocd_capability.vpc_endpoint_ids:
        yield Finding(
            at=_CAPABILITY,
            got="its server answers on the internet",
            need="vpc_endpoint_ids for it to answer inside VPCs only",
            fix="name an endpoint, or accept that signing in is what guards it",
        )


@rule("DISAGG-ADD-006", severity=Severity.WARNING)
def argo_cd_has_something_to_apply(delivery: Delivery | None) -> Iterator[Finding]:
    """An Argo CD that is asked for has a repository to read.

    Without `delivery.git` no Applications are rendered, and it stays empty.
    """
    if delivery is not None and delivery.argocd_capability is not None and delivery.git is None:
        yield Finding(
            at=_CAPABILITY,
            got="no Applications are rendered for it",
            need="delivery.git",
            fix="add delivery.git with repo_url and path",
        )
