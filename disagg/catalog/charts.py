"""Helm charts of other projects: which are installed, where, with which values, and why.

One table for helmfile, Argo CD, the plan and docs/add-ons.md. `chart_values.py` says which keys
each chart documents. EKS add-ons are pinned in `kubernetes.py`.
"""

from typing import Any

from disagg.catalog.amis import BOTTLEROCKET, LABEL_NODE_AMI
from disagg.catalog.chart import (
    CONTROLLER_WAVE,
    DEVICE_WAVE,
    HYPERPOD_WAVE,
    Chart,
    Exposure,
    Option,
    Platform,
)
from disagg.catalog.charts_optional import FSX, KEDA, LEADER_WORKER_SET
from disagg.catalog.gateway_charts import (
    AGENTGATEWAY,
    AGENTGATEWAY_CRDS,
    GATEWAY_API,
    INFERENCE_EXTENSION,
    ISTIO_BASE,
    ISTIOD,
)
from disagg.catalog.gateways import GatewayKind
from disagg.catalog.instances import INSTANCE_TYPES, node_type
from disagg.catalog.karpenter import (
    KARPENTER,
    KARPENTER_NAMESPACE,
    KARPENTER_SERVICE_ACCOUNT,
    KARPENTER_VERSION,
)
from disagg.catalog.source import published


