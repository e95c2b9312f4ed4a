"""What a row of `charts.py` says: a Helm chart, where it is installed, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from disagg.catalog.gateways import GatewayKind
from disagg.catalog.source import Source

Platform = Literal["eks", "hyperpod"]
Exposure = Literal["device_plugin", "dra"]
Option = Literal["monitoring", "keda", "leader_worker_set", "karpenter", "file_system"]
"""What an environment may want besides: a switch of `add_ons`, how its nodes are made, or where its
weights lie."""
SWITCHES: Mapping[Option, str] = {
    "monitoring": "add_ons.monitoring",
    "keda": "add_ons.keda",
    "leader_worker_set": "add_ons.leader_worker_set",
    "karpenter": "capacity.provisioner: karpenter",
    "file_system": "serving.weights.kind: fsx",
}
"""The key of the file that asks for an option."""

WAVES = (
    "HyperPod packages",
    "controllers and custom kinds",
    "devices of nodes, and what uses custom kinds",
    "the environment's manifests",
)
"""What is installed together, one wave after the other; its place in this tuple is its number."""
ARGOCD = "argocd"
"""Namespace in which Applications are read: that of an Argo CD of one's own, and of AWS's here."""
IN_CLUSTER = "in-cluster"
"""Name Argo CD has for the cluster it manages. One of your own knows it; AWS's is told. Source: EKS
user guide "argocd-register-clusters", 2026-11."""
HYPERPOD_WAVE, CONTROLLER_WAVE, DEVICE_WAVE, ENVIRONMENT_WAVE = range(len(WAVES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One chart, pinned; one release of it is installed before the manifests are applied."""

    name: str
    """Name of the release."""
    chart: str = ""
    """Name of the chart; empty: that of the release."""
    repository: str
    """`https://` index of charts, `oci://` registry without the chart's name, or Git repository
    when `path` is given."""
    path: str = ""
    """Directory of the chart in a Git repository; empty: it is published."""
    kustomized: bool = False
    """Whether that directory is a kustomization in place of a chart; it takes no values."""
    version: str
    """Of the chart; a commit for a chart in Git."""
    app_version: str
    namespace: str
    wave: int
    """Place in `WAVES`."""
    platforms: tuple[Platform, ...] = ("eks", "hyperpod")
    exposures: tuple[Exposure, ...] = ("device_plugin", "dra")
    """How nodes give GPUs and EFA devices to pods where it is installed."""
    option: Option | None = None
    """Installed when the file asks for it (`SWITCHES`). None: always, on its platforms."""
    gateways: tuple[GatewayKind, ...] = ()
    """Kinds of `serving.gateway` it is installed for; empty: for every one."""
    brings: tuple[str, ...] = ()
    """Custom kinds others may use once it is installed, as `Kind.group`."""
    contains: tuple[str, ...] = ()
    """Charts of this table that it installs copies of."""
    uses: tuple[str, ...] = ()
    """Custom kinds among its own objects that another chart brings."""
    values: Mapping[str, Any] = field(default_factory=dict)
    made_anew: tuple[Mapping[str, Any], ...] = ()
    """What differs at each rendering, in Argo CD's words (`ignoreDifferences`)."""
    renders_alike: bool = True
    """False: equal values give different objects, so Argo CD does not put it right by itself."""
    acts_in_aws: bool = False
    """By a role that the Cluster stack binds to it; so not installed in a cluster of others."""
    environment_values: tuple[str, ...] = ()
    """Values only the environment knows, to be given as well."""
    why: str
    source: Source

    @property
    def chart_name(self) -> str:
        """Name of the chart in its repository."""
        return self.chart or self.name
