"""What runs in a cluster beside the manifests: daemons on every node, and controllers.

They come with the EKS add-ons of `kubernetes.py` and the Helm charts of `charts.py`. What they ask
for and tolerate decides what is left of a node, and whether its devices are advertised at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from disagg.catalog.charts import CHARTS
from disagg.catalog.resources import EFA, NVIDIA_GPU
from disagg.catalog.source import Kind, Source, published

Toleration = Mapping[str, str]
_EVERYTHING: tuple[Toleration, ...] = ({"operator": "Exists"},)
_CRITICAL: Toleration = {"key": "CriticalAddonsOnly", "operator": "Exists"}
_ON_NODES = "system-node-critical"
_IN_CLUSTER = "system-cluster-critical"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """One workload that an add-on or a chart brings."""

    name: str
    comes_with: str
    """EKS add-on or chart, by its name."""
    replicas: int | None
    """None: one on every node it may run on (a DaemonSet)."""
    cpu_milli: int
    """What one pod requests; 0: nothing."""
    memory_mib: int
    tolerates: tuple[Toleration, ...]
    """Without values of ours."""
    values_add: bool = False
    """Whether tolerations among the chart's values come on top, or replace."""
    advertises: str = ""
    """The device it makes the node offer; without it the node offers none."""
    priority_class: str
    source: Source


_EKS_CHARTS = "aws/eks-charts@5239609 stable/"

