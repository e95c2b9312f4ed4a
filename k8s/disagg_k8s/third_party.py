"""Third-party Helm charts of an environment: values, and a helmfile that installs them."""

import copy
from collections.abc import Sequence
from typing import Any

from disagg.catalog.chart import Chart
from disagg.config.environment import Environment
from disagg.planner.add_ons import before, installed
from disagg.planner.karpenter import queue_name

_READY_SECONDS = 600
_OCI = "oci://"


def chart_values(environment: Environment) -> dict[str, dict[str, Any]]:
    """Return the values of every chart the environment installs, by release name, in order.

    A kustomization takes none.

    Example: Pods cannot ask the instance metadata service (its hop limit is 1), so
        cluster, region and VPC are told: the VPC by its tag, since its id is known to
        CloudFormation only, unless it is one of others, which has no tag of ours.
    """
    existing, region = environment.network.existing, environment.aws.region
    tags = {"disagg:environment": environment.name}
    known: dict[str, dict[str, Any]] = {
        "clusterName": {"clusterName": environment.cluster_name},
        "region": {"region": region},
        "node.region": {"node": {"region": region}},
        "global": {"global": {"region": region}},
        "vpc": {"vpcTags": tags} if existing is None else {"vpcId": existing.vpc_id},
        "karpenter": {
            "settings": {
                "clusterName": environment.cluster_name,
                "interruptionQueue": queue_name(environment),
            }
        },
    }
    return {one.name: _values(one, known) for one in installed(environment)}


def _values(chart: Chart, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    values = copy.deepcopy(dict(chart.values))
    for name in chart.environment_values:
        for key, value in known[name].items():
            both = isinstance(value, dict) and key in values
            values[key] = {**values[key], **value} if both else value
    return values


def helmfile(environment: Environment) -> dict[str, Any]:
    """Return a helmfile that installs every chart with its values file, wave after wave.

    A release waits until those of the wave before it are ready. Its label `wave` selects a wave.
    """
    charts = installed(environment)
    repositories = _repositories(charts)
    return {
        "helmDefaults": {"wait": True, "timeout": _READY_SECONDS, "createNamespace": True},
        "repositories": [
            {"name": name, "url": url.removeprefix(_OCI)} | ({"oci": True} if _OCI in url else {})
            for url, name in repositories.items()
        ],
        "releases": [_release(one, charts, repositories) for one in charts],
    }


def _repositories(charts: Sequence[Chart]) -> dict[str, str]:
    """Return a name for each repository, by URL: that of the first chart from it."""
    names: dict[str, str] = {}
    for one in charts:
        if not one.path:
            names.setdefault(one.repository, one.name)
    return names


def _release(
    chart: Chart, charts: tuple[Chart, ...], repositories: dict[str, str]
) -> dict[str, Any]:
    release: dict[str, Any] = {"name": chart.name, "namespace": chart.namespace}
    release["labels"] = {"wave": str(chart.wave)}
    if chart.path:
        release["chart"] = f"git::{chart.repository}.git@{chart.path}?ref={chart.version}"
    else:
        release["chart"] = f"{repositories[chart.repository]}/{chart.chart_name}"
        release["version"] = chart.version
    if not chart.kustomized:
        release["values"] = [f"{chart.name}.yaml"]
    needs = [f"{one.namespace}/{one.name}" for one in before(chart, charts)]
    return release | ({"needs": needs} if needs else {})
