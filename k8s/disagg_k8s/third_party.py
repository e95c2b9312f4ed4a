"""Third-party Helm charts of an environment: values, and a helmfile that installs them."""

import copy
from collections.abc import Sequence
from typing import Any

from disagg.catalog.chart import Chart
from disagg.config.environment import Environment
from disagg.planner.add_ons import before, installed
from disagg.planner.images import chart_values as image_values
from disagg.planner.karpenter import queue_name

_READY_SECONDS = 600
_OCI = "oci://"
VENDORED = "vendored"
"""Folder beside the helmfile that charts are unpacked into where no repository is reached."""


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
    return {
        one.name: merged(_values(one, known), image_values(environment, one.name))
        for one in installed(environment)
    }


def _values(chart: Chart, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    values = copy.deepcopy(dict(chart.values))
    for name in chart.environment_values:
        for key, value in known[name].items():
            both = isinstance(value, dict) and key in values
            values[key] = {**values[key], **value} if both else value
    return values


def merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return two mappings as one, the second's values last, as helm merges values files.

    Example:
        >>> merged({"image": {"tag": "1", "pull": "x"}}, {"image": {"tag": "2"}})
        {'image': {'tag': '2', 'pull': 'x'}}
    """
    both = dict(values)
    for key, value in more.items():
        deep = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if deep else value
    return both


def helmfile(environment: Environment) -> dict[str, Any]:
    """Return a helmfile that installs every chart with its values file, wave after wave.

    A release waits until those of the wave before it are ready. Its label `wave` selects a wave.
    """
    charts = installed(environment)
    repositories = {} if environment.closed else _repositories(charts)
    defaults = {"wait": True, "timeout": _READY_SECONDS, "createNamespace": True}
    if environment.closed:
        # Why: helm would ask the repositories of its dependencies, which are in the folder already.
        defaults["skipDeps"] = True
    listed = [
        {"name": name, "url": url.removeprefix(_OCI)} | ({"oci": True} if _OCI in url else {})
        for url, name in repositories.items()
    ]
    return {
        "helmDefaults": defaults,
        **({"repositories": listed} if listed else {}),
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
    if not repositories:
        release["chart"] = f"./{VENDORED}/{chart.name}"
    elif chart.path:
        release["chart"] = f"git::{chart.repository}.git@{chart.path}?ref={chart.version}"
    else:
        release["chart"] = f"{repositories[chart.repository]}/{chart.chart_name}"
        release["version"] = chart.version
    if not chart.kustomized:
        release["values"] = [f"{chart.name}.yaml"]
    needs = [f"{one.namespace}/{one.name}" for one in before(chart, charts)]
    return release | ({"needs": needs} if needs else {})
