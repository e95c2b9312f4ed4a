"""Which charts an environment installs, in which order."""

from disagg.catalog.chart import Chart, Exposure, Option
from disagg.catalog.charts import charts_for
from disagg.config.environment import Environment
from disagg.planner.karpenter import by_karpenter
from disagg.planner.weights import file_system_of


def exposure_of(environment: Environment) -> Exposure:
    """Return how nodes give GPUs and EFA devices to pods.

    The one place that decides it for charts.
    """
    return environment.capacity.device_exposure


def installed(environment: Environment) -> tuple[Chart, ...]:
    """Return the charts of an environment, in the order of installation.

    A cluster of others has a load balancer controller of its own: no role is made for ours.
    """
    add_ons = environment.add_ons
    switches: dict[Option, bool] = {
        "monitoring": add_ons.monitoring,
        "keda": add_ons.keda,
        "leader_worker_set": add_ons.leader_worker_set,
        "karpenter": by_karpenter(environment),
        "file_system": file_system_of(environment) is not None,
    }
    options = frozenset(name for name, on in switches.items() if on)
    charts = charts_for(
        environment.cluster.platform,
        exposure_of(environment),
        options,
        environment.serving.gateway.kind,
    )
    theirs = environment.cluster.existing is not None
    return tuple(one for one in charts if not (theirs and one.acts_in_aws))


def before(chart: Chart, charts: tuple[Chart, ...]) -> tuple[Chart, ...]:
    """Return the charts of the last wave before a chart's own: what it waits for.

    Example:
        >>> plugins = charts_for("eks", "device_plugin")
        >>> [one.name for one in before(plugins[-1], plugins)]
        ['aws-load-balancer-controller']
    """
    earlier = [one.wave for one in charts if one.wave < chart.wave]
    return tuple(one for one in charts if earlier and one.wave == max(earlier))