_AGENTS = (
    Agent(
        name="aws-node",
        comes_with="vpc-cni",
        replicas=None,
        cpu_milli=25,
        memory_mib=0,
        tolerates=_EVERYTHING,
        priority_class=_ON_NODES,
        source=published(f"{_EKS_CHARTS}aws-vpc-cni/values.yaml (v1.22.4)", "2026-08-03"),
    ),
    Agent(
        name="kube-proxy",
        comes_with="kube-proxy",
        replicas=None,
        cpu_milli=100,
        memory_mib=0,
        tolerates=_EVERYTHING,
        priority_class=_ON_NODES,
        source=Source(
            kind=Kind.ASSUMED,
            reference="the DaemonSet of EKS as public clusters show it: 100m, tolerates everything",
            date="2026-11-27",
        ),
    ),
    Agent(
        name="eks-pod-identity-agent",
        comes_with="eks-pod-identity-agent",
        replicas=None,
        cpu_milli=0,
        memory_mib=0,
        tolerates=_EVERYTHING,
        priority_class=_ON_NODES,
        source=published(
            "aws/eks-pod-identity-agent@00bc058 charts/eks-pod-identity-agent/values.yaml",
            "2026-11-27",
        ),
    ),
    Agent(
        name="coredns",
        comes_with="coredns",
        replicas=2,
        cpu_milli=100,
        memory_mib=70,
        tolerates=(
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
            _CRITICAL,
        ),
        priority_class=_IN_CLUSTER,
        source=Source(
            kind=Kind.ASSUMED,
            reference="the Deployment of EKS as public clusters show it: 2 x 100m and 70Mi",
            date="2026-11-27",
        ),
    ),
    Agent(
        name="nvidia-device-plugin",
        comes_with="nvidia-device-plugin",
        replicas=None,
        cpu_milli=0,
        memory_mib=0,
        tolerates=(
            _CRITICAL,
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ),
        advertises=NVIDIA_GPU,
        priority_class=_ON_NODES,
        source=published(
            "NVIDIA/k8s-device-plugin@00f2a02 deployments/helm/nvidia-device-plugin/values.yaml",
            "2026-11-27",
        ),
    ),
    Agent(
        name="aws-efa-k8s-device-plugin",
        comes_with="aws-efa-k8s-device-plugin",
        replicas=None,
        cpu_milli=10,
        memory_mib=20,
        tolerates=(_CRITICAL,),
        values_add=True,
        advertises=EFA,
        priority_class=_ON_NODES,
        source=published(
            f"{_EKS_CHARTS}aws-efa-k8s-device-plugin, templates/daemonset.yaml; its list of"
            " instance types holds every type of the catalogue",
            "2026-08-03",
        ),
    ),
    Agent(
        name="aws-load-balancer-controller",
        comes_with="aws-load-balancer-controller",
        replicas=2,
        cpu_milli=0,
        memory_mib=0,
        tolerates=(),
        priority_class=_IN_CLUSTER,
        source=published(
            f"{_EKS_CHARTS}aws-load-balancer-controller/values.yaml (v3.5.0)", "2026-08-03"
        ),
    ),
    Agent(
        name="karpenter",
        comes_with="karpenter",
        replicas=2,
        cpu_milli=1_000,
        memory_mib=1_024,
        tolerates=(_CRITICAL,),
        priority_class=_IN_CLUSTER,
        source=published(
            "aws/karpenter-provider-aws@1d927085d charts/karpenter/values.yaml; it asks for what"
            " charts.py gives it",
            "2026-08-21",
        ),
    ),
    *(
        Agent(
            name=name,
            comes_with="keda",
            replicas=1,
            cpu_milli=100,
            memory_mib=100,
            tolerates=(),
            priority_class="",
            source=published("kedacore/charts@1444d00 keda/values.yaml", "2026-08-13"),
        )
        for name in ("keda-operator", "keda-metrics-apiserver", "keda-admission-webhooks")
    ),
    Agent(
        name="lws-controller-manager",
        comes_with="lws",
        replicas=1,
        cpu_milli=1_000,
        memory_mib=1_024,
        tolerates=(),
        priority_class="",
        source=published("kubernetes-sigs/lws@060ab4d charts/lws/values.yaml", "2026-08-21"),
    ),
    *(
        Agent(
            name=name,
            comes_with="kube-prometheus-stack",
            replicas=replicas,
            cpu_milli=cpu,
            memory_mib=memory,
            tolerates=tolerates,
            priority_class="",
            source=published(
                "prometheus-community/helm-charts@cf408a290 kube-prometheus-stack and its"
                " subcharts, values.yaml; Prometheus asks for what charts.py gives it",
                "2026-08-22",
            ),
        )
        for name, replicas, cpu, memory, tolerates in (
            ("prometheus", 1, 500, 2_048, ()),
            ("prometheus-operator", 1, 0, 0, ()),
            ("kube-state-metrics", 1, 0, 0, ()),
            ("node-exporter", None, 0, 0, ({"operator": "Exists", "effect": "NoSchedule"},)),
        )
    ),
    Agent(
        name="istiod",
        comes_with="istiod",
        replicas=1,
        cpu_milli=500,
        memory_mib=2_048,
        tolerates=(),
        priority_class="",
        source=published(
            "istio/istio 1.30.3 manifests/charts/istio-control/istio-discovery/values.yaml",
            "2026-07-13",
        ),
    ),
    Agent(
        name="agentgateway",
        comes_with="agentgateway",
        replicas=1,
        cpu_milli=100,
        memory_mib=128,
        tolerates=(),
        priority_class="",
        source=published(
            "agentgateway/agentgateway v1.4.1 controller/install/helm/agentgateway/values.yaml",
            "2026-08-21",
        ),
    ),
    Agent(
        name="dcgm-exporter",
        comes_with="dcgm-exporter",
        replicas=None,
        cpu_milli=100,
        memory_mib=128,
        tolerates=(),
        priority_class=_ON_NODES,
        source=published("NVIDIA/dcgm-exporter@d5e5f51 deployment/values.yaml", "2026-05-12"),
    ),
    Agent(
        name="fsx-csi-node",
        comes_with="aws-fsx-csi-driver",
        replicas=None,
        # Three containers: 10m each, 40 and twice 32 MiB.
        cpu_milli=30,
        memory_mib=104,
        tolerates=_EVERYTHING,
        priority_class=_ON_NODES,
        source=published(
            "kubernetes-sigs/aws-fsx-csi-driver@5b227125 charts/aws-fsx-csi-driver/values.yaml,"
            " templates/node-daemonset.yaml",
            "2026-04-21",
        ),
    ),
)

AGENTS: dict[str, Agent] = {row.name: row for row in _AGENTS}
"""Agents by name. Every add-on that is pinned brings one, and every chart but those of DRA, of
HyperPod and of custom kinds alone."""


def tolerations(agent: Agent) -> tuple[Toleration, ...]:
    """Return what an agent tolerates with the values its chart is installed with."""
    chart = CHARTS.get(agent.comes_with)
    given = tuple(chart.values.get("tolerations", ())) if chart else ()
    if agent.values_add:
        return (*agent.tolerates, *given)
    return given or agent.tolerates
