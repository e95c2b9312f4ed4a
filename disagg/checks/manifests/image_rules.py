"""Rules about where images come from."""

from collections.abc import Iterator

from disagg.checks.manifests.objects import Manifests
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.planner.images import registry


@rule("DISAGG-NET-030")
def images_come_from_the_environments_registry(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Where the file names a registry, every image of every pod comes from it.

    One that does not is pulled past scan and pin, or in a network without internet not at all.
    """
    where = registry(environment)
    if where is None:
        return
    for workload in manifests.workloads:
        for container in workload.containers:
            if not container.image.startswith(f"{where}/"):
                yield Finding(
                    at=(*container.at, "image"),
                    got=container.image,
                    need=f"an image of {where}",
                    fix="take it from names.images",
                )
