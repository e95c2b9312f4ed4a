"""EKS Kubernetes versions, and the add-ons pinned for each. Helm charts are in `charts.py`."""

from dataclasses import dataclass

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
