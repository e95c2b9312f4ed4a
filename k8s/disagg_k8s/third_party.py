"""Values of the third-party Helm charts a person installs before the manifests."""

import copy
from typing import Any

from disagg.catalog.kubernetes import CHARTS, Chart
from disagg.config.environment import Environment


def chart_values(environment: Environment) -> dict[str, dict[str, Any]]:
    """Return the values of every pinned chart, by release name.

    Example: A controller's pods cannot ask the instance metadata service (its hop limit is 1), so
        cluster, region and VPC are told: the VPC by its tag, since its id is known to
        CloudFormation only.
    """
    known = {
        "clusterName": environment.cluster_name,
        "region": environment.aws.region,
        "vpcTags": {"disagg:environment": environment.name},
    }
    return {name: _values(chart, known) for name, chart in CHARTS.items()}


def _values(chart: Chart, known: dict[str, Any]) -> dict[str, Any]:
    values = copy.deepcopy(dict(chart.values))
    return values | {name: known[name] for name in chart.environment_values}
