"""Which images an environment runs, and where its nodes pull them from."""

from dataclasses import dataclass
from typing import Any

from disagg.catalog.chart_images import CHART_IMAGES, ChartImage
from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.regions import REGIONS
from disagg.catalog.registries import PULL_THROUGH, PullThrough, split
from disagg.config.environment import Environment
from disagg.config.images import Ecr, Upstream
from disagg.planner.add_ons import installed


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """One image, where it is published and where the nodes find it."""

    upstream: str
    """With its tag."""
    pulled: str
    """With its tag."""
    repository: str
    """Below the registry: the name of the ECR repository."""
    used_by: str
    fetched_by_ecr: bool
    """True: a pull through cache rule fetches it; False: it is copied."""


def registry(environment: Environment) -> str | None:
    """Return the host, and path of a mirror, that images come from; None: where they are published.

    An ECR registry's host holds the account id.
    """
    source = environment.images
    if isinstance(source, Upstream):
        return None
    if isinstance(source, Ecr):
        aws = environment.aws
        suffix = "amazonaws.com" + (".cn" if REGIONS[aws.region].partition == "aws-cn" else "")
        return f"{aws.account}.dkr.ecr.{aws.region}.{suffix}"
    return source.registry


def prefix(environment: Environment) -> str:
    """Return what the names of ECR repositories begin with; of a mirror, nothing.

    Why the cluster's name: it is one of its kind in account and region, as repositories are.
    """
    source = environment.images
    return (source.prefix or environment.cluster_name.lower()) if isinstance(source, Ecr) else ""


def repository(environment: Environment, upstream: str) -> str:
    """Return the name under which an image is kept: its host stays in it, so none meets another."""
    host, name, _ = split(upstream)
    # Why not the host of an ECR registry: it would be an account id in a name.
    where = "eks" if ".dkr.ecr." in host else host
    short = name.removeprefix("eks/") if where == "eks" else name
    return "/".join(part for part in (prefix(environment), where, short) if part)


def pulled(environment: Environment, upstream: str) -> str:
    """Return the name by which nodes pull an image.

    Args:
        environment: A checked environment.
        upstream: Where it is published, with its tag.
    """
    where = registry(environment)
    if where is None:
        return upstream
    tag = split(upstream)[2]
    mark = "@" if "@" in upstream else ":"
    return f"{where}/{repository(environment, upstream)}{mark}{tag}"


def cache_rules(environment: Environment) -> dict[str, PullThrough]:
    """Return the registries that ECR itself fetches from, by the prefix of their repositories."""
    source = environment.images
    if not isinstance(source, Ecr) or not source.pull_through:
        return {}
    hosts = sorted({split(one)[0] for one, _ in _upstream(environment)})
    return {
        f"{prefix(environment)}/{host}": PULL_THROUGH[host]
        for host in hosts
        if host in PULL_THROUGH
        and (
            PULL_THROUGH[host].credential is None
            or getattr(source.credentials, str(PULL_THROUGH[host].credential))
        )
    }


def copied(environment: Environment) -> tuple[Copied, ...]:
    """Return every image that is not pulled from where it is published, by name."""
    if isinstance(environment.images, Upstream):
        return ()
    rules = cache_rules(environment)
    used: dict[str, list[str]] = {}
    for image, user in _upstream(environment):
        used.setdefault(image, []).append(user)
    return tuple(
        Copied(
            upstream=image,
            pulled=pulled(environment, image),
            repository=repository(environment, image),
            used_by=", ".join(dict.fromkeys(users)),
            fetched_by_ecr=f"{prefix(environment)}/{split(image)[0]}" in rules,
        )
        for image, users in sorted(used.items())
    )


def chart_values(environment: Environment, chart: str) -> dict[str, Any]:
    """Return the values that make a chart pull from the environment's registry; none by default."""
    where = registry(environment)
    values: dict[str, Any] = {}
    for image in CHART_IMAGES[chart] if where else ():
        *parents, last = image.at.split(".")
        at = values
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = _place(environment, image, str(where))
    return values


def _place(environment: Environment, image: ChartImage, where: str) -> dict[str, str]:
    tag, name = split(image.image)[2], repository(environment, image.image)
    if not image.split:
        return {"repository": f"{where}/{name}", "tag": tag}
    host, _, path = where.partition("/")
    return {"registry": host, "repository": f"{path}/{name}".lstrip("/"), "tag": tag}


def _upstream(environment: Environment) -> list[tuple[str, str]]:
    """Return every image with what uses it: the pods of this project first, then the charts'."""
    profile = IMAGE_PROFILES[environment.serving.image_profile]
    own = [
        (profile.server, "model servers"),
        (profile.sidecar, "model servers"),
        (profile.endpoint_picker, "router"),
        (profile.envoy, "router"),
    ]
    charts = [
        (image.image, chart.name)
        for chart in installed(environment)
        for image in CHART_IMAGES[chart.name]
    ]
    return own + charts