def _on_gpu_nodes(
    *more: dict[str, Any], platforms: tuple[Platform, ...] = ("eks",)
) -> dict[str, Any]:
    """Return an affinity to the GPU types; the charts' own wait for node-feature-discovery."""
    term = {
        "key": "node.kubernetes.io/instance-type",
        "operator": "In",
        "values": sorted(node_type(name, one) for name in INSTANCE_TYPES for one in platforms),
    }
    required = {"nodeSelectorTerms": [{"matchExpressions": [term, *more]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


_GPU_TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
_HYPERPOD_TAINT = {
    "key": "sagemaker.amazonaws.com/node-health-status",
    "operator": "Equal",
    "value": "Unschedulable",
    "effect": "NoSchedule",
}
_OFF = {"enabled": False}
_EKS_CHARTS = "https://aws.github.io/eks-charts"
_MONITORING = "monitoring.coreos.com"

HYPERPOD = Chart(
    name="hyperpod-helm-chart",
    repository="https://github.com/aws/sagemaker-hyperpod-cli",
    path="helm_chart/HyperPodHelmChart",
    version="011ca927123e02b35a399935bbb3ab1905fe33c7",
    app_version="1.16.0",
    namespace="kube-system",
    wave=HYPERPOD_WAVE,
    platforms=("hyperpod",),
    exposures=("device_plugin",),
    values={
        "trainingOperators": _OFF,
        "mpi-operator": _OFF,
        "job-auto-restart": _OFF,
        "neuron-device-plugin": {"devicePlugin": _OFF},
        "aws-efa-k8s-device-plugin": {
            "tolerations": [
                {"key": "CriticalAddonsOnly", "operator": "Exists"},
                _HYPERPOD_TAINT,
                _GPU_TAINT,
            ]
        },
    },
    environment_values=("global",),
    contains=("nvidia-device-plugin", "aws-efa-k8s-device-plugin"),
    # Why: charts/ holds health-monitoring-agent as a directory and as an older archive, and helm
    # takes either: 30 renderings gave 5 different outputs. Source: helm 4.3.1, 2026-11-25.
    renders_alike=False,
    why=(
        "SageMaker asks for it before a HyperPod cluster is created: health monitoring, deep health"
        " checks, and its own copies of both device plugins for ml. types. Training operators, MPI,"
        " Neuron and job restarts are off: nothing here trains. It is published in Git only."
    ),
    source=published(
        "aws/sagemaker-hyperpod-cli@011ca92 helm_chart/HyperPodHelmChart", "2026-06-22"
    ),
)

_LOAD_BALANCER = Chart(
    name="aws-load-balancer-controller",
    repository=_EKS_CHARTS,
    version="3.5.0",
    app_version="v3.5.0",
    namespace="kube-system",
    wave=CONTROLLER_WAVE,
    values={
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "enableServiceMutatorWebhook": False,
        "createIngressClassResource": False,
        "ingressClassParams": {"create": False},
        "defaultTargetType": "ip",
        "defaultLoadBalancerScheme": "internal",
        "serviceAccount": {"create": True, "name": "aws-load-balancer-controller"},
        "controllerConfig": {
            "featureGates": {
                "NLBGatewayAPI": False,
                "ALBGatewayAPI": False,
                "GatewayListenerSet": False,
            }
        },
    },
    acts_in_aws=True,
    environment_values=("clusterName", "region", "vpc"),
    # Why: each rendering makes a certificate; Argo CD would replace it, and restart the controller,
    # for ever. Helm keeps the one it installed until an upgrade.
    made_anew=(
        {"group": "", "kind": "Secret", "name": "aws-load-balancer-tls", "jsonPointers": ["/data"]},
        *(
            {
                "group": "admissionregistration.k8s.io",
                "kind": f"{kind}WebhookConfiguration",
                "name": "aws-load-balancer-webhook",
                "jqPathExpressions": [".webhooks[].clientConfig.caBundle"],
            }
            for kind in ("Mutating", "Validating")
        ),
    ),
    why=(
        "Makes the internal network load balancer of the router's Service. Shield, WAF and its own"
        " Gateway API are off because their IAM actions are not granted;"
        " region and VPC are given because pods cannot reach the instance metadata service."
    ),
    source=published(
        "kubernetes-sigs/aws-load-balancer-controller v3.5.0"
        " helm/aws-load-balancer-controller/values.yaml, docs/deploy/installation.md (Argo CD)",
        "2026-08-03",
    ),
)

_KARPENTER = Chart(
    name=KARPENTER,
    repository="oci://public.ecr.aws/karpenter",
    version=KARPENTER_VERSION,
    app_version=KARPENTER_VERSION,
    namespace=KARPENTER_NAMESPACE,
    wave=CONTROLLER_WAVE,
    platforms=("eks",),
    option="karpenter",
    brings=("EC2NodeClass.karpenter.k8s.aws", "NodePool.karpenter.sh"),
    values={
        "serviceAccount": {"create": True, "name": KARPENTER_SERVICE_ACCOUNT},
        "controller": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        "settings": {
            "eksControlPlane": True,
            "featureGates": {"staticCapacity": True, "reservedCapacity": True},
        },
    },
    acts_in_aws=True,
    environment_values=("karpenter",),
    why=(
        "Makes and ends the GPU nodes of static node pools. Static capacity is alpha and off by"
        " default. Its two pods stand on the system nodes, never on nodes it makes."
    ),
    source=published(
        "aws/karpenter-provider-aws@1d927085d charts/karpenter/values.yaml, website"
        " reference/settings.md and getting started (requests)",
        "2026-08-21",
    ),
)

_PROMETHEUS = Chart(
    name="kube-prometheus-stack",
    repository="https://prometheus-community.github.io/helm-charts",
    version="88.5.3",
    app_version="v0.93.1",
    namespace="monitoring",
    wave=CONTROLLER_WAVE,
    option="monitoring",
    brings=tuple(
        f"{kind}.{_MONITORING}" for kind in ("PodMonitor", "PrometheusRule", "ServiceMonitor")
    ),
    values={
        # Why: nobody is told yet, and the chart's Grafana makes a password at each rendering.
        "alertmanager": _OFF,
        "grafana": _OFF,
        # Why: EKS runs these where nothing can scrape them; kube-proxy answers on loopback only.
        "kubeControllerManager": _OFF,
        "kubeEtcd": _OFF,
        "kubeProxy": _OFF,
        "kubeScheduler": _OFF,
        "prometheus": {
            "prometheusSpec": {
                "podMonitorSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
            }
        },
    },
    why=(
        "The Prometheus operator, a Prometheus that takes every monitor of the cluster, node and"
        " Kubernetes metrics, and rules. Ten days are kept in the pod: they go with it."
    ),
    source=published(
        "prometheus-community/helm-charts@cf408a290 charts/kube-prometheus-stack", "2026-08-22"
    ),
)

_NVIDIA_PLUGIN = Chart(
    name="nvidia-device-plugin",
    repository="https://nvidia.github.io/k8s-device-plugin",
    version="0.20.0",
    app_version="0.20.0",
    namespace="kube-system",
    wave=DEVICE_WAVE,
    platforms=("eks",),
    exposures=("device_plugin",),
    values={
        "mofedEnabled": False,
        "gdrcopyEnabled": False,
        # Why: Bottlerocket runs a device plugin of its own.
        "affinity": _on_gpu_nodes(
            {"key": LABEL_NODE_AMI, "operator": "NotIn", "values": [BOTTLEROCKET]}
        ),
    },
    why=(
        "Advertises nvidia.com/gpu. 0.19.0 to 0.19.2 mount every /dev/infiniband/uverbs* into"
        " GPU pods, which defeats the EFA plugin; reverted in 0.19.3 and said explicitly here."
    ),
    source=published(
        "NVIDIA/k8s-device-plugin@1b826acc6 deployments/helm/nvidia-device-plugin and"
        " CHANGELOG.md (#1837)",
        "2026-08-19",
    ),
)

_EFA_PLUGIN = Chart(
    name="aws-efa-k8s-device-plugin",
    repository=_EKS_CHARTS,
    version="v0.5.30",
    app_version="v0.5.20",
    namespace="kube-system",
    wave=DEVICE_WAVE,
    platforms=("eks",),
    exposures=("device_plugin",),
    values={"tolerations": [_GPU_TAINT]},
    why=(
        "Advertises vpc.amazonaws.com/efa and mounts exactly the devices a pod asked for. It"
        " tolerates no taint by itself, so it would not start on tainted GPU nodes."
    ),
    source=published("aws/eks-charts@5239609 stable/aws-efa-k8s-device-plugin", "2026-08-03"),
)

_NVIDIA_DRA = Chart(
    name="dra-driver-nvidia-gpu",
    repository="oci://registry.k8s.io/dra-driver-nvidia/charts",
    version="0.4.1",
    app_version="0.4.1",
    namespace="dra-driver-nvidia-gpu",
    wave=DEVICE_WAVE,
    platforms=("eks",),
    exposures=("dra",),
    values={
        "gpuResourcesEnabledOverride": True,
        "resources": {"computeDomains": _OFF},
        "kubeletPlugin": {"affinity": _on_gpu_nodes(), "tolerations": [_GPU_TAINT]},
    },
    why=(
        "Offers GPUs as ResourceSlices of the driver gpu.nvidia.com, in place of the device plugin."
        " Compute domains are off: no type here spans NVLink over nodes."
    ),
    source=published(
        "kubernetes-sigs/dra-driver-nvidia-gpu@95932046 site/content/docs/install.md (0.4.1) and"
        " deployments/helm values.yaml (0.5.0-dev)",
        "2026-08-07",
    ),
)

_EFA_DRA = Chart(
    name="aws-dranet",
    repository=_EKS_CHARTS,
    version="1.0.0",
    app_version="v1.2.0-eksbuild.2",
    namespace="kube-system",
    wave=DEVICE_WAVE,
    platforms=("eks",),
    exposures=("dra",),
    values={"tolerations": [_GPU_TAINT]},
    why=(
        "Offers EFA devices as ResourceSlices of the driver dra.net, which a claim can tie to a"
        " GPU's PCIe root. Never beside the EFA plugin: each would hand out the same devices."
    ),
    source=published("aws/eks-charts@5239609 stable/aws-dranet", "2026-08-03"),
)

_DCGM = Chart(
    name="dcgm-exporter",
    repository="https://nvidia.github.io/dcgm-exporter/helm-charts",
    version="4.8.2",
    app_version="4.8.2",
    namespace="monitoring",
    wave=DEVICE_WAVE,
    option="monitoring",
    uses=(f"ServiceMonitor.{_MONITORING}",),
    values={
        "affinity": _on_gpu_nodes(platforms=("eks", "hyperpod")),
        "tolerations": [_GPU_TAINT],
    },
    why=(
        "GPU utilisation, memory, power, clocks and Xid errors of each node, for Prometheus. Its"
        " Service has a ServiceMonitor, so the operator comes first. HyperPod's own add-on for"
        " observability runs the same exporter on the same nodes: of the two, install one."
    ),
    source=published(
        "NVIDIA/dcgm-exporter@d5e5f51 deployment; SageMaker developer guide, HyperPod"
        " observability add-on (dcgm-exporter on HyperPod nodes)",
        "2026-05-12",
    ),
)

_CHARTS = (
    HYPERPOD,
    _LOAD_BALANCER,
    _KARPENTER,
    LEADER_WORKER_SET,
    KEDA,
    _PROMETHEUS,
    GATEWAY_API,
    INFERENCE_EXTENSION,
    ISTIO_BASE,
    AGENTGATEWAY_CRDS,
    _NVIDIA_PLUGIN,
    _EFA_PLUGIN,
    _NVIDIA_DRA,
    _EFA_DRA,
    _DCGM,
    ISTIOD,
    AGENTGATEWAY,
    FSX,
)

CHARTS: dict[str, Chart] = {row.name: row for row in _CHARTS}
"""Every chart, in the order of installation."""


def charts_for(
    platform: Platform,
    exposure: Exposure,
    options: frozenset[Option] = frozenset(),
    gateway: GatewayKind = "standalone",
) -> tuple[Chart, ...]:
    """Return the charts of a cluster in the order of installation.

    Example:
        >>> [one.name for one in charts_for("eks", "dra")]
        ['aws-load-balancer-controller', 'dra-driver-nvidia-gpu', 'aws-dranet']
    """
    return tuple(
        one
        for one in CHARTS.values()
        if platform in one.platforms
        and exposure in one.exposures
        and (one.option is None or one.option in options)
        and (not one.gateways or gateway in one.gateways)
    )
