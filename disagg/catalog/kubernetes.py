"""EKS Kubernetes versions, the add-ons pinned for each, and the Helm charts installed by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class AddOn:
    """One EKS managed add-on at one version."""

    name: str
    """Name the EKS API knows it by."""
    version: str
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class KubernetesVersion:
    """One Kubernetes minor version of EKS."""

    name: str
    add_ons: tuple[AddOn, ...]
    standard_support_ends: str
    """ISO date from which the control plane costs six times as much (extended support)."""
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One third-party Helm chart, pinned; installed before the manifests are applied."""

    name: str
    """Name of the chart, and of the release."""
    repository: str
    version: str
    app_version: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    environment_values: tuple[str, ...] = ()
    """Values only the environment knows, to be given as well."""
    why: str
    source: Source


def _quoted(date: str) -> Source:
    # Why: AWS publishes these only through the API; no account was at hand to ask it.
    return Source(
        kind=Kind.PUBLISHED,
        reference=(
            "output of `aws eks describe-addon-versions` as several public repositories quote it;"
            " third party: check with that command before the first deploy"
        ),
        date=date,
    )


def _add_ons(date: str, **versions: str) -> tuple[AddOn, ...]:
    source = _quoted(date)
    return tuple(
        AddOn(name=name.replace("_", "-"), version=version, source=source)
        for name, version in versions.items()
    )


_SUPPORT_SOURCE = Source(
    kind=Kind.ASSUMED,
    reference=(
        "EKS user guide, Kubernetes versions: 14 months of standard support from the release on"
        " EKS (1.33 2025-05-29, 1.34 2025-10-02, 1.35 2026-01-27); the console is quoted with"
        " 2026-12-02 for 1.34, the other two dates are to be checked"
    ),
    date="2026-11-23",
)

_VERSIONS = (
    KubernetesVersion(
        name="1.33",
        add_ons=_add_ons(
            "2026-07-15",
            vpc_cni="v1.22.4-eksbuild.3",
            kube_proxy="v1.33.10-eksbuild.18",
            coredns="v1.12.4-eksbuild.18",
            eks_pod_identity_agent="v1.3.10-eksbuild.3",
        ),
        standard_support_ends="2026-07-29",
        source=_SUPPORT_SOURCE,
    ),
    KubernetesVersion(
        name="1.34",
        add_ons=_add_ons(
            "2026-07-15",
            vpc_cni="v1.22.4-eksbuild.3",
            kube_proxy="v1.34.6-eksbuild.18",
            coredns="v1.12.4-eksbuild.18",
            eks_pod_identity_agent="v1.3.10-eksbuild.3",
        ),
        standard_support_ends="2026-12-02",
        source=_SUPPORT_SOURCE,
    ),
    KubernetesVersion(
        name="1.35",
        add_ons=_add_ons(
            "2026-09-20",
            vpc_cni="v1.22.4-eksbuild.3",
            kube_proxy="v1.35.3-eksbuild.29",
            coredns="v1.13.2-eksbuild.31",
            eks_pod_identity_agent="v1.3.10-eksbuild.3",
        ),
        standard_support_ends="2027-03-27",
        source=_SUPPORT_SOURCE,
    ),
)

KUBERNETES_VERSIONS: dict[str, KubernetesVersion] = {row.name: row for row in _VERSIONS}
"""Kubernetes versions an environment may name: what EKS and SageMaker HyperPod both take."""
DEFAULT_KUBERNETES_VERSION = "1.34"

MINIMUM_VPC_CNI = "1.18.5"
"""First VPC CNI that leaves `efa-only` interfaces alone. Source: EKS user guide, node-efa."""

_CHARTS = (
    Chart(
        name="nvidia-device-plugin",
        repository="https://nvidia.github.io/k8s-device-plugin",
        version="0.20.0",
        app_version="0.20.0",
        namespace="kube-system",
        values={
            "mofedEnabled": False,
            "gdrcopyEnabled": False,
            # Why: the default affinity waits for labels of node-feature-discovery.
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "node.kubernetes.io/instance-type",
                                        "operator": "In",
                                        "values": sorted(INSTANCE_TYPES),
                                    }
                                ]
                            }
                        ]
                    }
                }
            },
        },
        why=(
            "Advertises nvidia.com/gpu. 0.19.0 to 0.19.2 mount every /dev/infiniband/uverbs* into"
            " GPU pods, which defeats the EFA plugin; reverted in 0.19.3 and said explicitly here."
        ),
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "NVIDIA/k8s-device-plugin@1b826acc6 deployments/helm/nvidia-device-plugin and"
                " CHANGELOG.md (#1837)"
            ),
            date="2026-08-19",
        ),
    ),
    Chart(
        name="aws-efa-k8s-device-plugin",
        repository="https://aws.github.io/eks-charts",
        version="v0.5.30",
        app_version="v0.5.20",
        namespace="kube-system",
        values={
            "tolerations": [
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            ],
        },
        why=(
            "Advertises vpc.amazonaws.com/efa and mounts exactly the devices a pod asked for. It"
            " tolerates no taint by itself, so it would not start on tainted GPU nodes."
        ),
        source=Source(
            kind=Kind.PUBLISHED,
            reference="aws/eks-charts@5239609 stable/aws-efa-k8s-device-plugin",
            date="2026-08-03",
        ),
    ),
    Chart(
        name="aws-load-balancer-controller",
        repository="https://aws.github.io/eks-charts",
        version="3.5.0",
        app_version="v3.5.0",
        namespace="kube-system",
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
        environment_values=("clusterName", "region", "vpcTags"),
        why=(
            "Makes the internal network load balancer of the router's Service. Shield, WAF and the"
            " Gateway API are off because their IAM actions and CRDs are not granted or installed;"
            " region and VPC are given because pods cannot reach the instance metadata service."
        ),
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "kubernetes-sigs/aws-load-balancer-controller v3.5.0"
                " helm/aws-load-balancer-controller/values.yaml"
            ),
            date="2026-08-03",
        ),
    ),
)

CHARTS: dict[str, Chart] = {row.name: row for row in _CHARTS}
"""Charts a person installs once in a cluster before applying the manifests, in this order."""
