"""Judge rendered manifests by every rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from disagg.checks.manifests import (
    connection_rules,
    device_rules,
    fabric_rules,
    flag_rules,
    gateway_edge_rules,
    gateway_rules,
    hyperpod_rules,
    image_rules,
    metric_rules,
    object_rules,
    picker_rules,
    placement_rules,
    pod_rules,
    precise_rules,
    proxy_rules,
    router_rules,
    serving_rules,
    transfer_rules,
    volume_rules,
    weights_rules,
)
from disagg.checks.manifests.objects import Manifests
from disagg.checks.rule import rules_of, run
from disagg.config.environment import Environment
from disagg.errors import Problem

__all__ = ["MANIFEST_RULES", "Manifests", "check_manifests"]

MANIFEST_RULES = rules_of(
    object_rules,
    pod_rules,
    placement_rules,
    flag_rules,
    serving_rules,
    fabric_rules,
    device_rules,
    transfer_rules,
    router_rules,
    picker_rules,
    precise_rules,
    proxy_rules,
    connection_rules,
    metric_rules,
    hyperpod_rules,
    volume_rules,
    weights_rules,
    gateway_rules,
    gateway_edge_rules,
    image_rules,
)


def check_manifests(
    files: Mapping[str, Sequence[dict[str, Any]]], environment: Environment
) -> list[Problem]:
    """Return what the manifests of an environment break, by file and object.

    Args:
        files: File name to objects, as `disagg_k8s.render` returns them.
        environment: The environment they were rendered from.
    """
    given = {"manifests": Manifests.of(files), "environment": environment}
    home = {
        title: name
        for name, objects in files.items()
        for title in Manifests.of({name: objects}).titles
    }
    return [
        Problem(
            code=one.code,
            severity=one.severity,
            path=".".join(str(part) for part in finding.at),
            got=finding.got,
            need=finding.need,
            fix=finding.fix,
            file=home.get(str(finding.at[0]), ""),
        )
        for one, finding in run(MANIFEST_RULES, given)
    ]
