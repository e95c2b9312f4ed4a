"""Images that third-party charts run, and the values that say where they come from.

Of each chart those that run with the values of `charts.py`; what is switched off is left out. Tags
are written even where they are the chart's default: what is copied is then what runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from disagg.catalog.karpenter import KARPENTER_VERSION
from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartImage:
    """One image of a chart."""

    image: str
    """Where it is published, with its tag."""
    at: str = "image"
    """Dotted path of the values `repository` and `tag`."""
    split: bool = False
    """Whether the host is a value of its own, `registry`."""


def _prometheus(*rows: tuple[str, str]) -> tuple[ChartImage, ...]:
    return tuple(ChartImage(at=at, image=image, split=True) for at, image in rows)


_AWS = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks"
"""AWS's own registry: reachable inside the region it names only."""

CHART_IMAGES: Mapping[str, tuple[ChartImage, ...]] = {
    "hyperpod-helm-chart": (
        ChartImage(
            at="nvidia-device-plugin.image", image="nvcr.io/nvidia/k8s-device-plugin:v0.16.1"
        ),
        ChartImage(
            at="aws-efa-k8s-device-plugin.image", image=f"{_AWS}/aws-efa-k8s-device-plugin:v0.5.20"
        ),
    ),
    "aws-load-balancer-controller": (
        ChartImage(image="public.ecr.aws/eks/aws-load-balancer-controller:v3.5.0"),
    ),
    "karpenter": (
        ChartImage(
            at="controller.image", image=f"public.ecr.aws/karpenter/controller:{KARPENTER_VERSION}"
        ),
    ),
    "lws": (ChartImage(at="image.manager", image="registry.k8s.io/lws/lws:v0.10.0"),),
    "keda": _prometheus(
        ("image.keda", "ghcr.io/kedacore/keda:2.20.2"),
        ("image.metricsApiServer", "ghcr.io/kedacore/keda-metrics-apiserver:2.20.2"),
        ("image.webhooks", "ghcr.io/kedacore/keda-admission-webhooks:2.20.2"),
    ),
    "kube-prometheus-stack": _prometheus(
        ("prometheusOperator.image", "quay.io/prometheus-operator/prometheus-operator:v0.93.1"),
        (
            "prometheusOperator.prometheusConfigReloader.image",
            "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
        ),
        (
            "prometheusOperator.admissionWebhooks.patch.image",
            "ghcr.io/jkroepke/kube-webhook-certgen:1.8.7",
        ),
        ("prometheus.prometheusSpec.image", "quay.io/prometheus/prometheus:v3.14.0-distroless"),
        (
            "kube-state-metrics.image",
            "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0",
        ),
        ("prometheus-node-exporter.image", "quay.io/prometheus/node-exporter:v1.12.1"),
    ),
    "nvidia-device-plugin": (ChartImage(image="nvcr.io/nvidia/k8s-device-plugin:v0.20.0"),),
    "aws-efa-k8s-device-plugin": (ChartImage(image=f"{_AWS}/aws-efa-k8s-device-plugin:v0.5.20"),),
    "dra-driver-nvidia-gpu": (
        ChartImage(image="registry.k8s.io/dra-driver-nvidia/dra-driver-nvidia-gpu:v0.4.1"),
    ),
    "aws-dranet": (ChartImage(image=f"{_AWS}/dranet:v1.2.0-eksbuild.2"),),
    "dcgm-exporter": (ChartImage(image="nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"),),
}
"""Images by chart, the same charts as `charts.py`. HyperPod's health agent is not among them: its
chart takes it from AWS's registry of the region."""

CHART_IMAGES_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "values.yaml and appVersion of each chart at the revision charts.py names; of"
        " kube-state-metrics 8.4.0 and prometheus-node-exporter 4.56.1 for the two subcharts;"
        " aws/sagemaker-hyperpod-cli Chart.yaml for HyperPod's two"
    ),
    date="2026-11-28",
)
