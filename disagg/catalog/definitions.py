"""CustomResourceDefinitions of other projects: which Go module ships each, at which version.

Nothing of them is kept here: `make kube` reads them out of the modules (design law 9).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinitionModule:
    """One Go module that ships CustomResourceDefinitions."""

    path: str
    version: str
    checksum: str
    """What `go mod download` must say of its zip (`h1:...`): the pin."""
    files: Mapping[str, str]
    """File in the module that holds the definition, by `Kind.group`."""
    source: Source


def _each(pattern: str, group: str, **plurals: str) -> dict[str, str]:
    """Return `Kind.group: file` for kinds whose files are named alike."""
    return {
        f"{kind}.{group}": pattern.format(group=group, plural=plural)
        for kind, plural in plurals.items()
    }


def _read(date: str) -> Source:
    return Source(
        kind=Kind.PUBLISHED,
        reference="the module's own files; accepted by a Kubernetes 1.34.4 API server",
        date=date,
    )


_CRD_BASES = "config/crd/bases/{group}_{plural}.yaml"

DEFINITION_MODULES = (
    DefinitionModule(
        path="sigs.k8s.io/gateway-api",
        version="v1.5.1",
        checksum="h1:RqVRIlkhLhUO8wOHKTLnTJA6o/1un4po4/6M1nRzdd0=",
        files=_each(
            "config/crd/standard/{group}_{plural}.yaml",
            "gateway.networking.k8s.io",
            BackendTLSPolicy="backendtlspolicies",
            Gateway="gateways",
            GatewayClass="gatewayclasses",
            HTTPRoute="httproutes",
            ReferenceGrant="referencegrants",
        ),
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="sigs.k8s.io/gateway-api-inference-extension",
        version="v1.5.0",
        checksum="h1:w9Awt60cmI1vM7Y6N81h8wDCBP0WkmxpdI7GKY0v070=",
        files={
            **_each(_CRD_BASES, "inference.networking.k8s.io", InferencePool="inferencepools"),
            **_each(
                _CRD_BASES,
                "inference.networking.x-k8s.io",
                InferenceModelRewrite="inferencemodelrewrites",
                InferenceObjective="inferenceobjectives",
            ),
        },
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="sigs.k8s.io/lws",
        version="v0.9.0",
        checksum="h1:DcJCgxjjoGOx//QHZkeKpyiblxYq70aCRZNYSfykWyI=",
        files={
            **_each(_CRD_BASES, "leaderworkerset.x-k8s.io", LeaderWorkerSet="leaderworkersets"),
            **_each(_CRD_BASES, "disaggregatedset.x-k8s.io", DisaggregatedSet="disaggregatedsets"),
        },
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="github.com/kedacore/keda/v2",
        version="v2.21.0",
        checksum="h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        files=_each(
            _CRD_BASES,
            "keda.sh",
            ClusterTriggerAuthentication="clustertriggerauthentications",
            ScaledObject="scaledobjects",
            TriggerAuthentication="triggerauthentications",
        ),
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="github.com/aws/karpenter-provider-aws",
        version="v1.14.0",
        checksum="h1:QVQ947vQKzxM87aDbpZBtUnlVRVcU75c/RMlgVyX7nc=",
        files={
            **_each("pkg/apis/crds/{group}_{plural}.yaml", "karpenter.sh", NodePool="nodepools"),
            **_each(
                "pkg/apis/crds/{group}_{plural}.yaml",
                "karpenter.k8s.aws",
                EC2NodeClass="ec2nodeclasses",
            ),
        },
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="istio.io/api",
        version="v1.31.4",
        checksum="h1:AcnncYrlDj1PJkym7h88Gggkef4MAra8QpGaXRMsr+E=",
        files=dict.fromkeys(
            (
                "AuthorizationPolicy.security.istio.io",
                "DestinationRule.networking.istio.io",
                "EnvoyFilter.networking.istio.io",
                "PeerAuthentication.security.istio.io",
                "RequestAuthentication.security.istio.io",
                "Telemetry.telemetry.istio.io",
            ),
            "kubernetes/customresourcedefinitions.gen.yaml",
        ),
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="github.com/agentgateway/agentgateway",
        version="v1.4.1",
        checksum="h1:1W5YhPZa4V3YA9GUiwlSqp1j+O7QrDfs8IEERErafHs=",
        files=_each(
            "controller/install/helm/agentgateway-crds/templates/{group}_{plural}.yaml",
            "agentgateway.dev",
            AgentgatewayParameters="agentgatewayparameters",
            AgentgatewayPolicy="agentgatewaypolicies",
        ),
        source=_read("2026-11-28"),
    ),
    DefinitionModule(
        path="github.com/prometheus-operator/prometheus-operator",
        version="v0.85.0",
        checksum="h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        files=_each(
            "example/prometheus-operator-crd/{group}_{plural}.yaml",
            "monitoring.coreos.com",
            PodMonitor="podmonitors",
            PrometheusRule="prometheusrules",
            ServiceMonitor="servicemonitors",
        ),
        source=_read("2026-11-27"),
    ),
    DefinitionModule(
        path="github.com/argoproj/argo-cd/v3",
        version="v3.5.7",
        checksum="h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
        files={
            "AppProject.argoproj.io": "manifests/crds/appproject-crd.yaml",
            "Application.argoproj.io": "manifests/crds/application-crd.yaml",
        },
        source=_read("2026-11-27"),
    ),
)
"""Modules whose kinds the manifests may use. The newest the Go module proxy serves whole: of lws
v0.10.0 it has no zip, of prometheus-operator nothing newer than v0.85.0."""

MODULE_OF: dict[str, DefinitionModule] = {
    name: module for module in DEFINITION_MODULES for name in module.files
}
"""The module of each kind, by `Kind.group`."""
